"""Cloud Map's errors, with the members that its API model gives each."""

from __future__ import annotations

from moto.core.exceptions import ServiceException


class InvalidInput(ServiceException):
    code = "InvalidInput"


class NamespaceNotFound(ServiceException):
    code = "NamespaceNotFound"


class ServiceNotFound(ServiceException):
    code = "ServiceNotFound"


class InstanceNotFound(ServiceException):
    code = "InstanceNotFound"


class OperationNotFound(ServiceException):
    code = "OperationNotFound"


class ResourceInUse(ServiceException):
    code = "ResourceInUse"


class CustomHealthNotFound(ServiceException):
    code = "CustomHealthNotFound"


class DuplicateRequest(ServiceException):
    code = "DuplicateRequest"

    def __init__(self, operation_id: str) -> None:
        super().__init__("Another operation with the same CreatorRequestId is in progress.")
        self.duplicate_operation_id = operation_id


class NamespaceAlreadyExists(ServiceException):
    code = "NamespaceAlreadyExists"

    def __init__(self, namespace_id: str, creator_request_id: str | None) -> None:
        super().__init__(f"Namespace already exists: {namespace_id}.")
        self.namespace_id = namespace_id
        self.creator_request_id = creator_request_id


class ServiceAlreadyExists(ServiceException):
    code = "ServiceAlreadyExists"

    def __init__(self, service_id: str, service_arn: str, creator_request_id: str | None) -> None:
        super().__init__(f"Service already exists: {service_id}.")
        self.service_id = service_id
        self.service_arn = service_arn
        self.creator_request_id = creator_request_id
