"""An executed notebook as one HTML file that opens anywhere, offline: no script or style comes from elsewhere."""

from __future__ import annotations

import copy
import html
import importlib.util
import json
from pathlib import Path
from typing import Any

PLOTLY = "application/vnd.plotly.v1+json"

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
       color: #1f2328; background: #fff; }
pre { background: #f6f8fa; padding: .6rem .8rem; overflow-x: auto; border-radius: 4px; font-size: 14px; }
code { font-size: 90%; }
table { border-collapse: collapse; margin: .5rem 0; }
td, th { border: 1px solid #d0d7de; padding: .2rem .6rem; vertical-align: top; }
.output_stderr pre, .output_error pre { background: #fff1f0; }
.prompt, .anchor-link { display: none; }
"""


def write(notebook: Any, path: Path, title: str) -> None:
    """Write the executed notebook (an nbformat node) to `path` as one self-contained page."""
    from nbconvert import HTMLExporter
    from pygments.formatters import HtmlFormatter

    shown, figures = _with_figures(notebook)
    exporter = HTMLExporter(template_name="basic")
    body, _ = exporter.from_notebook_node(shown)
    head = f"<style>{HtmlFormatter().get_style_defs('.highlight')}</style>"
    head += f"<script>{_plotly_js()}</script>" if figures else ""
    path.write_text(document(title, body, head), encoding="utf-8")


def document(title: str, body: str, head: str = "") -> str:
    """One whole HTML page of these parts, which are HTML already, under `title`, which is text."""
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{_STYLE}</style>{head}</head><body>{body}</body></html>\n"
    )


def heading(notebook: Path) -> str:
    """What the notebook's first heading says."""
    import nbformat

    first = nbformat.read(notebook, as_version=4).cells[0].source
    return str(first.splitlines()[0].lstrip("# "))


def write_if_run(executed: Path, path: Path, title: str) -> None:
    """`write` for a notebook file; nothing where the run ended before there was one."""
    import nbformat

    if executed.exists():
        write(nbformat.read(executed, as_version=4), path, title)


def _with_figures(notebook: Any) -> tuple[Any, int]:
    """A copy in which each figure is a div of a fixed id and the call that draws it; and how many there are."""
    shown = copy.deepcopy(notebook)
    count = 0
    for cell in shown.cells:
        for output in cell.get("outputs", ()):
            figure = output.get("data", {}).get(PLOTLY)
            if figure is not None:
                count += 1
                output["data"] = {"text/html": _drawn(figure, f"figure-{count}")}
    return shown, count


def _drawn(figure: dict[str, Any], identifier: str) -> str:
    parts = [figure.get("data", []), figure.get("layout", {}), {"responsive": True, "displayModeBar": False}]
    arguments = ", ".join(json.dumps(part).replace("</", "<\\/") for part in parts)
    return f'<div id="{identifier}"></div><script>Plotly.newPlot("{identifier}", {arguments})</script>'


def _plotly_js() -> str:
    spec = importlib.util.find_spec("plotly")
    assert spec is not None and spec.submodule_search_locations
    return (Path(spec.submodule_search_locations[0]) / "package_data" / "plotly.min.js").read_text(encoding="utf-8")
