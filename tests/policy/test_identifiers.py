from __future__ import annotations

import pytest

from drydock.policy.requests.errors import Invalid
from drydock.policy.requests.identifiers import Place, cluster_of, name_of

HERE = Place("us-east-1", "000000000000", "one")
ARN = "arn:aws:ecs:us-east-1:000000000000:"
ID = "0123456789abcdef" * 2


@pytest.mark.parametrize(
    ("kind", "identifier", "name"),
    [
        ("task", ID, ID),
        ("task", "0" * 36, "0" * 36),
        ("task", f"{ARN}task/one/{ID}", ID),
        ("task", f"{ARN}task/{ID}", ID),
        ("service", "web", "web"),
        ("service", f"{ARN}service/one/web", "web"),
        ("service", "one/web", "web"),
        ("cluster", "two", "two"),
        ("cluster", f"{ARN}cluster/two", "two"),
    ],
)
def test_what_an_identifier_names(kind: str, identifier: str, name: str) -> None:
    assert name_of(kind, identifier, HERE) == name


@pytest.mark.parametrize(
    ("kind", "identifier", "says"),
    [
        ("task", f"{ARN}task/two/{ID}", "Invalid identifier: Identifier is for cluster two. Your cluster is one"),
        ("service", f"{ARN}service/two/web", "Identifier is for cluster two. Your cluster is one"),
        ("task", f"{ARN}service/one/{ID}", "Invalid identifier: "),
        ("service", f"{ARN}task/one/{ID}", "Invalid identifier: "),
        ("cluster", f"{ARN}service/one/web", "Invalid identifier: "),
        ("task", f"{ARN}task/one/{ID}".replace("us-east-1", "eu-west-1"), "eu-west-1"),
        ("task", f"{ARN}task/one/{ID}".replace("000000000000", "111111111111"), "111111111111"),
        ("task", f"arn:aws:sqs:us-east-1:000000000000:task/one/{ID}", "Invalid identifier: "),
        ("task", f"{ARN}task/one/{ID}\n{ARN}task/one/{ID}", "Unexpected number of separators"),
        ("task", f"{ARN}task/one/two/{ID}", "Unexpected number of separators"),
        ("service", "a/b/c", "Unexpected number of separators"),
        ("cluster", "a/b", "Unexpected number of separators"),
        ("task", "0" * 37, "taskId longer than 36."),
        ("task", "abc", "taskId length should be one of [32,36]"),
        ("task", f"{ARN}task/one/abc", "taskId length should be one of [32,36]"),
    ],
)
def test_what_is_not_for_the_request_is_refused(kind: str, identifier: str, says: str) -> None:
    with pytest.raises(Invalid) as caught:
        name_of(kind, identifier, HERE)
    assert caught.value.code == "InvalidParameterException"
    assert says in caught.value.message


def test_a_request_without_a_cluster_is_for_the_default_one() -> None:
    assert cluster_of({}, HERE) == "default"
    assert cluster_of({"cluster": f"{ARN}cluster/two"}, HERE) == "two"
