"""The `drydock` command."""

from __future__ import annotations

import http.client
import importlib
import json
import math
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from drydock import embedded
from drydock.embedded.instance import directory_of, exists, pid_of
from drydock.user import home

if TYPE_CHECKING:
    from drydock.cloud import Cloud
    from drydock.labs.runner import Report

console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 200)
errors = Console(highlight=False, emoji=False, soft_wrap=True, stderr=True)


ELSEWHERE = {
    "image": "drydock.images.cli:app",
    "runbook": "drydock.commands.runbook:app",
    "concept": "drydock.commands.notebook:concept",
    "prep": "drydock.commands.notebook:prep",
    "drill": "drydock.commands.drill:app",
    "class": "drydock.commands.classroom:app",
    "spot": "drydock.commands.spot:app",
}
"""Groups of commands whose module is loaded when one of them is asked for."""


class _Command(typer.core.TyperGroup):
    """Errors that say what is wrong and what to do are shown without their traceback; ELSEWHERE loads when asked."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name in ELSEWHERE:
            module, _, group = ELSEWHERE[cmd_name].partition(":")
            command = typer.main.get_command(getattr(importlib.import_module(module), group))
            command.name = cmd_name
            return command
        return super().get_command(ctx, cmd_name)

    def list_commands(self, ctx: Any) -> list[str]:
        return [*super().list_commands(ctx), *ELSEWHERE]

    def invoke(self, ctx: Any) -> Any:
        from drydock.notebooks import scratch

        scratch.clear()
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            errors.print("\nStopped.")
            raise typer.Exit(128 + signal.SIGINT) from None
        except Exception as error:
            text = _told(error)
            if text is None:
                raise
            errors.print(f"[red]{type(error).__name__}:[/red] ", end="")
            errors.print(text, markup=False)
            raise typer.Exit(2) from None


app = typer.Typer(
    cls=_Command, help="A place to work on a container fleet where nothing can sink.", no_args_is_help=True
)
lab_app = typer.Typer(help="The labs: list, open your copies, run headless, progress.", no_args_is_help=True)
app.add_typer(lab_app, name="lab")


def _speed(value: float | None) -> float | None:
    if value is not None and not 0 < value < math.inf:
        raise typer.BadParameter(f"{value:g} is no speed: write a number above 0, such as 30")
    return value


Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
Name = Annotated[str, typer.Option(help="Which embedded AWS; several can run side by side.", envvar="DRYDOCK_INSTANCE")]


@app.command()
def up(
    name: Name = "default",
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="This port exactly. By default 4566, or the next free one.")
    ] = None,
    speed: Annotated[
        float | None, typer.Option(callback=_speed, help="AWS seconds that pass in one of ours. By default 30.")
    ] = None,
    seed: Annotated[str | None, typer.Option(help="Same seed, same ids, addresses and placements.")] = None,
    profile: Annotated[
        str | None,
        typer.Option(help="quick, or strict: as slow, late and strict as AWS; `drydock profile` says how."),
    ] = None,
    foreground: Annotated[bool, typer.Option(help="Stay and show its log; Ctrl-C ends it.")] = False,
) -> None:
    """Start the embedded AWS."""
    if refused := embedded.not_so(name, port=port, speed=speed, seed=seed):
        errors.print("\n".join(refused), markup=False)
        raise typer.Exit(2)
    instance = embedded.start(name, port=port, speed=speed, seed=seed, profile=profile)
    if port is None and instance.port != 4566:
        console.print(f"Port 4566 is taken: using {instance.port}.")
    console.print(
        f"{name}: {instance.endpoint} (process {instance.pid}, {instance.speed:g} AWS seconds a second, "
        f"profile {instance.profile})"
    )
    key, secret = ("test", "test")
    if instance.signed:
        key, secret = "…", "…, id and secret of the DRYDOCK_ACCESS_KEY that it was started with"
    console.print(
        f"Other clients: AWS_ENDPOINT_URL={instance.endpoint} AWS_ACCESS_KEY_ID={key} AWS_SECRET_ACCESS_KEY={secret}",
        style="dim",
    )
    if foreground:
        from drydock.notebooks.signals import ending_on_signals

        with ending_on_signals():
            try:
                _follow(name, instance.pid)
            finally:
                embedded.stop(name)


@app.command()
def down(name: Name = "default") -> None:
    """Stop it and everything it runs. Its state stays on disk for the next `up`."""
    _known(name)
    console.print(f"{name}: stopped" if embedded.stop(name) else f"{name}: was not running")


def _known(name: str) -> None:
    """Exit where there is no such instance, and tell which run."""
    if not exists(name):
        errors.print(f"{name}: there is no such instance.{_others(name)}")
        raise typer.Exit(1)


def _sure(question: str, yes: bool) -> None:
    """Go on only if the user says so, now or by --yes. Where nobody can be asked: exit, and say how to say so."""
    if yes:
        return
    if not sys.stdin.isatty():
        errors.print(f"{question} Nothing was done: say so with --yes.", markup=False)
        raise typer.Exit(2)
    typer.confirm(question, abort=True)


def _others(name: str) -> str:
    """A sentence about those that run; empty where none does."""
    running = ", ".join(instance.name for instance in embedded.instances() if instance.name != name)
    return f" Running: {running} (--name NAME)." if running else ""


@app.command()
def status(
    name: Name = "default", as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False
) -> None:
    """Where it is and what it has. Exit code 1 when it does not run, or does not answer."""
    found = _status(name)
    answers = "endpoint" in found
    if as_json:
        print(json.dumps(found))
    elif answers:
        _table(("", name), [(key, str(value)) for key, value in found.items() if key not in ("name", "running")])
    elif found["running"]:
        console.print(
            f"{name}: runs (process {found['pid']}) and does not answer: it is starting, or busy. "
            f"Look with `drydock logs --name {name}`; `drydock down --name {name}` ends it."
        )
    else:
        console.print(f"{name}: not running. Start it with `drydock up`.{_others(name)}")
    if not answers:
        raise typer.Exit(1)


def _status(name: str) -> dict[str, Any]:
    instance = embedded.find(name)
    with suppress(OSError, ValueError, http.client.HTTPException):
        if instance is not None:
            return {**instance.status(), "running": True}
    pid = pid_of(name)
    return {"name": name, "running": False} if pid is None else {"name": name, "running": True, "pid": pid}


@app.command()
def reset(name: Name = "default", yes: Yes = False) -> None:
    """Forget everything in it. If it runs, it runs on, empty. Images that were built, `image ls`, are not in it."""
    _known(name)
    _sure(f"Forget everything in {name}: all that was made in its account, and its logs?", yes)
    instance = embedded.reset(name)
    console.print(f"{name}: empty" + (f" at {instance.endpoint}" if instance else ", and not running"))


@app.command()
def logs(
    name: Name = "default", follow: Annotated[bool, typer.Option("--follow", "-f", help="Stay and go on.")] = False
) -> None:
    """The embedded AWS's own log. The logs of tasks are in CloudWatch Logs."""
    pid = pid_of(name)
    if pid is None:
        errors.print(f"{name}: not running. Start it with `drydock up`.{_others(name)}")
        raise typer.Exit(1)
    if follow:
        _follow(name, pid)
    else:
        print(_log(name).read_text(errors="replace"), end="")


