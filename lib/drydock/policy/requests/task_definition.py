"""Which task definitions ECS registers, and on which launch types they run."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from drydock.policy.dependencies import Container, start_order
from drydock.policy.requests import cluster_query, fields, secrets
from drydock.policy.requests.errors import Invalid, client

Definition = Mapping[str, Any]

MAXIMUM_CONTAINERS = 10
FARGATE_LOG_DRIVERS = ("awslogs", "splunk", "awsfirelens")
LOG_DRIVERS = ("json-file", "syslog", "journald", "gelf", "fluentd", "awslogs", "splunk", "awsfirelens")
ULIMITS = (
    "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio",
    "rttime", "sigpending", "stack",
)  # fmt: skip
FARGATE_SIZES: Mapping[int, range | tuple[int, ...]] = {
    256: (512, 1024, 2048),
    512: range(1024, 4096 + 1, 1024),
    1024: range(2048, 8192 + 1, 1024),
    2048: range(4096, 16384 + 1, 1024),
    4096: range(8192, 30720 + 1, 1024),
    8192: range(16384, 61440 + 1, 4096),
    16384: range(32768, 122880 + 1, 8192),
}
"""CPU units → MiB that Fargate offers with them. Source: documented, and all 74 pairs observed in August 2026."""

_IMAGE = re.compile(r"[A-Za-z0-9_\-:./#]{1,255}(@sha256:[A-Fa-f0-9]{64})?")
_PRIVATE_ECR = re.compile(r"\d{12}\.dkr[.-]ecr\.")
_PORT_NAME = re.compile(r"[a-z0-9_][a-z0-9_-]{0,63}")
_PORT_RANGE = re.compile(r"(\d+)-(\d+)")
_HEALTH_CHECK_RANGES = {"interval": (5, 300), "timeout": (2, 60), "retries": (1, 10), "startPeriod": (0, 300)}


def validate(request: Definition, *, registry: str | None = None) -> None:
    """Refuse a RegisterTaskDefinition request that ECS refuses.

    ``request``: as botocore sends it, camelCase. ``registry``: the host of a private registry to count as ECR
    besides Amazon's own (``127.0.0.1:4566``). Source: limits are documented; nearly all wording was observed.

    Raises Invalid, mostly ClientException.
    """
    containers = _containers(request)
    _sizes(request)
    for container in containers:
        _container(container, request)
    _task(request, containers)
    if "FARGATE" in (request.get("requiresCompatibilities") or ()):
        _fargate(request, containers, registry)
    fields.tags(request.get("tags"))


def compatibilities(request: Definition, *, registry: str | None = None) -> tuple[str, ...]:
    """The ``compatibilities`` that ECS answers with for a valid task definition, whatever it requires.

    Source: observed. FARGATE is there if the definition would pass as one that requires it.
    """
    if (request.get("networkMode") or "bridge") != "awsvpc":
        return ("EXTERNAL", "EC2")
    try:
        _fargate(request, request.get("containerDefinitions") or (), registry)
    except Invalid:
        return ("EC2",)
    family = (request.get("runtimePlatform") or {}).get("operatingSystemFamily") or "LINUX"
    return ("EC2", "FARGATE") if family.startswith("WINDOWS") else ("EC2", "MANAGED_INSTANCES", "FARGATE")


def cpu_units(cpu: str) -> int:
    """``"256"``, ``"1 vCPU"`` or ``".5 vcpu"`` in CPU units. Raises Invalid (ClientException)."""
    found = re.fullmatch(r"\s*(\d+|\d*\.\d+)\s*(vcpu)?\s*", cpu, re.IGNORECASE)
    units = float(found[1]) * (1024 if found[2] else 1) if found else -1
    if units <= 0 or units != int(units):
        raise _setting("cpu")
    return int(units)


def memory_mib(memory: str) -> int:
    """``"512"``, ``"1GB"`` or ``"0.5 GB"`` in MiB. Raises Invalid (ClientException)."""
    found = re.fullmatch(r"\s*(\d+|\d*\.\d+)\s*(gb)?\s*", memory, re.IGNORECASE)
    mib = float(found[1]) * (1024 if found[2] else 1) if found else -1
    if mib <= 0 or mib != int(mib):
        raise _setting("memory")
    return int(mib)


def fargate_size(cpu: int, memory: int) -> None:
    """Refuse a pair of CPU units and MiB that Fargate has not got. Raises Invalid (ClientException)."""
    if memory not in FARGATE_SIZES.get(cpu, ()):
        raise _no_size(cpu, memory)


def ports(definition: Definition) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every port mapping with the name of its container."""
    for container in definition.get("containerDefinitions") or ():
        for mapping in container.get("portMappings") or ():
            yield container.get("name") or "", mapping


