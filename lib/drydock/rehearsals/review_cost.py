"""review-cost: what lab 00 runs, priced, and what is found of it."""

from __future__ import annotations

from pathlib import Path

from drydock.cloud import Cloud
from drydock.rehearsals.common import Until, only_read
from drydock.rehearsals.record import Rehearsal
from drydock.runbooks import runner
from drydock.runbooks.evidence import Evidence


def given(_cloud: Cloud, _until: Until) -> dict[str, str]:
    return {}


def rehearse(cloud: Cloud, rehearsal: Rehearsal, runs: Path) -> None:
    cloud.client("logs").create_log_group(logGroupName="drydock-for-ever")
    report = runner.run(rehearsal.runbook, {"dry_run": "false"}, root=runs)
    assert report.ok and only_read(report.folder), f"not only read: {report.error}"
    found = Evidence(report.folder).read("findings.json")
    rehearsal.done.append("only read")
    first, told = found[0], {one["Finding"]: one for one in found}
    assert first["Finding"] == "All that runs" and float(first["USD a month"]) > 30, first
    rehearsal.done.append("priced")
    money = [float(one["USD a month"].removeprefix("up to ")) for one in found if one["USD a month"][-1:].isdigit()]
    assert money == sorted(money, reverse=True), f"not ordered by money: {money}"
    assert "drydock-hello (drydock-hello) could run on ARM64" in told, list(told)
    assert "The log group drydock-for-ever keeps its lines for ever" in told, list(told)
    assert "Not all was read" not in told, told["Not all was read"]
    rehearsal.done.append("what saves most named first")
