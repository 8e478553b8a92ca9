"""Lab 12: a service follows its load, by target tracking, by steps and by a schedule.

What later labs find: the load balancer `drydock-scaling`, the target group drydock-web, and in the cluster `drydock`
the services web (2 to 8 tasks, a scalable target) and quiet, both of the task definition drydock-web.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from drydock.labs import NothingToBreak, Outline, not_started, passed, wait_until, wrong
from drydock.labs.shop import (
    coming,
    is_steady,
    load_balancer,
    network,
    security_group,
    service,
    subnets,
    target_groups,
    until_steady,
    vpc_id,
)
from drydock.load import Load
from drydock.policy.profiles import STRICT
from drydock.policy.requests.scaling import steps_of
from drydock.policy.scaling import Bounds
from drydock.policy.scaling_course import course, stepping, turns
from drydock.pricing import fargate_tasks, load_balancers, public_addresses, unpriced
from drydock.resources.kind import every

outline = Outline(
    title="Autoscaling",
    goal="A service follows its load: by a target for each task, by steps, by the clock; a policy that flaps is cured.",
    minutes="45 to 60",
    needs=[
        "01-repositories:create-repositories",
        "02-images:push-images",
        "03-cluster",
        "04-task-definitions:create-roles",
        "04-task-definitions:create-log-groups",
    ],
    costs=[
        fargate_tasks(11, cpu=256, memory=512),
        load_balancers(),
        unpriced("load balancer capacity units"),
        public_addresses(14),
        unpriced("CloudWatch alarms, Logs and Container Insights"),
    ],
    hours=2.0,
)

FAMILY, WEB, QUIET = "drydock-web", "web", "quiet"
A_MINUTE = 120
"""The customers' requests."""
LEAST, MOST = 2, 8
LESSON, WANTED = 50, 4
"""What the lesson's policy tracks, and how many tasks `follows` asks for."""
SPARE = 0.05
"""By how much a minute may differ from the one before it."""
STILL = 3
"""Minutes without a change after which a service has come to rest."""
ALARMS = {"drydock-busy": "more", "drydock-idle": "fewer"}
FLAPPING = [(3, 50.0, 0), (-3, 30.0, 0)]
"""Of the lesson's two policies the step, the threshold of its alarm, and the cool-down."""
HASHING = (
    "import hashlib, backend, faults; "
    "faults.Faults.strike = lambda _: not hashlib.pbkdf2_hmac('sha256', b'', b'', 6000); backend.main()"
)
NO_WEB = "The cluster `drydock` has no service `web`."
NO_TARGET = "`web` is no scalable target."


# -- reading the cloud


def of(name):
    """The three strings that say which service."""
    return {
        "ServiceNamespace": "ecs",
        "ResourceId": f"service/drydock/{name}",
        "ScalableDimension": "ecs:service:DesiredCount",
    }


def target(cloud, name):
    """The scalable target of a service, or None."""
    wanted = of(name)
    found = cloud.client("application-autoscaling").describe_scalable_targets(
        ServiceNamespace=wanted["ServiceNamespace"],
        ResourceIds=[wanted["ResourceId"]],
        ScalableDimension=wanted["ScalableDimension"],
    )["ScalableTargets"]
    return found[0] if found else None


def policies(cloud, name, kind):
    """The policies of this kind that a service has, by name."""
    scaling = cloud.client("application-autoscaling")
    found = every(scaling, "describe_scaling_policies", "ScalingPolicies", **of(name))
    return {one["PolicyName"]: one for one in found if one["PolicyType"] == kind}


def activities(cloud, name, since):
    """What was done to a service since then, the newest first."""
    scaling = cloud.client("application-autoscaling")
    found = every(scaling, "describe_scaling_activities", "ScalingActivities", **of(name))
    return [one for one in found if one["StartTime"] >= since]


def done_by(cloud, name, since, cause):
    """To how many tasks a service was set since then for such a cause, the newest first."""
    return [
        int(one["Description"].rstrip(".").rpartition(" ")[2])
        for one in activities(cloud, name, since)
        if cause in one["Cause"] and one["Description"].startswith("Setting desired count")
    ]


