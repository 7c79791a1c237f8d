"""Digests of requests: what the journal compares, and what token counts of earlier requests are found by."""

import hashlib
import threading
from collections.abc import Sequence

from agent.models.values import ChatRequest, Message

_KEPT = 4
"""Conversations that are remembered; a trajectory seldom leads more than two at once."""


class Digests:
    """Chained digests of conversations: the digest after message n covers all messages up to it.

    A conversation that only grows has each message hashed once: what was hashed before is found by identity, which costs one
    comparison of pointers per message. Safe to use from several threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: list[tuple[Sequence[Message], list[bytes]]] = []

    def chain(self, messages: Sequence[Message]) -> list[bytes]:
        """Return the digest after each message."""
        with self._lock:
            known = list(self._known)
        shared, chain = 0, [b""]
        for earlier, digests in known:
            same = _shared(earlier, messages)
            if same > shared:
                shared, chain = same, digests[:same]
        if not shared:
            chain = []
        last = chain[-1] if chain else b""
        for message in messages[shared:]:
            last = hashlib.blake2b(last + _content(message), digest_size=16).digest()
            chain.append(last)
        with self._lock:
            self._known = [(messages, chain), *(entry for entry in self._known if not _is_prefix(entry[0], messages))]
            del self._known[_KEPT:]
        return chain

    def of(self, request: ChatRequest) -> str:
        """Return the digest of a whole request, as hexadecimal text: messages, tools and sampling."""
        chain = self.chain(request.messages)
        hasher = hashlib.blake2b(chain[-1] if chain else b"", digest_size=16)
        for tool in request.tools:
            hasher.update(repr((tool.name, tool.description, tool.parameters)).encode("utf-8", "surrogatepass"))
        hasher.update(repr(request.sampling).encode())
        return hasher.hexdigest()


def _content(message: Message) -> bytes:
    """All of a message, with lengths, so that no two messages look the same."""
    parts = [message.role, message.content, message.tool_call_id or ""]
    for call in message.tool_calls:
        parts += [call.id, call.name, call.arguments]
    texts = [part.encode("utf-8", "surrogatepass") for part in parts]
    return b"".join(len(text).to_bytes(8, "big") + text for text in texts)


def _shared(one: Sequence[Message], other: Sequence[Message]) -> int:
    """Length of the beginning that two conversations share, by identity."""
    count = 0
    for mine, yours in zip(one, other, strict=False):
        if mine is not yours:
            break
        count += 1
    return count


def _is_prefix(one: Sequence[Message], other: Sequence[Message]) -> bool:
    return len(one) <= len(other) and _shared(one, other) == len(one)
