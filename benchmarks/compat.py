"""Which step of which lab passes where: the embedded AWS, a plain moto server, ministack: `make compat`.

    python benchmarks/compat.py [--labs 01-repositories,03-cluster] [--limit 300] [--environments DIR]

Every lab runs by `drydock lab run --keep-going --cloud URL` against a peer that was just started, so that what
one leaves behind is not in the way of the next. The table is written to docs/compat.md.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from drydock.labs import catalogue

sys.path.insert(0, str(Path(__file__).parent))
import peers
from peers import Engine, NoEngine, Peer

HERE = Path(__file__).resolve().parent
TABLE = HERE.parent / "docs" / "compat.md"
SIGNS = {"passed": "passed", "not passed": "**not passed**", "not reached": "not reached"}
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


@dataclass
class Result:
    """One lab on one peer: the state of every step, and the first cell that failed."""

    states: dict[str, str] = field(default_factory=dict)
    error: str = ""


def run_lab(lab: str, cloud: str | None, out: Path, limit: float) -> Result:
    """Run it, for at most `limit` seconds."""
    out.mkdir(parents=True)
    command = [str(Path(sys.executable).parent / "drydock"), "lab", "run", lab, "--keep-going", "--out", str(out)]
    environment = peers.clean_environment(out) | {
        "PYTHONPATH": str(HERE / "loopback"),
        "DRYDOCK_HOME": str(out / "home"),
        "DRYDOCK_LABS": str(catalogue.directory()),
    }
    with (out / "log").open("wb") as log:
        process = subprocess.Popen(
            command + (["--cloud", cloud] if cloud else []),
            cwd=HERE.parent,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    peers.STARTED.append(process)
    late = ""
    try:
        process.wait(limit)
    except subprocess.TimeoutExpired:
        late = f"stopped after {limit:.0f} s"
    finally:
        peers.end(process, limit=30)  # it notes the steps before it ends
    states = out / f"{lab}.json"
    error = "; ".join(text for text in (first_error(out / f"{lab}.ipynb"), late) if text)
    if not states.exists():
        said = (out / "log").read_text(errors="replace").strip().splitlines()
        error = error or (said[-1] if said else "it left no result")
    return Result(json.loads(states.read_text()) if states.exists() else {}, tidy(error, cloud, out))


def first_error(notebook: Path) -> str:
    """The first line of the first error among a notebook's outputs."""
    if not notebook.exists():
        return ""
    for cell in json.loads(notebook.read_text())["cells"]:
        for output in cell.get("outputs", ()):
            if output["output_type"] == "error":
                value = _ANSI.sub("", output["evalue"]).strip().splitlines()
                return f"{output['ename']}: {value[0] if value else ''}"
    return ""


def tidy(text: str, cloud: str | None, out: Path) -> str:
    """Without what differs from run to run or from machine to machine."""
    for place in (cloud, cloud.removeprefix("http://") if cloud else None):
        text = text.replace(place, "the peer") if place else text
    text = text.replace(str(out), "").replace(str(HERE.parent), "").replace("|", "/").replace("\n", " ")
    return text if len(text) <= 220 else text[:219] + "…"


def compare(
    labs: list[str], limit: float, folder: Path, everyone: list[Peer], versions: dict[str, str]
) -> dict[str, dict[str, Result]]:
    """{lab: {peer: result}}; notes in `versions` which engine ministack had."""
    results: dict[str, dict[str, Result]] = {lab: {} for lab in labs}
    with contextlib.ExitStack() as stack:
        engine = _engine(stack, folder)
        versions["ministack"] += f" with podman {engine.version}" if engine else " without an engine"
        for lab in labs:
            with ThreadPoolExecutor(len(everyone)) as pool:  # they mostly wait
                one = functools.partial(_compare_one, lab, limit, folder, engine)
                results[lab] = dict(zip([peer.name for peer in everyone], pool.map(one, everyone), strict=True))
            if engine:
                engine.clear()
    return results


