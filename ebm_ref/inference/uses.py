r"""Four uses of one energy: predict, rank, detect, and give probabilities.

    predict    y* = argmin_y E(y)                        which is best?
    rank       the m answers of lowest energy, in order  which are good?
    detect     E(y) < T, T chosen on held-out data       is it one at all?
    density    p(y) = e^{-beta E(y)} / Z                 how likely is each?

To predict and to rank, only the order of the energies of one input is needed.  Detection compares the
energies of different inputs, so a constant added to all energies of one input is no longer harmless.  For
a density their differences must be right, and those of a trained model seldom are before calibration.py.
Besides, a density exists only if Z is finite: energies that stay low on the way to infinity have none,
whatever was learnt.

Of n inputs, let P be present and N absent; let h(T) and a(T) be how many of each lie below T.

    true positive rate      h(T) / P                also called recall
    false positive rate     a(T) / N
    precision               h(T) / (h(T) + a(T))

As T rises, the first over the second draws the ROC curve, and the third over the first the
precision-recall curve.  Equal energies pass a threshold together: whoever counts them one by one invents
points that no threshold has (github.com/aidotse/LeakPro/pull/465).  The first point of the ROC is (0, 0),
where nothing is detected; scikit-learn's once was not (github.com/scikit-learn/scikit-learn/issues/9790).
Between two points of a precision-recall curve there is no straight line: the average precision is a sum of
steps (github.com/scikit-learn/scikit-learn/pull/6065).

Source: LeCun et al. (2006), Section 1.2 (four uses) and 1.3; Fawcett (2006), "An introduction to ROC
analysis".
"""

import itertools
from dataclasses import dataclass

import numpy as np

from ebm_ref.checks import real, require, require_count, require_positive
from ebm_ref.inference.exhaustive import listed, table_of
from ebm_ref.numerics import logsumexp, softmax


def predict(energy, answers=None):
    """The answer of lowest energy, ties to the first; its index, if the answers have no names.

    The energies -log p of a picture that shows a dog, most likely:

    >>> predict([4.6052, 0.3567, 1.6094, 2.4079], ["flower", "dog", "people", "fish"])
    'dog'
    >>> predict(lambda y: (y - 3) ** 2, [0, 2, 5])
    2
    """
    return rank(energy, 1, answers)[0]


def rank(energy, count, answers=None):
    """The `count` answers of lowest energy, best first, ties in their own order; the possible ones only.

    >>> rank([4.6052, 0.3567, 1.6094, 2.4079], 2, ["flower", "dog", "people", "fish"])
    ['dog', 'people']
    """
    require_count("count", count)
    answers = None if answers is None else listed("answers", answers)
    table = table_of(energy, answers)
    answers = range(len(table)) if answers is None else answers
    return [answers[i] for i in np.argsort(table, kind="stable")[:count] if table[i] < np.inf]


def density(energy, answers=None, beta=1.0):
    """Gibbs distribution over the answers, (k,); nothing overflows, and what underflows is 0.

    >>> density(lambda y: np.log(1 + y), [0.0, 1.0]).round(4).tolist()
    [0.6667, 0.3333]
    """
    beta = real("beta", beta)
    require_positive("beta", beta)
    table = table_of(energy, answers)
    with np.errstate(over="ignore"):  # what lies so far up that this overflows has probability 0
        return softmax(beta * (np.min(table) - table))


