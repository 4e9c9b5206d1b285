"""What a session is given besides its role, and takes along: tags, identity.

Owns: the rules for session tags and source identity, inherited ones included.
Never: whether a trust policy allows them. Sources: IAM User Guide, "Pass
session tags in AWS STS" and "Monitor and control actions taken with assumed
roles".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sts_plugin.sandbox.errors import not_authorized, validation_error
from sts_plugin.sandbox.identities import Caller
from sts_plugin.sandbox.validation import Limits, Value

__all__ = ["Tags", "asserted_tags", "check_source_identity", "session_tags"]


@dataclass(frozen=True, slots=True)
class Tags:
    """A session's tags: those passed and those inherited.

    ``transitive`` are the keys of those that go on to the next session.
    """

    values: Mapping[str, str] = field(default_factory=dict)
    transitive: frozenset[str] = frozenset()


def session_tags(arguments: Mapping[str, Value], caller: Caller | None) -> Tags:
    """Check Tags and TransitiveTagKeys, and add what ``caller`` hands on.

    Keys are compared without case, and an inherited tag cannot be passed
    again. Raises ``StsError`` ValidationError.
    """
    pairs = [
        (str(item["Key"]), str(item["Value"]))
        for item in _items(arguments, "Tags")
        if isinstance(item, dict)
    ]
    transitive = [str(key) for key in _items(arguments, "TransitiveTagKeys")]
    inherited = {}
    if caller is not None:
        inherited = {key: caller.tags[key] for key in caller.transitive_tags}
    return _merged(pairs, transitive, inherited)


def asserted_tags(
    limits: Limits,
    tags: Mapping[str, str],
    transitive_keys: Sequence[str],
    source_identity: str | None,
) -> Tags:
    """Check what an identity provider says, by the rules for what a caller says.

    Raises ``StsError`` ValidationError.
    """
    limits.check(
        "tagListType", "tags", [{"Key": key, "Value": tags[key]} for key in tags]
    )
    if source_identity is not None:
        limits.check("sourceIdentityType", "sourceIdentity", source_identity)
    return _merged(list(tags.items()), transitive_keys, {})


def _merged(
    pairs: list[tuple[str, str]],
    transitive_keys: Sequence[str],
    inherited: Mapping[str, str],
) -> Tags:
    _check_keys([key.casefold() for key, _ in pairs], inherited)
    values = {**inherited, **dict(pairs)}
    transitive = {key.casefold() for key in transitive_keys}
    if not transitive <= {key.casefold() for key in values}:
        raise validation_error(
            "The specified transitive tag key must be included in the requested tags."
        )
    named = {key for key in values if key.casefold() in transitive}
    return Tags(values, frozenset(named.union(inherited)))


def _check_keys(folded: list[str], inherited: Mapping[str, str]) -> None:
    if len(set(folded)) != len(folded):
        raise validation_error(
            "Duplicate tag keys found. Please note that Tag keys are case insensitive."
        )
    if any(key.startswith("aws:") for key in folded):
        raise validation_error("Tag keys cannot start with the reserved prefix aws:.")
    if not {key.casefold() for key in inherited}.isdisjoint(folded):
        raise validation_error(
            "One of the specified tag keys can't be set because it conflicts with a"
            " transitive tag key from the calling session."
        )


def check_source_identity(
    asked: str | None, caller: Caller, role_arn: str
) -> str | None:
    """Return the session's source identity: once set, it stays.

    Raises ``StsError``: ValidationError for the reserved prefix, AccessDenied
    for another one than the caller's.
    """
    if asked is None:
        return caller.source_identity
    if asked.casefold().startswith("aws:"):
        raise validation_error("SourceIdentity cannot start with the prefix aws:.")
    if caller.source_identity not in (None, asked):
        raise not_authorized(caller.arn, "SetSourceIdentity", role_arn)
    return asked


def _items(arguments: Mapping[str, Value], name: str) -> list[Value]:
    value = arguments.get(name, [])
    assert isinstance(value, list)
    return value
