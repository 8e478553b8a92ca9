"""Python shown in a notebook: highlighted in the theme's own colours, with a button that puts it into a cell."""

from __future__ import annotations

import html

from pygments.lexers.python import PythonLexer
from pygments.token import Comment, Keyword, Name, Number, Operator, String, _TokenType

_COLOURS: tuple[tuple[_TokenType, str, str], ...] = (
    (Comment, "comment", "#408080"),
    (Keyword, "keyword", "#008000"),
    (Operator.Word, "keyword", "#008000"),
    (Operator, "operator", "#7800c2"),
    (Number, "number", "#008000"),
    (String, "string", "#ba2121"),
    (Name.Builtin, "builtin", "#008000"),
    (Name.Function, "def", "#0000ff"),
)
"""Kinds of token, the colour of JupyterLab's theme for each, and what it is in another front end."""

_PUT = """
const cells = [...this.closest('.jp-Notebook')?.querySelectorAll('.jp-Cell') ?? []];
const text = this.parentNode.querySelector('code').textContent.trimEnd();
const turn = cells.findLastIndex(cell => cell.querySelector('.cm-content')?.textContent.includes(this.dataset.before));
const editor = cells[turn + 1]?.querySelector('.cm-content');
const view = (editor?.cmTile ?? editor?.cmView)?.view;
if (turn >= 0 && view) {
  view.dispatch({changes: {from: 0, to: view.state.doc.length, insert: text}});
  cells[turn + 1].scrollIntoView({block: 'center'});
  this.textContent = 'It is in the cell; Ctrl+Z there brings yours back';
} else {
  navigator.clipboard.writeText(text);
  this.textContent = 'Copied: paste it into your cell';
}
"""

_OLD = "<em>Nothing happens, as in a notebook that was opened again? Run this cell once more.</em>"


def code(source: str) -> str:
    """`source` as a block of HTML."""
    pieces = "".join(_coloured(kind, text) for kind, text in PythonLexer(stripnl=False).get_tokens(source))
    return f'<pre><code style="white-space:pre-wrap;overflow-wrap:anywhere">{pieces.rstrip()}</code></pre>'


def with_button(source: str, before: str) -> str:
    """`code`, and a button that puts it into the cell below the one that says `before`; elsewhere it copies it.

    JupyterLab takes the button's doing away where a notebook that it opens has it among its old outputs.
    """
    attributes = f'data-before="{html.escape(before)}" onclick="{html.escape(_PUT.strip())}"'
    return f'<div>{code(source)}<button type="button" {attributes}>Put it into my cell</button> {_OLD}</div>'


def _coloured(kind: _TokenType, text: str) -> str:
    shown = html.escape(text, quote=False)
    for each, theme, otherwise in _COLOURS:
        if kind in each:
            return f'<span style="color:var(--jp-mirror-editor-{theme}-color,{otherwise})">{shown}</span>'
    return shown
