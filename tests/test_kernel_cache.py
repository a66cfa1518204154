"""Machine code that is kept: found by the next process, never out of date, not missed where there is none."""

import ast
import importlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest

import ebm_ref
from ebm_ref.kernels import compiled, enumeration, metropolis

KERNELS = [name for name in ebm_ref.READING_ORDER if name.startswith("kernels.")]

# A package of that name with two kernels in two files
CALLEE = """
from ebm_ref.kernels.compiled import njit

@njit
def callee(x):
    return 1 * x
"""
CALLER = """
from ebm_ref.kernels.callee import callee
from ebm_ref.kernels.compiled import njit

@njit
def kept(x):
    return callee(x)
"""
COUNTED = """
from ebm_ref.kernels.caller import kept
from ebm_ref.kernels.compiled import folder
answers = kept(1.0), kept(1)
hits, misses = (sum(counter.values()) for counter in (kept.stats.cache_hits, kept.stats.cache_misses))
print(*answers, "hits", hits, "misses", misses, folder() and folder().parent)
"""


@pytest.fixture
def package(tmp_path):
    """A folder with the small package, importable from there."""
    place = tmp_path / "package" / "ebm_ref" / "kernels"
    place.mkdir(parents=True)
    (place / "__init__.py").touch()
    (place.parent / "__init__.py").touch()
    shutil.copy(compiled.__file__, place)
    (place / "callee.py").write_text(CALLEE)
    (place / "caller.py").write_text(CALLER)
    return tmp_path / "package"


