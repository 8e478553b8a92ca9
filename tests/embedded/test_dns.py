"""The VPC's resolver, asked by dig and by raw bytes."""

from __future__ import annotations

import random
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from dnslib import QTYPE, RCODE, DNSHeader, DNSQuestion, DNSRecord
from hypothesis import given, settings
from hypothesis import strategies as st

from drydock.embedded.assembly import AWS
from drydock.embedded.carriers import dns
from drydock.embedded.carriers.dns import Resolver
from drydock.embedded.carriers.remembered import Remembered
from drydock.embedded.carriers.zones import RecordSet, Value, Zone
from drydock.embedded.core.clock import ManualClock
from tests.support.tools import tool

REGION = "us-east-1"
CIDR = "127.10.0.0/16"


@dataclass
class Cloud:
    """A host with one VPC, the private namespace prod.internal in it, and the VPC's resolver."""

    host: AWS
    vpc: str
    namespace: str

    @property
    def sd(self) -> Any:
        return self.host.client("servicediscovery", REGION)

    def service(self, name: str, *types: str, ttl: int = 10, policy: str = "MULTIVALUE") -> str:
        config = {"DnsRecords": [{"Type": each, "TTL": ttl} for each in types], "RoutingPolicy": policy}
        return self.sd.create_service(
            Name=name, NamespaceId=self.namespace, DnsConfig=config, HealthCheckCustomConfig={}
        )["Service"]["Id"]

    def register(self, service: str, instance: str, **attributes: str) -> None:
        named = {f"AWS_{key.upper()}": value for key, value in attributes.items()}
        self.sd.register_instance(ServiceId=service, InstanceId=instance, Attributes=named)

    def unhealthy(self, service: str, instance: str) -> None:
        self.sd.update_instance_custom_health_status(ServiceId=service, InstanceId=instance, Status="UNHEALTHY")

    def later(self, aws_seconds: float) -> None:
        self.host.clock.advance(aws_seconds)  # type: ignore[attr-defined]

    def ask(self, name: str, type_: str = "A", vpc: str | None = None) -> DNSRecord:
        query = DNSRecord.question(name, type_)
        address = self.host.helper(Resolver).address(vpc or self.vpc, REGION)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.settimeout(5)
            udp.sendto(query.pack(), address)
            reply = DNSRecord.parse(udp.recv(65535))
        assert reply.header.id == query.header.id
        return reply

    def addresses(self, name: str) -> list[str]:
        return [str(rr.rdata) for rr in self.ask(name).rr]

    def dig(self, *arguments: str) -> str:
        address, port = self.host.helper(Resolver).address(self.vpc, REGION)
        command = [tool("dig"), f"@{address}", "-p", str(port), "+time=5", "+tries=1", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout


@pytest.fixture(scope="module")
def shared_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AWS]:
    host = AWS(tmp_path_factory.mktemp("aws"), seed="test", clock=ManualClock())
    yield host
    host.close()


@pytest.fixture
def cloud(shared_host: AWS) -> Iterator[Cloud]:
    ec2, sd = shared_host.client("ec2", REGION), shared_host.client("servicediscovery", REGION)
    vpc = ec2.create_vpc(CidrBlock=CIDR)["Vpc"]["VpcId"]
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    operation_id = sd.create_private_dns_namespace(Name="prod.internal", Vpc=vpc)["OperationId"]
    namespace = sd.get_operation(OperationId=operation_id)["Operation"]["Targets"]["NAMESPACE"]
    yield Cloud(shared_host, vpc, namespace)
    from moto.servicediscovery.models import servicediscovery_backends

    for _, _, backend in servicediscovery_backends.iter_backends():
        backend.reset()


def code(reply: DNSRecord) -> str:
    return str(RCODE[reply.header.rcode])


# -- with dig -----------------------------------------------------------------------------------


