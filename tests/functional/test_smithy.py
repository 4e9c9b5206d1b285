"""The AWS SDK for Python v4 finds us in its chain; see test_sdks.py for the rest."""

from __future__ import annotations

import asyncio
import copy
import sys

import pytest
from herd import await_that

if sys.version_info < (3, 12):
    pytest.skip("the SDK wants Python 3.12", allow_module_level=True)

from aws_sdk_sts.client import AsyncSTSClient
from aws_sdk_sts.config import AsyncSTSConfig
from aws_sdk_sts.models import GetCallerIdentityInput
from smithy_aws_core.identity import AWSCredentialsIdentity
from smithy_aws_core.identity.chain import IdentityChain
from smithy_core.exceptions import SmithyIdentityError

ADMIN = "arn:aws:sts::333333333333:assumed-role/Admin/"
ASKS = GetCallerIdentityInput()


@pytest.fixture(autouse=True)
def _in_the_sandbox(environ, monkeypatch):
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)


async def arn(config=None):
    async with AsyncSTSClient(config) as client:
        return (await client.get_caller_identity(ASKS)).arn


def chain_of(profile):
    return IdentityChain.create(AWSCredentialsIdentity, profile_name=profile)


def names(chain):
    return [one.provider_name for one in chain._resolvers]


def test_a_profile_of_the_environment(logged_in, monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "prod-admin")
    assert asyncio.run(arn()).startswith(ADMIN)


def test_an_explicit_profile_wins_over_keys_in_the_environment(logged_in, monkeypatch):
    bob = logged_in.organisation.user("bob")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", bob.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", bob.secret_access_key)

    async def both():
        config = await AsyncSTSConfig.resolve(profile="prod-admin")
        return await arn(config), await arn()

    explicit, not_explicit = asyncio.run(both())
    assert explicit.startswith(ADMIN)
    assert not_explicit.endswith("user/bob")


def test_a_profile_that_is_not_ours_is_left_to_the_sdk(sandbox):
    chain = asyncio.run(chain_of("bob"))
    assert "sts-plugin" not in names(chain)
    assert "sts-plugin" in names(asyncio.run(chain_of("prod-admin")))
    assert sandbox.journal.calls() == ()  # nobody was asked


def test_a_profile_of_other_files_than_ours_is_left_to_the_sdk(
    sandbox, write_config, tmp_path
):
    other = tmp_path / "config"
    role = "role_arn = arn:aws:iam::222222222222:role/Other\nsource_profile = bob\n"
    other.write_text(f"[profile prod-admin]\n{role}")

    async def served(path):
        config = await AsyncSTSConfig.resolve(
            profile="prod-admin", config_file_path=str(path)
        )
        async with AsyncSTSClient(config) as client:
            found = await client._ensure_setup()
        return "sts-plugin" in names(found.aws_credentials_identity_resolver)

    assert not asyncio.run(served(other))
    assert asyncio.run(served(sandbox.folder / "config"))
    write_config(f"[profile prod-admin]\n{role.replace('bob', 'bob # of us')}")
    assert asyncio.run(served(sandbox.folder / "config"))


def test_a_user_with_a_device_gets_an_mfa_session(logged_in, monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "alice")
    assert asyncio.run(arn()).endswith("user/alice")
    assert logged_in.journal.calls()[-1].access_key_id.startswith("ASIA")


def test_a_wrong_profile_is_told_of_when_credentials_are_needed(sandbox, write_config):
    write_config("[profile a]\nrole_arn = arn:aws:iam::222222222222:role/X\n")

    async def identity():
        chain = await chain_of("a")
        return await chain.get_identity(properties={})

    with pytest.raises(SmithyIdentityError, match="nothing to assume it from") as found:
        asyncio.run(identity())
    assert "sts-plugin: " in str(found.value)


def test_fifty_tasks_share_one_resolution(logged_in):
    async def keys():
        chain = await chain_of("prod-admin")
        found = await asyncio.gather(
            *(chain.get_identity(properties={}) for _ in range(50))
        )
        return {one.access_key_id for one in found}

    assert len(asyncio.run(keys())) == 1
    assert logged_in.journal.count("AssumeRole") == 2


def test_an_identity_is_handed_out_while_it_is_good_and_had_anew_when_it_is_not(
    logged_in,
):
    async def seen():
        (resolver,) = [
            one.resolver
            for one in (await chain_of("prod-admin"))._resolvers
            if one.provider_name == "sts-plugin"
        ]
        first = await resolver.get_identity(properties={})
        again = await resolver.get_identity(properties={})
        assert again is first
        assert copy.deepcopy(resolver) is resolver
        await resolver.invalidate()
        other = await resolver.get_identity(properties={})
        assert other is not first
        assert other == first  # from the cache
        return first

    first = asyncio.run(seen())
    assert first.account_id == "333333333333"
    assert logged_in.journal.count("AssumeRole") == 2


def test_the_loop_goes_on_while_somebody_is_asked(sandbox, terminal, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "import asyncio\n"
        "from smithy_aws_core.identity import AWSCredentialsIdentity\n"
        "from smithy_aws_core.identity.chain import IdentityChain\n"
        "async def main():\n"
        "    chain = await IdentityChain.create(\n"
        "        AWSCredentialsIdentity, profile_name='audit')\n"
        "    task = asyncio.create_task(chain.get_identity(properties={}))\n"
        "    ticks = 0\n"
        "    while not task.done():\n"
        "        await asyncio.sleep(0.01)\n"
        "        ticks += 1\n"
        f"        open({str(tmp_path / 'ticks')!r}, 'w').write(str(ticks))\n"
        "    print((await task).account_id)\n"
        "asyncio.run(main())\n"
    )
    one = terminal(f"{sys.executable} {program}")

    def ticks():
        path = tmp_path / "ticks"
        return int((path.exists() and path.read_text()) or 0)

    one.child.expect_exact("MFA code of")
    before = ticks()
    await_that(lambda: ticks() > before + 20)  # while it is asked for
    one.child.expect_exact("): ")
    one.type(sandbox.code())
    assert one.end()[:2] == (0, "222222222222\n")
    assert one.prompts == 1
