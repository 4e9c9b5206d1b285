"""Access keys in the keychain: kept, used, listed and removed by the executable."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from keychains import Chain
from keys_tools import places_of

NO_KEYCHAIN = {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
OUR_LINE = "sts_plugin_keychain = yes"
ID_ASKED = "Access key id of profile alice: "
SECRET_ASKED = "(it is not shown): "
QUESTION = "Type yes to remove it: "


@pytest.fixture
def chain(tmp_path):
    return Chain(tmp_path / "keychain")


@pytest.fixture
def environ(environ, chain):
    return environ | chain.environ


@pytest.fixture
def alice(sandbox):
    return sandbox.organisation.user("alice")


@pytest.fixture
def credentials(sandbox):
    return sandbox.folder / "credentials"


@pytest.fixture
def config(sandbox):
    """Let alice be without a device, and her keys be in the keychain."""

    def write(more="", line=OUR_LINE):
        text = f"[profile alice]\nregion = us-east-1\n{line}\n{more}"
        (sandbox.folder / "config").write_text(text)

    write()
    return write


@pytest.fixture
def import_it(program):
    """Take alice's key out of the file and into the keychain."""

    def run(*arguments, **options):
        return program(
            "keys",
            "add",
            "--profile",
            "alice",
            "--import",
            "--remove-from-file",
            *arguments,
            **options,
        )

    return run


@pytest.fixture
def kept(config, import_it, alice):
    """Alice's key is in the keychain, and in no file any more."""
    done = import_it()
    assert done.returncode == 0, done.stderr
    return alice


# --- Use ---


def test_the_keys_themselves_are_handed_out_as_long_term_ones(program, kept):
    assert program.document("alice") == {
        "Version": 1,
        "AccessKeyId": kept.access_key_id,
        "SecretAccessKey": kept.secret_access_key,
    }


def test_they_get_the_mfa_session_that_roles_stand_on(
    program, terminal, sandbox, config, kept
):
    serial = kept.mfa_serial
    config(
        f"mfa_serial = {serial}\n"
        "[profile audit]\nrole_arn = arn:aws:iam::222222222222:role/Audit\n"
        f"source_profile = alice\nmfa_serial = {serial}\n"
    )
    one = terminal("sts-plugin credential-process --profile alice")
    one.answer(sandbox.code())
    status, out, _ = one.end()
    assert status == 0
    assert json.loads(out)["SessionToken"]
    assert program.document("audit")["SessionToken"]  # nobody is asked again
    assert sandbox.journal.count("GetSessionToken") == 1


def test_a_session_stays_when_the_key_moves_into_the_keychain(
    logged_in, program, terminal, chain, import_it
):
    with (logged_in.folder / "config").open("a") as file:
        file.write("\n[profile x]\n")
    text = (logged_in.folder / "config").read_text()
    text = text.replace("[profile alice]", f"[profile alice]\n{OUR_LINE}")
    (logged_in.folder / "config").write_text(text)
    done = import_it()
    assert done.returncode == 0
    logged_in.journal.clear()
    assert program.document("jump")["SessionToken"]
    assert logged_in.journal.count("GetSessionToken") == 0


def test_its_own_process_may_stand_in_the_profile(program, config, kept):
    line = "credential_process = sts-plugin credential-process --profile alice\n"
    config(line)
    assert program.document("alice")["AccessKeyId"] == kept.access_key_id


def test_explain_and_list_do_not_ask_the_keychain(program, kept, chain, sandbox):
    before = chain.calls
    done = program("explain", "--profile", "alice")
    assert f"keychain keys {kept.access_key_id} of [alice]" in done.stdout
    assert f"{sandbox.folder}/config:3" in done.stdout
    facts = json.loads(program("explain", "--profile", "alice", "--json").stdout)
    assert facts["hops"][0]["kind"] == "keychain"
    assert facts["hops"][0]["access_key_id"] == kept.access_key_id
    assert program("keys", "list").returncode == 0
    assert chain.calls == before


