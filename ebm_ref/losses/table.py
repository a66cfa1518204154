r"""The energy table: everything that a loss may look at.

    E = (E_0, ..., E_{k-1}),      y = index of the correct answer,      k >= 2

A loss sees neither the input nor the parameters: only the energy of every answer, and which answer is
correct.  So it can be defined, differentiated and tested without any model.  An energy may be +inf, which
marks an impossible answer.  If every energy is +inf, or one is -inf, a loss that subtracts energies is
undefined: NaN.

Here is what all pages of losses share: what they refuse, and tables to try them on.  That integrals are
tables too: integral_table.py.

Source: LeCun et al. (2006), Section 2.1 (the energy slice).
"""

import autograd.numpy as np

from ebm_ref.checks import require, require_index, require_positive


def check_table(energies, label, *parameters):
    """What every loss refuses: fewer than 2 answers, and a label that is none of 0..k-1."""
    require(len(energies) >= 2, "energies", energies, "must hold k >= 2 answers, one correct and one wrong")
    require_index("label", label, len(energies))


def check_tempered(energies, label, beta):
    """What every loss at a temperature refuses: no table, and a beta that is no inverse temperature."""
    check_table(energies, label)
    require_positive("beta", beta)


def check_margin(energies, label, margin):
    """What every loss with a margin refuses: no table, and a margin below 0."""
    check_table(energies, label)
    require(margin >= 0.0, "margin", margin, "must be >= 0")


NO_TABLES = {  # (energies, label), the argument to blame; parameters keep their defaults
    "a label beyond the answers": (([1.0, 2.0], 2), "label"),
    "a label counted from the end": (([1.0, 2.0], -1), "label"),
    "one answer": (([1.0], 0), "energies"),
    "no answer": (([], 0), "energies"),
}

NO_MARGINS = {  # (energies, label, margin), the argument to blame
    "a negative margin": (([1.0, 2.0], 0, -1.0), "margin"),
    "a margin that is no number": (([1.0, 2.0], 0, np.nan), "margin"),
}

NO_TEMPERATURES = {  # (energies, label, beta), the argument to blame
    "infinitely hot": (([1.0, 2.0], 0, 0.0), "beta"),
    "a negative temperature": (([1.0, 2.0], 0, -1.0), "beta"),
    "infinitely cold": (([1.0, 2.0], 0, np.inf), "beta"),
    "no number": (([1.0, 2.0], 0, np.nan), "beta"),
}


def random_table(rng):
    """A table in general position: 2 to 5 distinct energies of either sign, any of them correct."""
    k = int(rng.integers(2, 6))
    return {"energies": rng.normal(scale=2.0, size=k), "label": int(rng.integers(k))}
