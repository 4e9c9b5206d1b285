"""The seeds of MFA devices: kept, used, listed and removed by the executable."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import time
from pathlib import Path

import pytest
from keychains import Chain

from sts_plugin.store import DiskStore

ALICE = "arn:aws:iam::111111111111:mfa/alice"
ASKED = "(it is not shown): "
NO_KEYCHAIN = {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}


@pytest.fixture
def environ(environ):
    # Whatever keychain this machine has is not ours to touch.
    return environ | NO_KEYCHAIN


@pytest.fixture
def seed(sandbox):
    return sandbox.organisation.user("alice").totp_seed


@pytest.fixture
def data(sandbox):
    return sandbox.folder / "data"


@pytest.fixture
def chain(tmp_path):
    return Chain(tmp_path / "keychain")


@pytest.fixture
def enrol(program, seed, tmp_path):
    """Keep alice's seed, and do not wait for the second code."""

    def run(*arguments, text=None, environ=None, code=-signal.SIGINT):
        process = subprocess.Popen(
            [program.path, "mfa", "add", "--from", "-", *arguments],
            # A cache of its own: a test is to have the codes of this minute.
            env=program.environ
            | {"STS_PLUGIN_CACHE_DIR": str(tmp_path / "other-cache")}
            | (environ or {}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        with process:
            process.stdin.write(seed if text is None else text)
            process.stdin.close()
            first = process.stdout.readline()
            if first:
                process.send_signal(signal.SIGINT)
            err = process.stderr.read()
            # 0 where the device's next step came before the signal.
            ends = {0, 130, -signal.SIGINT} if first else range(2, 9)
            assert process.wait(60) in ends
        assert seed not in first + err
        return first, err

    return run


def modes(folder):
    return {path.stat().st_mode & 0o777 for path in (folder, *folder.iterdir())}


# --- add ---


def test_a_seed_is_typed_unseen_and_kept_in_a_file(terminal, seed, data):
    one = terminal("sts-plugin mfa add --profile alice")
    one.child.expect_exact(f"Seed of {ALICE}")
    one.child.expect_exact(ASKED)
    assert not one.child.getecho()
    one.child.sendline(
        " ".join(seed[i : i + 4] for i in range(0, len(seed), 4)).lower()
    )
    one.child.expect_exact("waiting for the next code")
    one.child.sendintr()
    status, out, err = one.end()
    assert status == 130
    assert one.echoes
    assert re.fullmatch(r"first code:  \d{6}\n", out)
    assert f"the seed of {ALICE} is kept in a file that only you can read" in err
    assert "there is no OS keychain" in err
    assert "aws iam enable-mfa-device" in err
    for start in range(0, len(seed), 4):
        assert seed[start : start + 8] not in one.screen + out + err
    [file] = data.iterdir()
    assert json.loads(file.read_text())["seed"] == seed
    assert "alice" not in file.name


def test_two_codes_in_a_row_are_shown_as_iam_wants_them(program, sandbox, seed):
    began = time.time()
    done = subprocess.run(  # the one test that waits for the next step
        [program.path, "mfa", "add", "--serial", ALICE, "--from", "-"],
        env=program.environ,
        input=f"otpauth://totp/AWS:alice?secret={seed}",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        start_new_session=True,
    )
    assert done.returncode == 0
    first, second = re.findall(r"\d{6}", done.stdout)
    assert done.stdout == f"first code:  {first}\nsecond code: {second}\n"
    steps = range(int(began) // 30, int(began) // 30 + 3)
    pairs = {(sandbox.code(at=30 * n), sandbox.code(at=30 * n + 30)) for n in steps}
    assert (first, second) in pairs
    assert time.time() // 30 * 30 > began  # the second one is of its own time
    assert seed not in done.stderr


def test_neither_code_of_the_pair_is_sent_by_a_login(enrol, sandbox, terminal):
    cache = str(sandbox.folder / "cache")
    first, _ = enrol("--profile", "alice", environ={"STS_PLUGIN_CACHE_DIR": cache})
    code = first.split()[-1]
    moments = [time.time() + 30 * n for n in range(-2, 2)]
    [n] = [n for n in range(3) if sandbox.code(at=moments[n]) == code]
    one = terminal("sts-plugin login --profile alice", STS_PLUGIN_MFA_PROMPT="terminal")
    one.answer(code)
    one.child.expect_exact("That code was used before.")
    one.answer(sandbox.code(at=moments[n + 1]))
    one.child.expect_exact("That code was used before.")
    one.child.sendintr()
    one.end()
    assert sandbox.journal.calls() == ()


def test_a_login_takes_its_code_from_the_seed(enrol, sandbox, program):
    enrol("--profile", "alice")
    done = program("login", "--profile", "alice")
    assert done.returncode == 0
    assert sandbox.journal.count("GetSessionToken") == 1
    assert program.document("audit")["Version"] == 1


def test_what_is_cached_may_go_and_the_seed_stays(enrol, sandbox, program, data):
    enrol("--profile", "alice")
    assert program("logout", "--all").returncode == 0
    subprocess.run(["rm", "-rf", sandbox.folder / "cache"], check=True)
    assert program("login", "--profile", "alice").returncode == 0
    assert len(list(data.iterdir())) == 1


@pytest.mark.parametrize("umask", ["0", "0777"])
def test_nobody_else_can_read_it_whatever_the_umask(terminal, seed, data, umask):
    one = terminal(f"umask {umask}; sts-plugin mfa add --profile alice")
    one.child.expect_exact(ASKED)
    one.child.sendline(seed)
    one.child.expect_exact("waiting for the next code")
    one.child.sendintr()
    one.end()
    assert modes(data) == {0o700, 0o600}


def test_a_seed_is_kept_in_the_keychain_where_there_is_one(
    enrol, chain, program, seed, data
):
    _, err = enrol("--profile", "alice", environ=chain.environ)
    assert "is kept in the OS keychain (stand-in)" in err
    assert chain.content == {f"sts-plugin {ALICE}": seed}
    [file] = data.iterdir()
    assert seed not in file.read_text()
    assert program("login", "--profile", "alice", environ=chain.environ).returncode == 0


def test_a_file_can_be_asked_for_where_there_is_a_keychain(enrol, chain, data):
    _, err = enrol("--profile", "alice", "--file", environ=chain.environ)
    assert "is kept in a file" in err
    assert chain.calls == []
    assert len(list(data.iterdir())) == 1


def test_a_keychain_that_is_asked_for_must_be_there(enrol, data):
    first, err = enrol("--profile", "alice", "--keychain")
    assert first == ""
    assert err.startswith("sts-plugin: there is no OS keychain")
    assert len(err.splitlines()) == 1
    assert not data.exists()


@pytest.mark.parametrize("mode", ["locked", "odd", "full", "forgetful"])
def test_a_keychain_that_does_not_work_is_told_in_a_line(enrol, chain, mode):
    chain.file.write_text("{}")
    first, err = enrol("--profile", "alice", environ=chain.environ_of(mode))
    assert first == ""
    assert "the OS keychain" in err
    assert len(err.splitlines()) == 1


def test_a_seed_is_not_overwritten_unless_that_is_said(enrol, program, data, seed):
    enrol("--profile", "alice")
    [file] = data.iterdir()
    before = file.read_text()
    first, err = enrol("--profile", "audit", text="A" * 64)
    assert (first, file.read_text()) == ("", before)
    assert "is kept already" in err
    assert "--replace" in err
    enrol("--profile", "audit", "--replace", text="A" * 64)
    assert json.loads(file.read_text())["seed"] == "A" * 64


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "stdin is empty"),
        ("{seed}1", "stdin does not hold a base32 seed"),
        ("otpauth://totp/x?secret={seed}&digits=8", "stdin is for codes of 8 digits"),
        ("otpauth://hotp/x?secret={seed}", "stdin is for codes by a counter"),
    ],
)
def test_what_is_no_seed_is_told_and_not_kept(enrol, seed, data, text, why):
    first, err = enrol("--profile", "alice", text=text.replace("{seed}", seed))
    assert first == ""
    assert err.startswith(f"sts-plugin: {why}")
    assert len(err.splitlines()) == 1
    assert not data.exists()


