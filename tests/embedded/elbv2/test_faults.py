"""What is wrong with one thing stops nothing else, and is said once."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from moto.elbv2.models import elbv2_backends
from tests.support.waiting import eventually
from tests.support.web import Network, certificate, fixed, forward, get, https


def spoil_rule(balancer: Any, group: Any) -> None:
    (listener,) = balancer.listeners.values()
    rule = next(iter(listener.rules.values()))
    rule.conditions = [{"Field": "source-ip", "SourceIpConfig": {"Values": ["office"]}}]


def spoil_listener(balancer: Any, group: Any) -> None:
    balancer.attrs["idle_timeout.timeout_seconds"] = "1m"


def spoil_group(balancer: Any, group: Any) -> None:
    group.attributes |= {"stickiness.enabled": "true", "stickiness.lb_cookie.duration_seconds": "1h"}


def spoil_target(balancer: Any, group: Any) -> None:
    group.health_check_timeout_seconds = "soon"


@pytest.mark.parametrize("spoil", [spoil_rule, spoil_listener, spoil_group, spoil_target])
def test_the_others_go_on(
    network: Network, caplog: pytest.LogCaptureFixture, spoil: Callable[[Any, Any], None]
) -> None:
    network.serve(5)
    spoiled, other = network.load_balancer("spoiled"), network.load_balancer("other")
    group, good = network.target_group("spoiled", 5), network.target_group("good", 5)
    listener = network.listener(spoiled, forward((group, 1)))
    network.elb.create_rule(
        ListenerArn=listener,
        Priority=1,
        Conditions=[{"Field": "path-pattern", "Values": ["/x"]}],
        Actions=[fixed(200, "x")],
    )
    eventually(lambda: get(spoiled["DNSName"], "/x").body == "x" and network.all_healthy(group))
    backend = elbv2_backends["000000000000"]["us-east-1"]
    with network.host.lock:
        spoil(backend.load_balancers[spoiled["LoadBalancerArn"]], backend.target_groups[group])
    network.register(group, 6)

    network.listener(other, forward((good, 1)))
    eventually(lambda: network.all_healthy(good) and get(other["DNSName"]).status == 200)
    assert len(network.elb.describe_load_balancers()["LoadBalancers"]) == 2
    assert len(network.health(group)) == 2
    said = Counter(record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR)
    assert set(said.values()) == {1}


def test_a_certificate_that_is_gone_is_said(network: Network, client: Any) -> None:
    iam = client("iam")
    body, key = certificate()
    arn = iam.upload_server_certificate(ServerCertificateName="web", CertificateBody=body, PrivateKey=key)[
        "ServerCertificateMetadata"
    ]["Arn"]
    lb, other = network.load_balancer(), network.load_balancer("other")
    network.elb.create_listener(
        LoadBalancerArn=lb["LoadBalancerArn"],
        Protocol="HTTPS",
        Port=443,
        Certificates=[{"CertificateArn": arn}],
        DefaultActions=[fixed(200, "secret")],
    )
    assert eventually(lambda: https(lb)) == "secret"
    iam.delete_server_certificate(ServerCertificateName="web")
    network.listener(other, fixed(200, "here"))
    assert eventually(lambda: get(other["DNSName"])).body == "here"

    def reason() -> str | None:
        shown = network.elb.describe_load_balancers(Names=["web"])["LoadBalancers"][0]["State"]
        return shown.get("Reason")

    assert arn in eventually(reason)
    iam.upload_server_certificate(ServerCertificateName="web", CertificateBody=body, PrivateKey=key)
    assert eventually(lambda: https(lb)) == "secret"
    eventually(lambda: reason() is None)
