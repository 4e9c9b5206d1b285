from __future__ import annotations

import os

import botocore.exceptions
import pytest

from sts_plugin.botocore_session import make_session
from sts_plugin.profiles import load_profiles

CONFIG = """\
[profile p]
include_profile = common
region = own
[profile common]
region = common
ca_bundle = /common.pem
aws_access_key_id = AKIA1
aws_secret_access_key = s
[profile q]
include_profile = common
[profile plain]
output = json
"""


@pytest.fixture
def elsewhere(monkeypatch):
    """This process's own files are others."""
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)


def seen(session, *names):
    return [session.get_config_variable(name) for name in names]


def test_a_session_sees_the_files_of_the_plan_and_what_a_profile_includes(
    aws, elsewhere
):
    profiles = aws(CONFIG)
    session = make_session("p", profiles)
    assert seen(session, "region", "ca_bundle") == ["own", "/common.pem"]
    assert session.get_scoped_config().get("aws_access_key_id") is None


def test_others_see_what_they_include_where_they_are_named(aws, elsewhere):
    profiles = aws(CONFIG)
    found = make_session("plain", profiles, "q").full_config["profiles"]
    assert found["q"]["ca_bundle"] == "/common.pem"
    assert "ca_bundle" not in found["p"]
    assert found["plain"] == {"output": "json"}


def test_a_session_without_a_profile_sees_the_same_files(aws, elsewhere):
    session = make_session(None, aws(CONFIG))
    assert session.available_profiles == ["p", "common", "q", "plain"]


def test_a_profile_that_includes_nothing_is_left_as_botocore_reads_it(aws, elsewhere):
    profiles = aws("[profile p]\ns3 =\n  addressing_style = path\n")
    found = make_session("p", profiles).get_scoped_config()
    assert found == {"s3": {"addressing_style": "path"}}


def test_own_blocks_stay_blocks_beside_what_is_included(aws, elsewhere):
    profiles = aws(
        "[profile p]\ninclude_profile = common\ns3 =\n  addressing_style = path\n"
        "[profile common]\nregion = r\n"
    )
    found = make_session("p", profiles).get_scoped_config()
    assert found["s3"] == {"addressing_style": "path"}
    assert found["region"] == "r"


def test_a_session_without_files_is_botocores_own(aws, elsewhere):
    aws(CONFIG)
    assert make_session(None).available_profiles == []
    with pytest.raises(botocore.exceptions.ProfileNotFound):
        make_session("p").get_scoped_config()


def test_one_session_does_not_change_what_another_sees(aws, elsewhere):
    profiles = aws(CONFIG)
    make_session("p", profiles)
    again = load_profiles(aws.environ)
    session = make_session("q", again)
    assert seen(session, "region") == ["common"]
    assert again["q"].config.keys() == {"include_profile"}
