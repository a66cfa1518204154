"""The scripts, run as a person runs them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ebm_ref import FORMULAS, golden

ROOT = Path(__file__).parents[1]


def run(*args, **options):
    return subprocess.run([sys.executable, *args], capture_output=True, text=True, cwd=ROOT, **options)


def test_benchmark_prints_pure_json():
    done = run("scripts/benchmark.py", "--only", "nll_lifted", "--json", "/dev/stdout")
    assert done.returncode == 0
    result = json.loads(done.stdout)
    assert set(result) == {"machine", "versions", "rows"}
    (row,) = result["rows"]
    assert set(row) == {"name", "ours_s", "theirs_s", "theirs", "ratio"}
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


@pytest.mark.parametrize("script", ["install", "verify", "test"])
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
