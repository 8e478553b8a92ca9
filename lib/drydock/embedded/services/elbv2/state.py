"""What may be made, changed and deleted, by AWS's rules, in place of moto's backend."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from moto.core.exceptions import ServiceException
from moto.elbv2 import models as moto
from moto.elbv2.exceptions import (
    DuplicateListenerError,
    DuplicatePriorityError,
    ELBClientError,
    InvalidConditionFieldError,
    InvalidConditionValueError,
    InvalidConfigurationRequest,
    InvalidTargetError,
    ListenerNotFoundError,
    LoadBalancerNotFoundError,
    ResourceInUseError,
    RuleNotFoundError,
    SubnetNotFoundError,
    TargetGroupNotFoundError,
    TooManyTagsError,
    ValidationError,
)

from drydock.embedded.core import seams
from drydock.embedded.services.elbv2.balancers import Listener, LoadBalancer
from drydock.embedded.services.elbv2.errors import InvalidTarget, OperationNotPermitted, Refused
from drydock.embedded.services.elbv2.groups import Target, TargetGroup
from drydock.embedded.services.elbv2.health import Health
from drydock.embedded.services.elbv2.render import forwards, resource_id
from drydock.embedded.services.elbv2.validation import (
    MAX_TAGS,
    check_attributes,
    check_cidr,
    check_condition,
    check_name,
    check_priority,
    check_ranges,
    check_redirect,
    check_tags,
    compiles,
    frozen,
)
from drydock.policy.addresses import NoFreeAddress, can_be_target, loopback, next_free
from drydock.policy.requests.errors import Invalid
from drydock.policy.traffic import check_weights

if TYPE_CHECKING:
    from drydock.embedded.core.host import Host
    from drydock.embedded.services.elbv2.controller import Plane

Document = dict[str, Any]

MAX_RULES = 100  # per load balancer, default rules not counted (quotas)
_COMPATIBLE = {"HTTP": ("HTTP", "HTTPS"), "HTTPS": ("HTTP", "HTTPS"), "TCP": ("TCP",)}


class Backend(moto.ELBv2Backend):
    """moto's backend with AWS's rules on what may be made, changed and deleted.

    It holds our load balancers and target groups: `install` puts their classes in place of moto's.
    """

    host: Host
    plane: Plane
    load_balancers: dict[str, LoadBalancer]  # type: ignore[assignment]
    target_groups: dict[str, TargetGroup]  # type: ignore[assignment]

    # -- load balancers -------------------------------------------------------------------------

    def create_load_balancer(
        self,
        name: str,
        security_groups: list[str],
        subnet_ids: list[str],
        subnet_mappings: list[dict[str, str]] | None = None,
        scheme: str = "internet-facing",
        loadbalancer_type: str | None = None,
        ip_address_type: str = "ipv4",
        tags: list[dict[str, str]] | None = None,
    ) -> LoadBalancer:
        kind = loadbalancer_type or "application"
        scheme = scheme or "internet-facing"
        check_name("load balancer", name)
        if name.startswith("internal-"):
            raise ValidationError(f"The load balancer name '{name}' cannot begin with 'internal-'")
        if scheme not in ("internet-facing", "internal"):
            raise Refused("InvalidScheme", f"The scheme '{scheme}' must be internet-facing or internal")
        check_tags(tags)
        subnets = self._subnets([*subnet_ids, *(m["SubnetId"] for m in subnet_mappings or ())], kind)
        if kind == "application":
            security_groups = self._security_groups(security_groups, subnets[0].vpc_id)
        settings = (kind, scheme, tuple(s.id for s in subnets), tuple(security_groups))
        for existing in self.load_balancers.values():
            if existing.name == name:
                if existing.settings == settings:
                    return existing
                raise Refused(
                    "DuplicateLoadBalancerName",
                    f"A load balancer with the same name '{name}' exists, but with different settings",
                )
        most = self.host.profile.load_balancers
        same = sum(lb.type == kind for lb in self.load_balancers.values())
        if most is not None and same >= most and not seams.replaying():
            raise Refused("TooManyLoadBalancers", f"You have reached the maximum of {most} load balancers of this type")
        balancer = super().create_load_balancer(
            name,
            security_groups,
            [subnet.id for subnet in subnets],
            scheme=scheme,
            loadbalancer_type=kind,
            ip_address_type=ip_address_type,
            tags=tags,
        )
        assert isinstance(balancer, LoadBalancer)
        if kind != "application":  # moto's ARN says app whatever it is
            del self.load_balancers[balancer.arn]
            self.tagging_service.delete_all_tags_for_resource(balancer.arn)
            short = {"network": "net", "gateway": "gwy"}[kind]
            balancer.arn = balancer.arn.replace("/app/", f"/{short}/")
            self.load_balancers[balancer.arn] = balancer
            self.tagging_service.tag_resource(balancer.arn, tags)
        balancer.settings = settings
        if not seams.replaying():
            balancer.ready_at = self.plane.clock.time() + self.host.profile.load_balancer
        balancer.port_shown = "" if self.plane.low_ports else ":8080"
        try:
            for subnet in subnets:
                self._attach(balancer, subnet)
        except ELBClientError:
            self._discard(balancer, at_once=True)
            raise
        return balancer

    def _subnets(self, identifiers: Iterable[str], kind: str) -> list[Any]:
        found = []
        for identifier in identifiers:
            try:
                found.append(self.ec2_backend.get_subnet(identifier))
            except ServiceException:
                raise Refused("SubnetNotFound", f"The subnet ID '{identifier}' does not exist") from None
        if not found:
            raise SubnetNotFoundError
        if len({subnet.vpc_id for subnet in found}) > 1:
            raise InvalidConfigurationRequest("All subnets must belong to the same VPC")
        zones = {subnet.availability_zone for subnet in found}
        if len(zones) < len(found):
            raise InvalidConfigurationRequest(
                "A load balancer cannot be attached to multiple subnets in the same Availability Zone"
            )
        if kind == "application" and len(zones) < 2:
            raise ValidationError("At least two subnets in two different Availability Zones must be specified")
        return found

    def _security_groups(self, given: Sequence[str], vpc_id: str) -> list[str]:
        if not given:
            default = self.ec2_backend.get_default_security_group(vpc_id)
            assert default is not None
            return [default.id]
        for identifier in given:
            found = self.ec2_backend.get_security_group_from_id(identifier)
            if found is None:
                raise Refused("InvalidSecurityGroup", f"The security group '{identifier}' does not exist")
            if found.vpc_id != vpc_id:
                raise InvalidConfigurationRequest(f"The security group '{identifier}' is of another VPC than {vpc_id}")
        return list(given)

    def _attach(self, balancer: LoadBalancer, subnet: Any) -> None:
        """Give the load balancer an address in the subnet, on an interface that describe shows as AWS's."""
        place = f"{resource_id(balancer.arn)}@{subnet.id}"
        before = self.host.front.chosen_before(place)
        address = self._free_address(subnet, first=before)
        self.host.front.chose(place, address)
        eni = self.ec2_backend.create_network_interface(
            subnet,
            address,
            group_ids=list(balancer.security_groups),
            description=f"ELB {resource_id(balancer.arn)}",
        )
        eni.requester_id, eni.requester_managed, eni.status = "amazon-elb", True, "in-use"
        balancer.interfaces[subnet.id] = eni
        balancer.home = balancer.home or address

    def _free_address(self, subnet: Any, first: str | None) -> str:
        # Loopback has no VPCs: what stands for an address must be free in all regions and on this machine.
        real = {
            loopback(eni.private_ip_address)
            for backend in self.host.backends_so_far("ec2")
            for eni in backend.enis.values()
        }
        taken = {*subnet._subnet_ips}
        while True:
            try:
                address = first if first and first not in taken else next_free(subnet.cidr_block, taken)
            except NoFreeAddress as error:
                raise Refused("InvalidSubnet", f"Not enough IP space available: {error}") from None
            if loopback(address) not in real and self.plane.claims.hold(loopback(address)):
                return address
            taken.add(address)

    def _detach(self, balancer: LoadBalancer, subnet_id: str, *, at_once: bool = False) -> None:
        eni = balancer.interfaces.pop(subnet_id)
        if eni.private_ip_address != balancer.home:
            self.plane.claims.release(loopback(eni.private_ip_address))
        enis = self.ec2_backend.enis
        self.plane.later(0.0 if at_once else self.host.profile.balancer_interfaces, lambda: enis.pop(eni.id, None))

    def _discard(self, balancer: LoadBalancer, *, at_once: bool = False) -> None:
        for subnet_id in list(balancer.interfaces):
            self._detach(balancer, subnet_id, at_once=at_once)
        if balancer.home:
            self.plane.claims.release(loopback(balancer.home))
        for listener in balancer.listeners.values():
            self._forget_tags(listener.arn, *listener.rules)
        self._forget_tags(balancer.arn)
        self.load_balancers.pop(balancer.arn, None)

    def _forget_tags(self, *arns: str) -> None:
        for arn in arns:
            self.tagging_service.delete_all_tags_for_resource(arn)

    def is_load_balancer(self, address: str) -> bool:
        return any(address in lb.addresses for lb in self.load_balancers.values())

    def describe_load_balancers(self, arns: list[str] | None, names: list[str] | None) -> list[Any]:
        self.plane.settle()
        balancers = list(self.load_balancers.values())
        found = [lb for lb in balancers if (not arns and not names) or lb.arn in (arns or ())]
        if len(found) < len(set(arns or ())):
            missing = next(arn for arn in arns or () if arn not in self.load_balancers)
            raise Refused("LoadBalancerNotFound", f"Load balancer '{missing}' not found")
        for name in names or ():
            named = [lb for lb in balancers if lb.name == name]
            if not named:
                raise Refused("LoadBalancerNotFound", f"Load balancers '[{name}]' not found")
            found += [lb for lb in named if lb not in found]
        return found

    def delete_load_balancer(self, arn: str) -> None:
        balancer = self.load_balancers.get(arn)
        if balancer is None:
            return
        if balancer.attrs.get("deletion_protection.enabled") == "true":
            raise OperationNotPermitted(
                f"Load balancer '{arn}' cannot be deleted because deletion protection is enabled"
            )
        self._discard(balancer)

    def set_subnets(
        self, arn: str, subnets: list[str], subnet_mappings: list[dict[str, Any]]
    ) -> list[moto.AvailabilityZone]:
        balancer = self._load_balancer(arn)
        found = self._subnets([*subnets, *(m["SubnetId"] for m in subnet_mappings)], balancer.type)
        wanted = {subnet.id for subnet in found}
        for subnet in found:
            if subnet.id not in balancer.interfaces:
                self._attach(balancer, subnet)
        for subnet_id in [subnet_id for subnet_id in balancer.interfaces if subnet_id not in wanted]:
            self._detach(balancer, subnet_id)
        balancer.subnets = found
        return balancer.availability_zones

    def modify_load_balancer_attributes(self, arn: str, attrs: dict[str, Any]) -> dict[str, Any]:
        self._load_balancer(arn)
        check_attributes(attrs)
        return super().modify_load_balancer_attributes(arn, attrs)

    def set_security_groups(self, arn: str, sec_groups: list[str]) -> None:
        balancer = self._load_balancer(arn)
        balancer.security_groups = self._security_groups(sec_groups, balancer.vpc_id)
        for eni in balancer.interfaces.values():
            eni._group_set = [self.ec2_backend.get_security_group_from_id(group) for group in balancer.security_groups]

    def _load_balancer(self, arn: str) -> LoadBalancer:
        if arn not in self.load_balancers:
            raise LoadBalancerNotFoundError
        balancer = self.load_balancers[arn]
        assert isinstance(balancer, LoadBalancer)
        return balancer

    # -- listeners ------------------------------------------------------------------------------

    def create_listener(
        self,
        load_balancer_arn: str,
        protocol: str,
        port: str,
        ssl_policy: str,
        certificate: str | None,
        actions: list[Document],
        alpn_policy: list[str] | None = None,
        tags: list[dict[str, str]] | None = None,
    ) -> Listener:
        balancer = self._load_balancer(load_balancer_arn)
        check_tags(tags)
        self._validate_port_and_protocol(balancer.type, port, protocol)
        settings = (protocol, int(port or 0), ssl_policy, certificate, frozen(actions))
        for existing in balancer.listeners.values():
            if int(existing.port or 0) == int(port or 0):
                if existing.settings == settings:
                    return existing
                raise DuplicateListenerError
        self._check_listener(protocol, certificate)
        self._check_forwards(balancer, protocol, actions)
        listener = super().create_listener(
            load_balancer_arn, protocol, port, ssl_policy, certificate, actions, alpn_policy, tags
        )
        assert isinstance(listener, Listener)
        listener.settings = settings
        return listener

    def _check_listener(self, protocol: str | None, certificate: str | None) -> None:
        if protocol in ("TLS", "UDP", "TCP_UDP"):
            raise Refused(
                "UnsupportedProtocol",
                f"The embedded load balancer does not serve {protocol} listeners: use TCP, HTTP or HTTPS",
            )
        if protocol == "HTTPS":
            if certificate is None:
                raise ValidationError("A certificate must be specified for HTTPS listeners")
            if not self._certificate_exists(certificate):
                raise Refused("CertificateNotFound", f"Certificate '{certificate}' not found")

    def _check_forwards(self, balancer: LoadBalancer, protocol: str, actions: Sequence[Mapping[str, Any]]) -> None:
        """Whether these actions may be performed here; raises what AWS does."""
        finals = [action for action in actions if action.get("Type") in ("forward", "redirect", "fixed-response")]
        others = [action for action in actions if action not in finals]
        if others:
            raise Refused(
                "InvalidLoadBalancerAction",
                f"The embedded load balancer does not perform '{others[0].get('Type')}' actions",
            )
        if len(finals) != 1:
            raise Refused(
                "InvalidLoadBalancerAction",
                "Exactly one action of type 'forward', 'redirect' or 'fixed-response' must be specified",
            )
        groups = forwards(finals[0])
        if finals[0].get("Type") == "forward" and not groups:
            raise ValidationError("A target group ARN must be specified for an action of type 'forward'")
        if finals[0].get("Type") == "redirect":
            check_redirect(finals[0].get("RedirectConfig") or {})
        try:
            check_weights([weight for _, weight in groups])
        except Invalid as error:
            raise Refused(error.code, error.message) from None
        for arn, _ in groups:
            group = self.target_groups.get(arn)
            if group is None:
                raise Refused("TargetGroupNotFound", f"Target group '{arn}' not found")
            if group.target_type != "lambda" and group.protocol not in _COMPATIBLE.get(protocol, ()):
                raise Refused(
                    "IncompatibleProtocols",
                    f"The protocol of target group '{arn}' ({group.protocol}) is not compatible with the "
                    f"listener's ({protocol})",
                )
            if [other for other in group.load_balancer_arns if other != balancer.arn]:
                raise Refused(
                    "TargetGroupAssociationLimit",
                    f"The following target groups cannot be associated with more than one load balancer: {arn}",
                )

    def _get_target_group_arns_from(self, action_data: Mapping[str, Any]) -> list[str]:
        return [arn for arn, _ in forwards(action_data)]

    def describe_listeners(self, load_balancer_arn: str | None, listener_arns: list[str]) -> list[Any]:
        if load_balancer_arn:
            return list(self._load_balancer(load_balancer_arn).listeners.values())
        found = {
            arn: listener
            for lb in self.load_balancers.values()
            for arn, listener in lb.listeners.items()
            if arn in listener_arns
        }
        if missing := [arn for arn in listener_arns if arn not in found]:
            raise Refused("ListenerNotFound", f"Listener '{missing[0]}' not found")
        return list(found.values())

    def _listener(self, arn: str) -> Listener:
        listener = self.describe_listeners(None, [arn])[0]
        assert isinstance(listener, Listener)
        return listener

    def modify_listener(
        self,
        arn: str,
        port: str | None = None,
        protocol: str | None = None,
        ssl_policy: str | None = None,
        certificates: list[Document] | None = None,
        actions: list[Document] | None = None,
    ) -> Listener:
        listener = self._listener(arn)
        balancer = self._load_balancer(listener.load_balancer_arn)
        if port is not None and any(
            int(other.port) == int(port) for other in balancer.listeners.values() if other is not listener
        ):
            raise DuplicateListenerError
        certificate = certificates[0]["CertificateArn"] if certificates else listener.certificate
        after = protocol or listener.protocol
        self._validate_port_and_protocol(balancer.type, port or listener.port, after)
        self._check_listener(after, certificate)
        self._check_forwards(balancer, after, actions or [a.data for a in listener.default_actions])
        self._validate_actions([moto.FakeAction(action) for action in actions or ()])
        super().modify_listener(arn, port, protocol, ssl_policy, certificates or [], actions or [])
        given = protocol, int(port or 0), ssl_policy, certificates and certificate, actions and frozen(actions)
        listener.settings = tuple(new or old for new, old in zip(given, listener.settings, strict=True))
        return listener

    def delete_listener(self, listener_arn: str) -> moto.FakeListener:
        listener = super().delete_listener(listener_arn)
        self._forget_tags(listener_arn, *listener.rules)
        return listener

    # -- rules ----------------------------------------------------------------------------------

    def create_rule(
        self,
        listener_arn: str,
        conditions: list[Document],
        priority: int,
        actions: list[Document],
        tags: list[dict[str, str]] | None = None,
    ) -> moto.FakeListenerRule:
        listener = self._listener(listener_arn)
        balancer = self._load_balancer(listener.load_balancer_arn)
        check_tags(tags)
        check_priority(priority)
        if not conditions:
            raise ValidationError("A condition must be specified")
        if any(int(rule.priority) == int(priority) for rule in listener._non_default_rules.values()):
            raise _in_use(priority)
        if sum(len(other._non_default_rules) for other in balancer.listeners.values()) >= MAX_RULES:
            raise Refused("TooManyRules", f"You have reached the maximum of {MAX_RULES} rules")
        self._check_forwards(balancer, listener.protocol, actions)
        return super().create_rule(listener_arn, conditions, int(priority), actions, tags)

    def _validate_conditions(self, conditions: list[Document]) -> None:
        seen: set[str] = set()
        for condition in conditions:
            kind = condition.get("Field", "")
            if kind not in InvalidConditionFieldError.VALID_FIELDS:
                raise InvalidConditionFieldError(kind)
            check_condition(condition)
            if kind in seen and kind not in ("http-header", "query-string"):
                raise Refused("InvalidLoadBalancerAction", f"A rule can only have one '{kind}' condition")
            seen.add(kind)
            # moto wants values even where there are expressions
            config: Mapping[str, Any] = next((value for key, value in condition.items() if key.endswith("Config")), {})
            if not config.get("RegexValues"):
                super()._validate_conditions([condition])
            elif not all(map(compiles, config["RegexValues"])):
                raise InvalidConditionValueError(f"The '{kind}' expression is not valid: {config['RegexValues']}")

    def _validate_source_ip_condition(self, condition: Document) -> None:
        super()._validate_source_ip_condition(condition)
        for value in condition["SourceIpConfig"]["Values"]:
            check_cidr(value)

    def _rule(self, arn: str) -> tuple[Listener, Any]:
        for balancer in self.load_balancers.values():
            for listener in balancer.listeners.values():
                if arn in listener.rules:
                    return listener, listener.rules[arn]
        raise RuleNotFoundError(f"Rule '{arn}' not found")

    def modify_rule(self, rule_arn: str, conditions: list[Document], actions: list[Document]) -> Any:
        listener, rule = self._rule(rule_arn)
        if rule.is_default:
            raise OperationNotPermitted(f"Default rule '{rule_arn}' cannot be modified")
        if actions:
            self._check_forwards(self._load_balancer(listener.load_balancer_arn), listener.protocol, actions)
        return super().modify_rule(rule_arn, conditions, actions)

    def delete_rule(self, arn: str) -> None:
        listener, rule = self._rule(arn)
        if rule.is_default:
            raise OperationNotPermitted(f"Default rule '{arn}' cannot be deleted")
        listener.remove_rule(arn)
        self._forget_tags(arn)

    def set_rule_priorities(self, rule_priorities: list[Document]) -> list[Any]:
        """All at once, so that two rules can change places."""
        wanted = {entry["RuleArn"]: int(entry["Priority"]) for entry in rule_priorities}
        found = {arn: self._rule(arn) for arn in wanted}
        for priority in wanted.values():
            check_priority(priority)
            if list(wanted.values()).count(priority) > 1:
                raise DuplicatePriorityError(str(priority))
        for arn, (listener, rule) in found.items():
            if rule.is_default:
                raise OperationNotPermitted(f"The priority of default rule '{arn}' cannot be set")
            for other in listener._non_default_rules.values():
                if other.arn not in wanted and int(other.priority) == wanted[arn]:
                    raise _in_use(wanted[arn])
        for arn, (_, rule) in found.items():
            rule.priority = wanted[arn]
        return [rule for _, rule in found.values()]

    # -- target groups --------------------------------------------------------------------------

    def create_target_group(self, name: str, **kwargs: Any) -> TargetGroup:
        check_tags(kwargs.get("tags"))
        settings = frozen({**kwargs, "tags": None})
        for existing in self.target_groups.values():
            if existing.name == name:
                if existing.settings == settings:
                    return existing
                raise Refused(
                    "DuplicateTargetGroupName",
                    f"A target group with the same name '{name}' exists, but with different settings",
                )
        given = {_OWN_NAMES.get(key, key): value for key, value in kwargs.items()}
        check_ranges(given)
        group = super().create_target_group(name, **kwargs)
        assert isinstance(group, TargetGroup)
        group.settings = settings
        return group

    def describe_target_groups(
        self, load_balancer_arn: str | None, target_group_arns: list[str], names: list[str] | None
    ) -> Iterable[moto.FakeTargetGroup]:
        if load_balancer_arn and not target_group_arns and not names:
            wanted = self._load_balancer(load_balancer_arn).target_groups
            return sorted((self.target_groups[arn] for arn in wanted), key=lambda group: group.name)
        return super().describe_target_groups(load_balancer_arn, target_group_arns, names)

    def modify_target_group(self, arn: str, *args: Any, **kwargs: Any) -> TargetGroup:
        names = ("health_check_protocol", "health_check_port", "health_check_path",
                 "health_check_interval_seconds", "health_check_timeout_seconds",
                 "healthy_threshold_count", "unhealthy_threshold_count")  # fmt: skip
        given = {name: value for name, value in zip(names, args, strict=False) if value is not None}
        check_ranges(given)
        group = self._target_group(arn)
        interval = int(given.get("health_check_interval_seconds", group.health_check_interval_seconds))
        timeout = int(given.get("health_check_timeout_seconds", group.health_check_timeout_seconds))
        if timeout >= interval and group.protocol in ("HTTP", "HTTPS"):
            raise ValidationError(f"Health check timeout '{timeout}' must be smaller than the interval '{interval}'")
        super().modify_target_group(arn, *args, **kwargs)
        return group

    def modify_target_group_attributes(self, target_group_arn: str, attributes: dict[str, Any]) -> None:
        group = self._target_group(target_group_arn)
        for key in attributes:
            if key not in group.attributes and not key.startswith(_OTHER_ATTRIBUTES):
                raise ValidationError(f"Target group attribute key '{key}' is not recognized")
        check_attributes(attributes)
        delay = {key: value for key, value in attributes.items() if key == "deregistration_delay.timeout_seconds"}
        others = {key: value for key, value in attributes.items() if key not in delay}
        super().modify_target_group_attributes(target_group_arn, others)
        group.attributes |= delay  # moto refuses 3600

    def delete_target_group(self, target_group_arn: str) -> None:  # type: ignore[override]
        """One that does not exist is no error (DeleteTargetGroup)."""
        group = self.target_groups.get(target_group_arn)
        if group is None:
            return
        if group.in_use:
            raise ResourceInUseError(f"Target group '{target_group_arn}' is currently in use by a listener or a rule")
        del self.target_groups[target_group_arn]
        self._forget_tags(target_group_arn)

    def _target_group(self, arn: str) -> TargetGroup:
        if arn not in self.target_groups:
            raise TargetGroupNotFoundError
        group = self.target_groups[arn]
        assert isinstance(group, TargetGroup)
        return group

    # -- targets --------------------------------------------------------------------------------

    def check_target(self, group: TargetGroup, target: Mapping[str, Any]) -> None:
        """Whether a target may be registered; raises what AWS does."""
        identifier, port = group.key(target)
        if group.target_type == "lambda":
            return
        if not 1 <= port <= 65535:
            raise ValidationError(f"The port '{port}' must be between 1 and 65535")
        if group.target_type == "alb":
            self._check_load_balancer(identifier, port, group.vpc_id)
            return
        if group.target_type == "instance":
            instance = self.ec2_backend.get_instance_by_id(identifier)
            if instance is None:
                raise InvalidTarget(f"The following targets are not valid: '{identifier}'")
            if instance.state != "running":
                raise InvalidTarget(
                    f"The following targets are not in a running state and cannot be registered: '{identifier}'"
                )
            return
        vpc = self.ec2_backend.get_vpc(group.vpc_id)
        ranges = [item["cidr_block"] for item in vpc.get_cidr_block_association_set()]
        if not can_be_target(identifier, ranges):
            if not re.fullmatch(r"[0-9.]+", identifier):
                raise ValidationError(f"The IP address '{identifier}' is not a valid IPv4 address")
            raise InvalidTargetError

    def _check_load_balancer(self, arn: str, port: int, vpc_id: str) -> None:
        balancer = self.load_balancers.get(arn)
        if balancer is None or balancer.type != "application" or balancer.vpc_id != vpc_id:
            raise InvalidTargetError
        if port not in [int(listener.port) for listener in balancer.listeners.values()]:
            raise ValidationError(
                "If the target type is ALB, the target must have at least one listener that matches the target group "
                "port or any specified port overrides"
            )

    def register_targets(self, target_group_arn: str, instances: list[Any]) -> None:
        self._target_group(target_group_arn).register(instances)

    def deregister_targets(self, target_group_arn: str, instances: list[Any]) -> None:
        self._target_group(target_group_arn).deregister(instances)

    def describe_target_health(self, target_group_arn: str, targets: list[Any]) -> list[Any]:
        group = self._target_group(target_group_arn)
        group.forget_drained(self.plane.clock.time())
        known = {**group.targets, **{key: target for key, (target, _) in group.draining.items()}}
        keys = [group.key(target) for target in targets] if targets else list(known)
        return [
            {
                "Target": known.get(key, Target(*key)).description,
                **({"HealthCheckPort": str(port)} if (port := group.check_port(key[1])) else {}),
                "TargetHealth": _shown(group.shown(key)),
            }
            for key in keys
        ]

    # -- tags -----------------------------------------------------------------------------------

    def add_tags(self, resource_arns: list[str], tags: list[dict[str, str]]) -> None:
        for arn in resource_arns:
            self._get_resource_by_arn(arn)
            kept = self.tagging_service.get_tag_dict_for_resource(arn)
            if len(kept | {tag["Key"]: "" for tag in tags}) > MAX_TAGS:
                raise TooManyTagsError
            self.tagging_service.tag_resource(arn, tags)

    def describe_tags(self, resource_arns: list[str]) -> dict[str, dict[str, str]]:
        for arn in resource_arns:
            self._get_resource_by_arn(arn)
        return super().describe_tags(resource_arns)

    def _get_resource_by_arn(self, arn: str) -> Any:
        if ":listener-rule" in arn:
            return self._rule(arn)[1]
        if ":listener/" in arn:
            for balancer in self.load_balancers.values():
                if arn in balancer.listeners:
                    return balancer.listeners[arn]
            raise ListenerNotFoundError
        return super()._get_resource_by_arn(arn)


_OWN_NAMES = {
    "healthcheck_port": "health_check_port",
    "healthcheck_interval_seconds": "health_check_interval_seconds",
    "healthcheck_timeout_seconds": "health_check_timeout_seconds",
}
_OTHER_ATTRIBUTES = (
    "deregistration_delay.", "lambda.", "preserve_client_ip.", "proxy_protocol_v2.",
    "target_failover.", "target_health_state.", "stickiness.", "send_tcp_reset.",
)  # fmt: skip


def _in_use(priority: Any) -> Refused:
    return Refused("PriorityInUse", f"Priority '{priority}' is currently in use")


def _shown(health: Health) -> Document:
    shown = {"State": health.state, "Reason": health.reason, "Description": health.description}
    return {key: value for key, value in shown.items() if value}
