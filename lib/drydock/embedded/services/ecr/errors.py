"""ECR's errors that moto does not have, in AWS's wording where it is known."""

from __future__ import annotations

from collections.abc import Iterable

from moto.core.exceptions import ServiceException
from moto.ecr.exceptions import InvalidParameterException


def invalid(parameter: str, problem: str) -> InvalidParameterException:
    """InvalidParameterException that names the parameter."""
    return InvalidParameterException(f"Invalid parameter at '{parameter}' failed to satisfy constraint: '{problem}'")


class ImageTagAlreadyExists(ServiceException):
    code = "ImageTagAlreadyExistsException"

    def __init__(self, repository: str, tag: str) -> None:
        super().__init__(
            f"The image tag '{tag}' already exists in the '{repository}' repository "
            "and cannot be overwritten because the tag is immutable."
        )


class ImageDigestDoesNotMatch(ServiceException):
    code = "ImageDigestDoesNotMatchException"

    def __init__(self, computed: str, given: str) -> None:
        super().__init__(f"The computed image digest '{computed}' does not match the given image digest '{given}'")


class _Missing(ServiceException):
    what = ""

    def __init__(self, digests: Iterable[str], repository: str, registry: str) -> None:
        super().__init__(
            f"{self.what} with digests '[{', '.join(sorted(digests))}]' required for pushing image into repository "
            f"with name '{repository}' in the registry with id '{registry}' do not exist"
        )


class LayersNotFound(_Missing):
    code = "LayersNotFoundException"
    what = "Layers"


class ReferencedImagesNotFound(_Missing):
    code = "ReferencedImagesNotFoundException"
    what = "Images"


class LayerNotFound(ServiceException):
    code = "LayersNotFoundException"

    def __init__(self, digest: str, repository: str, registry: str) -> None:
        super().__init__(
            f"The layer with digest '{digest}' does not exist in the repository with name '{repository}' "
            f"in the registry with id '{registry}'"
        )


class LayerInaccessible(ServiceException):
    code = "LayerInaccessibleException"

    def __init__(self, digest: str) -> None:
        super().__init__(f"The layer '{digest}' is not available because it is not associated with an image")


class InvalidLayer(ServiceException):
    code = "InvalidLayerException"

    def __init__(self, computed: str, given: Iterable[str]) -> None:
        super().__init__(f"The layer has the digest '{computed}', which is not among '{', '.join(given)}'")


class LayerAlreadyExists(ServiceException):
    code = "LayerAlreadyExistsException"

    def __init__(self, digest: str, repository: str, registry: str) -> None:
        super().__init__(
            f"Layer with digest '{digest}' already exists in the repository with name '{repository}' "
            f"in registry with id '{registry}'"
        )


class LayerPartTooSmall(ServiceException):
    code = "LayerPartTooSmallException"
    message = "Layer parts must be at least 5 MiB in size, except the last"


class EmptyUpload(ServiceException):
    code = "EmptyUploadException"
    message = "The specified layer upload does not contain any layer parts."


class Kms(ServiceException):
    code = "KmsException"

    def __init__(self, key: str) -> None:
        super().__init__(f"The KMS key '{key}' does not exist or cannot be used in this region")
        self.kms_error = "NotFoundException"


class PreviewNotFound(ServiceException):
    code = "LifecyclePolicyPreviewNotFoundException"

    def __init__(self, repository: str, registry: str) -> None:
        super().__init__(
            f"Lifecycle policy preview does not exist for the repository with name '{repository}' "
            f"in the registry with id '{registry}'"
        )


class UnsupportedImageType(ServiceException):
    code = "UnsupportedImageTypeException"

    def __init__(self, media_type: str) -> None:
        super().__init__(f"The image is of a type that cannot be scanned: {media_type}")


class ImageArchived(ServiceException):
    code = "ImageArchivedException"
    message = "The specified image is archived and cannot be scanned."


class StorageClassNotSupported(ServiceException):
    code = "ImageStorageClassUpdateNotSupportedException"
