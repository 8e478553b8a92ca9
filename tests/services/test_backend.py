from __future__ import annotations

import hashlib
import hmac
import http.client
import signal
import socket
import threading

import psutil
import pytest
from tests.support.waiting import eventually

SECRET = "correct-horse-battery-staple"


def test_says_who_answered(serve, metadata):
    task = "0123456789abcdef"
    uri, _ = metadata({"/v4/abc/task": {"TaskARN": f"arn:aws:ecs:us-east-1:000000000000:task/shop/{task}"}})
    backend = serve("backend", ECS_CONTAINER_METADATA_URI_V4=f"{uri}/v4/abc", VERSION="1.4.0")
    status, body = backend.get("/")
    assert status == 200
    assert body == {
        "service": "backend",
        "task": task,
        "hostname": socket.gethostname(),
        "address": backend.address,
        "version": "1.4.0",
    }
    assert backend.get("/version") == (200, {"service": "backend", "version": "1.4.0"})


@pytest.mark.parametrize("uri", [None, "http://127.0.0.1:1/v4/none"])
def test_outside_ecs_it_has_no_task(serve, uri):
    backend = serve("backend", **({"ECS_CONTAINER_METADATA_URI_V4": uri} if uri else {}))
    assert backend.get("/")[1]["task"] is None


def test_items(serve):
    backend = serve("backend")
    status, item = backend.get("/items", "POST", b'{"name": "rope"}')
    assert (status, item["name"]) == (201, "rope")
    assert backend.get(f"/items/{item['id']}") == (200, item)
    assert backend.get("/items") == (200, {"items": [item]})
    assert backend.get("/items", "POST", b'{"name": 3}')[0] == 400
    assert backend.get(f"/items/{item['id']}", "DELETE")[0] == 200
    assert backend.get(f"/items/{item['id']}")[0] == 404


def test_proves_its_secret_and_never_shows_it(serve):
    backend = serve("backend", APP_SECRET=SECRET)
    answers = [backend.get(path) for path in ("/", "/version", "/health", "/secret", "/nowhere", "/items")]
    proof = hmac.new(SECRET.encode(), b"n 1", hashlib.sha256).hexdigest()
    assert backend.get("/secret?nonce=n%201") == (200, {"nonce": "n 1", "hmac_sha256": proof})
    assert backend.stop() == 0
    assert SECRET not in backend.output + str(answers)


def test_without_a_secret_it_says_what_to_do(serve):
    status, body = serve("backend").get("/secret?nonce=n")
    assert status == 404
    assert body["error"] == "no secret"
    assert "secrets" in body["message"]


@pytest.mark.parametrize("query", ["", "?nonce=", "?nonce=" + "n" * 257])
def test_a_bad_nonce_is_refused(serve, query):
    assert serve("backend", APP_SECRET=SECRET).get(f"/secret{query}")[0] == 400


def test_error_rate_repeats_and_spares_health(serve):
    first, second = (serve("backend", ERROR_RATE="0.5", FAULT_SEED="7") for _ in range(2))
    statuses = [first.get("/")[0] for _ in range(40)]
    assert statuses == [second.get("/")[0] for _ in range(40)]
    assert set(statuses) == {200, 500}
    assert {first.get("/health")[0] for _ in range(10)} == {200}


def test_latency_spares_health(serve):
    backend = serve("backend", LATENCY_MS="3000")
    answers = []
    caller = threading.Thread(target=lambda: answers.append(backend.get("/")))
    caller.start()
    for _ in range(3):
        assert backend.get("/health")[0] == 200
    assert not answers
    caller.join()
    assert answers[0][0] == 200


def test_crash_at_start(launch):
    backend = launch("backend", CRASH_AT_START="true")
    assert backend.exit_code() == 1
    assert "CRASH_AT_START" in backend.output


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ERROR_RATE", "2"),
        ("LATENCY_MS", "fast"),
        ("FAIL_HEALTH", "later"),
        ("PORT", "0"),
        ("IGNORE_SIGTERM", "2"),
    ],
)
def test_a_bad_setting_stops_it_and_is_named(launch, name, value):
    backend = launch("backend", **{name: value})
    assert backend.exit_code() == 2
    [entry] = backend.logs
    assert name in entry["reason"] and repr(value) in entry["reason"]


