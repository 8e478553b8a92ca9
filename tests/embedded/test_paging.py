"""Pages of a list by the place of the next one."""

from __future__ import annotations

import pytest

from drydock.embedded.core import paging


@pytest.mark.parametrize(
    ("token", "place"),
    [
        (None, 0),
        ("", 0),
        ("0", 0),
        ("120", 120),
        ("-1", None),
        ("1.5", None),
        ("١", None),
        ("one", None),
        ("9" * 10, None),
    ],
)
def test_a_token_names_a_place_or_is_none_that_was_given(token: str | None, place: int | None) -> None:
    assert paging.place(token) == place


def test_each_page_names_the_next_and_the_last_names_none() -> None:
    letters = "abcde"
    assert paging.page(letters, 0, 2) == (["a", "b"], {"nextToken": "2"})
    assert paging.page(letters, 3, 2, "NextToken") == (["d", "e"], {})
    assert paging.page(letters, 9, 2) == ([], {})
