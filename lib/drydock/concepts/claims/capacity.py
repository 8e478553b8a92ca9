"""What the guides say of capacity providers, Auto Scaling groups behind them, and placement."""

from __future__ import annotations

from drydock.concepts.claims.claim import Claim, Numbers, Verdict
from drydock.policy import cost
from drydock.policy.ecs import capacity

SPLIT = "capacity split"
PITFALLS = "pitfalls"
GROUPS = "Auto Scaling groups"
SPOT = "Spot"
PLACEMENT = "task placement"
ZONES = "zones"

_API = "botocore 1.44.5, ECS API (documented)"
_GUIDE = "ECS Developer Guide, June 2023 (documented)"
_PRICE, _SPOT_PRICE = 0.04, 0.012  # USD for a vCPU-hour, as guide A has them
_DISCOUNT = 0.70


def _placed(n: int, *, base: int, weights: tuple[int, int]) -> tuple[int, int]:
    strategy = [
        capacity.StrategyItem("FARGATE", weights[0], base),
        capacity.StrategyItem("FARGATE_SPOT", weights[1]),
    ]
    placed = capacity.split(strategy, n)
    return placed["FARGATE"], placed["FARGATE_SPOT"]


def _spot_share(n: int, base: int = 2) -> float:
    return _placed(n, base=base, weights=(1, 4))[1] / n


def _bill(on_demand: int, spot: int) -> float:
    return on_demand * _PRICE + spot * _SPOT_PRICE


def _savings() -> Numbers:
    sizes = {f"{n} tasks with base 2": cost.saving(_spot_share(n), _DISCOUNT) for n in (10, 20, 100)}
    return {**sizes, "without a base": cost.saving(_spot_share(10, base=0), _DISCOUNT)}


