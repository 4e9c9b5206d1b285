from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import platformdirs
import pytest
from botocore import handlers
from botocore.exceptions import EndpointConnectionError

from sts_plugin.actions import GIVEN
from sts_plugin.cache_key import NAME, CacheKey
from sts_plugin.chain import Link
from sts_plugin.engine import Engine, cache_folder, chosen_profile
from sts_plugin.errors import (
    CacheUnusable,
    CannotAsk,
    ConfigurationError,
    DurationRefused,
    Refused,
    StsPluginError,
    Unreachable,
)
from sts_plugin.keys import digest
from sts_plugin.memory import MemoryStore, UnwrittenStore
from sts_plugin.model import Call, Credentials, Life, Origin, Secret, Setting
from sts_plugin.profiles import Profile
from sts_plugin.resolve import Resolver
from sts_plugin.retries import Budget
from sts_plugin.sandbox import Sandbox
from sts_plugin.sealing import PLAIN, KeySeal, new_key
from sts_plugin.settings import Settings
from sts_plugin.store import Entry
from sts_plugin.watcher import Watcher

STATIC = "[profile p]\naws_access_key_id = A\naws_secret_access_key = s\nregion = r\n"
ROLE = (
    "[profile q]\nrole_arn = arn:aws:iam::111111111111:role/R\nsource_profile = p\n"
    + STATIC
)


LIFE = Life(datetime(2030, 1, 1, tzinfo=UTC), datetime(2030, 1, 2, tzinfo=UTC))


@pytest.mark.parametrize(
    ("named", "environ", "chosen"),
    [
        (None, {}, ("default", False)),
        (None, {"AWS_PROFILE": "b"}, ("b", False)),
        (None, {"AWS_DEFAULT_PROFILE": "a", "AWS_PROFILE": "b"}, ("a", False)),
        (None, {"AWS_PROFILE": ""}, ("", False)),
        (None, {"AWS_DEFAULT_PROFILE": "", "AWS_PROFILE": "b"}, ("", False)),
        ("c", {"AWS_DEFAULT_PROFILE": "a", "AWS_PROFILE": "b"}, ("c", True)),
        ("default", {"AWS_PROFILE": "b"}, ("default", True)),
        ("", {"AWS_PROFILE": "b"}, ("", True)),
    ],
)
def test_a_profile_is_chosen_as_botocore_chooses_it(stock, named, environ, chosen):
    assert chosen_profile(named, environ) == chosen
    if named != "":  # botocore takes this one for none
        assert (stock(named, environ).profile or "") == (
            "" if chosen == ("default", False) else chosen[0]
        )


def test_the_cache_is_in_the_folder_of_the_platform_or_the_one_that_is_set(tmp_path):
    assert cache_folder(Settings(str(tmp_path))) == tmp_path
    assert cache_folder(Settings()) == Path(platformdirs.user_cache_dir("sts-plugin"))


@pytest.fixture
def engine(aws, tmp_path):
    """Make an engine for the files of ``aws``; it tells into ``told``."""

    def make(config=STATIC, folder=None, **environ):
        aws.write(config)
        told = []
        made = Engine(
            {
                **aws.environ,
                "STS_PLUGIN_CACHE_DIR": str(folder or tmp_path / "cache"),
                **environ,
            },
            watcher=Watcher(told.append),
        )
        made.told = told
        return made

    return make


def test_the_folder_that_is_set_is_made_and_used(engine, tmp_path):
    made = engine()
    assert not (tmp_path / "cache").exists()
    assert made.credentials(made.plan("p")).access_key_id == "A"
    assert made.store.path == tmp_path / "cache"
    assert (tmp_path / "cache").stat().st_mode & 0o777 == 0o700
    assert made.told == []


@pytest.fixture
def stores(mocker):
    """The stores that resolvers are made with."""
    real, seen = Resolver.__init__, []

    def spy(self, plan, *, cache, **options):
        seen.append(cache._store)
        real(self, plan, cache=cache, **options)

    mocker.patch.object(Resolver, "__init__", spy)
    return seen