def started(package, code, **environment):
    """A process that runs the code there; machine code is kept beside the package unless it is told where."""
    others = {k: v for k, v in os.environ.items() if k not in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME")}
    places = environment or {"NUMBA_CACHE_DIR": str(package.parent / "kept")}
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.Popen(
        command, env=others | places, cwd=package, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def printed(process):
    """What it prints, once it is done; nothing else."""
    out, errors = process.communicate()
    assert (errors, process.returncode) == ("", 0)
    return out.strip()


def files(folder):
    return sorted(path for path in Path(folder).rglob("*") if path.is_file())


def dispatchers():
    """All kernels, and the functions of one row around which some of them are made."""
    for name in KERNELS:
        for kernel in vars(importlib.import_module(f"ebm_ref.{name}")).values():
            if hasattr(kernel, "py_func"):
                enclosed = [cell.cell_contents for cell in kernel.py_func.__closure__ or ()]
                yield from (kernel, *(row for row in enclosed if row is not None))


# which kernels


def test_every_kernel_is_kept_under_a_name_of_its_own():
    kernels = set(dispatchers())
    assert len(kernels) > 80 and all(isinstance(kernel._cache, compiled.Kept) for kernel in kernels)
    every = [tuple(kernel._cache.names) for kernel in kernels]
    assert all(every) and len(set(every)) == len(every)


@pytest.mark.parametrize("name", KERNELS)
def test_numbas_own_compiler_is_for_readers_and_the_one_wrapper(name):
    text = (Path(ebm_ref.__file__).parent / f"{name.replace('.', '/')}.py").read_text(encoding="utf-8")
    assert not re.search("^from numba import .*njit", text, re.M)
    code = re.sub(r'""".*?"""', "", text, flags=re.S)
    assert ("numba.njit(" in code) == (name == "kernels.compiled")


@pytest.mark.parametrize("name", KERNELS)
def test_what_a_kernel_reads_is_in_the_hash(name):
    """What it takes from other files of ours is of this folder: what it does not, might change unnoticed."""
    module = importlib.import_module(f"ebm_ref.{name}")
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    imports = [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module.startswith("ebm_ref")]
    others = [n for n in imports if not n.module.startswith("ebm_ref.kernels.")]
    elsewhere = {a.asname or a.name for n in others for a in n.names}
    kernels = [kernel.py_func for kernel in dispatchers() if kernel.__module__ == module.__name__]
    assert not elsewhere & {read for function in kernels for read in function.__code__.co_names}


def test_functions_of_readers_are_neither_kept_nor_touched(tmp_path):
    """Not what is compiled around their functions either; numba keeps theirs where it did before."""
    density, energy = numba.njit(lambda x: -0.5 * x[0] ** 2), numba.njit(lambda y: 1.0 * y[0])
    metropolis.random_walk(density, (), [0.0], 1.0, 3, np.random.default_rng(0))
    enumeration.log_partition(energy, (), (2,))
    names = {path.name.rpartition("-")[0] for path in files(compiled.folder())}
    assert {"_draw", "weigh_block"} <= names
    assert not {"_walk", "_sum_energy", "<lambda>"} & names
    theirs = numba.njit(cache=True)(files)
    assert type(theirs._cache) is numba.core.caching.FunctionCache
    assert theirs.stats.cache_path.startswith(numba.config.CACHE_DIR)
    assert not theirs.stats.cache_path.startswith(str(compiled.folder()))
    assert not compiled.names(files) and not compiled.names(lambda: density)


# the next process, and another one at the same time


def test_two_processes_at_once_a_third_and_a_damaged_file(package):
    """Each asks for two types of argument, so that one might find the other's under its number."""
    pair = [started(package, COUNTED), started(package, COUNTED)]
    assert all(printed(process).startswith("1.0 1 hits ") for process in pair)
    every = files(package.parent / "kept")
    assert [path.name.partition("-")[0] for path in every] == ["callee", "callee", "kept", "kept"]
    assert "1.0 1 hits 2 misses 0" in printed(started(package, COUNTED))
    assert files(package.parent / "kept") == every
    every[2].write_bytes(every[2].read_bytes()[:-100])
    every[3].write_bytes(b"")
    assert "1.0 1 hits 0 misses 2" in printed(started(package, COUNTED))


def test_what_changes_in_another_file_is_noticed(package):
    """numba's own cache looks at the caller's file alone, and would go on with the old callee."""
    assert "1.0 1 hits 0 misses 2" in printed(started(package, COUNTED))
    callee = package / "ebm_ref" / "kernels" / "callee.py"
    callee.write_text(CALLEE.replace("1 * x", "2 * x"))
    assert "2.0 2 hits 0 misses 2" in printed(started(package, COUNTED))


# which folder


def test_the_suite_starts_from_a_fresh_folder():
    """One for all its processes: tests/conftest.py."""
    assert Path(os.environ["NUMBA_CACHE_DIR"]) in compiled.folder().parents
    assert "ebm_ref-tests-" in os.environ["NUMBA_CACHE_DIR"]


def test_where_no_folder_can_be_written_each_process_compiles(package):
    """Not even a temporary one: as on a file system that is read-only."""
    code = f"import tempfile; tempfile.gettempdir = lambda: '/dev/null'{COUNTED}"
    assert printed(started(package, code, HOME="/dev/null")) == "1.0 1 hits 0 misses 2 None"


def test_a_folder_that_is_lost_or_full_costs_the_code_alone(tmp_path):
    compiled._store(tmp_path / "gone" / "kernel-0", b"code")
    assert compiled._stored(tmp_path / "gone" / "kernel-0") is None
    (tmp_path / "kernel-1").mkdir()  # what cannot be replaced
    compiled._store(tmp_path / "kernel-1", b"code")
    assert not files(tmp_path)


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    monkeypatch.setattr(compiled.tempfile, "tempdir", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


folder = compiled.folder.__wrapped__


@pytest.mark.skipif(sys.platform != "linux", reason="each system has a folder of its own for caches")
def test_which_folder(home, monkeypatch):
    assert folder().parent == home / ".cache" / "ebm_ref"
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "caches"))
    assert folder().parent == home / "caches" / "ebm_ref"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # which the standard wants ignored
    assert folder().parent == home / ".cache" / "ebm_ref"
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(home / "numba"))
    assert folder().parent == home / "numba" / "ebm_ref"
    monkeypatch.setattr(numba.config, "CACHE_DIR", "/dev/null")
    assert folder().parent == home / f"ebm_ref-{os.getuid()}" / "ebm_ref"


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="owners of files")
def test_a_temporary_folder_that_others_can_write_is_not_trusted(home, monkeypatch):
    monkeypatch.setenv("HOME", "/dev/null")
    assert folder() is not None
    (home / f"ebm_ref-{os.getuid()}").chmod(0o777)
    assert folder() is None


def test_an_upgrade_has_a_folder_of_its_own(monkeypatch):
    before = compiled.version()
    monkeypatch.setattr(numba, "__version__", "999.0")
    assert compiled.version() != before


def test_boundschecks_are_not_answered_by_code_without_them(monkeypatch):
    kernel, codegen = compiled.Kept(metropolis._draw.py_func), metropolis._draw.targetctx.codegen()
    before = kernel._path((), codegen)
    monkeypatch.setattr(numba.config, "BOUNDSCHECK", True)
    assert kernel._path((), codegen) != before


def test_of_old_folders_those_used_last_stay(tmp_path):
    for age in range(8):
        old = tmp_path / f"kernels-{age}"
        old.mkdir()
        os.utime(old, (1e9 - age, 1e9 - age))
    (tmp_path / "another").mkdir()
    compiled._opened(tmp_path / "kernels-new")
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"another", "kernels-new", *(f"kernels-{age}" for age in range(compiled.FOLDERS - 1))}
