"""Dockerfiles: read, checked, and cut into stages. Words and escapes are read by e2b-dockerfile-utils."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from e2b_dockerfile_utils import DockerfileInstruction, DockerfileSyntaxError, ShellLex, parse_dockerfile_ast

from .errors import DockerfileError

_FLAGS = {
    "FROM": {"platform"},
    "COPY": {"from", "chown", "chmod", "link"},
    "ADD": {"chown", "chmod", "link"},
    "HEALTHCHECK": {"interval", "timeout", "start-period", "start-interval", "retries"},
    "RUN": {"mount", "network", "security", "device"},
}
_NEEDS_BUILDKIT = {"parents", "exclude", "checksum", "keep-git-dir", "unpack"}
_INSTRUCTIONS = (
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
)
_STAGE_NAME = re.compile(r"[a-z][a-z0-9-_.]*")
_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_NANOSECONDS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_DIRECTIVE = re.compile(r"#\s*(\w+)\s*=\s*(.+?)\s*", re.ASCII)
_FRONTEND = re.compile(r"(docker\.io/)?docker/dockerfile(-upstream)?([:@].*)?")


@dataclass(frozen=True)
class Instruction:
    """One instruction. `args` are words as written; ENV and LABEL give name, value, name, value….

    `exec_form` says that the arguments were a JSON array; `line` is where it starts, counted from 1,
    `last_line` where it ends.
    """

    name: str
    args: tuple[str, ...]
    line: int
    last_line: int
    source: str
    flags: Mapping[str, str] = field(default_factory=dict)
    exec_form: bool = False


@dataclass(frozen=True)
class Stage:
    """`FROM base AS name` and what follows. `base` and `platform` are as written, variables and all."""

    index: int
    name: str | None
    base: str
    platform: str | None
    line: int
    last_line: int
    instructions: tuple[Instruction, ...]

    @property
    def title(self) -> str:
        """Its name, or `stage-2` where it has none."""
        return self.name or f"stage-{self.index}"


@dataclass(frozen=True)
class Dockerfile:
    """A whole Dockerfile. `args` are the ARGs before the first FROM."""

    file: str
    text: str
    escape: str
    args: tuple[Instruction, ...]
    stages: tuple[Stage, ...]

    @classmethod
    def load(cls, path: Path) -> Dockerfile:
        """Read a file. Raises DockerfileError."""
        try:
            text = path.read_text(encoding="utf-8-sig")
        except FileNotFoundError:
            raise DockerfileError(path.name, 1, f"no such file in {path.parent}; name it with dockerfile=") from None
        except IsADirectoryError:
            raise DockerfileError(path.name, 1, f"{path} is a folder; name the Dockerfile in it") from None
        except UnicodeDecodeError as error:
            raise DockerfileError(path.name, 1, f"not UTF-8 text ({error}); save it as UTF-8") from None
        return cls.parse(text, path.name)

    @classmethod
    def parse(cls, text: str, file: str = "Dockerfile") -> Dockerfile:
        """Read and check a Dockerfile's text.

        Everything is checked but what needs a build: names of stages and images, variables, files.
        Raises DockerfileError with file, line and what to do.
        Source: docs.docker.com/reference/dockerfile; the grammar is BuildKit's.
        """
        _check_frontend(text, file)
        try:
            read = parse_dockerfile_ast(text)
        except DockerfileSyntaxError as error:
            raise DockerfileError(file, error.line or 1, _advice(error)) from None
        args: list[Instruction] = []
        stages: list[Stage] = []
        for found in read.instructions:
            instruction = _instruction(found, file)
            if instruction.name == "FROM":
                stages.append(_stage(instruction, len(stages), file))
            elif stages:
                stages[-1] = _with(stages[-1], instruction)
            elif instruction.name == "ARG":
                args.append(instruction)
            else:
                raise DockerfileError(
                    file, instruction.line, f"{instruction.name} comes before any FROM; start with FROM <image>"
                )
        if not stages:
            raise DockerfileError(file, 1, "there is no FROM; start with FROM <image> or FROM scratch")
        return cls(file, text, read.escape_token, tuple(args), tuple(stages))

    def target(self, name: str | None) -> Stage:
        """The stage to build: by name, or the last one. Raises DockerfileError."""
        if name is None:
            return self.stages[-1]
        for stage in reversed(self.stages):
            if stage.name == name.lower():
                return stage
        names = [stage.name for stage in self.stages if stage.name]
        near = get_close_matches(name.lower(), names, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"stages are {', '.join(names) or 'not named here'}"
        raise DockerfileError(self.file, self.stages[-1].line, f"no stage is called {name!r}; {hint}")

    def error(self, at: Instruction | Stage, message: str) -> DockerfileError:
        """An error at an instruction, ready to raise."""
        return DockerfileError(self.file, at.line, message)


class Variables(dict[str, str]):
    """Variables in scope; `undefined` collects the names that were used without being set."""

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        super().__init__(values or {})
        self.undefined: list[str] = []

    def get(self, name: str, default: Any = None) -> Any:
        if name not in self and name not in self.undefined:
            self.undefined.append(name)
        return super().get(name, default)

    def expand(self, word: str, escape: str) -> str:
        """Replace `$x`, `${x:-default}`, `${x:+value}` and the rest, and take quotes off.

        Raises ValueError that says what is wrong with the word.
        """
        return ShellLex(escape, env=self, skip_unset_env=False).process_word(word)

    def words(self, text: str, escape: str) -> list[str]:
        """The same for a text that may hold several words once its variables are replaced."""
        return ShellLex(escape, env=self, skip_unset_env=False).process_words(text)


def healthcheck(instruction: Instruction, file: str) -> dict[str, Any]:
    """A HEALTHCHECK as an image's config holds it; times in nanoseconds. Raises DockerfileError."""

    def error(message: str) -> DockerfileError:
        return DockerfileError(file, instruction.line, message)

    kind, command = instruction.args[0].upper() if instruction.args else "", list(instruction.args[1:])
    if kind == "NONE":
        if command or instruction.flags:
            raise error("HEALTHCHECK NONE takes nothing else; remove what follows it")
        return {"Test": ["NONE"]}
    if kind != "CMD":
        raise error(f"HEALTHCHECK {kind} is unknown; write HEALTHCHECK [options] CMD <command> or HEALTHCHECK NONE")
    if not command:
        raise error('HEALTHCHECK CMD has no command; write one, such as CMD ["curl", "-f", "http://localhost/"]')
    health: dict[str, Any] = {"Test": ["CMD" if instruction.exec_form else "CMD-SHELL", *command]}
    for flag, value in instruction.flags.items():
        key = "".join(part.title() for part in flag.split("-"))
        try:
            number = int(value) if flag == "retries" else duration(value)
        except ValueError as problem:
            raise error(f"--{flag}={value}: {problem}") from None
        if number:
            health[key] = number
    return health


