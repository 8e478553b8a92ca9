"""A drill on a version that passes as a canary: ECS shifts the requests to it while hardly any comes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from drydock.drills.answering import fails
from drydock.drills.customers import NEEDED, answered, come, well
from drydock.drills.drill import Drill
from drydock.drills.site import PORT, Site
from drydock.policy.diagnosis.answers import by_load
from drydock.prep.practicals.practical import Seen

POOL = """
import os, threading, time
import backend, chassis

pool = threading.Semaphore(int(os.environ["POOL_SIZE"]))
answer = backend.Backend.answer

def pooled(self, request):
    if request.path != "/":
        return answer(self, request)
    if not pool.acquire(blocking=False):
        return chassis.Reply.error(503, "no connection", "all connections of the pool are in use")
    try:
        time.sleep(float(os.environ["QUERY_SECONDS"]))
        return answer(self, request)
    finally:
        pool.release()

backend.Backend.answer = pooled
backend.main()
"""
QUERY = 3
"""AWS seconds for which a request holds a connection of the pool."""
QUIET, BUSY = 6, 45
"""Requests in a minute."""
COURSE = (QUIET, QUIET, QUIET, BUSY, BUSY)
WIDE, NARROW = 64, 1
CANARY = {"strategy": "CANARY", "canaryConfiguration": {"canaryPercent": 50.0, "canaryBakeTimeInMinutes": 1}}


def _register(site: Site, version: str, size: int) -> str:
    given = {"VERSION": version, "POOL_SIZE": str(size), "QUERY_SECONDS": str(QUERY / site.cloud.speed)}
    return site.register(given, command=["-c", POOL])


def _lay(site: Site) -> None:
    """v1, which ECS shifts requests to and from as canaries."""
    definition = _register(site, "v1", WIDE)
    site.serve(2, definition=definition)
    entry = site.service()["loadBalancers"][0]  # type: ignore[index]
    balancing = [{**entry, "advancedConfiguration": _between(site, entry["targetGroupArn"])}]
    site.update(loadBalancers=balancing, deploymentConfiguration=CANARY)
    site.until(site.steady, "v1 can be shifted to and from")


def _between(site: Site, production: str) -> dict[str, Any]:
    """The advancedConfiguration: a second target group, the rule that has both, and a role that may turn it."""
    elbv2 = site.cloud.client("elbv2")
    settings = {"Protocol": "HTTP", "Port": PORT, "VpcId": site.vpc, "TargetType": "ip", "HealthCheckPath": "/health"}
    health = {"HealthCheckIntervalSeconds": 5, "HealthCheckTimeoutSeconds": 2, "HealthyThresholdCount": 2}
    other = elbv2.create_target_group(Name=f"{site.name}-next", **settings, **health)["TargetGroups"][0]
    alternate = other["TargetGroupArn"]
    delay = {"Key": "deregistration_delay.timeout_seconds", "Value": "5"}
    elbv2.modify_target_group_attributes(TargetGroupArn=alternate, Attributes=[delay])
    balancer = elbv2.describe_load_balancers(Names=[site.name])["LoadBalancers"][0]["LoadBalancerArn"]
    listener = elbv2.describe_listeners(LoadBalancerArn=balancer)["Listeners"][0]["ListenerArn"]
    weights = [{"TargetGroupArn": production, "Weight": 100}, {"TargetGroupArn": alternate, "Weight": 0}]
    forward = {"Type": "forward", "ForwardConfig": {"TargetGroups": weights}}
    elbv2.modify_listener(ListenerArn=listener, DefaultActions=[forward])
    rule = elbv2.describe_rules(ListenerArn=listener)["Rules"][-1]["RuleArn"]
    return {
        "alternateTargetGroupArn": alternate,
        "productionListenerRule": rule,
        "roleArn": site.new_role(f"{site.name}-traffic", "ecs", "AmazonECSInfrastructureRolePolicyForLoadBalancers"),
    }


def _passes(site: Site) -> None:
    """v2 bakes, and then the customers come."""
    site.update(taskDefinition=_register(site, "v2", NARROW))
    site.until(site.steady, "v2 is out")
    come(site, *COURSE)


def _under_load(site: Site) -> str:
    group = answered(site)
    if not fails(group) or (parts := by_load(group.minutes)) is None:
        return ""
    quiet, busy = parts
    size = next((one["value"] for one in site.container()["environment"] if one["name"] == "POOL_SIZE"), "unknown")
    return (
        f"Minutes with up to {quiet[-1][0]:.0f} requests have few errors, those with {busy[0][0]:.0f} and more have "
        f"many: POOL_SIZE={size}"
    )


def _also_when_busy(site: Site) -> Sequence[Seen]:
    most = max((requests for requests, _ in answered(site).minutes), default=0)
    busy = Seen(f"A busy minute has come, with {BUSY // 2} requests or more", most >= BUSY / 2, f"{most:.0f} at most")
    return [busy, *well(site)]


UNDER_LOAD = Drill(
    "drydock-offers",
    "Sales fail at noon",
    "v2 of `offers` was released as a canary in a quiet hour: it baked, no error was seen, and it took over. Since "
    "then customers see errors whenever a sale brings many of them, and a few minutes later all is well again.",
    "under-load",
    f"v2 has a pool of {NARROW} connection (POOL_SIZE), v1 one of {WIDE}. Who comes while it is in use is answered "
    "503: nobody in a quiet minute, so the canary passed, and many in a busy one. What shows it is "
    "HTTPCode_Target_5XX_Count beside RequestCount, minute by minute.",
    2,
    _lay,
    _passes,
    lambda site: bool(_under_load(site)),
    _under_load,
    lambda site: site.update(taskDefinition=_register(site, "v3", WIDE)),
    _also_when_busy,
    needs=NEEDED,
)

DRILLS = (UNDER_LOAD,)