def density_on_line(energy, beta=1.0, center=0.0, scale=1.0, tolerance=1e-9):
    """Gibbs density over the real numbers.

    Z is the sum of integrals over shells, 2^j < |y - center| / scale < 2^{j+1}, up to 2^48, each by a
    Gauss-Legendre rule.

    Parameters
    ----------
    energy : callable (float) -> float
        +inf where an answer is impossible.
    beta : float
        Inverse temperature, > 0, in units of 1/energy.
    center, scale : float
        Where e^{-beta E} is large, and the length over which it changes, > 0.
    tolerance : float
        Relative error of Z, > 0, that the rule may make, and as much again for what lies beyond the last
        shell.

    Returns
    -------
    (callable (float) -> float, float)
        The density p(y) = e^{-beta E(y)} / Z, and log Z.

    Raises ValueError if an energy is NaN or -inf, if nothing is possible, if the integral does not
    converge, or if the rule is too coarse for this energy.

    For E = y^2 / 2 this is the normal distribution, of Z = sqrt(2 pi):

    >>> p, log_z = density_on_line(lambda y: y**2 / 2)
    >>> round(p(0.0), 9), round(log_z, 9)
    (0.39894228, 0.918938533)
    """
    beta, center, scale = real("beta", beta), real("center", center), real("scale", scale)
    tolerance = real("tolerance", tolerance)
    for name, x in (("beta", beta), ("scale", scale), ("tolerance", tolerance)):
        require_positive(name, x)
    require(np.isfinite(center), "center", center, "must be finite")
    shells, rough = (shell_integrals(energy, beta, center, scale, panels) for panels in (8, 4))
    log_z = float(logsumexp(shells))
    require(log_z > -np.inf, "energy", np.inf, "must be finite at some of the answers tried")
    decay = shells[-1] - shells[-2] if shells[-1] > -np.inf else -np.inf
    beyond = shells[-1] + decay - np.log1p(-np.exp(decay)) if decay < -0.01 else np.inf
    normalisable = (
        f"is not normalisable at beta = {beta}: e^(-beta E) keeps its weight on the way to infinity"
    )
    require(beyond - log_z <= np.log(tolerance), "energy", energy, normalisable)
    coarse = f"must suit the energy: log Z = {log_z}, but {logsumexp(rough)} with half the nodes"
    require(abs(logsumexp(rough) - log_z) <= tolerance, "scale", scale, coarse)
    return (lambda y: float(np.exp(-beta * real("energy", energy(real("answer", y))) - log_z))), log_z


def shell_integrals(energy, beta, center, scale, panels):
    """log of the integral of e^{-beta E} over each shell, both sides of the center together."""
    x, w = np.polynomial.legendre.leggauss(16)
    edges = np.concatenate([[0.0], 2.0 ** np.arange(49)])
    logs = []
    for a, b in itertools.pairwise(edges):
        half = (b - a) / panels / 2.0
        nodes = (a + half * (1.0 + 2.0 * np.arange(panels)[:, None] + x)).ravel()
        with np.errstate(over="ignore"):
            E = [energy(center + scale * t) for t in np.concatenate([nodes, -nodes])]
        E = real("energy", E, len(E))
        require(not np.any(np.isnan(E)), "energy", E, "must not be NaN")
        require(np.min(E) > -np.inf, "energy", E, "must be above -inf")
        logs.append(logsumexp(np.log(np.tile(w, 2 * panels) * half * scale) - beta * E))
    return np.array(logs)


@dataclass(frozen=True)
class Detection:
    """What every threshold does on held-out data, and the threshold that was chosen; rows as T rises."""

    thresholds: np.ndarray  # (n,) from -inf, nothing detected, to +inf, everything
    true_positive_rate: np.ndarray  # (n,) also called recall
    false_positive_rate: np.ndarray  # (n,)
    precision: np.ndarray  # (n,) 1 where nothing is detected
    chosen: int  # index of the operating point

    @property
    def threshold(self):
        """T: what has an energy below T is detected."""
        return float(self.thresholds[self.chosen])

    @property
    def area(self):
        """Area under the ROC: how often what is present lies below what is absent; ties count half."""
        return float(np.trapezoid(self.true_positive_rate, self.false_positive_rate))

    @property
    def average_precision(self):
        """The sum over all thresholds of the precision there, times the recall that is gained there."""
        return float(np.sum(np.diff(self.true_positive_rate) * self.precision[1:]))


