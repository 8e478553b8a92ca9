"""Lab 05: three services, one load balancer in front of one of them, and what keeps them alive.

What later labs find: the load balancer `drydock` with the target group drydock-frontend, the queues drydock-jobs
and drydock-jobs-dead, the services frontend (2 tasks), backend (3) and worker (1) in the cluster `drydock`, and
scalable targets for frontend and backend.
"""

from __future__ import annotations

import json
import shlex
from collections import Counter

from drydock import ssm
from drydock.labs import Outline, not_started, passed, wait_until, wrong
from drydock.labs.shop import (
    coming,
    is_steady,
    network,
    security_group,
    service,
    stopped_by_hand,
    subnets,
    tasks,
    to_be_healthy,
    until_steady,
    vpc_id,
)
from drydock.policy.ecs import rollout
from drydock.pricing import fargate_tasks, load_balancers, public_addresses, unpriced
from drydock.resources.kind import every

outline = Outline(
    title="Services",
    goal="Three services kept alive by ECS, one of them behind a load balancer; then lost, scaled and mended.",
    minutes="25 to 30",
    needs=[
        "01-repositories:create-repositories",
        "02-images:push-images",
        "03-cluster",
        "04-task-definitions:create-roles",
        "04-task-definitions:create-log-groups",
        "04-task-definitions:create-secret",
        "04-task-definitions:register-task-definitions",
    ],
    costs=[
        fargate_tasks(6, cpu=256, memory=512),
        load_balancers(),
        unpriced("load balancer capacity units"),
        public_addresses(9),
        unpriced("CloudWatch Logs and Container Insights"),
        unpriced("Secrets Manager secret"),
    ],
    hours=1.0,
)

COUNTS = {"frontend": 2, "backend": 3, "worker": 1}
AUTOSCALED = ("frontend", "backend")
DIMENSION = "ecs:service:DesiredCount"


# -- reading the cloud


def target_group(cloud):
    return cloud.client("elbv2").describe_target_groups(Names=["drydock-frontend"])["TargetGroups"][0]


def targets(cloud):
    """Every target of drydock-frontend that is not on its way out, as describe_target_health has it."""
    arn = target_group(cloud)["TargetGroupArn"]
    found = cloud.client("elbv2").describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
    return [one for one in found if one["TargetHealth"]["State"] != "draining"]


def queue_attributes(cloud, name):
    """All attributes of a queue; AWS's error where there is none."""
    sqs = cloud.client("sqs")
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    return {"QueueUrl": url, **sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]}


def environment(cloud, one):
    """The environment of the first container of a service's task definition."""
    found = cloud.client("ecs").describe_task_definition(taskDefinition=one["taskDefinition"])["taskDefinition"]
    return {item["name"]: item["value"] for item in found["containerDefinitions"][0].get("environment", ())}


# -- steps


@outline.step(
    "create-load-balancer",
    title="A load balancer, a target group that asks for health, and a listener that joins them",
    hints=[
        "Three calls of elbv2: create_load_balancer, create_target_group, create_listener.",
        "Tasks of awsvpc have addresses of their own: TargetType `ip`.",
        "modify_target_group_attributes: deregistration_delay.timeout_seconds is 300 unless you say otherwise.",
    ],
)
def create_load_balancer(cloud, lab):
    elbv2 = cloud.client("elbv2")
    balancer = elbv2.describe_load_balancers(Names=["drydock"])["LoadBalancers"][0]
    if balancer["Type"] != "application" or balancer["Scheme"] != "internet-facing":
        return wrong("`drydock` is no internet-facing Application Load Balancer.", look="create_load_balancer")
    if len(balancer["AvailabilityZones"]) != 3:
        return wrong(f"It is in {len(balancer['AvailabilityZones'])} of 3 zones.", look="set_subnets, Subnets")
    if balancer["SecurityGroups"] != [security_group(cloud, "drydock-alb")]:
        return wrong("Its security group is not drydock-alb alone.", look="set_security_groups")
    group = target_group(cloud)
    if group["TargetType"] != "ip":
        return wrong(f"Its targets are of the type {group['TargetType']}: delete the group.", look="TargetType")
    if (group["Protocol"], group["Port"], group["HealthCheckPath"]) != ("HTTP", 8080, "/health"):
        return wrong("Targets are not asked for /health over HTTP at port 8080.", look="create_target_group")
    listeners = elbv2.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    web = [one for one in listeners if one["Port"] == 80]
    if not web:
        return wrong("Nothing listens on port 80.", look="create_listener")
    if web[0]["DefaultActions"][0].get("TargetGroupArn") != group["TargetGroupArn"]:
        return wrong("Port 80 does not forward to drydock-frontend.", look="create_listener, DefaultActions")
    found = elbv2.describe_target_group_attributes(TargetGroupArn=group["TargetGroupArn"])["Attributes"]
    delay = next(one["Value"] for one in found if one["Key"] == "deregistration_delay.timeout_seconds")
    if int(delay) > 60:
        return wrong(
            f"A task that stops is kept for {delay} s more: too long for a lab.",
            look="modify_target_group_attributes, deregistration_delay.timeout_seconds",
        )
    return passed("Port 80 in three zones forwards to drydock-frontend, whose targets are asked for /health.")


