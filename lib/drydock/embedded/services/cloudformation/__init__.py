"""CloudFormation: moto's templates; resources of services that have adapters are made by their operations."""

from __future__ import annotations

import importlib

from drydock.embedded.core import seams
from drydock.embedded.core.services import Service


class CloudFormation(Service):
    name = "cloudformation"

    def install(self) -> None:
        """Put our resources and stacks in place of moto's, and look at stacks in progress on each turn of the loop."""
        from moto.cloudformation import models, parsing
        from moto.cloudformation.responses import CloudFormationResponse

        from . import state, templates

        importlib.import_module("moto.logs.models")  # has a type that moto finds only once it was imported
        ours = state.classes(self.host)
        parsing.get_model_map().update(ours)
        parsing.get_name_type_map().update({name: kind.cloudformation_name_type() for name, kind in ours.items()})
        known = parsing.get_model_list()
        known[:] = [model for model in known if model.cloudformation_type() not in ours]
        known.extend(ours.values())
        seams.replace(parsing, random_suffix=state.random_suffix, parse_and_update_resource=state.update_or_refuse)
        state.Stack.__module__ = models.__name__
        seams.replace(models, Stack=state.Stack)
        seams.stand_in(models.cloudformation_backends, state.Backend, host=self.host)
        seams.replace(
            CloudFormationResponse,
            create_stack=state.create_stack,
            _get_stack_from_s3_url=lambda _, url: templates.at(self.host, url),
        )
        self.host.every_tick(self.name, self._go_on)

    def _go_on(self) -> None:
        from moto.cloudformation.models import cloudformation_backends

        with self.host.lock, self.host.front.inside():
            for backend in seams.each(cloudformation_backends):
                backend.go_on()