def port_range(mapping: Mapping[str, Any]) -> range:
    """The container ports of a mapping, from ``containerPort`` or ``containerPortRange``; empty if malformed."""
    found = _PORT_RANGE.fullmatch(mapping.get("containerPortRange") or "")
    if found:
        return range(int(found[1]), int(found[2]) + 1)
    port = mapping.get("containerPort")
    return range(port, port + 1) if port else range(0)


def _no_size(cpu: int, memory: int) -> Invalid:
    return client(
        f"No Fargate configuration exists for given values: {cpu} CPU, {memory} memory. "
        "See the Amazon ECS documentation for the valid values."
    )


def _setting(name: str) -> Invalid:
    return client(
        f"Invalid '{name}' setting for task. For more information, see the Troubleshooting section of the Amazon "
        "ECS Developer Guide."
    )


def _containers(request: Definition) -> Sequence[Definition]:
    family = request.get("family") or ""
    if not family:
        raise client("Family can not be blank.")
    if not fields.NAME.fullmatch(family):
        raise client("Family contains invalid characters.")
    containers: Sequence[Definition] = request.get("containerDefinitions") or ()
    if not containers:
        raise client("Container list cannot be empty.")
    if len(containers) > MAXIMUM_CONTAINERS:
        raise client(f"A task definition can contain at most {MAXIMUM_CONTAINERS} containers.")
    for container in containers:
        for key, pattern in (("name", fields.NAME), ("image", _IMAGE)):
            value = container.get(key)
            if not value:
                raise client(f"Container.{key} should not be null or empty.")
            if not pattern.fullmatch(value):
                raise client(f"Container.{key} contains invalid characters.")
    if max(Counter(container["name"] for container in containers).values()) > 1:
        raise client("Container names must be unique within a task definition.")
    if all(container.get("essential") is False for container in containers):
        raise client("Task definition doesn't have any essential container.")
    return containers


def _sizes(request: Definition) -> None:
    required = request.get("requiresCompatibilities") or ()
    for value in required:
        fields.enumeration(
            "ClientException",
            "requiresCompatibilities",
            value,
            ("EC2", "FARGATE", "EXTERNAL", "MANAGED_INSTANCES"),
        )
    for key in ("cpu", "memory"):
        if "FARGATE" in required and not request.get(key):
            raise client(f"Fargate requires that '{key}' be defined at the task level.")
    if request.get("cpu") and not 128 <= cpu_units(request["cpu"]) <= 196_608 and "FARGATE" not in required:
        raise _setting("cpu")
    if request.get("memory"):
        memory_mib(request["memory"])


def _container(container: Definition, request: Definition) -> None:
    name = container["name"]
    memory, reservation = container.get("memory"), container.get("memoryReservation")
    for key in ("cpu", "memory", "memoryReservation"):
        value = container.get(key)
        if value is not None and value < (0 if key == "cpu" else 1):
            raise client(f"Invalid setting for container '{name}'. '{key}' must be greater than 0.")
    if not (request.get("memory") or memory or reservation):
        raise client(
            f"Invalid setting for container '{name}'. "
            "At least one of 'memory' or 'memoryReservation' must be specified."
        )
    if memory and reservation and memory < reservation:
        raise client(
            f"Invalid setting for container '{name}'. 'memory' must be greater than or equal to 'memoryReservation'."
        )
    if memory and request.get("memory") and memory > memory_mib(request["memory"]):
        raise client(f"The 'memory' setting for container '{name}' is greater than for the task.")
    for key, verb in (("startTimeout", "start"), ("stopTimeout", "stop")):
        value = container.get(key)
        if value is not None and value < 2:
            raise client(f"Granular {verb} timeout on container '{name}' must be at least 2 seconds.")
    _health_check(name, container.get("healthCheck"))
    for ulimit in container.get("ulimits") or ():
        fields.enumeration("ClientException", "ulimits.name", ulimit.get("name"), ULIMITS)
        soft, hard = ulimit.get("softLimit") or 0, ulimit.get("hardLimit") or 0
        if hard != -1 and (soft == -1 or soft > hard):
            raise client(f"Soft limit exceeds hard limit for ulimit {ulimit.get('name')}")
    restart = container.get("restartPolicy") or {}
    period = restart.get("restartAttemptPeriod")
    if len(restart.get("ignoredExitCodes") or ()) > 50:
        raise client(f"the 'ignoredExitCodes' setting for container '{name}' can have at most 50 items")
    fields.enumeration(
        "ClientException", "versionConsistency", container.get("versionConsistency"), ("enabled", "disabled")
    )
    if period is not None and not 60 <= period <= 1800:
        raise client(f"the 'restartAttemptPeriod' setting for container '{name}' must be between 60 and 1800")
    if len(container.get("environmentFiles") or ()) > 10:
        raise client("The maximum number of environment files was exceeded. Specify ten or less and try again.")
    _logs(name, container.get("logConfiguration"))
    _secrets(container, request)
    if request.get("networkMode") == "awsvpc":
        _awsvpc_container(container)


