"""What the concepts about identity and fleets of clusters draw and ask."""

from __future__ import annotations

from collections.abc import Callable

import jwt
import pytest

from drydock.concepts import add_ons as addons
from drydock.concepts import gitops_drift as gitops
from drydock.concepts import irsa_and_pod_identity as irsa
from drydock.concepts import many_clusters_or_few as many
from drydock.concepts import multi_region as regions
from drydock.concepts import progressive_delivery as delivery


@pytest.mark.parametrize(
    ("kind", "vault", "admitted"),
    [
        ("sub and aud", True, {"cart in shop, the one that is meant"}),
        ("sub", False, {"cart in shop, the one that is meant"}),
        ("sub", True, {"cart in shop, the one that is meant", "its token for Vault"}),
        ("aud", True, {"cart in shop, the one that is meant", "debug in shop", "cart in dev"}),
        ("sub like *:cart", False, {"cart in shop, the one that is meant", "cart in dev"}),
        ("sub equals *:cart", False, set()),
    ],
)
def test_whom_a_trust_policy_lets_in(kind: str, vault: bool, admitted: set[str]) -> None:
    found = {one.who for one in irsa.CALLERS if irsa.answer(one, kind, vault=vault, hours=1).admitted}
    assert found == admitted
    assert irsa.question(kind, vault=vault).answer == len(admitted)


def test_the_marks_of_the_figure_are_the_answers() -> None:
    shown = irsa.callers("sub", True, 1)
    wrong = next(trace for trace in shown.data if trace["name"] == "gets it, and should not")
    assert ("sub", "its token for Vault") in zip(wrong["x"], wrong["y"], strict=True)
    assert sum(len(trace["x"]) for trace in shown.data) == len(irsa.CALLERS) * len(irsa.POLICIES)
    assert [row[1] for row in shown.rows][:3] == ["credentials", "credentials", "AccessDenied"]


def test_a_token_is_really_signed() -> None:
    meant = irsa.token(irsa.CALLERS[0])
    head, body, signature = meant.split(".")
    assert jwt.get_unverified_header(meant) == {"alg": "RS256", "kid": "A1", "typ": "JWT"}
    assert irsa.verified(meant) == irsa.claims_of(irsa.CALLERS[0])
    other = irsa.token(irsa.CALLERS[2]).split(".")[1]
    assert irsa.verified(f"{head}.{other}.{signature}") is None
    assert body != other


def test_as_many_clusters_fit_in_a_trust_policy_as_aws_writes() -> None:
    """Amazon EKS User Guide, comparison of Pod Identity and IRSA: typically 4 in 2048 characters, 8 with more."""
    assert irsa.clusters_that_fit(2048) == 4
    assert irsa.clusters_that_fit(4096) >= 8


def test_pod_identity_needs_both_actions_and_can_ask_for_a_namespace() -> None:
    allowed = {(row[0], row[1]): row[2] for row in irsa.pod_identity("shop").rows}
    assert allowed["for shop alone", "shop"] == "yes"
    assert allowed["for shop alone", "dev"] == "no"
    assert {allowed["without sts:TagSession", one] for one in ("shop", "dev")} == {"no"}


def test_the_red_line_of_the_timeline_is_as_long_as_the_edit_stands() -> None:
    shown = gitops.timeline(4, 10, 12, 5)
    lines = {trace["name"]: trace["x"] for trace in shown.data}
    assert lines["edit stands"] == [12, 20]
    assert lines["commit waits"] == [5, 8]
    assert lines["manifests are applied"] == [0, 8, 10, 20, 30]
    assert shown.rows[3] == ("20", "the edit is taken back")


def test_only_what_the_manifests_name_is_brought_back() -> None:
    cluster: gitops.Cluster = {"Deployment/cart": {"spec": {"replicas": 7, "revisionHistoryLimit": 2}}}
    changed = gitops.reconcile(cluster, {"Deployment/cart": {"spec": {"replicas": 3}}}, prune=True)
    assert changed == ["Deployment/cart spec.replicas back to 3"]
    assert cluster == {"Deployment/cart": {"spec": {"replicas": 3, "revisionHistoryLimit": 2}}}


@pytest.mark.process
def test_the_repository_is_a_real_one_and_its_hashes_are_the_same_each_time() -> None:
    first, second = gitops.walk(), gitops.walk()
    assert first.rows == second.rows
    heads = [row[1] for row in first.rows]
    assert len(set(heads)) == 4
    assert first.rows[2][2] == "Deployment/cart spec.replicas back to 3"
    assert first.rows[3][2] == "nothing"
    assert first.rows[-1][3] == "there is none"


def test_a_weight_is_a_number_of_pods_without_a_router() -> None:
    shown = delivery.shares(4, 10, 1)
    [chosen] = [row for row in shown.rows if row[-1]]
    assert chosen[:5] == ("10 %", 1, 4, "20.0 %", 1)
    line, router, mark = shown.data
    assert (mark["x"], mark["y"]) == ([10], [20.0])
    assert line["y"][10] == 20
    assert router["y"] == [0, 100]


def test_the_steps_are_those_of_the_file_and_the_bars_the_decisions() -> None:
    shown = delivery.pods(4, 1, 0)
    assert delivery.weights() == [10, 50]
    old, new = shown.data
    assert [row[1:3] for row in shown.rows] == list(zip(new["y"], old["y"], strict=True))
    assert shown.title.endswith("8 decisions, 5 pods at most")
    assert delivery.pods(1, 0, 0).rows[1] == ("1", 0, 0, "nobody serves")


