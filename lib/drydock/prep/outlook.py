"""What waits in a deck and how well it is known, as figures. Days are those of this machine's time zone."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from statistics import fmean

from fsrs import Card, Rating

from drydock.figures import Figure
from drydock.figures.figure import COLOURS
from drydock.prep.deck import SCHEDULER, Deck, Record

DAYS = 30
"""Of a forecast, today among them."""
MOST_DAYS = 60
"""After so many days answers are counted by week."""

_COLOURS_OF_RATINGS = (COLOURS[5], COLOURS[1], COLOURS[2], COLOURS[4])
_BELOW = {"legend": {"orientation": "h", "y": -0.2}}


def standing(deck: Deck, at: datetime) -> Figure:
    """How many cards of each topic are due, due later today, new, and resting until another day."""
    records = deck.records()
    counts: dict[str, Counter[str]] = {}
    for name, question in deck.questions.items():
        counts.setdefault(question.topic, Counter())[_state(records.get(name), at)] += 1
    columns = ("Due now", "Due later today", "New", "Resting")
    rows = [(topic, found.total(), *(found[column] for column in columns)) for topic, found in counts.items()]
    total: Counter[str] = sum(counts.values(), Counter())
    colours = (COLOURS[5], COLOURS[1], COLOURS[7], COLOURS[2])
    topics = list(counts)
    return Figure(
        f"{_cards(total['Due now'])} due now, {total['Due later today']} later today, {total['New']} new",
        ("Topic", "Cards", *columns),
        [*rows, ("all", total.total(), *(total[column] for column in columns))],
        [
            _bar(column, [counts[topic][column] for topic in topics], topics, colour, orientation="h")
            for column, colour in zip(columns, colours, strict=True)
        ],
        {
            "barmode": "stack",
            "height": 140 + 24 * len(topics),
            "margin": {"l": 130, "r": 20, "t": 50, "b": 60},
            "xaxis": {"title": {"text": "cards"}},
            "yaxis": {"autorange": "reversed"},
            "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 1, "xanchor": "right"},
        },
    )


def forecast(deck: Deck, at: datetime) -> Figure:
    """Reviews of each of the next 30 days, of cards that were rated before; new ones come on top.

    Each card is due once as it stands. Those that come back after that are counted as if every one is rated *good* on
    the day on which it is due. What is overdue is due today.
    """
    today, due, again = _day(at), Counter[date](), Counter[date]()
    last = today + timedelta(days=DAYS - 1)
    for record in deck.records().values():
        moment = max(record.card.due, at)
        due[_day(moment)] += 1
        again.update(map(_day, _if_good(record.card, moment, last)))
    days = [today + timedelta(days=number) for number in range(DAYS)]
    waiting = sum(due[day] for day in days)
    rows = [(day.isoformat(), due[day], again[day]) for day in days if due[day] or again[day]]
    return Figure(
        f"{_cards(due[today])} due today; {waiting} in {DAYS} days, "
        f"{waiting + sum(again[day] for day in days)} reviews if every one is good",
        ("Day", "Due as it stands", "Comes back after good"),
        rows,
        [
            _bar("due as it stands", [due[day] for day in days], days, COLOURS[0]),
            _bar("comes back after good", [again[day] for day in days], days, COLOURS[4]),
        ]
        if rows
        else (),
        {"barmode": "stack", "yaxis": {"title": {"text": "reviews"}}, **_BELOW} if rows else {},
    )


def retention(deck: Deck, at: datetime) -> Figure:
    """Answers by grade over time, and the chance with which FSRS expects what was rated by then to be known.

    By day, or by week where the first answer is older than 60 days. *Recalled* is the share of answers that were not
    *again*, among those to cards that were not new. Retrievability is FSRS's own, the mean of all cards that were
    rated by the end of the day (of the last one: by now).
    """
    records = list(deck.records().values())
    moments = [log.review_datetime for record in records for log in record.reviews]
    if not moments:
        return Figure("Nothing was rated yet", _COLUMNS, [])
    starts = _periods(_day(min(moments)), _day(max(*moments, at)))
    grades = [Counter[Rating]() for _ in starts]
    later: list[list[bool]] = [[] for _ in starts]
    for record in records:
        for number, log in enumerate(record.reviews):
            place = bisect_right(starts, _day(log.review_datetime)) - 1
            grades[place][log.rating] += 1
            if number:
                later[place].append(log.rating is not Rating.Again)
    known = [_known(records, min(_begin(start), at)) for start in (*starts[1:], starts[-1] + timedelta(days=7))]
    rows = [
        (
            start.isoformat(),
            *(count[rating] for rating in Rating),
            _percent(fmean(recalled)) if recalled else "",
            _percent(chance),
        )
        for start, count, recalled, chance in zip(starts, grades, later, known, strict=True)
    ]
    recalled = [one for some in later for one in some]
    said = f", {_percent(fmean(recalled))} of the repeated ones recalled" if recalled else ""
    return Figure(
        f"{len(moments)} answers{said}; FSRS expects {_percent(known[-1])} to be known now",
        _COLUMNS,
        rows,
        [
            *(
                _bar(rating.name, [count[rating] for count in grades], starts, colour)
                for rating, colour in zip(Rating, _COLOURS_OF_RATINGS, strict=True)
            ),
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": "retrievability, %",
                "x": [start.isoformat() for start in starts],
                "y": [round(100 * chance, 1) for chance in known],
                "yaxis": "y2",
                "line": {"color": COLOURS[0], "width": 2},
            },
        ],
        {
            "barmode": "stack",
            "yaxis": {"title": {"text": "answers"}},
            "yaxis2": {
                "title": {"text": "retrievability, %"}, "overlaying": "y", "side": "right", "range": [0, 103],
                "tickvals": [0, 25, 50, 75, 100],
                "showgrid": False,
            },
            "margin": {"l": 60, "r": 60, "t": 50, "b": 45},
            **_BELOW,
        },
    )  # fmt: skip


_COLUMNS = ("From", *(rating.name for rating in Rating), "Recalled", "Retrievability")


def _state(record: Record | None, at: datetime) -> str:
    if record is None:
        return "New"
    if record.card.due <= at:
        return "Due now"
    return "Due later today" if _day(record.card.due) == _day(at) else "Resting"


def _if_good(card: Card, moment: datetime, last: date) -> list[datetime]:
    """When a card that is due at `moment` comes back up to that day, rated good each time."""
    found: list[datetime] = []
    while True:
        card, _ = SCHEDULER.review_card(card, Rating.Good, moment)
        moment = card.due
        if _day(moment) > last:
            return found
        found.append(moment)


def _known(records: Sequence[Record], at: datetime) -> float:
    """The mean retrievability at `at` of the cards that had been rated by then."""
    chances = []
    for record in records:
        rated = bisect_right([log.review_datetime for log in record.reviews], at)
        if rated:
            chances.append(SCHEDULER.get_card_retrievability(record.after[rated - 1], at))
    return fmean(chances) if chances else 0.0


def _periods(first: date, last: date) -> list[date]:
    """The first days of the days, or weeks, from one day to another."""
    step = 1 if (last - first).days < MOST_DAYS else 7
    first -= timedelta(days=first.weekday() if step == 7 else 0)
    return [first + timedelta(days=number) for number in range(0, (last - first).days + 1, step)]


def _day(moment: datetime) -> date:
    return moment.astimezone().date()


def _begin(day: date) -> datetime:
    """The moment at which a day begins here."""
    return datetime(day.year, day.month, day.day).astimezone()


def _bar(name: str, values: Sequence[int], at: Sequence[object], colour: str, **more: str) -> dict[str, object]:
    along, up = ("y", "x") if more else ("x", "y")
    places = [place.isoformat() if isinstance(place, date) else place for place in at]
    return {"type": "bar", "name": name, along: places, up: list(values), "marker": {"color": colour}, **more}


def _cards(count: int) -> str:
    return f"{count} {'card' if count == 1 else 'cards'}"


def _percent(part: float) -> str:
    return f"{100 * part:.0f} %"
