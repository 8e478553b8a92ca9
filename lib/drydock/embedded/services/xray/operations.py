"""X-Ray's API by paths. An operation that is not here is refused by the port as not there."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Any

from moto.core.utils import extract_region_from_aws_authorization, unix_time

from drydock.embedded.core import paging, seams
from drydock.embedded.core.host import Host
from drydock.embedded.core.wsgi import Answer
from drydock.policy.requests.errors import Invalid
from drydock.policy.traces import filters, graph
from drydock.policy.traces.segments import Unprocessed, is_trace_id, read

from . import otlp
from .store import Store

MOST_IDS = 5
LONGEST_GRAPH, LONGEST_SEARCH = 6 * 3600, 24 * 3600
"""Seconds between StartTime and EndTime of GetServiceGraph and of GetTraceSummaries (observed)."""
_PAGE, _LOOKED_AT = 100, 1000
"""How many a page tells, and at how many traces a search looks for it: whoever asks for more comes again."""
_NO_TOKEN = "The NextToken is none that was given."

Given = dict[str, Any]
Operation = Callable[["Operations", str, Given], Given]


class Operations:
    def __init__(self, host: Host, store: Store) -> None:
        self._host = host
        self._store = store

    def take_spans(self, region: str, content_type: str, body: bytes) -> Answer:
        """Of a request that is signed; the port has inflated its body."""
        return otlp.taken(self._store, region, content_type, "", body)

    # -- what is sent ---------------------------------------------------------------------------

    def put_trace_segments(self, region: str, given: Given) -> Given:
        taken, wrong = [], []
        for document in given["TraceSegmentDocuments"]:
            try:
                taken.append(read(document))
            except Unprocessed as error:
                told = {"ErrorCode": error.code, "Message": str(error)}
                wrong.append({"Id": error.segment, **told} if error.segment else told)
        self._store.put(region, taken)
        return {"UnprocessedTraceSegments": wrong}

    def put_telemetry_records(self, region: str, given: Given) -> Given:
        """What daemons tell of themselves is for X-Ray's own use: no operation reads it, there or here."""
        return {}

    # -- what is asked --------------------------------------------------------------------------

    def get_trace_summaries(self, region: str, given: Given) -> Given:
        start, end = _between(given, LONGEST_SEARCH)
        kind = given.get("TimeRangeType", "TraceId")
        if kind == "Service":
            raise _invalid("The embedded AWS has no TimeRangeType Service: use TraceId or Event.")
        if given.get("SamplingStrategy") and not given.get("Sampling"):
            raise _invalid("A SamplingStrategy needs Sampling.")
        if given.get("Sampling"):
            raise _invalid("The embedded AWS looks at all traces: leave out Sampling.")
        fits = filters.parsed(given["FilterExpression"]) if given.get("FilterExpression") else lambda _: True
        found: list[Given] = []
        looked_at, token, after = 0, "", _told(given)
        if after and not is_trace_id(after):
            raise _invalid(_NO_TOKEN)
        for trace in self._store.active(region, start, end, after):
            if kind == "TraceId" and not start <= trace.start < end:
                continue
            looked_at += 1
            if fits(trace):
                found.append(graph.summary(trace, self._host.account))
            if len(found) == _PAGE or looked_at == _LOOKED_AT:
                token = trace.id
                break
        return {
            "TraceSummaries": found,
            "ApproximateTime": unix_time(),
            "TracesProcessedCount": looked_at,
            **_token(token),
        }

    def batch_get_traces(self, region: str, given: Given) -> Given:
        traces, missing = self._named(region, given)
        return {
            "Traces": [
                {
                    "Id": trace.id,
                    "Duration": round(trace.duration, 6),
                    "LimitExceeded": False,
                    "Segments": [{"Id": each["id"], "Document": json.dumps(each)} for each in trace.segments],
                }
                for trace in traces
            ],
            "UnprocessedTraceIds": missing,
        }

    def get_service_graph(self, region: str, given: Given) -> Given:
        if given.get("GroupName") or given.get("GroupARN"):
            raise _invalid("The embedded AWS has no groups: leave out GroupName and GroupARN.")
        start, end = _between(given, LONGEST_GRAPH)
        found = graph.services(self._store.active(region, start, end), self._host.account)
        services, token = _page(found, given)
        return {
            "StartTime": start, "EndTime": end, "Services": services, "ContainsOldGroupVersions": False, **token,
        }  # fmt: skip

    def get_trace_graph(self, region: str, given: Given) -> Given:
        services, token = _page(graph.services(self._named(region, given)[0], self._host.account), given)
        return {"Services": services, **token}

    def _named(self, region: str, given: Given) -> tuple[list[graph.Trace], list[str]]:
        """The traces that a request names, and the ids of those that are not there."""
        ids = list(dict.fromkeys(given["TraceIds"]))
        if not 1 <= len(ids) <= MOST_IDS:
            raise _invalid(f"Give 1 to {MOST_IDS} TraceIds, not {len(ids)}.")
        found = {id: self._store.trace(region, id) for id in ids}
        return [trace for trace in found.values() if trace is not None], [id for id in ids if found[id] is None]

    # -- sampling -------------------------------------------------------------------------------

    def _rules(self, region: str) -> Any:
        return self._host.backend("xray", region)

    def get_sampling_rules(self, region: str, given: Given) -> Given:
        if given.get("NextToken"):
            raise _invalid(_NO_TOKEN)
        return {"SamplingRuleRecords": list(self._rules(region).records.values())}

    def create_sampling_rule(self, region: str, given: Given) -> Given:
        if given.get("Tags"):
            raise _invalid("The embedded AWS has no tags of sampling rules: leave out Tags.")
        return {"SamplingRuleRecord": self._rules(region).create(given["SamplingRule"])}

    def update_sampling_rule(self, region: str, given: Given) -> Given:
        return {"SamplingRuleRecord": self._rules(region).update(given["SamplingRuleUpdate"])}

    def delete_sampling_rule(self, region: str, given: Given) -> Given:
        return {"SamplingRuleRecord": self._rules(region).delete(given)}

    def get_sampling_targets(self, region: str, given: Given) -> Given:
        if given.get("SamplingBoostStatisticsDocuments"):
            raise _invalid("The embedded AWS has no SamplingRateBoost: leave out SamplingBoostStatisticsDocuments.")
        rules = self._rules(region)
        told, wrong = [], []
        for report in given["SamplingStatisticsDocuments"]:
            name = report["RuleName"]
            if name in rules.records:
                told.append(rules.target(name, report["ClientID"]))
            else:
                message = f"There is no sampling rule {name}."
                wrong.append({"RuleName": name, "ErrorCode": "InvalidRuleName", "Message": message})
        return {
            "SamplingTargetDocuments": told, "LastRuleModification": rules.changed, "UnprocessedStatistics": wrong,
        }  # fmt: skip


