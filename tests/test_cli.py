"""The command line as a person meets it: 80 columns, no colour, a pipe, a mistake."""

import inspect
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from ebm_ref import FORMULAS, READING_ORDER
from ebm_ref.cli import aliases, verify
from ebm_ref.cli.main import main
from ebm_ref.cli.text import brief, near, plain, reflow
from ebm_ref.conformance.worker import frameworks
from ebm_ref.proof import bounds, golden


@pytest.fixture
def run(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")

    def run(*args):
        try:
            status = main([*args])
        except SystemExit as stop:  # argparse
            status = stop.code
        out, err = capsys.readouterr()
        return status, out, err

    return run


def narrow(text):
    return [line for line in text.splitlines() if len(line) > 80] == [] and "\x1b" not in text


def test_list(run):
    status, out, _ = run("list")
    assert status == 0 and narrow(out)
    assert [line.split()[0] for line in out.splitlines()[1:]] == list(FORMULAS)


@pytest.mark.parametrize("name", FORMULAS)
def test_show(run, name):
    status, out, _ = run("show", name)
    assert status == 0 and narrow(out)
    assert FORMULAS[name].signature in out and "Source:" in out
    joined = " ".join(out.split())
    assert all(" ".join(case.name.split()) in joined for case in FORMULAS[name].cases)
    assert all(variant.name in joined for variant in FORMULAS[name].variants)


def test_list_cuts_no_title(run):
    titles = {line.split(maxsplit=1)[1].rstrip() for line in run("list")[1].splitlines()[1:]}
    docs = {inspect.getmodule(f.value).__doc__.splitlines()[0].rstrip(".") for f in FORMULAS.values()}
    whole = docs | {doc.partition(":")[0] for doc in docs}
    assert all(title in whole or title.endswith(" ...") for title in titles)
    assert sum(title.endswith(" ...") for title in titles) <= 2


def test_without_arguments_it_says_what_one_can_do(run):
    """In ten lines, of which each is a command that exists."""
    status, out, _ = run()
    assert status == 0 and narrow(out) and len(out.splitlines()) == 10
    commands = [line.split()[1] for line in out.splitlines() if line.startswith("  ebm-ref ")]
    assert len(commands) == 9 and set(commands) <= set(run("--help")[1].split())


def test_list_of_a_word(run):
    """It searches names, titles and aliases; pages without a formula, too."""
    status, out, _ = run("list", "crf")
    assert status == 0 and narrow(out)
    formulas, pages = out.split("\n\n")
    assert [line.split()[0] for line in formulas.splitlines()] == [
        "formula",
        "chain",
        "chain_nll",
        "chain_hinge",
    ]
    assert [line.split()[0] for line in pages.splitlines()] == ["page", "exact.chain", "exact.semi_markov"]
    assert run("list", "CRF")[1] == out
    assert {line.split()[0] for line in run("list", "score", "matching")[1].splitlines()[1:]} == {
        *(name for name in FORMULAS if "score_matching" in name),
        *("mixture_score", "mixture_curvature"),  # by their title
    }
    out = run("list", "metropolis")[1]
    assert all(name in out for name in ("metropolis_hastings", "samplers.random_walk", "kernels.metropolis"))
    assert "exact.blocks" in run("list", "blocks")[1].split()


@pytest.mark.parametrize("word", ["crf", "HMM", "pos-weight", "rnn_t", "Soft DTW"])
def test_show_of_an_alias_is_the_page_that_is_meant(run, word):
    status, out, _ = run("show", word)
    name, *others = aliases.meant_by(word)
    assert status == 0 and narrow(out)
    first, _, rest = out.partition("\n\n")
    assert rest == run("show", name)[1]
    also = f"; see also {', '.join(others)}" if others else ""
    assert " ".join(first.split()) == f"{word} is {name} here{also}"


def test_aliases_lead_to_what_exists_and_hide_nothing():
    for alias, names in aliases.ALIASES.items():
        assert alias == aliases.plainly(alias) and names, alias
        assert all(name in FORMULAS or name in READING_ORDER for name in names), alias
        assert len(set(names)) == len(names), alias
        assert alias.replace(" ", "_") not in FORMULAS, f"{alias} is a name of the catalogue"
    tutorial = ("crf", "svm", "softmax loss", "rnnt", "dtw", "hmm", "cd", "infonce", "nce", "triplet")
    assert all(aliases.meant_by(word) for word in tutorial)
    assert "contrastive_divergence" in near("contrastive divergence")


@pytest.mark.parametrize("columns", ["1", "20", "40"])
def test_list_in_a_narrow_terminal(run, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    assert run("list")[0] == 0


def test_show_gives_each_fact_of_a_mistake_its_line_and_breaks_no_address(run):
    lines = run("show", "hinge")[1].splitlines()
    starts = [line.strip().partition(":")[0] for line in lines if line.strip()]
    variants = FORMULAS["hinge"].variants
    assert starts.count("symptom") == sum(bool(v.symptom) for v in variants)
    assert starts.count("seen in") == sum(bool(v.seen_in) for v in variants)
    assert any("github.com/keras-team/keras/issues/8083" in line for line in lines)


def test_show_says_where_mistakes_happened(run):
    assert "github.com/pytorch/pytorch/issues/77529" in run("show", "log")[1]


def test_verify(run, tmp_path):
    status, out, _ = run("verify", "hinge", "most_offending", "--json", str(tmp_path / "claims.json"))
    assert status == 0 and narrow(out) and "0 fail" in out
    assert "the result is an index" in out and "gap at rest" in out
    claims = json.loads((tmp_path / "claims.json").read_text())
    assert {c["witness"] for c in claims} >= {
        "hand",
        "autograd",
        "slope",
        "laws",
        "identities",
        "oracle",
        "mutants",
    }
    assert all(c["holds"] is not False for c in claims)


def test_verify_fails_when_a_page_is_wrong(run, tampered):
    tampered("hinge", gradients={"energies": lambda energies, label, margin=1.0: 0.0 * energies})
    status, out, _ = run("verify", "hinge")
    assert status == 1 and "FAIL" in out and "violated" in out


def test_eval(run):
    status, out, _ = run("eval", "hinge", '{"energies": [1, 3, 1.5], "label": 0}')
    assert status == 0
    assert [line.split()[-1] for line in out.splitlines()] == ["0.5", "-1]", "4", "3.552713678800501e-15"]
    assert run("eval", "hinge", "[[1, 3, 1.5], 0, 1]")[1] == out
    assert "nan" in run("eval", "hinge", '[[1, "nan"], 0]')[1]
    assert run("eval", "integral_table", "[[0, 1], [1, 1]]")[0] == 0


@pytest.mark.parametrize(
    "name, inputs, value",
    [
        ("negative_binomial_nll", "[0, 1, 3]", 4.0 * np.log(2.0)),  # a count has no neighbours
        ("balanced_focal", "[0, 1, 0, 1]", np.log(2.0)),  # at the upper edge of alpha
        ("balanced_focal", "[0, 0, 0, 0]", np.log(2.0)),
        ("label_smoothing", "[[0, 0], 0, 1]", np.log(2.0)),
    ],
)
def test_eval_of_what_has_no_neighbours_on_one_side_or_both(run, name, inputs, value):
    status, out, _ = run("eval", name, inputs)
    assert status == 0 and float(out.split()[1]) == pytest.approx(value, rel=1e-15)


def test_eval_has_a_condition_for_every_case():
    """At edges, at infinity and of whole numbers, too: what a page takes, the command takes."""
    with np.errstate(all="ignore"):
        for record in FORMULAS.values():
            for case in record.cases:
                bounds.estimated_condition(record, record.bind(**case.inputs))


@pytest.mark.parametrize(
    "args, says",
    [
        (("show", "hing"), "unknown formula 'hing'; did you mean hinge"),
        (("show", "zzz"), "`ebm-ref list` shows all names"),
        (("show", "dtww"), "unknown formula 'dtww'; `ebm-ref list` shows all names"),
        (("list", "zzz"), "nothing is called so; `ebm-ref list` shows all formulas"),
        (("list", "crosstropy"), "nothing is called so; did you mean cross_entropy?"),
        (("exercise", "anealing"), "a page is spelt much the same: `ebm-ref read inference.annealing`"),
        (("museum", "losses.hing"), "unknown page 'losses.hing'; did you mean losses.hinge?"),
        (("list", "onsager"), "nothing is called so; pages that say it: exact.ising_plane"),
        (("check",), "say what is to be judged"),
        (("check", "mine:f", "--as", "rnnt"), "unknown formula 'rnnt'; did you mean transducer?"),
        (("check", "mine:f", "--as", "softmax loss"), "did you mean cross_entropy or nll?"),
        (("ask", "svm"), "did you mean hinge or multi_margin or squared_hinge?"),
        (("eval", "dtw", "[]"), "did you mean alignment or soft_alignment or banded_alignment?"),
        (("show", "-"), "`ebm-ref list` shows all names"),
        (("verify", "nl"), "did you mean nll"),
        (("check", "tourch"), "did you mean torch"),
        (("check", ":f", "--as", "hinge"), "':f' is no target"),
        (("check", "mine:", "--as", "hinge"), "'mine:' is no target"),
        (("check", "mine:f.g", "--as", "hinge"), "'mine:f.g' is no target"),
        (("check", "torch", "--time-limit", "-1"), "not a positive number of seconds"),
        (("check", "torch", "--time-limit", "soon"), "invalid seconds value"),
        (("verify", "energy", "--json", "."), ". is a folder, not a file"),
        (("verify", "--json", "nowhere/claims.json"), "nowhere/claims.json cannot be written"),
        (("check", "torch", "--json", "nowhere/claims.json"), "nowhere/claims.json cannot be written"),
        (("check-sampler", "no:step", "--json", "nowhere/v.json"), "nowhere/v.json cannot be written"),
        (("vectors", "energy", "--out", "/dev/null"), "/dev/null"),
        (("check", "mine:f"), "say which formula it computes, with --as NAME"),
        (("check", "mine:f", "--as", "hinje"), "did you mean hinge"),
        (("check", "nosuchmodule:f", "--as", "hinge"), "ModuleNotFoundError"),
        (("check", "ebm_ref:__doc__", "--as", "hinge"), "is no function"),
        (("check-sampler", "nosuchmodule:f", "--target", "gaussian"), "ModuleNotFoundError"),
        (("check-sampler", "ebm_ref:__doc__", "--target", "gaussian"), "is no function"),
        (("eval", "hinge", "{"), "not JSON"),
        (("eval", "hinge", "3"), "must be a JSON object or array"),
        (("eval", "hinge", "[[1, 2], 5]"), "label = 5: must be an integer in 0..1"),
        (("eval", "hinge", "[[1, 2], 0, -1]"), "margin = -1.0: must be >= 0"),
        (("eval", "hinge", "[[1, 2]]"), "label is missing; the arguments are energies, label, margin"),
        (("eval", "hinge", "[[1, 2], 0, 1, 7]"), "4 inputs given"),
        (
            ("eval", "hinge", '{"energy": [1, 2], "label": 0}'),
            "unknown argument 'energy'; did you mean energies",
        ),
        (("eval", "hinge", '{"energies": ["a", 2], "label": 0}'), "could not convert"),
        (("eval", "hinge", '{"energies": [[1, 2], [3]], "label": 0}'), "inputs"),
        (("eval", "hinge", "[[[1, 2], [3, 4]], 0]"), "eval takes one sample"),
        (("eval", "hinge", "[1, 0]"), "has shape ()"),
        (("read", "hing"), "unknown page 'hing'"),
        (("read", "zzz"), "unknown page 'zzz'; `ebm-ref list` shows all names"),
        (("vectors", "energy", "--out", "/dev/null/v"), "/dev/null/v: Not a directory"),
        (("vectors", "hinje", "--out", "x"), "did you mean hinge"),
        (("vectors", "hinge"), "--out"),
        (("frobnicate",), "invalid choice"),
    ],
)
def test_a_users_mistake_is_two_and_no_traceback(run, args, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, out, err = run(*args)
    assert status == 2
    assert says in " ".join((out + err).split()) and "Traceback" not in out + err


def test_a_missing_framework_names_the_extra_that_has_it(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text("raise ModuleNotFoundError(\"No module named 'torch'\")")
    (tmp_path / "other.py").write_text("import no_such_package")
    status, out, _ = run("check", "mine:f", "--as", "hinge", "--torch")
    assert status == 2 and "torch comes with: pip install 'ebm_ref[frameworks]'" in " ".join(out.split())
    assert "pip" not in run("check", "other:f", "--as", "hinge", "--torch")[1]


def test_read(run):
    status, out, _ = run("read", "hinge")
    assert status == 0 and "def hinge_gradient" in out
    assert run("read", "losses.hinge")[1] == out
    assert run("read", "ebm_ref/losses/hinge.py")[1] == out  # as the README links it
    folder = [line for line in run("read", "losses")[1].splitlines() if line in READING_ORDER]
    assert folder == [page for page in READING_ORDER if page.startswith("losses.")]
    every = run("read")[1]
    assert [line for line in every.splitlines() if line in READING_ORDER] == list(READING_ORDER)


def test_vectors(run, tmp_path):
    status, _, _ = run("vectors", "hinge", "nll", "--out", str(tmp_path / "deep" / "v"))
    folder = tmp_path / "deep" / "v"
    assert status == 0
    assert sorted(p.name for p in folder.iterdir()) == [
        "FORMAT.md",
        "hinge.jsonl",
        "nll.jsonl",
        "schema.json",
    ]
    again = run("vectors", "hinge", "hinge", "--out", str(folder))  # the same files again, named twice
    assert again[0] == 0 and f"{len(golden.load('hinge'))} vectors of 1 formula written" in again[1]
    (folder / "FORMAT.md").write_text("mine")
    status, _, err = run("vectors", "hinge", "--out", str(folder))
    assert status == 2 and "is another file" in err and (folder / "FORMAT.md").read_text() == "mine"
    assert golden.parse((folder / "hinge.jsonl").read_text())[0]["id"] == golden.load("hinge")[0]["id"]


CANDIDATE = """
from ebm_ref.losses.hinge import hinge as right
def my_hinge(E, y, m): return max(0.0, m + E[y] - min(E))
def hinge(E, y, m): return right(E, y, m)
def shout(E, y, m): print("[red]noise[/red]"); raise ValueError("[bold]not markup[/bold]")
def text(E, y, m): return str(right(E, y, m))
def shifted(E, y, m): return 0.3 * right(E, y, m) + 0.125
def shrunk(E, y, m): return 0.3 * right(E, y, m)
"""


def test_check(run, tmp_path, monkeypatch):
    (tmp_path / "mymodule.py").write_text(CANDIDATE)
    monkeypatch.chdir(tmp_path)
    status, out, _ = run("check", "mymodule:my_hinge", "--as", "hinge", "--json", "report.json")
    assert status == 1 and narrow(out)
    assert "minimum taken over y too" in out and "smallest input: energies [1, 0]  label 1  margin 1" in out
    differs, of = re.search(r"differs on (\d+) of (\d+) vectors", out).groups()
    assert 5 <= int(differs) < int(of) == sum(map(bounds.is_finite, golden.load("hinge")))
    assert json.loads((tmp_path / "report.json").read_text())[0]["status"] == 1
    assert run("check", "mymodule:hinge")[0] == 0  # named after its formula
    status, out, _ = run("check", "mymodule:shout", "--as", "hinge")
    assert status == 1 and "[bold]not markup[/bold]" in out


def test_strictly_a_convention_is_a_disagreement(run, tmp_path, monkeypatch):
    """Whoever claims the formula itself, and not what others call by its name, asks with --strict."""
    variant = 'next(v for v in FORMULAS["gaussian_nll"].variants if v.kind == "convention")'
    lines = [
        "from ebm_ref import FORMULAS",
        f"gaussian_nll = {variant}.value",
        "right = FORMULAS['hinge'].value",
    ]
    (tmp_path / "mymodule.py").write_text("\n".join(lines))
    monkeypatch.chdir(tmp_path)
    status, out, _ = run("check", "mymodule:gaussian_nll")
    assert status == 0 and "convention" in out
    assert run("check", "mymodule:gaussian_nll", "--strict")[0] == 1
    assert run("check", "mymodule:right", "--as", "hinge", "--strict")[0] == 0


def test_arrays_too_long_to_be_read_are_shown_by_their_beginning():
    assert brief(np.arange(24.0)) == plain(np.arange(24.0))
    assert brief({"table": np.arange(50.0).reshape(5, 10), "n": 2}) == "table [0, 1, 2, 3, ... 5 x 10]  n 2"


def test_one_mistake_in_many_words_fills_no_page(run, tmp_path, monkeypatch):
    (tmp_path / "mymodule.py").write_text(CANDIDATE)
    monkeypatch.chdir(tmp_path)
    out = run("check", "mymodule:text", "--as", "hinge")[1]
    said = " ".join(out.split())
    assert (
        len(out.splitlines()) < 20 and "error on 48 vectors: TypeError: returned '0.0', where numbers" in said
    )
    assert "such as: energies [0, 4] label 0 margin 1" in said
    out = run("check", "mymodule:shifted", "--as", "hinge")[1]
    assert "mismatch: no mistake that has a name here" in out
    out = run("check", "mymodule:shrunk", "--as", "hinge")[1]
    assert "mismatch: it computes: 0.3 times the truth" in out


def test_check_side_by_side(run, tmp_path, monkeypatch):
    (tmp_path / "mymodule.py").write_text(CANDIDATE)
    monkeypatch.chdir(tmp_path)
    status, out, _ = run("check", "mymodule:hinge", "mymodule:my_hinge", "--as", "hinge")
    assert status == 1 and narrow(out)
    row = next(line for line in out.splitlines() if line.startswith("hinge"))
    assert row.split()[1] == "match" and "mismatch" in row


def test_a_framework_without_the_function_does_not_silence_the_others(run, tmp_path, monkeypatch):
    (tmp_path / "mymodule.py").write_text(CANDIDATE)
    monkeypatch.chdir(tmp_path)
    pytest.importorskip("sklearn")
    status, out, _ = run("check", "mymodule:hinge", "sklearn", "--as", "hinge")
    assert status == 0 and "sklearn" in out
    status, out, _ = run("check", "mymodule:hinge", "sklearn", "--as", "ising")
    assert status == 1 and "sklearn has no function for ising" in out and "ising, mymodule:hinge" in out
    assert run("check", "sklearn", "--as", "ising")[0] == 2
    assert run("check", "sklearn", "sklearn", "--as", "ising")[0] == 2


@pytest.mark.parametrize(
    "command", ["list", "show", "read", "verify", "check", "ask", "grade", "check-sampler", "eval", "vectors"]
)
def test_help_shows_an_example(run, command):
    status, out, _ = run(command, "--help")
    assert status == 0 and f"example: ebm-ref {command}" in out


def command(*args, **options):
    return subprocess.run(
        [sys.executable, "-m", "ebm_ref.cli.main", *args], capture_output=True, text=True, **options
    )


@pytest.mark.parametrize(
    "args, status",
    [("read", 0), ("show ctc", 0), ("check m:hinge --as hinge", 0), ("check m:my_hinge --as hinge", 1)],
)
def test_a_pipe_that_closes_early_leaves_the_status(args, status, tmp_path):
    (tmp_path / "m.py").write_text(CANDIDATE)
    script = f"{sys.executable} -m ebm_ref.cli.main {args} | head -1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", script], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == status and done.stderr == ""


def test_json_to_standard_output_is_pure():
    done = command("verify", "energy", "--json", "/dev/stdout")
    assert done.returncode == 0 and json.loads(done.stdout) and "claims hold" in done.stderr


def test_a_pipe_shows_no_progress():
    done = command("verify", "energy")
    assert done.stderr == "" and "\x1b" not in done.stdout


HEAVY = ["dask", "jax", "keras", "matplotlib", "mpmath", "multiprocessing", "numba", "pandas"]
HEAVY += ["rich.progress", "scipy", "sklearn", "torch"]


def test_list_is_quick():
    """It loads nothing heavy; the figure itself is in the README."""
    listing = "from ebm_ref.cli.main import main; main(['list'])"
    found = f"import sys; sys.stderr.write(' '.join(m for m in {HEAVY} if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", f"{listing}; {found}"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "") and "hinge" in done.stdout


def test_reflow_leaves_short_lines_and_formulas_alone():
    text = "    L = a\n    M = b\n\nshort\n" + "word " * 30
    assert reflow(text).startswith("    L = a\n    M = b\n\nshort word")
    assert max(map(len, reflow(text).splitlines())) <= 79


def test_mistakes_are_told_in_lines_that_fit_a_terminal(run):
    """But for a path, which is copied as it stands."""
    status, out, err = run("check-sampler", "numpy:zeros", "--target", "nosuch")
    assert (status, out) == (2, "") and err.startswith("ebm-ref: unknown target 'nosuch'; known: ising-3x3,")
    assert len(err.splitlines()) == 2 and max(map(len, err.splitlines())) <= 79
    path = "/nowhere" * 12
    _, _, err = run("grade", path)
    assert path in err.replace(":", "").split()


# Ctrl-C

SLOW = """
import os, threading, time
from ebm_ref.losses.hinge import hinge as right
asked = []
def wait():
    print(os.getpid(), file=open("waits", "w"), flush=True)
    time.sleep(600)
def hinge(E, y, m):
    asked.append(1)
    if len(asked) == 4: wait()
    return right(E, y, m)
def jump(x, rng):
    asked.append(1)
    if len(asked) > 4500: wait()
    return rng.normal(size=x.shape)
def my_hinge(E, y, m):
    threading.Timer(0.002, os._exit, (1,)).start()
    return -1.0
"""


@pytest.fixture
def start(tmp_path, monkeypatch):
    """A command in a group of its own, in a folder with slow candidates."""
    (tmp_path / "m.py").write_text(SLOW)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # not ignored, as in the background

    def start(*args):
        return subprocess.Popen(
            [sys.executable, "-m", "ebm_ref.cli.main", *args],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            start_new_session=True,
        )

    yield start
    signal.signal(signal.SIGINT, before)


def eventually(holds):
    """Whether something holds within a minute."""
    for _ in range(600):
        if holds():
            return True
        time.sleep(0.1)
    return False


def text_of(path):
    return path.read_text() if path.exists() else ""


def is_gone(pid):
    return "State:\tZ" in (text_of(Path(f"/proc/{pid}/status")) or "State:\tZ")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_check_says_what_it_knows(start, tmp_path, number):
    options = ("--time-limit", "600", "--json", "report.json", "--junit", "report.xml")
    process = start("check", "m:hinge", "--as", "hinge", *options)
    assert eventually(lambda: text_of(tmp_path / "waits"))
    os.kill(process.pid, number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "")
    how_far = f"3 of {len(golden.load('hinge'))} vectors asked"
    assert f"interrupted at m:hinge: {how_far}; what was judged before:" in out and " match" in out
    assert f'<error message="interrupted: {how_far}" />' in (tmp_path / "report.xml").read_text()
    (report,) = json.loads((tmp_path / "report.json").read_text())
    assert report["interrupted"] and report["status"] == 130
    assert len({v["id"] for v in report["rows"][0]["vectors"]}) == 3
    assert eventually(lambda: is_gone((tmp_path / "waits").read_text().strip()))


def test_an_interrupted_check_of_a_sampler_says_what_it_knows(start, tmp_path):
    process = start(*"check-sampler m:jump --target gaussian --time-limit 600 --json verdict.json".split())
    assert eventually(lambda: text_of(tmp_path / "waits"))
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "")
    assert "interrupted, nothing found so far; the tests until then:" in out and "4,000 pairs" in out
    verdict = json.loads((tmp_path / "verdict.json").read_text())
    assert verdict["verdict"] == "interrupted" and {test["draws"] for test in verdict["tests"]} == {250}
    assert eventually(lambda: is_gone((tmp_path / "waits").read_text().strip()))


def test_an_interrupted_verify_says_what_it_knows(run, tmp_path, monkeypatch):
    def claims_of(name):
        if name == "nll":
            raise KeyboardInterrupt
        return claims(name)

    claims = verify.claims_of
    monkeypatch.setattr(verify, "claims_of", claims_of)
    status, out, _ = run("verify", "hinge", "nll", "energy", "--json", str(tmp_path / "claims.json"))
    assert status == 130 and out.startswith("interrupted: 1 of 3 formulas are verified")
    assert {c["formula"] for c in json.loads((tmp_path / "claims.json").read_text())} == {"hinge"}


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity") or verify._cores() < 2, reason="one core only")
def test_an_interrupt_of_many_processes_is_silent(start, tmp_path):
    """Ctrl-C reaches all processes of a terminal at once; each of them could print a traceback."""
    process = start("verify", "--json", "claims.json")
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    assert eventually(lambda: len(text_of(children).split()) >= 3)  # two and what tracks their resources
    pids = text_of(children).split()
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "") and "interrupted: " in out
    assert isinstance(json.loads((tmp_path / "claims.json").read_text()), list)
    assert all(eventually(lambda pid=pid: is_gone(pid)) for pid in pids)


