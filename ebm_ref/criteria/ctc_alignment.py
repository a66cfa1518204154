r"""Alignments: the many paths of symbols that spell one target.

    path      one symbol for each of t moments: a label, or blank (nothing new)
    it spells what is left when repeats are merged, then blanks dropped:
              1 1 - 1 2 -  spells  1 1 2
    E(path) = -sum_t lp[t, path_t],    lp = log-probabilities of the symbols

Speech has many more moments than letters, and nobody says which moment belongs to which letter.  An
alignment is a path that spells the target.  It walks along the target with a blank before, between
and after the labels,

    position   0  1  2  3  4      at each moment it stays, moves by one, or
    symbol     -  1  -  2  -      by two: past a blank between unlike labels

Two labels that are alike merge unless a blank parts them, so an equal neighbour costs a moment more.
An alignment of u labels exists if and only if t >= u + (number of equal neighbours).  Many texts ask
for t >= u only, some for t >= 2u + 1.  The alignment of lowest energy, the Viterbi path, follows from
the best way to reach each position.  Where float64 could not tell which way is best, energies are added up
as integers (levels.py).

On these pages t is the number of moments, u that of labels, c that of classes, and the target y is a
sequence of labels.

Source: Graves et al. (2006), "Connectionist Temporal Classification", Sections 3.1 and 4.1.
"""

import itertools

import autograd.numpy as np

from ebm_ref.checks import real, require, require_count, require_index, whole
from ebm_ref.exact.levels import is_short, told_apart, total_size, units_of
from ebm_ref.numerics import value_of, with_slope


def spelled(path, blank=0):
    """The list of labels that a path spells: repeats merged, then blanks dropped.

    >>> spelled([1, 1, 0, 1, 2, 0])
    [1, 1, 2]
    """
    return merged(whole("path", path, "t").tolist(), whole("blank", blank))


def merged(path, blank):
    """The same of a path that was checked."""
    return [k for k, _ in itertools.groupby(path) if k != blank]


def alignments(length, target, blank=0):
    """Every path of `length` symbols that spells the target, by trying all: for small cases.

    >>> alignments(2, [1])
    [(0, 1), (1, 0), (1, 1)]
    """
    require_count("length", length, 0)
    y, blank = whole("target", target, "u").tolist(), whole("blank", blank)
    symbols = sorted({blank, *y})
    return [path for path in itertools.product(symbols, repeat=length) if merged(path, blank) == y]


def moments_needed(target):
    """(2u+1,) length of the shortest path that reaches each position of the target.

    >>> moments_needed(np.array([1, 1, 2])).tolist()  # 1 - 1 2 takes four moments
    [1, 1, 2, 3, 4, 4, 5]
    """
    return shortest(whole("target", target, "u"))


def shortest(y):
    """The same of a target that was checked."""
    waits = np.concatenate([[0], y[1:] == y[:-1]])[: len(y)]
    labels = np.cumsum(1 + waits)
    return np.concatenate([[1], np.stack([labels, labels + 1], axis=1).ravel()])


def has_alignment(length, target):
    """Whether some path of this length spells the target: t >= u + equal neighbours.

    >>> has_alignment(2, [1, 1]), has_alignment(3, [1, 1])
    (False, True)
    """
    require_count("length", length, 0)
    return is_long_enough(length, whole("target", target, "u"))


def is_long_enough(t, y):
    """The same of a target that was checked."""
    return len(y) == 0 or bool(t >= shortest(y)[-2])


def best_alignment(log_probabilities, target, blank=0):
    """The alignment of lowest energy: the Viterbi path.

    Parameters
    ----------
    log_probabilities : (t, c) float
        Score of each symbol at each moment; higher is better; -inf marks an impossible one.
    target : (u,) int
        The labels to be spelled; may be empty.
    blank : int
        The symbol that is no label.

    Returns
    -------
    (t,) int
        Symbols of the path.  Of equal ones it is that which moves on early and ends on a label.

    Raises ValueError if no path of t symbols spells the target, or if target or blank are not classes
    apart.

    >>> lp = np.log(np.array([[0.1, 0.9], [0.6, 0.4], [0.7, 0.3]]))
    >>> best_alignment(lp, [1]), best_alignment(lp, [1, 1])
    (array([1, 0, 0]), array([1, 0, 1]))
    """
    lp, y, blank = checked(log_probabilities, target, blank)
    require(is_long_enough(len(lp), y), "target", target, f"must have an alignment of {len(lp)} moments")
    return viterbi(lp, y, blank)


def viterbi(lp, y, blank):
    """The same of a target that was checked, and that has an alignment."""
    symbols, moves_two = positions(y, blank)
    return symbols[best_positions(position_scores(lp, y, blank), moves_two)]


def checked(log_probabilities, target, blank):
    """A table as float64, a target and a blank as int64, or a ValueError that names the argument."""
    lp = real("log_probabilities", log_probabilities, "t", "c")
    y, blank = whole("target", target, "u"), whole("blank", blank)
    check_symbols("log_probabilities", lp, y, blank)
    return lp, y, blank


