"""Lab 10: a service on Fargate and Fargate Spot: how its tasks split, what a wave of interruptions costs, and what does
not come when Spot has no capacity.

What later labs find: the load balancer `drydock-orders`, the target group drydock-orders, and the service orders (6
tasks) in the cluster `drydock`, of the task definition drydock-orders.
"""

from __future__ import annotations

from collections import Counter

from drydock.labs import NothingToBreak, Outline, not_started, passed, wait_until, wrong
from drydock.labs.capacity import dry, on_spot, take_back
from drydock.labs.shop import (
    coming,
    is_steady,
    load_balancer,
    network,
    register_backend,
    security_group,
    service,
    subnets,
    target_groups,
    tasks,
    until_steady,
    vpc_id,
)
from drydock.policy.ecs.capacity import items, split
from drydock.policy.ecs.interruption import DEFAULT_STOP_TIMEOUT, STOP_CODE, WARNING, course
from drydock.pricing import fargate_tasks, load_balancers, public_addresses, unpriced

outline = Outline(
    title="Capacity",
    goal="A service on Fargate Spot survives that all its Spot tasks are taken back at once, and loses no request.",
    minutes="30 to 45",
    needs=[
        "01-repositories:create-repositories",
        "02-images:push-images",
        "03-cluster",
        "04-task-definitions:create-roles",
        "04-task-definitions:create-log-groups",
    ],
    costs=[
        fargate_tasks(12, cpu=256, memory=512),
        load_balancers(),
        unpriced("load balancer capacity units"),
        public_addresses(15),
        unpriced("CloudWatch Logs and Container Insights"),
    ],
    hours=1.0,
)

FAMILY, NAME = "drydock-orders", "orders"
COUNT, LEAST = 6, 2
SPOT = [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]
SLOW = 300
"""Milliseconds that a request takes."""
CARELESS = (
    "import os, chassis.server; chassis.server.Server.drain = lambda _: os._exit(0); import backend; backend.main()"
)
"""The backend that drops at SIGTERM what it has begun."""
DELAY = "deregistration_delay.timeout_seconds"
BY_HAND = "UserInitiated"
NO_SERVICE = "The cluster `drydock` has no service `orders`."


# -- reading the cloud


def group(cloud):
    """The target group, or None."""
    return target_groups(cloud).get(FAMILY)


def delay(cloud):
    """The deregistration delay in seconds."""
    arn = group(cloud)["TargetGroupArn"]
    found = cloud.client("elbv2").describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]
    return int(next(one["Value"] for one in found if one["Key"] == DELAY))


def container(cloud, definition):
    """The container of a task definition."""
    found = cloud.client("ecs").describe_task_definition(taskDefinition=definition)["taskDefinition"]
    return found["containerDefinitions"][0]


def providers(cloud):
    """How many tasks of the service are on each capacity provider."""
    return Counter(task["capacityProviderName"] for task in tasks(cloud, NAME) if task.get("capacityProviderName"))


def taken(cloud, since):
    """The tasks on Spot that were taken back since then, or stopped by hand in place of that."""
    return [
        task
        for task in tasks(cloud, NAME, desired="STOPPED")
        if on_spot(task) and task.get("stopCode") in (STOP_CODE, BY_HAND) and task["stoppingAt"] >= since
    ]


def base(one):
    """How many tasks of a service are on FARGATE whatever happens."""
    return sum(item.get("base", 0) for item in strategy(one) if item["capacityProvider"] == "FARGATE")


def strategy(one):
    """The strategy of the newest deployment."""
    newest = one["deployments"][0] if one.get("deployments") else one
    return newest.get("capacityProviderStrategy") or one.get("capacityProviderStrategy") or []


def unused(one):
    """Whether a service was given a strategy that its newest deployment has not."""
    return one.get("capacityProviderStrategy", []) != strategy(one)


def unsteady(one):
    """What is wrong with a service that has not what it wants yet, or None."""
    if is_steady(one):
        return None
    return wrong("`orders` is not steady yet.", look="describe_services: events", waits_for=coming(one))


# -- doing


def register(cloud, **more):
    """A revision of drydock-orders; returns its ARN. `more`: of its container."""
    return register_backend(cloud, FAMILY, container=more, LATENCY_MS=str(SLOW))


def set_delay(cloud, seconds):
    arn = group(cloud)["TargetGroupArn"]
    attribute = {"Key": DELAY, "Value": str(seconds)}
    cloud.client("elbv2").modify_target_group_attributes(TargetGroupArn=arn, Attributes=[attribute])


def wave(cloud):
    """Take all tasks on Spot back, and wait until they have gone and others serve."""
    until_steady(cloud, NAME)
    gone = take_back(cloud, NAME)
    ecs = cloud.client("ecs")
    ecs.get_waiter("tasks_stopped").wait(cluster="drydock", tasks=gone)
    until_steady(cloud, NAME)


@outline.at_the_end
def _(cloud):
    if cloud.name == "embedded":
        dry(cloud, False)


# -- steps


