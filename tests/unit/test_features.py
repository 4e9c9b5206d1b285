from __future__ import annotations

import pytest
from botocore.context import get_context, start_as_current_context

import sts_plugin

ROLE = "role_arn = arn:aws:iam::111111111111:role/{}\n"
KEYS = "[profile keys]\naws_access_key_id = AKIA\naws_secret_access_key = s\n"
SSO = "sso_account_id = 1\nsso_role_name = r\n"
SSO_PLACE = "sso_region = us-east-1\nsso_start_url = https://x\n"


def features(session):
    with start_as_current_context():
        assert session.get_credentials().method in {"sts-plugin", "assume-role"}
        return get_context().features


@pytest.mark.parametrize(
    "source",
    [
        "source_profile = keys\n" + KEYS,
        "source_profile = other\n"
        f"[profile other]\n{ROLE.format('O')}source_profile = keys\n" + KEYS,
        "source_profile = other\n"
        f"[profile other]\n{ROLE.format('O')}credential_source = Environment\n",
        "credential_source = Environment\n",
        "source_profile = s\n[profile s]\n"
        f"{ROLE.format('W')}web_identity_token_file = /nowhere\n",
        f"source_profile = s\n[profile s]\n{SSO}{SSO_PLACE}",
        f"source_profile = s\n[profile s]\n{SSO}sso_session = x\n"
        f"[sso-session x]\n{SSO_PLACE}",
        "source_profile = s\n[profile s]\ncredential_process = echo "
        '\'{"Version": 1, "AccessKeyId": "A", "SecretAccessKey": "s"}\'\n',
    ],
    ids=["keys", "chain", "chain-env", "env", "web", "sso-old", "sso", "process"],
)
def test_a_client_tells_aws_of_its_credentials_what_botocores_own_would(
    aws, stock, source
):
    aws.write(f"[profile p]\n{ROLE.format('P')}{source}")
    keys = {"AWS_ACCESS_KEY_ID": "AKIAENV", "AWS_SECRET_ACCESS_KEY": "s"}
    assert features(sts_plugin.register(stock("p", keys))) == features(stock("p", keys))


def test_an_mfa_session_is_no_role(aws, stock):
    aws.write(KEYS + "mfa_serial = arn:aws:iam::111111111111:mfa/alice\n")
    assert features(sts_plugin.register(stock("keys"))) == {"n"}


def test_a_botocore_without_such_ids_works_as_well(aws, stock, monkeypatch):
    monkeypatch.delattr("botocore.useragent.register_feature_id")
    aws.write(f"[profile p]\n{ROLE.format('P')}source_profile = keys\n{KEYS}")
    assert features(sts_plugin.register(stock("p"))) == set()
