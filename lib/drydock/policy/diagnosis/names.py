"""Names of Cloud Map: those that the service's tasks are registered under, and those that they call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from drydock.policy.diagnosis import mends
from drydock.policy.diagnosis.facts import Call, Facts, Instance
from drydock.policy.diagnosis.findings import Cause, Finding, many

_PORTS = {"http": 80, "https": 443}


def calls_of(definition: Mapping[str, Any]) -> list[Call]:
    """Whom the containers of a task definition are told to call by their environment, where a port is known.

    >>> given = {"name": "BACKEND", "value": "http://api.shop.internal"}
    >>> [(one.host, one.port) for one in calls_of({"containerDefinitions": [{"name": "web", "environment": [given]}]})]
    [('api.shop.internal', 80)]
    """
    found = []
    for container in definition.get("containerDefinitions", ()):
        for given in container.get("environment", ()):
            value = given.get("value", "")
            try:
                url = urlsplit(value if "://" in value else f"//{value}")
                host, port = url.hostname, url.port or _PORTS.get(url.scheme)
            except ValueError:
                continue
            if host and "." in host and port:
                place = url.netloc.rpartition("@")[2]
                shown = f"{url.scheme}://{place}" if url.scheme else place
                found.append(Call(container["name"], given["name"], shown, host, port))
    return found


def registered(facts: Facts) -> Iterator[Finding]:
    """What is registered under the service's names, beside what runs."""
    gone = [one for one in facts.registered if _nobody(facts, one)]
    if gone:
        told = [f"`{one.id}` ({one.address or 'no address'}) in {one.registry}" for one in gone]
        by_hand = [one for one in gone if not one.service]
        who = f" Not ECS has registered {', '.join(f'`{one.id}`' for one in by_hand)}." if by_hand else ""
        calls = " ".join(
            f"`servicediscovery.deregister_instance(ServiceId='{one.registry}', InstanceId='{one.id}')`."
            for one in gone
        )
        yield Finding(
            Cause.LEFT_BEHIND,
            f"No task of the service stands behind {', '.join(told)}.{who} Whoever asks for the "
            f"name gets that address among those of {many(len(facts.alive), 'task')}.",
            f"{calls} ECS takes away only what it has registered itself.",
        )
    elsewhere = [one for one in facts.registered if _silent_port(facts, one)]
    if elsewhere:
        told = [f"`{one.id}` with port {one.port}" for one in elsewhere]
        yield Finding(
            Cause.WRONG_PORT_REGISTERED,
            f"Registered: {', '.join(told)}. Container ports of the task definition: "
            f"{', '.join(map(str, facts.ports))}.",
            "`ecs.update_service(serviceRegistries=…)` with the `containerName` and `containerPort` that listens; what "
            "was registered by hand goes by `servicediscovery.deregister_instance`.",
        )
    missing = sorted(facts.unlisted)
    if missing and facts.steady_now:
        yield Finding(
            Cause.NOT_FOUND_BY_NAME,
            f"{', '.join(f'`{name}`' for name in missing)} run and are not registered.",
            "ECS registers a task once, when it starts: `ecs.stop_task`, and the one that replaces it is registered.",
        )


def _stands_behind(facts: Facts, one: Instance) -> bool:
    known = one.address and any(facts.alive.values())
    return one.address in facts.alive.values() if known else one.id in facts.alive


def _nobody(facts: Facts, one: Instance) -> bool:
    own = one.service == f"{facts.cluster}/{facts.service}"
    return not _stands_behind(facts, one) and (not one.service or (own and facts.steady_now))


def _silent_port(facts: Facts, one: Instance) -> bool:
    """Whether a task is registered with a port at which none of its containers listens."""
    mine = one.address in filter(None, facts.alive.values())
    return mine and one.port is not None and bool(facts.ports) and one.port not in facts.ports


def called(facts: Facts) -> Iterator[Finding]:
    """What the service's tasks call, beside who is registered there."""
    for call in facts.calls:
        told = f"`{call.variable}` of `{call.container}` is {call.url}"
        if not call.there:
            yield Finding(
                Cause.NOBODY_CALLED,
                f"{told}, and no instance is registered as {call.host}.",
                "Look at the service behind that name: does it run tasks, and does `serviceRegistries` name that "
                "Cloud Map service?",
            )
        elif call.ports and call.port not in call.ports:
            ports = " or ".join(map(str, call.ports))
            whose = f"`{call.service}`" if call.service else "Who is registered there"
            change = f"whose `{call.variable}` has port {ports}"
            yield Finding(
                Cause.WRONG_PORT_CALLED,
                f"{told}: port {call.port}. {whose} listens at {ports}. An A record has an address and no port.",
                mends.deploy(facts, change),
            )
