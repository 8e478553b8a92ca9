from __future__ import annotations

import pytest

from drydock.policy.environment_files import place, variables


def test_variables_of_files_in_order() -> None:
    first = '# COLOUR=blue\n\nCOLOUR=green\nQUOTED="a b"\nURL=http://x/?a=b\nEMPTY=\nnothing\n=value\r\nLAST= x '
    assert variables([first, "COLOUR=red\nMORE=1"]) == {
        "COLOUR": "green", "QUOTED": '"a b"', "URL": "http://x/?a=b", "LAST": " x ", "MORE": "1",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arn", "where"),
    [
        ("arn:aws:s3:::b.c/d/e.env", ("b.c", "d/e.env")),
        ("arn:aws-cn:s3:::b/e.env", ("b", "e.env")),
        ("arn:aws:s3:::b", None),
        ("s3://b/e.env", None),
        ("", None),
    ],
)
def test_where_a_file_is(arn: str, where: tuple[str, str] | None) -> None:
    assert place(arn) == where
