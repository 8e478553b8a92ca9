"""The drills whose customers notice: on a cloud with real programs, load balancers and metrics, all of them at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.runbooks.stepped import in_process

from drydock import embedded
from drydock.cloud import Cloud, connect
from drydock.drills import DRILLS, LAB, Drill, Site, end
from drydock.drills.customers import NEEDED
from drydock.embedded.instance import free_port
from drydock.ledger import Ledger, Recorder
from drydock.policy.diagnosis import Cause
from drydock.runbooks import runner
from drydock.runbooks.evidence import Evidence

CAUSES = {
    "errors-at-a-rate": Cause.ERRORS,
    "latency": Cause.SLOW,
    "memory-leak": Cause.OUT_OF_MEMORY,
    "under-load": Cause.ERRORS_UNDER_LOAD,
    "missing-data": Cause.ALARM_BLIND,
    "oscillation": Cause.SCALES_TO_AND_FRO,
}
"""What the runbook diagnose-service says first."""


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DRYDOCK_HOME", str(tmp_path_factory.mktemp("instance")))
        for name in ("DRYDOCK_CLOUD", "DRYDOCK_PROGRESS", "DRYDOCK_STRICT"):
            patch.delenv(name, raising=False)
        instance = embedded.start(f"drills-test-{os.getpid()}", port=free_port(), speed=60)
        patch.setenv("DRYDOCK_INSTANCE", instance.name)
        patch.setattr(runner, "execute", in_process)
        cloud = connect()
        cloud.listeners.append(Recorder(Ledger(), cloud, LAB))
        yield cloud
        embedded.stop(instance.name)


def at_once(act: Callable[[Site, Drill], object], sites: list[Site]) -> None:
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda site: act(site, DRILLS[site.name]), sites))


@pytest.fixture(scope="module")
def broken(cloud: Cloud) -> dict[str, Site]:
    """By fault the service of each drill, its fault showing."""

    def breaks(site: Site, drill: Drill) -> None:
        drill.lay(site)
        drill.put(site)
        site.until(lambda: drill.shows(site), f"{drill.fault} shows", timeout=60.0)

    sites = {one.fault: Site(cloud, one.name) for one in DRILLS.values() if one.needs == NEEDED}
    shared = next(iter(sites.values()))
    shared.ground()
    shared.role()
    at_once(breaks, list(sites.values()))
    return sites


@pytest.mark.parametrize("fault", CAUSES)
def test_a_fault_is_found_by_calls_alone_and_diagnosed(broken: dict[str, Site], fault: str, tmp_path: Path) -> None:
    site = broken[fault]
    assert not all(one.holds for one in DRILLS[site.name].seen(site)), "nothing has been done"
    assert {other.fault for other in DRILLS.values() if other.find(site)} == {fault}
    report = runner.run("diagnose-service", {"cluster": site.cluster, "service": site.name}, root=tmp_path)
    assert report.outcome == "read", report.error
    first, *_ = Evidence(report.folder).read("findings.json")
    assert first["Finding"] == CAUSES[fault], first


def to_none(site: Site) -> None:
    site.update(desiredCount=0)


def more_memory(site: Site) -> None:
    site.update(taskDefinition=site.register({"VERSION": "v2", "LEAK_MIB_PER_REQUEST": "4"}, memory=512))


def back_to_v1_alone(site: Site) -> None:
    off = {"alarmNames": [], "enable": False, "rollback": False}
    site.update(taskDefinition=f"{site.name}:1", deploymentConfiguration={"alarms": off})


def no_policies(site: Site) -> None:
    scaling = site.cloud.client("application-autoscaling")
    for one in scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"]:
        kept = ("PolicyName", "ServiceNamespace", "ResourceId", "ScalableDimension")
        scaling.delete_scaling_policy(**{name: one[name] for name in kept})


def nobody_comes(site: Site) -> None:
    site.ecs.update_service(cluster=site.cluster, service=f"{site.name}-customers", desiredCount=0)
    site.update(forceNewDeployment=True)


def as_it_was(site: Site) -> None:
    """What `mend` is not there to undo."""
    drill = DRILLS[site.name]
    site.update(desiredCount=drill.tasks)
    site.ecs.update_service(cluster=site.cluster, service=f"{site.name}-customers", desiredCount=1)
    if drill.fault == "oscillation":
        drill.put(site)


WRONG: list[tuple[str, Callable[[Site], None], str]] = [
    *((fault, to_none, "2 tasks or more are wanted") for fault in CAUSES),
    ("memory-leak", more_memory, "No request leaves memory behind"),
    ("missing-data", back_to_v1_alone, "An alarm on its target group would roll the next bad version back"),
    ("oscillation", no_policies, "Alarms still call for more tasks and for fewer"),
    ("latency", nobody_comes, "Customers come: 24 requests or more since the current deployment"),
]


def test_what_hides_a_fault_does_not_mend_it(broken: dict[str, Site]) -> None:
    for fault, change, missed in WRONG:
        site = broken[fault]
        change(site)
        seen = {one.wanted: one for one in DRILLS[site.name].seen(site)}
        assert not seen[missed].holds, (fault, missed, seen)
        as_it_was(site)


def test_the_reference_solution_mends_it_and_nothing_is_left_in_the_end(broken: dict[str, Site], cloud: Cloud) -> None:
    def mends(site: Site, drill: Drill) -> None:
        drill.mend(site)
        site.until(lambda: all(one.holds for one in drill.seen(site)), f"{drill.fault} is mended", timeout=60.0)

    sites = list(broken.values())
    at_once(mends, sites)
    found = {site.name: drill.fault for site in sites for drill in DRILLS.values() if drill.find(site)}
    assert not found, "a cause is found of what is mended"
    for site in sites:
        site.ecs.delete_service(cluster=site.cluster, service=site.name, force=True)
        assert not all(one.holds for one in DRILLS[site.name].seen(site)), "a service that is gone is not mended"
    assert not end(cloud).survivors
