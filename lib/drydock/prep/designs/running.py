"""A design under a scenario's traffic and weather, in simulated time: what it costs, what it loses, when and why."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from drydock import pricing
from drydock.policy import clusters, failover
from drydock.policy.requests import scaling as scaling_requests
from drydock.prep.designs.model import Data, Scenario, check
from drydock.pricing import MONTH_HOURS
from drydock.simulation import (
    Alarmed,
    Cause,
    Course,
    Names,
    Part,
    Reclaim,
    Release,
    Scheduled,
    Service,
    Spot,
    Tracking,
    ZoneOutage,
    failed_over,
    together,
)
from drydock.simulation.model import CPU, REQUESTS, Scaling

ZONES = ("a", "b", "c")
MEASURES = {
    "usd_a_month": ("Cost", "USD a month"),
    "lost_per_million": ("Requests lost", "of a million"),
    "recovery_seconds": ("Recovery", "seconds, the longest stretch with losses"),
    "blast_radius_percent": ("Blast radius", "% of a minute's requests, at worst"),
    "late_per_million": ("Requests late", "of a million"),
    "changes_an_hour": ("Changes of the desired count", "an hour"),
}
"""What a bar may be set for: its name, and its unit."""
OF_A_MEASURE = {
    "usd_a_month": "it costs more than it may",
    "late_per_million": "requests wait too long for a worker",
    "changes_an_hour": "the number of tasks swings",
}
"""Causes that are no cause of losses."""
RULE = "it breaks a rule"
_NEGLIGIBLE = 0.5


@dataclass(frozen=True)
class Finding:
    """Of one measure: what it is, what it may be, and, where it is more, why and in which minutes."""

    measure: str
    value: float
    bar: float
    cause: str = ""
    minutes: tuple[int, int] | None = None

    @property
    def kept(self) -> bool:
        return self.value <= self.bar

    @property
    def points(self) -> float:
        """From 0 to 1: the bar over the value, where it is more than the bar."""
        return 1.0 if self.kept else self.bar / self.value


@dataclass(frozen=True)
class Result:
    """What became of a design. `broken`: rules of the scenario that it breaks, and why each is one."""

    scenario: str
    design: Data
    course: Course
    parts: Mapping[str, Course]
    findings: Sequence[Finding]
    broken: Sequence[tuple[str, str]]
    events: Sequence[tuple[float, str]] = ()

    @property
    def passed(self) -> bool:
        return not self.broken and all(finding.kept for finding in self.findings)

    @property
    def score(self) -> int:
        """0 to 100: the mean of the points, and of that as many parts as rules are kept. 100 is passed."""
        points = sum(finding.points for finding in self.findings) / len(self.findings)
        found = 100 * points * (1 - len(self.broken) / (len(self.broken) + 2))
        return 100 if self.passed else min(99, math.floor(found))

    @property
    def causes(self) -> list[str]:
        """Why it is not passed, each cause once: broken rules, then measures as the bar has them."""
        found = [RULE] if self.broken else []
        return list(dict.fromkeys([*found, *(one.cause for one in self.findings if not one.kept)]))

    def value(self, measure: str) -> float:
        return next(one.value for one in self.findings if one.measure == measure)


def run(scenario: Scenario, design: Data) -> Result:
    """The same scenario and the same design: the same result. Raises BadDesign."""
    check(design)
    parts = parts_of(scenario, design)
    course, each = together(parts, seed=int(scenario.data["seed"]))
    fixed = fixed_hour(scenario, design) / 60
    course = _with_fixed(course, fixed)
    findings = [_finding(scenario, name, bar, course) for name, bar in scenario.bar.items()]
    return Result(scenario.id, design, course, each, findings, broken(scenario, design), course.events)


def loads_of(scenario: Scenario) -> list[float]:
    """Requests for each minute: straight lines between the points, bursts that die away, and noise."""
    traffic = scenario.data["traffic"]
    found: list[float] = []
    for (begin, low), (end, high) in pairwise(traffic["points"]):
        found += [low + (high - low) * minute / (end - begin) for minute in range(end - begin)]
    for at, factor, lasts in traffic.get("bursts", ()):
        for minute in range(at, min(at + lasts, len(found))):
            found[minute] *= 1 + (factor - 1) * (1 - (minute - at) / lasts)
    noise, rng = traffic.get("noise", 0.0), random.Random(f"design {scenario.data['seed']}")
    return [load * (1 + noise * (2 * rng.random() - 1)) for load in found]


def parts_of(scenario: Scenario, design: Data) -> list[Part]:
    """The services that the design is made of, and what comes to each. The crucial one is first."""
    loads, weather = loads_of(scenario), scenario.data.get("weather", {})
    service = service_of(scenario, design)
    if outage := weather.get("region_outage"):
        return _regions(service, loads, design, outage)
    count = design["placement"].get("clusters", 1)
    if count == 1 and "cluster_outage" not in weather:
        return [Part("service", service, loads)]
    return _cells(scenario, service, loads, count, weather.get("cluster_outage"))


def _regions(service: Service, loads: Sequence[float], design: Data, outage: Data) -> list[Part]:
    standby = design.get("standby")
    known, ttl, stuck = math.inf, 0.0, 0.0
    if standby:
        known = failover.detection(standby.get("RequestInterval", 30), standby.get("FailureThreshold", 3)).most
        if standby["routing"] == "ROUTE_53":
            ttl, stuck = float(standby.get("TTL", 60)), float(outage.get("stuck", 0.0))
    over = failed_over(loads, minute=outage["minute"], minutes=outage["minutes"], known=known, ttl=ttl, stuck=stuck)
    first = Part("first region", service, over.first, over.lost, Cause.REGION)
    if not standby:
        return [first]
    policies = [replace(one, least=standby["desiredCount"]) for one in service.policies]
    second = replace(
        service, tasks=standby["desiredCount"], scaling=policies or None, scheduled=(), outages=(), releases=()
    )
    return [Part("second region", second, over.second), first]


def _cells(scenario: Scenario, service: Service, loads: Sequence[float], count: int, outage: Data | None) -> list[Part]:
    """Customers are shared out as `clusters.shares` says; the cluster that is lost is the first, the largest."""
    customers = int(scenario.data["app"].get("customers", count))
    found = []
    for index, mine in enumerate(clusters.shares(customers, count)):
        part = mine / customers
        least = [Scheduled(one.minute, _share(one.least, part), _share(one.most, part)) for one in service.scheduled]
        policies = [
            replace(one, least=_share(one.least, part), most=_share(one.most, part)) for one in service.policies
        ]
        cell = replace(service, tasks=_share(service.tasks, part), scaling=policies or None, scheduled=least)
        comes = [load * part for load in loads]
        gone: Sequence[float] = ()
        if outage and index == 0:
            over = failed_over(
                comes, minute=outage["minute"], minutes=outage["minutes"], known=math.inf, ttl=0, stuck=0
            )
            comes, gone = list(over.first), over.lost
        found.append(Part(f"cluster {index + 1}", cell, comes, gone, Cause.CELL))
    return found


def _share(count: int, part: float) -> int:
    return max(1, math.ceil(round(count * part, 6)))


def service_of(scenario: Scenario, design: Data) -> Service:
    """The service of the design, all of it in one region and one cluster."""
    app, weather = scenario.data["app"], scenario.data.get("weather", {})
    task, placement = design["task"], design["placement"]
    zones = ZONES[: placement["zones"]]
    deployment = design.get("deploymentConfiguration", {})
    checks = design.get("healthCheck", {})
    unnoticed = float(checks.get("HealthCheckIntervalSeconds", 30) * checks.get("UnhealthyThresholdCount", 2))
    scaling = design.get("scaling")
    return Service(
        tasks=design["desiredCount"],
        per_task=app["requests_per_vcpu"] * task["cpu"] / 1024,
        start_seconds=app["start_seconds"],
        request_seconds=app["request_seconds"],
        deadline=app.get("deadline", 0.0),
        warm_seconds=app.get("warm_seconds", 0.0),
        cold=app.get("cold", 1.0),
        cpu=task["cpu"],
        memory=task["memory"],
        architecture="arm64" if task.get("cpuArchitecture") == "ARM64" else "x86_64",
        scaling=[_scaling(scaling, policy) for policy in scaling["policies"]] if scaling else None,
        scheduled=[
            Scheduled(one["minute"], one["MinCapacity"], one["MaxCapacity"])
            for one in (scaling or {}).get("scheduledActions", ())
        ],
        zones=zones,
        balances=placement.get("availabilityZoneRebalancing") == "ENABLED",
        outages=[
            ZoneOutage(one["zone"], one["minute"], one["minutes"], unnoticed)
            for one in weather.get("zone_outages", ())
            if one["zone"] in zones
        ],
        releases=[
            Release(
                one["minute"], deployment, one.get("crashes", False), one.get("errors", 0.0), one.get("noticed", 30)
            )
            for one in weather.get("releases", ())
        ],
        names=_names(design),
        spot=_spot(scenario, design),
    )


def _names(design: Data) -> Names | None:
    """Only DNS has caches: a load balancer, and Service Connect's proxies, are told at once."""
    discovery = design.get("discovery", {})
    if discovery.get("type") != "CLOUD_MAP":
        return None
    task = design["task"]
    serves_on = float(task.get("stopTimeout", 30)) if task.get("handlesSigterm", True) else 0.0
    return Names(float(discovery.get("DnsTtl", 60)), serves_on)


