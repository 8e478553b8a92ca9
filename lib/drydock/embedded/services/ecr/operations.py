"""ECR's actions: each function here becomes a method of moto's response class, under its own name."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast
from urllib.parse import quote

from moto.core.responses import ActionResult
from moto.ecr.exceptions import (
    InvalidLayerPartException,
    LifecyclePolicyNotFoundException,
    LimitExceededException,
    ScanNotFoundException,
    UploadNotFoundException,
    ValidationException,
)
from moto.ecr.responses import ECRResponse
from moto.moto_api._internal import mock_random

from drydock.embedded.services.ecr import errors, names, scan, tokens, views
from drydock.embedded.services.ecr.blobs import BlobStore, Upload
from drydock.embedded.services.ecr.controller import decide
from drydock.embedded.services.ecr.moments import Moment
from drydock.embedded.services.ecr.state import (
    ACTIVATION_SECONDS,
    Backend,
    Image,
    Preview,
    Repository,
    answered,
    check_mutability,
    page,
    rules_of,
)

ACTIONS: dict[str, Callable[[Any], ActionResult]] = {}
PART_BYTES = 10 << 20
LARGEST_PART = 20 << 20
SMALLEST_PART = 5 << 20
LAYER_MEDIA_TYPE = "application/vnd.docker.image.rootfs.diff.tar.gzip"


def _action(function: Callable[[Call], dict[str, Any]]) -> Callable[[Call], dict[str, Any]]:
    def method(self: ECRResponse) -> ActionResult:
        return ActionResult(function(Call(self)))

    ACTIONS[function.__name__] = method
    return function


class Call:
    """One request: its parameters, and what they name."""

    def __init__(self, response: ECRResponse) -> None:
        self._response = response
        self.region: str = response.region
        self.account: str = response.current_account
        self.backend = cast("Backend", response.ecr_backend)
        self.host = self.backend.host

    def __getitem__(self, name: str) -> Any:
        return self._response._get_param(name)

    @property
    def repository(self) -> Repository:
        return self.backend.repository(self["repositoryName"], self["registryId"])

    @property
    def store(self) -> BlobStore:
        return BlobStore(self.host.directory)

    def page(self, items: Any, *, default: int = 100, maximum: int = 1000) -> tuple[list[Any], dict[str, str]]:
        part, token = page(items, self["maxResults"], self["nextToken"], default, maximum)
        return part, {"nextToken": token} if token else {}

    def alone(self, name: str) -> None:
        """Refuse paging where the images or repositories are named."""
        for other in ("maxResults", "nextToken"):
            if self[name] and self[other]:
                raise errors.invalid(other, f"{other} cannot be used together with {name}")


# -- repositories ---------------------------------------------------------------------------------


@_action
def create_repository(call: Call) -> dict[str, Any]:
    repository = call.backend.create_repository(
        repository_name=call["repositoryName"],
        registry_id=call["registryId"],
        encryption_config=call["encryptionConfiguration"],
        image_scan_config=call["imageScanningConfiguration"],
        image_tag_mutability=call["imageTagMutability"],
        tags=call["tags"],
        image_tag_mutability_exclusion_filters=call["imageTagMutabilityExclusionFilters"],
    )
    return {"repository": repository.described()}


@_action
def describe_repositories(call: Call) -> dict[str, Any]:
    call.alone("repositoryNames")
    if call["repositoryNames"]:
        found = [call.backend.repository(name, call["registryId"]) for name in call["repositoryNames"]]
        return {"repositories": [repository.described() for repository in found]}
    part, token = call.page(call.backend.repositories.values())
    return {"repositories": [repository.described() for repository in part], **token}


@_action
def delete_repository(call: Call) -> dict[str, Any]:
    repository = call.backend.delete_repository(call["repositoryName"], call["registryId"], bool(call["force"]))
    return {"repository": repository.described()}


@_action
def put_image_tag_mutability(call: Call) -> dict[str, Any]:
    repository = call.repository
    mutability, filters = call["imageTagMutability"], call["imageTagMutabilityExclusionFilters"]
    check_mutability(mutability, filters)
    repository.image_tag_mutability = mutability
    repository.image_tag_mutability_exclusion_filters = filters
    kept = {"imageTagMutabilityExclusionFilters": filters} if filters else {}
    return _of(repository) | {"imageTagMutability": mutability} | kept


@_action
def put_image_scanning_configuration(call: Call) -> dict[str, Any]:
    repository = call.repository
    wanted = bool((call["imageScanningConfiguration"] or {}).get("scanOnPush"))
    repository.image_scanning_configuration = {"scanOnPush": wanted}
    return _of(repository) | {"imageScanningConfiguration": {"scanOnPush": wanted}}


@_action
def get_authorization_token(call: Call) -> dict[str, Any]:
    host = call.host
    ends = host.clock.utcnow() + timedelta(hours=tokens.HOURS)
    token = tokens.issue(host.directory, call.region, ends.timestamp())
    return {
        "authorizationData": [
            {
                "authorizationToken": base64.b64encode(f"AWS:{token}".encode()).decode(),
                "expiresAt": ends,
                "proxyEndpoint": host.endpoint,
            }
            for _ in call["registryIds"] or [call.account]
        ]
    }


@_action
def get_account_setting(call: Call) -> dict[str, Any]:
    return {"name": call["name"], "value": call.backend.settings[_setting(call)]}


@_action
def put_account_setting(call: Call) -> dict[str, Any]:
    name = _setting(call)
    allowed = {
        "BASIC_SCAN_TYPE_VERSION": ("AWS_NATIVE", "CLAIR"),
        "REGISTRY_POLICY_SCOPE": ("V1", "V2"),
        "BLOB_MOUNTING": ("ENABLED", "DISABLED"),
    }[name]
    if call["value"] not in allowed:
        raise errors.invalid("value", f"the value of {name} has to be one of {', '.join(allowed)}")
    call.backend.settings[name] = call["value"]
    return {"name": name, "value": call["value"]}


def _setting(call: Call) -> str:
    name = call["name"]
    if name not in call.backend.settings:
        raise errors.invalid("name", f"must be one of {', '.join(call.backend.settings)}")
    return str(name)


# -- images ---------------------------------------------------------------------------------------


@_action
def put_image(call: Call) -> dict[str, Any]:
    repository = call.repository
    image = call.backend.put_image(
        repository.name,
        call["imageManifest"] or "",
        call["imageTag"],
        call["imageManifestMediaType"],
        call["imageDigest"],
    )
    return {"image": answered(repository, image, call["imageTag"])}


@_action
def batch_get_image(call: Call) -> dict[str, Any]:
    _named_images(call)
    return call.backend.batch_get_image(
        call["repositoryName"], call["registryId"], call["imageIds"], call["acceptedMediaTypes"]
    )


@_action
def batch_delete_image(call: Call) -> dict[str, Any]:
    _named_images(call)
    return call.backend.batch_delete_image(call["repositoryName"], call["registryId"], call["imageIds"])


def _named_images(call: Call) -> None:
    if not 1 <= len(call["imageIds"] or ()) <= 100:
        raise errors.invalid("imageIds", "Member must have length between 1 and 100")


@_action
def describe_images(call: Call) -> dict[str, Any]:
    call.alone("imageIds")
    repository = call.repository
    if call["imageIds"]:
        named = dict.fromkeys(repository.image(image_id) for image_id in call["imageIds"])
        return {"imageDetails": [_detail(repository, image) for image in named]}
    part, token = call.page(_filtered(call, repository))
    return {"imageDetails": [_detail(repository, image) for image in part], **token}


@_action
def list_images(call: Call) -> dict[str, Any]:
    ids = [
        {"imageDigest": image.digest} | ({"imageTag": tag} if tag else {})
        for image in _filtered(call, call.repository)
        for tag in image.listed_tags
    ]
    part, token = call.page(ids)
    return {"imageIds": part, **token}


def _filtered(call: Call, repository: Repository) -> list[Image]:
    wanted = call["filter"] or {}
    return repository.listed(wanted.get("tagStatus"), wanted.get("imageStatus"))


def _detail(repository: Repository, image: Image) -> dict[str, Any]:
    """The shape `ImageDetail`. Scan results are not in it, as AWS's own scanner leaves them out too."""
    return _without_none(
        {
            **_of(repository),
            "imageDigest": image.digest,
            "imageTags": image.tags or None,
            "imageSizeInBytes": repository.size(image),
            "imagePushedAt": image.pushed.wall,
            "imageManifestMediaType": image.manifest.media_type,
            "artifactMediaType": image.manifest.artifact_media_type,
            "lastRecordedPullTime": _wall(image.pulled),
            "subjectManifestDigest": image.manifest.subject,
            "imageStatus": image.status,
            "lastArchivedAt": _wall(image.archived),
            "lastActivatedAt": _wall(image.activated) if image.status == "ACTIVE" else None,
        }
    )


