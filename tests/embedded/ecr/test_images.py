"""Images through the API: digests, tags, immutability, filters, deletion."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError

MiB = 1 << 20


def refused(call: Callable[..., Any], **parameters: Any) -> tuple[str, str]:
    """Code and message of the error that a call is answered with."""
    with pytest.raises(ClientError) as error:
        call(**parameters)
    said = error.value.response["Error"]
    return said["Code"], said["Message"]


def put_layer(ecr: Any, repository: str, data: bytes, digest: str) -> None:
    upload = ecr.initiate_layer_upload(repositoryName=repository)["uploadId"]
    ecr.upload_layer_part(
        repositoryName=repository, uploadId=upload, partFirstByte=0, partLastByte=len(data) - 1, layerPartBlob=data
    )
    ecr.complete_layer_upload(repositoryName=repository, uploadId=upload, layerDigests=[digest])


def put(ecr: Any, repository: str, image: Any, tag: str | None = None) -> Any:
    """Push with the API alone, as AWS's own proxy does."""
    have = ecr.batch_check_layer_availability(repositoryName=repository, layerDigests=list(image.blobs))
    for failure in have["failures"]:
        assert failure["failureCode"] == "MissingLayerDigest"
        put_layer(ecr, repository, image.blobs[failure["layerDigest"]], failure["layerDigest"])
    tagged = {"imageTag": tag} if tag else {}
    return ecr.put_image(repositoryName=repository, imageManifest=image.manifest.decode(), **tagged)["image"]


@pytest.fixture
def web(ecr: Any) -> str:
    ecr.create_repository(repositoryName="web")
    return "web"


def details(ecr: Any, repository: str, **more: Any) -> Any:
    return ecr.describe_images(repositoryName=repository, **more)["imageDetails"]


def test_a_digest_is_that_of_the_manifest_bytes(ecr: Any, web: str, make: Any) -> None:
    image = make({"a": "1"}, {"b": "x" * 5000})
    answer = put(ecr, web, image, "v1")
    digest = f"sha256:{hashlib.sha256(image.manifest).hexdigest()}"
    assert answer["imageId"] == {"imageDigest": digest, "imageTag": "v1"}
    (detail,) = details(ecr, web)
    assert detail["imageDigest"] == digest
    assert detail["imageSizeInBytes"] == sum(layer["size"] for layer in json.loads(image.manifest)["layers"])
    assert "lastRecordedPullTime" not in detail


def test_a_manifest_of_layers_that_are_not_there_is_refused(ecr: Any, web: str, make: Any) -> None:
    image = make({"a": "1"})
    code, message = refused(ecr.put_image, repositoryName=web, imageManifest=image.manifest.decode(), imageTag="v1")
    assert code == "LayersNotFoundException"
    assert all(digest in message for digest in image.blobs)
    other = make({"a": "1"})
    ecr.create_repository(repositoryName="other")
    put(ecr, "other", other, "v1")
    assert refused(ecr.put_image, repositoryName=web, imageManifest=image.manifest.decode())[0] == code


@pytest.mark.parametrize(
    ("mutability", "filters", "tag", "may_move"),
    [
        ("MUTABLE", None, "v1", True),
        ("IMMUTABLE", None, "v1", False),
        ("IMMUTABLE_WITH_EXCLUSION", ["latest", "dev-*"], "v1", False),
        ("IMMUTABLE_WITH_EXCLUSION", ["latest", "dev-*"], "latest", True),
        ("IMMUTABLE_WITH_EXCLUSION", ["latest", "dev-*"], "dev-7", True),
        ("IMMUTABLE_WITH_EXCLUSION", ["latest", "dev-*"], "not-dev-7", False),
        ("IMMUTABLE_WITH_EXCLUSION", ["v1.0"], "v1x0", False),
        ("MUTABLE_WITH_EXCLUSION", ["v*"], "v1", False),
        ("MUTABLE_WITH_EXCLUSION", ["v*"], "latest", True),
    ],
)
def test_which_tags_may_move(
    ecr: Any, make: Any, mutability: str, filters: list[str] | None, tag: str, may_move: bool
) -> None:
    more = {}
    if filters:
        more["imageTagMutabilityExclusionFilters"] = [{"filterType": "WILDCARD", "filter": f} for f in filters]
    ecr.create_repository(repositoryName="web", imageTagMutability=mutability, **more)
    first, second = make({"a": "1"}), make({"a": "2"})
    put(ecr, "web", first, tag)
    again = refused(ecr.put_image, repositoryName="web", imageManifest=first.manifest.decode(), imageTag=tag)
    assert again[0] == "ImageAlreadyExistsException"
    if may_move:
        put(ecr, "web", second, tag)
        tags = {d["imageDigest"]: d.get("imageTags") for d in details(ecr, "web")}
        assert tags == {first.digest: None, second.digest: [tag]}
    else:
        with pytest.raises(ecr.exceptions.ImageTagAlreadyExistsException) as error:
            put(ecr, "web", second, tag)
        assert error.value.response["Error"]["Message"] == (
            f"The image tag '{tag}' already exists in the 'web' repository "
            "and cannot be overwritten because the tag is immutable."
        )


