"""Image scans: packages found in the layers, held against a small list of known vulnerabilities.

The list is Drydock's own: short, dated, and no substitute for a scanner. Unlike AWS's basic scan, which reads
operating-system packages only, both scan types here read Python and Node packages too.
"""

from __future__ import annotations

import functools
import json
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources

from drydock.embedded.core import seams
from drydock.embedded.core.host import Host
from drydock.embedded.services.ecr import packages, versions
from drydock.embedded.services.ecr.blobs import BlobStore
from drydock.embedded.services.ecr.manifest import Manifest
from drydock.embedded.services.ecr.moments import Moment, now
from drydock.embedded.services.ecr.packages import Package

QUOTA_SECONDS = 86400.0
"""An image can be scanned once in 24 hours (of AWS time), the scan on push included."""
SCAN_SECONDS = 10.0
SEVERITIES = ("CRITICAL", "HIGH", "MEDIUM", "LOW", "INFORMATIONAL", "UNDEFINED")


@dataclass(frozen=True)
class Advisory:
    """A vulnerability: `release` is the one of a distribution that it is about, "" for any."""

    id: str
    kind: str
    release: str
    package: str
    ranges: tuple[tuple[str, str], ...]
    severity: str
    description: str


@dataclass(frozen=True)
class AdvisoryList:
    source: str
    date: datetime
    limits: str
    advisories: tuple[Advisory, ...]


@dataclass(frozen=True)
class Finding:
    advisory: Advisory
    package: Package
    fixed: str


@dataclass(frozen=True)
class Report:
    """What a scan found; `problem` where the image could not be read."""

    findings: tuple[Finding, ...]
    packages: int
    completed: datetime
    problem: str | None = None
    counts: tuple[tuple[str, int], ...] = ()


@dataclass
class Scan:
    """A scan of an image; the work is done by a thread of the pool."""

    begun: Moment
    work: Future[Report] | None = None


@functools.cache
def advisories() -> AdvisoryList:
    """The list that is shipped."""
    text = resources.files(__package__).joinpath("advisories.json").read_text("utf-8")
    document = json.loads(text)
    entries = []
    for entry in document["advisories"]:
        kind, _, release = entry["ecosystem"].partition(":")
        ranges = tuple((r.get("introduced", "0"), r["fixed"]) for r in entry["ranges"])
        entries.append(
            Advisory(entry["id"], kind, release, entry["package"], ranges, entry["severity"], entry["description"])
        )
    date = datetime.fromisoformat(document["date"]).replace(tzinfo=UTC)
    return AdvisoryList(document["source"], date, document["limits"], tuple(entries))


def match(found: tuple[Package, ...], known: AdvisoryList) -> tuple[Finding, ...]:
    """The findings, the worst first."""
    by_package: dict[tuple[str, str], list[Advisory]] = {}
    for advisory in known.advisories:
        by_package.setdefault((advisory.kind, advisory.package), []).append(advisory)
    findings = [
        Finding(advisory, package, fixed)
        for package in found
        for advisory in by_package.get((package.kind, package.source), ())
        if advisory.release in ("", package.release)
        for introduced, fixed in advisory.ranges
        if versions.within(package.kind, package.version, introduced, fixed)
    ]
    return tuple(sorted(findings, key=lambda f: (SEVERITIES.index(f.advisory.severity), f.advisory.id, f.package.name)))


def can_scan(manifest: Manifest) -> bool:
    return not manifest.is_list and bool(manifest.layers)


def begin(host: Host, manifest: Manifest) -> Scan:
    """A scan of an image, which runs; after a restart it runs when it is asked for."""
    scan = Scan(now(host.clock))
    if not seams.replaying():
        _run(host, scan, manifest)
    return scan


def _run(host: Host, scan: Scan, manifest: Manifest) -> None:
    scan.work = host.pool.submit(report, manifest, BlobStore(host.directory), host.clock.utcnow)


def report(manifest: Manifest, store: BlobStore, utcnow: Callable[[], datetime]) -> Report:
    """Scan an image whose layers are in `store`."""
    layers = [(layer.digest, functools.partial(store.open, layer.digest)) for layer in manifest.layers]
    try:
        found = packages.read(layers)
    except packages.Unreadable as error:
        return Report((), 0, utcnow(), problem=str(error))
    findings = match(found, advisories())
    counts = Counter(finding.advisory.severity for finding in findings)
    ordered = tuple((severity, counts[severity]) for severity in SEVERITIES if counts[severity])
    return Report(findings, len(found), utcnow(), counts=ordered)


def progress(host: Host, scan: Scan, manifest: Manifest, enhanced: bool) -> tuple[dict[str, str], Report | None]:
    """The shape `ImageScanStatus`, and the report once it is there."""
    if scan.work is None:
        _run(host, scan, manifest)
    if scan.work is None or not scan.work.done() or host.clock.time() < scan.begun.at + SCAN_SECONDS:
        return {"status": "IN_PROGRESS"}, None
    result = scan.work.result()
    if result.problem:
        return {"status": "FAILED", "description": f"The image could not be read: {result.problem}"}, None
    known = advisories()
    description = (
        f"The scan was completed successfully. {result.packages} package(s) held against Drydock's small "
        f"dated list of {len(known.advisories)} advisories ({known.date:%Y-%m-%d}); an image without findings "
        "is not an image without vulnerabilities."
    )
    return {"status": "ACTIVE" if enhanced else "COMPLETE", "description": description}, result