CLAIMS = (
    Claim(
        id="A5",
        lines="148, 155",
        subjects=(SPLIT, SPOT),
        says="Fargate Spot is 70 % off, USD 0.012 a vCPU-hour: USD 864 a month for 100 vCPU.",
        unit="USD",
        said=864,
        own=lambda: {"100 × 0.012 × 720 h": 100 * _PRICE * (1 - _DISCOUNT) * 720},
        judged=(Verdict.OVERSIMPLIFIED,),
        holds="The discount is up to 70 %. The Spot price moves with supply and demand.",
        source=f"{_API}; {_GUIDE}",
    ),
    Claim(
        id="A8",
        lines="180",
        subjects=(SPLIT,),
        says="Base 2 and weights 1:4 put 10 tasks as 2 + 2 on FARGATE and 6 on FARGATE_SPOT.",
        said=4,
        today=lambda: {"on FARGATE": _placed(10, base=2, weights=(1, 4))[0]},
        holds="Right after rounding: the exact shares of the other 8 tasks are 1.6 and 6.4. The rounding was observed "
        "and is not guaranteed.",
        source="AWS's ECS workshop, recorded describe-tasks (observed)",
    ),
    Claim(
        id="A9",
        lines="180",
        subjects=(SPLIT,),
        says="Those 10 tasks cost USD 0.232 an hour instead of USD 0.40: 42 % less.",
        unit="%",
        said=0.42,
        own=lambda: {"1 − 0.232 / 0.40": 1 - _bill(4, 6) / _bill(10, 0)},
        today=lambda: {"6 of 10 tasks at 70 % off": cost.saving(_spot_share(10), _DISCOUNT)},
        holds="Right at the full 70 % discount. The dollars count tasks of 1 vCPU and leave out their memory.",
        source="computed",
    ),
    Claim(
        id="A10",
        lines="179, 1190, 1411",
        subjects=(SPLIT,),
        says="With that strategy 80 % of the tasks are on Spot, which saves 56 %.",
        unit="%",
        said=0.56,
        own=lambda: {"80 % × 70 %": 0.8 * _DISCOUNT},
        today=_savings,
        judged=(Verdict.INCONSISTENT,),
        holds="80 % are on Spot only where no base is set. The base takes the first tasks, so the share starts at "
        "nothing and comes near 80 % in large services. The guide's own example (A9) saves 42 %.",
        source="computed with the rule of this notebook",
    ),
    Claim(
        id="A11",
        lines="1275",
        subjects=(PITFALLS,),
        says="All on Fargate is USD 2,880 a month, while 80 % of it on Spot would be USD 864.",
        unit="USD",
        said=864,
        own=lambda: {"20 % at 0.04 and 80 % at 0.012, 100 vCPU, 720 h": 720 * _bill(20, 80)},
        holds="USD 864 is the price of all of it on Spot. 80 % on Spot leaves 20 % at the full price.",
        source="computed",
    ),
    Claim(
        id="A32",
        lines="105, 269",
        subjects=(ZONES,),
        says="Spread over zones, the end of one zone takes 33 % of the tasks.",
        unit="%",
        said=0.33,
        own=lambda: {"one zone of the two subnets of the service shown": 1 / 2, "one zone of three": 1 / 3},
        holds="It does with three zones. The service that the guide shows has two subnets, so it loses half.",
        source="computed",
    ),
    Claim(
        id="A33",
        lines="178",
        subjects=(SPLIT,),
        says="Base 2: two tasks are always on FARGATE.",
        judged=(Verdict.RIGHT,),
        holds="The base is filled first when tasks are placed. One provider of a strategy may have a base, from 0 to "
        f"{capacity.MAXIMUM_BASE:,}. Weights go from 0 to {capacity.MAXIMUM_WEIGHT:,}, and a strategy has at most "
        f"{capacity.MAXIMUM_PROVIDERS} providers (it was 6).",
        source=_API,
    ),
    Claim(
        id="A34",
        lines="28, 1277–1284, 1379",
        subjects=(GROUPS,),
        says="One strategy mixes Fargate, Fargate Spot and EC2 Spot.",
        judged=(Verdict.WRONG,),
        holds="A cluster may have both kinds of provider. One strategy has Fargate's or those of Auto Scaling groups, "
        "not both: the request is refused. Two services can share the work. The JSON that the guide gives for the mix "
        "has Fargate's two only, and is valid.",
        source=_GUIDE,
    ),
    Claim(
        id="A35",
        lines="28, 174–180",
        subjects=(SPLIT, SPOT),
        says="The mix gives cost and reliability together.",
        judged=(Verdict.OVERSIMPLIFIED,),
        holds="FARGATE does not step in where FARGATE_SPOT has no capacity: those tasks wait. What must always run "
        "belongs in the base.",
        source='ECS documentation, "Amazon ECS clusters for Fargate" (documented); a fail-over is asked for in '
        "aws/containers-roadmap 773 and 852",
    ),
    Claim(
        id="A36",
        lines="148",
        subjects=(SPLIT, SPOT),
        says="FARGATE_SPOT tasks can be interrupted.",
        judged=(Verdict.RIGHT,),
        holds="With two minutes' warning: SIGTERM to the containers and an EventBridge event. stopTimeout, 120 s at "
        "most, is the time they have. Since platform version 1.4.0 it runs ARM64, too; Windows it does not.",
        source=_API,
    ),
    Claim(
        id="A37",
        lines="195, 200–222",
        subjects=(GROUPS,),
        says="managedTerminationProtection is ENABLED with the Auto Scaling group shown.",
        judged=(Verdict.OVERSIMPLIFIED,),
        holds="It also needs managed scaling and, on the group, NewInstancesProtectedFromScaleIn; the group shown "
        "does not set it.",
        source=_API,
    ),
    Claim(
        id="A38",
        lines="200–222",
        subjects=(GROUPS,),
        says="A group is made of a LaunchTemplate and a MixedInstancesPolicy side by side.",
        judged=(Verdict.WRONG,),
        holds="The two exclude each other. The launch template goes into the policy, as "
        "LaunchTemplateSpecification, which the policy shown lacks.",
        source="botocore 1.44.5, Auto Scaling API (documented)",
    ),
    Claim(
        id="A39",
        lines="210–211, 248",
        subjects=(GROUPS,),
        says="With the group `spot-capacity` and weights 4:1 the tasks above the base are 80 % on Spot.",
        unit="%",
        said=0.80,
        own=lambda: {
            "80 % of the tasks, were the group all Spot": 0.8,
            "80 % of the tasks, on a group that keeps 20 % on demand": 0.8 * (1 - 0.2),
        },
        holds="The group called Spot keeps two instances on demand and 20 % of the rest, so at most 64 % end on Spot.",
        source="computed",
    ),
    Claim(
        id="A40",
        lines="212",
        subjects=(GROUPS,),
        says="The allocation strategy for Spot is capacity-optimized.",
        judged=(Verdict.OUTDATED,),
        holds="It is still accepted. AWS now recommends price-capacity-optimized.",
        source="botocore 1.44.5, Auto Scaling API (documented)",
    ),
    Claim(
        id="A41",
        lines="227",
        subjects=(GROUPS,),
        says="When utilisation exceeds the target capacity of 80 %, the group scales out.",
        judged=(Verdict.OVERSIMPLIFIED,),
        holds="What is tracked is CapacityProviderReservation: instances needed for each 100 running. CPU use plays "
        "no part. A target of 80 keeps a fifth of the instances free.",
        source=f"{_GUIDE}; AWS What's New of 2022-09-16",
    ),
    Claim(
        id="A42",
        lines="271–283",
        subjects=(PLACEMENT,),
        says="binpack packs tasks onto the fewest instances.",
        judged=(Verdict.RIGHT,),
        holds="It takes the instance with the least CPU or memory left on which the task still fits. Fargate has no "
        "placement strategies.",
        source=_API,
    ),
    Claim(
        id="A43",
        lines="285–295",
        subjects=(PLACEMENT,),
        says="random is for services with one instance.",
        judged=(Verdict.OVERSIMPLIFIED,),
        holds="It chooses at random among the instances that fit; how many tasks the service has does not matter.",
        source=_API,
    ),
    Claim(
        id="A44",
        lines="311",
        subjects=(PLACEMENT,),
        says="Tag instances with workload-type to place tasks by it.",
        judged=(Verdict.WRONG,),
        holds="Constraints read attributes of the container instance (put-attributes, or ECS_INSTANCE_ATTRIBUTES of "
        "the agent). EC2 tags are, as far as we know, not looked at.",
        source="not verified for this edition",
    ),
    Claim(
        id="A45",
        lines="250–312",
        subjects=(PLACEMENT,),
        says="Placement strategies and constraints are given without their limits.",
        judged=(Verdict.OVERSIMPLIFIED,),
        holds="A service has at most 5 strategies and 10 constraints.",
        source=_API,
    ),
    Claim(
        id="B1",
        lines="90–94",
        subjects=(SPLIT,),
        says="A cluster with one service has 70 % on FARGATE, 20 % on FARGATE_SPOT and 10 % on EC2, as a picture "
        "shows it.",
        judged=(Verdict.WRONG,),
        holds="For the one service that is drawn: no strategy can have all three (A34), and weights are proportions of "
        "what the base leaves, not per cent of the tasks. Two services could come to such a mix.",
        source=_GUIDE,
    ),
    Claim(
        id="B16",
        lines="245, 260–269",
        subjects=(SPLIT,),
        says="A service of 3 tasks has FARGATE with weight 70 and base 1, and FARGATE_SPOT with weight 30.",
        today=lambda: dict(zip(("on FARGATE", "on FARGATE_SPOT"), _placed(3, base=1, weights=(70, 30)), strict=True)),
        judged=(Verdict.RIGHT,),
        holds="The strategy is valid. 1 task by the base, and of the other 2 shares of 1.4 and 0.6. Its weights add "
        "up to 100, which makes them look like per cent of the tasks; they are not.",
        source="computed with the rule of this notebook",
    ),
)
