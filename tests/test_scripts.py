"""The scripts, run as a person runs them."""

import ast
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from ebm_ref import FORMULAS
from ebm_ref.proof import golden

ROOT = Path(__file__).parents[1]
# reproduce_*.py and recipe_*.py, without the one that runs them all
REPRODUCTIONS = sorted(p for p in (ROOT / "scripts").glob("re[pc]*_*.py") if p.stem != "reproduce_all")
ONE_THREAD = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def run(*args, **options):
    return subprocess.run([sys.executable, *args], capture_output=True, text=True, cwd=ROOT, **options)


def test_benchmark_prints_pure_json():
    done = run("scripts/benchmark.py", "--only", "nll_lifted", "--json", "/dev/stdout")
    assert done.returncode == 0
    result = json.loads(done.stdout)
    assert set(result) == {"machine", "versions", "rows"}
    (row,) = result["rows"]
    told = {"name", "about", "ours_s", "theirs_s", "theirs", "ratio", "group", "target", "limit"}
    assert set(row) == told | {
        "limit_s",
        "rounds",
        "ours_quartiles_s",
        "theirs_quartiles_s",
        "ratio_quartiles",
    }
    for who in ("ours", "theirs"):
        assert row[f"{who}_s"] <= row[f"{who}_quartiles_s"][0] <= row[f"{who}_quartiles_s"][2]
    assert row["name"] == "nll_lifted_256x10"
    assert row["ratio"] == pytest.approx(row["theirs_s"] / row["ours_s"])
    assert "nll_lifted_256x10" in done.stderr


def test_benchmark_names_its_rows_when_asked_for_none():
    done = run("scripts/benchmark.py", "--only", "no such row")
    assert done.returncode == 2 and "hinge_page" in done.stderr and "Traceback" not in done.stderr


def test_make_golden_keeps_published_ids(tmp_path):
    """It writes what is shipped, and refuses to drop an id."""
    pytest.importorskip("mpmath", reason="the oracle computes with mpmath")
    script = (
        "import importlib.util, pathlib, sys\n"
        "spec = importlib.util.spec_from_file_location('m', 'scripts/make_golden.py')\n"
        "m = importlib.util.module_from_spec(spec); spec.loader.exec_module(m)\n"
        f"m.FOLDER = pathlib.Path({str(tmp_path)!r})\n"
        "print(m.write('energy'))\n"
    )
    first = run("-c", script)
    path = tmp_path / "energy.jsonl"
    assert first.returncode == 0 and path.read_text() == (golden.VECTORS / "energy.jsonl").read_text()
    path.write_text(
        path.read_text() + path.read_text().splitlines()[0].replace("energy/", "energy/older-") + "\n"
    )
    second = run("-c", script)
    assert second.returncode == 1 and "append-only" in second.stderr and "energy/older-" in second.stderr


def test_the_cluster_script_says_what_it_does():
    done = run("scripts/exact_on_a_cluster.py", "--help")
    assert done.returncode == 0 and "--kill" in done.stdout


def test_every_shipped_file_belongs_to_a_formula():
    assert {path.stem for path in Path(golden.VECTORS).glob("*.jsonl")} == set(FORMULAS)


@pytest.mark.parametrize("script", ["install", "verify", "test", "test_oldest"])
def test_shell_scripts_parse(script):
    assert subprocess.run(["sh", "-n", ROOT / "scripts" / script]).returncode == 0


