"""Versions of EKS add-ons: how they are written, which belong together, in which steps they go up.

Sources: Amazon EKS User Guide (documented): the form of versions, one minor version at a time for the VPC CNI, the
tables of latest versions; EKS API Reference, *UpdateAddon*, for conflicts. Kubernetes, "Version Skew Policy"
(documented), for what may be how far apart.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_FORM = re.compile(r"v(\d+)\.(\d+)\.(\d+)-eksbuild\.(\d+)")
MODES = ("NONE", "OVERWRITE", "PRESERVE")
KUBELET_OLDER = KUBE_PROXY_OLDER = KUBE_PROXY_APART = 3
"""Minor versions that a kubelet or kube-proxy may be behind the API server, and these two from each other."""

LATEST: Mapping[str, Mapping[str, str]] = {
    "vpc-cni": dict.fromkeys(("1.28", "1.29", "1.30", "1.31"), "v1.19.0-eksbuild.1"),
    "coredns": {
        "1.28": "v1.10.1-eksbuild.15",
        **dict.fromkeys(("1.29", "1.30", "1.31"), "v1.11.3-eksbuild.2"),
    },
    "kube-proxy": {
        "1.28": "v1.28.15-eksbuild.4",
        "1.29": "v1.29.10-eksbuild.3",
        "1.30": "v1.30.6-eksbuild.3",
        "1.31": "v1.31.2-eksbuild.3",
    },
}
"""The latest version of an add-on by version of Kubernetes. Source: awsdocs/amazon-eks-user-guide, December 2024."""
LATEST_2025: Mapping[str, Mapping[str, str]] = {
    "coredns": {
        "1.28": "v1.10.1-eksbuild.38",
        **dict.fromkeys(("1.29", "1.30", "1.31", "1.32"), "v1.11.4-eksbuild.24"),
        **dict.fromkeys(("1.33", "1.34"), "v1.12.4-eksbuild.1"),
    },
    "kube-proxy": {
        "1.28": "v1.28.15-eksbuild.31",
        "1.29": "v1.29.15-eksbuild.16",
        "1.30": "v1.30.14-eksbuild.8",
        "1.31": "v1.31.13-eksbuild.2",
        "1.32": "v1.32.9-eksbuild.2",
        "1.33": "v1.33.5-eksbuild.2",
        "1.34": "v1.34.1-eksbuild.2",
    },
}
"""The same a year later. Source: the pages "Manage CoreDNS" and "Manage kube-proxy" of the user guide while 1.34 was
the newest version, so late in 2025 (documented; the day is not known)."""


@dataclass(frozen=True, order=True)
class Version:
    """`v1.15.0-eksbuild.2`: the program's own version, and the build of EKS."""

    major: int
    minor: int
    patch: int
    build: int

    def __str__(self) -> str:
        return f"v{self.major}.{self.minor}.{self.patch}-eksbuild.{self.build}"


def version(text: str) -> Version:
    """The version of an add-on. Raises ValueError for what is none, such as one without a build.

    >>> version("v1.15.0-eksbuild.2").build
    2
    """
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError(
            f"{text!r} is no version of an add-on: it has the form v1.15.0-eksbuild.2. "
            "DescribeAddonVersions lists those that there are."
        )
    return Version(*map(int, found.groups()))


def steps(now: str, wanted: str) -> list[str]:
    """The minor versions that a VPC CNI goes through, one at a time. Down is ours: the page is about updates.

    Raises ValueError between two major versions, of which the page says nothing.

    >>> steps("v1.28.1-eksbuild.1", "v1.30.1-eksbuild.1")
    ['1.29', '1.30']
    """
    first, last = version(now), version(wanted)
    if first.major != last.major:
        raise ValueError(f"The steps from {now} to {wanted} are not known: they are of one major version only.")
    way = 1 if last.minor >= first.minor else -1
    return [f"{last.major}.{minor}" for minor in range(first.minor + way, last.minor + way, way)]


def skew(api_server: int, kubelet: int, kube_proxy: int) -> list[str]:
    """What is wrong with these minor versions of 1.x together; nothing where they are supported.

    >>> skew(34, 31, 31)
    []
    """
    found = []
    for name, minor, older in (("kubelet", kubelet, KUBELET_OLDER), ("kube-proxy", kube_proxy, KUBE_PROXY_OLDER)):
        if minor > api_server:
            found.append(f"{name} 1.{minor} is newer than the API server, 1.{api_server}")
        elif minor < api_server - older:
            found.append(f"{name} 1.{minor} is {api_server - minor} versions behind the API server, {older} at most")
    if abs(kubelet - kube_proxy) > KUBE_PROXY_APART:
        apart = abs(kubelet - kube_proxy)
        found.append(f"kube-proxy and kubelet are {apart} versions apart, {KUBE_PROXY_APART} at most")
    return found


def resolved(mine: str | None, default: str, mode: str, *, update: bool) -> tuple[str, bool]:
    """(value, whether the operation may fail) of a field that somebody had set to `mine`; None: nobody had.

    mode    resolveConflicts: NONE keeps it and may fail, OVERWRITE takes EKS's default, PRESERVE keeps it. Only an
            update does that without failing: CreateAddon takes PRESERVE like NONE (documented).
    update  else the add-on is created where one that EKS does not manage was installed before.

    Raises ValueError for a mode that there is not.
    """
    if mode not in MODES:
        raise ValueError(f"resolveConflicts is one of {', '.join(MODES)}, not {mode!r}.")
    if mine is None or mine == default:
        return default, False
    if mode == "OVERWRITE":
        return default, False
    return mine, mode == "NONE" or not update


@dataclass(frozen=True)
class Step:
    """One update: of the control plane, of an add-on, or of the nodes."""

    kubernetes: str
    what: str
    to: str


def plan(now: str, wanted: str, latest: Mapping[str, Mapping[str, str]]) -> list[Step]:
    """The updates that bring a cluster from one version of Kubernetes to another, in order. Raises ValueError.

    For each minor version the control plane first, then what changes of the add-ons, as `latest` has them, then the
    nodes. That control planes go up by one and never down is documented. That nodes follow each time is a choice: they
    may be three behind.
    """
    first, last = (int(one.partition(".")[2]) for one in (now, wanted))
    if last < first:
        raise ValueError(f"A control plane goes up only, not from {now} to {wanted}.")
    found = []
    for minor in range(first + 1, last + 1):
        before, to = f"1.{minor - 1}", f"1.{minor}"
        found.append(Step(to, "control plane", to))
        for name, versions in latest.items():
            if to not in versions or before not in versions:
                raise ValueError(f"The table has no {name} for {to if to not in versions else before}.")
            if versions[to] != versions[before]:
                found.append(Step(to, name, versions[to]))
        found.append(Step(to, "nodes", to))
    return found
