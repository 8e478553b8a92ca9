"""Learners in one hub at once, in browsers: each has a cloud of its own, and one of them is after the others'.

Two of them by default; `make hub` has five, and notes what is in docs/hub.md.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin

import psutil
import pytest

from drydock.classroom import folder as classes
from drydock.classroom.roster import Learner
from drydock.embedded.instance import free_port
from drydock.hub.learners import Learners, hub_of
from drydock.labs import catalogue
from tests.hub.attempts import OPEN
from tests.hub.victim import SECRET
from tests.support.jupyterlab import FLAGS
from tests.support.tools import found, tool
from tests.support.waiting import eventually

LEARNERS = ("ada", "mal", "bob", "cy", "di")[: int(os.environ.get("DRYDOCK_HUB_LEARNERS", "2"))]
REPORT = os.environ.get("DRYDOCK_HUB_REPORT", "")
ROOT = Path(__file__).resolve().parents[2]
MEMORY, TASKS = 1000, 400
RUN = """async (code) => {
  const app = window.jupyterapp;
  if (!window.itsPanel) {
    window.itsPanel = await app.commands.execute('notebook:create-new', {kernelName: 'python3'});
    await window.itsPanel.context.ready;
    await window.itsPanel.sessionContext.ready;
  }
  const panel = window.itsPanel;
  panel.content.activeCell.model.sharedModel.setSource(code);
  const cell = panel.content.activeCell.model;
  await app.commands.execute('notebook:run-cell');
  return JSON.stringify(cell.outputs.toJSON());
}"""
OF_MALS = """
import os, sys
if os.getpid() == 1:
    raise SystemExit("code of a learner's in the first process of a room")
kept, sys.path = sys.path, [one for one in sys.path if one not in ("", os.path.dirname(__file__))]
del sys.modules["argparse"]
import argparse
sys.path = kept
"""
"""In a file that is called as a module of Python's: there, whoever starts Python in the learner's folder imports it."""


@dataclass
class Hub:
    """A class that is served."""

    folder: Path
    url: str
    passwords: dict[str, str]
    process: subprocess.Popen[bytes]

    @property
    def log(self) -> str:
        return (self.folder / "hub.log").read_text()

    def room(self, name: str) -> Path:
        return self.folder / "hub" / "rooms" / name

    def processes(self, name: str) -> list[psutil.Process]:
        """All of a learner's."""
        uid = self.uid(name)
        return [one for one in psutil.process_iter(["uids"]) if one.info["uids"].real == uid]

    def noted(self, what: str, value: Any) -> None:
        """Figures for docs/hub.md, where `make hub` asks for them."""
        known = json.loads(Path(REPORT).read_text()) if Path(REPORT).exists() else {}
        Path(REPORT).write_text(json.dumps({**known, what: value}, indent=1) + "\n")

    def use(self, name: str) -> dict[str, float]:
        """What a learner's processes use, or the hub's own for "": see `_use`."""
        own = [psutil.Process(self.process.pid), *psutil.Process(self.process.pid).children(True)]
        learners = {self.uid(one) for one in LEARNERS}
        return _use(self.processes(name) if name else [one for one in own if one.uids().real not in learners])

    def uid(self, name: str) -> int:
        return int(json.loads((self.folder / "hub" / "learners.json").read_text())[name]["uid"])


def _use(processes: list[psutil.Process]) -> dict[str, float]:
    """MiB, with a share of what several have in common; seconds of CPU until now; now, in seconds."""
    return {
        "MiB": round(sum(one.memory_full_info().pss for one in processes) / 2**20),
        "CPU s": round(sum(sum(one.cpu_times()[:2]) for one in processes), 2),
        "processes": len(processes),
        "threads": sum(one.num_threads() for one in processes),
        "at": round(time.monotonic(), 1),
    }


def passwords_in(printed: str) -> dict[str, str]:
    return dict(re.findall(r"^(\w+) +(\w{4}(?:-\w{4}){3})\s*$", printed, re.M))


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    folder = tmp_path_factory.mktemp("hub") / "class"
    classes.new(folder, catalogue.in_ranges("00"), [Learner(name, name.title()) for name in LEARNERS])
    (folder / "learners" / "mal" / "argparse.py").write_text(OF_MALS)
    port = free_port()
    with (folder / "hub.log").open("wb") as log:
        process = subprocess.Popen(
            [
                sys.executable, "-m", "drydock.cli", "class", "hub", folder, f"--port={port}", f"--memory={MEMORY}M",
                f"--tasks={TASKS}", "--Room.args=--LabApp.expose_app_in_browser=True",
                "--JupyterHub.service_tokens=a-token-of-the-tests=idle",
            ],
            stdout=log,
            stderr=log,
        )  # fmt: skip
    made = Hub(folder, f"http://127.0.0.1:{port}", {}, process)
    try:
        eventually(lambda: _answers(f"{made.url}/hub/login") or process.poll() is not None, "the hub answers")
        assert process.poll() is None, made.log
        made.passwords |= passwords_in(made.log)
        yield made
    finally:
        process.terminate()
        process.wait(timeout=90)
        assert not any(made.processes(name) for name in LEARNERS)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except OSError:
        return False


