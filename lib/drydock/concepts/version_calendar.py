"""What version-calendar draws, asks and shows: the supports of EKS's versions, and what staying on one costs."""

from __future__ import annotations

from datetime import date, timedelta

from drydock.concepts import checks
from drydock.concepts.drawing import LAYOUT, line
from drydock.concepts.predict import Question
from drydock.figures import Figure
from drydock.figures.figure import COLOURS
from drydock.policy import eks_versions
from drydock.policy.eks_versions import CALENDAR, Status, Stay, SupportType, Version
from drydock.pricing import MONTH_HOURS, PRICES

STANDARD, EXTENDED = PRICES["eks control plane"].usd, PRICES["eks control plane, extended support"].usd
NAMES = tuple(str(one) for one in CALENDAR)
POLICIES = tuple(SupportType)
WORDS = {Status.STANDARD: "standard", Status.EXTENDED: "extended", Status.UNSUPPORTED: "not supported"}


def day(today: str, days: int = 0) -> date:
    """`today` ("2026-11-21") and so many days later. Raises ValueError where it is no date."""
    checks.whole("days", days, 0, 1500)
    try:
        return date.fromisoformat(today) + timedelta(days=days)
    except (TypeError, ValueError):
        raise ValueError(f'today is a date such as "2026-11-21", not {today!r}.') from None


def course(today: str, version: str, support: str, months: int) -> list[Stay]:
    """What becomes of a cluster that nobody upgrades, in so many months of 730 h. Raises ValueError, LookupError."""
    checks.one_of("support", support, POLICIES)
    checks.whole("months", months, 1, 48)
    start = day(today)
    return eks_versions.course(version, start, start + _months(months), SupportType(support))


def question(today: str, version: str, months: int) -> Question:
    """How many times the fee of standard support a cluster on the version after `version` costs, with EXTENDED."""
    later = eks_versions.path(version, NAMES[-1])
    if not later:
        raise ValueError(f"The calendar ends with {version}: choose an older version.")
    stays = course(today, later[0], SupportType.EXTENDED, months)
    ours, standard = _fee(stays), sum(stay.hours for stay in stays) * STANDARD
    return Question(
        f"It is {day(today)}. A cluster runs {later[0]}; its upgradePolicy is EXTENDED, and nobody upgrades it. How "
        f"many times the fee of a cluster in standard support does it cost in the next {months} months? An answer "
        "within 10 % counts.",
        ours / standard,
        f"{_told(stays)}: USD {ours:,.2f} instead of {standard:,.2f}.",
        within=0.10,
    )


def calendar(version: str, today: str, days: int, clusters: int) -> Figure:
    """The supports of all versions as bars, and the day that is looked at. Raises ValueError, LookupError."""
    looked = day(today, days)
    chosen = eks_versions.version(version)
    checks.whole("clusters", clusters, 1)
    if looked < chosen.begins:
        raise ValueError(f"EKS has {chosen} from {chosen.begins} on, and not on {looked}.")
    status = chosen.status(looked)
    fee = {Status.STANDARD: STANDARD, Status.EXTENDED: EXTENDED}.get(status)
    cost = f"USD {clusters * fee * MONTH_HOURS:,.2f} in {MONTH_HOURS} h" if fee else "it cannot be run any more"
    return Figure(
        f"{looked}: {chosen} is in {WORDS[status]} support; control planes: {clusters}, {cost}"
        if fee
        else f"{looked}: {chosen} is not supported, {cost}",
        ("Version", "Released on EKS", "Standard until", "Extended until", f"On {looked}", "Days left of it", ""),
        [
            (
                str(one),
                one.released or "no dated source",
                one.standard_until,
                one.extended_until,
                _told_of(one, looked),
                _left(one, looked),
                "← chosen" if one == chosen else "",
            )
            for one in CALENDAR
        ],
        [
            {
                "type": "bar",
                "orientation": "h",
                "name": name,
                "y": list(NAMES),
                "base": [str(start) for start, _ in spans],
                "x": [(end - start).days * 86_400_000 for start, end in spans],
                "marker": {"color": colour},
                "hovertemplate": "%{y}: until %{x}",
            }
            for name, spans, colour in (
                ("standard support", [(one.begins, one.standard_until) for one in CALENDAR], COLOURS[0]),
                ("extended support", [(one.standard_until, one.extended_until) for one in CALENDAR], COLOURS[1]),
            )
        ],
        {
            "barmode": "overlay",
            "xaxis": {"title": {"text": "date"}, "type": "date"},
            "yaxis": {"title": {"text": "version"}, "type": "category"},
            "shapes": [
                {"type": "line", "x0": str(looked), "x1": str(looked), "yref": "paper", "y0": 0, "y1": 1,
                 "line": {"color": COLOURS[5], "width": 2}}
            ],
            **LAYOUT,
        },
    )  # fmt: skip


