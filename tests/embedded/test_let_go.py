"""What is deleted takes no memory any more."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

from drydock.embedded.assembly import AWS


def living(name: str) -> int:
    gc.collect()
    return sum(type(thing).__name__ == name for thing in gc.get_objects())


def test_what_is_deleted_is_let_go_of(host: AWS, client: Callable[..., Any]) -> None:
    ec2, sqs = client("ec2"), client("sqs")
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    before = living("NetworkInterface"), living("Queue"), living("Message")
    for number in range(5):
        made = ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]
        ec2.delete_network_interface(NetworkInterfaceId=made)
        url = sqs.create_queue(QueueName=f"q{number}")["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody="x")
        sqs.receive_message(QueueUrl=url)
        sqs.delete_queue(QueueUrl=url)
    assert (living("NetworkInterface"), living("Queue"), living("Message")) == before
