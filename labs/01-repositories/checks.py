"""Lab 01: three repositories and the rules they keep."""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import ClientError

from drydock.labs import Outline, not_started, passed, wrong
from drydock.policy.ecr import expiry
from drydock.pricing import unpriced

NAMES = ("drydock/frontend", "drydock/backend", "drydock/worker")
MOVING = ("latest", "dev-*")
PULL = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")

outline = Outline(
    title="Repositories",
    goal="Three ECR repositories whose tags stay, whose images are scanned, expire and can be pulled by whom you say.",
    minutes="15 to 20",
    costs=[unpriced("ECR storage, a few kilobytes"), unpriced("KMS key, charged by the month")],
)


@outline.step(
    "create-repositories",
    title="Create `drydock/frontend`, `drydock/backend` and `drydock/worker`",
    hints=[
        "ecr.create_repository, once for each name.",
        "`imageScanningConfiguration={'scanOnPush': True}` on all three.",
        "`imageTagMutability='IMMUTABLE'` for the backend, `encryptionConfiguration` of type KMS for the worker.",
    ],
)
def create_repositories(cloud, lab):
    found = _repositories(cloud)
    missing = [name for name in NAMES if name not in found]
    if len(missing) == len(NAMES):
        return not_started("There is no repository of the three.")
    if missing:
        return wrong(f"There is no repository `{missing[0]}`.", look="create_repository, repositoryName")
    for name in NAMES:
        if not found[name]["imageScanningConfiguration"]["scanOnPush"]:
            return wrong(
                f"`{name}` does not scan on push.", look="imageScanningConfiguration; put_image_scanning_configuration"
            )
    if not found["drydock/backend"]["imageTagMutability"].startswith("IMMUTABLE"):
        return wrong("Tags of `drydock/backend` can be moved.", look="imageTagMutability; put_image_tag_mutability")
    if not found["drydock/worker"]["encryptionConfiguration"]["encryptionType"].startswith("KMS"):
        return wrong(
            "`drydock/worker` is not encrypted with KMS. It cannot be changed: delete it and create it again.",
            look="create_repository, encryptionConfiguration",
        )
    return passed("Three repositories scan on push; the backend's tags stay; the worker's images are under KMS.")


@create_repositories.solution
def _(cloud, lab):
    ecr = cloud.client("ecr")
    wanted = {
        "drydock/frontend": {},
        "drydock/backend": {"imageTagMutability": "IMMUTABLE"},
        "drydock/worker": {"encryptionConfiguration": {"encryptionType": "KMS"}},
    }
    there = {
        repository["repositoryName"]: repository["encryptionConfiguration"]["encryptionType"]
        for repository in _repositories(cloud).values()
    }
    if there.get("drydock/worker") == "AES256":
        ecr.delete_repository(repositoryName="drydock/worker")
        del there["drydock/worker"]
    for name, settings in wanted.items():
        if name not in there:
            ecr.create_repository(repositoryName=name, **settings)
        ecr.put_image_scanning_configuration(repositoryName=name, imageScanningConfiguration={"scanOnPush": True})
    ecr.put_image_tag_mutability(repositoryName="drydock/backend", imageTagMutability="IMMUTABLE")


@outline.step(
    "exclude-moving-tags",
    title="Fix the frontend's tags, all but `latest` and `dev-*`",
    hints=[
        "put_image_tag_mutability changes it on a repository that is there.",
        "`imageTagMutability='IMMUTABLE_WITH_EXCLUSION'` and `imageTagMutabilityExclusionFilters`.",
    ],
)
def exclude_moving_tags(cloud, lab):
    repository = _repositories(cloud).get("drydock/frontend")
    if repository is None:
        return not_started("There is no repository `drydock/frontend`.")
    look = "put_image_tag_mutability, imageTagMutability and imageTagMutabilityExclusionFilters"
    mutability = repository["imageTagMutability"]
    if mutability == "MUTABLE":
        return not_started("Every tag of `drydock/frontend` can be moved.")
    if mutability != "IMMUTABLE_WITH_EXCLUSION":
        return wrong(f"`drydock/frontend` is {mutability}.", look=look)
    filters = sorted(entry["filter"] for entry in repository["imageTagMutabilityExclusionFilters"])
    if filters != sorted(MOVING):
        return wrong(f"The exclusion filters are {', '.join(filters)}.", look=look)
    return passed("Tags of `drydock/frontend` stay, all but `latest` and `dev-*`.")


@exclude_moving_tags.solution
def _(cloud, lab):
    cloud.client("ecr").put_image_tag_mutability(
        repositoryName="drydock/frontend",
        imageTagMutability="IMMUTABLE_WITH_EXCLUSION",
        imageTagMutabilityExclusionFilters=[
            {"filterType": "WILDCARD", "filter": "latest"},
            {"filterType": "WILDCARD", "filter": "dev-*"},
        ],
    )


