"""What the concepts about ECS draw: their own numbers."""

from __future__ import annotations

from drydock.concepts import spot_interruption


def test_an_interruption_and_what_it_loses() -> None:
    shown = spot_interruption.interrupted(10, 2, 4, 50, 2, 30, 60, 80)
    assert shown.title == "Told to end: 3 of 10 tasks. Requests lost: 3,000, for 150 s"
    assert [row[3] for row in shown.rows[2:7]] == ["0", "600", "1,200", "1,200", "0"]


def test_a_base_costs_every_month_and_loses_less_in_an_interruption() -> None:
    rows = spot_interruption.prices(10, 2, 4, 50, 2, 30, 60, 80, 0.7).rows
    bills = [float(str(row[1]).replace(",", "")) for row in rows]
    assert bills == sorted(bills)
    assert rows[-1][1:] == ("360.40", "0", "0 s")


def test_each_way_to_hear_the_signal_loses_something_else() -> None:
    rows = {str(row[0]).split(",")[0]: row[2:] for row in spot_interruption.endings(10, 2, 4, 50, 80, 60).rows}
    assert rows["goes on serving"] == ("0.0", "0")
    assert rows["does not hear the signal; is killed"] == ("9.6", "600")
    assert rows["ends at once"] == ("9.6", "1,200")
