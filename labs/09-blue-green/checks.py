"""Lab 09: a service that ECS deploys by BLUE_GREEN: tested before anybody meets it, and quick to go back.

What later labs find: the load balancer `drydock-catalog` with listeners on port 80 (production) and 8080 (tests), the
target groups drydock-catalog-primary and drydock-catalog-alternate, and the service catalog (2 tasks) in the cluster
`drydock`, of the task definition drydock-catalog, with the role drydock-catalog-traffic.

Beside it the service catalog-older, which CodeDeploy deploys: listeners on port 8000 and 8001 of the same load
balancer, the target groups drydock-catalog-blue and drydock-catalog-green, the role drydock-catalog-codedeploy, and
CodeDeploy's application drydock-catalog with the deployment group `older`.
"""

from __future__ import annotations

import io
import json
import zipfile
from datetime import UTC, datetime, timedelta

from drydock.labs import NothingToBreak, Outline, not_started, passed, wait_until, wrong
from drydock.labs.shop import (
    coming,
    counts_errors,
    dimensions,
    environment,
    is_steady,
    load_balancer,
    network,
    register_backend,
    security_group,
    service,
    subnets,
    target_groups,
    until_steady,
    vpc_id,
)
from drydock.load import Load
from drydock.pricing import fargate_tasks, load_balancers, public_addresses, unpriced

outline = Outline(
    title="Blue/green",
    goal="A new version stands beside the old one, is tested before a customer meets it, gets everything at once, and "
    "can be taken back in a moment.",
    minutes="60 to 75",
    needs=[
        "01-repositories:create-repositories",
        "02-images:push-images",
        "03-cluster",
        "04-task-definitions:create-roles",
        "04-task-definitions:create-log-groups",
    ],
    costs=[
        fargate_tasks(6, cpu=256, memory=512),
        load_balancers(),
        unpriced("load balancer capacity units"),
        public_addresses(9),
        unpriced("CloudWatch Logs and Container Insights"),
    ],
    hours=2.0,
)

FAMILY, NAME, TESTERS = "drydock-catalog", "catalog", "drydock-catalog-test"
GROUPS = ("primary", "alternate")
PRODUCTION, TEST = 80, 8080
UNDER_TEST = ("POST_TEST_TRAFFIC_SHIFT", "PRE_PRODUCTION_TRAFFIC_SHIFT")
"""The stages of a pause at which green has the test traffic and no customer has met it."""
AT_MOST, AT_LEAST = 120, 1
"""The case of `approved`: minutes for which a pause may wait, and for which blue is to stay."""
JUDGE = """
from urllib.error import HTTPError
from urllib.request import urlopen

def handler(event, context):
    wanted, failed = event["hookDetails"], 0
    for _ in range(wanted["requests"]):
        try:
            urlopen(wanted["url"], timeout=2).read()
        except HTTPError:
            failed += 1
    return {"hookStatus": "FAILED" if failed else "SUCCEEDED"}
"""
"""What the function of `judged` does."""
OLDER = "catalog-older"
COLOURS = ("blue", "green")
OLDER_PORTS = {"production": 8000, "test": 8001}
DEPLOYED_BY = {"applicationName": FAMILY, "deploymentGroupName": "older"}
CANARY = "CodeDeployDefault.ECSCanary10Percent5Minutes"
NO_OLDER = "The cluster `drydock` has no service `catalog-older`."
NO_SERVICE = "The cluster `drydock` has no service `catalog`."
UNDER_WAY = ("PENDING", "IN_PROGRESS", "STOP_REQUESTED", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS")


# -- reading the cloud


def balancer(cloud):
    """The load balancer, or None."""
    return load_balancer(cloud, FAMILY)


def groups(cloud):
    """primary, alternate → target group, of those that there are."""
    found = target_groups(cloud)
    return {name: found[f"{FAMILY}-{name}"] for name in GROUPS if f"{FAMILY}-{name}" in found}


def listener(cloud, port):
    """ARN of the listener on a port, or None."""
    front = balancer(cloud)
    if front is None:
        return None
    found = cloud.client("elbv2").describe_listeners(LoadBalancerArn=front["LoadBalancerArn"])["Listeners"]
    return next((one["ListenerArn"] for one in found if one["Port"] == port), None)


def rules(cloud, port):
    """The rules of the listener on a port, in the order in which a request is held against them; [] without one."""
    arn = listener(cloud, port)
    return sorted(cloud.client("elbv2").describe_rules(ListenerArn=arn)["Rules"], key=precedence) if arn else []


def precedence(rule):
    return (rule["IsDefault"], 0 if rule["IsDefault"] else int(rule["Priority"]))


def met(cloud, port):
    """The rule that a plain request for / meets on a port, or None."""
    return next((rule for rule in rules(cloud, port) if all(holds(one) for one in rule["Conditions"])), None)


def holds(condition):
    """Whether a plain request for / meets a condition: that it has that path, or any."""
    values = condition.get("PathPatternConfig", {}).get("Values") or condition.get("Values", ())
    return condition["Field"] == "path-pattern" and bool({"/", "*", "/*"} & {*values})


def forwards_to(rule):
    """ARNs of the target groups that a rule names."""
    forward = next((one for one in rule["Actions"] if one["Type"] == "forward"), {})
    several = forward.get("ForwardConfig", {}).get("TargetGroups") or [forward]
    return {one["TargetGroupArn"] for one in several if one.get("TargetGroupArn")}


def advanced(one):
    """What lets ECS shift the requests of a service, or {}."""
    newest = one["deployments"][0].get("loadBalancers") if one.get("deployments") else None
    entries = [*one.get("loadBalancers", ()), *(newest or ())]
    return next((each["advancedConfiguration"] for each in entries if each.get("advancedConfiguration")), {})


def version(cloud, definition):
    return environment(cloud, definition).get("VERSION", "")


def revisions(cloud):
    """VERSION → ARN of its newest revision of drydock-catalog that is active."""
    ecs = cloud.client("ecs")
    arns = ecs.list_task_definitions(familyPrefix=FAMILY, status="ACTIVE", sort="ASC")["taskDefinitionArns"]
    return {version(cloud, arn): arn for arn in arns}


def releases(cloud, since):
    """The deployments of the service since then, newest first, as ECS describes them; with their `version`, and the
    `group` in which their tasks are.
    """
    ecs = cloud.client("ecs")
    found = ecs.list_service_deployments(cluster="drydock", service=NAME)["serviceDeployments"]
    arns = [one["serviceDeploymentArn"] for one in found if one["createdAt"] >= since]
    if not arns:
        return []
    told = ecs.describe_service_deployments(serviceDeploymentArns=arns)["serviceDeployments"]
    targets = [one["targetServiceRevision"]["arn"] for one in told]
    known = ecs.describe_service_revisions(serviceRevisionArns=targets)["serviceRevisions"]
    of = {one["serviceRevisionArn"]: one for one in known}
    for one in told:
        revision = of[one["targetServiceRevision"]["arn"]]
        one["version"] = version(cloud, revision["taskDefinition"])
        one["group"] = revision["resolvedConfiguration"]["loadBalancers"][0]["targetGroupArn"]
    return sorted(told, key=lambda one: one["createdAt"], reverse=True)


def release_of(cloud, lab, wanted):
    """The newest deployment of a version in this round, or None."""
    return next((one for one in releases(cloud, lab.began) if one["version"] == wanted), None)


def answers(one):
    """What has become of the pauses of a deployment."""
    return [hook["status"] for hook in one.get("lifecycleHookDetails", ()) if hook["targetType"] == "PAUSE"]


def pauses(one):
    """The pauses that a deployment is to make while green is tested, by its configuration."""
    hooks = one["deploymentConfiguration"].get("lifecycleHooks", ())
    return [hook for hook in hooks if hook["targetType"] == "PAUSE" and {*UNDER_TEST} & {*hook["lifecycleStages"]}]


def errors(cloud, group, since):
    """Answers with 5xx by the targets of a group, as CloudWatch has counted them."""
    of = dimensions(group=group, balancer=balancer(cloud)["LoadBalancerArn"])
    points = cloud.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/ApplicationELB",
        MetricName="HTTPCode_Target_5XX_Count",
        Dimensions=[{"Name": name, "Value": value} for name, value in of.items()],
        StartTime=since,
        EndTime=datetime.now(UTC) + timedelta(minutes=1),
        Period=60,
        Statistics=["Sum"],
    )["Datapoints"]
    return sum(point["Sum"] for point in points)


