"""The warm hit as it is installed: a launcher, Python without site, a few files."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from installed import Installation
from strace import needs_strace

from sts_plugin.sandbox import Sandbox

pytestmark = pytest.mark.skipif(os.name != "posix", reason="there is none on Windows")

COMMAND = ("credential-process", "--profile", "batch")
LONG_WAY = 77
"""How the long way ends where it is broken."""


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A sandbox whose files are old enough, and an installation."""
    folder = tmp_path_factory.mktemp("warm")
    installation = Installation(folder / "installed")
    with Sandbox(folder / "sandbox", command=str(installation.program)) as sandbox:
        environ = {
            name: value
            for name, value in sandbox.environ().items()
            if not name.startswith("COVERAGE_")
        }
        run = run_of(installation.program, environ)
        until_recorded(run, environ)
        yield installation, environ


def run_of(program, environ):
    def run(*arguments, before=(), program=program, **options):
        return subprocess.run(
            [*before, program, *(arguments or COMMAND)],
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=False,
            **options,
        )

    return run


def until_recorded(run, environ):
    """Run until there is a record, whose files must be old enough."""
    cache = Path(environ["STS_PLUGIN_CACHE_DIR"])
    while not list(cache.glob("*.warm")):
        assert run().returncode == 0


def forget_records(environ):
    for record in Path(environ["STS_PLUGIN_CACHE_DIR"]).glob("*.warm"):
        record.unlink()


@pytest.fixture
def installation(base, tmp_path):
    """An installation of its own, in which the question has been answered."""
    made = Installation(tmp_path / "installed")
    forget_records(base[1])  # another installation asks another question
    until_recorded(run_of(made.program, base[1]), base[1])
    return made


@pytest.fixture
def run(installation, base):
    return run_of(installation.program, base[1])


# --- What it says ---


def test_every_way_to_start_it_says_the_same(installation, run, base):
    said = {
        run().stdout,
        run(program=installation.script).stdout,
        run("-P", "-m", "sts_plugin", *COMMAND, program=installation.python).stdout,
    }
    assert len(said) == 1
    assert json.loads(said.pop())["Version"] == 1
    installation.break_the_long_way()
    done = run()
    assert (done.returncode, done.stderr) == (0, b"")
    assert run("explain", "--profile", "batch").returncode == LONG_WAY
    assert run(*COMMAND, "--help").returncode == LONG_WAY


def test_without_a_record_it_takes_the_long_way(installation, run, base):
    answer = run().stdout
    forget_records(base[1])
    assert run().stdout == answer
    until_recorded(run, base[1])
    installation.break_the_long_way()
    assert run().stdout == answer


def test_a_record_is_left_only_once_the_files_are_old_enough(base, tmp_path):
    installation, environ = base
    environ = environ | {"STS_PLUGIN_CACHE_DIR": str(tmp_path / "cache")}
    config = Path(environ["AWS_CONFIG_FILE"])
    config.write_text(config.read_text())
    until_recorded(run_of(installation.program, environ), environ)
    (record,) = (tmp_path / "cache").glob("*.warm")
    # Who changes it a tick later gives it another time.
    assert record.stat().st_ctime_ns - config.stat().st_ctime_ns > 100_000_000


# --- What it costs, by the count ---

FLOOR = ("-I", "-S", "-c", "import posix; posix._exit(0)")


def traced(run, log, **options):
    done = run(before=("strace", "-f", "-qq", "-o", log), **options)
    assert done.returncode == 0, done.stderr
    return Path(log).read_text(errors="replace").splitlines()


def opened(lines):
    """The files that were opened, and not only looked for."""
    found = (re.search(r'open(?:at)?\(.*?"(.*?)".* = \d+$', line) for line in lines)
    return {one[1] for one in found if one}


@needs_strace
def test_it_opens_a_handful_of_files_and_makes_few_system_calls(
    installation, run, base, tmp_path
):
    installation.break_the_long_way()
    python = run_of(installation.python, base[1])
    floor = traced(lambda **options: python(*FLOOR, **options), tmp_path / "floor")
    hit = traced(run, tmp_path / "hit")
    mine = {
        path
        for path in opened(hit) - opened(floor)
        if not path.startswith(("/lib", "/usr/lib", "/etc/ld.so"))  # those of sh
    }
    kinds = sorted(Path(path).suffix or Path(path).name for path in mine)
    assert kinds == sorted(
        [
            ".json",
            ".py",
            ".py",
            ".pyc",
            ".warm",
            "cache",
            "config",
            "core_pattern",
            "credentials",
            "sts-plugin",
        ]
    ), mine
    # The shell has some forty, and reads the first line of a script byte by byte.
    assert len(hit) - len(floor) < 260, len(hit) - len(floor)
    assert not any("clone" in line or "fork(" in line for line in hit)