def test_exclusion_filters_have_to_fit(ecr: Any, web: str) -> None:
    one = {"filterType": "WILDCARD", "filter": "v*"}
    create = ecr.create_repository
    assert "can't be null" in refused(create, repositoryName="x1", imageTagMutability="IMMUTABLE_WITH_EXCLUSION")[1]
    assert (
        "must be null"
        in refused(
            create, repositoryName="x2", imageTagMutability="IMMUTABLE", imageTagMutabilityExclusionFilters=[one]
        )[1]
    )
    assert "less than or equal to 5" in refused(
        ecr.put_image_tag_mutability, repositoryName=web, imageTagMutability="IMMUTABLE_WITH_EXCLUSION",
        imageTagMutabilityExclusionFilters=[one] * 6,
    )[1]  # fmt: skip
    ecr.put_image_tag_mutability(
        repositoryName=web, imageTagMutability="MUTABLE_WITH_EXCLUSION", imageTagMutabilityExclusionFilters=[one]
    )
    (shown,) = ecr.describe_repositories(repositoryNames=[web])["repositories"]
    assert shown["imageTagMutability"] == "MUTABLE_WITH_EXCLUSION"
    assert shown["imageTagMutabilityExclusionFilters"] == [one]


def test_deleting_by_tag_and_by_digest(ecr: Any, web: str, make: Any) -> None:
    first, second = make({"a": "1"}), make({"a": "2"})
    for tag in ("v1", "stable"):
        put(ecr, web, first, tag)
    put(ecr, web, second, "v2")
    delete = ecr.batch_delete_image
    answer = delete(repositoryName=web, imageIds=[{"imageTag": "v1"}])
    assert answer["imageIds"] == [{"imageDigest": first.digest, "imageTag": "v1"}]
    assert [d["imageTags"] for d in details(ecr, web)] == [["stable"], ["v2"]]
    delete(repositoryName=web, imageIds=[{"imageTag": "stable"}])
    assert [d["imageDigest"] for d in details(ecr, web)] == [second.digest]
    put(ecr, web, second, "v3")
    answer = delete(repositoryName=web, imageIds=[{"imageDigest": second.digest}])
    assert sorted(i["imageTag"] for i in answer["imageIds"]) == ["v2", "v3"]
    assert details(ecr, web) == []


def test_what_cannot_be_deleted_or_got_is_listed(ecr: Any, web: str, make: Any) -> None:
    image = make({"a": "1"})
    put(ecr, web, image, "v1")
    wrong = [
        {"imageTag": "nope"},
        {"imageDigest": "sha256:" + "0" * 64},
        {"imageDigest": "sha256:short"},
        {"imageDigest": "sha256:" + "0" * 64, "imageTag": "v1"},
    ]
    codes = ["ImageNotFound", "ImageNotFound", "InvalidImageDigest", "ImageTagDoesNotMatchDigest"]
    for operation in (ecr.batch_get_image, ecr.batch_delete_image):
        failures = operation(repositoryName=web, imageIds=wrong)["failures"]
        assert [f["failureCode"] for f in failures] == codes
        assert [f["imageId"] for f in failures] == wrong
    code, message = refused(ecr.describe_images, repositoryName=web, imageIds=[{"imageTag": "nope"}])
    assert code == "ImageNotFoundException"
    assert "{imageDigest:'null', imageTag:'nope'}" in message


