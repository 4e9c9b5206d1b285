"""The difference that a person is shown: as diff -u, and without a secret."""

from __future__ import annotations

import difflib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sts_plugin.cli.diffs import holds_secret, unified
from sts_plugin.cli.look import Look

KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
PLAIN = Look(colours=False, width=None, lines=True)


def shown(*pairs, look=PLAIN):
    return list(unified("config", pairs, look))


def same(text):
    return (text, text)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(["same", "changed", "gone", "new"]),
        min_size=1,
        max_size=40,
    )
)
def test_it_can_be_applied_as_one_of_diff(kinds):
    pairs = []
    for number, kind in enumerate(kinds):
        line = f"line {number}"
        pairs.append(
            {
                "same": (line, line),
                "changed": (line, f"{line} new"),
                "gone": (line, None),
                "new": (None, line),
            }[kind]
        )
    were = [was for was, _ in pairs if was is not None]
    are = [now for _, now in pairs if now is not None]
    theirs = list(difflib.unified_diff(were, are, "config", "config", lineterm=""))
    ours = shown(*pairs)
    assert applied(were, ours) == are
    if theirs:
        # The same lines come and go, whatever it chose to match.
        assert ours[:2] == theirs[:2]


def applied(lines, diff):
    """What patch makes of it."""
    out, at = [], 0
    for one in diff[2:]:
        if one.startswith("@@"):
            start, _, count = one.split()[1][1:].partition(",")
            start = int(start) - (1 if int(count) else 0)
            out += lines[at:start]
            at = start
        elif one[0] == "+":
            out.append(one[1:])
        else:
            assert lines[at] == one[1:]
            out += [lines[at]] if one[0] == " " else []
            at += 1
    return out + lines[at:]


def test_three_lines_around_a_change_are_shown_and_no_more():
    pairs = [same(str(number)) for number in range(20)]
    pairs[10] = ("10", "ten")
    assert shown(*pairs) == [
        "--- config",
        "+++ config",
        "@@ -8,7 +8,7 @@",
        *(f" {number}" for number in (7, 8, 9)),
        "-10",
        "+ten",
        *(f" {number}" for number in (11, 12, 13)),
    ]


def test_a_file_that_is_new():
    assert shown((None, "[a]"), (None, "x = 1"))[2:] == [
        "@@ -0,0 +1,2 @@",
        "+[a]",
        "+x = 1",
    ]


HIDDEN = {
    f"aws_secret_access_key = {KEY}": "aws_secret_access_key = ***",
    f"AWS_SESSION_TOKEN:{KEY}": "AWS_SESSION_TOKEN:***",
    f"#aws_secret_access_key={KEY}": "#aws_secret_access_key=***",
    f"; old: {KEY}": "; old: ***",
    "my_password = x": "my_password = ***",
    "endpoint_url = https://me:pw@sts": "endpoint_url = https://sts",
    "# otpauth://totp/a?secret=JBSWY3DP": "# otpauth://***",
    "# device: JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP": "# device: ***",
    "mfa_process = pass --key x": "mfa_process = pass ...",
    "  credential_process = vault -p x": "  credential_process = vault ...",
    "credential_process = /a/sts-plugin-vault -p x": (
        "credential_process = /a/sts-plugin-vault ..."
    ),
    "    --password x": "    ...",
    "    vault x": "    ...",
    "    -p=x": "    ...",
}
OPEN = [
    "web_identity_token_file = /tmp/token",
    "sts_plugin_totp_file = /home/alice/seed",
    "session_tags = a=b",
    "role_arn = arn:aws:iam::222222222222:role/Abcdefghijklmnopqrstuvwxyzabcdefghi12",
    "credential_process = sts-plugin credential-process --profile x",
    "credential_process = '/a b/python' -m sts_plugin credential-process --profile x",
    "aws_access_key_id = AKIAIOSFODNN7EXAMPLE",
    "# the token: see the wiki",
    "    # of alice",
    "    max_concurrent_requests = 20",
    "role_arn = arn:aws:iam::222222222222:role/ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "# 0123456789abcdef0123456789abcdef01234567",
]


@pytest.mark.parametrize("line", HIDDEN)
def test_a_secret_in_any_line_is_masked(line):
    found = shown(same(line), (line, None), (None, line))
    assert found[3:] == [f"{mark}{HIDDEN[line]}" for mark in " -+"]


@pytest.mark.parametrize("line", OPEN)
def test_what_is_none_is_shown(line):
    assert shown((None, line))[-1] == f"+{line}"
    assert not holds_secret(line)


def test_which_files_hold_a_secret():
    secrets = [line for line in HIDDEN if not HIDDEN[line].endswith("...")]
    for line in secrets:
        assert holds_secret(f"[a]\r\n{line}\r\n")
    # The options of a command are no secret that a copy would spread.
    assert not holds_secret("mfa_process = pass --key x")


def test_there_are_colours_on_a_terminal_and_no_escapes_of_others():
    look = Look(colours=True, width=80, lines=True)
    found = shown(("a\x1b[2J\tb", None), (None, "c"), look=look)
    assert found[2] == "\x1b[2m@@ -1,1 +1,1 @@\x1b[0m"
    assert found[3].startswith("\x1b[31m-a?[2J")
    assert "\t" not in found[3]
    assert found[4] == "\x1b[32m+c\x1b[0m"
