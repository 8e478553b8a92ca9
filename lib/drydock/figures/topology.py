"""The VPC as it is now: zones, subnets, load balancers, and the tasks in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drydock.figures.figure import COLOURS, Figure
from drydock.figures.survey import Described, Survey, attachment, service_of

_PER_ROW = 4
_LABEL_ROW = 0.35
_TASK_ROW = 0.55
_HEALTHY = {"HEALTHY": "circle", "UNHEALTHY": "x"}


def topology(seen: Survey, *, title: str = "What exists now") -> Figure:
    """Zones side by side, subnets as boxes in them, each task a dot in its subnet, load balancers above.

    A task's colour is its service; an open dot does not run (yet, or any more), a cross is unhealthy. A line
    goes from a load balancer to each of its targets, dashed where the target is not healthy.
    """
    subnets = sorted(seen.subnets, key=lambda subnet: (subnet["AvailabilityZone"], subnet["CidrBlock"]))
    zones = sorted({subnet["AvailabilityZone"] for subnet in subnets})
    tasks = sorted(seen.tasks, key=lambda task: (service_of(task), _address(task), task["taskArn"]))
    places, boxes, height = _places(subnets, zones, tasks)
    services = sorted({service_of(task) for task in tasks})
    colour = {service: COLOURS[index % len(COLOURS)] for index, service in enumerate(services)}
    balancers = sorted(seen.load_balancers, key=lambda one: one["LoadBalancerName"])
    at = {
        one["LoadBalancerArn"]: ((index + 0.5) * max(1, len(zones)) / len(balancers), height + 0.7)
        for index, one in enumerate(balancers)
    }
    by_address = {_address(task): places[task["taskArn"]] for task in tasks if task["taskArn"] in places}
    data = [*_lines(seen, at, by_address), *_dots(tasks, places, services, colour), *_balancer_marks(balancers, at)]
    return Figure(
        title,
        ("Zone", "Subnet", "What", "Service", "Address", "State"),
        [*_balancer_rows(balancers, seen), *_task_rows(tasks, subnets)],
        data,
        {
            "shapes": [box for box, _ in boxes],
            "annotations": [*(label for _, label in boxes), *_zone_labels(zones)],
            "xaxis": {"visible": False, "range": [-0.05, max(1, len(zones)) + 0.05]},
            "yaxis": {"visible": False, "range": [-0.5, height + (1.2 if balancers else 0.3)]},
            "height": int(150 + 95 * (height + (1 if balancers else 0))),
            "margin": {"l": 10, "r": 10, "t": 50, "b": 10},
        },
    )


def _address(task: Described) -> str:
    return attachment(task).get("privateIPv4Address", "")


def _places(
    subnets: list[Described], zones: list[str], tasks: list[Described]
) -> tuple[dict[str, tuple[float, float]], list[tuple[dict[str, Any], dict[str, Any]]], float]:
    """Where each task's dot goes, each subnet's box with its label, and how high it all is."""
    places: dict[str, tuple[float, float]] = {}
    boxes: list[tuple[dict[str, Any], dict[str, Any]]] = []
    tallest = 0.0
    for column, zone in enumerate(zones):
        bottom = 0.0
        for subnet in (one for one in subnets if one["AvailabilityZone"] == zone):
            inside = [task for task in tasks if attachment(task).get("subnetId") == subnet["SubnetId"]]
            rows = max(1, -(-len(inside) // _PER_ROW))
            top = bottom + _LABEL_ROW + rows * _TASK_ROW
            for index, task in enumerate(inside):
                x = column + 0.05 + 0.9 * (index % _PER_ROW + 0.5) / _PER_ROW
                places[task["taskArn"]] = (x, bottom + _LABEL_ROW + _TASK_ROW * (index // _PER_ROW + 0.5))
            boxes.append((_box(column, bottom, top), _label(column, bottom, subnet["CidrBlock"])))
            bottom = top + 0.15
        tallest = max(tallest, bottom)
    return places, boxes, tallest


def _box(column: int, bottom: float, top: float) -> dict[str, Any]:
    return {
        "type": "rect",
        "x0": column + 0.05,
        "x1": column + 0.95,
        "y0": bottom,
        "y1": top,
        "line": {"color": "#8c959f", "width": 1},
        "layer": "below",
    }


def _label(column: int, bottom: float, words: str) -> dict[str, Any]:
    """At the bottom of its box: lines come to the dots from above."""
    return {"x": column + 0.06, "y": bottom, "text": words, "showarrow": False, "xanchor": "left", "yanchor": "bottom"}


def _zone_labels(zones: list[str]) -> list[dict[str, Any]]:
    return [
        {"x": column + 0.5, "y": -0.1, "text": f"<b>{zone}</b>", "showarrow": False, "yanchor": "top"}
        for column, zone in enumerate(zones)
    ]


def _dots(
    tasks: list[Described],
    places: Mapping[str, tuple[float, float]],
    services: list[str],
    colour: Mapping[str, str],
) -> list[dict[str, Any]]:
    marks = []
    for service in services:
        mine = [task for task in tasks if service_of(task) == service and task["taskArn"] in places]
        mine.sort(key=_symbol)  # the legend shows the first one's symbol, and a full dot is "circle"
        marks.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": service,
                "x": [places[task["taskArn"]][0] for task in mine],
                "y": [places[task["taskArn"]][1] for task in mine],
                "text": [f"{_address(task)}<br>{_state(task)}" for task in mine],
                "hoverinfo": "text+name",
                "marker": {
                    "size": 17,
                    "color": colour[service],
                    "symbol": [_symbol(task) for task in mine],
                    "line": {"width": 2, "color": colour[service]},
                },
            }
        )
    return marks


def _symbol(task: Described) -> str:
    if task["lastStatus"] != "RUNNING":
        return "circle-open"
    return _HEALTHY.get(task.get("healthStatus", ""), "circle")


def _state(task: Described) -> str:
    health = task.get("healthStatus", "UNKNOWN")
    return str(task["lastStatus"]) + ("" if health == "UNKNOWN" else f", {health}")


def _lines(
    seen: Survey, at: Mapping[str, tuple[float, float]], by_address: Mapping[str, tuple[float, float]]
) -> list[dict[str, Any]]:
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "x": [at[target["LoadBalancerArn"]][0], by_address[target["Id"]][0]],
            "y": [at[target["LoadBalancerArn"]][1], by_address[target["Id"]][1]],
            "line": {"color": "#8c959f", "width": 1, "dash": "solid" if target["State"] == "healthy" else "dash"},
            "hoverinfo": "skip",
            "showlegend": False,
        }
        for target in sorted(seen.targets, key=lambda one: (one["LoadBalancerArn"], one["Id"], one.get("Port", 0)))
        if target["Id"] in by_address
    ]


def _balancer_marks(balancers: list[Described], at: Mapping[str, tuple[float, float]]) -> list[dict[str, Any]]:
    if not balancers:
        return []
    return [
        {
            "type": "scatter",
            "mode": "markers+text",
            "x": [at[one["LoadBalancerArn"]][0] for one in balancers],
            "y": [at[one["LoadBalancerArn"]][1] for one in balancers],
            "text": [one["LoadBalancerName"] for one in balancers],
            "textposition": "top center",
            "hoverinfo": "text",
            "showlegend": False,
            "marker": {"size": 20, "symbol": "diamond", "color": "#6e7781"},
        }
    ]


def _balancer_rows(balancers: list[Described], seen: Survey) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for one in balancers:
        states = [target["State"] for target in seen.targets if target["LoadBalancerArn"] == one["LoadBalancerArn"]]
        healthy = f"{states.count('healthy')} of {len(states)} targets healthy"
        zones = ", ".join(sorted(zone["ZoneName"] for zone in one.get("AvailabilityZones", ())))
        rows.append((zones, "", "load balancer", one["LoadBalancerName"], one.get("DNSName", ""), healthy))
    return rows


def _task_rows(tasks: list[Described], subnets: list[Described]) -> list[tuple[str, ...]]:
    known = {subnet["SubnetId"]: subnet for subnet in subnets}
    rows = []
    for task in tasks:
        subnet = known.get(attachment(task).get("subnetId", ""), {})
        zone = task.get("availabilityZone") or subnet.get("AvailabilityZone", "")
        rows.append((zone, subnet.get("CidrBlock", ""), "task", service_of(task), _address(task), _state(task)))
    taken = {attachment(task).get("subnetId") for task in tasks}
    rows += [
        (subnet["AvailabilityZone"], subnet["CidrBlock"], "subnet, empty", "", "", "")
        for subnet in subnets
        if subnet["SubnetId"] not in taken
    ]
    return sorted(rows)