def test_an_image_of_a_manifest_list_is_kept(ecr: Any, web: str, make: Any, digest_of: Any) -> None:
    image = make({"a": "1"}, {"b": "2" * 3000})
    entry = {
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": image.digest,
        "size": len(image.manifest),
        "platform": {"os": "linux", "architecture": "amd64"},
    }
    index = json.dumps(
        {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [entry]}
    )
    code, message = refused(ecr.put_image, repositoryName=web, imageManifest=index, imageTag="v1")
    assert code == "ReferencedImagesNotFoundException"
    assert image.digest in message
    put(ecr, web, image)
    ecr.put_image(repositoryName=web, imageManifest=index, imageTag="v1")
    by_tag = {(d.get("imageTags") or [None])[0]: d for d in details(ecr, web)}
    assert by_tag["v1"]["imageSizeInBytes"] == by_tag[None]["imageSizeInBytes"]
    answer = ecr.batch_delete_image(repositoryName=web, imageIds=[{"imageDigest": image.digest}])
    assert answer["failures"][0]["failureCode"] == "ImageReferencedByManifestList"
    assert digest_of(index.encode()) in answer["failures"][0]["failureReason"]
    ecr.batch_delete_image(repositoryName=web, imageIds=[{"imageTag": "v1"}])
    assert not ecr.batch_delete_image(repositoryName=web, imageIds=[{"imageDigest": image.digest}])["failures"]


def test_filters_and_pages(ecr: Any, web: str, make: Any) -> None:
    images = [make({"n": str(n)}) for n in range(5)]
    for n, image in enumerate(images):
        put(ecr, web, image, f"v{n}" if n % 2 else None)
    tagged = {d["imageDigest"] for d in details(ecr, web, filter={"tagStatus": "TAGGED"})}
    assert tagged == {images[1].digest, images[3].digest}
    untagged = ecr.list_images(repositoryName=web, filter={"tagStatus": "UNTAGGED"})["imageIds"]
    assert untagged == [{"imageDigest": images[n].digest} for n in (0, 2, 4)]
    pages = list(ecr.get_paginator("describe_images").paginate(repositoryName=web, PaginationConfig={"PageSize": 2}))
    assert [len(page["imageDetails"]) for page in pages] == [2, 2, 1]
    assert {d["imageDigest"] for page in pages for d in page["imageDetails"]} == {i.digest for i in images}
    code, message = refused(ecr.describe_images, repositoryName=web, nextToken="!")
    assert (code, "nextToken" in message) == ("InvalidParameterException", True)


def test_a_pull_is_recorded_and_accepted_types_count(ecr: Any, web: str, make: Any) -> None:
    image = make({"a": "1"})
    put(ecr, web, image, "v1")
    docker = ["application/vnd.docker.distribution.manifest.v2+json"]
    answer = ecr.batch_get_image(repositoryName=web, imageIds=[{"imageTag": "v1"}], acceptedMediaTypes=docker)
    assert (answer["images"], answer["failures"][0]["failureCode"]) == ([], "ImageNotFound")
    (got,) = ecr.batch_get_image(repositoryName=web, imageIds=[{"imageDigest": image.digest}])["images"]
    assert got["imageManifest"].encode() == image.manifest
    assert got["imageId"] == {"imageDigest": image.digest, "imageTag": "v1"}
    assert "lastRecordedPullTime" in details(ecr, web)[0]


