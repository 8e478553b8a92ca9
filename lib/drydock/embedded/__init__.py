"""An AWS on this machine: a background process behind one loopback port.

`start()` brings one up or returns the one that runs; `find()`, `stop()` and `reset()` do what they say.
Everything else in this package belongs to that process: programs talk to it with boto3.
"""

from drydock.embedded.instance import Instance, NotStarted, find, fitting, instances, not_so, reset, start, stop

__all__ = ["Instance", "NotStarted", "find", "fitting", "instances", "not_so", "reset", "start", "stop"]
