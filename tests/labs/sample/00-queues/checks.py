from drydock.labs import Outline, not_started, passed, wrong

outline = Outline(title="Queues", goal="A queue that keeps what it cannot deliver.")


def _attributes(cloud, name):
    sqs = cloud.client("sqs")
    return sqs.get_queue_attributes(QueueUrl=sqs.get_queue_url(QueueName=name)["QueueUrl"], AttributeNames=["All"])


@outline.step("create-queue", title="Create `jobs`", hints=["Which client?", "sqs.create_queue"])
def create_queue(cloud, lab):
    _attributes(cloud, "jobs")
    return passed("The queue `jobs` is there.")


@create_queue.solution
def _(cloud, lab):
    cloud.client("sqs").create_queue(QueueName="jobs")


@outline.your_turn("keep-longer", title="Keep messages for a day", hints=["MessageRetentionPeriod, in seconds"])
def keep_longer(cloud, lab):
    seconds = int(_attributes(cloud, "jobs")["Attributes"]["MessageRetentionPeriod"])
    if seconds != 86400:
        return wrong(f"`jobs` keeps messages for {seconds} s.", look="set_queue_attributes, MessageRetentionPeriod")
    return passed("`jobs` keeps messages for a day.")


@keep_longer.solution
def _(sqs, url):
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"MessageRetentionPeriod": "86400"})


@outline.drill("blind", title="Nobody sees a message", there=True)
def blind(cloud, lab):
    if _attributes(cloud, "jobs")["Attributes"]["DelaySeconds"] != "0":
        return wrong("A message waits before it can be seen.", look="get_queue_attributes, DelaySeconds")
    return passed("A message can be seen at once.")


@blind.breaks
def _(cloud, lab):
    sqs = cloud.client("sqs")
    url = sqs.get_queue_url(QueueName="jobs")["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"DelaySeconds": "900"})


@blind.solution
def _(sqs, url):
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"DelaySeconds": "0"})


@outline.step("unsure", title="A check that returns nothing")
def unsure(cloud, lab):
    return not_started("Nothing is asked of you here.") if lab.directory.name != "00-queues" else passed("Fine.")


@unsure.solution
def _(cloud, lab):
    pass