def test_it_imports_nothing_that_the_interpreter_has_not_got(installation, base):
    code = (
        "import sys\n"
        "from _frozen_importlib_external import SourceFileLoader\n"
        "path = sys.argv[1]\n"
        "loader = SourceFileLoader('sts_plugin.warm', path)\n"
        "code, space = loader.get_code('sts_plugin.warm'), {'__name__': 'warm'}\n"
        "before = set(sys.modules)\n"
        "exec(code, space)\n"
        "done = space['hit'](sys.argv[2:], path.removesuffix('/warm.py'))\n"
        "sys.stderr.write(f'{done} {sorted(set(sys.modules) - before)}')\n"
    )
    # The answer was given to this very question: the words are those of the command.
    done = run_of(installation.python, base[1])(
        "-I", "-S", "-c", code, str(installation.warm), *COMMAND
    )
    piped = Path("/proc/sys/kernel/core_pattern")
    extra = ["resource"] if piped.exists() and piped.read_text()[0] == "|" else []
    assert done.stderr.decode() == f"0 {extra}"


# --- The launcher ---


def test_a_link_to_the_command_alone_is_as_good(installation, run, tmp_path):
    link = tmp_path / "elsewhere" / "sts-plugin"
    link.parent.mkdir()
    link.symlink_to(installation.program)
    answer = run().stdout
    assert run(program=link).stdout == answer
    installation.break_the_long_way()
    assert run(program=link).stdout == answer
    # As pipx and uv do: a link to each command, in a folder of their own.
    (link.parent / "sts-plugin.py").symlink_to(installation.script)
    assert run(program=link).stdout == answer


@pytest.mark.parametrize(
    ("quote", "blank"),
    [('"', " "), ("'", " "), ("", "-")],
    ids=["pip", "uv", "pip, no blanks"],
)
def test_a_path_with_blanks_or_of_great_length_is_as_good(base, tmp_path, quote, blank):
    folder = tmp_path / ("a long path, with blanks " * 8).replace(" ", blank)
    made = Installation(folder)
    # What pip writes where the kernel would not read such a first line.
    word = f"{quote}{made.python}{quote}"
    beginning = f"#!/bin/sh\n'''exec' {word} \"$0\" \"$@\"\n' '''\n"
    made.write_script(beginning)
    forget_records(base[1])
    until_recorded(run_of(made.program, base[1]), base[1])
    answer = run_of(made.program, base[1])().stdout
    made.break_the_long_way(beginning)
    assert run_of(made.program, base[1])().stdout == answer
    assert run_of(made.program, base[1])("status").returncode == LONG_WAY


SHELLS = ("ash", "bash", "busybox", "dash", "ksh", "mksh", "sh", "yash", "zsh")


@pytest.mark.parametrize("shell", [one for one in SHELLS if shutil.which(one)])
def test_every_shell_that_may_be_sh_runs_it(installation, run, shell):
    installation.break_the_long_way()
    words = [shell, "sh"] if shell == "busybox" else [shell]
    done = run(before=words)
    assert (done.returncode, done.stderr) == (0, b"")
    assert run("status", before=words).returncode == LONG_WAY


@pytest.mark.parametrize("options", [" -E", " -sP", " -E -s"])
def test_options_of_the_interpreter_are_no_part_of_its_path(installation, run, options):
    installation.break_the_long_way(f"#!{installation.python}{options}\n")
    assert run().returncode == 0
    assert run("status").returncode in {LONG_WAY, 2}  # the kernel takes one word


