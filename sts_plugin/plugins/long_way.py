"""What a program is answered by the engine, and all that this has to import.

    host + profile -> Plan -> refresh metadata of botocore

Imported late, by ``forks.import_late`` alone: a program whose credentials are in the
cache does without.
"""

from __future__ import annotations

import contextlib
import json
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sts_plugin.background import renewable
from sts_plugin.document import timestamp, to_document
from sts_plugin.engine import Engine
from sts_plugin.errors import CacheUnusable, NothingHere
from sts_plugin.plugins import features
from sts_plugin.profiles import OWN_PREFIX
from sts_plugin.records import Asked, remember
from sts_plugin.watcher import Watcher

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sts_plugin.chain import Link
    from sts_plugin.model import Credentials, Plan
    from sts_plugin.plugins.ahead import Ahead
    from sts_plugin.plugins.quick import Metadata

__all__ = ["LongWay", "make_engine", "metadata_of"]

logger = logging.getLogger("sts_plugin")


def make_engine(
    environ: Mapping[str, str],
    session: Callable[[str | None], Any] | None = None,
    *,
    unwanted: Callable[[], bool] = lambda: False,
) -> Engine:
    """Return the engine of a host; ``session`` makes its sessions of botocore.

    ``unwanted`` tells whether nobody waits any more for what this thread is doing.
    """
    return Engine(
        environ, watcher=Watcher(logger.warning, gone=unwanted), session=session
    )


class LongWay:
    """One profile of a host, as the engine sees it.

    ``said`` is what the host reads in a profile; ``words`` are those of
    ``quick.question``. ``then`` are roles that a program wants after it, ``given``
    returns what it has in the place of the profile's credentials: both as for
    ``Engine.plan``.
    """

    def __init__(  # noqa: PLR0913 - what a program may say
        self,
        said: Callable[[str], Mapping[str, Any]],
        engine: Engine,
        words: list[str],
        environ: Mapping[str, str],
        *,
        then: Sequence[Link] = (),
        given: Callable[[], Credentials] | None = None,
    ) -> None:
        self._said = said
        self._engine = engine
        self._words = words
        self._environ = environ
        self._then = then
        self._given = given

    def plan(self) -> Plan:
        """Return the plan as the files say it now; raise what ``Engine.plan`` does."""
        return self._planned()[0]

    def _planned(self) -> tuple[Plan, Credentials | None]:
        """Return the plan, and what it was made for."""
        _, profile, region, explicit, *_ = self._words
        given = self._given() if self._given else None
        plan = self._engine.plan(
            profile,
            explicit=bool(explicit),
            region=region or None,
            then=self._then,
            given=given,
        )
        return plan, given

    def ours(self) -> Plan | None:
        """Return the plan, or None for a profile that is left to botocore."""
        try:
            plan = self.plan()
        except NothingHere:
            if self._then:
                raise  # nobody else knows of a role that a program wants
            return None
        return plan if plan.calls or not self._left_to_botocore(plan) else None

    def found(self, plan: Plan) -> Credentials:
        """Return the credentials of a plan without calls."""
        return self._engine.credentials(plan)

    def client_features(self, plan: Plan) -> frozenset[str]:
        """Return the feature ids of a client with the credentials of a plan."""
        return features.client_features(plan, legacy_sso=self._legacy_sso(plan))

    def renew(self) -> bool:
        """Get the next set of credentials; return whether there is a new one."""
        plan, given = self._planned()
        if not renewable(plan, self._environ):  # the files may have changed
            return False
        before = self._engine.kept(plan)
        found = self._engine.renew(plan, given=given)
        return before is None or found.access_key_id != before[0].access_key_id

    def fetch(self, ahead: Ahead) -> Metadata:
        """Return credentials as the files say it now, from the cache or from AWS.

        Nobody waits for AWS while there is a set that is good for some minutes more.
        """
        asked = Asked.now(self._words, self._environ)
        plan, given = self._planned()
        may_renew = renewable(plan, self._environ)
        if may_renew and (old := self._meanwhile(plan)):
            ahead.start(self.renew)
            return metadata_of(old)
        if plan.calls:
            legacy_sso = self._legacy_sso(plan)
            features.register(features.source_features(plan, legacy_sso=legacy_sso))
        found = self._engine.credentials(plan, given=given)
        if given:
            return metadata_of(found)  # it may be another one's the next time
        # For whoever comes next; no trouble with it is any of this one's.
        with contextlib.suppress(CacheUnusable, OSError, ValueError):
            remember(
                asked,
                plan,
                self._engine.store,
                printed=json.dumps(to_document(found)).encode(),
                renewable=may_renew,
                notes=tuple(sorted(self.client_features(plan))),
            )
        return metadata_of(found)

    def _meanwhile(self, plan: Plan) -> Credentials | None:
        """Return a set that is to be renewed, while nobody insists on another."""
        kept = self._engine.kept(plan)
        now = datetime.now(UTC)
        if kept is None or kept[1].fresh(now) or now >= kept[1].last:
            return None
        return kept[0]

    def _legacy_sso(self, plan: Plan) -> bool:
        return "sso_session" not in self._said(plan.source.profile)

    def _left_to_botocore(self, plan: Plan) -> bool:
        """Whether botocore finds in the profile what a plan without calls says."""
        if plan.source.kind == "keychain":
            return False
        said = self._said(plan.profile)
        including = {"include_profile", f"{OWN_PREFIX}include_profile"} & said.keys()
        return plan.source.profile == plan.profile and not (
            including and plan.source.kind in {"sso", "login", "process"}
        )


def metadata_of(found: Credentials) -> Metadata:
    """Return credentials as botocore wants them from ``refresh_using``."""
    token, expiration = found.session_token, found.expiration
    if expiration is None:
        raise NothingHere("the profile leads to long-term keys now")
    metadata = {
        "access_key": found.access_key_id,
        "secret_key": found.secret_access_key.reveal(),
        "token": token.reveal() if token else None,
        "expiry_time": timestamp(expiration),
    }
    if found.account_id:
        metadata["account_id"] = found.account_id
    return metadata
