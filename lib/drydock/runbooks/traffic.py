"""Requests through a service's load balancer while it is changed, and what came of them.

with Traffic(url, rps=5) as traffic:
    shown = run.apply(minutes=minutes)
run.verify({"requests were answered": lambda: traffic.answered(lost=0)}, minutes=minutes)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self

import urllib3

from drydock.load import TIMEOUT, Load, Report
from drydock.policy.traffic import handover
from drydock.resources.kind import every

SLICE = 0.1
"""Our seconds for which requests are counted together to see which version had taken over."""


class MoreThanItsShare(RuntimeError):
    """A version that was to have a part of the requests had more."""


class RequestsLost(RuntimeError):
    """More requests were answered with 5xx, or not at all, than may be."""


class Traffic:
    """Sends `rps` requests a second to `url` for the length of a `with`; without a url, or a rate, none.

    report  what came of them; None before the end, and where none was sent
    """

    def __init__(self, url: str, *, rps: float) -> None:
        self._load = Load(url, rps=rps) if url and rps else None
        self.report: Report | None = None

    def __enter__(self) -> Self:
        if self._load is not None:
            self._load.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._load is not None:
            self.report = self._load.stop()

    def answered(self, *, lost: float) -> bool:
        """True where at most `lost` percent of the requests failed; nothing was lost where none was sent.

        Raises RequestsLost otherwise: asking again would not bring them back.
        """
        report = self.report
        if report is None or 100 * report.failed <= lost * report.sent:
            return True
        share = 100 * report.failed / report.sent
        raise RequestsLost(f"{report.failed} of {report.sent} requests failed, {share:.2g} %: {_kinds(report)}")

    def shared(self, share: float) -> bool:
        """True where a version that took over has had no more than this share (0 to 1) while both of them answered.

        True as well where the answers name no version, or only one. Raises MoreThanItsShare otherwise.
        """
        met = handover([who for _, who in self._load.by_second(SLICE)]) if self._load is not None else None
        if met is None or met.within(share):
            return True
        raise MoreThanItsShare(f"{met.others} of {met.requests} requests went past {met.before}, not {share:.1%}")


def address(elbv2: Any, target_groups: Iterable[str]) -> str:
    """The URL of the first HTTP listener that forwards by default to one of these target groups; empty for none.

    A listener of HTTPS, or a rule of its own, is for names that only its owner knows.
    """
    for arn in target_groups:
        group = elbv2.describe_target_groups(TargetGroupArns=[arn])["TargetGroups"][0]
        for balancer in group["LoadBalancerArns"]:
            name = elbv2.describe_load_balancers(LoadBalancerArns=[balancer])["LoadBalancers"][0]["DNSName"]
            for listener in every(elbv2, "describe_listeners", "Listeners", LoadBalancerArn=balancer):
                if listener["Protocol"] == "HTTP" and arn in _forwarded(listener["DefaultActions"]):
                    return f"http://{name}/" if listener["Port"] == 80 else f"http://{name}:{listener['Port']}/"
    return ""


def draining(elbv2: Any, target_groups: Iterable[str], definition: Mapping[str, Any]) -> str:
    """How long a task that is replaced has for the requests that it has begun, in words."""
    key = "deregistration_delay.timeout_seconds"
    said = []
    for arn in target_groups:
        found = elbv2.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]
        delay = next((one["Value"] for one in found if one["Key"] == key), "300")
        said.append(f"{arn.split('/')[1]} takes a target out {delay} s before its task is told to stop.")
    for container in definition["containerDefinitions"]:
        seconds = container.get("stopTimeout") or 30
        said.append(f"{container['name']} has {seconds} s from SIGTERM to SIGKILL.")
    return "\n".join(said)


def fault(url: str) -> str:
    """Why requests to `url` would tell nothing about a service: nobody answers, or with 5xx. Empty where they would."""
    try:
        reply = urllib3.request("GET", url, redirect=False, retries=False, timeout=TIMEOUT)
    except urllib3.exceptions.HTTPError as error:
        return f"it does not answer: {error}"
    return f"it answers {reply.status}" if reply.status >= 500 else ""


def _forwarded(actions: Iterable[dict[str, Any]]) -> set[str]:
    several = {
        group["TargetGroupArn"] for one in actions for group in one.get("ForwardConfig", {}).get("TargetGroups", ())
    }
    return several | {one["TargetGroupArn"] for one in actions if "TargetGroupArn" in one}


def _kinds(report: Report) -> str:
    return ", ".join(f"{many} × {what}" for what, many in report.failures.items())
