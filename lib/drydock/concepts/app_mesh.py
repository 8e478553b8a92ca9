"""What app-mesh-after-its-end draws, asks and shows: when App Mesh ended, and what takes the place of what."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

from drydock.concepts import checks
from drydock.concepts.catalogue import fixture
from drydock.concepts.drawing import LAYOUT, percent
from drydock.concepts.envoy_lab import Upstream, ask, cluster, envoy, static
from drydock.concepts.predict import Question
from drydock.figures import Figure
from drydock.figures.figure import COLOURS
from drydock.policy import traffic
from drydock.policy.mesh import app_mesh, retries
from drydock.policy.mesh.app_mesh import CLOSED, ENDED
from drydock.pricing import PRICES, fargate_tasks

FIRST, LAST = date(2024, 1, 1), date(2027, 6, 30)
MONTHS = 41
HOST = "orders"
REPLACES = (
    ("mesh", "a Cloud Map namespace", "a service network", "the cluster's mesh"),
    ("virtual service", "clientAliases of a service", "a service with a domain name", "a Kubernetes Service"),
    ("virtual node", "the ECS service itself", "a target group", "a subset of a DestinationRule"),
    ("virtual router and route", "none: it has no routes", "a listener with rules", "a VirtualService or HTTPRoute"),
    ("weighted targets", "the deployment's strategy", "weighted target groups", "weights of the route"),
    ("retryPolicy", "its own, not to be set", "none", "retries of a VirtualService"),
    ("outlierDetection", "its own, not to be set", "health checks of the target group", "outlierDetection"),
    ("TLS of a listener", "tls with a private CA", "an HTTPS listener", "mutual TLS of the proxies"),
    ("client validation", "none", "an auth policy of IAM", "PeerAuthentication, AuthorizationPolicy"),
    ("virtual gateway", "a load balancer", "none: reached from VPCs", "a Gateway"),
    ("Envoy in the task definition", "none: ECS adds its proxy", "none", "none: injected, or one for a node"),
)
"""(of App Mesh, ECS Service Connect, VPC Lattice, Istio)."""


def document(name: str) -> Any:
    """A fixture of this concept, as JSON has it."""
    return json.loads(fixture(f"app-mesh/{name}.json"))


def read_day(day: str) -> date:
    """Raises ValueError for what is no date."""
    try:
        return date.fromisoformat(day)
    except (TypeError, ValueError):
        raise ValueError(f"day is a date such as '2026-11-21', not {day!r}.") from None


def question(day: str) -> Question:
    """Whether an old customer can add a route on that day. Raises ValueError."""
    when = read_day(day)
    can = app_mesh.may_use(when, customer=True)
    return Question(
        f"It is {when}. A company has run App Mesh since 2020. Can it add a route today?",
        "yes" if can else "no",
        f"New customers were let in until {CLOSED}, and old ones could work on, with new resources too, until "
        f"{ENDED}. " + ("That day has not come yet." if can else "From that day on there is no App Mesh."),
        choices=("yes", "no"),
    )


def calendar(month: int) -> Figure:
    """Who could use App Mesh, by month; `month` counts from January 2024 on, from 0. Raises ValueError."""
    checks.whole("month", month, 0, MONTHS)
    day = date(2024 + month // 12, month % 12 + 1, 1)
    spans = (
        ("new customers", FIRST, CLOSED, COLOURS[2]),
        ("old customers", FIRST, ENDED, COLOURS[0]),
        ("nobody", ENDED, LAST, COLOURS[5]),
    )
    left = (ENDED - day).days
    assert app_mesh.may_use(day, customer=True) is (left > 0)
    rest = f"{left} days are left" if left > 0 else f"it ended {-left} days ago"
    return Figure(
        f"{day}: {rest}",
        ("Who", "Until", f"On {day}"),
        [
            ("new customers", CLOSED, "yes" if app_mesh.may_use(day, customer=False) else "no"),
            ("old customers", ENDED, "yes" if app_mesh.may_use(day, customer=True) else "no"),
        ],
        [
            {
                "type": "bar",
                "orientation": "h",
                "name": who,
                "y": [who],
                "base": [str(begins)],
                "x": [(ends - begins) / timedelta(milliseconds=1)],
                "marker": {"color": colour},
            }
            for who, begins, ends, colour in spans
        ],
        {
            **LAYOUT,
            "xaxis": {"title": {"text": "day"}, "type": "date", "range": [str(FIRST), str(LAST)]},
            "yaxis": {"title": {"text": ""}, "type": "category", "autorange": "reversed"},
            "showlegend": False,
            "barmode": "overlay",
            "shapes": [
                {
                    "type": "line",
                    "x0": str(day),
                    "x1": str(day),
                    "y0": 0,
                    "y1": 1,
                    "yref": "paper",
                    "line": {"width": 3},
                }
            ],
            "margin": {**LAYOUT["margin"], "l": 120, "t": 55},
            "height": 260,
        },
    )


def replaced() -> Figure:
    """What takes the place of each part."""
    return Figure(
        "What takes the place of what",
        ("App Mesh", "ECS Service Connect", "VPC Lattice", "Istio"),
        REPLACES,
    )


def carried(hosts: int) -> Figure:
    """What differs and what is lost when the fixtures' route and node go to Istio or to Service Connect. ValueError."""
    checks.whole("hosts", hosts, 1, 100)
    route, node = document("route")["spec"], document("virtual-node")
    service = app_mesh.virtual_service(HOST, route)
    rule = app_mesh.destination_rule(HOST, {node["virtualNodeName"]: node["spec"]}, hosts=hosts)
    rows = [("Istio", "differs", what) for what in (*service.differs, *rule.differs)]
    rows += [("Istio", "lost", what) for what in (*service.lost, *rule.lost)]
    rows += [("Service Connect", "no field", what) for what in app_mesh.service_connect_lacks(route, node["spec"])]
    return Figure(f"The route and the node above, hosts behind the node: {hosts}", ("To", "", "What"), rows)


