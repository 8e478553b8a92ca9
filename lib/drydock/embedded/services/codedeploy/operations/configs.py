"""Deployment configurations."""

from __future__ import annotations

from drydock.embedded.services.codedeploy import views
from drydock.embedded.services.codedeploy.operations.shape import page, uuid
from drydock.embedded.services.codedeploy.state import CodeDeployState, Config, Document
from drydock.policy.codedeploy import courses, groups
from drydock.policy.requests.errors import Invalid


def create_deployment_config(backend: CodeDeployState, request: Document) -> Document:
    name = request["deploymentConfigName"]
    if name.startswith("CodeDeployDefault."):
        raise Invalid("InvalidDeploymentConfigNameException", "A name may not begin with CodeDeployDefault.")
    groups.platform(request.get("computePlatform"))
    if request.get("minimumHealthyHosts"):
        raise Invalid(
            "InvalidMinimumHealthyHostValueException", "minimumHealthyHosts cannot be specified for the ECS platform."
        )
    if request.get("zonalConfig"):
        raise Invalid(
            "InvalidZonalDeploymentConfigurationException", "zonalConfig cannot be specified for the ECS platform."
        )
    course = courses.read(request.get("trafficRoutingConfig"))
    if name in backend.configs:
        raise Invalid("DeploymentConfigAlreadyExistsException", f"Deployment config already exists: {name}")
    made = Config(name, uuid(backend), backend.now(), course.kind, course.percent, course.minutes)
    backend.keep(made)
    return {"deploymentConfigId": made.id}


def get_deployment_config(backend: CodeDeployState, request: Document) -> Document:
    name = request["deploymentConfigName"]
    course, own = backend.course(name), backend.configs.get(name)
    identity, created = (
        (own.id, own.created) if own is not None else (f"00000000-0000-0000-0000-{_PLACE[name]:012}", 0.0)
    )
    return {"deploymentConfigInfo": views.config(name, identity, created, course)}


_PLACE = {name: number for number, name in enumerate(courses.PREDEFINED, 1)}


def list_deployment_configs(backend: CodeDeployState, request: Document) -> Document:
    """Those of ECS."""
    return page(sorted([*courses.PREDEFINED, *backend.configs]), request, "deploymentConfigsList")


def delete_deployment_config(backend: CodeDeployState, request: Document) -> Document:
    name = request["deploymentConfigName"]
    if name in courses.PREDEFINED:
        raise Invalid("InvalidOperationException", "A predefined deployment configuration cannot be deleted.")
    if any(group.settings["deploymentConfigName"] == name for group in backend.groups.values()):
        raise Invalid("DeploymentConfigInUseException", f"The deployment config {name} is in use.")
    if name in backend.configs:
        backend.forget(backend.configs[name])
    return {}


OPERATIONS = (
    create_deployment_config,
    get_deployment_config,
    list_deployment_configs,
    delete_deployment_config,
)