def test_install_refuses_an_old_python(tmp_path):
    """A clear line instead of a broken environment."""
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\ncase "$1" in -V) echo "Python 3.9.1";; *) exit 1;; esac\n')
    old.chmod(0o755)
    copy = tmp_path / "project" / "scripts"
    copy.mkdir(parents=True)
    (copy / "install").write_text((ROOT / "scripts" / "install").read_text())
    done = subprocess.run(
        ["sh", copy / "install"],
        capture_output=True,
        text=True,
        env={"PYTHON": str(old), "PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 2 and "needs Python >= 3.11" in done.stderr and "Python 3.9.1" in done.stderr


@pytest.mark.parametrize("script", REPRODUCTIONS, ids=lambda path: path.stem)
def test_a_claim_holds_on_a_small_instance(script, tmp_path):
    """The script's own verdict, in lines that fit a terminal and as JSON, and not a word on stderr."""
    done = run(script, "--quick", "--report", tmp_path / "report", env=ONE_THREAD)
    if done.returncode == 2 and "pip install 'ebm_ref[data]'" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0 and not done.stderr, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert done.stdout.count("\nholds: ") >= 2 and "FAILS" not in done.stdout
    held = " ".join(done.stdout.rpartition("\n\n")[2].split())
    (line,) = (tmp_path / "report").read_text().splitlines()
    told = json.loads(line)
    assert (told["script"], told["verdict"], told["quick"]) == (script.stem, "holds", True)
    assert " ".join(" ".join(f"holds: {claim['sentence']}".split()) for claim in told["claims"]) == held
    assert told["claim"] and told["source"] and told["seconds"] > 0.0 and "numpy" in told["versions"]


@pytest.mark.parametrize("script", REPRODUCTIONS, ids=lambda path: path.stem)
def test_a_script_says_what_it_claims_and_what_it_costs(script):
    text = ast.get_docstring(ast.parse(script.read_text(encoding="utf-8")))
    assert all(f"\n{word} " in text for word in ("Claim", "Source", "Time"))
    assert max(map(len, text.splitlines())) <= 79  # --help prints it
    assert script.stat().st_mode & 0o111, "executable"


@pytest.mark.parametrize(
    "wrong, says",
    [
        (("--seed", "-1"), "-1: must be an integer >= 0"),
        (("--seed", "x"), "x: must be an integer >= 0"),
        (("--figure", "energies.foo"), "energies.foo: must end in .png, .pdf or .svg"),
        (("--figure", "no/such/folder/a.png"), "a.png: there is no folder no/such/folder"),
        (("--quik",), "unrecognized arguments: --quik"),
    ],
)
def test_a_wrong_option_is_named_before_anything_runs(wrong, says):
    done = run("scripts/reproduce_energy_and_loss.py", *wrong)
    assert done.returncode == 2 and not done.stdout
    assert says in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "name, content, says",
    [
        ("a.csv", "# Notes\n\n| a | b |\nc, d, e\n", "nor a CSV of numbers"),
        ("b.csv", "x,y\n0,1\n1,0\n", "2 columns of votes 0 and 1, not nine"),
        ("c.csv", "", "nor a CSV of numbers"),
        ("d.rda", "no archive", "Not a gzipped file"),
    ],
)
def test_votes_that_are_none_are_refused(tmp_path, name, content, says):
    (tmp_path / name).write_text(content)
    done = run("scripts/reproduce_court_votes.py", "--quick", "--data", tmp_path / name)
    assert done.returncode == 2 and not done.stdout
    assert says in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "args, status, says", [(("--help",), 0, "NAME"), (("nope",), 2, "unknown formula nope")]
)
def test_make_golden_takes_formulas_alone(args, status, says):
    pytest.importorskip("mpmath", reason="the oracle computes with mpmath")
    done = run("scripts/make_golden.py", *args)
    assert done.returncode == status and says in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_a_script_takes_one_thread_unless_told_otherwise():
    code = (
        "import os, sys; sys.path.insert(0, 'scripts'); from reproduction import options; options('')\n"
        "print(os.environ.get('OPENBLAS_NUM_THREADS'), os.environ.get('OMP_NUM_THREADS'))"
    )
    bare = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    assert run("-c", code, env=bare).stdout == "1 1\n"
    assert run("-c", code, env=bare | {"OMP_NUM_THREADS": "2"}).stdout == "None 2\n"


