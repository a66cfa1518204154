r"""The command `ebm-ref`: look things up, verify the pages, judge a stranger.

    list  show  read                what there is, page by page
    verify                          every witness of every formula
    check                           a framework or a function of yours against the golden vectors
    check-sampler                   one step of a sampler of yours from exact draws
    eval  vectors                   truths to copy

Exit status: 0 agreement, 1 disagreement, 2 bad usage.
"""

import argparse
import contextlib
import dataclasses
import difflib
import functools
import inspect
import itertools
import json
import os
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.progress import track
from rich.table import Table
from rich.text import Text

import ebm_ref
from ebm_ref.catalogue import FORMULAS
from ebm_ref.formula import check_shapes
from ebm_ref.proof import golden
from ebm_ref.proof.bounds import estimated_condition, of

COLORS = {"match": "green", "mismatch": "red", "error": "red", "known quirk": "yellow"}


class Output(Console):
    """A console that goes on in silence once the reader of its pipe has seen enough: the status counts."""

    def on_broken_pipe(self):
        """Nobody reads on: the rest goes nowhere."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Usage(Exception):
    """A user's mistake: printed without a traceback, exit status 2."""


def formula(name):
    """The record of that name, or a Usage that suggests the nearest ones."""
    return FORMULAS[known(name, FORMULAS, "formula")]


def known(name, names, what):
    """The name itself if it is one of `names`."""
    if name in names:
        return name
    near = difflib.get_close_matches(name.lower(), names, n=3, cutoff=0.5)
    many = names is FORMULAS or names is ebm_ref.READING_ORDER
    listing = "`ebm-ref list` shows all names" if many else f"known: {', '.join(names)}"
    raise Usage(f"unknown {what} {name!r}; " + (f"did you mean {' or '.join(near)}?" if near else listing))


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
                break_on_hyphens=False,  # an address is copied as it stands
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


def page_of(record):
    """The module in which a record's value is written."""
    return inspect.getmodule(record.value)


# list, show, read


def list_command(args, out):
    """One line for each formula: its name and the title of its page."""
    t = table("formula", "page")
    room = max(16, out.width - max(map(len, FORMULAS)) - 2)
    for name, record in FORMULAS.items():
        title = page_of(record).__doc__.splitlines()[0].rstrip(".")
        title = title if len(title) <= room else title.partition(":")[0]
        t.add_row(name, escape(textwrap.shorten(title, room, placeholder=" ...")))
    print_table(out, t)
    return 0


def show_command(args, out):
    """The page of a formula: header, signature, docstrings, laws, cases, variants."""
    record = formula(args.name)
    page = page_of(record)
    say = lambda text: out.print(reflow(text), markup=False, highlight=False)
    say(inspect.cleandoc(page.__doc__))
    say(f"\n{args.name}{inspect.signature(record.value)}    shapes {record.signature}")
    say("\n" + inspect.getdoc(record.value).split("\n\n", 1)[1].split("\n>>>")[0].rstrip())
    for argument, gradient in record.gradients.items():
        say(f"\ngradient by {argument}: {inspect.getdoc(gradient)}")
    for law in record.laws:
        say(f"law: {law.__doc__.splitlines()[0]}")
    say("\nCases worked by hand")
    for case in record.cases:
        exposes = f"\n      exposes: {case.exposes}" if case.exposes else ""
        gradients = "".join(f"\n      gradient by {a}: {plain(g)}" for a, g in case.gradients.items())
        say(
            f"  {case.name}\n      {plain(dict(case.inputs))}\n"
            f"      = {plain(case.value)}{gradients}{exposes}"
        )
    if record.variants:
        say("\nWhat others compute under this name")
    for variant in record.variants:
        say(f"  {variant.kind}: {variant.name}")
        for what, text in (("seen in", variant.seen_in), ("symptom", variant.symptom)):
            if text:
                say(f"      {what}: {text}")
    return 0


def read_command(args, out):
    """The source of all pages, of those of a folder, or of one, in reading order."""
    texts = []
    for page in pages_called(args.page):
        path = Path(ebm_ref.__file__).parent / (page.replace(".", "/") + ".py")
        texts.append(f"{'=' * 79}\n{page}\n{'=' * 79}\n\n{path.read_text(encoding='utf-8')}")
    with out.pager() if out.is_terminal else contextlib.nullcontext():
        out.print("\n".join(texts), markup=False, highlight=False, soft_wrap=True)
    return 0


