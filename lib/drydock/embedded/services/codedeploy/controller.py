"""Takes the deployments of all regions further, turn by turn."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from drydock.embedded.core.faults import Faults

from .progress import Progress
from .state import CodeDeployState, Deployment

if TYPE_CHECKING:
    from drydock.embedded.core.host import Host


class Controller:
    def __init__(self, host: Host) -> None:
        self._host = host
        self._progress = Progress(host)
        self._faults = Faults("the deployment", now=host.clock.elapsed)
        self._is_idle = False

    def changed(self) -> None:
        """A request was about a deployment."""
        self._is_idle = False
        self._host.poke()

    def tick(self) -> None:
        """One turn of the loop."""
        if self._is_idle:
            return
        with self._host.lock:
            self._is_idle = True
            for backend in self._host.backends_so_far("codedeploy"):
                state = cast(CodeDeployState, backend)
                for one in [each for each in state.deployments.values() if not each.is_over]:
                    self._is_idle = False
                    self._faults.attempt(one.id, self._advance, state, one)
            if not self._is_idle:
                self._host.soon()

    def _advance(self, state: CodeDeployState, one: Deployment) -> None:
        self._progress.advance(state, one)
        if one.is_over:
            self._progress.forget(one)
