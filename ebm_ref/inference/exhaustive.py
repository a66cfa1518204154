r"""Exhaustive search: try every answer.

    y*    = argmin_y E(y)
    o     = argmin_{j != y} E(j)
    log Z = log sum_y e^{-beta E(y)}

Inference means to find the answer of lowest energy.  Where the answers can be listed there is nothing
to it, and nothing can go wrong: this page judges the pages of cleverer searches.  Answers that consist
of parts are listed by `itertools.product`; soon there are too many.

An energy is a table, one number for each answer, or a function of the answer together with the list of
answers.  +inf marks an impossible answer; some answer must be possible.  Ties go to the first.  Z is what
the weights e^{-beta E} of the Gibbs distribution must be divided by.

Source: LeCun et al. (2006), equations 1 (inference) and 2 (Gibbs), Definition 1 (offender).
"""

import numpy as np

from ebm_ref.checks import as_real, real, require, require_positive
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

    Raises ValueError if there is no answer or none is possible, if an energy is NaN or -inf, or if the
    two do not fit.

    >>> table_of(lambda y: (y - 1.5) ** 2, [0, 1, 2]).tolist()
    [2.25, 0.25, 0.25]
    """
    answers = None if answers is None else listed("answers", answers)
    if callable(energy):
        require(
            answers is not None, "answers", answers, "must list the answers when the energy is a function"
        )
        energy = [energy(answer) for answer in answers]
    table = possible_table("energies", energy)
    fits = answers is None or len(answers) == len(table)
    require(fits, "answers", answers, f"must be as many as the energies, {len(table)}")
    return table


def possible_table(argument, energies):
    """A table of k >= 1 energies, as a new array: none NaN or -inf, and not all +inf."""
    table = np.array(real(argument, energies, "k"))
    require(len(table) >= 1, argument, table, "must be one number for each of k >= 1 answers")
    require(not np.any(np.isnan(table)), argument, table, "must not be NaN")
    require(np.min(table) > -np.inf, argument, table, "must be above -inf")
    require(np.min(table) < np.inf, argument, table, "must leave at least one answer possible, below +inf")
    return table


def listed(argument, values):
    """The values as a list, in their order; what cannot be listed is refused.

    >>> listed("answers", 3)
    Traceback (most recent call last):
        ...
    ValueError: answers = 3: must be a sequence
    """
    require(np.iterable(values), argument, values, "must be a sequence")
    return list(values)


def energy_at(energy, y):
    """E(y) of one answer, for searches that try them one by one: a number that is neither NaN nor -inf.

    >>> energy_at(lambda y: y[0] ** 2, np.array([3.0]))
    9.0
    """
    E = as_real("energy", energy(y))
    require(np.ndim(E) == 0, "energy", E, f"must be one number, at answer {y}")
    require(E > -np.inf, "energy", E, f"must be neither NaN nor -inf, at answer {y}")
    return float(E)


def argmin(energy, answers=None):
    """Index of the answer of lowest energy; ties go to the first.

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
    beta = real("beta", beta)
    require_positive("beta", beta)
    table = table_of(energy, answers)
    lowest = np.min(table)
    with np.errstate(over="ignore"):  # what lies so far up that this overflows has no weight
        return float(logsumexp(beta * (lowest - table)) - beta * lowest)
