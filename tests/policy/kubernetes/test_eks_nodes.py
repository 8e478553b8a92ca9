"""Upstream's cases: awslabs/amazon-eks-ami, nodeadm/internal/kubelet."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drydock.policy.kubernetes.eks_nodes import (
    allocatable,
    max_pods,
    max_pods_with_prefixes,
    reserved_mib,
    reserved_millicores,
    update,
)


@pytest.mark.parametrize(
    ("interfaces", "addresses", "pods"), [(2, 5, 10), (50, 1, 2), (3, 10, 29), (4, 15, 58), (3, 6, 17)]
)
def test_pods_of_an_instance(interfaces: int, addresses: int, pods: int) -> None:
    """maxpods/maxpods_test.go, TestMaxPodsFromENIInfo; eni-max-pods.txt for m5.large, m5.xlarge and t3.medium."""
    assert max_pods(interfaces, addresses) == pods


def test_prefixes_are_capped_as_eks_recommends() -> None:
    """EKS User Guide, "Assign more IP addresses": 110 for m5.large."""
    assert max_pods_with_prefixes(3, 10, 2) == 110
    assert max_pods_with_prefixes(15, 50, 96) == 250


@pytest.mark.parametrize(("vcpu", "kept"), [(1, 60), (2, 70), (4, 80), (8, 90), (96, 310)])
def test_reserved_cpu(vcpu: int, kept: int) -> None:
    assert reserved_millicores(vcpu) == kept


def test_reserved_memory_follows_pods_and_not_memory() -> None:
    """maxpods/maxpods_test.go, TestMaxPodsFromMemoryRoundTrip: 255 for none, 299 for four."""
    assert (reserved_mib(0), reserved_mib(4)) == (255, 299)
    assert allocatable(2, 8192, 29) == {"cpu": 1930, "memory": (8192 - 255 - 319 - 100) * 1024**2, "pods": 29}
    with pytest.raises(ValueError, match="Of 1024 MiB nothing is left for pods where 110 may run: 1465 are kept"):
        allocatable(2, 1024, 110)


@pytest.mark.parametrize(
    ("nodes", "zones", "unavailable", "expected"),
    [(10, 5, 1, (10, 10)), (40, 5, 20, (20, 2)), (41, 5, 20, (20, 3)), (3, 3, 1, (6, 3)), (0, 3, 1, (0, 0))],
)
def test_what_an_update_takes(nodes: int, zones: int, unavailable: int, expected: tuple[int, int]) -> None:
    """EKS User Guide, "Understand each phase of node updates": five zones launch 10 nodes, or 20 of 20."""
    assert update(nodes, zones=zones, max_unavailable=unavailable) == expected


def test_updates_that_eks_refuses() -> None:
    with pytest.raises(ValueError, match="max_unavailable is from 1 to 100, not 101"):
        update(3, zones=3, max_unavailable=101)
    with pytest.raises(ValueError, match="not 3 nodes in 0"):
        update(3, zones=0)


@settings(max_examples=50)
@given(st.integers(1, 192), st.integers(1, 192))
def test_a_larger_instance_keeps_more_and_leaves_more(vcpu: int, more: int) -> None:
    kept, of_more = reserved_millicores(vcpu), reserved_millicores(vcpu + more)
    assert kept <= of_more <= kept + 1000 * more
    assert kept < 1000 * vcpu
