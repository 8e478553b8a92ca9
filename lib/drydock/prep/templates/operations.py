"""Questions on networks, traffic, scaling, identity and what goes wrong, with their answers from policy."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from random import Random

from drydock.policy import (
    addresses,
    alarms,
    build_cache,
    clusters,
    discovery,
    failover,
    gitops,
    savings_plans,
    scaling,
    secret_rotation,
    security_groups,
    trust,
)
from drydock.policy.diagnosis import stopped
from drydock.policy.ecs import interruption, managed_scaling
from drydock.policy.mesh import outliers, retries
from drydock.policy.requests import secrets
from drydock.policy.requests.task_definition import FARGATE_SIZES
from drydock.prep.items import LETTERS, Item, Kind, matched, traps

_DISCOVERY = "notebooks/service-discovery-ttl.ipynb"
_REGIONS = "notebooks/multi-region.ipynb"
_SECRETS = "notebooks/secrets.ipynb"
_SCALING = "notebooks/target-tracking.ipynb"


def subnet(rng: Random) -> Item:
    prefix = rng.randint(24, 28)
    size = 2 ** (32 - prefix)
    kept = len(addresses.reserved(f"10.0.0.0/{prefix}"))
    taken = rng.randint(1, size - kept - 2)
    right = size - kept - taken
    return Item(
        "addresses of a subnet",
        Kind.NUMBER,
        f"In a subnet with a /{prefix} block {taken} network {'interface has' if taken == 1 else 'interfaces have'} an "
        "address. How many more tasks with awsvpc can be started in it?",
        str(right),
        f"A /{prefix} has {size} addresses. AWS keeps {kept} of each subnet, the first four and the last. "
        f"{size} − {kept} − {taken} = {right}, one for each task.",
        "labs/03-cluster/03-cluster.ipynb",
        unit="tasks",
        traps=traps(
            str(right),
            (str(size - taken), f"AWS keeps {kept} addresses of each subnet."),
            (str(size - taken - 2), "AWS keeps more than the network's own address and the broadcast address."),
        ),
        given={"prefix": prefix, "taken": taken},
    )


def reached(rng: Random) -> Item:
    port, wide = rng.choice([3000, 5000, 8000, 8080]), rng.random() < 0.5
    everywhere = (security_groups.Rule("-1", cidrs=("0.0.0.0/0",)),)
    into_app = [security_groups.Rule("tcp", port, port, groups=("sg-alb",))]
    if wide:
        into_app.append(security_groups.Rule("tcp", 22, 22, cidrs=("10.0.0.0/16",)))
    groups = {
        "sg-alb": security_groups.Rules(everywhere, (security_groups.Rule("tcp", 443, 443, cidrs=("0.0.0.0/0",)),)),
        "sg-app": security_groups.Rules(everywhere, tuple(into_app)),
        "sg-db": security_groups.Rules(everywhere, (security_groups.Rule("tcp", 5432, 5432, groups=("sg-app",)),)),
    }
    ends = {
        "the internet": security_groups.End("203.0.113.7"),
        "the load balancer": security_groups.End("10.0.0.10", ("sg-alb",)),
        "a task": security_groups.End("10.0.1.10", ("sg-app",)),
        "the database": security_groups.End("10.0.2.10", ("sg-db",)),
    }
    calls = [
        ("the internet", "the load balancer", 443), ("the internet", "a task", port),
        ("the load balancer", "a task", port), ("the load balancer", "the database", 5432),
        ("a task", "the database", 5432), ("the database", "a task", port), ("the load balancer", "a task", 22),
    ]  # fmt: skip
    asked = rng.sample(calls, 5)
    right = "".join(
        letter
        for letter, (source, target, at) in zip(LETTERS, asked, strict=False)
        if security_groups.passes(groups, ends[source], ends[target], at)
    )
    if not right:
        return reached(rng)
    more = " sg-app also lets 10.0.0.0/16, which is the VPC, in at 22." if wide else ""
    wrong = "".join(sorted(set(LETTERS[:5]) - set(right)))
    return Item(
        "security groups",
        Kind.SEVERAL,
        "The load balancer is in sg-alb, which lets everybody in at 443. Tasks are in sg-app, which lets sg-alb in at "
        f"{port}.{more} The database is in sg-db, which lets sg-app in at 5432. All let everything out. Which calls "
        "come through?",
        right,
        "A call comes through where a rule of the target's group names the caller's group or address and the port. "
        "That one group may call the other says nothing of the way back: answers come back by themselves, calls do "
        "not.",
        "labs/03-cluster/03-cluster.ipynb",
        options=tuple(f"{source} → {target}, port {at}" for source, target, at in asked),
        traps=traps(right, (wrong, "These are those that do not come through.")) if wrong else {},
        given={"port": port, "wide": wide, "calls": asked},
    )


def stale_name(rng: Random) -> Item:
    while True:
        ttl, stop = rng.choice([10, 30, 60, 90, 120, 300]), rng.choice([0, 2, 10, 20, 30, 60, 90, 120])
        tasks = rng.randint(2, 9)
        right = discovery.failing_seconds(ttl, stop)
        if right:
            break
    return Item(
        "a name that outlives its task",
        Kind.NUMBER,
        f"A service of {tasks} tasks is found by A records with a TTL of {ttl} s. ECS stops one of them: its address "
        f"leaves the name, and the task serves on until its stopTimeout of {stop} s is over. For how long after that "
        "can clients still be sent to it?",
        f"{right:g}",
        f"Who asked just before the change keeps the address for {ttl} s, and for {stop} s of these the task still "
        f"serves: {ttl} − {stop} = {right:g} s.",
        _DISCOVERY,
        unit="s",
        traps=traps(
            f"{right:g}",
            (str(ttl), "That leaves out that the task serves on while the name is already without it."),
            (str(ttl + stop), "The name changes before the task ends, not after it."),
        ),
        given={"ttl": ttl, "stop": stop},
    )


def records(rng: Random) -> Item:
    instances, routing = rng.randint(2, 40), rng.choice([discovery.MULTIVALUE, discovery.WEIGHTED])
    right = discovery.answered(instances, routing)
    return Item(
        "addresses of an answer",
        Kind.NUMBER,
        f"A service of Cloud Map has {instances} healthy instances and the routing policy {routing}. How many "
        "addresses does an answer have?",
        str(right),
        f"MULTIVALUE answers with up to {discovery.ADDRESSES} healthy instances, drawn at random; WEIGHTED with one.",
        _DISCOVERY,
        unit="addresses",
        traps=traps(
            str(right),
            (str(instances), "An answer has not always all of them."),
            (str(discovery.answered(instances, discovery.MULTIVALUE)), "So it would be with MULTIVALUE."),
            ("1", "So it would be with WEIGHTED."),
        ),
        given={"instances": instances, "routing": routing},
    )


def region_lost(rng: Random) -> Item:
    interval, threshold, ttl = rng.choice(failover.INTERVALS), rng.randint(1, 5), rng.choice([30, 60, 120, 300])
    found = failover.detection(interval, threshold)
    right = found.most + ttl
    return Item(
        "fail-over by DNS",
        Kind.NUMBER,
        f"Health checks of Route 53 ask each {interval} s and take an endpoint for unhealthy after {threshold} "
        f"{'failure' if threshold == 1 else 'failures'} in a row. Records have a TTL of {ttl} s, which all clients "
        "keep. At most how long after a region fails do clients still go there? Leave out how long a check waits and "
        "how long AWS takes to spread what it knows.",
        f"{right:g}",
        f"It is known after {found.least:g} to {found.most:g} s, {threshold} × {interval} s at most. Then the last "
        f"answer from before is kept for {ttl} s: {right:g} s.",
        _REGIONS,
        unit="s",
        traps=traps(
            f"{right:g}",
            (f"{found.most:g}", "That is when it is known; clients keep their answer for the TTL after that."),
            (str(ttl), "That leaves out the time until the failure is known."),
            (
                f"{found.least + ttl:g}",
                "That is for a failure just before a check; the question is for the worst case.",
            ),
        ),
        given={"interval": interval, "threshold": threshold, "ttl": ttl},
    )


def room_for_a_region(rng: Random) -> Item:
    regions, lost = rng.choice([(2, 1), (3, 1), (4, 1), (4, 2), (5, 1), (5, 2)])
    tasks = rng.randrange(12, 121, 12)
    each = math.ceil(tasks * failover.capacity_each(regions, lost) - 1e-9)
    right = regions * each
    return Item(
        "room for the loss of a region",
        Kind.NUMBER,
        f"At its peak a service needs {tasks} tasks in all. It runs in {regions} regions, and {lost} of them may fail "
        "at the peak without anything being started. How many tasks does it run in all regions together?",
        str(right),
        f"The {regions - lost} that are left have to bear everything: {tasks} / {regions - lost}, rounded up, is "
        f"{each} in each region. {regions} × {each} = {right}.",
        _REGIONS,
        unit="tasks",
        traps=traps(
            str(right),
            (str(tasks), "That is enough only while all regions are there."),
            (str(each), "That is what one region has."),
            (str(2 * tasks), "Twice everything is what two regions need. With more of them less is enough."),
        ),
        given={"tasks": tasks, "regions": regions, "lost": lost},
    )


def taken_back(rng: Random) -> Item:
    while True:
        interval, source, at = rng.choice([5, 10, 15, 30, 60]), rng.choice([1, 2, 5]), rng.randint(1, 59)
        if at % interval:
            break
    edit = gitops.Event(at, gitops.EDIT)
    right = gitops.live_after(edit, [edit], source=source, interval=interval)
    return Item(
        "drift",
        Kind.NUMBER,
        f"Flux looks at Git each {source} min (the GitRepository's interval) and applies each {interval} min (the "
        f"Kustomization's); both clocks began at 12:00. Nobody commits. At 12:{at:02} somebody edits a Deployment by "
        "hand. After how long is that taken back?",
        f"{right:g}",
        f"Without a commit the Kustomization's interval decides: it applies at multiples of {interval} min, next "
        f"{right:g} min after the edit.",
        "notebooks/gitops-drift.ipynb",
        unit="min",
        traps=traps(
            f"{right:g}",
            (f"{gitops.next_tick(at, source) - at:g}", "Looking at Git changes nothing where there is no commit."),
            (str(interval), "That is the longest that it can take."),
        ),
        given={"interval": interval, "source": source, "at": at},
    )


def retry_storm(rng: Random) -> Item:
    most, hops, customers = rng.randint(1, 4), rng.randint(2, 4), rng.choice([1, 5, 10, 20])
    right = round(customers * retries.load(1.0, most, hops))
    return Item(
        "retries upon retries",
        Kind.NUMBER,
        f"A call goes through {hops} services in a row, and the last one fails every time. At each of the {hops} hops "
        f"the caller's proxy tries up to {most} {'time' if most == 1 else 'times'} more. How many requests does the "
        f"last service get for {customers} of a customer?",
        str(right),
        f"Each hop makes {most + 1} attempts of one, and they multiply: {customers} × {most + 1}^{hops} = {right}.",
        "notebooks/retries.ipynb",
        unit="requests",
        traps=traps(
            str(right),
            (str(customers * most**hops), "The first attempt counts, too."),
            (str(customers * (most + 1) * hops), "They multiply from hop to hop, they do not add up."),
            (str(customers * (most + 1)), "So it would be if only one hop tried again."),
        ),
        given={"most": most, "hops": hops, "customers": customers},
    )


def retried(rng: Random) -> Item:
    on = rng.choice(["5xx", "gateway-error", "connect-failure", "retriable-4xx", "reset"])
    came: list[int | str] = rng.sample([500, 502, 503, 409, 429, 404, 507, "reset", "connect-failure"], 5)
    right = "".join(
        letter for letter, one in zip(LETTERS, came, strict=False) if retries.retried(retries.ENVOY_EVENTS, [on], one)
    )
    if not right:
        return retried(rng)
    words = {"reset": "the connection is reset", "connect-failure": "no connection comes about"}
    everything = "".join(LETTERS[:5])
    return Item(
        "what is tried again",
        Kind.SEVERAL,
        f"A route of Envoy has retries with x-envoy-retry-on: {on}. What of this is tried again?",
        right,
        f"{on} stands for: {', '.join(_told(retries.ENVOY_EVENTS[on]))}. What an answer of 4xx says is the caller's "
        "mistake is tried again only where it is asked for.",
        "notebooks/retries.ipynb",
        options=tuple(words.get(str(one), f"the answer is {one}") for one in came),
        traps=traps(right, (everything, "Not everything that fails is tried again.")),
        given={"on": on, "came": came},
    )


def _told(events: frozenset[int | str]) -> list[str]:
    """Statuses as ranges where they are many, and the rest by name."""
    statuses = sorted(one for one in events if isinstance(one, int))
    long = len(statuses) > 5
    shown = [f"{statuses[0]} to {statuses[-1]}"] if long else [str(one) for one in statuses]
    return [*shown, *sorted(one for one in events if isinstance(one, str))]


def ejected(rng: Random) -> Item:
    hosts, percent = rng.randint(2, 20), rng.choice([10, 20, 25, 30, 50, 60])
    right = outliers.most_out(hosts, percent)
    rounded = math.ceil(hosts * percent / 100)
    return Item(
        "outlier detection",
        Kind.NUMBER,
        f"A cluster of Envoy 1.31 or later has {hosts} hosts and max_ejection_percent {percent}; always_eject_one_host "
        "is not set. How many hosts can be ejected at once?",
        str(right),
        f"The part that is out after an ejection may not be above {percent} %: {percent} % of {hosts} is "
        f"{hosts * percent / 100:g}, in whole hosts {right}.",
        "notebooks/outlier-detection.ipynb",
        unit="hosts",
        traps=traps(
            str(right),
            (str(rounded), "That rounds up; the limit may not be overshot."),
            ("1", "Releases before 1.31 always ejected the first host; now that has to be asked for."),
        ),
        given={"hosts": hosts, "percent": percent},
    )


def alarm_state(rng: Random) -> Item:
    limit, periods = rng.choice([50, 70, 80, 90]), rng.choice([3, 4, 5])
    least = rng.randint(1, periods)
    missing = rng.choice([alarms.MISSING, alarms.BREACHING, alarms.NOT_BREACHING])
    values = [rng.choice([None, *range(limit - 30, limit + 11, 10)]) for _ in range(periods)]
    rule = alarms.Rule("GreaterThanThreshold", float(limit), periods, least, missing)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    points = [
        None if value is None else alarms.Point(start + timedelta(minutes=number), float(value))
        for number, value in enumerate(values)
    ]
    verdict = alarms.judge(rule, [None] * alarms.LOOKED_AT_MORE + points)
    if verdict is None or (missing == alarms.MISSING and 0 < values.count(None) < periods):
        return alarm_state(rng)  # what is left out of some goes by tables, which nobody has by heart
    options = (alarms.OK, alarms.ALARM, alarms.INSUFFICIENT_DATA)
    right = LETTERS[options.index(verdict.state)]
    over = sum(value is not None and value > limit for value in values)
    strict = LETTERS[options.index(alarms.ALARM if over == periods else alarms.OK)]
    return Item(
        "state of an alarm",
        Kind.CHOICE,
        f"An alarm compares by GreaterThanThreshold {limit}, with EvaluationPeriods {periods}, DatapointsToAlarm "
        f"{least} and TreatMissingData {missing}. Its last {periods} periods have: "
        + ", ".join("nothing" if value is None else str(value) for value in values)
        + ". There is nothing from before. In which state is it?",
        right,
        f"{over} of {periods} values are above {limit}, {values.count(None)} are missing, and {least} have to breach. "
        + {
            alarms.MISSING: "Without any data the state is INSUFFICIENT_DATA. ",
            alarms.BREACHING: "What is missing counts as above it. ",
            alarms.NOT_BREACHING: "What is missing counts as not above it. ",
        }[missing]
        + f"So it is {verdict.state}.",
        "labs/12-autoscaling/12-autoscaling.ipynb",
        options=options,
        traps=traps(
            right, (strict, f"Not all have to breach: {least} of {periods} are enough, and gaps have a meaning.")
        ),
        given={"limit": limit, "periods": periods, "least": least, "missing": missing, "values": values},
    )


def target_tracking(rng: Random) -> Item:
    while True:
        tasks, target = rng.randint(2, 20), rng.choice([50, 60, 70, 75])
        value, most = rng.randint(target + 5, 100), rng.randint(10, 40)
        wanted = scaling.Tracking(float(target), (float(value),), is_high=True).wanted(tasks)
        if tasks <= most:
            break
    right = scaling.Bounds(1, most).within(wanted)
    return Item(
        "target tracking",
        Kind.NUMBER,
        f"A service runs {tasks} tasks at {value} % of CPU. A target tracking policy has {target} %, and up to {most} "
        "tasks are allowed. The high alarm rings. How many tasks does Application Auto Scaling ask for?",
        str(right),
        f"{tasks} × {value} / {target} = {tasks * value / target:.2f}, rounded up {wanted}"
        + (f", and {most} are allowed: {right}." if wanted > most else "."),
        _SCALING,
        unit="tasks",
        traps=traps(
            str(right),
            (str(wanted), f"{most} are allowed at most."),
            (str(tasks * value // target), "That rounds down, and would stay above the target."),
            (str(tasks + 1), "Target tracking goes in proportion, not one by one."),
        ),
        given={"tasks": tasks, "target": target, "value": value, "most": most},
    )


def step_scaling(rng: Random) -> Item:
    while True:
        tasks, percent = rng.randint(2, 40), rng.choice([-50, -25, -10, 10, 25, 30, 50])
        if tasks * abs(percent) % 100:
            break
    right = scaling.adjusted(scaling.PERCENT, percent, tasks)
    exact = tasks * percent / 100
    up = tasks + (math.ceil(exact) if percent > 0 else math.floor(exact))
    return Item(
        "step scaling by per cent",
        Kind.NUMBER,
        f"A service has {tasks} tasks. A step with PercentChangeInCapacity {percent} applies, without a minimum "
        "adjustment and well within the bounds. How many tasks are there after it?",
        str(right),
        f"{percent} % of {tasks} is {exact:g}. What is above 1 is rounded down, to less of a change, and what is "
        f"between 0 and 1 becomes 1: {tasks} {'+' if percent > 0 else '−'} {abs(right - tasks)} = {right}.",
        "labs/12-autoscaling/12-autoscaling.ipynb",
        unit="tasks",
        traps=traps(
            str(right),
            (str(up), "That rounds to more of a change; it is rounded to less."),
            (str(tasks), "A change of less than one task still is one."),
        ),
        given={"tasks": tasks, "percent": percent},
    )


def instances_wanted(rng: Random) -> Item:
    running, target = rng.randint(2, 12), rng.choice([60, 75, 80, 90])
    needed = rng.randint(1, 2 * running)
    right = managed_scaling.wanted(needed, running, target)
    follows = math.ceil(100 * needed / target)
    return Item(
        "managed scaling",
        Kind.NUMBER,
        f"A capacity provider with managed scaling and targetCapacity {target} has {running} instances. For all tasks, "
        f"those that wait among them, {needed} are needed. To how many is its Auto Scaling group set?",
        str(right),
        f"{needed} are to be {target} % of the group: {needed} / {target / 100:g}, rounded up, is {follows}. "
        + (
            f"One step takes away half of the instances at most, so it is {right} now."
            if right != follows
            else "The rest is room for the next tasks."
        ),
        "notebooks/cluster-autoscaler.ipynb",
        unit="instances",
        traps=traps(
            str(right),
            (str(follows), "One step takes away half of the instances at most."),
            (str(needed), f"That would be targetCapacity 100; {target} keeps some free."),
            (str(running), "It follows what is needed."),
        ),
        given={"running": running, "target": target, "needed": needed},
    )


def interrupted(rng: Random) -> Item:
    while True:
        stop, start, dry = rng.choice([30, 60, 90, 120]), rng.choice([40, 60, 90, 150]), rng.choice([0, 0, 60, 300])
        right = interruption.shortage(stop, start, dry)
        if right:
            break
    tasks = rng.randint(4, 20)
    return Item(
        "taken back by Spot",
        Kind.NUMBER,
        f"One of {tasks} tasks on Fargate Spot is taken back. It uses its stopTimeout of {stop} s to serve on. A "
        f"replacement serves {start} s after it was ordered, "
        + (f"and Spot has no capacity for {dry} s. " if dry else "and Spot has capacity. ")
        + "For how long is the service a task short?",
        f"{right:g}",
        f"The replacement is ordered at the "
        f"warning{f', but comes only when Spot has capacity again after {dry} s' if dry else ''}: it serves after "
        f"{dry + start} s. The old task serves on for {interruption.serves_on(stop)} s: {right:g} s are left.",
        "notebooks/spot-interruption.ipynb",
        unit="s",
        traps=traps(
            f"{right:g}",
            (str(dry + start), "The old task serves on until its stopTimeout is over."),
            (str(max(1, dry + start - 120)), "The warning comes 120 s ahead, but stopTimeout ends the task."),
        ),
        given={"stop": stop, "start": start, "dry": dry},
    )  # fmt: skip


def rotated(rng: Random) -> Item:
    every, alternating = rng.choice([7, 14, 30]), rng.random() < 0.5
    now = rng.randint(2 * every + 1, 3 * every - 1)
    started = sorted(rng.sample([day for day in range(now) if day % every], 4))
    behind = [secret_rotation.versions_behind(now, day, every) for day in started]
    works = [secret_rotation.still_works(one, alternating=alternating) for one in behind]
    right = "".join(letter for letter, fine in zip(LETTERS, works, strict=False) if fine)
    other = "".join(
        letter
        for letter, one in zip(LETTERS, behind, strict=False)
        if secret_rotation.still_works(one, alternating=not alternating)
    )
    if not right or not other or right == other:
        return rotated(rng)
    users = "with alternating users" if alternating else "of a single user"
    return Item(
        "after a rotation",
        Kind.SEVERAL,
        f"A database password is rotated each {every} days, {users}, on day 0, {every}, {2 * every} and so on. Tasks "
        f"read it once, when they start. It is day {now}. Which of these tasks can still open a connection?",
        right,
        "A task has what was current when it started. "
        + (
            "With alternating users the password before the current one is the other user's, and works until the next "
            "rotation."
            if alternating
            else "With a single user the old password is refused as soon as it is rotated."
        ),
        _SECRETS,
        options=tuple(f"started on day {day}" for day in started),
        traps=traps(
            right, (other, f"So it would be {'of a single user' if alternating else 'with alternating users'}.")
        ),
        given={"every": every, "alternating": alternating, "now": now, "started": started},
    )


def value_from(rng: Random) -> Item:
    name = rng.choice(["orders/database", "shop/queue", "web/session"])
    arn = f"arn:aws:secretsmanager:us-east-1:123456789012:secret:{name}-Ab12Cd"
    key = rng.choice(["password", "username", "token"])
    written = {
        arn: "the whole text of the secret",
        f"{arn}:{key}::": f"the key {key} of the current version",
        f"{arn}:{key}:AWSPREVIOUS:": f"the key {key} of the version before",
        f"{arn}::AWSPREVIOUS:": "the whole text of the version before",
        f"arn:aws:ssm:us-east-1:123456789012:parameter/{name}": "a parameter of SSM",
    }
    asked = rng.sample(list(written), 4)
    meanings = rng.sample([_read_as(one) for one in asked], 4)
    pairs = [meanings.index(_read_as(one)) + 1 for one in asked]
    right = matched(pairs)
    turned = matched([*pairs[1:], pairs[0]])
    return Item(
        "valueFrom",
        Kind.MATCH,
        "What does a container get from each of these valueFrom?",
        right,
        "After a secret's ARN come the JSON key, the stage and the version, each with its colon; what is empty is the "
        "whole secret, and AWSCURRENT.",
        _SECRETS,
        options=tuple(asked),
        partners=tuple(meanings),
        traps=traps(right, (turned, "Count the colons: key, stage, version.")),
        given={"asked": asked},
    )


def _read_as(written: str) -> str:
    """What `policy` reads a valueFrom as, in words."""
    source = secrets.parse(written)
    if isinstance(source, secrets.Parameter):
        return "a parameter of SSM"
    what = f"the key {source.json_key}" if source.json_key else "the whole text"
    return f"{what}, {'the version before' if source.version_stage == 'AWSPREVIOUS' else 'the current version'}"


def trusted(rng: Random) -> Item:
    host = "oidc.eks.us-east-1.amazonaws.com/id/EXAMPLE"
    arn = f"arn:aws:iam::123456789012:oidc-provider/{host}"
    space, account = rng.choice(["shop", "orders", "web"]), rng.choice(["cart", "api", "worker"])
    operator, pattern = rng.choice(
        [
            ("StringEquals", f"system:serviceaccount:{space}:{account}"),
            ("StringLike", f"system:serviceaccount:{space}:*"),
            ("StringEquals", f"system:serviceaccount:{space}:*"),
            ("StringLike", f"system:serviceaccount:*:{account}"),
        ]
    )
    document = json.dumps(
        {
            "Statement": {
                "Effect": "Allow",
                "Principal": {"Federated": arn},
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Condition": {operator: {f"{host}:sub": pattern}},
            }
        }
    )
    subjects = [f"{one}:{two}" for one in (space, f"{space}-test") for two in (account, "default")]
    subjects = rng.sample([*subjects, f"{space}:*"], 4)

    def lets(subject: str, text: str = document) -> bool:
        context = {f"{host}:sub": f"system:serviceaccount:{subject}"}
        return trust.decide(text, "Federated", arn, ["sts:AssumeRoleWithWebIdentity"], context).allowed

    right = "".join(letter for letter, one in zip(LETTERS, subjects, strict=False) if lets(one))
    if not right:
        return trusted(rng)
    opposite = "StringLike" if operator == "StringEquals" else "StringEquals"
    swapped = document.replace(operator, opposite)
    other = "".join(letter for letter, one in zip(LETTERS, subjects, strict=False) if lets(one, swapped))
    return Item(
        "trust policy",
        Kind.SEVERAL,
        f"The trust policy of an IAM role for service accounts has the condition {operator} on sub: {pattern}. Which "
        "service accounts (namespace:name) may assume the role?",
        right,
        f"{operator} takes {'* and ? as wildcards' if operator == 'StringLike' else 'every character as it is'}.",
        "notebooks/irsa-and-pod-identity.ipynb",
        options=tuple(subjects),
        traps=traps(right, (other, f"So it would be with {opposite}.")) if other else {},
        given={"operator": operator, "pattern": pattern, "subjects": subjects},
    )


def commitment(rng: Random) -> Item:
    tasks, price, discount = rng.randint(20, 100), rng.choice([0.05, 0.1, 0.2]), rng.choice([20, 30, 40, 50])
    rate = price * (100 - discount) / 100
    sum_of = round(rng.choice([0.25, 0.5, 0.75, 1.25]) * tasks * rate, 2)
    usage = [savings_plans.Usage("tasks", tasks, price, compute_rate=rate)]
    right = savings_plans.hour(usage, [savings_plans.Plan(savings_plans.Kind.COMPUTE, sum_of)]).total
    return Item(
        "an hour under a Savings Plan",
        Kind.NUMBER,
        f"In one hour {tasks} tasks of the same size run, at ${price} each on demand. A Compute Savings Plan takes "
        f"{discount} % off, and ${sum_of:.2f} an hour is committed. What does the hour cost? Half a per cent more or "
        "less counts as right.",
        f"{right:.2f}",
        f"At ${rate:g} the commitment pays for {min(tasks, sum_of / rate):.1f} of the {tasks} tasks; the others are on "
        f"demand. The commitment is charged, used or not: ${right:.2f} in all.",
        "notebooks/savings-stack.ipynb",
        unit="USD",
        tolerance=0.005,
        traps=traps(
            f"{right:.2f}",
            (f"{tasks * price:.2f}", "That is all on demand."),
            (f"{tasks * price - sum_of:.2f}", "The commitment is in discounted USD: it pays for more than its sum."),
            (
                f"{tasks * rate:.2f}",
                "The discount is on what the commitment pays for, and an unused rest is charged too.",
            ),
        ),
        given={"tasks": tasks, "price": price, "discount": discount, "sum_of": sum_of},
    )


def rebuilt(rng: Random) -> Item:
    changed = rng.choice(["package.json", "src/index.js", "README.md", "package-lock.json", "Dockerfile"])
    careful = rng.random() < 0.5
    first = ("package.json", "package-lock.json") if careful else (".",)
    base = rng.choice(["node:22-bookworm-slim", "node:24-bookworm-slim", "node:22-alpine"])
    steps = (
        build_cache.Step("WORKDIR /app"),
        build_cache.Step(f"COPY {' '.join(first)} ./", first),
        build_cache.Step("RUN npm ci"),
        build_cache.Step("COPY src ./src", ("src",)),
        build_cache.Step("RUN npm run build"),
    )
    [again] = build_cache.again([build_cache.Stage("app", base, steps)], [changed])
    if not any(again):
        return rebuilt(rng)
    right = "".join(letter for letter, new in zip(LETTERS, again, strict=False) if new)
    alone = [build_cache.again([build_cache.Stage("app", base, (step,))], [changed])[0][0] for step in steps]
    direct = "".join(letter for letter, new in zip(LETTERS, alone, strict=False) if new)
    return Item(
        "build cache",
        Kind.SEVERAL,
        f"An image from {base} was built a minute ago, and {changed} of its context has changed since. Which of its "
        "steps are built again?",
        right,
        "A COPY is built again when a file that it takes has changed, and after it everything that follows, whatever "
        "it is. " + ("`COPY .` takes all files." if not careful else "What changes often is copied late."),
        "notebooks/dockerfile-layers.ipynb",
        options=tuple(step.text for step in steps),
        traps=traps(right, (direct, "What follows a step that is built again is built again, too.")),
        given={"changed": changed, "careful": careful},
    )


def exit_codes(rng: Random) -> Item:
    codes = rng.sample([0, 1, 126, 127, 137, 139, 143], 4)
    told = [stopped.meaning(code) for code in codes]
    meanings = rng.sample(told, 4)
    pairs = [meanings.index(one) + 1 for one in told]
    right = matched(pairs)
    turned = matched([*pairs[1:], pairs[0]])
    return Item(
        "exit codes",
        Kind.MATCH,
        "Essential containers of four tasks have exited. What do their exit codes say?",
        right,
        "Above 128 it is a signal: 137 is 128 + 9, 139 is 128 + 11 and 143 is 128 + 15. 126 and 127 are the shell's, "
        "or the runtime's.",
        "labs/04-task-definitions/04-task-definitions.ipynb",
        options=tuple(str(code) for code in codes),
        partners=tuple(meanings),
        traps=traps(right, (turned, "Take 128 off what is above it: the rest is the number of a signal.")),
        given={"codes": codes},
    )


def blast_radius(rng: Random) -> Item:
    teams, count = rng.choice([(teams, few) for teams in range(6, 61, 3) for few in range(2, 7) if few < teams])
    right = 100 * clusters.worst_part(teams, count)
    return Item(
        "blast radius",
        Kind.NUMBER,
        f"{teams} teams are spread over {count} clusters, as evenly as it goes. One cluster is lost. What part of the "
        "teams is without one, at worst? Half a per cent more or less counts as right.",
        f"{right:.2f}",
        f"The fullest cluster has {max(clusters.shares(teams, count))} of the {teams} teams: {right:.2f} %.",
        "notebooks/many-clusters-or-few.ipynb",
        unit="%",
        tolerance=0.005,
        traps=traps(
            f"{right:.2f}",
            ("100.00", "The others go on."),
            (f"{100 - right:.2f}", "That is the part that goes on."),
        ),
        given={"teams": teams, "count": count},
    )


def fargate_pair(rng: Random) -> Item:
    cpu = rng.choice([256, 512, 1024, 2048, 4096])
    fits = rng.choice(list(FARGATE_SIZES[cpu]))
    others: Mapping[int, str] = {
        memory: ""
        for memory in (256, 512, 768, 1024, 1536, 2048, 3072, 4096, 5120, 6144, 8192, 12288, 16384, 32768)
        if memory not in FARGATE_SIZES[cpu]
    }
    options = rng.sample([fits, *rng.sample(list(others), 3)], 4)
    right = LETTERS[options.index(fits)]
    sizes = list(FARGATE_SIZES[cpu])
    return Item(
        "sizes of Fargate",
        Kind.CHOICE,
        f"A task definition for Fargate has cpu {cpu}. With which memory can it be registered?",
        right,
        f"With {cpu} CPU units Fargate has {sizes[0]} to {sizes[-1]} MiB, in {len(sizes)} sizes; another memory is "
        "refused, and not rounded.",
        "labs/04-task-definitions/04-task-definitions.ipynb",
        options=tuple(f"{memory} MiB" for memory in options),
        traps={
            LETTERS[place]: f"{memory} MiB is not offered with {cpu} CPU units."
            for place, memory in enumerate(options)
            if memory != fits
        },
        given={"cpu": cpu, "options": options},
    )
