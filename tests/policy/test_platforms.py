"""An image's platforms against a task definition's."""

from __future__ import annotations

from typing import Any

import pytest

from drydock.policy.platforms import fits


@pytest.mark.parametrize(
    ("platforms", "runtime", "does"),
    [
        (["linux/amd64"], None, True),
        (["linux/amd64"], {}, True),
        (["linux/amd64"], {"cpuArchitecture": "X86_64", "operatingSystemFamily": "LINUX"}, True),
        (["linux/arm64"], {"cpuArchitecture": "X86_64"}, False),
        (["linux/arm64/v8"], {"cpuArchitecture": "ARM64"}, True),
        (["linux/amd64", "linux/arm64"], {"cpuArchitecture": "ARM64"}, True),
        (["linux/amd64"], {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}, False),
        (["windows/amd64"], {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}, True),
        (["unknown/unknown"], None, False),
        ([], None, False),
    ],
)
def test_an_image_runs_where_one_of_its_platforms_is_that_of_the_task_definition(
    platforms: list[str], runtime: dict[str, Any] | None, does: bool
) -> None:
    assert fits(platforms, runtime) is does
