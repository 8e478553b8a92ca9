"""Data, as against state: log events, metric data, messages of queues; in SQLite, found by index, bounded.

State comes back by a replay of the journal. Data does not: it is in the file before its request is answered, so a
replay, which may well come to do it again (a topic that sends to a queue), writes nothing.
"""

from __future__ import annotations

import errno
import logging
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from drydock import disk
from drydock.embedded.core import seams

log = logging.getLogger(__name__)

LARGEST = 2**63 - 1
_FREED_A_TURN = 500
"""Pages that go back to the file system in one turn."""


class Data:
    """The file. Whoever uses it holds the host's lock; whoever answers a request ends it by `commit` or `rollback`.

    One that is damaged, or turns out to be, is set aside. Unusable if it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._tables: list[str] = []
        self._made = False
        """Whether tables were made since the last commit, with what else was written."""
        self._cleaners: list[Callable[[], None]] = []
        try:
            self._connection = self._opened()
        except sqlite3.OperationalError as error:
            raise disk.unusable(OSError(errno.EACCES, str(error)), path) from error
        except OSError as error:
            raise disk.unusable(error, path) from error
        except sqlite3.DatabaseError as error:
            self._begin_anew(error)

    def _opened(self) -> sqlite3.Connection:
        os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
        return _opened(self._path)

    def _begin_anew(self, error: sqlite3.DatabaseError) -> None:
        """Set the file aside; what it held cannot be read any more."""
        aside = self._path.with_suffix(".damaged")
        self._path.rename(aside)
        for rest in ("-wal", "-shm"):
            self._path.with_name(self._path.name + rest).unlink(missing_ok=True)
        log.error(
            "%s is damaged (%s): it is kept as %s, and logs, metrics and messages begin anew", self._path, error, aside
        )
        self._connection = self._opened()
        for tables in self._tables:
            self.define(tables)

    def _done(self, do: Callable[[], Any]) -> Any:
        """What `do` gives; once more, on an empty file, where this one is damaged."""
        try:
            return do()
        except sqlite3.DatabaseError as error:
            if type(error) is not sqlite3.DatabaseError:  # a subclass is about the statement, or the machine
                raise
            self._connection.close()
            self._begin_anew(error)
            return do()

    def define(self, tables: str) -> None:
        """Make the tables of one service, where they are not there yet; a `rollback` leaves them."""
        self._made = self._made or self._connection.in_transaction
        for statement in tables.split(";"):
            self._done(partial(self._execute, statement))
        if tables not in self._tables:
            self._tables.append(tables)

    def _execute(self, statement: str) -> sqlite3.Cursor:
        return self._connection.execute(statement)

    def write(self, statement: str, *values: Any) -> sqlite3.Cursor | None:
        """Change something, once it is committed; None in a replay, whose changes are there already."""
        if seams.replaying():
            return None
        with _told_as_the_machines():
            cursor: sqlite3.Cursor = self._done(lambda: self._connection.execute(statement, values))
            return cursor

    def write_many(self, statement: str, rows: list[tuple[Any, ...]]) -> None:
        if not seams.replaying():
            with _told_as_the_machines():
                self._done(lambda: self._connection.executemany(statement, rows))

    def read(self, statement: str, *values: Any) -> list[Any]:
        found: list[Any] = self._done(lambda: self._connection.execute(statement, values).fetchall())
        return found

    def scan(self, statement: str, *values: Any) -> Iterator[Any]:
        """Rows one by one, for those who stop early."""
        rows: Iterator[Any] = self._done(lambda: self._connection.execute(statement, values))
        return rows

    def commit(self) -> None:
        """Let what was written survive this process. OSError if it cannot be kept."""
        if not self._connection.in_transaction:
            return
        with _told_as_the_machines():
            self._connection.commit()
        self._made = False

    def rollback(self) -> None:
        """Forget what was written since the last commit."""
        self._connection.rollback()
        if self._made:
            self._made = False
            for tables in self._tables:
                self.define(tables)

    def clean_with(self, cleaner: Callable[[], None]) -> None:
        """Call `cleaner` in every turn: it deletes a part of what nobody can read any more."""
        self._cleaners.append(cleaner)

    def clean(self) -> None:
        """One turn of cleaning."""
        for cleaner in self._cleaners:
            cleaner()
        self.commit()
        if self.read("PRAGMA freelist_count")[0][0]:
            self._connection.execute(f"PRAGMA incremental_vacuum({_FREED_A_TURN})").fetchall()

    def close(self) -> None:
        self._connection.close()


@contextmanager
def _told_as_the_machines() -> Iterator[None]:
    """A full disk, say, is a fault of the machine and of no request."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise OSError(errno.EIO, str(error)) from error


def text(given: str) -> str:
    """What can be kept of a text: SQLite holds UTF-8 and no half of a surrogate pair."""
    return given.encode("utf-8", "replace").decode()


def whole(number: float) -> int:
    """A number as SQLite can compare it."""
    return int(max(-LARGEST, min(LARGEST, number)))


def _opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, check_same_thread=False)
    for setting in (
        "auto_vacuum = INCREMENTAL",  # before there is a table
        "journal_mode = WAL",
        "synchronous = NORMAL",  # what is committed survives the process, and a loss of power but for the last moments
        "journal_size_limit = 16000000",
    ):
        connection.execute(f"PRAGMA {setting}").fetchall()
    connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
    return connection
