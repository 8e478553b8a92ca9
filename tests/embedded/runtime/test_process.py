"""Containers as a user sees them: what they can see, what they say, how they end."""

from __future__ import annotations

import json
import resource
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.waiting import eventually

from drydock.embedded.carriers.runtime import CannotStart
from drydock.embedded.carriers.runtime.base import OPEN_FILES
from drydock.images import ImageConfig
from drydock.policy.health import HealthCheck

from .conftest import Machine, Run, alive

READY = "import signal, time, sys; print('ready');"
SHOW = "import json, os, sys; print(json.dumps({'env': dict(os.environ), 'path': sys.path, 'cwd': os.getcwd()}))"


# -- how a container ends


def test_exit_status_is_the_programs(machine: Machine) -> None:
    assert machine.python("raise SystemExit(7)").wait().code == 7
    assert machine.run("sh", "-c", "exit 9").wait().code == 9
    assert machine.python("pass").wait().code == 0


def test_an_uncaught_exception_ends_in_1_and_shows_only_the_programs_own_frames(machine: Machine) -> None:
    machine.write("/app/main.py", "def f():\n    return 1 / 0\nf()\n")
    run = machine.run("python", "/app/main.py")
    assert run.wait().code == 1
    text = [line.decode() for _, line in run.lines]
    assert text[0] == "Traceback (most recent call last):"
    assert text[-1] == "ZeroDivisionError: division by zero"
    assert [line.split(", ")[1:] for line in text if line.startswith("  File")] == [
        ["line 3", "in <module>"],
        ["line 2", "in f"],
    ]


def test_killed_by_a_signal_is_128_plus_its_number(machine: Machine) -> None:
    run = machine.python(READY + "time.sleep(60)")
    run.until("ready")
    machine.runtime.signal(run.container, signal.SIGKILL)
    assert run.wait().code == 137
    assert machine.python("import os, signal; signal.raise_signal(signal.SIGABRT)").wait().code == 134


def test_sigterm_is_honoured_by_a_program_that_handles_it(machine: Machine) -> None:
    run = machine.python(
        READY + "signal.signal(15, lambda *_: (print('bye'), sys.exit(3))); print('set'); time.sleep(60)"
    )
    run.until("set")
    machine.runtime.stop(run.container, grace=30)
    assert run.wait().code == 3
    assert run.said("bye")


def test_what_a_container_started_ends_with_it_however_it_daemonised(machine: Machine) -> None:
    code = """
import os, signal, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("stray", os.getpid(), flush=True)
    time.sleep(600)
time.sleep(600)
"""
    run = machine.python(code)
    run.until("stray")
    stray = int(run.stdout()[0].split()[1])
    other = machine.python(READY + "time.sleep(600)")
    other.until("ready")
    assert alive(stray)
    machine.runtime.signal(run.container, signal.SIGKILL)
    run.wait()
    eventually(lambda: not alive(stray))
    assert other.container.running and alive(other.container.pid)


def test_more_memory_than_the_limit_is_137_with_ecs_own_reason(machine: Machine) -> None:
    code = READY + "kept = [bytearray(8 << 20) for _ in range(%d)]; print('have it'); time.sleep(%d)"
    run = machine.python(code % (40, 60), memory_limit_mib=128)
    exit = run.wait()
    assert (exit.code, exit.reason) == (137, "OutOfMemoryError: Container killed due to memory usage")
    assert machine.python(code % (6, 1), memory_limit_mib=128).wait().code == 0


def test_memory_of_all_its_processes_counts_and_shared_pages_count_once(machine: Machine) -> None:
    fork = (
        "import os, time\n"
        "kept = bytearray(%d << 20)\n"
        "for _ in range(3):\n"
        "    if not os.fork(): %s; time.sleep(%d); os._exit(0)\n"
        "os.wait()"
    )
    together = machine.python(fork % (1, "kept = bytearray(60 << 20)", 30), memory_limit_mib=150)
    assert together.wait().reason is not None
    assert machine.python(fork % (60, "pass", 1), memory_limit_mib=150).wait().code == 0


# -- what it says


def test_ten_thousand_lines_come_complete_in_order_and_before_the_exit(machine: Machine) -> None:
    run = machine.python("for i in range(10_000): print(i, 'x' * 50)")
    assert run.wait().code == 0
    assert run.lines_at_exit == 10_000
    assert [line.split()[0] for line in run.stdout()] == [str(i) for i in range(10_000)]


