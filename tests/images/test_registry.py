"""Push and pull, against Debian's docker-registry (CNCF distribution) with skopeo as a second client.

What that registry does not do (tokens, redirects, faults) is played by a few lines of HTTP server; what clients have to
do there is from github.com/opencontainers/distribution-spec and distribution's docs/content/spec/auth/token.md.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import urllib3
from tests.support.images import unpack
from tests.support.tools import tool

from drydock.images import Image, ImageError, Layout, Reference, RegistryError, pull, push
from drydock.images import registry as client

Build = Callable[..., Image]


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, int]]:
    """(method, path without query, status) of each request that is sent."""
    sent: list[tuple[str, str, int]] = []
    real = urllib3.PoolManager.request

    def request(self: Any, method: str, url: str, **options: Any) -> Any:
        answer = real(self, method, url, **options)
        sent.append((method, urlsplit(url).path, answer.status))
        return answer

    monkeypatch.setattr(urllib3.PoolManager, "request", request)
    return sent


def skopeo(*words: str) -> bytes:
    tool("skopeo")
    return subprocess.check_output(["skopeo", *words])


def test_what_is_pushed_is_pulled_and_is_what_skopeo_sees(make: Build, registry: str, tmp_path: Path) -> None:
    image = make("FROM scratch\nCOPY a /a\nHEALTHCHECK CMD x\n", {"a": "1"})
    assert push(image, f"{registry}/team/app:1") == image.digest
    by_tag = pull(f"{registry}/team/app:1", into=tmp_path / "tag")
    by_digest = pull(f"{registry}/team/app@{image.digest}", into=tmp_path / "digest")
    assert (by_tag.digest, by_digest.digest, by_tag.manifest) == (image.digest, image.digest, image.manifest)
    assert by_tag.names == [f"{registry}/team/app:1"]
    assert unpack(by_digest.manifest, by_digest.layout.open, tmp_path / "root") == image.settings
    assert (tmp_path / "root/a").read_text() == "1"
    seen = json.loads(skopeo("inspect", "--tls-verify=false", f"docker://{registry}/team/app:1"))
    assert (seen["Digest"], seen["Layers"]) == (image.digest, [image.layers[0].digest])


def test_push_by_digest_and_a_digest_of_another_image(make: Build, registry: str, tmp_path: Path) -> None:
    image = make("FROM scratch\nCOPY a /a\n", {"a": "by digest"})
    push(image, f"{registry}/by/digest@{image.digest}")
    assert pull(f"{registry}/by/digest@{image.digest}", into=tmp_path / "l") == image
    with pytest.raises(ImageError, match="another image"):
        push(image, f"{registry}/by/digest@sha256:{'0' * 64}")


def test_blobs_that_are_there_are_not_sent_again(make: Build, registry: str, requests: list[Any]) -> None:
    image = make("FROM scratch\nCOPY a /a\n", {"a": "twice"})
    push(image, f"{registry}/twice:1")
    assert any(method == "PUT" and "/uploads/" in path for method, path, _ in requests)
    requests.clear()
    push(image, f"{registry}/twice:2")
    assert [(method, status) for method, _, status in requests] == [
        ("HEAD", 200), ("HEAD", 200), ("HEAD", 404), ("PUT", 201)
    ]  # fmt: skip


def test_a_tag_that_names_the_image_already_is_not_put_again(make: Build, registry: str, requests: list[Any]) -> None:
    image = make("FROM scratch\nCOPY a /a\n", {"a": "again"})
    push(image, f"{registry}/again:1")
    requests.clear()
    assert push(image, f"{registry}/again:1") == image.digest
    assert {method for method, _, _ in requests} == {"HEAD"}
    push(make("FROM scratch\nCOPY a /a\n", {"a": "moved"}), f"{registry}/again:1")
    assert requests[-1][0] == "PUT"


def test_blobs_of_a_sister_repository_are_mounted(make: Build, registry: str, requests: list[Any]) -> None:
    image = make("FROM scratch\nCOPY a /a\n", {"a": "mounted"})
    push(image, f"{registry}/first:1")
    requests.clear()
    push(image, f"{registry}/second:1")
    assert [(method, status) for method, _, status in requests] == [
        ("HEAD", 404), ("POST", 201), ("HEAD", 404), ("POST", 201), ("HEAD", 404), ("PUT", 201)
    ]  # fmt: skip


def test_a_large_blob_goes_in_one_piece(
    make: Build, registry: str, requests: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "AT_ONCE", 100_000)
    image = make("FROM scratch\nCOPY big /\n", {"big": os.urandom(350_000)})
    push(image, f"{registry}/big:1")
    assert [status for method, _, status in requests if method == "PATCH"] == [202]
    assert pull(f"{registry}/big:1", into=tmp_path / "l").read("big") == image.read("big")


@pytest.mark.parametrize("size", [0, 10, 99_000, 100_000, 350_000])
@pytest.mark.parametrize("status", [201, 202, 204])
@pytest.mark.parametrize("ranged", [True, False], ids=["Range", "no Range"])
def test_a_registry_that_drops_further_pieces_gets_all_in_the_first(
    make: Build, monkeypatch: pytest.MonkeyPatch, size: int, status: int, ranged: bool
) -> None:
    """As ECR does: 201 for a PATCH, and whatever a second one sends is dropped. Its Range says nothing."""
    monkeypatch.setattr(client, "AT_ONCE", 100_000)
    image = make("FROM scratch\nCOPY big /\n", {"big": os.urandom(size)})
    uploads: dict[str, bytes] = {}
    kept: dict[str, bytes] = {}

    def handle(request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        path, _, query = request.path.partition("?")
        match request.command:
            case "HEAD":
                answer(request, 404)
            case "POST":
                uploads[f"{path}{len(uploads)}"] = b""
                answer(request, 202, Location=f"{path}{len(uploads) - 1}")
            case "PATCH":
                uploads[path] = uploads[path] or body
                answer(request, status, Location=path, **({"Range": "0-0"} if ranged else {}))
            case "PUT" if "digest=" in query:
                whole = uploads[path] + body
                digest = f"sha256:{hashlib.sha256(whole).hexdigest()}"
                kept[digest] = whole
                answer(request, 201 if digest.replace(":", "%3A") in query else 400)
            case "PUT":
                answer(request, 201)

    with serving(handle) as registry:
        push(image, f"{registry}/app:1")
    assert {descriptor["digest"] for descriptor in image.described["layers"]} <= kept.keys()


def test_dockers_manifests_and_an_index_by_platform(make: Build, registry: str, tmp_path: Path) -> None:
    amd = make("FROM scratch\nCOPY a /a\n", {"a": "1"}, platform="linux/amd64", tags=["amd:1"])
    arm = make("FROM scratch\nCOPY a /a\n", platform="linux/arm64", tags=["arm:1"])
    push(amd, f"{registry}/multi:amd")
    push(arm, f"{registry}/multi:arm")
    index = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [
            {
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "digest": image.digest,
                "size": len(image.manifest),
                "platform": {"os": "linux", "architecture": architecture, **variant},
            }
            for image, architecture, variant in ((arm, "arm64", {"variant": "v8"}), (amd, "amd64", {}))
        ],
    }
    body = json.dumps(index).encode()
    answer = urllib3.request(
        "PUT", f"http://{registry}/v2/multi/manifests/1", body=body, headers={"Content-Type": index["mediaType"]}
    )
    assert answer.status == 201
    assert pull(f"{registry}/multi:1", into=tmp_path / "l", platform="linux/arm64") == arm
    by_index = f"{registry}/multi@sha256:{hashlib.sha256(body).hexdigest()}"
    assert pull(by_index, into=tmp_path / "l", platform="linux/x86_64") == amd
    with pytest.raises(RegistryError, match="nothing for linux/s390x, but linux/amd64, linux/arm64"):
        pull(f"{registry}/multi:1", into=tmp_path / "l", platform="linux/s390x")
    skopeo(
        "copy", "--quiet", "--dest-tls-verify=false", "--format=v2s2", f"oci:{amd.path}:amd:1",
        f"docker://{registry}/docker:1",
    )  # fmt: skip
    docker = pull(f"{registry}/docker:1", into=tmp_path / "l")
    assert docker.described["mediaType"] == "application/vnd.docker.distribution.manifest.v2+json"
    assert (docker.layers[0].digest, docker.read("a")) == (amd.layers[0].digest, b"1")
    push(docker, f"{registry}/docker:2")
    assert json.loads(skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{registry}/docker:2")) == (
        docker.described
    )


def test_from_a_registry_on_this_machine(make: Build, registry: str, tmp_path: Path, said: list[str]) -> None:
    base = make("FROM scratch\nCOPY a /a\n", {"a": "1"})
    push(base, f"{registry}/base:1")
    fresh = Layout(tmp_path / "fresh")
    image = make(f"FROM {registry}/base:1\nCOPY a /b\n", layout=fresh)
    assert [layer.digest for layer in image.layers[:1]] == [base.layers[0].digest]
    assert any("pulling" in line for line in said)
    assert fresh.find(f"{registry}/base:1") == base.digest


def test_what_is_not_there_says_so(make: Build, registry: str, tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match=r"no/app:1: 404 MANIFEST_UNKNOWN .*check the name") as caught:
        pull(f"{registry}/no/app:1", into=tmp_path / "l")
    assert (caught.value.status, caught.value.code) == (404, "MANIFEST_UNKNOWN")
    with pytest.raises(RegistryError, match="does not answer"):
        pull("127.0.0.1:9/app:1", into=tmp_path / "l")


def test_basic_credentials(make: Build, serve_registry: Callable[..., Any], tmp_path: Path) -> None:
    users = tmp_path / "users"
    users.write_text("learner:$2y$05$Pxw/fti8pbgWnxzYKb7Uu.zfV0Pm0rbH2ZOxNJabUE49V8bmMvbEG\n")  # "harbour"
    with serve_registry(f"auth: {{htpasswd: {{realm: test, path: '{users}'}}}}\n") as registry:
        image = make("FROM scratch\nCOPY a /a\n", {"a": "1"})
        push(image, f"{registry}/app:1", ("learner", "harbour"))
        assert pull(f"{registry}/app:1", ("learner", "harbour"), into=tmp_path / "l") == image
        for auth in (None, ("learner", "wrong")):
            with pytest.raises(RegistryError, match=r"401 UNAUTHORIZED .*get_authorization_token"):
                pull(f"{registry}/app:1", auth, into=tmp_path / "l")


# A registry that misbehaves

Handler = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def serving(handle: Handler) -> Iterator[str]:
    class Server(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            handle(self)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = handle_any

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def answer(request: BaseHTTPRequestHandler, status: int, body: bytes = b"", **headers: str) -> None:
    request.send_response(status)
    for name, value in {"Content_Length": str(len(body)), **headers}.items():
        request.send_header(name.replace("_", "-"), value)
    request.end_headers()
    request.wfile.write(body)


def files(image: Image, path: str) -> bytes:
    """What a registry that holds one image answers for a path."""
    return image.layout.read(path.rpartition("/")[2]) if "/blobs/" in path else image.manifest


def test_bearer_tokens(make: Build, tmp_path: Path) -> None:
    image = make("FROM scratch\nCOPY a /a\n", {"a": "1"})
    asked: list[dict[str, list[str]]] = []

    def handle(request: BaseHTTPRequestHandler) -> None:
        url = urlsplit(request.path)
        given = request.headers.get("Authorization", "")
        if url.path == "/token":
            asked.append(parse_qs(url.query))
            right = given == "Basic " + base64.b64encode(b"me:pass:word").decode()
            answer(
                request,
                200 if right else 401,
                b'{"token": "T"}' if right else b'{"errors": [{"code": "UNAUTHORIZED"}]}',
            )
        elif given != "Bearer T":
            realm = f'Bearer realm="http://{host}/token",service="s",scope="repository:app:pull"'
            answer(request, 401, WWW_Authenticate=realm)
        else:
            answer(request, 200, files(image, url.path))

    with serving(handle) as host:
        assert pull(f"{host}/app:1", ("me", "pass:word"), into=tmp_path / "l") == image
        assert asked == [{"service": ["s"], "scope": ["repository:app:pull"]}]
        with pytest.raises(RegistryError, match="401 UNAUTHORIZED"):
            pull(f"{host}/app:1", ("me", "no"), into=tmp_path / "other")


def test_credentials_are_not_sent_where_a_redirect_leads(make: Build, tmp_path: Path) -> None:
    image = make("FROM scratch\nCOPY a /a\n", {"a": "1"})
    elsewhere: list[str | None] = []

    def store(request: BaseHTTPRequestHandler) -> None:
        elsewhere.append(request.headers.get("Authorization"))
        answer(request, 200, files(image, urlsplit(request.path).path))

    def handle(request: BaseHTTPRequestHandler) -> None:
        if not request.headers.get("Authorization"):
            answer(request, 401, WWW_Authenticate='Basic realm="r"')
        elif "/blobs/" in request.path:
            answer(request, 307, Location=f"http://{other}{request.path}")
        else:
            answer(request, 200, image.manifest)

    with serving(store) as other, serving(handle) as host:
        assert pull(f"{host}/app:1", ("me", "pass"), into=tmp_path / "l") == image
    assert elsewhere == [None, None]


def test_faults_that_pass_are_tried_again(make: Build, tmp_path: Path) -> None:
    image = make("FROM scratch\nCOPY a /a\n", {"a": "x" * 1000})
    faults = {"manifests": [503, 429], "blobs": [502]}
    cut = [True]

    def handle(request: BaseHTTPRequestHandler) -> None:
        kind = "blobs" if "/blobs/" in request.path else "manifests"
        body = files(image, request.path)
        if faults[kind]:
            answer(request, faults[kind].pop())
        elif kind == "blobs" and cut and cut.pop():
            request.send_response(200)
            request.send_header("Content-Length", str(len(body)))
            request.end_headers()
            request.wfile.write(body[:10])
            request.close_connection = True
        else:
            answer(request, 200, body)

    with serving(handle) as host:
        assert pull(f"{host}/app:1", into=tmp_path / "l").read("a") == b"x" * 1000
    assert not any(faults.values()) and not cut


@pytest.mark.parametrize("wrong", ["manifest", "layer", "html", "schema1"])
def test_what_is_not_what_it_should_be_is_refused(make: Build, tmp_path: Path, wrong: str) -> None:
    image = make("FROM scratch\nCOPY a /a\n", {"a": "1"})

    def handle(request: BaseHTTPRequestHandler) -> None:
        body = files(image, request.path)
        if wrong == "html":
            body = b"<html>"
        elif wrong == "schema1":
            body = b'{"schemaVersion": 1, "mediaType": "application/vnd.docker.distribution.manifest.v1+json"}'
        elif ("/blobs/" in request.path) == (wrong == "layer"):
            body = body + b"\n" if wrong == "manifest" else body[:-1] + b" "
        answer(request, 200, body)

    name = "app:1" if wrong in ("html", "schema1") else f"app@{image.digest}"
    layout = Layout(tmp_path / "l")
    with serving(handle) as host, pytest.raises(RegistryError):
        pull(f"{host}/{name}", into=layout)
    assert layout.digests() == []


def test_plain_http_only_on_this_machine(monkeypatch: pytest.MonkeyPatch, make: Build) -> None:
    asked: list[str] = []

    def request(self: Any, method: str, url: str, **options: Any) -> Any:
        asked.append(url)
        raise urllib3.exceptions.HTTPError("no network")

    monkeypatch.setattr(urllib3.PoolManager, "request", request)
    for name in ("example.com/app:1", "10.0.0.1:5000/app:1", "python:3"):
        with pytest.raises(RegistryError):
            client.Repository(Reference.parse(name), None, "pull").manifest("1")
    assert {url.partition("/v2/")[0] for url in asked} == {
        "https://example.com", "https://10.0.0.1:5000", "https://registry-1.docker.io"
    }  # fmt: skip
