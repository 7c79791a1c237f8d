"""Digests of requests: what the journal compares, and what token counts of earlier requests are found by."""

import hashlib
import json
import threading

from agent.models.values import ChatRequest, Message

_KEPT = 4
"""Conversations that are remembered; a trajectory seldom leads more than two at once."""


class Digests:
    """Chained digests of conversations: the digest after message n covers all messages up to it.

    A conversation that only grows has each message hashed once. Safe to use from several threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: list[tuple[tuple[Message, ...], list[bytes]]] = []

    def chain(self, messages: tuple[Message, ...]) -> list[bytes]:
        """Return the digest after each message."""
        with self._lock:
            known = list(self._known)
        shared, chain = 0, list[bytes]()
        for earlier, digests in known:
            same = _shared(earlier, messages)
            if same > shared:
                shared, chain = same, digests[:same]
        last = chain[-1] if chain else b""
        for message in messages[shared:]:
            last = hashlib.blake2b(last + _content(message), digest_size=16).digest()
            chain.append(last)
        with self._lock:
            rest = [entry for entry in self._known if entry[0] != messages[: len(entry[0])]]
            self._known = [(messages, chain), *rest][:_KEPT]
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
    parts = [message.role, message.content, message.tool_call_id or "", message.written]
    for call in message.tool_calls:
        parts += [call.id, call.name, call.arguments]
    extras = (message.extra, *(call.extra for call in message.tool_calls))
    if any(extras):
        parts.append(json.dumps(extras, sort_keys=True))
    texts = [part.encode("utf-8", "surrogatepass") for part in parts]
    return b"".join(len(text).to_bytes(8, "big") + text for text in texts)


def _shared(one: tuple[Message, ...], other: tuple[Message, ...]) -> int:
    """Length of the beginning that two conversations share."""
    length = min(len(one), len(other))
    # Tuples compare their elements by identity first: a conversation that only grew takes microseconds.
    if one[:length] == other[:length]:
        return length
    return next(index for index in range(length) if one[index] != other[index])
