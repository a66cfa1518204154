r"""The command `ebm-ref`: look things up, verify the pages, judge a stranger.

    list  show  read                what there is, page by page
    museum                          what others got wrong, and whether they still do
    verify                          every witness of every formula
    check                           a framework, a function or a program of yours against the golden vectors
    ask  grade                      the same for what cannot be run from here: questions out, answers in
    check-sampler                   short chains of a sampler of yours from exact draws
    eval  vectors                   truths to copy
    book                            all pages as a web site
    exercise                        a page whose functions the reader writes, and their grading

Exit status: 0 agreement, 1 disagreement, 2 bad usage, 130 interrupted by Ctrl-C or SIGTERM: then what is
known by that time is printed, and written where --json says.  A command's module is imported when the
command runs, so that an interrupt before that finds nothing to lose, and ends it without a traceback.
"""

import argparse
import contextlib
import difflib
import importlib
import os
import re
import signal
import sys
from pathlib import Path

import ebm_ref

ONE_CAN = """\
The ground truth of energy-based learning; --help lists all commands.  One can
  ebm-ref list crf                              find a formula or page by a word
  ebm-ref show hinge                            read a formula with its mistakes
  ebm-ref book --out book                       read all pages as a web site
  ebm-ref exercise hinge                        write a page oneself, graded
  ebm-ref check mymodule:my_hinge --as hinge    have a function judged
  ebm-ref check --command ./my_ctc --as ctc     or a program in any language
  ebm-ref check-sampler m:step --target banana  or the step of a sampler
  ebm-ref eval hinge '[[1, 3, 1.5], 0]'         compute one truth
  ebm-ref verify hinge                          see why it should be believed
"""

TARGETS = (
    "torch, optax, jax, keras, sklearn, crf, torchebm or thrml; or module:function, found from the current "
    "folder, which gets one sample as NumPy arrays and numbers, by position in the order that `ebm-ref show` "
    "gives, and returns the value, or (value, {argument: gradient})"
)
PROGRAM = (
    'a program that reads a question a line, {"id", "formula", "function", "inputs": {argument: value}, '
    '"dtype"}, and answers each in a line, {"id", "value"}, with "gradients": {argument: array} beside '
    'or "error" in place of the value; "nan", "inf", "-inf" as strings'
)
ACCEPT = (
    "deviations that are no disagreement, a line each as the report gives it; one that is gone is reported "
    "and is a disagreement"
)
REPRODUCE = "also write the smallest wrong answer as a script of its own, which needs NumPy and the candidate"


def seconds(text):
    """A positive number of seconds, for argparse."""
    value = float(text)
    if not 0.0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a positive number of seconds")
    return value


def gibibytes(text):
    """A positive number of GiB, for argparse; in bytes."""
    value = float(text)
    if not 0.0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a positive number of GiB")
    return value * 2**30


def new_file(text):
    """A file that can be written, for argparse: said now, not when there is something to write."""
    path = Path(text).absolute()
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is a folder, not a file")
    if text != "-" and not os.access(path if path.exists() else path.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"{text} cannot be written: no such folder, or not allowed")
    return "/dev/stdout" if text == "-" else text


class Parser(argparse.ArgumentParser):
    """Its complaints fit the screen, and of a misspelt choice they say what is spelt much the same."""

    def error(self, message):
        """Print the usage and the complaint, with the nearest choice, and end with status 2."""
        from ebm_ref.cli.text import reflow

        found = re.search(r"invalid choice: '(.*)' \(choose from (.*)\)", message)
        close = difflib.get_close_matches(found[1], re.findall(r"[\w-]+", found[2]), n=1) if found else ()
        meant = f"; did you mean {close[0]}?" if close else ""
        self.print_usage(sys.stderr)
        self.exit(2, reflow(f"{self.prog}: error: {message}{meant}") + "\n")


def parser():
    """All commands, their arguments and an example for each."""
    as_written = argparse.RawDescriptionHelpFormatter
    top = Parser(prog="ebm-ref", description=ONE_CAN, formatter_class=as_written)
    top.add_argument("--version", action="version", version=f"ebm_ref {ebm_ref.__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", title="commands")

    def command(run, text, example):
        """A command, run by the function that is named "module.function"."""
        name = example.partition(" ")[0]
        p = commands.add_parser(name, help=text, description=text, epilog=f"example: ebm-ref {example}")
        p.set_defaults(run=run)
        return p

    for add in (pages, verify, check, offline, check_sampler, truths, exercise):
        add(command)
    return top


