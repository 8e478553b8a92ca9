# ruff: noqa: F821, what it takes is what the notebook has: cloud, ecs, cluster

ec2 = cloud.client("ec2")
vpc = ec2.describe_vpcs(Filters=[{"Name": "tag:Name", "Values": ["interview"]}])["Vpcs"][0]["VpcId"]
subnets = [one["SubnetId"] for one in ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"]]
web = ecs.describe_services(cluster=cluster, services=["web"])["services"][0]
network = web["networkConfiguration"]["awsvpcConfiguration"] | {"subnets": subnets}
ecs.update_service(
    cluster=cluster, service="web", desiredCount=3, networkConfiguration={"awsvpcConfiguration": network}
)
