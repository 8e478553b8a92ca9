"""The types that runbooks' parameters are declared with, each with the bounds that AWS documents.

from drydock.runbooks.types import ClusterName, DesiredCount

cluster: ClusterName = "drydock"  # the cluster that the service is in
desired_count: DesiredCount = 3  # tasks that are wanted
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Cloud = Annotated[str, Field(pattern=r"^(|embedded|localstack|aws|https?://[^\s@]+)$")]
"""As for `drydock.connect`; "" is $DRYDOCK_CLOUD, else the embedded AWS. No user or password in the URL: parameters
are kept with the evidence."""

Region = Annotated[str, Field(pattern=r"^[a-z]{2,}(-[a-z]+)+-\d$")]

AccountId = Annotated[str, Field(pattern=r"^(\d{12})?$")]
"""12 digits, as text; "" where none has to be named."""

ClusterName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,255}$")]
"""CreateCluster: up to 255 letters, digits, underscores and hyphens."""

ServiceName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,255}$")]
"""CreateService: up to 255 letters, digits, underscores and hyphens."""

DesiredCount = Annotated[int, Field(ge=0, le=5000)]
"""Tasks. 5,000 is ECS's default quota of tasks in a service (Service Quotas, "Tasks per service")."""

Revision = Annotated[int, Field(ge=0)]
"""A revision of a task definition family; they count from 1."""

Minutes = Annotated[int, Field(ge=1, le=720)]
"""AWS minutes."""

PlanHash = Annotated[
    str, Field(pattern=r"^(plan-[0-9a-f]{32}|[^:\s][^:]*\.approval(:[^:\s][^:]*\.approval)*)?$", max_length=4096)
]
"""What a plan's hash looks like, or the paths of signed approvals, between colons; "" names none."""
