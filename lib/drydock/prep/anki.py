"""A deck as a package that Anki imports."""

from __future__ import annotations

from pathlib import Path

import genanki

from drydock.notebooks import show
from drydock.prep.deck import Deck

DECK, MODEL = 1_732_697_001, 1_732_697_002
"""By these numbers Anki knows the deck and the kind of its notes again, so they never change."""

_FRONT = "<p><small>{{Topic}} · {{Level}}</small></p><h3>{{Question}}</h3>"
_STYLE = ".card { font-family: system-ui, sans-serif; font-size: 18px; line-height: 1.5; text-align: left; }"


def export(deck: Deck, file: str) -> show.Note:
    """Write the cards of this deck to `file`, which ends in .apkg; an empty name writes nothing and says how.

    A card is known again by its question's id: to import a later export changes the cards that are there and adds
    those that are new. Ratings stay where they are: Anki begins with its own. Raises ValueError for a name that does
    not end so, OSError where the file cannot be written.
    """
    if not file:
        return show.Note("Nothing is exported", 'Give `anki` the name of a file, such as "cards.apkg".')
    target = Path(file).expanduser().absolute()
    if target.suffix != ".apkg":
        raise ValueError(f"{file!r}: Anki takes a package by its name, which has to end in .apkg.")
    package = genanki.Deck(DECK, "Drydock interview", description="Interview questions on containers on AWS.")
    model = genanki.Model(
        MODEL,
        "Drydock question",
        fields=[{"name": name} for name in ("Id", "Topic", "Level", "Question", "Answer")],
        templates=[{"name": "Card", "qfmt": _FRONT, "afmt": "{{FrontSide}}<hr id=answer>{{Answer}}"}],
        css=_STYLE,
    )
    for one in deck.questions.values():
        texts = (one.id, one.topic, one.level, show.text(one.question), one.answer(show.text))
        tags = [f"topic::{one.topic.replace(' ', '-')}", f"level::{one.level}"]
        package.add_note(genanki.Note(model, list(texts), tags=tags, guid=genanki.guid_for("drydock", one.id)))
    genanki.Package(package).write_to_file(target)
    return show.Note(
        f"{len(deck.questions)} cards are in {target.name}",
        f"{target}: File, Import in Anki. To import it again changes cards that are there and doubles none. What you "
        "rated here stays here.",
    )
