r"""The most offending incorrect answer: the wrong answer with the lowest energy.

    o = argmin_{j != y} E_j

It is the answer that the model is most tempted to give by mistake.  Half of all losses look at no
other wrong answer.  Of answers from a continuum: offending_outside.py.

Source: LeCun et al. (2006), Section 2.2, Definition 1.
"""

import autograd.numpy as np

from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.losses.table import NO_TABLES, check_table, random_table


def most_offending(energies, label: int):
    """Index of the most offending incorrect answer.

    Parameters
    ----------
    energies : (k,) float, k >= 2
        Energy E_j of each answer; +inf marks an impossible one.
    label : int
        Index y of the correct answer.

    Returns
    -------
    int
        o = argmin_{j != y} E_j; ties go to the lowest index; the first NaN where there is one.

    Raises ValueError if k < 2, or if `label` is not in 0..k-1.

    Document example, a picture of a dog among flower, dog, people, fish:

    >>> int(most_offending(-np.log(np.array([0.01, 0.70, 0.20, 0.09])), label=1))  # people
    2
    """
    E, y = FORMULA.checked(energies, label)
    return offender(E, y)


def offender(E, y):
    """argmin_{j != y} E_j of a table that was checked."""
    wrong = np.concatenate([E[:y], E[y + 1 :]])
    o = np.argmin(wrong)
    return o + (o >= y)  # the indices above y have moved down by one


def offenders(E, y):
    """The energies of the wrong answers, +inf in place of the right one."""
    return np.where(np.arange(len(E)) == y, np.inf, E)


DOG = {"energies": -np.log(np.array([0.01, 0.70, 0.20, 0.09])), "label": 1}

FORMULA = Formula(
    value=most_offending,
    signature="(k),()->()",
    source="lecun2006, Definition 1",
    sample=random_table,
    cases={  # (energies, label), o, the mistake that it exposes
        "flower, dog, people, fish: the dog is most often taken for people": Case(
            DOG, 2, exposes="highest energy instead of lowest"
        ),
        "the correct answer is lowest, and is not an offender": Case(
            ([0.0, 2.0, 1.0], 0), 2, exposes="correct answer not left out"
        ),
        "a tie goes to the lowest index": Case(([3.0, 1.0, 1.0], 0), 1),
        "two lowest, exactly alike": Case(
            ([0.5, 1.0, 0.25, 0.25], 1), 2, exposes="ties go to the highest index"
        ),
        "all alike": Case(([0.5, 0.5, 0.5], 0), 1, exposes="ties go to the highest index"),
        "an impossible answer is no temptation": Case(([np.inf, 0.0, 5.0], 1), 2),
        "not a number prevails": Case(([0.0, 1.0, np.nan], 0), 2),
    },
    variants={
        "highest energy instead of lowest": Mistake(
            lambda E, y: int(np.argmax(np.where(np.arange(len(E)) == y, -np.inf, E))),
            seen_in="NYU DLSP20 week 11-2, Chinese text: wrong answers are pulled up 'especially if higher'",
            symptom="training pulls up answers that nobody would give",
        ),
        "correct answer not left out": Mistake(
            lambda E, y: int(np.argmin(E)),
            symptom="once the model is right, the answer offends itself and margin losses stop at E_o = E_y",
        ),
        "ties go to the highest index": Convention(
            lambda E, y: int(np.flatnonzero(offenders(E, y) == np.min(offenders(E, y)))[-1]),
            seen_in="a search that ends with `if E[j] <= lowest`",
            symptom="where energies are tied exactly, another answer is pulled up",
        ),
        "place among the wrong answers alone": Mistake(
            lambda E, y: int(np.argmin(np.delete(E, y))),
            symptom="np.argmin(np.delete(E, y)): one too low where the offender stands behind y",
        ),
    },
    rules=check_table,
    refuses=NO_TABLES,
)