def test_streams_are_told_apart_and_bytes_and_a_last_partial_line_survive(machine: Machine) -> None:
    run = Run()

    def slowly(stream: str, line: bytes) -> None:
        time.sleep(0.2)  # the program ends meanwhile
        run.output(stream, line)

    machine.run("sh", "-c", r"printf 'one\n\377\376\n'; printf 'no newline' >&2", on_output=slowly, on_exit=run.end)
    run.wait()
    assert run.lines_at_exit == 3
    assert [line for stream, line in run.lines if stream == "stdout"] == [b"one", b"\xff\xfe"]
    assert [line for stream, line in run.lines if stream == "stderr"] == [b"no newline"]


def test_a_line_longer_than_an_event_comes_in_pieces(machine: Machine) -> None:
    run = machine.python("print('a' * 600_000 + 'end')")
    run.wait()
    assert [len(line) for _, line in run.lines] == [262_118, 262_118, 600_003 - 2 * 262_118]


def test_output_is_buffered_unless_the_program_asks_as_in_a_container(machine: Machine) -> None:
    code = "import time; print('hello'); time.sleep(600)"
    buffered, unbuffered = (
        machine.run("python", "-c", code),
        machine.run("python", "-c", code, environment={"PYTHONUNBUFFERED": "1"}),
    )
    unbuffered.until("hello")
    assert not buffered.said("hello")


# -- what it sees


