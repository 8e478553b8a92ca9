"""Customers of a drill's service: a service beside it whose task asks its load balancer, and what comes of it."""

from __future__ import annotations

from datetime import UTC, datetime

from drydock.drills.site import Site
from drydock.policy.diagnosis import TargetGroup, counted_since
from drydock.policy.diagnosis.answers import ERROR_RATE
from drydock.prep.practicals.practical import Seen
from drydock.runbooks.counted import Counted

NEEDED = "customers inside of its network"
"""Of the embedded AWS: elsewhere the load balancer is called from the learner's own address alone."""
AT_ONCE = 0.5
"""Seconds."""
FEW = 24
"""Requests that a check wants to have seen."""
PROGRAM = """
import itertools, os, threading, time, urllib.request

def ask():
    try:
        urllib.request.urlopen(os.environ["URL"], timeout=5).read()
    except OSError:
        pass

due = time.monotonic()
for requests in itertools.cycle(map(int, os.environ["REQUESTS_A_MINUTE"].split())):
    for _ in range(requests):
        due += float(os.environ["MINUTE"]) / requests
        time.sleep(max(0.0, due - time.monotonic()))
        threading.Thread(target=ask, daemon=True).start()
"""


def now() -> datetime:
    """The time of day, which that of the cloud is."""
    return datetime.now(UTC)


def come(site: Site, *requests: int) -> None:
    """From now on so many requests come in each minute of AWS; of several numbers each has its minute, by turns."""
    service, elbv2 = site.service(), site.cloud.client("elbv2")
    assert service is not None
    definition = site.definition(service["taskDefinition"])
    name = elbv2.describe_load_balancers(Names=[site.name])["LoadBalancers"][0]["DNSName"]
    given = {
        "URL": f"http://{name}/",
        "REQUESTS_A_MINUTE": " ".join(map(str, requests)),
        "MINUTE": str(60 / site.cloud.speed),
    }
    container = {
        "name": "customers",
        "image": definition["containerDefinitions"][0]["image"],
        "command": ["-c", PROGRAM],
        "environment": [{"name": name, "value": value} for name, value in given.items()],
        "stopTimeout": 5,
    }
    kept = ("requiresCompatibilities", "networkMode", "cpu", "memory", "runtimePlatform", "executionRoleArn")
    family = f"{site.name}-customers"
    site.ecs.register_task_definition(
        family=family, containerDefinitions=[container], **{key: definition[key] for key in kept}
    )
    site.ecs.create_service(
        cluster=site.cluster,
        serviceName=family,
        taskDefinition=family,
        desiredCount=1,
        launchType="FARGATE",
        networkConfiguration=service["networkConfiguration"],
    )


def answered(site: Site) -> TargetGroup:
    """Its target group, with the requests that the current deployment alone has answered, as CloudWatch has them."""
    service = site.service()
    if service is None:
        return TargetGroup("")
    tasks = [*site.tasks(), *site.tasks(stopped=True)]
    until, speed = now().replace(microsecond=0), site.cloud.speed
    since = counted_since(service, tasks, until, speed)
    group = site.target_group()
    told = Counted(site.cloud.client("cloudwatch").get_metric_statistics, since, until, speed)
    return TargetGroup(
        group["TargetGroupArn"],
        states=tuple(one["TargetHealth"]["State"] for one in site.targets()),
        minutes=tuple(told.minutes(group)),
        seconds=told.seconds(group),
    )


def well(site: Site) -> list[Seen]:
    """That the customers are still there, and that their requests are answered without errors and at once."""
    group = answered(site)
    rate, seconds, enough = f"{group.errors:.0f} of {group.requests:.0f}", group.seconds or 0.0, group.requests >= FEW
    return [
        Seen(
            f"Customers come: {FEW} requests or more since the current deployment",
            enough,
            f"{group.requests:.0f} are counted",
        ),
        Seen("Fewer than 1 in 100 is answered with 5xx", enough and group.error_rate < ERROR_RATE, f"{rate} were"),
        Seen("They are answered within half a second on average", enough and seconds < AT_ONCE, f"{seconds:.2f} s"),
    ]
