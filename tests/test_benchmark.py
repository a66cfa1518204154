"""The benchmark's rows: how rounds scatter, what bounds a row, and what each should reach."""

import fnmatch
import math

import pytest
from conftest import script


@pytest.fixture(scope="module")
def benchmark():
    return script("benchmark")


@pytest.fixture(scope="module")
def limits():
    return script("limits")


def test_seconds_are_the_best_round_and_keep_the_others(benchmark):
    seconds = benchmark.Seconds([3.0, 2.0, 4.0])
    assert seconds == 2.0 and (seconds / 2).rounds == [1.5, 1.0, 2.0] and seconds * 10 == 20.0
    assert seconds - benchmark.Seconds([1.0, 0.5, 1.0]) == 1.5  # best less best, as one reads it
    assert (seconds - benchmark.Seconds([1.0, 0.5, 1.0])).rounds == [2.0, 1.5, 3.0]


def test_quartiles_of_the_ratio_are_those_of_rounds_side_by_side(benchmark):
    """A machine that slows down both sides leaves their ratio as it is."""
    ours, theirs = benchmark.Seconds([1.0, 2.0, 8.0]), benchmark.Seconds([3.0, 6.0, 24.0])
    found = benchmark.scatter(ours, theirs)
    assert found["rounds"] == 3 and found["ours_quartiles_s"] == [1.5, 2.0, 5.0]
    assert found["ratio_quartiles"] == [3.0, 3.0, 3.0]
    assert benchmark.scatter(1.0, theirs) == {}


def test_every_row_is_judged_and_no_rule_is_idle(benchmark, limits):
    for name in benchmark.ROWS:
        told = limits.judged({"name": name, "ratio": 0.0})
        assert told["group"] and told["target"] >= 1.0
        assert benchmark.about(benchmark.ROWS[name])
    for table in (limits.GROUPS, limits.TARGETS, limits.LIMITS, limits.WHY):
        for pattern in table:
            assert fnmatch.filter(benchmark.ROWS, pattern), pattern


def test_limits_are_of_what_was_measured(benchmark, limits):
    machine = limits.measured(lambda functions: benchmark.best_of(functions, rounds=2, seconds=1e-3))
    assert all(math.isfinite(seconds) and seconds > 0 for seconds in machine.values())
    assert machine["exponential_s"] < machine["numpy_call_s"] < machine["copy_4096x1000_s"]
    bounded = [name for name in benchmark.ROWS if limits.limit({"name": name}, machine)]
    assert len(bounded) > len(benchmark.ROWS) / 2
    assert limits.limit({"name": "x", "dgemm_s": 2.0}, machine)["limit_s"] == 2.0
