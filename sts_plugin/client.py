"""Every call of STS for Python programs, with the engine's chains, prompt and cache.

    Client("alice").assume_role("arn:aws:iam::222222222222:role/Audit")

A call is made of arguments exactly as a profile is made of keys, and takes the same way
through the engine. What is wrong is raised as one of ``sts_plugin.errors``, before
anything is sent where that can be.
"""

from __future__ import annotations

import json
import logging
import os
from typing import TYPE_CHECKING, Any

from sts_plugin.actions import GIVEN
from sts_plugin.engine import Engine, chosen_profile
from sts_plugin.errors import Unreachable
from sts_plugin.forms import seconds, words
from sts_plugin.forms import tags as session_tags
from sts_plugin.given import (
    absolute,
    check_arguments,
    link_of,
    role_link,
    said,
    secret,
    stands_for,
)
from sts_plugin.proofs import bring
from sts_plugin.rules import check_regional
from sts_plugin.watcher import Watcher

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from typing import Unpack

    from sts_plugin.chain import Link
    from sts_plugin.given import Duration, Policy, RoleOptions
    from sts_plugin.model import Credentials, Plan, Secret
    from sts_plugin.sts import Identity, IdentityToken

__all__ = ["Client"]

logger = logging.getLogger("sts_plugin")


