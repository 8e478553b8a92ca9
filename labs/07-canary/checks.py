"""Lab 07: two versions behind one listener; requests are moved between them by weight.

What later labs find: the load balancer `drydock-canary`, the target groups drydock-stable and drydock-canary, and the
services stable (2 tasks) and canary in the cluster `drydock`, all of the task definition drydock-release; and the
service release (2 tasks) that ECS deploys by CANARY between drydock-blue and drydock-green, with the role
drydock-traffic and the alarms drydock-release-blue and drydock-release-green.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from drydock.labs import Outline, not_started, passed, wait_until, wrong
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
    to_be_healthy,
    until_steady,
    vpc_id,
)
from drydock.load import Load
from drydock.policy.traffic import chance_to_see, requests_to_see, shares
from drydock.pricing import fargate_tasks, load_balancers, public_addresses, unpriced

outline = Outline(
    title="Canary",
    goal="A new version gets 5 % of the requests, then half, then all, by hand and by ECS; a bad one is found by its "
    "metrics, and rolled back by an alarm.",
    minutes="45 to 60",
    needs=[
        "01-repositories:create-repositories",
        "02-images:push-images",
        "03-cluster",
        "04-task-definitions:create-roles",
        "04-task-definitions:create-log-groups",
    ],
    costs=[
        fargate_tasks(8, cpu=256, memory=512),
        load_balancers(),
        unpriced("load balancer capacity units"),
        public_addresses(11),
        unpriced("CloudWatch Logs and Container Insights"),
    ],
    hours=1.5,
)

FAMILY = "drydock-release"
FAULT, REQUESTS, CONFIDENCE = 0.02, 1000, 0.95
ENOUGH = next(share for share in range(1, 101) if chance_to_see(share / 100 * FAULT, REQUESTS) >= CONFIDENCE)
SHARES = {"five-percent": 0.05, "enough-traffic": ENOUGH / 100, "half": 0.5, "all-on-canary": 1.0}
RELEASE, COLOURS = "release", ("blue", "green")
NO_RELEASE = "The cluster `drydock` has no service `release`."
A_MINUTE, TENTH = 500, 0.10
"""The case of `careful`: requests a minute, and the canary's part of them."""
LONG_ENOUGH = -(-requests_to_see(TENTH * FAULT, confidence=CONFIDENCE) // A_MINUTE)


# -- reading the cloud


def versions(cloud):
    """VERSION → environment of the revisions of drydock-release that are active."""
    ecs = cloud.client("ecs")
    arns = ecs.list_task_definitions(familyPrefix=FAMILY, status="ACTIVE")["taskDefinitionArns"]
    found = [environment(cloud, arn) for arn in arns]
    return {one.get("VERSION", ""): one for one in found}


def version(cloud, one):
    """The version that a service is to run."""
    return environment(cloud, one["taskDefinition"]).get("VERSION", "")


def missing(cloud):
    """What there is not of the load balancer and its two target groups: a check that is not started, or None."""
    if load_balancer(cloud, "drydock-canary") is None:
        return not_started("There is no load balancer drydock-canary.")
    there = target_groups(cloud)
    gone = [name for name in ("drydock-stable", "drydock-canary") if name not in there]
    return not_started(f"There is no target group {gone[0]}.") if gone else None


def balancer(cloud):
    return cloud.client("elbv2").describe_load_balancers(Names=["drydock-canary"])["LoadBalancers"][0]


def group(cloud, name):
    """The target group of a service."""
    return cloud.client("elbv2").describe_target_groups(Names=[f"drydock-{name}"])["TargetGroups"][0]


def listener(cloud):
    """The listener on port 80, or None."""
    found = cloud.client("elbv2").describe_listeners(LoadBalancerArn=balancer(cloud)["LoadBalancerArn"])["Listeners"]
    return next((one for one in found if one["Port"] == 80), None)


def weights(cloud):
    """ARN of a target group → its weight, in what the listener does by default."""
    one = listener(cloud)
    action = one["DefaultActions"][0] if one else {}
    found = action.get("ForwardConfig", {}).get("TargetGroups", ())
    return {each["TargetGroupArn"]: each.get("Weight", 1) for each in found}


def share(cloud, name):
    """The part of the requests that a service's group gets, 0 to 1."""
    return shares(weights(cloud)).get(group(cloud, name)["TargetGroupArn"], 0.0)


def astray(cloud):
    """What keeps requests from the two groups, whatever their shares: a check that is not passed, or None."""
    if (nothing := missing(cloud)) is not None:
        return nothing
    if listener(cloud) is None:
        return not_started("Nothing listens on port 80.")
    both = {group(cloud, name)["TargetGroupArn"] for name in ("stable", "canary")}
    found = weights(cloud)
    if not both & set(found):
        return wrong("Port 80 forwards to neither target group.", look="modify_listener, DefaultActions")
    if not set(found) <= both:
        return wrong("Port 80 forwards to a third target group too.", look="modify_listener, DefaultActions")
    if not sum(found.values()):
        return wrong("Every weight is 0: nobody gets an answer.", look="modify_listener, DefaultActions, Weight")
    return None


def healthy(cloud, name):
    """How many targets of a service's group are healthy."""
    arn = group(cloud, name)["TargetGroupArn"]
    found = cloud.client("elbv2").describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
    return sum(one["TargetHealth"]["State"] == "healthy" for one in found)


def is_ready(cloud, name):
    """A service that is steady, with all its targets healthy."""
    one = service(cloud, name)
    return one is not None and is_steady(one) and healthy(cloud, name) >= one["desiredCount"] > 0


def getting_ready(cloud, name):
    """What a service that is not ready can be waited for; "" if it will not come by itself."""
    one = service(cloud, name)
    if one is None or not one["desiredCount"]:
        return ""
    if not is_steady(one):
        return coming(one)
    return to_be_healthy(group(cloud, name), one["desiredCount"] - healthy(cloud, name), one["desiredCount"])


def errors(cloud, since):
    """Answers with 5xx by the canary's targets, as CloudWatch has counted them."""
    of = dimensions(group=group(cloud, "canary")["TargetGroupArn"], balancer=balancer(cloud)["LoadBalancerArn"])
    points = cloud.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/ApplicationELB",
        MetricName="HTTPCode_Target_5XX_Count",
        Dimensions=[{"Name": name, "Value": value} for name, value in of.items()],
        StartTime=since,
        EndTime=datetime.now(since.tzinfo) + timedelta(minutes=1),
        Period=300,
        Statistics=["Sum"],
    )["Datapoints"]
    return sum(point["Sum"] for point in points)


