"""Where no room can be made the hub has to say so, and that is tested."""

from __future__ import annotations

from tests.support import rooms

collect_ignore = ["test_hub.py"] if rooms.no_hub() else ["test_refused.py"]
