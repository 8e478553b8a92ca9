"""Certificate authorities: what takes the place of moto's backend. Keys and serial numbers follow from chance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID
from moto.core.base_backend import BaseBackend

from drydock.embedded.core import keys, seams
from drydock.policy.requests import private_ca as rules
from drydock.policy.requests.errors import Invalid

Document = dict[str, Any]
_HASHES = {"SHA256": hashes.SHA256(), "SHA384": hashes.SHA384(), "SHA512": hashes.SHA512()}
_SUBJECT = {
    "Country": x509.NameOID.COUNTRY_NAME,
    "State": x509.NameOID.STATE_OR_PROVINCE_NAME,
    "Locality": x509.NameOID.LOCALITY_NAME,
    "Organization": x509.NameOID.ORGANIZATION_NAME,
    "OrganizationalUnit": x509.NameOID.ORGANIZATIONAL_UNIT_NAME,
    "DistinguishedNameQualifier": x509.NameOID.DN_QUALIFIER,
    "CommonName": x509.NameOID.COMMON_NAME,
    "SerialNumber": x509.NameOID.SERIAL_NUMBER,
    "Title": x509.NameOID.TITLE,
    "Surname": x509.NameOID.SURNAME,
    "GivenName": x509.NameOID.GIVEN_NAME,
    "Initials": x509.NameOID.INITIALS,
    "Pseudonym": x509.NameOID.PSEUDONYM,
    "GenerationQualifier": x509.NameOID.GENERATION_QUALIFIER,
}
_PURPOSES = {"server": ExtendedKeyUsageOID.SERVER_AUTH, "client": ExtendedKeyUsageOID.CLIENT_AUTH}
_TOKENS = 300.0
"""Seconds for which an IdempotencyToken is known (documented)."""


@dataclass
class Authority:
    """One of a region. Moments in seconds since the epoch."""

    arn: str
    configuration: Document
    usage_mode: str
    security_standard: str
    revocation: Document
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    created_at: float
    last_status: str = "PENDING_CERTIFICATE"
    changed_at: float | None = None
    restorable_until: float | None = None
    certificate: x509.Certificate | None = None
    issued: dict[str, x509.Certificate] = field(default_factory=dict)

    @property
    def status(self) -> str:
        ended = self.certificate is not None and self.certificate.not_valid_after_utc <= _now()
        return "EXPIRED" if ended and self.last_status in ("ACTIVE", "DISABLED") else self.last_status

    def becomes(self, status: str) -> None:
        self.last_status, self.changed_at = status, _now().timestamp()

    @property
    def name(self) -> x509.Name:
        given = self.configuration["Subject"]
        try:
            return x509.Name([x509.NameAttribute(oid, given[key]) for key, oid in _SUBJECT.items() if key in given])
        except ValueError as error:
            raise rules.arguments(f"The Subject is not valid: {error}") from None

    def csr(self) -> str:
        builder = x509.CertificateSigningRequestBuilder().subject_name(self.name)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        return pem(builder.sign(self.key, self._hash(self.configuration["SigningAlgorithm"]), **self._always_alike))

    def _hash(self, algorithm: str) -> Any:
        return _HASHES[rules.signs(self.configuration["KeyAlgorithm"], algorithm)]

    @property
    def _always_alike(self) -> dict[str, Any]:
        return {"ecdsa_deterministic": True} if isinstance(self.key, ec.EllipticCurvePrivateKey) else {}

    def issue(self, request: Document) -> x509.Certificate:
        """What an IssueCertificate request asks for. Raises Invalid."""
        template, csr = rules.template(request), _csr(request["Csr"])
        is_root = template == rules.ROOT
        if self.status != "ACTIVE" and not (is_root and self.status == "PENDING_CERTIFICATE"):
            raise rules.state(self.arn, "issue certificates")
        public: Any = csr.public_key()
        if is_root and public != self.key.public_key():
            raise Invalid("MalformedCSRException", "The CSR of a root certificate has to be its authority's own.")
        now = _now()
        own_end = None if is_root or self.certificate is None else self.certificate.not_valid_after_utc
        end = rules.valid_until(request, now, self.usage_mode, own_end)
        builder = (
            x509.CertificateBuilder()
            .subject_name(csr.subject)
            .issuer_name(self.name)
            .public_key(public)
            .serial_number(seams.chance().getrandbits(127) | 1)
            .not_valid_before((now - rules.BEFORE).replace(microsecond=0))
            .not_valid_after(end.replace(microsecond=0))
            .add_extension(x509.BasicConstraints(ca=is_root, path_length=None), critical=True)
            .add_extension(_usage(is_root), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        )
        if not is_root:
            own = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
            builder = builder.add_extension(own, critical=False)
            purposes = x509.ExtendedKeyUsage([_PURPOSES[each] for each in rules.USES[template]])
            builder = builder.add_extension(purposes, critical=False)
            for names in csr.extensions:
                if names.oid == ExtensionOID.SUBJECT_ALTERNATIVE_NAME:
                    builder = builder.add_extension(names.value, critical=names.critical)
        return builder.sign(self.key, self._hash(request["SigningAlgorithm"]), **self._always_alike)

    def take(self, certificate: bytes, chain: bytes | None) -> None:
        """Its own certificate, with which it becomes ACTIVE. Raises Invalid."""
        if self.status not in ("PENDING_CERTIFICATE", "ACTIVE", "EXPIRED"):
            raise rules.state(self.arn, "have a certificate imported")
        try:
            given = x509.load_pem_x509_certificate(certificate)
        except ValueError:
            raise Invalid("MalformedCertificateException", "The certificate is not valid PEM.") from None
        if chain:
            raise Invalid("InvalidRequestException", "A root certificate authority has no CertificateChain.")
        if given.public_key() != self.key.public_key() or given.issuer != given.subject:
            raise Invalid("CertificateMismatchException", "The certificate is not one of this certificate authority.")
        if not _is_authority(given):
            raise Invalid(
                "MalformedCertificateException", "The certificate is not one of an authority: CA is not true."
            )
        self.certificate = given
        self.becomes("ACTIVE")

    def described(self) -> Document:
        own: Document = {}
        if self.certificate is not None:
            own = {
                "NotBefore": self.certificate.not_valid_before_utc.timestamp(),
                "NotAfter": self.certificate.not_valid_after_utc.timestamp(),
                "Serial": f"{self.certificate.serial_number:x}",
            }
        shown = {
            "Arn": self.arn,
            "OwnerAccount": self.arn.split(":")[4],
            "CreatedAt": self.created_at,
            "LastStateChangeAt": self.changed_at,
            "RestorableUntil": self.restorable_until,
            "Type": "ROOT",
            "Status": self.status,
            "CertificateAuthorityConfiguration": self.configuration,
            "RevocationConfiguration": self.revocation,
            "KeyStorageSecurityStandard": self.security_standard,
            "UsageMode": self.usage_mode,
            **own,
        }
        return {key: value for key, value in shown.items() if value is not None}


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False


class Authorities(BaseBackend):
    """Those of a region, with their tags."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.authorities: dict[str, Authority] = {}
        self.tags: dict[str, dict[str, str]] = {}
        self.tokens: dict[str, tuple[float, str]] = {}
        """IdempotencyToken with the operation's name → (until when it is known, what was made)."""

    def of(self, arn: str) -> Authority:
        """Invalid."""
        if ":certificate-authority/" not in arn:
            raise Invalid("InvalidArnException", f"{arn} is not the ARN of a certificate authority.")
        if arn not in self.authorities:
            raise Invalid("ResourceNotFoundException", f"Could not find Certificate Authority {arn}.")
        return self.authorities[arn]

    def create(self, request: Document) -> str:
        """Invalid."""
        rules.validate_create(request)
        configuration = request["CertificateAuthorityConfiguration"]
        made = Authority(
            f"arn:aws:acm-pca:{self.region_name}:{self.account_id}:certificate-authority/{seams.chance().uuid4()}",
            configuration,
            request.get("UsageMode") or "GENERAL_PURPOSE",
            request.get("KeyStorageSecurityStandard") or "FIPS_140_2_LEVEL_3_OR_HIGHER",
            request.get("RevocationConfiguration") or {"CrlConfiguration": {"Enabled": False}},
            _key(configuration["KeyAlgorithm"]),
            _now().timestamp(),
        )
        made.csr()  # its subject may be none
        self.authorities[made.arn] = made
        self.tag(made.arn, request.get("Tags") or ())
        return made.arn

    def issue(self, request: Document) -> str:
        """Invalid."""
        authority = self.of(request["CertificateAuthorityArn"])
        certificate = authority.issue(request)
        arn = f"{authority.arn}/certificate/{certificate.serial_number:032x}"
        authority.issued[arn] = certificate
        return arn

    def once(self, operation: str, token: str | None, make: Callable[[], str]) -> str:
        """What is made, or was made for the same token of late."""
        if token is None:
            return make()
        now = _now().timestamp()
        self.tokens = {key: kept for key, kept in self.tokens.items() if kept[0] > now}
        key = f"{operation}:{token}"
        if key not in self.tokens:
            self.tokens[key] = now + _TOKENS, make()
        return self.tokens[key][1]

    def tag(self, arn: str, tags: Any) -> None:
        found = {tag["Key"]: tag.get("Value", "") for tag in tags}
        if any(key.lower().startswith("aws:") for key in found):
            raise Invalid("InvalidTagException", "The key of a tag may not begin with aws:.")
        self.tags[arn] = {**self.tags.get(arn, {}), **found}


