"""The arithmetic of the benchmarks, and the shape of what they report."""

from __future__ import annotations

import json
import sys
import time

import pytest
from cases import Bar, Case, LeftOut
from report import Result, as_json, as_table, as_verdicts, machine
from timing import CannotRun, Process, Shared, Summary, interleave, ratio

BARS = (Bar("S1", "ours", "theirs", 1.0), Bar("S3", "ours", "theirs", 5, "ms over"))
FOUND = (
    Case("theirs", lambda: 0.0),
    LeftOut("another", "it is not installed"),
    Case("ours", lambda: 0.0, "theirs"),
)


def result_of(ours, theirs=(8.0, 10.0, 30.0)):
    times = {"theirs": theirs, "ours": ours}
    return Result.of("warm", "A warm hit.", BARS, FOUND, times)


def test_a_summary_has_the_median_and_the_quartiles():
    one = Summary.of([5.0, 1.0, 2.0, 4.0, 3.0])
    assert one == Summary(5, median=3.0, low=2.0, high=4.0, least=1.0, most=5.0)


def test_one_run_is_its_own_median_and_has_no_spread():
    assert Summary.of([7.0]) == Summary(1, 7.0, 7.0, 7.0, 7.0, 7.0)


def test_one_slow_run_moves_neither_the_median_nor_a_ratio():
    calm, disturbed = Summary.of([2.0, 2.0, 2.0]), Summary.of([1.0, 1.0, 900.0])
    assert ratio(disturbed, calm) == 0.5


def test_cases_are_run_in_turn_each_round_beginning_with_another_one():
    ran = []
    runs = {name: lambda name=name: ran.append(name) or len(ran) for name in "abc"}
    times = interleave(runs, 2, warm_up=1)
    assert "".join(ran) == "abcbcacab"
    assert times == {"a": [6, 8], "b": [4, 9], "c": [5, 7]}  # not those of the first


def test_cases_of_one_run_get_the_same_one_in_whichever_order_they_ask():
    runs = iter([(1.0, 2.0), (3.0, 4.0)])
    shared = Shared(lambda: next(runs))
    first, second = shared.each(lambda run: run[0]), shared.each(lambda run: run[1])
    assert [first(), first(), second(), second()] == [1.0, 3.0, 2.0, 4.0]


def test_a_process_is_timed_from_its_start_to_its_end():
    words = (sys.executable, "-I", "-S", "-c", "import time; time.sleep(0.2)")
    began = time.perf_counter()
    took = Process(words, {}).milliseconds()
    assert 200 <= took <= (time.perf_counter() - began) * 1000


@pytest.mark.parametrize("code", ["raise SystemExit('no such role')", "print('else')"])
def test_a_process_that_does_not_do_its_work_cannot_be_timed(code):
    process = Process((sys.executable, "-I", "-S", "-c", code), {}, says="ASIA")
    with pytest.raises(CannotRun, match="ended with"):
        process.output()


def test_what_a_process_prints_is_not_in_the_error(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("print('SECRET'); raise SystemExit(1)")
    with pytest.raises(CannotRun, match="ended with 1") as caught:
        Process((sys.executable, "-I", "-S", str(script)), {}).output()
    assert "SECRET" not in str(caught.value)


def test_a_failure_while_it_is_timed_is_not_a_time():
    words = (sys.executable, "-I", "-S", "-c", "raise SystemExit(3)")
    with pytest.raises(CannotRun, match="ended with 3"):
        Process(words, {}).milliseconds()


@pytest.mark.parametrize(
    ("ours", "holds"),
    [
        ((9.0, 10.0, 11.0), [True, True]),
        ((11.0, 12.0, 13.0), [False, True]),
        ((15.0, 16.0, 17.0), [False, False]),
    ],
)
def test_a_bar_is_times_a_peer_or_milliseconds_over_it(ours, holds):
    result = result_of(ours)
    assert [one.holds for one in result.verdicts] == holds
    said = ["holds" if one else "FAILS" for one in holds]
    assert [line.split()[0] for line in as_verdicts(result)] == said


def test_the_table_names_the_spread_and_what_was_left_out():
    lines = as_table(result_of((20.0, 24.0, 28.0))).splitlines()
    assert lines[0] == "## warm: A warm hit. Rounds: 3."
    heads, _, theirs, ours = (
        [cell.strip() for cell in x.split("|")] for x in lines[2:6]
    )
    assert heads[1:4] == ["case", "median", "quartiles"]
    assert theirs[1:7] == ["theirs", "10.0 ms", "9.0 - 20.0", "8.0 ms", "30.0 ms", ""]
    assert ours[6:8] == ["2.40", "theirs"]
    assert lines[6] == "left out: another: it is not installed"


def test_the_json_has_the_machine_the_figures_and_the_bars():
    about = machine({"botocore": "1.2.3"})
    read = json.loads(json.dumps(as_json(about, [result_of((20.0, 24.0, 28.0))])))
    assert read["format"] == 1
    assert set(read["machine"]) == {
        "at",
        "cpus",
        "load_average",
        "platform",
        "python",
        "versions",
    }
    (group,) = read["groups"]
    assert group["cases"][1] == {
        "case": "ours",
        "milliseconds": {
            "runs": 3,
            "median": 24.0,
            "low": 22.0,
            "high": 26.0,
            "least": 20.0,
            "most": 28.0,
        },
        "against": "theirs",
        "ratio": 2.4,
    }
    assert group["left_out"] == [{"name": "another", "why": "it is not installed"}]
    assert [bar["measured"] for bar in group["bars"]] == [2.4, 14.0]
    assert [bar["holds"] for bar in group["bars"]] == [False, False]
