"""Files of environment variables, as ECS reads them.

Source: Amazon ECS Developer Guide, "Pass environment variables to a container" (documented): a line is
VARIABLE=VALUE, quotes belong to the value, `#` begins a comment line, the first of several values counts. That a
variable without a value is not set is the agent's own code (amazon-ecs-agent, observed).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_ARN = re.compile(r"arn:aws[a-z-]*:s3:::(?P<bucket>[a-z0-9.-]+)/(?P<key>.+)")


def place(arn: str) -> tuple[str, str] | None:
    """(bucket, key) of a file; None where its name is no ARN of an S3 object."""
    found = _ARN.fullmatch(arn)
    return (found["bucket"], found["key"]) if found else None


def variables(texts: Iterable[str]) -> dict[str, str]:
    """The variables that files set, in the order of the files.

    >>> variables(['# shop\\nCOLOUR="green"\\nEMPTY=\\n', "COLOUR=red\\nSIZE=a b"])
    {'COLOUR': '"green"', 'SIZE': 'a b'}
    """
    found: dict[str, str] = {}
    for line in (line for text in texts for line in text.splitlines()):
        name, _, value = line.partition("=")
        if name and value and not line.startswith("#"):
            found.setdefault(name, value)
    return found
