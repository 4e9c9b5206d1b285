"""Measure how fast sts-plugin is, beside the interpreter and beside others.

    python benchmarks/run.py [GROUP ...] [--rounds N] [--json FILE] [--check]

Everything happens in sandboxes and empty home folders; nothing leaves the machine. It
ends with 1 when a group cannot run, and with 0 however slow it is: what a machine in a
mood measures is no reason to fail. ``--check`` says which bars hold.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

from cases import Case, Options
from peers import versions
from report import Result, as_json, as_table, as_verdicts, machine
from timing import CannotRun, interleave

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cases import Group

GROUPS = ("warm", "miss", "cold", "in_process", "large_config", "herd", "renewal")


def load(name: str) -> Group:
    """Return the module of a group."""
    return cast("Group", importlib.import_module(name))


def title(group: Group) -> str:
    """Return what a group measures: the first sentence of its docstring."""
    return (group.__doc__ or "").partition("\n\n")[0].replace("\n", " ")


def measure(name: str, options: Options) -> Result:
    """Run a group; raise CannotRun."""
    group = load(name)
    with group.cases(options) as found:
        runs = {one.name: one.run for one in found if isinstance(one, Case)}
        times = interleave(runs, min(options.rounds, group.ROUNDS_MAX))
    return Result.of(name, title(group), group.BARS, found, times)


def count(text: str) -> int:
    """Parse a number of rounds."""
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def herd(text: str) -> tuple[int, int]:
    """Parse ``20x5``."""
    processes, _, threads = text.partition("x")
    return count(processes), count(threads)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    defaults = Options()
    made = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = made.add_argument
    add("groups", nargs="*", metavar="GROUP", help="which ones to run (all)")
    add("--list", action="store_true", help="say what the groups measure, and end")
    add("--rounds", type=count, default=defaults.rounds, help="counted runs of a case")
    add("--json", metavar="FILE", help="write it as JSON; - for standard output")
    add("--check", action="store_true", help="say which bars hold")
    add("--peers", type=Path, metavar="FOLDER", help="where peers.py installed them")
    add("--profiles", type=int, default=defaults.profiles, help="of large_config")
    size = (defaults.processes, defaults.threads)
    add("--herd", type=herd, default=size, metavar="PROCESSESxTHREADS")
    return made


def main(words: list[str]) -> int:
    """Run what was asked for; return the exit code."""
    made = parser()
    given = made.parse_args(words)
    if unknown := set(given.groups).difference(GROUPS):
        made.error(f"no such group: {', '.join(sorted(unknown))}")
    if given.list:
        for name in GROUPS:
            print(f"{name}: {title(load(name))}")
        return 0
    processes, threads = given.herd
    shared = {field.name for field in dataclasses.fields(Options)} & vars(given).keys()
    options = Options(
        **{name: getattr(given, name) for name in shared},
        processes=processes,
        threads=threads,
    )
    return run(given.groups or GROUPS, options, given.json, check=given.check)


def run(
    groups: Sequence[str], options: Options, file: str | None, *, check: bool
) -> int:
    """Measure the groups, print them as they are done; return the exit code."""
    about, results, code = machine(versions(options.peers)), [], 0
    # Where the JSON goes to standard output, nothing else does.
    out = sys.stderr if file == "-" else sys.stdout
    print(*(f"{key}: {value}" for key, value in about.items()), sep="\n", file=out)
    for name in groups:
        try:
            result = measure(name, options)
        except CannotRun as error:
            print(f"\n## {name} cannot run: {error}", file=out)
            code = 1
            continue
        results.append(result)
        print(f"\n{as_table(result)}", file=out)
        if check:
            print("", *as_verdicts(result), sep="\n", file=out)
        out.flush()
    text = json.dumps(as_json(about, results), indent=2)
    if file == "-":
        print(text)
    elif file:
        Path(file).write_text(f"{text}\n", encoding="utf-8")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
