"""Who refuses whom in a TLS handshake between two proxies, and when a certificate has to be there anew.

Sources: RFC 8446, *Certificate Request* and *Certificate*; RFC 5280, 6, for what makes a certificate valid; Envoy's
documentation of its TLS contexts, for what a context without certificate authorities checks (documented).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

NO_CERTIFICATE = "no certificate"
ISSUER = "its issuer is not trusted"
TIME = "it is not valid now"
NAME = "its name is not an expected one"


@dataclass(frozen=True)
class Certificate:
    """What a proxy shows of itself. Moments in seconds; it is valid from `begins` on and before `ends`."""

    names: frozenset[str]
    issuer: str
    begins: float
    ends: float


@dataclass(frozen=True)
class Check:
    """What a side checks of the other's certificate: its issuer, its time and, where there are `names`, its name."""

    issuers: frozenset[str]
    names: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Side:
    """One of two proxies. Without a `check` it takes whatever the other shows.

    required  of a server: whether a client without a certificate is refused. A client always gets one to check.
    """

    certificate: Certificate | None = None
    check: Check | None = None
    required: bool = False


def fault(check: Check, certificate: Certificate, now: float) -> str | None:
    """What is wrong with the certificate, the first thing of it; None if nothing is."""
    if certificate.issuer not in check.issuers:
        return ISSUER
    if not certificate.begins <= now < certificate.ends:
        return TIME
    if check.names and not check.names & certificate.names:
        return NAME
    return None


def refusal(client: Side, server: Side, now: float) -> tuple[str, str] | None:
    """Which side refuses the other's certificate and why, ("client" or "server", reason); None if they talk.

    The client checks first: it has the server's certificate before it shows its own. A server that asks for a
    certificate without requiring one refuses only a wrong one. ValueError for a server without a certificate.
    """
    if server.certificate is None:
        raise ValueError("A server needs a certificate for TLS.")
    if client.check is not None and (wrong := fault(client.check, server.certificate, now)):
        return "client", wrong
    if server.check is None:
        return None
    if client.certificate is None:
        return ("server", NO_CERTIFICATE) if server.required else None
    wrong = fault(server.check, client.certificate, now)
    return ("server", wrong) if wrong else None


@dataclass(frozen=True)
class Renewals:
    """Certificates that live `lifetime` hours and are asked for anew every `every` hours.

    The issuer gives none from hour `fails` on, for `outage` hours; the proxy then asks again every hour.
    """

    lifetime: int
    every: int
    fails: int = 0
    outage: int = 0

    def issued(self, hours: int) -> Iterator[int]:
        """The hours at which there is a new certificate, from 0 on."""
        due = 0
        for hour in range(hours):
            if hour >= due and not (self.outage and self.fails <= hour < self.fails + self.outage):
                yield hour
                due = hour + self.every

    def without(self, hours: int) -> int:
        """In how many of the hours the certificate is over and no new one there."""
        ends, none = 0, 0
        issued = set(self.issued(hours))
        for hour in range(hours):
            ends = hour + self.lifetime if hour in issued else ends
            none += hour >= ends
        return none

    @property
    def reserve(self) -> int:
        """Hours that the issuer may be away without anybody noticing, whenever that begins; 0 if there are none."""
        return max(0, self.lifetime - self.every)
