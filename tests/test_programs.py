"""Programs in other languages, asked by lines of JSON, here and by file."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ebm_ref import FORMULAS
from ebm_ref.cli.main import main
from ebm_ref.conformance import offline, process, program
from ebm_ref.conformance.program import Failed, Program, understood
from ebm_ref.conformance.report import check, report_on
from ebm_ref.proof import golden

CLIENTS = Path(__file__).parents[1] / "scripts" / "clients"

PROGRAM = """
import json, os, sys, time

def hinge(E, y, m):
    if not 0 <= y < len(E) or not float(m) >= 0.0: raise ValueError("label or margin out of range")
    E = [float(x) for x in E]
    return max(0.0, float(m) + E[y] - min(E[:y] + E[y + 1:]))

def answer(line):
    question = json.loads(line)
    try:
        return question | {"value": hinge(*question["inputs"].values())}
    except ValueError as problem:
        return {"id": question["id"], "error": str(problem)}

def say(answer):
    print(json.dumps(answer), flush=True)

def in_turn():
    for line in sys.stdin: say(answer(line))

def reads_all_and_answers_backwards():
    for line in reversed(sys.stdin.readlines()): say(answer(line))

def holds_back():
    sys.stdout.writelines(json.dumps(answer(line)) + "\\n" for line in sys.stdin.readlines())

def one_each():
    say(answer(sys.stdin.readline()))

def dies_of_what_is_illegal():
    for line in sys.stdin:
        found = answer(line)
        if "error" in found: os.abort()
        say(found)

def counts_its_ids():
    for line in sys.stdin: say(answer(line) | {"id": int(json.loads(line)["id"])})

def python_writes_nan():
    for line in sys.stdin:
        found = answer(line)
        say(found | {"value": float("nan")} if "NaN" in line or "nan" in line else found)

def is_late():
    held = None
    for line in sys.stdin:
        if held: say(held)
        found = answer(line)
        say(found)
        held = found

def dies_after_an_answer():
    say(answer(sys.stdin.readline()))
    print("Error: out of luck", file=sys.stderr)
    print("Node.js v20", file=sys.stderr)
    sys.exit(3)

def dies():
    sys.stdin.readline()
    print("out of luck", file=sys.stderr, flush=True)
    os.abort()

def chats():
    for line in sys.stdin:
        print("debug")
        say(answer(line))

def contradicts_itself():
    for line in sys.stdin:
        found = answer(line)
        say(found)
        if "value" in found: say(found | {"value": found["value"] + 1})

def contradicts_itself_at_the_end():
    last = int(sys.argv[2])
    for line in sys.stdin:
        found = answer(line)
        say(found)
        time.sleep(0.1)
        if found["id"] == f"{last}": say(found | {"value": found["value"] + 1})

def counts_aloud():
    for i, line in enumerate(sys.stdin):
        print("question", i, "of", {i % 3}, "the 'hinge'")
        say(answer(line))

def other_id():
    for line in sys.stdin: say(answer(line) | {"id": "x"})

def no_id():
    for line in sys.stdin: say({"value": 1})

def floods():
    for line in sys.stdin: sys.stdout.write(10_000_000 * "7"); sys.stdout.flush()

def digits():
    for line in sys.stdin: say(answer(line) | {"value": "0.5"})

def null():
    for line in sys.stdin: say(answer(line) | {"value": None})

def huge():
    for line in sys.stdin: say(answer(line) | {"value": 10**400})

def ragged():
    for line in sys.stdin: say(answer(line) | {"value": [1, [2]]})

def echoes():
    for line in sys.stdin: print(line, end="", flush=True)

def nests():
    for line in sys.stdin: print('{"id": ' + 100_000 * "[", flush=True)

def gradients_in_a_list():
    for line in sys.stdin: say(answer(line) | {"gradients": [1, 2]})

def leaves():
    pass

def stops_listening():
    sys.stdin.readline(); os.close(1); time.sleep(60)

def says_no():
    for line in sys.stdin: say({"id": json.loads(line)["id"], "error": "not \\x1b[31mtoday"})

def over_all():
    for line in sys.stdin:
        found = answer(line)
        if "value" in found:
            E, y, m = (json.loads(line)["inputs"][a] for a in ("energies", "label", "margin"))
            found["value"] = max(0.0, float(m) + float(E[y]) - min(map(float, E)))
        say(found)

