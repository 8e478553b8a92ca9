"""The types that runbooks' parameters are declared with, each with the bounds that AWS documents.

from drydock.runbooks.types import ClusterName, DesiredCount

cluster: ClusterName = "drydock"  # the cluster that the service is in
desired_count: DesiredCount = 3  # tasks that are wanted
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from drydock.images import Reference
from drydock.images.reference import TAG

Cloud = Annotated[str, Field(pattern=r"^(|embedded|localstack|aws|https?://[^\s@]+)$")]
"""As for `drydock.connect`; "" is $DRYDOCK_CLOUD, else the embedded AWS. No user or password in the URL: parameters
are kept with the evidence."""

Region = Annotated[str, Field(pattern=r"^[a-z]{2,}(-[a-z]+)+-[0-9]$")]

AccountId = Annotated[str, Field(pattern=r"^([0-9]{12})?$")]
"""12 digits, as text; "" where none has to be named."""

SecretName = Annotated[
    str, Field(pattern=r"^(arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:)?[A-Za-z0-9/_+=.@-]{1,512}$")
]
"""CreateSecret: up to 512 letters, digits and /_+=.@-; or the secret's ARN."""

TextSource = Annotated[str, Field(pattern=r"^(random|env:[A-Za-z_][A-Za-z0-9_]*|file:/.*[^/\s])$")]
"""Where a value is read that is to be told to nobody: a variable of the environment, or a file."""

JsonKey = Annotated[str, Field(pattern=r"^[^:\x00-\x1f]{0,255}$")]
"""A key of a secret's JSON object; `valueFrom` of a container cannot name one with a colon."""

PasswordLength = Annotated[int, Field(ge=4, le=4096)]
"""GetRandomPassword: up to 4,096 characters, and one of each of the four kinds."""

PasswordCharacters = Annotated[str, Field(max_length=4096)]
"""GetRandomPassword: up to 4,096 characters that the password does not have."""

Days = Annotated[int, Field(ge=0, le=3650)]

DaysKept = Annotated[int, Field(ge=1, le=3650)]
"""A lifecycle policy counts from 1 day on."""

AtLeastOne = Annotated[int, Field(ge=1, le=100)]

TaskId = Annotated[str, Field(pattern=r"^([0-9a-f]{32}|[0-9a-f-]{36})?$")]
"""The last part of a task's ARN; "" names none."""

ShellCommand = Annotated[str, Field(max_length=4096, pattern=r"^[^\x00-\x1f\x7f]*$")]
"""One line. What a plan shows is what runs: no control characters."""

Ticket = Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
"""One line, as a ticket's number or address."""

LabName = Annotated[str, Field(pattern=r"^([a-z0-9][a-z0-9-]{0,62})?$")]
"""As `drydock labs` names them; "" is every lab."""

RepositoryName = Annotated[
    str, Field(min_length=2, max_length=256, pattern=r"^[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)*$")
]
"""CreateRepository: 2 to 256 small letters, digits, and between them . _ - and /."""

ClusterName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,255}$")]
"""CreateCluster: up to 255 letters, digits, underscores and hyphens."""

AnyCluster = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{0,255}$")]
"""A cluster's name; "" is every cluster of the Region."""

ServiceName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,255}$")]
"""CreateService: up to 255 letters, digits, underscores and hyphens."""

DesiredCount = Annotated[int, Field(ge=0, le=5000)]
"""Tasks. 5,000 is ECS's default quota of tasks in a service (Service Quotas, "Tasks per service")."""

Revision = Annotated[int, Field(ge=0)]
"""A revision of a task definition family; they count from 1."""

TaskDefinitionName = Annotated[
    str,
    Field(pattern=r"^(|(arn:aws[a-z-]*:ecs:[a-z0-9-]+:[0-9]{12}:task-definition/)?[a-zA-Z0-9_-]{1,255}:[1-9][0-9]*)$"),
]
"""`family:revision`, or its ARN; "" names none."""