def _compare_one(lab: str, limit: float, folder: Path, engine: Engine | None, peer: Peer) -> Result:
    out = folder / f"{lab}-{peer.name}"
    if peer.name == "embedded":
        result = run_lab(lab, None, out, limit)
    else:
        its = engine if peer.name == "ministack" else None
        extra, port = ({"DOCKER_HOST": its.url}, its.registry) if its else ({}, None)
        with peer.running(folder / f"{lab}-{peer.name}-peer", extra, port) as server:
            result = run_lab(lab, server.url, out, limit)
    passed = sum(state == "passed" for state in result.states.values())
    print(f"{lab} {peer.name}: {passed}/{len(result.states)} {result.error}", file=sys.stderr, flush=True)
    shutil.rmtree(out, ignore_errors=True)
    return result


def _engine(stack: contextlib.ExitStack, folder: Path) -> Engine | None:
    try:
        return stack.enter_context(peers.engine(folder / "engine"))
    except NoEngine as reason:
        print(f"ministack runs without an engine: {reason}", file=sys.stderr)
        return None


def page(results: dict[str, dict[str, Result]], versions: dict[str, str]) -> Iterator[str]:
    """docs/compat.md, line by line."""
    names = list(versions)
    yield "# Which step passes where"
    yield ""
    yield (
        "Generated by `make compat`. Every lab was run headless, exercises solved, against a peer that was just "
        "started; after a step that failed the next ones were still tried. The labs reach a peer by boto3 alone, "
        "through `connect(URL)`; names of other machines, such as a registry's at amazonaws.com, are not looked up. "
        "A step passes when its check does; what failed first is the first cell that raised, which may stand "
        "between two."
    )
    yield ""
    yield f"{datetime.now(UTC).date()}. " + "; ".join(f"{name} {version}" for name, version in versions.items()) + "."
    yield ""
    yield "| Lab | " + " | ".join(names) + " |"
    yield "|---|" + "---:|" * len(names)
    for lab, by_peer in results.items():
        cells = [_count(by_peer[name], len(_steps(by_peer))) for name in names]
        yield f"| {lab} | " + " | ".join(cells) + " |"
    for lab, by_peer in results.items():
        yield ""
        yield f"## {lab}"
        yield ""
        yield "| Step | " + " | ".join(names) + " |"
        yield "|---|" + "---|" * len(names)
        for step in _steps(by_peer):
            states = [by_peer[name].states.get(step, "not reached") for name in names]
            yield f"| {step} | " + " | ".join(SIGNS[state] for state in states) + " |"
        errors = [f"- {name}: {by_peer[name].error}" for name in names if by_peer[name].error]
        if errors:
            yield ""
            yield "What failed first:"
            yield ""
            yield from errors


def _steps(by_peer: dict[str, Result]) -> list[str]:
    return list(max((result.states for result in by_peer.values()), key=len))


def _count(result: Result, steps: int) -> str:
    return f"{sum(state == 'passed' for state in result.states.values())} of {steps}"


def main() -> None:
    peers.end_tidily()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labs", help="some of them, separated by commas")
    parser.add_argument("--limit", type=float, default=300.0, help="seconds for one lab on one peer")
    parser.add_argument("--out", type=Path, default=TABLE)
    parser.add_argument("--environments", type=Path, help="keep the peers' environments in this folder")
    options = parser.parse_args()
    labs = [catalogue.full_name(name) for name in options.labs.split(",")] if options.labs else catalogue.names()
    everyone = peers.all_peers()
    with tempfile.TemporaryDirectory(prefix="dd-", ignore_cleanup_errors=True) as scratch:
        environments = (options.environments or Path(scratch) / "environments").resolve()
        for peer in everyone:
            peer.install(environments)
        versions = {peer.name: peer.version for peer in everyone}
        results = compare(labs, options.limit, Path(scratch), everyone, versions)
    options.out.write_text("\n".join(page(results, versions)) + "\n")
    print(f"{os.path.relpath(options.out)} written")


if __name__ == "__main__":
    main()
