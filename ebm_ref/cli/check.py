r"""The judge's report for a terminal: a table, then what differs and why; several candidates side by side."""

import functools
import re
import textwrap

import numpy as np
from rich.text import Text

from ebm_ref.catalogue import FORMULAS
from ebm_ref.cli.text import COLORS, Usage, brief, known, print_table, table, vectors_counted
from ebm_ref.proof.bounds import of


def check_target(target, frameworks):
    """Raise a Usage unless the target is a framework or reads module:function."""
    module, _, function = target.partition(":")
    if module.endswith(".py") and function:
        raise Usage(f"{target!r} is a file; write {module[:-3].strip('./').replace('/', '.')}:{function}")
    if ":" not in target:
        known(target, frameworks, "framework (a function of yours is module:function)")
    elif not all(
        part.isidentifier() for part in (*target.partition(":")[0].split("."), target.partition(":")[2])
    ):
        raise Usage(f"{target!r} is no target: say module:function, such as mymodule:my_hinge")


def verdict_of(row):
    """A verdict in its colour, with the worst error in units of the bound."""
    verdict = row.verdict.removeprefix("match under ")
    error = f"{row.worst_error:.1g}" if row.worst_error < 1e16 else ">1e16"
    error = "" if row.verdict in ("unsupported", "error") else error
    return f"[{COLORS.get(row.verdict, 'default')}]{verdict}[/] {error}"


def in_dtypes(rows, dtypes):
    """A cell for each dtype, empty where the function was not asked in it: an interrupt may come between."""
    cells = {row.dtype: verdict_of(row) for row in rows}
    return [cells.get(dtype, "") for dtype in dtypes]


def print_report(report, out):
    """The table of one candidate, a line a function, then what differs and why."""
    out.print(
        f"{report.version}, numpy {np.__version__}: verdict and worst error in units of the bound\n",
        markup=False,
        highlight=False,
    )
    dtypes = sorted({row.dtype for row in report.rows})
    groups = [(*names, in_dtypes(rows, dtypes)) for names, rows in grouped(report.rows)]
    widest = lambda cells: 1 + max((Text.from_markup(cell).cell_len for cell in cells), default=0)
    columns = zip(*((name, function, *cells) for name, function, cells in groups), strict=True)
    if sum(map(widest, columns)) <= out.width:
        t = table("formula", "function", *dtypes)
        for name, function, cells in groups:
            t.add_row(name, function, *cells)
    else:  # too wide for one line each: the function below its formula
        t = table("formula\n  function", *dtypes)
        for name, function, cells in groups:
            t.add_row(f"{name}\n  {function}", *cells)
    out.print(t)
    _print_details(report, out)


def print_side_by_side(reports, out):
    """One column a candidate: who is wrong?"""
    from ebm_ref.conformance.compare import VERDICTS

    out.print("Verdict and worst error in units of the bound, one column a candidate\n")
    labels = [r.target if len(r.target) <= 17 else f"({i})" for i, r in enumerate(reports, 1)]
    names = list(dict.fromkeys(row.formula for report in reports for row in report.rows))
    for start in range(0, len(reports), 3):  # three columns fit 80
        t = table("formula", *labels[start : start + 3])
        for name in names:
            cells = []
            for report in reports[start : start + 3]:
                rows = [row for row in report.rows if row.formula == name]
                worst = max(rows, key=lambda row: VERDICTS.index(row.verdict), default=None)
                cells.append(verdict_of(worst) if worst else "-")
            t.add_row(name, *cells)
        print_table(out, t)
        out.print()
    for label, report in zip(labels, reports, strict=True):
        if label != report.target:
            out.print(f"{label} {report.target}", markup=False, highlight=False)
    for report in reports:
        _print_details(report, out)


def _print_details(report, out):
    """Below the table: what differs and why, what was not asked, NaN and infinity on lines of their own."""
    fill = functools.partial(textwrap.fill, width=79, break_long_words=False, break_on_hyphens=False)
    say = lambda text, left="": out.print(
        fill(text, initial_indent=left, subsequent_indent=left + "  "),
        markup=False,
        highlight=False,
        soft_wrap=True,  # a word that is longer than a line is an address
    )
    for (name, function), rows in grouped(report.rows):
        said = {}
        for row in rows:
            for note in notes(row):
                said.setdefault(note, []).append(row.dtype)
        if said:
            out.print()
            say(f"{name}, {report.version if ':' in report.target else function}")
        for note, dtypes in said.items():
            head, *lines = note
            say(f"{' and '.join(dtypes)}: {head}", "  ")
            for line in lines:
                say(line, "    ")
    if report.missing:
        out.print()
        say(f"no function for: {', '.join(report.missing)}")


def grouped(rows):
    """Pairs of (formula, function) and its rows, one a dtype."""
    groups = {}
    for row in rows:
        groups.setdefault((row.formula, row.function), []).append(row)
    return groups.items()


