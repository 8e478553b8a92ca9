"""Segment documents as X-Ray takes them, and what it compiles of those with one trace id.

Source (documented): the X-Ray developer guide, "X-Ray segment documents" and "Sending trace data to X-Ray", whose
examples are the tests. Codes of refusals are X-Ray's form (`InvalidTraceId` is documented, the others are named after
their field in the same way: ours). A trace id whose time is long past is taken: those of the W3C, which X-Ray takes
since 2023, begin with no time.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

LARGEST_DOCUMENT = 64 * 1024
LONGEST_NAME = 200
LONGEST_TEXT = 250
LAST_SECOND = 253_402_300_799
"""The end of the year 9999: no client can read a time after it."""
DEEPEST = 100
"""So deep subsegments are shown in each other; what lies deeper stays by itself (ours)."""

Document = dict[str, Any]

_TRACE = re.compile(r"1-[0-9a-f]{8}-[0-9a-f]{24}")
_ID = re.compile(r"[0-9a-f]{16}")
_NAME = re.compile(r"[\w\s.:/%&#=+\\@-]+")
_OBJECTS = ("http", "aws", "annotations", "metadata", "sql", "service")
_FLAGS = ("error", "fault", "throttle", "in_progress", "inferred")


class Unprocessed(Exception):
    """A document that is not taken: the id of its segment, empty where it has none, and the code of what is wrong."""

    def __init__(self, code: str, segment: str = "") -> None:
        super().__init__(f"Invalid segment. ErrorCode: {code}")
        self.code = code
        self.segment = segment


def read(text: str) -> Document:
    """A segment, or a subsegment that is sent by itself. Raises Unprocessed."""
    if len(text.encode(errors="surrogatepass")) > LARGEST_DOCUMENT:
        raise Unprocessed("DocumentTooLarge")
    try:
        document = json.loads(text, parse_constant=_no_number, parse_float=_finite)
    except (ValueError, RecursionError):
        raise Unprocessed("ParseError") from None
    if not isinstance(document, dict):
        raise Unprocessed("ParseError")
    segment = document["id"] if isinstance(document.get("id"), str) else ""
    try:
        _check(document, by_itself=True)
    except RecursionError:
        raise Unprocessed("ParseError", segment) from None
    except Unprocessed as wrong:
        raise Unprocessed(wrong.code, segment) from None
    return document


def is_trace_id(value: Any) -> bool:
    return isinstance(value, str) and _TRACE.fullmatch(value) is not None


def _no_number(word: str) -> float:
    raise ValueError(word)


def _finite(digits: str) -> float:
    return found if math.isfinite(found := float(digits)) else _no_number(digits)


def _check(document: Document, *, by_itself: bool) -> None:
    kind = document.get("type")
    if kind not in (None, "", "subsegment"):
        raise Unprocessed("InvalidType")
    if by_itself and not is_trace_id(document.get("trace_id")):
        raise Unprocessed("MissingTraceId" if "trace_id" not in document else "InvalidTraceId")
    if not (isinstance(document.get("id"), str) and _ID.fullmatch(document["id"])):
        raise Unprocessed("MissingId" if "id" not in document else "InvalidId")
    parent = document.get("parent_id")
    if parent is not None and not (isinstance(parent, str) and _ID.fullmatch(parent)):
        raise Unprocessed("InvalidParentId")
    if by_itself and kind == "subsegment" and parent is None:
        raise Unprocessed("MissingParentId")
    name = document.get("name")
    if not isinstance(name, str):
        raise Unprocessed("MissingName" if name is None else "InvalidName")
    if len(name) > LONGEST_NAME or not _NAME.fullmatch(name):
        raise Unprocessed("InvalidName")
    _check_times(document)
    for field in _OBJECTS:
        if not isinstance(document.get(field, {}), dict):
            raise Unprocessed(f"Invalid{field.capitalize()}")
    for field in _FLAGS:
        if not isinstance(document.get(field, False), bool):
            raise Unprocessed(f"Invalid{field.title().replace('_', '')}")
    _check_http(document.get("http", {}))
    for field in ("user", "origin", "resource_arn", "namespace"):
        if not (isinstance(document.get(field, ""), str) and len(document.get(field, "")) <= LONGEST_TEXT):
            raise Unprocessed(f"Invalid{field.title().replace('_', '')}")
    if not all(_is_annotation(value) for value in document.get("annotations", {}).values()):
        raise Unprocessed("InvalidAnnotations")
    below = document.get("subsegments", [])
    if not (isinstance(below, list) and all(isinstance(each, dict) for each in below)):
        raise Unprocessed("InvalidSubsegments")
    for each in below:
        _check(each, by_itself=False)


def _is_annotation(value: Any) -> bool:
    """A number is one that clients can read, as a double."""
    return isinstance(value, str | float) or (isinstance(value, int) and abs(value) <= sys.float_info.max)


def _check_http(http: Document) -> None:
    request, response = http.get("request", {}), http.get("response", {})
    if not (isinstance(request, dict) and isinstance(response, dict)):
        raise Unprocessed("InvalidHttp")
    texts = [request.get(field) for field in ("url", "method", "user_agent", "client_ip")]
    status = response.get("status")
    if not all(isinstance(each, str | None) for each in texts) or type(status) not in (int, type(None)):
        raise Unprocessed("InvalidHttp")


def _check_times(document: Document) -> None:
    start, end = document.get("start_time"), document.get("end_time")
    if not _is_time(start):
        raise Unprocessed("MissingStartTime" if start is None else "InvalidStartTime")
    if end is None:
        if document.get("in_progress") is not True:
            raise Unprocessed("MissingEndTime")
    elif not _is_time(end):
        raise Unprocessed("InvalidEndTime")


def _is_time(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= LAST_SECOND


# -- whole traces -----------------------------------------------------------------------------------------


def compiled(documents: Iterable[Document]) -> list[Document]:
    """The segments of one trace by their start, with all their subsegments in them, and those that X-Ray infers.

    A document that says how a segment ended takes the place of one that says that it began. A subsegment whose parent
    has not come stays by itself.
    """
    known: dict[str, Document] = {}
    for document in documents:
        for entry in _flat(document, "", str(document["trace_id"])):
            before = known.get(entry["id"])
            if before is None or before.get("in_progress") or not entry.get("in_progress"):
                known[entry["id"]] = entry
    below: dict[str, list[Document]] = {}
    for entry in known.values():
        if entry.get("type") == "subsegment" and entry.get("parent_id") in known:
            below.setdefault(entry["parent_id"], []).append(entry)
    tops = [e for e in known.values() if e.get("type") != "subsegment" or e.get("parent_id") not in known]
    seen: set[str] = set()
    whole = [_built(entry, below, seen) for entry in tops]
    # of a circle, or too deep
    whole += [_built(entry, below, seen) for entry in known.values() if entry["id"] not in seen]
    whole.sort(key=lambda segment: segment["start_time"])
    return whole + list(_inferred(whole))


def _flat(document: Document, parent: str, trace: str) -> Iterator[Document]:
    entry = {name: value for name, value in document.items() if name != "subsegments"}
    if parent:
        entry |= {"parent_id": parent, "trace_id": trace, "type": "subsegment"}
    yield entry
    for each in document.get("subsegments") or ():
        yield from _flat(each, entry["id"], trace)


def _built(entry: Document, below: Mapping[str, list[Document]], seen: set[str], depth: int = 1) -> Document:
    seen.add(entry["id"])
    if depth == DEEPEST:
        return entry
    found = sorted((e for e in below.get(entry["id"], ()) if e["id"] not in seen), key=lambda e: float(e["start_time"]))
    if not found:
        return entry
    built = [_built(e, below, seen, depth + 1) for e in found]
    within = [{n: v for n, v in one.items() if n not in ("trace_id", "parent_id", "type")} for one in built]
    return {**entry, "subsegments": within}


def calls(segment: Document) -> Iterator[Document]:
    """All subsegments of a segment, those of subsegments too; of one that stayed by itself, it as well."""
    if segment.get("type") == "subsegment":
        yield segment
    for each in segment.get("subsegments") or ():
        yield each
        yield from calls(each)


def is_remote(subsegment: Document) -> bool:
    """Whether it records a call of something else."""
    return subsegment.get("namespace") in ("remote", "aws")


def _inferred(segments: Iterable[Document]) -> Iterator[Document]:
    """A segment for each service that was called and has sent none."""
    segments = list(segments)
    answered = {segment.get("parent_id") for segment in segments}
    for segment in segments:
        for call in calls(segment):
            if is_remote(call) and call["id"] not in answered:
                yield _inferred_by(call, str(segment["trace_id"]))


def _inferred_by(call: Document, trace: str) -> Document:
    kept = ("name", "start_time", "end_time", "in_progress", "http", "aws", "error", "fault", "throttle")
    about = call.get("aws", {})
    name, origin = call["name"], ""
    if call["namespace"] == "aws":
        resource = {"DynamoDB": ("table_name", "AWS::DynamoDB::Table"), "SQS": ("queue_url", "AWS::SQS::Queue")}
        field, origin = resource.get(name, ("", f"AWS::{name}"))
        name = str(about.get(field) or name)
    return {
        "id": hashlib.sha256(f"inferred {call['id']}".encode()).hexdigest()[:16],
        **{field: call[field] for field in kept if field in call},
        "name": name,
        "trace_id": trace,
        "parent_id": call["id"],
        "inferred": True,
        **({"origin": origin} if origin else {}),
    }
