"""What irsa-and-pod-identity draws, asks and shows: tokens that are really signed, and the policies they meet."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from drydock.concepts import checks
from drydock.concepts.drawing import LAYOUT, marks, names
from drydock.concepts.predict import Question
from drydock.figures import Figure
from drydock.figures.figure import COLOURS
from drydock.policy.trust import decide
from drydock.policy.web_identity import (
    ACTION,
    AUDIENCE,
    SESSION_SECONDS,
    TOKEN_SECONDS,
    Answer,
    Provider,
    assume,
    renewed_at,
)

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

ACCOUNT = "123456789012"
REGION = "eu-west-1"
NAMESPACE, NAME = "shop", "cart"
ISSUED = 1_798_761_600
"""When every token here was issued, in seconds of Unix time: 2027-01-01 00:00 UTC."""
OTHER_AUDIENCE = "vault"
PODS = "pods.eks.amazonaws.com"
POLICIES = ("sub and aud", "sub", "aud", "sub like *:cart", "sub equals *:cart")
LIMITS = (2048, 4096)
"""Characters of a trust policy by default, and as far as the quota is raised here. Source: AWS, IAM quotas."""


def issuer(cluster: str) -> str:
    """The issuer of a cluster, as EKS forms it; the part after id/ is made up."""
    return f"https://oidc.eks.{REGION}.amazonaws.com/id/{cluster.upper():0<32}"


@dataclass(frozen=True)
class Caller:
    """Somebody who sends a token to STS. `forged`: signed with a key that is not the cluster's."""

    who: str
    subject: str
    cluster: str = "A1"
    audience: str = AUDIENCE
    forged: bool = False
    meant: bool = False


def _account(namespace: str, name: str) -> str:
    return f"system:serviceaccount:{namespace}:{name}"


CALLERS = (
    Caller("cart in shop, the one that is meant", _account(NAMESPACE, NAME), meant=True),
    Caller("its token for Vault", _account(NAMESPACE, NAME), audience=OTHER_AUDIENCE),
    Caller("debug in shop", _account(NAMESPACE, "debug")),
    Caller("cart in dev", _account("dev", NAME)),
    Caller("cart in shop, another cluster", _account(NAMESPACE, NAME), cluster="B2"),
    Caller("cart in shop, forged", _account(NAMESPACE, NAME), forged=True),
)


def claims_of(caller: Caller, *, life: int = TOKEN_SECONDS) -> dict[str, Any]:
    """What a projected token says, in the shape that Kubernetes gives it. `life` in seconds."""
    namespace, name = caller.subject.split(":")[2:]
    return {
        "aud": [caller.audience],
        "exp": ISSUED + life,
        "iat": ISSUED,
        "iss": issuer(caller.cluster),
        "kubernetes.io": {
            "namespace": namespace,
            "node": {"name": "node-1"},
            "pod": {"name": f"{name}-0"},
            "serviceaccount": {"name": name},
        },
        "nbf": ISSUED,
        "sub": caller.subject,
    }


@cache
def _key(name: str) -> RSAPrivateKey:
    from cryptography.hazmat.primitives.asymmetric import rsa

    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def token(caller: Caller, *, life: int = TOKEN_SECONDS) -> str:
    """The caller's token, signed RS256 by its cluster's key, which is new in each process."""
    import jwt

    signed_by = "somebody else" if caller.forged else caller.cluster
    return jwt.encode(claims_of(caller, life=life), _key(signed_by), algorithm="RS256", headers={"kid": caller.cluster})


@cache
def jwks(cluster: str) -> Mapping[str, Any]:
    """The cluster's public keys as it publishes them: a JSON Web Key Set."""
    from jwt.algorithms import RSAAlgorithm

    public = RSAAlgorithm.to_jwk(_key(cluster).public_key(), as_dict=True)
    modulus = {name: public[name] for name in ("kty", "n", "e")}
    return {"keys": [{**modulus, "kid": cluster, "alg": "RS256", "use": "sig"}]}


@cache
def verified(sent: str) -> dict[str, Any] | None:
    """The claims of a token, or None where no key of its issuer has signed it. Its time is not looked at."""
    import jwt

    header = jwt.get_unverified_header(sent)
    keys = {key.key_id: key.key for key in jwt.PyJWKSet.from_dict(dict(jwks(header["kid"]))).keys}
    options: Any = {"verify_aud": False, "verify_exp": False, "verify_nbf": False, "verify_iat": False}
    try:
        return jwt.decode(sent, keys[header["kid"]], algorithms=["RS256"], options=options)
    except jwt.InvalidSignatureError:
        return None


