"""The container credentials endpoint: HTTP on loopback, behind a token.

    GET /profiles/NAME + Authorization: TOKEN -> a set, or {code, message}

What SDKs ask by AWS_CONTAINER_CREDENTIALS_FULL_URI. Owns: the socket, and how long
anybody may take to ask. Never: judges a request (``answers`` does), gets credentials
(``supply``), prints, or logs a request.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import socket
import socketserver
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from sts_plugin.answers import ADDRESS, PATH, judge, path_of, problem, to_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from io import BufferedIOBase

    from sts_plugin.answers import Answer
    from sts_plugin.model import Secret
    from sts_plugin.supply import Supply

__all__ = ["Endpoint"]

ANSWER_SECONDS: Final = 0.7
"""How long a request waits for credentials: the JavaScript SDK gives up after one
second, botocore after two."""

CONNECTION_SECONDS: Final = 5.0
"""How long a connection may last, whatever is sent on it: one request has few bytes."""

CONNECTIONS_MAX: Final = 200
"""Beyond it the oldest one is closed: it has had time enough to ask."""

HEAD_BYTES_MAX: Final = 16_384
"""The head of a request: SDKs send some hundred bytes."""

LOOK_SECONDS: Final = 0.25
"""How often connections are looked at that last too long, and sets that are due."""


class Endpoint:
    """Serves profiles, each from its supply, from a thread of its own.

    Bound as soon as it is made: OSError where the port is taken. Whoever connects
    before ``start`` waits.
    """

    def __init__(
        self,
        supplies: Mapping[str, Supply],
        token: Secret,
        *,
        port: int = 0,
        defect: Callable[[str], None] = lambda _line: None,
    ) -> None:
        self._supplies = supplies
        self._server = _Server(supplies, token, port, defect)
        self._loop = threading.Thread(
            target=self._server.serve_forever,
            args=(LOOK_SECONDS,),
            name="sts-plugin endpoint",
            daemon=True,
        )

    def url(self, profile: str) -> str:
        """Return the URL of a profile."""
        return f"http://{ADDRESS}:{self._server.port}{path_of(profile)}"

    def start(self) -> None:
        """Serve from now on."""
        self._loop.start()

    def stop(self) -> None:
        """Close every socket."""
        if self._loop.is_alive():
            self._server.shutdown()
            self._loop.join()
        self._server.server_close()
        self._server.close_older_than(0)


class _Server(socketserver.ThreadingTCPServer):
    """A thread for each connection, none of which lasts."""

    # On Windows it would let another program take the port over.
    allow_reuse_address = os.name == "posix"
    daemon_threads = True
    request_queue_size = 256

    def __init__(
        self,
        supplies: Mapping[str, Supply],
        token: Secret,
        port: int,
        defect: Callable[[str], None],
    ) -> None:
        super().__init__((ADDRESS, port), _Handler)
        self.supplies = supplies
        self.token = token
        self.port: int = self.server_address[1]
        self._defect = defect
        self._lock = threading.Lock()
        self._open: dict[socket.socket, float] = {}  # the oldest one first

    def verify_request(self, request: Any, client_address: Any) -> bool:  # noqa: ANN401 - socketserver's
        """Take connections of this machine only, whatever address we are bound to."""
        del request
        return ipaddress.ip_address(client_address[0]).is_loopback

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - socketserver's
        """Start a connection's thread; make room for it first."""
        with self._lock:
            if len(self._open) >= CONNECTIONS_MAX:
                _shut(next(iter(self._open)))
            self._open[request] = time.monotonic()
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 - socketserver's
        """Close a connection, and forget it."""
        with self._lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Look around, between connections and several times a second."""
        self.close_older_than(CONNECTION_SECONDS)
        for supply in self.supplies.values():
            supply.tick()

    def close_older_than(self, seconds: float) -> None:
        """End connections that have lasted so long; their threads see to the rest."""
        now = time.monotonic()
        with self._lock:
            for connection, since in self._open.items():
                if now - since >= seconds:
                    _shut(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - socketserver's
        """Say nothing of a client that went away, and of a defect no more than what."""
        del request, client_address
        error = sys.exception()
        if not isinstance(error, OSError):
            self._defect(f"a defect of the endpoint: {type(error).__name__}")


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


class _TooLarge(Exception):
    """The head of a request has no end in sight."""


class _Head:
    """What ``http.server`` reads a head from: so many bytes, and no more.

    ``whole`` tells whether it has come to the empty line at its end.
    """

    def __init__(self, stream: BufferedIOBase) -> None:
        self._stream = stream
        self._left = HEAD_BYTES_MAX
        self.whole = False

    def readline(self, size: int = -1) -> bytes:
        """Return a line; raise _TooLarge."""
        del size
        line = self._stream.readline(self._left + 1)
        self._left -= len(line)
        if self._left < 0:
            raise _TooLarge
        self.whole = line in {b"\r\n", b"\n"}
        return line

    def close(self) -> None:
        """Close the stream."""
        self._stream.close()


class _Handler(BaseHTTPRequestHandler):
    """One connection: one request."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server
    # What an error is answered with that comes before the first line was read.
    command = requestline = ""
    request_version = "HTTP/1.1"

    def setup(self) -> None:
        """Bound what is read."""
        super().setup()
        self.head = _Head(self.rfile)
        self.rfile = self.head  # type: ignore[assignment]

    def handle(self) -> None:
        """Read one request and answer it."""
        self.close_connection = True
        try:
            self.handle_one_request()
        except _TooLarge:
            self.send_error(431)

    def do_GET(self) -> None:
        """Answer with credentials, or say why not."""
        self.close_connection = True
        if not self.head.whole:
            return self.send_error(400)
        refused = judge(
            self.headers.get_all("Host", []),
            self.headers.get_all("Authorization", []),
            port=self.server.port,
            token=self.server.token,
        )
        return self._send(*(refused or self._look_up()))

    def _look_up(self) -> Answer:
        name = unquote(self.path.removeprefix(PATH), errors="surrogateescape")
        supply = self.server.supplies.get(name)
        if supply is None or not self.path.startswith(PATH):
            return problem(
                404,
                "NotFound",
                "there is no such profile here: the URL is that of"
                " AWS_CONTAINER_CREDENTIALS_FULL_URI, as it was printed",
            )
        return to_answer(name, supply.answer(ANSWER_SECONDS))

    def send_error(
        self, code: int, message: str | None = None, explain: str | None = None
    ) -> None:
        """Answer what ``http.server`` could not read, or not as a GET."""
        del message, explain
        self.close_connection = True
        if code == 501:  # noqa: PLR2004 - a method without a do_... of its own
            return self._send(*problem(405, "MethodNotAllowed", "there is only GET"))
        return self._send(
            *problem(code, "BadRequest", "this is no request for a profile")
        )

    def _send(self, status: int, document: Mapping[str, str]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Connection", "close")
        if status == 405:  # noqa: PLR2004 - it is to say what is allowed
            self.send_header("Allow", "GET")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def version_string(self) -> str:
        """Name us, and no version of anything."""
        return "sts-plugin"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Log no request."""
