"""The parts of a hub that need no hub: names and passwords, limits, routes, and what a machine has to have."""

from __future__ import annotations

import json
import os
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest
import yaml
from traitlets.config import Config
from typer.testing import CliRunner

from drydock.commands import hub as command
from drydock.hub import config, learners, limits
from drydock.hub.learners import FIRST_UID, Learners, NoUserLeft
from drydock.hub.proxy import virtual_hosts

VALUES = Path(__file__).resolve().parents[2] / "docs" / "zero-to-jupyterhub.yaml"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(learners._COST, "n", 16)


def test_a_password_opens_for_its_learner_alone_and_is_not_kept(tmp_path: Path) -> None:
    made = Learners(tmp_path).new_passwords(["Ada", "bob"])
    known = Learners(tmp_path)
    assert known.are("ada", made["ada"]) and known.are("bob", made["bob"])
    assert not known.are("ada", made["bob"]) and not known.are("ada", "") and not known.are("nobody", made["ada"])
    assert (known.identifier("ada"), known.uid("ada"), known.uid("bob")) == ("Ada", FIRST_UID, FIRST_UID + 1)
    text = (tmp_path / "learners.json").read_text()
    assert not any(password in text for password in made.values())
    assert (tmp_path / "learners.json").stat().st_mode & 0o777 == 0o600


def test_passwords_are_made_once_and_anew_when_asked_for(tmp_path: Path) -> None:
    first = Learners(tmp_path).new_passwords(["ada"])
    assert Learners(tmp_path).new_passwords(["ada", "bob"]).keys() == {"bob"}
    second = Learners(tmp_path).new_passwords(["ada"], again=True)
    known = Learners(tmp_path)
    assert known.are("ada", second["ada"]) and not known.are("ada", first["ada"])
    assert known.uid("ada") == FIRST_UID


def test_no_two_learners_are_one_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learners, "LAST_UID", FIRST_UID + 1)
    with pytest.raises(NoUserLeft, match="60706"):
        Learners(tmp_path).new_passwords(["a", "b", "c"])


def test_the_longest_path_of_a_host_comes_first() -> None:
    targets = {
        "/": "http://127.0.0.1:1",
        "/user/ada/": "http://127.0.0.1:2",
        "ada.hub.org/user/ada/": "http://127.0.0.1:3",
    }
    hosts = {host["name"]: host for host in virtual_hosts(targets)}
    assert [route["match"]["prefix"] for route in hosts["all"]["routes"]] == ["/user/ada/", "/"]
    assert [route["route"]["cluster"] for route in hosts["all"]["routes"]] == ["127.0.0.1:2", "127.0.0.1:1"]
    assert hosts["all"]["domains"] == ["*"]
    assert hosts["ada.hub.org"]["domains"] == ["ada.hub.org", "ada.hub.org:*"]


@pytest.mark.parametrize("version", [1, 2])
def test_limits_are_written_as_both_versions_of_control_groups_want_them(
    version: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "_ROOT", tmp_path)
    if version == 2:
        (tmp_path / "cgroup.controllers").write_text("cpu memory pids")
    limits.Limits("ada").make(1 << 30, 100)
    found = {str(path.relative_to(tmp_path)): path.read_text() for path in tmp_path.rglob("ada/*")}
    if version == 2:
        assert found == {"drydock-hub/ada/memory.max": "1073741824", "drydock-hub/ada/pids.max": "100"}
    else:
        memory, pids = "memory/drydock-hub/ada/memory.limit_in_bytes", "pids/drydock-hub/ada/pids.max"
        assert found == {memory: "1073741824", pids: "100"}


def test_a_machine_without_control_groups_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(limits, "_ROOT", tmp_path / "file")
    with pytest.raises(limits.NoLimits, match="memory and pids"):
        limits.prepare()
    monkeypatch.setattr(limits, "_ROOT", tmp_path)
    with pytest.raises(limits.NoLimits, match=r"no memory\.limit_in_bytes here"):
        limits.prepare()


