r"""Batches: what a kernel accepts, how it is spread over threads, and who refuses bad input.

    row(rows, i, label, parameters, losses, gradient) -> legal        one sample, compiled
    over_rows(row)    the same for a batch: rows in blocks, blocks divided among threads if it pays

A kernel takes contiguous float64 and int64; anything else is copied to that first, so float32 comes
back as float64.  A NaN is a number like any other.  What is not legal the kernel only notices: the page
is then asked about that very sample, and refuses it in its own words.

How many threads there are is the user's affair (`numba.set_num_threads`), and no result depends on it,
since a sample is never divided.  A small batch is done before other threads would have started, so it
stays in the calling thread; Python's lock is released either way.  Where numba finds neither TBB nor
OpenMP, its threads must not be called from two Python threads at once: set their number to 1 there.

Source: numba's documentation, "The Threading Layers".
Before: exponential.py.  Next: losses.py, the table losses at the speed of memory.
"""

import numba
import numpy as np
from numba import njit, prange

SHARED = 2**17  # entries of a batch from which other threads are worth their start
BLOCK = 2**11  # entries that are worked on at once, and stay in the nearest cache


def as_numbers(name, values, axes):
    """Float64 with these axes, as a kernel takes it, copied only if need be."""
    values = np.asarray(values)
    if values.dtype.kind not in "fiu":
        raise ValueError(f"{name} must hold real numbers, not {values.dtype}")
    check_axes(name, values, axes)
    return _plain(values, np.float64)


def as_integers(name, values, axes):
    """Int64 with these axes, as a kernel takes it, copied only if need be; an empty list will do."""
    values = np.asarray(values)
    if values.dtype.kind not in "iu" and values.size:
        raise ValueError(f"{name} must hold integers, not {values.dtype}")
    check_axes(name, values, axes)
    return _plain(values, np.int64)


def _plain(values, dtype):
    """Contiguous and aligned; writeable too, for numba would compile another kernel for what is not."""
    values = np.ascontiguousarray(values, dtype)
    return values if values.flags.carray else values.copy()


def check_axes(name, values, axes):
    """Raise a ValueError unless there are as many axes, each as long as told where it is a number."""
    fits = values.ndim == len(axes)
    if not (fits and all(isinstance(a, str) or n == a for n, a in zip(values.shape, axes, strict=True))):
        raise ValueError(f"{name} has shape {values.shape}, but must be ({', '.join(map(str, axes))})")


def refuse(page, sample, i):
    """Let the page refuse sample i, and say which it was."""
    try:
        page(*sample)
    except ValueError as problem:
        problem.add_note(f"in sample {i} of the batch")
        raise
    raise ValueError(f"sample {i} of the batch is not legal")


def over_rows(row, prepare=None):
    """From a function of one row, one of a batch that returns its first row that is not legal, or b.

    `prepare(rows, parameters, losses, gradient, start, stop)` sees a whole block before its rows are done.
    """

    @njit(error_model="numpy", nogil=True)
    def block(rows, labels, parameters, losses, gradient, start, stop):
        first = len(rows)
        if prepare is not None:
            prepare(rows, parameters, losses, gradient, start, stop)
        for i in range(start, stop):
            legal = 0 <= labels[i] < rows.shape[1]
            legal = legal and row(rows, i, labels[i], parameters, losses, gradient)
            first = first if legal else min(first, i)
        return first

    @njit(error_model="numpy", nogil=True)
    def alone(rows, labels, parameters, losses, gradient):
        first, step = len(rows), 1 + BLOCK // rows.shape[1]
        for start in range(0, len(rows), step):
            stop = min(start + step, len(rows))
            first = min(first, block(rows, labels, parameters, losses, gradient, start, stop))
        return first

    @njit(error_model="numpy", nogil=True, parallel=True)
    def shared(rows, labels, parameters, losses, gradient):
        first, step = len(rows), 1 + BLOCK // rows.shape[1]
        for n in prange((len(rows) + step - 1) // step):
            stop = min((n + 1) * step, len(rows))
            first = min(first, block(rows, labels, parameters, losses, gradient, n * step, stop))
        return first

    def run(rows, *others):
        several = rows.size >= SHARED and numba.get_num_threads() > 1
        return (shared if several else alone)(rows, *others)

    return run
