"""What gitops-drift draws, asks and does: a real Git repository, a cluster that is a dictionary, and a loop."""

from __future__ import annotations

import copy
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from drydock.concepts import checks
from drydock.concepts.catalogue import fixture
from drydock.concepts.drawing import LAYOUT, marks, names
from drydock.concepts.predict import Question
from drydock.figures import Figure
from drydock.figures.figure import COLOURS
from drydock.policy import reconciling
from drydock.policy.gitops import COMMIT, EDIT, Apply, Event, applies, live_after

UNTIL = 30
MANIFEST = "k8s/production/deployment.yaml"
Cluster = dict[str, dict[str, Any]]
"""Objects by "Kind/name", as the API server would have them."""


def stands(edit_minute: int, source_minutes: int, apply_minutes: int) -> float:
    """Minutes that an edit by hand stands where nobody commits. Raises ValueError."""
    _check(source_minutes, apply_minutes, edit_minute, 0)
    event = Event(edit_minute, EDIT)
    return live_after(event, [event], source=source_minutes, interval=apply_minutes)


def question(source: int, interval: int, edit: int) -> Question:
    """When an edit is taken back that nobody commits. All in minutes; raises ValueError."""
    minutes = stands(edit, source, interval)
    return Question(
        f"Flux looks at Git every {source} minutes, and its Kustomization has an interval of {interval} minutes. Both "
        f"have just run. {edit} minutes later somebody scales the Deployment with kubectl. Nobody commits anything. "
        "How many minutes does the change by hand last?",
        minutes,
        f"To look at Git finds no new revision, so nothing is applied by it. The Kustomization applies again at minute "
        f"{edit + minutes:g}, which is {minutes:g} minutes later.",
    )


def _check(source: int, interval: int, edit: int, commit: int) -> None:
    checks.whole("source_minutes", source, 0, 60)
    checks.whole("apply_minutes", interval, 1, 120)
    checks.whole("edit_minute", edit, 0, UNTIL)
    checks.whole("commit_minute", commit, 0, UNTIL)


def timeline(source_minutes: int, apply_minutes: int, edit_minute: int, commit_minute: int) -> Figure:
    """Half an hour: a commit, an edit by hand, and when each meets the cluster. Raises ValueError.

    source_minutes  0 is a webhook: a commit is seen at once.
    """
    _check(source_minutes, apply_minutes, edit_minute, commit_minute)
    commit, edit = Event(commit_minute, COMMIT), Event(edit_minute, EDIT)
    events = [commit, edit]
    clocks = {"source": source_minutes, "interval": apply_minutes}
    live = {one.kind: live_after(one, events, **clocks) for one in events}
    assert live[COMMIT] <= source_minutes and live[EDIT] <= apply_minutes
    done = applies(events, **clocks, until=UNTIL)
    polls = list(range(0, UNTIL + 1, source_minutes)) if source_minutes else [commit_minute]
    rows = [(f"{one.at:g}", _what(one)) for one in done]
    data = [
        _strokes("Git is looked at", polls, COLOURS[7]),
        _strokes("manifests are applied", [one.at for one in done], COLOURS[0]),
        *(_wait(one, live[one.kind]) for one in events),
    ]
    by = f"every {source_minutes} min" if source_minutes else "by webhook"
    return Figure(
        f"Git {by}, applied every {apply_minutes} min: commit live after {live[COMMIT]:g}, edit gone after "
        f"{live[EDIT]:g} min",
        ("Minute", "What is applied"),
        rows,
        data,
        {
            **LAYOUT,
            "xaxis": {"title": {"text": "minutes"}, "range": [-1, UNTIL + 1]},
            "yaxis": names(
                "what happens", ("manifests are applied", "Git is looked at", "edit stands", "commit waits")
            ),
        },
    )


def _what(one: Apply) -> str:
    parts = [*(["the new revision"] if one.new else []), *(["the edit is taken back"] if one.mended else [])]
    return ", ".join(parts) or "the same again, nothing differs"


def _strokes(name: str, at: Iterable[float], colour: str) -> dict[str, Any]:
    return marks(name, ((one, name) for one in at), symbol="line-ns-open", colour=colour)


def _wait(event: Event, minutes: float) -> dict[str, Any]:
    name, colour = ("commit waits", COLOURS[2]) if event.kind == COMMIT else ("edit stands", COLOURS[5])
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": name,
        "x": [event.at, event.at + minutes],
        "y": [name, name],
        "line": {"color": colour, "width": 8},
    }


class Repository:
    """A Git repository in a folder: real, with commits whose hashes are the same each time."""

    def __init__(self, folder: Path) -> None:
        if shutil.which("git") is None:
            raise FileNotFoundError("This notebook needs the program `git`, and it is not on the PATH.")
        self.folder = folder
        self._commits = 0
        self._git("init", "--quiet", "--initial-branch=main")

    def commit(self, message: str, **files: str | None) -> str:
        """Write `files` (None: remove) under k8s/production, commit, and return the short hash."""
        for name, text in files.items():
            path = self.folder / f"k8s/production/{name}.yaml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink() if text is None else path.write_text(text)
        self._git("add", "--all")
        self._commits += 1
        self._git("commit", "--quiet", "--message", message)
        return self.head()

    def head(self) -> str:
        return self._git("rev-parse", "--short=7", "HEAD").strip()

    def manifests(self) -> Cluster:
        """What is in the last commit, as Git has it and not the folder."""
        import yaml

        names = self._git("ls-tree", "-r", "--name-only", "HEAD").splitlines()
        found = [yaml.safe_load(self._git("show", f"HEAD:{name}")) for name in names]
        return {f"{one['kind']}/{one['metadata']['name']}": one for one in found}

    def _git(self, *arguments: str) -> str:
        who = {f"GIT_{one}_{part}": value for one in ("AUTHOR", "COMMITTER") for part, value in self._who()}
        run = subprocess.run(
            ["git", *arguments],
            cwd=self.folder,
            env={
                "PATH": os.environ.get("PATH", ""),
                "GIT_CONFIG_GLOBAL": os.devnull,
                "GIT_CONFIG_NOSYSTEM": "1",
                **who,
            },
            check=True,
            capture_output=True,
            text=True,
        )
        return run.stdout

    def _who(self) -> Iterator[tuple[str, str]]:
        yield from (
            ("NAME", "Kim"),
            ("EMAIL", "kim@example.com"),
            ("DATE", f"2027-01-01T00:{self._commits:02}:00+0000"),
        )


