"""The guides' claims: computed values against those known, and the verdicts that follow from them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from drydock import concepts
from drydock.concepts import claims
from drydock.concepts.claims import (
    CLAIMS,
    GROUPS,
    PITFALLS,
    PLACEMENT,
    SPLIT,
    Claim,
    Verdict,
    claims_about,
    review,
)

BY_ID = {claim.id: claim for claim in CLAIMS}
FACTS = Path(__file__).parents[2] / "docs" / "facts.md"

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
    "A21": [18, 18, 18.25],
    "A22": [1.21375, 1.14265],
    "A28": [3, 8],
    "A32": [0.5, 0.3333],
    "A39": [0.80, 0.64],
    "A46": [3, 4, 10, 13, 200],
    "A50": [3, 6],
    "A56": [0, 3],
    "A70": [0.10],
    "A75": [4, 8175, 64],
    "A77": [1.0, 0.6667, 0.3333],
    "A78": [30, 60, 90, 300],
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
    "A66": [1152, 60],
    "A96": [1, 10],
    "B16": [2, 1],
    "B48": [0.1, 0.2, 0.3333, 0.5],
    "B23": [360],
    "B20": [16.7],
    "B21": [300],
    "B39": [360.40, 288.35, 108.12],
    "B40": [420.48, 350.40, 280.32],
    "B41": [0.7146, 0.5719],
    "B55": [29, 110],
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
    "A21": "right, wrong",
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
    "A51": "wrong",
    "A55": "right",
    "A56": "wrong",
    "A61": "wrong",
    "A69": "outdated",
    "A70": "right, oversimplified",
    "A76": "wrong",
    "A77": "wrong",
    "A78": "right, oversimplified",
    "A79": "wrong",
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
    "A66": "wrong",
    "B1": "wrong",
    "B8": "wrong, inconsistent",
    "B11": "outdated",
    "B39": "wrong",
    "B40": "wrong",
    "B41": "unverifiable",
}


def test_each_claim_is_there_once() -> None:
    ids = [claim.id for claim in CLAIMS]
    assert [one for one in ids if ids.count(one) > 1] == []


def test_every_claim_that_was_checked_is_data() -> None:
    checked = re.findall(r"^\| ([AB]\d+) \|", FACTS.read_text(), re.MULTILINE)
    assert len(checked) == 157
    assert [one for one in checked if one not in BY_ID] == []


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
    [row] = [row for row in claims_about(PITFALLS).rows if row[0] == "A11"]
    assert "USD 1,267.20" in str(row[2])
    assert row[3] == "wrong arithmetic"
    assert {str(row[0]) for row in claims_about(GROUPS, PLACEMENT).rows} >= {"A37", "A41", "A42", "A45"}


def test_each_claim_is_in_the_table_of_a_notebook() -> None:
    names = {value: name for name, value in vars(claims).items() if name.isupper() and isinstance(value, str)}
    notebooks = "".join(concepts.notebook(name).read_text() for name in concepts.names())
    shown = {subject for subject, name in names.items() if f"claims.{name}" in notebooks}
    assert [claim.id for claim in CLAIMS if not shown & set(claim.subjects)] == []


def test_a_subject_has_one_notebook_and_a_notebook_shows_no_claim_twice() -> None:
    """The notebook of all claims may show any."""
    homes: dict[str, str] = {}
    for notebook in set(concepts.names()) - {"claims"}:
        asked = re.findall(r"claims\.claims_about\(([^)]*)\)", concepts.notebook(notebook).read_text())
        subjects = [getattr(claims, name.strip().removeprefix("claims.")) for one in asked for name in one.split(",")]
        ids = [claim.id for subject in subjects for claim in CLAIMS if subject in claim.subjects]
        assert len(ids) == len({*ids}), notebook
        for subject in subjects:
            assert homes.setdefault(subject, notebook) == notebook, subject


def test_a_subject_that_there_is_not_is_said() -> None:
    with pytest.raises(LookupError, match=r"No claim is about 'prices'\. There are: App Runner, Auto Scaling groups, "):
        claims_about("prices")


def test_a_learner_reads_words_and_no_marks_of_ours() -> None:
    for one in CLAIMS:
        text = " ".join((one.says, one.holds, one.source, one.recomputed))
        assert not re.search(r"\[[A-Z]\]|\$|\bTODO\b", text), one.id
        assert one.holds.endswith("."), one.id
        assert one.says.endswith("."), one.id
        assert re.fullmatch(r"[\d–, ;guideB]+", one.lines), one.id


def test_claims_are_chosen_by_guide_verdict_subject_and_words() -> None:
    assert {claim.id[0] for claim in review.chosen(guide="B")} == {"B"}
    assert all("outdated" in claim.verdicts for claim in review.chosen(verdict="outdated"))
    found = review.chosen(find="ONE M5.XLARGE instead of three")
    assert [claim.id for claim in found] == ["A17"]
    assert {claim.id for claim in review.chosen(subject=SPLIT)} == {row[0] for row in claims_about(SPLIT).rows}
    with pytest.raises(ValueError, match="verdict is one of all, wrong"):
        review.chosen(verdict="false")


def test_each_claim_is_counted_once_by_its_worst_verdict() -> None:
    assert review.worst(BY_ID["A10"]) is Verdict.WRONG
    assert review.worst(BY_ID["A1"]) is Verdict.OVERSIMPLIFIED
    shown = review.verdicts()
    assert sum(int(str(cell)) for row in shown.rows for cell in row[2:]) == len(CLAIMS)
    drawn = review.table(guide="A")
    assert sum(sum(trace["x"]) for trace in drawn.data) == len(drawn.rows) == len(review.chosen(guide="A"))


def test_sums_of_money_begin_with_the_most_wrong() -> None:
    rows = {str(row[0]): row for row in review.money().rows}
    assert next(iter(rows)) in ("A6", "A16")
    assert rows["A6"][2:4] == ("1,656", "3,456.00")
    assert list(rows).index("A19") > list(rows).index("B39")


def test_it_is_said_of_each_claim_how_it_is_known() -> None:
    assert sum(int(str(row[1])) for row in review.known().rows) == len(CLAIMS)
    assert review.known().rows[0][1] == sum(
        "not verified" in one.source or one.source in ("none", "opinion") for one in CLAIMS
    )


def test_a_search_that_finds_nothing_says_so_in_its_table() -> None:
    [row] = review.table(find="no claim says this").rows
    assert row[0] == "none"
