"""Drydock: learn, rehearse and run container operations on AWS."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from drydock.cloud import connect

__all__ = ["connect"]


def __getattr__(name: str) -> Any:
    """`drydock.connect`, fetched when it is asked for: boto3 is not imported for those who need none of it."""
    if name != "connect":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from drydock.cloud import connect

    return connect
