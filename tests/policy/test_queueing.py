"""Erlang's delay formula, against published values."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drydock.policy import queueing


@pytest.mark.parametrize(
    ("workers", "offered", "chance"),
    [(1, 0.5, 0.5), (2, 1.0, 1 / 3), (3, 2.0, 4 / 9), (14, 10.0, 0.174), (5, 5.0, 1.0), (5, 9.0, 1.0), (3, 0.0, 0.0)],
)
def test_the_chance_to_wait(workers: int, offered: float, chance: float) -> None:
    """1/3 and 4/9 follow from the formula by hand; 10 erlangs and 14 agents is the usual example of call centres."""
    assert queueing.waiting(workers, offered) == pytest.approx(chance, abs=5e-4)


def test_one_worker_is_the_queue_of_textbooks() -> None:
    """M/M/1: a wait longer than t has the chance ρ·e^(−(1−ρ)t/s)."""
    assert queueing.late(1, 8, 0.1, 0.35) == pytest.approx(0.8 * math.exp(-0.2 * 2.5))
    assert queueing.late(1, 10, 0.1, 5) == queueing.late(1, 1, 0.1, 0.1) == 1


@given(st.integers(1, 50), st.floats(0, 60), st.floats(0.2, 5))
def test_more_workers_and_a_later_deadline_make_fewer_late(workers: int, arrivals: float, deadline: float) -> None:
    late = queueing.late(workers, arrivals, 0.1, deadline)
    assert 0 <= late <= 1
    assert queueing.late(workers + 1, arrivals, 0.1, deadline) <= late + 1e-12
    assert queueing.late(workers, arrivals, 0.1, deadline + 0.1) <= late + 1e-12


@pytest.mark.parametrize(("workers", "offered"), [(0, 1.0), (2, -1.0)])
def test_what_is_no_queue_is_refused(workers: int, offered: float) -> None:
    with pytest.raises(ValueError, match="It takes a worker"):
        queueing.waiting(workers, offered)
