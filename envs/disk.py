"""Says in one sentence that the disk is full, wherever files are written."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from sandbox.errors import DiskFull


@contextmanager
def room_for(what: str) -> Iterator[None]:
    """Guard a block that writes files; `what` names what is written, for people.

    Raises:
        DiskFull: no room is left, or the user's quota is used up.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(f"The disk is full: {what} cannot be written.", hint="Make room, and try again.") from error
        raise
