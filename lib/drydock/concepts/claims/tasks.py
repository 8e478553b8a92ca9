"""What the guides say of what is in a task: containers beside the program, and secrets. And of App Runner."""

from __future__ import annotations

from drydock.concepts.claims.claim import Claim, Verdict

SIDECARS = "sidecars"
SECRETS = "secrets"
APP_RUNNER = "App Runner"

_API = "botocore 1.44.5, ECS API (documented)"
_SECRETS = "ECS Developer Guide, June 2023, secrets (documented)"

CLAIMS = (
    Claim(
        id="B3",
        lines="115, 121, 135, 539, 547",
        subjects=(SECRETS,),
        says="ARNs and image names have the account 123456789.",
        unit="",
        said=9,
        today=lambda: {"digits of an account's number": 12},
        holds="An account has 12 digits. ARNs and the registry's host name with 9 are refused.",
        source="botocore 1.44.5 (documented)",
    ),
    Claim(
        id="B5",
        lines="135",
        subjects=(SECRETS,),
        says="valueFrom is arn:…:secret:db-password.",
        judged=(Verdict.OVERSIMPLIFIED,),
        holds="The ARN of a secret ends in a hyphen and six characters. After it there may be three parts, each with "
        "its colon: JSON key, stage, version. A name alone is for parameters of the same Region.",
        source=_SECRETS,
    ),
    Claim(
        id="B6",
        lines="147, 720",
        subjects=(SIDECARS,),
        says="The program's health is asked by curl in a shell, and its image is distroless.",
        judged=(Verdict.WRONG,),
        holds="Such an image has neither. The check fails, the task is UNHEALTHY, and the service replaces it again "
        "and "
        "again. Take CMD with a program of the image, or let the load balancer ask.",
        source=f"{_API}, HealthCheck",
    ),
    Claim(
        id="B7",
        lines="148–151",
        subjects=(SIDECARS,),
        says="interval 30, timeout 5, retries 3, startPeriod 60.",
        judged=(Verdict.RIGHT,),
        holds="All are within their ranges: 5 to 300 s, 2 to 60 s, 1 to 10, 0 to 300 s.",
        source=f"{_API}, HealthCheck",
    ),
    Claim(
        id="B10",
        lines="153–158",
        subjects=(SIDECARS,),
        says="The program depends on the proxy being HEALTHY.",
        judged=(Verdict.RIGHT,),
        holds="The condition is looked at only when the task starts. At its end the order is reversed: the proxy stops "
        "after the program.",
        source=f"{_API}, ContainerDependency",
    ),
    Claim(
        id="B12",
        lines="182",
        subjects=(SIDECARS,),
        says="Traces are sent by a container of amazon/aws-xray-daemon.",
        judged=(Verdict.OUTDATED,),
        holds="X-Ray's SDKs and daemon are in maintenance since 2026-02-25. OpenTelemetry is what AWS points to: its "
        "distribution, or the CloudWatch agent. An image of Docker Hub meets limits of pulls; public.ecr.aws has it.",
        source="AWS X-Ray Developer Guide, timeline of SDK and daemon (documented)",
    ),
    Claim(
        id="B14",
        lines="184–185",
        subjects=(SIDECARS,),
        says="The daemon has 32 CPU units and 256 MiB; program and proxy have no limits.",
        judged=(Verdict.RIGHT,),
        holds="Limits of containers are optional where the task has a size. Those without share what is left.",
        source=_API,
    ),
    Claim(
        id="B42",
        lines="779",
        subjects=(SECRETS,),
        says="A secret in Secrets Manager is USD 0.40 a month.",
        judged=(Verdict.RIGHT,),
        holds="And USD 0.05 for 10,000 calls.",
        source="not verified for this edition",
    ),
    Claim(
        id="B43",
        lines="780–783",
        subjects=(SECRETS,),
        says="Parameter Store has no rotation, and costs less.",
        judged=(Verdict.RIGHT,),
        holds="It has none of its own. Standard parameters are free.",
        source="not verified for this edition",
    ),
    Claim(
        id="B44",
        lines="784–794",
        subjects=(SECRETS,),
        says="Use secrets of the task definition, and never pass a secret as an environment variable.",
        judged=(Verdict.OVERSIMPLIFIED,),
        holds="What secrets names becomes an environment variable when the container starts, seen by every process of "
        "it. It is not in the task definition, which is the gain. It is read once: after a rotation the tasks have to "
        "be replaced.",
        source=_SECRETS,
    ),
    Claim(
        id="B45",
        lines="795–798",
        subjects=(SIDECARS,),
        says="A sidecar lives and ends with the main container.",
        judged=(Verdict.OVERSIMPLIFIED,),
        holds="Only as far as essential and dependsOn say so. With a restartPolicy it can be restarted by itself.",
        source=_API,
    ),
    Claim(
        id="B49",
        lines="54",
        subjects=(APP_RUNNER,),
        says="App Runner is the service for containers without effort.",
        judged=(Verdict.OUTDATED,),
        holds="It takes no new customers since spring 2026; AWS's pages say April 1 and April 30. ECS Express Mode is "
        "named as its successor.",
        source="AWS App Runner Developer Guide, availability change (documented)",
    ),
)