def test_layers_in_parts(ecr: Any, web: str, digest_of: Any) -> None:
    data = b"x" * (5 * MiB) + b"end"
    upload = ecr.initiate_layer_upload(repositoryName=web)["uploadId"]
    part = {"repositoryName": web, "uploadId": upload}
    assert refused(ecr.complete_layer_upload, **part, layerDigests=[digest_of(data)])[0] == "EmptyUploadException"
    first = ecr.upload_layer_part(**part, partFirstByte=0, partLastByte=5 * MiB - 1, layerPartBlob=data[: 5 * MiB])
    assert first["lastByteReceived"] == 5 * MiB - 1
    with pytest.raises(ecr.exceptions.InvalidLayerPartException) as error:
        ecr.upload_layer_part(**part, partFirstByte=0, partLastByte=2, layerPartBlob=b"end")
    assert error.value.response["lastValidByteReceived"] == 5 * MiB - 1
    ecr.upload_layer_part(**part, partFirstByte=5 * MiB, partLastByte=5 * MiB + 2, layerPartBlob=b"end")
    assert refused(
        ecr.upload_layer_part, **part, partFirstByte=5 * MiB + 3, partLastByte=5 * MiB + 3, layerPartBlob=b"!"
    )[0] == "LayerPartTooSmallException"  # fmt: skip
    wrong = refused(ecr.complete_layer_upload, **part, layerDigests=["sha256:" + "0" * 64])
    assert wrong[0] == "InvalidLayerException"
    assert ecr.complete_layer_upload(**part, layerDigests=[digest_of(data)])["layerDigest"] == digest_of(data)
    assert refused(ecr.complete_layer_upload, **part, layerDigests=[digest_of(data)])[0] == "UploadNotFoundException"
    (layer,) = ecr.batch_check_layer_availability(repositoryName=web, layerDigests=[digest_of(data)])["layers"]
    assert (layer["layerAvailability"], layer["layerSize"]) == ("AVAILABLE", len(data))


def test_the_download_url_of_a_layer_gives_its_bytes(ecr: Any, web: str, make: Any) -> None:
    image = make({"a": "1"})
    digest, data = list(image.blobs.items())[1]
    put_layer(ecr, web, data, digest)
    code, _ = refused(ecr.get_download_url_for_layer, repositoryName=web, layerDigest=digest)
    assert code == "LayerInaccessibleException"
    put(ecr, web, image, "v1")
    url = ecr.get_download_url_for_layer(repositoryName=web, layerDigest=digest)["downloadUrl"]
    assert requests.get(url, timeout=10).content == data
    assert requests.get(url.split("?")[0], timeout=10).status_code == 401


def test_repositories(ecr: Any, host: Any, client: Any, web: str, make: Any) -> None:
    key = client("kms").create_key()["KeyMetadata"]["Arn"]
    made = ecr.create_repository(
        repositoryName="team/api__v2--x",
        encryptionConfiguration={"encryptionType": "KMS", "kmsKey": key},
        tags=[{"Key": "team", "Value": "api"}],
    )["repository"]
    assert made["repositoryUri"] == f"127.0.0.1:{host.port}/team/api__v2--x"
    assert made["encryptionConfiguration"] == {"encryptionType": "KMS", "kmsKey": key}
    assert ecr.list_tags_for_resource(resourceArn=made["repositoryArn"])["tags"] == [{"Key": "team", "Value": "api"}]
    unknown = {"encryptionType": "KMS", "kmsKey": "alias/none"}
    assert refused(ecr.create_repository, repositoryName="x1", encryptionConfiguration=unknown)[0] == "KmsException"
    assert refused(ecr.create_repository, repositoryName="web")[0] == "RepositoryAlreadyExistsException"
    for name in ("Web", "a//b", "-a", "a/../b", "a..b", "a/"):
        assert refused(ecr.create_repository, repositoryName=name)[0] == "InvalidParameterException"
    put(ecr, web, make({"a": "1"}), "v1")
    assert refused(ecr.delete_repository, repositoryName=web)[0] == "RepositoryNotEmptyException"
    ecr.delete_repository(repositoryName=web, force=True)
    assert refused(ecr.describe_images, repositoryName=web)[0] == "RepositoryNotFoundException"
    assert client("ecr", "eu-west-1").describe_repositories()["repositories"] == []


def test_a_repository_policy_is_kept_and_read(ecr: Any, web: str) -> None:
    pull = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability"]
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {"Sid": "pull", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": pull}
        ],
    }
    assert refused(ecr.get_repository_policy, repositoryName=web)[0] == "RepositoryPolicyNotFoundException"
    ecr.set_repository_policy(repositoryName=web, policyText=json.dumps(policy))
    assert json.loads(ecr.get_repository_policy(repositoryName=web)["policyText"]) == policy
    del policy["Statement"][0]["Principal"]
    for text in ("{", "{}", json.dumps(policy)):
        code, message = refused(ecr.set_repository_policy, repositoryName=web, policyText=text)
        assert (code, "PolicyText" in message) == ("InvalidParameterException", True), text
