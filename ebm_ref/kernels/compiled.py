r"""Compiled once: a kernel's machine code is kept in a file, and the next process need not compile.

    njit        numba's, for the kernels of this folder
    folder()    where their machine code is: NUMBA_CACHE_DIR, or the user's folder for caches, or a
                temporary one; None where nothing can be written, and then each process compiles

A caller's code has that of its callees inside.  numba looks at the caller's file alone, and would go on
with the old code of a callee that was changed in another.  Here the folder is named by a hash of all
kernels' sources, with the versions of numba and Python; a file in it by the kernel, the types of its
arguments and the processor.  So nothing is ever out of date, whether kernels sit in a read-only place
or numba was upgraded, and files appear whole or not at all, whoever else is writing the same ones.

What has a reader's own function inside is not kept: it belongs to one process.  `numba.njit` and its
configuration stay what they are for such functions.

Source: numba's documentation, "Notes on Caching", and its module numba.core.caching.
"""

import contextlib
import functools
import hashlib
import os
import pickle
import shutil
import sys
import tempfile
from pathlib import Path

import llvmlite
import numba
from numba.core.caching import NullCache
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

HERE = Path(__file__).parent
FOLDERS = 6  # of different sources or versions that stay, the latest used
CHECK = hashlib.sha256().digest_size  # bytes before the code by which a damaged file is known
# what numba reads from the environment and the code depends on
OPTIONS = "OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "BOUNDSCHECK", "DEBUGINFO_DEFAULT", "USING_SVML"


def njit(function=None, **options):
    """`numba.njit` of a kernel, its machine code kept for other processes.

    >>> from ebm_ref.kernels.rows import min_of
    >>> min_of(2.0, 1.0), min_of.stats.cache_path == str(folder())
    (1.0, True)
    """
    if function is None:
        return functools.partial(njit, **options)
    kernel = numba.njit(**options)(function)
    if hasattr(kernel, "_cache"):  # not with NUMBA_DISABLE_JIT
        kernel._cache = Kept(function)
    return kernel


class Kept(NullCache):
    """Whom numba asks for machine code before it compiles, and tells about it afterwards."""

    def __init__(self, function):
        self.name, self.names = function.__name__, names(function)

    @property
    def cache_path(self):
        return folder() and str(folder())

    def load_overload(self, sig, target_context):
        """The compiled kernel for arguments of these types, or None."""
        target_context.refresh()
        path = self._path(sig, target_context.codegen())
        code = path and _stored(path)
        return CompileResult._rebuild(target_context, *pickle.loads(code)) if code else None

    def save_overload(self, sig, compiled):
        """Keep what was compiled for arguments of these types, unless it holds addresses."""
        path = self._path(sig, compiled.codegen)
        if path and not compiled.library.has_dynamic_globals:
            _store(path, dumps(compiled._reduce()))

    def _path(self, sig, codegen):
        """The file, or None: an address among the types is that of a function that was passed."""
        options = [getattr(numba.config, option, None) for option in OPTIONS]
        key = repr((self.names, sig, codegen.magic_tuple(), options))
        if not self.names or " at 0x" in key or folder() is None:
            return None
        return folder() / f"{self.name}-{_hash(key.encode())}"


def names(function):
    """Full names of a kernel and of what it encloses; none if not all of it was read from this folder.

    >>> names(lambda x: x)
    []
    """
    enclosed = [cell.cell_contents for cell in function.__closure__ or ()]
    functions = [function, *(getattr(f, "py_func", f) for f in enclosed if f is not None)]
    ours = all(hasattr(f, "__code__") and Path(f.__code__.co_filename).parent == HERE for f in functions)
    return [f"{f.__module__}.{f.__qualname__}" for f in functions] if ours else []


@functools.cache
def folder():
    """The folder of this version's machine code, made if need be; None where none can be written."""
    for base in (_of_user, _temporary) if SOURCES else ():
        with contextlib.suppress(OSError, RuntimeError):  # RuntimeError: nobody knows where home is
            return _opened(base() / "ebm_ref" / f"kernels-{version()}")
    return None


def version():
    """A hash of all that goes into every kernel: the sources, numba and Python."""
    python = sys.implementation.cache_tag, getattr(sys, "abiflags", "")
    tools = numba.__version__, llvmlite.__version__, *python
    return _hash(SOURCES, repr(tools).encode())


def _hash(*parts):
    return hashlib.sha256(b"".join(parts)).hexdigest()[:32]


def _sources(place):
    """The text of all kernels; empty where there are none to read, as in an archive."""
    return b"".join(path.name.encode() + path.read_bytes() for path in sorted(place.glob("*.py")))


SOURCES = _sources(HERE)  # read now: what is edited later is not what was imported


def _of_user():
    """NUMBA_CACHE_DIR if it is set, or where the system keeps what a user can do without."""
    own = "~/.cache"
    if sys.platform == "darwin":
        own = "~/Library/Caches"
    elif sys.platform == "win32":
        own = os.environ.get("LOCALAPPDATA", "~/AppData/Local")
    elif os.path.isabs(os.environ.get("XDG_CACHE_HOME", "")):
        own = os.environ["XDG_CACHE_HOME"]
    return Path(numba.config.CACHE_DIR or own).expanduser().absolute()


def _temporary():
    """A temporary folder; anybody may have made one of its name, but what is in it will be executed."""
    user = os.getuid()
    path = Path(tempfile.gettempdir(), f"ebm_ref-{user}")
    path.mkdir(mode=0o700, exist_ok=True)
    if path.lstat().st_uid != user or path.lstat().st_mode & 0o022:
        raise PermissionError(path)
    return path


def _opened(path):
    """The folder, made if need be; an OSError if it cannot be written."""
    new = not path.exists()
    path.mkdir(parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=path).close()
    os.utime(path)
    if new:
        _forget_old(path.parent)
    return path


def _forget_old(place):
    """Of the folders of all versions, those used last stay."""
    with contextlib.suppress(OSError):  # somebody else is at it
        ages = sorted((folder.stat().st_mtime, folder) for folder in place.glob("kernels-*"))
        for _, old in ages[:-FOLDERS]:
            shutil.rmtree(old, ignore_errors=True)


def _stored(path):
    """What was stored, or None if there is no such file, or half of one."""
    with contextlib.suppress(OSError):
        data = path.read_bytes()
        if hashlib.sha256(data[CHECK:]).digest() == data[:CHECK]:
            return data[CHECK:]


def _store(path, code):
    """Store all of it or, on a full disk say, nothing."""
    with contextlib.suppress(OSError):
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            written = Path(file.name)
            try:
                file.write(hashlib.sha256(code).digest() + code)
                file.close()
                os.replace(written, path)
            finally:
                written.unlink(missing_ok=True)