def test_a_mistyped_seed_is_told_and_not_shown(terminal, seed, data):
    one = terminal("sts-plugin mfa add --profile alice")
    one.child.expect_exact(ASKED)
    one.child.sendline(f"{seed}1")
    status, out, err = one.end()
    assert (status, out) == (3, "")
    assert "what was typed does not hold a base32 seed" in err
    assert seed not in one.screen + err
    assert one.echoes
    assert not data.exists()


def test_ctrl_c_at_the_seed_leaves_nothing_behind(terminal, data):
    one = terminal("sts-plugin mfa add --profile alice")
    one.child.expect_exact(ASKED)
    one.child.send("half of it")
    one.child.sendintr()
    status, out, _ = one.end()
    assert (status, out) == (130, "")
    assert one.echoes
    assert "half" not in one.screen
    assert not data.exists()


def test_ctrl_d_at_the_seed_is_a_no(terminal, data):
    one = terminal("sts-plugin mfa add --profile alice")
    one.child.expect_exact(ASKED)
    one.child.sendeof()
    status, _, err = one.end()
    assert status == 4
    assert "no seed was typed" in err
    assert not data.exists()


def test_without_a_terminal_another_way_is_named(program):
    done = program("mfa", "add", "--profile", "alice")
    assert (done.returncode, done.stdout) == (4, "")
    assert "there is no terminal" in done.stderr
    assert "--from" in done.stderr