@pytest.mark.skipif(os.name != "posix", reason="signals are a matter of POSIX")
def test_ctrl_c_ends_a_script_without_a_word():
    code = (
        "import os, signal, sys; sys.path.insert(0, 'scripts'); from reproduction import options\n"
        "options(''); os.kill(os.getpid(), signal.SIGINT)"
    )
    done = run("-c", code, env=ONE_THREAD)
    assert done.returncode == -signal.SIGINT and done.stderr == ""


def conclude(*claims):
    code = (
        f"import sys; sys.path.insert(0, 'scripts'); from reproduction import conclude; conclude(*{claims})"
    )
    return run("-c", code)


def test_one_claim_that_fails_is_named_and_is_the_exit_status():
    done = conclude(("two is even", True), ("three is even", False), ("four is even", True))
    assert done.returncode == 1
    assert done.stdout.split("\n") == [
        "",
        "holds: two is even",
        "FAILS: three is even",
        "holds: four is even",
        "",
    ]
    assert conclude(("two is even", True)).returncode == 0


def test_data_that_is_not_installed_is_named():
    code = (
        "import sys; sys.path.insert(0, 'scripts'); from reproduction import installed; print(installed({}))"
    )
    done = run("-c", code.format("'no_such_package', 'the-distribution'"))
    assert done.returncode == 2 and not done.stdout
    assert "the-distribution" in done.stderr and "pip install 'ebm_ref[data]'" in done.stderr
    found = run("-c", code.format("'numpy', 'numpy'"))
    assert found.returncode == 0 and (Path(found.stdout.strip()) / "__init__.py").exists()


def test_a_figure_is_drawn_when_asked_for(tmp_path):
    file = tmp_path / "energies.png"
    done = run("scripts/reproduce_energy_and_loss.py", "--quick", "--figure", file, env=ONE_THREAD)
    assert done.returncode == 0 and not done.stderr and f"figure: {file}" in done.stdout
    assert file.read_bytes().startswith(b"\x89PNG") and file.stat().st_size > 20_000


def test_faces_are_repaired_or_dropped(monkeypatch):
    """A text filter's 13, 10 for 10 is undone, unless the picture had such a pair of its own."""
    monkeypatch.syspath_prepend(ROOT / "scripts")
    from reproduce_face_pairs import SHAPE, pixels

    levels = np.random.default_rng(0).integers(14, 256, size=SHAPE, dtype=np.uint8)
    levels[::7, ::5] = 10
    whole = b"P5\n92 112\n255\n" + levels.tobytes()
    text_filter = lambda content: re.sub(rb"(?<!\r)\n", b"\r\n", content)
    filtered = text_filter(whole)
    assert len(filtered) == len(whole) + 3 + np.sum(levels == 10)
    assert np.array_equal(pixels(whole), levels) and np.array_equal(pixels(filtered), levels)
    levels[50, 40:42] = 13, 10
    whole = b"P5\n92 112\n255\n" + levels.tobytes()
    assert np.array_equal(pixels(whole), levels) and pixels(text_filter(whole)) is None