@pytest.fixture(scope="module")
def pages(hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Each learner's browser, logged in by typing, all at once, and at JupyterLab."""
    browser = tool("chromium") if found("chromium") else tool("google-chrome")
    from playwright.sync_api import sync_playwright

    scratch = tmp_path_factory.mktemp("pages")
    with sync_playwright() as playwright, ExitStack() as ends:
        chromium = playwright.chromium.launch(executable_path=browser, args=FLAGS)
        ends.callback(chromium.close)
        opened = {name: chromium.new_context().new_page() for name in LEARNERS}
        try:
            for name, page in opened.items():
                log_in(page, hub, name, hub.passwords[name])
            for page in opened.values():
                at_lab(page)
        except BaseException as error:
            for name, page in opened.items():
                page.screenshot(path=str(scratch / f"{name}.png"))
                error.add_note(f"{name} is at {page.url}: {page.inner_text('body')[:500]}")
            error.add_note(hub.log[-3000:])
            raise
        if REPORT:
            hub.noted("JupyterLab is open", {name or "hub": hub.use(name) for name in (*LEARNERS, "")})
        yield opened


def log_in(page: Any, hub: Hub, name: str, password: str) -> None:
    page.goto(f"{hub.url}/hub/login")
    page.locator("#username_input").press_sequentially(name)
    page.locator("#password_input").press_sequentially(password)
    page.keyboard.press("Enter")


def at_lab(page: Any) -> None:
    page.wait_for_function("() => window.jupyterapp?.shell?.currentWidget", timeout=120_000)


def run(page: Any, code: str) -> Any:
    """What a cell of a new notebook tells."""
    head = f"import sys; sys.path.insert(0, {str(ROOT)!r})\nfrom tests.hub import attempts, victim\n"
    outputs = json.loads(page.evaluate(RUN, head + code))
    text = "".join(one.get("text", "") for one in outputs)
    assert "TOLD" in text, outputs
    return json.loads(text.partition("TOLD")[2])


@pytest.fixture(scope="module")
def facts(hub: Hub, pages: dict[str, Any]) -> dict[str, Any]:
    """What ada has, and where."""
    told: dict[str, Any] = run(pages["ada"], "victim.told(victim.begin())")
    if REPORT:
        hub.noted("a cloud with a task and a load balancer", hub.use("ada"))
    rooms = sorted(Path(one).name for one in Path("/run").glob("drydock-hub-*"))
    work = hub.folder / "learners" / "ada"
    outside = [hub.room("ada") / "home" / ".local", hub.room("ada") / "tmp" / "own.txt", work / "learner.json"]
    outside += [hub.folder / "class.json", hub.folder / "hub" / "learners.json", hub.folder / "hub.log"]
    listening = {one.laddr.port for one in psutil.net_connections("tcp4") if one.status == psutil.CONN_LISTEN}
    return {
        **told,
        "outside": [*map(str, outside), *(f"/run/{room}/envoy/admin.sock" for room in rooms)],
        "ports outside": sorted(listening),
        "processes": [one.pid for one in hub.processes("ada")],
    }


def test_each_is_alone_with_a_cloud_and_a_user_of_its_own(
    hub: Hub, pages: dict[str, Any], facts: dict[str, Any]
) -> None:
    codes = run(pages["ada"], "victim.told(victim.refused_in_the_own_room())")
    assert codes == ["UnrecognizedClientException", "InvalidSignatureException"]
    assert len({hub.uid(name) for name in LEARNERS}) == len(LEARNERS)
    for name in LEARNERS:
        for place in (hub.room(name) / "home", hub.room(name) / "tmp", hub.folder / "learners" / name):
            assert (place.stat().st_uid, place.stat().st_mode & 0o777) == (hub.uid(name), 0o700)
    assert hub.passwords["ada"] not in (hub.folder / "hub" / "learners.json").read_text()


def test_nothing_of_anothers_can_be_reached(hub: Hub, pages: dict[str, Any], facts: dict[str, Any]) -> None:
    tried = run(pages["mal"], f"import json\nvictim.told(attempts.all_of(json.loads({json.dumps(facts)!r})))")
    if REPORT:
        hub.noted("tried", tried)
    assert len(tried) > 40
    assert {name: why for name, why in tried.items() if why.startswith(OPEN)} == {}
    assert {tried[f"file {path}"] for path in facts["files"]} == {"ENOENT"}
    assert tried["Envoy's administration"] == "ENOENT"
    assert tried["API with the other's key"] == "UnrecognizedClientException"
    assert tried[f"tcp {facts['task']}:8080"] == tried[f"tcp {facts['balancer']}"] == "ECONNREFUSED"
    assert {tried[f"process {pid}"] for pid in facts["processes"]} <= {"ESRCH", "this room's own"}
    assert tried["hub's API DELETE /hub/api/users/ada/server"] in ("HTTP 403", "HTTP 404")
    assert tried["everybody's Python changed"] in ("EROFS", "EACCES")


def asked(hub: Hub, page: Any, path: str, headers: dict[str, str]) -> tuple[int, str]:
    """Status and Location of what is answered to whoever has the cookies of this browser."""
    cookies = "; ".join(f"{one['name']}={one['value']}" for one in page.context.cookies(f"{hub.url}{path}"))
    asking = http.client.HTTPConnection(hub.url.removeprefix("http://"), timeout=30)
    asking.request("GET", path, headers={**headers, "Cookie": cookies})
    answer = asking.getresponse()
    answer.close()
    asking.close()
    return answer.status, answer.getheader("Location", "")


def test_nor_by_a_page_of_somebody_elses(hub: Hub, pages: dict[str, Any]) -> None:
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
               "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}  # fmt: skip
    path = "/user/ada/api/events/subscribe"
    assert asked(hub, pages["ada"], path, {**upgrade, "Origin": hub.url})[0] == 101
    assert asked(hub, pages["ada"], path, {**upgrade, "Origin": "http://elsewhere.example"})[0] == 403
    for to in ("https://elsewhere.example", "//elsewhere.example", "/\\elsewhere.example", "https:elsewhere.example"):
        _, where = asked(hub, pages["ada"], f"/hub/login?next={quote(to)}", {})
        assert urljoin(hub.url, where.replace("\\", "/")).startswith(hub.url), (to, where)


def test_nor_by_the_browser_of_one_who_is_logged_in(pages: dict[str, Any]) -> None:
    ask = "async (path) => { const a = await fetch(path); return [a.status, new URL(a.url).pathname]; }"
    for path in ("api/contents/own.txt", "api/kernels", "api/terminals", "files/own.txt"):
        status, where = pages["mal"].evaluate(ask, f"/user/ada/{path}")
        assert status in (403, 404), (path, status, where)
    opens = """(path) => new Promise(done => {
        const socket = new WebSocket(path);
        socket.onopen = () => done('open');
        socket.onerror = () => done('refused');
    })"""
    assert pages["mal"].evaluate(opens, "/user/ada/api/events/subscribe") == "refused"
    assert pages["ada"].evaluate(opens, "/user/ada/api/events/subscribe") == "open"


def test_who_takes_more_than_there_is_takes_it_from_oneself(
    hub: Hub, pages: dict[str, Any], facts: dict[str, Any]
) -> None:
    assert run(pages["mal"], f"victim.told(attempts.take_memory({2 * MEMORY}))") == "killed"
    assert run(pages["mal"], f"victim.told(attempts.fork_on({2 * TASKS}))") == "BlockingIOError"
    if REPORT:
        hub.noted("the same, left alone", hub.use("ada"))
    after = run(pages["ada"], "victim.told(victim.still())")
    assert (after["secret"], after["clusters"]) == (SECRET, 1)


def test_the_wrong_password_opens_nothing(hub: Hub, pages: dict[str, Any]) -> None:
    page = pages["mal"].context.browser.new_page()
    log_in(page, hub, "ada", hub.passwords["mal"])
    page.wait_for_selector(".login_error")
    log_in(page, hub, "nobody", hub.passwords["mal"])
    page.wait_for_selector(".login_error")
    new = Learners(hub_of(hub.folder)).new_passwords(["ada"], again=True)
    log_in(page, hub, "ada", hub.passwords["ada"])
    page.wait_for_selector(".login_error")
    hub.passwords |= new
    page.close()


def test_an_idle_server_ends_with_its_cloud_and_goes_on_at_the_next_log_in(
    hub: Hub, pages: dict[str, Any], facts: dict[str, Any]
) -> None:
    for page in pages.values():
        page.goto(f"{hub.url}/hub/logout")
    culler = subprocess.Popen(
        [sys.executable, "-m", "jupyterhub_idle_culler", "--timeout=1", "--cull-every=1", f"--url={hub.url}/hub/api"],
        env={**os.environ, "JUPYTERHUB_API_TOKEN": "a-token-of-the-tests"},
        stderr=subprocess.DEVNULL,
    )
    try:
        eventually(lambda: not hub.processes("ada"), "ada's room ends")
    finally:
        culler.send_signal(signal.SIGKILL)
        culler.wait()
    assert not (hub.room("ada") / "home/.local/state/drydock/instances/default/state.json").exists()
    log_in(pages["ada"], hub, "ada", hub.passwords["ada"])
    at_lab(pages["ada"])
    again = run(pages["ada"], "victim.told(victim.still())")
    assert (again["secret"], again["clusters"], again["text"]) == (SECRET, 1, SECRET)
    assert again["key"] != facts["key"]
