"""The import table of the package: who may know of whom."""

from __future__ import annotations

import ast
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

import pytest

import sts_plugin

ROOT = Path(sts_plugin.__file__).parent

# What each module may import of ours, at its top or late. The first row that
# matches counts; each module needs one. "X.*" stands for X and all below it, "." for
# the package itself.
TABLE = {
    "errors": "",
    "core_dumps": "",
    "addresses": "",
    "exit_codes": "",
    "known_keys": "",
    "known_variables": "",
    "words": "",
    "warm": "",
    "keys": "",
    "files": "",
    "saml": "",
    "deadline": "",
    "watcher": "",
    "session_names": "",
    "ledger": "",
    "settings": "errors",
    "folders": "errors",
    "model": "settings",
    "widths": "",
    "device": "",
    "drawing": "widths",
    "tty_device": "device",
    "windows_system": "device",
    "windows_console": "windows_system deadline device",
    "terminal": "settings device drawing tty_device windows_console",
    "job_control": "terminal",
    "tokens": "keys files",
    "given": "errors keys model forms limits actions chain profiles",
    "guard": "errors",
    "commands": "errors files terminal job_control words",
    "forms": "errors files model",
    "ini": "errors model",
    "aws_files": "",
    "key_files": "aws_files errors ini",
    "config_edits": "errors ini",
    "profiles": "errors ini settings",
    "endpoint": "addresses errors model ini",
    "botocore_session": "",
    "actions": "errors model forms profiles",
    "service_model": "",
    "limits": "errors model forms actions service_model",
    "rules": "errors settings forms",
    "source_kinds": (
        "errors keys folders model tokens forms profiles actions access_keys"
    ),
    "ourselves": "errors profiles source_kinds words",
    "chain": "errors settings model profiles actions source_kinds ourselves",
    "mfa_settings": "errors model forms",
    "cache_settings": "forms mfa_settings",
    "wrapping": "config_edits errors ourselves profiles source_kinds words",
    "unwrapping": "config_edits errors ourselves profiles source_kinds wrapping",
    "plan": (
        "keys settings model tokens forms profiles endpoint actions rules"
        " source_kinds chain mfa_settings cache_settings"
    ),
    "directory": "",
    "acl": "",
    "private": "errors settings acl directory",
    "document": "model",
    "lock_file": "errors settings",
    "gates": "",
    "locks": "errors settings windows_system private lock_file gates",
    "sealing": "keys model",
    "store": "errors keys ledger settings model document private locks sealing warm",
    "memory": "keys ledger settings locks store",
    "cache": "errors keys",
    "backoff": "errors settings ledger",
    "turns": "errors keys settings ledger backoff",
    "otpauth": "model",
    "enrolment": "keys model",
    "key_records": "keys model",
    "access_keys": "errors settings folders private key_records keychain words",
    "keychain": "errors deadline settings model",
    "cache_key": "errors settings sealing keychain",
    "seeds": "errors settings folders private enrolment keychain",
    "qr": "model otpauth",
    "mfa": "",
    "mfa.variable": "errors",
    "mfa.command": "errors settings commands",
    "mfa.descriptor": "errors deadline model",
    "mfa.totp": "errors settings folders model private otpauth mfa.descriptor",
    "mfa.terminal": "errors settings terminal locks words",
    "mfa.program": "errors settings commands job_control",
    "mfa.shown": "widths",
    "mfa.display": "",
    "mfa.toolkits": "errors",
    "mfa.dialog": (
        "errors settings mfa.program mfa.shown mfa.display mfa.toolkits words"
    ),
    "mfa.assuan": "mfa mfa.program",
    "mfa.conversation": "errors widths mfa mfa.program mfa.shown mfa.assuan",
    "mfa.gnupg": "errors files terminal tty_device",
    "mfa.pinentry": (
        "errors settings terminal locks job_control mfa.program mfa.display"
        " mfa.conversation mfa.gnupg words"
    ),
    "mfa.ways": (
        "seeds mfa.variable mfa.command mfa.totp mfa.terminal mfa.dialog mfa.pinentry"
    ),
    "mfa.asking": "errors keys settings model words",
    "proofs": "errors files saml settings model tokens guard commands forms",
    "quiet": "",
    "skew": "settings",
    "refusals": "addresses errors skew",
    "retries": "errors settings",
    "aws": "deadline settings model quiet refusals",
    "direct": "settings service_model",
    "sts": (
        "errors settings skew model document botocore_session limits refusals retries"
        " aws"
    ),
    "iam": "errors settings model botocore_session refusals retries aws",
    "sources": (
        "errors deadline folders settings model guard botocore_session access_keys"
        " source_kinds document quiet words"
    ),
    "calling": "errors keys settings model rules mfa mfa.asking",
    "resolve": "errors settings model limits document store backoff turns calling",
    "rotation": "errors settings key_records",
    "console": "errors model service_model",
    "console_session": "errors settings given model",
    "signin": "errors settings deadline model quiet refusals retries",
    "overview": "errors limits model plan",
    "graph": "",
    "diagrams": "mfa",
    "doctor": "",
    "doctor.finding": "",
    "doctor.spelling": "known_keys profiles",
    "doctor.processes": "doctor.finding ourselves profiles words",
    "doctor.profiles": (
        "doctor.finding doctor.processes doctor.spelling ourselves profiles"
    ),
    "doctor.sections": "doctor.finding doctor.spelling profiles",
    "doctor.surroundings": "doctor.finding environment",
    "doctor.files": "doctor.finding errors folders source_kinds",
    "doctor.mending": "errors",
    "doctor.probing": "",
    "doctor.network": "addresses aws doctor.finding doctor.probing refusals skew",
    "doctor.prompts": (
        "doctor.finding errors terminal mfa.dialog mfa.display mfa.gnupg keychain"
    ),
    "doctor.programs": "doctor.finding",
    "doctor.examine": (
        "access_keys botocore_session doctor.* errors folders ini overview"
        " profiles seeds"
    ),
    "engine": (
        "errors settings guard document profiles endpoint botocore_session direct plan"
        " store memory cache sealing cache_key mfa.command mfa.variable mfa.ways proofs"
        " sts iam sources resolve words"
    ),
    "background": "forms mfa_settings warm",
    "records": "folders profiles access_keys engine warm",
    "environment": "document",
    "shells": "",
    "supply": "errors",
    "getting": "errors model background",
    "answers": "errors document",
    "serve": "answers",
    "client": "errors watcher given forms actions rules proofs engine",
    "plugins.quick": "warm",
    "plugins.aio": (
        "botocore_session profiles plugins.botocore plugins.features plugins.flight"
        " plugins.forks"
    ),
    "plugins.long_way": (
        "background document errors profiles watcher engine records plugins.features"
    ),
    "plugins.roles": (
        "errors given keys model session_names plugins.botocore plugins.aio_roles"
    ),
    "plugins.smithy": (
        "errors profiles plugins.quick plugins.concern plugins.fetch plugins.flight"
        " plugins.forks"
    ),
    "plugins.*": "errors plugins.*",
    "cli.choosing": "errors mfa plan profiles settings terminal",
    "cli.completing": "errors mfa profiles cli",
    "cli.completion": "cli.common",
    "cli.progress": "settings drawing terminal mfa",
    "cli.watcher": "watcher settings drawing terminal locks mfa cli.progress",
    "cli.common": "errors exit_codes memory cache mfa engine words cli.watcher",
    "cli.confirm": "errors settings terminal mfa",
    "cli.discreet": "",
    "cli.diffs": "addresses",
    "cli.sandbox": "errors exit_codes terminal cli.common sandbox.*",
    "cli.configure": (
        "config_edits errors overview profiles wrapping cli.common"
        " cli.configure_answers cli.configure_ask cli.configure_file"
        " cli.configure_told cli.configure_work cli.confirm cli.explain cli.look"
    ),
    "cli.configure_work": (
        "errors overview profiles unwrapping wrapping cli.common cli.configure_answers"
    ),
    "cli.configure_told": "mfa words cli.common cli.diffs cli.look",
    "cli.configure_answers": (
        "errors limits settings source_kinds cli.common cli.progress"
    ),
    "cli.configure_ask": "errors terminal mfa",
    "cli.configure_file": "aws_files errors ini profiles cli.common cli.diffs",
    "cli.execute": (
        "environment errors profiles shells mfa.descriptor engine cli.common"
        " cli.running cli.supplying"
    ),
    "cli.running": "core_dumps exit_codes settings terminal cli.common",
    "cli.serve": (
        "environment errors settings profiles shells engine cli.common cli.execute"
        " cli.supplying"
    ),
    "cli.supplying": (
        "watcher errors model job_control supply getting serve cli.common"
    ),
    "cli.browser": "errors settings",
    "cli.console": (
        "background console console_session document engine errors settings signin"
        " cli.browser cli.common cli.login cli.progress"
    ),
    "cli.login": "errors document overview profiles engine cli.common",
    "cli.logout": "errors overview profiles engine cli.common",
    "cli.ask": "errors files document client cli.common cli.progress",
    "cli.look": "mfa widths",
    "cli.explain": (
        "addresses diagrams document forms graph limits model overview profiles"
        " cli.common cli.look"
    ),
    "cli.doctor": "doctor.* cli.common cli.look cli.progress",
    "cli.listing": "document overview profiles cli.common cli.look",
    "cli.status": (
        "errors document overview profiles settings cli.common cli.look words"
    ),
    "cli.keys": "cli.common cli.discreet cli.keys_add cli.keys_kept cli.keys_rotate",
    "cli.keys_add": (
        "errors model terminal keychain access_keys key_records key_files profiles mfa"
        " source_kinds cli.common cli.confirm cli.keys_kept"
    ),
    "cli.keys_kept": (
        "errors folders access_keys profiles source_kinds document engine cli.common"
        " cli.confirm cli.look"
    ),
    "cli.keys_rotate": "errors rotation cli.common cli.keys_kept words",
    "cli.mfa": "cli.common cli.discreet cli.mfa_add cli.mfa_kept",
    "cli.mfa_add": (
        "errors model terminal otpauth keychain seeds qr cli.watcher cli.common"
        " cli.mfa_device"
    ),
    "cli.mfa_device": (
        "errors keys settings model limits seeds mfa mfa.totp mfa.command cli.common"
    ),
    "cli.mfa_kept": (
        "errors profiles document cli.watcher cli.common cli.confirm cli.look"
        " cli.mfa_device"
    ),
    "cli.credentials": (
        "errors watcher settings document background records cli.common words"
    ),
    "cli.*": "errors document engine exit_codes cli.* .",
    "sandbox.*": "sandbox.*",
    "__main__": "cli core_dumps warm",
    "": "client model plugins.*",  # sts_plugin itself: the Python API, and register()
}
# What only type checkers may see on top of that.
TYPES = {
    "lock_file": "directory private",
    "private": "directory",
    "locks": "private",
    "tokens": "model",
    "guard": "model",
    "commands": "model",
    "profiles": "model",
    "endpoint": "profiles",
    "botocore_session": "profiles",
    "rules": "model",
    "ourselves": "model",
    "mfa_settings": "profiles",
    "cache_settings": "model profiles",
    "cache_key": "model",
    "cache": "ledger model locks store",
    "backoff": "cache",
    "turns": "locks cache",
    "retries": "errors",
    "calling": "watcher model settings cache mfa",
    "seeds": "model",
    "access_keys": "model",
    "key_files": "model",
    "rotation": "model access_keys iam sts",
    "mfa.variable": "mfa",
    "mfa.command": "model mfa",
    "mfa.totp": "seeds mfa",
    "mfa.terminal": "device mfa",
    "drawing": "device",
    "mfa.shown": "mfa",
    "mfa.dialog": "mfa",
    "mfa.pinentry": "mfa",
    "mfa.ways": "watcher model mfa",
    "mfa.asking": "watcher mfa",
    "aws": "errors retries",
    "refusals": "model",
    "sources": "profiles",
    "resolve": "watcher locks cache mfa",
    "background": "model",
    "records": "model store",
    "environment": "model profiles",
    "supply": "model",
    "getting": "model engine supply",
    "answers": "model",
    "serve": "answers model supply",
    "cli": "core_dumps",
    "cli.serve": "model cli.supplying",
    "cli.credentials": "model engine",
    "direct": "model",
    "sts": "direct",
    "console_session": "chain",
    "signin": "errors",
    "cli.browser": "model",
    "cli.console": "model engine",
    "overview": "profiles",
    "graph": "model overview",
    "diagrams": "graph",
    "doctor.files": "access_keys profiles seeds store",
    "doctor.mending": "doctor.finding store",
    "doctor.network": "model overview profiles",
    "doctor.processes": "model overview",
    "doctor.profiles": "model overview",
    "doctor.programs": "ini model",
    "doctor.prompts": "model overview",
    "doctor.sections": "ini",
    "doctor.examine": "model store",
    "engine": "watcher model chain",
    "client": "sts chain model",
    "cli.common": "watcher model store",
    "cli.discreet": "cli.common",
    "cli.diffs": "config_edits cli.look",
    "cli.configure_answers": "model profiles engine cli.configure_ask",
    "cli.configure_ask": "device",
    "cli.configure_file": "ini",
    "cli.configure_told": "config_edits",
    "cli.configure_work": (
        "config_edits overview profiles cli.configure_ask cli.configure_file"
    ),
    "unwrapping": "ini model overview",
    "wrapping": "ini model overview",
    "cli.login": "model",
    "cli.logout": "store",
    "cli.explain": "engine",
    "cli.listing": "profiles",
    "cli.status": "store",
    "cli.progress": "device",
    "cli.keys_add": "engine",
    "cli.keys_kept": "key_records locks",
    "cli.keys_rotate": "model engine",
    "cli.watcher": "device",
    "cli.mfa_add": "enrolment",
    "cli.mfa_device": "watcher locks otpauth engine",
    "cli.mfa_kept": "enrolment",
    "plugins.aio": "engine plugins.quick",
    "plugins.fetch": "model chain engine plugins.long_way plugins.quick",
    "plugins.long_way": "model chain plugins.ahead plugins.quick",
    "plugins.aio_roles": "model",
    "plugins.smithy": "engine plugins.quick",
    "plugins.roles": "chain plugins.botocore plugins.fetch",
    "plugins.botocore": "model chain engine plugins.quick",
    "plugins.*": "model engine",
    "cli.*": "model",
    "": "errors given",
}
# What costs more than a warm run may: imported late, where it is used.
HEAVY = {
    "PIL",
    "argcomplete",
    "boto3",
    "botocore",
    "cryptography",
    "defusedxml",
    "filelock",
    "keyring",
    "platformdirs",
    "prompt_toolkit",
    "pyotp",
    "zxingcpp",
}
HEAVY_ALLOWED = {
    "plugins.*": {"boto3", "botocore"},  # their host has imported it long since
    "sandbox.*": HEAVY,
}