def test_nothing_heavy_is_imported_to_show_the_options():
    """The data and the drawing are fetched when a script runs, not when it is loaded."""
    code = (
        "import importlib, sys; sys.path.insert(0, 'scripts')\n"
        f"for name in {[path.stem for path in REPRODUCTIONS]}: importlib.import_module(name)\n"
        "heavy = ('matplotlib', 'sklearn', 'pywt', 'nimfa', 'statsmodels', 'pandas')\n"
        "heavy += ('scipy.optimize', 'scipy.sparse', 'torch')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = run("-c", code)
    assert done.returncode == 0 and done.stdout == "[]\n", done.stderr


@pytest.mark.skipif(os.name != "posix", reason="pipes that break are a matter of POSIX")
def test_a_reader_who_has_seen_enough_is_no_error():
    script = ROOT / "scripts" / "reproduce_lattice_metropolis.py"
    command = f"{sys.executable} {script} --quick | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert "36 states" in done.stdout or "6 x 6" in done.stdout
    assert done.stderr == ""


CRF = ROOT / "scripts" / "recipe_crf_end_to_end.py"


@pytest.mark.parametrize(
    "content, says",
    [
        ("a X\nb Y\n", "1 sequences, with empty lines between them: at least 10 are needed"),
        ("a X\nb Y Z\n", "lines must have the same number of columns, at least two"),
        ("", "lines must have the same number of columns, at least two"),
        ("X\nY\n", "lines must have the same number of columns, at least two"),
        (None, "No such file"),
    ],
)
def test_sequences_that_are_none_are_refused(tmp_path, content, says):
    pytest.importorskip("scipy", reason="the recipe computes with SciPy")
    if content is not None:
        (tmp_path / "labels.txt").write_text(content)
    done = run(CRF, "--data", tmp_path / "labels.txt", env=ONE_THREAD)
    assert done.returncode == 2 and not done.stdout
    assert says in done.stderr and "Traceback" not in done.stderr


def test_sequences_of_a_file_are_learnt(tmp_path):
    """Brackets whose kind depends on what went before: nothing in a moment alone tells its label."""
    pytest.importorskip("scipy", reason="the recipe computes with SciPy")
    rng = np.random.default_rng(0)
    blocks = []
    for start in rng.integers(0, 2, size=60):
        words = ["ab"[start]] + ["x"] * rng.integers(2, 6)
        blocks.append("\n".join(f"{word} {'XY'[start]}" for word in words))
    (tmp_path / "labels.txt").write_text("\n\n".join(blocks) + "\n")
    done = run(CRF, "--quick", "--data", tmp_path / "labels.txt", env=ONE_THREAD)
    assert done.returncode == 0 and not done.stderr, done.stdout + done.stderr
    *_, alone, viterbi, single = done.stdout.partition("\n\nholds")[0].split()
    assert float(alone) < 0.8 and float(viterbi) == float(single) == 1.0


def test_a_package_to_compute_with_that_is_missing_is_named():
    code = "import sys; sys.path.insert(0, 'scripts'); from reproduction import needed; needed({})"
    done = run("-c", code.format("'no_such_package', 'Some Distribution'"))
    assert done.returncode == 2 and not done.stdout
    assert "Some Distribution" in done.stderr and "pip install 'ebm_ref[data]'" in done.stderr
    assert run("-c", code.format("'numpy', 'NumPy'")).returncode == 0


def test_errors_of_an_ising_fit_are_those_of_all_configurations(monkeypatch):
    """Fisher's information by the Walsh transform, against the covariance of a table of features."""
    monkeypatch.syspath_prepend(ROOT / "scripts")
    from recipe_ising_maximum_likelihood import information, model_of, probabilities

    from ebm_ref.energies.boltzmann import ising

    rng, n = np.random.default_rng(0), 4
    theta = rng.normal(size=n + n * (n - 1) // 2)
    s = 2.0 * (np.arange(2**n)[:, None] >> np.arange(n) & 1) - 1.0
    i, j = np.triu_indices(n, 1)
    F = np.hstack([s, s[:, i] * s[:, j]])
    weights = np.exp([-ising(*model_of(theta, n), spins) for spins in s])
    p = weights / weights.sum()
    curvature, means = information(theta, n)
    assert np.allclose(probabilities(theta, n), p, rtol=1e-13, atol=0.0)
    assert np.allclose(means, p @ F, rtol=0.0, atol=1e-14)
    centred = F - p @ F
    assert np.allclose(curvature, centred.T @ (p[:, None] * centred), rtol=0.0, atol=1e-13)


def test_the_step_in_torch_is_that_of_its_optimiser(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.syspath_prepend(ROOT / "scripts")
    import recipe_training_loop as recipe

    rng = np.random.default_rng(0)
    prototypes = rng.normal(size=(recipe.LABELS, recipe.CHANNELS))
    batches, begin = [recipe.drawn(rng, prototypes, 4) for _ in range(5)], recipe.start(rng)
    losses, _ = recipe.train_in_torch(recipe.chain_in_torch, begin, batches)
    V, c, W, b, P = theta = [torch.tensor(one, requires_grad=True) for one in begin]
    walk = torch.optim.SGD(theta, lr=recipe.STEP, momentum=recipe.FRICTION)
    for batch, expected in zip(batches, losses, strict=True):
        x, own = torch.from_numpy(batch.x), torch.from_numpy(batch.own())
        z = torch.tanh(x @ V + c) @ W + b
        tensors = batch._replace(labels=torch.from_numpy(batch.labels))
        value = recipe.chain_in_torch(z, P, tensors, own) / int(batch.lengths.sum())
        assert value.item() == pytest.approx(expected, rel=1e-12)
        walk.zero_grad()
        value.backward()
        walk.step()


@pytest.mark.parametrize(
    "number, low, high, holds",
    [
        (1.0, 1.0, 2.0, True),
        (2.0, 1.0, 2.0, True),
        (2.5, 1.0, 2.0, False),
        (0.5, 1.0, None, False),
        (0.5, None, 1.0, True),
        (np.nan, 1.0, 2.0, False),
        (np.nan, None, 2.0, False),
        (1.00004, None, 1.0, False),  # not "1, expected at most 1"
    ],
)
def test_a_number_lies_within_its_interval_or_does_not(monkeypatch, number, low, high, holds):
    monkeypatch.syspath_prepend(ROOT / "scripts")
    from reproduction import within

    claim = within("it", number, low, high)
    assert claim.holds is holds and (claim.low, claim.high) == (low, high)
    assert claim.sentence.startswith(f"it: {number:g}, expected ")


def test_a_number_is_near_the_expected_one_or_is_not(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "scripts")
    from reproduction import near

    assert near("it", 16, 16).holds and not near("it", 15, 16).holds
    assert near("it", 3.14159, 3.14, 0.01).sentence == "it: 3.14, expected 3.14 +- 0.01"
    assert near("it", 0.75, 1.0, 0.25).holds and not near("it", 0.7, 1.0, 0.25).holds
    assert not near("it", np.nan, 1.0, 0.25).holds


# scripts of one's own beside the one that runs all: what is claimed, or how it breaks
CLAIMING = """\"\"\"Title of {name}.

Claim   One claim | of {name}.
Source  Nobody (2001).
Time    1 s.
\"\"\"
import time
from reproduction import conclude, options, within
options(__doc__)
{body}
conclude(within("a number", {number}, 1.0, 2.0), ("a sentence", True))
"""


@pytest.fixture
def collection(tmp_path):
    """A folder of scripts that holds the runner, and a function that adds one."""
    folder = tmp_path / "project" / "scripts"
    folder.mkdir(parents=True)
    for name in ("reproduce_all.py", "reproduction.py"):
        (folder / name).write_text((ROOT / "scripts" / name).read_text())

    def add(name, body="", number=1.5):
        (folder / f"reproduce_{name}.py").write_text(CLAIMING.format(name=name, body=body, number=number))

    return folder / "reproduce_all.py", add, tmp_path / "out"


def lines_in(out):
    return [json.loads(line) for line in (out / "claims.jsonl").read_text().splitlines()]


def test_all_claims_are_collected(collection):
    script, add, out = collection
    add("good")
    done = run(script, "--out", out, env=ONE_THREAD)
    assert done.returncode == 0 and not done.stderr, done.stdout + done.stderr
    end = done.stdout.splitlines()[-1]
    assert end.startswith("1 script, 2 claims: 2 hold; see ")
    assert end.endswith(f"ebm-ref book --out SITE --results {out}")
    first, second = lines_in(out)
    assert first["expected"] == [1.0, 2.0] and first["obtained"] == 1.5 and first["verdict"] == "holds"
    assert first["source"] == "Nobody (2001)." and first["figure"] == "figures/reproduce_good.png"
    assert second["claim"] == "a sentence" and second["expected"] == [None, None]
    text = (out / "claims.md").read_text()
    assert "## Title of good." in text and "| holds | a sentence |" in text


def test_what_fails_breaks_or_lacks_its_data_is_told_apart(collection):
    script, add, out = collection
    add("failing", number=3.0)
    add("broken", body="raise RuntimeError('on purpose')")
    add("lacking", body="from reproduction import needed; needed('no_such_package', 'Some Distribution')")
    done = run(script, "--out", out, env=ONE_THREAD)
    assert done.returncode == 1
    summary = "3 scripts, 2 claims: 1 holds, 1 fails, 1 script broke, 1 script skipped"
    assert done.stdout.splitlines()[-1].startswith(summary)
    verdicts = {(line["script"].removeprefix("reproduce_"), line["verdict"]) for line in lines_in(out)}
    assert verdicts == {
        ("failing", "fails"),
        ("failing", "holds"),
        ("broken", "error"),
        ("lacking", "skipped"),
    }
    assert "RuntimeError: on purpose" in (out / "claims.md").read_text()


def test_what_was_done_is_kept_and_what_has_changed_is_not(collection):
    script, add, out = collection
    counts = f"open({str(out.parent / 'count')!r}, 'a').write('x')"
    times = lambda: len((out.parent / "count").read_text())
    add("good", body=counts)
    for _ in range(2):
        assert run(script, "--out", out, env=ONE_THREAD).returncode == 0
    assert times() == 1
    assert run(script, "--out", out, "--full", env=ONE_THREAD).returncode == 0
    assert times() == 2 and not any(line["quick"] for line in lines_in(out))
    add("good", body=counts, number=3.0)
    assert run(script, "--out", out, "--full", env=ONE_THREAD).returncode == 1
    assert times() == 3


@pytest.mark.skipif(os.name != "posix", reason="signals are a matter of POSIX")
def test_an_interrupted_run_keeps_what_is_done_and_goes_on(collection):
    script, add, out = collection
    add("good")
    add("slow", body="print('begun', flush=True); time.sleep(600)")
    command = [sys.executable, script, "--out", out, "--processes", "1"]
    running = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=ONE_THREAD
    )
    begun = out / "output" / "reproduce_slow.txt"
    while not (begun.exists() and "begun" in begun.read_text()):
        assert running.poll() is None
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    told, _ = running.communicate(timeout=30)
    assert running.returncode == 130 and "the same command goes on from here" in told
    assert {line["script"] for line in lines_in(out)} == {"reproduce_good"}
    add("slow")
    done = run(script, "--out", out, env=ONE_THREAD)
    assert done.returncode == 0 and len(lines_in(out)) == 4


@pytest.mark.skipif(os.name != "posix", reason="signals and named pipes are a matter of POSIX")
@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGKILL])
def test_no_script_and_no_worker_of_one_outlives_the_runner(collection, sent):
    """Both hold a pipe open, whose other end sees when the last of them is gone."""
    script, add, out = collection
    pipe = out.parent / "held"
    os.mkfifo(pipe)
    add(
        "slow",
        body=f"import subprocess; held = open({str(pipe)!r}, 'wb', buffering=0)\n"
        "subprocess.Popen(['sleep', '600'], pass_fds=[held.fileno()]); held.write(b'begun'); time.sleep(600)",
    )
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    running = subprocess.Popen(
        [sys.executable, script, "--out", out],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=ONE_THREAD,
    )
    told = lambda: select.select([reader], [], [], 30.0)[0] and os.read(reader, 5)
    assert told() == b"begun"
    running.send_signal(sent)
    ended = told()
    running.communicate(timeout=30)
    os.close(reader)
    assert ended == b"" and running.returncode == (130 if sent == signal.SIGTERM else -sent)


@pytest.mark.parametrize(
    "wrong, says",
    [
        (("nope",), "there is no script reproduce_nope.py"),
        (("all",), "there is no script reproduce_all.py"),
        (("--processes", "0"), "--processes 0: must be >= 1"),
    ],
)
def test_the_runner_names_a_wrong_option(tmp_path, wrong, says):
    done = run("scripts/reproduce_all.py", "--out", tmp_path / "out", *wrong)
    assert done.returncode == 2 and says in done.stderr and not (tmp_path / "out").exists()
