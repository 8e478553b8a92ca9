"""What a container's command is on this machine: paths of its root, its environment and the program to run."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from drydock.embedded.carriers.runtime.shim import _drydock_rules as rules

if TYPE_CHECKING:
    from drydock.images import ImageConfig

STAND_IN = "dev.drydock.stand-in"  # label of an image whose Python is this machine's
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# What a Debian slim image has beside Python, lent to stand-in images. No curl, no wget, as there.
TOOLS = """
    sh dash bash awk base64 basename cat chmod chown cmp comm cp cut date dd df diff dirname du echo egrep env
    expand expr factor false fgrep find fold grep head hostname id install join kill ln ls md5sum mkdir mkfifo
    mktemp more mv nice nl nohup nproc od paste printenv printf pwd readlink realpath rm rmdir sed seq sha1sum
    sha256sum sha512sum shuf sleep sort split stat stdbuf stty sum sync tac tail tar tee test timeout touch tr
    true truncate tty uname uniq wc who whoami xargs yes
""".split()  # noqa: SIM905
SYSTEM_DIRECTORIES = ("/bin", "/usr/bin")
PATH_NAMES = re.compile(r"(PATH|_HOME|_DIR|_FILE|_ROOT)$")
ABSOLUTE = re.compile(r"(?<![\w./:~-])/[\w.+@-][\w./+@-]*")
ABSOLUTE_VALUE = re.compile(r"(--?[\w-]+=|[A-Za-z_]\w*=)?(/.+)", re.DOTALL)


class NotExecutable(Exception):
    """There is no such program. `code` is what `docker exec` exits with: 127 not found, 126 not executable."""

    def __init__(self, text: str, code: int = 127) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True)
class Command:
    """`executable` run with `argv`; with `python` the words are those of a `python …` command line, to be run
    by the warm interpreter. `any_failure_is_1`: the command ended in `|| exit 1`."""

    argv: tuple[str, ...]
    executable: str
    python: bool = False
    any_failure_is_1: bool = False


class Lent:
    """What this machine lends to stand-in images, in `directory`: a `python` that starts the base interpreter behind
    the start-up shim, and links to `TOOLS`."""

    def __init__(self, directory: Path, interpreter: str) -> None:
        launch = Path(__file__).with_name("shim") / "_drydock_launch.py"
        self.bin = directory / "bin"
        self.bin.mkdir(parents=True, exist_ok=True)
        self.python = directory / "python"
        self.python.write_text(f'#!/bin/sh\nexec "{interpreter}" -S "{launch}" "$@"\n')
        self.python.chmod(0o755)
        for name in TOOLS:
            found = shutil.which(name, path="/usr/bin:/bin:/usr/sbin:/sbin")
            link = self.bin / name
            if found and not link.is_symlink():
                link.symlink_to(found)


class Root:
    """An unpacked image: its paths as the container names them, and where they are on this machine."""

    def __init__(self, rootfs: Path, image: ImageConfig, lent: Lent) -> None:
        self.rootfs, self.image, self.lent = rootfs, image, lent
        self.stand_in = image.labels.get(STAND_IN) == "python"

    def find(self, path: str) -> Path | None:
        """Where the container's absolute `path` is, links followed inside the root; None if it is not there."""
        found = self.resolve(path)
        return found if found.exists() else None

    def resolve(self, path: str) -> Path:
        parts, here, links = list(reversed(PurePosixPath(path).parts)), self.rootfs, 0
        while parts:
            part = parts.pop()
            if part in ("/", "."):
                here = self.rootfs if part == "/" else here
            elif part == "..":
                here = here if here == self.rootfs else here.parent
            elif (here / part).is_symlink() and links < 40:
                links += 1
                parts += reversed(PurePosixPath((here / part).readlink()).parts)
            else:
                here = here / part
        return here

    def directory(self, path: str) -> Path:
        """As `resolve`, and made if it is missing: as an engine makes a working directory."""
        found = self.resolve(path)
        found.mkdir(parents=True, exist_ok=True)
        return found

    def on_machine(self, word: str) -> str:
        """A word of a command line, with an absolute path (or option=path) of the root put where it is."""
        match = ABSOLUTE_VALUE.fullmatch(word)
        if match and match[2].strip("/") and (found := self.find(match[2])):
            return (match[1] or "") + str(found)
        return word

    def script_on_machine(self, text: str) -> str:
        def replace(match: re.Match[str]) -> str:
            found = self.find(match[0])
            return str(found) if found else match[0]

        return ABSOLUTE.sub(replace, text)

    # -- environment

    def environment_on_machine(self, env: Mapping[str, str]) -> dict[str, str]:
        mapped = {
            name: ":".join(map(self.on_machine, value.split(":"))) if PATH_NAMES.search(name) else value
            for name, value in env.items()
        }
        search = [str(found) for entry in env["PATH"].split(":") if entry and (found := self.find(entry))]
        if self.stand_in:
            search.append(str(self.lent.bin))
            mapped["DRYDOCK_PYTHON"] = str(self.lent.python)
            mapped["DRYDOCK_SITE"] = ":".join(
                str(site) for site in sorted(self.rootfs.glob("usr/local/lib/python3*/*-packages"))
            )
        mapped["PATH"] = ":".join(search)
        mapped["HOME"] = str(self.directory(env["HOME"] or "/"))
        return mapped

    # -- programs

    def command(self, argv: Sequence[str], env: Mapping[str, str], cwd: str) -> Command:
        """The program that `argv` names; raises NotExecutable."""
        if not argv or not argv[0]:
            raise NotExecutable("no command specified")
        name, *rest = argv
        if self.stand_in and PurePosixPath(name).name == "sh" and len(rest) == 2 and rest[0] == "-c":
            simple = self._python_in_shell(rest[1], env, cwd)
            if simple is not None:
                return simple
        executable = self._program(name, env, cwd)
        for _ in range(4):
            if self._is_python(executable):
                return Command((name, *map(self.on_machine, rest)), str(executable), python=True)
            interpreter = shebang(executable)
            if interpreter is None:
                break
            program, *options = interpreter
            if PurePosixPath(program).name == "env" and options:
                program, *options = [option for option in options[0].split() if option != "-S"]
            rest = [*options, str(executable), *rest]
            try:
                name, executable = program, self._program(program, env, cwd)
            except NotExecutable:
                raise NotExecutable(f"exec {argv[0]}: no such file or directory") from None
        if PurePosixPath(name).name in ("sh", "dash", "bash") and "-c" in rest:
            script = rest.index("-c") + 1
            rest = [
                self.script_on_machine(word) if i == script else self.on_machine(word) for i, word in enumerate(rest)
            ]
        else:
            rest = [self.on_machine(word) for word in rest]
        return Command((name, *rest), str(executable))

    def _program(self, name: str, env: Mapping[str, str], cwd: str) -> Path:
        places = [f"{entry}/{name}" for entry in env["PATH"].split(":") if entry]
        if "/" in name:
            places = [name if name.startswith("/") else f"{cwd}/{name}"]
        for place in places:
            found = self.find(place)
            if found is None and self.stand_in and str(PurePosixPath(place).parent) in SYSTEM_DIRECTORIES:
                lent = self.lent.bin / PurePosixPath(place).name
                found = lent if lent.exists() else None
            if found is not None and (found.is_file() or "/" in name):
                if found.is_dir() or not os.access(found, os.X_OK):
                    raise NotExecutable(f'exec: "{name}": permission denied', 126)
                return found
        if "/" in name:
            raise NotExecutable(f'exec: "{name}": stat {name}: no such file or directory')
        raise NotExecutable(f'exec: "{name}": executable file not found in $PATH')

    def _is_python(self, executable: Path) -> bool:
        return (
            self.stand_in
            and executable.parent == self.rootfs / "usr/local/bin"
            and re.fullmatch(r"python[\d.]*", executable.name) is not None
        )

    def _python_in_shell(self, text: str, env: Mapping[str, str], cwd: str) -> Command | None:
        """The Python program that a shell would do no more than start, as in `python -c '…' || exit 1`."""
        plain, any_failure_is_1 = re.subn(r"\s*\|\|\s*exit\s+1\s*$", "", text)
        words = simple_words(plain)
        if not words:
            return None
        try:
            command = self.command(words, env, cwd)
        except NotExecutable:
            return None
        if not command.python:
            return None
        return Command(command.argv, command.executable, True, bool(any_failure_is_1))