def pages_called(name):
    """Pages by a formula, a folder, a module or its path as the README has it; all of them without a name."""
    order = ebm_ref.READING_ORDER
    if not name:
        return order
    if name in FORMULAS:
        return [page_of(FORMULAS[name]).__name__.removeprefix("ebm_ref.")]
    name = name.removesuffix(".py").strip("/").replace("/", ".").removeprefix("ebm_ref.")
    short = {page.rpartition(".")[2]: page for page in order}
    within = [page for page in order if page.startswith(f"{name}.")]
    return within or [short.get(name) or known(name, order, "page")]


# verify


def verify_command(args, out):
    """Every witness of the formulas named; status 1 if a claim does not hold."""
    from ebm_ref.proof.evidence import WITNESSES, conditions

    names = [known(name, FORMULAS, "formula") for name in args.names] or list(FORMULAS)
    started, found = time.perf_counter(), {}
    for name in track(
        names, "verifying", console=progress_console(), transient=True, disable=not sys.stderr.isatty()
    ):
        found[name] = {
            witness: list(f(name)) for witness, f in (*WITNESSES.items(), ("conditions", conditions))
        }
    short = {"identities": "ident.", "enumeration": "enum."}
    t = table("formula", *(f">{short.get(witness, witness)}" for witness in WITNESSES))
    for name, witnesses in found.items():
        t.add_row(name, *(_cell(witnesses[w]) for w in WITNESSES))
    print_table(out, t)
    _print_reasons(found, out)
    _print_conditions(found, out)
    claims = [(name, w, *claim) for name, ws in found.items() for w, cs in ws.items() for claim in cs]
    failed = [claim for claim in claims if claim[3] is False]
    for name, witness, claim, _, figure in failed:
        out.print(f"[red]FAILS[/red] {name}, {witness}: {escape(claim)} ({figure})")
    passed = sum(claim[3] is True for claim in claims)
    out.print(f"\n{passed} claims hold, {len(failed)} fail; {time.perf_counter() - started:.1f} s.")
    if args.json:
        keys = ("formula", "witness", "claim", "holds", "figure")
        write_json(args.json, [dict(zip(keys, map(_json, claim), strict=True)) for claim in claims])
    return 1 if failed else 0


def _json(x):
    return golden.encode(np.asarray(x).item()) if isinstance(x, (np.generic, np.ndarray, float)) else x


def _cell(claims):
    holds = [h for _, h, _ in claims]
    if False in holds:
        return f"[red]{holds.count(False)} FAIL[/red]"
    return f"{len(claims)}" if True in holds else "-"


def _print_reasons(found, out):
    """Why a witness does not apply, formulas with the same reason together."""
    reasons = {}
    for name, witnesses in found.items():
        for witness, claims in witnesses.items():
            for reason, holds, _ in claims:
                if holds is None:
                    reasons.setdefault((witness, reason), []).append(name)
    out.print("\nThe number of claims that hold; - not applicable:")
    for (witness, reason), names in reasons.items():
        out.print(f"  {witness}: {reason}\n    {', '.join(names)}", highlight=False)


def _print_conditions(found, out):
    from ebm_ref.proof.evidence import UNSATURATED

    rows = {name: ws["conditions"] for name, ws in found.items() if ws["conditions"]}
    if not rows:
        return
    margins = [
        claim.partition(" for ")[2].partition(":")[0] for claim, _, _ in next(iter(rows.values()))[:-1]
    ]
    out.print("\nCondition 3 on \\[0, 4]^2 for a margin m, and the gap at which descent rests:")
    t = table("loss", *(f">{margin}" for margin in margins), ">gap at rest")
    for name, claims in rows.items():
        t.add_row(name, *(claim.rpartition(": ")[2] for claim, _, _ in claims))
    print_table(out, t)
    for name in sorted(set(rows) & set(UNSATURATED)):
        given = ", ".join(f"{a} = {x:g}" for a, x in UNSATURATED[name].items())
        out.print(f"{name} rests at any gap once it is saturated; its gap is for {given}", highlight=False)


# check