def policy(kind: str, clusters: Sequence[str] = ("A1",)) -> str:
    """A trust policy of this kind, one statement for each cluster. Raises ValueError for a kind that there is not."""
    if kind not in POLICIES:
        raise ValueError(f"policy is one of {', '.join(POLICIES)}, not {kind!r}.")
    return json.dumps({"Version": "2012-10-17", "Statement": [_statement(kind, cluster) for cluster in clusters]})


def _statement(kind: str, cluster: str) -> dict[str, Any]:
    provider = Provider(ACCOUNT, issuer(cluster))
    audience = {f"{provider.host}:aud": AUDIENCE}
    subject = {f"{provider.host}:sub": _account(NAMESPACE, NAME)}
    anywhere = {f"{provider.host}:sub": _account("*", NAME)}
    condition = {
        "sub and aud": {"StringEquals": {**subject, **audience}},
        "sub": {"StringEquals": subject},
        "aud": {"StringEquals": audience},
        "sub like *:cart": {"StringLike": anywhere, "StringEquals": audience},
        "sub equals *:cart": {"StringEquals": {**anywhere, **audience}},
    }[kind]
    return {"Effect": "Allow", "Principal": {"Federated": provider.arn}, "Action": ACTION, "Condition": condition}


def answer(caller: Caller, kind: str, *, vault: bool, hours: int, life: int = TOKEN_SECONDS) -> Answer:
    """What STS answers `hours` after the token was issued. `vault`: IAM's provider lists that audience, too."""
    known = Provider(ACCOUNT, issuer("A1"), (AUDIENCE, OTHER_AUDIENCE) if vault else (AUDIENCE,))
    claims = verified(token(caller, life=life))
    return assume(claims, {known.issuer: known}, policy(kind), now=ISSUED + 3600 * hours)


def question(kind: str, *, vault: bool) -> Question:
    """How many of the callers get the role. Raises ValueError."""
    admitted = [one for one in CALLERS if answer(one, kind, vault=vault, hours=1).admitted]
    listed = f"{AUDIENCE} and {OTHER_AUDIENCE}" if vault else AUDIENCE
    return Question(
        f"The trust policy of a role asks for `{kind}`. The identity provider in IAM lists the audiences {listed}. Six "
        f"callers send a token that is an hour old: {'; '.join(one.who for one in CALLERS)}. How many get the role?",
        len(admitted),
        f"These do: {'; '.join(one.who for one in admitted) or 'none'}. The others are refused by the signature, by "
        "the provider's list, or by a condition.",
    )


def shown(caller: Caller) -> Figure:
    """A caller's token, taken apart."""
    import jwt

    sent = token(caller)
    _, body, signature = sent.split(".")
    claims = verified(sent)
    assert claims is not None and claims == json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    rows: list[tuple[str, str, str]] = [
        ("header", "alg", str(jwt.get_unverified_header(sent)["alg"])),
        ("header", "kid", f"{caller.cluster}: which of the cluster's keys has signed it"),
        *(("claims", name, json.dumps(value)) for name, value in claims.items()),
        ("signature", "", f"{len(base64.urlsafe_b64decode(signature + '=='))} bytes, good by the cluster's JWKS"),
    ]
    return Figure("The token in the pod's file, decoded", ("Part", "Name", "Value"), rows)


def published(cluster: str) -> Figure:
    """The cluster's JWKS. The modulus is another one in each process, so only its length is told."""
    [key] = jwks(cluster)["keys"]
    rows = [
        (name, f"{len(value)} characters, base64url" if name == "n" else value) for name, value in sorted(key.items())
    ]
    return Figure(f"{issuer(cluster)}/keys", ("Name", "Value"), rows)


_MARKS = {
    "gets the role": ("circle", COLOURS[2]),
    "gets it, and should not": ("x", COLOURS[5]),
    "is refused": ("line-ew-open", COLOURS[7]),
    "is refused, and should not be": ("circle-open", COLOURS[1]),
}


def _mark(caller: Caller, *, admitted: bool) -> str:
    given, not_meant, refused, locked_out = _MARKS
    return (given if caller.meant else not_meant) if admitted else (locked_out if caller.meant else refused)


