"""AWS Private CA: root authorities whose keys follow from chance, and what they issue; little of it is moto's."""

from __future__ import annotations

from typing import Any

from drydock.embedded.core import seams
from drydock.embedded.core.services import Service


class ACMPCA(Service):
    name = "acmpca"

    def install(self) -> None:
        """Put our operations and our state in place of moto's; of the rest of them nothing is there."""
        from moto.acmpca.models import acmpca_backends
        from moto.acmpca.responses import ACMPCAResponse

        from .operations import OPERATIONS
        from .state import Authorities

        first = seams.original(ACMPCAResponse, "__init__")

        def reads_by_the_model(response: Any) -> None:
            first(response)
            response.automated_parameter_parsing = True

        seams.stand_in(acmpca_backends, Authorities)
        seams.replace(ACMPCAResponse, __init__=reads_by_the_model)
        for name, action in OPERATIONS.items():
            setattr(ACMPCAResponse, name, action)
        for name in ("revoke_certificate", "put_policy", "get_policy", "delete_policy"):
            seams.replace(ACMPCAResponse, **{name: _is_not_here})


def _is_not_here(response: Any) -> Any:
    raise NotImplementedError
