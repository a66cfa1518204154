r"""Gibbs sampling: draw each variable, or a block of them, given all the others.

    systematic scan   s_1, ..., s_n in turn      P = P_1 P_2 ... P_n
    random scan       a spin chosen uniformly    P = (1/n) sum_i P_i
    blocked           of an RBM: all of h given v, then all of v given h

Each P_i leaves the target alone, hence so does every product and mixture.  The mixture is reversible,
the product is not: backwards it visits the spins in reverse.  What is wrong: updating
all spins at once, each given the *old* others.  That is right within a block only, where given the
rest the variables are independent, as in the two layers of an RBM,

    E(v, h) = -a'v - b'h - v'W h,    v, h in {0, 1}
    P(h_j = 1 | v) = sigmoid(beta (b_j + sum_i v_i W_ij))

Drawing h, then v, makes v a reversible chain: P(v, v') = sum_h p(h|v) p(v'|h).

Source: Geman and Geman (1984), "Stochastic Relaxation, Gibbs Distributions, and the Bayesian
Restoration of Images"; Smolensky (1986) for the RBM.
"""

import itertools

import numpy as np

from ebm_ref.checks import require
from ebm_ref.formula import Variant
from ebm_ref.numerics import sigmoid
from ebm_ref.samplers.heat_bath import heat_bath_step, heat_bath_transitions


def systematic_sweep(couplings, fields, beta, spins, uniforms):
    """The spins after each was drawn again in turn; `uniforms` (n,).

    >>> J, h = np.array([[0.0, 1.0], [1.0, 0.0]]), np.zeros(2)
    >>> systematic_sweep(J, h, 1.0, np.array([-1, 1]), np.array([0.5, 0.5]))
    array([1, 1])
    """
    for i, uniform in enumerate(uniforms):
        spins = heat_bath_step(couplings, fields, beta, spins, i, uniform)
    return spins


def random_scan_step(couplings, fields, beta, spins, i, uniform):
    """The spins after spin i, which the caller drew uniformly, was drawn again: heat_bath_step itself.

    >>> random_scan_step(np.zeros((2, 2)), np.zeros(2), 1.0, np.array([1, 1]), 1, 0.7)
    array([ 1, -1])
    """
    return heat_bath_step(couplings, fields, beta, spins, i, uniform)


def followed_by(*moves):
    """The transitions of several moves made one after the other, from those of each.

    >>> coin = lambda x: [(0.5, x), (0.5, 1 - x)]
    >>> followed_by(coin, coin)(0)
    [(0.5, 0), (0.5, 1)]
    """

    def both(state):
        law = {state: 1.0}
        for move in moves:
            after = {}
            for now, p in law.items():
                for q, new in move(now):
                    after[new] = after.get(new, 0.0) + p * q
            law = after
        return [(p, new) for new, p in law.items()]

    return both


def one_of(*moves):
    """The transitions of one of several moves, each with the same probability.

    >>> one_of(lambda x: [(1.0, 0)], lambda x: [(1.0, 1)])(0)
    [(0.5, 0), (0.5, 1)]
    """
    return lambda state: [(p / len(moves), new) for move in moves for p, new in move(state)]


def systematic_transitions(couplings, fields, beta):
    """state -> [(probability, next state)] of a sweep: all 2^n of them.

    >>> J = np.array([[0.0, np.log(3.0)], [np.log(3.0), 0.0]])
    >>> move = systematic_transitions(J, np.zeros(2), 0.5)
    >>> [(round(p, 4), state) for p, state in move((1, 1))]
    [(0.5625, (1, 1)), (0.1875, (1, -1)), (0.0625, (-1, 1)), (0.1875, (-1, -1))]
    """
    draw = lambda i: lambda state: heat_bath_transitions(couplings, fields, beta, state, i)
    return followed_by(*map(draw, range(len(fields))))


def random_scan_transitions(couplings, fields, beta):
    """state -> [(probability, next state)] of drawing a spin chosen uniformly.

    >>> len(random_scan_transitions(np.zeros((3, 3)), np.zeros(3), 1.0)((1, 1, 1)))
    6
    """
    draw = lambda i: lambda state: heat_bath_transitions(couplings, fields, beta, state, i)
    return one_of(*map(draw, range(len(fields))))


def check_rbm(weights, visible_bias, hidden_bias):
    """Raise a ValueError unless W is (n, m), a (n,) and b (m,)."""
    fits = np.shape(weights) == (len(visible_bias), len(hidden_bias))
    require(fits, "weights", np.asarray(weights), f"must be ({len(visible_bias)}, {len(hidden_bias)})")


def hidden_probabilities(weights, hidden_bias, visible, beta=1.0):
    """(m,) P(h_j = 1 | v).  Those of v given h are the same function of W', a and h.

    >>> hidden_probabilities(np.array([[2.0, 0.0]]), np.array([-2.0, 0.0]), np.array([1])).tolist()
    [0.5, 0.5]
    """
    return sigmoid(beta * (hidden_bias + visible @ weights))


def rbm_step(weights, visible_bias, hidden_bias, visible, uniforms_h, uniforms_v, beta=1.0):
    """(v', h): all of h given v, then all of v given h, from (m,) and (n,) uniform numbers.

    >>> W, a, b = np.array([[9.0]]), np.array([-4.0]), np.array([-4.0])
    >>> rbm_step(W, a, b, np.array([1]), np.array([0.5]), np.array([0.5]))
    (array([1]), array([1]))
    """
    check_rbm(weights, visible_bias, hidden_bias)
    hidden = (uniforms_h < hidden_probabilities(weights, hidden_bias, visible, beta)).astype(int)
    visible = (uniforms_v < hidden_probabilities(weights.T, visible_bias, hidden, beta)).astype(int)
    return visible, hidden


def bits_given(logits):
    """[(probability, tuple of bits)] of independent bits, P(1) = sigmoid(logit).

    >>> bits_given(np.array([0.0]))
    [(0.5, (0,)), (0.5, (1,))]
    """
    each = sigmoid(np.stack([-logits, logits]))
    return [
        (float(np.prod(each[list(bits), np.arange(len(bits))])), bits)
        for bits in itertools.product((0, 1), repeat=len(logits))
    ]


def rbm_transitions(weights, visible_bias, hidden_bias, beta=1.0):
    """v -> [(probability, v')] of the blocked step, v a tuple of bits.

    >>> move = rbm_transitions(np.zeros((1, 1)), np.zeros(1), np.zeros(1))
    >>> move((0,))
    [(0.5, (0,)), (0.5, (1,))]
    """
    check_rbm(weights, visible_bias, hidden_bias)
    down = lambda h: bits_given(beta * (visible_bias + weights @ np.array(h)))
    up = lambda v: bits_given(beta * (hidden_bias + np.array(v) @ weights))
    return followed_by(up, down)


def all_at_once(couplings, fields, beta):
    """Wrong: every spin drawn given the old others, all at the same time."""

    def move(state):
        logits = 2.0 * beta * (fields + couplings @ np.array(state))
        return [(p, tuple(2 * b - 1 for b in bits)) for p, bits in bits_given(logits)]

    return move


VARIANTS = (
    Variant(
        "all spins at once",
        "mistake",
        all_at_once,
        symptom="another law; coupled pairs exchange their values for ever at low temperature",
    ),
)
