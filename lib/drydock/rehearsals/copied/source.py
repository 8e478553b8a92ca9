"""What a runbook is about, read from a cloud by calls that only read: services, and all that they stand on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from drydock.cloud import Cloud
from drydock.images import Reference
from drydock.images.reference import TAG
from drydock.rehearsals.copied import standin
from drydock.resources.kind import every
from drydock.runbooks.model import plain

Described = dict[str, Any]

_REVISIONS = 10
"""So many task definitions of a service are taken along: what it has run, and what a roll-back may name."""


@dataclass
class Source:
    """Answers of describe calls, each as AWS has them; by ARN or id where one is named by others.

    images     image as it is named → its digest, where ECR says it; else empty
    history    service ARN → task definitions that its successful deployments had, oldest first
    unread     what could not be read, in words
    """

    account: str
    region: str
    cluster: Described
    services: list[Described]
    history: dict[str, list[str]] = field(default_factory=dict)
    definitions: dict[str, Described] = field(default_factory=dict)
    images: dict[str, str] = field(default_factory=dict)
    vpcs: dict[str, Described] = field(default_factory=dict)
    subnets: dict[str, Described] = field(default_factory=dict)
    security_groups: dict[str, Described] = field(default_factory=dict)
    balancers: dict[str, Described] = field(default_factory=dict)
    target_groups: dict[str, Described] = field(default_factory=dict)
    listeners: dict[str, Described] = field(default_factory=dict)
    rules: dict[str, Described] = field(default_factory=dict)
    attributes: dict[str, list[Described]] = field(default_factory=dict)
    domains: dict[str, str] = field(default_factory=dict)
    scalable: list[Described] = field(default_factory=list)
    policies: list[Described] = field(default_factory=list)
    alarms: list[Described] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)


class NothingToCopy(LookupError):
    """The parameters name nothing that could be rebuilt; the text says what is missing."""


def read(
    cloud: Cloud, *, cluster: str, services: Iterable[str], revisions: Iterable[int] = (), image: str = ""
) -> Source:
    """All of it.

    revisions  of the services' task definitions that are taken along besides those that were deployed
    image      one that is taken along as well, in full, or a tag or digest alone in the repositories of the others

    Raises NothingToCopy where the cluster or one of the services is not there, or cannot be made again.
    """
    ecs = cloud.client("ecs")
    found = ecs.describe_clusters(clusters=[cluster], include=["SETTINGS", "CONFIGURATIONS", "TAGS"])["clusters"]
    if not found or found[0]["status"] != "ACTIVE":
        raise NothingToCopy(f"There is no active cluster {cluster}.")
    names = list(services) or [
        arn.rpartition("/")[2] for arn in every(ecs, "list_services", "serviceArns", cluster=cluster)
    ]
    source = Source(cloud.account, cloud.region, plain(found[0]), [])
    for start in range(0, len(names), 10):
        answer = ecs.describe_services(cluster=cluster, services=names[start : start + 10], include=["TAGS"])
        source.services += [plain(one) for one in answer["services"] if one["status"] == "ACTIVE"]
    missing = set(names) - {one["serviceName"] for one in source.services}
    if missing or not source.services:
        what = f"no active service {', '.join(sorted(missing))}" if missing else "no service"
        raise NothingToCopy(f"There is {what} in the cluster {cluster}.")
    for service in source.services:
        refuse(service)
        _definitions(cloud, source, service, revisions)
        refuse_definition(service, source.definitions.get(service["taskDefinition"], {}))
    _images(cloud, source, image)
    _balancers(cloud, source)
    _network(cloud, source)
    _scaling(cloud, source)
    return source


def refuse(service: Described) -> None:
    """Raises NothingToCopy for a service that runs as nothing on a copy can."""
    name = service["serviceName"]
    controller = service.get("deploymentController", {}).get("type", "ECS")
    if controller != "ECS":
        raise NothingToCopy(f"{name} is deployed by {controller}: a rehearsal has ECS's own deployments only.")
    if service.get("schedulingStrategy") == "DAEMON":
        raise NothingToCopy(f"{name} is a DAEMON, and these are not on Fargate.")
    on_fargate = service.get("launchType") in (None, "FARGATE")
    providers = {one["capacityProvider"] for one in service.get("capacityProviderStrategy", ())}
    if not on_fargate or providers - {"FARGATE", "FARGATE_SPOT"}:
        raise NothingToCopy(f"{name} runs on EC2 or ECS Anywhere, and a rehearsal has Fargate only.")
    if classic := [one["loadBalancerName"] for one in service.get("loadBalancers", ()) if "loadBalancerName" in one]:
        raise NothingToCopy(
            f"{name} is behind the Classic Load Balancer {classic[0]}, which a rehearsal does not have."
        )


def refuse_definition(service: Described, definition: Described) -> None:
    """Raises NothingToCopy where no stand-in can be for what the service runs."""
    name = service["serviceName"]
    system = (definition.get("runtimePlatform") or {}).get("operatingSystemFamily", "LINUX")
    if system != "LINUX":
        raise NothingToCopy(f"{name} runs {system}, and a stand-in is for LINUX.")
    ports = {one["name"]: standin.listens(one) for one in definition.get("containerDefinitions", ())}
    for entry in service.get("loadBalancers", ()):
        container, port = entry["containerName"], entry["containerPort"]
        if ports.get(container, port) != port:
            told = f"A load balancer of {name} forwards to port {port} of the container {container}"
            raise NothingToCopy(f"{told}, and its stand-in listens on {ports[container] or 'none'} only.")


def _definitions(cloud: Cloud, source: Source, service: Described, revisions: Iterable[int]) -> None:
    ecs = cloud.client("ecs")
    where = {"cluster": source.cluster["clusterName"], "service": service["serviceName"]}
    current = service["taskDefinition"]
    deployed = _ask(source, "the deployments of the past", [], _deployed, ecs, where)
    source.history[service["serviceArn"]] = [arn for arn in deployed[-_REVISIONS:] if arn != current] + [current]
    family = current.rpartition(":")[0]
    wanted = [*source.history[service["serviceArn"]], *(f"{family}:{number}" for number in revisions if number)]
    for arn in wanted:
        if arn not in source.definitions:
            describe = ecs.describe_task_definition
            answer = _ask(source, f"the task definition {arn}", None, describe, taskDefinition=arn, include=["TAGS"])
            if answer is not None:
                source.definitions[arn] = plain({**answer["taskDefinition"], "tags": answer.get("tags", [])})


def _images(cloud: Cloud, source: Source, another: str) -> None:
    named = [one["image"] for found in source.definitions.values() for one in found["containerDefinitions"]]
    for name in dict.fromkeys(named):
        source.images[name] = _digest(cloud, name)
    repositories = dict.fromkeys(Reference.parse(name).name for name in named)
    if TAG.fullmatch(another):
        others = [f"{name}:{another}" for name in repositories]
    elif another.startswith("sha256:"):
        others = [f"{name}@{another}" for name in repositories]
    else:
        others = [another] if another else []
    source.images |= {name: digest for name in others if (digest := _digest(cloud, name))}


def _digest(cloud: Cloud, name: str) -> str:
    """The digest of an image of ECR's; empty for another's, and for one that is not there or may not be asked for."""
    image = Reference.parse(name).tagged()
    if image.digest:
        return image.digest
    account, is_ecr = image.registry.partition(".dkr.")[::2]
    where = {"registryId": account} if is_ecr else {}
    try:
        found = cloud.client("ecr").describe_images(
            **where, repositoryName=image.repository, imageIds=[{"imageTag": image.tag}]
        )
    except ClientError:
        return ""
    return str(found["imageDetails"][0]["imageDigest"])


def _deployed(ecs: Any, where: Mapping[str, str]) -> list[str]:
    """The task definitions of the successful deployments, each once, where it was deployed last; oldest first."""
    deployments: list[Described] = []
    more: dict[str, str] = {}
    while True:
        answer = ecs.list_service_deployments(**where, status=["SUCCESSFUL"], **more)
        deployments += answer["serviceDeployments"]
        if not answer.get("nextToken"):
            break
        more = {"nextToken": answer["nextToken"]}
    newest = sorted(deployments, key=lambda one: one["createdAt"], reverse=True)[:20]
    arns = [one["targetServiceRevisionArn"] for one in newest]
    found = ecs.describe_service_revisions(serviceRevisionArns=arns)["serviceRevisions"] if arns else []
    by_arn = {one["serviceRevisionArn"]: one["taskDefinition"] for one in found}
    return list(reversed(dict.fromkeys(by_arn[arn] for arn in arns if arn in by_arn)))


def _balancers(cloud: Cloud, source: Source) -> None:
    elbv2 = cloud.client("elbv2")
    named = [one for service in source.services for one in service.get("loadBalancers", ())]
    arns = {one["targetGroupArn"] for one in named if "targetGroupArn" in one}
    arns |= {arn for one in named if (arn := one.get("advancedConfiguration", {}).get("alternateTargetGroupArn"))}
    if not arns:
        return
    first = elbv2.describe_target_groups(TargetGroupArns=sorted(arns))["TargetGroups"]
    for arn in sorted({arn for group in first for arn in group["LoadBalancerArns"]}):
        source.balancers[arn] = plain(elbv2.describe_load_balancers(LoadBalancerArns=[arn])["LoadBalancers"][0])
        source.attributes[arn] = elbv2.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]
        first += every(elbv2, "describe_target_groups", "TargetGroups", LoadBalancerArn=arn)
        for listener in every(elbv2, "describe_listeners", "Listeners", LoadBalancerArn=arn):
            source.listeners[listener["ListenerArn"]] = plain(listener)
            for rule in every(elbv2, "describe_rules", "Rules", ListenerArn=listener["ListenerArn"]):
                source.rules[rule["RuleArn"]] = plain({**rule, "ListenerArn": listener["ListenerArn"]})
    for group in first:
        arn = group["TargetGroupArn"]
        if arn not in source.target_groups:
            source.target_groups[arn] = plain(group)
            source.attributes[arn] = elbv2.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]
    for listener in source.listeners.values():
        for certificate in listener.get("Certificates", ()):
            arn = certificate["CertificateArn"]
            describe = cloud.client("acm").describe_certificate
            answer = _ask(source, f"the domain of the certificate {arn}", {}, describe, CertificateArn=arn)
            source.domains[arn] = answer.get("Certificate", {}).get("DomainName", "stand-in.invalid")


def _network(cloud: Cloud, source: Source) -> None:
    ec2 = cloud.client("ec2")
    awsvpc = [service.get("networkConfiguration", {}).get("awsvpcConfiguration", {}) for service in source.services]
    subnets = {one for each in awsvpc for one in each.get("subnets", ())}
    groups = {one for each in awsvpc for one in each.get("securityGroups", ())}
    for balancer in source.balancers.values():
        subnets |= {zone["SubnetId"] for zone in balancer.get("AvailabilityZones", ()) if "SubnetId" in zone}
        groups |= set(balancer.get("SecurityGroups", ()))
    if subnets:
        found = ec2.describe_subnets(SubnetIds=sorted(subnets))["Subnets"]
        source.subnets = {one["SubnetId"]: plain(one) for one in found}
    vpcs = {one["VpcId"] for one in source.subnets.values()}
    vpcs |= {one["VpcId"] for one in source.target_groups.values() if one.get("VpcId")}
    if vpcs:
        source.vpcs = {one["VpcId"]: plain(one) for one in ec2.describe_vpcs(VpcIds=sorted(vpcs))["Vpcs"]}
    if groups:
        found = ec2.describe_security_groups(GroupIds=sorted(groups))["SecurityGroups"]
        source.security_groups = {one["GroupId"]: plain(one) for one in found}


def _scaling(cloud: Cloud, source: Source) -> None:
    scaling = cloud.client("application-autoscaling")
    cluster = source.cluster["clusterName"]
    ids = [f"service/{cluster}/{one['serviceName']}" for one in source.services]
    for start in range(0, len(ids), 50):
        which = {"ServiceNamespace": "ecs", "ResourceIds": ids[start : start + 50]}
        source.scalable += _ask(
            source, "scaling", [], _all, scaling, "describe_scalable_targets", "ScalableTargets", **which
        )
    for target in source.scalable:
        which = {"ServiceNamespace": "ecs", "ResourceId": target["ResourceId"]}
        source.policies += _ask(
            source, "scaling policies", [], _all, scaling, "describe_scaling_policies", "ScalingPolicies", **which
        )
    names = sorted(
        {
            name
            for service in source.services
            for name in service.get("deploymentConfiguration", {}).get("alarms", {}).get("alarmNames", ())
        }
    )
    if names:
        found = cloud.client("cloudwatch").describe_alarms(AlarmNames=names)["MetricAlarms"]
        source.alarms = [plain(one) for one in found]


def _all(client: Any, operation: str, key: str, **params: Any) -> list[Described]:
    return [plain(one) for one in every(client, operation, key, **params)]


def _ask(source: Source, what: str, otherwise: Any, ask: Callable[..., Any], *args: Any, **params: Any) -> Any:
    """What `ask` answers; where AWS refuses it, as to somebody without the right, that is noted."""
    try:
        return ask(*args, **params)
    except ClientError as error:
        source.unread.append(f"{what}: {error.response['Error'].get('Code', error)}")
        return otherwise