def pages(command):
    """list, show, read, museum, book."""
    p = command(
        "pages.list_command", "the formulas, one a line; those that have to do with a word", "list crf"
    )
    p.add_argument("words", metavar="WORD", nargs="*")
    text = "a formula: page, shapes, cases, mistakes and where they happened"
    command("pages.show_command", text, "show hinge").add_argument("name", metavar="NAME")
    p = command("pages.read_command", "the pages in reading order, in the pager", "read hinge")
    p.add_argument("page", metavar="PAGE", nargs="?")
    text = "mistakes and conventions: who made them, what showed, which vector exposes them"
    p = command("museum.museum_command", text, "museum ctc")
    p.add_argument("names", metavar="NAME", nargs="*", help="a formula, a page or a folder; all without")
    p.add_argument("--installed", action="store_true", help="ask the installed frameworks: is it still so?")
    p.add_argument("--json", type=new_file, metavar="FILE", help="also write every exhibit to a file")
    p = command("book.book_command", "all pages as a web site to read offline", "book --out book")
    p.add_argument("--out", metavar="DIR", required=True, help="a new or empty folder, or one with a book")
    p.add_argument(
        "--results", metavar="DIR", help="claims.jsonl, figures/ and benchmark.json, as scripts write"
    )


def verify(command):
    """verify."""
    p = command("verify.verify_command", "every witness of every formula, side by side", "verify hinge nll")
    p.add_argument("names", metavar="NAME", nargs="*")
    p.add_argument("--json", type=new_file, metavar="FILE", help="also write every claim to a file")


def check(command):
    """check."""
    p = command(
        "judge.check_command",
        "judge frameworks, functions and programs",
        "check mymodule:my_hinge --as hinge",
    )
    p.add_argument("targets", metavar="TARGET", nargs="*", help=TARGETS)
    p.add_argument("--command", dest="programs", metavar="PROGRAM", action="append", default=[], help=PROGRAM)
    p.add_argument("--as", dest="name", metavar="NAME", help="the formula that the function computes")
    by = p.add_mutually_exclusive_group()
    for name, library in (("torch", "PyTorch"), ("jax", "JAX")):
        text = f"the function is of {library}'s arrays, which differentiates it; in float32 and float64"
        by.add_argument(
            f"--{name}", dest="framework", action="store_const", const=name, default="", help=text
        )
    dtypes(p, "in which programs are asked (float64)")
    p.add_argument(
        "--time-limit", type=seconds, default=40.0, metavar="SECONDS", help="in all, for each target (40)"
    )
    memory(p)
    p.add_argument("--reproduce", type=new_file, metavar="FILE", help=REPRODUCE)
    reports(p)


def reports(p):
    """What becomes of the verdicts."""
    p.add_argument("--strict", action="store_true", help="conventions and known quirks count: status 1")
    p.add_argument("--accept", metavar="FILE", help=ACCEPT)
    p.add_argument("--markdown", action="store_true", help="print the report as Markdown")
    p.add_argument("--json", type=new_file, metavar="FILE", help="also write every judgement to a file")
    p.add_argument("--junit", type=new_file, metavar="FILE", help="also write a JUnit file, a test a vector")


def memory(p):
    """--memory, in bytes."""
    text = "that a target and all it starts may have resident (4); watched on Linux"
    p.add_argument("--memory", type=gibibytes, default=4.0 * 2**30, metavar="GIB", help=text)


def dtypes(p, text):
    """--dtype, float64 unless said."""
    p.add_argument("--dtype", choices=("float32", "float64"), default="float64", help=text)


def offline(command):
    """ask, grade."""
    text = "questions for a program that cannot be run from here, a line of JSON each"
    p = command("judge.ask_command", text, "ask hinge > questions.jsonl")
    p.add_argument("names", metavar="NAME", nargs="+")
    dtypes(p, "in which they are to be answered (float64)")
    p = command("judge.grade_command", "judge a file of answers to `ebm-ref ask`", "grade answers.jsonl")
    p.add_argument(
        "answers", metavar="FILE", help='a line each: {"id", "value", "gradients"} or {"id", "error"}'
    )
    p.add_argument(
        "--as", dest="names", metavar="NAME", action="append", help="what was asked, if not all of it"
    )
    reports(p)