def notes(row):
    """What there is to say of one row beside its verdict, each note a tuple of lines."""
    if row.smallest:
        small = row.smallest
        what = "value" if small["output"] == "value" else f"gradient by {small['output']}"
        seen = [f"seen in: {thread}" for thread in row.threads if thread]
        by_names = {}
        for output, names in row.explained.items():
            by_names.setdefault(computed(row, names), []).append(output)
        said = [f"{' and '.join(outputs)}: {names}" for names, outputs in by_names.items()]
        short = next(iter(by_names)) if len(by_names) == 1 else "; ".join(said)
        verdict = "mismatch" if row.verdict == "error" else row.verdict
        shown = (
            f"smallest input: {brief(small['inputs'])}",
            f"{what}: truth {brief(small['truth'])}, answer {brief(small['answer'])}",
        )
        yield (f"{verdict}: {short}", *seen, *nearest(row), differing(row), *shown)
    if row.verdict == "imprecise":
        j = max((j for j in row.finite if j.output), key=lambda j: j.fine)
        what = "value" if j.output == "value" else f"gradient by {j.output}"
        yield (
            f"imprecise: right in absolute terms; up to {row.lost_digits} digits lost",
            f"{j.vector['id']}: {brief(j.vector['inputs'])}",
            f"{what}: truth {brief(of(j.vector, j.output))}, answer {brief(j.answer)}",
        )
    for verdict in ("error", "unsupported"):
        yield from _refusals(verdict, [j for j in row.finite if j.verdict == verdict])
    if {j.output for j in row.finite} == {"value"} and FORMULAS[row.formula].gradients:
        yield ("a value alone: gradients were not judged",)
    if row.accepted:
        asked = ", ".join(rule.partition(":")[0] for rule in row.accepted)
        yield (f"illegal input, not counted: it answers for {asked}",)
    odd = [j for j in row.judgements if not j.finite and j.verdict in ("mismatch", "error")]
    if odd and row.verdict in ("match", "imprecise"):
        ids = ", ".join(dict.fromkeys(j.vector["id"].partition("/")[2] for j in odd))
        names = f"; it computes: {' or '.join(row.beyond)}" if row.beyond else ""
        yield (f"NaN and infinity, not counted: differs at {ids}{names}",)


def computed(row, names):
    """What it computes, and where it does not."""
    if not names:
        return "no mistake that has a name here"
    exceptions = lambda name: row.exceptions.get(name, [])
    but = lambda name: f" (except at {listed(exceptions(name))})" if exceptions(name) else ""
    return f"it computes: {' or '.join(name + but(name) for name in names)}"


def listed(ids, shown=3):
    """The first few ids, and how many more there are."""
    more = f" and {len(ids) - shown} more" if len(ids) > shown else ""
    return f"{', '.join(ids[:shown])}{more}"


def nearest(row):
    """A line for each output without a name: what comes nearest."""
    for output, near in row.nearest.items():
        what = "value" if output == "value" else f"gradient by {output}"
        counted = f"{near['explains']} of the {vectors_counted(near['of'])} that differ there"
        yield f"nearest, for the {what}: {near['name']}, which explains {counted}"


def differing(row):
    """On how many of the finite vectors it is a mismatch, and what distinguishes them."""
    ids = lambda judgements: {j.vector["id"] for j in judgements}
    wrong = ids(j for j in row.finite if j.verdict == "mismatch")
    outputs = {j.output for j in row.finite if j.verdict in ("mismatch", "error")}
    right = "value right, gradient wrong; " if outputs and not outputs & {"", "value"} else ""
    those = f": {'; '.join(row.features)}" if row.features else ""
    return f"{right}differs on {len(wrong)} of {vectors_counted(len(ids(row.finite)))}{those}"


def _refusals(verdict, judgements, shown=3):
    """A note for each thing that was said instead of an answer, an error's with the shortest such inputs."""
    said = {}
    for j in judgements:
        said.setdefault(wording(j.detail), []).append(j)
    for alike in [*said.values()][:shown]:
        inputs, detail = min(((brief(j.vector["inputs"]), j.detail) for j in alike), key=_length_of_the_first)
        said_so = f"{verdict} on {vectors_counted(len(alike))}: {detail}"
        yield (said_so, f"such as: {inputs}") if verdict == "error" else (said_so,)
    rest = [len(alike) for alike in said.values()][shown:]
    if rest:
        yield (f"{verdict} on {vectors_counted(sum(rest))} more, in {len(rest)} other wordings",)


def wording(detail):
    """What is said without the numbers and what is quoted, which are of one question.

    >>> wording("no answer: b'step 1'") == wording("no answer: b'step 2e-3'")
    True
    """
    return re.sub(r"b?'(?:[^'\\]|\\.)*'|\"[^\"]*\"|[-+]?\d[\d.]*(?:e[-+]?\d+)?", "_", detail)


def _length_of_the_first(pair):
    """The key that finds the shortest inputs."""
    return len(pair[0])
