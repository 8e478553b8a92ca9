"""The one port: every AWS call, and what services serve besides, as a WSGI application."""

from __future__ import annotations

import errno
import io
import ipaddress
import logging
import math
import re
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from functools import lru_cache
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from botocore.model import OperationNotFoundError

from drydock import disk
from drydock.embedded.core import direct, seams, signature, validation
from drydock.embedded.core.host import Host
from drydock.embedded.core.journal import Entry, Journal
from drydock.embedded.core.seed import in_region
from drydock.embedded.core.services import Route, Services
from drydock.embedded.core.throttle import MESSAGE, Throttle
from drydock.embedded.core.undo import Before, Noted
from drydock.embedded.core.waiting import Wait
from drydock.embedded.core.wsgi import Answer, environ_of, headers_of, json_answer, send
from drydock.policy import wording

log = logging.getLogger(__name__)

_KEPT_HEADERS = ("HTTP_AUTHORIZATION", "HTTP_USER_AGENT", "HTTP_HOST", "CONTENT_TYPE", "HTTP_CONTENT_ENCODING",
                 "HTTP_X_AMZN_QUERY_MODE")  # fmt: skip
_DROPPED_HEADERS = ("HTTP_X_AMZ_SECURITY_TOKEN", "HTTP_X_AMZ_DATE")
_OWN_NAMES = ("localhost", "localhost.localstack.cloud")
_NAMES_BELOW = (".localhost", ".localhost.localstack.cloud", ".amazonaws.com")
_SCOPE = re.compile(r"\S+\s+Credential=[^/]*/[^/]*/(?P<region>[^/]*)/(?P<service>[^/]*)/[^/,]*")
_SECRET = re.compile(r"(?<=Signature=)[0-9a-f]+|x-amz-security-token[^,;]*;?")

_MACHINE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EAGAIN}
"""Failures that no input causes."""

_OURS = {"drydock.derived", "drydock.patience", "drydock.kept"}
"""What is in the calls that services make of each other, and in one that is made again after it has waited."""
_OWN = "/_drydock/"
"""Paths below which the cloud tells of itself: asking there is no sign that somebody uses it."""


