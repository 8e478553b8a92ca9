"""The seams into moto that every service shares: its ids, its clock, its dispatch.

`prepare()` has to run before any other module of moto is imported, because they bind `utcnow` by name.
"""

from __future__ import annotations

import datetime
import functools
import hashlib
import importlib
import json
import math
import os
import re
import string
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from drydock.embedded.core import answers, descriptions, late
from drydock.policy import wording

ACCOUNT = "000000000000"
_IDEMPOTENCY = re.compile(rb'"(?:clientToken|clientRequestToken|ClientRequestToken|idempotencyToken|CreatorRequestId)":\s*"[^"]*",?|(?:ClientToken)=[^&]*')  # fmt: skip  # noqa: E501
_LETTERS = string.ascii_letters + string.digits
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no document may have in it."""

_SCOPE = re.compile(r"\S+\s+Credential=[^/\s,]*/[^/\s,]*/[a-z0-9-]+/([a-z0-9-]+)/[^/\s,]*(?:[\s,]|$)")


_CBOR = "smithy-rpc-v2-cbor"

_moment: datetime.datetime | None = None
_replaying = False
_base_seed = ""
_unread = False
_install: Callable[[str], None] | None = None
_keeping_data: frozenset[str] = frozenset()
_signed_for: Mapping[str, str] = {}
_held_by = ""
_originals: dict[Any, dict[str, Any]] = {}
_stood_in: list[tuple[Any, type[Any]]] = []
_own = threading.local()
_now: Callable[[], datetime.datetime] = functools.partial(datetime.datetime.now, datetime.UTC)


def utcnow() -> datetime.datetime:
    """What time it is for the request at hand, or for the cloud; in UTC, without a time zone, as moto has it."""
    return _moment or _now().replace(tzinfo=None)


@contextmanager
def frozen_at(moment: float, *, again: bool = False) -> Iterator[None]:
    """Let moto see `moment` (seconds since the epoch) as now, throughout a request that is done, `again` or not."""
    global _moment, _replaying
    _moment, _replaying = datetime.datetime.fromtimestamp(moment, datetime.UTC).replace(tzinfo=None), again
    try:
        yield
    finally:
        _moment, _replaying = None, False


@contextmanager
def as_of(moment: datetime.datetime) -> Iterator[None]:
    """Let moto see another moment, as `utcnow` gives it, as now."""
    global _moment
    before, _moment = _moment, moment
    try:
        yield
    finally:
        _moment = before


def replaying() -> bool:
    """Whether the request at hand is done for the second time."""
    return _replaying


class _AnyDatetime(type):
    def __instancecheck__(cls, thing: object) -> bool:
        return isinstance(thing, datetime.datetime)


class _Datetime(datetime.datetime, metaclass=_AnyDatetime):
    """datetime, whose now is moto's."""

    def __new__(cls, *given: Any, **named: Any) -> Any:
        return datetime.datetime(*given, **named)

    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> Any:
        return utcnow().replace(tzinfo=datetime.UTC).astimezone(tz).replace(tzinfo=tz)

    @classmethod
    def utcnow(cls) -> Any:
        return utcnow()


def _time() -> float:
    return utcnow().replace(tzinfo=datetime.UTC).timestamp()


def keep_time(service: str) -> None:
    """Let all modules that a service of moto's brings have the time of the request at hand, as most have."""
    import time

    import moto.core.utils

    instead: dict[int, Any] = {
        id(original(moto.core.utils, "utcnow")): utcnow,  # of a module that was there before `prepare`
        id(datetime.datetime): _Datetime,
        id(datetime): SimpleNamespace(**{**vars(datetime), "datetime": _Datetime}),
        id(time): SimpleNamespace(**{**vars(time), "time": _time}),
        id(time.time): _time,
    }
    if (_folder_of_moto() / service).is_dir():
        importlib.import_module(f"moto.{service}.urls")
    for name, module in list(sys.modules.items()):
        if name.startswith("moto.") and not name.startswith("moto.core."):
            names = object.__getattribute__(module, "__dict__")  # of one that waits, without bringing it
            for each in ("datetime", "time", "utcnow"):
                if id(names.get(each)) in instead:
                    names[each] = instead[id(names[each])]


@contextmanager
def unread(nobody_reads: bool) -> Iterator[None]:
    """Let moto write no answer, or write them again for a request within one whose answer nobody reads."""
    global _unread
    before, _unread = _unread, nobody_reads
    try:
        yield
    finally:
        _unread = before


def is_unread() -> bool:
    """Whether nobody reads the answer to the request at hand."""
    return _unread


