"""Modules of a task's interpreter: this folder is on its path, so each is a module of its own there."""
