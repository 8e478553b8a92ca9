"""What a parameter of a concept has to be. Plain papermill passes on whatever it is given, text for a number too."""

from __future__ import annotations

import math
from collections.abc import Sequence

from drydock.policy.requests.errors import Invalid
from drydock.policy.requests.task_definition import FARGATE_SIZES, fargate_size


def whole(name: str, value: object, least: int, most: int | None = None) -> None:
    """Raises ValueError, naming the parameter, where `value` is no whole number from `least` to `most`."""
    fits = isinstance(value, int) and not isinstance(value, bool)
    if not fits or value < least or (most is not None and value > most):  # type: ignore[operator]
        bounds = f"of {least} or more" if most is None else f"from {least} to {most}"
        raise ValueError(f"{name} is a whole number {bounds}, not {value!r}.")


def number(name: str, value: object) -> None:
    """Raises ValueError, naming the parameter, where `value` is no number."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise ValueError(f"{name} is a number, not {value!r}.")


def part(name: str, value: object) -> None:
    """Raises ValueError, naming the parameter, where `value` is no part of 1."""
    number(name, value)
    if not 0 <= value <= 1:  # type: ignore[operator]
        raise ValueError(f"{name} is a part of 1, from 0 to 1 (70 % is 0.70), not {value!r}.")


def fargate_task(cpu: int, memory: int, *, of: str = "") -> None:
    """Raises ValueError for a size, in CPU units and MiB, that Fargate has not got; it lists those there are.

    of  what the parameters' names begin with, such as "to_".
    """
    whole(f"{of}cpu", cpu, 1)
    whole(f"{of}memory", memory, 1)
    try:
        fargate_size(cpu, memory)
    except Invalid:
        sizes = ", ".join(str(one) for one in FARGATE_SIZES.get(cpu, ()))
        units = ", ".join(str(one) for one in FARGATE_SIZES)
        have = f"With {cpu} CPU units it has {sizes} MiB." if sizes else f"CPU units: {units}."
        raise ValueError(f"Fargate has no task of {cpu} CPU units and {memory} MiB. {have}") from None


def one_of(name: str, value: object, options: Sequence[object]) -> None:
    """Raises ValueError, naming the parameter and listing the options, where `value` is none of them."""
    if value not in options:
        raise ValueError(f"{name} is one of {', '.join(str(one) for one in options)}, not {value!r}.")


def price(name: str, value: object) -> None:
    """Raises ValueError, naming the parameter, where `value` is no number of 0 or more."""
    number(name, value)
    if value < 0:  # type: ignore[operator]
        raise ValueError(f"{name} is a price of 0 or more, not {value!r}.")
