"""Instance types as upstream's tests have them: kubernetes-sigs/karpenter, pkg/cloudprovider/fake/instancetype.go."""

from __future__ import annotations

from collections.abc import Sequence

from drydock.policy.kubernetes.karpenter.offers import ON_DEMAND, SPOT, InstanceType, Offering, instance_type
from drydock.policy.kubernetes.scheduling import Pod

GIB, MIB = 1024**3, 1024**2
OFFERED = ((SPOT, "test-zone-1"), (SPOT, "test-zone-2"), *((ON_DEMAND, f"test-zone-{zone}") for zone in (1, 2, 3)))


def fake(
    name: str,
    cpu: int = 4,
    gib: int = 4,
    pods: int = 5,
    *,
    offerings: Sequence[Offering] = (),
    architecture: str = "amd64",
    systems: Sequence[str] = ("linux", "windows", "darwin"),
    **more: int,
) -> InstanceType:
    """Its price is 0.1 for each CPU and each GB; 100 m and 10 MiB are kept of it."""
    price = 0.1 * cpu + 0.1 * gib * GIB / 1e9
    capacity = {"cpu": 1000 * cpu, "memory": gib * GIB, "pods": pods, **more}
    return instance_type(
        name,
        capacity=capacity,
        allocatable={**capacity, "cpu": 1000 * cpu - 100, "memory": gib * GIB - 10 * MIB},
        offerings=offerings or [Offering(zone, kind, price) for kind, zone in OFFERED],
        labels={"integer": str(cpu)},
        architecture=architecture,
        systems=systems,
    )


DEFAULTS = (
    fake("default-instance-type"),
    fake("small-instance-type", 2, 2),
    fake("gpu-vendor-instance-type", **{"fake.com/vendor-a": 2}),
    fake("gpu-vendor-b-instance-type", **{"fake.com/vendor-b": 2}),
    fake("arm-instance-type", 16, 128, architecture="arm64", systems=("ios", "linux", "windows", "darwin")),
    fake("single-pod-instance-type", pods=1),
)


def assorted() -> list[InstanceType]:
    """*InstanceTypesAssorted*: each with one offering; no windows and linux together."""
    return [
        fake(
            f"{cpu}-cpu-{gib}-mem-{arch}-{system}-{zone}-{kind}", cpu, gib, architecture=arch, systems=(system,),
            offerings=[Offering(zone, kind, 0.1 * cpu + 0.1 * gib * GIB / 1e9)],
        )
        for cpu in (1, 2, 4, 8, 16, 32, 64)
        for gib in (1, 2, 4, 8, 16, 32, 64, 128)
        for zone in ("test-zone-1", "test-zone-2", "test-zone-3")
        for kind in (SPOT, ON_DEMAND)
        for system in ("linux", "windows")
        for arch in ("amd64", "arm64")
    ]  # fmt: skip


def pods(count: int, cpu: int = 0, memory: float = 0, name: str = "pod", **more: object) -> list[Pod]:
    amounts = {key: int(value) for key, value in (("cpu", cpu), ("memory", memory)) if value}
    return [Pod(f"{name}-{n}", amounts, **more) for n in range(count)]  # type: ignore[arg-type]
