r"""Adaptive walks: several chains that learn their covariance, at the speed of the machine.

    adaptive_walk(log_density, args, start, draws, rng, plan)

The chains are those of samplers/posterior.py with the sampler "random walk", number for number: warm-up and
runner are the page's, and each piece of a chain is drawn by metropolis.py, which is the page's bit for bit.
In many dimensions a walk takes so many steps that nothing else will do.

Source: Haario, Saksman and Tamminen (2001), "An Adaptive Metropolis Algorithm".
"""

import warnings

import numpy as np

from ebm_ref.checks import require
from ebm_ref.kernels.batch import as_number
from ebm_ref.kernels.metropolis import random_walk
from ebm_ref.samplers.posterior import KINDS, run


def adaptive_walk(log_density, args, start, draws, rng, plan=None):
    """Chains of a random walk with a warm-up, for a density that numba has compiled.

    Parameters
    ----------
    log_density : function compiled by numba.njit
        (x, *args) -> log p(x) up to a constant, x (d,); -inf where the density is zero.
    args : tuple
        What the density takes besides x: data, parameters.
    start, draws, rng, plan
        As for `sample` of samplers/posterior.py.

    Returns
    -------
    Chains
        Of samplers/posterior.py: states, acceptance, R-hat, effective sizes, warnings.

    Raises ValueError where the page does; the error's attribute `chains` is what was drawn until then, but
    for the piece in which it happened.

    >>> from numba import njit
    >>> from ebm_ref.samplers.posterior import Plan
    >>> bell = njit(lambda x, v: -0.5 * (x[0] ** 2 + x[1] ** 2 / v))
    >>> found = adaptive_walk(bell, (1e4,), np.zeros(2), 2000, np.random.default_rng(0), Plan(thin=5))
    >>> bool(90.0 < found.states[:, :, 1].std() < 110.0), found.warnings
    (True, ())
    """
    require(hasattr(log_density, "py_func"), "log_density", log_density, "must be compiled by numba.njit")
    require(isinstance(args, (tuple, list)), "args", args, "must be a tuple")
    energy = lambda x: -as_number("log_density", log_density(x, *args))

    def walk_of(rng):
        def walk(x, C, s, n):
            with warnings.catch_warnings():  # of an interruption only the whole run tells
                warnings.filterwarnings("ignore", "interrupted after")
                return random_walk(log_density, args, x, s * np.sqrt(C) if C.ndim == 1 else s**2 * C, n, rng)

        return walk

    return run(walk_of, energy, start, draws, rng, KINDS["random walk"], plan)
