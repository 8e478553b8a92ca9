"""Customers of drydock.drills.customers on a cloud without processes, and how the shop's backend answers them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping

from tests.support.runtime import FakeContainer
from tests.support.stepped import World

from drydock.embedded.carriers.runtime.base import OUT_OF_MEMORY

FRESH, AT_ONCE = 20, 5.0
"""MiB of a program that has just started; milliseconds that an answer takes."""


class Crowd:
    """Called after each turn, asks for what was due in each AWS second since the last one, and counts as Envoy does."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._second = int(world.clock.time())
        self._due: dict[int, float] = defaultdict(float)
        self._asked: Counter[int] = Counter()
        self._held: dict[int, list[float]] = defaultdict(list)
        self._names: dict[str, str] = {}
        self._counted: dict[str, float] = defaultdict(float)
        self._times: dict[str, Counter[float]] = defaultdict(Counter)
        world.envoy.counted = self._counted
        world.envoy.times = lambda: {name: dict(times) for name, times in self._times.items()}  # type: ignore[method-assign, misc]

    def __call__(self) -> None:
        now = int(self._world.clock.time())
        while self._second < now:
            self._second += 1
            self._ask_for_a_second(self._second)

    def _ask_for_a_second(self, second: int) -> None:
        servers = {one.spec.address: one for one in self._world.runtime.containers}
        for one in list(self._world.runtime.containers):
            if course := one.environment.get("REQUESTS_A_MINUTE"):
                minutes = [int(each) for each in course.split()]
                self._due[one.pid] += minutes[second // 60 % len(minutes)] / 60
                while self._due[one.pid] >= 1:
                    self._due[one.pid] -= 1
                    self._ask(one, servers)

    def _ask(self, customer: FakeContainer, servers: Mapping[str, FakeContainer]) -> None:
        """One request goes to the next target of those behind the load balancer that its URL names."""
        name = self._name(customer.environment["URL"])
        targets = [
            (group["cluster_name"], end["endpoint"]["address"]["socket_address"]["address"])
            for group in self._world.envoy.applied["elbv2"].endpoints
            for place in group["endpoints"]
            for end in place["lb_endpoints"]
            if group["cluster_name"].split("/")[1].removesuffix("-next") == name
        ]
        there = [(group, servers[address]) for group, address in sorted(targets) if address in servers]
        if there:
            self._asked[customer.pid] += 1
            group, server = there[self._asked[customer.pid] % len(there)]
            self._counted[f"cluster.{group}.upstream_rq_{'5xx' if self._fails(server) else '2xx'}"] += 1
            self._times[group][float(server.environment.get("LATENCY_MS", AT_ONCE))] += 1
            self._leak(server)

    def _name(self, url: str) -> str:
        """The load balancer's, which is its target group's, too."""
        if url not in self._names:
            found = self._world.client("elbv2").describe_load_balancers()["LoadBalancers"]
            self._names = {f"http://{one['DNSName']}/": one["LoadBalancerName"] for one in found}
        return self._names[url]

    def _fails(self, server: FakeContainer) -> bool:
        """ERROR_RATE of its requests, evenly; or whether a pool of POOL_SIZE has no connection free."""
        self._asked[server.pid] += 1
        rate = float(server.environment.get("ERROR_RATE", 0))
        if size := server.environment.get("POOL_SIZE"):
            held = self._held[server.pid] = [until for until in self._held[server.pid] if until > self._second]
            if len(held) >= int(size):
                return True
            held.append(self._second + float(server.environment["QUERY_SECONDS"]) * self._world.clock.speed)
        return int(self._asked[server.pid] * rate) > int((self._asked[server.pid] - 1) * rate)

    def _leak(self, server: FakeContainer) -> None:
        kept = self._asked[server.pid] * float(server.environment.get("LEAK_MIB_PER_REQUEST", 0))
        if server.spec.memory_limit_mib and FRESH + kept > server.spec.memory_limit_mib:
            self._world.runtime.end(server, 137, OUT_OF_MEMORY)
