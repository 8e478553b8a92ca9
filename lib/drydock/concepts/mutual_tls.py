"""What mutual-tls draws, asks and shows: two proxies, their certificates, and who refuses whom."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

from drydock.concepts import checks
from drydock.concepts.drawing import LAYOUT, grid
from drydock.concepts.envoy_lab import Upstream, ask, cluster, envoy, static
from drydock.concepts.predict import Question
from drydock.embedded.carriers.envoy import Resource
from drydock.figures import Figure
from drydock.figures.figure import COLOURS
from drydock.policy.mesh import tls
from drydock.policy.mesh.tls import Certificate, Check, Renewals, Side
from drydock.pricing import MONTH_HOURS, PRICES

if TYPE_CHECKING:
    from cryptography import x509

OURS, THEIRS = "our CA", "another CA"
SERVER, CLIENT, STRANGER = "orders.internal", "shop.internal", "reports.internal"
HOUR = 3600.0
LONGEST = 24 * 400
"""Hours that a certificate may live, and its issuer be away."""
SHORT_LIVED = 7
"""Days that a certificate of a CA in short-lived mode lives at most (AWS Private CA, documented)."""

CLIENT_SHOWS = {
    "nothing": None,
    "a certificate of our CA": Certificate(frozenset({CLIENT}), OURS, -HOUR, HOUR),
    "one of our CA for another service": Certificate(frozenset({STRANGER}), OURS, -HOUR, HOUR),
    "one of our CA that has expired": Certificate(frozenset({CLIENT}), OURS, -2 * HOUR, -HOUR),
    "one of another CA": Certificate(frozenset({CLIENT}), THEIRS, -HOUR, HOUR),
}
"""What the client's proxy can show of itself; moments are from now."""
SERVER_ASKS = {
    "nothing": Side(),
    "a certificate, if there is one": Side(check=Check(frozenset({OURS}))),
    "a certificate of our CA": Side(check=Check(frozenset({OURS})), required=True),
    "one of our CA for the shop": Side(check=Check(frozenset({OURS}), frozenset({CLIENT})), required=True),
}
"""What the server's proxy asks of the client."""
CLIENT_CHECKS = {
    "our CA and the name": Check(frozenset({OURS}), frozenset({SERVER})),
    "our CA": Check(frozenset({OURS})),
    "another CA": Check(frozenset({THEIRS})),
    "our CA and another name": Check(frozenset({OURS}), frozenset({STRANGER})),
    "nothing": None,
}
"""What the client's proxy checks of the server's certificate, which is of our CA and for `SERVER`."""
_SERVERS = Certificate(frozenset({SERVER}), OURS, -HOUR, HOUR)
_STATISTICS = {
    tls.NO_CERTIFICATE: "fail_verify_no_cert",
    tls.ISSUER: "fail_verify_error",
    tls.TIME: "fail_verify_error",
    tls.NAME: "fail_verify_san",
}
"""Envoy's counter for each reason."""


def outcome(client_shows: str, server_asks: str, client_checks: str) -> tuple[str, str] | None:
    """Who refuses and why, or None. Raises ValueError for a value that there is not."""
    for name, value, known in (
        ("client_shows", client_shows, CLIENT_SHOWS),
        ("server_asks", server_asks, SERVER_ASKS),
        ("client_checks", client_checks, CLIENT_CHECKS),
    ):
        if value not in known:
            raise ValueError(f"{name} is one of {', '.join(repr(one) for one in known)}; not {value!r}.")
    asks = SERVER_ASKS[server_asks]
    client = Side(CLIENT_SHOWS[client_shows], CLIENT_CHECKS[client_checks])
    return tls.refusal(client, Side(_SERVERS, asks.check, asks.required), 0)


def question() -> Question:
    """Whether the guide's listener refuses a client that shows nothing."""
    refused = outcome("nothing", "nothing", "our CA")
    assert refused is None
    return Question(
        "A server's proxy has a certificate, and its listener's TLS mode is STRICT. Nothing else is set for the "
        "listener. "
        "Some program in the network trusts the server's CA and has no certificate of its own. Does the server's "
        "proxy refuse it?",
        "no",
        "STRICT refuses connections without TLS. It asks for no certificate of the client. So anybody who speaks TLS "
        "gets in: the traffic is encrypted, and the server knows nothing of who calls. That is TLS as a web site has "
        "it. For mutual TLS the server has to ask for a certificate, require it, and check it.",
        choices=("yes", "no"),
    )


def said(refused: tuple[str, str] | None) -> str:
    return "200" if refused is None else f"{refused[0]} refuses: {refused[1]}"


