"""Which steps of an image are built again after a change, and which come from the cache.

Source: Docker's documentation, "Build cache invalidation" and "Optimize cache usage in builds": a step is taken from
the cache if the one before it was and the step is the same; RUN is judged by its text, COPY and ADD by the content of
the files that they take, not by their times (documented). That `COPY --from` is judged
by the content that it takes, too, is how BuildKit does it (observed).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch


@dataclass(frozen=True)
class Step:
    """An instruction. `reads`: what a COPY or ADD takes, as written; `of`: the stage that it takes it from, if any.

    What has no layer (USER, EXPOSE, LABEL …) only changes the configuration.
    """

    text: str
    reads: tuple[str, ...] = ()
    of: str = ""
    has_layer: bool = True


@dataclass(frozen=True)
class Stage:
    """FROM and what follows. `base`: an image, or the name of a stage."""

    name: str
    base: str
    steps: tuple[Step, ...]


def again(stages: Sequence[Stage], changed: Collection[str], bases: Collection[str] = ()) -> list[list[bool]]:
    """For each step of each stage, whether it is built again.

    changed  files of the context that have another content, and as `stage:/path` what a stage makes of it.
    bases    images that are others under the same name.
    """
    begun: dict[str, bool] = {}
    found = []
    for stage in stages:
        is_new = stage.base in bases or begun.get(stage.base, False)
        steps = []
        for step in stage.steps:
            is_new = is_new or any(_takes(step, path) for path in changed)
            steps.append(is_new)
        begun[stage.name] = is_new
        found.append(steps)
    return found


def _takes(step: Step, changed: str) -> bool:
    """Whether a COPY takes the file that has changed."""
    stage, _, path = changed.rpartition(":")
    if stage != step.of:
        return False
    return any(
        source in (".", "./") or fnmatch(path, source.rstrip("/")) or path.startswith(f"{source.rstrip('/')}/")
        for source in step.reads
    )
