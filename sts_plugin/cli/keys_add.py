"""The command that keeps an access key: ``keys add``."""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from sts_plugin import keychain
from sts_plugin.access_keys import KEY
from sts_plugin.cli.common import make_engine, show, tell
from sts_plugin.cli.confirm import confirm
from sts_plugin.cli.keys_kept import (
    access_keys,
    hint_to_use,
    lock,
    profile_of,
    still_active,
)
from sts_plugin.errors import (
    CannotAsk,
    ConfigurationError,
    Declined,
    HumanNeeded,
    NoAnswer,
    StsPluginError,
)
from sts_plugin.key_files import take_out
from sts_plugin.key_records import KEY_ID, KeyRecord
from sts_plugin.mfa import printable
from sts_plugin.model import Credentials, Secret
from sts_plugin.profiles import load_profiles
from sts_plugin.source_kinds import KEY_ID as KEY_ID_KEY
from sts_plugin.source_kinds import SECRET as SECRET_KEY
from sts_plugin.source_kinds import static_keys, static_source
from sts_plugin.terminal import (
    NoTerminal,
    open_terminal,
    read_hidden_line,
    read_line,
    write,
)

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from sts_plugin.access_keys import AccessKeys
    from sts_plugin.engine import Engine
    from sts_plugin.model import Setting
    from sts_plugin.profiles import Profile

__all__ = ["enrol"]

PROMPT_SECONDS: Final = 600.0
"""Nobody waits for it and nothing is locked; it may have to be found first."""

SECRET_TEXT: Final = re.compile(r"[!-~]{16,128}")

BRING: Final = "write it into the credentials file and add --import"


@dataclass(frozen=True, slots=True)
class Found:
    """A key, and where it stands if it was in a file: its two settings."""

    key: Credentials
    settings: tuple[Setting, Setting] | None = None


def enrol(options: argparse.Namespace) -> int:
    """Keep an access key, and offer to remove it from the file it came from."""
    if options.remove_from_file and not options.import_:
        raise ConfigurationError(
            "--remove-from-file is for a key that comes from a file",
            hint="add --import",
        )
    engine, profile, keys = make_engine(), profile_of(options), access_keys()
    _refuse_second(keys, profile, replace=options.replace)
    name = keychain.backend(about=KEY)  # better known before anybody types
    found = _imported(profile) if options.import_ else Found(_typed(profile))
    if not options.no_verify:
        _verify(engine, profile, found.key)
    with lock(engine, profile):
        _refuse_second(keys, profile, replace=options.replace)
        _keep(keys, profile, found.key)
    show(f"{found.key.access_key_id} is kept in the OS keychain ({name})")
    hint_to_use(profile)
    if found.settings:
        _leave_file(profile, found.settings, sure=options.remove_from_file)
    return 0


def _refuse_second(keys: AccessKeys, profile: str, *, replace: bool) -> None:
    if keys.has(profile) and not replace:
        record = keys.find(profile)
        named = record.access_key_id if record else "an access key"
        raise ConfigurationError(
            f'{named} of profile "{profile}" is kept already',
            hint="to put another one in its place, add --replace",
        )


def _verify(engine: Engine, profile: str, key: Credentials) -> None:
    """Ask AWS whose key it is: one that was mistyped is not kept."""
    try:
        sts = engine.sts_at(engine.endpoint(profile))
        identity = sts.caller_identity(key)
    except StsPluginError as error:
        text = "the key is not kept; to keep it unseen, add --no-verify"
        error.hint = "; ".join(filter(None, (error.hint, text)))
        raise
    tell(f"{key.access_key_id} is of {identity.arn}")


def _keep(keys: AccessKeys, profile: str, key: Credentials) -> None:
    """Keep a key, in the place of an older one; leave no other in the keychain."""
    new = key.access_key_id
    before = keys.find(profile)
    others = [one for one in before.key_ids if one != new] if before else []
    known = before is not None and new in before.key_ids
    keys.prepare()  # better known before the keychain has it
    keys.keep(profile, key)
    try:
        keys.save(KeyRecord(profile, new, datetime.now(UTC)))
    except ConfigurationError:
        if not known:
            keys.forget(profile, new)
        raise
    for one in others:
        still_active(one)
        try:
            keys.forget(profile, one)
        except StsPluginError as error:
            raise HumanNeeded(
                f"{new} is kept, and the OS keychain still has {one}, which is not used"
                f" any more: {error.message}",
                hint=error.hint,
            ) from None