def stays(today: str, version: str, support: str, months: int, clusters: int) -> Figure:
    """Where nobody upgrades: what EKS does to the clusters when, and what each time costs."""
    found = course(today, version, support, months)
    rows = [
        (
            str(stay.start),
            str(stay.end),
            str(stay.version or "a newer one"),
            WORDS[stay.status],
            f"{clusters * _fee([stay]):,.2f}",
        )
        for stay in found
    ]
    return Figure(
        f"On {version} with {support}, {months} months, clusters: {clusters}. USD {clusters * _fee(found):,.2f}",
        ("From", "To", "Version", "Support", "USD"),
        rows,
    )


def strategies(today: str, version: str, months: int, clusters: int) -> Figure:
    """The fee, month by month, of leaving it alone with either policy and of upgrading today."""
    kept = {
        "EXTENDED, nobody upgrades": course(today, version, SupportType.EXTENDED, months),
        "STANDARD, EKS upgrades": course(today, version, SupportType.STANDARD, months),
    }
    sums = {
        name: [_until(found, day(today) + _months(month)) for month in range(months + 1)]
        for name, found in kept.items()
    }
    return Figure(
        f"Fees of {clusters} control planes from {today} on, first on {version}",
        ("Way", f"USD after {months} months", "Upgrades", "The last one on"),
        [
            (
                name,
                f"{clusters * sums[name][-1]:,.2f}",
                number := _upgrades(version, found),
                str(next(stay.start for stay in found if stay.version == found[-1].version)) if number else "",
            )
            for name, found in kept.items()
        ],
        [
            line(name, range(months + 1), [round(clusters * value, 2) for value in values], colour=colour, dash=dash)
            for (name, values), colour, dash in zip(sums.items(), COLOURS[:2], ("solid", "dash"), strict=True)
        ],
        {
            "xaxis": {"title": {"text": f"months of {MONTH_HOURS} h"}},
            "yaxis": {"title": {"text": "USD so far"}, "rangemode": "tozero"},
            **LAYOUT,
        },
    )


def upgrade(version: str, target: str) -> Figure:
    """The upgrades from one version to another; each is a step of its own. Raises LookupError, ValueError."""
    steps = eks_versions.path(version, target)
    return Figure(
        f"From {version} to {target}: upgrades, one after the other: {len(steps)}",
        ("Step", "Control plane to", "Before it", "After it"),
        [
            (
                number,
                step,
                "upgrade insights, removed APIs, add-on versions that both versions have",
                "nodes (kubelet may be three minor versions behind, no more), kube-proxy, CoreDNS, VPC CNI",
            )
            for number, step in enumerate(steps, 1)
        ],
    )


def module_names() -> Figure:
    """What the inputs of the Terraform module are called that guide B uses, and what they are called now."""
    return Figure(
        "terraform-aws-modules/eks: version 19, as guide B has it, and version 21",
        ("Version 19", "Version 21"),
        [
            ("cluster_name", "name"),
            ("cluster_version", "kubernetes_version"),
            ("cluster_addons", "addons"),
            ("cluster_endpoint_public_access", "endpoint_public_access"),
            ("manage_aws_auth_configmap, aws_auth_roles, aws_auth_users", "access_entries"),
        ],
    )


def _upgrades(version: str, found: list[Stay]) -> int:
    """By one minor version each, to the last of these stays."""
    last = found[-1].version
    return (last.minor if last else CALENDAR[-1].minor + 1) - eks_versions.version(version).minor


def _told_of(one: Version, looked: date) -> str:
    return WORDS[one.status(looked)] if one.begins <= looked else "not yet there"


def _left(one: Version, looked: date) -> str:
    status = one.status(looked)
    end = one.standard_until if status is Status.STANDARD else one.extended_until
    return "" if status is Status.UNSUPPORTED or looked < one.begins else str((end - looked).days)


def _fee(found: list[Stay]) -> float:
    return eks_versions.fee(found, standard=STANDARD, extended=EXTENDED)


def _until(found: list[Stay], end: date) -> float:
    """The fee of what of these stays is before `end`."""
    cut = [Stay(one.version, one.start, min(one.end, end), one.status) for one in found if one.start < end]
    return _fee(cut)


def _months(months: int) -> timedelta:
    return timedelta(days=round(months * MONTH_HOURS / 24))


def _told(found: list[Stay]) -> str:
    return ", ".join(f"{stay.hours // 24} days of {WORDS[stay.status]} support" for stay in found)
