"""Concept notebooks run headless, their questions answered."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from drydock.concepts import catalogue
from drydock.notebooks import runs
from drydock.notebooks.runs import Report

__all__ = ["Report", "run"]


def run(name: str, *, out: Path, given: Mapping[str, Any] | None = None, progress_bar: bool = False) -> Report:
    """Run concept `name` headless, its question answered unless `given` says solve=false; see `runs.run`.

    Raises NoSuchConcept, BadParameter.
    """
    values = {"solve": True, **(given or {})}
    return runs.run(catalogue.notebook(name), out=out, given=values, progress_bar=progress_bar)
