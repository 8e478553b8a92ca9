"""Elastic Load Balancing: what moto lacks or has wrong, and the Envoy that serves it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drydock.embedded.core.host import Host


def install(host: Host) -> None:
    """Put our models in place of moto's, and join the loop. Once per host; a second call does nothing."""
    from moto.elbv2 import models as moto
    from moto.elbv2.responses import ELBV2Response

    from drydock.embedded.services.elbv2.backend import Backend
    from drydock.embedded.services.elbv2.balancers import Action, Listener, LoadBalancer
    from drydock.embedded.services.elbv2.groups import TargetGroup
    from drydock.embedded.services.elbv2.plane import Plane
    from drydock.embedded.services.elbv2.responses import OPERATIONS

    if getattr(Backend, "host", None) is host:
        return
    host.adapt("ec2")
    moto.FakeAction = Action
    moto.FakeListener = Listener
    moto.FakeLoadBalancer = LoadBalancer
    moto.FakeTargetGroup = TargetGroup
    Backend.__module__ = moto.ELBv2Backend.__module__
    Backend.host = host
    Backend.plane = Plane(host)
    moto.elbv2_backends.backend = Backend
    for _, _, backend in moto.elbv2_backends.iter_backends():
        backend.__class__ = Backend  # autoscaling may have made one before
    for function in OPERATIONS:
        setattr(ELBV2Response, function.__name__, function)


def restored(host: Host) -> None:
    """After the journal was replayed."""
    from drydock.embedded.services.elbv2.backend import Backend

    Backend.plane.restored()
