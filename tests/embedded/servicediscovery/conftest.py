"""An embedded AWS whose clock only moves when told to, with one VPC and one private namespace."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from drydock.embedded.assembly import AWS
from drydock.embedded.core.clock import ManualClock

REGION = "us-east-1"


@pytest.fixture(scope="module")
def shared_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AWS]:
    host = AWS(tmp_path_factory.mktemp("aws"), seed="test", clock=ManualClock())
    yield host
    host.close()


@pytest.fixture
def stepped(shared_host: AWS) -> Iterator[AWS]:
    yield shared_host
    from moto.route53 import route53_backends
    from moto.servicediscovery.models import servicediscovery_backends

    for backends in (route53_backends, servicediscovery_backends):
        for _, _, backend in backends.iter_backends():
            backend.reset()


@pytest.fixture
def sd(stepped: AWS) -> Any:
    return stepped.client("servicediscovery", REGION)


@pytest.fixture(scope="module")
def vpc(shared_host: AWS) -> str:
    return str(shared_host.client("ec2", REGION).create_vpc(CidrBlock="127.10.0.0/16")["Vpc"]["VpcId"])


@pytest.fixture
def namespace(sd: Any, vpc: str) -> str:
    operation_id = sd.create_private_dns_namespace(Name="prod.internal", Vpc=vpc)["OperationId"]
    return str(sd.get_operation(OperationId=operation_id)["Operation"]["Targets"]["NAMESPACE"])
