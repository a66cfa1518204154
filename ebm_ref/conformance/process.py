r"""The other end: a candidate in a process of its own, asked under a clock.

    ask(question)  ->  {"value", "gradients"} | {"unsupported": why} | {"error": what}

5 seconds a question; two time-outs end the candidate; `limit` seconds in all; `memory` bytes resident.
A crash, or an answer that is none, starts a new process for the next question.  A keeper stands between:
a process ends together with all that it has started, and with the judge (`keeper.py`).  Whatever
happens, every question has an answer, and answers given so far stay.

Nothing is waited for without a deadline: not that a question is taken, nor for an answer, nor for the
end of a process.  What a candidate prints is read at the same time, and the last megabyte of it kept.

    Child(command)                 a program that answers on its standard output
    Child(command, private=True)   one that answers on a descriptor, given as its last argument

Source: POSIX pipes; the keeper's sources.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time

import numpy as np

from ebm_ref.conformance import keeper
from ebm_ref.conformance.program import PREFIX
from ebm_ref.proof.golden import encode

QUESTION_SECONDS, TOTAL_SECONDS, TIMEOUTS = 5.0, 40.0, 2
STARTING_SECONDS = 20.0  # for the first answer of a program, which may compile before it
MEGABYTE, GIBIBYTE, CHUNK = 1 << 20, 1 << 30, 1 << 16
MEMORY = 4 * GIBIBYTE
GRACE = 5.0  # seconds for a process that has closed its answers to end, if so many are left
RAISE = "raise --time-limit"  # what the commands call it


class Ended(Exception):
    """There will be no more answers; says how the process ended."""


class Garbage(Exception):
    """What came is no answer; quotes it."""


def python(module, *arguments):
    """A module of ours as a command.

    -P keeps what lies in the current folder, a random.py say, from being imported in place of ours.
    """
    return [sys.executable, "-P", "-m", module, *arguments]


class Child:
    """A command that answers lines with lines, and the keeper that starts, watches and ends it.

    Parameters
    ----------
    command : sequence of str
        A program and its arguments.
    memory : float
        Bytes that it and all that it has started may have resident together; watched on Linux.
    private : bool
        Whether it answers on a descriptor of its own, whose number is added to the arguments; what it
        prints on standard output is then no answer.  Otherwise it answers on standard output.
    """

    def __init__(self, command, memory=MEMORY, private=False):
        self.memory = memory
        theirs, self.lifeline = os.pipe()
        self.report, reported = os.pipe()
        reader, writer = os.pipe() if private else (-1, -1)
        passed = [theirs, reported, *([writer] if private else [])]
        ends = [theirs, reported, writer, int(memory)]
        own = [f"{writer}"] if private else []
        self.keeper = subprocess.Popen(
            [sys.executable, "-I", "-S", keeper.__file__, *map(str, ends), *command, *own],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if private else subprocess.PIPE,
            pass_fds=passed,
            start_new_session=True,
        )
        for descriptor in passed:
            os.close(descriptor)
        self.private = os.fdopen(reader, "rb", 0) if private else None
        pipes = (self.private, self.keeper.stdout) if private else (self.keeper.stdout, self.keeper.stderr)
        self.stdin = self.keeper.stdin.fileno()
        self.reader, self.output = (pipe.fileno() for pipe in pipes)
        self.open, self.answers, self.printed = [self.reader, self.output], b"", bytearray()
        for pipe in (self.stdin, *self.open):
            os.set_blocking(pipe, False)

    def line(self, seconds, question=b""):
        """Send the question, return the next line; a TimeoutError, Ended or Garbage where there is none."""
        deadline = time.monotonic() + seconds
        while b"\n" not in self.answers:
            if len(self.answers) > MEGABYTE:
                raise Garbage(garbage(self.answers))
            left = deadline - time.monotonic()
            if left <= 0.0:
                raise TimeoutError
            question = self._exchange(question, left)
        line, _, self.answers = self.answers.partition(b"\n")
        return line

    def _exchange(self, question, seconds):
        """Send and read what goes at once, after waiting so long at most; returns what remains to be sent."""
        ready, writable, _ = select.select(self.open, [self.stdin] if question else [], [], seconds)
        if writable:
            try:
                question = question[os.write(self.stdin, question[:CHUNK]) :]
            except BrokenPipeError:  # it reads no more; its answers say how it ended
                question = b""
        if self.output in ready:
            self._listen()
        if self.reader in ready:
            chunk = os.read(self.reader, CHUNK)
            if not chunk:
                raise Ended(self._how_it_ended(min(GRACE, seconds)))
            self.answers += chunk
        return question

    def _listen(self):
        """Read a piece of what is printed; False if there is none just now."""
        try:
            chunk = os.read(self.output, CHUNK)
        except BlockingIOError:
            return False
        if not chunk and self.output in self.open:
            self.open.remove(self.output)
        self.printed += chunk
        del self.printed[:-MEGABYTE]
        return bool(chunk)

    def _how_it_ended(self, seconds):
        """Exit status or signal, waited for so long at most, and the last line that was printed."""
        how = _ended(self._reported(seconds), self.memory)
        pieces = MEGABYTE // CHUNK  # of a pipe that nobody may ever close
        while pieces and self._listen():
            pieces -= 1
        last = self.printed[-2000:].decode(errors="replace").strip().splitlines()[-1:]
        return "; ".join([f"the process {how}", *last])

    def _reported(self, seconds):
        """What the keeper says of the end: b"" if it is gone, None if there is no end."""
        ready = select.select([self.report], [], [], seconds)[0]
        return os.read(self.report, 100) if ready else None

    def stop(self):
        """End the process, all that it has started, and their keeper."""
        os.close(self.lifeline)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(self.keeper.pid, signal.SIGCONT)  # the stranger may have stopped it
        try:
            self.keeper.wait(GRACE + keeper.PATIENCE)
        except subprocess.TimeoutExpired:
            self.keeper.kill()
            self.keeper.wait()
        for pipe in filter(None, (self.keeper.stdin, self.keeper.stdout, self.keeper.stderr, self.private)):
            pipe.close()
        os.close(self.report)


def _ended(report, memory=MEMORY):
    """A keeper's report in words."""
    if report is None:
        return "closed its answer descriptor"
    if report == b"memory":
        return f"used more than {memory / GIBIBYTE:.3g} GiB"
    try:
        code = int(report)
    except ValueError:
        return "was left alone: somebody killed its keeper"
    names = {s.value: s.name for s in signal.Signals}
    signalled = f"was killed by {names.get(-code, f'signal {-code}')}"
    return signalled if code < 0 else f"ended with exit status {code}"