def _spot(scenario: Scenario, design: Data) -> Spot | None:
    strategy = {one["capacityProvider"]: one for one in design["capacityProviderStrategy"]}
    if "FARGATE_SPOT" not in strategy:
        return None
    app, weather, task = scenario.data["app"], scenario.data.get("weather", {}), design["task"]
    on_demand = strategy.get("FARGATE", {})
    only = len(strategy) == 1
    return Spot(
        base=on_demand.get("base", 0),
        on_demand_weight=on_demand.get("weight", 0),
        weight=strategy["FARGATE_SPOT"].get("weight", 0) or (1 if only else 0),
        discount=app.get("spot_discount", 0.7),
        hazard=weather.get("hazard", 0.0),
        reclaims=[Reclaim(one["minute"], one["share"], one["dry"]) for one in weather.get("reclaims", ())],
        stop_timeout=task.get("stopTimeout", 30),
        drains=task.get("handlesSigterm", True),
    )


def _scaling(scaling: Data, policy: Data) -> Scaling:
    bounds = (scaling["MinCapacity"], scaling["MaxCapacity"])
    if policy["PolicyType"] == "TargetTrackingScaling":
        asked = policy["TargetTrackingScalingPolicyConfiguration"]
        return Tracking(
            *bounds,
            metric=asked["PredefinedMetricSpecification"]["PredefinedMetricType"],
            target=asked["TargetValue"],
            out_cooldown=asked.get("ScaleOutCooldown", 300),
            in_cooldown=asked.get("ScaleInCooldown", 300),
        )
    asked, alarm = policy["StepScalingPolicyConfiguration"], policy["Alarm"]
    return Alarmed(
        *bounds,
        metric=CPU if alarm["MetricName"] == "CPUUtilization" else REQUESTS,
        threshold=alarm["Threshold"],
        above=alarm["ComparisonOperator"] == "GreaterThanThreshold",
        steps=scaling_requests.steps_of(asked),
        periods=alarm["EvaluationPeriods"],
        out_cooldown=asked.get("Cooldown", 300),
        in_cooldown=asked.get("Cooldown", 300),
    )


