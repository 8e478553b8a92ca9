"""Errors by AWS's codes that moto has not."""

from __future__ import annotations

from moto.elbv2.exceptions import ELBClientError


class OperationNotPermitted(ELBClientError):
    code = "OperationNotPermitted"


class InvalidTarget(ELBClientError):
    code = "InvalidTarget"


class Refused(ELBClientError):
    """An error by code and message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
