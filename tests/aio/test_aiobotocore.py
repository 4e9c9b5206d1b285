"""Programs of asyncio with the provider registered in their sessions."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading

import anyio
import pytest
from aiobotocore.config import AioConfig
from aiobotocore.credentials import AioCredentials
from aiobotocore.httpxsession import HttpxSession
from aiobotocore.session import AioSession
from botocore.exceptions import CredentialRetrievalError, InvalidConfigError
from tasks import FIFTY, ONE_OF_EACH, actions, crowd, in_loops, triple

import sts_plugin
from sts_plugin.errors import CannotAsk, ConfigurationError, Unreachable
from sts_plugin.plugins.fetch import Fetch
from sts_plugin.sandbox import Sandbox

ADMIN = "arn:aws:sts::333333333333:assumed-role/Admin/"


@pytest.fixture
def silent(tmp_path):
    """A sandbox in which nobody has to be asked, as ``sandbox``."""
    with Sandbox(tmp_path / "silent", totp_file=True) as running:
        yield running


@pytest.fixture
def in_silent(silent, monkeypatch):
    for name, value in silent.environ().items():
        monkeypatch.setenv(name, value)
    return silent


def new_session(profile="prod-admin"):
    return sts_plugin.register(AioSession(profile=profile))


async def arn(session):
    async with session.create_client("sts") as client:
        return (await client.get_caller_identity())["Arn"]


# --- Which sessions, which profiles ---


def test_an_explicit_profile(logged_in):
    assert asyncio.run(arn(new_session())).startswith(ADMIN)


def test_a_profile_from_the_environment(logged_in, monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "prod-admin")
    assert asyncio.run(arn(sts_plugin.register(AioSession()))).startswith(ADMIN)


def test_a_profile_that_is_set_after_registering(logged_in):
    session = sts_plugin.register(AioSession())
    session.set_config_variable("profile", "prod-admin")
    assert asyncio.run(arn(session)).startswith(ADMIN)


def test_a_profile_that_is_not_ours_is_left_to_aiobotocore(sandbox):
    credentials = asyncio.run(new_session("bob").get_credentials())
    assert credentials.method == "shared-credentials-file"


def test_providers_that_were_there_stay_there(sandbox):
    class Mine:
        METHOD = "mine"

        async def load(self):
            return AioCredentials("MINE", "secret", method="mine")

    session = AioSession(profile="prod-admin")
    chain = session.get_component("credential_provider")
    chain.insert_before("assume-role", Mine())
    sts_plugin.register(session)
    names = [provider.METHOD for provider in chain.providers]
    assert names.index("mine") < names.index("sts-plugin") < names.index("assume-role")
    sts_plugin.register(session)
    assert [provider.METHOD for provider in chain.providers] == names
    assert asyncio.run(session.get_credentials()).access_key == "MINE"


def test_keys_in_the_environment_win_as_they_do_in_botocore(logged_in, monkeypatch):
    bob = logged_in.organisation.user("bob")
    monkeypatch.setenv("AWS_PROFILE", "prod-admin")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", bob.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", bob.secret_access_key)
    session = sts_plugin.register(AioSession())
    assert asyncio.run(arn(session)).endswith("user/bob")


def test_our_own_process_may_lead_to_keys_without_an_expiry(sandbox, write_config):
    write_config(
        "[profile p]\nregion = us-east-1\n"
        "credential_process = sts-plugin credential-process --profile bob\n"
    )
    session = new_session("p")
    assert asyncio.run(arn(session)).endswith("user/bob")
    credentials = asyncio.run(session.get_credentials())
    assert isinstance(credentials, AioCredentials)
    assert credentials.method == "sts-plugin"


def test_our_own_process_may_lead_to_keys_of_somebody_else_that_expire(
    sandbox, write_config, tmp_path
):
    keys = {
        "Version": 1,
        "AccessKeyId": "ASIAFOREIGN",
        "SecretAccessKey": "secret",
        "SessionToken": "token",
        "Expiration": "2099-01-01T00:00:00Z",
    }
    (tmp_path / "keys").write_text(json.dumps(keys))
    write_config(
        "[profile p]\nregion = us-east-1\n"
        "credential_process = sts-plugin credential-process --profile foreign\n"
        f"[profile foreign]\ncredential_process = cat {tmp_path / 'keys'}\n"
    )
    assert asyncio.run(triple(new_session("p")))[0] == "ASIAFOREIGN"


def test_loading_asks_nobody_and_makes_no_call(sandbox):
    credentials = asyncio.run(new_session().get_credentials())
    assert credentials.method == "assume-role"
    assert sandbox.journal.calls() == ()


PROGRAM = """
import sys
import threading
import boto3, sts_plugin
sts_plugin.register(boto3.Session(profile_name="prod-admin"))
print(sorted(name for name in sys.modules if "aio" in name))
"""


def test_a_session_of_boto3_does_not_pay_for_it(environ):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environ, capture_output=True, check=True
    )
    assert done.stdout == b"[]\n"


# --- One resolution ---


def test_fifty_tasks_on_one_session_are_one_resolution(in_silent):
    async def main():
        session = new_session()
        return await crowd(*[lambda: triple(session)] * FIFTY)

    assert len(set(asyncio.run(main()))) == 1
    assert actions(in_silent) == ONE_OF_EACH


def test_fifty_tasks_without_a_cache_are_one_resolution(
    in_silent, monkeypatch, tmp_path
):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("STS_PLUGIN_CACHE_DIR", str(tmp_path / "file" / "cache"))

    async def main():
        session = new_session()
        return await crowd(*[lambda: triple(session)] * FIFTY)

    assert len(set(asyncio.run(main()))) == 1
    assert actions(in_silent) == ONE_OF_EACH


def test_sessions_in_the_loops_of_several_threads_are_one_resolution(in_silent):
    async def main():
        sessions = [new_session() for _ in range(5)]
        return set(await crowd(*[lambda one=one: triple(one) for one in sessions]))

    found = in_loops(*[main] * 4)
    assert len(found) == 4
    assert len(set.union(*found)) == 1
    assert actions(in_silent) == ONE_OF_EACH


def test_one_session_serves_one_loop_after_the_other(in_silent):
    in_silent.lifetime_seconds = 4  # so that each loop has something to wait for
    session = new_session()

    async def main():
        return await crowd(*[lambda: triple(session)] * 5)

    assert len({one for _ in range(3) for one in asyncio.run(main())}) in {1, 2}


def test_a_task_that_names_another_profile_meanwhile_is_somebody_else(logged_in):
    async def main():
        session = sts_plugin.register(AioSession(profile="prod-admin"))
        provider = next(
            one
            for one in session.get_component("credential_provider").providers
            if one.METHOD == "sts-plugin"
        )
        first = asyncio.create_task(provider.load())
        await asyncio.sleep(0)
        session.set_config_variable("profile", "audit")
        second = await provider.load()
        frozen = [await one.get_frozen_credentials() for one in (await first, second)]
        return [one.account_id for one in frozen]

    assert asyncio.run(main()) == ["333333333333", "222222222222"]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_session_of_anyio_is_one_resolution_on_either_backend(in_silent, backend):
    keys = set()

    async def main():
        session = new_session()
        session.set_default_client_config(AioConfig(http_session_cls=HttpxSession))

        async def one():
            keys.add(await triple(session))

        async with anyio.create_task_group() as group:
            for _ in range(FIFTY):
                group.start_soon(one)

    anyio.run(main, backend=backend)
    assert len(keys) == 1
    assert actions(in_silent) == ONE_OF_EACH


def test_a_task_of_trio_that_gave_up_wants_no_credentials(in_silent):
    async def main():
        session = new_session()
        with anyio.move_on_after(0):
            await triple(session)
        return await triple(session)

    assert anyio.run(main, backend="trio")


# --- Over time ---


def test_short_sessions_are_renewed_under_a_running_client(logged_in):
    logged_in.lifetime_seconds = 4

    async def main():
        seen = set()
        async with new_session().create_client("sts") as client:
            while len(seen) < 3:
                found = await client.get_caller_identity()
                assert found["Arn"].startswith(ADMIN)
                seen.add(logged_in.journal.calls()[-1].access_key_id)

    asyncio.run(main())
    assert logged_in.journal.count(outcome="ok") == logged_in.journal.count()
    assert logged_in.journal.count("GetSessionToken") == 0


def test_a_set_that_is_good_for_some_minutes_is_handed_out_while_the_next_is_got(
    logged_in,
):
    logged_in.lifetime_seconds = 700  # less than 15 minutes, more than 10

    async def main():
        session = new_session("batch")
        first = await triple(session)
        calls = logged_in.journal.count("AssumeRole")
        assert await triple(session) == first
        await asyncio.to_thread(logged_in.journal.wait_for, calls + 1, "AssumeRole")

    asyncio.run(main())


# --- What goes wrong ---


def test_what_goes_wrong_is_botocores_error_with_ours_as_its_cause(
    sandbox, write_config, mocker
):
    mocker.patch("sts_plugin.terminal.DEVICE", "/nowhere")
    with pytest.raises(CredentialRetrievalError, match="sts-plugin login") as caught:
        asyncio.run(arn(new_session("audit")))
    assert isinstance(caught.value.__cause__, CannotAsk)
    write_config("[profile a]\nrole_arn = arn:aws:iam::222222222222:role/X\n")
    with pytest.raises(InvalidConfigError, match="source_profile") as caught:
        asyncio.run(new_session("a").get_credentials())
    assert isinstance(caught.value.__cause__, ConfigurationError)


def test_the_proxies_of_the_session_count_for_our_calls(sandbox, monkeypatch):
    session = new_session("batch")
    nowhere = AioConfig(proxies={"http": "http://127.0.0.1:9"})
    session.set_default_client_config(nowhere)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(CredentialRetrievalError) as caught:
        asyncio.run(triple(session))
    assert isinstance(caught.value.__cause__, Unreachable)
    assert sandbox.journal.calls() == ()


@pytest.mark.parametrize("cached", [False, True], ids=["cold", "cached"])
def test_the_user_agent_says_how_each_task_has_its_credentials(in_silent, cached):
    agents = []

    async def one(session):
        async with session.create_client("sts") as client:
            client.meta.events.register(
                "before-send.sts",
                lambda request, **_: agents.append(request.headers["User-Agent"]),
            )
            await client.get_caller_identity()

    async def main():
        if cached:
            await arn(new_session())
        session = new_session()
        await crowd(*[lambda: one(session)] * 10)

    asyncio.run(main())
    metrics = {
        frozenset(str(agent).partition(" m/")[2].partition(" ")[0].split(","))
        for agent in agents
    }
    assert len(agents) == 10
    assert len(metrics) == 1
    assert "i" in metrics.pop()  # CREDENTIALS_STS_ASSUME_ROLE


@pytest.mark.parametrize("name", ["known", "long_way", "__call__"])
def test_no_work_of_ours_is_done_in_the_thread_of_the_loop(
    in_silent, monkeypatch, name
):
    work, threads = getattr(Fetch, name), set()

    def noted(self):
        threads.add(threading.get_ident())
        return work(self)

    monkeypatch.setattr(Fetch, name, noted)
    asyncio.run(crowd(*[lambda: triple(new_session())] * 3))
    assert threads
    assert threading.get_ident() not in threads
