"""Versions of EKS add-ons, which belong together, and what becomes of changed fields."""

from __future__ import annotations

from itertools import pairwise

import botocore.session
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drydock.policy.add_ons import LATEST, LATEST_2025, MODES, Version, plan, resolved, skew, steps, version


@pytest.mark.parametrize("text", ["v1.15.0", "1.15.0-eksbuild.2", "v1.15-eksbuild.2", "latest", "v1.28.0"])
def test_a_version_without_its_build_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no version of an add-on: it has the form v1\.15\.0-eksbuild\.2"):
        version(text)


def test_versions_are_in_order_and_builds_are_numbers() -> None:
    assert version("v1.15.0-eksbuild.2") == Version(1, 15, 0, 2)
    assert version("v1.15.0-eksbuild.10") > version("v1.15.0-eksbuild.9")
    assert str(version("v1.15.0-eksbuild.10")) == "v1.15.0-eksbuild.10"


def test_every_version_of_the_tables_is_one_and_none_goes_down() -> None:
    for table in (LATEST, LATEST_2025):
        for versions in table.values():
            found = [version(one) for one in versions.values()]
            assert found == sorted(found)
    for minor, text in [*LATEST["kube-proxy"].items(), *LATEST_2025["kube-proxy"].items()]:
        assert text.startswith(f"v{minor}.")


def test_the_vpc_cni_goes_through_every_minor_version() -> None:
    """Amazon EKS User Guide, "Amazon VPC CNI": from 1.28.x to 1.30.y by way of 1.29."""
    assert steps("v1.28.1-eksbuild.1", "v1.30.2-eksbuild.3") == ["1.29", "1.30"]
    assert steps("v1.16.4-eksbuild.2", "v1.16.4-eksbuild.2") == []
    assert steps("v1.19.0-eksbuild.1", "v1.17.0-eksbuild.1") == ["1.18", "1.17"]


@pytest.mark.parametrize(
    ("api_server", "kubelet", "kube_proxy", "says"),
    [
        (37, 37, 37, []),
        (37, 34, 34, []),
        (37, 33, 34, ["kubelet 1.33 is 4 versions behind"]),
        (36, 37, 36, ["kubelet 1.37 is newer than the API server"]),
        (34, 31, 30, ["kube-proxy 1.30 is 4 versions behind"]),
        (37, 37, 33, ["kube-proxy 1.33 is 4 versions behind", "4 versions apart"]),
    ],
)
def test_skew(api_server: int, kubelet: int, kube_proxy: int, says: list[str]) -> None:
    """Kubernetes, "Version Skew Policy": an API server at 1.37 goes with kubelets of 1.37, 1.36, 1.35 and 1.34."""
    found = skew(api_server, kubelet, kube_proxy)
    assert len(found) == len(says)
    assert all(part in whole for part, whole in zip(says, found, strict=True))


@pytest.mark.parametrize(
    ("mode", "update", "expected"),
    [
        ("NONE", True, ("mine", True)),
        ("OVERWRITE", True, ("default", False)),
        ("PRESERVE", True, ("mine", False)),
        ("NONE", False, ("mine", True)),
        ("OVERWRITE", False, ("default", False)),
        ("PRESERVE", False, ("mine", True)),
    ],
)
def test_what_becomes_of_a_field_that_somebody_has_changed(mode: str, update: bool, expected: tuple[str, bool]) -> None:
    """botocore's EKS model, resolveConflicts of CreateAddonRequest and UpdateAddonRequest."""
    assert resolved("mine", "default", mode, update=update) == expected
    assert resolved(None, "default", mode, update=update) == ("default", False)


def test_the_modes_are_those_of_the_api() -> None:
    with pytest.raises(ValueError, match="resolveConflicts is one of NONE, OVERWRITE, PRESERVE, not 'MERGE'"):
        resolved("mine", "default", "MERGE", update=True)
    shape = botocore.session.get_session().get_service_model("eks").shape_for("ResolveConflicts")
    assert set(shape.enum) == set(MODES)


def test_a_plan_goes_up_by_one_and_has_what_changes() -> None:
    found = [(one.kubernetes, one.what, one.to) for one in plan("1.28", "1.30", LATEST)]
    assert found == [
        ("1.29", "control plane", "1.29"),
        ("1.29", "coredns", "v1.11.3-eksbuild.2"),
        ("1.29", "kube-proxy", "v1.29.10-eksbuild.3"),
        ("1.29", "nodes", "1.29"),
        ("1.30", "control plane", "1.30"),
        ("1.30", "kube-proxy", "v1.30.6-eksbuild.3"),
        ("1.30", "nodes", "1.30"),
    ]
    with pytest.raises(ValueError, match=r"goes up only, not from 1\.30 to 1\.28"):
        plan("1.30", "1.28", LATEST)
    with pytest.raises(ValueError, match=r"The table has no vpc-cni for 1\.32"):
        plan("1.31", "1.32", LATEST)


NUMBERS = st.integers(0, 40)
VERSIONS = st.builds(Version, st.just(1), NUMBERS, NUMBERS, NUMBERS)


@settings(max_examples=50)
@given(VERSIONS, VERSIONS)
def test_a_version_is_read_as_it_is_written_and_gone_to_by_one_minor_version_at_a_time(
    now: Version, to: Version
) -> None:
    assert version(str(now)) == now
    minors = [now.minor, *(int(each.removeprefix("1.")) for each in steps(str(now), str(to)))]
    assert minors[-1] == to.minor
    assert [abs(then - first) for first, then in pairwise(minors)] == [1] * abs(to.minor - now.minor)


def test_between_major_versions_no_step_is_known() -> None:
    with pytest.raises(ValueError, match="of one major version only"):
        steps("v1.28.1-eksbuild.1", "v2.1.0-eksbuild.1")


@settings(max_examples=50)
@given(st.integers(20, 40), st.integers(0, 9), st.integers(0, 9), st.integers(1, 9))
def test_what_may_be_together_is_never_newer_and_only_how_far_apart_counts(
    api_server: int, kubelet: int, kube_proxy: int, later: int
) -> None:
    found = skew(api_server, api_server - kubelet, api_server - kube_proxy)
    assert bool(found) is (max(kubelet, kube_proxy) > 3)
    assert len(skew(api_server + later, api_server + later - kubelet, api_server + later - kube_proxy)) == len(found)
    assert skew(api_server, api_server + later, api_server - kube_proxy)


@given(st.sampled_from([None, "mine", "default"]), st.sampled_from(MODES), st.booleans())
def test_a_field_keeps_what_is_mine_or_takes_the_default_and_only_what_is_mine_can_fail(
    mine: str | None, mode: str, update: bool
) -> None:
    value, fails = resolved(mine, "default", mode, update=update)
    assert value in (mine, "default")
    assert not fails or value == mine != "default"


@settings(max_examples=30)
@given(st.lists(st.integers(28, 34), min_size=3, max_size=3).map(sorted))
def test_a_plan_brings_every_add_on_to_the_table_and_may_be_halted_anywhere(minors: list[int]) -> None:
    first, between, last = (f"1.{minor}" for minor in minors)
    whole = plan(first, last, LATEST_2025)
    assert whole == plan(first, between, LATEST_2025) + plan(between, last, LATEST_2025)
    has = {name: versions[first] for name, versions in LATEST_2025.items()}
    has.update({one.what: one.to for one in whole if one.what in has})
    assert has == {name: versions[last] for name, versions in LATEST_2025.items()}
