#!/usr/bin/env python3
"""Measure ebm_ref against what a user would otherwise use, side by side in one run.

    scripts/benchmark.py [--only WORD] [--json FILE]

A row is {"name", "ours_s", "theirs_s", "theirs", "ratio"} with ratio = theirs_s / ours_s: above 1 we are
faster.  Both sides are warmed up, then timed in turns; the best of all rounds counts.  What bounds a row is
measured in the same run and stands in "machine": one call of NumPy for a page, for a kernel the time to copy
its numbers and to take as many exponentials.  Kernels and PyTorch get one thread each.
Tables go to standard error, so that `--json /dev/stdout` is pure JSON.
"""

import argparse
import contextlib
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


def page_row(name):
    """The same for a page of any arguments, at a sample of its own."""
    import autograd
    import numpy as np

    from ebm_ref import FORMULAS

    f = FORMULAS[name]
    sample = f.bind(**f.sample(np.random.default_rng(0)))
    argument, inputs = next(iter(f.gradients)), list(sample.values())
    slope = autograd.grad(f.value, list(sample).index(argument))
    ours, theirs = lambda: f.gradients[argument](*inputs), lambda: slope(*inputs)
    assert np.allclose(ours(), theirs(), rtol=1e-9)
    return *best_of([ours, theirs]), f"autograd {metadata.version('autograd')}"


@contextlib.contextmanager
def one_thread():
    """One thread for numba and for PyTorch, whatever they had before."""
    import numba
    import torch

    had = numba.get_num_threads(), torch.get_num_threads()
    numba.set_num_threads(1)
    torch.set_num_threads(1)
    try:
        yield
    finally:
        numba.set_num_threads(had[0])
        torch.set_num_threads(had[1])


def cross_entropy_row(b, k):
    """Value and gradient of a batch of cross-entropies against PyTorch's forward and backward, float64."""
    import numpy as np
    import torch

    from ebm_ref.kernels.losses import cross_entropy_value_and_gradient

    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(b, k)), rng.integers(k, size=b)
    leaf, index = torch.tensor(logits, requires_grad=True), torch.tensor(labels)

    def theirs():
        loss = torch.nn.functional.cross_entropy(leaf, index, reduction="sum")
        return loss, *torch.autograd.grad(loss, leaf)

    ours = lambda: cross_entropy_value_and_gradient(logits, labels)
    with one_thread():
        (values, slopes), (total, gradient) = ours(), theirs()
        assert np.isclose(values.sum(), total.item()) and np.allclose(slopes, gradient.numpy(), atol=1e-14)
        return *best_of([ours, theirs], rounds=15), f"torch {torch.__version__}"


def ctc_row(t=200, b=32, c=50, u=30):
    """Value and gradient of a batch of CTC losses, by log-probabilities, against PyTorch's, float64."""
    import numpy as np
    import torch

    from ebm_ref.kernels.ctc import ctc_value_and_gradient

    rng = np.random.default_rng(0)
    leaf = torch.tensor(rng.normal(size=(t, b, c))).log_softmax(2).requires_grad_(True)
    targets, lengths, sizes = rng.integers(1, c, size=(b, u)), np.full(b, t), np.full(b, u)
    others = torch.tensor(targets), torch.tensor(lengths), torch.tensor(sizes)
    mine = np.ascontiguousarray(leaf.detach().numpy().transpose(1, 0, 2))  # each side in the order it likes

    def theirs():
        loss = torch.nn.functional.ctc_loss(leaf, *others, reduction="sum")
        return loss, *torch.autograd.grad(loss, leaf)

    ours = lambda: ctc_value_and_gradient(mine, targets, lengths, sizes)
    with one_thread():
        (values, slopes), (total, gradient) = ours(), theirs()
        by_logits = (np.exp(mine) + slopes).transpose(1, 0, 2)  # what PyTorch returns instead
        assert np.isclose(values.sum(), total.item()) and np.allclose(by_logits, gradient.numpy(), atol=1e-10)
        return *best_of([ours, theirs], rounds=15), f"torch {torch.__version__}"


PAGES = (
    *(
        "squared_error",
        "huber",
        "log_cosh",
        "smooth_l1",
        "kl_divergence",
        "cross_entropy",
        "label_smoothing",
    ),
    *(
        "binary_cross_entropy_with_logits",
        "focal",
        "info_nce",
        "soft_margin",
        "contrastive",
        "triplet_margin",
    ),
    *("generalized_hinge", "ctc", "ctc_of_logits"),
)

# name: a function that returns (ours_s, theirs_s, theirs); imports stay inside
ROWS = {
    "hinge_page": lambda: gradient_row("hinge", lifted=False),
    "hinge_lifted_256x10": lambda: gradient_row("hinge", lifted=True),
    "nll_page": lambda: gradient_row("nll", lifted=False),
    "nll_lifted_256x10": lambda: gradient_row("nll", lifted=True),
    **{f"{name}_page": lambda name=name: page_row(name) for name in PAGES},
    "cross_entropy_128x10": lambda: cross_entropy_row(128, 10),
    "cross_entropy_4096x1000": lambda: cross_entropy_row(4096, 1000),
    "ctc": ctc_row,
}


def machine():
    """What the figures depend on, and the floors: no page and no kernel can be faster than these."""
    import numpy as np

    few, row, table = np.ones(10), np.linspace(-20.0, 0.0, 4096), np.ones((4096, 1000))
    into, other = np.empty_like(row), np.empty_like(table)
    call, exponentials, copy = best_of(
        [lambda: np.exp(few), lambda: np.exp(row, out=into), lambda: np.copyto(other, table)]
    )
    cpu = next(
        (line.partition(":")[2].strip() for line in _cpuinfo() if line.startswith("model name")),
        platform.machine(),
    )
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "system": platform.system(),
        "numpy_call_s": call,
        "copy_4096x1000_s": copy,
        "exp_4096x1000_s": exponentials * 1000,
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
    print(f"{'row':38} {'ours':>10} {'theirs':>10} {'ratio':>7}  theirs", file=sys.stderr)
    for name, measure in chosen.items():
        try:
            ours, theirs, whose = measure()
        except ModuleNotFoundError as missing:
            print(f"{name:38} left out: {missing.name} is not installed", file=sys.stderr)
            continue
        rows.append(
            {"name": name, "ours_s": ours, "theirs_s": theirs, "theirs": whose, "ratio": theirs / ours}
        )
        print(
            f"{name:38} {_time(ours):>10} {_time(theirs):>10} {theirs / ours:7.1f}  {whose}", file=sys.stderr
        )
    result = {"machine": machine(), "versions": versions(), "rows": rows}
    floors = {
        "numpy_call_s": "floor: one NumPy call, 10 numbers",
        "copy_4096x1000_s": "floor: copy of 4096 x 1000",
        "exp_4096x1000_s": "floor: NumPy's exp of 4096 x 1000",
    }
    for key, text in floors.items():
        print(f"{text:39} {_time(result['machine'][key]):>9}", file=sys.stderr)
    if args.json:
        stream = sys.stdout if args.json in ("-", "/dev/stdout") else open(args.json, "w", encoding="utf-8")
        with stream:
            print(json.dumps(result, indent=1), file=stream)


def _time(seconds):
    return f"{seconds * 1e6:.1f} us" if seconds < 1e-3 else f"{seconds * 1e3:.2f} ms"


if __name__ == "__main__":
    main()
