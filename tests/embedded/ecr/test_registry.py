"""The registry's protocol: OCI Distribution 1.1 as clients use it, and what ECR refuses."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drydock.embedded.services.ecr import blobs, names, registry, tokens

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
NOBODY = "sha256:" + "0" * 64


@pytest.fixture
def web(ecr: Any) -> str:
    ecr.create_repository(repositoryName="team/web")
    return "team/web"


def code(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["errors"][0]["code"]


def begin(session: Any, repository: str) -> str:
    answer = session.post(f"/v2/{repository}/blobs/uploads/")
    assert answer.status_code == 202
    assert answer.headers["Range"] == "0-0"
    return str(answer.headers["Location"])


def test_who_may_come_in(host: Any, session: Any, client: Any) -> None:
    answer = requests.get(f"{host.endpoint}/v2/", timeout=10)
    assert code(answer) == (401, "UNAUTHORIZED")
    assert answer.headers["WWW-Authenticate"].startswith(f'Basic realm="{host.endpoint}/"')
    for auth in (("AWS", "made-up"), ("root", session.auth[1]), ("AWS", session.auth[1][:-1] + "~")):
        assert requests.get(f"{host.endpoint}/v2/", auth=auth, timeout=10).status_code == 401
    answer = session.get("/v2/")
    assert answer.status_code == 200
    assert answer.headers["Docker-Distribution-API-Version"] == "registry/2.0"


def test_a_token_ends(host: Any, ecr: Any, session: Any) -> None:
    with pytest.raises(tokens.Refused, match="expired"):
        tokens.region_of(host.directory, session.auth[1], now=2**40)
    assert tokens.region_of(host.directory, session.auth[1], now=0) == "us-east-1"


def test_a_token_is_for_its_region(host: Any, client: Any, session: Any, web: str) -> None:
    far = client("ecr", "eu-west-1").get_authorization_token()["authorizationData"][0]["authorizationToken"]
    password = base64.b64decode(far).decode().removeprefix("AWS:")
    answer = requests.get(f"{host.endpoint}/v2/{web}/tags/list", auth=("AWS", password), timeout=10)
    assert code(answer) == (404, "NAME_UNKNOWN")
    assert session.get(f"/v2/{web}/tags/list").json() == {"name": web, "tags": []}


def test_a_repository_has_to_be_there_first(session: Any, make: Any) -> None:
    for answer in (
        session.post("/v2/nobody/blobs/uploads/"),
        session.get(f"/v2/nobody/blobs/{NOBODY}"),
        session.get("/v2/nobody/manifests/v1"),
        session.put("/v2/nobody/manifests/v1", data=make({"a": "1"}).manifest),
        session.get("/v2/nobody/tags/list"),
    ):
        assert code(answer) == (404, "NAME_UNKNOWN")
        assert answer.json()["errors"][0]["message"] == (
            "The repository with name 'nobody' does not exist in the registry with id '000000000000'"
        )


def test_a_blob_in_one_go(session: Any, web: str, digest_of: Any) -> None:
    data = b"0123456789"
    digest = digest_of(data)
    answer = session.post(f"/v2/{web}/blobs/uploads/?digest={digest}", data=data)
    assert (answer.status_code, answer.headers["Location"]) == (201, f"/v2/{web}/blobs/{digest}")
    head = session.head(f"/v2/{web}/blobs/{digest}")
    assert head.status_code == 200
    assert (head.headers["Content-Length"], head.headers["Docker-Content-Digest"]) == ("10", digest)
    assert session.get(f"/v2/{web}/blobs/{digest}").content == data


@pytest.mark.parametrize(
    ("asked", "status", "content", "says"),
    [
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=5-99", 206, b"56789", "bytes 5-9/10"),
        ("bytes=10-11", 416, None, "bytes */10"),
        ("lines=1-2", 200, b"0123456789", None),
    ],
)
def test_a_part_of_a_blob(
    session: Any, web: str, asked: str, status: int, content: bytes | None, says: str | None
) -> None:
    digest = session.push_blob(web, b"0123456789")
    answer = session.get(f"/v2/{web}/blobs/{digest}", headers={"Range": asked})
    assert (answer.status_code, answer.headers.get("Content-Range")) == (status, says)
    assert content is None or answer.content == content


def test_a_blob_in_chunks(session: Any, web: str, digest_of: Any) -> None:
    where = begin(session, web)
    first = session.patch(where, data=b"01234", headers={"Content-Range": "0-4"})
    assert (first.status_code, first.headers["Range"]) == (202, "0-4")
    early = session.patch(where, data=b"789", headers={"Content-Range": "7-9"})
    assert (early.status_code, early.headers["Range"], early.headers["Location"]) == (416, "0-4", where)
    assert code(session.patch(where, data=b"56", headers={"Content-Range": "5-9"})) == (400, "SIZE_INVALID")
    status = session.get(where)
    assert (status.status_code, status.headers["Range"]) == (204, "0-4")
    assert session.patch(where, data=iter([b"5", b"67"])).headers["Range"] == "0-7"
    done = session.put(f"{where}?digest={digest_of(b'0123456789')}", data=b"89", headers={"Content-Range": "8-9"})
    assert done.status_code == 201
    assert session.get(done.headers["Location"]).content == b"0123456789"
    assert code(session.get(where)) == (404, "BLOB_UPLOAD_UNKNOWN")


def test_a_blob_that_is_not_what_it_says(session: Any, host: Any, web: str) -> None:
    where = begin(session, web)
    assert code(session.put(f"{where}?digest={NOBODY}", data=b"else")) == (400, "DIGEST_INVALID")
    assert session.head(f"/v2/{web}/blobs/{NOBODY}").status_code == 404
    assert code(session.put(f"{begin(session, web)}?digest=md5:1", data=b"")) == (400, "DIGEST_INVALID")
    assert [file.name for file in Path(host.directory, "blobs", "sha256").glob("*")] == []


def test_an_upload_can_be_given_up(session: Any, host: Any, web: str) -> None:
    where = begin(session, web)
    session.patch(where, data=b"x" * 1000)
    assert session.delete(where).status_code == 204
    assert code(session.patch(where, data=b"y")) == (404, "BLOB_UPLOAD_UNKNOWN")
    assert list(Path(host.directory, "uploads").iterdir()) == []


def test_a_blob_is_seen_through_its_own_repository_and_mounted_where_allowed(
    ecr: Any, session: Any, web: str, push: Any
) -> None:
    ecr.create_repository(repositoryName="other")
    image = push(web, "shared", "v1")
    digest = next(iter(image.blobs))
    assert session.head(f"/v2/other/blobs/{digest}").status_code == 404
    mount = f"/v2/other/blobs/uploads/?mount={digest}&from={web}"
    assert session.post(mount).status_code == 202
    ecr.put_account_setting(name="BLOB_MOUNTING", value="ENABLED")
    assert session.post(f"/v2/other/blobs/uploads/?mount={NOBODY}&from={web}").status_code == 202
    answer = session.post(mount)
    assert (answer.status_code, answer.headers["Location"]) == (201, f"/v2/other/blobs/{digest}")
    assert session.get(f"/v2/other/blobs/{digest}").content == image.blobs[digest]


def test_manifests_by_tag_and_digest(ecr: Any, session: Any, web: str, push: Any) -> None:
    image = push(web, "hello", "v1", "stable")
    for reference in ("v1", image.digest):
        answer = session.get(f"/v2/{web}/manifests/{reference}")
        assert answer.content == image.manifest
        assert answer.headers["Docker-Content-Digest"] == image.digest
        assert answer.headers["Content-Type"] == OCI_MANIFEST
        head = session.head(f"/v2/{web}/manifests/{reference}")
        assert (head.status_code, head.headers["Content-Length"]) == (200, str(len(image.manifest)))
    assert code(session.get(f"/v2/{web}/manifests/nope")) == (404, "MANIFEST_UNKNOWN")
    assert code(session.put(f"/v2/{web}/manifests/{NOBODY}", data=image.manifest)) == (400, "DIGEST_INVALID")
    for reference in ("v1", image.digest):
        assert code(session.delete(f"/v2/{web}/manifests/{reference}")) == (405, "UNSUPPORTED")
    assert sorted(ecr.describe_images(repositoryName=web)["imageDetails"][0]["imageTags"]) == ["stable", "v1"]


def test_what_is_not_a_manifest_is_refused(session: Any, web: str, make: Any) -> None:
    where = f"/v2/{web}/manifests/v1"
    assert code(session.put(where, data=b"")) == (400, "MANIFEST_INVALID")
    assert code(session.put(where, data=b"\xff")) == (400, "MANIFEST_INVALID")
    assert code(session.put(where, data=b"{}")) == (400, "MANIFEST_INVALID")
    assert code(session.put(where, data=b"x" * ((4 << 20) + 1))) == (413, "SIZE_INVALID")
    assert code(session.put(where, data=make({"a": "1"}).manifest)) == (400, "MANIFEST_BLOB_UNKNOWN")
    assert code(session.put(f"/v2/{web}/manifests/-v1", data=b"{}")) == (400, "TAG_INVALID")


def test_tags_come_in_pages(session: Any, web: str, push: Any) -> None:
    push(web, "hello", *[f"v{n}" for n in range(5)])
    first = session.get(f"/v2/{web}/tags/list?n=2")
    assert first.json() == {"name": web, "tags": ["v0", "v1"]}
    assert first.headers["Link"] == f'</v2/{web}/tags/list?n=2&last=v1>; rel="next"'
    assert session.get(first.links["next"]["url"]).json()["tags"] == ["v2", "v3"]
    last = session.get(f"/v2/{web}/tags/list?n=2&last=v3")
    assert (last.json()["tags"], "Link" in last.headers) == (["v4"], False)
    assert session.get(f"/v2/{web}/tags/list?n=0").json()["tags"] == []


def test_referrers(ecr: Any, session: Any, web: str, push: Any, digest_of: Any) -> None:
    image = push(web, "hello", "v1")
    empty = session.get(f"/v2/{web}/referrers/{NOBODY}")
    assert (empty.status_code, empty.json()["manifests"]) == (200, [])
    config = session.push_blob(web, b"{}")
    signature = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "artifactType": "application/vnd.example.signature",
            "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": config, "size": 2},
            "layers": [],
            "subject": {"mediaType": OCI_MANIFEST, "digest": image.digest, "size": len(image.manifest)},
            "annotations": {"by": "me"},
        }
    ).encode()
    digest = digest_of(signature)
    put = session.put(f"/v2/{web}/manifests/{digest}", data=signature, headers={"Content-Type": OCI_MANIFEST})
    assert (put.status_code, put.headers["OCI-Subject"]) == (201, image.digest)
    listed = session.get(f"/v2/{web}/referrers/{image.digest}")
    assert listed.headers["Content-Type"] == "application/vnd.oci.image.index.v1+json"
    (entry,) = listed.json()["manifests"]
    assert entry == {
        "mediaType": OCI_MANIFEST,
        "digest": digest,
        "size": len(signature),
        "artifactType": "application/vnd.example.signature",
        "annotations": {"by": "me"},
    }
    none = session.get(f"/v2/{web}/referrers/{image.digest}?artifactType=other")
    assert (none.json()["manifests"], none.headers["OCI-Filters-Applied"]) == ([], "artifactType")
    referrers = ecr.list_image_referrers(repositoryName=web, subjectId={"imageDigest": image.digest})["referrers"]
    assert [r["digest"] for r in referrers] == [digest]
    details = ecr.describe_images(repositoryName=web, imageIds=[{"imageDigest": digest}])["imageDetails"]
    assert details[0]["subjectManifestDigest"] == image.digest


@pytest.mark.parametrize("name", ["Web", "a..b", "-a", "a/-b", "a//b", "a", "a" * 257])
def test_what_is_not_a_name_is_refused_as_such(session: Any, name: str) -> None:
    assert code(session.get(f"/v2/{name}/tags/list")) == (400, "NAME_INVALID")


def test_unknown_paths_and_methods(session: Any, web: str) -> None:
    assert code(session.get("/v2/_catalog")) == (404, "UNSUPPORTED")
    answer = session.delete(f"/v2/{web}/blobs/{NOBODY}")
    assert (code(answer), answer.headers["Allow"]) == ((405, "UNSUPPORTED"), "GET, HEAD")


SEGMENTS = st.lists(
    st.one_of(
        st.sampled_from(["..", ".", "a", "%2e%2e", "%2f", "web", "blobs", "uploads", "sha256:", "\x00", "A"]),
        st.text(max_size=6),
    ),
    min_size=1,
    max_size=5,
).map("/".join)
REFERENCES = st.one_of(
    SEGMENTS, st.uuids().map(str), st.sampled_from([NOBODY, "v1", "sha256:..", "sha256:" + "g" * 64])
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=SEGMENTS,
    kind=st.sampled_from(["blobs", "blobs/uploads", "manifests", "referrers"]),
    reference=REFERENCES,
    method=st.sampled_from(["GET", "HEAD", "PUT", "PATCH", "POST", "DELETE"]),
)
def test_no_path_leaves_the_store(host: Any, session: Any, name: str, kind: str, reference: str, method: str) -> None:
    """Whatever the path says: a refusal with a code, and no file outside of what the registry keeps."""
    token = base64.b64encode(f"AWS:{session.auth[1]}".encode()).decode()
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": f"/v2/{name}/{kind}/{reference}",
        "QUERY_STRING": f"digest={NOBODY}",
        "HTTP_AUTHORIZATION": f"Basic {token}",
        "CONTENT_LENGTH": "0",
        "wsgi.input": io.BytesIO(),
    }
    before = sorted(p for p in host.directory.rglob("*") if p.name != "journal.jsonl")
    statuses: list[str] = []
    body = b"".join(registry.answer(host, environ, lambda status, headers: statuses.append(status)))
    assert 400 <= int(statuses[0].split()[0]) < 500
    if method != "HEAD":
        assert json.loads(body)["errors"][0]["code"]
    assert sorted(p for p in host.directory.rglob("*") if p.name != "journal.jsonl") == before


@given(st.one_of(REFERENCES, st.text(), st.from_regex(r"sha256:[a-f0-9]{64}\n?")))
def test_a_blob_is_a_file_of_the_store_or_none(digest: str) -> None:
    store = blobs.BlobStore(Path("/state"))
    try:
        path = store.path(digest)
    except ValueError:
        return
    assert path.parent == Path("/state/blobs/sha256")
    assert len(path.name) == 64 and path.name.isalnum()


@given(st.text(max_size=30))
def test_a_name_has_no_way_up_or_out(text: str) -> None:
    if names.is_repository(text):
        parts = text.split("/")
        assert all(part not in ("", ".", "..") for part in parts)
        assert text.isascii() and text == text.lower()
