"""Which keys count as slips: what is known is none, what is far away neither."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES as BOTOCORE

from sts_plugin.doctor.spelling import KNOWN, OURS, meant

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")


def keys_of_the_page():
    """Every key in the first column of the tables of keys."""
    tables = PAGE.partition("## Variables")[0]
    for line in re.findall(r"^\| (`.+?) \|", tables, re.MULTILINE):
        yield from re.findall(r"`([a-z_]+)`", line)


def test_every_key_of_the_reference_is_known():
    keys = list(keys_of_the_page())
    assert len(keys) > 30
    assert {key for key in keys if meant(key) is not None} == set()
    assert {key.removeprefix("sts_plugin_") for key in keys} <= KNOWN


def test_every_key_of_ours_is_in_the_reference():
    assert {key for key in OURS if not re.search(rf"[`_]{key}`", PAGE)} == set()


def test_every_key_of_botocore_is_known():
    names = set()
    for name, *_ in BOTOCORE.values():
        names.update([name] if isinstance(name, str) else name or ())
    assert names <= KNOWN


@pytest.mark.parametrize("key", sorted(KNOWN))
def test_what_is_known_is_no_slip(key):
    assert meant(key) is None


@pytest.mark.parametrize("key", sorted(OURS))
def test_what_is_ours_may_have_the_prefix(key):
    assert meant(f"sts_plugin_{key}") is None


@pytest.mark.parametrize(
    ("key", "right"),
    [
        ("source_profiles", "source_profile"),
        ("soure_profile", "source_profile"),
        ("role-arn", "role_arn"),
        ("rolearn", "role_arn"),
        ("mfa_serials", "mfa_serial"),
        ("mfaserial", "mfa_serial"),
        ("external_ids", "external_id"),
        ("duration_second", "duration_seconds"),
        ("aws_region", "region"),
        ("aws_access_key", "aws_access_key_id"),
        ("aws_secret_key", "aws_secret_access_key"),
        ("credentials_process", "credential_process"),
        ("sso_account", "sso_account_id"),
        ("sts_plugin_role_arm", "sts_plugin_role_arn"),
        ("sts_plugin_zzz", ""),
    ],
)
def test_a_slip_is_told_with_what_was_meant(key, right):
    assert meant(key) == right


@pytest.mark.parametrize(
    "key",
    ["x", "name", "color", "okta_role", "granted_role_arn", "role_arn_old", "xregion"],
)
def test_what_is_somebody_elses_is_none(key):
    assert meant(key) is None
