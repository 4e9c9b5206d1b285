"""The engine as a credential provider of botocore and boto3 sessions.

The provider stands before botocore's own ``assume-role``, so that keys in the
environment keep the place that botocore gives them, and takes every profile whose
credentials are not simply there: roles, MFA sessions, keys in the OS keychain, and
profiles whose ``credential_process`` is sts-plugin. All others it leaves to botocore.

Refreshing is botocore's (``RefreshableCredentials`` with our ``refresh_using``);
what is new is that a refresh never fails for want of an MFA code that we have.

What is in the cache is handed out by ``quick``; the engine is imported where that does
not know the answer (``long_way``).
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, TypeVar

# botocore is in memory already: it is what calls us.
from botocore.credentials import Credentials as StaticCredentials
from botocore.credentials import (
    DeferredRefreshableCredentials,
    RefreshableCredentials,
)
from botocore.exceptions import CredentialRetrievalError, InvalidConfigError

from sts_plugin.errors import ConfigurationError, StsPluginError
from sts_plugin.plugins import features, quick
from sts_plugin.plugins.ahead import Ahead
from sts_plugin.plugins.bundle import without_bundle
from sts_plugin.plugins.forks import import_late, safe_to_fork

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sts_plugin.engine import Engine
    from sts_plugin.model import Credentials
    from sts_plugin.plugins.long_way import LongWay
    from sts_plugin.plugins.quick import Known, Metadata

__all__ = [
    "METHOD",
    "Answers",
    "Engines",
    "StsPluginProvider",
    "register",
    "settled",
    "speaking_botocore",
]

SessionT = TypeVar("SessionT")
T = TypeVar("T")

OWN_PREFIX = "sts_plugin_"
"""``profiles.OWN_PREFIX``."""


def register(session: SessionT) -> SessionT:
    """Do what ``sts_plugin.register`` says."""
    core: Any = getattr(session, "_session", session)  # boto3 wraps botocore's
    if not hasattr(core, "lazy_register_component") or iscoroutinefunction(
        core.get_credentials
    ):
        raise TypeError(
            f"register wants a botocore or boto3 session, not {type(session).__name__}"
        )
    components = core._components  # noqa: SLF001 - there is no other way to look
    if resolver := components._components.get("credential_provider"):  # noqa: SLF001
        # Its profile and region are settled, and others may have changed it.
        _insert(core, resolver)
    else:
        # Made late on purpose: a resolver that exists early freezes profile and
        # region, and with them the STS endpoint. botocore makes one for each thread
        # that is there first; what the engine keeps in memory is kept once.
        make, engines = components._deferred["credential_provider"], Engines()  # noqa: SLF001
        core.lazy_register_component(
            "credential_provider", lambda: _insert(core, make(), engines)
        )
    if getattr(core._credentials, "method", "explicit") != "explicit":  # noqa: SLF001
        core._credentials = None  # noqa: SLF001 - what the chain had found
    return session


def _insert(core: Any, resolver: Any, engines: Engines | None = None) -> Any:  # noqa: ANN401 - the botocore seam
    """Insert our provider into a chain, unless it is there."""
    names = [provider.METHOD for provider in resolver.providers]
    if StsPluginProvider.METHOD not in names:
        region = core._last_client_region_used  # noqa: SLF001 - as botocore's own
        provider = StsPluginProvider(core, region=region, engines=engines)
        # Without assume-role it is a chain of the program's own making.
        place = names.index("assume-role") if "assume-role" in names else 0
        resolver.providers.insert(place, provider)
    return resolver


class Engines:
    """The engines of one session, by their environment.

    All threads that find a session without credentials load them: they share one.
    """

    def __init__(self) -> None:
        self._made: dict[frozenset[tuple[str, str]], Engine] = {}

    def get(self, session: Any, environ: Mapping[str, str]) -> Engine:  # noqa: ANN401 - the botocore seam
        """Return the engine of an environment."""
        one = frozenset(environ.items())
        if one not in self._made:
            engine = import_late().make_engine(session, environ)
            self._made.setdefault(one, engine)
        return self._made[one]


LONG_SINCE = datetime.min.replace(tzinfo=UTC)


class Deferred(DeferredRefreshableCredentials):
    """botocore's own, which asks itself with each request whether it was ever used.

    Credentials that have expired long since are got anew by the first request as well,
    and the others are as quick as those of RefreshableCredentials.
    """

    answers: Answers
    """What it was settled by, for a session that goes on from here."""

    refresh_needed = RefreshableCredentials.refresh_needed

    def __init__(self, refresh_using: Callable[[], Metadata], method: str) -> None:
        super().__init__(refresh_using, method)
        self._expiry_time = LONG_SINCE


METHOD = "sts-plugin"


class Answers:
    """What a session is answered, from when it is settled what it asks.

    ``words`` are those of ``quick.question``; None: only the long way knows.
    """

    def __init__(
        self,
        words: list[str] | None,
        environ: Mapping[str, str],
        long_way: Callable[[], LongWay],
    ) -> None:
        self.words = words
        self.environ = environ
        self._long_way = long_way
        self._ahead = Ahead()

    def known(self) -> Known | None:
        """Return what is known without the engine."""
        return quick.answer(self.words, self.environ) if self.words else None

    def fetch(self) -> Metadata:
        """Return credentials; the next set is got while nobody waits for it."""
        known = self.known()
        if known is None:
            return self._long_way().fetch(self._ahead)
        if known.due:
            self._ahead.start(lambda: self._long_way().renew())
        return known.metadata

    def deferred(self, feature_ids: Iterable[str]) -> Deferred:
        """Return credentials that are got when they are used."""
        feature_ids = tuple(feature_ids)
        features.register(feature_ids)
        made = Deferred(
            refresh_using=speaking_botocore(self.fetch),
            method=features.method(feature_ids) or METHOD,
        )
        made.answers = self
        return safe_to_fork(made)


class StsPluginProvider:
    """A botocore credential provider (``botocore.credentials.CredentialProvider``).

    Loads anew each time: botocore's own fails on the second one. Loads that find the
    same environment share one of the ``engines``, with what it keeps in memory.
    """

    METHOD = METHOD
    CANONICAL_NAME = "customStsPlugin"  # botocore reserves the plain names for itself

    def __init__(
        self,
        session: Any,  # noqa: ANN401
        *,
        region: str | None = None,
        engines: Engines | None = None,
    ) -> None:
        self._session = session
        self._region = region
        self._engines = Engines() if engines is None else engines

    def load(self) -> Any:  # noqa: ANN401 - the botocore seam
        """Return refreshable credentials, or None for a profile that is not ours.

        Makes no call and asks nobody where that can wait until the credentials are
        used. Raises CredentialRetrievalError for a profile that can never work.
        """
        profile = self._session.get_config_variable("profile") or "default"
        # No trouble of ours may touch a session that has nothing to do with us.
        said = self._session.full_config["profiles"].get(profile, {})
        if not _concerns_us(said):
            return None
        return speaking_botocore(lambda: self._load(profile))()

    def _load(self, profile: str) -> Any:  # noqa: ANN401 - the botocore seam
        words, environ = settled(self._session, profile, self._region)
        session, engines = self._session, self._engines

        def long_way() -> LongWay:
            late = import_late()
            way: LongWay = late.LongWay(
                session, engines.get(session, environ), words, environ
            )
            return way

        answers = Answers(words, environ, long_way)
        if known := answers.known():
            return answers.deferred(known.notes)
        way = long_way()
        plan = way.ours()
        if plan is None:
            return None
        if not plan.calls:
            return self._found(way.found(plan), speaking_botocore(answers.fetch))
        return answers.deferred(way.client_features(plan))

    def _found(self, found: Credentials, refresh: Callable[[], Metadata]) -> Any:  # noqa: ANN401 - the botocore seam
        """Return credentials that no call of ours has issued as botocore's own."""
        if found.expiration is not None:
            return safe_to_fork(
                RefreshableCredentials.create_from_metadata(
                    import_late().metadata_of(found),
                    refresh_using=refresh,
                    method=self.METHOD,
                )
            )
        token = found.session_token
        return StaticCredentials(
            found.access_key_id,
            found.secret_access_key.reveal(),
            token.reveal() if token else None,
            method=self.METHOD,
        )


