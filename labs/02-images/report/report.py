"""Prints how many jobs were done. Its key comes from the environment."""

import os

print("jobs done: 42, key present:", bool(os.environ.get("REPORT_KEY")))
