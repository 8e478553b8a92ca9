from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from drydock.embedded.assembly import AWS
from drydock.embedded.core.clock import ManualClock


@pytest.fixture
def ec2(tmp_path: Any) -> Iterator[Any]:
    host = AWS(tmp_path, clock=ManualClock())
    yield host.client("ec2", "us-east-1")
    host.close()
