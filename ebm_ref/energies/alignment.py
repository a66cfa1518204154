r"""Alignment: two sequences laid side by side, the energy of the best way to do so.

    D(i, j)     = d(i, j) + min(D(i-1, j-1), D(i-1, j), D(i, j-1))
    D(0, 0)     = 0,  D(i, 0) = D(0, j) = +inf elsewhere
    E(d)        = D(n, m) = min over monotone paths of the sum of d along it
    dE/dd(i, j) = [best path passes (i, j)]

    F(d)        = -(1/beta) log sum over monotone paths of e^{-beta sum of d}
    dF/dd(i, j) = P(path passes (i, j))

This is dynamic time warping.  d(i, j) says how badly moment i of a word fits moment j of a template; a
speaker may be slower here and faster there.  A path goes from the first pair to the last, one step at
a time: on in both sequences, on in the first, or on in the second.  The path is a latent variable, since
nobody says which moment belongs to which.  So its energy is minimised over, E, or marginalised, F: that is
soft-DTW, whose gamma is 1 / beta.  With a band around the diagonal: banded_alignment.py.

`monotone_paths` finds 1, 3, 13, 63, 321 paths if n = m = 1, 2, 3, 4, 5; the recursion needs n m steps.

Where one path is much better than all others, what these add to F is lost in a sum with the best one.  So
the sums take D(a, b) + d(i, j) - D(i, j) in place of d(i, j), what a step from (a, b) costs above the best
way in, and E is added last.  D is exact (levels.py), so that distances of 1e17 may cancel along a path.
Where all distances are equal, every step rounds the same way, so F keeps 64 (u C + eta), not 4.

Source: Sakoe and Chiba (1978), Section II; Cuturi and Blondel (2017), equations (1)-(2);
LeCun et al. (2006), Section 7.
"""

import autograd.numpy as np

from ebm_ref.checks import require, require_positive
from ebm_ref.energies import step_patterns
from ebm_ref.exact.levels import units_of
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import homogeneous, misfit
from ebm_ref.numerics import exact_sum, scaled_sum, value_of, with_slope


def alignment(distances):
    """Energy of the best alignment.

    Parameters
    ----------
    distances : (n, m) float
        d(i, j), of any sign; +inf forbids a pair.  A NaN gives a NaN.

    Returns
    -------
    float
        Sum of d along the best path; +inf where every path is forbidden.

    Raises ValueError if there is no row or no column, or if a distance is -inf.

    >>> float(alignment(np.array([[1.0, 5.0, 5.0], [5.0, 1.0, 1.0]])))  # the last step is on in one only
    3.0
    """
    (d,) = FORMULA.checked(distances)
    return along(d, best_path(d))


def alignment_gradient(distances):
    """dE/dd, shape (n, m): 1 on the best path; 0 where every path is forbidden."""
    (d,) = FORMULA.checked(distances)
    path = best_path(d)
    energy = along(d, path)
    g = np.full(d.shape, np.nan if np.isnan(energy) else 0.0)
    if energy < np.inf:
        g[path[:, 0], path[:, 1]] = 1.0
    return g


def along(d, path):
    """The sum of d along a path, rounded once; NaN where any distance is."""
    return np.nan if np.any(np.isnan(d)) else exact_sum(d[path[:, 0], path[:, 1]])


def best_path(d, diagonal=1):
    """(l, 2) pairs of the path of lowest energy; ties go to the path that, from its end, is diagonal longest.

    `diagonal` is how often a pair counts that is reached by a diagonal step.  Nothing is rounded, and a NaN
    is as if forbidden.

    >>> best_path(np.array([[0.0, 9.0], [9.0, 9.0], [9.0, 0.0]])).tolist()
    [[0, 0], [1, 0], [2, 1]]
    """
    return traced(searched(exactly(d)[0], diagonal), d.shape)


