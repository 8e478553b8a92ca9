"""Tags of applications and deployment groups."""

from __future__ import annotations

from drydock.embedded.services.codedeploy.operations.shape import page, read_tags
from drydock.embedded.services.codedeploy.state import CodeDeployState, Document


def tag_resource(backend: CodeDeployState, request: Document) -> Document:
    backend.tag_resource(request["ResourceArn"], read_tags(request["Tags"]))
    return {}


def untag_resource(backend: CodeDeployState, request: Document) -> Document:
    backend.untag_resource(request["ResourceArn"], request["TagKeys"])
    return {}


def list_tags_for_resource(backend: CodeDeployState, request: Document) -> Document:
    tags = backend.tagged(request["ResourceArn"]).tags
    return page([{"Key": key, "Value": value} for key, value in tags.items()], request, "Tags", token="NextToken")


OPERATIONS = (
    tag_resource,
    untag_resource,
    list_tags_for_resource,
)
