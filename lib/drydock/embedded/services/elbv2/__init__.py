"""Elastic Load Balancing: what moto lacks or has wrong, and the Envoy that serves it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drydock.embedded.core import seams
from drydock.embedded.core.services import Service
from drydock.embedded.services.elbv2.dealings import DEALINGS
from drydock.policy.lifespans import Lifespan, Setting, items

if TYPE_CHECKING:
    from .controller import Plane


class ELBv2(Service):
    name = "elbv2"
    instead_of = ("elb", b"Version=2015-12-01")  # the older API answers at the same host name
    lifespan = Lifespan(
        begins="CreateTargetGroup",
        ends="DeleteTargetGroup",
        within=frozenset({"ModifyTargetGroup", "RegisterTargets", "DeregisterTargets"}),
        named_in=("Name", "TargetGroupArn"),
        name="(?:arn:.*:targetgroup/)?([^/]+)(?:/[0-9a-f]+)?",
        again=True,
        settings={"ModifyTargetGroupAttributes": Setting(items("attribute", "Attributes", "Key"))},
    )
    dealings = DEALINGS
    plane: Plane

    def install(self) -> None:
        """Put our models in place of moto's, and join the loop."""
        from moto.elbv2 import models as moto
        from moto.elbv2.responses import ELBV2Response

        from .balancers import Action, Listener, LoadBalancer
        from .controller import Plane
        from .groups import TargetGroup
        from .operations import OPERATIONS
        from .state import Backend

        seams.replace(
            moto, FakeAction=Action, FakeListener=Listener, FakeLoadBalancer=LoadBalancer, FakeTargetGroup=TargetGroup
        )
        self.plane = Plane(self.host)
        seams.stand_in(moto.elbv2_backends, Backend, host=self.host, plane=self.plane)
        for function in OPERATIONS:
            setattr(ELBV2Response, function.__name__, function)

    def restored(self) -> None:
        self.plane.restored()
