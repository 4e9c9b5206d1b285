"""The sandbox's SAML provider: signs responses, and reads them for STS.

Owns: the provider's secret and the checks of an assertion. Never: who trusts
it. Sources: IAM User Guide, "Configure SAML assertions for the authentication
response" and "Troubleshoot SAML federation".
"""

import base64
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

from sts_plugin.sandbox.errors import StsError, invalid_identity_token
from sts_plugin.sandbox.saml_response import (
    ATTRIBUTE,
    AUDIENCE,
    NAME_FORMAT,
    STAMP,
    Login,
    write,
)

__all__ = ["Assertion", "SamlProvider"]

_AUDIENCES = frozenset({AUDIENCE, "urn:amazon:webservices"})
_RECIPIENT = re.compile(r"https://([a-z0-9-]+\.)?signin\.aws\.amazon\.com/saml")
_REDEEM_WITHIN = timedelta(minutes=5)
_SAML = "{urn:oasis:names:tc:SAML:2.0:assertion}"
_SESSION_NAME = re.compile(r"[a-zA-Z_0-9+=,.@-]{2,64}")
_SIGNATURE = re.compile(rb"(?<=<ds:SignatureValue>)[^<]*(?=</ds:SignatureValue>)")

# The attribute's range, in seconds; it may shorten a session and never extend it.
_SESSION_DURATIONS = range(900, 43201)


@dataclass(frozen=True, slots=True)
class Assertion:
    """What a good assertion says; the last two may shorten the session."""

    subject: str
    subject_type: str
    issuer: str
    recipient: str
    session_name: str
    source_identity: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    transitive_tags: tuple[str, ...] = ()
    session_ends_at: datetime | None = None
    session_duration_seconds: int | None = None


