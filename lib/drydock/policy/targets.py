"""In which order the targets of one change are begun, and when no more are.

Our own choice. CloudFormation's StackSets have the same two numbers for a change over many accounts, MaxConcurrentCount
and FailureToleranceCount (documented); that one target goes first, alone, is ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

State = Literal["waiting", "running", "done", "failed", "left"]
"""`left`: nothing had to be changed there."""


def may_begin(states: Sequence[State], *, at_once: int, stop_after: int, canary: bool) -> list[int]:
    """Which of the targets, by number, may be begun now; those that are `waiting`, in order.

    canary  the first that is not `left` goes alone, and where it fails nothing else is begun

    >>> may_begin(["waiting"] * 3, at_once=2, stop_after=1, canary=True)
    [0]
    >>> may_begin(["done", "running", "waiting", "waiting"], at_once=2, stop_after=1, canary=True)
    [2]
    >>> may_begin(["done", "failed", "waiting"], at_once=2, stop_after=1, canary=True)
    []
    """
    if states.count("failed") >= stop_after:
        return []
    waiting = [number for number, state in enumerate(states) if state == "waiting"]
    first = next((state for state in states if state != "left"), None) if canary else None
    if first == "waiting":
        return waiting[:1]
    if first in ("running", "failed"):
        return []
    return waiting[: max(0, at_once - states.count("running"))]
