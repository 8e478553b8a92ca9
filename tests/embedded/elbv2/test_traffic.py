"""What a client of a load balancer sees, through a real Envoy and real servers."""

from __future__ import annotations

import math
import os
import threading
from collections import Counter
from typing import Any

import psutil
import pytest
from botocore.exceptions import ClientError
from tests.support.waiting import eventually
from tests.support.web import Answer, Network, certificate, fixed, forward, get, get_many, https

from drydock.embedded.carriers.envoy import Envoy


def who(answers: list[Answer]) -> Counter[str]:
    return Counter(answer.json["me"].rpartition(".")[2] for answer in answers)


def test_an_answering_target_is_routed_to(network: Network) -> None:
    network.serve(5)
    lb = network.load_balancer()
    group = network.target_group("tg")
    network.listener(lb, forward((group, 1)))
    assert eventually(lambda: get(lb["DNSName"]).status) == 503
    network.register(group, 5)
    eventually(lambda: get(lb["DNSName"]).status == 200)
    eventually(lambda: network.health(group) == {f"{network.address(5)}:8080": {"State": "healthy"}})


def test_every_address_of_the_load_balancer_serves(network: Network) -> None:
    lb = network.load_balancer()
    network.listener(lb, fixed(200, "here"))
    interfaces = network.ec2.describe_network_interfaces(
        Filters=[{"Name": "description", "Values": ["ELB app/web/*"]}]
    )["NetworkInterfaces"]
    addresses = {item["SubnetId"]: item["PrivateIpAddress"] for item in interfaces}
    assert list(addresses) == network.subnets
    assert lb["DNSName"].partition(":")[0] == addresses[network.subnets[0]]
    for address in addresses.values():
        at = lb["DNSName"].replace(addresses[network.subnets[0]], address)
        assert eventually(lambda at=at: get(at)).body == "here"


@pytest.fixture
def served(network: Network) -> tuple[Network, dict[str, Any], str, str, str]:
    """A load balancer with groups a (targets 5, 6) and b (7), all healthy; the default is a."""
    for number in (5, 6, 7):
        network.serve(number)
    lb = network.load_balancer()
    a, b = network.target_group("a", 5, 6), network.target_group("b", 7)
    listener = network.listener(lb, forward((a, 1), (b, 0)))
    eventually(lambda: network.all_healthy(a) and network.all_healthy(b))
    eventually(lambda: get(lb["DNSName"]).status == 200)
    return network, lb, listener, a, b


def test_weights_hold_over_a_thousand_requests(served: Any) -> None:
    network, lb, listener, a, b = served
    assert who(get_many(lb["DNSName"], 100)) == {"5:8080": 50, "6:8080": 50}
    network.elb.modify_listener(ListenerArn=listener, DefaultActions=[forward((a, 80), (b, 20))])
    eventually(lambda: "7:8080" in who([get(lb["DNSName"])]))
    counts = who(get_many(lb["DNSName"], 1000))
    deviation = math.sqrt(1000 * 0.2 * 0.8)
    assert abs(counts["7:8080"] - 200) < 4 * deviation
    assert abs(counts["5:8080"] - counts["6:8080"]) <= 1


