"""Private CA over its API: what it issues, what it refuses, and that all of it is the same after a restart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.support.private_ca import make_authority
from tests.support.stepped import World

KEY = ec.derive_private_key(77, ec.SECP256R1())


def csr(name: str = "web.shop") -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    )
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@pytest.fixture
def pca(world: World) -> Any:
    return world.client("acm-pca")


def issue(pca: Any, arn: str, days: int = 7, **more: Any) -> dict[str, str]:
    asked = {
        "Csr": csr(), "SigningAlgorithm": "SHA256WITHECDSA", "Validity": {"Value": days, "Type": "DAYS"}, **more,
    }  # fmt: skip
    made = pca.issue_certificate(CertificateAuthorityArn=arn, **asked)["CertificateArn"]
    found: dict[str, str] = pca.get_certificate(CertificateAuthorityArn=arn, CertificateArn=made)
    return found


def refused(call: Any, code: str, words: str = ".") -> None:
    with pytest.raises(ClientError, match=words) as error:
        call()
    assert error.value.response["Error"]["Code"] == code


def test_what_an_authority_issues_verifies_against_it(pca: Any) -> None:
    arn = make_authority(pca, mode="GENERAL_PURPOSE", key="RSA_2048")
    found = issue(pca, arn, days=30, SigningAlgorithm="SHA512WITHRSA")
    root = pca.get_certificate_authority_certificate(CertificateAuthorityArn=arn)["Certificate"]
    assert found["CertificateChain"] == root
    store = x509.verification.Store([x509.load_pem_x509_certificate(root.encode())])
    leaf = x509.load_pem_x509_certificate(found["Certificate"].encode())
    verifier = x509.verification.PolicyBuilder().store(store).build_server_verifier(x509.DNSName("web.shop"))
    assert verifier.verify(leaf, [])
    assert leaf.public_key() == KEY.public_key()
    lasts = leaf.not_valid_after_utc - datetime.now(UTC)
    assert timedelta(days=29) < lasts <= timedelta(days=30)


def test_an_authority_of_short_lived_certificates_issues_none_of_more_than_seven_days(pca: Any) -> None:
    arn = make_authority(pca)
    assert pca.describe_certificate_authority(CertificateAuthorityArn=arn)["CertificateAuthority"]["UsageMode"] == (
        "SHORT_LIVED_CERTIFICATE"
    )
    issue(pca, arn, days=7)
    refused(lambda: issue(pca, arn, days=8), "ValidationException", "at most 7 days")
    general = make_authority(pca, mode="GENERAL_PURPOSE")
    refused(lambda: issue(pca, general, days=4000), "ValidationException", "exceeds")


def test_only_an_authority_that_is_active_issues_and_only_a_disabled_one_is_deleted(pca: Any) -> None:
    arn = make_authority(pca)
    named = {"CertificateAuthorityArn": arn}

    def status() -> str:
        return str(pca.describe_certificate_authority(**named)["CertificateAuthority"]["Status"])

    refused(lambda: pca.delete_certificate_authority(**named), "InvalidStateException")
    pca.update_certificate_authority(Status="DISABLED", **named)
    refused(lambda: issue(pca, arn), "InvalidStateException")
    pca.delete_certificate_authority(PermanentDeletionTimeInDays=7, **named)
    assert status() == "DELETED"
    refused(lambda: pca.update_certificate_authority(Status="ACTIVE", **named), "InvalidStateException")
    pca.restore_certificate_authority(**named)
    assert status() == "DISABLED"
    pca.update_certificate_authority(Status="ACTIVE", **named)
    issue(pca, arn)


def test_a_token_makes_one_and_tags_come_and_go(pca: Any) -> None:
    arn = make_authority(pca)
    assert issue(pca, arn, IdempotencyToken="once") == issue(pca, arn, IdempotencyToken="once")
    assert issue(pca, arn) != issue(pca, arn)
    named = {"CertificateAuthorityArn": arn}
    pca.tag_certificate_authority(Tags=[{"Key": "a", "Value": "1"}, {"Key": "b"}], **named)
    pca.untag_certificate_authority(Tags=[{"Key": "a", "Value": "2"}, {"Key": "b"}], **named)
    tags = pca.list_tags(**named)["Tags"]
    assert tags == [{"Key": "AmazonECSManaged", "Value": "true"}, {"Key": "a", "Value": "1"}]


def test_what_is_not_there_is_refused(pca: Any) -> None:
    subject: dict[str, Any] = {"CommonName": "x"}
    config = {"KeyAlgorithm": "EC_prime256v1", "SigningAlgorithm": "SHA256WITHECDSA", "Subject": subject}

    def create(type: str = "ROOT", **more: Any) -> Any:
        return pca.create_certificate_authority(
            CertificateAuthorityConfiguration={**config, **more.pop("config", {})},
            CertificateAuthorityType=type,
            **more,
        )

    for call, words in (
        (lambda: create("SUBORDINATE"), "ROOT"),
        (lambda: create(config={"KeyAlgorithm": "RSA_4096"}), "RSA_2048"),
        (lambda: create(config={"SigningAlgorithm": "SHA256WITHRSA"}), "does not fit"),
        (lambda: create(config={"Subject": {"CommonName": ""}}), "Subject is not valid"),
        (lambda: create(RevocationConfiguration={"OcspConfiguration": {"Enabled": True}}), "revocation"),
    ):
        refused(call, "InvalidArgsException", words)
    assert pca.list_certificate_authorities()["CertificateAuthorities"] == []
    arn, other = make_authority(pca), make_authority(pca, name="other")
    own = pca.get_certificate_authority_certificate(CertificateAuthorityArn=other)["Certificate"].encode()
    refused(
        lambda: pca.import_certificate_authority_certificate(CertificateAuthorityArn=arn, Certificate=own),
        "CertificateMismatchException",
    )
    asked = pca.get_certificate_authority_csr(CertificateAuthorityArn=arn)["Csr"].encode()
    leaf = issue(pca, arn, Csr=asked)["Certificate"].encode()
    refused(
        lambda: pca.import_certificate_authority_certificate(CertificateAuthorityArn=arn, Certificate=leaf),
        "MalformedCertificateException",
        "CA is not true",
    )
    refused(lambda: issue(pca, arn, Csr=b"x"), "MalformedCSRException")
    refused(lambda: issue(pca, arn, TemplateArn="arn:aws:acm-pca:::template/CodeSigningCertificate/V1"),
            "InvalidArgsException", "the template")  # fmt: skip
    refused(lambda: issue(pca, arn + "0"), "ResourceNotFoundException")
    refused(lambda: pca.put_policy(ResourceArn=arn, Policy="{}"), "NotImplemented")


def test_keys_and_certificates_are_the_same_after_a_restart(world: World, pca: Any) -> None:
    arns = [make_authority(pca), make_authority(pca, key="EC_secp384r1", name="other")]
    made = pca.issue_certificate(
        CertificateAuthorityArn=arns[1], Csr=csr(), SigningAlgorithm="SHA384WITHECDSA",
        Validity={"Value": 1, "Type": "DAYS"},
    )["CertificateArn"]  # fmt: skip

    def all_of(pca: Any) -> list[Any]:
        return [
            *(pca.get_certificate_authority_certificate(CertificateAuthorityArn=arn)["Certificate"] for arn in arns),
            *(pca.get_certificate_authority_csr(CertificateAuthorityArn=arn)["Csr"] for arn in arns),
            pca.get_certificate(CertificateAuthorityArn=arns[1], CertificateArn=made)["Certificate"],
        ]

    before = all_of(pca)
    with world.crashed() as again:
        assert all_of(again.client("acm-pca")) == before
