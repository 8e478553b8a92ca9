"""TLS of Service Connect on a cloud whose time is moved by hand: who shows what to whom, rotated, kept, refused."""

from __future__ import annotations

import json
import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cryptography import x509
from tests.support.lab import Lab
from tests.support.private_ca import TAG, make_authority
from tests.support.stepped import World

from drydock.policy.mesh import service_connect as rules

from .test_service_connect import CALLING, make, proxy, serving, tasks

DAY = 86_400.0


@pytest.fixture
def lab(world: World) -> Lab:
    lab = world.lab()
    lab.client("servicediscovery").create_http_namespace(Name="shop")
    return lab


@pytest.fixture
def secured(lab: Lab) -> dict[str, Any]:
    """A configuration whose service has TLS."""
    return serving(tls=tls(lab, make_authority(lab.client("acm-pca"))))


def tls(lab: Lab, authority: str, **more: Any) -> dict[str, Any]:
    trust = {"Effect": "Allow", "Principal": {"Service": "ecs.amazonaws.com"}, "Action": "sts:AssumeRole"}
    iam = lab.client("iam")
    try:
        role = iam.get_role(RoleName="connect")["Role"]["Arn"]
    except ClientError:
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        role = iam.create_role(RoleName="connect", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    return {"issuerCertificateAuthority": {"awsPcaAuthorityArn": authority}, "roleArn": role, **more}


def shown(world: World, name: str = "back") -> x509.Certificate:
    """The certificate that the listener of a service's one task shows, which is of one listener alone."""
    [task] = tasks(world, name)
    told = world.proxies.made[task.id].applied["service-connect"]
    [context] = [
        chain["transport_socket"]["typed_config"]["common_tls_context"]
        for listener in told.listeners
        for chain in listener["filter_chains"]
        if "transport_socket" in chain
    ]
    [secret] = told.secrets
    assert [each["name"] for each in context["tls_certificate_sds_secret_configs"]] == [secret["name"]]
    return x509.load_pem_x509_certificate(secret["tls_certificate"]["certificate_chain"]["inline_string"].encode())


def checks(world: World) -> list[tuple[str, str]]:
    """The roots and names by which the proxy of front checks whom it calls."""
    return [
        (check["trusted_ca"]["inline_string"], check["match_typed_subject_alt_names"][0]["matcher"]["exact"])
        for cluster in proxy(world).applied["service-connect"].clusters
        for match in cluster.get("transport_socket_matches", ())
        for check in [match["transport_socket"]["typed_config"]["common_tls_context"]["validation_context"]]
    ]


def root(lab: Lab, configuration: dict[str, Any]) -> str:
    arn = configuration["services"][0]["tls"]["issuerCertificateAuthority"]["awsPcaAuthorityArn"]
    pca = lab.client("acm-pca")
    return str(pca.get_certificate_authority_certificate(CertificateAuthorityArn=arn)["Certificate"])


def files(world: World) -> list[Path]:
    return list((world.host.directory / "certificates").iterdir())


def test_a_task_shows_a_certificate_of_the_authority_and_its_clients_ask_for_that(
    world: World, lab: Lab, secured: dict[str, Any]
) -> None:
    make(lab, "back", 1, secured)
    make(lab, "front", 1, CALLING)
    certificate = shown(world)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["backend.shop"]
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(root(lab, secured).encode()))
    lasts = certificate.not_valid_after_utc - world.clock.utcnow()
    assert timedelta(seconds=rules.VALID - 60) < lasts <= timedelta(seconds=rules.VALID)
    assert checks(world) == [(root(lab, secured), "backend.shop")]
    [file] = files(world)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "PRIVATE KEY" in file.read_text()
    assert any("not in Secrets Manager" in event["message"] for event in lab.service("back")["events"])
    lab.ecs.delete_service(cluster="lab", service="back", force=True)
    world.until(lambda: not files(world))


