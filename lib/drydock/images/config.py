"""What an image says about running it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_NANOSECONDS = 1_000_000_000


@dataclass(frozen=True)
class Healthcheck:
    """An image's HEALTHCHECK. `test` starts with `CMD`, `CMD-SHELL` or `NONE`; times are in seconds.

    A time or `retries` of 0 means that the image does not say.
    """

    test: tuple[str, ...]
    interval: float = 0
    timeout: float = 0
    start_period: float = 0
    start_interval: float = 0
    retries: int = 0


@dataclass(frozen=True)
class ImageConfig:
    """The part of an image's config that matters once it runs.

    `entrypoint` and `cmd` are None where the image sets none; `exposed_ports` are `8080/tcp`.
    Source: github.com/opencontainers/image-spec, config.md.
    """

    entrypoint: tuple[str, ...] | None = None
    cmd: tuple[str, ...] | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    working_dir: str = "/"
    user: str = ""
    exposed_ports: tuple[str, ...] = ()
    healthcheck: Healthcheck | None = None
    stop_signal: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, config: Mapping[str, Any]) -> ImageConfig:
        """From an image's whole config object."""
        run = config.get("config") or {}
        health = run.get("Healthcheck")
        return cls(
            entrypoint=tuple(run["Entrypoint"]) if run.get("Entrypoint") else None,
            cmd=tuple(run["Cmd"]) if run.get("Cmd") else None,
            env=dict(variable.split("=", 1) for variable in run.get("Env") or [] if "=" in variable),
            working_dir=run.get("WorkingDir") or "/",
            user=run.get("User") or "",
            exposed_ports=tuple(sorted(run.get("ExposedPorts") or {})),
            healthcheck=_healthcheck(health) if health and health.get("Test") else None,
            stop_signal=run.get("StopSignal") or None,
            labels=dict(run.get("Labels") or {}),
        )


def _healthcheck(health: Mapping[str, Any]) -> Healthcheck:
    def seconds(key: str) -> float:
        return float(health.get(key, 0) / _NANOSECONDS)

    return Healthcheck(
        tuple(health["Test"]),
        seconds("Interval"),
        seconds("Timeout"),
        seconds("StartPeriod"),
        seconds("StartInterval"),
        health.get("Retries", 0),
    )
