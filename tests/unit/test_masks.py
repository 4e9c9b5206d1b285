"""Every class that can hold a secret shows none; a new one must be judged here."""

from __future__ import annotations

import ast
import copy
import dataclasses
import importlib
import json
import logging
import pickle
import pkgutil
import pprint
import string
import traceback
from datetime import UTC, datetime
from pathlib import Path

import pytest

import sts_plugin
from sts_plugin.aws_files import AwsFile
from sts_plugin.cli.configure_file import ConfigFile
from sts_plugin.cli.configure_told import Change
from sts_plugin.config_edits import Edited
from sts_plugin.doctor.examine import Machine
from sts_plugin.enrolment import Enrolled, Record
from sts_plugin.ini import Section
from sts_plugin.mfa.asking import _Sent
from sts_plugin.model import Call, Credentials, Life, Origin, Secret, Setting
from sts_plugin.otpauth import Seed
from sts_plugin.plugins.quick import Known
from sts_plugin.plugins.roles import Standing
from sts_plugin.records import Asked
from sts_plugin.store import Entry
from sts_plugin.sts import IdentityToken

CANARY = "wJalrXUtnFEMI/K7MDENG"
NOW = datetime(2030, 1, 1, tzinfo=UTC)
HERE = Origin("config", 1)

# What holds no secret, by class. A field of type Secret needs no entry.
PLAIN = {
    "About": "noun instead",
    "Action": "name keys sources",
    "AwsFile": "path target state",
    "Again": "seconds elsewhere",
    "Answer": "url trouble clock",
    "Asked": "arguments files began",
    "Asking": "question used send watcher quiet now",
    "Assertion": "roles audiences expires session_seconds encrypted",
    "Calling": "plan cache sts sources bring watcher settings login",
    "Branch": "cells below",
    "Cell": "text style",
    "AwsCli": "path version botocore",
    "Call": "action profile key origin settings proof lower_duration",
    "Chain": "source links selected",
    "Change": "path profiles left dependants",
    "CodeSettings": "process totp_file prompt ways",
    "ConfigFile": "path file sections",
    "Credentials": "access_key_id expiration account_id",
    "Device": "serial profile file",
    "Devices": "serials guess",
    "Host": "session chain provider wrapper",
    "Endpoint": (
        "region url legacy profile fallback region_from url_from keys ca_bundle"
    ),
    "Edge": "origin target text",
    "Edit": "header renamed put removed",  # names and ARNs, of a person's options
    "Enrolled": "serial where added",
    "Entry": "key life label",
    # Its code is AWS's word for the error.
    "Failure": "number at kind message hint code scope streak until",
    # What commands and variables say is in none of its texts.
    "Finding": "check level what where profile fix mend",
    "Found": "key settings",  # Credentials
    "Graph": "nodes edges broken",
    "Holder": "process session",
    "Identity": "account_id arn user_id",
    "IdentityToken": "expiration",
    "KeyRecord": "profile access_key_id added rotating",
    "Key": "names spelling meaning",
    "Known": "notes due",
    "Ledger": "codes failure unanswered",  # digests
    "Life": "issued expires",
    "Link": "profile action",
    "Look": "colours width lines",
    "Machine": "store platform user",
    "NewSection": "header values",
    "Mend": "action path mode",
    "Node": "kind lines",
    "Origin": "path line",
    "Place": "signin console region",
    "Placement": "session roles",
    "Plan": "profile source calls endpoint codes notes cache_encryption",
    "Profile": "_seen name origin credentials config fallback",
    "Profiles": "profiles services sso_sessions config_path credentials_path",
    "Proof": "argument setting how whose",
    "Question": "profile device deadline account reason",
    "Record": "device",
    "Reply": "code text",  # a pinentry's error; what is typed goes elsewhere
    "Rotating": "began new old",
    "Section": "header path line defaults lines",
    "Seed": "issuer account",
    "Setting": "key origin profile",
    "Served": "source profiles",
    "Settings": "cache_dir prompt_seconds quiet_seconds",
    "Signin": "post",
    "SourceHop": "kind profile identity key explicit long_term origin proof",
    "Standing": "words given links",
    "Summary": "profile kind account role mfa plan error",
    "Supplied": "endpoint first",  # Credentials
    "Taken": "path left",
    "Time": "seconds budget now",
    "Toolkit": "name arguments endings environ place",
    "Way": "works text",
    "UserKey": "access_key_id created active",
    "Want": "name scope signer person",
    "Variable": "names use meaning",
    "Work": "edits left before said",
    "_Command": "process apart",
    "_Place": "stdin stderr apart",
    "_Ready": "credentials arn seconds",
    "_Useless": "reason",
}
# What holds one in the open, or may, and does not show it.
HIDDEN = {
    "Asked": "environ",
    "AwsFile": "data",
    "Call": "arguments",
    "Change": "pairs",
    "ConfigFile": "text",
    "Edited": "text pairs",
    "Entry": "document",
    "Known": "metadata",
    "Machine": "environ",
    "Section": "values",
    "Setting": "value",
    "Standing": "environ",
    "_Sent": "result",  # Credentials
}