def misled(cloud, one):
    """What keeps tests from green: a check that is not passed, or None."""
    rule = met(cloud, TEST)
    if rule is None:
        return wrong("Nothing answers tests on port 8080.", look="describe_listeners, describe_rules")
    if rule["RuleArn"] != advanced(one).get("testListenerRule"):
        return wrong(
            "A test on port 8080 meets another rule than the one that ECS turns to green.",
            look="describe_rules, beside testListenerRule in advancedConfiguration",
        )
    return None


def colours(cloud):
    """blue, green → target group of the service that CodeDeploy deploys, of those that there are."""
    found = target_groups(cloud)
    return {name: found[f"{FAMILY}-{name}"] for name in COLOURS if f"{FAMILY}-{name}" in found}


def primary_set(one):
    """The task set of a service that serves, or None."""
    return next((each for each in one.get("taskSets", ()) if each["status"] == "PRIMARY"), None)


def deployment_group(cloud):
    """CodeDeploy's deployment group of the older service, or None."""
    codedeploy = cloud.client("codedeploy")
    gone = (codedeploy.exceptions.ApplicationDoesNotExistException,
            codedeploy.exceptions.DeploymentGroupDoesNotExistException)  # fmt: skip
    try:
        return codedeploy.get_deployment_group(**DEPLOYED_BY)["deploymentGroupInfo"]
    except gone:
        return None


def handed_over(cloud, since):
    """The deployments by CodeDeploy since then, newest first, with their `version`; roll-backs have none."""
    if deployment_group(cloud) is None:
        return []
    codedeploy = cloud.client("codedeploy")
    ids = codedeploy.list_deployments(**DEPLOYED_BY)["deployments"]
    told = [codedeploy.get_deployment(deploymentId=one)["deploymentInfo"] for one in ids]
    recent = [one for one in told if one["createTime"] >= since]
    for one in recent:
        one["version"] = "" if one["creator"] == "codeDeployRollback" else version(cloud, asked_for(cloud, one))
    return sorted(recent, key=lambda one: one["createTime"], reverse=True)


def asked_for(cloud, one):
    """The task definition that the AppSpec of a deployment names."""
    found = cloud.client("codedeploy").get_application_revision(applicationName=FAMILY, revision=one["revision"])
    content = json.loads(found["revision"]["appSpecContent"]["content"])
    return content["Resources"][0]["TargetService"]["Properties"]["TaskDefinition"]


def shifted(cloud, one):
    """Whether a deployment by CodeDeploy began to send customers to the new task set."""
    ids = {"deploymentId": one["deploymentId"], "targetId": f"drydock:{OLDER}"}
    told = cloud.client("codedeploy").get_deployment_target(**ids)["deploymentTarget"]["ecsTarget"]
    return any(each["lifecycleEventName"] == "AllowTraffic" and "startTime" in each for each in told["lifecycleEvents"])


def hand_over_of(cloud, lab, wanted):
    """The newest deployment of a version by CodeDeploy in this round, or None."""
    return next((one for one in handed_over(cloud, lab.began) if one["version"] == wanted), None)


# -- doing


def create_group(cloud, name):
    """A target group of the service; returns its ARN."""
    elbv2 = cloud.client("elbv2")
    made = elbv2.create_target_group(
        Name=f"{FAMILY}-{name}",
        VpcId=vpc_id(cloud),
        TargetType="ip",
        Protocol="HTTP",
        Port=8080,
        HealthCheckPath="/health",
        HealthCheckIntervalSeconds=5,
        HealthCheckTimeoutSeconds=2,
        HealthyThresholdCount=2,
    )
    arn = made["TargetGroups"][0]["TargetGroupArn"]
    delay = {"Key": "deregistration_delay.timeout_seconds", "Value": "5"}
    elbv2.modify_target_group_attributes(TargetGroupArn=arn, Attributes=[delay])
    return arn


def to_both(cloud, first="primary"):
    """The action that sends everything to one of the target groups, and names the other."""
    found = {name: one["TargetGroupArn"] for name, one in groups(cloud).items()}
    tuples = [{"TargetGroupArn": arn, "Weight": int(name == first)} for name, arn in found.items()]
    return {"Type": "forward", "ForwardConfig": {"TargetGroups": tuples}}


