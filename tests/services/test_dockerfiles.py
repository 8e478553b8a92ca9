from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest
from packaging.version import Version
from tests.support.images import unpack
from tests.support.tools import tool

from drydock import images

SERVICES = Path(__file__).resolve().parents[2] / "labs" / "services"
NAMES = ("frontend", "backend", "worker")


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    layout = images.Layout(tmp_path_factory.mktemp("images"))

    def run(name: str, **options) -> tuple[images.Image, str]:
        lines: list[str] = []
        return images.build(SERVICES / name, layout=layout, output=lines.append, **options), "\n".join(lines)

    return run


@pytest.mark.parametrize("name", NAMES)
def test_hadolint_has_nothing_to_say(name):
    found = subprocess.run([tool("hadolint"), SERVICES / name / "Dockerfile"], capture_output=True, text=True)
    assert (found.returncode, found.stdout) == (0, "")


@pytest.mark.parametrize("name", NAMES)
def test_unit_tests_of_the_test_stage_pass(name, tmp_path):
    folder = SERVICES / name
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(folder / "vendor"), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-m", "unittest"], cwd=folder, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Ran 0 tests" not in done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_production_follows_the_rules(build, name):
    image, said = build(name, build_args={"VERSION": "1.2.3"})
    config = image.settings
    assert "[test] skipped" in said
    assert config.labels["org.opencontainers.image.version"] == config.env["VERSION"] == "1.2.3"
    user, _, group = config.user.partition(":")
    assert user.isdecimal() and group.isdecimal() and int(user) > 0
    assert (config.entrypoint, config.cmd) == (("python",), (f"{name}.py",))
    assert config.healthcheck and config.healthcheck.test == ("CMD", "python", "healthcheck.py")
    assert config.exposed_ports == (() if name == "worker" else ("8080/tcp",))
    assert config.stop_signal == "SIGTERM"


@pytest.mark.parametrize("name", NAMES)
def test_production_leaves_behind_what_it_does_not_run(build, name):
    image, _ = build(name)
    files = {entry.path for entry in image.files()}
    ours = {Path(file).name for file in files if Path(file).parent == Path("app")}
    assert {f"{name}.py", "healthcheck.py"} <= ours
    assert not {file for file in ours if file.startswith(("test_", "requirements", "Dockerfile", "."))}
    assert not {file for file in files if "__pycache__" in file or file.endswith(".stamp")}


@pytest.mark.parametrize("name", NAMES)
def test_equal_input_gives_an_equal_digest_and_a_version_another(build, name):
    assert build(name)[0].digest == build(name)[0].digest != build(name, build_args={"VERSION": "2"})[0].digest


@pytest.mark.parametrize("name", ["frontend", "backend"])
def test_what_is_in_the_image_is_enough_to_run(build, serve, tmp_path, name):
    image, _ = build(name, build_args={"VERSION": "1.2.3"})
    unpack(image.manifest, image.layout.open, tmp_path)
    service = serve(name, folder=tmp_path / "app", VERSION="1.2.3")
    assert service.get("/version") == (200, {"service": name, "version": "1.2.3"})
    assert service.healthcheck().returncode == 0
    assert service.stop() == 0


def test_what_is_in_the_workers_image_is_enough_to_run(build, launch, tmp_path):
    image, _ = build("worker")
    unpack(image.manifest, image.layout.open, tmp_path)
    worker = launch(
        "worker",
        folder=tmp_path / "app",
        QUEUE_URL="http://127.0.0.1:1/0/jobs",
        AWS_REGION="us-east-1",
        AWS_ENDPOINT_URL="http://127.0.0.1:1",
        AWS_ACCESS_KEY_ID="a",
        AWS_SECRET_ACCESS_KEY="b",
    )
    assert "Could not connect" in worker.said("can't receive")["reason"]
    assert worker.healthcheck().stderr == "no heartbeat yet\n"
    assert worker.stop() == 0


def test_the_vulnerable_variant_adds_one_old_package(build):
    plain, variant = build("backend")[0], build("backend", build_args={"VENDOR": "vendor-vulnerable"})[0]
    added = {change.path.split("/")[2] for change in plain.diff(variant) if change.path.startswith("app/vendor/")}
    assert added == {"urllib3", "urllib3-1.26.4.dist-info"}


def advisories_for(requirements: Path) -> list[str]:
    file = resources.files("drydock.embedded.services.ecr") / "advisories.json"
    pins = dict(re.findall(r"^([\w.-]+)==([\w.]+)", requirements.read_text(), re.MULTILINE))
    return [
        known["severity"]
        for known in json.loads(file.read_text())["advisories"]
        if known["ecosystem"] == "pypi" and known["package"] in pins
        for affected in known["ranges"]
        if Version(affected.get("introduced", "0")) <= Version(pins[known["package"]]) < Version(affected["fixed"])
    ]


def test_only_the_vulnerable_variant_has_something_for_the_scan_to_find():
    assert sorted(advisories_for(SERVICES / "backend" / "requirements-vulnerable.txt")) == [
        "HIGH",
        "HIGH",
        "MEDIUM",
        "MEDIUM",
    ]
    assert advisories_for(SERVICES / "worker" / "requirements.txt") == []
