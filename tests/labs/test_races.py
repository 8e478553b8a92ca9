"""What AWS refuses for a while is asked again for a lab, and nothing else is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.stepped import World

from drydock.cloud import Cloud, connect
from drydock.notebooks.wait import Pace


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "aws", "strict")
    yield world
    world.close()


@pytest.fixture
def cloud(world: World) -> Cloud:
    """One whose time passes while it waits."""
    cloud = connect(world.host.endpoint)
    pace = Pace(1.0, 0.01, speed=500.0, races=True)

    def asks_again(*given: Any) -> float | None:
        wait = pace.asks_again(*given)
        if wait is not None:
            world.clock.advance(5.0)
        return wait

    cloud.asks_again = asks_again
    return cloud


def test_a_name_that_is_not_free_yet_is_asked_for_until_it_is(cloud: Cloud) -> None:
    sqs = cloud.client("sqs")
    url = sqs.create_queue(QueueName="jobs")["QueueUrl"]
    sqs.delete_queue(QueueUrl=url)
    again = sqs.create_queue(QueueName="jobs")
    assert (again["QueueUrl"], again["ResponseMetadata"]["RetryAttempts"]) == (url, 12)
    manager = cloud.client("secretsmanager")
    manager.create_secret(Name="key", SecretString="1")
    manager.delete_secret(SecretId="key", ForceDeleteWithoutRecovery=True)
    assert manager.create_secret(Name="key", SecretString="2")["ResponseMetadata"]["RetryAttempts"] == 2


def test_what_a_call_has_made_is_looked_for_until_it_is_seen(cloud: Cloud) -> None:
    ecs = cloud.client("ecs")
    ecs.create_cluster(clusterName="lab")
    assert ecs.describe_clusters(clusters=["lab"])["failures"] == []
    never = ecs.describe_clusters(clusters=["never"])
    assert [one["reason"] for one in never["failures"]] == ["MISSING"]
    assert never["ResponseMetadata"]["RetryAttempts"] == 1


def test_an_error_that_is_meant_is_answered_at_once(cloud: Cloud, world: World) -> None:
    before = world.clock.time()
    with pytest.raises(ClientError, match="Cluster not found"):
        cloud.client("ecs").run_task(cluster="none", taskDefinition="none")
    assert world.clock.time() == before