def test_a_folder_that_cannot_be_used_is_told_once_and_the_run_goes_on(
    engine, tmp_path, stores
):
    loose = tmp_path / "loose"
    loose.mkdir()
    loose.chmod(0o755)
    made = engine(folder=loose)
    assert made.credentials(made.plan("p")).access_key_id == "A"
    assert made.credentials(made.plan("p")).access_key_id == "A"
    assert isinstance(stores[0], MemoryStore)
    assert stores[0] is stores[1]  # what one call got, the next one finds
    (line,) = made.told
    assert str(loose) in line
    assert "chmod 700" in line
    assert list(loose.iterdir()) == []


def test_a_folder_that_can_be_used_is(engine, stores):
    made = engine()
    made.credentials(made.plan("p"))
    assert [store.path for store in stores] == [made.store.path]


@pytest.mark.parametrize("options", [{}, {"alone": True}])
def test_hooks_that_others_have_put_into_botocore_are_met_unless_we_are_alone(
    aws, stock, tmp_path, mocker, options
):
    # As moto does it: a program's tests must not reach AWS by way of us.
    def mock(request, **_event):
        asked.append(request.url)
        raise EndpointConnectionError(endpoint_url=request.url)

    asked = []
    mocker.patch.object(
        handlers,
        "BUILTIN_HANDLERS",
        [*handlers.BUILTIN_HANDLERS, ("before-send", mock)],
    )
    stock()
    aws.write(
        f"[profile q]\nendpoint_url = http://127.0.0.1:1\nregion = us-east-1\n{STATIC}"
    )
    environ = {**aws.environ, "STS_PLUGIN_CACHE_DIR": str(tmp_path / "cache")}
    engine = Engine(environ, watcher=Watcher(print), **options)
    sts = engine.sts(engine.plan("q"))
    mocker.patch.object(Budget, "wait", return_value=False)
    with pytest.raises(StsPluginError):
        sts.caller_identity(Credentials("A", Secret("s")))
    assert asked == ([] if options else ["http://127.0.0.1:1/"])


def test_files_are_read_anew_for_each_question(engine, aws):
    made = engine()
    first = made.plan("p")
    aws.write(STATIC.replace("= A", "= B"))
    assert made.credentials(made.plan("p")).access_key_id == "B"
    assert made.plan("p") != first


def test_a_plan_takes_the_region_and_the_way_the_profile_was_named(engine):
    made = engine(ROLE, AWS_ACCESS_KEY_ID="E", AWS_SECRET_ACCESS_KEY="s")
    assert made.plan("p", region="other").endpoint.region == "other"
    assert made.plan("q").source.identity == "A"
    assert made.plan("q", explicit=False).source.identity == "E"
    assert made.plan("q").profile == "q"


def test_the_source_is_loaded_from_the_environment_of_the_engine(engine):
    made = engine(AWS_ACCESS_KEY_ID="E", AWS_SECRET_ACCESS_KEY="s")
    plan = made.plan("p", explicit=False)
    assert made.credentials(plan).access_key_id == "E"


def test_a_bad_variable_is_told_at_once(engine):
    with pytest.raises(ConfigurationError, match="STS_PLUGIN_PROMPT_SECONDS"):
        engine(STS_PLUGIN_PROMPT_SECONDS="soon")


def test_the_times_of_the_environment_count(engine, mocker):
    made = engine(STS_PLUGIN_PROMPT_SECONDS="1000", STS_PLUGIN_QUIET_SECONDS="7")
    resolver = mocker.spy(Resolver, "__init__")
    made.credentials(made.plan("p"))
    found = resolver.call_args.kwargs["settings"]
    assert (found.prompt_seconds, found.quiet_seconds) == (1000, 7)
    assert made.store._wait_seconds == made._memory._wait_seconds == 180 + 945


@pytest.mark.parametrize("kind", ["container", "instance", "ambient"])
def test_roles_of_a_machines_own_identity_are_kept_in_memory(engine, stores, kind):
    # EKS Pod Identity: one URI, another token in each pod, and perhaps one home.
    made = engine()
    plan = made.plan("p")
    plan = dataclasses.replace(plan, source=dataclasses.replace(plan.source, kind=kind))
    with contextlib.suppress(StsPluginError):
        made.credentials(plan)
    assert isinstance(stores[0], MemoryStore)


