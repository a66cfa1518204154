r"""--accept: deviations that are wanted, a line each; every other counts, and so does one that is gone.

    mymodule:my_hinge hinge my_hinge float64 mismatch: minimum taken over y too
    target            formula  function  dtype  verdict: what it computes, or "no name"

The lines are those that the command prints for what is not accepted yet; they are compared as they stand,
and hold nothing that a new vector changes.  A file that is not there accepts nothing.
Lines that begin with # and empty ones are comments.

Source: the idea is that of a test that is expected to fail, strictly (pytest's xfail_strict).
"""

import os

from ebm_ref.conformance.report import ACCEPTED

COUNTED = "mismatch", "error"


def line(report, row):
    """A deviation in one line."""
    what = " or ".join(row.diagnosis or ["no name"])
    return f"{report.target} {row.formula} {row.function} {row.dtype} {row.verdict}: {what}"


def deviations(reports, verdicts):
    """The lines of all rows with these verdicts."""
    return [line(r, row) for r in reports for row in r.rows if row.verdict in verdicts]


def accepted(path):
    """The lines of a file but comments; none of a file that is not there."""
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        lines = [" ".join(text.split()) for text in file]
    return [text for text in lines if text and not text.startswith("#")]


def weighed(reports, lines, strict):
    """(new, gone): deviations that count and are not accepted, and accepted ones that are no more."""
    counted = deviations(reports, (*COUNTED, *ACCEPTED) if strict else COUNTED)
    found = {" ".join(text.split()) for text in deviations(reports, (*COUNTED, *ACCEPTED))}
    new = [text for text in counted if " ".join(text.split()) not in lines]
    return new, [text for text in lines if text not in found]
