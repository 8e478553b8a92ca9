"""What a task definition asks for and its containers do not get, though they can run without: it is said, not refused.

What changes what a program does when it is missing is refused (`unsupported`); what only weakens isolation, or what
nobody would look for in the embedded AWS, is here. Source of the fields: Amazon ECS API Reference, *TaskDefinition* and
*ContainerDefinition*; the rest is our own choice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from drydock.policy.offers import Offer

Definition = Mapping[str, Any]


@dataclass(frozen=True)
class Gap:
    """A field that is not acted on. `container`: None where it is the task's. `offer`: what a runtime would have."""

    container: str | None
    field: str
    instead: str
    offer: Offer | None

    def __str__(self) -> str:
        where = f"{self.field} of container {self.container}" if self.container else self.field
        return f"{where} is not acted on: {self.instead}"


def _linux(container: Definition) -> Definition:
    return container.get("linuxParameters") or {}


def _capabilities(container: Definition) -> bool:
    return any((_linux(container).get("capabilities") or {}).values())


def _driver(container: Definition) -> bool:
    return bool((container.get("logConfiguration") or {}).get("logDriver", "awslogs") != "awslogs")


def _secret_options(container: Definition) -> bool:
    return not _driver(container) and bool((container.get("logConfiguration") or {}).get("secretOptions"))


def _ulimits(container: Definition, *, files: bool) -> bool:
    return any((each.get("name") == "nofile") is files for each in container.get("ulimits") or ())


_OF_CONTAINER: tuple[tuple[str, Callable[[Definition], Any], str, Offer | None], ...] = (
    ("user", lambda c: c.get("user"), "it has the rights of who started the embedded AWS", Offer.USER),
    (
        "readonlyRootFilesystem",
        lambda c: c.get("readonlyRootFilesystem"),
        "its files can be written to",
        Offer.READ_ONLY_ROOT,
    ),
    ("linuxParameters.capabilities", _capabilities, "it has those of its process", Offer.CAPABILITIES),
    (
        "linuxParameters.initProcessEnabled",
        lambda c: _linux(c).get("initProcessEnabled"),
        "its own program is the first process",
        Offer.INIT,
    ),
    ("ulimits (nofile)", lambda c: _ulimits(c, files=True), "the usual limit holds", Offer.OPEN_FILES),
    ("ulimits", lambda c: _ulimits(c, files=False), "limits other than nofile are this machine's", None),
    ("systemControls", lambda c: c.get("systemControls"), "kernel parameters are this machine's", None),
    ("interactive", lambda c: c.get("interactive"), "its input is empty", None),
    ("pseudoTerminal", lambda c: c.get("pseudoTerminal"), "it has no terminal", None),
    ("logConfiguration.logDriver", _driver, "what it prints goes nowhere, only the driver awslogs is there", None),
    ("logConfiguration.secretOptions", _secret_options, "the driver awslogs takes no secrets", None),
    ("firelensConfiguration", lambda c: c.get("firelensConfiguration"), "no lines are sent to it", None),
    (
        "repositoryCredentials",
        lambda c: c.get("repositoryCredentials"),
        "images come from the registry of this account",
        None,
    ),
    ("credentialSpecs", lambda c: c.get("credentialSpecs"), "it joins no domain", None),
)
_OF_TASK: tuple[tuple[str, Callable[[Definition], Any], str], ...] = (
    ("proxyConfiguration", lambda d: d.get("proxyConfiguration"), "no traffic goes through the proxy"),
    ("ephemeralStorage", lambda d: d.get("ephemeralStorage"), "what it writes is limited by this machine's disk"),
    ("enableFaultInjection", lambda d: d.get("enableFaultInjection"), "no faults can be injected"),
    (
        "runtimePlatform.cpuArchitecture",
        lambda d: (d.get("runtimePlatform") or {}).get("cpuArchitecture") == "ARM64",
        "it runs on this machine's processor",
    ),
)


def of(definition: Definition) -> list[Gap]:
    """Whatever may be missing of what it asks for; what has an `offer` is there if the runtime has that."""
    return [*_of_task(definition), *_of_containers(definition)]


def _of_task(definition: Definition) -> Iterator[Gap]:
    for field, asks, instead in _OF_TASK:
        if asks(definition):
            yield Gap(None, field, instead, None)


def _of_containers(definition: Definition) -> Iterator[Gap]:
    for container in definition.get("containerDefinitions") or ():
        for field, asks, instead, offer in _OF_CONTAINER:
            if asks(container):
                yield Gap(container.get("name"), field, instead, offer)
