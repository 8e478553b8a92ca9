"""Decisions: plain functions over frozen values. No clock, no I/O, no AWS client."""
