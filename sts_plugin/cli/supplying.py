"""What ``exec --refresh`` and ``serve`` have in common: an endpoint, and its end."""

from __future__ import annotations

import contextlib
import secrets
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sts_plugin.cli.common import make_engine, tell
from sts_plugin.errors import ConfigurationError
from sts_plugin.getting import Getting
from sts_plugin.job_control import keyboard_free
from sts_plugin.model import Secret
from sts_plugin.serve import Endpoint
from sts_plugin.supply import Supply
from sts_plugin.watcher import Watcher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sts_plugin.model import Credentials

__all__ = ["Supplied", "new_token", "supplying"]

END_SECONDS = 2.0
"""How long the end waits for a prompt to leave the terminal as it was."""


class EndpointWatcher(Watcher):
    """Says each thing once until there is news, and lets go when the endpoint ends."""

    def __init__(self, tell: Callable[[str], None], stopped: threading.Event) -> None:
        super().__init__(self._once)
        self._tell_all = tell
        self._stopped = stopped
        self._said: set[str] = set()

    def _once(self, line: str) -> None:
        if line not in self._said:
            self._said.add(line)
            self._tell_all(line)

    def forget(self) -> None:
        """Say everything anew from now on."""
        self._said.clear()

    def wait(self, line: str, seconds: float, *, why: str) -> None:
        """Say why and for what, and wait that long, or until the end."""
        self.tell(f"{why}; {line} ({seconds:.0f} s)")
        self._stopped.wait(seconds)

    def gone(self) -> bool:
        """Whether the endpoint is about to end."""
        return self._stopped.is_set()


@dataclass(frozen=True, slots=True)
class Supplied:
    """An endpoint that is bound, and the first sets, by profile."""

    endpoint: Endpoint
    first: Mapping[str, Credentials]


def new_token() -> Secret:
    """Return what nobody can guess, in letters that every shell takes as they are."""
    return Secret(secrets.token_urlsafe(32))


@contextlib.contextmanager
def supplying(
    profiles: Mapping[str, bool],
    environ: Mapping[str, str],
    token: Secret,
    *,
    port: int = 0,
    alone: bool = True,
) -> Iterator[Supplied]:
    """Get the first set of each profile, and yield the endpoint that renews them.

    ``profiles`` tells of each whether a person named it. ``alone``: no command of
    somebody's runs beside it, so that the terminal is ours, and each renewal is told.
    The endpoint serves once it is started, and ends with the block.
    """
    stopped = threading.Event()
    watcher = EndpointWatcher(tell, stopped)
    engine = make_engine(watcher, environ)

    def supply(name: str, *, explicit: bool) -> Supply:
        free = (lambda: True) if alone else keyboard_free
        getting = Getting(engine, name, environ, explicit=explicit, terminal_free=free)
        getting.plan()  # whatever is wrong with it is said before anybody is asked

        def renewed(line: str) -> None:
            watcher.forget()
            if alone:
                tell(f"{name}: {line}")

        return Supply(
            getting.get, news=renewed, trouble=lambda line: tell(f"{name}: {line}")
        )

    supplies = {
        name: supply(name, explicit=explicit) for name, explicit in profiles.items()
    }
    try:
        endpoint = Endpoint(supplies, token, port=port, defect=tell)
    except (OSError, OverflowError) as error:
        raise ConfigurationError(
            f"port {port} of 127.0.0.1 cannot be had: {error}",
            hint="leave --port out, or give another one",
        ) from None
    try:
        first = {name: one.fill() for name, one in supplies.items()}
        yield Supplied(endpoint, first)
    finally:
        stopped.set()
        endpoint.stop()
        for one in supplies.values():
            one.join(END_SECONDS)