def callers(policy: str, vault: bool, token_hours: int) -> Figure:
    """Who gets the role by each of the policies; the table has STS's answers by the chosen one.

    Raises ValueError for a policy that there is not, for hours that are none, or where `vault` is not true or false.
    """
    checks.whole("token_hours", token_hours, 0, 48)
    if not isinstance(vault, bool):
        raise ValueError(f"vault is True or False, not {vault!r}.")
    answers = {one: answer(one, policy, vault=vault, hours=token_hours) for one in CALLERS}
    points: dict[str, list[tuple[str, str]]] = {name: [] for name in _MARKS}
    for kind in POLICIES:
        for one in CALLERS:
            admitted = answer(one, kind, vault=vault, hours=token_hours).admitted
            points[_mark(one, admitted=admitted)].append((kind, one.who))
    data = [
        marks(name, found, symbol=symbol, colour=colour, size=18)
        for (name, found), (symbol, colour) in zip(points.items(), _MARKS.values(), strict=True)
        if found
    ]
    number = sum(one.admitted for one in answers.values())
    return Figure(
        f"Policy asks for {policy}, token of {token_hours} h: {number} of {len(CALLERS)} get the role",
        ("Caller", "STS answers", "Why"),
        [(one.who, given.code or "credentials", given.why) for one, given in answers.items()],
        data,
        {
            **LAYOUT,
            "margin": {**LAYOUT["margin"], "t": 130},  # in a narrow window the legend has four lines
            "height": 445,
            "xaxis": names("what the trust policy asks for", POLICIES),
            "yaxis": names("who calls", (one.who for one in reversed(CALLERS))),
        },
    )


def renewals(lives: Sequence[int]) -> Figure:
    """When a token of each life, in seconds, is renewed, and how often STS is asked in a day."""
    return Figure(
        "Tokens by how long they live",
        ("expirationSeconds", "Lives for", "Renewed by the kubelet after", "Left then"),
        [
            (f"{life:,}", *(f"{seconds / 60:,g} min" for seconds in (life, renewed_at(life), life - renewed_at(life))))
            for life in lives
        ],
    )


def calls(pods: int, nodes: int) -> Figure:
    """Who asks STS or EKS Auth for credentials, for a service of so many pods. Raises ValueError."""
    checks.whole("pods", pods, 1)
    checks.whole("nodes", nodes, 1, pods)
    day = 24 * 3600 // SESSION_SECONDS
    return Figure(
        f"Pods: {pods} on {nodes} nodes, each with one process that calls AWS",
        ("", "IRSA", "EKS Pod Identity"),
        [
            ("who asks", "the SDK in each process", "the agent on each node"),
            ("whom", "STS, AssumeRoleWithWebIdentity", "EKS Auth, AssumeRoleForPodIdentity"),
            ("calls in a day at least", f"{pods * day:,}", "depends on the agent's cache; by node, not by process"),
            ("in IAM for each cluster", "1 identity provider, 1 statement in each role", "nothing"),
            ("in EKS for each cluster", "nothing", "1 association for each service account"),
            ("fee", "none", "none"),
        ],
    )


def clusters_that_fit(limit: int) -> int:
    """For how many clusters a trust policy with `sub and aud` has room in `limit` characters without blanks."""
    fit = 0
    while len(_compact(fit + 1)) <= limit:
        fit += 1
    return fit


def _compact(clusters: int) -> str:
    document = policy("sub and aud", [f"C{number:03}" for number in range(clusters)])
    return json.dumps(json.loads(document), separators=(",", ":"))


def sizes() -> Figure:
    """The room in a trust policy, by IAM's quota."""
    rows = [(f"{limit:,}", clusters_that_fit(limit), len(_compact(clusters_that_fit(limit)))) for limit in LIMITS]
    assert all(fit > 0 for _, fit, _ in rows)
    return Figure(
        "One role used from many clusters", ("Characters allowed", "Clusters that fit", "Characters used"), rows
    )


def pod_identity(namespace: str) -> Figure:
    """The trust policy of Pod Identity, for pods of two namespaces, without and with a condition on session tags."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": PODS},
        "Action": ["sts:AssumeRole", "sts:TagSession"],
    }
    condition = {"StringEquals": {"aws:RequestTag/kubernetes-namespace": namespace}}
    documents = {
        "as AWS shows it": statement,
        f"for {namespace} alone": {**statement, "Condition": condition},
        "without sts:TagSession": {**statement, "Action": "sts:AssumeRole"},
    }
    rows = []
    for name, one in documents.items():
        document = json.dumps({"Version": "2012-10-17", "Statement": one})
        for asking in (namespace, "dev"):
            context = {"aws:RequestTag/kubernetes-namespace": asking}
            decision = decide(document, "Service", PODS, ["sts:AssumeRole", "sts:TagSession"], context)
            rows.append((name, asking, "yes" if decision.allowed else "no", "; ".join(decision.reasons)))
    return Figure(
        "Pod Identity: may EKS assume the role for a pod that has an association?",
        ("Trust policy", "Namespace of the pod", "Allowed", "Statements"),
        rows,
    )
