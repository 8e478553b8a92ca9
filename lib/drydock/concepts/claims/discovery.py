"""What the guides say of finding services by Cloud Map."""

from __future__ import annotations

from drydock.concepts.claims.claim import Claim, Verdict
from drydock.policy import discovery

DISCOVERY = "service discovery"

_MAP = "botocore 1.44.5, Cloud Map API (documented)"
_ECS = "botocore 1.44.5, ECS API (documented)"

CLAIMS = (
    Claim(
        id="A25",
        lines="62, 85–90",
        subjects=(DISCOVERY,),
        says="A client asks for http://user-service.local/ while the tasks listen on 8080.",
        judged=(Verdict.WRONG,),
        holds="An A record has no port. The client connects to port 80, where nobody listens. It has to name 8080, or "
        "go through Service Connect or a load balancer, which hide the port.",
        source=_MAP,
    ),
    Claim(
        id="A26",
        lines="110–116",
        subjects=(DISCOVERY,),
        says="A registry with an A record is given containerName and containerPort, in awsvpc mode.",
        judged=(Verdict.WRONG,),
        holds="Those two are for SRV records, or for the modes bridge and host. Here registryArn is all.",
        source=f"{_ECS}, ServiceRegistry",
    ),
    Claim(
        id="A27",
        lines="72, 112",
        subjects=(DISCOVERY,),
        says="After create-private-dns-namespace the service srv-abc123 is there.",
        judged=(Verdict.OVERSIMPLIFIED,),
        holds="Between the two is servicediscovery create-service, with its record, its TTL and "
        "HealthCheckCustomConfig, which cannot be added later.",
        source=_MAP,
    ),
    Claim(
        id="A28",
        lines="122",
        subjects=(DISCOVERY,),
        says="A name answers with the addresses of all tasks.",
        unit="",
        today=lambda: {
            f"addresses in an answer, of {n} tasks": discovery.answered(n, discovery.MULTIVALUE) for n in (3, 20)
        },
        judged=(Verdict.OVERSIMPLIFIED,),
        holds="MULTIVALUE answers with up to eight healthy instances, WEIGHTED with one. Where none is healthy, "
        "both answer as if all were.",
        source=f"{_MAP}, DnsConfig",
    ),
    Claim(
        id="A29",
        lines="136",
        subjects=(DISCOVERY,),
        says="healthCheckGracePeriodSeconds is set for the health that Cloud Map knows.",
        judged=(Verdict.WRONG,),
        holds="It is for checks of load balancers, VPC Lattice and containers. For Cloud Map it does nothing.",
        source=f"{_ECS}, CreateService",
    ),
    Claim(
        id="A30",
        lines="139",
        subjects=(DISCOVERY,),
        says="Tasks that are not healthy are taken out of DNS by themselves.",
        judged=(Verdict.OVERSIMPLIFIED,),
        holds="Only with HealthCheckCustomConfig, and some 30 s after ECS has said so. Clients keep the answer that "
        "they have for the TTL of the record.",
        source=f"{_MAP}, HealthCheckCustomConfig",
    ),
    Claim(
        id="A31",
        lines="66, 73",
        subjects=(DISCOVERY,),
        says="The namespace is called local.",
        judged=(Verdict.OVERSIMPLIFIED,),
        holds="It is accepted. The top level .local is that of multicast DNS, and some resolvers never ask a server "
        "for "
        "it. prod.internal has no such trouble.",
        source="RFC 6762 (documented); which resolvers: not verified for this edition",
    ),
    Claim(
        id="B15",
        lines="286–289",
        subjects=(DISCOVERY,),
        says="service_registries has container_name and no port.",
        judged=(Verdict.WRONG,),
        holds="For an SRV record name and port go together, for an A record in awsvpc mode neither is given.",
        source=f"{_ECS}, ServiceRegistry",
    ),
)