def handshakes(client_shows: str, server_asks: str, client_checks: str) -> Figure:
    """Every certificate of a client against every demand of a server, the chosen one outlined. Raises ValueError."""
    chosen = outcome(client_shows, server_asks, client_checks)
    shown, asked = list(CLIENT_SHOWS), list(SERVER_ASKS)
    through = [[outcome(row, column, client_checks) is None for column in asked] for row in shown]
    assert all(row[3] <= row[2] <= row[1] <= row[0] for row in through), "a server that asks for more lets more in"
    x, y = asked.index(server_asks), shown.index(client_shows)
    square = {"type": "rect", "x0": x - 0.5, "x1": x + 0.5, "y0": y - 0.5, "y1": y + 0.5}
    return Figure(
        f"The client shows {client_shows}, the server asks for {server_asks}: {said(chosen)}",
        ("The client shows", *(f"Server asks: {one}" for one in asked)),
        [(row, *(said(outcome(row, column, client_checks)) for column in asked)) for row in shown],
        [
            grid(
                [
                    one.replace(", if", ",<br>if")
                    .replace("certificate of", "certificate<br>of")
                    .replace(" for", "<br>for")
                    for one in asked
                ],
                [one.replace(" that ", "<br>that ").replace(" for ", "<br>for ") for one in shown],
                through,
                words=("refused", "200"),
                no=COLOURS[5],
            )
        ],
        {
            "xaxis": {"title": {"text": "what the server asks for"}, "type": "category"},
            "yaxis": {"title": {"text": "what the client shows"}, "type": "category", "autorange": "reversed"},
            "shapes": [{**square, "line": {"color": "#8c959f", "width": 4}}],
            **LAYOUT,
            "margin": {"l": 190, "r": 20, "t": 55, "b": 90},
            "height": 440,
        },
    )


@dataclass(frozen=True)
class Authority:
    """A certificate authority that lives as long as the notebook's cell."""

    name: str
    key: Any
    certificate: x509.Certificate

    @property
    def pem(self) -> str:
        return _pem(self.certificate)


def authority(name: str, now: float) -> Authority:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    built = _builder(name, name, key.public_key(), now - 10 * HOUR, now + 10 * HOUR)
    built = built.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    return Authority(name, key, _signed(built, key))


def issue(by: Authority, wanted: Certificate, now: float) -> dict[str, Any]:
    """A certificate with its key as Envoy's TlsCertificate has them."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    [name] = wanted.names
    built = _builder(name, by.name, key.public_key(), now + wanted.begins, now + wanted.ends)
    built = built.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {
        "certificate_chain": {"inline_string": _pem(_signed(built, by.key))},
        "private_key": {"inline_string": secret.decode()},
    }


def _builder(name: str, issuer: str, key: Any, begins: float, ends: float) -> x509.CertificateBuilder:
    from datetime import UTC, datetime

    from cryptography import x509

    def called(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

    return (
        x509.CertificateBuilder()
        .subject_name(called(name))
        .issuer_name(called(issuer))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.fromtimestamp(begins, UTC))
        .not_valid_after(datetime.fromtimestamp(ends, UTC))
    )


def _signed(builder: x509.CertificateBuilder, key: Any) -> x509.Certificate:
    from cryptography.hazmat.primitives import hashes

    return builder.sign(key, hashes.SHA256())


def _pem(certificate: x509.Certificate) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM).decode()


class Keyring:
    """Our CA, another, and what they issue, all new and in memory."""

    def __init__(self, now: float) -> None:
        self._now = now
        self._authorities = {name: authority(name, now) for name in (OURS, THEIRS)}

    def context(self, side: Side) -> Resource:
        """Envoy's CommonTlsContext for this side."""
        found: Resource = {}
        if side.certificate is not None:
            found["tls_certificates"] = [issue(self._authorities[side.certificate.issuer], side.certificate, self._now)]
        if side.check is not None:
            pems = "".join(self._authorities[issuer].pem for issuer in sorted(side.check.issuers))
            found["validation_context"] = {"trusted_ca": {"inline_string": pems}}
            if side.check.names:
                found["validation_context"]["match_typed_subject_alt_names"] = [
                    {"san_type": "DNS", "matcher": {"exact": name}} for name in sorted(side.check.names)
                ]
        return found


_TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3."


def _socket(kind: str, context: Resource, **more: Any) -> Resource:
    return {
        "name": "tls",
        "typed_config": {"@type": f"{_TLS}{kind}TlsContext", "common_tls_context": context, **more},
    }


