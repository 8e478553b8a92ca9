"""ECR: moto's repositories, put right, with a real registry behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drydock.embedded.core.host import Host


def install(host: Host) -> None:
    """Let moto's ECR answer as AWS does; called once for each Host, before its first request."""
    from moto.ecr.models import ecr_backends
    from moto.ecr.responses import ECRResponse

    from drydock.embedded.services.ecr.blobs import BlobStore
    from drydock.embedded.services.ecr.expiry import Keeper
    from drydock.embedded.services.ecr.models import Backend
    from drydock.embedded.services.ecr.responses import ACTIONS

    Backend.__module__ = "moto.ecr.models"
    ecr_backends.backend = Backend
    for name, method in ACTIONS.items():
        setattr(ECRResponse, name, method)
    BlobStore(host.directory).clear_uploads()
    host.every_tick("ecr", Keeper(host).tick)


def restored(host: Host) -> None:
    """After the journal was replayed: blobs that no image names are gone for good."""
    from drydock.embedded.services.ecr.blobs import BlobStore
    from drydock.embedded.services.ecr.expiry import sweep

    with host.lock:
        sweep(BlobStore(host.directory), 0.0)
