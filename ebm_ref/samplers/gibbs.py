r"""Gibbs sampling: draw each variable, or a block of them, given all the others.

    systematic scan   s_1, ..., s_n in turn      P = P_1 P_2 ... P_n
    random scan       a spin chosen uniformly    P = (1/n) sum_i P_i
    blocked           of an RBM: all of h given v, then all of v given h

    E(v, h) = -a'v - b'h - v'W h,    v_i and h_j in {0, 1}
    P(h_j = 1 | v) = sigmoid(beta (b_j + sum_i v_i W_ij))

Each P_i leaves the target alone, hence so does every product and every mixture of them.  The mixture is
reversible.  The product is not: backwards it visits the spins in reverse order.

To update all spins at once, each given the *old* others, is wrong.  It is right only within a block whose
variables are independent given the rest, such as one layer of an RBM.  Drawing h, then v, makes v a
reversible chain: P(v, v') = sum_h p(h|v) p(v'|h).

For spins J and h are couplings and fields; for the RBM h are the hidden units.

Source: Geman and Geman (1984), "Stochastic Relaxation, Gibbs Distributions, and the Bayesian
Restoration of Images"; Smolensky (1986) for the RBM.
"""

import itertools

import numpy as np

from ebm_ref.checks import real, require
from ebm_ref.formula import Mistake
from ebm_ref.numerics import sigmoid
from ebm_ref.samplers.heat_bath import (
    check_beta,
    check_model,
    check_spins,
    drawn_again,
    draws_of,
    heat_bath_step,
)
from ebm_ref.samplers.lattice_walk import uniform_numbers

MOST = 16  # bits whose states are listed


def systematic_sweep(couplings, fields, beta, spins, uniforms):
    """The spins after each was drawn again in turn; `uniforms` (n,).

    >>> J, h = np.array([[0.0, 1.0], [1.0, 0.0]]), np.zeros(2)
    >>> systematic_sweep(J, h, 1.0, np.array([-1, 1]), np.array([0.5, 0.5]))
    array([1, 1])
    """
    J, h, beta, s = check_spins(couplings, fields, beta, spins)
    for i, u in enumerate(uniform_numbers("uniforms", uniforms, len(s))):
        s = drawn_again(J, h, beta, s, i, u)
    return s


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

    check_moves(moves)

    def both(state):
        reached = {state: 1.0}
        for move in moves:
            after = {}
            for now, p in reached.items():
                for q, new in move(now):
                    after[new] = after.get(new, 0.0) + p * q
            reached = after
        return [(p, new) for new, p in reached.items()]

    return both


def check_moves(moves):
    """Raise a ValueError unless each move is a function state -> [(probability, next state)]."""
    for move in moves:
        require(callable(move), "moves", move, "must be functions of a state")
    require(len(moves) > 0, "moves", moves, "must be one or more")


def one_of(*moves):
    """The transitions of one of several moves, each with the same probability.

    >>> one_of(lambda x: [(1.0, 0)], lambda x: [(1.0, 1)])(0)
    [(0.5, 0), (0.5, 1)]
    """
    check_moves(moves)
    return lambda state: [(p / len(moves), new) for move in moves for p, new in move(state)]


def systematic_transitions(couplings, fields, beta):
    """state -> [(probability, next state)] of a sweep: all 2^n of them.

    >>> J = np.array([[0.0, np.log(3.0)], [np.log(3.0), 0.0]])
    >>> move = systematic_transitions(J, np.zeros(2), 0.5)
    >>> [(round(p, 4), state) for p, state in move((1, 1))]
    [(0.5625, (1, 1)), (0.1875, (1, -1)), (0.0625, (-1, 1)), (0.1875, (-1, -1))]
    """
    return followed_by(*_draws(couplings, fields, beta))


