"""ECR: moto's repositories, put right, with a real registry behind them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from drydock.embedded.core import seams
from drydock.embedded.core.services import Route, Service
from drydock.embedded.core.wsgi import Answer, Environ
from drydock.policy.lifespans import Lifespan, Setting, items, whole


class ECR(Service):
    name = "ecr"
    passing = frozenset({"InitiateLayerUpload", "UploadLayerPart", "CompleteLayerUpload"})  # bytes are in files
    lifespan = Lifespan(
        begins="CreateRepository",
        ends="DeleteRepository",
        within=frozenset({
            "PutImage", "BatchDeleteImage", "PutLifecyclePolicy", "DeleteLifecyclePolicy", "DeleteRepositoryPolicy",
            "StartImageScan", "StartLifecyclePolicyPreview", "UpdateImageStorageClass",
        }),
        named_in=("repositoryName", "resourceArn"),
        name="(?:arn:.*:repository/)?([^:]+)",
        settings={
            "SetRepositoryPolicy": Setting(whole("policy")),
            "PutImageScanningConfiguration": Setting(whole("scanning")),
            "PutImageTagMutability": Setting(whole("mutability")),
            "TagResource": Setting(items("tag", "tags", "Key")),
            "UntagResource": Setting(items("tag", "tagKeys"), clears=True),
        },
    )  # fmt: skip

    def install(self) -> None:
        """Let moto's ECR answer as AWS does, and its lifecycle policies work."""
        from moto.ecr.models import ecr_backends
        from moto.ecr.responses import ECRResponse

        from .blobs import BlobStore
        from .controller import Keeper
        from .operations import ACTIONS
        from .state import Backend

        seams.stand_in(ecr_backends, Backend, host=self.host)
        for name, method in ACTIONS.items():
            setattr(ECRResponse, name, method)
        BlobStore(self.host.directory).clear_uploads()
        self.host.every_tick(self.name, Keeper(self.host).tick, patient=True)

    def restored(self) -> None:
        """Blobs that no image names are gone for good."""
        from .blobs import BlobStore
        from .controller import sweep

        with self.host.lock:
            sweep(BlobStore(self.host.directory), 0.0)

    def routes(self) -> Mapping[str, Route]:
        return {"/v2": Route(self._registry, _refused, streams=True)}

    def _registry(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        from . import registry

        return registry.answer(self.host, environ, start_response)


def _refused(status: int, why: str) -> Answer:
    """In the form that clients of a registry read."""
    code = "DENIED" if status == 403 else "UNKNOWN"
    body = json.dumps({"errors": [{"code": code, "message": why}]}).encode()
    return status, {"Content-Type": "application/json", "Docker-Distribution-Api-Version": "registry/2.0"}, body
