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
        """Does it in any notebook and waits until it is done. lab.solution shows the cells before the check."""
        cloud.client("ecs").create_cluster(clusterName="drydock", capacityProviders=["FARGATE"])

    @outline.your_turn("scale", title="…", hints=[…])   # an exercise: its check as above, and
    def scale(cloud, lab): ...

    @scale.solution
    def _(ecs):                                     # what it takes of the notebook, and its few lines: a learner can
        ecs.update_service(cluster="drydock", service="backend", desiredCount=5)   # put them into his cell as they are

    @outline.drill("…", title="…", hints=[…])       # a fault: check, @breaks (puts it in), @solution (mends it)
                                                    # there=True: while the check says not started, nothing is broken
    @outline.at_the_end
    def _(cloud): ...                               # what Clean up puts right that is no resource of AWS's

The text of an exercise's or a drill's solution is what is shown and what is run, by tests and headless: names come
from the notebook's own statements, and it is waited for until the check passes. It mends what a wrong attempt has
left, too: a tag that cannot be moved, a rule that is too wide. So it takes no name that an attempt is likely to have
changed. It ends in a line worth seeing, or in none. `tried` of the tests runs an attempt, and then the solution.

A check must not raise, wait or change anything; AWS's own errors are turned into results (not found: *not
started*; any other: *wrong*, with AWS's text). What may still come by itself it gives as
`waits_for="2 of 6 tasks to be RUNNING"`: lab.check(…, within=30) asks again only while there is such a thing, and
says so with a counter. What stays after a clean-up (stopped tasks, logs, metrics) counts only if it is younger than
`lab.began`. Its messages appear in committed outputs: only words and numbers that repeat, so no ids, addresses or
times. `needs` names what Set up brings: "03-cluster" is all the steps of that lab that are no exercise and no drill,
"01-repositories:create-repositories" is one; a lab's own needs come before it; a step whose check passes already is
left alone. Solutions of earlier labs then run with the lab that is open, so what they create belongs to it and is
swept with it. A solution that needs an id or an ARN asks the cloud for it by name, since nothing but the cloud is
kept between steps.

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
    clean_up = False

    from drydock import connect                                               # cell 2
    from drydock.labs import Lab
    cloud = connect(cloud, region=region, account=account, budget_usd=budget_usd)
    lab = Lab.open("05-services", cloud=cloud, solve=solve, clean_up=clean_up)
    lab

    lab.resume()                          # after a restart: the names are back, nothing is done twice, what is next
    lab.time_and_cost()                   # measured machine time and dated prices
    lab.set_up()                          # brings what earlier labs would have left
    lab.check("create-cluster")           # last line of a cell of its own; within=30 waits for what may still come
    lab.your_turn("add-a-fourth")         # the task; then an empty cell, then lab.check("add-a-fourth")
    lab.break_it("wrong-port")            # puts the fault in, waits until it shows; cells that look at it;
    lab.your_turn("wrong-port")           # then an empty cell to mend it in, then lab.check("wrong-port")
    # lab.hint("create-cluster")          # in a cell, commented out: hints are counted, Run All takes none
    # lab.solution("create-cluster")
    # lab.catch_up("add-a-fourth")        # from any state to where that step begins; says what it did
    lab.clean_up()                        # says what would go; with clean_up=True, which headless runs give, it
    # lab.clean_up(sure=True)             # sweeps, lists survivors and fails if there are any

Each of these returns something that shows itself (HTML and plain text), so make it a cell's last expression.
A creating call whose thing is there already does not leave: it answers with what is there, and one line says so. So
every cell can be run again. `lab.resume()` reads from the cells before a step which statements make the names that the
cells after it use, and runs those without letting anything that changes the cloud leave: make a name by a statement of
its own, and not on the way through a call that acts.

With solve=True, `your_turn` runs the reference solution. With strict (which `drydock lab run` sets) a check
that does not pass raises StepNotPassed. Progress is kept in a file of the learner's, by step.

To try one step in plain Python:

    lab = Lab.open("05-services", cloud=connect()); lab.set_up(before="create-cluster")
    step = lab.step("create-cluster"); step.check(cloud, lab); step.solve(cloud, lab); step.fault(cloud, lab)
'''

from drydock.labs.catalogue import NoSuchLab
from drydock.labs.lab import Lab, StepNotPassed, SurvivorsLeft
from drydock.labs.step import Check, NoSuchStep, NothingToBreak, Outline, Step, not_started, passed, wrong
from drydock.notebooks.wait import TookTooLong, wait_until

__all__ = [
    "Check",
    "Lab",
    "NoSuchLab",
    "NoSuchStep",
    "NothingToBreak",
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
