"""ECR lifecycle rules, against AWS's own worked examples and against what has to hold for any policy.

Examples: Amazon ECR User Guide, "Examples of lifecycle policies"
(AmazonECR/latest/userguide/lifecycle_policy_examples.html), by their names there.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drydock.policy.ecr.expiry import (
    DAY,
    Action,
    CountType,
    Image,
    InvalidPolicy,
    Rule,
    StorageClass,
    TagStatus,
    evaluate,
    matches,
    parse,
)

NOW = 1000 * DAY


def image(name: str, tags: list[str], days: float, **more: Any) -> Image:
    return Image(digest=name, tags=tuple(tags), pushed_at=NOW - days * DAY, **more)


def rule(priority: int, *, action: dict[str, Any] | None = None, **selection: Any) -> dict[str, Any]:
    if selection["countType"] != "imageCountMoreThan":
        selection.setdefault("countUnit", "days")
    return {
        "rulePriority": priority,
        "description": f"Rule {priority}",
        "selection": selection,
        "action": action or {"type": "expire"},
    }


def policy(*rules: dict[str, Any]) -> str:
    return json.dumps({"rules": list(rules)})


def outcome(text: str, images: list[Image]) -> set[str]:
    return {decision.digest for decision in evaluate(parse(text), images, NOW)}


def newest(priority: int, number: int, **selection: Any) -> dict[str, Any]:
    selection.setdefault("tagStatus", "tagged")
    return rule(priority, countType="imageCountMoreThan", countNumber=number, **selection)


SHARED = [
    image("A", ["beta-1", "prod-1"], 10),
    image("B", ["beta-2", "prod-2"], 9),
    image("C", ["beta-3"], 8),
]


@pytest.mark.parametrize("list_of", [lambda p: {"tagPrefixList": [p]}, lambda p: {"tagPatternList": [p + "*"]}])
def test_filtering_on_multiple_rules_example_a(list_of: Any) -> None:
    text = policy(newest(1, 1, **list_of("prod")), newest(2, 1, **list_of("beta")))
    assert outcome(text, SHARED) == {"A"}


def test_filtering_on_multiple_rules_example_b() -> None:
    text = policy(newest(1, 1, tagPrefixList=["beta"]), newest(2, 1, tagPrefixList=["prod"]))
    assert outcome(text, SHARED) == {"A", "B"}


def test_filtering_on_multiple_tags_in_a_single_rule_example_a() -> None:
    images = [
        image("A", ["alpha-1"], 12),
        image("B", ["beta-1"], 11),
        image("C", ["alpha-2", "beta-2"], 10),
        image("D", ["alpha-3"], 4),
        image("E", ["beta-3"], 3),
        image("F", ["alpha-4", "beta-4"], 2),
    ]
    aged = rule(1, tagStatus="tagged", tagPrefixList=["alpha", "beta"], countType="sinceImagePushed", countNumber=5)
    assert outcome(policy(aged), images) == {"C"}


def test_filtering_on_multiple_tags_in_a_single_rule_example_b() -> None:
    images = [
        image("A", ["alpha-1", "beta-1", "gamma-1"], 10),
        image("B", ["alpha-2", "beta-2"], 9),
        image("C", ["alpha-3", "beta-3", "gamma-2"], 8),
    ]
    assert outcome(policy(newest(1, 1, tagPrefixList=["alpha", "beta"])), images) == {"A", "B"}


def test_filtering_on_all_images_example_a() -> None:
    images = [
        image("A", ["alpha-1"], 4),
        image("B", ["beta-1"], 3),
        image("C", [], 2),
        image("D", ["alpha-2"], 1),
    ]
    assert outcome(policy(newest(1, 1, tagStatus="any")), images) == {"A", "B", "C"}


def test_filtering_on_all_images_example_b() -> None:
    images = [
        image("A", ["alpha-1", "beta-1"], 4),
        image("B", [], 3),
        image("C", ["alpha-2"], 2),
        image("D", ["git hash"], 1),
        image("E", [], 1),
    ]
    text = policy(
        newest(1, 1, tagPrefixList=["alpha"]),
        rule(2, tagStatus="untagged", countType="sinceImagePushed", countNumber=1),
        newest(3, 1, tagStatus="any"),
    )
    assert outcome(text, images) == {"A", "B", "D"}


def test_filtering_on_image_count_keeps_one_untagged() -> None:
    images = [image("A", [], 3), image("B", ["v1"], 9), image("C", [], 1)]
    assert outcome(policy(newest(1, 1, tagStatus="untagged")), images) == {"A"}


@pytest.mark.parametrize(
    ("pattern", "tag", "seen"),
    [
        ("prod*", "prod", True),
        ("prod*", "production-team1", True),
        ("prod*", "repo-production", False),
        ("*prod*", "repo-production", True),
        ("*prod*", "prod-team", True),
        ("v1.0", "v1x0", False),
        ("v1.0", "v1.0", True),
    ],
)
def test_a_pattern_is_a_wildcard_over_the_whole_tag(pattern: str, tag: str, seen: bool) -> None:
    (only,) = parse(policy(newest(1, 1, tagPatternList=[pattern])))
    assert matches(only, image("A", [tag], 1)) is seen


def test_an_image_in_a_manifest_list_outlives_the_list() -> None:
    index = image("index", ["v1"], 20, references=frozenset({"child"}))
    child = image("child", [], 20)
    text = policy(rule(1, tagStatus="any", countType="sinceImagePushed", countNumber=14))
    assert outcome(text, [child, index]) == {"index"}
    assert outcome(text, [child]) == {"child"}


def test_a_signature_goes_with_its_subject_and_not_before() -> None:
    signature = image("signature", [], 30, subject="A")
    text = policy(
        rule(1, tagStatus="untagged", countType="sinceImagePushed", countNumber=1),
        newest(2, 1, tagStatus="any"),
    )
    assert outcome(text, [image("A", ["v1"], 9), signature]) == set()
    assert outcome(text, [image("A", ["v1"], 9), signature, image("B", ["v2"], 1)]) == {"A", "signature"}
    assert outcome(text, [signature]) == {"signature"}


ARCHIVE = {"type": "transition", "targetStorageClass": "archive"}
COLD = policy(
    rule(1, action=ARCHIVE, tagStatus="any", countType="sinceImagePulled", countNumber=90),
    rule(2, tagStatus="any", storageClass="archive", countType="sinceImageTransitioned", countNumber=365),
)


@pytest.mark.parametrize(
    ("days", "more", "moved"),
    [
        (100, {}, True),
        (100, {"pulled_at": NOW - 10 * DAY}, False),
        (100, {"pulled_at": NOW - 91 * DAY}, True),
        (400, {"pulled_at": NOW - 200 * DAY, "activated_at": NOW - 10 * DAY}, False),
        (400, {"pulled_at": NOW - 200 * DAY, "activated_at": NOW - 91 * DAY}, True),
    ],
)
def test_not_pulled_for_90_days_goes_to_the_archive(days: int, more: dict[str, Any], moved: bool) -> None:
    decisions = evaluate(parse(COLD), [image("A", ["v1"], days, **more)], NOW)
    assert [(d.action, d.priority) for d in decisions] == ([(Action.TRANSITION, 1)] if moved else [])


def test_the_archive_is_emptied_by_time_in_it_not_by_age() -> None:
    kept = image("A", [], 999, storage_class=StorageClass.ARCHIVE, archived_at=NOW - 300 * DAY)
    gone = image("B", [], 999, storage_class=StorageClass.ARCHIVE, archived_at=NOW - 366 * DAY)
    (decision,) = evaluate(parse(COLD), [kept, gone], NOW)
    assert (decision.digest, decision.action, decision.priority) == ("B", Action.EXPIRE, 2)


def test_an_image_out_of_the_archive_counts_as_pushed_then() -> None:
    restored = image("A", ["v1"], 50, activated_at=NOW - DAY)
    assert outcome(policy(newest(1, 1, tagStatus="any")), [restored, image("B", ["v2"], 2)]) == {"B"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "Could not map policyString into LifecyclePolicy"),
        ("[]", "policy has to be an object"),
        ("{}", 'missing required properties (["rules"])'),
        (policy(), "rules has to be a list of 1 to 50"),
        (policy({"rulePriority": 1}), 'rules[0] has missing required properties (["action", "selection"])'),
        (policy(newest(1, 0, tagPrefixList=["v"])), "rules[0].selection.countNumber"),
        (policy(newest(True, 1, tagPrefixList=["v"])), "rules[0].rulePriority"),
        (policy(newest(1, 1)), "needs tagPatternList or tagPrefixList"),
        (policy(newest(1, 1, tagPrefixList=["v"], tagPatternList=["v*"])), "one of the two"),
        (policy(newest(1, 1, tagStatus="any", tagPrefixList=["v"])), "only for tagStatus tagged, not any"),
        (policy(newest(1, 1, tagStatus="untagged", tagPatternList=["v"])), "not untagged"),
        (policy(newest(1, 1, tagPrefixList=[])), "at least one string"),
        (policy(newest(1, 1, tagStatus="any", countUnit="days")), "countUnit must not be given"),
        (policy(rule(1, tagStatus="any", countType="sinceImagePushed", countNumber=1, countUnit="hours")),
         "countUnit has to be days"),
        (policy(newest(1, 1, tagPatternList=["test*1*2*3*4*5*6"])), "more than 4 wildcards"),
        (policy(newest(1, 1, tagPrefixList=["a"]), newest(1, 1, tagPrefixList=["b"])), "given twice"),
        (policy(newest(1, 1, tagPrefixList=["a"]), newest(2, 1, tagPrefixList=["a"])), "the same tag"),
        (policy(newest(1, 1, tagStatus="untagged"), newest(2, 2, tagStatus="untagged")), "only one rule"),
        (policy(newest(1, 1, tagStatus="any"), newest(2, 2, tagPrefixList=["a"])), "highest rulePriority"),
        (policy(newest(1, 1, tagStatus="any", action={"type": "keep"})), "action.type"),
        (policy(newest(1, 1, tagStatus="any", action={"type": "transition"})), "targetStorageClass"),
        (policy(rule(1, tagStatus="any", countType="sinceImagePulled", countNumber=1)), "action transition"),
        (policy(rule(1, tagStatus="any", countType="sinceImageTransitioned", countNumber=90)),
         "storageClass has to be archive"),
        (policy(rule(1, tagStatus="any", countType="sinceImageTransitioned", countNumber=89,
                     storageClass="archive")), "at least 90"),
        (policy(newest(1, 1, tagStatus="any", storageClass="archive")), "storageClass has to be standard"),
    ],
)  # fmt: skip
def test_a_policy_that_ecr_refuses_is_told_what_and_where(text: str, says: str) -> None:
    with pytest.raises(InvalidPolicy) as refused:
        parse(text)
    assert says in str(refused.value)


def test_four_wildcards_are_allowed() -> None:
    parse(policy(newest(1, 1, tagPatternList=["*test*1*2*3", "test*1*2*3*"])))


# -- what holds for any policy ----------------------------------------------------------------------

WORDS = ["alpha", "beta", "prod"]
RULES = st.lists(
    st.builds(
        lambda status, prefixes, count_type, number: Rule(
            priority=0,
            tag_status=status,
            count_type=count_type,
            count_number=number,
            prefixes=tuple(prefixes) if status is TagStatus.TAGGED else (),
        ),
        st.sampled_from(TagStatus),
        st.lists(st.sampled_from(WORDS), min_size=1, max_size=2, unique=True),
        st.sampled_from([CountType.IMAGE_COUNT_MORE_THAN, CountType.SINCE_IMAGE_PUSHED]),
        st.integers(1, 4),
    ),
    max_size=4,
).map(lambda rules: [replace(rule, priority=n) for n, rule in enumerate(rules, start=1)])
IMAGES = st.lists(
    st.tuples(st.lists(st.sampled_from([f"{w}-1" for w in WORDS]), unique=True), st.integers(0, 8)),
    max_size=8,
).map(lambda drawn: [image(str(n), tags, days) for n, (tags, days) in enumerate(drawn)])


@given(RULES, IMAGES)
def test_at_most_one_rule_acts_on_an_image_and_none_before_it_saw_it(rules: list[Rule], images: list[Image]) -> None:
    decisions = evaluate(rules, images, NOW)
    assert len({d.digest for d in decisions}) == len(decisions)
    by_digest = {image.digest: image for image in images}
    for decision in decisions:
        seen = [rule.priority for rule in rules if matches(rule, by_digest[decision.digest])]
        assert decision.priority == min(seen)


@given(RULES, IMAGES)
def test_a_further_rule_of_a_higher_number_changes_nothing_decided(rules: list[Rule], images: list[Image]) -> None:
    if rules:
        before = evaluate(rules[:-1], images, NOW)
        assert evaluate(rules, images, NOW)[: len(before)] == before


@given(RULES, IMAGES, st.integers(1, 5))
def test_a_higher_count_never_expires_more(rules: list[Rule], images: list[Image], more: int) -> None:
    lenient = [replace(rule, count_number=rule.count_number + more) for rule in rules]
    kept = {d.digest for d in evaluate(lenient, images, NOW)}
    assert kept <= {d.digest for d in evaluate(rules, images, NOW)}


@given(RULES, IMAGES)
def test_within_a_rule_the_older_go_first(rules: list[Rule], images: list[Image]) -> None:
    pushed = {image.digest: image.pushed_at for image in images}
    decisions = evaluate(rules, images, NOW)
    order = [(decision.priority, pushed[decision.digest]) for decision in decisions]
    assert order == sorted(order)


@given(IMAGES, st.integers(1, 4))
def test_the_newest_are_kept(images: list[Image], number: int) -> None:
    keep = Rule(1, TagStatus.ANY, CountType.IMAGE_COUNT_MORE_THAN, number)
    gone = {d.digest for d in evaluate([keep], images, NOW)}
    left = [image.pushed_at for image in images if image.digest not in gone]
    assert len(left) == min(number, len(images))
    assert all(min(left) >= image.pushed_at for image in images if image.digest in gone)
