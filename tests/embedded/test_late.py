"""What a first call does not need is not loaded, and what waits is what it would have been."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from moto.moto_server.werkzeug_app import DomainDispatcherApplication

from drydock.embedded.assembly import AWS, SIGNED_FOR
from drydock.embedded.core import late, seams

pytestmark = pytest.mark.process

FORM = "application/x-www-form-urlencoded"
CALLS = {
    "sts": (
        "sts",
        {"CONTENT_TYPE": FORM},
        "Action=GetCallerIdentity&Version=2011-06-15",
    ),
    "ecs": (
        "ecs",
        {"CONTENT_TYPE": "application/x-amz-json-1.1", "HTTP_X_AMZ_TARGET": "AmazonEC2ContainerService.ListClusters"},
        "{}",
    ),
    "ec2": ("ec2", {"CONTENT_TYPE": FORM}, "Action=DescribeVpcs&Version=2016-11-15"),
    "cloudformation": ("cloudformation", {"CONTENT_TYPE": FORM}, "Action=ListStacks&Version=2010-05-15"),
    "codedeploy": (
        "codedeploy",
        {"CONTENT_TYPE": "application/x-amz-json-1.1", "HTTP_X_AMZ_TARGET": "CodeDeploy_20141006.ListApplications"},
        "{}",
    ),
}
HEAVY = {"asyncio", "boto3", "botocore.client", "botocore.session", "flask", "jinja2", "moto.core.models", "responses"}
SCOPE = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{}/aws4_request, SignedHeaders=host, Signature=0"

CALL = """
import json, sys, tempfile
from pathlib import Path
from drydock.embedded.core import late
late.install()
from drydock.embedded.core.app import environ_of
from drydock.embedded.assembly import AWS
host = AWS(Path(tempfile.mkdtemp()))
headers, body = json.loads(sys.argv[1])
status, _, text = host.app.call(environ_of("POST", "/", "", body.encode(), headers))
assert status == 200, text
print(json.dumps([name for name, module in sys.modules.items() if type(module).__name__ != "_Empty"]))
host.close()
"""

WHOLE = """
import json, sys
import drydock.embedded.core.seams as seams
if sys.argv[1] == "waiting":
    seams.prepare()
from moto.ec2.models import instance_types as it
from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend as zones
from moto.core import DEFAULT_ACCOUNT_ID
offers = {place: {region: len(of) for region, of in it.INSTANCE_TYPE_OFFERINGS[place].items()}
          for place in it.INSTANCE_TYPE_OFFERINGS}
first = it.INSTANCE_TYPE_OFFERINGS["availability-zone"]["us-east-1"][0]
print(json.dumps([sorted(it.INSTANCE_TYPES), sorted(each.name for each in it.InstanceTypeBackend().instance_types),
                  sorted(it.INSTANCE_FAMILIES), offers, first, DEFAULT_ACCOUNT_ID,
                  [vars(region) for region in zones.regions], sorted(zones.zones)], sort_keys=True))
"""


def run(code: str, *arguments: str) -> str:
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("call", "beside"),
    [
        ("sts", {"moto.ec2.models", "moto.ecs.models", "drydock.images.build", "cryptography.x509"}),
        ("ecs", {"moto.ec2.models", "moto.iam.models", "drydock.images.build", "cryptography.x509"}),
        ("ec2", {"moto.ecs.models", "drydock.images.build"}),
    ],
)
def test_a_call_loads_what_it_needs(call: str, beside: set[str]) -> None:
    loaded = loaded_by(call)
    assert not loaded & (HEAVY | beside)
    assert f"moto.{call}.models" in loaded


@pytest.mark.parametrize("service", ["codedeploy", "cloudformation"])
def test_the_first_call_may_be_any(service: str) -> None:
    assert f"moto.{service}.models" in loaded_by(service)


def loaded_by(call: str) -> set[str]:
    """Modules that are loaded once that call, the first, is answered."""
    service, headers, body = CALLS[call]
    given = [{**headers, "HTTP_AUTHORIZATION": SCOPE.format(service), "HTTP_HOST": "127.0.0.1:4566"}, body]
    return set(json.loads(run(CALL, json.dumps(given))))


def test_what_waited_is_what_it_would_have_been() -> None:
    assert json.loads(run(WHOLE, "waiting")) == json.loads(run(WHOLE, "at once"))


def test_stand_ins_have_the_names_of_what_they_stand_for() -> None:
    for module, names in [*late.LATE.items(), *((name, tuple(of)) for name, of in late.AT_ONCE.items())]:
        for name in names:
            assert hasattr(import_module(module), name), f"{module} has no {name}"


def test_signed_requests_go_where_moto_sends_them(tmp_path: Path) -> None:
    moto = DomainDispatcherApplication(lambda _: pytest.fail("nothing is asked"))
    AWS(tmp_path).close()
    for name, service in SIGNED_FOR.items():
        environ = {"HTTP_AUTHORIZATION": SCOPE.format(name), "PATH_INFO": "/", "HTTP_HOST": "127.0.0.1:4566"}
        assert seams.service_signed_for(environ["HTTP_AUTHORIZATION"]) == service
        assert moto.get_backend_for_host(moto.infer_service_region_host(environ, "/")) == service


@pytest.mark.parametrize(
    "header", ["", "Bearer x", SCOPE.format("s3"), SCOPE.format("ecs").replace("/aws4", "/x/aws4")]
)
def test_what_needs_more_to_be_told_apart_is_left_to_moto(header: str) -> None:
    assert seams.service_signed_for(header) is None