@app.command("load")
def send_load(
    url: Annotated[str, typer.Argument(help="Where each request goes.")],
    rps: Annotated[float, typer.Option(min=0.1, help="Requests a second.")] = 10.0,
    seconds: Annotated[float, typer.Option(min=0.1, help="For so long.")] = 10.0,
    connections: Annotated[int, typer.Option(min=1, help="Over so many connections.")] = 16,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Send requests at a rate, and count who answered. Exit code 1 when none was answered."""
    from drydock.load import Load

    report = Load(url, rps=rps, connections=connections).start(seconds).wait()
    if as_json:
        print(report.json())
    else:
        _table(("", url), report.rows())
    if not report.answered:
        raise typer.Exit(1)


@app.command("profile")
def show_profile(name: Annotated[str, typer.Argument(help="quick or strict.")] = "strict") -> None:
    """What an embedded AWS of a profile does as AWS, in AWS seconds; documented or observed, and where that is from."""
    from drydock.policy import profiles

    _table(
        ("What", "So much", "", "Source"),
        [(one.what, one.value, one.status, one.source) for one in profiles.told(profiles.named(name))],
    )


@app.command()
def doctor() -> None:
    """What this machine can and cannot do, each with the fix. Exit code 1 when something needed is missing."""
    from drydock.doctor import examine

    findings = examine()
    style = {"ok": "green", "limited": "yellow", "missing": "red"}
    _table(
        ("What", "", "Found", "Fix"),
        [(f.what, f"[{style[f.state]}]{f.state}[/]", f.found, f.fix) for f in findings],
    )
    if any(finding.state == "missing" for finding in findings):
        raise typer.Exit(1)


@app.command()
def sweep(
    lab: Annotated[str | None, typer.Option(help="Only what this lab created; by default every lab.")] = None,
    cloud: Annotated[str | None, typer.Option(help="embedded, localstack, aws or a URL.")] = None,
    region: str = "us-east-1",
    account: Annotated[str | None, typer.Option(help="12 digits; needed for a real account.")] = None,
    name: Name = "default",
    within: Annotated[float | None, typer.Option(help="Seconds to try again what is still in use.")] = None,
    dry_run: Annotated[bool, typer.Option(help="Only list what would be deleted.")] = False,
    yes: Yes = False,
) -> None:
    """Delete what labs created and list what is left. Exit code 1 when something is."""
    from drydock.cloud import connect
    from drydock.labs import catalogue

    wanted = catalogue.full_name(lab) if lab else None
    ours = (cloud or os.environ.get("DRYDOCK_CLOUD") or "embedded") == "embedded"
    if ours:
        _known(name)
    started = ours and pid_of(name) is None
    try:
        at = connect(cloud, region=region, account=account, budget_usd=float("inf"), name=name)
        _sweep(at, wanted, within=within, dry_run=dry_run, yes=yes)
    finally:
        if started and embedded.stop(name):
            console.print(f"{name}: was not running, and is stopped again")


def _sweep(at: Cloud, wanted: str | None, *, within: float | None, dry_run: bool, yes: bool) -> None:
    from drydock.ledger import owned
    from drydock.ledger import sweep as sweep_cloud

    if dry_run:
        _table(("Kind", "Would be deleted"), owned(at, wanted))
        return
    if not yes and (number := len(owned(at, wanted))):
        _sure(
            f"Delete {number} thing{'s' if number != 1 else ''} that {wanted or 'all labs'} made on {at.identity}?", yes
        )
    swept = sweep_cloud(at, wanted, within=within)
    console.print(str(swept), markup=False)
    if swept.survivors:
        raise typer.Exit(1)


@lab_app.command("open")
def open_lab(
    name: Annotated[str | None, typer.Argument(help="A lab or another notebook; by default the folder of all.")] = None,
) -> None:
    """Where your own copies of the notebooks are; those that are not there yet are made."""
    from drydock.labs import copies

    _bring()
    print(copies.notebook(name) if name else copies.folder())


def _bring() -> None:
    from drydock.labs import copies

    for newer in copies.bring():
        errors.print(
            f"{newer} has changed since you began on your copy: `drydock lab fresh {newer}` keeps yours apart."
        )


@lab_app.command("jupyter", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def open_jupyterlab(ctx: typer.Context) -> None:
    """JupyterLab over your own copies; further arguments are its own. What notebooks started ends with it."""
    from drydock.commands import jupyter
    from drydock.labs import copies

    _bring()
    console.print(f"Your notebooks: {copies.folder()}", markup=False)
    raise typer.Exit(jupyter.serve(copies.folder(), ctx.args))


@lab_app.command("fresh")
def fresh_copy(name: Annotated[str, typer.Argument(help="A lab or another notebook.")]) -> None:
    """A copy as nobody has touched it; yours is kept beside it."""
    from drydock.labs import copies

    copy, kept = copies.fresh(name)
    console.print(f"{copy} is as at the beginning. Where it is open: File, Reload Notebook from Disk.", markup=False)
    if kept is not None:
        console.print(f"Yours is kept: {kept}", markup=False)


@lab_app.command("list")
def list_labs() -> None:
    """The labs, and how far you are."""
    from drydock.labs import catalogue, progress

    rows = []
    for name in catalogue.names():
        outline = catalogue.load(name)
        done = progress.of(name)
        passed = sum(1 for step in outline.steps if done.get(step, {}).get("passed"))
        rows.append((name, outline.title, f"{outline.minutes} min", f"{passed}/{len(outline.steps)}"))
    _table(("Lab", "What", "Time", "Passed"), rows)


@lab_app.command("progress")
def show_progress(name: Annotated[str | None, typer.Argument(help="One lab; by default all.")] = None) -> None:
    """Every step: passed or not, attempts, hints taken, solution looked at, seconds."""
    from drydock.labs import catalogue, progress

    rows = []
    for lab in [catalogue.full_name(name)] if name else catalogue.names():
        done = progress.of(lab)
        for step in catalogue.load(lab).steps:
            record = done.get(step)
            if record is None:
                rows.append((lab, step, "", "", "", "", ""))
            else:
                rows.append(
                    (
                        lab,
                        step,
                        progress.word(record),
                        str(record["attempts"]),
                        str(record["hints"]),
                        "yes" if record["solution_shown"] else "",
                        f"{record['seconds']:.0f}",
                    )
                )
    _table(("Lab", "Step", "", "Attempts", "Hints", "Solution", "Seconds"), rows)


@lab_app.command("reset")
def forget_progress(
    name: Annotated[str | None, typer.Argument(help="One lab; by default all.")] = None, yes: Yes = False
) -> None:
    """Forget your progress. Clouds are left as they are: `drydock reset` and `drydock sweep` see to those."""
    from drydock.labs import catalogue, progress

    lab = catalogue.full_name(name) if name else None
    if progress.of(lab) if lab else progress.read():
        _sure(f"Forget your progress in {lab or 'all labs'}?", yes)
    progress.forget(lab)
    console.print(f"Progress of {lab or 'all labs'} forgotten.")


@lab_app.command("run")
def run_lab(
    wanted: Annotated[
        list[str], typer.Argument(metavar="NAME...", help="01-repositories, 01 or repositories, several, or all.")
    ],
    out: Annotated[Path, typer.Option(file_okay=False, help="Folder for notebooks and reports.")] = Path("reports"),
    cloud: Annotated[
        str | None,
        typer.Option(help="embedded, localstack, aws or a URL. By default an embedded AWS for this run alone."),
    ] = None,
    parameter: Annotated[list[str] | None, typer.Option("-p", help="name=value for the notebook; repeatable.")] = None,
    profile: Annotated[
        str | None, typer.Option(help="quick, or strict: as slow, late and strict as AWS; the same as -p profile=…")
    ] = None,
    keep_going: Annotated[bool, typer.Option(help="Go on after a cell that fails: every step has a result.")] = False,
    keep: Annotated[bool, typer.Option(help="Leave the embedded AWS of this run running, for a look.")] = False,
    record: Annotated[bool, typer.Option(help="Keep the times as the labs' measured times.")] = False,
    jobs: Annotated[
        int, typer.Option(min=1, help="So many labs at a time, each on an embedded AWS that no other has meanwhile.")
    ] = 1,
) -> None:
    """Run labs headless: papermill, an executed notebook and an HTML page each. Exit code 1 when a step fails."""
    import os
    from contextlib import nullcontext
    from functools import partial

    from drydock.labs import catalogue, runner
    from drydock.notebooks import together
    from drydock.notebooks.instances import instance_name, own_instance
    from drydock.notebooks.signals import STOPPED, ending_on_signals

    names = catalogue.chosen(wanted)
    given = dict(_pair(text) for text in parameter or ()) | ({"profile": profile} if profile else {})
    private = cloud is None and "cloud" not in given and not os.environ.get("DRYDOCK_CLOUD")
    if jobs > 1 and (keep or record or not private):
        reason = "--keep leaves one running" if keep else "--record wants the time of one alone" if record else None
        raise typer.BadParameter(f"--jobs {jobs}: {reason or 'one cloud is for one lab at a time'}")
    if "aws" in (cloud, given.get("cloud")) and not given.get("account"):
        raise typer.BadParameter("a real account is to be named: -p account=<its 12 digits> -p budget_usd=<USD>")
    reports: list[Report] = []

    def done(report: Report) -> None:
        reports.append(report)
        if jobs > 1 or not sys.stderr.isatty():
            errors.print(f"{len(reports)} of {len(names)}: {report.lab}, {_steps(report)}, {report.seconds:.1f} s")

    instance = None
    started = time.monotonic()
    saying = STOPPED if private else "Stopped; what it made is still there: `drydock sweep` deletes it."
    if keep and private:
        saying = f"Stopped; its embedded AWS runs on: drydock down --name {instance_name()}"
    with ending_on_signals(saying):
        if jobs > 1:
            work = partial(runner.run, out=out, given=given, keep_going=keep_going, progress_bar=False)
            within = partial(own_instance, profile=given.get("profile"))
            longest_first = sorted(names, key=runner.measured, reverse=True)
            together.run(longest_first, work, jobs=jobs, within=within, done=done)
        else:
            with own_instance(keep=keep, profile=given.get("profile")) if private else nullcontext() as instance:
                for lab in names:
                    report = runner.run(
                        lab, out=out, cloud=cloud, given=given, keep_going=keep_going, progress_bar=sys.stderr.isatty()
                    )
                    done(report)
                    if record and report.ok:
                        runner.record(report)
    _show_reports(sorted(reports, key=lambda report: names.index(report.lab)), time.monotonic() - started)
    if keep and instance is not None:
        console.print(f"Left running: {instance.endpoint}. Stop it with `drydock down --name {instance.name}`.")
    if not all(report.ok for report in reports):
        raise typer.Exit(1)


def _show_reports(reports: list[Report], seconds: float) -> None:
    _table(
        ("Lab", "Passed, with Clean up", "Seconds", "Report"),
        [(r.lab, _steps(r), f"{r.seconds:.1f}", _relative(r.page)) for r in reports],
    )
    console.print(f"{len(reports)} lab{'s' if len(reports) != 1 else ''} in {seconds:.1f} s")
    for report in reports:
        if report.error is not None:
            errors.print(f"[red]{report.lab}[/red]: ", end="")
            errors.print(report.error, markup=False)


def _steps(report: Report) -> str:
    return f"[{'green' if report.ok else 'red'}]{report.passed}/{report.steps}[/]"


def _table(columns: tuple[str, ...], rows: list[Any]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row)
    console.print(table)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"-p {text}: write name=value")
    return name, value


def _relative(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _log(name: str) -> Path:
    return directory_of(name) / "daemon.log"


def _follow(name: str, pid: int) -> None:
    """Print the log as it grows, until the process ends."""
    with _log(name).open(errors="replace") as log:
        while True:
            ended = pid_of(name) != pid
            text = log.read()
            if text:
                print(text, end="", flush=True)
            elif ended:
                return
            else:
                time.sleep(0.2)


def _told(error: Exception) -> str | None:
    """What to say of the error in place of its traceback; None if that is needed."""
    if isinstance(error, OSError) and error.filename is not None:
        path = Path(str(error.filename))
        ours = path.is_relative_to(home())
        advice = "set DRYDOCK_HOME to a folder you can write to" if ours else "choose another path, or correct this one"
        return f"{path}: {error.strerror}; {advice}"
    return str(error) if _is_told(error) else None


TOLD = (
    ("commands.hub", "CannotServe"),
    ("hub.learners", "NoUserLeft"),
    ("cloud", "CloudRefused"),
    ("cloud", "CloudUnreachable"),
    ("cloud", "NoSuchCloud"),
    ("embedded.spot", "NoSpot"),
    ("ledger", "StillUsed"),
    ("classroom.confined", "CannotConfine"),
    ("classroom.exports", "NeedsNbgrader"),
    ("classroom.exports", "NothingToExport"),
    ("classroom.folder", "BadClass"),
    ("classroom.folder", "NoSuchClass"),
    ("classroom.roster", "BadRoster"),
    ("labs.catalogue", "NoSuchLab"),
    ("labs.handout", "BadHandout"),
    ("labs.progress", "NewerProgress"),
    ("policy.profiles", "NoSuchProfile"),
    ("labs.copies", "NoSuchNotebook"),
    ("notebooks.together", "Ended"),
    ("concepts.catalogue", "NoSuchConcept"),
    ("notebooks.parameters", "BadParameter"),
    ("drills.playing", "NoSuchDrill"),
    ("drills.playing", "NotHere"),
    ("drills.playing", "NotNow"),
    ("drills.record", "BadDrills"),
    ("prep.questions", "BadQuestions"),
    ("prep.interview_pack", "BadPack"),
    ("prep.interview_record", "BadInterviews"),
    ("prep.interview_record", "BadSettings"),
    ("rehearsals.copied.source", "NothingToCopy"),
    ("runbooks.catalogue", "NoSuchRunbook"),
    ("runbooks.approvals", "BadApproval"),
    ("runbooks.evidence", "NoSuchRun"),
    ("runbooks.files", "Damaged"),
    ("runbooks.runbook", "Refused"),
)
"""Errors whose own text says all that the user needs, by module."""


def _is_told(error: Exception) -> bool:
    """Whether the error's own text says all that the user needs."""
    told = [getattr(module, name) for home, name in TOLD if (module := sys.modules.get(f"drydock.{home}"))]
    return isinstance(error, (embedded.NotStarted, *told)) or (type(error) is ValueError and _is_ours(error))


def _is_ours(error: Exception) -> bool:
    """Whether a `raise` of Drydock's own made it."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    return frame is not None and str(frame.tb_frame.f_globals.get("__name__", "")).startswith("drydock.")


if __name__ == "__main__":
    app()
