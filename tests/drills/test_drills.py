"""Every drill on one cloud: started, found by AWS calls alone, mended wrongly, mended, and gone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

import pytest
from tests.runbooks.stepped import cloud_of, in_process
from tests.support.stepped import World
from typer.testing import CliRunner

from drydock.cli import app
from drydock.cloud import Call, Cloud
from drydock.drills import DRILLS, Drill, NoSuchDrill, NotNow, Site, answer, begin, close, draw, end, named
from drydock.drills.alarming import rings
from drydock.drills.customers import NEEDED
from drydock.drills.playing import LAB
from drydock.ledger import owned, sweep
from drydock.policy.diagnosis import Cause
from drydock.policy.operations import only_reads
from drydock.runbooks import runbook, runner
from drydock.runbooks.evidence import Evidence


class OnlyReads:
    """Sees that no call changes anything."""

    def asked(self, call: Call) -> None:
        assert only_reads(call.operation), call.operation

    def sending(self, call: Call) -> None:
        pass

    def answered(self, call: Call, answer: dict[str, Any], status: int) -> None:
        pass


def is_mended(drill: Drill, site: Site) -> bool:
    return all(one.holds for one in drill.seen(site))


def delete(site: Site) -> None:
    site.ecs.delete_service(cluster=site.cluster, service=site.name, force=True)


def unforwarded(site: Site) -> Iterator[None]:
    """Without its listener, and then without its target groups; each is looked at between."""
    elbv2 = site.cloud.client("elbv2")
    balancer = elbv2.describe_load_balancers(Names=[site.name])["LoadBalancers"][0]["LoadBalancerArn"]
    groups = elbv2.describe_target_groups(LoadBalancerArn=balancer)["TargetGroups"]
    for one in elbv2.describe_listeners(LoadBalancerArn=balancer)["Listeners"]:
        elbv2.delete_listener(ListenerArn=one["ListenerArn"])
    yield
    for one in groups:
        elbv2.delete_target_group(TargetGroupArn=one["TargetGroupArn"])
    yield


def leave_a_revision(site: Site) -> None:
    """Revisions are counted on from those of a drill that was here before."""
    app = {"name": "app", "image": "v0", "memory": 64}
    before = site.ecs.register_task_definition(family=site.name, containerDefinitions=[app])
    site.ecs.deregister_task_definition(taskDefinition=before["taskDefinition"]["taskDefinitionArn"])


def to_none(site: Site) -> None:
    site.update(desiredCount=0)


def back_to_v1(site: Site) -> None:
    site.update(taskDefinition=f"{site.name}:2")


def any_code(site: Site) -> None:
    group = site.target_group()["TargetGroupArn"]
    site.cloud.client("elbv2").modify_target_group(TargetGroupArn=group, Matcher={"HttpCode": "200-499"})


def another_definition(site: Site) -> None:
    site.update(taskDefinition=site.register())


def again(site: Site) -> None:
    site.update(forceNewDeployment=True)


def one_more(site: Site) -> None:
    site.update(desiredCount=4)


def more_memory(site: Site) -> None:
    given = {one["name"]: one["value"] for one in site.container()["environment"]}
    site.update(taskDefinition=site.register(given, memory=512))


def another_key(site: Site) -> None:
    key = site.cloud.client("secretsmanager").create_secret(Name="drydock/another", SecretString="another")["ARN"]
    site.update(taskDefinition=site.register(secrets=[{"name": "APP_SECRET", "valueFrom": key}]))


def under_another_name(site: Site) -> None:
    cloud_map = site.cloud.client("servicediscovery")
    [namespace] = cloud_map.list_namespaces()["Namespaces"]
    records = {"RoutingPolicy": "MULTIVALUE", "DnsRecords": [{"Type": "A", "TTL": 10}]}
    made = cloud_map.create_service(Name="another", NamespaceId=namespace["Id"], DnsConfig=records)["Service"]
    site.update(serviceRegistries=[{"registryArn": made["Arn"]}])


def no_policies(site: Site) -> None:
    scaling = site.cloud.client("application-autoscaling")
    for one in scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"]:
        kept = ("PolicyName", "ServiceNamespace", "ResourceId", "ScalableDimension")
        scaling.delete_scaling_policy(**{name: one[name] for name in kept})


STEADY = "They run, and no deployment is under way"
WRONG: dict[str, tuple[Callable[[Site], None], str]] = {
    "crash-loop": (back_to_v1, "It is the new version, v2"),
    "failing-health-check": (any_code, "A target is healthy only if it answers 200"),
    "slow-start": (another_definition, "It is v2, with this year's prices"),
    "image-gone": (again, STEADY),
    "secret-gone": (another_key, "A task that starts gets APP_SECRET from where secrets are kept, the same as before"),
    "subnet-full": (again, STEADY),
    "zone-down": (one_more, "A task serves wherever ECS may place it"),
    "spot-wave": (again, STEADY),
    "stale-name": (under_another_name, "Every call by that name is answered"),
    "errors-at-a-rate": (again, "Fewer than 1 in 100 is answered with 5xx"),
    "latency": (again, "They are answered within half a second on average"),
    "memory-leak": (more_memory, "Tasks stay, however many requests come"),
    "under-load": (again, "Fewer than 1 in 100 is answered with 5xx"),
    "missing-data": (back_to_v1, "An alarm that sees its errors would roll the next bad version back"),
    "oscillation": (no_policies, "Alarms still call for more tasks and for fewer"),
}
"""By fault: what does not mend it, and what the check then says does not hold."""
CAUSES = {
    "crash-loop": Cause.CONTAINER_EXITED,
    "failing-health-check": Cause.WRONG_ANSWER,
    "slow-start": Cause.GRACE_TOO_SHORT,
    "image-gone": Cause.IMAGE_NOT_FOUND,
    "secret-gone": Cause.SECRET_NOT_FOUND,
    "subnet-full": Cause.NO_ADDRESSES,
    "zone-down": Cause.SHUT_OFF,
    "spot-wave": Cause.SPOT_TAKEN,
    "stale-name": Cause.LEFT_BEHIND,
    "errors-at-a-rate": Cause.ERRORS,
    "latency": Cause.SLOW,
    "memory-leak": Cause.OUT_OF_MEMORY,
    "under-load": Cause.ERRORS_UNDER_LOAD,
    "missing-data": Cause.ALARM_BLIND,
    "oscillation": Cause.SCALES_TO_AND_FRO,
}
"""By fault: what the runbook diagnose-service says first."""


def diagnosed(world: World, site: Site, runs: Path) -> str:
    """The first finding, by the time of that cloud."""

    class Now(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return world.clock.utcnow()

    with pytest.MonkeyPatch.context() as patch:
        for module in (runbook, runner):
            patch.setattr(module, "connect", lambda *_, **__: cloud_of(world))
        patch.setattr(runner, "execute", in_process)
        patch.setattr("datetime.datetime", Now)
        given = {"cluster": site.cluster, "service": site.name}
        report = runner.run("diagnose-service", given, root=runs)
    assert report.outcome == "read", report.error
    return str(Evidence(report.folder).read("findings.json")[0]["Finding"])


def until(world: World, drill: Drill, condition: Callable[[], bool]) -> None:
    """Look every five AWS seconds; where customers are asked for, at every third of a minute."""
    for _ in range(200):
        if condition():
            return
        if drill.needs == NEEDED:
            for _ in range(4):
                world.clock.advance(5)
                world.settle()
        else:
            world.pass_time(5)
    raise AssertionError("it does not come")


@pytest.mark.parametrize("name", DRILLS)
def test_a_fault_is_found_and_mended(world: World, cloud: Cloud, name: str, tmp_path: Path) -> None:
    drill = named(name)

    def patiently(condition: Callable[[], bool], what: str = "", *, timeout: float = 60.0) -> None:
        until(world, drill, condition)

    site = Site(cloud, name, patiently)
    leave_a_revision(site)
    begin(drill, cloud, until=patiently)
    looks = OnlyReads()
    cloud.listeners.append(looks)
    assert not answer(DRILLS, cloud).checked.passed, "nothing has been done"
    assert {other.fault for other in DRILLS.values() if other.find(site)} == {drill.fault}
    cloud.listeners.remove(looks)
    assert diagnosed(world, site, tmp_path) == CAUSES[drill.fault]
    wrong, missed = WRONG[drill.fault]
    for change, said in ((to_none, f"{drill.tasks} tasks or more are wanted"), (wrong, missed)):
        before = site.service()
        assert before is not None
        change(site)
        world.pass_time(30)
        seen = {one.wanted: one for one in drill.seen(site)}
        assert not seen[said].holds, (said, seen)
        site.update(**{key: before[key] for key in ("desiredCount", "taskDefinition", "serviceRegistries")})
    drill.mend(site)
    patiently(lambda: is_mended(drill, site))
    told = answer(DRILLS, cloud, drill.fault)
    assert told.checked.passed and told.right and told.run.mended and told.run.found
    for _ in unforwarded(site):
        assert [one.holds for one in drill.seen(site)] == [False]
    delete(site)
    assert not is_mended(drill, site), "a service that is gone is not mended"
    with pytest.raises(NotNow, match="is under way"):
        begin(drill, cloud)
    close(DRILLS, cloud)


def test_an_alarm_that_would_ring_counts_whatever_its_name_and_others_do_not() -> None:
    behind = [{"Name": "LoadBalancer", "Value": "app/a/1"}]
    errors: dict[str, Any] = {"MetricName": "HTTPCode_Target_5XX_Count", "Dimensions": behind}
    alarm: dict[str, Any] = {**errors, "Statistic": "Sum", "Period": 60, "Threshold": 2.0}
    alarm["ComparisonOperator"] = "GreaterThanThreshold"
    of = {"TargetGroup": "targetgroup/a/1", "LoadBalancer": "app/a/1"}
    both = [{"Name": name, "Value": value} for name, value in of.items()]
    metrics = [{"Id": "rate", "Expression": "e / 2"}, {"Id": "e", "MetricStat": {"Metric": errors}}]
    by_expression = {"ComparisonOperator": "GreaterThanThreshold", "Threshold": 1.0, "Metrics": metrics}
    for one in (alarm, {**alarm, "Dimensions": both}, by_expression):
        assert rings(one, of)
    for changed in (
        {"Threshold": 1000.0},
        {"ComparisonOperator": "LessThanThreshold"},
        {"Dimensions": []},
        {"Dimensions": [both[0], {"Name": "LoadBalancer", "Value": "app/b/1"}]},
        {"MetricName": "RequestCount"},
        {"Statistic": "Average"},
    ):
        assert not rings({**alarm, **changed}, of), changed


def test_nothing_is_left_of_them(world: World, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    assert owned(cloud)
    monkeypatch.setattr("drydock.ledger.time.sleep", lambda seconds: world.pass_time(1))
    assert not end(DRILLS, cloud).survivors
    assert not owned(cloud)


def test_from_start_to_stop_by_command(world: World, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    def said(*arguments: str, code: int = 0) -> str:
        result = CliRunner().invoke(app, ["drill", *arguments])
        assert result.exit_code == code, result.output
        return result.output

    monkeypatch.setattr("drydock.commands.drill.connect", lambda *_, **__: cloud)
    monkeypatch.setattr("drydock.ledger.time.sleep", lambda seconds: world.pass_time(5))
    end(DRILLS, cloud)
    assert "No drill is under way" in said("check", code=2)
    told = said("start", "delivery")
    assert DRILLS["drydock-delivery"].symptoms in told and "The clock runs" in told
    assert "drydock-delivery is under way" in said("start", code=2)
    assert "secret-gone: that is not it" in said("check", "--cause", "secret-gone", code=1)
    assert "zone-down: that is it" in said("check", "--cause", "zone-down", code=1)
    site = Site(cloud, "drydock-delivery")
    DRILLS[site.name].mend(site)
    world.pass_time(60)
    said("check")
    assert not sweep(cloud, LAB).survivors
    assert "delivery was zone-down" in said("stop"), "though what it made is gone already"


def test_same_seed_same_drill_and_what_is_none_is_refused(cloud: Cloud) -> None:
    drawn = draw(DRILLS, cloud)
    assert draw(DRILLS, cloud, drawn.seed).drill is drawn.drill
    with pytest.raises(NoSuchDrill, match="no drill 'crash-loop'"):
        named("crash-loop")
    with pytest.raises(NotNow, match="No drill is under way"):
        answer(DRILLS, cloud)
    with pytest.raises(NoSuchDrill, match="no cause 'gremlins'"):
        answer(DRILLS, cloud, "gremlins")
    for drill in DRILLS.values():
        told = f"{drill.name} {drill.title} {drill.symptoms}".lower()
        assert not [word for word in drill.fault.split("-") if len(word) > 4 and word in told], drill.fault
