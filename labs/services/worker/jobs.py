from __future__ import annotations

import json
import time
from typing import Any


class BadJob(ValueError):
    """The job can't be done, now or later."""


def _sum(numbers: Any) -> float:
    if not isinstance(numbers, list) or not all(type(number) in (int, float) for number in numbers):
        raise BadJob('sum needs a list of numbers, as in {"sum": [1, 2]}')
    return sum(numbers)


def _wait_ms(milliseconds: Any) -> float:
    if type(milliseconds) not in (int, float) or not 0 <= milliseconds <= 60_000:
        raise BadJob('wait_ms needs 0 to 60000, as in {"wait_ms": 500}')
    time.sleep(milliseconds / 1000)
    return milliseconds


KINDS = {"sum": _sum, "wait_ms": _wait_ms}


def do(body: str) -> tuple[str, float]:
    """Do the job in a message's body, {"<kind>": <input>}; return its kind and result.

    Raises BadJob when the body is not one of KINDS with the input it needs.
    """
    try:
        [(kind, given)] = json.loads(body).items()
        job = KINDS[kind]
    except (ValueError, AttributeError, KeyError) as error:
        raise BadJob(f"a job is a JSON object with one of {', '.join(KINDS)}") from error
    return kind, job(given)
