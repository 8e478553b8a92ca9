"""ECS: moto's clusters and task definitions, and services and tasks that really run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from drydock.embedded.core import seams
from drydock.embedded.core.services import Route, Service
from drydock.embedded.core.wsgi import Environ, json_answer, send
from drydock.embedded.services.ecs.dealings import DEALINGS
from drydock.policy.lifespans import Lifespan, Setting, members

if TYPE_CHECKING:
    from .engine import Engine


class ECS(Service):
    name = "ecs"
    passing = frozenset({  # a session ends with the process; tasks, deployments and task sets are kept
        "ExecuteCommand", "RunTask", "StopTask", "StopServiceDeployment", "ContinueServiceDeployment",
        "CreateTaskSet", "UpdateTaskSet", "UpdateServicePrimaryTaskSet", "DeleteTaskSet",
    })  # fmt: skip
    counts = ("clusters", "services", "tasks", "spot_is_dry", "spot_interruptions_per_task_hour")
    lifespan = Lifespan(
        named_in=("service",),
        name="(?:arn:.*/)?([^/]+)",
        settings={
            "UpdateService": Setting(members("cluster", {"cluster", "service"}, {"capacityProviderStrategy"})),
        },
        adds=frozenset({"RegisterTaskDefinition"}),
    )
    dealings = DEALINGS
    engine: Engine

    def install(self) -> None:
        """Set the operations that moto lacks or has wrong, and turn the engine in the host's loop."""
        from moto.ecs.models import EC2ContainerServiceBackend, ecs_backends
        from moto.ecs.responses import EC2ContainerServiceResponse

        from .engine import Engine
        from .operations import OPERATIONS

        self.engine = Engine(self.host, ecs_backends)
        seams.stand_in(ecs_backends, EC2ContainerServiceBackend, engine=self.engine)

        def last_revision(backend: Any, family: str) -> int:
            return self.engine.last_revisions.get((backend.region_name, family), 0)

        seams.replace(EC2ContainerServiceBackend, _get_last_task_definition_revision_id=last_revision)
        for name, function in OPERATIONS.items():
            setattr(EC2ContainerServiceResponse, name, function)
        self.host.every_tick(self.name, self.engine.tick, patient=True)
        self.host.every_tick(f"{self.name} metrics", self.engine.meter.tick, patient=True)
        self.host.every_tick(f"{self.name} proxies", self.engine.mesh.measure, patient=True)
        self.host.on_close(self.engine.close)

    def restored(self) -> None:
        """Bring back what the engine knew, and mark as stopped what no longer runs."""
        self.engine.restore()

    def routes(self) -> Mapping[str, Route]:
        """What a task may ask about itself, at addresses that its environment gives; and what Spot capacity does."""
        return {
            "/_drydock/metadata": Route(self._metadata),
            "/_drydock/credentials": Route(self._credentials),
            "/_drydock/spot": Route(self._spot),
        }

    def _metadata(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        from . import metadata

        container, *path = _below("metadata", environ)
        with self.host.lock:
            found = metadata.describe(self.engine.table, container, path)
        answer = json_answer(200, found) if found is not None else json_answer(404, {"error": "no such container"})
        return send(answer, environ, start_response)

    def _credentials(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        found = self.engine.roles.credentials("/".join(_below("credentials", environ)))
        answer = json_answer(200, found) if found is not None else json_answer(404, {"error": "no such task role"})
        return send(answer, environ, start_response)

    def _spot(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """What `drydock.embedded.spot` asks and says: POST with a document (`spot.answer`), GET to look."""
        from .spot import answer

        length = int(environ.get("CONTENT_LENGTH") or 0)
        text = environ["wsgi.input"].read(length) if environ["REQUEST_METHOD"] == "POST" else b"{}"
        try:
            with self.host.lock:
                found = json_answer(200, answer(self.engine.spot, json.loads(text)))
                self.engine.save()
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            found = json_answer(400, {"error": str(error)})
        return send(found, environ, start_response)

    def count(self) -> Mapping[str, float]:
        return self.engine.counts()


def _below(name: str, environ: Environ) -> list[str]:
    """The parts of the path below /_drydock/`name`."""
    return str(environ["PATH_INFO"]).removeprefix(f"/_drydock/{name}").strip("/").split("/")
