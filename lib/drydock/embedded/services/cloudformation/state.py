"""Stacks whose resources are made by our own operations, one after the other, and taken back where one fails.

A stack is IN_PROGRESS until its services are steady, or gone; the loop looks at it until then. Journalled is only
what the user asked for: a replay makes, changes and deletes the resources again.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any, cast

from moto.cloudformation import models as moto
from moto.cloudformation import parsing
from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.responses import CloudFormationResponse
from moto.core.common_models import CloudFormationModel
from moto.moto_api._internal import mock_random

from drydock.embedded.core import seams
from drydock.embedded.services.cloudformation.fitting import Document, Failure
from drydock.embedded.services.cloudformation.kinds import KINDS, Calls, Kind, Made
from drydock.embedded.services.cloudformation.removals import REMOVALS

if TYPE_CHECKING:
    from drydock.embedded.core.host import Host

log = logging.getLogger(__name__)

_PSEUDO = ("AWS::AccountId", "AWS::NoValue", "AWS::NotificationARNs", "AWS::Partition", "AWS::Region", "AWS::StackId",
           "AWS::StackName", "AWS::URLSuffix")  # fmt: skip
_CUSTOM = "AWS::CloudFormation::CustomResource"
_WITHOUT_EFFECT = (*parsing.NULL_MODELS, "AWS::CDK::Metadata")
_SUFFIX = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_IN_TEXT = re.compile(r"\$\{([A-Za-z0-9:]+)(?:\.[A-Za-z0-9.]+)?\}")


class _NotYet(Exception):
    """Something is on its way out and not gone."""


# -- resources -------------------------------------------------------------------------------------


class Resource(CloudFormationModel):
    """A resource of one of our kinds; a subclass for each, for moto to find."""

    host: Host
    kind: Kind
    logical_resource_id: str

    def __init__(self, region: str, properties: Document, made: Made) -> None:
        self.region = region
        self.properties = properties
        self.made = made
        self.type = self.kind.type
        self.asked_to_go = False

    @classmethod
    def calls(cls, region: str) -> Calls:
        return Calls(cls.host.client(cls.kind.service, region))

    @property
    def _looks(self) -> Calls:
        """Calls that only read, and see at once what was made."""
        return Calls(self.host.client(self.kind.service, self.region, derived=True))

    @property
    def physical_resource_id(self) -> str:
        return self.made.id

    def get_cfn_attribute(self, name: str) -> Any:
        if name not in self.made.attributes:
            raise ValidationError(message=f"Template error: resource {self.logical_resource_id} does not support "
                                          f"attribute type {name} in Fn::GetAtt")  # fmt: skip
        return self.made.attributes[name]

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return attr in cls.kind.attributes

    def is_created(self) -> bool:
        return self.kind.ready(self._looks, self.made)

    def delete(self, account_id: str, region_name: str) -> None:
        if not self.asked_to_go:
            self.kind.delete(self.calls(self.region), self.made, self.properties)
            self.asked_to_go = True
        if not self.kind.gone(self._looks, self.made):
            raise _NotYet

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Document, account_id: str, region_name: str, **kwargs: Any
    ) -> Resource:
        given = dict(cloudformation_json.get("Properties") or {})
        if cls.kind.name and cls.kind.name not in given:
            given[cls.kind.name] = _fitting_name(cls.kind, resource_name)
        return cls(region_name, given, cls.kind.create(cls.calls(region_name), given))

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Resource,
        new_resource_name: str,
        cloudformation_json: Document,
        account_id: str,
        region_name: str,
    ) -> Resource:
        given = dict(cloudformation_json.get("Properties") or {})
        before = original_resource.properties
        if cls.kind.name and cls.kind.name not in given:
            given[cls.kind.name] = before.get(cls.kind.name)
        changed = {key for key in {*given, *before} if given.get(key) != before.get(key)}
        calls = cls.calls(region_name)
        if changed <= cls.kind.changeable and cls.kind.update is not None:
            return cls(region_name, given, cls.kind.update(calls, original_resource.made, given))
        if cls.kind.name and cls.kind.type != "AWS::ECS::TaskDefinition" and cls.kind.name not in changed:
            given[cls.kind.name] = _fitting_name(cls.kind, new_resource_name)
        after = cls(region_name, given, cls.kind.create(calls, given))
        cls.kind.delete(calls, original_resource.made, before)
        return after


def _fitting_name(kind: Kind, name: str) -> str:
    """A name that is made up, as the service takes it."""
    if kind.service == "elbv2":
        return name[-32:].strip("-")
    return name.lower() if kind.service == "ecr" else name


def classes(host: Host) -> dict[str, type[Resource]]:
    """A class for each of our kinds."""
    return {
        kind.type: type(
            kind.type.replace("::", ""),
            (Resource,),
            {
                "host": host,
                "kind": kind,
                "cloudformation_type": staticmethod(lambda kind=kind: kind.type),
                "cloudformation_name_type": staticmethod(lambda kind=kind: kind.name),
                "__module__": moto.__name__,
            },
        )
        for kind in KINDS
    }


def random_suffix() -> str:
    """As moto's, which is another one when the journal is replayed."""
    return "".join(mock_random.choice(_SUFFIX) for _ in range(12))


