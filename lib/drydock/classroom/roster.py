"""The list of learners: a CSV file with the columns id and name, and perhaps email and lti_user_id."""

from __future__ import annotations

import codecs
import csv
import io
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

EARLIER = "earlier"
"""The folder, among those of learners, for what was handed in before."""
COLUMNS = ("id", "name", "email", "lti_user_id")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*")
_LONGEST = {"id": 32, "name": 200, "email": 254, "lti_user_id": 255}
_TURNS_TEXT = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f")
_SHOWN = 20


class BadRoster(ValueError):
    """The list cannot be used; the text names each line and what is wrong with it."""


@dataclass(frozen=True)
class Learner:
    """One line. `id` is the name of the learner's folder; `lti_user_id` is the learner's `sub` on an LTI platform."""

    id: str
    name: str
    email: str = ""
    lti_user_id: str = ""


@dataclass(frozen=True)
class Roster:
    """The learners in the order of the list, and its columns that mean nothing here."""

    learners: tuple[Learner, ...]
    unused: tuple[str, ...] = ()


def read(file: Path) -> Roster:
    """The list in `file`: UTF-8, with or without a byte order mark, columns parted by commas, semicolons or tabs.

    Raises BadRoster, OSError.
    """
    lines = _lines(file)
    head = next(lines, None)
    if head is None:
        raise BadRoster(f"{file} is empty. Its first line names the columns: id,name,email")
    columns = [column.strip().lower() for column in head[1]]
    _check_columns(file, head[0], columns)
    learners: list[Learner] = []
    taken: dict[str, int] = {}
    wrong: list[str] = []
    for number, row in lines:
        if not any(field.strip() for field in row):
            continue
        values = {column: field.strip() for column, field in zip(columns, row, strict=False) if column in COLUMNS}
        problems = list(_problems(columns, row, values))
        same = values.get("id", "").casefold()
        if same and same in taken:
            problems.append(f"the id {values['id']!r} is that of line {taken[same]}, too")
        taken.setdefault(same, number)
        wrong += [f"line {number}: {problem}" for problem in problems]
        learners.append(Learner(**values) if not problems else Learner("", ""))
    if wrong:
        more = [f"… and {len(wrong) - _SHOWN} more"] if len(wrong) > _SHOWN else []
        raise BadRoster("\n".join([f"{file} cannot be used as it is:", *wrong[:_SHOWN], *more]))
    if not learners:
        raise BadRoster(f"{file} has no learner below its first line.")
    return Roster(tuple(learners), tuple(column for column in columns if column not in COLUMNS and column))


def _check_columns(file: Path, line: int, columns: list[str]) -> None:
    missing = [column for column in ("id", "name") if column not in columns]
    if missing:
        raise BadRoster(
            f"{file}, line {line}: there is no column {' and no column '.join(missing)}; there are "
            f"{', '.join(column or '(empty)' for column in columns)}. Write id,name,email in the first line."
        )
    twice = sorted({column for column in columns if column and columns.count(column) > 1})
    if twice:
        raise BadRoster(f"{file}, line {line}: the column {twice[0]} is there more than once.")


def _problems(columns: list[str], row: list[str], values: dict[str, str]) -> Iterator[str]:
    if len(row) != len(columns):
        yield f"{len(row)} columns, and the first line has {len(columns)}: put a value that holds a separator in quotes"
        return
    for column, value in values.items():
        odd = [one for one in value if unicodedata.category(one) in _ODD or one in _TURNS_TEXT]
        if odd:
            yield f"{column} holds the character U+{ord(odd[0]):04X}, which is not to be seen: type it anew"
        elif len(value) > _LONGEST[column]:
            yield f"{column} has {len(value)} characters, and {_LONGEST[column]} is the most"
        elif not value and column in ("id", "name"):
            yield f"{column} is empty"
    identifier = values["id"]
    if identifier and not _ID.fullmatch(identifier):
        yield (
            f"the id {identifier!r} is to be the name of a folder: write letters of a to z, digits, '-', '_' and "
            "single dots between them, and begin with a letter or a digit"
        )
    if identifier.casefold() == EARLIER:
        yield f"the id {identifier!r} is the name of the folder of earlier hand-ins: choose another"
    if values.get("email") and not re.fullmatch(r"[^@\s]+@[^@\s]+", values["email"]):
        yield f"{values['email']!r} is no address of mail"


_ODD = {"Cc", "Cs", "Co", "Cn", "Zl", "Zp"}


def _lines(file: Path) -> Iterator[tuple[int, list[str]]]:
    """Each row with the number of its line."""
    text = _text(file)
    head = text.split("\n", 1)[0]
    separator = max(",;\t", key=head.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    while True:
        begins = rows.line_num + 1
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            raise BadRoster(f"{file}, line {begins}: {error}. Is a quote opened here, and not closed?") from None
        yield begins, row


def _text(file: Path) -> str:
    content = file.read_bytes()
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise BadRoster(f"{file}, line 1: this is UTF-16. Save it as CSV in UTF-8.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BadRoster(
            f"{file}, line {line}: the byte 0x{content[error.start]:02x} is not UTF-8. Save it as CSV in UTF-8."
        ) from None
