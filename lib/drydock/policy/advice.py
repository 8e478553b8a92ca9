"""What to do about an error of AWS's, by its code. Derived: codes are made of words, and these are what they share."""

from __future__ import annotations

import re

_ADVICE: tuple[tuple[str, str], ...] = (
    (r"NotImplemented", "The embedded AWS does not have this: README, What is simulated."),
    (r"AlreadyExists|Duplicate|Conflict|AlreadyAssociated", "It is there already: use it, or delete it first."),
    (r"Dependency|InUse|DeleteConflict|NotEmpty|Contains", "Something still uses it: that has to go first."),
    (r"NotFound|NoSuch|NotExist|NonExistent|NotActive", "It is not there, or has another name: list what there is."),
    (
        r"ExpiredToken|InvalidClientToken|UnrecognizedClient|SignatureDoesNotMatch",
        "Sign in again, then run this again.",
    ),
    (r"AccessDenied|Unauthorized|Forbidden", "Whoever calls may not do that: look at the policies of its role."),
    (r"Throttl|TooManyRequests|RequestLimit|SlowDown", "Wait a moment, then run the cell again."),
    (r"LimitExceeded|Quota|TooMany", "There is no room for more: delete what is not needed."),
    (r"Internal|Unavailable|ServerException|ServiceFailure", "Run the cell again. If it stays so: drydock logs."),
)


def advice(code: str, operation: str) -> str:
    """One sentence; where the code says only that the request is wrong, where to read what it takes."""
    for pattern, sentence in _ADVICE:
        if re.search(pattern, code):
            return sentence
    method = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", operation).lower()
    return f"Compare the request with what it says, mend it and run the cell again: {method}."
