"""A chat endpoint on loopback for tests and benches: real HTTP, one thread per connection, little else.

A script says what each request gets: an `Answer`, or a fault of the network. The cost of a request here is some tenths of a
millisecond, so that what is measured against it is the client's.
"""

import contextlib
import json
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True)
class Seen:
    """One request as it arrived."""

    path: str
    headers: Mapping[str, str]
    """By names in small letters."""
    raw: bytes

    @property
    def body(self) -> dict[str, Any]:
        """The JSON in it."""
        parsed: dict[str, Any] = json.loads(self.raw)
        return parsed


@dataclass(frozen=True)
class Answer:
    """What a request gets."""

    body: bytes | Mapping[str, Any] = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    """Seconds before the first byte, on top of the server's latency."""
    cut_after: int | None = None
    """The connection is cut after so many bytes of the body; None: the body comes whole."""

    @property
    def raw(self) -> bytes:
        """The body's bytes."""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


def completion(content: Any = "", *calls: Any, finish: str | None = None, usage: Any = ..., **message: Any) -> Answer:
    """A good answer: text, and tool calls as (name, arguments) or as they stand on the wire."""
    wire = [
        {"id": f"c{index}", "type": "function", "function": {"name": call[0], "arguments": call[1]}}
        if isinstance(call, tuple)
        else call
        for index, call in enumerate(calls)
    ]
    body: dict[str, Any] = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "served-model",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": content,
                    **({"tool_calls": wire} if wire else {}),
                    **message,
                },
                "finish_reason": finish or ("tool_calls" if wire else "stop"),
            }
        ],
    }
    if usage is ...:
        usage = {
            "prompt_tokens": 100,
            "completion_tokens": 20,
            "total_tokens": 120,
            "prompt_tokens_details": {"cached_tokens": 40},
        }
    if usage is not None:
        body["usage"] = usage
    return Answer(body)


def fault(status: int, message: str, *, headers: Mapping[str, str] | None = None, **fields: Any) -> Answer:
    """A refusal in OpenAI's form."""
    return Answer({"error": {"message": message, **fields}}, status, headers or {})


class ChatServer:
    """Serves a script until the context is left. Fails requests with status 599 when the script has run out.

    Attributes:
        seen: every request so far, in order of arrival.
    """

    def __init__(
        self, script: Iterable[Answer] | Callable[[Seen], Answer], *, latency_s: float = 0.0, keep: bool = True
    ) -> None:
        """Take the script.

        Args:
            script: answers in order of arrival; or what answers a request, from several threads at once.
            latency_s: seconds before each answer.
            keep: whether requests are kept in `seen`; benches do without.
        """
        self._answer = script if callable(script) else None
        self._lines = [] if callable(script) else list(script)
        self._latency_s = latency_s
        self._keep = keep
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._closing = threading.Event()
        self.seen: list[Seen] = []
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.chat = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        """The base URL for clients."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._server.shutdown()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        self._server.server_close()
        self._thread.join()

    def reply_to(self, seen: Seen) -> Answer:
        """What the script says to a request, after the latency."""
        with self._lock:
            if self._keep:
                self.seen.append(seen)
            line = None if self._answer else self._lines.pop(0) if self._lines else fault(599, "the script has run out")
        answer = line or self._answer(seen)  # type: ignore[misc]
        if self._latency_s + answer.delay_s:
            self._closing.wait(self._latency_s + answer.delay_s) if answer.delay_s else time.sleep(self._latency_s)
        return answer

    def track(self, connection: socket.socket, *, is_open: bool) -> None:
        with self._lock:
            (self._open.add if is_open else self._open.discard)(connection)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 256
    chat: ChatServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients may leave as they like."""


class _Handler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        chat: ChatServer = self.server.chat  # type: ignore[attr-defined]
        connection: socket.socket = self.request
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        chat.track(connection, is_open=True)
        try:
            rest = b""
            while True:
                seen, rest = _read(connection, rest)
                if seen is None or not self._send(connection, chat.reply_to(seen)):
                    return
        except OSError:
            return
        finally:
            chat.track(connection, is_open=False)

    def _send(self, connection: socket.socket, answer: Answer) -> bool:
        """Send it; False when the connection is over."""
        raw = answer.raw
        head = f"HTTP/1.1 {answer.status} X\r\nContent-Type: application/json\r\nContent-Length: {len(raw)}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in answer.headers.items())
        if answer.cut_after is not None:
            connection.sendall(head.encode() + b"\r\n" + raw[: answer.cut_after])
            return False
        connection.sendall(head.encode() + b"\r\n" + raw)
        return True


def _read(connection: socket.socket, data: bytes) -> tuple[Seen | None, bytes]:
    """The next request of a connection and what came behind it; None at the end."""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return None, b""
        data += more
    head, _, rest = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    length = int(headers.get("content-length", 0))
    parts, have = [rest], len(rest)
    while have < length:
        more = connection.recv(1 << 20)
        if not more:
            return None, b""
        parts.append(more)
        have += len(more)
    whole = b"".join(parts)
    return Seen(first.split(" ")[1], headers, whole[:length]), whole[length:]
