"""Lab 01: each check before, after a mistake and after the solution; each drill before and after its mending."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from drydock import embedded
from drydock.cloud import Cloud, CloudRefused, connect
from drydock.labs import Lab

from .conftest import solve, tried

Act = Callable[[Cloud], Any]
SHOWN = ["create-repositories", "exclude-moving-tags", "lifecycle-policy", "cross-account-policy", "own-key"]
PULL = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]


@pytest.fixture
def lab(cloud: Cloud) -> Iterator[Lab]:
    yield Lab.open("01-repositories", cloud=cloud)
    ecr = cloud.client("ecr")
    for repository in ecr.describe_repositories()["repositories"]:
        ecr.delete_repository(repositoryName=repository["repositoryName"], force=True)
    for alias in cloud.client("kms").list_aliases()["Aliases"]:
        if alias["AliasName"] == "alias/drydock-ecr":
            cloud.client("kms").delete_alias(AliasName="alias/drydock-ecr")


def expire(priority: int, count: int, **selection: Any) -> dict[str, Any]:
    counted = {"countType": "imageCountMoreThan", "countNumber": count}
    return {"rulePriority": priority, "selection": counted | selection, "action": {"type": "expire"}}


UNTAGGED = expire(1, 1, tagStatus="untagged", countType="sinceImagePushed", countUnit="days")
LATEST = expire(3, 1, tagStatus="tagged", tagPatternList=["latest"], countType="sinceImagePushed", countUnit="days")
DEV = expire(2, 3, tagStatus="tagged", tagPatternList=["dev-*"])


def policy_of_the_frontend(*rules: dict[str, Any]) -> Act:
    text = json.dumps({"rules": rules})
    return lambda cloud: cloud.client("ecr").put_lifecycle_policy(
        repositoryName="drydock/frontend", lifecyclePolicyText=text
    )


def policy_of_the_backend(principal: Any, actions: Any) -> Act:
    statement = {"Effect": "Allow", "Principal": principal, "Action": actions}
    text = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    return lambda cloud: cloud.client("ecr").set_repository_policy(repositoryName="drydock/backend", policyText=text)


def mutability(**settings: Any) -> Act:
    return lambda cloud: cloud.client("ecr").put_image_tag_mutability(repositoryName="drydock/frontend", **settings)


def repositories(**settings: dict[str, Any]) -> Act:
    def create(cloud: Cloud) -> None:
        for name, given in settings.items():
            wanted = {"imageScanningConfiguration": {"scanOnPush": True}} | given
            cloud.client("ecr").create_repository(repositoryName=f"drydock/{name}", **wanted)

    return create


def another_key(cloud: Cloud) -> None:
    kms = cloud.client("kms")
    kms.create_alias(AliasName="alias/drydock-ecr", TargetKeyId=kms.create_key()["KeyMetadata"]["KeyId"])


def no_repository_under_the_key(cloud: Cloud) -> None:
    another_key(cloud)
    cloud.client("ecr").delete_repository(repositoryName="drydock/worker")


def no_scan_under_the_key(cloud: Cloud) -> None:
    no_repository_under_the_key(cloud)
    key = cloud.client("kms").describe_key(KeyId="alias/drydock-ecr")["KeyMetadata"]["Arn"]
    encryption = {"encryptionType": "KMS", "kmsKey": key}
    cloud.client("ecr").create_repository(repositoryName="drydock/worker", encryptionConfiguration=encryption)


KMS = {"encryptionConfiguration": {"encryptionType": "KMS"}}
STAYS = {"imageTagMutability": "IMMUTABLE"}
OTHER = {"AWS": "arn:aws:iam::111122223333:root"}
MISTAKES: list[tuple[str, Act, str]] = [
    ("create-repositories", repositories(frontend={}, backend=STAYS), "no repository `drydock/worker`"),
    ("create-repositories", repositories(frontend={}, backend={}, worker=KMS), "can be moved"),
    ("create-repositories", repositories(frontend={}, backend=STAYS, worker={}), "not encrypted with KMS"),
    (
        "create-repositories",
        repositories(frontend={"imageScanningConfiguration": {"scanOnPush": False}}, backend=STAYS, worker=KMS),
        "`drydock/frontend` does not scan",
    ),
    ("exclude-moving-tags", mutability(imageTagMutability="IMMUTABLE"), "is IMMUTABLE"),
    (
        "exclude-moving-tags",
        mutability(
            imageTagMutability="IMMUTABLE_WITH_EXCLUSION",
            imageTagMutabilityExclusionFilters=[{"filterType": "WILDCARD", "filter": "*"}],
        ),
        "filters are *",
    ),
    ("lifecycle-policy", policy_of_the_frontend(UNTAGGED), "6 would stay"),
    ("lifecycle-policy", policy_of_the_frontend(DEV), "An untagged image"),
    ("lifecycle-policy", policy_of_the_frontend(expire(1, 3, tagStatus="any")), "releases"),
    (
        "lifecycle-policy",
        policy_of_the_frontend(UNTAGGED, DEV, expire(3, 2, tagStatus="tagged", tagPatternList=["v*"])),
        "releases",
    ),
    ("lifecycle-policy", policy_of_the_frontend(UNTAGGED, DEV, LATEST), "`latest` would go"),
    ("cross-account-policy", policy_of_the_backend("*", PULL), "others than one named account"),
    ("cross-account-policy", policy_of_the_backend({"AWS": "*"}, PULL), "others than one named account"),
    ("cross-account-policy", policy_of_the_backend({"AWS": "arn:aws:iam::000000000000:root"}, PULL), "others than"),
    ("cross-account-policy", policy_of_the_backend(OTHER, [*PULL, "ecr:PutImage"]), "`ecr:PutImage`"),
    ("cross-account-policy", policy_of_the_backend(OTHER, "ecr:*"), "`ecr:*`"),
    ("cross-account-policy", policy_of_the_backend(OTHER, PULL[:2]), "`ecr:GetDownloadUrlForLayer`"),
    ("own-key", another_key, "another key"),
    ("own-key", no_repository_under_the_key, "no repository"),
    ("own-key", no_scan_under_the_key, "does not scan"),
]


@pytest.mark.parametrize("name", SHOWN)
def test_untouched_is_not_started_and_the_solution_passes(cloud: Cloud, lab: Lab, name: str) -> None:
    lab.set_up(before=name)
    step = lab.step(name)
    assert step.check(cloud, lab).state == "not started"
    step.solve(cloud, lab)
    assert step.check(cloud, lab).passed, step.check(cloud, lab)


@pytest.mark.parametrize(("name", "mistake", "said"), MISTAKES, ids=[f"{n}: {s}" for n, _, s in MISTAKES])
def test_a_mistake_is_named(cloud: Cloud, lab: Lab, name: str, mistake: Act, said: str) -> None:
    lab.set_up(before=name)
    mistake(cloud)
    found = lab.step(name).check(cloud, lab)
    assert found.state == "wrong"
    assert said in found.message
    assert found.look


@pytest.mark.parametrize("mistake", [act for name, act, _ in MISTAKES if name == "create-repositories"])
def test_set_up_mends_repositories_that_are_not_as_they_should_be(cloud: Cloud, lab: Lab, mistake: Act) -> None:
    mistake(cloud)
    step = lab.step("create-repositories")
    step.solve(cloud, lab)
    assert step.check(cloud, lab).passed


@pytest.mark.parametrize("name", ["eats-releases", "open-to-all"])
def test_a_drill_fails_before_it_is_mended_and_passes_after(cloud: Cloud, lab: Lab, name: str) -> None:
    lab.set_up(before="eats-releases")
    step = lab.step(name)
    assert step.check(cloud, lab).passed
    lab.break_it(name, within=5)
    assert step.check(cloud, lab).state == "wrong"
    step.solve(cloud, lab)
    assert step.check(cloud, lab).passed


KEY = 'kms = cloud.client("kms"); ecr = cloud.client("ecr"); key = kms.create_key()["KeyMetadata"]\n'
ALIAS = 'kms.create_alias(AliasName="alias/drydock-ecr", TargetKeyId=key["KeyId"])\n'
GONE = 'ecr.delete_repository(repositoryName="drydock/worker", force=True)\n'
WITHOUT_SCAN = (
    'own = {"encryptionType": "KMS", "kmsKey": key["Arn"]}\n'
    'ecr.create_repository(repositoryName="drydock/worker", encryptionConfiguration=own)'
)
TRIES = [
    ("own-key", KEY + ALIAS),
    ("own-key", KEY + ALIAS + KEY + ALIAS),
    ("own-key", KEY + ALIAS + GONE + 'ecr.create_repository(name="drydock/worker")'),
    ("own-key", GONE),
    ("own-key", KEY + ALIAS + GONE + WITHOUT_SCAN),
    ("eats-releases", 'ecr.delete_lifecycle_policy(repositoryName="drydock/frontend")'),
    (
        "eats-releases",
        'policy = json.dumps({"rules": [untagged]})\n'
        'ecr.put_lifecycle_policy(repositoryName="drydock/frontend", lifecyclePolicyText=policy)',
    ),
    ("open-to-all", 'ecr.delete_repository_policy(repositoryName="drydock/backend")'),
    (
        "open-to-all",
        'statement = {"Sid": "Pull", "Effect": "Allow", "Principal": "*", "Action": ["ecr:BatchGetImage"]}\n'
        'text = json.dumps({"Version": "2012-10-17", "Statement": [statement]})\n'
        'ecr.set_repository_policy(repositoryName="drydock/backend", policyText=text)',
    ),
]


@pytest.mark.parametrize(("name", "attempt"), TRIES)
def test_the_solution_mends_what_an_attempt_has_left(cloud: Cloud, lab: Lab, name: str, attempt: str) -> None:
    lab.set_up(before=name)
    if lab.step(name).fault is not None:
        lab.break_it(name, within=5)
    tried(lab, name, attempt)


@pytest.mark.parametrize(
    ("drill", "service", "operation", "of"),
    [
        ("eats-releases", "ecr", "delete_lifecycle_policy", {"repositoryName": "drydock/frontend"}),
        ("open-to-all", "ecr", "delete_repository_policy", {"repositoryName": "drydock/backend"}),
    ],
)
def test_a_drill_is_begun_once_it_is_broken(
    cloud: Cloud, lab: Lab, drill: str, service: str, operation: str, of: dict[str, str]
) -> None:
    lab.set_up(before="eats-releases")
    assert lab.check(drill).state == "not started"
    lab.break_it(drill, within=5)
    getattr(cloud.client(service), operation)(**of)
    found = lab.check(drill)
    assert (found.state, "has no" in found.message, bool(found.look)) == ("wrong", True, True)


def test_the_solution_takes_the_key_that_an_attempt_has_made(cloud: Cloud, lab: Lab) -> None:
    lab.set_up(before="own-key")
    kms = cloud.client("kms")
    another_key(cloud)
    made = {one["KeyId"] for one in kms.list_keys()["Keys"]}
    solve(lab, "own-key")
    assert {one["KeyId"] for one in kms.list_keys()["Keys"]} == made


def test_on_a_real_account_the_backend_is_opened_to_the_learners_other_account_alone(cloud: Cloud, lab: Lab) -> None:
    lab.set_up(before="cross-account-policy")
    cloud.name, cloud.second_account = "aws", "444455556666"
    for act in (lab.step("cross-account-policy").act, lab.step("open-to-all").fault):
        assert act is not None
        act(cloud, lab)
        text = cloud.client("ecr").get_repository_policy(repositoryName="drydock/backend")["policyText"]
        assert json.loads(text)["Statement"][0]["Principal"] == {"AWS": "arn:aws:iam::444455556666:root"}
    assert lab.step("open-to-all").check(cloud, lab).state == "wrong"
    cloud.second_account = ""
    for act in (lab.step("cross-account-policy").act, lab.step("open-to-all").fault):
        with pytest.raises(CloudRefused, match="other_account"):
            act(cloud, lab)  # type: ignore[misc]


def test_clean_up_leaves_nothing(cloud: Cloud, lab: Lab) -> None:
    lab.set_up(before="eats-releases")
    lab.clean_up(sure=True)
    assert cloud.client("ecr").describe_repositories()["repositories"] == []
    keys = [one["KeyId"] for one in cloud.client("kms").list_keys()["Keys"]]
    states = {cloud.client("kms").describe_key(KeyId=key)["KeyMetadata"]["KeyState"] for key in keys}
    assert "own-key" in lab.outline.steps and "PendingDeletion" in states


def test_another_region_has_the_lab_too_and_no_prices(running: embedded.Instance, cloud: Cloud) -> None:
    there = connect("embedded", name=running.name, region="eu-west-1")
    lab = Lab.open("01-repositories", cloud=there)
    assert "Not priced in eu-west-1: ECR storage" in repr(lab.time_and_cost())
    step = lab.step("create-repositories")
    step.solve(there, lab)
    assert step.check(there, lab).passed
    assert not lab.step("create-repositories").check(cloud, lab).passed
