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
NEED = "mesh or none"

_APP_MESH = "botocore 1.44.5, App Mesh API"

CLAIMS = (
    Claim(
        id="A69",
        lines="22, 34, 688–893, 1173, 1392; guide B, 11, 52, 577–620",
        subjects=(MESH,),
        says="AWS App Mesh is the mesh for ECS and EKS.",
        judged=(Verdict.OUTDATED,),
        holds="App Mesh took no new customers from 2024-09-24 on and was discontinued on 2026-09-30. AWS names ECS "
        "Service Connect for ECS and VPC Lattice for EKS.",
        source="AWS Containers Blog, migrating from App Mesh (documented)",
    ),
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
        id="A72",
        lines="764, 782–794",
        subjects=(MESH,),
        says="IgnoredUID is 1337, and the Envoy container names no user.",
        judged=(Verdict.WRONG,),
        holds="IgnoredUID has to be the user of the proxy's container. Where they differ, the proxy's own requests are "
        "sent back to it.",
        source="botocore 1.44.5, ECS API, ProxyConfiguration (documented)",
    ),
    Claim(
        id="A73",
        lines="759–796",
        subjects=(MESH,),
        says="A task definition with a proxyConfiguration of five properties, and no network mode.",
        judged=(Verdict.OVERSIMPLIFIED,),
        holds="EgressIgnoredPorts is missing, which is required and may be empty. So are the network mode, which has "
        "to be awsvpc, and the sizes and roles that Fargate wants.",
        source="botocore 1.44.5, ECS API, ProxyConfiguration (documented)",
    ),
    Claim(
        id="A74",
        lines="684, 804, 1264",
        subjects=(MESH, NEED),
        says="Envoy sends metrics to CloudWatch and traces to X-Ray by itself.",
        judged=(Verdict.OVERSIMPLIFIED,),
        holds="A proxy counts and traces what it is told to, and something has to collect it: an agent, and for traces "
        "the service has to pass on the headers. ECS Service Connect sends its metrics to CloudWatch without more.",
        source="AWS Containers Blog, migrating from App Mesh to Service Connect; Envoy, tracing (documented)",
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
            f"seconds, ejection {turn} in a row": Detector().ejection_time(Host(factor=turn)) for turn in (1, 2, 3, 10)
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
        "for. Its API has a CA, a key and a role for the server's side, and nothing about who may call. Istio's "
        "proxies use mutual TLS with each other by default, and take plain text, too, until they are told not to.",
        source="botocore 1.44.5, ECS API, ServiceConnectTlsConfiguration (documented); Istio's documentation",
    ),
    Claim(
        id="B8",
        lines="162, 171",
        subjects=(MESH,),
        says="The proxy is envoyproxy/envoy:v1.25.0 with APPMESH_VIRTUAL_NODE_NAME.",
        judged=(Verdict.WRONG, Verdict.INCONSISTENT),
        holds="Envoy itself knows no such variable. App Mesh had an image of its own that did, and guide A uses it, "
        "with APPMESH_RESOURCE_ARN.",
        source="guide A, 783–786, against guide B; Envoy's documentation",
    ),
    Claim(
        id="B9",
        lines="164, 197",
        subjects=(MESH,),
        says="The Envoy container runs as user 1337, which IgnoredUID names.",
        judged=(Verdict.RIGHT,),
        holds="They are the same, as the API asks for. Guide A forgets the user.",
        source="botocore 1.44.5, ECS API, ProxyConfiguration (documented)",
    ),
    Claim(
        id="B11",
        lines="192–201",
        subjects=(MESH,),
        says="A task definition has a proxyConfiguration of type APPMESH.",
        judged=(Verdict.OUTDATED,),
        holds="APPMESH is the only type that there is, and it went with App Mesh. Service Connect adds its proxy "
        "without a word in the task definition, beside a name for the port.",
        source="botocore 1.44.5, ECS API, ProxyConfiguration and ServiceConnectService (documented)",
    ),
)
