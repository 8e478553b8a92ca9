"""The root of an image for processes: its layers, laid over one another once for all containers that have them."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from drydock import disk
from drydock.embedded.carriers.runtime.base import CannotStart

if TYPE_CHECKING:
    from drydock.images import UnpackedLayer


class Roots:
    """Folders below `directory`, which stay until their layers are forgotten."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()

    def of(self, layers: tuple[UnpackedLayer, ...]) -> Path:
        """Where these are laid. CannotStart."""
        root = self._place(layers)
        with self._lock(root):
            if not root.exists():
                self._lay(layers, root)
        return root

    def forget(self, layers: tuple[UnpackedLayer, ...]) -> None:
        root = self._place(layers)
        with self._lock(root):
            disk.remove(root)

    def _lay(self, layers: tuple[UnpackedLayer, ...], root: Path) -> None:
        from drydock.images import ImageError, lay

        partial = root.with_suffix(".partial")
        disk.remove(partial)
        try:
            lay(layers, partial)
            partial.rename(root)
        except (ImageError, OSError) as error:
            disk.remove(partial)
            raise CannotStart(f"CannotPullContainerError: failed to extract the image: {error}") from error

    def _place(self, layers: tuple[UnpackedLayer, ...]) -> Path:
        chain = " ".join(layer.digest for layer in layers)
        return self._directory / hashlib.sha256(chain.encode()).hexdigest()[:32]

    def _lock(self, root: Path) -> threading.Lock:
        with self._guard:
            return self._locks.setdefault(root.name, threading.Lock())
