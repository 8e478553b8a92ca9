"""The ground that every task stands on: a network over three zones, security groups, and the cluster.

What later labs find: a VPC with Name=drydock and subnets drydock-a, -b, -c; security groups drydock-alb and
drydock-tasks; the cluster `drydock`, and the log group /drydock/exec for ECS Exec.
"""

from __future__ import annotations

import ipaddress

from drydock.cloud import ANYWHERE
from drydock.labs import Outline, not_started, passed, wrong
from drydock.policy.ecs.capacity import items, split

outline = Outline(
    title="Cluster",
    goal="A network over three zones, two security groups, and a cluster that runs on Fargate and Fargate Spot.",
    minutes="20",
)

SUBNETS = ["drydock-a", "drydock-b", "drydock-c"]


# -- reading the cloud


def vpcs(cloud):
    """Every VPC named drydock."""
    return cloud.client("ec2").describe_vpcs(Filters=[{"Name": "tag:Name", "Values": ["drydock"]}])["Vpcs"]


def subnets(cloud, vpc_id):
    """Name → subnet, of those named as this lab names them."""
    found = cloud.client("ec2").describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc_id]}])["Subnets"]
    named = {next((t["Value"] for t in one.get("Tags", []) if t["Key"] == "Name"), ""): one for one in found}
    return {name: named[name] for name in SUBNETS if name in named}


def without_a_way_out(cloud, vpc_id):
    """Names of the subnets whose route table has no default route to an internet gateway."""
    tables = cloud.client("ec2").describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc_id]}])["RouteTables"]
    of_subnet = {a["SubnetId"]: t for t in tables for a in t["Associations"] if a.get("SubnetId")}
    main = next((t for t in tables if any(a.get("Main") for a in t["Associations"])), {"Routes": []})
    return [
        name
        for name, subnet in subnets(cloud, vpc_id).items()
        if not any(
            route.get("DestinationCidrBlock") == ANYWHERE and route.get("GatewayId", "").startswith("igw-")
            for route in of_subnet.get(subnet["SubnetId"], main)["Routes"]
        )
    ]


def groups(cloud):
    """Name → security group, in the VPC named drydock."""
    ids = [vpc["VpcId"] for vpc in vpcs(cloud)]
    if not ids:
        return {}
    found = cloud.client("ec2").describe_security_groups(Filters=[{"Name": "vpc-id", "Values": ids}])["SecurityGroups"]
    return {group["GroupName"]: group for group in found}


def openings(group):
    """{(first port, last port, where from)} of a group's ingress; ports are None for every protocol."""
    return {
        (permission.get("FromPort"), permission.get("ToPort"), source)
        for permission in group["IpPermissions"]
        for source in [
            *(pair["GroupId"] for pair in permission.get("UserIdGroupPairs", [])),
            *(block["CidrIp"] for block in permission.get("IpRanges", [])),
            *(block["CidrIpv6"] for block in permission.get("Ipv6Ranges", [])),
        ]
    }


def cluster(cloud):
    """The cluster `drydock` with its settings and configuration, or None."""
    found = cloud.client("ecs").describe_clusters(clusters=["drydock"], include=["SETTINGS", "CONFIGURATIONS"])
    return next((one for one in found["clusters"] if one["status"] == "ACTIVE"), None)


def share(strategy, n):
    """How `n` tasks split over a strategy; {} for one that can place nothing."""
    return split(items(strategy), n) if strategy else {}


# -- steps


