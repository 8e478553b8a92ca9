"""Questions on Kubernetes and EKS, with their answers from policy."""

from __future__ import annotations

from functools import cache
from random import Random
from typing import Any

import celpy
import yaml
from celpy.adapter import json_to_cel

from drydock.policy import eks_versions
from drydock.policy.kubernetes import deployments, eks_nodes, fargate, quantities
from drydock.policy.kubernetes.hpa import replicas
from drydock.prep.items import LETTERS, Item, Kind, matched, traps
from drydock.prep.questions import directory

_NODES = "notebooks/managed-or-self-managed-nodes.ipynb"


def surge(rng: Random) -> Item:
    while True:
        wanted, percent, most = rng.randint(3, 30), rng.choice([10, 20, 25, 30, 50]), rng.random() < 0.5
        if wanted * percent % 100:
            break
    found = deployments.bounds(wanted, f"{percent}%", f"{percent}%")
    right = wanted + found.surge if most else wanted - found.unavailable
    other = right - 1  # a surge too small, or one more away
    name, asked = ("maxSurge", "may exist at most") if most else ("maxUnavailable", "have to be available at least")
    exact, way = wanted * percent / 100, "up" if most else "down"
    return Item(
        "bounds of a Deployment",
        Kind.NUMBER,
        f"A Deployment of Kubernetes has {wanted} replicas and {name} {percent}%. How many pods {asked} while it "
        "rolls?",
        str(right),
        f"{percent} % of {wanted} is {exact:g}. {name} is rounded {way}, to "
        f"{found.surge if most else found.unavailable}, so it is {right}.",
        "notebooks/progressive-delivery.ipynb",
        unit="pods",
        traps=traps(str(right), (str(other), f"That rounds {name} {'down' if most else 'up'}; it is rounded {way}.")),
        given={"wanted": wanted, "percent": percent, "most": most},
    )


def pod_on_fargate(rng: Random) -> Item:
    while True:
        containers = [(rng.choice([100, 250, 500]), rng.choice([256, 512, 768, 1024, 1536])) for _ in range(2)]
        cpu, mib = fargate.requested(containers)
        units, memory = fargate.size(cpu, mib)
        bare = next(one for one in range(512, 2**20, 512) if one >= mib)
        if memory != bare:
            break
    return Item(
        "pod on Fargate",
        Kind.NUMBER,
        "A pod of EKS on Fargate has two containers. One requests "
        + " and the other ".join(f"{one} m of CPU and {two} MiB" for one, two in containers)
        + ". How much memory does Fargate give the pod?",
        f"{memory / 1024:g}",
        f"The pod requests {cpu} m and {mib} MiB. Fargate adds {fargate.OVERHEAD_MIB} MiB for the kubelet and what "
        f"runs beside it, and rounds {mib + fargate.OVERHEAD_MIB} MiB up to a size that it has: {units} CPU units with "
        f"{memory} MiB.",
        "notebooks/fargate-profiles.ipynb",
        unit="GiB",
        traps=traps(
            f"{memory / 1024:g}",
            (f"{bare / 1024:g}", "That leaves out the 256 MiB that Fargate adds for its own."),
            (f"{mib / 1024:g}", "That is what the pod requests; Fargate has certain sizes only."),
        ),
        given={"containers": containers},
    )


def pods_of_a_node(rng: Random) -> Item:
    interfaces, addresses = rng.randint(2, 8), rng.choice([4, 6, 10, 12, 15, 30])
    right = eks_nodes.max_pods(interfaces, addresses)
    return Item(
        "pods of a node",
        Kind.NUMBER,
        f"An EC2 instance has {interfaces} network interfaces with {addresses} IPv4 addresses each. It is a node of "
        "EKS, with the VPC CNI as it comes and without prefixes. How many pods does EKS recommend at most?",
        str(right),
        f"The first address of each interface is the interface's own: {interfaces} × ({addresses} − 1) = "
        f"{interfaces * (addresses - 1)}. Two pods of the host's network need none: {right}.",
        _NODES,
        unit="pods",
        traps=traps(
            str(right),
            (str(right - 2), "That leaves out the two pods that use the host's network and need no address."),
            (str(interfaces * addresses), "The first address of each interface is no pod's."),
            (str(interfaces * addresses + 2), "The first address of each interface is no pod's."),
        ),
        given={"interfaces": interfaces, "addresses": addresses},
    )


