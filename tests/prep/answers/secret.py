# ruff: noqa: F821, what it takes is what the notebook has: cloud, ecs, cluster

import json

arn = cloud.client("secretsmanager").describe_secret(SecretId="interview/database")["ARN"]
statement = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": arn}
cloud.client("iam").put_role_policy(
    RoleName="interview-execution",
    PolicyName="database",
    PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
)
old = ecs.describe_task_definition(taskDefinition="interview-secret")["taskDefinition"]
container = old["containerDefinitions"][0] | {
    "environment": [],
    "secrets": [{"name": "DATABASE_PASSWORD", "valueFrom": arn}],
}
keep = ("family", "requiresCompatibilities", "networkMode", "cpu", "memory", "runtimePlatform", "executionRoleArn")
new = ecs.register_task_definition(**{key: old[key] for key in keep}, containerDefinitions=[container])
ecs.update_service(cluster=cluster, service="web", taskDefinition=new["taskDefinition"]["taskDefinitionArn"])
