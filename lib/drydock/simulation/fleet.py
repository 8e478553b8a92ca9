"""Instances, and the tasks on them."""

from __future__ import annotations

from drydock import pricing
from drydock.simulation.model import Nodes


class Fleet:
    """Instances by how many tasks each has. Tasks go where the least is free that still fits (binpack)."""

    def __init__(self, nodes: Nodes, tasks: int) -> None:
        price = pricing.instances(1, nodes.instance_type).usd_per_hour
        if price is None:
            raise ValueError(f"No dated price for the instance type {nodes.instance_type!r}.")
        self.nodes, self.price, self.booting = nodes, price, 0
        full, rest = divmod(tasks, nodes.slots)
        self.used = [nodes.slots] * full + [rest] * bool(rest)

    @property
    def count(self) -> int:
        return len(self.used) + self.booting

    def usd_an_hour(self) -> float:
        return self.price * self.count

    def needed(self, waiting: int) -> int:
        """Instances that have a task, and those that the waiting tasks would fill."""
        return sum(used > 0 for used in self.used) + -(-waiting // self.nodes.slots)

    def take(self, count: int) -> int:
        """Places so many tasks, or as many as there is room for; how many."""
        left = count
        for index in sorted(range(len(self.used)), key=lambda index: -self.used[index]):
            room = min(left, self.nodes.slots - self.used[index])
            self.used[index] += room
            left -= room
        return count - left

    def give_up(self) -> None:
        """One task ends, where the most is free after it."""
        index = min((i for i, used in enumerate(self.used) if used), key=lambda i: self.used[i])
        self.used[index] -= 1

    def end_empty(self, most: int) -> int:
        """So many empty instances end at most; how many."""
        gone = min(most, self.used.count(0))
        for _ in range(gone):
            self.used.remove(0)
        return gone
