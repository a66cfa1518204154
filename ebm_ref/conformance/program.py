r"""A program: a candidate in any language, asked by lines of JSON.

    question    {"id", "formula", "function", "inputs": {argument: value}, "dtype"}     on its standard input
    answer      {"id", "value", "gradients"?: {argument: array}} or {"id", "error"}     on its standard output

Numbers are JSON numbers, and what is not finite is "nan", "inf" or "-inf"; bare NaN and Infinity, which
Python and others write, are understood too.  Unknown keys are ignored, so that a question may be echoed
with its answer.  One process gets all questions; one that has ended well is started again.

A program that holds its answers back, because it reads to the end or never flushes its output, is told
after a while that there are no more questions, and from then on gets a process for each.  The first
answer may take longer, since some compile before it.

Source: JSON Lines, jsonlines.org; RFC 8259 for what JSON has no words for.
"""

import collections
import contextlib
import errno
import json
import os
import queue
import shlex
import signal
import subprocess
import threading
from pathlib import Path

from ebm_ref.proof.golden import encode

PREFIX = "command: "  # of a target that is a program
STARTING, PATIENCE = 10.0, 2.0  # seconds until the first answer, and until any other
LONGEST = 1 << 20  # characters of a line
INTERPRETERS = {
    ".js": "node",
    ".mjs": "node",
    ".py": "python3",
    ".jl": "julia",
    ".rb": "ruby",
    ".R": "Rscript",
}
WORDS = ("nan", "inf", "-inf", "NaN", "Infinity", "-Infinity")


class Failed(Exception):
    """There is no answer: the program says so, has ended, or said something else."""


def target(command):
    """How a program is written where module:function stands otherwise; a ValueError if it is none.

    >>> target("./my_ctc --fast"), name("command: ./my_ctc --fast")
    ('command: ./my_ctc --fast', 'my_ctc')
    """
    if not shlex.split(command):
        raise ValueError(f"command = {command!r}: must name a program")
    return PREFIX + command


def name(target):
    """The program's name without folder and arguments; of node my_ctc.mjs the second word."""
    words = shlex.split(target.removeprefix(PREFIX))
    plain = [word for word in words[1:] if Path(word).suffix]
    return Path(plain[0] if plain else words[0]).stem


class Program:
    """A program that is asked question by question; started again once it has ended."""

    def __init__(self, command):
        self.arguments, self.process, self.asked, self.hurried = shlex.split(command), None, 0, False
        self.given = {}  # its answers, by id
        self._start()

    def _start(self):
        pipe = subprocess.PIPE
        try:
            self.process = subprocess.Popen(self.arguments, stdin=pipe, stdout=pipe, stderr=pipe)
        except OSError as problem:
            raise Failed(unstarted(self.arguments[0], problem)) from None
        self.lines, self.printed, self.answers = queue.Queue(100), collections.deque(maxlen=20), 0
        pairs = (self.process.stdout, self.lines.put), (self.process.stderr, self.printed.append)
        self.listeners = [threading.Thread(target=_listen, args=pair, daemon=True) for pair in pairs]
        for listener in self.listeners:
            listener.start()

    def ask(self, question):
        """(value, {argument: gradient}) of one question; raises `Failed` where there is no answer.

        What ends well after an answer is asked again; to end with an error is one.
        """
        plain = {a: x.tolist() if hasattr(x, "tolist") else x for a, x in question["inputs"].items()}
        self.asked += 1
        line = json.dumps({"id": f"{self.asked}"} | question | {"inputs": encode(plain)}).encode() + b"\n"
        said = self._answer(line)
        while not said:
            self._end()
            said = self._answer(line)
        return understood(said)

    def _answer(self, question):
        """What it says to a question, None if it has ended instead."""
        if self.process is None:
            self._start()
        with contextlib.suppress(BrokenPipeError):  # its end says why
            self.process.stdin.write(question)
            self.process.stdin.flush()
            if self.hurried:
                self.process.stdin.close()
        while line := self._line():
            said = self._said(line)
            if said["id"] == f"{self.asked}":
                self.answers += 1
                if self.process.stdin.closed:
                    self._end()
                self._hear_out()
                return said
        return None

    def _hear_out(self):
        """Whatever it has said beyond its answer, without waiting."""
        while self.lines.queue and self.lines.queue[0]:
            self._said(self.lines.get())

    def _line(self):
        """The next line that it prints, b"" when there will be none."""
        with contextlib.suppress(queue.Empty):
            return self.lines.get(timeout=PATIENCE if self.answers else STARTING)
        self.hurried = True
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        return self.lines.get()

    def _said(self, line):
        """The object in a line, which answers this question or an earlier one, once."""
        try:
            said = _with_id(line, self.asked)
            if _in_order(self.given.setdefault(said["id"], said)) != _in_order(said):
                which = "it" if said["id"] == f"{self.asked}" else "an earlier question"
                raise Failed(f"2 answers to {which}, and not the same")
            return said
        except Failed:
            self.stop()
            raise

    def _end(self):
        """Take leave of a program that says no more; `Failed` unless it ended well after an answer."""
        try:
            code = self.process.wait(PATIENCE)
            how = f"ended with exit status {code}" if code >= 0 else f"was ended by {signal.strsignal(-code)}"
        except subprocess.TimeoutExpired:
            code, how = None, "has closed its output, or does not end with its questions"
        self.stop()
        if code != 0 or not self.answers:
            lines = [line.decode(errors="replace").strip() for line in self.printed if line.strip()]
            said = [line for line in lines if "error" in line.lower()] or lines
            raise Failed("; ".join([f"the program {how}", *said[-1:]]))

    def stop(self):
        """End the process, if it is still there; its last words are kept."""
        if self.process is None:
            return
        self.process.kill()
        self.process.wait()
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        for listener in self.listeners:
            listener.join(0.2)  # longer only if a child of its own lives on
        self.process = None


