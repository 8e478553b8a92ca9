"""What the concepts of nodes share: instance types as nodes of EKS, by name."""

from __future__ import annotations

from drydock.policy.kubernetes import eks_nodes
from drydock.policy.kubernetes.scheduling import Node
from drydock.pricing import SHAPES

MIB, GIB = 1024**2, 1024**3
_SMALL, _LARGE, _XLARGE = (3, 6), (3, 10), (4, 15)
INTERFACES = {
    name: _SMALL if name == "t3.medium" else _LARGE if name.endswith(".large") or name == "g4dn.xlarge" else _XLARGE
    for name in SHAPES
}
"""Network interfaces, and IPv4 addresses on each. Source: EC2 DescribeInstanceTypes."""


def types(text: str) -> list[str]:
    """Instance types from "m5.large c5.xlarge". Raises LookupError for one without a price, ValueError for none."""
    found = text.replace(",", " ").split() if isinstance(text, str) else []
    if not found:
        raise ValueError(f"types names instance types, such as m5.large c5.xlarge, not {text!r}.")
    for name in found:
        if name not in SHAPES:
            raise LookupError(f"No dated price for instance type {name!r}. There is one for: {', '.join(SHAPES)}.")
    return list(dict.fromkeys(found))


def one_type(text: str) -> str:
    """The one instance type of `text`. Raises LookupError for one without a price, ValueError for none or several."""
    if not isinstance(text, str) or len(text.split()) != 1:
        raise ValueError(f"instance_type names one instance type, such as m5.large, not {text!r}.")
    return types(text)[0]


def max_pods(name: str, *, prefixes: bool = False) -> int:
    """How many pods may run on an instance, by its addresses."""
    if prefixes:
        return eks_nodes.max_pods_with_prefixes(*INTERFACES[name], SHAPES[name].vcpu)
    return eks_nodes.max_pods(*INTERFACES[name])


def node(name: str, *, prefixes: bool = False) -> Node:
    """An instance as a node: what pods may request of it, and all that EC2 says that it has."""
    shape = SHAPES[name]
    pods = max_pods(name, prefixes=prefixes)
    return Node(
        name,
        eks_nodes.allocatable(shape.vcpu, shape.gb * 1024, pods),
        {"node.kubernetes.io/instance-type": name, "kubernetes.io/arch": _ARCH[shape.architecture]},
        capacity={"cpu": 1000 * shape.vcpu, "memory": shape.gb * GIB, "pods": pods},
    )


_ARCH = {"x86_64": "amd64", "arm64": "arm64"}