def test_a_seed_comes_from_a_text_file(terminal, seed, data, tmp_path):
    path = tmp_path / "a file"
    path.write_text(f"{seed}\n")
    one = terminal(
        f"sts-plugin mfa add --profile alice --from {shlex.quote(str(path))}"
    )
    one.child.expect_exact("waiting for the next code")
    one.child.sendintr()
    _, _, err = one.end()
    assert f"{path} still holds it" in err
    assert len(list(data.iterdir())) == 1


def test_a_seed_comes_from_a_picture(terminal, seed, data, tmp_path):
    zxingcpp = pytest.importorskip("zxingcpp")
    image = pytest.importorskip("PIL.Image")
    uri = f"otpauth://totp/AWS:alice@work?secret={seed}&issuer=AWS"
    made = zxingcpp.create_barcode(uri, zxingcpp.barcode_format_from_str("QRCode"))
    bits = made.to_image(scale=4)
    height, width = bits.shape
    path = tmp_path / "qr.png"
    image.frombytes("L", (width, height), bytes(bits)).save(path)
    one = terminal(f"sts-plugin mfa add --profile alice --from {path}")
    one.child.expect_exact("waiting for the next code")
    one.child.sendintr()
    one.end()
    [file] = data.iterdir()
    assert json.loads(file.read_text())["seed"] == seed


def test_a_seed_comes_from_a_command_by_a_pipe(terminal, seed, data, tmp_path):
    path = tmp_path / "seed"
    path.write_text(seed)
    one = terminal(
        f"mkfifo {path}2; cat {path} >{path}2 & "
        f"sts-plugin mfa add --profile alice --from {path}2"
    )
    one.child.expect_exact("waiting for the next code")
    one.child.sendintr()
    assert "still holds it" not in one.end()[2]
    assert len(list(data.iterdir())) == 1


@pytest.mark.parametrize("source", ["- </dev/tty", "/dev/tty"])
def test_a_terminal_is_not_read_where_it_would_show_the_seed(terminal, source):
    one = terminal(f"sts-plugin mfa add --profile alice --from {source}")
    status, _, err = one.end()
    assert status == 3
    assert "is a terminal" in err
    assert "leave --from out" in err


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("/does/not/exist", "No such file"),
        ("/", "Is a directory"),
        ("/dev/null", "is empty"),
        ("/dev/zero", "has more than 16777216 bytes"),
    ],
)
def test_a_file_that_is_no_use_is_told_in_a_line(program, source, why):
    done = program("mfa", "add", "--profile", "alice", "--from", source)
    assert (done.returncode, done.stdout) == (3, "")
    assert f"{source}" in done.stderr
    assert why in done.stderr.splitlines()[-1]


def test_a_closed_stdin_is_told(program):
    done = subprocess.run(
        ["/bin/sh", "-c", f"{program.path} mfa add --profile alice --from - <&-"],
        env=program.environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 3
    assert "stdin is closed" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["{seed}"],
        ["--seed", "{seed}"],
        ["--seed={seed}"],
        ["--file={seed}"],
        ["--file", "{seed}"],
        ["--from", "x", "{seed}"],
    ],
)
@pytest.mark.parametrize("command", ["add", "code", "list", "remove"])
def test_a_seed_on_the_command_line_is_refused_and_not_repeated(
    program, seed, command, arguments, data
):
    said = [one.replace("{seed}", seed) for one in arguments]
    done = program("mfa", command, *said)
    assert (done.returncode, done.stdout) == (2, "")
    assert seed not in done.stderr
    assert not data.exists()


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--serial", ""], "is empty"),
        (["--serial", "arn:aws:iam::111111111111:u2f/user/a/b"], "FIDO security key"),
        (["--profile", "nobody"], 'profile "nobody" is not in'),
        (["--profile", "bob"], "asks for no MFA code"),
    ],
)
@pytest.mark.parametrize("command", ["add", "code", "remove"])
def test_a_device_without_codes_is_refused(program, command, arguments, why):
    done = program("mfa", command, *arguments)
    assert (done.returncode, done.stdout) == (3, "")
    assert why in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_profile_and_a_serial_are_not_named_at_once(program):
    assert program("mfa", "code", "--serial", ALICE, "--profile", "x").returncode == 2


