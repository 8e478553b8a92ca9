"""Errors of CloudWatch that moto lacks."""

from __future__ import annotations

from moto.cloudwatch.exceptions import CloudWatchException


class InvalidNextToken(CloudWatchException):
    code = "InvalidNextToken"
