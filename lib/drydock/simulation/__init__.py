"""Services in simulated time: traffic comes in, metrics lag, a policy decides, tasks start and end, and the bill runs.

    service = Service(tasks=10, per_task=1000, tracking=Tracking(target=70, least=3, most=20))
    course = simulate(service, traffic.days(7, low=3000, peak=9000, seed=1), seed=1)
    course.usd, course.lost, course.longest_outage

    together([Part("one", service, loads), Part("two", other, rest)])   # several that share one stream of requests

One loop (SimPy) drives the functions of `drydock.policy` that the embedded AWS is driven by, too. The same arguments
give the same course, to the last digit. What is simplified is said by `Service`. Nothing here starts a process or talks
to a cloud; `compare` hands many courses to a Dask cluster where it is given one, and `sweep` the cases of any function.
"""

from drydock.simulation import traffic
from drydock.simulation.model import (
    Alarmed,
    Cause,
    Course,
    Minute,
    Names,
    Nodes,
    Reclaim,
    Release,
    Scheduled,
    Service,
    Spot,
    Stepping,
    Tracking,
    ZoneOutage,
)
from drydock.simulation.run import simulate
from drydock.simulation.sweep import Case, compare, sweep
from drydock.simulation.together import Part, failed_over, together

__all__ = [
    "Alarmed",
    "Case",
    "Cause",
    "Course",
    "Minute",
    "Names",
    "Nodes",
    "Part",
    "Reclaim",
    "Release",
    "Scheduled",
    "Service",
    "Spot",
    "Stepping",
    "Tracking",
    "ZoneOutage",
    "compare",
    "failed_over",
    "simulate",
    "sweep",
    "together",
    "traffic",
]