def balancer(cloud):
    """The load balancer drydock-scaling, or None."""
    return load_balancer(cloud, "drydock-scaling")


def group(cloud):
    """The target group drydock-web, or None."""
    return target_groups(cloud).get("drydock-web")


def label(cloud):
    """What names the load balancer and the target group in one string."""
    return "/".join(
        arn.split(":", 5)[5].removeprefix("loadbalancer/")
        for arn in (balancer(cloud)["LoadBalancerArn"], group(cloud)["TargetGroupArn"])
    )


def tracked(policy):
    """What a target tracking policy tracks: its configuration, and the predefined metric."""
    settings = policy["TargetTrackingScalingPolicyConfiguration"]
    return settings, settings.get("PredefinedMetricSpecification") or {}


def on_requests(cloud):
    """The policies of `web` that track requests for each target."""
    found = policies(cloud, WEB, "TargetTrackingScaling").values()
    return [one for one in found if tracked(one)[1].get("PredefinedMetricType") == "ALBRequestCountPerTarget"]


def alarms(cloud, names):
    """Name → alarm, of those that there are."""
    found = cloud.client("cloudwatch").describe_alarms(AlarmNames=list(names))["MetricAlarms"] if names else []
    return {one["AlarmName"]: one for one in found}


def suspended(found):
    return [name for name, value in found["SuspendedState"].items() if value]


def unscalable(cloud):
    """What keeps `web` from being scaled at all: a check that is not passed, or None."""
    if service(cloud, WEB) is None:
        return not_started(NO_WEB)
    found = target(cloud, WEB)
    if found is None:
        return not_started(NO_TARGET)
    if (found["MinCapacity"], found["MaxCapacity"]) != (LEAST, MOST):
        return wrong(
            f"`web` may have {found['MinCapacity']} to {found['MaxCapacity']} tasks, not {LEAST} to {MOST}.",
            look="register_scalable_target, MinCapacity and MaxCapacity",
        )
    if held := suspended(found):
        return wrong(f"{held[0]} is set for `web`.", look="describe_scalable_targets, SuspendedState")
    return None


# -- doing


def register(cloud):
    """Register drydock-web: the backend, and for each request a password that is hashed; returns its ARN."""
    repository = cloud.client("ecr").describe_repositories(repositoryNames=["drydock/backend"])["repositories"][0]
    container = {
        "name": "backend",
        "image": f"{repository['repositoryUri']}:v1",
        "command": ["-c", HASHING],
        "portMappings": [{"containerPort": 8080}],
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
                "awslogs-region": cloud.region,
                "awslogs-group": "/drydock/backend",
                "awslogs-stream-prefix": "web",
                "mode": "non-blocking",
            },
        },
    }
    return cloud.client("ecs").register_task_definition(
        family=FAMILY,
        requiresCompatibilities=["FARGATE"],
        networkMode="awsvpc",
        cpu="256",
        memory="512",
        executionRoleArn=cloud.client("iam").get_role(RoleName="drydock-execution")["Role"]["Arn"],
        containerDefinitions=[container],
    )["taskDefinition"]["taskDefinitionArn"]


def front(cloud):
    """A load balancer with one listener and one target group; returns the group's ARN."""
    elbv2 = cloud.client("elbv2")
    arn = elbv2.create_target_group(
        Name="drydock-web",
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
    elbv2.modify_target_group_attributes(TargetGroupArn=arn, Attributes=[delay])
    in_front = {"Subnets": subnets(cloud), "SecurityGroups": [security_group(cloud, "drydock-alb")]}
    made = elbv2.create_load_balancer(Name="drydock-scaling", **in_front)["LoadBalancers"][0]["LoadBalancerArn"]
    action = {"Type": "forward", "TargetGroupArn": arn}
    elbv2.create_listener(LoadBalancerArn=made, Protocol="HTTP", Port=80, DefaultActions=[action])
    elbv2.get_waiter("load_balancer_available").wait(LoadBalancerArns=[made])
    return arn


@contextmanager
def customers(cloud):
    """Meanwhile two requests come in each second of AWS."""
    requests = Load(f"http://{balancer(cloud)['DNSName']}/", rps=A_MINUTE / 60 * cloud.speed).start()
    try:
        yield
    finally:
        requests.stop()


def track(cloud, name, policy, value, metric, **more):
    """Put a target tracking policy on a predefined metric."""
    measured = {"PredefinedMetricType": metric, **more}
    cloud.client("application-autoscaling").put_scaling_policy(
        **of(name),
        PolicyName=policy,
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": value,
            "PredefinedMetricSpecification": measured,
            "ScaleOutCooldown": 300 if cloud.real or cloud.profile == STRICT.name else 60,
        },
    )


