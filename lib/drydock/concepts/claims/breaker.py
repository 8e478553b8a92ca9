"""What the guides say of the deployment circuit breaker, and of shifting traffic in steps."""

from __future__ import annotations

from drydock.concepts.claims.claim import Claim, Verdict
from drydock.policy.ecs import breaker

BREAKER = "circuit breaker"
CANARY = "canary deployments"

_API = "botocore 1.44.5, ECS API (documented)"

CLAIMS = (
    Claim(
        id="A46",
        lines="333, 340",
        subjects=(BREAKER,),
        says="The breaker trips at 10 failures in a row by default, such as 10 within 5 minutes.",
        unit="",
        said=10,
        today=lambda: {f"failures for {n} tasks": breaker.threshold(n) for n in (1, 7, 20, 25, 800)},
        judged=(Verdict.OUTDATED,),
        holds="Half of the desired count, rounded up, and between 3 and 200. 10 was the least until the bounds were "
        "changed. A task that becomes healthy sets the count to 0, unless resetOnHealthyTask is false. Time plays no "
        "part. Since 2026-07-01 the threshold can be set.",
        source="botocore 1.44.5, DeploymentCircuitBreaker; ECS Developer Guide, June 2023, for the old bounds "
        "(documented)",
    ),
    Claim(
        id="A47",
        lines="334, 341",
        subjects=(BREAKER,),
        says="A rollback goes to the previous task definition.",
        judged=(Verdict.OVERSIMPLIFIED,),
        holds="It goes to the last deployment that was completed. Where none was, there is nothing to go back to.",
        source=_API,
    ),
    Claim(
        id="A48",
        lines="335, 342",
        subjects=(BREAKER,),
        says="CloudWatch Events tell the team by SNS or Lambda.",
        judged=(Verdict.OUTDATED,),
        holds="EventBridge has the event SERVICE_DEPLOYMENT_FAILED. Somebody is told once you add a rule with a "
        "target.",
        source="ECS Developer Guide, June 2023 (documented)",
    ),
    Claim(
        id="A49",
        lines="351",
        subjects=(BREAKER, CANARY),
        says="The breaker is not for canary deployments, which are CodeDeploy's.",
        judged=(Verdict.RIGHT, Verdict.OUTDATED),
        holds="The breaker is for ROLLING only. Canaries are ECS's own now: strategy CANARY, with alarms that roll "
        "back.",
        source=_API,
    ),
    Claim(
        id="B46",
        lines="812–815",
        subjects=(CANARY,),
        says="On ECS a canary is CodeDeploy's, with the configuration Canary10Percent5Minutes.",
        judged=(Verdict.RIGHT, Verdict.OUTDATED),
        holds="Its full name is CodeDeployDefault.ECSCanary10Percent5Minutes. Since 2025-10-30 ECS has the strategies "
        "CANARY and LINEAR itself, with target groups of the same load balancer.",
        source="aws-cdk-lib 2.275.0, EcsDeploymentConfig; botocore 1.44.5, ECS API (documented)",
    ),
)
