"""Which requests of the past need not be done again, because of what came after them.

A resource that only its name tells from others, and that is gone, has left nothing behind: with the request that made
it, that which deleted it and all in between that were about it alone, the account is the same as without them. So have
several that only requests about themselves connected, once all are gone. And a request that only gave a resource other
values is needless where all of them were given again, or taken away.

Where anything else may have depended on it, they stay: a request of another kind that has its name in it, one of the
same service that is not known here. (Ours.)
"""

from __future__ import annotations

import json
import re
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

_WORD = re.compile(r"[\w.-]+")
_MEMBER = re.compile(r"(\w+)\.(?:member|entry|\w+)\.(\d+)(?:\.(\w+))?")

Request = Mapping[str, Any]


@dataclass(frozen=True)
class Setting:
    """Of an operation that only gives a resource other values: which, and whether it takes them away.

    What is taken away and not there is no error of such an operation. `fields` is None for a request that does more.
    """

    fields: Callable[[Request], set[str] | None]
    clears: bool = False


def whole(name: str) -> Callable[[Request], set[str]]:
    """The one field called `name`."""
    return lambda _: {name}


def items(name: str, member: str, key: str = "") -> Callable[[Request], set[str]]:
    """A field for each entry of a map, each text of a list, or each structure of one, by its `key`."""
    return lambda request: {
        f"{name} {item[key] if key and isinstance(item, dict) else item}" for item in request[member]
    }


def both(*parts: Callable[[Request], set[str] | None]) -> Callable[[Request], set[str] | None]:
    """The fields of all parts that the request has."""

    def fields(request: Request) -> set[str]:
        found: set[str] = set()
        for part in parts:
            try:
                found |= part(request) or set()
            except KeyError:
                continue
        return found

    return fields


def members(within: str, besides: set[str], never: set[str]) -> Callable[[Request], set[str] | None]:
    """A field for each member, and for each member of one; not of those `besides`, and not with one of `never`.

    Resources of one name are told apart by the member `within`.
    """

    def fields(request: Request) -> set[str] | None:
        if never & request.keys():
            return None
        place = str(request.get(within, "")).rpartition("/")[2]
        given = {name: value for name, value in request.items() if name not in besides}
        return {
            f"{place} {name} {inner}"
            for name, value in given.items()
            for inner in (value if isinstance(value, dict) else ("",))
        }

    return fields


@dataclass(frozen=True)
class Versions:
    """Of an operation that gives a resource another version, of which so many are kept, the newest.

    A request with only the members `plain`, and with those of `same` as the one before it, does no more. `token`: with
    the same one it does nothing. `counted`: their numbers count on, and only the answer tells them.
    """

    operation: str
    most: int
    plain: frozenset[str]
    same: frozenset[str] = frozenset()
    token: str = ""
    counted: bool = False

    def is_plain(self, request: Request, before: Request) -> bool:
        return self.plain | self.same >= request.keys() and all(
            request[name] == before.get(name) for name in self.same & request.keys()
        )


@dataclass(frozen=True)
class Lifespan:
    """Of a service's resources: the operations that make and delete one, and those that are about one meanwhile.

    Requests name it in the members `named_in`; of what these hold, the first group of `name` that is found is the
    name. `again`: making one that is there already is no error. It ends only by a request with the members `ends_with`;
    without `begins`, what was done to one is always done again, but for `settings`. What `adds` does depends on none of
    them and changes none, whatever names are in it: it makes something of another kind. A request with one of the
    members `apart` may be about another one of the same name.
    """

    begins: str = ""
    ends: str = ""
    within: frozenset[str] = frozenset()
    named_in: tuple[str, ...] = ()
    name: str = "(.+)"
    again: bool = False
    ends_with: tuple[tuple[str, Any], ...] = ()
    settings: Mapping[str, Setting] = field(default_factory=dict)
    adds: frozenset[str] = frozenset()
    apart: frozenset[str] = frozenset()
    versions: Versions | None = None

    def knows(self, operation: str) -> bool:
        return operation in {self.begins, self.ends, *self.within, *self.settings}

    def gives_a_version(self, done: Done) -> bool:
        return self.versions is not None and done.operation == self.versions.operation

    def is_end(self, operation: str, request: Request) -> bool:
        return (
            operation == self.ends
            and not self.tells_apart(request)
            and all(request.get(name) == value for name, value in self.ends_with)
        )

    def tells_apart(self, request: Request) -> bool:
        return not self.apart.isdisjoint(request)

    def names(self, request: Request) -> set[str]:
        """The resources that a request names. ValueError for what is no name."""
        given = [request[member] for member in self.named_in if member in request]
        texts = [text for each in given for text in (each if isinstance(each, list) else [each])]
        found = [re.fullmatch(self.name, each) if isinstance(each, str) else None for each in texts]
        if None in found:
            raise ValueError(f"no names: {given}")
        return {next(group for group in match.groups() if group) for match in found if match is not None}


