"""The package for Anki, read as what it is: a zip with a database."""

from __future__ import annotations

import sqlite3
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from drydock.prep import Deck, export, questions

CARDS = questions.load()


def notes(package: Path, scratch: Path) -> dict[str, tuple[str, list[str], set[str]]]:
    """{guid: (model, fields, tags)} of each note in a package."""
    with zipfile.ZipFile(package) as archive:
        archive.extract("collection.anki2", scratch)
    with sqlite3.connect(scratch / "collection.anki2") as database:
        rows = database.execute("select guid, mid, flds, tags from notes").fetchall()
        cards = database.execute("select count(*) from cards").fetchone()[0]
    database.close()
    assert cards == len(rows), "one card of each note"
    return {guid: (str(model), fields.split("\x1f"), set(tags.split())) for guid, model, fields, tags in rows}


def test_every_card_is_in_the_package_with_its_answer_and_tags(tmp_path: Path) -> None:
    said = export(Deck(CARDS, tmp_path / "cards.json"), str(tmp_path / "cards.apkg"))
    assert said.heading == f"{len(CARDS)} cards are in cards.apkg"
    found = {fields[0]: (fields, tags) for _, fields, tags in notes(tmp_path / "cards.apkg", tmp_path).values()}
    assert set(found) == {card.id for card in CARDS}
    for card in CARDS:
        fields, tags = found[card.id]
        assert fields[1:3] == [card.topic, card.level]
        assert tags == {f"topic::{card.topic.replace(' ', '-')}", f"level::{card.level}"}
        assert all(path in fields[4] for path in card.shown_in)
        assert "<a " not in fields[4], "a link would lead nowhere from there"
    assert not (tmp_path / "cards.json").exists(), "ratings are not touched"


def test_a_second_export_has_the_same_ids_so_that_it_updates_and_doubles_nothing(tmp_path: Path) -> None:
    few = Deck(CARDS[:5], tmp_path / "cards.json")
    export(few, str(tmp_path / "one.apkg"))
    changed = [replace(card, question=f"{card.question} And why?") for card in CARDS[1:6]]
    export(Deck(changed, tmp_path / "cards.json"), str(tmp_path / "two.apkg"))
    (tmp_path / "other").mkdir()
    first, second = notes(tmp_path / "one.apkg", tmp_path), notes(tmp_path / "two.apkg", tmp_path / "other")
    assert len(set(first) & set(second)) == 4
    assert {model for model, _, _ in (*first.values(), *second.values())} == {"1732697002"}
    for guid in set(first) & set(second):
        assert first[guid][1][0] == second[guid][1][0], "the same guid is the same question"
        assert second[guid][1][3] == f"{first[guid][1][3]} And why?", "with its new text"


def test_another_ending_is_refused_and_without_a_name_nothing_is_written(tmp_path: Path) -> None:
    deck = Deck(CARDS[:2], tmp_path / "cards.json")
    with pytest.raises(ValueError, match=r"cards\.zip.*has to end in \.apkg"):
        export(deck, str(tmp_path / "cards.zip"))
    assert export(deck, "").heading == "Nothing is exported"
    assert list(tmp_path.iterdir()) == []