globals()[sys.argv[1]]()
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with the programs; no machine is so busy that an honest answer takes a minute."""
    (tmp_path / "hinge.py").write_text(PROGRAM)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(process, "QUESTION_SECONDS", 60.0)
    return tmp_path


@pytest.fixture
def few(monkeypatch):
    """Five vectors of the hinge, for programs that cost a process each."""
    chosen = [v for v in golden.load("hinge") if "/random-" in v["id"]][:5]
    monkeypatch.setattr(golden, "load", lambda name: chosen)
    return chosen


def command(name):
    return f"{sys.executable} hinge.py {name}"


def hinge_row(name):
    report = check(program.target(command(name)), ["hinge"], 600.0)
    return report, report.rows[0] if report.rows else None


@pytest.mark.parametrize(
    "name",
    ["in_turn", "one_each", "dies_of_what_is_illegal", "counts_its_ids", "python_writes_nan", "is_late"],
)
def test_a_right_program_matches(here, few, name):
    report, row = hinge_row(name)
    assert (report.status, row.verdict, row.accepted) == (0, "match", [])
    assert row.function == "hinge" and len({j.vector["id"] for j in row.judgements}) == 5


@pytest.mark.parametrize("name", ["reads_all_and_answers_backwards", "holds_back"])
def test_a_program_that_waits_for_the_end_is_told_that_it_has_come(here, monkeypatch, name):
    """And is asked the second time without waiting."""
    monkeypatch.setattr(program, "STARTING", 1.0)
    monkeypatch.setattr(program, "PATIENCE", 30.0)
    asked = Program(command(name))
    for vector in golden.load("hinge")[:3]:
        assert asked.ask(question_of(vector)) == (vector["value"], {}) and asked.process is None


def test_a_program_that_closes_its_output_has_ended(here):
    asked = Program(command("stops_listening"))
    with pytest.raises(Failed, match="has closed its output, or does not end with its questions"):
        asked.ask(question_of(golden.load("hinge")[0]))
    assert asked.process is None


def question_of(vector):
    return {"formula": "hinge", "function": "hinge", "inputs": vector["inputs"], "dtype": "float64"}


def test_one_process_gets_all_questions(here):
    asked = Program(command("in_turn"))
    first = asked.process
    for vector in golden.load("hinge"):
        asked.ask(question_of(vector))
    assert asked.process is first and first.poll() is None
    asked.stop()


@pytest.mark.parametrize(
    "name, says",
    [
        ("dies_after_an_answer", "the program ended with exit status 3; Error: out of luck"),
        ("dies", "the program was ended by Aborted; out of luck"),
        ("chats", "print such lines to standard error: b'debug\\\\n'"),
        ("other_id", "no question has the id 'x'"),
        ("no_id", "no id in b'{\"value\": 1}\\\\n'"),
        ("floods", "no answer to what was asked; print such lines to standard error: b'7777"),
        ("contradicts_itself", "2 answers to "),
        ("digits", "'0.5' where numbers are due"),
        ("null", "None where numbers are due"),
        ("huge", "OverflowError: int too large to convert to float"),
        ("ragged", "ValueError: setting an array element with a sequence"),
        ("echoes", "neither value nor error in the answer"),
        ("nests", 'no answer to what was asked; print such lines to standard error: b\'{"id": [['),
        ("gradients_in_a_list", "gradients = [1, 2]: must be an object {argument: array}"),
        ("leaves", "the program ended with exit status 0"),
        ("says_no", "not \\\\x1b[31mtoday"),
    ],
)
def test_what_is_no_answer_is_an_error(here, few, name, says):
    report, row = hinge_row(name)
    assert (report.status, row.verdict) == (1, "error")
    details = [j.detail for j in row.judgements if j.verdict == "error"]
    assert says.replace("\\\\", "\\") in details[0]
    assert len({j.vector["id"] for j in row.judgements}) == len(few), "every question has an answer"


def test_the_last_answer_cannot_be_taken_back(here, few):
    report, row = hinge_row(f"contradicts_itself_at_the_end {len(few)}")
    assert (report.status, row.verdict) == (1, "error")
    assert [j.detail for j in row.judgements if j.detail] == [
        "2 answers to an earlier question, and not the same"
    ]


def test_one_fault_is_said_once(here, few, capsys):
    assert main(["check", "--command", command("counts_aloud"), "--as", "hinge"]) == 1
    out = capsys.readouterr().out
    assert out.count("error on") == out.count("question 0 of") == 1
    assert "error on 5 vectors: no answer to what was asked; print such lines" in " ".join(out.split())


def test_a_mistake_of_a_program_is_named_and_shown_on_a_small_input(here):
    _, row = hinge_row("over_all")
    assert row.verdict == "mismatch" and row.diagnosis == ["minimum taken over y too"]
    assert np.size(row.smallest["inputs"]["energies"]) == 2


@pytest.mark.parametrize(
    "asked, status, says",
    [
        ("./nosuch", 2, "./nosuch: there is no such program"),
        ("hinge.py", 2, "the file in this folder is ./hinge.py"),
        ("./hinge.py", 2, "chmod +x ./hinge.py, or name the interpreter: --command 'python3 ./hinge.py'"),
        ("./bare.js", 2, "begin it with #!/usr/bin/env node, or name the interpreter: --command 'node"),
        ("./lost.js", 2, "what its first line names is not there"),
        ("''", 2, "Permission denied"),
        ("", 2, "must name a program"),
        ("'", 2, "No closing quotation"),
    ],
)
def test_what_cannot_be_started(here, capsys, asked, status, says):
    for name, text in {"bare.js": "print(1)\n", "lost.js": "#!/no/such/node\n"}.items():
        (here / name).write_text(text)
        (here / name).chmod(0o755)
    assert main(["check", "--command", asked, "--as", "hinge"]) == status
    assert says in " ".join("".join(capsys.readouterr()).split())


def test_a_program_needs_a_formula_and_may_be_named_after_it(here, capsys):
    assert main(["check", "--command", command("in_turn")]) == 0  # hinge.py
    assert "match" in capsys.readouterr().out
    assert main(["check", "--command", "./my_program"]) == 2
    assert "say which formula it computes" in capsys.readouterr().err


def test_a_program_beside_a_function(here, capsys):
    (here / "mine.py").write_text("from ebm_ref.losses.hinge import hinge as right")
    assert main(["check", "mine:right", "--command", command("over_all"), "--as", "hinge"]) == 1
    out = capsys.readouterr().out
    assert "minimum taken over y too" in out and "mine:right" in out


@pytest.mark.parametrize(
    "said, value",
    [
        ({"value": "nan"}, np.nan),
        ({"value": ["inf", "-inf", 1]}, [np.inf, -np.inf, 1.0]),
        ({"value": True, "gradients": None, "error": None}, 1.0),
        ({"value": 1, "gradients": {"E": None}}, 1.0),
    ],
)
def test_words_for_what_is_not_finite(said, value):
    found, gradients = understood(said)
    assert np.array_equal(found, value, equal_nan=True) and gradients == {}


@pytest.mark.parametrize("said", [{}, {"value": {}}, {"value": "1"}, {"value": [None]}, {"error": "x"}])
def test_no_other_words(said):
    with pytest.raises(Failed):
        understood(said)


# clients


def built(tmp_path, compiler, name, *options):
    """A compiled client; warnings are errors."""
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    made = tmp_path / Path(name).stem
    subprocess.run([compiler, *options, "-o", made, CLIENTS / name], check=True)
    return f"{made}"


def client(tmp_path, name):
    """The command that runs a client."""
    if name == "ctc.mjs":
        if shutil.which("node") is None:
            pytest.skip("node is not installed")
        return f"node {CLIENTS / name}"
    if name == "hinge.c":
        return built(tmp_path, "gcc", name, "-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-lm")
    return built(tmp_path, "rustc", name, "-O", "-D", "warnings")


@pytest.mark.parametrize("name", ["ctc.mjs", "hinge.c", "nll.rs"])
def test_a_client_is_right_with_its_gradient(tmp_path, capsys, name):
    formula = Path(name).stem
    report = tmp_path / "report.json"
    assert main(["check", "--command", client(tmp_path, name), "--json", f"{report}"]) == 0
    (row,) = json.loads(report.read_text())[0]["rows"]
    assert row["formula"] == formula
    assert {v["output"] for v in row["vectors"]} == {"value", *FORMULAS[formula].gradients}
    assert len((CLIENTS / name).read_text().splitlines()) < 80


def test_the_readme_speaks_of_every_client_and_shows_a_question():
    text = (CLIENTS / "README.md").read_text()
    names = {path.name for path in CLIENTS.iterdir()} - {"README.md"}
    assert names <= set(re.findall(r"\]\((\S+)\)", text)) | {"judge.mjs"}
    question, *answers = [json.loads(line) for line in text.splitlines() if line.startswith('{"id"')]
    first = next(offline.questions("hinge"))
    assert question == first | {"id": "1"}
    assert understood(answers[0])[0] == golden.load("hinge")[0]["value"]


# by file


def answered(text, name="in_turn"):
    return subprocess.run(
        [sys.executable, "hinge.py", name], input=text, capture_output=True, text=True
    ).stdout


@pytest.fixture
def asked(here, capsys):
    assert main(["ask", "hinge"]) == 0
    return capsys.readouterr().out


def grade(lines, *options):
    Path("answers.jsonl").write_text("".join(lines))
    return main(["grade", "answers.jsonl", *options])


def test_answers_by_file_are_judged_as_by_a_pipe(asked, capsys):
    assert grade(answered(asked, "reads_all_and_answers_backwards")) == 0
    assert "hinge   hinge    match" in capsys.readouterr().out
    assert grade(answered(asked, "over_all"), "--json", "report.json") == 1
    out = capsys.readouterr().out
    assert "it computes: minimum taken over y too" in out and max(map(len, out.splitlines())) <= 80
    (by_file,) = json.loads(Path("report.json").read_text())[0]["rows"]
    _, row = hinge_row("over_all")
    assert by_file["verdict"] == row.verdict and by_file["diagnosis"] == row.diagnosis
    verdicts = {(j.vector["id"], j.output): j.verdict for j in row.judgements}
    assert {(v["id"], v["output"]): v["verdict"] for v in by_file["vectors"]} == verdicts


def test_every_question_is_told_apart_by_its_inputs():
    """By which the answer in a file is found."""
    for name in FORMULAS:
        for dtype in ("float64", "float32"):
            texts = [json.dumps(q["inputs"]) for q in offline.questions(name, dtype)]
            assert len(set(texts)) == len(texts), name


def test_float32_by_file(here, capsys):
    assert main(["ask", "hinge", "--dtype", "float32"]) == 0
    asked = capsys.readouterr().out
    assert {json.loads(line)["dtype"] for line in asked.splitlines()} == {"float32"}
    assert grade(answered(asked)) == 0
    assert "float32" in capsys.readouterr().out


@pytest.mark.parametrize(
    "change, says",
    [
        (lambda lines: lines[1:], "no answer to it in the file"),
        (lambda lines: [lines[0], *lines], "2 answers to it"),
        (lambda lines: [lines[0].replace('"value": ', '"values": '), *lines[1:]], "neither value nor error"),
        (lambda lines: [lines[0].replace('"value": ', '"value": "x", "old": '), *lines[1:]], "'x' where"),
        (lambda lines: [lines[0].replace('"value": ', '"value": [[1], 2], "old": '), *lines[1:]], "sequence"),
    ],
)
def test_an_answer_that_is_missing_is_an_error(asked, capsys, change, says):
    lines = answered(asked).splitlines(keepends=True)
    assert grade(change(lines)) == 1
    out = capsys.readouterr().out
    assert "error on 1 vector: " in out and says in out


def test_what_was_asked_may_be_said(asked, capsys):
    assert grade(answered(asked), "--as", "hinge", "--as", "nll") == 1
    out = capsys.readouterr().out
    assert "no answer to it in the file" in out and "match" in out


@pytest.mark.parametrize(
    "text, says",
    [
        ("", "holds no answers"),
        ("{", "line 1 = '{': must be a JSON object with an \"id\""),
        ("\n[1]", "line 2 = '[1]'"),
        ('{"value": 1}', "must be a JSON object"),
        ('{"id": "hinje/x", "value": 1}', "unknown formula 'hinje'; did you mean hinge?"),
    ],
)
def test_a_file_that_holds_no_answers_is_bad_usage(here, capsys, text, says):
    assert grade(text) == 2
    assert says in capsys.readouterr().err
    assert main(["grade", "nowhere.jsonl"]) == 2


def test_a_golden_file_grades_itself(here):
    answers = {}
    for name in ("ctc", "softmax", "hopfield"):
        for question, vector in zip(offline.questions(name), golden.load(name), strict=True):
            plain = golden.encode({a: np.asarray(g).tolist() for a, g in vector["gradients"].items()})
            value = golden.encode(np.asarray(vector["value"]).tolist())
            answers[question["id"]] = [{"id": question["id"], "value": value, "gradients": plain}]
    report = report_on(offline.Answers("golden", answers), offline.steps(answers))
    assert [row.formula for row in report.rows] == ["ctc", "softmax", "hopfield"]
    assert {j.verdict for row in report.rows for j in row.judgements} == {"match"}
