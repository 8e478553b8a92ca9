"""Practicals on services that have to go on: without a zone, while they roll out, and after a bad version."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from drydock.policy.ecs import rollout
from drydock.prep.practicals.bench import SERVICE, Bench, between, is_steady
from drydock.prep.practicals.practical import Practical, Seen

NEEDED = 2
FEWEST, MOST = 4, 6
_GONE = [Seen("There is a service web", False, "the cluster has none that is ACTIVE")]


def _one_zone(bench: Bench) -> None:
    bench.serve(NEEDED, subnets=bench.network()[:1])


def _without_a_zone(bench: Bench) -> Sequence[Seen]:
    service = bench.service()
    if service is None:
        return _GONE
    zones = bench.zones()
    subnets = service["networkConfiguration"]["awsvpcConfiguration"]["subnets"]
    may = sorted({zones[subnet] for subnet in subnets})
    there = Counter(task["availabilityZone"] for task in bench.running())
    left = {zone: there.total() - count for zone, count in there.items()}
    worst = min(left.values(), default=0)
    spread = ", ".join(f"{count} in {zone}" for zone, count in sorted(there.items())) or "no task runs"
    return [
        Seen("Its tasks may be in two zones or more", len(may) > 1, f"subnets in {', '.join(may)}"),
        Seen(
            f"Whichever zone is lost, {NEEDED} tasks are left",
            worst >= NEEDED,
            f"{spread}; at worst {worst} {'is' if worst == 1 else 'are'} left",
        ),
        _steady(is_steady(service)),
    ]


ZONE = Practical(
    "zone",
    "Networking",
    "Make the service survive the loss of a zone",
    f"The service `{SERVICE}` has to serve with {NEEDED} tasks at any time. It has {NEEDED}, and both are in one zone. "
    f"Change it so that {NEEDED} tasks are left whichever zone is lost, without waiting for replacements. The VPC that "
    "is named interview has a subnet in each of three zones.",
    "notebooks/placement.ipynb",
    _one_zone,
    _without_a_zone,
)


def _stops_first(bench: Bench) -> None:
    bench.serve(
        FEWEST,
        subnets=bench.network(),
        deploymentConfiguration={"minimumHealthyPercent": 50, "maximumPercent": 100},
    )


def _rolled(bench: Bench) -> Sequence[Seen]:
    service = bench.service()
    if service is None:
        return _GONE
    desired, bounds = service["desiredCount"], service["deploymentConfiguration"]
    low = rollout.lower_bound(desired, bounds["minimumHealthyPercent"])
    high = rollout.upper_bound(desired, bounds["maximumPercent"])
    said = f"minimumHealthyPercent {bounds['minimumHealthyPercent']}, maximumPercent {bounds['maximumPercent']}"
    newest = service["deployments"][0]
    again = newest["createdAt"] > service["createdAt"]
    rolled = again and is_steady(service)
    fewest, most = between([*bench.tasks(), *bench.tasks(stopped=True)], newest["createdAt"])
    return [
        Seen(
            f"{FEWEST} tasks are desired, and no fewer may be healthy",
            desired == FEWEST and low >= FEWEST,
            f"{desired} desired, {said}: at least {low}",
        ),
        Seen(f"No more than {MOST} may exist", high <= MOST, f"{said}: at most {high}"),
        Seen(
            "It has been rolled out since",
            rolled,
            "a deployment was completed" if rolled else "a deployment is under way" if again else "no deployment since",
        ),
        Seen(
            f"{FEWEST} to {MOST} tasks were RUNNING all that time",
            rolled and fewest >= FEWEST and most <= MOST,
            f"{fewest} to {most} since the newest deployment began",
        ),
    ]


ROLLOUT = Practical(
    "rollout",
    "Deployments",
    f"Let the service roll out without ever dropping below {FEWEST} tasks",
    f"The service `{SERVICE}` wants {FEWEST} tasks and stops old ones before it starts new ones. It has to keep "
    f"{FEWEST} RUNNING all through a rolling deployment, and there is room for {MOST} and no more. Change it, and then "
    "roll out: to force a new deployment is enough.",
    "notebooks/rolling-bounds.ipynb",
    _stops_first,
    _rolled,
)


def _no_breaker(bench: Bench) -> None:
    subnets = bench.network()
    bench.serve(NEEDED, subnets=subnets)
    bench.register({"EXIT": "1"})


def _came_back(bench: Bench) -> Sequence[Seen]:
    service = bench.service()
    if service is None:
        return _GONE
    breaker = service["deploymentConfiguration"].get("deploymentCircuitBreaker") or {}
    said = ", ".join(f"{key} {str(bool(breaker.get(key))).lower()}" for key in ("enable", "rollback"))
    bad = [task for task in bench.tasks(stopped=True) if task["taskDefinitionArn"].endswith(f"{bench.family}:2")]
    runs = sorted({task["taskDefinitionArn"].rsplit("/", 1)[-1] for task in bench.running()})
    back = runs == [f"{bench.family}:1"] and service["taskDefinition"].endswith(f"{bench.family}:1")
    return [
        Seen("A deployment that fails ends, and is rolled back", said.count("true") == 2, said),
        Seen(f"{bench.family}:2 was deployed, and failed", bool(bad), f"{len(bad)} of its tasks have stopped"),
        Seen(f"{bench.family}:1 runs again", back, f"RUNNING: {', '.join(runs) or 'nothing'}"),
        _steady(is_steady(service)),
    ]


BREAKER = Practical(
    "breaker",
    "Incidents",
    "Let a version that does not start be taken back by ECS itself",
    f"The service `{SERVICE}` runs revision 1 of the family interview-breaker. Revision 2 ends as soon as it starts, "
    "and ECS would try it for ever. Change the service so that such a deployment fails by itself and the version "
    "before it comes back. Then prove it: deploy interview-breaker:2, and wait.",
    "notebooks/circuit-breaker.ipynb",
    _no_breaker,
    _came_back,
)


def _steady(is_so: bool) -> Seen:
    return Seen("The service is steady", is_so, "it is" if is_so else "a deployment is under way, or tasks are missing")
