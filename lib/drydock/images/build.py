"""From a Dockerfile and a directory to an image."""

from __future__ import annotations

import posixpath
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from . import engine
from .credentials import ecr_credentials
from .dockerfile import Dockerfile, Instruction, Stage, Variables, healthcheck, is_signal, ports
from .errors import DockerfileError, ImageError
from .ignore import Ignore
from .image import Image
from .layer import Entry, read_layer, write_layer
from .layout import Descriptor, Layout
from .platform import Platform
from .reference import Reference
from .registry import pull
from .standin import EPOCH, LABEL, has_stand_in, stand_in
from .tree import Tree

BaseImages = Literal["stand-in", "registry"]
Output = Callable[[str], None]

_SHELL = ["/bin/sh", "-c"]
_DEFAULT_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PREDEFINED = {
    name for proxy in ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY")
    for name in (proxy, proxy.lower())
}  # fmt: skip
_ZSTD = b"\x28\xb5\x2f\xfd"


def build(
    context: Path | str,
    *,
    dockerfile: str = "Dockerfile",
    target: str | None = None,
    build_args: Mapping[str, str] | None = None,
    tags: Iterable[str] = (),
    base_images: BaseImages = "stand-in",
    builder: str | None = None,
    platform: str | None = None,
    layout: Layout | None = None,
    output: Output = print,
) -> Image:
    """Build an image into a layout (by default this user's) and return it. Equal input, equal digest.

    `dockerfile` is a path inside `context`, or absolute. Stages that `target` (by default the last one)
    does not need are skipped. `python:*` gets a stand-in unless `base_images` is "registry"; other bases
    are images of the layout or of a registry on this machine, or with "registry" of any registry.
    RUN needs `builder`: "docker", "podman" or "buildah", which by default is looked for only if a RUN is
    needed, and then builds everything. `output` gets one line for each thing done.
    Raises DockerfileError with file and line, or ImageError.
    """
    context = Path(context)
    if not context.is_dir():
        raise ImageError(f"{context} is not a directory; name the one that holds what the image is made of")
    names = [Reference.parse(tag).tagged().familiar for tag in tags]
    file = context / dockerfile
    with _reading(context):
        builds = _Build(
            Dockerfile.load(file),
            context,
            Ignore.of(context, file),
            dict(build_args or {}),
            base_images,
            Platform.parse(platform) if platform else Platform.here(),
            layout or Layout(),
            output,
        )
        image = builds.run(target, builder)
    for name in names:
        image.layout.tag(name, image.digest)
        output(f"tagged {name}")
    if not names:
        image.layout.keep(image.digest)
    output(f"built {image.digest}, {len(image.layers)} layers, {image.size:,} bytes")
    return image


@contextmanager
def _reading(context: Path) -> Iterator[None]:
    """What can't be read in the context is an ImageError that names it."""
    try:
        yield
    except OSError as error:
        if not isinstance(error.filename, str | Path) or not Path(error.filename).is_relative_to(context):
            raise
        raise ImageError(
            f"{error.filename} can't be read ({error.strerror}); make it readable, or keep it out with .dockerignore"
        ) from error


@dataclass
class _State:
    """A stage as far as it is built: its files, its config, its layers, its variables."""

    tree: Tree
    config: dict[str, Any]
    layers: list[Descriptor] = field(default_factory=list)
    variables: Variables = field(default_factory=Variables)
    command_set: bool = False

    @property
    def run(self) -> dict[str, Any]:
        run: dict[str, Any] = self.config.setdefault("config", {})
        return run

    def copy(self) -> _State:
        config = deepcopy(self.config)
        variables = Variables({**self.variables, **_environment(config.get("config", {}))})
        return _State(self.tree.copy(), config, list(self.layers), variables)

    def step(self, created_by: str, layer: bool = False) -> None:
        step: dict[str, Any] = {"created": EPOCH, "created_by": created_by, "comment": "drydock"}
        if not layer:
            step["empty_layer"] = True
        self.config.setdefault("history", []).append(step)