class App:
    """Routes a request to what a service serves at a path of its own, or to the service that it is signed for."""

    def __init__(self, host: Host, services: Services, journal: Journal) -> None:
        self.host = host
        self.services = services
        self.journal = journal
        self._here = threading.local()
        self._throttle = Throttle(host.clock, host.profile.rates) if host.profile.rates else None
        self._next: dict[str, int] = {}  # by the fingerprint of a request
        self._first = 0  # the number of one that there has not been yet

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        refusal = _stranger(environ)
        if refusal:
            return send((403, {"Content-Type": "text/plain"}, refusal), environ, start_response)
        path = environ.get("PATH_INFO", "/")
        if not path.startswith(_OWN):
            self.host.last_call = time.monotonic()
        found = self._route(environ)
        if found is not None:
            name, route = found
            with self.host.lock:
                self.services.install(name)
            return route.answer(environ, start_response)
        answer = self._of_itself(path) if path.startswith(_OWN) else self.call(environ)
        return send(answer, environ, start_response)

    def _of_itself(self, path: str) -> Answer:
        if path != f"{_OWN}status":
            return json_answer(404, {"error": f"nothing at {path}"})
        return json_answer(200, {**self.host.status(), **self.services.count()})

    def _route(self, environ: dict[str, Any]) -> tuple[str, Route] | None:
        """What a service serves there, beside AWS calls: those are signed, and may have the same path."""
        return None if _scope(environ)[1] else self.services.route(environ.get("PATH_INFO", "/"))

    def unheard(self, environ: dict[str, Any], status: int, why: str) -> Answer:
        """The refusal of a request that is not looked into, in the form that its client reads."""
        found = self._route(environ)
        if found is not None:
            return found[1].refuse(status, why)
        if environ["PATH_INFO"].startswith(_OWN):
            return json_answer(status, {"error": why})
        kind, status, code = wording.unheard(status, _scope(environ)[1], _spoken(environ))
        return seams.error(kind, status, code, why)

    def streams(self, environ: dict[str, Any]) -> bool:
        """Whether the body of a request is too large to be held."""
        found = self._route(environ)
        return found is not None and found[1].streams

    @property
    def patience(self) -> float:
        """Seconds that the request at hand may still wait for something to happen."""
        return float(self._here.patience)

    @property
    def kept(self) -> Any:
        """What the request at hand has kept for itself while it waited; None the first time that it is made."""
        return getattr(self._here, "kept", None)

    @property
    def request(self) -> str:
        """The seed of the request at hand, also when it is done again; empty in a turn of the loop."""
        return str(getattr(self._here, "seed", "")) if getattr(self._here, "depth", 0) else ""

    @property
    def noted(self) -> Noted:
        """What the operation at hand says that it writes."""
        found: Noted = self._here.noted
        return found

    def made(self, *names: str) -> None:
        """The request at hand has made what later requests call by these names, and its answer does not tell."""
        if self._here.depth == 1:
            self._here.made += names

    def chose(self, of: str, what: str) -> None:
        """The request at hand, or what it calls, has chosen this by what else there was."""
        if self.request:
            self._here.made += (f"{of}={what}",)

    def chosen_before(self, of: str) -> str | None:
        """What it chose when it was done the first time: some of what there was may have been left out since."""
        if not seams.replaying():
            return None
        before = (name.partition("=") for name in getattr(self._here, "made_before", ()))
        return next((what for whose, _, what in before if whose == of and what), None)

    @property
    def made_before(self) -> tuple[str, ...]:
        """What the request at hand made when it was done the first time, as the journal tells; of itself, no other."""
        return self._here.made_before if getattr(self._here, "depth", 0) == 1 and seams.replaying() else ()

    def call(self, environ: dict[str, Any]) -> Answer:
        """Answer one AWS call, and note it in the journal if it changed something. Wait, if it is to be made again."""
        body = _read_body(environ)
        service = self._service(environ, body)
        if self.host.access_key is not None and not environ.keys() & _OURS:
            refused = self._unsigned(environ, body, service)
            if refused is not None:
                return refused
        if service is None:
            return _unroutable(environ)
        operation = _operation(environ, body)
        try:
            operation, body = validation.hold(service, operation, environ, body)
        except validation.Refused as refused:
            return seams.error_response(service, 400, refused.code, refused.message)
        environ["CONTENT_LENGTH"] = str(len(body))
        with self.host.lock, self._called(not environ.get("drydock.derived")):
            if getattr(self._here, "depth", 0) > 0:
                return self._answer(service, operation, environ, body, self._here.seed)
            if self._throttle is not None and not environ.keys() & _OURS:
                code = self._throttle.refuses(service, operation, _scope(environ)[0])
                if code is not None:
                    return seams.error_response(service, 400, code, MESSAGE)
            key = seams.fingerprint(service, operation, body, in_region("", _scope(environ)[0]))
            kind, method = self.services.of(service), environ["REQUEST_METHOD"]
            changes = kind.may_change(operation, method)
            number = self._take_number(key) if kind.is_numbered(operation, method) else None
            seed = f"{self.host.seed}:{key}:{number or 0}"
            at, place = self.host.clock.utcnow().timestamp(), None
            try:
                self.host.settle_data(True)  # what others have written meanwhile, if this one fails
                if changes and not environ.get("drydock.derived"):
                    place = self.journal.append(_entry(service, operation, environ, body, seed, at))
                self._here.patience, self._here.made = environ.get("drydock.patience", math.inf), ()
                self._here.kept = environ.get("drydock.kept")
                with seams.frozen_at(at) if number is not None else nullcontext():
                    answer = self._answer(service, operation, environ, body, seed)
                succeeded = answer[0] < 400
                self.host.settle_data(succeeded)
            except Wait:
                self.host.settle_data(True)
                raise
            except OSError as error:
                self.host.settle_data(False)
                why = disk.unusable(error, self.host.directory)
                message = f"{service}:{operation} was not done, because it cannot be kept: {why}"
                answer, succeeded = seams.error_response(service, 500, "InternalFailure", message), False
            if number is not None and not succeeded:
                self._give_back(key, number)
            if place is not None and not succeeded:
                self.journal.withdraw(place)
            elif succeeded and changes:
                made = self._made(service, operation, answer) if place is not None else ()
                if made:
                    self.journal.add(made)
                self.host.changes += 1
                self.host.poke()
            return answer

    def _unsigned(self, environ: dict[str, Any], body: bytes, service: str | None) -> Answer | None:
        """The refusal of a request that nobody has signed who may call; None if somebody has."""
        with self.host.lock:
            why = signature.wrong(environ, body, self._secret, datetime.now(UTC))
        if why is None:
            return None
        protocol = wording.understood(seams.protocol(service), _spoken(environ)) if service else _spoken(environ)
        return seams.error(protocol, *wording.unsigned(why, protocol), why.value)

    def _secret(self, key: str, token: str) -> str | None:
        """The secret of an access key, which with its session's token has to be one of this account's."""
        assert self.host.access_key is not None
        if key == self.host.access_key[0]:
            return self.host.access_key[1] if not token else None
        return self.services.secret_of(key, token)

    def _made(self, service: str, operation: str, answer: Answer) -> tuple[str, ...]:
        """What a request has made, as later ones call it."""
        dealings = self.services.of(service).dealings
        pattern = dealings.answered.get(operation) if dealings is not None else None
        found = re.findall(pattern, answer[2].decode(errors="replace")) if pattern is not None else ()
        return tuple(dict.fromkeys((*self._here.made, *found)))

    @property
    def is_called(self) -> bool:
        """Whether this thread answers somebody outside."""
        return getattr(self._here, "is_called", False)

    @contextmanager
    def _called(self, from_outside: bool) -> Iterator[None]:
        before, self._here.is_called = self.is_called, from_outside
        try:
            yield
        finally:
            self._here.is_called = before

    @contextmanager
    def inside(self) -> Iterator[None]:
        """For calls of this thread that follow from one that is journalled: they are not."""
        depth = getattr(self._here, "depth", 0)
        self._here.depth, self._here.seed = depth + 1, getattr(self._here, "seed", "")
        try:
            yield
        finally:
            self._here.depth = depth

    def _take_number(self, key: str) -> int:
        """Requests with one fingerprint never share a number, and so no ids, while they are under way."""
        number = max(self._next.get(key, 0), self._first)
        self._next[key] = number + 1
        return number

    def _give_back(self, key: str, number: int) -> None:
        if self._next[key] == number + 1:
            self._next[key] = number
        if self._next[key] == self._first:
            del self._next[key]

    @staticmethod
    def region_of(entry: Entry) -> str:
        return _scope(entry.headers)[0]

    def skip(self, entry: Entry) -> None:
        """Do not do it again; but no request that is to come has its number, and so its ids."""
        self._first = max(self._first, entry.number + 1)

    def replay(self, entry: Entry) -> None:
        """Do again what was done before, at the time and with the ids of the first time."""
        body = entry.body.encode("latin-1")
        environ = environ_of(entry.method, entry.path, entry.query, body, entry.headers)
        _, key, number = entry.seed.rsplit(":", 2)
        self._next[key] = max(self._next.get(key, 0), int(number) + 1)
        self._here.made, self._here.made_before = (), entry.made
        with self.host.lock, seams.frozen_at(entry.at, again=True):
            service = self.services.meant(entry.service, body)
            status, _, text = self._answer(service, entry.operation, environ, body, entry.seed)
        if status >= 400:
            # as when a user changed what the engine had made, which is made anew and not replayed
            log.warning("%s.%s is not done again: %s %s", entry.service, entry.operation, status, text[:300])

    def _service(self, environ: dict[str, Any], body: bytes) -> str | None:
        environ["wsgi.input"] = io.BytesIO(body)
        if "HTTP_SMITHY_PROTOCOL" in environ:
            return None
        service = seams.service_signed_for(environ.get("HTTP_AUTHORIZATION", ""))
        if service is not None:
            return self.services.meant(service, body)
        dispatcher = seams.dispatcher()
        try:
            host = dispatcher.infer_service_region_host(environ, environ.get("PATH_INFO", ""))
        except Exception:  # whatever moto makes of a malformed header
            return None
        service = seams.service_for(host) if host else None
        return self.services.meant(service, body) if service else None

    def _answer(self, service: str, operation: str, environ: dict[str, Any], body: bytes, seed: str) -> Answer:
        depth, outer = getattr(self._here, "depth", 0), getattr(self._here, "noted", None)
        self._here.depth, self._here.noted = depth + 1, Noted()
        before: Before | Noted | None = None
        try:
            self.services.install(service)
            if depth == 0:
                self._here.seed = seed
                seams.reseed(seed)
            does = self.services.of(service).is_numbered(operation, environ["REQUEST_METHOD"])
            if does and not seams.replaying():
                if direct.is_noting(service, operation, environ):
                    before = self.noted
                else:
                    before = Before(service, _scope(environ)[0], body)
            with seams.unread(seams.replaying() and depth == 0):
                answer = self._done(service, operation, environ, body)
        except Wait:
            raise
        except Exception as error:
            answer = _failed(service, operation, environ, body, error)
        finally:
            self._here.depth, self._here.noted = depth, outer
        if answer[0] >= 400 and before is not None and before.put_back():
            log.info("%s.%s failed, and what it had done was undone", service, operation)
        return answer

    def _done(self, service: str, operation: str, environ: dict[str, Any], body: bytes) -> Answer:
        environ["wsgi.input"] = io.BytesIO(body)
        status, headers, content = self._dispatch(service, operation, environ, body)
        if status >= 400 and "html" in headers.get("Content-Type", "") and environ["REQUEST_METHOD"] != "HEAD":
            raise NotImplementedError
        if status == 404 and not content and environ["REQUEST_METHOD"] == "POST":
            if operation:
                raise NotImplementedError
            return _without_operation(service, environ)
        if status == HTTPStatus.INTERNAL_SERVER_ERROR:  # AWS's own failures are not simulated: this is a refusal
            message = " ".join(re.sub(r"<[^>]*>", " ", content.decode(errors="replace")).split())
            return seams.error_response(service, 400, validation.code_of(service, operation), message)
        return status, headers, content

    def _dispatch(self, service: str, operation: str, environ: dict[str, Any], body: bytes) -> Answer:
        door = seams.front_door(service) if environ.get("PATH_INFO", "/") in ("", "/") else None
        if door is None:
            return self._through_flask(service, environ)
        answer = direct.answer(service, operation, environ, body)
        if answer is not None:
            return answer
        request = seams.request_of(environ, body)
        result = door(request, request.raw_url, headers_of(environ))
        status, headers, content = result if len(result) == 3 else (200, {}, result)
        text = content.encode() if isinstance(content, str) else content
        return int(headers.pop("status", status)), {k: str(v) for k, v in headers.items()}, text

    @staticmethod
    def _through_flask(service: str, environ: dict[str, Any]) -> Answer:
        caught: list[Any] = []
        app = seams.application(service)
        app.config["PROPAGATE_EXCEPTIONS"] = True
        chunks = app(environ, lambda status, headers, exc_info=None: caught.append((status, headers)))
        body = b"".join(chunks)
        status, headers = caught[-1]
        return int(status.split()[0]), dict(headers), body


