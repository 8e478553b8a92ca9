"""Operations of Lambda that moto would do otherwise, or not at all."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

from moto.awslambda.exceptions import LambdaClientError

from drydock.embedded.core import seams
from drydock.embedded.core.host import Host
from drydock.embedded.core.waiting import Wait
from drydock.embedded.workload.objects import NoBucket, content
from drydock.policy.requests import function as rules
from drydock.policy.requests.errors import Invalid
from drydock.policy.trust import trusts

from . import code
from .calls import Call, Outcome
from .events import Events

Answer = tuple[int, dict[str, Any], Any]

_STATUS = {
    rules.NOT_THERE: 501, rules.TOO_LARGE: 413, "TooManyRequestsException": 429, rules.DENIED: 403,
    "ResourceNotFoundException": 404,
}  # 400 otherwise  # fmt: skip
_LAMBDA = "lambda.amazonaws.com"
_GET, _SAYS = "Error occurred while GetObject. S3 Error Code: ", "S3 Error Message: "
_LONGEST = 1000.0
"""Our seconds that a request waits for a call at most: it is told when the call ends, long before."""


class Operations:
    """What takes the place of methods of moto's response."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._calls = events.calls
        self._host = events.host

    def invoke(self, response: Any) -> Answer:
        name = unquote(response.path.rsplit("/", 2)[-2])
        kind = response.headers.get("X-Amz-Invocation-Type") or "RequestResponse"
        call: Call | None = self._host.front.kept
        if call is None:
            qualifier = response._get_param("Qualifier")
            named = _named(response, name)
            found = response.backend.get_function(named, qualifier)
            if kind == "DryRun":
                return 204, {"status": 204}, ""
            event = _body(response)
            with refused():
                rules.event(event, rules.PAYLOAD[kind])
                if kind == "Event":
                    self._events.take(found, event)
                    return 202, {"status": 202}, ""
                client = response.headers.get("X-Amz-Client-Context") or ""
                rules.client_context(client)
                call = self._events.call(found, event, client, arn=_called(found, named, qualifier))
            call.on_end = self._tell
            key, version = _key(call), self._host.lot.version(_key(call))
            self._calls.begin(call)
            raise Wait(key, version, _LONGEST, call)
        version = self._host.lot.version(_key(call))
        if call.outcome is None:
            if self._host.closing:
                raise _error(Invalid("ServiceException", "The embedded AWS ends, and the function with it."))
            raise Wait(_key(call), version, _LONGEST, call)
        self._host.lot.forget(_key(call))
        return _answer(call, call.outcome, with_tail=response.headers.get("X-Amz-Log-Type") == "Tail")

    def invoke_async(self, response: Any) -> Answer:
        name = unquote(response.path.rstrip("/").rsplit("/", 2)[-2])
        found, event = response.backend.get_function(_named(response, name), None), _body(response)
        with refused():
            rules.event(event, rules.OLD_PAYLOAD)
            self._events.take(found, event)
        return 202, {"status": 202}, ""

    def _tell(self, call: Call) -> None:
        self._host.lot.notify(_key(call))


def _named(response: Any, name: str) -> str:
    """The function that a call names, perhaps with a qualifier. LambdaClientError."""
    backend = response.backend
    with refused():
        return rules.called(name, backend.account_id, backend.region_name)


def _key(call: Call) -> str:
    return f"call {call.identity}"


def _called(found: Any, name: str, qualifier: str | None) -> str:
    """The ARN under which a function is called: with the alias or version that who calls it has named."""
    base = ":".join(found.function_arn.split(":")[:7])
    named = name.partition(":")[2] or qualifier
    return f"{base}:{named}" if named else base


def _body(response: Any) -> bytes:
    body = response.body or b""
    return body.encode() if isinstance(body, str) else bytes(body)


def _answer(call: Call, outcome: Outcome, *, with_tail: bool) -> Answer:
    if outcome.refused is not None:
        raise _error(outcome.refused)
    headers = {
        "content-type": "application/json",
        "x-amz-executed-version": call.function.version,
        "x-amzn-requestid": call.identity,
    }
    if outcome.failed:
        headers["x-amz-function-error"] = "Unhandled"
    if with_tail:
        headers["x-amz-log-result"] = base64.b64encode(outcome.tail).decode()
    return 200, headers, outcome.answer


# -- what changes functions ------------------------------------------------------------------------


@contextmanager
def refused() -> Iterator[None]:
    """What policy refuses is an error of Lambda's."""
    try:
        yield
    except Invalid as invalid:
        raise _error(invalid) from None


def _error(invalid: Invalid) -> LambdaClientError:
    error = LambdaClientError(invalid.code, invalid.message)
    error.code = _STATUS.get(invalid.code, 400)
    return error


def checked(operation: Callable[..., Any], check: Callable[[Any], None], place: int) -> Callable[..., Any]:
    """A method of moto's backend behind a check of its argument at `place`; what was done once is done again."""

    def does(*given: Any, **named: Any) -> Any:
        if not seams.replaying():
            with refused():
                check(named["body"] if "body" in named else given[place])
        return operation(*given, **named)

    return does


