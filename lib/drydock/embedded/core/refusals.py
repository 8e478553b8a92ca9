"""Refusals of the policy, as the errors of an API."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from moto.core.exceptions import ServiceException

from drydock.policy.requests.errors import Invalid


class Refusal(ServiceException):
    """Of whatever code the refusal has."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


@contextmanager
def refusing() -> Iterator[None]:
    """Let a refusal of the policy be the API's."""
    try:
        yield
    except Invalid as error:
        raise Refusal(error.code, error.message) from None
