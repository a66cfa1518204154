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

A whole problem: scripts/recipe_training_loop.py.

Source: the pages of losses/, and criteria/cross_entropy.py.
"""

import math

import numpy as np

from ebm_ref.criteria import cross_entropy
from ebm_ref.kernels.batch import as_integers, as_number, as_numbers, as_table, divide, over_rows, refuse
from ebm_ref.kernels.compiled import njit
from ebm_ref.kernels.rows import any_nan, lowest, partition, scale, weigh
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
}


@njit(error_model="numpy")
def offender(E, i, y):
    """Index of the lowest wrong answer: ties go to the lowest index; the first NaN where there is one."""
    o = 1 if y == 0 else 0
    E_o = E[i, o]
    for j in range(o + 1, E.shape[1]):
        if j != y and (E[i, j] < E_o or (E[i, j] != E[i, j] and E_o == E_o)):
            o, E_o = j, E[i, j]
    return o


@njit(error_model="numpy")
def positive(v):
    """max(0, v), NaN where v is."""
    return 0.0 if v <= 0.0 else v


@njit(error_model="numpy")
def sigmoid(t):
    """1 / (1 + e^-t), accurate in both tails."""
    e = math.exp(-abs(t))
    return (1.0 if t >= 0.0 else e) / (1.0 + e)


@njit(error_model="numpy")
def two_forces(L, g, i, loss, at_y, at_o):
    """Store a loss that looks at two energies, and its gradient, a pair (index, slope) for each of the two.

    Where the loss is NaN, so is the gradient, all over.
    """
    (y, slope), (o, other) = at_y, at_o
    L[i] = loss
    for j in range(g.shape[1]):
        g[i, j] = math.nan if loss != loss else 0.0
    g[i, y] += slope
    g[i, o] += other


@over_rows
@njit(error_model="numpy")
def _energy(E, i, y, parameter, L, g):
    two_forces(L, g, i, 0.0, (y, 1.0), (y, 0.0))
    L[i] = E[i, y]
    return True


@over_rows
@njit(error_model="numpy")
def _perceptron(E, i, y, parameter, L, g):
    E_y, o = E[i, y], offender(E, i, y)
    loss = E_y - (E_y if E_y <= E[i, o] else E[i, o])
    force = 1.0 if loss > 0.0 else 0.0
    two_forces(L, g, i, loss, (y, force), (o, -force))
    return True


@over_rows
@njit(error_model="numpy")
def _hinge(E, i, y, parameter, L, g):
    o = offender(E, i, y)
    loss = positive(parameter[0, 0] + (E[i, y] - E[i, o]))
    force = 1.0 if loss > 0.0 else 0.0
    two_forces(L, g, i, loss, (y, force), (o, -force))
    return True


@over_rows
@njit(error_model="numpy")
def _log(E, i, y, parameter, L, g):
    o, beta = offender(E, i, y), parameter[0, 0]
    t = beta * (E[i, y] - E[i, o])
    loss = (positive(t) + math.log1p(math.exp(-abs(t)))) / beta
    two_forces(L, g, i, loss, (y, sigmoid(t)), (o, -sigmoid(t)))
    return True


@over_rows
@njit(error_model="numpy")
def _mce(E, i, y, parameter, L, g):
    o = offender(E, i, y)
    d = E[i, y] - E[i, o]
    force = sigmoid(d) * sigmoid(-d)
    two_forces(L, g, i, sigmoid(d), (y, force), (o, -force))
    return True


@over_rows
@njit(error_model="numpy")
def _lvq2(E, i, y, parameter, L, g):
    o, cap = offender(E, i, y), parameter[0, 0]
    d = positive(E[i, y] - E[i, o])
    force = 1.0 if 0.0 < d < cap else 0.0
    two_forces(L, g, i, cap if d > cap else d, (y, force), (o, -force))
    return True


@over_rows
@njit(error_model="numpy")
def _lvq2_ratio(E, i, y, parameter, L, g):
    o, delta = offender(E, i, y), parameter[0, 0]
    E_y, E_o = E[i, y], E[i, o]
    ratio = positive((E_y / E_o - 1.0) / delta)
    at_y = at_o = 0.0
    if 0.0 < ratio < 1.0:
        at_y, at_o = 1.0 / (delta * E_o), -(E_y / E_o) / (delta * E_o)
    two_forces(L, g, i, 1.0 if ratio > 1.0 else ratio, (y, at_y), (o, at_o))
    return not E_o <= 0.0


@over_rows
@njit(error_model="numpy")
def _square_square(E, i, y, parameter, L, g):
    E_y, o = E[i, y], offender(E, i, y)
    below = positive(parameter[0, 0] - E[i, o])
    two_forces(L, g, i, E_y * E_y + below * below, (y, 2.0 * E_y), (o, -2.0 * below))
    return True


@over_rows
@njit(error_model="numpy")
def _square_exponential(E, i, y, parameter, L, g):
    E_y, o = E[i, y], offender(E, i, y)
    push = parameter[0, 0] * math.exp(-E[i, o])
    two_forces(L, g, i, E_y * E_y + push, (y, 2.0 * E_y), (o, -push))
    return True


@over_rows
@njit(error_model="numpy")
def _generalized_hinge(E, i, y, costs, L, g):
    legal, absent = violations(E, i, y, costs, g)
    loss, violators = sum_of_positive(g, i)
    for j in range(E.shape[1]):
        g[i, j] = (-1.0 if g[i, j] > 0.0 else 0.0) + absent
    L[i], g[i, y] = loss, violators + absent
    return legal


@over_rows
@njit(error_model="numpy")
def _margin_rescaled_hinge(E, i, y, costs, L, g):
    legal, absent = violations(E, i, y, costs, g)
    worst, o = -lowest(g, i, -1.0), 0
    while g[i, o] != worst and o < E.shape[1] - 1:
        o += 1
    loss = positive(worst + absent)
    force = 1.0 if loss > 0.0 else 0.0
    two_forces(L, g, i, loss, (y, force), (o, -force))
    return legal


@njit(error_model="numpy")
def violations(E, i, y, costs, v):
    """C_j + E_y - E_j into v, -inf for y itself; whether the costs are legal; NaN if a v_j is, else 0."""
    c, E_y, illegal, absent = (i if len(costs) > 1 else 0), E[i, y], 0, 0
    for j in range(E.shape[1]):
        v[i, j] = costs[c, j] + (E_y - E[i, j])
        illegal += not costs[c, j] >= 0.0
    v[i, y], illegal = -math.inf, illegal - (not costs[c, y] >= 0.0)
    for j in range(E.shape[1]):
        absent += v[i, j] != v[i, j]
    return illegal == 0, (math.nan if absent else 0.0)


@njit(fastmath={"reassoc"}, error_model="numpy")
def sum_of_positive(v, i):
    """The sum of what is positive, NaN if an entry is; and how many are."""
    total, many = 0.0, 0
    for j in range(v.shape[1]):
        total += 0.0 if v[i, j] <= 0.0 else v[i, j]
        many += v[i, j] > 0.0
    return total, many


@njit(error_model="numpy")
def _weigh_energies(E, parameter, L, g, start, stop):
    weigh(E, 1.0, parameter[0, 0], L, g, start, stop)


@njit(error_model="numpy")
def _weigh_logits(z, parameter, L, g, start, stop):
    weigh(z, -1.0, 1.0, L, g, start, stop)


@njit(error_model="numpy")
def _nll_row(E, i, y, parameter, L, g):
    beside, wrong = partition(g, i, y)
    scale(g, i, -1.0 / (1.0 + beside))
    g[i, y] = wrong / (1.0 + beside)
    L[i] = (E[i, y] - L[i]) + math.log1p(beside) / parameter[0, 0]
    return True


@njit(error_model="numpy")
def _mee_row(E, i, y, parameter, L, g):
    beta, (beside, wrong) = parameter[0, 0], partition(g, i, y)
    p_y, p_wrong = g[i, y] / (1.0 + beside), wrong / (1.0 + beside)
    scale(g, i, -beta * p_y / (1.0 + beside))
    g[i, y] = beta * p_y * p_wrong
    L[i] = 1.0 if p_wrong > 1.0 else p_wrong
    return True


@njit(error_model="numpy")
def _cross_entropy_row(z, i, y, parameter, L, g):
    beside, wrong = partition(g, i, y)
    scale(g, i, 1.0 / (1.0 + beside))
    g[i, y] = -wrong / (1.0 + beside)
    E_s, L[i] = L[i], (-z[i, y] - L[i]) + math.log1p(beside)
    return abs(E_s) < math.inf or any_nan(z, i)


_nll = over_rows(_nll_row, _weigh_energies)
_mee = over_rows(_mee_row, _weigh_energies)
_cross_entropy = over_rows(_cross_entropy_row, _weigh_logits)


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
    """Losses and gradient of a batch; the page speaks of the first sample that is not legal."""
    rows = as_numbers(table, rows, "b", "k")
    b, k = rows.shape
    labels = as_integers("labels", labels, b)
    numbers, legal = _numbers(parameter, b, k)
    first = 0
    if legal and k >= least:
        losses, gradient = np.empty(b), np.empty((b, k))
        part = lambda *ends: kernel(rows, labels, numbers, losses, gradient, *ends)
        first = divide(part, b, rows.size)
        if first == b:
            return losses, gradient
    sample = (rows[first], labels[first]) if b else (np.ones(k), 0)
    names = f"{table}[{first}]", f"labels[{first}]", *parameter
    refuse(page, (*sample, *(_of_sample(value, first) for value in parameter.values())), first, names)


def _numbers(parameter, b, k):
    """The parameter as (1, 1), and whether it is legal; costs as (1, k) or (b, k), judged by the kernel."""
    for name, value in parameter.items():
        if name != "costs":
            number = as_number(name, value)
            return np.full((1, 1), number), LEGAL[name](number)
        axes = {0: (), 1: (k,)}.get(as_table("costs", value).ndim, (b, k))
        costs = as_numbers("costs", value, *axes)
        return np.ascontiguousarray(np.broadcast_to(costs, (b if costs.ndim == 2 else 1, k))), True
    return NO_PARAMETER, True


def _of_sample(value, i):
    """The parameter of one sample."""
    return value[i] if np.ndim(value) == 2 else value
