"""Whether there is a display here that takes a window; found out in a moment.

A variable alone says little: ``DISPLAY`` lives on in a tmux whose X server is long gone
and in the crontab of somebody who copied it. So its socket has to accept a connection.
"""

from __future__ import annotations

import queue
import re
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["has_display"]

SECONDS: Final = 0.3
"""A local server accepts within milliseconds, one at the end of an ``ssh -X`` too: that
socket is sshd's."""

MANAGER_SECONDS: Final = 1.0

MANAGER: Final = ("/bin/launchctl", "managername")
"""Prints Aqua in a session with a screen, Background over ssh, System in a daemon."""

X11_SOCKETS: Final = "/tmp/.X11-unix"  # noqa: S108 - where X servers have them

# [protocol/][host]:number[.screen], as libxcb reads it
X11_DISPLAY: Final = re.compile(
    r"(?:(?P<protocol>[a-z0-9]*)/)?(?P<host>.*):(?P<number>[0-9]{1,4})(?:\.[0-9]+)?"
)


def has_display(environ: Mapping[str, str], platform: str = sys.platform) -> bool:
    """Whether a window that is opened here has a screen to be seen on.

    Takes a third of a second at most, a second on macOS.
    """
    if platform == "darwin":
        return _manager() == "Aqua"
    if platform == "win32":  # services and sshd have a desktop that nobody sees
        session = environ.get("SESSIONNAME", "").casefold()
        return session != "services" and not environ.get("SSH_CONNECTION")
    return _any_accepts([*_wayland(environ), *_x11(environ.get("DISPLAY", ""))])


def _manager() -> str:
    try:
        return subprocess.run(  # noqa: S603 - a constant
            MANAGER,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            timeout=MANAGER_SECONDS,
            check=False,
            encoding="utf-8",
            errors="replace",
        ).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""


def _wayland(environ: Mapping[str, str]) -> list[str]:
    """Return the path of the socket, if one is named."""
    name = environ.get("WAYLAND_DISPLAY", "")
    if name and not name.startswith("/"):
        name = f"{environ.get('XDG_RUNTIME_DIR', '')}/{name}"
    return [name] if name else []


def _x11(display: str) -> list[str | tuple[str, int]]:
    """Return where an X server of that name listens: paths, or a host and a port."""
    path = display.removeprefix("unix:")
    if path.startswith("/"):
        return [path]
    parts = X11_DISPLAY.fullmatch(display)
    if parts is None:
        return []
    host, number = parts["host"], int(parts["number"])
    if parts["protocol"] == "unix" or host in {"", "unix"}:
        path = f"{X11_SOCKETS}/X{number}"
        return [path, f"\0{path}"]  # the second is the abstract one, Linux only
    return [(host.strip("[]"), 6000 + number)]


def _any_accepts(places: list[str | tuple[str, int]]) -> bool:
    """Whether one of them takes a connection in time.

    Each is tried in a thread of its own: nothing ends the look-up of a host's name.
    """
    found: queue.SimpleQueue[bool] = queue.SimpleQueue()
    deadline = time.monotonic() + SECONDS

    def look(place: str | tuple[str, int]) -> None:
        found.put(_accepts(place))

    for place in places:
        threading.Thread(target=look, args=(place,), daemon=True).start()
    for _ in places:
        try:
            if found.get(timeout=max(0.0, deadline - time.monotonic())):
                return True
        except queue.Empty:
            return False
    return False


def _accepts(place: str | tuple[str, int]) -> bool:
    try:
        if isinstance(place, tuple):
            socket.create_connection(place, SECONDS).close()
        else:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(SECONDS)
                client.connect(place)
    except (OSError, ValueError):  # UnicodeError: no host has such a name
        return False
    return True
