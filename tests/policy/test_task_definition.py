from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drydock.policy.requests.errors import Invalid
from drydock.policy.requests.task_definition import (
    FARGATE_SIZES,
    compatibilities,
    cpu_units,
    memory_mib,
    required_attributes,
    validate,
)

from .shapes import TAGS, WORD, beside, overlaid, requests

ROLE = "arn:aws:iam::000000000000:role/execution"
LOGS = {
    "logDriver": "awslogs",
    "options": {"awslogs-group": "/g", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "app"},
}


def container(name: str = "app", **fields: Any) -> dict[str, Any]:
    return {"name": name, "image": "nginx:1.27", **fields}


def fargate(*containers: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "family": "web",
        "requiresCompatibilities": ["FARGATE"],
        "networkMode": "awsvpc",
        "cpu": "256",
        "memory": "512",
        "executionRoleArn": ROLE,
        "containerDefinitions": list(containers) or [container()],
        **fields,
    }


def ec2(*containers: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"family": "web", "containerDefinitions": list(containers) or [container(memory=128)], **fields}


def without(request: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in request.items() if key not in keys}


def refused(request: dict[str, Any]) -> str:
    before = deepcopy(request)
    with pytest.raises(Invalid) as caught:
        validate(request)
    assert request == before
    assert caught.value.code == "ClientException"
    return caught.value.message


