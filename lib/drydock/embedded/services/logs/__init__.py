"""CloudWatch Logs: events in the data file, filter patterns, and reading in order and page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drydock.embedded.core import seams

if TYPE_CHECKING:
    from drydock.embedded.core.host import Host


def install(host: Host) -> None:
    """Put our operations in place of moto's, the data file under its streams, our patterns where it asks for one."""
    from moto.logs import models
    from moto.logs.responses import LogsResponse

    from . import responses, streams

    models.EventMessageFilter = responses.pattern_of
    for function in (
        responses.put_log_events,
        responses.filter_log_events,
        responses.get_log_events,
        responses.test_metric_filter,
    ):
        setattr(LogsResponse, function.__name__, function)
    for name in ("put_metric_filter", "put_subscription_filter"):
        setattr(LogsResponse, name, responses.checked(getattr(LogsResponse, name)))
    models.LogsBackend.kept = streams.install(host)  # type: ignore[attr-defined]
    if not seams.replaying():
        restored(host)


def restored(_host: Host) -> None:
    """Give the groups, which the journal knows, their streams."""
    from moto.logs import models

    models.LogsBackend.kept.restore()  # type: ignore[attr-defined]