@pytest.mark.process
@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
def test_dig_finds_a_service_by_name(cloud: Cloud, transport: str) -> None:
    service = cloud.service("backend", "A", ttl=42)
    for last in (5, 6, 7):
        cloud.register(service, f"task-{last}", instance_ipv4=f"127.10.0.{last}")
    answers = cloud.dig("+noall", "+answer", transport, "backend.prod.internal").split("\n")
    fields = sorted(line.split() for line in answers if line)
    assert fields == [["backend.prod.internal.", "42", "IN", "A", f"127.10.0.{last}"] for last in (5, 6, 7)]


@pytest.mark.process
def test_dig_finds_the_port_in_srv_and_the_address_beside_it(cloud: Cloud) -> None:
    service = cloud.service("_api._tcp", "SRV")
    cloud.register(service, "t1", instance_ipv4="127.10.0.5", instance_port="8080")
    assert cloud.dig("+short", "_api._tcp.prod.internal", "SRV") == "1 1 8080 t1._api._tcp.prod.internal.\n"
    beside = cloud.dig("+noall", "+additional", "_api._tcp.prod.internal", "SRV").split()
    assert beside == ["t1._api._tcp.prod.internal.", "10", "IN", "A", "127.10.0.5"]
    assert cloud.dig("+short", "t1._api._tcp.prod.internal") == "127.10.0.5\n"
    assert cloud.dig("+short", "_api._tcp.prod.internal", "A") == ""


@pytest.mark.process
def test_a_long_answer_is_truncated_over_udp_and_whole_over_tcp(cloud: Cloud) -> None:
    service = cloud.service("_api._tcp", "SRV")
    for number in range(8):
        cloud.register(service, f"{number}" * 60, instance_ipv4="127.10.0.5", instance_port="8080")
    question = ("_api._tcp.prod.internal", "SRV")
    cut = cloud.dig("+noedns", "+ignore", *question)
    assert "flags: qr aa tc rd ra; QUERY: 1, ANSWER: 0," in cut
    assert len(cloud.dig("+noedns", "+short", *question).splitlines()) == 8, "dig asks again over TCP"
    assert "flags: qr aa rd ra; QUERY: 1, ANSWER: 8," in cloud.dig("+bufsize=4096", "+ignore", *question)


@pytest.mark.process
def test_a_vpc_without_dns_hostnames_is_refused_and_told_why(cloud: Cloud) -> None:
    cloud.register(cloud.service("backend", "A"), "t1", instance_ipv4="127.10.0.5")
    cloud.host.client("ec2", REGION).modify_vpc_attribute(VpcId=cloud.vpc, EnableDnsHostnames={"Value": False})
    shown = cloud.dig("backend.prod.internal")
    assert "status: REFUSED" in shown
    assert f"enableDnsHostnames of {cloud.vpc}" in shown


@pytest.mark.process
def test_an_edns_version_of_the_future_is_badvers(cloud: Cloud) -> None:
    assert "status: BADVERS" in cloud.dig("+edns=1", "+noednsnegotiation", "prod.internal", "SOA")


# -- what is answered ---------------------------------------------------------------------------


def test_names_are_found_in_any_case_and_given_back_as_asked(cloud: Cloud) -> None:
    cloud.register(cloud.service("Backend", "A"), "t1", instance_ipv4="127.10.0.5")
    reply = cloud.ask("bAcKeNd.PROD.internal")
    assert [(str(rr.rname), str(rr.rdata)) for rr in reply.rr] == [("bAcKeNd.PROD.internal.", "127.10.0.5")]


def test_an_address_outside_127_is_answered_as_its_loopback_one(cloud: Cloud) -> None:
    cloud.register(cloud.service("backend", "A"), "t1", instance_ipv4="172.31.16.5")
    assert cloud.addresses("backend.prod.internal") == ["127.31.16.5"]