class SamlProvider:
    """Signs responses for tests, and verifies them for STS."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)

    def sign(self, login: Login) -> str:
        """Make a response that is good from now on, in base64."""
        return self.seal(write(login))

    def seal(self, document: bytes) -> str:
        """Sign a document and encode it."""
        signature = base64.b64encode(self._digest(document))
        return base64.b64encode(_SIGNATURE.sub(signature, document)).decode()

    def read(
        self, text: str, role_arn: str, principal_arn: str, now: datetime
    ) -> Assertion:
        """Return what an assertion says that is signed, in time and for the role.

        Raises ``StsError`` InvalidIdentityToken or ExpiredTokenException.
        """
        assertion = self._open(text)
        recipient = _check_time_and_place(assertion, now)
        if not _offers(assertion, role_arn, principal_arn):
            raise invalid_identity_token(
                "RoleArn and PrincipalArn are not in the AuthnResponse"
            )
        name_id = _find(assertion, "Subject/NameID")
        end = _find(assertion, "AuthnStatement").get("SessionNotOnOrAfter")
        return Assertion(
            subject=name_id.text or "",
            subject_type=name_id.get("Format", "").removeprefix(NAME_FORMAT),
            issuer=_find(assertion, "Issuer").text or "",
            recipient=recipient,
            session_name=_session_name(assertion),
            source_identity=_single(assertion, "SourceIdentity"),
            tags=_tags(assertion),
            transitive_tags=tuple(_values(assertion, "TransitiveTagKeys")),
            session_ends_at=None if end is None else _time(end),
            session_duration_seconds=_session_duration(assertion),
        )

    def _open(self, text: str) -> ET.Element:
        try:
            document = base64.b64decode(text, validate=True)
        except ValueError:
            raise invalid_identity_token("Invalid base64 SAMLResponse") from None
        # An HMAC over the whole document (its IDs included) stands in for XML
        # DSig: what is tested is that a changed response is refused, not the
        # canonical form of XML.
        found = _SIGNATURE.findall(document)
        expected = base64.b64encode(self._digest(document))
        if len(found) != 1 or not hmac.compare_digest(found[0], expected):
            raise invalid_identity_token("Response signature invalid")
        # Our own text, as the signature has just shown: no entity bombs in it.
        response = ET.fromstring(document)  # noqa: S314
        return _find(response, "Assertion")

    def _digest(self, document: bytes) -> bytes:
        return hmac.digest(self._secret, _SIGNATURE.sub(b"", document), "sha256")


def _check_time_and_place(assertion: ET.Element, now: datetime) -> str:
    """Return the recipient of an assertion that is good now, for AWS."""
    conditions = _find(assertion, "Conditions")
    confirmed = _find(assertion, "Subject/SubjectConfirmation/SubjectConfirmationData")
    if now < _time(conditions.attrib["NotBefore"]):
        raise invalid_identity_token("The SAML response is not valid yet")
    ends = [
        _time(assertion.attrib["IssueInstant"]) + _REDEEM_WITHIN,
        _time(conditions.attrib["NotOnOrAfter"]),
        _time(confirmed.attrib["NotOnOrAfter"]),
    ]
    if now >= min(ends):
        raise StsError(
            "ExpiredTokenException",
            400,
            "Token must be redeemed within 5 minutes of issuance",
        )
    audience = _find(conditions, "AudienceRestriction/Audience").text
    recipient = confirmed.attrib["Recipient"]
    if audience not in _AUDIENCES:
        raise invalid_identity_token("The SAML response is for another audience")
    if not _RECIPIENT.fullmatch(recipient):
        raise invalid_identity_token("The SAML response is for another recipient")
    return recipient


def _offers(assertion: ET.Element, role_arn: str, principal_arn: str) -> bool:
    # Both orders are in use, though the guide shows the role first.
    wanted = sorted((role_arn, principal_arn))
    pairs = (value.split(",") for value in _values(assertion, "Role"))
    return any(sorted(part.strip() for part in pair) == wanted for pair in pairs)


def _session_name(assertion: ET.Element) -> str:
    name = _single(assertion, "RoleSessionName")
    if name is None:
        raise invalid_identity_token("RoleSessionName is required in AuthnResponse")
    if not _SESSION_NAME.fullmatch(name):
        raise invalid_identity_token(
            "RoleSessionName in AuthnResponse must match [a-zA-Z_0-9+=,.@-]{2,64}"
        )
    return name


def _session_duration(assertion: ET.Element) -> int | None:
    text = _single(assertion, "SessionDuration")
    if text is None:
        return None
    if not re.fullmatch("[0-9]{1,10}", text) or int(text) not in _SESSION_DURATIONS:
        raise invalid_identity_token(
            "SessionDuration in AuthnResponse must be a number from 900 to 43200"
        )
    return int(text)


def _tags(assertion: ET.Element) -> dict[str, str]:
    prefix = f"{ATTRIBUTE}PrincipalTag:"
    names = (element.get("Name", "") for element in assertion.iter(f"{_SAML}Attribute"))
    keys = [name.removeprefix(prefix) for name in names if name.startswith(prefix)]
    return {key: _single(assertion, f"PrincipalTag:{key}") or "" for key in keys}


def _find(root: ET.Element, path: str) -> ET.Element:
    element = root.find("/".join(_SAML + name for name in path.split("/")))
    assert element is not None  # signed by us, so written by us
    return element


def _time(value: str) -> datetime:
    return datetime.strptime(value, STAMP).replace(tzinfo=UTC)


def _single(assertion: ET.Element, name: str) -> str | None:
    """Return the only value of an attribute; None without the attribute."""
    values = _values(assertion, name)
    if len(values) > 1:
        raise invalid_identity_token(f"{name} in AuthnResponse must have one value")
    return values[0] if values else None


def _values(assertion: ET.Element, name: str) -> list[str]:
    return [
        value.text or ""
        for attribute in assertion.iter(f"{_SAML}Attribute")
        if attribute.get("Name") == ATTRIBUTE + name
        for value in attribute.findall(f"{_SAML}AttributeValue")
    ]
