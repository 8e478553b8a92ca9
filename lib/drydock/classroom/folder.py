"""A class's folder: class.json says who is in it and which labs; each learner has a folder to be handed out.

NAME/class.json            the class; the tokens in it are why only its owner reads it
NAME/learners/ID/          what is handed out to a learner, or what the learner works in where the disk is shared
NAME/handed-in/ID/         what came back (`collecting`)
NAME/graded/ID/            what grading found (`grading`)
"""

from __future__ import annotations

import json
import secrets
import stat
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from drydock.classroom.roster import Learner
from drydock.labs import catalogue, copies, handout
from drydock.labs.handout import Handout
from drydock.notebooks.document import Document

FILE = "class.json"
VERSION = 1


class NoSuchClass(LookupError):
    """There is no class in this folder, or no such learner in the class."""


class BadClass(ValueError):
    """The folder cannot be that of a class; the text says why."""


@dataclass(frozen=True)
class Member:
    """A learner of a class, and the token that says of a folder that it was handed to this one."""

    learner: Learner
    token: str

    @property
    def id(self) -> str:
        return self.learner.id


@dataclass(frozen=True)
class Class:
    """What class.json says, and where it is."""

    folder: Path
    name: str
    labs: tuple[str, ...]
    members: tuple[Member, ...]

    def handed_out(self, member: Member) -> Path:
        return self.folder / "learners" / member.id

    def handed_in(self, member: Member) -> Path:
        return self.folder / "handed-in" / member.id

    def graded(self, member: Member) -> Path:
        return self.folder / "graded" / member.id

    def work(self, member: Member) -> Path:
        """The folder with the learner's newest work: what was handed in, or where it is worked in."""
        return max(self.handed_out(member), self.handed_in(member), key=_last_change)

    def submission(self, member: Member) -> Path:
        """What is graded: what was handed in, or else the learner's folder."""
        handed_in = self.handed_in(member)
        return handed_in if handed_in.is_dir() else self.handed_out(member)

    def member(self, identifier: str) -> Member:
        """Raises NoSuchClass."""
        for member in self.members:
            if member.id == identifier:
                return member
        raise NoSuchClass(
            f"There is no {identifier!r} in {self.name}; there are {', '.join(m.id for m in self.members)}."
        )


@dataclass
class Made:
    """What `new` did: learners that were added, those that are not on the list any more, copies that are older than the
    lab and were left alone as they have been worked on."""

    the_class: Class
    added: list[str] = field(default_factory=list)
    not_listed: list[str] = field(default_factory=list)
    older: list[str] = field(default_factory=list)


def open_class(folder: Path) -> Class:
    """The class in `folder`. Raises NoSuchClass, BadClass."""
    file = folder / FILE
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        if data["version"] != VERSION:
            raise ValueError(f"version {data['version']!r}, and this Drydock knows {VERSION}")
        members = tuple(Member(Learner(**one["learner"]), one["token"]) for one in data["members"])
        return Class(folder.resolve(), data["name"], tuple(data["labs"]), members)
    except FileNotFoundError:
        raise NoSuchClass(f"There is no class in {folder}: `drydock class new` makes one.") from None
    except (ValueError, TypeError, KeyError) as error:
        raise BadClass(f"{file} cannot be read: {error}") from None


def new(folder: Path, labs: Sequence[str], learners: Sequence[Learner]) -> Made:
    """Make the class in `folder`, or add labs and learners to the one there. What a learner has worked on stays.

    Raises BadClass where something else is in the way, before anything is written.
    """
    before = _before(folder)
    known = {member.id: member for member in before.members}
    members = [
        replace(known[one.id], learner=one) if one.id in known else Member(one, secrets.token_urlsafe(16))
        for one in learners
    ]
    listed = {member.id for member in members}
    not_listed = [member for member in before.members if member.id not in listed]
    folded = {identifier.casefold(): identifier for identifier in listed}
    for member in not_listed:
        if (other := folded.get(member.id.casefold())) is not None:
            raise BadClass(f"The list has {other!r}, and the class {member.id!r}: write it as it was before.")
    made = Class(folder.resolve(), before.name, tuple(sorted({*before.labs, *labs})), tuple(members + not_listed))
    contents = copies.of_labs(made.labs)
    _check_free(made, contents)
    folder.mkdir(parents=True, exist_ok=True)
    document = Document(folder / FILE)
    with document.alone():
        _write(document, made)
        older = [f"{member.id}: {name}" for member in made.members for name in _hand_out(made, member, contents)]
    added = [member.id for member in members if member.id not in known]
    return Made(made, added, [member.id for member in not_listed], older)