@pytest.mark.parametrize(
    ("bad_from", "end", "minute"), [(0, "promoted", 5), (1, "rolled back", 6), (4, "rolled back", 9)]
)
def test_how_an_analysis_ends(bad_from: int, end: str, minute: float) -> None:
    last = delivery.runs(10, 50, 5, bad_from)[-1]
    assert (last.end, last.minute) == (end, minute)


def test_who_meets_a_bad_version() -> None:
    rows = {row[0]: row[1:] for row in delivery.exposure(100, 4, 1).rows}
    assert rows["all pods at once"] == ("36,000", "100.0 %")
    assert rows["Rollout of 4 replicas, 10 %, no router"] == ("7,200", "20.0 %")
    assert rows["Flagger, the file above"] == ("3,600", "10.0 %")
    assert rows["ECS, strategy CANARY as it is by default, 5 %"] == ("1,800", "5.0 %")


def test_the_lines_of_the_figure_and_what_is_lost_agree() -> None:
    shown = regions.moving(30, 3, 60, 0, 0)
    dns, anycast = (dict(zip(trace["x"], trace["y"], strict=True)) for trace in shown.data)
    assert [dns[at] for at in (0, 85, 90, 120, 150)] == [100, 100, 100, 50, 0]
    assert [anycast[at] for at in (85, 90)] == [100, 0]
    assert shown.title.endswith("lost are 120 s of traffic by DNS, 90 s by Global Accelerator")
    assert regions.question(10, 3, 300).answer == 330


def test_the_fee_of_an_accelerator_is_the_dated_one() -> None:
    assert regions.entry().rows[-1][2] == "USD 18.25 in 730 h (2026-05)"


def test_room_for_the_loss_of_a_region() -> None:
    rows = [row[:4] for row in regions.capacity(12, 1024, 2048).rows]
    assert rows[1:] == [(2, 12, 24, "100 %"), (3, 6, 18, "50 %"), (4, 4, 16, "33 %")]


@pytest.mark.parametrize("replicas", range(1, 31))
def test_every_place_of_the_sliders_draws_the_shares(replicas: int) -> None:
    assert all(delivery.shares(replicas, 75, surge).data for surge in range(6))


def test_the_nodes_of_the_largest_cluster_are_of_the_chosen_type() -> None:
    assert many.largest(8, 4, 10, 3, 4, "m5.xlarge") == (32.7, 10)
    assert many.largest(8, 4, 10, 3, 4, "m5.large") == (32.7, 19)


@pytest.mark.parametrize(
    ("refused", "name"),
    [
        (lambda: many.largest("many", 1, 1, 1, 1, "m5.large"), "teams"),  # type: ignore[arg-type]
        (lambda: many.largest(8, 4, "many", 1, 1, "m5.large"), "mean_vcpu"),  # type: ignore[arg-type]
        (lambda: addons.apart("many", 33, 33), "api_server"),  # type: ignore[arg-type]
        (lambda: addons.updates("1", "1.34"), "now"),
        (lambda: delivery.split(4, "many", 1), "weight"),  # type: ignore[arg-type]
        (lambda: regions.until_known(30, "many"), "failure_threshold"),  # type: ignore[arg-type]
    ],
)
def test_an_error_names_the_parameter(refused: Callable[[], object], name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name} is "):
        refused()


def test_the_bars_of_the_bill_are_its_table() -> None:
    shown = many.bill(8, 4, 10, 3, 4)
    for place, row in enumerate(shown.rows):
        wanted, spare, fees = (trace["y"][place] for trace in shown.data)
        assert f"{fees:,.2f}" == row[2]
        assert wanted + spare + fees == pytest.approx(float(str(row[4]).replace(",", "")), abs=0.02)
    assert [row[1] for row in shown.rows][:4] == [28, 32, 36, 40]
    assert many.question(12, 3).answer == pytest.approx(657)


def test_what_is_expected_to_be_lost_is_the_same_for_any_number_of_clusters() -> None:
    rows = many.losses(8, 2).rows
    assert {row[3] for row in rows} == {"2.0 %"}
    assert [row[1] for row in rows] == sorted((row[1] for row in rows), key=lambda part: float(str(part).split()[0]))


def test_the_green_bars_are_where_nothing_is_wrong() -> None:
    shown = addons.together(34, 33, 32)
    bars, there = shown.data
    assert (bars["x"][:2], bars["x"][3:5]) == ([31, 34], [31, 34])
    assert there["x"] == [34, 33, 32]
    assert addons.together(36, 33, 32).rows[2][3] == "kube-proxy 1.32 is 4 versions behind the API server, 3 at most"
    assert addons.together(34, 35, 32).rows[2][2] == "nothing, beside this kubelet"


def test_what_is_asked_of_add_ons() -> None:
    assert addons.question(35, 32, 31).answer == "no"
    assert addons.question(35, 32, 32).answer == "yes"


def test_versions_without_a_build_are_refused() -> None:
    with pytest.raises(AssertionError, match=r"v1\.15\.0-eksbuild\.2 is a version"):
        addons.refused(["v1.15.0-eksbuild.2"])


def test_the_updates_of_an_upgrade() -> None:
    assert addons.updates("1.31", "1.34").title == "From 1.31 to 1.34: 10 updates"
    rows = dict(addons.work("1.31", "1.34", 5).rows)
    assert (rows["updates of control plane"], rows["updates in all"]) == (15, 50)
    assert rows["a month of extended support beyond standard, USD"] == "1,825.00"


def test_what_a_cluster_publishes_has_no_private_part() -> None:
    rows = dict(irsa.published("A1").rows)
    assert set(rows) == {"alg", "e", "kid", "kty", "n", "use"}
    assert (rows["kty"], rows["n"]) == ("RSA", "342 characters, base64url")
