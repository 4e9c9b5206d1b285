"""AssumeRoot: a short session as the root user of a member account.

Owns: who may have one, of which account, for which task. Never: what a task
policy allows. Source: the STS API reference, AssumeRoot; IAM User Guide,
"Centrally manage root access for member accounts".
"""

import re

from sts_plugin.sandbox.errors import not_authorized, validation_error
from sts_plugin.sandbox.estate import Ask, Estate, issue
from sts_plugin.sandbox.identities import Caller, Kind
from sts_plugin.sandbox.wire import Result

__all__ = ["assume_root"]

_FIFTEEN_MINUTES = 900
_TARGET = re.compile(r"(\d{12})|arn:aws:iam::(\d{12}):root")
_TASKS = frozenset(
    f"arn:aws:iam::aws:policy/root-task/{name}"
    for name in (
        "IAMAuditRootUserCredentials",
        "IAMCreateRootUserPassword",
        "IAMDeleteRootUserCredentials",
        "S3UnlockBucketPolicy",
        "SQSUnlockQueuePolicy",
    )
)


def assume_root(estate: Estate, caller: Caller, ask: Ask) -> Result:
    """Carry out AssumeRoot."""
    account = _target(str(ask.arguments["TargetPrincipal"]))
    task = ask.arguments["TaskPolicyArn"]
    assert isinstance(task, dict)
    arn = str(task.get("arn", ""))
    if arn not in _TASKS:
        raise validation_error(f"The task policy {arn} is invalid.")
    root_arn = f"arn:aws:iam::{account}:root"
    organisation = estate.organisation
    # Neither the management account's own root, nor an account that is not in
    # the organisation; and never a caller from a member account.
    if (
        caller.kind not in (Kind.USER, Kind.ROLE)
        or caller.account != organisation.management
        or account not in organisation.members
    ):
        raise not_authorized(caller.arn, "AssumeRoot", root_arn)
    session = Caller(
        Kind.ROOT, root_arn, account, account, source_identity=caller.source_identity
    )
    result = issue(estate, session, ask, ask.duration_seconds(_FIFTEEN_MINUTES))
    if caller.source_identity is not None:
        result["SourceIdentity"] = caller.source_identity
    return result


def _target(text: str) -> str:
    """Return the account that a target principal names."""
    found = _TARGET.fullmatch(text)
    if found is None:
        raise validation_error(f"The target principal {text} is invalid.")
    return found[1] or found[2]
