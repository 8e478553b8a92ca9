from __future__ import annotations

import functools
import json
import os
import urllib.request


@functools.cache
def _from_metadata(uri: str) -> str:
    with urllib.request.urlopen(f"{uri}/task", timeout=1) as answer:
        return str(json.load(answer)["TaskARN"]).rpartition("/")[2]


def task_id() -> str | None:
    """Id of the ECS task we run in, from the task metadata endpoint, version 4; None outside ECS.

    Source: Amazon ECS developer guide, "Task metadata endpoint version 4".
    """
    uri = os.environ.get("ECS_CONTAINER_METADATA_URI_V4")
    if not uri:
        return None
    try:
        return _from_metadata(uri)
    except (OSError, ValueError, KeyError):
        return None