def forget(cloud, name):
    """Delete the policies of a service, and the alarms of its steps."""
    scaling = cloud.client("application-autoscaling")
    for kind in ("TargetTrackingScaling", "StepScaling"):
        for policy in policies(cloud, name, kind):
            scaling.delete_scaling_policy(**of(name), PolicyName=policy)
    if there := list(alarms(cloud, ALARMS)):
        cloud.client("cloudwatch").delete_alarms(AlarmNames=there)


def by_steps(cloud, policy, change, alarm, comparison, threshold, cooldown):
    """A step scaling policy of `web` with one step, and the alarm that calls it."""
    bound = "MetricIntervalLowerBound" if change > 0 else "MetricIntervalUpperBound"
    arn = cloud.client("application-autoscaling").put_scaling_policy(
        **of(WEB),
        PolicyName=policy,
        PolicyType="StepScaling",
        StepScalingPolicyConfiguration={
            "AdjustmentType": "ChangeInCapacity",
            "StepAdjustments": [{"ScalingAdjustment": change, bound: 0.0}],
            "Cooldown": cooldown,
        },
    )["PolicyARN"]
    balancer_of, group_of = (part for part in label(cloud).split("/targetgroup/"))
    cloud.client("cloudwatch").put_metric_alarm(
        AlarmName=alarm,
        Namespace="AWS/ApplicationELB",
        MetricName="RequestCountPerTarget",
        Dimensions=[
            {"Name": "TargetGroup", "Value": f"targetgroup/{group_of}"},
            {"Name": "LoadBalancer", "Value": balancer_of},
        ],
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=threshold,
        ComparisonOperator=comparison,
        AlarmActions=[arn],
    )


# -- steps


@outline.step(
    "web-and-quiet",
    title="A service `web` behind a load balancer, and a service `quiet` that nobody asks for anything",
    hints=[
        "create_target_group, create_load_balancer, create_listener, as in lab 05.",
        "create_service twice: `web` with one task and loadBalancers, `quiet` with three tasks and without.",
    ],
)
def web_and_quiet(cloud, lab):
    if balancer(cloud) is None or group(cloud) is None:
        return not_started("There is no load balancer drydock-scaling with a target group drydock-web.")
    found = {name: service(cloud, name) for name in (WEB, QUIET)}
    if not any(found.values()):
        return not_started("The cluster `drydock` has neither `web` nor `quiet`.")
    for name, one in found.items():
        if one is None:
            return wrong(f"There is no service `{name}`.", look="create_service, serviceName")
    mine = [each["targetGroupArn"] for each in found[WEB].get("loadBalancers", ())]
    if mine != [group(cloud)["TargetGroupArn"]]:
        return wrong("`web` is not behind drydock-web.", look="create_service, loadBalancers")
    if found[QUIET].get("loadBalancers"):
        return wrong("`quiet` is behind a load balancer, and is asked.", look="create_service, loadBalancers")
    for name, one in found.items():
        if not is_steady(one):
            return wrong(f"`{name}` is not steady yet.", look="describe_services: events", waits_for=coming(one))
    return passed("`web` is behind the load balancer, and nobody asks `quiet`.")


