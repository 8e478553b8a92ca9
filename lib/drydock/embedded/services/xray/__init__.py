"""X-Ray: segments and spans in the data file, and what is asked about them. Nothing of it is moto's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from drydock.embedded.core import seams
from drydock.embedded.core.services import Route, Service
from drydock.embedded.core.wsgi import Environ, json_answer

TRACES = "/v1/traces"


class XRay(Service):
    name = "xray"
    in_data = frozenset({"PutTraceSegments", "PutTelemetryRecords"})

    def install(self) -> None:
        """Put our operations at the paths of moto's, with the data file under them."""
        from moto.xray import urls
        from moto.xray.models import xray_backends

        from .operations import PATHS, Operations, signed_spans
        from .state import Rules
        from .store import Store

        self.store = Store(self.host.data)
        seams.stand_in(xray_backends, Rules, operations=Operations(self.host, self.store))
        seams.replace(urls, url_paths={**PATHS, f"{{0}}{TRACES}$": signed_spans})

    def routes(self) -> Mapping[str, Route]:
        return {TRACES: Route(self._spans, lambda status, why: json_answer(status, {"message": why}))}

    def _spans(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        from . import otlp

        return otlp.answer(self.host, self.store, TRACES, environ, start_response)

    def may_change(self, operation: str, method: str) -> bool:
        """Only rules are state; spans that come signed have no operation."""
        return operation in ("CreateSamplingRule", "UpdateSamplingRule", "DeleteSamplingRule")
