r"""Banded alignment: two sequences side by side, neither far ahead of the other.

    E(d, w)       = min over monotone paths in the band of sum of d
    dE/dd(i, j)   = [best path passes (i, j)]
    F(d, w, beta) = -(1/beta) log sum over these paths of e^{-beta sum of d}
    dF/dd(i, j)   = P(path passes (i, j))

alignment lets one moment of a word fit a hundred of its template.  That is seldom meant, and a table of n
by m pairs costs n m steps.  A band allows the pairs near the diagonal alone:

    min(0, n - m) - w  <=  i - j  <=  max(0, n - m) + w

The first pair has i - j = 0, the last n - m: the band reaches w steps beyond the two diagonals that begin
there, and all between.  So it holds both, and a path, for any lengths and any width w >= 0 on this page.
Of a square table w = 0 leaves the diagonal, and w >= n - 1 everything.  A path that leaves the band is
not there, in E and in F: pairs outside are never read.

F rounds as it does without a band (alignment.py), and keeps 64 (u C + eta), not 4.

Where the lengths differ no two libraries agree:

    here, tslearn            the rule above
    dtaidistance             the same, but `window` counts the diagonal: w + 1
    librosa                  likewise; w + 1 is a share of the shorter length
    Sakoe and Chiba, R dtw   |i - j| <= w: lengths may not differ by more
    R dtw slantedBand, pyts  about the line from the first pair to the last

Source: Sakoe and Chiba (1978), Section II, the adjustment window; Cuturi and Blondel (2017), equations
(1)-(2), for F.
"""

import autograd.numpy as np

from ebm_ref.checks import require_count, require_positive
from ebm_ref.energies.alignment import (
    NO_TABLES,
    alignment,
    alignment_gradient,
    soft_alignment,
    soft_alignment_gradient,
)
from ebm_ref.energies.alignment import rules as check_distances
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import UNIT, condition, homogeneous, misfit


def banded_alignment(distances, width: int):
    """Energy of the best alignment inside a band.

    Parameters
    ----------
    distances : (n, m) float
        d(i, j), of any sign; +inf forbids a pair.  A NaN inside the band gives a NaN.
    width : int
        w >= 0: how many steps beyond the diagonals of the first and the last pair a path may go.

    Returns
    -------
    float
        Sum of d along the best path; +inf where every path is forbidden.

    Raises ValueError if there is no row or no column, if a distance is -inf, or if the width is negative.

    >>> d = np.array([[1.0, 0.0, 0.0], [9.0, 9.0, 0.0], [9.0, 9.0, 1.0]])
    >>> [float(banded_alignment(d, w)) for w in (0, 1, 2)]
    [11.0, 2.0, 2.0]
    """
    d, w = FORMULA.checked(distances, width)
    return alignment(inside(d, w))


def banded_alignment_gradient(distances, width: int):
    """dE/dd, shape (n, m): 1 on the best path; 0 outside the band, and where every path is forbidden."""
    d, w = FORMULA.checked(distances, width)
    return alignment_gradient(inside(d, w))


def banded_soft_alignment(distances, width: int, beta=1.0):
    """Free energy of all alignments inside a band.

    Parameters
    ----------
    distances : (n, m) float
        d(i, j), of any sign; +inf forbids a pair.  A NaN inside the band gives a NaN.
    width : int
        w >= 0: how many steps beyond the diagonals of the first and the last pair a path may go.
    beta : float
        Inverse temperature, > 0, in units of 1/distance.

    Returns
    -------
    float
        At most the energy of the best alignment inside the band.

    Raises ValueError if there is no row or no column, if a distance is -inf, if the width is negative, or
    if beta is not positive and finite.

    >>> [float(np.exp(-banded_soft_alignment(np.zeros((3, 3)), w)).round(9)) for w in (0, 1, 2)]  # paths
    [1.0, 11.0, 13.0]
    """
    d, w, beta = SOFT.checked(distances, width, beta)
    return soft_alignment(inside(d, w), beta)


def banded_soft_alignment_gradient(distances, width: int, beta=1.0):
    """dF/dd, shape (n, m): the probability that a path passes; 0 outside the band."""
    d, w, beta = SOFT.checked(distances, width, beta)
    return soft_alignment_gradient(inside(d, w), beta)


