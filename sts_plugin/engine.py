"""The one place where the rooms are put together, for every door alike.

A door makes an Engine, asks it for a plan or for credentials, and shows the answer
in its own way.
"""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sts_plugin.botocore_session import make_session
from sts_plugin.cache import Cache
from sts_plugin.cache_key import CacheKey
from sts_plugin.direct import make_direct
from sts_plugin.document import from_document
from sts_plugin.endpoint import find_endpoint
from sts_plugin.errors import CacheUnusable, CannotAsk
from sts_plugin.guard import guarded
from sts_plugin.memory import MemoryStore, UnwrittenStore
from sts_plugin.mfa.variable import VARIABLE
from sts_plugin.mfa.ways import sources
from sts_plugin.plan import make_plan
from sts_plugin.profiles import load_profiles
from sts_plugin.proofs import bring
from sts_plugin.resolve import Resolver
from sts_plugin.sealing import PLAIN, UNOPENED
from sts_plugin.settings import (
    CACHE_KEY_PERSON_SECONDS,
    CACHE_KEY_SECONDS,
    Settings,
)
from sts_plugin.sources import load_source
from sts_plugin.store import DiskStore
from sts_plugin.sts import Sts
from sts_plugin.words import profile_option

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from contextlib import AbstractContextManager

    from sts_plugin.chain import Link
    from sts_plugin.direct import Direct
    from sts_plugin.iam import Iam
    from sts_plugin.model import Call, Credentials, Endpoint, Life, Plan, Secret
    from sts_plugin.sealing import Seal
    from sts_plugin.store import Store
    from sts_plugin.watcher import Watcher

__all__ = ["Engine", "cache_folder", "chosen_profile"]


def chosen_profile(named: str | None, environ: Mapping[str, str]) -> tuple[str, bool]:
    """Return (profile, whether a person named it in so many words).

    botocore asks ``AWS_DEFAULT_PROFILE`` before ``AWS_PROFILE``, and takes an empty
    one for a profile without a name.
    """
    if named is not None:
        return named, True
    for variable in ("AWS_DEFAULT_PROFILE", "AWS_PROFILE"):
        if variable in environ:
            return environ[variable], False
    return "default", False


def cache_folder(settings: Settings) -> Path:
    """Return the folder of the cache, which need not exist; raise CacheUnusable."""
    if settings.cache_dir:
        return Path(settings.cache_dir)
    from platformdirs import user_cache_path  # noqa: PLC0415 - only where it is asked

    try:
        return user_cache_path("sts-plugin", appauthor=False)
    # No HOME, and a user id that the system does not know; no folder of the profile.
    except (RuntimeError, ValueError, KeyError, OSError):
        raise CacheUnusable(
            "there is no home folder for the cache", hint="set STS_PLUGIN_CACHE_DIR"
        ) from None


MACHINE_KINDS = frozenset({"ambient", "container", "instance"})
"""Sources whose identity is the machine's: nothing that a profile or a variable says
tells one from another where machines share a home folder, so their roles are kept in
memory only."""


