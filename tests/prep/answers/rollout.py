# ruff: noqa: F821, what it takes is what the notebook has: cloud, ecs, cluster

bounds = {"minimumHealthyPercent": 100, "maximumPercent": 150}
ecs.update_service(cluster=cluster, service="web", deploymentConfiguration=bounds, forceNewDeployment=True)
