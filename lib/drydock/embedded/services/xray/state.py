"""Sampling rules, which take the place of moto's backend."""

from __future__ import annotations

from typing import Any

from moto.core.utils import unix_time
from moto.xray.models import XRayBackend

from drydock.policy.requests.errors import Invalid
from drydock.policy.traces import sampling

Record = dict[str, Any]


class Rules(XRayBackend):
    """The rules of a region, each as GetSamplingRules shows it, and which clients have reported by which."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        default = sampling.default(region_name, account_id)
        self.records: dict[str, Record] = {
            sampling.DEFAULT: {"SamplingRule": default, "CreatedAt": 0.0, "ModifiedAt": 0.0}
        }
        self.changed = 0.0
        self._seen: dict[str, dict[str, float]] = {}

    @property
    def rules(self) -> dict[str, Any]:
        return {name: record["SamplingRule"] for name, record in self.records.items()}

    def create(self, given: Record) -> Record:
        rule = sampling.created(given, self.rules, self.region_name, self.account_id)
        now = self.changed = unix_time()
        self.records[rule["RuleName"]] = {"SamplingRule": rule, "CreatedAt": now, "ModifiedAt": now}
        return self.records[rule["RuleName"]]

    def update(self, update: Record) -> Record:
        record = self.records[sampling.named(update, self.rules)]
        rule = sampling.updated(record["SamplingRule"], update)
        self.changed = unix_time()
        record |= {"SamplingRule": rule, "ModifiedAt": self.changed}
        return record

    def delete(self, asked: Record) -> Record:
        name = sampling.named(asked, self.rules)
        if name == sampling.DEFAULT:
            raise Invalid("InvalidRequestException", f"The rule {sampling.DEFAULT} cannot be deleted.")
        self.changed = unix_time()
        self._seen.pop(name, None)
        return self.records.pop(name)

    def target(self, name: str, client: str) -> Record:
        """What a client that has reported is told."""
        now, seen = unix_time(), self._seen.setdefault(name, {})
        seen[client] = now
        for gone in [each for each, at in seen.items() if now - at > sampling.QUOTA_FOR]:
            del seen[gone]
        return sampling.target(self.rules[name], client, seen, now).answer()