@web_and_quiet.solution
def _(cloud, lab):
    ecs, definition, arn = cloud.client("ecs"), register(cloud), front(cloud)
    behind = [{"targetGroupArn": arn, "containerName": "backend", "containerPort": 8080}]
    for name, tasks, more in ((WEB, 1, {"loadBalancers": behind}), (QUIET, 3, {})):
        if service(cloud, name) is None:
            ecs.create_service(
                cluster="drydock",
                serviceName=name,
                taskDefinition=definition,
                desiredCount=tasks,
                networkConfiguration=network(cloud),
                **more,
            )
    until_steady(cloud, WEB, QUIET)


@outline.step(
    "range",
    title=f"`web` may have {LEAST} to {MOST} tasks",
    hints=["register_scalable_target with MinCapacity and MaxCapacity. Nothing else: the minimum holds at once."],
)
def bounds(cloud, lab):
    if (nothing := unscalable(cloud)) is not None:
        return nothing
    one = service(cloud, WEB)
    if one["desiredCount"] < LEAST:
        return wrong("`web` wants fewer than two tasks.", look="describe_scaling_activities")
    if one["runningCount"] < LEAST:
        return wrong("`web` has fewer than two tasks yet.", look="describe_services: events", waits_for=coming(one))
    return passed(f"`web` may have {LEAST} to {MOST} tasks, and has no fewer.")


@bounds.solution
def _(cloud, lab):
    everything = {"DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended"}
    cloud.client("application-autoscaling").register_scalable_target(
        **of(WEB), MinCapacity=LEAST, MaxCapacity=MOST, SuspendedState=dict.fromkeys(everything, False)
    )
    wait_until(lambda: service(cloud, WEB)["runningCount"] >= LEAST, "web has two tasks")


@outline.step(
    "requests",
    title=f"`web` grows so that no task gets more than {LESSON} requests a minute",
    hints=[
        "put_scaling_policy, PolicyType TargetTrackingScaling, and PredefinedMetricType ALBRequestCountPerTarget.",
        "ResourceLabel: app/<name>/<id>/targetgroup/<name>/<id>, the ends of the two ARNs.",
        "Three minutes above the target are waited for, and there must be requests: is the Load still running?",
    ],
)
def requests(cloud, lab):
    if service(cloud, WEB) is None:
        return not_started(NO_WEB)
    done = done_by(cloud, WEB, lab.began, "triggered policy requests")
    if done:
        return passed("The policy `requests` has scaled `web` out.")
    if target(cloud, WEB) is None:
        return not_started(NO_TARGET)
    found = on_requests(cloud)
    if not found:
        return not_started("No policy of `web` tracks requests for each target.")
    if tracked(found[0])[1]["ResourceLabel"] != label(cloud):
        return wrong("The policy looks at another load balancer.", look="put_scaling_policy, ResourceLabel")
    return wrong(
        "The policy is there, and has not scaled `web` yet.",
        look="describe_alarms, StateValue; do requests come?",
        waits_for="the policy to scale `web` out",
    )


@requests.solution
def _(cloud, lab):
    with customers(cloud):
        track(cloud, WEB, "requests", LESSON, "ALBRequestCountPerTarget", ResourceLabel=label(cloud))
        wait_until(
            lambda: done_by(cloud, WEB, lab.began, "triggered policy requests"),
            "the policy scales web out",
            timeout=120,
        )
    until_steady(cloud, WEB)


