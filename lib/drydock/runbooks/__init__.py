"""Operational runbooks: a plan as data, an approval that names it, an apply that can be undone, evidence.

A runbook is one notebook, runbooks/<verb>-<noun>.ipynb, with the headings When to use · Parameters · Preflight ·
Plan · Approve · Apply · Verify · Roll back · Evidence. Its parameters cell declares each parameter once:

    from drydock.runbooks.types import AccountId, Cloud, ClusterName, Minutes, PlanHash, Region

    dry_run: bool = True  # make the plan and show it; change nothing
    approve: PlanHash = ""  # the hash of the plan that may be applied
    cloud: Cloud = ""
    …

The cells after it are plain boto3, in AWS's own terms:

    run = Runbook.open("scale-service", globals())     # refuses what the cell above does not declare
    ecs = run.cloud.client("ecs")

    now = run.look("service", ecs.describe_services, SERVICE, cluster=cluster, services=[service])
    run.require(now, f"There is no service {service} in the cluster {cluster}.")

    run.plan(Step("scale", "…", act(ecs.update_service, …), undo=act(…), sets={"service.desiredCount": 5}))
    run.approve()
    run.apply(minutes=minutes)
    run.verify({"five tasks run": lambda: …}, minutes=minutes)
    run.roll_back_if_failed(minutes=minutes)
    run.close()

No call of `run.cloud` that changes anything leaves before the plan is approved, be it by a client, a resource, its
session or a thread. A cell that connects by itself, or calls a program, goes past this: take clients from `run.cloud`
only. No parameter holds a secret (`types.Secret` says where one is), and none is shown, or in a file but secrets.json.
The hash that an approval names covers the plan, its parameters, the cloud, and what `run.look` saw: if any of it
is another, nothing is applied. The same is looked at once more right before the first step.

A run may be killed at any moment and goes on (`drydock runbook resume`, or the cells again with $DRYDOCK_RUN naming its
folder). The cells above `run.plan` run once more then, in the middle of an applied plan: `run.look` gives what it saw
when the plan was made, `run.require` passes, `run.plan` keeps the plan whatever steps it is given. What else those
cells read is as it is by then, and must not make them fail. A step whose call may have left is made again, so it has to
bear that: it sets a value, has a client token made of plain values, stops a named task; or it has `found`, which tells
whether it was made, as `Step` says. Undoing may be called twice too.
"""

from drydock.runbooks.catalogue import NoSuchRunbook
from drydock.runbooks.evidence import NoSuchRun
from drydock.runbooks.executor import StepFailed
from drydock.runbooks.forms import form
from drydock.runbooks.guard import NotApproved
from drydock.runbooks.model import Act, Call, Condition, Look, Plan, Step, result_of, seen_in
from drydock.runbooks.runbook import Refused, Runbook, RunFailed, act, call
from drydock.runbooks.sources import read_from

__all__ = [
    "Act",
    "Call",
    "Condition",
    "Look",
    "NoSuchRun",
    "NoSuchRunbook",
    "NotApproved",
    "Plan",
    "Refused",
    "RunFailed",
    "Runbook",
    "Step",
    "StepFailed",
    "act",
    "call",
    "form",
    "read_from",
    "result_of",
    "seen_in",
]
