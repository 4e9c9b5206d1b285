from __future__ import annotations

import base64
import gzip
import json
import os
import re
import textwrap
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import botocore
import pytest

from sts_plugin.saml import Assertion, encoded, read_assertion
from sts_plugin.sandbox.saml_response import Login, write

ROLE = "arn:aws:iam::111111111111:role/Audit"
OTHER = "arn:aws:iam::222222222222:role/Admin"
PROVIDER = "arn:aws:iam::111111111111:saml-provider/idp"
START = datetime(2030, 1, 1, 12, tzinfo=UTC)
AWS = "https://aws.amazon.com/SAML/Attributes/"


def attribute(name, *values):
    inner = "".join(f"<AttributeValue>{value}</AttributeValue>" for value in values)
    return f'<Attribute Name="{AWS}{name}">{inner}</Attribute>'


def response(*inside, name="Assertion", head=""):
    """A response with one assertion, with no more in it than is told."""
    return (
        f"{head}"
        '<Response xmlns="urn:oasis:names:tc:SAML:2.0:protocol">'
        f'<{name} xmlns="urn:oasis:names:tc:SAML:2.0:assertion">{"".join(inside)}'
        f"</{name}></Response>"
    )


def read(*inside, **options):
    return read_assertion(encoded(response(*inside, **options)))


def login(**changes):
    values = {"roles": (f"{ROLE},{PROVIDER}",), "now": START, **changes}
    return write(Login(**values)).decode()


# --- How it is written ---

PLAIN = login()
BASE64 = base64.b64encode(PLAIN.encode()).decode()


@pytest.mark.parametrize(
    "text",
    [
        BASE64,
        f"{BASE64}\n",
        "\n".join(textwrap.wrap(BASE64, 76)),
        "\r\n".join(textwrap.wrap(BASE64, 64)),
        quote(BASE64, safe=""),
        f"  {quote(BASE64)}\n",
        PLAIN,
        f"\n  {PLAIN}",
    ],
    ids=[
        "base64",
        "with a line end",
        "with line breaks",
        "with CR LF",
        "percent-encoded",
        "percent-encoded in part",
        "XML",
        "XML after blanks",
    ],
)
def test_an_assertion_is_taken_as_tools_print_it(text):
    sent = encoded(text)
    assert base64.b64decode(sent, validate=True).strip() == PLAIN.strip().encode()
    assert read_assertion(sent).roles == ((ROLE, PROVIDER),)


def test_a_plus_in_base64_survives_the_form():
    text = "PD94+/+="
    assert encoded(text) == encoded(quote(text, safe="")) == text


@pytest.mark.parametrize(
    "text",
    [
        "SAMLResponse=abc",
        "Signed in!",
        "{}",
        "abc",
        "=abc",
        "äöü",
        f"Password: {BASE64}",
        f"{BASE64[:-3]}!",
        "%ff%fe",
    ],
)
def test_what_is_neither_base64_nor_xml_is_a_value_error(text):
    with pytest.raises(ValueError, match=r"\w"):
        read_assertion(encoded(text))


# --- What it says ---


def test_an_assertion_of_an_identity_provider_is_read_whole():
    text = login(session_duration=7200, lifetime_seconds=300, session_name="alice")
    assert read_assertion(encoded(text)) == Assertion(
        roles=((ROLE, PROVIDER),),
        audiences=("https://signin.aws.amazon.com/saml",),
        expires=START + timedelta(minutes=5),
        session_seconds=7200,
    )


@pytest.mark.parametrize(
    "value",
    [
        f"{ROLE},{PROVIDER}",
        f"{PROVIDER},{ROLE}",
        f" {ROLE} , {PROVIDER} ",
        f"\n    {PROVIDER},\n    {ROLE}\n",
    ],
)
def test_role_and_provider_stand_in_either_order(value):
    assert read(attribute("Role", value)).roles == ((ROLE, PROVIDER),)


def test_several_roles_keep_their_order():
    values = (f"{OTHER},{PROVIDER}", f"{PROVIDER},{ROLE}")
    expected = ((OTHER, PROVIDER), (ROLE, PROVIDER))
    assert read(attribute("Role", *values)).roles == expected
    apart = read(*(attribute("Role", value) for value in values))
    assert apart.roles == expected


