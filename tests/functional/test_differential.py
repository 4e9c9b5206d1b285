"""Any configuration gives what it gives with stock botocore, or neither gives anything.

Hypothesis writes files and environments (``configurations``); botocore's own chain and
ours resolve each against one sandbox, and ask it who they are. What differs on purpose
is in ``DIFFERENCES``, with the reason.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import sys
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest import mock

import botocore
import botocore.loaders
import botocore.session
import hypothesis
import pytest
from botocore.awsrequest import AWSResponse

from sts_plugin.engine import Engine, chosen_profile
from sts_plugin.errors import StsPluginError
from sts_plugin.sandbox import Organisation, Sandbox
from sts_plugin.sandbox.organisation import OIDC_PROVIDER_ARN, Role, Trust
from sts_plugin.watcher import Watcher

# Tests are no package: a module beside this one is loaded by its path.
_spec = importlib.util.spec_from_file_location(
    "configurations", Path(__file__).with_name("configurations.py")
)
configurations = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = configurations
_spec.loader.exec_module(configurations)

SUCCEED_AT_LEAST = 0.35
"""Two refusals are easily alike: so many of the configurations must work."""

CHAINS_AT_LEAST = 0.15
"""... and so many with a role at least, which is what this is all about."""


# --- The verdict ---


@dataclass
class Outcome:
    """Who one is in the end, or why not; what STS was asked on the way."""

    identity: str | None = None
    error: str = ""
    calls: list[tuple] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)  # what the sandbox did not get

    def __str__(self):
        calls = "".join(f"\n    {call}" for call in [*self.calls, *self.elsewhere])
        return f"{self.identity or f'refused: {self.error}'}{calls}"


@dataclass(frozen=True)
class Difference:
    """What is meant to differ, told by the errors; "" is a side that works."""

    why: str
    theirs: str = ""
    ours: str = ""

    def covers(self, theirs, ours):
        sides = ((self.theirs, theirs.error), (self.ours, ours.error))
        return all(
            bool(error) == bool(pattern) and re.search(pattern, error)
            for pattern, error in sides
        )


DIFFERENCES = {
    "a-configured-endpoint-needs-no-region": Difference(
        "STS signs for us-east-1 where no region is named, behind a URL, too",
        theirs="^NoRegionError",
    ),
    "an-empty-region-says-nothing": Difference(
        "AWS_DEFAULT_REGION= says no region: that of the profile counts",
        theirs="Credential should be scoped to a valid region",
    ),
    "a-role-behind-temporary-credentials-gets-its-hour": Difference(
        "a role assumed with temporary keys gets the hour that STS allows",
        theirs="DurationSeconds exceeds",
    ),
    "the-blanks-around-a-token-are-dropped": Difference(
        "an editor leaves one at the end of the file, and no token has one",
        theirs="InvalidIdentityToken",
    ),
    "calls-do-not-wait-for-minutes": Difference(
        "our calls have attempts of their own, whatever max_attempts says",
        theirs="^InvalidRetryMode|^InvalidMaxRetryAttempts|^ValueError: .* for int",
    ),
    "a-value-that-cannot-be-right-is-an-error": Difference(
        "botocore drops what is not a number; whoever wrote it meant something",
        ours=r"duration_seconds( = .*)? of profile .* is not a number of seconds",
    ),
}
"""By the heading of docs/compatibility.md that explains each."""


def agree(theirs, ours):
    if theirs.identity or ours.identity:
        same = (theirs.identity, theirs.calls) == (ours.identity, ours.calls)
        return same or any(one.covers(theirs, ours) for one in DIFFERENCES.values())
    # Both were refused; who got as far as AWS must have gone to the same place.
    asked = theirs.elsewhere[:1], ours.elsewhere[:1]
    return not all(asked) or asked[0] == asked[1]


# --- The two sides ---


class Ground:
    """One sandbox and one place for the files, for all cases."""

    def __init__(self, sandbox, folder):
        self.sandbox, self.folder, self.elsewhere = sandbox, folder, []
        self.loader = botocore.loaders.Loader()
        organisation = sandbox.organisation
        self.words = {
            "endpoint": sandbox.endpoint_url,
            "folder": str(folder),
            "role open": organisation.role("Open").arn.lower(),
            "token": str(sandbox.folder / "web-identity-token"),
        }
        self.words |= {f"role {role.name}": role.arn for role in organisation.roles}
        for user in organisation.users:
            self.words[f"{user.name}.id"] = user.access_key_id
            self.words[f"{user.name}.secret"] = user.secret_access_key
        token = sandbox.web_identity_token(lifetime_seconds=36_000)
        self._write("garbage", "a.b.c")
        self._write("empty", "")
        self._write("newline token", f"{token}\n")
        self._mint()
        self._write_processes()

    def prepare(self, session):
        """Make a botocore session fast, and keep it on this machine."""
        session.register_component("data_loader", self.loader)
        session.register("before-send.sts", self._stay_here)

    def both(self, case):
        """Return what stock botocore and what we make of a case."""
        environ = {name: self._filled(value) for name, value in case.environ.items()}
        environ |= {
            "AWS_CONFIG_FILE": str(self.folder / "config"),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_SHARED_CREDENTIALS_FILE": str(self.folder / "credentials"),
            "HOME": str(self.folder / "home"),
            "NO_PROXY": "*",
            "PATH": os.environ["PATH"],
            "STS_PLUGIN_CACHE_DIR": str(self.folder / "cache"),
        }
        for name in ("config", "credentials"):
            text, path = getattr(case, name), self.folder / name
            path.unlink(missing_ok=True)
            if text is not None:
                path.write_text(self._filled(text), encoding="utf-8")
        shutil.rmtree(self.folder / "cache", ignore_errors=True)
        with mock.patch.dict(os.environ, environ, clear=True):
            theirs = self._outcome(_stock, case.explicit, Exception)
            ours = self._outcome(_ours, case.explicit, StsPluginError)
        return theirs, ours

    def _outcome(self, resolve, explicit, refusals):
        self.sandbox.journal.clear()
        self.elsewhere = []
        outcome = Outcome()
        try:
            outcome.identity = _unnamed(resolve(explicit))
        except refusals as error:  # raw ones escape from botocore
            outcome.error = f"{type(error).__name__}: {error}"
        outcome.calls = [self._told(call) for call in self.sandbox.journal.calls()]
        outcome.elsewhere = self.elsewhere
        return outcome

    def _told(self, call):
        users = {self.words[f"{user}.id"]: user for user in configurations.USERS}
        caller = users.get(call.access_key_id) or _unnamed(call.caller_arn)
        arguments = {
            name: _unnamed(value) if name == "RoleSessionName" else value
            for name, value in sorted(call.arguments.items())
        }
        return call.action, call.outcome, caller, call.region, arguments

    def _stay_here(self, request, **_event):
        if request.url.startswith(self.words["endpoint"]):
            return None
        self.elsewhere.append(request.url)
        raw = mock.Mock(stream=lambda: [b"<ErrorResponse></ErrorResponse>"])
        return AWSResponse(request.url, 403, {}, raw)

    def _filled(self, text):
        return re.sub("<([A-Za-z. ]+)>", lambda found: self.words[found[1]], text)

    def _write(self, name, text):
        path = self.folder / name.replace(" ", "-")
        path.write_text(text, encoding="utf-8")
        path.chmod(0o700)
        self.words[name] = str(path)

    def _mint(self):
        """Have temporary keys: those of a user's session and of a role's."""
        with mock.patch.dict(os.environ, {"HOME": str(self.folder)}, clear=True):
            sts = botocore.session.Session().create_client(
                "sts",
                region_name="us-east-1",
                endpoint_url=self.words["endpoint"],
                aws_access_key_id=self.words["bob.id"],
                aws_secret_access_key=self.words["bob.secret"],
            )
        role = {"RoleArn": self.words["role Open"], "RoleSessionName": "assumed"}
        for name, answer in (
            ("session", sts.get_session_token()),
            ("assumed", sts.assume_role(**role)),
        ):
            found = answer["Credentials"]
            self.words[f"{name}.id"] = found["AccessKeyId"]
            self.words[f"{name}.secret"] = found["SecretAccessKey"]
            self.words[f"{name}.token"] = found["SessionToken"]
        sts.close()

    def _write_processes(self):
        def document(user, **also):
            names = {"AccessKeyId": "id", "SecretAccessKey": "secret"}
            keys = {key: self.words[f"{user}.{name}"] for key, name in names.items()}
            found = {"Version": 1, **keys, **also}
            return f"echo '{json.dumps(found)}'"

        def moment(minutes, form):
            return f"{datetime.now(UTC) + timedelta(minutes=minutes):{form}}"

        good, utc = document("bob"), "%Y-%m-%dT%H:%M:%SZ"
        session = {"SessionToken": self.words["session.token"], "AccountId": "1" * 12}
        naive = moment(300, "%Y-%m-%dT%H:%M:%S")
        for name, line in {
            "process": good,
            "session process": document(
                "session", Expiration=moment(300, utc), **session
            ),
            "ended process": document("bob", Expiration=moment(-1, utc)),
            "ending process": document("bob", Expiration=moment(12, utc)),
            "naive process": document("bob", Expiration=naive),
            "other version process": document("bob", Version="1"),
            "null process": document("bob", SessionToken=None, Expiration=None),
            "half process": document("bob").replace("Secret", "Secrete"),
            "noisy process": f"echo nothing >&2; {good}",
            "failing process": f"{good}; exit 1",
            "garbage process": f"echo Welcome; {good}",
        }.items():
            self._write(name, f"#!/bin/sh\n{line}\n")


def _stock(explicit):
    session = botocore.session.Session(profile=explicit)
    session.get_credentials()
    sts = session.create_client("sts")
    try:
        return sts.get_caller_identity()["Arn"]
    finally:
        sts.close()


def _ours(explicit):
    profile, named = chosen_profile(explicit, os.environ)
    engine = Engine(os.environ, watcher=Watcher(lambda _line: None))
    plan = engine.plan(profile, explicit=named)
    return engine.sts(plan).caller_identity(engine.credentials(plan)).arn


def _unnamed(arn):
    """Leave out a session name that nobody chose: the time is in it."""
    return arn and re.sub(r"(botocore-session|sts-plugin)-\d+$", "*", arn)


# --- The tests ---


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    accounts = [f"arn:aws:iam::{digit * 12}:root" for digit in "123"]
    trust = Trust((*accounts, OIDC_PROVIDER_ARN))
    organisation = Organisation.example().with_roles(
        Role("222222222222", "Open", trust, 43_200),
        Role("333333333333", "OpenNext", trust),
    )
    folder = tmp_path_factory.mktemp("differential")
    with Sandbox(folder / "sandbox", organisation=organisation) as sandbox:
        ground = Ground(sandbox, folder)
        botocore.register_initializer(ground.prepare)
        yield ground
        botocore.unregister_initializer(ground.prepare)


def compare(ground, **settings):
    """Compare as many cases as the settings say."""
    tally = Counter()

    @hypothesis.settings(database=None, deadline=None, **settings)
    @hypothesis.given(case=configurations.cases())
    def one(case):
        theirs, ours = ground.both(case)
        if not agree(theirs, ours):
            # On a busy machine an answer may come too late for one side: what differs
            # must differ twice.
            theirs, ours = ground.both(case)
        tally["all"] += 1
        tally["succeed"] += bool(theirs.identity)
        tally["chains"] += bool(theirs.identity and theirs.calls[1:])
        assert agree(theirs, ours), f"\n{case}\n--- botocore: {theirs}\n--- we: {ours}"

    one()
    assert tally["succeed"] >= SUCCEED_AT_LEAST * tally["all"], tally
    assert tally["chains"] >= CHAINS_AT_LEAST * tally["all"], tally


def test_any_configuration_gives_what_stock_botocore_gives(ground):
    compare(ground, max_examples=200, derandomize=True)


@pytest.mark.stress
def test_very_many_configurations_give_what_stock_botocore_gives(ground):
    compare(ground, max_examples=2_000)


def test_every_difference_is_on_the_page():
    page = Path(__file__).parents[2] / "docs" / "compatibility.md"
    headings = re.findall(r"^### (.+)$", page.read_text("utf-8"), re.MULTILINE)
    anchors = {
        re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in headings
    }
    assert DIFFERENCES.keys() <= anchors