def _health_check(name: str, check: Mapping[str, Any] | None) -> None:
    if check is None:
        return
    if not any(check.get("command") or ()):
        raise client(f"Health check command must not be empty for container '{name}'")
    for key, (low, high) in _HEALTH_CHECK_RANGES.items():
        value = check.get(key)
        if value is not None and value > high:
            raise client(
                f"Health check {key} must be less than or equal to the maximum allowed value {high} "
                f"for container '{name}'"
            )
        if value is not None and value < low:
            raise client(
                f"Health check {key} must be greater than or equal to the minimum allowed value {low} "
                f"for container '{name}'"
            )


def _logs(name: str, configuration: Mapping[str, Any] | None) -> None:
    if configuration is None:
        return
    driver = configuration.get("logDriver")
    fields.enumeration("ClientException", "logConfiguration.logDriver", driver, LOG_DRIVERS)
    options = configuration.get("options") or {}
    if driver == "awslogs":
        missing = [option for option in ("awslogs-region", "awslogs-group") if not options.get(option)]
        if missing:
            raise client(f"Log driver awslogs requires options: {', '.join(missing)}")
    for secret in configuration.get("secretOptions") or ():
        _secret(name, secret)


def _secrets(container: Definition, request: Definition) -> None:
    given = container.get("secrets") or ()
    if not given:
        return
    if not request.get("executionRoleArn"):
        raise client("When you are specifying container secrets, you must also specify a value for 'executionRoleArn'.")
    taken = [variable.get("name") for variable in container.get("environment") or ()]
    for secret in given:
        _secret(container["name"], secret)
        if secret.get("name") in taken:
            raise client(
                "The secret name must be unique and not shared with any new or existing environment variables set "
                f"on the container, such as '{secret.get('name')}'."
            )
        taken.append(secret.get("name"))


def _secret(container: str, secret: Mapping[str, Any]) -> None:
    try:
        secrets.parse(secret.get("valueFrom") or "")
    except ValueError as error:
        raise client(
            f"Invalid 'valueFrom' setting for secret '{secret.get('name')}' of container '{container}': {error}."
        ) from None


def _awsvpc_container(container: Definition) -> None:
    for key, what in (
        ("links", "Links are not supported"),
        ("hostname", "hostname is not supported on container"),
        ("extraHosts", "Extra hosts are not supported on container"),
        ("dnsServers", "DNS servers are not supported on container"),
        ("dnsSearchDomains", "DNS search domains are not supported on container"),
        ("disableNetworking", "Disable Networking is not supported on container"),
    ):
        if container.get(key):
            raise client(f"{what} when networkMode=awsvpc.")


