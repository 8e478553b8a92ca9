"""A plan as data: what its hash covers, what it shows, and what it keeps to itself."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from drydock.runbooks import Act, Call, Condition, Look, Plan, Step, result_of
from drydock.runbooks.model import KNOWN_AFTERWARDS, difference, resolved, results_used


def update(count: int) -> Act:
    return Act(Call("ecs", "UpdateService", {"service": "a", "desiredCount": count}))


PLAN = Plan(
    runbook="scale-service",
    cloud={"name": "embedded", "instance": "default", "account": "000000000000", "region": "us-east-1"},
    parameters={"service": "a", "desired_count": 5},
    looks=(Look("service", Call("ecs", "DescribeServices", {"services": ["a"]}), "services[0]"),),
    state={"service": {"desiredCount": 3, "status": "ACTIVE"}},
    steps=(Step("scale", "from 3 to 5", update(5), update(3), {"service.desiredCount": 5}),),
)


def test_a_plan_written_and_read_is_the_same_plan() -> None:
    assert Plan.from_json(PLAN.as_json()).hash == PLAN.hash
    assert Plan.from_json(PLAN.as_json()).difference() == PLAN.difference()
    bake = Condition("it is well", Call("ecs", "DescribeServices"), "services[0]", minutes=5)
    baked = replace(PLAN, steps=(replace(PLAN.steps[0], do=replace(update(5), until=bake)),))
    assert Plan.from_json(baked.as_json()).hash == baked.hash


@pytest.mark.parametrize("minutes", [0, 5, 2.5])
def test_so_is_one_that_waits(minutes: float) -> None:
    until = Condition("it is well", Call("ecs", "DescribeServices"), "services", minutes=minutes)
    waiting = replace(PLAN, steps=(replace(PLAN.steps[0], do=replace(update(5), until=until)),))
    assert Plan.from_json(waiting.as_json()).hash == waiting.hash


@pytest.mark.parametrize(
    "other",
    [
        replace(PLAN, state={"service": {"desiredCount": 4, "status": "ACTIVE"}}),
        replace(PLAN, parameters={**PLAN.parameters, "desired_count": 6}),
        replace(PLAN, cloud={**PLAN.cloud, "account": "111111111111"}),
        replace(PLAN, steps=(replace(PLAN.steps[0], undo=None),)),
        replace(PLAN, steps=()),
    ],
    ids=["state", "parameters", "account", "undo", "steps"],
)
def test_the_hash_covers_everything_an_approval_is_for(other: Plan) -> None:
    assert other.hash != PLAN.hash


def test_a_plan_that_was_edited_is_not_read() -> None:
    edited = json.loads(PLAN.as_json())
    edited["steps"][0]["do"]["call"]["params"]["desiredCount"] = 50
    with pytest.raises(ValueError, match="it was edited since"):
        Plan.from_json(json.dumps(edited))


def test_the_difference_is_what_the_steps_set() -> None:
    assert PLAN.difference() == [("service.desiredCount", "3", "5")]
    assert PLAN.state["service"]["desiredCount"] == 3


def test_what_a_step_will_only_know_afterwards_is_said() -> None:
    step = replace(PLAN.steps[0], sets={"service.taskDefinition": result_of("register", "arn")})
    assert replace(PLAN, steps=(step,)).difference() == [("service.taskDefinition", "", KNOWN_AFTERWARDS)]


def test_values_of_environment_variables_are_never_shown() -> None:
    def definition(password: str) -> dict[str, Any]:
        return {"containerDefinitions": [{"name": "web", "environment": [{"name": "PASSWORD", "value": password}]}]}

    rows = difference(definition("hunter2"), definition("correct horse"))
    assert [row[0] for row in rows] == ["containerDefinitions.web.environment.PASSWORD"]
    assert "hunter2" not in str(rows) and "correct horse" not in str(rows)
    assert difference(definition("same"), definition("same")) == []


def test_control_characters_are_written_out() -> None:
    rows = difference({"labels": {"a\x1b[2K": "x"}}, {"labels": {"a\x1b[2K": "y\nz\x1b[1A"}})
    assert rows == [("labels.a\\x1b[2K", "x", "y\\nz\\x1b[1A")]


def test_lists_are_told_by_the_names_of_their_items() -> None:
    before = {"tags": [{"key": "team", "value": "a"}], "volumes": []}
    after = {"tags": [{"key": "team", "value": "b"}, {"key": "tier", "value": "c"}], "volumes": [{"name": "data"}]}
    assert difference(before, after) == [
        ("tags.team", "a", "b"),
        ("tags.tier", "", "c"),
        ("volumes.data.name", "", "data"),
    ]


@pytest.mark.parametrize(
    ("operation", "sets", "kind"),
    [
        ("DescribeServices", {}, "reads"),
        ("UpdateService", {"service.desiredCount": 5}, "changes"),
        ("StopTask", {}, "unknown"),
    ],
)
def test_the_kind_of_a_step_follows_from_its_call(operation: str, sets: dict[str, Any], kind: str) -> None:
    assert Step("x", "x", Act(Call("ecs", operation)), sets=sets).kind == kind


def test_stand_ins_are_replaced_by_answers_or_said_to_be_missing() -> None:
    params = {"services": [result_of("make", "service.arn")], "count": 2}
    assert resolved(params, {"make.service.arn": "arn:a"}, {}) == {"services": ["arn:a"], "count": 2}
    with pytest.raises(LookupError, match=r"make\.service\.arn"):
        resolved(params, {}, {})
    step = Step("use", "x", Act(Call("ecs", "UpdateService", params)))
    assert results_used(replace(PLAN, steps=(step,))) == {"make.service.arn"}


@pytest.mark.parametrize("key", ["name", "instance", "account", "region"])
def test_a_plan_of_no_place_is_no_plan(key: str) -> None:
    read = json.loads(PLAN.as_json())
    del read["cloud"][key]
    with pytest.raises(ValueError, match=f"its cloud has no {key}"):
        Plan.from_json(json.dumps(read))
