"""Run botocore's own tests on sts-plugin, and hold every difference to account.

    tox -e conformance

The tests come out of the source distribution of the botocore that is installed; nothing
of them is in this repository. They are run three times:

stock
    botocore as it is. Only what passes here can be held against us.
swapped
    our provider in the place of ``botocore.credentials.AssumeRoleProvider``, made with
    the parts that the tests give it (``swapped.py``)
registered
    the product as it is installed: ``sts_plugin.register`` for every session
    (``registered.py``)

A test that passes in the first run and not in another must be in ``deviations.toml``,
with its reason and with what it fails with. Fails for a difference that is not there,
for one that is there and does not exist any more, and for a route that no longer leads
to the engine.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path

import botocore

HERE = Path(__file__).parent
PAGE = "docs/compatibility.md"
TESTS = (
    "tests/functional/test_credentials.py",
    "tests/functional/test_plugins.py",
    "tests/functional/test_session.py",
    "tests/functional/test_useragent.py",
    "tests/unit/test_config_provider.py",
    "tests/unit/test_configloader.py",
    "tests/unit/test_credentials.py",
    "tests/unit/test_plugin.py",
    "tests/unit/test_session.py",
    "tests/unit/test_session_legacy.py",
    "tests/unit/test_tokens.py",
    "tests/unit/test_utils.py",
)
# What the tests made up and AWS has not, in AWS's own form. We would refuse the one at
# once, and take the account of a role from its ARN. botocore does not mind either way:
# the stock run is made with the same spelling.
SPELLINGS = (
    ("tests/functional/test_credentials.py", "iam::123456789:", "iam::123456789012:"),
    ("tests/functional/test_credentials.py", "iam::1234567890:", "iam::123456789012:"),
    ("tests/functional/test_credentials.py", "'1234567890'", "'123456789012'"),
    ("tests/unit/test_credentials.py", "'token-code'", "'123456'"),
)
STOCK = "stock"
ROUTES = ("swapped", "registered")


def main() -> int:
    """Fetch, run, judge; return 0 only where every difference is accounted for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="where to work; it may be emptied")
    folder = parser.parse_args().folder.resolve()
    fetch_tests(folder)
    outcomes = {route: run(route, folder) for route in (STOCK, *ROUTES)}
    reasons = tomllib.loads((HERE / "deviations.toml").read_text(encoding="utf-8"))
    problems = [
        problem
        for route in ROUTES
        for problem in judge(route, outcomes[STOCK], outcomes[route], reasons["reason"])
    ]
    tell("")
    for problem in problems:
        tell(problem)
    return 1 if problems else 0


def tell(line: str) -> None:
    """Print a line at once, so that it stands before what a child prints."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def fetch_tests(folder: Path) -> None:
    """Lay botocore's ``tests`` into the folder, without the package beside them."""
    name = f"botocore=={botocore.__version__}"
    tell(f"fetching the source distribution of {name}")
    options = ["--quiet", "--no-deps", "--no-binary", "botocore", "--dest", str(folder)]
    pip = [sys.executable, "-m", "pip", "download", *options, name]
    subprocess.run(pip, check=True)
    (archive,) = folder.glob(f"botocore-{botocore.__version__}.tar.gz")
    with tarfile.open(archive) as tar:
        for member in tar:
            top, _, member.name = member.name.partition("/")
            if top and member.name.startswith("tests/"):
                tar.extract(member, folder, filter="data")
    for name, made_up, real in SPELLINGS:
        path = folder / name
        text = path.read_text(encoding="utf-8")
        if made_up not in text:
            raise SystemExit(f"{name} does not say {made_up} any more: see SPELLINGS")
        path.write_text(text.replace(made_up, real), encoding="utf-8")


def run(route: str, folder: Path) -> dict[str, dict[str, str]]:
    """Run the tests on one route; return what ``outcomes.py`` noted."""
    noted = folder / f"{route}.json"
    noted.unlink(missing_ok=True)
    plugins = ["outcomes"] if route == STOCK else ["outcomes", route]
    options = [
        # None of our own settings for pytest, and nothing left behind.
        *("-c", os.devnull, "--rootdir", ".", "-p", "no:cacheprovider", "--quiet"),
        *(word for name in plugins for word in ("-p", name)),
        *("--outcomes", str(noted), "--tb=short", "--disable-warnings"),
    ]
    # Nor anything of the AWS account of whoever runs this.
    environ = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")} | {
        "HOME": str(folder),
        "PYTHONPATH": str(HERE),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    log = folder / f"{route}.log"
    with log.open("wb") as file:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *options, *TESTS],
            cwd=folder,
            env=environ,
            stdout=file,
            stderr=subprocess.STDOUT,
            check=False,
        )
    said = log.read_text(encoding="utf-8", errors="replace")
    if done.returncode not in {0, 1} or not noted.is_file():
        raise SystemExit(f"{said}\nthe run {route} came to no end: {log}")
    found = json.loads(noted.read_text(encoding="utf-8"))
    reached = sum(one["reached"] for one in found.values())
    tell(f"{route}: {said.splitlines()[-1]}; {reached} through the engine")
    return found


def judge(
    route: str,
    stock: dict[str, dict[str, str]],
    ours: dict[str, dict[str, str]],
    reasons: list[dict],
) -> list[str]:
    """Return what is wrong with the differences of one route, in lines."""
    passing = {test for test, one in stock.items() if one["outcome"] == "passed"}
    missing = {"outcome": "failed", "message": "it was not run", "reached": False}
    differing = {
        test: one["message"]
        for test in sorted(passing)
        if (one := ours.get(test, missing))["outcome"] != "passed"
    }
    listed = {
        test["id"]: (reason["id"], test["shows"])
        for reason in reasons
        for test in reason["test"]
        if route in test["routes"]
    }
    tell(
        f"{route}: {len(differing)} of {len(passing)} differ, {len(listed)} are listed"
    )
    problems = [
        f"{route}: {test} differs from botocore and is not listed: {message}"
        for test, message in differing.items()
        if test not in listed
    ]
    for test, (reason, shows) in listed.items():
        where = f"{route}: {test} is listed ({PAGE}#{reason})"
        if test not in passing:
            problems.append(f"{where} and does not exist, or fails on botocore too")
        elif test not in differing:
            problems.append(f"{where} and passes: remove the entry")
        elif shows not in differing[test]:
            problems.append(f"{where} and fails in another way: {differing[test]}")
    if not any(one["reached"] for one in ours.values()):
        problems.append(f"{route}: no test leads to the engine any more")
    return problems


if __name__ == "__main__":
    raise SystemExit(main())