def test_a_data_folder_that_others_can_enter_is_not_used(enrol, data):
    data.mkdir(mode=0o755)
    data.chmod(0o755)
    first, err = enrol("--profile", "alice")
    assert first == ""
    assert "the folder of MFA seeds cannot be used" in err
    assert f"chmod 700 {data}" in err
    assert "cache" not in err


# --- code ---


def test_a_code_is_printed_and_counts_as_used(enrol, sandbox, program, terminal):
    enrol("--profile", "alice")
    before = sandbox.code()
    done = program("mfa", "code", "--profile", "audit")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout in {f"{before}\n", f"{sandbox.code()}\n"}
    code = done.stdout.strip()
    one = terminal("sts-plugin login --profile alice", STS_PLUGIN_MFA_PROMPT="terminal")
    one.answer(code)
    one.child.expect_exact("That code was used before.")
    one.child.sendintr()
    one.end()
    assert sandbox.journal.calls() == ()


def test_a_printed_code_is_good(enrol, sandbox, program):
    enrol("--profile", "alice")
    other = {"STS_PLUGIN_CACHE_DIR": str(sandbox.folder / "cache2")}
    code = program("mfa", "code", "--serial", ALICE, environ=other).stdout.strip()
    done = program("login", "--profile", "alice", environ={"STS_PLUGIN_MFA_CODE": code})
    assert done.returncode == 0


def test_a_code_that_was_used_is_waited_past(enrol, sandbox, program):
    enrol("--profile", "alice")
    store = DiskStore(sandbox.folder / "cache")
    with store.lock(ALICE, lambda _holder: None):
        for n in range(4):
            store.record_code(ALICE, sandbox.code(at=time.time() + 30 * n))
    with program.start("mfa", "code", "--profile", "alice") as waiting:
        said = waiting.stderr.readline().decode()
        waiting.send_signal(signal.SIGINT)
        assert waiting.stdout.read() == b""
    assert f"this code of {ALICE} was used before; waiting for the next code" in said
    assert 59 < int(re.search(r"\((\d+) s\)", said)[1]) <= 120


def test_a_code_comes_from_the_file_of_the_profile(
    sandbox, program, write_config, chain
):
    config = (sandbox.folder / "config").read_text(encoding="utf-8")
    head = "[profile audit]\n"
    file = sandbox.folder / "alice.totp"
    write_config(config.replace(head, f"{head}sts_plugin_totp_file = {file}\n"))
    before = sandbox.code()
    done = program("mfa", "code", "--profile", "audit", environ=chain.environ)
    assert done.stdout.strip() in {before, sandbox.code()}
    assert chain.calls == []


def test_without_a_seed_there_is_no_code(program, chain):
    done = program("mfa", "code", "--profile", "alice", environ=chain.environ)
    assert (done.returncode, done.stdout) == (3, "")
    assert "no TOTP seed is kept for it" in done.stderr
    assert f"sts-plugin mfa add --serial {ALICE}" in done.stderr
    assert chain.calls == []


# --- The keychain at a login ---


def test_the_keychain_is_left_alone_for_a_device_that_was_never_enrolled(
    sandbox, terminal, chain
):
    one = terminal("sts-plugin login --profile alice", **chain.environ)
    one.answer(sandbox.code())
    assert one.end()[0] == 0
    assert chain.calls == []


@pytest.mark.parametrize(
    ("mode", "why"),
    [("locked", "is locked"), ("odd", "does not work: OSError")],
)
def test_a_keychain_that_does_not_work_leaves_it_to_a_person_who_is_told(
    enrol, sandbox, terminal, chain, seed, mode, why
):
    enrol("--profile", "alice", environ=chain.environ)
    one = terminal("sts-plugin login --profile alice", **chain.environ_of(mode))
    one.answer(sandbox.code())
    status, out, err = one.end()
    assert status == 0
    assert why in err
    assert seed not in out + err + one.screen


