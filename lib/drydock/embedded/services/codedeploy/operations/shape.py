"""What all operations need."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from drydock.embedded.core import paging
from drydock.embedded.core.direct import direct
from drydock.embedded.core.refusals import refusing
from drydock.embedded.services.codedeploy.state import CodeDeployState, Document
from drydock.policy.requests.errors import Invalid

PAGE, BATCH = 100, 100


def uuid(backend: CodeDeployState) -> str:
    bits = f"{backend.chance().getrandbits(128):032x}"
    return "-".join((bits[:8], bits[8:12], bits[12:16], bits[16:20], bits[20:]))


def batch(names: list[Any]) -> list[Any]:
    if len(names) > BATCH:
        raise Invalid("BatchLimitExceededException", f"At most {BATCH} can be asked for at once.")
    return names


def page(found: list[Any], request: Document, key: str, token: str = "nextToken") -> Document:
    first = paging.place(request.get(token))
    if first is None:
        raise Invalid("InvalidNextTokenException", "The next token is not valid.")
    some, more = paging.page(found, first, PAGE, token)
    return {key: some, **more}


def read_tags(given: list[dict[str, str]] | None) -> dict[str, str]:
    found = {tag.get("Key", ""): tag.get("Value", "") for tag in given or ()}
    if any(not key or key.lower().startswith("aws:") for key in found):
        raise Invalid("InvalidTagsToAddException", "A tag needs a key, which may not begin with aws:.")
    return found


def operation(function: Callable[[CodeDeployState, Document], Document]) -> Any:
    return direct(refusing()(function))