@create_load_balancer.solution
def _(cloud, lab):
    elbv2 = cloud.client("elbv2")
    balancer = elbv2.create_load_balancer(
        Name="drydock",
        Type="application",
        Subnets=subnets(cloud),
        SecurityGroups=[security_group(cloud, "drydock-alb")],
    )["LoadBalancers"][0]["LoadBalancerArn"]
    group = elbv2.create_target_group(
        Name="drydock-frontend",
        Protocol="HTTP",
        Port=8080,
        VpcId=vpc_id(cloud),
        TargetType="ip",
        HealthCheckPath="/health",
        HealthCheckIntervalSeconds=5,
        HealthCheckTimeoutSeconds=2,
        HealthyThresholdCount=2,
        UnhealthyThresholdCount=2,
    )["TargetGroups"][0]["TargetGroupArn"]
    elbv2.modify_target_group_attributes(
        TargetGroupArn=group, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "5"}]
    )
    forward = {"Type": "forward", "TargetGroupArn": group}
    elbv2.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=[forward])
    elbv2.get_waiter("load_balancer_available").wait(LoadBalancerArns=[balancer])


@outline.step(
    "create-services",
    title="The queue, and three services: frontend (2 tasks), backend (3) and worker (1)",
    hints=[
        "sqs.create_queue twice; the second names the first in its RedrivePolicy.",
        "ecs.create_service: frontend has loadBalancers; all have networkConfiguration and enableExecuteCommand.",
    ],
)
def create_services(cloud, lab):
    found = {name: service(cloud, name) for name in COUNTS}
    if not any(found.values()):
        return not_started("The cluster `drydock` has none of the three services.")
    for name, count in COUNTS.items():
        one = found[name]
        if one is None:
            return wrong(f"There is no service `{name}`.", look="create_service, serviceName")
        if one["desiredCount"] < count:
            return wrong(f"`{name}` wants {one['desiredCount']} tasks, not {count}.", look="update_service")
        if not one.get("enableExecuteCommand"):
            return wrong(f"`{name}` does not let ECS Exec in.", look="create_service, enableExecuteCommand")
    arn = target_group(cloud)["TargetGroupArn"]
    if [one["targetGroupArn"] for one in found["frontend"].get("loadBalancers", ())] != [arn]:
        return wrong("`frontend` is not behind drydock-frontend.", look="create_service, loadBalancers")
    jobs, dead = queue_attributes(cloud, "drydock-jobs"), queue_attributes(cloud, "drydock-jobs-dead")
    if json.loads(jobs.get("RedrivePolicy", "{}")).get("deadLetterTargetArn") != dead["QueueArn"]:
        return wrong("A job that fails never leaves drydock-jobs.", look="set_queue_attributes, RedrivePolicy")
    known = environment(cloud, found["worker"]).get("QUEUE_URL", "")
    if known.rsplit("/", 2)[1:] != jobs["QueueUrl"].rsplit("/", 2)[1:]:
        return wrong("`worker` has another queue's URL.", look="QUEUE_URL in the task definition of the service")
    waiting = [one for one in found.values() if not is_steady(one)]
    if waiting:
        message, look = f"`{waiting[0]['serviceName']}` is not steady yet.", "describe_services: deployments, events"
        return wrong(message, look=look, waits_for=coming(waiting[0]))
    return passed("frontend, backend and worker are steady; a job that fails too often leaves drydock-jobs.")


