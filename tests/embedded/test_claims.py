"""Addresses that several clouds on one machine do not give out twice."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from drydock.embedded.core.claims import Claims

HOLD = """
import sys
from drydock.embedded.core.claims import Claims
claims = Claims()
print(claims.hold(sys.argv[1]), flush=True)
sys.stdin.readline()
"""
ADDRESS = f"127.200.{os.getpid() >> 8 & 255}.{os.getpid() & 255}"


@pytest.mark.process
def test_an_address_is_one_clouds_until_it_lets_go_or_its_process_is_killed() -> None:
    ours = Claims()
    with subprocess.Popen([sys.executable, "-c", HOLD, ADDRESS], stdin=-1, stdout=-1, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        assert not ours.hold(ADDRESS)
        other.kill()
    assert ours.hold(ADDRESS)
    assert not ours.hold(ADDRESS)
    assert not Claims().hold(ADDRESS)
    ours.release(ADDRESS)
    assert Claims().hold(ADDRESS)
