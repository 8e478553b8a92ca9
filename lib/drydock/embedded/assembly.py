"""Everybody by name: what an embedded AWS is put together from."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

from drydock.embedded.carriers.runtime import Runtime, runtime_of
from drydock.embedded.core import seams
from drydock.embedded.core.app import App
from drydock.embedded.core.clock import Clock
from drydock.embedded.core.compaction import Compaction, Rules
from drydock.embedded.core.host import Host
from drydock.embedded.core.journal import UNREADABLE, Journal
from drydock.embedded.core.services import Service, Services
from drydock.embedded.instance import REPLAYING
from drydock.embedded.services.acmpca import ACMPCA
from drydock.embedded.services.applicationautoscaling import ApplicationAutoScaling
from drydock.embedded.services.awslambda import Lambda
from drydock.embedded.services.cloudformation import CloudFormation
from drydock.embedded.services.cloudwatch import CloudWatch
from drydock.embedded.services.codedeploy import CodeDeploy
from drydock.embedded.services.ec2 import EC2
from drydock.embedded.services.ecr import ECR
from drydock.embedded.services.ecs import ECS
from drydock.embedded.services.elbv2 import ELBv2
from drydock.embedded.services.events import Events
from drydock.embedded.services.fis import FIS
from drydock.embedded.services.iam import IAM
from drydock.embedded.services.logs import Logs
from drydock.embedded.services.secretsmanager import SecretsManager
from drydock.embedded.services.servicediscovery import ServiceDiscovery
from drydock.embedded.services.sns import SNS
from drydock.embedded.services.sqs import SQS
from drydock.embedded.services.ssm import SSM
from drydock.embedded.services.sts import STS
from drydock.embedded.services.xray import XRay

log = logging.getLogger(__name__)

SERVICES: tuple[type[Service], ...] = (
    ACMPCA, ApplicationAutoScaling, CloudFormation, CloudWatch, CodeDeploy, EC2, ECR, ECS, ELBv2, Events, FIS, IAM,
    Lambda, Logs, SecretsManager, ServiceDiscovery, SNS, SQS, SSM, STS, XRay,
)  # fmt: skip
RULES = Rules(
    {kind.name: kind.lifespan for kind in SERVICES if kind.lifespan is not None},
    {kind.name: kind.dealings for kind in SERVICES if kind.dealings is not None},
)
SIGNED_FOR = {
    "acm-pca": "acmpca", "application-autoscaling": "applicationautoscaling", "autoscaling": "autoscaling",
    "cloudformation": "cloudformation", "codedeploy": "codedeploy", "ec2": "ec2", "ecr": "ecr", "ecs": "ecs",
    "elasticloadbalancing": "elb", "events": "events", "fis": "fis", "iam": "iam", "kms": "kms", "logs": "logs",
    "monitoring": "cloudwatch", "secretsmanager": "secretsmanager", "servicediscovery": "servicediscovery",
    "sns": "sns", "sqs": "sqs", "ssm": "ssm", "sts": "sts", "tagging": "resourcegroupstaggingapi",
    "xray": "xray",
}  # fmt: skip
"""moto's name of a service by the one that its requests are signed for: those that need no more to be told apart."""
_TOUCH_EVERY = 1.0
_LOOKS = "drydock.embedded.compaction"


class AWS(Host):
    """The running embedded AWS: a host, and on it the one port, the journal and all services.

    `runtime` runs the containers of tasks, and is closed with this; processes of this machine where none is given.
    """

    def __init__(
        self,
        directory: Path,
        *,
        name: str = "default",
        clock: Clock | None = None,
        seed: str | None = None,
        profile: str | None = None,
        access_key: tuple[str, str] | None = None,
        runtime: Runtime[Any] | None = None,
    ) -> None:
        super().__init__(directory, name=name, clock=clock, seed=seed, profile=profile, access_key=access_key)
        self.services = Services(self, SERVICES)
        seams.install_with(self.services.install, self.services.keeping_data(), SIGNED_FOR)
        self.journal = Journal(directory / "journal.jsonl")
        self.compaction = Compaction(self, self.journal, _LOOKS)
        self.every_tick("journal", self.compaction.turn, patient=True)
        self.on_close(self.journal.close, last=True)
        self.front = self.app = App(self, self.services, self.journal)
        if runtime is not None:
            self.make_instead(runtime_of, lambda _: self._taken(runtime))

    def _taken(self, runtime: Runtime[Any]) -> Runtime[Any]:
        self.on_close(runtime.close)
        return runtime

    def restore(self) -> int:
        """Replay the journal; returns how many requests there were.

        Meanwhile the file `replaying` tells whoever waits that it goes on. Unusable if a file of the account is.
        """
        self.open_data()
        sign = self.directory / REPLAYING
        touched = time.monotonic()
        entries, damaged = self.journal.recover()
        if damaged:
            log.error("%d unreadable lines of the journal were set aside, in %s", damaged, self.directory / UNREADABLE)
        gone = self.compaction.leave_out(entries, RULES)
        for place, entry in enumerate(entries):
            if place in gone or not entry.service:
                self.app.skip(entry)
                continue
            if time.monotonic() - touched > _TOUCH_EVERY:
                sign.touch()
                touched = time.monotonic()
            self.app.replay(entry)
        self.services.restored(sign.touch)
        self.settle_data(True)  # what the services put in order
        sign.unlink(missing_ok=True)
        return sum(bool(entry.service) and place not in gone for place, entry in enumerate(entries))

    def listen(self, port: int = 0) -> int:
        """Listen on 127.0.0.1:`port` (0: any free one); returns the port. OSError if it is taken; CannotTell."""
        return self.serve(self.app, port)