@dataclass(frozen=True)
class Done:
    """A request of the past, which succeeded."""

    service: str
    region: str
    operation: str
    text: str
    """Its body."""
    path: str = ""
    """Path and query string."""
    at: float = 0.0
    made: tuple[str, ...] = ()
    """What its answer named."""

    @cached_property
    def words(self) -> frozenset[str]:
        return frozenset(_words(self))

    @cached_property
    def request(self) -> Request:
        """The members of its body."""
        return _request(self.text)


MAKES_OTHERS = "cloudformation"
"""It makes resources of other services, under names that nobody has said."""

Key = tuple[str, str, str]
"""(service, region, name)"""


def needless(history: Sequence[Done], lifespans: Mapping[str, Lifespan]) -> set[int]:
    """The places in the history of what need not be done again; `lifespans` by service."""
    past = _Past(lifespans)
    for place, done in enumerate(history):
        past.hear(place, done)
    past.end()
    return past.needless


@dataclass
class _Group:
    """Resources that requests about themselves connected, and these requests."""

    living: set[Key]
    places: list[int]


@dataclass(frozen=True)
class _Given:
    """A request that gave a resource values."""

    place: int
    fields: frozenset[str]
    clears: bool


@dataclass
class _Row:
    """Requests that gave a resource versions, and nothing was about it in between."""

    places: deque[tuple[int, bool]] = field(default_factory=deque)
    """(place, whether it did no more)"""
    tokens: set[str] = field(default_factory=set)
    given: dict[str, Any] = field(default_factory=dict)


class _Past:
    def __init__(self, lifespans: Mapping[str, Lifespan]) -> None:
        self.needless: set[int] = set()
        self._lifespans = lifespans
        self._groups: dict[Key, _Group] = {}
        self._held: set[Key] = set()  # they are there, and something may depend on them
        self._made_elsewhere: set[str] = set()  # regions
        self._given: dict[Key, list[_Given]] = defaultdict(list)
        self._by_word: dict[str, set[Key]] = defaultdict(set)
        self._rows: dict[Key, _Row] = {}

    def hear(self, place: int, done: Done) -> None:
        lifespan = self._lifespans.get(done.service)
        if done.service == MAKES_OTHERS:
            self._made_elsewhere.add(done.region)
        request = done.request if lifespan is not None else {}
        keys = self._keys(done, lifespan, request)
        mentioned = {key for word in done.words for key in self._by_word.get(word, ())}
        if lifespan is None or not keys:
            here = done.service, done.region
            same = {key for key in {*self._groups, *self._given} if key[:2] == here} if lifespan is not None else set()
            adds = lifespan is not None and done.operation in lifespan.adds
            concerned = mentioned - same if adds else mentioned | same
            for key in concerned:
                self._rows.pop(key, None)
                self._settle(key)
            return self._hold(concerned)
        for key in keys:
            self._by_word[last_word(key[2])].add(key)
        one = len(keys) == 1 and not lifespan.tells_apart(request)
        fields = _fields(lifespan.settings.get(done.operation), request) if one else None
        for key in (keys | mentioned) - (keys if fields is not None else set()):
            self._settle(key)
        for key in mentioned - keys if one and lifespan.gives_a_version(done) else keys | mentioned:
            self._rows.pop(key, None)
        if one and lifespan.versions is not None and lifespan.gives_a_version(done):
            self._count(place, min(keys), lifespan.versions, done)
        if fields is not None:
            self._given[min(keys)].append(_Given(place, frozenset(fields), lifespan.settings[done.operation].clears))
        self._connect(place, done, lifespan, request, keys, mentioned)

    def end(self) -> None:
        for key in list(self._given):
            self._settle(key)

    def _connect(
        self, place: int, done: Done, lifespan: Lifespan, request: Request, keys: set[Key], mentioned: set[Key]
    ) -> None:
        """What was done to resources is needless once all that it connects are gone."""
        if done.operation == lifespan.begins and not (lifespan.again and done.region in self._made_elsewhere):
            for key in keys - self._groups.keys() - self._held:
                self._groups[key] = _Group({key}, [])
        about = keys | (mentioned & self._groups.keys())
        if about <= self._groups.keys() and not lifespan.tells_apart(request):
            group = self._joined(about)
            group.places.append(place)
        else:
            self._hold(about)
            self._held |= keys
        if lifespan.is_end(done.operation, request):
            for key in keys:
                self._held.discard(key)
                ended = self._groups.pop(key, None)
                if ended is not None:
                    ended.living.discard(key)
                    if not ended.living:
                        self.needless.update(ended.places)

    def _joined(self, keys: set[Key]) -> _Group:
        groups = list({id(self._groups[key]): self._groups[key] for key in keys}.values())
        first = max(groups, key=lambda group: len(group.places))
        for other in groups:
            if other is not first:
                first.living |= other.living
                first.places += other.places
                for key in other.living:
                    self._groups[key] = first
        return first

    def _hold(self, keys: set[Key]) -> None:
        """Something else may depend on these, and on what they are connected with."""
        for key in keys:
            group = self._groups.get(key)
            for other in group.living if group is not None else ():
                del self._groups[other]
                self._held.add(other)

    def _count(self, place: int, key: Key, versions: Versions, done: Done) -> None:
        """All but the newest versions are needless, where the first of those that stay says which it is."""
        row = self._rows.setdefault(key, _Row())
        token = str(done.request.get(versions.token, ""))
        if token and token in row.tokens:
            return
        row.tokens.add(token)
        is_plain = bool(row.places) and versions.is_plain(done.request, row.given)
        row.places.append((place, is_plain and (bool(done.made) or not versions.counted)))
        row.given |= {name: done.request[name] for name in versions.same & done.request.keys()}
        if len(row.places) > versions.most:
            old, did_no_more = row.places.popleft()
            if did_no_more:
                self.needless.add(old)

    def _settle(self, key: Key) -> None:
        """Something was about the resource that may depend on the values it has now."""
        given = self._given.pop(key, [])
        if len(given) > 1:
            self.needless.update(_replaced(given))

    def _keys(self, done: Done, lifespan: Lifespan | None, request: Request) -> set[Key]:
        """The resources that a request is about; empty where there is none, or nobody can tell."""
        if lifespan is None or not lifespan.knows(done.operation):
            return set()
        try:
            return {(done.service, done.region, name) for name in lifespan.names(request)}
        except ValueError:
            return set()


