"""Log streams and their events, as rows of the data file."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from drydock.embedded.core.data import LARGEST, Data, text, whole

TABLES = """
CREATE TABLE IF NOT EXISTS log_streams (
    id INTEGER PRIMARY KEY AUTOINCREMENT, region TEXT NOT NULL, log_group TEXT NOT NULL, name TEXT NOT NULL,
    created REAL NOT NULL, ingested REAL, bytes INTEGER NOT NULL DEFAULT 0, puts INTEGER NOT NULL DEFAULT 0,
    UNIQUE (region, log_group, name));
CREATE TABLE IF NOT EXISTS log_events (
    id INTEGER PRIMARY KEY AUTOINCREMENT, stream INTEGER NOT NULL, at INTEGER NOT NULL, ingested INTEGER NOT NULL,
    message TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS log_events_by_time ON log_events (stream, at);
CREATE TABLE IF NOT EXISTS log_streams_deleted (id INTEGER PRIMARY KEY)
"""
_DELETED_A_TURN = 2000

Place = tuple[int, int]
"""Between two events: the time and the number of the one before it, or after it when read backward."""
FIRST: Place = (0, 0)
LAST: Place = (LARGEST, LARGEST)


@dataclass(frozen=True, slots=True)
class Event:
    """One line."""

    at: int
    id: int
    ingested: int
    message: str
    stream: int

    @property
    def place(self) -> Place:
        return self.at, self.id


@dataclass(frozen=True)
class Stream:
    """A row of `log_streams`; times in seconds."""

    id: int
    region: str
    group: str
    name: str
    created: float
    ingested: float | None
    bytes: int
    puts: int


class Store:
    """The streams of all regions."""

    def __init__(self, data: Data) -> None:
        self._data = data
        data.define(TABLES)

    # -- streams --------------------------------------------------------------------------------

    def streams(self) -> list[Stream]:
        return [Stream(*row) for row in self._data.read("SELECT * FROM log_streams ORDER BY id")]

    def stream(self, number: int) -> Stream | None:
        """None in a replay, of what was deleted since."""
        rows = self._data.read("SELECT * FROM log_streams WHERE id = ?", number)
        return Stream(*rows[0]) if rows else None

    def create(self, region: str, group: str, name: str, created: float) -> int:
        """The number of the stream, which is made if it is not there."""
        key = (region, group, text(name))
        found = self._data.read("SELECT id FROM log_streams WHERE (region, log_group, name) = (?, ?, ?)", *key)
        if found:
            return int(found[0][0])
        row = self._data.write(
            "INSERT INTO log_streams (region, log_group, name, created) VALUES (?, ?, ?, ?)", *key, created
        )
        return int(row.lastrowid or 0) if row is not None else 0

    def delete(self, region: str, group: str, name: str | None = None) -> None:
        """Forget a stream, or all of a group; the events go bit by bit."""
        which, key = "(region, log_group) = (?, ?)", [region, group]
        if name is not None:
            which, key = f"{which} AND name = ?", [*key, text(name)]
        for (stream,) in self._data.read(f"SELECT id FROM log_streams WHERE {which}", *key):
            self.forget(stream)

    def forget(self, stream: int) -> None:
        if self._data.write("DELETE FROM log_streams WHERE id = ?", stream) is not None:
            self._data.write("INSERT OR IGNORE INTO log_streams_deleted VALUES (?)", stream)

    # -- events ---------------------------------------------------------------------------------

    def put(self, stream: int, events: Iterable[tuple[int, str]], ingested: float) -> int:
        """Keep (time, message) of events, in this order; returns the number of the first."""
        rows = [(stream, at, int(ingested * 1000), text(message)) for at, message in events]
        self._data.write_many("INSERT INTO log_events (stream, at, ingested, message) VALUES (?, ?, ?, ?)", rows)
        self._data.write(
            "UPDATE log_streams SET ingested = ?, bytes = bytes + ?, puts = puts + 1 WHERE id = ?",
            ingested,
            sum(len(row[3].encode()) for row in rows),
            stream,
        )
        return int(self._data.read("SELECT max(id) FROM log_events")[0][0] or 0) - len(rows) + 1

    def read(
        self,
        streams: Iterable[int],
        *,
        start: float | None = None,
        end: float | None = None,
        after: Place | None = None,
        before: Place | None = None,
        backward: bool = False,
    ) -> Iterator[Event]:
        """Events of these streams with start <= time < end, between two places, in order of time."""
        low = max(after or FIRST, (whole(start or 0), 0))
        high = min(before or LAST, (whole(LARGEST if end is None else end), 0))
        runs = [self._run(stream, low, high, backward) for stream in streams]
        return heapq.merge(*runs, key=lambda event: event.place, reverse=backward)

    def _run(self, stream: int, low: Place, high: Place, backward: bool) -> Iterator[Event]:
        order = "DESC" if backward else "ASC"
        rows = self._data.scan(
            "SELECT at, id, ingested, message, stream FROM log_events WHERE stream = ? AND at BETWEEN ? AND ? "
            f"AND (at, id) > (?, ?) AND (at, id) < (?, ?) ORDER BY at {order}, id {order}",
            *(stream, low[0], high[0], *low, *high),
        )
        return (Event(*row) for row in rows)

    def span(self, stream: int, oldest: int) -> tuple[int, int] | None:
        """The times of the first event since `oldest` and of the last; None without any."""
        first, last = self._data.read(
            "SELECT (SELECT min(at) FROM log_events WHERE stream = ?1 AND at >= ?2), "
            "(SELECT max(at) FROM log_events WHERE stream = ?1 AND at >= ?2)",
            *(stream, oldest),
        )[0]
        return None if first is None else (first, last)

    # -- cleaning -------------------------------------------------------------------------------

    def clean(self) -> bool:
        """Delete some events of streams that were deleted; whether there were any."""
        for (stream,) in self._data.read("SELECT id FROM log_streams_deleted LIMIT 1"):
            if self.expire(stream, LARGEST):
                self._data.write("DELETE FROM log_streams_deleted WHERE id = ?", stream)
            return True
        return False

    def expire(self, stream: int, oldest: int) -> bool:
        """Delete some events of before `oldest`; whether those were the last."""
        chosen = "SELECT id FROM log_events WHERE stream = ? AND at < ? LIMIT ?"
        count, size = self._data.read(
            f"SELECT count(*), total(length(CAST(message AS BLOB))) FROM log_events WHERE id IN ({chosen})",
            *(stream, oldest, _DELETED_A_TURN),
        )[0]
        if count:
            self._data.write(f"DELETE FROM log_events WHERE id IN ({chosen})", stream, oldest, _DELETED_A_TURN)
            self._data.write("UPDATE log_streams SET bytes = bytes - ? WHERE id = ?", int(size), stream)
        return bool(count < _DELETED_A_TURN)
