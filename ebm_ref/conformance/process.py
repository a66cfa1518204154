r"""The other end: a candidate in a process of its own, asked under a clock.

    ask(question)  ->  {"value", "gradients"} | {"unsupported": why} | {"error": what}

5 seconds a question; two time-outs end the candidate; `limit` seconds in all.  A crash starts a new
process for the next question.  A process is killed together with all that it has started.  Whatever
happens, every question has an answer, and answers given so far stay.

Source: POSIX process groups and pipes.
"""

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time

from ebm_ref.proof.golden import decode, encode

QUESTION_SECONDS, TOTAL_SECONDS, TIMEOUTS = 5.0, 40.0, 2


class Candidate:
    """A candidate to be asked; use as a context manager, so that its processes end with it."""

    def __init__(self, target, limit=TOTAL_SECONDS):
        self.target, self.limit, self.version = target, limit, target
        self.started, self.timeouts, self.ended, self.process = time.monotonic(), 0, "", None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stop()

    def ask(self, formula, function, inputs, dtype="float64"):
        """The answer to one question, or {"error": ...}; never raises for what the candidate does."""
        if not self.ended and self.process is None:
            self.start()
        if self.ended:
            return {"error": self.ended}
        plain = {a: x.tolist() if hasattr(x, "tolist") else x for a, x in inputs.items()}
        question = {"formula": formula, "function": function, "inputs": encode(plain), "dtype": dtype}
        try:
            self.process.stdin.write(json.dumps(question).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # it has died; reading says how
        answer = self._read(QUESTION_SECONDS)
        if "value" not in answer:
            return answer
        return {
            "value": decode(answer["value"]),
            "gradients": {a: decode(g) for a, g in answer["gradients"].items()},
        }

    def start(self):
        """Start a worker and wait for it to have imported the candidate."""
        reader, writer = os.pipe()
        self.output = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ebm_ref.conformance.worker", self.target, str(writer)],
            stdin=subprocess.PIPE,
            stdout=self.output,
            stderr=self.output,
            pass_fds=(writer,),
            start_new_session=True,
        )
        os.close(writer)
        self.reader, self.buffer = reader, b""
        hello = self._read(self.limit)
        if "version" not in hello:
            failed = (
                f"cannot be loaded: {hello['failed']}"
                if "failed" in hello
                else f"while loading: {hello['error']}"
            )
            self.ended = failed
            self._stop()
        else:
            self.version = hello["version"]

    def _read(self, seconds):
        """One line from the worker within the time left; a crash, a hang or garbage as an error."""
        left = self.started + self.limit - time.monotonic()
        deadline = time.monotonic() + min(seconds, left)
        while b"\n" not in self.buffer:
            ready, _, _ = select.select([self.reader], [], [], max(0.0, deadline - time.monotonic()))
            chunk = os.read(self.reader, 1 << 16) if ready else None
            if chunk == b"":
                return self._crashed()
            if chunk is None:
                return self._timed_out(seconds, left)
            self.buffer += chunk
        line, _, self.buffer = self.buffer.partition(b"\n")
        try:
            answer = json.loads(line)
            if isinstance(answer, dict):
                return answer
        except ValueError:
            pass
        self._stop()
        return {"error": f"garbage on the answer descriptor: {line[:60]!r}"}

    def _crashed(self):
        code = self.process.wait()
        how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit status {code}"
        self.output.seek(0)
        last = self.output.read()[-2000:].decode(errors="replace").strip().splitlines()[-1:]
        self._stop()
        return {"error": "; ".join([f"the process was {how}" if code < 0 else f"the process {how}", *last])}

    def _timed_out(self, seconds, left):
        self._stop()
        if left <= seconds:
            self.ended = f"not asked: {self.limit:g} s in all are over"
            return {"error": f"no answer before {self.limit:g} s in all were over"}
        self.timeouts += 1
        if self.timeouts == TIMEOUTS:
            self.ended = f"not asked: {TIMEOUTS} questions had gone unanswered"
        return {"error": f"no answer within {seconds:g} s"}

    def _stop(self):
        """Kill the worker and all that it has started."""
        if self.process is None:
            return
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.process.stdin.close()
        self.output.close()
        os.close(self.reader)
        self.process = None
