"""Messages of queues, as rows of the data file; a queue is named by its ARN, a moment in milliseconds."""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from drydock.embedded.core.data import Data, text

TABLES = """
CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT NULL, ready INTEGER NOT NULL, sent INTEGER NOT NULL,
    body TEXT NOT NULL, attributes TEXT NOT NULL, system_attributes TEXT NOT NULL, message_group TEXT,
    deduplication TEXT, receives INTEGER NOT NULL DEFAULT 0, first_received INTEGER);
CREATE INDEX IF NOT EXISTS messages_ready ON messages (queue, ready, receives);
CREATE INDEX IF NOT EXISTS messages_in_order ON messages (queue);
CREATE TABLE IF NOT EXISTS messages_sent (
    queue TEXT NOT NULL, deduplication TEXT NOT NULL, message INTEGER NOT NULL, sent INTEGER NOT NULL,
    PRIMARY KEY (queue, deduplication)) WITHOUT ROWID
"""
DEDUPLICATED_FOR = 300_000
_COLUMNS = (
    "id, body, attributes, system_attributes, sent, message_group, deduplication, receives, first_received, ready"
)


@dataclass(frozen=True)
class Message:
    """A row of `messages`."""

    id: int
    body: str
    attributes: dict[str, Any]
    system_attributes: dict[str, Any]
    sent: int
    group: str | None
    deduplication: str | None
    receives: int
    first_received: int | None


