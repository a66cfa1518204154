"""Hostile candidates: each is contained, leaves no process behind, costs bounded time and is never green.

Every candidate is wrong, so an answer that passes for right would be the judge's mistake.
"""

import os
import subprocess
import sys
import textwrap
import time
import uuid
from pathlib import Path

import numpy as np
import pytest

from ebm_ref.conformance import process
from ebm_ref.conformance.compare import judge
from ebm_ref.conformance.process import Candidate
from ebm_ref.conformance.samplers.judge import check_in_process
from ebm_ref.proof import golden

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a subreaper and /proc are Linux's own")

COMMON = r"""
import atexit, builtins, ctypes, gc, json, os, signal, subprocess, sys, threading, time
import numpy as np
def wrong(E, y, m): return 0.25 + max(0.0, m + E[y] - min(e for i, e in enumerate(E) if i != y))
def everywhere(said, times=1):
    for fd in range(3, 256):
        try:
            for _ in range(times): os.write(fd, said)
        except OSError: pass
GREEN = b'{"value": 0.0, "gradients": {}}\n'
ACQUITTAL = b'{"target": "gaussian", "verdict": "acquitted", "reason": "", "tests": []}\n'
def f(E, y, m): return wrong(E, y, m)
"""

# ### name -> what the verdict says; then code

AT_IMPORT = r"""
### exits -> SystemExit: 0
sys.exit(0)
### exits with words -> SystemExit: all is well
sys.exit('all is well')
### ends at once -> ended with exit status 0
os._exit(0)
### interrupts -> KeyboardInterrupt
raise KeyboardInterrupt
### is no Python -> SyntaxError
def def
### kills itself -> killed by SIGKILL
os.kill(os.getpid(), 9)
### terminates itself -> killed by SIGTERM
os.kill(os.getpid(), 15)
### aborts -> killed by SIGABRT
os.abort()
### reads address 0 -> killed by SIGSEGV
ctypes.string_at(0)
### becomes another program -> closed
os.execvp('sleep', ['sleep', '60'])
### becomes a program that is none -> FileNotFoundError
os.execvp('/no/such', ['no'])
### sleeps -> before 2 s in all
time.sleep(60)
### loops -> before 2 s in all
while True: pass
### stops -> before 2 s in all
os.kill(os.getpid(), signal.SIGSTOP)
### recurses -> RecursionError
def r(): r()
r()
### is no function -> is no function
f = 3
### has attributes that raise -> OSError: no
del f
def __getattr__(name): raise OSError('no')
### replaces itself -> has no attribute 'f'
sys.modules[__name__] = object()
### prints megabytes and ends -> exit status 3; the end
for _ in range(4000): os.write(1, b'x' * 1000 + b'\n')
os.write(2, b'the end')
os._exit(3)
### writes a version -> garbage
everywhere(b'{"version": "7"}\n')
### answers before it is asked -> any
everywhere(GREEN)
### raises what cannot be said -> Mute
class Mute(Exception):
    def __str__(self): raise SystemExit
raise Mute
### raises a long story -> ValueError: xxx
raise ValueError(10_000_000 * 'x')
### raises control characters -> \x1b[2J
raise ValueError('\x1b[2J \ud800')
### is a daemon -> any
if os.fork(): os._exit(0)
os.setsid()
### is two -> any
os.fork()
### stops its keeper -> before 2 s in all
os.kill(os.getppid(), signal.SIGSTOP)
time.sleep(60)
### starts daemons and sleeps -> before 2 s in all
for _ in range(5): subprocess.Popen(['sleep', '60'], start_new_session=True)
time.sleep(60)
"""