def classes():
    """Yield (module, class) of all of ours that are made of fields."""
    for found in pkgutil.walk_packages(sts_plugin.__path__, "sts_plugin."):
        if ".sandbox" in found.name or found.name.endswith("__main__"):
            continue  # secrets of the sandbox are worth nothing
        if found.name.rpartition(".")[2].startswith(("aio", "smithy")):
            continue  # these import SDKs that are not in each environment
        module = importlib.import_module(found.name)
        for one in vars(module).values():
            ours = isinstance(one, type) and one.__module__ == found.name
            if ours and (dataclasses.is_dataclass(one) or hasattr(one, "_fields")):
                yield one


def fields(one):
    """Yield the names of a class's fields that are not of type Secret."""
    if not dataclasses.is_dataclass(one):
        yield from one._fields
        return
    for field in dataclasses.fields(one):
        if str(field.type) not in {"Secret", "Secret | None"}:
            yield field.name


CLASSES = {one.__name__: one for one in classes()}


def test_every_field_of_every_class_is_judged():
    for name, one in CLASSES.items():
        judged = f"{PLAIN.get(name, '')} {HIDDEN.get(name, '')}".split()
        assert sorted(judged) == sorted(fields(one)), name
    assert PLAIN.keys() | HIDDEN.keys() <= CLASSES.keys()


def test_what_holds_a_secret_is_frozen_and_has_no_dictionary():
    for name, one in CLASSES.items():
        if dataclasses.is_dataclass(one):
            assert one.__dataclass_params__.frozen, name
            assert "__slots__" in vars(one), name


def credentials():
    return Credentials("AKIA", Secret(CANARY), Secret(CANARY), NOW, "1" * 12)


def aws_file():
    return AwsFile(Path("config"), Path("config"), CANARY.encode(), None)


HOLDERS = {
    "Asked": lambda: Asked((), {"AWS_SECRET_ACCESS_KEY": CANARY}, {}, 0),
    "AwsFile": aws_file,
    "Change": lambda: Change("config", [(CANARY, CANARY)]),
    "ConfigFile": lambda: ConfigFile("config", aws_file(), CANARY, {}),
    "Edited": lambda: Edited(CANARY, ((None, CANARY),)),
    "Secret": lambda: Secret(CANARY),
    "Credentials": credentials,
    "IdentityToken": lambda: IdentityToken(Secret(CANARY), NOW),
    "Record": lambda: Record(Enrolled("arn", "file", NOW), Secret(CANARY)),
    "Seed": lambda: Seed(Secret(CANARY), "AWS", "alice"),
    "Call": lambda: Call(
        "AssumeRole",
        "p",
        "k",
        HERE,
        {"ContextAssertion": CANARY, "Tags": [Secret(CANARY)]},
        {"context": Setting("context", CANARY, HERE)},
    ),
    "Entry": lambda: Entry("k", Life(NOW, NOW), {"SessionToken": CANARY}, {}),
    "Setting": lambda: Setting("aws_secret_access_key", CANARY, HERE),
    "Known": lambda: Known({"secret_key": CANARY}, [], due=False),
    "Section": lambda: Section("h", "p", 1, None, {"aws_secret_access_key": CANARY}),
    "Standing": lambda: Standing([], {"AWS_SECRET_ACCESS_KEY": CANARY}),
    "Machine": lambda: Machine({"AWS_SECRET_ACCESS_KEY": CANARY}, lambda: None),
    "_Sent": lambda: _Sent(credentials()),
}
MASKED = sorted(HOLDERS.keys() - (HIDDEN.keys() - {"_Sent"}))


