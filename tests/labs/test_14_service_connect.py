"""Lab 14: what each check says of nothing, of something wrong and of something right."""

from __future__ import annotations

from typing import Any

import pytest

from drydock.cloud import Cloud
from drydock.labs import Lab
from drydock.ledger import sweep

from .conftest import At, solve, state, tried, until, update

NAME = "14-service-connect"
ALIAS = {"dnsName": "backend.shop.internal", "port": 8080}


def connect(cloud: Cloud, service: str, *, alias: dict[str, Any] | None = None, **entry: Any) -> None:
    """A service with this alias, in the cluster's namespace."""
    offers = {"portName": "http", "discoveryName": "backend", "clientAliases": [alias], **entry}
    services = [offers] if alias else []
    update(cloud, service, serviceConnectConfiguration={"enabled": True, "services": services})


def test_an_empty_cloud_is_not_started(untouched: Lab) -> None:
    lab = untouched
    states = {step.name: step.check(lab.cloud, lab).state for step in lab.steps}
    assert states == {step.name: "not started" for step in lab.steps}


def test_create_namespace(at: At) -> None:
    lab = at("create-namespace")
    cloud_map, ecs = lab.cloud.client("servicediscovery"), lab.cloud.client("ecs")
    assert state(lab, "create-namespace") == ("not started", "There is no namespace shop.")
    cloud_map.create_http_namespace(Name="shop")
    until(lab, "create-namespace", "wrong", "not the default")
    ecs.update_cluster(cluster="drydock", serviceConnectDefaults={"namespace": "another"})
    assert state(lab, "create-namespace")[0] == "wrong"
    solve(lab, "create-namespace")
    for namespace in cloud_map.list_namespaces()["Namespaces"]:
        if namespace["Name"] == "another":
            cloud_map.delete_namespace(Id=namespace["Id"])


@pytest.mark.parametrize(
    ("alias", "words"),
    [(None, "offers nothing"), ({"dnsName": "backend", "port": 80}, "do not find it")],
)
def test_a_backend_that_others_do_not_find(at: At, alias: dict[str, Any] | None, words: str) -> None:
    lab = at("backend-serves")
    connect(lab.cloud, "backend", alias=alias)
    found = state(lab, "backend-serves")
    update(lab.cloud, "backend", serviceConnectConfiguration={"enabled": False})
    assert found[0] == "wrong"
    assert words in found[1]


def test_a_frontend_that_was_deployed_before_the_name_was_there_finds_nobody(at: At) -> None:
    lab = at("backend-serves")
    connect(lab.cloud, "frontend")
    lab.cloud.client("ecs").get_waiter("services_stable").wait(cluster="drydock", services=["frontend"])
    solve(lab, "backend-serves")
    until(lab, "frontend-calls", "wrong", "Calls of the backend fail")
    solve(lab, "frontend-calls")
    assert state(lab, "tasks-leave")[0] == "not started"
    solve(lab, "tasks-leave")


def test_one_zone_fails(at: At) -> None:
    lab = at("one-zone-fails")
    assert state(lab, "one-zone-fails") == ("not started", "No task of `backend` is made to fail.")
    solve(lab, "one-zone-fails")


def test_time_out(at: At) -> None:
    lab = at("time-out")
    assert state(lab, "time-out") == ("not started", "A call may take 15 s, the default.")
    for seconds, words in ((0, "for ever"), (20, "20 s")):
        connect(lab.cloud, "backend", alias=ALIAS, timeout={"perRequestTimeoutSeconds": seconds})
        found = state(lab, "time-out")
        assert found[0] == "wrong"
        assert words in found[1]
    connect(lab.cloud, "backend", alias={"dnsName": "b", "port": 1}, timeout={"perRequestTimeoutSeconds": 1})
    assert "do not find it" in state(lab, "time-out")[1]
    tried(lab, "time-out", "pass")


def test_renamed(at: At) -> None:
    lab = at("renamed")
    lab.break_it("renamed")
    assert state(lab, "renamed") == ("wrong", "Not one call is answered.")
    connect(lab.cloud, "backend", alias=ALIAS)
    until(lab, "renamed", "wrong", "the tasks of the frontend do not know it")
    tried(lab, "renamed", "")


def test_a_sweep_takes_the_namespace_and_what_is_in_it(at: At) -> None:
    lab = at("time-out")
    assert sweep(lab.cloud, NAME).survivors == []
    assert lab.cloud.client("servicediscovery").list_namespaces()["Namespaces"] == []
