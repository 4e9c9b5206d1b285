from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sts_plugin import environment
from sts_plugin.model import Credentials, Secret

UNTIL = datetime(2026, 11, 25, 12, 0, 0, 700_000, tzinfo=UTC)
TEMPORARY = Credentials("ASIA1", Secret("s3cret"), Secret("t0ken"), UNTIL, "1" * 12)
LONG_TERM = Credentials("AKIA1", Secret("s3cret"))

# What SDKs and older tools take credentials from, by their documentation.
AMBIENT = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_ACCESS_KEY",
    "AWS_SECRET_KEY",
    "AWS_CREDENTIAL_FILE",
    "AMAZON_ACCESS_KEY_ID",
    "AMAZON_SECRET_ACCESS_KEY",
    "AMAZON_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_SESSION_NAME",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_CONTAINER_OF_TOMORROW",
    "AWS_BEARER_TOKEN_BEDROCK",
    "AWS_BEARER_TOKEN_OTHER",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_ACCOUNT_ID",
    "STS_PLUGIN_MFA_CODE",
    "STS_PLUGIN_TOTP_FD",
]
KEPT = {
    "PATH": "/bin",
    "AWS_CONFIG_FILE": "/c",
    "AWS_ENDPOINT_URL": "http://e",
    "AWS_EC2_METADATA_DISABLED": "true",
    "STS_PLUGIN_CACHE_DIR": "/cache",
}


def test_a_temporary_set_is_written_with_its_token_its_end_and_its_account():
    assert environment.of_credentials("prod", "eu-central-1", TEMPORARY) == {
        "AWS_ACCESS_KEY_ID": "ASIA1",
        "AWS_SECRET_ACCESS_KEY": "s3cret",
        "AWS_SESSION_TOKEN": "t0ken",
        "AWS_CREDENTIAL_EXPIRATION": "2026-11-25T12:00:00Z",
        "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCOUNT_ID": "1" * 12,
        "STS_PLUGIN_PROFILE": "prod",
    }


def test_what_is_not_known_is_not_set():
    assert environment.of_credentials("alice", None, LONG_TERM) == {
        "AWS_ACCESS_KEY_ID": "AKIA1",
        "AWS_SECRET_ACCESS_KEY": "s3cret",
        "STS_PLUGIN_PROFILE": "alice",
    }


@pytest.mark.parametrize("found", [TEMPORARY, LONG_TERM])
def test_nothing_ambient_is_left_beside_a_set(found):
    variables = environment.of_credentials("p", None, found)
    environ = dict.fromkeys(AMBIENT, "ambient") | KEPT
    assert environment.cleaned(environ, variables) == KEPT | variables


def test_an_outer_run_leaves_nothing_in_an_inner_one():
    outer = environment.cleaned(
        KEPT, environment.of_credentials("outer", "eu-west-1", TEMPORARY)
    )
    by_endpoint = {
        environment.URL: "http://127.0.0.1:1/profiles/inner",
        **environment.of_token(Secret("t"), None),
    }
    hidden = environment.hiding(outer, "/dev/null")
    inner = environment.cleaned(
        outer, environment.about("inner", "eu-west-2", None) | by_endpoint | hidden
    )
    again = environment.cleaned(
        environment.outside(inner),
        environment.of_credentials("outer", "eu-west-1", TEMPORARY),
    )
    assert again == outer


def test_what_is_taken_away_again_is_all_that_was_set():
    variables = environment.of_credentials("p", "r", TEMPORARY)
    variables |= environment.of_token(Secret("t"), None)
    variables |= environment.of_token(None, "/file")
    variables[environment.URL] = "u"
    assert variables.keys() <= set(environment.given({}))


def test_a_file_with_the_token_stands_for_the_token():
    assert environment.of_token(None, "/f") == {
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "/f"
    }
    assert environment.of_token(Secret("t"), None) == {
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": "t"
    }


@pytest.mark.parametrize(
    "environ",
    [KEPT, KEPT | {"AWS_SHARED_CREDENTIALS_FILE": "/s"}, {"PATH": "/bin"}],
)
def test_hidden_files_are_seen_again_outside(environ):
    hidden = environ | environment.hiding(environ, "/nothing")
    assert hidden["AWS_CONFIG_FILE"] == "/nothing"
    assert hidden["AWS_SHARED_CREDENTIALS_FILE"] == "/nothing"
    assert environment.outside(hidden) == environ
    assert environment.outside(environ) == environ


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ("", False),
        ("[default]\nregion = eu-west-1", False),
        ("[default]\nsts_plugin_role_arn = arn", False),  # for us alone
        ("[default]\naws_access_key_id = AKIA", True),
        ("[default]\nrole_arn = arn\nsource_profile = a", True),
        ("[default]\nsso_session = s", True),
        ("[default]\ncredential_process = /bin/true", True),
    ],
)
def test_a_default_profile_that_sdks_take_credentials_from_is_known(aws, config, says):
    found = aws(config=config).get("default")
    assert environment.speaks_for_itself(found) is says
