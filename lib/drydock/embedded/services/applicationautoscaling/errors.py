"""Errors of Application Auto Scaling."""

from __future__ import annotations

from moto.core.exceptions import ServiceException


class Validation(ServiceException):
    code = "ValidationException"


class ObjectNotFound(ServiceException):
    code = "ObjectNotFoundException"


class ResourceNotFound(ServiceException):
    code = "ResourceNotFoundException"


class TooManyTags(ServiceException):
    code = "TooManyTagsException"


class InvalidNextToken(ServiceException):
    code = "InvalidNextTokenException"
