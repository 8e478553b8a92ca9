"""Which Service Connect configurations are taken; the limits are those of the ECS API Reference."""

from __future__ import annotations

from typing import Any

import pytest

from drydock.policy.requests import service_connect, unsupported
from drydock.policy.requests.errors import Invalid
from drydock.policy.requests.world import Cluster, Namespace, World

DEFINITION = {
    "networkMode": "awsvpc",
    "containerDefinitions": [
        {
            "name": "app",
            "portMappings": [
                {"containerPort": 8080, "name": "web", "appProtocol": "http"},
                {"containerPort": 5432, "name": "db"},
                {"containerPortRange": "9000-9010", "name": "many"},
            ],
        }
    ],
}
SHOP = Namespace("arn:aws:servicediscovery:r:1:namespace/ns-1", "shop", {"taken"}, {("taken.shop", 80)})
NAMES = ("a" * 250, "caf\u00e9")
WORLD = World(cluster=Cluster(), namespaces={"shop": SHOP, **{name: Namespace("arn", name) for name in NAMES}})
CA = "arn:aws:acm-pca:us-east-1:000000000000:certificate-authority/1"
TLS = {"issuerCertificateAuthority": {"awsPcaAuthorityArn": CA}, "roleArn": "arn:aws:iam::1:role/r"}
LOGS = {"logDriver": "awslogs", "options": {"awslogs-group": "/g"}}


def asked(*services: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"enabled": True, "namespace": "shop", "services": list(services), **more}


def entry(port_name: str = "web", **more: Any) -> dict[str, Any]:
    return {"portName": port_name, "clientAliases": [{"port": 80}], **more}


ACCEPTED: tuple[dict[str, Any], ...] = (
    {"enabled": False, "namespace": "nowhere"},
    asked(),
    asked({"portName": "web"}),
    asked(entry(), entry("db", discoveryName="orders")),
    asked(entry(timeout={"idleTimeoutSeconds": 0, "perRequestTimeoutSeconds": 0}, ingressPortOverride=15000)),
    asked(entry("db", timeout={"idleTimeoutSeconds": 60})),
    asked(entry(clientAliases=[{"port": 80, "dnsName": "web.example.com", "testTrafficRules": {}}])),
    asked(logConfiguration=LOGS, accessLogConfiguration={"format": "TEXT", "includeQueryParameters": "ENABLED"}),
    asked(containerConfigurations=[{"logLevel": "debug"}]),
    asked(entry(tls=TLS)),
)


@pytest.mark.parametrize("configuration", ACCEPTED)
def test_accepted(configuration: dict[str, Any]) -> None:
    service_connect.validate(configuration, DEFINITION, WORLD)
    unsupported.deploys({"serviceConnectConfiguration": configuration})


def test_the_namespace_may_be_the_clusters_and_has_to_be_there() -> None:
    world = World(cluster=Cluster(namespace="shop"), namespaces={"shop": SHOP})
    service_connect.validate({"enabled": True}, DEFINITION, world)
    with pytest.raises(Invalid, match="Namespace is missing"):
        service_connect.validate({"enabled": True}, DEFINITION, WORLD)
    with pytest.raises(Invalid, match="other was not found") as refused:
        service_connect.validate({"enabled": True, "namespace": "other"}, DEFINITION, WORLD)
    assert refused.value.code == "NamespaceNotFoundException"


@pytest.mark.parametrize(
    ("configuration", "words"),
    [
        (asked(entry("no")), r"portName\(no\) does not refer"),
        (asked(entry("many")), "a range of ports"),
        (asked(entry(discoveryName="Web")), "discoveryName 'Web' is invalid"),
        (asked(entry(discoveryName="-web")), "discoveryName '-web' is invalid"),
        (asked(entry(discoveryName="w" * 65)), "discoveryName 'w+' is invalid"),
        (asked(entry(discoveryName="taken")), "discoveryName 'taken' is already used"),
        (asked(entry(), entry("db", discoveryName="web")), "discoveryName 'web' is already used"),
        (asked(entry(clientAliases=[{"port": 80, "dnsName": "taken.shop"}])), "alias taken.shop:80 is already used"),
        (asked(entry(clientAliases=[{"port": 80}, {"port": 81}])), "at most 1 items"),
        (asked(entry(clientAliases=[{"port": 0}])), "clientAliases.port must be at least 1"),
        (asked(entry(clientAliases=[{"port": 80, "dnsName": "-a"}])), "dnsName '-a' is invalid"),
        (asked(entry(clientAliases=[{"port": 80, "dnsName": "a" * 128}])), "dnsName 'a+' is invalid"),
        (asked(entry(clientAliases=[{"port": 80, "dnsName": "localhost"}])), "no task could call it by that name"),
        (asked(entry(clientAliases=[{"port": 80, "dnsName": "a..b"}])), "no task could call it by that name"),
        (
            asked(entry("db", clientAliases=[{"port": 80, "testTrafficRules": {"header": {"name": "x"}}}])),
            "testTrafficRules need",
        ),
        (asked(entry(ingressPortOverride=8080)), "ingressPortOverride 8080 is already used"),
        (asked(entry(ingressPortOverride=70000)), "ingressPortOverride must be at most 65535"),
        (asked(entry(timeout={"idleTimeoutSeconds": -1})), "idleTimeoutSeconds must be at least 0"),
        (asked(entry("db", timeout={"perRequestTimeoutSeconds": 5})), "perRequestTimeoutSeconds can only be set"),
        (asked(entry(tls={"issuerCertificateAuthority": {}})), "awsPcaAuthorityArn must be specified"),
        (asked(entry(tls={"issuerCertificateAuthority": {"awsPcaAuthorityArn": "arn"}})), "not the ARN of a private"),
        (asked(entry(tls={"issuerCertificateAuthority": {"awsPcaAuthorityArn": CA}})), "roleArn must be specified"),
        (asked(entry(tls=TLS), namespace=NAMES[0]), "No certificate can be for"),
        (asked(entry(tls=TLS), namespace=NAMES[1]), "No certificate can be for"),
        (asked(accessLogConfiguration={"format": "JSON"}), "needs a logConfiguration"),
        (asked(logConfiguration=LOGS, accessLogConfiguration={"format": "XML"}), "enum value set: .TEXT, JSON"),
        (asked(logConfiguration={"logDriver": "awslogs"}), "awslogs-group"),
        (asked(containerConfigurations=[{"logLevel": "trace"}]), "enum value set: .debug, info"),
    ],
)
def test_refused(configuration: dict[str, Any], words: str) -> None:
    with pytest.raises(Invalid, match=words) as refused:
        service_connect.validate(configuration, DEFINITION, WORLD)
    assert refused.value.code == "InvalidParameterException"


@pytest.mark.parametrize(
    ("configuration", "words"),
    [
        (asked(logConfiguration={"logDriver": "awsfirelens", "options": {}}), "log driver awsfirelens"),
    ],
)
def test_what_is_not_acted_on_is_refused(configuration: dict[str, Any], words: str) -> None:
    with pytest.raises(Invalid, match=words) as refused:
        unsupported.deploys({"serviceConnectConfiguration": configuration})
    assert refused.value.code == "UnsupportedFeatureException"


@pytest.mark.parametrize(("name", "fits"), [("a" * 1024, True), ("a" * 1025, False), ("a/b", False), ('a"', False)])
def test_the_name_of_a_namespace(name: str, fits: bool) -> None:
    if fits:
        return service_connect.namespace_name(name)
    with pytest.raises(Invalid, match="is invalid"):
        service_connect.namespace_name(name)
