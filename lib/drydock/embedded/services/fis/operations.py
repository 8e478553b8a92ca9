"""The operations of FIS that moto lacks or has wrong."""

from __future__ import annotations

import string
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from moto.core.responses import ActionResult

from drydock.embedded.core import paging, seams
from drydock.embedded.core.refusals import Refusal, refusing
from drydock.policy import fis

from .experiments import Document, Experiments, shown

_LETTERS = string.ascii_letters + string.digits
_LENGTH = 16
_PAGE = 100


class Identifier(str):
    """What moto takes for a UUID, and makes the id of a template of."""

    @property
    def hex(self) -> str:
        return str(self)


def identifier(prefix: str) -> Identifier:
    """An id as FIS gives them: EXT… of a template, EXP… of an experiment."""
    return Identifier(prefix + "".join(seams.chance().choices(_LETTERS, k=_LENGTH)))


def checked(backend: Any) -> dict[str, Any]:
    """Methods of moto's backend that hold a template against what is done here."""
    create, update = (seams.original(backend, f"{verb}_experiment_template") for verb in ("create", "update"))

    def create_template(self: Any, **request: Any) -> Any:
        with refusing():
            fis.validate(_template(request))
        return create(self, **request)

    def update_template(self: Any, id: str, **request: Any) -> Any:
        known = self.get_experiment_template(id)
        given = {name: value for name, value in _template(request).items() if value is not None}
        with refusing():
            fis.validate({**known, **given})
        return update(self, id=id, **request)

    def refused(self: Any, *_: Any, **__: Any) -> Any:
        raise Refusal("ValidationException", "The embedded AWS has one account: experiments are of a single account.")

    return {
        "create_experiment_template": create_template,
        "update_experiment_template": update_template,
        "create_target_account_configuration": refused,
    }


def _template(request: Document) -> Document:
    """moto's arguments, by the API's names."""
    names = {
        "stop_conditions": "stopConditions", "role_arn": "roleArn", "log_configuration": "logConfiguration",
        "experiment_options": "experimentOptions",
        "experiment_report_configuration": "experimentReportConfiguration",
    }  # fmt: skip
    return {names.get(name, name): value for name, value in request.items()}


def of(experiments: Experiments) -> dict[str, Callable[[Any], ActionResult]]:
    """Methods of moto's response."""

    def found(response: Any) -> Document:
        name = response._get_param("id")
        record = experiments.get(response.region, name)
        if record is None:
            raise Refusal("ResourceNotFoundException", f"Experiment {name} does not exist.")
        return record

    def tags(response: Any, arn: str) -> Document:
        return dict(response.fis_backend.list_tags_for_resource(arn))

    def start_experiment(response: Any) -> ActionResult:
        backend, token = response.fis_backend, response._get_param("clientToken")
        known = next((one for one in experiments.of(response.region) if one["token"] == token), None)
        if known is None:
            template = backend.get_experiment_template(response._get_param("experimentTemplateId"))
            known = _record(response, template, token)
            experiments.start(response.region, known)
            if given := response._get_param("tags"):
                backend.tag_resource(known["arn"], given)
        return ActionResult({"experiment": shown(known, tags(response, known["arn"]))})

    def stop_experiment(response: Any) -> ActionResult:
        record = found(response)
        experiments.stop(response.region, record)
        return ActionResult({"experiment": shown(record, tags(response, record["arn"]))})

    def get_experiment(response: Any) -> ActionResult:
        record = found(response)
        return ActionResult({"experiment": shown(record, tags(response, record["arn"]))})

    def list_experiments(response: Any) -> ActionResult:
        of_template = response._get_param("experimentTemplateId")
        keys = ("id", "arn", "experimentTemplateId", "state", "creationTime", "tags", "experimentOptions")
        return _page(response, "experiments", [
            {key: value for key, value in shown(one, tags(response, one["arn"])).items() if key in keys}
            for one in experiments.of(response.region)
            if of_template in (None, one["experimentTemplateId"])
        ])  # fmt: skip

    def list_experiment_resolved_targets(response: Any) -> ActionResult:
        record, only = found(response), response._get_param("targetName")
        return _page(response, "resolvedTargets", [
            {
                "resourceType": record["targets"][name]["resourceType"],
                "targetName": name,
                "targetInformation": {"arn": arn},
            }
            for name, arns in record["resolved"].items()
            if only in (None, name)
            for arn in arns
        ])  # fmt: skip

    return {
        function.__name__: function
        for function in (
            start_experiment, stop_experiment, get_experiment, list_experiments, list_experiment_resolved_targets,
            get_action, list_actions, get_target_resource_type, list_target_resource_types,
        )
    }  # fmt: skip


