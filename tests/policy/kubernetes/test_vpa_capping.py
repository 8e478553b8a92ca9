"""Recommendations and LimitRanges: kubernetes/autoscaler, vertical-pod-autoscaler/pkg/utils/vpa/capping_test.go, 1.7.1.

And limit_and_request_scaling_test.go and pkg/utils/limitrange/limit_range_calculator_test.go. Cases have upstream's
names, shortened. Left out are those that need a null where there is none here, and those beyond 64 bits.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drydock.policy.kubernetes.vpa import capping, recommender
from drydock.policy.kubernetes.vpa.capping import LimitRange, Resources, capped
from drydock.policy.kubernetes.vpa.recommender import Amounts, Policy, Recommendation

M, G, MI, GI = 10**6, 10**9, 2**20, 2**30


def amounts(cpu: int | None = None, memory: int | None = None) -> dict[str, int]:
    """CPU in millicores, memory in bytes."""
    return {name: value for name, value in (("cpu", cpu), ("memory", memory)) if value is not None}


def target(cpu: int | None = None, memory: int | None = None) -> Recommendation:
    return Recommendation(amounts(cpu, memory), {}, {}, {})


def same(cpu: int | None = None, memory: int | None = None) -> Resources:
    return Resources(amounts(cpu, memory), amounts(cpu, memory))


ONLY, BOTH = Policy(controls_limits=False), Policy(controls_limits=True)
TENS = Recommendation(amounts(20_000, 80_000), {}, amounts(100_000, 90_000), {})


@pytest.mark.parametrize(
    ("policy", "limits", "expected", "upper", "is_told"),
    [
        (Policy(), amounts(30_000, 70_000), amounts(20_000, 80_000), amounts(100_000, 90_000), False),
        (BOTH, amounts(30_000, 70_000), amounts(20_000, 80_000), amounts(100_000, 90_000), False),
        (ONLY, amounts(30_000, 70_000), amounts(20_000, 70_000), amounts(30_000, 70_000), True),
        (ONLY, amounts(2500, 60_000), amounts(2500, 60_000), amounts(2500, 60_000), True),
    ],
    ids=["no capping for default policy", "no capping for RequestsAndLimits", "capping for RequestsOnly",
         "limits defined in containerStatus"],
)  # fmt: skip
def test_recommendation_to_limit_capping(
    policy: Policy, limits: Amounts, expected: Amounts, upper: Amounts, is_told: bool
) -> None:
    found = capped({"ctr": TENS}, {"ctr": Resources({}, limits)}, {"*": policy})["ctr"]
    assert (found.found.target, found.found.upper) == (expected, upper)
    assert ("memory capped to container limit" in found.why) is is_told


def test_recommendation_not_available() -> None:
    """And TestApply: a container that the pod has not is left out; one without any bound stays as it is."""
    assert capped({"other": TENS}, {"ctr": Resources()}) == {}
    assert capped({"ctr": TENS}, {"ctr": Resources()})["ctr"] == capping.Capped(TENS)


def test_recommendation_capped_to_min_max_policy() -> None:
    one = Recommendation(amounts(300, 50_000), amounts(200, 43_000), amounts(500, 55_000), {})
    policy = Policy(amounts(400, 40_000), amounts(450, 45_000))
    found = capped({"ctr": one}, {"ctr": Resources()}, {"ctr": policy})["ctr"]
    assert found.found.target == amounts(400, 45_000)
    assert found.found.lower == amounts(400, 43_000)
    assert found.found.upper == amounts(450, 45_000)
    assert found.why == ("cpu capped to minAllowed", "memory capped to maxAllowed")


FOO = (amounts(42, 42 * MI), amounts(31, 31 * MI), amounts(53, 53 * MI))


@pytest.mark.parametrize(
    ("policy", "everywhere", "expected"),
    [
        (Policy(), {}, [(42, 42), (31, 31), (53, 53)]),
        (Policy(least=amounts(50, 50 * MI)), {}, [(50, 50), (50, 50), (53, 53)]),
        (Policy(most=amounts(40, 40 * MI)), {}, [(40, 40), (31, 31), (40, 40)]),
        (Policy(), amounts(40, 40 * MI), [(40, 40), (31, 31), (40, 40)]),
        (Policy(least=amounts(35, 35 * MI)), amounts(50, 50 * MI), [(42, 42), (35, 35), (50, 50)]),
        (Policy(most=amounts(40)), amounts(memory=40 * MI), [(40, 40), (31, 31), (40, 40)]),
        (Policy(most=amounts(40)), amounts(30, 30 * MI), [(40, 30), (31, 30), (40, 30)]),
    ],
    ids=["nothing set", "min allowed", "max allowed", "global max allowed", "min allowed and global max allowed",
         "max allowed for cpu, global for memory", "max allowed for cpu, global for both"],
)  # fmt: skip
def test_apply_vpa_policy(policy: Policy, everywhere: Amounts, expected: list[tuple[int, int]]) -> None:
    found = [recommender.allowed(one, policy, everywhere) for one in FOO]
    assert found == [amounts(cpu, memory * MI) for cpu, memory in expected]


def test_apply_caps_to_limit_range() -> None:
    found = capped(
        {"container": target(2000, 200 * M)},
        {"container": same(1000, G)},
        container_range=LimitRange(least=amounts(memory=500 * M), most=amounts(1000)),
    )["container"]
    assert found.found.target == amounts(1000, 500 * M)
    assert sorted(found.why) == [
        "cpu capped to fit Max in container LimitRange", "memory capped to fit Min in container LimitRange"
    ]  # fmt: skip


TWICE = Resources(amounts(memory=1), amounts(memory=2))
TWICE_G = Resources(amounts(memory=G), amounts(memory=2 * G))


@pytest.mark.parametrize(
    ("found", "pod", "item", "resource", "expected"),
    [
        ([1000, 1000], [same(1000), same(1000)], LimitRange(most=amounts(1000)), "cpu", [500, 500]),
        ([G, G], [same(memory=1)] * 2, LimitRange(least=amounts(memory=4 * G)), "memory", [2 * G, 2 * G]),
        ([G, G], [TWICE] * 2, LimitRange(amounts(memory=4 * G), amounts(memory=10 * G)), "memory", [2 * G, 2 * G]),
        ([G], [TWICE_G] * 2, LimitRange(amounts(memory=4 * G), amounts(memory=10 * G)), "memory", [2 * G]),
        ([15, 100], [same(1), same(1)], LimitRange(least=amounts(150)), "cpu", [20, 131]),
        ([15, 100], [same(1), same(1)], LimitRange(most=amounts(90)), "cpu", [11, 78]),
    ],
    ids=["cap target cpu to max", "cap mem to min", "cap mem request to pod min", "only one with recommendation",
         "cap target cpu to pod min", "cap target cpu to pod max"],
)  # fmt: skip
def test_apply_pod_limit_range(
    found: list[int], pod: list[Resources], item: LimitRange, resource: str, expected: list[int]
) -> None:
    given = {f"container{number}": {resource: value} for number, value in enumerate(found)}
    containers = {f"container{number}": one for number, one in enumerate(pod)}
    shared = capping.share(given, containers, item, resource)
    assert [one[resource] for one in shared.values()] == expected


def test_apply_pod_limit_range_extra_recommendation() -> None:
    found = capping.share(
        {"container1": amounts(memory=G), "container2": amounts(memory=G)},
        {"container2": TWICE},
        LimitRange(amounts(memory=4 * G), amounts(memory=10 * G)),
        "memory",
    )
    assert found == {"container1": amounts(memory=G), "container2": amounts(memory=4 * G)}


WIDE, NARROW = Resources(amounts(1000, 50 * M), amounts(1000, 600 * M)), Resources(
    amounts(1000, 50 * M), amounts(1000, 100 * M)
)  # fmt: skip
MIN_500 = LimitRange(least=amounts(memory=500 * M))
REC = target(1000, 200 * M)


@pytest.mark.parametrize(
    ("found", "pod", "policy", "of_container", "of_pod", "expected", "why"),
    [
        ({"c": REC}, {"c": WIDE}, Policy(), MIN_500, None, {"c": amounts(1000, 500 * M)},
         {"c": ["memory capped to fit Min in container LimitRange"]}),
        ({"c": REC}, {"c": NARROW}, ONLY, MIN_500, None, {"c": amounts(1000, 100 * M)},
         {"c": ["memory capped to container limit", "memory capped to fit Min in container LimitRange"]}),
        ({"c": REC}, {"c": NARROW}, ONLY, None, MIN_500, {"c": amounts(1000, 100 * M)},
         {"c": ["memory capped to container limit"]}),
        ({"c": REC}, {"c": Resources(amounts(5, 50 * M), amounts(5, 100 * M))}, ONLY, None,
         LimitRange(least=amounts(2000, 500 * M)), {"c": amounts(5, 100 * M)},
         {"c": ["cpu capped to container limit", "memory capped to container limit"]}),
        ({"c": REC}, {"c": NARROW, "d": NARROW}, Policy(), None, MIN_500,
         {"c": amounts(1000, 400 * M), "d": amounts(1000, 100 * M)}, {"c": [], "d": []}),
        ({"c": REC, "d": REC}, {"c": NARROW, "d": NARROW}, Policy(), None, MIN_500,
         {"c": amounts(1000, 250 * M), "d": amounts(1000, 250 * M)}, {"c": [], "d": []}),
    ],
    ids=["caps to min range if above container limit", "caps to container limit if below container limit",
         "caps to pod limit if below pod limit", "Should use container status limits",
         "one container with recommendation and one without", "two containers with recommendation"],
)  # fmt: skip
def test_apply_limit_range_min_to_request(
    found: Mapping[str, Recommendation],
    pod: Mapping[str, Resources],
    policy: Policy,
    of_container: LimitRange | None,
    of_pod: LimitRange | None,
    expected: Mapping[str, Amounts],
    why: Mapping[str, list[str]],
) -> None:
    result = capped(found, pod, {"*": policy}, container_range=of_container, pod_range=of_pod)
    assert {name: one.found.target for name, one in result.items()} == expected
    assert {name: sorted(one.why) for name, one in result.items()} == why


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (LimitRange(most=amounts(memory=GI)), [357913941, 715827882]),
        (LimitRange(least=amounts(memory=4 * GI)), [1431655765, 2863311530]),
    ],
    ids=["cap to max", "cap to min"],
)
def test_cap_pod_memory_with_under_byte_split(item: LimitRange, expected: list[int]) -> None:
    found = {"container-1": target(memory=GI), "container-2": target(memory=2 * GI)}
    result = capped(found, dict.fromkeys(found, same(memory=50 * M)), pod_range=item)
    assert [one.found.target["memory"] for one in result.values()] == expected


@pytest.mark.parametrize(
    ("limit", "request_", "recommended", "default", "expected"),
    [
        (2000, 1000, 10_000, 0, 20_000),
        (0, 1000, 10_000, 2000, 20_000),
        (0, 1000, 10_000, 0, 0),
        (2000, 0, 10_000, 0, 10_000),
        (0, 1000, 0, 2000, 0),
        (1000, 1000, 10_000, 0, 10_000),
        (2000, 1500, 1000, 0, 1333),
        (200, 150, 100, 0, 133),
    ],
    ids=["scale proportionally", "scale proportionally with default", "no original limit", "no original request",
         "no recommendation", "limit equal to request", "handle non-integer ratios", "of memory"],
)  # fmt: skip
def test_get_proportional_resource_limit(
    limit: int, request_: int, recommended: int, default: int, expected: int
) -> None:
    """limit_and_request_scaling_test.go, TestGetProportionalResourceLimitCPU and -Mem."""
    assert recommender.proportional_limit(limit or default, request_, recommended) == expected


TWO, ONE_AND_A_HALF, ONE = amounts(2000, 2), amounts(1500, 1), amounts(1000, 1)


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([], None),
        ([LimitRange(most=TWO)], LimitRange(most=TWO)),
        ([LimitRange(default=TWO)], LimitRange(default=TWO)),
        ([LimitRange(least=TWO)], LimitRange(least=TWO)),
        ([LimitRange(most=TWO), LimitRange(default=ONE_AND_A_HALF), LimitRange(least=ONE)],
         LimitRange(ONE, TWO, ONE_AND_A_HALF)),
        ([LimitRange(most=ONE_AND_A_HALF), LimitRange(most=TWO)], LimitRange(most=ONE_AND_A_HALF)),
        ([LimitRange(least=ONE_AND_A_HALF), LimitRange(least=ONE)], LimitRange(least=ONE_AND_A_HALF)),
    ],
    ids=["no matching limit ranges", "matching container limit range", "with default value", "respects min",
         "multiple items", "takes lowest max", "takes highest min"],
)  # fmt: skip
def test_get_container_limit_range_item(items: list[LimitRange], expected: LimitRange | None) -> None:
    """limit_range_calculator_test.go, TestGetContainerLimitRangeItem."""
    assert capping.together(items) == expected


def test_a_max_bounds_the_limit_so_a_burstable_container_gets_less() -> None:
    """capping.go, *getBoundaryRecommendation*: with a limit of twice the request, half of the range's max."""
    burstable = Resources(amounts(500), amounts(1000))
    found = capped({"c": target(900)}, {"c": burstable}, container_range=LimitRange(most=amounts(1000)))["c"]
    assert found.found.target == amounts(500)
    unlimited = Resources(amounts(500))
    without = capped({"c": target(2000)}, {"c": unlimited}, container_range=LimitRange(most=amounts(1000)))["c"]
    assert without.found.target == amounts(2000), "no limit that a max could bound"
    default = LimitRange(most=amounts(1000), default=amounts(1000))
    assert capped({"c": target(2000)}, {"c": unlimited}, container_range=default)["c"].found.target == amounts(500)