@pytest.mark.parametrize(
    ("lacks", "said"),
    [
        ({"sys.platform": "darwin"}, "needs Linux"),
        ({"os.geteuid": lambda: 1000}, "run it with sudo"),
        ({"importlib.util.find_spec": lambda name: None}, "drydock-labs[hub]"),
        ({"shutil.which": lambda name: None}, "apt install bubblewrap util-linux"),
        ({"drydock.hub.walls.trouble": lambda: "bwrap: No permission"}, "cannot be made here: bwrap: No permission"),
    ],
)
def test_what_is_missing_is_said(lacks: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    has = {
        "sys.platform": "linux",
        "os.geteuid": lambda: 0,
        "shutil.which": lambda name: name,
        "drydock.hub.walls.trouble": lambda: "",
    }
    for name, value in {**has, **lacks}.items():
        monkeypatch.setattr(name, value)
    monkeypatch.setattr(limits, "prepare", lambda: None)
    with pytest.raises(command.CannotServe) as caught:
        command.check()
    assert said in str(caught.value)


def test_a_hub_is_of_a_class(tmp_path: Path) -> None:
    from drydock.commands.classroom import app

    done = CliRunner().invoke(app, ["hub", str(tmp_path)])
    assert "drydock class new" in str(done.exception)


def test_a_class_is_served_once_and_at_a_free_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from drydock.commands.classroom import app

    one = {"learner": {"id": "ada", "name": "Ada"}, "token": "t"}
    made = {"version": 1, "name": "c", "labs": [], "members": [one]}
    (tmp_path / "class.json").write_text(json.dumps(made))
    monkeypatch.setattr(command, "check", lambda: None)
    lock = command._alone(tmp_path)
    assert "is served: end that hub" in str(CliRunner().invoke(app, ["hub", str(tmp_path)]).exception)
    listed = tmp_path / "list.csv"
    listed.write_text("id,name\nada,Ada\nbob,Bob\n")
    done = CliRunner().invoke(app, ["new", str(tmp_path), "--labs=00", f"--learners={listed}"])
    assert "is served: end that hub" in str(done.exception) and "bob" not in (tmp_path / "class.json").read_text()
    os.close(lock)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = CliRunner().invoke(app, ["hub", str(tmp_path), f"--port={taken.getsockname()[1]}"])
    assert "choose another --port" in str(done.exception)
    assert not (tmp_path / "hub" / "learners.json").exists()
    printed = CliRunner().invoke(app, ["password", str(tmp_path), "ada"]).stdout
    assert Learners(tmp_path / "hub").are("ada", printed.split()[-1])
    assert "bob" in str(CliRunner().invoke(app, ["password", str(tmp_path), "bob"]).exception)


@pytest.mark.process  # JupyterHub's, which looks for PAM as it is imported
def test_a_server_says_that_it_is_used_four_times_before_it_would_end(tmp_path: Path) -> None:
    c = Config()
    config.configure(c, tmp_path, idle=40)
    shutil.rmtree(c.EnvoyProxy.sockets)
    assert c.Room.environment == {"JUPYTERHUB_ACTIVITY_INTERVAL": "10"}
    assert "--timeout=40" in c.JupyterHub.services[0]["command"]


FIELDS = """
    cull.enabled cull.every cull.timeout cull.users hub.activeServerLimit hub.concurrentSpawnLimit
    hub.config.Authenticator.admin_users hub.config.Authenticator.allowed_users hub.config.JupyterHub.admin_access
    hub.config.JupyterHub.authenticator_class hub.config.NativeAuthenticator.allowed_failed_logins
    hub.config.NativeAuthenticator.minimum_password_length hub.config.NativeAuthenticator.open_signup
    hub.config.NativeAuthenticator.seconds_before_next_try hub.extraConfig.accessKey proxy.https.enabled
    proxy.https.hosts proxy.https.letsencrypt.contactEmail scheduling.userScheduler.enabled
    singleuser.allowPrivilegeEscalation singleuser.cloudMetadata.blockWithIptables singleuser.cmd
    singleuser.cpu.guarantee singleuser.cpu.limit singleuser.defaultUrl singleuser.fsGid singleuser.image.name
    singleuser.image.tag singleuser.memory.guarantee singleuser.memory.limit
    singleuser.networkPolicy.egressAllowRules.cloudMetadataServer
    singleuser.networkPolicy.egressAllowRules.dnsPortsCloudMetadataServer
    singleuser.networkPolicy.egressAllowRules.dnsPortsKubeSystemNamespace
    singleuser.networkPolicy.egressAllowRules.dnsPortsPrivateIPs
    singleuser.networkPolicy.egressAllowRules.nonPrivateIPs singleuser.networkPolicy.egressAllowRules.privateIPs
    singleuser.networkPolicy.enabled singleuser.startTimeout singleuser.storage.capacity
    singleuser.storage.dynamic.storageAccessModes singleuser.storage.homeMountPath singleuser.storage.type
    singleuser.uid
"""
"""Of jupyterhub/values.schema.yaml of Zero to JupyterHub, July 2026, against which the values were validated with the
chart's defaults below them. What is below hub.config and hub.extraConfig is free there."""


def test_the_values_for_kubernetes_name_what_the_chart_has() -> None:
    values = yaml.safe_load(VALUES.read_text())
    assert sorted(_leaves(values)) == FIELDS.split()
    compile(values["hub"]["extraConfig"]["accessKey"], "accessKey", "exec")


def _leaves(values: dict[str, Any], above: str = "") -> list[str]:
    return [
        leaf
        for name, value in values.items()
        for leaf in (_leaves(value, f"{above}{name}.") if isinstance(value, dict) else [f"{above}{name}"])
    ]


def test_the_key_that_a_server_gets_there_is_one_that_a_cloud_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    from drydock.user import ACCESS_KEY, access_key

    class Spawner:
        environment: dict[str, str] = {}

    c = Config()
    exec(yaml.safe_load(VALUES.read_text())["hub"]["extraConfig"]["accessKey"], {"c": c})
    c.Spawner.pre_spawn_hook(Spawner)
    given = json.loads(json.dumps(Spawner.environment))
    monkeypatch.setenv(ACCESS_KEY, given[ACCESS_KEY])
    assert access_key() == (given["AWS_ACCESS_KEY_ID"], given["AWS_SECRET_ACCESS_KEY"])