def _before(folder: Path) -> Class:
    if (folder / FILE).exists():
        return open_class(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadClass(f"{folder} is there, and no class: name a folder that is new or empty.")
    return Class(folder, folder.resolve().name, (), ())


def _check_free(made: Class, contents: Iterable[str]) -> None:
    """Raise BadClass where we would write over what is not ours, or along a link that a learner has put there."""
    for member in made.members:
        place = made.handed_out(member)
        if not place.exists():
            continue
        for name in (handout.FILE, "README.md", *copies.OF_THE_RECORD, *contents):
            _check_ordinary(place, Path(name))
        try:
            mine = handout.read(place).token == member.token
        except (OSError, handout.BadHandout):
            mine = False
        if not mine:
            raise BadClass(f"{place} is in the way: it was not handed out to {member.id} by this class. Move it away.")


def _check_ordinary(place: Path, name: Path) -> None:
    """Raise BadClass where a learner has put a link or anything else that is no file, or no folder, in the way of
    `name`: written along a link as the teacher, any file would be the learner's; a pipe would hold us up for ever."""
    for path in (place / name, *(place / above for above in name.parents)):
        try:
            mode = path.lstat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            continue
        if stat.S_ISLNK(mode):
            raise BadClass(f"{path} is a link, and nothing is written along it. Move it away.")
        if not (stat.S_ISREG(mode) if path == place / name else stat.S_ISDIR(mode)):
            wanted = "an ordinary file" if path == place / name else "a folder"
            raise BadClass(f"{path} is to be {wanted}, and is something else. Move it away.")


def _hand_out(made: Class, member: Member, contents: dict[str, bytes]) -> list[str]:
    """Bring the learner's folder up to date; the notebooks that were left as they are."""
    place = made.handed_out(member)
    place.mkdir(parents=True, exist_ok=True)
    mine = Handout(made.name, member.id, member.learner.name, member.token, made.labs)
    _replace(place / handout.FILE, json.dumps(mine.as_data(), indent=1, ensure_ascii=False) + "\n")
    older = copies.bring_into(place, contents)
    _replace(place / "README.md", _readme(made, member))
    return older


def _readme(made: Class, member: Member) -> str:
    outlines = {name: catalogue.load(name) for name in made.labs}
    labs = "\n".join(
        f"- `labs/{name}/{name}.ipynb`: {outline.title}, {outline.minutes} minutes. {outline.goal}"
        for name, outline in outlines.items()
    )
    return f"""# {made.name}: {member.learner.name}

Your copies of the labs, with nothing done in them yet:

{labs}

Open them with `drydock lab jupyter` in this folder, or with any Jupyter whose kernel has Drydock. Begin at the top of a
notebook, run one cell after the other, and write your answers into the empty cells below "Your turn". `lab.check` says
how far you are, and `lab.hint` helps. Links to labs that are not among these are shown as plain text.

How far you are is kept in `progress.json` in this folder: for each step when you first tried it and passed it, how
often you checked, how many hints you took, whether you looked at the solution, and how long it took. Your answers and
what your cells printed are not in it. Your teacher sees it once you hand this folder in, or at once where the disk is
shared. `drydock lab progress` in this folder shows it to you.

**To hand in**: save your notebooks, and give back this whole folder, as it is or as a zip. Leave `learner.json` as it
is: it says whose folder this is. Your notebooks are run again, from top to bottom, on an empty AWS of their own, and
its state is checked. So they have to run in one go: `drydock lab fresh NAME` gives you a new copy, and keeps yours
beside it.
"""


def _write(document: Document, made: Class) -> None:
    data: dict[str, Any] = {
        "version": VERSION,
        "name": made.name,
        "labs": list(made.labs),
        "members": [asdict(member) for member in made.members],
    }
    document.file.touch(mode=0o600)
    fresh = document.file.with_suffix(".new")
    fresh.touch(mode=0o600)
    document.write(data)


def _replace(file: Path, text: str) -> None:
    """Written only where it says something else."""
    if not file.exists() or file.read_text(encoding="utf-8") != text:
        fresh = file.with_name(f".{file.name}.new")
        fresh.unlink(missing_ok=True)
        with fresh.open("x", encoding="utf-8") as out:
            out.write(text)
        fresh.replace(file)


def _last_change(folder: Path) -> float:
    """When what a learner writes in a folder was last changed; 0 where there is none."""
    files = [folder / "progress.json", *folder.glob("*/*/*.ipynb")]
    return max((file.stat().st_mtime for file in files if file.is_file()), default=0.0)