def _draws(couplings, fields, beta):
    """For each spin the function that lists what drawing it again may do."""
    (J, h), beta = check_model(couplings, fields), check_beta(beta)
    draw = lambda i: lambda state: draws_of(J, h, beta, tuple(state), i)
    return [draw(i) for i in range(len(h))]


def random_scan_transitions(couplings, fields, beta):
    """state -> [(probability, next state)] of drawing a spin chosen uniformly.

    >>> len(random_scan_transitions(np.zeros((3, 3)), np.zeros(3), 1.0)((1, 1, 1)))
    6
    """
    return one_of(*_draws(couplings, fields, beta))


def check_rbm(weights, visible_bias, hidden_bias):
    """W (n, m), a (n,) and b (m,) as float64, if they fit."""
    W, a, b = (
        real("weights", weights, "n", "m"),
        real("visible_bias", visible_bias, "n"),
        real("hidden_bias", hidden_bias, "m"),
    )
    require(W.shape == (len(a), len(b)), "weights", W, f"must be ({len(a)}, {len(b)}), as the biases are")
    return W, a, b


def hidden_probabilities(weights, hidden_bias, visible, beta=1.0):
    """(m,) P(h_j = 1 | v).  Those of v given h are the same function of W', a and h.

    >>> hidden_probabilities(np.array([[2.0, 0.0]]), np.array([-2.0, 0.0]), np.array([1])).tolist()
    [0.5, 0.5]
    """
    W, v = real("weights", weights, "n", "m"), real("visible", visible, "n")
    W, b = real("weights", W, len(v), "m"), real("hidden_bias", hidden_bias, W.shape[1])
    return sigmoid(check_beta(beta) * (b + v @ W))


def rbm_step(weights, visible_bias, hidden_bias, visible, uniforms_h, uniforms_v, beta=1.0):
    """(v', h): all of h given v, then all of v given h, from (m,) and (n,) uniform numbers.

    >>> W, a, b = np.array([[9.0]]), np.array([-4.0]), np.array([-4.0])
    >>> rbm_step(W, a, b, np.array([1]), np.array([0.5]), np.array([0.5]))
    (array([1]), array([1]))
    """
    (W, a, b), beta = check_rbm(weights, visible_bias, hidden_bias), check_beta(beta)
    v = real("visible", visible, len(a))
    u_h, u_v = (
        uniform_numbers("uniforms_h", uniforms_h, len(b)),
        uniform_numbers("uniforms_v", uniforms_v, len(a)),
    )
    hidden = (u_h < sigmoid(beta * (b + v @ W))).astype(int)
    return (u_v < sigmoid(beta * (a + hidden @ W.T))).astype(int), hidden


def bits_given(logits):
    """[(probability, tuple of bits)] of independent bits, P(1) = sigmoid(logit).

    >>> bits_given(np.array([0.0]))
    [(0.5, (0,)), (0.5, (1,))]
    """
    logits = real("logits", logits, "m")
    require(len(logits) <= MOST, "logits", logits, f"must be at most {MOST}, of which all states are listed")
    return _bits_given(logits)


def _bits_given(logits):
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
    (W, a, b), beta = check_rbm(weights, visible_bias, hidden_bias), check_beta(beta)
    require(max(W.shape) <= MOST, "weights", W, f"must be of at most {MOST} units each, which are listed")
    down = lambda h: _bits_given(beta * (a + W @ np.array(h)))
    up = lambda v: _bits_given(beta * (b + np.array(v) @ W))
    return followed_by(up, down)


def all_at_once(couplings, fields, beta):
    """Wrong: every spin drawn given the old others, all at the same time."""

    def move(state):
        logits = 2.0 * beta * (fields + couplings @ np.array(state))
        return [(p, tuple(2 * b - 1 for b in bits)) for p, bits in bits_given(logits)]

    return move


VARIANTS = (
    Mistake(
        all_at_once,
        name="all spins at once",
        symptom="another law; coupled pairs exchange their values for ever at low temperature",
    ),
)
