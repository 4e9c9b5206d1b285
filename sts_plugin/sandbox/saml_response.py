"""A SAML authentication response as an identity provider writes it.

Owns: the XML of a ``samlp:Response`` and what goes into it. Never: signs or
reads one. Sources: SAML 2.0 core; IAM User Guide, "Configure SAML assertions
for the authentication response".
"""

import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from xml.sax.saxutils import escape, quoteattr

__all__ = ["ATTRIBUTE", "AUDIENCE", "ISSUER", "NAME_FORMAT", "STAMP", "Login", "write"]

ATTRIBUTE = "https://aws.amazon.com/SAML/Attributes/"
AUDIENCE = "https://signin.aws.amazon.com/saml"
ISSUER = "https://saml.sandbox.example"
NAME_FORMAT = "urn:oasis:names:tc:SAML:2.0:nameid-format:"
STAMP = "%Y-%m-%dT%H:%M:%SZ"

_NAMESPACES = (
    'xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"'
    ' xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"'
    ' xmlns:xs="http://www.w3.org/2001/XMLSchema"'
    ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
)

_RESPONSE = """\
<?xml version="1.0" encoding="UTF-8"?>
<samlp:Response {namespaces} ID="_{response_id}" Version="2.0" IssueInstant="{now}" \
Destination={recipient}>
  <saml:Issuer>{issuer}</saml:Issuer>
  <samlp:Status>
    <samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/>
  </samlp:Status>
  <saml:Assertion ID="_{assertion_id}" Version="2.0" IssueInstant="{now}">
    <saml:Issuer>{issuer}</saml:Issuer>
    <ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#">
      <ds:SignedInfo>
        <ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>
        <ds:SignatureMethod \
Algorithm="http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"/>
      </ds:SignedInfo>
      <ds:SignatureValue></ds:SignatureValue>
    </ds:Signature>
    <saml:Subject>
      <saml:NameID Format="{name_format}persistent">{name}</saml:NameID>
      <saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">
        <saml:SubjectConfirmationData NotOnOrAfter="{end}" Recipient={recipient}/>
      </saml:SubjectConfirmation>
    </saml:Subject>
    <saml:Conditions NotBefore="{now}" NotOnOrAfter="{end}">
      <saml:AudienceRestriction>
        <saml:Audience>{audience}</saml:Audience>
      </saml:AudienceRestriction>
    </saml:Conditions>
    <saml:AuthnStatement AuthnInstant="{now}" SessionIndex="_{assertion_id}"\
{session_end}>
      <saml:AuthnContext>
        <saml:AuthnContextClassRef>\
urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport\
</saml:AuthnContextClassRef>
      </saml:AuthnContext>
    </saml:AuthnStatement>
    <saml:AttributeStatement>
{attributes}
    </saml:AttributeStatement>
  </saml:Assertion>
</samlp:Response>
"""


@dataclass(frozen=True, slots=True)
class Login:
    """What an identity provider says of somebody who has just logged in.

    ``roles`` are values of the Role attribute: an ARN of a role and one of a
    provider, in either order. ``session_ends_in_seconds`` becomes
    SessionNotOnOrAfter, ``session_duration`` the attribute of this name.
    """

    roles: tuple[str, ...]
    now: datetime
    lifetime_seconds: int = 300
    session_name: str | None = "alice"
    session_ends_in_seconds: int | None = None
    session_duration: int | str | None = None
    source_identity: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    transitive_tags: tuple[str, ...] = ()
    audience: str = AUDIENCE
    recipient: str = AUDIENCE


def write(login: Login) -> bytes:
    """Write the response; the value of its signature is left empty."""
    session_end = ""
    if login.session_ends_in_seconds is not None:
        end = _stamp(login, login.session_ends_in_seconds)
        session_end = f' SessionNotOnOrAfter="{end}"'
    return _RESPONSE.format(
        namespaces=_NAMESPACES,
        response_id=uuid.uuid4(),
        assertion_id=uuid.uuid4(),
        now=_stamp(login, 0),
        end=_stamp(login, login.lifetime_seconds),
        issuer=ISSUER,
        name_format=NAME_FORMAT,
        name=escape(login.session_name or "nobody"),
        audience=escape(login.audience),
        recipient=quoteattr(login.recipient),
        session_end=session_end,
        attributes="\n".join(_attributes(login)),
    ).encode()


def _stamp(login: Login, seconds: int) -> str:
    return (login.now + timedelta(seconds=seconds)).strftime(STAMP)


def _attributes(login: Login) -> Iterator[str]:
    yield _attribute("Role", login.roles)
    if login.session_name is not None:
        yield _attribute("RoleSessionName", [login.session_name])
    if login.session_duration is not None:
        yield _attribute("SessionDuration", [str(login.session_duration)])
    if login.source_identity is not None:
        yield _attribute("SourceIdentity", [login.source_identity])
    for key, value in login.tags.items():
        yield _attribute(f"PrincipalTag:{key}", [value])
    if login.transitive_tags:
        yield _attribute("TransitiveTagKeys", login.transitive_tags)


def _attribute(name: str, values: Iterable[str]) -> str:
    inner = "".join(
        f'\n        <saml:AttributeValue xsi:type="xs:string">{escape(value)}'
        "</saml:AttributeValue>"
        for value in values
    )
    return (
        f"      <saml:Attribute Name={quoteattr(ATTRIBUTE + name)}>{inner}\n"
        "      </saml:Attribute>"
    )