def test_a_keychain_that_hangs_is_not_waited_for_without_an_end(
    enrol, program, chain, sandbox
):
    enrol("--profile", "alice", environ=chain.environ)
    variables = chain.environ_of("hang") | {"STS_PLUGIN_PROMPT_SECONDS": "0.5"}
    done = program("login", "--profile", "alice", environ=variables)
    assert done.returncode == 4
    assert "the OS keychain did not answer" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert sandbox.journal.calls() == ()


# --- list and remove ---


def test_the_list_shows_what_is_kept_and_no_seed(enrol, program, chain, seed, data):
    empty = program("mfa", "list")
    assert (empty.returncode, empty.stdout) == (0, "no seed is kept\n")
    assert json.loads(program("mfa", "list", "--json").stdout) == []
    assert not data.exists()
    enrol("--profile", "alice", environ=chain.environ)
    enrol("--serial", "GAHT12345678", "--file", text="A" * 64)
    Path(f"{chain.file}.calls").unlink()
    listed = program("mfa", "list", environ=chain.environ)
    head, *rows = (re.split(r"\s{2,}", row) for row in listed.stdout.splitlines())
    assert head == ["DEVICE", "KEPT IN", "SINCE", "PROFILES"]
    assert [row[:2] for row in rows] == [["GAHT12345678", "file"], [ALICE, "keychain"]]
    assert {"alice", "audit"} <= set(rows[1][3].split(", "))
    assert len(rows[0]) == 3  # no profile
    as_json = program("mfa", "list", "--json", environ=chain.environ)
    found = json.loads(as_json.stdout)
    assert [one["serial"] for one in found] == ["GAHT12345678", ALICE]
    assert set(found[1]) == {"serial", "where", "added", "profiles"}
    assert found[0]["profiles"] == []
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", found[1]["added"])
    shown = listed.stdout + listed.stderr + as_json.stdout + as_json.stderr
    assert seed not in shown
    assert "A" * 20 not in shown
    assert chain.calls == []


def test_a_broken_config_does_not_hide_the_list(enrol, program, write_config):
    enrol("--profile", "alice")
    write_config("[profile alice\n")
    done = program("mfa", "list")
    assert done.returncode == 0
    assert ALICE in done.stdout
    assert len(done.stderr.splitlines()) == 1


def test_a_damaged_file_is_told_by_the_list_and_can_be_removed(enrol, program, data):
    enrol("--profile", "alice")
    [file] = data.iterdir()
    file.write_text("{}")
    done = program("mfa", "list")
    assert (done.returncode, done.stdout) == (0, "no seed is kept\n")
    assert f"{file} is damaged" in done.stderr
    login = program("login", "--profile", "alice")
    assert login.returncode == 3
    assert "is damaged" in login.stderr
    assert program("mfa", "remove", "--profile", "alice", "--yes").returncode == 0
    assert list(data.iterdir()) == []


def test_a_seed_is_removed_when_somebody_says_yes(enrol, terminal, chain, data):
    enrol("--profile", "alice", environ=chain.environ)
    one = terminal("sts-plugin mfa remove --profile audit", **chain.environ)
    one.child.expect_exact(f"Remove the seed of {ALICE} from the OS keychain?")
    one.child.expect_exact("only copy")
    one.child.expect_exact("Type yes to remove it: ")
    one.child.sendline("yes")
    status, out, err = one.end()
    assert (status, err) == (0, "")
    assert out == f"the seed of {ALICE} is removed\n"
    assert chain.content == {}
    assert list(data.iterdir()) == []


@pytest.mark.parametrize("answer", ["no", "", "y", "yesterday"])
def test_anything_but_yes_leaves_the_seed(enrol, terminal, data, answer):
    enrol("--profile", "alice")
    one = terminal("sts-plugin mfa remove --profile alice")
    one.child.expect_exact("from its file?")
    one.child.expect_exact("Type yes to remove it: ")
    one.child.sendline(answer)
    status, out, err = one.end()
    assert (status, out) == (4, "")
    assert "the seed stays" in err
    assert len(list(data.iterdir())) == 1