def test_no_record_of_the_type_is_not_no_such_name(cloud: Cloud) -> None:
    service = cloud.service("_api._tcp", "A")
    cloud.register(service, "t1", instance_ipv4="127.10.0.5")
    for name, type_, expected in (
        ("_api._tcp.prod.internal", "AAAA", "NOERROR"),
        ("_tcp.prod.internal", "A", "NOERROR"),
        ("other.prod.internal", "A", "NXDOMAIN"),
    ):
        reply = cloud.ask(name, type_)
        assert (code(reply), reply.rr, [QTYPE[rr.rtype] for rr in reply.auth]) == (expected, [], ["SOA"])
        assert reply.auth[0].ttl == 15
        assert reply.header.aa, "a client need not ask anyone else"


def test_a_service_without_instances_has_no_name(cloud: Cloud) -> None:
    service = cloud.service("backend", "A")
    assert code(cloud.ask("backend.prod.internal")) == "NXDOMAIN"
    cloud.register(service, "t1", instance_ipv4="127.10.0.5")
    cloud.later(15)
    assert cloud.addresses("backend.prod.internal") == ["127.10.0.5"]
    cloud.sd.deregister_instance(ServiceId=service, InstanceId="t1")
    cloud.later(10)
    assert code(cloud.ask("backend.prod.internal")) == "NXDOMAIN"


def test_what_no_namespace_of_the_vpc_holds_is_refused_or_below_internal_not_there(cloud: Cloud) -> None:
    cloud.register(cloud.service("backend", "A"), "t1", instance_ipv4="127.10.0.5")
    ec2 = cloud.host.client("ec2", REGION)
    other = ec2.create_vpc(CidrBlock="127.12.0.0/16")["Vpc"]["VpcId"]
    ec2.modify_vpc_attribute(VpcId=other, EnableDnsHostnames={"Value": True})
    assert code(cloud.ask("backend.prod.internal", vpc=other)) == "NXDOMAIN"
    assert code(cloud.ask("example.com")) == "REFUSED"
    assert code(cloud.ask("notprod.internal")) == "NXDOMAIN"
    assert code(cloud.ask("backend.prod.internal")) == "NOERROR"


def test_the_resolver_listens_on_the_base_of_the_vpc_and_two(cloud: Cloud) -> None:
    assert cloud.host.helper(Resolver).address(cloud.vpc, REGION)[0] == "127.10.0.2"
    with pytest.raises(LookupError, match="vpc-0"):
        cloud.host.helper(Resolver).address("vpc-0", REGION)


def test_multivalue_answers_eight_of_ten_in_changing_order(cloud: Cloud) -> None:
    service = cloud.service("backend", "A", ttl=0)
    for last in range(10):
        cloud.register(service, f"t{last}", instance_ipv4=f"127.10.1.{last}")
    answers = [cloud.addresses("backend.prod.internal") for _ in range(20)]
    assert {len(set(answer)) for answer in answers} == {8}
    assert len({tuple(answer) for answer in answers}) > 10
    assert len({address for answer in answers for address in answer}) == 10


def test_weighted_answers_one_and_every_one_in_time(cloud: Cloud) -> None:
    service = cloud.service("backend", "A", ttl=0, policy="WEIGHTED")
    for last in range(3):
        cloud.register(service, f"t{last}", instance_ipv4=f"127.10.1.{last}")
    answers = [cloud.addresses("backend.prod.internal") for _ in range(60)]
    assert {len(answer) for answer in answers} == {1}
    assert {answer[0] for answer in answers} == {"127.10.1.0", "127.10.1.1", "127.10.1.2"}


@pytest.mark.parametrize("policy", ["MULTIVALUE", "WEIGHTED"])
def test_the_unhealthy_leave_dns_after_thirty_seconds_unless_all_are(cloud: Cloud, policy: str) -> None:
    service = cloud.service("backend", "A", ttl=0, policy=policy)

    def seen() -> set[str]:
        return {address.rsplit(".", 1)[1] for _ in range(20) for address in cloud.addresses("backend.prod.internal")}

    for last in (1, 2):
        cloud.register(service, f"t{last}", instance_ipv4=f"127.10.1.{last}")
    cloud.unhealthy(service, "t1")
    cloud.later(29)
    assert seen() == {"1", "2"}
    cloud.later(1)
    assert seen() == {"2"}
    cloud.unhealthy(service, "t2")
    cloud.later(30)
    assert seen() == {"1", "2"}


