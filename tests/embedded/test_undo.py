"""What a failed call has changed is put back."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from drydock.embedded.core import seams
from drydock.embedded.core.undo import Before


@dataclass
class Thing:
    value: int = 0


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
