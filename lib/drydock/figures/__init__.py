"""Figures from plain data, each with a table of the same numbers.

    from drydock.figures import answers, answers_over_time, lifecycle, survey, topology, watch_service

    topology(survey(cloud, cluster="drydock"))            # zones, subnets, load balancers, tasks, as they are now
    lifecycle(ecs.describe_tasks(…)["tasks"], now=…)       # phases of each task on a time line
    answers(Counter(names))                               # who answered how often
    answers_over_time([(0.1, "a"), …], ttl=10, marks=[(4, "task stopped")])
    split([("v2", 0.05, 97, 2000), …])                    # requests counted, beside the band they should be in
    layers({"backend": [(digest, bytes, instruction), …]}) # what images are made of, and what they share
    retention(image_details, preview_results)             # which rule of a lifecycle policy takes which image
    rollout = Rollout(cloud, cluster="drydock", service="release", load=requests)   # then start a deployment
    rollout.follow()                                       # who answers, redrawn until it has ended; then .stages(),
                                                           # .weights(), .tasks() and .alarms()
    scaled(cloud, cluster="drydock", service="web")        # what its policies looked at, and how many tasks it had
    course_over_time(course(…), what="requests for each task", limits={"busy": 50}, title="…")   # the same, computed
    watch_service(cloud, cluster="drydock", service="backend", seconds=0)   # 0 headless; 60 for a live widget

As a cell's last expression each shows a plotly figure and its table. Its data is plain (`.spec`), so equal
input gives equal output; where addresses or times differ from run to run, tag the cell nbval-ignore-output.
"""

from drydock.figures.figure import Figure
from drydock.figures.images import layers, retention
from drydock.figures.live import live, service_now, watch_service
from drydock.figures.rollout import (
    Rollout,
    alarms_over_time,
    stages,
    tasks_over_time,
    traffic_over_time,
    weights_over_time,
)
from drydock.figures.scaling import course_over_time, scaled, scaling_over_time
from drydock.figures.split import split
from drydock.figures.survey import Survey, survey
from drydock.figures.timeline import answers, answers_over_time, lifecycle
from drydock.figures.topology import topology

__all__ = [
    "Figure",
    "Rollout",
    "Survey",
    "alarms_over_time",
    "answers",
    "answers_over_time",
    "course_over_time",
    "layers",
    "lifecycle",
    "live",
    "retention",
    "scaled",
    "scaling_over_time",
    "service_now",
    "split",
    "stages",
    "survey",
    "tasks_over_time",
    "topology",
    "traffic_over_time",
    "watch_service",
    "weights_over_time",
]
