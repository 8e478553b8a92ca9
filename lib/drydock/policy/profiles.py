"""How slow, how late and how strict an embedded AWS is: `QUICK`, good for learning, and `STRICT`, as AWS itself.

Each value says what it is, where that is from, and whether it is *documented* or only *observed*. All times are AWS
seconds, on the engine's clock. 0, False, None and () mean that there is nothing of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

Status = Literal["documented", "observed"]
_AWS = "https://docs.aws.amazon.com"
_GITHUB = "https://github.com"


@dataclass(frozen=True)
class Bucket:
    """So many calls at once, and so many more a second."""

    capacity: float
    refill: float


@dataclass(frozen=True)
class Rate:
    """A bucket that calls of a service share, one in each region; `elsewhere` in regions with another one."""

    service: str
    category: str
    operations: frozenset[str]
    bucket: Bucket
    code: str
    elsewhere: Mapping[str, Bucket] = field(default_factory=dict)


def _value(quick: Any, what: str, status: Status, source: str) -> Any:
    return field(default=quick, metadata={"what": what, "status": status, "source": source})


@dataclass(frozen=True)
class Profile:
    """What an embedded AWS keeps to."""

    name: str
    load_balancer: float = _value(
        0.0,
        "A load balancer is provisioning for so long. Nobody answers at its name, its targets are initial.",
        "observed",
        f"{_AWS}/elasticloadbalancing/latest/APIReference/API_LoadBalancerState.html names the state; 2 to 4 minutes",
    )
    balancer_interfaces: float = _value(
        0.0,
        "The network interfaces of a deleted load balancer stay so long; its subnets and groups are in use meanwhile.",
        "observed",
        f"{_GITHUB}/hashicorp/terraform-provider-aws/blob/main/internal/service/elbv2/load_balancer.go waits for them",
    )
    task_provisioning: float = _value(
        4.0,
        "A task is PROVISIONING at least so long.",
        "observed",
        f"{_AWS}/AmazonECS/latest/developerguide/task-lifecycle-explanation.html; 30 to 60 s until RUNNING in all",
    )
    task_pending: float = _value(
        0.0,
        "A task is PENDING at least so long.",
        "observed",
        f"{_AWS}/AmazonECS/latest/developerguide/task-lifecycle-explanation.html; 30 to 60 s until RUNNING in all",
    )
    image_pull: float = _value(
        0.0,
        "Every task pulls its images anew, and that takes at least so long.",
        "documented",
        f"{_AWS}/AmazonECS/latest/developerguide/fargate-tasks-services.html: Fargate caches none; the time observed",
    )
    task_deprovisioning: float = _value(
        4.0,
        "The network interface of a task that has ended stays so long; its subnet and groups are in use meanwhile.",
        "observed",
        f"{_AWS}/AmazonECS/latest/developerguide/task-lifecycle-explanation.html names the state, not how long it is",
    )
    role: float = _value(
        0.0,
        "A new role cannot be assumed for so long: RunTask and CreateFunction fail, a service says so and tries again "
        "after 30 s. One that is not there, or does not trust who is to assume it, never can.",
        "documented",
        f"{_AWS}/IAM/latest/UserGuide/troubleshoot.html: changes are not visible at once; the time and the wording "
        f"observed, {_GITHUB}/pulumi/pulumi-awsx/issues/927",
    )
    service_linked_role: bool = _value(
        False,
        "The first CreateCluster with capacity providers fails in an account without AWSServiceRoleForECS, "
        "and makes that role.",
        "observed",
        f"{_GITHUB}/aws/containers-roadmap/issues/2614",
    )
    exec_agent: float = _value(
        0.0,
        "The agent of ECS Exec is PENDING so long after a task is RUNNING: InvalidParameterException.",
        "documented",
        f"{_AWS}/AmazonECS/latest/developerguide/ecs-exec-troubleshooting.html; the time observed",
    )
    exec_connection: float = _value(
        0.0,
        "Once it is RUNNING it is not connected for so long: TargetNotConnectedException.",
        "documented",
        f"{_AWS}/AmazonECS/latest/APIReference/API_ExecuteCommand.html; the time and the wording observed, "
        f"{_GITHUB}/aws/aws-cli/issues/6562",
    )
    ecs_reads: float = _value(
        0.0,
        "A task, service or cluster that a call made is MISSING, and not listed, for so long.",
        "documented",
        f"{_AWS}/AmazonECS/latest/APIReference/API_RunTask.html: eventually consistent; the time our choice",
    )
    log_stream: float = _value(
        0.0,
        "The log stream of a container comes so long after its images are pulled.",
        "observed",
        f"{_GITHUB}/prefect-archive/prefect-aws/issues/177",
    )
    log_events: float = _value(
        0.0,
        "Log events can be read so long after they were put.",
        "observed",
        f"{_AWS}/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html says nothing of it; seconds",
    )
    empty_pages: bool = _value(
        False,
        "The first page of FilterLogEvents is empty and has a nextToken.",
        "documented",
        f"{_AWS}/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html: some may; which, our choice",
    )
    metrics: float = _value(
        0.0,
        "Metric data can be read so long after they were put.",
        "documented",
        f"{_AWS}/AmazonCloudWatch/latest/monitoring/publishingMetrics.html: up to two minutes",
    )
    queue_name: float = _value(
        0.0,
        "The name of a deleted queue is taken for so long: QueueDeletedRecently.",
        "documented",
        f"{_AWS}/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html",
    )
    secret_name: float = _value(
        0.0,
        "The name of a secret that was deleted by force is taken for so long: InvalidRequestException.",
        "documented",
        f"{_AWS}/secretsmanager/latest/apireference/API_DeleteSecret.html: asynchronous; the time observed",
    )
    scan_findings: float = _value(
        0.0,
        "Of an image that was just pushed no scan is known for so long: ScanNotFoundException.",
        "observed",
        f"{_GITHUB}/aws/aws-sdk/issues/288",
    )
    part_created: bool = _value(
        False,
        "The registry answers 201 to a PATCH of a layer, where the distribution specification has 202.",
        "observed",
        f"{_GITHUB}/aws/containers-roadmap/issues/2831",
    )
    discovery: float = _value(
        0.0,
        "DiscoverInstances shows an instance so long after it was registered.",
        "observed",
        f"{_GITHUB}/aws/containers-roadmap/issues/1639",
    )
    vpcs: int | None = _value(
        None,
        "VPCs in a region: VpcLimitExceeded.",
        "documented",
        f"{_AWS}/vpc/latest/userguide/amazon-vpc-limits.html",
    )
    load_balancers: int | None = _value(
        None,
        "Load balancers of a type in a region: TooManyLoadBalancers.",
        "documented",
        f"{_AWS}/elasticloadbalancing/latest/application/load-balancer-limits.html",
    )
    fargate_vcpus: float | None = _value(
        None,
        "vCPUs that tasks on Fargate, or Fargate Spot, have at a time in a region: failures of RunTask, an event.",
        "documented",
        f"{_AWS}/AmazonECS/latest/developerguide/service-quotas.html; the reason in RunTask's failures observed",
    )
    rates: tuple[Rate, ...] = _value(
        (),
        "Calls beyond these rates are throttled; calls that AWS's services make for you are not counted.",
        "documented",
        "see each",
    )


@dataclass(frozen=True)
class Told:
    """A behaviour, as `drydock profile` shows it."""

    what: str
    value: str
    status: str
    source: str


def told(profile: Profile) -> list[Told]:
    """What a profile does that AWS documents or that was observed there, each with its source."""
    rows = [
        Told(each.metadata["what"], _shown(value), each.metadata["status"], each.metadata["source"])
        for each in fields(profile)
        if each.metadata and (value := getattr(profile, each.name)) and each.name != "rates"
    ]
    for rate in profile.rates:
        others = [f"{region} {_rate(bucket)}" for region, bucket in rate.elsewhere.items()]
        value = ", ".join([_rate(rate.bucket), *others])
        what = f"{rate.service}, {rate.category}: {', '.join(sorted(rate.operations))}: {rate.code}."
        rows.append(Told(what, value, "documented", _RATES_FROM[rate.service]))
    return rows


def _shown(value: Any) -> str:
    return "yes" if value is True else f"{value:g} s" if isinstance(value, float) else str(value)


def _rate(bucket: Bucket) -> str:
    return f"{bucket.capacity:g} at once, {bucket.refill:g}/s"


_RATES_FROM = {
    "ecs": f"{_AWS}/AmazonECS/latest/APIReference/request-throttling.html",
    "elbv2": f"{_AWS}/elasticloadbalancing/latest/userguide/elb-api-throttling.html",
    "logs": f"{_AWS}/general/latest/gr/cwl_region.html",
    "servicediscovery": f"{_AWS}/cloud-map/latest/dg/throttling.html",
}


def _rates(service: str, code: str, *groups: tuple[str, str, float, float]) -> list[Rate]:
    return [
        Rate(service, category, frozenset(operations.split()), Bucket(capacity, refill), code)
        for category, operations, capacity, refill in groups
    ]


def _each_second(operation: str, most: float, **elsewhere: float) -> Rate:
    """Of CloudWatch Logs, which tells how many calls a second there may be and nothing of a burst."""
    others = {region.replace("_", "-"): Bucket(other, other) for region, other in elsewhere.items()}
    return Rate("logs", "by the second", frozenset({operation}), Bucket(most, most), "ThrottlingException", others)


_THROTTLED = (
    *_rates(
        "ecs",
        "ThrottlingException",
        (
            "cluster modify",
            "CreateCluster DeleteCluster PutClusterCapacityProviders UpdateCluster UpdateClusterSettings",
            20,
            1,
        ),
        ("cluster read", "DescribeClusters ListClusters", 50, 20),
        ("task definition modify", "DeregisterTaskDefinition RegisterTaskDefinition", 20, 1),
        (
            "task definition read",
            "DescribeTaskDefinition ListTaskDefinitions ListTaskDefinitionFamilies",
            50,
            20,
        ),
        ("task definition deletion", "DeleteTaskDefinitions", 5, 1),
        ("capacity provider modify", "CreateCapacityProvider DeleteCapacityProvider UpdateCapacityProvider", 10, 1),
        ("capacity provider read", "DescribeCapacityProviders", 50, 20),
        ("tag modify", "TagResource UntagResource", 20, 10),
        ("tag read", "ListTagsForResource", 50, 20),
        ("setting modify", "DeleteAccountSetting PutAccountSetting PutAccountSettingDefault", 10, 1),
        ("setting read", "ListAccountSettings", 50, 20),
        (
            "cluster resource modify",
            "DeleteAttributes DeregisterContainerInstance ExecuteCommand PutAttributes RunTask StartTask StopTask "
            "UpdateContainerAgent UpdateContainerInstancesState",
            100,
            40,
        ),
        (
            "cluster resource read",
            "DescribeContainerInstances DescribeTasks ListAttributes ListContainerInstances ListTasks",
            100,
            20,
        ),
        ("service modify", "CreateService DeleteService UpdateService", 50, 5),
        ("service read", "DescribeServices ListServices", 100, 20),
        ("service deployment", "DescribeServiceDeployments ListServiceDeployments", 50, 20),
        ("service revision", "DescribeServiceRevisions", 50, 20),
        ("task protection", "UpdateTaskProtection GetTaskProtection", 200, 80),
        ("services by namespace", "ListServicesByNamespace", 10, 1),
    ),
    *_rates(
        "elbv2",
        "ThrottlingException",
        ("resource-intensive", "CreateLoadBalancer SetSubnets", 10, 0.2),
        ("registration", "RegisterTargets DeregisterTargets", 20, 4),
        (
            "non-mutating",
            "DescribeAccountLimits DescribeCapacityReservation DescribeListenerAttributes "
            "DescribeListenerCertificates DescribeListeners DescribeLoadBalancerAttributes DescribeLoadBalancers "
            "DescribeRules DescribeSSLPolicies DescribeTags DescribeTargetGroupAttributes DescribeTargetGroups "
            "DescribeTargetHealth",
            40,
            10,
        ),
        (
            "mutating",
            "AddListenerCertificates AddTags CreateListener CreateRule CreateTargetGroup DeleteListener "
            "DeleteLoadBalancer DeleteRule DeleteTargetGroup ModifyCapacityReservation ModifyIpPools ModifyListener "
            "ModifyListenerAttributes ModifyLoadBalancerAttributes ModifyRule ModifyTargetGroup "
            "ModifyTargetGroupAttributes RemoveListenerCertificates RemoveTags SetIpAddressType SetRulePriorities "
            "SetSecurityGroups",
            20,
            3,
        ),
    ),
    *_rates("servicediscovery", "RequestLimitExceeded", ("DiscoverInstances", "DiscoverInstances", 2000, 1000)),
    _each_second("DescribeLogGroups", 10),
    _each_second("DescribeLogStreams", 25),
    _each_second("FilterLogEvents", 10, us_east_1=25, ap_northeast_3=5, ap_southeast_3=5, ca_west_1=5,
                 eu_central_1=5, il_central_1=5),
    _each_second("GetLogEvents", 25, us_west_2=10, ap_northeast_3=10, ap_southeast_3=10, ca_west_1=10,
                 eu_central_1=10, eu_west_1=10, eu_west_3=30, il_central_1=10),
    _each_second("PutLogEvents", 5000),
    _each_second("CreateLogStream", 50),
)  # fmt: skip

QUICK = Profile("quick")
STRICT = Profile(
    "strict",
    load_balancer=150.0,
    balancer_interfaces=60.0,
    task_provisioning=15.0,
    task_pending=10.0,
    image_pull=15.0,
    task_deprovisioning=20.0,
    role=10.0,
    service_linked_role=True,
    exec_agent=6.0,
    exec_connection=4.0,
    ecs_reads=1.0,
    log_stream=5.0,
    log_events=3.0,
    empty_pages=True,
    metrics=90.0,
    queue_name=60.0,
    secret_name=10.0,
    scan_findings=5.0,
    part_created=True,
    discovery=5.0,
    vpcs=5,
    load_balancers=50,
    fargate_vcpus=6.0,
    rates=_THROTTLED,
)
PROFILES = {profile.name: profile for profile in (QUICK, STRICT)}


class NoSuchProfile(ValueError):
    """A name that no profile has; the text lists those there are."""


def named(name: str) -> Profile:
    """The profile called `name`. NoSuchProfile."""
    if name not in PROFILES:
        raise NoSuchProfile(f"There is no profile {name!r}; there are {' and '.join(PROFILES)}.")
    return PROFILES[name]
