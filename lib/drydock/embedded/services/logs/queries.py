"""Queries of Logs Insights: begun by a call, computed beside it, asked for until they are complete.

They are forgotten when the process ends.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult
from moto.core.utils import unix_time_millis
from moto.logs.exceptions import InvalidParameterException, ResourceNotFoundException

from drydock.embedded.core import seams
from drydock.embedded.core.host import Host
from drydock.policy import insights

from . import state

MOST_GROUPS, MOST_KEPT = 50, 1000
MOST_SCANNED = 500_000
"""Events that one query looks at; one of more has timed out."""
_AT_A_TIME = 5000
_SCANNED = {"estimatedRecordsSkipped": 0.0, "estimatedBytesSkipped": 0.0}


class MalformedQuery(ServiceException):
    """Says where in the query it is."""

    code = "MalformedQueryException"

    def __init__(self, error: insights.Malformed, text: str) -> None:
        line, column = text.count("\n", 0, error.at) + 1, error.at - (text.rfind("\n", 0, error.at) + 1)
        told = f"{error} at line {line} and position {column + 1}"
        super().__init__(told)
        place = {"startCharOffset": error.at, "endCharOffset": min(error.at + 1, len(text))}
        self.queryCompileError = {"location": place, "message": told}


@dataclass
class Begun:
    """A query and what it has found."""

    id: str
    text: str
    groups: Sequence[str]
    created: int
    status: str = "Running"
    rows: Sequence[Sequence[tuple[str, str]]] = ()
    statistics: dict[str, float] = field(default_factory=dict)
    ended: int = 0


class Queries:
    """The queries of all regions."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._known: dict[tuple[str, str], Begun] = {}

    def start_query(self, response: Any) -> Any:
        text = response._get_param("queryString")
        if (language := response._get_param("queryLanguage") or "CWLI") != "CWLI":
            raise InvalidParameterException(f"The embedded AWS does not have the query language {language}.")
        groups = self._groups(response)
        start, end = (_milliseconds(response._get_int_param(name)) for name in ("startTime", "endTime"))
        if end < start:
            raise InvalidParameterException("The end time of a query must not be before its start time.")
        try:
            query = insights.parse(text)
        except insights.Malformed as error:
            raise MalformedQuery(error, text) from None
        names = [group.name for group in groups]
        begun = Begun(str(seams.chance().uuid4()), text, names, int(unix_time_millis()))
        region = response.logs_backend.region_name
        self._known[region, begun.id] = begun
        for old in list(self._known)[:-MOST_KEPT]:
            del self._known[old]
        limit = response._get_int_param("limit") or 10_000
        kept, account = response.logs_backend.kept, self._host.account
        self._host.pool.submit(self._work, begun, query, kept, account, groups, (start, end), limit)
        return ActionResult({"queryId": begun.id})

    def get_query_results(self, response: Any) -> Any:
        begun = self._begun(response)
        token = response._get_param("nextToken") or "0"
        if not (token.isascii() and token.isdigit()):
            raise InvalidParameterException("The specified nextToken is invalid.")
        first = int(token)
        most = response._get_int_param("maxItems") or 10_000
        page = begun.rows[first : first + most]
        return ActionResult(
            {
                "queryLanguage": "CWLI",
                "results": [[{"field": name, "value": value} for name, value in row] for row in page],
                "statistics": begun.statistics,
                "status": begun.status,
                **({"nextToken": str(first + most)} if first + most < len(begun.rows) else {}),
            }
        )

    def stop_query(self, response: Any) -> Any:
        begun = self._begun(response)
        if begun.status != "Running":
            raise InvalidParameterException(f"The query has ended: its status is {begun.status}.")
        begun.status = "Cancelled"
        return ActionResult({"success": True})

    def describe_queries(self, response: Any) -> Any:
        name, status = response._get_param("logGroupName"), response._get_param("status")
        token, most = response._get_param("nextToken") or "0", response._get_int_param("maxResults") or 1000
        if not (token.isascii() and token.isdigit()):
            raise InvalidParameterException("The specified nextToken is invalid.")
        found = [
            begun
            for (region, _), begun in reversed(self._known.items())
            if region == response.logs_backend.region_name
            and (not name or name in begun.groups)
            and status in (None, begun.status)
            and response._get_param("queryLanguage") in (None, "CWLI")
        ]
        page = found[int(token) : int(token) + most]
        told = [
            {
                "queryLanguage": "CWLI",
                "queryId": begun.id,
                "queryString": begun.text,
                "status": begun.status,
                "createTime": begun.created,
                "logGroupName": begun.groups[0],
                **({"queryDuration": begun.ended - begun.created} if begun.ended else {}),
                "bytesScanned": begun.statistics.get("bytesScanned", 0.0),
            }
            for begun in page
        ]
        more = {"nextToken": str(int(token) + most)} if int(token) + most < len(found) else {}
        return ActionResult({"queries": told, **more})

    def _begun(self, response: Any) -> Begun:
        begun = self._known.get((response.logs_backend.region_name, response._get_param("queryId")))
        if begun is None:
            raise ResourceNotFoundException("The specified query does not exist.")
        return begun

    def _groups(self, response: Any) -> list[Any]:
        given = [response._get_param(name) for name in ("logGroupName", "logGroupNames", "logGroupIdentifiers")]
        if sum(bool(each) for each in given) != 1:
            raise InvalidParameterException(
                "Specify exactly one of logGroupName, logGroupNames and logGroupIdentifiers."
            )
        names = [given[0]] if given[0] else given[1] or given[2]
        if len(names) > MOST_GROUPS:
            raise InvalidParameterException(f"A query can be of at most {MOST_GROUPS} log groups.")
        known = response.logs_backend.groups
        plain = [name.split(":log-group:")[-1].removesuffix(":*") for name in names]
        if any(name not in known for name in plain):
            raise ResourceNotFoundException
        return [known[name] for name in plain]

    # -- computing ------------------------------------------------------------------------------

    def _work(
        self,
        begun: Begun,
        query: insights.Query,
        kept: Any,
        account: str,
        groups: Sequence[Any],
        span: tuple[int, int],
        limit: int,
    ) -> None:
        try:
            events = self._read(begun, kept, account, groups, span)
            if begun.status != "Running":
                return
            answer = insights.run(query, events, limit)
            status, rows = "Complete", answer.rows
            begun.statistics = {
                "recordsMatched": float(answer.matched),
                "recordsScanned": float(len(events)),
                "bytesScanned": float(sum(len(event.message.encode("utf-8", "replace")) for event in events)),
                "logGroupsScanned": float(len(groups)),
                "resultCount": float(len(rows)),
                **_SCANNED,
            }
        except TimeoutError:
            status, rows = "Timeout", ()
        except BaseException:
            begun.status = "Failed"
            raise
        if begun.status == "Running":
            begun.rows, begun.status, begun.ended = rows, status, int(unix_time_millis())

    def _read(
        self, begun: Begun, kept: Any, account: str, groups: Sequence[Any], span: tuple[int, int]
    ) -> list[insights.Event]:
        """All events of a time, bit by bit, so that others have the lock meanwhile. TimeoutError for too many."""
        found: list[insights.Event] = []
        for group in groups:
            log, place = f"{account}:{group.name}", None
            while begun.status == "Running":
                with self._host.lock:
                    names = {kept.row(stream): stream.log_stream_name for stream in group.streams.values()}
                    start = max(span[0], state.oldest(group))
                    run = kept.store.read(names, start=start, end=span[1] + 1, after=place)
                    page = [event for event, _ in zip(run, range(_AT_A_TIME), strict=False)]
                found += [
                    insights.Event(
                        event.at, event.message, event.ingested, names[event.stream], log, _pointer(log, event.id)
                    )
                    for event in page
                ]
                if len(found) > MOST_SCANNED:
                    raise TimeoutError
                if len(page) < _AT_A_TIME:
                    break
                place = page[-1].place
        found.sort(key=lambda event: event.at)
        return found


def _pointer(log: str, number: int) -> str:
    return base64.b64encode(f"{log}/{number}".encode()).decode()


def _milliseconds(moment: int) -> int:
    """A moment, which may be told in seconds or in milliseconds since the epoch."""
    return moment if moment >= 10**11 else moment * 1000
