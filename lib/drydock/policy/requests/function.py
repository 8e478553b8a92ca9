"""Requests about Lambda functions: what AWS refuses, and what the embedded AWS has not and therefore refuses.

Source: AWS Lambda API Reference, *CreateFunction*, *UpdateFunctionCode*, *UpdateFunctionConfiguration* and *Invoke*;
Developer Guide, "Lambda quotas" and "Working with Lambda environment variables". What is refused because it is not
there has the code NotImplemented.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from drydock.policy.requests.errors import Invalid

PARAMETER = "InvalidParameterValueException"
NOT_THERE = "NotImplemented"
TOO_LARGE = "RequestTooLargeException"
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
_RUNTIME = re.compile(r"python3\.\d+")
_RESERVED = (
    "_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR",
)  # fmt: skip

Request = Mapping[str, Any]


def create(request: Request) -> None:
    """Refuse a CreateFunction. Raises Invalid."""
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
        raise Invalid(
            "ValidationException",
            f"1 validation error detected: Value '{timeout}' at 'timeout' failed to satisfy constraint: "
            f"Member must have value less than or equal to {LONGEST}",
        )
    given = (request.get("Environment") or {}).get("Variables") or {}
    reserved = sorted(set(given) & set(_RESERVED))
    if reserved:
        raise Invalid(
            PARAMETER,
            "Lambda was unable to configure your environment variables because the environment variables you have "
            "provided contains reserved keys that are currently not supported for modification. Reserved keys used in "
            f"this request: {', '.join(reserved)}",
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
