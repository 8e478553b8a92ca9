"""A drill: a service that was in good health, what has been done to it, and what the cloud says of that."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from drydock.drills.site import Site
from drydock.prep.practicals.practical import Seen


@dataclass(frozen=True)
class Drill:
    """One fault.

    name      the service's; without `drydock-` it is what the command line calls it. It says nothing of the cause
    title     one line; symptoms: what whoever is on call is told. Neither says the cause
    fault     what an answer calls the cause: "crash-loop"
    cause     what was done, and what shows it: told once it was found
    tasks     how many have to run
    lay       brings up the service in good health
    put       the fault: AWS calls, or what only the embedded AWS can be told to do
    shows     whether its symptoms are there by now
    find      what names the cause, read by AWS calls alone; "" where this is not the cause
    look      what has to be so besides `served`, read by AWS calls alone
    mend      the reference solution
    needs     what of the embedded AWS `put` needs, in words, where no other cloud has it
    clear     takes away what of the fault others would meet that come after it
    """

    name: str
    title: str
    symptoms: str
    fault: str
    cause: str
    tasks: int
    lay: Callable[[Site], object]
    put: Callable[[Site], object]
    shows: Callable[[Site], bool]
    find: Callable[[Site], str]
    mend: Callable[[Site], object]
    look: Callable[[Site], Sequence[Seen]] = lambda site: ()
    needs: str = ""
    clear: Callable[[Site], object] = lambda site: None

    @property
    def short(self) -> str:
        """What the command line calls it."""
        return self.name.removeprefix("drydock-")

    def seen(self, site: Site) -> list[Seen]:
        """All that has to be so: the service does what it did, and what the drill is about is mended."""
        first = served(site, self.tasks)
        return [*first, *self.look(site)] if site.service() is not None and site.forwarded() else first


def served(site: Site, count: int) -> list[Seen]:
    """That the service stands behind its load balancer, wants `count` tasks or more, has them, and they are healthy."""
    service = site.service()
    if service is None:
        return [Seen(f"There is a service {site.name}", False, f"the cluster {site.cluster} has none that is ACTIVE")]
    if not site.forwarded():
        missing = f"there is no target group {site.name} that a listener forwards to"
        return [Seen("A load balancer forwards to the target group of the service", False, missing)]
    wanted, run = service["desiredCount"], service["runningCount"]
    entries = [{**one.get("advancedConfiguration", {}), **one} for one in service.get("loadBalancers", ())]
    groups = [each.get(of) for each in entries for of in ("targetGroupArn", "alternateTargetGroupArn")]
    behind = site.target_group()["TargetGroupArn"] in groups
    healthy, enough = site.healthy(), max(count, wanted)
    steady = site.steady()
    again = _failed_since_steady(site)
    return [
        Seen(f"{count} tasks or more are wanted", wanted >= count, f"desiredCount {wanted}"),
        Seen("They run, and no deployment is under way", steady and run >= count, f"{run} of {wanted} run"),
        Seen(
            "As many targets are healthy behind the load balancer",
            behind and healthy >= enough,
            f"{healthy} of {enough} healthy" if behind else f"the service is not in the target group {site.name}",
        ),
        Seen("No task has failed since it was last steady", not again, f"{again} have" if again else "none has"),
    ]


def _failed_since_steady(site: Site) -> int:
    service = site.service()
    events = service["events"] if service else []
    steady = next((one["createdAt"] for one in events if "has reached a steady state" in one["message"]), None)
    ended = [one["stoppedAt"] for one in site.failed() if "stoppedAt" in one]
    return sum(steady is None or at > steady for at in ended)
