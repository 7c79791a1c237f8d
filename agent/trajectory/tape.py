"""What a model was told, kept in the journal before it is told.

When a killed try starts again from the top, tools really run again, but the model is told what it was told then: a test that
takes a tenth of a second longer must not make the rest of a paid conversation worthless.
"""

from collections import deque
from typing import Any

from agent.journal import Journal

KIND = "observation"


class Tape:
    """The observations of one try, in order."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._past: deque[Any] = deque(event for event in journal.past if event["kind"] == KIND)

    def say(self, key: str, text: str) -> str:
        """Return what the model is told under a key: the journal's word where it has one, else `text`, journaled first.

        Args:
            key: says what is answered, such as the id of a tool call. Where the journal's next observation has another key,
                the try has taken another way than before, and the rest of the past is left behind.
            text: what is true now.
        """
        if self._past:
            event = self._past.popleft()
            if event.get("key") == key:
                return str(event["text"])
            self._past.clear()
        self._journal.append(KIND, through=False, key=key, text=text)
        return text

    def decide(self, key: str, reason: str) -> str:
        """Return why something is done now, empty when it is not: as the journal has it, as long as it has anything.

        What a shared budget leaves differs from process to process; a try that was decided must be decided alike again.
        """
        if self._past:
            return self.say(key, reason) if self._past[0].get("key") == key else ""
        return self.say(key, reason) if reason else ""
