"""How a function becomes an operation, and how an answer is paged."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from drydock.embedded.core import paging
from drydock.embedded.core.direct import direct
from drydock.embedded.core.undo import Noted
from drydock.embedded.services.ecs.lookups import error
from drydock.embedded.services.ecs.records import Document
from drydock.policy.requests import errors as policy_errors

_PAGE = 100


@dataclass(frozen=True)
class Asked:
    """What an operation is asked of."""

    ecs_backend: Any

    @property
    def noted(self) -> Noted:
        """Where an operation that `notes` says what it writes."""
        found: Noted = self.ecs_backend.engine.host.front.noted
        return found


def operation(function: Callable[[Asked, Document], Document]) -> Callable[[Any], Any]:
    """Turn `function(asked, request) -> answer` into an action of moto's response class.

    The answer may hold records of ours: it is written out before the host's lock is let go of.
    """

    @functools.wraps(function)
    def answer(backend: Any, request: Document) -> Document:
        try:
            return function(Asked(backend), request)
        except policy_errors.Invalid as refused:
            raise error(refused.code, refused.message) from None

    return direct(answer)


def page(items: list[Any], request: Document, key: str) -> Document:
    """One page of `items` under `key`, with a nextToken where there are more."""
    first, size = paging.place(request.get("nextToken")), int(request.get("maxResults", _PAGE))
    if first is None:
        raise error("InvalidParameterException", "Invalid token.")
    if not 1 <= size <= 100:
        raise error("InvalidParameterException", f"maxResults must be between 1 and 100, not {size}.")
    some, more = paging.page(items, first, size)
    return {key: some, **more}