def delete(authority: Authority, days: int) -> None:
    """Invalid."""
    if authority.status not in ("PENDING_CERTIFICATE", "DISABLED", "EXPIRED"):
        raise rules.state(authority.arn, "be deleted: disable it first")
    authority.becomes("DELETED")
    authority.restorable_until = (_now() + timedelta(days=days)).timestamp()


def restore(authority: Authority) -> None:
    """Invalid."""
    if authority.status != "DELETED":
        raise rules.state(authority.arn, "be restored")
    authority.becomes("DISABLED" if authority.certificate is not None else "PENDING_CERTIFICATE")
    authority.restorable_until = None


def _now() -> datetime:
    return seams.utcnow().replace(tzinfo=UTC)


def _key(algorithm: str) -> Any:
    if algorithm == "RSA_2048":
        return keys.rsa(seams.chance(), 2048)
    return keys.elliptic(seams.chance(), ec.SECP256R1() if algorithm == "EC_prime256v1" else ec.SECP384R1())


def _csr(given: bytes) -> x509.CertificateSigningRequest:
    try:
        csr = x509.load_pem_x509_csr(given)
        if csr.is_signature_valid and csr.extensions is not None:  # which may be none that can be read
            return csr
    except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension):
        pass
    raise Invalid("MalformedCSRException", "The CSR is not a valid one in PEM.")


def _usage(is_root: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True, key_cert_sign=is_root, crl_sign=is_root, key_encipherment=not is_root,
        content_commitment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
        decipher_only=False,
    )  # fmt: skip


def pem(thing: x509.Certificate | x509.CertificateSigningRequest) -> str:
    return thing.public_bytes(serialization.Encoding.PEM).decode()
