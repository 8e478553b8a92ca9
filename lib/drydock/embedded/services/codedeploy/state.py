"""Applications, their groups and revisions, configurations and deployments of a region."""

from __future__ import annotations

import hashlib
import json
import logging
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from moto.codedeploy.models import CodeDeployBackend
from moto.core.resource_tagging import TaggedResource

from drydock.embedded.core import seams
from drydock.policy.codedeploy import lifecycle
from drydock.policy.codedeploy.courses import PREDEFINED, Course
from drydock.policy.codedeploy.lifecycle import Step
from drydock.policy.requests.errors import Invalid

from .errors import no_application, no_config, no_deployment, no_group

if TYPE_CHECKING:
    from drydock.embedded.core.host import Host

    from .store import Store

log = logging.getLogger(__name__)

Document = dict[str, Any]
Kept = TypeVar("Kept")
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


@dataclass
class Application:
    name: str
    id: str
    created: float
    """Seconds since the epoch, as all times but `since` and `due` below."""
    tags: dict[str, str] = field(default_factory=dict)


@dataclass
class Group:
    """A deployment group; `settings` are the members of the request that made or changed it."""

    application: str
    name: str
    id: str
    settings: Document
    tags: dict[str, str] = field(default_factory=dict)


@dataclass
class Config:
    name: str
    id: str
    created: float
    kind: str
    percent: int
    minutes: int

    @property
    def course(self) -> Course:
        return Course(self.kind, self.percent, self.minutes)


@dataclass
class Revision:
    """Something to deploy; `location` says which, `content` is its AppSpec."""

    application: str
    key: str
    location: Document
    content: str
    registered: float
    description: str = ""
    first_used: float | None = None
    last_used: float | None = None
    groups: list[str] = field(default_factory=list)


@dataclass
class Event:
    """A life-cycle event. `execution`: of its hook, which has `answered`, or has until the AWS second `due`."""

    name: str
    status: str = lifecycle.PENDING
    started: float | None = None
    ended: float | None = None
    execution: str = ""
    due: float = 0.0
    answered: str = ""
    message: str = ""


@dataclass
class Deployment:
    """One deployment, with all that it needs of its group: that may change or go meanwhile.

    `blue` and `green` are the original and the replacement task set, as a target shows them. `since`: the AWS second
    at which its step began. `weight`, `test_weight`: percent of the traffic that listeners were told to send to green.
    """

    id: str
    application: str
    group: str
    group_id: str
    settings: Document
    config: str
    course: list[Any]
    revision: Document
    spec: Document
    created: float
    number: int
    description: str = ""
    creator: str = "user"
    status: str = lifecycle.CREATED
    started: float | None = None
    completed: float | None = None
    updated: float = 0.0
    error: Document = field(default_factory=dict)
    rollback: Document = field(default_factory=dict)
    previous: Document | None = None
    step: str = Step.BEFORE_INSTALL
    since: float = 0.0
    events: list[Event] = field(default_factory=list)
    blue: Document = field(default_factory=dict)
    green: Document = field(default_factory=dict)
    weight: float | None = None
    test_weight: float | None = None
    desired_at_shift: int | None = None
    unsteady_since: float | None = None
    undoes: str = ""
    continued: list[str] = field(default_factory=list)
    """The waits that nobody has to wait for any more."""
    stop: Document | None = None
    """Of StopDeployment: whether it is to be rolled back."""

    @property
    def is_over(self) -> bool:
        return self.status in lifecycle.ENDED

    @property
    def service(self) -> Document:
        return dict(self.settings["ecsServices"][0])

    @property
    def target(self) -> str:
        cluster, service = (self.service[name].rsplit("/", 1)[-1] for name in ("clusterName", "serviceName"))
        return f"{cluster}:{service}"

    @property
    def pair(self) -> Document:
        return dict(self.settings["loadBalancerInfo"]["targetGroupPairInfoList"][0])

    @property
    def listener(self) -> str:
        return str(self.pair["prodTrafficRoute"]["listenerArns"][0])

    @property
    def test_listener(self) -> str:
        return str(((self.pair.get("testTrafficRoute") or {}).get("listenerArns") or [""])[0])

    def event(self, step: str) -> Event:
        return next(event for event in self.events if event.name == step)


