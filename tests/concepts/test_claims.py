"""The guides' claims: computed values against those known, and the verdicts that follow from them."""

from __future__ import annotations

import re

import pytest

from drydock.concepts.claims import (
    APP_RUNNER,
    BOUNDS,
    BREAKER,
    CANARY,
    CLAIMS,
    CONTROL_PLANES,
    CUSTOM,
    DISCOUNTS,
    DISCOVERY,
    FARGATE_EC2,
    GROUPS,
    HPA,
    IMAGES,
    PLACEMENT,
    SCALING,
    SECRETS,
    SIDECARS,
    SPLIT,
    SPOT,
    TOGETHER,
    VPA,
    ZONES,
    Claim,
    Verdict,
    claims_about,
)

BY_ID = {claim.id: claim for claim in CLAIMS}
WANTED = {
    *(f"A{number}" for number in range(1, 25)),
    *(f"A{number}" for number in range(25, 51)),
    *(f"A{number}" for number in (86, 87, 88, 89)),
    *(f"B{number}" for number in range(28, 38)),
    "B2", "B3", "B5", "B6", "B7", "B10", "B12", "B13", "B14", "B15", "B19", "B20", "B21",
    "B42", "B43", "B44", "B45", "B46", "B49",
    *(f"A{number}" for number in range(33, 46)),
    *(f"A{number}" for number in (*range(81, 86), *range(90, 94), *range(120, 123))),
    "A50", "B1", "B16", "B38", "B39", "B40", "B41", "B54",
}  # fmt: skip

COMPUTED = {
    "A1": [0.04048, 0.004445, 0.03238, 0.00356],
    "A2": [2880, 3554.64, 4194.72, 2914.56],
    "A3": [720, 504, 1080],
    "A4": [4, 5.714, 2.667],
    "A5": [864],
    "A6": [1656, 3456],
    "A7": [504],
    "A8": [4],
    "A9": [0.42, 0.42],
    "A10": [0.56, 0.42, 0.49, 0.546, 0.56],
    "A11": [1267.20],
    "A12": [979.20, 1382.40],
    "A14": [0.75, 0.75, 0.705],
    "A15": [0.207, 0.288],
    "A16": [0.192],
    "A17": [0.5556, 0.3333],
    "A18": [288, 292],
    "A19": [73, 73, 438],
    "A20": [0.702, 0.643],
    "A21": [18],
    "A22": [1.21375, 1.14265],
    "A28": [3, 8],
    "A32": [0.5, 0.3333],
    "A39": [0.80, 0.64],
    "A46": [3, 4, 10, 13, 200],
    "A50": [3, 6],
    "A86": [180, 60],
    "A88": [5, 300],
    "B3": [12],
    "A81": [5, 5, 6, 7, 5],
    "A82": [15],
    "A84": [6, 8],
    "A85": [300],
    "A90": [5],
    "A92": [12, 10],
    "A120": [5],
    "A121": [250],
    "B16": [2, 1],
    "B20": [16.7],
    "B21": [300],
    "B39": [360.40, 288.35, 108.12],
    "B40": [420.48, 350.40, 280.32],
    "B41": [0.7146, 0.5719],
}

VERDICTS = {
    "A1": "rounded, oversimplified",
    "A2": "oversimplified",
    "A3": "inconsistent",
    "A4": "inconsistent",
    "A5": "right arithmetic, oversimplified",
    "A6": "wrong",
    "A7": "right arithmetic, unverifiable",
    "A8": "right",
    "A9": "right",
    "A10": "wrong, inconsistent",
    "A11": "wrong arithmetic",
    "A12": "wrong",
    "A13": "right",
    "A14": "right, oversimplified",
    "A15": "wrong",
    "A16": "wrong",
    "A17": "wrong",
    "A18": "wrong arithmetic",
    "A19": "right, inconsistent",
    "A20": "rounded, oversimplified",
    "A22": "wrong",
    "A34": "wrong",
    "A38": "wrong",
    "A39": "inconsistent",
    "A40": "outdated",
    "A25": "wrong",
    "A32": "inconsistent",
    "A46": "wrong, outdated",
    "A49": "right, outdated",
    "A50": "right",
    "A86": "wrong",
    "A88": "wrong",
    "B3": "wrong",
    "B32": "wrong",
    "B49": "outdated",
    "A81": "oversimplified",
    "A82": "right",
    "A83": "right",
    "A84": "wrong",
    "A85": "right, oversimplified",
    "A91": "outdated, wrong",
    "A122": "right, oversimplified",
    "B1": "wrong",
    "B39": "wrong",
    "B40": "wrong",
    "B41": "unverifiable",
}


