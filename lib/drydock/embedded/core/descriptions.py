"""botocore's descriptions of services: each is read once, and only those that are asked for."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Sequence
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any, overload

from botocore.exceptions import DataNotFoundError, UnknownServiceError
from botocore.loaders import JSONFileLoader, Loader, create_loader

from drydock.embedded.core import late


@cache
def read_once() -> None:
    """Let all loaders of botocore's, of which moto makes dozens, share what they read, without the prose in it."""
    late.AT_ONCE["boto3"] = {"Session": Session}
    listed = Loader.list_available_services
    JSONFileLoader.load_file = lambda _, path: _own(_read(path))
    Loader.list_available_services = lambda self, type_name: _Services(self, type_name, partial(listed, self))


@cache
def _read(path: str) -> Any:
    for file, read in ((Path(f"{path}.json"), bytes), (Path(f"{path}.json.gz"), gzip.decompress)):
        if file.is_file():
            return json.loads(read(file.read_bytes()), object_hook=_without_prose)
    return None


def _own(description: Any) -> Any:
    """The same with paths of its own, into which botocore writes (`remove_bucket_from_url_paths_from_model`)."""
    if not isinstance(description, dict) or "operations" not in description:
        return description
    operations = {
        name: {**operation, "http": dict(operation["http"])} if "http" in operation else operation
        for name, operation in description["operations"].items()
    }
    return {**description, "operations": operations}


def _without_prose(item: dict[str, Any]) -> dict[str, Any]:
    if isinstance(item.get("documentation"), str):
        item["documentation"] = ""
    return item


class _Services(Sequence[str]):
    """The services that a loader finds descriptions of.

    Whether one is among them is looked up in its own folder: botocore looks through those of all services to tell.
    """

    def __init__(self, loader: Any, kind: str, listed: Callable[[str], list[str]]) -> None:
        self._loader = loader
        self._kind = kind
        self._listed = listed

    def __contains__(self, name: object) -> bool:
        try:
            return bool(self._loader.list_api_versions(name, self._kind))
        except DataNotFoundError:
            return False

    @cached_property
    def _all(self) -> list[str]:
        return self._listed(self._kind)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> list[str]: ...
    def __getitem__(self, place: int | slice) -> str | list[str]:
        return self._all[place]

    def __len__(self) -> int:
        return len(self._all)


@cache
def services() -> Sequence[str]:
    """botocore's names of all services."""
    found: Sequence[str] = create_loader().list_available_services("service-2")
    return found


@cache
def without_hyphens() -> dict[str, str]:
    """botocore's names by moto's, which have no hyphens."""
    return {name.replace("-", ""): name for name in services()}


def partitions() -> list[str]:
    """The partitions of AWS."""
    return [each["partition"] for each in _endpoints()]


@cache
def regions_of(service: str, partition: str = "") -> list[str]:
    """The regions of a service in a partition, or in all, as a session of botocore's says, without making one."""
    try:
        prefix = create_loader().load_service_model(service, "service-2")["metadata"].get("endpointPrefix", service)
    except UnknownServiceError:
        return []
    return [
        region
        for each in _endpoints()
        if partition in ("", each["partition"])
        for region in each["services"].get(prefix, {}).get("endpoints", ())
        if region in each["regions"]
    ]


def _endpoints() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = create_loader().load_data("endpoints")["partitions"]
    return found


class Session:
    """boto3's session, for those who make one to ask which regions there are."""

    def __new__(cls, *given: Any, **named: Any) -> Any:
        return _session(*given, **named) if given or named else super().__new__(cls)

    def get_available_partitions(self) -> list[str]:
        return partitions()

    def get_available_regions(self, service_name: str, partition_name: str = "aws") -> list[str]:
        return list(regions_of(service_name, partition_name))

    def __getattr__(self, name: str) -> Any:
        return getattr(_session(), name)


def _session(*given: Any, **named: Any) -> Any:
    from boto3.session import Session as Real

    return Real(*given, **named)