def check_command(args, out):
    """The verdict on each target; status 1 on a mismatch or an error, 130 if interrupted."""
    from ebm_ref.conformance.report import check
    from ebm_ref.conformance.worker import frameworks

    reports = []
    for target in args.targets:
        check_target(target, frameworks())
    asked = [[known(args.name, FORMULAS, "formula")] if args.name else _names_for(t) for t in args.targets]
    for target, names in zip(args.targets, asked, strict=True):
        bar = lambda steps, target=target: track(
            steps,
            f"checking {target}",
            console=progress_console(),
            transient=True,
            disable=not sys.stderr.isatty(),
        )
        try:
            report = check(target, names, args.time_limit, bar)
        except KeyboardInterrupt:
            out.print(f"interrupted at {target}; what was judged before:\n", markup=False)
            break
        if not report.failure and not report.rows:
            lacks = f"{target} has no function for {', '.join(report.missing)}"
            if len(args.targets) == 1:
                raise Usage(lacks)
            out.print(lacks, markup=False)
        if report.failure:
            missing = f"No module named '{target}'" in report.failure
            hint = "; pip install 'ebm_ref[frameworks]'" if missing else ""
            out.print(f"{target}: {report.failure}{hint}", markup=False, highlight=False)
        reports.append(report)
    judged = [report for report in reports if report.rows]
    if len(judged) == 1:
        _print_report(judged[0], out)
    elif judged:
        _print_side_by_side(judged, out)
    if args.json:
        write_json(args.json, [report.as_dict() for report in reports])
    if len(reports) < len(args.targets):
        return 130
    return max((report.status for report in reports if report.failure or report.rows), default=2)


def check_target(target, frameworks):
    """Raise a Usage unless the target is a framework or reads module:function."""
    if ":" not in target:
        known(target, frameworks, "framework (a function of yours is module:function)")
    elif not all(
        part.isidentifier() for part in (*target.partition(":")[0].split("."), target.partition(":")[2])
    ):
        raise Usage(f"{target!r} is no target: say module:function, such as mymodule:my_hinge")


def seconds(text):
    """A positive number of seconds, for argparse."""
    value = float(text)
    if not 0.0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a positive number of seconds")
    return value


def new_file(text):
    """A file that can be written, for argparse: said now, not when there is something to write."""
    path = Path(text).absolute()
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is a folder, not a file")
    if text != "-" and not os.access(path if path.exists() else path.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"{text} cannot be written: no such folder, or not allowed")
    return text


def _names_for(target):
    """A framework answers for all it has; a function for the formula it is named after."""
    if ":" not in target:
        return None
    name = target.partition(":")[2]
    if name not in FORMULAS:
        raise Usage(
            f"{target}: say which formula it computes, with --as NAME (`ebm-ref list` shows the names)"
        )
    return [name]


def _verdict(row):
    verdict = row.verdict.removeprefix("match under ")
    error = f"{row.worst_error:.1g}" if row.worst_error < 1e16 else ">1e16"
    error = "" if row.verdict in ("unsupported", "error") else error
    return f"[{COLORS.get(row.verdict, 'default')}]{verdict}[/] {error}"


def _print_report(report, out):
    out.print(
        f"{report.version}, numpy {np.__version__}: verdict and worst error in units of the bound\n",
        highlight=False,
    )
    dtypes = sorted({row.dtype for row in report.rows})
    groups = [(name, function, [*map(_verdict, rows)]) for (name, function), rows in _grouped(report.rows)]
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


def _print_side_by_side(reports, out):
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
                cells.append(_verdict(worst) if worst else "-")
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
        fill(text, initial_indent=left, subsequent_indent=left + "  "), markup=False, highlight=False
    )
    for (name, function), rows in _grouped(report.rows):
        notes = {}
        for row in rows:
            for note in _notes(row):
                notes.setdefault(note, []).append(row.dtype)
        if notes:
            out.print()
            say(f"{name}, {function}" if ":" not in report.target else f"{name}, {report.target}")
        for note, dtypes in notes.items():
            head, *lines = note
            say(f"{' and '.join(dtypes)}: {head}", "  ")
            for line in lines:
                say(line, "    ")
    if report.missing:
        out.print()
        say(f"no function for: {', '.join(report.missing)}")


def _grouped(rows):
    groups = {}
    for row in rows:
        groups.setdefault((row.formula, row.function), []).append(row)
    return groups.items()


