"""The keychain of the operating system, by the library ``keyring``: an extra.

    name -> secret

Knows nothing of what the secrets are for, and is asked only for what was put there.
Each call has an end: a locked keychain asks its owner, and one behind a broken D-Bus
never answers. A backend may raise anything, with the secret in its frames: none of
that goes on from here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sts_plugin.deadline import within
from sts_plugin.errors import (
    ConfigurationError,
    HumanNeeded,
    NoAnswer,
    StsPluginError,
)
from sts_plugin.model import Secret
from sts_plugin.settings import COMMAND_TIMEOUT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["About", "backend", "forget", "keep", "kept"]

T = TypeVar("T")

SERVICE: Final = "sts-plugin"

SECRETLIKE: Final = re.compile(r"[A-Za-z2-7]{23,}|[A-Za-z0-9/+_=-]{32,}")
"""Seeds in base32; keys in any alphabet of base64 or in hexadecimal digits, such as the
40 characters of a secret access key."""

TEXT_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class About:
    """What a secret is called in an error, and where else it could be kept."""

    noun: str = "secret"
    instead: str = ""


SECRET: Final = About()


def backend(*, seconds: float = COMMAND_TIMEOUT_SECONDS, about: About = SECRET) -> str:
    """Return the name of the keychain, or raise ConfigurationError without one.

    Raises HumanNeeded and NoAnswer as well, as the functions below do: for a keychain
    that is locked, and for one that does not answer in time.
    """
    return _ask(seconds, about, lambda keyring: str(_real(keyring).name))


def kept(
    name: str, *, seconds: float = COMMAND_TIMEOUT_SECONDS, about: About = SECRET
) -> Secret | None:
    """Return the secret of this name, or None if it is not there."""

    def get(keyring: Any) -> Secret | None:  # noqa: ANN401 - an extra
        return _secret(_real(keyring).get_password(SERVICE, name))

    return _ask(seconds, about, get)


def keep(
    name: str,
    secret: Secret,
    *,
    seconds: float = COMMAND_TIMEOUT_SECONDS,
    about: About = SECRET,
) -> None:
    """Keep a secret, in the place of an older one; see that it is really there."""

    def put(keyring: Any) -> bool:  # noqa: ANN401 - an extra
        chain = _real(keyring)
        chain.set_password(SERVICE, name, secret.reveal())
        return _secret(chain.get_password(SERVICE, name)) == secret

    if not _ask(seconds, about, put):
        raise ConfigurationError(
            f"the OS keychain took the {about.noun} and does not have it",
            hint=about.instead or "see keyring diagnose",
        )


def forget(
    name: str, *, seconds: float = COMMAND_TIMEOUT_SECONDS, about: About = SECRET
) -> None:
    """Remove a secret that may already be gone."""

    def remove(keyring: Any) -> None:  # noqa: ANN401 - an extra
        chain = _real(keyring)
        if _secret(chain.get_password(SERVICE, name)) is not None:
            chain.delete_password(SERVICE, name)

    _ask(seconds, about, remove)


def _secret(found: str | None) -> Secret | None:
    return None if found is None else Secret(found)


def _real(keyring: Any) -> Any:  # noqa: ANN401 - an extra
    """Return the backend; one that keeps nothing counts as none."""
    chain = keyring.get_keyring()
    if chain.priority <= 0:  # keyring's own stand-ins: fail, null
        raise keyring.errors.NoKeyringError
    return chain


def _ask(seconds: float, about: About, action: Callable[[Any], T]) -> T:
    """Return what ``action`` returns, in time; raise one of our errors."""

    def work() -> T | StsPluginError:
        try:
            import keyring.errors  # noqa: PLC0415 - an extra, and heavy
        except ImportError:
            return ConfigurationError(
                "the OS keychain cannot be used: keyring is not installed",
                hint="pip install 'sts-plugin[keyring]'",
            )
        try:
            return action(keyring)
        except Exception as error:  # noqa: BLE001 - backends raise what they like
            return _trouble(keyring.errors, error, about)

    try:
        result = within(seconds, work)
    except TimeoutError:
        raise NoAnswer(
            f"the OS keychain did not answer within {seconds:.0f} seconds",
            hint="it may be waiting to be unlocked: do so, and try again",
            person=False,
        ) from None
    if isinstance(result, StsPluginError):
        raise result  # here: the frames above hold no secret
    return result


def _trouble(errors: Any, error: Exception, about: About) -> StsPluginError:  # noqa: ANN401
    """Return what to say of an error."""
    if isinstance(error, errors.NoKeyringError):
        return ConfigurationError(
            "there is no OS keychain that keyring could use here",
            hint=about.instead or "see keyring diagnose",
        )
    text = f"{type(error).__name__}: {error}".removesuffix(": ")
    # What a backend says could be anything; it shall not be the secret.
    text = "".join(one if one.isprintable() else " " for one in text)
    text = SECRETLIKE.sub("...", text)[:TEXT_MAX]
    if isinstance(error, errors.KeyringLocked):
        return HumanNeeded(
            f"the OS keychain is locked: {text}", hint="unlock it, and try again"
        )
    instead = f", or {about.instead}" if about.instead else ""
    return ConfigurationError(
        f"the OS keychain does not work: {text}", hint=f"see keyring diagnose{instead}"
    )
