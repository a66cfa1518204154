r"""The command `ebm-ref`: look things up, verify the pages, judge a stranger.

    list  show  read                what there is, page by page
    verify                          every witness of every formula
    check                           a framework or a function of yours against the golden vectors
    check-sampler                   one step of a sampler of yours from exact draws
    eval  vectors                   truths to copy
    book                            all pages as a web site

Exit status: 0 agreement, 1 disagreement, 2 bad usage, 130 interrupted by Ctrl-C or SIGTERM: then what is
known by that time is printed, and written where --json says.  A command's module is imported when the
command runs, so that an interrupt before that finds nothing to lose, and ends it without a traceback.
"""

import argparse
import contextlib
import importlib
import os
import signal
import sys
from pathlib import Path

import ebm_ref


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

    command("list", "pages.list_command", "the formulas, one a line", "list")
    p = command(
        "show",
        "pages.show_command",
        "a formula: page, shapes, cases, mistakes and where they happened",
        "show hinge",
    )
    p.add_argument("name", metavar="NAME")
    p = command("read", "pages.read_command", "the pages in reading order, in the pager", "read hinge")
    p.add_argument("page", metavar="PAGE", nargs="?")
    p = command(
        "verify", "verify.verify_command", "every witness of every formula, side by side", "verify hinge nll"
    )
    p.add_argument("names", metavar="NAME", nargs="*")
    p.add_argument("--json", type=new_file, metavar="FILE", help="also write every claim to a file")
    p = command(
        "check", "check.check_command", "judge frameworks and functions", "check mymodule:my_hinge --as hinge"
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
    p.add_argument("--strict", action="store_true", help="conventions and known quirks count: status 1")
    p.add_argument("--json", type=new_file, metavar="FILE", help="also write every judgement to a file")
    p.add_argument(
        "--time-limit", type=seconds, default=40.0, metavar="SECONDS", help="in all, for each target (40)"
    )
    p = command(
        "check-sampler",
        "check_sampler.check_sampler_command",
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
    p = command("eval", "truths.eval_command", "value, gradients, condition and bound of one sample", example)
    p.add_argument("name", metavar="NAME")
    p.add_argument(
        "inputs", metavar="JSON", help='an object by name or an array by position; "nan", "inf" as strings'
    )
    p = command(
        "vectors",
        "truths.vectors_command",
        "copy the golden vectors, their schema and format note",
        "vectors hinge --out vectors",
    )
    p.add_argument("names", metavar="NAME", nargs="*")
    p.add_argument("--out", metavar="DIR", required=True)
    p = command("book", "book.book_command", "all pages as a web site to read offline", "book --out book")
    p.add_argument("--out", metavar="DIR", required=True, help="a new or empty folder, or one with a book")
    return top


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
    from ebm_ref.cli.text import Output, Usage

    to_stdout = getattr(args, "json", None) in ("/dev/stdout", "-")
    if to_stdout:
        args.json = "/dev/stdout"
    try:
        return command(args, Output(stderr=to_stdout, emoji=False))
    except (Usage, ValueError, OSError) as problem:
        if isinstance(problem, BrokenPipeError):  # the reader of the pipe has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        named = isinstance(problem, OSError) and problem.filename
        print(f"ebm-ref: {f'{named}: {problem.strerror}' if named else problem}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
