"""What several test files share."""

import dataclasses
import importlib.util
import os
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


def script(name):
    """A script of scripts/ as a module."""
    path = Path(__file__).parents[1] / "scripts" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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
