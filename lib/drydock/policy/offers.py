"""What runtimes of containers differ in."""

from __future__ import annotations

from enum import StrEnum


class Offer(StrEnum):
    """Something that not every runtime can give a container, as it is called in an error."""

    MOUNTS = "mounts"
    READ_ONLY_ROOT = "a read-only root"
    HOSTS = "host names"
    INIT = "an init process"
    CAPABILITIES = "capabilities"
    USER = "a user"
    OPEN_FILES = "a limit of open files"
