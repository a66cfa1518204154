r"""Annealed importance sampling: log Z, by a walk from where it is known.

    E_b = (1 - b) E_0 + b E_1,    0 = b_0 < b_1 < ... < b_K = 1
    x_0 ~ exp(-E_0)/Z_0 exactly
    x_k from x_{k-1} by any kernel that leaves exp(-E_{b_k}) alone
    log w = sum_{k=1}^K (b_k - b_{k-1}) (E_0 - E_1)(x_{k-1})

    mean of w = Z_1/Z_0

The last line is exact for any schedule, and however badly the kernels mix.

The weight of a stage is taken *before* the kernel moves x; taken after it, the identity is lost.  The
kernels need not converge: a poor one costs variance, not truth.  But the log of a mean is not the mean of
the logs:

    forward   E[log mean w] <= log Z_1/Z_0, a bound that holds on average
    reverse   from x ~ exp(-E_1) exactly, kernels in reverse order:
              E[-log mean 1/w] >= log Z_1/Z_0

The two bounds enclose the truth on average, and move towards it as more walks are averaged.  A gap between
them shows what one alone hides: the weights look fine though no walk has ever found the valley that matters.

Kernels that forget x at once leave nothing but a sum along the path.  Let m_k = <E_0 - E_1> under
exp(-E_{b_k})/Z, which rises with b, for its slope is a variance.  Then

    d log Z_b/db = m(b)
    sum_k (b_k - b_{k-1}) m_{k-1}  <=  log Z_1/Z_0  <=  sum_k (b_k - b_{k-1}) m_k
    E[log w] of one walk is the left sum, forward; and in reverse it is the right one

These are bounds for any schedule, without noise if the means are.  What the left one lacks is the sum of the
divergences KL(p_{k-1} | p_k), and the right one exceeds by those of KL(p_k | p_{k-1}).

Chains are averaged in probability (the log of a mean of weights) and over chains, not over steps.

In floating point: weights of e^1000 overflow, so their logarithms are kept, and the largest is taken out
of the mean.

Source: Neal (2001), "Annealed Importance Sampling"; Grosse, Ancha and Roy (2016) for the reverse; Gelman and
Meng (1998), "Simulating Normalizing Constants", for the path.
"""

import numpy as np

from ebm_ref.checks import real, require
from ebm_ref.formula import Mistake
from ebm_ref.numerics import logsumexp


def check_schedule(schedule):
    """The schedule as float64, if the b_k rise from 0 to 1.

    >>> check_schedule([0, 1])
    array([0., 1.])
    """
    b = real("schedule", schedule, "K+1")
    rises = len(b) >= 2 and b[0] == 0.0 and b[-1] == 1.0 and bool(np.all(np.diff(b) > 0.0))
    require(rises, "schedule", b, "must rise from 0 to 1")
    return b


def bridge(energy_0, energy_1, b):
    """E_b, the energy at one stage.

    >>> bridge(lambda x: 4.0, lambda x: 8.0, 0.25)(None)
    5.0
    """
    check_functions(energy_0=energy_0, energy_1=energy_1)
    b = float(real("b", b))
    require(0.0 <= b <= 1.0, "b", b, "must be in [0, 1]")
    return lambda x: (1.0 - b) * energy_0(x) + b * energy_1(x)


def check_functions(**functions):
    """Raise a ValueError that names what is no function."""
    for argument, function in functions.items():
        require(callable(function), argument, function, "must be a function")


def log_weight(schedule, differences):
    """sum_k (b_k - b_{k-1}) d_k, from d_k = (E_0 - E_1)(x_{k-1}), (K,).

    >>> float(log_weight([0.0, 0.5, 1.0], np.array([2.0, 6.0])))
    4.0
    """
    b = check_schedule(schedule)
    return np.diff(b) @ real("differences", differences, len(b) - 1)


def forward(energy_0, energy_1, schedule, start, move, noise):
    """(state, log w) of one walk.

    Parameters
    ----------
    energy_0, energy_1 : callable
        State -> energy.
    schedule : (K+1,) float
        b_0 = 0 to b_K = 1.
    start
        A state drawn from exp(-E_0)/Z_0.
    move : callable
        (b, state, noise) -> state, leaves exp(-E_b) invariant.
    noise : sequence of K
        Handed to `move`, one for each stage.

    >>> E_0, E_1 = lambda x: 0.0, lambda x: np.log(2.0)
    >>> forward(E_0, E_1, [0.0, 0.5, 1.0], 7, lambda b, x, z: x, [None, None])[1] == -np.log(2.0)
    np.True_
    """
    difference, b, noise = _checked(energy_0, energy_1, schedule, move, noise)
    state, differences = start, []
    for k in range(1, len(b)):
        differences.append(difference(state))
        state = move(b[k], state, noise[k - 1])
    return state, log_weight(b, np.array(differences))


