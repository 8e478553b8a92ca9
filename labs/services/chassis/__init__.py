"""What every service of the shop stands on: settings, logs, a server that drains, its own identity.

Standard library only. `vendor.py` copies it into each service's `vendor/`, like any other dependency.
"""
from __future__ import annotations

from typing import TYPE_CHECKING

from chassis.log import Log
from chassis.server import Handler, Reply, Request, run
from chassis.settings import Invalid, Settings
from chassis.task import task_id

if TYPE_CHECKING:
    from chassis.tracing import Tracer

__all__ = ["Handler", "Invalid", "Log", "Reply", "Request", "Settings", "run", "task_id", "tracer"]


def tracer(settings: Settings, log: Log) -> Tracer | None:
    """What sends spans, where OTEL_EXPORTER_OTLP_ENDPOINT says to whom; only then is its module loaded. Invalid."""
    if not (settings.text("OTEL_EXPORTER_OTLP_ENDPOINT") or settings.text("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")):
        return None
    from chassis.tracing import Tracer

    return Tracer(settings, log)
