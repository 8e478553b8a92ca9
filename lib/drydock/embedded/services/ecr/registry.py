"""The registry that docker, podman, skopeo and oras speak to: OCI Distribution v2 at /v2/.

Source: OCI Distribution Specification 1.1; errors and refusals as ECR words them. A manifest that is pushed
here goes through the API's PutImage, so that each shows the other's; images are deleted by the API only, as in ECR.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, BinaryIO, cast
from urllib.parse import parse_qs, quote

from botocore.exceptions import ClientError
from moto.ecr.exceptions import RepositoryNotFoundException
from moto.ecr.models import ecr_backends

from drydock.embedded.services.ecr import errors, names, tokens
from drydock.embedded.services.ecr.blobs import CHUNK, BlobStore, Upload, WrongDigest
from drydock.embedded.services.ecr.manifest import MAXIMUM_BYTES, OCI_INDEX
from drydock.embedded.services.ecr.state import Backend, Failure, Image, Repository, pulled

if TYPE_CHECKING:
    from drydock.embedded.core.host import Host

_RANGE = re.compile(r"(?:bytes[ =])?(\d+)-(\d+)(?:/\S+)?")
_BYTES = re.compile(r"bytes=(\d*)-(\d*)")
_HANGING_BODY = 64 << 20
_CODES = {
    "RepositoryNotFoundException": (404, "NAME_UNKNOWN"),
    "ImageTagAlreadyExistsException": (400, "TAG_INVALID"),
    "LayersNotFoundException": (400, "MANIFEST_BLOB_UNKNOWN"),
    "ReferencedImagesNotFoundException": (400, "MANIFEST_BLOB_UNKNOWN"),
    "ImageDigestDoesNotMatchException": (400, "DIGEST_INVALID"),
    "InvalidParameterException": (400, "MANIFEST_INVALID"),
    "ImageNotFound": (404, "MANIFEST_UNKNOWN"),
    "ImageInaccessible": (404, "MANIFEST_UNKNOWN"),
}


class Refused(Exception):
    """An answer in the error form of the specification."""

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = headers or {}


@dataclass
class Reply:
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | Iterable[bytes] = b""


def answer(host: Host, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answer, as WSGI, whatever is asked below /v2/."""
    request = Request(host, environ)
    try:
        reply = request.answer()
    except Refused as refused:
        request.drain()
        body = json.dumps({"errors": [{"code": refused.code, "message": str(refused)}]}).encode()
        reply = Reply(refused.status, {"Content-Type": "application/json"} | refused.headers, body)
    headers = {"Docker-Distribution-Api-Version": "registry/2.0"} | reply.headers
    if isinstance(reply.body, bytes):
        headers.setdefault("Content-Length", str(len(reply.body)))
    start_response(f"{reply.status} {HTTPStatus(reply.status).phrase}", list(headers.items()))
    if environ["REQUEST_METHOD"] == "HEAD":
        return []
    return [reply.body] if isinstance(reply.body, bytes) else reply.body