def test_rules_choose_by_path_host_header_method_query_and_source(served: Any) -> None:
    network, lb, listener, _, _ = served
    conditions = {
        "path": [{"Field": "path-pattern", "Values": ["/img/*.p?g"]}],
        "host": [{"Field": "host-header", "Values": ["*.Example.com"]}],
        "header": [{"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-Canary", "Values": ["yes*"]}}],
        "method": [{"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["POST"]}}],
        "query": [
            {
                "Field": "query-string",
                "QueryStringConfig": {"Values": [{"Key": "v", "Value": "2.*"}, {"Value": "beta"}]},
            }
        ],
        "source": [{"Field": "source-ip", "SourceIpConfig": {"Values": ["192.0.2.0/24"]}}],
        "both": [
            {"Field": "path-pattern", "Values": ["/both"]},
            {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-A", "Values": ["1"]}},
        ],
    }
    for priority, (name, condition) in enumerate(conditions.items(), 1):
        network.elb.create_rule(
            ListenerArn=listener, Priority=priority, Conditions=condition, Actions=[fixed(200, name)]
        )
    at = lb["DNSName"]
    eventually(lambda: get(at, "/both", {"X-A": "1"}).body == "both")

    assert get(at, "/img/a/b.png").body == "path"
    assert get(at, "/img/a.PNG").status == 200  # paths compare with case
    assert get(at, "/img/a.PNG").body != "path"
    assert get(at, "/img/a.png?x=1").body == "path"
    assert get(at, "/", {"Host": "api.example.COM"}).body == "host"
    assert get(at, "/", {"Host": "api.example.com:8080"}).body == "host"
    assert get(at, "/", {"Host": "example.com"}).body != "host"
    assert get(at, "/", {"x-canary": "YES please"}).body == "header"
    assert get(at, "/", method="POST").body == "method"
    assert get(at, "/?a=1&V=2.5").body == "query"
    assert get(at, "/?anything=BETA").body == "query"
    assert get(at, "/?a=1&V=12.5").body != "query"
    assert get(at, "/both").body != "both"


def test_an_ipv6_range_matches_no_ipv4_client(network: Network) -> None:
    lb = network.load_balancer()
    listener = network.listener(lb, fixed(404))
    for priority, values in enumerate((["2001:db8::/32", "::/0"], ["2001:db8::/32", "127.0.0.0/8"]), 1):
        network.elb.create_rule(
            ListenerArn=listener,
            Priority=priority,
            Conditions=[{"Field": "source-ip", "SourceIpConfig": {"Values": values}}],
            Actions=[fixed(200, f"rule {priority}")],
        )
    eventually(lambda: get(lb["DNSName"]).status == 200)
    assert get(lb["DNSName"]).body == "rule 2"


def test_the_lowest_priority_number_wins_and_can_change(served: Any) -> None:
    network, lb, listener, _, _ = served
    rules = [
        network.elb.create_rule(
            ListenerArn=listener,
            Priority=priority,
            Conditions=[{"Field": "path-pattern", "Values": ["/x"]}],
            Actions=[fixed(200, body)],
        )["Rules"][0]["RuleArn"]
        for priority, body in ((20, "twenty"), (10, "ten"))
    ]
    eventually(lambda: get(lb["DNSName"], "/x").body == "ten")
    network.elb.set_rule_priorities(
        RulePriorities=[{"RuleArn": rules[0], "Priority": 10}, {"RuleArn": rules[1], "Priority": 20}]
    )
    eventually(lambda: get(lb["DNSName"], "/x").body == "twenty")
    shown = network.elb.describe_rules(ListenerArn=listener)["Rules"]
    assert [rule["Priority"] for rule in shown] == ["10", "20", "default"]
    network.elb.delete_rule(RuleArn=rules[0])
    eventually(lambda: get(lb["DNSName"], "/x").body == "ten")


def test_fixed_responses_and_redirects(network: Network) -> None:
    lb = network.load_balancer()
    listener = network.listener(lb, fixed(404, '{"no": "100%"}', ContentType="application/json"))
    for priority, (path, config) in enumerate(
        {
            "/secure/*": {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"},
            "/old/*": {"Path": "/new/#{path}", "Query": "from=old&#{query}", "StatusCode": "HTTP_302"},
            "/away": {"Host": "www.#{host}", "StatusCode": "HTTP_302"},
        }.items(),
        1,
    ):
        network.elb.create_rule(
            ListenerArn=listener,
            Priority=priority,
            Conditions=[{"Field": "path-pattern", "Values": [path]}],
            Actions=[{"Type": "redirect", "RedirectConfig": config}],
        )
    at = lb["DNSName"]
    port = at.partition(":")[2] or "80"
    eventually(lambda: get(at, "/away").status == 302)
    answer = get(at, "/nothing")
    assert (answer.status, answer.json) == (404, {"no": "100%"})
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["server"] == "awselb/2.0"

    host = {"Host": "shop.example.com"}
    assert get(at, "/secure/a?b=1", host).status == 301
    assert get(at, "/secure/a?b=1", host).headers["location"] == "https://shop.example.com:443/secure/a?b=1"
    assert get(at, "/old/a?b=1", host).headers["location"] == (f"http://shop.example.com:{port}/new/old/a?from=old&b=1")
    assert get(at, "/away", host).headers["location"] == f"http://www.shop.example.com:{port}/away"


def test_a_target_learns_who_asked(served: Any) -> None:
    _, lb, _, _, _ = served
    headers = get(lb["DNSName"], "/", {"X-Forwarded-For": "203.0.113.7", "Host": "shop"}).json["headers"]
    assert headers["x-forwarded-for"].replace(" ", "") == "203.0.113.7,127.0.0.1"
    assert headers["x-forwarded-proto"] == "http"
    assert headers["x-forwarded-port"] == (lb["DNSName"].partition(":")[2] or "80")
    assert headers["x-amzn-trace-id"].startswith("Root=1-")
    assert headers["host"] == "shop"
    assert not [name for name in headers if "envoy" in name or "drydock" in name or name == "x-request-id"]
    given = {"X-Amzn-Trace-Id": "Root=1-67891233-abcdef012345678912345678"}
    trace = get(lb["DNSName"], "/", given).json["headers"]["x-amzn-trace-id"]
    assert trace.startswith("Self=1-")
    assert trace.endswith(";Root=1-67891233-abcdef012345678912345678")


def test_a_client_stays_with_its_target_group(served: Any) -> None:
    network, lb, listener, a, b = served
    sticky = {"TargetGroupStickinessConfig": {"Enabled": True, "DurationSeconds": 60}}
    network.elb.modify_listener(ListenerArn=listener, DefaultActions=[forward((a, 1), (b, 1), **sticky)])
    eventually(lambda: "AWSALBTG" in get(lb["DNSName"]).headers.get("set-cookie", ""))
    groups = set()
    for _ in range(30):
        first = get(lb["DNSName"])
        cookie = {"Cookie": first.headers["set-cookie"].partition(";")[0]}
        again = {get(lb["DNSName"], "/", cookie).json["me"].endswith("7:8080") for _ in range(3)}
        assert again == {first.json["me"].endswith("7:8080")}
        groups |= again
    assert groups == {True, False}


def test_a_client_stays_with_its_target_group_when_the_weights_change_until_its_time_is_over(served: Any) -> None:
    network, lb, listener, a, b = served

    def weights(of_a: int, of_b: int, seconds: int) -> None:
        sticky = {"TargetGroupStickinessConfig": {"Enabled": True, "DurationSeconds": seconds}}
        network.elb.modify_listener(ListenerArn=listener, DefaultActions=[forward((a, of_a), (b, of_b), **sticky)])

    def cookie_for(seconds: int) -> dict[str, str] | None:
        given = get(lb["DNSName"]).headers.get("set-cookie", "")
        return {"Cookie": f"theme=dark; {given.partition(';')[0]}"} if f"Max-Age={seconds};" in given else None

    def of_a(answer: Answer) -> bool:
        return bool(answer.json["me"].endswith("7:8080"))

    weights(1, 0, 60)
    cookie = eventually(lambda: cookie_for(60))
    first = of_a(get(lb["DNSName"], "/", cookie))
    weights(0, 1, 60)
    eventually(lambda: of_a(get(lb["DNSName"])) is not first)
    for _ in range(10):
        answer = get(lb["DNSName"], "/", cookie)
        assert of_a(answer) is first
        assert "x-drydock-group" not in answer.headers
    weights(1, 0, 1)
    short = eventually(lambda: cookie_for(1))
    assert of_a(get(lb["DNSName"], "/", short)) is first
    weights(0, 1, 1)
    eventually(lambda: of_a(get(lb["DNSName"], "/", short)) is not first)


def test_a_client_stays_with_its_target(served: Any) -> None:
    network, lb, _, a, _ = served
    network.elb.modify_target_group_attributes(
        TargetGroupArn=a, Attributes=[{"Key": "stickiness.enabled", "Value": "true"}]
    )
    first = eventually(lambda: "set-cookie" in (answer := get(lb["DNSName"])).headers and answer)
    cookie = {"Cookie": first.headers["set-cookie"].partition(";")[0]}
    assert cookie["Cookie"].startswith("AWSALB=")
    assert who([get(lb["DNSName"], "/", cookie) for _ in range(8)]) == who([first] * 8)


def test_deregistering_lets_a_request_finish(served: Any) -> None:
    network, lb, _, a, _ = served
    network.elb.modify_target_group_attributes(
        TargetGroupArn=a, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "180"}]
    )
    answers: list[Answer] = []
    threads = [threading.Thread(target=lambda: answers.append(get(lb["DNSName"], "/slow/3"))) for _ in range(2)]
    for thread in threads:
        thread.start()
    eventually(lambda: _active(network) >= 2)
    network.elb.deregister_targets(TargetGroupArn=a, Targets=[{"Id": network.address(5)}, {"Id": network.address(6)}])
    assert set(network.health(a).values().__iter__().__next__().items()) >= {
        ("State", "draining"),
        ("Reason", "Target.DeregistrationInProgress"),
    }
    eventually(lambda: get(lb["DNSName"]).status == 503)
    assert not answers, "the slow requests were answered before the target stopped taking new ones"
    for thread in threads:
        thread.join()
    assert [answer.status for answer in answers] == [200, 200]
    eventually(lambda: not network.health(a))
    asked = network.elb.describe_target_health(TargetGroupArn=a, Targets=[{"Id": network.address(5)}])
    assert asked["TargetHealthDescriptions"][0]["TargetHealth"]["Reason"] == "Target.NotRegistered"


def _active(network: Network) -> int:
    stats = network.host.helper(Envoy).stats(r"^cluster\.targetgroup/.*upstream_rq_active$")
    return sum(stats.values())


def test_a_target_that_is_gone_is_a_bad_gateway_until_it_is_unhealthy(served: Any) -> None:
    network, lb, listener, _, b = served
    network.elb.modify_listener(ListenerArn=listener, DefaultActions=[forward((b, 1))])
    eventually(lambda: get(lb["DNSName"]).json["me"].endswith("7:8080"))
    network.elb.modify_target_group(TargetGroupArn=b, HealthCheckIntervalSeconds=300)
    network.processes[2].kill()
    network.processes[2].wait()
    answer = get(lb["DNSName"])
    assert answer.status == 502
    assert "502 Bad Gateway" in answer.body
    assert answer.headers["server"] == "awselb/2.0"


def test_a_target_whose_group_does_not_let_the_load_balancer_in_times_out(network: Network) -> None:
    groups = {
        name: network.ec2.create_security_group(GroupName=name, Description=name, VpcId=network.vpc)["GroupId"]
        for name in ("alb", "tasks")
    }
    network.ec2.create_network_interface(
        SubnetId=network.subnets[0], PrivateIpAddress=network.address(5), Groups=[groups["tasks"]]
    )
    network.serve(5)
    group = network.target_group("tg", 5, HealthCheckIntervalSeconds=5, HealthCheckTimeoutSeconds=2)
    lb = network.load_balancer(SecurityGroups=[groups["alb"]])
    network.listener(lb, forward((group, 1)))
    target = f"{network.address(5)}:8080"
    eventually(lambda: network.states(group)["unhealthy"])
    assert network.health(group)[target]["Reason"] == "Target.Timeout"
    answer = get(lb["DNSName"])
    assert answer.status == 504
    assert "504 Gateway Time-out" in answer.body

    let_in = {"IpProtocol": "tcp", "FromPort": 8080, "ToPort": 8080, "UserIdGroupPairs": [{"GroupId": groups["alb"]}]}
    network.ec2.authorize_security_group_ingress(GroupId=groups["tasks"], IpPermissions=[let_in])
    eventually(lambda: network.all_healthy(group))
    assert get(lb["DNSName"]).status == 200
    network.ec2.revoke_security_group_ingress(GroupId=groups["tasks"], IpPermissions=[let_in])
    eventually(lambda: network.states(group)["unhealthy"])


def test_members_of_the_default_group_reach_each_other(network: Network) -> None:
    network.ec2.create_network_interface(SubnetId=network.subnets[0], PrivateIpAddress=network.address(5))
    network.serve(5)
    group = network.target_group("tg", 5, HealthCheckIntervalSeconds=5)
    network.listener(network.load_balancer(), forward((group, 1)))
    eventually(lambda: network.all_healthy(group))


def test_silence_longer_than_the_idle_timeout_is_a_gateway_timeout(served: Any) -> None:
    network, lb, _, _, _ = served
    network.elb.modify_load_balancer_attributes(
        LoadBalancerArn=lb["LoadBalancerArn"],
        Attributes=[{"Key": "idle_timeout.timeout_seconds", "Value": "1"}],
    )
    answer = eventually(lambda: (got := get(lb["DNSName"], "/slow/1.5")).status == 504 and got)
    assert "504 Gateway Time-out" in answer.body


def test_a_new_weight_does_not_touch_connections(served: Any) -> None:
    network, lb, listener, a, b = served
    before = network.host.helper(Envoy).stats("listener_manager.lds.version_text|listener_modified")
    network.elb.modify_listener(ListenerArn=listener, DefaultActions=[forward((a, 0), (b, 1))])
    eventually(lambda: get(lb["DNSName"]).json["me"].endswith("7:8080"))
    assert network.host.helper(Envoy).stats("listener_manager.lds.version_text|listener_modified") == before


def test_no_request_is_lost_while_traffic_moves(served: Any) -> None:
    network, lb, listener, a, b = served
    statuses: Counter[int] = Counter()
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            statuses[get(lb["DNSName"]).status] += 1

    client = threading.Thread(target=ask)
    client.start()
    moves = [forward((a, 0), (b, 1)), forward((a, 1), (b, 0))] * 5
    for action, expected in zip([*moves, forward((b, 1))], ["7", "56"] * 5 + ["7"], strict=True):
        network.elb.modify_listener(ListenerArn=listener, DefaultActions=[action])
        eventually(lambda expected=expected: get(lb["DNSName"]).json["me"].rpartition(".")[2][0] in expected)
    stop.set()
    client.join()
    assert set(statuses) == {200}


def test_envoy_comes_back_with_its_configuration(served: Any) -> None:
    network, lb, _, _, _ = served
    first = network.host.helper(Envoy).pid
    assert first is not None
    os.kill(first, 9)
    eventually(lambda: network.host.helper(Envoy).pid not in (None, 0, first))
    eventually(lambda: get(lb["DNSName"]).status == 200)


def test_only_loopback_is_listened_on(served: Any) -> None:
    network = served[0]
    assert network.host.helper(Envoy).pid is not None
    process = psutil.Process(network.host.helper(Envoy).pid)
    listening = [c.laddr for c in process.net_connections() if c.status == psutil.CONN_LISTEN]
    assert len(listening) == 2  # an address per subnet
    assert all(address.ip.startswith("127.") for address in listening)


@pytest.mark.parametrize("service", ["acm", "iam"])
def test_https_with_a_certificate_of_acm_or_iam(network: Network, client: Any, service: str) -> None:
    if service == "acm":
        arn = client("acm").request_certificate(DomainName="shop.example.com")["CertificateArn"]
    else:
        body, key = certificate()
        arn = client("iam").upload_server_certificate(
            ServerCertificateName="web", CertificateBody=body, PrivateKey=key, Path="/shop/"
        )["ServerCertificateMetadata"]["Arn"]
    lb = network.load_balancer()
    network.elb.create_listener(
        LoadBalancerArn=lb["LoadBalancerArn"],
        Protocol="HTTPS",
        Port=443,
        Certificates=[{"CertificateArn": arn}],
        DefaultActions=[fixed(200, "secret")],
    )
    assert eventually(lambda: https(lb)) == "secret"


def test_a_port_that_is_taken_is_said(network: Network) -> None:
    import socket

    lb = network.load_balancer()
    address = lb["DNSName"].partition(":")[0]
    with socket.create_server((address, 9000)):
        network.listener(lb, fixed(200), port=9000)
        shown = eventually(
            lambda: (state := _state(network))["Code"] == "failed" and state,
        )
        assert "9000" in shown["Reason"]
        assert address in shown["Reason"]
    eventually(lambda: _state(network)["Code"] == "active")
    eventually(lambda: get(f"{address}:9000").status == 200)


def _state(network: Network) -> dict[str, str]:
    return network.elb.describe_load_balancers()["LoadBalancers"][0]["State"]


def test_tcp_goes_through_a_network_load_balancer(network: Network) -> None:
    network.serve(5)
    lb = network.elb.create_load_balancer(Name="nlb", Type="network", Subnets=network.subnets[:1])["LoadBalancers"][0]
    group = network.elb.create_target_group(Name="tcp", Protocol="TCP", Port=8080, VpcId=network.vpc, TargetType="ip")[
        "TargetGroups"
    ][0]["TargetGroupArn"]
    network.register(group, 5)
    network.elb.create_listener(
        LoadBalancerArn=lb["LoadBalancerArn"],
        Protocol="TCP",
        Port=9001,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
    )
    eventually(lambda: network.all_healthy(group))
    address = lb["DNSName"].partition(":")[0]
    assert eventually(lambda: get(f"{address}:9001")).json["me"] == f"{network.address(5)}:8080"


def test_a_network_load_balancer_goes_to_an_application_load_balancer(network: Network) -> None:
    inner = network.load_balancer()
    outer = network.load_balancer("nlb", Type="network")
    group = network.elb.create_target_group(
        Name="alb", Protocol="TCP", Port=80, VpcId=network.vpc, TargetType="alb", HealthCheckIntervalSeconds=10
    )["TargetGroups"][0]["TargetGroupArn"]
    network.elb.create_listener(
        LoadBalancerArn=outer["LoadBalancerArn"],
        Protocol="TCP",
        Port=9001,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
    )
    target = [{"Id": inner["LoadBalancerArn"]}]
    with pytest.raises(ClientError, match=r"ValidationError.*at least one listener that matches"):
        network.elb.register_targets(TargetGroupArn=group, Targets=target)
    network.listener(inner, fixed(200, "through both"))
    network.elb.register_targets(TargetGroupArn=group, Targets=target)
    eventually(lambda: network.all_healthy(group))
    assert list(network.health(group)) == [f"{inner['LoadBalancerArn']}:80"]
    address = outer["DNSName"].partition(":")[0]
    assert eventually(lambda: get(f"{address}:9001")).body == "through both"
    network.elb.delete_load_balancer(LoadBalancerArn=inner["LoadBalancerArn"])
    assert network.states(group) == {"unused": 1}


def test_a_lambda_function_is_not_invoked(network: Network) -> None:
    lb = network.load_balancer()
    group = network.elb.create_target_group(Name="fn", TargetType="lambda")["TargetGroups"][0]["TargetGroupArn"]
    function = "arn:aws:lambda:us-east-1:000000000000:function:f"
    network.elb.register_targets(TargetGroupArn=group, Targets=[{"Id": function}])
    network.listener(lb, forward((group, 1)))
    assert eventually(lambda: get(lb["DNSName"])).status == 503
    (shown,) = network.elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    assert shown["Target"] == {"Id": function}
    assert shown["TargetHealth"]["State"] == "unhealthy"
    assert "Lambda" in shown["TargetHealth"]["Description"]
    network.elb.deregister_targets(TargetGroupArn=group, Targets=[{"Id": function}])
    assert network.elb.describe_load_balancers()["LoadBalancers"][0]["State"] == {"Code": "active"}