def percent(part):
    return f"{100 * part:.4g} %"


def held_against(cloud, step):
    """Whether the canary gets the share of a step: a check that is not passed, or None."""
    if (nothing := astray(cloud)) is not None:
        return nothing
    found, wanted = share(cloud, "canary"), SHARES[step]
    if found == wanted:
        return None
    message = f"The canary gets {percent(found)} of the requests."
    if found in [0.0, *(other for other in SHARES.values() if other < wanted)]:
        return not_started(message)
    return wrong(message, look="modify_listener, DefaultActions, Weight")


def colours(cloud):
    """Name → target group of those that ECS sends the requests to; without those that there are not."""
    found = target_groups(cloud)
    return {name: found[f"drydock-{name}"] for name in COLOURS if f"drydock-{name}" in found}


def advanced(one):
    """What lets ECS shift the requests of a service, or {}."""
    entries = one.get("loadBalancers", ())
    found = (one["deployments"][0].get("loadBalancers") or entries) if one.get("deployments") else entries
    return next((each["advancedConfiguration"] for each in [*entries, *found] if each.get("advancedConfiguration")), {})


def unwatched(cloud, one):
    """What keeps the alarms of a service from seeing its errors: a check that is not passed, or None."""
    given = one["deploymentConfiguration"].get("alarms") or {}
    if not (given.get("enable") and given.get("rollback") and given.get("alarmNames")):
        return wrong("No alarm rolls a deployment back.", look="deploymentConfiguration, alarms: enable and rollback")
    alarms = cloud.client("cloudwatch").describe_alarms(AlarmNames=given["alarmNames"])["MetricAlarms"]
    balancer_arn = balancer(cloud)["LoadBalancerArn"]
    for name, group in colours(cloud).items():
        if not any(counts_errors(alarm, group=group["TargetGroupArn"], balancer=balancer_arn) for alarm in alarms):
            return wrong(
                f"No alarm of the deployment sees the errors of drydock-{name}.",
                look="describe_alarms: Namespace, MetricName and Dimensions, beside those of list_metrics",
            )
    return None


def rings_at_one(alarm):
    """Whether a single error in one minute is enough for an alarm."""
    limit, least = alarm["Threshold"], alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"])
    above = {"GreaterThanThreshold": 0 <= limit < 1, "GreaterThanOrEqualToThreshold": 0 < limit <= 1}
    return above.get(alarm["ComparisonOperator"], False) and least == 1 and alarm["Period"] <= 60


def outcomes(cloud, since):
    """Of each deployment of the service release since then, newest first: its version and its status."""
    ecs = cloud.client("ecs")
    found = ecs.list_service_deployments(cluster="drydock", service=RELEASE)["serviceDeployments"]
    recent = [one for one in found if one["createdAt"] >= since]
    arns = [one["targetServiceRevisionArn"] for one in recent]
    told = ecs.describe_service_revisions(serviceRevisionArns=arns)["serviceRevisions"] if arns else []
    runs = {one["serviceRevisionArn"]: environment(cloud, one["taskDefinition"]).get("VERSION", "") for one in told}
    return [(runs[one["targetServiceRevisionArn"]], one["status"]) for one in recent]


# -- doing


