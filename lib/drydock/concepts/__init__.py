"""Concept notebooks: a rule, a slider over it, and what the two guides said of it.

notebooks/<name>.ipynb has these headings: Question · Predict first · What the guides say · The rule · Try it ·
What it costs · When it fails · Remember · Sources. It talks to no cloud. Its numbers come from drydock.policy and
drydock.pricing, and its pictures from a module of this package that has the notebook's name:

    n = 10                # cell tagged `parameters`: plain values, one for each control
    prediction = ""       # what the reader answers to Predict first
    solve = False         # True: the answer is shown

    from drydock.concepts import Slider, claims, explore, predict
    from drydock.concepts import capacity_mix as concept

    question = concept.question(n, …)                   # shows what is asked, and gives nothing away
    predict(question, prediction, solve=solve)          # right or not, and why; empty: not answered yet
    claims.claims_about(claims.SPLIT)                   # the guides' statements, computed again and judged
    explore(concept.mix, n=Slider(n, 0, 100), …)        # the figure, and sliders where somebody can move them

What draws is a pure function that returns a drydock.figures.Figure: the same values, the same bytes. It asserts what
must hold, so that a run at other parameters fails where something is off. `explore` gives the Figure alone when
nobody is there to move a slider (`drydock.attended`), so a committed notebook, a run by papermill and
nbval's comparison have the static figure and its table.
"""

from drydock.concepts import claims
from drydock.concepts.catalogue import NoSuchConcept, fixture, names, notebook
from drydock.concepts.explore import Choice, Slider, explore
from drydock.concepts.predict import Question, predict
from drydock.concepts.runner import Report, run

__all__ = [
    "Choice",
    "NoSuchConcept",
    "Question",
    "Report",
    "Slider",
    "claims",
    "explore",
    "fixture",
    "names",
    "notebook",
    "predict",
    "run",
]
