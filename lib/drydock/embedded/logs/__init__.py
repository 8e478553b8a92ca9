"""CloudWatch Logs: filter patterns, and reading events in order and page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drydock.embedded.host import Host


def install(_host: Host) -> None:
    """Put our operations in place of moto's, and our patterns where moto asks for one."""
    from moto.logs import models
    from moto.logs.responses import LogsResponse

    from . import responses

    models.EventMessageFilter = responses.pattern_of
    for function in (responses.filter_log_events, responses.get_log_events, responses.test_metric_filter):
        setattr(LogsResponse, function.__name__, function)
    for name in ("put_metric_filter", "put_subscription_filter"):
        setattr(LogsResponse, name, responses.checked(getattr(LogsResponse, name)))
