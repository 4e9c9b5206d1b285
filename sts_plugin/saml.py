"""What a SAML assertion says, read by a parser that no document can harm.

    what a command printed or a file holds -> the assertion, its roles, its times

Verifies no signature: that is for STS. It is read to choose the role, to ask for the
session's length, and to explain what STS only refuses. Source: IAM User Guide,
"Configure SAML assertions for the authentication response".
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from xml.etree.ElementTree import Element

__all__ = ["Assertion", "encoded", "read_assertion"]

ATTRIBUTES: Final = "https://aws.amazon.com/SAML/Attributes/"
SAML: Final = "{urn:oasis:names:tc:SAML:2.0:assertion}"

AUDIENCE: Final = re.compile(
    r"https://([\w-]+\.)?signin\.(aws|amazonaws|c2shome|sc2shome|csphome)[\w.-]*/(saml|platform/saml)(/.*)?"
    r"|urn:amazon:webservices.*"
)
"""AWS's sign-in endpoints of every region and partition."""


@dataclass(frozen=True, slots=True)
class Assertion:
    """An assertion as it can be read without its keys.

    ``roles`` pairs the ARN of each role with that of its provider. ``expires`` is
    aware UTC. ``encrypted``: nothing else could be read.
    """

    roles: tuple[tuple[str, str], ...] = ()
    audiences: tuple[str, ...] = ()
    expires: datetime | None = None
    session_seconds: int | None = None
    encrypted: bool = False

    @property
    def meant_for_aws(self) -> bool:
        """Whether AWS is among those it was made for, as far as can be told."""
        return not self.audiences or any(map(AUDIENCE.fullmatch, self.audiences))


def encoded(text: str) -> str:
    """Return an assertion in base64, as STS wants it.

    Takes it as tools print it: in base64 with or without line breaks, percent-encoded
    as it was in a form, or as plain XML. Raises ValueError for anything else.
    """
    text = text.strip()
    if text.startswith("<"):
        return base64.b64encode(text.encode()).decode()
    if "%" in text:
        from urllib.parse import unquote  # noqa: PLC0415 - rare

        text = unquote(text)
    text = "".join(text.split())
    base64.b64decode(text, validate=True)
    return text


def read_assertion(text: str) -> Assertion:
    """Read an assertion in base64; raise ValueError for what is none.

    The error never quotes the document.
    """
    from defusedxml import ElementTree as SafeTree  # noqa: PLC0415 - for SAML only
    from defusedxml.common import DefusedXmlException  # noqa: PLC0415

    document = base64.b64decode(text, validate=True)
    try:
        root = SafeTree.fromstring(document, forbid_dtd=True)
    except (SafeTree.ParseError, DefusedXmlException, ValueError, LookupError):
        raise ValueError("it is not XML") from None
    assertion = next(root.iter(f"{SAML}Assertion"), None)
    if assertion is None:
        if next(root.iter(f"{SAML}EncryptedAssertion"), None) is None:
            raise ValueError("it holds no assertion: was the sign-in refused?")
        return Assertion(encrypted=True)
    durations = list(_attribute(assertion, "SessionDuration"))
    return Assertion(
        roles=tuple(map(_role, _attribute(assertion, "Role"))),
        audiences=tuple(_texts(assertion, "Audience")),
        expires=min(_ends(assertion), default=None),
        session_seconds=_seconds(durations[0]) if durations else None,
    )


def _texts(assertion: Element, name: str) -> Iterator[str]:
    for element in assertion.iter(SAML + name):
        if text := (element.text or "").strip():
            yield text


def _attribute(assertion: Element, name: str) -> Iterator[str]:
    for attribute in assertion.iter(f"{SAML}Attribute"):
        if attribute.get("Name") == ATTRIBUTES + name:
            yield from _texts(attribute, "AttributeValue")


def _role(value: str) -> tuple[str, str]:
    """Return (role, provider); identity providers send them in either order."""
    one, comma, other = (part.strip() for part in value.partition(","))
    if not comma:
        raise ValueError("its Role attribute is no pair of role and provider")
    return (other, one) if ":saml-provider/" in one else (one, other)


def _seconds(value: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise ValueError("its SessionDuration attribute is no number") from None


def _ends(assertion: Element) -> Iterator[datetime]:
    for name in ("Conditions", "SubjectConfirmationData"):
        for element in assertion.iter(SAML + name):
            if text := element.get("NotOnOrAfter"):
                try:
                    moment = datetime.fromisoformat(text)
                    if moment.tzinfo is None:
                        moment = moment.replace(tzinfo=UTC)
                    yield moment.astimezone(UTC)
                except (ValueError, OverflowError):
                    raise ValueError("its NotOnOrAfter is no time") from None
