"""Rules for what a caller hands down to a session: policies, tags, identity.

Owns: session policies, session tags, source identity. Never: whether the
caller is trusted. Sources: STS API reference, AssumeRole; IAM User Guide,
"Pass session tags in AWS STS" and "Monitor and control actions taken with
assumed roles".
"""

import json
from collections.abc import Mapping

from sts_plugin.sandbox.errors import StsError, access_denied, validation_error
from sts_plugin.sandbox.identities import Caller
from sts_plugin.sandbox.validation import Value

__all__ = ["check_policies", "check_source_identity", "check_tags"]

_MAX_POLICY_ARNS = 10
_MAX_POLICY_CHARACTERS = 2048


def check_policies(arguments: Mapping[str, Value]) -> None:
    """Refuse session policies that are no JSON objects, too many or too long.

    Raises ``StsError`` MalformedPolicyDocument or PackedPolicyTooLarge.
    """
    policy = arguments.get("Policy")
    arns = [
        item["arn"]
        for item in _items(arguments, "PolicyArns")
        if isinstance(item, dict) and "arn" in item
    ]
    if policy is not None and not _is_json_object(str(policy)):
        raise StsError("MalformedPolicyDocument", 400, "The policy is not valid JSON.")
    if len(arns) > _MAX_POLICY_ARNS:
        raise validation_error(
            f"The number of policy ARNs must be at most {_MAX_POLICY_ARNS}."
        )
    # The model leaves AssumeRole's policy open; the API reference limits the
    # plain text of the inline policy and the ARNs together.
    if len(str(policy or "")) + sum(len(str(arn)) for arn in arns) > (
        _MAX_POLICY_CHARACTERS
    ):
        raise StsError(
            "PackedPolicyTooLarge",
            400,
            f"The session policies exceed {_MAX_POLICY_CHARACTERS} characters.",
        )


def check_tags(arguments: Mapping[str, Value], caller: Caller) -> frozenset[str]:
    """Check the session tags; return the keys that travel on along the chain.

    Keys are compared without case, and an inherited tag cannot be passed
    again. Raises ``StsError`` ValidationError.
    """
    keys = [
        str(item["Key"]) for item in _items(arguments, "Tags") if isinstance(item, dict)
    ]
    folded = [key.casefold() for key in keys]
    inherited = {key.casefold() for key in caller.transitive_tags}
    if len(set(folded)) != len(folded):
        raise validation_error(
            "Duplicate tag keys found. Please note that Tag keys are case insensitive."
        )
    if any(key.startswith("aws:") for key in folded):
        raise validation_error("Tag keys cannot start with the reserved prefix aws:.")
    if not inherited.isdisjoint(folded):
        raise validation_error(
            "One of the specified tag keys can't be set because it conflicts with a"
            " transitive tag key from the calling session."
        )
    transitive = [str(key) for key in _items(arguments, "TransitiveTagKeys")]
    if not {key.casefold() for key in transitive} <= inherited.union(folded):
        raise validation_error(
            "The specified transitive tag key must be included in the requested tags."
        )
    return caller.transitive_tags | frozenset(transitive)


def check_source_identity(asked: str | None, caller: Caller) -> str | None:
    """Return the session's source identity: once set, it stays.

    Raises ``StsError``: ValidationError for the reserved prefix, AccessDenied
    for another one than the caller's.
    """
    if asked is None:
        return caller.source_identity
    if asked.casefold().startswith("aws:"):
        raise validation_error("SourceIdentity cannot start with the prefix aws:.")
    if caller.source_identity not in (None, asked):
        raise access_denied(
            f"User: {caller.arn} is not authorized to perform: sts:SetSourceIdentity"
        )
    return asked


def _items(arguments: Mapping[str, Value], name: str) -> list[Value]:
    value = arguments.get(name, [])
    assert isinstance(value, list)
    return value


def _is_json_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False
