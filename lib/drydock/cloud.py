"""Where calls go: one object in front of boto3 for the embedded AWS, LocalStack, any URL and AWS.

    cloud = connect("embedded")
    ecs = cloud.client("ecs")

Two guards stand in front of every cloud. A local one is used with dummy credentials only and refused
unless STS answers with the account that a local cloud has. A real one is refused unless its 12-digit id
was given, STS agrees, and the estimated cost is under the budget.
"""

from __future__ import annotations

import ipaddress
import os
import re
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

import boto3
import botocore.config
import botocore.exceptions
import botocore.loaders
import botocore.session
from botocore.awsrequest import AWSResponse

from drydock.user import ACCESS_KEY, access_key, deaf_session

LOCAL_ACCOUNT = "000000000000"
"""The account of the embedded AWS, LocalStack and ministack."""

MOTO_ACCOUNT = "123456789012"
"""The account that a plain moto server answers with; accepted behind a loopback URL only."""

IDLE_EXIT = 7200.0
"""Seconds without a call after which an embedded AWS that `connect` started ends; its state is kept."""

LABS_CIDR_ON_LOOPBACK = "127.10.0.0/16"
LABS_CIDR = "10.10.0.0/16"

ANYWHERE = "0.0.0.0/0"
EXAMPLE_ACCOUNT = "111122223333"
"""A second account, as AWS's documentation names one."""
WHO_ASKS = "https://checkip.amazonaws.com"
"""AWS's own: it answers with the address that the question came from."""

_LOOPBACK_NAMES = {"localhost", "localhost.localstack.cloud"}
_AWS_NAMES = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws")


class CloudRefused(RuntimeError):
    """The cloud is not one that these calls may go to. Nothing was created."""


class NoSuchCloud(ValueError):
    """What was asked for is no cloud; the text says what is."""


class CloudUnreachable(RuntimeError):
    """Nothing answers where the cloud should be."""


@dataclass
class Call:
    """One AWS call on its way. `params` is what the caller gave; `notes` belongs to whoever listens."""

    service: str
    operation: str
    params: dict[str, Any]
    region: str = ""
    notes: dict[Any, Any] = field(default_factory=dict)


class Listener(Protocol):
    """Told of every call that a Cloud's clients make. An exception from `asked` or `sending` stops it."""

    def asked(self, call: Call) -> None:
        """Before validation: `call.params` may still be changed."""

    def sending(self, call: Call) -> dict[str, Any] | None:
        """The call is valid and is about to leave. What is returned is its answer, and it does not leave."""

    def answered(self, call: Call, answer: dict[str, Any], status: int) -> None:
        """An answer came, an error of AWS's included (`status` 300 and above)."""


