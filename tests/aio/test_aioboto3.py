"""Programs of aioboto3."""

from __future__ import annotations

import asyncio

import aioboto3
from aiobotocore.session import AioSession

import sts_plugin

ADMIN = "arn:aws:sts::333333333333:assumed-role/Admin/"


async def seen(session):
    """Whom AWS takes a client for, and the key that a resource signs with."""
    async with session.client("sts") as client:
        arn = (await client.get_caller_identity())["Arn"]
    async with session.resource("s3") as s3:
        url = await s3.meta.client.generate_presigned_url("list_buckets")
    return arn, url


def test_clients_and_resources_of_a_session(logged_in):
    session = sts_plugin.register(aioboto3.Session(profile_name="prod-admin"))
    arn, url = asyncio.run(seen(session))
    assert arn.startswith(ADMIN)
    key = logged_in.journal.calls()[-1].access_key_id
    assert f"AWSAccessKeyId={key}&" in url or f"Credential={key}%2F" in url


def test_a_registered_core_may_be_given_to_aioboto3_with_a_profile(logged_in):
    core = sts_plugin.register(AioSession())
    session = aioboto3.Session(botocore_session=core, profile_name="prod-admin")
    assert asyncio.run(seen(session))[0].startswith(ADMIN)


def test_keys_that_were_given_to_the_session_stay(logged_in, monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "batch")
    bob = logged_in.organisation.user("bob")
    session = aioboto3.Session(bob.access_key_id, bob.secret_access_key)
    assert asyncio.run(seen(sts_plugin.register(session)))[0].endswith("user/bob")