# -- templates -------------------------------------------------------------------------------------


def check(template: Document) -> None:
    """Refuse a template that names what is not there. Raises ValidationError."""
    resources = template.get("Resources") or {}
    if not resources:
        raise ValidationError(message="Template format error: At least one Resources member must be defined.")
    given = resources.values() if isinstance(resources, dict) else [None]
    if not all(isinstance(each, dict) and isinstance(each.get("Type"), str) for each in given):
        raise ValidationError(message="Template format error: every Resources object must contain a Type member.")
    types = {each["Type"] for each in resources.values()}
    known = {*parsing.get_model_map(), *_WITHOUT_EFFECT}
    unknown = sorted(type_ for type_ in types if type_ not in known and not type_.startswith("Custom::"))
    custom = sorted(type_ for type_ in types if type_.startswith("Custom::") or type_ == _CUSTOM)
    if not seams.replaying():
        _offered(template, custom)
    without_kind = [type_ for type_ in unknown if type_.startswith("AWS::CodeDeploy::")]
    if without_kind:
        raise ValidationError(
            message=f"The embedded AWS does not have [{', '.join(without_kind)}] in stacks: call CodeDeploy for these"
        )
    if unknown:
        raise ValidationError(message=f"Template format error: Unrecognized resource types: [{', '.join(unknown)}]")
    named = {*resources, *(template.get("Parameters") or {}), *_PSEUDO}
    for block in ("Resources", "Outputs"):
        missing = sorted({name for name in _references(template.get(block) or {}) if name not in named})
        if missing:
            raise ValidationError(
                message=f"Template format error: Unresolved resource dependencies [{', '.join(missing)}] in the "
                f"{block} block of the template"
            )
    _ordered(resources)


def _offered(template: Document, custom: list[str]) -> None:
    """Refuse what nobody here would do. Raises ValidationError."""
    given = template.get("Transform") or []
    transforms = given if isinstance(given, list) else [given]
    for what, found in (
        ("custom resources", custom),
        ("hooks", [str(name) for name in template.get("Hooks") or ()]),
        ("transforms", [str(one.get("Name") if isinstance(one, dict) else one) for one in transforms]),
    ):
        if found:
            raise ValidationError(message=f"The embedded AWS does not have {what}: [{', '.join(found)}]")


def _ordered(resources: Document) -> list[str]:
    """The resources, each after those that it names. Raises ValidationError where they go round in a circle."""
    ordered: list[str] = []
    under_way: list[str] = []

    def visit(name: str) -> None:
        if name in ordered:
            return
        if name in under_way:
            circle = ", ".join(sorted(under_way[under_way.index(name) :]))
            raise ValidationError(message=f"Circular dependency between resources: [{circle}]")
        under_way.append(name)
        for other in _references(resources[name]):
            if other in resources:
                visit(other)
        under_way.pop()
        ordered.append(name)

    for name in resources:
        visit(name)
    return ordered


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            if key == "Ref" and isinstance(value, str):
                yield value
            elif key == "Fn::GetAtt" and value:
                yield value.split(".")[0] if isinstance(value, str) else str(value[0])
            elif key == "Fn::Sub":
                text, own = (value[0], set(value[1])) if isinstance(value, list) else (value, set())
                yield from (name for name in _IN_TEXT.findall(str(text)) if name not in own)
            elif key == "DependsOn":
                yield from [value] if isinstance(value, str) else value
            else:
                yield from _references(value)
    elif isinstance(node, list):
        for each in node:
            yield from _references(each)