class CodeDeployState(CodeDeployBackend):
    """What a region has. It is kept as it is changed."""

    host: Host
    store: Store
    changed: Callable[[], None]

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.applications: dict[str, Application] = {}  # type: ignore[assignment]
        self.groups: dict[tuple[str, str], Group] = {}
        self.configs: dict[str, Config] = {}
        self.revisions: dict[tuple[str, str], Revision] = {}
        self.deployments: dict[str, Deployment] = {}  # type: ignore[assignment]
        self._ids = 0

    def restore(self) -> None:
        """Have what is kept of the region."""
        self.applications = {one.name: one for one in self._kept("application", Application)}
        self.groups = {(one.application, one.name): one for one in self._kept("group", Group)}
        self.configs = {one.name: one for one in self._kept("config", Config)}
        self.revisions = {(one.application, one.key): one for one in self._kept("revision", Revision)}
        deployments = sorted(self._kept("deployment", _deployment), key=lambda one: one.number)
        self.deployments = {one.id: one for one in deployments}
        self._ids = next(self._kept("number", lambda ids: int(ids)), 0)

    def _kept(self, kind: str, read: Callable[..., Kept]) -> Iterator[Kept]:
        """Those of a kind that can be read; of the others the log tells."""
        for key, record in self.store.read(self.region_name, kind):
            try:
                found = json.loads(record)
                yield read(**found) if isinstance(found, dict) else read(found)
            except (ValueError, KeyError, TypeError) as error:
                log.error("the %s %s of CodeDeploy cannot be read and is left out: %s", kind, key, error)

    # -- what is kept ---------------------------------------------------------------------------

    def keep(self, thing: Application | Group | Config | Revision | Deployment) -> None:
        """Hold a thing, and what it is now."""
        kind, key = _place(thing)
        if isinstance(thing, Application):
            self.applications[thing.name] = thing
        elif isinstance(thing, Group):
            self.groups[thing.application, thing.name] = thing
        elif isinstance(thing, Config):
            self.configs[thing.name] = thing
        elif isinstance(thing, Revision):
            self.revisions[thing.application, thing.key] = thing
        else:
            self.deployments[thing.id] = thing
        self.store.keep(self.region_name, kind, key, asdict(thing))

    def forget(self, thing: Application | Group | Config | Revision) -> None:
        """Hold it no more."""
        kind, key = _place(thing)
        if isinstance(thing, Application):
            del self.applications[thing.name]
        elif isinstance(thing, Group):
            del self.groups[thing.application, thing.name]
        elif isinstance(thing, Config):
            del self.configs[thing.name]
        else:
            del self.revisions[thing.application, thing.key]
        self.store.forget(self.region_name, kind, key)

    # -- names ----------------------------------------------------------------------------------

    def chance(self) -> random.Random:
        """What the ids of one thing come from: the same for the same seed and number."""
        self._ids += 1
        self.store.keep(self.region_name, "number", "ids", self._ids)
        return random.Random(f"{self.host.seed}:codedeploy:{self.region_name}:{self._ids}")

    def deployment_id(self) -> str:
        return f"d-{''.join(self.chance().choices(_LETTERS, k=9))}"

    def number(self) -> int:
        """Of the next deployment."""
        return 1 + max((one.number for one in self.deployments.values()), default=0)

    def now(self) -> float:
        return self.host.clock.utcnow().timestamp()

    # -- tags, which the API of tagging reads and sets, too -----------------------------------------

    def tagged(self, arn: str) -> Application | Group:
        """What has an ARN. Invalid."""
        here = f"{re.escape(self.region_name)}:{self.account_id}"
        found = re.fullmatch(rf"arn:aws:codedeploy:{here}:(application|deploymentgroup):([^/]+)/?(.*)", arn)
        if found is None:
            other = re.match(rf"arn:aws:codedeploy:{here}:(?!application:|deploymentgroup:)", arn)
            if other:
                raise Invalid("ArnNotSupportedException", f"{arn} has no tags: applications and deployment groups do.")
            raise Invalid("InvalidArnException", f"{arn} is not the ARN of an application or a deployment group here.")
        return self.application(found[2]) if found[1] == "application" else self.group(found[2], found[3])

    def tag_resource(self, arn: str, tags: dict[str, str]) -> None:
        """Invalid."""
        if not seams.replaying():  # it is in the file
            one = self.tagged(arn)
            one.tags = {**one.tags, **tags}
            self.keep(one)

    def untag_resource(self, arn: str, tag_keys: list[str]) -> None:
        """Invalid."""
        if not seams.replaying():
            one = self.tagged(arn)
            one.tags = {key: value for key, value in one.tags.items() if key not in tag_keys}
            self.keep(one)

    def iter_tagged_resources(self) -> Iterator[TaggedResource]:
        for application in self.applications.values():
            yield TaggedResource(self._application_arn(application.name), application.tags, "codedeploy:application")
        for group in self.groups.values():
            arn = self._deployment_group_arn(group.application, group.name)
            yield TaggedResource(arn, group.tags, "codedeploy:deploymentgroup")

    # -- what there is --------------------------------------------------------------------------

    def application(self, name: str) -> Application:
        """Invalid."""
        if name not in self.applications:
            raise no_application(name)
        return self.applications[name]

    def group(self, application: str, name: str) -> Group:
        """Invalid."""
        self.application(application)
        if (application, name) not in self.groups:
            raise no_group(name)
        return self.groups[application, name]

    def deployment(self, identity: str) -> Deployment:
        """Invalid."""
        if identity not in self.deployments:
            raise no_deployment(identity)
        return self.deployments[identity]

    def course(self, name: str) -> Course:
        """Of a deployment configuration. Invalid."""
        if name in PREDEFINED:
            return PREDEFINED[name]
        if name not in self.configs:
            raise no_config(name)
        return self.configs[name].course

    def of_group(self, application: str, name: str) -> list[Deployment]:
        """The deployments of a group, the oldest first; not those of one before it that had its name."""
        identity = self.groups[application, name].id
        return [one for one in self.deployments.values() if one.group_id == identity]

    def last_success(self, application: str, group: str) -> Deployment | None:
        """The deployment of a group that has succeeded last."""
        of_it = [one for one in self.of_group(application, group) if one.status == lifecycle.SUCCEEDED]
        return of_it[-1] if of_it else None


def key_of(location: Document) -> str:
    """What tells a revision from others."""
    kind = location["revisionType"]
    if kind == "S3":
        s3 = location["s3Location"]
        return f"S3 {s3['bucket']}/{s3['key']} {s3.get('version', '')} {s3.get('eTag', '')}"
    return f"{kind} {location[_MEMBERS[kind]]['sha256']}"


def digest(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


_MEMBERS = {"String": "string", "AppSpecContent": "appSpecContent"}


def member(kind: str) -> str:
    """Where a revision of a kind has its content."""
    return _MEMBERS[kind]


def _place(thing: Application | Group | Config | Revision | Deployment) -> tuple[str, str]:
    if isinstance(thing, Group):
        return "group", json.dumps([thing.application, thing.name])
    if isinstance(thing, Revision):
        return "revision", json.dumps([thing.application, thing.key])
    if isinstance(thing, Deployment):
        return "deployment", thing.id
    return type(thing).__name__.lower(), thing.name


def _deployment(events: list[Document], **record: Any) -> Deployment:
    return Deployment(**record, events=[Event(**event) for event in events])
