"""Why tasks of a service have stopped without ECS or somebody asking, in words.

ECS tells of a task for an hour after it stopped at most. A task says by its `startedBy` which deployment it is of.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any

from drydock.resources.kind import every
from drydock.runbooks.model import Call

WHY = Call("tasks", "WhyStopped")
"""What `why` makes a call of: its answer has `why`, sentences; empty where nothing went wrong by itself."""
_AT_ONCE = 100
"""Tasks of one DescribeTasks."""


class TasksStopped(RuntimeError):
    """Tasks have stopped by themselves."""


def why(cluster: str, service: str, *, known: Sequence[str] = ()) -> Call:
    """Asks why tasks and deployments have failed, of other deployments than those that are `known` by their ids."""
    return Call(WHY.service, WHY.operation, {"cluster": cluster, "service": service, "known": list(known)})


def told(ecs: Any, *, cluster: str, service: str, known: Sequence[str] = ()) -> str:
    """What the service's events say of deployments that have failed, and why tasks have stopped, as sentences."""
    reasons = stopped(ecs, cluster=cluster, service=service, known=known)
    failed = _failed(ecs, cluster, service, known)
    said = [f"Tasks that have stopped by themselves: {', '.join(reasons)}."] if reasons else []
    return " ".join([*said, *([f"Its events say: {failed}"] if failed else [])])


def _failed(ecs: Any, cluster: str, service: str, known: Sequence[str]) -> str:
    """The newest event that tells of a deployment that has failed since one of the `known` was completed."""
    found = ecs.describe_services(cluster=cluster, services=[service])["services"]
    said = [event["message"] for one in found for event in one.get("events", ())]
    done = [f"(deployment {each}) deployment completed." for each in known]
    since = takewhile(lambda message: not message.endswith(tuple(done)), said) if done else ()
    return next((message for message in since if ") deployment failed: " in message), "")


def stopped(ecs: Any, *, cluster: str, service: str, known: Sequence[str] = ()) -> list[str]:
    """Each reason, with how many tasks had it, most first. `known` as in `why`."""
    found = described_tasks(ecs, cluster=cluster, serviceName=service, desiredStatus="STOPPED")
    ours = [one for one in found if one.get("startedBy") not in known and not _asked_for(one)]
    return [f"{many} × {reason}" for reason, many in Counter(map(_why_stopped, ours)).most_common()]


def none_stopped(ecs: Any, *, cluster: str, service: str, known: Sequence[str] = ()) -> bool:
    """True where `stopped` has nothing. Raises TasksStopped otherwise: it would be no other if it were asked again."""
    if reasons := stopped(ecs, cluster=cluster, service=service, known=known):
        raise TasksStopped(", ".join(reasons))
    return True


def described_tasks(ecs: Any, **which: str) -> list[dict[str, Any]]:
    """As DescribeTasks has them. `which`: what ListTasks takes."""
    arns = list(every(ecs, "list_tasks", "taskArns", **which))
    parts = [arns[first : first + _AT_ONCE] for first in range(0, len(arns), _AT_ONCE)]
    cluster = which["cluster"]
    return [one for part in parts for one in ecs.describe_tasks(cluster=cluster, tasks=part)["tasks"]]


def _asked_for(task: Mapping[str, Any]) -> bool:
    scaled = str(task.get("stoppedReason", "")).startswith(("Scaling activity", "Availability-zone rebalancing"))
    return scaled or task.get("stopCode") in ("UserInitiated", "SpotInterruption", "TerminationNotice")


def _why_stopped(task: Mapping[str, Any]) -> str:
    revision = task["taskDefinitionArn"].rpartition("/")[2]
    containers = [
        f"{one['name']} " + ", ".join(filter(None, [_exit(one), one.get("reason", "")]))
        for one in task["containers"]
        if one.get("exitCode") or one.get("reason")
    ]
    said = str(task.get("stoppedReason") or task.get("stopCode") or "no reason is given").rstrip(".")
    return f"{revision}: {'; '.join([said, *containers])}"


def _exit(container: Mapping[str, Any]) -> str:
    return f"exit code {container['exitCode']}" if "exitCode" in container else ""