class Engine:
    """Plans and credentials for the profiles of one environment.

    ``watcher`` is told what happens. ``session`` is for plugins: see ``sts.Sts``.
    ``alone``: nobody else uses botocore in this process, so that none of their hooks
    are passed over where STS is asked without a client.
    The two AWS files are read anew for each question, so that an edit counts at once.
    """

    def __init__(
        self,
        environ: Mapping[str, str] = os.environ,
        *,
        watcher: Watcher,
        session: Callable[[str | None], Any] | None = None,
        alone: bool = False,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._environ = environ
        self._settings = Settings.from_environ(environ)
        self._watcher = watcher
        self._session = session
        self._alone = alone
        self._now = now
        self._logged_in: set[str] = set()
        self._memory = MemoryStore(wait_seconds=self._settings.lock_wait_seconds)
        self._warned = False
        self._key = CacheKey(self._key_lock)

    @property
    def store(self) -> DiskStore:
        """The cache on disk, to look at: no entry is opened, and none can be written.

        Raises CacheUnusable where there is no place for it.
        """
        return self._store(UNOPENED)

    def plan(
        self,
        profile: str,
        *,
        explicit: bool = True,
        region: str | None = None,
        then: Sequence[Link] = (),
        given: Credentials | None = None,
    ) -> Plan:
        """Return the plan of a profile; raise ConfigurationError.

        ``then`` and ``given`` are as for ``plan.make_plan``.
        """
        return make_plan(
            load_profiles(self._environ),
            profile,
            self._environ,
            explicit=explicit,
            region=region,
            then=then,
            given=given,
        )

    def login(self, plan: Plan, *, if_needed: bool = False) -> Credentials:
        """Return credentials for a plan whose MFA session is new.

        Asks for a code unless the session is a few minutes old, by a login for
        another profile; ``if_needed``: unless it is still good. Raises as
        ``credentials``.
        """
        cache = self._cache(plan, key_seconds=CACHE_KEY_PERSON_SECONDS)
        with_code = [n for n, call in enumerate(plan.calls, 1) if call.mfa_serial]
        if with_code:
            part = replace(plan, calls=plan.calls[: with_code[-1]])
            # However long it lasts: STS gives root users an hour.
            got = None if if_needed else self._logged_in
            session = self._resolver(part, cache, login=got).resolve()
            self._logged_in.add(session.access_key_id)
        return self._resolver(plan, cache).resolve()

    def credentials(
        self,
        plan: Plan,
        *,
        proof: Secret | None = None,
        given: Credentials | None = None,
    ) -> Credentials:
        """Return credentials for a plan, from the cache or from AWS.

        ``proof`` is the token or assertion of the plan's call, where a program has it;
        ``given`` is what the plan was made for.

        Raises any StsPluginError but CacheUnusable.
        """
        cache = self._cache(plan)
        return self._resolver(plan, cache, proof=proof, given=given).resolve()

    def renew(self, plan: Plan, *, given: Credentials | None = None) -> Credentials:
        """Return credentials for a plan, new ones if that is due before long.

        Asks nobody. ``given`` and what is raised are as for ``credentials``.
        """
        codes = replace(plan.codes, ways=plan.codes.silent)
        plan = replace(plan, codes=codes)
        cache = self._cache(plan)
        return self._resolver(plan, cache, ahead=True, given=given).resolve()

    def kept(self, plan: Plan) -> tuple[Credentials, Life] | None:
        """Return the cached set of a plan while it is usable, and its life."""
        entry = self._cache(plan).read(plan.calls[-1].key) if plan.calls else None
        if entry is None or not entry.life.usable(self._now()):
            return None
        try:
            return from_document(entry.document), entry.life
        except ValueError:
            return None

    def _cache(self, plan: Plan, *, key_seconds: float = CACHE_KEY_SECONDS) -> Cache:
        store = self._usable_store(plan, key_seconds)
        return Cache(store, tell=self._watcher.tell)

    def _resolver(  # noqa: PLR0913 - the ways of a run
        self,
        plan: Plan,
        cache: Cache,
        *,
        proof: Secret | None = None,
        login: Collection[str] | None = None,
        ahead: bool = False,
        given: Credentials | None = None,
    ) -> Resolver:
        environ = self._environ
        if ahead:  # a code in the environment is for whoever waits
            environ = {key: one for key, one in environ.items() if key != VARIABLE}
        return Resolver(
            plan,
            cache=cache,
            sts=self.sts(plan),
            sources=lambda: sources(
                plan.codes,
                environ,
                # An orphan does not wait for the terminal: it holds the device.
                turn=lambda name: cache.lock(name, news=self._watcher.orphaned),
                watcher=self._watcher,
            ),
            source=lambda: self._load(plan, ahead=ahead, given=given),
            bring=lambda call: bring(call, self._environ, given=proof, now=self._now()),
            watcher=self._watcher,
            settings=self._settings,
            before_waiting=lambda call: self._refuse_detour(plan, call),
            login=login,
            ahead=ahead,
            now=self._now,
        )

    def _load(
        self, plan: Plan, *, ahead: bool, given: Credentials | None
    ) -> Credentials:
        if plan.source.kind == "given":
            assert given is not None  # it is what the plan was made for
            return given
        if ahead and plan.source.kind == "keychain":
            raise CannotAsk(
                f'the keys of profile "{plan.source.profile}" are in the OS keychain,'
                " and this run asks nobody: it may be locked",
                hint=f"run: sts-plugin login {profile_option(plan.profile)}",
            )
        return load_source(
            plan.source,
            load_profiles(self._environ),
            self._environ,
            endpoint=plan.endpoint,
            session=self._session,
        )

    def _refuse_detour(self, plan: Plan, call: Call) -> None:
        """Raise if we run inside a command that the holder of the lock waits for."""
        proof, source = call.proof, plan.source
        if call.mfa_serial:
            # Whoever has a session by now needs no code, and no command for one.
            from sts_plugin.mfa.command import refuse_recursion  # noqa: PLC0415

            refuse_recursion(call.mfa_serial, self._environ)
        if proof and proof.how == "process":
            setting = proof.setting
            guarded(call.guard, setting.key, setting.origin, self._environ)
        if source.kind == "process":
            key = "credential_process"
            guarded(source.profile, key, source.origin, self._environ)

    def sts(self, plan: Plan) -> Sts:
        """Return the STS that a plan's calls go to."""
        return self.sts_at(plan.endpoint)

    def sts_at(self, endpoint: Endpoint) -> Sts:
        """Return the STS of an endpoint."""
        return Sts(
            endpoint,
            session=self._make_session,
            direct=self._direct,
            now=self._now,
        )

    def iam(self, plan: Plan) -> Iam:
        """Return the IAM that goes with the STS of a plan."""
        from sts_plugin.iam import Iam  # noqa: PLC0415 - for commands about keys alone

        return Iam(plan.endpoint, session=self._make_session)

    def endpoint(self, profile: str) -> Endpoint:
        """Return which STS a profile's calls go to, whatever its credentials are.

        Raises ConfigurationError.
        """
        profiles = load_profiles(self._environ)
        return find_endpoint(profiles, profiles.get(profile), self._environ)

    def _direct(self, endpoint: Endpoint) -> Direct | None:
        return make_direct(endpoint, self._environ) if self._alone else None

    def _make_session(self, name: str | None) -> Any:  # noqa: ANN401 - the botocore seam
        make = self._session or (
            lambda name: make_session(name, load_profiles(self._environ))
        )
        return make(name)

    def _usable_store(self, plan: Plan, key_seconds: float) -> Store:
        if plan.source.kind in MACHINE_KINDS:
            return self._memory
        store: Store = self._memory
        try:
            plain = self._store(PLAIN)
            plain.prepare()
            if not (plan.sealed and plan.calls):
                return plain
            store = UnwrittenStore(
                plain.path,
                self._memory,
                wait_seconds=self._settings.lock_wait_seconds,
            )
            return self._store(self._key.seal(seconds=key_seconds))
        except CacheUnusable as error:
            if not self._warned:
                self._watcher.tell(f"going on without the cache: {error.line}")
            self._warned = True
            return store

    def _store(self, seal: Seal) -> DiskStore:
        return DiskStore(
            cache_folder(self._settings),
            wait_seconds=self._settings.lock_wait_seconds,
            seal=seal,
        )

    def _key_lock(self, name: str, seconds: float) -> AbstractContextManager[bool]:
        store = DiskStore(cache_folder(self._settings), wait_seconds=seconds)
        return store.lock(name, lambda _holder: None)
