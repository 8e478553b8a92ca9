"""`make jupyter` in a terminal, and Ctrl-C: what it started ends, and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest
from tests.support.tools import tool

from drydock import embedded

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("config", "data", "runtime"):
        monkeypatch.setenv(f"JUPYTER_{name.upper()}_DIR", str(tmp_path / name))
    (tmp_path / "config").mkdir()
    settings = json.dumps({"ServerApp": {"open_browser": False}})
    (tmp_path / "config" / "jupyter_server_config.json").write_text(settings)
    monkeypatch.setenv("DRYDOCK_HOME", str(tmp_path / "home"))
    for name in ("DRYDOCK_COURSE", "DRYDOCK_INSTANCE", "DRYDOCK_CLOUD"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home"


def as_a_notebook_does(name: str) -> None:
    """Connect to the embedded AWS of that name, which starts it where it does not run."""
    code = "import sys; from drydock import connect; connect('embedded', name=sys.argv[1])"
    subprocess.run([sys.executable, "-c", code, name], check=True, timeout=60)


@pytest.mark.timeout(180)
def test_ctrl_c_ends_what_it_started_and_nothing_else(home: Path) -> None:
    embedded.start("mine")
    try:
        make = pexpect.spawn(
            tool("make"), ["-o", "setup", "jupyter", f"VENV={sys.prefix}"], cwd=str(ROOT), timeout=90, encoding="utf-8"
        )
        make.expect_exact(f"Your notebooks: {home / 'course'}")
        make.expect(r"http://127\.0\.0\.1:\d+/lab\?token=")
        as_a_notebook_does("mine")
        as_a_notebook_does("default")
        started = embedded.find()
        assert started is not None
        make.sendintr()
        make.expect_exact("Shut down this Jupyter server")
        make.sendline("y")
        make.expect_exact("Stopped; still running, as you started it yourself: mine.")
        make.expect(pexpect.EOF)
        make.close()
        assert embedded.find() is None
        assert embedded.find("mine") is not None
    finally:
        embedded.stop("mine")
        embedded.stop()


@pytest.mark.timeout(180)
def test_a_signal_to_it_alone_ends_all_of_it(home: Path) -> None:
    process = pexpect.spawn(sys.executable, ["-m", "drydock.cli", "lab", "jupyter"], timeout=90, encoding="utf-8")
    process.expect(r"http://127\.0\.0\.1:\d+/lab\?token=")
    as_a_notebook_does("default")
    process.kill(15)
    process.expect_exact("Stopped; nothing is left.")
    process.expect(pexpect.EOF)
    process.close()
    assert embedded.find() is None
