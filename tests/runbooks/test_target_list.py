"""A list of targets: every fault is refused with its line, before anything is run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from drydock.notebooks.parameters import BadParameter
from drydock.runbooks import catalogue, parameters, target_list
from drydock.runbooks.target_list import Target

SCALE = parameters.declared(catalogue.notebook("scale-service"))


def read(tmp_path: Path, text: str, **common: str) -> list[Target]:
    path = tmp_path / "fleet.yaml"
    path.write_text(text)
    return target_list.read(path, SCALE, common)


def test_what_a_target_says_stands_before_what_all_have_and_the_canary_is_first(tmp_path: Path) -> None:
    text = """
common: {desired_count: 4, region: eu-central-1}
targets:
  - {cluster: shop, service: backend, account: 012345670123}
  - {cluster: shop, service: frontend, region: us-east-1, canary: true, aws_profile: shop-us}
"""
    first, second = read(tmp_path, text, minutes="20")
    assert (first.name, first.canary, first.aws_profile) == ("shop/frontend/us-east-1", True, "shop-us")
    assert first.given == {
        "minutes": "20", "desired_count": "4", "region": "us-east-1", "cluster": "shop", "service": "frontend"
    }  # fmt: skip
    assert second.given["account"] == "012345670123"
    assert (second.name, second.line, second.given["region"]) == ("shop/backend/012345670123", 4, "eu-central-1")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("targets:\n- {service: a, desired_cuont: 3}", "line 2: There is no parameter 'desired_cuont'"),
        ("targets:\n- {service: a}\n- {service: b, desired_count: -1}", "line 3: desired_count=-1"),
        ("targets:\n- service: a\n  desired_count: many", "line 3: desired_count='many'"),
        ("targets:\n- {service: a, desired_count: 012}\n- {service: b, desired_count: yes}", "line 3: desired_count"),
        ("common:\n  dry_run: false\ntargets:\n- {service: a}", "line 2: dry_run is given by the command"),
        ("targets:\n- {service: a, approve: x}", "line 2: approve is given by the command"),
        ("targets:\n- {service: a}\n\n- {service: a, desired_count: 5}", "line 4: this is the target of line 2 again"),
        ("targets:\n- {service: a, cloud: ''}\n- {service: a, cloud: embedded}", "line 3: this is the target of"),
        ("targets:\n- {service: a}\n- {service: a, account: '000000000000'}", "line 3: this is the target of line 2"),
        ("targets:\n- {service: a, canary: true}\n- {service: b, canary: true}", "line 3: the target of line 2 is the"),
        ("targets:\n- {service: a, canary: maybe}", "line 2: canary='maybe'"),
        ("targets:\n- {service: a, service: b}", "line 2: service is there twice"),
        ("targets:\n- {service: [a, b]}", "line 2: service is one value"),
        ("targets:\n- a\n- {service: b}", "line 2: write `name: value`"),
        ("targets:\n  service: a", "`targets:` is a list"),
        ("common: {}\ntargets: []", "line 2: `targets:` is a list"),
        ("target:\n- {service: a}", "line 1: 'target' is not known here"),
        ("- {service: a}", "`targets:` is a list"),
        ("", "`targets:` is a list"),
        ("targets:\n- {service: a\n- b", "line 3"),
        ("targets: " + "[" * 5000, "this is no list of targets"),
        ("common: {minutes: 5}\ntargets:\n- {service: a}", "line 1: minutes is given by -p as well"),
    ],
)
def test_a_fault_is_refused_with_its_line(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(BadParameter, match=re.escape(says)) as refused:
        read(tmp_path, text, minutes="20")
    assert "fleet.yaml" in str(refused.value)


def test_every_fault_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(BadParameter) as refused:
        read(tmp_path, "targets:\n- {service: a/b}\n- {servcie: a}\n", region="us east")
    assert [line in str(refused.value) for line in ("-p region", "line 2", "line 3")] == [True] * 3


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadParameter, match="No such file"):
        target_list.read(tmp_path / "none.yaml", SCALE, {})