def exactly(d):
    """Distances as whole multiples of a unit (levels.py), and the units; NaN is as if forbidden."""
    d = value_of(d)
    units = units_of(np.where(np.isnan(d), 0.0, d), count=2 * sum(d.shape))
    return units.whole(np.where(np.isnan(d), np.inf, d)), units


def searched(whole, diagonal=1):
    """{pair: (D, where the best path to it comes from)}, of distances that are whole numbers."""
    D = {(0, 0): (whole[0, 0], None)}
    for i, j in [*np.ndindex(whole.shape)][1:]:
        once, ways = whole[i, j], predecessors(i, j)
        sums = [D[w][0] + (diagonal * once if w == (i - 1, j - 1) else once) for w in ways]
        lowest = min(sums)
        D[i, j] = lowest, ways[sums.index(lowest)]
    return D


def traced(D, shape):
    """(l, 2) pairs of the best path, from its end."""
    path = [(shape[0] - 1, shape[1] - 1)]
    while path[-1] != (0, 0):
        path.append(D[path[-1]][1])
    return np.array(path[::-1])


def predecessors(i, j):
    """Pairs from which a path may step to (i, j), the diagonal step first."""
    return [(a, b) for a, b in ((i - 1, j - 1), (i - 1, j), (i, j - 1)) if a >= 0 and b >= 0]


def monotone_paths(n, m):
    """Every path from (0, 0) to (n-1, m-1), as a list of pairs, by trying all steps.

    >>> [len(monotone_paths(n, n)) for n in (1, 2, 3, 4)]
    [1, 3, 13, 63]
    """
    if n == 1 and m == 1:
        return [[(0, 0)]]
    before = [(a, b) for a, b in ((n - 1, m - 1), (n - 1, m), (n, m - 1)) if a > 0 and b > 0]
    return [[*path, (n - 1, m - 1)] for a, b in before for path in monotone_paths(a, b)]


def rules(distances):
    """A table that is not empty, and no distance that would win whatever the others are."""
    require(distances.size > 0, "distances", distances, "must be (n, m); none empty")
    require(not np.any(distances == -np.inf), "distances", distances, "must not be -inf; +inf forbids")


def soft_alignment_as_printed(distances, beta=1.0):
    """The paper's recursion, with a soft minimum of three; what is e^-40 of a sum is lost in it.

    >>> float(soft_alignment_as_printed(np.array([[0.0, 40.0], [40.0, 0.0]])))  # it is -2 e^-40
    0.0
    """
    return step_patterns.from_the_border(*SOFT.checked(distances, beta), np.inf)


def soft_alignment(distances, beta=1.0):
    """Free energy of all alignments: soft-DTW.

    Parameters
    ----------
    distances : (n, m) float
        d(i, j), of any sign; +inf forbids a pair.  A NaN gives a NaN.
    beta : float
        Inverse temperature, > 0, in units of 1/distance.

    Returns
    -------
    float
        At most the energy of the best alignment, by up to log(number of paths) / beta.

    Raises ValueError if there is no row or no column, if a distance is -inf, or if beta is not positive
    and finite.

    >>> float(np.exp(-soft_alignment(np.zeros((3, 3)))).round(12))  # how many paths there are
    13.0
    """
    d, beta = SOFT.checked(distances, beta)
    whole, units = exactly(d)
    D = searched(whole)
    lowest = along(d, traced(D, d.shape))
    if not lowest < np.inf:
        return lowest
    c, r = arrivals(d, beta, lowest, costs_of(whole, units, D))[0][d.shape[0] - 1, d.shape[1] - 1]
    return lowest - (c + np.log1p(r)) / beta


