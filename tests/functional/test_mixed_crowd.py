"""Programs of all kinds, at once, on one terminal with a cold cache: one prompt."""

from __future__ import annotations

import shlex

import pytest
from buckets import Buckets
from clients import CLIENTS, INSIDE, World
from herd import await_that

ROLES = {
    "audit": "arn:aws:sts::222222222222:assumed-role/Audit/",
    "prod-admin": "arn:aws:sts::333333333333:assumed-role/Admin/",
    "partner": "arn:aws:sts::444444444444:assumed-role/Partner/",
}
"""All of them behind one device; of two, the first hop is a role of its own."""

CALLED = {"Audit", "Jump", "Admin", "Partner"}

CROWD = [one for one in (*INSIDE, *CLIENTS) if not one.missing]


@pytest.fixture
def world(sandbox, tmp_path):
    with Buckets(sandbox) as buckets:
        yield World(sandbox, buckets, tmp_path)


def test_one_prompt_serves_clients_of_every_kind(sandbox, terminal, world, tmp_path):
    members = [(one, profile) for one in CROWD for profile in ROLES]
    gate = tmp_path / "gate"
    jobs = [
        f"({_until(gate) if client.impatient else ''}"
        f"AWS_PROFILE={profile} {shlex.join(client.words)} </dev/null"
        f" >{tmp_path}/out.{number} 2>{tmp_path}/err.{number};"
        f" echo $? >{tmp_path}/code.{number}) &"
        for number, (client, profile) in enumerate(members)
    ]
    # A busy machine starts them slowly.
    environ = world.environ | {"STS_PLUGIN_PROMPT_SECONDS": "300"}
    shell = terminal(" ".join(jobs) + " wait; :", **environ)
    # Nobody answers before all are there and wait, but for those who run no process.
    running = [client for client, _ in members if client in CLIENTS]
    patient = [client for client in running if not client.impatient]
    await_that(lambda: len(world.runs) >= len(patient), 300)
    gate.touch()
    await_that(lambda: len(world.runs) >= len(running))
    shell.answer(sandbox.code())
    shell.child.timeout = 120
    assert shell.end()[0] == 0
    for number, member in enumerate(members):
        code = (tmp_path / f"code.{number}").read_text().strip()
        assert code == "0", (member, (tmp_path / f"err.{number}").read_text())
    assert shell.prompts == 1
    assert shell.echoes

    # Everybody was served, each with the role that it asked for.
    for service in {client.service for client in CROWD}:
        some = next(client for client in CROWD if client.service == service)
        seen = {(key, arn.rpartition("/")[0] + "/") for key, arn in world.seen(some)}
        assert {arn for _, arn in seen} == set(ROLES.values())
        assert len(seen) == len(ROLES)
    for number, (client, profile) in enumerate(members):
        said = (tmp_path / f"out.{number}").read_text()
        if client.service == "sts":
            assert said.startswith(ROLES[profile]), client

    count = sandbox.journal.count
    assert count("GetSessionToken") == 1
    assert count("AssumeRole") == len(CALLED)
    assert count() == count(outcome="ok")


def _until(gate):
    """Return shell code that waits for a file."""
    return f"until [ -e {gate} ]; do sleep 0.1; done; "
