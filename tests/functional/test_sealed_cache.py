"""The cache with cache_encryption = keychain, by the executable, as others see it."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import sys
import time
from datetime import datetime, timedelta

import pytest
from keychains import HELPERS, Chain

ROLE = """
[profile solo]
role_arn = arn:aws:iam::222222222222:role/Batch
source_profile = alice
"""
NAME = "cache encryption key"
SLOT = f"sts-plugin {NAME}"
NO_KEYCHAIN = {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
WARNING = "sts-plugin: going on without the cache: "


@pytest.fixture
def chain(tmp_path):
    return Chain(tmp_path / "keychain")


@pytest.fixture
def environ(environ, chain):
    return environ | chain.environ | {"STS_PLUGIN_CACHE_ENCRYPTION": "keychain"}


@pytest.fixture
def cache(sandbox):
    with (sandbox.folder / "config").open("a", encoding="utf-8") as config:
        config.write(ROLE)
    return sandbox.folder / "cache"


def entries(cache):
    return sorted(cache.glob("*.json"))


def get(program, profile="solo", **variables):
    done = program("credential-process", "--profile", profile, environ=variables)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def forms(text):
    """A text as it stands in a file, and in base64, wherever it begins there."""
    yield text.encode()
    for before in range(3):
        yield base64.b64encode(b"x" * before + text.encode())[4:-4]


# --- What is on the disk ---


def test_no_file_of_the_cache_shows_a_secret_or_whose_it_is(
    program, logged_in, chain, cache
):
    session, admin = program.document("alice"), program.document("prod-admin")
    assert len(entries(cache)) == 3
    names = ("AccessKeyId", "SecretAccessKey", "SessionToken")
    canaries = [one[name] for one in (session, admin) for name in names]
    canaries.append(chain.content[SLOT])
    files = [file for file in cache.rglob("*") if file.is_file()]
    assert len(files) > 3  # ledgers and locks as well
    for file in files:
        data = file.read_bytes()
        for canary in canaries:
            assert not any(form in data for form in forms(canary)), file.name


def test_other_processes_open_what_one_has_sealed(program, cache, sandbox, chain):
    first, warnings = get(program)
    assert warnings == ""
    for _ in range(2):
        assert get(program) == (first, "")
    assert sandbox.journal.count("AssumeRole") == 1
    assert chain.calls.count(f"set {NAME}") == 1


def test_a_warm_run_asks_the_keychain_once(program, cache, chain):
    get(program)
    before = len(chain.calls)
    get(program)
    assert chain.calls[before:] == [f"get {NAME}"]


def test_ten_cold_processes_make_one_key_and_one_call(program, cache, sandbox, chain):
    runs = [program.start("credential-process", "--profile", "solo") for _ in range(10)]
    outputs = [run.communicate(timeout=120) for run in runs]
    assert len({json.loads(out)["AccessKeyId"] for out, _ in outputs}) == 1
    assert not any(b"without the cache" in err for _, err in outputs)
    assert chain.calls.count(f"set {NAME}") == 1
    assert sandbox.journal.count("AssumeRole") == 1


def test_a_profile_can_say_it(program, cache, sandbox):
    with (sandbox.folder / "config").open("a", encoding="utf-8") as config:
        config.write("sts_plugin_cache_encryption = keychain\n")
    get(program, STS_PLUGIN_CACHE_ENCRYPTION="")
    [file] = entries(cache)
    assert "Sealed" in json.loads(file.read_text())["document"]
    facts = json.loads(
        program(
            *("explain", "--profile", "solo", "--json"),
            environ={"STS_PLUGIN_CACHE_ENCRYPTION": ""},
        ).stdout
    )
    number = len((sandbox.folder / "config").read_text().splitlines())
    where = f"{sandbox.folder / 'config'}:{number}"
    assert facts["cache_encryption"] == {"value": "keychain", "from": where}


# --- Looking and forgetting ---


def test_who_looks_or_forgets_needs_no_keychain(program, cache, chain):
    document, _ = get(program)
    before = chain.calls
    rows = json.loads(program("status", "--json").stdout)
    assert [(row["subject"], row["profile"]) for row in rows] == [
        ("arn:aws:iam::222222222222:role/Batch", "solo")
    ]
    assert rows[0]["expires"] == document["Expiration"]
    shown = program("explain", "--profile", "solo").stdout
    assert f"cached until {document['Expiration']}" in shown
    assert "cache encryption: keychain  (environment)" in shown
    done = program("logout", "--profile", "solo")
    assert (done.stdout, done.stderr) == ("1 entry forgotten\n", "")
    assert entries(cache) == []
    assert chain.calls == before


def test_logout_of_everything_leaves_the_key(program, cache, chain):
    get(program)
    assert program("logout", "--all").stdout == "1 entry forgotten\n"
    assert entries(cache) == []
    assert chain.content.keys() == {SLOT}


def test_explain_says_nothing_of_it_where_nobody_did(program, cache):
    nothing = {"STS_PLUGIN_CACHE_ENCRYPTION": ""}
    assert (
        "encryption"
        not in program("explain", "--profile", "solo", environ=nothing).stdout
    )
    told = program("explain", "--profile", "solo", "--json", environ=nothing).stdout
    assert json.loads(told)["cache_encryption"] == {"value": "none", "from": ""}


# --- Where there is no key ---


@pytest.mark.parametrize(
    ("variables", "why", "hint"),
    [
        (NO_KEYCHAIN, "there is no OS keychain", "cache_encryption = none"),
        ({"STANDIN_KEYCHAIN_MODE": "locked"}, "is locked", "unlock it"),
    ],
    ids=["none", "locked"],
)
def test_without_a_key_nothing_is_written_and_one_line_says_why(
    program, cache, sandbox, variables, why, hint
):
    document, warning = get(program, **variables)
    assert document["Version"] == 1
    assert warning.count("\n") == 1
    assert warning.startswith(WARNING)
    assert why in warning
    assert hint in warning
    assert entries(cache) == []
    get(program, **variables)
    assert sandbox.journal.count("AssumeRole") == 2


def test_a_library_that_is_missing_is_named(program, cache, tmp_path):
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "cryptography.py").write_text("raise ImportError(name='x')")
    path = f"{tmp_path / 'none'}:{HELPERS}"
    _, warning = get(program, PYTHONPATH=path)
    assert "is not installed (pip install 'sts-plugin[keyring]')" in warning
    assert entries(cache) == []


def test_a_keychain_that_hangs_costs_seconds_and_not_the_credentials(
    program, cache, chain
):
    began = time.monotonic()
    document, warning = get(program, STANDIN_KEYCHAIN_MODE="hang")
    assert time.monotonic() - began < 25  # asked for 4 s; machines can be busy
    assert document["Version"] == 1
    assert "did not answer within 4 seconds" in warning
    assert chain.calls == [f"get {NAME}"]
    assert entries(cache) == []


# --- What does not open ---


def damaged(fields):
    text = fields["document"]["Text"]
    fields["document"]["Text"] = ("B" if text[0] == "A" else "A") + text[1:]


def dated(fields):
    longer = datetime.fromisoformat(fields["expires"]) + timedelta(hours=1)
    fields["expires"] = longer.isoformat()


@pytest.mark.parametrize("change", [damaged, dated])
def test_an_entry_that_was_changed_is_got_anew(program, cache, sandbox, change):
    from sts_plugin.keys import digest  # noqa: PLC0415 - what anybody can compute

    first, _ = get(program)
    [file] = entries(cache)
    fields = json.loads(file.read_text())
    del fields["digest"]
    change(fields)
    file.write_text(json.dumps({**fields, "digest": digest(fields)}))
    second, warnings = get(program)
    assert second["AccessKeyId"] != first["AccessKeyId"]
    assert warnings == ""
    assert get(program) == (second, "")
    assert sandbox.journal.count("AssumeRole") == 2


def test_a_key_that_is_lost_costs_a_call(program, cache, sandbox, chain):
    first, _ = get(program)
    chain.file.unlink()
    second, warnings = get(program)
    assert second["AccessKeyId"] != first["AccessKeyId"]
    assert warnings == ""
    assert get(program) == (second, "")
    assert len(entries(cache)) == 1


def test_who_does_not_agree_does_not_undo_what_the_other_has(program, cache, sandbox):
    sealed, _ = get(program)
    plain, _ = get(program, STS_PLUGIN_CACHE_ENCRYPTION="none")
    assert sealed["AccessKeyId"] != plain["AccessKeyId"]
    for _ in range(2):
        assert get(program)[0] == sealed
        assert get(program, STS_PLUGIN_CACHE_ENCRYPTION="")[0] == plain
    assert sandbox.journal.count("AssumeRole") == 2
    shown = [file.read_text() for file in entries(cache)]
    assert sum(sealed["AccessKeyId"] in text for text in shown) == 0


# --- A keychain for real ---

TOOLS = ("dbus-run-session", "gnome-keyring-daemon")


@pytest.mark.skipif(
    not all(map(shutil.which, TOOLS)), reason=f"needs {' and '.join(TOOLS)}"
)
@pytest.mark.parametrize("unlocked", [True, False], ids=["unlocked", "locked"])
def test_the_secret_service_of_a_desktop_keeps_the_key(
    environ, cache, sandbox, tmp_path, unlocked
):
    pytest.importorskip("secretstorage", reason="keyring's backend for it")
    (tmp_path / "run").mkdir(mode=0o700)
    home = {
        "HOME": str(tmp_path),
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "XDG_RUNTIME_DIR": str(tmp_path / "run"),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.SecretService.Keyring",
    }
    unlock = "printf pw | gnome-keyring-daemon --unlock --components=secrets >/dev/null"
    run = "sts-plugin credential-process --profile solo"
    done = subprocess.run(
        ["dbus-run-session", "--", "sh", "-c", f"{unlock}; {run}; {run}"]
        if unlocked
        else ["dbus-run-session", "--", "sh", "-c", run],
        env=environ | home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        start_new_session=True,
    )
    assert done.returncode == 0, done.stderr
    documents = [json.loads(line) for line in done.stdout.splitlines()]
    if not unlocked:
        assert WARNING in done.stderr
        assert entries(cache) == []
        return
    assert WARNING not in done.stderr
    assert documents[0] == documents[1]
    assert sandbox.journal.count("AssumeRole") == 1
    [file] = entries(cache)
    assert documents[0]["AccessKeyId"] not in file.read_text()


# --- In process ---


def test_a_program_asks_the_keychain_once_however_often_it_renews(
    environ, cache, sandbox, chain
):
    code = (
        "import boto3, sts_plugin\n"
        "session = sts_plugin.register(boto3.Session(profile_name='solo'))\n"
        "found = session.get_credentials()\n"
        "first = found.get_frozen_credentials().access_key\n"
        "found._expiry_time = found._expiry_time.replace(year=2000)\n"
        "assert found.get_frozen_credentials().access_key == first\n"
    )
    subprocess.run([sys.executable, "-c", code], env=environ, check=True, timeout=60)
    assert sandbox.journal.count("AssumeRole") == 1
    made = [f"get {NAME}", f"get {NAME}", f"set {NAME}", f"get {NAME}", f"get {NAME}"]
    assert chain.calls == made
