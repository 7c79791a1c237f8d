"""The owner's end of the line to a supervisor: bytes over a pair of pipes or over an attached container."""

import os
import select
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

from sandbox.errors import SandboxLost

PIECE = 1 << 20
SILENT = "the sandbox does not answer"


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise SandboxLost(SILENT) from error
    except BlockingIOError:
        raise
    except OSError as error:
        raise SandboxLost(f"the line to the sandbox broke: {error.strerror or error}") from error


class Wire(Protocol):
    """A duplex byte stream. Every method raises `SandboxLost` when the other end is gone or too slow."""

    def send(self, data: bytes | memoryview, deadline: float) -> None:
        """Write all of it before `deadline` (`time.monotonic`)."""

    def receive(self, deadline: float) -> bytes:
        """Return what has come, at least one byte."""

    def close(self) -> None:
        """Close both directions. The supervisor ends when its input does."""


class Closable(Protocol):
    """Anything that is closed."""

    def close(self) -> object:
        """Close it."""


class FdWire:
    """A wire over file descriptors.

    Args:
        reader: where the supervisor's output comes from.
        writer: where its input goes; may be the same descriptor (a socket).
        close: closes both.
    """

    def __init__(self, reader: int, writer: int, close: Callable[[], None]) -> None:
        self._reader, self._writer, self.close = reader, writer, close
        os.set_blocking(reader, False)
        os.set_blocking(writer, False)

    def send(self, data: bytes | memoryview, deadline: float) -> None:
        """See `Wire`."""
        view = memoryview(data)
        while view:
            self._wait(self._writer, select.POLLOUT, deadline)
            with _translated(), suppress(BlockingIOError):
                view = view[os.write(self._writer, view[:PIECE]) :]

    def receive(self, deadline: float) -> bytes:
        """See `Wire`."""
        while True:
            self._wait(self._reader, select.POLLIN, deadline)
            with _translated(), suppress(BlockingIOError):
                data = os.read(self._reader, PIECE)
                if not data:
                    raise SandboxLost("the sandbox ended")
                return data

    def _wait(self, fd: int, event: int, deadline: float) -> None:
        poll = select.poll()
        poll.register(fd, event)
        if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
            raise SandboxLost(SILENT)


class SocketWire:
    """A wire over a connected socket, plain or TLS.

    Args:
        connection: the socket.
        wrappers: objects that hold it too and are closed with it.
    """

    def __init__(self, connection: socket.socket, *wrappers: Closable) -> None:
        self._connection, self._wrappers = connection, wrappers

    def send(self, data: bytes | memoryview, deadline: float) -> None:
        """See `Wire`."""
        with _translated():
            self._connection.settimeout(max(0.001, deadline - time.monotonic()))
            self._connection.sendall(data)

    def receive(self, deadline: float) -> bytes:
        """See `Wire`."""
        with _translated():
            self._connection.settimeout(max(0.001, deadline - time.monotonic()))
            data = self._connection.recv(PIECE)
        if not data:
            raise SandboxLost("the sandbox ended")
        return data

    def close(self) -> None:
        """See `Wire`; the daemon learns of it at once, whoever else holds the descriptor."""
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        for holder in (*self._wrappers, self._connection):
            holder.close()


class MuxWire:
    """The stream of an attached container: Docker puts a header before each piece of its output.

    Attributes:
        errors: the last of what the container wrote to standard error, for messages.
    """

    def __init__(self, inner: Wire) -> None:
        self._inner, self.send, self.close = inner, inner.send, inner.close
        self._buffer = bytearray()
        self._left, self._stdout = 0, True
        self.errors = b""

    def receive(self, deadline: float) -> bytes:
        """See `Wire`."""
        out = bytearray()
        while not out:
            if not self._buffer:
                self._buffer += self._inner.receive(deadline)
            self._split(out)
            if not out and self._buffer:  # part of a header
                self._buffer += self._inner.receive(deadline)
        return bytes(out)

    def _split(self, out: bytearray) -> None:
        while True:
            if not self._left:
                if len(self._buffer) < 8:
                    return
                stream, self._left = struct.unpack_from(">BxxxI", self._buffer)
                self._stdout = stream == 1
                del self._buffer[:8]
            piece = bytes(self._buffer[: self._left])
            if not piece:
                return
            del self._buffer[: len(piece)]
            self._left -= len(piece)
            if self._stdout:
                out += piece
            else:
                self.errors = (self.errors + piece)[-4096:]
