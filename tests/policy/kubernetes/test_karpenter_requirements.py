"""Upstream's cases: kubernetes-sigs/karpenter, pkg/scheduling/requirement_test.go and requirements_test.go."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drydock.policy.kubernetes.karpenter.requirements import (
    Requirement,
    incompatible,
    merged,
    of_labels,
    requirement,
    requirements,
)

ZONE = "topology.kubernetes.io/zone"


def named(key: str) -> dict[str, Requirement]:
    """Upstream's requirements: A is `In A`, nA `NotIn A`, g1 `Gt 1`, l9 `Lt 9`, E `Exists`, D `DoesNotExist`."""
    given = {
        "E": ("Exists",), "D": ("DoesNotExist",), "A": ("In", "A"), "B": ("In", "B"), "AB": ("In", "A", "B"),
        "nA": ("NotIn", "A"), "1": ("In", "1"), "9": ("In", "9"), "19": ("In", "1", "9"), "n12": ("NotIn", "1", "2"),
        "g1": ("Gt", "1"), "g9": ("Gt", "9"), "l1": ("Lt", "1"), "l9": ("Lt", "9"),
    }  # fmt: skip
    return {name: requirement(key, operator, values) for name, (operator, *values) in given.items()}


BY_NAME = {
    **named("key"),
    "nA12": Requirement("key", frozenset({"A", "1", "2"}), complement=True),
    "n2g1": Requirement("key", frozenset({"2"}), complement=True, gte=2),
    "g1l9": Requirement("key", complement=True, gte=2, lte=8),
    "n12l9": Requirement("key", frozenset({"1", "2"}), complement=True, lte=8),
}
COLUMNS = ["E", "D", "A", "B", "AB", "nA", "1", "9", "19", "n12", "g1", "g9", "l1", "l9"]
INTERSECTIONS = {
    "E": "E D A B AB nA 1 9 19 n12 g1 g9 l1 l9",
    "D": "D D D D D D D D D D D D D D",
    "A": "A D A D A D D D D A D D D D",
    "B": "B D D B B B D D D B D D D D",
    "AB": "AB D A B AB B D D D AB D D D D",
    "nA": "nA D D B B nA 1 9 19 nA12 g1 g9 l1 l9",
    "1": "1 D D D D 1 1 D 1 D D D D 1",
    "9": "9 D D D D 9 D 9 9 9 9 D D D",
    "19": "19 D D D D 19 1 9 19 9 9 D D 1",
    "n12": "n12 D A B AB nA12 D 9 9 n12 n2g1 g9 l1 n12l9",
    "g1": "g1 D D D D g1 D 9 9 n2g1 g1 g9 D g1l9",
    "g9": "g9 D D D D g9 D D D g9 g9 g9 D D",
    "l1": "l1 D D D D l1 D D D l1 D D l1 l1",
    "l9": "l9 D D D D l9 1 D 1 n12l9 g1l9 D l1 l9",
}


@pytest.mark.parametrize("name", INTERSECTIONS)
def test_intersections(name: str) -> None:
    """requirement_test.go, "should intersect two requirements without minValues": all 196."""
    found = [BY_NAME[name].intersection(BY_NAME[other]) for other in COLUMNS]
    assert found == [BY_NAME[each] for each in INTERSECTIONS[name].split()]


LEAST = {"AB": 2, "19": 2, "n12": 2}
"""Upstream's minValues of its requirements; 1 where none is named."""


@pytest.mark.parametrize("name", INTERSECTIONS)
def test_intersections_with_min_values(name: str) -> None:
    """requirement_test.go, "should intersect requirement with minValues with a requirement without", and "two …"."""
    mine = LEAST.get(name, 1)
    for other, found in zip(COLUMNS, INTERSECTIONS[name].split(), strict=True):
        theirs = LEAST.get(other, 1)
        one, two = replace(BY_NAME[name], min_values=mine), replace(BY_NAME[other], min_values=theirs)
        assert one.intersection(BY_NAME[other]) == replace(BY_NAME[found], min_values=mine)
        assert one.intersection(two) == replace(BY_NAME[found], min_values=max(mine, theirs))


@pytest.mark.parametrize(
    ("operator", "values", "least", "says"),
    [
        ("Exists", [], 0, "minValues is from 1 to 50, not 0"),
        ("Exists", [], 51, "minValues is from 1 to 50, not 51"),
        ("In", ["a", "b"], 3, "minValues 3 needs at least so many values, not 2"),
    ],
)
def test_min_values_that_the_api_refuses(operator: str, values: list[str], least: int, says: str) -> None:
    """karpenter.sh/v1 NodePool, spec.template.spec.requirements (documented)."""
    with pytest.raises(ValueError, match=f"key: {says}"):
        requirements([{"key": "key", "operator": operator, "values": values, "minValues": least}])


HAS = {
    "E": "11111", "D": "00000", "A": "10000", "B": "01000", "AB": "11000", "nA": "01111", "1": "00100", "9": "00001",
    "19": "00101", "n12": "11001", "g1": "00011", "g9": "00000", "l1": "00000", "l9": "00110",
}  # fmt: skip