@create_services.solution
def _(cloud, lab):
    ecs, sqs = cloud.client("ecs"), cloud.client("sqs")
    dead = sqs.create_queue(QueueName="drydock-jobs-dead")["QueueUrl"]
    dead = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 2})
    attributes = {"RedrivePolicy": redrive, "VisibilityTimeout": "1"}
    sqs.create_queue(QueueName="drydock-jobs", Attributes=attributes)
    behind = {
        "targetGroupArn": target_group(cloud)["TargetGroupArn"],
        "containerName": "frontend",
        "containerPort": 8080,
    }
    for name, count in (("frontend", 2), ("backend", 3), ("worker", 1)):
        if service(cloud, name) is None:
            ecs.create_service(
                cluster="drydock",
                serviceName=name,
                taskDefinition=f"drydock-{name}",
                desiredCount=count,
                networkConfiguration=network(cloud),
                enableExecuteCommand=True,
                **({"loadBalancers": [behind]} if name == "frontend" else {}),
            )
    until_steady(cloud, "frontend", "backend", "worker")


@outline.step(
    "target-health",
    title="Two targets, healthy, in two zones",
    at_once=True,
    hints=[
        "describe_target_health gives a State and, where it is not healthy, a Reason and a Description.",
        "`initial` is no fault: the first checks have not passed yet.",
    ],
)
def target_health(cloud, lab):
    found = targets(cloud)
    if not found:
        one = service(cloud, "frontend")
        waits_for = coming(one) if one is not None and one["desiredCount"] else ""
        return not_started("The target group drydock-frontend has no target.", waits_for=waits_for)
    sick = [one for one in found if one["TargetHealth"]["State"] != "healthy"]
    if sick:
        health = sick[0]["TargetHealth"]
        return wrong(
            f"{len(sick)} of {len(found)} targets not healthy: {health['State']}, {health.get('Reason', 'no reason')}.",
            look="describe_target_health; HealthCheckPath and Matcher of the target group",
            waits_for=to_be_healthy(target_group(cloud), len(sick), len(found)),
        )
    if len(found) < 2:
        one = service(cloud, "frontend")
        waits_for = coming(one) if one is not None and one["desiredCount"] > 1 else ""
        message, look = "There is one target: the service wants two tasks.", "describe_services, desiredCount"
        return wrong(message, look=look, waits_for=waits_for)
    zones = {one["availabilityZone"] for one in tasks(cloud, "frontend")}
    if len(zones) < 2:
        return wrong("All the tasks are in one zone.", look="networkConfiguration, subnets")
    return passed("Both targets are healthy, and they are in two zones.")


@target_health.solution
def _(cloud, lab):
    elbv2 = cloud.client("elbv2")
    elbv2.get_waiter("target_in_service").wait(TargetGroupArn=target_group(cloud)["TargetGroupArn"])


@outline.step(
    "exec",
    title="Run a command inside a task of the backend, and find it in the log",
    hints=[
        "ecs.execute_command(cluster=…, task=…, container='backend', interactive=True, command=…).",
        "The response is only a session: drydock.ssm.run(response['session']) is its client.",
    ],
)
def exec_(cloud, lab):
    one = service(cloud, "backend")
    if one is None:
        return not_started("There is no service `backend`.")
    if not one.get("enableExecuteCommand"):
        return wrong("`backend` does not let ECS Exec in.", look="update_service: enableExecuteCommand, then new tasks")
    agents = [
        agent["lastStatus"]
        for task in tasks(cloud, "backend")
        for container in task["containers"]
        for agent in container.get("managedAgents", ())
    ]
    if not agents or set(agents) != {"RUNNING"}:
        pending = agents and set(agents) <= {"RUNNING", "PENDING"}
        waits_for = "the agents of Exec to be RUNNING" if pending else coming(one) if not is_steady(one) else ""
        message = "The agent of Exec does not run in every task."
        return wrong(message, look="describe_tasks: managedAgents", waits_for=waits_for)
    configured = cloud.client("ecs").describe_clusters(clusters=["drydock"], include=["CONFIGURATIONS"])
    execute = configured["clusters"][0].get("configuration", {}).get("executeCommandConfiguration", {})
    group = execute.get("logConfiguration", {}).get("cloudWatchLogGroupName", "/drydock/backend")
    logs, prefix = cloud.client("logs"), "ecs-execute-command-"
    since = int(max(one["createdAt"], lab.began).timestamp() * 1000)
    streams = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=prefix)["logStreams"]
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=group, logStreamNamePrefix=prefix, startTime=since
    )
    if not any(True for _ in pages.search("events[]")):
        begun = cloud.real or any(stream["creationTime"] >= since for stream in streams)  # AWS makes it at the end
        waits_for = f"a session's output in {group}" if begun else ""
        return not_started(f"No session has left its output in {group}.", waits_for=waits_for)
    return passed(f"A command has run inside a task; what it wrote is in {group}.")


