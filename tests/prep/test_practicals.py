"""Practicals on a cloud whose time is moved by hand: as they are laid out, answered wrongly, and answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.support.stepped import World

from drydock.cloud import Cloud, connect
from drydock.prep.practicals import PRACTICALS, Laid, NoSuchPractical, NotDone, begin
from drydock.prep.practicals.bench import between
from drydock.prep.questions import directory

ANSWERS = Path(__file__).with_name("answers")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("world"))
    yield world
    world.close()


@pytest.fixture(scope="module")
def cloud(world: World) -> Cloud:
    return connect(world.host.endpoint)


def lay(world: World, cloud: Cloud, name: str) -> Laid:
    return begin(name, cloud, until=lambda condition, what, *, timeout=60.0: world.until(condition))


def update(laid: Laid, **change: object) -> None:
    laid.client("ecs").update_service(cluster=laid.bench.cluster, service="web", **change)


def bounds(low: int, high: int) -> dict[str, int]:
    return {"minimumHealthyPercent": low, "maximumPercent": high}


def two_tasks_over_three_zones(laid: Laid, world: World) -> None:
    network = laid.bench.service()["networkConfiguration"]["awsvpcConfiguration"]  # type: ignore[index]
    update(laid, networkConfiguration={"awsvpcConfiguration": network | {"subnets": list(laid.bench.zones())}})


def rolled_out_before_the_bounds_were_changed(laid: Laid, world: World) -> None:
    update(laid, forceNewDeployment=True)
    world.until(laid.bench.steady)
    update(laid, deploymentConfiguration=bounds(100, 150))


def a_breaker_that_does_not_roll_back(laid: Laid, world: World) -> None:
    breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": False}}
    update(laid, taskDefinition=f"{laid.bench.family}:2", deploymentConfiguration=breaker)


def every_secret(laid: Laid, world: World) -> None:
    answer = (ANSWERS / "secret.py").read_text().replace('"Resource": arn', '"Resource": "*"')
    exec(answer, {"cloud": laid.cloud, "ecs": laid.client("ecs"), "cluster": laid.bench.cluster})


def the_balancer_besides_everybody(laid: Laid, world: World) -> None:
    pair = [{"GroupId": laid.bench.group("interview-alb")}]
    rule = {"IpProtocol": "tcp", "FromPort": 8080, "ToPort": 8080, "UserIdGroupPairs": pair}
    laid.client("ec2").authorize_security_group_ingress(
        GroupId=laid.bench.group("interview-tasks"), IpPermissions=[rule]
    )


def half_on_spot_without_a_base(laid: Laid, world: World) -> None:
    strategy = [{"capacityProvider": name, "weight": 1} for name in ("FARGATE", "FARGATE_SPOT")]
    update(laid, capacityProviderStrategy=strategy, forceNewDeployment=True)


def another_target(laid: Laid, world: World) -> None:
    answer = (ANSWERS / "scaling.py").read_text().replace("60.0", "50.0")
    exec(answer, {"cloud": laid.cloud, "cluster": laid.bench.cluster})


WRONG: dict[str, tuple[Callable[[Laid, World], None], str]] = {
    "zone": (two_tasks_over_three_zones, "Whichever zone is lost, 2 tasks are left"),
    "rollout": (rolled_out_before_the_bounds_were_changed, "4 to 6 tasks were RUNNING all that time"),
    "breaker": (a_breaker_that_does_not_roll_back, "A deployment that fails ends, and is rolled back"),
    "secret": (every_secret, "It may read no other"),
    "access": (the_balancer_besides_everybody, "Nobody else is, and at no other port"),
    "spot": (half_on_spot_without_a_base, "2 tasks are on demand whatever the desired count is"),
    "scaling": (another_target, "Its CPU is kept at 60 %"),
}
"""For each practical a wrong answer, and what the cloud says does not hold."""


@pytest.mark.parametrize("name", PRACTICALS)
def test_the_cloud_tells_a_wrong_answer_from_one_that_does_it(
    world: World, cloud: Cloud, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    laid = lay(world, cloud, name)
    assert not laid.check().passed, "nothing has been done"
    wrong, missed = WRONG[name]
    wrong(laid, world)
    world.pass_time(120)
    seen = {one.wanted: one for one in laid.check().seen}
    assert not seen[missed].holds, seen[missed].found
    again = lay(world, cloud, name)
    assert "as you left it" in again.said, "to run all cells again takes nothing away"
    again.attempt(str(ANSWERS / f"{name}.py"))
    monkeypatch.setenv("DRYDOCK_STRICT", "1")
    assert again.check(within=60).passed
    assert "Done: " in repr(again.check())


def test_an_answer_from_a_file_that_does_not_do_it_fails_a_strict_run(
    world: World, cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    laid = lay(world, cloud, "scaling")
    (tmp_path / "nothing.py").write_text("cloud.client('application-autoscaling').deregister_scalable_target(\n"
        "    ServiceNamespace='ecs', ResourceId=f'service/{cluster}/web', ScalableDimension='ecs:service:DesiredCount')\n")  # fmt: skip  # noqa: E501
    laid.attempt(str(tmp_path / "nothing.py"))
    assert not laid.check().passed, "where somebody looks it is only shown"
    monkeypatch.setenv("DRYDOCK_STRICT", "1")
    with pytest.raises(NotDone, match="no scalable target is registered"):
        laid.check()


def test_a_service_that_was_deleted_is_said_to_be_missing(world: World, cloud: Cloud) -> None:
    laid = lay(world, cloud, "spot")
    laid.client("ecs").delete_service(cluster=laid.bench.cluster, service="web", force=True)
    assert "Its service is gone" in lay(world, cloud, "spot").said
    [missing] = laid.check().seen
    assert (missing.holds, missing.found) == (False, "the cluster has none that is ACTIVE")


def test_a_practical_that_is_not_there_is_refused_and_told_which_are() -> None:
    with pytest.raises(NoSuchPractical, match=r"no practical 'zones'\. Choose from: zone, rollout"):
        begin("zones")


def test_each_names_a_notebook_and_its_own_page_names_it_too() -> None:
    page = (directory() / "practical.ipynb").read_text()
    for name, practical in PRACTICALS.items():
        assert (directory().parents[1] / practical.shown_in).exists()
        assert f"| {name} | [" in page
        assert practical.shown_in.removeprefix("notebooks/") in page


def test_how_many_ran_at_one_time_follows_from_when_they_started_and_stopped() -> None:
    start = datetime(2026, 11, 27, tzinfo=UTC)

    def task(began: int, ended: int | None = None) -> dict[str, datetime]:
        end = {"stoppingAt": start + timedelta(seconds=ended)} if ended is not None else {}
        return {"startedAt": start + timedelta(seconds=began), **end}

    stops_first = [task(-60, 10), task(-60), task(30)]
    assert between(stops_first, start) == (1, 2)
    starts_first = [task(-60, 30), task(-60), task(20)]
    assert between(starts_first, start) == (2, 3)
    assert between([{}], start) == (0, 0), "it never ran"
