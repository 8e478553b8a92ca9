"""The rules and examples of the EKS User Guide, December 2024, on Fargate."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drydock.policy.kubernetes.fargate import Profile, Selector, profile_of, refused, requested, size
from drydock.policy.kubernetes.scheduling import Expression, Node, Pod, Taint, Toleration
from drydock.policy.kubernetes.scheduling.daemons import COMPUTE_TYPE, FARGATE_TAINT, daemon_nodes


@pytest.mark.parametrize(
    ("millicores", "mib", "expected"),
    [
        (1000, 8192, (2048, 9216)),  # the example of "Pod CPU and memory"
        (0, 0, (256, 512)),  # "the smallest available combination"
        (250, 256, (256, 512)),
        (250, 257, (256, 1024)),
        (251, 256, (512, 1024)),
        (250, 1792, (256, 2048)),
        (250, 1793, (512, 3072)),
        (500, 1024, (512, 2048)),
        (1000, 4096, (1024, 5120)),
        (4000, 30464, (4096, 30720)),
        (4000, 30465, (8192, 32768)),
        (16000, 122624, (16384, 122880)),
    ],
)
def test_sizes(millicores: int, mib: int, expected: tuple[int, int]) -> None:
    assert size(millicores, mib) == expected


@pytest.mark.parametrize("asked", [(16001, 0), (0, 122625)])
def test_more_than_there_is_refused(asked: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="at most 16 vCPU and 120 GB"):
        size(*asked)


@given(st.integers(0, 16000), st.integers(0, 100_000))
def test_a_size_is_never_less_than_what_is_asked_for(millicores: int, mib: int) -> None:
    units, memory = size(millicores, mib)
    assert units * 1000 >= millicores * 1024
    assert memory >= mib + 256
    assert size(millicores, max(0, mib - 1024))[1] <= memory or size(millicores, max(0, mib - 1024))[0] < units


def test_a_pod_asks_for_its_containers_or_for_its_largest_init_container() -> None:
    assert requested([(250, 512), (100, 64)]) == (350, 576)
    assert requested([(250, 512)], [(1000, 128), (500, 256)]) == (1000, 512)
    assert requested([]) == (0, 0)


BETA = Profile("beta-workload", (Selector("apps"),))
PROD = Profile("prod-workload", (Selector("apps"), Selector("prod*", {"tier": "?ront*"})))


@pytest.mark.parametrize(
    ("namespace", "labels", "expected"),
    [
        ("apps", {}, "beta-workload"),  # the example of "Fargate profile wildcards"
        ("apps", {"eks.amazonaws.com/fargate-profile": "prod-workload"}, "prod-workload"),
        ("apps", {"eks.amazonaws.com/fargate-profile": "other"}, None),
        ("prod", {"tier": "frontend"}, "prod-workload"),
        ("prod-metrics", {"tier": "front", "a": "b"}, "prod-workload"),
        ("prod", {"tier": "ront"}, None),
        ("prod", {}, None),
        ("default", {"tier": "frontend"}, None),
    ],
)
def test_which_profile(namespace: str, labels: dict[str, str], expected: str | None) -> None:
    found = profile_of([PROD, BETA], namespace, labels)
    assert (found.name if found else None) == expected


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [("prod*", "prod", True), ("prod*", "prod-metrics", True), ("value?", "valuea", True), ("value?", "value", False),
     ("value?", "value-a", False), ("*dev", "my-dev", True), ("frontend*?", "frontend", False), ("[ab]", "a", False)],
)  # fmt: skip
def test_wildcards(pattern: str, text: str, matches: bool) -> None:
    """The examples of "Fargate profile wildcards"; no other pattern is one."""
    assert Selector(pattern).matches(text, {}) is matches


@pytest.mark.parametrize("selectors", [(), (Selector("a"),) * 6, (Selector(""),)])
def test_profiles_that_eks_refuses(selectors: tuple[Selector, ...]) -> None:
    with pytest.raises(ValueError, match="p: a"):
        Profile("p", selectors)


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"hostNetwork": True}, "hostNetwork"),
        ({"containers": [{"ports": [{"containerPort": 80, "hostPort": 80}]}]}, "hostPort"),
        ({"containers": [{"securityContext": {"privileged": True}}]}, "privileged"),
        ({"initContainers": [{"securityContext": {"privileged": True}}]}, "privileged"),
        ({"containers": [{"resources": {"limits": {"nvidia.com/gpu": 1}}}]}, "nvidia.com/gpu"),
        ({"volumes": [{"hostPath": {"path": "/"}}]}, "hostPath"),
        ({"nodeSelector": {"kubernetes.io/arch": "arm64"}}, "kubernetes.io/arch=arm64"),
        ({"nodeSelector": {"kubernetes.io/os": "windows"}}, "kubernetes.io/os=windows"),
    ],
)
def test_what_fargate_has_not_got(spec: dict[str, object], says: str) -> None:
    [found] = refused(spec)
    assert found.startswith(says)
    assert refused({"containers": [{"ports": [{"containerPort": 80}]}], "volumes": [{"emptyDir": {}}]}) == []


EC2 = Node("ec2", {})
FARGATE = Node("fargate", {}, {COMPUTE_TYPE: "fargate"}, (FARGATE_TAINT,))
BUSY = Node("busy", {}, taints=(Taint("node.kubernetes.io/memory-pressure"), Taint("node.kubernetes.io/unschedulable")))
NOT_FARGATE = ((Expression(COMPUTE_TYPE, "NotIn", ("fargate",)),),)


@pytest.mark.parametrize(
    ("pod", "expected"),
    [
        (Pod("agent"), ["ec2", "busy"]),
        (Pod("agent", node_selector={COMPUTE_TYPE: "ec2"}), []),
        (Pod("agent", node_affinity=NOT_FARGATE), ["ec2", "busy"]),
        (Pod("agent", tolerations=(Toleration(operator="Exists"),)), ["ec2", "fargate", "busy"]),
        (Pod("agent", node_affinity=NOT_FARGATE, tolerations=(Toleration(operator="Exists"),)), ["ec2", "busy"]),
        (Pod("agent", requests={"cpu": 10**6}), ["ec2", "busy"]),
    ],
)
def test_where_a_daemon_set_runs(pod: Pod, expected: list[str]) -> None:
    """Kubernetes, "DaemonSet": tolerations that the controller adds; EKS's label and taint of Fargate nodes."""
    assert [node.name for node in daemon_nodes(pod, [EC2, FARGATE, BUSY])] == expected