def detect(energy, present, inputs=None, cost_of_miss=1.0, cost_of_false_alarm=1.0):
    """Choose the threshold below which to say 'present', on held-out data.

    Parameters
    ----------
    energy : (n,) float, or callable (input) -> float
        Energy of each input, or a function to tabulate; finite.
    present : (n,) bool
        Whether it is there.
    inputs : sequence of length n
        The inputs; needed for a function.
    cost_of_miss, cost_of_false_alarm : float
        Price >= 0 of one error of each kind on these data, not both 0; the cheapest threshold is chosen.

    Returns
    -------
    Detection
        Thresholds lie midway between energies.  Ties go to the lowest threshold.

    Raises ValueError if shapes do not fit, if an energy is not finite, if one of the classes is missing,
    or if a price is negative.

    >>> found = detect([1.0, 4.0, 3.0, 8.0], [True, True, False, False])
    >>> found.threshold, found.true_positive_rate.tolist(), found.area
    (2.0, [0.0, 0.5, 0.5, 1.0, 1.0], 0.75)
    """
    table, is_present = held_out(energy, present, inputs)
    cost_of_miss = real("cost_of_miss", cost_of_miss)
    cost_of_false_alarm = real("cost_of_false_alarm", cost_of_false_alarm)
    for name, price in (("cost_of_miss", cost_of_miss), ("cost_of_false_alarm", cost_of_false_alarm)):
        require(0.0 <= price < np.inf, name, price, "must be >= 0 and finite")
    free = cost_of_miss == cost_of_false_alarm == 0.0
    require(not free, "cost_of_miss", cost_of_miss, "must not be 0 if the other cost is")
    levels, group = np.unique(table, return_inverse=True)
    count = lambda one: np.append(0, np.cumsum(np.bincount(group[one], minlength=len(levels))))
    hits, alarms = count(is_present), count(~is_present)
    costs = cost_of_miss * (hits[-1] - hits) + cost_of_false_alarm * alarms
    precision = np.where(hits + alarms > 0, hits / np.maximum(hits + alarms, 1), 1.0)
    return Detection(
        between(levels), hits / hits[-1], alarms / alarms[-1], precision, chosen=int(np.argmin(costs))
    )


def held_out(energy, present, inputs):
    """The energies, finite, and a mask that holds both classes."""
    inputs = None if inputs is None else listed("inputs", inputs)
    if callable(energy):
        require(inputs is not None, "inputs", inputs, "must list the inputs when the energy is a function")
        energy = [energy(x) for x in inputs]
    table = table_of(energy)
    fits = inputs is None or len(inputs) == len(table)
    require(fits, "inputs", inputs, f"must be as many as the energies, {len(table)}")
    is_present = flags("present", present, len(table))
    require(np.all(np.isfinite(table)), "energies", table, "must be finite")
    both = np.any(is_present) and not np.all(is_present)
    require(both, "present", present, "must hold both classes: no threshold can be chosen on one")
    return table, is_present


def flags(argument, value, n):
    """n answers to a question of yes or no, as bools; the numbers 0 and 1 will do.

    >>> flags("present", [1, 0.0, True], 3).tolist()
    [True, False, True]
    """
    require(not np.ma.is_masked(value), argument, value, "must not have masked entries")
    as_number = lambda flag: float(flag) if isinstance(flag, (bool, np.bool_)) else flag
    x = real(argument, [as_number(flag) for flag in listed(argument, value)], n)
    require(np.all((x == 0.0) | (x == 1.0)), argument, value, "must be true or false")
    return x == 1.0


def between(levels):
    """Thresholds between increasing numbers: -inf, the midpoints, +inf; the upper one of adjacent floats.

    >>> between(np.array([1.0, 2.0, 4.0])).tolist()
    [-inf, 1.5, 3.0, inf]
    """
    low, high = levels[:-1], levels[1:]
    middle = low / 2.0 + high / 2.0
    return np.concatenate([[-np.inf], np.where(middle > low, middle, high), [np.inf]])