def check_sampler(command):
    """check-sampler."""
    p = command(
        "check_sampler.check_sampler_command",
        "judge a sampler: short chains from exact draws",
        "check-sampler mymodule:step --target ising-3x3",
    )
    p.add_argument("sampler", metavar="MODULE:FUNCTION", nargs="?", help="step(state, rng) -> state")
    p.add_argument("--target", metavar="NAME", help="the law that the sampler should leave as it is")
    p.add_argument("--describe", metavar="NAME", help="print energy, gradient and exact draws of a target")
    p.add_argument("--reversible", action="store_true", help="detailed balance is claimed: test it too")
    p.add_argument("--draws", type=int, default=5_000_000, metavar="N", help="steps at most (5000000)")
    p.add_argument("--seed", type=int, default=0, metavar="N", help="of draws and noise (0)")
    p.add_argument("--json", type=new_file, metavar="FILE", help="also write the verdict to a file")
    p.add_argument("--time-limit", type=seconds, default=45.0, metavar="SECONDS", help="in all (45)")
    memory(p)


def truths(command):
    """eval, vectors."""
    example = 'eval hinge \'{"energies": [1, 3, 1.5], "label": 0}\''
    p = command("truths.eval_command", "value, gradients, condition and bound of one sample", example)
    p.add_argument("name", metavar="NAME")
    text = 'an object by name or an array by position; "nan", "inf" as strings'
    p.add_argument("inputs", metavar="JSON", help=text)
    text = "copy the golden vectors, their schema and format note"
    p = command("truths.vectors_command", text, "vectors hinge --out vectors")
    p.add_argument("names", metavar="NAME", nargs="*")
    p.add_argument("--out", metavar="DIR", required=True)


def exercise(command):
    """exercise."""
    text = "write a page's functions yourself, and have them graded; without NAME, a course of twelve"
    p = command("exercise.exercise_command", text, "exercise hinge --grade hinge.py")
    p.add_argument("name", metavar="NAME", nargs="?", help="a formula: NAME.py is its page without bodies")
    one = p.add_mutually_exclusive_group()
    one.add_argument("--grade", metavar="FILE", help="say what is right in a file, and name its mistakes")
    one.add_argument("--list", action="store_true", help="the course, and what each exercise teaches")
    one.add_argument("--force", action="store_true", help="overwrite NAME.py if it is there")


@contextlib.contextmanager
def interrupts(handler):
    """Ctrl-C and SIGTERM handled so, unless whoever started this wants them ignored."""
    heeded = [s for s in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(s) != signal.SIG_IGN]
    before = {s: signal.signal(s, handler) for s in heeded}
    try:
        yield
    finally:
        for s, earlier in before.items():
            signal.signal(s, earlier)


def main(argv=None):
    """Run the command; returns the exit status."""
    args = parser().parse_args(argv)
    if not args.command:
        print(ONE_CAN, end="")
        return 0
    try:
        with interrupts(lambda *_: os._exit(130)):  # nothing is known yet
            module, _, function = args.run.partition(".")
            command = getattr(importlib.import_module(f"ebm_ref.cli.{module}"), function)
        with interrupts(signal.default_int_handler):
            return run(command, args)
    except KeyboardInterrupt:
        return 130


def run(command, args):
    """The exit status of a command: a user's mistake is a line, no traceback."""
    from ebm_ref.cli.text import Output, Usage, reflow

    to_stdout = "/dev/stdout" in (getattr(args, name, None) for name in ("json", "junit", "reproduce"))
    try:
        return command(args, Output(stderr=to_stdout, emoji=False))
    except (Usage, ValueError, OSError) as problem:
        if isinstance(problem, BrokenPipeError):  # the reader of the pipe has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        named = isinstance(problem, OSError) and problem.filename
        says = f"{named}: {problem.strerror}" if named else problem
        print(reflow(f"ebm-ref: {says}"), file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
