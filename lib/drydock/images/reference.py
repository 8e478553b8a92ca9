"""Names of images: `[registry/]repository[:tag][@digest]`."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, replace

from .errors import InvalidReference

_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_HOST = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*"
_PATH = rf"{_COMPONENT}(?:/{_COMPONENT})*"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_REFERENCE = re.compile(
    rf"(?P<registry>{_HOST})/(?P<repository>{_PATH})(?::(?P<tag>{_TAG}))?(?:@(?P<digest>[^@]+))?", re.ASCII
)
TAG = re.compile(_TAG, re.ASCII)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_LONGEST_REPOSITORY = 255


@dataclass(frozen=True)
class Reference:
    """One image's name in full. `registry` is `host[:port]`, `docker.io` where none was written."""

    registry: str
    repository: str
    tag: str | None = None
    digest: str | None = None

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Read a name by the grammar and the shortcuts that Docker accepts.

        `python` is `docker.io/library/python`; the first part is a registry when it has a dot, a
        colon or an upper-case letter, or is `localhost`. No tag is added: see `tagged`.
        Raises InvalidReference. Source: github.com/distribution/reference, regexp.go and normalize.go.
        """
        if re.fullmatch(r"[a-f0-9]{64}", text):
            raise InvalidReference(f"{text!r} is an image id, not a name; write repository@sha256:{text}")
        first, slash, rest = text.partition("/")
        if slash and (re.search(r"[.:A-Z]", first) or first == "localhost"):
            registry, remainder = first, rest
        else:
            registry, remainder = "docker.io", text
        if registry == "index.docker.io":
            registry = "docker.io"
        if registry == "docker.io" and "/" not in remainder:
            remainder = f"library/{remainder}"
        path = remainder.partition("@")[0].partition(":")[0]
        if path != path.lower():
            raise InvalidReference(f"{text!r}: a repository is written in lower case; write {path.lower()!r}")
        match = _REFERENCE.fullmatch(f"{registry}/{remainder}")
        if match is None:
            raise InvalidReference(f"{text!r} is not an image name; write [registry/]repository[:tag][@sha256:…]")
        reference = cls(**match.groupdict())
        if len(reference.repository) > _LONGEST_REPOSITORY:
            raise InvalidReference(
                f"{text[:40]!r}…: a repository has at most {_LONGEST_REPOSITORY} characters, "
                f"this one has {len(reference.repository)}"
            )
        if reference.digest is not None and not _DIGEST.fullmatch(reference.digest):
            raise InvalidReference(f"{text!r}: a digest is written sha256: and 64 hexadecimal digits")
        return reference

    @property
    def name(self) -> str:
        """`registry/repository`."""
        return f"{self.registry}/{self.repository}"

    @property
    def familiar(self) -> str:
        """As people write it: without `docker.io/` and `library/`."""
        name = self.name.removeprefix("docker.io/")
        if name.count("/") == 1:
            name = name.removeprefix("library/")
        return f"{name}{self._suffix}"

    @property
    def is_loopback(self) -> bool:
        """Whether the registry is on this machine, and so is spoken to in plain HTTP."""
        return is_loopback(self.registry)

    def tagged(self) -> Reference:
        """The same with the tag `latest` if it has neither tag nor digest."""
        return self if self.tag or self.digest else replace(self, tag="latest")

    def __str__(self) -> str:
        return f"{self.name}{self._suffix}"

    @property
    def _suffix(self) -> str:
        return (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")


def is_loopback(host: str) -> bool:
    """Whether `host[:port]` names this machine: localhost, 127.0.0.0/8 or [::1]."""
    name = host.rpartition(":")[0] if re.search(r":[0-9]+$", host) and not host.endswith("]") else host
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False