VALID = {
    "fargate": fargate(),
    "ec2": ec2(),
    "ec2 by reservation": ec2(container(memoryReservation=64)),
    "ec2 by task memory": ec2(container(), memory="512"),
    "units": fargate(cpu="1 vCPU", memory="2GB"),
    "largest": fargate(cpu="16384", memory="122880"),
    "logs": fargate(container(logConfiguration=LOGS)),
    "logs without prefix on ec2": ec2(
        container(
            memory=64,
            logConfiguration={"logDriver": "awslogs", "options": {"awslogs-group": "g", "awslogs-region": "r"}},
        )
    ),
    "ports": fargate(
        container(portMappings=[{"containerPort": 80, "hostPort": 80, "protocol": "tcp", "name": "http"}])
    ),
    "host port 0": fargate(container(portMappings=[{"containerPort": 80, "hostPort": 0}])),
    "dynamic port": ec2(container(memory=64, portMappings=[{"containerPort": 80, "hostPort": 0}])),
    "two ports on one": ec2(
        container(
            memory=64, portMappings=[{"containerPort": 80, "hostPort": 8080}, {"containerPort": 80, "hostPort": 8081}]
        )
    ),
    "range": fargate(container(portMappings=[{"containerPortRange": "80-90"}])),
    "health": fargate(
        container(healthCheck={"command": ["CMD", "true"], "interval": 5, "timeout": 2, "retries": 1, "startPeriod": 0})
    ),
    "health without CMD": fargate(container(healthCheck={"command": ["curl -f x"]})),
    "depends": fargate(
        container(
            dependsOn=[
                {"containerName": "db", "condition": "HEALTHY"},
                {"containerName": "init", "condition": "SUCCESS"},
            ]
        ),
        container("db", healthCheck={"command": ["CMD", "true"]}),
        container("init", essential=False),
    ),
    "secret": fargate(container(secrets=[{"name": "A", "valueFrom": "/prod/a"}])),
    "stop": fargate(container(stopTimeout=120, startTimeout=2)),
    "storage": fargate(ephemeralStorage={"sizeInGiB": 21}),
    "storage without compatibility": without(fargate(ephemeralStorage={"sizeInGiB": 200}), "requiresCompatibilities"),
    "ulimit": fargate(container(ulimits=[{"name": "nofile", "softLimit": 1024, "hardLimit": 4096}])),
    "unlimited": ec2(container(memory=64, ulimits=[{"name": "memlock", "softLimit": -1, "hardLimit": -1}])),
    "links": ec2(container(memory=64, links=["db:database"]), container("db", memory=64)),
    "ptrace": fargate(container(linuxParameters={"capabilities": {"add": ["SYS_PTRACE"]}, "initProcessEnabled": True})),
    "privileged ec2": ec2(container(memory=64, privileged=True)),
    "digest": fargate(container(image="public.ecr.aws/x/y@sha256:" + "a" * 64)),
    "local registry": fargate(container(image="127.0.0.1:4566/backend:1.0")),
    "volume": fargate(container(mountPoints=[{"sourceVolume": "v", "containerPath": "/v"}]), volumes=[{"name": "v"}]),
    "task pid": fargate(pidMode="task"),
    "constraint": ec2(placementConstraints=[{"type": "memberOf", "expression": "attribute:x exists"}]),
    "windows": fargate(
        cpu="1024", memory="2048", runtimePlatform={"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}
    ),
    "tags": fargate(tags=[{"key": f"k{n}", "value": "v"} for n in range(50)]),
    "restart": fargate(container(restartPolicy={"enabled": True, "restartAttemptPeriod": 60})),
    "cpu 0": fargate(container(cpu=0)),
    "firelens": fargate(
        container(logConfiguration={"logDriver": "awsfirelens"}),
        container("router", firelensConfiguration={"type": "fluentbit"}),
    ),
}


@pytest.mark.parametrize("name", VALID)
def test_accepted(name: str) -> None:
    validate(VALID[name])


SIZE = "No Fargate configuration exists for given values: {} CPU, {} memory. See the Amazon ECS documentation"
REFUSED: list[tuple[dict[str, Any], str]] = [
    (fargate(cpu="100", memory="200"), SIZE.format(100, 200)),
    (fargate(cpu="256", memory="4096"), SIZE.format(256, 4096)),
    (fargate(cpu="8192", memory="17408"), SIZE.format(8192, 17408)),
    (fargate(cpu="32768", memory="122880"), SIZE.format(32768, 122880)),
    (fargate(runtimePlatform={"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}), SIZE.format(256, 512)),
    (without(fargate(), "cpu"), "Fargate requires that 'cpu' be defined at the task level."),
    (without(fargate(), "memory"), "Fargate requires that 'memory' be defined at the task level."),
    (fargate(cpu="lots"), "Invalid 'cpu' setting for task"),
    (fargate(memory="-1"), "Invalid 'memory' setting for task"),
    (ec2(cpu="64"), "Invalid 'cpu' setting for task"),
    (fargate(networkMode="bridge"), "Fargate only supports network mode \u2018awsvpc\u2019."),
    (fargate(networkMode="host"), "Fargate only supports network mode \u2018awsvpc\u2019."),
    (without(fargate(), "networkMode"), "Fargate only supports network mode \u2018awsvpc\u2019."),
    (fargate(networkMode="bridged"), "'networkMode'"),
    (fargate(requiresCompatibilities=["LAMBDA"]), "'requiresCompatibilities'"),
    (ec2(family="my family"), "Family contains invalid characters."),
    (ec2(family="x" * 256), "Family contains invalid characters."),
    (ec2(family=""), "Family"),
    ({"family": "web", "containerDefinitions": []}, "Container list cannot be empty."),
    (fargate(*(container(f"c{n}") for n in range(11))), "at most 10 containers"),
    (fargate(container("my app")), "Container.name contains invalid characters."),
    (fargate(container("")), "Container.name should not be null or empty."),
    (fargate({"name": "app"}), "Container.image should not be null or empty."),
    (fargate(container(image="$IMAGE:latest")), "Container.image contains invalid characters."),
    (fargate(container(image="nginx@sha256:abc")), "Container.image contains invalid characters."),
    (fargate(container(), container()), "Container names must be unique within a task definition."),
    (fargate(container(essential=False)), "Task definition doesn't have any essential container."),
    (ec2(container()), "Invalid setting for container 'app'. At least one of 'memory' or 'memoryReservation'"),
    (ec2(container(memory=64, memoryReservation=128)), "'memory' must be greater than or equal to"),
    (ec2(container(memory=0)), "container 'app'"),
    (fargate(container(memory=1024)), "The 'memory' setting for container 'app' is greater than for the task."),
    (fargate(container(cpu=200), container("b", cpu=100)), "The sum of all container 'cpu' values"),
    (fargate(container(cpu=-1)), "'cpu'"),
    (
        fargate(container(dependsOn=[{"containerName": "nope", "condition": "START"}])),
        "Cannot depend on container + 'nope' because it does not exist",
    ),
    (
        fargate(container(dependsOn=[{"containerName": "b", "condition": "HEALTHY"}]), container("b")),
        "A dependency container with HEALTHY condition must have health check configured",
    ),
    (
        fargate(container(dependsOn=[{"containerName": "b", "condition": "SUCCESS"}]), container("b")),
        "A dependency container with SUCCESS or COMPLETE condition cannot be an essential container",
    ),
    (
        fargate(
            container("a", dependsOn=[{"containerName": "b", "condition": "START"}]),
            container("b", dependsOn=[{"containerName": "a", "condition": "START"}]),
        ),
        "should not have a cycle: a -> b -> a",
    ),
    (fargate(container(dependsOn=[{"containerName": "app", "condition": "START"}])), "a cycle: app -> app"),
    (fargate(container(dependsOn=[{"containerName": "app", "condition": "READY"}])), "'dependsOn.condition'"),
    (
        ec2(container("a", memory=64, links=["b"]), container("b", memory=64, links=["a"])),
        "Container links should not have a cycle",
    ),
    (ec2(container(memory=64, links=["nope"])), "'links'"),
    (fargate(container(links=["b"]), container("b")), "Links are not supported when networkMode=awsvpc."),
    (fargate(container(hostname="x")), "hostname is not supported on container when networkMode=awsvpc."),
    (fargate(container(dnsServers=["1.1.1.1"])), "DNS servers are not supported"),
    (
        fargate(container(portMappings=[{"containerPort": 80, "hostPort": 8080}])),
        "When networkMode=awsvpc, the host ports and container ports in port mappings must match.",
    ),
    (
        ec2(
            networkMode="host",
            containerDefinitions=[container(memory=64, portMappings=[{"containerPort": 1, "hostPort": 2}])],
        ),
        "networkMode=host",
    ),
    (
        ec2(networkMode="none", containerDefinitions=[container(memory=64, portMappings=[{"containerPort": 1}])]),
        "networkMode=none",
    ),
    (fargate(container(portMappings=[{"containerPort": 70000}])), "'containerPort'"),
    (fargate(container(portMappings=[{}])), "'containerPort'"),
    (
        fargate(container(portMappings=[{"containerPort": 80}]), container("b", portMappings=[{"containerPort": 80}])),
        "used multiple times",
    ),
    (fargate(container(portMappings=[{"containerPortRange": "90-80"}])), "Invalid 'containerPortRange' setting"),
    (
        fargate(container(portMappings=[{"containerPortRange": "80-90", "containerPort": 80}])),
        "both single port and port range",
    ),
    (fargate(container(portMappings=[{"containerPort": 80, "name": "Http"}])), "port mapping name 'Http'"),
    (
        fargate(container(portMappings=[{"containerPort": 80, "name": "a"}, {"containerPort": 81, "name": "a"}])),
        "port mapping name is already used",
    ),
    (
        fargate(container(healthCheck={"command": ["CMD", "x"], "interval": 301})),
        "Health check interval must be less than or equal to the maximum allowed value 300 for container 'app'",
    ),
    (fargate(container(healthCheck={"command": ["CMD", "x"], "interval": 4})), "Health check interval"),
    (fargate(container(healthCheck={"command": ["CMD", "x"], "timeout": 61})), "Health check timeout"),
    (fargate(container(healthCheck={"command": ["CMD", "x"], "timeout": 1})), "Health check timeout"),
    (fargate(container(healthCheck={"command": ["CMD", "x"], "retries": 11})), "Health check retries"),
    (fargate(container(healthCheck={"command": ["CMD", "x"], "retries": 0})), "Health check retries"),
    (fargate(container(healthCheck={"command": ["CMD", "x"], "startPeriod": 301})), "Health check startPeriod"),
    (fargate(container(healthCheck={"command": []})), "Health check command"),
    (
        without(fargate(container(secrets=[{"name": "A", "valueFrom": "a"}])), "executionRoleArn"),
        "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'.",
    ),
    (fargate(container(secrets=[{"name": "A", "valueFrom": "arn:aws:s3:::b"}])), "'valueFrom' setting for secret 'A'"),
    (
        fargate(container(environment=[{"name": "A", "value": "1"}], secrets=[{"name": "A", "valueFrom": "a"}])),
        "The secret name must be unique and not shared with any new or existing environment variables",
    ),
    (fargate(container(stopTimeout=121)), "container stop timeout of less than 120 seconds."),
    (fargate(container(stopTimeout=1)), "Granular stop timeout on container 'app'"),
    (fargate(container(startTimeout=1)), "Granular start timeout on container 'app'"),
    (fargate(ephemeralStorage={"sizeInGiB": 20}), "EphemeralStorage size should be at least 21"),
    (fargate(ephemeralStorage={"sizeInGiB": 201}), "EphemeralStorage size should be at most 200"),
    (ec2(requiresCompatibilities=["EC2"], ephemeralStorage={"sizeInGiB": 30}), "do not support EphemeralStorage"),
    (fargate(container(ulimits=[{"name": "nofile", "softLimit": 2, "hardLimit": 1}])), "Soft limit exceeds hard limit"),
    (fargate(container(ulimits=[{"name": "files", "softLimit": 1, "hardLimit": 1}])), "'ulimits.name'"),
    (fargate(container(privileged=True)), "Fargate requires that the 'privileged' setting be 'false'."),
    (fargate(container(linuxParameters={"devices": [{"hostPath": "/x"}]})), "do not support devices"),
    (fargate(container(linuxParameters={"sharedMemorySize": 64})), "do not support sharedMemorySize"),
    (fargate(container(linuxParameters={"maxSwap": 0})), "do not support maxSwap"),
    (
        fargate(container(linuxParameters={"capabilities": {"add": ["NET_ADMIN"]}})),
        "NET_ADMIN is not allowed on Fargate.",
    ),
    (fargate(container(resourceRequirements=[{"type": "GPU", "value": "1"}])), "GPU"),
    (fargate(container(dockerSecurityOptions=["x"])), "dockerSecurityOptions"),
    (fargate(pidMode="host"), "do not support pidMode 'host'"),
    (fargate(ipcMode="task"), "do not support ipcMode"),
    (fargate(placementConstraints=[{"type": "memberOf", "expression": "attribute:x exists"}]), "constraints"),
    (ec2(placementConstraints=[{"type": "memberOf", "expression": "x"}]), "expression 'x' is invalid"),
    (fargate(volumes=[{"name": "v", "host": {"sourcePath": "/v"}}]), "do not support sourcePath"),
    (fargate(volumes=[{"name": "v", "dockerVolumeConfiguration": {"scope": "task"}}]), "dockerVolumeConfiguration"),
    (fargate(volumes=[{"name": "v", "configuredAtLaunch": True}]), "Volumes [v] are not referenced"),
    (fargate(container(mountPoints=[{"sourceVolume": "nope"}])), "Unknown volume 'nope'."),
    (fargate(container(volumesFrom=[{"sourceContainer": "nope"}])), "Unknown container: 'nope'"),
    (fargate(inferenceAccelerators=[{"deviceName": "d", "deviceType": "t"}]), "inferenceAccelerators"),
    (fargate(container(logConfiguration={"logDriver": "syslog"})), "syslog is not a valid log driver."),
    (fargate(container(logConfiguration={"logDriver": "stdout"})), "'logConfiguration.logDriver'"),
    (
        ec2(container(memory=64, logConfiguration={"logDriver": "awslogs", "options": {"awslogs-region": "r"}})),
        "Log driver awslogs requires options: awslogs-group",
    ),
    (ec2(container(memory=64, logConfiguration={"logDriver": "awslogs"})), "options: awslogs-region, awslogs-group"),
    (
        fargate(container(logConfiguration={**LOGS, "options": without(LOGS["options"], "awslogs-stream-prefix")})),  # type: ignore[arg-type]
        "Fargate requires log configuration options to include awslogs-stream-prefix",
    ),
    (
        without(fargate(container(logConfiguration=LOGS)), "executionRoleArn"),
        "Fargate requires task definition to have execution role ARN to support log driver awslogs.",
    ),
    (
        without(fargate(container(image="000000000000.dkr.ecr.us-east-1.amazonaws.com/x:1")), "executionRoleArn"),
        "Fargate requires task definition to have execution role ARN to support ECR images.",
    ),
    (
        fargate(container(logConfiguration={"logDriver": "awsfirelens"})),
        "a firelens configuration object must be specified",
    ),
    (fargate(proxyConfiguration={"containerName": "envoy"}), "Proxy container [envoy] does not exist"),
    (fargate(container(environmentFiles=[{"type": "s3", "value": "x"}] * 11)), "Specify ten or less"),
    (fargate(container(restartPolicy={"enabled": True, "restartAttemptPeriod": 59})), "'restartAttemptPeriod'"),
]


@pytest.mark.parametrize(("request_", "message"), REFUSED, ids=[message[:60] for _, message in REFUSED])
def test_refused(request_: dict[str, Any], message: str) -> None:
    assert message in refused(request_)


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ([{"key": str(n)} for n in range(51)], "at most 50"),
        ([{"key": "aws:x", "value": "1"}], "aws:"),
        ([{"key": "a"}, {"key": "a"}], "Duplicate tag key 'a'"),
        ([{"key": "k" * 129}], "128"),
        ([{"key": "k", "value": "v" * 257}], "'k'"),
    ],
)
def test_tags(tags: list[dict[str, str]], message: str) -> None:
    with pytest.raises(Invalid) as caught:
        validate(fargate(tags=tags))
    assert caught.value.code == "InvalidParameterException"
    assert message in caught.value.message


def test_images_of_the_embedded_registry_need_an_execution_role_too() -> None:
    request = without(fargate(container(image="127.0.0.1:4566/web:1")), "executionRoleArn")
    validate(request)
    with pytest.raises(Invalid, match="to support ECR images"):
        validate(request, registry="127.0.0.1:4566")


def test_every_documented_size_and_no_other() -> None:
    assert sum(len(memories) for memories in FARGATE_SIZES.values()) == 74
    for cpu, memories in FARGATE_SIZES.items():
        for memory in range(512, 131_072 + 1, 512):
            request = fargate(cpu=str(cpu), memory=str(memory))
            if memory in memories:
                validate(request)
            else:
                assert SIZE.format(cpu, memory) in refused(request)


@pytest.mark.parametrize(
    ("text", "units"), [("256", 256), ("1 vCPU", 1024), (".25 vcpu", 256), ("0.5vCPU", 512), ("2 VCPU", 2048)]
)
def test_cpu_units(text: str, units: int) -> None:
    assert cpu_units(text) == units


@pytest.mark.parametrize(("text", "mib"), [("512", 512), ("1GB", 1024), ("0.5 GB", 512), ("30 gb", 30720)])
def test_memory_mib(text: str, mib: int) -> None:
    assert memory_mib(text) == mib


def test_compatibilities() -> None:
    assert compatibilities(ec2()) == ("EXTERNAL", "EC2")
    assert "FARGATE" in compatibilities(without(fargate(), "requiresCompatibilities"))
    assert compatibilities(fargate(container(privileged=True), requiresCompatibilities=["EC2"])) == ("EC2",)
    assert compatibilities(without(fargate(cpu="128"), "requiresCompatibilities")) == ("EC2",)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(requests("RegisterTaskDefinition"))
def test_any_request_is_accepted_or_refused(request: dict[str, Any]) -> None:
    try:
        validate(request)
    except Invalid as error:
        assert error.message
    compatibilities(request)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(overlaid(VALID["depends"], "RegisterTaskDefinition"))
def test_a_valid_request_with_anything_replaced(request: dict[str, Any]) -> None:
    test_any_request_is_accepted_or_refused.hypothesis.inner_test(request)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(overlaid(container(memory=64), "RegisterTaskDefinition", "containerDefinitions"), st.booleans())
def test_a_valid_container_with_anything_replaced(definition: dict[str, Any], on_fargate: bool) -> None:
    request = fargate(definition) if on_fargate else ec2(definition)
    test_any_request_is_accepted_or_refused.hypothesis.inner_test(request)


NAMES = st.lists(st.from_regex(r"[A-Za-z0-9_-]{1,20}", fullmatch=True), min_size=1, max_size=10, unique=True)


@st.composite
def valid_requests(draw: st.DrawFn) -> dict[str, Any]:
    cpu = draw(st.sampled_from(sorted(FARGATE_SIZES)))
    memory = draw(st.sampled_from(list(FARGATE_SIZES[cpu])))
    names = draw(NAMES)
    ports = draw(st.lists(st.integers(1, 65535), min_size=len(names), max_size=len(names), unique=True))
    containers = []
    for n, name in enumerate(names):
        depends_on = [
            {"containerName": names[other], "condition": draw(st.sampled_from(["START", "HEALTHY"]))}
            for other in sorted(draw(st.sets(st.integers(0, n - 1), max_size=2)) if n else ())
        ]
        containers.append(
            container(
                name,
                essential=n == 0 or draw(st.booleans()),
                cpu=draw(st.integers(0, cpu // len(names))),
                portMappings=[{"containerPort": ports[n]}],
                healthCheck={
                    "command": ["CMD", "true"],
                    "interval": draw(st.integers(5, 300)),
                    "timeout": draw(st.integers(2, 60)),
                    "retries": draw(st.integers(1, 10)),
                    "startPeriod": draw(st.integers(0, 300)),
                },
                dependsOn=depends_on,
                stopTimeout=draw(st.integers(2, 120)),
                logConfiguration=LOGS,
            )
        )
    return fargate(*containers, cpu=str(cpu), memory=str(memory))


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(valid_requests(), st.randoms(use_true_random=False))
def test_valid_requests_are_accepted(request: dict[str, Any], rng: Any) -> None:
    rng.shuffle(request["containerDefinitions"])
    validate(request)
    assert "FARGATE" in compatibilities(request)


@settings(max_examples=100)
@given(
    valid_requests(),
    beside(tags=TAGS),
    beside(
        environment=st.lists(st.builds(dict, name=WORD, value=st.text(max_size=9))),
        dockerLabels=st.dictionaries(WORD, WORD),
    ),
)
def test_what_is_accepted_stays_so_whatever_is_beside_it(
    request: dict[str, Any], more: dict[str, Any], of_containers: dict[str, Any]
) -> None:
    containers = [{**one, **of_containers} for one in request["containerDefinitions"]]
    validate({**request, **more, "containerDefinitions": containers})


@pytest.mark.parametrize(
    ("volume", "why"),
    [
        ({"authorizationConfig": {"iam": "ENABLED"}}, "transit encryption must be enabled if IAM"),
        (
            {"transitEncryption": "DISABLED", "authorizationConfig": {"accessPointId": "fsap-1"}},
            "transit encryption must be enabled if an access point",
        ),
        (
            {
                "transitEncryption": "ENABLED",
                "rootDirectory": "/d",
                "authorizationConfig": {"accessPointId": "fsap-1", "iam": "ENABLED"},
            },
            "the root directory must be omitted",
        ),
        ({"transitEncryption": "ENABLED", "rootDirectory": "/", "authorizationConfig": {"accessPointId": "f"}}, ""),
        ({"rootDirectory": "/d"}, ""),
    ],
)
def test_volumes_of_efs(volume: dict[str, Any], why: str) -> None:
    request = fargate(
        container(), volumes=[{"name": "e", "efsVolumeConfiguration": {"fileSystemId": "fs-1", **volume}}]
    )
    if not why:
        validate(request)
        return
    with pytest.raises(Invalid, match=why) as refused:
        validate(request)
    assert refused.value.code == "ClientException"


def test_required_attributes() -> None:
    plain = required_attributes({"containerDefinitions": [{"name": "a", "image": "b"}]})
    assert plain == ["com.amazonaws.ecs.capability.docker-remote-api.1.18"]
    logs = {"logDriver": "awslogs", "options": {}}
    full = required_attributes(
        {
            "networkMode": "awsvpc",
            "taskRoleArn": "r",
            "executionRoleArn": "r",
            "containerDefinitions": [
                {
                    "name": "a",
                    "image": "0.dkr.ecr.us-east-1.amazonaws.com/a",
                    "logConfiguration": logs,
                    "privileged": True,
                    "secrets": [{"name": "s", "valueFrom": "arn:aws:secretsmanager:us-east-1:0:secret:s"}],
                }
            ],
        }
    )
    for name in ("logging-driver.awslogs", "task-iam-role", "ecr-auth", "privileged-container"):
        assert f"com.amazonaws.ecs.capability.{name}" in full
    for name in ("task-eni", "execution-role-awslogs", "execution-role-ecr-pull", "secrets.asm.environment-variables"):
        assert f"ecs.capability.{name}" in full
