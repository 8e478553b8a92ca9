from __future__ import annotations

import ipaddress
import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.tools import compose

FILE = Path(__file__).resolve().parents[1] / "docker-compose.yml"
PROFILES = ("localstack", "ministack")
MARK = "token-for-this-test-only"


def composed(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*compose(), "--file", str(FILE), *arguments],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **environ},
    )


def services() -> dict[str, Any]:
    return yaml.safe_load(FILE.read_text())["services"]


def published() -> list[tuple[str, str]]:
    return [(name, port) for name, service in services().items() for port in service.get("ports", [])]


@pytest.mark.parametrize("profiles", [(), PROFILES])
def test_compose_accepts_it_without_any_variable_set(profiles):
    options = [word for profile in profiles for word in ("--profile", profile)]
    done = composed(*options, "config")
    assert done.returncode == 0, done.stderr
    assert set(yaml.safe_load(done.stdout)["services"]) >= {"jupyter", *profiles}


def test_the_token_comes_from_the_environment():
    for environ in ({"LOCALSTACK_AUTH_TOKEN": MARK}, {}):
        shown = yaml.safe_load(composed("--profile", "localstack", "config", **environ).stdout)
        token = shown["services"]["localstack"]["environment"]["LOCALSTACK_AUTH_TOKEN"]
        assert token == environ.get("LOCALSTACK_AUTH_TOKEN", "")


def test_only_jupyter_starts_unasked():
    assert {name for name, service in services().items() if not service.get("profiles")} == {"jupyter"}


def test_every_published_port_is_on_loopback():
    ports = published()
    assert {name for name, _ in ports} == {"jupyter", *PROFILES}
    for name, port in ports:
        address = port.split(":", 1)[0]
        assert ipaddress.ip_address(address).is_loopback, f"{name} publishes {port}"
    assert not [name for name, service in services().items() if service.get("network_mode") == "host"]


def test_each_has_a_port_of_its_own():
    numbers = [re.search(r":-(\d+)\}", port)[1] for _, port in published()]
    assert len(set(numbers)) == len(numbers) == 3
    done = composed("config", JUPYTER_PORT="9999")
    assert "9999" in done.stdout


def test_images_are_pinned():
    for name, service in services().items():
        tag = service["image"].partition(":")[2]
        assert tag and "latest" not in tag, f"{name} follows a tag that moves"


@pytest.mark.timeout(900)
def test_what_the_container_runs_runs_on_this_machine(tmp_path):
    script = services()["jupyter"]["command"][-1].replace("$$", "$").replace("/tmp/venv", str(tmp_path / "venv"))
    own = {
        "DRYDOCK_COURSE": str(tmp_path / "course"),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": sysconfig.get_path("purelib"),  # what the lock names is found there, and not installed again
    }
    done = subprocess.run(
        ["sh", "-ec", script.rstrip() + " --version"],
        cwd=FILE.parent,
        capture_output=True,
        text=True,
        env={**os.environ, **own},
    )
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"\d+\.\d+\.\d+", done.stdout.splitlines()[-1])
    assert (tmp_path / "venv/share/jupyter/lab/settings/overrides.json").read_text().startswith("{")
