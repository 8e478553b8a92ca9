"""One cluster or many for the same work."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drydock.policy.clusters import Team, any_fails, nodes, room, shares, upgrades, worst_part

TEAMS = st.builds(Team, st.floats(1, 50), st.floats(0, 20))


@settings(max_examples=50)
@given(st.integers(1, 60), st.data())
def test_every_team_is_in_one_cluster(teams: int, data: st.DataObject) -> None:
    clusters = data.draw(st.integers(1, teams))
    found = shares(teams, clusters)
    assert sum(found) == teams
    assert max(found) - min(found) <= 1
    assert worst_part(teams, clusters) == math.ceil(teams / clusters) / teams


@settings(max_examples=50)
@given(TEAMS, st.integers(2, 40))
def test_teams_together_need_no_more_room_than_each_by_itself(team: Team, teams: int) -> None:
    assert room(team, teams) <= teams * room(team, 1) + 1e-9
    assert room(team, teams) >= teams * team.mean
    assert nodes(team, teams, system=2, node=4) <= teams * nodes(team, 1, system=2, node=4)


def test_spare_room_grows_with_the_root_of_the_teams() -> None:
    assert room(Team(10, 2), 1) == 16
    assert room(Team(10, 2), 4) == 40 + 12
    assert nodes(Team(10, 2), 4, system=2, node=4) == 14


def test_more_clusters_fail_more_often_and_take_less_with_them() -> None:
    """What is expected to be lost is the same: the chance of each times its part."""
    assert any_fails(1, 0.01) == pytest.approx(0.01)
    assert any_fails(12, 0.01) == pytest.approx(0.1136, abs=1e-4)
    assert sum(0.01 * part / 12 for part in shares(12, 4)) == pytest.approx(0.01)


def test_more_clusters_than_teams_are_refused() -> None:
    with pytest.raises(ValueError, match="3 teams go into 1 to 3 clusters, not 4"):
        shares(3, 4)


def test_each_cluster_is_upgraded_by_itself() -> None:
    assert upgrades(5) == 15
    assert upgrades(5, months=24) == 30