def hold(whose: str, seed: str, now: Callable[[], datetime.datetime]) -> None:
    """Take moto, of which there is one in a process, for one cloud. RuntimeError if another has it.

    `seed`: what everything follows from that no request asked for. moto asks `now`, which is aware of its time zone,
    what time it is.
    """
    global _held_by, _base_seed, _now
    if _held_by:
        raise RuntimeError(f"an embedded AWS runs in this process already, in {_held_by}: close it first")
    _held_by, _base_seed, _now = whose, seed, now
    _forget()  # what a thread of the cloud before it has touched since that ended


def _forget() -> None:
    from moto.core.base_backend import BackendDict

    BackendDict.reset()


def release() -> None:
    """Forget all that moto knows, and leave it to the next cloud."""
    global _held_by, _install
    _forget()
    while _stood_in:
        backends, first = _stood_in.pop()
        backends.backend = first
    _held_by, _install = "", None


def install_with(install: Callable[[str], None], keeping_data: frozenset[str], signed_for: Mapping[str, str]) -> None:
    """How a service that keeps data is installed when another reaches it first.

    `signed_for`: moto's name of a service by the one that its requests are signed for.
    """
    global _install, _keeping_data, _signed_for
    _install, _keeping_data, _signed_for = install, keeping_data, signed_for


@cache
def prepare() -> None:
    os.environ["MOTO_ACCOUNT_ID"] = ACCOUNT
    os.environ.setdefault("MOTO_ALLOW_NONEXISTENT_REGION", "false")
    descriptions.read_once()
    late.install()
    import moto.core.utils

    original(moto.core.utils, "utcnow")
    replace(moto.core.utils, utcnow=utcnow)
    _let_go_of_what_is_deleted()
    _settle_chance()
    _settle_backends()


def _let_go_of_what_is_deleted() -> None:
    """moto lists all models that were ever made, for a page of its own."""
    from moto.core.common_models import BaseModel

    replace(BaseModel, __new__=lambda cls, *_, **__: object.__new__(cls))


def _settle_backends() -> None:
    """A backend makes ids when it is first touched (a default VPC, say): let them not depend on by whom."""
    from moto.core.base_backend import AccountSpecificBackend

    first = AccountSpecificBackend.__getitem__

    def settled(self: Any, region: str) -> Any:
        if dict.__contains__(self, "aws" if region == "global" else region):
            return first(self, region)
        if _install is not None and self.service_name in _keeping_data:
            _install(self.service_name)
        with by_the_way():
            reseed(f"{_base_seed}:{self.service_name}:{self.account_id}:{region}")
            return first(self, region)

    replace(AccountSpecificBackend, __getitem__=settled, _generate_regions=staticmethod(descriptions.regions_of))


@cache
def _settle_chance() -> None:
    """Let each thread have chance of its own: what one draws changes no id that another makes meanwhile."""
    from moto.moto_api._internal import mock_random
    from moto.moto_api._internal.moto_random import MotoRandom

    class Chances(MotoRandom):
        def __getattribute__(self, name: str) -> Any:
            return getattr(chance(), name)

    mock_random.__class__ = Chances


def chance() -> Any:
    """What moto makes its ids with in this thread."""
    try:
        return _own.chance
    except AttributeError:
        from moto.moto_api._internal.moto_random import MotoRandom

        _own.chance = MotoRandom()
        return _own.chance


def reseed(seed: str) -> None:
    """Let all of moto's ids of the next request follow from `seed`."""
    chance().seed(seed)


@contextmanager
def by_the_way() -> Iterator[None]:
    """What is made meanwhile changes no id that is made afterwards."""
    state = chance().getstate()
    try:
        yield
    finally:
        chance().setstate(state)


def fingerprint(service: str, operation: str, body: bytes, seed: str) -> str:
    """A name for a request, among those that begin with `seed`, that is the same on every run: without the SDK's
    random tokens."""
    return hashlib.sha256(f"{seed}{service}.{operation}:".encode() + _IDEMPOTENCY.sub(b"", body)).hexdigest()[:24]


