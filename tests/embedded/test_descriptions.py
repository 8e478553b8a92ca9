"""botocore's descriptions, read once and without their prose, say what botocore's own reading says."""

from __future__ import annotations

import json
import subprocess
import sys

import boto3
import pytest
from botocore.loaders import create_loader

from drydock.embedded.core import descriptions

ASKED = """
import json, sys
from drydock.embedded.core import descriptions
if sys.argv[1] == "ours":
    descriptions.read_once()
    session = descriptions.Session()
else:
    import boto3
    session = boto3.Session(region_name="us-east-1")
from botocore.loaders import create_loader
loader = create_loader()
services = sorted(loader.list_available_services("service-2"))
partitions = session.get_available_partitions()
def bare(item):
    if isinstance(item, dict):
        return {key: bare(of) for key, of in item.items() if key != "documentation" or not isinstance(of, str)}
    return [bare(each) for each in item] if isinstance(item, list) else item
print(json.dumps([
    services, partitions,
    {name: [session.get_available_regions(name, partition) for partition in partitions] for name in services[::7]},
    {name: bare(loader.load_service_model(name, "service-2")) for name in ("ecs", "sts", "sqs")},
    ["ecs" in loader.list_available_services("service-2"), "abc" in loader.list_available_services("service-2")],
]))
"""


@pytest.mark.process
def test_descriptions_are_those_of_botocore() -> None:
    ours, theirs = (
        json.loads(subprocess.run([sys.executable, "-c", ASKED, whose], capture_output=True, check=True).stdout)
        for whose in ("ours", "theirs")
    )
    for one, other in zip(ours, theirs, strict=True):
        assert one == other


def test_what_a_client_writes_into_a_description_is_its_own_alone() -> None:
    descriptions.read_once()
    client = boto3.client("s3", "us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    client.generate_presigned_url("get_object", Params={"Bucket": "b", "Key": "k"})
    found = create_loader().load_service_model("s3", "service-2")
    assert found["operations"]["GetObject"]["http"]["requestUri"] == "/{Bucket}/{Key+}"
