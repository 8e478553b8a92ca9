"""Drills on services whose tasks run, and whose customers are not content."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from drydock.drills.customers import NEEDED, answered, come, well
from drydock.drills.drill import Drill
from drydock.drills.site import Site
from drydock.policy.diagnosis import TargetGroup, watching
from drydock.policy.diagnosis.answers import ERROR_RATE, ERRORS, SECONDS, by_load
from drydock.prep.practicals.practical import Seen

A_MINUTE = 12
"""Requests of the customers."""
SLOW, LEAK, LIMIT = 1500, 4, 128
"""Milliseconds, MiB of a request, and MiB of a container."""


def _lay(site: Site) -> None:
    site.serve(2, definition=site.register({"VERSION": "v1"}))
    come(site, A_MINUTE)


def _release(site: Site, **environment: str) -> None:
    site.update(taskDefinition=site.register({"VERSION": "v2", **environment}))
    site.until(site.steady, f"v2 of {site.name} is out")


def _given(site: Site) -> Mapping[str, str]:
    """The environment of the container."""
    return {one["name"]: one["value"] for one in site.container().get("environment", ())}


def _roll_back(site: Site) -> None:
    site.update(taskDefinition=site.register({"VERSION": "v1"}))


def _number(setting: str) -> float:
    """A setting as the program reads it; one that it cannot read is no number."""
    try:
        return float(setting)
    except ValueError:
        return math.nan


# -- errors, whatever the load


def fails(group: TargetGroup) -> bool:
    return group.errors >= ERRORS and group.error_rate >= ERROR_RATE


def _at_a_rate(site: Site) -> str:
    service = site.service()
    if service is None or watching(service):
        return ""
    group, rate = answered(site), _given(site).get("ERROR_RATE", "0")
    if not fails(group) or by_load(group.minutes) or _number(rate) == 0:
        return ""
    return f"{group.errors:.0f} of {group.requests:.0f} requests were answered 5xx: ERROR_RATE={rate}"


AT_A_RATE = Drill(
    "drydock-catalog",
    "One customer in four sees an error page",
    "v2 of `catalog` is out, ECS is content with it, and its targets are healthy. Still the help desk counts error "
    "pages all day long: about one in four.",
    "errors-at-a-rate",
    "v2 answers a quarter of all requests with 500 (ERROR_RATE=0.25), and none of those to /health. What shows "
    "it is HTTPCode_Target_5XX_Count of its target group beside RequestCount, from the deployment on.",
    2,
    _lay,
    lambda site: _release(site, ERROR_RATE="0.25"),
    lambda site: fails(answered(site)),
    _at_a_rate,
    _roll_back,
    well,
    needs=NEEDED,
)


# -- latency


def _slow(site: Site) -> str:
    group = answered(site)
    if group.requests < ERRORS or (group.seconds or 0.0) < SECONDS:
        return ""
    added = _given(site).get("LATENCY_MS", "nothing")
    return f"TargetResponseTime is {group.seconds:.2f} s on average: LATENCY_MS={added}"


LATENCY = Drill(
    "drydock-search",
    "Every page takes its time",
    "Since v2 of `search` is out, customers wait for more than a second for each page. No alarm rings, no task stops, "
    "and no request fails.",
    "latency",
    f"v2 waits {SLOW} ms before it answers (LATENCY_MS), while /health is answered at once. What shows it is "
    "TargetResponseTime of its target group; CPUUtilization is low, so it is not work that takes the time.",
    2,
    _lay,
    lambda site: _release(site, LATENCY_MS=str(SLOW)),
    lambda site: bool(_slow(site)),
    _slow,
    _roll_back,
    well,
    needs=NEEDED,
)


# -- memory


def _leaks(site: Site) -> None:
    site.update(taskDefinition=site.register({"VERSION": "v2", "LEAK_MIB_PER_REQUEST": str(LEAK)}, memory=LIMIT))


def _killed(site: Site) -> str:
    service = site.service() or {}
    for task in [one for one in site.failed() if one["taskDefinitionArn"] == service.get("taskDefinition")]:
        for one in task["containers"]:
            if "OutOfMemory" in one.get("reason", ""):
                return f"{one['name']} exited with {one.get('exitCode')}: {one['reason']}"
    return ""


def _keeps_nothing(site: Site) -> Sequence[Seen]:
    stays = _number(_given(site).get("LEAK_MIB_PER_REQUEST", "0")) == 0
    return [
        Seen("Customers come", answered(site).requests > 0, f"{answered(site).requests:.0f} requests are counted"),
        Seen("Tasks stay, however many requests come", stays, "they do" if stays else "more of them will end"),
    ]


LEAKS = Drill(
    "drydock-basket",
    "Baskets are emptied every few minutes",
    "Since v2 of `basket` is out, customers find their baskets empty again and again: another task answered them a "
    "moment ago. Nobody deploys anything.",
    "memory-leak",
    f"v2 keeps {LEAK} MiB with each request (LEAK_MIB_PER_REQUEST), until a container reaches its {LIMIT} MiB "
    "and is killed. Stopped tasks have EssentialContainerExited, exit code 137, and OutOfMemoryError as the reason of "
    "the container. More memory makes it rarer, and mends nothing.",
    2,
    _lay,
    _leaks,
    lambda site: bool(_killed(site)),
    _killed,
    _roll_back,
    _keeps_nothing,
    needs=NEEDED,
)

DRILLS = (AT_A_RATE, LATENCY, LEAKS)