WHEN_ASKED = r"""
### sleeps -> late
time.sleep(60)
### ignores signals and loops -> late
for s in range(1, 65):
    try: signal.signal(s, signal.SIG_IGN)
    except (OSError, ValueError): pass
while True: pass
### stops -> late
os.kill(os.getpid(), signal.SIGSTOP)
### answers late -> late
time.sleep(2)
### kills its keeper -> any
os.kill(os.getppid(), 9); time.sleep(60)
### asks its keeper to end -> mismatch
for s in (1, 2, 3, 10, 15): os.kill(os.getppid(), s)
### kills its group -> killed by SIGKILL
os.killpg(0, 9)
### starts a daemon -> mismatch
subprocess.Popen(['sleep', '60'], start_new_session=True)
### starts a daemon's daemon -> exit status 5
if not os.fork():
    os.setsid()
    if not os.fork():
        signal.signal(15, signal.SIG_IGN); time.sleep(60)
    os._exit(0)
os._exit(5)
### leaves the descriptor to a daemon -> exit status 5
if os.fork(): os._exit(5)
os.setsid(); time.sleep(60)
### is a small fork bomb -> late
for _ in range(6):
    if not os.fork(): os.setsid()
time.sleep(60)
### starts another as it ends -> exit status 5
if os.fork(): os._exit(5)
while True:
    if os.fork(): os._exit(0)
    time.sleep(0.002)
### floods standard output -> late
while True: os.write(1, b'x' * 65536)
### floods standard error with lines -> late
while True: os.write(2, b'x\n' * 9999)
### floods its descriptor -> garbage
while True: everywhere(b'7' * 9999)
### floods its descriptor with lines -> garbage
while True: everywhere(b'7\n' * 9999)
### never ends its line -> late
everywhere(b'{'); time.sleep(60)
### writes an answer first -> any
everywhere(GREEN)
### writes bare NaN -> garbage
everywhere(b'{"value": [NaN, null], "gradients": {}}\n')
### writes a huge integer -> garbage
everywhere(b'{"value": 1' + b'0' * 5000 + b', "gradients": {}}\n')
### writes what nests -> garbage
everywhere(b'[' * 100_000 + b'\n')
### writes no text -> garbage
everywhere(b'\xff\xfe\x00\n')
### closes all descriptors -> closed
os.closerange(0, 50); time.sleep(60)
### sends its answers elsewhere -> any
null = os.open(os.devnull, os.O_RDWR)
for fd in range(3, 256):
    try: os.fstat(fd); os.dup2(null, fd)
    except OSError: pass
### forbids itself all files -> any
import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
### takes all memory -> used more than 0.25 GiB
x = bytearray(b'x') * (1 << 29); time.sleep(60)
### takes all memory in children -> used more than 0.25 GiB
for _ in range(4):
    if not os.fork(): os.setsid(); x = b'x' * (100 << 20); time.sleep(60)
time.sleep(60)
### ends later in a thread -> any
threading.Timer(0.002, os._exit, (0,)).start(); time.sleep(0.01)
### answers in a thread -> any
threading.Thread(target=everywhere, args=(GREEN, 9)).start()
### leaves a thread that never ends -> mismatch
threading.Thread(target=time.sleep, args=(60,)).start()
### recurses without a limit -> killed by SIGSEGV
sys.setrecursionlimit(10**9)
r = lambda *a: max(map(r, [1]))
r()
### recurses -> RecursionError
r = lambda: r()
r()
### replaces builtins -> any
builtins.isinstance = builtins.len = builtins.float = builtins.print = builtins.type = None
### replaces json -> garbage
json.dumps = lambda *a, **k: '{"verdict": "match"}'
### replaces NumPy -> error
np.asarray = lambda *a: None
### replaces the judge -> mismatch
import ebm_ref.conformance.process as p, ebm_ref.conformance.compare as c, ebm_ref.proof.bounds as b
c.judge = p.understood = b.measure = lambda *a, **k: 'match'
### returns a shape of its own -> any
return [[0.0, 1.0]]
### returns an empty list -> any
return []
### returns NaN -> mismatch
return float('nan')
### returns infinity -> mismatch
return -np.inf
### returns a word -> TypeError
return 'nan'
### returns a surrogate -> TypeError
return '\ud800'
### returns 400 digits -> any
return 10**400
### returns a complex number -> TypeError
return 0.5 + 0j
### returns what nests -> any
x = []
for _ in range(100_000): x = [x]
return x
### returns itself -> any
x = []
x.append(x)
return x
### returns what cannot be shown -> any
class X:
    def __repr__(self): raise SystemExit
return X()
### returns an array that raises -> SystemExit
class X:
    def __array__(self, *a, **k): sys.exit('no')
return X()
### returns an endless sequence -> late
class X:
    def __len__(self): return 10**9
    def __getitem__(self, i): return 0.0
return X()
### returns a generator -> TypeError
return (x for x in E)
### returns gradients that are no dictionary -> TypeError
return 0.0, [[1.0]]
### returns names that cannot be shown -> any
class X:
    def __str__(self): raise SystemExit
return 0.0, {X(): 1.0}
### returns ten million numbers -> any
return 0.0, {'energies': np.zeros(1_000_000)}
### interrupts -> KeyboardInterrupt
raise KeyboardInterrupt
### exits -> SystemExit: 0
sys.exit(0)
### raises a group -> BaseExceptionGroup
raise BaseExceptionGroup('all', [SystemExit(0)])
### sets an alarm -> any
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001); time.sleep(0.1)
### hangs when it ends -> mismatch
atexit.register(time.sleep, 60)
### hangs when it is deleted -> late
class X:
    def __del__(self): time.sleep(60)
x = X()
x = None
### goes elsewhere -> mismatch
os.chdir('/')
### deletes its own module -> mismatch
os.remove(__file__)
### removes its folder -> mismatch
import shutil; shutil.rmtree(os.path.dirname(__file__))
### is asked for its trace -> any
sys.settrace(lambda *a: sys.exit(1)); (lambda: 0)()
"""

