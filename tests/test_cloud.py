"""Where calls go, and where they are refused."""

from __future__ import annotations

import http.server
import io
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drydock.cloud import Call, Cloud, CloudRefused, CloudUnreachable, connect
from drydock.embedded.instance import free_port
from tests.support.waiting import answers, eventually


@pytest.fixture(scope="module")
def moto_url() -> Iterator[str]:
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        env={name: value for name, value in os.environ.items() if name != "MOTO_ACCOUNT_ID"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    eventually(lambda: answers(port), "moto's server answers")
    yield f"http://127.0.0.1:{port}"
    server.terminate()
    server.wait()


@pytest.fixture
def sts_of() -> Iterator[Any]:
    """Start a server whose STS answers with the account given; returns its URL."""
    servers = []

    def start(account: str) -> str:
        class Sts(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                seen.append(dict(self.headers))
                self.rfile.read(int(self.headers["Content-Length"]))
                body = (
                    '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
                    f"<GetCallerIdentityResult><Account>{account}</Account></GetCallerIdentityResult>"
                    "</GetCallerIdentityResponse>"
                ).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        server = http.server.HTTPServer(("127.0.0.1", 0), Sts)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}"

    seen: list[dict[str, str]] = []
    start.seen = seen  # type: ignore[attr-defined]
    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_loopback_url_is_a_cloud(moto_url: str) -> None:
    cloud = connect(moto_url)
    assert (cloud.name, cloud.account, cloud.region) == (moto_url, "123456789012", "us-east-1")
    assert cloud.vpc_cidr == "10.10.0.0/16"
    queue = cloud.client("sqs").create_queue(QueueName="one")["QueueUrl"]
    assert [one.url for one in cloud.resource("sqs").queues.all()] == [queue]
    assert cloud.client("sqs") is cloud.client("sqs")
    assert cloud.client("sqs", region="eu-west-1").meta.region_name == "eu-west-1"


def test_a_local_cloud_is_open_to_anywhere_and_asks_nobody(moto_url: str) -> None:
    cloud = connect(moto_url, my_address="203.0.113.7")
    assert (cloud.visitors, cloud.other_account) == ("0.0.0.0/0", "111122223333")


def test_drydock_cloud_is_the_default(moto_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRYDOCK_CLOUD", moto_url)
    assert connect().endpoint == moto_url
    assert connect("").endpoint == moto_url


def test_nothing_of_the_users_settings_reaches_a_local_cloud(
    sts_of: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    for name, value in {
        "AWS_PROFILE": "not-there",
        "AWS_ACCESS_KEY_ID": "AKIAREALREALREALREAL",
        "AWS_SECRET_ACCESS_KEY": "real",
        "AWS_SESSION_TOKEN": "real",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_ENDPOINT_URL_STS": "http://127.0.0.1:1",
        "AWS_USE_FIPS_ENDPOINT": "true",
        "AWS_DEFAULT_REGION": "ap-south-1",
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "HTTP_PROXY": "http://127.0.0.1:1",
        "http_proxy": "http://127.0.0.1:1",
    }.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "config").write_text("[default]\nregion = ap-south-1\n")
    cloud = connect(sts_of("000000000000"))
    assert cloud.region == "us-east-1"
    headers = sts_of.seen[-1]
    assert "Credential=test/" in headers["Authorization"]
    assert "us-east-1" in headers["Authorization"]
    assert "X-Amz-Security-Token" not in headers


@pytest.mark.parametrize("answered", ["111122223333", "123456789013"])
def test_a_local_cloud_with_a_real_account_behind_it_is_refused(sts_of: Any, answered: str) -> None:
    with pytest.raises(CloudRefused, match=f"answers {answered}"):
        connect(sts_of(answered))
    assert connect(sts_of(answered), account=answered).account == answered


def test_localstack_is_found_through_its_client_and_has_its_own_account(
    sts_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCALSTACK_HOST", sts_of("000000000000").removeprefix("http://"))
    cloud = connect("localstack")
    assert (cloud.name, cloud.account) == ("localstack", "000000000000")
    monkeypatch.setenv("LOCALSTACK_HOST", sts_of("123456789012").removeprefix("http://"))
    with pytest.raises(CloudRefused, match="123456789012"):
        connect("localstack")


def test_a_url_elsewhere_must_name_its_account() -> None:
    with pytest.raises(CloudRefused, match="not on this machine"):
        connect("http://10.1.2.3:4566")
    with pytest.raises(CloudRefused, match="cloud='aws'"):
        connect("https://ecs.us-east-1.amazonaws.com", account="111122223333")


def test_nothing_there() -> None:
    with pytest.raises(CloudUnreachable, match="Is it started"):
        connect(f"http://127.0.0.1:{free_port()}")


@pytest.mark.parametrize("region", ["no where", "mars-1"])
def test_a_region_that_cannot_be_one_is_said(sts_of: Any, region: str) -> None:
    with pytest.raises(CloudRefused, match=f"'{region}' is not the name of a region"):
        connect(sts_of("000000000000"), region=region)


@pytest.mark.parametrize("cloud", ["Embedded", "ftp://127.0.0.1", "127.0.0.1:4566"])
def test_what_is_no_cloud_is_said_to_be_none(cloud: str) -> None:
    with pytest.raises(ValueError, match="is not a cloud"):
        connect(cloud)


@pytest.mark.parametrize("cloud", ["localstack", "aws", "http://127.0.0.1:9"])
def test_a_profile_is_for_the_embedded_cloud(cloud: str) -> None:
    with pytest.raises(ValueError, match="profile='strict' is for the embedded AWS"):
        connect(cloud, profile="strict")


class TestRealAccount:
    """AWS itself is played by a server that `AWS_ENDPOINT_URL` points the ordinary session at."""

    @pytest.fixture(autouse=True)
    def _aws(self, sts_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", sts_of("012345678901"))
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")
        monkeypatch.delenv("AWS_PROFILE", raising=False)
        self.seen = sts_of.seen

    def test_must_be_named(self) -> None:
        with pytest.raises(CloudRefused, match="Name it"):
            connect("aws", budget_usd=5)
        assert self.seen == []

    @pytest.mark.parametrize("account", ["12345678901", 12345678901, "01234567890x"])
    def test_must_be_named_by_twelve_digits_of_text(self, account: Any) -> None:
        with pytest.raises(CloudRefused, match="12 digits"):
            connect("aws", account=account, budget_usd=5)

    def test_must_be_the_one_that_sts_answers(self) -> None:
        with pytest.raises(CloudRefused, match="STS answers 012345678901"):
            connect("aws", account="111122223333", budget_usd=5)

    @pytest.mark.parametrize(("budget", "estimate"), [(0.0, 0.0), (1.0, 1.0), (1.0, 2.5)])
    def test_must_cost_less_than_the_budget(self, budget: float, estimate: float) -> None:
        with pytest.raises(CloudRefused, match="budget"):
            connect("aws", account="012345678901", budget_usd=budget, estimate=estimate)
        assert self.seen == []

    def test_named_agreed_and_afforded_it_is_used_with_the_users_own_credentials(self) -> None:
        cloud = connect("aws", account="012345678901", budget_usd=1.0, estimate=0.5)
        assert cloud.real
        assert "AKIAEXAMPLE" in self.seen[-1]["Authorization"]
        with pytest.raises(CloudRefused, match=r"\$1.5000"):
            cloud.afford(1.5)

    @pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL_ECS"])
    def test_is_refused_where_calls_go_elsewhere_than_to_whom_sts_is_asked(
        self, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(name, "http://127.0.0.1:9")
        with pytest.raises(CloudRefused, match=r"Calls of ecs would go to 127\.0\.0\.1:\d+, and STS"):
            connect("aws", account="012345678901", budget_usd=1.0)
        assert self.seen == []

    def test_is_refused_where_a_profile_sends_sts_elsewhere(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        url = os.environ["AWS_ENDPOINT_URL"]
        monkeypatch.delenv("AWS_ENDPOINT_URL")
        config = f"[default]\nservices = mine\n[services mine]\nsts =\n  endpoint_url = {url}\n"
        (tmp_path / "config").write_text(config)
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
        with pytest.raises(CloudRefused, match=r"Calls of ecs would go to AWS, and STS, .* is at 127\.0\.0\.1:\d+"):
            connect("aws", account="012345678901", budget_usd=1.0)
        assert self.seen == []

    def test_asks_again_what_is_throttled_unless_the_user_has_said_how_often(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def retries() -> Any:
            client = connect("aws", account="012345678901", budget_usd=1.0).client("ecs")
            return client.meta.config.retries["mode"], client.meta.config.retries["total_max_attempts"]

        assert retries() == ("standard", 10)
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "4")
        assert retries() == ("standard", 4)

    def test_load_balancers_are_open_to_whom_it_was_said(self) -> None:
        given = {"account": "012345678901", "budget_usd": 1.0}
        assert connect("aws", **given, my_address="203.0.113.7").visitors == "203.0.113.7/32"
        assert connect("aws", **given, my_address="203.0.113.0/24").visitors == "203.0.113.0/24"
        with pytest.raises(CloudRefused, match="my_address='home'"):
            _ = connect("aws", **given, my_address="home").visitors

    def test_or_to_the_address_that_aws_sees_which_is_asked_for_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        cloud = connect("aws", account="012345678901", budget_usd=1.0)
        asked: list[str] = []
        monkeypatch.setattr(
            "urllib.request.urlopen", lambda url, timeout: asked.append(url) or io.BytesIO(b"198.51.100.4\n")
        )
        assert [cloud.visitors, cloud.visitors] == ["198.51.100.4/32", "198.51.100.4/32"]
        assert asked == ["https://checkip.amazonaws.com"]

    def test_or_to_nobody_where_that_is_not_known(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("drydock.cloud.WHO_ASKS", "http://127.0.0.1:9")
        with pytest.raises(CloudRefused, match="give it, my_address="):
            _ = connect("aws", account="012345678901", budget_usd=1.0).visitors

    def test_no_stranger_is_let_in(self) -> None:
        given = {"account": "012345678901", "budget_usd": 1.0}
        assert connect("aws", **given, other_account="444455556666").other_account == "444455556666"
        with pytest.raises(CloudRefused, match="other_account="):
            _ = connect("aws", **given).other_account
        with pytest.raises(CloudRefused, match="12 digits"):
            connect("aws", **given, other_account="friend")

    def test_each_service_is_looked_at(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", "https://sqs.us-east-1.amazonaws.com")
        cloud = connect("aws", account="012345678901", budget_usd=1.0)
        for made in (lambda: cloud.client("sqs"), lambda: cloud.resource("sqs")):
            with pytest.raises(CloudRefused, match="Calls of sqs would go to AWS"):
                made()


def test_a_listener_sees_each_call_and_may_change_or_stop_it(moto_url: str) -> None:
    class Listener:
        def __init__(self) -> None:
            self.told: list[tuple[str, ...]] = []

        def asked(self, call: Call) -> None:
            self.told.append(("asked", call.service, call.operation))
            if call.operation == "CreateQueue":
                call.params["QueueName"] += "-changed"

        def sending(self, call: Call) -> None:
            self.told.append(("sending",))
            if call.operation == "DeleteQueue":
                raise PermissionError("not now")

        def answered(self, call: Call, answer: dict[str, Any], status: int) -> None:
            self.told.append(("answered", str(status)))

    cloud, listener = connect(moto_url), Listener()
    sqs = cloud.client("sqs")
    cloud.listeners.append(listener)
    url = sqs.create_queue(QueueName="two")["QueueUrl"]
    assert url.endswith("two-changed")
    assert listener.told == [("asked", "sqs", "CreateQueue"), ("sending",), ("answered", "200")]
    with pytest.raises(PermissionError):
        sqs.delete_queue(QueueUrl=url)
    assert url in sqs.list_queues()["QueueUrls"]


def test_a_cloud_leads_to_where_it_goes_itself(moto_url: str) -> None:
    first = connect(moto_url)
    again = connect(first)
    assert (again.name, again.account, again.endpoint) == (first.name, first.account, moto_url)


def test_waiters_look_often_on_a_local_cloud(moto_url: str) -> None:
    waiter = connect(moto_url).client("ecs").get_waiter("services_stable")
    assert waiter.config.delay == 1
    assert waiter.config.delay * waiter.config.max_attempts >= 600


def test_discover_instances_is_not_sent_to_another_host(moto_url: str) -> None:
    found = connect(moto_url).client("servicediscovery").discover_instances
    with pytest.raises(Exception) as raised:
        found(NamespaceName="none", ServiceName="none")
    assert "data-" not in str(raised.value)


@pytest.fixture(scope="module")
def embedded_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    from drydock import embedded

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DRYDOCK_HOME", str(tmp_path_factory.mktemp("home")))
        patch.delenv("DRYDOCK_CLOUD", raising=False)
        name = f"cloud-{os.getpid()}"
        assert embedded.find(name) is None
        yield connect("embedded", name=name)
        embedded.stop(name)


def test_embedded_is_started_when_it_does_not_run(embedded_cloud: Cloud) -> None:
    from drydock import embedded

    running = embedded.find(embedded_cloud.instance)
    assert running is not None
    assert embedded_cloud.endpoint == running.endpoint
    assert (embedded_cloud.account, embedded_cloud.vpc_cidr) == ("000000000000", "127.10.0.0/16")
    again = connect("embedded", name=embedded_cloud.instance)
    assert again.endpoint == embedded_cloud.endpoint


def test_waiters_keep_the_time_of_the_embedded_cloud(embedded_cloud: Cloud) -> None:
    waiter = embedded_cloud.client("ecs").get_waiter("services_stable")
    assert waiter.config.delay == 0.1
    assert waiter.config.delay * waiter.config.max_attempts >= 59
