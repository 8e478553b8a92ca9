"""One cluster or many for the same work: room, nodes, and what one failure takes with it.

Derived: teams want CPU independently of each other, each with a mean and a standard deviation. What several of them
want together has the sum of the means and the root of the sum of the squares, so that a shared cluster needs less spare
room than clusters of their own. A cluster's own pods (DNS, controllers, agents) come once for each cluster.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

RELEASES_EACH_YEAR = 3
"""Minor versions of Kubernetes in a year (documented, Kubernetes release cycle); EKS follows, one at a time."""


@dataclass(frozen=True)
class Team:
    """What a team wants: CPU in vCPU, on average, and how far it strays from that."""

    mean: float
    deviation: float


def shares(teams: int, clusters: int) -> list[int]:
    """Teams in each cluster, as even as it goes, larger ones first. ValueError for more clusters than teams.

    >>> shares(7, 3)
    [3, 2, 2]
    """
    if not 1 <= clusters <= teams:
        raise ValueError(f"{teams} teams go into 1 to {teams} clusters, not {clusters}.")
    each, more = divmod(teams, clusters)
    return [each + 1] * more + [each] * (clusters - more)


def room(team: Team, teams: int, *, sigmas: float = 3.0) -> float:
    """vCPU that `teams` such teams need in one cluster, so that it is enough but once in so many sigmas.

    >>> room(Team(10, 2), 4)
    52.0
    """
    return teams * team.mean + sigmas * team.deviation * math.sqrt(teams)


def nodes(team: Team, teams: int, *, system: float, node: float) -> int:
    """Nodes of one cluster: for its teams and for its own pods, `system` vCPU, on nodes of `node` vCPU each."""
    return math.ceil((room(team, teams) + system) / node)


def worst_part(teams: int, clusters: int) -> float:
    """Part of the teams, 0 to 1, that the loss of one cluster takes with it, at worst.

    >>> worst_part(12, 3)
    0.3333333333333333
    """
    return max(shares(teams, clusters)) / teams


def any_fails(clusters: int, chance: float) -> float:
    """Chance that at least one of the clusters fails, if each does so by itself with this chance."""
    return 1 - (1 - chance) ** clusters


def upgrades(clusters: int, months: int = 12) -> int:
    """Upgrades by one minor version in so many months, to stay with Kubernetes."""
    return clusters * RELEASES_EACH_YEAR * months // 12