@cache
def _spare_needless_work() -> None:
    """moto lists the operations of a class for each request, and writes answers also when nobody reads them."""
    responses: Any = importlib.import_module("moto.core.responses")
    settings: Any = importlib.import_module("moto.settings")
    serialize: Any = importlib.import_module("moto.core.serialize")
    utils: Any = importlib.import_module("moto.core.utils")
    methods, serialized = responses.method_names_from_class, responses.BaseResponse.serialized

    def request_id(headers: Any) -> str:
        made = "" if _unread else "".join(chance().choices(_LETTERS, k=52))
        if headers is not None and made:
            headers["x-amzn-requestid"] = made
        return made

    def read_or_not(self: Any, result: Any) -> Any:
        if _unread and not isinstance(result.result, Exception):
            return 200, {}, ""
        return serialized(self, result)

    replace(utils, service_name_from_moto_package_name=lambda name: descriptions.without_hyphens().get(name, name))
    replace(responses.BaseResponse, serialized=read_or_not)
    replace(serialize.JSONSerializer, _serialize_result=answers.written(serialize.JSONSerializer._serialize_result))
    if math.inf == settings.INITIAL_NO_AUTH_ACTION_COUNT:  # it would import its access control to find that it is off
        replace(responses.BaseResponse, _authenticate_and_authorize_normal_action=lambda self, resource="*": None)
    replace(
        responses,
        method_names_from_class=cache(lambda clazz: frozenset(methods(clazz))),
        camelcase_to_underscores=cache(responses.camelcase_to_underscores),
        gen_amzn_requestid_long=request_id,
    )


@cache
def dispatcher() -> Any:
    """moto's own routing from a WSGI environ to a service."""
    _spare_needless_work()
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    return DomainDispatcherApplication(create_backend_app)


@cache
def application(service: str) -> Any:
    """moto's Flask application of a service, by its paths alone: its dispatcher has pages of its own among them."""
    _spare_needless_work()
    from moto.moto_server.werkzeug_app import create_backend_app

    return create_backend_app(service)  # type: ignore[arg-type]


@cache
def service_for(host: str) -> str | None:
    """moto's name of the service at a host."""
    name: str | None = dispatcher().get_backend_for_host(host)
    first = host.partition(".")[0]
    return None if first not in wording.HOSTS.get(name or "", {first}) else name


def service_signed_for(authorization: str) -> str | None:
    """moto's name of the service that a request is signed for, where its dispatcher looks at nothing else."""
    scope = _SCOPE.match(authorization)
    return _signed_for.get(scope[1]) if scope else None


@cache
def _request_class() -> Any:
    from moto.core.request import Request
    from werkzeug.datastructures import ImmutableMultiDict
    from werkzeug.sansio.utils import get_current_url, get_host

    nothing: Any = ImmutableMultiDict()

    @functools.lru_cache(maxsize=64)
    def root(scheme: str, host: str) -> str:
        return str(get_current_url(scheme, get_host(scheme, host)))

    class ServerRequest(Request):
        """moto's own request of a server is Flask's as well, which only its routing by paths needs."""

        from_wsgi_server = True

        @property
        def url_root(self) -> str:
            host = self.environ.get("HTTP_HOST")
            return root(self.scheme, host) if host and not self.root_path else self.root_url

        def is_no_form(self, body: bytes) -> None:
            """What werkzeug would find if it read the body."""
            vars(self).update(data=body, form=nothing, files=nothing)

    return ServerRequest


def request_of(environ: dict[str, Any], body: bytes) -> Any:
    """moto's form of a request."""
    request = _request_class()(environ)
    if "HTTP_X_AMZ_TARGET" in environ and environ.get("CONTENT_TYPE", "").startswith("application/x-amz-json-"):
        request.is_no_form(body)
    return request


@cache
def front_door(service: str) -> Callable[..., Any] | None:
    """The function that answers `POST /` of a service without Flask's routing, where it has one."""
    _spare_needless_work()
    backend_dict = _backends(service)
    if not hasattr(backend_dict, "iter_backends"):
        return None
    regions = backend_dict[ACCOUNT]
    backend = regions["us-east-1"] if "us-east-1" in regions else regions["aws"]
    door: Callable[..., Any] | None = backend.flask_paths.get("/")
    return door


@cache
def _folder_of_moto() -> Path:
    return Path(importlib.import_module("moto").__path__[0])


@cache
def _backends(service: str) -> Any:
    """moto's backends of a service by its name for it, found without its list of all services where they can be."""
    package = (
        importlib.import_module(f"moto.{service}") if (_folder_of_moto() / service / "models.py").is_file() else None
    )
    found = getattr(package, f"{service}_backends", None)
    if found is None:
        backends: Any = importlib.import_module("moto.backends")
        found = backends.get_backend(service)
    return found


def backends_of(service: str, region: str) -> list[Any]:
    """What moto keeps of a service in a region, or in the world where it is global; made where it is not there yet."""
    backend_dict = _backends(service)
    if not hasattr(backend_dict, "iter_backends"):
        return []
    regions = backend_dict[ACCOUNT]
    names = [name for name in (region, "aws", "global") if name in regions]
    return [regions[name] for name in names]


def backend(service: str, region: str) -> Any:
    """What moto keeps of a service in a region; made where it is not there yet."""
    return _backends(service)[ACCOUNT][region]


