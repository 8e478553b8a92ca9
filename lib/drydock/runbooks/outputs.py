"""What a runbook's kernel sends to be shown, without the secrets in it: whoever runs the notebook writes that down."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from IPython.core.getipython import get_ipython

_SHOWN = {"stream", "display_data", "update_display_data", "execute_result", "error", "execute_reply"}


class _Sender:
    """In the place of `send` of the kernel's session, through which all that it says goes."""

    def __init__(self, send: Callable[..., Any], hide: Callable[[str], str]) -> None:
        self._send = send
        self.hide = hide

    def __call__(self, stream: Any, what: Any, content: Any = None, *more: Any, **given: Any) -> Any:
        if isinstance(what, Mapping):
            if what["header"]["msg_type"] in _SHOWN:
                what = {**what, "content": self._hidden(what["content"])}
        elif what in _SHOWN:
            content = self._hidden(content)
        return self._send(stream, what, content, *more, **given)

    def _hidden(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.hide(value)
        if isinstance(value, Mapping):
            return {key: self._hidden(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._hidden(item) for item in value]
        return value


def hide_in_outputs(hide: Callable[[str], str]) -> None:
    """From now on, in this kernel, every text that is shown is first given to `hide`; in no kernel nothing."""
    session = getattr(getattr(get_ipython(), "kernel", None), "session", None)
    if session is None:
        return
    if isinstance(session.send, _Sender):
        session.send.hide = hide
    else:
        session.send = _Sender(session.send, hide)
