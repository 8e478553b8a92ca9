"""A runbook's form in JupyterLab in a real browser: filled in wrong and right, planned, applied and rolled back."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.support.jupyterlab import browsing, opened, run_all, serving

from drydock.runbooks import catalogue
from drydock.runbooks.evidence import Evidence

from .conftest import described

NOTEBOOK = catalogue.directory().parent / "notebooks" / "operate" / "operate.ipynb"


@pytest.mark.timeout(300)
def test_a_form_is_filled_in_planned_applied_and_rolled_back(ecs: Any, tmp_path: Path) -> None:
    root = tmp_path / "notebooks"
    root.mkdir()
    shutil.copy(NOTEBOOK, root)
    with serving(root, tmp_path) as url, browsing(tmp_path) as page:
        opened(page, url, NOTEBOOK.name)
        run_all(page)
        form = page.locator(".jp-OutputArea-output", has_text="scale-service").filter(has=page.locator("input")).first
        form.scroll_into_view_if_needed()

        def fill(name: str, value: str) -> None:
            form.get_by_label(name, exact=True).fill(value)

        def until(text: str) -> None:
            form.get_by_text(text).first.wait_for(timeout=90_000)

        plan = form.get_by_role("button", name="Plan")
        fill("cluster", "drydock-hello")
        fill("service", "drydock hello")
        fill("desired_count", "many")
        until("service='drydock hello': String should match pattern")
        until("desired_count='many' is not of type int")
        assert plan.is_disabled()
        fill("service", "drydock-hello")
        fill("desired_count", "5001")
        until("less than or equal to 5000")
        fill("desired_count", "3")
        form.locator("[role=alert]").first.wait_for(state="detached")
        plan.click()
        until("scale-service: planned")
        until("drydock-hello wants 3 tasks, not 2")
        assert described(ecs)["desiredCount"] == 2
        form.get_by_role("button", name="Approve and apply").click()
        until("scale-service: applied")
        assert described(ecs)["runningCount"] == 3
        form.get_by_role("button", name="Roll back").click()
        until("asked for; rolled back")
    assert described(ecs)["desiredCount"] == 2
    runs = [Evidence(folder) for folder in sorted(Path(os.environ["DRYDOCK_RUNS"]).glob("*-scale-service-*"))]
    assert [run.read("result.json")["outcome"] for run in runs] == ["planned", "rolled back"]