ContainerName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{0,255}$")]
"""ContainerDefinition: up to 255 letters, digits, underscores and hyphens; "" names none."""


def _image(text: str) -> str:
    if text and not TAG.fullmatch(text):
        Reference.parse(f"image@{text}" if text.startswith("sha256:") else text)
    return text


ImageName = Annotated[str, AfterValidator(_image)]
"""An image in full, or its tag or digest alone; "" names none."""

Url = Annotated[str, Field(pattern=r"^(|https?://[^\s@]+)$")]
"""No user or password in it: parameters are kept with the evidence. "" names none."""

RequestRate = Annotated[float, Field(ge=0, le=1000)]
"""Requests a second."""

Percent = Annotated[float, Field(ge=0, le=100)]

Hours = Annotated[float, Field(ge=0, le=8760)]
"""AWS hours."""

Batch = Annotated[int, Field(ge=0, le=5000)]
"""Tasks at once; 0 leaves it to the service's own bounds."""

Weight = Annotated[int, Field(ge=0, le=1000)]
"""CapacityProviderStrategyItem: 0 to 1,000."""

Base = Annotated[int, Field(ge=0, le=100_000)]
"""CapacityProviderStrategyItem: 0 to 100,000."""

Folder = Annotated[str, Field(pattern=r"^/[^\x00]*$", max_length=4096)]
"""The whole path of a folder, from / on: the kernel of a notebook has a working directory of its own."""

MetricDays = Annotated[int, Field(ge=1, le=63)]
"""Days of metrics. CloudWatch keeps data of a minute for 15 days and those of five minutes for 63 (GetMetricData)."""

Percentile = Annotated[int, Field(ge=50, le=100)]
"""Percent of the measured minutes."""

Headroom = Annotated[int, Field(ge=0, le=300)]
"""Percent on top of what was measured."""

MeasuredMinutes = Annotated[int, Field(ge=1, le=63 * 1440)]
"""AWS minutes for which CloudWatch has data."""

Minutes = Annotated[int, Field(ge=1, le=720)]
"""AWS minutes."""

CanaryPercent = Annotated[float, Field(ge=0.1, le=100, multiple_of=0.1)]
"""CanaryConfiguration: multiples of 0.1 from 0.1 to 100."""

BakeMinutes = Annotated[int, Field(ge=0, le=1440)]
"""AWS minutes; ECS lets no bake time be longer than a day."""

AlarmNames = Annotated[str, Field(pattern=r"^([^,\x00-\x1f\x7f]{1,255}(,[^,\x00-\x1f\x7f]{1,255})*)?$")]
"""Names of CloudWatch alarms, separated by commas; "" names none. PutMetricAlarm: no control characters."""

LoadBalancerName = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?$")]
"""CreateLoadBalancer: up to 32 letters, digits and hyphens, none of these at either end."""

TargetGroupName = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?$")]
"""CreateTargetGroup: up to 32 letters, digits and hyphens, none of these at either end."""

Port = Annotated[int, Field(ge=1, le=65535)]

RulePriority = Annotated[int, Field(ge=0, le=50_000)]
"""CreateRule: 1 to 50,000; 0 is the listener's default rule."""

Stages = Annotated[str, Field(pattern=r"^[0-9]{1,3}( ?, ?[0-9]{1,3})*$")]
"""Whole percentages, separated by commas: "10,50,100"."""

PlanHash = Annotated[
    str, Field(pattern=r"^(plan-[0-9a-f]{32}|[^:\s][^:]*\.approval(:[^:\s][^:]*\.approval)*)?$", max_length=4096)
]
"""What a plan's hash looks like, or the paths of signed approvals, between colons; "" names none."""

WHERE_A_SECRET_IS = r"^(|env:[A-Za-z_][A-Za-z0-9_]*|file:/.+)$"
Secret = Annotated[str, Field(pattern=WHERE_A_SECRET_IS)]
"""Where a secret is, never what it is: `env:NAME` or `file:/path`, for `read_from`. Parameters are kept with the
evidence, and papermill writes them into its output notebook twice."""
