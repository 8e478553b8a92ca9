"""Repositories and their images: moto's ECR backend with what ECR does and moto does not."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from moto.core.resource_tagging import TaggableResourcesMixin, TaggedResource
from moto.ecr import models
from moto.ecr.exceptions import (
    ImageAlreadyExistsException,
    ImageNotFoundException,
    RepositoryAlreadyExistsException,
    RepositoryNotEmptyException,
)
from moto.moto_api._internal import mock_random

from drydock.embedded.core import seams
from drydock.embedded.core.host import Host
from drydock.embedded.services.ecr import errors, manifest, names, scan
from drydock.embedded.services.ecr.manifest import Manifest
from drydock.embedded.services.ecr.moments import Moment, now
from drydock.policy.ecr import expiry

if TYPE_CHECKING:
    from drydock.embedded.services.ecr.blobs import Upload

MUTABILITY = ("MUTABLE", "IMMUTABLE", "IMMUTABLE_WITH_EXCLUSION", "MUTABLE_WITH_EXCLUSION")
ENCRYPTION = ("AES256", "KMS", "KMS_DSSE")
MAXIMUM_FILTERS = 5
ACTIVATION_SECONDS = 300.0
EVALUATION_SECONDS = 120.0
"""AWS promises an outcome within 24 hours; here a policy is evaluated each two minutes of AWS time."""
_FILTER = re.compile(r"[0-9a-zA-Z._*-]{1,128}")
_TAGGED = {"TAGGED": True, "UNTAGGED": False}


@dataclass(eq=False)
class Image:
    """One manifest in a repository, with the tags that point to it."""

    manifest: Manifest
    pushed: Moment
    tags: list[str] = field(default_factory=list)
    status: str = "ACTIVE"
    pulled: Moment | None = None
    archived: Moment | None = None
    activated: Moment | None = None
    scan: scan.Scan | None = None

    @property
    def digest(self) -> str:
        return self.manifest.digest

    @property
    def listed_tags(self) -> Sequence[str | None]:
        """Its tags, each of which is listed by itself; None, once, where it has none."""
        return self.tags or [None]

    def settle(self, time: float) -> None:
        """An image on its way out of the archive is there after a while."""
        activated = self.activated
        if self.status == "ACTIVATING" and activated and time >= activated.at:
            self.status = "ACTIVE"

    def for_policy(self) -> expiry.Image:
        return expiry.Image(
            digest=self.digest,
            pushed_at=self.pushed.at,
            tags=tuple(self.tags),
            pulled_at=self.pulled.at if self.pulled else None,
            archived_at=self.archived.at if self.archived else None,
            activated_at=self.activated.at if self.activated else None,
            storage_class=expiry.StorageClass("archive" if self.status == "ARCHIVED" else "standard"),
            references=frozenset(entry.digest for entry in self.manifest.manifests),
            subject=self.manifest.subject,
        )


@dataclass
class Preview:
    """The outcome of a lifecycle policy preview."""

    text: str
    decisions: tuple[expiry.Decision, ...]


class Repository(models.Repository):
    """A repository: `layers` are the blobs that can be seen through it, `uploads` those on their way in."""

    host: Host
    images: list[Image]  # type: ignore[assignment]
    uploads: dict[str, Upload]  # type: ignore[assignment]
    image_scanning_configuration: dict[str, bool]
    preview: Preview | None = None
    evaluated: Moment | None = None
    evaluation_due = 0.0

    @property
    def uri(self) -> str:
        return f"127.0.0.1:{self.host.port}/{self.name}"

    @uri.setter
    def uri(self, _: str) -> None:
        """moto's own, at AWS's address."""

    def described(self) -> dict[str, Any]:
        """The shape `Repository` of the API."""
        shape = {
            "repositoryArn": self.arn,
            "registryId": self.registry_id,
            "repositoryName": self.name,
            "repositoryUri": self.uri,
            "createdAt": self.created_at,
            "imageTagMutability": self.image_tag_mutability,
            "imageScanningConfiguration": self.image_scanning_configuration,
            "encryptionConfiguration": self.encryption_configuration,
        }
        if self.image_tag_mutability_exclusion_filters:
            shape["imageTagMutabilityExclusionFilters"] = self.image_tag_mutability_exclusion_filters
        return shape

    def is_immutable(self, tag: str) -> bool:
        """Whether a tag that points somewhere has to stay: the exclusion filters turn the setting round."""
        filters = self.image_tag_mutability_exclusion_filters or []
        excluded = any(_wildcard(entry["filter"], tag) for entry in filters)
        return self.image_tag_mutability.startswith("IMMUTABLE") != excluded

    def by_tag(self, tag: str) -> Image | None:
        return next((image for image in self.images if tag in image.tags), None)

    def by_digest(self, digest: str) -> Image | None:
        return next((image for image in self.images if image.digest == digest), None)

    def image(self, image_id: dict[str, str]) -> Image:
        """The image of an `imageId`; raises ImageNotFoundException."""
        tag, digest = image_id.get("imageTag"), image_id.get("imageDigest")
        if not tag and not digest:
            raise errors.invalid("imageId", "imageDigest or imageTag has to be given")
        image = self.by_tag(tag) if tag else self.by_digest(str(digest))
        if image is None or (digest and image.digest != digest):
            text = f"{{imageDigest:'{digest or 'null'}', imageTag:'{tag or 'null'}'}}"
            raise ImageNotFoundException(text, self.name, self.registry_id)
        image.settle(self.host.clock.time())
        return image

    def listed(self, tag_status: str | None, image_status: str | None) -> list[Image]:
        """The images that a filter lets through; without one, those that are active."""
        found = []
        for image in self.images:
            image.settle(self.host.clock.time())
            if image_status != "ANY" and image.status != (image_status or "ACTIVE"):
                continue
            if _TAGGED.get(tag_status or "ANY", bool(image.tags)) == bool(image.tags):
                found.append(image)
        return found

    def size(self, image: Image) -> int:
        """Bytes of the layers as they were pushed; of a manifest list, its biggest image."""
        if image.manifest.is_list:
            parts = [self.by_digest(entry.digest) for entry in image.manifest.manifests]
            return max((self.size(part) for part in parts if part), default=0)
        return sum(layer.size for layer in image.manifest.layers)

    def lists_with(self, digest: str) -> list[str]:
        """Digests of the manifest lists that name an image."""
        return [i.digest for i in self.images if digest in {entry.digest for entry in i.manifest.manifests}]

    def referrers(self, digest: str) -> list[Image]:
        return [image for image in self.images if image.manifest.subject == digest]

    def holds(self, digest: str) -> bool:
        """Whether some image of the repository is made of this blob."""
        return any(digest in image.manifest.blobs for image in self.images)


class Backend(models.ECRBackend, TaggableResourcesMixin):  # type: ignore[misc]
    """The registry of one region."""

    SERVICE_NAMESPACE = "ecr"

    host: Host
    repositories: dict[str, Repository]  # type: ignore[assignment]

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.settings = {
            "BASIC_SCAN_TYPE_VERSION": "AWS_NATIVE",
            "REGISTRY_POLICY_SCOPE": "V2",
            "BLOB_MOUNTING": "DISABLED",
        }
        self.managed_key = f"arn:aws:kms:{region_name}:{account_id}:key/{mock_random.uuid4()}"

    def now(self) -> Moment:
        return now(self.host.clock)

    def iter_tagged_resources(self) -> Iterator[TaggedResource]:
        for repository in self.repositories.values():
            tags = self.tagger.get_tag_dict_for_resource(repository.arn)
            yield TaggedResource(repository.arn, tags, "ecr:repository")

    def repository(self, name: str | None, registry_id: str | None = None) -> Repository:
        """A repository by name; raises RepositoryNotFoundException."""
        return cast("Repository", self._get_repository(name or "", registry_id))

    def create_repository(
        self,
        repository_name: str,
        registry_id: str | None,
        encryption_config: dict[str, str] | None,
        image_scan_config: Any,
        image_tag_mutability: str | None,
        tags: list[dict[str, str]] | None,
        image_tag_mutability_exclusion_filters: list[Any] | None = None,
    ) -> Repository:
        if not names.is_repository(repository_name or ""):
            raise errors.invalid("repositoryName", f"must satisfy regular expression '{names.REPOSITORY_PATTERN}'")
        if repository_name in self.repositories:
            raise RepositoryAlreadyExistsException(repository_name, self.account_id)
        filters = image_tag_mutability_exclusion_filters
        check_mutability(image_tag_mutability or "MUTABLE", filters)
        repository = Repository(  # type: ignore[abstract]
            account_id=self.account_id,
            region_name=self.region_name,
            repository_name=repository_name,
            registry_id=registry_id,
            encryption_config=self._encryption(encryption_config),
            image_scan_config=cast("Any", {"scanOnPush": bool((image_scan_config or {}).get("scanOnPush"))}),
            image_tag_mutability=image_tag_mutability or "MUTABLE",
            image_tag_mutability_exclusion_filters=filters,
        )
        repository.host = self.host
        repository.image_tag_mutability = image_tag_mutability or "MUTABLE"
        self.repositories[repository_name] = repository
        self.tagger.tag_resource(repository.arn, tags or [])
        return repository

    def _encryption(self, configuration: dict[str, str] | None) -> dict[str, str]:
        kind = (configuration or {}).get("encryptionType", "AES256")
        if kind not in ENCRYPTION:
            raise errors.invalid("encryptionConfiguration.encryptionType", f"must be one of {', '.join(ENCRYPTION)}")
        key = (configuration or {}).get("kmsKey")
        if kind == "AES256":
            if key:
                raise errors.invalid("encryptionConfiguration.kmsKey", "only for the type KMS or KMS_DSSE")
            return {"encryptionType": kind}
        return {"encryptionType": kind, "kmsKey": self._kms_key(key) if key else self.managed_key}

    def _kms_key(self, key: str) -> str:
        """The ARN of a key that is named by id, alias or ARN; raises KmsException."""
        backend = self.host.backend("kms", self.region_name)
        try:
            return str(backend.describe_key(backend.any_id_to_key_id(key)).arn)
        except Exception:
            raise errors.Kms(key) from None

    def delete_repository(
        self, repository_name: str, registry_id: str | None = None, force: bool = False
    ) -> Repository:
        repository = self.repository(repository_name, registry_id)
        if repository.images and not force:
            raise RepositoryNotEmptyException(repository_name, repository.registry_id)
        for upload in repository.uploads.values():
            upload.cancel()
        self.tagger.delete_all_tags_for_resource(repository.arn)
        return self.repositories.pop(repository_name)

    def put_image(  # type: ignore[override]
        self,
        repository_name: str,
        image_manifest: str,
        image_tag: str | None,
        image_manifest_mediatype: str | None = None,
        digest: str | None = None,
    ) -> Image:
        repository = self.repository(repository_name)
        if image_tag is not None and not names.is_tag(image_tag):
            raise errors.invalid("imageTag", f"must satisfy regular expression '{names.TAG_PATTERN}'")
        try:
            parsed = manifest.parse(image_manifest, image_manifest_mediatype)
        except manifest.InvalidManifest as error:
            raise errors.invalid("imageManifest", str(error)) from None
        if digest and digest != parsed.digest:
            raise errors.ImageDigestDoesNotMatch(parsed.digest, digest)
        image = repository.by_digest(parsed.digest)
        tagged = repository.by_tag(image_tag) if image_tag else None
        archived = image is not None and image.status == "ARCHIVED"
        if image and not archived and (image is tagged or not image_tag):
            raise ImageAlreadyExistsException(
                repository_name, repository.registry_id, image.digest, image_tag or "null"
            )
        if tagged and tagged is not image and repository.is_immutable(image_tag or ""):
            raise errors.ImageTagAlreadyExists(repository_name, image_tag or "")
        if image and archived:
            image.status, image.activated = "ACTIVE", self.now()
        if image is None:
            self._check_parts(repository, parsed)
            image = Image(parsed, pushed=self.now())
            repository.images.append(image)
            repository.layers.update({blob: _size(parsed, blob) for blob in parsed.blobs})
            self._scan_on_push(repository, image)
        if tagged and tagged is not image:
            tagged.tags.remove(image_tag or "")
        if image_tag and image_tag not in image.tags:
            image.tags.append(image_tag)
        return image

    @staticmethod
    def _check_parts(repository: Repository, parsed: Manifest) -> None:
        # Blobs are files, not requests: they may be gone since, with the image that is put here again.
        missing = {blob for blob in parsed.blobs if blob not in repository.layers}
        if missing and not seams.replaying():
            raise errors.LayersNotFound(missing, repository.name, repository.registry_id)
        absent = {entry.digest for entry in parsed.manifests if not repository.by_digest(entry.digest)}
        if absent:
            raise errors.ReferencedImagesNotFound(absent, repository.name, repository.registry_id)

    def _scan_on_push(self, repository: Repository, image: Image) -> None:
        if self.scanning(repository)["scanOnPush"] and scan.can_scan(image.manifest):
            image.scan = scan.begin(self.host, image.manifest)

    def batch_delete_image(
        self, repository_name: str, registry_id: str | None = None, image_ids: list[dict[str, str]] | None = None
    ) -> dict[str, Any]:
        repository = self.repository(repository_name, registry_id)
        done: list[dict[str, str]] = []
        failures: list[dict[str, Any]] = []
        for image_id in image_ids or []:
            try:
                done += self._delete(repository, image_id)
            except Failure as failure:
                failures.append(failure.shape(image_id))
        return {"imageIds": done, "failures": failures}

    @staticmethod
    def _delete(repository: Repository, image_id: dict[str, str]) -> list[dict[str, str]]:
        image = _named(repository, image_id)
        tag = image_id.get("imageTag")
        if tag and len(image.tags) > 1:
            image.tags.remove(tag)
            return [{"imageDigest": image.digest, "imageTag": tag}]
        lists = repository.lists_with(image.digest)
        if lists:
            raise Failure(
                "ImageReferencedByManifestList",
                f"Requested image referenced by manifest list: [{', '.join(lists)}]",
            )
        repository.images.remove(image)
        return [{"imageDigest": image.digest, "imageTag": tag} for tag in image.tags] or [{"imageDigest": image.digest}]

    def batch_get_image(
        self,
        repository_name: str,
        registry_id: str | None = None,
        image_ids: list[dict[str, str]] | None = None,
        accepted_media_types: list[str] | None = None,
    ) -> dict[str, Any]:
        repository = self.repository(repository_name, registry_id)
        images: list[dict[str, Any]] = []
        failures: list[dict[str, Any]] = []
        for image_id in image_ids or []:
            try:
                image = pulled(repository, image_id)
                if accepted_media_types and image.manifest.media_type not in accepted_media_types:
                    raise Failure("ImageNotFound", "Requested image not found")
            except Failure as failure:
                failures.append(failure.shape(image_id))
            else:
                tag = image_id.get("imageTag")
                images += [answered(repository, image, t) for t in ([tag] if tag else image.listed_tags)]
        return {"images": images, "failures": failures}

    def scanning(self, repository: Repository) -> dict[str, Any]:
        """The shape `RepositoryScanningConfiguration`: the registry's rules, else the repository's own flag."""
        frequency: str = "MANUAL"
        applied: list[dict[str, str]] = []
        for rule in self.registry_scanning_configuration["rules"]:
            for entry in rule["repositoryFilters"]:
                if self._match_repository_filter(entry["filter"], repository.name):
                    frequency, applied = rule["scanFrequency"], [entry]
        if not applied and repository.image_scanning_configuration["scanOnPush"]:
            frequency = "SCAN_ON_PUSH"
        return {
            "repositoryArn": repository.arn,
            "repositoryName": repository.name,
            "scanOnPush": frequency != "MANUAL",
            "scanFrequency": frequency,
            "appliedScanFilters": applied,
        }

    def _match_repository_filter(self, filter: str, repository_name: str) -> bool:
        return _wildcard(filter if "*" in filter else f"*{filter}*", repository_name)

    def set_repository_policy(self, registry_id: str, repository_name: str, policy_text: str) -> dict[str, Any]:
        check_policy(policy_text)
        return super().set_repository_policy(registry_id, repository_name, policy_text)

    def put_lifecycle_policy(
        self, registry_id: str, repository_name: str, lifecycle_policy_text: str
    ) -> dict[str, Any]:
        repository = self.repository(repository_name, registry_id)
        rules_of(lifecycle_policy_text)
        repository.lifecycle_policy = lifecycle_policy_text
        repository.evaluated = None
        repository.evaluation_due = self.now().at + EVALUATION_SECONDS
        return {
            "registryId": repository.registry_id,
            "repositoryName": repository_name,
            "lifecyclePolicyText": lifecycle_policy_text,
        }


def rules_of(text: str) -> tuple[expiry.Rule, ...]:
    """The rules of a policy text; raises InvalidParameterException."""
    try:
        return expiry.parse(text)
    except expiry.InvalidPolicy as error:
        raise errors.invalid("LifecyclePolicyText", f"Lifecycle policy validation failure: {error}") from None


def check_mutability(mutability: str, filters: list[dict[str, str]] | None) -> None:
    """Raises InvalidParameterException where the setting and its exclusion filters do not go together."""
    if mutability not in MUTABILITY:
        raise errors.invalid("imageTagMutability", f"Member must satisfy enum value set: [{', '.join(MUTABILITY)}]")
    where = "imageTagMutabilityExclusionFilters"
    if mutability.endswith("_WITH_EXCLUSION"):
        if not filters:
            raise errors.invalid(
                where,
                f"ImageTagMutabilityExclusionFilters can't be null when imageTagMutability is set as {mutability}",
            )
    elif filters:
        raise errors.invalid(
            where, f"ImageTagMutabilityExclusionFilters must be null when imageTagMutability is set as {mutability}"
        )
    if len(filters or []) > MAXIMUM_FILTERS:
        raise errors.invalid(where, f"Member must have length less than or equal to {MAXIMUM_FILTERS}")
    for entry in filters or []:
        if entry.get("filterType") != "WILDCARD":
            raise errors.invalid(f"{where}.filterType", "Member must satisfy enum value set: [WILDCARD]")
        if not _FILTER.fullmatch(entry.get("filter", "")):
            raise errors.invalid(
                f"{where}.filter", f"Member must satisfy regular expression pattern: ^{_FILTER.pattern}$"
            )


def check_policy(text: str) -> None:
    """Raises InvalidParameterException where a statement lets nobody in, or to something that is not ECR's."""
    try:
        statements = json.loads(text)["Statement"]
        for statement in [statements] if isinstance(statements, dict) else statements:
            actions: Any = statement.get("Action", statement.get("NotAction"))
            for action in [actions] if isinstance(actions, str) else actions:
                if action != "*" and not action.startswith("ecr:"):
                    raise errors.invalid("PolicyText", f"Invalid repository policy provided: {action} is not of ECR")
            if "Principal" not in statement and "NotPrincipal" not in statement:
                raise errors.invalid("PolicyText", "Invalid repository policy provided: a statement has no Principal")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise errors.invalid("PolicyText", "Invalid repository policy provided") from None


