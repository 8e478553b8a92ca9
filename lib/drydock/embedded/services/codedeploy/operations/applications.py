"""Applications."""

from __future__ import annotations

from drydock.embedded.services.codedeploy import views
from drydock.embedded.services.codedeploy.operations.shape import batch, page, read_tags, uuid
from drydock.embedded.services.codedeploy.state import Application, CodeDeployState, Document, Group, Revision
from drydock.policy.codedeploy import groups
from drydock.policy.requests.errors import Invalid


def create_application(backend: CodeDeployState, request: Document) -> Document:
    name = request["applicationName"]
    groups.platform(request.get("computePlatform"))
    if name in backend.applications:
        raise Invalid("ApplicationAlreadyExistsException", f"Application already exists: {name}")
    made = Application(name, uuid(backend), backend.now(), read_tags(request.get("tags")))
    backend.keep(made)
    return {"applicationId": made.id}


def get_application(backend: CodeDeployState, request: Document) -> Document:
    return {"application": views.application(backend.application(request["applicationName"]))}


def batch_get_applications(backend: CodeDeployState, request: Document) -> Document:
    names = batch(request["applicationNames"])
    return {"applicationsInfo": [views.application(backend.application(name)) for name in names]}


def list_applications(backend: CodeDeployState, request: Document) -> Document:
    return page(sorted(backend.applications), request, "applications")


def update_application(backend: CodeDeployState, request: Document) -> Document:
    """Another name; its groups, revisions and deployments have it, too."""
    if not request.get("applicationName"):
        raise Invalid("ApplicationNameRequiredException", "Application name is required")
    one, new = backend.application(request["applicationName"]), request.get("newApplicationName")
    if not new or new == one.name:
        return {}
    if new in backend.applications:
        raise Invalid("ApplicationAlreadyExistsException", f"Application already exists: {new}")
    old = one.name
    backend.forget(one)
    one.name = new
    backend.keep(one)
    parts: list[Group | Revision] = [*backend.groups.values(), *backend.revisions.values()]
    for part in [part for part in parts if part.application == old]:
        backend.forget(part)
        part.application = new
        backend.keep(part)
    for deployment in [each for each in backend.deployments.values() if each.application == old]:
        deployment.application = new
        backend.keep(deployment)
    return {}


def delete_application(backend: CodeDeployState, request: Document) -> Document:
    """Its groups and revisions go with it; one that is not there is no error. What deploys goes on."""
    one = backend.applications.get(request["applicationName"])
    if one is not None:
        parts: list[Group | Revision] = [*backend.groups.values(), *backend.revisions.values()]
        for part in [part for part in parts if part.application == one.name]:
            backend.forget(part)
        backend.forget(one)
    return {}


OPERATIONS = (
    create_application,
    get_application,
    batch_get_applications,
    list_applications,
    update_application,
    delete_application,
)