@outline.your_turn(
    "follows",
    title=f"Two requests come in a second. Track them so that `web` comes to have {WANTED} tasks, and stays at "
    f"{WANTED} when a minute has 5 % more or fewer",
    hints=[
        "How many requests are that in a minute, and how many would each of four tasks have?",
        f"With exactly so many as the target, 121 requests want a fifth task: ceil(121 / 30) = {math.ceil(121 / 30)}. "
        "Choose one that is between what four and what three tasks would have.",
        "track('requests', value, 'ALBRequestCountPerTarget', ResourceLabel=label) changes the policy that is there.",
    ],
)
def follows(cloud, lab):
    if (nothing := unscalable(cloud)) is not None:
        return nothing
    found = on_requests(cloud)
    if not found and done_by(cloud, WEB, lab.began, "triggered policy requests"):
        look = 'put_scaling_policy, or lab.catch_up("follows"), which begins anew'
        return wrong("No policy of `web` tracks requests any more.", look=look)
    if not found:
        return not_started("No policy of `web` tracks requests for each target.")
    if len(found) > 1:
        return wrong("Two policies track requests: the larger number wins.", look="describe_scaling_policies")
    settings, measured = tracked(found[0])
    value = settings["TargetValue"]
    if value == LESSON:
        return not_started(f"The policy tracks {LESSON} requests for each task.")
    if measured["ResourceLabel"] != label(cloud):
        return wrong("The policy looks at another load balancer.", look="put_scaling_policy, ResourceLabel")
    usual, more, fewer = (math.ceil(A_MINUTE * part / value) for part in (1, 1 + SPARE, 1 - SPARE))
    if usual > MOST:
        return wrong(
            f"{value:g} a minute for each of them: {A_MINUTE} requests would want {usual} tasks.",
            look="TargetValue: it is of a minute, not of a second",
        )
    if usual != WANTED:
        return wrong(f"With {value:g} for each task {A_MINUTE} requests want {usual} tasks.", look="TargetValue")
    if more != WANTED or fewer != WANTED:
        return wrong(
            f"With {value:g} it is close: {A_MINUTE * (1 + SPARE):g} requests want {more} tasks, and "
            f"{A_MINUTE * (1 - SPARE):g} want {fewer}.",
            look="TargetValue",
        )
    one = service(cloud, WEB)
    if one["desiredCount"] != WANTED:
        return wrong(
            f"The policy wants {WANTED} tasks, and `web` has not come to that yet.",
            look="describe_alarms, StateValue; do requests come?",
            waits_for=f"the policy to scale `web` to {WANTED} tasks",
        )
    return passed(f"`web` follows its load: {WANTED} tasks, and the same with 5 % more or fewer requests.")


@follows.solution
def _(a_minute, label, scaling, track, web):
    for policy in scaling.describe_scaling_policies(**web)["ScalingPolicies"]:
        if policy["PolicyName"] != "requests":
            scaling.delete_scaling_policy(**web, PolicyName=policy["PolicyName"])
    between = a_minute / 3.5
    track("requests", round(between, 1), "ALBRequestCountPerTarget", ResourceLabel=label)
    print(f"{between:.1f} requests a minute for each task")


@outline.step(
    "cpu",
    title="`web` grows by what its tasks use of their CPU",
    hints=[
        "PredefinedMetricType ECSServiceAverageCPUUtilization, without a ResourceLabel.",
        "A target below what is measured now: the policy scales out within minutes.",
    ],
)
def cpu(cloud, lab):
    if service(cloud, WEB) is None:
        return not_started(NO_WEB)
    if done_by(cloud, WEB, lab.began, "triggered policy cpu"):
        return passed("The policy `cpu` has scaled `web` out.")
    if "cpu" not in policies(cloud, WEB, "TargetTrackingScaling"):
        return not_started("`web` has no policy `cpu`.")
    return wrong(
        "The policy `cpu` is there, and has not scaled `web`.",
        look="describe_alarms, StateValue; what is measured, and what is the target?",
        waits_for="the policy `cpu` to scale `web` out",
    )


@cpu.solution
def _(cloud, lab):
    cloud.client("ecs").update_service(cluster="drydock", service=WEB, desiredCount=LEAST)
    with customers(cloud):
        track(cloud, WEB, "cpu", 1.0, "ECSServiceAverageCPUUtilization")
        wait_until(
            lambda: done_by(cloud, WEB, lab.began, "triggered policy cpu"), "the policy scales web out", timeout=120
        )
    cloud.client("application-autoscaling").delete_scaling_policy(**of(WEB), PolicyName="cpu")