def test_keys_beside_it_in_a_file_do_not_count_and_explain_says_so(
    program, kept, credentials, sandbox
):
    bob = sandbox.organisation.user("bob")
    with credentials.open("a") as file:
        file.write(
            f"[alice ]\naws_access_key_id = {bob.access_key_id}\n"
            f"aws_secret_access_key = {bob.secret_access_key}\n".replace(
                "[alice ]", "[other]"
            )
        )
    text = credentials.read_text()
    credentials.write_text(
        text.replace("[alice]", "[gone]").replace("[other]", "[alice]")
    )
    assert program.document("alice")["AccessKeyId"] == kept.access_key_id
    out = program("explain", "--profile", "alice").stdout
    assert f"still holds the access key {bob.access_key_id}" in out


def test_a_profile_without_a_record_names_the_command(program, config, sandbox):
    done = program("credential-process", "--profile", "alice")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == (
        f"sts-plugin: {sandbox.folder}/config:3: {OUR_LINE}: no access key of profile"
        ' "alice" is kept in the OS keychain (sts-plugin keys add --profile alice)\n'
    )


@pytest.mark.parametrize(
    ("mode", "code", "words"),
    [
        ("locked", 4, "the OS keychain is locked"),
        ("odd", 3, "the OS keychain does not work"),
    ],
)
def test_a_keychain_in_trouble_is_told_in_a_line(program, kept, mode, code, words):
    done = program(
        "credential-process",
        "--profile",
        "alice",
        environ={"STANDIN_KEYCHAIN_MODE": mode},
    )
    assert (done.returncode, done.stdout) == (code, "")
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert kept.secret_access_key not in done.stderr


def test_a_key_that_the_keychain_lost_or_swapped_is_not_used(program, kept, chain):
    [(name, item)] = chain.content.items()
    found = json.loads(item) | {"AccessKeyId": "AKIAANOTHERONEEEEEEE"}
    for content in ({}, {name: json.dumps(found)}, {name: "no JSON"}):
        chain.file.write_text(json.dumps(content))
        done = program("credential-process", "--profile", "alice")
        assert (done.returncode, done.stdout) == (3, "")
        assert f"{kept.access_key_id} of profile" in done.stderr
        assert "keys add --replace --profile alice" in done.stderr


IN_PROCESS = """
import boto3, botocore.session, sts_plugin
for session in (
    sts_plugin.register(botocore.session.Session(profile="alice")),
    sts_plugin.register(boto3.Session(profile_name="alice")),
):
    found = session.get_credentials().get_frozen_credentials()
    client = getattr(session, "create_client", None) or session.client
    print(found.access_key, found.token, client("sts").get_caller_identity()["Arn"])
"""


def test_a_python_program_takes_it_in_process(environ, kept, credentials, sandbox):
    # Whatever stands in a file beside it.
    bob = sandbox.organisation.user("bob")
    credentials.write_text(
        f"[alice]\naws_access_key_id = {bob.access_key_id}\n"
        f"aws_secret_access_key = {bob.secret_access_key}\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", IN_PROCESS],
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    line = f"{kept.access_key_id} None {kept.arn}\n"
    assert (done.stdout, done.stderr) == (line * 2, "")


# --- add ---


def test_a_key_is_typed_and_its_secret_is_not_shown(
    terminal, config, alice, chain, sandbox, program, credentials
):
    credentials.write_text("")
    one = terminal("sts-plugin keys add --profile alice")
    one.child.expect_exact(ID_ASKED)
    one.child.sendline(alice.access_key_id)
    one.child.expect_exact(SECRET_ASKED)
    assert not one.child.getecho()
    one.child.sendline(alice.secret_access_key)
    status, out, err = one.end()
    assert status == 0
    assert one.echoes
    assert out == f"{alice.access_key_id} is kept in the OS keychain (stand-in)\n"
    assert err == f"sts-plugin: {alice.access_key_id} is of {alice.arn}\n"
    assert alice.secret_access_key not in one.screen
    assert chain.keys == {alice.access_key_id: alice.secret_access_key}
    secret = alice.secret_access_key
    assert places_of(secret, sandbox.folder.parent, but=chain.file) == []
    assert program.document("alice")["AccessKeyId"] == alice.access_key_id


