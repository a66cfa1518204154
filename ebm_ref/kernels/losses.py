r"""The table losses for training loops: value and gradient of a whole batch in one pass.

    hinge_value_and_gradient(energies, labels, margin)  ->  (b,) losses, (b, k) gradient

Each kernel says again, as a loop over one row, what its page says, so that nothing is read twice from
memory and nothing but the results is written to it.  A page takes ten or twenty calls of NumPy for a
sample; a kernel takes less than one for a batch.  The pages stay the truth: tests hold each kernel to
its page.

    energies, logits     (b, k) numbers
    labels               (b,) integers in 0..k-1
    margin, beta, ...    one number for the batch; costs also (k,) for all samples, or (b, k)

Legal input, NaN, corners and ties are the page's; what is returned is float64, and new.

Source: the pages of losses/, and criteria/cross_entropy.py.
Before: batch.py.  Next: ctc.py.
"""

import math

import numpy as np
from numba import njit

from ebm_ref.criteria import cross_entropy
from ebm_ref.formula import require, require_number
from ebm_ref.kernels.batch import as_integers, as_numbers, over_rows, refuse
from ebm_ref.kernels.exponential import exponential
from ebm_ref.losses import (
    energy,
    generalized_hinge,
    hinge,
    log,
    lvq2,
    lvq2_ratio,
    margin_rescaled_hinge,
    mce,
    mee,
    nll,
    perceptron,
    square_exponential,
    square_square,
)

NO_PARAMETER = np.zeros((1, 1))

LEGAL = {
    "margin": lambda m: m >= 0.0,
    "cap": lambda M: M > 0.0,
    "beta": lambda beta: 0.0 < beta < np.inf,
    "delta": lambda delta: 0.0 < delta < np.inf,
    "gamma": lambda gamma: 0.0 < gamma < np.inf,
    "costs": lambda C: np.all(np.asarray(C) >= 0.0),
}


def energy_value_and_gradient(energies, labels):
    """Energy losses of a batch: losses/energy.py."""
    return _batch(energy.energy, _energy, energies, labels)


def perceptron_value_and_gradient(energies, labels):
    """Perceptron losses of a batch: losses/perceptron.py."""
    return _batch(perceptron.perceptron, _perceptron, energies, labels)


def hinge_value_and_gradient(energies, labels, margin=1.0):
    """Hinge losses of a batch: losses/hinge.py.

    >>> losses, gradient = hinge_value_and_gradient([[1.0, 3.0, 1.5], [0.0, 4.0, 9.0]], [0, 0])
    >>> losses.tolist(), gradient.tolist()
    ([0.5, 0.0], [[1.0, 0.0, -1.0], [0.0, 0.0, 0.0]])
    """
    return _batch(hinge.hinge, _hinge, energies, labels, margin=margin)


def log_value_and_gradient(energies, labels, beta=1.0):
    """Log losses of a batch: losses/log.py."""
    return _batch(log.log, _log, energies, labels, beta=beta)


def mce_value_and_gradient(energies, labels):
    """Minimum classification error losses of a batch: losses/mce.py."""
    return _batch(mce.mce, _mce, energies, labels)


def lvq2_value_and_gradient(energies, labels, cap=1.0):
    """LVQ2 losses of a batch, capped differences: losses/lvq2.py."""
    return _batch(lvq2.lvq2, _lvq2, energies, labels, cap=cap)


def lvq2_ratio_value_and_gradient(energies, labels, delta=0.5):
    """LVQ2 losses of a batch, capped ratios: losses/lvq2_ratio.py."""
    return _batch(lvq2_ratio.lvq2_ratio, _lvq2_ratio, energies, labels, delta=delta)


def square_square_value_and_gradient(energies, labels, margin=1.0):
    """Square-square losses of a batch: losses/square_square.py."""
    return _batch(square_square.square_square, _square_square, energies, labels, margin=margin)


def square_exponential_value_and_gradient(energies, labels, gamma=1.0):
    """Square-exponential losses of a batch: losses/square_exponential.py."""
    return _batch(square_exponential.square_exponential, _square_exponential, energies, labels, gamma=gamma)


def nll_value_and_gradient(energies, labels, beta=1.0):
    """Negative log-likelihoods of a batch, over beta: losses/nll.py."""
    return _batch(nll.nll, _nll, energies, labels, beta=beta)


def mee_value_and_gradient(energies, labels, beta=1.0):
    """Minimum empirical error losses of a batch: losses/mee.py."""
    return _batch(mee.mee, _mee, energies, labels, beta=beta)


def generalized_hinge_value_and_gradient(energies, labels, costs=1.0):
    """Generalised hinge losses of a batch: losses/generalized_hinge.py."""
    return _batch(generalized_hinge.generalized_hinge, _generalized_hinge, energies, labels, costs=costs)


def margin_rescaled_hinge_value_and_gradient(energies, labels, costs=1.0):
    """Margin-rescaled hinge losses of a batch: losses/margin_rescaled_hinge.py."""
    page = margin_rescaled_hinge.margin_rescaled_hinge
    return _batch(page, _margin_rescaled_hinge, energies, labels, costs=costs)


def cross_entropy_value_and_gradient(logits, labels):
    """Cross-entropies of a batch: criteria/cross_entropy.py."""
    return _batch(cross_entropy.cross_entropy, _cross_entropy, logits, labels, table="logits", least=1)


def _batch(page, kernel, rows, labels, table="energies", least=2, **parameter):
    """Losses and gradient of a batch, or what the page says of the first sample that is not legal."""
    rows = as_numbers(table, rows, ("b", "k"))
    b, k = rows.shape
    given = np.asarray(labels)
    numbers, legal = _numbers(parameter, b, k)
    sample = lambda i: (rows[i], given[i], *(numbers[i % len(numbers)] for _ in parameter))
    require(given.shape == (b,), "labels", given, f"has shape {given.shape}, but must be ({b},)")
    if b and given.dtype.kind not in "iu":
        refuse(page, sample(0), 0)
    ...
