"""CodeDeploy: blue/green deployments of ECS services, by task sets and the weights of listeners.

All that it knows is data: it is in the file before a request is answered, and goes on from there after a restart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from drydock.embedded.core import seams
from drydock.embedded.core.services import Service

if TYPE_CHECKING:
    from .controller import Controller


class CodeDeploy(Service):
    name = "codedeploy"
    in_data = frozenset({
        "CreateApplication", "UpdateApplication", "DeleteApplication", "CreateDeploymentGroup", "UpdateDeploymentGroup",
        "DeleteDeploymentGroup", "CreateDeploymentConfig", "DeleteDeploymentConfig", "RegisterApplicationRevision",
        "CreateDeployment", "ContinueDeployment", "StopDeployment", "SkipWaitTimeForInstanceTermination",
        "PutLifecycleEventHookExecutionStatus", "TagResource", "UntagResource",
    })  # fmt: skip
    controller: Controller

    def install(self) -> None:
        """Put our operations and our state in place of moto's, and let the loop deploy."""
        from moto.codedeploy.models import codedeploy_backends
        from moto.codedeploy.responses import CodeDeployResponse

        from .controller import Controller
        from .operations import OPERATIONS
        from .state import CodeDeployState
        from .store import Store

        store = Store(self.host.data)
        self.controller = Controller(self.host)
        seams.stand_in(
            codedeploy_backends, CodeDeployState, host=self.host, store=store, changed=self.controller.changed
        )
        for name, action in OPERATIONS.items():
            setattr(CodeDeployResponse, name, action)
        for region in store.regions():
            self.host.backend(self.name, region).restore()
        self.host.every_tick(self.name, self.controller.tick, patient=True)

    def goes_on(self) -> bool:
        """Whether there is anything from before this process."""
        from .store import is_kept

        return self.host.has_data and is_kept(self.host.data)
