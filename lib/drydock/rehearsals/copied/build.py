"""What was read from one cloud, made again on an embedded AWS: the same names, sizes, ports, rules and history."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from drydock import images
from drydock.cloud import ANYWHERE, Cloud
from drydock.images.credentials import login
from drydock.labs import catalogue
from drydock.notebooks.wait import wait_until
from drydock.policy.requests import secrets
from drydock.rehearsals.copied import standin
from drydock.rehearsals.copied.source import NothingToCopy, Source
from drydock.runbooks.model import plain

Described = dict[str, Any]

_APP = '''"""The kit's backend, which also answers at the path that a load balancer asks."""
import os

import backend


class StandIn(backend.Backend):
    def answer(self, request):
        return self._health() if request.path in os.environ.get("HEALTH_PATH", "").split() else super().answer(request)


backend.Backend = StandIn
backend.main()
'''
_DOCKERFILE = """FROM python:3.12-slim
ENV PYTHONUNBUFFERED=1 PYTHONPATH=/app/vendor
WORKDIR /app
COPY vendor/ vendor/
COPY *.py ./
USER 65532:65532
ENTRYPOINT ["python"]
CMD ["stand_in.py"]
"""
_PLATFORMS = {"X86_64": "linux/amd64", "ARM64": "linux/arm64"}
_TRUST = {
    "Effect": "Allow",
    "Principal": {"Service": ["ecs-tasks.amazonaws.com", "ecs.amazonaws.com"]},
    "Action": "sts:AssumeRole",
}
_MOST_REVISIONS = 3000
_ACCOUNT_IN_ARN = r"(arn:aws[a-z-]*:[a-z0-9-]*:[a-z0-9-]*:){account}(?=:)"


class Copy:
    """A source made again on `cloud`. `names` says what each id and ARN of the source is there."""

    def __init__(self, source: Source, cloud: Cloud) -> None:
        self.source = source
        self.cloud = cloud
        self.names: dict[str, str] = {}
        self._left: dict[str, None] = dict.fromkeys(f"could not be read: {what}" for what in source.unread)

    @property
    def left(self) -> list[str]:
        """What is not as in the source, in words."""
        return list(self._left)

    def left_out(self, what: str) -> None:
        self._left[what] = None

    def there(self, value: Any) -> Any:
        """`value` of the source, as it is on the copy: ids, ARNs and the account replaced, images by stand-ins."""
        if isinstance(value, Mapping):
            if "containerDefinitions" in value:
                value = standin.definition(value, paths=self._paths(), image=lambda name: self.names.get(name, name))
            return {self.there(key): self.there(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.there(item) for item in value]
        if not isinstance(value, str):
            return value
        if value in self.names:
            return self.names[value]
        named = sorted((name for name in self.names if len(name) > 8 and name in value), key=len, reverse=True)
        for name in named:
            value = re.sub(rf"{re.escape(name)}(?![\w/-])", self.names[name], value)
        pattern = _ACCOUNT_IN_ARN.format(account=re.escape(self.source.account))
        return re.sub(pattern, rf"\g<1>{self.cloud.account}", value)

    def make(self) -> None:
        """Make all of it, and wait until every service is steady. Raises NothingToCopy for what cannot be made."""
        self._network()
        self._balancers()
        self._definitions()
        self._services()
        self._scaling()
        self.left_out(
            "IAM: the roles are there, with no policies of yours; nothing here is refused for want of a right"
        )

    # -- network

    def _network(self) -> None:
        ec2 = self.cloud.client("ec2")
        for old, vpc in self.source.vpcs.items():
            made = ec2.create_vpc(CidrBlock=vpc["CidrBlock"])["Vpc"]["VpcId"]
            self.names[old] = made
            for block in vpc.get("CidrBlockAssociationSet", ()):
                if block["CidrBlock"] != vpc["CidrBlock"]:
                    ec2.associate_vpc_cidr_block(VpcId=made, CidrBlock=block["CidrBlock"])
            gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
            ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=made)
            tables = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [made]}])["RouteTables"]
            ec2.create_route(RouteTableId=tables[0]["RouteTableId"], DestinationCidrBlock=ANYWHERE, GatewayId=gateway)
            self.left_out("routes, NAT gateways, endpoints and peerings: every subnet has a way out to the internet")
        for old, subnet in self.source.subnets.items():
            kept = {key: subnet[key] for key in ("CidrBlock", "AvailabilityZone")}
            answer = ec2.create_subnet(VpcId=self.names[subnet["VpcId"]], **kept)
            self.names[old] = answer["Subnet"]["SubnetId"]
        for old, group in self.source.security_groups.items():
            self.names[old] = self._group(ec2, self.names[group["VpcId"]], group)
        for old, group in self.source.security_groups.items():
            for permission in group.get("IpPermissions", ()):
                self._allow(ec2, self.names[old], permission, group["GroupName"])

    def _group(self, ec2: Any, vpc: str, group: Described) -> str:
        if group["GroupName"] == "default":
            found = ec2.describe_security_groups(
                Filters=[{"Name": "vpc-id", "Values": [vpc]}, {"Name": "group-name", "Values": ["default"]}]
            )
            return str(found["SecurityGroups"][0]["GroupId"])
        made = ec2.create_security_group(
            GroupName=group["GroupName"], Description=group.get("Description") or "-", VpcId=vpc
        )
        return str(made["GroupId"])

    def _allow(self, ec2: Any, made: str, permission: Described, name: str) -> None:
        known = [one for one in permission.get("UserIdGroupPairs", ()) if one.get("GroupId") in self.names]
        if len(known) < len(permission.get("UserIdGroupPairs", ())) or permission.get("PrefixListIds"):
            self.left_out(f"rules of the security group {name} for prefix lists and groups of others")
        kept: Described = {key: permission[key] for key in ("IpProtocol", "FromPort", "ToPort") if key in permission}
        kept["UserIdGroupPairs"] = [{"GroupId": self.names[one["GroupId"]]} for one in known]
        kept["IpRanges"] = [{"CidrIp": one["CidrIp"]} for one in permission.get("IpRanges", ())]
        kept["Ipv6Ranges"] = [{"CidrIpv6": one["CidrIpv6"]} for one in permission.get("Ipv6Ranges", ())]
        kept = {key: value for key, value in kept.items() if value != []}
        if {"UserIdGroupPairs", "IpRanges", "Ipv6Ranges"} & set(kept):
            try:
                ec2.authorize_security_group_ingress(GroupId=made, IpPermissions=[kept])
            except ClientError as error:
                if error.response["Error"]["Code"] != "InvalidPermission.Duplicate":
                    raise

    # -- load balancers

    def _balancers(self) -> None:
        elbv2 = self.cloud.client("elbv2")
        for old, balancer in self.source.balancers.items():
            asked: Described = {
                "Name": balancer["LoadBalancerName"],
                "Type": balancer["Type"],
                "Scheme": balancer["Scheme"],
                "Subnets": [self.there(zone["SubnetId"]) for zone in balancer["AvailabilityZones"]],
            }
            if balancer.get("SecurityGroups"):
                asked["SecurityGroups"] = self.there(balancer["SecurityGroups"])
            made = elbv2.create_load_balancer(**asked)["LoadBalancers"][0]
            self.names[old] = made["LoadBalancerArn"]
            self.names[balancer["DNSName"]] = made["DNSName"]
            self._attributes(
                elbv2.modify_load_balancer_attributes, "LoadBalancerArn", old, balancer["LoadBalancerName"]
            )
        for old, group in self.source.target_groups.items():
            self.names[old] = elbv2.create_target_group(**self._target_group(group))["TargetGroups"][0][
                "TargetGroupArn"
            ]
            self._attributes(elbv2.modify_target_group_attributes, "TargetGroupArn", old, group["TargetGroupName"])
        for old, listener in self.source.listeners.items():
            made = elbv2.create_listener(**self._listener(listener))["Listeners"][0]["ListenerArn"]
            self.names[old] = made
            there = elbv2.describe_rules(ListenerArn=made)["Rules"]
            self.names |= {
                arn: there[0]["RuleArn"]
                for arn, rule in self.source.rules.items()
                if rule["ListenerArn"] == old and rule["IsDefault"]
            }
        for old, rule in self.source.rules.items():
            if not rule["IsDefault"]:
                self.names[old] = elbv2.create_rule(
                    ListenerArn=self.names[rule["ListenerArn"]],
                    Priority=int(rule["Priority"]),
                    Conditions=[_condition(one) for one in rule["Conditions"]],
                    Actions=self._actions(rule["Actions"]),
                )["Rules"][0]["RuleArn"]

    def _target_group(self, group: Described) -> Described:
        taken = _askable(self.cloud.client("elbv2"), "CreateTargetGroup", group)
        taken = {**self.there(taken), "Name": group["TargetGroupName"]}
        name = group["TargetGroupName"]
        if group.get("TargetType") != "ip":
            raise NothingToCopy(f"The target group {name} has targets of type {group.get('TargetType')}, not ip.")
        for key in ("Protocol", "HealthCheckProtocol"):
            if taken.get(key) in ("HTTPS", "TLS"):
                taken[key] = {"HTTPS": "HTTP", "TLS": "TCP"}[taken[key]]
                self.left_out(f"TLS from the load balancer to the targets of {name}: {taken[key]}")
        if taken.get("ProtocolVersion", "HTTP1") != "HTTP1":
            self.left_out(f"{taken['ProtocolVersion']} to the targets of {name}: HTTP1")
            taken["ProtocolVersion"] = "HTTP1"
        if group.get("Matcher", {}).get("HttpCode", "200") != "200":
            self.left_out(f"the health check of {name} waits for 200, not {group['Matcher']['HttpCode']}")
        taken.pop("Matcher", None)
        return taken

    def _listener(self, listener: Described) -> Described:
        asked = {
            "LoadBalancerArn": self.names[listener["LoadBalancerArn"]],
            "Protocol": listener["Protocol"],
            "Port": listener["Port"],
            "DefaultActions": self._actions(listener["DefaultActions"]),
        }
        if listener["Protocol"] == "HTTPS":
            old = listener["Certificates"][0]["CertificateArn"]
            if old not in self.names:
                made = self.cloud.client("acm").request_certificate(DomainName=self.source.domains[old])
                self.names[old] = made["CertificateArn"]
                self.left_out(f"the certificate of {self.source.domains[old]}: a stand-in that nobody has signed")
            asked["Certificates"] = [{"CertificateArn": self.names[old]}]
        elif listener["Protocol"] not in ("HTTP", "TCP"):
            self.left_out(f"the listener {listener['Port']} speaks TCP, not {listener['Protocol']}")
            asked["Protocol"] = "TCP"
        return asked

    def _actions(self, actions: list[Described]) -> list[Described]:
        final = [one for one in actions if not one["Type"].startswith(("authenticate-", "jwt-"))]
        if len(final) < len(actions):
            self.left_out("authentication by the load balancer")
        return [
            {
                key: value
                for key, value in self.there(one).items()
                if not (key == "TargetGroupArn" and "ForwardConfig" in one)
            }
            for one in final
        ]

    def _attributes(self, modify: Any, key: str, old: str, name: str) -> None:
        for one in self.source.attributes.get(old, ()):
            if one.get("Value") in (None, "") or "logs.s3" in one["Key"]:
                continue
            try:
                modify(**{key: self.names[old], "Attributes": [{"Key": one["Key"], "Value": one["Value"]}]})
            except ClientError as error:
                self.left_out(f"{one['Key']} of {name}: {error.response['Error']['Message']}")

    # -- what runs

    def _definitions(self) -> None:
        found = self.source.definitions
        self._images()
        self._roles()
        self._secrets(standin.secrets_of(found.values()))
        ecs, logs = self.cloud.client("ecs"), self.cloud.client("logs")
        wanted: dict[str, dict[int, str]] = {}
        for arn, one in found.items():
            wanted.setdefault(one["family"], {})[one["revision"]] = arn
            for container in one["containerDefinitions"]:
                options = container.get("logConfiguration", {}).get("options", {})
                if "awslogs-group" in options:
                    with _there_already():
                        logs.create_log_group(logGroupName=options["awslogs-group"])
        for family, revisions in wanted.items():
            if max(revisions) > _MOST_REVISIONS:
                raise NothingToCopy(
                    f"{family} has {max(revisions)} revisions: a rehearsal goes up to {_MOST_REVISIONS}."
                )
            for number in range(1, max(revisions) + 1):
                if number in revisions:
                    self.names[revisions[number]] = self._registered(found[revisions[number]])
                else:  # numbers go on from where they are, and a parameter may name one
                    filler = ecs.register_task_definition(
                        family=family, containerDefinitions=[{"name": "filler", "image": "filler", "memory": 64}]
                    )
                    ecs.deregister_task_definition(taskDefinition=filler["taskDefinition"]["taskDefinitionArn"])

    def _registered(self, found: Described) -> str:
        ecs = self.cloud.client("ecs")
        for what in standin.left_out(found):
            self.left_out(f"{found['family']}: {what}")
        asked = self.there(_askable(ecs, "RegisterTaskDefinition", found))
        return str(ecs.register_task_definition(**asked)["taskDefinition"]["taskDefinitionArn"])

    def _images(self) -> None:
        """A stand-in for each image, under its repository's name and its tag; each is an image of its own."""
        ecr = self.cloud.client("ecr")
        let_in = login(ecr)
        platforms = {
            container["image"]: _PLATFORMS[found.get("runtimePlatform", {}).get("cpuArchitecture", "X86_64")]
            for found in self.source.definitions.values()
            for container in found["containerDefinitions"]
        }
        for name, digest in self.source.images.items():
            image = images.Reference.parse(name).tagged()
            with _there_already():
                ecr.create_repository(repositoryName=image.repository)
            there = ecr.describe_repositories(repositoryNames=[image.repository])["repositories"][0]["repositoryUri"]
            built = _stand_in(name, platforms.get(name) or next(iter(platforms.values())))
            pushed = images.push(built, f"{there}:{image.tag or standin.tag(name)}", auth=let_in)
            self.names[image.name] = there
            self.names[name] = f"{there}@{pushed}" if image.digest else f"{there}:{image.tag}"
            if digest:
                self.names[digest] = pushed
            self.left_out(f"the image {name}: the kit's sample app")

    def _roles(self) -> None:
        """Every role that a task definition or a service names, to be assumed by ECS and its tasks."""
        iam = self.cloud.client("iam")
        document = json.dumps({"Version": "2012-10-17", "Statement": [_TRUST]})
        text = json.dumps([*self.source.definitions.values(), *self.source.services])
        for path, name in sorted(
            set(re.findall(r"arn:aws[a-z-]*:iam::\d{12}:role(/(?:[\w+=,.@-]+/)*)([\w+=,.@-]+)", text))
        ):
            if not path.startswith("/aws-service-role/"):
                with _there_already():
                    iam.create_role(RoleName=name, Path=path, AssumeRolePolicyDocument=document)

    def _secrets(self, values: list[str]) -> None:
        """Each where it is, be that another Region; the stand-in has one version, which is the current one."""
        keys: dict[str, set[str]] = {}
        for value in values:
            read = secrets.parse(value)
            if isinstance(read, secrets.SecretsManagerSecret):
                keys.setdefault(read.arn, set()).update({read.json_key} - {""})
                if read.version_stage or read.version_id:
                    self.left_out(f"{read.version_stage or read.version_id} of {value}: the current version")
                continue
            name = read.name.partition(":")[0]
            with _there_already():
                self.cloud.client("ssm", region=read.region or None).put_parameter(
                    Name=name, Value=standin.STAND_IN, Type="SecureString"
                )
            self.left_out(f"the value of the parameter {name}: a stand-in")
        for arn, inside in keys.items():
            region, name = arn.split(":")[3], re.sub(r"-[A-Za-z0-9]{6}$", "", arn.split(":")[6])
            text = json.dumps(dict.fromkeys(sorted(inside), standin.STAND_IN)) if inside else standin.STAND_IN
            manager = self.cloud.client("secretsmanager", region=region)
            self.names[arn] = manager.create_secret(Name=name, SecretString=text)["ARN"]
            where = "" if region == self.source.region else f" in {region}"
            self.left_out(f"the value of the secret {name}{where}: a stand-in")
        for value in values:
            read = secrets.parse(value)
            if isinstance(read, secrets.SecretsManagerSecret) and (read.version_stage or read.version_id):
                self.names[value] = f"{self.names[read.arn]}:{read.json_key}::"

    def _paths(self) -> dict[str, str]:
        """Container name → the paths that its target groups ask for, with spaces between."""
        asked: dict[str, dict[str, None]] = {}
        for one in (entry for service in self.source.services for entry in service.get("loadBalancers", ())):
            group = self.source.target_groups.get(one.get("targetGroupArn", ""), {})
            if path := group.get("HealthCheckPath", "").partition("?")[0]:
                asked.setdefault(one["containerName"], {})[path] = None
        return {name: " ".join(paths) for name, paths in asked.items()}

    def _services(self) -> None:
        ecs = self.cloud.client("ecs")
        cluster = _askable(ecs, "CreateCluster", self.source.cluster)
        for key in ("configuration", "serviceConnectDefaults"):
            if cluster.pop(key, None):
                self.left_out(f"the cluster's {key}")
        ecs.create_cluster(**cluster)
        for alarm in self.source.alarms:
            asked = _askable(self.cloud.client("cloudwatch"), "PutMetricAlarm", alarm)
            kept = {key: value for key, value in asked.items() if not key.endswith("Actions")}
            self.cloud.client("cloudwatch").put_metric_alarm(**self.there(kept))
            self.left_out(f"what the alarm {alarm['AlarmName']} sets off")
        for service in self.source.services:
            self._service(ecs, service)
        for arn, found in self.source.definitions.items():
            if found["status"] == "INACTIVE":
                ecs.deregister_task_definition(taskDefinition=self.names[arn])

    def _service(self, ecs: Any, service: Described) -> None:
        name, cluster = service["serviceName"], self.source.cluster["clusterName"]
        asked = _askable(ecs, "CreateService", service)
        for key, what in (
            ("serviceRegistries", "Cloud Map"),
            ("serviceConnectConfiguration", "Service Connect"),
            ("vpcLatticeConfigurations", "VPC Lattice"),
            ("volumeConfigurations", "EBS volumes"),
        ):
            if asked.pop(key, None):
                self.left_out(f"{what} of {name}")
        for key in ("role", "platformFamily", "deploymentController"):
            asked.pop(key, None)
        if asked.get("deploymentConfiguration", {}).get("lifecycleHooks"):
            asked["deploymentConfiguration"] = {**asked["deploymentConfiguration"], "lifecycleHooks": []}
            self.left_out(f"the lifecycle hooks of {name}")
        if "capacityProviderStrategy" in asked:
            asked.pop("launchType", None)
        asked = {key: value for key, value in self.there(asked).items() if value not in ([], {}, None, "")}
        first, *later = [self.names[arn] for arn in self.source.history[service["serviceArn"]] if arn in self.names]
        ecs.create_service(**{**asked, "cluster": cluster, "serviceName": name, "taskDefinition": first})
        self._steady(ecs, cluster, name)
        for arn in later:
            ecs.update_service(cluster=cluster, service=name, taskDefinition=arn)
            self._steady(ecs, cluster, name)

    def _steady(self, ecs: Any, cluster: str, name: str) -> None:
        def steady() -> bool:
            found = ecs.describe_services(cluster=cluster, services=[name])["services"][0]
            states = [one.get("rolloutState") for one in found["deployments"]]
            return states == ["COMPLETED"] and found["runningCount"] == found["desiredCount"]

        wait_until(steady, f"the stand-in of {name} is steady")

    def _scaling(self) -> None:
        scaling = self.cloud.client("application-autoscaling")
        for target in self.source.scalable:
            asked = _askable(scaling, "RegisterScalableTarget", target)
            asked.pop("RoleARN", None)
            scaling.register_scalable_target(**self.there(asked))
        for policy in self.source.policies:
            self.left_out(f"the scaling policy {policy['PolicyName']}: there is no load that it could follow")


def _stand_in(name: str, platform: str) -> images.Image:
    services = catalogue.directory() / "services"
    with tempfile.TemporaryDirectory(prefix="drydock-stand-in-") as folder:
        context = Path(folder)
        shutil.copytree(services / "backend" / "vendor", context / "vendor")
        for file in ("backend.py", "faults.py", "healthcheck.py"):
            shutil.copy(services / "backend" / file, context / file)
        (context / "stand_in.py").write_text(_APP)
        (context / "Dockerfile").write_text(f"{_DOCKERFILE}LABEL stand-in-for={json.dumps(name)}\n")
        return images.build(context, platform=platform, output=lambda line: None)


def _askable(client: Any, operation: str, described: Mapping[str, Any]) -> Described:
    """Of what a describe call answers, what the operation takes."""
    members = client.meta.service_model.operation_model(operation).input_shape.members
    return {key: value for key, value in plain(described).items() if key in members}


def _condition(one: Described) -> Described:
    """A rule's condition as CreateRule takes it: its values in one place only."""
    configs = [key for key in one if key.endswith("Config")]
    return {key: value for key, value in one.items() if key != "Values" or not configs}


@contextmanager
def _there_already() -> Iterator[None]:
    """What is there already is as good."""
    try:
        yield
    except ClientError as error:
        if "AlreadyExists" not in error.response["Error"]["Code"]:
            raise
