"""What STS makes of a service account's token, and when the kubelet renews it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drydock.policy.web_identity import ACTION, Provider, assume, renewed_at

ISSUER = "https://oidc.eks.eu-west-1.amazonaws.com/id/A1"
PROVIDER = Provider("123456789012", ISSUER)
CART = "system:serviceaccount:shop:cart"
CLAIMS = {"iss": ISSUER, "aud": ["sts.amazonaws.com"], "sub": CART, "exp": 1000}
DOCUMENT = json.dumps(
    {
        "Statement": {
            "Effect": "Allow",
            "Principal": {"Federated": PROVIDER.arn},
            "Action": ACTION,
            "Condition": {"StringEquals": {f"{PROVIDER.host}:sub": CART}},
        }
    }
)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({}, ""),
        ({"aud": "sts.amazonaws.com"}, ""),
        ({"sub": "system:serviceaccount:shop:debug"}, "AccessDenied"),
        ({"aud": ["vault"]}, "InvalidIdentityToken"),
        ({"aud": ["sts.amazonaws.com", "vault"]}, "InvalidIdentityToken"),
        ({"iss": "https://oidc.eks.eu-west-1.amazonaws.com/id/B2"}, "InvalidIdentityToken"),
        ({"exp": 500}, "ExpiredTokenException"),
    ],
)
def test_a_token_is_looked_at_before_the_trust_policy(changed: dict[str, Any], code: str) -> None:
    assert assume({**CLAIMS, **changed}, {ISSUER: PROVIDER}, DOCUMENT, now=500).code == code


def test_a_signature_of_somebody_else_is_no_token() -> None:
    assert assume(None, {ISSUER: PROVIDER}, DOCUMENT, now=500).code == "InvalidIdentityToken"


def test_without_an_audience_in_the_policy_the_providers_list_decides() -> None:
    """A token for Vault is let through once the provider lists Vault, too: the policy asks for `sub` alone."""
    token = {**CLAIMS, "aud": ["vault"]}
    wider = Provider(PROVIDER.account, ISSUER, ("sts.amazonaws.com", "vault"))
    assert not assume(token, {ISSUER: PROVIDER}, DOCUMENT, now=500).admitted
    assert assume(token, {ISSUER: wider}, DOCUMENT, now=500).admitted


@pytest.mark.parametrize(
    ("age", "life", "renewed"),
    [(10 * 60, 60 * 60, False), (50 * 60, 60 * 60, True), (25 * 3600, 60 * 3600, True), (70 * 60, 60 * 60, True)],
)
def test_the_kubelet_renews_as_upstream_expects(age: float, life: float, renewed: bool) -> None:
    """kubernetes/kubernetes, pkg/kubelet/token/token_manager_test.go, TestRequiresRefresh."""
    assert (age >= renewed_at(life)) is renewed


@settings(max_examples=50)
@given(
    st.sampled_from([None, None, None, *CLAIMS]), st.sampled_from([CART, CART, "system:serviceaccount:shop:web"]),
    st.sampled_from([["sts.amazonaws.com"], ["sts.amazonaws.com"], ["vault"], [], ["sts.amazonaws.com", "vault"]]),
    st.integers(990, 1010),
)  # fmt: skip
def test_only_a_whole_token_of_its_subject_for_sts_is_let_in_and_only_while_it_is_valid(
    missing: str | None, subject: str, audiences: list[str], now: int
) -> None:
    claims = {name: value for name, value in {**CLAIMS, "sub": subject, "aud": audiences}.items() if name != missing}
    answer = assume(claims, {ISSUER: PROVIDER}, DOCUMENT, now=now)
    right = not missing and subject == CART and audiences == ["sts.amazonaws.com"] and now < 1000
    assert answer.admitted is right
    assert answer.why
    assert not missing or answer.code == "InvalidIdentityToken"


@settings(max_examples=50)
@given(st.floats(1, 1e7), st.floats(0, 1e6))
def test_a_token_is_renewed_before_it_expires_and_within_a_day(life: float, more: float) -> None:
    assert 0 < renewed_at(life) <= min(0.8 * life, 86_400)
    assert renewed_at(life) <= renewed_at(life + more)