@outline.step(
    "flaps",
    title="Two step scaling policies that undo each other: `web` grows and shrinks, and the load stays",
    hints=[
        "put_scaling_policy with PolicyType StepScaling, once for more and once for fewer.",
        "put_metric_alarm twice, with the policy's ARN in AlarmActions: nobody makes these alarms for you.",
    ],
)
def flaps(cloud, lab):
    if service(cloud, WEB) is None:
        return not_started(NO_WEB)
    more = done_by(cloud, WEB, lab.began, "triggered policy more")
    fewer = done_by(cloud, WEB, lab.began, "triggered policy fewer")
    if more and fewer:
        return passed("`web` was scaled out and in again by its two policies, and the load was the same all the time.")
    if not policies(cloud, WEB, "StepScaling"):
        return not_started("`web` has no step scaling policy.")
    return wrong(
        "`web` has not been scaled in both ways yet.",
        look="describe_alarms: StateValue and AlarmActions; do requests come?",
        waits_for="`web` to be scaled in both ways",
    )


@flaps.solution
def _(cloud, lab):
    forget(cloud, WEB)
    by_steps(cloud, "more", 3, "drydock-busy", "GreaterThanThreshold", 50.0, 0)
    by_steps(cloud, "fewer", -3, "drydock-idle", "LessThanThreshold", 30.0, 0)
    with customers(cloud):
        wait_until(
            lambda: all(done_by(cloud, WEB, lab.began, f"triggered policy {name}") for name in ("more", "fewer")),
            "web is scaled in both ways",
            timeout=180,
        )


def stepped(cloud, lab):
    """The two step scaling policies and their alarms, in the order of ALARMS; or a check that is not passed."""
    found, there = policies(cloud, WEB, "StepScaling"), alarms(cloud, ALARMS)
    if not found:
        if done_by(cloud, WEB, lab.began, "triggered policy more"):
            look = 'put_scaling_policy, or lab.catch_up("steady"), which begins anew'
            return wrong("`web` has no step scaling policy any more.", look=look)
        return not_started("`web` has no step scaling policy.")
    pairs = []
    for name, policy in ALARMS.items():
        if policy not in found:
            return wrong(f"`web` has no policy `{policy}`: it is to grow and to shrink.", look="put_scaling_policy")
        if name not in there:
            return wrong(f"There is no alarm {name}: nothing calls `{policy}`.", look="put_metric_alarm")
        alarm = there[name]
        if not alarm["ActionsEnabled"] or found[policy]["PolicyARN"] not in alarm["AlarmActions"]:
            return wrong(f"{name} does not call the policy `{policy}`.", look="put_metric_alarm, AlarmActions")
        if alarm["MetricName"] != "RequestCountPerTarget":
            return wrong(f"{name} does not look at RequestCountPerTarget.", look="put_metric_alarm, MetricName")
        pairs.append((found[policy]["StepScalingPolicyConfiguration"], alarm))
    return pairs


def watched(settings, alarm):
    """A step scaling policy and its alarm, for `course`."""
    return stepping(
        steps_of(settings),
        above=alarm["ComparisonOperator"].startswith("Greater"),
        threshold=alarm["Threshold"],
        policy=ALARMS[alarm["AlarmName"]],
        kind=settings["AdjustmentType"],
        periods=alarm["EvaluationPeriods"],
        cooldown=settings.get("Cooldown", 300),
    )


def tasks_for(watches, load, start):
    """The number of tasks in each of 180 minutes with this load."""
    return [one.tasks for one in course([load] * 180, watches, start=start, bounds=Bounds(LEAST, MOST))]


