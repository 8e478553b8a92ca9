"""Tags of applications and deployment groups."""

from __future__ import annotations

from drydock.embedded.services.codedeploy.operations.shape import page, read_tags
from drydock.embedded.services.codedeploy.state import CodeDeployState, Document
from drydock.policy.requests.errors import Invalid


def tag_resource(backend: CodeDeployState, request: Document) -> Document:
    _some(request["Tags"])
    arn = request["ResourceArn"]
    backend.tag_resource(arn, read_tags(request["Tags"], backend.tagged(arn).tags))
    return {}


def untag_resource(backend: CodeDeployState, request: Document) -> Document:
    _some(request["TagKeys"])
    backend.untag_resource(request["ResourceArn"], request["TagKeys"])
    return {}


def _some(given: list[object]) -> None:
    """Invalid."""
    if not given:
        raise Invalid("TagRequiredException", "A tag is required")


def list_tags_for_resource(backend: CodeDeployState, request: Document) -> Document:
    tags = backend.tagged(request["ResourceArn"]).tags
    return page([{"Key": key, "Value": value} for key, value in tags.items()], request, "Tags", token="NextToken")


OPERATIONS = (
    tag_resource,
    untag_resource,
    list_tags_for_resource,
)