def test_an_interrupt_at_the_start_is_silent(start, tmp_path, monkeypatch):
    (tmp_path / "slow").mkdir()
    (tmp_path / "slow" / "numpy.py").write_text(
        "import time; open('waits', 'w').write('now'); time.sleep(600)"
    )
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'slow'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    process = start("list")
    assert eventually(lambda: text_of(tmp_path / "waits"))
    os.kill(process.pid, signal.SIGINT)
    assert process.communicate(timeout=60) == ("", "") and process.returncode == 130


def test_all_cores_say_what_one_says(monkeypatch):
    names = ["most_offending", "most_offending_outside", "reduction_sum", "reduction_mean", "qubo"]
    names += ["double_well_curvature", "double_well_score", "double_well"]
    monkeypatch.setattr(verify, "_cores", lambda: 1)
    alone = list(verify.on_all_cores(names))
    monkeypatch.setattr(verify, "_cores", lambda: 2)
    assert list(verify.on_all_cores(names)) == alone and [name for name, _ in alone] == names
    with pytest.raises(KeyError, match="nobody"):
        list(verify.on_all_cores([*names[:7], "nobody"]))


def test_a_candidate_that_dies_is_no_closed_pipe(start):
    process = start("check", "m:my_hinge", "--as", "hinge", "--time-limit", "5")
    out, err = process.communicate()
    assert process.returncode == 1 and err == "" and "my_hinge" in out


