"""The findings, each run against the release that it is about."""

import ast
import importlib.metadata
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

FINDINGS = sorted((Path(__file__).parents[1] / "scripts" / "findings").glob("*.py"))
FIELDS = ("Package", "Call", "Right", "Returned", "Cause", "Thread", "Routes")
each = pytest.mark.parametrize("finding", FINDINGS, ids=lambda path: path.stem)


def header(finding):
    return ast.get_docstring(ast.parse(finding.read_text(encoding="utf-8")))


RUNNER = """
import contextlib, io, json, runpy, sys, traceback
for path in sys.argv[1:]:
    said, complained, problem = io.StringIO(), io.StringIO(), ""
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(complained):
        try:
            runpy.run_path(path, run_name="__main__")
        except BaseException:
            problem = traceback.format_exc()
    print(json.dumps([said.getvalue(), complained.getvalue() + problem]))
"""


def is_not_installed(finding):
    """Why a finding cannot be run here; empty where it can."""
    (line,) = [line for line in header(finding).splitlines() if line.startswith("Package ")]
    package, release = line.split()[1:]
    try:
        found = importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return f"{package} is not installed: scripts/test frameworks"
    return "" if found == release else f"is about {package} {release}; {found} is installed"


@pytest.fixture(scope="module")
def said():
    """{finding: (what it prints, what it complains of)}; one process for all imports torch and JAX once."""
    able = [finding for finding in FINDINGS if not is_not_installed(finding)]
    one_thread = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", RUNNER, *able], capture_output=True, text=True, env=one_thread
    )
    assert done.returncode == 0 and not done.stderr, done.stdout + done.stderr
    return dict(zip(able, map(json.loads, done.stdout.splitlines()), strict=True))


@each
def test_a_finding_holds_for_its_release(finding, request):
    if why := is_not_installed(finding):
        pytest.skip(why)
    shown, complaints = request.getfixturevalue("said")[finding]
    assert shown and not complaints, shown + complaints


@each
def test_a_finding_says_what_is_right_and_what_is_returned(finding):
    text = header(finding)
    assert all(f"\n{field} " in text for field in FIELDS)
    assert max(map(len, text.splitlines())) <= 80 and finding.stat().st_mode & 0o111


@each
def test_a_finding_is_short_and_asserts(finding):
    tree = ast.parse(finding.read_text(encoding="utf-8"))
    assert len(finding.read_text(encoding="utf-8").splitlines()) - len(header(finding).splitlines()) < 60
    assert any(isinstance(node, ast.Assert) for node in ast.walk(tree))