def _checked(energy_0, energy_1, schedule, move, noise):
    """E_0 - E_1 as a function, the schedule, and the noise as a list of one entry for each stage."""
    check_functions(energy_0=energy_0, energy_1=energy_1, move=move)
    b = check_schedule(schedule)
    try:
        count = len(noise)
    except TypeError:
        count = -1
    require(count == len(b) - 1, "noise", noise, f"must be a sequence of {len(b) - 1}, one for each stage")
    return lambda x: real("energy_0", energy_0(x)) - real("energy_1", energy_1(x)), b, noise


def reverse(energy_0, energy_1, schedule, start, move, noise):
    """(state, log w) of one walk the other way, from a state drawn from exp(-E_1)/Z_1.

    `move` must be reversible, or be the reversal of the one that goes forward.

    >>> E_0, E_1 = lambda x: 0.0, lambda x: np.log(2.0)
    >>> reverse(E_0, E_1, [0.0, 0.5, 1.0], 7, lambda b, x, z: x, [None, None])[1] == -np.log(2.0)
    np.True_
    """
    difference, b, noise = _checked(energy_0, energy_1, schedule, move, noise)
    state, differences = start, []
    for k in range(len(b) - 1, 0, -1):
        state = move(b[k], state, noise[k - 1])
        differences.append(difference(state))
    return state, log_weight(b, np.array(differences[::-1]))


def log_ratio(log_weights):
    """Estimate of log Z_1/Z_0 from forward walks, log of the mean weight: too low on average.

    >>> round(float(np.exp(log_ratio(np.log([1.0, 3.0])))), 12)
    2.0
    """
    return _log_ratio(_log_weights(log_weights))


def _log_weights(log_weights):
    w = real("log_weights", log_weights, "n")
    require(len(w) > 0, "log_weights", w, "must be one or more")
    return w


def _log_ratio(w):
    return logsumexp(w) - np.log(len(w))


def log_ratio_as_printed(log_weights):
    """log of the mean of w, as printed: weights of e^800 are too much for it.

    >>> with np.errstate(over="ignore"):
    ...     float(log_ratio_as_printed([800.0, 800.0])), float(log_ratio([800.0, 800.0]))
    (inf, 800.0)
    """
    return np.log(np.mean(np.exp(_log_weights(log_weights))))


def log_ratio_reverse(log_weights):
    """Estimate of log Z_1/Z_0 from reverse walks, -log of the mean of 1/w: too high on average.

    >>> round(float(np.exp(log_ratio_reverse(np.log([1.0, 3.0])))), 12)
    1.5
    """
    return -_log_ratio(-_log_weights(log_weights))


def path_bounds(schedule, means):
    """(lower, upper): sums along the path that enclose log Z_1/Z_0, if the means are exact.

    Parameters
    ----------
    schedule : (K+1,) float
        b_0 = 0 to b_K = 1.
    means : (K+1,) float
        m_k = <E_0 - E_1> under exp(-E_{b_k})/Z_{b_k}.  Of samples they are as uncertain as these, and the
        bounds with them.

    Raises ValueError if the schedule does not rise from 0 to 1, or if there is not one mean for each entry.

    >>> E_1 = np.log([1.0, 3.0])  # E_0 is flat, so Z_1/Z_0 = (4/3)/2
    >>> m = [-np.log(3.0) / 2.0, -np.log(3.0) / (1.0 + np.sqrt(3.0)), -np.log(3.0) / 4.0]
    >>> lower, upper = path_bounds([0.0, 0.5, 1.0], m)
    >>> bool(lower < np.log(2.0 / 3.0) < upper), bool(np.isclose(upper - lower, np.log(3.0) / 8.0))
    (True, True)
    """
    b = check_schedule(schedule)
    m = real("means", means, len(b))
    return np.diff(b) @ m[:-1], np.diff(b) @ m[1:]


def after_the_move(energy_0, energy_1, schedule, start, move, noise):
    """Wrong: the weight of a stage is taken where the kernel has led to."""
    b, state, differences = check_schedule(schedule), start, []
    for k in range(1, len(b)):
        state = move(b[k], state, noise[k - 1])
        differences.append(energy_0(state) - energy_1(state))
    return state, log_weight(b, np.array(differences))


VARIANTS = (
    Mistake(
        lambda log_weights, steps: logsumexp(np.asarray(log_weights, float)) - np.log(steps),
        name="averaged over steps, not over chains",
        seen_in="github.com/tensorflow/probability/issues/267 (in the test)",
        symptom="off by log(chains/steps): 1.2 at 60 chains and 200 steps",
    ),
    Mistake(
        lambda log_weights: _log_ratio(_log_weights(log_weights)),
        name="mean of w on the way back",
        seen_in="PyDeep, pydeep/rbm/estimator.py, reverse_annealed_importance_sampling",
        symptom="log E[w^2]/E[w] of the way there, however many walks: above the truth",
    ),
    Mistake(
        after_the_move,
        name="weight taken after the move",
        symptom="biased, though less and less the finer the schedule",
    ),
)
