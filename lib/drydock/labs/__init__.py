'''Labs: notebooks whose steps are checked against the state of the cloud.

A lab is a folder, labs/NN-name/, with two files.

checks.py declares it. Its one required name is `outline`:

    from drydock.labs import Outline, not_started, passed, wrong
    from drydock.pricing import fargate_tasks, unpriced

    outline = Outline(
        title="Services",
        goal="Three services behind one load balancer.",
        minutes="15 to 30",
        needs=["03-cluster", "01-repositories:create-repositories"],
        costs=[fargate_tasks(3, cpu=256, memory=512), unpriced("Application Load Balancer")],
    )

    @outline.step("create-cluster", title="Create the cluster", hints=["Which client?", "ecs.create_cluster"])
    def create_cluster(cloud, lab):
        """The check. Reads the cloud by boto3 and returns passed(…), wrong(…, look=…) or not_started(…)."""
        found = cloud.client("ecs").describe_clusters(clusters=["drydock"])["clusters"]
        if not found or found[0]["status"] != "ACTIVE":
            return not_started("There is no cluster `drydock`.")
        if found[0]["capacityProviders"] != ["FARGATE"]:
            return wrong("It has other providers than FARGATE.", look="create_cluster, capacityProviders")
        return passed("The cluster `drydock` is active on FARGATE.")

    @create_cluster.solution
    def _(cloud, lab):
        """Does it and waits until it is done. This body is what lab.solution shows."""
        cloud.client("ecs").create_cluster(clusterName="drydock", capacityProviders=["FARGATE"])

    @outline.your_turn("…", title="…", hints=[…])   # an exercise: check and @solution as above
    @outline.drill("…", title="…", hints=[…])       # a fault: check, @breaks (puts it in), @solution (mends it)

A check must not raise, wait or change anything; AWS's own errors are turned into results (not found: *not
started*; any other: *wrong*, with AWS's text). Its messages appear in committed outputs: only words and
numbers that repeat, so no ids, addresses or times. `needs` names what Set up brings: "03-cluster" is all the
steps of that lab that are no exercise and no drill, "01-repositories:create-repositories" is one; a lab's own
needs come before it; a step whose check passes already is left alone. Solutions of earlier labs then run with
the lab that is open, so what they create belongs to it and is swept with it. A solution that needs an id or an
ARN asks the cloud for it by name, since nothing but the cloud is kept between steps.

What both get: `cloud` is a drydock.Cloud (.client(service), .resource(service), .account, .region, .vpc_cidr,
.name, .endpoint). `lab` is the open Lab (.name, .directory, .services: the folder labs/services, .tags).
Every creating call is written to the ledger first and tagged `drydock:lab` by itself (like default_tags in
Terraform): cells stay plain boto3 and need no tags of their own for Clean up to find things. What `sweep` can
find and delete is listed in drydock.resources.KINDS. boto3's waiters run at the pace of a local cloud by
themselves; for what has none there is `wait_until(condition, "three targets are healthy", timeout=60)`.

NN-name.ipynb uses it. Headings: Goal · Time and cost · Set up · Steps · Break it · Clean up · Recall.

    cloud = ""            # cell 1, tagged `parameters`: embedded, localstack, aws or a URL; "" is $DRYDOCK_CLOUD
    region = "us-east-1"
    account = ""
    budget_usd = 0.0
    solve = False

    from drydock import connect                                               # cell 2
    from drydock.labs import Lab
    cloud = connect(cloud, region=region, account=account, budget_usd=budget_usd)
    lab = Lab.open("05-services", cloud=cloud, solve=solve)
    lab

    lab.time_and_cost()                   # measured machine time and dated prices
    lab.set_up()                          # brings what earlier labs would have left
    lab.check("create-cluster")           # last line of a cell of its own; within=30 asks again for 30 s
    lab.your_turn("add-a-fourth")         # the task; then an empty cell, then lab.check("add-a-fourth")
    lab.break_it("wrong-port")            # puts the fault in, waits until it shows; cells that look at it;
    lab.your_turn("wrong-port")           # then an empty cell to mend it in, then lab.check("wrong-port")
    # lab.hint("create-cluster")          # in a cell, commented out: hints are counted, Run All takes none
    # lab.solution("create-cluster")
    lab.clean_up()                        # sweeps, lists survivors and fails if there are any

Each of these returns something that shows itself (HTML and plain text), so make it a cell's last expression.
With solve=True, `your_turn` runs the reference solution. With strict (which `drydock lab run` sets) a check
that does not pass raises StepNotPassed. Progress is kept in a file of the learner's, by step.

To try one step in plain Python:

    lab = Lab.open("05-services", cloud=connect()); lab.set_up(before="create-cluster")
    step = lab.step("create-cluster"); step.check(cloud, lab); step.solve(cloud, lab); step.fault(cloud, lab)
'''

from drydock.labs.catalogue import NoSuchLab
from drydock.labs.lab import Lab, StepNotPassed, SurvivorsLeft
from drydock.labs.step import Check, Outline, Step, not_started, passed, wrong
from drydock.notebooks.wait import TookTooLong, wait_until

__all__ = [
    "Check",
    "Lab",
    "NoSuchLab",
    "Outline",
    "Step",
    "StepNotPassed",
    "SurvivorsLeft",
    "TookTooLong",
    "not_started",
    "passed",
    "wait_until",
    "wrong",
]