@outline.step(
    "create-network",
    title="A VPC, a subnet in each of three zones, and a way out",
    hints=[
        "Five things: VPC, subnets, internet gateway, route table, and the association of the table with each subnet.",
        "create_vpc, modify_vpc_attribute(EnableDnsHostnames), create_subnet, create_internet_gateway and "
        "attach_internet_gateway, create_route_table, create_route, associate_route_table.",
    ],
)
def create_network(cloud, lab):
    ec2 = cloud.client("ec2")
    found = vpcs(cloud)
    if not found:
        return not_started("There is no VPC with the tag Name=drydock.")
    if len(found) > 1:
        return wrong(f"{len(found)} VPCs are named drydock; one is wanted.", look="describe_vpcs, delete_vpc")
    vpc_id = found[0]["VpcId"]
    if found[0]["CidrBlock"] != cloud.vpc_cidr:
        return wrong("The VPC has another block than cloud.vpc_cidr.", look="create_vpc, CidrBlock")
    if not ec2.describe_vpc_attribute(VpcId=vpc_id, Attribute="enableDnsHostnames")["EnableDnsHostnames"]["Value"]:
        return wrong("The VPC gives no DNS host names.", look="modify_vpc_attribute, EnableDnsHostnames")
    there = subnets(cloud, vpc_id)
    missing = [name for name in SUBNETS if name not in there]
    if missing:
        return wrong(f"No subnet is named {', '.join(missing)}.", look="create_subnet, the tag Name")
    odd = [name for name, one in there.items() if ipaddress.ip_network(one["CidrBlock"]).prefixlen != 20]
    if odd:
        return wrong(f"{', '.join(odd)} should be a /20.", look="create_subnet, CidrBlock")
    zones = {one["AvailabilityZone"] for one in there.values()}
    if len(zones) < 3:
        return wrong(f"The three subnets are in {len(zones)} zone(s).", look="create_subnet, AvailabilityZone")
    cut_off = without_a_way_out(cloud, vpc_id)
    if cut_off:
        return wrong(
            f"No default route to an internet gateway from {', '.join(cut_off)}.",
            look="describe_route_tables: Routes and Associations",
        )
    return passed("One VPC, three /20 subnets in three zones, each with a way out.")


