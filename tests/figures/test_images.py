"""Figures of images."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from drydock.figures import layers, retention


def test_a_shared_layer_is_one_row_and_one_colour() -> None:
    base = ("sha256:aaaa", 100, "base")
    figure = layers({"one": [base, ("sha256:bbbb", 20, "COPY a")], "two": [base, ("sha256:cccc", 30, "COPY b")]})
    assert figure.rows == [
        ("aaaa", "100", "one, two", "base"),
        ("bbbb", "20", "one", "COPY a"),
        ("cccc", "30", "two", "COPY b"),
    ]
    drawn = [(bar["y"], bar["base"], bar["text"]) for bar in figure.data]
    assert drawn == [(["one", "two"], [0, 0], "100"), (["one"], [1], "20"), (["two"], [1], "30")]
    assert len({bar["marker"]["color"] for bar in figure.data}) == 3


def test_retention_says_which_rule_takes_which_image() -> None:
    first = datetime(2026, 1, 1, tzinfo=UTC)
    images = [
        {"imageDigest": "b", "imagePushedAt": first + timedelta(1), "imageTags": ["v1", "latest"]},
        {"imageDigest": "a", "imagePushedAt": first},
    ]
    figure = retention(images, [{"imageDigest": "a", "appliedRulePriority": 2}])
    assert figure.rows == [(1, "untagged", "expires by rule 2"), (2, "latest, v1", "stays")]
    assert {mark["name"]: mark["x"] for mark in figure.data} == {"stays": [2], "expires by rule 2": [1]}


def test_an_empty_repository_is_an_empty_figure() -> None:
    assert retention([], []).rows == []