@dataclass
class Cloud:
    """Where calls go. Made by `connect`."""

    name: str
    """`embedded`, `localstack`, `aws`, or the URL."""
    account: str
    region: str
    endpoint: str | None
    """Base URL of the API; None on AWS, where each service has its own."""
    session: Any
    instance: str = ""
    """Name of the embedded instance; empty elsewhere."""
    budget_usd: float = 0.0
    speed: float = 1.0
    """AWS seconds that pass in one of ours; 1.0 where that is not known."""
    my_address: str = ""
    """What `connect` was given: see `visitors`."""
    second_account: str = ""
    """What `connect` was given: see `other_account`."""
    profile: str = ""
    """How slow, late and strict the embedded instance is, "quick" or "strict"; empty elsewhere."""
    asks_again: Callable[[str, str, dict[str, Any], int], float | None] | None = field(default=None, repr=False)
    """Whether a call is made again after an answer of AWS's: (service, operation, answer, times) → seconds to wait."""
    listeners: list[Listener] = field(default_factory=list, repr=False)
    """Who is told of every call, in order."""
    _config: Any = field(default=None, repr=False)
    _verify: bool = field(default=True, repr=False)
    _clients: dict[tuple[str, str], Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        events = self.session.events
        events.register("before-parameter-build", self._on_asked)
        events.register("before-call", self._on_sending)
        events.register("after-call", self._on_answered)
        events.register("needs-retry", self._on_needs_retry)

    @property
    def real(self) -> bool:
        """True where calls can cost money."""
        return self.name == "aws"

    @property
    def identity(self) -> str:
        """What tells this cloud from every other, as the ledger and the progress file write it."""
        place = f"{self.name}:{self.instance}" if self.instance else self.name
        return f"{place}/{self.account}/{self.region}"

    @property
    def vpc_cidr(self) -> str:
        """The block for the labs' VPC: on the embedded cloud its addresses are real loopback addresses."""
        return LABS_CIDR_ON_LOOPBACK if self.name == "embedded" else LABS_CIDR

    @property
    def visitors(self) -> str:
        """The block of addresses from which the labs' load balancers may be called.

        On a local cloud anywhere: nothing outside reaches it. On a real account `my_address`, and where that was not
        given the address that this machine has for AWS, which is asked for once, at checkip.amazonaws.com.
        Raises CloudRefused where neither says.
        """
        if not self.real:
            return ANYWHERE
        if not self.my_address:
            self.my_address = _address_seen_by_aws()
        try:
            return str(ipaddress.IPv4Network(self.my_address))
        except ValueError as error:
            raise CloudRefused(
                f"my_address={self.my_address!r} is no IPv4 address or block, such as 203.0.113.7: {error}"
            ) from error

    @property
    def other_account(self) -> str:
        """The account that lab 01 lets pull from a repository: on a local cloud the one of AWS's examples.

        Raises CloudRefused on a real account where `connect` was not given one: that would let strangers in.
        """
        if self.real and not self.second_account:
            raise CloudRefused(
                "On a real account this lets another account in, so say whose: other_account='<12 digits>', a second "
                "account of yours. Without one leave this step and the drill open-to-all out."
            )
        return self.second_account or EXAMPLE_ACCOUNT

    def client(self, service: str, *, region: str | None = None) -> Any:
        """A boto3 client, `service` as boto3 names it. One per service and region, shared between threads.

        CloudRefused where its calls would leave for another place than those of STS, whose word is taken for whose
        account it is.
        """
        key = (service, region or self.region)
        if key not in self._clients:
            made = self.session.client(service, region_name=key[1], **self._arguments())
            self._check_place(service, made)
            self._clients[key] = made
        return self._clients[key]

    def resource(self, service: str, *, region: str | None = None) -> Any:
        """A boto3 resource. CloudRefused as of `client`."""
        made = self.session.resource(service, region_name=region or self.region, **self._arguments())
        self._check_place(service, made.meta.client)
        return made

    def _check_place(self, service: str, client: Any) -> None:
        if not self.real or service == "sts":
            return
        asked, told = _place(client.meta.endpoint_url), _place(self.client("sts").meta.endpoint_url)
        if asked != told:
            raise CloudRefused(
                f"Calls of {service} would go to {asked}, and STS, which said whose account it is, is at {told}. "
                f"Check AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_* and the endpoint_url settings of your profile."
            )

    def afford(self, usd: float, what: str = "this") -> None:
        """Refuse on a real account what is estimated at `usd` or more than the budget. Free on a local cloud.

        Raises CloudRefused, naming both sums.
        """
        if self.real and not usd < self.budget_usd:
            raise CloudRefused(
                f"{what} is estimated at ${usd:.4f} and the budget is ${self.budget_usd:.2f}. "
                f"Nothing was created. Set budget_usd above the estimate to go on."
            )

    def _arguments(self) -> dict[str, Any]:
        given: dict[str, Any] = {} if self._config is None else {"config": self._config}
        if self.endpoint is not None:
            given |= {"endpoint_url": self.endpoint, "verify": self._verify}
        return given

    def _on_asked(self, params: dict[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
        call = Call(model.service_model.service_name, model.name, params, context["client_region"])
        context["drydock"] = call
        for listener in tuple(self.listeners):
            listener.asked(call)

    def _on_sending(self, context: dict[str, Any], **_: Any) -> tuple[Any, dict[str, Any]] | None:
        call = context.get("drydock")
        if call is None:
            return None
        for listener in tuple(self.listeners):
            answer = listener.sending(call)
            if answer is not None:
                return AWSResponse("", 200, {}, None), {"ResponseMetadata": {"HTTPStatusCode": 200}, **answer}
        return None

    def _on_answered(self, http_response: Any, parsed: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        call = context.get("drydock")
        if call is not None:
            for listener in tuple(self.listeners):
                listener.answered(call, parsed, http_response.status_code)

    def _on_needs_retry(
        self, response: tuple[Any, dict[str, Any]] | None, operation: Any, attempts: int, **_: Any
    ) -> float | None:
        if self.asks_again is None or response is None:
            return None
        return self.asks_again(operation.service_model.service_name, operation.name, response[1], attempts)


def connect(
    cloud: str | Cloud | None = None,
    *,
    region: str = "us-east-1",
    account: str | None = None,
    budget_usd: float = 0.0,
    estimate: float = 0.0,
    name: str | None = None,
    my_address: str = "",
    other_account: str = "",
    profile: str | None = None,
) -> Cloud:
    """A Cloud whose clients go to `cloud`.

    cloud       "embedded": the AWS on this machine, started if it does not run; "localstack": LocalStack,
                found as localstack-client finds it; "aws": the ordinary boto3 session; or the URL of
                anything AWS-compatible. None or "": $DRYDOCK_CLOUD, else "embedded". A Cloud: where that
                one goes, so that a cell `cloud = connect(cloud)` can be run again.
    account     12 digits, as a string. A real account must be named here, and so must the account behind
                a URL that is not on loopback.
    budget_usd  what may be spent on a real account; `estimate`, in USD, must be under it.
    name        which embedded instance; None: $DRYDOCK_INSTANCE, else "default".
    my_address  from where load balancers on a real account may be called: `Cloud.visitors`.
    other_account  a second account of yours, for what lets another account in: `Cloud.other_account`.
    profile     how slow, late and strict the embedded AWS is: "quick", or "strict" as AWS itself. None or "": as it
                runs, or ran before, or quick. ValueError for another cloud; NotStarted where it runs with another one.

    Local clouds get dummy credentials, an embedded one the key in $DRYDOCK_ACCESS_KEY where there is one; nothing else
    of the user's is read for them, no profile, environment variable, file or metadata service. What STS must answer:
    embedded and LocalStack 000000000000; a loopback URL 000000000000 or moto's 123456789012; where `account` is given,
    exactly that.

    Raises CloudRefused, CloudUnreachable, or ValueError for a `cloud` that is none of the above.
    """
    if isinstance(cloud, Cloud):
        name = name or cloud.instance or None
        cloud = cloud.name
    cloud = named(cloud)
    if account is not None and account != "":
        _check_account_id(account)
    if other_account:
        _check_account_id(other_account)
    account = account or None
    if profile and cloud != "embedded":
        raise NoSuchCloud(f"profile={profile!r} is for the embedded AWS, and cloud={cloud!r} is not: leave it out.")
    if cloud == "aws":
        made = _aws(region, account, budget_usd, estimate)
        made.my_address, made.second_account = my_address, other_account
        return made
    if cloud == "embedded":
        made = _embedded(region, name or os.environ.get("DRYDOCK_INSTANCE") or "default", profile or None)
    elif cloud == "localstack":
        made = _localstack(region)
    elif re.match(r"https?://", cloud):
        made = _at(cloud, region, account)
    else:
        raise NoSuchCloud(
            f"cloud={cloud!r} is not a cloud. Give 'embedded', 'localstack', 'aws', or a URL such as "
            f"'http://127.0.0.1:4566'."
        )
    made.account = _own_account(made, account)
    made.second_account = other_account
    return made


def named(cloud: str | None) -> str:
    """Which cloud `connect` goes to where it is given that, by its one name: a URL ends without a /."""
    return (cloud or os.environ.get("DRYDOCK_CLOUD") or "embedded").rstrip("/")


def _check_account_id(account: object) -> None:
    if not isinstance(account, str) or not re.fullmatch(r"\d{12}", account):
        raise CloudRefused(f"account={account!r} is not an account id: give its 12 digits as a string, zeros included.")


def _aws(region: str, account: str | None, budget_usd: float, estimate: float) -> Cloud:
    if account is None:
        raise CloudRefused(
            "cloud='aws' is a real account. Name it: connect('aws', account='<its 12 digits>', budget_usd=…)."
        )
    cloud = Cloud("aws", account, region, None, _patient_session(region), budget_usd=budget_usd)
    cloud.afford(estimate, "What you are about to create")
    cloud.client("ecs")
    answered = _caller(cloud)
    if answered != account:
        raise CloudRefused(
            f"You named account {account}, and STS answers {answered}. Nothing was created. "
            f"Check AWS_PROFILE and the credentials that boto3 finds, or the account you named."
        )
    return cloud


def _patient_session(region: str) -> Any:
    """The ordinary session, which asks up to ten times what AWS throttles, where the user has not said how often."""
    core = botocore.session.Session()
    for name, value in (("retry_mode", "standard"), ("max_attempts", 10)):
        known = core.session_var_map[name]
        core.session_var_map[name] = (*known[:2], value, known[3])
    return boto3.Session(region_name=region, botocore_session=core)


def _embedded(region: str, name: str, profile: str | None) -> Cloud:
    from drydock import embedded

    found = embedded.find(name)
    if found is None:
        found = embedded.start(name, idle_exit=IDLE_EXIT, profile=profile)
    instance = embedded.fitting(found, profile)
    if access_key() is not None and not instance.signed:
        raise CloudRefused(
            f"{ACCESS_KEY} is set, and the embedded AWS {name!r} was started without it and checks no signatures. "
            f"To change that: drydock down --name {name}, then ask again; what it holds stays."
        )
    made = _local("embedded", instance.endpoint, region, instance=name, speed=instance.speed)
    made.profile = instance.profile
    return made


def _localstack(region: str) -> Cloud:
    try:
        from localstack_client.config import get_service_endpoint
    except ImportError as missing:
        raise CloudUnreachable("cloud='localstack' needs the package localstack-client.") from missing
    return _local("localstack", get_service_endpoint("sts"), region)


def _at(url: str, region: str, account: str | None) -> Cloud:
    host = urlsplit(url).hostname or ""
    if host.endswith(_AWS_NAMES):
        raise CloudRefused(f"{url} is AWS itself. Use cloud='aws' with account and budget_usd.")
    if not _on_loopback(host) and account is None:
        raise CloudRefused(
            f"{url} is not on this machine. Say whose account it is: "
            f"connect({url!r}, account='<12 digits>'). Dummy credentials are used either way."
        )
    return _local(url, url, region)


def _local(name: str, endpoint: str, region: str, *, instance: str = "", speed: float = 1.0) -> Cloud:
    return Cloud(
        name,
        "",
        region,
        endpoint,
        _dummy_session(region, None if instance == "" else speed),
        instance=instance,
        speed=speed,
        _config=botocore.config.Config(
            inject_host_prefix=False,  # discover_instances would go to data-127.0.0.1
            proxies={},
            connect_timeout=5,
            read_timeout=60,
            retries={"mode": "standard", "max_attempts": 3},
            max_pool_connections=50,
            use_fips_endpoint=False,
            use_dualstack_endpoint=False,
        ),
        _verify=False,
    )


def _dummy_session(region: str, speed: float | None) -> Any:
    core = deaf_session()
    core.register_component("data_loader", _LocalWaiters(speed))
    key, secret = ("test", "test") if speed is None else access_key() or ("test", "test")
    return boto3.Session(aws_access_key_id=key, aws_secret_access_key=secret, region_name=region, botocore_session=core)


class _LocalWaiters(botocore.loaders.Loader):  # type: ignore[misc]
    """boto3's waiters on a local cloud: they look ten times a second at the embedded one, where a look costs a
    millisecond, and once a second at others.

    The whole wait keeps the cloud's time, but is never cut below a minute of ours: real work does not run faster.
    """

    def __init__(self, speed: float | None) -> None:
        super().__init__(extra_search_paths=[self.BUILTIN_DATA_PATH], include_default_search_paths=False)
        self._speed = speed

    def load_service_model(self, service_name: str, type_name: str, api_version: str | None = None) -> Any:
        model = super().load_service_model(service_name, type_name, api_version)
        if type_name != "waiters-2":
            return model
        return {**model, "waiters": {name: self._local(waiter) for name, waiter in model["waiters"].items()}}

    def _local(self, waiter: dict[str, Any]) -> dict[str, Any]:
        whole = max(60.0, waiter["delay"] * waiter["maxAttempts"] / (self._speed or 1.0))
        delay = min(0.1 if self._speed else 1.0, waiter["delay"])
        return {**waiter, "delay": delay, "maxAttempts": int(whole / delay)}


def _own_account(cloud: Cloud, account: str | None) -> str:
    answered = _caller(cloud)
    if account is not None:
        expected = {account}
    elif cloud.name in ("embedded", "localstack"):
        expected = {LOCAL_ACCOUNT}
    else:
        expected = {LOCAL_ACCOUNT, MOTO_ACCOUNT}
    if answered not in expected:
        raise CloudRefused(
            f"{cloud.endpoint} should be a local cloud with account {' or '.join(sorted(expected))}, and its "
            f"STS answers {answered}. Nothing was created. If this is meant, name that account."
        )
    return answered


def _caller(cloud: Cloud) -> str:
    try:
        cloud.session.get_partition_for_region(cloud.region)
        return str(cloud.client("sts").get_caller_identity()["Account"])
    except botocore.exceptions.NoCredentialsError as error:
        raise CloudRefused("boto3 finds no AWS credentials. Sign in first, as with `aws sso login`.") from error
    except botocore.exceptions.ClientError as error:
        raise CloudRefused(f"STS at {cloud.endpoint or 'AWS'} does not say whose account it is: {error}") from error
    except (botocore.exceptions.InvalidRegionError, botocore.exceptions.UnknownRegionError) as error:
        raise CloudRefused(f"{cloud.region!r} is not the name of a region, such as us-east-1.") from error
    except (botocore.exceptions.BotoCoreError, OSError) as error:
        raise CloudUnreachable(
            f"Nothing answers as STS at {cloud.endpoint or 'AWS'}: {error}. Is it started?"
        ) from error


def _address_seen_by_aws() -> str:
    try:
        with urllib.request.urlopen(WHO_ASKS, timeout=10) as answer:
            return str(answer.read(64).decode().strip())
    except (OSError, ValueError) as error:
        raise CloudRefused(
            f"{WHO_ASKS} does not say from which address you call ({error}): give it, my_address='203.0.113.7'."
        ) from error


def _place(endpoint: str) -> str:
    host = urlsplit(endpoint).hostname or ""
    return "AWS" if host.endswith(_AWS_NAMES) else urlsplit(endpoint).netloc


def _on_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in _LOOPBACK_NAMES
