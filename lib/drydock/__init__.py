"""Drydock: learn, rehearse and run container operations on AWS."""
