"""``console``: signed in to the console, with a browser or an address."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pexpect
import pytest
from ages import age
from canaries import Sweep
from herd import await_that

from sts_plugin.sandbox import Fault

ADMIN = ("console", "--profile", "prod-admin")
BATCH = ("console", "--profile", "batch")


def visit(address):
    """What the page says to whoever opens the address."""
    with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310
        return answer.read().decode()


def parts_of(address):
    return {name: one for name, (one,) in parse_qs(urlsplit(address).query).items()}


def address_of(program, *arguments, **options):
    done = program(*arguments, **options)
    assert (done.returncode, done.stderr) == (0, "")
    (line,) = done.stdout.splitlines()
    return line


def test_a_role_is_signed_in_by_the_address_that_is_printed(logged_in, program):
    address = address_of(program, *ADMIN)
    assert address.startswith(f"{logged_in.endpoint_url}/federation?Action=login&")
    page = visit(address)
    assert re.search("Signed in as arn:aws:sts::333333333333:assumed-role/Admin/", page)
    parts = parts_of(address)
    assert parts["Issuer"] == "sts-plugin"
    home = "https://us-east-1.console.aws.amazon.com/console/home?region=us-east-1"
    assert parts["Destination"] == home


def test_the_role_comes_from_the_cache_that_all_share(logged_in, program):
    document = program.document("prod-admin")
    logged_in.journal.clear()
    address_of(program, *ADMIN)
    (call,) = logged_in.journal.calls()
    assert call.action == "getSigninToken"
    assert call.access_key_id == document["AccessKeyId"]
    assert call.arguments == {}


@pytest.fixture
def old(logged_in, program):
    """A role with less than half of its hour left, which SDKs still take."""
    program.environ["STS_PLUGIN_BACKGROUND"] = "no"
    logged_in.lifetime_seconds = 1700
    assert program.document("prod-admin")
    age(logged_in, 3000)
    logged_in.lifetime_seconds = None
    document = program.document("prod-admin")
    logged_in.journal.clear()
    return document


def test_a_role_that_has_half_of_its_life_behind_it_is_renewed_first(
    old, logged_in, program
):
    address_of(program, *ADMIN)
    *calls, signin = logged_in.journal.calls()
    assert "AssumeRole" in [call.action for call in calls]
    assert signin.access_key_id != old["AccessKeyId"]


def test_a_role_that_cannot_be_renewed_signs_in_all_the_same(old, logged_in, program):
    logged_in.add_fault(Fault("status", action="AssumeRole", times=None))
    done = program(*ADMIN)
    assert done.returncode == 0
    assert "renewal failed, good until" in done.stderr
    assert "assumed-role/Admin/" in visit(done.stdout.strip())
    signin = next(c for c in logged_in.journal if c.action == "getSigninToken")
    assert signin.access_key_id == old["AccessKeyId"]


def test_nobody_is_asked_to_make_a_session_last_longer(old, program):
    assert program("logout", "--profile", "alice").returncode == 0  # the role stays
    done = program(*ADMIN)
    assert done.returncode == 0
    assert "assumed-role/Admin/" in visit(done.stdout.strip())


def test_a_code_is_asked_for_where_one_is_needed(sandbox, terminal):
    one = terminal("sts-plugin console --profile prod-admin")
    one.answer(sandbox.code())
    status, out, err = one.end()
    assert (status, err) == (0, "")
    assert "assumed-role/Admin/" in visit(out.strip())


def test_a_user_is_signed_in_as_a_federated_user(sandbox, program):
    page = visit(address_of(program, "console", "--profile", "bob"))
    assert "arn:aws:sts::111111111111:federated-user/bob" in page
    identity, federation, signin, _login = sandbox.journal.calls()
    assert identity.action == "GetCallerIdentity"
    assert federation.action == "GetFederationToken"
    policy = json.loads(federation.arguments["Policy"])
    assert policy["Statement"] == [{"Effect": "Allow", "Action": "*", "Resource": "*"}]
    assert signin.caller_arn == "arn:aws:sts::111111111111:federated-user/bob"


def test_a_user_with_a_device_is_told_that_there_is_no_mfa_and_not_asked(
    sandbox, program
):
    done = program("console", "--profile", "alice")
    assert done.returncode == 0
    assert "federated-user/alice" in visit(done.stdout.strip())
    (line,) = done.stderr.splitlines()
    assert "policies that demand MFA deny" in line
    assert sandbox.journal.count("GetSessionToken") == 0


def test_a_policy_narrows_what_the_user_may(sandbox, program, tmp_path):
    narrow = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "s3:List*", "Resource": "*"}],
    }
    (tmp_path / "policy.json").write_text(json.dumps(narrow))
    arn = "arn:aws:iam::aws:policy/ReadOnlyAccess"
    asked = ("--policy", "policy.json", "--policy-arn", arn)
    address_of(program, "console", "--profile", "bob", *asked, cwd=tmp_path)
    call = sandbox.journal[-2]
    assert json.loads(call.arguments["Policy"]) == narrow
    assert call.arguments["PolicyArns"] == [{"arn": arn}]


@pytest.mark.parametrize("text", [None, "", "{", "[]"])
def test_a_policy_that_is_none_signs_nobody_in(sandbox, program, tmp_path, text):
    if text is not None:
        (tmp_path / "p").write_text(text)
    done = program("console", "--profile", "bob", "--policy", str(tmp_path / "p"))
    assert (done.returncode, done.stdout) == (3, "")
    assert "--policy" in done.stderr
    actions = {call.action for call in sandbox.journal.calls()}
    assert actions <= {"GetCallerIdentity"}


@pytest.mark.parametrize("option", [["--policy", "x"], ["--policy-arn", "arn:x"]])
def test_a_policy_is_not_for_a_role(sandbox, program, option):
    done = program(*BATCH, *option)
    assert (done.returncode, done.stdout) == (3, "")
    assert 'profile "batch" is none' in done.stderr
    assert sandbox.journal.calls() == ()


def ends(program, *arguments):
    done = program(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts.keys() == {
        "SigninUrl",
        "SigninUrlExpiration",
        "Destination",
        "SessionExpiration",
    }
    page = visit(facts["SigninUrl"])
    shown = re.search(r"ends at (\S+?)<", page)[1]
    told = datetime.fromisoformat(facts["SessionExpiration"])
    apart = told - datetime.fromisoformat(shown)
    assert abs(apart) <= timedelta(seconds=5)
    until = datetime.fromisoformat(facts["SigninUrlExpiration"]) - datetime.now(UTC)
    assert timedelta(minutes=13) < until <= timedelta(minutes=15)
    return told - datetime.now(UTC)


def test_a_role_may_last_longer_than_its_credentials(sandbox, program, write_config):
    config = (sandbox.folder / "config").read_text(encoding="utf-8")
    write_config(config.replace("sts_plugin_duration_seconds = 43200\n", ""))
    assert ends(program, *BATCH) < timedelta(hours=1, minutes=1)
    assert ends(program, *BATCH, "--duration", "12h") > timedelta(hours=11)


def test_a_user_lasts_as_long_as_is_asked(program):
    bob = ("console", "--profile", "bob")
    assert timedelta(hours=11) < ends(program, *bob) < timedelta(hours=13)
    assert ends(program, *bob, "--duration", "36h") > timedelta(hours=35)


@pytest.mark.parametrize(
    ("profile", "span", "code"),
    [
        ("prod-admin", "2h", 3),
        ("batch", "13h", 3),
        ("batch", "37h", 2),
        ("bob", "x", 2),
    ],
)
def test_a_duration_that_aws_does_not_take_is_refused_before_anybody_is_asked(
    sandbox, program, profile, span, code
):
    done = program("console", "--profile", profile, "--duration", span)
    assert (done.returncode, done.stdout) == (code, "")
    assert "--duration" in done.stderr
    assert sandbox.journal.calls() == ()


@pytest.mark.parametrize(
    ("words", "where"),
    [
        ("--service s3", "https://{}/s3/home?region=us-east-1"),
        ("--service ec2 --region eu-west-1", "https://{}/ec2/home?region=eu-west-1"),
        ("--destination /iam/home#/users", "https://{}/iam/home#/users"),
        (
            "--destination https://console.aws.amazon.com/billing/home",
            "https://console.aws.amazon.com/billing/home",
        ),
    ],
)
def test_the_first_page_is_the_one_that_was_asked_for(program, words, where):
    address = address_of(program, *BATCH, *words.split())
    region = "eu-west-1" if "eu-west-1" in words else "us-east-1"
    expected = where.format(f"{region}.console.aws.amazon.com")
    assert parts_of(address)["Destination"] == expected
    assert visit(address)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("--destination https://evil.example/", "is not in the console"),
        ("--destination //evil.example/", "is not in the console"),
        ("--service ../x", "is not the name of a service"),
        ("--region evil.example/", "is not a region"),
        ("--region cn-north-1", "region cn-north-1 is of partition aws-cn"),
        ("--open --json", "--open prints nothing"),
    ],
)
def test_what_is_wrong_on_paper_is_said_before_anything_is_sent(
    sandbox, program, words, why
):
    done = program(*ADMIN, *words.split())
    assert (done.returncode, done.stdout) == (3, "")
    assert why in done.stderr
    assert sandbox.journal.calls() == ()


@pytest.mark.parametrize(
    "words", ["--print --open", "--service s3 --destination /", "--region", "what"]
)
def test_a_wrong_command_line_is_one(program, words):
    assert program(*BATCH, *words.split()).returncode == 2


def test_a_role_of_the_profile_that_the_environment_names(program, environ):
    page = visit(address_of(program, "console", environ={"AWS_PROFILE": "batch"}))
    assert "assumed-role/Batch/" in page


def test_temporary_keys_in_the_environment_are_taken_as_they_are(program, sandbox):
    document = program.document("batch")
    names = {
        "AWS_ACCESS_KEY_ID": "AccessKeyId",
        "AWS_SECRET_ACCESS_KEY": "SecretAccessKey",
        "AWS_SESSION_TOKEN": "SessionToken",
    }
    environ = {name: document[field] for name, field in names.items()}
    sandbox.journal.clear()
    page = visit(address_of(program, "console", environ=environ))
    assert "assumed-role/Batch/" in page
    assert sandbox.journal.count("getSigninToken") == 1
    assert len(sandbox.journal.calls()) == 2


def test_a_session_that_is_in_the_environment_is_for_aws_to_refuse(logged_in, program):
    document = program.document("alice")
    environ = {
        "AWS_ACCESS_KEY_ID": document["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": document["SecretAccessKey"],
        "AWS_SESSION_TOKEN": document["SessionToken"],
    }
    address = address_of(program, "console", environ=environ)
    with pytest.raises(urllib.error.HTTPError) as caught:
        visit(address)
    assert "Only federation tokens or assume role" in caught.value.read().decode()


def test_no_refusal_shows_what_was_sent(sandbox, program):
    done = program(
        "console",
        environ={
            "AWS_ACCESS_KEY_ID": "ASIAUNKNOWN",
            "AWS_SECRET_ACCESS_KEY": "canary-of-a-key",
            "AWS_SESSION_TOKEN": "canary-of-a-token",
        },
    )
    assert (done.returncode, done.stdout) == (5, "")
    assert "AWS refused getSigninToken" in done.stderr
    assert "HTTP 400" in done.stderr
    assert "canary" not in done.stderr


# --- A browser ---------------------------------------------------------------

BROWSER = """\
#!{python}
import json, os, pathlib, sys, urllib.request
print("a page is loaded")
argv = pathlib.Path("/proc/self/cmdline")
seen = argv.read_bytes().decode() if argv.exists() else repr(sys.argv)
page = urllib.request.urlopen(sys.argv[1], timeout=20).read().decode()
with open({seen!r}, "w") as file:
    json.dump([seen, page], file)
