#!/usr/bin/env python3
"""Spoil one argument of a call, 200,000 times: `scripts/fuzz_calls.py [--calls N] [--seed N] [--only WORD]`.

Claim: every call of a formula, of its gradients, of both on a stack, and of the public functions of exact,
inference, samplers, learning and kernels gives the answer of the same numbers in float64, or a ValueError or
TypeError that names an argument.
Seconds: about 0.2 ms a call.  Exit status 1 if the claim fails.
"""

import argparse
import sys
import time
import zlib

import numpy as np

from ebm_ref import FORMULAS
from ebm_ref.proof.evidence import samples
from ebm_ref.proof.garbage import fault, spoil


def formula_calls():
    """{what is called: (function, function of a generator that gives legal inputs by name)}"""
    for name, f in FORMULAS.items():
        some, _ = samples(name, 8)
        legal = lambda rng, some=some: some[rng.integers(8)]
        yield name, (f.value, legal)
        yield f"{name}, stack", (f, legal)
        for argument, gradient in f.gradients.items():
            yield f"{name} by {argument}", (gradient, legal)
            lifted = lambda f=f, argument=argument, **inputs: f.gradient(argument, *inputs.values())
            yield f"{name} by {argument}, stack", (lifted, legal)


def every_call():
    """The calls of formulas and of public functions; those of the kernels are kernel_calls."""
    from fuzz_inputs import CALLS

    return dict(formula_calls()) | public(CALLS)


def kernel_calls():
    """The calls of public functions of the kernels; numba compiles them first."""
    from fuzz_kernels import CALLS

    return public(CALLS)


def public(table):
    """Calls from a table {name: (function, legal inputs)}."""
    legal = lambda inputs: lambda rng: inputs
    return {name: (function, legal(inputs)) for name, (function, inputs) in table.items()}


def faults(calls, count, seed=0):
    """Yield (what was called, what was spoiled and how, what is wrong) of `count` calls, spread evenly."""
    for i in range(count):
        name = list(calls)[i % len(calls)]
        function, legal = calls[name]
        rng = np.random.default_rng([seed, i, zlib.crc32(name.encode())])
        spoiled = spoil(rng, legal(rng))
        wrong = fault(function, spoiled)
        if wrong:
            yield name, f"{spoiled.argument}: {spoiled.kind}", wrong


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=200_000, metavar="N")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument("--only", metavar="WORD", default="", help="calls whose name contains WORD")
    args = parser.parse_args()
    calls = {name: call for name, call in (every_call() | kernel_calls()).items() if args.only in name}
    if not calls:
        parser.error(f"no call contains {args.only!r}")
    started, seen = time.perf_counter(), {}
    for name, how, wrong in faults(calls, args.calls, args.seed):
        if (name, how) not in seen:
            print(f"{name}: {how}: {wrong[:200]}", flush=True)
        seen[name, how] = seen.get((name, how), 0) + 1
    took = time.perf_counter() - started
    found = f"{sum(seen.values())} faults of {len(seen)} kinds"
    print(f"{args.calls} calls of {len(calls)} functions, {found}; {took:.0f} s.")
    return int(bool(seen))


if __name__ == "__main__":
    sys.exit(main())
