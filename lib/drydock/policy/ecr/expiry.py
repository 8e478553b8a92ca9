"""ECR lifecycle policies: which images a policy expires or archives, and which policies are refused.

Source: Amazon ECR User Guide, "Lifecycle policy evaluation rules", "Lifecycle policy properties" and
"Examples of lifecycle policies" (AmazonECR/latest/userguide/LifecyclePolicies.html,
lifecycle_policy_parameters.html, lifecycle_policy_examples.html); status *documented*, except where a
docstring says *derived*.

Times are seconds on any one clock: only differences to ``now`` count.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any

DAY = 86400.0
MAXIMUM_RULES = 50
MAXIMUM_WILDCARDS = 4
MINIMUM_DAYS_IN_ARCHIVE = 90


class TagStatus(StrEnum):
    TAGGED = "tagged"
    UNTAGGED = "untagged"
    ANY = "any"


class CountType(StrEnum):
    IMAGE_COUNT_MORE_THAN = "imageCountMoreThan"
    SINCE_IMAGE_PUSHED = "sinceImagePushed"
    SINCE_IMAGE_PULLED = "sinceImagePulled"
    SINCE_IMAGE_TRANSITIONED = "sinceImageTransitioned"


class StorageClass(StrEnum):
    STANDARD = "standard"
    ARCHIVE = "archive"


class Action(StrEnum):
    EXPIRE = "expire"
    TRANSITION = "transition"


class InvalidPolicy(ValueError):
    """A policy text that ECR refuses: what is wrong, and in which rule."""


@dataclass(frozen=True)
class Rule:
    """One rule. ``count_number`` is images for ``imageCountMoreThan``, else days."""

    priority: int
    tag_status: TagStatus
    count_type: CountType
    count_number: int
    prefixes: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    action: Action = Action.EXPIRE
    description: str = ""

    @property
    def storage_class(self) -> StorageClass:
        """The images that the rule can see: the archive for a count of days in it, else those outside."""
        archived = self.count_type is CountType.SINCE_IMAGE_TRANSITIONED
        return StorageClass.ARCHIVE if archived else StorageClass.STANDARD


@dataclass(frozen=True)
class Image:
    """An image of a repository.

    ``references``: digests that a manifest list names. ``subject``: the digest that a signature or another
    reference artifact belongs to. ``activated_at``: when it last came back from the archive.
    """

    digest: str
    pushed_at: float
    tags: tuple[str, ...] = ()
    pulled_at: float | None = None
    archived_at: float | None = None
    activated_at: float | None = None
    storage_class: StorageClass = StorageClass.STANDARD
    references: frozenset[str] = frozenset()
    subject: str | None = None


@dataclass(frozen=True)
class Decision:
    """What happens to one image, and the ``rulePriority`` that says so."""

    digest: str
    action: Action
    priority: int


def evaluate(rules: Iterable[Rule], images: Sequence[Image], now: float) -> tuple[Decision, ...]:
    """What a policy does to a repository at ``now``, by rule priority and then oldest image first.

    - A rule counts every image that meets its tags and its storage class, also those that a rule of a lower
      number acts on; it acts only on those that no such rule met. So one image is acted on by at most one
      rule, and a rule that spares an image also shields it from the rules after it.
    - An image named by a manifest list stays while the list does.
    - A reference artifact is no rule's business while its subject is there; it shares its subject's end.
    - Of two images pushed at one instant the later in ``images`` is the younger (*derived*).
    """
    present = {image.digest for image in images}
    listed = frozenset[str]().union(*(image.references for image in images))
    artifacts = [image for image in images if image.subject in present]
    subjects = [image for image in images if image.subject not in present]
    met: set[str] = set()
    decisions: list[Decision] = []
    for rule in sorted(rules, key=lambda rule: rule.priority):
        matching = [image for image in subjects if matches(rule, image)]
        for image in _overdue(rule, matching, now):
            if image.digest in met or image.digest in listed:
                continue
            decisions.append(Decision(image.digest, rule.action, rule.priority))
            decisions += _artifacts_of(image.digest, artifacts, rule)
        met.update(image.digest for image in matching)
    return tuple(decisions)


def matches(rule: Rule, image: Image) -> bool:
    """Whether a rule sees an image: its storage class, and *each* of its prefixes or patterns on some tag."""
    if image.storage_class is not rule.storage_class:
        return False
    if rule.tag_status is TagStatus.ANY:
        return True
    if rule.tag_status is TagStatus.UNTAGGED:
        return not image.tags
    return (
        bool(image.tags)
        and all(any(tag.startswith(prefix) for tag in image.tags) for prefix in rule.prefixes)
        and all(any(_fits(pattern, tag) for tag in image.tags) for pattern in rule.patterns)
    )


def _fits(pattern: str, tag: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), tag, re.DOTALL) is not None


def _overdue(rule: Rule, matching: Sequence[Image], now: float) -> list[Image]:
    """The images beyond the rule's count, oldest first."""
    oldest_first = sorted(matching, key=lambda image: _since(rule.count_type, image))
    if rule.count_type is CountType.IMAGE_COUNT_MORE_THAN:
        return oldest_first[: max(0, len(oldest_first) - rule.count_number)]
    age = rule.count_number * DAY
    return [image for image in oldest_first if now - _since(rule.count_type, image) > age]