class Import(NamedTuple):
    name: str
    when: str  # "top", "late" or "types"
    line: int


def modules():
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts).removesuffix("__init__").removesuffix(".")
        found[name] = path
    return found


MODULES = modules()


def named(node, package):
    """The modules that an import statement names, as dotted names."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    base = node.module or ""
    if node.level:
        above = package.split(".")
        base = ".".join([*above[: len(above) - node.level + 1], *filter(None, [base])])
    return [f"{base}.{alias.name}" for alias in node.names]


def imports(path):
    """Every import of a module, with the time at which it happens."""
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    package = ".".join(parts[:-1])

    def walk(node, when):
        for child in ast.iter_child_nodes(node):
            later = when
            if isinstance(child, ast.Import | ast.ImportFrom):
                for name in named(child, package):
                    yield Import(name, when, child.lineno)
            elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                later = "late"
            elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
                for part in child.body:
                    yield from walk(ast.Module([part], []), "types")
                child = ast.Module(child.orelse, [])  # noqa: PLW2901
            yield from walk(child, later)

    return list(walk(ast.parse(path.read_text()), "top"))


def ours(name):
    """The module of ours that an import names, without the package; None: not ours."""
    first, _, rest = name.partition(".")
    if first != "sts_plugin":
        return None
    while rest and rest not in MODULES:  # a name in a module
        rest = rest.rpartition(".")[0]
    return rest


def matches(name, pattern):
    if pattern == ".":
        return name == ""
    if pattern.endswith(".*"):
        return name == pattern[:-2] or name.startswith(pattern[:-1])
    return fnmatchcase(name, pattern)


def allowed(name, patterns):
    words = patterns.split()
    banned = [word[1:] for word in words if word.startswith("!")]
    return any(matches(name, word) for word in words) and not any(
        matches(name, word) for word in banned
    )


def row(module, table, default=None):
    return next((it for key, it in table.items() if matches(module, key)), default)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_what_the_table_allows(module):
    at_run_time, for_types = row(module, TABLE), row(module, TYPES, "")
    assert at_run_time is not None, f"{module} has no row in the table"
    wrong = []
    for name, when, line in imports(MODULES[module]):
        target = ours(name)
        if target is None or target == module:
            continue
        patterns = f"{at_run_time} {for_types}" if when == "types" else at_run_time
        if not allowed(target, patterns):
            wrong.append(f"{module}:{line} imports {target or 'sts_plugin'} ({when})")
    assert wrong == []


def test_nobody_but_its_own_command_imports_the_sandbox():
    importers = {
        module
        for module, path in MODULES.items()
        for name, *_ in imports(path)
        if matches(ours(name) or "", "sandbox.*")
    }
    assert {name for name in importers if not matches(name, "sandbox.*")} <= {
        "cli.sandbox"
    }


@pytest.mark.parametrize("module", MODULES)
def test_what_is_heavy_is_imported_late(module):
    may = row(module, HEAVY_ALLOWED, set())
    heavy = {
        name.partition(".")[0]
        for name, when, _ in imports(MODULES[module])
        if when == "top"
    }
    assert (heavy & HEAVY) - may == set()


def test_every_row_of_the_table_is_about_something():
    for table in (TABLE, TYPES, HEAVY_ALLOWED):
        for key in table:
            assert any(matches(module, key) for module in MODULES), key


@pytest.mark.parametrize("module", [key for key in TABLE if "*" not in key])
def test_the_table_allows_a_module_no_more_than_it_uses(module):
    found = imports(MODULES[module])
    at_run_time = {ours(name) for name, when, _ in found if when != "types"}
    for_types = {ours(name) for name, when, _ in found if when == "types"}
    for table, used in ((TABLE, at_run_time), (TYPES, for_types)):
        words = {word for word in table.get(module, "").split() if "*" not in word}
        assert words - used == set()


LEVELS = (
    (
        "addresses",
        "aws_files",
        "errors",
        "keys",
        "files",
        "gates",
        "saml",
        "deadline",
        "device",
        "acl",
        "directory",
        "ledger",
        "quiet",
        "service_model",
        "watcher",
        "session_names",
        "core_dumps",
        "exit_codes",
        "known_keys",
        "known_variables",
        "warm",
        "words",
        "shells",
        "widths",
    ),
    (
        "settings",
        "tokens",
        "folders",
        "cache",
        "supply",
        "drawing",
        "tty_device",
        "windows_system",
    ),
    ("backoff", "model", "windows_console", "private", "lock_file", "retries", "skew"),
    ("turns", "terminal"),
    (
        "forms",
        "ini",
        "guard",
        "document",
        "refusals",
        "job_control",
        "locks",
        "sealing",
    ),
    ("environment", "answers", "console", "signin"),
    (
        "commands",
        "config_edits",
        "profiles",
        "key_files",
        "rules",
        "store",
        "mfa_settings",
        "serve",
    ),
    ("otpauth", "enrolment", "key_records", "keychain", "memory", "cache_settings"),
    (
        "seeds",
        "access_keys",
        "cache_key",
        "qr",
        "actions",
        "botocore_session",
        "endpoint",
        "aws",
        "direct",
    ),
    ("mfa", "limits", "proofs", "source_kinds", "iam"),
    ("calling", "ourselves", "sources", "sts"),
    ("resolve", "wrapping"),
    ("chain", "unwrapping"),
    ("plan", "given"),
    ("engine", "rotation", "background", "overview", "console_session"),
    ("graph",),
    ("diagrams",),
    ("records", "getting"),
    ("client", "plugins", "doctor"),
    ("cli",),
)


def test_the_rooms_stand_above_one_another_and_none_knows_what_is_above_it():
    height = {name: level for level, names in enumerate(LEVELS) for name in names}
    for module, path in MODULES.items():
        room = module.partition(".")[0]
        if room not in height:
            continue  # the package itself, __main__ and the sandbox are beside it
        for name, when, line in imports(path):
            target = (ours(name) or room).partition(".")[0]
            if when != "types" and target not in {room, "sandbox"}:
                assert height[target] < height[room], f"{module}:{line} {target}"
    assert {name.partition(".")[0] for name in MODULES} - {
        "",
        "__main__",
        "sandbox",
    } == (height.keys())


def test_the_table_would_be_noticed_if_it_were_broken(tmp_path):
    text = (
        "import sts_plugin.store\n"
        "from sts_plugin import mfa, settings as s\n"
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from sts_plugin.sts import Sts\n"
        "else:\n    import botocore\n"
        "def work():\n    from sts_plugin.mfa.totp import TotpSource\n"
        "    class A:\n        import filelock.x\n"
        "try:\n    import pyotp\nexcept ImportError:\n    pass\n"
    )
    path = ROOT / "never_written.py"
    fake = type("Fake", (), {"read_text": lambda _: text})()
    fake.relative_to = path.relative_to
    found = {(ours(name) or name, when) for name, when, _ in imports(fake)}
    assert found == {
        ("store", "top"),
        ("mfa", "top"),
        ("settings", "top"),
        ("typing.TYPE_CHECKING", "top"),
        ("sts", "types"),
        ("botocore", "top"),
        ("mfa.totp", "late"),
        ("filelock.x", "late"),
        ("pyotp", "top"),
    }