@_action
def list_image_referrers(call: Call) -> dict[str, Any]:
    digest = (call["subjectId"] or {}).get("imageDigest", "")
    wanted = call["filter"] or {}
    status = wanted.get("artifactStatus", "ACTIVE")
    found = [
        _without_none(
            {
                "digest": image.digest,
                "mediaType": image.manifest.media_type,
                "artifactType": image.manifest.artifact_media_type,
                "size": len(image.manifest.text.encode()),
                "annotations": image.manifest.annotations or None,
                "artifactStatus": image.status,
            }
        )
        for image in call.repository.referrers(digest)
        if status in ("ANY", image.status)
        and image.manifest.artifact_media_type in (wanted.get("artifactTypes") or [image.manifest.artifact_media_type])
    ]
    part, token = call.page(found, default=50, maximum=50)
    return {"referrers": part, **token}


@_action
def update_image_storage_class(call: Call) -> dict[str, Any]:
    repository = call.repository
    image = repository.image(call["imageId"] or {})
    target = call["targetStorageClass"]
    if target == "ARCHIVE" and image.status == "ACTIVE":
        image.status, image.archived = "ARCHIVED", call.backend.now()
    elif target == "STANDARD" and image.status == "ARCHIVED":
        begun = call.backend.now()
        ready = begun.wall + timedelta(seconds=call.host.clock.real(ACTIVATION_SECONDS))
        image.status = "ACTIVATING"
        image.activated = Moment(ready, begun.at + ACTIVATION_SECONDS)
    else:
        raise errors.StorageClassNotSupported(
            f"An image with the status {image.status} cannot be moved to the storage class {target}"
        )
    return _of(repository) | {"imageId": {"imageDigest": image.digest}, "imageStatus": image.status}