@exec_.solution
def _(cloud, lab):
    task = tasks(cloud, "backend")[0]["taskArn"]
    command = shlex.join(["python", "-c", "import os; print(*sorted(os.environ))"])
    session = cloud.client("ecs").execute_command(
        cluster="drydock", task=task, container="backend", interactive=True, command=command
    )["session"]
    ssm.run(session)
    wait_until(lambda: exec_.check(cloud, lab).passed, "the session is in the log")


@outline.step(
    "kill-a-task",
    title="Stop a task of the backend, and watch ECS replace it",
    hints=["list_tasks(serviceName='backend'), then stop_task with a reason.", "Then wait: services_stable."],
)
def kill_a_task(cloud, lab):
    one = service(cloud, "backend")
    if one is None:
        return not_started("There is no service `backend`.")
    since = max(lab.began, one["createdAt"])
    stopped = tasks(cloud, "backend", "STOPPED")
    if not any(stopped_by_hand(task, since) for task in stopped):
        others = [name for name in COUNTS if name != "backend" and service(cloud, name)]
        if any(stopped_by_hand(task, since) for name in others for task in tasks(cloud, name, "STOPPED")):
            return wrong("You stopped a task of another service.", look="list_tasks, serviceName")
        if any(task["createdAt"] >= since for task in stopped):
            return wrong("Tasks have stopped, and none because you said so.", look="describe_tasks, stopCode")
        return not_started("Every task of `backend` that was started still runs.")
    if not is_steady(one):
        look = "describe_services: runningCount, events"
        return wrong("It is not replaced yet.", look=look, waits_for=coming(one))
    return passed("You stopped a task; the service runs as many as before.")


@kill_a_task.solution
def _(cloud, lab):
    victim = tasks(cloud, "backend")[0]["taskArn"]
    cloud.client("ecs").stop_task(cluster="drydock", task=victim, reason="Lab 05: does it come back?")
    wait_until(lambda: kill_a_task.check(cloud, lab).passed, "the stopped task is replaced")


@outline.your_turn(
    "scale",
    title="Bring the backend from three tasks to five",
    hints=["One call changes a service that exists.", "ecs.update_service(cluster=…, service=…, desiredCount=…)."],
)
def scale(cloud, lab):
    one = service(cloud, "backend")
    if one is None:
        return not_started("There is no service `backend`.")
    if one["desiredCount"] == COUNTS["backend"]:
        return not_started("`backend` wants three tasks.")
    if one["desiredCount"] != 5:
        return wrong(f"`backend` wants {one['desiredCount']} tasks.", look="update_service, desiredCount")
    if not is_steady(one):
        message = "Five are desired, and they do not all run yet."
        return wrong(message, look="describe_services: events", waits_for=coming(one))
    zones = Counter(task["availabilityZone"] for task in tasks(cloud, "backend"))
    if max(zones.values()) - min(zones.values()) > 1 or len(zones) < 3:
        return wrong("The tasks are not spread over three zones.", look="networkConfiguration, subnets")
    return passed("Five tasks over three zones: two, two and one.")


@scale.solution
def _(ecs):
    ecs.update_service(cluster="drydock", service="backend", desiredCount=5)
    ecs.get_waiter("services_stable").wait(cluster="drydock", services=["backend"])


@outline.your_turn(
    "bad-job",
    title="Send drydock-jobs a job that nobody can do, and see it arrive in drydock-jobs-dead",
    hints=[
        'A job is a JSON object, {"sum": [1, 2]} or {"wait_ms": 100}; anything else is bad.',
        "sqs.send_message to the URL of drydock-jobs. The worker leaves it twice; then SQS moves it.",
    ],
)
def bad_job(cloud, lab):
    jobs = queue_attributes(cloud, "drydock-jobs")
    dead = queue_attributes(cloud, "drydock-jobs-dead")  # last: what moves meanwhile is in both, not neither
    waiting = int(jobs["ApproximateNumberOfMessages"]) + int(jobs["ApproximateNumberOfMessagesNotVisible"])
    if _arrived(cloud, dead, lab.began):
        return passed("The job that nobody can do is out of the way, and can be looked at.")
    if waiting:
        look = "get_queue_attributes; the log group /drydock/worker"
        waits_for = f"{waiting} of the jobs in drydock-jobs to be done with"
        return wrong("A job is still in drydock-jobs.", look=look, waits_for=waits_for)
    return not_started("drydock-jobs-dead has no new job.")


