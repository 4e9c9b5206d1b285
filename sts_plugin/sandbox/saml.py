"""The sandbox's SAML provider: makes assertions, and reads them.

Owns: the provider's secret and the checks of an assertion. Never: who trusts
it. Source: IAM User Guide, "Configure SAML assertions for the authentication
response".
"""

import base64
import hmac
import re
import secrets
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from sts_plugin.sandbox.errors import StsError, invalid_identity_token

__all__ = ["Assertion", "SamlProvider"]

_AUDIENCE = "https://signin.aws.amazon.com/saml"
_ATTRIBUTE = "https://aws.amazon.com/SAML/Attributes/"
_ISSUER = "https://saml.sandbox.example"
_NAMESPACE = {"saml": "urn:oasis:names:tc:SAML:2.0:assertion"}
_STAMP = "%Y-%m-%dT%H:%M:%SZ"
_SESSION_NAME = re.compile(r"[a-zA-Z_0-9+=,.@-]{2,64}")

_SIGNED = re.compile(
    rb"(?P<assertion><saml:Assertion .*</saml:Assertion>)"
    rb"<Signature>(?P<digest>[0-9a-f]{64})</Signature>",
    re.DOTALL,
)

_TEMPLATE = """\
<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_{id}" \
IssueInstant="{now}" Version="2.0"><saml:Issuer>{issuer}</saml:Issuer>\
<saml:Subject><saml:NameID>{name}</saml:NameID><saml:SubjectConfirmation>\
<saml:SubjectConfirmationData NotOnOrAfter="{end}" Recipient="{audience}"/>\
</saml:SubjectConfirmation></saml:Subject><saml:Conditions NotOnOrAfter="{end}">\
<saml:AudienceRestriction><saml:Audience>{audience}</saml:Audience>\
</saml:AudienceRestriction></saml:Conditions>\
<saml:AuthnStatement {session_end}/><saml:AttributeStatement>\
<saml:Attribute Name="{attribute}Role"><saml:AttributeValue>{roles}\
</saml:AttributeValue></saml:Attribute><saml:Attribute \
Name="{attribute}RoleSessionName"><saml:AttributeValue>{name}\
</saml:AttributeValue></saml:Attribute></saml:AttributeStatement></saml:Assertion>"""


@dataclass(frozen=True, slots=True)
class Assertion:
    """What a good assertion says; ``session_ends_at`` shortens the session."""

    subject: str
    issuer: str
    audience: str
    session_name: str
    session_ends_at: datetime | None


class SamlProvider:
    """Makes assertions for tests, and verifies them for STS."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)

    def sign(  # noqa: PLR0913 (an assertion says that much)
        self,
        role_arn: str,
        principal_arn: str,
        *,
        session_name: str,
        now: datetime,
        lifetime_seconds: int,
        session_duration_seconds: int | None,
        audience: str = _AUDIENCE,
    ) -> str:
        """Make an assertion that is good from now on, in base64."""
        session_end = ""
        if session_duration_seconds is not None:
            end = now + timedelta(seconds=session_duration_seconds)
            session_end = f'SessionNotOnOrAfter="{end.strftime(_STAMP)}"'
        assertion = _TEMPLATE.format(
            id=uuid.uuid4(),
            now=now.strftime(_STAMP),
            end=(now + timedelta(seconds=lifetime_seconds)).strftime(_STAMP),
            issuer=_ISSUER,
            name=escape(session_name),
            audience=escape(audience, {'"': "&quot;"}),
            attribute=_ATTRIBUTE,
            roles=escape(f"{role_arn},{principal_arn}"),
            session_end=session_end,
        ).encode()
        return base64.b64encode(
            b'<Response xmlns="urn:oasis:names:tc:SAML:2.0:protocol">'
            + assertion
            + b"<Signature>"
            + self._digest(assertion)
            + b"</Signature></Response>"
        ).decode()

    def read(
        self, text: str, role_arn: str, principal_arn: str, now: datetime
    ) -> Assertion:
        """Return what an assertion says that is signed, in time and for the role.

        Raises ``StsError`` InvalidIdentityToken or ExpiredTokenException.
        """
        root = self._open(text)
        if now >= _time(_element(root, "saml:Conditions").attrib["NotOnOrAfter"]):
            raise StsError(
                "ExpiredTokenException",
                400,
                "Token must be redeemed within 5 minutes of issuance",
            )
        audience = _text(root, "saml:Conditions//saml:Audience")
        if audience != _AUDIENCE:
            raise invalid_identity_token("Invalid base64 SAMLResponse: wrong audience")
        if f"{role_arn},{principal_arn}" not in _attribute(root, "Role"):
            raise invalid_identity_token(
                "RoleArn and PrincipalArn are not in the AuthnResponse"
            )
        names = _attribute(root, "RoleSessionName")
        if len(names) != 1 or not _SESSION_NAME.fullmatch(names[0]):
            raise invalid_identity_token(
                "RoleSessionName in AuthnResponse must match [a-zA-Z_0-9+=,.@-]{2,64}"
            )
        end = _element(root, "saml:AuthnStatement").get("SessionNotOnOrAfter")
        return Assertion(
            subject=_text(root, "saml:Subject/saml:NameID"),
            issuer=_text(root, "saml:Issuer"),
            audience=audience,
            session_name=names[0],
            session_ends_at=None if end is None else _time(end),
        )

    def _open(self, text: str) -> ET.Element:
        try:
            document = base64.b64decode(text, validate=True)
        except ValueError:
            raise invalid_identity_token("Invalid base64 SAMLResponse") from None
        # An HMAC over the assertion's bytes (its ID included) stands in for XML
        # DSig: what is tested is that a changed assertion is refused, not the
        # canonical form of XML.
        found = _SIGNED.search(document)
        if found is None or not hmac.compare_digest(
            found["digest"], self._digest(found["assertion"])
        ):
            raise invalid_identity_token("Response signature invalid")
        # Our own text, as the digest has just shown: no entity bombs in it.
        return ET.fromstring(found["assertion"])  # noqa: S314

    def _digest(self, assertion: bytes) -> bytes:
        return hmac.digest(self._secret, assertion, "sha256").hex().encode()


def _element(root: ET.Element, path: str) -> ET.Element:
    element = root.find(path, _NAMESPACE)
    assert element is not None  # signed by us, so written by the template
    return element


def _text(root: ET.Element, path: str) -> str:
    return _element(root, path).text or ""


def _time(value: str) -> datetime:
    return datetime.strptime(value, _STAMP).replace(tzinfo=UTC)


def _attribute(root: ET.Element, name: str) -> list[str]:
    path = f".//saml:Attribute[@Name='{_ATTRIBUTE}{name}']/saml:AttributeValue"
    return [value.text or "" for value in root.findall(path, _NAMESPACE)]
