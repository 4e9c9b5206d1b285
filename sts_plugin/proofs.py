"""What a call brings along besides a signature: a token, a SAML assertion.

    Call -> the arguments that only the moment of the call can give

Read anew for every call, since such things live for minutes. What they say is compared
with what the profile wants; whether they are genuine is for STS to tell.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sts_plugin import settings
from sts_plugin.commands import output_of
from sts_plugin.errors import ConfigurationError, HumanNeeded
from sts_plugin.files import read_text
from sts_plugin.forms import cut, file_path
from sts_plugin.guard import guarded
from sts_plugin.model import Secret
from sts_plugin.saml import encoded, read_assertion
from sts_plugin.tokens import claims, identity_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sts_plugin.model import Call, Proof, Setting
    from sts_plugin.saml import Assertion

__all__ = ["bring"]

PRINTABLE: Final = re.compile(r"[!-~]+")

CLOCK_LEEWAY: Final = timedelta(minutes=5)
"""Our clock may be wrong: what ended a moment ago is for STS to judge."""

NATIVE_KEYS: Final = frozenset(
    {"web_identity_token_file", "aws_web_identity_token_file"}
)
"""Keys that the SDKs read too, who take a relative path for what it is."""

SIGN_IN = "sign in again with the identity provider"


def bring(
    call: Call,
    environ: Mapping[str, str],
    *,
    given: Secret | None = None,
    now: datetime | None = None,
) -> dict[str, Any]:
    """Return the arguments that a call's proof gives; a secret is a ``Secret``.

    ``given`` is the proof that a program holds itself.

    Raises ConfigurationError for a file or a command that does not work and for an
    assertion that does not fit the profile, HumanNeeded for a proof that has expired,
    NoAnswer for a command that takes too long.
    """
    proof, now = call.proof, now or datetime.now(UTC)
    if proof is None:
        return {}
    if proof.how == "given":
        assert given is not None  # the program that made this call has it
        text = given
    else:
        text = _text(call, proof, environ)
    if proof.how == "file" and identity_of(proof, text.reveal()) != proof.whose:
        # The plan, and with it the key of every entry, was made for another one.
        raise ConfigurationError(
            f"{_where(proof.setting)}: the file was changed while it was read",
            hint="run it again",
        )
    if proof.argument == "SAMLAssertion":
        return _saml(call, proof.setting, text, now)
    token = Secret(text.reveal().strip())
    if not PRINTABLE.fullmatch(token.reveal()):
        raise ConfigurationError(
            f"{_where(proof.setting)} gave no token",
            hint="it must be one line without blanks",
        )
    ends = claims(token.reveal()).get("exp")
    if isinstance(ends, (int, float)):
        _refuse_expired(proof.setting, "token", _moment(ends), now)
    return {proof.argument: token}


def _text(call: Call, proof: Proof, environ: Mapping[str, str]) -> Secret:
    setting = proof.setting
    if proof.how == "process":
        above = guarded(call.guard, setting.key, setting.origin, environ)
        return Secret(
            output_of(
                setting,
                seconds=settings.PROOF_COMMAND_SECONDS,
                environ=environ,
                extra=above,
            )
        )
    path = file_path(setting, relative=setting.key.lower() in NATIVE_KEYS)
    try:
        return Secret(read_text(path))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise ConfigurationError(
            f"{_where(setting)}: {cut(str(path))} cannot be read: {reason}",
            hint="check the path and the file's mode",
        ) from None


def _where(setting: Setting) -> str:
    return f"{setting.origin}: {setting.key}{setting.owner}"


def _moment(seconds: float) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):  # further away than the calendar
        return datetime.max.replace(tzinfo=UTC)


def _refuse_expired(setting: Setting, what: str, ends: datetime, now: datetime) -> None:
    if ends < now - CLOCK_LEEWAY:
        raise HumanNeeded(
            f"{_where(setting)} gave a {what} that expired at"
            f" {ends:%Y-%m-%d %H:%M:%S} UTC",
            hint=SIGN_IN,
        )


# --- SAML --------------------------------------------------------------------


def _saml(call: Call, setting: Setting, text: Secret, now: datetime) -> dict[str, Any]:
    document, assertion = _read(text)
    if document is None or isinstance(assertion, str):
        raise ConfigurationError(
            f"{_where(setting)} gave no SAML assertion: {assertion}",
            hint="it must print the SAMLResponse of the sign-in form, in base64",
        )
    if assertion.expires:
        _refuse_expired(setting, "SAML assertion", assertion.expires, now)
    if not assertion.meant_for_aws:
        raise ConfigurationError(
            f"{_where(setting)} gave a SAML assertion for"
            f" {', '.join(assertion.audiences)}, not for AWS",
            hint="let the command sign in to the AWS application of the identity"
            " provider (audience https://signin.aws.amazon.com/saml)",
        )
    role_arn, principal_arn = _chosen(call, setting, assertion)
    brought: dict[str, Any] = {
        "SAMLAssertion": document,
        "RoleArn": role_arn,
        "PrincipalArn": principal_arn,
    }
    most, asked = assertion.session_seconds, call.arguments.get("DurationSeconds")
    if most is not None and (asked is None or most < asked):
        least, longest = settings.ROLE_SECONDS
        if not least <= most <= longest:
            raise ConfigurationError(
                f"{_where(setting)} gave a SAML assertion with SessionDuration ="
                f" {most}; STS takes {least} to {longest}",
                hint="have it corrected at the identity provider",
            )
        brought["DurationSeconds"] = most
    return brought


def _read(text: Secret) -> tuple[Secret | None, Assertion | str]:
    """Return the document in base64 and what it says, or what is wrong with it.

    A function of its own, which does not raise: no frame of a traceback holds it.
    """
    try:
        document = Secret(encoded(text.reveal()))
        return document, read_assertion(document.reveal())
    except ValueError as error:
        # Base64's own errors speak of padding: that helps nobody.
        why = str(error) if str(error).startswith("it") else "it is not base64"
        return None, why


def _chosen(call: Call, setting: Setting, assertion: Assertion) -> tuple[str, str]:
    """Return the role and its provider that the profile and the assertion agree on."""
    role_arn = call.arguments.get("RoleArn")
    principal_arn = call.arguments.get("PrincipalArn")
    if assertion.encrypted:
        if role_arn and principal_arn:
            return role_arn, principal_arn
        raise ConfigurationError(
            f"{_where(setting)} gave an encrypted SAML assertion, and the profile does"
            " not say which role it is for",
            hint="set role_arn and principal_arn",
        )
    offered = list(dict.fromkeys(assertion.roles))
    found = [
        pair
        for pair in offered
        if role_arn in {None, pair[0]} and principal_arn in {None, pair[1]}
    ]
    if len(found) == 1:
        return found[0]
    wanted = " and ".join(filter(None, (role_arn, principal_arn)))
    key, names = "role_arn", [role for role, _ in offered]
    if found:
        what = f"with several providers for {wanted}" if wanted else "for several roles"
        if role_arn:
            key, names = "principal_arn", [provider for _, provider in found]
    else:
        what = f"without {wanted}" if wanted else "without a role"
    raise ConfigurationError(
        f"{_where(setting)} gave a SAML assertion {what}; it offers"
        f" {', '.join(dict.fromkeys(names)) or 'none'}",
        hint=f'set {key} in profile "{call.profile}" to one of them'
        if names
        else "have a role assigned at the identity provider",
    )
