"""The messages of one try."""

from agent.models.values import Message

LEFT_OUT = "[an old observation was taken out to make room; run the tool again if you need it]"
RECENT = (12, 4, 1)
"""Messages at the end that are kept: at first, and where that is still too long for the model."""
_PER_TOKEN = 4
"""Characters of a token, roughly."""


class Conversation:
    """Messages in order; the start never changes, so that providers' prompt caches hit."""

    def __init__(self) -> None:
        self._messages: list[Message] = []
        self._tokens = 0

    @property
    def messages(self) -> tuple[Message, ...]:
        """All of them."""
        return tuple(self._messages)

    @property
    def tokens(self) -> int:
        """Length at the last reply, as the endpoint counted, less what was taken out since; 0 before it."""
        return self._tokens

    def measured(self, tokens: int) -> None:
        """Keep what the endpoint counted."""
        self._tokens = tokens

    def system(self, text: str) -> None:
        """Say how to work."""
        self._messages.append(Message(role="system", content=text))

    def user(self, text: str) -> None:
        """Say something; joined to the last message where that is the user's too, as some endpoints want turns."""
        if self._messages and self._messages[-1].role == "user":
            last = self._messages.pop()
            text = f"{last.content}\n\n{text}"
        self._messages.append(Message(role="user", content=text))

    def assistant(self, message: Message) -> None:
        """Add a reply."""
        self._messages.append(message)

    def tool(self, call_id: str, text: str) -> None:
        """Answer a call."""
        self._messages.append(Message(role="tool", content=text, tool_call_id=call_id))

    def make_room(self, *, recent: int = RECENT[0], least: int = 1) -> bool:
        """Take all but the latest observations out at once, so that the new prefix can be cached.

        Args:
            recent: messages at the end that stay as they are.
            least: tokens that must come free, or nothing is done: whoever takes a little out in each turn has no prefix at all.

        Returns:
            False when nothing was taken out.
        """
        old = [
            index
            for index, message in enumerate(self._messages[:-recent])
            if message.role == "tool" and len(message.content) > 2 * len(LEFT_OUT)
        ]
        freed = sum(len(self._messages[index].content) - len(LEFT_OUT) for index in old) // _PER_TOKEN
        if not old or freed < least:
            return False
        for index in old:
            self._messages[index] = self._messages[index].model_copy(update={"content": LEFT_OUT})
        self._tokens = max(0, self._tokens - freed)
        return True
