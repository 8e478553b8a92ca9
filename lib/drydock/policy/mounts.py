"""Which volumes of a task a container has, and where. Source: Amazon ECS API Reference, *MountPoint*, *VolumeFrom*."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Point:
    """A volume that a container mounts at `target`."""

    volume: str
    target: str
    read_only: bool


def of(definition: Mapping[str, Any], name: str) -> list[Point]:
    """What container `name` mounts, by itself and with `volumesFrom`; of two at one place the last."""
    found = {point.target: point for point in _points(definition, name, frozenset())}
    return list(found.values())


def _points(definition: Mapping[str, Any], name: str, asked: frozenset[str]) -> Iterator[Point]:
    container = next((each for each in definition["containerDefinitions"] if each["name"] == name), None)
    if container is None or name in asked:
        return
    for other in container.get("volumesFrom") or ():
        for point in _points(definition, other["sourceContainer"], asked | {name}):
            yield replace(point, read_only=point.read_only or bool(other.get("readOnly")))
    for given in container.get("mountPoints") or ():
        yield Point(given["sourceVolume"], given["containerPath"], bool(given.get("readOnly")))