def reconcile(cluster: Cluster, wanted: Cluster, *, prune: bool, before: Mapping[str, Any] | None = None) -> list[str]:
    """Bring the cluster to what is wanted, field by field, and say what was changed.

    What the manifests do not name is left alone. `before`: what was applied the time before; of that is removed with
    `prune` what is no longer wanted.
    """
    changed = []
    for name, manifest in wanted.items():
        now = cluster.get(name)
        if now is None:
            changed.append(f"{name} is made")
        else:
            changed += [f"{name} {path} back to {value}" for path, value in reconciling.drift(manifest, now)]
        cluster[name] = reconciling.merged(now or {}, copy.deepcopy(manifest))
    for name in set(before or ()) - set(wanted):
        if prune:
            del cluster[name]
        changed.append(f"{name} is removed" if prune else f"{name} is no longer in Git, and stays")
    return changed


def walk(*, prune: bool = True) -> Figure:
    """A commit, an edit, a field that Git does not name, and a manifest that is removed: each with a reconciliation."""
    manifest = fixture("gitops/deployment.yaml")
    cluster: Cluster = {}
    rows = []
    with TemporaryDirectory() as folder:
        repository = Repository(Path(folder))
        before: Cluster = {}

        def step(what: str) -> None:
            nonlocal before
            wanted = repository.manifests()
            changed = reconcile(cluster, wanted, prune=prune, before=before)
            before = wanted
            rows.append((what, repository.head(), "; ".join(changed) or "nothing", _replicas(cluster)))

        repository.commit("Three carts", deployment=manifest)
        step("the first commit")
        step("nothing happens")
        cluster["Deployment/cart"]["spec"]["replicas"] = 7
        step("somebody scales to 7")
        cluster["Deployment/cart"]["spec"]["revisionHistoryLimit"] = 2
        step("somebody sets a field that Git does not name")
        repository.commit("Five carts", deployment=manifest.replace("replicas: 3", "replicas: 5"))
        step("a commit with 5")
        repository.commit("Three again", deployment=manifest)
        step("that commit is taken back by another")
        repository.commit("No carts", deployment=None, namespace=_NAMESPACE)
        step("the manifest is removed, one of a Namespace added")
    assert ("Deployment/cart" in cluster) is not prune
    return Figure(
        f"A repository and a cluster, prune {'on' if prune else 'off'}",
        ("Before it", "HEAD", "Changed in the cluster", "Replicas, fields by hand"),
        rows,
    )


_NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n"


def _replicas(cluster: Cluster) -> str:
    spec = cluster.get("Deployment/cart", {}).get("spec")
    if spec is None:
        return "there is none"
    by_hand = f", revisionHistoryLimit {spec['revisionHistoryLimit']}" if "revisionHistoryLimit" in spec else ""
    return f"{spec['replicas']}{by_hand}"


def load(clusters: int, objects: int, source_minutes: int, apply_minutes: int) -> Figure:
    """How often a fleet asks Git, and its own API servers, in a day. Raises ValueError."""
    checks.whole("clusters", clusters, 1)
    checks.whole("objects", objects, 1)
    _check(source_minutes, apply_minutes, 0, 0)
    day = 24 * 60
    polls = f"{clusters * day // source_minutes:,}" if source_minutes else "one for each commit and cluster"
    return Figure(
        f"Clusters: {clusters}, each with {objects} objects from one repository",
        ("In a day", "Number"),
        [
            ("times that Git is asked", polls),
            ("objects applied in all clusters together", f"{clusters * objects * (day // apply_minutes):,}"),
            ("objects applied in each cluster", f"{objects * (day // apply_minutes):,}"),
            ("longest that an edit by hand stands", f"{apply_minutes} min"),
            ("longest that a commit waits", f"{source_minutes} min" if source_minutes else "as long as the webhook"),
        ],
    )


def tools() -> Figure:
    """What takes a change by hand back, by tool and setting."""
    return Figure(
        "Who takes a change by hand back, and when",
        ("Tool", "Setting", "A commit is seen", "A change by hand is taken back"),
        [
            ("Flux", "GitRepository 1 m, Kustomization 10 m", "within 1 min", "within 10 min"),
            ("Flux", "a Receiver (webhook) beside it", "at once", "within 10 min, as before"),
            (
                "Argo CD",
                "automated",
                "within 3 min: 120 s, and up to 60 s of jitter",
                "with the next commit; until then it is shown as OutOfSync",
            ),
            ("Argo CD", "automated, selfHeal", "within 3 min", "seconds after it; 5 s is the documented delay"),
        ],
    )