def _arrived(cloud, queue, since):
    """Whether the queue has a message of this round. Where the queue is older they are looked at, and stay."""
    if not int(queue["ApproximateNumberOfMessages"]):
        return False
    if float(queue["CreatedTimestamp"]) >= since.timestamp():
        return True
    looked_at = {"QueueUrl": queue["QueueUrl"], "MaxNumberOfMessages": 10, "VisibilityTimeout": 0}
    found = cloud.client("sqs").receive_message(**looked_at, MessageSystemAttributeNames=["SentTimestamp"])
    sent = [int(one["Attributes"]["SentTimestamp"]) / 1000 for one in found.get("Messages", ())]
    return any(time >= since.timestamp() for time in sent)


@bad_job.solution
def _(json, queue, sqs):
    sent = sqs.send_message(QueueUrl=queue, MessageBody=json.dumps({"divide": [1, 0]}))
    print("sent", sent["MessageId"])


@outline.step(
    "register-scalable-targets",
    title="Say between which numbers frontend and backend may be scaled",
    hints=[
        "application-autoscaling: register_scalable_target, once for each service.",
        "ServiceNamespace `ecs`, ScalableDimension `ecs:service:DesiredCount`.",
        "ResourceId `service/<cluster>/<service>`; MinCapacity and MaxCapacity.",
    ],
)
def register_scalable_targets(cloud, lab):
    found = scalable(cloud)
    missing = [name for name in AUTOSCALED if name not in found]
    if len(missing) == len(AUTOSCALED):
        return not_started("Neither frontend nor backend is a scalable target.")
    if missing:
        return wrong(f"`{missing[0]}` is no scalable target.", look="register_scalable_target, ResourceId")
    for name in AUTOSCALED:
        least, most = found[name]
        if least < 2:
            return wrong(f"`{name}` may shrink to {least}: one zone, or none.", look="MinCapacity")
        if most <= least:
            return wrong(f"`{name}` has no room to grow.", look="MaxCapacity")
    return passed("frontend and backend may be scaled, and never below two tasks.")


def scalable(cloud):
    """Service → (MinCapacity, MaxCapacity), of the cluster's scalable targets."""
    scaling = cloud.client("application-autoscaling")
    ecs = {"ServiceNamespace": "ecs", "ScalableDimension": DIMENSION}
    found = every(scaling, "describe_scalable_targets", "ScalableTargets", **ecs)
    ours = [one for one in found if one["ResourceId"].startswith("service/drydock/")]
    return {one["ResourceId"].rsplit("/", 1)[-1]: (one["MinCapacity"], one["MaxCapacity"]) for one in ours}


@register_scalable_targets.solution
def _(cloud, lab):
    for name in ("frontend", "backend"):
        cloud.client("application-autoscaling").register_scalable_target(
            ServiceNamespace="ecs",
            ResourceId=f"service/drydock/{name}",
            ScalableDimension="ecs:service:DesiredCount",
            MinCapacity=2,
            MaxCapacity=10,
        )


@outline.your_turn(
    "scalable-worker",
    title="Let the worker be scaled too: it may rest at none, and grow to five",
    hints=["The same call as for the others.", "MinCapacity may be 0: no load balancer sends a worker anything."],
)
def scalable_worker(cloud, lab):
    found = scalable(cloud).get("worker")
    if found is None:
        return not_started("`worker` is no scalable target.")
    if found != (0, 5):
        return wrong(f"`worker` may be scaled from {found[0]} to {found[1]}.", look="MinCapacity, MaxCapacity")
    return passed("The worker may be scaled from none to five tasks.")


@scalable_worker.solution
def _(scaling):
    worker = {"ServiceNamespace": "ecs", "ResourceId": "service/drydock/worker"}
    worker["ScalableDimension"] = "ecs:service:DesiredCount"
    scaling.register_scalable_target(**worker, MinCapacity=0, MaxCapacity=5)
    print("worker: 0 to 5")


# -- drills


