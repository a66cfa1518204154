"""A small legal call of each public function of the kernels, for scripts/fuzz_calls.py to spoil."""

import warnings

import numpy as np
from numba import njit

from ebm_ref.kernels import (
    adaptive_walk,
    batch,
    chain,
    chain_answers,
    ctc,
    enumeration,
    graph,
    losses,
    metropolis,
)
from ebm_ref.samplers.posterior import Plan

_rng = np.random.default_rng(0)
_E, _y = np.abs(_rng.normal(size=(4, 3))) + 0.5, np.array([0, 2, 1, 1])
_logits = _rng.normal(size=(2, 5, 3))
_lp = _logits - np.log(np.exp(_logits).sum(axis=2, keepdims=True))
_J = np.array([[0.0, 1.0, -0.5], [1.0, 0.0, 0.25], [-0.5, 0.25, 0.0]])
_h = np.array([0.5, -0.25, 0.0])
_factors = [((0,), np.array([0.0, 1.0])), ((0, 1), np.array([[0.0, 1.0, 0.5], [2.0, 0.0, 1.0]]))]


@njit
def _bell(x, precision):
    return -0.5 * precision * (x[0] ** 2 + x[1] ** 2)


@njit
def _unequal(y, cost):
    return cost * (y[0] != y[1])


def _walk(start, step_size, steps):
    """A generator of its own for each call."""
    return metropolis.random_walk(_bell, (2.0,), start, step_size, steps, np.random.default_rng(0))


_chains = {
    "unary": _rng.normal(size=(2, 4, 3)),
    "pairwise": _rng.normal(size=(3, 3)),
    "lengths": np.array([4, 3]),
}


def _adaptive_walk(start, draws):
    """A few draws, whose warnings are another matter."""
    with warnings.catch_warnings(action="ignore"):
        rng, plan = np.random.default_rng(0), Plan(2)
        return adaptive_walk.adaptive_walk(_bell, (2.0,), start, draws, rng, plan).states


_ctc = {
    "targets": np.array([[1, 2], [1, 1]]),
    "input_lengths": np.array([5, 4]),
    "target_lengths": np.array([2, 1]),
    "blank": 0,
}

CALLS = {
    **{
        f"kernels.losses.{name}_value_and_gradient": (
            getattr(losses, f"{name}_value_and_gradient"),
            {"energies": _E, "labels": _y} | more,
        )
        for name, more in {
            "energy": {},
            "perceptron": {},
            "hinge": {"margin": 1.0},
            "log": {"beta": 1.5},
            "mce": {},
            "lvq2": {"cap": 0.75},
            "lvq2_ratio": {"delta": 0.5},
            "square_square": {"margin": 1.0},
            "square_exponential": {"gamma": 1.25},
            "nll": {"beta": 1.5},
            "mee": {"beta": 1.5},
            "generalized_hinge": {"costs": np.array([1.0, 0.5, 2.0])},
            "margin_rescaled_hinge": {"costs": np.array([1.0, 0.5, 2.0])},
        }.items()
    },
    "kernels.losses.cross_entropy_value_and_gradient": (
        losses.cross_entropy_value_and_gradient,
        {"logits": _E, "labels": _y},
    ),
    "kernels.ctc.ctc_value_and_gradient": (ctc.ctc_value_and_gradient, {"log_probabilities": _lp} | _ctc),
    "kernels.ctc.ctc_of_logits_value_and_gradient": (
        ctc.ctc_of_logits_value_and_gradient,
        {"logits": _logits} | _ctc,
    ),
    "kernels.chain.chain_nll_value_and_gradients": (
        chain.chain_nll_value_and_gradients,
        {
            "unary": _rng.normal(size=(2, 4, 3)),
            "pairwise": _rng.normal(size=(3, 3)),
            "labels": np.array([[0, 1, 2, 1], [2, 2, 0, 0]]),
            "lengths": np.array([4, 3]),
            "beta": 1.5,
        },
    ),
    "kernels.chain_answers.chain_viterbi": (chain_answers.chain_viterbi, _chains),
    "kernels.chain_answers.chain_marginals": (chain_answers.chain_marginals, _chains | {"beta": 1.5}),
    "kernels.enumeration.ground_states": (
        enumeration.ground_states,
        {"couplings": _J, "fields": _h, "count": 3},
    ),
    "kernels.enumeration.spin_marginals": (
        enumeration.spin_marginals,
        {"couplings": _J, "fields": _h, "beta": 0.75},
    ),
    "kernels.enumeration.spin_levels": (
        enumeration.spin_levels,
        {"couplings": _J, "fields": _h, "resolution": 0.25},
    ),
    "kernels.enumeration.graph_marginals": (
        enumeration.graph_marginals,
        {"cardinalities": np.array([2, 3]), "factors": _factors, "beta": 0.75},
    ),
    "kernels.enumeration.graph_levels": (
        enumeration.graph_levels,
        {"cardinalities": np.array([2, 3]), "factors": _factors, "resolution": 0.25},
    ),
    "kernels.enumeration.log_partition": (
        lambda cardinalities, beta: enumeration.log_partition(_unequal, (1.5,), cardinalities, beta),
        {"cardinalities": np.array([2, 3]), "beta": 0.75},
    ),
    "kernels.metropolis.random_walk": (
        _walk,
        {"start": np.array([0.0, 0.5]), "step_size": np.array([0.5, 1.0]), "steps": 20},
    ),
    "kernels.adaptive_walk.adaptive_walk": (
        _adaptive_walk,
        {"start": np.array([[0.0, 0.5], [1.0, 0.5]]), "draws": 5},
    ),
    "kernels.metropolis.spin_chains": (
        metropolis.spin_chains,
        {
            "couplings": _J,
            "fields": _h,
            "beta": 0.75,
            "chains": 3,
            "sweeps": 4,
            "seed": 1,
            "rule": "metropolis",
            "start": np.array([[1.0, -1.0, 1.0], [1.0, 1.0, 1.0], [-1.0, -1.0, 1.0]]),
        },
    ),
    "kernels.graph.as_graph": (graph.as_graph, {"couplings": _J}),
    "kernels.batch.as_lengths": (
        lambda argument, values: batch.as_lengths("values", values, 3, 1, 5),
        {"argument": "values", "values": np.array([1, 5, 2])},
    ),
}
