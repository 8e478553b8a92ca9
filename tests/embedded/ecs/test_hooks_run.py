"""A deployment that a function judges: a real function, by the answers of real tasks behind a real load balancer."""

from __future__ import annotations

import io
import json
import zipfile

import pytest
from tests.support.lab import Lab
from tests.support.site import make_site
from tests.support.waiting import eventually
from tests.support.web import get

pytestmark = [pytest.mark.process, pytest.mark.filterwarnings("ignore:SOCKS support")]

TEST = 8081
JUDGE = """
import json, urllib.request

def handler(event, context):
    details = event["hookDetails"]
    if "asked" not in details:
        return {"hookStatus": "IN_PROGRESS", "callBackDelay": 5, "hookDetails": {"asked": True}}
    with urllib.request.urlopen(details["url"], timeout=20) as answer:
        version = json.load(answer)["VERSION"]
    print("version", version, "at", event["lifecycleStage"])
    return {"hookStatus": "SUCCEEDED" if version == "2" else "FAILED"}
"""


def test_what_the_function_finds_at_the_test_listener_decides(lab: Lab) -> None:
    iam, functions = lab.client("iam"), lab.client("lambda")
    roles = {}
    for service in ("ecs", "lambda"):
        trusted = {"Effect": "Allow", "Principal": {"Service": f"{service}.amazonaws.com"}, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trusted]})
        roles[service] = iam.create_role(RoleName=service, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("judge.py", JUDGE)
    function = functions.create_function(
        FunctionName="judge", Runtime="python3.12", Handler="judge.handler", Role=roles["lambda"], Timeout=60,
        Code={"ZipFile": package.getvalue()},
    )["FunctionArn"]  # fmt: skip
    site = make_site(lab, (80, TEST))
    address = site.balancer.partition(":")[0]
    hook = {
        "hookTargetArn": function,
        "roleArn": roles["ecs"],
        "lifecycleStages": ["POST_TEST_TRAFFIC_SHIFT"],
        "hookDetails": {"url": f"http://{address}:{TEST}/"},
    }
    site.create(1, {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0})
    site.update("2", deploymentConfiguration={"lifecycleHooks": [hook]})
    site.until_status("SUCCESSFUL")
    eventually(lambda: get(site.balancer).json["VERSION"] == "2")
    site.update("3")
    failed = site.until_status("ROLLBACK_SUCCESSFUL")
    assert failed["statusReason"].endswith(f"Lifecycle hook target {function} returned FAILED status.")
    assert get(site.balancer).json["VERSION"] == "2"
    functions.delete_function(FunctionName="judge")
    site.update("4")
    gone = f"ECS was unable to invoke hook target {function} due to Function not found: {function}"
    assert site.until_status("ROLLBACK_SUCCESSFUL")["statusReason"].endswith(gone)
    lines = [
        event["message"] for event in lab.client("logs").filter_log_events(logGroupName="/aws/lambda/judge")["events"]
    ]
    told = sorted(line for line in lines if line.startswith("version"))
    assert told == [f"version {version} at POST_TEST_TRAFFIC_SHIFT" for version in (2, 3)]
