"""The explorer: live where somebody can move its controls, a plain figure everywhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from jupyter_client.manager import start_new_kernel

from drydock.concepts import Choice, Slider, explore
from drydock.figures import Figure
from drydock.figures.figure import MIME

DRAW = """
from drydock.concepts import Choice, Slider, explore
from drydock.figures import Figure
def draw(n, kind="a"):
    if n > 8:
        raise ValueError(f"{n} is too many.")
    return Figure(f"{n} of {kind}", ("n", "kind"), [(n, kind)], [{"type": "bar", "y": [n]}])
"""
EXPLORE = "box = explore(draw, n=Slider(3, 0, 10), kind=Choice('b', ('a', 'b'))); box"
WIDGET = "application/vnd.jupyter.widget-view+json"

Runs = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="module")
def kernel() -> Iterator[Runs]:
    """Runs code as a front end does, and gives the outputs that it sent. `allow_stdin` is what tells who asks."""
    manager, client = start_new_kernel(kernel_name="python3")

    def run(code: str, *, allow_stdin: bool = True) -> list[dict[str, Any]]:
        seen: list[dict[str, Any]] = []

        def hear(message: dict[str, Any]) -> None:
            assert message["msg_type"] != "error", message["content"]["evalue"]
            if message["msg_type"] in ("display_data", "execute_result"):
                seen.append(message["content"]["data"])

        client.execute_interactive(code, allow_stdin=allow_stdin, output_hook=hear, timeout=60)
        return seen

    try:
        run(DRAW)
        yield run
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def asked(kernel: Runs, expression: str) -> str:
    """The text of an expression in the kernel."""
    return str(kernel(expression)[0]["text/plain"])


def test_a_headless_client_gets_the_figure_and_its_table(kernel: Runs) -> None:
    figure, table = kernel(EXPLORE, allow_stdin=False)
    assert list(figure) == [MIME, "text/plain"]
    assert figure["text/plain"] == "3 of b"
    assert "<td" in table["text/html"]


def test_a_strict_run_gets_the_figure_whoever_asks(kernel: Runs) -> None:
    kernel("import os; os.environ['DRYDOCK_STRICT'] = '1'")
    shown = kernel(EXPLORE)
    kernel("del os.environ['DRYDOCK_STRICT']")
    assert [WIDGET in one for one in shown] == [False, False]


def test_somebody_in_front_gets_controls_that_redraw(kernel: Runs) -> None:
    [shown] = kernel(EXPLORE)
    assert WIDGET in shown
    kernel("n, kind, out = box.children")
    assert asked(kernel, "out.outputs[0]['data']['text/plain']") == "'3 of b'"
    kernel("n.value = 4; kind.value = 'a'")
    assert asked(kernel, "[list(one['data']) for one in out.outputs]") == (
        f"[['{MIME}', 'text/plain'], ['text/html', 'text/plain']]"
    )
    assert asked(kernel, "out.outputs[0]['data']['text/plain']") == "'4 of a'"
    assert "<td" in asked(kernel, "out.outputs[1]['data']['text/html']")


def test_what_cannot_be_drawn_is_said_in_the_figures_place_and_the_next_move_draws_again(kernel: Runs) -> None:
    kernel(EXPLORE)
    kernel("n, kind, out = box.children; n.value = 9")
    assert "9 is too many." in asked(kernel, "out.outputs[0]['data']['text/html']")
    kernel("n.value = 8")
    assert asked(kernel, "out.outputs[0]['data']['text/plain']") == "'8 of b'"


def test_outside_a_notebook_it_is_the_figure() -> None:
    drawn = explore(lambda n: Figure(f"{n}", ("n",), [(n,)]), n=Slider(3, 0, 10))
    assert isinstance(drawn, Figure)
    assert drawn.rows == [(3,)]


def test_what_fails_headless_fails_the_cell() -> None:
    with pytest.raises(ZeroDivisionError):
        explore(lambda n: 1 / n, n=Slider(0, 0, 10))  # type: ignore[arg-type, return-value]


def test_a_value_outside_the_range_widens_the_control() -> None:
    slider = Slider(500, 0, 100).widget("n")
    assert (slider.min, slider.max, slider.value, slider.description) == (0, 500, 500, "n")
    choice = Choice("x", ("a", "b"), "kind of it").widget("kind")
    assert (choice.options, choice.value, choice.description) == (("x", "a", "b"), "x", "kind of it")
