"""A plan as data: what was read, what would be called, how each call is undone, and the difference it makes.

The same plan is shown, hashed, approved, carried out, undone and kept as evidence. It names calls rather than
holding functions, so that a process without the notebook's kernel can carry out its undoing.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Literal

import jmespath
from pydantic import TypeAdapter

from drydock.policy.operations import only_reads
from drydock.policy.secrets import is_secret
from drydock.runbooks.apart import Gone, Value, apart, is_stand_in, salt_of, same, whole

Kind = Literal["reads", "changes", "unknown"]

KNOWN_AFTERWARDS = "(known after apply)"
_RESULT, _LOOK = "$result", "$look"
_SECRET = ".environment."


@dataclass(frozen=True)
class Call:
    """One AWS call: `service` as boto3 names it, `operation` as the API does, `params` as plain values.

    A value {"$result": "step.path"} stands for what an earlier step answered, {"$look": "name.path"} for what was
    read; both paths are JMESPath.
    """

    service: str
    operation: str
    params: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.service}:{self.operation}"


@dataclass(frozen=True)
class Condition:
    """What is waited for: `holds`, JMESPath over the call's answer, is true; once `fails` is, it never will be.

    fails  where it gives text, that is told as what AWS says
    minutes  AWS minutes for which it has to hold without a break, as a bake needs; 0: once is enough
    why  asked where it is not reached; `why` in its answer is told, where it is not empty (`stops.WHY`)
    """

    what: str
    call: Call
    holds: str
    fails: str = ""
    minutes: float = 0.0
    why: Call | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "minutes", float(self.minutes))  # 5 and 5.0 are one plan, of one hash


@dataclass(frozen=True)
class Act:
    """A call, and what is waited for after it."""

    call: Call
    until: Condition | None = None


@dataclass(frozen=True)
class Look:
    """Something that is read: `expression`, JMESPath, picks from the answer what the plan depends on.

    shared  once the plan is being applied others may change it too, and that is in nobody's way
    """

    name: str
    call: Call
    expression: str
    shared: bool = False


@dataclass(frozen=True)
class Step:
    """One step of a plan.

    sets  what the state is afterwards, by dotted path from the name of a look: {"service.desiredCount": 5}.
    undo  what brings the state before it back; None where nothing can.
    found  for a call that does more when it is made twice: what picks, from another call's answer, what it answered if
          it was made and its answer was lost; null where it was not made
    between  what the state is once the undoing of this step has left and those of the steps before have not, as `sets`,
          where that is neither what was before nor what a step sets
    """

    name: str
    title: str
    do: Act
    undo: Act | None = None
    sets: Mapping[str, Any] = field(default_factory=dict)
    found: Look | None = None
    between: Mapping[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> Kind:
        """`unknown` is a call that changes something and does not say what."""
        if only_reads(self.do.call.operation):
            return "reads"
        return "changes" if self.sets else "unknown"


@dataclass(frozen=True)
class Plan:
    """What would be done, on which cloud, and the state that it was made from.

    cloud  name, instance, account and region, as a `drydock.Cloud` has them
    """

    runbook: str
    cloud: Mapping[str, str]
    parameters: Mapping[str, Any]
    looks: Sequence[Look]
    state: Mapping[str, Any]
    steps: Sequence[Step]

    @property
    def hash(self) -> str:
        """Names this plan made from this state, and no other: "plan-" and 32 hexadecimal digits of SHA-256."""
        return f"plan-{self.digest[:32]}"

    @property
    def digest(self) -> str:
        """All hexadecimal digits of the SHA-256 that `hash` has the beginning of."""
        return hashlib.sha256(_canonical(self._apart[0]).encode()).hexdigest()

    @property
    def secrets(self) -> dict[str, Value]:
        """The secret values in the plan, by their stand-ins' hashes: they are not in `as_json`."""
        return self._apart[1]

    @cached_property
    def _apart(self) -> tuple[Any, dict[str, Value]]:
        return apart(plain(asdict(self)), salt_of(self.cloud))

    @property
    def place(self) -> str:
        """The cloud in words."""
        name, instance, account, region = (self.cloud[key] for key in ("name", "instance", "account", "region"))
        return f"{name} {instance}".strip() + f", account {account}, {region}"

    @property
    def changes(self) -> list[Step]:
        """The steps that do more than read."""
        return [step for step in self.steps if step.kind != "reads"]

    @property
    def state_afterwards(self) -> dict[str, Any]:
        """The state that the plan says there will be."""
        return self.state_after(self.steps)

    def state_after(self, steps: Sequence[Step], results: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The state that there is once these steps are done; what only their answers tell is looked up in `results`."""
        return _with(self.state, {path: value for step in steps for path, value in step.sets.items()}, results or {})

    def difference(self) -> list[tuple[str, str, str]]:
        """(path, before, after) of all that the plan changes."""
        return difference(self.state, self.state_afterwards)

    def as_json(self) -> str:
        """The whole plan, with its hash, for a file or another program; a stand-in in place of each secret value."""
        return json.dumps({"hash": self.hash, **self._apart[0]}, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str, kept: Mapping[str, Value] | None = None) -> Plan:
        """What `as_json` wrote, with the secret values in `kept` in their places.

        Raises ValueError where the text is no plan, or not the one its hash names.
        """
        try:
            read = json.loads(text)
            named = read.pop("hash", None) if isinstance(read, dict) else None
            plan = _reader().validate_python(whole(read, kept or {}))
            if missing := {"name", "instance", "account", "region"} - plan.cloud.keys():
                raise ValueError(f"its cloud has no {', '.join(sorted(missing))}")
            hashed = plan.hash
        except (ValueError, RecursionError) as error:
            raise ValueError(f"This is not a whole plan ({str(error).splitlines()[0]}).") from error
        if named != hashed:
            raise ValueError(f"The plan has the hash {hashed} and says that it is {named}: it was edited since.")
        return plan


@functools.cache
def _reader() -> TypeAdapter[Plan]:
    return TypeAdapter(Plan)


def result_of(step: str, path: str) -> dict[str, str]:
    """Stands in a call for what step `step` answers, by JMESPath."""
    return {_RESULT: f"{step}.{path}"}


def seen_in(look: str, path: str) -> dict[str, str]:
    """Stands in a look for what an earlier look has seen, by JMESPath."""
    return {_LOOK: f"{look}.{path}"}


def results_used(plan: Plan) -> set[str]:
    """The paths of all answers that calls of the plan use: "register.taskDefinition.taskDefinitionArn"."""
    return set(_references(asdict(plan), _RESULT))


def resolved(params: Any, results: Mapping[str, Any], state: Mapping[str, Any]) -> Any:
    """`params` with every stand-in replaced. Raises LookupError for one that is not there; Gone for a secret value
    that is not kept any more."""
    if isinstance(params, Mapping):
        if is_stand_in(params):
            return _there(params, "")
        if set(params) == {_RESULT}:
            return _there(results.get(params[_RESULT]), params[_RESULT])
        if set(params) == {_LOOK}:
            return _there(jmespath.search(params[_LOOK], state), params[_LOOK])
        return {key: resolved(value, results, state) for key, value in params.items()}
    if isinstance(params, (list, tuple)):
        return [resolved(value, results, state) for value in params]
    return params


def difference(before: Any, after: Any) -> list[tuple[str, str, str]]:
    """(dotted path, before, after) where two states differ; of environment variables and secrets no value is shown."""
    old, new = dict(_flat(before)), dict(_flat(after))
    return [
        (printable(path), *_shown(path, old.get(path), new.get(path)))
        for path in [*old, *(path for path in new if path not in old)]
        if not same(old.get(path), new.get(path))
    ]


def changes_in_words(before: Any, after: Any) -> str:
    """`difference` as a sentence: what was, and is now."""
    rows = difference(before, after)
    return "; ".join(f"{path} was {old or 'not there'} and is {new or 'not there'}" for path, old, new in rows)


def plain(value: Any) -> Any:
    """`value` as JSON can hold it: times as ISO 8601, tuples as lists; what is None in a mapping is left out."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, (list, tuple, set)):
        return [plain(item) for item in value]
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def printable(text: str) -> str:
    """Control characters are written out: in a terminal they could hide or forge what a plan says."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


def _canonical(value: Any) -> str:
    return json.dumps(plain(value), sort_keys=True, separators=(",", ":"))


def _there(value: Any, path: str) -> Any:
    if value is None:
        raise LookupError(f"Nothing is known of {path}.")
    if is_stand_in(value):
        raise Gone("A secret value that this call needs is not kept any more: `drydock runbook forget` removed it.")
    return value


def _references(value: Any, kind: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        if set(value) == {kind}:
            yield value[kind]
        else:
            for item in value.values():
                yield from _references(item, kind)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _references(item, kind)


def _with(state: Mapping[str, Any], sets: Mapping[str, Any], results: Mapping[str, Any]) -> dict[str, Any]:
    changed = json.loads(json.dumps(plain(state)))
    for path, value in sets.items():
        *parents, last = path.split(".")
        place = changed
        for parent in parents:
            place = place.setdefault(parent, {})
        told = isinstance(value, Mapping) and set(value) == {_RESULT}
        place[last] = results.get(value[_RESULT], KNOWN_AFTERWARDS) if told else plain(value)
    return dict(changed)


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted path, value) of all that is in `value`; lists of named things by their names. Empty ones are nothing."""
    if is_stand_in(value):
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flat(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, (list, tuple)):
        for number, item in enumerate(value):
            match item:
                case {"name": name, "value": text} | {"key": name, "value": text} if len(item) == 2:
                    yield f"{path}.{name}", text
                case {"name": name}:
                    yield from _flat(item, f"{path}.{name}")
                case _:
                    yield from _flat(item, f"{path}.{number}")
    else:
        yield path, value


def _shown(path: str, before: Any, after: Any) -> tuple[str, str]:
    if _SECRET in path or any(_is_hidden(path.rpartition(".")[2], value) for value in (before, after)):
        return tuple(
            "" if value is None else word for value, word in ((before, "(not shown)"), (after, "(another, not shown)"))
        )  # type: ignore[return-value]
    return _words(before), _words(after)


def _is_hidden(name: str, value: Any) -> bool:
    return is_stand_in(value) or (isinstance(value, str) and is_secret(name, value))


def _words(value: Any) -> str:
    return "" if value is None else printable(value) if isinstance(value, str) else json.dumps(plain(value))
