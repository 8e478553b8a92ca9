"""What the guides say of scaling services of ECS."""

from __future__ import annotations

from drydock.concepts.claims.claim import Claim, Verdict
from drydock.policy import scaling
from drydock.policy.scaling_course import tracked

SCALING = "scaling of services"

_API = "botocore 1.44.5, Application Auto Scaling API (documented)"
_MEASURED = (
    "dev.classmethod.jp on AWS's announcement of high-resolution metrics, 2026-06-18 (AWS's own measurement); the "
    "alarms' periods: observed"
)


CLAIMS = (
    Claim(
        id="A86",
        lines="989",
        subjects=(SCALING,),
        says="With a target of 70 % CPU the service scales out at once when more is measured.",
        unit="",
        today=lambda: {
            "seconds that the alarm looks at, at one value a minute": scaling.HIGH_PERIODS * 60,
            "at a value every 20 seconds": scaling.HIGH_PERIODS * 20,
        },
        judged=(Verdict.WRONG,),
        holds="Three values in a row have to be above the target, and each is published late. AWS measured 363 s until "
        "a scale-out begins with values of a minute, and 86 s with those of 20 s. Then the tasks have to start.",
        source=_MEASURED,
    ),
    Claim(
        id="A87",
        lines="971–985",
        subjects=(SCALING,),
        says="A scaling policy names its service as ServiceName.",
        judged=(Verdict.WRONG,),
        holds="Application Auto Scaling wants ServiceNamespace ecs and ResourceId service/CLUSTER/NAME, and the "
        "service "
        "has to be registered as a scalable target before.",
        source=_API,
    ),
    Claim(
        id="A88",
        lines="1004",
        subjects=(SCALING,),
        says="With 1000 requests for each task as the target, 5000 requests a second lead from 3 tasks to 5.",
        unit="",
        said=5,
        own=lambda: {"were it 5000 requests a minute": tracked(3, 5000 / 3, 1000)},
        today=lambda: {"tasks for 5000 requests a second": tracked(3, 60 * 5000 / 3, 1000)},
        holds="ALBRequestCountPerTarget counts requests of a minute for each target, so the load is 60 times as large "
        "as the guide takes it.",
        source="botocore 1.44.5, TargetTrackingScalingPolicyConfiguration (documented); computed with the rule of "
        "this notebook",
    ),
    Claim(
        id="A89",
        lines="992",
        subjects=(SCALING,),
        says="Requests to the load balancer are a custom metric.",
        judged=(Verdict.WRONG,),
        holds="ALBRequestCountPerTarget is a predefined metric. It needs a ResourceLabel, which the guide gives.",
        source=_API,
    ),
    Claim(
        id="B2",
        lines="73, 304–305",
        subjects=(SCALING,),
        says="The example service has 2 to 10 tasks in the picture, and 3 to 20 in Terraform.",
        judged=(Verdict.INCONSISTENT,),
        holds="Bounds are the scalable target's. Registering other bounds moves a count outside of them at once.",
        source=_API,
    ),
    Claim(
        id="B19",
        lines="297–299",
        subjects=(SCALING,),
        says="Terraform ignores changes of desired_count where a service is scaled.",
        judged=(Verdict.RIGHT,),
        holds="Otherwise each apply sets the count back to what the file says.",
        source="Terraform's documentation of ignore_changes (documented)",
    ),
    Claim(
        id="B20",
        lines="311–344",
        subjects=(SCALING,),
        says="Two policies of target tracking, 70 % CPU and 1000 requests for each target, scale one service.",
        unit="",
        today=lambda: {"requests a second for each task at the target": round(1000 / 60, 1)},
        judged=(Verdict.RIGHT, Verdict.OVERSIMPLIFIED),
        holds="It scales out when any of them says so, and in only when all agree. The target is for a minute, which "
        "is little for a task of 1 vCPU.",
        source="ECS Developer Guide, June 2023 (documented); computed",
    ),
    Claim(
        id="B21",
        lines="323–324, 341–342",
        subjects=(SCALING,),
        says="The cool-downs are 300 s in and 60 s out.",
        unit="",
        today=lambda: {"seconds by default, both ways": scaling.COOLDOWN},
        judged=(Verdict.RIGHT,),
        holds="Both are 300 s by default. A short one for scaling out adds tasks again before the last ones show in "
        "the "
        "metric.",
        source=_API,
    ),
)
