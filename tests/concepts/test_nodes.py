"""What the concepts of nodes draw: the numbers of figure and table, and that each holds against policy."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drydock.concepts import (
    cluster_autoscaler,
    daemonsets_and_fargate,
    eks,
    fargate_profiles,
    fixture,
    karpenter,
    managed_or_self_managed_nodes,
)
from drydock.figures import Figure
from drydock.policy.kubernetes.karpenter.offers import NodePool
from drydock.pricing import SHAPES

TYPES = "m5.large m5.xlarge c5.large c5.xlarge r5.large"
TIERS = cluster_autoscaler.tiers(fixture("cluster-autoscaler-priorities.yaml"))
MANIFEST = karpenter.manifests(fixture("karpenter.yaml"))[0]
POOL = karpenter.pool(MANIFEST)
OFFERED = karpenter.offered("m5.large m5.xlarge m5.2xlarge c5.large c5.xlarge r5.large")


def groups(**more: object) -> Figure:
    chosen = {"pods": 6, "pod_cpu": 500, "pod_memory": 1024, "max_nodes": 10, "expander": "least-waste", **more}
    return cluster_autoscaler.compare(TYPES, TIERS, **chosen)  # type: ignore[arg-type]


def course(pool: NodePool = POOL, **more: object) -> Figure:
    chosen = {
        "pods_at_noon": 24, "pods_at_night": 9, "pod_cpu": 700, "pod_memory": 1500,
        "policy": "WhenEmptyOrUnderutilized", "budget_percent": 20, **more,
    }  # fmt: skip
    return karpenter.course(pool, OFFERED, **chosen)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "figure",
    [
        groups(),
        course(),
        fargate_profiles.steps(500, 1024),
        daemonsets_and_fargate.sidecar(40, 200, 704, 50, 64),
        managed_or_self_managed_nodes.density(TYPES, 30, 128),
    ],
    ids=lambda figure: figure.title,
)
def test_a_figure_names_its_axes_and_plotly_takes_it(figure: Figure) -> None:
    drawn = figure.plotly()
    assert drawn.layout.yaxis.title.text
    assert drawn.layout.xaxis.title.text
    assert all(trace.name for trace in drawn.data)
    assert json.loads(json.dumps(figure.spec)) == figure.spec


def test_every_priced_type_has_interfaces_and_is_a_node() -> None:
    assert {name: eks.max_pods(name) for name in ("t3.medium", "m5.large", "m5.xlarge", "m5.2xlarge")} == {
        "t3.medium": 17, "m5.large": 29, "m5.xlarge": 58, "m5.2xlarge": 58,
    }  # fmt: skip
    for name in SHAPES:
        node = eks.node(name)
        assert 0 < node.allocatable["memory"] < node.whole["memory"]


def test_the_bars_of_groups_are_their_waste_and_the_least_is_taken() -> None:
    shown = groups()
    cpu, memory = (trace["y"] for trace in shown.data)
    for place, row in enumerate(shown.rows):
        assert cpu[place] + memory[place] == pytest.approx(100 * float(str(row[5])), abs=0.06)
    taken = [row for row in shown.rows if row[-1]]
    assert {row[0] for row in taken} == {"c5.large", "c5.xlarge"}
    assert min(float(str(row[5])) for row in shown.rows) == float(str(taken[0][5])) == 0.5


def test_an_estimate_knows_what_the_kubelet_keeps() -> None:
    asked = cluster_autoscaler.question(TYPES, 6, 500, 1024, 10)
    assert asked.answer == 4  # 3 of 500 m on 1930 m; on 2000 m it would be 3 nodes
    assert cluster_autoscaler.question(TYPES, 6, 500, 1024, 2).answer == 2


def test_a_cluster_shrinks_by_its_threshold_and_a_pinned_pod_keeps_its_node() -> None:
    goes = {threshold: [row[0] for row in cluster_autoscaler.shrink(threshold).rows if row[2] == "goes"]
            for threshold in (30, 32, 50, 100)}  # fmt: skip
    assert goes == {30: [], 32: ["node-a"], 50: ["node-a", "node-b"], 100: ["node-a", "node-b"]}
    assert "it goes after 660 s" in cluster_autoscaler.timeline(0, 60).title


def test_room_is_held_by_pods_at_the_cutoff() -> None:
    assert [tuple(row[2:]) for row in cluster_autoscaler.headroom().rows] == [
        ("goes", "starts at once", "yes"), ("goes", "starts at once", "no"), ("stays", "waits for a new node", "yes"),
    ]  # fmt: skip


def test_a_course_gets_cheaper_move_by_move_and_its_bars_are_its_table() -> None:
    shown = course()
    costs, counts = (trace["y"] for trace in shown.data)
    assert [f"{cost:.4f}" for cost in costs] == [row[3] for row in shown.rows]
    assert list(counts) == [row[2] for row in shown.rows]
    assert costs == sorted(costs, reverse=True)
    assert course(budget_percent=0).title.endswith("0 % cheaper after 0 moves")
    assert course(pods_at_night=0, policy="WhenEmpty", budget_percent=100).title.endswith("100 % cheaper after 1 move")


def test_moves_that_are_not_shown_are_mentioned() -> None:
    shown = course(pods_at_noon=60, pods_at_night=0, pod_cpu=1900, policy="WhenEmpty", budget_percent=5)
    assert shown.title.endswith("after 12 moves, and more to come")
    assert len(shown.rows) == 14


def test_a_pool_that_does_not_consolidate_keeps_its_nodes() -> None:
    manifest = {**MANIFEST, "spec": {**MANIFEST["spec"], "disruption": {"consolidateAfter": "Never"}}}
    assert course(pool=karpenter.pool(manifest)).title.endswith("0 % cheaper after 0 moves")


@settings(max_examples=15)
@given(st.integers(1, 40), st.data(), st.integers(50, 3500), st.sampled_from(karpenter.POLICIES))
def test_a_course_never_costs_more_and_loses_no_pod(noon: int, data: st.DataObject, cpu: int, policy: str) -> None:
    night = data.draw(st.integers(0, noon))
    steps, _ = karpenter._course(POOL, OFFERED, noon, night, cpu, 1000, policy, 50)
    for _, nodes in steps[1:]:
        assert sum(len(node.pods) for node in nodes) == night
    costs = [sum(node.price for node in nodes) for _, nodes in steps]
    assert all(later <= earlier + 1e-9 for earlier, later in itertools.pairwise(costs))


@pytest.mark.parametrize(("running", "answer"), [(2, 0), (3, 0), (4, 3), (5, 3), (8, 3)])
def test_what_halving_finds(running: int, answer: int) -> None:
    assert karpenter.question(running).answer == answer
    found = {row[0]: row[1] for row in karpenter.sets(running).rows}
    assert found.get(3, "yes") == "yes"
    assert found[2] == "no"


def test_budgets_of_the_manifest_hold_in_office_hours() -> None:
    rows = {row[0]: row[1:] for row in karpenter.days(karpenter.allowances(MANIFEST), 19).rows}
    assert rows["Friday, 17:59 UTC"] == (0, 4, 4)
    assert rows["Friday, 18:00 UTC"] == rows["Saturday, 09:00 UTC"] == (4, 4, 4)
    assert karpenter.allowances({"spec": {}})[0].nodes == "10%"


def test_scores_and_spot_are_as_policy_has_them() -> None:
    assert [row[-1] for row in karpenter.scores().rows] == ["done", "done", "not done", "done", "done"]
    assert [row[0] for row in karpenter.spot_to_spot(5).rows if row[2] == "replaced"] == [15, 20]


def test_pods_go_to_fargate_by_profile() -> None:
    profiles = fargate_profiles.profiles(fixture("fargate-profiles.yaml"))
    assert [row[2] for row in fargate_profiles.matched(profiles).rows] == [
        "", "on-request", "batch", "zz-everything-of-shop", "on-request", "zz-everything-of-shop", "",
    ]  # fmt: skip


def test_steps_of_fargate_are_its_sizes() -> None:
    shown = fargate_profiles.steps(250, 1792)
    assert [row[:3] for row in shown.rows[:5]] == [
        ("0 to 256", "0.25", "0.5"), ("257 to 768", "0.25", "1"), ("769 to 1,792", "0.25", "2"),
        ("1,793 to 2,816", "0.5", "3"), ("2,817 to 3,840", "0.5", "4"),
    ]  # fmt: skip
    [chosen] = [row for row in shown.rows if row[-1]]
    assert chosen[0] == "769 to 1,792"
    assert shown.data[-1]["y"] == [2.0]


@pytest.mark.parametrize(("memory", "says"), [(14_080, "13,057 to 14,080"), (30_000, "29,441 to 30,464")])
def test_the_row_of_the_pod_is_in_the_table_however_much_it_asks_for(memory: int, says: str) -> None:
    [chosen] = [row for row in fargate_profiles.steps(500, memory).rows if row[-1]]
    assert chosen[0] == says


def test_where_daemon_sets_run() -> None:
    assert {row[0]: row[1:3] for row in daemonsets_and_fargate.placements(3, 40).rows} == {
        "no selector": (3, 0),
        "nodeSelector compute-type: ec2": (0, 0),
        "nodeAffinity compute-type NotIn fargate": (3, 0),
        "tolerates everything": (3, 40),
        "tolerates everything, NotIn fargate": (3, 0),
    }


def test_an_agent_that_fits_into_the_size_costs_nothing() -> None:
    assert "USD 0.00 more" in daemonsets_and_fargate.sidecar(40, 200, 704, 50, 64).title
    assert "USD 129.79 more" in daemonsets_and_fargate.sidecar(40, 200, 704, 50, 65).title


def test_the_least_of_three_limits_decides_how_many_pods_a_node_holds() -> None:
    found = managed_or_self_managed_nodes.limits("m5.large", 30, 128)
    assert found == {"CPU": 59, "memory": 58, "addresses": 27}
    assert managed_or_self_managed_nodes.question("m5.large", 30, 128).answer == 27
    assert managed_or_self_managed_nodes.limits("m5.large", 30, 128, prefixes=True)["memory"] == 51
    rows = managed_or_self_managed_nodes.updates("m5.large", 30, 3, 4).rows
    assert [row[:3] for row in rows] == [(1, 6, 30), (2, 6, 15), (5, 6, 6), (10, 10, 3), (30, 30, 1)]
    assert [row[0] for row in managed_or_self_managed_nodes.updates("m5.large", 3, 3, 4).rows] == [1, 2, 3]


@pytest.mark.parametrize(
    ("draw", "says"),
    [
        (lambda: groups(pods=0), "pods is a whole number from 1 to 500, not 0"),
        (lambda: groups(expander="cheapest"), "expander 'cheapest' is none of least-waste"),
        (lambda: groups(pod_cpu=64_000), "No node of m5.large"),
        (lambda: eks.types("m9.large"), "No dated price for instance type 'm9.large'"),
        (lambda: eks.types(" "), "types names instance types"),
        (lambda: eks.types(5), "types names instance types.* not 5"),  # type: ignore[arg-type]
        (lambda: eks.one_type("m5.large c5.large"), "instance_type names one instance type"),
        (lambda: course(policy="Never"), "policy 'Never' is none of"),
        (lambda: course(pods_at_night=25), "pods_at_night is a whole number from 0 to 24"),
        (lambda: karpenter.pool({**MANIFEST, "spec": {**MANIFEST["spec"], "limits": {"memory": "1Gi"}}}), "whole CPUs"),
        (lambda: karpenter.launches(POOL, karpenter.offered("m7g.large"), karpenter.pods(1, 1, 1)), "web-1: general:"),
        (lambda: daemonsets_and_fargate.counts("any", 1, 1), "agent 'any' is none of"),
        (lambda: daemonsets_and_fargate.on_nodes(1, "m5.large", 4000, 1, 1), "does not fit on an m5.large"),
        (lambda: fargate_profiles.compare(1, 4000, 1024, "m5.large"), "Not one pod of 4000 m"),
        (lambda: fixture("none.yaml"), "No fixture 'none.yaml'"),
    ],
)
def test_what_cannot_be_is_said_by_its_name(draw: Callable[[], object], says: str) -> None:
    with pytest.raises((ValueError, LookupError), match=says):
        draw()


ZONAL = karpenter.offered("m5.large m5.xlarge m5.2xlarge c5.xlarge", zones=karpenter.ZONES)


def renewed(**values: object) -> karpenter.Figure:
    chosen = {"spread_by": "zone", "max_skew": 1, "old_nodes": 3, "budget_percent": 20, **values}
    return karpenter.renewal(POOL, ZONAL, karpenter.pods(24, 700, 1500), **chosen)  # type: ignore[arg-type]


def test_spread_pods_stay_spread_while_their_nodes_are_replaced() -> None:
    figure = renewed()
    assert [row[2:7] for row in figure.rows] == [(3, 8, 8, 8, 0)] * 4
    assert [row[1] for row in figure.rows] == ["24 pods on new nodes", *["1 goes, 1 comes"] * 3]
    assert [bar["y"] for bar in figure.data] == [[8, 8, 8, 8]] * 3


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"spread_by": "none"}, "24 pods without spread: 3 nodes; 3 rounds of replacement"),
        ({"budget_percent": 0}, "maxSkew 1: 3 nodes; 0 rounds of replacement, 3 old nodes stay"),
        ({"budget_percent": 100}, "maxSkew 1: 3 nodes; 1 round of replacement"),
        ({"spread_by": "hostname", "max_skew": 2, "old_nodes": 10}, "12 nodes; 4 rounds of replacement"),
        ({"old_nodes": 0}, "3 nodes; 0 rounds of replacement"),
    ],
)
def test_rounds_of_replacement(values: dict[str, object], says: str) -> None:
    assert renewed(**values).title.endswith(says)


def test_a_looser_spread_lets_pods_move_to_other_zones() -> None:
    assert [row[6] for row in renewed(max_skew=3).rows] == [0, 3, 3, 3]