def test_another_installation_beside_the_link_is_not_asked(installation, run, tmp_path):
    # As pipx links its commands to where pip install --user puts its own.
    folder = tmp_path / "local"
    (folder / "bin").mkdir(parents=True)
    for one in (installation.program, installation.script):
        (folder / "bin" / one.name).symlink_to(one)
    other = folder / installation.warm.parent.relative_to(installation.folder)
    other.mkdir(parents=True)
    (other / "warm.py").write_text("def hit(*_): raise SystemExit('asked')\n")
    installation.break_the_long_way()
    assert run(program=folder / "bin" / "sts-plugin").returncode == 0


@pytest.mark.parametrize(
    "beginning", ["{0}/python3", "{0}/python/pypy3", "{0}/gone/python"]
)
def test_what_is_no_python_is_not_started_as_one(
    installation, run, tmp_path, beginning
):
    (tmp_path / "python3").mkdir()
    (tmp_path / "python").mkdir()
    (tmp_path / "python" / "pypy3").write_text("#!/bin/sh\nexit 77\n")
    (tmp_path / "python" / "pypy3").chmod(0o755)
    installation.write_script(f"#!{beginning.format(tmp_path)}\n", "")
    # The kernel runs it, or says why it cannot.
    done = run()
    assert done.stdout == b""
    assert b"Traceback" not in done.stderr
    assert (done.returncode == LONG_WAY) is beginning.endswith("pypy3")


def test_a_script_that_cannot_be_run_is_an_error_in_one_line(installation, run, base):
    forget_records(base[1])
    installation.script.chmod(0o644)
    done = run()
    assert done.returncode == 1
    assert done.stderr.decode() == (
        f"sts-plugin: {installation.script} cannot be run: Permission denied"
        " (install it again)\n"
    )


@pytest.mark.skipif(not shutil.which("bash"), reason="bash finds scripts on the PATH")
def test_a_script_in_the_current_folder_is_not_ours(installation, base, tmp_path):
    (tmp_path / "sts-plugin.py").write_text("#!/bin/sh\necho owned\n")
    (tmp_path / "sts-plugin.py").chmod(0o755)
    installation.break_the_long_way()
    done = subprocess.run(
        ["bash", "sts-plugin", "status"],
        env=base[1] | {"PATH": f"{installation.bin}:{os.environ['PATH']}"},
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (LONG_WAY, b"")


def test_the_environment_of_the_long_way_is_that_of_the_caller(installation, base):
    body = "import json, os\nprint(json.dumps(dict(os.environ)))\n"
    installation.write_script(f"#!{installation.python}\n", body)
    environ = {"PATH": "/usr/bin:/bin", "python": "p", "full": "f", "link": "l"}
    for words in (["status"], ["credential-process", "--profile", "none"]):
        done = run_of(installation.program, environ)(*words)
        assert json.loads(done.stdout).items() >= environ.items()


def test_beside_the_program_of_windows_it_runs_that(installation, run):
    # There pip makes sts-plugin.exe of the entry point, and this file is beside it.
    installation.break_the_long_way()
    installation.script.rename(installation.bin / "sts-plugin.exe")
    assert run("status").returncode == LONG_WAY


def test_without_its_module_it_takes_the_long_way(installation, run):
    answer = run().stdout
    installation.warm.unlink()
    shutil.rmtree(installation.warm.parent / "__pycache__")
    installation.write_script(f"#!{sys.executable}\n")
    assert run().stdout == answer


@pytest.mark.parametrize(
    "beginning",
    ["#!/usr/bin/env python3\n", "#! /nowhere/python\n", "\n", "#!\n"],
)
def test_a_script_that_names_no_python_is_run_as_it_is(
    installation, run, tmp_path, beginning
):
    (tmp_path / "python").write_text("#!/bin/sh\necho never\n")
    (tmp_path / "python").chmod(0o755)
    installation.write_script(beginning, "raise SystemExit(77)\n")
    done = run(cwd=tmp_path)
    assert b"never" not in done.stdout
    assert done.returncode != 0


# --- Where it cannot print ---


def test_what_cannot_be_printed_is_an_error_in_one_line(installation, run, base):
    environ = base[1]
    for redirected, words in ((">&-", "stdout is closed"), (">/dev/full", "written")):
        line = f'"$0" {" ".join(COMMAND)} {redirected}'
        done = subprocess.run(
            ["/bin/sh", "-c", line, installation.program],
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1
        assert words in done.stderr


def test_a_reader_that_went_away_is_no_news(installation, base):
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [installation.program, *COMMAND],
        env=base[1],
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")