@outline.your_turn(
    "steady",
    title=f"Let `web` come to rest at {A_MINUTE} requests a minute, wherever it begins, grow for 300 and shrink for "
    "60, by the same two policies and alarms",
    hints=[
        "What does a task have after `more`, and what after `fewer`? If that is beyond the other alarm, it goes back.",
        "Smaller steps, and alarms that are further apart: from n to n + 1 tasks each has n / (n + 1) of what it had.",
        "by_steps('more', 1, 'drydock-busy', 'GreaterThanThreshold', 50, cooldown), and `fewer` below 25.",
    ],
)
def steady(cloud, lab):
    if (nothing := unscalable(cloud)) is not None:
        return nothing
    pairs = stepped(cloud, lab)
    if not isinstance(pairs, list):
        return pairs
    watches = [watched(settings, alarm) for settings, alarm in pairs]
    for start in range(LEAST, MOST + 1):
        tasks = tasks_for(watches, A_MINUTE, start)
        if turns(tasks) or len(set(tasks[-60:])) > 1:
            went = ", ".join(str(after) for before, after in zip([0, *tasks], tasks, strict=False) if before != after)
            message = f"From {start} tasks, {A_MINUTE} requests a minute make it go {went[:10].rstrip(', ')} …"
            now = [
                (settings["StepAdjustments"][0]["ScalingAdjustment"], alarm["Threshold"], settings.get("Cooldown"))
                for settings, alarm in pairs
            ]
            if now == FLAPPING:
                return not_started(message)
            return wrong(message, look="ScalingAdjustment, and the Threshold of the two alarms")
    rest = tasks_for(watches, A_MINUTE, 3)[-1]
    few, many = min(rest, MOST - 1), max(rest, LEAST + 1)
    for load, word, start, ended in (
        (300, "grow", few, tasks_for(watches, 300, few)[-1] > few),
        (60, "shrink", many, tasks_for(watches, 60, many)[-1] < many),
    ):
        if not ended:
            message = f"From {start} tasks it does not {word} for {load} requests a minute."
            return wrong(message, look="the Threshold of the two alarms")
    since = datetime.now(UTC) - timedelta(seconds=60 * STILL / cloud.speed)
    if activities(cloud, WEB, max(since, lab.began)):
        return wrong(
            f"`web` was scaled in the last {STILL} minutes.",
            look="describe_scaling_activities",
            waits_for=f"{STILL} minutes without a change",
        )
    return passed(f"At {A_MINUTE} requests a minute `web` comes to rest; it grows for more and shrinks for fewer.")


@steady.solution
def _(by_steps, cooldown):
    by_steps("more", 1, "drydock-busy", "GreaterThanThreshold", 50, cooldown)
    by_steps("fewer", -1, "drydock-idle", "LessThanThreshold", 25, cooldown)
    print("one task more above 50, one fewer below 25")


@outline.step(
    "scheduled",
    title="At a given time `web` has six tasks, before the customers come",
    hints=["put_scheduled_action: Schedule at(yyyy-mm-ddThh:mm:ss), and ScalableTargetAction with a MinCapacity."],
)
def scheduled(cloud, lab):
    if service(cloud, WEB) is None:
        return not_started(NO_WEB)
    if done_by(cloud, WEB, lab.began, "minimum capacity was set to 6"):
        return passed("A scheduled action has raised the minimum, and `web` had six tasks at once.")
    found = cloud.client("application-autoscaling").describe_scheduled_actions(ServiceNamespace="ecs")
    if not any(one["ResourceId"] == of(WEB)["ResourceId"] for one in found["ScheduledActions"]):
        return not_started("`web` has no scheduled action.")
    return wrong(
        "The scheduled action has not scaled `web`.",
        look="describe_scheduled_actions: Schedule, in UTC unless Timezone says otherwise",
        waits_for="the scheduled action",
    )


@scheduled.solution
def _(cloud, lab):
    scaling = cloud.client("application-autoscaling")
    scaling.register_scalable_target(**of(WEB), MinCapacity=LEAST, MaxCapacity=MOST)
    forget(cloud, WEB)
    cloud.client("ecs").update_service(cluster="drydock", service=WEB, desiredCount=LEAST)
    soon = datetime.now(UTC) + timedelta(seconds=3)
    scaling.put_scheduled_action(
        **of(WEB),
        ScheduledActionName="sale",
        Schedule=f"at({soon:%Y-%m-%dT%H:%M:%S})",
        ScalableTargetAction={"MinCapacity": 6},
    )
    wait_until(lambda: done_by(cloud, WEB, lab.began, "minimum capacity was set to 6"), "the scheduled action")
    scaling.delete_scheduled_action(**of(WEB), ScheduledActionName="sale")
    scaling.register_scalable_target(**of(WEB), MinCapacity=LEAST)


# -- drills


