"""What all operations need."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from drydock.embedded.core import paging
from drydock.embedded.core.direct import direct
from drydock.embedded.core.refusals import refusing
from drydock.embedded.services.codedeploy.state import CodeDeployState, Document
from drydock.policy.requests.errors import Invalid

PAGE, BATCH, SMALL_BATCH = 100, 100, 25
"""How many can be asked for at once: of deployments and revisions 25 (documented)."""
MOST_TAGS, LONGEST_KEY, LONGEST_VALUE = 50, 128, 256
"""Of a resource (documented: AWS General Reference, "Tag naming limits and requirements")."""


def uuid(backend: CodeDeployState) -> str:
    bits = f"{backend.chance().getrandbits(128):032x}"
    return "-".join((bits[:8], bits[8:12], bits[12:16], bits[16:20], bits[20:]))


def batch(names: list[Any], most: int = BATCH) -> list[Any]:
    if len(names) > most:
        raise Invalid("BatchLimitExceededException", f"At most {most} can be asked for at once.")
    return names


def page(found: list[Any], request: Document, key: str, token: str = "nextToken") -> Document:
    first = paging.place(request.get(token))
    if first is None:
        raise Invalid("InvalidNextTokenException", "The next token is not valid.")
    some, more = paging.page(found, first, PAGE, token)
    return {key: some, **more}


def read_tags(given: list[dict[str, str]] | None, there_are: dict[str, str] | None = None) -> dict[str, str]:
    """Tags of a request, for a resource that has some. Invalid."""
    found = {tag.get("Key", ""): tag.get("Value", "") for tag in given or ()}
    code = "InvalidTagsToAddException"
    if any(not key or key.lower().startswith("aws:") for key in found):
        raise Invalid(code, "A tag needs a key, which may not begin with aws:.")
    if any(len(key) > LONGEST_KEY or len(value) > LONGEST_VALUE for key, value in found.items()):
        raise Invalid(code, f"The key of a tag has at most {LONGEST_KEY} characters, its value {LONGEST_VALUE}.")
    if len({**(there_are or {}), **found}) > MOST_TAGS:
        raise Invalid(code, f"A resource can have at most {MOST_TAGS} tags.")
    return found


def operation(function: Callable[[CodeDeployState, Document], Document]) -> Any:
    return direct(refusing()(function))