class _Build:
    def __init__(
        self,
        dockerfile: Dockerfile,
        context: Path,
        ignore: Ignore,
        build_args: dict[str, str],
        base_images: BaseImages,
        platform: Platform,
        layout: Layout,
        output: Output,
    ) -> None:
        self.dockerfile, self.context, self.ignore, self.build_args = dockerfile, context, ignore, build_args
        self.base_images, self.platform, self.layout, self.output = base_images, platform, layout, output
        self._states: dict[int, _State] = {}
        self._images: dict[str, Image] = {}
        self._files: Tree | None = None

    def run(self, target: str | None, builder: str | None) -> Image:
        stage = self.dockerfile.target(target)
        self.globals = self._globals(stage)
        self.bases = [self._base(stage) for stage in self.dockerfile.stages]
        needed = self._needed(stage)
        self._warn_unused()
        runs = [(s, i) for s in self.dockerfile.stages if s.index in needed for i in s.instructions if i.name == "RUN"]
        if runs or builder:
            return self._delegate(stage, needed, runs, builder)
        for other in self.dockerfile.stages:
            if other.index in needed:
                self._states[other.index] = self._stage(other)
            elif other.index < stage.index:
                self.output(f"[{other.title}] skipped: {stage.title} does not need it")
        state = self._states[stage.index]
        return Image.write(self.layout, state.config, state.layers)

    # What is needed

    def _globals(self, target: Stage) -> Variables:
        variables = Variables()
        for prefix, platform in (("BUILD", Platform.here()), ("TARGET", self.platform)):
            variables |= {
                f"{prefix}PLATFORM": str(platform),
                f"{prefix}OS": platform.os,
                f"{prefix}ARCH": platform.architecture,
                f"{prefix}VARIANT": platform.variant,
            }
        variables["TARGETSTAGE"] = target.name or "default"
        variables |= {name: value for name, value in self.build_args.items() if name in variables}
        for instruction in self.dockerfile.args:
            for word in instruction.args:
                name, equals, value = word.partition("=")
                if name in self.build_args:
                    variables[name] = self.build_args[name]
                elif equals:
                    variables[name] = self._expand(instruction, value, variables)
        return variables

    def _base(self, stage: Stage) -> Stage | str:
        """A stage's base: an earlier stage, or an image's name."""
        name = self._expand(stage, stage.base, self.globals)
        if not name:
            raise self.dockerfile.error(
                stage, f"FROM {stage.base} names no image; pass the build arg, or give its ARG a default"
            )
        return next((s for s in reversed(self.dockerfile.stages[: stage.index]) if s.name == name.lower()), name)

    def _source(self, stage: Stage, instruction: Instruction) -> Stage | str | None:
        """What COPY --from copies from: a stage, an image's name, or None for the context."""
        name = instruction.flags.get("from")
        if name is None:
            return None
        if "$" in name:
            raise self.dockerfile.error(
                instruction,
                f"--from={name}: variables are not replaced here; write FROM {name} AS <name> with a global ARG, "
                "and --from=<name>",
            )
        if name.isdecimal():
            found = next((s for s in self.dockerfile.stages if s.index == int(name)), None)
            if found is None:
                raise self.dockerfile.error(
                    instruction, f"--from={name}: there are {len(self.dockerfile.stages)} stages, counted from 0"
                )
        else:
            found = next((s for s in reversed(self.dockerfile.stages) if s.name == name.lower()), None)
        if found is not None and found.index >= stage.index:
            raise self.dockerfile.error(
                instruction, f"--from={name}: that stage comes later; move it above {stage.title}"
            )
        return found or name

    def _needed(self, target: Stage) -> set[int]:
        needed: set[int] = set()
        pending = [target]
        while pending:
            stage = pending.pop()
            if stage.index in needed:
                continue
            needed.add(stage.index)
            base = self.bases[stage.index]
            sources = [self._source(stage, i) for i in stage.instructions if i.name == "COPY"]
            pending += [found for found in (base, *sources) if isinstance(found, Stage)]
        return needed

    def _warn_unused(self) -> None:
        declared = {
            word.partition("=")[0]
            for instructions in (self.dockerfile.args, *(s.instructions for s in self.dockerfile.stages))
            for instruction in instructions
            if instruction.name == "ARG"
            for word in instruction.args
        }
        for name in sorted(set(self.build_args) - declared - _PREDEFINED - set(self.globals)):
            self.output(f"warning: build arg {name} is used by no ARG")

    # RUN

    def _delegate(
        self, target: Stage, needed: set[int], runs: list[tuple[Stage, Instruction]], builder: str | None
    ) -> Image:
        first = runs[0][1] if runs else None
        chosen = engine.choose(builder)
        if chosen is None:
            assert first is not None
            raise self.dockerfile.error(
                first,
                f"RUN needs docker, podman or buildah, and none works here ({_shown(first)}); install one, "
                f"or choose a target that does not need stage {runs[0][0].title}",
            )
        images: dict[int, Image] = {}
        for stage in self.dockerfile.stages:
            base = self.bases[stage.index]
            if stage.index not in needed or isinstance(base, Stage) or base == "scratch":
                continue
            images[stage.index] = self._image(stage, base, self._platform(stage))
        for stage, instruction in runs:
            root = stage
            while isinstance(base := self.bases[root.index], Stage):
                root = base
            if root.index in images and LABEL in (images[root.index].settings.labels):
                raise self.dockerfile.error(
                    instruction,
                    f"RUN needs a real base image: the stand-in for {base} holds no shell ({_shown(instruction)}); "
                    'build with base_images="registry"',
                )
        for stage in self.dockerfile.stages:
            for instruction in stage.instructions if stage.index in needed else ():
                if instruction.name == "COPY" and isinstance(self._source(stage, instruction), str):
                    raise self.dockerfile.error(
                        instruction,
                        "COPY --from=<image> beside a RUN needs a stage; write FROM <image> AS <name> above",
                    )
        self.output(f"{chosen.name} builds {target.title}")
        return engine.build(
            chosen,
            self.dockerfile,
            self.context,
            target=target,
            images=images,
            ignore=self.ignore.text,
            build_args=self.build_args,
            platform=self.platform,
            layout=self.layout,
            output=self.output,
        )

    # Bases

    def _image(self, at: Stage | Instruction, name: str, platform: Platform) -> Image:
        key = f"{name} {platform}"
        if key not in self._images:
            self._images[key] = self._find(at, name, platform)
        return self._images[key]

    def _find(self, at: Stage | Instruction, name: str, platform: Platform) -> Image:
        try:
            reference = Reference.parse(name).tagged()
        except ImageError as error:
            raise self.dockerfile.error(at, str(error)) from None
        if self.base_images == "stand-in" and has_stand_in(reference):
            self.output(f"{name}: stand-in, this machine's Python; nothing is pulled")
            return stand_in(self.layout, platform)
        digest = self.layout.find(str(reference))
        if digest is not None:
            return Image(self.layout, digest)
        if self.base_images != "registry" and not reference.is_loopback:
            raise self.dockerfile.error(
                at,
                f"no image {name} in {self.layout.path}, and only python:* has a stand-in; build or pull it first, "
                'or build with base_images="registry"',
            )
        self.output(f"{name}: pulling for {platform}")
        auth = ecr_credentials(reference.registry) if reference.is_loopback else None
        try:
            return pull(reference, auth, into=self.layout, platform=str(platform))
        except ImageError as error:
            raise self.dockerfile.error(at, str(error)) from error

    def _platform(self, stage: Stage) -> Platform:
        if stage.platform is None:
            return self.platform
        try:
            return Platform.parse(self._expand(stage, stage.platform, self.globals))
        except DockerfileError:
            raise
        except ImageError as error:
            raise self.dockerfile.error(stage, str(error)) from None

    def _opened(self, at: Stage | Instruction, name: str, platform: Platform) -> _State:
        image = self._image(at, name, platform)
        if Platform.of(image.config) != platform:
            self.output(f"warning: {name} is for {Platform.of(image.config)}, not for {platform}")
        if (image.config.get("config") or {}).get("OnBuild"):
            raise self.dockerfile.error(
                at, f"{name} has ONBUILD instructions, which are not read here; use another base"
            )
        tree = Tree()
        for layer in image.layers:
            tree.apply(read_layer(self.layout, layer.digest))
        return _State(tree, deepcopy(image.config), list(image.described["layers"]))

    def _started(self, stage: Stage) -> _State:
        base = self.bases[stage.index]
        platform = self._platform(stage)
        if isinstance(base, Stage):
            return self._states[base.index].copy()
        if base == "scratch":
            config = {
                "os": platform.os,
                "architecture": platform.architecture,
                **({"variant": platform.variant} if platform.variant else {}),
                "config": {"Env": [_DEFAULT_PATH]},
                "rootfs": {"type": "layers", "diff_ids": []},
            }
            return _State(Tree(), config).copy()
        state = self._opened(stage, base, platform)
        return state.copy()

    # Instructions

    def _stage(self, stage: Stage) -> _State:
        state = self._started(stage)
        state.config["created"] = EPOCH
        total = len(stage.instructions)
        for number, instruction in enumerate(stage.instructions, 1):
            self.output(f"[{stage.title} {number}/{total}] {_shown(instruction)}")
            state.variables.undefined.clear()
            _INSTRUCTIONS[instruction.name](self, stage, state, instruction)
            for name in state.variables.undefined:
                if f"${name}" in instruction.source or f"${{{name}}}" in instruction.source:
                    self.output(
                        f"warning: {self.dockerfile.file}:{instruction.line}: ${name} is not set in this stage; "
                        f"write ARG {name} after its FROM"
                    )
        return state

    def _arg(self, stage: Stage, state: _State, instruction: Instruction) -> None:
        shown = []
        for word in instruction.args:
            name, equals, default = word.partition("=")
            value: str | None = None
            if name in self.build_args:
                value = self.build_args[name]
            elif equals:
                value = self._expand(instruction, default, state.variables)
            elif name in self.globals:
                value = self.globals[name]
            if value is not None:
                state.variables[name] = value
            shown.append(name if value is None else f"{name}={value}")
        state.step(f"ARG {' '.join(shown)}")

    def _env(self, stage: Stage, state: _State, instruction: Instruction) -> None:
        pairs = self._pairs(state, instruction)
        environment = _environment(state.run)
        environment.update(pairs)
        state.variables.update(pairs)
        state.run["Env"] = [f"{name}={value}" for name, value in environment.items()]
        state.step("ENV " + " ".join(f"{name}={value}" for name, value in pairs))

    def _label(self, stage: Stage, state: _State, instruction: Instruction) -> None:
        pairs = self._pairs(state, instruction)
        state.run.setdefault("Labels", {}).update(pairs)
        state.step("LABEL " + " ".join(f"{name}={value}" for name, value in pairs))

    def _pairs(self, state: _State, instruction: Instruction) -> list[tuple[str, str]]:
        words = [self._expand(instruction, word, state.variables) for word in instruction.args]
        return list(zip(words[::2], words[1::2], strict=True))

    def _maintainer(self, stage: Stage, state: _State, instruction: Instruction) -> None:
        state.config["author"] = instruction.args[0]
        state.step(f"MAINTAINER {instruction.args[0]}")

    def _workdir(self, stage: Stage, state: _State, instruction: Instruction) -> None:
        written = self._expand(instruction, instruction.args[0], state.variables)
        path = self._below_root(instruction, written, state)
        state.run["WorkingDir"] = f"/{path}"
        real = self._resolve(instruction, state.tree, path)
        found = state.tree.get(real)
        if found is not None and found.kind != "directory":
            raise self.dockerfile.error(instruction, f"WORKDIR /{path} is a file in the image; choose another path")
        changes = _Changes(state.tree)
        if found is None:
            changes.directories(real, self._owner(instruction, state, state.run.get("User", "")), 0o755)
        self._commit(state, changes, f"WORKDIR /{path}")

    def _user(self, stage: Stage, state: _State, instruction: Instruction) -> None:
        state.run["User"] = self._expand(instruction, instruction.args[0], state.variables)
        state.step(f"USER {state.run['User']}")

    def _expose(self, stage: Stage, state: _State, instruction: Instruction) -> None:
        try:
            words = [part for word in instruction.args for part in state.variables.words(word, self.dockerfile.escape)]
            found = ports(words)
        except ValueError as error:
            raise self.dockerfile.error(instruction, f"EXPOSE: {error}") from None
        state.run.setdefault("ExposedPorts", {}).update({port: {} for port in found})
        state.step(f"EXPOSE {' '.join(found)}")

    def _volume(self, stage: Stage, state: _State, instruction: Instruction) -> None:
        paths = [self._expand(instruction, word, state.variables) for word in instruction.args]
        if "" in paths:
            raise self.dockerfile.error(instruction, "VOLUME is given an empty path; write VOLUME /data")
        state.run.setdefault("Volumes", {}).update({path: {} for path in paths})
        state.step(f"VOLUME {' '.join(paths)}")

    def _stopsignal(self, stage: Stage, state: _State, instruction: Instruction) -> None:
        name = self._expand(instruction, instruction.args[0], state.variables)
        if not is_signal(name):
            raise self.dockerfile.error(instruction, f"STOPSIGNAL {name} is no signal; write SIGTERM or a number")
        state.run["StopSignal"] = name
        state.step(f"STOPSIGNAL {name}")

    def _shell(self, stage: Stage, state: _State, instruction: Instruction) -> None:
        state.run["Shell"] = list(instruction.args)
        state.step(_shown(instruction))

    def _cmd(self, stage: Stage, state: _State, instruction: Instruction) -> None:
        state.run["Cmd"] = self._command(state, instruction)
        state.command_set = True
        state.step(_shown(instruction))

    def _entrypoint(self, stage: Stage, state: _State, instruction: Instruction) -> None:
        state.run["Entrypoint"] = self._command(state, instruction)
        if not state.command_set:
            state.run.pop("Cmd", None)
        state.step(_shown(instruction))

    def _healthcheck(self, stage: Stage, state: _State, instruction: Instruction) -> None:
        state.run["Healthcheck"] = healthcheck(instruction, self.dockerfile.file)
        state.step(_shown(instruction))

    def _command(self, state: _State, instruction: Instruction) -> list[str]:
        if instruction.exec_form or not instruction.args:
            return list(instruction.args)
        return [*(state.run.get("Shell") or _SHELL), *instruction.args]

    def _copy(self, stage: Stage, state: _State, instruction: Instruction) -> None:
        words = [self._expand(instruction, word, state.variables) for word in instruction.args]
        sources, written = words[:-1], words[-1]
        self._refuse_remote(instruction, sources)
        origin = self._origin(stage, instruction)
        destination = self._below_root(instruction, written, state)
        into_directory = written in ("", ".", "..") or written.endswith(("/", "/.", "/.."))
        chown = instruction.flags.get("chown")
        owner = self._owner(instruction, state, self._expand(instruction, chown, state.variables)) if chown else None
        mode = self._mode(instruction, state)
        copied = _Copy(state.tree, owner, mode)
        found = [path for source in sources for path in self._matches(instruction, origin, source)]
        real = self._resolve(instruction, state.tree, destination)
        there = state.tree.get(real)
        if len(found) > 1 and not into_directory and (there is None or there.kind != "directory"):
            raise self.dockerfile.error(
                instruction,
                f"{len(found)} sources go to {written}, which is not a directory; end it with a slash: {written}/",
            )
        for path in found:
            entry = origin.get(self._resolve(instruction, origin, path))
            if entry is None:
                raise self._missing(instruction, origin, path)
            if instruction.name == "ADD" and _is_archive(entry):
                raise self.dockerfile.error(
                    instruction, f"ADD would unpack the archive {path}; unpack it first and COPY what it holds"
                )
            try:
                copied.put(origin, entry, posixpath.basename(path), real, into_directory)
            except ValueError as error:
                raise self.dockerfile.error(instruction, f"{error}") from None
        options = "".join(
            f"--{flag}={value} " for flag, value in instruction.flags.items() if flag in ("from", "chown", "chmod")
        )
        self._commit(state, copied.changes, f"{instruction.name} {options}{' '.join(words)}")

    def _refuse_remote(self, instruction: Instruction, sources: list[str]) -> None:
        for source in sources:
            if "://" in source or source.startswith("git@"):
                raise self.dockerfile.error(
                    instruction,
                    f"{instruction.name} {source}: nothing is fetched while building; download it into the context "
                    "first and COPY it",
                )

    def _origin(self, stage: Stage, instruction: Instruction) -> Tree:
        source = self._source(stage, instruction)
        if isinstance(source, Stage):
            return self._states[source.index].tree
        if source is not None:
            return self._opened(instruction, source, self._platform(stage)).tree
        if self._files is None:
            self._files = Tree.of_directory(self.context, self.ignore)
        return self._files

    def _matches(self, instruction: Instruction, origin: Tree, source: str) -> list[str]:
        path = posixpath.normpath(source.lstrip("/") or ".")
        if path == ".." or path.startswith("../"):
            raise self.dockerfile.error(
                instruction,
                f"{source} is outside what can be copied from; move it inside, or build from a directory above",
            )
        try:
            found = origin.glob("" if path == "." else path)
        except ValueError as error:
            raise self.dockerfile.error(instruction, f"{error}; close it, or escape it with a backslash") from None
        if not found:
            self.output(f"warning: {self.dockerfile.file}:{instruction.line}: nothing matches {source}")
        return found

    def _missing(self, instruction: Instruction, origin: Tree, path: str) -> DockerfileError:
        where = f"--from={instruction.flags['from']}" if "from" in instruction.flags else f"{self.context}"
        if "from" not in instruction.flags and (self.context / path).exists():
            return self.dockerfile.error(
                instruction, f"{path} is kept out by .dockerignore; add a line !{path} there, or copy something else"
            )
        return self.dockerfile.error(instruction, f"no {path} in {where}; check the path, which starts from its root")

    def _mode(self, instruction: Instruction, state: _State) -> int | None:
        text = self._expand(instruction, instruction.flags.get("chmod", ""), state.variables)
        if not text:
            return None
        try:
            mode = int(text, 8)
        except ValueError:
            mode = -1
        if not 0 <= mode <= 0o7777:
            raise self.dockerfile.error(instruction, f"--chmod={text}: write permissions in octal, such as 0644 or 755")
        return mode

    def _owner(self, at: Instruction, state: _State, text: str) -> tuple[int, int]:
        """`user[:group]`, by number or by name in the image's own /etc/passwd and /etc/group."""
        if not text:
            return 0, 0
        user, colon, group = text.partition(":")
        if user.isdecimal():
            uid, gid = int(user), int(user)
        else:
            uid, gid = self._account(at, state, "etc/passwd", user)
        if colon and group:
            gid = int(group) if group.isdecimal() else self._account(at, state, "etc/group", group)[0]
        return uid, gid

    def _account(self, at: Instruction, state: _State, file: str, name: str) -> tuple[int, int]:
        entry = state.tree.get(state.tree.resolve(file))
        for line in entry.read().decode(errors="replace").splitlines() if entry else ():
            parts = line.split(":")
            if parts[0] == name and len(parts) > 3:
                return int(parts[2]), int(parts[3] or 0) if file == "etc/passwd" else 0
        raise self.dockerfile.error(at, f"the image's /{file} has no {name!r}; write a number, such as 1000:1000")

    def _below_root(self, instruction: Instruction, written: str, state: _State) -> str:
        """A path of the image, from its working directory, without a slash at either end."""
        full = posixpath.join(state.run.get("WorkingDir") or "/", written)
        depth = 0
        for part in full.split("/"):
            depth += {"": 0, ".": 0, "..": -1}.get(part, 1)
            if depth < 0:
                raise self.dockerfile.error(
                    instruction, f"{written} would leave the image's root; take out a .. or write it from /"
                )
        return posixpath.normpath(full).strip("/")

    def _resolve(self, instruction: Instruction, tree: Tree, path: str) -> str:
        try:
            return tree.resolve(path)
        except ImageError as error:
            raise self.dockerfile.error(instruction, str(error)) from None

    def _expand(self, at: Instruction | Stage, word: str, variables: Variables) -> str:
        try:
            return variables.expand(word, self.dockerfile.escape)
        except ValueError as error:
            raise self.dockerfile.error(at, f"{error}; correct the variable or escape the $") from None

    def _commit(self, state: _State, changes: _Changes, created_by: str) -> None:
        entries = changes.layer()
        if entries:
            layer = write_layer(entries, self.layout)
            state.layers.append(layer.descriptor)
            state.config["rootfs"]["diff_ids"].append(layer.diff_id)
        state.step(created_by, layer=bool(entries))