sizes = st.integers(1, 4000)


@settings(max_examples=50, deadline=None)
@given(sizes, sizes, st.integers(1, 4), sizes, sizes, sizes, sizes, st.booleans())
def test_capping_twice_is_capping_once_and_more_is_never_capped_to_less(
    wanted: int, more: int, ratio: int, request: int, low: int, high: int, allowed: int, controls: bool
) -> None:
    pod = {"c": Resources(amounts(request), amounts(request * ratio))}
    item = LimitRange(amounts(min(low, high)), amounts(max(low, high)))
    policies = {"*": Policy(most=amounts(allowed), controls_limits=controls)}

    def of(cpu: int) -> int:
        return capped({"c": target(cpu)}, pod, policies, container_range=item)["c"].found.target["cpu"]

    assert of(of(wanted)) == of(wanted)
    assert of(wanted) <= of(wanted + more)
    assert of(wanted) <= allowed


@pytest.mark.parametrize(
    ("now", "policy", "ranges", "expected"),
    [
        (Resources({}, amounts(500)), BOTH, {"container_range": LimitRange(most=amounts(800))}, 800),
        (Resources({}, amounts(500)), BOTH, {"pod_range": LimitRange(most=amounts(800))}, 800),
        (Resources(amounts(500)), BOTH, {"pod_range": LimitRange(most=amounts(800))}, 1000),
        (Resources(amounts(500)), ONLY, {}, 1000),
    ],
    ids=["a limit and no request: of a container", "…, of a pod", "no limit to bound", "no limit to stay below"],
)
def test_where_a_request_or_a_limit_is_not_there(
    now: Resources, policy: Policy, ranges: dict[str, LimitRange], expected: int
) -> None:
    """limit_and_request_scaling.go: a container with a limit alone has that for its request."""
    assert capped({"c": target(1000)}, {"c": now}, {"*": policy}, **ranges)["c"].found.target == amounts(expected)


