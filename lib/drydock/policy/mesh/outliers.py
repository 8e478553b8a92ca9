"""Which hosts a proxy leaves out because they fail, and for how long.

Sources: Envoy's documentation, *Outlier detection* and *Panic threshold* (documented), and Envoy's code,
``source/common/upstream/outlier_detection_impl.cc``, with its test (observed); App Mesh, botocore 1.44.5,
``OutlierDetection`` (documented).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from statistics import fmean, pstdev

GATEWAY_ERRORS = frozenset({502, 503, 504})
LONGEST = 300
"""Envoy's default of max_ejection_time, in seconds."""
AT_ONCE = {"update_merge_window": "0s"}
"""common_lb_config: what is ejected or back reaches the load balancer at once, and not within Envoy's second."""
PANIC = 50
"""Envoy's default threshold: with fewer per cent of the hosts healthy, requests go to all of them."""


class Limit(StrEnum):
    """How max_ejection_percent is read. It differs by the release of Envoy."""

    BEFORE = "before"
    """The oldest: the part that is out before the ejection has to be below the limit, which may be overshot by one."""
    FIRST_FREE = "first free"
    """The part *after* it has to be within the limit, except for the first host, which may always be ejected."""
    STRICT = "strict"
    """The part after it, the first host's too. Since Envoy 1.31, unless always_eject_one_host is set."""


def may_eject(out: int, hosts: int, percent: float, limit: Limit = Limit.STRICT) -> bool:
    """Whether one more of `hosts` may be ejected while `out` of them are. `percent`: max_ejection_percent."""
    percent = min(100.0, percent)
    if limit is Limit.BEFORE:
        return 100 * out / hosts < percent
    return 100 * (out + 1) / hosts <= percent or (limit is Limit.FIRST_FREE and not out)


def most_out(hosts: int, percent: float, limit: Limit = Limit.STRICT) -> int:
    """How many of `hosts` can be out at once.

    >>> [most_out(3, 50, limit) for limit in Limit]
    [2, 1, 1]
    """
    out = 0
    while out < hosts and may_eject(out, hosts, percent, limit):
        out += 1
    return out


def panics(healthy: int, hosts: int, threshold: float = PANIC) -> bool:
    """Whether the load balancer ignores ejections, as too few hosts are healthy. A threshold of 0 turns it off."""
    return hosts > 0 and 100 * healthy / hosts < threshold


@dataclass(frozen=True)
class Host:
    """What the proxy keeps of one host; moments are in seconds.

    row      5xx in a row, and `gateway` gateway errors in a row.
    factor   what the next ejection's base time is multiplied by, less one.
    out      since when it is ejected, or None. `back`: when it came back last.
    """

    row: int = 0
    gateway: int = 0
    factor: int = 0
    out: float | None = None
    back: float | None = None


@dataclass(frozen=True)
class Detector:
    """Envoy's settings, with its defaults; times in seconds.

    A count of 0 turns that detection off. `gateway` is not enforced by default.
    """

    consecutive_5xx: int = 5
    consecutive_gateway_failure: int = 0
    interval: float = 10
    base_ejection_time: float = 30
    max_ejection_time: float = LONGEST
    max_ejection_percent: float = 10
    limit: Limit = Limit.STRICT

    def answered(self, hosts: Mapping[str, Host], name: str, status: int, now: float) -> dict[str, Host]:
        """The hosts after `name` answered with `status`, ejected at once if that was one failure too many.

        A request that got no answer counts as a 5xx, as Envoy has it by default. A host that is out may still be
        answering; that it goes on failing ejects nobody twice.
        """
        host = hosts[name]
        failed = 500 <= status < 600
        host = replace(
            host,
            row=host.row + 1 if failed else 0,
            gateway=host.gateway + 1 if status in GATEWAY_ERRORS else 0,
        )
        for field, most in (("gateway", self.consecutive_gateway_failure), ("row", self.consecutive_5xx)):
            if most and getattr(host, field) == most and host.out is None:
                host = self._ejected({**hosts, name: host}, name, now)
                host = replace(host, **{field: 0})
        return {**hosts, name: host}

    def _ejected(self, hosts: Mapping[str, Host], name: str, now: float) -> Host:
        host = hosts[name]
        out = sum(one.out is not None for one in hosts.values())
        if not may_eject(out, len(hosts), self.max_ejection_percent, self.limit):
            return host
        grows = host.factor * self.base_ejection_time < self.max_ejection_time + self.base_ejection_time
        return replace(host, out=now, factor=host.factor + 1 if grows else host.factor)

    def ejection_time(self, host: Host) -> float:
        """Seconds that `host`, which is out, stays out at least: base × how often in a row, up to the longest."""
        return min(self.base_ejection_time * host.factor, self.max_ejection_time)

    def swept(self, hosts: Mapping[str, Host], now: float) -> dict[str, Host]:
        """The hosts after the sweep that there is every `interval`: those whose time is over are back.

        A host that has been back for an interval has its factor less by one.
        """
        found = {}
        for name, host in hosts.items():
            if host.out is not None and now - host.out >= self.ejection_time(host):
                host = replace(host, out=None, back=now, row=0, gateway=0)
            if host.out is None and host.back is not None and now - host.back >= self.interval:
                host = replace(host, factor=max(0, host.factor - 1))
            found[name] = host
        return found


def success_rate_threshold(rates: Sequence[float], *, factor: float = 1.9) -> tuple[float, float]:
    """Mean of the hosts' success rates in %, and the rate below which a host is ejected: mean - factor × deviation.

    The deviation is that of a whole population. Envoy's setting success_rate_stdev_factor is 1000 times `factor`.

    >>> success_rate_threshold([50, 100, 100, 100, 100])
    (90.0, 52.0)
    """
    mean = fmean(rates)
    return mean, mean - factor * pstdev(rates)


def success_rate_outliers(
    seen: Mapping[str, tuple[int, int]], *, factor: float = 1.9, minimum_hosts: int = 5, request_volume: int = 100
) -> tuple[str, ...]:
    """Hosts whose success rate of the last interval is an outlier. `seen`: host → (successes, requests) in it.

    Only hosts with so many requests count, and only where there are so many of them; Envoy's defaults.
    """
    rates = _rates(seen, request_volume)
    if not rates or len(rates) < minimum_hosts:
        return ()
    _, threshold = success_rate_threshold(list(rates.values()), factor=factor)
    return tuple(name for name, rate in rates.items() if rate < threshold)


def failure_percentage_outliers(
    seen: Mapping[str, tuple[int, int]], *, threshold: float = 85, minimum_hosts: int = 5, request_volume: int = 50
) -> tuple[str, ...]:
    """Hosts of which `threshold` per cent or more failed in the last interval; not enforced by default in Envoy."""
    rates = _rates(seen, request_volume)
    if not rates or len(rates) < minimum_hosts:
        return ()
    return tuple(name for name, rate in rates.items() if 100 - rate >= threshold)


def _rates(seen: Mapping[str, tuple[int, int]], request_volume: int) -> dict[str, float]:
    return {name: 100 * good / all_ for name, (good, all_) in seen.items() if all_ and all_ >= request_volume}
