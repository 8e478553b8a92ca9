from __future__ import annotations

import math
from collections.abc import Mapping


class Invalid(ValueError):
    """A setting has a value the service can't use; the text says which, why and what would do."""


class Settings:
    """Typed reading of environment variables; an empty value counts as not set."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def text(self, name: str, default: str = "") -> str:
        return self._environ.get(name, "").strip() or default

    def flag(self, name: str) -> bool:
        """true/1/yes/on or false/0/no/off; false when not set."""
        value = self.text(name, "false").lower()
        if value in ("true", "1", "yes", "on"):
            return True
        if value in ("false", "0", "no", "off"):
            return False
        raise Invalid(f"{name} must be true or false, not {value!r}")

    def number(self, name: str, default: float, minimum: float = 0, maximum: float = math.inf) -> float:
        value = self.text(name, str(default))
        wanted = f"from {minimum:g} to {maximum:g}" if maximum < math.inf else f"of at least {minimum:g}"
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not (minimum <= number <= maximum and math.isfinite(number)):
            raise Invalid(f"{name} must be a number {wanted}, not {value!r}")
        return number

    def integer(self, name: str, default: int, minimum: int = 0, maximum: float = math.inf) -> int:
        number = self.number(name, default, minimum, maximum)
        if number != int(number):
            raise Invalid(f"{name} must be a whole number, not {self.text(name)!r}")
        return int(number)
