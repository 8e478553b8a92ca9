"""Files in which a mistake is to be spotted: valid ones of notebooks/fixtures, with one line changed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any

from botocore.session import Session
from botocore.validate import ParamValidator

from drydock.policy.requests import task_definition
from drydock.policy.requests.errors import Invalid
from drydock.prep.items import Item, Kind
from drydock.prep.questions import directory


@dataclass(frozen=True)
class Mistake:
    """A change of one line that makes a valid file wrong.

    line     what the line has in it; of several such lines one is drawn. `becomes` takes its place.
    why      what is wrong with it, and how it shows.
    only     which of several such lines, counted from 0; None: any.
    against  what other lines have in it that this one contradicts: they are as right an answer.
    rule     what finds it, where that is a rule of a program with a name.
    """

    line: str
    becomes: str
    why: str
    against: str = ""
    rule: str = ""
    only: int | None = None


@dataclass(frozen=True)
class Source:
    """A valid file and the mistakes that can be made in it.

    others  texts in it, and what may stand in their place without changing what the file means.
    fine    what lines have in it that look wrong to some, and why they are not.
    """

    file: str
    others: Mapping[str, Sequence[str]]
    mistakes: Sequence[Mistake]
    fine: Mapping[str, str]

    def valid(self, rng: Random) -> str:
        """The file, its names and numbers drawn."""
        text = (directory().parent / "fixtures" / self.file).read_text(encoding="utf-8")
        for name, instead in self.others.items():
            text = text.replace(name, rng.choice([name, *instead]))
        return text.rstrip("\n")


def spot(rng: Random, sources: Sequence[Source], what: str, found_by: str, shown_in: str) -> Item:
    source, mistake = rng.choice([(source, one) for source in sources for one in source.mistakes])
    lines = source.valid(rng).splitlines()
    places = [number for number, line in enumerate(lines) if mistake.line in line]
    place = rng.choice(places) if mistake.only is None else places[mistake.only]
    lines[place] = lines[place].replace(mistake.line, mistake.becomes)
    contradicts = [number for number, line in enumerate(lines) if mistake.against and mistake.against in line]
    also = tuple(str(number + 1) for number in contradicts if number != place)
    listing = "\n".join(lines)
    rule = f" Found by {mistake.rule}." if mistake.rule else ""
    said = refusal(listing) if source.file.endswith(".json") else ""
    return Item(
        f"mistake in {what}",
        Kind.LINE,
        f"This was valid until one line of it was changed. {found_by} Which line is wrong?",
        str(place + 1),
        f"{mistake.why}.{rule}{f' {said}' if said else ''}",
        shown_in,
        listing=listing,
        also=also,
        traps={
            str(number): why
            for number, line in enumerate(lines, start=1)
            for fine, why in source.fine.items()
            if fine in line and str(number) not in (str(place + 1), *also)
        },
        given={"file": source.file, "mistake": mistake},
    )


def refusal(text: str) -> str:
    """What botocore, by the API's model, or else ECS says against this task definition; empty: nothing."""
    request: dict[str, Any] = json.loads(text)
    report = ParamValidator().validate(request, _shape())
    if report.has_errors():
        first = report.generate_report().splitlines()[0].partition(", must be one of")[0]
        return f"boto3 says: {first}."
    try:
        task_definition.validate(request)
    except Invalid as error:
        return f"ECS says: {error.message}"
    return ""


@cache
def _shape() -> Any:
    return Session().get_service_model("ecs").operation_model("RegisterTaskDefinition").input_shape


SCHEMA = "the schema of Kubernetes"
_NAMES = ["billing", "catalogue", "checkout", "parcels"]
_IMAGE_TAGS = ["9b07c44", "e81d5f0"]

