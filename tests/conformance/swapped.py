"""Route "swapped": our provider in the place of botocore's ``AssumeRoleProvider``.

A pytest plugin, loaded before any test module imports that name. botocore's unit tests
make the provider themselves, out of parts of their own: a configuration that is a dict,
a client that is a mock, a prompter, sources of credentials, a clock. The adapter hands
our provider these parts and no more: who is whose source, which calls are made with
which arguments, what is kept and when it is renewed is decided by the engine.
"""

from __future__ import annotations

import configparser
import getpass
import os
import tempfile
from datetime import datetime
from pathlib import Path
from unittest import mock

import botocore.credentials
from botocore.utils import parse_timestamp

from sts_plugin.engine import Engine
from sts_plugin.errors import NothingHere
from sts_plugin.model import Credentials, Secret
from sts_plugin.plugins.botocore import StsPluginProvider
from sts_plugin.watcher import Watcher

CREDENTIAL_SOURCES = {
    "environment": "Environment",
    "container": "EcsContainer",
    "instance": "Ec2InstanceMetadata",
}


def local_now():
    return botocore.credentials._local_now()  # looked up late: tests replace it


class AssumeRoleProvider(StsPluginProvider):
    """Our provider with the constructor of botocore's."""

    METHOD = "assume-role"
    CANONICAL_NAME = None

    def __init__(
        self,
        load_config,
        client_creator,
        cache,
        profile_name,
        prompter=getpass.getpass,
        credential_sourcer=None,
        profile_provider_builder=None,
    ):
        super().__init__(Host(load_config, profile_name), engines=self)
        self.cache = cache
        self._load_config = load_config
        self._folder = tempfile.TemporaryDirectory(prefix="conformance-")
        self._parts = {
            "client_creator": client_creator,
            "prompter": prompter,
            "sourcer": credential_sourcer,
            "builder": profile_provider_builder,
        }

    def load(self):
        found = super().load()
        if found is not None:
            found._time_fetcher = local_now
        return found

    def get(self, _environ, _make):
        """Return the engine of the test: the provider takes us for its ``Engines``."""
        config = Path(self._folder.name) / "config"
        write_config(config, self._load_config()["profiles"])
        environ = {
            **os.environ,
            "AWS_CONFIG_FILE": str(config),
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "STS_PLUGIN_CACHE_DIR": str(Path(self._folder.name) / "cache"),
        }
        return EngineOfTheTest(environ, **self._parts)


class Host:
    """What our provider asks of the session that it is registered in."""

    def __init__(self, load_config, profile):
        self._load_config = load_config
        self._variables = {"profile": profile}

    @property
    def full_config(self):
        return self._load_config()

    def instance_variables(self):
        return self._variables

    def get_config_variable(self, name):
        return self._variables.get(name)


class EngineOfTheTest(Engine):
    """The engine, with the client, the prompter and the sources of the test."""

    def __init__(self, environ, *, client_creator, prompter, sourcer, builder):
        super().__init__(
            environ,
            watcher=Watcher(lambda _line: None),
            session=lambda _profile: Clients(client_creator),
            now=local_now,
        )
        self._prompter = prompter
        self._sourcer = sourcer
        self._builder = builder

    def credentials(self, plan, **options):
        with mock.patch.multiple(
            "sts_plugin.engine",
            sources=lambda *_, **__: [Codes(self._prompter)],
            load_source=lambda hop, *_, **__: self._source(hop),
        ):
            return super().credentials(plan, **options)

    def _source(self, hop):
        if name := CREDENTIAL_SOURCES.get(hop.kind):
            found = self._sourcer.source_credentials(name)
        else:
            found = self._from_profile(hop.profile)
        if found is None:
            raise NothingHere(f"there are no {hop.kind} credentials")
        keys = found.get_frozen_credentials()
        token = Secret(keys.token) if keys.token else None
        return Credentials(keys.access_key, Secret(keys.secret_key), token)

    def _from_profile(self, profile):
        config = self._environ["AWS_CONFIG_FILE"]
        providers = [botocore.credentials.ConfigProvider(config, profile)]
        if self._builder:
            providers = self._builder.providers(
                profile_name=profile, disable_env_vars=True
            )
        return botocore.credentials.CredentialResolver(providers).load_credentials()


class Codes:
    """The test's prompter as a source of codes."""

    name = "terminal"
    automatic = False
    attempts = 3

    def __init__(self, prompter):
        self._prompter = prompter

    def ask(self, question):
        return self._prompter(f"Enter MFA code for {question.device}: ")


class Clients:
    """A session whose clients are the test's: it counts calls and their keywords."""

    def __init__(self, client_creator):
        self._create = client_creator

    def create_client(self, name, **kwargs):
        keys = {key: value for key, value in kwargs.items() if key.startswith("aws_")}
        return Client(self._create(name, **keys))


class Client:
    """The test's client. Its answers are made as botocore's parser makes them."""

    def __init__(self, client):
        self._client = client

    def __getattr__(self, name):
        def call(**kwargs):
            spelled = {key: as_the_test_has_it(value) for key, value in kwargs.items()}
            answer = getattr(self._client, name)(**spelled)
            issued = dict(answer["Credentials"])
            if not isinstance(issued["Expiration"], datetime):
                issued["Expiration"] = parse_timestamp(issued["Expiration"])
            return {**answer, "Credentials": issued}

        return call


# The unit tests name a role "myrole" and a device "mfa". AWS has no such names, and we
# would refuse them: the engine gets ARNs instead, which the test's client never sees.

MADE_UP = {
    "role_arn": "arn:aws:iam::123456789012:role/made-up-",
    "mfa_serial": "arn:aws:iam::123456789012:mfa/made-up-",
}


MODE = {"sts_plugin_mfa_mode": "direct"}
"""The mode in which MFA takes the calls that botocore makes."""


def as_an_arn(key, value):
    made_up = MADE_UP.get(key)
    if made_up is None or value.startswith("arn:aws:iam::123456789012:"):
        return value
    return made_up + value.encode().hex()


def as_the_test_has_it(value):
    for made_up in MADE_UP.values():
        if isinstance(value, str) and value.startswith(made_up):
            return bytes.fromhex(value.removeprefix(made_up)).decode()
    return value


def write_config(path, profiles):
    parser = configparser.RawConfigParser()
    for name, settings in profiles.items():
        parser[f'profile "{name}"'] = MODE | {
            key: as_an_arn(key, value)
            for key, value in settings.items()
            if not isinstance(value, dict)
        }
    with path.open("w", encoding="utf-8") as file:
        parser.write(file)


botocore.credentials.AssumeRoleProvider = AssumeRoleProvider
