"""Whatever the load does: what holds at every turn of a service that is scaled. Seeded."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from .conftest import Shop

MINUTES = 90


@pytest.mark.parametrize("seed", range(2))
def test_a_service_under_any_load_keeps_its_bounds_and_its_cool_downs(shop: Shop, seed: int) -> None:
    chance = random.Random(seed)
    least, most = chance.choice(((1, 6), (2, 9), (3, 12)))
    out, into = chance.choice((60, 180)), chance.choice((120, 300))
    shop.register(least, most)
    shop.track("cpu", 60, ScaleOutCooldown=out, ScaleInCooldown=into)
    shop.queue("long", shop.step("burst", "ChangeInCapacity", (2, 0, 50), (5, 50, None), Cooldown=out), 20)
    service = shop.world.services()[0]
    seen: list[tuple[float, int]] = [(shop.world.clock.time(), service.desired_count)]

    def look() -> None:
        if service.desired_count != seen[-1][1]:
            seen.append((shop.world.clock.time(), service.desired_count))
        assert least <= service.desired_count <= most

    shop.world.turned.append(look)
    for _ in range(MINUTES):
        if chance.random() < 0.1:
            shop.load = chance.choice((0.0, 50.0, 200.0, 500.0))
        shop.waiting(chance.choice((0, 0, 0, 0, 10, 30, 90)))
        shop.world.pass_time(60)
    shop.world.turned.clear()
    assert len(seen) > 2, "nothing was scaled"
    for (_, first), (then, before), (at, after) in zip(seen, seen[1:], seen[2:], strict=False):
        if after < before:
            assert at - then >= (out if before > first else into), seen
    causes = [one["Cause"] for one in shop.activities()]
    policies = {"AlarmHigh": "cpu", "AlarmLow": "cpu", "long": "burst"}
    for cause, ((_, before), (_, after)) in zip(causes, pairwise(seen), strict=True):
        alarm = next(name for name in policies if name in cause.split(" in state ")[0])
        assert cause.endswith(f"in state ALARM triggered policy {policies[alarm]}")
        assert (after > before) == (alarm != "AlarmLow")