def unstarted(program, problem):
    """Why it cannot be started, and what to do; what the system says where that is all there is.

    >>> unstarted("./my_ctc.js", FileNotFoundError(2, "No such file or directory"))
    './my_ctc.js: there is no such program'
    """
    file = Path(program)
    interpreter = INTERPRETERS.get(file.suffix, "INTERPRETER")
    instead = f"or name the interpreter: --command '{interpreter} {program}'"
    if file.is_file() and problem.errno == errno.EACCES:
        return f"{program} may not be executed: chmod +x {program}, {instead}"
    if file.is_file() and problem.errno == errno.ENOEXEC:
        return f"{program} does not say what runs it: begin it with #!/usr/bin/env {interpreter}, {instead}"
    if file.is_file() and os.sep in program:
        return f"{program}: what its first line names is not there, {instead}"
    if problem.errno == errno.ENOENT:
        here = f"; the file in this folder is ./{program}" if file.is_file() else ""
        return f"{program}: there is no such program{here}"
    return f"{program or 'an empty name'}: {problem.strerror}"


def _listen(file, keep):
    """Keep line by line what is printed, then an empty one."""
    with file:
        while line := file.readline(LONGEST):
            keep(line)
    keep(b"")


def _with_id(line, asked):
    """The object in a line, its id as text; `Failed` unless it is that of a question."""
    try:
        said = json.loads(line)
    except (RecursionError, ValueError):
        said = None
    if not isinstance(said, dict):
        raise Failed(f"no answer to what was asked; print such lines to standard error: {line[:60]!r}")
    if "id" not in said:
        raise Failed(f"no id in {line[:60]!r}")
    said["id"] = f"{said['id']}"
    if not said["id"].isdecimal() or len(said["id"]) > 20 or int(said["id"]) > asked:
        raise Failed(f"no question has the id {said['id'][:60]!r}")
    return said


def _in_order(said):
    return json.dumps(said, sort_keys=True)  # text, in which a NaN is a NaN


def understood(said):
    """(value, {argument: gradient}) of an answer; raises `Failed` where it holds none.

    >>> understood({"id": "1", "value": [1, "-inf"], "formula": "echoed"})
    ([1.0, -inf], {})
    """
    if said.get("error") is not None:
        raise Failed(f"{said['error']}")
    if "value" not in said:
        raise Failed("neither value nor error in the answer")
    gradients = said.get("gradients") or {}
    if not isinstance(gradients, dict):
        raise Failed(f"gradients = {gradients!r}: must be an object {{argument: array}}")
    return numbers(said["value"]), {a: numbers(g) for a, g in gradients.items() if g is not None}


def numbers(x):
    """Numbers of JSON, nested as they stand, as floats; `Failed` for any other word, or none."""
    if isinstance(x, list):
        return [numbers(entry) for entry in x]
    if (isinstance(x, str) and x not in WORDS) or x is None or isinstance(x, dict):
        raise Failed(f"{x!r} where numbers are due")
    return float(x)