@create_network.solution
def _(cloud, lab):
    ec2 = cloud.client("ec2")

    def named(kind, name):
        return [{"ResourceType": kind, "Tags": [{"Key": "Name", "Value": name}]}]

    vpc = ec2.create_vpc(CidrBlock=cloud.vpc_cidr, TagSpecifications=named("vpc", "drydock"))["Vpc"]["VpcId"]
    ec2.get_waiter("vpc_available").wait(VpcIds=[vpc])
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    gateway = ec2.create_internet_gateway(TagSpecifications=named("internet-gateway", "drydock"))
    gateway = gateway["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    table = ec2.create_route_table(VpcId=vpc, TagSpecifications=named("route-table", "drydock"))
    table = table["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    zones = ec2.describe_availability_zones(Filters=[{"Name": "zone-type", "Values": ["availability-zone"]}])
    zones = sorted(zone["ZoneName"] for zone in zones["AvailabilityZones"] if zone["ZoneId"] != "use1-az3")
    blocks = ipaddress.ip_network(cloud.vpc_cidr).subnets(new_prefix=20)
    for letter, zone, block in zip("abc", zones, blocks, strict=False):
        subnet = ec2.create_subnet(
            VpcId=vpc,
            CidrBlock=str(block),
            AvailabilityZone=zone,
            TagSpecifications=named("subnet", f"drydock-{letter}"),
        )["Subnet"]["SubnetId"]
        ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)


@outline.step(
    "create-security-groups",
    title="Who may talk to whom: one group for the load balancer, one for the tasks",
    hints=[
        "The source of a rule can be a group as well as a block of addresses.",
        "authorize_security_group_ingress with IpPermissions: UserIdGroupPairs for a group, IpRanges for a block.",
    ],
)
def create_security_groups(cloud, lab):
    there = groups(cloud)
    missing = [name for name in ("drydock-alb", "drydock-tasks") if name not in there]
    if len(missing) == 2:
        return not_started("There is neither drydock-alb nor drydock-tasks in the VPC drydock.")
    if missing:
        return wrong(f"There is no group {missing[0]}.", look="create_security_group")
    alb, tasks = there["drydock-alb"], there["drydock-tasks"]
    who = "everyone" if cloud.visitors == ANYWHERE else cloud.visitors
    if (80, 80, cloud.visitors) not in openings(alb):
        return wrong(f"drydock-alb does not let in {who} on port 80.", look="drydock-alb, IpRanges; cloud.visitors")
    if openings(alb) != {(80, 80, cloud.visitors)}:
        return wrong(f"drydock-alb lets in more than {who} on port 80.", look="drydock-alb, IpPermissions")
    opened = openings(tasks)
    if any("/" in source for _, _, source in opened):
        return wrong("drydock-tasks lets in a block of addresses; name groups instead.", look="drydock-tasks, IpRanges")
    for source, what in ((alb["GroupId"], "drydock-alb"), (tasks["GroupId"], "drydock-tasks itself")):
        if (8080, 8080, source) not in opened:
            return wrong(f"drydock-tasks does not let port 8080 in from {what}.", look="UserIdGroupPairs")
    return passed(f"Port 80 is open to {who} at the load balancer, port 8080 of the tasks to it and to tasks.")


@create_security_groups.solution
def _(cloud, lab):
    ec2 = cloud.client("ec2")
    vpc = ec2.describe_vpcs(Filters=[{"Name": "tag:Name", "Values": ["drydock"]}])["Vpcs"][0]["VpcId"]
    alb = ec2.create_security_group(GroupName="drydock-alb", Description="Load balancer", VpcId=vpc)["GroupId"]
    tasks = ec2.create_security_group(GroupName="drydock-tasks", Description="Tasks", VpcId=vpc)["GroupId"]
    web = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": cloud.visitors}]}
    app = {"IpProtocol": "tcp", "FromPort": 8080, "ToPort": 8080}
    app["UserIdGroupPairs"] = [{"GroupId": alb}, {"GroupId": tasks}]
    ec2.authorize_security_group_ingress(GroupId=alb, IpPermissions=[web])
    ec2.authorize_security_group_ingress(GroupId=tasks, IpPermissions=[app])


@outline.step(
    "create-cluster",
    title="The cluster, with Fargate and Fargate Spot, Container Insights and a log for Exec",
    hints=[
        "create_cluster has one parameter for each: capacityProviders, defaultCapacityProviderStrategy, settings, "
        "configuration.",
        "One provider carries the base. Of 100 tasks most should be on FARGATE_SPOT.",
    ],
)
def create_cluster(cloud, lab):
    found = cluster(cloud)
    if found is None:
        return not_started("There is no active cluster `drydock`.")
    if {"FARGATE", "FARGATE_SPOT"} - set(found["capacityProviders"]):
        return wrong("FARGATE and FARGATE_SPOT are not both associated.", look="capacityProviders")
    strategy = found["defaultCapacityProviderStrategy"]
    if share(strategy, 1).get("FARGATE") != 1:
        return wrong("A single task would not be on FARGATE.", look="defaultCapacityProviderStrategy, base")
    if share(strategy, 100).get("FARGATE_SPOT", 0) <= 50:
        return wrong("Of 100 tasks, most should be on FARGATE_SPOT.", look="defaultCapacityProviderStrategy, weight")
    if {"name": "containerInsights", "value": "enhanced"} not in found["settings"]:
        return wrong("Container Insights is not `enhanced`.", look="create_cluster, settings")
    execute = found.get("configuration", {}).get("executeCommandConfiguration", {})
    group = execute.get("logConfiguration", {}).get("cloudWatchLogGroupName", "")
    if execute.get("logging") != "OVERRIDE" or not group:
        return wrong("ECS Exec sessions are not logged to a group of ours.", look="executeCommandConfiguration")
    known = cloud.client("logs").describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    if not any(one["logGroupName"] == group for one in known):
        return wrong(f"The log group {group} for Exec does not exist.", look="logs.create_log_group")
    return passed("The cluster is active: the first task on FARGATE, most of the others on FARGATE_SPOT.")


@create_cluster.solution
def _(cloud, lab):
    cloud.client("logs").create_log_group(logGroupName="/drydock/exec")
    execute = {"logging": "OVERRIDE", "logConfiguration": {"cloudWatchLogGroupName": "/drydock/exec"}}
    cloud.client("ecs").create_cluster(
        clusterName="drydock",
        capacityProviders=["FARGATE", "FARGATE_SPOT"],
        defaultCapacityProviderStrategy=[
            {"capacityProvider": "FARGATE", "base": 1, "weight": 1},
            {"capacityProvider": "FARGATE_SPOT", "weight": 4},
        ],
        settings=[{"name": "containerInsights", "value": "enhanced"}],
        configuration={"executeCommandConfiguration": execute},
    )


@outline.your_turn(
    "four-of-ten",
    title="Change the default strategy: of ten tasks four on FARGATE and six on FARGATE_SPOT, a single one on FARGATE",
    hints=[
        "put_cluster_capacity_providers replaces both lists: give the providers again.",
        "Keep the weights 1 and 4. What must the base be, so that the rest splits into 4 - base and 6?",
    ],
)
def four_of_ten(cloud, lab):
    found = cluster(cloud)
    if found is None:
        return not_started("There is no active cluster `drydock`.")
    strategy = found["defaultCapacityProviderStrategy"]
    ten = share(strategy, 10)
    if ten == {"FARGATE": 3, "FARGATE_SPOT": 7}:
        return not_started("Ten tasks still split 3 and 7.")
    if ten != {"FARGATE": 4, "FARGATE_SPOT": 6}:
        return wrong("Ten tasks do not split 4 and 6.", look="describe_clusters, defaultCapacityProviderStrategy")
    if share(strategy, 1)["FARGATE"] != 1:
        return wrong("A single task would be on FARGATE_SPOT.", look="base of FARGATE")
    return passed("Ten tasks: four on FARGATE, six on FARGATE_SPOT.")


@four_of_ten.solution
def _(ecs):
    strategy = [
        {"capacityProvider": "FARGATE", "base": 2, "weight": 1},
        {"capacityProvider": "FARGATE_SPOT", "weight": 4},
    ]
    put = ecs.put_cluster_capacity_providers(
        cluster="drydock", capacityProviders=["FARGATE", "FARGATE_SPOT"], defaultCapacityProviderStrategy=strategy
    )
    print(*put["cluster"]["defaultCapacityProviderStrategy"], sep="\n")


@outline.your_turn(
    "endpoint-group",
    title="A third group, drydock-endpoints, that lets in port 443 from the tasks and nothing else",
    hints=[
        "It is for VPC endpoints: tasks call AWS services there by HTTPS.",
        "create_security_group, then authorize_security_group_ingress with a UserIdGroupPairs of drydock-tasks.",
    ],
)
def endpoint_group(cloud, lab):
    there = groups(cloud)
    if "drydock-endpoints" not in there:
        return not_started("There is no group drydock-endpoints.")
    if "drydock-tasks" not in there:
        return not_started("There is no group drydock-tasks, from which it is to let in.")
    opened = openings(there["drydock-endpoints"])
    if not opened:
        return wrong("drydock-endpoints lets nobody in.", look="authorize_security_group_ingress")
    if any("/" in source for _, _, source in opened):
        return wrong("drydock-endpoints is open to a block of addresses, not to a group.", look="IpRanges")
    if opened != {(443, 443, there["drydock-tasks"]["GroupId"])}:
        return wrong("It should let in port 443 from drydock-tasks, and nothing else.", look="IpPermissions")
    return passed("Tasks, and only tasks, reach the endpoints on port 443.")


@endpoint_group.solution
def _(ec2, tasks, vpc):
    group = ec2.create_security_group(GroupName="drydock-endpoints", Description="VPC endpoints", VpcId=vpc)["GroupId"]
    before = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]
    if before:  # what an attempt has opened
        ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=before)
    https = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "UserIdGroupPairs": [{"GroupId": tasks}]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[https])
    print("drydock-endpoints: port 443 from drydock-tasks")