def _replaced(given: Sequence[_Given]) -> Iterable[int]:
    """The places of those whose every field was taken away later, or given before and again later.

    The first that gives a field stays: it says since when there is one, and its place among the others.
    """
    last_given: dict[str, int] = {}
    last_taken: dict[str, int] = {}
    for number, each in enumerate(given):
        (last_taken if each.clears else last_given).update(dict.fromkeys(each.fields, number))
    there: set[str] = set()
    for number, each in enumerate(given):
        if all(
            last_taken.get(name, -1) > number or (not each.clears and name in there and last_given[name] > number)
            for name in each.fields
        ):
            yield each.place
        if each.clears:
            there -= each.fields
        else:
            there |= each.fields


def _fields(setting: Setting | None, request: Request) -> set[str] | None:
    try:
        return setting.fields(request) if setting is not None else None
    except (KeyError, TypeError):
        return None


def _request(text: str) -> Request:
    """The members of a body of JSON, or of a query."""
    if not text.startswith("{"):
        return _of_query(text)
    try:
        request = json.loads(text)
    except ValueError:
        return {}
    return request if isinstance(request, dict) else {}


def _of_query(text: str) -> Request:
    request: dict[str, Any] = {}
    lists: dict[str, dict[int, Any]] = defaultdict(dict)
    for name, value in parse_qsl(text, keep_blank_values=True):
        found = _MEMBER.fullmatch(name)
        if found is None:
            request[name] = value
        elif found[3] is None:
            lists[found[1]][int(found[2])] = value
        else:
            lists[found[1]].setdefault(int(found[2]), {})[found[3]] = value
    return request | {name: [each[number] for number in sorted(each)] for name, each in lists.items()}


def _words(done: Done) -> set[str]:
    text = done.text if done.text.startswith("{") else unquote_plus(done.text)
    if "\\u" in text:
        text = json.dumps(done.request, ensure_ascii=False)
    return {*_WORD.findall(text), *_WORD.findall(unquote_plus(done.path))}


def last_word(name: str) -> str:
    """The last of the words in a name, as `Done.words` has them."""
    return _WORD.findall(name)[-1] if _WORD.search(name) else name
