"""Drills on alarms: one that rings for nobody, and two that call policies against each other."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from drydock.drills import customers
from drydock.drills.answering import A_MINUTE
from drydock.drills.customers import NEEDED, answered, come, well
from drydock.drills.drill import Drill
from drydock.drills.site import Site
from drydock.policy.diagnosis import watching
from drydock.policy.diagnosis.alarms import HOUR, TURNS
from drydock.policy.diagnosis.answers import ERRORS
from drydock.policy.scaling_course import turns
from drydock.prep.practicals.practical import Seen
from drydock.resources.kind import every

GONE = "0123456789abcdef"
"""Of a target group that was deleted."""
METRIC = "HTTPCode_Target_5XX_Count"

# -- an alarm that sees nothing


def _alarm(site: Site) -> str:
    return f"{site.name}-errors"


def _dimensions(site: Site) -> dict[str, str]:
    """Under what CloudWatch has the errors of the service."""
    group = site.target_group()
    balancer = group["LoadBalancerArns"][0].partition(":loadbalancer/")[2]
    return {"TargetGroup": group["TargetGroupArn"].rpartition(":")[2], "LoadBalancer": balancer}


def _watch(site: Site, dimensions: dict[str, str]) -> None:
    site.cloud.client("cloudwatch").put_metric_alarm(
        AlarmName=_alarm(site),
        Namespace="AWS/ApplicationELB",
        MetricName=METRIC,
        Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=2,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="notBreaching",
    )


def _guarded(site: Site, enable: bool = True) -> dict[str, Any]:
    return {"alarms": {"alarmNames": [_alarm(site)], "enable": enable, "rollback": True}}


def _lay_watched(site: Site) -> None:
    site.serve(2, definition=site.register({"VERSION": "v1"}))
    come(site, A_MINUTE)


def _unseen(site: Site) -> None:
    of = _dimensions(site)
    _watch(site, {**of, "TargetGroup": f"{of['TargetGroup'].rpartition('/')[0]}/{GONE}"})
    definition = site.register({"VERSION": "v2", "ERROR_RATE": "0.5"})
    site.update(taskDefinition=definition, deploymentConfiguration=_guarded(site))
    site.until(site.steady, f"v2 of {site.name} is out")


def rings(alarm: dict[str, Any], of: dict[str, str]) -> bool:
    """Whether an alarm rings when every other request fails: it may ask for the target group, or the load balancer."""
    metrics = [one["MetricStat"]["Metric"] for one in alarm.get("Metrics", ()) if "MetricStat" in one] or [alarm]
    behind = {"LoadBalancer": of["LoadBalancer"]}
    most = A_MINUTE / 2 * alarm.get("Period", 60) / 60 if alarm.get("Statistic") == "Sum" else 1
    reached = alarm["ComparisonOperator"].startswith("Greater") and alarm.get("Threshold", 0) < most
    return (bool(alarm.get("Metrics")) or reached) and any(
        metric.get("MetricName") == METRIC
        and {one["Name"]: one["Value"] for one in metric.get("Dimensions", ())} in (of, behind)
        for metric in metrics
    )


def _seeing(site: Site) -> tuple[list[str], list[str]]:
    """Of the alarms that are to roll a deployment back, those that see the service's errors, and the others."""
    names = watching(site.service() or {})
    found = site.cloud.client("cloudwatch").describe_alarms(AlarmNames=list(names))["MetricAlarms"] if names else []
    of = _dimensions(site)
    seeing = {one["AlarmName"] for one in found if rings(dict(one), of)}
    return [name for name in names if name in seeing], [name for name in names if name not in seeing]


def _blind(site: Site) -> str:
    if site.service() is None or not (blind := _seeing(site)[1]):
        return ""
    group = answered(site)
    return f"{', '.join(blind)} watches another target group: {group.errors:.0f} errors are counted for this one"


def _see_and_go_back(site: Site) -> None:
    _watch(site, _dimensions(site))
    site.update(taskDefinition=site.register({"VERSION": "v1"}), deploymentConfiguration=_guarded(site, enable=False))
    site.until(site.steady, "v1 is back")
    site.update(deploymentConfiguration=_guarded(site))


def _watched(site: Site) -> Sequence[Seen]:
    seeing, blind = _seeing(site)
    return [
        *well(site),
        Seen(
            "An alarm that sees its errors would roll the next bad version back",
            bool(seeing),
            ", ".join(seeing) or (f"{', '.join(blind)} would not ring" if blind else "none is enabled"),
        ),
    ]


UNSEEN = Drill(
    "drydock-orders",
    "Half of all orders fail, and every light is green",
    "v2 of `orders` fails half of its requests. It was rolled out while an alarm watched that is to roll such a "
    "version back; it has been OK all the time, and nobody was woken. The next bad version has to be rolled back.",
    "missing-data",
    "The alarm has the dimensions of a target group that is gone. There are no data under these, and TreatMissingData "
    "notBreaching takes that for well. list_metrics of HTTPCode_Target_5XX_Count beside its Dimensions shows it.",
    2,
    _lay_watched,
    _unseen,
    lambda site: answered(site).errors >= ERRORS,
    _blind,
    _see_and_go_back,
    _watched,
    needs=NEEDED,
)


# -- scaling that goes to and fro

LEAST, MOST = 2, 6
ABOVE, BELOW, LOWER = 4.5, 3.5, 1.0
"""Requests for each task and minute: more tasks above, fewer below; and what is below all that a step leads to."""
STEP = 2
STILL = 5
"""AWS minutes without a change after which scaling has come to rest."""


def _of(site: Site) -> dict[str, str]:
    return {
        "ServiceNamespace": "ecs",
        "ResourceId": f"service/{site.cluster}/{site.name}",
        "ScalableDimension": "ecs:service:DesiredCount",
    }


