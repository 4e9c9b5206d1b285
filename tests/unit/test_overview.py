"""Every profile at a glance, and whom an entry of the cache serves."""

from __future__ import annotations

import pytest

from sts_plugin.overview import served, summaries

KEYS = "aws_access_key_id = AKIA1\naws_secret_access_key = s\n"
MFA = "arn:aws:iam::111111111111:mfa/one"
ROLE = "arn:aws:iam::222222222222:role/R"
USER = f"[profile b]\n{KEYS}mfa_serial = {MFA}\n"
NO_MACHINE = {"AWS_EC2_METADATA_DISABLED": "true"}


def one(aws, config, name="p", environ=None):
    (found,) = summaries(aws(config), NO_MACHINE | (environ or {}), [name])
    return found


@pytest.mark.parametrize(
    ("config", "kind", "account", "role"),
    [
        (f"[profile p]\nrole_arn={ROLE}\nsource_profile=b\n{USER}", "role", 2, ROLE),
        (f"[profile p]\n{KEYS}mfa_serial={MFA}\n", "session", 1, ""),
        (f"[profile p]\n{KEYS}", "static", 0, ""),
        (f"[profile p]\n{KEYS}aws_account_id=333333333333", "static", 3, ""),
        ("[profile p]\ncredential_process = other", "process", 0, ""),
        (
            f"[profile p]\nsts_plugin_federation_name = fred\nsource_profile = b\n"
            f"policy_arns = arn:aws:iam::aws:policy/ReadOnlyAccess\n{USER}",
            "user",
            0,
            "",
        ),
        (
            "[profile p]\nsts_plugin_target_principal = 444444444444\n"
            "sts_plugin_task_policy_arn ="
            " arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials\n"
            f"region = us-east-1\nsource_profile = b\n{USER}",
            "root",
            4,
            "",
        ),
        ("[profile p]\nregion = us-east-1\n", "none", 0, ""),
        ("[profile p]\nsource_profile = p\nrole_arn = x\n", "broken", 0, ""),
    ],
)
def test_a_profile_is_told_in_a_line(aws, config, kind, account, role):
    found = one(aws, config)
    assert found.name == "p"
    assert (found.kind, found.role) == (kind, role)
    assert found.account == (str(account) * 12 if account else "")
    assert (found.plan is None) == (kind in {"none", "broken"})
    assert (found.error is not None) == (kind == "broken")


def test_a_profile_says_which_device_it_may_ask_for(aws):
    role = f"[profile p]\nrole_arn = {ROLE}\nmfa_serial = {MFA}\nsource_profile = b\n"
    assert one(aws, role + USER).mfa == MFA
    assert one(aws, role.replace("mfa_serial", "x") + USER).mfa == ""


def test_what_sts_would_refuse_is_broken(aws):
    config = f"[profile p]\nrole_arn = {ROLE}\nsource_profile = b\nexternal_id = x\n"
    found = one(aws, config + USER)
    assert found.kind == "broken"
    assert "external_id" in found.error.line


def test_every_profile_is_told_in_the_order_of_the_files(aws):
    profiles = aws(USER + "[default]\n[profile a]\n", f"[z]\n{KEYS}")
    found = [one.name for one in summaries(profiles, NO_MACHINE)]
    assert found == ["b", "default", "a", "z"]


def test_an_entry_serves_every_profile_whose_plan_it_is_in(aws):
    roles = "".join(
        f"[profile {name}]\nrole_arn = {ROLE}{name}\nsource_profile = {source}\n"
        f"mfa_serial = {MFA}\n"
        for name, source in (("p", "b"), ("q", "p"), ("r", "b"))
    )
    profiles = aws(roles + USER)
    found = served(profiles, NO_MACHINE)
    whom = sorted(one.profiles for one in found.values())
    assert whom == [("p", "q"), ("p", "q", "r", "b"), ("q",), ("r",)]
    assert {one.source for one in found.values()} == {"b"}
