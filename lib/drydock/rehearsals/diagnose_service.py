"""diagnose-service: in good health, and once the load balancer asks for a path that the service does not have."""

from __future__ import annotations

from pathlib import Path

from drydock.cloud import Cloud
from drydock.notebooks.wait import wait_until
from drydock.policy import diagnosis
from drydock.rehearsals.common import SERVICE, Until, only_read
from drydock.rehearsals.record import Rehearsal
from drydock.runbooks import runner
from drydock.runbooks.evidence import Evidence


def given(_cloud: Cloud, _until: Until) -> dict[str, str]:
    return dict(SERVICE)


def rehearse(cloud: Cloud, rehearsal: Rehearsal, runs: Path) -> None:
    assert not _found(runs, rehearsal), "findings about a service in good health"
    rehearsal.done.append("nothing found in good health")
    elbv2 = cloud.client("elbv2")
    group = elbv2.describe_target_groups()["TargetGroups"][0]["TargetGroupArn"]
    elbv2.modify_target_group(TargetGroupArn=group, HealthCheckPath="/nowhere")

    def unhealthy() -> bool:
        found = elbv2.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        return any(one["TargetHealth"].get("Reason") == "Target.ResponseCodeMismatch" for one in found)

    wait_until(unhealthy, "a target is unhealthy")
    first = [one["Finding"] for one in _found(runs, rehearsal)][:1]
    assert first == [diagnosis.Cause.WRONG_ANSWER], f"the first finding is {first}"
    rehearsal.done.append("a wrong health check path named first")


def _found(runs: Path, rehearsal: Rehearsal) -> list[dict[str, str]]:
    report = runner.run(rehearsal.runbook, {**SERVICE, "dry_run": "false"}, root=runs)
    assert report.ok and only_read(report.folder), f"not only read: {report.error}"
    return list(Evidence(report.folder).read("findings.json"))