def test_a_secret_in_the_wrong_place_is_not_repeated(terminal, config, alice, chain):
    one = terminal("sts-plugin keys add --profile alice")
    one.child.expect_exact(ID_ASKED)
    one.child.sendline(alice.secret_access_key)
    status, out, err = one.end()
    assert (status, out) == (3, "")
    assert "what was typed is no access key id" in err
    assert alice.secret_access_key not in err
    assert chain.content == {}
    done_ = terminal(f"sts-plugin keys add --profile alice '{alice.secret_access_key}'")
    status, _, err = done_.end()
    assert status == 2
    assert "a secret access key is no argument" in err
    assert alice.secret_access_key not in err


def test_without_a_terminal_nobody_is_asked_and_the_way_is_told(program, config):
    done = program("keys", "add", "--profile", "alice")
    assert (done.returncode, done.stdout) == (4, "")
    assert "nobody can be asked for the access key" in done.stderr
    assert "--import" in done.stderr


def test_a_key_that_aws_does_not_know_is_not_kept(
    program, config, sandbox, chain, alice
):
    sandbox.revoke(alice.access_key_id)
    done = program("keys", "add", "--profile", "alice", "--import")
    assert (done.returncode, done.stdout) == (5, "")
    assert "--no-verify" in done.stderr
    assert chain.content == {}
    assert json.loads(program("keys", "list", "--json").stdout) == []
    done = program("keys", "add", "--profile", "alice", "--import", "--no-verify")
    assert done.returncode == 0
    assert alice.access_key_id in chain.keys


def test_a_second_key_needs_to_be_said(program, kept, credentials, sandbox, chain):
    bob = sandbox.organisation.user("bob")
    credentials.write_text(
        f"[alice]\naws_access_key_id={bob.access_key_id}\n"
        f"aws_secret_access_key={bob.secret_access_key}\n"
    )
    arguments = ("keys", "add", "--profile", "alice", "--import")
    done = program(*arguments)
    assert done.returncode == 3
    assert f"{kept.access_key_id} of profile" in done.stderr
    assert "add --replace" in done.stderr
    assert kept.access_key_id in chain.keys
    done = program(*arguments, "--replace")
    assert done.returncode == 0
    assert f"{kept.access_key_id} still is active at AWS" in done.stderr
    assert chain.keys == {bob.access_key_id: bob.secret_access_key}
    assert program.document("alice")["AccessKeyId"] == bob.access_key_id


@pytest.mark.parametrize("mode", ["full", "forgetful", "locked", "odd"])
def test_what_the_keychain_does_not_take_stays_in_the_file(
    program, config, credentials, alice, mode, import_it
):
    before = credentials.read_bytes()
    done = import_it(environ={"STANDIN_KEYCHAIN_MODE": mode})
    assert done.returncode in {3, 4}
    assert done.stdout == ""
    assert alice.secret_access_key not in done.stderr
    assert credentials.read_bytes() == before
    assert json.loads(program("keys", "list", "--json").stdout) == []


def test_without_a_keychain_nobody_types_in_vain(terminal, config, credentials):
    one = terminal("sts-plugin keys add --profile alice", **NO_KEYCHAIN)
    status, out, err = one.end()
    assert (status, out) == (3, "")
    assert "there is no OS keychain" in err
    assert ID_ASKED not in one.screen


def test_the_line_for_the_config_is_told_where_it_is_missing(program, config, sandbox):
    config(line="")
    done = program("keys", "add", "--profile", "alice", "--import")
    assert (
        f"to use it, write below [profile alice] in {sandbox.folder}/config: {OUR_LINE}"
    ) in done.stderr
    [row] = json.loads(program("keys", "list", "--json").stdout)
    assert row["notes"] == [f"not used: the profile does not say {OUR_LINE}"]


# --- Out of the file ---


