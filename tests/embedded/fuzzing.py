"""Calls made up from the services' models, the same for the same seed: by boto3, and raw with values of wrong types.

`python tests/embedded/fuzzing.py --calls 20 --seed 7` makes that many calls of every operation of every service that
the embedded AWS has, and prints those that it answered as no AWS would. `make fuzz` is a long run of it.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError

from drydock.embedded.assembly import AWS

ADAPTED = ("ecs", "ecr", "elbv2", "servicediscovery", "logs", "sqs", "iam", "secretsmanager", "cloudwatch", "events",
           "application-autoscaling", "cloudformation", "resourcegroupstaggingapi", "ec2", "ssm", "sts", "kms", "sns",
           "autoscaling", "codedeploy", "acm")  # fmt: skip
_WORDS = ("x", "a-name", "arn:aws:ecs:us-east-1:000000000000:cluster/none", "127.0.0.1", "0", "-1", "true", "*", " ",
          "{}", "[]", '{"a": 1}', "é", "a/b:c", "x" * 300, "1", "none")  # fmt: skip
_ODD: tuple[Any, ...] = (None, [], {}, "", "x", 0, -1, 1.5, 10**30, True, [None], [{}], {"a": None}, [[]], "\ud800")
_NOT_TRIED = {
    ("sqs", "ReceiveMessage"),  # waits
    ("ssm", "SendCommand"),  # waits
}


@dataclass(frozen=True)
class Fault:
    """A call whose answer no AWS would give."""

    service: str
    operation: str
    arguments: Any
    answer: str

    def __str__(self) -> str:
        return f"{self.service}.{self.operation}({self.arguments!r}): {self.answer}"


class Maker:
    """Makes values of shapes. `known`: what answers had, by the names of their members, for calls to use again."""

    def __init__(self, random_: random.Random) -> None:
        self.random = random_
        self.known: dict[str, list[Any]] = {}

    def arguments(self, shape: Any, *, full: float) -> dict[str, Any]:
        """Arguments of a call: what is required, and each other member with the chance `full`."""
        return {} if shape is None else self._structure(shape, full, 0)

    def learn(self, answer: Any, name: str = "") -> None:
        if isinstance(answer, dict):
            for key, value in answer.items():
                self.learn(value, key)
        elif isinstance(answer, list):
            for value in answer[:5]:
                self.learn(value, name)
        elif isinstance(answer, str) and 0 < len(answer) < 500:
            values = self.known.setdefault(name.lower(), [])
            if answer not in values:
                values.append(answer)
                del values[:-20]

    def _structure(self, shape: Any, full: float, depth: int) -> dict[str, Any]:
        required = shape.metadata.get("required", ())
        made = {}
        for name, member in shape.members.items():
            if name in required or (depth < 4 and self.random.random() < full):
                made[name] = self._value(member, name, full, depth + 1)
                if shape.is_tagged_union:
                    break
        return made

    def _value(self, shape: Any, name: str, full: float, depth: int) -> Any:
        kind, limits, choose = shape.type_name, shape.metadata, self.random.choice
        if kind == "structure":
            return {"a": 1} if shape.is_document_type else self._structure(shape, full, depth)
        if kind == "list":
            count = max(limits.get("min", 0), self.random.randrange(3) if depth < 5 else 0)
            return [self._value(shape.member, name.removesuffix("s"), full, depth + 1) for _ in range(count)]
        if kind == "map":
            count = self.random.randrange(3)
            return {
                str(self._value(shape.key, "key", full, depth + 1)): self._value(shape.value, "value", full, depth + 1)
                for _ in range(count)
            }
        if kind in ("integer", "long"):
            return max(limits.get("min", -1), choose((0, 1, 2, 5, -1, 80, 65536, limits.get("max", 100))))
        if kind in ("float", "double"):
            return max(limits.get("min", -1), choose((0.0, 1.0, 0.5, 100.0)))
        if kind == "boolean":
            return choose((True, False))
        if kind == "timestamp":
            return datetime.fromtimestamp(choose((0, 1_700_000_000, 4_000_000_000)), UTC)
        if kind == "blob":
            return choose((b"", b"x", b"{}"))
        return self._text(shape, name)

    def _text(self, shape: Any, name: str) -> str:
        choose = self.random.choice
        if shape.metadata.get("enum") and self.random.random() < 0.9:
            return str(choose(shape.metadata["enum"]))
        known = [value for key, values in self.known.items() if _alike(key, name.lower()) for value in values]
        text = str(choose(known)) if known and self.random.random() < 0.7 else choose(_WORDS)
        return text.ljust(shape.metadata.get("min", 0), "x")

    def spoilt(self, value: Any) -> Any:
        """The same with one part of it exchanged for something of another type."""
        if isinstance(value, dict) and value and self.random.random() < 0.8:
            key = self.random.choice(list(value))
            return {**value, key: self.spoilt(value[key])}
        if isinstance(value, list) and value and self.random.random() < 0.8:
            place = self.random.randrange(len(value))
            return [*value[:place], self.spoilt(value[place]), *value[place + 1 :]]
        return self.random.choice(_ODD)


def _alike(key: str, name: str) -> bool:
    return key == name or (len(name) > 3 and (key.endswith(name) or name.endswith(key)) and len(key) > 2)


class Fuzzer:
    """Calls a host, and keeps what it answered wrong."""

    def __init__(self, host: AWS, seed: int) -> None:
        self.host = host
        self.seed = seed
        self.calls = self.accepted = 0
        self._session = boto3.session.Session("test", "test", region_name="us-east-1")

    def client(self, service: str) -> Any:
        config = Config(
            inject_host_prefix=False, retries={"total_max_attempts": 1}, parameter_validation=False, read_timeout=60,
            s3={"addressing_style": "path"},
        )  # fmt: skip
        return self._session.client(service, endpoint_url=self.host.endpoint, config=config)

    def run(self, service: str, calls: int) -> Iterator[Fault]:
        """`calls` calls of each operation of a service."""
        client = self.client(service)
        model = client.meta.service_model
        maker = Maker(random.Random(f"{self.seed}:{service}"))
        names = [name for name in model.operation_names if (service, name) not in _NOT_TRIED]
        maker.random.shuffle(names)
        names.sort(key=lambda name: (name.startswith("Delete"), not name.startswith(("Create", "Put", "Register"))))
        absent: set[str] = set()
        for _ in range(calls):
            for name in names:
                if name not in absent:
                    shape = model.operation_model(name).input_shape
                    full = maker.random.choice((0.0, 0.1, 0.5))
                    arguments = maker.arguments(shape, full=full)
                    fault = self._call(client, name, arguments, maker, absent)
                    if fault is None and name not in absent:
                        fault = self._raw(model, name, maker, maker.arguments(shape, full=full))
                    if fault is not None:
                        yield fault

    def _call(self, client: Any, name: str, arguments: dict[str, Any], maker: Maker, absent: set[str]) -> Fault | None:
        service = client.meta.service_model.service_name
        self.calls += 1
        try:
            maker.learn(client._make_api_call(name, arguments))
            self.accepted += 1
        except ClientError as error:
            status, code = error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]
            if code == "NotImplemented" or status == 501:
                absent.add(name)
            elif status >= 500 or not code:
                return Fault(service, name, arguments, str(error))
        except HTTPClientError as error:
            return Fault(service, name, arguments, f"{type(error).__name__}: {error}")
        except Exception:  # botocore cannot send it, or does not know the answer for one of the model's
            return None
        return None

    def _raw(self, model: Any, name: str, maker: Maker, arguments: dict[str, Any]) -> Fault | None:
        """The call as no SDK makes it: wrong types in JSON, or text where the model has none."""
        spoilt = maker.spoilt(arguments)
        json_ = "json" in model.metadata.get("protocols", ()) or model.metadata["protocol"] == "json"
        scope = model.signing_name
        headers = {
            "Authorization": f"AWS4-HMAC-SHA256 Credential=t/20260101/us-east-1/{scope}/aws4_request, Signature=0"
        }
        if json_:
            headers["X-Amz-Target"] = f"{model.metadata['targetPrefix']}.{name}"
            headers["Content-Type"] = f"application/x-amz-json-{model.metadata.get('jsonVersion', '1.0')}"
            body = json.dumps(spoilt, default=str).encode()
        elif model.metadata["protocol"] in ("query", "ec2"):
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            flat = "".join(f"&{key}={value}" for key, value in _flat(spoilt))
            body = f"Action={name}&Version={model.api_version}{flat}".encode(errors="replace")
        else:
            return None
        self.calls += 1
        connection = http.client.HTTPConnection("127.0.0.1", self.host.port, timeout=60)
        try:
            connection.request("POST", "/", body, headers)
            answer = connection.getresponse()
            content = answer.read()
        except OSError as error:
            return Fault(model.service_name, name, body, f"{type(error).__name__}: {error}")
        finally:
            connection.close()
        bad = answer.status >= 500 and answer.status != 501
        return Fault(model.service_name, name, body, f"{answer.status} {content[:400]!r}") if bad else None


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    from urllib.parse import quote

    if isinstance(value, dict):
        for key, item in value.items():
            yield from _flat(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for number, item in enumerate(value, 1):
            yield from _flat(item, f"{path}.member.{number}")
    elif path:
        yield quote(path), quote(str(value).encode(errors="replace"))


def served() -> list[str]:
    """boto3's name of every service that the embedded AWS has."""
    from moto import backends

    from drydock.embedded.core import seams

    seams.prepare()
    found = []
    for name in backends.list_of_moto_modules():
        model = seams.model_of(name)
        if model is not None and seams.service_for(name):
            found.append(str(model.service_name))
    return sorted(found)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, default=20, help="of each operation")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("services", nargs="*")
    options = parser.parse_args()
    count = 0
    with tempfile.TemporaryDirectory() as directory:
        host = AWS(Path(directory), seed=str(options.seed))
        host.listen()
        host.run()
        fuzzer = Fuzzer(host, options.seed)
        try:
            for service in options.services or served():
                before = fuzzer.calls, fuzzer.accepted
                for fault in fuzzer.run(service, options.calls):
                    count += 1
                    print(fault, flush=True)
                made, taken = fuzzer.calls - before[0], fuzzer.accepted - before[1]
                print(f"{service}: {made} calls, {taken} accepted", flush=True)
        finally:
            host.close()
    print(f"seed {options.seed}: {fuzzer.calls} calls, {count} faults")
    sys.exit(1 if count else 0)


if __name__ == "__main__":
    main()
