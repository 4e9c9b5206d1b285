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
    "keys": "",
    "files": "",
    "saml": "",
    "deadline": "",
    "settings": "errors",
    "model": "settings",
    "tokens": "files keys",
    "given": "errors forms keys limits model",
    "guard": "errors model",
    "commands": "errors files model",
    "forms": "errors files model",
    "ini": "errors model",
    "profiles": "errors ini model",
    "endpoint": "errors ini model profiles",
    "botocore_session": "profiles",
    "actions": "errors forms model profiles",
    "limits": "errors forms model actions",
    "rules": "errors settings forms model",
    "source_kinds": "errors forms keys model profiles actions tokens",
    "ourselves": "errors model profiles source_kinds",
    "chain": "errors model profiles actions source_kinds ourselves",
    "plan": (
        "errors settings forms keys model profiles actions rules endpoint source_kinds"
        " chain tokens"
    ),
    "private": "errors settings",
    "document": "model",
    "store": "errors settings keys model private",
    "memory": "settings keys store",
    "mfa.command": "errors settings model commands mfa",
    "mfa.*": "errors settings keys model private mfa.*",
    "proofs": "errors settings files forms guard commands model saml tokens",
    "refusals": "errors model",
    "sts": "errors settings limits model refusals deadline botocore_session",
    "sources": "errors guard model profiles source_kinds document botocore_session",
    "resolve": "errors settings keys document limits mfa model rules store",
    "engine": (
        "errors settings model profiles plan guard proofs botocore_session sources mfa"
        " mfa.command sts store memory resolve"
    ),
    "client": ("errors forms given model profiles proofs actions rules chain engine"),
    "plugins.*": "engine document errors model profiles plugins.*",
    "cli.sandbox": "errors cli.common sandbox.*",
    "cli.ask": "errors document files client cli.common",
    "cli.inspect": "errors document forms limits model cli.common",
    "cli.*": "errors document model engine cli.* .",
    "sandbox.*": "sandbox.*",
    "__main__": "cli",
    "": "client model plugins.*",  # sts_plugin itself: the Python API, and register()
}
# What only type checkers may see on top of that.
TYPES = {
    "resolve": "sts plan",
    "tokens": "model",
    "engine": "chain",
    "client": "sts",
    "cli.inspect": "engine store",
}
# What costs more than a warm run may: imported late, where it is used.
HEAVY = {"boto3", "botocore", "defusedxml", "filelock", "platformdirs", "pyotp"}
HEAVY_ALLOWED = {
    "mfa.totp": {"pyotp"},  # itself imported late
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
    used = {ours(name) for name, *_ in imports(MODULES[module])}
    words = {word for word in TABLE[module].split() if "*" not in word}
    assert words - used == set()


LEVELS = (
    ("errors", "keys", "files", "saml", "deadline"),
    ("settings", "tokens"),
    ("model",),
    ("forms", "ini", "guard", "commands", "document", "refusals", "private"),
    ("profiles", "rules", "store", "mfa"),
    ("actions", "botocore_session", "endpoint", "memory"),
    ("limits", "proofs", "source_kinds"),
    ("given", "ourselves", "resolve", "sources", "sts"),
    ("chain",),
    ("plan",),
    ("engine",),
    ("client", "plugins"),
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