class Client:
    """STS, as one profile sees it.

    ``profile`` is the one whose credentials sign the calls and whose region counts;
    without it, the environment speaks as for any SDK (``AWS_PROFILE``, access keys).
    ``tell`` takes a line for whoever is watching.
    Credentials are cached for every process of this user and renewed when a method is
    called again. A method that needs an MFA code asks for it as everywhere.

    Arguments that several methods take:

    ``duration``
        seconds, or a timedelta.
    ``policy``
        an IAM policy: a mapping, JSON text, or the path of a file.
    ``policy_arns``
        up to ten ARNs of managed policies.
    ``tags``
        session tags, by key.
    ``token`` / ``assertion``, ``..._file``, ``..._process``
        the text itself, or a file that holds it, or a command that prints it: one of
        the three.

    Every method raises one of ``sts_plugin.errors``: ConfigurationError where a profile
    or an argument is wrong, before anything is sent where that can be; HumanNeeded
    where nobody gave an MFA code; Refused for what AWS does not allow; Unreachable.

    >>> jump = Client("jump")
    >>> jump.credentials().account_id
    '222222222222'
    >>> jump.assume_role("arn:aws:iam::333333333333:role/Admin", duration=60)
    Traceback (most recent call last):
    sts_plugin.errors.ConfigurationError: ...
    """

    def __init__(
        self,
        profile: str | None = None,
        *,
        region: str | None = None,
        tell: Callable[[str], None] = logger.warning,
    ) -> None:
        # A variable that changes later must not turn a client into somebody else.
        self._environ = dict(os.environ)
        self._profile, self._explicit = chosen_profile(profile, self._environ)
        self._region = region
        self._engine = Engine(self._environ, watcher=Watcher(tell))

    # --- Calls that issue credentials ---

    def credentials(self) -> Credentials:
        """Return what the profile itself gives."""
        return self._engine.credentials(self._plan())

    def assume_role(self, role_arn: str, **options: Unpack[RoleOptions]) -> Credentials:
        """Return the credentials of a role (AssumeRole).

        ``options`` are those of ``RoleOptions``: ``role_session_name``, ``duration``,
        ``external_id``, ``mfa_serial``, ``policy``, ``policy_arns``, ``tags``,
        ``transitive_tag_keys``, ``source_identity``, ``provided_contexts``.
        ``duration`` is 900 seconds to the role's maximum, an hour at most where the
        profile's own credentials are temporary. ``mfa_serial`` gets an MFA session
        first, which is shared with every profile behind that device.
        ``provided_contexts`` are assertions by the ARN of their provider.

        >>> reading = {"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}
        >>> found = Client("alice").assume_role(
        ...     "arn:aws:iam::222222222222:role/Audit",
        ...     duration=timedelta(minutes=30),
        ...     policy={"Version": "2012-10-17", "Statement": [reading]},
        ... )
        >>> found.access_key_id
        'ASIA...'
        """
        return self._credentials(role_link(role_arn, options))

    def assume_role_with_web_identity(  # noqa: PLR0913 - STS has that many
        self,
        role_arn: str,
        *,
        token: str | None = None,
        token_file: str | Path | None = None,
        token_process: str | None = None,
        role_session_name: str | None = None,
        provider_id: str | None = None,
        duration: Duration | None = None,
        policy: Policy | None = None,
        policy_arns: Sequence[str] | None = None,
    ) -> Credentials:
        """Return the credentials of a role for a token (AssumeRoleWithWebIdentity).

        Nothing signs the call: the profile says no more than which STS is asked.
        """
        proof, token = secret("token", token), None
        return self._issued(
            "AssumeRoleWithWebIdentity",
            {
                "role_arn": ("role_arn", role_arn),
                f"web_identity_token{GIVEN}": ("token", stands_for(proof)),
                "web_identity_token_file": ("token_file", absolute(token_file)),
                "web_identity_token_process": ("token_process", token_process),
                "role_session_name": ("role_session_name", role_session_name),
                "provider_id": ("provider_id", provider_id),
                "duration_seconds": ("duration", duration),
                "policy": ("policy", policy),
                "policy_arns": ("policy_arns", policy_arns),
            },
            proof=proof,
        )

    def assume_role_with_saml(  # noqa: PLR0913 - STS has that many
        self,
        *,
        assertion: str | None = None,
        assertion_file: str | Path | None = None,
        assertion_process: str | None = None,
        role_arn: str | None = None,
        principal_arn: str | None = None,
        duration: Duration | None = None,
        policy: Policy | None = None,
        policy_arns: Sequence[str] | None = None,
    ) -> Credentials:
        """Return the credentials of a role for an assertion (AssumeRoleWithSAML).

        An assertion for a single role needs neither ``role_arn`` nor
        ``principal_arn``; its SessionDuration attribute is the longest ``duration``.
        Nothing signs the call.
        """
        proof, assertion = secret("assertion", assertion), None
        return self._issued(
            "AssumeRoleWithSAML",
            {
                f"saml{GIVEN}": ("assertion", stands_for(proof)),
                "saml_file": ("assertion_file", absolute(assertion_file)),
                "saml_process": ("assertion_process", assertion_process),
                "role_arn": ("role_arn", role_arn),
                "principal_arn": ("principal_arn", principal_arn),
                "duration_seconds": ("duration", duration),
                "policy": ("policy", policy),
                "policy_arns": ("policy_arns", policy_arns),
            },
            proof=proof,
        )

    def get_session_token(
        self, *, mfa_serial: str | None = None, duration: Duration | None = None
    ) -> Credentials:
        """Return a session of the profile's user (GetSessionToken).

        ``duration`` is 900 to 129600 seconds. Long-term keys only.
        """
        return self._issued(
            "GetSessionToken",
            {
                "mfa_serial": ("mfa_serial", mfa_serial),
                "session_duration_seconds": ("duration", duration),
            },
        )

    def get_federation_token(
        self,
        name: str,
        *,
        duration: Duration | None = None,
        policy: Policy | None = None,
        policy_arns: Sequence[str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> Credentials:
        """Return a federated user's credentials (GetFederationToken).

        It needs ``policy`` or ``policy_arns``: without, it would allow nothing, and
        ConfigurationError is raised. ``duration`` is 900 to 129600 seconds.
        Long-term keys only.

        >>> reader = "arn:aws:iam::aws:policy/ReadOnlyAccess"
        >>> found = Client("bob").get_federation_token("guest", policy_arns=[reader])
        >>> found.session_token
        <secret>
        """
        return self._issued(
            "GetFederationToken",
            {
                "federation_name": ("name", name),
                "duration_seconds": ("duration", duration),
                "policy": ("policy", policy),
                "policy_arns": ("policy_arns", policy_arns),
                "session_tags": ("tags", tags),
            },
        )

    def assume_root(
        self,
        target_principal: str,
        task_policy_arn: str,
        *,
        duration: Duration | None = None,
    ) -> Credentials:
        """Return a root session of a member account for one task (AssumeRoot).

        ``target_principal`` is an account id or the ARN of its root user,
        ``duration`` 900 seconds at most.
        """
        return self._issued(
            "AssumeRoot",
            {
                "target_principal": ("target_principal", target_principal),
                "task_policy_arn": ("task_policy_arn", task_policy_arn),
                "duration_seconds": ("duration", duration),
            },
        )

    def get_delegated_access_token(
        self,
        *,
        token: str | None = None,
        token_file: str | Path | None = None,
        token_process: str | None = None,
    ) -> Credentials:
        """Return credentials for a trade-in token (GetDelegatedAccessToken)."""
        proof, token = secret("token", token), None
        return self._issued(
            "GetDelegatedAccessToken",
            {
                f"trade_in_token{GIVEN}": ("token", stands_for(proof)),
                "trade_in_token_file": ("token_file", absolute(token_file)),
                "trade_in_token_process": ("token_process", token_process),
            },
            proof=proof,
        )

    # --- Calls that tell something ---

    def get_caller_identity(self) -> Identity:
        """Return whose credentials the profile gives (GetCallerIdentity)."""
        plan = self._plan()
        return self._engine.sts(plan).caller_identity(self._engine.credentials(plan))

    def get_access_key_info(self, access_key_id: str) -> str:
        """Return the account that an access key id belongs to (GetAccessKeyInfo)."""
        what = "GetAccessKeyInfo"
        given = said(what, {"access_key_id": access_key_id})
        check_arguments(what, {"AccessKeyId": given["access_key_id"].value})
        plan = self._plan()
        signer = self._engine.credentials(plan)
        return self._engine.sts(plan).access_key_account(access_key_id, signer)

    def decode_authorization_message(self, message: str) -> dict[str, Any]:
        """Return why a request was not authorized (DecodeAuthorizationMessage).

        ``message`` is the encoded message, or the whole error text that ends in it.
        """
        what = "DecodeAuthorizationMessage"
        given = said(what, {"message": message})
        encoded = (given["message"].value.split() or [""])[-1]
        check_arguments(what, {"EncodedMessage": encoded})
        plan = self._plan()
        signer = self._engine.credentials(plan)
        text = self._engine.sts(plan).decoded_message(encoded, signer)
        try:
            decoded = json.loads(text)
        except ValueError:
            decoded = None
        if not isinstance(decoded, dict):
            raise Unreachable(
                "no usable answer to DecodeAuthorizationMessage: it is not JSON",
                sent=True,
            )
        return decoded

    def get_web_identity_token(
        self,
        audience: Sequence[str] | str,
        *,
        signing_algorithm: str = "ES384",
        duration: Duration | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> IdentityToken:
        """Return a token about the caller for services outside of AWS.

        GetWebIdentityToken: one to ten audiences; ``signing_algorithm`` is ES384 or
        RS256; ``duration`` is 60 to 3600 seconds (STS's default: 300). Tokens are not
        cached.

        >>> found = Client("batch").get_web_identity_token("https://example.com")
        >>> found.token.reveal().count(".")
        2
        """
        what = "GetWebIdentityToken"
        given = said(
            what,
            {
                "audience": [audience] if isinstance(audience, str) else audience,
                "signing_algorithm": signing_algorithm,
                "duration": duration,
                "tags": tags,
            },
        )
        arguments: dict[str, Any] = {"Audience": words(given["audience"])}
        arguments["SigningAlgorithm"] = given["signing_algorithm"].value
        if "duration" in given:
            arguments["DurationSeconds"] = seconds(given["duration"])
        if "tags" in given:
            arguments["Tags"] = session_tags(given["tags"])
        check_arguments(what, arguments)
        plan = self._plan()
        check_regional(what, plan.endpoint)
        signer = self._engine.credentials(plan)
        return self._engine.sts(plan).web_identity_token(arguments, signer)

    def _plan(self, *then: Link) -> Plan:
        return self._engine.plan(
            self._profile, explicit=self._explicit, region=self._region, then=then
        )

    def _issued(
        self,
        action: str,
        arguments: Mapping[str, tuple[str, Any]],
        *,
        proof: Secret | None = None,
    ) -> Credentials:
        """Make a call; ``arguments`` are as for ``given.link_of``."""
        return self._credentials(link_of(action, arguments), proof=proof)

    def _credentials(self, link: Link, *, proof: Secret | None = None) -> Credentials:
        plan = self._plan(link)
        if proof is not None:
            # The cache must not vouch for what STS would refuse by now.
            bring(plan.calls[-1], self._environ, given=proof)
        return self._engine.credentials(plan, proof=proof)
