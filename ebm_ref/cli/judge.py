r"""check, ask, grade: frameworks, strangers' functions, programs and files against the golden vectors."""

import json
import os
import re
import sys

from ebm_ref.catalogue import FORMULAS
from ebm_ref.cli.accept import COUNTED, accepted, weighed
from ebm_ref.cli.check import check_target, print_report, print_side_by_side
from ebm_ref.cli.markdown import markdown
from ebm_ref.cli.text import Usage, known, tracked, write_json, write_text
from ebm_ref.conformance import junit, offline, program
from ebm_ref.conformance.report import ACCEPTED, INTERRUPTED, check, plan, report_on
from ebm_ref.conformance.reproduce import reproduction
from ebm_ref.conformance.worker import frameworks


def check_command(args, out):
    """The verdict on each target; status 1 on a mismatch or an error, 130 if interrupted."""
    targets = targets_of(args, frameworks())
    asked = [[known(args.name, FORMULAS, "formula")] if args.name else _names_for(t) for t in targets]
    if args.reproduce and not (len(targets) == 1 and ":" in targets[0]):
        raise Usage("--reproduce is for one function or program")
    lines = accepted(args.accept) if args.accept else []
    reports = []
    for target, names in zip(targets, asked, strict=True):
        bar = lambda steps, target=target: tracked(steps, f"checking {target}")
        reports.append(check(target, names, args.time_limit, bar, args.dtype, args.memory))
        _say_what_was_not_judged(reports[-1], out, len(targets))
        if reports[-1].interrupted:
            break
    if args.reproduce:
        _reproduce(reports[0], args, out)
    return conclude(reports, lines, args, out)


def targets_of(args, frameworks):
    """What is to be judged, each in one line; a Usage where that makes no sense."""
    if args.framework and not (args.targets and all(":" in target for target in args.targets)):
        raise Usage(f"--{args.framework} is for functions: say module:function")
    for target in args.targets:
        check_target(target, frameworks)
    if args.targets and args.dtype != "float64":
        rule = "a function is asked in float64, by --torch and --jax in both, a framework in both"
        raise Usage(f"--dtype {args.dtype} is for programs: {rule}")
    by = f" --{args.framework}" if args.framework else ""
    targets = [target + by for target in args.targets] + [program.target(p) for p in args.programs]
    if not targets:
        raise Usage("say what is to be judged: a framework, module:function, or --command PROGRAM")
    return targets


def _names_for(target):
    """A framework answers for all it has; a function for the formula it is named after."""
    if ":" not in target:
        return None
    _, name, _ = plan(target, [""])[0]
    if name not in FORMULAS:
        raise Usage(
            f"{target}: say which formula it computes, with --as NAME (`ebm-ref list` shows the names)"
        )
    return [name]


def _say_what_was_not_judged(report, out, targets):
    """Of a target that cannot be loaded, has no such function, or was interrupted."""
    say = lambda text: out.print(text, markup=False, highlight=False)
    if report.interrupted:
        say(f"interrupted at {report.target}: {report.asked}; what was judged before:\n")
    elif report.failure:
        say(f"{report.target}: {report.failure}{_what_to_install(report)}")
    elif not report.rows:
        lacks = f"{report.target} has no function for {', '.join(report.missing)}"
        if targets == 1:
            raise Usage(lacks)
        say(lacks)


def _what_to_install(report):
    """The extra that holds a framework which is missing; "" where something else is."""
    missing = re.search(r"No module named '(\w+)'", report.failure)
    named = missing and (":" not in report.target or missing[1] in frameworks())
    return f"; {missing[1]} comes with: pip install 'ebm_ref[frameworks]'" if named else ""


def _reproduce(report, args, out):
    """Write the smallest wrong answer as a script, and say so, or why there is none."""
    text = reproduction(report, (*COUNTED, *ACCEPTED) if args.strict else COUNTED)
    if text:
        write_text(args.reproduce, text)
    conventional = any(row.verdict in ACCEPTED for row in report.rows)
    none = "only a convention; --strict writes one" if conventional else "nothing is wrong"
    done = f"the smallest wrong answer is written to {args.reproduce}" if text else f"no script: {none}"
    out.print(f"{done}\n", markup=False, highlight=False)


def conclude(reports, lines, args, out):
    """Print the reports, write the files that were asked for; the exit status."""
    judged = [report for report in reports if report.rows]
    if args.markdown:
        out.print("\n".join(map(markdown, judged)), markup=False, highlight=False, soft_wrap=True)
    elif len(judged) == 1:
        print_report(judged[0], out)
    elif judged:
        print_side_by_side(judged, out)
    if args.json:
        write_json(args.json, [report.as_dict() for report in reports])
    if args.junit:
        write_text(args.junit, junit.junit(reports))
    if any(report.interrupted for report in reports):
        return INTERRUPTED
    if args.accept:
        return _status_of_what_is_not_accepted(reports, lines, args, out)
    judged_or_failed = [report for report in reports if report.failure or report.rows]
    status = (report.strict_status if args.strict else report.status for report in judged_or_failed)
    return max(status, default=2)


def _status_of_what_is_not_accepted(reports, lines, args, out):
    """Say which deviations are new, in lines to be copied, and which are gone."""
    new, gone = weighed(reports, lines, args.strict)
    there = os.path.exists(args.accept)
    missing = f"not accepted: {args.accept} does not exist; the lines to put there"
    not_accepted = f"not accepted in {args.accept}" if there else missing
    for what, texts in ((not_accepted, new), (f"accepted, but no more so, in {args.accept}", gone)):
        if texts:
            out.print(f"\n{what}:", markup=False, highlight=False)
            out.print("\n".join(texts), markup=False, highlight=False, soft_wrap=True)
    failed = [report.status for report in reports if report.failure]
    return max([*failed, int(bool(new or gone))])


def ask_command(args, out):
    """Questions, a line each, to standard output."""
    names = [known(name, FORMULAS, "formula") for name in dict.fromkeys(args.names)]
    for name in names:
        for question in offline.questions(name, args.dtype):
            sys.stdout.write(json.dumps(question) + "\n")
    sys.stdout.flush()
    return 0


def grade_command(args, out):
    """The verdict on a file of answers: all formulas of which it answers anything, or those named."""
    lines = accepted(args.accept) if args.accept else []
    with sys.stdin if args.answers == "-" else open(args.answers, encoding="utf-8") as file:
        answers = offline.read(file)
    steps = offline.steps(answers, args.names or [])
    for name, _, _ in steps:
        known(name, FORMULAS, "formula")
    if not steps:
        raise Usage(f"{args.answers} holds no answers; with --as NAME all of a formula are missing")
    report = report_on(offline.Answers(args.answers, answers), steps)
    return conclude([report], lines, args, out)
