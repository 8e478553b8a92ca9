"""Calls of AWS from inside its process: what boto3's clients do with a request, without a connection.

boto3 itself would cost 30 MB, and several times as long a call, for credentials, signatures, retries and connections
that nobody needs here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache, cached_property, partial
from typing import Any
from urllib.parse import urlencode

from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from drydock.embedded.core import seams
from drydock.embedded.core.wsgi import Answer, Environ, environ_of


class Client:
    """A service in a region; its operations are methods, named, called and refused as boto3's are."""

    def __init__(self, service: str, region: str, call: Callable[[Environ], Answer]) -> None:
        self.model = seams.model_of(service)
        self._region = region
        self._call = call

    @cached_property
    def _operations(self) -> dict[str, str]:
        return {xform_name(name): name for name in self.model.operation_names}

    def operation(self, method: str) -> Any:
        """botocore's model of the operation that a method is called for. AttributeError if there is none."""
        if method not in self._operations:
            raise AttributeError(f"{self.model.service_name} has no operation {method}")
        return self.model.operation_model(self._operations[method])

    def __getattr__(self, method: str) -> Callable[..., dict[str, Any]]:
        made = partial(self._ask, self.operation(method))
        setattr(self, method, made)
        return made

    def _ask(self, operation: Any, **parameters: Any) -> dict[str, Any]:
        """Raises ClientError, and ParamValidationError for what does not fit the model."""
        request = _serializer(self.model.resolved_protocol).serialize_to_request(parameters, operation)
        status, headers, body = self._call(self._environ(request))
        answer = {
            "status_code": status,
            "headers": {name.lower(): value for name, value in headers.items()},
            "body": body,
        }
        parse = _parser(self.model.resolved_protocol).parse
        parsed: dict[str, Any] = parse(answer, operation.output_shape)
        if status >= 300:
            shape = self.model.shape_for_error_code(parsed.get("Error", {}).get("Code"))
            raise ClientError({**parsed, **(parse(answer, shape) if shape is not None else {})}, operation.name)
        return parsed

    def _environ(self, request: dict[str, Any]) -> Environ:
        body, query = (
            urlencode(part, doseq=True) if isinstance(part, dict) else part
            for part in (request["body"], request["query_string"])
        )
        headers = {f"HTTP_{name.upper().replace('-', '_')}": str(value) for name, value in request["headers"].items()}
        if "HTTP_CONTENT_TYPE" in headers:
            headers["CONTENT_TYPE"] = headers.pop("HTTP_CONTENT_TYPE")
        scope = f"drydock/20260101/{self._region}/{self.model.signing_name}/aws4_request"
        headers["HTTP_AUTHORIZATION"] = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature="
        sent = body.encode() if isinstance(body, str) else bytes(body)
        return environ_of(request["method"], request["url_path"], query, sent, headers)


def every(ask: Callable[..., dict[str, Any]], key: str, *, token: str = "nextToken", **given: Any) -> Iterator[Any]:
    """What is under `key` in all pages of what an operation answers, whose member for the next one is `token`."""
    while True:
        page = ask(**given)
        yield from page[key]
        if not page.get(token):
            return
        given[token] = page[token]


@cache
def _serializer(protocol: str) -> Any:
    return create_serializer(protocol, include_validation=True)


@cache
def _parser(protocol: str) -> Any:
    return create_parser(protocol)
