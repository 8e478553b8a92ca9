from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Shop: who answered?</title>
<style>
  body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }}
  table {{ border-collapse: collapse; width: 100%; }}
  td {{ padding: .2rem .6rem .2rem 0; font-variant-numeric: tabular-nums; }}
  td:first-child {{ font-family: ui-monospace, monospace; overflow-wrap: anywhere; }}
  meter {{ width: 12rem; }}
  .failed {{ color: #a11; }}
  small {{ color: #555; }}
</style>
<h1>Who answered?</h1>
<p>{calls} calls to <code>{backend}</code>, which resolves to {addresses}.</p>
<table>{rows}</table>
<p><a href="?calls={calls}">Ask again</a> · <a href="?calls=100">Ask 100 times</a></p>
<p><small>Asked by frontend {task} at {address}, version {version}.
Addresses are kept for {ttl:g} s.</small></p>
</html>
"""
ROW = """<tr class="{kind}"><td>{name}</td><td>{count}</td>
<td><meter max="{calls}" value="{count}"></meter></td></tr>
"""


def render(report: Mapping[str, Any]) -> str:
    """The report of /api as a page of its own: no script, nothing fetched from elsewhere."""
    rows = [
        ROW.format(kind=kind, name=escape(name), count=count, calls=report["calls"])
        for kind in ("answered", "failed")
        for name, count in report[kind].items()
    ]
    dns = report["dns"]
    return PAGE.format(
        calls=report["calls"],
        backend=escape(report["backend"]),
        addresses=", ".join(dns["addresses"]) or "nothing",
        rows="".join(rows),
        task=escape(report["task"] or "outside ECS"),
        address=report["address"],
        version=escape(report["version"]),
        ttl=dns["ttl_seconds"],
    )