def _task(request: Definition, containers: Sequence[Definition]) -> None:
    mode = request.get("networkMode")
    fields.enumeration("ClientException", "networkMode", mode, ("bridge", "host", "awsvpc", "none"))
    fields.enumeration("ClientException", "pidMode", request.get("pidMode"), ("host", "task"))
    fields.enumeration("ClientException", "ipcMode", request.get("ipcMode"), ("host", "task", "none"))
    if request.get("cpu"):
        reserved = sum(container.get("cpu") or 0 for container in containers)
        if reserved > cpu_units(request["cpu"]):
            raise client("The sum of all container 'cpu' values cannot be greater than the value of the task 'cpu'.")
    if request.get("inferenceAccelerators"):
        raise client("Unsupported field 'inferenceAccelerators'.")
    constraints = request.get("placementConstraints") or ()
    if len(constraints) > 10:
        raise client("Maximum number of constraints is 10.")
    for constraint in constraints:
        fields.enumeration("ClientException", "placementConstraints.type", constraint.get("type"), ("memberOf",))
        try:
            cluster_query.parse(constraint.get("expression") or "")
        except Invalid as error:
            raise client(error.message) from None
    storage = request.get("ephemeralStorage")
    required = request.get("requiresCompatibilities") or ()
    if storage is not None:
        if required and "FARGATE" not in required:
            raise client("Tasks using the EC2 launch type do not support EphemeralStorage.")
        size = storage.get("sizeInGiB") or 0
        if size < 21:
            raise client("EphemeralStorage size should be at least 21")
        if size > 200:
            raise client("EphemeralStorage size should be at most 200")
    _volumes(request, containers)
    _port_mappings(request)
    _dependencies(containers)
    proxy = request.get("proxyConfiguration") or {}
    names = {container["name"] for container in containers}
    if proxy and mode != "awsvpc":
        raise client("Proxy configuration is only supported when networkMode=awsvpc.")
    if proxy.get("containerName") and proxy["containerName"] not in names:
        raise client(f"Proxy container [{proxy['containerName']}] does not exist")
    drivers = [(container.get("logConfiguration") or {}).get("logDriver") for container in containers]
    if "awsfirelens" in drivers and not any(container.get("firelensConfiguration") for container in containers):
        raise client(
            "When awsfirelens log driver is specified in log configuration, "
            "a firelens configuration object must be specified."
        )


def _volumes(request: Definition, containers: Sequence[Definition]) -> None:
    volumes = request.get("volumes") or ()
    names = {volume.get("name") for volume in volumes}
    for name in names:
        if not name:
            raise client("Volume.name should not be null or empty.")
        if not fields.NAME.fullmatch(name):
            raise client("Volume.name contains invalid characters.")
    mounted = set()
    for container in containers:
        for point in container.get("mountPoints") or ():
            source = point.get("sourceVolume")
            if source not in names:
                raise client(f"Unknown volume '{source}'.")
            if not point.get("containerPath"):
                raise client(f"The mount point of volume '{source}' must have a containerPath.")
            mounted.add(source)
        for volume in container.get("volumesFrom") or ():
            source = volume.get("sourceContainer")
            if source not in {other["name"] for other in containers}:
                raise client(f"Invalid 'volumesFrom' setting. Unknown container: '{source}'.")
    for volume in volumes:
        _efs(volume)
    unused = [v.get("name") for v in volumes if v.get("configuredAtLaunch") and v.get("name") not in mounted]
    if unused:
        raise client(f"Volumes [{', '.join(map(str, unused))}] are not referenced by any of the containers")


def _efs(volume: Mapping[str, Any]) -> None:
    """What is documented of EFSVolumeConfiguration; the wording is ours."""
    configuration = volume.get("efsVolumeConfiguration") or {}
    authorization = configuration.get("authorizationConfig") or {}
    encrypted = configuration.get("transitEncryption") == "ENABLED"
    point = authorization.get("accessPointId")
    for used, what in ((authorization.get("iam") == "ENABLED", "IAM authorization"), (point, "an access point")):
        if used and not encrypted:
            raise client(
                f"Invalid EFS configuration of volume '{volume.get('name')}': transit encryption must be enabled if "
                f"{what} is used."
            )
    if point and configuration.get("rootDirectory") not in (None, "/"):
        raise client(
            f"Invalid EFS configuration of volume '{volume.get('name')}': the root directory must be omitted or set "
            "to '/' if an access point is used."
        )


