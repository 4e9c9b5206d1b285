"""An address that is a secret, handed to a browser without telling anybody else.

A command line can be read by every user of the machine, and a browser keeps its own
for as long as it runs. So the browser is sent to a page on loopback, which sends it on:
once, under a path that cannot be guessed, and only if whoever asks for it is this user,
where the system tells (Linux). Knows nothing of AWS.
"""

from __future__ import annotations

import contextlib
import hmac
import os
import secrets
import sys
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingTCPServer
from typing import TYPE_CHECKING, ClassVar, Final

from sts_plugin import settings
from sts_plugin.errors import CannotAsk, NoAnswer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sts_plugin.model import Secret

__all__ = ["hand_over", "owner_of"]

HINT: Final = "see BROWSER, or print the address: --print"

CONNECTIONS: Final = Path("/proc/net/tcp")
"""Where Linux says which user each connection belongs to."""


def hand_over(  # noqa: PLR0913 - most are a test's
    address: Secret,
    *,
    opener: Callable[[str], bool] | None = None,
    seconds: float = settings.BROWSER_SECONDS,
    grace_seconds: float = settings.BROWSER_GRACE_SECONDS,
    owner: Callable[[int, int], int | None] | None = None,
    watched: bool = True,
) -> bool:
    """Have a browser open an address; return whether somebody else asked for it, too.

    They did not get it. ``watched``: there is a terminal, and the browser may be one
    that runs there until somebody leaves it. Raises CannotAsk where there is no
    browser, NoAnswer where none came for the page in time.
    """
    with _Page(address, owner or owner_of) as page:
        open_page = opener or _opener()

        def start() -> None:
            try:
                started = open_page(page.url)
            except OSError:
                started = False
            if not started:
                page.over.wait(grace_seconds)
                page.over.set()

        starter = threading.Thread(target=start, name="browser", daemon=True)
        starter.start()
        page.over.wait(seconds)
        if not page.taken:
            raise NoAnswer("no browser came for the sign-in page", hint=HINT)
        # A browser of the terminal, started where there is none, has nobody to end it.
        starter.join(None if watched else grace_seconds)
        return page.refused


def _opener() -> Callable[[str], bool]:
    import webbrowser  # noqa: PLC0415 - only where it is wanted

    try:
        webbrowser.get()
    except (webbrowser.Error, ValueError, OSError):  # or BROWSER is no command line
        raise CannotAsk("there is no browser to open", hint=HINT) from None

    def start(url: str) -> bool:
        with contextlib.suppress(webbrowser.Error), _quiet_stdout():
            return webbrowser.open(url)
        return False

    return start


@contextlib.contextmanager
def _quiet_stdout() -> Iterator[None]:
    """Let what a browser prints go to stderr, unless stdout is a terminal.

    Some talk all day, and whoever reads our stdout reads it.
    """
    out, err = sys.stdout, sys.stderr
    if out is None or err is None or out.isatty():
        yield
        return
    out.flush()
    kept = os.dup(out.fileno())
    try:
        os.dup2(err.fileno(), out.fileno())
        yield
    finally:
        os.dup2(kept, out.fileno())
        os.close(kept)


def owner_of(client_port: int, server_port: int) -> int | None:
    """Return the user at the other end of a connection on loopback; None: unknown."""
    here = [f"0100007F:{port:04X}" for port in (client_port, server_port)]
    try:
        lines = CONNECTIONS.read_text("ascii").splitlines()[1:]
        rows = [line.split() for line in lines]
        return next((int(row[7]) for row in rows if row[1:3] == here), None)
    except (OSError, ValueError, IndexError):
        return None


class _Page(ThreadingTCPServer):
    """The page. ``over`` is set when nobody needs to wait for it any longer.

    No HTTPServer: that would ask the DNS for a name of ours.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(
        self, address: Secret, owner: Callable[[int, int], int | None]
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self._address = address
        self._owner = owner
        self._path = f"/{secrets.token_urlsafe(32)}"
        self._lock = threading.Lock()
        self.over = threading.Event()
        self.taken = False
        self.refused = False
        threading.Thread(
            target=self.serve_forever, args=(0.05,), name="page", daemon=True
        ).start()

    @property
    def url(self) -> str:
        """Where it is: of no use to anybody once it was taken."""
        return f"http://127.0.0.1:{self.server_address[1]}{self._path}"

    def take(self, path: str, client_port: int) -> Secret | None:
        """Return the address for whoever may have it, once."""
        if not hmac.compare_digest(path.encode(), self._path.encode()):
            return None
        owner = self._owner(client_port, self.server_address[1])
        with self._lock:
            # What root may read, it can read anywhere.
            if owner not in (None, 0, _ourselves()):
                self.refused = True
                return None
            if self.taken:
                return None
            self.taken = True
            return self._address

    def server_close(self) -> None:
        """End it all."""
        self.shutdown()
        super().server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a client that went away."""


def _ourselves() -> int | None:
    return os.getuid() if hasattr(os, "getuid") else None


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    timeout: ClassVar[float] = 5
    server: _Page

    def do_GET(self) -> None:
        """Send the browser on."""
        address = self.server.take(self.path, self.client_address[1])
        try:
            self.send_response_only(303 if address else 404)
            if address:
                self.send_header("Location", address.reveal())
            self.send_header("Cache-Control", "no-store")
            self.send_header("Referrer-Policy", "no-referrer")
            self.send_header("Content-Length", "0")
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.flush()
        finally:
            if address:
                self.server.over.set()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing: a log would name the path."""