def inside(d, w):
    """The table, with +inf outside the band.

    >>> inside(np.ones((2, 3)), 0).tolist()
    [[1.0, 1.0, inf], [inf, 1.0, 1.0]]
    """
    n, m = d.shape
    ahead = np.arange(n)[:, None] - np.arange(m)
    return np.where((ahead >= min(0, n - m) - w) & (ahead <= max(0, n - m) + w), d, np.inf)


def rules(distances, width):
    """A table, and a width."""
    check_distances(distances)
    require_count("width", width, 0)


def soft_rules(distances, width, beta):
    """The same, at a temperature."""
    rules(distances, width)
    require_positive("beta", beta)


def backwards_the_same(formula, inputs, rng):
    """Read backwards, both sequences, the result is the same."""
    return misfit(formula, inputs, inputs | {"distances": inputs["distances"][::-1, ::-1]})


def either_first(formula, inputs, rng):
    """Which of the two sequences is the first does not matter."""
    return misfit(formula, inputs, inputs | {"distances": inputs["distances"].T})


def outside_is_not_read(formula, inputs, rng):
    """What stands outside the band changes nothing, not even a NaN."""
    d = inputs["distances"]
    changed = np.where(np.isinf(inside(d, inputs["width"])), np.nan, d)
    return 0.0 if formula.value(**inputs | {"distances": changed}) == formula.value(**inputs) else np.inf


def falls_with_the_width(formula, inputs, rng):
    """A wider band has more paths: the result does not rise."""
    wider = inputs | {"width": inputs["width"] + 1}
    rise = formula.value(**wider) - formula.value(**inputs)
    return max(0.0, rise) / (16 * UNIT * condition(formula, inputs))


def random_table(rng):
    """Distances of two or three moments to two to four others, and a width of 0 or 1."""
    return {
        "distances": rng.uniform(0.0, 3.0, size=rng.integers((2, 2), (4, 5))),
        "width": int(rng.integers(2)),
    }


LAWS = (backwards_the_same, either_first, outside_is_not_read, falls_with_the_width)
CORNER = np.array([[1.0, 0.0, 0.0], [9.0, 9.0, 0.0], [9.0, 9.0, 1.0]])
LONG = np.array([[1.0, 0.0, 5.0, 0.0], [9.0, 9.0, 2.0, 1.0]])


def _within(d, is_inside):
    """The table, with +inf where a rule of (i, j, n, m) does not hold."""
    n, m = d.shape
    return np.where([[is_inside(i, j, n, m) for j in range(m)] for i in range(n)], d, np.inf)


def _square(d, w):
    """|i - j| <= w."""
    return _within(d, lambda i, j, n, m: abs(i - j) <= w)


def _slanted(d, w):
    """w about the line from the first pair to the last, measured along the second sequence."""
    return _within(d, lambda i, j, n, m: abs(i * (m - 1) / max(n - 1, 1) - j) <= w)


def _counting_the_diagonal(d, w):
    """A width of 1 is the diagonal; 0 is no band."""
    return inside(d, w - 1 if w else max(d.shape))


OTHER_BANDS = {  # {name: (the table with +inf outside, symptom)}
    "at least the difference of the lengths wide": (
        lambda d, w: _within(d, lambda i, j, n, m: abs(i - j) <= max(w, abs(n - m))),
        "the same for square tables; on the shorter side wider than w",
    ),
    "difference of the lengths added to the width": (
        lambda d, w: _within(d, lambda i, j, n, m: abs(i - j) <= w + abs(n - m)),
        "the same for square tables; on the shorter side wider than w",
    ),
    "strictly within the band": (
        lambda d, w: inside(d, w - 1),
        "< for <=: no path at all where the width is 0",
    ),
    "band slanted, measured along the first sequence": (
        lambda d, w: _within(d, lambda i, j, n, m: abs(i - j * (n - 1) / max(m - 1, 1)) <= w),
        "the same for square tables; where the lengths differ, as many rows in each column",
    ),
}


