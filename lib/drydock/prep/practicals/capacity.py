"""Practicals on how many tasks there are, and where they run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from drydock.policy.ecs import capacity
from drydock.prep.practicals.bench import SERVICE, Bench, is_steady
from drydock.prep.practicals.practical import Practical, Seen

TASKS, ON_DEMAND, ON_SPOT = 6, 2, 3
LEAST, MOST, TARGET = 3, 10, 60.0


def _all_on_demand(bench: Bench) -> None:
    strategy = [{"capacityProvider": "FARGATE", "weight": 1}]
    bench.serve(TASKS, subnets=bench.network(), capacityProviderStrategy=strategy)


def _on_spot(bench: Bench) -> Sequence[Seen]:
    service = bench.service()
    if service is None:
        return [Seen("There is a service web", False, "the cluster has none that is ACTIVE")]
    strategy = capacity.items(service.get("capacityProviderStrategy") or [])
    base = next((item.base for item in strategy if item.provider == "FARGATE"), 0)
    where = Counter(task.get("capacityProviderName") for task in bench.running())
    runs = ", ".join(f"{count} on {name}" for name, count in sorted(where.items(), key=str)) or "no task runs"
    return [
        Seen(
            f"{ON_DEMAND} tasks are on demand whatever the desired count is",
            base >= ON_DEMAND,
            f"base of FARGATE: {base}",
        ),
        Seen(f"{TASKS} tasks run", where.total() == TASKS and is_steady(service), runs),
        Seen(f"{ON_DEMAND} or more of them on FARGATE", where["FARGATE"] >= ON_DEMAND, runs),
        Seen(f"{ON_SPOT} or more of them on FARGATE_SPOT", where["FARGATE_SPOT"] >= ON_SPOT, runs),
    ]


SPOT = Practical(
    "spot",
    "Capacity",
    "Bring half of the tasks onto Spot, and keep two on demand whatever happens",
    f"The service `{SERVICE}` runs its {TASKS} tasks on FARGATE. At least {ON_SPOT} of them have to be on "
    f"FARGATE_SPOT, and {ON_DEMAND} have to be on demand whatever the desired count becomes. Change it, and see that "
    "the tasks move: those that run stay where they are until a deployment replaces them.",
    "notebooks/capacity-mix.ipynb",
    _all_on_demand,
    _on_spot,
)


def _fixed(bench: Bench) -> None:
    bench.serve(LEAST, subnets=bench.network())


def _scales(bench: Bench) -> Sequence[Seen]:
    scaling = bench.cloud.client("application-autoscaling")
    resource = f"service/{bench.cluster}/{SERVICE}"
    asked = {"ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount"}
    found = scaling.describe_scalable_targets(**asked, ResourceIds=[resource])["ScalableTargets"]
    bounds = (found[0]["MinCapacity"], found[0]["MaxCapacity"]) if found else None
    policies = scaling.describe_scaling_policies(**asked, ResourceId=resource)["ScalingPolicies"]
    tracking = [one.get("TargetTrackingScalingPolicyConfiguration") or {} for one in policies]
    cpu = [
        one
        for one in tracking
        if (one.get("PredefinedMetricSpecification") or {}).get("PredefinedMetricType")
        == "ECSServiceAverageCPUUtilization"
    ]
    targets = [one["TargetValue"] for one in cpu]
    # without a cooldown of its own ECS's policies have 300 s
    pauses = [(one.get("ScaleOutCooldown", 300), one.get("ScaleInCooldown", 300)) for one in cpu]
    return [
        Seen(
            f"It may be scaled between {LEAST} and {MOST} tasks",
            bounds == (LEAST, MOST),
            f"{bounds[0]} to {bounds[1]}" if bounds else "no scalable target is registered",
        ),
        Seen(
            f"Its CPU is kept at {TARGET:g} %",
            targets == [TARGET] and len(policies) == 1,
            f"{len(policies)} policies; target tracking of CPU: {', '.join(f'{one:g} %' for one in targets) or 'none'}",
        ),
        Seen(
            "It waits at most 60 s after scaling out, and at least 300 s after scaling in",
            bool(pauses) and all(out <= 60 and back >= 300 for out, back in pauses),
            ", ".join(f"out {out} s, in {back} s" for out, back in pauses) or "nothing scales it by CPU",
        ),
    ]


SCALING = Practical(
    "scaling",
    "Scaling",
    f"Let the service follow its load between {LEAST} and {MOST} tasks",
    f"The service `{SERVICE}` has {LEAST} tasks, day and night. Let Application Auto Scaling keep its average CPU at "
    f"{TARGET:g} %, with {LEAST} to {MOST} tasks. It has to be quick up and slow down: a pause of at most 60 s after "
    "scaling out, and of at least 300 s after scaling in.",
    "notebooks/target-tracking.ipynb",
    _fixed,
    _scales,
)