# -- layers ---------------------------------------------------------------------------------------


@_action
def initiate_layer_upload(call: Call) -> dict[str, Any]:
    upload = call.store.begin(str(mock_random.uuid4()))
    call.repository.uploads[upload.id] = upload
    return {"uploadId": upload.id, "partSize": PART_BYTES}


@_action
def upload_layer_part(call: Call) -> dict[str, Any]:
    repository = call.repository
    upload = _upload(call, repository)
    try:
        part = base64.b64decode(call["layerPartBlob"] or "", validate=True)
    except (binascii.Error, ValueError):
        raise errors.invalid("layerPartBlob", "not base64") from None
    first, last = call["partFirstByte"], call["partLastByte"]
    if first != upload.received or last - first + 1 != len(part) or len(part) > LARGEST_PART:
        raise InvalidLayerPartException(repository.registry_id, repository.name, upload.id, upload.received - 1)
    if upload.last_part is not None and upload.last_part < SMALLEST_PART:
        raise errors.LayerPartTooSmall()
    upload.last_part = upload.write([part])
    return _of(repository) | {"uploadId": upload.id, "lastByteReceived": upload.received - 1}


@_action
def complete_layer_upload(call: Call) -> dict[str, Any]:
    repository = call.repository
    upload = _upload(call, repository)
    if not upload.received:
        raise errors.EmptyUpload()
    digest = upload.digest
    if digest not in (call["layerDigests"] or ()):
        raise errors.InvalidLayer(digest, call["layerDigests"] or ())
    del repository.uploads[upload.id]
    if digest in repository.layers:
        upload.cancel()
        raise errors.LayerAlreadyExists(digest, repository.name, repository.registry_id)
    call.store.keep(upload, digest)
    repository.layers[digest] = upload.received
    return _of(repository) | {"uploadId": upload.id, "layerDigest": digest}


def _upload(call: Call, repository: Repository) -> Upload:
    upload = repository.uploads.get(call["uploadId"])
    if upload is None:
        raise UploadNotFoundException(call["uploadId"], repository.name, repository.registry_id)
    return upload


@_action
def batch_check_layer_availability(call: Call) -> dict[str, Any]:
    repository, store = call.repository, call.store
    layers, failures = [], []
    for digest in call["layerDigests"] or ():
        if not names.is_digest(digest):
            failures.append(_layer_failure(digest, "InvalidLayerDigest", f"Invalid layer digest '{digest}'"))
        elif digest not in repository.layers:
            failures.append(_layer_failure(digest, "MissingLayerDigest", f"Layer digest '{digest}' could not be found"))
        else:
            store.touch(digest)
            layers.append(
                {
                    "layerDigest": digest,
                    "layerAvailability": "AVAILABLE",
                    "layerSize": repository.layers[digest],
                    "mediaType": _media_type(repository, digest),
                }
            )
    return {"layers": layers, "failures": failures}


