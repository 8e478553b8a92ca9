"""What goes wrong with images. Every message says what, where, and what to do next."""

from __future__ import annotations


class ImageError(Exception):
    """Base of everything this package raises on purpose."""


class InvalidReference(ImageError, ValueError):
    """A name such as `host:5000/team/app:1.2` that does not follow the reference grammar."""


class DockerfileError(ImageError):
    """A Dockerfile (or .dockerignore) that can't be read or built; starts with `file:line:`."""

    def __init__(self, file: str, line: int, message: str) -> None:
        super().__init__(f"{file}:{line}: {message}")
        self.file = file
        self.line = line


class UnsafeLayer(ImageError):
    """A layer whose entries would be written outside the root they are unpacked into."""


class RegistryError(ImageError):
    """A registry that refused or could not be reached. `status` is the HTTP status (0: none came)."""

    def __init__(self, message: str, status: int = 0, code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code