def test_a_machine_without_a_home_goes_on_without_a_cache(engine, mocker, stores):
    mocker.patch("platformdirs.user_cache_path", side_effect=RuntimeError)
    made = engine(STS_PLUGIN_CACHE_DIR="")
    assert made.credentials(made.plan("p")).access_key_id == "A"
    assert isinstance(stores[0], MemoryStore)
    (line,) = made.told
    assert "no home folder" in line


# --- Where entries are to be sealed ---

SEALED = ROLE.replace("[profile q]\n", "[profile q]\ncache_encryption = keychain\n")


@pytest.fixture
def key(mocker):
    """The question for the key of the cache."""
    return mocker.patch.object(CacheKey, "seal", return_value=KeySeal(new_key()))


def resolve(made, name):
    with contextlib.suppress(StsPluginError):  # there is no STS
        made.credentials(made.plan(name))


def test_entries_are_sealed_where_the_plan_says_so(engine, stores, key, mocker):
    mocker.patch.object(Resolver, "resolve")
    for config, asked in ((SEALED, 1), (ROLE, 0)):
        key.reset_mock()
        made = engine(config)
        made.credentials(made.plan("q"))
        assert key.call_count == asked
        assert stores[-1]._seal is (key.return_value if asked else PLAIN)
        assert stores[-1].path == made.store.path


def test_who_needs_no_entry_or_no_disk_does_not_ask_for_the_key(engine, key, tmp_path):
    made = engine(STATIC.replace("region", "cache_encryption = keychain\nregion"))
    assert made.credentials(made.plan("p")).access_key_id == "A"
    (tmp_path / "loose").mkdir(mode=0o755)
    resolve(engine(SEALED, folder=tmp_path / "loose"), "q")
    assert key.call_count == 0


def test_without_a_key_entries_are_in_memory_and_locks_on_disk(
    engine, stores, key, mocker
):
    mocker.patch.object(Resolver, "resolve")
    key.side_effect = CacheUnusable("no key", hint="h")
    made = engine(SEALED)
    for _ in range(2):
        made.credentials(made.plan("q"))
    assert made.told == ["going on without the cache: no key (h)"]
    assert {type(store) for store in stores} == {UnwrittenStore}
    assert {store.path for store in stores} == {made.store.path}
    stores[0].publish(Entry("k" * 64, LIFE, {}, {}))
    assert stores[1].read("k" * 64)  # what one call got, the next one finds
    assert not list(made.store.path.glob("*.json"))


def test_only_a_login_waits_as_long_as_a_person_may_take(engine, key, mocker):
    mocker.patch.object(Resolver, "resolve")
    made = engine(SEALED)
    made.credentials(made.plan("q"))
    assert key.call_args.kwargs == {"seconds": 4}
    made.login(made.plan("q"))
    assert key.call_args.kwargs == {"seconds": 45}


def test_the_lock_of_the_key_is_in_the_folder_and_has_a_name_of_its_own(engine):
    made = engine(SEALED)
    with made._key_lock(NAME, 1.0):
        [file] = made.store.path.iterdir()
        with made.store.lock("other", lambda _: None):
            pass
    assert file.name.endswith(".lock")


# --- Whatever a profile asks for, of a strict STS ---

SHARED = "arn:aws:iam::222222222222"
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
TASK = "arn:aws:iam::aws:policy/root-task/S3UnlockBucketPolicy"


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with Sandbox(tmp_path_factory.mktemp("engine") / "sandbox") as running:
        yield running


@pytest.fixture
def sandbox(shared):
    yield shared
    shared.clear_faults()
    shared.journal.clear()


def serve(sandbox, engine):
    """Return what makes an engine whose calls go to a sandbox."""

    def make(config, **environ):
        user = sandbox.organisation.user("alice")
        alice = (
            f"[profile alice]\naws_access_key_id = {user.access_key_id}\n"
            f"aws_secret_access_key = {user.secret_access_key}\n"
        )
        environ = {
            "AWS_ENDPOINT_URL_STS": sandbox.endpoint_url,
            "AWS_DEFAULT_REGION": "eu-west-1",
            "PATH": os.environ["PATH"],
            **environ,
        }
        return engine(config + alice, **environ)

    return make