def measured(client_checks: str) -> Figure:
    """All handshakes between two ends of a real Envoy, with real certificates, beside what is computed.

    Raises ValueError; AssertionError where Envoy refuses others than the rule does, or for another reason.
    """
    outcome("nothing", "nothing", client_checks)
    cases = list(product(CLIENT_SHOWS, SERVER_ASKS))
    ring = Keyring(time.time())
    with Upstream(lambda _: 200) as app:
        config = static(
            {f"client{n}": {"cluster": f"server{n}"} for n in range(len(cases))},
            [cluster("app", app)],
            inner={f"server{n}": {"cluster": "app"} for n in range(len(cases))},
        )
        ends = {one["name"]: one for one in (*config["listeners"], *config["clusters"])}
        for number, (shows, asks) in enumerate(cases):
            server = Side(_SERVERS, SERVER_ASKS[asks].check)
            client = Side(CLIENT_SHOWS[shows], CLIENT_CHECKS[client_checks])
            listener = next(one for one in config["listeners"] if one["name"] == f"server{number}")
            listener["stat_prefix"] = f"server{number}"
            listener["filter_chains"][0]["transport_socket"] = _socket(
                "Downstream", ring.context(server), require_client_certificate=SERVER_ASKS[asks].required
            )
            ends[f"server{number}"]["transport_socket"] = _socket("Upstream", ring.context(client))
        with envoy(config) as proxy:
            statuses = [ask(proxy.url(f"client{number}"), 1)[0] for number in range(len(cases))]
            counters = proxy.stats(r"^(listener\.server|cluster\.server).*ssl\.fail_verify")
    rows, through = [], 0
    for number, (shows, asks) in enumerate(cases):
        computed = outcome(shows, asks, client_checks)
        counted = _who(counters, number)
        assert (statuses[number] == 200) is (computed is None), f"{shows}, {asks}: {statuses[number]}, not {computed}"
        if computed is not None:
            assert counted == (computed[0], _STATISTICS[computed[1]]), f"{shows}, {asks}: {counted}, not {computed}"
        through += computed is None
        rows.append((shows, asks, said(computed), statuses[number], " ".join(counted) if counted else ""))
    return Figure(
        f"The client checks {client_checks}: {through} of {len(cases)} handshakes come about",
        ("The client shows", "The server asks for", "Computed", "Envoy answers", "Envoy's counter"),
        rows,
    )


def _who(counters: dict[str, int], number: int) -> tuple[str, str] | None:
    for side, prefix in (("client", f"cluster.server{number}."), ("server", f"listener.server{number}.")):
        for name, value in counters.items():
            if name.startswith(prefix) and value:
                return side, name.rpartition(".")[2]
    return None


def life(lifetime_hours: int, renew_after_hours: int, outage_hours: int, days: int = 14) -> Figure:
    """Certificates one after the other, and the issuer away once at the worst moment. Raises ValueError."""
    checks.whole("lifetime_hours", lifetime_hours, 1, LONGEST)
    checks.whole("renew_after_hours", renew_after_hours, 1, lifetime_hours)
    checks.whole("outage_hours", outage_hours, 0, LONGEST)
    hours = max(24 * days, 3 * lifetime_hours, 2 * (renew_after_hours + outage_hours))
    found = Renewals(lifetime_hours, renew_after_hours, renew_after_hours, outage_hours)
    issued = list(found.issued(hours))
    none = found.without(hours)
    assert (none > 0) is (outage_hours > found.reserve), "an outage that the reserve covers was noticed"
    shown = issued[:12]
    return Figure(
        f"The issuer is away for {outage_hours} h when a renewal is due: {none} h without a valid certificate",
        ("Certificate", "Issued at hour", "Over at hour", "Hours before the end of the one before"),
        [
            (number, start, start + lifetime_hours, shown[number - 2] + lifetime_hours - start if number > 1 else "")
            for number, start in enumerate(shown, start=1)
        ],
        [
            {
                "type": "bar",
                "orientation": "h",
                "name": "valid",
                "y": [f"certificate {number}" for number in range(1, len(shown) + 1)],
                "base": shown,
                "x": [lifetime_hours] * len(shown),
            }
        ],
        {
            **LAYOUT,
            "xaxis": {"title": {"text": "hours"}},
            "yaxis": {"title": {"text": ""}, "autorange": "reversed", "type": "category"},
            "showlegend": False,
            "shapes": [
                {
                    "type": "rect",
                    "x0": renew_after_hours,
                    "x1": renew_after_hours + outage_hours,
                    "y0": 0,
                    "y1": 1,
                    "yref": "paper",
                    "fillcolor": COLOURS[5],
                    "opacity": 0.3,
                    "layer": "below",
                    "line": {"width": 0},
                }
            ],
            "margin": {**LAYOUT["margin"], "l": 110},
        },
    )


def bill(services: int, renew_after_hours: int) -> Figure:
    """The certificate authority, and how many certificates it issues in a month. Raises ValueError."""
    checks.whole("services", services, 1)
    checks.whole("renew_after_hours", renew_after_hours, 1)
    issued = f"{services * MONTH_HOURS / renew_after_hours:,.1f}"
    rows = []
    for mode, longest, days in (("general-purpose", "any", None), ("short-lived", f"{SHORT_LIVED} days", SHORT_LIVED)):
        price = PRICES[f"private certificate authority, {mode}"]
        over = days is not None and renew_after_hours > 24 * days
        rows.append((mode, longest, f"{price.usd:,.0f}", "it is over before it is renewed" if over else issued))
    dated = PRICES["private certificate authority, short-lived"]
    return Figure(
        f"AWS Private CA, {services} certificates, each anew after {renew_after_hours} h. {dated.region}, {dated.date}",
        ("Mode", "Lifetime at most", "USD a month for the CA", "Certificates a month on average, not priced here"),
        rows,
    )
