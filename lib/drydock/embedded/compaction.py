"""`python -m drydock.embedded.compaction BYTES < journal > new`: so many bytes of a journal, without what has gone."""

from drydock.embedded.assembly import RULES
from drydock.embedded.core.compaction import work

if __name__ == "__main__":
    work(RULES)
