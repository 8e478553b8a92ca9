"""Application Auto Scaling's operations: what a request says, and the shape of its answer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from moto.applicationautoscaling.exceptions import AWSValidationException
from moto.applicationautoscaling.models import (
    ScalableDimensionValueSet,
    ServiceNamespaceValueSet,
    _target_params_are_valid,
)
from moto.moto_api._internal import mock_random
from moto.utilities.utils import get_partition

from drydock.embedded.core import paging, seams
from drydock.embedded.core.direct import direct
from drydock.embedded.core.refusals import refusing
from drydock.policy.requests import scaling as requests
from drydock.policy.scaling import Bounds

from .controller import LINKED_ROLE, LINKED_TO
from .errors import InvalidNextToken, ObjectNotFound, ResourceNotFound, TooManyTags, Validation
from .state import SUSPENSIONS, Action, Key, Policy, Scaling, Target

Document = dict[str, Any]
MAX_TAGS = 50
PAGE, PAGE_OF_POLICIES = 50, 10


# -- targets --------------------------------------------------------------------------------


def register_scalable_target(backend: Scaling, request: Document) -> Document:
    key = _key(request)
    try:
        _target_params_are_valid(*key)
    except AWSValidationException as error:
        raise Validation(error.message) from None
    known = backend.targets.get(key)
    before = (known.bounds.least, known.bounds.most) if known is not None else (None, None)
    least, most = (
        was if request.get(name) is None else request[name]
        for name, was in zip(("MinCapacity", "MaxCapacity"), before, strict=True)
    )
    with refusing():
        bounds = requests.target(least, most)
    if known is None:
        known = _new(backend, key, request, bounds)
        if key[0] == requests.ECS and not seams.replaying():  # after its ARN was made, which is the same in a replay
            _is_a_service(backend, key[1])
    _tag(known, request.get("Tags") or {})
    known.bounds = bounds
    suspended = request.get("SuspendedState") or {}
    known.suspended = {
        name: known.suspended[name] if suspended.get(name) is None else suspended[name] for name in SUSPENSIONS
    }
    known.registered += 1
    backend.targets[key] = known
    backend.controller.changed()
    return {"ScalableTargetARN": known.arn}


def _is_a_service(backend: Scaling, resource: str) -> None:
    parts = resource.split("/")
    if len(parts) != 3:
        raise Validation("Unsupported service namespace, resource type or scalable dimension")
    try:
        found = backend.host.client("ecs", backend.region_name).describe_services(cluster=parts[1], services=parts[2:])  # fmt: skip  # noqa: E501
    except Exception:
        found = {"services": []}
    if all(service["status"] != "ACTIVE" for service in found["services"]):
        raise Validation(f"ECS service doesn't exist: {resource}")


def _new(backend: Scaling, key: Key, request: Document, bounds: Bounds) -> Target:
    region, account = backend.region_name, backend.account_id
    partition, name = get_partition(region), mock_random.get_random_string(length=36, lower_case=True)
    linked = f"arn:{partition}:iam::{account}:role/aws-service-role/{LINKED_TO}/{LINKED_ROLE}"
    role = linked if key[0] == requests.ECS else request.get("RoleARN") or ""
    arn = f"arn:{partition}:application-autoscaling:{region}:{account}:scalable-target/{name}"
    return Target(key, arn, region, role, seams.utcnow(), bounds)


def deregister_scalable_target(backend: Scaling, request: Document) -> Document:
    """Its policies and scheduled actions go with it."""
    target = _target(backend, request, "No scalable target found for")
    for policy in list(target.policies.values()):
        _delete(backend, target, policy)
    del backend.targets[target.key]
    backend.controller.changed()
    return {}


def describe_scalable_targets(backend: Scaling, request: Document) -> Document:
    _check_names(request)
    wanted = request.get("ResourceIds")
    found = [
        target
        for target in backend.targets.values()
        if target.key[0] == request["ServiceNamespace"]
        and (not wanted or target.key[1] in wanted)
        and request.get("ScalableDimension") in (None, target.key[2])
    ]
    shown = [
        {
            **_names(target.key),
            "MinCapacity": target.bounds.least,
            "MaxCapacity": target.bounds.most,
            "RoleARN": target.role,
            "CreationTime": target.created,
            "SuspendedState": target.suspended,
            "ScalableTargetARN": target.arn,
        }
        for target in found
    ]
    return _page(shown, request, "ScalableTargets")


# -- policies -------------------------------------------------------------------------------------


def put_scaling_policy(backend: Scaling, request: Document) -> Document:
    _check_names(request)
    name = request["PolicyName"]
    with refusing():
        requests.acts_on(request["ServiceNamespace"], "scaling policies")
    target = _target(backend, request, "No scalable target registered for")
    known = target.policies.get(name)
    with refusing():
        requests.policy(request, known.kind if known is not None else None)
    kind = request.get("PolicyType") or (known.kind if known is not None else "")
    settings = request[f"{kind}PolicyConfiguration"]
    policy = known or _new_policy(backend, target, name, kind)
    _has_group(backend, target, settings)
    policy.settings = settings
    target.policies[name] = policy
    if kind == requests.TRACKING:
        _watch(backend, target, policy)
    return {"PolicyARN": policy.arn, "Alarms": _alarms(backend, policy)}


def _new_policy(backend: Scaling, target: Target, name: str, kind: str) -> Policy:
    namespace, resource, _ = target.key
    region, account = backend.region_name, backend.account_id
    start = f"arn:{get_partition(region)}:autoscaling:{region}:{account}:scalingPolicy:{mock_random.uuid4()}"
    arn = f"{start}:resource/{namespace}/{resource}:policyName/{name}"
    policy = Policy(name, arn, kind, seams.utcnow(), {})
    if kind == requests.TRACKING:
        policy.action = f"{arn}:createdBy/{mock_random.uuid4()}"
        policy.high, policy.low = (
            f"TargetTracking-{resource}-Alarm{side}-{mock_random.uuid4()}" for side in ("High", "Low")
        )
    return policy


def _has_group(backend: Scaling, target: Target, settings: Document) -> None:
    """A label names a target group that the service is behind."""
    group = requests.label_group(settings)
    if group is None or seams.replaying():
        return
    asked = target.service
    found = backend.host.client("ecs", backend.region_name).describe_services(
        cluster=asked["cluster"], services=[asked["service"]]
    )["services"]
    groups = [
        one.get("targetGroupArn", "")
        for service in found
        for each in (service, *service.get("deployments", ()))
        for one in each.get("loadBalancers") or ()
    ]
    if not any(arn.endswith(f":{group}") for arn in groups):
        raise Validation(f"The target group {group} is not attached to the ECS service {asked['service']}")


def _watch(backend: Scaling, target: Target, policy: Policy) -> None:
    """Make the alarms of target tracking, or put them as they have to be."""
    settings = policy.settings
    cloudwatch = backend.host.client("cloudwatch", backend.region_name, derived=True)
    wanted = {policy.high: requests.high(settings)}
    if policy.scales_in:
        wanted[policy.low] = requests.low(settings)
    else:
        cloudwatch.delete_alarms(AlarmNames=[policy.low])
    metric = requests.measured(settings, target.key[1])
    for name, rule in wanted.items():
        cloudwatch.put_metric_alarm(
            AlarmName=name,
            AlarmDescription=f"DO NOT EDIT OR DELETE. For TargetTrackingScaling policy {policy.action}.",
            AlarmActions=[policy.action],
            **metric,
            **rule,
        )


def _alarms(backend: Scaling, policy: Policy) -> list[Document]:
    """Those that target tracking has made and that are there still, or those that call a step scaling policy."""
    cloudwatch = backend.host.client("cloudwatch", backend.region_name)
    if policy.kind == requests.TRACKING:
        found = cloudwatch.describe_alarms(AlarmNames=[policy.high, policy.low])["MetricAlarms"]
    else:
        found = cloudwatch.describe_alarms(ActionPrefix=policy.arn)["MetricAlarms"]
        lists = ("AlarmActions", "OKActions", "InsufficientDataActions")
        found = [alarm for alarm in found if any(policy.arn in alarm.get(name, ()) for name in lists)]
    return [{"AlarmName": alarm["AlarmName"], "AlarmARN": alarm["AlarmArn"]} for alarm in found]


def delete_scaling_policy(backend: Scaling, request: Document) -> Document:
    _check_names(request)
    target = backend.targets.get(_key(request))
    policy = target.policies.get(request["PolicyName"]) if target is not None else None
    if target is None or policy is None:
        named = _named(_key(request))
        raise ObjectNotFound(f"No scaling policy found for {named}, policy name: {request['PolicyName']}")
    _delete(backend, target, policy)
    return {}


def _delete(backend: Scaling, target: Target, policy: Policy) -> None:
    """The alarms of target tracking go with it; others lose the action, and stay."""
    del target.policies[policy.name]
    if policy.kind == requests.TRACKING:
        cloudwatch = backend.host.client("cloudwatch", backend.region_name, derived=True)
        cloudwatch.delete_alarms(AlarmNames=[policy.high, policy.low])
    else:
        backend.host.backend("cloudwatch", backend.region_name).without_action(policy.arn)


def describe_scaling_policies(backend: Scaling, request: Document) -> Document:
    _check_names(request)
    names = request.get("PolicyNames")
    found = [
        (target, policy)
        for target in _of(backend, request)
        for policy in target.policies.values()
        if not names or policy.name in names
    ]
    page = _page(found, request, "ScalingPolicies", PAGE_OF_POLICIES)
    page["ScalingPolicies"] = [
        {
            **_names(target.key),
            "PolicyARN": policy.arn,
            "PolicyName": policy.name,
            "PolicyType": policy.kind,
            f"{policy.kind}PolicyConfiguration": policy.settings,
            "Alarms": _alarms(backend, policy),
            "CreationTime": policy.created,
        }
        for target, policy in page["ScalingPolicies"]
    ]
    return page


def get_predictive_scaling_forecast(backend: Scaling, request: Document) -> Document:
    raise Validation("The embedded AWS does not have predictive scaling.")


# -- scheduled actions ----------------------------------------------------------------------------


def put_scheduled_action(backend: Scaling, request: Document) -> Document:
    """Of what is there already, what is not given stays, but for the times of start and end (documented)."""
    _check_names(request)
    with refusing():
        requests.acts_on(request["ServiceNamespace"], "scheduled actions")
    target, name = _target(backend, request, "No scalable target registered for"), request["ScheduledActionName"]
    times = {key: request[key] for key in ("StartTime", "EndTime") if request.get(key) is not None}
    request = {**request, **{key: moment.replace(tzinfo=UTC) for key, moment in times.items() if not moment.tzinfo}}
    known = target.actions.get(name)
    with refusing():
        requests.scheduled(request, known.settings if known is not None else None, seams.utcnow().replace(tzinfo=UTC))
    given = {key: request[key] for key in _OF_ACTIONS if request.get(key) is not None}
    if known is None:
        namespace, resource, _ = target.key
        start = f"arn:{get_partition(backend.region_name)}:autoscaling:{backend.region_name}:{backend.account_id}"
        named = f"resource/{namespace}/{resource}:scheduledActionName/{name}"
        arn = f"{start}:scheduledAction:{mock_random.uuid4()}:{named}"
        known = target.actions[name] = Action(name, arn, seams.utcnow(), 0, {})
    kept = {key: value for key, value in known.settings.items() if key not in ("StartTime", "EndTime")}
    known.settings, known.changed = {**kept, **given}, known.changed + 1
    backend.controller.changed()
    return {}


def delete_scheduled_action(backend: Scaling, request: Document) -> Document:
    _check_names(request)
    target, name = backend.targets.get(_key(request)), request["ScheduledActionName"]
    if target is None or name not in target.actions:
        named = _named(_key(request))
        raise ObjectNotFound(f"No scheduled action found for {named}, scheduled action name: {name}")
    del target.actions[name]
    backend.controller.changed()
    return {}


def describe_scheduled_actions(backend: Scaling, request: Document) -> Document:
    _check_names(request)
    names = request.get("ScheduledActionNames")
    shown = [
        {
            **_names(target.key),
            "ScheduledActionName": action.name,
            "ScheduledActionARN": action.arn,
            "CreationTime": action.created,
            **action.settings,
        }
        for target in _of(backend, request)
        for action in target.actions.values()
        if not names or action.name in names
    ]
    return _page(shown, request, "ScheduledActions")


# -- activities -----------------------------------------------------------------------------------


def describe_scaling_activities(backend: Scaling, request: Document) -> Document:
    _check_names(request)
    found = backend.store.activities(
        backend.region_name,
        request["ServiceNamespace"],
        request.get("ResourceId"),
        request.get("ScalableDimension"),
    )
    with_all = request.get("IncludeNotScaledActivities")
    shown = [
        {
            "ActivityId": one["activity"],
            **_names((one["namespace"], one["resource"], one["dimension"])),
            "Description": one["description"],
            "Cause": one["cause"],
            "StartTime": _at(one["started"]),
            **({"EndTime": _at(one["ended"])} if one["ended"] is not None else {}),
            "StatusCode": one["status"],
            **({"StatusMessage": one["message"]} if one["message"] else {}),
            **({"NotScaledReasons": one["reasons"]} if one["reasons"] else {}),
        }
        for one in found
        if with_all or not one["reasons"]
    ]
    return _page(shown, request, "ScalingActivities")


# -- tags -----------------------------------------------------------------------------------------


def list_tags_for_resource(backend: Scaling, request: Document) -> Document:
    return {"Tags": _by_arn(backend, request).tags}


def tag_resource(backend: Scaling, request: Document) -> Document:
    _tag(_by_arn(backend, request), request["Tags"])
    return {}


def untag_resource(backend: Scaling, request: Document) -> Document:
    target, gone = _by_arn(backend, request), request["TagKeys"]
    target.tags = {key: value for key, value in target.tags.items() if key not in gone}
    return {}


_OF_ACTIONS = ("Schedule", "Timezone", "StartTime", "EndTime", "ScalableTargetAction")


def _key(request: Document) -> Key:
    return request["ServiceNamespace"], request["ResourceId"], request["ScalableDimension"]


def _names(key: Key) -> Document:
    return dict(zip(("ServiceNamespace", "ResourceId", "ScalableDimension"), key, strict=True))


def _named(key: Key) -> str:
    return f"service namespace: {key[0]}, resource ID: {key[1]}, scalable dimension: {key[2]}"


def _target(backend: Scaling, request: Document, words: str) -> Target:
    _check_names(request)
    key = _key(request)
    if key not in backend.targets:
        raise ObjectNotFound(f"{words} {_named(key)}")
    return backend.targets[key]


def _of(backend: Scaling, request: Document) -> list[Target]:
    return [
        target
        for target in backend.targets.values()
        if target.key[0] == request["ServiceNamespace"]
        and request.get("ResourceId") in (None, target.key[1])
        and request.get("ScalableDimension") in (None, target.key[2])
    ]


def _by_arn(backend: Scaling, request: Document) -> Target:
    for target in backend.targets.values():
        if target.arn == request["ResourceARN"]:
            return target
    raise ResourceNotFound(f"The resource '{request['ResourceARN']}' does not exist.")


def _tag(target: Target, tags: dict[str, str]) -> None:
    kept = {**target.tags, **tags}
    if len(kept) > MAX_TAGS:
        raise TooManyTags(f"A resource can have at most {MAX_TAGS} tags.")
    if any(key.lower().startswith("aws:") for key in tags):
        raise Validation("Tag keys may not begin with aws:.")
    target.tags = kept


def _check_names(request: Document) -> None:
    """The names that moto knows."""
    wrong = [
        f"Value '{value}' at '{member[:1].lower()}{member[1:]}' failed to satisfy constraint: Member must satisfy enum "
        f"value set: {[each.value for each in known]}"
        for member, known in (
            ("ScalableDimension", ScalableDimensionValueSet),
            ("ServiceNamespace", ServiceNamespaceValueSet),
        )
        if (value := request.get(member)) is not None and value not in [each.value for each in known]
    ]
    if wrong:
        errors = "1 validation error" if len(wrong) == 1 else f"{len(wrong)} validation errors"
        raise Validation(f"{errors} detected: {'; '.join(wrong)}")


def _page(found: list[Any], request: Document, key: str, size: int = PAGE) -> Document:
    first = paging.place(request.get("NextToken"))
    if first is None:
        raise InvalidNextToken("The next token is not valid.")
    asked = request.get("MaxResults")
    if asked is not None and not 1 <= asked <= PAGE:
        raise Validation(f"MaxResults must be between 1 and {PAGE}.")
    some, more = paging.page(found, first, asked or size, "NextToken")
    return {key: some, **more}


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


OPERATIONS = {
    function.__name__: direct(function)
    for function in (
        register_scalable_target,
        deregister_scalable_target,
        describe_scalable_targets,
        put_scaling_policy,
        delete_scaling_policy,
        describe_scaling_policies,
        put_scheduled_action,
        delete_scheduled_action,
        describe_scheduled_actions,
        describe_scaling_activities,
        list_tags_for_resource,
        tag_resource,
        untag_resource,
        get_predictive_scaling_forecast,
    )
}
"""By the name of moto's action."""