"""


@pytest.fixture
def browser(tmp_path):
    """A browser that opens what it is told to, and remembers its command line."""

    class Browser:
        path, seen = tmp_path / "browser", tmp_path / "seen.json"

        def tell(self):
            return json.loads(self.seen.read_text())

    one = Browser()
    one.path.write_text(BROWSER.format(python=sys.executable, seen=str(one.seen)))
    one.path.chmod(0o700)
    return one


def test_a_browser_is_signed_in_and_its_command_line_is_no_secret(
    logged_in, program, browser
):
    variables = {"BROWSER": f"{browser.path} %s"}
    done = program(*ADMIN, "--open", environ=variables)
    assert (done.returncode, done.stdout) == (0, "")  # whatever a browser prints
    assert re.fullmatch(
        "a page is loaded\n"
        "sts-plugin: a browser is signing in as prod-admin, account 333333333333:"
        r" \d\d min left\n",
        done.stderr,
    )
    line, page = browser.tell()
    assert "assumed-role/Admin/" in page
    assert "http://127.0.0.1:" in line
    for secret in ("SigninToken", "federation", "Action"):
        assert secret not in line


def test_on_a_terminal_a_browser_is_opened_and_nothing_printed(
    logged_in, environ, browser
):
    variables = environ | {"BROWSER": f"{browser.path} %s"}
    child = pexpect.spawn(
        "sts-plugin", list(ADMIN), env=variables, encoding="utf-8", timeout=30
    )
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert "a browser is signing in as prod-admin" in child.before
    assert "SigninToken" not in child.before
    assert "assumed-role/Admin/" in browser.tell()[1]


def test_on_a_terminal_the_address_can_be_printed(logged_in, environ, browser):
    variables = environ | {"BROWSER": f"{browser.path} %s", "COLUMNS": "4000"}
    child = pexpect.spawn(
        "sts-plugin", [*ADMIN, "--print"], env=variables, encoding="utf-8", timeout=30
    )
    child.expect(pexpect.EOF)
    assert "assumed-role/Admin/" in visit(child.before.strip())
    assert not browser.seen.exists()


@pytest.mark.parametrize("command", ["false", "/no/such/browser %s"])
def test_a_browser_that_cannot_be_opened_is_said(program, command, mocker):
    program.environ["BROWSER"] = command
    program.environ["PATH"] = "/no/such/folder"  # no other browser either
    done = program(*BATCH, "--open")
    assert (done.returncode, done.stdout) == (4, "")
    assert "browser" in done.stderr
    assert "--print" in done.stderr
    assert "SigninToken" not in done.stderr


def test_ctrl_c_ends_the_wait_for_a_browser(environ, tmp_path):
    ready, browser = tmp_path / "ready", tmp_path / "browser"
    browser.write_text(f"#!/bin/sh\necho > {ready}\nexec sleep 600\n")
    browser.chmod(0o700)
    child = pexpect.spawn(
        "sts-plugin",
        [*BATCH, "--open"],
        env=environ | {"BROWSER": f"{browser} %s"},
        encoding="utf-8",
        timeout=30,
    )
    await_that(ready.exists)
    child.sendintr()
    child.expect_exact("interrupted")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130


# --- An endpoint that does not do its part -----------------------------------


@pytest.mark.parametrize("kind", ["html", "empty", "huge", "truncated", "redirect"])
def test_an_answer_that_is_none_is_one_line(sandbox, program, kind):
    sandbox.add_fault(Fault(kind, action="getSigninToken", times=None))
    done = program(*BATCH)
    assert (done.returncode, done.stdout) == (6, "")
    (line,) = done.stderr.splitlines()
    assert 'no usable answer to getSigninToken (profile "batch")' in line


@pytest.mark.parametrize("kind", ["reset", "status", "truncated"])
def test_trouble_that_passes_costs_nothing(sandbox, program, kind):
    sandbox.add_fault(Fault(kind, action="getSigninToken"))
    assert "assumed-role/Batch/" in visit(address_of(program, *BATCH))


@pytest.mark.parametrize("kind", ["silence", "drip"])
def test_a_silent_endpoint_is_given_up_in_time(sandbox, program, kind):
    sandbox.add_fault(Fault(kind, action="getSigninToken", times=None))
    done = program(*BATCH)  # it may take 60 seconds at most
    assert (done.returncode, done.stdout) == (6, "")
    assert len(done.stderr.splitlines()) == 1


def test_an_endpoint_in_the_open_gets_nothing(sandbox, program):
    done = program(*BATCH, environ={"STS_PLUGIN_SIGNIN_URL": "http://example.com/"})
    assert (done.returncode, done.stdout) == (3, "")
    assert "STS_PLUGIN_SIGNIN_URL is not an address that secrets" in done.stderr
    assert sandbox.journal.calls() == ()


def test_no_secret_is_left_anywhere(logged_in, program, browser, tmp_path):
    sweep = Sweep(logged_in, tmp_path)
    variables = {
        "BROWSER": f"{browser.path} %s",
        "PYTHONDEVMODE": "1",
        "PYTHONWARNINGS": "always",
    }
    for profile in ("prod-admin", "bob"):
        done = program("console", "--profile", profile, "--open", environ=variables)
        assert done.returncode == 0
        line, _ = browser.tell()
        sweep.check("", done.stdout, done.stderr, line)
    logged_in.add_fault(Fault("html", action="getSigninToken"))
    done = program(*ADMIN, environ=variables)
    assert done.returncode == 6
    sweep.check("", done.stdout, done.stderr)
    address = address_of(program, *ADMIN)
    assert sweep.in_bytes(address) == []  # a token of its own, and no key
    tokens = logged_in._estate.signins._values
    sweep.add(**{f"sign-in token {n}": one for n, one in enumerate(tokens)})
    sweep.check()


def test_it_is_tried_in_the_sandbox_with_one_command(tmp_path, environ):
    command = "sts-plugin sandbox --yes -- sts-plugin console --profile prod-admin"
    done = subprocess.run(
        shlex.split(command),
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0
    assert "/federation?Action=login&" in done.stdout
