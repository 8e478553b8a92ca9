"""What the notebook claims draws, asks and shows: all claims of both guides, to be searched, counted and weighed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from drydock.concepts import checks
from drydock.concepts.claims import CLAIMS, GUIDES
from drydock.concepts.claims.claim import COLUMNS, EXACT, ROUNDED, Claim, Verdict, apart
from drydock.concepts.drawing import LAYOUT, percent
from drydock.concepts.predict import Question
from drydock.figures import Figure
from drydock.figures.figure import COLOURS

ALL = "all"
WORST_FIRST = (
    Verdict.WRONG,
    Verdict.WRONG_ARITHMETIC,
    Verdict.OUTDATED,
    Verdict.INCONSISTENT,
    Verdict.OVERSIMPLIFIED,
    Verdict.UNVERIFIABLE,
    Verdict.ROUNDED,
    Verdict.RIGHT_ARITHMETIC,
    Verdict.RIGHT,
)
"""A claim with several verdicts is counted once, by the first of these that it has."""
MEANINGS = {
    Verdict.RIGHT: f"computed again it is the same, to {percent(EXACT, 1)}; or documented as it says",
    Verdict.RIGHT_ARITHMETIC: "the sum is right; what went into it is not judged by that",
    Verdict.ROUNDED: f"the same to {percent(ROUNDED)}",
    Verdict.WRONG_ARITHMETIC: "the guide's own figures give another result",
    Verdict.WRONG: "computed with today's prices or rules it is another; or documented otherwise",
    Verdict.OUTDATED: "it was so",
    Verdict.OVERSIMPLIFIED: "a condition is missing that changes the result",
    Verdict.INCONSISTENT: "the guides contradict themselves or each other",
    Verdict.UNVERIFIABLE: "no source, or nothing to compute it from",
}
KINDS: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("documented", lambda source: "documented" in source),
    ("observed", lambda source: "observed" in source),
    ("computed, or a dated price", lambda source: True),
)
"""How what holds is known, by the words of `Claim.source`; "not verified" and "none" come before these."""

GUIDE_NAMES = (ALL, *GUIDES)
VERDICTS = (ALL, *(str(one) for one in WORST_FIRST))
SUBJECTS = (ALL, *sorted({subject for claim in CLAIMS for subject in claim.subjects}))


def worst(claim: Claim) -> Verdict:
    """The verdict by which the claim is counted."""
    return next(one for one in WORST_FIRST if one in claim.verdicts)


def chosen(guide: str = ALL, verdict: str = ALL, subject: str = ALL, find: str = "") -> list[Claim]:
    """The claims of this guide, with this verdict among theirs, about this subject, that have these words.

    Raises ValueError for a guide, verdict or subject that there is not.
    """
    checks.one_of("guide", guide, GUIDE_NAMES)
    checks.one_of("verdict", verdict, VERDICTS)
    checks.one_of("subject", subject, SUBJECTS)
    words = str(find).lower()
    return [
        claim
        for claim in CLAIMS
        if guide in (ALL, claim.id[0])
        and (verdict == ALL or verdict in claim.verdicts)
        and (subject == ALL or subject in claim.subjects)
        and words in " ".join((claim.id, claim.says, claim.recomputed, claim.holds, claim.source)).lower()
    ]


def question(guide: str) -> Question:
    """How many per cent of the numbers of a guide come out as written, but for rounding. Raises ValueError."""
    checks.one_of("asked", guide, tuple(GUIDES))
    numbers = [claim for claim in CLAIMS if claim.id[0] == guide and claim.said is not None]
    good = [claim for claim in numbers if claim.verdicts[0] in (Verdict.RIGHT, Verdict.ROUNDED)]
    return Question(
        f"Guide {guide} has {len(numbers)} statements with a number that was computed again. How many per cent of them "
        "are right with today's prices and rules, or right but for rounding? An answer within 20 % of it counts.",
        100 * len(good) / len(numbers),
        f"{len(good)} of {len(numbers)}: {', '.join(claim.id for claim in good)}. Statements whose sum is right, and "
        "whose inputs nobody can check, are not among them.",
        within=0.20,
    )


def table(guide: str = ALL, verdict: str = ALL, subject: str = ALL, find: str = "") -> Figure:
    """The claims that are asked for, with their counts by verdict drawn. Raises ValueError."""
    claims = chosen(guide, verdict, subject, find)
    counts = {letter: Counter(worst(claim) for claim in claims if claim.id[0] == letter) for letter in GUIDES}
    shown = [one for one in reversed(WORST_FIRST) if any(counts[letter][one] for letter in GUIDES)]
    assert sum(sum(each.values()) for each in counts.values()) == len(claims), "a claim is counted twice or not at all"
    return Figure(
        f"Claims: {len(claims)} of {len(CLAIMS)}",
        (*COLUMNS, "About"),
        [(*claim.row, ", ".join(claim.subjects)) for claim in claims] or [("none", *[""] * len(COLUMNS))],
        [
            {
                "type": "bar",
                "orientation": "h",
                "name": f"{letter}: {name}",
                "y": [str(one) for one in shown],
                "x": [counts[letter][one] for one in shown],
                "marker": {"color": colour},
            }
            for (letter, name), colour in zip(GUIDES.items(), COLOURS, strict=False)
        ],
        {
            "barmode": "stack",
            "xaxis": {"title": {"text": "claims, each counted once by its worst verdict"}, "rangemode": "tozero"},
            "yaxis": {"title": {"text": "verdict"}, "type": "category", "automargin": True},
            **LAYOUT,
            "margin": {"l": 150, "r": 20, "t": 85, "b": 60},
        },
    )


def verdicts() -> Figure:
    """What each verdict means, and how many claims of each guide are counted by it."""
    counts = {letter: Counter(worst(claim) for claim in CLAIMS if claim.id[0] == letter) for letter in GUIDES}
    return Figure(
        "Verdicts, the worst first",
        ("Verdict", "Means", *GUIDES),
        [(str(one), MEANINGS[one], *(counts[letter][one] for letter in GUIDES)) for one in WORST_FIRST],
    )


def money() -> Figure:
    """The claims with a sum of money that today's prices give otherwise: the most wrong first."""
    rows: list[tuple[float, Sequence[str]]] = []
    for claim in CLAIMS:
        if not claim.unit.startswith("USD") or claim.said is None or claim.today is None:
            continue
        said = claim.said if isinstance(claim.said, tuple) else (claim.said,)
        what, today = next(iter(claim.today().items()))
        rows.append(
            (
                apart(claim.said, today),
                (
                    claim.id,
                    claim.says,
                    " to ".join(f"{one:,g}" for one in said),
                    f"{today:,.2f}" if today >= 1 else f"{today:g}",
                    what,
                    " to ".join(f"{today / one:.2f}" for one in said),
                ),
            )
        )
    rows.sort(key=lambda row: -row[0])
    return Figure(
        "Sums of money, the most wrong first",
        ("Claim", "Says", "Said, USD", "Today, USD", "For", "Today / said"),
        [row for _, row in rows],
    )


def known() -> Figure:
    """How what holds is known."""
    counts = Counter(_kind(claim) for claim in CLAIMS)
    names = ["not verified, or no source", *(name for name, _ in KINDS)]
    return Figure(
        "How it is known what holds",
        ("Known by", "Claims", "Part"),
        [(name, counts[name], percent(counts[name] / len(CLAIMS))) for name in names],
    )


def _kind(claim: Claim) -> str:
    if "not verified" in claim.source or claim.source in ("none", "opinion"):
        return "not verified, or no source"
    return next(name for name, fits in KINDS if fits(claim.source))