def test_a_cname_is_followed_while_it_stays_in_our_zones(cloud: Cloud) -> None:
    cloud.register(cloud.service("backend", "A"), "t1", instance_ipv4="127.10.0.5")
    inside = cloud.service("db", "CNAME", policy="WEIGHTED")
    cloud.register(inside, "c", instance_cname="Backend.prod.internal")
    outside = cloud.service("web", "CNAME", policy="WEIGHTED")
    cloud.register(outside, "c", instance_cname="www.example.com")
    around = cloud.service("loop", "CNAME", policy="WEIGHTED")
    cloud.register(around, "c", instance_cname="loop.prod.internal")

    def shown(name: str) -> list[str]:
        return [f"{QTYPE[rr.rtype]} {rr.rdata}" for rr in cloud.ask(name).rr]

    assert shown("db.prod.internal") == ["CNAME Backend.prod.internal.", "A 127.10.0.5"]
    assert shown("web.prod.internal") == ["CNAME www.example.com."]
    assert code(cloud.ask("loop.prod.internal")) == "SERVFAIL"


def test_the_zone_has_soa_and_name_servers(cloud: Cloud) -> None:
    (soa,) = cloud.ask("prod.internal", "SOA").rr
    assert str(soa.rdata).startswith("ns-1536.awsdns-00.co.uk. awsdns-hostmaster.amazon.com. 1 ")
    assert len(cloud.ask("prod.internal", "NS").rr) == 4


def test_the_most_specific_namespace_answers(cloud: Cloud) -> None:
    cloud.register(cloud.service("backend", "A"), "t1", instance_ipv4="127.10.0.5")
    cloud.sd.create_private_dns_namespace(Name="backend.prod.internal", Vpc=cloud.vpc)
    assert cloud.addresses("backend.prod.internal") == []


def test_several_queries_share_a_tcp_connection(cloud: Cloud) -> None:
    cloud.register(cloud.service("backend", "A"), "t1", instance_ipv4="127.10.0.5")
    queries = [DNSRecord.question("backend.prod.internal").pack(), DNSRecord.question("x.prod.internal").pack()]
    where = cloud.host.helper(Resolver).address(cloud.vpc, REGION)
    with socket.create_connection(where, timeout=5) as connection, connection.makefile("rb") as stream:
        connection.sendall(b"".join(len(query).to_bytes(2, "big") + query for query in queries))
        replies = [DNSRecord.parse(stream.read(int.from_bytes(stream.read(2), "big"))) for _ in queries]
    assert [code(reply) for reply in replies] == ["NOERROR", "NXDOMAIN"]


def test_a_bad_datagram_does_not_end_the_service(cloud: Cloud) -> None:
    cloud.register(cloud.service("backend", "A"), "t1", instance_ipv4="127.10.0.5")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        for noise in (b"", b"x", b"\xff" * 600, DNSRecord.question("a.b").pack()[:-3]):
            udp.sendto(noise, cloud.host.helper(Resolver).address(cloud.vpc, REGION))
    assert cloud.addresses("backend.prod.internal") == ["127.10.0.5"]


# -- what is kept -------------------------------------------------------------------------------


