"""What every service of the shop stands on: settings, logs, a server that drains, its own identity.

Standard library only. `vendor.py` copies it into each service's `vendor/`, like any other dependency.
"""
from __future__ import annotations

from chassis.log import Log
from chassis.server import Handler, Reply, Request, run
from chassis.settings import Invalid, Settings
from chassis.task import task_id

__all__ = ["Handler", "Invalid", "Log", "Reply", "Request", "Settings", "run", "task_id"]