def environment(
    image: ImageConfig,
    given: Mapping[str, str],
    address: str,
    resolver: tuple[str, int] | None,
    firewall: str = "",
    hosts: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The image's, then `given`, then what the platform sets; nothing of the user's own. Paths are as the
    container names them: `Root.environment_on_machine` puts them where they are."""
    env = {"PATH": DEFAULT_PATH, "HOME": "/root", "HOSTNAME": rules.host_name(address)}
    env |= {**image.env, **given}
    if env.get("HOST", "") in rules.WILDCARDS:
        env["HOST"] = address
    env[rules.ADDRESS_VARIABLE] = address
    if resolver:
        env[rules.RESOLVER_VARIABLE] = f"{resolver[0]}:{resolver[1]}"
    if firewall:
        env[rules.FIREWALL_VARIABLE] = firewall
    if hosts:
        env[rules.HOSTS_VARIABLE] = " ".join(f"{name}={where}" for name, where in hosts.items())
    return env


def arguments(image: ImageConfig, entrypoint: Sequence[str] | None, command: Sequence[str] | None) -> list[str]:
    """The argv of a container, by the rules of Docker and ECS: a command replaces CMD; an entry point replaces
    ENTRYPOINT and drops the image's CMD."""
    if entrypoint is not None:
        return [*entrypoint, *(command or ())]
    return [*(image.entrypoint or ()), *(image.cmd or () if command is None else command)]


def shebang(executable: Path) -> list[str] | None:
    """Interpreter and option of a `#!` line; None for a binary."""
    with executable.open("rb") as file:
        head = file.read(256)
    if not head.startswith(b"#!"):
        return None
    return os.fsdecode(head[2:].split(b"\n")[0]).strip().split(maxsplit=1) or None


def simple_words(text: str) -> list[str] | None:
    """The words of a shell command that needs no shell; None if anything but quotes is special in it.

    >>> simple_words('''python -c "print('a b')" x''')
    ['python', '-c', "print('a b')", 'x']
    >>> simple_words("python x.py | tee log") is None, simple_words("A=1 python x.py") is None
    (True, True)
    """
    words: list[str] = []
    word: str | None = None
    letters: Iterator[str] = iter(text.strip())
    for letter in letters:
        if letter in "'\"":
            quoted = ""
            for inner in letters:
                if inner == letter:
                    break
                if letter == '"' and inner in "$`\\":
                    return None
                quoted += inner
            else:
                return None
            word = (word or "") + quoted
        elif letter in " \t":
            if word is not None:
                words.append(word)
            word = None
        elif letter in "|&;<>()$`\\*?[]{}~#!\n" or (letter == "=" and not words):
            return None
        else:
            word = (word or "") + letter
    return words + ([word] if word is not None else [])
