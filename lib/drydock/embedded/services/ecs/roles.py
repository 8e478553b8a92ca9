"""The roles of a task: whether ECS can assume them yet."""

from __future__ import annotations

from drydock.embedded.core import seams
from drydock.embedded.core.host import Host
from drydock.embedded.services.ecs.lookups import error
from drydock.embedded.services.ecs.records import Document
from drydock.embedded.workload.roles import can_be_assumed


def check(host: Host, definition: Document, overrides: Document) -> None:
    """Raise ClientException where a role is not there, does not trust ECS, or has not come into force yet."""
    if not host.profile.role:
        return
    for key in ("executionRoleArn", "taskRoleArn"):
        arn = overrides.get(key) or definition.get(key)
        if arn and not can_be_assumed(host, arn, TASKS):
            raise error("ClientException", UNUSABLE.format(arn=arn))


class LinkedRole:
    """ECS's own role in an account, AWSServiceRoleForECS, which its first use makes and fails, where that is strict."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._wanted = False

    def is_there(self) -> bool:
        """Whether ECS has it; if not, it is made in the next turn. True where the profile does not ask."""
        if not self._host.profile.service_linked_role or seams.replaying():
            return True
        roles = self._host.backend("iam", "aws").roles.values()
        found = any(role.name == NAME and not self._host.lately.has(("role", role.arn)) for role in roles)
        self._wanted = not found and all(role.name != NAME for role in roles)
        if self._wanted:
            self._host.poke()
        return found

    def make(self) -> None:
        """In a turn: make it if it is wanted, as a request that is kept."""
        if self._wanted:
            self._wanted = False
            self._host.client("iam", REGION).create_service_linked_role(AWSServiceName="ecs.amazonaws.com")


TASKS = "ecs-tasks.amazonaws.com"
ECS = "ecs.amazonaws.com"
NAME = "AWSServiceRoleForECS"
REGION = "us-east-1"
UNUSABLE = (
    "ECS was unable to assume the role '{arn}' that was provided for this task. Please verify that the role being "
    "passed has the proper trust relationship and permissions and that your IAM user has permissions to pass this role."
)
