"""How AWS's services word a refusal that is not of one operation: the code for the form of an input, or for a caller.

Observed for the most part: botocore's models list a service's codes, and do not say which one this is.
"""

from __future__ import annotations

from collections.abc import Container

UNCONSTRAINED = frozenset({"s3", "s3bucket_path", "s3control"})
"""Named by host or path; their models constrain nothing."""
OWN_VALUES = frozenset({"sqs", "sns"})
"""They have errors of their own for a wrong name or value of an attribute."""
NAMES_THE_MISSING = frozenset({"ec2", "sqs"})
"""They say in words of their own that a parameter is missing."""
TELLS_THE_FIRST = frozenset({"ecr"})
"""They tell of the first violation only."""
_FORM = {
    "ecs": "InvalidParameterException",
    "ecr": "InvalidParameterException",
    "logs": "InvalidParameterException",
    "resourcegroupstaggingapi": "InvalidParameterException",
    "servicediscovery": "InvalidInput",
    "ec2": "InvalidParameterValue",
    "sqs": "InvalidParameterValue",
    "sns": "InvalidParameter",
    "cloudwatch": "InvalidParameterValue",
    "codedeploy": "InvalidParameterValueException",
    "s3": "InvalidArgument",
    "s3bucket_path": "InvalidArgument",
    "route53": "InvalidInput",
}
_REST = ("ValidationException", "InvalidParameterValueException", "InvalidParameterException",
         "InvalidRequestException", "BadRequestException", "InvalidInputException", "InvalidInput",
         "InvalidArgument")  # fmt: skip


def wrong_form(service: str, operation: str, protocol: str, shapes: Container[str]) -> str:
    """The code with which a service refuses an input for its form; `shapes` are the names in its model."""
    if service == "ecs" and "TaskDefinition" in operation:
        return "ClientException"
    if service in _FORM:
        return _FORM[service]
    if protocol in ("query", "ec2"):
        return "ValidationError"
    if protocol.startswith("rest"):
        return next((code for code in _REST if code in shapes), "ValidationException")
    return "ValidationException"


def unreadable(service: str, speaks_json: bool) -> str:
    """The code for a body that cannot be read at all."""
    if speaks_json:
        return "SerializationException"
    return "InvalidParameterValue" if service == "ec2" else "MalformedInput"


_UNHEARD = {
    400: "MalformedHttpRequestException",
    408: "RequestTimeoutException",
    413: "RequestEntityTooLargeException",
    500: "InternalFailure",
    503: "ServiceUnavailable",
}
"""AWS's common errors (documented) of a request that no service has seen."""


def unheard(status: int, service: str, speaks_json: bool) -> tuple[str, str]:
    """(protocol, code) of the refusal of a request that is not looked into; with 403, because of its caller."""
    if speaks_json:
        return "json", _UNHEARD.get(status, "AccessDeniedException")
    if service == "ec2":
        return "ec2", _UNHEARD.get(status, "UnauthorizedOperation")
    return "query", _UNHEARD.get(status, "AccessDenied")
