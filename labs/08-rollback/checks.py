"""Lab 08: rolling deployments that go wrong, what notices, and the ways back.

What later labs find: the load balancer `drydock-rollback`, the target group drydock-checkout, the service checkout
(2 tasks) of the task definition drydock-checkout, the alarm drydock-checkout-errors; and the service debut, of no task.
"""

from __future__ import annotations

from dataclasses import dataclass

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
from drydock.policy.ecs.breaker import ThresholdConfiguration, threshold
from drydock.pricing import fargate_tasks, load_balancers, public_addresses, unpriced

outline = Outline(
    title="Roll-back",
    goal="Releases that go wrong: which of them the circuit breaker takes back, which an alarm, and which nobody.",
    minutes="45 to 60",
    needs=[
        "01-repositories:create-repositories",
        "02-images:push-images",
        "03-cluster",
        "04-task-definitions:create-roles",
        "04-task-definitions:create-log-groups",
    ],
    costs=[
        fargate_tasks(4, cpu=256, memory=512),
        load_balancers(),
        unpriced("load balancer capacity units"),
        public_addresses(7),
        unpriced("CloudWatch alarms, Logs and Container Insights"),
    ],
    hours=1.5,
)

FAMILY, CHECKOUT, DEBUT = "drydock-checkout", "checkout", "debut"
ALARM, BLIND = "drydock-checkout-errors", "drydock-checkout-notBreaching"
FAULTS = {
    "v1": {},
    "v2": {"CRASH_AT_START": "true"},
    "v3": {"ERROR_RATE": "1"},
    "v4": {"FAIL_HEALTH": "true"},
    "v5": {"LEAK_MIB_PER_REQUEST": "16"},
}
DESIRED = (1, 10, 50, 1000)
"""The case of `threshold`."""
PATIENCE = 300
"""The longest grace period in seconds that `stuck` takes for one."""
ON, OFF = {"enable": True, "rollback": True}, {"enable": False, "rollback": False}
BY_BREAKER = {"deploymentCircuitBreaker": ON, "alarms": {"alarmNames": [], **OFF}}
BY_ALARM = {"deploymentCircuitBreaker": OFF, "alarms": {"alarmNames": [ALARM], **ON}}
BY_BOTH = {"deploymentCircuitBreaker": ON, "alarms": {"alarmNames": [ALARM], **ON}}


# -- reading the cloud