def duration(text: str) -> int:
    """`1m30s` in nanoseconds, as Go writes durations. Raises ValueError."""
    if text == "0":
        return 0
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError("write a time with its unit, such as 30s or 1m30s")
    total = int(sum(float(number) * _NANOSECONDS[unit] for number, unit in parts))
    if 0 < total < _NANOSECONDS["ms"]:
        raise ValueError("a time can't be under 1ms")
    return total


def ports(words: Iterable[str]) -> list[str]:
    """EXPOSE's ports as `8080/tcp`; a range gives each. Raises ValueError."""
    found: list[str] = []
    for word in words:
        published, _, protocol = word.rpartition(":")[2].partition("/")
        protocol = protocol.lower() or "tcp"
        first, _, last = published.partition("-")
        if protocol not in ("tcp", "udp", "sctp") or not first.isdecimal() or not (last or first).isdecimal():
            raise ValueError(f"{word!r} is not a port; write 8080, 53/udp or 8000-8010")
        low, high = int(first), int(last or first)
        if not 0 <= low <= high <= 65535:
            raise ValueError(f"{word!r}: ports go from 0 to 65535, the lower one first")
        found += [f"{port}/{protocol}" for port in range(low, high + 1)]
    return found


def is_signal(text: str) -> bool:
    """Whether STOPSIGNAL may say this: a number, or a name with or without SIG."""
    if text.isdecimal():
        return 0 < int(text) <= 64
    name = text.upper().removeprefix("SIG")
    return bool(re.fullmatch(r"RTM(IN(\+\d+)?|AX(-\d+)?)", name)) or f"SIG{name}" in signal.Signals.__members__


def _instruction(found: DockerfileInstruction, file: str) -> Instruction:
    name, line = found.name, found.start_line

    def error(message: str) -> DockerfileError:
        return DockerfileError(file, line, message)

    if found.heredocs:
        mark = found.heredocs[0].name
        raise error(
            f"{name} <<{mark} is a heredoc, which is not read here; "
            + ("join the commands with &&" if name == "RUN" else f"put the text in a file and {name} it")
        )
    if name == "ONBUILD":
        raise error("ONBUILD is not read here; write the instruction in the Dockerfiles that build on this image")
    args = list(found.args)
    if name in ("ENV", "LABEL"):
        args = [word for i, word in enumerate(args) if i % 3 != 2]
        if any(key == "" for key in args[::2]):
            raise error(f"{name} has a value without a name; write {name} <name>=<value>")
    instruction = Instruction(
        name, tuple(args), line, found.end_line, found.original.strip(), _flags(found, error), found.json
    )
    _check(instruction, error, file)
    return instruction