def update_or_refuse(
    logical_id: str, resource_json: Document, resources: Any, account_id: str, region_name: str
) -> Any:
    """moto's, which passes silently over a type that it cannot change."""
    kind = parsing.resource_class_from_type(resource_json["Type"])
    if kind is not None and hasattr(kind.update_from_cloudformation_json, "__isabstractmethod__"):
        raise Failure(f"The embedded AWS cannot change a resource of type {resource_json['Type']} in a stack")
    return _moto_update(logical_id, resource_json, resources, account_id, region_name)


_moto_update = parsing.parse_and_update_resource


def create_stack(response: Any) -> Any:
    """moto's, which does not look at OnFailure."""
    given, disabled = response._get_param("OnFailure"), response._get_param("DisableRollback")
    if given and disabled is not None:
        raise ValidationError(message="You cannot specify both DisableRollback and OnFailure")
    wish = given or ("DO_NOTHING" if str(disabled).lower() == "true" else "ROLLBACK")
    response.cloudformation_backend.on_failure = wish
    return _moto_create_stack(response)


_moto_create_stack = CloudFormationResponse.create_stack


# -- stacks ----------------------------------------------------------------------------------------


def _why(error: Exception) -> str:
    return str(getattr(error, "message", "") or error or type(error).__name__)


class Stack(moto.Stack):
    """moto's makes a resource whenever it is looked at; this one only when it is to, and shows what there is."""

    before: tuple[str | Document, Document]
    on_failure = "ROLLBACK"
    resource_map: Resources
    stack_status_reason: str

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.leaving: Document = {}

    def _create_resource_map(self) -> Resources:
        resources = Resources(
            self.stack_id, self.name, self.parameters, self.tags, account_id=self.account_id,
            region_name=self.region_name, template=self.template_dict,
            cross_stack_resources=self.cross_stack_resources,
        )  # fmt: skip
        resources.load()
        return resources

    @property
    def stack_resources(self) -> list[Any]:
        parsed = self.resource_map._parsed_resources
        return [parsed[name] for name in self.resource_map._resource_json_map if parsed.get(name) is not None]

    @property
    def outputs(self) -> list[Document] | None:
        return super().outputs if self.status in _WITH_OUTPUTS else None

    @property
    def exports(self) -> list[Any]:
        return list(super().exports) if self.status in (*_WITH_OUTPUTS, *_MAKING) else []


_WITH_OUTPUTS = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")
_MAKING = ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS")


class Resources(parsing.ResourceMap):
    making = False

    def __getitem__(self, key: str) -> Any:
        return super().__getitem__(key) if self.making else self._parsed_resources.get(key)

    def _delete_resource(self, parsed_resource: Any, resource_json: Document) -> None:
        remove = REMOVALS.get(resource_json["Type"])
        if remove is None:
            super()._delete_resource(parsed_resource, resource_json)
        else:
            backend = cast("Backend", moto.cloudformation_backends[self._account_id][self._region_name])
            remove(Calls(backend.host.client("ec2", self._region_name)), parsed_resource)


