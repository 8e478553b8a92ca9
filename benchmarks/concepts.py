"""How long a concept's figure takes to follow its sliders: `python benchmarks/concepts.py [--moves 40]`.

Each notebook is run in a kernel of its own as JupyterLab would, up to its explorer. Then every control is moved, and
the kernel's time from the new value to the new outputs is measured. What the browser needs to draw is not in it.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

import nbformat
from jupyter_client.manager import start_new_kernel

from drydock import concepts

LIMIT_MS = 50.0

MOVES = """
import json, statistics, time
*_controls, _shown = {explorer}.children
_took, _bytes = [], []
for _control in _controls:
    _values = list(_control.options) if hasattr(_control, "options") else range(_control.min, _control.max + 1)
    _first = _control.value
    for _move in range({moves}):
        _new = _values[_move % len(_values)]
        if _new != _control.value:
            _began = time.perf_counter()
            _control.value = _new
            _took.append(1000 * (time.perf_counter() - _began))
            _bytes.append(len(json.dumps(_shown.outputs)))
    _control.value = _first
_p95 = statistics.quantiles(_took, n=20)[-1]
_seen = dict(median=statistics.median(_took), p95=_p95, most=max(_took))
print(json.dumps(dict(_seen, moves=len(_took), bytes=max(_bytes))))
"""


def measure(name: str, moves: int) -> dict[str, Any]:
    """Milliseconds in the kernel for each move, and the bytes of the largest drawing."""
    cells = nbformat.read(concepts.notebook(name), as_version=4).cells
    code = [cell.source for cell in cells if cell.cell_type == "code"]
    explorer = next(index for index, source in enumerate(code) if source.startswith("explore("))
    said: list[str] = []

    def hear(message: dict[str, Any]) -> None:
        if message["msg_type"] == "stream":
            said.append(message["content"]["text"])
        if message["msg_type"] == "error":
            raise RuntimeError(f"{name}: {message['content']['ename']}: {message['content']['evalue']}")

    manager, client = start_new_kernel(kernel_name="python3")
    try:
        for source in [
            *code[:explorer],
            f"explorer_ = {code[explorer]}",
            MOVES.format(explorer="explorer_", moves=moves),
        ]:
            client.execute_interactive(source, allow_stdin=True, output_hook=hear, timeout=60)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    return dict(json.loads(said[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--moves", type=int, default=40, help="of each control")
    moves = parser.parse_args().moves
    for name in concepts.names():
        seen = measure(name, moves)
        within = "within" if seen["p95"] <= LIMIT_MS else "OVER"
        print(
            f"{name:16} {seen['moves']:4} moves  median {seen['median']:5.1f} ms  "
            f"95 of 100 under {seen['p95']:5.1f} ms, {within} {LIMIT_MS:g} ms  "
            f"most {seen['most']:5.1f} ms  at most {seen['bytes'] / 1000:.0f} kB a drawing"
        )


if __name__ == "__main__":
    main()