def test_an_answer_is_repeated_for_its_ttl_which_counts_down(cloud: Cloud) -> None:
    service = cloud.service("backend", "A")
    for last in range(10):
        cloud.register(service, f"t{last}", instance_ipv4=f"127.10.1.{last}")
    first = cloud.addresses("backend.prod.internal")
    for last in range(10):
        cloud.sd.deregister_instance(ServiceId=service, InstanceId=f"t{last}")
    cloud.register(service, "new", instance_ipv4="127.10.2.1")
    for passed in (0, 4, 9):
        cloud.later(passed - (0 if passed < 9 else 4))
        reply = cloud.ask("BACKEND.prod.internal")
        assert [(str(rr.rname), str(rr.rdata), rr.ttl) for rr in reply.rr] == [
            ("BACKEND.prod.internal.", address, 10 - passed) for address in first
        ]
    cloud.later(1)
    assert [(str(rr.rdata), rr.ttl) for rr in cloud.ask("backend.prod.internal").rr] == [("127.10.2.1", 10)]


def test_that_there_is_no_such_name_is_kept_as_long_as_the_zone_says(cloud: Cloud) -> None:
    assert code(cloud.ask("backend.prod.internal")) == "NXDOMAIN"
    cloud.register(cloud.service("backend", "A"), "t1", instance_ipv4="127.10.0.5")
    cloud.later(14)
    reply = cloud.ask("backend.prod.internal")
    assert (code(reply), reply.auth[0].ttl) == ("NXDOMAIN", 1)
    cloud.later(1)
    assert cloud.addresses("backend.prod.internal") == ["127.10.0.5"]


def test_each_type_is_kept_by_itself(cloud: Cloud) -> None:
    cloud.register(cloud.service("backend", "A"), "t1", instance_ipv4="127.10.0.5")
    assert cloud.ask("backend.prod.internal", "AAAA").rr == []
    assert cloud.addresses("backend.prod.internal") == ["127.10.0.5"]


# -- any bytes ----------------------------------------------------------------------------------

ZONE = Zone(
    "prod.internal",
    None,
    15,
    {
        "backend.prod.internal": {"A": RecordSet("A", 10, "MULTIVALUE", (Value("127.10.0.5"),))},
        "_api.prod.internal": {"SRV": RecordSet("SRV", 10, "MULTIVALUE", (Value((1, 1, 80, "t._api.prod.internal")),))},
        "t._api.prod.internal": {"A": RecordSet("A", 10, "MULTIVALUE", (Value("127.10.0.5"),))},
        "c.prod.internal": {"CNAME": RecordSet("CNAME", 10, "WEIGHTED", (Value("backend.prod.internal"),))},
    },
)
names = st.sampled_from(
    ["prod.internal", "backend.prod.internal", "_api.prod.internal", "c.prod.internal", "x.c.prod.internal", ".", "a.b"]
)


def question(name: str, type_: str) -> bytes:
    return bytes(DNSRecord(DNSHeader(id=7, rd=1), q=DNSQuestion(name, getattr(QTYPE, type_))).pack())


def mutated(packet: bytes, changes: list[tuple[int, int]], cut: int) -> bytes:
    out = bytearray(packet)
    for position, byte in changes:
        out[position % len(out)] = byte
    return bytes(out[: len(out) - cut])


near_queries = st.builds(
    mutated,
    st.builds(
        lambda name, type_, edns: question(name, type_) + edns,
        names,
        st.sampled_from(["A", "AAAA", "SRV", "CNAME", "SOA", "NS", "ANY", "TXT"]),
        st.sampled_from([b"", bytes.fromhex("0000291000000000000000")]),
    ),
    st.lists(st.tuples(st.integers(0, 100), st.integers(0, 255)), max_size=6),
    st.integers(0, 6),
)


@settings(max_examples=500, deadline=None)
@given(st.one_of(st.binary(max_size=600), near_queries), st.booleans())
def test_any_bytes_are_answered_well_or_not_at_all(query: bytes, udp: bool) -> None:
    reply = dns.answer(query, [ZONE], None, 0.0, random.Random(1), Remembered(), udp=udp)
    if reply is None:
        assert len(query) < 12 or query[2] & 0x80
        return
    assert reply[:2] == query[:2]
    parsed = DNSRecord.parse(reply)
    assert parsed.header.qr == 1
    assert not udp or len(reply) <= 4096
