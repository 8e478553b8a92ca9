"""Each field of a task definition is acted on, refused, or said not to be acted on; none is silently dropped."""

from __future__ import annotations

from typing import Any

import pytest
from tests.policy.shapes import Field, fields

from drydock.policy import mounts
from drydock.policy.offers import Offer
from drydock.policy.requests import gaps, unsupported
from drydock.policy.requests.errors import Invalid
from drydock.policy.requests.task_definition import validate
from drydock.policy.requests.world import Capacity

FARGATE = Capacity("FARGATE", ())
C, D, L, V, P = "ContainerDefinition", "RegisterTaskDefinitionRequest", "LinuxParameters", "Volume", "RuntimePlatform"
ACTS: set[Field] = {
    *((C, name) for name in (
        "name", "image", "memory", "memoryReservation", "portMappings", "essential", "entryPoint", "command",
        "environment", "environmentFiles", "secrets", "dependsOn", "startTimeout", "stopTimeout", "workingDirectory",
        "dockerLabels", "healthCheck", "linuxParameters", "cpu", "restartPolicy", "versionConsistency",
    )),
    *((D, name) for name in (
        "family", "taskRoleArn", "executionRoleArn", "networkMode", "containerDefinitions", "requiresCompatibilities",
        "cpu", "memory", "tags", "pidMode", "runtimePlatform", "volumes",
    )),
    (V, "name"), (V, "host"), (C, "logConfiguration"), ("LogConfiguration", "options"),
    *(("PortMapping", name) for name in (
        "containerPort", "hostPort", "protocol", "name", "appProtocol", "containerPortRange"
    )),
    *(("ContainerRestartPolicy", name) for name in ("enabled", "ignoredExitCodes", "restartAttemptPeriod")),
    *(("HealthCheck", name) for name in ("command", "interval", "timeout", "retries", "startPeriod")),
    *(("ContainerDependency", name) for name in ("containerName", "condition")),
    *(("EnvironmentFile", name) for name in ("value", "type")), *(("Secret", name) for name in ("name", "valueFrom")),
    *(("KeyValuePair", name) for name in ("name", "value")), *(("Tag", name) for name in ("key", "value")),
}  # fmt: skip
VOLUME = {"mountPoints": [{"sourceVolume": "v", "containerPath": "/v"}]}
REFUSED: dict[Field, tuple[dict[str, Any], dict[str, Any]]] = {
    (C, "links"): ({"links": ["app"]}, {}),
    (C, "hostname"): ({"hostname": "a"}, {}),
    (C, "disableNetworking"): ({"disableNetworking": True}, {}),
    (C, "privileged"): ({"privileged": True}, {}),
    (C, "dnsServers"): ({"dnsServers": ["1.1.1.1"]}, {}),
    (C, "dnsSearchDomains"): ({"dnsSearchDomains": ["a"]}, {}),
    (C, "extraHosts"): ({"extraHosts": [{"hostname": "a", "ipAddress": "1.1.1.1"}]}, {}),
    (C, "dockerSecurityOptions"): ({"dockerSecurityOptions": ["label:x"]}, {}),
    (C, "resourceRequirements"): ({"resourceRequirements": [{"type": "NeuronDevice", "value": "1"}]}, {}),
    (C, "mountPoints"): (VOLUME, {"volumes": [{"name": "v"}]}),
    (C, "volumesFrom"): ({"volumesFrom": [{"sourceContainer": "app"}]}, {}),
    (D, "placementConstraints"): (
        {}, {"placementConstraints": [{"type": "memberOf", "expression": "task:group == a"}]}
    ),
    (D, "ipcMode"): ({}, {"ipcMode": "task"}),
    (D, "inferenceAccelerators"): ({}, {"inferenceAccelerators": [{"deviceName": "a", "deviceType": "b"}]}),
    (D, "trustedExecutionConfiguration"): ({}, {"trustedExecutionConfiguration": {"isolationMode": "SHARED"}}),
    (L, "devices"): ({"linuxParameters": {"devices": [{"hostPath": "/dev/x"}]}}, {}),
    (L, "sharedMemorySize"): ({"linuxParameters": {"sharedMemorySize": 64}}, {}),
    (L, "maxSwap"): ({"linuxParameters": {"maxSwap": 0}}, {}),
    (L, "swappiness"): ({"linuxParameters": {"swappiness": 1}}, {}),
    (L, "tmpfs"): ({"linuxParameters": {"tmpfs": [{"containerPath": "/t", "size": 64}]}}, {}),
    (V, "dockerVolumeConfiguration"): ({}, {"volumes": [{"name": "v", "dockerVolumeConfiguration": {"driver": "x"}}]}),
    (V, "efsVolumeConfiguration"): (
        VOLUME, {"volumes": [{"name": "v", "efsVolumeConfiguration": {"fileSystemId": "fs-1"}}]}
    ),
    (V, "s3filesVolumeConfiguration"): (
        VOLUME, {"volumes": [{"name": "v", "s3filesVolumeConfiguration": {"fileSystemArn": "a"}}]}
    ),
    (V, "fsxWindowsFileServerVolumeConfiguration"): (
        VOLUME, {"volumes": [{"name": "v", "fsxWindowsFileServerVolumeConfiguration": {"fileSystemId": "fs-1"}}]}
    ),
    ("HostVolumeProperties", "sourcePath"): ({}, {"volumes": [{"name": "v", "host": {"sourcePath": "/srv"}}]}),
    (V, "configuredAtLaunch"): (VOLUME, {"volumes": [{"name": "v", "configuredAtLaunch": True}]}),
    (P, "operatingSystemFamily"): (
        {}, {"cpu": "1024", "memory": "2048", "runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}}
    ),
}  # fmt: skip
AWSLOGS = {
    "logDriver": "awslogs", "options": {f"awslogs-{name}": "a" for name in ("region", "group", "stream-prefix")},
    "secretOptions": [{"name": "a", "valueFrom": "b"}],
}  # fmt: skip
SAID: dict[Field, tuple[dict[str, Any], dict[str, Any], Offer | None]] = {
    (C, "repositoryCredentials"): ({"repositoryCredentials": {"credentialsParameter": "arn:aws:x"}}, {}, None),
    (C, "user"): ({"user": "1000"}, {}, Offer.USER),
    (C, "readonlyRootFilesystem"): ({"readonlyRootFilesystem": True}, {}, Offer.READ_ONLY_ROOT),
    (C, "interactive"): ({"interactive": True}, {}, None),
    (C, "pseudoTerminal"): ({"pseudoTerminal": True}, {}, None),
    (C, "systemControls"): ({"systemControls": [{"namespace": "net.core.somaxconn", "value": "1"}]}, {}, None),
    ("LogConfiguration", "logDriver"): ({"logConfiguration": {"logDriver": "splunk"}}, {}, None),
    ("LogConfiguration", "secretOptions"): ({"logConfiguration": AWSLOGS}, {"executionRoleArn": "arn:role"}, None),
    (C, "firelensConfiguration"): ({"firelensConfiguration": {"type": "fluentbit"}}, {}, None),
    (C, "credentialSpecs"): ({"credentialSpecs": ["credentialspecdomainless:arn"]}, {}, None),
    (C, "ulimits"): ({"ulimits": [{"name": "core", "softLimit": 0, "hardLimit": 0}]}, {}, None),
    (C, "ulimits (nofile)"): (
        {"ulimits": [{"name": "nofile", "softLimit": 9, "hardLimit": 9}]}, {}, Offer.OPEN_FILES
    ),
    (L, "capabilities"): ({"linuxParameters": {"capabilities": {"drop": ["ALL"]}}}, {}, Offer.CAPABILITIES),
    (L, "initProcessEnabled"): ({"linuxParameters": {"initProcessEnabled": True}}, {}, Offer.INIT),
    (D, "proxyConfiguration"): ({}, {"proxyConfiguration": {"containerName": "app"}}, None),
    (D, "ephemeralStorage"): ({}, {"ephemeralStorage": {"sizeInGiB": 21}}, None),
    (D, "enableFaultInjection"): ({}, {"enableFaultInjection": True}, None),
    (P, "cpuArchitecture"): ({}, {"runtimePlatform": {"cpuArchitecture": "ARM64"}}, None),
}  # fmt: skip


def definition(container: dict[str, Any], task: dict[str, Any]) -> dict[str, Any]:
    return {
        "family": "app", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512",
        "containerDefinitions": [{"name": "app", "image": "x:1"}, {"name": "other", "image": "x:1", **container}],
        **task,
    }  # fmt: skip


def test_each_field_of_the_model_is_in_one_of_the_three() -> None:
    assert not (ACTS & REFUSED.keys() or ACTS & SAID.keys() or REFUSED.keys() & SAID.keys())
    known = {*ACTS, *REFUSED, *SAID} - {(C, "ulimits (nofile)")}
    assert fields("RegisterTaskDefinition", {*REFUSED, *SAID}) == known


@pytest.mark.parametrize("field", REFUSED, ids=".".join)
@pytest.mark.parametrize("has", [frozenset[Offer](), frozenset({Offer.MOUNTS})], ids=["plain", "mounts"])
def test_what_is_refused(field: Field, has: frozenset[Offer]) -> None:
    if Offer.MOUNTS in has and field in ((C, "mountPoints"), (C, "volumesFrom")):
        unsupported.runs(FARGATE, definition(*REFUSED[field]), lambda: has)
        return
    with pytest.raises(Invalid):
        validate(definition(*REFUSED[field]))
        unsupported.runs(FARGATE, definition(*REFUSED[field]), lambda: has)


@pytest.mark.parametrize("field", SAID, ids=".".join)
def test_what_is_said(field: Field) -> None:
    container, task, offer = SAID[field]
    validate(definition(container, task))
    unsupported.runs(FARGATE, definition(container, task), frozenset)
    [gap] = gaps.of(definition(container, task))
    assert gap.offer is offer
    assert gap.container == ("other" if container else None)
    assert gap.field.endswith(field[1])
    assert gap.field in str(gap) and (gap.container or "") in str(gap)


def test_nothing_is_said_of_what_is_not_asked() -> None:
    plain = {
        "user": "", "interactive": False, "ulimits": [], "logConfiguration": {"logDriver": "awslogs"},
        "linuxParameters": {"initProcessEnabled": False},
    }  # fmt: skip
    assert gaps.of(definition(plain, {"runtimePlatform": {"cpuArchitecture": "X86_64"}})) == []
    assert gaps.of(definition({}, {})) == []


def test_volumes_of_other_containers_are_mounted_too_and_no_more_writable() -> None:
    containers = [
        {"name": "a", "mountPoints": [{"sourceVolume": "v", "containerPath": "/v"},
                                      {"sourceVolume": "w", "containerPath": "/w", "readOnly": True}]},
        {"name": "b", "volumesFrom": [{"sourceContainer": "a"}],
         "mountPoints": [{"sourceVolume": "x", "containerPath": "/v"}]},
        {"name": "c", "volumesFrom": [{"sourceContainer": "b", "readOnly": True}]},
    ]  # fmt: skip
    found = [
        [
            (point.volume, point.target, point.read_only)
            for point in mounts.of({"containerDefinitions": containers}, name)
        ]
        for name in "abc"
    ]
    assert found == [
        [("v", "/v", False), ("w", "/w", True)],
        [("x", "/v", False), ("w", "/w", True)],
        [("x", "/v", True), ("w", "/w", True)],
    ]
