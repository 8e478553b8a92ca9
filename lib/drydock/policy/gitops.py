"""When what is in Git is in the cluster, and when a change by hand is taken back.

Source: Flux, documentation of *GitRepository* and *Kustomization*: `interval` of the first is how often Git is looked
at, a new revision is applied at once, and `interval` of the second is how often the last one is applied again, which
takes changes by hand back (documented). Derived: both clocks begin at 0, applying takes no time, and the jitter of the
controllers (5 % by default) is left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

COMMIT, EDIT = "commit", "edit"


@dataclass(frozen=True)
class Event:
    """A commit to Git, or an edit of the cluster by hand; `at` in minutes."""

    at: float
    kind: str


@dataclass(frozen=True)
class Apply:
    """The manifests are applied at minute `at`. `new`: a commit comes with it. `mended`: an edit is taken back."""

    at: float
    new: bool
    mended: bool


def next_tick(at: float, interval: float) -> float:
    """The first tick of a clock that ticks each `interval` from 0 on, at `at` or later.

    >>> next_tick(4, 15)
    15
    """
    return math.ceil(at / interval) * interval


def applies(events: Sequence[Event], *, source: float, interval: float, until: float) -> list[Apply]:
    """Every time that the manifests are applied, from 0 to `until`. All in minutes.

    source    interval of the GitRepository; 0 is a webhook, by which a commit is seen at once.
    interval  interval of the Kustomization.
    """
    commits = [(next_tick(one.at, source) if source else one.at) for one in events if one.kind == COMMIT]
    ticks = [number * interval for number in range(int(until // interval) + 1)]
    found, last = [], -1.0
    for at in sorted({*commits, *ticks}):
        if at <= until:
            mended = any(one.kind == EDIT and last < one.at <= at for one in events)
            found.append(Apply(at, at in commits, mended))
            last = at
    return found


def live_after(event: Event, events: Sequence[Event], *, source: float, interval: float) -> float:
    """Minutes from a commit until it is applied, or from an edit until it is taken back."""
    until = event.at + max(source, interval)
    for one in applies(events, source=source, interval=interval, until=until):
        if one.at >= event.at and (one.new if event.kind == COMMIT else one.mended):
            return one.at - event.at
    raise AssertionError("each event is applied within the longer of both intervals")
