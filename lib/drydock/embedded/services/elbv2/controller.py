"""The data plane: brings health and Envoy in line with what the load balancers say, turn by turn."""

from __future__ import annotations

import logging
import queue
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from drydock.embedded.carriers.black_hole import BlackHole
from drydock.embedded.carriers.envoy import Envoy, EnvoyMissing, EnvoyRejected
from drydock.embedded.core import seams
from drydock.embedded.core.claims import Claims
from drydock.embedded.core.faults import Faults
from drydock.embedded.services.elbv2 import health as checks
from drydock.embedded.services.elbv2 import metrics, render
from drydock.embedded.services.elbv2.health import Endpoint, Outcome, Probe, Prober
from drydock.embedded.workload.firewall import Firewall
from drydock.policy.addresses import loopback
from drydock.policy.network_acls import OF_LOAD_BALANCERS

if TYPE_CHECKING:
    from drydock.embedded.core.host import Host
    from drydock.embedded.services.elbv2.balancers import LoadBalancer
    from drydock.embedded.services.elbv2.groups import Target, TargetGroup

log = logging.getLogger(__name__)

Read = TypeVar("Read")

OWNER = "elbv2"
_MINUTE = 60.0  # seconds
_BEFORE_THE_END = 0.2  # our seconds before the end of a minute of the wall clock
_LOOK_AGAIN = 0.5  # our seconds between a change of listeners and a look at whether they listen


