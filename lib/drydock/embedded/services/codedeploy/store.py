"""What there is, as rows of the data file: a JSON record for each thing."""

from __future__ import annotations

import json
from typing import Any

from drydock.embedded.core.data import Data

TABLES = """
CREATE TABLE IF NOT EXISTS codedeploy (
  region TEXT, kind TEXT, key TEXT, record TEXT, PRIMARY KEY (region, kind, key)
) WITHOUT ROWID
"""


def is_kept(data: Data) -> bool:
    """Whether a file has anything of CodeDeploy."""
    if not data.read("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'codedeploy'"):
        return False
    return bool(data.read("SELECT 1 FROM codedeploy LIMIT 1"))


class Store:
    def __init__(self, data: Data) -> None:
        self._data = data
        data.define(TABLES)

    def regions(self) -> list[str]:
        return [region for (region,) in self._data.read("SELECT DISTINCT region FROM codedeploy")]

    def read(self, region: str, kind: str) -> list[tuple[str, str]]:
        """(key, record) of a kind."""
        return self._data.read("SELECT key, record FROM codedeploy WHERE region = ? AND kind = ?", region, kind)

    def keep(self, region: str, kind: str, key: str, record: Any) -> None:
        self._data.write("REPLACE INTO codedeploy VALUES (?, ?, ?, ?)", region, kind, key, json.dumps(record))

    def forget(self, region: str, kind: str, key: str) -> None:
        self._data.write("DELETE FROM codedeploy WHERE region = ? AND kind = ? AND key = ?", region, kind, key)
