"""What a task reads of security groups, and that its threads read it at once."""

from __future__ import annotations

import json
import runpy
import shutil
import threading
from pathlib import Path
from typing import Any

import drydock.embedded.carriers.runtime
from drydock.policy import network_acls, security_groups

SHIM = Path(drydock.embedded.carriers.runtime.__file__).with_name("shim")
NOWHERE = ["127.9.9.9", 9]


def guard_of(folder: Path, groups: dict[str, Any]) -> Any:
    shutil.copyfile(security_groups.__file__, folder / "groups.py")
    shutil.copyfile(network_acls.__file__, folder / "acls.py")
    rules = {"nowhere": NOWHERE, "vpcs": ["127.0.0.0/16"], "groups": groups, "acls": {}}
    (folder / "rules").write_text(json.dumps(rules))
    for address in ("127.0.0.10", "127.0.0.11"):
        (folder / address).write_text(f"{address} subnet-1 sg-1")
    names = runpy.run_path(str(SHIM / "_drydock_guard.py"))
    return names["Guard"](str(folder), "127.0.0.10", lambda *_: False)


def test_threads_that_call_while_the_rules_are_read_see_them_whole(tmp_path: Path) -> None:
    guard = guard_of(tmp_path, {"sg-1": security_groups.Rules((), ()).as_json()})
    of_json, reading, others_have_called = guard.groups.Rules.of_json, threading.Event(), threading.Event()

    def slowly(rules: Any) -> Any:
        if not reading.is_set():
            reading.set()
            assert others_have_called.wait(30)
        return of_json(rules)

    guard.groups.Rules.of_json = slowly
    answers: list[Any] = []

    def call() -> None:
        answers.append(guard.instead("127.0.0.11", 80, 1))

    first = threading.Thread(target=call)
    first.start()
    assert reading.wait(30)
    call()
    others_have_called.set()
    first.join(30)
    assert answers == [tuple(NOWHERE)] * 2
