"""CloudFormation: moto's templates; resources of services that have adapters are made by their operations."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drydock.embedded.core.host import Host


def install(host: Host) -> None:
    """Put our resources and stacks in place of moto's, and look at stacks in progress on each turn of the loop."""
    from moto.cloudformation import models, parsing
    from moto.cloudformation.responses import CloudFormationResponse

    from drydock.embedded.services.cloudformation import stacks

    importlib.import_module("moto.logs.models")  # has a type that moto finds only once it was imported
    ours = stacks.classes(host)
    parsing.get_model_map().update(ours)
    parsing.get_name_type_map().update({name: kind.cloudformation_name_type() for name, kind in ours.items()})
    known = parsing.get_model_list()
    known[:] = [model for model in known if model.cloudformation_type() not in ours]
    known.extend(ours.values())
    parsing.random_suffix = stacks.random_suffix
    parsing.parse_and_update_resource = stacks.update_or_refuse
    stacks.Backend.__module__ = stacks.Stack.__module__ = models.__name__
    models.Stack = stacks.Stack
    stacks.Backend.host = host
    models.cloudformation_backends.backend = stacks.Backend
    for _, _, backend in models.cloudformation_backends.iter_backends():
        backend.__class__ = stacks.Backend
    CloudFormationResponse.create_stack = stacks.create_stack

    def go_on() -> None:
        with host.lock, host.app.inside():
            for _, _, backend in models.cloudformation_backends.iter_backends():
                backend.go_on()

    host.every_tick("cloudformation", go_on)
