"""The learner's own folder: a copy of every notebook, with its exercises open and nothing run yet.

The notebooks of the project hold the outputs of a run, and their folders the checks and the solutions. A learner works
on copies that have neither, in a folder of his own state; a copy that he has not touched follows the project's. In a
folder that a teacher has handed out they are those of the labs that were chosen.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import nbformat

from drydock.labs import catalogue, handout
from drydock.notebooks.document import Document
from drydock.user import folder as made_folder
from drydock.user import home

ROOT = "DRYDOCK_COURSE"
_NOT_THE_LEARNERS = {"checks.py", "measured.json"}
_RECORD = ".copied.json"
OF_THE_RECORD = (_RECORD, ".copied.lock", ".copied.new")
"""What `bring_into` keeps in a folder beside the copies."""


class NoSuchNotebook(LookupError):
    """No notebook of that name; the text lists those there are."""


def folder() -> Path:
    """The learner's folder: $DRYDOCK_COURSE, else the one handed out that this process works in, else `course` in
    Drydock's folder of the user's state."""
    return Path(os.environ.get(ROOT) or handout.here() or home() / "course").expanduser().absolute()


def notebook(name: str) -> Path:
    """The learner's copy of the lab, runbook or other notebook called `name`. Raises NoSuchNotebook."""
    return folder() / _known(name)


def bring() -> list[str]:
    """Make the copies that are not there, and renew those that the learner has not touched.

    Returns the names of the notebooks that are newer in the project than the copy that the learner has worked on.
    """
    return bring_into(folder(), _contents())


def bring_into(place: Path, wanted: Mapping[str, bytes]) -> list[str]:
    """`bring`, of these files by path, into another folder."""
    record = Document(place / _RECORD)
    with record.alone():
        copied = record.read()
        for path, content in wanted.items():
            target = place / path
            if not target.exists() or _digest(target.read_bytes()) == copied.get(path):
                made_folder(target.parent)
                target.write_bytes(content)
                copied[path] = _digest(content)
        record.write(copied)
    notebooks = (path for path in wanted if path.endswith(".ipynb"))
    return [Path(path).stem for path in notebooks if copied.get(path) != _digest(wanted[path])]


def fresh(name: str) -> tuple[Path, Path | None]:
    """A copy of `name` as nobody has touched it, and where the learner's own is kept now; None where there is nothing
    of the learner's in it."""
    path = folder() / _known(name)
    mine = path.parent if path.parent.parent == folder() / "labs" else path
    kept = None
    if _worked_on(mine):
        names = (mine.with_name(f"{mine.stem}.kept-{number}{mine.suffix}") for number in itertools.count(1))
        kept = next(name for name in names if not name.exists())
        mine.rename(kept)
    bring()
    return path, kept and (kept / path.name if mine != path else kept)


def _worked_on(mine: Path) -> bool:
    """Whether a file, or one in a folder, is another than was copied there."""
    copied = Document(folder() / _RECORD).read()
    files = _under(mine) if mine.is_dir() else [mine] if mine.exists() else []
    return any(_digest(file.read_bytes()) != copied.get(str(file.relative_to(folder()))) for file in files)


def _known(name: str) -> str:
    """The path of the notebook called `name`, a lab's name as short as elsewhere."""
    known = {Path(path).stem: path for path in _contents() if path.endswith(".ipynb")}
    try:
        return known[name] if name in known else known[catalogue.full_name(name)]
    except catalogue.NoSuchLab:
        raise NoSuchNotebook(f"No notebook {name!r}. There are: {', '.join(known)}.") from None


def _contents() -> dict[str, bytes]:
    """What is in the folder of a learner who has not begun: by path."""
    if (folder() / handout.FILE).is_file():
        return of_labs(handout.read(folder()).labs)
    labs = catalogue.directory()
    others = [path for other in ("runbooks", "notebooks") for path in _under(labs.parent / other)]
    return _open_copies([*_files(labs, catalogue.names()), *others])


def of_labs(names: Iterable[str]) -> dict[str, bytes]:
    """What a learner gets of these labs alone, by path; a link to what is not among them is its text."""
    found = _open_copies(_files(catalogue.directory(), names))
    return {path: _with_live_links(path, content, found) for path, content in found.items()}


def _open_copies(paths: Iterable[Path]) -> dict[str, bytes]:
    root = catalogue.directory().parent
    return {
        str(path.relative_to(root)): open_copy(path) if path.suffix == ".ipynb" else path.read_bytes() for path in paths
    }


def _with_live_links(path: str, content: bytes, among: Mapping[str, bytes]) -> bytes:
    if not path.endswith(".ipynb"):
        return content

    def live(link: re.Match[str]) -> str:
        text, to = link.groups()
        there = "://" in to or os.path.normpath(Path(path).parent / to.partition("#")[0]) in among
        return link[0] if there or to.startswith("#") else text

    node = nbformat.reads(content.decode(), as_version=4)
    for cell in node.cells:
        if cell.cell_type == "markdown":
            cell.source = re.sub(r"\[([^\]]+)\]\(([^)\s]+)\)", live, cell.source)
    return _written(node)


def _files(labs: Path, names: Iterable[str]) -> Iterator[Path]:
    for name in names:
        yield from (path for path in _under(labs / name) if path.name not in _NOT_THE_LEARNERS)


def _under(place: Path) -> list[Path]:
    made = {".ipynb_checkpoints", "__pycache__", "runs"}
    found = (path for path in place.rglob("*") if path.is_file() and not made & {*path.relative_to(place).parts})
    return sorted(found)


def open_copy(source: Path) -> bytes:
    """The notebook as one opens it before anything has run: no output, no execution number, nothing of a kernel's."""
    from ipykernel.ipkernel import IPythonKernel

    node = nbformat.reads(source.read_text(encoding="utf-8"), as_version=4)
    for cell in node.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    node.metadata["kernelspec"] = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    node.metadata["language_info"] = dict(IPythonKernel.language_info)
    return _written(node)


def _written(node: nbformat.NotebookNode) -> bytes:
    return (str(nbformat.writes(node)) + "\n").encode()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
