"""CloudWatch Logs: events in the data file, filter patterns, and reading in order and page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drydock.embedded.core import seams
from drydock.embedded.core.services import Service
from drydock.policy.lifespans import Lifespan, Setting, items, whole

if TYPE_CHECKING:
    from .state import Streams


class Logs(Service):
    name = "logs"
    in_data = frozenset({"CreateLogStream", "DeleteLogStream", "PutLogEvents"})
    passing = frozenset({"StartQuery", "StopQuery"})
    lifespan = Lifespan(
        begins="CreateLogGroup",
        ends="DeleteLogGroup",
        within=frozenset({
            "PutMetricFilter", "DeleteMetricFilter", "AssociateKmsKey", "PutSubscriptionFilter",
            "DeleteSubscriptionFilter", "DisassociateKmsKey",
        }),
        named_in=("logGroupName", "logGroupIdentifier", "resourceIdentifier", "resourceArn"),
        name=r"(?:arn:.*:log-group:)?([^:]+)(?::\*)?",
        settings={
            "PutRetentionPolicy": Setting(whole("retention")),
            "DeleteRetentionPolicy": Setting(whole("retention"), clears=True),
            "TagLogGroup": Setting(items("tag", "tags")),
            "TagResource": Setting(items("tag", "tags")),
            "UntagLogGroup": Setting(items("tag", "tags"), clears=True),
            "UntagResource": Setting(items("tag", "tagKeys"), clears=True),
        },
    )  # fmt: skip
    streams: Streams

    def install(self) -> None:
        """Put our operations in place of moto's, the data file under its streams, our patterns where it wants one."""
        from moto.logs import models
        from moto.logs.responses import LogsResponse

        from . import operations, state
        from .queries import Queries

        seams.replace(models, EventMessageFilter=operations.pattern_of)
        for function in (
            operations.put_log_events,
            operations.filter_log_events,
            operations.get_log_events,
            operations.test_metric_filter,
        ):
            setattr(LogsResponse, function.__name__, function)
        queries = Queries(self.host)
        for operation in (
            queries.start_query, queries.get_query_results, queries.stop_query, queries.describe_queries,
        ):  # fmt: skip
            setattr(LogsResponse, operation.__name__, seams.as_method(operation))
        for name in ("put_metric_filter", "put_subscription_filter"):
            setattr(LogsResponse, name, operations.checked(seams.original(LogsResponse, name)))
        self.streams = models.LogsBackend.kept = state.install(self.host)  # type: ignore[attr-defined]
        if not seams.replaying():
            self.restored()

    def restored(self) -> None:
        """Give the groups, which the journal knows, their streams."""
        self.streams.restore()
