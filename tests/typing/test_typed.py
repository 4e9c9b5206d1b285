"""A program that uses the package is checked by its types: ``tox -e type``.

Against the installed package, in a folder where no checkout is in the way.
"""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

GOOD = '''
"""All of the public names, with the types that they have."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, assert_type

import botocore.session

import sts_plugin
from sts_plugin import Client, Credentials, errors

session = botocore.session.get_session()
assert_type(sts_plugin.register(session), botocore.session.Session)
assert_type(
    sts_plugin.assume_role(
        session,
        "arn:aws:iam::222222222222:role/Audit",
        region_name="eu-central-1",
        duration=timedelta(hours=1),
        policy={"Version": "2012-10-17", "Statement": []},
        tags={"team": "red"},
        transitive_tag_keys=["team"],
    ),
    botocore.session.Session,
)
assert_type(sts_plugin.register_everywhere(), None)
assert_type(sts_plugin.Session(profile_name="alice"), sts_plugin.Session)
assert_type(sts_plugin.__version__, str)

client = Client("alice", region="eu-central-1", tell=print)
found = client.assume_role("arn", duration=900, policy=Path("policy.json"))
assert_type(found, Credentials)
assert_type(found.access_key_id, str)
assert_type(found.secret_access_key.reveal(), str)
assert_type(found.expiration, datetime | None)
assert_type(found.account_id, str | None)
assert_type(client.credentials(), Credentials)
assert_type(client.get_session_token(duration=900), Credentials)
assert_type(client.get_federation_token("guest", policy_arns=["arn"]), Credentials)
assert_type(client.assume_root("222222222222", "arn"), Credentials)
assert_type(client.assume_role_with_saml(assertion_process="get"), Credentials)
assert_type(client.assume_role_with_web_identity("arn", token="t"), Credentials)
assert_type(client.get_delegated_access_token(token_file="/t"), Credentials)
assert_type(client.get_caller_identity().arn, str)
assert_type(client.get_access_key_info("AKIA"), str)
assert_type(client.decode_authorization_message("m"), dict[str, Any])
assert_type(client.get_web_identity_token("me", tags={}).token.reveal(), str)
try:
    client.credentials()
except sts_plugin.errors.Refused as error:
    assert_type(error.code, str)
    assert_type(error.exit_code, int)
except errors.StsPluginError as error:
    assert_type(error.line, str)
'''

BAD = {
    "sts_plugin.Clinet()": "attr-defined",
    'sts_plugin.Client("alice").assume_rol("arn")': "attr-defined",
    'sts_plugin.Client("alice").assume_role("arn", duratoin=900)': "call-arg",
    'sts_plugin.Client("alice").assume_role("arn", duration="1h")': "arg-type",
    'sts_plugin.Client("alice").get_federation_token()': "call-arg",
    "sts_plugin.Client(42)": "arg-type",
    'sts_plugin.Client("alice").credentials().secret_access_key + ""': "operator",
}


@pytest.fixture
def checked(tmp_path):
    """Return a function that checks a program and returns what mypy says of it."""

    def check(program):
        (tmp_path / "program.py").write_text(program)
        done = subprocess.run(
            [sys.executable, "-m", "mypy", "--strict", "program.py"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        return done.stdout + done.stderr

    return check


def test_a_program_with_all_public_names_is_well_typed(checked):
    assert checked(GOOD) == "Success: no issues found in 1 source file\n"


def test_what_is_wrong_in_a_program_is_seen(checked):
    lines = "".join(f"{line}\n" for line in BAD)
    found = re.findall(
        r"program.py:(\d+): error: .*\[([\w-]+)\]",
        checked(f"import sts_plugin\n{lines}"),
    )
    expected = [(str(number), kind) for number, kind in enumerate(BAD.values(), 2)]
    assert found == expected
