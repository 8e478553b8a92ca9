"""The manifests of autoscalers that notebooks show: valid for the API, and saying what the rules say."""

from __future__ import annotations

from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml
from tests.support import kinds

from drydock.concepts import fixture
from drydock.policy.kubernetes import quantities
from drydock.policy.kubernetes.hpa.behavior import DEFAULT_DOWN, DEFAULT_UP, Policy, Rules


def manifest(name: str) -> Any:
    return yaml.safe_load(fixture(f"autoscaling/{name}.yaml"))


@pytest.mark.parametrize("name", ["web-hpa", "worker-hpa", "web-deployment"])
def test_kubernetes_takes_it(name: str) -> None:
    kubernetes_validate.validate(manifest(name), "1.35", strict=True)


def test_a_mode_that_a_vpa_does_not_have_is_refused() -> None:
    wrong = manifest("web-vpa")
    wrong["spec"]["updatePolicy"]["updateMode"] = "Automatic"
    with pytest.raises(jsonschema.ValidationError, match="'Automatic' is not one of"):
        kinds.validate(wrong)


def rules(said: Any) -> Rules:
    policies = tuple(Policy(one["type"], one["value"], one["periodSeconds"]) for one in said["policies"])
    return Rules(policies, said["selectPolicy"], said["stabilizationWindowSeconds"])


def test_the_behavior_that_is_written_down_is_the_default() -> None:
    said = manifest("web-hpa")["spec"]["behavior"]
    assert (rules(said["scaleUp"]), rules(said["scaleDown"])) == (DEFAULT_UP, DEFAULT_DOWN)


def test_the_autoscalers_of_web_do_not_meet() -> None:
    [policy] = manifest("web-vpa")["spec"]["resourcePolicy"]["containerPolicies"]
    [metric] = manifest("web-hpa")["spec"]["metrics"]
    assert metric["containerResource"]["name"] not in policy["controlledResources"]
    [container] = manifest("web-deployment")["spec"]["template"]["spec"]["containers"]
    assert container["name"] == policy["containerName"] == metric["containerResource"]["container"]
    requests = container["resources"]["requests"]
    least, most = (quantities.parse(policy[one]["memory"]) for one in ("minAllowed", "maxAllowed"))
    assert least <= quantities.parse(requests["memory"]) <= most
    assert metric["containerResource"]["name"] in requests
    assert "replicas" not in manifest("web-deployment")["spec"]


def test_the_target_of_the_queue_is_the_share_that_its_comment_says() -> None:
    [metric] = manifest("worker-hpa")["spec"]["metrics"]
    assert quantities.parse(metric["external"]["target"]["averageValue"]).milli == 4000 * 80 // 100
