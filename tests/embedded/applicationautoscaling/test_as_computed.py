"""To how many tasks a steady load is scaled, held against `policy.scaling_course`."""

from __future__ import annotations

import pytest

from drydock.policy.scaling import Bounds
from drydock.policy.scaling_course import course, tracking

from .conftest import Shop


@pytest.mark.parametrize(
    ("load", "minutes"),
    [(3 * 90, 12), (3 * 99, 12), (3 * 65, 20), (3 * 40, 24)],
    ids=["out", "further out", "in the dead band", "in"],
)
def test_a_steady_load_ends_at_as_many_tasks_as_computed(shop: Shop, load: int, minutes: int) -> None:
    shop.register(most=9)
    shop.track()
    shop.load = load
    computed = course([load] * minutes, tracking(70), start=3, bounds=Bounds(1, 9))
    assert shop.minutes(minutes) == computed[-1].tasks
