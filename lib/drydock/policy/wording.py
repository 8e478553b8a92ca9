"""How AWS's services word a refusal that is not of one operation: the code for the form of an input, or for a caller.

Observed for the most part: botocore's models list a service's codes, and do not say which one this is.
"""

from __future__ import annotations

from collections.abc import Collection, Container
from enum import Enum
from http import HTTPStatus

from drydock.policy.codedeploy import forms

UNCONSTRAINED = frozenset({"s3", "s3bucket_path", "s3control"})
"""Named by host or path; their models constrain nothing."""
HOSTS = {"s3": frozenset({"s3", "s3express"})}
"""How the hosts of a service begin, where moto takes those of others for its own."""
OWN_VALUES = frozenset({"sqs", "sns"})
"""They have errors of their own for a wrong name or value of an attribute."""
NAMES_THE_MISSING = frozenset({"ec2", "sqs"})
"""They say in words of their own that a parameter is missing."""
TELLS_THE_FIRST = frozenset({"ecr"})
"""They tell of the first violation only."""
HOLDS_PATTERNS = frozenset({"codedeploy"})
"""All that their models have a pattern for is named by users, and has a length as well."""
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


def wrong_member(service: str, member: str, *, missing: bool, documented: Collection[str]) -> str:
    """The code of services that have one for each member of a request; "" for the others.

    `documented`: the errors of the operation.
    """
    return forms.code(member, missing=missing, documented=documented) if service == "codedeploy" else ""


def unreadable(service: str, speaks_json: bool) -> str:
    """The code for a body that cannot be read at all."""
    if speaks_json:
        return "SerializationException"
    return "InvalidParameterValue" if service == "ec2" else "MalformedInput"


def spoken(smithy: str, target: str, content_type: str, query: str) -> str:
    """The protocol of a request by what its headers and its query string say.

    Services that nobody here knows are asked in one of these; those of REST with a body of XML are all known.
    """
    if smithy == "rpc-v2-cbor":
        return "smithy-rpc-v2-cbor"
    if target or "json" in content_type:
        return "json"
    if "x-www-form-urlencoded" in content_type or "xml" in content_type or "Action=" in query:
        return "query"
    return "rest-json"


def understood(protocol: str, spoken: str) -> str:
    """The protocol of an answer, where clients may ask a service of `protocol` in that of another of the same name."""
    return "json" if protocol in ("query", "ec2") and spoken in ("json", "rest-json") else protocol


_UNHEARD = {
    408: "RequestTimeoutException",
    413: "RequestEntityTooLargeException",
    500: "InternalFailure",
    501: "NotImplemented",
    503: "ServiceUnavailable",
}
_MALFORMED = "MalformedHttpRequestException"
"""AWS's common errors (documented) of a request that no service has seen."""
_UNHEARD_BY_S3 = {408: "RequestTimeout", 413: "EntityTooLarge", 431: "RequestHeaderSectionTooLarge"}
"""S3's own, all with status 400 (documented: Amazon S3 API Reference, Error responses)."""


def unheard(status: int, service: str, spoken: str) -> tuple[str, int, str]:
    """(protocol, status, code) of the refusal of a request that is not looked into; with 403, because of its caller.

    `service` is the name that it is signed for.
    """
    if service == "s3":
        return "rest-xml", 400 if status in _UNHEARD_BY_S3 else status, _UNHEARD_BY_S3.get(status) or _code(status)
    if service == "ec2":
        return "ec2", status, "UnauthorizedOperation" if status == HTTPStatus.FORBIDDEN else _code(status)
    return spoken, status, _code(status) + ("" if spoken == "query" or status != HTTPStatus.FORBIDDEN else "Exception")


def _code(status: int) -> str:
    return "AccessDenied" if status == HTTPStatus.FORBIDDEN else _UNHEARD.get(status, _MALFORMED)


OWN_SIGNATURE = frozenset({"s3"})
"""Signed with their path as it is sent, and perhaps without their body (documented: IAM User Guide, Create a signed AWS
API request)."""


class Unsigned(Enum):
    """Why a signature is not accepted; in AWS's words."""

    MISSING = "Request is missing Authentication Token"
    INCOMPLETE = (
        "Authorization header requires 'Credential', 'Signature' and 'SignedHeaders' with 'host', and the request an "
        "'X-Amz-Date'."
    )
    UNKNOWN = "The security token included in the request is invalid."
    MISMATCH = (
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access "
        "Key and signing method. Consult the service documentation for details."
    )
    EXPIRED = "Signature expired: its X-Amz-Date is more than 15 minutes away from the time here."


_BY_QUERY = {
    Unsigned.MISSING: (403, "MissingAuthenticationToken"),
    Unsigned.INCOMPLETE: (400, "IncompleteSignature"),
    Unsigned.UNKNOWN: (403, "InvalidClientTokenId"),
    Unsigned.MISMATCH: (403, "SignatureDoesNotMatch"),
    Unsigned.EXPIRED: (403, "SignatureDoesNotMatch"),
}
_BY_JSON = {
    Unsigned.MISSING: (400, "MissingAuthenticationTokenException"),
    Unsigned.INCOMPLETE: (400, "IncompleteSignatureException"),
    Unsigned.UNKNOWN: (400, "UnrecognizedClientException"),
    Unsigned.MISMATCH: (400, "InvalidSignatureException"),
    Unsigned.EXPIRED: (400, "InvalidSignatureException"),
}
_BY_S3 = {
    Unsigned.MISSING: (403, "AccessDenied"),
    Unsigned.INCOMPLETE: (400, "AuthorizationHeaderMalformed"),
    Unsigned.UNKNOWN: (403, "InvalidAccessKeyId"),
    Unsigned.MISMATCH: (403, "SignatureDoesNotMatch"),
    Unsigned.EXPIRED: (403, "RequestTimeTooSkewed"),
}
_BY_EC2 = {**dict.fromkeys(Unsigned, (401, "AuthFailure")), Unsigned.EXPIRED: (400, "RequestExpired")}


def unsigned(why: Unsigned, protocol: str) -> tuple[int, str]:
    """(status, code) of the refusal of a signature, in a protocol.

    Documented: common errors of the query services (https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html),
    of JSON (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html), of EC2
    (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html) and of S3
    (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html). That all services of a protocol answer alike
    is derived.
    """
    by = {"query": _BY_QUERY, "ec2": _BY_EC2, "rest-xml": _BY_S3}.get(protocol, _BY_JSON)
    return by[why]