def soft_alignment_gradient(distances, beta=1.0):
    """dF/dd, shape (n, m): the probability that the path passes the pair; 0 where every path is forbidden."""
    d, beta = SOFT.checked(distances, beta)
    (whole, units), (n, m) = exactly(d), d.shape
    D = searched(whole)
    lowest = along(d, traced(D, d.shape))
    g = np.full((n, m), np.nan if np.isnan(lowest) else 0.0)
    if not lowest < np.inf:
        return g
    _, ways = arrivals(d, beta, lowest, costs_of(whole, units, D))
    g[n - 1, m - 1] = 1.0
    for i, j in [(i, j) for i in range(n) for j in range(m)][:0:-1]:
        if g[i, j] > 0.0:  # handed on to the pairs it came from, each by its share
            c, r = ways[i, j]
            all_c, all_r = scaled_sum(c, r)
            shares = (1.0 + r) * np.exp(c - all_c) / (1.0 + all_r)
            for w, share in zip(predecessors(i, j), shares, strict=True):
                g[w] += g[i, j] * share
    return np.minimum(g, 1.0)


def costs_of(whole, units, D):
    """{(w, pair): what the step from w to the pair costs above the best way to the pair}."""
    steps = [(w, pair) for pair in D for w in predecessors(*pair)]
    costs = units.real([D[w][0] + whole[pair] - D[pair][0] for w, pair in steps])
    return dict(zip(steps, costs, strict=True))


def arrivals(d, beta, lowest, costs):
    """{(i, j): (c, r)} with sums over the paths up to there, and the same for each way in, as arrays.

    Sums of e^{-beta (E - lowest)}: the costs say all of it, and autograd sees the slopes of d and `lowest`.
    """
    ways, sums = {}, {(0, 0): (with_slope(0.0, beta * (lowest - d[0, 0])), 0.0)}
    for pair in [*np.ndindex(d.shape)][1:]:
        before = predecessors(*pair)
        c = [sums[w][0] - beta * with_slope(costs[w, pair], d[pair]) for w in before]
        ways[pair] = np.array(c), np.array([sums[w][1] for w in before])
        sums[pair] = scaled_sum(*ways[pair])
    return sums, ways


def soft_rules(distances, beta):
    """The same, at a temperature."""
    rules(distances)
    require_positive("beta", beta)


def backwards_the_same(formula, inputs, rng):
    """Read backwards, both sequences, the result is the same."""
    return misfit(formula, inputs, inputs | {"distances": inputs["distances"][::-1, ::-1]})


def passes_both_ends(formula, inputs, rng):
    """The gradient is 1 at the first pair and at the last, and between 0 and 1 everywhere."""
    g = formula.gradients["distances"](**inputs)
    ends = abs(g[0, 0] - 1.0) + abs(g[-1, -1] - 1.0)
    return ends / 2.0**-48 if np.all((g >= 0.0) & (g <= 1.0)) else np.inf


def counted_twice(distances):
    """The path of lowest energy where a pair reached diagonally counts twice, and what each pair counts."""
    path, counts = best_path(distances, 2), np.zeros(np.shape(distances))
    steps = np.concatenate([[1], np.diff(path, axis=0).sum(axis=1)])
    counts[path[:, 0], path[:, 1]] = steps
    return counts


STEPS = np.array([[1.0, 8.0, 8.0], [8.0, 2.0, 8.0], [8.0, 8.0, 4.0]])
SLOW = np.array([[1.0, 2.0, 9.0], [9.0, 9.0, 4.0]])

NO_TABLES = {  # (distances,), the argument to blame
    "no row": ((np.zeros((0, 3)),), "distances"),
    "no column": ((np.zeros((3, 0)),), "distances"),
    "a distance of -inf": (([[0.0, -np.inf]],), "distances"),
}

