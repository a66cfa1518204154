r"""Batches: what a kernel accepts, how it is spread over threads, and who refuses bad input.

    kernel(..., start, stop)    samples start..stop-1 of a batch, compiled, Python's lock released
    over_rows(row)              such a kernel, from a function of one row
    divide(kernel, ...)         all samples, in this thread or, if it pays, in several

A kernel takes contiguous float64 and int64; anything else is copied to that first, so float32 comes
back as float64.  A NaN is a number like any other.  What is not legal the kernel only notices: the page
is then asked about that very sample, and refuses it in its own words.

How many threads there are is the user's affair (`numba.set_num_threads`), and no result depends on it,
since a sample is never divided.  They are Python's threads, not those of numba's parallel loops: a
second compilation is saved, and nothing stands in the way of calls from several threads or of a fork.

Source: numba's documentation, "Releasing the GIL" and "The Threading Layers".
"""

from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
from numba import njit

SHARED = 2**20  # entries of a batch from which other threads are worth their start, 0.3 ms
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


def divide(kernel, samples, entries):
    """The lowest of what kernel(start, stop) returns for the parts of a batch, done by threads if it pays."""
    threads = min(numba.get_num_threads(), samples) if entries >= SHARED else 1
    if threads < 2:
        return kernel(0, samples)
    ends = [samples * n // (4 * threads) for n in range(4 * threads + 1)]
    with ThreadPoolExecutor(threads) as pool:
        return min(pool.map(kernel, ends[:-1], ends[1:]))


def over_rows(row, prepare=None):
    """From a function of one row, one of rows start..stop-1: the first that is not legal, or their number.

    `prepare(rows, parameters, losses, gradient, start, stop)` sees a whole block before its rows are done.
    """

    @njit(error_model="numpy", nogil=True)
    def kernel(rows, labels, parameters, losses, gradient, start, stop):
        first, step = len(rows), 1 + BLOCK // rows.shape[1]
        for begin in range(start, stop, step):
            end = min(begin + step, stop)
            if prepare is not None:
                prepare(rows, parameters, losses, gradient, begin, end)
            for i in range(begin, end):
                legal = 0 <= labels[i] < rows.shape[1]
                legal = legal and row(rows, i, labels[i], parameters, losses, gradient)
                first = first if legal else min(first, i)
        return first

    return kernel
