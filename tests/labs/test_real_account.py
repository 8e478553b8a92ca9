"""docs/real-account.md says what the labs' outlines and the dated prices come to."""

from __future__ import annotations

import re
from pathlib import Path

from drydock.labs import catalogue
from drydock.pricing import MONTH_HOURS, estimate

PAGE = Path(__file__).parents[2] / "docs" / "real-account.md"


def table() -> str:
    rows = ["| Lab | Minutes on AWS | USD an hour | USD for that time | Prices of |", "|---|---|---|---|---|"]
    hours, whole = 0.0, 0.0
    for name in catalogue.names():
        outline = catalogue.load(name)
        one = estimate(outline.costs, outline.hours)
        dates = ", ".join(sorted({item.dated for item in one.items if item.dated})) or "nothing by the hour"
        rows.append(f"| {name} | {outline.hours * 60:.0f} | {one.usd / outline.hours:.3f} | {one.usd:.2f} | {dates} |")
        hours, whole = hours + outline.hours, whole + one.usd
    rows.append(f"| all, cleaned up one by one | {hours * 60:.0f} | | {whole:.2f} | |")
    return "\n".join(rows)


def test_the_table_is_what_the_estimates_say() -> None:
    page = PAGE.read_text()
    assert f"<!-- table: tests/labs/test_real_account.py -->\n{table()}\n<!-- end of table -->" in page, table()


def test_what_is_forgotten_costs_as_much_as_is_said() -> None:
    month = estimate(catalogue.load("05-services").costs, MONTH_HOURS).usd
    assert f"<!-- left: -->${month:.0f}<!-- --> a month" in PAGE.read_text(), f"${month:.0f}"
    clean_up = next(
        cell for cell in (catalogue.notebook("06-discovery").read_text()).split("cell_type") if "charged**" in cell
    )
    said = re.search(r"some \$(\d+) a month", clean_up)
    assert said is not None and abs(int(said[1]) - month) < 10


def test_what_it_links_to_is_there() -> None:
    for name in re.findall(r"\]\(([^)#:]+)\)", PAGE.read_text()):
        assert (PAGE.parent / name).exists(), name
    assert "docs/real-account.md" in (PAGE.parents[1] / "README.md").read_text()
