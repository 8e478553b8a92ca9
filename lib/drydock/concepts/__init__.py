"""Concept notebooks: a rule, a slider over it, and what the two guides said of it."""
