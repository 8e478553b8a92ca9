"""What a VPC's resolver keeps of the answers that it gave: each for its shortest TTL, which counts down meanwhile."""

from __future__ import annotations

import copy
from dataclasses import dataclass

from dnslib import QTYPE, RCODE, RR, DNSRecord

MOST = 10_000
"""Answers that one resolver keeps."""
_KEPT = (RCODE.NOERROR, RCODE.NXDOMAIN)


@dataclass(frozen=True)
class _Answer:
    since: float
    until: float
    code: int
    authoritative: int
    sections: tuple[list[RR], list[RR], list[RR]]


class Remembered:
    """Answers by question, in AWS seconds (RFC 2308 for those that say that there is nothing)."""

    def __init__(self) -> None:
        self._answers: dict[tuple[str, int, int], _Answer] = {}

    def fill(self, reply: DNSRecord, now: float) -> bool:
        """Put into `reply` what is still known of its question; whether anything is."""
        known = self._answers.get(_question(reply))
        if known is None or now >= known.until:
            return False
        reply.header.rcode, reply.header.aa = known.code, known.authoritative
        passed = int(now - known.since)
        for section, records in zip((reply.rr, reply.auth, reply.ar), known.sections, strict=True):
            for record in records:
                aged = copy.copy(record)
                aged.ttl = record.ttl - passed
                if record.rname == reply.q.qname:
                    aged.rname = reply.q.qname  # in the letters of who asks
                section.append(aged)
        return True

    def keep(self, reply: DNSRecord, now: float) -> None:
        """Remember an answer, if it is one that may be kept."""
        sections = reply.rr, reply.auth, reply.ar
        ttls = [record.ttl for section in sections for record in section if record.rtype != QTYPE.OPT]
        if reply.header.rcode not in _KEPT or not ttls or min(ttls) <= 0:
            return
        if len(self._answers) >= MOST:
            self._answers = {question: known for question, known in self._answers.items() if now < known.until}
        if len(self._answers) < MOST:
            self._answers[_question(reply)] = _Answer(
                now,
                now + min(ttls),
                reply.header.rcode,
                reply.header.aa,
                (list(reply.rr), list(reply.auth), list(reply.ar)),
            )


def _question(reply: DNSRecord) -> tuple[str, int, int]:
    return str(reply.q.qname).lower(), reply.q.qtype, reply.q.qclass