def shown(text):
    """A stranger's text in one line, with everything escaped that could steer a terminal.

    >>> shown("bad\\n \\x1b[31mred \\ud800")
    'bad \\\\x1b[31mred \\\\ud800'
    """
    escaped = lambda c: c if c.isprintable() else c.encode("unicode_escape").decode()
    return "".join(map(escaped, " ".join(text.split())))


def garbage(line):
    return f"garbage on the answer descriptor: {bytes(line[:60])!r}"


def understood(line, *words):
    """A worker's line as {one of the words: text}, or as {"value", "gradients"}; raises Garbage otherwise.

    >>> understood(b'{"value": 0.5, "gradients": {"energies": [1.0, "nan"]}}')["gradients"]
    {'energies': array([ 1., nan])}
    """
    try:
        said = json.loads(line)
        for word in words:
            if type(said.get(word)) is str:
                return {word: shown(said[word])}
        gradients = {a: _numbers(g) for a, g in said["gradients"].items()}
        return {"value": _numbers(said["value"]), "gradients": gradients}
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
        raise Garbage(garbage(line)) from None


def _numbers(x):
    """Numbers, or the strings "nan", "inf" and "-inf", as float64; None would become a NaN."""
    if np.asarray(x).dtype.kind not in "biufU":
        raise TypeError
    return np.asarray(x, float)[()]


class Candidate:
    """A candidate to be asked; use as a context manager, so that its processes end with it."""

    def __init__(self, target, limit=TOTAL_SECONDS, memory=MEMORY):
        self.target, self.version, self.memory = target, target, memory
        self.child, self.starts = None, False
        self.grant(limit)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stop()

    def grant(self, limit):
        """So many seconds from now on, whatever has been before."""
        self.started, self.limit, self.timeouts, self.ended = time.monotonic(), limit, 0, ""

    def ask(self, formula, function, inputs, dtype="float64"):
        """The answer to one question, or {"error": ...}; never raises for what the candidate does."""
        if not self.ended and self._left() <= 0.0:
            self.ended = self._over()
        if not self.ended and self.child is None:
            self.start()
        if self.ended:
            return {"error": self.ended}
        plain = {a: x.tolist() if hasattr(x, "tolist") else x for a, x in inputs.items()}
        question = {"formula": formula, "function": function, "inputs": encode(plain), "dtype": dtype}
        line = json.dumps(question).encode() + b"\n"
        seconds, self.starts = max(QUESTION_SECONDS, STARTING_SECONDS * self.starts), False
        return self._answer(seconds, line, "unsupported", "error")

    def start(self):
        """Start a worker and wait for it to have imported the candidate."""
        command = python("ebm_ref.conformance.worker", self.target)
        self.child = Child(command, self.memory, private=True)
        self.starts = self.target.startswith(PREFIX)
        hello = self._answer(self.limit, b"", "version", "failed")
        if "version" in hello:
            self.version = hello["version"]
        else:
            failed = f"cannot be loaded: {hello['failed']}" if "failed" in hello else ""
            self.ended = failed or f"while loading: {hello.get('error', 'it answers before it is asked')}"
            self._stop()

    def _answer(self, seconds, question, *words):
        """What the worker says within the time left; a crash, a hang or garbage as an error."""
        left = self._left()
        try:
            answer = understood(self.child.line(min(seconds, left), question), *words)
            if self.child.answers:  # more than was asked for
                raise Garbage(garbage(self.child.answers))
            return answer
        except TimeoutError:
            why = self._too_late(seconds, left)
        except (Ended, Garbage) as problem:
            why = f"{problem}"
        self._stop()
        return {"error": shown(why)}

    def _too_late(self, seconds, left):
        if left <= seconds:
            self.ended = self._over()
            return f"no answer before {self.limit:g} s in all were over; {RAISE}"
        self.timeouts += 1
        if self.timeouts == TIMEOUTS:
            self.ended = f"not asked: {TIMEOUTS} questions had gone unanswered"
        return f"no answer within {seconds:g} s"

    def _left(self):
        return self.started + self.limit - time.monotonic()

    def _over(self):
        return f"not asked: {self.limit:g} s in all are over; {RAISE}"

    def _stop(self):
        if self.child is not None:
            self.child.stop()
            self.child = None