@pytest.mark.parametrize("name", HAS)
def test_values(name: str) -> None:
    """requirement_test.go, "should have the right values"."""
    assert "".join(str(int(BY_NAME[name].allows(value))) for value in ("A", "B", "1", "2", "9")) == HAS[name]


LOOSE = {
    "-": "111111111111111",
    "E": "110111111111111",
    "D": "101000100010000",
    "A": "110101000010000",
    "B": "110011100010000",
    "AB": "110111100010000",
    "nA": "111011111111111",
    "1": "110000110100001",
    "9": "110000101111000",
    "19": "110000111111001",
    "n12": "111111101111111",
    "g1": "110000101111101",
    "g9": "110000100011100",
    "l1": "110000100010011",
    "l9": "110000110111011",
}
STRICT = {**LOOSE, "-": "101000100010000"}


@pytest.mark.parametrize("name", LOOSE)
def test_compatible(name: str) -> None:
    """requirements_test.go, "should be compatible with well-known v1 labels undefined" and "strictly": all 450."""
    zones = {"-": {}, **{one: {ZONE: each} for one, each in named(ZONE).items()}}
    for table, undefined in ((LOOSE, frozenset({ZONE})), (STRICT, frozenset())):
        found = [not incompatible(zones[name], zones[other], undefined=undefined) for other in ("-", *COLUMNS)]
        assert "".join(str(int(one)) for one in found) == table[name]


def test_old_names_of_labels_become_todays() -> None:
    """requirement_test.go, "should normalize labels"."""
    labels = {
        "failure-domain.beta.kubernetes.io/zone": "z", "failure-domain.beta.kubernetes.io/region": "r",
        "beta.kubernetes.io/arch": "a", "beta.kubernetes.io/os": "o", "beta.kubernetes.io/instance-type": "i",
    }  # fmt: skip
    assert set(of_labels(labels)) == {
        ZONE, "topology.kubernetes.io/region", "kubernetes.io/arch", "kubernetes.io/os",
        "node.kubernetes.io/instance-type",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("operator", "bound", "inside", "outside"),
    [
        ("Gte", "2", "2 3 100", "1 0"),
        ("Lte", "8", "8 7 0", "9 10"),
        ("Gte", "0", "0", "-1"),
        ("Lte", "0", "0", "1"),
        ("Gt", "1", "2", "1"),
        ("Lt", "9", "8", "9"),
    ],
)
def test_bounds(operator: str, bound: str, inside: str, outside: str) -> None:
    """requirement_test.go, "Gte and Lte Operators"."""
    one = requirement("key", operator, (bound,))
    assert all(one.allows(value) for value in inside.split())
    assert not any(one.allows(value) for value in outside.split())


@settings(max_examples=50)
@given(st.sampled_from(list(BY_NAME)), st.sampled_from(list(BY_NAME)), st.sampled_from(["A", "B", "0", "2", "5", "9"]))
def test_an_intersection_allows_what_both_allow(one: str, other: str, value: str) -> None:
    both = BY_NAME[one].intersection(BY_NAME[other])
    assert both.allows(value) == (BY_NAME[one].allows(value) and BY_NAME[other].allows(value))
    assert both == BY_NAME[other].intersection(BY_NAME[one])


def test_why_not_is_said() -> None:
    pool = requirements([{"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64"]}])
    asked = requirements([{"key": "kubernetes.io/arch", "operator": "In", "values": ["arm64"]}])
    assert incompatible(pool, asked) == "kubernetes.io/arch In [arm64] is not in kubernetes.io/arch In [amd64]"
    assert incompatible(pool, of_labels({"team": "a"})) == 'label "team" does not have known values'
    assert merged(pool, asked)["kubernetes.io/arch"].operator == "DoesNotExist"


@pytest.mark.parametrize(
    ("operator", "values", "says"),
    [
        ("Is", ["a"], "operator 'Is' is none of In, NotIn"),
        ("In", [], "In needs at least one value"),
        ("Exists", ["a"], "Exists takes no values"),
        ("Gt", ["a"], "Gt takes one whole number, not a"),
        ("Lte", [], "Lte takes one whole number, not nothing"),
    ],
)
def test_what_is_none_is_refused(operator: str, values: list[str], says: str) -> None:
    with pytest.raises(ValueError, match=f"key: .*{says}"):
        requirement("key", operator, values)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"operator": "Exists"}, "has key and operator"),
        ({"key": "a", "operator": "Exists", "minvalues": 3}, "has key and operator"),
        ({"key": "a", "operator": "In", "values": "spot"}, "a: values are a list of texts, .* not 'spot'"),
        ({"key": "a", "operator": "In", "values": [4]}, "a: values are a list of texts"),
        ({"key": "a", "operator": "Exists", "minValues": "3"}, "a: minValues is from 1 to 50, not '3'"),
    ],
)
def test_what_a_manifest_may_not_have_is_said(given: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        requirements([given])