FORMULA = Formula(
    value=banded_alignment,
    signature="(n,m),()->()",
    source="sakoe1978, Section II",
    gradients={"distances": banded_alignment_gradient},
    sample=random_table,
    laws=(*LAWS, homogeneous(1, distances=1)),
    cases={  # (distances, width), E, dE/dd, the mistake that it exposes
        "no width: the diagonal": Case((CORNER, 0), 11.0, np.eye(3), "band ignored"),
        "a width of one: round the corner, one step off": Case(
            (CORNER, 1), 2.0, [[1.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 1.0]], "width counts the diagonal"
        ),
        "twice as long: the band is between two diagonals": Case(
            (LONG, 0),
            4.0,
            [[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]],
            "distance from the square's diagonal",
        ),
        "twice as long, one step beyond": Case(
            ([[1.0, 0.0, 0.0, 0.0], [9.0, 9.0, 9.0, 1.0]], 1),
            2.0,
            [[1.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]],
            "band about the slanted diagonal",
        ),
        "the other way round": Case((LONG.T, 0), 4.0, [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]),
        "squared distances, of which some take the root": Case(
            ([[1.0, 9.0], [0.0, 3.0]], 1), 4.0, exposes="root of the sum"
        ),
        "one pair": Case(([[2.5]], 0), 2.5, np.ones((1, 1))),
        "one row: no choice, whatever the width": Case(([[1.0, 2.0, 4.0]], 0), 7.0, np.ones((1, 3))),
        "forbidden inside, allowed outside: no way": Case(
            ([[1.0, 1.0], [1.0, np.inf]], 0), np.inf, np.zeros((2, 2))
        ),
        "not a number outside the band is not read": Case(
            ([[1.0, np.nan], [np.nan, 1.0]], 0), 2.0, np.eye(2)
        ),
        "not a number inside": Case(([[1.0, 0.0], [0.0, np.nan]], 0), np.nan, np.full((2, 2), np.nan)),
    },
    variants={
        "distance from the square's diagonal": Convention(
            lambda d, w: alignment(_square(d, w)),
            {"distances": lambda d, w: alignment_gradient(_square(d, w))},
            seen_in="Sakoe and Chiba (1978), Section II; R package dtw, sakoeChibaWindow; FastTSDistances, "
            "documentation of DTWDistSakoeChibaMult_fast",
            symptom="no alignment at all where the lengths differ by more than w",
        ),
        "band about the slanted diagonal": Convention(
            lambda d, w: alignment(_slanted(d, w)),
            {"distances": lambda d, w: alignment_gradient(_slanted(d, w))},
            seen_in="pyts, tighter than tslearn, github.com/johannfaouzi/pyts/issues/76; R package dtw, "
            "slantedBandWindow, whose line is j = i m/n, counted from 1",
            symptom="the same for square tables; where the lengths differ, fewer pairs",
        ),
        "width counts the diagonal": Convention(
            lambda d, w: alignment(_counting_the_diagonal(d, w)),
            {"distances": lambda d, w: alignment_gradient(_counting_the_diagonal(d, w))},
            seen_in="dtaidistance, github.com/wannesm/dtaidistance/issues/227; librosa, fill_off_diagonal",
            symptom="a window of 6 allows shifts of 5",
        ),
        "root of the sum": Convention(
            lambda d, w: np.sqrt(banded_alignment(d, w)),
            {
                "distances": lambda d, w: (
                    banded_alignment_gradient(d, w) / (2.0 * np.sqrt(banded_alignment(d, w)))
                )
            },
            seen_in="tslearn, documentation of tslearn.metrics.dtw: of squared distances",
        ),
        "band ignored": Mistake(
            lambda d, w: alignment(d),
            {"distances": lambda d, w: alignment_gradient(d)},
            symptom="never more than the truth, and less where the best path strays",
        ),
        **{
            name: Mistake(lambda d, w, table=table: alignment(table(d, w)), symptom=symptom)
            for name, (table, symptom) in OTHER_BANDS.items()
        },
        "0 for infinity outside": Mistake(
            lambda d, w: alignment(_filled(d, w)),
            lambda d, w: alignment_gradient(_filled(d, w)) * (inside(d, w) < np.inf),
            symptom="a table of zeros filled within the band: the way around it costs nothing",
        ),
        "the best path, if it stays within": Mistake(
            lambda d, w: alignment(d) if alignment(inside(d, w)) == alignment(d) else np.inf,
            banded_alignment_gradient,
            symptom="the band as a filter: no answer where the best path leaves it",
        ),
    },
    rules=rules,
    refuses={name: ((*row, 0), blamed) for name, (row, blamed) in NO_TABLES.items()}
    | {
        "a negative width": ((np.zeros((2, 2)), -1), "width"),
        "a width that is not whole": ((np.zeros((2, 2)), 0.5), "width"),
    },
)

