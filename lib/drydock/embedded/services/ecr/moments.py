"""Times as the API shows them, and as the engine's clock has them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import moto.core.utils

from drydock.embedded.core import seams
from drydock.embedded.core.clock import Clock


@dataclass(frozen=True)
class Moment:
    """A time as the API shows it, and the same on the engine's clock (AWS seconds)."""

    wall: datetime
    at: float


def now(clock: Clock) -> Moment:
    """This moment; while the journal is replayed, the moment of the first time."""
    wall = moto.core.utils.utcnow().replace(tzinfo=UTC)
    ago = (clock.utcnow() - wall).total_seconds() if seams.replaying() else 0.0
    return Moment(wall, clock.time() - ago * clock.speed)