FORMULA = Formula(
    value=alignment,
    signature="(n,m)->()",
    source="sakoe1978, Section II; lecun2006, Section 7",
    gradients={"distances": alignment_gradient},
    sample=lambda rng: {"distances": rng.uniform(0.0, 3.0, size=((2, 2), (2, 3), (3, 2))[rng.integers(3)])},
    laws=(backwards_the_same, passes_both_ends, homogeneous(1, distances=1)),
    cases={  # (distances,), E, dE/dd, the mistake that it exposes
        "along the diagonal: on in both": Case((STEPS,), 7.0, np.eye(3), "no diagonal steps"),
        "slower than the template: two of its moments to one": Case(
            (SLOW,), 7.0, [[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]], "zeros around the table"
        ),
        "a longer path may be the cheaper one": Case(
            ([[1.0, 1.0], [9.0, -3.0]],), -2.0, [[1.0, 0.0], [0.0, 1.0]], "diagonal steps count twice"
        ),
        "negative distances invite detours": Case(
            ([[1.0, -2.0], [5.0, 4.0]],), 3.0, [[1.0, 1.0], [0.0, 1.0]]
        ),
        "squared distances: their root is taken by some": Case(
            ([[1.0, 9.0], [9.0, 3.0]],), 4.0, np.eye(2), "root of the sum"
        ),
        "a tie: the diagonal step is taken": Case(([[1.0, 0.0], [0.0, 1.0]],), 2.0, np.eye(2)),
        "one pair": Case(([[2.5]],), 2.5, np.ones((1, 1))),
        "one row: no choice": Case(([[1.0, 2.0, 4.0]],), 7.0, np.ones((1, 3))),
        "forbidden pairs are gone round": Case(([[1.0, 1.0], [np.inf, 1.0]],), 2.0, np.eye(2)),
        "no way through": Case(([[1.0, np.inf], [np.inf, np.inf]],), np.inf, np.zeros((2, 2))),
        "not a number": Case(([[0.0, np.nan], [0.0, 0.0]],), np.nan, np.full((2, 2), np.nan)),
    },
    variants={
        "diagonal steps count twice": Convention(
            lambda d: np.sum(counted_twice(d) * d),
            {"distances": counted_twice},
            seen_in="R package dtw, default step pattern symmetric2",
            symptom="the first pair counts once: all paths weigh n + m - 1",
        ),
        "root of the sum": Convention(
            lambda d: np.sqrt(alignment(d)),
            {"distances": lambda d: alignment_gradient(d) / (2.0 * np.sqrt(alignment(d)))},
            seen_in="tslearn, documentation of tslearn.metrics.dtw: of squared distances",
        ),
        "no diagonal steps": Mistake(
            lambda d: step_patterns.lowest_energy(d, ((1, 0), (0, 1)), np.inf),
            symptom="every path has n + m - 1 pairs: equal sequences are not at distance 0",
        ),
        "zeros around the table": Mistake(
            lambda d: step_patterns.lowest_energy(d, step_patterns.SYMMETRIC, 0.0),
            symptom="a path may begin anywhere on the first row or column",
        ),
        "diagonal steps and the first pair count twice": Convention(
            lambda d: np.sum(counted_twice(d) * d) + d[0, 0],
            {"distances": lambda d: counted_twice(d) + 1.0 * (np.arange(d.size) == 0).reshape(d.shape)},
            seen_in="Sakoe and Chiba (1978), Section II, symmetric form",
            symptom="all paths weigh n + m, so that energies can be divided by it",
        ),
        "the second sequence never waits": Mistake(
            lambda d: step_patterns.lowest_energy(d, ((1, 1), (0, 1)), np.inf),
            symptom="a step missing from the recursion: no path where the first is the longer",
        ),
        "the first sequence never waits": Mistake(
            lambda d: step_patterns.lowest_energy(d, ((1, 1), (1, 0)), np.inf),
            symptom="a step missing from the recursion: no path where the second is the longer",
        ),
        "begins and ends anywhere along the second": Mistake(
            lambda d: alignment(np.pad(d, ((1, 1), (0, 0)))),
            symptom="finds a word in a recording, whatever stands before and behind it",
        ),
        "cheapest step each time": Mistake(
            step_patterns.greedy_energy, symptom="no search: as dear as the best path, or dearer"
        ),
        "first pair not counted": Mistake(lambda d: alignment(d) - d[0, 0], symptom="D(1, 1) starts from 0"),
    },
    rules=rules,
    refuses=NO_TABLES,
)