@outline.step(
    "all-on-spot",
    title="A service of six tasks behind a load balancer, all of them on Fargate Spot",
    hints=[
        "create_target_group, modify_target_group_attributes, create_load_balancer, create_listener.",
        "create_service with capacityProviderStrategy of FARGATE_SPOT alone, and no launchType.",
    ],
)
def all_on_spot(cloud, lab):
    one = service(cloud, NAME)
    if one is None:
        return not_started(NO_SERVICE)
    if group(cloud) is None or load_balancer(cloud, FAMILY) is None:
        return wrong("There is no load balancer drydock-orders, or no target group.", look="create_load_balancer")
    if not any(item["capacityProvider"] == "FARGATE_SPOT" for item in strategy(one)):
        return wrong("`orders` has no capacity on FARGATE_SPOT.", look="create_service: capacityProviderStrategy")
    if not base(one) and (elsewhere := split(items(strategy(one)), COUNT).get("FARGATE")):
        what = f"That strategy puts {elsewhere} of {COUNT} tasks on FARGATE."
        return wrong(what, look="create_service: capacityProviderStrategy")
    if one["desiredCount"] != COUNT:
        return wrong(f"`orders` wants {one['desiredCount']} tasks, not {COUNT}.", look="create_service: desiredCount")
    if (problem := unsteady(one)) is not None:
        return problem
    return passed(f"`orders` runs {COUNT} tasks, and its strategy names FARGATE_SPOT.")


