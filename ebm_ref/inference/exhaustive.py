r"""Exhaustive search: try every answer.

    y* = argmin_y E(y),    o = argmin_{j != y} E(j)
    log Z = log sum_y e^{-beta E(y)}

Inference means to find the answer of lowest energy.  Where the answers can be listed there is nothing
to it, and nothing to go wrong: this page judges the cleverer ones.  Answers that consist of parts are
listed by `itertools.product`; there are soon too many.

An energy is a table, one number per answer, or a function of the answer together with the list of
answers.  +inf marks an answer that is impossible; some answer must be possible.  Of equals the first
wins.  The probabilities are those of the Gibbs distribution, p = e^{-beta E} / Z.

Source: LeCun et al. (2006), equations 1 (inference) and 2 (Gibbs), Definition 1 (offender).
"""

import numpy as np

from ebm_ref.checks import require, require_positive
from ebm_ref.losses.offending import most_offending
from ebm_ref.numerics import logsumexp


def table_of(energy, answers=None):
    """The energy of every answer.

    Parameters
    ----------
    energy : (k,) float, or callable (answer) -> float
        A table, or a function to tabulate.
    answers : sequence of length k
        The answers; needed for a function, names for a table.

    Returns
    -------
    (k,) float
        A new array; k >= 1.

    Raises
    ------
    ValueError
        If there is no answer or none is possible, if an energy is NaN or -inf, or if the two do not fit.

    >>> table_of(lambda y: (y - 1.5) ** 2, [0, 1, 2]).tolist()
    [2.25, 0.25, 0.25]
    """
    if callable(energy):
        require(
            answers is not None, "answers", answers, "must list the answers when the energy is a function"
        )
        energy = [energy(answer) for answer in answers]
    table = np.array(energy, float)
    require(
        table.ndim == 1 and len(table) >= 1,
        "energies",
        table,
        "must be one number for each of k >= 1 answers",
    )
    fits = answers is None or len(answers) == len(table)
    require(fits, "answers", answers, f"must be as many as the energies, {len(table)}")
    require(not np.any(np.isnan(table)), "energies", table, "must not be NaN")
    require(np.min(table) > -np.inf, "energies", table, "must be above -inf")
    require(np.min(table) < np.inf, "energies", table, "must leave at least one answer possible, below +inf")
    return table


def energy_at(energy, y):
    """E(y) of one answer: a number that is neither NaN nor -inf; in searches, which try answers one by one.

    >>> energy_at(lambda y: y[0] ** 2, np.array([3.0]))
    9.0
    """
    E = energy(y)
    require(np.ndim(E) == 0, "energy", E, f"must be one number, at answer {y}")
    require(E > -np.inf, "energy", E, f"must be neither NaN nor -inf, at answer {y}")
    return float(E)


def argmin(energy, answers=None):
    """Index of the answer of lowest energy; of equals the lowest.

    >>> argmin(lambda y: (y - 1.5) ** 2, [0, 1, 2])
    1
    """
    return int(np.argmin(table_of(energy, answers)))


def minimum(energy, answers=None):
    """The lowest energy, which `argmin` has.

    >>> minimum(lambda y: (y - 1.5) ** 2, [0, 1, 2])
    0.25
    """
    return float(np.min(table_of(energy, answers)))


def offender(energy, label, answers=None):
    """Index of the most offending answer: the lowest but for the correct one, of index `label`.

    >>> offender(lambda y: (y - 1.5) ** 2, 1, [0, 1, 2])
    2
    """
    return int(most_offending(table_of(energy, answers), label))


def log_partition(energy, answers=None, beta=1.0):
    """log Z = log sum_y e^{-beta E(y)}, neither over- nor underflowing.

    >>> round(log_partition([1000.0, 1000.0]), 9)
    -999.306852819
    """
    require_positive("beta", beta)
    table = table_of(energy, answers)
    lowest = np.min(table)
    with np.errstate(over="ignore"):  # what is that far up has no weight
        return float(logsumexp(beta * (lowest - table)) - beta * lowest)
