"""What policy-as-code draws and asks: the same rules in Rego and in CEL, by real engines, on the same manifests."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from drydock.concepts import checks
from drydock.concepts.catalogue import fixture
from drydock.concepts.drawing import LAYOUT, marks, names
from drydock.concepts.predict import Question
from drydock.figures import Figure
from drydock.figures.figure import COLOURS

RULES = ("image", "memory", "privileged", "replicas")
FAILURE_POLICIES = ("Fail", "Ignore")
REFUSES, ADMITS, ERROR, UNSEEN = "refuses", "admits", "error", "not looked at"
_PLURALS = {"Deployment": "deployments", "Pod": "pods"}


@cache
def manifests() -> Mapping[str, Mapping[str, Any]]:
    """The workloads by name, in the order of their file."""
    import yaml

    found = yaml.safe_load_all(fixture("policy/workloads.yaml"))
    return {one["metadata"]["name"]: one for one in found}


@cache
def policy(careful: bool) -> Mapping[str, Any]:
    """The ValidatingAdmissionPolicy of the file: the careful one, or the one that was written in haste."""
    import yaml

    name = "workloads-policy" if careful else "workloads-hasty-policy"
    found: Mapping[str, Any] = yaml.safe_load(fixture(f"policy/{name}.yaml"))
    return found


def matched(manifest: Mapping[str, Any], careful: bool = True) -> bool:
    """Whether the policy's matchConstraints have objects of this kind."""
    group, _, version = manifest["apiVersion"].rpartition("/")
    return any(
        group in rule["apiGroups"]
        and version in rule["apiVersions"]
        and _PLURALS[manifest["kind"]] in rule["resources"]
        for rule in policy(careful)["spec"]["matchConstraints"]["resourceRules"]
    )


@cache
def _rego(careful: bool) -> tuple[Any, Any]:
    """An interpreter with the module of the file, and the query for its violations, compiled."""
    import regopy

    interpreter = regopy.Interpreter()
    name = "workloads" if careful else "workloads-hasty"
    interpreter.add_module(name, fixture(f"policy/{name}.rego"))
    return interpreter, interpreter.build("data.workloads.violation")


@cache
def rego(name: str, careful: bool, min_replicas: int) -> tuple[tuple[str, str], ...]:
    """(rule, message) of each violation that the Rego module finds in a manifest."""
    interpreter, query = _rego(careful)
    interpreter.set_input({**manifests()[name], "minReplicas": min_replicas})
    [found] = interpreter.query_bundle(query).results[0].expressions
    return tuple(sorted((one["rule"], one["message"]) for one in found))


@cache
def _program(expression: str) -> Any:
    import celpy

    environment = celpy.Environment()
    return environment.program(environment.compile(expression))


@cache
def _values(name: str, careful: bool) -> Mapping[str, Any]:
    """What expressions are about: the object, and the policy's variables of it."""
    import celpy
    from celpy.adapter import json_to_cel

    values: dict[str, Any] = {"object": json_to_cel(dict(manifests()[name])), "variables": celpy.celtypes.MapType()}
    for variable in policy(careful)["spec"].get("variables", ()):
        found = _program(variable["expression"]).evaluate(values)
        values["variables"][celpy.celtypes.StringType(variable["name"])] = found
    return values


@cache
def _said(name: str, careful: bool, expression: str, min_replicas: int | None) -> str:
    from celpy.adapter import json_to_cel
    from celpy.evaluation import CELEvalError

    params = json_to_cel({"data": {"minReplicas": str(min_replicas)}})
    try:
        return ADMITS if _program(expression).evaluate({**_values(name, careful), "params": params}) else REFUSES
    except CELEvalError as error:
        return f"{ERROR}: {error.args[0]}"


def cel(name: str, careful: bool, min_replicas: int) -> dict[str, str]:
    """What each validation of the policy says of a manifest: "admits", "refuses", or "error: …" by the engine."""
    found = {}
    for validation in policy(careful)["spec"]["validations"]:
        expression = validation["expression"]
        given = min_replicas if "params" in expression else None
        found[validation["message"].partition(":")[0]] = _said(name, careful, expression, given)
    return found


def answers(name: str, careful: bool, min_replicas: int) -> dict[str, tuple[str, str]]:
    """By rule what Rego and CEL say of a manifest. What the policy does not match is "not looked at" by either."""
    if not matched(manifests()[name], careful):
        return dict.fromkeys(RULES, (UNSEEN, UNSEEN))
    broken = {rule for rule, _ in rego(name, careful, min_replicas)}
    said = cel(name, careful, min_replicas)
    return {rule: (REFUSES if rule in broken else ADMITS, said[rule]) for rule in RULES}


def admitted(name: str, careful: bool, min_replicas: int, failure_policy: str) -> tuple[bool, bool]:
    """Whether a manifest comes through by Rego, and by CEL where an error counts as the failure policy has it."""
    given = answers(name, careful, min_replicas).values()
    errors = failure_policy == "Ignore"
    return (
        all(one != REFUSES for one, _ in given),
        all(other != REFUSES and (errors or not other.startswith(ERROR)) for _, other in given),
    )


def _check(careful: bool, min_replicas: int, failure_policy: str) -> None:
    checks.whole("min_replicas", min_replicas, 0, 100)
    if not isinstance(careful, bool):
        raise ValueError(f"careful is True or False, not {careful!r}.")
    if failure_policy not in FAILURE_POLICIES:
        raise ValueError(f"failure_policy is Fail or Ignore, not {failure_policy!r}.")


