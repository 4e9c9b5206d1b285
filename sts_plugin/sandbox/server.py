"""HTTP/1.1 on 127.0.0.1: bytes to ``Request``, ``Reply`` to bytes.

Owns: the sockets and threads of the sandbox, and their end. Never: looks into
a request. Everything it cannot read is answered 400.
"""

import contextlib
import socket
import socketserver
import struct
import sys
import threading
from email.utils import format_datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler

from sts_plugin.sandbox.errors import StsError
from sts_plugin.sandbox.estate import Knobs
from sts_plugin.sandbox.service import Service
from sts_plugin.sandbox.signin import PATH
from sts_plugin.sandbox.wire import Answer, Request, render_error

__all__ = ["Server"]

# STS's requests are small; the largest parameter (a SAML assertion) has at
# most 100,000 characters.
_LARGEST_REQUEST = 1024 * 1024

# So much of a request that is too large is read and dropped: closing with
# unread bytes resets the connection, and the answer would be lost with it.
_LARGEST_DROPPED = 16 * 1024 * 1024


class Server(socketserver.ThreadingTCPServer):
    """A thread for each connection; all are gone after ``stop``."""

    allow_reuse_address = True
    daemon_threads = True
    # Twenty clients start at once in a stress test; five is the default.
    request_queue_size = 128

    def __init__(
        self, service: Service, knobs: Knobs, stopped: threading.Event
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.service = service
        self.knobs = knobs
        self.stopped = stopped
        self._lock = threading.Lock()
        self._open: dict[socket.socket, threading.Thread] = {}
        self._loop = threading.Thread(
            target=self.serve_forever, args=(0.01,), name="sandbox", daemon=True
        )

    @property
    def port(self) -> int:
        """The port, free a moment ago."""
        port: int = self.server_address[1]
        return port

    def start(self) -> None:
        """Serve from a daemon thread."""
        self._loop.start()

    def stop(self) -> None:
        """Close every socket and wait for the threads that used them."""
        self.stopped.set()
        self.shutdown()
        self._loop.join()
        self.server_close()
        with self._lock:
            connections = dict(self._open)
        for connection in connections:
            # The peer, or the handler, may have closed it a moment ago.
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in connections.values():
            thread.join(timeout=5)

    def process_request(
        self,
        request: "socket.socket | tuple[bytes, socket.socket]",
        client_address: object,
    ) -> None:
        """Start a connection's thread, and remember both for ``stop``."""
        assert isinstance(request, socket.socket)
        thread = threading.Thread(
            target=self._serve_connection, args=(request, client_address), daemon=True
        )
        with self._lock:
            self._open[request] = thread
        thread.start()

    def _serve_connection(self, request: socket.socket, client_address: object) -> None:
        try:
            self.process_request_thread(request, client_address)
        finally:
            with self._lock:
                del self._open[request]

    def handle_error(
        self,
        request: "socket.socket | tuple[bytes, socket.socket]",
        client_address: object,
    ) -> None:
        """Say nothing of a client that went away; show our own mistakes."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    # One small answer after the other: Nagle would add 40 ms to each.
    disable_nagle_algorithm = True
    server: Server

    def do_GET(self) -> None:
        """Answer a request whose parameters are in the URL."""
        self._serve()

    def do_POST(self) -> None:
        """Answer a request whose parameters are in the body."""
        self._serve()

    def _serve(self) -> None:
        body = self._read_body()
        if body is None:
            return
        path, _, query = self.path.partition("?")
        if path not in ("/", PATH):
            self._refuse(404, "UnknownOperationException", f"Only / and {PATH}.")
            return
        headers: dict[str, str] = {}
        for name, value in self.headers.items():
            known = headers.get(name.lower())
            headers[name.lower()] = value if known is None else f"{known},{value}"
        request = Request(self.command, path, query, headers, body)
        try:
            reply = self.server.service.reply(request)
        except Exception:
            # The outermost door: the client gets an answer, and ``handle_error``
            # shows the mistake.
            self._refuse(500, "InternalFailure", "A mistake in the sandbox.")
            raise
        if reply.answer is not None:
            self._send(reply.answer)
        elif reply.ends_in == "silence":
            self.server.stopped.wait()
            self.close_connection = True
        elif reply.ends_in == "drip":
            self._drip()
        else:
            self._reset()

    def _read_body(self) -> bytes | None:
        """Return the body; None when it was refused."""
        if "Transfer-Encoding" in self.headers:
            self._refuse(400, "MalformedInput", "Transfer-Encoding is not accepted.")
            return None
        text = self.headers.get("Content-Length", "0")
        if not (text.isascii() and text.isdigit() and len(text) < 10):  # noqa: PLR2004 (a sane number)
            self._refuse(400, "MalformedInput", "Content-Length is not a number.")
            return None
        length = int(text)
        if length > _LARGEST_REQUEST:
            self._drop(min(length, _LARGEST_DROPPED))
            self._refuse(400, "MalformedInput", "The request is too large.")
            return None
        body = self.rfile.read(length)
        if len(body) < length:  # the client gave up
            self.close_connection = True
            return None
        return body

    def _drop(self, length: int) -> None:
        while length > 0 and (chunk := self.rfile.read(min(length, 65536))):
            length -= len(chunk)

    def _refuse(self, status: int, code: str, message: str) -> None:
        # What was not understood may have left bytes behind: the connection
        # cannot be used again.
        self.close_connection = True
        self._send(render_error(StsError(code, status, message)))

    def _send(self, answer: Answer) -> None:
        length = answer.declared_length
        if length is not None:
            self.close_connection = True
        headers = {
            "Date": format_datetime(self.server.knobs.now(), usegmt=True),
            "Content-Type": "text/xml",
            "Content-Length": str(len(answer.body) if length is None else length),
            **answer.headers,
        }
        if self.close_connection:
            headers["Connection"] = "close"
        try:
            phrase = HTTPStatus(answer.status).phrase
        except ValueError:
            phrase = "Unknown"
        lines = [f"HTTP/1.1 {answer.status} {phrase}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        self.wfile.write(head + answer.body)

    def _drip(self) -> None:
        self.close_connection = True
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n")
        while not self.server.stopped.wait(1):
            self.wfile.write(b" ")  # until the client has gone: an OSError

    def _reset(self) -> None:
        # Lingering for zero seconds turns the close into a RST.
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close_connection = True
        self.rfile.close()
        self.connection.close()

    def send_error(
        self, code: int, message: str | None = None, explain: str | None = None
    ) -> None:
        """Answer what ``http.server`` could not read: always 400, always XML."""
        del code, message, explain
        self._refuse(400, "MalformedInput", "The request is not HTTP as STS reads it.")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base's name)
        """Stay silent: the journal is the log."""
