"""`.dockerignore`. Expected values: github.com/moby/patternmatcher, patternmatcher_test.go and ignorefile."""

from __future__ import annotations

import pytest

from drydock.images.errors import DockerfileError
from drydock.images.ignore import Ignore


@pytest.mark.parametrize(
    ("patterns", "path", "excluded"),
    [
        ("*.go", "fileutils.go", True),
        ("docs\n!docs/README.md", "docs/README.md", False),
        ("docs/*\n!docs/README.md", "docs/other.md", True),
        ("!fileutils.go\n*.go", "fileutils.go", True),
        ("**/foo/bar", "dir/dir2/foo/bar", True),
        ("abc/**", "abc", False),
        ("abc/**", "abc/def/ghi", True),
        ("**/.foo", "bar.foo", False),
        ("a[b-d]e", "ace", True),
        ("a[^b-d]e", "ace", False),
        ("abc.def", "abcZdef", False),
        ("a*/b", "a/c/b", False),
        ("a\\*b", "a*b", True),
        ("**\n!util/docker/web", "util/docker/web/foo", False),
        ("**\n!util/docker/web\nutil/docker/web/foo", "util/docker/web/foo", True),
        ("/test2", "test2", True),
        ("! /kept\n", "kept", False),
        ("**\n! /kept\n", "kept", False),
        ("# *.py\n  padded.txt  \n\n", "padded.txt", True),
        ("# *.py", "a.py", False),
        ("\ufeffbom.txt", "bom.txt", True),
        ("node_modules", "node_modules/pkg/index.js", True),
    ],
)
def test_patterns(patterns: str, path: str, excluded: bool) -> None:
    assert Ignore(patterns).excludes(path) is excluded


@pytest.mark.parametrize("wrong", ["!", "[", "a[", "[-x]"])
def test_a_malformed_pattern_is_named_by_its_line(wrong: str) -> None:
    with pytest.raises(DockerfileError, match=r"^\.dockerignore:3: "):
        Ignore(f"a\n# b\n{wrong}\n")


def test_an_excluded_directory_is_walked_only_if_something_may_come_back() -> None:
    ignore = Ignore("vendor\nlogs\n!vendor/keep.txt")
    assert not ignore.excludes_all_below("vendor")
    assert ignore.excludes_all_below("logs")