SAMPLERS = """
import math
def walk(x, rng):
    y = x + rng.normal(size=x.shape)
    return y if rng.random() < math.exp(min(0.0, 0.5 * float(x @ x) - 0.5 * float(y @ y))) else x
def missing_minus(x, rng):
    y = x + rng.normal(size=x.shape)
    return y if rng.random() < math.exp(min(0.0, 0.5 * float(y @ y) - 0.5 * float(x @ x))) else x
"""


def test_check_sampler(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "walks.py").write_text(SAMPLERS)
    ask = ("--target", "gaussian", "--draws", "11000", "--reversible")
    status, out, _ = run("check-sampler", "walks:walk", *ask, "--json", str(tmp_path / "v.json"))
    assert status == 0 and narrow(out) and "acquitted" in out and "found with probability 0.99" in out
    written = json.loads((tmp_path / "v.json").read_text())
    assert written["verdict"] == "acquitted" and len(written["tests"]) == 9
    status, out, _ = run("check-sampler", "walks:missing_minus", *ask)
    assert (
        status == 1
        and narrow(out)
        and "convicted, law: after " in out
        and "mean of x^2 up by" in " ".join(out.split())
    )


def test_check_says_how_a_function_is_called(run):
    said = " ".join(run("check", "--help")[1].split())
    assert all(name in said for name in frameworks())
    assert "by position" in said and "(value, {argument: gradient})" in said