SOFT = Formula(
    value=soft_alignment,
    signature="(n,m),()->()",
    source="cuturi2017, equations (1)-(2)",
    gradients={"distances": soft_alignment_gradient},
    sample=lambda rng: {
        "distances": rng.uniform(0.0, 3.0, size=rng.integers(2, 4, size=2)),
        "beta": rng.uniform(0.3, 3.0),
    },
    laws=(backwards_the_same, passes_both_ends, homogeneous(1, distances=1, beta=-1)),
    cases={  # (distances, beta), F, dF/dd, the mistake that it exposes
        "nothing known: three paths through two by two": Case(
            (np.zeros((2, 2)), 1.0), -np.log(3.0), [[1.0, 1.0 / 3.0], [1.0 / 3.0, 1.0]], "the best path alone"
        ),
        "colder": Case((np.zeros((2, 2)), 4.0), -np.log(3.0) / 4.0, exposes="gamma for beta"),
        "thirteen paths through three by three": Case(
            (np.zeros((3, 3)), 1.0),
            -np.log(13.0),
            np.array([[13.0, 5.0, 1.0], [5.0, 9.0, 5.0], [1.0, 5.0, 13.0]]) / 13.0,
            exposes="backward pass without weights",
        ),
        "one row: no choice, at any temperature": Case(
            ([[1.0, 2.0, 4.0]], 0.5), 7.0, np.ones((1, 3)), exposes="zeros around the table"
        ),
        "one way, on in both": Case(
            ([[2.0, np.inf], [np.inf, 1.0]], 1.0), 3.0, np.eye(2), "diagonal steps count twice"
        ),
        "a detour at an energy of log 2 is half as probable": Case(
            ([[0.0, np.log(2.0)], [np.inf, 0.0]], 1.0), -np.log(1.5), [[1.0, 1.0 / 3.0], [0.0, 1.0]]
        ),
        "no way through": Case(([[1.0, np.inf], [np.inf, np.inf]], 1.0), np.inf, np.zeros((2, 2))),
        "not a number": Case(([[0.0, np.nan], [0.0, 0.0]], 1.0), np.nan, np.full((2, 2), np.nan)),
    },
    variants={
        "gamma for beta": Convention(
            lambda d, beta=1.0: soft_alignment(d, 1.0 / beta),
            {"distances": lambda d, beta=1.0: soft_alignment_gradient(d, 1.0 / beta)},
            seen_in="Cuturi and Blondel (2017), equation (1); tslearn, documentation of soft_dtw",
            symptom="gamma is a temperature: larger is softer",
        ),
        "the best path alone": Mistake(
            lambda d, beta=1.0: alignment(d),
            symptom="the limit beta -> infinity: too high by the logarithm of how many share the path",
        ),
        "diagonal steps count twice": Mistake(
            lambda d, beta=1.0: step_patterns.from_the_border(d, beta, np.inf, 2.0),
            symptom="the weights of Sakoe and Chiba, under the name of soft-DTW: too high",
        ),
        "zeros around the table": Mistake(
            lambda d, beta=1.0: step_patterns.from_the_border(d, beta, 0.0),
            symptom="a path may begin anywhere on the first row or column: too low, and never mind the start",
        ),
        "backward pass without weights": Mistake(
            gradients={"distances": lambda d, beta=1.0: step_patterns.counted_back(d)},
            symptom="every way in gets the whole slope: numbers of paths in place of probabilities",
        ),
        "diagonal steps and the first pair count twice": Mistake(
            lambda d, beta=1.0: step_patterns.from_the_border(d, beta, np.inf, 2.0) + d[0, 0],
            symptom="the weights of Sakoe and Chiba, the first pair among them",
        ),
        **step_patterns.SOFTLY,
    },
    as_printed=soft_alignment_as_printed,
    keeps=64.0,
    rules=soft_rules,
    refuses=NO_TABLES
    | {
        "no temperature": ((np.zeros((2, 2)), 0.0), "beta"),
        "a temperature of 0": ((np.zeros((2, 2)), np.inf), "beta"),
    },
)
