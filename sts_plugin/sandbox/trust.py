"""May this caller assume this role? The decision, and nothing else.

Owns: trust policies and who may call which action. Never: a clock, a key or
state; the functions are pure. Identity policies are taken to allow: the
sandbox's users may do what the roles let them.
"""

from sts_plugin.sandbox.errors import access_denied, not_authorized
from sts_plugin.sandbox.identities import Caller, Kind
from sts_plugin.sandbox.organisation import Role, Trust
from sts_plugin.sandbox.tags import Tags

__all__ = ["check_may_call", "is_trusted", "missing_permission"]

_LONG_TERM_ONLY = frozenset({"GetFederationToken", "GetSessionToken"})

# IAM User Guide, "Compare AWS STS credentials": what temporary credentials may
# still ask of STS. A role's session may call all but the long-term ones, and
# so, for want of a better word from AWS, may a delegated one.
_LEFT_TO_CALL = {
    Kind.SESSION: frozenset({"AssumeRole", "GetCallerIdentity"}),
    Kind.FEDERATED: frozenset({"GetCallerIdentity"}),
    Kind.ROOT: frozenset({"GetCallerIdentity"}),
}


def check_may_call(caller: Caller, action: str, role_arn: str | None) -> None:
    """Refuse an action that this kind of credentials cannot call.

    Raises ``StsError`` AccessDenied.
    """
    if caller.kind is Kind.USER:
        return
    if action in _LONG_TERM_ONLY:
        raise access_denied(f"Cannot call {action} with session credentials")
    allowed = _LEFT_TO_CALL.get(caller.kind)
    if allowed is not None and action not in allowed:
        raise not_authorized(caller.arn, action, role_arn)


def is_trusted(
    caller: Caller, role: Role, *, external_id: str | None, mfa: bool
) -> bool:
    """Whether the role's trust policy lets the caller in.

    ``mfa`` says that a code was accepted with this call. The MFA context of a
    GetSessionToken session counts too, and ends with the first role: a role's
    session never has one.
    """
    trust = role.trust
    names = {caller.arn, caller.role_arn, f"arn:aws:iam::{caller.account}:root"}
    return (
        not names.isdisjoint(trust.principals)
        and (not trust.mfa or mfa or caller.mfa)
        and (trust.external_id is None or trust.external_id == external_id)
    )


def missing_permission(
    trust: Trust, tags: Tags, source_identity: str | None, *, context: bool = False
) -> str | None:
    """Name the first action besides AssumeRole* that a session needs and lacks.

    Inherited tags and identities need it as well: each role of a chain has to
    allow them (eks-pod-identity-agent#80).
    """
    if tags.values and not trust.tag_session:
        return "TagSession"
    if source_identity is not None and not trust.set_source_identity:
        return "SetSourceIdentity"
    if context and not trust.set_context:
        return "SetContext"
    return None
