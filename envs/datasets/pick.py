"""Which tasks of a dataset are wanted."""

import random
import re
from collections.abc import Sequence

from envs.errors import DatasetUnusable
from sandbox.values import Value


class Pick(Value):
    """A part of a dataset. Steps are taken in the order of the fields, as mini-swe-agent takes them; the default is everything."""

    ids: tuple[str, ...] = ()
    """Only these, in the dataset's order. One that does not exist is an error."""
    shuffle: int | None = None
    """Seed. The tasks are sorted by id first, so that the order of the file does not matter."""
    filter: str = ""
    """Regular expression that the beginning of an id must match."""
    slice: str = ""
    """`START:STOP[:STEP]` as in Python, or one number for the first so many."""

    def of(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return the wanted ids out of these.

        Raises:
            DatasetUnusable: an id that does not exist, a bad expression, or nothing is left.
        """
        wanted = set(self.ids)
        if absent := sorted(wanted - set(names)):
            others = f" and {len(absent) - 3} more" if len(absent) > 3 else ""
            raise DatasetUnusable(
                f"The dataset has no task {', '.join(absent[:3])}{others}.", hint="Check --ids and --split."
            )
        chosen = [name for name in names if not wanted or name in wanted]
        if self.shuffle is not None:
            chosen.sort()
            random.Random(self.shuffle).shuffle(chosen)  # noqa: S311 (an order, not a secret)
        try:
            chosen = [name for name in chosen if re.match(self.filter, name)]
        except re.error as error:
            raise DatasetUnusable(
                f"{self.filter!r} is no regular expression: {error}.", hint="Check --filter."
            ) from error
        chosen = chosen[_slice(self.slice)]
        if not chosen:
            raise DatasetUnusable("No task is left.", hint="Check --ids, --filter and --slice.")
        return tuple(chosen)


def _slice(text: str) -> slice:
    try:
        numbers = [int(part) if part.strip() else None for part in text.split(":")]
    except ValueError:
        numbers = []
    if not 1 <= len(numbers) <= 3 or numbers[2:] == [0]:
        raise DatasetUnusable(f"{text!r} is no slice.", hint="Write it as in Python, such as 0:10.")
    return slice(*numbers)