class Plane:
    """Health checks and Envoy for every load balancer of every region. `low_ports`: may this user bind 80?"""

    def __init__(self, host: Host) -> None:
        self.clock = host.clock
        self.low_ports = _may_bind_low_ports()
        self.claims = Claims()
        self._host = host
        self.prober = Prober()
        self._outcomes: queue.SimpleQueue[tuple[TargetGroup, Target, Outcome]] = queue.SimpleQueue()
        self._applied = render.Snapshot(low_ports=self.low_ports)
        self._look_at: float | None = None
        self._missing: str | None = None  # why there is no Envoy
        self._reading = Faults("reading", self._look_soon)
        self._serving = Faults("serving", self._look_soon)
        self._checking = Faults("checking")
        self._version = self.live = 0  # of Envoy's configuration: asked for, and known to be in force
        self._confirming = False
        self._publish_at = 0.0  # AWS seconds
        self._minute = 0.0  # of the wall clock, told of up to its end
        self._counted: dict[str, float] = {}
        self._later: list[tuple[float, Callable[[], object]]] = []
        host.every_tick("elbv2", self.turn)
        host.on_close(self.close)

    def close(self) -> None:
        self.prober.close()
        self.claims.release_all()

    def turn(self) -> None:
        """One turn of the loop."""
        with self._host.lock:
            recovered = self._take_outcomes()
            self._do_what_is_due()
            self._check()
            self.settle()
            for target in recovered:
                target.version = self._version
        if self._version and (began := self._minute_to_tell_of()) is not None:
            self._in_background(partial(self._publish, began))
        if self._look_at is not None and self.clock.elapsed() >= self._look_at:
            self._look_at = None
            self._in_background(self._look_for_failures)

    def _minute_to_tell_of(self) -> float | None:
        """The AWS second at which the minute began that has ended, or that a minute of the wall clock ends in.

        So what happened before a minute of the wall clock is not told as of after its beginning.
        """
        begun = self.clock.time() // _MINUTE * _MINUTE
        if self.clock.time() >= self._publish_at:
            self._publish_at = begun + _MINUTE
            return begun - _MINUTE
        minute, second = divmod(self.clock.utcnow().timestamp(), _MINUTE)
        if second >= _MINUTE - _BEFORE_THE_END and minute != self._minute:
            self._minute = minute
            return begun
        return None

    def later(self, seconds: float, do: Callable[[], object]) -> None:
        """Do something after so many AWS seconds; at once after none, and where a replay does it again."""
        if seconds and not seams.replaying():
            self._later.append((self.clock.time() + seconds, do))
        else:
            do()

    def _do_what_is_due(self) -> None:
        due = [do for at, do in self._later if at <= self.clock.time()]
        self._later = [(at, do) for at, do in self._later if at > self.clock.time()]
        for do in due:
            do()

    def settle(self) -> None:
        """Give Envoy what is asked for now. Does not wait for it. The caller holds the lock."""
        with self._serving("what load balancers ask for"):
            self._settle()

    def _settle(self) -> None:
        snapshot = self._snapshot()
        fresh = [lb for lb in self._load_balancers() if lb.state == "provisioning" and self._is_ready(lb)]
        if snapshot == self._applied and not fresh:
            return
        resources = render.render(snapshot, self._serving)
        try:
            self._version = self._host.helper(Envoy).apply(OWNER, resources)
            self._missing = None
            self._confirm()
            self._look_soon()
        except EnvoyMissing as error:
            self._missing = str(error)
        self._applied = snapshot
        for balancer in fresh:
            balancer.state = "active"
        if self._missing is not None:
            for balancer in self._load_balancers():
                balancer.failure = self._missing

    def _is_ready(self, balancer: LoadBalancer) -> bool:
        return balancer.ready_at <= self.clock.time()

    def _look_soon(self) -> None:
        self._look_at = self.clock.elapsed() + _LOOK_AGAIN

    def _in_background(self, work: Callable[[], None]) -> None:
        self._host.pool.submit(work).add_done_callback(_say_failure)

    def _confirm(self) -> None:
        """Learn, without waiting here, when Envoy has taken what was last asked for."""
        if not self._confirming:
            self._confirming = True
            self._in_background(self._await_envoy)

    def _await_envoy(self) -> None:
        while True:
            version = self._version
            try:
                self._host.helper(Envoy).wait(version)
            except (EnvoyRejected, TimeoutError) as error:
                log.warning("%s", error)
            with self._host.lock:
                self.live = version
                if version == self._version:
                    self._confirming = False
                    return

    def _look_for_failures(self) -> None:
        """Say which load balancers do not listen and why, and try those again until they do."""
        early = self.live < self._version  # an Envoy that starts has nothing to say yet
        errors = self._host.helper(Envoy).listener_errors()
        with self._host.lock:
            for balancer in self._load_balancers():
                balancer.failure = self._missing or next(
                    (
                        f"Port {listener.port} of {balancer.dns_name} cannot be served: {why}"
                        for listener in balancer.listeners.values()
                        if (why := self._why_not(listener, errors)) is not None
                    ),
                    None,
                )
        if errors:
            self._host.helper(Envoy).retry_listeners()
        if errors or early:
            self._look_soon()

    def _why_not(self, listener: Any, errors: Mapping[str, str]) -> str | None:
        named = f"{render.resource_id(listener.arn)}:"
        refused = (why for name, why in errors.items() if name.startswith(named))
        return next(refused, None) or self._reading.why(listener.arn) or self._serving.why(listener.arn)

    def _publish(self, began: float) -> None:
        """Tell CloudWatch of what is new in the minute that began at an AWS second.

        A restart begins to count anew, as Envoy does.
        """
        counted = dict(self._host.helper(Envoy).stats(metrics.PATTERN))
        for cluster, times in self._host.helper(Envoy).times().items():
            prefix = f"cluster.{cluster}"
            counted |= {f"{prefix}.time_of.{milliseconds}": count for milliseconds, count in times.items()}
            counted[f"{prefix}.time_count"] = sum(times.values())
        before, self._counted = self._counted, counted
        with self._host.lock:
            for backend in self._backends():
                groups = [_counted(group) for group in backend.target_groups.values() if group.in_use]
                of_network = [group for group in groups if group.load_balancer.startswith("net/")]
                of_requests = [group for group in groups if group.load_balancer.startswith("app/")]
                for namespace, found in (
                    (metrics.NAMESPACE, metrics.data(before, counted, of_requests)),
                    (metrics.NETWORK, metrics.network(before, counted, of_network)),
                ):
                    if found:
                        self._host.backend("cloudwatch", backend.region_name).vend(namespace, found, began)
            self._host.settle_data(True)

    def restored(self) -> None:
        """After a restart no connection is left to drain."""
        for group in self._target_groups():
            group.draining.clear()

    # -- reading moto ---------------------------------------------------------------------------

    def _backends(self) -> Iterator[Any]:
        from moto.elbv2.models import elbv2_backends

        return seams.each(elbv2_backends)

    def _load_balancers(self) -> Iterator[LoadBalancer]:
        for backend in self._backends():
            yield from backend.load_balancers.values()

    def _target_groups(self) -> Iterator[TargetGroup]:
        for backend in self._backends():
            yield from backend.target_groups.values()

    def _snapshot(self) -> render.Snapshot:
        return render.Snapshot(
            tuple(
                render.LoadBalancer(
                    lb.arn,
                    lb.addresses,
                    self._read(self._listener, lb.listeners.values()),
                    dict(lb.attrs),
                )
                for lb in self._load_balancers()
                if lb.type in ("application", "network") and self._is_ready(lb)
            ),
            self._read(self._group, (group for group in self._target_groups() if group.in_use)),
            self.low_ports,
        )

    def _read(self, read: Callable[[Any], Read], things: Iterable[Any]) -> tuple[Read, ...]:
        found = []
        for thing in things:
            with self._reading(thing.arn):
                found.append(read(thing))
        return tuple(found)

    def _listener(self, listener: Any) -> render.Listener:
        rules = [
            render.Rule(tuple(rule.conditions), rule.actions[-1].data, rule.arn) for rule in listener.rules.values()
        ]
        certificate = _certificate(self._host, listener.certificate) if listener.protocol == "HTTPS" else None
        return render.Listener(listener.arn, listener.protocol, int(listener.port), tuple(rules), certificate)

    def _group(self, group: TargetGroup) -> render.TargetGroup:
        balancer = group.balancer
        targets = [
            (endpoint, group.judged(key))
            for key, target in group.targets.items()
            if (endpoint := self._reached(balancer, group, target, target.port)) is not None
        ]
        sticky = group.attributes.get("stickiness.enabled") == "true"
        return render.TargetGroup(
            group.arn,
            group.protocol or "HTTP",
            group.protocol_version or "HTTP1",
            group.attributes.get("load_balancing.algorithm.type", "round_robin"),
            int(group.attributes["stickiness.lb_cookie.duration_seconds"]) if sticky else None,
            checks.routable(targets, group.attributes),
        )

    def _reached(self, balancer: LoadBalancer | None, group: TargetGroup, target: Target, port: int) -> Endpoint | None:
        """Where a load balancer finds a target: where nobody answers, if a security group or an ACL is in the way.

        No groups guard a load balancer that has none (a network one may). A node that nobody can call calls nobody:
        its name would no longer be answered with the node's address.
        """
        endpoint = group.endpoint_of(target, port)
        if endpoint is None or balancer is None:
            return endpoint
        firewall = self._host.helper(Firewall)
        ports = [int(listener.port) for listener in balancer.listeners.values()]
        nodes = [eni.private_ip_address for eni in balancer.interfaces.values()]
        guarded = bool(balancer.security_groups)
        lets_in = any(
            firewall.lets(node, *endpoint, guarded=guarded, answers_to=OF_LOAD_BALANCERS)
            and firewall.hears(node, ports)
            for node in nodes
        )
        return endpoint if lets_in or not nodes else self._host.helper(BlackHole).place

    # -- health ---------------------------------------------------------------------------------

    def _take_outcomes(self) -> list[Target]:
        """Returns the targets that have become healthy."""
        recovered = []
        while not self._outcomes.empty():
            group, target, outcome = self._outcomes.get()
            target.checking = False
            before = target.health.state
            with self._checking(f"the outcome for {target.id} in {group.arn}"):
                target.health = checks.judge(
                    target.health,
                    outcome,
                    int(group.healthy_threshold_count),
                    int(group.unhealthy_threshold_count),
                )
            if target.health.state == "healthy" != before:
                recovered.append(target)
        return recovered

    def _check(self) -> None:
        now = self.clock.time()
        for group in self._target_groups():
            with self._checking(group.arn):
                self._check_group(group, now)

    def _check_group(self, group: TargetGroup, now: float) -> None:
        group.forget_drained(now)
        balancer = group.balancer
        serves = balancer is not None and self._is_ready(balancer)
        for key, target in group.targets.items():
            with self._checking(f"{target.id}:{target.port} in {group.arn}"):
                if not serves:
                    target.health, target.next_check = checks.REGISTERING, 0.0
                elif not target.checking and target.next_check <= now and self._can_check(group, key):
                    self._send(group, target)
                    target.next_check = now + float(group.health_check_interval_seconds)

    @staticmethod
    def _can_check(group: TargetGroup, key: tuple[str, int]) -> bool:
        return group.judged(key).state in ("initial", "healthy", "unhealthy")

    def _send(self, group: TargetGroup, target: Target) -> None:
        shown_port = group.check_port(target.port)
        endpoint = self._reached(group.balancer, group, target, shown_port)
        shown_address = group.address_of(target)
        if endpoint is None:
            return
        address, port = endpoint
        if target.health == checks.REGISTERING:
            target.health = checks.CHECKING
        protocol = group.health_check_protocol or "HTTP"
        if group.protocol_version in ("HTTP2", "GRPC"):
            protocol = "TCP"  # of these only the connection is checked
        request = Probe(
            loopback(address),
            port,
            protocol,
            group.health_check_path or "/",
            f"{shown_address}:{shown_port}",
            getattr(group, "matcher", {}).get("HttpCode", "200"),
            self.clock.patience(float(group.health_check_timeout_seconds)),
        )
        target.checking = True

        def done(outcome: Outcome) -> None:
            self._outcomes.put((group, target, outcome))
            if outcome.passed != (target.health.state == "healthy"):
                self._host.poke()

        self.prober.send(request, done)


def _counted(group: TargetGroup) -> metrics.Group:
    states = [group.judged(key).state for key in group.targets]
    return metrics.Group(
        render.resource_id(group.arn),
        render.resource_id(group.load_balancer_arns[0]),
        states.count("healthy"),
        states.count("unhealthy"),
    )


def _say_failure(work: Future[None]) -> None:
    if not work.cancelled() and (error := work.exception()) is not None:
        log.error("work for load balancers failed", exc_info=error)


def _certificate(host: Host, arn: str) -> tuple[str, str]:
    """The PEM chain and key of a certificate of ACM or IAM."""
    _, partition, service, region, _, _ = arn.split(":", 5)
    if service == "iam":
        uploaded = host.backend("iam", partition).get_certificate_by_arn(arn)
        if uploaded is not None:
            return "\n".join(filter(None, (uploaded.cert_body, uploaded.cert_chain))), uploaded.private_key
    elif (bundle := host.backend("acm", region)._certificates.get(arn)) is not None:
        return bundle.cert.decode(), bundle.key.decode()
    raise LookupError(f"certificate {arn} does not exist")


def _may_bind_low_ports() -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", 1023))
        except PermissionError:
            return False
        except OSError:
            return True
    return True
