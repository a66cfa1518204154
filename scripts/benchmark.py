#!/usr/bin/env python3
"""Measure ebm_ref against what a user would otherwise use, side by side in one run.

    scripts/benchmark.py [--only WORD] [--json FILE]

A row is {"name", "ours_s", "theirs_s", "theirs", "ratio"} with ratio = theirs_s / ours_s: above 1 we are
faster.  Both sides are warmed up, then timed in turns; the best of all rounds counts.  The floor that
bounds a row (one call of the library that both stand on) is measured in the same run and stands in "machine".
Tables go to standard error, so that `--json /dev/stdout` is pure JSON.
"""

import argparse
import json
import os
import platform
import sys
import time
from importlib import metadata
from pathlib import Path


def best_of(functions, rounds=7, seconds=0.05):
    """Best seconds per call of each function, timed in turns so that all see the same machine."""
    calls = []
    for function in functions:
        function()
        started = time.perf_counter()
        function()
        calls.append(max(1, round(seconds / max(time.perf_counter() - started, 1e-9))))
    best = [float("inf")] * len(functions)
    for _ in range(rounds):
        for i, function in enumerate(functions):
            started = time.perf_counter()
            for _ in range(calls[i]):
                function()
            best[i] = min(best[i], (time.perf_counter() - started) / calls[i])
    return best


def gradient_row(name, lifted):
    """A page's explicit gradient against autograd's of the same page."""
    import autograd
    import numpy as np

    from ebm_ref import FORMULAS

    f, k, samples = FORMULAS[name], 10, 256
    stack = np.random.default_rng(0).normal(size=(samples, k))
    slope = autograd.grad(f.value)
    if lifted:
        ours = lambda: f.gradient("energies", stack, 3)
        theirs = lambda: np.array([slope(energies, 3) for energies in stack])
    else:
        ours = lambda: f.gradients["energies"](stack[0], 3)
        theirs = lambda: slope(stack[0], 3)
    assert np.allclose(ours(), theirs(), rtol=1e-12)
    return *best_of([ours, theirs]), f"autograd {metadata.version('autograd')}"


# name: a function that returns (ours_s, theirs_s, theirs); imports stay inside
ROWS = {
    "hinge_page": lambda: gradient_row("hinge", lifted=False),
    "hinge_lifted_256x10": lambda: gradient_row("hinge", lifted=True),
    "nll_page": lambda: gradient_row("nll", lifted=False),
    "nll_lifted_256x10": lambda: gradient_row("nll", lifted=True),
}


def machine():
    """What the figures depend on; one NumPy call is the floor of every page."""
    import numpy as np

    x = np.ones(10)
    cpu = next(
        (line.partition(":")[2].strip() for line in _cpuinfo() if line.startswith("model name")),
        platform.machine(),
    )
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "system": platform.system(),
        "numpy_call_s": best_of([lambda: np.exp(x)])[0],
    }


def _cpuinfo():
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


def versions():
    known = ("ebm_ref", "numpy", "autograd", "numba", "torch")
    found = {"python": platform.python_version()}
    for name in known:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            pass
    return found


def main():
    parser = argparse.ArgumentParser(description="Measure ebm_ref against what a user would otherwise use.")
    parser.add_argument("--only", metavar="WORD", default="", help="rows whose name contains WORD")
    parser.add_argument("--json", metavar="FILE", help="write the figures to a file")
    args = parser.parse_args()
    chosen = {name: row for name, row in ROWS.items() if args.only in name}
    if not chosen:
        parser.error(f"no row contains {args.only!r}; rows: {', '.join(ROWS)}")
    rows = []
    print(f"{'row':32} {'ours':>10} {'theirs':>10} {'ratio':>7}  theirs", file=sys.stderr)
    for name, measure in chosen.items():
        ours, theirs, whose = measure()
        rows.append(
            {"name": name, "ours_s": ours, "theirs_s": theirs, "theirs": whose, "ratio": theirs / ours}
        )
        print(
            f"{name:32} {_time(ours):>10} {_time(theirs):>10} {theirs / ours:7.1f}  {whose}", file=sys.stderr
        )
    result = {"machine": machine(), "versions": versions(), "rows": rows}
    floor = result["machine"]["numpy_call_s"]
    print(f"{'floor: one NumPy call, 10 numbers':32} {_time(floor):>9}", file=sys.stderr)
    if args.json:
        stream = sys.stdout if args.json in ("-", "/dev/stdout") else open(args.json, "w", encoding="utf-8")
        with stream:
            print(json.dumps(result, indent=1), file=stream)


def _time(seconds):
    return f"{seconds * 1e6:.1f} us" if seconds < 1e-3 else f"{seconds * 1e3:.2f} ms"


if __name__ == "__main__":
    main()
