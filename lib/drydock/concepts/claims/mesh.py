"""What the guides say of App Mesh, weighted routes, retries, outlier detection and mutual TLS."""

from __future__ import annotations

from drydock.concepts.claims.claim import Claim, Verdict
from drydock.policy import traffic
from drydock.policy.mesh import outliers, retries
from drydock.policy.mesh.outliers import Detector, Host, Limit

MESH = "service mesh"
ROUTING = "weighted routing"
RETRIES = "retries"
OUTLIERS = "outlier detection"
MTLS = "mutual TLS"

_APP_MESH = "botocore 1.44.5, App Mesh API"

CLAIMS = (
    Claim(
        id="A70",
        lines="720–755, 802",
        subjects=(MESH, ROUTING),
        says="A route with weights 90 and 10 sends 10 % of the requests to the second version.",
        unit="%",
        said=0.10,
        today=lambda: {"share of weight 10 beside 90": traffic.shares({"v1": 90, "v2": 10})["v2"]},
        judged=(Verdict.OVERSIMPLIFIED,),
        holds="The share is right, the example is not: the virtual node of the second version is never created, and "
        "both nodes would select the same Cloud Map instances, because neither asks for attributes. Then both "
        "weights lead to the same tasks.",
        source=f"{_APP_MESH}, WeightedTarget and AwsCloudMapServiceDiscovery (documented)",
    ),
    Claim(
        id="A71",
        lines="699–755",
        subjects=(MESH, ROUTING),
        says="The virtual service is created first, then router, node and route.",
        judged=(Verdict.UNVERIFIABLE,),
        holds="The service names a router that is not there yet, and the route names a node that never comes. The "
        "other way round nothing is named before it exists: nodes, router, route, service. Whether App Mesh refused "
        "the guide's order cannot be tried any more.",
        source="derived from what each request names",
    ),
    Claim(
        id="A75",
        lines="806–824",
        subjects=(RETRIES,),
        says="A retry policy has maxRetries 3 and perRetryTimeout 2 s for server-error, gateway-error and "
        "connection-error.",
        today=lambda: {
            "attempts of one request": retries.attempts(1.0, 3),
            "ms until the last one ends at the latest": retries.slowest(3, 2000)[-1].ends,
            "requests over three calls that each retry": retries.load(1.0, 3, 3),
        },
        judged=(Verdict.RIGHT, Verdict.OVERSIMPLIFIED),
        holds="The names are right, and the attempts fit into the route's 15 s. What it leaves out: a retry is load "
        "for what is failing, each further call multiplies it, and a request that changes something may happen twice.",
        source=f"{_APP_MESH}, HttpRetryPolicy (documented); Envoy, router filter (documented)",
    ),
    Claim(
        id="A76",
        lines="843",
        subjects=(OUTLIERS,),
        says="A host that answers with 5 errors in 10 seconds is ejected.",
        judged=(Verdict.WRONG,),
        holds="maxServerErrors counts 5xx in a row, however long they take. The interval is that of the sweep, which "
        "lets hosts back in; it is no window to count in.",
        source=f"{_APP_MESH}, OutlierDetection (documented); Envoy, outlier detection (documented)",
    ),
    Claim(
        id="A77",
        lines="844",
        subjects=(OUTLIERS,),
        says="With maxEjectionPercent 50 never more than half of the hosts are ejected.",
        unit="%",
        said=0.50,
        today=lambda: {
            "one host of 1, as App Mesh documents it": outliers.most_out(1, 50, Limit.FIRST_FREE) / 1,
            "3 hosts, oldest Envoys": outliers.most_out(3, 50, Limit.BEFORE) / 3,
            "3 hosts, Envoy 1.31 and later": outliers.most_out(3, 50) / 3,
        },
        holds="App Mesh ejected at least one host, whatever the limit. The oldest Envoys could go over it by one host. "
        "Envoy 1.31 and later keep to it.",
        source=f"{_APP_MESH}, OutlierDetection (documented); Envoy's code and changelog of 1.31 (observed)",
    ),
    Claim(
        id="A78",
        lines="845",
        subjects=(OUTLIERS,),
        says="After 30 seconds the host is back.",
        said=30,
        today=lambda: {
            f"s, ejection {turn} in a row": Detector().ejection_time(Host(factor=turn)) for turn in (1, 2, 3, 10)
        },
        judged=(Verdict.OVERSIMPLIFIED,),
        holds="The time is the base times the ejections in a row, 300 s at most, and then until the next sweep. The "
        "factor falls by one with each sweep that the host stays in.",
        source="Envoy, outlier detection (documented) and its test EjectTimeBackoff (observed)",
    ),
    Claim(
        id="A79",
        lines="847–893",
        subjects=(MTLS,),
        says="A listener with TLS mode STRICT and a certificate, and clients that trust its CA, make mutual TLS.",
        judged=(Verdict.WRONG,),
        holds="That is one-way TLS. The listener has no validation, so it asks the client for nothing, and the client "
        "has no certificate to show. In App Mesh the client's could come from a file or an SDS, not from ACM.",
        source=f"{_APP_MESH}, ListenerTls and ClientTlsCertificate (documented); Envoy (observed)",
    ),
    Claim(
        id="A80",
        lines="685, 803, 892, 1266",
        subjects=(MTLS,),
        says="With a mesh, mutual TLS is automatic, rotation of certificates included.",
        judged=(Verdict.OVERSIMPLIFIED,),
        holds="Not in App Mesh, see A79. ECS Service Connect encrypts with certificates of a private CA that you pay "
        "for. Its API has a CA, a key and a role for the server's side, and nothing about who may call. Istio's meshes "
        "have mutual TLS by default.",
        source="botocore 1.44.5, ECS API, ServiceConnectTlsConfiguration (documented); Istio's documentation",
    ),
)
