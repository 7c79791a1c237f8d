"""The way to an endpoint: the one module that knows the `openai` package.

The package brings authentication, proxies and certificates as its users know them. Its own repetitions are switched off, and
bodies go through it as bytes: checking a history of 200 messages against its types costs it more than everything else.
"""

import contextlib
import importlib
import socket
import threading
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from agent.models.errors import AuthenticationFailed, ModelUnavailable
from agent.models.retrying import stopped

if TYPE_CHECKING:
    import httpx2
    import openai

OPENAI = "https://api.openai.com/v1"
_CONNECT_S = 10.0
_LOOK_S = 0.2
"""Seconds between two looks at the wish to stop."""
_HIDDEN = "***"
_SHORTEST_SECRET = 4
_USUAL = {"host", "accept", "accept-encoding", "connection", "user-agent", "authorization", "transfer-encoding"}
_USUAL_BEGINNINGS = ("content-", "x-stainless-")


@dataclass(frozen=True)
class Answer:
    """What came back, whatever its status."""

    status: int
    headers: Mapping[str, str]
    """By names in small letters."""
    body: bytes


class Transport:
    """Connections to one endpoint, kept open between calls. Safe to use from several threads; close it at the end."""

    def __init__(
        self,
        *,
        base_url: str | None,
        api_key: str | None,
        headers: Mapping[str, str],
        timeout_s: float,
        connections: int,
        stop: threading.Event | None,
    ) -> None:
        """Keep the values; nothing is imported or opened before the first call.

        Args:
            base_url: up to `/v1`; None: OpenAI's own.
            api_key: None: none is sent.
            headers: sent with each request, over the usual ones.
            timeout_s: seconds without a byte from the endpoint; an answer comes as a whole, so this limits a call.
            connections: at once, at most.
            stop: once set, calls under way are cut and later ones refused.
        """
        self._base_url = (base_url or OPENAI).rstrip("/")
        self._api_key = api_key
        self._headers = dict(headers)
        self._authorized = api_key is not None or "authorization" in map(str.lower, headers)
        self._timeout_s = timeout_s
        self._connections = connections
        self._stop = stop
        self._secrets = sorted(
            filter(_is_secret, [api_key or "", *headers.values(), *_userinfo(self._base_url)]), key=len, reverse=True
        )
        self._lock = threading.Lock()
        self._client: openai.OpenAI | None = None
        self._closed = threading.Event()
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()

    @property
    def endpoint(self) -> str:
        """The address for messages, without secrets."""
        parts = urlsplit(self._base_url)
        return self.redact(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}")

    def redact(self, text: str) -> str:
        """Return text without the key and the values of headers."""
        for secret in self._secrets:
            text = text.replace(secret, _HIDDEN)
        return text

    def post(self, path: str, body: bytes) -> Answer:
        """Send a body once and wait for the answer, good or bad.

        Raises:
            AuthenticationFailed: there is no key, and the endpoint is OpenAI's.
            ModelUnavailable: no connection, a time-out, a cut, or the wish to stop.
        """
        if self._wants_stop():
            raise stopped()
        client = self._opened()
        httpx2, sdk = importlib.import_module("httpx2"), importlib.import_module("openai")
        options: Any = {"headers": {"Content-Type": "application/json"}}
        if not self._authorized:
            options["headers"]["Authorization"] = sdk.Omit()
        try:
            response = client.post(path, cast_to=httpx2.Response, content=body, options=options)
        except sdk.APIStatusError as error:
            response = error.response
        except sdk.APIConnectionError as error:
            raise self._lost(error) from None
        return Answer(
            response.status_code, {name.lower(): value for name, value in response.headers.items()}, response.content
        )

    def close(self) -> None:
        """Close all connections; calls under way end with `ModelUnavailable`."""
        self._closed.set()
        self._cut()
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _lost(self, error: Exception) -> ModelUnavailable:
        """The error of a call without an answer. What reached the endpoint may be billed, what never did is not."""
        if self._wants_stop():
            return stopped(maybe_billed=True)
        cause = error.__cause__ or error
        kinds = {kind.__name__ for kind in type(cause).__mro__}
        sent = not kinds & {"ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError", "UnsupportedProtocol"}
        if not sent:
            return ModelUnavailable(
                self.redact(f"{self.endpoint} cannot be reached: {str(cause) or type(cause).__name__}"),
                hint="Check the base URL, and that the server runs and can be reached from here.",
            )
        if "TimeoutException" in kinds:
            return ModelUnavailable(
                f"{self.endpoint} gave no answer within {self._timeout_s:g} seconds.",
                hint="Allow more seconds, or fewer output tokens.",
                maybe_billed=True,
            )
        why = self.redact(str(cause) or type(cause).__name__)
        return ModelUnavailable(
            f"{self.endpoint} cut the connection: {why}", hint="Try again later.", maybe_billed=True
        )

    def _opened(self) -> "openai.OpenAI":
        with self._lock:
            if self._client is None:
                if not self._authorized and self._base_url == OPENAI:
                    raise AuthenticationFailed(
                        "There is no API key.", hint="Set OPENAI_API_KEY, or a base URL of an endpoint that needs none."
                    )
                self._client = self._open()
                if self._stop is not None:
                    watcher = threading.Thread(
                        target=_watch, args=(weakref.ref(self), self._stop, self._closed), daemon=True
                    )
                    watcher.start()
            return self._client

    def _open(self) -> "openai.OpenAI":
        sdk, httpx2 = importlib.import_module("openai"), importlib.import_module("httpx2")
        limits = httpx2.Limits(max_connections=self._connections, max_keepalive_connections=self._connections)
        http = httpx2.Client(
            limits=limits,
            timeout=httpx2.Timeout(self._timeout_s, connect=min(_CONNECT_S, self._timeout_s)),
            event_hooks={"request": [self._follow]},
        )
        client: openai.OpenAI = sdk.OpenAI(
            api_key=self._api_key or "none",
            base_url=self._base_url,
            default_headers=self._headers,
            timeout=http.timeout,
            max_retries=0,
            http_client=http,
        )
        return client

    def _follow(self, request: "httpx2.Request") -> None:
        """Have each new connection of a request reported, and take off what came from the environment behind our back.

        The package reads further keys, an organisation, a project and whole headers there, for whatever endpoint it is.
        """
        own = {name.lower() for name in self._headers}
        if self._api_key is not None and "authorization" not in own:
            request.headers["Authorization"] = f"Bearer {self._api_key}"
        elif not self._authorized and not request.url.userinfo:
            request.headers.pop("Authorization", None)
        for name in list(request.headers):
            if name.lower() not in own | _USUAL and not name.lower().startswith(_USUAL_BEGINNINGS):
                del request.headers[name]
        request.extensions = {**request.extensions, "trace": self._connected}

    def _connected(self, event: str, info: Mapping[str, Any]) -> None:
        if event.endswith(("connect_tcp.complete", "start_tls.complete", "connect_unix_socket.complete")):
            found = info["return_value"].get_extra_info("socket")
            if isinstance(found, socket.socket):
                self._sockets.add(found)
                if self._wants_stop():
                    self._cut()

    def _wants_stop(self) -> bool:
        return self._closed.is_set() or (self._stop is not None and self._stop.is_set())

    def _cut(self) -> None:
        """Shut all connections down. Closing them would not wake a thread that waits for one."""
        for connection in list(self._sockets):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def _watch(reference: "weakref.ref[Transport]", stop: threading.Event, closed: threading.Event) -> None:
    """Wait for the wish to stop, for as long as the transport lives and is open."""
    while not closed.is_set():
        if stop.wait(_LOOK_S):
            transport = reference()
            if transport is not None:
                transport._cut()
            return
        if reference() is None:
            return


def _is_secret(text: str) -> bool:
    return len(text) >= _SHORTEST_SECRET


def _userinfo(url: str) -> list[str]:
    parts = urlsplit(url)
    return [part for part in (parts.password, parts.username) if part]
