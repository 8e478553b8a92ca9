"""Lambda: moto's, but functions of Python run, as processes of this machine; what is not there is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from drydock.embedded.core import seams
from drydock.embedded.core.services import Service

if TYPE_CHECKING:
    from .calls import Calls
    from .events import Events


class Lambda(Service):
    name = "awslambda"
    passing = frozenset({"Invoke", "InvokeAsync"})
    calls: Calls
    events: Events

    def install(self) -> None:
        """Let calls run beside everything else, and refuse what would be kept and not done."""
        from moto.awslambda import models
        from moto.awslambda.responses import LambdaResponse

        from . import operations
        from .calls import Calls
        from .events import Events

        self.calls = Calls(self.host)
        self.events = Events(self.host, self.calls)
        self._seen = -1
        does = operations.Operations(self.events)
        backend, function = models.LambdaBackend, models.LambdaFunction
        create, change_code = (
            seams.original(backend, "create_function"),
            seams.original(backend, "update_function_code"),
        )
        checks = operations.Checks(self.host)
        made, changed = operations.from_template(seams.original(function, "create_from_cloudformation_json"), checks)
        put_config = seams.original(backend, "put_function_event_invoke_config")
        no_mappings = operations.not_there(
            "event source mappings", "Let who has the events call Invoke, or use a target of EventBridge or SNS."
        )
        seams.replace(
            LambdaResponse, invoke=seams.as_method(does.invoke), invoke_async=seams.as_method(does.invoke_async)
        )
        seams.replace(
            backend,
            create_function=operations.checked(create, checks.create, 1),
            update_function_code=operations.checked(change_code, checks.code, 3),
            put_function_event_invoke_config=operations.with_destinations_refused(put_config),
            create_alias=operations.with_weights_refused(seams.original(backend, "create_alias")),
            update_alias=operations.with_weights_refused(seams.original(backend, "update_alias")),
            create_event_source_mapping=no_mappings,
            create_function_url_config=operations.not_there("URLs of functions", "Call Invoke."),
        )
        seams.replace(
            function,
            invoke=self._told(),
            update_configuration=operations.keeps_all(seams.original(function, "update_configuration"), checks),
            create_from_cloudformation_json=made,
            update_from_cloudformation_json=changed,
        )
        self.host.every_tick(self.name, self._tick, patient=True)

    def _told(self) -> Any:
        """What another service of moto's calls, which waits for no answer."""

        def invoke(function: Any, body: str, request_headers: Any, response_headers: Any) -> str:
            if not seams.replaying():
                self.events.take(function, body.encode() if isinstance(body, str) else json.dumps(body).encode())
            return ""

        return invoke

    def _tick(self) -> None:
        self.events.tick()
        with self.host.lock:
            self.calls.flush()
        if self._seen != self.host.changes:
            self._seen = self.host.changes
            self.calls.packages.keep(self._digests)

    def _digests(self) -> set[str]:
        """The packages of all versions of all functions, and of calls under way."""
        with self.host.lock:
            known = {
                version.code_digest
                for backend in self.host.backends_so_far(self.name)
                for versions in backend._lambdas._functions.values()
                for version in (versions["latest"], *versions["versions"])
                if version is not None and hasattr(version, "code_digest")
            }
        return known | self.calls.digests()