def settled(
    session: Any,  # noqa: ANN401 - the botocore seam
    profile: str,
    region: str | None,
) -> tuple[list[str], dict[str, str]]:
    """Return the words and the environment by which a session asks from now on.

    Profile, region and environment are settled now: a variable that changes later must
    not turn a running client into somebody else.
    """
    explicit = session.instance_variables().get("profile") is not None
    region = region or session.get_config_variable("region")
    files = {
        "AWS_CONFIG_FILE": session.get_config_variable("config_file"),
        "AWS_SHARED_CREDENTIALS_FILE": session.get_config_variable("credentials_file"),
    }
    said = {name: path for name, path in files.items() if path}
    environ = without_bundle({**os.environ, **said})
    return quick.question(profile, region, explicit=explicit), environ


OUR_KEYS = frozenset(
    {
        "federation_name",
        "include_profile",
        "keychain",
        "mfa_serial",
        "role_arn",
        "saml_file",
        "saml_process",
        "target_principal",
        "trade_in_token_file",
        "trade_in_token_process",
        "web_identity_token_process",
    }
)
"""What may make a profile ours; the plan then tells."""


def _concerns_us(said: Mapping[str, Any]) -> bool:
    """Whether a profile may be one of ours, by its keys alone."""
    keys = {key.removeprefix(OWN_PREFIX) for key in said}
    process = str(said.get("credential_process", ""))
    ours = "sts-plugin" in process or "sts_plugin" in process
    return ours or not keys.isdisjoint(OUR_KEYS)


class ProfileError(CredentialRetrievalError, InvalidConfigError):  # type: ignore[misc]
    """A profile is wrong: both of the classes by which programs catch that."""


def speaking_botocore(work: Callable[[], T]) -> Callable[[], T]:
    """Return ``work`` whose errors are botocore's: what its callers catch."""

    def translated() -> T:
        try:
            return work()
        except StsPluginError as error:
            wrong = isinstance(error, ConfigurationError)
            raise (ProfileError if wrong else CredentialRetrievalError)(
                provider=StsPluginProvider.METHOD, error_msg=error.line
            ) from error

    return translated
