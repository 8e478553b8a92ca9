"""What a kernel sends to be shown is without secrets, whichever way it is sent."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from drydock.policy.secrets import hidden
from drydock.runbooks import outputs

PASSWORD = "password=hunter2"


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A kernel's session, which keeps what it is given to send."""
    sent: list[Any] = []
    made = SimpleNamespace(send=lambda *given, **more: sent.append((given, more)), sent=sent)
    shell = SimpleNamespace(kernel=SimpleNamespace(session=made))
    monkeypatch.setattr(outputs, "get_ipython", lambda: shell)
    return made


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("stream", {"name": "stdout", "text": PASSWORD}),
        ("display_data", {"data": {"text/html": f"<b>{PASSWORD}</b>"}, "metadata": {}}),
        ("error", {"ename": "E", "evalue": PASSWORD, "traceback": ["", PASSWORD]}),
        ("execute_reply", {"status": "error", "traceback": [PASSWORD]}),
    ],
)
def test_every_text_in_what_is_shown_is_hidden(session: Any, kind: str, content: dict[str, Any]) -> None:
    outputs.hide_in_outputs(hidden)
    session.send("socket", kind, content, parent={"a": 1})
    session.send("socket", {"header": {"msg_type": kind}, "content": content}, ident=b"x")
    assert len(session.sent) == 2
    assert (
        "hunter2" not in str(session.sent) and "(not shown)" in str(session.sent[0]) and "ident" in session.sent[1][1]
    )
    assert "hunter2" in str(content), "what a cell holds stays as it is"


def test_what_is_not_shown_is_sent_as_it_is(session: Any) -> None:
    outputs.hide_in_outputs(hidden)
    session.send("socket", "execute_input", {"code": PASSWORD})
    assert session.sent == [(("socket", "execute_input", {"code": PASSWORD}), {})]


def test_a_second_run_in_the_same_kernel_hides_its_own(session: Any) -> None:
    outputs.hide_in_outputs(hidden)
    outputs.hide_in_outputs(lambda text: text.replace("x", "(not shown)"))
    session.send("socket", "stream", {"text": "x"})
    assert session.sent == [(("socket", "stream", {"text": "(not shown)"}), {})]
