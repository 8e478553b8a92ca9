"""What is wrong with an ECS service: from what the APIs show of it to causes, the likeliest first.

    facts = Facts.read(service, tasks=…, definitions=…, groups=…, …)
    for finding in diagnose(facts): ...

What counts. A task that its user, a deployment or a scale-in has stopped is no fault. Of the others those count that
the current deployment started, or the last one if it was rolled back, and that stopped after the service had last
reached a steady state. Earlier ones count where the program ended by itself, which it may do again, and where the
fault came back after such a state. So a fault that was mended stays in the past.

Sources. stopCode, stoppedReason and events: Amazon ECS developer guide, *Stopped tasks error messages* and *Service
event messages*; the end of a message is written by whoever refused (a registry, Secrets Manager, EC2), so it is
matched by its words. Reasons of targets: Elastic Load Balancing API Reference, *TargetHealth*. Exit codes above 128 are
128 plus a signal, 126 and 127 those of a shell (POSIX, *Shell Command Language*, 2.8.2). Dimensions of alarms: Elastic
Load Balancing user guides, *CloudWatch metrics*; what a task is registered with: ECS developer guide, *Service
discovery*; SpotInterruption, and that nothing falls back to On-Demand: *Fargate Spot termination notices*; what scaling
did: Application Auto Scaling user guide, *Scaling activities*. The order is ours: what AWS says in so many words, then
what follows from numbers, then what is a consequence. So are the limits in capitals.
"""

from drydock.policy.diagnosis.facts import (
    Alarm,
    Attempt,
    Call,
    Change,
    Container,
    Deployment,
    Event,
    Facts,
    Hook,
    Instance,
    Policy,
    Scaling,
    StoppedTask,
    TargetGroup,
    Trial,
    counted_since,
    shares_of,
    tried_at,
    watching,
)
from drydock.policy.diagnosis.findings import Cause, Finding
from drydock.policy.diagnosis.names import calls_of
from drydock.policy.diagnosis.rules import diagnose
from drydock.policy.diagnosis.stopped import meaning

__all__ = [
    "Alarm",
    "Attempt",
    "Call",
    "Cause",
    "Change",
    "Container",
    "Deployment",
    "Event",
    "Facts",
    "Finding",
    "Hook",
    "Instance",
    "Policy",
    "Scaling",
    "StoppedTask",
    "TargetGroup",
    "Trial",
    "calls_of",
    "counted_since",
    "diagnose",
    "meaning",
    "shares_of",
    "tried_at",
    "watching",
]