def pulled(repository: Repository, image_id: dict[str, str]) -> Image:
    """The image that somebody pulls, and the note that they did."""
    image = _named(repository, image_id)
    image.settle(repository.host.clock.time())
    if image.status != "ACTIVE":
        raise Failure("ImageInaccessible", f"Requested image is not available: its status is {image.status}")
    image.pulled = now(repository.host.clock)
    return image


def answered(repository: Repository, image: Image, tag: str | None) -> dict[str, Any]:
    """The shape `Image` of the API."""
    return {
        "registryId": repository.registry_id,
        "repositoryName": repository.name,
        "imageId": {"imageDigest": image.digest} | ({"imageTag": tag} if tag else {}),
        "imageManifest": image.manifest.text,
        "imageManifestMediaType": image.manifest.media_type,
    }


class Failure(Exception):
    """An entry of the `failures` of an answer."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code

    def shape(self, image_id: dict[str, str]) -> dict[str, Any]:
        return {"imageId": image_id, "failureCode": self.code, "failureReason": str(self)}


def _named(repository: Repository, image_id: dict[str, str]) -> Image:
    tag, digest = image_id.get("imageTag"), image_id.get("imageDigest")
    if not tag and not digest:
        raise Failure("MissingDigestAndTag", "Invalid request parameters: both tag and digest cannot be null")
    if digest and not names.is_digest(digest):
        raise Failure(
            "InvalidImageDigest",
            "Invalid request parameters: image digest should satisfy the regex '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'",
        )
    if tag and not names.is_tag(tag):
        raise Failure(
            "InvalidImageTag", f"Invalid request parameters: image tag should satisfy the regex '{names.TAG_PATTERN}'"
        )
    image = repository.by_tag(tag) if tag else repository.by_digest(digest or "")
    if image is None:
        raise Failure("ImageNotFound", "Requested image not found")
    if digest and image.digest != digest:
        raise Failure("ImageTagDoesNotMatchDigest", f"The tag '{tag}' does not point to '{digest}'")
    return image


def _size(parsed: Manifest, digest: str) -> int:
    parts = [*parsed.layers, *([parsed.config] if parsed.config else [])]
    return next(part.size for part in parts if part.digest == digest)


def _wildcard(pattern: str, text: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text) is not None


def backends() -> Iterator[Backend]:
    """Every region's registry."""
    return seams.each(models.ecr_backends)


def page(
    items: Iterable[Any], limit: int | None, token: str | None, default: int = 100, maximum: int = 1000
) -> tuple[list[Any], str | None]:
    """One page of a list, and the `nextToken` of the next one."""
    whole = list(items)
    start = 0
    if token:
        try:
            start = int(base64.b64decode(token, validate=True))
        except ValueError:
            raise errors.invalid("nextToken", "the token is not one that was given out") from None
    size = min(limit or default, maximum)
    rest = start + size
    return whole[start:rest], base64.b64encode(str(rest).encode()).decode() if rest < len(whole) else None
