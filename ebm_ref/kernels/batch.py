r"""Batches: what a kernel accepts, how it is spread over threads, and who refuses bad input.

    kernel(..., start, stop)    samples start..stop-1 of a batch, compiled, Python's lock released
    over_rows(row)              such a kernel, from a function of one row
    divide(kernel, ...)         all samples, in this thread or, if it pays, in several

A kernel takes contiguous float64 and int64; anything else is copied to that first, so float32 comes
back as float64.  A NaN is a number like any other.  Of what is not legal in a sample a kernel only takes
note.  The page is then asked about that very sample, and refuses it in its own words.

How many threads there are is the user's affair (`numba.set_num_threads`), and no result depends on it,
since a sample is never divided.  They are Python's threads, not those of numba's parallel loops: a
second compilation is saved, and nothing stands in the way of calls from several threads or of a fork.

Source: numba's documentation, "Releasing the GIL" and "The Threading Layers".
"""

import inspect
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
from autograd.extend import Box

from ebm_ref.checks import as_real, require, require_positive, whole, with_axes
from ebm_ref.kernels.compiled import njit

SHARED = 2**20  # entries of a batch from which other threads are worth their start, 0.3 ms
BLOCK = 2**11  # entries that are worked on at once, and stay in the nearest cache


def as_numbers(argument, values, *axes):
    """Float64 with these axes, as a kernel takes it, copied only if need be.

    >>> as_numbers("rows", [[1, 2]], "b", 2)
    array([[1., 2.]])
    """
    return _plain(with_axes(argument, as_table(argument, values), axes), np.float64)


def as_table(argument, values):
    """Float64 of any shape; what autograd follows is refused, for a kernel has gradients of its own."""
    if type(values) is np.ndarray and values.dtype == np.float64:  # nothing to check, which saves 3 us
        return values
    require(not isinstance(values, Box), argument, values, "must hold numbers, not what autograd follows")
    return np.asarray(as_real(argument, values))


def as_integers(argument, values, *axes):
    """Int64 with these axes, as a kernel takes it, copied only if need be; an empty list will do."""
    if type(values) is np.ndarray and values.dtype == np.int64:
        return _plain(with_axes(argument, values, axes), np.int64)
    return _plain(whole(argument, values, *axes), np.int64)


def as_lengths(argument, values, b, least, most):
    """(b,) integers from `least` to `most`: how much of each sample is its own."""
    lengths = as_integers(argument, values, b)
    inside = b == 0 or (lengths.min() >= least and lengths.max() <= most)
    require(inside, argument, lengths, f"must be in {least}..{most}")
    return lengths


def as_number(argument, value):
    """One number as a float."""
    if type(value) is float:
        return value
    return float(as_numbers(argument, value).item())


def as_positive(argument, value):
    """One number as a float, positive and finite."""
    number = as_number(argument, value)
    require_positive(argument, number)
    return number


def _plain(values, dtype):
    """Contiguous and aligned; writeable too, for numba would compile another kernel for what is not."""
    values = np.ascontiguousarray(values, dtype)
    return values if values.flags.carray else values.copy()


def refuse(page, sample, i, names):
    """Let the page refuse sample i, in its own words, but for the batch's `names` of the arguments.

    >>> def page(label):
    ...     require(label < 3, "label", label, "must be below 3")
    >>> try:
    ...     refuse(page, (5,), 7, ("labels[7]",))
    ... except ValueError as problem:
    ...     print(problem)
    labels[7] = 5: must be below 3
    """
    try:
        page(*sample)
    except ValueError as problem:
        text = str(problem)
        for own, name in zip(inspect.signature(page).parameters, names, strict=False):
            if text.startswith((f"{own} = ", f"{own}[")):
                raise ValueError(name + text.removeprefix(own)) from None
        problem.add_note(f"in sample {i} of the batch")
        raise
    require(False, names[0], sample[0], "is not legal")


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