def _by_steps(site: Site, change: int, comparison: str, threshold: float) -> None:
    """A step scaling policy of one step, and the alarm that calls it."""
    name = f"{site.name}-{'more' if change > 0 else 'fewer'}"
    bound = "MetricIntervalLowerBound" if change > 0 else "MetricIntervalUpperBound"
    arn = site.cloud.client("application-autoscaling").put_scaling_policy(
        **_of(site),
        PolicyName=name,
        PolicyType="StepScaling",
        StepScalingPolicyConfiguration={
            "AdjustmentType": "ChangeInCapacity",
            "StepAdjustments": [{"ScalingAdjustment": change, bound: 0.0}],
            "Cooldown": 0,
        },
    )["PolicyARN"]
    site.cloud.client("cloudwatch").put_metric_alarm(
        AlarmName=name,
        Namespace="AWS/ApplicationELB",
        MetricName="RequestCountPerTarget",
        Dimensions=[{"Name": name, "Value": value} for name, value in _dimensions(site).items()],
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=threshold,
        ComparisonOperator=comparison,
        AlarmActions=[arn],
    )


def _lay_scaled(site: Site) -> None:
    site.serve(LEAST)
    come(site, A_MINUTE)
    site.cloud.client("application-autoscaling").register_scalable_target(
        **_of(site), MinCapacity=LEAST, MaxCapacity=MOST
    )


def _against_each_other(site: Site) -> None:
    _by_steps(site, STEP, "GreaterThanThreshold", ABOVE)
    _by_steps(site, -STEP, "LessThanThreshold", BELOW)


def _course(site: Site) -> list[tuple[datetime, int]]:
    """When scaling has set how many tasks in the last hour of AWS, oldest first."""
    scaling = site.cloud.client("application-autoscaling")
    found = every(scaling, "describe_scaling_activities", "ScalingActivities", **_of(site))
    begun = customers.now() - timedelta(seconds=HOUR / site.cloud.speed)
    set_to = [one for one in found if one["Description"].startswith("Setting desired count")]
    counts = [(one["StartTime"], int(one["Description"].rstrip(".").rpartition(" ")[2])) for one in set_to]
    return sorted(one for one in counts if one[0] >= begun)


def _minutes_still(site: Site) -> float:
    """AWS minutes since scaling has changed anything, or has been changed itself: as many as it is looked back for,
    an hour, where nothing of that was in it."""
    moments = [one["AlarmConfigurationUpdatedTimestamp"] for one in _calling(site)] + [at for at, _ in _course(site)]
    since: list[float] = [(customers.now() - at).total_seconds() * site.cloud.speed for at in moments]
    return min([HOUR, *since]) / 60


def _calling(site: Site) -> list[dict[str, Any]]:
    """The alarms that call its scaling policies, as describe_alarms has them."""
    scaling = site.cloud.client("application-autoscaling")
    policies = every(scaling, "describe_scaling_policies", "ScalingPolicies", **_of(site))
    names = sorted({alarm["AlarmName"] for one in policies for alarm in one["Alarms"]})
    return list(site.cloud.client("cloudwatch").describe_alarms(AlarmNames=names)["MetricAlarms"]) if names else []


def _to_and_fro(site: Site) -> str:
    counts = [count for _, count in _course(site)]
    if turns(counts) < TURNS or _minutes_still(site) > STILL:
        return ""
    return f"Its tasks were set to {', '.join(map(str, counts))}: each policy undoes what the other has done"


def _apart(site: Site) -> None:
    _by_steps(site, STEP, "GreaterThanThreshold", ABOVE)
    _by_steps(site, -STEP, "LessThanThreshold", LOWER)


def _follows(site: Site) -> Sequence[Seen]:
    scaling = site.cloud.client("application-autoscaling")
    targets = every(scaling, "describe_scalable_targets", "ScalableTargets", ServiceNamespace="ecs")
    mine = next((one for one in targets if one["ResourceId"] == _of(site)["ResourceId"]), None)
    free = mine is not None and not any(mine["SuspendedState"].values()) and mine["MaxCapacity"] >= MOST
    acting = [one for one in _calling(site) if one["ActionsEnabled"]]
    ways = {one["ComparisonOperator"][:4] for one in acting}
    still = _minutes_still(site)
    return [
        *well(site),
        Seen(f"It may still grow to {MOST} tasks", free, "it may" if free else "its range or a suspension keeps it"),
        Seen(
            "Alarms still call for more tasks and for fewer",
            ways == {"Grea", "Less"},
            f"{len(acting)} alarms call policies",
        ),
        Seen(f"Nothing was scaled for {STILL} minutes", still >= STILL, f"{still:.0f} minutes"),
    ]


TO_AND_FRO = Drill(
    "drydock-tickets",
    "The number of tasks does not come to rest",
    "As many customers as ever come to `tickets`, and evenly. Still every few minutes tasks are started, and a few "
    "minutes later taken away again; caches are always cold, and the bill grows. It has to go on following its load.",
    "oscillation",
    f"Two step scaling policies undo each other: {STEP} tasks more above {ABOVE:g} requests for each, {STEP} fewer "
    f"below {BELOW:g}, without a cool-down. With {A_MINUTE} requests a minute {LEAST} tasks have {A_MINUTE / LEAST:g} "
    f"each, and {LEAST + STEP} have {A_MINUTE / (LEAST + STEP):g}. describe_scaling_activities shows both by turns.",
    LEAST,
    _lay_scaled,
    _against_each_other,
    lambda site: bool(_to_and_fro(site)),
    _to_and_fro,
    _apart,
    _follows,
    needs=NEEDED,
)

DRILLS = (UNSEEN, TO_AND_FRO)