def test_where_a_min_is_above_the_max_that_a_limit_allows_the_max_wins() -> None:
    """capping.go, *applyContainerLimitRange*: min first, then max on what came of it."""
    item = LimitRange(least=amounts(800), most=amounts(1000))
    found = capped({"c": target(100)}, {"c": Resources(amounts(500), amounts(1000))}, container_range=item)["c"]
    assert (found.found.target, found.why) == (
        amounts(500), ("cpu capped to fit Min in container LimitRange", "cpu capped to fit Max in container LimitRange")
    )  # fmt: skip


@settings(max_examples=50, deadline=None)
@given(st.lists(sizes, min_size=1, max_size=4), sizes, sizes)
def test_a_pods_limits_stay_below_its_max_and_its_requests_reach_its_min(
    wanted: list[int], low: int, high: int
) -> None:
    item = LimitRange(amounts(min(low, high)), amounts(max(low, high)))
    pod = {str(number): same(100) for number in range(len(wanted))}
    found = capped({str(number): target(cpu) for number, cpu in enumerate(wanted)}, pod, pod_range=item)
    total = sum(one.found.target["cpu"] for one in found.values())
    assert total <= max(item.most["cpu"], item.least["cpu"] + len(wanted))
    assert total >= min(item.least["cpu"], sum(wanted)) - len(wanted), "what is behind the point is cut off"
