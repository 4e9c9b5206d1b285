"""What comes to STS from outside, made for tests: tokens, assertions, messages.

Owns: the methods of ``Sandbox`` that stand for an identity provider, a context
provider, a delegating customer or a service that refused a request. Never:
checks one. All go by the true time, whatever ``clock_offset_seconds`` says.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from sts_plugin.sandbox.contexts import CONTEXT_PROVIDER_ARN
from sts_plugin.sandbox.estate import Context, Estate, Message, TradeIn
from sts_plugin.sandbox.organisation import SAML_PROVIDER_ARN, Organisation
from sts_plugin.sandbox.saml_response import AUDIENCE, Login
from sts_plugin.sandbox.web_identity import Claims

__all__ = ["Proofs"]


class Proofs:
    """Everything that others than AWS and its clients bring along."""

    _estate: Estate
    organisation: Organisation

    def web_identity_token(  # noqa: PLR0913 (a token says that much)
        self,
        subject: str = "repo:example/app",
        audience: str = "sts.amazonaws.com",
        lifetime_seconds: int = 600,
        *,
        source_identity: str | None = None,
        tags: Mapping[str, str] | None = None,
        transitive_tags: Sequence[str] = (),
    ) -> str:
        """Return a token of the sandbox's OpenID Connect provider."""
        claims = Claims(
            subject, audience, source_identity, tags or {}, tuple(transitive_tags)
        )
        return self._estate.web_identities.sign(
            claims, datetime.now(UTC), lifetime_seconds
        )

    def saml_assertion(  # noqa: PLR0913 (an assertion says that much)
        self,
        role_arn: str | None = None,
        principal_arn: str = SAML_PROVIDER_ARN,
        *,
        roles: Sequence[str] = (),
        session_name: str | None = "alice",
        lifetime_seconds: int = 300,
        session_duration_seconds: int | None = None,
        session_duration: int | str | None = None,
        source_identity: str | None = None,
        tags: Mapping[str, str] | None = None,
        transitive_tags: Sequence[str] = (),
        audience: str = AUDIENCE,
        recipient: str = AUDIENCE,
    ) -> str:
        """Return a response of the sandbox's SAML provider, in base64.

        Name one role with ``role_arn``, or any number with ``roles``: an ARN, which
        is paired with ``principal_arn``, or a whole pair, written as it is
        ("role,provider" and "provider,role" are both legal).
        ``session_duration_seconds`` becomes SessionNotOnOrAfter,
        ``session_duration`` the SessionDuration attribute; both can only shorten
        the role's session. STS takes the assertion for five minutes, however long
        ``lifetime_seconds`` is.
        """
        named = [*([role_arn] if role_arn is not None else []), *roles]
        pairs = (r if "," in r else f"{r},{principal_arn}" for r in named)
        return self._estate.saml.sign(
            Login(
                roles=tuple(pairs),
                now=datetime.now(UTC),
                lifetime_seconds=lifetime_seconds,
                session_name=session_name,
                session_ends_in_seconds=session_duration_seconds,
                session_duration=session_duration,
                source_identity=source_identity,
                tags=tags or {},
                transitive_tags=tuple(transitive_tags),
                audience=audience,
                recipient=recipient,
            )
        )

    def context_assertion(
        self,
        provider_arn: str = CONTEXT_PROVIDER_ARN,
        *,
        lifetime_seconds: int = 300,
    ) -> str:
        """Return an assertion for AssumeRole's ProvidedContexts."""
        expires_at = datetime.now(UTC) + timedelta(seconds=lifetime_seconds)
        return self._estate.contexts.seal(Context(provider_arn, expires_at))

    def trade_in_token(
        self,
        principal: str,
        *,
        lifetime_seconds: int = 300,
        session_seconds: int = 3600,
    ) -> str:
        """Return a token that GetDelegatedAccessToken exchanges.

        ``principal`` is the ARN (or the name) of the role or user as whom the
        session of ``session_seconds`` acts. Raises ``KeyError`` for nobody.
        """
        known = {user.arn: user.arn for user in self.organisation.users}
        known |= {user.name: user.arn for user in self.organisation.users}
        arn = known.get(principal) or self.organisation.role(principal).arn
        expires_at = datetime.now(UTC) + timedelta(seconds=lifetime_seconds)
        return self._estate.trade_ins.seal(TradeIn(arn, expires_at, session_seconds))

    def encoded_message(  # noqa: PLR0913 (a refusal says that much)
        self,
        action: str = "ec2:RunInstances",
        resource: str = "arn:aws:ec2:us-east-1:111111111111:instance/*",
        *,
        user: str = "alice",
        explicit_deny: bool = False,
        conditions: Mapping[str, str] | None = None,
        lifetime_seconds: int = 3600,
    ) -> str:
        """Return what a service says when it refused ``user`` an action.

        DecodeAuthorizationMessage turns it into JSON.
        """
        asked = self.organisation.user(user)
        text = json.dumps(
            {
                "allowed": False,
                "explicitDeny": explicit_deny,
                "matchedStatements": {"items": []},
                "failures": {"items": []},
                "context": {
                    "principal": {
                        "id": asked.user_id,
                        "name": asked.name,
                        "arn": asked.arn,
                    },
                    "action": action,
                    "resource": resource,
                    "conditions": {
                        "items": [
                            {"key": key, "values": {"items": [{"value": value}]}}
                            for key, value in (conditions or {}).items()
                        ]
                    },
                },
            },
            separators=(",", ":"),
        )
        expires_at = datetime.now(UTC) + timedelta(seconds=lifetime_seconds)
        return self._estate.messages.seal(Message(text, expires_at))