SAID = {
    "garbage": "garbage on the answer descriptor",
    "late": "no answer within 1 s",
    "closed": "closed its answer descriptor",
    "any": "",
}


def candidates(text, prefix):
    """Name, expectation and code of each entry."""
    for entry in text.split("\n### ")[1:]:
        heading, _, code = entry.partition("\n")
        name, _, says = heading.partition(" -> ")
        yield prefix + name, SAID.get(says, says), code


def asked(code, arguments="E, y, m", function="f"):
    """The code as the body of a function that goes on to be wrong."""
    body = textwrap.indent(code.rstrip(), "    ")
    return f"def {function}({arguments}):\n{body}\n    return wrong({arguments})\n"


HOSTILE = [
    *candidates(AT_IMPORT, "import: "),
    *((name, says, asked(code)) for name, says, code in candidates(WHEN_ASKED, "asked: ")),
]


@pytest.fixture
def mark(monkeypatch, tmp_path):
    """A word in the environment of all that a candidate starts, and short limits."""
    word = f"HOSTILE={uuid.uuid4()}"
    monkeypatch.setenv(*word.split("="))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(process, "GRACE", 1.0)
    yield word
    monkeypatch.chdir("/")


def survivors(word, seconds=5.0):
    """Processes, this one apart, whose environment holds the word: looked up without the keeper's help.

    On a busy machine one that was killed is there until it gets its turn to end.
    """
    until = time.monotonic() + seconds
    while (found := alive(word)) and time.monotonic() < until:
        time.sleep(0.05)
    return found


def alive(word):
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            mine = folder.name != f"{os.getpid()}" and word.encode() in (folder / "environ").read_bytes()
        except OSError:
            continue
        found += [folder.name] if mine else []
    return found


VECTOR = next(v for v in golden.load("hinge") if v["value"] > 0.0 and len(v["inputs"]["energies"]) == 3)


@pytest.mark.parametrize("name, says, source", HOSTILE, ids=[name for name, *_ in HOSTILE])
def test_a_hostile_candidate_is_contained(name, says, source, mark, monkeypatch):
    monkeypatch.setattr(process, "QUESTION_SECONDS", 1.0 if says in (SAID["late"], "") else 60.0)
    limit = 2.0 if says.startswith("before") else 60.0
    Path("mine.py").write_text(f"{COMMON}\n{source}\n", encoding="utf-8", errors="surrogatepass")
    began = time.monotonic()
    with Candidate("mine:f", limit, memory=2**28) as candidate:
        answer = candidate.ask("hinge", "f", VECTOR["inputs"])
    verdicts = {j.verdict for j in judge(VECTOR, answer, "float64")}
    assert time.monotonic() - began < 45.0 and survivors(mark) == []
    assert verdicts <= {"mismatch", "error"} and verdicts, answer
    assert says in f"{verdicts} {answer.get('error', '')}", answer
    assert f"{answer.get('error', '')}".isprintable()


def test_there_are_enough_of_them():
    assert len(HOSTILE) >= 60 and len({*HOSTILE}) == len(HOSTILE)


def test_familiar_names_in_the_folder_replace_nothing(mark, monkeypatch):
    """random.py, numpy.py, json.py of the stranger's are his own."""
    for name in ("random", "numpy", "json", "signal", "ctypes", "keeper", "select", "subprocess"):
        Path(f"{name}.py").write_text("raise SystemExit(0)")
    Path("mine.py").write_text("def f(E, y, m): return 0.25")
    with Candidate("mine:f") as candidate:
        assert candidate.ask("hinge", "f", VECTOR["inputs"])["value"] == 0.25
    assert survivors(mark) == []


