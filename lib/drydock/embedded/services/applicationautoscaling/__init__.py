"""Application Auto Scaling: moto's, and the tags of scalable targets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from drydock.embedded.core import seams
from drydock.embedded.core.services import Service

MAX_TAGS = 50


class ApplicationAutoScaling(Service):
    name = "applicationautoscaling"

    def install(self) -> None:
        """Set the operations that moto lacks; tags that RegisterScalableTarget gives are kept, too."""
        from moto.applicationautoscaling.exceptions import AWSValidationException
        from moto.applicationautoscaling.models import ApplicationAutoscalingBackend
        from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse
        from moto.core.exceptions import JsonRESTError
        from moto.core.responses import ActionResult

        def target_of(self: Any, arn: str) -> Any:
            """The scalable target that an ARN names; its tags are with it, and go with it."""
            for target in self.applicationautoscaling_backend.targets_by_arn():
                if target.arn == arn:
                    return target
            raise JsonRESTError("ResourceNotFoundException", f"The resource '{arn}' does not exist.")

        def targets_by_arn(self: Any) -> list[Any]:
            return [target for group in self.targets.values() for target in group.values()]

        def tagged(target: Any, tags: dict[str, str]) -> None:
            kept = {**getattr(target, "tags", {}), **tags}
            if len(kept) > MAX_TAGS:
                raise JsonRESTError("TooManyTagsException", f"A resource can have at most {MAX_TAGS} tags.")
            if any(key.lower().startswith("aws:") for key in tags):
                raise AWSValidationException("Tag keys may not begin with aws:.")
            target.tags = kept

        def list_tags_for_resource(self: Any) -> ActionResult:
            return ActionResult({"Tags": getattr(target_of(self, self._get_param("ResourceARN")), "tags", {})})

        def tag_resource(self: Any) -> ActionResult:
            tagged(target_of(self, self._get_param("ResourceARN")), self._get_param("Tags"))
            return ActionResult({})

        def untag_resource(self: Any) -> ActionResult:
            target = target_of(self, self._get_param("ResourceARN"))
            gone = self._get_param("TagKeys")
            target.tags = {key: value for key, value in getattr(target, "tags", {}).items() if key not in gone}
            return ActionResult({})

        def describe_scaling_activities(self: Any) -> ActionResult:
            """Nothing is scaled here, so nothing has happened."""
            if self._get_param("NextToken"):
                raise JsonRESTError("InvalidNextTokenException", "The next token is not valid.")
            return ActionResult({"ScalingActivities": []})

        response: Any = ApplicationAutoScalingResponse
        register: Callable[[Any], str] = seams.original(response, "register_scalable_target")

        def register_scalable_target(self: Any) -> str:
            answer = register(self)
            tags = self._get_param("Tags")
            if tags:
                names = ("ServiceNamespace", "ResourceId", "ScalableDimension")
                wanted = [self._get_param(name) for name in names]
                for target in self.applicationautoscaling_backend.targets_by_arn():
                    if [target.service_namespace, target.resource_id, target.scalable_dimension] == wanted:
                        tagged(target, tags)
            return answer

        ApplicationAutoscalingBackend.targets_by_arn = targets_by_arn  # type: ignore[attr-defined]
        for function in (
            list_tags_for_resource, tag_resource, untag_resource, register_scalable_target, describe_scaling_activities,
        ):  # fmt: skip
            setattr(response, function.__name__, function)
