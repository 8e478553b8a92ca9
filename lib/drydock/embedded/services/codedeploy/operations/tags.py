"""Tags of applications and deployment groups."""

from __future__ import annotations

import re

from drydock.embedded.services.codedeploy.errors import no_application, no_group
from drydock.embedded.services.codedeploy.operations.shape import page, read_tags
from drydock.embedded.services.codedeploy.state import Application, CodeDeployState, Document, Group
from drydock.policy.requests.errors import Invalid


def tag_resource(backend: CodeDeployState, request: Document) -> Document:
    one = _tagged(backend, request["ResourceArn"])
    one.tags = {**one.tags, **read_tags(request["Tags"])}
    backend.keep(one)
    return {}


def untag_resource(backend: CodeDeployState, request: Document) -> Document:
    one = _tagged(backend, request["ResourceArn"])
    one.tags = {key: value for key, value in one.tags.items() if key not in request["TagKeys"]}
    backend.keep(one)
    return {}


def list_tags_for_resource(backend: CodeDeployState, request: Document) -> Document:
    tags = _tagged(backend, request["ResourceArn"]).tags
    return page([{"Key": key, "Value": value} for key, value in tags.items()], request, "Tags", token="NextToken")


def _tagged(backend: CodeDeployState, arn: str) -> Application | Group:
    found = re.fullmatch(r"arn:[\w-]+:codedeploy:[\w-]+:\d+:(application|deploymentgroup):(.+)", arn)
    if found is None:
        raise Invalid("InvalidArnException", f"{arn} is not the ARN of an application or a deployment group.")
    if found[1] == "application":
        if found[2] not in backend.applications:
            raise no_application(found[2])
        return backend.applications[found[2]]
    return backend.group(*found[2].split("/", 1)) if "/" in found[2] else _no(found[2])


def _no(name: str) -> Group:
    raise no_group(name)


OPERATIONS = (
    tag_resource,
    untag_resource,
    list_tags_for_resource,
)
