from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.support.lab import Lab, make_lab


@pytest.fixture
def lab(client: Callable[..., Any]) -> Lab:
    return make_lab(client)
