r"""exercise: a page whose functions the reader writes, and their grading.

    ebm-ref exercise                              the course, the easiest first
    ebm-ref exercise hinge                        hinge.py: header and docstrings of the page, and no bodies
    ebm-ref exercise hinge --grade hinge.py       contract and judge on what is written so far

Every formula can be an exercise; the course is twelve of them, each of which asks for something new.  What
a page refuses is not asked for, and its record is left out.  Exit status 0 if all is written and right,
1 if not.

Source: the order of the course is that of the ideas: a force, two, a sum over answers, one over sequences.
"""

import ast
from pathlib import Path

from ebm_ref.catalogue import FORMULAS
from ebm_ref.cli.check import print_report
from ebm_ref.cli.pages import formula, page_of, source
from ebm_ref.cli.text import Usage, print_table, progress_console, reflow, table
from ebm_ref.conformance import solution
from ebm_ref.conformance.contract import contract
from ebm_ref.conformance.process import Candidate
from ebm_ref.conformance.report import report_on

COURSE = {  # in order of difficulty, with what each teaches
    "squared_error": "a value, and a gradient by each argument",
    "hinge": "the lowest wrong answer, and a force that ends",
    "square_square": "two forces, each against a level of its own",
    "contrastive": "pairs of vectors: like together, unlike apart",
    "metropolis_hastings": "a ratio in logarithms, with the way back",
    "ising": "a quadratic form that counts each pair once",
    "denoising_score_matching": "a score against noise; powers of its size",
    "free_energy": "log-sum-exp without overflow; its slope in beta",
    "nll": "every answer is pulled up by its probability",
    "label_smoothing": "a target that is a distribution",
    "chain_nll": "the forward algorithm; marginals as gradients",
    "ctc": "a sum over alignments, by their positions",
}
OFFERED = {  # what a page takes from numerics.py, and what that is for a reader
    "log_sigmoid": "log_sigmoid",
    "log_softmax": "log_softmax",
    "logsumexp": "logsumexp",
    "scaled_sum": "logsumexp",
    "sigmoid": "sigmoid",
    "softmax": "softmax",
    "softmax_and_complement": "softmax",
    "softplus": "softplus",
    "xlogy": "xlogy",
}


def exercise_command(args, out):
    """The course, an exercise as a file, or the grade of one."""
    if args.name is None and args.grade:
        raise Usage("say which exercise it is: ebm-ref exercise NAME --grade FILE")
    if args.name is None or args.list:
        return _list(out)
    formula(args.name)  # or a Usage with the nearest
    return _grade(args.name, args.grade, out) if args.grade else _copy(args.name, args.force, out)


def _list(out):
    """The course, in order."""
    t = table(">", "exercise", "what it teaches")
    for number, (name, teaches) in enumerate(COURSE.items(), 1):
        t.add_row(f"{number}", name, teaches)
    print_table(out, t)
    say(out, "\nBegin with: ebm-ref exercise squared_error. Any other formula will do, too.")
    return 0


def say(out, text):
    """Print text, lines beyond 79 columns broken."""
    out.print(reflow(text) if len(text) > 79 else text, markup=False, highlight=False, soft_wrap=True)


# the file


def _copy(name, force, out):
    """Write NAME.py into the working folder, over another one only by force."""
    path, functions = Path(f"{name}.py"), list(functions_of(FORMULAS[name]).values())
    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(exercise(name))
    except FileExistsError:
        raise Usage(f"{path} is there already, and may be your work; --force overwrites it") from None
    say(out, f"{path} is written; yours to fill in:\n")
    for function in functions:
        say(out, f"  {function}")
    say(out, f"\nHave it graded at any time, whatever is done by then:\n\n  {grading(name, path)}")
    return 0


def grading(name, path):
    """The command that grades a file."""
    return f"ebm-ref exercise {name} --grade {path}"


def functions_of(record):
    """{"value" or argument: name of the function} of a record."""
    return {"value": record.value.__name__} | {a: g.__name__ for a, g in record.gradients.items()}


def exercise(name):
    """The page of a formula with header, signatures and docstrings alone, as a file that can be run."""
    record = FORMULAS[name]
    text = source(page_of(record).__name__.removeprefix("ebm_ref."))
    lines, body = text.splitlines(), ast.parse(text).body
    functions = {node.name: node for node in body if isinstance(node, ast.FunctionDef)}
    asked = list(functions_of(record).values())
    imports = ["import numpy as np", *_offered(body, functions, asked)]
    how = ["# Fill in the value, then its gradients; at any time:", f"#     {grading(name, f'{name}.py')}"]
    how += ["# The errors that the docstrings speak of are not asked for."] if record.refuses else []
    parts = ["\n".join(lines[: body[0].end_lineno]), "\n".join(imports), "\n".join(how)]
    without_bodies = [_without_body(lines, functions[function]) for function in asked]
    return "\n\n".join(parts) + "\n\n\n" + "\n\n\n".join(without_bodies) + "\n"


