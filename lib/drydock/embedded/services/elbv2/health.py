"""Health of targets: real probes, and what follows from their outcomes.

Source: "Health checks for Application Load Balancer target groups", Elastic Load Balancing user guide.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

Endpoint = tuple[str, int]


@dataclass(frozen=True)
class Health:
    """State, reason and description as describe_target_health shows them; counts of outcomes in a row."""

    state: str
    reason: str | None = None
    description: str | None = None
    successes: int = 0
    failures: int = 0


REGISTERING = Health("initial", "Elb.RegistrationInProgress", "Target registration is in progress")
CHECKING = Health("initial", "Elb.InitialHealthChecking", "Initial health checks in progress")
DRAINING = Health("draining", "Target.DeregistrationInProgress", "Target deregistration is in progress")
NOT_REGISTERED = Health("unused", "Target.NotRegistered", "Target is not registered to the target group")
NOT_IN_USE = Health(
    "unused",
    "Target.NotInUse",
    "Target group is not configured to receive traffic from the load balancer",
)
UNUSABLE = Health("unused", "Target.IpUnusable", "The target IP address is reserved for use by a load balancer")
STOPPED = Health("unused", "Target.InvalidState", "Target is in the stopped state")
DELETED = Health("unused", "Target.InvalidState", "The load balancer that was registered does not exist")
NOT_INVOKED = Health("unhealthy", "Elb.InternalError", "The embedded load balancer does not invoke Lambda functions")
UNCHECKED = Health("unavailable", "Target.HealthCheckDisabled", "Health checks are disabled")


@dataclass(frozen=True)
class Outcome:
    """What one probe found; `reason` and `description` only where it failed."""

    reason: str | None = None
    description: str | None = None

    @property
    def passed(self) -> bool:
        return self.reason is None


PASSED = Outcome()
FAILED = Outcome("Target.FailedHealthChecks", "Health checks failed")
TIMED_OUT = Outcome("Target.Timeout", "Request timed out")


@dataclass(frozen=True)
class Probe:
    """One request to send: `timeout` in our seconds, `matcher` as in a target group ("200", "200-299,302")."""

    address: str
    port: int
    protocol: str
    path: str
    host: str
    matcher: str
    timeout: float


def judge(health: Health, outcome: Outcome, healthy_threshold: int, unhealthy_threshold: int) -> Health:
    """The health of a target after one more outcome.

    A new target is healthy after one success; an unhealthy one after `healthy_threshold` in a row; any is
    unhealthy after `unhealthy_threshold` failures in a row.
    """
    if outcome.passed:
        counted = replace(health, successes=health.successes + 1, failures=0)
        needed = healthy_threshold if health.state == "unhealthy" else 1
        return Health("healthy", successes=counted.successes) if counted.successes >= needed else counted
    counted = replace(health, successes=0, failures=health.failures + 1)
    if health.state == "unhealthy" or counted.failures >= unhealthy_threshold:
        return Health("unhealthy", outcome.reason, outcome.description, failures=counted.failures)
    return counted


def matches(code: int, matcher: str) -> bool:
    """Whether a status code is in a matcher.

    >>> matches(302, "200-299,302"), matches(404, "200")
    (True, False)
    """
    for part in matcher.split(","):
        first, _, last = part.strip().partition("-")
        if int(first) <= code <= int(last or first):
            return True
    return False


def routable(targets: Sequence[tuple[Endpoint, Health]], attributes: Mapping[str, str]) -> tuple[Endpoint, ...]:
    """The targets that get traffic: the healthy ones, or all that were checked where too few are healthy.

    Too few: fewer than the minimum in the group's attributes, which is 1 by default ("fails open").
    """
    healthy = tuple(endpoint for endpoint, health in targets if health.state == "healthy")
    checked = tuple(endpoint for endpoint, health in targets if health.state in ("healthy", "unhealthy"))
    prefix = "target_group_health.unhealthy_state_routing.minimum_healthy_targets"
    count, percentage = attributes.get(f"{prefix}.count", "1"), attributes.get(f"{prefix}.percentage", "off")
    enough = len(healthy) >= int(count if count != "off" else 1) and (
        percentage == "off" or len(healthy) * 100 >= int(percentage) * len(checked)
    )
    return healthy if enough else checked


# -- probing ----------------------------------------------------------------------------------------------


async def probe(request: Probe) -> Outcome:
    """Send one health check and say how it went. Never raises."""
    try:
        return await asyncio.wait_for(_probe(request), request.timeout)
    except TimeoutError:
        return TIMED_OUT
    except Exception:
        return FAILED


async def _probe(request: Probe) -> Outcome:
    tls = _unverified() if request.protocol == "HTTPS" else None
    reader, writer = await asyncio.open_connection(request.address, request.port, ssl=tls)
    try:
        if request.protocol not in ("HTTP", "HTTPS"):
            return PASSED
        writer.write(
            f"GET {request.path} HTTP/1.1\r\nHost: {request.host}\r\nConnection: close\r\n"
            "User-Agent: ELB-HealthChecker/2.0\r\nAccept-Encoding: gzip, compressed\r\n\r\n".encode()
        )
        version, _, rest = (await reader.readline()).decode("latin-1").partition(" ")
        if not version.startswith("HTTP/"):
            return FAILED
        code = int(rest[:3])
        if matches(code, request.matcher):
            return PASSED
        return Outcome("Target.ResponseCodeMismatch", f"Health checks failed with these codes: [{code}]")
    finally:
        writer.close()


def _unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Prober:
    """Runs probes on an event loop of its own thread, started with the first."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def send(self, request: Probe, done: Callable[[Outcome], None]) -> None:
        """Start a probe; `done(outcome)` is called on the prober's thread."""
        if self._loop is None:
            runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
            self._loop = runner.get_loop()
            self._thread = threading.Thread(target=_run, args=(runner,), name="drydock-health", daemon=True)
            self._thread.start()
        asyncio.run_coroutine_threadsafe(self._report(probe(request), done), self._loop)

    @staticmethod
    async def _report(work: Coroutine[Any, Any, Outcome], done: Callable[[Outcome], None]) -> None:
        done(await work)

    def close(self) -> None:
        """Give up the probes that are under way."""
        if self._loop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(timeout=5)


def _run(runner: asyncio.Runner) -> None:
    with runner:
        runner.get_loop().run_forever()
