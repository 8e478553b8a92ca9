"""How long requests wait for a worker: Erlang's C formula, of a queue with several workers (M/M/c).

Derived: requests come independently of each other, and how long one takes to serve varies as an exponential does. Of
services that take the same time always, about half as many wait as long: the figures here are on the safe side.
"""

from __future__ import annotations

import math


def waiting(workers: int, offered: float) -> float:
    """The part of the requests, 0 to 1, that find all workers busy.

    offered  how many workers the requests keep busy: those that arrive in a second times the seconds that one takes.

    Raises ValueError without a worker. Source: A. K. Erlang's delay formula, by the recursion of his loss formula.

    >>> round(waiting(1, 0.7), 3), round(waiting(2, 1.4), 3)
    (0.7, 0.576)
    """
    if workers < 1 or offered < 0:
        raise ValueError(f"It takes a worker and a load of 0 or more, not {workers} and {offered:g}.")
    if offered >= workers:
        return 1.0
    loss = 1.0
    for number in range(1, workers + 1):
        loss = offered * loss / (number + offered * loss)
    return loss / (1 - offered / workers * (1 - loss))


def late(workers: int, arrivals: float, seconds: float, deadline: float) -> float:
    """The part of the requests, 0 to 1, that wait for longer than what the deadline leaves them.

    arrivals  requests a second at these workers
    seconds   that one takes to serve, on average; who has waited for `deadline` less that is late

    Raises ValueError for requests that take no time, and without a worker.

    >>> late(1, 14, 0.05, 0.25) > late(1, 10, 0.05, 0.25)
    True
    """
    if seconds <= 0:
        raise ValueError(f"A request takes more than 0 seconds, not {seconds:g}.")
    offered = arrivals * seconds
    if offered >= workers or deadline <= seconds:
        return 1.0
    return waiting(workers, offered) * math.exp(-(workers - offered) / seconds * (deadline - seconds))