@outline.step(
    "lifecycle-policy",
    title="Expire what the frontend no longer needs: old `dev-*` images and untagged ones, never a release",
    hints=[
        "start_lifecycle_policy_preview takes a policy text and changes nothing.",
        "Three rules: untagged sinceImagePushed 1 day; `dev-*` imageCountMoreThan 3; `v*` imageCountMoreThan 10.",
        "put_lifecycle_policy, repositoryName `drydock/frontend`.",
    ],
)
def lifecycle_policy(cloud, lab):
    return _keeps_releases(cloud)


def _keeps_releases(cloud):
    try:
        text = cloud.client("ecr").get_lifecycle_policy(repositoryName="drydock/frontend")["lifecyclePolicyText"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "LifecyclePolicyNotFoundException":
            return not_started("`drydock/frontend` has no lifecycle policy.")
        raise
    look = "put_lifecycle_policy, lifecyclePolicyText: the selection of each rule"
    expired = _expired_by(text)
    if any(name.startswith("v") for name in expired):
        return wrong("Of five releases `v1` to `v5` not all would stay.", look=look)
    if "latest" in expired:
        return wrong("The image tagged `latest` would go.", look=look)
    if "untagged" not in expired:
        return wrong("An untagged image of a month ago would stay.", look=look)
    kept = [f"dev-{number}" for number in range(1, 7) if f"dev-{number}" not in expired]
    if kept != ["dev-4", "dev-5", "dev-6"]:
        return wrong(f"Of six `dev-*` images {len(kept)} would stay, not the 3 newest.", look=look)
    return passed("Six `dev-*` images would become the 3 newest, old untagged ones go, releases and `latest` stay.")


def _expired_by(text: str) -> set[str]:
    """What the policy would take from a repository of six dev images, five releases, `latest` and an untagged one."""
    day = expiry.DAY
    tags = ["latest", *(f"v{n}" for n in range(1, 6)), *(f"dev-{n}" for n in range(1, 7))]
    images = [expiry.Image(tag, age * day, (tag,)) for age, tag in enumerate(tags)]
    images.append(expiry.Image("untagged", 0.0))
    decisions = expiry.evaluate(expiry.parse(text), images, now=30 * day)
    return {decision.digest for decision in decisions if decision.action is expiry.Action.EXPIRE}


@lifecycle_policy.solution
def _(cloud, lab):
    rules = [
        {
            "rulePriority": 1,
            "selection": {
                "tagStatus": "untagged",
                "countType": "sinceImagePushed",
                "countUnit": "days",
                "countNumber": 1,
            },
            "action": {"type": "expire"},
        },
        {
            "rulePriority": 2,
            "selection": {
                "tagStatus": "tagged",
                "tagPatternList": ["dev-*"],
                "countType": "imageCountMoreThan",
                "countNumber": 3,
            },
            "action": {"type": "expire"},
        },
        {
            "rulePriority": 3,
            "selection": {
                "tagStatus": "tagged",
                "tagPatternList": ["v*"],
                "countType": "imageCountMoreThan",
                "countNumber": 10,
            },
            "action": {"type": "expire"},
        },
    ]
    cloud.client("ecr").put_lifecycle_policy(
        repositoryName="drydock/frontend", lifecyclePolicyText=json.dumps({"rules": rules})
    )


@outline.step(
    "cross-account-policy",
    title="Let another account pull the backend, and no more than pull",
    hints=[
        "set_repository_policy takes a resource policy as JSON text.",
        "Principal: {'AWS': f'arn:aws:iam::{cloud.other_account}:root'}.",
        "A pull needs " + ", ".join(PULL) + ".",
    ],
)
def cross_account_policy(cloud, lab):
    return _only_pull(cloud)


def _only_pull(cloud):
    try:
        text = cloud.client("ecr").get_repository_policy(repositoryName="drydock/backend")["policyText"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "RepositoryPolicyNotFoundException":
            return not_started("`drydock/backend` has no policy of its own.")
        raise
    granted: set[str] = set()
    for statement in _listed(json.loads(text)["Statement"]):
        if statement["Effect"] != "Allow":
            continue
        if not _names_accounts(statement.get("Principal"), cloud.account):
            return wrong("A statement lets in others than one named account.", look="Principal of the policy")
        granted.update(_listed(statement.get("Action", ())))
    more = sorted(granted - set(PULL))
    if more:
        return wrong(f"It allows `{more[0]}`, which a pull does not need.", look="Action of the policy")
    missing = [action for action in PULL if action not in granted]
    if missing:
        return wrong(f"It does not allow `{missing[0]}`, and a pull fails without it.", look="Action of the policy")
    return passed("One other account may pull from `drydock/backend`, and only pull.")


def _names_accounts(principal: Any, own: str) -> bool:
    """Whether the principal is one account other than our own, by id or by ARN."""
    named = _listed(principal.get("AWS", ())) if isinstance(principal, dict) and set(principal) == {"AWS"} else []
    accounts = {arn.split(":")[4] if arn.startswith("arn:") else arn for arn in named}
    return len(accounts) == 1 and all(account.isdigit() and account != own for account in accounts)


def _listed(value: Any) -> list[Any]:
    return [value] if isinstance(value, (str, dict)) else list(value)


@cross_account_policy.solution
def _(cloud, lab):
    statement = {
        "Sid": "Pull",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{cloud.other_account}:root"},
        "Action": ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
    }
    cloud.client("ecr").set_repository_policy(
        repositoryName="drydock/backend",
        policyText=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )


@outline.your_turn(
    "own-key",
    title="Put the worker's images under a key of your own, with the alias `alias/drydock-ecr`",
    hints=[
        "kms.create_key, then kms.create_alias with TargetKeyId.",
        "The encryption of a repository cannot be changed: delete `drydock/worker` and create it again.",
        "`encryptionConfiguration={'encryptionType': 'KMS', 'kmsKey': …}`; scan on push again, too.",
    ],
)
def own_key(cloud, lab):
    try:
        key = cloud.client("kms").describe_key(KeyId="alias/drydock-ecr")["KeyMetadata"]
    except cloud.client("kms").exceptions.NotFoundException:
        return not_started("There is no key with the alias `alias/drydock-ecr`.")
    repository = _repositories(cloud).get("drydock/worker")
    if repository is None:
        return wrong("There is no repository `drydock/worker` any more.", look="create_repository, repositoryName")
    encryption = repository["encryptionConfiguration"]
    if encryption.get("kmsKey") != key["Arn"]:
        return wrong(
            "`drydock/worker` is encrypted with another key.", look="create_repository, encryptionConfiguration.kmsKey"
        )
    if not repository["imageScanningConfiguration"]["scanOnPush"]:
        return wrong("The new `drydock/worker` does not scan on push.", look="imageScanningConfiguration")
    return passed("The worker's images are encrypted with the key behind `alias/drydock-ecr`.")


@own_key.solution
def _(cloud, ecr):
    kms = cloud.client("kms")
    try:
        key = kms.describe_key(KeyId="alias/drydock-ecr")["KeyMetadata"]
    except kms.exceptions.NotFoundException:
        key = kms.create_key(Description="Images of drydock/worker")["KeyMetadata"]
        kms.create_alias(AliasName="alias/drydock-ecr", TargetKeyId=key["KeyId"])
    own, scan = {"encryptionType": "KMS", "kmsKey": key["Arn"]}, {"scanOnPush": True}
    there = ecr.get_paginator("describe_repositories").paginate().search("repositories[].repositoryName")
    if "drydock/worker" in there:  # its encryption cannot be changed
        ecr.delete_repository(repositoryName="drydock/worker", force=True)
    ecr.create_repository(repositoryName="drydock/worker", encryptionConfiguration=own, imageScanningConfiguration=scan)
    print("drydock/worker is under the key behind alias/drydock-ecr")


@outline.drill(
    "eats-releases",
    title="A lifecycle policy of `drydock/frontend` is about to expire releases",
    hints=[
        "get_lifecycle_policy_preview says which rule takes which image: appliedRulePriority.",
        "A rule with tagStatus `any` sees releases, too. Name the tags that may go.",
    ],
)
def eats_releases(cloud, lab):
    return _keeps_releases(cloud)


@eats_releases.breaks
def _(cloud, lab):
    selection = {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 3}
    rule = {
        "rulePriority": 1,
        "description": "Keep the repository small",
        "selection": selection,
        "action": {"type": "expire"},
    }
    cloud.client("ecr").put_lifecycle_policy(
        repositoryName="drydock/frontend", lifecyclePolicyText=json.dumps({"rules": [rule]})
    )


@eats_releases.solution
def _(dev, ecr, json, preview, releases, untagged):
    mended = json.dumps({"rules": [untagged, dev, releases]})
    ecr.put_lifecycle_policy(repositoryName="drydock/frontend", lifecyclePolicyText=mended)
    print(len(preview("drydock/frontend", mended)), "images are left for it to take")


@outline.drill(
    "open-to-all",
    title="Anybody may do anything with `drydock/backend`",
    hints=[
        "get_repository_policy: who is the Principal, and which actions does the statement allow?",
        "set_repository_policy replaces the whole text.",
    ],
)
def open_to_all(cloud, lab):
    return _only_pull(cloud)


@open_to_all.breaks
def _(cloud, lab):
    # On a real account nothing is opened to strangers: there it is the learner's other account that may do anything.
    everybody = {"AWS": f"arn:aws:iam::{cloud.other_account}:root"} if cloud.real else "*"
    statement = {"Sid": "QuickFix", "Effect": "Allow", "Principal": everybody, "Action": "ecr:*"}
    cloud.client("ecr").set_repository_policy(
        repositoryName="drydock/backend",
        policyText=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )


@open_to_all.solution
def _(cloud, ecr, json):
    pull = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    other = {"AWS": f"arn:aws:iam::{cloud.other_account}:root"}
    only_pull = {"Sid": "Pull", "Effect": "Allow", "Principal": other, "Action": pull}
    text = json.dumps({"Version": "2012-10-17", "Statement": [only_pull]})
    ecr.set_repository_policy(repositoryName="drydock/backend", policyText=text)
    print(cloud.other_account, "may pull, and nobody else")


def _repositories(cloud) -> dict[str, dict[str, Any]]:
    pages = cloud.client("ecr").get_paginator("describe_repositories").paginate()
    return {repository["repositoryName"]: repository for page in pages for repository in page["repositories"]}
