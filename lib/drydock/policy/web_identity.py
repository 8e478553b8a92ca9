"""What STS does with a token of a Kubernetes service account, and when tokens and credentials are renewed.

Sources: STS API Reference, *AssumeRoleWithWebIdentity* (its errors, duration); IAM user guide, "Create an OpenID
Connect (OIDC) identity provider in IAM" (documented). The texts of the errors, and the order in which they are looked
for, were observed. Renewal by the kubelet: Amazon EKS user guide, "IAM roles for service accounts", and Kubernetes,
pkg/kubelet/token/token_manager.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from drydock.policy.trust import decide

ACTION = "sts:AssumeRoleWithWebIdentity"
AUDIENCE = "sts.amazonaws.com"
TOKEN_SECONDS = 86_400
"""expirationSeconds that the webhook of EKS asks for. Source: aws/amazon-eks-pod-identity-webhook, README."""
SESSION_SECONDS = 3_600
"""DurationSeconds of AssumeRoleWithWebIdentity where nobody says otherwise; 900 at least (documented)."""
REFRESH_PART, REFRESH_AGE = 0.8, 24 * 3_600
"""The kubelet renews a token that is older than this part of its life, or than so many seconds (documented)."""


@dataclass(frozen=True)
class Provider:
    """An OIDC identity provider as IAM has it. `issuer` is a URL; `client_ids` are the audiences it lets through."""

    account: str
    issuer: str
    client_ids: tuple[str, ...] = (AUDIENCE,)

    @property
    def host(self) -> str:
        return self.issuer.removeprefix("https://")

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::{self.account}:oidc-provider/{self.host}"


@dataclass(frozen=True)
class Answer:
    """What STS answers: "" or the code of its error, and in words why."""

    code: str
    why: str

    @property
    def admitted(self) -> bool:
        return not self.code


def assume(claims: Mapping[str, Any] | None, providers: Mapping[str, Provider], document: str, *, now: float) -> Answer:
    """What STS answers to a token with these claims. `providers` by their issuer; `now` in seconds of Unix time.

    claims  None where the signature is not by a key of the issuer. A token with several audiences is refused
            here: what STS makes of one is not documented. In which words it refuses one that lacks a claim is ours.
    """
    if claims is None:
        return Answer("InvalidIdentityToken", "the signature is by none of the issuer's keys")
    if absent := [name for name in ("iss", "exp", "aud", "sub") if name not in claims]:
        return Answer("InvalidIdentityToken", f"the token does not say {', '.join(absent)}")
    provider = providers.get(claims["iss"])
    if provider is None:
        return Answer("InvalidIdentityToken", f"No OpenIDConnect provider found in your account for {claims['iss']}")
    if now >= claims["exp"]:
        return Answer("ExpiredTokenException", f"the token expired {now - claims['exp']:.0f} s ago")
    audiences = [claims["aud"]] if isinstance(claims["aud"], str) else list(claims["aud"])
    if len(audiences) != 1 or audiences[0] not in provider.client_ids:
        return Answer("InvalidIdentityToken", f"Incorrect token audience: {', '.join(audiences)}")
    context = {f"{provider.host}:aud": audiences[0], f"{provider.host}:sub": claims["sub"]}
    decision = decide(document, "Federated", provider.arn, [ACTION], context)
    return Answer("" if decision.allowed else "AccessDenied", "; ".join(decision.reasons))


def renewed_at(life: float) -> float:
    """Age in seconds at which the kubelet renews a token that lives for `life` seconds; it adds a few at random.

    >>> renewed_at(3600)
    2880.0
    """
    return min(life * REFRESH_PART, REFRESH_AGE)
