"""The proxies of Service Connect: an Envoy beside each task, told again whenever what it can call has changed.

A task knows the names that were in its namespace when its deployment began (documented); the tasks behind a name are
those that there are. A container finds a name at an address of its task alone, where the proxy listens for it.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from drydock.embedded.carriers.black_hole import BlackHole
from drydock.embedded.carriers.envoy import EnvoyMissing, EnvoyRejected, Proxies, Proxy, ProxyKey, Spans
from drydock.embedded.core.claims import Claims
from drydock.embedded.core.faults import Faults
from drydock.embedded.services.ecs import connect_metrics
from drydock.embedded.services.ecs.certificates import Certificates, Identity, Of
from drydock.embedded.services.ecs.proxied import AccessLog, Inward, Outward, Place, Plan, Revision, render
from drydock.embedded.services.ecs.records import Deployment, Document, Service, Task
from drydock.embedded.workload.awslogs import LogDriver, Stream
from drydock.embedded.workload.firewall import Firewall
from drydock.embedded.workload.interfaces import NoAddress
from drydock.policy.addresses import loopback
from drydock.policy.health import Health
from drydock.policy.mesh import service_connect as rules
from drydock.policy.mesh.service_connect import Endpoint
from drydock.policy.traces import spans as traces

if TYPE_CHECKING:
    from drydock.embedded.core.host import Host
    from drydock.embedded.services.ecs.namespaces import Namespaces
    from drydock.embedded.services.ecs.table import Table

log = logging.getLogger(__name__)

OWNER = "service-connect"
_ADDRESSES = 1 << 16
_MINUTE = 60.0  # AWS seconds
_TURN = 1.0  # seconds that one of the pool's threads waits for a proxy
Name = tuple[str, str, str]
"""Region, ARN of the namespace, discovery name."""


@dataclass
class Sidecar:
    """The proxy of a task. `known`: the endpoints that it may call, `own`: those that it is behind."""

    task: Task
    service: Service
    deployment: Deployment
    known: tuple[Endpoint, ...]
    own: tuple[Endpoint, ...]
    inner: str
    """The address at which it listens for the proxies of others."""
    names: dict[str, str]
    """Where its containers find the names that they may call."""
    identities: dict[str, Identity] = field(default_factory=dict)
    """What it shows to who calls, by the discovery name of what has TLS."""
    plan: Plan | None = None
    version: int = 0
    live: int = 0
    serves: bool = False
    """Whether others were last told that it is there."""
    failure: str = ""
    proxy: Proxy | None = None
    waiting: bool = False

    stream: Stream | None = None
    """Where what it logs goes."""

    @property
    def configuration(self) -> Document:
        return dict(self.deployment.revision["serviceConnectConfiguration"])

    @property
    def level(self) -> str:
        """What it logs; nobody reads more than warnings where its log goes nowhere."""
        levels = {each.get("logLevel") for each in self.configuration.get("containerConfigurations") or ()}
        return "warning" if self.stream is None else "debug" if "debug" in levels else "info"

    @property
    def access_log(self) -> AccessLog | None:
        asked = self.configuration.get("accessLogConfiguration")
        if not asked or self.stream is None:
            return None
        return AccessLog(asked.get("format") == "JSON", asked.get("includeQueryParameters") == "ENABLED")

    def name(self, endpoint: Endpoint) -> Name:
        return self.task.region_name, str(self.deployment.namespace), endpoint.discovery_name

    def identity(self, endpoint: Endpoint) -> Identity | None:
        return self.identities.get(endpoint.discovery_name)

    @property
    def lacks_identity(self) -> bool:
        return any(each.authority is not None and self.identity(each) is None for each in self.own)

    def place(self, endpoint: Endpoint) -> Place:
        """Where it listens for the proxies of others."""
        if endpoint.ingress_port is not None:
            return loopback(str(self.task.address)), endpoint.ingress_port
        return self.inner, endpoint.container_port

    def takes_requests(self) -> bool:
        task = self.task
        return task.status == "RUNNING" and not task.stopping and task.checked_health in (None, Health.HEALTHY)


class Mesh:
    """The proxies of all tasks. The host's lock is held."""

    def __init__(self, host: Host, table: Table, namespaces: Namespaces, logs: LogDriver) -> None:
        self._host = host
        self._logs = logs
        self._table = table
        self._namespaces = namespaces
        self._certificates = Certificates(host)
        self._claims = Claims()
        self._numbers = itertools.cycle(range(1, _ADDRESSES - 1))
        self._sidecars: dict[str, Sidecar] = {}
        self._seen: object = None
        self._ends = host.clock.time() // _MINUTE * _MINUTE + _MINUTE
        """The AWS second at which the minute ends that CloudWatch is told of next."""
        self._counted: dict[str, dict[str, float]] = {}
        self._left: list[tuple[Sidecar, dict[str, float]]] = []
        """Those that have ended since CloudWatch was last told, and what they had counted."""
        self._faults = Faults("measuring", now=host.clock.elapsed)
        host.on_close(self._claims.release_all)

    # -- for the life of a task -----------------------------------------------------------------

    def begin(self, task: Task) -> None:
        """Give a task that has its address a proxy, if its deployment has Service Connect. NoAddress."""
        service = self._table.service_of(task)
        deployment = service.deployment_of(task) if service is not None else None
        if task.proxy is None or service is None or deployment is None or task.arn in self._sidecars:
            return
        known = tuple(map(read, deployment.known))
        self._sidecars[task.arn] = Sidecar(
            task,
            service,
            deployment,
            known,
            deployment.endpoints_of(task.definition),
            self._claim(),
            {name: self._claim() for name in sorted({endpoint.dns_name for endpoint in known})},
        )
        self._sidecars[task.arn].stream = self._stream(task, self._sidecars[task.arn].configuration)
        self._seen = None

    def _stream(self, task: Task, configuration: Document) -> Stream | None:
        """Where the log of a task's proxy goes: with `awslogs`, to a stream of its own. ClientError."""
        asked = configuration.get("logConfiguration") or {}
        options = asked.get("options") or {}
        if asked.get("logDriver") != "awslogs":
            return None
        prefix = options.get("awslogs-stream-prefix")
        name = f"{prefix}/{task.proxy}/{task.id}" if prefix else f"{task.id}-{task.proxy}"
        stream = Stream(options.get("awslogs-region") or task.region_name, options["awslogs-group"], name)
        self._logs.open(stream, create_group=options.get("awslogs-create-group") == "true")
        return stream

    def _read_logs(self, sidecar: Sidecar) -> None:
        if sidecar.stream is not None and sidecar.proxy is not None:
            for line in sidecar.proxy.lines():
                self._logs.write(sidecar.stream, line)

    def _claim(self) -> str:
        for number in itertools.islice(self._numbers, _ADDRESSES):
            address = f"127.255.{number >> 8}.{number & 255}"
            if self._claims.hold(address):
                return address
        raise NoAddress("no address is left for the proxies of Service Connect")

    def is_ready(self, task: Task) -> bool:
        """Whether its containers may start."""
        return task.arn not in self._sidecars or self._sidecars[task.arn].live > 0

    def failure(self, task: Task) -> str:
        """Why its proxy cannot start; empty if it can."""
        return self._sidecars[task.arn].failure if task.arn in self._sidecars else ""

    def names(self, task: Task) -> dict[str, str]:
        """The names that its containers may call, and where they find them."""
        return self._sidecars[task.arn].names if task.arn in self._sidecars else {}

    def join(self, task: Task) -> None:
        """Its containers run."""
        if (sidecar := self._sidecars.get(task.arn)) is not None:
            self._namespaces.register(task, sidecar.service)

    def has_left(self, task: Task) -> bool:
        """Whether no proxy sends it anything any more."""
        sidecar = self._sidecars.get(task.arn)
        if sidecar is None:
            return True
        if sidecar.serves or self._seen != self._state():
            return False
        calling = [each for each in self._sidecars.values() if each.live and not each.failure]
        return all(each.live >= each.version for each in calling)

    def leave(self, task: Task) -> None:
        """It is about to stop."""
        if (service := self._table.service_of(task)) is not None and task.proxy is not None:
            self._namespaces.deregister(task, service)

    def end(self, task: Task) -> None:
        """Its containers have ended."""
        sidecar = self._sidecars.pop(task.arn, None)
        if sidecar is not None:
            self._host.pool.submit(self._faults.attempt, f"the proxy of task {task.id}", self._bury, sidecar)

    def _bury(self, sidecar: Sidecar) -> None:
        """In the pool: hear its last words, and let it end."""
        numbers = self._numbers_of(sidecar)
        with self._host.lock:
            self._left.append((sidecar, numbers))
            self._read_logs(sidecar)
            self._host.helper(Proxies).end(sidecar.task.id)
            for address in (sidecar.inner, *sidecar.names.values()):
                self._claims.release(address)

    # -- a turn ---------------------------------------------------------------------------------

    def _state(self) -> object:
        return self._table.changes, self._host.changes, len(self._sidecars), self._certificates.changes

    def turn(self) -> None:
        """Tell each proxy what has changed for it, and Cloud Map which of its services are needed no more."""
        for sidecar in self._sidecars.values():
            self._read_logs(sidecar)
        self._certificates.turn()
        state = self._state()
        if self._seen == state:
            return
        self._seen = state
        behind: dict[Name, list[tuple[Sidecar, Endpoint]]] = {}
        for sidecar in self._sidecars.values():
            sidecar.serves = sidecar.takes_requests()
            for endpoint in sidecar.own if sidecar.serves else ():
                behind.setdefault(sidecar.name(endpoint), []).append((sidecar, endpoint))
        for sidecar in self._sidecars.values():
            self._identify(sidecar)
        for sidecar in self._sidecars.values():
            plan = self._plan(sidecar, behind)
            if plan != sidecar.plan and not sidecar.lacks_identity:
                self._apply(sidecar, plan)
        self._certificates.keep_only(self._shown())
        self._namespaces.keep_only(
            {
                resource["discoveryArn"]
                for service in self._table.services()
                if service.status != "INACTIVE"
                for deployment in service.deployments
                for resource in deployment.resources
            }
        )

    def _identify(self, sidecar: Sidecar) -> None:
        """Let it have what it shows; where that is not to be had, its task cannot start."""
        for endpoint in sidecar.own:
            if endpoint.authority is not None:
                name = rules.server_name(endpoint.discovery_name, sidecar.deployment.namespace_name)
                try:
                    found = self._certificates.of((sidecar.service.arn, name, endpoint.authority))
                    sidecar.identities[endpoint.discovery_name] = found
                except (ClientError, OSError) as error:
                    sidecar.failure = f"Service Connect has no certificate for {name}: {error}"

    def _shown(self) -> set[Of]:
        """All that deployments show."""
        return {
            (service.arn, rules.server_name(rules.discovery_name(entry), deployment.namespace_name), authority)
            for service in self._table.services()
            if service.status != "INACTIVE"
            for deployment in service.deployments
            for entry in (deployment.revision.get("serviceConnectConfiguration") or {}).get("services") or ()
            if (authority := rules.authority(entry)) is not None
        }

    def _apply(self, sidecar: Sidecar, plan: Plan) -> None:
        sidecar.plan = plan
        try:
            sidecar.proxy = self._host.helper(Proxies).of(sidecar.task.id, sidecar.level)
            sidecar.version = sidecar.proxy.apply(OWNER, render(plan))
        except EnvoyMissing as error:
            sidecar.failure = str(error)
            return
        if not sidecar.waiting:
            sidecar.waiting = True
            self._host.pool.submit(self._await, sidecar, sidecar.proxy)

    def _await(self, sidecar: Sidecar, proxy: Proxy) -> None:
        """In the pool: learn when the proxy has taken what it was last told. After a while it is others' turn there,
        such as that of who starts the proxy."""
        while True:
            version, failure = sidecar.version, ""
            try:
                proxy.wait(version, _TURN)
            except TimeoutError as error:
                log.debug("the proxy of task %s: %s", sidecar.task.id, error)
                failure = "" if sidecar.live else proxy.failing()
                if not failure and sidecar.task.arn in self._sidecars and not self._host.closing:
                    self._host.pool.submit(self._await, sidecar, proxy)
                    return
            except EnvoyRejected as error:
                failure = str(error)
                log.warning("the proxy of task %s: %s", sidecar.task.id, error)
            with self._host.lock:
                sidecar.failure = failure
                if not failure:
                    sidecar.live = version
                if version == sidecar.version or sidecar.task.arn not in self._sidecars:
                    sidecar.waiting = False
                    break
        self._host.poke()

    # -- what it was like -----------------------------------------------------------------------

    def measure(self) -> None:
        """One turn of the loop: at the end of a minute, read the numbers of all proxies, and tell CloudWatch."""
        if self._host.clock.time() < self._ends:
            return
        ended = self._host.clock.time() // _MINUTE * _MINUTE
        self._ends = ended + _MINUTE
        with self._host.lock:
            running = [each for each in self._sidecars.values() if each.live]
        if running or self._left:
            self._host.pool.submit(self._faults.attempt, "Service Connect", self._publish, running, ended - _MINUTE)

    def _publish(self, sidecars: Sequence[Sidecar], began: float) -> None:
        left, self._left = self._left, []
        before, self._counted = self._counted, {each.task.id: self._numbers_of(each) for each in sidecars}
        found: dict[str, list[connect_metrics.Reading]] = {}
        for each, numbers in [*left, *((each, self._counted[each.task.id]) for each in sidecars)]:
            plan = each.plan
            if plan is None:
                continue
            reading = connect_metrics.Reading(
                each.task.cluster_name,
                each.service.name,
                before.get(each.task.id, {}),
                numbers,
                {way.endpoint.discovery_name: way.endpoint.protocol == "grpc" for way in plan.inward},
                {way.endpoint.discovery_name: sum(len(r.places) for r in way.revisions) for way in plan.outward},
            )
            found.setdefault(each.task.region_name, []).append(reading)
        with self._host.lock:
            for region, readings in found.items():
                if data := connect_metrics.data(readings):
                    self._host.backend("cloudwatch", region).vend(connect_metrics.NAMESPACE, data, began)
            self._host.settle_data(True)

    def _numbers_of(self, sidecar: Sidecar) -> dict[str, float]:
        if sidecar.proxy is None:
            return {}
        numbers = dict(sidecar.proxy.stats(connect_metrics.PATTERN))
        for cluster, times in sidecar.proxy.times().items():
            numbers |= {f"cluster.{cluster}.time_of.{milliseconds}": count for milliseconds, count in times.items()}
        return numbers

    # -- what a proxy is to do ------------------------------------------------------------------

    def _plan(self, sidecar: Sidecar, behind: dict[Name, list[tuple[Sidecar, Endpoint]]]) -> Plan:
        address = loopback(str(sidecar.task.address))
        return Plan(
            address,
            self._host.clock.speed,
            tuple(
                self._outward(sidecar, endpoint, behind.get(sidecar.name(endpoint), [])) for endpoint in sidecar.known
            ),
            tuple(
                Inward(
                    sidecar.place(endpoint),
                    endpoint,
                    (address, endpoint.container_port),
                    (shows.certificate, shows.key) if (shows := sidecar.identity(endpoint)) else None,
                )
                for endpoint in sidecar.own
            ),
            sidecar.access_log,
            self._spans(sidecar),
        )

    def _spans(self, sidecar: Sidecar) -> Spans | None:
        """Where its spans go: to this AWS, where a container of its task sends its own there.

        A proxy of AWS's Service Connect sends none; that this one does is said with each of its spans.
        """
        task = sidecar.task
        if not any(self._is_here(url) for url in traces.endpoints(task.definition)):
            return None
        about = {
            "cloud.provider": "aws",
            "cloud.platform": "aws_ecs",
            "cloud.region": task.region_name,
            "container.name": str(task.proxy),
            "aws.ecs.cluster.arn": str(task.document["clusterArn"]),
            "aws.ecs.task.arn": task.arn,
            "aws.ecs.task.family": str(task.definition["family"]),
            "aws.ecs.launchtype": str(task.document.get("launchType") or "").lower(),
            "drydock.note": "On AWS the proxy of Service Connect sends no spans.",
        }
        name = f"{sidecar.service.name}/service-connect"
        key = self._host.helper(ProxyKey).key if self._host.access_key is not None else ""
        return Spans(("127.0.0.1", self._host.port), name, tuple((k, v) for k, v in about.items() if v), key)

    def _is_here(self, url: str) -> bool:
        try:
            where = urlsplit(url)
            here = where.hostname in ("127.0.0.1", "localhost") and where.port == self._host.port
        except ValueError:
            return False
        return here or traces.is_of_aws(where.hostname or "")

    def _outward(self, client: Sidecar, endpoint: Endpoint, found: list[tuple[Sidecar, Endpoint]]) -> Outward:
        """How it is called now; where it listens is as it was known when the client's deployment began."""
        now = next(
            (each for server, each in found if self._newest(server) == server.deployment.id),
            found[0][1] if found else endpoint,
        )
        place = client.names[endpoint.dns_name], endpoint.port
        return Outward(
            place,
            replace(now, dns_name=endpoint.dns_name, port=endpoint.port),
            tuple(self._revisions(client, [(server, server.place(each), each) for server, each in found])),
            rules.server_name(endpoint.discovery_name, client.deployment.namespace_name),
        )

    def _service(self, sidecar: Sidecar) -> Service:
        """As it is now: what a call that fails has undone is not what it was."""
        return self._table.service_of(sidecar.task) or sidecar.service

    def _newest(self, sidecar: Sidecar) -> str:
        return next((deployment.id for deployment in self._service(sidecar).deployments), "")

    def _revisions(self, client: Sidecar, found: Sequence[tuple[Sidecar, Place, Endpoint]]) -> Iterator[Revision]:
        target = next((self._service(server).staged for server, _, _ in found), None)
        mine = [each for each in found if target is not None and each[0].deployment.id == target.id]
        rest = [each for each in found if each not in mine]
        if target is None or target.production is None:
            yield Revision("tasks", self._places(client, found), roots=_roots(found))
            return
        production = float(target.production)
        yield Revision("source", self._places(client, rest), 100.0 - production, roots=_roots(rest))
        yield Revision("target", self._places(client, mine), production, test=bool(target.test), roots=_roots(mine))

    def _places(self, client: Sidecar, found: Sequence[tuple[Sidecar, Place, Endpoint]]) -> tuple[Place, ...]:
        """Where the client's proxy finds servers: where nobody answers, if a security group is in the way."""
        firewall, nowhere = self._host.helper(Firewall), self._host.helper(BlackHole).place
        mine = str(client.task.address)
        return tuple(
            place
            if server is client
            or firewall.lets(
                mine, str(server.task.address), endpoint.ingress_port or endpoint.container_port, guarded=True
            )
            else nowhere
            for server, place, endpoint in found
        )


def _roots(found: Sequence[tuple[Sidecar, Place, Endpoint]]) -> tuple[str | None, ...]:
    """By what each is checked; empty where none has TLS."""
    shown = [server.identity(endpoint) for server, _, endpoint in found]
    return tuple(each.root if each else None for each in shown) if any(shown) else ()


def read(known: Document) -> Endpoint:
    """An endpoint, as a deployment keeps it."""
    header = known.get("test_header")
    fields = {name: value for name, value in known.items() if name != "service"}
    return Endpoint(**{**fields, "test_header": tuple(header) if header else None})
