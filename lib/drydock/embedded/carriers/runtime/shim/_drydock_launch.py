"""Runs a Python program as the `python` command does, after the start-up shim. Standard library only.

In a fork of the spawner's helper, or by itself: python -S _drydock_launch.py [python's own arguments].
The name is odd so that no program's own module is shadowed.
"""

# pathlib would cost every start of an interpreter.
# ruff: noqa: PTH100, PTH109, PTH112, PTH120, SIM115

from __future__ import annotations

import io
import os
import sys

TYPE_CHECKING = False  # typing itself would cost every start of an interpreter
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

VALUELESS = "bBdEhiIOPqRsSuvVx?"
IMPLIED = "BsSqR"  # true of every program here, or of no consequence
# Set in a program's environment, these change how an interpreter starts: one that runs cannot take them on.
FRESH_ENVIRONMENT = {
    *("PYTHONASYNCIODEBUG", "PYTHONDEBUG", "PYTHONDEVMODE", "PYTHONHOME", "PYTHONINSPECT", "PYTHONINTMAXSTRDIGITS"),
    *("PYTHONIOENCODING", "PYTHONMALLOC", "PYTHONNODEBUGRANGES", "PYTHONOPTIMIZE", "PYTHONPLATLIBDIR"),
    *("PYTHONPROFILEIMPORTTIME", "PYTHONSAFEPATH", "PYTHONTRACEMALLOC", "PYTHONVERBOSE", "PYTHONWARNDEFAULTENCODING"),
    *("PYTHONWARNINGS", "PYTHON_GIL"),
}


class Program:
    """A `python` command line: `kind` is script, module, code, input, or other (--version and its like)."""

    def __init__(self, kind: str, target: str, arguments: list[str], flags: list[str], unbuffered: bool) -> None:
        self.kind, self.target, self.arguments = kind, target, arguments
        self.flags, self.unbuffered = flags, unbuffered


def read(given: list[str]) -> Program:
    """The program that the words after `python` ask for."""
    words, unbuffered = list(given), False
    flags: list[str] = []
    while words and words[0].startswith("-") and words[0] != "-":
        word = words.pop(0)
        if word.startswith("--"):
            return Program("other", word, words, flags, unbuffered)
        letters = word[1:]
        while letters:
            letter, letters = letters[0], letters[1:]
            if letter in "cmWX":
                if not letters and not words:
                    return Program("other", word, words, flags, unbuffered)
                value, letters = letters or words.pop(0), ""
                if letter == "c":
                    return Program("code", value, words, flags, unbuffered)
                if letter == "m":
                    return Program("module", value, words, flags, unbuffered)
                flags += ["-" + letter, value]
            elif letter in "hV?" or letter not in VALUELESS:
                return Program("other", word, words, flags, unbuffered)
            elif letter == "u":
                unbuffered = True
            elif letter not in IMPLIED:
                flags.append("-" + letter)
    if words and words[0] != "-":
        return Program("script", words[0], words[1:], flags, unbuffered)
    return Program("input", "-", words[1:], flags, unbuffered)


def command(program: Program) -> list[str]:
    """The words that `read` reads back, less the interpreter's own flags."""
    head = ["-u"] if program.unbuffered else []
    lead = {"code": ["-c"], "module": ["-m"]}.get(program.kind, [])
    return head + lead + [program.target, *program.arguments]


def main(words: list[str], forked: bool = False) -> None:
    """Run the program; ends in SystemExit as the interpreter's own end does."""
    program = read(words)
    base = sys.executable
    fresh = forked and (
        FRESH_ENVIRONMENT & os.environ.keys()
        or os.environ.get("PYTHONHASHSEED", "random") != "random"
        or os.environ.get("PYTHONUTF8") == "0"
        or program.kind == "input"
    )
    if program.kind == "other":
        os.execv(base, [base, "-S", *program.flags, program.target, *program.arguments])
    if program.flags or fresh:
        os.execv(base, [base, "-S", *program.flags, os.path.abspath(__file__), *command(program)])
    unbuffered = program.unbuffered or bool(os.environ.get("PYTHONUNBUFFERED"))
    if forked:
        signals()
        sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
        if os.environ.get("PYTHONFAULTHANDLER"):
            import faulthandler

            faulthandler.enable()
        if os.environ.get("TZ"):
            import time

            time.tzset()
        sys.path[:0] = [os.path.abspath(p) for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p]
    else:
        sys.path.pop(0)
    if forked or unbuffered:
        streams(unbuffered)
    surroundings()
    run(program)


