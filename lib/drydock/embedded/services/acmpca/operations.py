"""Private CA's operations: what a request says, and the shape of its answer."""

from __future__ import annotations

from typing import Any

from drydock.embedded.core import paging
from drydock.embedded.core.direct import direct
from drydock.embedded.core.refusals import refusing
from drydock.embedded.services.acmpca.state import Authorities, Document, delete, pem, restore
from drydock.policy.requests import private_ca as rules
from drydock.policy.requests.errors import Invalid

_PAGE = 100


def create_certificate_authority(backend: Authorities, request: Document) -> Document:
    made = backend.once("create", request.get("IdempotencyToken"), lambda: backend.create(request))
    return {"CertificateAuthorityArn": made}


def describe_certificate_authority(backend: Authorities, request: Document) -> Document:
    return {"CertificateAuthority": backend.of(request["CertificateAuthorityArn"]).described()}


def list_certificate_authorities(backend: Authorities, request: Document) -> Document:
    if request.get("ResourceOwner") == "OTHER_ACCOUNTS":
        return {"CertificateAuthorities": []}
    shown = [each.described() for each in backend.authorities.values()]
    return _page(shown, request, "CertificateAuthorities")


def get_certificate_authority_csr(backend: Authorities, request: Document) -> Document:
    authority = backend.of(request["CertificateAuthorityArn"])
    if authority.status == "DELETED":
        raise rules.state(authority.arn, "have a certificate signing request")
    return {"Csr": authority.csr()}


def get_certificate_authority_certificate(backend: Authorities, request: Document) -> Document:
    authority = backend.of(request["CertificateAuthorityArn"])
    if authority.certificate is None or authority.status == "DELETED":
        raise rules.state(authority.arn, "have a certificate")
    return {"Certificate": pem(authority.certificate)}


def import_certificate_authority_certificate(backend: Authorities, request: Document) -> Document:
    authority = backend.of(request["CertificateAuthorityArn"])
    authority.take(request["Certificate"], request.get("CertificateChain"))
    return {}


def issue_certificate(backend: Authorities, request: Document) -> Document:
    return {"CertificateArn": backend.once("issue", request.get("IdempotencyToken"), lambda: backend.issue(request))}


def get_certificate(backend: Authorities, request: Document) -> Document:
    authority = backend.of(request["CertificateAuthorityArn"])
    issued = authority.issued.get(request["CertificateArn"])
    if issued is None:
        raise Invalid("ResourceNotFoundException", f"Could not find certificate {request['CertificateArn']}.")
    is_own = authority.certificate is None or issued.public_key() == authority.key.public_key()
    chain = {} if is_own or authority.certificate is None else {"CertificateChain": pem(authority.certificate)}
    return {"Certificate": pem(issued), **chain}


def update_certificate_authority(backend: Authorities, request: Document) -> Document:
    authority = backend.of(request["CertificateAuthorityArn"])
    rules.validate_update(authority.arn, authority.status, request.get("Status"))
    rules.validate_revocation(request.get("RevocationConfiguration"))
    authority.revocation = request.get("RevocationConfiguration") or authority.revocation
    if request.get("Status"):
        authority.becomes(request["Status"])
    return {}


def delete_certificate_authority(backend: Authorities, request: Document) -> Document:
    delete(backend.of(request["CertificateAuthorityArn"]), request.get("PermanentDeletionTimeInDays", rules.RESTORABLE))
    return {}


def restore_certificate_authority(backend: Authorities, request: Document) -> Document:
    restore(backend.of(request["CertificateAuthorityArn"]))
    return {}


def list_tags(backend: Authorities, request: Document) -> Document:
    tags = backend.tags[backend.of(request["CertificateAuthorityArn"]).arn]
    return _page([{"Key": key, "Value": value} for key, value in tags.items()], request, "Tags")


def tag_certificate_authority(backend: Authorities, request: Document) -> Document:
    backend.tag(backend.of(request["CertificateAuthorityArn"]).arn, request["Tags"])
    return {}


def untag_certificate_authority(backend: Authorities, request: Document) -> Document:
    """A tag with a Value goes only if it has that value (documented)."""
    arn = backend.of(request["CertificateAuthorityArn"]).arn
    for tag in request["Tags"]:
        if tag.get("Value") in (None, backend.tags[arn].get(tag["Key"])):
            backend.tags[arn].pop(tag["Key"], None)
    return {}


def _page(found: list[Any], request: Document, key: str) -> Document:
    first = paging.place(request.get("NextToken"))
    if first is None:
        raise Invalid("InvalidNextTokenException", "The NextToken is none that was given.")
    some, more = paging.page(found, first, request.get("MaxResults") or _PAGE, "NextToken")
    return {key: some, **more}


OPERATIONS = {
    function.__name__: direct(refusing()(function))
    for function in (
        create_certificate_authority, describe_certificate_authority, list_certificate_authorities,
        get_certificate_authority_csr, get_certificate_authority_certificate, import_certificate_authority_certificate,
        issue_certificate, get_certificate, update_certificate_authority, delete_certificate_authority,
        restore_certificate_authority, list_tags, tag_certificate_authority, untag_certificate_authority,
    )
}  # fmt: skip
"""By the name of moto's action."""
