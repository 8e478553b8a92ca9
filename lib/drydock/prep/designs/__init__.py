"""Design exercises: a design is data, and it is run.

    scenario = open_scenario("interruption-budget")    # `scenarios()` names all twelve
    brief(scenario)                                    # what is asked for, and the bar
    result = run(scenario, read(scenario, design))     # a dict, JSON, or the name of one of the scenario's designs
    verdict(result), minutes(result)                   # what it is worth; what it lost, when and why
    compared(result, run(scenario, scenario.reference), sweep(scenario))
    as_it_ran(run_hour(scenario, design), result)      # the crucial hour on an embedded AWS of its own

Scenarios are data beside the notebook, held against their schema. What a design may say is AWS's own, and held
against AWS's own limits by `drydock.policy`. What becomes of it is simulated by `drydock.simulation`.
"""

from drydock.prep.designs.front import Point, from_the_front, front, sweep
from drydock.prep.designs.hour import Hour, run_hour
from drydock.prep.designs.model import BadDesign, BadScenario, Scenario, open_scenario, read, scenarios
from drydock.prep.designs.report import (
    as_it_ran,
    asked_next,
    brief,
    catalogue,
    compared,
    events,
    failures,
    minutes,
    verdict,
)
from drydock.prep.designs.running import Result, run

__all__ = [
    "BadDesign",
    "BadScenario",
    "Hour",
    "Point",
    "Result",
    "Scenario",
    "as_it_ran",
    "asked_next",
    "brief",
    "catalogue",
    "compared",
    "events",
    "failures",
    "from_the_front",
    "front",
    "minutes",
    "open_scenario",
    "read",
    "run",
    "run_hour",
    "scenarios",
    "sweep",
    "verdict",
]
