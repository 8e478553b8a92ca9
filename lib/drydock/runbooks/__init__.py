"""Operational runbooks: a plan as data, an approval that names it, an apply that can be undone, evidence."""
