"""What many-clusters-or-few draws and asks: the same teams in one cluster, in some, or in one each."""

from __future__ import annotations

from drydock.concepts import checks
from drydock.concepts.drawing import LAYOUT, percent
from drydock.concepts.predict import Question
from drydock.figures import Figure
from drydock.figures.figure import COLOURS
from drydock.policy.clusters import Team, any_fails, nodes, room, shares, upgrades, worst_part
from drydock.pricing import MONTH_HOURS, PRICES, SHAPES, ec2_hour

FEE, EXTENDED = PRICES["eks control plane"].usd, PRICES["eks control plane, extended support"].usd


def question(before: int, after: int) -> Question:
    """USD of control planes that are saved in a month. Raises ValueError."""
    checks.whole("before", before, 1)
    checks.whole("after", after, 1, before)
    saved = (before - after) * FEE * MONTH_HOURS
    return Question(
        f"{before} EKS clusters, all in standard support, become {after}. How many USD of control plane fees are saved "
        f"in a month of {MONTH_HOURS} hours?",
        saved,
        f"{before - after} clusters fewer, each USD {FEE:.2f} an hour: {before - after} × {FEE:.2f} × {MONTH_HOURS} = "
        f"USD {saved:,.2f}. The clusters that stay are paid for as before.",
        within=0.02,
    )


def _team(mean_vcpu: int, deviation_vcpu: int) -> Team:
    checks.whole("mean_vcpu", mean_vcpu, 1, 1000)
    checks.whole("deviation_vcpu", deviation_vcpu, 0, 1000)
    return Team(mean_vcpu, deviation_vcpu)


def _node(instance_type: str) -> tuple[float, float]:
    if instance_type not in SHAPES or f"ec2 {instance_type}" not in PRICES:
        raise LookupError(
            f"No dated price for instance_type {instance_type!r}. There are: {', '.join(sorted(SHAPES))}."
        )
    return SHAPES[instance_type].vcpu, ec2_hour(instance_type)


def _check(teams: int, clusters: int, system_vcpu: int) -> None:
    checks.whole("teams", teams, 1, 60)
    checks.whole("clusters", clusters, 1, teams)
    checks.whole("system_vcpu", system_vcpu, 0, 100)


def largest(
    teams: int, clusters: int, mean_vcpu: int, deviation_vcpu: int, system_vcpu: int, instance_type: str
) -> tuple[float, int]:
    """vCPU that the teams of the largest cluster need together, and its nodes. Raises ValueError, LookupError."""
    _check(teams, clusters, system_vcpu)
    team, share = _team(mean_vcpu, deviation_vcpu), shares(teams, clusters)[0]
    return round(room(team, share), 1), nodes(team, share, system=system_vcpu, node=_node(instance_type)[0])


def bill(
    teams: int, clusters: int, mean_vcpu: int, deviation_vcpu: int, system_vcpu: int, instance_type: str = "m5.xlarge"
) -> Figure:
    """USD in 730 h for the same teams in 1, 2, … clusters. Raises ValueError, LookupError."""
    _check(teams, clusters, system_vcpu)
    team = _team(mean_vcpu, deviation_vcpu)
    vcpu, usd = _node(instance_type)
    rows: list[tuple[object, ...]] = []
    parts: dict[str, list[float]] = {
        "nodes for what teams want": [],
        "nodes for spare room and own pods": [],
        "control planes": [],
    }
    numbers = [number for number in range(1, teams + 1) if number <= 12 or number in (clusters, teams)]
    for number in numbers:
        counts = [nodes(team, share, system=system_vcpu, node=vcpu) for share in shares(teams, number)]
        wanted = teams * mean_vcpu / vcpu * usd * MONTH_HOURS
        fees, whole = number * FEE * MONTH_HOURS, sum(counts) * usd * MONTH_HOURS
        assert whole >= wanted, "there is room for what the teams want"
        for name, value in zip(parts, (wanted, whole - wanted, fees), strict=True):
            parts[name].append(round(value, 2))
        mark = "← chosen" if number == clusters else ""
        rows.append(
            (
                number,
                sum(counts),
                f"{fees:,.2f}",
                f"{whole:,.2f}",
                f"{fees + whole:,.2f}",
                percent(worst_part(teams, number), 1),
                mark,
            )
        )
    [chosen] = [row for row in rows if row[0] == clusters]
    return Figure(
        f"{teams} teams in {clusters} clusters: {chosen[1]} nodes, USD {chosen[4]} in {MONTH_HOURS} h; "
        f"one cluster lost is {chosen[5]} of the teams",
        ("Clusters", "Nodes", "Fees, USD", "Nodes, USD", "In all, USD", "Lost with one cluster", ""),
        rows,
        [
            {
                "type": "bar",
                "name": name,
                "x": [str(number) for number in numbers],
                "y": values,
                "marker": {
                    "color": colour,
                    "line": {"color": "#d55e00", "width": [3 if number == clusters else 0 for number in numbers]},
                },
            }
            for (name, values), colour in zip(parts.items(), (COLOURS[7], COLOURS[4], COLOURS[0]), strict=True)
        ],
        {
            **LAYOUT,
            "barmode": "stack",
            "xaxis": {"title": {"text": "clusters for the same teams"}, "type": "category"},
            "yaxis": {"title": {"text": f"USD in {MONTH_HOURS} h"}},
        },
    )


