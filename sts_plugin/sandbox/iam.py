"""What little there is of IAM: whoever calls may list their own MFA devices.

Owns: ListMFADevices, who may call it and what it answers. Never: another action
of IAM, HTTP or signatures. Source: the IAM API reference, ListMFADevices, and the
IAM User Guide, "Compare AWS STS credentials".
"""

from collections.abc import Mapping

from sts_plugin.sandbox.errors import (
    INVALID_TOKEN,
    StsError,
    access_denied,
    validation_error,
)
from sts_plugin.sandbox.estate import STAMP, Estate
from sts_plugin.sandbox.identities import Caller, Kind
from sts_plugin.sandbox.organisation import User
from sts_plugin.sandbox.wire import Result

__all__ = ["NAMESPACE", "VERSION", "list_mfa_devices"]

NAMESPACE = "https://iam.amazonaws.com/doc/2010-05-08/"
VERSION = "2010-05-08"


def list_mfa_devices(
    estate: Estate, caller: Caller, parameters: Mapping[str, str]
) -> Result:
    """Answer the device of the caller; they have one at most, and so one page.

    Raises ``StsError``: AccessDenied for another user's, and for a user whose
    policies do not allow it; ValidationError for callers that are no user.
    """
    if caller.kind is Kind.SESSION and not caller.mfa:
        # Such a session may not call IAM at all.
        raise StsError("InvalidClientTokenId", 403, INVALID_TOKEN)
    user = _user(estate, caller)
    named = parameters.get("UserName")
    if named is None and user is None:
        raise validation_error(
            "Must specify userName when calling with non-User credentials"
        )
    if user is None or named not in {None, user.name} or not user.lists_mfa_devices:
        raise access_denied(
            f"User: {caller.arn} is not authorized to perform: iam:ListMFADevices on"
            f" resource: user {named or (user.name if user else '')} because no"
            " identity-based policy allows the iam:ListMFADevices action"
        )
    if "Marker" in parameters:
        raise validation_error("Invalid Marker.")
    if user.mfa_serial is None:
        return {"MFADevices": {}, "IsTruncated": "false"}
    device = {
        "UserName": user.name,
        "SerialNumber": user.mfa_serial,
        "EnableDate": estate.knobs.now().strftime(STAMP),
    }
    return {"MFADevices": {"member": device}, "IsTruncated": "false"}


def _user(estate: Estate, caller: Caller) -> User | None:
    if caller.kind not in {Kind.USER, Kind.SESSION}:
        return None
    users = {user.arn: user for user in estate.organisation.users}
    return users.get(caller.user_arn or "")
