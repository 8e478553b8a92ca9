"""What CodeDeploy keeps, when a part of it is damaged."""

from __future__ import annotations

import logging

import pytest
from tests.support.stepped import World


def test_a_record_that_cannot_be_read_is_left_out(world: World, caplog: pytest.LogCaptureFixture) -> None:
    client = world.client("codedeploy")
    for name in ("whole", "damaged"):
        client.create_application(applicationName=name, computePlatform="ECS")
    world.host.data.write("UPDATE codedeploy SET record = '{\"name\": 1' WHERE key = 'damaged'")
    world.host.data.commit()
    with caplog.at_level(logging.ERROR), world.crashed() as again:
        assert again.client("codedeploy").list_applications()["applications"] == ["whole"]
    assert "application damaged of CodeDeploy cannot be read" in caplog.text
