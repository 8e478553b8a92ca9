"""Requests at a rate, counted by who answered, against a server of the test's own."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from typer.testing import CliRunner

from drydock.cli import app
from drydock.embedded.instance import free_port
from drydock.load import LATE, Answer, Load, Report
from tests.support.waiting import eventually


class Shop(ThreadingHTTPServer):
    """Answers by turns what `answers` says: (status, version); holds each back until `open` is set."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[tuple[int, Any]] = [(200, "v1")]
        self.served = 0
        self.turn = threading.Lock()
        self.open = threading.Event()
        self.open.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Shop

    def do_GET(self) -> None:
        with self.server.turn:
            status, version = self.server.answers[self.server.served % len(self.server.answers)]
            self.server.served += 1
        self.server.open.wait()
        if status == 0:
            self.close_connection = True
            self.connection.close()
            return
        body = json.dumps({"version": version} if version else {"error": "no"}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def shop() -> Iterator[Shop]:
    with Shop() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.open.set()
        server.shutdown()


def test_answers_are_counted_by_version_and_status(shop: Shop) -> None:
    shop.answers = [(200, "v1"), (200, "v1"), (200, "v2"), (500, "")]
    report = Load(shop.url, rps=100).start(0.4).wait()
    assert (report.sent, report.answered, report.failed) == (40, 40, 10)
    assert report.statuses == {"200": 30, "500": 10}
    assert report.versions == {"v1": 20, "v2": 10}
    assert report.lost == {}
    assert 0 < report.p50 <= report.p95 <= report.p99


def test_it_tells_of_all_that_failed_answered_or_not() -> None:
    answers = [Answer(0, 0, 0.01, status) for status in (200, 404, 503, 503)] + [Answer(0, 0, 1, lost="cut off")]
    report = Report.of(answers, asked=5, seconds=1.0)
    assert ("failed", "503: 2, cut off: 1") in report.rows()
    assert report.failed == 3


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("<b>v1</b>\x1b[2J", "?b?v1?/b??[2J"),
        ("AKIAIOSFODNN7EXAMPLE", "(not shown)"),
        ("v" * 999, "v" * 60 + "…"),
        ({"secret": "of an object"}, ""),
        (7, "7"),
    ],
)
def test_what_a_stranger_calls_its_version_is_kept_to_what_a_version_is(shop: Shop, said: Any, kept: str) -> None:
    shop.answers = [(200, said)]
    report = Load(shop.url, rps=20).start(0.1).wait()
    assert report.versions == ({kept: 2} if kept else {})


def test_of_many_versions_those_are_named_that_answered_most() -> None:
    answers = [Answer(0, 0, 0.01, 200, f"v{number}") for number in (1, 1, *range(2, 30))]
    told = dict(Report.of(answers, asked=30, seconds=1.0).rows())["version"]
    assert told.startswith("v1: 2, ") and told.endswith(", 19 others: 19")


def test_what_is_not_answered_is_lost_and_says_how(shop: Shop) -> None:
    shop.answers = [(200, "v1"), (0, "")]
    report = Load(shop.url, rps=100).start(0.2).wait()
    assert report.lost == {"cut off": 10}
    assert (report.answered, report.failed) == (10, 10)
    assert Load(f"http://127.0.0.1:{free_port()}/", rps=50).start(0.1).wait().lost == {"no connection": 5}


def test_requests_do_not_wait_for_each_other(shop: Shop) -> None:
    shop.open.clear()
    load = Load(shop.url, rps=100, connections=8).start(0.08)
    eventually(lambda: shop.served == 8, "eight are under way, none answered")
    shop.open.set()
    assert load.wait().answered == 8


def test_it_says_when_it_could_not_keep_the_rate(shop: Shop) -> None:
    shop.open.clear()
    load = Load(shop.url, rps=10, connections=1).start()
    eventually(lambda: time.monotonic() - load.begun > 1.0, "the second request is late by more than half a second")
    shop.open.set()
    eventually(lambda: shop.served > 2, "it goes on")
    report = load.stop()
    assert report.late >= 1
    assert not report.kept
    assert "the rate was not kept" in str(report)


def test_it_says_when_requests_never_left_for_want_of_a_connection(shop: Shop) -> None:
    shop.open.clear()
    load = Load(shop.url, rps=1000, connections=2).start(0.1)
    eventually(lambda: shop.served == 2, "both connections wait")
    eventually(lambda: time.monotonic() - load.begun > 0.1 + LATE, "it is too late for the others")
    shop.open.set()
    report = load.wait()
    assert (report.asked, report.sent, report.kept) == (100, 2, False)
    assert "of 100, 2 were sent" in str(report)


def test_a_rate_that_is_kept_is_not_talked_of(shop: Shop) -> None:
    report = Load(shop.url, rps=20).start(0.1).wait()
    assert (report.asked, report.sent, report.kept) == (2, 2, True)
    assert "the rate" not in str(report)


def test_in_the_background_it_can_be_read_while_it_goes_on(shop: Shop) -> None:
    load = Load(shop.url, rps=100).start()
    eventually(lambda: sum(sum(counted.values()) for _, counted in load.by_second()) >= 10, "ten are counted")
    before = time.monotonic()
    shop.answers = [(200, "v2")]
    eventually(lambda: load.since(before).versions.get("v2", 0) >= 10, "ten of v2 are counted")
    assert load.since(load.begun, before).versions.keys() <= {"v1", "v2"}
    whole = load.stop()
    assert whole.versions["v1"] >= 1
    served = shop.served
    assert whole.sent == served == sum(sum(counted.values()) for _, counted in load.by_second(0.1))
    assert load.since(before).sent < whole.sent


def test_answers_of_an_error_have_the_status_for_a_name(shop: Shop) -> None:
    shop.answers = [(503, ""), (200, "")]
    load = Load(shop.url, rps=50).start(0.2)
    load.wait()
    [(_, counted)] = load.by_second()
    assert counted == {"503": 5, "unnamed": 5}


def test_percentiles_are_values_that_were_measured() -> None:
    assert Report.of([], asked=0, seconds=1.0).p99 == 0.0


@pytest.mark.parametrize(("rps", "connections"), [(0, 1), (-1, 1), (float("inf"), 1), (float("nan"), 1), (1, 0)])
def test_no_rate_or_no_connection_is_refused(rps: float, connections: int) -> None:
    with pytest.raises(ValueError, match="rate above 0"):
        Load("http://127.0.0.1/", rps=rps, connections=connections)


def test_the_command_tells_and_fails_where_nobody_answers(shop: Shop) -> None:
    told = CliRunner().invoke(app, ["load", shop.url, "--rps", "50", "--seconds", "0.2"])
    assert told.exit_code == 0
    assert "200: 10" in told.output
    found = CliRunner().invoke(app, ["load", shop.url, "--rps", "50", "--seconds", "0.2", "--json"])
    assert json.loads(found.output)["versions"] == {"v1": 10}
    nobody = ["load", f"http://127.0.0.1:{free_port()}/", "--rps", "50", "--seconds", "0.1", "--json"]
    silent = CliRunner().invoke(app, nobody)
    assert silent.exit_code == 1
    assert json.loads(silent.output)["lost"] == {"no connection": 5}