_INSTRUCTIONS: dict[str, Callable[[_Build, Stage, _State, Instruction], None]] = {
    "ADD": _Build._copy,
    "ARG": _Build._arg,
    "CMD": _Build._cmd,
    "COPY": _Build._copy,
    "ENTRYPOINT": _Build._entrypoint,
    "ENV": _Build._env,
    "EXPOSE": _Build._expose,
    "HEALTHCHECK": _Build._healthcheck,
    "LABEL": _Build._label,
    "MAINTAINER": _Build._maintainer,
    "SHELL": _Build._shell,
    "STOPSIGNAL": _Build._stopsignal,
    "USER": _Build._user,
    "VOLUME": _Build._volume,
    "WORKDIR": _Build._workdir,
}


class _Changes:
    """What one instruction changes in a tree, kept for its layer."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._paths: set[str] = set()

    def put(self, entry: Entry) -> None:
        self._tree.put(entry)
        self._paths.add(entry.path)

    def directories(self, path: str, owner: tuple[int, int], mode: int) -> None:
        """Make a directory and those above it that are missing."""
        parts = path.split("/") if path else []
        for depth in range(1, len(parts) + 1):
            above = "/".join(parts[:depth])
            found = self._tree.get(above)
            if found is None:
                self.put(Entry(above, "directory", mode, *owner))
            elif found.kind != "directory":
                raise ValueError(f"/{above} is a file in the image, so nothing can be copied below it")

    def layer(self) -> list[Entry]:
        """The entries of the layer: what changed, and the directories it is in."""
        paths = set(self._paths)
        for path in self._paths:
            while path := path.rpartition("/")[0]:
                paths.add(path)
        return [entry for path in paths if (entry := self._tree.get(path)) is not None]


class _Copy:
    """Copies entries of one tree into another, as `COPY` does."""

    def __init__(self, tree: Tree, owner: tuple[int, int] | None, mode: int | None) -> None:
        self._tree, self._owner, self._mode = tree, owner, mode
        self.changes = _Changes(tree)

    def put(self, origin: Tree, entry: Entry, name: str, destination: str, into_directory: bool) -> None:
        """Copy a file to a path or into a directory; of a directory, copy what it holds."""
        there = self._tree.get(destination)
        if entry.kind == "directory":
            if there is not None and there.kind != "directory":
                raise ValueError(f"a directory can't be copied to /{destination}, which is a file in the image")
            self._directories(destination)
            self._below(origin, entry.path, destination)
            return
        if into_directory or (there is not None and there.kind == "directory"):
            self._directories(destination)
            destination = f"{destination}/{name}" if destination else name
        else:
            self._directories(destination.rpartition("/")[0])
        self._file(entry, destination)

    def _below(self, origin: Tree, source: str, destination: str) -> None:
        for name in origin.children(source):
            entry = origin.get(f"{source}/{name}" if source else name)
            path = f"{destination}/{name}" if destination else name
            assert entry is not None
            if entry.kind != "directory":
                self._file(entry, path)
                continue
            there = self._tree.get(path)
            if there is None:
                self.changes.put(self._ours(entry, path))
            elif there.kind != "directory":
                raise ValueError(f"the directory {name} can't be copied over /{path}, which is none in the image")
            self._below(origin, entry.path, path)

    def _file(self, entry: Entry, path: str) -> None:
        there = self._tree.get(path)
        if there is not None and there.kind == "directory":
            raise ValueError(f"the file can't be copied over the directory /{path}")
        self.changes.put(self._ours(entry, path))

    def _directories(self, path: str) -> None:
        self.changes.directories(path, self._owner or (0, 0), 0o755 if self._mode is None else self._mode)

    def _ours(self, entry: Entry, path: str) -> Entry:
        uid, gid = self._owner or (entry.uid, entry.gid)
        mode = entry.mode if self._mode is None or entry.kind == "symlink" else self._mode
        return replace(entry, path=path, uid=uid, gid=gid, mode=mode)


def _environment(run: Mapping[str, Any]) -> dict[str, str]:
    return dict(variable.split("=", 1) for variable in run.get("Env") or [] if "=" in variable)


def _is_archive(entry: Entry) -> bool:
    if entry.open is None:
        return False
    with entry.open() as content:
        if content.read(4) == _ZSTD:
            return True
        content.seek(0)
        try:
            tarfile.open(fileobj=content, mode="r:*").close()
        except (tarfile.TarError, EOFError, OSError, zlib.error):
            return False
    return True


def _shown(instruction: Instruction) -> str:
    return " ".join(instruction.source.split())