def _layer_failure(digest: str, code: str, reason: str) -> dict[str, str]:
    return {"layerDigest": digest, "failureCode": code, "failureReason": reason}


def _media_type(repository: Repository, digest: str) -> str:
    for image in repository.images:
        for part in (*image.manifest.layers, *([image.manifest.config] if image.manifest.config else [])):
            if part.digest == digest and part.media_type:
                return part.media_type
    return LAYER_MEDIA_TYPE


@_action
def get_download_url_for_layer(call: Call) -> dict[str, Any]:
    repository, digest = call.repository, call["layerDigest"]
    if digest not in repository.layers:
        raise errors.LayerNotFound(digest, repository.name, repository.registry_id)
    if not repository.holds(digest):
        raise errors.LayerInaccessible(digest)
    host = call.host
    ends = host.clock.utcnow() + timedelta(hours=1)
    token = quote(tokens.issue(host.directory, call.region, ends.timestamp()))
    url = f"{host.endpoint}/v2/{repository.name}/blobs/{digest}?token={token}"
    return {"downloadUrl": url, "layerDigest": digest}


# -- lifecycle ------------------------------------------------------------------------------------


@_action
def get_lifecycle_policy(call: Call) -> dict[str, Any]:
    repository = call.repository
    return _with_policy(repository, _policy(repository))


@_action
def delete_lifecycle_policy(call: Call) -> dict[str, Any]:
    repository = call.repository
    answer = _with_policy(repository, _policy(repository))
    repository.lifecycle_policy = None
    return answer


def _policy(repository: Repository) -> str:
    if not repository.lifecycle_policy:
        raise LifecyclePolicyNotFoundException(repository.name, repository.registry_id)
    return repository.lifecycle_policy


def _with_policy(repository: Repository, text: str) -> dict[str, Any]:
    return _of(repository) | _without_none(
        {"lifecyclePolicyText": text, "lastEvaluatedAt": _wall(repository.evaluated)}
    )


@_action
def start_lifecycle_policy_preview(call: Call) -> dict[str, Any]:
    repository = call.repository
    text = call["lifecyclePolicyText"] or _policy(repository)
    repository.preview = Preview(text, decide(repository, rules_of(text), call.backend.now().at))
    return _of(repository) | {"lifecyclePolicyText": text, "status": "IN_PROGRESS"}


@_action
def get_lifecycle_policy_preview(call: Call) -> dict[str, Any]:
    call.alone("imageIds")
    repository = call.repository
    preview = repository.preview
    if preview is None:
        raise errors.PreviewNotFound(repository.name, repository.registry_id)
    results = list(_preview_results(call, repository, preview))
    part, token = call.page(results, maximum=100)
    moved = sum(decision.action.value == "transition" for decision in preview.decisions)
    summary: dict[str, Any] = {"expiringImageTotalCount": len(preview.decisions) - moved}
    if moved:
        summary["transitioningImageTotalCounts"] = [{"targetStorageClass": "ARCHIVE", "imageTotalCount": moved}]
    return _of(repository) | {
        "lifecyclePolicyText": preview.text,
        "status": "COMPLETE",
        "previewResults": part,
        "summary": summary,
        **token,
    }


def _preview_results(call: Call, repository: Repository, preview: Preview) -> Iterator[dict[str, Any]]:
    tag_status = (call["filter"] or {}).get("tagStatus", "ANY")
    for decision in preview.decisions:
        image = repository.by_digest(decision.digest)
        if image is None or tag_status == ("UNTAGGED" if image.tags else "TAGGED"):
            continue
        if call["imageIds"] and not any(_is(image, image_id) for image_id in call["imageIds"]):
            continue
        target = {"targetStorageClass": "ARCHIVE"} if decision.action.value == "transition" else {}
        yield _without_none(
            {
                "imageTags": image.tags or None,
                "imageDigest": image.digest,
                "imagePushedAt": image.pushed.wall,
                "action": {"type": decision.action.value.upper(), **target},
                "appliedRulePriority": decision.priority,
                "storageClass": "ARCHIVE" if image.status == "ARCHIVED" else "STANDARD",
            }
        )