@dataclass(frozen=True)
class Deployed:
    """A deployment as it went: of which version, how it stands, and how its guards do."""

    version: str
    status: str
    breaker: str
    alarms: str
    configuration: dict
    reason: str

    @property
    def comes(self):
        """Whether it may still come to an end by itself."""
        return self.status in ("PENDING", "IN_PROGRESS", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS")


def history(cloud, since, name=CHECKOUT):
    """The deployments of a service since then, newest first; none where there is no such service."""
    ecs = cloud.client("ecs")
    if service(cloud, name) is None:
        return []
    found = ecs.list_service_deployments(cluster="drydock", service=name)["serviceDeployments"]
    arns = [one["serviceDeploymentArn"] for one in found if one["createdAt"] >= since]
    told = [one for part in parts(arns) for one in describe(ecs, part)]
    revisions = {one["targetServiceRevision"]["arn"] for one in told}
    runs = {}
    for part in parts(sorted(revisions)):
        for one in ecs.describe_service_revisions(serviceRevisionArns=part)["serviceRevisions"]:
            runs[one["serviceRevisionArn"]] = environment(cloud, one["taskDefinition"]).get("VERSION", "")
    return [
        Deployed(
            version=runs[one["targetServiceRevision"]["arn"]],
            status=one["status"],
            breaker=one.get("deploymentCircuitBreaker", {}).get("status", ""),
            alarms=one.get("alarms", {}).get("status", ""),
            configuration=one["deploymentConfiguration"],
            reason=one.get("statusReason", ""),
        )
        for one in sorted(told, key=lambda one: one["createdAt"], reverse=True)
    ]


def parts(arns, most=20):
    """As many at a time as ECS describes in one call."""
    return [arns[begun : begun + most] for begun in range(0, len(arns), most)]


def describe(ecs, arns):
    return ecs.describe_service_deployments(serviceDeploymentArns=arns)["serviceDeployments"]


def balancer(cloud):
    return cloud.client("elbv2").describe_load_balancers(Names=["drydock-rollback"])["LoadBalancers"][0]


def group(cloud):
    return cloud.client("elbv2").describe_target_groups(Names=["drydock-checkout"])["TargetGroups"][0]


def missing(cloud):
    """What there is not of the load balancer, its target group and the service: a check not started, or None."""
    if load_balancer(cloud, "drydock-rollback") is None:
        return not_started("There is no load balancer drydock-rollback.")
    if "drydock-checkout" not in target_groups(cloud):
        return not_started("There is no target group drydock-checkout.")
    if service(cloud, CHECKOUT) is None:
        return not_started("The cluster `drydock` has no service `checkout`.")
    return None


def sick(cloud):
    """How many targets of the service are not healthy, of those that are not on their way out."""
    found = cloud.client("elbv2").describe_target_health(TargetGroupArn=group(cloud)["TargetGroupArn"])
    states = [one["TargetHealth"]["State"] for one in found["TargetHealthDescriptions"]]
    return sum(state not in ("healthy", "draining") for state in states)


def unsettled(cloud):
    """What keeps the service from being steady with healthy targets: a check that is not passed, or None."""
    one = service(cloud, CHECKOUT)
    if not is_steady(one):
        state = one["deployments"][0].get("rolloutState")
        look = "describe_services: deployments, events"
        return wrong(f"`checkout` is not steady: its deployment is {state}.", look=look, waits_for=coming(one))
    if number := sick(cloud):
        message = "Not every target of `checkout` is healthy."
        return wrong(message, look="describe_target_health", waits_for=to_be_healthy(group(cloud), number, number))
    return None


def faulty(cloud, one):
    """Which of the faults of this lab the version has that a service is to run."""
    found = environment(cloud, one["taskDefinition"])
    return sorted({name for faults in FAULTS.values() for name in faults} & found.keys())


def went(cloud, lab, version, fits, words):
    """Of the deployments of a version, whether one went as it should: None, or the check that says how it stands.

    `words`: what there is to be seen where it went otherwise.
    """
    if (nothing := missing(cloud)) is not None:
        return nothing
    found = [one for one in history(cloud, lab.began) if one.version == version]
    if not found:
        return not_started(f"{version} was never deployed.")
    if any(fits(one) for one in found):
        return None
    newest = found[0]
    waits_for = f"the deployment of {version} to end" if newest.comes else ""
    return wrong(f"The deployment of {version} is {newest.status}.", look=words, waits_for=waits_for)


def or_passed(problem, message):
    """The check that says what is wrong; where that is None, one that is passed."""
    return passed(message) if problem is None else problem


def guards(configuration):
    """Whether a deploymentConfiguration has the breaker, and alarms, that roll back."""
    breaker, alarms = configuration.get("deploymentCircuitBreaker") or {}, configuration.get("alarms") or {}
    watched = bool(alarms.get("enable") and alarms.get("rollback") and alarms.get("alarmNames"))
    return bool(breaker.get("enable") and breaker.get("rollback")), watched


def trips_at(configuration, desired):
    """After how many failed tasks the breaker of a deploymentConfiguration trips."""
    given = configuration["deploymentCircuitBreaker"].get("thresholdConfiguration")
    return threshold(desired, ThresholdConfiguration(given["type"], given["value"]) if given else None)


# -- doing


def revision(cloud, version):
    """ARN of the newest active revision of drydock-checkout with this VERSION; registered if there is none."""
    ecs = cloud.client("ecs")
    arns = ecs.list_task_definitions(familyPrefix=FAMILY, status="ACTIVE", sort="DESC")["taskDefinitionArns"]
    there = next((arn for arn in arns if environment(cloud, arn).get("VERSION") == version), None)
    return there or register_backend(cloud, FAMILY, version, **FAULTS[version])


def watch_errors(cloud, minutes):
    """The alarm for errors of drydock-checkout in one of the last minutes; a deployment bakes for one minute more."""
    of = dimensions(group=group(cloud)["TargetGroupArn"], balancer=balancer(cloud)["LoadBalancerArn"])
    cloud.client("cloudwatch").put_metric_alarm(
        AlarmName=ALARM,
        Namespace="AWS/ApplicationELB",
        MetricName="HTTPCode_Target_5XX_Count",
        Dimensions=[{"Name": name, "Value": value} for name, value in of.items()],
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=minutes,
        DatapointsToAlarm=1,
        Threshold=5,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="notBreaching",
    )


def until_quiet(cloud):
    """Wait until the alarm is not in ALARM: a deployment that finds it so does not look at it."""

    def quiet():
        found = cloud.client("cloudwatch").describe_alarms(AlarmNames=[ALARM])["MetricAlarms"]
        return found[0]["StateValue"] != "ALARM"

    wait_until(quiet, "the alarm is not in ALARM", timeout=120)


def ship(cloud, version, configuration, until):
    """Deploy a version with these guards, and wait until its deployment has come to this status."""
    ecs = cloud.client("ecs")
    before = ecs.list_service_deployments(cluster="drydock", service=CHECKOUT)["serviceDeployments"]
    ecs.update_service(
        cluster="drydock",
        service=CHECKOUT,
        taskDefinition=revision(cloud, version),
        deploymentConfiguration=configuration,
    )

    def ended():
        now = ecs.list_service_deployments(cluster="drydock", service=CHECKOUT)["serviceDeployments"]
        return now[0]["serviceDeploymentArn"] != before[0]["serviceDeploymentArn"] and now[0]["status"] == until

    wait_until(ended, f"the deployment of {version} is {until}", timeout=120)


# -- steps


@outline.step(
    "stable",
    title="A service `checkout` that is well: two tasks of v1 behind a load balancer, and nothing that guards it",
    hints=[
        "As in lab 05: a load balancer, a target group that asks for /health, a listener, and create_service.",
        "Wait for services_stable, then look at describe_target_health.",
    ],
)
def stable(cloud, lab):
    if (nothing := missing(cloud)) is not None:
        return nothing
    one, target = service(cloud, CHECKOUT), group(cloud)
    if (target["TargetType"], target["Protocol"], target["HealthCheckPath"]) != ("ip", "HTTP", "/health"):
        return wrong("Targets are no addresses that are asked for /health.", look="create_target_group")
    if [each["targetGroupArn"] for each in one["loadBalancers"]] != [target["TargetGroupArn"]]:
        return wrong("`checkout` is not behind drydock-checkout.", look="create_service, loadBalancers")
    if one["desiredCount"] < 2:
        return wrong("`checkout` wants one task.", look="desiredCount")
    if one["deploymentConfiguration"].get("strategy", "ROLLING") != "ROLLING":
        return wrong("`checkout` is not deployed by ROLLING.", look="deploymentConfiguration, strategy")
    if faults := faulty(cloud, one):
        return wrong(f"`checkout` runs a version with {faults[0]}.", look="taskDefinition")
    if (problem := unsettled(cloud)) is not None:
        return problem
    return passed("`checkout` runs v1 with two tasks, and every target is healthy.")


@stable.solution
def _(cloud, lab):
    elbv2, names = cloud.client("elbv2"), ["drydock-rollback"]
    for version in FAULTS:
        revision(cloud, version)
    made = elbv2.create_load_balancer(
        Name=names[0], Subnets=subnets(cloud), SecurityGroups=[security_group(cloud, "drydock-alb")]
    )["LoadBalancers"][0]["LoadBalancerArn"]
    target = elbv2.create_target_group(
        Name="drydock-checkout",
        VpcId=vpc_id(cloud),
        TargetType="ip",
        Protocol="HTTP",
        Port=8080,
        HealthCheckPath="/health",
        HealthCheckIntervalSeconds=5,
        HealthCheckTimeoutSeconds=2,
        HealthyThresholdCount=2,
        UnhealthyThresholdCount=2,
    )["TargetGroups"][0]["TargetGroupArn"]
    delay = {"Key": "deregistration_delay.timeout_seconds", "Value": "5"}
    elbv2.modify_target_group_attributes(TargetGroupArn=target, Attributes=[delay])
    action = {"Type": "forward", "TargetGroupArn": target}
    elbv2.create_listener(LoadBalancerArn=made, Protocol="HTTP", Port=80, DefaultActions=[action])
    elbv2.get_waiter("load_balancer_available").wait(LoadBalancerArns=[made])
    settings = {"taskDefinition": revision(cloud, "v1"), "desiredCount": 2, "deploymentConfiguration": BY_BREAKER}
    if service(cloud, CHECKOUT) is None:
        cloud.client("ecs").create_service(
            cluster="drydock",
            serviceName=CHECKOUT,
            taskDefinition=settings["taskDefinition"],
            desiredCount=2,
            networkConfiguration=network(cloud),
            loadBalancers=[{"targetGroupArn": target, "containerName": "backend", "containerPort": 8080}],
        )
    else:
        cloud.client("ecs").update_service(cluster="drydock", service=CHECKOUT, **settings)
    until_steady(cloud, CHECKOUT)
    elbv2.get_waiter("target_in_service").wait(TargetGroupArn=target)


@outline.your_turn(
    "threshold",
    title="Say how many failed tasks trip the breaker of a service that wants 1, 10, 50 or 1,000: as tags of "
    "`checkout`, `trips-at-1`, `trips-at-10`, `trips-at-50` and `trips-at-1000`",
    hints=[
        "Half of desiredCount. Then round, and look at both limits.",
        "10 is between the limits, and so is 50. 1 and 1,000 are not.",
        'ecs.tag_resource(resourceArn=the ARN of the service, tags=[{"key": "trips-at-1", "value": "…"}, …]).',
    ],
)
def predict(cloud, lab):
    if (nothing := missing(cloud)) is not None:
        return nothing
    found = cloud.client("ecs").describe_services(cluster="drydock", services=[CHECKOUT], include=["TAGS"])
    tags = {one["key"]: one["value"].strip() for one in found["services"][0].get("tags", ())}
    given = {desired: tags.get(f"trips-at-{desired}") for desired in DESIRED}
    if not any(given.values()):
        return not_started("`checkout` has no tag `trips-at-…`.")
    for desired, said in given.items():
        if said is None:
            return wrong(f"`checkout` has no tag `trips-at-{desired}`.", look="tag_resource")
        if said != str(threshold(desired)):
            message = f"For a desiredCount of {desired:,} it is not {said}."
            return wrong(message, look="half, rounded up; never below 3, never above 200")
    return passed(", ".join(f"{threshold(desired)} of {desired:,}" for desired in DESIRED) + ".")


@predict.solution
def _(ecs, described):
    trips = {desired: min(200, max(3, -(-desired // 2))) for desired in (1, 10, 50, 1000)}
    tags = [{"key": f"trips-at-{desired}", "value": str(count)} for desired, count in trips.items()]
    ecs.tag_resource(resourceArn=described()["serviceArn"], tags=tags)
    print(trips)


@outline.step(
    "breaker",
    title="v2 does not start: the circuit breaker trips, and v1 is back",
    hints=["update_service with v2 and deploymentCircuitBreaker: enable and rollback. Then it is ECS's turn."],
)
def breaker(cloud, lab):
    found = went(
        cloud,
        lab,
        "v2",
        lambda one: (one.breaker, one.status) == ("TRIGGERED", "ROLLBACK_SUCCESSFUL"),
        "deploymentConfiguration, deploymentCircuitBreaker: enable and rollback",
    )
    return or_passed(found, "The breaker has tripped for v2, and ECS has gone back to v1.")


@breaker.solution
def _(cloud, lab):
    ship(cloud, "v2", BY_BREAKER, "ROLLBACK_SUCCESSFUL")


@outline.step(
    "never-trips",
    title="v3 answers every request with an error: the breaker looks on, the deployment is a success",
    hints=["update_service with v3 and the breaker alone: no alarm."],
)
def never_trips(cloud, lab):
    found = went(
        cloud,
        lab,
        "v3",
        lambda one: one.status == "SUCCESSFUL" and guards(one.configuration) == (True, False),
        "deploymentConfiguration: the breaker enabled, no alarms",
    )
    return or_passed(found, "v3 was deployed successfully, and the breaker has counted nothing.")


@never_trips.solution
def _(cloud, lab):
    ship(cloud, "v3", BY_BREAKER, "SUCCESSFUL")
    ship(cloud, "v1", BY_BREAKER, "SUCCESSFUL")


@outline.step(
    "no-way-back",
    title="A service `debut` whose first version does not start: nothing to go back to",
    hints=["create_service with v2, without a load balancer, with the breaker that rolls back."],
)
def no_way_back(cloud, lab):
    one = service(cloud, DEBUT)
    if one is None:
        return not_started("The cluster `drydock` has no service `debut`.")
    newest = one["deployments"][0]
    if newest.get("rolloutState") != "FAILED":
        comes = newest.get("rolloutState") == "IN_PROGRESS" and guards(one["deploymentConfiguration"])[0]
        return wrong(
            f"The first deployment of `debut` is {newest.get('rolloutState')}.",
            look="describe_services: deployments, deploymentConfiguration",
            waits_for="the first deployment of `debut` to fail" if comes else "",
        )
    return passed("The first deployment of `debut` has failed, and there is none to go back to.")


@no_way_back.solution
def _(cloud, lab):
    ecs = cloud.client("ecs")
    settings = {"taskDefinition": revision(cloud, "v2"), "desiredCount": 2, "deploymentConfiguration": BY_BREAKER}
    if service(cloud, DEBUT) is None:
        ecs.create_service(cluster="drydock", serviceName=DEBUT, networkConfiguration=network(cloud), **settings)
    else:
        ecs.update_service(cluster="drydock", service=DEBUT, **settings)
    wait_until(lambda: no_way_back.check(cloud, lab).passed, "the first deployment of debut has failed")


@outline.step(
    "by-hand",
    title="v4 fails its health checks and stays, as nothing rolls it back: go back by hand",
    hints=[
        "deploymentCircuitBreaker with enable True and rollback False, and v4: the deployment fails, and that is all.",
        "Back by hand is a deployment as any other: update_service with the revision of v1.",
    ],
)
def by_hand(cloud, lab):
    found = went(
        cloud,
        lab,
        "v4",
        lambda one: (one.breaker, one.status) == ("TRIGGERED", "STOPPED"),
        "deploymentCircuitBreaker: enable True, rollback False",
    )
    if found is not None:
        return found
    done = history(cloud, lab.began)
    place = next(at for at, one in enumerate(done) if (one.version, one.status) == ("v4", "STOPPED"))
    later = [one.status for one in done[:place] if one.version == "v1"]
    if "SUCCESSFUL" not in later:
        waits_for = "v1 to be deployed" if "IN_PROGRESS" in later else ""
        message = "v4 has failed, and v1 is not deployed again."
        return wrong(message, look="update_service, taskDefinition", waits_for=waits_for)
    return passed("v4 has failed and stayed; then v1 was deployed again.")


@by_hand.solution
def _(cloud, lab):
    ship(cloud, "v4", {**BY_BREAKER, "deploymentCircuitBreaker": {"enable": True, "rollback": False}}, "STOPPED")
    ship(cloud, "v1", BY_BREAKER, "SUCCESSFUL")


@outline.step(
    "alarm",
    title="An alarm on the errors of the target group takes v3 back",
    hints=[
        "put_metric_alarm: HTTPCode_Target_5XX_Count, with TargetGroup and LoadBalancer, as in lab 07.",
        "update_service with v3 and deploymentConfiguration, alarms: alarmNames, enable and rollback. And requests.",
    ],
)
def alarm(cloud, lab):
    found = went(
        cloud,
        lab,
        "v3",
        lambda one: (one.alarms, one.status) == ("TRIGGERED", "ROLLBACK_SUCCESSFUL"),
        "deploymentConfiguration, alarms; does the alarm see the errors, and do requests reach v3?",
    )
    if found is not None and not [one for one in history(cloud, lab.began) if guards(one.configuration)[1]]:
        return not_started("No deployment of `checkout` was watched by an alarm.")
    return or_passed(found, "The alarm has rung for v3, and ECS has gone back to v1.")


@alarm.solution
def _(cloud, lab):
    watch_errors(cloud, 3)
    until_quiet(cloud)
    requests = Load(f"http://{balancer(cloud)['DNSName']}/", rps=50).start()
    try:
        ship(cloud, "v3", BY_ALARM, "ROLLBACK_SUCCESSFUL")
    finally:
        requests.stop()


@outline.your_turn(
    "guarded",
    title="Guard `checkout` by both: the breaker, at the first task that fails, and the alarm; then ship v2 or v3, and "
    "let it come back by itself",
    hints=[
        "Two keys of one deploymentConfiguration: deploymentCircuitBreaker and alarms, each with enable and rollback.",
        "At the first task: thresholdConfiguration in deploymentCircuitBreaker, type COUNT.",
        "v3 comes back only if somebody asks it for something, and if the alarm is not in ALARM when it goes out.",
    ],
)
def guarded(cloud, lab):
    if (nothing := missing(cloud)) is not None:
        return nothing
    one = service(cloud, CHECKOUT)
    configuration, (by_breaker, by_alarm) = one["deploymentConfiguration"], guards(one["deploymentConfiguration"])
    given = configuration.get("deploymentCircuitBreaker") or {}
    if not (by_breaker and by_alarm) and not given.get("thresholdConfiguration"):
        return not_started("`checkout` is not guarded by both.")
    if not by_breaker:
        return wrong("The breaker does not roll back.", look="deploymentCircuitBreaker: enable and rollback")
    if not by_alarm:
        return wrong("No alarm rolls a deployment back.", look="alarms: alarmNames, enable and rollback")
    limit = trips_at(configuration, one["desiredCount"])
    if limit != 1:
        message = f"The breaker trips after {limit} failed tasks, not after the first."
        return wrong(message, look="deploymentCircuitBreaker, thresholdConfiguration")
    names = configuration["alarms"]["alarmNames"]
    alarms = cloud.client("cloudwatch").describe_alarms(AlarmNames=names)["MetricAlarms"]
    seen = {"group": group(cloud)["TargetGroupArn"], "balancer": balancer(cloud)["LoadBalancerArn"]}
    if not any(counts_errors(each, **seen) for each in alarms):
        message = "No alarm of the deployment counts the errors of drydock-checkout."
        return wrong(message, look="describe_alarms: MetricName, Dimensions")
    under = [each for each in history(cloud, lab.began) if held_by_both(each, one["desiredCount"])]
    if not under:
        return wrong("Nothing was shipped under both guards.", look="update_service, taskDefinition")
    if not any(each.status == "ROLLBACK_SUCCESSFUL" and "TRIGGERED" in (each.breaker, each.alarms) for each in under):
        newest = under[0]
        return wrong(
            f"The deployment of {newest.version} is {newest.status}.",
            look="describe_service_deployments; was the alarm in ALARM when it began, and did requests come?",
            waits_for=f"the deployment of {newest.version} to end" if newest.comes else "",
        )
    if faults := faulty(cloud, one):
        return wrong(f"`checkout` is to run a version with {faults[0]}.", look="update_service, taskDefinition")
    return or_passed(unsettled(cloud), "Both guards are up, and a bad version has come back by itself.")


def held_by_both(one, desired):
    """Whether a deployment was guarded as `guarded` asks."""
    return guards(one.configuration) == (True, True) and trips_at(one.configuration, desired) == 1


@guarded.solution
def _(checkout, ecs, newest, on, revision, wait_until, watch):
    watch("drydock-checkout-errors", "TargetGroup", "LoadBalancer")
    at_first = {**on, "thresholdConfiguration": {"type": "COUNT", "value": 1}}
    both = {"deploymentCircuitBreaker": at_first, "alarms": {**on, "alarmNames": ["drydock-checkout-errors"]}}
    ecs.update_service(**checkout, taskDefinition=revision["v1"], desiredCount=2, deploymentConfiguration=both)
    wait_until(lambda: newest()["status"] != "IN_PROGRESS", "v1 is there", timeout=300)
    ecs.update_service(**checkout, taskDefinition=revision["v2"])
    print("v2 is on its way, and will come back")


@outline.step(
    "stopped",
    title="v2 with the alarm alone neither fails nor ends: stop its deployment",
    hints=[
        "No task of v2 ever gets a request, so there is no error that an alarm could count.",
        "stop_service_deployment(serviceDeploymentArn=…, stopType='ROLLBACK').",
    ],
)
def stopped(cloud, lab):
    def by_somebody(one):
        return one.status == "ROLLBACK_SUCCESSFUL" and "TRIGGERED" not in (one.breaker, one.alarms)

    found = went(cloud, lab, "v2", by_somebody, "stop_service_deployment, stopType ROLLBACK")
    if found is not None and found.state == "wrong":
        tried = [one for one in history(cloud, lab.began) if one.version == "v2" and one.breaker == "DISABLED"]
        if not tried:
            return not_started("v2 was never deployed without the breaker.")
        if tried[0].status == "IN_PROGRESS":
            return wrong("The deployment of v2 goes on and on.", look="stop_service_deployment")
    return or_passed(found, "The deployment of v2 was stopped by hand, and ECS has gone back to v1.")


@stopped.solution
def _(cloud, lab):
    watch_errors(cloud, 1)
    ship(cloud, "v2", BY_ALARM, "IN_PROGRESS")
    ecs = cloud.client("ecs")
    newest = ecs.list_service_deployments(cluster="drydock", service=CHECKOUT)["serviceDeployments"][0]
    ecs.stop_service_deployment(serviceDeploymentArn=newest["serviceDeploymentArn"], stopType="ROLLBACK")
    wait_until(lambda: stopped.check(cloud, lab).passed, "the deployment of v2 is rolled back")


@outline.step(
    "neither",
    title="What neither sees: v3 behind an alarm that looks elsewhere, and v5, which runs out of memory after a while",
    hints=[
        "An alarm with the dimension TargetGroup alone, and v3 with that alarm.",
        "v5 with both guards. Send requests when its deployment is over: each takes memory that is not given back.",
    ],
)
def neither(cloud, lab):
    blind = went(
        cloud,
        lab,
        "v3",
        lambda one: (one.status, one.alarms) == ("SUCCESSFUL", "MONITORING_COMPLETE"),
        "deploymentConfiguration, alarms; describe_alarms, Dimensions",
    )
    if blind is not None and not [one for one in history(cloud, lab.began) if one.version == "v5"]:
        return not_started("Neither v5 nor v3 behind another alarm was deployed.")
    found = went(
        cloud,
        lab,
        "v5",
        lambda one: one.status == "SUCCESSFUL" and guards(one.configuration) == (True, True),
        "deploymentConfiguration: deploymentCircuitBreaker and alarms",
    )
    for problem in (blind, found):
        if problem is not None:
            return wrong(problem.message, look=problem.look or "update_service", waits_for=problem.waits_for)
    return passed("Both were deployed successfully, under guards that were enabled.")


@neither.solution
def _(cloud, lab):
    watch_errors(cloud, 1)
    cloud.client("cloudwatch").put_metric_alarm(
        AlarmName=BLIND,
        Namespace="AWS/ApplicationELB",
        MetricName="HTTPCode_Target_5XX_Count",
        Dimensions=[{"Name": "TargetGroup", "Value": group(cloud)["TargetGroupArn"].rpartition(":")[2]}],
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=5,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="notBreaching",
    )
    ship(cloud, "v3", {**BY_BOTH, "alarms": {"alarmNames": [BLIND], **ON}}, "SUCCESSFUL")
    ship(cloud, "v5", BY_BOTH, "SUCCESSFUL")
    ship(cloud, "v1", BY_BREAKER, "SUCCESSFUL")


# -- drills


@outline.drill(
    "stuck",
    there=True,
    title="A deployment of `checkout` that neither fails nor ends, with the breaker enabled: find out what it waits "
    "for, and bring it to an end without deleting the service",
    hints=[
        "What does the breaker say it has counted? describe_service_deployments, deploymentCircuitBreaker.",
        "And what does the load balancer say of the new tasks? describe_target_health: State, Reason, Description.",
        "They fail their health checks, and ECS does not mind. What may make it wait? describe_services, "
        "healthCheckGracePeriodSeconds.",
        "update_service with a grace period that fits the start of a task: the breaker counts at once. A version "
        "without the fault ends it, too, and leaves the next one to the same grace period.",
    ],
)
def stuck(cloud, lab):
    if (nothing := missing(cloud)) is not None:
        return nothing
    one, problem = service(cloud, CHECKOUT), unsettled(cloud)
    grace = one.get("healthCheckGracePeriodSeconds", 0)
    if grace > PATIENCE and problem is not None:
        return wrong(problem.message, look="describe_service_deployments; describe_target_health; describe_services")
    if grace > PATIENCE:
        message = f"A task of `checkout` may fail its health checks for {grace:,} s before ECS minds."
        return wrong(message, look="describe_services, healthCheckGracePeriodSeconds")
    if not guards(one["deploymentConfiguration"])[0]:
        return wrong("The breaker does not guard `checkout` any more.", look="deploymentCircuitBreaker")
    if not one["desiredCount"]:
        return wrong("`checkout` wants no task.", look="desiredCount")
    return or_passed(problem, "Every target is healthy, and the breaker counts whoever is not.")


@stuck.breaks
def _(cloud, lab):
    cloud.client("ecs").update_service(
        cluster="drydock",
        service=CHECKOUT,
        taskDefinition=register_backend(cloud, FAMILY, "v6", FAIL_HEALTH="true"),
        desiredCount=2,
        healthCheckGracePeriodSeconds=86400,
        deploymentConfiguration=BY_BREAKER,
    )
    wait_until(lambda: sick(cloud) >= 2, "the new tasks fail their health checks", timeout=120)


@stuck.solution
def _(ecs, off, on, revision):
    ecs.update_service(
        cluster="drydock",
        service="checkout",
        taskDefinition=revision["v1"],
        desiredCount=2,
        healthCheckGracePeriodSeconds=30,
        deploymentConfiguration={"deploymentCircuitBreaker": on, "alarms": {**off, "alarmNames": []}},
    )
    ecs.get_waiter("services_stable").wait(cluster="drydock", services=["checkout"])
    print("v1 is there, and the breaker counts")