@pytest.fixture
def served(sandbox, engine):
    """Make an engine whose calls go to the sandbox."""
    return serve(sandbox, engine)


ASKING = {
    "AssumeRole": f"role_arn = {SHARED}:role/Batch\nsource_profile = alice\n",
    "AssumeRoleWithWebIdentity": (
        f"role_arn = {SHARED}:role/Deploy\nweb_identity_token_file = {{folder}}/token\n"
    ),
    "AssumeRoleWithSAML": "saml_process = cat {folder}/assertion\n",
    "GetFederationToken": (
        f"federation_name = carol\npolicy_arns = {READ_ONLY}\nsource_profile = alice\n"
    ),
    "AssumeRoot": (
        f"target_principal = 222222222222\ntask_policy_arn = {TASK}\n"
        "source_profile = alice\n"
    ),
    "GetDelegatedAccessToken": (
        "trade_in_token_file = {folder}/trade\nsource_profile = alice\n"
    ),
}


@pytest.mark.parametrize("action", ASKING)
def test_whatever_a_profile_asks_for_is_had_and_cached(
    served, sandbox, tmp_path, action
):
    (tmp_path / "token").write_text(sandbox.web_identity_token())
    role_arn = f"{SHARED}:role/Federated"
    (tmp_path / "assertion").write_text(sandbox.saml_assertion(role_arn))
    (tmp_path / "trade").write_text(sandbox.trade_in_token("Batch"))
    made = served(f"[profile x]\n{ASKING[action].format(folder=tmp_path)}")
    found = made.credentials(made.plan("x"))
    (call,) = sandbox.journal.calls()
    assert (call.action, call.outcome) == (action, "ok")
    assert found.account_id in {"111111111111", "222222222222"}
    assert made.credentials(made.plan("x")) == found
    assert len(sandbox.journal) == 1
    (entry,) = made.store.entries()
    assert entry.label["action"] == action
    assert made.told == []


def test_what_variables_say_of_a_session_reaches_sts(served, sandbox):
    made = served(
        f"[profile x]\nrole_arn = {SHARED}:role/Tagged\nsource_profile = alice\n",
        AWS_SOURCE_IDENTITY="alice",
        AWS_SESSION_TAGS="team=a",
        AWS_TRANSITIVE_TAGS="team",
    )
    made.credentials(made.plan("x"))
    (call,) = sandbox.journal.calls()
    assert call.arguments["SourceIdentity"] == "alice"
    assert call.arguments["Tags"] == [{"Key": "team", "Value": "a"}]
    assert call.arguments["TransitiveTagKeys"] == ["team"]


def test_a_shorter_session_is_had_where_the_role_allows_no_longer_one(
    served, sandbox, tmp_path
):
    (tmp_path / "token").write_text(sandbox.web_identity_token())
    text = (
        f"[profile x]\nrole_arn = {SHARED}:role/Deploy\n"
        f"sts_plugin_web_identity_token_file = {tmp_path}/token\n"
        "duration_seconds = 43200\n"
    )
    made = served(text)
    with pytest.raises(DurationRefused, match="MaxSessionDuration") as caught:
        made.credentials(made.plan("x"))
    assert "duration_fallback" in caught.value.hint
    made = served(f"{text}duration_fallback = yes\n")
    made.credentials(made.plan("x"))
    lengths = [call.duration_seconds for call in sandbox.journal.calls()]
    assert lengths == [43_200, 43_200, 28_800, 21_600, 14_400, 7200, 3600]


