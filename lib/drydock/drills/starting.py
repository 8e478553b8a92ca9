"""Drills on tasks that do not come up, or do not stay."""

from __future__ import annotations

from collections.abc import Sequence

from drydock.drills.drill import Drill
from drydock.drills.site import Site
from drydock.prep.practicals.practical import Seen

STOPS_FIRST = {"minimumHealthyPercent": 0, "maximumPercent": 101}
"""Of two tasks no third may be: the old ones stop before new ones start."""


def _two(site: Site) -> None:
    site.serve(2)


def _bad_setting(site: Site) -> None:
    definition = site.register({"VERSION": "v2", "LATENCY_MS": "none"})
    site.update(taskDefinition=definition, deploymentConfiguration=STOPS_FIRST)


def _exits(site: Site) -> str:
    for task in site.failed():
        for one in task["containers"]:
            if task.get("stopCode") == "EssentialContainerExited" and one.get("exitCode") not in (None, 0, 137):
                said = next((line for line in reversed(site.lines()) if "bad setting" in line), "")
                return f"{one['name']} exited with {one['exitCode']}. {said}" if said else ""
    return ""


def _without_it(site: Site) -> None:
    site.update(taskDefinition=site.register({"VERSION": "v2", "LATENCY_MS": "0"}))


def _is_v2(site: Site) -> Sequence[Seen]:
    given = {one["name"]: one["value"] for one in site.container().get("environment", ())}
    version = given.get("VERSION", "none")
    return [Seen("It is the new version, v2", version == "v2", f"VERSION is {version}")]


CRASH_LOOP = Drill(
    "checkout",
    "Checkout is down since the release",
    "v2 of `checkout` was released this morning. Since then every customer gets 503. v1 cannot come back: the "
    "payments provider has stopped answering it. Two tasks have to serve v2.",
    "crash-loop",
    "Revision 2 gives the program a setting that it cannot read, LATENCY_MS=none: it says so in its log and exits with "
    "2, and ECS starts the next one. Stopped tasks have the stopCode EssentialContainerExited and the exit code.",
    2,
    _two,
    _bad_setting,
    lambda site: bool(_exits(site)) and site.healthy() == 0,
    _exits,
    _without_it,
    _is_v2,
)
