"""Requests that fit botocore's types, for property tests: any JSON that a client could send."""

from __future__ import annotations

from collections.abc import Container
from functools import cache
from typing import Any

import botocore.session
from hypothesis import strategies as st

Field = tuple[str, str]
"""A structure of the model and a member of it."""
WORDS = (
    "app", "web", "a b", "", "FARGATE", "FARGATE_SPOT", "EC2", "awsvpc", "bridge", "HEALTHY", "START", "memberOf",
    "spread", "binpack", "memory", "awslogs", "256", "512", "1 vCPU", "1GB", "nginx:latest", "80-90",
    "arn:aws:ssm:r:a:parameter/x",
    "arn:tg", "arn:srv", "ECS", "ROLLING", "CANARY", "DAEMON", "ENABLED", "attribute:x == 1", "\u30c6", "aws:x",
)  # fmt: skip


@cache
def requests(operation: str) -> st.SearchStrategy[dict[str, Any]]:
    """Every request of an ECS operation, required members included, others at random."""
    model = botocore.session.get_session().get_service_model("ecs")
    return _shape(model.operation_model(operation).input_shape, 0)


def fields(operation: str, decided: Container[Field] = (), member: str = "") -> set[Field]:
    """Fields of all that a request of an ECS operation may have, or a member of it; not of what is in one that is
    `decided`."""
    model = botocore.session.get_session().get_service_model("ecs")
    found: set[Field] = set()
    request = model.operation_model(operation).input_shape
    waiting = [request.members[member] if member else request]
    while waiting:
        shape = waiting.pop()
        if shape.type_name in ("list", "map"):
            waiting.append(shape.member if shape.type_name == "list" else shape.value)
        for name, member in shape.members.items() if shape.type_name == "structure" else ():
            if (shape.name, name) not in found:
                found.add((shape.name, name))
                if (shape.name, name) not in decided:
                    waiting.append(member)
    return found


def _shape(shape: Any, depth: int) -> st.SearchStrategy[Any]:
    if shape.type_name == "structure":
        required = {name: _shape(shape.members[name], depth + 1) for name in shape.required_members}
        optional = {
            name: _shape(member, depth + 1)
            for name, member in shape.members.items()
            if name not in required and depth < 5
        }
        return st.fixed_dictionaries(required, optional=optional)
    if shape.type_name == "list":
        return st.lists(_shape(shape.member, depth + 1), max_size=3)
    if shape.type_name == "map":
        return st.dictionaries(st.sampled_from(WORDS), _shape(shape.value, depth + 1), max_size=3)
    if shape.type_name == "string":
        return st.sampled_from(WORDS + tuple(shape.enum)) | st.text(max_size=6)
    if shape.type_name in ("integer", "long"):
        return st.sampled_from((0, 1, 2, 50, 80, 100, 200, -1)) | st.integers(-(2**31), 2**31 - 1)
    if shape.type_name in ("double", "float"):
        return st.floats(allow_nan=False, allow_infinity=False)
    if shape.type_name == "boolean":
        return st.booleans()
    raise NotImplementedError(shape.type_name)


def overlaid(base: dict[str, Any], operation: str, *path: str) -> st.SearchStrategy[dict[str, Any]]:
    """``base`` with some of its members replaced by random ones that fit; ``path`` leads to a list item's shape."""
    model = botocore.session.get_session().get_service_model("ecs")
    shape = model.operation_model(operation).input_shape
    for step in path:
        shape = shape.members[step].member
    members = sorted(shape.members)
    return st.sets(st.sampled_from(members), min_size=1, max_size=3).flatmap(
        lambda chosen: st.fixed_dictionaries({name: _shape(shape.members[name], 2) for name in chosen}).map(
            lambda fields: {**base, **fields}
        )
    )


WORD = st.from_regex(r"[A-Za-z0-9_-]{1,30}", fullmatch=True)
TAGS = st.dictionaries(WORD, WORD, max_size=10).map(
    lambda tags: [{"key": key, "value": value} for key, value in tags.items()]
)


def beside(**given: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Some of these members: what a valid request may have beside its own and stays valid."""
    return st.fixed_dictionaries({}, optional=given)