def backends_so_far(service: str) -> list[Any]:
    """What moto keeps of a service in the regions that somebody has asked for."""
    return list(_backends(service)[ACCOUNT].values())


def backend_so_far(service: str, region: str) -> Any | None:
    """What moto keeps of a service in a region; None where nobody has asked for it yet."""
    backends = getattr(sys.modules.get(f"moto.{service}.models"), f"{service}_backends", {})
    return dict.get(dict.get(backends, ACCOUNT, {}), region)


def stand_in(backends: Any, kind: type[Any], **state: Any) -> None:
    """Put a class of `kind`, with `state`, in the place of moto's for a service; also under what is made already."""
    first = backends.backend
    named = {"__module__": first.__module__, "__qualname__": first.__qualname__}  # moto reads the service off these
    _stood_in.append((backends, first))
    backends.backend = type(first.__name__, (kind,), {**named, **state})
    for regions in backends.values():
        regions.backend = backends.backend
        for made in regions.values():
            made.__class__ = backends.backend


def each(backends: Any) -> Iterator[Any]:
    """What moto keeps of a service, of every account and region that was asked for."""
    for _, _, one in list(backends.iter_backends()):
        yield one


def is_backend(thing: Any) -> bool:
    from moto.core.base_backend import BaseBackend

    return isinstance(thing, BaseBackend)


def original(owner: Any, name: str) -> Any:
    """A function of moto's as it was before it was replaced the first time."""
    kept = _originals.setdefault(owner, {})
    return kept.setdefault(name, getattr(owner, name))


def replace(owner: Any, **ours: Any) -> None:
    """Put these in place of what a module or a class has under their names; AttributeError where it has nothing."""
    for name, thing in ours.items():
        getattr(owner, name)
        setattr(owner, name, thing)


def as_method(operation: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """What moto can call on a response of its own, of a method of ours that gets it."""
    return lambda self: operation(self)


@cache
def model_of(service: str) -> Any:
    """botocore's model of a service by moto's name for it, None where it has none."""
    from moto.core.responses import boto3_service_name
    from moto.core.utils import get_service_model

    name = boto3_service_name.get(service, service)
    if name not in descriptions.services():
        name = descriptions.without_hyphens().get(service, "")
    return get_service_model(name) if name else None


def protocol(service: str) -> str:
    """`json`, `query`, `ec2`, `rest-json` or `rest-xml`: how an error of this service is written."""
    model = model_of(service)
    said = "json" if model is None else str(model.protocol)
    return "json" if said == _CBOR else said  # SDKs speak that only where there is no other


def not_found_code(service: str, operation: str) -> str:
    """The code with which an operation says that what it is asked about is not there; empty without one of its own."""
    model = model_of(service)
    if model is None or operation not in model.operation_names:
        return ""
    errors = [shape.error_code for shape in model.operation_model(operation).error_shapes]
    return next((code for code in errors if "NotFound" in code or "NoSuch" in code or "DoesNotExist" in code), "")


def rest_operation(service: str, environ: dict[str, Any]) -> str:
    """The operation that a request of a REST service is for; method and path where none fits."""
    from moto.core.request import Request
    from moto.core.routing import get_service_router

    try:
        operation, _ = get_service_router(model_of(service).service_name).match(Request(environ))
        return str(operation.name)
    except Exception:
        return f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"


def error_response(service: str, status: int, code: str, message: str) -> tuple[int, dict[str, str], bytes]:
    """An error as the SDKs of `service` read it: (status, headers, body)."""
    return error(protocol(service), status, code, message)


def error(kind: str, status: int, code: str, message: str) -> tuple[int, dict[str, str], bytes]:
    """The same, in a protocol."""
    from xml.sax.saxutils import escape

    message = NOT_XML.sub("�", message)
    if kind == _CBOR:
        members = b"".join(map(_cbor, ("__type", code, "message", message)))
        headers = {"Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}
        return status, headers, b"\xa2" + members
    if kind in ("query", "ec2", "rest-xml"):
        error = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
        if kind == "ec2":
            body = f"<Response><Errors><Error>{error}</Error></Errors><RequestID>0</RequestID></Response>"
        else:
            body = f"<ErrorResponse><Error><Type>Sender</Type>{error}</Error><RequestId>0</RequestId></ErrorResponse>"
        return status, {"Content-Type": "text/xml"}, body.encode()
    return (
        status,
        {"Content-Type": "application/x-amz-json-1.1", "x-amzn-ErrorType": code},
        json.dumps({"__type": code, "message": message}).encode(),
    )


def _cbor(text: str) -> bytes:
    """A text of less than 64 KiB, as RFC 8949 has it."""
    data = text.encode()
    return b"\x79" + len(data).to_bytes(2) + data