def test_environment_is_the_images_and_the_tasks_and_nothing_of_the_users(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the user's own")
    machine.image = replace(machine.image, env={"FROM_IMAGE": "1", "BOTH": "image"})
    run = machine.python(SHOW, environment={"BOTH": "task", "HOST": "0.0.0.0"}, address="127.10.200.9")
    run.wait()
    env = json.loads(run.stdout()[0])["env"]
    assert {name: env[name] for name in ("FROM_IMAGE", "BOTH", "HOST", "HOSTNAME")} == {
        "FROM_IMAGE": "1",
        "BOTH": "task",
        "HOST": "127.10.200.9",
        "HOSTNAME": "ip-127-10-200-9",
    }
    assert "the user's own" not in json.dumps(env)
    assert not [name for name in env if name.startswith("AWS_")]
    assert env["HOME"].startswith(str(run.container.root.rootfs))
    native = machine.run("env")
    native.wait()
    assert not native.said("AWS_")


@pytest.mark.parametrize(
    "command", [("python", "-c", SHOW), ("python", "-O", "-c", SHOW), ("sh", "-c", f'true; python -c "{SHOW}"')]
)
def test_this_environments_packages_are_invisible(machine: Machine, command: tuple[str, ...]) -> None:
    run = machine.run(*command)
    assert run.wait().code == 0
    path = json.loads(run.stdout()[0])["path"]
    assert not [entry for entry in path if "-packages" in entry]
    hidden = machine.run(*command[:-1], command[-1].replace(SHOW, "import moto"))
    assert hidden.wait().code == 1
    assert hidden.said("No module named 'moto'")


def test_packages_of_the_image_are_there(machine: Machine) -> None:
    machine.write("/usr/local/lib/python3.12/site-packages/vendored.py", "where = 'image'")
    machine.write("/deps/other.py", "where = 'PYTHONPATH'")
    run = machine.python(
        "import vendored, other; print(vendored.where, other.where)", environment={"PYTHONPATH": "/deps"}
    )
    assert run.wait().code == 0
    assert run.stdout() == ["image PYTHONPATH"]


def test_working_directory_and_paths_of_the_image(machine: Machine) -> None:
    machine.write("/srv/config.json", "{}")
    machine.write(
        "/app/main.py", "import os, sys; print(os.getcwd(), *sys.argv[1:], os.environ['CONFIG_FILE'], sep='\\n')"
    )
    run = machine.run(
        "python", "main.py", "--config=/srv/config.json", "/srv/config.json", "/health",
        environment={"CONFIG_FILE": "/srv/config.json"},
    )  # fmt: skip
    run.wait()
    root = run.container.root.rootfs
    config = f"{root}/srv/config.json"
    assert run.stdout() == [f"{root}/app", f"--config={config}", config, "/health", config]
    elsewhere = machine.run("sh", "-c", "pwd; cat /srv/config.json", working_directory="/new/one")
    elsewhere.wait()
    assert elsewhere.stdout() == [f"{root}/new/one", "{}"]


def test_limits_core_dumps_off_and_open_files_as_on_fargate(machine: Machine) -> None:
    run = machine.python("import resource as r; print(r.getrlimit(r.RLIMIT_CORE), r.getrlimit(r.RLIMIT_NOFILE)[0])")
    run.wait()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    most = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    core, files = run.stdout()[0].rsplit(" ", 1)
    assert core == "(0, 0)"
    assert int(files) == most


def test_no_descriptor_of_ours_is_left_open(machine: Machine) -> None:
    run = machine.python("import os; print(sorted(map(int, os.listdir('/proc/self/fd'))))")
    run.wait()
    assert json.loads(run.stdout()[0])[:3] == [0, 1, 2]
    assert len(json.loads(run.stdout()[0])) == 4  # and the directory being listed


# -- its command


@pytest.mark.parametrize(
    ("entrypoint", "command", "argv"),
    [
        (None, None, ["/ep", "cmd"]),
        (None, ("x",), ["/ep", "x"]),
        (("echo", "e"), None, ["e"]),
        (("echo", "e"), ("x",), ["e", "x"]),
    ],
)
def test_entry_point_and_command_by_dockers_rules(
    machine: Machine, entrypoint: tuple[str, ...] | None, command: tuple[str, ...] | None, argv: list[str]
) -> None:
    machine.write("/ep", '#!/bin/sh\necho /ep "$@"\n', 0o755)
    machine.image = replace(machine.image, entrypoint=("/ep",), cmd=("cmd",))
    run = machine.run(entrypoint=entrypoint, command=command)
    run.wait()
    assert run.stdout() == [" ".join(argv)]


def test_python_as_a_module_with_flags_from_a_script_and_from_a_directory(machine: Machine) -> None:
    machine.write("/app/pack/__init__.py", "")
    machine.write("/app/pack/__main__.py", "import sys; print(__name__, __package__, sys.argv[1:], sys.flags.optimize)")
    machine.write("/usr/local/bin/tool", "#!/usr/local/bin/python3\nimport sys; print('tool', sys.argv[1:])\n", 0o755)
    machine.write("/usr/local/bin/env-tool", "#!/usr/bin/env python3\nprint('env-tool')\n", 0o755)
    for command, said in {
        ("python", "-m", "pack", "a"): "__main__ pack ['a'] 0",
        ("python3", "-OOm", "pack"): "__main__ pack [] 2",
        ("python", "-u", "pack"): "__main__  [] 0",
        ("tool", "x"): "tool ['x']",
        ("env-tool",): "env-tool",
    }.items():
        run = machine.run(*command)
        assert run.wait().code == 0, run.lines
        assert run.stdout() == [said]


def test_a_python_program_behaves_as_a_fresh_interpreter_would(machine: Machine) -> None:
    machine.write(
        "/app/main.py",
        "import atexit, multiprocessing, random, subprocess, sys, threading, time\n"
        "def double(n): return 2 * n\n"
        "if __name__ == '__main__':\n"
        "    atexit.register(print, 'atexit')\n"
        "    threading.Thread(target=lambda: (time.sleep(0.2), sys.stdout.write('thread\\n'))).start()\n"
        "    with multiprocessing.get_context('spawn').Pool(1) as pool: print(pool.map(double, [21]))\n"
        "    subprocess.run([sys.executable, '-c', 'print(6)'], check=True)\n"
        "    other = subprocess.check_output(['python', '-c', 'import random; print(random.random())'])\n"
        "    print(random.random() != float(other))\n"
        "    sys.exit('said at exit')\n",
    )
    run = machine.run("python", "main.py", environment={"PYTHONUNBUFFERED": "1"})
    assert run.wait().code == 1
    assert sorted(run.stdout()) == ["6", "True", "[42]", "atexit", "thread"]
    assert ("stderr", b"said at exit") in run.lines
    missing = machine.run("python", "nothere.py")
    assert missing.wait().code == 2


@pytest.mark.parametrize(
    ("command", "text"),
    [
        (("foo",), 'exec: "foo": executable file not found in $PATH'),
        (("curl", "localhost"), 'exec: "curl": executable file not found in $PATH'),
        (("/nope/foo",), 'exec: "/nope/foo": stat /nope/foo: no such file or directory'),
        (("/app/data",), 'exec: "/app/data": permission denied'),
        (("/app/strange",), "exec /app/strange: exec format error"),
        (("/app/orphan",), "exec /app/orphan: no such file or directory"),
        ((), "no command specified"),
    ],
)
def test_a_command_that_cannot_run_is_said_as_ecs_says_it(
    machine: Machine, command: tuple[str, ...], text: str
) -> None:
    machine.write("/app/data", "x")
    machine.write("/app/strange", "no program", 0o755)
    machine.write("/app/orphan", "#!/no/such/interpreter\n", 0o755)
    with pytest.raises(CannotStart) as caught:
        machine.run(*command)
    assert caught.value.reason.startswith("CannotStartContainerError: ")
    assert text in caught.value.reason


def test_an_image_that_is_no_stand_in_gets_no_shell_of_this_machine(machine: Machine) -> None:
    machine.image = ImageConfig()
    with pytest.raises(CannotStart):
        machine.run("/bin/sh", "-c", "true")
    machine.write("/bin/hello", "#!/bin/sh\n", 0o755)
    with pytest.raises(CannotStart):
        machine.run("hello")


def test_a_native_program_of_the_image_runs_and_links_stay_inside(machine: Machine) -> None:
    machine.image = ImageConfig(env={"PATH": "/bin"})
    program = machine.rootfs / "opt/real"
    program.parent.mkdir()
    program.write_bytes(Path("/bin/echo").resolve().read_bytes())
    program.chmod(0o755)
    (machine.rootfs / "bin").mkdir()
    (machine.rootfs / "bin/echo").symlink_to("/opt/real")
    run = machine.run("echo", "native")
    run.wait()
    assert run.stdout() == ["native"]
    (machine.rootfs / "bin/outside").symlink_to("../../../../../../bin/echo")
    run = machine.run("outside", "native")
    assert run.wait().code == 0  # the link ends at the root's own /bin/echo


# -- further commands


def test_execute_gives_status_and_output_in_the_containers_environment(machine: Machine) -> None:
    run = machine.python(READY + "time.sleep(600)", environment={"COLOUR": "green"})
    assert machine.execute(run, "sh", "-c", "echo $COLOUR; echo $HOST >&2; exit 4") == (
        4, b"green\n", run.container.spec.address.encode() + b"\n",
    )  # fmt: skip
    assert machine.execute(run, "python", "-c", "import os; print(os.environ['COLOUR'])") == (0, b"green\n", b"")
    code, _, said = machine.execute(run, "curl", "localhost")
    assert code == 127
    assert b'exec: "curl": executable file not found in $PATH' in said


@pytest.mark.parametrize(
    ("check", "code"),
    [
        ("python -c 'raise SystemExit(5)' || exit 1", 1),
        ("python -c 'raise SystemExit(5)'", 5),
        ("python -c 'print(1)' || exit 1", 0),
        ("test -e /app/marker && python -c 'print(1)'", 0),
        ("test -e /app/nothing || exit 3", 3),
    ],
)
def test_health_check_commands(machine: Machine, check: str, code: int) -> None:
    machine.write("/app/marker", "")
    run = machine.python(READY + "time.sleep(600)")
    argv = HealthCheck(("CMD-SHELL", check)).argv()
    assert machine.execute(run, *argv)[0] == code


def test_execute_that_takes_too_long_is_killed_with_all_it_started(machine: Machine) -> None:
    run = machine.python(READY + "time.sleep(600)")
    said: list[bytes] = []
    with pytest.raises(TimeoutError):
        machine.runtime.execute(
            run.container,
            ["sh", "-c", "sleep 600 & echo $!; trap '' TERM; wait"],
            on_output=lambda _, data: said.append(data),
            timeout=3,
        )
    eventually(lambda: not alive(int(b"".join(said))))
    assert run.container.running


def test_a_command_ends_with_its_container(machine: Machine) -> None:
    run = machine.python(READY + "time.sleep(600)")
    session = machine.runtime.open(run.container, ["sleep", "600"])
    machine.runtime.signal(run.container, signal.SIGKILL)
    run.wait()
    assert session.wait(10) == 137
    with pytest.raises(CannotStart):
        machine.runtime.open(run.container, ["true"])


def test_terminal_echoes_resizes_and_takes_control_c(machine: Machine) -> None:
    run = machine.python(READY + "time.sleep(600)")
    said: list[bytes] = []
    session = machine.runtime.open(run.container, ["sh"], tty=True, on_output=lambda _, data: said.append(data))
    session.resize(33, 101)
    session.write(b"stty size; tty -s && echo is a terminal\n")
    eventually(lambda: b"33 101\r\nis a terminal\r\n" in b"".join(said))
    session.write(b"python -c \"import time; print('sleep' + 'ing'); time.sleep(600)\"\n")
    eventually(lambda: b"sleeping" in b"".join(said))
    session.write(b"\x03")
    eventually(lambda: b"KeyboardInterrupt" in b"".join(said))
    session.write(b"echo still $((40 + 2))\n")
    eventually(lambda: b"still 42" in b"".join(said))
    session.write(b"exit 6\n")
    assert session.wait(10) == 6
