"""Load balancers, their listeners and the actions of rules, as moto keeps them and AWS shows them."""

from __future__ import annotations

from typing import Any

from moto.elbv2 import models as moto
from moto.moto_api._internal import mock_random

from drydock.embedded.services.elbv2.render import forwards
from drydock.policy.addresses import loopback

_APPLICATION_DEFAULTS = {
    "access_logs.s3.enabled": "false",
    "client_keep_alive.seconds": "3600",
    "connection_logs.s3.enabled": "false",
    "connection_logs.s3.bucket": "",
    "connection_logs.s3.prefix": "",
    "idle_timeout.timeout_seconds": "60",
    "load_balancing.cross_zone.enabled": "true",
    "routing.http.desync_mitigation_mode": "defensive",
    "routing.http.drop_invalid_header_fields.enabled": "false",
    "routing.http.preserve_host_header.enabled": "false",
    "routing.http.x_amzn_tls_version_and_cipher_suite.enabled": "false",
    "routing.http.xff_client_port.enabled": "false",
    "routing.http.xff_header_processing.mode": "append",
    "routing.http2.enabled": "true",
    "waf.fail_open.enabled": "false",
}


class Action(moto.FakeAction):
    """An action that shows a forward's target groups in both of the API's forms, as AWS does."""

    def __init__(self, data: dict[str, Any]) -> None:
        if groups := forwards(data):
            config = dict(data.get("ForwardConfig") or {})
            config.setdefault("TargetGroupStickinessConfig", {"Enabled": False})
            config["TargetGroups"] = [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in groups]
            data = {**data, "ForwardConfig": config}
            if len(groups) == 1:
                data["TargetGroupArn"] = groups[0][0]
        super().__init__(data)


class Listener(moto.FakeListener):
    """A listener whose default rule has an id of its own and whose rules are in order of priority."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.settings: Any = None  # what it was created with
        rule = self.arn.replace(":listener/", ":listener-rule/")
        self._default_rule[0].arn = f"{rule}/{mock_random.get_random_hex(16)}"

    @property
    def rules(self) -> dict[Any, Any]:
        ordered = sorted(self._non_default_rules.values(), key=lambda rule: int(rule.priority))
        return {rule.arn: rule for rule in ordered} | {self._default_rule[0].arn: self._default_rule[0]}


class LoadBalancer(moto.FakeLoadBalancer):
    """A load balancer with a network interface in each subnet.

    `home`: the address that its name stands for, which it keeps whatever its subnets are. `failure`: why it is not
    served. `ready_at`: when it is provisioned, in AWS seconds.
    """

    listeners: dict[str, Listener]  # type: ignore[assignment]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.type == "application":
            self.attrs |= _APPLICATION_DEFAULTS
        self.interfaces: dict[str, Any] = {}  # subnet id → EC2 network interface
        self.home = ""
        self.failure: str | None = None
        self.settings: Any = None  # what it was created with
        self.port_shown = ""
        self.ready_at = 0.0

    @property
    def addresses(self) -> tuple[str, ...]:
        own = [eni.private_ip_address for eni in self.interfaces.values()]
        return tuple(dict.fromkeys([self.home, *own] if self.home else own))

    @property
    def dns_name(self) -> str:
        return f"{loopback(self.home)}{self.port_shown}" if self.home else ""

    @dns_name.setter
    def dns_name(self, value: str) -> None:
        """moto makes a name that nothing resolves."""

    @property
    def load_balancer_state(self) -> dict[str, str]:
        if self.failure:
            return {"Code": "failed", "Reason": self.failure}
        return {"Code": self.state}

    def activate(self) -> None:
        """The state follows from what is served, not from having been asked for."""

    @property
    def target_groups(self) -> set[str]:
        return {
            arn
            for listener in self.listeners.values()
            for rule in listener.rules.values()
            for action in rule.actions
            for arn, _ in forwards(action.data)
        }
