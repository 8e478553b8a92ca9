"""The same rules in Rego and in CEL, by real engines. To import cel-python starts a process, `uname`."""

from __future__ import annotations

import pytest

from drydock.concepts import policy_as_code as policies

REFUSED = {
    "latest": "image",
    "untagged": "image",
    "migrated": "image",
    "unbounded": "memory",
    "privileged": "privileged",
    "alone": "replicas",
}


@pytest.mark.parametrize("name", [*REFUSED, "cart", "pinned"])
def test_both_languages_refuse_a_manifest_for_the_one_rule_that_it_breaks(name: str) -> None:
    said = policies.answers(name, True, 2)
    assert {rule: by_rego for rule, (by_rego, _) in said.items()} == {
        rule: by_cel for rule, (_, by_cel) in said.items()
    }
    assert [rule for rule, (by_rego, _) in said.items() if by_rego == "refuses"] == [
        rule for rule in [REFUSED.get(name)] if rule
    ]


def test_what_is_missing_is_silence_in_rego_and_an_error_in_cel() -> None:
    assert policies.rego("alone", False, 2) == ()
    assert policies.cel("alone", False, 2)["replicas"] == "error: no such member in mapping: 'replicas'"
    assert policies.admitted("alone", False, 2, "Fail") == (True, False)
    assert policies.admitted("alone", False, 2, "Ignore") == (True, True)


def test_a_policy_for_deployments_does_not_look_at_a_pod() -> None:
    assert set(policies.answers("bare", True, 2).values()) == {("not looked at", "not looked at")}
    assert policies.question(2).answer == 4