def _failed(service: str, operation: str, environ: dict[str, Any], body: bytes, error: Exception) -> Answer:
    """The answer to a call in which `error` was raised that is none of AWS's."""
    wanted = operation or seams.rest_operation(service, environ)
    if isinstance(error, NotImplementedError | OperationNotFoundError):
        message = f"The embedded AWS does not have {service}:{wanted}."
        protocol = wording.understood(seams.protocol(service), _spoken(environ))
        return seams.error(protocol, 501, "NotImplemented", message)
    if isinstance(error, KeyError) and error.args == (_scope(environ)[0],):
        message = f"Credential should be scoped to a valid region: {service} has none named {error}."
        return seams.error_response(service, 400, "InvalidSignatureException", message)
    log.error("%s.%s failed", service, wanted, exc_info=error)
    message = f"{type(error).__name__}: {error}"
    if isinstance(error, ImportError):
        message = f"The embedded AWS does not have {service}: the package {error.name} is not installed."
        return seams.error_response(service, 501, "NotImplemented", message)
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in _MACHINE):
        return seams.error_response(service, 500, "InternalFailure", f"{service}:{wanted}: {message}")
    code = seams.not_found_code(service, wanted)
    if isinstance(error, KeyError) and code and _gives(str(error.args[0]), environ, body):
        return seams.error_response(service, 400, code, f"{error.args[0]!r} was not found.")
    message = f"The embedded AWS cannot do {service}:{wanted} with this input ({message})."
    return seams.error_response(service, 400, validation.code_of(service, wanted), message)