def test_a_program_brings_what_proves_its_own_call_and_no_other(
    served, sandbox, tmp_path
):
    (tmp_path / "token").write_text(sandbox.web_identity_token())
    web = ASKING["AssumeRoleWithWebIdentity"].format(folder=tmp_path)
    made = served(f"[profile x]\n{web}")
    origin = Origin("X()")
    said = {"trade_in_token" + GIVEN: Setting("token", "digest", origin)}
    then = Link(Profile("X()", origin, config=said), "GetDelegatedAccessToken")
    proof = Secret(sandbox.trade_in_token("Batch"))
    made.credentials(made.plan("x", then=[then]), proof=proof)
    actions = [call.action for call in sandbox.journal.calls()]
    assert actions == ["AssumeRoleWithWebIdentity", "GetDelegatedAccessToken"]


# --- Codes ---

DEVICE = "arn:aws:iam::111111111111:mfa/alice"


@pytest.fixture
def fresh(tmp_path):
    """A sandbox in which no code was used yet."""
    with Sandbox(tmp_path / "fresh") as running:
        yield running


@pytest.fixture
def with_mfa(fresh, engine):
    """Make an engine for a profile with a device, whose codes come of a command."""

    def make(text="", **environ):
        config = (
            f"[profile x]\nrole_arn = {SHARED}:role/Batch\nsource_profile = alice\n"
            f"mfa_serial = {DEVICE}\nmfa_prompt = command\n{text}"
        )
        return serve(fresh, engine)(config, **environ)

    return make


def sessions(sandbox):
    return sandbox.journal.count("GetSessionToken")


def test_a_code_of_the_environment_is_used_once(with_mfa, fresh):
    made = with_mfa(STS_PLUGIN_MFA_CODE=fresh.code())
    assert made.credentials(made.plan("x"))
    assert sessions(fresh) == 1
    assert made.told == []
    made.store.clear()
    with pytest.raises(CannotAsk, match="there is no mfa_process"):
        made.credentials(made.plan("x"))
    assert sessions(fresh) == 1


def test_a_code_that_was_never_sent_is_good_for_another_run(with_mfa, fresh):
    code = fresh.code(at=time.time() + 30)
    text = f"mfa_process = echo {code}\n"
    made = with_mfa(text, AWS_ENDPOINT_URL_STS="http://127.0.0.1:9")
    with pytest.raises(Unreachable) as caught:
        made.credentials(made.plan("x"))
    assert not caught.value.sent
    assert made.store.used_codes(DEVICE) == frozenset()
    made = with_mfa(text)
    assert made.credentials(made.plan("x"))
    assert made.store.used_codes(DEVICE) == {digest(DEVICE, code)}


def test_login_renews_the_session_once_for_all_profiles_of_a_run(
    with_mfa, fresh, tmp_path
):
    def run(at, later=0):
        (tmp_path / "code").write_text(fresh.code(at=time.time() + at))
        made = with_mfa(
            f"mfa_process = cat {tmp_path}/code\n"
            f"[profile y]\nrole_arn = {SHARED}:role/Reader\nsource_profile = alice\n"
            f"mfa_serial = {DEVICE}\nmfa_prompt = command\n"
        )
        moment = datetime.now(UTC) + timedelta(seconds=later)
        made._began, made._now = moment, lambda: moment
        for name in ("x", "y", "x"):
            with contextlib.suppress(Refused):  # there is no such role
                made.login(made.plan(name))
        return sessions(fresh)

    assert run(at=0) == 1
    assert run(at=30, later=200) == 1  # it is young
    assert run(at=30, later=400) == 2


def test_login_gets_all_that_takes_a_code_and_then_the_rest(engine, mocker):
    resolver = mocker.patch("sts_plugin.engine.Resolver")
    made = engine()
    origin = Origin("f")
    calls = [
        Call("AssumeRole", "p", name, origin, {"RoleArn": name, **serial})
        for name, serial in (
            ("a", {"SerialNumber": "one"}),
            ("b", {}),
            ("c", {"SerialNumber": "two"}),
            ("d", {}),
        )
    ]
    plan = dataclasses.replace(made.plan("p"), calls=tuple(calls))
    assert made.login(plan) is resolver.return_value.resolve.return_value
    first, second = resolver.call_args_list
    assert first.args[0].calls == tuple(calls[:3])
    assert first.kwargs["login"] is not None
    assert second.args[0] == plan
    assert second.kwargs["login"] is None
    assert first.kwargs["cache"] is second.kwargs["cache"]


