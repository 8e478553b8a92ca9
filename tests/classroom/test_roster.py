"""The list of learners: what spreadsheets write is read, and what cannot be used is named with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from drydock.classroom import roster
from drydock.classroom.roster import BadRoster, Learner


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "list.csv"


@pytest.mark.parametrize(
    "content",
    [
        b"id,name,email\nanna,Anna M\xc3\xbcller,anna@example.org\nbob-2,Bob,\n",
        b"\xef\xbb\xbfid,name,email\r\nanna,Anna M\xc3\xbcller,anna@example.org\r\nbob-2,Bob,\r\n",
        b"ID; Name ;EMail\r\nanna;Anna M\xc3\xbcller;anna@example.org\r\n\r\nbob-2; Bob;\r\n;;\r\n",
        b"name\tid\temail\nAnna M\xc3\xbcller\tanna\tanna@example.org\n\"Bob\"\tbob-2\t\n",
    ],
    ids=["commas", "byte order mark", "semicolons", "tabs"],
)  # fmt: skip
def test_what_spreadsheets_write_is_read(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    assert roster.read(file).learners == (Learner("anna", "Anna Müller", "anna@example.org"), Learner("bob-2", "Bob"))


def test_a_column_that_means_nothing_here_is_said(file: Path) -> None:
    file.write_text('id,name,group,lti_user_id\na1,"Muster, Anna",blue,9f-7\n')
    read = roster.read(file)
    assert read.learners == (Learner("a1", "Muster, Anna", "", "9f-7"),)
    assert read.unused == ("group",)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "is empty"),
        ("id,name\n", "no learner below"),
        ("id;email\na;b@c\n", "line 1: there is no column name; there are id, email"),
        ("anna,Anna\n", "line 1: there is no column id and no column name"),
        ("id,name,ID\n", "line 1: the column id is there more than once"),
        ("id,name\nanna,Anna\n\nANNA,Other\n", "line 4: the id 'ANNA' is that of line 2, too"),
        ("id,name\n,Anna\n", "line 2: id is empty"),
        ("id,name\nanna,\n", "line 2: name is empty"),
        ("id,name\nanna;Anna\n", "line 2: 1 columns, and the first line has 2"),
        ("id,name\nanna,Muster,Anna\n", "line 2: 3 columns, and the first line has 2"),
        ("id,name\n../anna,Anna\n", "line 2: the id '../anna' is to be the name of a folder"),
        ("id,name\n/etc,Anna\n", "the id '/etc'"),
        ("id,name\n..,Anna\n", "the id '..'"),
        ("id,name\n.anna,Anna\n", "the id '.anna'"),
        ("id,name\nEarlier,Anna\n", "the id 'Earlier' is the name of the folder of earlier hand-ins"),
        ("id,name\n-rf,Anna\n", "the id '-rf'"),
        ("id,name\na\\b,Anna\n", "is to be the name of a folder"),
        ("id,name\nänna,Anna\n", "the id 'änna'"),
        ("id,name\nanna,Anna\u202egnp.exe\n", "line 2: name holds the character U+202E"),
        ("id,name\nanna,An\x00na\n", "line 2: name holds the character U+0000"),
        ("id,name\n" + "a" * 33 + ",Anna\n", "line 2: id has 33 characters, and 32 is the most"),
        ("id,name,email\nanna,Anna,nowhere\n", "line 2: 'nowhere' is no address of mail"),
        ('id,name\nbob,Bob\nanna,"Anna\n', "line 3: "),
    ],
)
def test_what_cannot_be_used_is_named_with_its_line(file: Path, content: str, says: str) -> None:
    file.write_text(content)
    with pytest.raises(BadRoster) as refused:
        roster.read(file)
    assert says in str(refused.value)
    assert "list.csv" in str(refused.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"id,name\nanna,Anna\nbob,B\xf6b\n", "line 3: the byte 0xf6 is not UTF-8"),
        ("id,name\nanna,Anna\n".encode("utf-16"), "line 1: this is UTF-16"),
    ],
)
def test_another_encoding_is_named(file: Path, content: bytes, says: str) -> None:
    file.write_bytes(content)
    with pytest.raises(BadRoster, match=says):
        roster.read(file)


def test_all_lines_are_named_at_once_up_to_twenty(file: Path) -> None:
    file.write_text("id,name\n" + "/,x\n" * 30)
    with pytest.raises(BadRoster) as refused:
        roster.read(file)
    lines = str(refused.value).splitlines()
    assert len(lines) == 22
    assert lines[1].startswith("line 2: ")
    assert lines[-1].startswith("… and ")
