"""The one error of the sandbox, in STS's own codes, statuses and words.

Owns: what a refusal looks like on the wire. Never: why it happens. Codes and
statuses follow the STS API reference ("Common Errors" and each action's
"Errors"); messages are those that clients of the real service have reported.
"""

__all__ = [
    "EXPIRED_TOKEN",
    "INVALID_TOKEN",
    "StsError",
    "access_denied",
    "invalid_identity_token",
    "not_authorized",
    "validation_error",
]

INVALID_TOKEN = "The security token included in the request is invalid."  # noqa: S105 (a message)
EXPIRED_TOKEN = "The security token included in the request is expired"  # noqa: S105 (a message)


class StsError(Exception):
    """A refusal: the error code, the HTTP status and the message to answer."""

    def __init__(self, code: str, status: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.message = message


def access_denied(message: str) -> StsError:
    """Refuse a caller who is known, and may not."""
    return StsError("AccessDenied", 403, message)


def not_authorized(caller_arn: str, action: str, role_arn: str | None) -> StsError:
    """Refuse by policy, always in the same words.

    They are the same whether the role is missing, trusts somebody else or has a
    condition that was not met: STS does not say which roles exist.
    """
    resource = f" on resource: {role_arn}" if role_arn else ""
    return access_denied(
        f"User: {caller_arn} is not authorized to perform: sts:{action}{resource}"
    )


def validation_error(message: str) -> StsError:
    """Refuse a request that is well formed and breaks a limit."""
    return StsError("ValidationError", 400, message)


def invalid_identity_token(message: str) -> StsError:
    """Refuse a web identity token or SAML assertion that is not good."""
    return StsError("InvalidIdentityToken", 400, message)
