"""CPU startup boost: kubernetes/autoscaler, vertical-pod-autoscaler, 1.7.1; the file is named at each.

Cases have upstream's names. Left out are those of the feature gate, and of a container with mode Off, which the
admission controller passes over.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drydock.policy.kubernetes.vpa import boost as rules
from drydock.policy.kubernetes.vpa import updater
from drydock.policy.kubernetes.vpa.boost import Boost
from drydock.policy.kubernetes.vpa.capping import Resources
from drydock.policy.kubernetes.vpa.recommender import Policy


def cpu(request: int, limit: int = 0) -> Resources:
    return Resources({"cpu": request}, {"cpu": limit} if limit else {})


ONLY = Policy(controls_limits=False)


@pytest.mark.parametrize(
    ("template", "boost", "recommended", "policy", "most", "expected"),
    [
        (cpu(1, 1), Boost(factor=2, duration=10), 100, Policy(), 0, cpu(200, 200)),
        (cpu(1, 1), Boost(factor=2, duration=0), 100, Policy(), 0, cpu(200, 200)),
        (cpu(1, 1), Boost(quantity=500, duration=10), 100, Policy(), 0, cpu(600, 600)),
        (cpu(400, 400), Boost(quantity=200), 500, Policy(), 0, cpu(700, 700)),
        (cpu(1, 1), Boost(factor=3), 20, Policy(), 40, cpu(40, 40)),
        (cpu(100, 100), Boost(factor=2), 0, Policy(), 0, cpu(200, 200)),
        (cpu(100, 300), Boost(factor=2), 100, ONLY, 0, cpu(200)),
        (cpu(100, 150), Boost(factor=2), 100, ONLY, 0, cpu(149)),
        (cpu(100, 300), Boost(factor=2), 150, Policy(), 0, cpu(300, 900)),
        (cpu(100), Boost(factor=2), 150, Policy(), 0, cpu(300)),
        (cpu(100), Boost(factor=2), 100, ONLY, 0, cpu(200)),
        (cpu(100, 200), Boost(factor=4), 100, Policy(most={"cpu": 120}), 0, cpu(400, 800)),
    ],
    ids=[
        "startup boost factor", "startup boost factor with 0s duration", "startup boost quantity",
        "quantity less than request", "startup boost capped", "startup boost no recommendation",
        "with ControlledValues=RequestsOnly", "with RequestsOnly - capped below limit to preserve pod Qos",
        "with ControlledValues=RequestsandLimits and limits set", "… and limits not set",
        "RequestsOnly, no limit (ours)",
        "maxAllowed does not bound it (ours, as the enhancement says)",
    ],
)  # fmt: skip
def test_calculate_patches_startup_boost(
    template: Resources, boost: Boost, recommended: int, policy: Policy, most: int, expected: Resources
) -> None:
    """admission-controller/resource/pod/patch/resource_updates_test.go, TestCalculatePatches_StartupBoost."""
    target = {"cpu": recommended} if recommended else None
    assert rules.boosted(template, boost, target, policy, most=most) == expected


@pytest.mark.parametrize(
    ("given_", "says"),
    [
        ({"factor": 0}, "1 or more, not 0"),
        ({}, "a factor or a quantity"),
        ({"factor": 2, "quantity": 100}, "and not both"),
    ],
)
def test_a_boost_that_the_admission_controller_refuses(given_: dict[str, int], says: str) -> None:
    """admission-controller/resource/vpa/validation_test.go, "startupBoost with bad factor" and those of the type."""
    with pytest.raises(ValueError, match=says):
        Boost(**given_)


TWICE, THRICE = Boost(factor=2, duration=10), Boost(factor=3)


def test_the_containers_policy_takes_precedence() -> None:
    """resource_updates_test.go, "startup boost container policy takes precedence"; api.go for the duration."""
    assert rules.boost_of(TWICE, THRICE) == Boost(factor=3, duration=10)
    assert rules.boost_of(TWICE, Boost(factor=3, duration=0)) == Boost(factor=3, duration=0)
    assert rules.boost_of(TWICE, None) == TWICE
    assert rules.boost_of(None, THRICE) == THRICE
    assert rules.boost_of(None, None) is None


def lasting(seconds: float | None = None) -> Boost:
    return Boost(factor=2, duration=seconds)


@pytest.mark.parametrize(
    ("everywhere", "own", "ready_for", "expected"),
    [
        (None, {}, None, []),
        (lasting(0), {}, None, []),
        (lasting(0), {"c1": None}, 1e9, ["c1"]),
        (lasting(60), {"c1": None}, None, []),
        (lasting(60), {"c1": None}, 120, ["c1"]),
        (lasting(60), {"c1": None}, 0, []),
        (lasting(60), {"c1": None}, 60, []),
        (None, {"c1": lasting(180), "c2": lasting(60)}, 120, ["c2"]),
        (None, {"c1": lasting(180), "c2": lasting(60)}, 240, ["c1", "c2"]),
        (lasting(300), {"c1": lasting(180)}, 240, ["c1"]),
    ],
    ids=[
        "No StartupBoost config", "No duration, no annotation", "No duration, with annotation and pod ready",
        "Pod not ready", "Duration passed", "Duration not passed", "Duration just passing (ours, as the code)",
        "Container-level boost duration",
        "Container-level boost duration passed", "Pod-level boost duration is higher",
    ],
)  # fmt: skip
def test_get_expired_startup_cpu_boost_annotations(
    everywhere: Boost | None, own: dict[str, Boost | None], ready_for: float | None, expected: list[str]
) -> None:
    """utils/vpa/api_test.go, TestGetExpiredStartupCPUBoostAnnotations."""
    boosts = {name: found for name, one in own.items() if (found := rules.boost_of(everywhere, one))}
    assert rules.expired(boosts, ready_for) == expected


BOTH = {"c1": cpu(1), "c2": cpu(1)}
ORIGINAL = {"c1": cpu(100), "c2": cpu(100)}


@pytest.mark.parametrize(
    ("originals", "durations", "recommended", "mode", "expected"),
    [
        (ORIGINAL, (10, 1000), 0, updater.OFF, {"c1": cpu(100)}),
        (ORIGINAL, (10, 1000), 200, updater.IN_PLACE_OR_RECREATE, {"c1": cpu(200)}),
        (ORIGINAL, (1000, 1000), 200, updater.IN_PLACE_OR_RECREATE, {}),
        ({}, (), 300, updater.IN_PLACE_OR_RECREATE, {"c1": cpu(300), "c2": cpu(300)}),
        ({}, (), 300, updater.OFF, {}),
        (ORIGINAL, (10, 10), 300, updater.OFF, ORIGINAL),
    ],
    ids=[
        "UpdateMode Off - Only unboost expired container", "UpdateMode Auto - ignores boosted unexpired containers",
        "No Unboost - both containers unexpired", "Regular Recommendation - no startup boost",
        "Regular Recommendation - UpdateMode Off", "Off reverts to the template (ours, as the enhancement says)",
    ],
)  # fmt: skip
def test_calculate_patches_multi_container_resource_updates(
    originals: dict[str, Resources],
    durations: tuple[int, ...],
    recommended: int,
    mode: str,
    expected: dict[str, Resources],
) -> None:
    """updater/inplace/resource_updates_test.go, TestCalculatePatches_MultiContainerResourceUpdates: ready for 300 s."""
    boosts = {name: lasting(seconds) for name, seconds in zip(originals, durations, strict=True)}
    found = dict.fromkeys(BOTH, cpu(recommended)) if recommended else {}
    assert rules.resized(BOTH, originals, rules.expired(boosts, 300.0), found, mode) == expected


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 4000), st.integers(1, 4), st.integers(1, 4000), st.integers(1, 9), st.booleans())
def test_a_boost_never_takes_away_and_keeps_the_request_below_the_limit(
    request: int, ratio: int, recommended: int, factor: int, controls: bool
) -> None:
    found = rules.boosted(
        cpu(request, request * ratio), Boost(factor=factor), {"cpu": recommended}, Policy(controls_limits=controls)
    )
    limit = found.limits.get("cpu", request * ratio)
    assert found.requests["cpu"] <= limit
    assert found.requests["cpu"] >= min(recommended, limit - 1)


@pytest.mark.parametrize(
    ("given", "says"), [({"quantity": -1}, "quantity"), ({"factor": 2, "duration": -1.0}, "duration")]
)
def test_a_boost_below_nothing_is_refused(given: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=f"The {says} of a startup boost is 0 or more, not -1"):
        Boost(**given)
