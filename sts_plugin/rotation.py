"""Another access key in the place of a profile's, and never a moment without one.

::

    state (what the record says)     who works    after a crash, the next run
    rotating since T                 old          deletes a key that was made then
    rotating, new = N (not kept)     old          deletes N: nobody has its secret
    rotating, new = N (kept)         old, new     verifies N, and goes on
    in use N, old = O                new, old     deletes O
    in use N                         new          (done)

Each step is one write of the record, made before what it speaks of: the id of a new key
before its secret is in the keychain, so that no key of ours is ever without a name. The
old key is deleted when the new one has signed for it. IAM is consistent after a while
only: what the new key signs is tried for a while.
"""

from __future__ import annotations

import contextlib
import re
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from sts_plugin.errors import (
    CallerRejected,
    ConfigurationError,
    HumanNeeded,
    NoAnswer,
    Refused,
    StsPluginError,
    Unreachable,
)
from sts_plugin.key_records import Rotating
from sts_plugin.settings import (
    CLOCK_SKEW_SECONDS,
    NEW_KEY_PAUSE_SECONDS,
    NEW_KEY_SECONDS,
    RUN_SECONDS_MAX,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sts_plugin.access_keys import AccessKeys
    from sts_plugin.iam import Iam, UserKey
    from sts_plugin.key_records import KeyRecord
    from sts_plugin.model import Credentials
    from sts_plugin.sts import Identity

__all__ = ["Rotation"]

T = TypeVar("T")

USER: Final = re.compile(r"arn:[\w-]+:iam::\d{12}:(?:root|user/(?:.*/)?([^/]+))")

AGAIN: Final = "run it again to go on"


class Asker(Protocol):
    """What tells whose credentials these are: ``sts.Sts``."""

    def caller_identity(self, caller: Credentials) -> Identity:
        """Return it, or raise one of our errors."""
        ...


class Rotation:
    """The rotation of one profile's key. Hold a lock: it is nobody else's meanwhile.

    ``sign_in`` returns credentials of the profile for IAM: its keys, or the MFA session
    that they get; asked again, of the key that is then in use. All errors say which key
    works, and what to do. ``sts`` is made for each call: what it may take is limited.
    """

    def __init__(  # noqa: PLR0913 - every room below meets here
        self,
        profile: str,
        *,
        keys: AccessKeys,
        sign_in: Callable[[], Credentials],
        sts: Callable[[], Asker],
        iam: Iam,
        tell: Callable[[str], None],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._profile = profile
        self._keys = keys
        self._sign_in = sign_in
        self._sts = sts
        self._iam = iam
        self._tell = tell
        self._now = now
        self._clock = clock
        self._sleep = sleep

    def run(self) -> tuple[str, str]:
        """Rotate, or finish what was begun; return (old id, id that is in use)."""
        record = self._keys.record(self._profile)
        began = record.rotating
        if began:
            self._tell(
                f"going on with the rotation of {began.began:%Y-%m-%d %H:%M} UTC"
            )
        if not (began and began.old):
            record, new = self._pending(record)
            if new is None:
                record, new = self._made(record)
            record = self._switched(record, new)
        return self._finished(record)

    # --- A new key ---

    def _pending(self, record: KeyRecord) -> tuple[KeyRecord, Credentials | None]:
        """Return the key that an earlier run made, once it works, or None."""
        made = record.rotating.new if record.rotating else ""
        if not made:
            return record, None
        old = record.access_key_id
        state = f"{old} stays in use; {AGAIN}"
        with _telling(state):
            new = self._keys.key(self._profile, made)
            if new is None:
                self._tell(f"the secret of {made} was lost: deleting that key")
                return self._dropped(record, made), None
            owner = self._owner(record)
            try:
                self._verify(new, owner, at_once=True)
            except CallerRejected:
                # AWS may need longer, or somebody has deleted it: we, perhaps.
                user, signer = self._signed_in()
                if made not in {
                    one.access_key_id for one in self._listed(user, signer)
                }:
                    self._tell(f"{made} is not there any more")
                    return self._dropped(record, made), None
                self._verify(new, owner)
        return record, new

    def _dropped(self, record: KeyRecord, made: str) -> KeyRecord:
        """Delete a key that is of no use, wherever it is."""
        user, signer = self._signed_in()
        self._iam.delete_access_key(user, made, signer)
        self._keys.forget(self._profile, made)
        return self._saved(record, None)

    def _owner(self, record: KeyRecord) -> Identity | None:
        """Return whose the key in use is; None if it is nobody's any more."""
        key = self._keys.key(self._profile, record.access_key_id)
        with contextlib.suppress(CallerRejected):
            return self._sts().caller_identity(key) if key else None
        return None

    def _made(self, record: KeyRecord) -> tuple[KeyRecord, Credentials]:
        """Make a key and keep it; return it once it works."""
        old = record.access_key_id
        with _telling(f"{old} stays in use"):
            signer = self._sign_in()
            owner = self._sts().caller_identity(signer)
            user = _user(owner, self._profile)
            self._make_room(record, user, signer)
            record = self._saved(record, Rotating(self._now()))
            try:
                new = self._iam.create_access_key(user, signer)
            except StsPluginError as error:
                if isinstance(error, Refused) or not getattr(error, "sent", True):
                    self._forget_rotation(record)
                else:
                    _add(error, f"a key may have been made: {AGAIN}")
                raise
            record = self._kept(record, new, user, signer)
        with _telling(f"{old} stays in use; AWS may need longer: {AGAIN}"):
            self._verify(new, owner)
        return record, new

    def _make_room(
        self, record: KeyRecord, user: str | None, signer: Credentials
    ) -> None:
        """See that the key in use is the only one: IAM allows two."""
        listed = self._listed(user, signer)
        old = record.access_key_id
        if old not in {one.access_key_id for one in listed}:
            raise ConfigurationError(
                f"AWS lists no access key {old} of {user or 'the root user'}, the one"
                f' of profile "{self._profile}"',
                hint="see aws iam list-access-keys",
            )
        for other in listed:
            name = other.access_key_id
            if name == old:
                continue
            if self._orphan(record, other, signer):
                self._tell(
                    f"{name} was made by the rotation that was interrupted, and its"
                    " secret was lost: deleting that key"
                )
                self._iam.delete_access_key(user, name, signer)
                continue
            option = f" --user-name {user}" if user else ""
            raise HumanNeeded(
                f"there is another access key, {name}"
                f" ({'active' if other.active else 'inactive'}, made on"
                f" {other.created:%F}), and IAM allows two: no new one can be made",
                hint="if nobody needs it: aws iam delete-access-key"
                f"{option} --access-key-id {name}",
            )

    def _orphan(self, record: KeyRecord, key: UserKey, signer: Credentials) -> bool:
        """Whether a key is one that we made and lost before we could note its id.

        It was made when we asked for one, and never used: nobody has its secret.
        """
        if record.rotating is None:
            return False
        skew = timedelta(seconds=CLOCK_SKEW_SECONDS)
        began = record.rotating.began
        ended = began + timedelta(seconds=RUN_SECONDS_MAX)
        if not began - skew <= key.created <= ended + skew:
            return False
        try:
            return not self._iam.was_used(key.access_key_id, signer)
        except Refused:  # who cannot tell does not delete
            return False

    def _kept(
        self,
        record: KeyRecord,
        new: Credentials,
        user: str | None,
        signer: Credentials,
    ) -> KeyRecord:
        """Note and keep a new key; delete it again where that cannot be done."""
        name = new.access_key_id
        try:
            assert record.rotating is not None  # it is what we do
            noted = self._saved(record, replace(record.rotating, new=name))
            self._keys.keep(self._profile, new)
        except StsPluginError as error:
            try:
                self._iam.delete_access_key(user, name, signer)
            except StsPluginError as second:
                _add(
                    error,
                    f"the new key {name} could not be deleted again"
                    f" ({second.message}): {AGAIN}",
                )
                raise error from None
            _add(error, f"the new key {name} was deleted again")
            # What may be left of it in the keychain is for the next run to remove.
            if not isinstance(error, NoAnswer):  # it would be waited for once more
                with contextlib.suppress(StsPluginError):
                    self._keys.forget(self._profile, name)
                    self._forget_rotation(record)
            raise
        return noted

    def _verify(
        self, new: Credentials, owner: Identity | None, *, at_once: bool = False
    ) -> None:
        """See that a key works, now or after a while, and that it is the user's."""

        def ask() -> Identity:
            return self._sts().caller_identity(new)

        found = ask() if at_once else self._patiently(ask)
        if owner and found.arn != owner.arn:
            raise ConfigurationError(
                f"the new access key {new.access_key_id} is of {found.arn}, and not of"
                f" {owner.arn}"
            )

    # --- The change, and the old key ---

    def _switched(self, record: KeyRecord, new: Credentials) -> KeyRecord:
        """Put the new key in the place of the old one, all at once."""
        old, rotating = record.access_key_id, record.rotating
        assert rotating is not None  # it is what we do
        now = replace(
            record,
            access_key_id=new.access_key_id,
            added=self._now(),
            rotating=Rotating(rotating.began, old=old),
        )
        with _telling(f"{old} stays in use; {AGAIN}"):
            self._keys.save(now)
        self._tell(f"{new.access_key_id} is in use now; deleting {old}")
        return now

    def _finished(self, record: KeyRecord) -> tuple[str, str]:
        """Delete the old key, here and at AWS, by the new one."""
        old, new = record.rotating.old if record.rotating else "", record.access_key_id
        with _telling(f"{new} is in use, and {old} still is active at AWS; {AGAIN}"):
            user, signer = self._signed_in()
            self._patiently(lambda: self._iam.delete_access_key(user, old, signer))
        with _telling(f"{new} is in use, {old} is deleted at AWS; {AGAIN}"):
            self._keys.forget(self._profile, old)
            self._saved(record, None)
        return old, new

    # --- What these need ---

    def _signed_in(self) -> tuple[str | None, Credentials]:
        signer = self._sign_in()
        return _user(self._sts().caller_identity(signer), self._profile), signer

    def _listed(self, user: str | None, signer: Credentials) -> list[UserKey]:
        return self._iam.access_keys(user, signer)

    def _saved(self, record: KeyRecord, rotating: Rotating | None) -> KeyRecord:
        saved = replace(record, rotating=rotating)
        self._keys.save(saved)
        return saved

    def _forget_rotation(self, record: KeyRecord) -> None:
        with contextlib.suppress(StsPluginError):  # the next run finds nothing to do
            self._saved(record, None)

    def _patiently(self, work: Callable[[], T]) -> T:
        """Return what ``work`` returns once AWS knows the key that signs it."""
        deadline = self._clock() + NEW_KEY_SECONDS
        pause, most = NEW_KEY_PAUSE_SECONDS
        told = False
        while True:
            try:
                return work()
            except (CallerRejected, Unreachable):
                if self._clock() + pause > deadline:
                    raise
            if not told:
                self._tell("waiting until AWS knows the new access key")
                told = True
            self._sleep(pause)
            pause = min(2 * pause, most)


@contextlib.contextmanager
def _telling(state: str) -> Iterator[None]:
    """Let every error say how things stand."""
    try:
        yield
    except StsPluginError as error:
        _add(error, state)
        raise


def _add(error: StsPluginError, text: str) -> None:
    error.hint = "; ".join(filter(None, (error.hint, text)))


def _user(owner: Identity, profile: str) -> str | None:
    """Return the name of the user, or None for root; raise if it is none."""
    found = USER.fullmatch(owner.arn)
    if found is None:
        raise ConfigurationError(
            f'profile "{profile}" leads to {owner.arn}, which is no IAM user'
        )
    return found[1]
