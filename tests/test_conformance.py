"""The judge: verdicts, names for mistakes, and candidates that misbehave."""

import itertools
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from ebm_ref import FORMULAS
from ebm_ref.conformance import process
from ebm_ref.conformance.compare import VERDICTS, Judgement, judge, worst
from ebm_ref.conformance.diagnose import diagnose
from ebm_ref.conformance.evidence import is_telling
from ebm_ref.conformance.hypotheses.variants import of_variant, variants
from ebm_ref.conformance.process import Candidate
from ebm_ref.conformance.questions import simplifications, smallest_input
from ebm_ref.conformance.report import check
from ebm_ref.proof import golden
from ebm_ref.proof.bounds import of

CANDIDATES = """
import os, signal, subprocess, sys, threading, time
import numpy as np
from ebm_ref.losses.hinge import hinge as truth, hinge_gradient as slope

calls = 0

def right(E, y, m): return truth(E, y, m)
def right_with_gradient(E, y, m): return truth(E, y, m), {"energies": slope(E, y, m)}
def over_all(E, y, m): return max(0.0, m + E[y] - min(E))
def wrong_sign(E, y, m): return truth(E, y, m), {"energies": -slope(E, y, m)}
def positional(*args): return truth(*args)
def nameless(E, y, m): return 3.25 * truth(E, y, m) + 0.125
def careless(E, y, m): return np.maximum(0.0, m + E[y] - np.min(np.delete(E, y))) if y < len(E) else 7.0
def raises(E, y, m): raise RuntimeError("no idea")
def exits(E, y, m): sys.exit(0)
def prints(E, y, m):
    print('{"value": 7}'); print("noise", file=sys.stderr); sys.stdout.flush(); os.write(1, b"more noise")
    return truth(E, y, m)
def reads(E, y, m):
    assert sys.stdin.read() == ""
    return truth(E, y, m)
def wrong_shape(E, y, m): return [truth(E, y, m)] * 3
def words(E, y, m): return "large"
def digits(E, y, m): return "0.5"
def nothing(E, y, m): pass
def pair(E, y, m): return truth(E, y, m), slope(E, y, m)
def declines(E, y, m): raise NotImplementedError("hinge is not for me")
def declines_three(E, y, m):
    if len(E) == 3: raise NotImplementedError("three is a crowd")
    return truth(E, y, m)
def dies_soon(E, y, m):
    threading.Timer(0.002, os._exit, (1,)).start()
    return -1.0
def answers(said):
    # where three energies are given: this on the descriptor, in place of an answer
    def answer(E, y, m):
        if len(E) == 3:
            for fd in range(3, 256):
                try: os.write(fd, said)
                except OSError: pass
            time.sleep(60)
        return truth(E, y, m)
    return answer
no_gradients = answers(b'{"value": 1}\\n')
misspelt = answers(b'{"valu": 1, "gradients": {}}\\n')
nested = answers(b"[" * 100_000 + b"\\n")
value_nested = answers(b'{"gradients": {}, "value": ' + b"[" * 900 + b"]" * 900 + b"}\\n")
huge = answers(b'{"value": 1' + b"0" * 400 + b', "gradients": {}}\\n')
null = answers(b'{"value": [null, 1], "gradients": {}}\\n')
odd_error = answers(b'{"error": [1]}\\n')
odd_version = answers(b'{"version": "7"}\\n')
no_object = answers(b"7\\n")
twice = answers(2 * b'{"value": 1, "gradients": {}}\\n')
no_text = answers(b"\\xff\\n")
endless = answers((1 << 21) * b"7")
def surrogate(E, y, m):
    if len(E) == 3: raise ValueError("\\ud800")
    return truth(E, y, m)
class Mute(Exception):
    def __str__(self): raise SystemExit
def mute(E, y, m):
    if len(E) == 3: raise Mute
    return truth(E, y, m)
def steers(E, y, m): raise ValueError("\\x1b[2Jgone\\nand \\x9b31m more\\u202e")
def steers_and_dies(E, y, m): os.write(2, b"before\\n\\x1b[2Jgone\\n"); os._exit(1)
def closes(E, y, m):
    if len(E) == 3: os.closerange(3, 256); time.sleep(60)
    return truth(E, y, m)
def floods(E, y, m):
    if len(E) == 3:
        os.closerange(0, 3)
        while True:
            for fd in range(3, 256):
                try: os.write(fd, b"7" * 1000)
                except OSError: pass
    return truth(E, y, m)
def prints_much(E, y, m):
    line = 1023 * b"x" + b"\\n"
    if len(E) == 3:
        for _ in range(20_000): os.write(1, line)
        os.write(2, b"the last of 20 MB\\n"); os._exit(7)
    return truth(E, y, m)
def over_all_and_raises(E, y, m):
    if abs(E).max() > 1e6: raise OverflowError("too large")
    return over_all(E, y, m)
def two_mistakes(E, y, m): return over_all(E, y, m), {"energies": 2.0 * slope(E, y, m)}
def refuses_illegal(E, y, m):
    if not (m >= 0.0 and 0 <= y < len(E)): time.sleep(60)
    return truth(E, y, m)
def unknown_gradient(E, y, m): return truth(E, y, m), {"logits": E}
def gradient_of_wrong_shape(E, y, m): return truth(E, y, m), {"energies": 0.0}
def hangs(E, y, m): time.sleep(60)
def hangs_once(E, y, m):
    if m == 1.0 and len(E) == 4: time.sleep(60)
    return truth(E, y, m)
def dies(E, y, m): os.kill(os.getpid(), signal.SIGKILL)
def dies_on_four(E, y, m):
    if len(E) == 4: os._exit(3)
    return truth(E, y, m)
def modifies(E, y, m):
    loss = truth(E, y, m); E[:] = 0.0
    return loss
def lingers(E, y, m):
    if m == 3.0: time.sleep(60)
    return truth(E, y, m)
def spawns(E, y, m):
    child = subprocess.Popen(["sleep", "60"]); open("child.pid", "a").write(f"{child.pid}\\n"); time.sleep(60)
def garbles(E, y, m):
    for fd in range(3, 256):
        try: os.write(fd, b"garbage\\n")
        except OSError: pass
    return truth(E, y, m)
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with the candidates; no machine is so busy that an honest answer takes a minute."""
    (tmp_path / "mine.py").write_text(CANDIDATES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(process, "QUESTION_SECONDS", 60.0)


@pytest.fixture
def impatient(here, monkeypatch):
    monkeypatch.setattr(process, "QUESTION_SECONDS", 3.0)


@pytest.fixture
def few(monkeypatch):
    """Six vectors of the hinge, one of them with three answers: for candidates that cost a process each."""
    size = lambda v: len(v["inputs"]["energies"])
    vectors = [v for v in golden.load("hinge") if np.isfinite(v["inputs"]["energies"]).all()]
    three = next(v for v in vectors if size(v) == 3)
    chosen = [*[v for v in vectors if size(v) != 3][:3], three, *[v for v in vectors if size(v) != 3][3:5]]
    monkeypatch.setattr(golden, "load", lambda name: chosen)
    return chosen


def hinge_row(name, limit=600.0):
    report = check(f"mine:{name}", ["hinge"], limit)
    return report, report.rows[0] if report.rows else None


@pytest.mark.parametrize(
    "name", ["right", "right_with_gradient", "positional", "prints", "reads", "modifies"]
)
def test_a_right_candidate_matches(here, name):
    report, row = hinge_row(name)
    assert (report.status, row.verdict) == (0, "match")
    assert len(row.judgements) >= len(golden.load("hinge"))


def test_a_mistake_is_named_and_shown_on_a_small_input(here):
    report, row = hinge_row("over_all")
    assert (report.status, row.verdict) == (1, "mismatch")
    assert row.diagnosis == ["minimum taken over y too"]
    small = row.smallest
    assert len(small["inputs"]["energies"]) == 2 and small["truth"] != small["answer"]
    truth = FORMULAS["hinge"].value(**small["inputs"])
    assert truth == small["truth"]
    E, y, m = small["inputs"].values()
    assert small["answer"] == max(0.0, m + E[y] - min(E))


def test_a_gradient_slip_is_named(here):
    _, row = hinge_row("wrong_sign")
    assert row.verdict == "mismatch" and row.explained == {"energies": ["sign lost"]}
    assert row.smallest["output"] == "energies"


def test_a_mistake_without_a_name_is_still_a_mismatch(here):
    report, row = hinge_row("nameless")
    assert (report.status, row.verdict, row.diagnosis) == (1, "mismatch", [])
    assert row.smallest


@pytest.mark.parametrize(
    "name, says",
    [
        ("raises", "RuntimeError: no idea"),
        ("exits", "SystemExit"),
        ("wrong_shape", "value has shape (3,), not ()"),
        ("words", "returned 'large', where numbers are due"),
        ("digits", "returned '0.5', where numbers are due"),
        ("nothing", "returned None, where numbers are due"),
        ("pair", "return the value, or (value, {argument: gradient})"),
        ("unknown_gradient", "gradient by 'logits'; the arguments are energies, label, margin"),
        ("gradient_of_wrong_shape", "gradient by energies has shape (), not"),
        ("dies", "killed by SIGKILL"),
    ],
)
def test_a_failure_is_a_verdict(here, few, name, says):
    report, row = hinge_row(name)
    assert (report.status, row.verdict) == (1, "error")
    details = [j.detail for j in row.judgements if j.verdict == "error"]
    assert says in details[0]
    assert len({j.vector["id"] for j in row.judgements}) == len(golden.load("hinge")), (
        "every question has an answer"
    )


def test_how_a_process_ended_is_said_in_words():
    """A real-time signal has no name."""
    says = {
        b"0": "ended with exit status 0",
        b"3": "ended with exit status 3",
        b"-9": "was killed by SIGKILL",
    }
    says |= {b"memory": "used more than 4 GiB", None: "closed its answer descriptor"}
    assert {report: process._ended(report) for report in says} == says
    assert process._ended(b"-40") == "was killed by signal 40"
    assert process._ended(b"") == "was left alone: somebody killed its keeper"


def test_a_mismatch_beside_an_error_is_explained(here):
    report, row = hinge_row("over_all_and_raises")
    assert (report.status, row.verdict) == (1, "error")
    assert row.diagnosis == ["minimum taken over y too"] and row.smallest


def test_two_mistakes_are_named_one_by_one(here):
    _, row = hinge_row("two_mistakes")
    assert row.explained == {"value": ["minimum taken over y too"], "energies": ["twice the truth"]}


def test_a_candidate_may_decline_and_is_not_green(here):
    report, row = hinge_row("declines")
    assert (report.status, row.verdict) == (1, "unsupported")


def test_a_candidate_may_not_choose_its_questions(here, few):
    report, row = hinge_row("declines_three")
    assert (report.status, row.verdict) == (1, "error")
    (refused,) = [j for j in row.judgements if j.verdict == "error"]
    assert refused.detail == "refused, though others are answered: three is a crowd"


def test_hanging_on_illegal_questions_costs_nothing(impatient, few):
    report, row = hinge_row("refuses_illegal")
    assert (report.status, row.verdict, row.accepted) == (0, "match", [])


def test_a_transposed_gradient_is_named(here, tmp_path):
    (tmp_path / "turned.py").write_text(
        "from ebm_ref.energies.softmax import *\n"
        "def f(W, x, y): return softmax(W, x, y), {'weights': softmax_weights_gradient(W, x, y).T}\n"
    )
    row = check("turned:f", ["softmax"]).rows[0]
    assert row.verdict == "mismatch" and "gradient transposed" in row.explained["weights"]


SLIPS = {
    "sign lost": lambda f, k, m: -f,
    "twice the truth": lambda f, k, m: 2 * f,
    "half the truth": lambda f, k, m: f / 2,
    "times the size of axis k": lambda f, k, m: f * k,
    "divided by the size of axis k": lambda f, k, m: f / k,
    "times margin": lambda f, k, m: f * m,
    "divided by margin": lambda f, k, m: f / m,
}


@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
@pytest.mark.parametrize("name", SLIPS)
def test_every_slip_is_named_when_it_is_made(name):
    judgements = []
    for v in golden.load("hinge"):
        wrong = SLIPS[name](v["value"], len(v["inputs"]["energies"]), v["inputs"]["margin"])
        judgements += judge(v, {"value": wrong, "gradients": {}}, "float64")
    (named,) = diagnose(FORMULAS["hinge"], judgements, "float64").values()
    assert [h.name for h in named] == [name]


def test_an_unlisted_mistake_of_a_framework_is_no_known_quirk(monkeypatch):
    """Only what the adapter lists is known: the same mistake, unlisted, ends in exit status 1."""
    from ebm_ref.conformance import report as reports
    from ebm_ref.conformance.worker import adapters

    class Scripted:
        target, version, ended = "torch", "scripted", ""

        def __init__(self, *args):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def start(self):
            pass

        def grant(self, limit):
            pass

        def ask(self, formula, function, inputs, dtype):
            E, y, beta = inputs.values()
            with np.errstate(all="ignore"):
                d = E[y] - np.min(np.delete(E, y)) if -1 < y < len(E) else np.nan
                return {"value": np.log1p(np.exp(beta * d)) / beta, "gradients": {}}

    monkeypatch.setattr(reports, "Candidate", Scripted)
    listed = {("log", "soft_margin_loss", "the exponential overflows"): "a thread"}
    for known, status in ((listed, 0), ({}, 1)):
        monkeypatch.setattr(adapters("torch"), "KNOWN", known)
        monkeypatch.setattr(adapters("torch"), "ADAPTERS", {"log": {"soft_margin_loss": None}})
        found = check("torch", ["log"])
        assert found.status == status
        assert {row.verdict for row in found.rows if row.dtype == "float64"} == {
            "mismatch" if status else "known quirk"
        }


def test_answering_illegal_questions_is_listed_and_not_counted(here):
    report, row = hinge_row("careless")
    assert (report.status, row.verdict) == (0, "match")
    assert any(rule.startswith("margin = -1.0: must be >= 0") for rule in row.accepted)
    assert any(rule.startswith("label = -1: must be") for rule in row.accepted)
    assert hinge_row("right")[1].accepted == []


def test_a_crash_costs_one_answer(here):
    _, row = hinge_row("dies_on_four")
    crashed = {j.vector["id"] for j in row.judgements if j.verdict == "error"}
    four = {v["id"] for v in golden.load("hinge") if len(v["inputs"]["energies"]) == 4}
    assert crashed == four and four
    assert "exit status 3" in next(j.detail for j in row.judgements if j.verdict == "error")


def test_one_time_out_costs_one_answer(impatient):
    slow = [
        v for v in golden.load("hinge") if v["inputs"]["margin"] == 1.0 and len(v["inputs"]["energies"]) == 4
    ]
    assert len(slow) == 1
    _, row = hinge_row("hangs_once")
    late = [j for j in row.judgements if j.verdict == "error"]
    assert [j.vector["id"] for j in late] == [slow[0]["id"]] and late[0].detail == "no answer within 3 s"


def test_two_time_outs_end_the_candidate(here, monkeypatch):
    monkeypatch.setattr(process, "QUESTION_SECONDS", 0.5)
    _, row = hinge_row("hangs")
    details = [j.detail for j in row.judgements]
    assert details[:2] == ["no answer within 0.5 s"] * 2
    assert set(details[2:]) == {"not asked: 2 questions had gone unanswered"}


def test_the_time_limit_ends_the_candidate_and_keeps_its_answers(here):
    ask = lambda m: candidate.ask("hinge", "", {"energies": np.ones(2), "label": 0, "margin": m})
    with Candidate("mine:lingers") as candidate:
        assert ask(1.0)["value"] == 1.0
        candidate.grant(1.5)
        assert ask(3.0) == {"error": "no answer before 1.5 s in all were over; raise --time-limit"}
        assert ask(1.0) == {"error": "not asked: 1.5 s in all are over; raise --time-limit"}
        candidate.grant(600.0)
        assert ask(1.0)["value"] == 1.0


def is_gone(pid):
    """Whether a process has ended, within a minute: to be killed takes a moment on a busy machine."""
    for _ in range(600):
        status = Path(f"/proc/{pid}/status")
        if not status.exists() or "State:\tZ" in status.read_text():
            return True
        time.sleep(0.1)
    return False


def test_children_are_killed_with_the_candidate(impatient, tmp_path, few):
    hinge_row("spawns")
    pids = (tmp_path / "child.pid").read_text().split()
    assert pids and all(map(is_gone, pids))


PARENT = """
from ebm_ref.conformance.process import Candidate
Candidate("asleep:f").start()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's own")
def test_a_worker_ends_with_its_parent(here, tmp_path):
    (tmp_path / "asleep.py").write_text("import os\nprint(os.getpid(), file=open('pid', 'w'), flush=True)\n")
    with (tmp_path / "asleep.py").open("a") as file:
        file.write("import time; time.sleep(600)")
    parent = subprocess.Popen([sys.executable, "-c", PARENT])
    for _ in range(600):
        if (tmp_path / "pid").exists() and (tmp_path / "pid").read_text():
            break
        time.sleep(0.1)
    parent.kill()
    parent.wait()
    assert is_gone(int((tmp_path / "pid").read_text()))


def test_familiar_names_in_the_folder_replace_nothing_of_ours(here, tmp_path):
    for name in ("random", "numpy", "json", "log", "pathlib", "argparse", "hinge", "ebm_ref"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('the wrong one')")
    (tmp_path / "helper.py").write_text("one = 1.0")
    (tmp_path / "own.py").write_text(
        "from helper import one\nimport mine\ndef f(*x): return one * mine.right(*x)"
    )
    command = [sys.executable, "-P", "-m", "ebm_ref.cli.main", "check", "own:f", "--as", "hinge"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "") and " match" in done.stdout


def test_a_function_is_judged_without_the_catalogue(here, tmp_path):
    (tmp_path / "says.py").write_text(
        "import sys\ndef f(E, y, m): raise ValueError([m for m in sys.modules if m[:4] in ('ebm_', 'auto')])"
    )
    with Candidate("says:f") as candidate:
        answer = candidate.ask("hinge", "", {"energies": np.ones(2), "label": 0, "margin": 1.0})
    ours = ["conformance", "conformance.adapting", "conformance.differentiated"]
    ours += ["proof", "proof.large", "proof.labelled", "proof.bounds", "proof.golden", "conformance.program"]
    modules = ["ebm_ref", *(f"ebm_ref.{name}" for name in ours)]
    assert answer["error"].startswith(f"ValueError: {modules}, at says.py:2: def f")


def test_garbage_is_a_verdict(here, few):
    report, row = hinge_row("garbles")
    assert report.status == 1 and row.verdict == "error"
    assert "garbage on the answer descriptor" in row.judgements[0].detail


@pytest.mark.parametrize(
    "name, says",
    [
        ("no_gradients", "garbage on the answer descriptor: b'{\"value\": 1}'"),
        ("misspelt", 'garbage on the answer descriptor: b\'{"valu": 1, "gradients": {}}\''),
        ("nested", "garbage on the answer descriptor: b'[[[[[["),
        ("value_nested", 'garbage on the answer descriptor: b\'{"gradients": {}, "value": [[[['),
        ("huge", 'garbage on the answer descriptor: b\'{"value": 1000'),
        ("null", 'garbage on the answer descriptor: b\'{"value": [null, 1]'),
        ("odd_error", "garbage on the answer descriptor: b'{\"error\": [1]}'"),
        ("odd_version", 'garbage on the answer descriptor: b\'{"version": "7"}\''),
        ("no_object", "garbage on the answer descriptor: b'7'"),
        ("twice", 'garbage on the answer descriptor: b\'{"value": 1, "gradients": {}}\\\\n\''),
        ("no_text", "garbage on the answer descriptor: b'\\\\xff'"),
        ("endless", "garbage on the answer descriptor: b'7777"),
        ("floods", "garbage on the answer descriptor: b'7777"),
        ("surrogate", "ValueError: \\\\ud800"),
        ("mute", "Mute"),
        ("closes", "the process closed its answer descriptor"),
        ("prints_much", "the process ended with exit status 7; the last of 20 MB"),
    ],
)
def test_what_is_no_answer_costs_one_question(here, few, name, says):
    report, row = hinge_row(name)
    assert report.status == 1
    assert [j.verdict for j in row.judgements] == ["match"] * 3 + ["error"] + ["match"] * 2
    assert row.judgements[3].detail.startswith(says.replace("\\\\", "\\"))
    assert json.loads(json.dumps(report.as_dict()))


@pytest.mark.parametrize(
    "name, says",
    [
        ("steers", "ValueError: \\x1b[2Jgone and \\x9b31m more\\u202e"),
        ("steers_and_dies", "the process ended with exit status 1; \\x1b[2Jgone"),
    ],
)
def test_nothing_of_a_stranger_steers_the_terminal(here, few, name, says):
    detail = hinge_row(name)[1].judgements[0].detail
    assert detail.partition(", at mine.py:")[0] == says and detail.isprintable()


def test_a_candidate_that_dies_between_questions_is_wrong_all_the_same(here, few):
    report, row = hinge_row("dies_soon")
    assert report.status == 1 and {j.verdict for j in row.judgements} <= {"mismatch", "error"}


def test_a_question_that_nobody_takes_has_a_deadline(here, monkeypatch):
    """A pipe holds 64 kB: a longer question waits for the candidate to read it."""
    monkeypatch.setattr(process, "QUESTION_SECONDS", 1.0)
    (Path("deaf.py")).write_text(
        "import os, signal\ndef f(E, y, m):\n    os.kill(os.getpid(), signal.SIGSTOP)\n    return 0.0\n"
    )
    with Candidate("deaf:f") as candidate:
        for _ in range(2):
            answer = candidate.ask("hinge", "", {"energies": np.ones(100_000), "label": 0, "margin": 1.0})
            assert answer == {"error": "no answer within 1 s"}


@pytest.mark.parametrize(
    "target, says, status",
    [
        ("nosuch:f", "ModuleNotFoundError", 2),
        ("mine:nosuch", "AttributeError", 2),
        ("broken:f", "ZeroDivisionError", 2),
        ("fatal:f", "exit status 9", 1),
        ("another:f", "the process closed its answer descriptor", 1),
        ("eager:f", "while loading: garbage on the answer descriptor: b'7'", 1),
        ("early:f", "while loading: it answers before it is asked", 1),
        ("red:f", "ValueError: \\x1b[31m", 2),
    ],
)
def test_what_cannot_be_loaded(here, tmp_path, target, says, status):
    say = "import os, time\nfor fd in range(3, 256):\n    try: os.write(fd, {!r})\n    except OSError: pass\n"
    (tmp_path / "another.py").write_text("import os; os.execv('/bin/sleep', ['sleep', '60'])")
    (tmp_path / "eager.py").write_text(say.format(b"7\n") + "time.sleep(60)")
    (tmp_path / "early.py").write_text(say.format(b'{"value": 0, "gradients": {}}\n') + "time.sleep(60)")
    (tmp_path / "red.py").write_text("raise ValueError('\\x1b[31m')")
    (tmp_path / "broken.py").write_text("1 / 0")
    (tmp_path / "fatal.py").write_text("import os; os._exit(9)")
    report = check(target, ["hinge"])
    assert report.rows == [] and says in report.failure and report.status == status


def test_a_candidate_that_hangs_when_imported(here, tmp_path):
    (tmp_path / "asleep.py").write_text("import time; time.sleep(60)")
    report = check("asleep:f", ["hinge"], limit=1.0)
    assert "1 s in all" in report.failure and report.status == 1


def test_answers_come_back_as_they_were_given(here):
    with Candidate("mine:right_with_gradient") as candidate:
        inputs = {"energies": np.array([np.inf, 1.0]), "label": 1, "margin": 1.0}
        answer = candidate.ask("hinge", "", inputs)
        assert answer["value"] == 0.0 and answer["gradients"]["energies"].tolist() == [0.0, 0.0]
        nan = candidate.ask("hinge", "", inputs | {"energies": np.array([np.nan, 1.0])})
        assert np.isnan(nan["value"])


def test_the_time_limit_holds_for_a_candidate_that_closes_its_answers_and_sleeps(here):
    Path("closes.py").write_text(
        "import os, time\ndef f(*sample):\n    os.closerange(3, 256)\n    time.sleep(60)\n"
    )
    began = time.monotonic()
    report = check("closes:f", ["hinge"], limit=3.0)
    assert time.monotonic() - began < 3.0 + 4.0  # 5 s more for each of its answers, without the limit
    details = [j.detail for j in report.rows[0].judgements]
    assert "closed its answer descriptor" in details[0]
    assert details[-1] == "not asked: 3 s in all are over; raise --time-limit"


def test_an_interrupted_report_holds_what_was_judged(here, monkeypatch):
    """Of the row that was being asked, too."""
    asked, ask = [], Candidate.ask

    def interrupted(self, *question):
        asked.append(question)
        if len(asked) == 5:
            raise KeyboardInterrupt
        return ask(self, *question)

    monkeypatch.setattr(Candidate, "ask", interrupted)
    report, row = hinge_row("right")
    assert report.interrupted and report.as_dict()["interrupted"] and not report.missing
    assert row.verdict == "match" and len({j.vector["id"] for j in row.judgements}) == 4
    assert report.status == report.as_dict()["status"] == 130
    assert report.asked == f"4 of {len(golden.load('hinge'))} vectors asked"


def test_the_report_is_plain_data(here):
    report, row = hinge_row("over_all")
    data = json.loads(json.dumps(report.as_dict(), allow_nan=False))
    assert data["status"] == 1 and data["rows"][0]["diagnosis"] == row.diagnosis
    assert len(data["rows"][0]["vectors"]) == len(row.judgements)


# diagnosis, in process: every mistake on every page must be named when it is made


def answers_of(hypothesis, name, dtype, explicit=None):
    """Judgements of a candidate that makes this mistake, on every vector that it can answer.

    Gradients that are not `explicit` are given on short vectors that were drawn: derived, they cost most.
    """
    judgements = []
    for vector in golden.load(name):
        if vector["float64_only"] and dtype == "float32":
            continue
        is_short = explicit is None or "/random-" in vector["id"]
        asked = ("value", *(a for a in vector["gradients"] if is_short or a in explicit))
        answers = {a: hypothesis.answer(vector, a, dtype) for a in asked}
        said = {
            a: np.asarray(x, float).astype(dtype).astype(float)
            for a, x in answers.items()
            if x is not None and np.shape(x) == np.shape(of(vector, a))
        }
        gradients = {a: x for a, x in said.items() if a != "value"}
        found = judge(vector, {"value": said.get("value", np.nan), "gradients": gradients}, dtype)
        judgements += [j for j in found if j.output in said]
    return judgements


VARIANTS = [(n, i) for n, f in FORMULAS.items() for i in range(len(f.variants))]
MADE = [(*made, "float64") for made in VARIANTS] + [(*made, "float32") for made in VARIANTS[::4]]


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize(
    "name, i, dtype", MADE, ids=[f"{n}-{FORMULAS[n].variants[i].name}-{dtype}" for n, i, dtype in MADE]
)
def test_every_variant_is_named_when_it_is_made(name, i, dtype):
    hypothesis = variants(FORMULAS[name])[i]
    judgements = answers_of(hypothesis, name, dtype, FORMULAS[name].variants[i].gradients)
    if worst([j for j in judgements if j.finite]) != "mismatch":
        pytest.skip("only digits are lost, in this dtype: imprecise, no mismatch to diagnose")
    for output, named in diagnose(FORMULAS[name], judgements, dtype).items():
        assert hypothesis.name in [h.name for h in named], output


@pytest.mark.parametrize("name", FORMULAS)
def test_variants_differ_pairwise_or_are_named_together(name):
    """Two mistakes that no vector tells apart would be one mistake; slips may coincide with a variant."""
    vectors = [v for v in golden.load(name) if "float64" not in v["kinks"]]
    for a, b in itertools.combinations(variants(FORMULAS[name]), 2):
        assert any(differ(a, b, v) for v in vectors), (a.name, b.name)


def differ(a, b, vector):
    """Whether two hypotheses give different values, or different gradients, on a vector."""
    from ebm_ref.proof.bounds import measure

    for output in ("value", *vector["gradients"]):
        p, q = a.answer(vector, output, "float64"), b.answer(vector, output, "float64")
        if (p is None) != (q is None):
            return True
        if p is not None and measure(vector, output, p, truth=q).fine > 1.0:
            return True
    return False


def test_coinciding_slips_are_named_together():
    """For two answers, 'half' and 'mean' are the same: the diagnosis says so instead of choosing."""
    name, k = "hinge", 2
    vectors = [v for v in golden.load(name) if len(v["inputs"]["energies"]) == k]
    judgements = [j for v in vectors for j in judge(v, {"value": v["value"] / 2, "gradients": {}}, "float64")]
    judgements = [j for j in judgements if is_telling(j, "float64")]
    named = {h.name for h in diagnose(FORMULAS[name], judgements, "float64")["value"]}
    assert named == {"half the truth", "divided by the size of axis k"}


def test_nothing_is_told_apart_on_nothing():
    """On empty arrays both are 0: no smallest input that would show a mismatch."""
    f, less = FORMULAS["kl_divergence"], lambda i: {"value": -f.value(**i) + 0.0, "gradients": {}}
    p = np.array([0.25, 0.75])
    found = smallest_input(f, less, {"log_q": np.log(p[::-1]), "p": p}, "value")
    assert found["truth"] != found["answer"]


@pytest.mark.parametrize("by, name", [(-1, "label one too low"), (1, "label one too high")])
@pytest.mark.parametrize("formula", ["hinge", "nll", "cross_entropy", "softmax"])
def test_counting_labels_from_the_wrong_end_is_named(formula, by, name):
    """A label too high is out of range at times: what was answered tells enough."""
    f, judgements = FORMULAS[formula], []
    for v in golden.load(formula):
        try:
            with np.errstate(invalid="ignore"):
                value = f.value(**v["inputs"] | {"label": v["inputs"]["label"] + by})
        except ValueError:
            continue
        judgements += judge(v, {"value": value, "gradients": {}}, "float64")
    assert [h.name for h in diagnose(f, judgements, "float64")["value"]] == [name]


def test_bits_for_nats_are_named():
    judgements = [
        j
        for v in golden.load("cross_entropy")
        for j in judge(v, {"value": v["value"] / np.log(2.0), "gradients": {}}, "float64")
    ]
    named = diagnose(FORMULAS["cross_entropy"], judgements, "float64")["value"]
    assert [h.name for h in named] == ["logarithm to base 2"]


def test_what_raises_does_not_reproduce():
    from ebm_ref.formula import Variant

    def explode(E, y, m):
        raise RuntimeError

    vector = golden.load("hinge")[0]
    bomb = of_variant(FORMULAS["hinge"], Variant(explode))
    assert np.isnan(bomb.answer(vector, "value", "float64"))


def test_the_truth_is_never_diagnosed():
    for name in ("hinge", "nll"):
        judgements = [
            j
            for v in golden.load(name)
            for j in judge(v, {"value": v["value"], "gradients": v["gradients"]}, "float64")
        ]
        assert worst(judgements) == "match" and diagnose(FORMULAS[name], judgements, "float64") == {}


def test_verdicts_are_ordered():
    vector = golden.load("hinge")[0]
    row = [Judgement(vector, "value", v) for v in ("match", "unsupported", "imprecise")]
    assert worst(row) == "imprecise" and worst(row[1:2]) == "unsupported"
    assert VERDICTS.index("known quirk") < VERDICTS.index("mismatch") < VERDICTS.index("error")


def test_smallest_input_is_legal_and_off_the_corner():
    """A gradient that is wrong only by its convention at a tie has no smallest input."""
    f = FORMULAS["perceptron"]

    def late(inputs):
        E, y = inputs["energies"], inputs["label"]
        g = np.zeros(len(E))
        if E[y] > E.min():
            g[y], g[len(E) - 1 - np.argmin(E[::-1])] = 1.0, -1.0  # the last of equals
        return {"value": f.value(E, y), "gradients": {"energies": g}}

    assert smallest_input(f, late, {"energies": np.array([5.0, 1.0, 1.0]), "label": 0}, "energies") == {}


def test_simplifications_keep_the_shape_of_the_question():
    f = FORMULAS["generalized_hinge"]
    inputs = {"energies": np.array([1.25, 7.5, 3.0]), "label": 2, "costs": np.array([1.0, 1.0, 0.0])}
    for simpler in simplifications(f, inputs):
        assert list(simpler) == list(inputs) and len(simpler["energies"]) == len(simpler["costs"])
    first = next(s for s in simplifications(f, inputs) if len(s["energies"]) == 2 and s["label"] == 1)
    assert first["energies"].tolist() in ([1.25, 3.0], [7.5, 3.0])