def _flags(found: DockerfileInstruction, error: Any) -> dict[str, str]:
    flags: dict[str, str] = {}
    for text in found.flags:
        flag, equals, value = text.removeprefix("--").partition("=")
        if flag in _NEEDS_BUILDKIT and found.name in ("ADD", "COPY"):
            raise error(f"{found.name} --{flag} is not known to this builder; name the files to copy without it")
        if flag not in _FLAGS.get(found.name, ()):
            near = get_close_matches(flag, _FLAGS.get(found.name, ()), 1)
            hint = f"did you mean --{near[0]}?" if near else "remove it"
            raise error(f"{found.name} has no option --{flag}; {hint}")
        if found.name == "RUN":
            flags[flag] = f"{flags[flag]},{value}" if flag in flags else value
        elif flag in flags:
            raise error(f"{found.name} --{flag} is given twice; keep one")
        elif flag == "link":
            if value not in ("", "true", "false"):
                raise error(f"--link={value}: write --link, --link=true or --link=false")
            flags[flag] = value or "true"
        elif not equals or not value:
            raise error(f"{found.name} --{flag} has no value; write --{flag}=<value>")
        else:
            flags[flag] = value
    return flags


def _check(instruction: Instruction, error: Any, file: str) -> None:
    name, args = instruction.name, instruction.args
    if name in ("ADD", "COPY"):
        if not instruction.exec_form and any(re.search(r"\s", word) for word in args):
            raise error(f'a path with a space needs the JSON form: {name} ["my file", "/app/"]')
        if len(args) < 2:
            raise error(f"{name} needs a source and a destination; write {name} <source>… <destination>")
    elif name in ("WORKDIR", "USER", "STOPSIGNAL", "MAINTAINER") and len(args) != 1:
        raise error(f"{name} takes one argument; write {name} <value>")
    elif name in ("ENV", "LABEL", "ARG", "EXPOSE", "VOLUME", "RUN") and not args:
        raise error(f"{name} needs an argument")
    elif name == "ARG" and any(word.startswith("=") for word in args):
        raise error("ARG has a value without a name; write ARG <name>=<value>")
    elif name == "SHELL" and (not instruction.exec_form or not args):
        raise error('SHELL takes the JSON form: SHELL ["/bin/bash", "-c"]')
    elif name == "HEALTHCHECK":
        healthcheck(instruction, file)


def _stage(instruction: Instruction, index: int, file: str) -> Stage:
    args, name = instruction.args, None
    if len(args) == 3 and args[1].lower() == "as":
        name = args[2].lower()
        if not _STAGE_NAME.fullmatch(name):
            raise DockerfileError(
                file,
                instruction.line,
                f"{args[2]!r} can't name a stage; start with a letter, then letters, digits, - _ and .",
            )
    elif len(args) != 1:
        raise DockerfileError(file, instruction.line, "write FROM <image> or FROM <image> AS <name>")
    return Stage(index, name, args[0], instruction.flags.get("platform"), instruction.line, instruction.last_line, ())


def _with(stage: Stage, instruction: Instruction) -> Stage:
    return Stage(
        stage.index,
        stage.name,
        stage.base,
        stage.platform,
        stage.line,
        stage.last_line,
        (*stage.instructions, instruction),
    )


def _check_frontend(text: str, file: str) -> None:
    for number, line in enumerate(text.splitlines(), 1):
        directive = _DIRECTIVE.fullmatch(line.strip())
        if directive is None or directive[1].lower() not in ("syntax", "escape", "check"):
            return
        if directive[1].lower() == "syntax" and not _FRONTEND.fullmatch(directive[2]):
            raise DockerfileError(
                file, number, f"# syntax={directive[2]} asks for another language; only docker/dockerfile is read here"
            )


def _advice(error: DockerfileSyntaxError) -> str:
    message = re.sub(r"^Dockerfile parse error( on line \d+)?: ", "", str(error))
    if (unknown := re.fullmatch(r"unknown instruction: (.*)", message)) is not None:
        near = get_close_matches(unknown[1].upper(), _INSTRUCTIONS, 1)
        hint = f"did you mean {near[0]}?" if near else "a line that goes on needs a \\ at the end of the one before"
        return f"{unknown[1]!r} is not an instruction; {hint}"
    return f"{message}; correct the line"
