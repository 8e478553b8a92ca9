"""A run whose disk is full says what it has come to and what undoes it."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from drydock.cloud import CloudUnreachable
from drydock.runbooks import runner, seal
from drydock.runbooks.evidence import Evidence

from .test_model import PLAN


def full(*_: object, **__: object) -> Any:
    raise OSError(errno.ENOSPC, "No space left on device")


def unreachable(plan: object) -> Any:
    raise CloudUnreachable("no AWS")


def cut(last: Callable[[], Any]) -> Callable[..., Any]:
    """What runs a notebook, up to a step that was begun, and then `last`."""

    def executed(source: Path, to: Path, *_: object, **__: object) -> Any:
        kept = Evidence(to.parent)
        kept.write_plan(PLAN)
        kept.note("begin", "scale")
        return last()

    return executed


@pytest.mark.parametrize("last", [full, lambda: "OSError: No space left on device"])
def test_a_full_disk_does_not_keep_from_whoever_waits_what_undoes_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: Callable[[], Any]
) -> None:
    monkeypatch.setattr(runner, "execute", cut(last))
    monkeypatch.setattr(runner, "_cloud_of", unreachable)
    monkeypatch.setattr(seal, "write", full)
    report = runner.run("scale-service", {}, folder=tmp_path)
    assert report.error is not None and not report.seal
    assert f"not rolled back: no AWS. Then: drydock runbook roll-back {tmp_path}" in report.error
    assert "the evidence could not be sealed: No space left on device" in report.error