class Request:
    """One call of a registry client."""

    def __init__(self, host: Host, environ: dict[str, Any]) -> None:
        self.host = host
        self.environ = environ
        self.store = BlobStore(host.directory)
        self.query = {k: v[-1] for k, v in parse_qs(environ.get("QUERY_STRING", ""), True).items()}
        self._length = _whole(environ.get("CONTENT_LENGTH"))
        self._read = 0

    def answer(self) -> Reply:
        path = self.environ.get("PATH_INFO", "/")
        self.region = self._region()
        if path in ("/v2", "/v2/"):
            return Reply(200, {"Content-Type": "application/json"}, b"{}")
        for pattern, handlers in _ROUTES:
            match = pattern.fullmatch(path)
            if match:
                name = match["name"]
                if not names.is_repository(name):
                    raise Refused(400, "NAME_INVALID", f"'{name}' is not a repository name")
                method = self.environ["REQUEST_METHOD"]
                if method not in handlers:
                    raise Refused(405, "UNSUPPORTED", "The operation is unsupported.", {"Allow": ", ".join(handlers)})
                return handlers[method](self, *match.groups())
        raise Refused(404, "UNSUPPORTED", f"there is nothing at {path}")

    # -- who asks -----------------------------------------------------------------------------

    def _region(self) -> str:
        try:
            return tokens.region_of(self.host.directory, self._token(), self.host.clock.utcnow().timestamp())
        except tokens.Refused as refused:
            realm = f'Basic realm="{self.host.endpoint}/",service="ecr.amazonaws.com"'
            raise Refused(401, "UNAUTHORIZED", str(refused), {"WWW-Authenticate": realm}) from None

    def _token(self) -> str:
        kind, _, value = self.environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        if kind.lower() != "basic":
            return str(self.query.get("token", ""))
        try:
            user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            return ""
        return password if user == "AWS" else ""

    # -- what they ask for --------------------------------------------------------------------

    @property
    def backend(self) -> Backend:
        return cast("Backend", ecr_backends[self.host.account][self.region])

    def repository(self, name: str) -> Repository:
        """Take the lock first."""
        try:
            return self.backend.repository(name)
        except RepositoryNotFoundException as error:
            raise Refused(404, "NAME_UNKNOWN", error.message) from None

    def ecr(self, operation: str, **parameters: Any) -> Any:
        try:
            return getattr(self.host.client("ecr", self.region), operation)(**parameters)
        except ClientError as error:
            said = error.response["Error"]
            status, code = _CODES.get(said["Code"], (500, "UNKNOWN"))
            raise Refused(status, code, said["Message"]) from None

    # -- bodies -------------------------------------------------------------------------------

    def chunks(self) -> Iterator[bytes]:
        """The body, as it comes; raises Refused where it ends before its time."""
        stream = self.environ["wsgi.input"]
        while self._length is None or self._read < self._length:
            wanted = CHUNK if self._length is None else min(CHUNK, self._length - self._read)
            if self._length is None and not self._is_chunked:
                return
            chunk = stream.read(wanted)
            if not chunk:
                if self._length is not None:
                    raise Refused(400, "SIZE_INVALID", f"the body ended after {self._read} of {self._length} bytes")
                return
            self._read += len(chunk)
            yield chunk

    @property
    def _is_chunked(self) -> bool:
        return str(self.environ.get("HTTP_TRANSFER_ENCODING", "")).lower() == "chunked"

    def drain(self) -> None:
        """Read what is left of a body that is refused, so that the client gets to read why."""
        if self.environ["REQUEST_METHOD"] in ("PUT", "PATCH", "POST"):
            try:
                for _ in self.chunks():
                    if self._read > _HANGING_BODY:
                        return
            except (Refused, OSError, ValueError):
                return

    # -- blobs --------------------------------------------------------------------------------

    def get_blob(self, name: str, digest: str) -> Reply:
        _check_digest(digest)
        with self.host.lock:
            found = digest in self.repository(name).layers
            size = self.store.size(digest) if found else None
            if size is None:
                raise Refused(404, "BLOB_UNKNOWN", f"The blob '{digest}' is not in the repository '{name}'")
            file = self.store.open(digest)
        self.store.touch(digest)
        headers = {
            "Content-Type": "application/octet-stream",
            "Docker-Content-Digest": digest,
            "Accept-Ranges": "bytes",
        }
        asked = _BYTES.fullmatch(self.environ.get("HTTP_RANGE", ""))
        first, last = _part(asked, size) if asked else (0, size - 1)
        if asked and first > last:
            file.close()
            raise Refused(416, "SIZE_INVALID", f"the blob has {size} bytes", {"Content-Range": f"bytes */{size}"})
        headers["Content-Length"] = str(last - first + 1)
        if asked:
            headers["Content-Range"] = f"bytes {first}-{last}/{size}"
        if self.environ["REQUEST_METHOD"] == "HEAD":
            file.close()
            return Reply(206 if asked else 200, headers)
        return Reply(206 if asked else 200, headers, Slice(file, first, last - first + 1))

    def begin_upload(self, name: str) -> Reply:
        digest = self.query.get("digest") or self.query.get("mount")
        if digest is not None:
            _check_digest(digest)
        with self.host.lock:
            repository = self.repository(name)
            if "mount" in self.query and self._mount(repository, str(digest), self.query.get("from", "")):
                return _created(name, str(digest))
            upload = self.store.begin(str(uuid.uuid4()))
            repository.uploads[upload.id] = upload
        if "digest" in self.query:
            return self._finish(name, upload, str(digest))
        return _accepted(name, upload)

    def _mount(self, target: Repository, digest: str, source_name: str) -> bool:
        """ECR mounts what a pushed image of the source is made of, where the account setting allows it."""
        source = self.backend.repositories.get(source_name)
        if (
            source is None
            or self.backend.settings["BLOB_MOUNTING"] != "ENABLED"
            or source.encryption_configuration != target.encryption_configuration
            or not source.holds(digest)
        ):
            return False
        self.store.touch(digest)
        target.layers[digest] = source.layers[digest]
        return True

    def upload_status(self, name: str, upload_id: str) -> Reply:
        upload = self._upload(name, upload_id)
        return Reply(204, _accepted(name, upload).headers)

    def append(self, name: str, upload_id: str) -> Reply:
        upload = self._upload(name, upload_id)
        with upload.lock:
            self._check_place(name, upload)
            upload.write(self.chunks())
            accepted = _accepted(name, upload)
            return replace(accepted, status=201) if self.host.profile.part_created else accepted

    def finish_upload(self, name: str, upload_id: str) -> Reply:
        _check_digest(self.query.get("digest", ""))
        return self._finish(name, self._upload(name, upload_id), self.query["digest"])

    def _finish(self, name: str, upload: Upload, digest: str) -> Reply:
        with upload.lock:
            self._check_place(name, upload)
            upload.write(self.chunks())
            with self.host.lock:
                repository = self.repository(name)
                if repository.uploads.pop(upload.id, None) is None:
                    raise _unknown_upload(upload.id)
                try:
                    self.store.keep(upload, digest)
                except WrongDigest as error:
                    upload.cancel()
                    raise Refused(400, "DIGEST_INVALID", str(error)) from None
                repository.layers[digest] = upload.received
        return _created(name, digest)

    def cancel_upload(self, name: str, upload_id: str) -> Reply:
        upload = self._upload(name, upload_id)
        with upload.lock, self.host.lock:
            self.repository(name).uploads.pop(upload_id, None)
            upload.cancel()
        return Reply(204)

    def _upload(self, name: str, upload_id: str) -> Upload:
        with self.host.lock:
            upload = self.repository(name).uploads.get(upload_id)
        if upload is None:
            raise _unknown_upload(upload_id)
        return upload

    def _check_place(self, name: str, upload: Upload) -> None:
        """A chunk that says where it belongs has to follow the one before."""
        text = self.environ.get("HTTP_CONTENT_RANGE")
        if not text:
            return
        match = _RANGE.fullmatch(text)
        if match is None or (self._length is not None and int(match[2]) - int(match[1]) + 1 != self._length):
            raise Refused(400, "SIZE_INVALID", f"Content-Range {text!r} does not fit the body of the request")
        if int(match[1]) != upload.received:
            raise Refused(
                416,
                "BLOB_UPLOAD_INVALID",
                f"the next byte is {upload.received}, not {match[1]}",
                _accepted(name, upload).headers,
            )

    # -- manifests ----------------------------------------------------------------------------

    def get_manifest(self, name: str, reference: str) -> Reply:
        with self.host.lock:
            repository = self.repository(name)
            try:
                if self.environ["REQUEST_METHOD"] == "HEAD":
                    image = _visible(repository, reference)
                else:
                    image = pulled(repository, _image_id(reference))
            except Failure as failure:
                raise Refused(404, "MANIFEST_UNKNOWN", str(failure)) from None
        body = image.manifest.text.encode()
        headers = {
            "Content-Type": image.manifest.media_type,
            "Content-Length": str(len(body)),
            "Docker-Content-Digest": image.digest,
        }
        return Reply(200, headers, body)

    def put_manifest(self, name: str, reference: str) -> Reply:
        body = bytearray()
        for chunk in self.chunks():
            body += chunk
            if len(body) > MAXIMUM_BYTES:
                raise Refused(413, "SIZE_INVALID", f"a manifest may have {MAXIMUM_BYTES} bytes")
        try:
            text = body.decode()
        except UnicodeDecodeError:
            raise Refused(400, "MANIFEST_INVALID", "the manifest is not UTF-8 text") from None
        if not text:
            raise Refused(400, "MANIFEST_INVALID", "the request has no manifest")
        image_id = _image_id(reference)
        media_type = self.environ.get("CONTENT_TYPE", "").partition(";")[0].strip()
        parameters = {"imageManifestMediaType": media_type} if "manifest" in media_type or "index" in media_type else {}
        try:
            self.ecr("put_image", repositoryName=name, imageManifest=text, **image_id, **parameters)
        except Refused as refused:
            if refused.code != "UNKNOWN" or "already exists" not in str(refused):
                raise
            # Put again as it is: no harm, but ECR refuses it where tags are immutable (containers-roadmap, issue 2179).
            tag = image_id.get("imageTag")
            if tag and self.repository(name).is_immutable(tag):
                raise Refused(400, "TAG_INVALID", errors.ImageTagAlreadyExists(name, tag).message) from None
        with self.host.lock:
            repository = self.repository(name)
            image = _visible(repository, reference)
        headers = {"Location": f"/v2/{name}/manifests/{image.digest}", "Docker-Content-Digest": image.digest}
        if image.manifest.subject:
            headers["OCI-Subject"] = image.manifest.subject
        return Reply(201, headers)

    # -- lists --------------------------------------------------------------------------------

    def tags(self, name: str) -> Reply:
        with self.host.lock:
            found = sorted({tag for image in self.repository(name).listed("TAGGED", None) for tag in image.tags})
        last = self.query.get("last")
        if last is not None:
            found = [tag for tag in found if tag > last]
        headers = {"Content-Type": "application/json"}
        limit = _whole(self.query.get("n"))
        if "n" in self.query and limit is None:
            raise Refused(400, "PAGINATION_NUMBER_INVALID", f"n has to be a whole number, not {self.query['n']!r}")
        if limit is not None and limit < len(found):
            found = found[:limit]
            if found:
                following = f"/v2/{name}/tags/list?n={limit}&last={quote(found[-1])}"
                headers["Link"] = f'<{following}>; rel="next"'
        return Reply(200, headers, json.dumps({"name": name, "tags": found}).encode())

    def referrers(self, name: str, digest: str) -> Reply:
        _check_digest(digest)
        wanted = self.query.get("artifactType")
        with self.host.lock:
            images = [image for image in self.repository(name).referrers(digest) if image.status == "ACTIVE"]
        entries = [
            {
                "mediaType": image.manifest.media_type,
                "digest": image.digest,
                "size": len(image.manifest.text.encode()),
                "artifactType": image.manifest.artifact_media_type,
                "annotations": image.manifest.annotations,
            }
            for image in images
            if wanted in (None, image.manifest.artifact_media_type)
        ]
        kept = [{key: value for key, value in entry.items() if value} for entry in entries]
        index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": kept}
        headers = {"Content-Type": OCI_INDEX}
        if wanted is not None:
            headers["OCI-Filters-Applied"] = "artifactType"
        return Reply(200, headers, json.dumps(index).encode())