def test_every_class_that_may_hold_a_secret_is_looked_at():
    with_secret = {
        name
        for name, one in CLASSES.items()
        if dataclasses.is_dataclass(one)
        and len(list(fields(one))) < len(dataclasses.fields(one))
    }
    assert with_secret | HIDDEN.keys() | {"Secret"} == HOLDERS.keys()


def in_a_log(it):
    record = logging.LogRecord("n", 10, "p", 1, "%s %r %a", (it, it, it), None)
    return logging.Formatter().format(record)


def in_a_traceback(it):
    def fail(given):
        raise RuntimeError(given)

    try:
        fail(it)
    except RuntimeError as error:
        told = traceback.TracebackException.from_exception(error, capture_locals=True)
    return "".join(told.format())


def as_json(it):
    with pytest.raises(TypeError) as caught:
        json.dumps({"it": it})
    return f"{caught.value} {json.dumps({'it': it}, default=repr)}"


def its_variables(it):
    with pytest.raises(TypeError) as caught:
        vars(it)
    return str(caught.value)


SHOWN = {
    "repr": repr,
    "str": str,
    "format": format,
    "ascii": ascii,
    "f-string": lambda it: f"{it} {it!s} {it!r} {it!a}",
    "formatted": "{0} {0!r:>400}".format,
    "percent": lambda it: "%s %r" % (it, it),  # noqa: UP031
    "template": lambda it: string.Template("$it").substitute(it=it),
    "in a container": lambda it: repr([it, {"it": it}, (it,)]),
    "pprint": pprint.pformat,
    "narrow pprint": lambda it: pprint.pformat([it], width=1),
    "deep copy": lambda it: repr(copy.deepcopy(it)),
    "log": in_a_log,
    "traceback": in_a_traceback,
    "exception": lambda it: repr(ValueError(it)) + str(KeyError(it)),
    "json": as_json,
    "vars": its_variables,
    "dir": lambda it: repr(dir(it)),
}


@pytest.mark.parametrize("how", SHOWN)
@pytest.mark.parametrize("name", HOLDERS)
def test_no_representation_shows_a_secret(name, how):
    shown = SHOWN[how](HOLDERS[name]())
    assert shown
    assert CANARY not in shown
    assert CANARY[:8] not in shown


@pytest.mark.parametrize("name", sorted(set(MASKED) - {"Secret"}))
@pytest.mark.parametrize("convert", [dataclasses.asdict, dataclasses.astuple])
def test_what_is_made_of_it_shows_none_either(name, convert):
    shown = repr(convert(HOLDERS[name]()))
    assert "<secret>" in shown
    assert CANARY not in shown


@pytest.mark.parametrize("name", MASKED)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_it_cannot_be_pickled(name, protocol):
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(HOLDERS[name](), protocol)
    with pytest.raises(TypeError, match="cannot be pickled"):
        copy.copy(Secret(CANARY))


def test_nothing_of_ours_pickles_or_takes_apart_what_holds_a_secret_in_the_open():
    # Of Setting, Entry and Call these would show what is hidden.
    for path in Path(sts_plugin.__file__).parent.rglob("*.py"):
        if path.name == "ledger.py":
            continue  # it takes a Failure apart, which has no secret
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {alias.name for alias in node.names}
                names.add(getattr(node, "module", ""))
                assert names.isdisjoint(
                    {"asdict", "astuple", "copyreg", "marshal", "pickle", "shelve"}
                ), path
