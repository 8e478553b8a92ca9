"""Requests about Lambda functions: what AWS refuses, and what the embedded AWS has not and therefore refuses.

Source: AWS Lambda API Reference, *CreateFunction*, *UpdateFunctionCode*, *UpdateFunctionConfiguration* and *Invoke*;
Developer Guide, "Lambda quotas" and "Working with Lambda environment variables". What is refused because it is not
there has the code NotImplemented.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from drydock.policy.requests.errors import Invalid

PARAMETER = "InvalidParameterValueException"
NOT_THERE = "NotImplemented"
TOO_LARGE = "RequestTooLargeException"
DENIED = "AccessDeniedException"
RESPONSE = 6_291_556
"""Bytes of an answer at most (observed in AWS's own message)."""
PAYLOAD = {"RequestResponse": 6_291_456, "Event": 1_048_576}
"""Bytes of an event at most, by the type of its invocation (documented: 6 MB and 1 MB)."""
OLD_PAYLOAD = 262_144
"""The same of InvokeAsync (documented: 256 KB)."""
LONGEST = 900
"""Seconds of a timeout at most (documented)."""
ZIPPED, UNZIPPED = 52_428_800, 262_144_000
"""Bytes of a deployment package in a request, and of what is in it (documented: 50 MB and 250 MB)."""
RETRIES = (60.0, 120.0)
"""AWS seconds before an event is tried again whose function has failed, and once more (documented)."""
OLDEST = 21_600.0
"""AWS seconds after which an event is tried no more (documented: six hours)."""
MOST_MEMORY = 10_240
"""MB of a function at most (documented)."""
_MOST_VARIABLES = 4096
"""Bytes of a function's variables at most (documented)."""
_RUNTIME = re.compile(r"python3\.\d+")
_NAME = re.compile(r"[a-zA-Z0-9-_]{1,64}")
_NAMED = re.compile(
    r"(arn:aws[a-zA-Z-]*:lambda:(?P<region>[a-z0-9-]+):)?((?P<account>\d{12}):)?(function:)?"
    r"(?P<function>[a-zA-Z0-9-_]+(:(\$LATEST|[a-zA-Z0-9-_]+))?)"
)
"""A name, a partial ARN or an ARN (documented)."""
_VARIABLE = re.compile(r"[a-zA-Z][a-zA-Z0-9_]+")
_RESERVED = (
    "_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR",
)  # fmt: skip

Request = Mapping[str, Any]


def create(request: Request) -> None:
    """Refuse a CreateFunction. Raises Invalid."""
    name = request.get("FunctionName")
    if name and _NAMED.fullmatch(name) and not _NAME.fullmatch(name) and ":" in name:
        raise _refuse("ARNs for the names of new functions", "Give the name alone.")
    if name and not _NAME.fullmatch(name):
        raise _constraint("functionName", name, "Member must satisfy regular expression pattern: [a-zA-Z0-9-_]{1,64}")
    _has(request)
    if not request.get("Runtime") or not request.get("Handler"):
        raise Invalid(
            PARAMETER,
            "Runtime and Handler are mandatory parameters for functions created with deployment packages.",
        )
    _settings(request)
    code(request.get("Code") or {})


def configure(request: Request) -> None:
    """Refuse an UpdateFunctionConfiguration. Raises Invalid."""
    _has(request)
    _settings(request)


def code(request: Request) -> None:
    """Refuse the code of a function, as UpdateFunctionCode and CreateFunction give it. Raises Invalid."""
    if request.get("ImageUri"):
        raise _refuse("functions of container images", "Use a PackageType of Zip.")
    for field in ("S3ObjectVersion", "SourceKMSKeyArn"):
        if request.get(field):
            raise _refuse(f"{field} of a function's code", f"Leave {field} out.")
    if not request.get("ZipFile") and not (request.get("S3Bucket") and request.get("S3Key")):
        raise Invalid(PARAMETER, "Please provide a source for function code.")


def runs(runtime: str | None, package: str) -> None:
    """Refuse to run a function whose kind is not there, as one that an earlier version took. Raises Invalid."""
    if package != "Zip":
        raise _refuse("functions of container images", "Use a PackageType of Zip.")
    if not _RUNTIME.fullmatch(runtime or ""):
        raise _refuse(f"the runtime {runtime}: it runs functions of Python", "Use a Runtime of python3.x.")


def called(name: str, account: str, region: str) -> str:
    """The name of a function, perhaps with a qualifier, by what a call names it. Raises Invalid.

    >>> called("111122223333:function:f:prod", "111122223333", "us-east-1")
    'f:prod'
    """
    found = _NAMED.fullmatch(name)
    if found is None:
        raise _constraint("functionName", name, f"Member must satisfy regular expression pattern: {_NAMED.pattern}")
    if found["account"] not in (None, account):
        raise Invalid(
            DENIED,
            f"User is not authorized to perform: lambda:InvokeFunction on resource: {name} because no resource-based "
            "policy allows the lambda:InvokeFunction action",
        )
    if found["region"] not in (None, region):
        raise Invalid(
            "ResourceNotFoundException",
            f"Functions from '{found['region']}' are not reachable in this region ('{region}')",
        )
    return found["function"]


def client_context(given: str) -> None:
    """Refuse what a caller tells of itself, in base 64. Raises Invalid."""
    try:
        told = json.loads(base64.b64decode(given, validate=True)) if given else {}
        parts = [told.get(part) or {} for part in ("client", "custom", "env")]
    except (ValueError, AttributeError, RecursionError):
        parts = [None]
    if not all(isinstance(part, dict) for part in parts):
        raise Invalid("InvalidRequestContentException", "Client context must be a valid Base64-encoded JSON object.")


def routing(configuration: Request | None) -> None:
    """Refuse an alias that shares its calls out. Raises Invalid."""
    if (configuration or {}).get("AdditionalVersionWeights"):
        raise _refuse("weights of an alias's versions", "Leave RoutingConfig out.")


def event(payload: bytes, limit: int) -> None:
    """Refuse what a function is called with. Raises Invalid."""
    if len(payload) > limit:
        raise Invalid(TOO_LARGE, f"Request must be smaller than {limit} bytes for the InvokeFunction operation")
    try:
        json.loads((payload or b"{}").decode())
    except (ValueError, RecursionError) as error:
        raise Invalid(
            "InvalidRequestContentException",
            f"Could not parse request body into json: Could not parse payload: {error}",
        ) from None


def _has(request: Request) -> None:
    for field, (what, is_asked) in _NOT_THERE.items():
        if request.get(field) and is_asked(request[field]):
            raise _refuse(what, f"Leave {field} out.")
    if request.get("Runtime") or request.get("PackageType"):
        runs(request.get("Runtime") or "python3.11", request.get("PackageType") or "Zip")


def _settings(request: Request) -> None:
    timeout = request.get("Timeout")
    if timeout is not None and int(timeout) > LONGEST:
        raise _constraint("timeout", timeout, f"Member must have value less than or equal to {LONGEST}")
    memory = request.get("MemorySize")
    if memory is not None and int(memory) > MOST_MEMORY:
        raise _constraint("memorySize", memory, f"Member must have value less than or equal to {MOST_MEMORY}")
    given = (request.get("Environment") or {}).get("Variables") or {}
    reserved = sorted(set(given) & set(_RESERVED))
    if reserved:
        raise Invalid(
            PARAMETER,
            "Lambda was unable to configure your environment variables because the environment variables you have "
            "provided contains reserved keys that are currently not supported for modification. Reserved keys used in "
            f"this request: {', '.join(reserved)}",
        )
    for name, value in given.items():
        if not _VARIABLE.fullmatch(name):
            rule = "Map keys must satisfy constraint: [Member must satisfy regular expression pattern: "
            raise _constraint("environment.variables", name, f"{rule}[a-zA-Z]([a-zA-Z0-9_])+]")
        if "\0" in str(value):
            raise Invalid(PARAMETER, f"The value of the environment variable {name} has a NUL in it.")
    measured = json.dumps(given, ensure_ascii=False, separators=(",", ":"))
    if len(measured.encode(errors="replace")) > _MOST_VARIABLES:
        raise Invalid(
            PARAMETER,
            "Lambda was unable to configure your environment variables because the environment variables you have "
            f"provided exceeded the 4KB limit. String measured: {measured}",
        )


def _constraint(member: str, value: object, rule: str) -> Invalid:
    return Invalid(
        "ValidationException",
        f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {rule}",
    )


def _refuse(what: str, instead: str) -> Invalid:
    return Invalid(NOT_THERE, f"The embedded AWS does not have {what}. {instead}")


def _any(value: Any) -> bool:
    return bool(value)


_NOT_THERE: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "Layers": ("layers of functions", _any),
    "VpcConfig": (
        "functions in a VPC",
        lambda value: bool(value.get("SubnetIds") or value.get("SecurityGroupIds")),
    ),
    "DeadLetterConfig": ("dead-letter queues of functions", lambda value: bool(value.get("TargetArn"))),
    "TracingConfig": ("X-Ray", lambda value: value.get("Mode") == "Active"),
    "FileSystemConfigs": ("file systems of functions", _any),
    "CodeSigningConfigArn": ("code signing", _any),
    "KMSKeyArn": ("encryption of a function's variables", _any),
    "SnapStart": ("SnapStart", lambda value: value.get("ApplyOn") == "PublishedVersions"),
    "LoggingConfig": (
        "other logs of functions than text in /aws/lambda/NAME",
        lambda value: value.get("LogFormat", "Text") != "Text" or bool(value.get("LogGroup")),
    ),
    "ImageConfig": ("functions of container images", _any),
    "CapacityProviderConfig": ("Lambda managed instances", _any),
    "DurableConfig": ("durable functions", _any),
    "TenancyConfig": ("tenant isolation of functions", _any),
    "PublishTo": ("PublishTo", _any),
}
