"""What a warm hit costs, as a whole process, beside its floor and its peer.

    python benchmarks/warm.py [--rounds N] [--json]

Runs the commands in turn, round after round, so that a machine that grows slower or
faster does so for all of them, and prints the median and the spread of each and its
ratio to ``python -c pass`` of the same run. Everything is in the sandbox. The AWS CLI
runs ``sts get-caller-identity``, a call on loopback included: once with a role from
its own cache, once with a role that sts-plugin hands it.

The sealed cache has its key in the keychain that PYTHON_KEYRING_BACKEND names, else in
a stand-in for one, a file. Its first run waits for the next MFA code.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sts_plugin.sandbox import Sandbox

BIN = Path(sys.executable).parent
HELPERS = Path(__file__).parents[1] / "tests" / "helpers"
FLOOR = "python -c pass"
SEALED = "sts-plugin, warm, sealed"
NATIVE = """
[profile native]
region = us-east-1
role_arn = arn:aws:iam::222222222222:role/Batch
source_profile = alice
"""


def cases() -> dict[str, list[str]]:
    """Return the commands that are compared, by name."""
    process = ["credential-process", "--profile", "prod-admin"]
    identity = ["sts", "get-caller-identity", "--profile"]
    return {
        "python -I -S -c pass": [sys.executable, "-I", "-S", "-c", "pass"],
        FLOOR: [sys.executable, "-c", "pass"],
        "sts-plugin, warm": [str(BIN / "sts-plugin"), *process],
        SEALED: [str(BIN / "sts-plugin"), *process],
        "AWS CLI, its own cached role": [str(BIN / "aws"), *identity, "native"],
        "AWS CLI, role from sts-plugin": [str(BIN / "aws"), *identity, "prod-admin"],
    }


def sealing(folder: str) -> dict[str, str]:
    """Return the variables with which the cache is sealed."""
    chain = {
        "PYTHONPATH": str(HELPERS),
        "PYTHON_KEYRING_BACKEND": "standin_keychain.Keyring",
        "STANDIN_KEYCHAIN": f"{folder}/keychain",
    }
    if "PYTHON_KEYRING_BACKEND" in os.environ:
        chain = {}
    return {"STS_PLUGIN_CACHE_ENCRYPTION": "keychain", **chain}


def measure(
    commands: dict[str, list[str]],
    environ: dict[str, str],
    sealed: dict[str, str],
    rounds: int,
) -> dict[str, list[float]]:
    """Return the wall times in milliseconds of each command, interleaved."""
    times: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(rounds + 1):
        for name, command in commands.items():
            began = time.perf_counter()
            subprocess.run(
                command,
                env=environ | (sealed if name == SEALED else {}),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                check=True,
            )
            if turn:  # the first round warms caches, ours included
                times[name].append((time.perf_counter() - began) * 1000)
    return times


def report(times: dict[str, list[float]]) -> list[dict[str, object]]:
    """Return a row for each command."""
    floor = statistics.median(times[FLOOR])
    return [
        {
            "case": name,
            "median_ms": round(statistics.median(values), 1),
            "least_ms": round(min(values), 1),
            "most_ms": round(max(values), 1),
            "ratio": round(statistics.median(values) / floor, 2),
        }
        for name, values in times.items()
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What a warm hit costs.")
    parser.add_argument("--rounds", type=int, default=21, help="counted runs of each")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        Sandbox(
            Path(folder), command=str(BIN / "sts-plugin"), totp_file=True
        ) as sandbox,
    ):
        with (sandbox.folder / "config").open("a", encoding="utf-8") as config:
            config.write(NATIVE)
        # The AWS CLI keeps its cache in the home folder.
        environ = sandbox.environ() | {"HOME": folder}
        rows = report(measure(cases(), environ, sealing(folder), options.rounds))
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    print(f"{'case':30} {'median':>9} {'least':>8} {'most':>8} {'ratio':>6}")
    for row in rows:
        print(
            f"{row['case']:30} {row['median_ms']:6} ms {row['least_ms']:8}"
            f" {row['most_ms']:8} {row['ratio']:6}"
        )


if __name__ == "__main__":
    main()