def _port_mappings(request: Definition) -> None:
    mode = request.get("networkMode")
    used: set[int] = set()
    names: set[str] = set()
    for container, mapping in ports(request):
        single = [mapping.get(key) for key in ("containerPort", "hostPort")]
        given = mapping.get("containerPortRange")
        if mode == "none":
            raise client(f"Port mappings of container '{container}' are not supported when networkMode=none.")
        if given and any(port is not None for port in single):
            raise client(
                f"Invalid port mapping for container '{container}', cannot specify both single port and port range."
            )
        found = port_range(mapping)
        if given and not (len(found) > 1 and found[0] >= 1 and found[-1] <= 65535):
            raise client(f"Invalid 'containerPortRange' setting for container '{container}'.")
        port, host = single
        if not given and not (port is not None and 1 <= port <= 65535):
            raise client(
                f"Invalid 'containerPort' setting for container '{container}': it must be between 1 and 65535."
            )
        if host is not None and not 0 <= host <= 65535:
            raise client(f"Invalid 'hostPort' setting for container '{container}': it must be between 0 and 65535.")
        if ((mode == "host" and host is not None) or (mode == "awsvpc" and host)) and host != port:
            raise client(f"When networkMode={mode}, the host ports and container ports in port mappings must match.")
        name = mapping.get("name")
        if name and not _PORT_NAME.fullmatch(name):
            raise client(f"The port mapping name '{name}' of container '{container}' contains invalid characters.")
        if mode == "awsvpc":
            if used & set(found):
                raise client("When networkMode=awsvpc, container port is used multiple times in task.")
            if name and name in names:
                raise client("When networkMode=awsvpc, port mapping name is already used.")
            used |= set(found)
            names |= {name} if name else set()


def _dependencies(containers: Sequence[Definition]) -> None:
    by_name = {container["name"]: container for container in containers}
    for container in containers:
        for link in container.get("links") or ():
            if link.split(":")[0] not in by_name:
                raise client(f"Invalid 'links' setting. Unknown container: '{link.split(':')[0]}'.")
        for dependency in container.get("dependsOn") or ():
            name, condition = dependency.get("containerName"), dependency.get("condition")
            fields.enumeration(
                "ClientException",
                "dependsOn.condition",
                condition,
                ("START", "COMPLETE", "SUCCESS", "HEALTHY"),
            )
            if name not in by_name:
                raise client(f"Cannot depend on container + '{name}' because it does not exist")
            other = by_name[name]
            if condition in ("COMPLETE", "SUCCESS") and other.get("essential") is not False:
                raise client(
                    "A dependency container with SUCCESS or COMPLETE condition cannot be an essential container"
                )
            if condition == "HEALTHY" and not other.get("healthCheck"):
                raise client("A dependency container with HEALTHY condition must have health check configured")
    try:
        start_order([Container.read(container) for container in containers])
    except ValueError as error:
        linked = not any(container.get("dependsOn") for container in containers)
        what = "links" if linked else "dependencies"
        raise client(f"Container {what} should not have a cycle: {str(error).split(': ')[1]}") from None


def _fargate(request: Definition, containers: Sequence[Definition], registry: str | None) -> None:
    if request.get("networkMode") != "awsvpc":
        raise client("Fargate only supports network mode \u2018awsvpc\u2019.")
    for key in ("cpu", "memory"):
        if not request.get(key):
            raise client(f"Fargate requires that '{key}' be defined at the task level.")
    cpu, memory = cpu_units(request["cpu"]), memory_mib(request["memory"])
    platform = request.get("runtimePlatform") or {}
    windows = (platform.get("operatingSystemFamily") or "").startswith("WINDOWS")
    if windows and (cpu < 1024 or platform.get("cpuArchitecture") == "ARM64"):
        raise _no_size(cpu, memory)
    fargate_size(cpu, memory)
    if request.get("pidMode") == "host":
        raise client(
            "Tasks using the Fargate launch type do not support pidMode 'host'. "
            "The supported value for pidMode is 'task'."
        )
    if request.get("ipcMode"):
        raise _not_on_fargate("ipcMode")
    if request.get("placementConstraints"):
        raise _not_on_fargate("constraints")
    if request.get("trustedExecutionConfiguration"):
        raise _not_on_fargate("trustedExecutionConfiguration")
    for volume in request.get("volumes") or ():
        if (volume.get("host") or {}).get("sourcePath"):
            raise _not_on_fargate("sourcePath")
        if volume.get("dockerVolumeConfiguration"):
            raise _not_on_fargate("dockerVolumeConfiguration")
    for container in containers:
        _fargate_container(container, request, registry)


def _not_on_fargate(what: str) -> Invalid:
    return client(f"Fargate compatible task definitions do not support {what}")


