"""What labs have left in a cloud: whose it is, what a real account would be charged for it, and what ends it."""

from __future__ import annotations

from collections import Counter

from drydock.cloud import Cloud
from drydock.ledger import by_lab
from drydock.pricing import charged, estimate
from drydock.resources import KINDS


def others_left(cloud: Cloud) -> str:
    """A few lines; empty where nothing is left."""
    kinds = {kind.name: kind for kind in KINDS}
    left = [(lab, one) for one, lab in by_lab(cloud).items() if kinds[one[0]].exists(cloud, one[1])]
    if not left:
        return ""
    lines = []
    for lab in sorted({lab for lab, _ in left}):
        counted = Counter(kind for owner, (kind, _) in left if owner == lab)
        said = ", ".join(f"{kind}: {number}" for kind, number in sorted(counted.items()))
        lines.append(f"Lab {lab} has left {said}. `drydock sweep --lab {lab}` deletes it.")
    cost = estimate([item for _, one in left for item in charged(cloud, *one)], 1, region=cloud.region)
    by_the_month = "\nKeys, secrets, logs and what is stored are charged by the month." if _by_the_month(left) else ""
    hourly = str(cost).rstrip(".")
    return "\n".join([*lines, f"On AWS, by the hour: {hourly}.{by_the_month}\n`drydock sweep` ends it all."])


def _by_the_month(left: list[tuple[str, tuple[str, str]]]) -> bool:
    return any(kind in ("KMS key", "secret", "log group", "repository", "Cloud Map namespace") for _, (kind, _) in left)
