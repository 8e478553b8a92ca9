"""Practicals on who may read what, and who may talk to whom."""

from __future__ import annotations

import json
import secrets as random_secrets
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from drydock.policy.requests.secrets import SecretsManagerSecret, parse
from drydock.prep.practicals.bench import PORT, SERVICE, Bench, is_steady
from drydock.prep.practicals.practical import Practical, Seen

SECRET_NAME = "interview/database"
VARIABLE = "DATABASE_PASSWORD"
BALANCER, TASKS = "interview-alb", "interview-tasks"
_GONE = [Seen("There is a service web", False, "the cluster has none that is ACTIVE")]


def _in_the_open(bench: Bench) -> None:
    value = random_secrets.token_hex(16)
    bench.cloud.client("secretsmanager").create_secret(Name=SECRET_NAME, SecretString=value)
    bench.serve(1, subnets=bench.network(), definition=bench.register({VARIABLE: value}))


def _hidden(bench: Bench) -> Sequence[Seen]:
    service = bench.service()
    if service is None:
        return _GONE
    manager = bench.cloud.client("secretsmanager")
    arn = manager.describe_secret(SecretId=SECRET_NAME)["ARN"]
    value = manager.get_secret_value(SecretId=SECRET_NAME)["SecretString"]
    definition = bench.definition(service["taskDefinition"])
    revision = definition["taskDefinitionArn"].rsplit("/", 1)[-1]
    given = {
        one["name"]: one["valueFrom"] for each in definition["containerDefinitions"] for one in each.get("secrets", ())
    }
    source = _source(given.get(VARIABLE, ""))
    open_to_all = value in json.dumps(definition, default=str)
    role = definition.get("executionRoleArn", "").rsplit("/", 1)[-1]
    read = list(_readable(bench, role))
    may = any(fnmatchcase(arn, pattern) for pattern in read)
    running = [one["taskDefinitionArn"].rsplit("/", 1)[-1] for one in bench.running()]
    named = f"from {given[VARIABLE]}" if VARIABLE in given else f"{revision} has no secret {VARIABLE}"
    return [
        Seen(
            f"The task gets {VARIABLE} from the secret {SECRET_NAME}",
            source == arn,
            named,
        ),
        Seen(
            "Its value is nowhere in the task definition",
            not open_to_all,
            f"{revision} {'has it for all to read' if open_to_all else 'has not got it'}",
        ),
        Seen("The execution role may read the secret", may, f"{role} may read {', '.join(read) or 'no secret'}"),
        Seen(
            "It may read no other",
            all(_narrow(pattern, arn) for pattern in read),
            f"{role} may read {', '.join(read) or 'no secret'}",
        ),
        Seen(
            "A task of this revision runs",
            running == [revision] and is_steady(service),
            f"RUNNING: {', '.join(running) or 'nothing'}",
        ),
    ]


def _narrow(pattern: str, arn: str) -> bool:
    """Whether a Resource names this secret alone: its ARN, or its name with a wildcard for the six characters."""
    return pattern in (arn, f"{arn[:-6]}*", f"{arn[:-6]}??????")


def _source(value_from: str) -> str | None:
    try:
        found = parse(value_from)
    except ValueError:
        return None
    return found.arn if isinstance(found, SecretsManagerSecret) else None


def _readable(bench: Bench, role: str) -> Iterator[str]:
    """The resources that the role's policies let it call GetSecretValue for. Conditions and Deny are not looked at."""
    iam = bench.cloud.client("iam")
    documents = [
        iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
    ]
    for attached in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
        version = iam.get_policy(PolicyArn=attached["PolicyArn"])["Policy"]["DefaultVersionId"]
        found = iam.get_policy_version(PolicyArn=attached["PolicyArn"], VersionId=version)
        documents.append(found["PolicyVersion"]["Document"])
    for document in documents:
        for statement in _listed(document["Statement"]):
            actions = [one.lower() for one in _listed(statement.get("Action", []))]
            reads = any(fnmatchcase("secretsmanager:getsecretvalue", one) for one in actions)
            if statement["Effect"] == "Allow" and reads:
                yield from _listed(statement.get("Resource", []))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


SECRET = Practical(
    "secret",
    "Secrets",
    "Give the task a secret without putting it in the definition",
    f"The service `{SERVICE}` has its password in {VARIABLE}, in plain text in the task definition. The same value is "
    f"in Secrets Manager, as {SECRET_NAME}. Let ECS hand it to the container under the same name, let the execution "
    "role interview-execution read this secret and no other, and bring the new revision into the service.",
    "notebooks/secrets.ipynb",
    _in_the_open,
    _hidden,
)


def _open_to_all(bench: Bench) -> None:
    subnets = bench.network()
    bench.group(BALANCER)
    anybody = {"IpProtocol": "tcp", "FromPort": 0, "ToPort": 65535, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    bench.cloud.client("ec2").authorize_security_group_ingress(GroupId=bench.group(TASKS), IpPermissions=[anybody])
    bench.serve(1, subnets=subnets)


def _reached(bench: Bench) -> Sequence[Seen]:
    service = bench.service()
    if service is None:
        return _GONE
    own = service["networkConfiguration"]["awsvpcConfiguration"].get("securityGroups") or []
    balancer = bench.group(BALANCER)
    groups = bench.cloud.client("ec2").describe_security_groups(GroupIds=own)["SecurityGroups"] if own else []
    let_in = sorted({rule for group in groups for rule in _ingress(group)})
    wanted = ("tcp", PORT, PORT, balancer)
    others = [rule for rule in let_in if rule != wanted]
    names = {one["GroupId"]: one["GroupName"] for one in groups} | {balancer: BALANCER}

    def told(rules: Sequence[tuple[str, int, int, str]]) -> str:
        return "; ".join(f"{names.get(source, source)}, {kind} {low} to {high}" for kind, low, high, source in rules)

    return [
        Seen(
            f"The group {BALANCER} is let in at port {PORT}",
            wanted in let_in,
            f"let in: {told(let_in) or 'nobody'}",
        ),
        Seen("Nobody else is, and at no other port", bool(own) and not others, f"besides: {told(others) or 'nobody'}"),
        Seen("A task runs", bool(bench.running()), f"{len(bench.running())} RUNNING"),
    ]


def _ingress(group: Mapping[str, Any]) -> Iterator[tuple[str, int, int, str]]:
    """(protocol, first port, last port, who) of each rule of a group that lets somebody in."""
    sources = (("IpRanges", "CidrIp"), ("Ipv6Ranges", "CidrIpv6"), ("UserIdGroupPairs", "GroupId"))
    for one in group.get("IpPermissions", ()):
        kind = "all" if one["IpProtocol"] == "-1" else one["IpProtocol"]
        for field, name in (*sources, ("PrefixListIds", "PrefixListId")):
            for source in one.get(field, ()):
                yield kind, one.get("FromPort", 0), one.get("ToPort", 65535), source[name]


ACCESS = Practical(
    "access",
    "Identity",
    "Let only the load balancer reach the tasks",
    f"The tasks of the service `{SERVICE}` are in the security group {TASKS}, which lets everybody in at every port. "
    f"The load balancer will be in the group {BALANCER}. Let this group in at port {PORT}, and nobody else.",
    "labs/03-cluster/03-cluster.ipynb",
    _open_to_all,
    _reached,
)