def test_other_attributes_are_no_roles():
    other = '<Attribute Name="Role"><AttributeValue>x</AttributeValue></Attribute>'
    assert read(other, attribute("RoleSessionName", "me")).roles == ()


@pytest.mark.parametrize("value", ["", "  "])
def test_an_empty_value_says_nothing(value):
    found = read(attribute("Role", value), attribute("SessionDuration", value))
    assert (found.roles, found.session_seconds) == ((), None)


@pytest.mark.parametrize(
    ("times", "ends"),
    [
        (['Conditions NotOnOrAfter="2030-01-01T12:05:00Z"'], (12, 5, 0)),
        (['SubjectConfirmationData NotOnOrAfter="2030-01-01T12:05:00Z"'], (12, 5, 0)),
        (
            [
                'Conditions NotOnOrAfter="2030-01-01T13:00:00Z"',
                'SubjectConfirmationData NotOnOrAfter="2030-01-01T12:05:00Z"',
            ],
            (12, 5, 0),
        ),
        (
            [
                'Conditions NotOnOrAfter="2030-01-01T12:01:00Z"',
                'SubjectConfirmationData NotOnOrAfter="2030-01-01T12:05:00Z"',
            ],
            (12, 1, 0),
        ),
        (['Conditions NotOnOrAfter="2030-01-01T12:05:00.123Z"'], (12, 5, 0, 123_000)),
        # Azure AD writes seven digits
        (
            ['Conditions NotOnOrAfter="2030-01-01T12:05:00.1234567Z"'],
            (12, 5, 0, 123_456),
        ),
        (['Conditions NotOnOrAfter="2030-01-01T14:05:00+02:00"'], (12, 5, 0)),
        (['Conditions NotOnOrAfter="2030-01-01T12:05:00"'], (12, 5, 0)),
    ],
)
def test_an_assertion_ends_when_the_first_of_its_times_is_over(times, ends):
    found = read(*(f"<{time}/>" for time in times)).expires
    assert found == datetime(2030, 1, 1, *ends, tzinfo=UTC)
    assert found.tzinfo is UTC


def test_an_assertion_that_says_nothing_of_its_end_has_none():
    assert read('<Conditions NotBefore="2030-01-01T12:00:00Z"/>').expires is None


def test_the_end_of_the_browsers_session_is_not_the_end_of_the_assertion():
    statement = '<AuthnStatement SessionNotOnOrAfter="2029-01-01T12:00:00Z"/>'
    assert read(statement).expires is None


@pytest.mark.parametrize(
    ("inside", "words"),
    [
        (attribute("Role", ROLE), "no pair of role and provider"),
        (attribute("SessionDuration", "soon"), "SessionDuration attribute is no num"),
        (attribute("SessionDuration", "1.5"), "SessionDuration attribute is no num"),
        ('<Conditions NotOnOrAfter="soon"/>', "NotOnOrAfter is no time"),
        (
            '<Conditions NotOnOrAfter="0001-01-01T00:00:00+14:00"/>',
            "NotOnOrAfter is no time",
        ),
    ],
)
def test_what_makes_no_sense_is_a_value_error_without_the_document(inside, words):
    with pytest.raises(ValueError, match=words) as caught:
        read(inside, "<Canary>canary</Canary>")
    assert "canary" not in str(caught.value)


# --- Encrypted ---


def test_of_an_encrypted_assertion_nothing_can_be_read():
    found = read("<EncryptedData/>", name="EncryptedAssertion")
    assert found == Assertion(encrypted=True)
    assert found.meant_for_aws  # as far as can be told


def test_a_response_without_an_assertion_is_a_refused_sign_in():
    with pytest.raises(ValueError, match="was the sign-in refused"):
        read(name="Status")


# --- For whom ---


def partitions():
    """The hosts of AWS's sign-in, as botocore's endpoint rules name them."""
    (rules,) = Path(botocore.__file__).parent.glob("data/signin/*/endpoint-rule-set-1*")
    data = rules.read_bytes()
    text = gzip.decompress(data) if rules.suffix == ".gz" else data
    found = re.findall(r'"https://\{Region\}\.(signin\.[\w.-]+)"', text.decode())
    return sorted(host for host in found if not host.endswith("signin.aws"))


