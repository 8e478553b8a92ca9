"""Names of images. Expected values: github.com/distribution/reference, reference_test.go and normalize_test.go."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drydock.images import InvalidReference, Reference
from drydock.images.reference import is_loopback

DIGEST = "sha256:" + "f" * 64


@pytest.mark.parametrize(
    ("text", "registry", "repository", "tag", "digest"),
    [
        ("test.com/repo:tag", "test.com", "repo", "tag", None),
        ("test:5000/repo", "test:5000", "repo", None, None),
        (f"test:5000/repo:tag@{DIGEST}", "test:5000", "repo", "tag", DIGEST),
        ("test.com:5000", "docker.io", "library/test.com", "5000", None),
        ("lowercase:Uppercase", "docker.io", "library/lowercase", "Uppercase", None),
        ("sub-dom1.foo.com/bar/baz/quux:some-long-tag", "sub-dom1.foo.com", "bar/baz/quux", "some-long-tag", None),
        ("xn--7o8h.com/myimage:xn--7o8h.com", "xn--7o8h.com", "myimage", "xn--7o8h.com", None),
        ("192.168.1.1:5000/repo:5050", "192.168.1.1:5000", "repo", "5050", None),
        ("[2001:db8::1]:5000/repo:tag", "[2001:db8::1]:5000", "repo", "tag", None),
        ("localhost/fooo/bar", "localhost", "fooo/bar", None, None),
        ("LOCALDOMAIN/fooo", "LOCALDOMAIN", "fooo", None, None),
        ("index.docker.io/fooo/bar", "docker.io", "fooo/bar", None, None),
        ("dock__er/docker---rules", "docker.io", "dock__er/docker---rules", None, None),
        ("example.com/" + "a" * 255, "example.com", "a" * 255, None, None),
    ],
)
def test_parts(text: str, registry: str, repository: str, tag: str | None, digest: str | None) -> None:
    assert Reference.parse(text) == Reference(registry, repository, tag, digest)


@pytest.mark.parametrize(
    "text",
    [
        "", ":justtag", f"@{DIGEST}", "repo@sha256:" + "f" * 34, "validname@invaliddigest:" + "f" * 128,
        "Uppercase:tag", "test:5000/Uppercase/lowercase:tag", "docker/Docker", "aa/asdf$$^/aa", "docker///docker",
        "domain/" + "a" * 256, "[2001:db8::1]", "[fe80::1%eth0]:5000/repo", "https://github.com/docker/docker",
        "-docker/docker", "docker-/docker", "____/____", "dock..er/docker", "dock_.er/docker", "docker/",
        "1a3f5e7d9c1b3a5f7e9d1c3b5a7f9e1d3c5b7a9f1e3d5d7c9b1a3f5e7d9c1b3a", "repo:" + "t" * 129, "repo:tag\n",
    ],
)  # fmt: skip
def test_refused(text: str) -> None:
    with pytest.raises(InvalidReference):
        Reference.parse(text)


@pytest.mark.parametrize(
    ("written", "familiar", "full"),
    [
        ("docker.io/library/ubuntu", "ubuntu", "docker.io/library/ubuntu"),
        ("library/foo/bar", "library/foo/bar", "docker.io/library/foo/bar"),
        ("127.0.0.1:8000/privatebase:1", "127.0.0.1:8000/privatebase:1", "127.0.0.1:8000/privatebase:1"),
        ("nonlibrary/ubuntu", "nonlibrary/ubuntu", "docker.io/nonlibrary/ubuntu"),
    ],
)
def test_familiar_and_full(written: str, familiar: str, full: str) -> None:
    assert (Reference.parse(written).familiar, str(Reference.parse(written))) == (familiar, full)


@given(st.text("abz019.-_/:@[]AZ", max_size=40))
def test_what_is_read_is_read_again_the_same(text: str) -> None:
    try:
        reference = Reference.parse(text)
    except InvalidReference:
        return
    assert Reference.parse(str(reference)) == reference
    assert Reference.parse(reference.familiar) == reference


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("localhost", True), ("localhost:80", True), ("127.9.8.7:5000", True), ("[::1]:5000", True), ("[::1]", True),
        ("127.0.0.1.example.com", False), ("10.0.0.1:5000", False), ("localhost.example.com", False),
        ("docker.io", False), ("[2001:db8::1]:5000", False),
    ],
)  # fmt: skip
def test_only_this_machine_is_loopback(host: str, here: bool) -> None:
    assert is_loopback(host) is here