def question(min_replicas: int) -> Question:
    """How many manifests the hasty Rego lets through that the careful one refuses. Raises ValueError."""
    _check(True, min_replicas, "Fail")
    come = [name for name in manifests() if admitted(name, False, min_replicas, "Fail")[0]]
    missed = [name for name in come if not admitted(name, True, min_replicas, "Fail")[0]]
    return Question(
        f"Two Rego files of this notebook have the same four rules for Deployments, at least {min_replicas} replicas "
        "among them. The one above was written in haste. How many of the eight Deployments does it let through that "
        "the careful one refuses?",
        len(missed),
        f"These: {', '.join(missed)}. What is not there makes a condition of Rego neither true nor false, and the rule "
        "says nothing; the other gaps are images that no rule looks at.",
    )


_SYMBOLS = {
    "both refuse": ("x", COLOURS[5]),
    "both admit": ("circle", COLOURS[2]),
    "Rego admits, CEL fails": ("diamond", COLOURS[1]),
    "they differ otherwise": ("square", COLOURS[3]),
    UNSEEN: ("line-ew-open", COLOURS[7]),
}


def _mark(said: tuple[str, str]) -> str:
    if said[0] == UNSEEN:
        return UNSEEN
    if said[0] == said[1]:
        return "both refuse" if said[0] == REFUSES else "both admit"
    if said[0] == ADMITS and said[1].startswith(ERROR):
        return "Rego admits, CEL fails"
    return "they differ otherwise"


def verdicts(careful: bool, min_replicas: int, failure_policy: str) -> Figure:
    """What both languages say of each manifest and rule. Raises ValueError.

    Raises AssertionError where the careful rules differ in the two languages.
    """
    _check(careful, min_replicas, failure_policy)
    said = {name: answers(name, careful, min_replicas) for name in manifests()}
    points: dict[str, list[tuple[str, str]]] = {mark: [] for mark in _SYMBOLS}
    for name, rules in said.items():
        for rule, pair in rules.items():
            assert not careful or pair[0] == pair[1], f"{name}, {rule}: Rego {pair[0]}, CEL {pair[1]}"
            points[_mark(pair)].append((rule, name))
    through = {name: admitted(name, careful, min_replicas, failure_policy) for name in said}
    by_rego, by_cel = (sum(one[place] for one in through.values()) for place in (0, 1))
    return Figure(
        f"{'Careful' if careful else 'Hasty'} rules, {min_replicas} replicas at least, failurePolicy {failure_policy}: "
        f"{by_rego} of {len(said)} come through by Rego, {by_cel} by CEL",
        ("Manifest", "By Rego", "By CEL", "Why (Rego; CEL)"),
        [
            (
                name,
                *("through" if one else "refused" for one in through[name]),
                _why(name, said[name], careful, min_replicas),
            )
            for name in said
        ],
        [
            marks(mark, found, symbol=_SYMBOLS[mark][0], colour=_SYMBOLS[mark][1], size=15)
            for mark, found in points.items()
            if found
        ],
        {
            **LAYOUT,
            "height": 440,
            "xaxis": names("rule", RULES),
            "yaxis": names("manifest", reversed(said)),
        },
    )


def _why(name: str, said: Mapping[str, tuple[str, str]], careful: bool, min_replicas: int) -> str:
    if not matched(manifests()[name], careful):
        return "the policy is for Deployments, and this is none"
    by_rego = ", ".join(message for _, message in rego(name, careful, min_replicas))
    by_cel = ", ".join(f"{rule} {other}" for rule, (_, other) in said.items() if other != ADMITS)
    return f"{by_rego or 'nothing'}; {by_cel or 'nothing'}"


def undecided(name: str, min_replicas: int) -> Figure:
    """What the hasty rules say of a manifest, by language, and what becomes of an error. Raises ValueError."""
    _check(False, min_replicas, "Fail")
    return Figure(
        f"The hasty rules on `{name}`",
        ("Rule", "Rego", "CEL", "CEL, failurePolicy Fail", "CEL, failurePolicy Ignore"),
        [
            (rule, by_rego, by_cel, *(_after(by_cel, failure) for failure in FAILURE_POLICIES))
            for rule, (by_rego, by_cel) in answers(name, False, min_replicas).items()
        ],
    )


def _after(said: str, failure_policy: str) -> str:
    return said if not said.startswith(ERROR) else REFUSES if failure_policy == "Fail" else ADMITS


def engines() -> Figure:
    """Where each language runs in a cluster."""
    return Figure(
        "Where a rule is decided",
        ("", "CEL, ValidatingAdmissionPolicy", "Rego, by a webhook such as OPA Gatekeeper"),
        [
            ("runs in", "the API server", "pods of its own, called for each request"),
            ("there since", "Kubernetes 1.30 (stable)", "years; also before a cluster, on files"),
            (
                "when it cannot decide",
                "failurePolicy, Fail unless said otherwise",
                "failurePolicy of the webhook: Ignore as Gatekeeper is installed, Fail where nothing is said",
            ),
            (
                "waits at most",
                "a bound on the cost of each expression",
                "timeoutSeconds of the webhook: 3 as Gatekeeper is installed, 10 where nothing is said",
            ),
            ("other objects", "only parameters and the namespace", "what is synchronised into it"),
            ("can change objects", "MutatingAdmissionPolicy, another kind", "other kinds of the same project"),
        ],
    )
