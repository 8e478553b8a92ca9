"""A certificate authority of AWS Private CA that is ready to issue, as its users make one."""

from __future__ import annotations

from typing import Any

TAG = [{"Key": "AmazonECSManaged", "Value": "true"}]


def make_authority(
    pca: Any, *, mode: str = "SHORT_LIVED_CERTIFICATE", key: str = "EC_prime256v1", tags: Any = TAG, name: str = "shop"
) -> str:
    """The ARN of one that is ACTIVE."""
    signing = "SHA256WITHRSA" if key.startswith("RSA") else "SHA256WITHECDSA"
    arn: str = pca.create_certificate_authority(
        CertificateAuthorityConfiguration={
            "KeyAlgorithm": key, "SigningAlgorithm": signing, "Subject": {"CommonName": name},
        },
        CertificateAuthorityType="ROOT", UsageMode=mode, Tags=tags,
    )["CertificateAuthorityArn"]  # fmt: skip
    own = pca.issue_certificate(
        CertificateAuthorityArn=arn,
        Csr=pca.get_certificate_authority_csr(CertificateAuthorityArn=arn)["Csr"].encode(),
        SigningAlgorithm=signing,
        TemplateArn="arn:aws:acm-pca:::template/RootCACertificate/V1",
        Validity={"Value": 10, "Type": "YEARS"},
    )["CertificateArn"]
    issued = pca.get_certificate(CertificateAuthorityArn=arn, CertificateArn=own)
    pca.import_certificate_authority_certificate(
        CertificateAuthorityArn=arn, Certificate=issued["Certificate"].encode()
    )
    return arn
