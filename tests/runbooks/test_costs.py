"""What a plan changes of what is charged by the hour."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from drydock import pricing
from drydock.policy.cost import charged_on
from drydock.runbooks import Act, Call, Step, costs, result_of

from .test_model import PLAN

SIZE = {"cpu": "256", "memory": "512"}
HOUR = pricing.fargate_hour(0.25, 0.5)
SERVICE: dict[str, Any] = {"desiredCount": 2, "taskDefinition": "shop:1", "launchType": "FARGATE"}


def cost(*calls: Call, service: dict[str, Any] = SERVICE, region: str = "us-east-1", default: Any = ()) -> Any:
    answers = {
        "describe_services": {"services": [service]},
        "describe_task_definition": {"taskDefinition": SIZE},
        "describe_clusters": {"clusters": [{"defaultCapacityProviderStrategy": list(default)}]},
    }
    client = SimpleNamespace(**{name: lambda answer=answer, **_: answer for name, answer in answers.items()})
    cloud: Any = SimpleNamespace(client=lambda _: client, region=region, real=False)
    steps = tuple(Step(f"s{number}", "", Act(call)) for number, call in enumerate(calls))
    return costs.change(cloud, replace(PLAN, steps=steps))


def update(**params: Any) -> Call:
    return Call("ecs", "UpdateService", {"cluster": "c", "service": "shop", **params})


def test_two_more_tasks_cost_two_tasks_more_an_hour_and_a_month() -> None:
    found = cost(update(desiredCount=4))
    assert found.usd_per_hour == pytest.approx(2 * HOUR)
    hour, month = f"+${2 * HOUR:.4f} an hour", f"+${2 * HOUR * 730:.2f} a month of 730 hours"
    assert str(found) == f"{hour}, {month} (us-east-1, on demand, prices of 2026-03)."


def test_fewer_tasks_cost_less_and_none_nothing() -> None:
    assert str(cost(update(desiredCount=0))).startswith(f"−${2 * HOUR:.4f} an hour")
    assert cost(update(desiredCount=1)).usd_per_hour == pytest.approx(-HOUR)


def test_a_size_that_the_plan_registers_is_what_is_paid_for_afterwards() -> None:
    register = Call("ecs", "RegisterTaskDefinition", {"family": "shop", "cpu": "1024", "memory": "2048"})
    found = cost(register, update(taskDefinition=result_of("s0", "taskDefinition.taskDefinitionArn")))
    assert found.usd_per_hour == pytest.approx(2 * (pricing.fargate_hour(1, 2) - HOUR))


def test_two_steps_for_one_service_count_once() -> None:
    assert cost(update(desiredCount=3), update(desiredCount=4)).usd_per_hour == pytest.approx(2 * HOUR)


def test_what_has_no_fixed_price_is_said_to_have_none() -> None:
    spot = [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]
    found = cost(update(capacityProviderStrategy=spot, forceNewDeployment=True))
    assert found.usd_per_hour == pytest.approx(-2 * HOUR)
    assert "Not priced: 2 × task of 256 CPU units and 512 MiB on FARGATE_SPOT" in str(found)
    on_instances = cost(update(desiredCount=4), service={**SERVICE, "launchType": "EC2"})
    assert "where the instances are charged" in str(on_instances)


def test_the_clusters_own_strategy_holds_for_a_service_that_has_none() -> None:
    default = [{"capacityProvider": "FARGATE", "weight": 1}]
    found = cost(update(desiredCount=4), service={**SERVICE, "launchType": None}, default=default)
    assert found.usd_per_hour == pytest.approx(2 * HOUR)


def test_public_addresses_and_load_balancers_are_charged() -> None:
    public = {"awsvpcConfiguration": {"assignPublicIp": "ENABLED"}}
    found = cost(update(desiredCount=3), service={**SERVICE, "networkConfiguration": public})
    assert found.usd_per_hour == pytest.approx(HOUR + 0.005)
    assert cost(Call("elbv2", "CreateLoadBalancer", {"Name": "web"})).usd_per_hour == pytest.approx(0.0225)
    arn = "arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer"
    gone = {
        kind: Call("elbv2", "DeleteLoadBalancer", {"LoadBalancerArn": f"{arn}/{kind}/a/1"}) for kind in ("net", "gwy")
    }
    assert cost(gone["net"]).usd_per_hour == pytest.approx(-0.0225)
    assert "Not priced: 1 × Gateway Load Balancer before" in str(cost(gone["gwy"]))
    assert cost(Call("ec2", "CreateNatGateway", {})).usd_per_hour == pytest.approx(0.045)


def test_the_prices_of_one_region_are_not_shown_for_another() -> None:
    text = str(cost(update(desiredCount=4), region="eu-west-1"))
    assert "$" not in text and "Not priced: 2 × Fargate task" in text


def test_what_costs_nothing_more_says_so_or_nothing() -> None:
    assert str(cost(update(taskDefinition="shop:2"))) == "No change in what is charged by the hour and priced here."
    assert cost(Call("ecs", "RegisterTaskDefinition", {"family": "shop"})) is None


def test_where_tasks_run_is_their_launch_type_or_the_split_of_the_strategy() -> None:
    strategy = [
        {"capacityProvider": "FARGATE", "base": 1, "weight": 1},
        {"capacityProvider": "FARGATE_SPOT", "weight": 4},
    ]
    assert charged_on(10, None, strategy) == {"FARGATE": 3, "FARGATE_SPOT": 7}
    assert charged_on(3, "FARGATE", ()) == {"FARGATE": 3}
    assert charged_on(3, None, ()) == {"EC2": 3}
    assert charged_on(3, "FARGATE", (), strategy) == {"FARGATE": 3}
