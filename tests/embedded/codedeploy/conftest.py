from __future__ import annotations

import pytest
from tests.support.blue_green import BlueGreen, make_blue_green
from tests.support.lab import Lab
from tests.support.stepped import World


@pytest.fixture
def lab(world: World) -> Lab:
    return world.lab()


@pytest.fixture
def shop(lab: Lab) -> BlueGreen:
    return make_blue_green(lab)
