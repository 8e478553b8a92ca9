"""Requests to one URL at a rate of so many a second, counted by who answered: while a notebook goes on, or to the end.

    requests = Load("http://…/", rps=100).start()     # in the background
    requests.by_second()                               # who answered in each second so far
    requests.since(moment)                             # what came of the requests that were sent from then on
    print(requests.stop())                             # no more; the answers that are under way are waited for
    print(Load("http://…/", rps=100).start(10).wait()) # ten seconds of it

A request has its moment: whether the one before it was answered or not makes no difference, as with customers who do
not know of each other. Where the connections do not suffice, or this machine, requests leave late: the report says so.
"""

from __future__ import annotations

import json
import math
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

import urllib3

from drydock.policy.secrets import hidden

TIMEOUT = 5.0
"""Our seconds after which a request that is not answered is lost."""
LATE = 0.5
"""Our seconds: a request that leaves later than that after its moment is one by which the rate was not kept."""
UNNAMED = "unnamed"
SHOWN = 10
"""Versions that a report names."""
LONGEST = 60
"""Characters of a version that are kept."""


@dataclass(frozen=True)
class Answer:
    """What came of one request. `sent`: time.monotonic(), `late` seconds after its moment. `lost`: why none came."""

    sent: float
    late: float
    latency: float
    status: int = 0
    version: str = ""
    lost: str = ""

    @property
    def who(self) -> str:
        """The version that answered; the status of an error, which names no version; or why there was no answer."""
        return self.lost or self.version or (str(self.status) if self.status >= 400 else UNNAMED)


@dataclass(frozen=True)
class Report:
    """Of some requests, what came of each. Latencies are in milliseconds, of those that were answered.

    asked  how many had their moment in those `seconds`; `late` left long after it, others not at all
    """

    asked: int
    sent: int
    statuses: dict[str, int]
    lost: dict[str, int]
    versions: dict[str, int]
    p50: float
    p95: float
    p99: float
    seconds: float
    late: int

    @classmethod
    def of(cls, answers: Sequence[Answer], *, asked: int, seconds: float) -> Report:
        latencies = sorted(1000 * one.latency for one in answers if not one.lost)
        return cls(
            asked=asked,
            sent=len(answers),
            statuses=_counted(str(one.status) for one in answers if not one.lost),
            lost=_counted(one.lost for one in answers if one.lost),
            versions=_counted(one.version for one in answers if one.version),
            p50=_percentile(latencies, 50),
            p95=_percentile(latencies, 95),
            p99=_percentile(latencies, 99),
            seconds=round(seconds, 2),
            late=sum(one.late > LATE for one in answers),
        )

    @property
    def answered(self) -> int:
        return sum(self.statuses.values())

    @property
    def failures(self) -> dict[str, int]:
        """Those that a customer would complain of, by kind: answered with 5xx, or not at all."""
        return {status: many for status, many in self.statuses.items() if status >= "500"} | self.lost

    @property
    def failed(self) -> int:
        return sum(self.failures.values())

    @property
    def kept(self) -> bool:
        """Whether the rate was kept; a request in a hundred may be under way."""
        return not self.late and self.sent >= 0.99 * self.asked - 1

    def json(self) -> str:
        return json.dumps({**asdict(self), "answered": self.answered, "failed": self.failed, "kept": self.kept})

    def rows(self) -> list[tuple[str, str]]:
        """What it says, line by line."""
        rate = f", {self.sent / self.seconds:.1f} a second" if self.seconds else ""
        rows = [("sent", f"{self.sent}{rate}"), ("answered", _told(self.statuses)), ("failed", _told(self.failures))]
        rows.append(("version", _told(_most(self.versions))))
        if self.answered:
            rows.append(("latency", f"p50 {self.p50:g} ms, p95 {self.p95:g} ms, p99 {self.p99:g} ms"))
        if not self.kept:
            rows.append(
                ("too slow", f"the rate was not kept: of {self.asked}, {self.sent} were sent, {self.late} of them late")
            )
        return rows

    def __str__(self) -> str:
        return "\n".join(f"{name:10}{value}" for name, value in self.rows())

    __repr__ = __str__


def _counted(found: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(found).items()))


def _told(counts: dict[str, int]) -> str:
    return ", ".join(f"{name}: {many}" for name, many in counts.items()) or "none"


def _most(versions: Mapping[str, int]) -> dict[str, int]:
    """Those that answered most, and how many the others did: a server may name another with every answer."""
    by_count = sorted(versions.items(), key=lambda one: -one[1])
    others = sum(many for _, many in by_count[SHOWN:])
    return dict(sorted(by_count[:SHOWN])) | ({f"{len(by_count) - SHOWN} others": others} if others else {})