@outline.drill(
    "wrong-health-path",
    there=True,
    title="Tasks of the frontend are killed again and again, and nothing is wrong with them",
    hints=[
        "Who kills them? describe_tasks, desiredStatus STOPPED: stoppedReason.",
        "What does the load balancer hold against them? describe_target_health: Reason and Description.",
        "What does it ask them for? describe_target_groups: HealthCheckPath. modify_target_group changes it.",
    ],
)
def wrong_health_path(cloud, lab):
    one = service(cloud, "frontend")
    if one is None:
        return not_started("There is no service `frontend`.")
    states = Counter(target["TargetHealth"]["State"] for target in targets(cloud))
    group = target_group(cloud)
    if not group["LoadBalancerArns"]:
        return not_started("No load balancer forwards to drydock-frontend.")
    if not one["desiredCount"]:
        return not_started("`frontend` wants no task.")
    missing = one["desiredCount"] - states["healthy"]
    healthy = to_be_healthy(group, missing, one["desiredCount"])
    waits_for = coming(one) if healthy and missing <= 0 else healthy
    if states["unhealthy"]:
        look = "describe_target_health; events of the service"
        return wrong("The load balancer finds targets unhealthy.", look=look, waits_for=waits_for)
    if group["HealthCheckPath"] != "/health":
        return wrong("Targets are asked for another path than /health.", look="describe_target_groups")
    if missing > 0 or not is_steady(one):
        look = "describe_services; describe_target_health"
        return wrong("The service has not recovered yet.", look=look, waits_for=waits_for)
    return passed("All targets are healthy again, and the service is steady.")


@wrong_health_path.breaks
def _(cloud, lab):
    group = target_group(cloud)["TargetGroupArn"]
    cloud.client("elbv2").modify_target_group(TargetGroupArn=group, HealthCheckPath="/healthz")
    wait_until(
        lambda: any("health checks" in task.get("stoppedReason", "") for task in tasks(cloud, "frontend", "STOPPED")),
        "ECS has stopped a task for its health",
    )


@wrong_health_path.solution
def _(elbv2, group):
    asked = {"HealthCheckPath": "/health", "HealthCheckPort": "traffic-port", "Matcher": {"HttpCode": "200"}}
    changed = elbv2.modify_target_group(TargetGroupArn=group, **asked)["TargetGroups"][0]
    print("asked for", changed["HealthCheckPath"])


@outline.drill(
    "stuck-deployment",
    there=True,
    title="A deployment of the backend that never starts a task",
    hints=[
        "describe_services: what do deploymentConfiguration and desiredCount allow?",
        "At most floor(3 x maximumPercent / 100) tasks may exist, at least ceil(3 x minimumHealthyPercent / 100) run.",
        "update_service with another deploymentConfiguration: room for one more task. (Room for one less, 66 and 100, "
        "goes with availabilityZoneRebalancing DISABLED on AWS.)",
    ],
)
def stuck_deployment(cloud, lab):
    one = service(cloud, "backend")
    if one is None:
        return not_started("There is no service `backend`.")
    configuration = one["deploymentConfiguration"]
    bounds = configuration["minimumHealthyPercent"], configuration["maximumPercent"]
    if rollout.is_stuck(one["desiredCount"], *bounds) and is_steady(one):
        return wrong("This deployment got through; the next one will not.", look="deploymentConfiguration")
    if rollout.is_stuck(one["desiredCount"], *bounds):
        return wrong(
            f"{one['deployments'][0]['runningCount']} of {one['desiredCount']} tasks are of the new deployment, "
            "and no more will be.",
            look="describe_services: deployments, deploymentConfiguration",
        )
    if one["desiredCount"] != COUNTS["backend"]:
        return wrong("`backend` should still have three tasks.", look="update_service, desiredCount")
    if not is_steady(one):
        look = "describe_services: deployments, events"
        return wrong("The deployment is not done yet.", look=look, waits_for=coming(one))
    return passed("The deployment has replaced every task, and the next one can, too.")


@stuck_deployment.breaks
def _(cloud, lab):
    cloud.client("ecs").update_service(
        cluster="drydock",
        service="backend",
        desiredCount=3,
        deploymentConfiguration={"minimumHealthyPercent": 100, "maximumPercent": 125},
        forceNewDeployment=True,
    )


@stuck_deployment.solution
def _(ecs):
    room = {"minimumHealthyPercent": 100, "maximumPercent": 200}
    ecs.update_service(cluster="drydock", service="backend", desiredCount=3, deploymentConfiguration=room)
    ecs.get_waiter("services_stable").wait(cluster="drydock", services=["backend"])