JUDGE = """
import sys, time
from pathlib import Path
from ebm_ref.conformance.process import Candidate
Candidate("mine:f").start()
print("started", flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("signal", [15, 9])
def test_nothing_survives_the_judge(mark, signal):
    """Daemons in sessions of their own end with it, too, however it is killed."""
    daemons = "for _ in range(3): subprocess.Popen(['sleep', '600'], start_new_session=True)"
    Path("mine.py").write_text(f"{COMMON}\n{daemons}\n")
    parent = subprocess.Popen([sys.executable, "-c", JUDGE], stdout=subprocess.PIPE)
    assert parent.stdout.readline() == b"started\n"
    assert len(survivors(mark)) == 6  # judge, keeper, worker and three daemons
    parent.send_signal(signal)
    parent.communicate()
    for _ in range(300):
        if not survivors(mark):
            break
        time.sleep(0.1)
    assert survivors(mark) == []


def test_a_candidate_is_imported_once(mark, monkeypatch):
    """Also for the illegal questions that follow the vectors."""
    from ebm_ref.conformance.report import check

    Path("mine.py").write_text(f"{COMMON}\nopen('imports', 'a').write('once')\n")
    check("mine:f", ["hinge"])
    assert Path("imports").read_text() == "once"


# samplers

SAMPLERS = r"""
### writes an acquittal -> crashed
everywhere(ACQUITTAL)
### writes an acquittal and ends -> crashed
everywhere(ACQUITTAL); os._exit(0)
### writes states of its own -> crashed
everywhere(b'{"states": "' + b"00" * 128 + b'"}\n')
### writes an acquittal later -> crashed
threading.Timer(0.05, everywhere, (ACQUITTAL,)).start()
### replaces the judge -> convicted
import ebm_ref.conformance.samplers.judge as j, ebm_ref.conformance.samplers.tally as t
j.findings = j.conclusion = t.law_test = t.moved_test = lambda *a: ('acquitted', 'nothing found')
j.FALSE_ALARM = 0.0
### replaces the stepper -> crashed
m = sys.modules['__main__']
m.walked = lambda step, x, steps, rng: np.zeros((len(x), 1))
m.reply = lambda *a: {'verdict': 'acquitted'}
### replaces the source of noise -> convicted
np.random.default_rng = np.random.Generator = None
### changes its argument -> convicted
x *= 0.5; return x
### returns one array for all -> convicted
wrong.x = getattr(wrong, 'x', x); wrong.x *= 0.5; return wrong.x
### exits -> crashed
sys.exit(0)
### kills itself -> crashed
os.kill(os.getpid(), 9)
### closes all -> crashed
os.closerange(0, 50); time.sleep(60)
### sleeps -> undecided
time.sleep(60)
### stops -> undecided
os.kill(os.getpid(), signal.SIGSTOP)
### leaves a daemon with its descriptor -> crashed
if os.fork(): os._exit(0)
os.setsid(); time.sleep(60)
### floods -> crashed
while True: everywhere(b'7' * 9999)
### takes all memory -> crashed
x = bytearray(b'x') * (1 << 30); time.sleep(60)
### goes to infinity -> convicted
return x * np.inf
"""


HOSTILE_SAMPLERS = [*candidates(SAMPLERS, "")]


@pytest.mark.parametrize(
    "name, expected, code", HOSTILE_SAMPLERS, ids=[name for name, *_ in HOSTILE_SAMPLERS]
)
def test_a_hostile_sampler_is_not_acquitted(name, expected, code, mark):
    wrong = "def wrong(x, rng): return 0.5 * x\n"
    Path("mine.py").write_text(f"{COMMON}\n{wrong}\n{asked(code, 'x, rng', 'step')}")
    began, limit = time.monotonic(), 2.0 if expected == "undecided" else 45.0
    verdict = check_in_process("mine:step", "gaussian", limit=limit, draws=8000, memory=2**29)
    assert time.monotonic() - began < 45.0 and survivors(mark) == []
    assert verdict.verdict == expected, verdict.reason
    assert verdict.reason.isprintable() and np.isnan(verdict.moved) == (verdict.draws == 0)
