"""Practicals: answers that are checked on the running cloud.

laid = begin("zone")              # an embedded AWS of its own, and a service in it that would not survive
ecs = laid.client("ecs")          # the answer is plain boto3
laid.check()                      # asks the cloud
end(sure=True)                    # that embedded AWS is emptied and stopped
"""

from __future__ import annotations

from collections.abc import Mapping

from drydock import embedded
from drydock.cloud import Cloud, connect
from drydock.embedded.instance import reset
from drydock.notebooks import errors, show
from drydock.notebooks.wait import wait_until
from drydock.prep.practicals import access, capacity, resilience
from drydock.prep.practicals.bench import Bench, Until
from drydock.prep.practicals.practical import Checked, Laid, NotDone, Practical, Seen

__all__ = [
    "INSTANCE",
    "PRACTICALS",
    "Checked",
    "Laid",
    "NoSuchPractical",
    "NotDone",
    "Practical",
    "Seen",
    "begin",
    "end",
    "listed",
]

INSTANCE = "interview"
"""The embedded AWS of the practicals: that of the labs stays as it is."""

PRACTICALS: Mapping[str, Practical] = {
    one.name: one
    for one in (
        resilience.ZONE,
        resilience.ROLLOUT,
        resilience.BREAKER,
        access.SECRET,
        access.ACCESS,
        capacity.SPOT,
        capacity.SCALING,
    )
}


class NoSuchPractical(ValueError):
    """A name that no practical has; the text says which there are."""


def listed() -> show.Note:
    """The practicals: name, topic, and what is asked."""
    columns = ("Name", "Topic", "What is asked")
    rows = [(one.name, one.topic, one.title) for one in PRACTICALS.values()]
    return show.Note("Practicals", show.plain_table(columns, rows), show.table(columns, rows))


def begin(name: str, cloud: Cloud | None = None, *, instance: str = INSTANCE, until: Until = wait_until) -> Laid:
    """Lay out the practical called `name`. Where its service is there already it is left as you left it.

    cloud     where; None: the embedded AWS called `instance`, which is started if it does not run.

    Raises NoSuchPractical.
    """
    if name not in PRACTICALS:
        raise NoSuchPractical(f"There is no practical {name!r}. Choose from: {', '.join(PRACTICALS)}.")
    practical = PRACTICALS[name]
    if cloud is None:
        cloud = connect("embedded", name=instance)
        errors.keep_short(cloud, NoSuchPractical, NotDone)
    bench = Bench(cloud, name, until)
    if bench.is_there():
        left = "It stands as you left it" if bench.service() else "Its service is gone, or was never finished"
        return Laid(practical, bench, f"{left}; end(sure=True) takes all away, and begin lays it out anew.")
    bench.create()
    practical.lay(bench)
    return Laid(practical, bench, f"It is laid out in the cluster {bench.cluster}.")


def end(*, sure: bool = False, instance: str = INSTANCE) -> show.Note:
    """Stop the embedded AWS called `instance` and forget all that is in it; without `sure` only say so."""
    if not sure:
        return show.Note("Nothing is deleted", f"end(sure=True) empties the embedded AWS called {instance}.")
    embedded.stop(instance)
    reset(instance)
    return show.Note("Cleaned up", f"The embedded AWS called {instance} is stopped, and empty.")