def measured(requests: int = 400) -> Figure:
    """The route's weights and retries on a real Envoy, read from Istio's resource. One version fails now and then.

    Raises AssertionError where Envoy does otherwise than App Mesh's route said.
    """
    http = app_mesh.virtual_service(HOST, document("route")["spec"]).config["spec"]["http"][0]
    names = [one["destination"]["subset"] for one in http["route"]]
    given = {name: one["weight"] for name, one in zip(names, http["route"], strict=True)}
    route = {
        "weighted_clusters": {"clusters": [{"name": name, "weight": weight} for name, weight in given.items()]},
        "timeout": http["timeout"],
        "retry_policy": {
            "retry_on": http["retries"]["retryOn"],
            "num_retries": http["retries"]["attempts"],
            "per_try_timeout": http["retries"]["perTryTimeout"],
            "retry_back_off": {"base_interval": "0.001s", "max_interval": "0.002s"},
        },
    }
    with Upstream(lambda _: 200) as stable, Upstream(lambda _: 503) as down:
        clusters = [cluster(names[0], stable), cluster(names[1], down)]
        with envoy(static({HOST: route}, clusters)) as proxy:
            statuses = ask(proxy.url(HOST), requests)
    failed = statuses.count(503)
    attempts = http["retries"]["attempts"] + 1
    expected = traffic.sure_band(requests, traffic.shares(given)[names[1]])
    assert down.asked == attempts * failed, f"{failed} requests made {down.asked} attempts, not {attempts} each"
    assert stable.asked == requests - failed
    assert expected.holds(failed), f"{failed} requests went to {names[1]}; expected {expected}"
    assert attempts == retries.attempts(1.0, http["retries"]["attempts"])
    return Figure(
        f"{requests} requests, {names[1]} answers 503: {percent(failed / requests, 1)} went to it",
        ("Version", "Weight", "Requests", "Attempts of each"),
        [(names[0], given[names[0]], stable.asked, 1), (names[1], given[names[1]], failed, attempts)],
    )


def parallel(tasks: int, cpu: int, memory: int, days: int) -> Figure:
    """USD for a second copy of the services while traffic moves over. Raises ValueError."""
    checks.whole("tasks", tasks, 1)
    checks.whole("days", days, 1)
    checks.fargate_task(cpu, memory)
    hour = fargate_tasks(1, cpu=cpu, memory=memory).usd_per_hour
    assert hour is not None
    dated = PRICES["fargate x86_64 vCPU"]
    rows = [
        (length, f"{tasks * hour * 24 * length:,.2f}", f"{2 * tasks * hour * 24 * length:,.2f}")
        for length in sorted({days, 1, 7, 30})
    ]
    return Figure(
        f"{tasks} tasks of {cpu} CPU units and {memory} MiB twice. {dated.region}, prices of {dated.date}",
        ("Days", "The second copy, USD", "Both, USD"),
        rows,
    )