def _gives(value: str, environ: dict[str, Any], body: bytes) -> bool:
    """Whether `value` is, or ends, one that the request gives: what moto looked up, then, and not a name of its own."""
    text = " ".join((body.decode(errors="replace"), environ.get("PATH_INFO", ""), environ.get("QUERY_STRING", "")))
    return bool(value) and re.search(rf'(?:[=/:]|"){re.escape(value)}(?:&|/|\s|$|"(?!\s*:))', unquote(text)) is not None


def _stranger(environ: dict[str, Any]) -> bytes:
    """Why a request is refused that a web page elsewhere may have made a browser send; empty if it is not."""
    return _strange(environ.get("HTTP_ORIGIN"), environ.get("HTTP_HOST"))


@lru_cache(maxsize=64)
def _strange(origin: str | None, host: str | None) -> bytes:
    name = _hostname(origin) if origin is not None else "localhost"
    if not (_is_loopback(name) or name == "localhost" or name.endswith(".localhost")):
        return f"The Origin {origin!r} is not on this machine: no web page elsewhere may call this AWS.\n".encode()
    name = _hostname(f"//{host}") if host else "localhost"
    if not (_is_loopback(name) or name in _OWN_NAMES or name.endswith(_NAMES_BELOW)):
        return f"The Host {host!r} is not a name of this AWS. Call it by 127.0.0.1 or localhost.\n".encode()
    return b""