def test_login_without_a_device_is_like_any_run(engine):
    made = engine()
    assert made.login(made.plan("p")).access_key_id == "A"


# --- A source that is slow, and one that leads back ---


def test_a_slow_process_is_run_once_for_all_who_wait(
    served, sandbox, tmp_path, monkeypatch
):
    monkeypatch.setattr("sts_plugin.settings.LOCK_NOTICE_SECONDS", 0.05)
    user = sandbox.organisation.user("alice")
    document = {
        "Version": 1,
        "AccessKeyId": user.access_key_id,
        "SecretAccessKey": user.secret_access_key,
    }
    os.mkfifo(tmp_path / "go")
    program = tmp_path / "program"
    program.write_text(
        f"#!/bin/sh\necho run >>{tmp_path}/count\nread line <{tmp_path}/go\n"
        f"echo '{json.dumps(document)}'\n"
    )
    program.chmod(0o755)
    config = (
        f"[profile x]\nrole_arn = {SHARED}:role/Batch\nsource_profile = slow\n"
        f"[profile slow]\ncredential_process = {program}\n"
    )
    engines = [served(config) for _ in range(8)]
    found, errors = [], []

    def resolve(made):
        try:
            found.append(made.credentials(made.plan("x")))
        except StsPluginError as error:
            errors.append(error)

    threads = [threading.Thread(target=resolve, args=(made,)) for made in engines]
    for thread in threads:
        thread.start()
    go = os.open(tmp_path / "go", os.O_RDWR)  # does not wait for a reader
    try:  # one of them runs it, and the others wait
        wait_until(lambda: sum(bool(made.told) for made in engines) == 7)
    finally:
        os.write(go, b"go\n" * 8)
        for thread in threads:
            thread.join(60)
        os.close(go)
    assert errors == []
    assert (tmp_path / "count").read_text() == "run\n"
    assert len(found) == 8
    assert len({one.access_key_id for one in found}) == 1
    assert sandbox.journal.count("AssumeRole") == 1
    assert all("waiting for" in line for made in engines for line in made.told)


def wait_until(reached):
    """Return once it is so; fail after a minute."""
    moment = threading.Event()
    for _ in range(6000):
        if reached():
            return
        moment.wait(0.01)
    raise AssertionError("it never was so")


# Resolves a profile as the executable does.
AGAIN = """\
import os, sys
sys.path[:0] = {path!r}
with open({count!r}, "a") as file:
    file.write("x")
assert os.path.getsize({count!r}) < 5, "a fork bomb"
from sts_plugin.engine import Engine
from sts_plugin.errors import StsPluginError
from sts_plugin.watcher import Watcher
engine = Engine(watcher=Watcher(lambda line: print(line, file=sys.stderr)))
try:
    engine.credentials(engine.plan("x"))
except StsPluginError as error:
    sys.exit(error.line)
"""


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("source", "source_profile = b\n[profile b]\ncredential_process = {program}\n"),
        ("token", "web_identity_token_process = {program}\n"),
        ("assertion", "saml_process = {program}\n"),
    ],
)
def test_a_command_that_leads_back_is_refused_and_does_not_wait_for_itself(
    aws, tmp_path, sandbox, kind, text
):
    # Whoever runs it holds the lock that it would wait for, for two minutes.
    count, program = tmp_path / "count", tmp_path / "program"
    code = AGAIN.format(path=sys.path, count=str(count))
    program.write_text(f"#!{sys.executable}\n{code}")
    program.chmod(0o755)
    aws.write(
        f"[profile x]\nregion = r\nrole_arn = {SHARED}:role/Batch\n"
        f"{text.format(program=program)}"
    )
    done = subprocess.run(
        [program],
        env={
            **aws.environ,
            "AWS_ENDPOINT_URL_STS": sandbox.endpoint_url,
            "STS_PLUGIN_CACHE_DIR": str(tmp_path / "cache"),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert "leads back to the same profile" in done.stderr
    assert "waiting" not in done.stderr
    assert count.read_text() == "xx"
    assert len(sandbox.journal) == 0
