"""What looks like a secret: by the name that it goes under, by its shape, or within a text.

Derived: the shapes are those that AWS, GitHub and others document for their keys and tokens; what a name says is what
programs call their passwords. ARNs, image digests, commit ids, UUIDs and the tokens of pages are no secrets.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache

HIDDEN = "(not shown)"

_RANDOM_BITS = 3.0
"""Bits a character from which a value under a name such as `token` is taken for a random one: words have fewer."""
_KEY_BITS = 4.5
"""Bits a character that words never have: 40 letters and digits with so many are taken for a secret access key."""

_PASSWORDS = r"password|passwd|passphrase|passwort"
_STRONG = re.compile(
    rf"{_PASSWORDS}|apikey|authtoken|accesstoken|refreshtoken|sessiontoken|bearertoken|clientsecret|privatekey"
    r"|secretkey|secretaccesskey|signingkey|encryptionkey|masterkey|sharedsecret|webhooksecret|jwtsecret|secretstring"
)
"""In a name, without its separators: whatever goes under it is secret, the dullest password too."""
_STRONG_WORDS = {"pwd", "pass", "pw"}
_WEAK_WORDS = {"token", "tokens", "secret", "secrets", "key", "keys", "credential", "credentials", "auth", "salt"}
_AMBIGUOUS = {"key", "keys", "secret", "secrets"}
"""By themselves these are more often the name of a tag, of an object or of a secret than a secret."""
_TOKEN = re.compile(r"(?=.*[a-z])(?=.*[A-Z])(?=.*\d)[A-Za-z0-9+/=]{12,}")
_OF_PAGES = re.compile(
    r"(next|starting|client|client_request|clientrequest|idempotency|continuation|pagination|creation|page|callerreference|task)_?token"
)
_ABOUT = {"id", "ids", "arn", "arns", "name", "names", "url", "uri", "path", "file", "dir", "alias", "type", "version",
          "ttl", "length", "size", "count", "expiry", "expires", "hours", "minutes", "seconds", "days", "policy",
          "from", "endpoint", "issuer", "algorithm", "usage", "state", "status", "enabled", "required"}  # fmt: skip
"""Last words of names under which there is something about a secret and not the secret."""
_REFERENCE = re.compile(r"arn:|\$\{|\{\{|\$\(|%[A-Z_]+%|/run/secrets/|ssm:|vault:|env:|file:|\(not|\(another|\(known")
_ARN = re.compile(r"\barn:aws[\w-]*:[^\s\"',;]*")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_DIGEST = re.compile(r"(sha\d+:)?([0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})", re.IGNORECASE)

_SHAPES = re.compile(
    r"""
      \b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b                                             # AWS access key ids
    | \b(?:IQoJb3JpZ2lu|FwoGZXIvYXdz|FQoGZXIvYXdz|FQoDYXdz)[A-Za-z0-9/+=]{20,}             # AWS session tokens
    | \b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{22,}|glpat-[\w-]{20,})                 # GitHub, GitLab
    | \bxox[abeoprs]-[A-Za-z0-9-]{10,}                                                     # Slack
    | \b(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,} | \bwhsec_[A-Za-z0-9+/=]{16,}             # Stripe
    | \bsk-[A-Za-z0-9_-]{20,}                                                              # OpenAI and its like
    | \bAIza[\w-]{35}\b | \bya29\.[\w-]{20,}                                               # Google
    | \bnpm_[A-Za-z0-9]{36}\b | \bpypi-AgE[\w-]{30,} | \bdckr_pat_[\w-]{20,}               # registries
    | \bSG\.[\w-]{16,}\.[\w-]{16,} | \bhv[sbr]\.[\w-]{20,} | \bAGE-SECRET-KEY-1[A-Z0-9]{20,}
    | \beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}                                              # JSON Web Tokens
    """,
    re.VERBOSE,
)
_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\Z)",
    re.DOTALL,
)
_AUTHORIZATION = re.compile(
    r"(?i)\bauthorization\\?[\"']?\s*[:=]\s*\\?[\"']?(?:(?:bearer|basic|token)\s+)?+(?P<secret>[^\s\"',;\\]{6,})"
    r"|\b(?:bearer|basic)\s+(?P<other>[\w.~+/-]{16,}=*)"
)
_URL = re.compile(
    r"(?<![A-Za-z0-9+.-])[A-Za-z][A-Za-z0-9+.-]*+://[^\s/:@\"'<>]*+:(?!\d{1,5}(?:[/?#\s]|$))(?P<secret>[^\s\"'<>]{1,1000})@"
)
_ACCESS_KEY = re.compile(r"(?<![A-Za-z0-9/+=])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])")
_BEFORE_A_VALUE = re.compile(
    r"""(?<![\w.-])(?P<assigned>[A-Za-z_][\w.-]*+)(?:\\?["'])?\s*[:=]\s*
      | (?<![\w-])--?(?P<flag>[A-Za-z][\w-]*+)\s+
      | \\?["']name\\?["']\s*:\s*\\?["'](?P<named>[^"'\\]+)\\?["'],\s*\\?["']value\\?["']\s*:\s*""",
    re.VERBOSE | re.IGNORECASE,
)
_VALUE = re.compile(r"""\\?"(?P<double>[^"\\]+)|'(?P<single>[^']+)|(?P<plain>[^\s"',;&|\\]+)""")


@lru_cache(maxsize=8192)
def is_secret(name: str, value: str) -> bool:
    """Whether a value is one that nobody is to see: by the name it goes under, or because there is one in its text."""
    if not value or _REFERENCE.match(value):
        return False
    return _goes_for_one(name, value) or hidden(value) != value


def says_secret(name: str) -> bool:
    """Whether whatever goes under that name is secret: "DB_PASSWORD", "clientSecret", "API_KEY"."""
    words = _words(name)
    if not words or words[-1] in _ABOUT or "public" in words:
        return False
    return bool(_STRONG.search("".join(words))) or bool(_STRONG_WORDS & set(words))


def hidden(text: str) -> str:
    """`text` with the secrets in it replaced by HIDDEN: keys, tokens, and passwords in URLs and after their names."""
    parts, done = [], 0
    for start, end in sorted(_found(text)):
        if end > done:
            parts += [text[done:start] if start >= done else "", "" if start < done else HIDDEN]
            done = end
    return "".join([*parts, text[done:]])


def _found(text: str) -> Iterator[tuple[int, int]]:
    """Where in the text there are secrets."""
    for shape in (_PRIVATE_KEY, _SHAPES):
        yield from (found.span() for found in shape.finditer(text))
    yield from (found.span() for found in _ACCESS_KEY.finditer(text) if _is_access_key(found[0]))
    for shape in (_URL, _AUTHORIZATION):
        for found in shape.finditer(text):
            group = next(name for name, value in found.groupdict().items() if value is not None)
            if not _REFERENCE.match(found[group]):
                yield found.span(group)
    arns = [found.span() for found in _ARN.finditer(text)]
    for found in _BEFORE_A_VALUE.finditer(text):
        name = next(filter(None, found.groups()))
        value = _VALUE.match(text, found.end()) if says_secret(name) or _weak(name) else None
        if value is None or any(start <= found.start() < end for start, end in arns):
            continue
        said = value[value.lastgroup or 0]
        if not _REFERENCE.match(said) and _goes_for_one(name, said):
            yield value.span(value.lastgroup or 0)


@lru_cache(maxsize=4096)
def _words(name: str) -> tuple[str, ...]:
    """The words of a name, in whatever way they are put together."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return tuple(word for word in re.split(r"[^a-z0-9]+", apart.lower()) if word)


def _goes_for_one(name: str, value: str) -> bool:
    """Whether that value under that name is a secret."""
    if says_secret(name):
        return True
    if len(_words(name)) == 1 and _words(name)[0] in _AMBIGUOUS:
        return bool(_TOKEN.fullmatch(value)) and _random(value)
    return _weak(name) and _random(value)


def _weak(name: str) -> bool:
    """Whether a random value under that name is a secret."""
    words = _words(name)
    if not words or words[-1] in _ABOUT or "public" in words or _OF_PAGES.search("_".join(words)):
        return False
    return bool(_WEAK_WORDS & set(words))


def _random(value: str) -> bool:
    """Whether a text is none that somebody has thought of, and neither a UUID nor a digest."""
    if len(value) < 8 or re.search(r"\s", value) or _UUID.fullmatch(value) or _DIGEST.fullmatch(value):
        return False
    has_both = re.search(r"\d", value) and re.search(r"[A-Za-z]", value)
    return _bits(value) >= (_RANDOM_BITS if has_both else _KEY_BITS)


def _is_access_key(text: str) -> bool:
    kinds = (r"[a-z]", r"[A-Z]", r"\d")
    return all(re.search(kind, text) for kind in kinds) and _bits(text) >= _KEY_BITS


def _bits(text: str) -> float:
    """Shannon's entropy of the characters, in bits for each."""
    counts = Counter(text).values()
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts)
