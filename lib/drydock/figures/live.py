"""A service watched while it changes: a widget that redraws itself, and the plain look that replaces it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from drydock.cloud import Cloud
from drydock.figures import table
from drydock.figures.figure import Figure


def service_now(cloud: Cloud, *, cluster: str, service: str, events: int = 5) -> Figure:
    """Counts, deployments and the newest `events` of one service, as a plain table. Reads once.

    Raises LookupError where there is no such service.
    """
    found = cloud.client("ecs").describe_services(cluster=cluster, services=[service])["services"]
    if not found:
        raise LookupError(f"No service {service!r} in cluster {cluster!r}.")
    seen = found[0]
    rows: list[tuple[object, ...]] = [
        ("tasks", f"{seen['runningCount']} running, {seen['pendingCount']} pending, {seen['desiredCount']} desired")
    ]
    for deployment in seen.get("deployments", ()):
        revision = deployment["taskDefinition"].rsplit("/", 1)[-1]
        state = f"{deployment['status']} {revision}: {deployment['runningCount']} of {deployment['desiredCount']}"
        rows.append(("deployment", state + f", {deployment.get('rolloutState', '')}".rstrip(", ")))
    rows += [("event", event["message"]) for event in seen.get("events", ())[:events]]
    return Figure(f"Service {service}", ("", service), rows)


def watch_service(cloud: Cloud, *, cluster: str, service: str, seconds: float = 0.0) -> Any:
    """Watch a service for so many of our `seconds`; it redraws twice a second and has a Stop button.

    seconds=0, the way of a headless run, shows it once, with no widget.
    """

    def look() -> Figure:
        return service_now(cloud, cluster=cluster, service=service)

    return live(look, seconds=seconds) if seconds > 0 else look()


def live(look: Callable[[], Figure], *, seconds: float, every: float = 0.5) -> Any:
    """Show `look()` as a table that is redrawn `every` so many seconds, in the background, for `seconds`."""
    import ipywidgets

    shown = ipywidgets.HTML(_drawn(look()))
    stop = ipywidgets.Button(description="Stop")
    stopped = threading.Event()
    stop.on_click(lambda _: stopped.set())

    def redraw() -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not stopped.wait(every):
            try:
                shown.value = _drawn(look())
            except Exception as error:
                shown.value += f"<p>{table.text(f'{type(error).__name__}: {error}')}</p>"
                break
        stop.disabled = True

    threading.Thread(target=redraw, daemon=True).start()
    return ipywidgets.VBox([shown, stop])


def _drawn(figure: Figure) -> str:
    return table.as_html(figure.columns, figure.rows)
