"""What has to be so before customers are given to a new version, decided on what AWS's APIs answer.

Source: Amazon ECS Developer Guide, "Required resources for Amazon ECS blue/green deployments" and "How CloudWatch
alarms detect Amazon ECS deployment failures"; CloudWatch User Guide, "Alarm evaluation". What a docstring calls *ours*
is not said there.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_NEEDED = {
    "alternateTargetGroupArn": "an alternate target group (alternateTargetGroupArn)",
    "productionListenerRule": "the listener rule of its customers (productionListenerRule)",
    "roleArn": "a role that lets ECS change that rule (roleArn)",
}
MINUTE = 60.0


def lacks(balancers: Sequence[Mapping[str, Any]]) -> list[str]:
    """What a service's ``loadBalancers`` lack so that ECS can shift its traffic, in words; nothing where it can."""
    if not balancers:
        return ["a target group (loadBalancers)"]
    advanced = [balancer.get("advancedConfiguration") or {} for balancer in balancers]
    return [words for name, words in _NEEDED.items() if not all(one.get(name) for one in advanced)]


def pauses(hooks: Iterable[Mapping[str, Any]]) -> list[str]:
    """The stages at which a deployment with these ``lifecycleHooks`` stands still until somebody continues it."""
    return [stage for hook in hooks if hook.get("targetType") == "PAUSE" for stage in hook.get("lifecycleStages") or ()]


def listed(names: str) -> list[str]:
    """The names that a text has, separated by commas.

    >>> listed("one, two"), listed("")
    (['one', 'two'], [])
    """
    return [name for each in names.split(",") if (name := each.strip())]


def rings_after(alarm: Mapping[str, Any]) -> float:
    """The AWS seconds that an alarm takes at least until what it watches for has set it off.

    As many periods as must breach (documented), and a minute more for a metric of an AWS service, which comes once a
    minute (ours: a high-resolution one comes sooner). ``alarm``: as DescribeAlarms gives it; 0 for a composite alarm
    and for metric math without a Period, of which it is not known.
    """
    breaching = alarm.get("DatapointsToAlarm") or alarm.get("EvaluationPeriods") or 0
    late = MINUTE if str(alarm.get("Namespace", "")).startswith("AWS/") else 0.0
    return float(alarm.get("Period") or 0) * breaching + late


def objections(names: Sequence[str], alarms: Sequence[Mapping[str, Any]], minutes: float) -> list[str]:
    """Why these alarms would not take a bad version back while it bakes for so many minutes; nothing where they would.

    names   those that are to watch
    alarms  those of them that there are, metric and composite ones, as DescribeAlarms gives them
    """
    if not names:
        return ["No alarm watches it: nothing would take a bad version back."]
    there = {alarm["AlarmName"]: alarm for alarm in alarms}
    said = []
    if absent := [name for name in names if name not in there]:
        said.append(f"There is no alarm {', '.join(absent)}.")
    if ringing := [name for name, alarm in there.items() if alarm.get("StateValue") == "ALARM"]:
        said.append(f"{', '.join(ringing)}: in ALARM now, so that a deployment would go on without being watched.")
    said += [
        f"{name} takes {rings_after(alarm) / MINUTE:g} minutes at least until it rings, and the bake is over after "
        f"{minutes:g}."
        for name, alarm in there.items()
        if rings_after(alarm) > minutes * MINUTE
    ]
    return said


def stages(text: str) -> tuple[int, ...]:
    """The percentages of a switch in stages. Raises ValueError where they do not rise, or do not end at 100.

    >>> stages("10, 50, 100")
    (10, 50, 100)
    """
    if not re.fullmatch(r"\s*\d{1,3}\s*(,\s*\d{1,3}\s*)*", text):
        raise ValueError(f'stages={text!r} is no list of whole percentages, as in "10,50,100".')
    percents = tuple(int(each) for each in text.split(","))
    if percents[0] < 1 or any(first >= then for first, then in itertools.pairwise(percents)):
        raise ValueError(f"stages={text!r} has to rise from 1 or more at each stage.")
    if percents[-1] != 100:
        raise ValueError(f"stages={text!r} has to end at 100: a switch that stops before is not one.")
    return percents
