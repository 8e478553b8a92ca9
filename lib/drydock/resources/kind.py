"""What a kind of resource is, and the shapes that most of AWS's calls have."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from drydock.cloud import Cloud

TAG = "drydock:lab"
"""The tag that everything a lab creates carries, where it can; its value is the lab's name."""

Params = dict[str, Any]
Answer = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """One kind of resource.

    creates     operation → the identifiers of what its answer says was created
    planned     the identifier, read from the parameters before the call; None where AWS makes it up
    idempotent  creating it again returns the one that was there, so having asked for it does not make it ours
    """

    name: str
    service: str
    creates: Mapping[str, Callable[[Params, Answer], list[str]]]
    exists: Callable[[Cloud, str], bool]
    delete: Callable[[Cloud, str], object]
    tag: Callable[[Params, str], None] | None = None
    tagged: Callable[[Cloud], Iterable[tuple[str, str]]] = lambda cloud: ()
    """Every (identifier, lab) of this kind that carries the tag; what is gone may still be named."""
    planned: Callable[[Params], str] | None = None
    idempotent: bool = False
    describe: Callable[[Cloud, str], object] = lambda cloud, identifier: None
    """What AWS says of it, and so what it names: subnets, a cluster, a role. May raise AWS's not-found errors."""
    mention: Callable[[str], str] = re.escape
    """How others name it, as a regular expression."""


def not_found(error: ClientError) -> bool:
    """True for AWS's many ways of saying that something is not there."""
    code = error.response["Error"]["Code"]
    return (
        any(words in code for words in ("NotFound", "NoSuchEntity", "DoesNotExist"))
        or code in ("AWS.SimpleQueueService.NonExistentQueue", "ServiceNotActiveException")
        or (code == "ClientException" and "task definition" in str(error))
    )


def there(ask: Callable[[], Any]) -> bool:
    """Whether `ask` finds something; AWS's not-found errors mean no, others are raised."""
    try:
        return bool(ask())
    except ClientError as error:
        if not_found(error):
            return False
        raise


def every(client: Any, operation: str, key: str, **params: Any) -> Iterator[Any]:
    """All that is under `key` in the answers of `operation`, page after page where it has pages."""
    if client.can_paginate(operation):
        for page in client.get_paginator(operation).paginate(**params):
            yield from page.get(key, [])
    else:
        yield from getattr(client, operation)(**params).get(key, [])


def pairs(tags: Any, key: str = "Key", value: str = "Value") -> dict[str, str]:
    """AWS's list of tags, or its map, as a dict."""
    return tags if isinstance(tags, dict) else {tag[key]: tag[value] for tag in tags or ()}


def listed(parameter: str, key: str = "Key", value: str = "Value") -> Callable[[Params, str], None]:
    """Puts the tag into the list `parameter` of a creating call."""

    def tag(params: Params, lab: str) -> None:
        given = list(params.get(parameter) or ())
        if not any(one.get(key) == TAG for one in given):
            params[parameter] = [*given, {key: TAG, value: lab}]

    return tag


def mapped(parameter: str) -> Callable[[Params, str], None]:
    """Puts the tag into the map `parameter` of a creating call."""

    def tag(params: Params, lab: str) -> None:
        params[parameter] = {TAG: lab, **(params.get(parameter) or {})}

    return tag


def specified(resource_type: str) -> Callable[[Params, str], None]:
    """Puts the tag into the TagSpecifications of a creating call, as EC2 has them."""

    def tag(params: Params, lab: str) -> None:
        given = [dict(one) for one in params.get("TagSpecifications") or ()]
        mine = next((one for one in given if one.get("ResourceType") == resource_type), None)
        if mine is None:
            mine = {"ResourceType": resource_type, "Tags": []}
            given.append(mine)
        if not any(one.get("Key") == TAG for one in mine["Tags"]):
            mine["Tags"] = [*mine["Tags"], {"Key": TAG, "Value": lab}]
        params["TagSpecifications"] = given

    return tag


def short(arn_or_name: str) -> str:
    """The name at the end of an ARN."""
    return arn_or_name.rsplit("/", 1)[-1]


def with_tag(found: Iterable[tuple[str, dict[str, str]]]) -> list[tuple[str, str]]:
    """(identifier, lab) of those (identifier, tags) that carry the tag."""
    return [(identifier, tags[TAG]) for identifier, tags in found if TAG in tags]


def kind(
    name: str,
    service: str,
    operation: str | tuple[str, ...],
    created: Callable[[Params, Answer], str],
    exists: Callable[[Cloud, str], object],
    delete: Callable[[Cloud, str], object],
    *,
    tag: Callable[[Params, str], None] | None = None,
    tagged: Callable[[Cloud], Iterable[tuple[str, dict[str, str]]]] | None = None,
    named: bool = False,
    idempotent: bool = False,
    mention: str = "{}",
) -> Kind:
    """A Kind that is created one at a time. `created` reads its identifier; `exists` may raise not-found errors.

    tagged  every (identifier, tags) there is
    named   the identifier is in the parameters of the call
    mention how others name it: a regular expression with {} for the identifier
    """
    operations = (operation,) if isinstance(operation, str) else operation
    return Kind(
        name,
        service,
        {one: lambda params, answer: [created(params, answer)] for one in operations},
        lambda cloud, identifier: there(lambda: exists(cloud, identifier)),
        delete,
        tag,
        (lambda cloud: with_tag(tagged(cloud))) if tagged else lambda cloud: (),
        (lambda params: created(params, {})) if named else None,
        idempotent,
        exists,
        lambda identifier: mention.format(re.escape(identifier)),
    )


def calls(service: str, operation: str, parameter: str, **fixed: Any) -> Callable[[Cloud, str], Any]:
    """Call `operation` with the identifier as `parameter`; AWS's answer."""
    return lambda cloud, identifier: getattr(cloud.client(service), operation)(**{parameter: identifier}, **fixed)


def finds(service: str, operation: str, parameter: str, key: str) -> Callable[[Cloud, str], Any]:
    """Call `operation` with the identifier alone in the list `parameter`; what is under `key` in the answer."""
    return lambda cloud, identifier: getattr(cloud.client(service), operation)(**{parameter: [identifier]})[key]