def _notes(row):
    """What there is to say of one row beside its verdict, each note a tuple of lines."""
    if row.smallest:
        small = row.smallest
        what = "value" if small["output"] == "value" else f"gradient by {small['output']}"
        seen = [f"seen in: {thread}" for thread in row.threads if thread]
        by_names = {}
        for output, names in row.explained.items():
            computes = f"it computes: {' or '.join(names)}" if names else "no mistake that has a name here"
            by_names.setdefault(computes, []).append(output)
        said = [f"{' and '.join(outputs)}: {names}" for names, outputs in by_names.items()]
        short = next(iter(by_names)) if len(by_names) == 1 else "; ".join(said)
        verdict = "mismatch" if row.verdict == "error" else row.verdict
        shown = (
            f"smallest input: {plain(small['inputs'])}",
            f"{what}: truth {plain(small['truth'])}, answer {plain(small['answer'])}",
        )
        yield (f"{verdict}: {short}", *seen, *shown)
    if row.verdict == "imprecise":
        j = max((j for j in row.finite if j.output), key=lambda j: j.fine)
        what = "value" if j.output == "value" else f"gradient by {j.output}"
        yield (
            f"imprecise: right in absolute terms; up to {row.lost_digits} digits lost",
            f"{j.vector['id']}: {plain(j.vector['inputs'])}",
            f"{what}: truth {plain(of(j.vector, j.output))}, answer {plain(j.answer)}",
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
        yield (f"NaN and infinity, not counted: differs at {ids}",)


def _refusals(verdict, judgements, shown=3):
    """A note for each thing that was said instead of an answer, an error's with the shortest such inputs."""
    said = {}
    for j in judgements:
        said.setdefault(j.detail, []).append(j.vector)
    for detail, vectors in [*said.items()][:shown]:
        example = f"such as: {min((plain(v['inputs']) for v in vectors), key=len)}"
        said_so = f"{verdict} on {_vectors(len(vectors))}: {detail}"
        yield (said_so, example) if verdict == "error" else (said_so,)
    rest = sum(len(vectors) for vectors in [*said.values()][shown:])
    if rest:
        yield (f"{verdict} on {_vectors(rest)} more, each in other words",)


def _vectors(count):
    return f"{count} vector{'s' * (count != 1)}"


# check-sampler


def check_sampler_command(args, out):
    """The verdict on a sampler, or the description of a target; status 1 unless acquitted."""
    from ebm_ref.conformance.samplers.targets import TARGETS

    if args.describe is not None:
        out.print(TARGETS[known(args.describe, TARGETS, "target")]().text, markup=False, highlight=False)
        return 0
    if args.sampler is None or args.target is None:
        raise Usage("say module:function and --target NAME; or --describe NAME")
    known(args.target, TARGETS, "target")
    if ":" not in args.sampler:
        raise Usage(f"{args.sampler!r} is no sampler: say module:function, such as mymodule:step")
    check_target(args.sampler, ())
    from ebm_ref.conformance.samplers.judge import CANNOT_BE_LOADED, check_in_process

    with progress_console().status(f"stepping {args.sampler} from exact draws of {args.target}"):
        verdict = check_in_process(
            args.sampler,
            args.target,
            limit=args.time_limit,
            seconds=0.8 * args.time_limit,
            draws=args.draws,
            seed=args.seed,
            reversible=args.reversible,
        )
    _print_verdict(args.sampler, verdict, out)
    if args.json:
        write_json(args.json, dataclasses.asdict(verdict))
    if verdict.reason.startswith(CANNOT_BE_LOADED):
        return 2
    return 0 if verdict.verdict == "acquitted" else 1


FOUND = {
    "law": "probabilities q of x' with sqrt(sum (q - p)^2 / p) >= {:.2g}",
    "drift": "a function whose mean moves by {:.2g} of the spread of its moves, unless they are tiny",
    "exchange": "(there - back) with sqrt(sum (there - back)^2 / (there + back)) >= {:.2g}",
}


def _print_verdict(sampler, verdict, out):
    say = lambda text: out.print(
        textwrap.fill(text, width=79, subsequent_indent="  "), markup=False, highlight=False
    )
    say(f"{sampler} on {verdict.target}: {verdict.verdict}, {verdict.reason}")
    if verdict.tests:
        out.print()
        t = table("test", ">pairs", ">statistic", ">degrees", ">chance", ">limit")
        for test in verdict.tests:
            color = "red" if test.p < test.alpha else "default"
            cells = f"{test.draws:,}", f"{test.statistic:.1f}", f"{test.degrees}", f"{test.p:.2g}"
            t.add_row(test.name, *(f"[{color}]{cell}[/]" for cell in cells), f"{test.alpha:.2g}")
        print_table(out, t)
        out.print()
        moved = "" if np.isnan(verdict.moved) else f"; {100 * verdict.moved:.3g} % of the steps moved"
        say(f"{verdict.draws:,} pairs{moved}.")
    for name, size in verdict.found.items():
        say(f"would have been found with probability 0.99, by {name}: " + FOUND[name].format(size))


# eval, vectors


def eval_command(args, out):
    """Value, gradients, condition and bound of one sample."""
    record = formula(args.name)
    inputs = _inputs(record, args.inputs)
    stacks = {a: np.asarray(x) for a, x in inputs.items()}
    check_shapes(stacks, {a: record.shapes[a] for a in stacks})
    deeper = [a for a, x in stacks.items() if x.ndim > len(record.shapes[a])]
    if deeper:
        raise Usage(f"{deeper[0]} has shape {stacks[deeper[0]].shape}: eval takes one sample")
    bound = record.bind(**inputs)
    with np.errstate(all="ignore"):
        value = record.value(**bound)
        condition = estimated_condition(record, bound)
        u, eta = golden.PRECISIONS["float64"]
        rows = {"value": value} | {f"gradient by {a}": g(**bound) for a, g in record.gradients.items()}
        if np.asarray(value).dtype.kind == "f":  # an index has no condition
            rows |= {"condition C": condition, "bound 8(uC + eta)": 8 * (u * condition + eta)}
    width = max(map(len, rows))
    for name, x in rows.items():
        out.print(f"{name:{width}}  {plain(x)}", markup=False, highlight=False, soft_wrap=True)
    return 0


def _inputs(record, text):
    """Inputs by name or by position, from JSON; "nan", "inf" and "-inf" as strings."""
    try:
        given = json.loads(text)
    except RecursionError:
        raise Usage("inputs are nested too deep") from None
    except json.JSONDecodeError as problem:
        example = json.dumps(
            golden.encode({a: np.asarray(x).tolist() for a, x in record.cases[0].inputs.items()})
        )
        raise Usage(f"inputs are not JSON: {problem}; for example '{example}'") from None
    names = list(record.shapes)
    if isinstance(given, list):
        if len(given) > len(names):
            raise Usage(f"{len(given)} inputs given, but the arguments are {', '.join(names)}")
        given = dict(zip(names, given, strict=False))
    absent = [a for a, x in given.items() if x is None] if isinstance(given, dict) else []
    if absent:
        raise Usage(f"{absent[0]} is null: give a number, or leave it out for its default")
    if not isinstance(given, dict):
        raise Usage(f"inputs must be a JSON object or array, not {text!r}")
    try:
        like = record.bind(**record.sample(np.random.default_rng(0)))  # 1 is a real number where reals belong
        real = {a for a, x in like.items() if np.asarray(x).dtype.kind == "f"}
        decoded = {known(a, names, "argument"): golden.decode(x) for a, x in given.items()}
        inputs = {a: np.asarray(x, float)[()] if a in real else x for a, x in decoded.items()}
    except (TypeError, ValueError) as problem:
        raise Usage(f"inputs {text!r}: {problem}") from None
    missing = [
        a
        for a, p in inspect.signature(record.value).parameters.items()
        if p.default is p.empty and a not in inputs
    ]
    if missing:
        raise Usage(f"{missing[0]} is missing; the arguments are {', '.join(names)}")
    return inputs


def vectors_command(args, out):
    """Copy golden vectors into a folder; files that are there and differ are not touched."""
    names = list(dict.fromkeys(known(name, FORMULAS, "formula") for name in args.names)) or list(FORMULAS)
    if not args.out:
        raise Usage("--out must name a folder")
    folder = Path(args.out)
    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        file: (golden.VECTORS / file).read_bytes()
        for file in ("FORMAT.md", "schema.json", *(f"{n}.jsonl" for n in names))
    }
    taken = [
        file
        for file, text in texts.items()
        if (folder / file).exists() and (folder / file).read_bytes() != text
    ]
    if taken:
        raise Usage(f"{folder / taken[0]} exists and is another file: choose another folder, or remove it")
    for file, text in texts.items():
        (folder / file).write_bytes(text)
    count = sum(len(golden.load(name)) for name in names)
    formulas = f"{len(names)} formula{'s' * (len(names) != 1)}"
    out.print(f"{_vectors(count)} of {formulas} written to {folder}", highlight=False)
    return 0


