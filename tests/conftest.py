"""What several test files share."""

import dataclasses
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from ebm_ref import FORMULAS
from ebm_ref.proof import evidence


def pytest_configure(config):
    """Kernels are compiled anew in each run, or it might pass on old code; but once for all its processes."""
    if not hasattr(config, "workerinput"):  # pytest-xdist's workers inherit the folder, and what they start
        place = tempfile.TemporaryDirectory(prefix="ebm_ref-tests-", ignore_cleanup_errors=True)
        os.environ["NUMBA_CACHE_DIR"] = place.name
        config.add_cleanup(place.cleanup)


# What takes half a minute or more begins first: begun last, it would leave one process at work alone.
LONG = (
    "test_frameworks",
    "test_conformance",
    "test_book",
    "test_certificates",
    "test_findings",
    "test_book_site",
)


def pytest_collection_modifyitems(items):
    """The long files first, then the others as they stand."""
    items.sort(key=lambda item: LONG.index(item.path.stem) if item.path.stem in LONG else len(LONG))


def script(name):
    """A script of scripts/ as a module, which finds those beside it, as when it runs."""
    path = Path(__file__).parents[1] / "scripts" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(path.parent)
        spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def installed(tmp_path_factory):
    """The folder of a built and installed package, for tests of what is in it."""
    pytest.importorskip("setuptools", "77")
    root, place = Path(__file__).parents[1], tmp_path_factory.mktemp("wheel")
    source = place / "source"
    source.mkdir()
    for name in ("ebm_ref", "setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        copy = shutil.copytree if (root / name).is_dir() else shutil.copy
        copy(root / name, source / name)
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    made = subprocess.run([*pip, "--target", place / "site", source], capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    return place / "site"


@pytest.fixture
def tampered(monkeypatch):
    """Replace fields of a record of the catalogue for one test; identities measured with it are forgotten."""

    def tamper(name, **changes):
        record = dataclasses.replace(FORMULAS[name], **changes)
        monkeypatch.setitem(FORMULAS, name, record)
        evidence._identity.cache_clear()
        return record

    yield tamper
    evidence._identity.cache_clear()
