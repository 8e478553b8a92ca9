"""What the questions say in numbers, computed: by card, phrases that have to stand on it as they are here."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime

from drydock.policy import (
    add_ons,
    addresses,
    clusters,
    cost,
    discovery,
    eks_versions,
    failover,
    gitops,
    releases,
    rollouts,
    scaling,
    scaling_course,
    traffic,
    web_identity,
)
from drydock.policy.ecr import expiry
from drydock.policy.ecs import breaker, capacity, interruption, managed_scaling, placement, rollout
from drydock.policy.ecs import strategy as ecs_strategy
from drydock.policy.kubernetes import cluster_autoscaler, deployments, eks_nodes, fargate
from drydock.policy.kubernetes.hpa import behavior, pods, replicas
from drydock.policy.kubernetes.karpenter import budgets, consolidation
from drydock.policy.kubernetes.vpa import histogram, recommender, usage
from drydock.policy.mesh import app_mesh, choice, outliers, retries
from drydock.policy.requests.task_definition import FARGATE_SIZES
from drydock.pricing import PRICES, fargate_hour, fargate_tasks


def strategy(base: int, on_demand: int, spot: int) -> list[capacity.StrategyItem]:
    return [capacity.StrategyItem("FARGATE", on_demand, base), capacity.StrategyItem("FARGATE_SPOT", spot)]


def on_spot(n: int) -> int:
    return capacity.split(strategy(2, 1, 4), n)["FARGATE_SPOT"]


def monthly(vcpu: float, gigabytes: float, architecture: str = "x86_64") -> float:
    item = fargate_tasks(1, cpu=round(vcpu * 1024), memory=round(gigabytes * 1024), architecture=architecture)
    assert item.usd_per_hour is not None
    return item.usd_per_hour * 730


def hourly(item: str) -> float:
    return PRICES[item].usd


def trips(events: str, reset: bool) -> int:
    state = breaker.Breaker.read({"enable": True, "resetOnHealthyTask": reset}, 4)
    assert state.threshold == 3
    for number, event in enumerate(events, start=1):
        state = state.after(breaker.Event.HEALTHY if event == "H" else breaker.Event.FAILED)
        if state.triggered:
            return number
    return 0


def needed() -> int:
    """Requests until a fault of 2 % has shown with a chance of 95 %."""
    return next(n for n in range(1, 1000) if traffic.chance_to_see(0.02, n) >= 0.95)


def word(number: int) -> str:
    """A number as a text has it in words."""
    words = [
        "none",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
    ]
    return words[number]


def months_of_standard_support(name: str) -> int:
    version = eks_versions.version(name)
    assert version.released is not None
    return round((version.standard_until - version.released).days * 12 / 365.25)


def expired_by_prefix_rule() -> int:
    """Of 12 images v…, 300 sha-… and one latest, by a rule that keeps ten of v…."""
    tags = [*(f"v{n}" for n in range(12)), *(f"sha-{n}" for n in range(300)), "latest"]
    images = [expiry.Image(tag, n, tags=(tag,)) for n, tag in enumerate(tags)]
    rule = expiry.Rule(1, expiry.TagStatus.TAGGED, expiry.CountType.IMAGE_COUNT_MORE_THAN, 10, prefixes=("v",))
    return len(expiry.evaluate([rule], images, now=1000))


def linear_minutes(percent: float, bake: int) -> float:
    """From the first step until all the traffic is on the new version."""
    configuration = {"stepPercent": percent, "stepBakeTimeInMinutes": bake}
    steps = ecs_strategy.plan({"strategy": "LINEAR", "linearConfiguration": configuration}).steps
    return sum(step.bake for step in steps) / 60


def hpa_of(pods_: int, percent: int, target: int) -> int:
    """What an HPA wants of so many pods at so many per cent of their requests."""
    measured = replicas.Measured(pods_, usage=pods_ * percent * 10, request=pods_ * 1000)
    return replicas.by_utilization(measured, target, current=pods_).replicas


def limit_of_300_percent(current: int, *, added: int, removed: int) -> int:
    """Up to how many pods an HPA may go that adds 300 % each 300 seconds, after these changes within them."""
    rules = behavior.Rules((behavior.Policy(behavior.PERCENT, 300, 300.0),))
    return behavior.up_limit(current, [behavior.Event(0.0, added)], [behavior.Event(0.0, removed)], rules, now=60.0)


def vpa_steady(cores: float) -> int:
    """The target, in millicores, for a container that has used so many cores for a week."""
    used = usage.Usage()
    for minute in range(7 * 24 * 60):
        used.add_cpu(cores * 1000, minute * 60.0)
    return recommender.recommend({"app": used})["app"].target["cpu"]


def instances_used(second: placement.Strategy) -> int:
    """By six tasks of 512 MiB on two instances in each of three zones, spread over zones first."""
    free = {f"{zone}{n}": placement.Instance(f"{zone}{n}", zone, 4096, 4096) for zone in "abc" for n in (1, 2)}
    for _ in range(6):
        found = placement.place(
            placement.Need(cpu=256, memory=512),
            "service:web",
            list(free.values()),
            strategies=[placement.Strategy("spread", f"attribute:{placement.ZONE}"), second],
        ).instance
        assert found is not None
        left = replace(found, cpu=found.cpu - 256, memory=found.memory - 512, groups=(*found.groups, "service:web"))
        free[found.id] = left
    return sum(bool(one.groups) for one in free.values())


def minutes_until_it_rings(periods: int) -> int:
    """An alarm on a metric of a load balancer, with periods of a minute."""
    alarm = {"Period": 60, "EvaluationPeriods": periods, "Namespace": "AWS/ApplicationELB"}
    return round(releases.rings_after(alarm) / 60)


def most_outliers_found() -> int:
    """Of ten hosts, how many may fail alike and are still found by their success rate."""

    def found(bad: int) -> int:
        seen = {f"h{n}": (500 if n < bad else 1000, 1000) for n in range(10)}
        return len(outliers.success_rate_outliers(seen))

    return max(bad for bad in range(1, 10) if found(bad) == bad)


NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
EKS, EXTENDED = "eks control plane", "eks control plane, extended support"
ORDINAL = {4: "fourth", 6: "sixth"}
COMPUTED: dict[str, list[str]] = {
    "rolling-bounds": [
        f"stay at {rollout.lower_bound(10, 100)} or more, and may be at most {rollout.upper_bound(10, 110)}",
        f"down to {rollout.lower_bound(4, 50)} and up to {rollout.upper_bound(4, 200)}",
    ],
    "stuck-deployment": [
        f"3 × 100 % = {rollout.lower_bound(3, 100)} tasks",
        f"3.75, rounded down to {rollout.upper_bound(3, 125)}",
        f"floor(4.02) = {rollout.upper_bound(3, 134)}",
        f"ceil(1.98) = {rollout.lower_bound(3, 66)}",
        f"125 % of 4 is {rollout.upper_bound(4, 125)}",
    ],
    "breaker-threshold": [
        f"at least {breaker.MINIMUM_THRESHOLD} and at most {breaker.MAXIMUM_THRESHOLD}",
        f"4 tasks give {breaker.threshold(4)} ",
        f"50 give {breaker.threshold(50)} and 1,000 give {breaker.threshold(1000)} ",
        f"With 25 tasks it is {breaker.threshold(25)}.",
    ],
    "breaker-counting": [
        f"trips at the {ORDINAL[trips('FFHFFF', True)]} of these events, without it at the "
        f"{ORDINAL[trips('FFHFFF', False)]}."
    ],
    "two-health-checks": [f"healthy {rollout.SECONDS_BEFORE_UNCHECKED_TASK_COUNTS} seconds after"],
    "capacity-split": [
        f"{10 - on_spot(10)} on FARGATE and {on_spot(10)} on FARGATE_SPOT",
        f"6/10 × 70 % = {on_spot(10) * 7} %",
        f"of 100 tasks {on_spot(100)} are on Spot, and {on_spot(100) * 0.7:.1f} % is saved",
    ],
    "capacity-base": [
        f"{on_spot(10)} of 10 tasks, {on_spot(20)} of 20, and {on_spot(100)} of 100",
        f"from 0 to {capacity.MAXIMUM_BASE:,}",
    ],
    "mixed-strategy": [f"up to {capacity.MAXIMUM_PROVIDERS} providers"],
    "fargate-cost": [
        f"${monthly(10, 20):.2f} in a month of 730 hours",
        f"On ARM it is ${monthly(10, 20, 'arm64'):.2f}",
        f"${hourly('fargate x86_64 vCPU')} and 20 × ${hourly('fargate x86_64 memory')}",
        f"${hourly('ec2 m5.xlarge')} an hour",
        f"three: ${3 * 730 * hourly('ec2 m5.xlarge'):.2f}",
        f"two and a half, would be ${2.5 * 730 * hourly('ec2 m5.xlarge'):.2f}",
        f"${monthly(2, 8) / 730:.5f} an hour and the instance ${hourly('ec2 m5.large')}",
        f"{monthly(2, 8) / 730 / hourly('ec2 m5.large'):.2f} times as much",
        f"about {hourly('ec2 m5.large') / (monthly(2, 8) / 730):.0%}".replace("%", " %"),
    ],
    "fargate-or-ec2": [f"{max(FARGATE_SIZES) // 1024} vCPU or {max(FARGATE_SIZES[16384]) // 1024} GB"],
    "savings-stack": [
        f"costs {1 - monthly(0.25, 0.5) / monthly(1, 2):.0%} less".replace("%", " %"),
        f"${hourly('fargate arm64 vCPU')} in place of ${hourly('fargate x86_64 vCPU')}",
        f"which is {1 - hourly('fargate arm64 vCPU') / hourly('fargate x86_64 vCPU'):.0%} less".replace("%", " %"),
        f"ten tasks save at most {on_spot(10) * 7} %",
    ],
    "five-clusters": [
        f"730 hours = ${4 * hourly(EKS) * 730:.0f} a month",
        f"720 hours it is ${4 * hourly(EKS) * 720:.0f}",
        f"all five is ${5 * hourly(EKS) * 730:.0f} a month",
        f"five such clusters cost ${5 * hourly(EXTENDED) * 730:,.0f} a month",
        f"${hourly(EXTENDED):.2f} an hour",
    ],
    "ecs-or-eks": [f"${hourly(EKS) * 730:.0f} in a month of 730 hours, and ${hourly(EXTENDED) * 730:.0f} once"],
    "canary-traffic": [
        f"n = {needed()}",
        f"has to get {traffic.requests_to_see(0.05 * 0.02):,} of them",
        f"{traffic.band(2000, 0.05).expected:.0f} are expected, and three standard deviations are about "
        f"{3 * traffic.band(2000, 0.05).sigma:.0f} ",
    ],
    "move-ecs-eks": [
        f"{word(months_of_standard_support('1.31'))} months",
    ],
    "add-on-order": [
        f"up to {word(add_ons.KUBELET_OLDER)} minor versions older",
    ],
    "version-cost": [
        f"ended on {eks_versions.version('1.33').standard_until}",
        f"Extended support ends on {eks_versions.version('1.33').extended_until}",
        f"${hourly(EXTENDED):.2f} an hour in place of ${hourly(EKS):.2f}, which is "
        f"${hourly(EXTENDED) * 730:.2f} in place of ${hourly(EKS) * 730:.2f}",
    ],
    "pods-per-node": [
        f"3 × 9 + 2 = {eks_nodes.max_pods(3, 10)} pods",
        f"recommends {eks_nodes.max_pods_with_prefixes(3, 10, 2)} pods",
    ],
    "allocatable": [
        f"keeps {eks_nodes.reserved_millicores(2)} millicores, so {2000 - eks_nodes.reserved_millicores(2):,} are left",
        f"keeps {eks_nodes.reserved_mib(0)} MiB and "
        f"{eks_nodes.reserved_mib(1) - eks_nodes.reserved_mib(0)} MiB for each pod that may run, and "
        f"{eks_nodes.EVICTION_MIB} MiB more",
    ],
    "karpenter-no-move": [
        f"of 5 nodes that is {budgets.allowed([budgets.Budget('10%')], 5, 'Underutilized', NOON)}",
        f"it needs {consolidation.SPOT_TYPES} cheaper types",
    ],
    "karpenter-budget": [
        f"rounded up to {budgets.allowed([budgets.Budget('20%')], 19, 'Underutilized', NOON)}",
        f"so {budgets.allowed([budgets.Budget('20%')], 19, 'Underutilized', NOON, disrupting=2)} more",
    ],
    "node-group-update": [
        f"up to {eks_nodes.update(6, zones=3)[0]} of them, twice the number of zones. So "
        f"{6 + eks_nodes.update(6, zones=3)[0]} nodes",
        f"one at a time: {eks_nodes.update(6, zones=3)[1]} rounds",
        f"more than {eks_nodes.MOST_UNAVAILABLE} nodes",
    ],
    "ca-which-group": [
        f"{word(cluster_autoscaler.MAX_NODE_PROVISION_TIME // 60)} minutes",
    ],
    "ca-scale-down": [
        f"at most {cluster_autoscaler.UTILIZATION_THRESHOLD * 100:.0f} % of what is allocatable, for CPU "
        f"and for memory alike, for {cluster_autoscaler.UNNEEDED_TIME // 60} minutes",
        f"within {cluster_autoscaler.DELAY_AFTER_ADD // 60} minutes after one was added",
    ],
    "fargate-profile-size": [
        f"the smallest size, {fargate.size(0, 0)[0] / 1024} vCPU and {fargate.size(0, 0)[1] / 1024} GB",
        f"7.5 GiB keeps it at {fargate.size(1000, 7680)[0] // 1024} vCPU",
        f"adds {fargate.OVERHEAD_MIB} MiB",
        f"is {fargate.size(1000, 8192)[0] // 1024} vCPU and {fargate.size(1000, 8192)[1] // 1024} GB",
    ],
    "fargate-profile-match": [
        f"up to {fargate.MOST_SELECTORS} selectors",
    ],
    "pull-cost": [
        f"charges ${hourly('NAT gateway, data')} a GB, which is ${2000 * hourly('NAT gateway, data'):.2f}",
    ],
    "lifecycle-count": [
        f"{word(expired_by_prefix_rule()).capitalize()}: the oldest",
    ],
    "fargate-size": [
        f"that is {min(FARGATE_SIZES[1024])} to {max(FARGATE_SIZES[1024])} MiB",
        f"{max(FARGATE_SIZES)} CPU units, which is {max(FARGATE_SIZES) // 1024} vCPU, with "
        f"{max(FARGATE_SIZES[16384])} MiB",
    ],
    "ephemeral-storage": [
        f"costs ${hourly('fargate storage above 20 GiB'):.6f} a GB and hour, so 80 GB more for 730 hours "
        f"are ${80 * 730 * hourly('fargate storage above 20 GiB'):.2f}",
    ],
    "rolling-on-k8s": [
        f"up to {10 + deployments.bounds(10).surge} and at least {10 - deployments.bounds(10).unavailable}",
        f"keep all {rollout.lower_bound(10, 100)} and allow {rollout.upper_bound(10, 200)}",
    ],
    "breaker-settings": [
        f"at least {breaker.MINIMUM_THRESHOLD} and at most {breaker.MAXIMUM_THRESHOLD}: for 20 tasks that "
        f"is {breaker.threshold(20)} failures",
    ],
    "linear-time": [
        f"so {linear_minutes(10.0, 6):.0f} minutes",
    ],
    "canary-size": [
        f"needs {traffic.requests_to_see(0.01)} requests at the canary",
        f"that is {math.ceil(traffic.requests_to_see(0.01) / 0.05):,} of the service's",
    ],
    "replica-canary": [
        f"that is {rollouts.closest(5, 10, 1)[0]} canary and {rollouts.closest(5, 10, 1)[1]} stable",
        f"{rollouts.routed(5, 10)[0]} pod for 10 % of 5",
    ],
    "flagger-time": [
        f"{rollouts.flagger_minutes(1, 10, 50, 5)[0]:.0f} minutes before promotion begins",
        f"after 5 failed checks, so {rollouts.flagger_minutes(1, 10, 50, 5)[1]:.0f} minutes",
    ],
    "requests-unit": [
        f"are {math.ceil(5000 * 60 / 1000)} tasks",
        f"which gives {math.ceil(5000 * 60 / 60_000)} tasks",
    ],
    "tracking-delay": [
        f"wants {scaling.HIGH_PERIODS} of them in a row",
    ],
    "tracking-in": [
        f"above 70 for {scaling.HIGH_PERIODS} minutes. In: below {scaling.low_threshold(70):.0f}, which "
        f"is 90 % of the target, for {scaling.LOW_PERIODS} minutes",
        f"5 tasks at 90 % become {scaling_course.tracked(5, 90, 70)}",
        f"10 tasks at 30 % become {scaling_course.tracked(10, 30, 70)}",
    ],
    "wrong-metric": [
        f"the target is {10 * 60} for each task",
    ],
    "hpa-tolerance": [
        f"a band from {70 * (1 - replicas.TOLERANCE.down):.0f} to {70 * (1 + replicas.TOLERANCE.up):.0f}",
        f"so it stays at {hpa_of(5, 76, 70)}",
        f"rounded up to {hpa_of(5, 78, 70)}",
    ],
    "hpa-rates": [
        f"From 10 it goes to {behavior.up_limit(10, [], [], behavior.DEFAULT_UP, 0.0)}",
        "means 10 to "
        f"{behavior.up_limit(10, [], [], behavior.Rules((behavior.Policy(behavior.PERCENT, 50, 60.0),)), 0.0)}",
    ],
    "hpa-window": [
        f"of the last {behavior.DOWN_WINDOW:.0f} seconds",
    ],
    "hpa-starting": [
        f"in its first {pods.CPU_INITIALIZATION_PERIOD / 60:.0f} minutes",
    ],
    "hpa-queue": [
        f"1,000 messages at 100 each are {replicas.by_average_value(1_000_000, 100_000, current=3).replicas} pods",
    ],
    "vpa-target": [
        f"the {recommender.Settings().target * 100:.0f}th, and adds {recommender.Settings().margin * 100:.0f} %",
        f"becomes {vpa_steady(0.5)} millicores",
        f"count half after {histogram.HALF_LIFE / 3600:.0f} hours",
    ],
    "cluster-headroom": [
        f"If 4 are needed, {managed_scaling.wanted(4, 4, 80)} run",
        f"it is {managed_scaling.reservation(1, 0):.0f}, and {managed_scaling.FROM_NONE} are started",
        f"its warm-up, {managed_scaling.WARM_UP} seconds",
    ],
    "spot-timeline": [
        f"there are all {interruption.serves_on(120)}",
    ],
    "spot-share-target": [
        f"9 of 20 save {cost.saving(9 / 20, 0.7) * 100:.1f} %",
        f"put {capacity.split(strategy(2, 1, 1), 20)['FARGATE_SPOT']} on FARGATE_SPOT and "
        f"{capacity.split(strategy(2, 1, 1), 20)['FARGATE']} on FARGATE",
        f"has {capacity.split(strategy(2, 1, 1), 6)['FARGATE_SPOT']} on Spot and saves "
        f"{cost.saving(capacity.split(strategy(2, 1, 1), 6)['FARGATE_SPOT'] / 6, 0.7) * 100:.1f} %",
    ],
    "binpack-or-spread": [
        f"The first uses all {word(instances_used(placement.Strategy('spread', 'instanceId')))}, one task "
        f"each. The second uses {word(instances_used(placement.Strategy('binpack', 'memory')))}",
    ],
    "addresses-run-out": [
        f"A /26 has 64, of which AWS keeps {len(addresses.reserved('10.0.0.0/26'))}, so "
        f"{64 - len(addresses.reserved('10.0.0.0/26'))}",
    ],
    "private-subnet-out": [
        f"${hourly('NAT gateway')} an hour in each zone",
        f"costs ${hourly('public IPv4 address')} an hour, which is "
        f"${730 * hourly('public IPv4 address'):.2f} for 730 hours",
    ],
    "alb-or-nlb": [
        f"Both cost ${hourly('application load balancer')} an hour",
        f"takes {word(round(ecs_strategy.NETWORK_DELAY / 60))} minutes more",
    ],
    "ttl-choice": [
        f"for up to {discovery.failing_seconds(60, 0):.0f} seconds",
        f"that is {discovery.failing_share(60, 0):.0f} seconds' worth",
    ],
    "across-vpc": [
        f"costs ${hourly('vpc lattice service')} an hour, which is "
        f"${730 * hourly('vpc lattice service'):.2f} for 730 hours, and ${hourly('vpc lattice data')} a GB",
    ],
    "retry-storm": [
        f"may be {retries.budget(100)} % of the requests under way",
        f"Each hop tries {retries.attempts(1.0, 3):.0f} times",
        f"4 × 4 × 4 = {retries.load(1.0, 3, 3):.0f} requests",
        f"and at least {retries.budget(1)}",
    ],
    "retry-helps": [
        f"= {retries.lost(0.1, 2, 1) * 100:.1f} %",
        f"needs {retries.attempts(0.1, 2):.2f} tries on average",
    ],
    "outlier-rules": [
        f"Envoy lets only {outliers.most_out(3, 50)} be out. Older rules allowed "
        f"{outliers.most_out(3, 50, outliers.Limit.BEFORE)}",
        f"then 90, up to {outliers.LONGEST}",
    ],
    "mesh-price": [
        f"measured {choice.PER_THOUSAND['sidecar']:.2f} vCPU",
        f"took {choice.PER_THOUSAND['ztunnel']:.2f} vCPU",
    ],
    "ca-price": [
        f"costs ${hourly('private certificate authority, general-purpose'):.0f} a month, one for "
        f"short-lived certificates ${hourly('private certificate authority, short-lived'):.0f}",
    ],
    "weights-meaning": [
        f"about {traffic.shares({'a': traffic.MAX_WEIGHT, 'b': 1})['b'] * 100:.1f} %",
        f"10 of 60 is {traffic.shares({'a': 50, 'b': 10})['b'] * 100:.0f} %",
        f"Of 600 requests {traffic.band(600, 1 / 6).expected:.0f} are expected. Three standard deviations "
        f"are about {3 * traffic.band(600, 1 / 6).sigma:.0f} ",
        f"target group is {traffic.MAX_WEIGHT}",
    ],
    "app-mesh-left": [
        f"App Mesh ended on {app_mesh.ENDED}",
    ],
    "success-rate-outlier": [
        f"at most {100 / (1 + 1.9**2):.1f} %, so {word(most_outliers_found())} of ten",
    ],
    "irsa-trust": [
        f"has to be `{web_identity.AUDIENCE}`",
    ],
    "token-lifetime": [
        f"A session lasts {web_identity.SESSION_SECONDS // 3600} hour",
        f"token lives {web_identity.TOKEN_SECONDS // 3600} hours; the kubelet renews it at 80 % of that, "
        f"after {web_identity.renewed_at(web_identity.TOKEN_SECONDS) / 3600:.1f} hours",
    ],
    "alarm-delay": [
        f"three to {word(minutes_until_it_rings(periods=3))} minutes",
    ],
    "logs-cost": [
        f"${hourly('logs, ingested'):.2f} a GB, against ${hourly('logs, stored')} a GB and month",
        f"are ${1000 * hourly('logs, ingested'):.2f} before",
    ],
    "percentile": [
        f"slowest percent with {traffic.chance_to_see(0.01, 50) * 100:.0f} %",
    ],
    "slo": [
        f"leaves {30 * 24 * 60 * 0.0001:.1f} minutes",
        f"leaves {30 * 24 * 60 * 0.001:.1f} minutes",
        f"give {0.999**3 * 100:.1f} %",
    ],
    "nat-bill": [
        f"3 × ${hourly('NAT gateway')} × 730 = ${3 * 730 * hourly('NAT gateway'):.2f}. The data: 4,000 × "
        f"${hourly('NAT gateway, data')} = ${4000 * hourly('NAT gateway, data'):.2f}. Together "
        f"${3 * 730 * hourly('NAT gateway') + 4000 * hourly('NAT gateway, data'):.2f}",
        f"saves ${2 * 730 * hourly('NAT gateway'):.2f}",
    ],
    "right-size": [
        f"costs ${fargate_hour(0.25, 1):.6f} an hour in place of ${fargate_hour(1, 2):.5f}, which is "
        f"{(1 - fargate_hour(0.25, 1) / fargate_hour(1, 2)) * 100:.0f} % less",
    ],
    "windows-cost": [
        f"Linux: ${fargate_hour(2, 4):.5f} an hour. Windows: ${fargate_hour(2, 4, 'windows'):.5f}",
        f"That is {fargate_hour(2, 4, 'windows') / fargate_hour(2, 4):.1f} times as much",
    ],
    "nights-off": [
        f"50 of 168 hours are left, so {(1 - 50 / 168) * 100:.0f} %",
    ],
    "graviton-gain": [
        f"x86: ${fargate_hour(1, 2):.5f} an hour. ARM: ${fargate_hour(1, 2, 'arm64'):.4f}. That is "
        f"{(1 - fargate_hour(1, 2, 'arm64') / fargate_hour(1, 2)) * 100:.0f} % less",
    ],
    "idle-tasks": [
        f"it is {fargate_hour(2, 8) / hourly('ec2 m5.large'):.2f} times",
        f"at about {cost.break_even(hourly('ec2 m5.large'), fargate_hour(2, 8)) * 100:.0f} %",
    ],
    "drift-time": [
        "after "
        f"{gitops.live_after(gitops.Event(4, gitops.EDIT), [gitops.Event(4, gitops.EDIT)], source=1, interval=10):.0f} "
        "minutes",
    ],
    "dns-failover": [
        f"between {failover.detection(30, 3).least:.0f} and {failover.detection(30, 3).most:.0f} seconds",
        f"it is {failover.detection(10, 3).least:.0f} to {failover.detection(10, 3).most:.0f} seconds",
    ],
    "global-entry": [
        f"${hourly('global accelerator')} an hour is ${730 * hourly('global accelerator'):.2f} for 730 hours",
    ],
    "region-capacity": [
        f"With two each must carry all: {failover.capacity_each(2) * 100:.0f} % of the load each, "
        f"{2 * failover.capacity_each(2) * 100:.0f} % in sum. With three it is "
        f"{failover.capacity_each(3) * 100:.0f} % each, {3 * failover.capacity_each(3) * 100:.0f} % in sum",
    ],
    "dependency-down": [
        f"at 50 requests a second {interruption.cut_off(50, 30):,.0f} are held",
    ],
    "design-web": [
        f"that is {math.ceil(2000 * 60 / 1000)} tasks",
    ],
    "design-worker": [
        f"500 an hour at 10 minutes are {math.ceil(500 * 10 / 60)} workers at once, 50 an hour are "
        f"{math.ceil(50 * 10 / 60)}",
    ],
    "design-cap": [
        f"30 × ${fargate_hour(1, 2):.5f} × 730 = ${30 * 730 * fargate_hour(1, 2):,.2f}",
        f"ARM: ${30 * 730 * fargate_hour(1, 2, 'arm64'):.2f}",
        f"on ARM cost ${30 * 730 * fargate_hour(0.5, 2, 'arm64'):.2f}",
        f"would be ${30 * 730 * fargate_hour(0.5, 2, 'arm64') * (1 - cost.saving(26 / 30, 0.7)):.2f} of that",
    ],
    "design-tenants": [
        f"at ${hourly(EKS) * 730:.0f} a month the fee alone is ${300 * hourly(EKS) * 730:,.0f}",
    ],
    "design-many-clusters": [
        f"eight clusters are ${8 * hourly(EKS) * 730:.0f} a month, two are ${2 * hourly(EKS) * 730:.0f}",
        f"{word(clusters.RELEASES_EACH_YEAR)} versions a year",
    ],
    "design-latency": [
        f"is slow in {traffic.chance_to_see(0.01, 20) * 100:.0f} %",
    ],
    "hpa-limit": [
        f"more than 4 are {limit_of_300_percent(6, added=4, removed=2)}",
        f"looks each {behavior.SYNC_PERIOD:.0f} seconds",
    ],
}
