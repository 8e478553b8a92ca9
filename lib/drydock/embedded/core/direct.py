"""Operations of ours that need nothing of moto but its state, done without its request and response.

These find out many times over what is known already, and that takes longer than most operations. What a request holds
and how an answer is written is up to moto's own parser and serializer all the same.
"""

from __future__ import annotations

import functools
import importlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from drydock.embedded.core import seams
from drydock.embedded.core.wsgi import Answer, Environ

_SIGNED = re.compile(r"^AWS4\S+ +Credential=(?P<key>[^/,]*)/[^/,]*/(?P<region>[^/,]*)/")

Direct = Callable[[Any, dict[str, Any]], Any]
"""(backend, request) → result. Raises moto's ServiceException."""


def direct(function: Direct) -> Callable[[Any], Any]:
    """An action of moto's response class that can be answered without it."""
    from moto.core.responses import ActionResult

    @functools.wraps(function)
    def action(response: Any) -> ActionResult:
        backend = seams.backend(response.service_name, response.region)
        return ActionResult(function(backend, dict(response.params)))

    action.direct = function  # type: ignore[attr-defined]
    return action


def notes(action: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Of such an action: its operation tells `host.front.noted` of all that it writes, before it does."""
    action.notes = True  # type: ignore[attr-defined]
    return action


def is_noting(service: str, operation: str, environ: Environ) -> bool:
    """Whether the operation of a request is one that notes what it writes."""
    way = _way(service, operation) if "HTTP_X_AMZ_TARGET" in environ else None
    return way is not None and way.notes


def answer(service: str, operation: str, environ: Environ, body: bytes) -> Answer | None:
    """The answer to a request; None where it has to take the usual way."""
    signed = _SIGNED.search(environ.get("HTTP_AUTHORIZATION", ""))
    if signed is None or "HTTP_X_AMZ_TARGET" not in environ or environ.get("QUERY_STRING"):
        return None
    if "amazonaws" in environ.get("HTTP_HOST", "") or "region/" in environ.get("HTTP_USER_AGENT", ""):
        return None  # which may name another region
    way = _way(service, operation)
    if way is None or environ.get("CONTENT_TYPE") != way.content_type:
        return None
    return way.answer(signed["region"], signed["key"], body)


@dataclass(frozen=True)
class _Way:
    """How one operation is done."""

    service: str
    function: Direct
    parser: Any
    serializer: Callable[[], Any]
    request_id: Callable[[Any], str]
    refusal: type[Exception]
    content_type: str
    notes: bool

    def answer(self, region: str, access_key: str, body: bytes) -> Answer:
        iam: Any = importlib.import_module("moto.iam.models")
        iam.mark_account_as_visited(
            account_id=seams.ACCOUNT, access_key=access_key, service=self.service, region=region
        )
        result: Any
        try:
            result = self.function(seams.backend(self.service, region), self.parser.parse({"body": body}))
        except self.refusal as refused:
            result = refused
        if seams.is_unread() and not isinstance(result, Exception):
            return 200, {}, b""
        made = self.serializer().serialize(result)
        headers = {"server": "amazon.com", **made["headers"]}
        self.request_id(headers)
        return made["status_code"], headers, made["body"].encode()


@functools.lru_cache(maxsize=512)
def _way(service: str, operation: str) -> _Way | None:
    """None for what is not direct. The service is installed."""
    from moto.core import responses, serialize
    from moto.core.exceptions import ServiceException
    from moto.core.parse import PROTOCOL_PARSERS

    model, door = seams.model_of(service), seams.front_door(service)
    if door is None or model is None or model.protocol != "json" or operation not in model.operation_names:
        return None
    owner = cast(Any, door).__self__
    action = getattr(owner, responses.camelcase_to_underscores(operation), None)
    function = getattr(action, "direct", None)
    if function is None:
        return None
    of_it = model.operation_model(operation)
    transformers = getattr(owner, "RESPONSE_KEY_PATH_TO_TRANSFORMER", None)
    return _Way(
        service,
        function,
        PROTOCOL_PARSERS["json"](of_it, map_type=owner.PROTOCOL_PARSER_MAP_TYPE),
        lambda: serialize.get_serializer_class(model.service_name, "json")(
            operation_model=of_it, value_picker=serialize.XFormedAttributePicker(response_transformers=transformers)
        ),
        responses.gen_amzn_requestid_long,
        ServiceException,
        f"application/x-amz-json-{model.metadata['jsonVersion']}",
        getattr(action, "notes", False),
    )