def fixed_hour(scenario: Scenario, design: Data) -> float:
    """USD an hour besides the tasks: load balancers, EKS's control planes, an accelerator."""
    cells = design["placement"].get("clusters", 1)
    regions = 2 if "standby" in design else 1
    items = []
    if design.get("discovery", {}).get("type", "LOAD_BALANCER") == "LOAD_BALANCER":
        items.append(pricing.load_balancers(count=cells * regions))
    if scenario.data["app"].get("platform") == "EKS":
        items.append(pricing.control_planes(cells * regions))
    if design.get("standby", {}).get("routing") == "GLOBAL_ACCELERATOR":
        items.append(pricing.global_accelerators(1))
    return pricing.estimate(items, 1).usd


def broken(scenario: Scenario, design: Data) -> list[tuple[str, str]]:
    """The rules of the scenario that a design breaks: the field, with what it is, and why that is a rule."""
    found = []
    for rule in scenario.data.get("rules", ()):
        value = at(design, rule["field"], rule.get("default"))
        if value not in rule["one_of"]:
            found.append((f"{rule['field']} is {value!r}", str(rule["why"])))
    return found


def at(design: Data, path: str, default: Any = None) -> Any:
    """The field of a design at a path such as "task.cpu"; the default where there is none."""
    found: Any = design
    for name in path.split("."):
        if isinstance(found, list):
            if int(name) >= len(found):
                return default
            found = found[int(name)]
        elif name in found:
            found = found[name]
        else:
            return default
    return found


def _with_fixed(course: Course, usd_a_minute: float) -> Course:
    return replace(course, minutes=tuple(replace(one, usd=one.usd + usd_a_minute) for one in course.minutes))


def _finding(scenario: Scenario, measure: str, bar: float, course: Course) -> Finding:
    hours = len(course.minutes) / 60
    value = {
        "usd_a_month": lambda: course.usd / hours * MONTH_HOURS,
        "lost_per_million": lambda: 1e6 * course.lost / course.requests,
        "recovery_seconds": lambda: course.longest_outage,
        "blast_radius_percent": lambda: 100 * course.worst_part,
        "late_per_million": lambda: 1e6 * course.late / course.requests,
        "changes_an_hour": lambda: course.scaled / hours,
    }[measure]()
    finding = Finding(measure, value, bar)
    if finding.kept:
        return finding
    if measure in OF_A_MEASURE:
        late = [one.minute for one in course.minutes if one.late > 0.01 * one.load] if "late" in measure else []
        return Finding(measure, value, bar, OF_A_MEASURE[measure], (late[0], late[-1]) if late else None)
    cause, minutes = _worst(measure, course)
    return Finding(measure, value, bar, cause, minutes)


def _worst(measure: str, course: Course) -> tuple[str, tuple[int, int] | None]:
    """The cause of most of what was lost, in the worst minute where the blast radius is measured, and its minutes."""
    if measure == "blast_radius_percent":
        worst = max((one for one in course.minutes if one.load), key=lambda one: one.lost / one.load)
        causes: Mapping[Cause, float] = dict(Counter(worst.causes).most_common())
    else:
        causes = course.causes
    if not causes:
        return "", None
    first = next(iter(causes))
    minutes = [one.minute for one in course.minutes if one.causes.get(first, 0) > _NEGLIGIBLE]
    return first.value, (minutes[0], minutes[-1]) if minutes else None