def _is(image: Image, image_id: dict[str, str]) -> bool:
    return image_id.get("imageTag") in image.tags or image_id.get("imageDigest") == image.digest


# -- scanning -------------------------------------------------------------------------------------


@_action
def get_registry_scanning_configuration(call: Call) -> dict[str, Any]:
    return {
        "registryId": call.account,
        "scanningConfiguration": call.backend.registry_scanning_configuration,
    }


@_action
def put_registry_scanning_configuration(call: Call) -> dict[str, Any]:
    kept = call.backend.registry_scanning_configuration
    kind = call["scanType"] or kept["scanType"]
    rules = kept["rules"] if call["rules"] is None else call["rules"]
    frequencies = {
        "BASIC": ("SCAN_ON_PUSH", "MANUAL"),
        "ENHANCED": ("SCAN_ON_PUSH", "CONTINUOUS_SCAN"),
    }.get(kind)
    if frequencies is None:
        raise errors.invalid("scanType", "Member must satisfy enum value set: [ENHANCED, BASIC]")
    for rule in rules:
        if rule["scanFrequency"] not in frequencies:
            raise errors.invalid(
                "rules.scanFrequency",
                f"scan type {kind} supports {' and '.join(frequencies)}, not {rule['scanFrequency']}",
            )
    if len(rules) > 2:
        raise errors.invalid("rules", "Member must have length less than or equal to 2")
    call.backend.registry_scanning_configuration = {"scanType": kind, "rules": rules}
    return {"registryScanningConfiguration": call.backend.registry_scanning_configuration}


@_action
def batch_get_repository_scanning_configuration(call: Call) -> dict[str, Any]:
    found, failures = [], []
    for name in call["repositoryNames"] or ():
        repository = call.backend.repositories.get(name)
        if repository:
            found.append(call.backend.scanning(repository))
        else:
            failures.append(
                {
                    "repositoryName": name,
                    "failureCode": "REPOSITORY_NOT_FOUND",
                    "failureReason": "REPOSITORY_NOT_FOUND",
                }
            )
    return {"scanningConfigurations": found, "failures": failures}


@_action
def start_image_scan(call: Call) -> dict[str, Any]:
    repository = call.repository
    image = repository.image(call["imageId"] or {})
    if call.backend.registry_scanning_configuration["scanType"] == "ENHANCED":
        raise ValidationException("This feature is disabled")
    if image.status == "ARCHIVED":
        raise errors.ImageArchived()
    if not scan.can_scan(image.manifest):
        raise errors.UnsupportedImageType(image.manifest.media_type)
    if image.scan and call.backend.now().at - image.scan.begun.at < scan.QUOTA_SECONDS:
        raise LimitExceededException()
    image.scan = scan.begin(call.host, image.manifest)
    return _of(repository) | {"imageId": _id(call, image), "imageScanStatus": {"status": "IN_PROGRESS"}}


@_action
def describe_image_scan_findings(call: Call) -> dict[str, Any]:
    repository = call.repository
    image = repository.image(call["imageId"] or {})
    if image.scan is None or call.host.clock.time() < image.scan.begun.at + call.host.profile.scan_findings:
        text = ", ".join(f"{key}:'{call['imageId'].get(key, 'null')}'" for key in ("imageDigest", "imageTag"))
        raise ScanNotFoundException(f"{{{text}}}", repository.name, repository.registry_id)
    enhanced = call.backend.registry_scanning_configuration["scanType"] == "ENHANCED"
    status, report = scan.progress(call.host, image.scan, image.manifest, enhanced)
    answer = _of(repository) | {"imageId": _id(call, image), "imageScanStatus": status}
    if report is None:
        return answer
    part, token = call.page(report.findings, maximum=1000)
    shape = views.enhanced if enhanced else views.basic
    return answer | {"imageScanFindings": shape(replace(report, findings=tuple(part)), image, repository), **token}


def _id(call: Call, image: Image) -> dict[str, str]:
    tag = (call["imageId"] or {}).get("imageTag")
    return {"imageDigest": image.digest} | ({"imageTag": tag} if tag else {})


def _of(repository: Repository) -> dict[str, Any]:
    return {"registryId": repository.registry_id, "repositoryName": repository.name}


def _wall(moment: Moment | None) -> datetime | None:
    return moment.wall if moment else None


def _without_none(shape: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in shape.items() if value is not None}
