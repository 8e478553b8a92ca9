from drydock.labs import Outline, not_started, passed
from drydock.pricing import fargate_tasks, unpriced

outline = Outline(
    title="Topics",
    goal="A topic that fills a queue.",
    needs=["00-queues:create-queue"],
    costs=[fargate_tasks(2, cpu=256, memory=512), unpriced("NAT gateway")],
    hours=1,
)


@outline.step("create-topic", title="Create `news`")
def create_topic(cloud, lab):
    topics = [topic["TopicArn"].rsplit(":", 1)[-1] for topic in cloud.client("sns").list_topics()["Topics"]]
    return passed("The topic `news` is there.") if "news" in topics else not_started("There is no topic `news`.")


@create_topic.solution
def _(cloud, lab):
    cloud.client("sns").create_topic(Name="news")