def weigh(cloud, stable, canary):
    """Give the two target groups these weights."""
    elbv2 = cloud.client("elbv2")
    balancer = elbv2.describe_load_balancers(Names=["drydock-canary"])["LoadBalancers"][0]["LoadBalancerArn"]
    listener = elbv2.describe_listeners(LoadBalancerArn=balancer)["Listeners"][0]["ListenerArn"]
    weights = {"drydock-stable": stable, "drydock-canary": canary}
    found = elbv2.describe_target_groups(Names=list(weights))["TargetGroups"]
    groups = {one["TargetGroupName"]: one["TargetGroupArn"] for one in found}
    tuples = [{"TargetGroupArn": groups[name], "Weight": weight} for name, weight in weights.items()]
    action = {"Type": "forward", "ForwardConfig": {"TargetGroups": tuples}}
    elbv2.modify_listener(ListenerArn=listener, DefaultActions=[action])


def revision(cloud, version):
    """ARN of the newest active revision of drydock-release with this VERSION."""
    ecs = cloud.client("ecs")
    arns = ecs.list_task_definitions(familyPrefix="drydock-release", sort="DESC")["taskDefinitionArns"]
    return next(arn for arn in arns if environment(cloud, arn)["VERSION"] == version)


def to_new_groups(cloud, weights):
    """An action that forwards by these weights to target groups that are made for it, by their names."""
    elbv2 = cloud.client("elbv2")
    tuples = []
    for name, weight in weights.items():
        group = elbv2.create_target_group(
            Name=f"drydock-{name}",
            VpcId=vpc_id(cloud),
            TargetType="ip",
            Protocol="HTTP",
            Port=8080,
            HealthCheckPath="/health",
            HealthCheckIntervalSeconds=5,
            HealthCheckTimeoutSeconds=2,
            HealthyThresholdCount=2,
        )["TargetGroups"][0]["TargetGroupArn"]
        delay = {"Key": "deregistration_delay.timeout_seconds", "Value": "5"}
        elbv2.modify_target_group_attributes(TargetGroupArn=group, Attributes=[delay])
        tuples.append({"TargetGroupArn": group, "Weight": weight})
    return {"Type": "forward", "ForwardConfig": {"TargetGroups": tuples}}