class Slice:
    """Bytes of a file, read as they are sent, and the file closed after."""

    def __init__(self, file: BinaryIO, first: int, length: int) -> None:
        self._file = file
        self._left = length
        file.seek(first)

    def __iter__(self) -> Iterator[bytes]:
        while self._left > 0:
            chunk = self._file.read(min(CHUNK, self._left))
            if not chunk:
                return
            self._left -= len(chunk)
            yield chunk

    def close(self) -> None:
        self._file.close()


def _visible(repository: Repository, reference: str) -> Image:
    image = repository.by_digest(reference) if names.is_digest(reference) else repository.by_tag(reference)
    if image is None or image.status == "ARCHIVED":
        raise Failure("ImageNotFound", "Requested image not found")
    return image


def _image_id(reference: str) -> dict[str, str]:
    if names.is_digest(reference):
        return {"imageDigest": reference}
    if names.is_tag(reference):
        return {"imageTag": reference}
    raise Refused(
        400,
        "TAG_INVALID" if ":" not in reference else "DIGEST_INVALID",
        f"'{reference}' is neither a tag nor a sha256 digest",
    )


def _check_digest(digest: str) -> None:
    if not names.is_digest(digest):
        raise Refused(400, "DIGEST_INVALID", f"'{digest}' is not a sha256 digest")