class Checks:
    """What holds a function up before it is made or changed. Invalid."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def create(self, spec: Any) -> None:
        rules.create(spec)
        self._role(spec.get("Role"))
        self._package(spec["Code"])

    def configure(self, body: Any) -> None:
        rules.configure(body)
        self._role(body.get("Role"))

    def code(self, body: Any) -> None:
        rules.code(body)
        self._package(body)

    def _role(self, arn: str | None) -> None:
        """A role has to trust Lambda, and to have come into force, where the profile asks."""
        if not arn or not self._host.profile.role:
            return
        role = next((role for role in self._host.backend("iam", "aws").roles.values() if role.arn == arn), None)
        if role is None:
            return  # moto says so
        if self._host.lately.has(("role", arn)) or not trusts(role.assume_role_policy_document, _LAMBDA):
            raise Invalid(rules.PARAMETER, "The role defined for the function cannot be assumed by Lambda.")

    def _package(self, given: Any) -> None:
        if given.get("ZipFile"):
            package = base64.b64decode(given["ZipFile"])
            if len(package) > rules.ZIPPED:
                raise Invalid(rules.TOO_LARGE, f"Request must be smaller than {rules.ZIPPED} bytes for a package")
        else:
            package = self._object(given["S3Bucket"], given["S3Key"])
        code.check(package)

    def _object(self, bucket: str, key: str) -> bytes:
        try:
            found = content(self._host, bucket, key)
        except NoBucket:
            raise Invalid(rules.PARAMETER, f"{_GET}NoSuchBucket. {_SAYS}The specified bucket does not exist") from None
        if found is None:
            raise Invalid(rules.PARAMETER, f"{_GET}NoSuchKey. {_SAYS}The specified key does not exist.")
        return found


def keeps_all(update: Callable[[Any, Any], Any], checks: Checks) -> Callable[[Any, Any], Any]:
    """`update_configuration` of moto's function, with what it leaves out; CloudFormation comes in here, too."""

    def update_configuration(function: Any, updates: Any) -> Any:
        if not seams.replaying():
            with refused():
                checks.configure(updates)
        if updates.get("EphemeralStorage"):
            function.ephemeral_storage = updates["EphemeralStorage"]["Size"]
        return update(function, updates)

    return update_configuration


def from_template(create_from: Any, checks: Checks) -> tuple[Any, Any]:
    """How CloudFormation makes and changes a function: code in a template is a text, and nothing is left out."""

    def create_from_cloudformation_json(
        cls: type[Any], /, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **more: Any
    ) -> Any:
        if not seams.replaying():
            with refused():
                rules.create(cloudformation_json["Properties"])
        return create_from.__func__(cls, resource_name, cloudformation_json, account_id, region_name, **more)

    def update_from_cloudformation_json(
        cls: type[Any], /, original_resource: Any, new_resource_name: str, cloudformation_json: Any, *_: Any, **__: Any
    ) -> Any:
        properties = cloudformation_json["Properties"]
        given = dict(properties["Code"])
        if "ZipFile" in given:
            given["ZipFile"] = base64.b64encode(cls._create_zipfile_from_plaintext_code(given["ZipFile"])).decode()
        if not seams.replaying():
            with refused():
                checks.code(given)
        original_resource.update_configuration(properties)
        original_resource.update_function_code(given)
        return original_resource

    return classmethod(create_from_cloudformation_json), classmethod(update_from_cloudformation_json)


def not_there(what: str, instead: str) -> Callable[..., Any]:
    """An operation that the embedded AWS does not have."""

    def refuses(*_: Any, **__: Any) -> Any:
        raise _error(Invalid(rules.NOT_THERE, f"The embedded AWS does not have {what}. {instead}"))

    return refuses


def with_weights_refused(operation: Callable[..., Any]) -> Callable[..., Any]:
    """CreateAlias and UpdateAlias: an alias is one version."""

    def does(
        backend: Any, name: str, function_name: str, function_version: str, description: str, routing_config: Any
    ) -> Any:
        if not seams.replaying():
            with refused():
                rules.routing(routing_config)
        return operation(backend, name, function_name, function_version, description, routing_config)

    return does


def with_destinations_refused(put: Callable[..., Any]) -> Callable[..., Any]:
    """PutFunctionEventInvokeConfig, whose retries are done, and whose destinations are not."""

    def does(backend: Any, function_name: str, config: Any) -> Any:
        asked = config.get("DestinationConfig") or {}
        if not seams.replaying() and any((asked.get(kind) or {}).get("Destination") for kind in asked):
            not_there("destinations of functions", "Leave DestinationConfig out.")()
        with contextlib.suppress(AttributeError):
            backend.get_function(function_name).event_invoke_config.clear()  # moto keeps the first
        return put(backend, function_name, config)

    return does