def test_two_lines_leave_the_file_and_nothing_else_does(import_it, credentials, alice):
    rest = "# one\r\n[alice] ; two\r\n; three\r\n{}# four\r\n{}\r\n[bob]\r\nx=y"
    lines = (
        f"aws_access_key_id = {alice.access_key_id}\r\n",
        f"aws_secret_access_key = {alice.secret_access_key}\r\n",
    )
    credentials.write_bytes(rest.format(*lines).encode())
    credentials.chmod(0o640)
    assert import_it().returncode == 0
    assert credentials.read_bytes().decode() == rest.format("", "")
    assert stat.S_IMODE(credentials.stat().st_mode) == 0o640
    names = {one.name for one in credentials.parent.iterdir()}
    assert {name for name in names if "cred" in name} == {"credentials"}


def test_a_key_in_the_config_file_can_leave_too(
    program, sandbox, alice, credentials, import_it
):
    credentials.write_text("")
    config = sandbox.folder / "config"
    config.write_text(
        f"[profile alice]\n{OUR_LINE}\naws_access_key_id = {alice.access_key_id}\n"
        f"aws_secret_access_key = {alice.secret_access_key}\nregion = us-east-1\n"
    )
    done = import_it()
    assert done.returncode == 0
    assert config.read_text() == f"[profile alice]\n{OUR_LINE}\nregion = us-east-1\n"


def test_a_link_stays_and_what_it_leads_to_changes(
    program, config, credentials, tmp_path, alice, import_it
):
    real = tmp_path / "dotfiles" / "aws"
    real.parent.mkdir()
    shutil.move(credentials, real)
    credentials.symlink_to(real)
    done = import_it()
    assert done.returncode == 0
    assert credentials.readlink() == real
    assert alice.secret_access_key not in real.read_text()
    assert "[bob]" in real.read_text()
    assert [one.name for one in real.parent.iterdir()] == ["aws"]


@pytest.mark.parametrize("trouble", ["read-only", "hard link"])
def test_a_file_that_cannot_be_replaced_is_left_and_told(
    program, config, credentials, tmp_path, alice, chain, trouble, import_it
):
    if trouble == "read-only":
        credentials.chmod(0o400)
    else:
        os.link(credentials, tmp_path / "second")
    before = credentials.read_bytes()
    done = import_it()
    assert done.returncode == 3
    assert "it still holds the access key" in done.stderr
    assert credentials.read_bytes() == before
    assert chain.keys == {alice.access_key_id: alice.secret_access_key}
    assert program.document("alice")["AccessKeyId"] == alice.access_key_id


def test_the_same_secret_elsewhere_in_the_file_is_told(
    program, config, credentials, alice, import_it
):
    with credentials.open("a") as file:
        file.write(f"# was {alice.secret_access_key}\n")
    count = len(credentials.read_text().splitlines())
    done = import_it()
    assert done.returncode == 0
    assert f"holds the same secret elsewhere: line {count - 2}" in done.stderr
    assert alice.secret_access_key not in done.stderr


@pytest.mark.parametrize(
    ("answer", "gone"), [("yes", True), ("no", False), ("", False), ("\x03", False)]
)
def test_whether_the_file_is_to_forget_it_is_asked(
    terminal, config, credentials, alice, chain, answer, gone
):
    before = credentials.read_bytes()
    one = terminal("sts-plugin keys add --profile alice --import")
    one.child.expect_exact(f"Remove {alice.access_key_id} from {credentials}?")
    one.child.expect_exact(QUESTION)
    # It is safe before anybody is asked.
    assert chain.keys == {alice.access_key_id: alice.secret_access_key}
    if answer == "\x03":
        one.child.sendintr()
    else:
        one.child.sendline(answer)
    status, out, err = one.end()
    assert status == (130 if answer == "\x03" else 0)
    assert (alice.secret_access_key not in credentials.read_text()) is gone
    assert (credentials.read_bytes() == before) is not gone
    assert alice.secret_access_key not in one.screen + out + err
    if not gone and answer != "\x03":
        assert f"{credentials} still holds the key" in err