def _invalid(why: str) -> Invalid:
    return Invalid("InvalidRequestException", why)


def _answering(does: Operation) -> Callable[..., Any]:
    """What moto has at a path, for whichever cloud there is."""

    def answer(request: Any, url: str, headers: Any) -> Answer:
        region = _region(request)
        try:
            found = does(_there(region), region, json.loads(request.get_data() or b"{}"))
        except Invalid as error:
            return seams.error_response("xray", 400, error.code, error.message)
        return 200, {"Content-Type": "application/json"}, json.dumps(found).encode()

    return answer


def signed_spans(request: Any, url: str, headers: Any) -> Answer:
    region = _region(request)
    return _there(region).take_spans(region, request.headers.get("Content-Type", ""), request.get_data())


def _region(request: Any) -> str:
    return extract_region_from_aws_authorization(request.headers.get("Authorization", "")) or otlp.DEFAULT_REGION


def _there(region: str) -> Operations:
    found: Operations = seams.backend("xray", region).operations
    return found


PATHS: dict[str, Callable[..., Any]] = {
    f"{{0}}{path}$": _answering(does)
    for path, does in {
        "/TraceSegments": Operations.put_trace_segments,
        "/TelemetryRecords": Operations.put_telemetry_records,
        "/TraceSummaries": Operations.get_trace_summaries,
        "/Traces": Operations.batch_get_traces,
        "/ServiceGraph": Operations.get_service_graph,
        "/TraceGraph": Operations.get_trace_graph,
        "/GetSamplingRules": Operations.get_sampling_rules,
        "/CreateSamplingRule": Operations.create_sampling_rule,
        "/UpdateSamplingRule": Operations.update_sampling_rule,
        "/DeleteSamplingRule": Operations.delete_sampling_rule,
        "/SamplingTargets": Operations.get_sampling_targets,
    }.items()
}


def _between(given: Given, longest: int) -> tuple[float, float]:
    try:
        start, end = float(given["StartTime"]), float(given["EndTime"])
    except ValueError:
        raise _invalid("StartTime and EndTime are given in seconds since 1970.") from None
    if start > end:
        raise _invalid("StartTime is after EndTime.")
    if end - start > longest:
        raise _invalid(f"From StartTime to EndTime are {longest // 3600} hours at most.")
    return start, end


def _page(found: Sequence[Any], given: Given) -> tuple[Sequence[Any], dict[str, str]]:
    """What the token of the last page says to go on with, and the token for the next one."""
    first = paging.place(_told(given))
    if first is None:
        raise _invalid(_NO_TOKEN)
    some, more = paging.page(found, first, _PAGE, "NextToken")
    return some, _token(more.get("NextToken", ""))


def _token(place: str) -> dict[str, str]:
    return {"NextToken": base64.b64encode(place.encode()).decode()} if place else {}


def _told(given: Given) -> str:
    """Where the token of the last page says to go on."""
    try:
        return base64.b64decode(given.get("NextToken") or "", validate=True).decode()
    except (ValueError, binascii.Error):
        raise _invalid(_NO_TOKEN) from None
