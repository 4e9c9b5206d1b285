"""Rules for session policies: their documents, their ARNs, their packed size.

Owns: Policy, PolicyArns and PackedPolicySize. Never: what a policy allows.
Sources: STS API reference, AssumeRole; IAM User Guide, "Grammar of the IAM
JSON policy language".
"""

import json
import re
import zlib
from collections.abc import Mapping
from typing import Any

from sts_plugin.sandbox.errors import StsError, validation_error
from sts_plugin.sandbox.validation import Value

__all__ = ["check_policies", "packed_percent"]

_MAX_POLICY_ARNS = 10
_MAX_POLICY_CHARACTERS = 2048
_POLICY_ARN = re.compile(
    r"arn:[a-z-]+:iam::(?P<account>\d{12}|aws):policy/[\x21-\x7e]+"
)
_VERSIONS = frozenset({"2008-10-17", "2012-10-17"})
_ELEMENTS = frozenset({"Version", "Id", "Statement"})

# AWS keeps its packed format and the room for it to itself. Deflate comes
# close to what was reported: 42 actions in 1,690 characters are 157 % (31 are
# 118 %), six tags of EKS are 74 % (containers-roadmap#2413).
_PACKED_BYTES = 384


def check_policies(arguments: Mapping[str, Value], account: str) -> None:
    """Refuse session policies that are malformed, foreign, too many or too long.

    ``account`` is the role's (or the federated user's), which managed policies
    must be in unless they are AWS's. Raises ``StsError`` MalformedPolicyDocument,
    PackedPolicyTooLarge or ValidationError.
    """
    policy = arguments.get("Policy")
    if policy is not None:
        _check_document(str(policy))
    arns = _policy_arns(arguments)
    if len(arns) > _MAX_POLICY_ARNS:
        raise validation_error(
            f"The number of policy ARNs must be at most {_MAX_POLICY_ARNS}."
        )
    for arn in arns:
        found = _POLICY_ARN.fullmatch(arn)
        if found is None:
            raise validation_error(f"The policy ARN {arn} is invalid.")
        if found["account"] not in ("aws", account):
            raise validation_error(
                f"The policy {arn} must be in account {account} or managed by AWS."
            )
    # The model leaves AssumeRole's policy open; the API reference limits the
    # plain text of the inline policy and the ARNs together.
    if len(str(policy or "")) + sum(map(len, arns)) > _MAX_POLICY_CHARACTERS:
        raise StsError(
            "PackedPolicyTooLarge",
            400,
            f"The session policies exceed {_MAX_POLICY_CHARACTERS} characters.",
        )


def packed_percent(
    arguments: Mapping[str, Value], tags: Mapping[str, str]
) -> int | None:
    """Return how much of its room the session takes; None without any policy or tag.

    Inherited tags count as well (containers-roadmap#2413). Raises ``StsError``
    PackedPolicyTooLarge.
    """
    policies = [str(arguments.get("Policy", "")), *_policy_arns(arguments)]
    if not any(policies) and not tags:
        return None
    plain = json.dumps([policies, tags], separators=(",", ":"))
    percent = -(-100 * len(zlib.compress(plain.encode(), 9)) // _PACKED_BYTES)
    if percent > 100:  # noqa: PLR2004 (that is what a percentage is of)
        what = "Packed policy" if any(policies) else "Packed size of session tags"
        hint = ", please use smaller policy" if any(policies) else ""
        raise StsError(
            "PackedPolicyTooLarge",
            400,
            f"{what} consumes {percent}% of allotted space{hint}.",
        )
    return percent


def _policy_arns(arguments: Mapping[str, Value]) -> list[str]:
    items = arguments.get("PolicyArns", [])
    assert isinstance(items, list)
    return [str(item["arn"]) for item in items if isinstance(item, dict) and item]


def _check_document(text: str) -> None:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise _malformed("The policy is not in the valid JSON format.")
    statements = document.get("Statement")
    if isinstance(statements, dict):
        statements = [statements]
    if (
        not _ELEMENTS.issuperset(document)
        or document.get("Version", "2008-10-17") not in _VERSIONS
        or not isinstance(statements, list)
        or not statements
    ):
        raise _malformed("Syntax errors in policy.")
    for statement in statements:
        _check_statement(statement)


def _check_statement(statement: Any) -> None:  # noqa: ANN401 (anything JSON has)
    if not isinstance(statement, dict):
        raise _malformed("Syntax errors in policy.")
    if "Principal" in statement or "NotPrincipal" in statement:
        raise _malformed("Policy document should not specify a principal.")
    if statement.get("Effect") not in ("Allow", "Deny"):
        raise _malformed("Syntax errors in policy.")
    for element, noun in (("Action", "actions"), ("Resource", "resources")):
        given = [statement[n] for n in (element, f"Not{element}") if n in statement]
        if len(given) != 1 or not _is_text_or_texts(given[0]):
            raise _malformed(f"Policy statement must contain {noun}.")


def _is_text_or_texts(value: Any) -> bool:  # noqa: ANN401 (anything JSON has)
    items = value if isinstance(value, list) else [value]
    return bool(items) and all(isinstance(item, str) and item for item in items)


def _malformed(message: str) -> StsError:
    return StsError("MalformedPolicyDocument", 400, message)
