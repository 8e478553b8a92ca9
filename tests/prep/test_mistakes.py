"""Files with a mistake: valid before it, and refused after it by what refuses such files in earnest."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import kubernetes_validate
import pytest
import yaml
from tests.support import terraform
from tests.support.tools import tool

from drydock.policy.ecs import capacity
from drydock.policy.ecs.rollout import is_stuck
from drydock.policy.kubernetes.manifests import refused
from drydock.policy.requests import scaling
from drydock.policy.requests.errors import Invalid
from drydock.prep.items import Item
from drydock.prep.templates import mistakes
from drydock.prep.templates.mistakes import DOCKERFILES, MANIFESTS, TASK_DEFINITIONS, TERRAFORM, Mistake, Source

SEEDS = range(6)
EVERY = [
    (source, one)
    for kind in (TASK_DEFINITIONS, MANIFESTS, TERRAFORM, DOCKERFILES)
    for source in kind
    for one in source.mistakes
]


def items(source: Source, mistake: Mistake) -> Iterator[Item]:
    """The question with this mistake, with the names and numbers of some seeds."""
    alone = Source(source.file, source.others, (mistake,), source.fine)
    return (mistakes.spot(Random(seed), [alone], "a file", "It is wrong.", "") for seed in SEEDS)


def of(sources: tuple[Source, ...]) -> Any:
    pairs = [(source, one) for source in sources for one in source.mistakes]
    return pytest.mark.parametrize(("source", "mistake"), pairs, ids=[one.becomes.strip() for _, one in pairs])


@pytest.mark.parametrize(("source", "mistake"), EVERY)
def test_one_line_is_another_than_in_the_valid_file_and_it_is_the_answer(source: Source, mistake: Mistake) -> None:
    for seed, item in zip(SEEDS, items(source, mistake), strict=True):
        rng = Random(seed)
        rng.choice([0])  # the mistake is drawn first
        valid, wrong = source.valid(rng).splitlines(), item.listing.splitlines()
        assert [number for number, pair in enumerate(zip(valid, wrong, strict=True), 1) if pair[0] != pair[1]] == [
            int(item.right)
        ]
        assert bool(item.also) == bool(mistake.against)
        assert item.mark(item.right).right
        assert all(item.mark(line).right for line in item.also)
        other = next(str(line) for line in range(1, len(wrong) + 1) if str(line) not in (item.right, *item.also))
        assert mistake.why in repr(item.mark(other)), "a wrong answer is told why"


def test_where_a_limit_is_below_the_request_the_request_is_as_right_an_answer() -> None:
    source, mistake = next((one, bad) for one in MANIFESTS for bad in one.mistakes if bad.becomes == "memory: 128Mi")
    for item in items(source, mistake):
        lines = item.listing.splitlines()
        resources = yaml.safe_load(item.listing)["spec"]["template"]["spec"]["containers"][0]["resources"]
        assert [lines[int(line) - 1].strip() for line in item.also] == [f"memory: {resources['requests']['memory']}"]


@pytest.mark.parametrize("source", TASK_DEFINITIONS, ids=lambda source: source.file)
def test_the_task_definitions_are_valid_whatever_is_drawn(source: Source) -> None:
    assert {mistakes.refusal(source.valid(Random(seed))) for seed in range(30)} == {""}


@of(TASK_DEFINITIONS)
def test_a_task_definition_is_refused_and_the_answer_says_by_what_words(source: Source, mistake: Mistake) -> None:
    for item in items(source, mistake):
        said = mistakes.refusal(item.listing)
        assert said.startswith(("ECS says: ", "boto3 says: "))
        assert said in item.working


def schema_says(text: str) -> str:
    try:
        kubernetes_validate.validate(yaml.safe_load(text), "1.36", strict=True)
    except kubernetes_validate.ValidationError as error:
        return str(error.message)
    except Exception as error:  # a version of the API that has no schema
        return f"{type(error).__name__}: {error}"
    return ""


@pytest.mark.parametrize("source", MANIFESTS, ids=lambda source: source.file)
def test_the_manifests_are_valid_whatever_is_drawn(source: Source) -> None:
    for seed in SEEDS:
        text = source.valid(Random(seed))
        assert (schema_says(text), refused(yaml.safe_load(text))) == ("", [])


@of(MANIFESTS)
def test_a_manifest_is_refused_by_the_schema_or_by_the_rules_between_fields(source: Source, mistake: Mistake) -> None:
    for item in items(source, mistake):
        if mistake.rule == mistakes.SCHEMA:
            assert schema_says(item.listing)
        else:
            assert schema_says(item.listing) == ""
            assert len(refused(yaml.safe_load(item.listing))) == 1


def refusals_of_terraform(text: str) -> list[str]:
    """What the API's model and the rules of ECS and scaling say against it."""
    said: list[str] = []
    found = terraform.resources(text)
    service = found["aws_ecs_service.app"]

    def scalable() -> None:
        asked = terraform.target(found)
        scaling.target(asked["MinCapacity"], asked["MaxCapacity"])
        for name in ("requests", "cpu"):
            scaling.policy(terraform.policy(found, name), None)

    for look in (lambda: capacity.validate(terraform.strategy(service)), scalable):
        try:
            look()
        except (Invalid, AssertionError) as error:
            said.append(str(error))
    bounds = (service["deployment_minimum_healthy_percent"], service["deployment_maximum_percent"])
    if is_stuck(service["desired_count"], *bounds):
        said.append("a deployment is stuck")
    if "desired_count" not in service["lifecycle"][0]["ignore_changes"]:
        said.append("what scaling sets is set back by each apply")
    return said


