"""Fargate Spot: whether there is any, and which of its tasks are taken back.

With AWS nobody is asked; here an instance is told, by `drydock.embedded.spot`. What it was told is data: it holds after
a restart.
"""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from drydock.embedded.core.host import Host
from drydock.embedded.services.ecs.records import Document, Task
from drydock.embedded.services.ecs.table import Table
from drydock.policy.ecs import interruption

_TABLES = "CREATE TABLE IF NOT EXISTS spot (name TEXT PRIMARY KEY, value REAL NOT NULL)"


class Spot:
    """The weather of Spot capacity in all regions. The host's lock is held."""

    def __init__(self, host: Host, table: Table) -> None:
        self._host = host
        self._table = table
        host.data.define(_TABLES)
        kept = dict(host.data.read("SELECT name, value FROM spot"))
        self.dry = bool(kept.get("dry"))
        """Whether there is no capacity for a new task."""
        self.rate = float(kept.get("rate", 0.0))
        """Interruptions in an hour of a task, in AWS time."""
        self._since = float(kept.get("since", 0.0))
        """The AWS second from which on this rate holds."""
        self._waves = int(kept.get("waves", 0))
        self._due: dict[str, float] = {}

    def shown(self) -> dict[str, float]:
        return {"spot_is_dry": self.dry, "spot_interruptions_per_task_hour": self.rate}

    def set_dry(self, dry: bool) -> None:
        self.dry = dry
        self._keep(dry=dry)

    def set_rate(self, per_task_hour: float) -> None:
        """ValueError for one below 0."""
        interruption.lasts(per_task_hour, Random(0))
        self.rate, self._since, self._due = per_task_hour, self._host.clock.time(), {}
        self._keep(rate=self.rate, since=self._since)

    def _keep(self, **values: float) -> None:
        rows = [(name, float(value)) for name, value in values.items()]
        self._host.data.write_many("INSERT OR REPLACE INTO spot VALUES (?, ?)", rows)
        self._host.data.commit()

    def tasks(self, region: str, cluster: str = "", service: str = "", arns: Iterable[str] = ()) -> list[Task]:
        """The tasks on Spot that are not to stop yet: of a cluster, of a service, or those named by ARN or id."""
        named = {arn.rsplit("/", 1)[-1] for arn in arns}
        return [
            task
            for task in self._table.living()
            if task.document["capacityProviderName"] == interruption.PROVIDER
            and not task.stopping
            and task.region_name == region
            and cluster in ("", task.cluster_name, task.document["clusterArn"])
            and (not service or task.group == f"service:{service.rsplit('/', 1)[-1]}")
            and (not named or task.id in named)
        ]

    def wave(self, tasks: list[Task], *, count: int | None = None, percent: int | None = None) -> list[Task]:
        """Take back so many of these now, or all; which, follows from the seed. ValueError as `interruption.wave`."""
        chance = Random(f"{self._host.seed}:spot:{self._waves}")
        oldest_first = sorted(tasks, key=lambda task: task.started_order)
        taken = interruption.wave(oldest_first, chance, count=count, percent=percent)
        self._waves += 1
        self._keep(waves=self._waves)
        for task in taken:
            self._warn(task)
        return taken

    def turn(self) -> None:
        """Take back those whose time has come."""
        if not self.rate:
            return
        living = self._table.living()
        now = self._host.clock.time()
        for task in living:
            if task.document["capacityProviderName"] == interruption.PROVIDER and not task.stopping:
                if task.arn not in self._due:
                    lasts = interruption.lasts(self.rate, Random(f"{self._host.seed}:{task.id}"))
                    self._due[task.arn] = max(self._since, task.running_at or now) + lasts
                if now >= self._due[task.arn]:
                    self._warn(task)
        if len(self._due) > len(living):
            known = {task.arn for task in living}
            self._due = {arn: due for arn, due in self._due.items() if arn in known}

    def _warn(self, task: Task) -> None:
        self._table.ask_to_stop(task, interruption.STOP_CODE, interruption.STOPPED_REASON)


def _known(given: Document, names: tuple[str, ...]) -> None:
    if not isinstance(given, dict):
        raise ValueError(f"an object is wanted where {given!r} is")
    if unknown := given.keys() - set(names):
        raise ValueError(f"nothing is known of {', '.join(sorted(unknown))}: give {', '.join(names)}")


def answer(spot: Spot, request: Document) -> Document:
    """What one is told and asks: one thing to do, by its key; none only asks.

    dry        bool
    rate       interruptions in an hour of a task, in AWS time
    interrupt  {"region", "cluster", "service", "tasks", "count", "percent"}, all but the region optional

    Raises ValueError for what it cannot do.
    """
    _known(request, ("dry", "rate", "interrupt"))
    wave = request.get("interrupt", {})
    _known(wave, ("region", "cluster", "service", "tasks", "count", "percent"))
    if len(request) > 1:
        raise ValueError("one thing is done at a time: give dry, rate or interrupt")
    if type(request.get("dry", True)) is not bool:
        raise ValueError(f"dry is true or false, not {request['dry']!r}")
    taken: list[str] = []
    if "rate" in request:
        spot.set_rate(float(request["rate"]))
    if "dry" in request:
        spot.set_dry(request["dry"])
    if "interrupt" in request:
        if not isinstance(wave.get("region"), str) or isinstance(wave.get("tasks"), str):
            raise ValueError("a wave needs a region, and its tasks are a list")
        size = {key: int(wave[key]) for key in ("count", "percent") if wave.get(key) is not None}
        tasks = spot.tasks(wave["region"], wave.get("cluster", ""), wave.get("service", ""), wave.get("tasks") or ())
        taken = [task.arn for task in spot.wave(tasks, **size)]
    return {**spot.shown(), "interrupted": taken}
