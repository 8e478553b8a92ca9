"""Weights in buckets, of which old ones count less: what the VerticalPodAutoscaler remembers of usage.

Source: kubernetes/autoscaler, vertical-pod-autoscaler/pkg/recommender/util/histogram*.go, decaying_histogram.go and
model/aggregations_config.go, 1.7.1 (observed). Times are seconds on one clock.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

HALF_LIFE = 24 * 3600.0
_MOST_HALF_LIVES = 100
"""Beyond so many half-lives from the reference, weights are made small again."""
_CHECKPOINT = 10_000
"""Of the heaviest bucket in a checkpoint; what is less than half of one is dropped."""


class Buckets(Protocol):
    """Where one bucket ends and the next begins."""

    @property
    def epsilon(self) -> float: ...

    @property
    def count(self) -> int: ...

    def find(self, value: float) -> int: ...

    def start(self, bucket: int) -> float: ...


@dataclass(frozen=True)
class Exponential:
    """Each bucket is wider than the one before by the same ratio.

    first  width of the first one, in the value's unit.
    most   the largest value that is told from larger ones.
    """

    first: float
    most: float
    ratio: float = 1.05
    epsilon: float = 1e-4

    def __post_init__(self) -> None:
        if self.first <= 0 or self.most <= 0 or self.epsilon <= 0 or self.ratio <= 1:
            raise ValueError(
                f"first, most and epsilon are above 0 and ratio above 1, not {self.first:g}, {self.most:g}, "
                f"{self.epsilon:g} and {self.ratio:g}."
            )

    @cached_property
    def count(self) -> int:
        return math.ceil(self._log(self.most)) + 1

    def find(self, value: float) -> int:
        if value < self.first:
            return 0
        return min(int(self._log(value)), self.count - 1)

    def find_all(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """`find` of many at once."""
        import numpy as np

        inside = np.maximum(values, self.first) * ((self.ratio - 1) / self.first) + 1
        logs = np.log(inside) / math.log(self.ratio)
        found = np.where(values < self.first, 0, np.minimum(logs.astype(np.int64), self.count - 1))
        close = (values >= self.first) & (np.abs(logs - np.rint(logs)) < 1e-9)
        for value in np.unique(values[close]):  # where the last digit of a logarithm decides
            found[values == value] = self.find(float(value))
        return found

    def start(self, bucket: int) -> float:
        if not 0 <= bucket < self.count:
            raise IndexError(f"There are {self.count} buckets, and none is number {bucket}.")
        return self.first * (self.ratio**bucket - 1) / (self.ratio - 1)

    def _log(self, value: float) -> float:
        return math.log(value * (self.ratio - 1) / self.first + 1) / math.log(self.ratio)


CPU = Exponential(first=0.01, most=1000.0)
"""Of CPU, in cores."""
MEMORY = Exponential(first=1e7, most=1e12)
"""Of memory, in bytes."""


@dataclass(frozen=True)
class Checkpoint:
    """A histogram as it is kept: whole weights by bucket, of which the heaviest is 10,000."""

    weights: Mapping[int, int]
    total: float
    reference: float


class Histogram:
    """Samples by bucket. A sample's weight is doubled for each half-life that it is later than the reference.

    half_life  seconds; infinite: nothing decays.
    """

    def __init__(self, buckets: Buckets, half_life: float = HALF_LIFE) -> None:
        self.buckets = buckets
        self.half_life = half_life
        self.reference = 0.0
        self.weights = [0.0] * buckets.count
        self.total = 0.0
        self._least, self._most = buckets.count - 1, 0

    @property
    def is_empty(self) -> bool:
        return self.weights[self._least] < self.buckets.epsilon

    def add(self, value: float, weight: float, at: float = 0.0) -> None:
        weight *= self._factor(at)
        bucket = self.buckets.find(value)
        self.weights[bucket] += weight
        self.total += weight
        if self.weights[bucket] >= self.buckets.epsilon:
            self._least, self._most = min(self._least, bucket), max(self._most, bucket)

    def subtract(self, value: float, weight: float, at: float = 0.0) -> None:
        """Take back a sample that was added with the same value, weight and time."""
        weight *= self._factor(at)
        bucket = self.buckets.find(value)
        self.total = self._less(self.total, weight)
        self.weights[bucket] = self._less(self.weights[bucket], weight)
        self._narrow()

    def percentile(self, part: float) -> float:
        """The end of the first bucket up to which `part` of all weight lies; 0 where there is none."""
        if self.is_empty:
            return 0.0
        wanted, seen, bucket = part * self.total, 0.0, self._least
        while bucket < self._most:
            seen += self.weights[bucket]
            if seen >= wanted:
                break
            bucket += 1
        return self.buckets.start(min(bucket + 1, self.buckets.count - 1))

    def merge(self, other: Histogram) -> None:
        """Add what another of the same buckets and half-life has."""
        if self.buckets != other.buckets or self.half_life != other.half_life:
            raise ValueError("Only histograms of the same buckets and half-life are merged.")
        if self.reference < other.reference:
            self._shift(other.reference)
        elif other.reference < self.reference:
            other._shift(self.reference)
        for bucket in range(other._least, other._most + 1):
            self.weights[bucket] += other.weights[bucket]
        self.total += other.total
        self._least, self._most = min(self._least, other._least), max(self._most, other._most)

    def checkpoint(self) -> Checkpoint:
        """What is kept of it."""
        heaviest = max(self.weights)
        scale = _CHECKPOINT / heaviest if heaviest else 0.0
        kept = {bucket: math.floor(self.weights[bucket] * scale + 0.5) for bucket in range(self._least, self._most + 1)}
        return Checkpoint({bucket: weight for bucket, weight in kept.items() if weight}, self.total, self.reference)

    def load(self, checkpoint: Checkpoint) -> None:
        """Add what was kept. Raises ValueError for weights or buckets that cannot be."""
        if checkpoint.total < 0:
            raise ValueError(f"A checkpoint's total weight is not below 0: {checkpoint.total:g}.")
        for bucket in checkpoint.weights:
            if not 0 <= bucket < self.buckets.count:
                raise ValueError(f"A checkpoint's buckets are from 0 to {self.buckets.count - 1}, not {bucket}.")
        whole = sum(checkpoint.weights.values())
        if whole:
            for bucket, weight in checkpoint.weights.items():
                self.weights[bucket] += weight * checkpoint.total / whole
                self._least, self._most = min(self._least, bucket), max(self._most, bucket)
            self.total += checkpoint.total
            self._narrow()
        self.reference = checkpoint.reference

    def _factor(self, at: float) -> float:
        if math.isinf(self.half_life):
            return 1.0
        if at > self.reference + self.half_life * _MOST_HALF_LIVES:
            self._shift(at)
        return math.exp2((at - self.reference) / self.half_life)

    def _shift(self, reference: float) -> None:
        """Move the reference to a whole number of half-lives."""
        reference = math.floor(reference / self.half_life + 0.5) * self.half_life
        scale = math.ldexp(1.0, math.floor((self.reference - reference) / self.half_life + 0.5))
        self.weights = [weight * scale for weight in self.weights]
        self.total *= scale
        self.reference = reference
        self._narrow()

    def _narrow(self) -> None:
        last = self.buckets.count - 1
        while self.weights[self._least] < self.buckets.epsilon and self._least < last:
            self._least += 1
        while self.weights[self._most] < self.buckets.epsilon and self._most > 0:
            self._most -= 1

    def _less(self, value: float, weight: float) -> float:
        value -= weight
        return 0.0 if value < self.buckets.epsilon else value


def percentiles(
    buckets: Exponential,
    values: npt.NDArray[np.float64],
    at: npt.NDArray[np.float64],
    parts: tuple[float, ...],
    *,
    weight: float = 1.0,
    half_life: float = HALF_LIFE,
) -> npt.NDArray[np.float64]:
    """`Histogram.percentile` of many containers at once.

    values  a row for each container, a column for each sample, in the buckets' unit.
    at      seconds, for each column, in order of time; over fewer than 100 half-lives.

    Returns a row for each container, a column for each of `parts`.
    """
    import numpy as np

    weights = weight * np.exp2((at - at[0]) / half_life)
    starts = np.array([buckets.start(bucket) for bucket in range(buckets.count)])
    found = np.empty((len(values), len(parts)))
    for row, one in enumerate(values):
        held = np.bincount(buckets.find_all(one), weights=weights, minlength=buckets.count)
        full = np.flatnonzero(held >= buckets.epsilon)
        if not len(full):
            found[row] = 0.0
            continue
        least, most = full[0], full[-1]
        reached = np.cumsum(held[least:most])
        ends = least + np.searchsorted(reached, np.asarray(parts) * held.sum())
        found[row] = starts[np.minimum(ends + 1, buckets.count - 1)]
    return found
