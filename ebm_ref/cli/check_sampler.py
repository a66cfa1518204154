r"""check-sampler: one step of a stranger's sampler from exact draws."""

import dataclasses
import textwrap

from ebm_ref.cli.check import check_target
from ebm_ref.cli.text import Usage, known, print_table, progress_console, table, write_json


def check_sampler_command(args, out):
    """The verdict on a sampler, or what a target is; status 1 unless acquitted, 130 if interrupted."""
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
            draws=args.draws,
            seed=args.seed,
            memory=args.memory,
            reversible=args.reversible,
        )
    _print_verdict(args.sampler, verdict, out)
    if args.json:
        write_json(args.json, dataclasses.asdict(verdict))
    if verdict.verdict == "interrupted":
        return 130
    if verdict.reason.startswith(CANNOT_BE_LOADED):
        return 2
    return 0 if verdict.verdict == "acquitted" else 1


FOUND = {
    "law": "probabilities q of x' with sqrt(sum (q - p)^2 / p) >= {:.2g}",
    "drift": "a function whose mean moves by {:.2g} of the spread of its moves, unless they are tiny",
    "path": "one whose mean along 16 steps moves by {:.2g} of its spread, unless they are tiny",
    "energy": "a mean energy along 16 steps that moves by {:.2g} of its spread",
    "exchange": "(there - back) with sqrt(sum (there - back)^2 / (there + back)) >= {:.2g}",
}


def _print_verdict(sampler, verdict, out):
    """The verdict, its tests, and what each would have found."""
    say = lambda text: out.print(
        textwrap.fill(text, width=79, subsequent_indent="  "), markup=False, highlight=False
    )
    until = "; the tests until then:" if verdict.verdict == "interrupted" and verdict.tests else ""
    say(f"{sampler} on {verdict.target}: {verdict.verdict}, {verdict.reason}{until}")
    if verdict.tests:
        out.print()
        _print_tests(verdict, out)
        out.print()
    if verdict.draws:
        apart = f"states 16 steps apart have the correlation {verdict.kept:.2g}{comes_back(verdict)}"
        say(f"{verdict.draws:,} pairs; {100 * verdict.moved:.3g} % of the steps moved; {apart}.")
    if verdict.verdict != "convicted":
        for name, size in verdict.found.items():
            say(f"would have been found with probability 0.99, by {name}: " + FOUND[name].format(size))


def comes_back(verdict):
    """A cycle moves, and is back where it was when its period divides 16."""
    from ebm_ref.conformance.samplers.judge import HARDLY

    is_back = verdict.verdict == "acquitted" and verdict.kept > HARDLY and "hardly" not in verdict.reason
    return ", though not those of fewer: it goes in circles" if is_back else ""


def _print_tests(verdict, out):
    """A line a test, red where it convicts."""
    t = table("test", ">steps", ">draws", ">statistic", ">degrees", ">chance", ">limit")
    for test in verdict.tests:
        color = "red" if test.convicts else "default"
        cells = f"{test.steps}", f"{test.draws:,}", f"{test.statistic:.1f}", f"{test.degrees}"
        t.add_row(
            test.name, *(f"[{color}]{cell}[/]" for cell in (*cells, f"{test.p:.2g}")), f"{test.alpha:.2g}"
        )
    print_table(out, t)