# --- Where it comes from ---


def _typed(profile: str) -> Credentials:
    """Ask for a key on the terminal, the secret without echo."""
    deadline = time.monotonic() + PROMPT_SECONDS
    try:
        with open_terminal() as terminal:
            question = printable(f"Access key id of profile {profile}: ")
            write(terminal, question, deadline)
            # A Secret, for it might be the wrong one of the two.
            typed = Secret(read_line(terminal, deadline, lambda: None).strip())
            key_id = _key_id(typed, "what was typed")
            secret = Secret(
                read_hidden_line(
                    terminal,
                    lambda: [f"Secret access key of {key_id} (it is not shown): "],
                    deadline,
                    environ=os.environ,
                ).strip()
            )
    except NoTerminal as error:
        raise CannotAsk(
            f"nobody can be asked for the access key: {error}", hint=BRING
        ) from None
    except TimeoutError:
        raise NoAnswer("nobody typed an access key", hint=BRING) from None
    except EOFError:
        raise Declined("no access key was typed: the input was ended") from None
    except OSError:
        raise CannotAsk("the terminal was closed, or given to another job") from None
    return Credentials(key_id, _sound(secret, "what was typed"))


def _imported(profile: str) -> Found:
    """Read the key that stands in the files, from the one that counts."""
    known = load_profiles(os.environ)[profile]
    in_file, temporary = _in_file(known)
    if KEY_ID_KEY not in in_file:
        raise ConfigurationError(
            f'{known.origin}: profile "{profile}" has no {KEY_ID_KEY} of its own',
            hint="leave --import out, and the key is asked for",
        )
    static_source(known)  # raises for half a pair
    key_id, secret = in_file[KEY_ID_KEY], in_file[SECRET_KEY]
    where = f"{key_id.key}{key_id.owner} ({key_id.origin})"
    if temporary:
        raise ConfigurationError(
            f"{where} has a session token beside it: these credentials are temporary",
            hint="keep the access key of the user instead",
        )
    key = Credentials(
        _key_id(Secret(key_id.value), where),
        _sound(Secret(secret.value), f"{secret.key}{secret.owner} ({secret.origin})"),
    )
    return Found(key, (key_id, secret))


def _in_file(profile: Profile) -> tuple[Mapping[str, Setting], bool]:
    """Return the keys of the file that counts, and whether they are temporary."""
    in_file, token = static_keys(profile)
    return in_file, bool(token)


def _key_id(given: Secret, what: str) -> str:
    """Return an access key id; what is none is not repeated."""
    text = given.reveal() if KEY_ID.fullmatch(given.reveal()) else ""
    if not text:
        raise ConfigurationError(
            f"{what} is no access key id",
            hint="it looks like AKIAIOSFODNN7EXAMPLE",
        )
    if text.startswith("ASIA"):
        raise ConfigurationError(
            f"{what} is the id of temporary credentials",
            hint="keep the access key of the user instead: AKIA...",
        )
    return text


def _sound(secret: Secret, what: str) -> Secret:
    if not SECRET_TEXT.fullmatch(secret.reveal()):
        raise ConfigurationError(
            f"{what} is no secret access key", hint="it has 40 characters, and no blank"
        )
    return secret


# --- The file ---


def _leave_file(profile: str, settings: tuple[Setting, Setting], *, sure: bool) -> None:
    """Remove a key from its file if somebody says so; say what it still holds."""
    path = settings[0].origin.path
    try:
        if not sure:
            confirm(
                f"Remove {settings[0].value} from {path}? The key is in the OS keychain"
                " now; a program that reads the file by itself finds none then.",
                verb="remove",
                what="key from its file",
                option="--remove-from-file",
            )
    except HumanNeeded as error:
        tell(f"{path} still holds the key: {error.line}")
        return
    taken = take_out(*settings)
    tell(f"the key is removed from {path}")
    if taken.left:
        lines = ", ".join(map(str, taken.left))
        tell(f"{path} holds the same secret elsewhere: line {lines}")
    known = load_profiles(os.environ).get(profile)
    if known and (rest := known.plain(KEY_ID_KEY) or known.plain(SECRET_KEY)):
        tell(f"{rest.origin} still has {rest.key}{rest.owner}")
