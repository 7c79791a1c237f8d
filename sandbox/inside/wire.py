"""Frames between a machine and its owner, on standard input and output."""

import json
import os
import select
import struct

MYPY = False
if MYPY:  # annotations are strings; importing typing takes milliseconds of every start
    from typing import Any

HEADER = struct.Struct("!cIQ")
"""A frame: its kind, the length of its JSON part, the length of its binary part; then both parts.

Requests:  X exec (body: stdin) · C cancel it · R read · W write (body: content) · U unpack, then D data ... · Z end of data
Answers:   H hello · O standard output as it comes · F finished (body: stdout + stderr) · D data · K done · N refused
"""

BACKLOG = 1 << 20
"""Streamed output that waits for a slow reader, in bytes; beyond it the command waits too."""


class Gone(Exception):
    """The owner has closed the line."""


class Refused(Exception):
    """A request that is wrong in itself; the owner raises ValueError."""


def encode(text: str) -> bytes:
    """File names and arguments travel as text with surrogates for bytes that are not UTF-8."""
    return text.encode("utf-8", "surrogateescape")


class Line:
    """Frames to and from the owner. Writing never blocks while a command runs, so that time-outs hold."""

    def __init__(self) -> None:
        self.inbox = bytearray()
        self.outbox = bytearray()
        os.set_blocking(0, False)
        os.set_blocking(1, False)

    def fill(self) -> None:
        """Read what has come; the input must be readable."""
        try:
            data = os.read(0, 1 << 20)
        except BlockingIOError:
            return
        if not data:
            raise Gone
        self.inbox += data

    def take(self) -> "tuple[bytes, dict[str, Any], bytes] | None":
        """Return the next frame when it has come wholly."""
        if len(self.inbox) < HEADER.size:
            return None
        kind, meta, body = HEADER.unpack_from(self.inbox)
        end = HEADER.size + meta + body
        if len(self.inbox) < end:
            return None
        head = json.loads(self.inbox[HEADER.size : HEADER.size + meta].decode("ascii") or "{}")
        frame = kind, head, bytes(self.inbox[HEADER.size + meta : end])
        del self.inbox[:end]
        return frame

    def receive(self) -> "tuple[bytes, dict[str, Any], bytes]":
        """Wait for the next frame."""
        while True:
            frame = self.take()
            if frame:
                return frame
            select.select([0], [], [])
            self.fill()

    def post(self, kind: bytes, meta: "dict[str, Any] | None" = None, *parts: bytes) -> None:
        """Put a frame into the outbox."""
        head = json.dumps(meta or {}).encode("ascii")
        self.outbox += HEADER.pack(kind, len(head), sum(map(len, parts))) + head
        for part in parts:
            self.outbox += part
        self.pump()

    def pump(self) -> None:
        """Write what can be written now."""
        try:
            while self.outbox:
                del self.outbox[: os.write(1, self.outbox[: 1 << 20])]
        except BlockingIOError:
            pass
        except OSError:
            raise Gone from None

    def flush(self) -> None:
        """Write everything."""
        while self.outbox:
            select.select([], [1], [])
            self.pump()