def test_it_is_rotated_after_five_days_and_outlives_a_restart(world: World, lab: Lab, secured: dict[str, Any]) -> None:
    make(lab, "back", 1, secured)
    first = shown(world)
    world.clock.advance(rules.ROTATED - 3600)
    world.settle()
    assert shown(world) == first
    world.clock.advance(3600)
    world.settle()
    second = shown(world)
    assert second.serial_number != first.serial_number
    pca = lab.client("acm-pca")
    [authority] = pca.list_certificate_authorities()["CertificateAuthorities"]
    pca.update_certificate_authority(CertificateAuthorityArn=authority["Arn"], Status="DISABLED")
    world.clock.advance(rules.ROTATED)
    world.settle()
    assert shown(world) == second  # what cannot be rotated stays
    pca.update_certificate_authority(CertificateAuthorityArn=authority["Arn"], Status="ACTIVE")
    world.clock.advance(3600)
    world.settle()
    third = shown(world)
    assert third not in (first, second)
    with world.crashed() as again:
        again.until(lambda: [task.status for task in tasks(again, "back")] == ["RUNNING"])
        assert shown(again) == third


def test_tasks_with_and_without_tls_are_called_side_by_side(world: World, lab: Lab, secured: dict[str, Any]) -> None:
    make(lab, "back", 1, serving())
    make(lab, "front", 1, CALLING)
    assert checks(world) == []
    seen: set[tuple[bool, ...]] = set()

    def look() -> None:
        for end in proxy(world).applied["service-connect"].endpoints:
            if end["cluster_name"].startswith("egress/"):
                seen.add(
                    tuple(sorted("metadata" in host for place in end["endpoints"] for host in place["lb_endpoints"]))
                )

    world.turned.append(look)
    lab.ecs.update_service(cluster="lab", service="back", serviceConnectConfiguration=secured)
    lab.until_steady(1, "back")
    assert seen >= {(False,), (False, True), (True,)}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("gone", "was not found"),
        ("disabled", "is DISABLED"),
        ("untagged", "no tag AmazonECSManaged"),
        ("role", "unable to assume the role"),
        ("key", "tls.kmsKey was not found"),
    ],
)
def test_what_tls_needs_has_to_be_there(lab: Lab, wrong: str, words: str) -> None:
    pca = lab.client("acm-pca")
    authority = make_authority(pca, tags=[{"Key": "a", "Value": "b"}] if wrong == "untagged" else TAG)
    if wrong == "disabled":
        pca.update_certificate_authority(CertificateAuthorityArn=authority, Status="DISABLED")
    more = {"role": {"roleArn": "arn:aws:iam::000000000000:role/none"}, "key": {"kmsKey": "alias/none"}}.get(wrong, {})
    asked = serving(tls=tls(lab, authority[:-1] + "x" if wrong == "gone" else authority, **more))
    with pytest.raises(ClientError, match=words) as refused:
        make(lab, "back", 1, asked)
    assert refused.value.response["Error"]["Code"] == "InvalidParameterException"


def test_a_key_that_is_there_is_taken_and_said_to_encrypt_nothing(world: World, lab: Lab) -> None:
    key = lab.client("kms").create_key()["KeyMetadata"]["Arn"]
    make(lab, "back", 1, serving(tls=tls(lab, make_authority(lab.client("acm-pca")), kmsKey=key)))
    assert any("kmsKey encrypts nothing" in event["message"] for event in lab.service("back")["events"])


def test_a_task_without_a_certificate_does_not_start_and_says_why(
    world: World, lab: Lab, secured: dict[str, Any]
) -> None:
    lab.create(lab.register("back", portMappings=[{"containerPort": 8080, "name": "web", "appProtocol": "http"}]),
               0, "back", serviceConnectConfiguration=secured)  # fmt: skip
    pca = lab.client("acm-pca")
    [authority] = pca.list_certificate_authorities()["CertificateAuthorities"]
    pca.update_certificate_authority(CertificateAuthorityArn=authority["Arn"], Status="DISABLED")
    lab.ecs.update_service(cluster="lab", service="back", desiredCount=1)
    stopped = world.until(lambda: lab.ecs.list_tasks(cluster="lab", desiredStatus="STOPPED")["taskArns"])
    [task] = lab.ecs.describe_tasks(cluster="lab", tasks=stopped[:1])["tasks"]
    assert "has no certificate for backend.shop" in task["stoppedReason"]
