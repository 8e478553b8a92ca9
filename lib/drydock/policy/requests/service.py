"""Which services ECS creates and updates.

Source: Amazon ECS API Reference, *CreateService*, *UpdateService* and the types that they name; the model of botocore
for enumerations. A wording that is *observed* is one that users have reported.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from drydock.policy.ecs import capacity as capacity_providers
from drydock.policy.requests import fields, network, service_connect, task_definition
from drydock.policy.requests.errors import Invalid, parameter
from drydock.policy.requests.world import Capacity, Cluster, World
from drydock.policy.requests.world import capacity as capacity_of

CODE = "InvalidParameterException"
_FUNCTION = re.compile(r"arn:aws[\w-]*:lambda:[a-z0-9-]+:\d{12}:function:[\w.$-]+(:[\w$-]+)?")
STAGES = (
    "RECONCILE_SERVICE", "PRE_SCALE_UP", "POST_SCALE_UP", "TEST_TRAFFIC_SHIFT", "POST_TEST_TRAFFIC_SHIFT",
    "PRE_PRODUCTION_TRAFFIC_SHIFT", "PRODUCTION_TRAFFIC_SHIFT", "POST_PRODUCTION_TRAFFIC_SHIFT",
)  # fmt: skip


def validate_create(request: Mapping[str, Any], world: World) -> None:
    """Refuse a CreateService request that ECS refuses.

    ``request``: as botocore sends it, camelCase. ``world``: the facts it refers to. Whether a service of that name
    exists is for the caller to see. healthCheckGracePeriodSeconds is accepted without a load balancer: the API
    reference says since 2025 that it also covers container health checks. Source: documented limits; nearly all
    wording was observed.

    Raises Invalid, mostly InvalidParameterException; ClusterNotFoundException, ClientException.
    """
    if not fields.NAME.fullmatch(request.get("serviceName") or ""):
        raise parameter(
            "Invalid service name: serviceName must have 1 to 255 letters, numbers, underscores and hyphens."
        )
    cluster = network.find_cluster(world)
    _enumerations(request)
    where = capacity_asked(request, cluster, world)
    controller = (request.get("deploymentController") or {}).get("type") or "ECS"
    scheduling = request.get("schedulingStrategy") or "REPLICA"
    _counts(request, controller, scheduling)
    if scheduling == "DAEMON":
        _daemon(request, controller, where)
    _deployment_configuration(request.get("deploymentConfiguration") or {}, controller, scheduling)
    fields.placement(request, where)
    _balance(request)
    fields.tags(request.get("tags"))
    _connected_by_ecs(request, controller)
    if controller == "EXTERNAL":
        _external(request)
        return
    definition = validate_launch(request, where, world)
    _shifting(request.get("loadBalancers") or (), request.get("deploymentConfiguration") or {}, definition, world)
    _role(request, definition, request.get("loadBalancers") or ())
    service_connect.validate(request.get("serviceConnectConfiguration"), definition, world)
    _volumes(request.get("volumeConfigurations") or (), definition)
    if request.get("enableExecuteCommand") and not definition.get("taskRoleArn"):
        raise _no_task_role("created")
    if controller == "CODE_DEPLOY" and not any(
        balancer.get("targetGroupArn") for balancer in request.get("loadBalancers") or ()
    ):
        raise parameter(
            "When specifying the CODE_DEPLOY deployment controller type, the service requires an Application Load "
            "Balancer or Network Load Balancer."
        )


def capacity_asked(request: Mapping[str, Any], cluster: Cluster, world: World) -> Capacity:
    """Where the tasks of a service or a task set are to run. Raises Invalid where they cannot."""
    where = capacity_of(request, cluster)
    capacity_providers.validate(
        request.get("capacityProviderStrategy") or where.strategy,
        launch_type=request.get("launchType"),
        associated=cluster.capacity_providers,
        known=world.capacity_providers,
    )
    return where


def validate_launch(request: Mapping[str, Any], where: Capacity, world: World) -> Mapping[str, Any]:
    """Refuse what the tasks of a service, or of a task set of it, cannot be started with; their task definition.

    Raises Invalid.
    """
    if not request.get("taskDefinition"):
        raise parameter("TaskDefinition can not be blank.")
    definition = network.find_task_definition(world)
    network.fits(definition, where)
    network.validate(request, definition.get("networkMode"), where, world)
    _load_balancers(request.get("loadBalancers") or (), definition, where, world)
    _registries(request.get("serviceRegistries") or (), definition, world)
    return definition


def validate_update(request: Mapping[str, Any], service: Mapping[str, Any], world: World) -> None:
    """Refuse an UpdateService request that ECS refuses.

    ``service``: the service as describe_services gives it. ``world.task_definition``: the one that the request
    names, or else the service's. What the request leaves out is taken from the service, so that a new task
    definition is checked against the load balancers that stay.

    Raises Invalid, mostly InvalidParameterException; ServiceNotActiveException for a service that is not ACTIVE.
    """
    if service.get("status", "ACTIVE") != "ACTIVE":
        raise Invalid("ServiceNotActiveException", "Service was not ACTIVE.")
    cluster = network.find_cluster(world)
    _enumerations(request)
    controller = (service.get("deploymentController") or {}).get("type") or "ECS"
    scheduling = service.get("schedulingStrategy") or "REPLICA"
    strategy = request.get("capacityProviderStrategy")
    where = _capacity(service)
    if strategy:
        where = Capacity(strategy=tuple(strategy))
        capacity_providers.validate(strategy, associated=cluster.capacity_providers, known=world.capacity_providers)
    elif strategy is not None:
        where = Capacity(launch_type="FARGATE" if where.fargate else "EC2")
    _count(request)
    if scheduling == "DAEMON":
        _daemon(request, controller, where)
    deployment = changed_deployment(
        service.get("deploymentConfiguration") or {}, request.get("deploymentConfiguration") or {}
    )
    if request.get("deploymentConfiguration"):
        _deployment_configuration(deployment, controller, scheduling)
    _connected_by_ecs(request, controller)
    if controller != "ECS":
        _of_others(request, service, controller, deployment, world)
    fields.placement(request, where)
    _balance({**service, **request, "deploymentConfiguration": deployment})
    if controller != "ECS":
        return
    definition = network.find_task_definition(world)
    changed = {**service, **{key: value for key, value in request.items() if value is not None}}
    network.fits(definition, where)
    network.validate(changed, definition.get("networkMode"), where, world)
    _load_balancers(changed.get("loadBalancers") or (), definition, where, world)
    _shifting(changed.get("loadBalancers") or (), deployment, definition, world)
    _registries(changed.get("serviceRegistries") or (), definition, world)
    newest: Mapping[str, Any] = next(iter(service.get("deployments") or ()), {})
    connected = request.get("serviceConnectConfiguration") or newest.get("serviceConnectConfiguration")
    asked = request.get("serviceConnectConfiguration") is not None
    service_connect.validate(connected, definition, world if asked else replace(world, issuing=None))
    _volumes(request.get("volumeConfigurations") or (), definition)
    if changed.get("enableExecuteCommand") and not definition.get("taskRoleArn"):
        raise _no_task_role("updated")


def _connected_by_ecs(request: Mapping[str, Any], controller: str) -> None:
    """Only what ECS deploys by itself has Service Connect (documented; the wording is ours)."""
    if controller != "ECS" and (request.get("serviceConnectConfiguration") or {}).get("enabled"):
        raise parameter(f"Service Connect does not support the {controller} deployment controller.")


def changed_deployment(before: Mapping[str, Any], asked: Mapping[str, Any]) -> dict[str, Any]:
    """The deploymentConfiguration after an update, which keeps what it does not ask for.

    With another strategy what only the one before it had goes (ours: the two are refused together).
    """
    after = {**before, **asked}
    strategy = after.get("strategy") or "ROLLING"
    stale = [name for name, needs in _OF_A_STRATEGY.items() if needs != strategy and name not in asked]
    return {name: value for name, value in after.items() if name not in stale}


_OF_A_STRATEGY = {"canaryConfiguration": "CANARY", "linearConfiguration": "LINEAR", "earlySuccessCriteria": "ROLLING"}


def _capacity(service: Mapping[str, Any]) -> Capacity:
    strategy = tuple(service.get("capacityProviderStrategy") or ())
    return Capacity("" if strategy else service.get("launchType") or "", strategy)


def _no_task_role(done: str) -> Invalid:
    return parameter(
        f"The service couldn't be {done} because a valid taskRoleArn is not being used. "
        "Specify a valid task role in your task definition and try again."
    )


def _enumerations(request: Mapping[str, Any]) -> None:
    controller = (request.get("deploymentController") or {}).get("type")
    deployment = request.get("deploymentConfiguration") or {}
    for field, value, allowed in (
        ("launchType", request.get("launchType"), ("EC2", "FARGATE", "EXTERNAL", "MANAGED_INSTANCES")),
        ("schedulingStrategy", request.get("schedulingStrategy"), ("REPLICA", "DAEMON")),
        ("propagateTags", request.get("propagateTags"), ("TASK_DEFINITION", "SERVICE", "NONE")),
        ("deploymentController.type", controller, ("ECS", "CODE_DEPLOY", "EXTERNAL")),
        ("deploymentConfiguration.strategy", deployment.get("strategy"),
         ("ROLLING", "BLUE_GREEN", "LINEAR", "CANARY")),
        ("availabilityZoneRebalancing", request.get("availabilityZoneRebalancing"), ("ENABLED", "DISABLED")),
    ):  # fmt: skip
        fields.enumeration(CODE, field, value, allowed)


def _count(request: Mapping[str, Any]) -> None:
    fields.within(CODE, "desiredCount", request.get("desiredCount"), 0, 2_147_483_647)
    grace = request.get("healthCheckGracePeriodSeconds")
    fields.within(CODE, "healthCheckGracePeriodSeconds", grace, 0, 2_147_483_647)


def _counts(request: Mapping[str, Any], controller: str, scheduling: str) -> None:
    _count(request)
    if scheduling == "REPLICA" and controller == "ECS" and request.get("desiredCount") is None:
        raise parameter("desiredCount can not be null for the REPLICA scheduling strategy.")


def _daemon(request: Mapping[str, Any], controller: str, where: Capacity) -> None:
    if request.get("desiredCount") is not None:
        raise parameter(
            "The daemon scheduling strategy does not support a desired count for services. "
            "Remove the desired count value and try again"
        )
    if ((request.get("deploymentConfiguration") or {}).get("maximumPercent") or 0) > 100:
        raise parameter(
            "The daemon scheduling strategy does not support values above 100 for maximumPercent on a deployment "
            "configuration. Change the maximumPercent value to 100, and try again"
        )
    if request.get("placementStrategy"):
        raise parameter("The daemon scheduling strategy does not support placement strategies.")
    if where.fargate:
        raise parameter("The daemon scheduling strategy does not support the FARGATE launch type.")
    if controller != "ECS":
        raise parameter(f"The daemon scheduling strategy does not support the {controller} deployment controller.")


def _deployment_configuration(configuration: Mapping[str, Any], controller: str, scheduling: str) -> None:
    minimum, maximum = configuration.get("minimumHealthyPercent"), configuration.get("maximumPercent")
    fields.within(CODE, "minimumHealthyPercent", minimum, 0, 100)
    fields.within(CODE, "maximumPercent", maximum, 100, 2_147_483_647)
    strategy = configuration.get("strategy") or "ROLLING"
    rolling = controller == "ECS" and strategy == "ROLLING"
    if rolling and scheduling == "REPLICA" and (100 if minimum is None else minimum) == maximum == 100:
        raise parameter("Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments.")
    breaker = configuration.get("deploymentCircuitBreaker") or {}
    early = configuration.get("earlySuccessCriteria") or {}
    if controller != "ECS":
        if breaker.get("enable"):
            raise parameter(
                "Deployment circuit breaker feature can only be enabled with the ECS deployment controller."
            )
        if (configuration.get("alarms") or {}).get("enable"):
            raise parameter("Deployment alarms can only be enabled with the ECS deployment controller.")
        if configuration.get("strategy"):
            raise parameter(
                f"deploymentConfiguration.strategy {strategy} can only be used with the ECS deployment controller."
            )
        asked = {**configuration, "earlySuccessCriteria": early.get("enable")}
        for name in ("bakeTimeInMinutes", "lifecycleHooks", "earlySuccessCriteria"):
            if asked.get(name):
                raise parameter(f"deploymentConfiguration.{name} can only be used with the ECS deployment controller.")
    threshold = breaker.get("thresholdConfiguration") or {}
    types = ("COUNT", "BOUNDED_PERCENT", "UNBOUNDED_PERCENT")
    fields.enumeration(CODE, "thresholdConfiguration.type", threshold.get("type"), types)
    fields.within(CODE, "thresholdConfiguration.value", threshold.get("value"), 1, 2_147_483_647)
    validate_shift(configuration, strategy)
    if early.get("enable"):
        if strategy != "ROLLING":
            raise parameter("earlySuccessCriteria can only be used with the ROLLING deployment strategy.")
        healthy = early.get("healthyPercent")
        fields.within(CODE, "earlySuccessCriteria.healthyPercent", healthy, 0, 100)
        if healthy is not None and healthy < (100 if minimum is None else minimum):
            raise parameter(
                "earlySuccessCriteria.healthyPercent must be greater than or equal to minimumHealthyPercent."
            )
    for hook in configuration.get("lifecycleHooks") or ():
        _hook(hook)


_ZONE = "attribute:ecs.availability-zone"


def hinders_balance(settings: Mapping[str, Any]) -> str:
    """What in the settings of a service does not go with Availability Zone rebalancing; empty if nothing does.

    Documented: ECS developer guide, "Balancing an Amazon ECS service across Availability Zones". The wordings on DAEMON
    and maximumPercent were observed, the others are ours in their form.
    """
    maximum = (settings.get("deploymentConfiguration") or {}).get("maximumPercent")
    first = next(iter(settings.get("placementStrategy") or ()), None)
    if settings.get("schedulingStrategy") == "DAEMON":
        return "DAEMON services"
    if maximum is not None and maximum <= 100:
        return "maximumPercent <= 100 % as deployment configuration"
    if settings.get("launchType") == "EXTERNAL":
        return "the EXTERNAL launch type"
    if any(balancer.get("loadBalancerName") for balancer in settings.get("loadBalancers") or ()):
        return "Classic Load Balancers"
    if first is not None and (first.get("type"), first.get("field")) != ("spread", _ZONE):
        return f"a first placement strategy other than spread by {_ZONE}"
    if any(_ZONE in (each.get("expression") or "") for each in settings.get("placementConstraints") or ()):
        return f"{_ZONE} as placement constraint"
    return ""


def _balance(settings: Mapping[str, Any]) -> None:
    if settings.get("availabilityZoneRebalancing") == "ENABLED" and (what := hinders_balance(settings)):
        raise parameter(f"Availability Zone Rebalancing does not support {what}.")


def validate_shift(configuration: Mapping[str, Any], strategy: str) -> None:
    """Refuse the bake times and steps of a deploymentConfiguration that ECS refuses. Raises Invalid (documented)."""
    fields.within(CODE, "bakeTimeInMinutes", configuration.get("bakeTimeInMinutes"), 0, 1440)
    for name, needs, percent, low, bake in (
        ("canaryConfiguration", "CANARY", "canaryPercent", 0.1, "canaryBakeTimeInMinutes"),
        ("linearConfiguration", "LINEAR", "stepPercent", 3, "stepBakeTimeInMinutes"),
    ):
        given = configuration.get(name)
        if not given:
            continue
        if strategy != needs:
            raise parameter(f"{name} is only valid when the deployment strategy is {needs}.")
        value = given.get(percent)
        fields.within(CODE, f"{name}.{percent}", value, low, 100)
        if value is not None and abs(value * 10 - round(value * 10)) > 1e-9:
            raise parameter(f"{name}.{percent} must be a multiple of 0.1")
        fields.within(CODE, f"{name}.{bake}", given.get(bake), 0, 1440)


def _hook(hook: Mapping[str, Any]) -> None:
    kind = hook.get("targetType") or "AWS_LAMBDA"
    fields.enumeration(CODE, "lifecycleHooks.targetType", kind, ("AWS_LAMBDA", "PAUSE"))
    stages = hook.get("lifecycleStages") or ()
    if not stages:
        raise parameter("lifecycleHooks.lifecycleStages can not be empty.")
    for stage in stages:
        fields.enumeration(CODE, "lifecycleHooks.lifecycleStages", stage, STAGES)
        if kind == "PAUSE" and stage in ("TEST_TRAFFIC_SHIFT", "PRODUCTION_TRAFFIC_SHIFT"):
            raise parameter(f"PAUSE hooks cannot be configured at the {stage} stage.")
    if kind == "AWS_LAMBDA":
        _function(hook)


def _function(hook: Mapping[str, Any]) -> None:
    """What a hook that calls a function needs. The wording is ours."""
    for field in ("hookTargetArn", "roleArn"):
        if not hook.get(field):
            raise parameter(f"lifecycleHooks.{field} must be specified for an AWS_LAMBDA hook.")
    if not _FUNCTION.fullmatch(str(hook["hookTargetArn"])):
        raise parameter(f"lifecycleHooks.hookTargetArn is not the ARN of a Lambda function: {hook['hookTargetArn']}")
    details = hook.get("hookDetails")
    if details is not None and not isinstance(details, Mapping):
        raise parameter("lifecycleHooks.hookDetails must be a JSON object.")
    minutes = (hook.get("timeoutConfiguration") or {}).get("timeoutInMinutes")
    fields.within(CODE, "lifecycleHooks.timeoutConfiguration.timeoutInMinutes", minutes, 1, 1440)


_OF_A_TASK_SET = (
    "capacityProviderStrategy", "launchType", "networkConfiguration", "platformVersion", "serviceConnectConfiguration",
    "serviceRegistries", "volumeConfigurations", "vpcLatticeConfigurations",
)  # fmt: skip


def _external(request: Mapping[str, Any]) -> None:
    """What a task set has is not for its service to have (documented); only the first two wordings are observed."""
    if request.get("taskDefinition"):
        raise parameter("TaskDefinition must be blank.")
    if request.get("loadBalancers"):
        raise parameter("LoadBalancers must be empty or null.")
    _role(request, {}, ())
    for name in _OF_A_TASK_SET:
        if request.get(name):
            raise parameter(f"{name} must be blank: with the EXTERNAL deployment controller CreateTaskSet takes it.")


_SAID = {
    "taskDefinition": "task definition",
    "networkConfiguration": "network parameters",
    "platformVersion": "platform version",
    "loadBalancers": "load balancers",
    "serviceRegistries": "service registries",
    "capacityProviderStrategy": "capacity provider strategy",
    "serviceConnectConfiguration": "Service Connect configuration",
    "volumeConfigurations": "volume configurations",
    "vpcLatticeConfigurations": "VPC Lattice configurations",
}
_INSTEAD = {
    "CODE_DEPLOY": "a CODE_DEPLOY deployment controller. Use AWS CodeDeploy to trigger a new deployment.",
    "EXTERNAL": "an EXTERNAL deployment controller. Use CreateTaskSet to trigger a new deployment.",
}


def _of_others(
    request: Mapping[str, Any],
    service: Mapping[str, Any],
    controller: str,
    deployment: Mapping[str, Any],
    world: World,
) -> None:
    """Refuse what whoever deploys the service would have to change. What stays as it is may be said again (ours).

    Which fields: documented. Wording: observed of CODE_DEPLOY for the task definition, the network and a deployment
    by force (github.com/aws/aws-cdk/issues/23564); the rest is in the same form.
    """
    if request.get("forceNewDeployment"):
        raise parameter(f"Cannot force a new deployment on services with {_INSTEAD[controller]}")
    definition = (world.task_definition or {}).get("taskDefinitionArn")
    asked = {**request, "taskDefinition": definition if request.get("taskDefinition") else None}
    for name, what in _SAID.items():
        if asked.get(name) and asked[name] != service.get(name):
            raise parameter(f"Unable to update {what} on services with {_INSTEAD[controller]}")
    if controller == "EXTERNAL" and deployment != (service.get("deploymentConfiguration") or {}):
        raise parameter(f"Unable to update deployment configuration on services with {_INSTEAD[controller]}")


def _container(definition: Mapping[str, Any], name: Any, port: Any) -> None:
    named = {container.get("name") for container in definition.get("containerDefinitions") or ()}
    if name not in named:
        raise parameter(f"The container {name} does not exist in the task definition.")
    mappings = [mapping for owner, mapping in task_definition.ports(definition) if owner == name]
    if not any(port in task_definition.port_range(mapping) for mapping in mappings):
        raise parameter(f"The container {name} did not have a container port {port} defined.")


def _load_balancers(
    balancers: Sequence[Mapping[str, Any]], definition: Mapping[str, Any], where: Capacity, world: World
) -> None:
    if len(balancers) > 5:
        raise parameter("load balancers can have at most 5 items.")
    for balancer in balancers:
        arn, classic = balancer.get("targetGroupArn"), balancer.get("loadBalancerName")
        if arn and classic:
            raise parameter(
                "loadBalancerName and targetGroupArn cannot both be specified. "
                "You must specify either a loadBalancerName or a targetGroupArn."
            )
        if not arn and not classic:
            raise parameter("You must specify either a loadBalancerName or a targetGroupArn.")
        if classic and where.fargate:
            raise parameter("Classic Load Balancers are not supported with Fargate.")
        _container(definition, balancer.get("containerName"), balancer.get("containerPort"))
        if not arn:
            continue
        _target_group(arn, definition, world)


def _target_group(arn: str, definition: Mapping[str, Any], world: World) -> None:
    group = world.target_groups.get(arn)
    if group is None:
        raise parameter(f"The target group {arn} does not exist.")
    if definition.get("networkMode") == "awsvpc" and group.target_type != "ip":
        raise parameter(
            f"The provided target group {arn} has target type {group.target_type}, which is incompatible with "
            "the awsvpc network mode specified in the task definition."
        )
    if not group.has_load_balancer:
        raise parameter(f"The target group with targetGroupArn {arn} does not have an associated load balancer.")


def _shifting(
    balancers: Sequence[Mapping[str, Any]],
    deployment: Mapping[str, Any],
    definition: Mapping[str, Any],
    world: World,
) -> None:
    """Whether a strategy can shift traffic at these load balancers; without any there is nothing to shift.

    That each needs an advancedConfiguration with all but a testListenerRule is documented ("Required resources for
    Amazon ECS blue/green deployments"), and so are the wordings on rules (troubleshooting); the others are ours.
    """
    strategy = deployment.get("strategy") or "ROLLING"
    production = {(b.get("advancedConfiguration") or {}).get("productionListenerRule") for b in balancers}
    for balancer in balancers:
        advanced = balancer.get("advancedConfiguration")
        if not advanced:
            if strategy != "ROLLING":
                raise parameter(f"loadBalancers must have an advancedConfiguration with the {strategy} strategy.")
            continue
        for name in ("alternateTargetGroupArn", "productionListenerRule", "roleArn"):
            if not advanced.get(name):
                raise parameter(f"advancedConfiguration.{name} must be specified.")
        alternate, role = advanced["alternateTargetGroupArn"], advanced["roleArn"]
        if alternate == balancer.get("targetGroupArn"):
            raise parameter(
                f"The target group {alternate} cannot be used as both targetGroup and alternateTargetGroup."
            )
        _target_group(alternate, definition, world)
        for name in ("productionListenerRule", "testListenerRule"):
            _listener_rule(name, advanced.get(name), world)
        if advanced.get("testListenerRule") in production:
            raise parameter(
                "The following rules cannot be used as both production and test listener rules: "
                f"{advanced['testListenerRule']}"
            )
        if not _ROLE.fullmatch(role):
            raise parameter(f"advancedConfiguration.roleArn is not the ARN of a role: {role}")


_RULE = re.compile(r"arn:[^:]+:elasticloadbalancing:[^:]+:\d+:(listener-rule/app/|listener/net/).+")
_ROLE = re.compile(r"arn:[^:]+:iam::\d{12}:role/.+")


def _listener_rule(name: str, arn: str | None, world: World) -> None:
    if arn is None:
        return
    if not _RULE.fullmatch(arn):
        raise parameter(f"{name} has an invalid ARN format. Must be RuleArn for ALB or ListenerArn for NLB. Got: {arn}")
    if world.listener_rules is not None and arn not in world.listener_rules:
        raise parameter(f"The {name} {arn} does not exist.")


def _role(request: Mapping[str, Any], definition: Mapping[str, Any], balancers: Sequence[Mapping[str, Any]]) -> None:
    if not request.get("role"):
        return
    if not balancers:
        raise parameter("IAM roles are only valid for services configured to use load balancers.")
    if definition.get("networkMode") == "awsvpc" or len(balancers) > 1 or request.get("serviceRegistries"):
        raise parameter("You cannot specify an IAM role for services that require a service linked role.")


def _registries(registries: Sequence[Mapping[str, Any]], definition: Mapping[str, Any], world: World) -> None:
    if len(registries) > 1:
        raise parameter("service registries can have at most 1 items.")
    for registry in registries:
        arn = registry.get("registryArn") or ""
        if arn not in world.registries:
            raise parameter(f"The service registry {arn or '(no registryArn)'} does not exist.")
        name, port = registry.get("containerName"), registry.get("containerPort")
        both = name is not None and port is not None
        if definition.get("networkMode") != "awsvpc":
            if not both:
                raise parameter(
                    "When specifying 'host' or 'bridge' for networkMode, values for 'containerName' and "
                    "'containerPort' must be specified from the task definition."
                )
        elif "SRV" in world.registries[arn]:
            if both == (registry.get("port") is not None) or (name is None) != (port is None):
                raise parameter(
                    "When specifying 'awsvpc' for networkMode and a SRV record, either a 'containerName' and "
                    "'containerPort' combination or a 'port' must be specified, but not both."
                )
        else:
            for key in ("containerName", "containerPort", "port"):
                if registry.get(key) is not None:
                    raise parameter(
                        f"The values specified for serviceRegistries do not require a value for '{key}'. "
                        f"Remove the value and retry. Registry: {arn}"
                    )
        if both:
            _container(definition, name, port)


def _volumes(configurations: Sequence[Mapping[str, Any]], definition: Mapping[str, Any]) -> None:
    at_launch = {volume.get("name") for volume in definition.get("volumes") or () if volume.get("configuredAtLaunch")}
    for configuration in configurations:
        if configuration.get("name") not in at_launch:
            raise parameter(
                f"The volume name '{configuration.get('name')}' in your request does not have a matching volume in "
                "your Task Definition."
            )
