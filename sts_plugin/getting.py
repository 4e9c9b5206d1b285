"""How the engine gets a set for a program that it keeps supplied (``supply``)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from sts_plugin.background import renewable, silent
from sts_plugin.errors import HumanNeeded, NothingHere
from sts_plugin.model import Life

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sts_plugin.engine import Engine
    from sts_plugin.model import Credentials, Plan
    from sts_plugin.supply import How

__all__ = ["Getting"]

ON_TERMINAL: Final = frozenset({"terminal", "pinentry"})
"""Ways to ask for a code that may take the terminal."""


class Getting:
    """Gets sets of one profile, as the files say it at that moment.

    ``terminal_free`` tells whether a person may be asked on the terminal.
    """

    def __init__(
        self,
        engine: Engine,
        profile: str,
        environ: Mapping[str, str],
        *,
        explicit: bool,
        terminal_free: Callable[[], bool] = lambda: True,
    ) -> None:
        self._engine = engine
        self._profile = profile
        self._environ = environ
        self._explicit = explicit
        self._terminal_free = terminal_free

    def plan(self) -> Plan:
        """Return the plan; raise what ``Engine.plan`` does."""
        return self._engine.plan(self._profile, explicit=self._explicit)

    def get(self, how: How) -> tuple[Credentials, Life]:
        """Return a set and its life; raises what ``Engine.credentials`` does.

        Raises NothingHere for long-term keys: no endpoint hands them out.
        """
        plan = self.plan()
        match how:
            case "ask":
                found = self._engine.credentials(self._askable(plan))
            case "ahead":
                if not renewable(plan, self._environ):
                    raise HumanNeeded("nothing is renewed where nobody asks for it")
                found = self._engine.renew(plan)
            case "look":
                return self._look(plan)
        if found.expiration is None:
            raise NothingHere(
                f'profile "{plan.profile}" leads to long-term keys, which an endpoint'
                " does not hand out",
                hint="give it an mfa_serial or a role_arn, or run: sts-plugin exec"
                " without --refresh",
            )
        kept = self._engine.kept(plan)
        if kept and kept[0].access_key_id == found.access_key_id:
            return kept
        return found, Life(datetime.now(UTC), found.expiration)

    def _askable(self, plan: Plan) -> Plan:
        """Return the plan without the ways to ask that are not open now."""
        if self._terminal_free():
            return plan
        ways = tuple(way for way in plan.codes.ways if way not in ON_TERMINAL)
        return replace(plan, codes=replace(plan.codes, ways=ways))

    def _look(self, plan: Plan) -> tuple[Credentials, Life]:
        """Return what others have got, or what comes of a session that they have got.

        Raises HumanNeeded.
        """
        kept = self._engine.kept(plan)
        if kept and kept[1].fresh(datetime.now(UTC)):
            return kept
        if silent(plan):
            found = self._engine.renew(plan)
            kept = self._engine.kept(plan)
            if kept and kept[0].access_key_id == found.access_key_id:
                return kept
        raise HumanNeeded("there is no newer set yet")