@outline.drill(
    "never-scales",
    title="Customers wait, and `web` stays at two tasks whatever comes: find out why, and let it follow its load again",
    hints=[
        "The policy is there. What do its alarms say? describe_scaling_policies, Alarms; describe_alarms, StateValue.",
        "INSUFFICIENT_DATA: under which dimensions are there data? list_metrics of RequestCountPerTarget.",
        "It looks at a load balancer that is gone: put the policy again, with the ResourceLabel of the one there is.",
        "It rings now, and describe_scaling_activities says nothing. describe_scalable_targets: SuspendedState.",
    ],
)
def never_scales(cloud, lab):
    if service(cloud, WEB) is None:
        return not_started(NO_WEB)
    if target(cloud, WEB) is None:
        return not_started(NO_TARGET)
    found = on_requests(cloud)
    if not found:
        return not_started("No policy of `web` tracks requests for each target.")
    there = alarms(cloud, [one["AlarmName"] for one in found[0]["Alarms"]])
    high = next((one for name, one in there.items() if "AlarmHigh" in name), None)
    if high is None:
        return wrong("The alarm that scales out is gone.", look="put_scaling_policy makes it again")
    if high["StateValue"] == "INSUFFICIENT_DATA":
        waits_for = "" if tracked(found[0])[1]["ResourceLabel"] != label(cloud) else "the alarm to have data"
        return wrong("The policy's alarms have no data.", look="describe_alarms, Dimensions", waits_for=waits_for)
    if (nothing := unscalable(cloud)) is not None:
        return nothing
    if service(cloud, WEB)["desiredCount"] <= LEAST:
        return wrong(
            "`web` still has two tasks.",
            look="describe_alarms, StateValue; describe_scaling_activities",
            waits_for="the policy to scale `web` out",
        )
    return passed("`web` follows its load again.")


@never_scales.breaks
def _(cloud, lab):
    if service(cloud, WEB) is None:
        raise NothingToBreak(NO_WEB)
    forget(cloud, WEB)
    scaling = cloud.client("application-autoscaling")
    scaling.register_scalable_target(
        **of(WEB), MinCapacity=LEAST, MaxCapacity=MOST, SuspendedState={"DynamicScalingOutSuspended": True}
    )
    cloud.client("ecs").update_service(cluster="drydock", service=WEB, desiredCount=LEAST)
    front_of, rest = label(cloud).split("/targetgroup/")
    stale = f"{front_of.rpartition('/')[0]}/0123456789abcdef/targetgroup/{rest}"
    track(cloud, WEB, "requests", 30.0, "ALBRequestCountPerTarget", ResourceLabel=stale)


@never_scales.solution
def _(label, scaling, track, web):
    track("requests", 30, "ALBRequestCountPerTarget", ResourceLabel=label)
    scaling.register_scalable_target(**web, SuspendedState={"DynamicScalingOutSuspended": False})
    print("the policy has data, and may act")


# -- and what does not shrink


@outline.step(
    "in-slowly",
    title="`quiet` is scaled in, after a quarter of an hour, and a task that is protected stays",
    hints=[
        "register_scalable_target for `quiet` (1 to 5), and target tracking of its CPU.",
        "update_task_protection before that, with protectionEnabled.",
    ],
)
def in_slowly(cloud, lab):
    if service(cloud, QUIET) is None:
        return not_started("The cluster `drydock` has no service `quiet`.")
    if done_by(cloud, QUIET, lab.began, "triggered policy cpu"):
        return passed("After fifteen minutes far below its target `quiet` was scaled in.")
    if not policies(cloud, QUIET, "TargetTrackingScaling"):
        return not_started("`quiet` has no policy.")
    return wrong(
        "`quiet` is not scaled in yet.",
        look="describe_alarms: StateValue of the alarm whose name has AlarmLow",
        waits_for="the low alarm's fifteen minutes",
    )


@in_slowly.solution
def _(cloud, lab):
    cloud.client("application-autoscaling").register_scalable_target(**of(QUIET), MinCapacity=1, MaxCapacity=5)
    track(cloud, QUIET, "cpu", 50.0, "ECSServiceAverageCPUUtilization")
    wait_until(lambda: done_by(cloud, QUIET, lab.began, "triggered policy cpu"), "quiet is scaled in", timeout=180)
