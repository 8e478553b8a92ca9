"""Segment documents, as rows of the data file, for 30 days."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator

from moto.core.utils import unix_time

from drydock.embedded.core.data import Data, text
from drydock.policy.traces.graph import Trace, end_of
from drydock.policy.traces.segments import Document

KEPT = 30 * 86400.0
"""Seconds (documented: the X-Ray FAQ)."""
TABLES = """
CREATE TABLE IF NOT EXISTS trace_segments (
    region TEXT NOT NULL, trace TEXT NOT NULL, id TEXT NOT NULL, start REAL NOT NULL, end REAL NOT NULL,
    in_progress INTEGER NOT NULL, received REAL NOT NULL, document TEXT NOT NULL,
    PRIMARY KEY (region, trace, id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS trace_segments_by_end ON trace_segments (region, end);
CREATE INDEX IF NOT EXISTS trace_segments_by_age ON trace_segments (received)
"""
_LOOK_EVERY = 60.0
_DELETED_A_TURN = 2000


class Store:
    """The documents of all regions. What ends a segment takes the place of what began it, and not the other way."""

    def __init__(self, data: Data) -> None:
        self._data = data
        data.define(TABLES)
        self._look_at = 0.0
        data.clean_with(self._clean)

    def put(self, region: str, documents: Iterable[Document]) -> None:
        now = unix_time()
        rows = [
            (region, each["trace_id"], each["id"], float(each["start_time"]), end_of(each),
             bool(each.get("in_progress")), now, text(json.dumps(each, ensure_ascii=False)))
            for each in documents
        ]  # fmt: skip
        self._data.write_many(
            "INSERT INTO trace_segments VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
            "start = excluded.start, end = excluded.end, in_progress = excluded.in_progress, "
            "received = excluded.received, document = excluded.document WHERE in_progress OR NOT excluded.in_progress",
            rows,
        )

    def trace(self, region: str, id: str) -> Trace | None:
        rows = self._data.read("SELECT document FROM trace_segments WHERE (region, trace) = (?, ?)", region, text(id))
        return Trace.of(id, (json.loads(row[0]) for row in rows)) if rows else None

    def active(self, region: str, start: float, end: float, after: str = "") -> Iterator[Trace]:
        """The traces of which some segment lies between two times, by their id, from one on."""
        rows = self._data.read(
            "SELECT DISTINCT trace FROM trace_segments WHERE region = ? AND end >= ? AND start < ? AND trace > ? "
            "ORDER BY trace",
            *(region, start, end, text(after)),
        )
        for (id,) in rows:
            trace = self.trace(region, id)
            if trace is not None:
                yield trace

    def _clean(self) -> None:
        if time.monotonic() < self._look_at:
            return
        gone = self._data.write(
            "DELETE FROM trace_segments WHERE (region, trace, id) IN (SELECT region, trace, id FROM trace_segments "
            "WHERE received < ? LIMIT ?)",
            *(unix_time() - KEPT, _DELETED_A_TURN),
        )
        if gone is None or gone.rowcount < _DELETED_A_TURN:
            self._look_at = time.monotonic() + _LOOK_EVERY
