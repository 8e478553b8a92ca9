"""Why tasks have stopped, and which of them count."""

from __future__ import annotations

import re
import signal
from bisect import bisect
from collections.abc import Mapping
from dataclasses import dataclass

from drydock.policy.diagnosis.facts import Container, Facts, StoppedTask
from drydock.policy.diagnosis.findings import Cause, many, short


@dataclass(frozen=True)
class Failures:
    """Tasks that stopped for one cause, latest last; `over` where the service was steady again since."""

    tasks: tuple[StoppedTask, ...]
    over: bool = False
    rolled_back: bool = False

    @property
    def last(self) -> StoppedTask:
        return self.tasks[-1]


# Who says it, then what is said; the first that matches. "." stands for a line's end too.
_WORDS = tuple(
    (cause, re.compile(pattern, re.IGNORECASE | re.DOTALL))
    for cause, pattern in (
        (Cause.WRONG_ARCHITECTURE, r"exec format error|matching platform|no matching manifest|no match for platform"),
        (
            Cause.NO_ROUTE,
            r"(CannotPull|ResourceInitialization).*(i/o timeout|deadline exceeded|(request|context) canceled"
            r"|Client\.Timeout|no such host|dial tcp|connection reset|check your (task )?network)",
        ),
        (
            Cause.IMAGE_NOT_ALLOWED,
            r"CannotPull.*(forbidden|denied|not authorized|unauthorized|no basic auth)"
            r"|(ecr registry auth|registry auth from).*(AccessDenied|not authorized)",
        ),
        (Cause.IMAGE_NOT_FOUND, r"CannotPull.*(not found|does not exist|manifest unknown|no such image|invalid ref)"),
        (Cause.IMAGE_NOT_PULLED, r"CannotPull|ecr registry auth|registry auth from"),
        (Cause.COMMAND_NOT_FOUND, r"executable file not found|\bexec\b.*(no such file or directory|permission denied)"),
        (Cause.NO_LOGS, r"logger args|logging driver|log ?stream|log group"),
        (
            Cause.SECRET_NOT_ALLOWED,
            r"ResourceInitialization.*(secret|ssm|asm).*"
            r"(AccessDenied|not authorized|KMS is not allowed|no execution role)",
        ),
        (Cause.SECRET_NOT_FOUND, r"ResourceInitialization.*\b(retrieve|fetch|find)\b.*(secret|parameter|ssm)"),
        (Cause.NO_ADDRESSES, r"no free address|insufficient ?free|InsufficientFreeAddresses"),
        (Cause.OUT_OF_MEMORY, r"OutOfMemory"),
        (Cause.CONTAINER_UNHEALTHY, r"failed container health checks"),
        (Cause.NO_ANSWER, r"failed (ELB|load balancer) health checks"),
    )
)
BY_TASKS = frozenset(
    (
        Cause.IMAGE_NOT_FOUND, Cause.IMAGE_NOT_ALLOWED, Cause.WRONG_ARCHITECTURE, Cause.IMAGE_NOT_PULLED,
        Cause.SECRET_NOT_FOUND, Cause.SECRET_NOT_ALLOWED, Cause.NO_ROUTE, Cause.NO_LOGS, Cause.COMMAND_NOT_FOUND,
        Cause.OUT_OF_MEMORY, Cause.CONTAINER_EXITED, Cause.NOT_STARTED, Cause.INTERRUPTED,
    )
)  # fmt: skip
BY_PROGRAM = frozenset((Cause.OUT_OF_MEMORY, Cause.CONTAINER_EXITED))
BY_TARGETS = frozenset((Cause.WRONG_ANSWER, Cause.WRONG_PORT, Cause.GRACE_TOO_SHORT, Cause.NO_ANSWER))


def cause_of(task: StoppedTask) -> Cause:
    """Why a task stopped. NO_ANSWER stands for every failed check of a load balancer."""
    if task.stop_code in ("SpotInterruption", "TerminationNotice", "InfrastructureHealth"):
        return Cause.INTERRUPTED
    told = "\n".join([task.reason, *(one.reason for one in task.containers)])
    for image in filter(None, (one.image for one in task.containers)):
        told = told.replace(image, "")  # its name may hold any word
    for cause, pattern in _WORDS:
        if pattern.search(told):
            return cause
    if any("exec format error" in line for line in task.last_lines):
        return Cause.WRONG_ARCHITECTURE
    if task.stop_code == "EssentialContainerExited":
        code = task.culprit.exit_code if task.culprit else None
        return Cause.COMMAND_NOT_FOUND if code in (126, 127) else Cause.CONTAINER_EXITED
    return Cause.NOT_STARTED


def failures_of(facts: Facts) -> dict[Cause, Failures]:
    """The failures that count, by cause (see the module's text)."""
    primary = facts.primary.id if facts.primary else ""
    failed = sorted((task for task in facts.stopped if task.failed), key=lambda task: task.stopped_at)
    found: dict[Cause, list[StoppedTask]] = {}
    undone: dict[Cause, list[StoppedTask]] = {}
    for task in failed:
        if task.deployment == primary:
            found.setdefault(cause_of(task), []).append(task)
        elif facts.rolled_back and task.created_at >= facts.attempts[0].created_at:
            undone.setdefault(cause_of(task), []).append(task)
    counted = {cause: Failures(tuple(tasks), rolled_back=True) for cause, tasks in undone.items()}
    for cause, tasks in found.items():
        rounds = {bisect(facts.steady, task.stopped_at) for task in tasks}
        over = len(facts.steady) not in rounds
        if not over or len(rounds) > 1 or cause in BY_PROGRAM:
            now = [task for task in tasks if over or bisect(facts.steady, task.stopped_at) == len(facts.steady)]
            counted[cause] = Failures(tuple(now), over)
    return counted


def not_now(facts: Facts, failures: Mapping[Cause, Failures]) -> set[Cause]:
    """Causes that do not show now: they are told last."""
    over = {cause for cause, one in failures.items() if one.over}
    if facts.unhealthy:
        over.discard(Cause.CONTAINER_UNHEALTHY)
    if Cause.NO_ANSWER in over:
        failing = any(group.failures for group in facts.groups)
        over = over - BY_TARGETS if failing else over | BY_TARGETS
    return over


def how_many(failures: Failures) -> str:
    whose = "the deployment that failed" if failures.rolled_back else "the current deployment"
    since = ", and the service has been steady since" if failures.over else ""
    return f"{many(len(failures.tasks), 'task')} of {whose} stopped{since}"


def exited(container: Container) -> str:
    return f"`{container.name}` exited with {container.exit_code}: {meaning(container.exit_code)}"


def meaning(code: int | None) -> str:
    """What an exit code says.

    >>> meaning(1), meaning(139)
    ('the program ended with an error of its own', 'SIGSEGV, the program touched memory that is not its own')
    """
    match code:
        case None:
            return "no exit code"
        case 0:
            return "the program ended without an error, and a service's program has to go on"
        case 126:
            return "the command is there and may not be executed"
        case 127:
            return "the command was not found"
        case 137:
            return "SIGKILL; neither ECS nor the memory limit of the container says that it sent it"
        case 139:
            return "SIGSEGV, the program touched memory that is not its own"
        case 143:
            return "SIGTERM; ECS had not asked the task to stop, so it came from inside"
    if (number := code - 128) in list(signal.Signals):
        return f"{signal.Signals(number).name}, a signal ended the program"
    return "the program ended with an error of its own"


def wrote(task: StoppedTask) -> str:
    lines = [line for line in task.last_lines if line.strip()]
    return f" The last line it wrote: {short(lines[-1])}" if lines else ""
