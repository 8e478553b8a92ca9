from __future__ import annotations

import base64
import hashlib
import importlib.util
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from tests.support.tools import tool

SERVICES = Path(__file__).resolve().parents[2] / "labs" / "services"


def wheel(folder: Path, text: str = "answer = 42\n") -> str:
    """A wheel of one module, made on the spot; returns its sha256."""
    path = folder / "tiny-1.0-py3-none-any.whl"
    files = {
        "tiny.py": text,
        "tiny-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n",
        "tiny-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    for name, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content.encode()).digest()).rstrip(b"=").decode()
        record += f"{name},sha256={digest},{len(content)}\n"
    files["tiny-1.0.dist-info/RECORD"] = record + "tiny-1.0.dist-info/RECORD,,\n"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(params=["uv", "pip"])
def shop(request, tmp_path: Path):
    """A copy of vendor.py with one service, and a tool that sees only the wheels of one folder."""
    tools = tmp_path / "tools"
    tools.mkdir()
    if request.param == "uv":
        uv = tool("uv")
        (tools / "uv").symlink_to(uv)
    elif not importlib.util.find_spec("pip"):
        pytest.skip("this environment has no pip")

    class Shop:
        service = tmp_path / "services" / "till"
        vendor = service / "vendor"
        wheels = tmp_path / "wheels"

        def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
            uv_config = tmp_path / "uv.toml"
            uv_config.write_text(f'no-index = true\nfind-links = ["{self.wheels}"]\n')
            environ = {
                "PATH": str(tools),
                "HOME": str(tmp_path),
                "UV_CONFIG_FILE": str(uv_config),
                "PIP_NO_INDEX": "1",
                "PIP_FIND_LINKS": str(self.wheels),
            }
            return subprocess.run(
                [sys.executable, self.service.parent / "vendor.py", *arguments],
                env=environ,
                capture_output=True,
                text=True,
            )

        def require(self, digest: str, name: str = "requirements.txt") -> None:
            (self.service / name).write_text(f"tiny==1.0 --hash=sha256:{digest}\n")

    shop = Shop()
    shop.wheels.mkdir()
    shop.service.mkdir(parents=True)
    shutil.copy(SERVICES / "vendor.py", shop.service.parent)
    shutil.copytree(SERVICES / "chassis", shop.service.parent / "chassis")
    return shop


def test_vendors_once_until_the_requirements_change(shop):
    shop.require(wheel(shop.wheels))
    first = shop.run()
    assert "till/requirements.txt: vendored" in first.stdout, first.stderr
    assert (shop.vendor / "tiny.py").read_text() == "answer = 42\n"
    assert (shop.vendor / "chassis" / "server.py").is_file()
    assert "up to date" in shop.run().stdout
    shop.require(wheel(shop.wheels, "answer = 43\n"))
    assert "vendored" in shop.run().stdout
    assert (shop.vendor / "tiny.py").read_text() == "answer = 43\n"
    assert [path.name for path in shop.service.iterdir() if path.name.startswith(".")] == []


def test_a_wheel_with_another_hash_is_refused_and_what_was_there_stays(shop):
    shop.require(wheel(shop.wheels))
    shop.run()
    shop.require("0" * 64)
    refused = shop.run()
    assert refused.returncode != 0
    assert "hash" in refused.stderr.lower()
    assert (shop.vendor / "tiny.py").is_file()


def test_a_variant_has_a_directory_of_its_own(shop):
    digest = wheel(shop.wheels)
    (shop.service / "requirements.txt").write_text("# nothing\n")
    shop.require(digest, "requirements-old.txt")
    assert shop.run("till").returncode == 0
    assert not (shop.vendor / "tiny.py").exists()
    assert (shop.service / "vendor-old" / "tiny.py").is_file()


def test_an_unknown_service_is_named(shop):
    shop.require(wheel(shop.wheels))
    refused = shop.run("tilt")
    assert refused.returncode != 0
    assert "'tilt'" in refused.stderr and "till" in refused.stderr


def test_requirements_are_hashed_and_name_no_host():
    files = sorted(SERVICES.glob("*/requirements*.txt"))
    assert len(files) >= 3
    for path in files:
        text = path.read_text()
        pins = [line for line in text.splitlines() if line and line[0].isalpha()]
        assert all("==" in pin for pin in pins)
        assert text.count("--hash=sha256:") >= len(pins)
        assert "://" not in text and "index" not in text


def test_the_worker_ships_what_it_calls_and_little_else():
    vendor = SERVICES / "worker" / "vendor"
    models = {path.name for path in (vendor / "botocore" / "data").iterdir() if path.is_dir()}
    assert models == {"cloudwatch", "sqs", "sts"}
    assert sum(path.stat().st_size for path in vendor.rglob("*")) < 8 * 1024 * 1024