def no_resource(requirement: Mapping[str, Any]) -> Invalid:
    """What Fargate says of a ResourceRequirement; observed for GPU."""
    kind = requirement.get("type")
    return client(f"Tasks using the Fargate launch type do not support {kind} resource requirements.")


def _fargate_container(container: Definition, request: Definition, registry: str | None) -> None:
    if container.get("privileged"):
        raise client("Fargate requires that the 'privileged' setting be 'false'.")
    if container.get("dockerSecurityOptions"):
        raise _not_on_fargate("dockerSecurityOptions")
    linux = container.get("linuxParameters") or {}
    for key in ("devices", "sharedMemorySize", "maxSwap", "swappiness"):
        if linux.get(key) not in (None, []):
            raise _not_on_fargate(key)
    for capability in (linux.get("capabilities") or {}).get("add") or ():
        if capability != "SYS_PTRACE":
            raise client(f"{capability} is not allowed on Fargate.")
    for requirement in container.get("resourceRequirements") or ():
        raise no_resource(requirement)
    if (container.get("stopTimeout") or 0) > 120:
        raise client("Tasks using the Fargate launch type must have a container stop timeout of less than 120 seconds.")
    logs = container.get("logConfiguration") or {}
    driver = logs.get("logDriver")
    if driver and driver not in FARGATE_LOG_DRIVERS:
        raise client(f"{driver} is not a valid log driver. Must be one of [{', '.join(FARGATE_LOG_DRIVERS)}]")
    role = request.get("executionRoleArn")
    if driver == "awslogs" and not (logs.get("options") or {}).get("awslogs-stream-prefix"):
        raise client(
            "Fargate requires log configuration options to include awslogs-stream-prefix to support log driver awslogs."
        )
    if driver == "awslogs" and not role:
        raise client("Fargate requires task definition to have execution role ARN to support log driver awslogs.")
    image = container.get("image") or ""
    private = _PRIVATE_ECR.match(image) or (registry and image.startswith(f"{registry}/"))
    if private and not role:
        raise client("Fargate requires task definition to have execution role ARN to support ECR images.")


def required_attributes(definition: Mapping[str, Any]) -> list[str]:
    """`requiresAttributes`: what an instance has to be capable of to run such tasks.

    Source: Amazon ECS Developer Guide, "Amazon ECS container agent configuration" and the outputs of
    describe-task-definition in it (observed); versions of Docker's API beyond the first are left out.
    """
    capability, ecs = "com.amazonaws.ecs.capability.", "ecs.capability."
    role, mode = definition.get("executionRoleArn"), definition.get("networkMode")
    found = {f"{capability}docker-remote-api.1.18"}
    if definition.get("taskRoleArn"):
        found.add(f"{capability}task-iam-role" + ("-network-host" if mode == "host" else ""))
    if mode == "awsvpc":
        found.add(f"{ecs}task-eni")
    if definition.get("ephemeralStorage"):
        found.add(f"{ecs}extensible-ephemeral-storage")
    for volume in definition.get("volumes") or ():
        if efs := volume.get("efsVolumeConfiguration"):
            found.add(f"{ecs}efs")
            found |= {f"{ecs}efsAuth"} if efs.get("authorizationConfig") else set()
    for container in definition.get("containerDefinitions") or ():
        driver = (container.get("logConfiguration") or {}).get("logDriver")
        if driver:
            found.add(f"{capability}logging-driver.{driver}")
        if driver == "awslogs" and role:
            found |= {f"{ecs}execution-role-awslogs", f"{capability}docker-remote-api.1.19"}
        if ".dkr.ecr." in container["image"]:
            found.add(f"{capability}ecr-auth")
            found |= {f"{ecs}execution-role-ecr-pull"} if role else set()
        for secret in container.get("secrets") or ():
            store = "asm" if ":secretsmanager:" in secret["valueFrom"] else "ssm"
            found.add(f"{ecs}secrets.{store}.environment-variables")
        kind = (container.get("firelensConfiguration") or {}).get("type")
        given = {
            f"{capability}privileged-container": container.get("privileged"),
            f"{ecs}container-health-check": container.get("healthCheck"),
            f"{ecs}container-ordering": container.get("dependsOn"),
            f"{ecs}env-files.s3": container.get("environmentFiles"),
            f"{ecs}firelens.{kind}": kind,
        }
        found |= {name for name, wanted in given.items() if wanted}
    return sorted(found)
