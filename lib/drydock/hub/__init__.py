"""A JupyterHub for a classroom on one Linux machine: each learner has a server in a room of his own.

A room (`spawner`) is a process tree with its own user, network, process ids, files and limits. Its notebooks start an
embedded AWS there, as anywhere. `docs/hub.md` is the guide, `docs/decisions/10-a-room-each.md` says why it is so.
"""
