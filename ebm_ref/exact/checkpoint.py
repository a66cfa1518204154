r"""Checkpoints: what a long sum has finished, in a file that survives being killed.

    remember    write a new file beside the old one, then put it in its place
    recall      number of finished pieces, and their sum: leader and total

A sum over 2^50 configurations takes a month, and no machine is left alone for a month.  The sum is cut
into pieces that are added in their order, so all that must be kept is how many are done and what they
add up to.  A file that is written in place is lost when the machine goes down half way.  So the new
file is written and flushed first, and renamed afterwards: renaming is all or nothing.

Going on with another problem's sum would be wrong without a word.  So the file holds a text that tells
problems apart, such as a hash of all numbers that enter, and a file with another text is refused.  So is
one that says what cannot be, such as 99 pieces done of 4.  All this is found out before any work.

Later, nothing that happens to the file stops the sum.  If the disk is full, or another problem has taken
the name meanwhile, a warning says so, and the work goes on without a new file.  Two processes may have one
file: each writes under a name of its own, which nobody else has, and one that is behind leaves the file
to the other.  If the path is a symbolic link, the file is written where the link leads.

Source: elementary; rename(2) of POSIX replaces a file in one step.
"""

import contextlib
import os
import uuid
import warnings

import numpy as np

from ebm_ref.checks import require

KEYS = "problem", "done", "leader", "total"


def path_of(checkpoint):
    """The path as text, links followed; only an ordinary file may be there already.

    >>> path_of(7)
    Traceback (most recent call last):
        ...
    ValueError: checkpoint = 7: must be a path
    """
    named = isinstance(checkpoint, (str, os.PathLike)) and isinstance(os.fspath(checkpoint), str)
    require(named, "checkpoint", checkpoint, "must be a path")
    path = os.fspath(checkpoint)
    try:
        target = os.path.realpath(path)
    except ValueError as reason:  # a NUL, or half a letter
        raise ValueError(f"checkpoint = {path!r}: must be a path: {reason}") from reason
    require(path, "checkpoint", path, "must be a path, not empty")
    ordinary = os.path.isfile(target) or not os.path.lexists(target)
    require(ordinary, "checkpoint", path, "must be a file: no folder, device or circle of links")
    return target


def remember(checkpoint, problem, done, leader, total):
    """Write what is finished beside the file, then put it in its place; without a path, do nothing.

    A file that has more of the same problem stays.  One that cannot be written, or is another problem's by
    now, gives a RuntimeWarning.
    """
    if checkpoint is None:
        return
    try:
        path = path_of(checkpoint)
        if _finished(path, problem) < done:
            _replace(path, {"problem": problem, "done": done, "leader": leader, "total": total})
    except (OSError, ValueError) as reason:
        text = f"checkpoint = {os.fspath(checkpoint)!r}: not written, and the sum goes on: {reason}"
        warnings.warn(text, RuntimeWarning, stacklevel=2)


def _finished(path, problem):
    """Pieces that the file has of this problem; 0 if there is none, or one that cannot be read."""
    try:
        kept = _read(path)
    except ValueError:
        return 0
    if kept is None:
        return 0
    _require_same(path, kept, problem)
    return int(kept["done"])


def _beside(path):
    """A name that nobody has: so the file opened under it, by "x", follows no link."""
    return f"{path}.{uuid.uuid4().hex}"


def _replace(path, arrays):
    """A new file in place of the old one."""
    beside = _beside(path)
    try:
        with open(beside, "xb") as stream:
            np.savez(stream, **arrays)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(beside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(beside)
        raise


def recall(checkpoint, problem, pieces=None, shapes=None):
    """Number of finished pieces, the levels of their leader and their sum; 0, None, None without a file.

    Parameters
    ----------
    checkpoint : path, or None
    problem : str
        What the file must have been written for.
    pieces : int, optional
        How many there are in all.
    shapes : pair of tuples, optional
        The shapes of leader and total.

    Raises ValueError if the folder is not there or cannot be written to, if the path is no file's, or if
    the file is no checkpoint, damaged, another problem's, or holds what no run of this problem writes.

    >>> recall(None, "any")
    (0, None, None)
    """
    if checkpoint is None:
        return 0, None, None
    path = path_of(checkpoint)
    _require_room(path)
    kept = _read(path)
    if kept is None:
        return 0, None, None
    _require_same(path, kept, problem)
    done, leader, total = (kept[key] for key in KEYS[1:])
    rule = f"must hold from 1 to {pieces} finished pieces, not {done}"
    require(done >= 1 and (pieces is None or done <= pieces), "checkpoint", path, rule)
    fits = shapes is None or (leader.shape, total.shape) == tuple(shapes)
    require(fits, "checkpoint", path, f"must hold a leader and a total of the shapes {shapes}")
    return int(done), leader, total[()]


def _require_room(path):
    """Raise unless a file can be made beside this one: before the first hour, not after it."""
    beside = _beside(path)
    try:
        with open(beside, "xb"):
            os.unlink(beside)
    except (OSError, ValueError) as reason:
        rule = f"must lie in a folder that exists and can be written to: {reason}"
        raise ValueError(f"checkpoint = {path!r}: {rule}") from reason


def _read(path):
    """What the file holds, of the right types; None without a file, a ValueError if it is something else."""
    try:
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as file:
            kept = {key: file[key] for key in KEYS}
    except FileNotFoundError:
        return None
    except Exception as reason:
        raise ValueError(f"checkpoint = {path!r}: is not a checkpoint of this module") from reason
    problem, done, leader, total = kept.values()
    texts = problem.dtype.kind == "U" and done.dtype.kind in "iu" and problem.ndim == done.ndim == 0
    numbers = leader.dtype == total.dtype == np.float64 and leader.ndim == 1
    require(texts and numbers, "checkpoint", path, "is not a checkpoint of this module: wrong types")
    usable = np.all(np.isfinite(leader)) and np.all(np.isfinite(total)) and total.size and total.flat[0] > 0.0
    require(usable, "checkpoint", path, "is not a checkpoint of this module: no sum of positive numbers")
    return kept


def _require_same(path, kept, problem):
    rule = "belongs to another problem; delete it or name another"
    require(str(kept["problem"]) == problem, "checkpoint", path, rule)