def write_json(path, data):
    """Write to a file; to standard output where that is meant, which another handle would overwrite."""
    text = json.dumps(golden.encode(data), indent=1) + "\n"
    if path == "/dev/stdout":
        sys.stdout.write(text)
    else:
        Path(path).write_text(text, encoding="utf-8")


def progress_console():
    """Where progress is shown: standard error, and nothing in a pipe."""
    return Console(stderr=True)


def parser():
    """All commands, their arguments and an example for each."""
    top = argparse.ArgumentParser(
        prog="ebm-ref",
        description="The ground truth of energy-based learning.",
        epilog="example: ebm-ref check torch",
    )
    top.add_argument("--version", action="version", version=f"ebm_ref {ebm_ref.__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def command(name, run, text, example):
        p = commands.add_parser(name, help=text, description=text, epilog=f"example: ebm-ref {example}")
        p.set_defaults(run=run)
        return p

    command("list", list_command, "the formulas, one a line", "list")
    p = command(
        "show", show_command, "a formula: page, shapes, cases, mistakes and where they happened", "show hinge"
    )
    p.add_argument("name", metavar="NAME")
    p = command("read", read_command, "the pages in reading order, in the pager", "read hinge")
    p.add_argument("page", metavar="PAGE", nargs="?")
    p = command("verify", verify_command, "every witness of every formula, side by side", "verify hinge nll")
    p.add_argument("names", metavar="NAME", nargs="*")
    p.add_argument("--json", type=new_file, metavar="FILE", help="also write every claim to a file")
    p = command(
        "check", check_command, "judge frameworks and functions", "check mymodule:my_hinge --as hinge"
    )
    p.add_argument(
        "targets",
        metavar="TARGET",
        nargs="+",
        help="torch, optax, jax, keras, sklearn or crf; or module:function, found from the current folder, "
        "which gets one sample as NumPy arrays and numbers, by position in the order that `ebm-ref show` "
        "gives, and returns the value, or (value, {argument: gradient})",
    )
    p.add_argument("--as", dest="name", metavar="NAME", help="the formula that the function computes")
    p.add_argument("--json", type=new_file, metavar="FILE", help="also write every judgement to a file")
    p.add_argument(
        "--time-limit", type=seconds, default=40.0, metavar="SECONDS", help="in all, for each target (40)"
    )
    p = command(
        "check-sampler",
        check_sampler_command,
        "judge a sampler: one step from exact draws",
        "check-sampler mymodule:step --target ising-3x3",
    )
    p.add_argument("sampler", metavar="MODULE:FUNCTION", nargs="?", help="step(state, rng) -> state")
    p.add_argument("--target", metavar="NAME", help="the law that the sampler should leave as it is")
    p.add_argument("--describe", metavar="NAME", help="print energy, gradient and exact draws of a target")
    p.add_argument("--reversible", action="store_true", help="detailed balance is claimed: test it too")
    p.add_argument("--draws", type=int, default=1_111_000, metavar="N", help="at most (1111000)")
    p.add_argument("--seed", type=int, default=0, metavar="N", help="of draws and noise (0)")
    p.add_argument("--json", type=new_file, metavar="FILE", help="also write the verdict to a file")
    p.add_argument("--time-limit", type=seconds, default=45.0, metavar="SECONDS", help="in all (45)")
    example = 'eval hinge \'{"energies": [1, 3, 1.5], "label": 0}\''
    p = command("eval", eval_command, "value, gradients, condition and bound of one sample", example)
    p.add_argument("name", metavar="NAME")
    p.add_argument(
        "inputs", metavar="JSON", help='an object by name or an array by position; "nan", "inf" as strings'
    )
    p = command(
        "vectors",
        vectors_command,
        "copy the golden vectors, their schema and format note",
        "vectors hinge --out vectors",
    )
    p.add_argument("names", metavar="NAME", nargs="*")
    p.add_argument("--out", metavar="DIR", required=True)
    return top


def main(argv=None):
    """Run the command; returns the exit status."""
    args = parser().parse_args(argv)
    to_stdout = getattr(args, "json", None) in ("/dev/stdout", "-")
    if to_stdout:
        args.json = "/dev/stdout"
    out = Output(stderr=to_stdout, emoji=False)
    try:
        return args.run(args, out)
    except (Usage, ValueError, OSError) as problem:
        if isinstance(problem, BrokenPipeError):  # the reader of the pipe has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        named = isinstance(problem, OSError) and problem.filename
        print(f"ebm-ref: {f'{named}: {problem.strerror}' if named else problem}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