def rule_for_release(cloud):
    """The rule that sends `?service=release` to the two colours; returns its ARN."""
    elbv2 = cloud.client("elbv2")
    found = elbv2.describe_rules(ListenerArn=listener(cloud)["ListenerArn"])["Rules"]
    there = [one["RuleArn"] for one in found if one["Priority"] == "10"]
    if there:
        return there[0]
    asked = {"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "service", "Value": "release"}]}}
    return elbv2.create_rule(
        ListenerArn=listener(cloud)["ListenerArn"],
        Priority=10,
        Conditions=[asked],
        Actions=[to_new_groups(cloud, dict(zip(COLOURS, (1, 0), strict=True)))],
    )["Rules"][0]["RuleArn"]


def traffic_role(cloud):
    """The role with which ECS changes the rule; returns its ARN."""
    iam = cloud.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": "ecs.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = iam.create_role(RoleName="drydock-traffic", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    managed = "arn:aws:iam::aws:policy/AmazonECSInfrastructureRolePolicyForLoadBalancers"
    iam.attach_role_policy(RoleName="drydock-traffic", PolicyArn=managed)
    return role


def watch_colours(cloud, *named, threshold=5):
    """An alarm for the errors of each colour, by the dimensions of these names."""
    for name, group in colours(cloud).items():
        of = dimensions(group=group["TargetGroupArn"], balancer=balancer(cloud)["LoadBalancerArn"])
        cloud.client("cloudwatch").put_metric_alarm(
            AlarmName=f"drydock-release-{name}",
            Namespace="AWS/ApplicationELB",
            MetricName="HTTPCode_Target_5XX_Count",
            Dimensions=[{"Name": each, "Value": of[each]} for each in named],
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=threshold,
            ComparisonOperator="GreaterThanOrEqualToThreshold",
            TreatMissingData="notBreaching",
        )


def by_canary(minutes):
    """deploymentConfiguration: a tenth for so many minutes, then all, with the alarms of both colours."""
    return {
        "strategy": "CANARY",
        "canaryConfiguration": {"canaryPercent": 10.0, "canaryBakeTimeInMinutes": minutes},
        "bakeTimeInMinutes": 1,
        "alarms": {
            "alarmNames": [f"drydock-release-{name}" for name in COLOURS],
            "enable": True,
            "rollback": True,
        },
    }


def deploy(cloud, definition, minutes, until):
    """Deploy a revision of drydock-release by CANARY, and wait until the deployment has come to this status."""
    ecs = cloud.client("ecs")
    before = ecs.list_service_deployments(cluster="drydock", service=RELEASE)["serviceDeployments"]
    ecs.update_service(
        cluster="drydock", service=RELEASE, taskDefinition=definition, deploymentConfiguration=by_canary(minutes)
    )

    def ended():
        now = ecs.list_service_deployments(cluster="drydock", service=RELEASE)["serviceDeployments"]
        return len(now) > len(before) and now[0]["status"] == until

    wait_until(ended, f"the deployment is {until}", timeout=120)


# -- steps


@outline.step(
    "two-versions",
    title="Two versions of the backend: two revisions of drydock-release that differ in VERSION",
    hints=[
        "One image will do: the backend says what VERSION in its environment says.",
        "register_task_definition twice with the same family: the second is the next revision.",
    ],
)
def two_versions(cloud, lab):
    found = versions(cloud)
    if not found:
        return not_started("There is no task definition drydock-release.")
    for name in ("v1", "v2"):
        if name not in found:
            return wrong(f"No revision has VERSION {name}.", look="register_task_definition, environment")
        if float(found[name].get("ERROR_RATE", 0)):
            return wrong(f"{name} answers some requests with an error.", look="environment, ERROR_RATE")
    return passed("drydock-release has a revision for v1 and one for v2.")


@two_versions.solution
def _(cloud, lab):
    for name in ("v1", "v2"):
        register_backend(cloud, FAMILY, name)


@outline.step(
    "weighted-listener",
    title="A load balancer whose listener forwards to two target groups by weight: 100 to 0",
    hints=[
        "create_target_group twice: drydock-stable and drydock-canary, as in lab 05.",
        "DefaultActions: one action `forward` with ForwardConfig, and TargetGroups in it, each with its Weight.",
    ],
)
def weighted_listener(cloud, lab):
    elbv2 = cloud.client("elbv2")
    if (nothing := missing(cloud)) is not None:
        return nothing
    front = balancer(cloud)
    if len(front["AvailabilityZones"]) < 2 or front["Type"] != "application":
        return wrong("drydock-canary is no Application Load Balancer in two zones.", look="create_load_balancer")
    for name in ("stable", "canary"):
        one = group(cloud, name)
        if (one["TargetType"], one["Protocol"], one["Port"], one["HealthCheckPath"]) != ("ip", "HTTP", 8080, "/health"):
            return wrong(
                f"Targets of drydock-{name} are not addresses that are asked for /health at port 8080.",
                look="create_target_group",
            )
        found = elbv2.describe_target_group_attributes(TargetGroupArn=one["TargetGroupArn"])["Attributes"]
        delay = next(each["Value"] for each in found if each["Key"] == "deregistration_delay.timeout_seconds")
        if int(delay) > 60:
            return wrong(
                f"A task of {name} that stops is kept for {delay} s more: too long for a lab.",
                look="modify_target_group_attributes, deregistration_delay.timeout_seconds",
            )
    if listener(cloud) is None:
        return wrong("Nothing listens on port 80.", look="create_listener")
    both = {group(cloud, name)["TargetGroupArn"] for name in ("stable", "canary")}
    if set(weights(cloud)) != both:
        return wrong("Port 80 does not forward to both target groups.", look="DefaultActions, ForwardConfig")
    return passed("Port 80 forwards to drydock-stable and drydock-canary, each with a weight of its own.")


@weighted_listener.solution
def _(cloud, lab):
    elbv2 = cloud.client("elbv2")
    action = to_new_groups(cloud, {"stable": 100, "canary": 0})
    balancer = elbv2.create_load_balancer(
        Name="drydock-canary", Subnets=subnets(cloud), SecurityGroups=[security_group(cloud, "drydock-alb")]
    )["LoadBalancers"][0]["LoadBalancerArn"]
    elbv2.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=[action])
    elbv2.get_waiter("load_balancer_available").wait(LoadBalancerArns=[balancer])


@outline.step(
    "two-services",
    title="Two services: stable runs v1 with two tasks, canary runs v2 with one",
    hints=[
        "create_service twice; taskDefinition names the revision, loadBalancers the target group.",
        "Wait for services_stable, then look at describe_target_health of each group.",
    ],
)
def two_services(cloud, lab):
    if (nothing := missing(cloud)) is not None:
        return nothing
    found = {name: service(cloud, name) for name in ("stable", "canary")}
    if not any(found.values()):
        return not_started("The cluster `drydock` has neither `stable` nor `canary`.")
    for name, wanted in (("stable", "v1"), ("canary", "v2")):
        one = found[name]
        if one is None:
            return wrong(f"There is no service `{name}`.", look="create_service, serviceName")
        if [each["targetGroupArn"] for each in one.get("loadBalancers", ())] != [group(cloud, name)["TargetGroupArn"]]:
            return wrong(f"`{name}` is not behind drydock-{name}.", look="create_service, loadBalancers")
        if version(cloud, one) != wanted:
            return wrong(f"`{name}` runs {version(cloud, one)}, not {wanted}.", look="taskDefinition, and its VERSION")
    if found["stable"]["desiredCount"] < 2:
        return wrong("`stable` wants one task: nobody answers while it is replaced.", look="desiredCount")
    waiting = [name for name in found if not is_ready(cloud, name)]
    if waiting:
        message, look = f"`{waiting[0]}` is not steady yet.", "describe_services: events; describe_target_health"
        return wrong(message, look=look, waits_for=getting_ready(cloud, waiting[0]))
    return passed("stable runs v1, canary runs v2, and every target is healthy.")


@two_services.solution
def _(cloud, lab):
    elbv2 = cloud.client("elbv2")
    for name, runs, count in (("stable", "v1", 2), ("canary", "v2", 1)):
        if service(cloud, name) is None:
            group = elbv2.describe_target_groups(Names=[f"drydock-{name}"])["TargetGroups"][0]["TargetGroupArn"]
            cloud.client("ecs").create_service(
                cluster="drydock",
                serviceName=name,
                taskDefinition=revision(cloud, runs),
                desiredCount=count,
                networkConfiguration=network(cloud),
                loadBalancers=[{"targetGroupArn": group, "containerName": "backend", "containerPort": 8080}],
            )
    until_steady(cloud, "stable", "canary")
    wait_until(lambda: is_ready(cloud, "stable") and is_ready(cloud, "canary"), "every target is healthy")


@outline.step(
    "five-percent",
    title="Five requests of a hundred go to the canary",
    hints=["modify_listener with the whole DefaultActions again: both groups, 95 and 5."],
)
def five_percent(cloud, lab):
    found = held_against(cloud, "five-percent")
    if found is not None:
        return found
    if not is_ready(cloud, "canary"):
        message = "The canary has no healthy target to answer its requests."
        return wrong(message, look="describe_target_health", waits_for=getting_ready(cloud, "canary"))
    return passed("The canary gets 5 % of the requests, and has a healthy target to answer them.")


@five_percent.solution
def _(cloud, lab):
    weigh(cloud, stable=95, canary=5)


@outline.your_turn(
    "enough-traffic",
    title="Give the canary the smallest share, in whole percent, with which 1,000 requests show a fault in 2 % of its "
    "answers with 95 % probability",
    hints=[
        "Of all requests, which part fails if the canary gets 5 % and fails in 2 % of those?",
        "chance_to_see(share * 0.02, 1000) says how probable it is that this shows. Try shares until it is 0.95.",
        "Then modify_listener: the weights of both groups, so that the canary's is that part of their sum.",
    ],
)
def enough_traffic(cloud, lab):
    if (nothing := astray(cloud)) is not None:
        return nothing
    found = held_against(cloud, "enough-traffic")
    if found is None:
        return passed(
            f"With {ENOUGH} % the fault shows with {CONFIDENCE:.0%} probability; {ENOUGH - 1} % would not be enough."
        )
    if found.state == "not started":
        return found
    given = share(cloud, "canary")
    if given > SHARES["enough-traffic"]:
        return wrong(f"{percent(given)} is more than it takes. Fewer customers would do.", look="chance_to_see; Weight")
    chance = chance_to_see(given * FAULT, REQUESTS)
    return wrong(
        f"With {percent(given)} the fault shows with a probability of {chance:.1%}, less than {CONFIDENCE:.0%}.",
        look="chance_to_see; Weight",
    )


@enough_traffic.solution
def _(chance_to_see, elbv2, forward, listener):
    enough = next(percent for percent in range(1, 101) if chance_to_see(percent / 100 * 0.02, 1000) >= 0.95)
    elbv2.modify_listener(ListenerArn=listener, DefaultActions=[forward(100 - enough, enough)])
    print(f"{enough} %: {chance_to_see(enough / 100 * 0.02, 1000):.1%}")


@outline.step(
    "half",
    title="Half of the requests go to the canary, which has as many tasks as stable",
    hints=[
        "Weights move requests, not tasks: update_service, desiredCount, before modify_listener.",
        "50 and 50, or any two that are equal.",
    ],
)
def half(cloud, lab):
    found = held_against(cloud, "half")
    if found is not None:
        return found
    ready = is_ready(cloud, "canary")
    if not ready or healthy(cloud, "canary") < healthy(cloud, "stable"):
        found = {name: service(cloud, name) for name in ("canary", "stable")}
        enough = all(found.values()) and found["canary"]["desiredCount"] >= found["stable"]["desiredCount"]
        message = "The canary gets half of the requests with fewer tasks than stable."
        waits_for = getting_ready(cloud, "canary") if enough and not ready else ""
        return wrong(message, look="desiredCount", waits_for=waits_for)
    return passed("Half of the requests go to v2, which has as many tasks as v1.")


@half.solution
def _(cloud, lab):
    cloud.client("ecs").update_service(cluster="drydock", service="canary", desiredCount=2)
    wait_until(lambda: is_ready(cloud, "canary"), "every target of the canary is healthy")
    weigh(cloud, stable=50, canary=50)


@outline.step(
    "all-on-canary",
    title="All requests go to the canary, and stable still stands",
    hints=["0 and 100. The service stable stays as it is: it is the way back."],
)
def all_on_canary(cloud, lab):
    found = held_against(cloud, "all-on-canary")
    if found is not None:
        return found
    if not is_ready(cloud, "canary"):
        message = "Not every target of the canary is healthy."
        return wrong(message, look="describe_target_health", waits_for=getting_ready(cloud, "canary"))
    if not is_ready(cloud, "stable"):
        message, look = "`stable` is not there to go back to.", "describe_services, desiredCount"
        return wrong(message, look=look, waits_for=getting_ready(cloud, "stable"))
    return passed("v2 gets every request; v1 stands ready with healthy targets, and gets none.")


@all_on_canary.solution
def _(cloud, lab):
    weigh(cloud, stable=0, canary=100)


@outline.your_turn(
    "promote",
    title="Make v2 the stable version: stable runs it, and gets all requests again",
    hints=[
        "Two calls, and their order matters: while stable still runs v1 it should get no request.",
        "update_service(service='stable', taskDefinition=the revision of v2), then wait: services_stable.",
        "Then modify_listener: 100 to drydock-stable, 0 to drydock-canary.",
    ],
)
def promote(cloud, lab):
    if (nothing := astray(cloud)) is not None:
        return nothing
    one = service(cloud, "stable")
    if one is None:
        return not_started("There is no service `stable`.")
    if version(cloud, one) == "v1":
        if share(cloud, "canary") == 1:
            return not_started("`stable` runs v1, and gets no requests.")
        return wrong("`stable` runs v1 and gets requests.", look="update_service before modify_listener")
    if version(cloud, one) != "v2":
        return wrong(f"`stable` runs {version(cloud, one)}.", look="update_service, taskDefinition")
    if not is_ready(cloud, "stable"):
        message, look = "v2 is not rolled out in `stable` yet.", "describe_services: deployments, events"
        return wrong(message, look=look, waits_for=getting_ready(cloud, "stable"))
    if share(cloud, "stable") != 1:
        message = f"The canary still gets {percent(share(cloud, 'canary'))}."
        return wrong(message, look="modify_listener, Weight")
    return passed("stable runs v2 and gets every request. The canary is free for the next version.")


@promote.solution
def _(ecs, elbv2, forward, group, listener, v2):
    ecs.update_service(cluster="drydock", service="stable", taskDefinition=v2, desiredCount=2)
    ecs.get_waiter("services_stable").wait(cluster="drydock", services=["stable"])
    elbv2.get_waiter("target_in_service").wait(TargetGroupArn=group["stable"])
    elbv2.modify_listener(ListenerArn=listener, DefaultActions=[forward(100, 0)])
    print("v2 is stable, and gets every request")


@outline.step(
    "ecs-canary",
    title="A service `release` that ECS deploys by CANARY: a tenth first, and an alarm that rolls back for each group",
    hints=[
        "Two target groups, a rule of the listener that names both, and a role that ecs.amazonaws.com may assume.",
        "create_service: advancedConfiguration in loadBalancers, and deploymentConfiguration with strategy CANARY.",
        "put_metric_alarm for each target group: the new version is in one of them now, in the other the next time.",
    ],
)
def ecs_canary(cloud, lab):
    if (nothing := missing(cloud)) is not None:
        return nothing
    one = service(cloud, RELEASE)
    if one is None:
        return not_started(NO_RELEASE)
    gone = [name for name in COLOURS if name not in colours(cloud)]
    if gone:
        return wrong(f"There is no target group drydock-{gone[0]}.", look="create_target_group")
    configuration, more = one["deploymentConfiguration"], advanced(one)
    if configuration.get("strategy") != "CANARY":
        strategy = configuration.get("strategy", "ROLLING")
        return wrong(f"`release` is deployed by {strategy}.", look="deploymentConfiguration, strategy")
    tenth = configuration.get("canaryConfiguration", {}).get("canaryPercent", 5.0)
    if tenth != 100 * TENTH:
        return wrong(f"The canary is to get {tenth:g} %, not 10 %.", look="canaryConfiguration, canaryPercent")
    mine = {entry["targetGroupArn"] for entry in one["loadBalancers"]} | {more.get("alternateTargetGroupArn")}
    if mine != {group["TargetGroupArn"] for group in colours(cloud).values()}:
        return wrong(
            "`release` is not between drydock-blue and drydock-green.", look="targetGroupArn, alternateTargetGroupArn"
        )
    if (blind := unwatched(cloud, one)) is not None:
        return blind
    if not is_steady(one):
        return wrong("`release` is not steady yet.", look="describe_services: events", waits_for=coming(one))
    return passed("ECS deploys `release` by CANARY: 10 % first, with alarms on both target groups that roll back.")


@ecs_canary.solution
def _(cloud, lab):
    rule, role = rule_for_release(cloud), traffic_role(cloud)
    watch_colours(cloud, "TargetGroup", "LoadBalancer")
    groups = [colours(cloud)[name]["TargetGroupArn"] for name in COLOURS]
    more = {"alternateTargetGroupArn": groups[1], "productionListenerRule": rule, "roleArn": role}
    entry = {"targetGroupArn": groups[0], "containerName": "backend", "containerPort": 8080}
    if service(cloud, RELEASE) is None:
        cloud.client("ecs").create_service(
            cluster="drydock",
            serviceName=RELEASE,
            taskDefinition=revision(cloud, "v2"),
            desiredCount=2,
            networkConfiguration=network(cloud),
            loadBalancers=[{**entry, "advancedConfiguration": more}],
            deploymentConfiguration=by_canary(2),
        )
    else:
        cloud.client("ecs").update_service(cluster="drydock", service=RELEASE, deploymentConfiguration=by_canary(2))
    until_steady(cloud, RELEASE)


@outline.step(
    "let-it-bake",
    title="`release` comes to run v4: a tenth of the requests, then all",
    hints=["update_service with the revision of v4. Then it is ECS's turn: describe_service_deployments."],
)
def let_it_bake(cloud, lab):
    one = service(cloud, RELEASE)
    if one is None:
        return not_started(NO_RELEASE)
    if version(cloud, one) == "v2":
        return not_started("`release` runs v2.")
    done = outcomes(cloud, lab.began)
    if ("v4", "SUCCESSFUL") in done and version(cloud, one) in ("v4", "v5", "v6"):
        return passed("v4 has got a tenth of the requests, has baked, and then got all.")
    waits_for = coming(one) if version(cloud, one) == "v4" else ""
    return wrong("v4 is not deployed yet.", look="describe_service_deployments", waits_for=waits_for)


@let_it_bake.solution
def _(cloud, lab):
    deploy(cloud, register_backend(cloud, FAMILY, "v4"), 2, "SUCCESSFUL")


@outline.step(
    "rolled-back",
    title="v5 fails on half of its requests, and an alarm takes it back",
    hints=["update_service with the revision of v5, and requests that meet it. Nobody has to do anything else."],
)
def rolled_back(cloud, lab):
    one = service(cloud, RELEASE)
    if one is None:
        return not_started(NO_RELEASE)
    done = outcomes(cloud, lab.began)
    of_v5 = [status for version, status in done if version == "v5"]
    if not of_v5:
        return not_started("v5 was never deployed.")
    if "ROLLBACK_SUCCESSFUL" not in of_v5:
        coming_back = of_v5[0] in ("IN_PROGRESS", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS")
        return wrong(
            f"The deployment of v5 is {of_v5[0]}.",
            look="describe_service_deployments; do requests reach it?",
            waits_for="the deployment of v5 to be rolled back" if coming_back else "",
        )
    return passed("An alarm has rolled v5 back: every request goes to v4 again.")


@rolled_back.solution
def _(cloud, lab):
    url = f"http://{balancer(cloud)['DNSName']}/?service=release"
    requests = Load(url, rps=50).start()
    try:
        deploy(cloud, register_backend(cloud, FAMILY, "v5", ERROR_RATE="0.5"), 10, "ROLLBACK_SUCCESSFUL")
    finally:
        requests.stop()


@outline.your_turn(
    "careful",
    title=f"Set `release` up for {A_MINUTE} requests a minute: a canary of 10 % is to bake for the fewest minutes in "
    "which a fault in 2 % of its answers shows with 95 % probability, and one error is to be enough for its alarms",
    hints=[
        "Which part of all requests fails? The canary gets a tenth, and fails in 2 % of those.",
        "requests_to_see(0.1 * 0.02) requests; at 500 a minute, how many minutes are that?",
        "watch(name, threshold=1) for both target groups; then update_service with a deploymentConfiguration.",
    ],
)
def careful(cloud, lab):
    one = service(cloud, RELEASE)
    if one is None:
        return not_started(NO_RELEASE)
    configuration = one["deploymentConfiguration"]
    given = configuration.get("canaryConfiguration", {})
    names = (configuration.get("alarms") or {}).get("alarmNames") or []
    alarms = cloud.client("cloudwatch").describe_alarms(AlarmNames=names)["MetricAlarms"] if names else []
    minutes, at_one = given.get("canaryBakeTimeInMinutes", 10), [one for one in alarms if rings_at_one(one)]
    if minutes in (2, 10) and not at_one:
        return not_started(f"The canary bakes for {minutes} minutes, and no alarm rings at one error.")
    if configuration.get("strategy") != "CANARY" or given.get("canaryPercent", 5.0) != 100 * TENTH:
        return wrong("It is no canary of 10 % any more.", look="strategy, canaryPercent")
    if minutes < LONG_ENOUGH:
        chance = chance_to_see(TENTH * FAULT, A_MINUTE * minutes)
        return wrong(
            f"In {minutes} minutes the fault shows with a probability of {chance:.1%}, less than {CONFIDENCE:.0%}.",
            look="canaryBakeTimeInMinutes",
        )
    if minutes > LONG_ENOUGH:
        return wrong(f"{minutes} minutes are more than it takes.", look="canaryBakeTimeInMinutes")
    if (blind := unwatched(cloud, one)) is not None:
        return blind
    deaf = [alarm["AlarmName"] for alarm in alarms if alarm not in at_one]
    if deaf:
        return wrong(f"One error in a minute does not set off {deaf[0]}.", look="put_metric_alarm, Threshold")
    return passed(f"{LONG_ENOUGH} minutes, {A_MINUTE * LONG_ENOUGH:,} requests, and one error is enough.")


@careful.solution
def _(chance_to_see, colours, ecs, watch):
    minutes = next(minutes for minutes in range(1, 1441) if chance_to_see(0.1 * 0.02, 500 * minutes) >= 0.95)
    for name in colours:
        watch(name, threshold=1)
    alarms = {"alarmNames": [f"drydock-release-{name}" for name in colours], "enable": True, "rollback": True}
    canary = {"canaryPercent": 10.0, "canaryBakeTimeInMinutes": minutes}
    slower = {"strategy": "CANARY", "canaryConfiguration": canary, "alarms": alarms}
    ecs.update_service(cluster="drydock", service="release", deploymentConfiguration=slower)
    print(f"{minutes} minutes: {chance_to_see(0.1 * 0.02, 500 * minutes):.1%}")


# -- drills


@outline.drill(
    "bad-version",
    title="Some customers complain since v3 is out: find out which requests fail, and put the weights back",
    hints=[
        "Health checks say nothing: look at what the targets answer. CloudWatch, namespace AWS/ApplicationELB.",
        "RequestCount and HTTPCode_Target_5XX_Count of the canary's group, each with two dimensions: "
        "TargetGroup and LoadBalancer.",
        "modify_listener: 100 to drydock-stable, 0 to drydock-canary. The canary's tasks may stay, to be looked at.",
    ],
)
def bad_version(cloud, lab):
    if (nothing := astray(cloud)) is not None:
        return nothing
    one = service(cloud, "canary")
    if one is None or "v3" not in versions(cloud):
        return not_started("v3 is not out.")
    if share(cloud, "stable") != 1:
        message = f"The canary gets {percent(share(cloud, 'canary'))} of the requests."
        return wrong(message, look="what its target group has counted; modify_listener")
    if not errors(cloud, max(lab.began, one["createdAt"])):
        return not_started(
            "CloudWatch has counted no error of v3 yet. If no request has reached it, nothing is known of it: "
            "give it 5 % again, and send some.",
            waits_for="CloudWatch to count errors of v3",
        )
    if not is_ready(cloud, "stable"):
        message = "`stable` does not stand with all its targets healthy."
        return wrong(message, look="describe_target_health", waits_for=getting_ready(cloud, "stable"))
    return passed("v3 gets no request any more, and what it did is in CloudWatch.")


@bad_version.breaks
def _(cloud, lab):
    ecs = cloud.client("ecs")
    ecs.update_service(
        cluster="drydock",
        service="canary",
        taskDefinition=register_backend(cloud, FAMILY, "v3", ERROR_RATE="0.2"),
        desiredCount=1,
    )
    until_steady(cloud, "canary")
    wait_until(lambda: is_ready(cloud, "canary"), "every target of the canary is healthy")
    weigh(cloud, stable=95, canary=5)


@bad_version.solution
def _(elbv2, forward, listener):
    elbv2.modify_listener(ListenerArn=listener, DefaultActions=[forward(100, 0)])
    print("every request goes to stable")


@outline.drill(
    "blind-alarm",
    there=True,
    title="v6 fails, it has passed as a canary, and no alarm rang: find out why, let the alarms see, and bring v4 back",
    hints=[
        "What do the alarms say of their state, and why? describe_alarms: StateValue, StateReason, TreatMissingData.",
        "list_metrics of HTTPCode_Target_5XX_Count: under which dimensions are there data? Compare with the alarms'.",
        "Without LoadBalancer there is no such metric: no data, which notBreaching takes for well. watch(name).",
        "They ring now, for v6. Deploy v4 with alarms that are not enabled, and enable them when it is there.",
    ],
)
def blind_alarm(cloud, lab):
    one = service(cloud, RELEASE)
    if one is None:
        return not_started(NO_RELEASE)
    if (blind := unwatched(cloud, one)) is not None:
        return blind
    if float(environment(cloud, one["taskDefinition"]).get("ERROR_RATE", 0)):
        if outcomes(cloud, lab.began)[0][1].startswith("ROLLBACK"):
            return wrong(
                "An alarm has seen the errors of v6, and rolled back the deployment that was to end them.",
                look="deploymentConfiguration, alarms: enable, for this one deployment",
            )
        return wrong(
            f"The alarms see now, and `release` runs {version(cloud, one)}, which fails.",
            look="update_service, taskDefinition",
        )
    if not is_steady(one):
        return wrong("`release` is not steady yet.", look="describe_service_deployments", waits_for=coming(one))
    return passed("Both alarms count the errors of their target group, and `release` runs a version without a fault.")


@blind_alarm.breaks
def _(cloud, lab):
    watch_colours(cloud, "TargetGroup")
    url = f"http://{balancer(cloud)['DNSName']}/?service=release"
    requests = Load(url, rps=50).start()
    try:
        deploy(cloud, register_backend(cloud, FAMILY, "v6", ERROR_RATE="0.5"), 2, "SUCCESSFUL")
    finally:
        requests.stop()


@blind_alarm.solution
def _(colours, ecs, v4, watch):
    for name in colours:
        watch(name)
    release = {"cluster": "drydock", "service": "release"}
    alarms = {"alarmNames": [f"drydock-release-{name}" for name in colours], "enable": False, "rollback": True}
    canary = {"strategy": "CANARY", "canaryConfiguration": {"canaryPercent": 10.0, "canaryBakeTimeInMinutes": 2}}
    ecs.update_service(**release, taskDefinition=v4, deploymentConfiguration={**canary, "alarms": alarms})
    ecs.get_waiter("services_stable").wait(cluster="drydock", services=["release"])
    ecs.update_service(**release, deploymentConfiguration={**canary, "alarms": {**alarms, "enable": True}})
    print("v4 is back, and both alarms see")
