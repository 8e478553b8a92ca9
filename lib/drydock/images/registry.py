"""Images to and from a registry, over the OCI Distribution API."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlencode, urljoin, urlsplit

import urllib3
from urllib3.exceptions import HTTPError

from .errors import ImageError, RegistryError
from .image import Image
from .layout import INDEX, MANIFEST, Layout, digest_of
from .platform import Platform
from .reference import Reference, is_loopback

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"

AT_ONCE = 8 * 1024 * 1024
"""Bytes of a blob that are sent with the request that ends its upload; larger ones are streamed before it."""
_LARGEST_MANIFEST = 4 * 1024 * 1024
_ATTEMPTS = 3
_TRY_AGAIN = {408, 429, 500, 502, 503, 504}
_HOSTS = {"docker.io": "registry-1.docker.io"}
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')

Auth = tuple[str, str] | None


def push(image: Image, reference: str | Reference, auth: Auth = None) -> str:
    """Push an image under a tag or by digest and return the digest of its manifest.

    `auth` is (user, password). What is there is not sent again, and a blob that another repository
    of the same registry was sent from here is mounted. The image gets the name in its layout, too.
    A registry on this machine is spoken to in plain HTTP, any other only in HTTPS.
    Raises RegistryError. Source: github.com/opencontainers/distribution-spec, spec.md.
    """
    reference = _reference(reference).tagged()
    if reference.digest and reference.digest != image.digest:
        raise ImageError(f"{reference} names another image than {image.digest}; push under a tag")
    repository = Repository(reference, auth, "pull,push")
    for descriptor in (*image.described["layers"], image.described["config"]):
        repository.push_blob(image.layout, descriptor["digest"], descriptor["size"])
    media_type = image.described.get("mediaType", MANIFEST)
    repository.push_manifest(reference.tag or image.digest, image.manifest, media_type)
    image.layout.tag(str(Reference(reference.registry, reference.repository, reference.tag, None)), image.digest)
    return image.digest


def pull(
    reference: str | Reference,
    auth: Auth = None,
    into: Layout | Path | str | None = None,
    *,
    platform: str | None = None,
) -> Image:
    """Pull an image into a layout (by default this user's) and name it there.

    Of several platforms it takes `platform`, by default Linux on this machine's processor. Manifests
    may be OCI's or Docker's v2; all that arrives is checked against its digest.
    Raises RegistryError. Source: github.com/opencontainers/distribution-spec, spec.md.
    """
    reference = _reference(reference).tagged()
    layout = into if isinstance(into, Layout) else Layout(into)
    wanted = Platform.parse(platform) if platform else Platform.here()
    repository = Repository(reference, auth, "pull")
    manifest, media_type = repository.manifest(reference.digest or reference.tag or "latest")
    if media_type in (INDEX, DOCKER_INDEX):
        manifest, media_type = repository.manifest(_choose(json.loads(manifest), wanted, reference))
    described = json.loads(manifest)
    for descriptor in (*described["layers"], described["config"]):
        repository.pull_blob(layout, descriptor["digest"], descriptor["size"])
    digest = layout.write(manifest, media_type)["digest"]
    if reference.tag:
        layout.tag(str(Reference(reference.registry, reference.repository, reference.tag)), digest)
    else:
        layout.keep(digest)
    return Image(layout, digest)


class Repository:
    """One repository of a registry, and the right to it once it has been asked for."""

    def __init__(self, reference: Reference, auth: Auth, actions: str) -> None:
        self.reference = reference
        scheme = "http" if reference.is_loopback else "https"
        self._host = f"{scheme}://{_HOSTS.get(reference.registry, reference.registry)}"
        self._base = f"{self._host}/v2/{reference.repository}/"
        self._auth, self._actions = auth, actions
        self._authorization: str | None = None
        self._http = urllib3.PoolManager(timeout=urllib3.Timeout(connect=10, read=300), retries=False)

    def manifest(self, tag_or_digest: str) -> tuple[bytes, str]:
        """A manifest or index, byte for byte, and its media type."""
        accept = ", ".join((MANIFEST, INDEX, DOCKER_MANIFEST, DOCKER_INDEX))
        answer = self._call("GET", f"manifests/{tag_or_digest}", {"Accept": accept})
        data = answer.data
        if len(data) > _LARGEST_MANIFEST:
            raise RegistryError(f"{self.reference}: a manifest of {len(data):,} bytes; 4 MiB is the most taken")
        expected = tag_or_digest if ":" in tag_or_digest else answer.headers.get("Docker-Content-Digest")
        if expected and digest_of(data) != expected:
            raise RegistryError(f"{self.reference}: the manifest is {digest_of(data)}, not {expected}; don't use it")
        try:
            media_type = json.loads(data).get("mediaType")
        except (ValueError, AttributeError):
            raise RegistryError(f"{self.reference}: the answer is no manifest; is that a registry?") from None
        media_type = media_type or answer.headers.get("Content-Type", "").partition(";")[0]
        if media_type not in (MANIFEST, INDEX, DOCKER_MANIFEST, DOCKER_INDEX):
            raise RegistryError(f"{self.reference}: a manifest of type {media_type}; push it as an OCI image")
        return data, media_type

    def push_manifest(self, tag_or_digest: str, manifest: bytes, media_type: str) -> None:
        """Put a manifest; its blobs have to be there.

        What the tag names already is not put again: ECR refuses that where tags are immutable.
        Source: github.com/aws/containers-roadmap, issue 2179.
        """
        there = self._call("HEAD", f"manifests/{tag_or_digest}", {"Accept": media_type}, expected=(200, 404))
        if there.status == 200 and there.headers.get("Docker-Content-Digest") == digest_of(manifest):
            return
        answer = self._call(
            "PUT", f"manifests/{tag_or_digest}", {"Content-Type": media_type}, manifest, expected=(201,)
        )
        stored = answer.headers.get("Docker-Content-Digest")
        if stored and stored != digest_of(manifest):
            raise RegistryError(f"{self.reference}: stored as {stored}, not {digest_of(manifest)}; push it again")

    def pull_blob(self, layout: Layout, digest: str, size: int) -> None:
        """Fetch a blob unless the layout has it."""
        if digest in layout:
            return

        def fetch() -> None:
            answer = self._call("GET", f"blobs/{digest}", stream=True)
            try:
                with layout.new_blob() as blob:
                    for part in answer.stream(1 << 20, decode_content=False):
                        blob.write(part)
                        if blob.size > size:
                            break
                    if (blob.digest, blob.size) != (digest, size):
                        raise RegistryError(
                            f"{self.reference}: blob {digest} of {size:,} bytes came as {blob.digest} of "
                            f"{blob.size:,}; pull again, and don't use the image if that repeats"
                        )
            finally:
                answer.release_conn()

        self._persist(fetch)

    def push_blob(self, layout: Layout, digest: str, size: int) -> None:
        """Send a blob unless the repository has it; mount it if a sister repository can give it."""
        if self._call("HEAD", f"blobs/{digest}", expected=(200, 404)).status == 200:
            return
        for sister in self._sisters(layout, digest):
            query = urlencode({"mount": digest, "from": sister})
            answer = self._call("POST", f"blobs/uploads/?{query}", expected=(201, 202, 401, 403, 404))
            if answer.status == 201:
                return
            if answer.status == 202:
                break
        self._persist(lambda: self._upload(self._call("POST", "blobs/uploads/"), layout, digest, size))

    def _upload(self, started: Any, layout: Layout, digest: str, size: int) -> None:
        """A large blob is one PATCH, as Docker sends it: of several, ECR drops what comes after the first.

        Source: github.com/aws/containers-roadmap, issue 2831, as also that ECR answers it with 201.
        """
        location = self._location(started)
        headers = {"Content-Type": "application/octet-stream"}
        with layout.open(digest) as blob:
            if size > AT_ONCE:
                streamed = {**headers, "Content-Length": str(size)}
                location = self._location(self._call("PATCH", location, streamed, blob, expected=(201, 202, 204)))
            rest = blob.read()
        joint = "&" if urlsplit(location).query else "?"
        self._call("PUT", f"{location}{joint}{urlencode({'digest': digest})}", headers, rest, expected=(201, 204))

    def _sisters(self, layout: Layout, digest: str) -> list[str]:
        """Repositories of this registry that an image with this blob was pushed to or pulled from."""
        found: list[str] = []
        for name, manifest in layout.names().items():
            other = Reference.parse(name)
            if other.registry == self.reference.registry and other.repository != self.reference.repository:
                described = json.loads(layout.read(manifest))
                if digest in {d["digest"] for d in (*described["layers"], described["config"])}:
                    found.append(other.repository)
        return list(dict.fromkeys(found))

    def _location(self, answer: Any) -> str:
        location = answer.headers.get("Location")
        if not location:
            raise RegistryError(f"{self.reference}: the registry began an upload without saying where; it is broken")
        return urljoin(self._base, str(location))

    # Requests

    def _call(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | BinaryIO | None = None,
        *,
        expected: tuple[int, ...] = (200, 201, 202, 204),
        stream: bool = False,
    ) -> Any:
        url = urljoin(self._base, path)
        answer = self._send(method, url, headers or {}, body, stream)
        if answer.status == 401 and self._ours(url):
            challenge = answer.headers.get("WWW-Authenticate", "")
            answer.drain_conn()
            self._authorization = self._answer(challenge)
            if self._authorization:
                if not isinstance(body, bytes | None):
                    body.seek(0)
                answer = self._send(method, url, headers or {}, body, stream)
        if answer.status not in expected:
            raise self._refusal(method, answer)
        return answer

    def _send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | BinaryIO | None, stream: bool
    ) -> Any:
        if not (urlsplit(url).scheme == "https" or is_loopback(urlsplit(url).netloc)):
            raise RegistryError(f"{self.reference}: sent on to {url}, which is not HTTPS; nothing was sent there")
        ours = {"User-Agent": "drydock", **headers}
        if self._authorization and self._ours(url):
            ours["Authorization"] = self._authorization
        again = method in ("GET", "HEAD", "PUT")
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                answer = self._http.request(
                    method, url, headers=ours, body=body, preload_content=not stream, redirect=False
                )
            except HTTPError as error:
                if attempt == _ATTEMPTS or not again:
                    raise RegistryError(
                        f"{self.reference}: {urlsplit(url).netloc} does not answer ({error}); "
                        "check the name, and that the registry is up"
                    ) from error
            else:
                if answer.status in (301, 302, 303, 307, 308) and method in ("GET", "HEAD"):
                    answer.drain_conn()
                    return self._send(method, self._location(answer), headers, body, stream)
                if answer.status not in _TRY_AGAIN or attempt == _ATTEMPTS or not again:
                    return answer
                answer.drain_conn()
            time.sleep(0.1 * 2**attempt)
        raise AssertionError("unreachable")

    def _persist(self, act: Callable[[], None]) -> None:
        """Do it once more if the connection broke in the middle."""
        try:
            act()
        except HTTPError:
            try:
                act()
            except HTTPError as error:
                raise RegistryError(f"{self.reference}: the connection broke twice ({error}); try again") from error

    def _ours(self, url: str) -> bool:
        return urlsplit(url)[:2] == urlsplit(self._host)[:2]

    def _answer(self, challenge: str) -> str | None:
        scheme, _, rest = challenge.partition(" ")
        basic = f"Basic {base64.b64encode(':'.join(self._auth).encode()).decode()}" if self._auth else None
        if scheme.lower() != "bearer":
            return basic
        wanted = dict(_CHALLENGE.findall(rest))
        realm = wanted.get("realm", "")
        query = {
            **({"service": wanted["service"]} if "service" in wanted else {}),
            "scope": wanted.get("scope") or f"repository:{self.reference.repository}:{self._actions}",
        }
        self._authorization = None
        headers = {"Authorization": basic} if basic else {}
        answer = self._send("GET", f"{realm}{'&' if '?' in realm else '?'}{urlencode(query)}", headers, None, False)
        if answer.status != 200:
            raise self._refusal("GET", answer)
        granted = json.loads(answer.data)
        return f"Bearer {granted.get('token') or granted.get('access_token')}"

    def _refusal(self, method: str, answer: Any) -> RegistryError:
        try:
            problem = json.loads(answer.data)["errors"][0]
            code, message = str(problem.get("code", "")), str(problem.get("message", ""))
        except (ValueError, LookupError, TypeError, AttributeError):
            code, message = "", ""
        advice = {
            401: "pass auth=(user, password); for ECR they come from get_authorization_token",
            403: "these credentials may not do that; use others, or change the repository's policy",
            404: "check the name; a repository of ECR has to be created first"
            if method in ("POST", "PUT")
            else "check the name, the tag and the registry",
            429: "the registry wants fewer requests; wait, or log in",
        }.get(answer.status, "see what the registry says")
        if code == "TAG_INVALID":
            advice = "push under another tag"
        said = " ".join(part for part in (code, message.rstrip(".")) if part)
        return RegistryError(
            f"{self.reference}: {answer.status} {said or answer.reason}; {advice}", answer.status, code
        )


def _choose(index: Mapping[str, Any], wanted: Platform, reference: Reference) -> str:
    offered = {Platform.of(entry.get("platform") or {}): entry["digest"] for entry in index["manifests"]}
    exact = offered.get(wanted)
    if exact is None:
        near = [d for p, d in offered.items() if (p.os, p.architecture) == (wanted.os, wanted.architecture)]
        if not near:
            have = ", ".join(sorted(str(p) for p in offered if p.os not in ("", "unknown")))
            raise RegistryError(f"{reference} has nothing for {wanted}, but {have or 'no platforms'}; pass platform=")
        exact = near[0]
    return str(exact)


def _reference(name: str | Reference) -> Reference:
    return name if isinstance(name, Reference) else Reference.parse(name)
