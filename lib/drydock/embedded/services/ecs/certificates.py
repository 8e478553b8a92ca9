"""The certificates that proxies of Service Connect show: issued by the user's private CA, kept in files, rotated.

A key and its certificate lie in the instance's folder, for its owner only; AWS has them in a secret of Secrets Manager.
Five days of AWS after one was issued there is another, and sooner where its date, which is the host's, comes closer.
"""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from drydock import disk
from drydock.policy.mesh import service_connect as rules

if TYPE_CHECKING:
    from drydock.embedded.core.host import Host

log = logging.getLogger(__name__)

FOLDER = "certificates"
_AGAIN = 3600.0  # AWS seconds until one that could not be rotated is asked for again (ours)
_SIGNING = {"RSA": "SHA256WITHRSA", "EC": "SHA256WITHECDSA"}


@dataclass(frozen=True)
class Identity:
    """What the tasks of a service show: PEM texts, `root` that of the authority. `issued`: the AWS second at which it
    was, `ends`: when it is no longer valid, in seconds since the epoch."""

    certificate: str
    key: str
    root: str
    issued: float
    ends: float


Of = tuple[str, str, str]
"""ARN of the service, the name that the certificate is for, ARN of the authority."""


class Certificates:
    """Those of all services. The host's lock is held."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._folder = host.directory / FOLDER
        self._known: dict[Of, Identity] = {}
        self._again: dict[Of, float] = {}
        """The AWS second at which one is asked for again that could not be rotated."""
        self.changes = 0
        """How often one was to be rotated."""

    def of(self, what: Of) -> Identity:
        """What a service shows; issued where there is none yet that is valid. ClientError, OSError."""
        known = self._known.get(what) or self._read(what)
        if known is None or known.ends <= self._host.clock.utcnow().timestamp():
            known = self._issue(what)
        self._known[what] = known
        return known

    def turn(self) -> None:
        """Rotate those that are due; one whose authority does not issue stays as it is until it does."""
        now = self._host.clock.time()
        for what, known in list(self._known.items()):
            if now < self._again.get(what, known.issued + rules.ROTATED) and not self._ends_soon(what, known):
                continue
            self.changes += 1
            try:
                self._known[what] = self._issue(what)
                self._again.pop(what, None)
            except (ClientError, OSError) as error:
                self._again[what] = now + _AGAIN
                log.warning("the certificate of %s is not rotated: %s", what[1], error)

    def _ends_soon(self, what: Of, known: Identity) -> bool:
        """By its date, as when nothing ran for days."""
        left = known.ends - self._host.clock.utcnow().timestamp()
        return what not in self._again and left <= rules.VALID - rules.ROTATED

    def keep_only(self, wanted: set[Of]) -> None:
        """Remove those that no deployment has any more."""
        self._known = {what: known for what, known in self._known.items() if what in wanted}
        if self._folder.exists():
            kept = {self._path(what) for what in wanted}
            for path in set(self._folder.iterdir()) - kept:
                disk.remove(path)

    def _issue(self, what: Of) -> Identity:
        _, name, authority = what
        pca: Any = self._host.client("acm-pca", authority.split(":")[3], derived=True)
        root = pca.get_certificate_authority_certificate(CertificateAuthorityArn=authority)["Certificate"]
        described = pca.describe_certificate_authority(CertificateAuthorityArn=authority)["CertificateAuthority"]
        kind = described["CertificateAuthorityConfiguration"]["KeyAlgorithm"].partition("_")[0]
        key = ec.generate_private_key(ec.SECP256R1())
        asked = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
        asked = asked.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=True)
        arn = pca.issue_certificate(
            CertificateAuthorityArn=authority,
            Csr=asked.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM),
            SigningAlgorithm=_SIGNING[kind],
            TemplateArn="arn:aws:acm-pca:::template/EndEntityCertificate/V1",
            Validity={"Value": int(rules.VALID // 86_400), "Type": "DAYS"},
        )["CertificateArn"]
        issued = pca.get_certificate(CertificateAuthorityArn=authority, CertificateArn=arn)["Certificate"]
        made = Identity(
            issued,
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ).decode(),
            root,
            self._host.clock.time(),
            x509.load_pem_x509_certificate(issued.encode()).not_valid_after_utc.timestamp(),
        )
        self._folder.mkdir(mode=0o700, exist_ok=True)
        disk.write(self._path(what), json.dumps(asdict(made)).encode())
        return made

    def _path(self, what: Of) -> Path:
        return self._folder / f"{hashlib.sha256(' '.join(what).encode()).hexdigest()[:32]}.json"

    def _read(self, what: Of) -> Identity | None:
        try:
            return Identity(**json.loads(self._path(what).read_bytes()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            log.error("the certificate of %s cannot be read, and another is issued: %s", what[1], error)
            return None
