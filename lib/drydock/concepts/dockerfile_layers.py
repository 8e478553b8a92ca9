"""What dockerfile-layers draws, asks and shows: two Dockerfiles of one program, and what a change builds again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from drydock.concepts import checks
from drydock.concepts.catalogue import fixture
from drydock.concepts.drawing import LAYOUT, percent
from drydock.concepts.predict import Question
from drydock.figures import Figure
from drydock.figures.figure import COLOURS
from drydock.images.dockerfile import Dockerfile, Instruction, Variables
from drydock.policy import build_cache
from drydock.policy.build_cache import Stage, Step

FILES = ("one-stage", "two-stages")
CHANGES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "source": (("src/index.ts", "build:/app/dist/index.js"), ()),
    "dependencies": (("package-lock.json", "build:/app/node_modules/left"), ()),
    "documentation": (("README.md",), ()),
    "base image": ((), ("node:22-bookworm-slim",)),
    "nothing": ((), ()),
}
"""By what has changed: files, with what the stage makes of them, and images."""
BASE = "node:22-bookworm-slim"
BASE_MB, DEV_MB, BUILT_MB = 80, 160, 3
"""Of the base image, of packages that only the build needs, and of what the build makes; assumed."""
SECONDS = {"npm ci": 45, "npm run build": 20, "npm prune": 4, "COPY": 1}
"""Of a step; assumed."""
WITHOUT_LAYER = {
    "ARG",
    "CMD",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "HEALTHCHECK",
    "LABEL",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
}


@dataclass(frozen=True)
class Cost:
    """A step of a Dockerfile after a change. `mb`: its layer, where the image has it."""

    stage: str
    text: str
    again: bool
    seconds: int
    mb: float
    in_image: bool


def stages(file: str) -> list[Stage]:
    """The stages of a fixture. Raises ValueError for another name."""
    if file not in FILES:
        raise ValueError(f"file is one of {', '.join(FILES)}, not {file!r}.")
    read = Dockerfile.parse(fixture(f"dockerfile-layers/{file}.Dockerfile"), file)
    return [
        Stage(one.title, one.base, tuple(_step(instruction) for instruction in one.instructions)) for one in read.stages
    ]


def costs(file: str, changed: str, packages_mb: int, source_mb: int) -> list[Cost]:
    """Each step after a change. Raises ValueError."""
    if changed not in CHANGES:
        raise ValueError(f"changed is one of {', '.join(CHANGES)}, not {changed!r}.")
    checks.whole("packages_mb", packages_mb, 1, 10_000)
    checks.whole("source_mb", source_mb, 0, 10_000)
    read = stages(file)
    files, bases = CHANGES[changed]
    found = build_cache.again(read, files, bases)
    return [
        Cost(stage.name, step.text, new, _seconds(step), _mb(step, packages_mb, source_mb), stage is read[-1])
        for stage, news in zip(read, found, strict=True)
        for step, new in zip(stage.steps, news, strict=True)
    ]


def pushed(file: str, changed: str, packages_mb: int, source_mb: int) -> tuple[int, float, float]:
    """Seconds of the build after a change, MB that are pushed, and MB of the whole image."""
    found = costs(file, changed, packages_mb, source_mb)
    base = BASE_MB if changed == "base image" else 0
    layers = [one for one in found if one.in_image]
    return (
        sum(one.seconds for one in found if one.again),
        base + sum(one.mb for one in layers if one.again),
        BASE_MB + sum(one.mb for one in layers),
    )


def question(packages_mb: int, source_mb: int, *, more: int = 100) -> Question:
    """How many MB a change of the source pushes. Raises ValueError."""
    _, mb, whole = pushed("one-stage", "source", packages_mb, source_mb)
    packages_mb, mb, whole = packages_mb + more, mb + more, whole + more
    return Question(
        f"A Dockerfile of one stage copies everything, installs {packages_mb + DEV_MB} MB of packages, and builds "
        f"{BUILT_MB} MB. The source has {source_mb} MB, the base image {BASE_MB} MB. One line of the source changes. "
        f"How "
        "many MB of layers are pushed?",
        mb,
        f"The copy is first, and all that follows is built again: {source_mb} + {packages_mb + DEV_MB} + {BUILT_MB} "
        f"of the "
        f"image's {whole:g} MB. The base's layers are there already.",
    )


def layers(file: str, changed: str, packages_mb: int, source_mb: int) -> Figure:
    """The steps, their time, and which are done again. Raises ValueError."""
    found = costs(file, changed, packages_mb, source_mb)
    seconds, mb, whole = pushed(file, changed, packages_mb, source_mb)
    assert mb <= whole, "more is pushed than the image has"
    for name in {one.stage for one in found}:
        news = [one.again for one in found if one.stage == name]
        assert news == sorted(news), "a step comes from the cache after one that does not"
    names = [f"{number}. {one.text[:28]}" for number, one in enumerate(found, 1)]
    return Figure(
        f"{file}, changed: {changed}. Built again: {sum(one.again for one in found)} of {len(found)} steps, "
        f"{seconds} s; "
        f"pushed: {mb:g} of {whole:g} MB",
        ("Stage", "Step", "It is", "Seconds", "MB of the image"),
        [
            (one.stage, one.text, "built again" if one.again else "from the cache", one.seconds if one.again else 0,
             f"{one.mb:g}" if one.in_image and one.mb else "")
            for one in found
        ],
        [
            {
                "type": "bar",
                "orientation": "h",
                "name": what,
                "y": names,
                "x": [one.seconds + 0.5 if one.again is new else 0 for one in found],
                "marker": {"color": COLOURS[colour]},
            }
            for what, new, colour in (("from the cache: not waited for", False, 2), ("built again", True, 5))
        ],
        {
            "barmode": "stack",
            "xaxis": {"title": {"text": "seconds of a step when it is built (and half a one to be seen)"}},
            "yaxis": {"title": {"text": "step", "standoff": 12}, "autorange": "reversed", "automargin": True},
            **LAYOUT,
            "height": 480,
        },
    )  # fmt: skip


def month(packages_mb: int, source_mb: int, builds: int) -> Figure:
    """So many builds, of which one in twenty changes the packages and one in a hundred the base."""
    checks.whole("builds", builds, 1, 100_000)
    parts = {"source": 0.94, "dependencies": 0.05, "base image": 0.01}
    rows = []
    for file in FILES:
        seconds = mb = 0.0
        for changed, part in parts.items():
            took, layer_mb, _ = pushed(file, changed, packages_mb, source_mb)
            seconds += part * builds * took
            mb += part * builds * layer_mb
        whole = pushed(file, "nothing", packages_mb, source_mb)[2]
        rows.append((file, f"{whole:g}", f"{seconds / 3600:,.1f}", f"{mb / 1024:,.1f}", percent(mb / builds / whole)))
    return Figure(
        f"{builds} builds: {', '.join(f'{percent(part)} change the {what}' for what, part in parts.items())}",
        ("Dockerfile", "MB of the image", "Hours of building", "GB pushed", "Of an image, each time"),
        rows,
    )


def labels() -> Figure:
    """What a label takes from a variable, with and without ARG."""
    rows = []
    for what, scope in (
        ("no ARG in the stage", Variables()),
        ("ARG VERSION, and nothing given", Variables({"VERSION": ""})),
        ("ARG VERSION=unversioned, and nothing given", Variables({"VERSION": "unversioned"})),
        ("ARG VERSION, and --build-arg VERSION=1.4.0", Variables({"VERSION": "1.4.0"})),
    ):
        value = scope.expand('"${VERSION}"', "\\")
        rows.append((what, value or "empty", ", ".join(scope.undefined) or "none"))
    return Figure(
        "A label that takes its value from the variable VERSION", ("The stage has", "The label is", "Not defined"), rows
    )


def _step(instruction: Instruction) -> Step:
    takes = instruction.name in ("COPY", "ADD")
    return Step(
        instruction.source,
        tuple(instruction.args[:-1]) if takes else (),
        instruction.flags.get("from", "") if takes else "",
        instruction.name not in WITHOUT_LAYER,
    )


def _seconds(step: Step) -> int:
    return sum(seconds for what, seconds in SECONDS.items() if what in step.text)


def _mb(step: Step, packages_mb: int, source_mb: int) -> float:
    """What a step adds; that of a stage which is left behind is of no image."""
    if step.text.startswith("RUN"):
        return (packages_mb + DEV_MB) * ("npm ci" in step.text) + BUILT_MB * ("npm run build" in step.text)
    if "/app/dist" in step.reads:
        return BUILT_MB
    if "/app/node_modules" in step.reads:
        return packages_mb
    return source_mb if step.reads and not step.of and "." in step.reads else 0
