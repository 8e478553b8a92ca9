"""Interview preparation: cards that come back before they are forgotten, and a quiz that computes its answers.

    from drydock.prep import Deck, Quiz, study, take

    deck = Deck.open()                  # the questions, and the learner's own record of them
    Deck.open("Cost, Scaling", "hard")  # those of some topics and levels
    study(deck, new=10)                 # in JupyterLab: cards, by keyboard
    study(deck, "3 3 1 4", new=10)      # anywhere: these ratings, in order, and what becomes of the cards
    forecast(deck, now())               # reviews of the next 30 days; also standing, retention
    export(deck, "cards.apkg")          # for Anki
    take(Quiz(seed=1))                  # ten questions, drawn and numbered by the seed
    take(Quiz(seed=1), "4 b 2.5 acb")   # answered, marked and explained

A mock interview is `drydock.prep.interview`.

The questions are data, a file for each topic in notebooks/prep/questions, held against the schema beside them. When a
card comes back is decided by the fsrs package. What is right in the quiz is decided by `drydock.policy` and
`drydock.pricing`. Design exercises are in `drydock.prep.designs`.
"""

from drydock.prep.anki import export
from drydock.prep.deck import BadDeck, Deck, Reviewed
from drydock.prep.items import BadAnswer, Item, Marked
from drydock.prep.outlook import forecast, retention, standing
from drydock.prep.questions import BadQuestions, Question
from drydock.prep.quiz import Quiz
from drydock.prep.sessions import BadRating, now, study, take

__all__ = [
    "BadAnswer",
    "BadDeck",
    "BadQuestions",
    "BadRating",
    "Deck",
    "Item",
    "Marked",
    "Question",
    "Quiz",
    "Reviewed",
    "export",
    "forecast",
    "now",
    "retention",
    "standing",
    "study",
    "take",
]