SOFT = Formula(
    value=banded_soft_alignment,
    signature="(n,m),(),()->()",
    source="sakoe1978, Section II; cuturi2017, equations (1)-(2)",
    gradients={"distances": banded_soft_alignment_gradient},
    sample=lambda rng: random_table(rng) | {"beta": rng.uniform(0.3, 3.0)},
    laws=(*LAWS, homogeneous(1, distances=1, beta=-1)),
    cases={  # (distances, width, beta), F, dF/dd, the mistake that it exposes
        "no width: one path": Case((CORNER, 0, 1.0), 11.0, np.eye(3), "band ignored"),
        "eleven paths of thirteen": Case(
            (np.zeros((3, 3)), 1, 1.0),
            -np.log(11.0),
            np.array([[11.0, 4.0, 0.0], [4.0, 9.0, 4.0], [0.0, 4.0, 11.0]]) / 11.0,
            "the best path alone",
        ),
        "colder": Case((np.zeros((3, 3)), 1, 4.0), -np.log(11.0) / 4.0, exposes="gamma for beta"),
        "two by four: five paths between the diagonals": Case(
            (np.zeros((2, 4)), 0, 1.0),
            -np.log(5.0),
            np.array([[5.0, 4.0, 2.0, 0.0], [0.0, 2.0, 4.0, 5.0]]) / 5.0,
        ),
        "a detour outside is not there": Case(([[0.0, -9.0], [-9.0, 0.0]], 0, 1.0), 0.0, np.eye(2)),
        "no way through": Case(([[1.0, 1.0], [1.0, np.inf]], 0, 1.0), np.inf, np.zeros((2, 2))),
        "not a number": Case(([[1.0, 0.0], [0.0, np.nan]], 0, 1.0), np.nan, np.full((2, 2), np.nan)),
    },
    variants={
        "gamma for beta": Convention(
            lambda d, w, beta=1.0: banded_soft_alignment(d, w, 1.0 / beta),
            {"distances": lambda d, w, beta=1.0: banded_soft_alignment_gradient(d, w, 1.0 / beta)},
            seen_in="Cuturi and Blondel (2017), equation (1); tslearn, documentation of soft_dtw",
            symptom="gamma is a temperature: larger is softer",
        ),
        "band ignored": Mistake(
            lambda d, w, beta=1.0: soft_alignment(d, beta),
            {"distances": lambda d, w, beta=1.0: soft_alignment_gradient(d, beta)},
            symptom="too low: paths are counted that stray",
        ),
        "the best path alone": Mistake(
            lambda d, w, beta=1.0: banded_alignment(d, w),
            symptom="the limit beta -> infinity: too high by the logarithm of how many share the path",
        ),
        "distance from the square's diagonal": Mistake(
            lambda d, w, beta=1.0: soft_alignment(_square(d, w), beta),
            symptom="infinite where the lengths differ by more than w",
        ),
        "band about the slanted diagonal": Mistake(
            lambda d, w, beta=1.0: soft_alignment(_slanted(d, w), beta),
            symptom="the same for square tables; where the lengths differ, fewer pairs",
        ),
        **{
            name: Mistake(
                lambda d, w, beta=1.0, table=table: soft_alignment(table(d, w), beta), symptom=symptom
            )
            for name, (table, symptom) in OTHER_BANDS.items()
        },
        "0 for infinity outside": Mistake(
            lambda d, w, beta=1.0: soft_alignment(_filled(d, w), beta),
            lambda d, w, beta=1.0: soft_alignment_gradient(_filled(d, w), beta) * (inside(d, w) < np.inf),
            symptom="a table of zeros filled within the band: the ways around it cost nothing",
        ),
    },
    keeps=64.0,
    rules=soft_rules,
    refuses={name: ((*row, 0), blamed) for name, (row, blamed) in NO_TABLES.items()}
    | {
        "a negative width": ((np.zeros((2, 2)), -1), "width"),
        "no temperature": ((np.zeros((2, 2)), 0, 0.0), "beta"),
        "a temperature of 0": ((np.zeros((2, 2)), 0, np.inf), "beta"),
    },
)


def _filled(d, w):
    """The table with 0 outside the band."""
    return np.where(inside(d, w) < np.inf, d, 0.0)