def _without_body(lines, node):
    """A function's signature and docstring."""
    return "\n".join([*lines[node.lineno - 1 : node.body[0].end_lineno], "    raise NotImplementedError"])


def _offered(body, functions, asked):
    """Imports of the stable functions that the page's own code needs, as a reader knows them."""
    names, reached = set(), [functions[name] for name in asked]
    for node in reached:  # which grows
        used = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
        names |= used
        reached += [functions[name] for name in functions if name in used and functions[name] not in reached]
    numerics = [a.name for node in body if _is_numerics(node) for a in node.names if a.name in names]
    offered = sorted({OFFERED[name] for name in numerics if name in OFFERED})
    return [f"\nfrom ebm_ref.numerics import {', '.join(offered)}"] if offered else []


def _is_numerics(node):
    return isinstance(node, ast.ImportFrom) and node.module == "ebm_ref.numerics"


# its grade


def _grade(name, path, out):
    """What holds of the functions in a file; status 0 if all are written and right."""
    functions = functions_of(FORMULAS[name])
    done = _done(functions, path)
    if "value" not in done:
        say(out, f"not written yet: {functions['value']}, which comes first")
        return 1
    with progress_console().status(f"grading {path}"):
        report, kept = _judged(name, path, done)
    _print_contract(name, functions, kept, out)
    print_report(report, out)
    if report.interrupted:
        return 130
    return _conclude(name, kept, report, [f for o, f in functions.items() if o not in done], out)


def _judged(name, path, done):
    """The judge's report on what is written, and what it keeps of the contract; {} if it hangs."""
    gradients = {output: function for output, function in done.items() if output != "value"}
    value = Candidate(solution.target(path, done["value"], {}))
    together = Candidate(solution.target(path, done["value"], gradients))
    with value, together:
        report = report_on(together, [(name, done["value"], "float64")])
        report.target, report.version = f"{path}:{done['value']}", f"{path}"
        row = _row_to_be_read(report)
        hangs = together.ended and not any(j.output for j in row.finite)
        if report.interrupted or hangs:
            return report, {}
        for candidate in (value, together):
            candidate.grant(20.0)
        try:
            return report, contract(value, together, name, gradients)
        except KeyboardInterrupt:
            report.interrupted = True
            return report, {}


def _done(functions, path):
    """Those of the functions that a file has."""
    try:
        written = solution.written(Path(path).read_text(encoding="utf-8"), path)
    except SyntaxError as problem:
        raise Usage(f"{path}, line {problem.lineno}: {problem.msg}") from None
    return {output: function for output, function in functions.items() if function in written}


def _row_to_be_read(report):
    """The only row of a report, without what is not asked for; a Usage if the file could not be run."""
    if report.failure:
        raise Usage(f"{report.version}: {report.failure}")
    if not report.rows:
        raise KeyboardInterrupt
    report.rows[0].accepted = []
    return report.rows[0]


def _print_contract(name, functions, kept, out):
    """A line for each function: how often it is the page's, and the slope of the value that was written."""
    place = f", {[*COURSE].index(name) + 1} of {len(COURSE)}" if name in COURSE else ""
    say(out, f"Exercise {name}{place}: at random points\n")
    t = table("function", ">as the page", ">slope of your value")
    for output, function in functions.items():
        found = kept.get(output)
        count = lambda n, found=found: f"{n} of {found.points}"
        slope = count(found.slope) if found and output != "value" else ""
        t.add_row(function, count(found.right) if found else "-", slope)
    print_table(out, t)
    out.print()


def _conclude(name, kept, report, missing, out):
    """What to do next, in a line; the exit status."""
    value, slopes = kept.get("value"), [k for output, k in kept.items() if output != "value"]
    wrong = report.strict_status or any(k.right < k.points for k in kept.values())
    out.print()
    if wrong and slopes and value.right < value.points and all(k.slope == k.points for k in slopes):
        say(out, "Not yet; but the gradients fit your value: mend that first, and then them.")
    elif wrong:
        say(out, "Not yet.")
    elif missing:
        say(out, f"Right so far; not written yet: {', '.join(missing)}")
    else:
        say(out, f"Done: all of it is right{_but(report.rows[0])}. {_next(name)}".rstrip())
    return int(bool(wrong or missing))


def _but(row):
    """What is no mistake, and better done otherwise."""
    odd = any(j.verdict in ("mismatch", "error") for j in row.judgements if not j.finite)
    but = ["its last digits"] * (row.verdict == "imprecise") + ["NaN and infinity"] * odd
    return f", but for {', and for '.join(but)}" if but else ""


def _next(name):
    """The exercise after this one, if there is one."""
    following = dict(zip(COURSE, [*COURSE][1:], strict=False)).get(name)
    return f"Next: ebm-ref exercise {following}" if following else ""