class Store:
    """The messages of all queues. Ids and receipt handles follow from `seed` and a row's number, which is used once."""

    def __init__(self, data: Data, seed: str) -> None:
        self._data = data
        self._seed = seed
        data.define(TABLES)

    # -- names ----------------------------------------------------------------------------------

    def message_id(self, number: int) -> str:
        return str(uuid.UUID(bytes=self._digest("message", number)[:16], version=4))

    def handle(self, queue: str, number: int, receives: int) -> str:
        secret = self._digest(queue, number, receives) * 3
        return base64.b64encode(f"{number} {receives} ".encode() + secret).decode()

    def number_in(self, queue: str, handle: str) -> int | None:
        """The number of the message that a receipt handle of this queue was given for; None if it is none."""
        try:
            number, receives, _ = base64.b64decode(handle, validate=True).split(b" ", 2)
            known = self.handle(queue, int(number), int(receives))
        except ValueError:
            return None
        return int(number) if known == handle else None

    def _digest(self, *parts: object) -> bytes:
        return hashlib.sha256(" ".join(map(str, (self._seed, *parts))).encode()).digest()

    # -- sending --------------------------------------------------------------------------------

    def add(
        self,
        queue: str,
        body: str,
        *,
        ready: int,
        sent: int,
        attributes: dict[str, Any],
        system_attributes: dict[str, Any],
        group: str | None,
        deduplication: str | None,
    ) -> int:
        """Returns the message's number; 0 in a replay, where it is there already."""
        columns = "queue, ready, sent, body, attributes, system_attributes, message_group, deduplication"
        row = self._data.write(
            f"INSERT INTO messages ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            *(queue, ready, sent, text(body), _written(attributes), _written(system_attributes), group, deduplication),
        )
        return int(row.lastrowid or 0) if row is not None else 0

    def note_sent(self, queue: str, deduplication: str, number: int, sent: int) -> None:
        self._data.write("REPLACE INTO messages_sent VALUES (?, ?, ?, ?)", queue, text(deduplication), number, sent)

    def sent_already(self, queue: str, deduplication: str, now: int) -> int | None:
        """The number of the message with this deduplication id that was sent in the last five minutes."""
        found = self._data.read(
            "SELECT message FROM messages_sent WHERE queue = ? AND deduplication = ? AND sent > ?",
            *(queue, text(deduplication), now - DEDUPLICATED_FOR),
        )
        return int(found[0][0]) if found else None

    # -- receiving ------------------------------------------------------------------------------

    def next(self, queue: str, count: int, now: int, since: int) -> list[Message]:
        """Messages sent after `since` that may be received: those that have waited longest."""
        rows = self._data.read(
            f"SELECT {_COLUMNS} FROM messages WHERE queue = ? AND ready <= ? AND sent > ? ORDER BY ready, id LIMIT ?",
            *(queue, now, since, count),
        )
        return [_read(row) for row in rows]

    def next_in_order(self, queue: str, count: int, now: int, since: int) -> list[Message]:
        """The same of a FIFO queue: nothing of a group of which an earlier message is still out."""
        found: list[Message] = []
        closed: set[str | None] = set()
        rows = self._data.scan(
            f"SELECT {_COLUMNS} FROM messages INDEXED BY messages_in_order WHERE queue = ? AND sent > ? ORDER BY id",
            *(queue, since),
        )
        for row in rows:
            message, ready = _read(row), row[-1]
            if ready > now:
                closed.add(message.group)
            elif message.group not in closed:
                found.append(message)
                if len(found) == count:
                    break
        return found

    def next_ready(self, queue: str, after: int, since: int) -> int | None:
        """The first moment later than `after` at which a message may be received."""
        found = self._data.read(
            "SELECT ready FROM messages WHERE queue = ? AND ready > ? AND sent > ? ORDER BY ready LIMIT 1",
            *(queue, after, since),
        )
        return int(found[0][0]) if found else None

    def received(self, message: Message, ready: int, now: int) -> None:
        self._data.write(
            "UPDATE messages SET ready = ?, receives = receives + 1, first_received = coalesce(first_received, ?) "
            "WHERE id = ?",
            *(ready, now, message.id),
        )

    def move(self, message: Message, queue: str) -> None:
        self._data.write("UPDATE messages SET queue = ? WHERE id = ?", queue, message.id)

    # -- one message, all messages --------------------------------------------------------------

    def sent_at(self, queue: str, number: int) -> int | None:
        """When a message that is there was sent."""
        found = self._data.read("SELECT sent FROM messages WHERE id = ? AND queue = ?", number, queue)
        return int(found[0][0]) if found else None

    def show_at(self, number: int, ready: int) -> None:
        self._data.write("UPDATE messages SET ready = ? WHERE id = ?", ready, number)

    def delete(self, queue: str, number: int) -> None:
        self._data.write("DELETE FROM messages WHERE id = ? AND queue = ?", number, queue)

    def clear(self, queue: str) -> None:
        self._data.write("DELETE FROM messages WHERE queue = ?", queue)

    def counts(self, queue: str, now: int, since: int) -> tuple[int, int, int]:
        """How many may be received, how many somebody has, how many are delayed."""
        rows = self._data.read(
            "SELECT total(ready <= ?1), total(ready > ?1 AND receives > 0), total(ready > ?1 AND receives = 0) "
            "FROM messages WHERE queue = ?2 AND sent > ?3",
            *(now, queue, since),
        )
        visible, taken, delayed = map(int, rows[0])
        return visible, taken, delayed

    def keep_only(self, queues: Iterable[str]) -> None:
        """Forget the messages of queues that are no more."""
        known = json.dumps(list(queues))
        for table in ("messages", "messages_sent"):
            self._data.write(f"DELETE FROM {table} WHERE queue NOT IN (SELECT value FROM json_each(?))", known)

    def expire(self, queue: str, since: int, now: int) -> None:
        """Forget what was sent to a queue too long ago."""
        self._data.write("DELETE FROM messages WHERE queue = ? AND sent <= ?", queue, since)
        self._data.write("DELETE FROM messages_sent WHERE queue = ? AND sent <= ?", queue, now - DEDUPLICATED_FOR)


def _written(attributes: dict[str, Any]) -> str:
    return text(json.dumps(attributes, default=lambda binary: {"$binary": base64.b64encode(binary).decode()}))


def _read(row: tuple[Any, ...]) -> Message:
    number, body, attributes, system_attributes, *rest, _ = row
    return Message(number, body, _attributes(attributes), _attributes(system_attributes), *rest)


def _attributes(written: str) -> dict[str, Any]:
    def binary(value: dict[str, Any]) -> Any:
        return base64.b64decode(value["$binary"]) if set(value) == {"$binary"} else value

    found: dict[str, Any] = json.loads(written, object_hook=binary)
    return found
