"""What a failed call has changed is put back."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from drydock.embedded.core import seams
from drydock.embedded.core.undo import Before, Noted


@dataclass
class Thing:
    value: int = 0
    parts: list[dict[str, int]] = field(default_factory=list)


@dataclass
class Backend:
    things: dict[str, Thing]


@pytest.mark.parametrize("count", [10, 200, 5_000])
def test_what_the_request_names_is_put_back_however_many_there_are(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    backend = Backend({f"arn:thing/{number}": Thing() for number in range(count)})
    monkeypatch.setattr(seams, "backends_of", lambda *_: [backend])
    before = Before("things", "us-east-1", b'{"thing": "arn:thing/7"}')
    backend.things["arn:thing/7"].value = 1
    backend.things["arn:thing/new"] = Thing()
    del backend.things["arn:thing/8"]
    assert before.put_back()
    assert backend.things == {f"arn:thing/{number}": Thing() for number in range(count)}


def test_what_was_noted_is_put_back_and_nothing_else() -> None:
    things, other = {"a": Thing(1, [{"x": 1}]), "b": Thing(2)}, {"c": Thing(3)}
    first = things["a"]
    noted = Noted()
    noted.changes(first)
    first.value, first.parts[0]["x"] = 10, 10
    first.parts.append({"y": 1})
    noted.put(things, "a", Thing(4))
    noted.put(things, "a", Thing(5))
    noted.put(things, "new", Thing(6))
    other["c"].value = 30
    assert noted.put_back()
    assert (things, other) == ({"a": Thing(1, [{"x": 1}]), "b": Thing(2)}, {"c": Thing(30)})
    assert things["a"] is first


def test_where_nothing_was_written_nothing_is_put_back() -> None:
    assert not Noted().put_back()