class Backend(moto.CloudFormationBackend):
    """The stacks of a region. `on_failure`: what the request at hand wants of a stack that cannot be made."""

    host: Host
    on_failure = "ROLLBACK"
    stacks: dict[str, Stack]  # type: ignore[assignment]
    deleted_stacks: dict[str, Stack]  # type: ignore[assignment]

    def create_stack(self, name: str, template: str, parameters: Document, *args: Any, **kwargs: Any) -> Stack:
        if name in [stack.name for stack in self.stacks.values()]:
            raise moto.AlreadyExistsException(f"Stack [{name}] already exists")
        check(_parsed(template))
        identifier = moto.generate_stack_id(name, self.region_name, self.account_id)
        stack = Stack(  # type: ignore[abstract]
            identifier, name, template, parameters, self.account_id, self.region_name, *args,
            cross_stack_resources=self.exports, **kwargs,
        )  # fmt: skip
        stack.on_failure = self.on_failure
        self.stacks[identifier] = stack
        stack._add_stack_event("CREATE_IN_PROGRESS", resource_status_reason="User Initiated")
        self._begin(stack, "CREATE", stack.create_resources)
        return stack

    def validate_template(self, template: str) -> list[Any]:
        check(_parsed(template))
        return []

    def get_stack(self, name_or_stack_id: str) -> Stack:
        return cast("Stack", super().get_stack(name_or_stack_id))

    def update_stack(
        self, name: str, template: str, role_arn: str | None, parameters: list[Document], tags: dict[str, str] | None
    ) -> Stack:
        stack = self.get_stack(name)
        check(_parsed(template))
        values = self._resolve_update_parameters(instance=stack, incoming_params=parameters)
        self._change(stack, template, values)
        stack.role_arn, stack.tags = role_arn, stack.tags if tags is None else tags
        return stack

    def _change(self, stack: Stack, template: str | Document, parameters: Document) -> None:
        stack.before = (stack.template, dict(stack.parameters or {}))
        stack._add_stack_event("UPDATE_IN_PROGRESS", resource_status_reason="User Initiated")
        self._begin(stack, "UPDATE", lambda: self._lay(stack, template, parameters))

    @staticmethod
    def _lay(stack: Stack, template: str | Document, parameters: Document) -> None:
        """Bring the resources to what a template says; those that it does not have go once the others are ready."""
        resources = stack.resource_map
        old = resources._resource_json_map
        made = [name for name in resources._parsed_resources if name in old]
        before = {name: parsing.clean_json(deepcopy(old[name]), resources).get("Properties") for name in made}
        stack.template = template
        stack._parse_template()
        stack.parameters = parameters or stack.parameters
        wanted = stack.template_dict["Resources"]
        resources._template, resources._resource_json_map = stack.template_dict, wanted
        resources.input_parameters = stack.parameters
        resources.load_mapping()
        resources.load_parameters()
        resources.load_conditions()
        stack.output_map = stack._create_output_map()
        stack.leaving = {name: old[name] for name in made if name not in wanted}
        for name in _ordered(wanted):
            if name not in made:
                resources[name]
                continue
            if wanted[name]["Type"] != old[name]["Type"]:
                raise Failure(f"Update of resource type is not permitted: {name}")
            if parsing.clean_json(deepcopy(wanted[name]), resources).get("Properties") != before[name]:
                resources._parsed_resources[name] = parsing.parse_and_update_resource(
                    name, deepcopy(wanted[name]), resources, stack.account_id, stack.region_name
                )

    def create_change_set(self, stack_name: str, change_set_name: str, template: str, *args: Any, **kwargs: Any) -> Any:
        check(_parsed(template))
        return super().create_change_set(stack_name, change_set_name, template, *args, **kwargs)

    def _change_set(self, name: str, stack_name: str | None = None) -> Any:
        for identifier, each in self.change_sets.items():
            if identifier == name or (each.change_set_name == name and stack_name in (None, each.stack_name)):
                return each
        return None

    def delete_change_set(self, change_set_name: str) -> None:
        """One that is not there is no error (DeleteChangeSet)."""
        found = self._change_set(change_set_name)
        if found is not None:
            del self.change_sets[found.change_set_id]

    def execute_change_set(self, change_set_name: str, stack_name: str | None = None) -> None:
        change_set = self._change_set(change_set_name, stack_name)
        if change_set is None:
            raise moto.ValidationError(message=f"ChangeSet [{change_set_name}] does not exist")
        stack = self.stacks[change_set.stack_id]
        change_set.execution_status = "EXECUTE_COMPLETE"
        if change_set.change_set_type == "CREATE":
            stack._add_stack_event("CREATE_IN_PROGRESS", resource_status_reason="User Initiated")
            self._begin(stack, "CREATE", lambda: self._lay(stack, change_set.template, change_set.parameters))
        else:
            self._change(stack, change_set.template, change_set.parameters)

    def delete_stack(self, name_or_stack_id: str) -> None:
        """One that is not there is no error (DeleteStack)."""
        for stack in [s for s in self.stacks.values() if name_or_stack_id in (s.stack_id, s.name)]:
            if stack.enable_termination_protection:
                raise ValidationError(
                    message=f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled"
                )
            stack._add_stack_event("DELETE_IN_PROGRESS", resource_status_reason="User Initiated")
            self._end(stack, "DELETE")

    # -- what goes on ---------------------------------------------------------------------------

    def go_on(self) -> None:
        """Look at what is in progress."""
        for stack in list(self.stacks.values()):
            doing = stack.status.split("_")[0]
            if stack.status in ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS"):
                self._begin(stack, doing, lambda: None)
            elif stack.status in ("ROLLBACK_IN_PROGRESS", "DELETE_IN_PROGRESS"):
                self._end(stack, doing)

    def _begin(self, stack: Stack, doing: str, work: Callable[[], None]) -> None:
        """Do the work, and be done once every resource is; where one fails, take it all back."""
        stack.status = f"{doing}_IN_PROGRESS"
        resources = stack.resource_map
        try:
            resources.making = True
            work()
            resources.making = False
            if not stack.resource_map.creation_complete():
                return
            _delete(stack.resource_map, stack.leaving)
            for export in stack.exports:
                if self.exports.get(export.name, export).exporting_stack_id != stack.stack_id:
                    raise Failure(f"Export with name {export.name} is already exported by another stack")
                self.exports[export.name] = export
        except _NotYet:
            return
        except Exception as error:
            resources.making = False
            if not isinstance(error, Failure):
                log.info("stack %s: %s", stack.name, _why(error), exc_info=error)
            stack._add_stack_event(f"{doing}_FAILED", resource_status_reason=_why(error))
            self._take_back(stack, doing, _why(error))
        else:
            _settle(stack, f"{doing}_COMPLETE")

    def _take_back(self, stack: Stack, doing: str, why: str) -> None:
        stack.stack_status_reason = why
        if doing == "CREATE":
            wish = stack.on_failure
            if wish == "DO_NOTHING":
                _settle(stack, "CREATE_FAILED", why)
            else:
                self._end(stack, "DELETE" if wish == "DELETE" else "ROLLBACK")
            return
        try:
            stack.resource_map.making = True
            self._lay(stack, *stack.before)
            stack.resource_map.making = False
            _delete(stack.resource_map, stack.leaving)
        except Exception as error:
            _settle(stack, "UPDATE_ROLLBACK_FAILED", _why(error))
        else:
            _settle(stack, "UPDATE_ROLLBACK_COMPLETE", why)

    def _end(self, stack: Stack, doing: str) -> None:
        """Delete the resources, the last one first; the stack stays where one cannot be deleted."""
        stack.status = f"{doing}_IN_PROGRESS"
        try:
            resources = stack.resource_map
            _delete(resources, {**resources._resource_json_map, **stack.leaving})
        except _NotYet:
            return
        except Exception as error:
            if not seams.replaying():  # what was in the way may have gone by itself, later in the journal
                _settle(stack, f"{doing}_FAILED", _why(error))
            return
        _settle(stack, f"{doing}_COMPLETE")
        for name in [name for name, export in self.exports.items() if export.exporting_stack_id == stack.stack_id]:
            del self.exports[name]
        if doing == "DELETE":
            self.deleted_stacks[stack.stack_id] = self.stacks.pop(stack.stack_id)


def _delete(resources: Any, described: Document) -> None:
    """Delete these resources, the last one first, and again those that others needed."""
    left = [name for name in resources._parsed_resources if name in described]
    while left:
        before, problem = len(left), None
        for name in reversed(left[:]):
            resource = resources._parsed_resources[name]
            try:
                if resource is not None and described[name].get("DeletionPolicy") != "Retain":
                    resources._delete_resource(resource, described[name])
            except _NotYet:
                raise
            except Exception as error:
                problem = error
                continue
            left.remove(name)
            del resources._parsed_resources[name]
        if problem is not None and len(left) == before:
            raise problem


def _settle(stack: Stack, status: str, why: str | None = None) -> None:
    stack.status = status
    stack._add_stack_event(status, resource_status_reason=why)


def _parsed(template: str) -> Document:
    if not template:
        raise ValidationError(message="Either Template URL or Template Body must be specified.")
    try:
        parsed = moto.Stack.parse_template(template)
    except Exception as error:
        raise ValidationError(message=f"Template format error: {_why(error)}") from None
    if not isinstance(parsed, dict):
        raise ValidationError(message="Template format error: unsupported structure.")
    return parsed
