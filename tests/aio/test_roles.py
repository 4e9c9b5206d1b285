"""``sts_plugin.assume_role`` and ``register_everywhere`` in programs of asyncio."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import aioboto3
import pytest
from aiobotocore.credentials import AioRefreshableCredentials
from aiobotocore.session import AioSession
from botocore.exceptions import CredentialRetrievalError
from tasks import crowd

import sts_plugin
from sts_plugin.errors import ConfigurationError

ROLE = "arn:aws:iam::222222222222:role/"
ADMIN = "arn:aws:iam::333333333333:role/Admin"


async def arn(session):
    make = getattr(session, "create_client", None) or session.client
    async with make("sts") as client:
        return (await client.get_caller_identity())["Arn"]


def test_a_role_of_each_kind_of_session_is_of_that_kind(sandbox):
    for parent in (AioSession(profile="bob"), aioboto3.Session(profile_name="bob")):
        role = sts_plugin.assume_role(parent, f"{ROLE}Batch", region_name="eu-west-3")
        assert type(role) is type(parent)
        core = getattr(role, "_session", role)
        assert core.get_config_variable("region") == "eu-west-3"
        assert "assumed-role/Batch/" in asyncio.run(arn(role))


def test_a_chain_of_sessions_is_a_chain_of_roles(logged_in):
    jump = sts_plugin.assume_role(AioSession(profile="alice"), f"{ROLE}Jump")
    admin = sts_plugin.assume_role(jump, ADMIN)
    assert "assumed-role/Admin/" in asyncio.run(arn(admin))
    assert logged_in.journal.count("AssumeRole") == 2
    assert logged_in.journal.count("GetSessionToken") == 0


def test_fifty_tasks_share_one_resolution(sandbox):
    role = sts_plugin.assume_role(AioSession(profile="bob"), f"{ROLE}Batch")

    async def key():
        credentials = await role.get_credentials()
        return (await credentials.get_frozen_credentials()).access_key

    assert len(set(asyncio.run(crowd(*[key] * 50)))) == 1
    assert sandbox.journal.count("AssumeRole") == 1


def test_keys_that_a_program_has_sign_the_call(sandbox):
    bob = sandbox.organisation.user("bob")
    parent = aioboto3.Session(bob.access_key_id, bob.secret_access_key)
    role = sts_plugin.assume_role(parent, f"{ROLE}Batch")
    assert "assumed-role/Batch/" in asyncio.run(arn(role))


def test_a_parent_that_renews_itself_in_its_loop_is_told_of(sandbox):
    async def renewed():
        raise AssertionError("nobody may ask in another loop")

    parent = AioSession()
    parent._credentials = AioRefreshableCredentials(
        "a", "b", "c", None, renewed, method="mine"
    )
    with pytest.raises(CredentialRetrievalError, match=r"\(mine\)") as caught:
        asyncio.run(arn(sts_plugin.assume_role(parent, f"{ROLE}Batch")))
    assert isinstance(caught.value.__cause__, ConfigurationError)


def test_sessions_of_asyncio_are_registered_everywhere_as_well(logged_in, environ):
    text = (
        "import asyncio, sts_plugin\n"
        "sts_plugin.register_everywhere()\n"
        "from aiobotocore.session import get_session\n"
        "async def main():\n"
        "    async with get_session().create_client('sts') as client:\n"
        "        print((await client.get_caller_identity())['Arn'])\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", text],
        env=environ | {"AWS_PROFILE": "prod-admin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert ":assumed-role/Admin/" in done.stdout
    assert logged_in.journal.count("GetSessionToken") == 0
