# ruff: noqa: F821, what it takes is what the notebook has: cloud, ecs, cluster

breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
ecs.update_service(
    cluster=cluster,
    service="web",
    taskDefinition="interview-breaker:2",
    deploymentConfiguration=breaker,
    forceNewDeployment=True,
)
