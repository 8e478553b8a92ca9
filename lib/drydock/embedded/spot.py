"""Fargate Spot of a running embedded AWS, told what to do: take tasks back, have no capacity, take back at a rate.

AWS has no call for any of this, so it is no AWS call here either: an instance is told at its own address.

    from drydock.embedded import spot

    spot.interrupt(cloud.endpoint, service="web", percent=50)   # half of its tasks on Spot get the warning now
    spot.dry(cloud.endpoint, True)                              # no new task on Spot until dry(…, False)
    spot.rate(cloud.endpoint, 0.5)                              # each task on Spot every two AWS hours, by the seed
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_LIMIT = 10.0


class NoSpot(RuntimeError):
    """It cannot be told that; the text says why."""


@dataclass(frozen=True)
class Weather:
    """How it stands with Fargate Spot."""

    dry: bool
    per_task_hour: float
    """Interruptions in an hour of a task, in AWS time."""
    interrupted: tuple[str, ...] = ()
    """ARNs of the tasks that got the warning now."""


def interrupt(
    endpoint: str,
    *,
    cluster: str = "",
    service: str = "",
    tasks: Iterable[str] = (),
    count: int | None = None,
    percent: int | None = None,
    region: str = "us-east-1",
) -> Weather:
    """Give tasks on FARGATE_SPOT the two minutes' warning: all, of a cluster, of a service, or those that are named.

    `count` or `percent` (rounded up) of these; which, follows from the instance's seed. NoSpot.
    """
    wave = {
        "cluster": cluster, "service": service, "tasks": list(tasks), "count": count, "percent": percent,
        "region": region,
    }  # fmt: skip
    return _tell(endpoint, {"interrupt": wave})


def dry(endpoint: str, yes: bool) -> Weather:
    """Let Spot have no capacity for new tasks, or have some again. NoSpot."""
    return _tell(endpoint, {"dry": yes})


def rate(endpoint: str, per_task_hour: float) -> Weather:
    """Let each task on Spot be taken back so many times in an AWS hour, on average; 0: none by itself. NoSpot."""
    return _tell(endpoint, {"rate": per_task_hour})


def weather(endpoint: str) -> Weather:
    """How it stands. NoSpot."""
    return _tell(endpoint, {})


def _tell(endpoint: str, told: Mapping[str, Any]) -> Weather:
    request = urllib.request.Request(f"{endpoint}/_drydock/spot", json.dumps(told).encode(), method="POST")
    try:
        with _direct.open(request, timeout=_LIMIT) as answer:
            found = json.load(answer)
    except urllib.error.HTTPError as refused:
        with refused:
            text = refused.read().decode(errors="replace")
        try:
            why = str(json.loads(text)["error"])
        except (ValueError, KeyError, TypeError):
            why = f"{endpoint} is no embedded AWS: Fargate Spot can be told what to do only there"
        raise NoSpot(why) from None
    except (OSError, ValueError) as error:
        raise NoSpot(f"{endpoint} does not answer as an embedded AWS: {error}") from None
    return Weather(
        bool(found["spot_is_dry"]), float(found["spot_interruptions_per_task_hour"]), tuple(found["interrupted"])
    )
