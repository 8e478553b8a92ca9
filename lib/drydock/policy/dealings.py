"""Which requests of the past need not be done again, because all that they made or changed has gone.

Here things are told apart by what the request that made them was answered, or by a name that is given again only after
its bearer has gone. Of every request it is known what it made, changed and ended, and what else it needed to be there.
What is gone need not come back if nothing that is done again mentions it; and what was done to it need not be done
again if it was done to nothing else. So the largest set of requests is sought of which no other one mentions anything:
first all count as needless that were about nothing but what has gone, and then those are taken out that something needs
which is done again, and what they mention, until none is left. (Ours.)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field

from drydock.policy.lifespans import Done, last_word


@dataclass(frozen=True)
class About:
    """What a request did, by the names of things; `refers`: what it needed besides.

    What is made by a change is a part of what is changed; what is made `within` others goes with them. Requests of
    other services may also mean it by what it `answers_to`. `gives`: what it did to the one thing that it changed, in
    several words, which the next change of it undoes wholly if it `takes` one of them. `series`: the last that is made
    of one stays, as what is made later depends on it. `stays`: it is always done again.
    """

    makes: frozenset[str] = frozenset()
    changes: frozenset[str] = frozenset()
    ends: frozenset[str] = frozenset()
    refers: frozenset[str] = frozenset()
    within: frozenset[str] = frozenset()
    answers_to: frozenset[str] = frozenset()
    gives: frozenset[str] = frozenset()
    takes: str = ""
    series: str = ""
    stays: bool = False


@dataclass(frozen=True)
class Dealings:
    """Of a service: what a request of it is `about`, None where nobody can tell.

    `answered`: by operation, a pattern of what it makes, as the answer names it. `shown`: for the names that begin with
    these, how many of those that ended last are still there to be looked at. `by_words`: whatever has the name of a
    thing in it needs it; else only what is `about` it. `strangers`: services that never ask whether one is there.
    """

    about: Callable[[Done], About | None]
    answered: Mapping[str, str]
    shown: Mapping[str, int] = field(default_factory=dict)
    by_words: bool = True
    strangers: frozenset[str] = frozenset()


@dataclass(eq=False)
class _Thing:
    """One bearer of a name."""

    key: tuple[str, str, str]
    mentioned: set[int] = field(default_factory=set)
    owners: set[int] = field(default_factory=set)
    within: list[_Thing] = field(default_factory=list)
    ended: tuple[float, str] | None = None
    after: _Thing | None = None
    """The next bearer of the name."""
    words: set[str] = field(default_factory=set)
    """Of all that was done to it."""
    changes: list[tuple[int, frozenset[str]]] = field(default_factory=list)
    """(place, what was given)"""

    @property
    def has_ended(self) -> bool:
        return self.ended is not None or any(each.has_ended for each in self.within)


def left_behind_nothing(history: Sequence[Done], dealings: Mapping[str, Dealings]) -> set[int]:
    """The places in the history of what need not be done again; `dealings` by service."""
    past = _Past(dealings)
    for place, done in enumerate(history):
        past.hear(place, done)
    return past.needless()


class _Past:
    def __init__(self, dealings: Mapping[str, Dealings]) -> None:
        self._dealings = dealings
        self._things: list[_Thing] = []
        self._now: dict[tuple[str, str, str], list[_Thing]] = {}
        """The bearers of a name: one, those that it is a part of, or those of a series."""
        self._by_word: dict[str, set[tuple[str, str, str]]] = defaultdict(set)
        self._by_alias: dict[str, set[tuple[str, str, str]]] = defaultdict(set)
        self._there: dict[tuple[str, str], set[_Thing]] = defaultdict(set)
        self._last: dict[tuple[str, str, str], _Thing] = {}
        self._owned: dict[int, set[_Thing]] = {}
        self._mentions: dict[int, set[_Thing]] = {}
        self._cancelled: set[int] = set()

    def hear(self, place: int, done: Done) -> None:
        dealings = self._dealings.get(done.service)
        about = _about(dealings, done) if dealings is not None else None
        mentioned = self._named_by(done.service, done.words)
        here = done.service, done.region
        if dealings is None or about is None:
            return self._mention(place, mentioned | (self._there[here] if dealings is not None else set()), stirs=True)
        changed: set[_Thing] = set()
        known = True
        for name in about.changes | about.ends:
            found = self._now.get((*here, name))
            known &= found is not None
            changed.update(found or ())
        for name in about.refers:
            mentioned.update(thing for thing in self._now.get((*here, name), ()) if not thing.has_ended)
        if not known and dealings.by_words:  # it may be a part of any
            mentioned |= self._there[here]
        if not dealings.by_words:  # what was given before is looked at again
            for thing in changed | {thing for thing in mentioned if thing.key[:2] == here}:
                mentioned |= self._named_by(done.service, thing.words)
            for thing in changed:
                thing.words |= done.words
        is_new = not any((*here, name) in self._now for name in about.makes)
        owned = changed | (self._make(here, about, changed, done.words) if known else set())
        self._mention(place, mentioned | owned, stirs=not known)
        if not known or not owned or about.stays:
            return None
        self._owned[place] = owned
        for thing in owned:
            thing.owners.add(place)
        self._follow(place, about, owned, is_new=is_new)
        for name in about.ends:
            for thing in self._now[(*here, name)]:
                thing.ended = done.at, name
                self._there[here].discard(thing)

    def _named_by(self, service: str, words: Set[str]) -> set[_Thing]:
        """What a request of a service may need because it has the name in it."""
        found: set[_Thing] = set()
        for word in words:
            for key in self._by_word.get(word, ()):
                of = self._dealings[key[0]]
                if (of.by_words or service != key[0]) and service not in of.strangers:
                    found.update(self._now[key])
            for key in self._by_alias.get(word, ()):
                if service != key[0] and service not in self._dealings[key[0]].strangers:
                    found.update(self._now[key])
        return found

    def _make(self, here: tuple[str, str], about: About, changed: set[_Thing], words: Set[str]) -> set[_Thing]:
        made: set[_Thing] = set()
        for name in about.makes:
            key = (*here, name)
            self._by_word[last_word(name)].add(key)
            if changed:
                made.update(self._now.get(key, ()))
                self._now[key] = list(changed | made)
                continue
            before = self._now.get(key, [])
            if any(not thing.has_ended for thing in before):  # it was there already
                made.update(before)
                continue
            thing = _Thing(
                key, words=set(words), within=[each for one in about.within for each in self._now.get((*here, one), ())]
            )
            for each in before:
                each.after = thing
            self._things.append(thing)
            self._now[key] = [thing]
            self._there[here].add(thing)
            if about.series:
                self._last[(*here, about.series)] = thing
                self._now.setdefault((*here, about.series), []).append(thing)
            made.add(thing)
        for name in about.makes | about.changes:
            for word in about.answers_to:
                self._by_alias[word].add((*here, name))
        return made

    def _mention(self, place: int, things: set[_Thing], *, stirs: bool) -> None:
        self._mentions[place] = things
        for thing in things:
            thing.mentioned.add(place)
            if stirs:
                thing.changes.append((place, frozenset()))

    def _follow(self, place: int, about: About, owned: set[_Thing], *, is_new: bool) -> None:
        """Two changes that come to nothing are needless, one right after the other."""
        gives = about.gives if len(owned) == 1 and is_new else frozenset()  # what was there already is not given
        for thing in owned:
            if about.takes and len(owned) == 1 and thing.changes and about.takes in thing.changes[-1][1]:
                before, _ = thing.changes.pop()
                self._cancelled |= {before, place}
            else:
                thing.changes.append((place, gives))

    def needless(self) -> set[int]:
        looked_at = self._looked_at()
        stay = [thing for thing in self._things if not thing.has_ended or thing in looked_at]
        stay += self._last.values()
        places = [place for place in self._mentions if place not in self._owned and place not in self._cancelled]
        needed: set[int] = set()
        seen: set[_Thing] = set()
        while stay or places:
            while places:
                place = places.pop()
                if place not in needed:
                    needed.add(place)
                    stay.extend(self._mentions[place])
            while stay:
                thing = stay.pop()
                if thing not in seen:
                    seen.add(thing)
                    places.extend(thing.owners - self._cancelled)
                    stay.extend([*thing.within, *([thing.after] if thing.after is not None else [])])
        return self._mentions.keys() - needed

    def _looked_at(self) -> set[_Thing]:
        """Those that have ended and are still described."""
        found: set[_Thing] = set()
        ended: dict[tuple[str, str, str], list[_Thing]] = defaultdict(list)
        for thing in self._things:
            service, region, name = thing.key
            for prefix in self._dealings[service].shown:
                if thing.ended is not None and thing.after is None and name.startswith(prefix):
                    ended[service, region, prefix].append(thing)
        for (service, _, prefix), things in ended.items():
            things.sort(key=lambda thing: thing.ended or (0.0, ""))
            found.update(things[-self._dealings[service].shown[prefix] :])
        return found


def _about(dealings: Dealings, done: Done) -> About | None:
    try:
        return dealings.about(done)
    except (KeyError, TypeError, ValueError, AttributeError):  # as a request that nobody can read
        return None