def test_without_a_terminal_the_file_is_left_and_that_is_said(
    program, config, credentials
):
    before = credentials.read_bytes()
    done = program("keys", "add", "--profile", "alice", "--import")
    assert done.returncode == 0
    assert f"{credentials} still holds the key" in done.stderr
    assert "--remove-from-file" in done.stderr
    assert credentials.read_bytes() == before


def test_a_file_that_changed_while_somebody_was_asked_is_left(
    terminal, config, credentials
):
    one = terminal("sts-plugin keys add --profile alice --import")
    one.child.expect_exact(QUESTION)
    text = credentials.read_text().replace("[alice]", "[alice]\n# a new comment")
    credentials.write_text(text)
    one.child.sendline("yes")
    status, _, err = one.end()
    assert status == 3
    assert "was changed meanwhile; it still holds the access key" in err
    assert credentials.read_text() == text


def test_temporary_keys_are_not_kept(program, config, credentials, chain):
    text = credentials.read_text()
    credentials.write_text(text.replace("[alice]", "[alice]\naws_session_token = x"))
    done = program("keys", "add", "--profile", "alice", "--import", "--no-verify")
    assert done.returncode == 3
    assert "temporary" in done.stderr
    assert chain.content == {}


# --- list and remove ---


def test_the_list_says_what_is_not_as_it_should_be(program, kept, chain, config):
    done = program("keys", "list", "--check")
    head, row = done.stdout.splitlines()
    assert head.split("  ")[0] == "PROFILE"
    assert row.split()[:2] == ["alice", kept.access_key_id]
    assert row.split()[3] == "there"
    chain.file.write_text("{}")
    [row] = json.loads(program("keys", "list", "--json", "--check").stdout)
    assert row["in_keychain"] is False
    done = program(
        "keys", "list", "--check", environ={"STANDIN_KEYCHAIN_MODE": "locked"}
    )
    assert "not known" in done.stdout
    assert "locked" in done.stderr


def test_a_key_of_a_profile_that_is_gone_is_marked(program, kept, sandbox):
    (sandbox.folder / "config").write_text("")
    (sandbox.folder / "credentials").write_text("")
    assert "there is no such profile" in program("keys", "list").stdout


def test_a_key_is_removed_from_the_keychain_and_not_from_aws(program, kept, chain):
    done = program("keys", "remove", "--profile", "alice")
    assert done.returncode == 4
    assert "nobody can be asked" in done.stderr
    assert chain.keys
    done = program("keys", "remove", "--profile", "alice", "--yes")
    assert done.returncode == 0
    assert chain.content == {}
    assert f"{kept.access_key_id} still is active at AWS" in done.stderr
    assert program("keys", "list").stdout == "no access key is kept\n"
    assert program("keys", "remove", "--profile", "alice").returncode == 3


def test_a_removal_is_asked_about(terminal, kept, chain):
    one = terminal("sts-plugin keys remove --profile alice")
    one.child.expect_exact("It may be the only copy of its secret")
    one.child.expect_exact(QUESTION)
    one.child.sendline("no")
    status, _, err = one.end()
    assert status == 4
    assert "that was not yes: the key stays" in err
    assert kept.access_key_id in chain.keys


def test_a_locked_keychain_keeps_the_record_with_the_key(program, kept, chain):
    done = program(
        "keys",
        "remove",
        "--profile",
        "alice",
        "--yes",
        environ={"STANDIN_KEYCHAIN_MODE": "locked"},
    )
    assert done.returncode == 4
    assert program.document("alice")["AccessKeyId"] == kept.access_key_id


@pytest.mark.skipif(
    not Path("/proc/self/cmdline").exists(), reason="needs /proc, to see all arguments"
)
def test_no_argument_and_no_child_ever_sees_the_secret(program, config, alice, chain):
    process = program.start("keys", "add", "--profile", "alice", "--import")
    seen = set()
    while process.poll() is None:
        for file in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):  # it has ended
                seen.add(file.read_bytes())
        time.sleep(0.01)
    out, err = process.communicate()
    assert process.returncode == 0
    assert chain.keys
    secret = alice.secret_access_key.encode()
    assert not any(secret in one for one in (*seen, out, err))