TASK_DEFINITIONS = (
    Source(
        "sidecars/task-definition.json",
        {"orders": _NAMES, "3f2a9c1": _IMAGE_TAGS, "8080": ["3000", "9000"]},
        (
            Mistake(
                '"memory": "2048"',
                '"memory": "1536"',
                "Fargate has certain pairs of CPU and memory only",
                '"cpu": "1024"',
            ),
            Mistake('"awsvpc"', '"bridge"', "On Fargate each task has an interface of its own", '"FARGATE"'),
            Mistake(
                '"essential": false,',
                '"essential": true,',
                "Who waits for SUCCESS waits for a container that ends, and when an essential one ends the whole task "
                "does",
                '"SUCCESS"',
                only=0,
            ),
            Mistake('"SUCCESS"', '"HEALTHY"', "HEALTHY needs a health check, and migrate has none"),
            Mistake('"interval": 10', '"interval": 2', "A container's health check runs each 5 to 300 s"),
            Mistake(
                '"stopTimeout": 60', '"stopTimeout": 180', "Fargate kills a container 120 s after SIGTERM at the latest"
            ),
            Mistake(
                '"restartAttemptPeriod": 60',
                '"restartAttemptPeriod": 30',
                "A container may be restarted once it has run for 60 s or more",
            ),
            Mistake(
                '"name": "collector"', '"name": "app"', "Names of containers are unique in a task", '"name": "app"'
            ),
            Mistake(
                '"containerName": "proxy"', '"containerName": "envoy"', "It waits for a container that there is not"
            ),
            Mistake('"essential": true', '"essential": "true"', "A boolean is no text"),
            Mistake('"portMappings"', '"ports"', "There is no such field; Kubernetes calls it so"),
        ),
        {
            '"restartPolicy"': "A container that is not essential may be restarted without its task.",
            '"networkMode": "awsvpc"': "awsvpc is what Fargate needs.",
        },
    ),
    Source(
        "secrets/task-definition.json",
        {
            "orders": _NAMES,
            "3f2a9c1": _IMAGE_TAGS,
            "8080": ["3000", "9000"],
            "us-east-1": ["eu-west-1", "eu-central-1"],
        },
        (
            Mistake(
                '"memory": "1024"',
                '"memory": "512"',
                "Fargate has certain pairs of CPU and memory only",
                '"cpu": "512"',
            ),
            Mistake(
                '"name": "DATABASE_USER"',
                '"name": "DATABASE_HOST"',
                "One variable cannot come from two places",
                '"DATABASE_HOST", "value"',
            ),
            Mistake("arn:aws:ssm:", "arn:aws:s3:", "A secret comes from Secrets Manager or from SSM's parameters"),
            Mistake('"protocol": "tcp"', '"protocol": 6', "A protocol has a name here, tcp or udp"),
            Mistake(
                '"valueFrom"',
                '"value"',
                "What is in secrets is named by valueFrom: a value would stand here for all to read",
            ),
            Mistake('"family": "', '"family": "shop/', "A family's name has letters, numbers, hyphens and underscores"),
        ),
        {
            "AWSPREVIOUS": "The version before has a stage of its own, and may be asked for.",
            "parameter/": "A parameter of SSM is named by its ARN alone.",
            "::": "Empty parts keep their colons: the current version.",
        },
    ),
)

MANIFESTS = (
    Source(
        "gitops/deployment.yaml",
        {"cart": ["basket", "prices", "search"], "8080": ["3000", "9000"], "1.4.2": ["2.0.1", "1.11.0"]},
        (
            Mistake(
                "        app: ",
                "        app: new-",
                "A Deployment finds its pods by labels, and its template has others than its selector",
                "      app: ",
            ),
            Mistake("cpu: 100m", "cpu: 100mi", "There is no such unit: m is a thousandth of a core"),
            Mistake("memory: 128Mi", "memory: 128MB", "There is no such unit: it is Mi or M"),
            Mistake(
                "apps/v1", "extensions/v1beta1", "That version of the API is gone since Kubernetes 1.16", rule=SCHEMA
            ),
            Mistake("replicas: 3", 'replicas: "3"', "A number in quotes is text", rule=SCHEMA),
            Mistake("containers:", "container:", "There is no such field: there can be several", rule=SCHEMA),
            Mistake(
                "- containerPort: ",
                "- port: ",
                "A container's port is a containerPort; a Service has ports",
                rule=SCHEMA,
            ),
            Mistake("matchLabels", "matchlabels", "Capitals count in the names of fields", rule=SCHEMA),
        ),
        {"namespace": "A namespace may be named in the manifest.", "replicas": "Three is as good as any number."},
    ),
    Source(
        "autoscaling/web-deployment.yaml",
        {"web": ["shop", "blog"], "1.29": ["1.28", "1.27"], "512Mi": ["256Mi", "384Mi"]},
        (
            Mistake("memory: 1Gi", "memory: 128Mi", "A limit cannot be below the request", "memory: "),
            Mistake("cpu: 250m", "cpu: 250 m", "A number and its unit are one word"),
            Mistake("readinessProbe", "readynessProbe", "There is no such field", rule=SCHEMA),
            Mistake("periodSeconds: 5", "periodSeconds: 5s", "A number of seconds has no unit", rule=SCHEMA),
        ),
        {"limits": "A limit of memory without one of CPU is usual."},
    ),
    Source(
        "autoscaling/web-hpa.yaml",
        {"name: web": ["name: shop", "name: blog"], "averageUtilization: 70": ["averageUtilization: 60"]},
        (
            Mistake(
                "minReplicas: 2", "minReplicas: 12", "There cannot be more at least than at most", "maxReplicas: 10"
            ),
            Mistake(
                "type: ContainerResource",
                "type: Resource",
                "The type says which field has the source, and it is another one",
                "containerResource:",
            ),
            Mistake(
                "maxReplicas: 10", "maxReplica: 10", "There is no such field, and maxReplicas is missing", rule=SCHEMA
            ),
            Mistake("Seconds: 300", "Seconds: 300s", "A number of seconds has no unit", rule=SCHEMA),
        ),
        {"stabilizationWindowSeconds: 0": "No window is the default for scaling up."},
    ),
)

