"""Whether this machine can make rooms and cells, asked of the product itself: where it cannot, it refuses and says why.

A machine that cannot has the tests of that refusal, in place of those that need one.
"""

from __future__ import annotations

from functools import cache

from drydock.classroom import confined
from drydock.commands import hub


@cache
def no_cell() -> str:
    """Why nothing is graded on this machine; empty where it is."""
    try:
        confined.check()
    except confined.CannotConfine as refused:
        return str(refused)
    return ""


@cache
def no_hub() -> str:
    """Why there is no hub on this machine; empty where there can be one."""
    try:
        hub.check()
    except hub.CannotServe as refused:
        return str(refused)
    return ""
