"""Templates by the URL of the bucket that they are in."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from drydock.embedded.assembly import AWS

TEMPLATE = {"Resources": {"Group": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "/made"}}}}


@pytest.mark.parametrize("host_name", ["127.0.0.1", "localhost"])
def test_a_stack_is_made_from_a_template_at_this_clouds_own_address(
    host: AWS, client: Callable[..., Any], host_name: str
) -> None:
    s3 = client("s3")
    s3.create_bucket(Bucket="templates")
    s3.put_object(Bucket="templates", Key="web/1.json", Body=json.dumps(TEMPLATE).encode())
    url = f"http://{host_name}:{host.port}/templates/web/1.json"
    client("cloudformation").create_stack(StackName="web", TemplateURL=url)
    assert client("logs").describe_log_groups()["logGroups"][0]["logGroupName"] == "/made"


@pytest.mark.parametrize(
    ("path", "why"),
    [("/none/1.json", "bucket does not exist"), ("/templates/none.json", "key does not exist"), ("/", "supported URL")],
)
def test_a_template_that_is_not_there_is_refused(host: AWS, client: Callable[..., Any], path: str, why: str) -> None:
    client("s3").create_bucket(Bucket="templates")
    with pytest.raises(ClientError, match=why) as refused:
        client("cloudformation").create_stack(StackName="web", TemplateURL=f"http://127.0.0.1:{host.port}{path}")
    assert refused.value.response["Error"]["Code"] == "ValidationError"


@pytest.mark.parametrize("text", ["{}", "Description: nothing", '{"Resources": {}}', '{"Resources": null}'])
def test_a_template_without_resources_is_refused_as_aws_words_it(client: Callable[..., Any], text: str) -> None:
    cloudformation = client("cloudformation")
    asked: tuple[tuple[Callable[..., Any], dict[str, str]], ...] = (
        (cloudformation.validate_template, {}),
        (cloudformation.create_stack, {"StackName": "s"}),
    )
    for ask, given in asked:
        with pytest.raises(ClientError) as refused:
            ask(TemplateBody=text, **given)
        error = refused.value.response["Error"]
        assert error["Code"] == "ValidationError"
        assert error["Message"] == "Template format error: At least one Resources member must be defined."


def test_a_template_is_held_against_what_there_is(client: Callable[..., Any]) -> None:
    validate = client("cloudformation").validate_template
    assert validate(TemplateBody=json.dumps({**TEMPLATE, "Description": "d"}))["Description"] == "d"
    with pytest.raises(ClientError, match=r"Unrecognized resource types: \[AWS::No::Such\]"):
        validate(TemplateBody='{"Resources": {"A": {"Type": "AWS::No::Such"}}}')
    for unknown, says in (
        ({"Hooks": {"Shift": {"Type": "AWS::CodeDeploy::BlueGreen"}}}, r"does not have hooks: \[Shift\]"),
        ({"Transform": "AWS::CodeDeployBlueGreen"}, r"does not have transforms: \[AWS::CodeDeployBlueGreen\]"),
        ({"Transform": [{"Name": "AWS::Include"}]}, r"does not have transforms: \[AWS::Include\]"),
        ({"Resources": {"A": {"Type": "AWS::CodeDeploy::Application"}}}, r"\[AWS::CodeDeploy::Application\] in stacks"),
    ):
        with pytest.raises(ClientError, match=says):
            validate(TemplateBody=json.dumps({**TEMPLATE, **unknown}))
    with pytest.raises(ClientError, match="Either Template URL or Template Body must be specified"):
        validate()
