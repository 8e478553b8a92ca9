"""What is measured of a container, as it goes into the histograms: CPU by the sample, memory by the day's peak.

Source: kubernetes/autoscaler, vertical-pod-autoscaler/pkg/recommender/model/container.go and
aggregate_container_state.go, 1.7.1 (observed). Times are seconds on one clock.
"""

from __future__ import annotations

import math

from drydock.policy.kubernetes.vpa import amounts
from drydock.policy.kubernetes.vpa.histogram import CPU, MEMORY, Histogram

CPU_WEIGHT = 0.1
"""Of each sample of CPU. Until 2025 it was the request in cores, and 0.1 at least."""
INTERVAL = 24 * 3600.0
"""One peak of memory is kept for each."""
OOM_RATIO, OOM_BYTES = 1.2, 100 * 2**20
"""By how much more memory is taken to be needed after an OOM kill: this ratio, and this much at least."""


class Usage:
    """The histograms of one container of all a workload's pods, and how much they rest on."""

    def __init__(self) -> None:
        self.cpu = Histogram(CPU)
        self.memory = Histogram(MEMORY)
        self.first: float | None = None
        self.last: float | None = None
        self.samples = 0

    def add_cpu(self, millicores: float, at: float, count: int = 1) -> None:
        """`count` samples alike, as of so many pods."""
        self.cpu.add(millicores / 1000, CPU_WEIGHT * count, at)
        self.first = at if self.first is None else min(self.first, at)
        self.last = at if self.last is None else max(self.last, at)
        self.samples += count

    def confidence(self, interval: float = INTERVAL) -> float:
        """The days of history, or the days that its samples of CPU would be, one a minute: what is less."""
        if self.first is None or self.last is None:
            return 0.0
        return min((self.last - self.first) / interval, self.samples / (interval / 60))


class Container:
    """One container of one pod, whose samples go into `usage`."""

    def __init__(self, usage: Usage, *, interval: float = INTERVAL) -> None:
        self.usage = usage
        self.interval = interval
        self._cpu_at = -math.inf
        self._memory_at: float | None = None
        self._end: float | None = None
        self._peak = self._oom_peak = 0

    def cpu(self, millicores: int, at: float) -> bool:
        """Whether the sample was taken: not where it is negative, or no later than the one before."""
        if millicores < 0 or at <= self._cpu_at:
            return False
        self.usage.add_cpu(millicores, at)
        self._cpu_at = at
        return True

    def memory(self, size: int, at: float) -> bool:
        """Whether the sample was taken, in bytes: not where it is negative, or earlier than the one before."""
        if self._memory_at is not None and at < self._memory_at:
            return False
        return self._add_memory(size, at, is_oom=False)

    def oom(self, request: int, at: float) -> bool:
        """An OOM kill, with so many bytes requested. Whether it was taken: not where it is too old."""
        if self._memory_at is not None and at < self._memory_at - self.interval:
            return False
        used = max(request, self._peak)
        return self._add_memory(max(used + OOM_BYTES, amounts.scaled(used, OOM_RATIO)), at, is_oom=True)

    def _add_memory(self, size: int, at: float, *, is_oom: bool) -> bool:
        if size < 0:
            return False
        self._memory_at = at
        if self._end is None:
            self._end = at
        peak = max(self._peak, self._oom_peak)
        if at < self._end:
            if not 0 < peak < size:
                return True
            self.usage.memory.subtract(peak, 1.0, self._end)
        else:
            self._end += ((at - self._end) // self.interval + 1) * self.interval
            self._peak = self._oom_peak = 0
        self.usage.memory.add(size, 1.0, self._end)
        if is_oom:
            self._oom_peak = size
        else:
            self._peak = size
        return True
