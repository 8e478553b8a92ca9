"""Images: from a Dockerfile to an OCI image, to a registry and back, and into a directory."""

from .build import build
from .config import Healthcheck, ImageConfig
from .errors import DockerfileError, ImageError, InvalidReference, RegistryError, UnsafeLayer
from .image import Change, Image, Layer, Step
from .layout import Layout
from .reference import Reference
from .registry import pull, push
from .unpack import Budget, UnpackedLayer, lay, read_config, unpack_layer, write_tar

__all__ = [
    "Budget",
    "Change",
    "DockerfileError",
    "Healthcheck",
    "Image",
    "ImageConfig",
    "ImageError",
    "InvalidReference",
    "Layer",
    "Layout",
    "Reference",
    "RegistryError",
    "Step",
    "UnpackedLayer",
    "UnsafeLayer",
    "build",
    "lay",
    "pull",
    "push",
    "read_config",
    "unpack_layer",
    "write_tar",
]
