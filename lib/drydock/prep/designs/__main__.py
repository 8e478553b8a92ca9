"""The crucial hour of every scenario, or of some: `python -m drydock.prep.designs reference|bad [SCENARIO…]`.

Each on an embedded AWS of its own, with the reference or the first of the designs that fail. Exit code 1 where an hour
did not come to its end.
"""

from __future__ import annotations

import argparse
import sys
import time

from drydock.figures.table import as_text
from drydock.prep import designs
from drydock.prep.designs.hour import SPEED


def row(name: str, kind: str, speed: float) -> tuple[object, ...]:
    """What was seen, and beside it what was simulated, of the same minutes."""
    scenario = designs.open_scenario(name)
    chosen = "reference" if kind == "reference" else scenario.bad[0].name
    design = scenario.named(chosen)
    began = time.monotonic()
    hour = designs.run_hour(scenario, design, speed=speed)
    took = time.monotonic() - began
    simulated = designs.run(scenario, design).parts[hour.part].minutes
    same = [simulated[one.minute] for one in hour.minutes]
    return (
        name,
        chosen,
        f"{took:.1f}",
        f"{hour.behind:.0f}",
        f"{1e6 * hour.lost / hour.requests:,.0f}",
        f"{1e6 * sum(one.lost for one in same) / hour.requests:,.0f}",
        f"{min(one.serving for one in hour.minutes):.0f}",
        f"{min(one.serving for one in same):.0f}",
        f"{sum(one.failed for one in hour.minutes)} of {sum(one.sent for one in hour.minutes)}",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("design", choices=("reference", "bad"))
    parser.add_argument("scenario", nargs="*", help="by default all of them")
    parser.add_argument("--speed", type=float, default=SPEED, help=f"AWS seconds in one of ours ({SPEED:g})")
    given = parser.parse_args()
    names = given.scenario or designs.scenarios()
    began = time.monotonic()
    rows, failed = [], False
    for name in names:
        try:
            rows.append(row(name, given.design, given.speed))
        except (designs.BadScenario, TimeoutError) as error:
            failed = True
            print(f"{name}: {error}", file=sys.stderr)
    columns = (
        "Scenario", "Design", "Seconds", "Behind, s of AWS", "Lost of a million", "Simulated", "Fewest targets",
        "Simulated", "Real requests failed",
    )  # fmt: skip
    print(as_text(columns, rows))
    print(f"{len(rows)} of {len(names)} hours in {time.monotonic() - began:.0f} s")
    sys.exit(failed)


if __name__ == "__main__":
    main()
