"""What a rehearsal did."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Rehearsal:
    """What was done with one runbook, in words, and what was not as it should be."""

    runbook: str
    done: list[str] = field(default_factory=list)
    error: str = ""
    seconds: float = 0.0
