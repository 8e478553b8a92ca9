from __future__ import annotations

import json
import re
import socket
from pathlib import Path

import pytest

PORT = 8080
RESOLVER = """
import json, os, socket
real = socket.getaddrinfo
def getaddrinfo(host, port, *args, **kwargs):
    with open(os.environ["NAMES"]) as file:
        names = json.load(file)
    if host not in names:
        return real(host, port, *args, **kwargs)
    if not names[host]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    return [answer for address in names[host] for answer in real(address, port, *args, **kwargs)]
socket.getaddrinfo = getaddrinfo
"""


@pytest.fixture
def shop(serve, tmp_path: Path):
    """A frontend whose resolver answers for backend.shop.internal what register() was last given."""
    names = tmp_path / "names.json"
    (tmp_path / "sitecustomize.py").write_text(RESOLVER)

    class Shop:
        def register(self, *addresses: str) -> None:
            names.write_text(json.dumps({"backend.shop.internal": addresses}))

        def open(self, **environ: str):
            vendor = Path(__file__).resolve().parents[2] / "labs/services/frontend/vendor"
            return serve("frontend", PYTHONPATH=f"{tmp_path}:{vendor}", NAMES=str(names), **environ)

    return Shop()


def test_shows_which_backends_answered(serve, shop):
    backends = [serve("backend") for _ in range(2)]
    shop.register(*(backend.address for backend in backends))
    frontend = shop.open(VERSION="2.1")
    status, report = frontend.get("/api?calls=60")
    assert status == 200
    assert report["answered"].keys() == {backend.address for backend in backends}
    assert sum(report["answered"].values()) == 60
    assert report["failed"] == {}
    assert report["version"] == "2.1"
    assert frontend.get("/health")[0] == 200


def test_a_task_is_named_by_its_id(serve, shop, metadata):
    uri, _ = metadata({"/task": {"TaskARN": "arn:aws:ecs:us-east-1:000000000000:task/shop/fedcba98"}})
    shop.register(serve("backend", ECS_CONTAINER_METADATA_URI_V4=uri).address)
    assert shop.open().get("/api?calls=3")[1]["answered"] == {"fedcba98": 3}


def test_the_page_shows_the_same_and_fetches_nothing(serve, shop):
    backend = serve("backend")
    shop.register(backend.address)
    status, page = shop.open().get("/?calls=4")
    assert status == 200
    assert f"<td>{backend.address}</td><td>4</td>" in page
    assert set(re.findall(r"https?://[^\s<\"']+", page)) == {"http://backend.shop.internal:8080"}
    assert not re.search(r"<script|<link|<img|src=", page)


@pytest.mark.parametrize(("ttl", "stale"), [("0", False), ("600", True)])
def test_a_client_cache_keeps_calling_what_left_the_name(serve, shop, ttl, stale):
    leaving, staying = serve("backend"), serve("backend")
    shop.register(leaving.address, staying.address)
    frontend = shop.open(DNS_TTL=ttl)
    assert len(frontend.get("/api?calls=40")[1]["answered"]) == 2
    shop.register(staying.address)
    leaving.stop()
    _, report = frontend.get("/api?calls=40")
    assert bool(report["failed"]) is stale
    assert report["answered"].keys() == {staying.address}
    assert (leaving.address in report["dns"]["addresses"]) is stale


def test_a_backend_that_errs_is_counted_as_failed(serve, shop):
    backend = serve("backend", ERROR_RATE="0.5")
    shop.register(backend.address)
    status, report = shop.open().get("/api?calls=40")
    assert status == 200
    assert report["failed"].keys() == {f"{backend.address}:{PORT}: answered 500"}
    assert sum(report["failed"].values()) + sum(report["answered"].values()) == 40


def test_an_unknown_name_is_a_clear_502(shop):
    shop.register()
    frontend = shop.open()
    status, report = frontend.get("/api?calls=2")
    assert (status, report["error"]) == (502, "backend unreachable")
    assert "backend.shop.internal does not resolve" in report["message"]
    assert frontend.get("/")[0] == 502
    assert frontend.get("/health")[0] == 200


def test_a_wrong_port_is_a_clear_502(serve):
    backend = serve("backend")
    frontend = serve("frontend", BACKEND_URL=f"http://{backend.address}:80")
    status, report = frontend.get("/api?calls=1")
    assert status == 502
    assert f"{backend.address}:80" in report["message"] and "refused" in report["message"]


def test_a_silent_backend_times_out(serve):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        status, report = serve("frontend", BACKEND_URL=url, TIMEOUT_MS="200").get("/api?calls=1")
    assert status == 502
    assert "no answer in time" in report["message"]


@pytest.mark.parametrize("calls", ["0", "101", "many", "-1"])
def test_a_bad_number_of_calls_is_refused(serve, calls):
    assert serve("frontend").get(f"/api?calls={calls}")[0] == 400


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BACKEND_URL", "https://backend"),
        ("DNS_TTL", "-1"),
        ("TIMEOUT_MS", "0"),
    ],
)
def test_a_bad_setting_stops_it_and_is_named(launch, name, value):
    frontend = launch("frontend", **{name: value})
    assert frontend.exit_code() == 2
    assert name in frontend.logs[0]["reason"]


def test_health_check_command_and_stop(serve):
    frontend = serve("frontend")
    assert frontend.healthcheck().returncode == 0
    assert frontend.stop() == 0
