"""moto's machine images, 1,300 of a region with a snapshot each, made when somebody first asks for one.

All at once they are most of what it costs to touch EC2, in time and in what the garbage collector walks over. Their ids
and times, and the ids of what is made after them, are those that they would have had.
"""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from typing import Any

from drydock.embedded.core import seams


def install() -> None:
    from moto.ec2.models import EC2Backend
    from moto.ec2.models.amis import AmiBackend

    load = seams.original(AmiBackend, "_load_amis")

    def wait(backend: Any) -> None:
        state = seams.chance().getstate()
        backend.__dict__["_images_later"] = state, seams.utcnow()
        seams.chance().setstate(_after(state, backend.region_name))

    def bring(backend: Any) -> None:
        later = backend.__dict__.pop("_images_later", None)
        if later is None:
            return
        state, moment = later
        with seams.by_the_way(), seams.as_of(moment):
            seams.chance().setstate(state)
            load(backend)

    seams.replace(AmiBackend, _load_amis=wait)
    for name in ("amis", "snapshots"):
        setattr(EC2Backend, name, _brought(name, bring))


def _brought(name: str, bring: Any) -> Any:
    kept = f"_{name}"

    def get(backend: Any) -> Any:
        bring(backend)
        return backend.__dict__[kept]

    def put(backend: Any, value: Any) -> None:
        backend.__dict__[kept] = value

    return property(get, put)


@lru_cache(maxsize=32)
def _after(state: Any, region: str) -> Any:
    """The state of chance once the images of a region have drawn from it: an id for each snapshot and its volume."""
    from moto.ec2.models.amis import AMIS
    from moto.ec2.utils import random_snapshot_id, random_volume_id
    from moto.utilities.utils import load_resource

    with seams.by_the_way():
        seams.chance().setstate(state)
        images = len(AMIS)
        for listed in ("latest_amis", "ecs/optimized_amis"):
            with suppress(FileNotFoundError):  # a region that moto has none of
                images += len(load_resource(f"ec2/resources/{listed}/{region}.json"))
        for _ in range(images):
            random_volume_id()
            random_snapshot_id()
        return seams.chance().getstate()