def _since(count_type: CountType, image: Image) -> float:
    """The moment that a count runs from. One that came back from the archive counts from then."""
    restored = image.activated_at
    if count_type is CountType.SINCE_IMAGE_TRANSITIONED:
        return image.pushed_at if image.archived_at is None else image.archived_at
    if count_type is CountType.SINCE_IMAGE_PULLED:
        used = image.pushed_at if image.pulled_at is None else image.pulled_at
        return used if restored is None else max(used, restored)
    return image.pushed_at if restored is None else restored


def _artifacts_of(digest: str, artifacts: Sequence[Image], rule: Rule) -> list[Decision]:
    """The signatures of an image, and theirs in turn."""
    found: list[Decision] = []
    for artifact in artifacts:
        if artifact.subject == digest and artifact.storage_class is rule.storage_class:
            found.append(Decision(artifact.digest, rule.action, rule.priority))
            found += _artifacts_of(artifact.digest, [a for a in artifacts if a is not artifact], rule)
    return found


# -- the policy text ------------------------------------------------------------------------------


def parse(text: str) -> tuple[Rule, ...]:
    """The rules of a ``lifecyclePolicyText``, by priority; raises InvalidPolicy."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise InvalidPolicy(f"Could not map policyString into LifecyclePolicy: not JSON ({error})") from None
    _object(document, "policy", required={"rules"})
    entries = document["rules"]
    if not isinstance(entries, list) or not 1 <= len(entries) <= MAXIMUM_RULES:
        raise InvalidPolicy(f"rules has to be a list of 1 to {MAXIMUM_RULES} rules")
    rules = tuple(_rule(entry, f"rules[{index}]") for index, entry in enumerate(entries))
    _together(rules)
    return tuple(sorted(rules, key=lambda rule: rule.priority))


def _rule(entry: Any, where: str) -> Rule:
    _object(entry, where, required={"rulePriority", "selection", "action"}, optional={"description"})
    description = entry.get("description", "")
    if not isinstance(description, str):
        raise InvalidPolicy(f"{where}.description has to be a string")
    selection, at = entry["selection"], f"{where}.selection"
    _object(
        selection,
        at,
        required={"tagStatus", "countType", "countNumber"},
        optional={"tagPrefixList", "tagPatternList", "countUnit", "storageClass"},
    )
    rule = Rule(
        priority=_positive(entry, "rulePriority", where),
        tag_status=TagStatus(_one_of(selection, "tagStatus", at, TagStatus)),
        count_type=CountType(_one_of(selection, "countType", at, CountType)),
        count_number=_positive(selection, "countNumber", at),
        prefixes=_strings(selection, "tagPrefixList", at),
        patterns=_strings(selection, "tagPatternList", at),
        action=_action(entry["action"], f"{where}.action"),
        description=description,
    )
    _tags(rule, selection, at)
    _count(rule, selection, at)
    return rule


def _action(entry: Any, where: str) -> Action:
    _object(entry, where, required={"type"}, optional={"targetStorageClass"})
    action = Action(_one_of(entry, "type", where, Action))
    if action is Action.TRANSITION:
        if entry.get("targetStorageClass") != StorageClass.ARCHIVE.value:
            raise InvalidPolicy(f"{where}.targetStorageClass has to be archive where type is transition")
    elif "targetStorageClass" in entry:
        raise InvalidPolicy(f"{where}.targetStorageClass is only for type transition")
    return action


def _tags(rule: Rule, selection: Mapping[str, Any], where: str) -> None:
    given = [name for name in ("tagPrefixList", "tagPatternList") if name in selection]
    if rule.tag_status is TagStatus.TAGGED:
        if len(given) != 1:
            raise InvalidPolicy(f"{where} with tagStatus tagged needs tagPatternList or tagPrefixList, one of the two")
    elif given:
        raise InvalidPolicy(f"{where}.{given[0]} is only for tagStatus tagged, not {rule.tag_status.value}")
    for pattern in rule.patterns:
        if pattern.count("*") > MAXIMUM_WILDCARDS:
            raise InvalidPolicy(f"{where}.tagPatternList: '{pattern}' has more than {MAXIMUM_WILDCARDS} wildcards")


def _count(rule: Rule, selection: Mapping[str, Any], where: str) -> None:
    count_type = rule.count_type
    if count_type is CountType.IMAGE_COUNT_MORE_THAN:
        if "countUnit" in selection:
            raise InvalidPolicy(f"{where}.countUnit must not be given with countType {count_type.value}")
    elif selection.get("countUnit") != "days":
        raise InvalidPolicy(f"{where}.countUnit has to be days with countType {count_type.value}")
    if "storageClass" in selection:
        _one_of(selection, "storageClass", where, StorageClass)
    storage_class = selection.get("storageClass", StorageClass.STANDARD.value)
    if storage_class != rule.storage_class.value:
        raise InvalidPolicy(
            f"{where}.storageClass has to be {rule.storage_class.value} with countType {count_type.value}"
        )
    if count_type is CountType.SINCE_IMAGE_PULLED and rule.action is not Action.TRANSITION:
        raise InvalidPolicy(f"{where}.countType sinceImagePulled needs the action transition")
    if count_type is CountType.SINCE_IMAGE_TRANSITIONED:
        if rule.action is not Action.EXPIRE:
            raise InvalidPolicy(f"{where}.countType sinceImageTransitioned needs the action expire")
        if rule.count_number < MINIMUM_DAYS_IN_ARCHIVE:
            raise InvalidPolicy(
                f"{where}.countNumber has to be at least {MINIMUM_DAYS_IN_ARCHIVE}: "
                "an image stays in the archive that many days"
            )


def _together(rules: Sequence[Rule]) -> None:
    seen: set[int] = set()
    for rule in rules:
        if rule.priority in seen:
            raise InvalidPolicy(f"rulePriority {rule.priority} is given twice")
        seen.add(rule.priority)
    for storage_class in StorageClass:
        group = [rule for rule in rules if rule.storage_class is storage_class]
        if sum(rule.tag_status is TagStatus.UNTAGGED for rule in group) > 1:
            raise InvalidPolicy(f"only one rule for {storage_class.value} images may have tagStatus untagged")
        catch_all = [rule for rule in group if rule.tag_status is TagStatus.ANY]
        if len(catch_all) > 1:
            raise InvalidPolicy(f"only one rule for {storage_class.value} images may have tagStatus any")
        if catch_all and catch_all[0].priority != max(rule.priority for rule in group):
            raise InvalidPolicy("the rule with tagStatus any has to have the highest rulePriority")
        lists = [(frozenset(r.prefixes), frozenset(r.patterns)) for r in group if r.prefixes or r.patterns]
        if len(set(lists)) < len(lists):
            raise InvalidPolicy("two rules have the same tagPrefixList or tagPatternList")


def _object(value: Any, where: str, *, required: Set[str], optional: Set[str] = frozenset()) -> None:
    if not isinstance(value, dict):
        raise InvalidPolicy(f"{where} has to be an object")
    missing, unknown = sorted(required - set(value)), sorted(set(value) - required - optional)
    if missing:
        raise InvalidPolicy(f"{where} has missing required properties ({json.dumps(missing)})")
    if unknown:
        raise InvalidPolicy(f"{where} has properties which are not allowed ({json.dumps(unknown)})")


def _positive(entry: Mapping[str, Any], name: str, where: str) -> int:
    value = entry[name]
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InvalidPolicy(f"{where}.{name} has to be a whole number of at least 1, not {json.dumps(value)}")
    return value


def _one_of(entry: Mapping[str, Any], name: str, where: str, values: type[Enum]) -> str:
    allowed = [str(value.value) for value in values]
    if entry[name] not in allowed:
        raise InvalidPolicy(f"{where}.{name} has to be one of {', '.join(allowed)}, not {json.dumps(entry[name])}")
    return str(entry[name])


def _strings(entry: Mapping[str, Any], name: str, where: str) -> tuple[str, ...]:
    value = entry.get(name, ())
    if name in entry and (
        not isinstance(value, list) or not value or not all(isinstance(item, str) and item for item in value)
    ):
        raise InvalidPolicy(f"{where}.{name} has to be a list of at least one string")
    return tuple(value)
