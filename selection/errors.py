"""What can go wrong with files that a selection reads or writes.

WinnowError
└── PoolUnusable  a file of candidates, pools, labels or a selection's log cannot be read or written
"""

from sandbox.errors import WinnowError


class PoolUnusable(WinnowError):
    """A file of candidates, pools, labels or a selection's log cannot be read or written."""
