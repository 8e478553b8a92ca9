"""CodeDeploy's operations: what a request says, and the shape of its answer."""

from __future__ import annotations

from drydock.embedded.services.codedeploy.operations import (
    applications,
    configs,
    deployment_groups,
    deployments,
    revisions,
    tags,
    targets,
)
from drydock.embedded.services.codedeploy.operations.shape import operation

OPERATIONS = {
    function.__name__: operation(function)
    for module in (applications, configs, deployment_groups, deployments, revisions, tags, targets)
    for function in module.OPERATIONS
}
"""By the name of moto's action."""