def losses(teams: int, chance_percent: int) -> Figure:
    """How often something fails, what goes with it, and what is to be expected. Raises ValueError."""
    checks.whole("teams", teams, 1, 60)
    checks.whole("chance_percent", chance_percent, 0, 100)
    chance = chance_percent / 100
    rows = []
    for number in sorted({1, 2, 3, 4, 6, teams}):
        if number <= teams:
            expected = sum(chance * share / teams for share in shares(teams, number))
            assert abs(expected - chance) < 1e-9, "the loss that is expected does not depend on the clusters"
            rows.append(
                (
                    number,
                    percent(any_fails(number, chance), 1),
                    percent(worst_part(teams, number), 1),
                    percent(expected, 1),
                )
            )
    return Figure(
        f"{teams} teams; in a year each cluster is lost once with a chance of {chance_percent} %",
        ("Clusters", "Some cluster is lost", "Teams that one takes with it", "Expected, of all teams"),
        rows,
    )


def work(clusters: int, hours_each_upgrade: int) -> Figure:
    """Upgrades in a year, and what it costs to leave them. Raises ValueError."""
    checks.whole("clusters", clusters, 1)
    checks.whole("hours_each_upgrade", hours_each_upgrade, 0, 1000)
    each = upgrades(clusters)
    return Figure(
        f"{clusters} clusters, {hours_each_upgrade} hours of work for an upgrade",
        ("In a year", "Number"),
        [
            ("upgrades by one minor version", each),
            ("hours of work", each * hours_each_upgrade),
            ("control planes in standard support, USD", f"{clusters * FEE * MONTH_HOURS * 12:,.2f}"),
            ("the same in extended support, USD", f"{clusters * EXTENDED * MONTH_HOURS * 12:,.2f}"),
        ],
    )


def reasons() -> Figure:
    """What two workloads can have apart in one cluster, and what they cannot."""
    return Figure(
        "Is a cluster of its own needed?",
        ("They differ in", "In one cluster", "By"),
        [
            ("who may change what", "yes", "namespaces, RBAC, access entries"),
            ("how much they may use", "yes", "ResourceQuota, LimitRange"),
            ("who may talk to whom", "yes", "NetworkPolicy"),
            ("roles in AWS", "yes", "Pod Identity or IRSA for each service account"),
            ("kind of node", "yes", "node pools, taints, affinity"),
            ("region, VPC or account of the cluster", "no", "a cluster is in one of each"),
            ("version of Kubernetes", "no", "one control plane, one version"),
            ("version of a CRD or of its controller", "no", "CRDs are there once for the whole cluster"),
            ("who may administrate everything", "no", "whoever administrates the cluster, administrates all of it"),
            ("code that nobody trusts", "no", "containers share the kernel of their node"),
        ],
    )
