"""Which lines of a container's output begin a log event, by the options of the awslogs driver.

Source: Docker's documentation of the awslogs driver, `awslogs-multiline-pattern` and `awslogs-datetime-format`
(documented); the expressions of the formats are those of its source, daemon/logger/awslogs (moby).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_DAYS = "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday"
_MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
_FORMATS = {
    "%a": "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)",
    "%A": f"(?:{_DAYS})",
    "%w": "[0-6]",
    "%d": "(?:0[1-9]|[12][0-9]|3[01])",
    "%b": "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)",
    "%B": f"(?:{_MONTHS})",
    "%m": "(?:0[1-9]|1[0-2])",
    "%y": "[0-9]{2}",
    "%Y": "[0-9]{4}",
    "%H": "(?:[01][0-9]|2[0-3])",
    "%I": "(?:0[0-9]|1[0-2])",
    "%p": "[AP]M",
    "%M": "[0-5][0-9]",
    "%S": "[0-5][0-9]",
    "%L": r"\.[0-9]{3}",
    "%f": "[0-9]{6}",
    "%z": "[+-][0-9]{4}",
    "%Z": "[A-Z]{1,4}T",
    "%j": "(?:0[0-9][1-9]|[12][0-9]{2}|3[0-5][0-9]|36[0-6])",
    "%%": "%",
}


def beginning(options: Mapping[str, str]) -> re.Pattern[str] | None:
    """What a line has in it that begins an event; None where each line is one. ValueError, in the driver's words.

    >>> beginning({"awslogs-datetime-format": "[%Y-%m-%d %H:%M"}).search("[2026-01-01 00:00:00] up") is not None
    True
    """
    pattern, moment = options.get("awslogs-multiline-pattern"), options.get("awslogs-datetime-format")
    if pattern and moment:
        raise ValueError(
            "you cannot configure log opt 'awslogs-datetime-format' and 'awslogs-multiline-pattern' at the same time"
        )
    if moment:
        pattern = "".join(_FORMATS.get(piece) or re.escape(piece) for piece in re.findall(r"%.|.", moment, re.DOTALL))
    try:
        return re.compile(pattern) if pattern else None
    except re.error as error:
        raise ValueError(f"awslogs could not parse multiline pattern key {pattern!r}: {error}") from None