def test_health_fails_at_once_or_after_requests(serve):
    assert serve("backend", FAIL_HEALTH="true").get("/health")[0] == 503
    backend = serve("backend", FAIL_HEALTH="2 requests")
    seen = []
    for _ in range(3):
        seen.append(backend.get("/health")[0])
        backend.get("/")
    assert seen == [200, 200, 503]


def test_health_fails_after_seconds(serve):
    backend = serve("backend", FAIL_HEALTH="0.5s")
    assert backend.get("/health")[0] == 200
    eventually(lambda: backend.get("/health")[0] == 503, "/health fails")


def test_health_check_command(serve):
    assert serve("backend").healthcheck().returncode == 0
    failing = serve("backend", FAIL_HEALTH="true").healthcheck()
    assert (failing.returncode, failing.stderr) == (1, "/health answers 503\n")
    stopped = serve("backend")
    stopped.stop()
    assert stopped.healthcheck().returncode == 1


def test_memory_leak_is_real(serve):
    backend = serve("backend", LEAK_MIB_PER_REQUEST="20")
    process = psutil.Process(backend.process.pid)
    before = process.memory_info().rss
    for _ in range(3):
        backend.get("/")
    assert process.memory_info().rss - before > 55 * 1024 * 1024


def test_sigterm_finishes_the_request_in_flight_and_takes_no_other(serve):
    backend = serve("backend", LATENCY_MS="4000", FAIL_HEALTH="1 requests")
    answers = []
    caller = threading.Thread(target=lambda: answers.append(backend.get("/")))
    caller.start()
    eventually(lambda: backend.get("/health")[0] == 503, "the request has begun")
    backend.signal(signal.SIGTERM)
    backend.said("draining")

    def refused():
        try:
            backend.get("/health")
        except (ConnectionError, http.client.HTTPException):
            return True

    eventually(refused, "no new connection is taken")
    assert not answers, "the first request must still be in flight, or this proves nothing"
    caller.join()
    assert answers[0][0] == 200
    assert backend.exit_code() == 0


def test_an_idle_connection_does_not_hold_up_the_stop(serve):
    backend = serve("backend")
    connection = http.client.HTTPConnection(backend.address, backend.port, timeout=10)
    for _ in range(2):
        connection.request("GET", "/")
        assert connection.getresponse().read()
    assert backend.stop() == 0  # it would keep the connection for longer than this waits
    connection.close()


def test_ignore_sigterm(serve):
    backend = serve("backend", IGNORE_SIGTERM="true")
    backend.signal(signal.SIGTERM)
    backend.said("SIGTERM ignored, as IGNORE_SIGTERM asks")
    assert backend.get("/health")[0] == 200
    backend.signal(signal.SIGKILL)
    assert backend.exit_code() == -signal.SIGKILL


def test_each_log_line_is_one_json_object(serve):
    backend = serve("backend", ERROR_RATE="0.5")
    threads = [threading.Thread(target=backend.get, args=("/",)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert backend.stop() == 0
    requests = [entry for entry in backend.logs if entry["message"] == "request"]
    assert len(requests) == 20
    assert all(entry.keys() >= {"time", "level", "service", "path", "status", "ms"} for entry in requests)


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n", b"200"),
        (b"HEAD / HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n", b"200"),
        (b"PATCH / HTTP/1.1\r\nHost: b\r\n\r\n", b"501"),
        (b"POST /items HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"413"),
        (b"POST /items HTTP/1.1\r\nHost: b\r\nContent-Length: 99999999\r\n\r\n", b"413"),
    ],
)
def test_raw_requests(serve, request_bytes, status):
    backend = serve("backend")
    with socket.create_connection((backend.address, backend.port), timeout=5) as connection:
        connection.sendall(request_bytes)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.split(b" ")[1] == status
    assert b"application/json" in head
    assert bool(body) is not request_bytes.startswith(b"HEAD")
    assert backend.get("/health")[0] == 200
