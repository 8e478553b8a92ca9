"""How tables of upstream's scheduler tests are written down: selectors, terms and labels as short texts."""

from __future__ import annotations

from drydock.policy.kubernetes.scheduling import Expression, PodTerm
from drydock.policy.kubernetes.scheduling.model import Selector


def labels(text: str) -> dict[str, str]:
    """ "region=China az" as {"region": "China", "az": ""}."""
    return {key: value for key, _, value in (one.partition("=") for one in text.split())}


def selector(text: str) -> Selector:
    """ "service In a,b & wrong DoesNotExist"."""
    parts = (one.split() for one in text.split("&") if one.strip())
    return tuple(Expression(key, operator, tuple("".join(rest).split(",")) if rest else ())
                 for key, operator, *rest in parts)  # fmt: skip


def term(text: str) -> PodTerm:
    """ "service In a,b @zone", or "… @zone in ns1,ns2 of team In a": its namespaces, and the selector of namespaces."""
    what, _, where = text.partition("@")
    key, *more = where.split(maxsplit=1)
    named, _, chosen = (more[0] if more else "").partition("of")
    namespaces = tuple(named.removeprefix("in ").replace("''", "").strip().split(",")) if named.strip() else ()
    every = more and more[0].strip() == "of"
    return PodTerm(selector(what), key, namespaces, selector(chosen) if chosen.strip() or every else None)


def terms(text: str) -> tuple[PodTerm, ...]:
    """Terms, one after the other, with ";" between."""
    return tuple(term(one) for one in text.split(";") if one.strip())
