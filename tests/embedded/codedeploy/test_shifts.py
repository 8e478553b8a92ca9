"""Deployments in time: every turn of the engine is the test's own."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.blue_green import BlueGreen
from tests.support.lab import Lab
from tests.support.stepped import World

IN_ORDER = [
    "BeforeInstall", "Install", "AfterInstall", "AllowTestTraffic", "AfterAllowTestTraffic", "BeforeAllowTraffic",
    "AllowTraffic", "AfterAllowTraffic",
]  # fmt: skip


@pytest.mark.parametrize(
    ("config", "shifts"),
    [
        ("ECSAllAtOnce", [(0, 100)]),
        ("ECSCanary10Percent5Minutes", [(0, 10), (5, 100)]),
        ("ECSCanary10Percent15Minutes", [(0, 10), (15, 100)]),
        ("ECSLinear10PercentEvery1Minutes", [(minute, 10 * minute + 10) for minute in range(10)]),
        ("ECSLinear10PercentEvery3Minutes", [(3 * step, 10 * step + 10) for step in range(10)]),
    ],
)
def test_a_predefined_configuration_runs_to_its_end_at_its_times(
    world: World, shop: BlueGreen, config: str, shifts: list[tuple[int, int]]
) -> None:
    shop.service()
    shop.group(deploymentConfigName=f"CodeDeployDefault.{config}")
    shop.deploy()
    seen: list[tuple[float, int]] = []

    def watch() -> None:
        weight = shop.weight()
        if weight != (seen[-1][1] if seen else 0):
            seen.append((world.clock.time(), weight))

    world.turned.append(watch)
    shop.until_status("Succeeded")
    assert [weight for _, weight in seen] == [weight for _, weight in shifts]
    minutes = [(at - seen[0][0]) / 60 for at, _ in seen]
    assert minutes == pytest.approx([minute for minute, _ in shifts], abs=0.05)
    assert list(shop.events().items()) == [(event, "Succeeded") for event in IN_ORDER]
    shop.lab.until(lambda: shop.versions() == {"2"})
    [left] = shop.sets()
    assert (left["status"], left["externalId"], left["startedBy"]) == ("PRIMARY", shop.deployments[0], "CODE_DEPLOY")


def test_x(world: World, lab: Lab, shop: BlueGreen) -> None:
    _: Any = (world, lab, shop)
