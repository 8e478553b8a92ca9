"""Lab 13: three drills drawn by a seed, one after another, with no hints.

It stands by itself: a cluster `drydock-production` with a network of its own, and in it a service for each drill.
"""

from __future__ import annotations

from drydock.drills import DRILLS, Site, begin, close
from drydock.drills.game_day import SEED_TAG, drawn, seed_of
from drydock.labs import Outline, not_started, passed, wrong
from drydock.pricing import fargate_tasks, load_balancers, public_addresses, unpriced

outline = Outline(
    title="Game day",
    goal="Three faults that nobody has told you of: found by AWS calls, mended against the clock, and written up.",
    minutes="60 to 90",
    costs=[
        fargate_tasks(9, cpu=256, memory=512),
        load_balancers(count=3),
        public_addresses(18),
        unpriced("load balancer capacity units, CloudWatch Logs, ECR storage"),
    ],
    hours=2.0,
)


def drill_of(cloud, number):
    """The drill of that round; None where none is drawn yet."""
    seed = seed_of(cloud)
    return drawn(DRILLS, cloud, seed)[number - 1] if seed else None


def mended(cloud, number):
    """What the cloud says of a round."""
    one = drill_of(cloud, number)
    if one is None:
        return not_started("No drills are drawn: the cluster `drydock-production` has no seed.")
    site = Site(cloud, one.name)
    if site.service() is None and not there(cloud, one.name):
        return not_started(f"Round {number} was not begun.")
    missing = [each for each in one.seen(site) if not each.holds]
    if missing:
        return wrong(f"Not so: {missing[0].wanted}.", look="what the call said", waits_for=missing[0].wanted)
    return passed(f"Round {number} is mended: all that the service did it does again.")


def there(cloud, name):
    """Whether the service's load balancer is there: it was begun, and the service itself may be gone."""
    found = cloud.client("elbv2").describe_load_balancers()["LoadBalancers"]
    return any(one["LoadBalancerName"] == name for one in found)


def broken(cloud, number):
    """The fault of that round; a service that is there already, and mended, gets it again."""
    one = drill_of(cloud, number)
    site = Site(cloud, one.name)
    if site.service() is None:
        close(DRILLS, cloud)
        begin(one, cloud)
    elif mended(cloud, number).passed:
        one.put(site)


@outline.step("ready", title="The ground that the services stand on, and the seed of the day")
def ready(cloud, lab):
    seed = seed_of(cloud)
    if seed is None:
        return not_started("There is no cluster `drydock-production`.")
    if not seed:
        return wrong("The cluster `drydock-production` has no tag game-day.", look="ecs.tag_resource")
    return passed("The cluster is there, and the drills of the day are drawn by its tag game-day.")


@ready.solution
def _(cloud, lab):
    Site(cloud, "").ground()
    cluster = cloud.client("ecs").describe_clusters(clusters=["drydock-production"])["clusters"][0]["clusterArn"]
    cloud.client("ecs").tag_resource(resourceArn=cluster, tags=[{"key": SEED_TAG, "value": "530"}])


@outline.drill("first", title="Round 1: the pager goes off")
def first(cloud, lab):
    return mended(cloud, 1)


@first.breaks
def _(cloud, lab):
    broken(cloud, 1)


@first.solution
def _(day):
    day.mend(1)
    print(day.drawn[0].name)


@outline.drill("second", title="Round 2: another team's service")
def second(cloud, lab):
    return mended(cloud, 2)


@second.breaks
def _(cloud, lab):
    broken(cloud, 2)


@second.solution
def _(day):
    day.mend(2)
    print(day.drawn[1].name)


@outline.drill("third", title="Round 3: just before you go home")
def third(cloud, lab):
    return mended(cloud, 3)


@third.breaks
def _(cloud, lab):
    broken(cloud, 3)


@third.solution
def _(day):
    day.mend(3)
    print(day.drawn[2].name)
