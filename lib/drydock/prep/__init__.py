"""Interview preparation: questions as data, cards with spacing, quizzes that `policy/` answers."""
