"""Which requests AWS Private CA takes, and until when what it issues is valid.

Source: AWS Private CA API Reference, *CreateCertificateAuthority*, *IssueCertificate*, *UpdateCertificateAuthority*,
*DeleteCertificateAuthority*; its user guide, *CA modes*: a certificate of SHORT_LIVED_CERTIFICATE is valid for seven
days at most, roots are not held to that (documented). That none outlives its authority is remembered from its error.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from drydock.policy.requests.errors import Invalid

ROOT = "RootCACertificate/V1"
USES = {
    "EndEntityCertificate/V1": ("server", "client"),
    "EndEntityServerAuthCertificate/V1": ("server",),
    "EndEntityClientAuthCertificate/V1": ("client",),
}
"""What a certificate of a template may be used for."""
ALGORITHMS = {"RSA_2048": "RSA", "EC_prime256v1": "ECDSA", "EC_secp384r1": "ECDSA"}
"""The keys that authorities can have here, and how they sign."""
SHORT_LIVED = "SHORT_LIVED_CERTIFICATE"
LONGEST = timedelta(days=7)
BEFORE = timedelta(hours=1)
"""How long before it is issued a certificate begins to be valid."""
RESTORABLE = 30
"""Days for which an authority can be restored once it is deleted."""
_TEMPLATE = re.compile(r"arn:aws[\w-]*:acm-pca:::template/(.+)")


def arguments(message: str) -> Invalid:
    return Invalid("InvalidArgsException", message)


def state(arn: str, what: str) -> Invalid:
    return Invalid("InvalidStateException", f"The certificate authority {arn} is not in the correct state to {what}.")


def _not_here(what: str, instead: str) -> Invalid:
    return arguments(f"The embedded AWS does not have {what}. {instead}")


def validate_create(request: Mapping[str, Any]) -> None:
    """Refuse an authority that is not made here. Raises Invalid (InvalidArgsException)."""
    configuration = request["CertificateAuthorityConfiguration"]
    if request["CertificateAuthorityType"] != "ROOT":
        raise _not_here("subordinate certificate authorities", "Use the CertificateAuthorityType ROOT.")
    key = configuration["KeyAlgorithm"]
    if key not in ALGORITHMS:
        raise _not_here(f"authorities with a key of {key}", f"Use one of {', '.join(ALGORITHMS)}.")
    signs(key, configuration["SigningAlgorithm"])
    if configuration.get("CsrExtensions"):
        raise _not_here("extensions of an authority's CSR", "Leave CsrExtensions out.")
    if configuration["Subject"].get("CustomAttributes"):
        raise _not_here("custom attributes of a subject", "Leave CustomAttributes out.")
    if not configuration["Subject"]:
        raise arguments("The Subject of a certificate authority needs at least one attribute.")
    validate_revocation(request.get("RevocationConfiguration"))


def validate_revocation(configuration: Mapping[str, Any] | None) -> None:
    """Refuse lists of what is revoked. Raises Invalid (InvalidArgsException)."""
    for name in ("CrlConfiguration", "OcspConfiguration"):
        if ((configuration or {}).get(name) or {}).get("Enabled"):
            raise _not_here("revocation of certificates", f"Leave {name} out, or do not enable it.")


def validate_update(arn: str, status: str, wanted: str | None) -> None:
    """Refuse a status that an authority of `status` does not get by an update. Raises Invalid."""
    if wanted is None:
        return
    if wanted not in ("ACTIVE", "DISABLED"):
        raise arguments(f"The Status {wanted} cannot be set: use ACTIVE or DISABLED.")
    if status not in ("ACTIVE", "DISABLED"):
        raise state(arn, "be updated")


def signs(key_algorithm: str, algorithm: str) -> str:
    """The hash of a signing algorithm, such as SHA256. Raises Invalid (InvalidArgsException) where the key does not
    sign so."""
    digest, _, kind = algorithm.partition("WITH")
    if kind != ALGORITHMS[key_algorithm] or not digest.startswith("SHA"):
        raise arguments(f"The signing algorithm {algorithm} does not fit a key of {key_algorithm}, or is not here.")
    return digest


def template(request: Mapping[str, Any]) -> str:
    """The name of the template of an IssueCertificate request. Raises Invalid (InvalidArgsException)."""
    given = request.get("TemplateArn")
    if given is None:
        return "EndEntityCertificate/V1"
    found = _TEMPLATE.fullmatch(given)
    name = found[1] if found else ""
    if name != ROOT and name not in USES:
        raise _not_here(f"the template {given}", f"Use one of {', '.join((ROOT, *USES))}.")
    return name


def valid_until(
    request: Mapping[str, Any], now: datetime, usage_mode: str, end_of_authority: datetime | None
) -> datetime:
    """When a certificate that is asked for at `now` ends to be valid; `end_of_authority` None for a root of its own.

    Raises Invalid: InvalidArgsException, ValidationException.
    """
    for field in ("ApiPassthrough", "ValidityNotBefore"):
        if request.get(field):
            raise _not_here(field, "Leave it out.")
    end = _end(request["Validity"]["Type"], int(request["Validity"]["Value"]), now)
    if end <= now:
        raise arguments("The Validity of a certificate has to end in the future.")
    if end_of_authority is None:
        return end
    if usage_mode == SHORT_LIVED and end - now > LONGEST:
        raise Invalid(
            "ValidationException",
            "A certificate authority of SHORT_LIVED_CERTIFICATE issues certificates that are valid for at most 7 days.",
        )
    if end > end_of_authority:
        raise Invalid(
            "ValidationException",
            "The certificate validity specified exceeds the certificate authority validity.",
        )
    return end


def _end(kind: str, value: int, now: datetime) -> datetime:
    try:
        if kind == "ABSOLUTE":
            return datetime.fromtimestamp(value, UTC)
        if kind == "END_DATE":
            text = str(value)
            return datetime.strptime(text, "%Y%m%d%H%M%S" if len(text) == 14 else "%y%m%d%H%M%S").replace(tzinfo=UTC)
        if kind == "DAYS":
            return now + timedelta(days=value)
        months = now.year * 12 + now.month - 1 + value * (12 if kind == "YEARS" else 1)
        year, month = months // 12, months % 12 + 1
        return now.replace(year=year, month=month, day=min(now.day, calendar.monthrange(year, month)[1]))
    except (ValueError, OverflowError, OSError):
        raise arguments(f"The Validity of {value} {kind} is none that a certificate can have.") from None