@outline.drill(
    "one-in-three",
    there=True,
    title="One task in three cannot pull its image",
    hints=[
        "One in three: what are there three of?",
        "A subnet without a route table of its own has the VPC's main one. Look at Associations.",
    ],
)
def one_in_three(cloud, lab):
    found = vpcs(cloud)
    if not found:
        return not_started("There is no VPC with the tag Name=drydock.")
    if len(subnets(cloud, found[0]["VpcId"])) < 3:
        return wrong("There should still be three subnets.", look="describe_subnets")
    cut_off = without_a_way_out(cloud, found[0]["VpcId"])
    if cut_off:
        return wrong(
            f"From {len(cut_off)} of 3 subnets a task reaches no registry.",
            look="describe_route_tables: which subnet is in no Associations?",
        )
    return passed("All three subnets have a way out.")


@one_in_three.breaks
def _(cloud, lab):
    ec2 = cloud.client("ec2")
    third = subnets(cloud, vpcs(cloud)[0]["VpcId"])["drydock-c"]["SubnetId"]
    tables = ec2.describe_route_tables(Filters=[{"Name": "association.subnet-id", "Values": [third]}])["RouteTables"]
    for association in tables[0]["Associations"]:
        if association.get("SubnetId") == third:
            ec2.disassociate_route_table(AssociationId=association["RouteTableAssociationId"])


