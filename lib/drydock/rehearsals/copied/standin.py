"""Task definitions for a rehearsal: the same sizes, ports, checks and order, and stand-ins for what runs in them.

What serves is the kit's sample app, on the port that the task definition names; what does not serve waits, or ends
at once where others wait for its end. No value that looks secret is taken along.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from drydock.policy.secrets import is_secret

STAND_IN = "stand-in"

_OF_THE_IMAGE = ("entryPoint", "command", "workingDirectory", "user")
_NOT_HERE = {
    "mountPoints": "mounts",
    "volumesFrom": "mounts",
    "environmentFiles": "environment files in S3",
    "repositoryCredentials": "credentials of private registries",
    "credentialSpecs": "credential specs",
}
_WAITS = ["python", "-c", "import signal; signal.pause()"]
_ENDS = ["python", "-c", "pass"]
_HEALTHY = ["python", "healthcheck.py"]

Described = dict[str, Any]


def tag(image: str) -> str:
    """The tag of the stand-in for an image that is named by its digest."""
    return hashlib.sha256(image.encode()).hexdigest()[:12]


def definition(found: Mapping[str, Any], *, paths: Mapping[str, str], image: Callable[[str], str]) -> Described:
    """The task definition that stands in for `found`; attributes as describe_task_definition has them.

    paths  container name → paths that are answered with 200, of those that load balancers ask, with spaces between
    image  the stand-in for an image
    """
    awaited = {
        on["containerName"]: on["condition"]
        for container in found["containerDefinitions"]
        for on in container.get("dependsOn", ())
    }
    made = {key: value for key, value in found.items() if key != "volumes"}
    made["containerDefinitions"] = [
        _container(one, awaited.get(one["name"], ""), paths.get(one["name"], "/health"), image)
        for one in found["containerDefinitions"]
    ]
    return {key: value for key, value in made.items() if value not in ([], {}, None)}


def listens(container: Mapping[str, Any]) -> int | None:
    """The port that its stand-in listens on."""
    return next(iter(_ports(container)), None)


def left_out(found: Mapping[str, Any]) -> list[str]:
    """What of a task definition its stand-in does not have, in words."""
    left = [f"the volume {one['name']}" for one in found.get("volumes", ())]
    for container in found["containerDefinitions"]:
        name = container["name"]
        left += [f"{what} of the container {name}" for key, what in _NOT_HERE.items() if container.get(key)]
        left += [f"port {port} of the container {name}: nobody listens there" for port in _ports(container)[1:]]
        left += [
            f"the value of {one['name']} of the container {name}, which looks secret: a stand-in"
            for one in container.get("environment", ())
            if is_secret(one["name"], one["value"])
        ]
    return left


def _container(found: Mapping[str, Any], awaited: str, path: str, image: Callable[[str], str]) -> Described:
    made: Described = {key: value for key, value in found.items() if key not in (*_OF_THE_IMAGE, *_NOT_HERE)}
    made["image"] = image(found["image"])
    settings: dict[str, str] = {}
    if ports := _ports(found):
        settings = {"PORT": str(ports[0]), "HEALTH_PATH": path}
    else:
        made["entryPoint"], made["command"] = (_ENDS if awaited in ("COMPLETE", "SUCCESS") else _WAITS), []
    kept = [_variable(one) for one in found.get("environment", ()) if one["name"] not in settings]
    made["environment"] = kept + [{"name": name, "value": value} for name, value in settings.items()]
    if "healthCheck" in found:
        made["healthCheck"] = {**found["healthCheck"], "command": ["CMD", *(_HEALTHY if ports else _ENDS)]}
    return {key: value for key, value in made.items() if value not in ([], {}, None)}


def _ports(container: Mapping[str, Any]) -> list[int]:
    return [one["containerPort"] for one in container.get("portMappings", ()) if one.get("protocol", "tcp") == "tcp"]


def _variable(one: Mapping[str, Any]) -> Described:
    """One environment variable; what a plan has in place of its value stays."""
    secret = isinstance(one["value"], str) and is_secret(one["name"], one["value"])
    return {"name": one["name"], "value": STAND_IN if secret else one["value"]}


def secrets_of(definitions: Iterable[Mapping[str, Any]]) -> list[str]:
    """Every `valueFrom` of the containers' secrets and of the secret options of their logs, each once."""
    found: dict[str, None] = {}
    for one in definitions:
        for container in one["containerDefinitions"]:
            options = container.get("logConfiguration", {}).get("secretOptions", ())
            for secret in (*container.get("secrets", ()), *options):
                found[secret["valueFrom"]] = None
    return list(found)
