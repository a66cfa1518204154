r"""What the commands print with: tables for 80 columns, near names, shortest digits.

    table, print_table     columns without lines; only the last may be cut
    known                  a name, or a Usage that suggests the nearest
    plain, reflow          numbers in their shortest digits; lines filled to the width of a terminal

Source: rich's documentation, for tables and consoles.
"""

import difflib
import itertools
import json
import os
import sys
import textwrap
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

import ebm_ref
from ebm_ref.catalogue import FORMULAS
from ebm_ref.cli.aliases import meant_by, plainly
from ebm_ref.proof import golden

ALIKE = 0.7  # of difflib: hinje is hinge, and dtw is not rbm
LONG = 24  # so many numbers are read one by one
COLORS = {"match": "green", "mismatch": "red", "error": "red", "known quirk": "yellow"}


class Output(Console):
    """A console that goes on in silence once the reader of its pipe has seen enough: the status counts."""

    def print(self, *objects, **options):
        """Print; the rich of 2023 raises where a later one asks on_broken_pipe."""
        try:
            super().print(*objects, **options)
        except BrokenPipeError:
            self.on_broken_pipe()

    def on_broken_pipe(self):
        """Nobody reads on: the rest goes nowhere."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Usage(Exception):
    """A user's mistake: printed without a traceback, exit status 2."""


def known(name, names, what):
    """The name itself if it is one of `names`."""
    if name in names:
        return name
    many = names is FORMULAS or names is ebm_ref.READING_ORDER
    listing = "`ebm-ref list` shows all names" if many else f"known: {', '.join(names)}"
    close = " or ".join(near(name, names))
    raise Usage(f"unknown {what} {name!r}; " + (f"did you mean {close}?" if close else listing))


def near(name, names=FORMULAS):
    """Up to three of the names: what an alias means, or else what is spelt much the same.

    >>> near("SVM"), near("losses.hinje"), near("cros entropy")[0], near("nosuch")
    (['hinge', 'multi_margin', 'squared_hinge'], ['hinge'], 'cross_entropy', [])
    """
    meant = [other for other in meant_by(name) if other in names]
    short = lambda one: plainly(one.rpartition(".")[2])  # of losses.hinge, hinge
    last = {short(other): other for other in reversed([*names])}  # of two alike the first
    alike = difflib.get_close_matches(short(name), last, n=3, cutoff=ALIKE)
    return meant[:3] or [last[other] for other in alike]


def table(*columns, **style):
    """A table without lines, that fits 80 columns."""
    t = Table(box=None, padding=(0, 1, 0, 0), header_style="bold", **style)
    for column in columns:
        name, justify = (column[1:], "right") if column.startswith(">") else (column, "left")
        t.add_column(name, justify=justify, overflow="ellipsis", no_wrap=True)
    return t


def print_table(out, t):
    """Print a table whose last column alone may be cut to the width of the terminal."""
    for column in t.columns[:-1]:
        column.min_width = max(Text.from_markup(cell).cell_len for cell in [column.header, *column.cells])
    out.print(t)


def reflow(text, width=79):
    """Lines that are too long for a terminal, with their neighbours of the same indentation, filled anew."""
    indent = lambda line: len(line) - len(line.lstrip()) if line.strip() else -1
    lines = []
    for left, group in itertools.groupby(text.splitlines(), indent):
        group = list(group)
        if max(map(len, group)) > width:
            text = " ".join(line.strip() for line in group)
            group = textwrap.wrap(
                text,
                width,
                initial_indent=" " * left,
                subsequent_indent=" " * left,
                break_long_words=False,  # an address is copied as it stands
                break_on_hyphens=False,
            )
        lines += group
    return "\n".join(lines)


def plain(x):
    """A number, array or mapping as one reads it: shortest digits that round-trip."""
    if isinstance(x, dict):
        return "  ".join(f"{name} {plain(value)}" for name, value in x.items())
    if np.ndim(x):
        return "[" + ", ".join(plain(entry) for entry in x) + "]"
    x = np.asarray(x).item()
    return repr(golden.encode(x + 0.0 if isinstance(x, float) else x)).strip("'").removesuffix(".0")


def brief(x):
    """Like `plain`, but of arrays too long to be read the first numbers and the shape."""
    if isinstance(x, dict):
        return "  ".join(f"{name} {brief(value)}" for name, value in x.items())
    if np.size(x) <= LONG:
        return plain(x)
    first = ", ".join(plain(entry) for entry in np.ravel(x)[:4])
    return f"[{first}, ... {' x '.join(map(str, np.shape(x)))}]"


def write_json(path, data):
    """Write plain data to a file."""
    write_text(path, json.dumps(golden.encode(data), indent=1) + "\n")


def write_text(path, text):
    """Write to a file; to standard output where that is meant, which another handle would overwrite."""
    if path == "/dev/stdout":
        sys.stdout.write(text)
    else:
        Path(path).write_text(text, encoding="utf-8")


def tracked(steps, what, total=None):
    """The steps, as many as they are or as `total` says, with a bar on standard error if it is a terminal."""
    if not sys.stderr.isatty():
        return steps
    from rich.progress import track  # a tenth of a second, which a pipe need not wait for

    return track(steps, what, total, console=progress_console(), transient=True)


def progress_console():
    """Where progress is shown: standard error, and nothing in a pipe."""
    return Console(stderr=True)


def vectors_counted(count):
    """So many vectors, in words."""
    return f"{count} vector{'s' * (count != 1)}"