def _percentile(ordered: Sequence[float], percent: int) -> float:
    """The least value that so many percent do not exceed; 0 of none."""
    return round(ordered[math.ceil(len(ordered) * percent / 100) - 1], 2) if ordered else 0.0


class Load:
    """Requests to `url`, `rps` of them a second over so many `connections`."""

    def __init__(self, url: str, *, rps: float, connections: int = 16) -> None:
        if not (rps > 0 and math.isfinite(rps)) or connections < 1:
            raise ValueError(f"It takes a rate above 0 and a connection, not {rps:g} a second over {connections}.")
        self._url, self._rps, self._connections = url, rps, connections
        self._pool = urllib3.PoolManager(maxsize=connections, block=True, retries=False, timeout=TIMEOUT)
        self._answers: list[Answer] = []
        self._next = 0
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._send, daemon=True) for _ in range(connections)]
        self._begun = self._end = 0.0

    def start(self, seconds: float = math.inf) -> Load:
        """Send, in the background, for so many seconds or until `stop`."""
        self._begun = time.monotonic()
        self._end = self._begun + seconds
        for thread in self._threads:
            thread.start()
        return self

    def stop(self) -> Report:
        """Send no more, wait for what is under way, and say what came of all."""
        self._end = min(self._end, time.monotonic())
        self._ended.set()
        return self.wait()

    def wait(self) -> Report:
        """Until the seconds are over that it was started for; what came of all."""
        for thread in self._threads:
            thread.join()
        self._pool.clear()
        return self.since(self._begun)

    def since(self, moment: float, until: float = math.inf) -> Report:
        """What came of the requests sent from one time.monotonic() to another, as far as it is known."""
        with self._lock:
            chosen = [one for one in self._answers if moment <= one.sent < until]
        end = min(until, self._end, time.monotonic())
        seconds = max(0.0, end - max(moment, self._begun))
        return Report.of(chosen, asked=math.ceil(round(seconds * self._rps, 6)), seconds=seconds)

    def by_second(self, width: float = 1.0) -> list[tuple[float, Counter[str]]]:
        """Who answered the requests of each `width` seconds: (seconds since the start, who → how many)."""
        slices: dict[int, Counter[str]] = {}
        with self._lock:
            for one in self._answers:
                slices.setdefault(int((one.sent - self._begun) / width), Counter())[one.who] += 1
        return [(round(index * width, 3), slices[index]) for index in sorted(slices)]

    @property
    def begun(self) -> float:
        """time.monotonic() of the first request."""
        return self._begun

    def _send(self) -> None:
        while not self._ended.is_set():
            with self._lock:
                due = self._begun + self._next / self._rps
                self._next += 1
            now = time.monotonic()
            if due >= self._end or now > self._end + LATE or self._ended.wait(max(0.0, due - now)):
                return
            answer = self._ask(due)
            with self._lock:
                self._answers.append(answer)

    def _ask(self, due: float) -> Answer:
        sent = time.monotonic()
        late = sent - due
        try:
            reply = self._pool.request("GET", self._url, redirect=False)
        except urllib3.exceptions.HTTPError as error:
            return Answer(sent, late, time.monotonic() - sent, lost=_why(error))
        return Answer(sent, late, time.monotonic() - sent, reply.status, _version(reply))


_KINDS: tuple[tuple[type[Exception], str], ...] = (
    (urllib3.exceptions.NewConnectionError, "no connection"),
    (urllib3.exceptions.ConnectTimeoutError, "no connection in time"),
    (urllib3.exceptions.ReadTimeoutError, "no answer in time"),
    (urllib3.exceptions.ProtocolError, "cut off"),
)


def _why(error: Exception) -> str:
    """What kind of loss that is, in few words."""
    return next((words for kind, words in _KINDS if isinstance(error, kind)), type(error).__name__)


def _version(reply: urllib3.BaseHTTPResponse) -> str:
    """`version` in what the shop's services answer; "" where an answer has none, as an error has not.

    Whoever answers may be anybody: what looks like a secret, control characters and markup, and what is longer than a
    version is, is not kept.
    """
    try:
        found = reply.json()
    except (UnicodeDecodeError, json.JSONDecodeError):
        return ""
    version = found.get("version", "") if isinstance(found, dict) else ""
    if not isinstance(version, (str, int, float)):
        return ""
    text = hidden(str(version)[: 10 * LONGEST])
    kept = "".join(each if each.isprintable() and each not in "<>&" else "?" for each in text)
    return kept if len(kept) <= LONGEST else f"{kept[:LONGEST]}…"