def node_update(rng: Random) -> Item:
    nodes, zones, away = rng.randint(5, 40), rng.randint(2, 3), rng.randint(1, 4)
    first, rounds = eks_nodes.update(nodes, zones=zones, max_unavailable=away)
    return Item(
        "update of a node group",
        Kind.NUMBER,
        f"A managed node group of EKS has {nodes} nodes in {zones} zones and maxUnavailable {away}. It gets a new "
        "version. In how many rounds are the old nodes drained?",
        str(rounds),
        f"Up to {first} new nodes come first, so that there is room. Then {away} old "
        f"{'node is' if away == 1 else 'nodes are'} drained at a time: {nodes} / {away}, rounded up, is {rounds}.",
        _NODES,
        unit="rounds",
        traps=traps(
            str(rounds),
            (str(-(-nodes // first)), "That drains as many at a time as new ones come first; maxUnavailable decides."),
            (str(nodes), "That drains one at a time; maxUnavailable decides."),
        ),
        given={"nodes": nodes, "zones": zones, "away": away},
    )


def hpa_replicas(rng: Random) -> Item:
    pods, request, target = rng.randint(2, 12), rng.choice([200, 250, 500, 1000]), rng.choice([50, 60, 70, 80])
    used = rng.randrange(request * 20 // 100, request * 150 // 100, 10)
    found = replicas.by_utilization(replicas.Measured(pods, pods * used, pods * request), target, current=pods)
    right, ceiling = found.replicas, -(-pods * found.usage // target)
    settled = replicas.TOLERANCE.holds(found.ratio)
    return Item(
        "replicas of an HPA",
        Kind.NUMBER,
        f"A HorizontalPodAutoscaler has a target of {target} % of CPU. Its {pods} pods request {request} m each and "
        f"use {used} m on average, and all of them are ready. To how many replicas does the metric ask to scale?",
        str(right),
        f"Utilization is {used} / {request}, {found.usage} % in whole per cent. {found.usage} / {target} is "
        f"{found.ratio:.3f}, "
        + (
            "which is within 10 % of 1, so nothing is done."
            if settled
            else f"more than 10 % off 1; {pods} × that, rounded up, is {right}."
        ),
        "notebooks/hpa.ipynb",
        unit="replicas",
        traps=traps(
            str(right),
            (str(ceiling), "The ratio is within the tolerance of 10 %, so nothing is done."),
            (str(pods * found.usage // target), "That rounds down; an HPA rounds up."),
            (str(pods), "The ratio is off by more than the tolerance of 10 %, so it scales."),
        ),
        given={"pods": pods, "request": request, "target": target, "used": used},
    )


def sizes(rng: Random) -> Item:
    number = rng.choice([1, 2, 4])
    written = rng.sample(
        [f"{number}Gi", f"{number}G", f"{number * 1000}Mi", f"{number}e6", f"{number * 500}m", f"{number}M"], 4
    )
    values = [quantities.parse(one).value for one in written]
    mixed = sorted(values)
    told = {one: f"{one:,} {'byte' if one == 1 else 'bytes'}" for one in mixed}
    if len(set(values)) < 4:
        return sizes(rng)
    pairs = [mixed.index(value) + 1 for value in values]
    right = matched(pairs)
    return Item(
        "sizes in a manifest",
        Kind.MATCH,
        "A container's limit of memory is written in four ways. How much is each?",
        right,
        "G and M are powers of 1000, Gi and Mi of 1024, e6 is a million, and m is a thousandth, which nobody wants of "
        "a byte: " + "; ".join(f"{one} is {told[value]}" for one, value in zip(written, values, strict=True)) + ".",
        "notebooks/vpa.ipynb",
        options=tuple(written),
        partners=tuple(told[one] for one in mixed),
        traps=traps(
            right, *_swapped(pairs, "Look at the suffixes again: i is for powers of 1024, and m a thousandth.")
        ),
        given={"written": written},
    )


def _swapped(pairs: list[int], why: str) -> list[tuple[str, str]]:
    """Each answer in which two neighbours are taken for each other."""
    found = []
    for place in range(len(pairs) - 1):
        wrong = list(pairs)
        wrong[place], wrong[place + 1] = wrong[place + 1], wrong[place]
        found.append((matched(wrong), why))
    return found


def upgrades(rng: Random) -> Item:
    known = [str(one) for one in eks_versions.CALENDAR]
    first, last = sorted(rng.sample(range(len(known)), 2))
    nodes = rng.randint(2, 60)
    path = eks_versions.path(known[first], known[last])
    return Item(
        "upgrades of EKS",
        Kind.NUMBER,
        f"A cluster of EKS is on Kubernetes {known[first]}, with {nodes} nodes, and has to come to {known[last]} in "
        "place. How many times is the control plane upgraded?",
        str(len(path)),
        f"One minor version at a time: {', '.join(path)}. Nodes may be some versions behind, so they need not take "
        "every step.",
        "notebooks/version-calendar.ipynb",
        unit="upgrades",
        traps=traps(
            str(len(path)),
            ("1", "A control plane takes no minor version at a jump."),
            (str(len(path) + 1), "That counts the version on which the cluster is."),
        ),
        given={"current": known[first], "target": known[last]},
    )


def admission(rng: Random) -> Item:
    name, least = rng.choice(["cart", "prices", "search", "orders"]), rng.randint(1, 3)
    manifest = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            **rng.choice([{}, {"replicas": rng.randint(1, 4)}]),
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {
                    **rng.choice([{}, {"initContainers": [_container(rng, "wait")]}]),
                    "containers": [_container(rng, name)],
                },
            },
        },
    }
    policy = yaml.safe_load((directory().parent / "fixtures/policy/workloads-policy.yaml").read_text(encoding="utf-8"))
    rules = {one["message"].partition(": ")[2]: one["expression"] for one in policy["spec"]["validations"]}
    refusing = [message for message, expression in rules.items() if not _holds(policy, expression, manifest, least)]
    if not refusing:
        return admission(rng)
    right = "".join(letter for letter, message in zip(LETTERS, rules, strict=False) if message in refusing)
    everything = LETTERS[: len(rules)]
    return Item(
        "admission by CEL",
        Kind.SEVERAL,
        "A ValidatingAdmissionPolicy looks at all containers of a Deployment, those that come first among them. An "
        f"image has a version where it has a digest or a tag such as 1.4. At least {least} "
        f"{'replica is' if least == 1 else 'replicas are'} wanted. Which of its rules refuse this Deployment?",
        right,
        "Refused by: " + "; ".join(refusing) + ". Without replicas a Deployment has 1. A request is no limit, and a "
        "tag such as latest is no version.",
        "notebooks/policy-as-code.ipynb",
        options=tuple(rules),
        listing=yaml.safe_dump(manifest, sort_keys=False).rstrip("\n"),
        traps=traps(right, (everything, "Not all of them: what is in order passes its rule.")),
        given={"manifest": manifest, "least": least},
    )


def _container(rng: Random, name: str) -> dict[str, Any]:
    sizes = rng.choice([{}, {"requests": {"memory": "128Mi"}}, {"limits": {"memory": "128Mi"}}])
    return {
        "name": name,
        "image": f"registry.example/{name}" + rng.choice([":1.4.2", ":latest", "", f"@sha256:{'0f' * 32}"]),
        **({"resources": sizes} if sizes else {}),
        **rng.choice([{}, {}, {"securityContext": {"privileged": rng.random() < 0.5}}]),
    }


@cache
def _program(expression: str) -> Any:
    environment = celpy.Environment()
    return environment.program(environment.compile(expression))


def _holds(policy: dict[str, Any], expression: str, manifest: dict[str, Any], least: int) -> bool:
    """Whether a validation of the policy holds for the manifest, by the CEL engine."""
    values: dict[str, Any] = {"object": json_to_cel(manifest), "variables": celpy.celtypes.MapType()}
    for variable in policy["spec"]["variables"]:
        found = _program(variable["expression"]).evaluate(values)
        values["variables"][celpy.celtypes.StringType(variable["name"])] = found
    params = json_to_cel({"data": {"minReplicas": str(least)}})
    return bool(_program(expression).evaluate({**values, "params": params}))