@all_on_spot.solution
def _(cloud, lab):
    elbv2 = cloud.client("elbv2")
    made = elbv2.create_target_group(
        Name=FAMILY,
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
    set_delay(cloud, 0)
    front = elbv2.create_load_balancer(
        Name=FAMILY, Subnets=subnets(cloud), SecurityGroups=[security_group(cloud, "drydock-alb")]
    )["LoadBalancers"][0]["LoadBalancerArn"]
    forward = [{"Type": "forward", "TargetGroupArn": arn}]
    elbv2.create_listener(LoadBalancerArn=front, Protocol="HTTP", Port=80, DefaultActions=forward)
    elbv2.get_waiter("load_balancer_available").wait(LoadBalancerArns=[front])
    cloud.client("ecs").create_service(
        cluster="drydock",
        serviceName=NAME,
        taskDefinition=register(cloud, command=["-c", CARELESS]),
        desiredCount=COUNT,
        capacityProviderStrategy=SPOT,
        networkConfiguration=network(cloud),
        loadBalancers=[{"targetGroupArn": arn, "containerName": "backend", "containerPort": 8080}],
    )
    until_steady(cloud, NAME)


@outline.step(
    "wave",
    title="All tasks on Spot are taken back at once",
    hints=["describe_tasks of what list_tasks gives with desiredStatus STOPPED: stopCode, stoppedReason."],
)
def first_wave(cloud, lab):
    one = service(cloud, NAME)
    if one is None:
        return not_started(NO_SERVICE)
    gone = taken(cloud, lab.began)
    if not gone:
        return not_started("No task of `orders` on Spot was taken back.")
    if (problem := unsteady(one)) is not None:
        return problem
    return passed("Tasks on Spot were taken back, and `orders` has as many as it wants again.")


@first_wave.solution
def _(cloud, lab):
    wave(cloud)


@outline.your_turn(
    "base",
    title="Of the six tasks two are to be on FARGATE whatever happens, and the other four on FARGATE_SPOT",
    hints=[
        "base is filled first; the rest goes by weight. Which weight of FARGATE's lets no other task go there?",
        "update_service with capacityProviderStrategy and forceNewDeployment=True; then wait until it is steady.",
    ],
)
def with_base(cloud, lab):
    one = service(cloud, NAME)
    if one is None:
        return not_started(NO_SERVICE)
    wanted = {"FARGATE": LEAST, "FARGATE_SPOT": COUNT - LEAST}
    given = strategy(one)
    if base(one) < LEAST:
        if unused(one):
            what = "The new strategy is kept, and no deployment has it: by itself it starts none."
            return wrong(what, look="update_service: forceNewDeployment")
        return not_started(f"FARGATE has a base of {base(one)}.")
    if one["desiredCount"] != COUNT:
        return wrong(f"`orders` wants {one['desiredCount']} tasks, not {COUNT}.", look="update_service: desiredCount")
    if split(items(given), COUNT) != wanted:
        of = split(items(given), COUNT)
        there = f"{of.get('FARGATE', 0)} on FARGATE and {of.get('FARGATE_SPOT', 0)} on FARGATE_SPOT"
        return wrong(f"That strategy puts {there}.", look="weights: update_service, capacityProviderStrategy")
    if (problem := unsteady(one)) is not None:
        return problem
    if dict(providers(cloud)) != wanted:
        return wrong("The tasks that run are split otherwise.", look="update_service: forceNewDeployment")
    return passed("Two tasks are on FARGATE, four on FARGATE_SPOT.")


@with_base.solution
def _(ecs, orders):
    shared = [
        {"capacityProvider": "FARGATE", "base": 2, "weight": 0},
        {"capacityProvider": "FARGATE_SPOT", "weight": 1},
    ]
    ecs.update_service(**orders, capacityProviderStrategy=shared, forceNewDeployment=True)
    ecs.get_waiter("services_stable").wait(cluster="drydock", services=["orders"])
    print("two tasks are on FARGATE")


@outline.your_turn(
    "lose-nothing",
    title="The next wave is to lose no request: let targets drain, and the program finish what it has begun",
    hints=[
        "Targets are gone from the load balancer before SIGTERM; how long before? modify_target_group_attributes.",
        "register() without a command is the image's own program, which finishes what it has begun. stopTimeout says "
        "how long it may take.",
        f"Both together have to fit into the {WARNING} seconds of the warning.",
    ],
)
def lose_nothing(cloud, lab):
    one = service(cloud, NAME)
    if one is None:
        return not_started(NO_SERVICE)
    drains, runs = delay(cloud), container(cloud, one["taskDefinition"])
    careless = bool(runs.get("command"))
    if not drains and careless:
        return not_started("Targets do not drain, and the program drops at SIGTERM what it has begun.")
    if not drains:
        return wrong("Targets do not drain: their delay is 0.", look="modify_target_group_attributes")
    if careless:
        return wrong("The program drops at SIGTERM what it has begun.", look="update_service: taskDefinition")
    timeout = runs.get("stopTimeout", DEFAULT_STOP_TIMEOUT)
    ends = course(timeout, drains)
    if ends.killed < ends.sigterm + timeout:
        return wrong(
            f"A delay of {drains} s and a stopTimeout of {timeout} s are more than the {WARNING} s of the warning: the "
            f"program has {ends.killed - ends.sigterm:g} s between SIGTERM and SIGKILL.",
            look="modify_target_group_attributes; stopTimeout",
        )
    if timeout * 1000 <= SLOW or ends.killed * 1000 <= SLOW * cloud.speed:
        lasts = ends.killed * 1000 / cloud.speed
        return wrong(
            f"A request takes {SLOW} ms, and by your clock the program is killed {lasts:.0f} ms after the warning.",
            look="modify_target_group_attributes; stopTimeout",
        )
    if base(one) < LEAST:
        return wrong("While all tasks go at once nobody is there.", look="capacityProviderStrategy: base")
    if (problem := unsteady(one)) is not None:
        return problem
    return passed(f"Targets drain first, the program has {ends.killed - ends.sigterm:g} s, and two tasks stay.")


@lose_nothing.solution
def _(ecs, elbv2, group, orders, register):
    drained = [{"Key": "deregistration_delay.timeout_seconds", "Value": "30"}]
    elbv2.modify_target_group_attributes(TargetGroupArn=group, Attributes=drained)
    ecs.update_service(**orders, taskDefinition=register(stopTimeout=60))
    ecs.get_waiter("services_stable").wait(cluster="drydock", services=["orders"])
    print("targets drain, and the program finishes what it has begun")


# -- drill


@outline.drill(
    "drought",
    title="`orders` has two tasks of six, and no other comes: bring it back to six while Spot is as it is",
    hints=[
        "describe_services: the newest of its events.",
        "The strategy says where tasks may go. Nothing falls back: who else is there that has capacity?",
        "update_service with another capacityProviderStrategy and forceNewDeployment=True.",
    ],
)
def drought(cloud, lab):
    one = service(cloud, NAME)
    if one is None:
        return not_started(NO_SERVICE)
    if one["desiredCount"] < COUNT:
        return wrong(f"`orders` wants only {one['desiredCount']} tasks.", look=f"desiredCount: it is to have {COUNT}")
    if not is_steady(one):
        short = one["desiredCount"] - one["runningCount"]
        what = f"{short} of {one['desiredCount']} tasks of `orders` are missing." if short > 0 else "`orders` changes."
        if unused(one):
            return wrong(f"{what} No deployment has the new strategy.", look="update_service: forceNewDeployment")
        return wrong(what, look="describe_services: events", waits_for=coming(one) if on_demand(one) else "")
    return passed(f"`orders` runs {one['runningCount']} tasks.")


def on_demand(one):
    """Whether the strategy needs no Spot."""
    given = strategy(one)
    return bool(given) and not split(items(given), one["desiredCount"]).get("FARGATE_SPOT")


@drought.breaks
def _(cloud, lab):
    if service(cloud, NAME) is None:
        raise NothingToBreak(NO_SERVICE)
    dry(cloud, True)
    gone = take_back(cloud, NAME)
    wait_until(
        lambda: any("Capacity is unavailable" in each["message"] for each in service(cloud, NAME)["events"][:10]),
        "Spot has no capacity",
    )
    if gone:
        cloud.client("ecs").get_waiter("tasks_stopped").wait(cluster="drydock", tasks=gone)


@drought.solution
def _(ecs, orders):
    on_demand = [{"capacityProvider": "FARGATE", "weight": 1}]
    ecs.update_service(**orders, capacityProviderStrategy=on_demand, forceNewDeployment=True, desiredCount=6)
    ecs.get_waiter("services_stable").wait(cluster="drydock", services=["orders"])
    print("six tasks run, all of them on demand")
