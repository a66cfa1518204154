r"""Checkpoints: what a long sum has finished, in a file that survives being killed.

    remember    write a new file beside the old one, then put it in its place
    recall      number of finished pieces, and their sum: leader and total

A sum over 2^50 configurations takes a month, and no machine is left alone for a month.  The sum is cut
into pieces that are added in their order, so all that must be kept is how many are done and what they
add up to.  A file that is written in place is lost when the machine goes down half way.  So the new
file is written and flushed first, and renamed afterwards: renaming is all or nothing.

Going on with another problem's sum would be wrong without a word.  So the file holds a text that tells
problems apart, such as a hash of all numbers that enter, and a file with another text is refused.

Source: elementary; rename(2) of POSIX replaces a file in one step.
"""

import os

import numpy as np

from ebm_ref.checks import require


def path_of(checkpoint):
    """The path as text.

    >>> path_of(7)
    Traceback (most recent call last):
        ...
    ValueError: checkpoint = 7: must be a path
    """
    named = isinstance(checkpoint, (str, os.PathLike))
    require(named, "checkpoint", checkpoint, "must be a path")
    return os.fspath(checkpoint)


def remember(checkpoint, problem, done, leader, total):
    """Write what is finished beside the file, then put it in its place; without a file, do nothing."""
    if checkpoint is None:
        return
    path = path_of(checkpoint)
    with open(path + ".new", "wb") as stream:
        np.savez(stream, problem=problem, done=done, leader=leader, total=total)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(path + ".new", path)


def recall(checkpoint, problem):
    """Number of finished pieces, the levels of their leader and their sum; 0, None, None without a file.

    >>> recall(None, "any")
    (0, None, None)
    """
    if checkpoint is None:
        return 0, None, None
    path = path_of(checkpoint)
    folder = os.path.dirname(os.path.abspath(path))
    rule = f"must lie in a folder that exists and can be written to, not in {folder}"
    require(os.access(folder, os.W_OK), "checkpoint", path, rule)  # before the first hour, not after it
    if not os.path.exists(path):
        return 0, None, None
    try:
        with np.load(path, allow_pickle=False) as kept:
            whose, done, leader, total = (kept[key] for key in ("problem", "done", "leader", "total"))
    except Exception as reason:
        raise ValueError(f"checkpoint = {path!r}: is not a checkpoint of this module") from reason
    rule = "belongs to another problem; delete it or name another"
    require(str(whose) == problem, "checkpoint", path, rule)
    return int(done), leader, total[()]
