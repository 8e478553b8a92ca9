"""Lab 07: two versions behind one listener; requests are moved between them by weight.

What later labs find: the load balancer `drydock-canary`, the target groups drydock-stable and drydock-canary, and the
services stable (2 tasks) and canary in the cluster `drydock`, all of the task definition drydock-release.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from drydock.labs import Outline, not_started, passed, wait_until, wrong
from drydock.labs.shop import (
    coming,
    is_steady,
    network,
    security_group,
    service,
    subnets,
    to_be_healthy,
    until_steady,
    vpc_id,
)
from drydock.policy.traffic import chance_to_see, shares
from drydock.pricing import application_load_balancers, fargate_tasks, public_addresses, unpriced

outline = Outline(
    title="Canary",
    goal="A new version gets 5 % of the requests, then half, then all; a bad one is found by its metrics.",
    minutes="30 to 40",
    needs=[
        "01-repositories:create-repositories",
        "02-images:push-images",
        "03-cluster",
        "04-task-definitions:create-roles",
        "04-task-definitions:create-log-groups",
    ],
    costs=[
        fargate_tasks(4, cpu=256, memory=512),
        application_load_balancers(),
        unpriced("load balancer capacity units"),
        public_addresses(7),
        unpriced("CloudWatch Logs and Container Insights"),
    ],
    hours=1.0,
)

FAMILY = "drydock-release"
FAULT, REQUESTS, CONFIDENCE = 0.02, 1000, 0.95
ENOUGH = next(share for share in range(1, 101) if chance_to_see(share / 100 * FAULT, REQUESTS) >= CONFIDENCE)
SHARES = {"five-percent": 0.05, "enough-traffic": ENOUGH / 100, "half": 0.5, "all-on-canary": 1.0}


# -- reading the cloud


def versions(cloud):
    """VERSION → environment of the revisions of drydock-release that are active."""
    ecs = cloud.client("ecs")
    arns = ecs.list_task_definitions(familyPrefix=FAMILY, status="ACTIVE")["taskDefinitionArns"]
    found = [environment(cloud, arn) for arn in arns]
    return {one.get("VERSION", ""): one for one in found}


def environment(cloud, definition):
    """The environment of the first container of a task definition."""
    found = cloud.client("ecs").describe_task_definition(taskDefinition=definition)["taskDefinition"]
    return {item["name"]: item["value"] for item in found["containerDefinitions"][0].get("environment", ())}


def version(cloud, one):
    """The version that a service is to run."""
    return environment(cloud, one["taskDefinition"]).get("VERSION", "")


def missing(cloud):
    """What there is not of the load balancer and its two target groups: a check that is not started, or None."""
    elbv2 = cloud.client("elbv2")
    pages = elbv2.get_paginator("describe_load_balancers").paginate()
    if "drydock-canary" not in [one["LoadBalancerName"] for page in pages for one in page["LoadBalancers"]]:
        return not_started("There is no load balancer drydock-canary.")
    pages = elbv2.get_paginator("describe_target_groups").paginate()
    there = [one["TargetGroupName"] for page in pages for one in page["TargetGroups"]]
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
    points = cloud.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/ApplicationELB",
        MetricName="HTTPCode_Target_5XX_Count",
        Dimensions=[
            {"Name": "TargetGroup", "Value": group(cloud, "canary")["TargetGroupArn"].rpartition(":")[2]},
            {"Name": "LoadBalancer", "Value": balancer(cloud)["LoadBalancerArn"].partition("loadbalancer/")[2]},
        ],
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


def register(cloud, version, **more):
    """Register a revision of drydock-release: the backend's image with this VERSION; returns its ARN."""
    repository = cloud.client("ecr").describe_repositories(repositoryNames=["drydock/backend"])["repositories"][0]
    environment = {"VERSION": version, **more}
    container = {
        "name": "backend",
        "image": f"{repository['repositoryUri']}:v1",
        "portMappings": [{"containerPort": 8080}],
        "environment": [{"name": name, "value": value} for name, value in environment.items()],
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
                "awslogs-region": cloud.region,
                "awslogs-group": "/drydock/backend",
                "awslogs-stream-prefix": "release",
                "mode": "non-blocking",
            },
        },
    }
    return cloud.client("ecs").register_task_definition(
        family="drydock-release",
        requiresCompatibilities=["FARGATE"],
        networkMode="awsvpc",
        cpu="256",
        memory="512",
        executionRoleArn=cloud.client("iam").get_role(RoleName="drydock-execution")["Role"]["Arn"],
        containerDefinitions=[container],
    )["taskDefinition"]["taskDefinitionArn"]


def revision(cloud, version):
    """ARN of the newest active revision of drydock-release with this VERSION."""
    ecs = cloud.client("ecs")
    arns = ecs.list_task_definitions(familyPrefix="drydock-release", sort="DESC")["taskDefinitionArns"]
    return next(arn for arn in arns if environment(cloud, arn)["VERSION"] == version)


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
        register(cloud, name)


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
    tuples = []
    for name, weight in (("stable", 100), ("canary", 0)):
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
    balancer = elbv2.create_load_balancer(
        Name="drydock-canary", Subnets=subnets(cloud), SecurityGroups=[security_group(cloud, "drydock-alb")]
    )["LoadBalancers"][0]["LoadBalancerArn"]
    action = {"Type": "forward", "ForwardConfig": {"TargetGroups": tuples}}
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
        taskDefinition=register(cloud, "v3", ERROR_RATE="0.2"),
        desiredCount=1,
    )
    until_steady(cloud, "canary")
    wait_until(lambda: is_ready(cloud, "canary"), "every target of the canary is healthy")
    weigh(cloud, stable=95, canary=5)


@bad_version.solution
def _(elbv2, forward, listener):
    elbv2.modify_listener(ListenerArn=listener, DefaultActions=[forward(100, 0)])
    print("every request goes to stable")
