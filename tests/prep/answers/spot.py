# ruff: noqa: F821, what it takes is what the notebook has: cloud, ecs, cluster

strategy = [
    {"capacityProvider": "FARGATE", "base": 2, "weight": 1},
    {"capacityProvider": "FARGATE_SPOT", "weight": 3},
]
ecs.update_service(cluster=cluster, service="web", capacityProviderStrategy=strategy, forceNewDeployment=True)