def get_action(response: Any) -> ActionResult:
    name = response._get_param("id")
    if name not in fis.ACTIONS:
        has = " and ".join(fis.ACTIONS)
        raise Refusal("ResourceNotFoundException", f"The embedded AWS does not have the action {name}: it has {has}.")
    known = fis.ACTIONS[name]
    parameters = {key: {"description": text, "required": True} for key, text in known.parameters.items()}
    return ActionResult({"action": {**_action(response, name), "parameters": parameters}})


def list_actions(response: Any) -> ActionResult:
    return _page(response, "actions", [_action(response, name) for name in fis.ACTIONS])


def _action(response: Any, name: str) -> Document:
    known = fis.ACTIONS[name]
    return {
        "id": name,
        "arn": f"arn:aws:fis:{response.region}:{response.current_account}:action/{name}",
        "description": known.description,
        "targets": {key: {"resourceType": kind} for key, kind in known.targets.items()},
        "tags": {},
    }


def get_target_resource_type(response: Any) -> ActionResult:
    name = response._get_param("resourceType")
    if name not in fis.RESOURCE_TYPES:
        raise Refusal("ResourceNotFoundException", f"The embedded AWS does not have the resource type {name}.")
    parameters = {key: {"description": text, "required": False} for key, text in fis.RESOURCE_TYPES[name].items()}
    return ActionResult({"targetResourceType": {"resourceType": name, "parameters": parameters}})


def list_target_resource_types(response: Any) -> ActionResult:
    return _page(response, "targetResourceTypes", [{"resourceType": name} for name in fis.RESOURCE_TYPES])


def _page(response: Any, key: str, items: list[Document]) -> ActionResult:
    first = paging.place(response._get_param("nextToken"))
    if first is None:
        raise Refusal("ValidationException", "The nextToken is none that was given.")
    some, more = paging.page(items, first, int(response._get_param("maxResults") or _PAGE))
    return ActionResult({key: some, **more})


def _record(response: Any, template: Document, token: str) -> Document:
    """A new experiment of a template, which later changes of it do not change."""
    made = deepcopy(template)
    name = str(identifier("EXP"))
    options = made.get("experimentOptions") or {}
    asked = response._get_param("experimentOptions") or {}
    pending = {"status": "pending", "reason": "Action is pending."}
    return {
        "id": name,
        "arn": f"arn:aws:fis:{response.region}:{response.current_account}:experiment/{name}",
        "experimentTemplateId": made["id"],
        "roleArn": made["roleArn"],
        "state": {"status": "pending", "reason": "Experiment is pending."},
        "targets": made["targets"],
        "actions": {
            each: {
                **action,
                "targets": action.get("targets") or {},
                "parameters": action.get("parameters") or {},
                "state": dict(pending),
            }
            for each, action in made["actions"].items()
        },
        "stopConditions": made["stopConditions"],
        "creationTime": seams.utcnow().timestamp(),
        "startTime": seams.utcnow().timestamp(),
        "experimentOptions": {
            "accountTargeting": "single-account",
            "emptyTargetResolutionMode": options.get("emptyTargetResolutionMode", "fail"),
            "actionsMode": asked.get("actionsMode", "run-all"),
        },
        "targetAccountConfigurationsCount": 0,
        "token": token,
        "resolved": {},
        "due": {},
    }
