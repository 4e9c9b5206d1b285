"""The keychain of the operating system, by the library ``keyring``: an extra.

Asked only for what was put there. Each call has an end: a locked keychain asks its
owner, and one behind a broken D-Bus never answers. A backend may raise anything, with
the secret in its frames: none of that goes on from here.
"""

from __future__ import annotations

import re
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

__all__ = ["backend", "forget", "keep", "kept"]

T = TypeVar("T")

SERVICE: Final = "sts-plugin"

SEEDLIKE: Final = re.compile(r"[A-Za-z2-7]{23,}")

TEXT_MAX: Final = 200


def backend(*, seconds: float = COMMAND_TIMEOUT_SECONDS) -> str:
    """Return the name of the keychain, or raise ConfigurationError without one.

    Raises HumanNeeded and NoAnswer as well, as the functions below do: for a keychain
    that is locked, and for one that does not answer in time.
    """
    return _ask(seconds, lambda keyring: str(_real(keyring).name))


def kept(serial: str, *, seconds: float = COMMAND_TIMEOUT_SECONDS) -> Secret | None:
    """Return the seed of a device, or None if it is not there."""

    def get(keyring: Any) -> Secret | None:  # noqa: ANN401 - an extra
        return _secret(_real(keyring).get_password(SERVICE, serial))

    return _ask(seconds, get)


def keep(
    serial: str, seed: Secret, *, seconds: float = COMMAND_TIMEOUT_SECONDS
) -> None:
    """Keep a seed, in the place of an older one."""

    def put(keyring: Any) -> bool:  # noqa: ANN401 - an extra
        chain = _real(keyring)
        chain.set_password(SERVICE, serial, seed.reveal())
        return _secret(chain.get_password(SERVICE, serial)) == seed

    if not _ask(seconds, put):
        raise ConfigurationError(
            "the OS keychain took the seed and does not have it", hint="use --file"
        )


def forget(serial: str, *, seconds: float = COMMAND_TIMEOUT_SECONDS) -> None:
    """Remove a seed that may already be gone."""

    def remove(keyring: Any) -> None:  # noqa: ANN401 - an extra
        chain = _real(keyring)
        if _secret(chain.get_password(SERVICE, serial)) is not None:
            chain.delete_password(SERVICE, serial)

    _ask(seconds, remove)


def _secret(found: str | None) -> Secret | None:
    return None if found is None else Secret(found)


def _real(keyring: Any) -> Any:  # noqa: ANN401 - an extra
    """Return the backend; one that keeps nothing counts as none."""
    chain = keyring.get_keyring()
    if chain.priority <= 0:  # keyring's own stand-ins: fail, null
        raise keyring.errors.NoKeyringError
    return chain


def _ask(seconds: float, action: Callable[[Any], T]) -> T:
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
            return _trouble(keyring.errors, error)

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


def _trouble(errors: Any, error: Exception) -> StsPluginError:  # noqa: ANN401
    """Return what to say of an error."""
    if isinstance(error, errors.NoKeyringError):
        return ConfigurationError(
            "there is no OS keychain that keyring could use here",
            hint="keep the seed in a file: sts-plugin mfa add --file",
        )
    text = f"{type(error).__name__}: {error}".removesuffix(": ")
    # What a backend says could be anything; it shall not be the seed.
    text = "".join(one if one.isprintable() else " " for one in text)
    text = SEEDLIKE.sub("...", text)[:TEXT_MAX]
    if isinstance(error, errors.KeyringLocked):
        return HumanNeeded(
            f"the OS keychain is locked: {text}", hint="unlock it, and try again"
        )
    return ConfigurationError(
        f"the OS keychain does not work: {text}",
        hint="see keyring diagnose, or keep the seed in a file",
    )
