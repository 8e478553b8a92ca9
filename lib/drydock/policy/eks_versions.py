"""When EKS supports which version of Kubernetes, what becomes of a cluster at the end of a support, and its hours.

Source: EKS User Guide, "Understand the Kubernetes version lifecycle on EKS" (documented): 14 months of standard
support, then 12 of extended; extended support is charged from the beginning of the day on which standard support ends;
with supportType STANDARD the cluster is upgraded then, with EXTENDED (the default) at the end of extended support, to
the oldest version that is still in it. "Update existing cluster to new Kubernetes version": one minor version at a
time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum


class Status(StrEnum):
    """``versionStatus`` of DescribeClusterVersions."""

    STANDARD = "STANDARD_SUPPORT"
    EXTENDED = "EXTENDED_SUPPORT"
    UNSUPPORTED = "UNSUPPORTED"


class SupportType(StrEnum):
    """``upgradePolicy.supportType`` of a cluster: what is wanted when standard support ends, not what is charged."""

    STANDARD = "STANDARD"
    EXTENDED = "EXTENDED"


@dataclass(frozen=True)
class Version:
    """Kubernetes 1.`minor` on EKS. `released` is None where no source has the day."""

    minor: int
    released: date | None
    standard_until: date
    extended_until: date

    def __str__(self) -> str:
        return f"1.{self.minor}"

    @property
    def begins(self) -> date:
        """When it came to EKS; where no source has the day, 14 months before the end of standard support (derived)."""
        return self.released or self.standard_until - timedelta(days=425)

    def status(self, day: date) -> Status:
        """On that day: a support ends at the beginning of its last date."""
        if day < self.standard_until:
            return Status.STANDARD
        return Status.EXTENDED if day < self.extended_until else Status.UNSUPPORTED


CALENDAR: tuple[Version, ...] = (
    Version(28, date(2023, 9, 26), date(2024, 11, 26), date(2025, 11, 26)),
    Version(29, date(2024, 1, 23), date(2025, 3, 23), date(2026, 3, 23)),
    Version(30, date(2024, 5, 23), date(2025, 7, 23), date(2026, 7, 23)),
    Version(31, date(2024, 9, 26), date(2025, 11, 26), date(2026, 11, 26)),
    Version(32, date(2025, 1, 25), date(2026, 3, 23), date(2027, 3, 23)),
    Version(33, date(2025, 5, 28), date(2026, 7, 29), date(2027, 7, 29)),
    Version(34, date(2025, 10, 6), date(2026, 12, 2), date(2027, 12, 2)),
    Version(35, date(2026, 1, 28), date(2027, 3, 27), date(2028, 3, 27)),
    Version(36, None, date(2027, 8, 2), date(2028, 8, 2)),
)
"""Sources: to 1.31 the EKS User Guide, December 2024; to 1.35 endoflife.date/amazon-eks, February 2026; 1.36
aws-samples/sample-apex-skills, July 2026."""


def version(name: str) -> Version:
    """By its name, "1.34". Raises LookupError, listing those of the calendar."""
    for one in CALENDAR:
        if str(one) == name:
            return one
    raise LookupError(f"This calendar has no version {name!r}. It has {', '.join(str(one) for one in CALENDAR)}.")


def path(current: str, target: str) -> list[str]:
    """The versions that a cluster is upgraded to, one after the other. Raises LookupError, and ValueError backwards."""
    first, last = version(current).minor, version(target).minor
    if last < first:
        raise ValueError(f"A cluster cannot go back from {current} to {target}: EKS takes no minor version down.")
    return [f"1.{minor}" for minor in range(first + 1, last + 1)]


@dataclass(frozen=True)
class Stay:
    """Days, from `start` and before `end`, on one version. `version` None: one that the calendar does not have yet."""

    version: Version | None
    start: date
    end: date
    status: Status

    @property
    def hours(self) -> int:
        return (self.end - self.start).days * 24


def course(name: str, start: date, end: date, support: SupportType) -> list[Stay]:
    """What becomes of a cluster on version `name` that nobody upgrades, from `start` to before `end`.

    Upgrades by EKS are taken to happen on the day on which a support ends; EKS names the day from which on they may.
    After the calendar's last version a cluster with STANDARD is taken to be on a newer one (derived). With STANDARD on
    a version in extended support it is taken to be upgraded at `start`: there the policy cannot be set to STANDARD any
    more. Source: EKS User Guide, "disable-extended-support" (documented).
    Raises LookupError for a version that the calendar does not have, ValueError for one that is not supported at
    `start`, or not yet there.
    """
    now: Version | None = version(name)
    assert now is not None
    if now.status(start) is Status.UNSUPPORTED:
        raise ValueError(f"EKS has not supported {now} since {now.extended_until}: no cluster runs it on {start}.")
    if start < now.begins:
        raise ValueError(f"EKS has {now} from {now.begins} on: no cluster runs it on {start}.")
    found: list[Stay] = []
    day = start
    while day < end:
        if now is None:
            return [*found, Stay(None, day, end, Status.STANDARD)]
        status = now.status(day)
        if support is SupportType.STANDARD and status is Status.EXTENDED:
            now = _next([one for one in CALENDAR if one.minor > now.minor and one.status(day) is Status.STANDARD])
            continue
        if status is Status.UNSUPPORTED:
            now = _next(
                [one for one in CALENDAR if one.minor > now.minor and one.status(day) is not Status.UNSUPPORTED]
            )
            continue
        until = min(end, now.standard_until if status is Status.STANDARD else now.extended_until)
        found.append(Stay(now, day, until, status))
        day = until
    return found


def fee(stays: Sequence[Stay], *, standard: float, extended: float) -> float:
    """USD of one control plane over these stays, at the two prices of an hour."""
    return sum(one.hours * (extended if one.status is Status.EXTENDED else standard) for one in stays)


def _next(candidates: Sequence[Version]) -> Version | None:
    return min(candidates, key=lambda one: one.minor, default=None)
