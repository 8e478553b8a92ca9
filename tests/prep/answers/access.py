# ruff: noqa: F821, what it takes is what the notebook has: cloud, ecs, cluster

ec2 = cloud.client("ec2")
groups = {one["GroupName"]: one for one in ec2.describe_security_groups()["SecurityGroups"]}
tasks, balancer = groups["interview-tasks"], groups["interview-alb"]
ec2.revoke_security_group_ingress(GroupId=tasks["GroupId"], IpPermissions=tasks["IpPermissions"])
web = {
    "IpProtocol": "tcp", "FromPort": 8080, "ToPort": 8080, "UserIdGroupPairs": [{"GroupId": balancer["GroupId"]}]
}  # fmt: skip
ec2.authorize_security_group_ingress(GroupId=tasks["GroupId"], IpPermissions=[web])
