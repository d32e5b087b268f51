"""The one test class that every store passes, whole and without skips.

A subclass provides two fixtures: `store`, an open and empty store that is closed afterwards, and `handles`, which makes
further handles on the same data. What is right is told by a `Model`, which searches through all records for each
answer. `tests` lets pytest rewrite the assertions here.
"""

from tests.support.contract.reads import ReadsContract
from tests.support.contract.tails import TailsContract
from tests.support.contract.writes import WritesContract


class StoreContract(ReadsContract, TailsContract, WritesContract):
    """What every store does."""
