"""Lists and removes containers in a few milliseconds, by plain HTTP: importing the Docker library takes a quarter second."""

import http.client
import json
import socket
from typing import Any
from urllib.parse import quote, urlsplit

from sandbox.engine.labels import OWNER

PATIENCE = 10.0
"""Seconds for each request."""


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def containers(url: str) -> list[dict[str, Any]]:
    """Return what the daemon lists of Winnow's containers; nothing when no daemon answers at `url`."""
    filters = quote(json.dumps({"label": [OWNER]}))
    status, body = _request(url, "GET", f"/containers/json?all=1&filters={filters}")
    found: list[dict[str, Any]] = json.loads(body) if status == http.client.OK else []
    return found


def remove(url: str, container: str) -> bool:
    """Kill and remove a container with its volumes; say whether it is on its way out."""
    status, _ = _request(url, "DELETE", f"/containers/{container}?force=1&v=1")
    return status in (http.client.NO_CONTENT, http.client.CONFLICT)


def _request(url: str, method: str, path: str) -> tuple[int, bytes]:
    """Return status and body; status 0 when there is no answer. Engines behind TLS or SSH are not asked."""
    place = urlsplit(url)
    if place.scheme == "unix":
        connection: http.client.HTTPConnection = _UnixConnection(place.path)
    elif place.scheme in ("tcp", "http"):
        connection = http.client.HTTPConnection(place.netloc, timeout=PATIENCE)
    else:
        return 0, b""
    try:
        connection.request(method, path)
        response = connection.getresponse()
        return response.status, response.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()