def _part(asked: re.Match[str], size: int) -> tuple[int, int]:
    """First and last byte of a Range; the first is beyond the last where it cannot be met."""
    first, last = _whole(asked[1]), _whole(asked[2])
    if first is None:
        return (max(0, size - last), size - 1) if last else (1, 0)
    return first, size - 1 if last is None else min(last, size - 1)


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() else None


def _accepted(name: str, upload: Upload) -> Reply:
    return Reply(
        202,
        {
            "Location": f"/v2/{name}/blobs/uploads/{upload.id}",
            "Range": f"0-{max(0, upload.received - 1)}",
            "Docker-Upload-UUID": upload.id,
        },
    )


def _created(name: str, digest: str) -> Reply:
    return Reply(201, {"Location": f"/v2/{name}/blobs/{digest}", "Docker-Content-Digest": digest})


def _unknown_upload(upload_id: str) -> Refused:
    return Refused(404, "BLOB_UPLOAD_UNKNOWN", f"there is no upload '{upload_id}' in the repository")


_Handler = Callable[..., Reply]
_ROUTES: list[tuple[re.Pattern[str], dict[str, _Handler]]] = [
    (re.compile(pattern, re.DOTALL), handlers)
    for pattern, handlers in (
        (r"/v2/(?P<name>.+)/blobs/uploads/?", {"POST": Request.begin_upload}),
        (
            r"/v2/(?P<name>.+)/blobs/uploads/([^/]+)",
            {
                "GET": Request.upload_status,
                "PATCH": Request.append,
                "PUT": Request.finish_upload,
                "DELETE": Request.cancel_upload,
            },
        ),
        (r"/v2/(?P<name>.+)/blobs/([^/]+)", {"GET": Request.get_blob, "HEAD": Request.get_blob}),
        (
            r"/v2/(?P<name>.+)/manifests/([^/]+)",
            {
                "GET": Request.get_manifest,
                "HEAD": Request.get_manifest,
                "PUT": Request.put_manifest,
            },
        ),
        (r"/v2/(?P<name>.+)/tags/list", {"GET": Request.tags}),
        (r"/v2/(?P<name>.+)/referrers/([^/]+)", {"GET": Request.referrers}),
    )
]