TERRAFORM = (
    Source(
        "target-tracking/service.tf",
        {
            "target_value       = 70": ["target_value       = 60"],
            "desired_count                      = 3": ["desired_count                      = 4"],
        },
        (
            Mistake(
                "deployment_maximum_percent         = 200",
                "deployment_maximum_percent         = 100",
                "With both at 100 % a deployment can neither start a task first nor stop one first",
                "deployment_minimum_healthy_percent",
            ),
            Mistake("weight            = 70", "weight            = 7000", "A weight is from 0 to 1000"),
            Mistake(
                "    weight            = 30",
                "    base              = 2",
                "One provider of a strategy may have a base, and FARGATE has it",
                "base              = 1",
            ),
            Mistake(
                "min_capacity       = 3",
                "min_capacity       = 30",
                "There cannot be more at least than at most",
                "max_capacity",
            ),
            Mistake(
                '= "ecs"',
                '= "ec2"',
                "What is scaled is the desired count of a service of ECS",
                'scalable_dimension = "ecs',
            ),
            Mistake('"TargetTrackingScaling"', '"TargetTracking"', "There is no such type of policy"),
            Mistake(
                '"ECSServiceAverageCPUUtilization"',
                '"ECSServiceAverageCpuUtilization"',
                "There is no such metric: capitals count",
            ),
            Mistake(
                '"ALBRequestCountPerTarget"',
                '"ECSServiceAverageMemoryUtilization"',
                "Only requests per target have a resource_label",
                "resource_label",
            ),
            Mistake("scale_in_cooldown  = 300", "scale_in_cooldown  = -300", "A cooldown is 0 or more"),
            Mistake(
                "[desired_count] # what scaling has set would else be undone by every apply",
                "[task_definition]",
                "Scaling sets desired_count, and each apply would set it back",
            ),
        ),
        {
            "base              = 1": "One provider may have a base.",
            "ignore_changes": "What scaling sets is left alone by Terraform so.",
            "resource_label": "Requests per target need the load balancer and the target group.",
        },
    ),
)

DOCKERFILES = (
    Source(
        "dockerfile-layers/two-stages.Dockerfile",
        {
            "22-bookworm": ["24-bookworm"],
            "8080": ["3000", "9000"],
            "/app": ["/srv", "/opt/shop"],
            "index.js": ["main.js", "server.js"],
        },
        (
            Mistake(
                "WORKDIR /",
                "WORKDIR ",
                "A relative folder depends on what the base image has set",
                rule="hadolint DL3000",
            ),
            Mistake(
                '"]',
                '"',
                "An open list is no list: the whole line becomes a command of a shell",
                rule="hadolint DL3025",
            ),
            Mistake("EXPOSE ", "EXPOSE 9", "Ports end at 65535", rule="hadolint DL3011"),
            Mistake(
                "--from=build ",
                "--from=builder ",
                "There is no stage of that name, so an image of that name would be looked for",
                rule="hadolint DL3022",
            ),
            Mistake(
                "USER 1000",
                "USER root",
                "What runs as root in a container is root on what it breaks into",
                rule="hadolint DL3002",
            ),
            Mistake(
                "COPY . .",
                "ADD . .",
                "ADD also unpacks archives and fetches URLs; to copy is COPY",
                rule="hadolint DL3020",
            ),
            Mistake(
                "RUN npm ci",
                "RUN sudo npm ci",
                "There is no sudo in it, and nothing to use it for: a build runs as root",
                rule="hadolint DL3004",
            ),
            Mistake(
                "RUN npm ci", "RUN cd build && npm ci", "A cd ends with its RUN; WORKDIR stays", rule="hadolint DL3003"
            ),
            Mistake(
                "AS build",
                "AS builder",
                "The stages after it copy from one that there is not",
                "--from=build ",
                rule="hadolint DL3022",
            ),
        ),
        {
            "COPY package.json package-lock.json": "What changes seldom is copied first, for the cache.",
            "EXPOSE": "EXPOSE publishes nothing, but says which port it is.",
        },
    ),
)


def in_a_task_definition(rng: Random) -> Item:
    return spot(
        rng,
        TASK_DEFINITIONS,
        "a task definition",
        "ECS does not register it now.",
        "labs/04-task-definitions/04-task-definitions.ipynb",
    )


def in_a_manifest(rng: Random) -> Item:
    return spot(rng, MANIFESTS, "a manifest", "Kubernetes refuses it now.", "notebooks/policy-as-code.ipynb")


def in_terraform(rng: Random) -> Item:
    return spot(
        rng,
        TERRAFORM,
        "Terraform",
        "AWS refuses it now, or each apply does harm.",
        "notebooks/target-tracking.ipynb",
    )


def in_a_dockerfile(rng: Random) -> Item:
    return spot(
        rng,
        DOCKERFILES,
        "a Dockerfile",
        "It does not build now, or hadolint objects to it.",
        "notebooks/dockerfile-layers.ipynb",
    )