def check_symbols(argument, scores, target, blank):
    """Raise a ValueError unless scores are below +inf, and target and blank are classes apart."""
    require(not np.any(scores == np.inf), argument, scores, "must not be +inf")
    require_index("blank", blank, np.shape(scores)[-1])
    for label in target:
        require_index("target", label, np.shape(scores)[-1])
        require(label != blank, "target", label, f"must not be the blank, {blank}")


THIRDS = np.log(np.full((2, 3), 1 / 3))
NO_TARGETS = {  # (log_probabilities or logits, target, blank), the argument to blame
    "a label that is the blank": ((THIRDS, [0], 0), "target"),
    "a label beyond the classes": ((THIRDS, [3], 0), "target"),
    "a label counted from the end": ((THIRDS, [-1], 0), "target"),
    "labels that are no integers": ((THIRDS, [1.0], 0), "target"),
    "a blank beyond the classes": ((THIRDS, [1], 3), "blank"),
    "a blank counted from the end": ((THIRDS, [1], -1), "blank"),
    "a blank that is no integer": ((THIRDS, [1], 0.0), "blank"),
}


def positions(y, blank):
    """(2u+1,) symbols of the target with blanks around, and whether each is reached by a move of two."""
    symbols = np.array([blank, *(k for label in y for k in (label, blank))])
    moves_two = (symbols[2:] != blank) & (symbols[2:] != symbols[:-2])
    return symbols, np.concatenate([[False, False], moves_two])[: len(symbols)]


def position_scores(scores, y, blank):
    """(t, 2u+1) score of each position's symbol at each moment, -inf where no alignment passes."""
    moments = np.arange(len(scores))[:, None]
    is_reached = moments + 1 >= shortest(y)
    leaves_time = len(scores) - moments >= shortest(y[::-1])[::-1]
    return np.where(is_reached & leaves_time, scores[:, positions(y, blank)[0]], -np.inf)


def predecessors(x, moves_two, absent):
    """(3, 2u+1) entries of x where a path may come from: the same position, one before, two before."""
    origin = np.arange(len(x)) - np.arange(3)[:, None]
    origin[2, ~moves_two] = -1  # the last of x with `absent` at its end
    return np.append(x, absent)[origin]


def best_positions(scores, moves_two):
    """Position at each moment on the path of the highest sum; ties end on the last but one position.

    Where rounding could have chosen, sums are exact.
    """
    scores, size = value_of(scores), total_size(value_of(scores))
    with np.errstate(over="ignore"):
        ways = ways_in(-scores, moves_two, np.inf)
    path = traced(ways)
    passed = np.sort(ways[np.arange(len(path)), :, path], axis=1)
    ends = np.sort(ways[-1, 0, -2:])
    if not np.any(np.isnan(scores)) and not all(told_apart(x, size, len(ways)) for x in (passed, ends)):
        whole, units = exactly(scores)
        path = path if units.fit_float64 else traced(ways_in(whole, moves_two, units.far))
    return path


def exactly(scores):
    """Energies of steps as integers, and their units (levels.py)."""
    units = units_of(scores, count=2 * len(scores) + 2)
    return units.whole(-scores), units


def ways_in(energies, moves_two, forbidden):
    """(t+1, 3, 2u+1) the lowest energy by which a move of 0, 1, 2 may come to a position, before each moment.

    Row t+1 is a move behind the last moment.  Floats or integers.
    """
    lowest = np.full(len(moves_two), forbidden, energies.dtype)
    lowest[0] = 0
    ways = []
    for row in energies:
        ways.append(predecessors(lowest, moves_two, forbidden))
        lowest = np.minimum(ways[-1].min(axis=0) + row, forbidden)
    return np.array([*ways, predecessors(lowest, moves_two, forbidden)])


def traced(ways):
    """(t,) positions of the best path, from its end."""
    last = ways[-1, 0, -2:]
    path = [ways.shape[2] - len(last) + np.argmin(last)]
    for moves in np.argmin(ways[-2::-1], axis=1):
        path.append(path[-1] - moves[path[-1]])
    return np.array(path[-2::-1], int)


def above_best(scores, best, moves_two):
    """Scores of positions (t, 2u+1) and of moves (t+1, 3, 2u+1), counted from those of the best path.

    Sums of them along any path say how far its sum lies below.  Where float64 could lose some of them, no
    score is positive: moves have what they cost more than the best way in, and positions 0 or -inf.
    """
    counted, moves = less_best(scores, best), np.zeros((len(scores) + 1, 3, len(moves_two)))
    exact = value_of(scores)
    if is_short(value_of(counted)):
        return hopeful(counted), moves
    whole, units = exactly(exact)
    ways = ways_in(whole, moves_two, units.far)
    rows = with_slope(np.where(exact == -np.inf, -np.inf, 0.0), counted)
    return rows, hopeful(-units.real(ways - ways.min(axis=1, keepdims=True)))


def less_best(scores, best):
    """Scores less the finite ones along the best way, an entry for each row."""
    with np.errstate(over="ignore"):
        return scores - np.reshape(best, (-1, *np.ones(np.ndim(scores) - 1, int)))


def hopeful(differences):
    """Differences from the best, of which `is_short` or none is positive; -inf those below -2^40.

    What passes them has no weight left, and sums of what remains do not overflow.
    """
    return np.where(differences < -(2.0**40), -np.inf, differences)