@pytest.mark.parametrize("host", partitions())
@pytest.mark.parametrize("prefix", ["", "eu-west-1."])
@pytest.mark.parametrize("path", ["/saml", "/saml/acs/SAMLSPXYZ", "/platform/saml/x"])
def test_the_sign_in_of_every_partition_is_awss(host, prefix, path):
    assert Assertion(audiences=(f"https://{prefix}{host}{path}",)).meant_for_aws


def test_there_are_partitions():
    # The lowest botocore that is allowed knows three of them.
    version = tuple(map(int, botocore.__version__.split(".")[:2]))
    assert len(partitions()) > (5 if version >= (1, 44) else 2)
    assert "signin.amazonaws.cn" in partitions()


@pytest.mark.parametrize(
    "name",
    [
        "urn:amazon:webservices",
        "urn:amazon:webservices:cn-north-1",
        "urn:amazon:webservices:govcloud",
    ],
)
def test_awss_own_names_are_awss(name):
    assert Assertion(audiences=(name,)).meant_for_aws


@pytest.mark.parametrize(
    "name",
    [
        "https://idp.example.com/saml",
        "https://signin.example.com/saml",
        "https://evil.example/https://signin.aws.amazon.com/saml",
        "http://signin.aws.amazon.com/saml",
        "urn:other",
        "signin.aws.amazon.com",
    ],
)
def test_others_are_not(name):
    assert not Assertion(audiences=(name,)).meant_for_aws
    both = Assertion(audiences=(name, "urn:amazon:webservices"))
    assert both.meant_for_aws


def test_an_assertion_for_nobody_may_be_for_aws():
    assert read().meant_for_aws


# --- Documents that would do harm ---

LAUGHS = "".join(
    f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' if n else '<!ENTITY l0 "lol">'
    for n in range(10)
)


@pytest.mark.parametrize(
    "head",
    [
        "<!DOCTYPE Response>",
        f"<!DOCTYPE Response [{LAUGHS}]>",
        f'<!DOCTYPE Response [<!ENTITY big "{"x" * 50_000}">]>',
        '<!DOCTYPE Response [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE Response SYSTEM "http://127.0.0.1:1/dtd">',
        '<!DOCTYPE Response [<!ENTITY % p SYSTEM "http://127.0.0.1:1/dtd"> %p;]>',
    ],
    ids=[
        "DTD",
        "billion laughs",
        "quadratic",
        "external entity",
        "external DTD",
        "parameter entity",
    ],
)
def test_a_document_type_is_refused_before_it_can_do_harm(head):
    role = attribute("Role", f"{ROLE},{PROVIDER}")
    assert read(role).roles  # without the head it is a good one
    with pytest.raises(ValueError, match="it is not XML") as caught:
        read(role, head=head)
    assert caught.value.__suppress_context__


def test_an_external_entity_is_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")  # whoever opened it would wait
    head = f'<!DOCTYPE Response [<!ENTITY x SYSTEM "file://{tmp_path}/pipe">]>'
    with pytest.raises(ValueError, match="it is not XML"):
        read(attribute("Role", "&x;"), head=head)


@pytest.mark.parametrize(
    "text",
    [
        "<html><body>Sign in<br></body>",
        "<!DOCTYPE html><html></html>",
        "<",
        "<a>&undefined;</a>",
        "<a>\x00</a>",
        '<?xml version="1.0" encoding="nonsense"?><a/>',
        base64.b64encode(b"canary").decode(),
        base64.b64encode(json.dumps({"canary": 1}).encode()).decode(),
        base64.b64encode(b"\xff" * 30).decode(),
        "",
    ],
)
def test_what_is_not_xml_is_told_without_its_text(text):
    with pytest.raises(ValueError, match="it is not XML") as caught:
        read_assertion(encoded(text))
    assert "canary" not in str(caught.value)


def test_another_document_holds_no_assertion():
    with pytest.raises(ValueError, match="it holds no assertion"):
        read_assertion(encoded("<html><body>Sign in</body></html>"))


def test_a_document_that_nests_deeply_is_read_or_refused():
    deep = "<a>" * 20_000 + "</a>" * 20_000
    assert read(deep, attribute("Role", f"{ROLE},{PROVIDER}")).roles