def _hostname(url: str) -> str:
    """The name or address in a URL, in lower case; empty if there is none."""
    try:
        return (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return ""


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _scope(environ: dict[str, Any]) -> tuple[str, str]:
    """Region and service that a request is signed for; both empty where it does not say."""
    found = _SCOPE.match(environ.get("HTTP_AUTHORIZATION", ""))
    return (found["region"], found["service"]) if found else ("", "")


def _unroutable(environ: dict[str, Any]) -> Answer:
    """What is wrong with a request that no service can be found for."""
    target = environ.get("HTTP_X_AMZ_TARGET")
    region, service = _scope(environ)
    if environ.get("HTTP_AUTHORIZATION") and not service:
        message = "The header Authorization has no Credential=<key>/<date>/<region>/<service>/aws4_request."
        return _malformed(environ, "IncompleteSignature", message)
    if protocol := environ.get("HTTP_SMITHY_PROTOCOL"):
        message = f"The request is signed for {service!r}, and speaks {protocol}, which the embedded AWS does not."
        return _malformed(environ, "UnknownService", message)
    if service and seams.service_for(f"{service}.{region}.amazonaws.com"):
        return _without_operation(service, environ)
    if service:
        message = f"The request is signed for {service!r}, which the embedded AWS does not have."
        return _malformed(environ, "UnknownService", message)
    message = "The request is not signed for a service that the embedded AWS knows"
    return _malformed(environ, "UnknownService", message + (f", and X-Amz-Target is {target!r}." if target else "."))


def _without_operation(service: str, environ: dict[str, Any]) -> Answer:
    target = environ.get("HTTP_X_AMZ_TARGET")
    wrong = f"X-Amz-Target is {target!r}" if target else "it has neither X-Amz-Target nor Action"
    message = f"The request names no operation of {service}: {wrong}."
    return seams.error_response(service, 400, "UnknownOperationException", message)


def _malformed(environ: dict[str, Any], code: str, message: str) -> Answer:
    return seams.error(_spoken(environ), 400, code, message)


def _spoken(environ: dict[str, Any]) -> str:
    smithy, target = environ.get("HTTP_SMITHY_PROTOCOL", ""), environ.get("HTTP_X_AMZ_TARGET", "")
    return wording.spoken(smithy, target, environ.get("CONTENT_TYPE", ""), environ.get("QUERY_STRING", ""))


def _read_body(environ: dict[str, Any]) -> bytes:
    if environ.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked":
        body: bytes = environ["wsgi.input"].read()
    else:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["CONTENT_LENGTH"] = str(len(body))
    return body


def _operation(environ: dict[str, Any], body: bytes) -> str:
    target = environ.get("HTTP_X_AMZ_TARGET")
    if target:
        return str(target).rsplit(".", 1)[-1]
    for text in (body if b"Action=" in body else b"", environ.get("QUERY_STRING", "").encode()):
        action = parse_qs(text.decode("latin-1")).get("Action")
        if action:
            return str(action[0])
    return ""


@lru_cache(maxsize=512)
def _is_kept(header: str) -> bool:
    return header in _KEPT_HEADERS or (header.startswith("HTTP_X_AMZ_") and header not in _DROPPED_HEADERS)


def _entry(service: str, operation: str, environ: dict[str, Any], body: bytes, seed: str, at: float) -> Entry:
    headers = {name: value for name, value in environ.items() if _is_kept(name)}
    if "HTTP_AUTHORIZATION" in headers:
        headers["HTTP_AUTHORIZATION"] = _SECRET.sub("", headers["HTTP_AUTHORIZATION"])
    return Entry(
        service=service,
        operation=operation,
        method=environ["REQUEST_METHOD"],
        path=environ["RAW_URI"].partition("?")[0],
        query=environ.get("QUERY_STRING", ""),
        headers=headers,
        body=body.decode("latin-1"),
        seed=seed,
        at=at,
    )