@one_in_three.solution
def _(ec2):
    third = ec2.describe_subnets(Filters=[{"Name": "tag:Name", "Values": ["drydock-c"]}])["Subnets"][0]["SubnetId"]
    ours = ec2.describe_route_tables(Filters=[{"Name": "tag:Name", "Values": ["drydock"]}])["RouteTables"][0]
    of_third = [{"Name": "association.subnet-id", "Values": [third]}]
    for table in ec2.describe_route_tables(Filters=of_third)["RouteTables"]:  # an attempt: a subnet has one table
        for one in table["Associations"]:
            if one.get("SubnetId") == third:
                ec2.disassociate_route_table(AssociationId=one["RouteTableAssociationId"])
    ec2.associate_route_table(RouteTableId=ours["RouteTableId"], SubnetId=third)
    print("drydock-c has the route table of the other two")


@outline.drill(
    "no-container-instances",
    there=True,
    title="`No Container Instances were found in your cluster`, on a cluster that never had any",
    hints=[
        "The call names no launchType and no strategy. What does ECS fall back to, and to what after that?",
        "describe_clusters shows capacityProviders and defaultCapacityProviderStrategy.",
    ],
)
def no_container_instances(cloud, lab):
    found = cluster(cloud)
    if found is None:
        return not_started("There is no active cluster `drydock`.")
    if not found["defaultCapacityProviderStrategy"]:
        return wrong(
            "A call that names neither launch type nor strategy does not go to Fargate.",
            look="describe_clusters, defaultCapacityProviderStrategy",
        )
    if {"FARGATE", "FARGATE_SPOT"} - set(found["capacityProviders"]):
        return wrong("FARGATE and FARGATE_SPOT are not both associated.", look="describe_clusters, capacityProviders")
    if share(found["defaultCapacityProviderStrategy"], 1).get("FARGATE") != 1:
        return wrong("A single task would not be on FARGATE.", look="defaultCapacityProviderStrategy, base")
    return passed("A call that names no strategy goes to Fargate again.")


@no_container_instances.breaks
def _(cloud, lab):
    cloud.client("ecs").put_cluster_capacity_providers(
        cluster="drydock", capacityProviders=["FARGATE", "FARGATE_SPOT"], defaultCapacityProviderStrategy=[]
    )


@no_container_instances.solution
def _(ecs):
    strategy = [
        {"capacityProvider": "FARGATE", "base": 2, "weight": 1},
        {"capacityProvider": "FARGATE_SPOT", "weight": 4},
    ]
    put = ecs.put_cluster_capacity_providers(
        cluster="drydock", capacityProviders=["FARGATE", "FARGATE_SPOT"], defaultCapacityProviderStrategy=strategy
    )
    print(*put["cluster"]["defaultCapacityProviderStrategy"], sep="\n")