def test_the_terraform_is_valid_whatever_is_drawn() -> None:
    assert [refusals_of_terraform(TERRAFORM[0].valid(Random(seed))) for seed in range(2)] == [[]] * 2


@of(TERRAFORM)
def test_terraform_is_refused_for_one_reason(source: Source, mistake: Mistake) -> None:
    item = next(items(source, mistake))
    assert len(refusals_of_terraform(item.listing)) == 1, refusals_of_terraform(item.listing)


@pytest.mark.process
def test_hadolint_finds_in_each_dockerfile_the_rule_that_is_named_and_at_the_line(tmp_path: Path) -> None:
    expected = {}
    for source in DOCKERFILES:
        for seed in SEEDS:
            (tmp_path / f"valid-{seed}").write_text(source.valid(Random(seed)) + "\n")
        for number, mistake in enumerate(source.mistakes):
            for seed, item in enumerate(items(source, mistake)):
                (tmp_path / f"{number}-{seed}").write_text(item.listing + "\n")
                expected[f"{number}-{seed}"] = mistake.rule.removeprefix("hadolint "), {item.right, *item.also}
    done = subprocess.run(
        [tool("hadolint"), "--no-color", *sorted(path.name for path in tmp_path.iterdir())],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    found: dict[str, dict[str, set[str]]] = {}
    for name, line, rule in re.findall(r"^(\S+?):(\d+) (DL\d+)", done.stdout, re.MULTILINE):
        found.setdefault(name, {}).setdefault(rule, set()).add(line)
    assert set(found) == set(expected), "nothing is said of those that are valid"
    for name, (rule, lines) in expected.items():
        assert found[name].get(rule, set()) & lines, (name, rule, found[name])


def test_of_the_api_server_s_rules_each_is_said_with_its_field() -> None:
    """Wordings of pkg/apis/*/validation/validation_test.go of kubernetes/kubernetes."""
    deployment = yaml.safe_load(MANIFESTS[0].valid(Random(0)))
    deployment["spec"]["template"]["metadata"]["labels"] = {"app": "another"}
    [said] = refused(deployment)
    assert said == "spec.template.metadata.labels: `selector` does not match template `labels`"
    autoscaler = yaml.safe_load(MANIFESTS[2].valid(Random(0)))
    autoscaler["spec"]["minReplicas"] = 11
    [said] = refused(autoscaler)
    assert said.startswith("spec.maxReplicas: 10 must be greater than or equal to `minReplicas`")
    assert refused({"kind": "Service"}) == []
