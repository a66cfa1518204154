r"""Batches: what a kernel accepts, how it is spread over threads, and who refuses bad input.

    row(entries, label, parameter, gradient) -> loss, legal        one sample, compiled
    over_rows(row) = a loop over the batch alone, and one shared among threads

A kernel takes contiguous float64 and int64; anything else is copied to that first, so float32 comes
back as float64.  A NaN is a number like any other.  What is not legal the kernel only notices: the page
is then asked about that very sample, and refuses it in its own words.

How many threads there are is the user's affair (`numba.set_num_threads`), and no result depends on it,
since a sample is never divided.  A small batch is done before other threads would have started, so it
stays in the calling thread and releases Python's lock.  On systems without TBB or OpenMP numba's
threads must not be used from two Python threads at once; there, call `numba.set_num_threads(1)`.

Source: numba's documentation, "The Threading Layers".
Before: exponential.py.  Next: losses.py, the table losses at the speed of memory.
"""

import numba
import numpy as np
from numba import njit, prange

from ebm_ref.formula import require

SHARED = 2**17  # entries of a batch from which other threads are worth their start


def as_numbers(name, values, axes):
    """Contiguous float64 with these axes, copied only if need be."""
    values = np.asarray(values)
    require(values.dtype.kind in "fiu", name, values, f"must be real numbers, not {values.dtype}")
    return _contiguous(name, values, axes, np.float64)


def as_integers(name, values, axes):
    """Contiguous int64 with these axes, copied only if need be; an empty list will do."""
    values = np.asarray(values)
    whole = values.dtype.kind in "iu" or values.size == 0
    require(whole, name, values, f"must be integers, not {values.dtype}")
    return _contiguous(name, values, axes, np.int64)


def _contiguous(name, values, axes, dtype):
    text = f"({', '.join(axes)})" if len(axes) > 1 else f"({axes[0]},)"
    require(values.ndim == len(axes), name, values, f"has shape {values.shape}, but must be {text}")
    values = np.ascontiguousarray(values, dtype)
    return values if values.flags.aligned else values.copy()


def refuse(page, sample, i):
    """Let the page refuse sample i, and say which it was."""
    try:
        page(*sample)
    except ValueError as problem:
        problem.add_note(f"in sample {i} of the batch")
        raise
    raise ValueError(f"sample {i} of the batch is not legal")


def over_rows(row):
    """Two loops over a batch, alone and shared: the first sample that is not legal, or the batch's size."""

    @njit(error_model="numpy", nogil=True)
    def one(i, rows, labels, parameters, losses, gradient):
        legal = 0 <= labels[i] < rows.shape[1]
        if legal:
            parameter = parameters[i if len(parameters) > 1 else 0]
            losses[i], legal = row(rows[i], labels[i], parameter, gradient[i])
        return i if not legal else len(rows)

    @njit(error_model="numpy", nogil=True)
    def alone(rows, labels, parameters, losses, gradient):
        first = len(rows)
        for i in range(len(rows)):
            first = min(first, one(i, rows, labels, parameters, losses, gradient))
        return first

    @njit(error_model="numpy", nogil=True, parallel=True)
    def shared(rows, labels, parameters, losses, gradient):
        first = len(rows)
        for i in prange(len(rows)):
            first = min(first, one(i, rows, labels, parameters, losses, gradient))
        return first

    def run(rows, *others):
        several = rows.size >= SHARED and numba.get_num_threads() > 1
        return (shared if several else alone)(rows, *others)

    return run