def testers(cloud):
    """The security group that lets in tests; returns its id."""
    ec2 = cloud.client("ec2")
    vpc = vpc_id(cloud)
    group = ec2.create_security_group(GroupName=TESTERS, Description="Tests of the catalog", VpcId=vpc)["GroupId"]
    tests = {"IpProtocol": "tcp", "FromPort": TEST, "ToPort": TEST, "IpRanges": [{"CidrIp": cloud.visitors}]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[tests])
    return group


def traffic_role(cloud):
    """The role with which ECS changes the rules; returns its ARN."""
    iam, name = cloud.client("iam"), f"{FAMILY}-traffic"
    trust = {"Effect": "Allow", "Principal": {"Service": "ecs.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    managed = "arn:aws:iam::aws:policy/AmazonECSInfrastructureRolePolicyForLoadBalancers"
    iam.attach_role_policy(RoleName=name, PolicyArn=managed)
    return role


def balancing(cloud, test_rule=""):
    """`loadBalancers` of the service; its test listener rule is the default one of port 8080, if no other is given."""
    primary, alternate = (groups(cloud)[name]["TargetGroupArn"] for name in GROUPS)
    more = {
        "alternateTargetGroupArn": alternate,
        "productionListenerRule": rules(cloud, PRODUCTION)[-1]["RuleArn"],
        "testListenerRule": test_rule or rules(cloud, TEST)[-1]["RuleArn"],
        "roleArn": cloud.client("iam").get_role(RoleName=f"{FAMILY}-traffic")["Role"]["Arn"],
    }
    entry = {"targetGroupArn": primary, "containerName": "backend", "containerPort": 8080}
    return [{**entry, "advancedConfiguration": more}]


def pause(minutes=1440, action="ROLLBACK"):
    limit = {"timeoutInMinutes": minutes, "action": action}
    return {"targetType": "PAUSE", "lifecycleStages": ["POST_TEST_TRAFFIC_SHIFT"], "timeoutConfiguration": limit}


def blue_green(*hooks, bake=1, alarms=()):
    """deploymentConfiguration."""
    watched = {"alarmNames": [*alarms], "enable": bool(alarms), "rollback": bool(alarms)}
    return {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": bake, "lifecycleHooks": [*hooks], "alarms": watched}


def begin(cloud, definition, configuration, **more):
    """Begin a deployment."""
    cloud.client("ecs").update_service(
        cluster="drydock", service=NAME, taskDefinition=definition, deploymentConfiguration=configuration, **more
    )


def newest(cloud):
    """The newest deployment, as ECS describes it."""
    ecs = cloud.client("ecs")
    arn = ecs.list_service_deployments(cluster="drydock", service=NAME)["serviceDeployments"][0]["serviceDeploymentArn"]
    return ecs.describe_service_deployments(serviceDeploymentArns=[arn])["serviceDeployments"][0]


def until_status(cloud, status):
    wait_until(lambda: newest(cloud)["status"] == status, f"the deployment is {status}", timeout=120)


def until_paused(cloud):
    wait_until(lambda: "AWAITING_ACTION" in answers(newest(cloud)), "the deployment waits for an answer", timeout=120)


def reply(cloud, action):
    """Answer the pause for which the newest deployment waits."""
    told = newest(cloud)
    hook = next(one for one in told["lifecycleHookDetails"] if one["status"] == "AWAITING_ACTION")
    cloud.client("ecs").continue_service_deployment(
        serviceDeploymentArn=told["serviceDeploymentArn"], hookId=hook["hookId"], action=action
    )


def watch(cloud, found):
    """An alarm for the errors of each of these target groups; returns their names."""
    names = []
    for name, group in found.items():
        names.append(f"{FAMILY}-{name}")
        of = dimensions(group=group["TargetGroupArn"], balancer=balancer(cloud)["LoadBalancerArn"])
        cloud.client("cloudwatch").put_metric_alarm(
            AlarmName=names[-1],
            Namespace="AWS/ApplicationELB",
            MetricName="HTTPCode_Target_5XX_Count",
            Dimensions=[{"Name": key, "Value": value} for key, value in of.items()],
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=5,
            ComparisonOperator="GreaterThanOrEqualToThreshold",
            TreatMissingData="notBreaching",
        )
    return names


def older_service(cloud):
    """Listeners, target groups, the service of one task, and what CodeDeploy knows of them."""
    elbv2, ecs, iam, codedeploy = (cloud.client(name) for name in ("elbv2", "ecs", "iam", "codedeploy"))
    arns = {name: create_group(cloud, name) for name in COLOURS}
    let_in = {"IpProtocol": "tcp", "FromPort": 8000, "ToPort": 8001, "IpRanges": [{"CidrIp": cloud.visitors}]}
    cloud.client("ec2").authorize_security_group_ingress(GroupId=security_group(cloud, TESTERS), IpPermissions=[let_in])
    front, to_blue = balancer(cloud)["LoadBalancerArn"], [{"Type": "forward", "TargetGroupArn": arns["blue"]}]
    routes = {}
    for name, port in OLDER_PORTS.items():
        made = elbv2.create_listener(LoadBalancerArn=front, Protocol="HTTP", Port=port, DefaultActions=to_blue)
        routes[name] = {"listenerArns": [made["Listeners"][0]["ListenerArn"]]}
    ecs.create_service(
        cluster="drydock",
        serviceName=OLDER,
        taskDefinition=revisions(cloud)["v1"],
        desiredCount=1,
        deploymentController={"type": "CODE_DEPLOY"},
        networkConfiguration=network(cloud),
        loadBalancers=[{"targetGroupArn": arns["blue"], "containerName": "backend", "containerPort": 8080}],
    )
    name = f"{FAMILY}-codedeploy"
    trust = {"Effect": "Allow", "Principal": {"Service": "codedeploy.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    iam.attach_role_policy(RoleName=name, PolicyArn="arn:aws:iam::aws:policy/AWSCodeDeployRoleForECS")
    codedeploy.create_application(applicationName=FAMILY, computePlatform="ECS")
    pair = {
        "targetGroups": [{"name": f"{FAMILY}-{colour}"} for colour in COLOURS],
        "prodTrafficRoute": routes["production"],
        "testTrafficRoute": routes["test"],
    }
    codedeploy.create_deployment_group(
        **DEPLOYED_BY,
        serviceRoleArn=role,
        deploymentConfigName=CANARY,
        ecsServices=[{"clusterName": "drydock", "serviceName": OLDER}],
        deploymentStyle={"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"},
        blueGreenDeploymentConfiguration={
            "deploymentReadyOption": {"actionOnTimeout": "CONTINUE_DEPLOYMENT"},
            "terminateBlueInstancesOnDeploymentSuccess": {"action": "TERMINATE", "terminationWaitTimeInMinutes": 0},
        },
        loadBalancerInfo={"targetGroupPairInfoList": [pair]},
    )
    wait_until(lambda: serves(cloud) == "v1", "catalog-older is steady", timeout=120)


def serves(cloud):
    """The version of the older service, once all of its tasks are there; "" until then, and while a version goes."""
    one = service(cloud, OLDER)
    found = primary_set(one) if one is not None and len(one["taskSets"]) == 1 else None
    if found is None or found["stabilityStatus"] != "STEADY_STATE":
        return ""
    return version(cloud, found["taskDefinition"])


# -- steps


@outline.step(
    "two-listeners",
    title="A load balancer with two ways in, port 80 for customers and 8080 for tests, and two target groups",
    hints=[
        "create_target_group twice; create_listener twice. DefaultActions of each names both groups, 1 to 0.",
        "Port 8080 is let in by a security group of its own, drydock-catalog-test, beside drydock-alb.",
    ],
)
def two_listeners(cloud, lab):
    front, found = balancer(cloud), groups(cloud)
    if front is None and not found:
        return not_started("There is no load balancer drydock-catalog, and no target group of it.")
    gone = [name for name in GROUPS if name not in found]
    if gone:
        return wrong(f"There is no target group drydock-catalog-{gone[0]}.", look="create_target_group")
    if front is None:
        return wrong("There is no load balancer drydock-catalog.", look="create_load_balancer")
    both = {one["TargetGroupArn"] for one in found.values()}
    for port in (PRODUCTION, TEST):
        there = rules(cloud, port)
        if not there:
            return wrong(f"Nothing listens on port {port}.", look="create_listener")
        if not both <= forwards_to(there[-1]):
            return wrong(f"Port {port} does not name both target groups.", look="DefaultActions, ForwardConfig")
    if not opened(cloud, front):
        return wrong(
            "Port 8080 is let in by no security group of the load balancer.", look="SecurityGroups, IpPermissions"
        )
    return passed("Ports 80 and 8080 each name drydock-catalog-primary and drydock-catalog-alternate.")


def opened(cloud, front):
    """Whether the load balancer lets anybody in at the port for tests."""
    found = cloud.client("ec2").describe_security_groups(GroupIds=front["SecurityGroups"])["SecurityGroups"]
    every = [each for one in found for each in one["IpPermissions"]]
    return any(each.get("FromPort", 0) <= TEST <= each.get("ToPort", 65535) for each in every)


@two_listeners.solution
def _(cloud, lab):
    elbv2 = cloud.client("elbv2")
    for name in GROUPS:
        create_group(cloud, name)
    both = [security_group(cloud, "drydock-alb"), testers(cloud)]
    made = elbv2.create_load_balancer(Name=FAMILY, Subnets=subnets(cloud), SecurityGroups=both)
    arn = made["LoadBalancers"][0]["LoadBalancerArn"]
    for port in (PRODUCTION, TEST):
        elbv2.create_listener(LoadBalancerArn=arn, Protocol="HTTP", Port=port, DefaultActions=[to_both(cloud)])
    elbv2.get_waiter("load_balancer_available").wait(LoadBalancerArns=[arn])


@outline.step(
    "blue-green-service",
    title="A service `catalog` that ECS deploys by BLUE_GREEN, with a production and a test listener rule",
    hints=[
        "describe_rules of each listener: its default rule has an ARN, too.",
        "create_service: advancedConfiguration in loadBalancers, and deploymentConfiguration with strategy BLUE_GREEN.",
    ],
)
def blue_green_service(cloud, lab):
    one = service(cloud, NAME)
    if one is None:
        return not_started(NO_SERVICE)
    strategy = one["deploymentConfiguration"].get("strategy", "ROLLING")
    if strategy != "BLUE_GREEN":
        return wrong(f"`catalog` is deployed by {strategy}.", look="deploymentConfiguration, strategy")
    more = advanced(one)
    mine = {entry["targetGroupArn"] for entry in one["loadBalancers"]} | {more.get("alternateTargetGroupArn")}
    if mine != {group["TargetGroupArn"] for group in groups(cloud).values()}:
        return wrong("`catalog` is not between the two target groups.", look="targetGroupArn, alternateTargetGroupArn")
    for port, name in ((PRODUCTION, "productionListenerRule"), (TEST, "testListenerRule")):
        if more.get(name) not in [rule["RuleArn"] for rule in rules(cloud, port)]:
            return wrong(f"The {name} is no rule of port {port}.", look=f"advancedConfiguration, {name}")
    if one["desiredCount"] < 2:
        return wrong("`catalog` wants one task: nobody answers when it fails.", look="desiredCount")
    if not is_steady(one):
        return wrong("`catalog` is not steady yet.", look="describe_services: events", waits_for=coming(one))
    return passed("ECS deploys `catalog` by BLUE_GREEN: port 80 is its production, port 8080 its tests.")


@blue_green_service.solution
def _(cloud, lab):
    traffic_role(cloud)
    v1, _ = (register_backend(cloud, FAMILY, name) for name in ("v1", "v2"))
    cloud.client("ecs").create_service(
        cluster="drydock",
        serviceName=NAME,
        taskDefinition=v1,
        desiredCount=2,
        networkConfiguration=network(cloud),
        loadBalancers=balancing(cloud),
        deploymentConfiguration=blue_green(),
    )
    until_steady(cloud, NAME)


@outline.step(
    "all-at-once",
    title="v2 comes to serve, by all the stages of a blue/green deployment",
    hints=["update_service with the revision of v2. Then it is ECS's turn: describe_service_deployments."],
)
def all_at_once(cloud, lab):
    if service(cloud, NAME) is None:
        return not_started(NO_SERVICE)
    found = release_of(cloud, lab, "v2")
    if found is None:
        return not_started("v2 was never deployed.")
    if found["status"] != "SUCCESSFUL":
        waits_for = "the deployment of v2 to be SUCCESSFUL" if found["status"] == "IN_PROGRESS" else ""
        return wrong(f"The deployment of v2 is {found['status']}.", look="statusReason", waits_for=waits_for)
    return passed("v2 has got all requests at once, and v1 has stood by for the bake time.")


@all_at_once.solution
def _(cloud, lab):
    begin(cloud, register_backend(cloud, FAMILY, "v2"), blue_green())
    until_status(cloud, "SUCCESSFUL")


@outline.step(
    "back-in-the-bake",
    title="v3 waits until you have tested it, goes on, and is taken back by hand in its bake time",
    hints=[
        "lifecycleHooks: a PAUSE at POST_TEST_TRAFFIC_SHIFT. lifecycleHookDetails has the hookId.",
        "continue_service_deployment, then stop_service_deployment with stopType ROLLBACK.",
    ],
)
def back_in_the_bake(cloud, lab):
    if service(cloud, NAME) is None:
        return not_started(NO_SERVICE)
    tried = [one for one in releases(cloud, lab.began) if one["version"] == "v3"]
    if not tried:
        return not_started("v3 was never deployed.")
    if any("SUCCEEDED" in answers(one) and one["status"] == "ROLLBACK_SUCCESSFUL" for one in tried):
        return passed("v3 was tested before customers met it, and taken back in its bake time.")
    if "AWAITING_ACTION" in answers(tried[0]) and tried[0]["status"] == "IN_PROGRESS":
        return wrong("v3 waits for an answer.", look="continue_service_deployment")
    coming_back = tried[0]["status"] in UNDER_WAY
    return wrong(
        f"The deployment of v3 is {tried[0]['status']}.",
        look="lifecycleHookDetails; stop_service_deployment",
        waits_for="the deployment of v3 to be rolled back" if coming_back and tried[0].get("rollback") else "",
    )


@back_in_the_bake.solution
def _(cloud, lab):
    begin(cloud, register_backend(cloud, FAMILY, "v3"), blue_green(pause(), bake=10))
    until_paused(cloud)
    reply(cloud, "CONTINUE")
    wait_until(lambda: newest(cloud).get("lifecycleStage") == "BAKE_TIME", "v3 bakes", timeout=120)
    arn = newest(cloud)["serviceDeploymentArn"]
    cloud.client("ecs").stop_service_deployment(serviceDeploymentArn=arn, stopType="ROLLBACK")
    until_status(cloud, "ROLLBACK_SUCCESSFUL")


@outline.step(
    "alarm-in-the-bake",
    title="v4 fails on half of its requests, and an alarm takes it back in its bake time",
    hints=[
        "put_metric_alarm for each target group: green is in one of them now, in the other the next time.",
        "deploymentConfiguration: alarms, enable and rollback. Requests that meet v4 do the rest.",
    ],
)
def alarm_in_the_bake(cloud, lab):
    one = service(cloud, NAME)
    if one is None:
        return not_started(NO_SERVICE)
    found = release_of(cloud, lab, "v4")
    if found is None:
        return not_started("v4 was never deployed.")
    names = found.get("alarms", {}).get("alarmNames", ())
    alarms = cloud.client("cloudwatch").describe_alarms(AlarmNames=[*names])["MetricAlarms"] if names else []
    front = balancer(cloud)["LoadBalancerArn"]
    for name, group in groups(cloud).items():
        if not any(counts_errors(alarm, group=group["TargetGroupArn"], balancer=front) for alarm in alarms):
            return wrong(
                f"No alarm of the deployment sees the errors of drydock-catalog-{name}.", look="put_metric_alarm"
            )
    if found["status"] != "ROLLBACK_SUCCESSFUL":
        return wrong(
            f"The deployment of v4 is {found['status']}.",
            look="describe_service_deployments; do requests reach it?",
            waits_for="the deployment of v4 to be rolled back" if found["status"] in UNDER_WAY else "",
        )
    return passed("An alarm has taken v4 back while v2 still stood by.")


@alarm_in_the_bake.solution
def _(cloud, lab):
    requests = Load(f"http://{balancer(cloud)['DNSName']}/", rps=50).start()
    try:
        begin(
            cloud,
            register_backend(cloud, FAMILY, "v4", ERROR_RATE="0.5"),
            blue_green(bake=10, alarms=watch(cloud, groups(cloud))),
        )
        until_status(cloud, "ROLLBACK_SUCCESSFUL")
    finally:
        requests.stop()


@outline.step(
    "nobody-answers",
    title="v3 again, and nobody answers its pause: it goes back by itself",
    hints=["timeoutConfiguration of the hook: timeoutInMinutes 1, action ROLLBACK. Then wait."],
)
def nobody_answers(cloud, lab):
    if service(cloud, NAME) is None:
        return not_started(NO_SERVICE)
    tried = [one for one in releases(cloud, lab.began) if "TIMED_OUT" in answers(one)]
    if not tried:
        waits = [one for one in releases(cloud, lab.began)[:1] if "AWAITING_ACTION" in answers(one)]
        waits_for = "the pause to time out" if waits and waits[0]["status"] == "IN_PROGRESS" else ""
        return not_started("No pause of `catalog` has timed out.", waits_for=waits_for)
    if tried[0]["status"] != "ROLLBACK_SUCCESSFUL":
        coming_back = tried[0]["status"] in UNDER_WAY
        return wrong(
            f"The deployment that nobody answered is {tried[0]['status']}.",
            look="timeoutConfiguration, action",
            waits_for="it to be rolled back" if coming_back and tried[0].get("rollback") else "",
        )
    return passed("The pause timed out, and v3 went back without having met a customer.")


@nobody_answers.solution
def _(cloud, lab):
    begin(cloud, register_backend(cloud, FAMILY, "v3"), blue_green(pause(1)))
    until_status(cloud, "ROLLBACK_SUCCESSFUL")


@outline.step(
    "candidates",
    title="Two more versions to release: v5 and v6",
    hints=["register, as for the versions before."],
)
def candidates(cloud, lab):
    there = revisions(cloud)
    missing = [name for name in ("v5", "v6") if name not in there]
    if len(missing) == 2:
        return not_started("drydock-catalog has no revision for v5 or v6.")
    if missing:
        return wrong(f"drydock-catalog has no revision for {missing[0]}.", look="register")
    return passed("drydock-catalog has a revision for v5 and one for v6.")


@candidates.solution
def _(cloud, lab):
    register_backend(cloud, FAMILY, "v5")
    register_backend(cloud, FAMILY, "v6", ERROR_RATE="0.3")


@outline.your_turn(
    "approved",
    title=f"Release v5 so that it waits for at most {AT_MOST} minutes until it is tested, goes back if nobody answers, "
    f"and has blue stand by for a minute once customers meet it; test it, and let it go on",
    hints=[
        "What does describe_services say of deploymentConfiguration now? Change three fields of it.",
        "lifecycleHooks: a PAUSE at POST_TEST_TRAFFIC_SHIFT, with timeoutConfiguration. bakeTimeInMinutes.",
        "update_service with taskDefinition=v5, wait until waiting() has a hook, send requests to test_url, "
        'then reply("CONTINUE").',
    ],
)
def approved(cloud, lab):
    if service(cloud, NAME) is None:
        return not_started(NO_SERVICE)
    found = release_of(cloud, lab, "v5")
    if found is None:
        return not_started("v5 was never deployed.")
    configuration, under_test = found["deploymentConfiguration"], pauses(found)
    again = "; v5 serves already, so try again with forceNewDeployment=True" if found["status"] == "SUCCESSFUL" else ""
    if not under_test:
        return wrong(
            "The deployment of v5 never waits while green has the test traffic and no other.",
            look=f"lifecycleHooks: targetType PAUSE, and at which of lifecycleStages{again}",
        )
    limits = [hook.get("timeoutConfiguration", {}) for hook in under_test]
    if any(limit.get("action", "ROLLBACK") != "ROLLBACK" for limit in limits):
        return wrong("If nobody answers, v5 goes on untested.", look=f"timeoutConfiguration, action{again}")
    minutes = max(limit.get("timeoutInMinutes", 1440) for limit in limits)
    if minutes > AT_MOST:
        return wrong(f"It waits for up to {minutes} minutes.", look=f"timeoutConfiguration, timeoutInMinutes{again}")
    if "TIMED_OUT" in answers(found):
        return wrong("Nobody has answered: it was the time-out that ended the pause.", look="timeoutConfiguration")
    bake = configuration.get("bakeTimeInMinutes", 0)
    if bake < AT_LEAST:
        return wrong("Blue does not stand by: the bake time is 0.", look=f"bakeTimeInMinutes{again}")
    if "AWAITING_ACTION" in answers(found) and found["status"] == "IN_PROGRESS":
        return wrong("v5 waits for your answer.", look="test_url; continue_service_deployment")
    if found["status"] != "SUCCESSFUL":
        goes_on = found["status"] == "IN_PROGRESS"
        waits_for = "the deployment of v5 to be SUCCESSFUL" if goes_on else ""
        return wrong(f"The deployment of v5 is {found['status']}.", look="statusReason", waits_for=waits_for)
    return passed("v5 waited to be tested, went on when you said so, and blue stood by.")


@approved.solution
def _(Load, catalog, ecs, pause, plain, reply, test_url, v5, wait_until, waiting):
    limited = {**pause, "timeoutConfiguration": {"timeoutInMinutes": 120, "action": "ROLLBACK"}}
    tested = {**plain, "bakeTimeInMinutes": 1, "lifecycleHooks": [limited]}
    ecs.update_service(**catalog, taskDefinition=v5, deploymentConfiguration=tested, forceNewDeployment=True)
    wait_until(waiting, "v5 waits to be tested", timeout=600)
    found = Load(test_url, rps=200).start(0.5).wait()
    reply("CONTINUE")
    print(found)


@outline.your_turn(
    "abandoned",
    title="Release v6 in the same way, test it, and turn it back before a single customer has met it",
    hints=[
        "v6 waits where v5 did: deploymentConfiguration has stayed as it is.",
        "Send requests to test_url: what part of the answers is an error?",
        'reply("ROLLBACK"), and look at who has answered the customers.',
    ],
)
def abandoned(cloud, lab):
    one = service(cloud, NAME)
    if one is None:
        return not_started(NO_SERVICE)
    found = release_of(cloud, lab, "v6")
    if found is None:
        return not_started("v6 was never deployed.")
    told = answers(found)
    again = "; v6 serves, so release v5 before you try again" if found["status"] == "SUCCESSFUL" else ""
    if not pauses(found):
        return wrong(
            "The deployment of v6 does not wait while green has the test traffic: customers meet it untested.",
            look=f"lifecycleHooks: targetType PAUSE, and at which of lifecycleStages{again}",
        )
    if "SUCCEEDED" in told:
        return wrong("v6 was let on, and customers have met it.", look=f"who answers on port 80; reply{again}")
    if "TIMED_OUT" in told:
        return wrong("Nobody has answered: it was the time-out that ended the pause.", look="timeoutConfiguration")
    if found["status"] == "IN_PROGRESS":
        if "AWAITING_ACTION" not in told:
            return wrong("v6 is on its way.", look="lifecycleStage", waits_for="v6 to wait for your answer")
        return wrong("v6 waits for your answer.", look="test_url; continue_service_deployment")
    if found["status"] != "ROLLBACK_SUCCESSFUL":
        waits_for = "v6 to be gone" if found["status"] in UNDER_WAY else ""
        return wrong(f"The deployment of v6 is {found['status']}.", look="statusReason", waits_for=waits_for)
    if version(cloud, one["taskDefinition"]) == "v6":
        return wrong("Customers meet v6 all the same.", look="list_service_deployments: an earlier one of v6")
    if not errors(cloud, found["group"], found["createdAt"]):
        return wrong(
            "v6 is turned back, but CloudWatch knows of no error of it: nobody has tested it.",
            look="test_url, while it waits; HTTPCode_Target_5XX_Count",
            waits_for="CloudWatch to count what the test found",
        )
    return passed("The test found the errors of v6, and it went back before a customer met it.")


@abandoned.solution
def _(Load, catalog, ecs, pause, plain, reply, test_url, v5, v6, wait_until, waiting):
    ecs.update_service(**catalog, taskDefinition=v5, deploymentConfiguration=plain)  # if an attempt has let v6 on
    ecs.get_waiter("services_stable").wait(cluster="drydock", services=["catalog"])
    ecs.update_service(**catalog, taskDefinition=v6, deploymentConfiguration={**plain, "lifecycleHooks": [pause]})
    wait_until(waiting, "v6 waits to be tested", timeout=600)
    found = Load(test_url, rps=200).start(0.5).wait()
    reply("ROLLBACK")
    print(found)


@outline.step(
    "judged",
    title="A Lambda function tests v7 in your place, and turns it back",
    hints=[
        "lifecycleHooks: targetType AWS_LAMBDA, hookTargetArn, roleArn, hookDetails, at POST_TEST_TRAFFIC_SHIFT.",
        "The function answers {'hookStatus': 'FAILED'} or SUCCEEDED. What it prints is in /aws/lambda/….",
    ],
)
def judged(cloud, lab):
    if service(cloud, NAME) is None:
        return not_started(NO_SERVICE)
    found = release_of(cloud, lab, "v7")
    if found is None:
        return not_started("v7 was never deployed.")
    told = [hook["status"] for hook in found.get("lifecycleHookDetails", ()) if hook["targetType"] == "AWS_LAMBDA"]
    if found["status"] in UNDER_WAY:
        return wrong("v7 is being tested.", look="lifecycleHookDetails", waits_for="the function to have judged v7")
    if "FAILED" not in told or found["status"] != "ROLLBACK_SUCCESSFUL":
        return wrong(f"The deployment of v7 is {found['status']}.", look="statusReason; lifecycleHooks, AWS_LAMBDA")
    return passed("The function has tested v7, found errors, and turned it back.")


@judged.solution
def _(cloud, lab):
    name, package = f"{FAMILY}-judge", io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("judge.py", JUDGE)
    who = {"Effect": "Allow", "Principal": {"Service": ["ecs.amazonaws.com", "lambda.amazonaws.com"]}}
    may = {"Effect": "Allow", "Action": ["lambda:InvokeFunction", "logs:CreateLogStream", "logs:PutLogEvents"]}
    trust, policy = ({"Version": "2012-10-17", "Statement": [one]} for one in (
        {**who, "Action": "sts:AssumeRole"}, {**may, "Resource": "*"}
    ))  # fmt: skip
    iam = cloud.client("iam")
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="judge", PolicyDocument=json.dumps(policy))
    cloud.client("logs").create_log_group(logGroupName=f"/aws/lambda/{name}")
    function = cloud.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.12",
        Handler="judge.handler",
        Role=role,
        Timeout=60,
        Code={"ZipFile": package.getvalue()},
    )["FunctionArn"]
    hook = {
        "targetType": "AWS_LAMBDA",
        "hookTargetArn": function,
        "roleArn": role,
        "lifecycleStages": ["POST_TEST_TRAFFIC_SHIFT"],
        "hookDetails": {"url": f"http://{balancer(cloud)['DNSName']}:{TEST}/", "requests": 59},
    }
    begin(cloud, register_backend(cloud, FAMILY, "v7", ERROR_RATE="0.3"), blue_green(hook))
    until_status(cloud, "ROLLBACK_SUCCESSFUL")


@outline.step(
    "older-service",
    title="A service `catalog-older` that CodeDeploy deploys, between drydock-catalog-blue and drydock-catalog-green",
    hints=[
        "create_service: deploymentController is CODE_DEPLOY, and loadBalancers names the blue target group only.",
        "create_deployment_group: ecsServices, and loadBalancerInfo with both target groups and a listener for each.",
    ],
)
def older(cloud, lab):
    one, group = service(cloud, OLDER), deployment_group(cloud)
    if one is None:
        return not_started(NO_OLDER)
    controller = one["deploymentController"]["type"]
    if controller != "CODE_DEPLOY":
        return wrong(f"`catalog-older` is deployed by {controller}.", look="create_service, deploymentController")
    if len(colours(cloud)) < 2:
        return wrong("CodeDeploy needs two target groups, and one is missing.", look="create_target_group")
    if group is None:
        return wrong("CodeDeploy has no deployment group `older`.", look="create_application; create_deployment_group")
    mine = [{"clusterName": "drydock", "serviceName": OLDER}]
    if group["ecsServices"] != mine:
        return wrong("The deployment group is not of `catalog-older`.", look="ecsServices")
    pair = group["loadBalancerInfo"]["targetGroupPairInfoList"][0]
    for name, port in OLDER_PORTS.items():
        route = pair.get({"production": "prodTrafficRoute", "test": "testTrafficRoute"}[name], {})
        if route.get("listenerArns") != [listener(cloud, port)]:
            return wrong(f"The deployment group does not turn the listener of port {port}.", look="loadBalancerInfo")
    if not serves(cloud):
        return wrong(
            "The tasks of `catalog-older` are not all there.",
            look="describe_services: taskSets, stabilityStatus; events",
            waits_for="the task set of `catalog-older` to be in STEADY_STATE",
        )
    return passed("`catalog-older` has one task set, and CodeDeploy knows its listeners and target groups.")


@older.solution
def _(cloud, lab):
    older_service(cloud)


@outline.step(
    "by-codedeploy",
    title="CodeDeploy releases v2: another task set has the traffic, and the first one is gone",
    hints=[
        "create_deployment: the revision is an AppSpec, whose TaskDefinition is v2's.",
        "get_deployment, and get_deployment_target: lifecycleEvents tell which of them failed, and why.",
    ],
)
def by_codedeploy(cloud, lab):
    if service(cloud, OLDER) is None:
        return not_started(NO_OLDER)
    found = hand_over_of(cloud, lab, "v2")
    if found is None:
        return not_started("CodeDeploy was never told to release v2.")
    if found["status"] not in ("Succeeded", "Failed", "Stopped"):
        return wrong("v2 is on its way.", look="get_deployment_target", waits_for="CodeDeploy to be done with v2")
    if found["status"] != "Succeeded":
        return wrong(f"The deployment of v2 is {found['status']}.", look="get_deployment: errorInformation")
    return passed("CodeDeploy has released v2 in a task set of its own.")


@by_codedeploy.solution
def _(cloud, lab):
    service = {
        "Type": "AWS::ECS::Service",
        "Properties": {
            "TaskDefinition": revisions(cloud)["v2"],
            "LoadBalancerInfo": {"ContainerName": "backend", "ContainerPort": 8080},
        },
    }
    content = json.dumps({"version": "0.0", "Resources": [{"TargetService": service}]})
    cloud.client("codedeploy").create_deployment(
        **DEPLOYED_BY,
        deploymentConfigName="CodeDeployDefault.ECSAllAtOnce",
        revision={"revisionType": "AppSpecContent", "appSpecContent": {"content": content}},
    )
    wait_until(lambda: serves(cloud) == "v2", "CodeDeploy has released v2", timeout=120)
    watch(cloud, colours(cloud))  # which the lesson does on the way to the exercise


@outline.your_turn(
    "older-alarm",
    title="Let CodeDeploy release v4 to a tenth of the customers, and an alarm turn it back by itself",
    hints=[
        "update_deployment_group: alarmConfiguration names both alarms; autoRollbackConfiguration needs the event "
        "DEPLOYMENT_STOP_ON_ALARM. currentDeploymentGroupName says which group.",
        "deploy(v4) takes the group's own configuration, the canary. The alarm rings only if customers ask: Load.",
        "Does v4 serve already? An alarm that rings stops every deployment, so deploy(v2, overrideAlarmConfiguration="
        '{"enabled": False}) brings v2 back. Begin anew when ringing() is empty.',
    ],
)
def older_alarm(cloud, lab):
    if service(cloud, OLDER) is None:
        return not_started(NO_OLDER)
    found = hand_over_of(cloud, lab, "v4")
    if found is None:
        return not_started("CodeDeploy was never told to release v4.")
    if found["deploymentConfigName"] != CANARY:
        return wrong(f"v4 was released by {found['deploymentConfigName']}.", look="create_deployment")
    if found["status"] not in ("Succeeded", "Failed", "Stopped"):
        return wrong(
            "v4 is on its way.",
            look="get_deployment; describe_alarms; do customers ask?",
            waits_for="CodeDeploy to be done with v4",
        )
    if found["status"] == "Succeeded":
        back = "; bring v2 back before you try again" if serves(cloud) == "v4" else ""
        return wrong(
            "v4 was let on, and every customer has met it.", look=f"alarmConfiguration of the deployment group{back}"
        )
    if (code := found["errorInformation"]["code"]) != "ALARM_ACTIVE":
        return wrong(f"It was no alarm that has ended v4: {code}.", look="get_deployment: errorInformation")
    if not (back := found.get("rollbackInfo", {}).get("rollbackDeploymentId")):
        return wrong(
            "The alarm has stopped v4, and nothing brings back what served before.",
            look="autoRollbackConfiguration, events",
        )
    if not shifted(cloud, found):
        return wrong(
            "An alarm rang before a customer had met v4.", look="get_deployment_target: AllowTraffic; describe_alarms"
        )
    undone = next((one for one in handed_over(cloud, lab.began) if one["deploymentId"] == back), None)
    if undone is None or undone["status"] != "Succeeded":
        return wrong("v4 is being turned back.", look="rollbackInfo", waits_for="the roll-back to be done")
    if serves(cloud) == "v4":
        return wrong("Customers meet v4 all the same: an earlier deployment has let it on.", look="deploy(v2)")
    return passed("A tenth of the customers met v4, an alarm rang, and CodeDeploy brought v2 back.")


@older_alarm.solution
def _(Load, codedeploy, colours, deploy, ended, older_url, ringing, serving, v2, v4, wait_until):
    watched = {"enabled": True, "alarms": [{"name": f"drydock-catalog-{name}"} for name in colours]}
    back = {"enabled": True, "events": ["DEPLOYMENT_STOP_ON_ALARM"]}
    if serving() != v2:  # if an attempt has let v4 on
        wait_until(ended(deploy(v2, overrideAlarmConfiguration={"enabled": False})), "v2 serves again", timeout=1200)
    wait_until(lambda: not ringing(), "no alarm rings", timeout=600)
    which = {"applicationName": "drydock-catalog", "currentDeploymentGroupName": "older"}
    codedeploy.update_deployment_group(**which, alarmConfiguration=watched, autoRollbackConfiguration=back)
    customers = Load(older_url, rps=100).start()
    wait_until(ended(deploy(v4)), "v4 has been stopped", timeout=1200)
    print(customers.stop().versions)


# -- drill


@outline.drill(
    "spotless",
    title="v8 waits to be let on, and its tests find no fault: find out what they test, turn v8 back, and let tests "
    "meet green again",
    hints=[
        "Which version answers on port 8080? And which one is green?",
        "describe_services: testListenerRule is the rule that ECS turns to green. describe_rules of the test listener: "
        "which of its rules does a test meet?",
        'reply("ROLLBACK"); then update_service with balancing, whose testListenerRule every test on port 8080 meets.',
    ],
)
def spotless(cloud, lab):
    one = service(cloud, NAME)
    if one is None:
        return not_started(NO_SERVICE)
    if release_of(cloud, lab, "v8") is None:
        return not_started("v8 was never deployed.")
    now = releases(cloud, lab.began)[0]
    if (blind := misled(cloud, one)) is not None:
        return blind
    if "AWAITING_ACTION" in answers(now) and now["status"] == "IN_PROGRESS":
        return wrong(f"{now['version']} waits for your answer.", look="test_url: what does it say now?")
    if now["status"] in UNDER_WAY:
        return wrong("A deployment is under way.", look="describe_service_deployments", waits_for="it to end")
    serving = version(cloud, one["taskDefinition"])
    if float(environment(cloud, one["taskDefinition"]).get("ERROR_RATE", 0)):
        return wrong(f"Customers meet {serving}, which fails.", look="update_service, taskDefinition")
    if not is_steady(one):
        return wrong("`catalog` is not steady yet.", look="describe_services: events", waits_for=coming(one))
    return passed("Tests reach green again, and customers a version without a fault.")


@spotless.breaks
def _(cloud, lab):
    if service(cloud, NAME) is None:
        raise NothingToBreak(NO_SERVICE)
    elbv2 = cloud.client("elbv2")
    tests = listener(cloud, TEST)
    hidden = [rule["RuleArn"] for rule in rules(cloud, TEST) if rule["Priority"] == "10"]
    if not hidden:
        header = {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-Release", "Values": ["green"]}}
        made = elbv2.create_rule(ListenerArn=tests, Priority=10, Conditions=[header], Actions=[to_both(cloud)])
        hidden = [made["Rules"][0]["RuleArn"]]
    v5 = revisions(cloud).get("v5") or register_backend(cloud, FAMILY, "v5")
    begin(cloud, v5, blue_green(bake=0), loadBalancers=balancing(cloud, hidden[0]))
    until_status(cloud, "SUCCESSFUL")
    serves = next(name for name, group in groups(cloud).items() if group["TargetGroupArn"] == serving_group(cloud, lab))
    elbv2.modify_listener(ListenerArn=tests, DefaultActions=[to_both(cloud, serves)])
    begin(cloud, register_backend(cloud, FAMILY, "v8", ERROR_RATE="0.5"), blue_green(pause(), bake=2))
    until_paused(cloud)


def serving_group(cloud, lab):
    """ARN of the target group of the last deployment that was successful in this round."""
    return next(one["group"] for one in releases(cloud, lab.began) if one["status"] == "SUCCESSFUL")


@spotless.solution
def _(balancing, catalog, ecs, plain, reply, v5, waiting):
    if waiting():
        reply("ROLLBACK")
    ecs.update_service(**catalog, taskDefinition=v5, loadBalancers=balancing, deploymentConfiguration=plain)
    print("v8 is turned back, and tests meet the rule that ECS turns to green")