def test_every_claim_about_these_subjects_is_there_once() -> None:
    ids = [claim.id for claim in CLAIMS]
    assert set(ids) >= WANTED
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("identifier", COMPUTED)
def test_what_is_computed_again_is_what_is_known(identifier: str) -> None:
    assert list(BY_ID[identifier].numbers().values()) == pytest.approx(COMPUTED[identifier], rel=0.002)


def test_nothing_is_computed_that_no_test_knows() -> None:
    assert {claim.id for claim in CLAIMS if claim.numbers()} == set(COMPUTED)


@pytest.mark.parametrize("identifier", VERDICTS)
def test_verdicts(identifier: str) -> None:
    assert BY_ID[identifier].verdict == VERDICTS[identifier]


def claim(**given: object) -> Claim:
    common = {"id": "A1", "lines": "1", "subjects": ("x",), "says": "s", "holds": "h", "source": "s"}
    return Claim(**{**common, **given})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        ({"said": 100, "today": lambda: {"a": 100.05}}, Verdict.RIGHT),
        ({"said": 100, "today": lambda: {"a": 102}}, Verdict.ROUNDED),
        ({"said": 100, "today": lambda: {"a": 110}}, Verdict.WRONG),
        ({"said": 100, "today": lambda: {"a": 110}, "leaves_out": "memory"}, Verdict.OVERSIMPLIFIED),
        ({"said": 100, "own": lambda: {"a": 100}}, Verdict.RIGHT_ARITHMETIC),
        ({"said": 100, "own": lambda: {"a": 102}}, Verdict.ROUNDED),
        ({"said": 100, "own": lambda: {"a": 110}, "today": lambda: {"b": 100}}, Verdict.WRONG_ARITHMETIC),
        ({"said": 100, "own": lambda: {"a": 100, "b": 110}}, Verdict.INCONSISTENT),
        ({"said": (90, 120), "today": lambda: {"a": 110}}, Verdict.RIGHT),
        ({"said": (90, 100), "today": lambda: {"a": 110}}, Verdict.WRONG),
    ],
)
def test_a_verdict_follows_from_the_numbers(given: dict[str, object], verdict: Verdict) -> None:
    assert claim(**given).verdicts == (verdict,)


def test_a_claim_without_a_number_or_a_judgement_is_refused() -> None:
    with pytest.raises(ValueError, match="A1 has no number, so somebody has to judge it"):
        claim()
    with pytest.raises(ValueError, match="A1 says 3 and nothing computes it"):
        claim(said=3)


def test_the_table_has_a_caption_what_was_computed_and_the_verdict() -> None:
    shown = claims_about(SPLIT)
    assert shown.title.startswith("What the guides say: capacity split.")
    [row] = [row for row in shown.rows if row[0] == "A11"]
    assert "USD 1,267.20" in str(row[2])
    assert row[3] == "wrong arithmetic"
    assert {str(row[0]) for row in claims_about(GROUPS, PLACEMENT).rows} >= {"A37", "A41", "A42", "A45"}


def test_each_claim_is_in_the_table_of_a_notebook() -> None:
    tables = claims_about(
        SPLIT, SPOT, GROUPS, PLACEMENT, ZONES, BOUNDS, FARGATE_EC2, DISCOUNTS, CONTROL_PLANES,
        SCALING, BREAKER, CANARY, DISCOVERY, IMAGES, SIDECARS, SECRETS, APP_RUNNER,
        HPA, CUSTOM, VPA, TOGETHER,
    )  # fmt: skip
    assert [row[0] for row in tables.rows] == [claim.id for claim in CLAIMS]


def test_a_subject_that_there_is_not_is_said() -> None:
    with pytest.raises(LookupError, match=r"No claim is about 'prices'\. There are: App Runner, Auto Scaling groups"):
        claims_about("prices")


def test_a_learner_reads_words_and_no_marks_of_ours() -> None:
    for one in CLAIMS:
        text = " ".join((one.says, one.holds, one.source, one.recomputed))
        assert not re.search(r"\[[A-Z]\]|\$|\bTODO\b", text), one.id
        assert one.holds.endswith("."), one.id
        assert one.says.endswith("."), one.id
        assert re.fullmatch(r"[\d–, ;guideB]+", one.lines), one.id
