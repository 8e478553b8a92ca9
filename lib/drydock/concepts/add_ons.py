"""What add-ons draws and asks: versions that belong together, the updates of an upgrade, and changed fields."""

from __future__ import annotations

from drydock.concepts import checks
from drydock.concepts.drawing import LAYOUT, line, marks, names
from drydock.concepts.predict import Question
from drydock.figures import Figure
from drydock.figures.figure import COLOURS
from drydock.policy import add_ons
from drydock.policy.add_ons import LATEST, LATEST_2025, MODES, plan, resolved, skew
from drydock.pricing import MONTH_HOURS, PRICES

OLDEST, NEWEST = 28, 37
"""Minor versions of Kubernetes that sliders go through."""
FIELDS = {"replicaCount of coredns": ("4", "2"), "tolerations of coredns": (None, "those of EKS")}
"""A field, what somebody has set it to (None: nobody has), and EKS's default. Made up."""


def question(api_server: int, kubelet: int, kube_proxy: int) -> Question:
    """Whether these minor versions are supported together. Raises ValueError."""
    wrong = apart(api_server, kubelet, kube_proxy)
    return Question(
        f"A control plane is upgraded to 1.{api_server}. The kubelets of its nodes are 1.{kubelet}. The kube-proxy "
        f"add-on has been left at 1.{kube_proxy}. Is that still supported?",
        "no" if wrong else "yes",
        "; ".join(wrong) + "." if wrong else "Kubelet and kube-proxy may both be up to three minor versions behind.",
        choices=("yes", "no"),
    )


def apart(api_server: int, kubelet: int, kube_proxy: int) -> list[str]:
    """What is wrong with these minor versions together. Raises ValueError."""
    for name, value in (("api_server", api_server), ("kubelet", kubelet), ("kube_proxy", kube_proxy)):
        checks.whole(name, value, 0, 99)
    return skew(api_server, kubelet, kube_proxy)


def together(api_server: int, kubelet: int, kube_proxy: int) -> Figure:
    """Three minor versions, and the range in which the two on the nodes may be. Raises ValueError."""
    wrong = apart(api_server, kubelet, kube_proxy)
    minors = range(max(0, api_server - 9), api_server + 4)
    allowed = {
        "kubelet": [minor for minor in minors if not skew(api_server, minor, minor)],
        "kube-proxy": [minor for minor in minors if not skew(api_server, kubelet, minor)],
    }
    there = {"API server": api_server, "kubelet": kubelet, "kube-proxy": kube_proxy}
    shown = [*there.values(), *(minor for each in allowed.values() for minor in each)]
    supported = "not supported" if wrong else "supported"
    return Figure(
        f"1.{api_server}, kubelet 1.{kubelet}, kube-proxy 1.{kube_proxy}: {supported}",
        ("Component", "Version", "May be", "Wrong"),
        [
            ("API server", f"1.{api_server}", "", ""),
            *(
                (
                    name,
                    f"1.{there[name]}",
                    f"1.{minors[0]} to 1.{minors[-1]}" if minors else "nothing, beside this kubelet",
                    "; ".join(one for one in wrong if one.startswith(name)),
                )
                for name, minors in allowed.items()
            ),
        ],
        [
            line(
                "may be",
                [x for minors in allowed.values() for x in ([minors[0], minors[-1], None] if minors else [None])],
                [y for name, minors in allowed.items() for y in ([name, name, None] if minors else [None])],
                colour=COLOURS[2],
                width=14,
                opacity=0.5,
            ),
            marks("is", ((minor, name) for name, minor in there.items()), symbol="diamond", colour=COLOURS[0]),
        ],
        {
            **LAYOUT,
            "height": 320,
            "xaxis": {
                "title": {"text": "minor version of Kubernetes, 1.x"},
                "dtick": 1,
                "range": [min(shown) - 0.5, max(shown) + 0.5],
            },
            "yaxis": names("component", reversed(there)),
        },
    )


def latest() -> Figure:
    """The latest version of each add-on by version of Kubernetes, as two editions of the user guide have them."""
    tables = {
        f"{name}, {when}": versions
        for name in LATEST
        for when, table in (("December 2024", LATEST), ("late 2025", LATEST_2025))
        if (versions := table.get(name))
    }
    assert all(add_ons.version(one) for versions in tables.values() for one in versions.values())
    minors = sorted({minor for versions in tables.values() for minor in versions})
    return Figure(
        "The latest version of an add-on, by version of Kubernetes",
        ("Kubernetes", *tables),
        [(minor, *(versions.get(minor, "") for versions in tables.values())) for minor in minors],
    )


def updates(now: str, wanted: str) -> Figure:
    """The updates from one version of Kubernetes to another, in order. Raises ValueError."""
    found = _planned(now, wanted)
    return Figure(
        f"From {now} to {wanted}: {len(found)} updates",
        ("", "Kubernetes", "What", "To"),
        [(number, one.kubernetes, one.what, one.to) for number, one in enumerate(found, 1)],
    )


def _planned(now: str, wanted: str) -> list[add_ons.Step]:
    known = tuple(LATEST_2025["kube-proxy"])
    checks.one_of("now", now, known)
    checks.one_of("wanted", wanted, known)
    return plan(now, wanted, LATEST_2025)


def work(now: str, wanted: str, clusters: int) -> Figure:
    """Updates of a fleet by kind, and what waiting costs. Raises ValueError."""
    checks.whole("clusters", clusters, 1)
    found = _planned(now, wanted)
    kinds = {name: sum(one.what == name for one in found) for name in ("control plane", *LATEST_2025, "nodes")}
    extra = PRICES["eks control plane, extended support"].usd - PRICES["eks control plane"].usd
    return Figure(
        f"{clusters} clusters from {now} to {wanted}",
        ("What", "Number"),
        [
            *((f"updates of {name}", count * clusters) for name, count in kinds.items()),
            ("updates in all", len(found) * clusters),
            ("a month of extended support beyond standard, USD", f"{clusters * extra * MONTH_HOURS:,.2f}"),
        ],
    )


def conflicts() -> Figure:
    """What becomes of changed fields, by resolveConflicts."""
    rows = []
    for update in (False, True):
        for mode in MODES:
            for name, (mine, default) in FIELDS.items():
                value, fails = resolved(mine, default, mode, update=update)
                how = "UpdateAddon" if update else "CreateAddon, over one that was there"
                rows.append((how, mode, name, mine or "nobody", value, "may fail" if fails else ""))
    return Figure(
        "resolveConflicts", ("Operation", "Mode", "Field", "Set by somebody", "Afterwards", "The operation"), rows
    )


def refused(texts: list[str]) -> Figure:
    """What is said of versions that are none. Raises AssertionError if one of them is one."""
    rows = []
    for text in texts:
        try:
            add_ons.version(text)
        except ValueError as error:
            rows.append((text, str(error)))
        else:
            raise AssertionError(f"{text} is a version of an add-on")
    return Figure("Versions as guide A has them", ("Version", "What is wrong"), rows)