def signals() -> None:
    """Python's own dispositions, over the system's."""
    import signal

    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


def streams(unbuffered: bool) -> None:
    """The standard streams, over the descriptors as they are now."""
    sys.stdin = open(0, encoding="utf-8", closefd=False)
    setattr(sys, "__stdin__", sys.stdin)  # noqa: B010
    for name, fd, errors in (("stdout", 1, "strict"), ("stderr", 2, "backslashreplace")):
        stream = io.TextIOWrapper(
            open(fd, "wb", 0 if unbuffered else -1, closefd=False),
            encoding="utf-8",
            errors=errors,
            line_buffering=fd == 2 or os.isatty(fd),
            write_through=unbuffered,
        )
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def surroundings() -> None:
    """The address shim, packages of the image, and what `site` gives every program."""
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path.insert(0, here)
    import _drydock_address

    sys.path.remove(here)
    _drydock_address.install()
    import site

    site.setquit()
    site.setcopyright()
    site.sethelper()
    for directory in os.environ.get("DRYDOCK_SITE", "").split(os.pathsep):
        if directory:
            site.addsitedir(directory)
    sys.executable = os.environ.get("DRYDOCK_PYTHON", sys.executable)


def run(program: Program) -> None:
    """Be the program, as module `__main__`; its traceback starts with its own first line."""
    import types

    main_module = sys.modules["__main__"] = types.ModuleType("__main__")
    main_module.__dict__["__builtins__"] = sys.modules["builtins"]
    sys.argv = [program.target, *program.arguments]
    sys.orig_argv = [sys.executable, *command(program)]
    try:
        if program.kind == "script":
            script(program, main_module)
        elif program.kind == "module":
            import runpy

            sys.argv[0] = "-m"
            sys.path.insert(0, os.getcwd())
            main: Any = runpy
            main._run_module_as_main(program.target)
        elif program.kind == "code":
            sys.argv[0] = "-c"
            sys.path.insert(0, "")
            exec(compile(program.target, "<string>", "exec", dont_inherit=True), main_module.__dict__)
        else:
            sys.argv[0] = "" if os.isatty(0) else "-"
            sys.path.insert(0, "")
            standard_input(main_module)
    except SystemExit:
        raise
    except BaseException as error:
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
            trace = trace.tb_next
        sys.excepthook(type(error), error.with_traceback(trace), trace)
        raise SystemExit(130 if isinstance(error, KeyboardInterrupt) else 1) from None


def script(program: Program, main_module: ModuleType) -> None:
    path = program.target
    if os.path.isdir(path) or is_archive(path):
        import runpy

        sys.path.insert(0, path)
        main: Any = runpy
        main._run_module_as_main("__main__", False)
        return
    try:
        with io.open_code(os.path.abspath(path)) as file:
            source = file.read()
    except OSError as error:
        sys.stderr.write(
            f"{sys.executable}: can't open file {os.path.abspath(path)!r}: [Errno {error.errno}] {error.strerror}\n"
        )
        raise SystemExit(2) from None
    from importlib.machinery import SourceFileLoader

    sys.path.insert(0, os.path.dirname(os.path.realpath(path)))
    main_module.__file__ = path
    main_module.__loader__ = SourceFileLoader("__main__", path)
    main_module.__dict__["__cached__"] = None
    exec(compile(source, path, "exec", dont_inherit=True), main_module.__dict__)


def is_archive(path: str) -> bool:
    import zipimport

    try:
        zipimport.zipimporter(path)
    except zipimport.ZipImportError:
        return False
    return True


def standard_input(main_module: ModuleType) -> None:
    if os.isatty(0):
        import code
        import contextlib

        with contextlib.suppress(ImportError):
            import readline  # noqa: F401
        code.interact(banner=f"Python {sys.version} on {sys.platform}", local=main_module.__dict__, exitmsg="")
    else:
        exec(compile(sys.stdin.read(), "<stdin>", "exec", dont_inherit=True), main_module.__dict__)


if __name__ == "__main__":
    main(sys.argv[1:])
