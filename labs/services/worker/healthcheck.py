import sys

import heartbeat

age = heartbeat.age()
if age is None:
    sys.exit("no heartbeat yet")
if age > heartbeat.max_age():
    sys.exit(f"last heartbeat {age:.0f} s ago")
