"""Task sets in time: every turn of the engine is the test's own. What a client that is not AWS's own does with them is
after github.com/pipe-cd/pipecd (pkg/app/piped/platformprovider/ecs) and moto's tests/test_ecs/test_ecs_task_set.py."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.lab import Lab
from tests.support.site import Site, make_site
from tests.support.stepped import World


@pytest.fixture
def lab(world: World) -> Lab:
    return world.lab()


@dataclass
class Outside:
    """A service that an outside controller deploys, between two target groups."""

    lab: Lab
    site: Site
    world: World

    @property
    def where(self) -> dict[str, str]:
        return {"cluster": "lab", "service": "app"}

    def create_service(self, count: int, controller: str = "EXTERNAL", **request: Any) -> dict[str, Any]:
        return dict(
            self.lab.ecs.create_service(
                cluster="lab", serviceName="app", desiredCount=count, deploymentController={"type": controller},
                **request,
            )["service"]
        )  # fmt: skip

    def create(self, version: str, percent: float = 100.0, group: str = "", **request: Any) -> dict[str, Any]:
        made = self.lab.ecs.create_task_set(
            **self.where,
            **self.placed(version, group or self.site.blue),
            scale={"value": percent, "unit": "PERCENT"},
            **request,
        )["taskSet"]
        return dict(made)

    def placed(self, version: str, group: str) -> dict[str, Any]:
        return {
            "taskDefinition": self.lab.register(environment={"VERSION": version}),
            "launchType": "FARGATE",
            "networkConfiguration": self.lab.network,
            "loadBalancers": [{"targetGroupArn": group, "containerName": "app", "containerPort": 8080}],
        }

    def see(self, task_set: dict[str, Any]) -> dict[str, Any]:
        [seen] = self.lab.ecs.describe_task_sets(**self.where, taskSets=[task_set["taskSetArn"]])["taskSets"]
        return dict(seen)

    def until_steady(self, *task_sets: dict[str, Any]) -> None:
        self.lab.until(lambda: {self.see(each)["stabilityStatus"] for each in task_sets} == {"STEADY_STATE"})

    def targets(self, group: str) -> set[str]:
        found = self.lab.client("elbv2").describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        return {each["Target"]["Id"] for each in found if each["TargetHealth"]["State"] != "draining"}

    def running(self, task_set: dict[str, Any]) -> list[dict[str, Any]]:
        return [each for each in self.lab.tasks() if each["startedBy"] == task_set["id"]]

    def events(self) -> str:
        return "\n".join(event["message"] for event in self.lab.service()["events"])


@pytest.fixture
def outside(world: World, lab: Lab) -> Outside:
    return Outside(lab, make_site(lab), world)


def refused(call: Any, code: str, says: str) -> None:
    with pytest.raises(ClientError) as caught:
        call()
    assert caught.value.response["Error"]["Code"] == code, caught.value
    assert says in caught.value.response["Error"]["Message"]


def test_a_canary_by_an_outside_controller(outside: Outside) -> None:
    lab, site, ecs = outside.lab, outside.site, outside.lab.ecs
    service = outside.create_service(4)
    assert (service["taskSets"], service["deployments"]) == ([], [])
    assert "taskDefinition" not in service
    outside.world.pass_time(30)
    assert lab.tasks() == []
    first = outside.create("1", externalId="one", tags=[{"key": "a", "value": "1"}])
    assert first["taskSetArn"].endswith(f":task-set/lab/app/{first['id']}")
    assert (first["status"], first["stabilityStatus"], first["computedDesiredCount"]) == ("ACTIVE", "STABILIZING", 4)
    assert "startedBy" not in first and first["externalId"] == "one"
    outside.until_steady(first)
    seen = outside.see(first)
    assert (seen["runningCount"], seen["pendingCount"]) == (4, 0)
    assert seen["stabilityStatusAt"] > seen["createdAt"]
    tasks = outside.running(first)
    assert len(tasks) == 4 and {each["group"] for each in tasks} == {"service:app"}
    assert len(outside.targets(site.blue)) == 4
    assert "taskDefinition" not in lab.service()  # it has no primary task set
    ecs.update_service_primary_task_set(**outside.where, primaryTaskSet=first["id"])
    assert lab.service()["taskDefinition"] == first["taskDefinition"]

    second = outside.create("2", 10.0, site.green)
    assert second["computedDesiredCount"] == 1
    outside.until_steady(second)
    assert len(outside.targets(site.green)) == 1
    ecs.update_service(**outside.where, desiredCount=12)  # as its scaling would
    lab.until(lambda: (outside.see(first)["runningCount"], outside.see(second)["runningCount"]) == (12, 2))
    ecs.update_task_set(**outside.where, taskSet=second["id"], scale={"value": 100.0, "unit": "PERCENT"})
    lab.until(lambda: outside.see(second)["runningCount"] == 12)
    outside.until_steady(second)

    ecs.update_service_primary_task_set(**outside.where, primaryTaskSet=second["taskSetArn"])
    assert [each["status"] for each in lab.service()["taskSets"]] == ["ACTIVE", "PRIMARY"]
    shown = lab.service()
    assert (shown["taskDefinition"], shown["runningCount"]) == (second["taskDefinition"], 24)
    assert shown["loadBalancers"] == second["loadBalancers"]
    gone = ecs.delete_task_set(**outside.where, taskSet=first["id"], force=True)["taskSet"]
    assert (gone["status"], gone["computedDesiredCount"]) == ("DRAINING", 0)
    lab.until(lambda: len(lab.service()["taskSets"]) == 1)
    assert outside.targets(site.blue) == set()
    stopped = ecs.list_tasks(cluster="lab", startedBy=first["id"], desiredStatus="STOPPED")["taskArns"]
    why = {each["stoppedReason"] for each in ecs.describe_tasks(cluster="lab", tasks=stopped)["tasks"]}
    assert why == {f"Scaling activity initiated by (taskSet {first['id']})"}
    lab.until(lambda: lab.service()["events"][0]["message"].endswith("has reached a steady state."))
    assert f"(service app, taskSet {first['id']}) has started 4 tasks" in outside.events()
    assert f"(service app, taskSet {second['id']}) registered 1 targets" in outside.events()
    assert f"(service app, taskSet {first['id']}) has begun draining connections on 12 tasks." in outside.events()


def test_a_task_that_ends_is_replaced_in_its_own_task_set(outside: Outside) -> None:
    outside.create_service(2)
    one, two = outside.create("1"), outside.create("2", 50.0, outside.site.green)
    outside.until_steady(one, two)
    [task] = outside.running(two)
    outside.lab.ecs.stop_task(cluster="lab", task=task["taskArn"])
    outside.lab.until(lambda: outside.see(two)["stabilityStatus"] == "STABILIZING")
    outside.until_steady(two)
    assert outside.see(one)["stabilityStatus"] == "STEADY_STATE"
    assert task["taskArn"] not in {each["taskArn"] for each in outside.running(two)}
    outside.world.is_sick = lambda address: (
        address
        in {each["containers"][0]["networkInterfaces"][0]["privateIpv4Address"] for each in outside.running(two)}
    )
    outside.lab.until(lambda: "failed ELB health checks" in str(outside.lab.tasks(desired="STOPPED")))
    assert outside.see(one)["runningCount"] == 2


def test_one_whose_tasks_crash_is_tried_at_growing_distances(outside: Outside) -> None:
    outside.create_service(1)
    outside.world.crashes = True
    made = outside.create("1")
    outside.lab.until(lambda: "is unable to consistently start tasks successfully" in outside.events())
    assert f"(service app, taskSet {made['id']}) is unable to consistently start tasks" in outside.events()
    assert outside.see(made)["stabilityStatus"] == "STABILIZING"


def test_what_may_not_be_is_refused(outside: Outside) -> None:
    ecs, where, parameter = outside.lab.ecs, outside.where, "InvalidParameterException"
    blank = {"desiredCount": 1, "cluster": "lab", "deploymentController": {"type": "EXTERNAL"}, "serviceName": "app"}
    definition = outside.lab.register()
    for wrong, says in (
        ({"taskDefinition": definition}, "TaskDefinition must be blank."),
        ({"networkConfiguration": outside.lab.network}, "networkConfiguration must be blank"),
        ({"launchType": "FARGATE"}, "launchType must be blank"),
        ({"schedulingStrategy": "DAEMON", "desiredCount": None}, "does not support the EXTERNAL deployment controller"),
    ):
        given = {key: value for key, value in {**blank, **wrong}.items() if value is not None}
        refused(lambda given=given: ecs.create_service(**given), parameter, says)
    outside.create_service(1)
    made = [outside.create("1", 0.0, clientToken="once")]
    assert outside.create("1", 0.0, clientToken="once")["id"] == made[0]["id"]
    refused(lambda: outside.create("1", 101.0), parameter, "scale.value")
    two = outside.placed("1", outside.site.blue)["loadBalancers"] * 2
    plain = {**outside.placed("1", outside.site.blue), **where}
    refused(lambda: ecs.create_task_set(**{**plain, "loadBalancers": two}), parameter, "one target group")
    refused(lambda: ecs.create_task_set(**{**plain, "launchType": "EC2"}), "UnsupportedFeatureException", "EC2")
    refused(lambda: ecs.update_service(**where, taskDefinition=definition), parameter,
            "Unable to update task definition on services with an EXTERNAL deployment controller.")  # fmt: skip
    refused(lambda: ecs.update_service(**where, forceNewDeployment=True), parameter, "Cannot force a new deployment")
    refused(lambda: ecs.update_service(**where, platformVersion="1.4.0"), parameter, "update platform version")
    refused(lambda: ecs.update_service(**where, deploymentController={"type": "ECS"}), "UnsupportedFeatureException",
            "a change of the deployment controller")  # fmt: skip
    bounds = {"maximumPercent": 150}
    refused(lambda: ecs.update_service(**where, deploymentConfiguration=bounds), parameter, "deployment configuration")
    scaled = {"value": 1.0, "unit": "PERCENT"}
    for call in (
        lambda: ecs.update_task_set(**where, taskSet="ecs-svc/1", scale=scaled),
        lambda: ecs.delete_task_set(**where, taskSet="ecs-svc/1"),
        lambda: ecs.update_service_primary_task_set(**where, primaryTaskSet="ecs-svc/1"),
    ):
        refused(call, "TaskSetNotFoundException", "not found")
    asked = ecs.describe_task_sets(**where, taskSets=["ecs-svc/1"])
    assert asked["taskSets"] == [] and asked["failures"][0]["reason"] == "MISSING"
    made += [outside.create("1", 0.0) for _ in range(3)]
    made.append(ecs.create_task_set(**plain, scale={"unit": "PERCENT"})["taskSet"])  # as SDKs send 0 that know no null
    assert made[4]["scale"] == {"value": 0.0, "unit": "PERCENT"}
    refused(lambda: outside.create("1", 0.0), parameter,
            "5 deployments exist on the service. Unable to create new TaskSet since this exceeds")  # fmt: skip
    ecs.update_service_primary_task_set(**where, primaryTaskSet=made[0]["id"])
    refused(lambda: ecs.delete_task_set(**where, taskSet=made[0]["id"]), parameter, "Primary TaskSet cannot be deleted")
    ecs.update_task_set(**where, taskSet=made[1]["id"], scale=scaled)
    refused(lambda: ecs.delete_task_set(**where, taskSet=made[1]["id"]), parameter, "scaled above 0")
    ecs.delete_task_set(**where, taskSet=made[2]["id"])
    ecs.update_service(**where, desiredCount=0)
    refused(lambda: ecs.delete_service(**where), parameter,
            "The service cannot be stopped while deployments are active.")  # fmt: skip
    ecs.delete_service(**where, force=True)
    outside.lab.until(lambda: outside.lab.service()["status"] == "INACTIVE")
    refused(lambda: outside.create("1"), "ServiceNotActiveException", "not ACTIVE")


def test_a_service_of_codedeploy_has_a_primary_task_set_from_the_start(outside: Outside, world: World) -> None:
    ecs, where = outside.lab.ecs, outside.where
    refused(lambda: outside.create_service(2, "CODE_DEPLOY", **{**outside.placed("1", ""), "loadBalancers": []}),
            "InvalidParameterException", "requires an Application Load Balancer or Network Load Balancer")  # fmt: skip
    service = outside.create_service(2, "CODE_DEPLOY", **outside.placed("1", outside.site.blue))
    [first] = service["taskSets"]
    assert (first["status"], first["scale"]["value"], service["deployments"]) == ("PRIMARY", 100.0, [])
    assert "strategy" not in service["deploymentConfiguration"]
    outside.until_steady(first)
    assert len(outside.targets(outside.site.blue)) == 2
    refused(lambda: outside.create("2"), "InvalidParameterException", "external deployment controllers")
    refused(lambda: ecs.delete_task_set(**where, taskSet=first["id"]), "InvalidParameterException", "external")
    other = outside.lab.register(environment={"VERSION": "2"})
    refused(lambda: ecs.update_service(**where, taskDefinition=other), "InvalidParameterException",
            "Unable to update task definition on services with a CODE_DEPLOY deployment controller. Use AWS "
            "CodeDeploy to trigger a new deployment.")  # fmt: skip
    changed = ecs.update_service(
        **where, desiredCount=3, taskDefinition=service["taskDefinition"], healthCheckGracePeriodSeconds=5,
        deploymentConfiguration={"maximumPercent": 150},
    )["service"]  # fmt: skip
    assert changed["deploymentConfiguration"] == {"maximumPercent": 150, "minimumHealthyPercent": 100}
    outside.lab.until(lambda: outside.see(first)["runningCount"] == 3)

    own = world.host.client("ecs", "us-east-1", derived=True)  # as CodeDeploy calls
    second = own.create_task_set(**where, **outside.placed("2", outside.site.green), externalId="d-1")["taskSet"]
    assert (second["startedBy"], second["externalId"]) == ("CODE_DEPLOY", "d-1")
    outside.until_steady(second)
    own.update_service_primary_task_set(**where, primaryTaskSet=second["id"])
    own.delete_task_set(**where, taskSet=first["id"], force=True)
    outside.lab.until(lambda: len(outside.lab.service()["taskSets"]) == 1)
    assert outside.lab.service()["taskDefinition"] == second["taskDefinition"]
    assert (len(outside.targets(outside.site.green)), outside.targets(outside.site.blue)) == (3, set())


def test_task_sets_outlive_a_crash_and_their_tasks_come_again(outside: Outside, world: World) -> None:
    lab, ecs = outside.lab, outside.lab.ecs
    outside.create_service(2)
    first, second = outside.create("1"), outside.create("2", 50.0, outside.site.green, externalId="two")
    ecs.update_service_primary_task_set(**outside.where, primaryTaskSet=first["id"])
    outside.until_steady(first, second)
    ecs.tag_resource(resourceArn=second["taskSetArn"], tags=[{"key": "a", "value": "1"}])
    third = outside.create("3", 0.0)
    ecs.delete_task_set(**outside.where, taskSet=third["id"])
    with world.crashed() as again:
        lab.client, lab.until = again.client, again.until
        shown = lab.service()["taskSets"]
        assert [(each["id"], each["status"]) for each in shown[:2]] == [
            (first["id"], "PRIMARY"), (second["id"], "ACTIVE"),
        ]  # fmt: skip
        assert shown[1]["externalId"] == "two" and shown[1]["tags"] == [{"key": "a", "value": "1"}]
        lab.until(lambda: len(lab.service()["taskSets"]) == 2)
        lab.until(lambda: lab.service()["runningCount"] == 3)
        outside.until_steady(first, second)
        assert (len(outside.targets(outside.site.blue)), len(outside.targets(outside.site.green))) == (2, 1)
        made = lab.ecs.create_service(
            cluster="lab", serviceName="other", desiredCount=1, deploymentController={"type": "EXTERNAL"}
        )["service"]
        assert made["taskSets"] == []


def test_a_stack_has_a_service_its_task_set_and_which_is_primary(outside: Outside) -> None:
    """The resources are those of the CloudFormation User Guide, "Perform ECS blue/green deployments"."""
    lab = outside.lab
    stacks = lab.client("cloudformation")
    where = {"Cluster": "lab", "Service": {"Fn::GetAtt": ["Service", "Name"]}}
    balanced = [{"ContainerName": "app", "ContainerPort": 8080, "TargetGroupArn": outside.site.blue}]
    resources: dict[str, Any] = {
        "Service": {"Type": "AWS::ECS::Service", "Properties": {
            "Cluster": "lab", "ServiceName": "app", "DesiredCount": 4, "DeploymentController": {"Type": "EXTERNAL"}}},
        "Blue": {"Type": "AWS::ECS::TaskSet", "Properties": {
            **where, "TaskDefinition": lab.register(), "LaunchType": "FARGATE", "LoadBalancers": balanced,
            "NetworkConfiguration": {"AwsvpcConfiguration": {"Subnets": lab.subnets}},
            "Scale": {"Unit": "PERCENT", "Value": 50}}},
        "Primary": {"Type": "AWS::ECS::PrimaryTaskSet", "Properties": {
            **where, "TaskSetId": {"Fn::GetAtt": ["Blue", "Id"]}}},
    }  # fmt: skip

    def ended(status: str) -> None:
        lab.until(lambda: not stacks.describe_stacks(StackName="s")["Stacks"][0]["StackStatus"].endswith("PROGRESS"))
        assert stacks.describe_stacks(StackName="s")["Stacks"][0]["StackStatus"] == status

    stacks.create_stack(StackName="s", TemplateBody=json.dumps({"Resources": resources}))
    ended("CREATE_COMPLETE")
    [made] = lab.service()["taskSets"]
    assert (made["status"], made["runningCount"], made["stabilityStatus"]) == ("PRIMARY", 2, "STEADY_STATE")
    resources["Blue"]["Properties"]["Scale"]["Value"] = 100
    resources["Service"]["Properties"]["DesiredCount"] = 3
    stacks.update_stack(StackName="s", TemplateBody=json.dumps({"Resources": resources}))
    ended("UPDATE_COMPLETE")
    [scaled] = lab.service()["taskSets"]
    assert (scaled["id"], scaled["runningCount"]) == (made["id"], 3)
    stacks.delete_stack(StackName="s")
    lab.until(lambda: lab.service()["status"] == "INACTIVE")
