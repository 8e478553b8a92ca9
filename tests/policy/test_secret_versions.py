"""How old a secret a task has, and whether it still works."""

from __future__ import annotations

import pytest

from drydock.policy.secret_rotation import still_works, versions_behind


@pytest.mark.parametrize(
    ("now", "started", "behind"), [(0, 0, 0), (29, 1, 0), (30, 1, 1), (61, 29, 2), (61, 60, 0), (30, 30, 0)]
)
def test_a_task_has_what_was_current_at_its_start(now: float, started: float, behind: int) -> None:
    assert versions_behind(now, started, 30) == behind


@pytest.mark.parametrize(("behind", "single", "both"), [(0, True, True), (1, False, True), (2, False, False)])
def test_the_last_password_works_for_alternating_users_only(behind: int, single: bool, both: bool) -> None:
    assert still_works(behind, alternating=False) is single
    assert still_works(behind, alternating=True) is both
