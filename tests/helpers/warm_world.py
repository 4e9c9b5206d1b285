"""A small world for the warm hit: two files, a cache, and all that may change in it.

No STS: entries are put where the plan says. What the long way would answer is asked of
the engine, whose STS counts that it was not called.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

from sts_plugin import records, warm
from sts_plugin.document import to_document
from sts_plugin.engine import Engine, chosen_profile
from sts_plugin.errors import StsPluginError, Unreachable
from sts_plugin.model import Credentials, Life, Secret
from sts_plugin.store import DiskStore, Entry
from sts_plugin.watcher import Watcher

PACKAGE = str(records.PACKAGE)
HOUR = timedelta(hours=1)

CONFIG = """\
[default]
region = eu-west-1

[profile one]
role_arn = arn:aws:iam::111111111111:role/One
source_profile = base

[profile two]
role_arn = arn:aws:iam::222222222222:role/Two
source_profile = base
"""
CREDENTIALS = """\
[base]
aws_access_key_id = AKIAAAAAAAAAAAAAAAAA
aws_secret_access_key = secret
"""


class NoSts:
    """An STS that is out of reach, and counts how often it was wanted."""

    def __init__(self):
        self.calls = 0

    def call(self, *_):
        self.calls += 1
        raise Unreachable("there is no STS", sent=False)


class World:
    """The two files and a cache in a folder, and the environment of a process."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.home = self.folder / "home"
        (self.home / ".aws").mkdir(parents=True)
        self.config = self.home / ".aws/config"
        self.credentials = self.home / ".aws/credentials"
        self.config.write_text(CONFIG)
        self.credentials.write_text(CREDENTIALS)
        self.cache = self.folder / "cache"
        self.environ = {
            "HOME": str(self.home),
            "STS_PLUGIN_CACHE_DIR": str(self.cache),
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        self.arguments = ["credential-process", "--profile", "one"]
        self.now = datetime.now(UTC)
        self.issued = self.now
        self.printed = []
        self.renewals = []
        for profile in ("one", "two"):
            self.publish(profile)

    def process(self):
        """Be a process with this environment: a tilde is expanded by os.environ."""
        return patch.dict(os.environ, self.environ, clear=True)

    def engine(self):
        engine = Engine(self.environ, watcher=Watcher(str), now=lambda: self.now)
        sts = NoSts()
        engine.sts = lambda _plan: sts
        return engine

    def plan(self, profile):
        with self.process():
            return self.engine().plan(profile)

    def entry(self, profile):
        return self.cache / f"{self.plan(profile).calls[-1].key}.json"

    def publish(self, profile, life=None):
        life = life or Life(self.issued, self.issued + HOUR)
        found = Credentials(
            f"ASIA{profile.upper()}",
            Secret(f"secret of {profile}"),
            Secret("token"),
            life.expires,
        )
        key = self.plan(profile).calls[-1].key
        DiskStore(self.cache).publish(Entry(key, life, to_document(found), {}))

    def tick(self):
        """Wait until what is changed now has another time than what was before."""
        probe = self.folder / "probe"
        probe.write_text("")
        before = probe.stat().st_ctime_ns
        while probe.stat().st_ctime_ns == before:
            probe.write_text("")

    def leave(
        self,
        *,
        age_seconds=10,
        planning=lambda: None,
        recording=lambda: None,
        printed=None,
    ):
        """Be a run of the long way, which leaves a record if it may.

        The files are as much older than they are. Something may happen before the plan
        is made, and before the record is; something else may have been printed.
        """
        with self.process():
            asked = records.Asked.now(self.arguments, self.environ)
            asked = replace(asked, began=asked.began + age_seconds * 1_000_000_000)
            planning()
            engine = self.engine()
            plan = self._planned(engine)
            if printed is None:
                printed = json.dumps(to_document(engine.credentials(plan))).encode()
            recording()
            records.remember(asked, plan, engine.store, printed=printed, renewable=True)

    def remember(self):
        """Leave the record that a run of the long way would leave."""
        self.tick()
        self.leave()
        self.tick()

    def records(self):
        return sorted(self.cache.glob("*.warm"))

    def _planned(self, engine):
        named = None
        for word, following in zip(
            self.arguments, [*self.arguments[1:], None], strict=True
        ):
            if word == "--profile":
                named = following
            elif word.startswith("--profile="):
                named = word.partition("=")[2]
        profile, explicit = chosen_profile(named, self.environ)
        return engine.plan(profile, explicit=explicit)

    def the_long_way(self):
        """What the long way answers without a call, or None where it cannot."""
        engine = self.engine()
        try:
            with self.process():
                found = engine.credentials(self._planned(engine))
        except StsPluginError:
            return None
        if engine.sts(None).calls:
            return None
        return json.dumps(to_document(found)).encode() + b"\n"

    def the_warm_way(self, monkeypatch):
        """What a warm hit prints, or None for a miss."""
        self.printed.clear()
        self.renewals.clear()

        def show(data):
            self.printed.append(data)
            return 0

        with monkeypatch.context() as patched:
            patched.setattr(warm, "_print", show)
            patched.setattr(warm, "_renew", lambda *a: self.renewals.append(a[1]))
            patched.setattr(warm.time, "time_ns", self._nanoseconds)
            patched.setattr(
                "posix.environ",
                {key.encode(): value.encode() for key, value in self.environ.items()},
            )
            code = warm.hit(self.arguments, PACKAGE)
        assert (code == 0) == bool(self.printed)
        return b"".join(self.printed) or None

    def _nanoseconds(self):
        epoch = datetime(1970, 1, 1, tzinfo=UTC)
        return (self.now - epoch) // timedelta(microseconds=1) * 1000


# --- All that may change ---


def _written(which, text):
    def change(world):
        path = getattr(world, which)
        path.write_text(text)

    return change


def _variable(name, value):
    def change(world):
        if value is None:
            world.environ.pop(name, None)
        else:
            world.environ[name] = value.replace("{folder}", str(world.folder))

    return change


def _arguments(*words):
    def change(world):
        world.arguments = list(words)

    return change


def _later(**span):
    def change(world):
        world.now += timedelta(**span)

    return change


def _entry(work):
    return lambda world: work(world.entry_path)


def _record(work):
    return lambda world: work(world.record_path)


def _held(path):
    """What a file holds; nothing waits for what is none any more."""
    data = path.read_bytes() if path.is_file() else b""
    if not data:
        raise FileNotFoundError(errno.ENOENT, "nothing there", str(path))
    return data


def _flipped(path):
    data = bytearray(_held(path))
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def _cut(path):
    path.write_bytes(_held(path)[:-1])


def _linked(path):
    twin = path.with_name("twin")
    path.rename(twin)
    path.symlink_to(twin)


def _second_name(path):
    path.with_name("second").hardlink_to(path)


def _folder(path):
    path.unlink()
    path.mkdir()


def _fifo(path):
    path.unlink()
    os.mkfifo(path)


def _long(path):
    path.write_bytes(_held(path) + b" " * 70_000)


def _others(path):
    path.chmod(0o640)


def _in_place(path):
    """Change a file and let it look, to utime, as it was."""
    found = path.stat()
    path.write_text(CONFIG.replace("role/One", "role/Six"))
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


def _replaced(path, text, mode=0o644):
    new = path.with_name("new")
    new.write_text(text)
    new.chmod(mode)
    new.rename(path)


def _elsewhere(world):
    other = world.folder / "others"
    other.write_text(CREDENTIALS.replace("AKIAA", "AKIAC"))
    world.credentials.unlink()
    world.credentials.symlink_to(other)


def _renewed(world):
    world.now += timedelta(minutes=50)
    world.publish("one", Life(world.now, world.now + HOUR))


ROLE_TWO = CONFIG.replace("role/One", "role/Three")
HARMFUL = {
    "config: another role": _written("config", ROLE_TWO),
    "config: roles swapped": _written(
        "config", CONFIG.replace("one", "x").replace("two", "one").replace("x]", "two]")
    ),
    "config: a region": _written("config", CONFIG.replace("[default]", "[profile d]")),
    "config: an external id": _written("config", CONFIG + "external_id = x\n"),
    "config: the profile is gone": _written("config", CONFIG.replace("one", "three")),
    "config: a comment": _written("config", CONFIG + "# a comment\n"),
    "config: no config at all": _written("config", "not a config\n"),
    "config: gone": lambda world: world.config.unlink(),
    "config: a folder": lambda world: _folder(world.config),
    "config: same size, same time": lambda world: _in_place(world.config),
    "config: replaced": lambda world: _replaced(world.config, ROLE_TWO),
    "credentials: another key": _written(
        "credentials", CREDENTIALS.replace("AKIAA", "AKIAB")
    ),
    "credentials: a profile of the same name": _written(
        "credentials",
        CREDENTIALS + "[one]\nrole_arn = arn:aws:iam::111111111111:role/Other\n"
        "source_profile = base\n",
    ),
    "credentials: gone": lambda world: world.credentials.unlink(),
    "credentials: a link to others": _elsewhere,
    "environ: AWS_PROFILE": _variable("AWS_PROFILE", "two"),
    "environ: AWS_DEFAULT_REGION": _variable("AWS_DEFAULT_REGION", "us-east-2"),
    "environ: AWS_CONFIG_FILE": _variable("AWS_CONFIG_FILE", "{folder}/other"),
    "environ: AWS_SHARED_CREDENTIALS_FILE": _variable(
        "AWS_SHARED_CREDENTIALS_FILE", "{folder}/other"
    ),
    "environ: AWS_ENDPOINT_URL_STS": _variable(
        "AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1"
    ),
    "environ: AWS_STS_REGIONAL_ENDPOINTS": _variable(
        "AWS_STS_REGIONAL_ENDPOINTS", "legacy"
    ),
    "environ: AWS_SOURCE_IDENTITY": _variable("AWS_SOURCE_IDENTITY", "somebody"),
    "environ: AWS_SESSION_TAGS": _variable("AWS_SESSION_TAGS", "a=b"),
    "environ: keys": _variable("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENT"),
    "environ: HOME": _variable("HOME", "{folder}"),
    "environ: no HOME": _variable("HOME", None),
    "environ: another cache": _variable("STS_PLUGIN_CACHE_DIR", "{folder}/other"),
    "environ: a sealed cache": _variable("STS_PLUGIN_CACHE_ENCRYPTION", "keychain"),
    "environ: no use": _variable("STS_PLUGIN_PROMPT_SECONDS", "x"),
    "environ: how text is read": _variable("LC_ALL", "C"),
    "environ: how text is written": _variable("PYTHONIOENCODING", "utf-16"),
    "arguments: another profile": _arguments("credential-process", "--profile", "two"),
    "arguments: no profile": _arguments("credential-process"),
    "arguments: another spelling": _arguments("credential-process", "--profile=one"),
    "arguments: too many": _arguments("credential-process", "--profile", "one", "x"),
    "arguments: help": _arguments("credential-process", "--profile", "one", "--help"),
    "arguments: another command": _arguments("explain", "--profile", "one"),
    "clock: renewal is due": _later(minutes=45),
    "clock: it is over": _later(minutes=61),
    "clock: set back": _later(minutes=-6),
    "entry: gone": _entry(os.unlink),
    "entry: a bit": _entry(_flipped),
    "entry: cut": _entry(_cut),
    "entry: empty": _entry(lambda path: _held(path) and path.write_bytes(b"")),
    "entry: another's": lambda world: _replaced(
        world.entry_path, world.other_entry_path.read_text(), mode=0o600
    ),
    "entry: open to others": _entry(_others),
    "entry: a link": _entry(_linked),
    "entry: two names": _entry(_second_name),
    "entry: a folder": _entry(_folder),
    "entry: a FIFO": _entry(_fifo),
    "entry: long": _entry(_long),
    "entry: as an older version wrote it": _entry(
        lambda path: path.write_text(
            json.dumps(
                {k: v for k, v in json.loads(_held(path)).items() if k != "stamp"}
            )
        )
    ),
    "record: gone": _record(os.unlink),
    "record: a bit": _record(_flipped),
    "record: cut": _record(_cut),
    "record: open to others": _record(_others),
    "record: a link": _record(_linked),
    "record: two names": _record(_second_name),
    "record: a FIFO": _record(_fifo),
    "folder: open to others": lambda world: world.cache.chmod(0o750),
    "folder: a link": lambda world: _linked(world.cache),
    "folder: gone": lambda world: shutil.rmtree(world.cache),
}
"""Each of these, alone, makes a hit a miss."""

HARMLESS = {
    "nothing": lambda _world: None,
    "environ: another variable": _variable("EDITOR", "vi"),
    "clock: half an hour": _later(minutes=44),
    "clock: a little back": _later(minutes=-4),
    "config: read": lambda world: world.config.read_text(),
    "entry: the same once more": lambda world: world.publish("one"),
    "entry: a newer one": _renewed,
}
"""None of these makes a hit a miss."""
