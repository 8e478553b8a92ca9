"""Which code a member has: the errors of the operations in botocore's model of CodeDeploy."""

from __future__ import annotations

import botocore.session
import pytest

from drydock.policy.codedeploy import forms

MODEL = botocore.session.get_session().get_service_model("codedeploy")


def documented(operation: str) -> list[str]:
    return [shape.name for shape in MODEL.operation_model(operation).error_shapes]


@pytest.mark.parametrize(
    ("operation", "member", "missing", "code"),
    [
        ("CreateApplication", "applicationName", True, "ApplicationNameRequiredException"),
        ("CreateApplication", "applicationName", False, "InvalidApplicationNameException"),
        ("CreateDeploymentGroup", "serviceRoleArn", True, "RoleRequiredException"),
        ("CreateDeploymentGroup", "tags", True, "InvalidTagsToAddException"),
        ("TagResource", "tags", True, "TagRequiredException"),
        ("TagResource", "resourceArn", True, "ResourceArnRequiredException"),
        ("CreateDeployment", "overrideAlarmConfiguration", False, "InvalidAlarmConfigException"),
        ("CreateDeploymentGroup", "outdatedInstancesStrategy", False, "InvalidInputException"),
        ("GetDeployment", "applicationName", False, "ValidationException"),
    ],
)
def test_a_member_has_the_code_that_its_operation_documents(
    operation: str, member: str, missing: bool, code: str
) -> None:
    assert forms.code(member, missing=missing, documented=documented(operation)) == code


def test_what_is_required_has_a_code_of_its_own_everywhere() -> None:
    general = {
        f"{operation}.{member}"
        for operation in MODEL.operation_names
        for member in MODEL.operation_model(operation).input_shape.required_members
        if forms.code(member[0].lower() + member[1:], missing=True, documented=documented(operation))
        == "ValidationException"
    }
    assert {name for name in general if "Instance" not in name} == set()  # instances are nobody's here