@pytest.mark.parametrize("how", ["sendeof", "sendintr"])
def test_no_answer_leaves_the_seed(enrol, terminal, data, how):
    enrol("--profile", "alice")
    one = terminal("sts-plugin mfa remove --profile alice")
    one.child.expect_exact("Type yes to remove it: ")
    getattr(one.child, how)()
    assert one.end()[0] == {"sendeof": 4, "sendintr": 130}[how]
    assert len(list(data.iterdir())) == 1


def test_nobody_answering_leaves_the_seed(enrol, terminal, data):
    enrol("--profile", "alice")
    one = terminal(
        "sts-plugin mfa remove --profile alice", STS_PLUGIN_PROMPT_SECONDS="0.3"
    )
    status, _, err = one.end()
    assert status == 4
    assert "nobody answered: the seed stays" in err
    assert len(list(data.iterdir())) == 1


def test_without_a_terminal_nothing_is_removed_unless_that_is_said(
    enrol, program, data
):
    enrol("--profile", "alice")
    done = program("mfa", "remove", "--profile", "alice")
    assert (done.returncode, done.stdout) == (4, "")
    assert "there is no terminal" in done.stderr
    assert "--yes" in done.stderr
    assert len(list(data.iterdir())) == 1
    assert program("mfa", "remove", "--profile", "alice", "--yes").returncode == 0
    assert list(data.iterdir()) == []
    again = program("mfa", "remove", "--profile", "alice", "--yes")
    assert again.returncode == 3
    assert f"no seed of {ALICE} is kept" in again.stderr


def test_a_keychain_that_is_locked_keeps_the_seed_and_its_file(
    enrol, program, chain, data
):
    enrol("--profile", "alice", environ=chain.environ)
    done = program(
        "mfa",
        "remove",
        "--profile",
        "alice",
        "--yes",
        environ=chain.environ_of("locked"),
    )
    assert done.returncode == 4
    assert "is locked" in done.stderr
    assert len(list(data.iterdir())) == 1
    assert chain.content


# --- By a descriptor ---


def shell(program, command, **variables):
    return subprocess.run(
        ["/bin/sh", "-c", command],
        env=program.environ | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        start_new_session=True,
    )


def test_a_seed_by_a_descriptor_serves_a_login(sandbox, program, chain):
    file = sandbox.folder / "alice.totp"
    done = shell(
        program,
        f"cat {file} | STS_PLUGIN_TOTP_FD=3 sts-plugin login --profile alice"
        " 3<&0 </dev/null",
        **chain.environ,
    )
    assert done.returncode == 0
    assert sandbox.journal.count("GetSessionToken") == 1
    assert chain.calls == []


def test_a_seed_by_a_descriptor_serves_several_devices_and_runs(sandbox, program):
    file = sandbox.folder / "alice.totp"
    command = "sts-plugin mfa code --serial GAHT1234567"
    done = shell(
        program,
        f"exec 3<{file}; for n in 1 2 3; do {command}$n; done",
        STS_PLUGIN_TOTP_FD="3",
    )
    assert done.returncode == 0
    assert len(done.stdout.split()) == 3


@pytest.mark.parametrize("number", range(3, 12))
def test_a_descriptor_that_nobody_handed_on_is_told_and_nothing_of_ours_is_read(
    program, sandbox, number
):
    # One of these is the lock that a login holds while it asks for a code.
    done = program(
        "login", "--profile", "alice", environ={"STS_PLUGIN_TOTP_FD": str(number)}
    )
    assert (done.returncode, done.stdout) == (3, "")
    assert f"STS_PLUGIN_TOTP_FD={number} " in done.stderr
    assert "is closed" in done.stderr or "was not left open" in done.stderr
    assert sandbox.journal.calls() == ()


def test_a_descriptor_that_is_a_terminal_is_told_and_a_person_is_asked(
    sandbox, terminal
):
    one = terminal(
        "sts-plugin login --profile alice 3</dev/tty", STS_PLUGIN_TOTP_FD="3"
    )
    one.answer(sandbox.code())
    status, _, err = one.end()
    assert status == 0
    assert "STS_PLUGIN_TOTP_FD=3 is a terminal" in err


def test_a_pipe_without_an_end_is_not_waited_for_without_one(program, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    done = shell(
        program,
        f"exec 3<>{fifo}; echo JBSW >&3; sts-plugin login --profile alice",
        STS_PLUGIN_TOTP_FD="3",
        STS_PLUGIN_PROMPT_SECONDS="0.5",
    )
    assert done.returncode == 4
    assert "the end of the seed did not come" in done.stderr
    assert "JBSW" not in done.stderr