@pytest.mark.parametrize("name", ["ising-3x3", "flat-8", "banana", "student-t"])
def test_describe_a_target(run, name):
    status, out, _ = run("check-sampler", "--describe", name)
    assert status == 0 and narrow(out) and "E(" in out and "exact draws: " in out


@pytest.mark.parametrize(
    "args, says",
    [
        (("mine:f", "--target", "gausian"), "unknown target 'gausian'; did you mean gaussian"),
        (("mine:f",), "say module:function and --target NAME"),
        (("--describe", "x"), "unknown target 'x'; known: ising-3x3"),
        (("mine", "--target", "gaussian"), "module:function"),
        (("mine:f", "--target", "gaussian", "--draws", "5"), "draws = 5: must be at least 4000"),
    ],
)
def test_check_sampler_usage(run, args, says):
    status, out, err = run("check-sampler", *args)
    assert status == 2 and says in err and not out


@pytest.mark.parametrize(
    "words, says",
    [
        ("posterior", "'posterior' is no formula; it is a page: `ebm-ref read samplers.posterior`"),
        ("viterbi", "it is a page: `ebm-ref read exact.chain`"),
        ("exact.chain", "it is a page: `ebm-ref read exact.chain`"),
        ("onsager", "pages that say it: exact.ising_plane"),
        ("ignore_index", "`ebm-ref read criteria.cross_entropy`"),
        ("contrastive divergence", "contrastive_divergence(data_energies, chain_energies)"),
    ],
)
def test_show_names_the_pages_of_what_is_no_formula(capsys, words, says):
    assert main(["show", words]) == 0
    assert says in " ".join(capsys.readouterr().out.split())


def test_a_misspelt_command_is_guessed(capsys):
    with pytest.raises(SystemExit) as end:
        main(["chek"])
    said = capsys.readouterr().err
    assert end.value.code == 2 and narrow(said) and said.endswith("did you mean check?\n")
