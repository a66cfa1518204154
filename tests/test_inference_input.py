"""Bad input to inference: a ValueError that names the argument, its value and the rule."""

import numpy as np
import pytest

from ebm_ref.inference.annealing import anneal, geometric_schedule, one_part_changed
from ebm_ref.inference.beam import beam_search, chain_energy
from ebm_ref.inference.calibration import calibrate, product_of_experts, reliability
from ebm_ref.inference.descent import descend, descend_from
from ebm_ref.inference.exhaustive import argmin, log_partition, minimum, offender, table_of
from ebm_ref.inference.grid import global_gap, grid_minimum, grid_offender
from ebm_ref.inference.icm import icm
from ebm_ref.inference.ista import (
    duality_gap,
    fista,
    ista,
    ista_step,
    lista,
    lista_start,
    shrink,
    smoothness,
    violation,
)
from ebm_ref.inference.latent import joint_table, marginalised, minimised
from ebm_ref.inference.loopy import bethe_free_energy, min_sum, sum_product
from ebm_ref.inference.mean_field import mean_field, variational_free_energy
from ebm_ref.inference.uses import density, density_on_line, detect, predict, rank
from ebm_ref.learning.descent import (
    adam_step,
    chain_rule,
    early_stopping,
    energy_table,
    gradient_descent,
    momentum_step,
    objective,
    regulariser,
    regulariser_gradient,
)
from ebm_ref.losses.conditions import condition_3, resting_gap
from ebm_ref.losses.hinge import hinge, hinge_gradient

V, INF, NAN = np.array, np.inf, np.nan
BOWL, SLOPE = (lambda y: float(np.sum(y**2))), (lambda y: 2.0 * y)
SUM = lambda y: float(np.sum(y))
RNG = np.random.default_rng(0)
CHAIN = np.zeros((3, 2)), np.zeros((2, 2))
FLIP = one_part_changed([2])
SPARSE = [[1.0, 0.0], [0.0, 2.0]], [1.0, 3.0]
PAIR = [((0, 1), [[0.0, 1.0], [2.0, 0.5]])]

# what is called, with what, the argument that is wrong, the rule
BAD = [
    *(
        (use, arguments, argument, rule)
        for use in (
            argmin,
            minimum,
            predict,
            density,
            log_partition,
            lambda *a: rank(a[0], 1, *a[1:]),
            table_of,
        )
        for arguments, argument, rule in [
            (([],), "energies", "must be one number for each of k >= 1 answers"),
            ((3.0,), "energies", "has shape (), but must have (k,)"),
            ((np.zeros((2, 2)),), "energies", "has shape (2, 2), but must have (k,)"),
            (([1.0, 2.0], 3), "answers", "must be a sequence"),
            (([1.0, NAN],), "energies", "must not be NaN"),
            (([1.0, -INF],), "energies", "must be above -inf"),
            (([INF, INF],), "energies", "must leave at least one answer possible, below +inf"),
            ((SUM,), "answers", "must list the answers when the energy is a function"),
            ((SUM, []), "energies", "must be one number for each of k >= 1 answers"),
            (([1.0, 2.0], ["one"]), "answers", "must be as many as the energies, 2"),
            ((lambda y: NAN, [1, 2]), "energies", "must not be NaN"),
        ]
    ),
    (rank, ([1.0, 2.0], 1.5), "count", "must be an integer >= 1"),
    (rank, ([1.0, 2.0], True), "count", "must be an integer >= 1"),
    (grid_minimum, (SLOPE, [0.0], [1.0]), "energy", "must be one number, at answer [0.]"),
    (grid_minimum, (BOWL, [0.0], [1.0], 2.5), "points", "must be an integer >= 2"),
    (grid_offender, (BOWL, [NAN], 0.5, [-1.0], [1.0]), "correct", "must be finite"),
    (global_gap, (NAN, [0.0], [1.0], 3), "steepness", "must be >= 0 and finite"),
    (global_gap, (1.0, [0.0], [1.0], 1), "points", "must be an integer >= 2"),
    (descend, (SLOPE, SLOPE, V([1.0])), "energy", "must be one number, at answer [1.]"),
    (descend, (BOWL, SLOPE, V([])), "start", "must hold n >= 1 finite numbers"),
    (descend, (BOWL, SLOPE, V([1.0]), 1.0, 0.0, -1), "max_steps", "must be an integer >= 0"),
    (density_on_line, (BOWL, 1.0, 0.0, 1.0, 0.0), "tolerance", "must be positive and finite"),
    (icm, (lambda y: 1.0 * y, [0], [2]), "energy", "must be one number, at answer [0]"),
    (icm, (SUM, [0], [2.0]), "cardinalities", "must hold integers, not floats or bools"),
    (icm, (SUM, [0], [0]), "cardinalities", "must be an integer >= 1"),
    (
        anneal,
        (RNG, lambda y: 1.0 * np.array(y), FLIP, [0], [1.0]),
        "energy",
        "must be one number, at answer [0]",
    ),
    (FLIP, (RNG, [0, 0]), "answer", "has shape (2,), but must have (1,)"),
    (beam_search, (*CHAIN, 1.5), "width", "must be an integer >= 1"),
    (chain_energy, (*CHAIN, (0, 0)), "path", "has shape (2,), but must have (3,)"),
    (chain_energy, (*CHAIN, (0, 0, -1)), "path", "must be an integer in 0..1"),
    (detect, ([1.0, 2.0], [True, False], [1]), "inputs", "must be as many as the energies, 2"),
    (calibrate, ([[1e308, -1e308]], [1]), "tables", "must not be so large that a difference overflows"),
    (product_of_experts, ([[1.0, NAN]], [1.0]), "tables", "must not be NaN"),
    (product_of_experts, ([[1.0, -INF]], [1.0]), "tables", "must be above -inf"),
    (reliability, ([0.5], [True], 1.5), "bins", "must be an integer >= 1"),
    (offender, ([1.0], 0), "energies", "must hold k >= 2 answers, one correct and one wrong"),
    (offender, ([1.0, 2.0], 2), "label", "must be an integer in 0..1"),
    (rank, ([1.0, 2.0], 0), "count", "must be an integer >= 1"),
    *(
        (use, ([1.0, 2.0], None, beta), "beta", "must be positive and finite")
        for use in (density, log_partition)
        for beta in (0.0, -1.0, INF, NAN)
    ),
    (density, ([1.0, 2.0], None, [1.0, 2.0]), "beta", "must be one number, not an array"),
    # codes
    (shrink, ([1.0, 2.0], [1.0]), "threshold", "has shape (1,), but must have (2,)"),
    (ista, (*SPARSE, -0.3, 5), "sparsity", "must be >= 0"),
    (fista, (*SPARSE, -0.3, 5), "sparsity", "must be >= 0"),
    (ista, (*SPARSE, 0.3, -5), "steps", "must be an integer >= 0"),
    (fista, (*SPARSE, 0.3, -5), "steps", "must be an integer >= 0"),
    (fista, (*SPARSE, 0.3, 5, [0.0]), "start", "has shape (1,), but must have (2,)"),
    (lista, (np.eye(2), np.eye(2), 0.5, [1.0, 2.0], -1), "steps", "must be an integer >= 0"),
    (violation, (*SPARSE, [0.0, 0.0], -0.3), "sparsity", "must be >= 0"),
    (duality_gap, (*SPARSE, [0.0, 0.0], -0.3), "sparsity", "must be >= 0"),
    # factor graphs
    *(
        (use, arguments, argument, rule)
        for use in (mean_field, sum_product, lambda f, k, beta=1.0, **rest: min_sum(f, k, **rest))
        for arguments, argument, rule in [
            ((PAIR, [2, 2.0]), "cardinalities", "must hold integers, not floats or bools"),
            ((PAIR, {0: 2, 1: 2.0}), "cardinalities[1]", "must be an integer >= 1"),
            (([((0, 1), np.eye(2) + 0j)], [2, 2]), "table", "must hold real numbers"),
            (([((0, 1),)], [2, 2]), "factors", "must be pairs (scope, table)"),
            ((3, [2, 2]), "factors", "must be pairs (scope, table)"),
            (([(2, [0.0, 1.0])], [2, 2]), "scope", "must name variables that have a cardinality; 2 has none"),
        ]
    ),
    *(
        (lambda *a, use=use, given=given: use(*a, **given), (PAIR, [2, 2]), argument, rule)
        for use in (mean_field, sum_product, min_sum)
        for given, argument, rule in [
            ({"sweeps": -1}, "sweeps", "must be an integer >= 0"),
            ({"tolerance": -1.0}, "tolerance", "must be >= 0"),
            ({"tolerance": NAN}, "tolerance", "must be >= 0"),
        ]
    ),
    (mean_field, (PAIR, [2, 2], 1.0, 3), "start", "must be a sequence"),
    (
        bethe_free_energy,
        ([(0, [0.0, 1.0])], {0: [1.0, 0.0]}, []),
        "tables",
        "must be as many as the factors, 1",
    ),
    # learning
    (energy_table, (lambda y: 0.0, 0), "k", "must be an integer >= 1"),
    (chain_rule, ([1.0], [1.0, 2.0]), "energy_gradients", "must hold one gradient for each of 1 answers"),
    (gradient_descent, (SLOPE, [1.0], 0.5, -1), "steps", "must be an integer >= 0"),
    (gradient_descent, (lambda w: 1.0, [1.0], 0.5, 1), "gradient", "has shape (), but must have (1,)"),
    (momentum_step, ([1.0, 2.0], [0.0], [1.0, 1.0], 0.1), "velocity", "has shape (1,), but must have (2,)"),
    (adam_step, ([1.0], (0.0, 0.0), [1.0]), "state", "must be a triple (m, v, t)"),
    (adam_step, ([1.0], (0.0, 0.0, -1), [1.0]), "state", "must be an integer >= 0"),
    (early_stopping, (lambda w: w, 0.0, lambda w: 0.0, -1), "patience", "must be an integer >= 0"),
    # a continuum
    (grid_minimum, (BOWL, [0.0], [0.0]), "upper", "must be finite and above lower, [0.]"),
    (grid_minimum, (BOWL, [0.0], [INF]), "upper", "must be finite and above lower, [0.]"),
    (grid_minimum, (BOWL, [-INF], [0.0]), "lower", "must be finite"),
    (grid_minimum, (BOWL, [0.0, -INF], [1.0, 1.0]), "lower", "must be finite"),
    (grid_minimum, (BOWL, [0.0, 0.0], [1.0, -1.0]), "upper", "must be finite and above lower, [0. 0.]"),
    (grid_minimum, (BOWL, [0.0], [1.0, 1.0]), "upper", "has shape (2,), but must have (1,)"),
    (grid_minimum, (BOWL, [0.0] * 3, [1.0] * 3), "lower", "must have 1 or 2 components"),
    (grid_minimum, (BOWL, 0.0, 1.0), "lower", "has shape (), but must have (n,)"),
    (grid_minimum, (BOWL, [0.0], [1.0], 1), "points", "must be an integer >= 2"),
    (grid_minimum, (BOWL, [0.0], [1.0], 5, 0.0), "tolerance", "must be positive and finite"),
    (grid_minimum, (BOWL, [0.0], [1.0], 5, 1e-3, 0), "starts", "must be an integer >= 1"),
    (grid_minimum, (lambda y: NAN, [0.0], [1.0]), "energy", "must be neither NaN nor -inf, at answer [0.]"),
    (grid_minimum, (lambda y: -INF, [0.0], [1.0]), "energy", "must be neither NaN nor -inf, at answer [0.]"),
    (grid_minimum, (lambda y: INF, [0.0], [1.0]), "energy", "must be below +inf at some node"),
    (grid_offender, (BOWL, [0.0], 0.0, [-1.0], [1.0]), "radius", "must be positive and finite"),
    (
        grid_offender,
        (BOWL, [0.0], 3.0, [-1.0], [1.0]),
        "radius",
        "must leave an answer of the box outside the ball",
    ),
    (grid_offender, (BOWL, [0.0, 0.0], 0.5, [-1.0], [1.0]), "correct", "has shape (2,), but must have (1,)"),
    (global_gap, (1.0, [1.0], [0.0], 3), "upper", "must be finite and above lower, [1.]"),
    (descend, (BOWL, SLOPE, V([1.0, NAN])), "start", "must hold n >= 1 finite numbers"),
    (descend, (BOWL, SLOPE, 1.0), "start", "has shape (), but must have (n,)"),
    (descend, (BOWL, SLOPE, V([1.0]), 0.0), "step_size", "must be positive and finite"),
    (descend, (BOWL, SLOPE, V([1.0]), 1.0, -1.0), "tolerance", "must be >= 0"),
    (descend, (BOWL, lambda y: 1.0, V([1.0])), "gradient", "must have shape (1,), as the answer"),
    (descend, (lambda y: NAN, SLOPE, V([1.0])), "energy", "must be finite at the start [1.]"),
    (descend, (lambda y: INF, SLOPE, V([1.0])), "energy", "must be finite at the start [1.]"),
    (descend, (BOWL, lambda y: y * NAN, V([1.0])), "gradient", "must be finite at the start [1.]"),
    (descend_from, (BOWL, SLOPE, []), "starts", "must hold at least one start"),
    (density_on_line, (BOWL, 0.0), "beta", "must be positive and finite"),
    (density_on_line, (BOWL, 1.0, 0.0, -1.0), "scale", "must be positive and finite"),
    (density_on_line, (lambda y: NAN,), "energy", "must not be NaN"),
    (density_on_line, (lambda y: -INF,), "energy", "must be above -inf"),
    (density_on_line, (lambda y: INF,), "energy", "must be finite at some of the answers tried"),
    # latent variables
    (joint_table, (BOWL, [], [1]), "answers", "must hold at least one answer"),
    (joint_table, (BOWL, [1], []), "latents", "must hold at least one value"),
    *(
        (use, (joint,), "joint", rule)
        for use in (minimised, marginalised)
        for joint, rule in [
            (np.zeros(3), "has shape (3,), but must have (k, n)"),
            (np.zeros((0, 3)), "must have shape (k, n), k and n >= 1"),
            (V([[1.0, NAN]]), "must not be NaN"),
            (V([[1.0, -INF]]), "must be above -inf"),
        ]
    ),
    # parts
    (icm, (SUM, [], []), "start", "must hold n >= 1 parts"),
    (icm, (SUM, [0, 0], [2]), "cardinalities", "has shape (1,), but must have (2,)"),
    (icm, (SUM, [0, 2], [2, 2]), "start", "must be an integer in 0..1"),
    (icm, (SUM, [0.0], [2]), "start", "must hold integers, not floats or bools"),
    (icm, (lambda y: NAN, [0], [2]), "energy", "must be neither NaN nor -inf, at answer [0]"),
    (geometric_schedule, (0.0, 1.0, 5), "first", "must be positive and finite"),
    (geometric_schedule, (1.0, INF, 5), "last", "must be positive and finite"),
    (geometric_schedule, (1.0, 2.0, 1), "steps", "must be an integer >= 2"),
    (one_part_changed, ([1, 1],), "cardinalities", "must be >= 1, and not all 1: nothing could change"),
    (one_part_changed, ([2, 0],), "cardinalities", "must be >= 1, and not all 1: nothing could change"),
    (anneal, (RNG, lambda y: INF, FLIP, [0], [1.0]), "start", "must have a finite energy, not inf"),
    (
        anneal,
        (RNG, lambda y: [0.0, NAN][y[0]], FLIP, [0], [1.0]),
        "energy",
        "must be neither NaN nor -inf, at answer [1]",
    ),
    (anneal, (RNG, SUM, FLIP, [0], [1.0, -1.0]), "betas", "must be >= 0"),
    (anneal, (RNG, SUM, FLIP, [0], [NAN]), "betas", "must be >= 0"),
    (beam_search, (*CHAIN, 0), "width", "must be an integer >= 1"),
    (beam_search, (CHAIN[0], np.zeros((3, 2)), 1), "pairwise", "has shape (3, 2), but must have (2, 2)"),
    (beam_search, (np.zeros((0, 2)), CHAIN[1], 1), "unary", "must have shape (t, k), t >= 1 and k >= 1"),
    (beam_search, (np.zeros(2), CHAIN[1], 1), "unary", "has shape (2,), but must have (t, k)"),
    (beam_search, (np.full((3, 2), NAN), CHAIN[1], 1), "unary", "must not be NaN"),
    (beam_search, (CHAIN[0], V([[0.0, -INF], [0.0, 0.0]]), 1), "pairwise", "must be above -inf"),
    (beam_search, (CHAIN[0], V([[0.0, NAN], [0.0, 0.0]]), 1), "pairwise", "must not be NaN"),
    (beam_search, (CHAIN[0], np.full((2, 2), -INF), 1), "pairwise", "must be above -inf"),
    # thresholds and temperatures
    (
        detect,
        ([1.0, 2.0], [True, True]),
        "present",
        "must hold both classes: no threshold can be chosen on one",
    ),
    (
        detect,
        ([1.0, 2.0], [False, False]),
        "present",
        "must hold both classes: no threshold can be chosen on one",
    ),
    (detect, ([1.0, 2.0], [True]), "present", "has shape (1,), but must have (2,)"),
    (detect, ([1.0, 2.0], [-1, 1]), "present", "must be true or false"),
    (detect, ([1.0, INF], [True, False]), "energies", "must be finite"),
    (detect, ([1.0, NAN], [True, False]), "energies", "must not be NaN"),
    (detect, (SUM, [True, False]), "inputs", "must list the inputs when the energy is a function"),
    (detect, ([1.0, 2.0], [True, False], None, -1.0), "cost_of_miss", "must be >= 0 and finite"),
    (detect, ([1.0, 2.0], [True, False], None, 1.0, NAN), "cost_of_false_alarm", "must be >= 0 and finite"),
    (
        detect,
        ([1.0, 2.0], [True, False], None, 0.0, 0.0),
        "cost_of_miss",
        "must not be 0 if the other cost is",
    ),
    (calibrate, ([], []), "tables", "must hold at least one sample"),
    (calibrate, ([[1.0, 2.0]], [0, 1]), "labels", "has shape (2,), but must have (1,)"),
    (calibrate, ([[1.0, 2.0]], [2]), "labels", "must be an integer in 0..1"),
    (calibrate, ([[]], [0]), "tables", "must hold k >= 1 energies for each sample"),
    (calibrate, ([1.0, 2.0], [0, 0]), "tables", "has shape (), but must have (k,)"),
    (calibrate, ([[1.0, NAN]], [0]), "tables", "must not be NaN"),
    (calibrate, ([[1.0, -INF]], [0]), "tables", "must be above -inf"),
    (calibrate, ([[1.0, INF]], [1]), "tables", "must be finite at the correct answer, 1"),
    (reliability, ([], []), "confidences", "must hold n >= 1 numbers"),
    (reliability, ([0.5, 1.5], [True, True]), "confidences", "must be in [0, 1]"),
    (reliability, ([NAN], [True]), "confidences", "must be in [0, 1]"),
    (reliability, ([0.5], [True, False]), "correct", "has shape (2,), but must have (1,)"),
    (reliability, ([0.5], [2]), "correct", "must be true or false"),
    (reliability, ([0.5], [True], 0), "bins", "must be an integer >= 1"),
    (product_of_experts, ([], []), "tables", "must hold at least one model"),
    (product_of_experts, ([[1.0]], [1.0, 2.0]), "betas", "has shape (2,), but must have (1,)"),
    (product_of_experts, ([[1.0]], [INF]), "betas", "must be positive and finite"),
    (product_of_experts, ([[1.0, 2.0], [1.0]], [1.0, 1.0]), "tables", "has shape (1,), but must have (2,)"),
]


@pytest.mark.parametrize("use, arguments, argument, rule", BAD)
def test_bad_input(use, arguments, argument, rule):
    with pytest.raises(ValueError) as problem:
        use(*arguments)
    said = str(problem.value)
    assert said.startswith(f"{argument} = ") and said.endswith(f": {rule}")


# {what: (function, its numbers: whole ones, so that int8 holds them, the rest)}
ASKED = {
    "argmin": (argmin, {"energies": [100, 90, 120]}, {}),
    "offender": (offender, {"energies": [100, 90, 120], "label": 1}, {}),
    "log_partition": (lambda e, b: log_partition(e, beta=b), {"energies": [100, 90, 101], "beta": 2}, {}),
    "density": (lambda e, b: density(e, beta=b), {"energies": [-100, 90, 101], "beta": 1}, {}),
    "rank": (rank, {"energies": [100, 90, 101], "count": 2}, {}),
    "grid_minimum": (grid_minimum, {"energy": BOWL, "lower": [-100], "upper": [100], "points": 9}, {}),
    "grid_offender": (
        grid_offender,
        {"energy": BOWL, "correct": [0], "radius": 50, "lower": [-100], "upper": [100], "points": 9},
        {},
    ),
    "global_gap": (global_gap, {"steepness": 3, "lower": [-100], "upper": [100], "points": 11}, {}),
    "descend": (descend, {"energy": BOWL, "gradient": SLOPE, "start": [100, 90], "step_size": 1}, {}),
    "density_on_line": (
        lambda *a: density_on_line(*a)[1],
        {"energy": lambda y: y**2 / 2, "beta": 1, "center": 0, "scale": 1},
        {},
    ),
    "minimised": (minimised, {"joint": [[100, 90], [101, 120]]}, {}),
    "marginalised": (marginalised, {"joint": [[100, 90], [101, 90]], "beta": 1}, {}),
    "icm": (icm, {"energy": SUM, "start": [1, 2], "cardinalities": [2, 3]}, {}),
    "geometric_schedule": (geometric_schedule, {"first": 1, "last": 100, "steps": 4}, {}),
    "anneal": (
        lambda b: anneal(np.random.default_rng(0), SUM, one_part_changed([3, 2]), [1, 1], b).energies,
        {"betas": [1, 2, 100]},
        {},
    ),
    "one_part_changed": (
        lambda k: one_part_changed(k)(np.random.default_rng(0), [0, 0]),
        {"cardinalities": [100, 100]},
        {},
    ),
    "chain_energy": (
        chain_energy,
        {"unary": [[100, 90], [90, 100]], "pairwise": [[100, 1], [0, 90]], "path": [0, 0]},
        {},
    ),
    "beam_search": (
        beam_search,
        {"unary": [[100, 90], [90, 100]], "pairwise": [[100, 1], [0, 90]], "width": 1},
        {},
    ),
    "detect": (
        detect,
        {"energies": [100, 90, -100], "present": [0, 1, 1]},
        {"cost_of_miss": 100, "cost_of_false_alarm": 90},
    ),
    "calibrate": (calibrate, {"tables": [[100, -100], [90, -10]], "labels": [1, 0]}, {}),
    "reliability": (reliability, {"confidences": [1, 0, 1], "correct": [1, 0, 0], "bins": 3}, {}),
    "product_of_experts": (product_of_experts, {"tables": [[100, 1], [90, 2]], "betas": [2, 2]}, {}),
    "shrink": (shrink, {"t": [100, -100], "threshold": 90}, {}),
    "smoothness": (smoothness, {"dictionary": [[100, 1], [1, 90]]}, {}),
    "ista_step": (
        ista_step,
        {
            "dictionary": [[100, 1], [1, 90]],
            "observation": [100, 90],
            "code": [1, 1],
            "sparsity": 100,
            "L": 100,
        },
        {},
    ),
    **{
        use.__name__: (
            use,
            {
                "dictionary": [[100, 1], [1, 90]],
                "observation": [100, 90],
                "sparsity": 100,
                "steps": 3,
                "start": [100, 90],
            },
            {},
        )
        for use in (ista, fista)
    },
    "lista": (
        lista,
        {
            "encoder": [[100, 1], [1, 90]],
            "feedback": [[0, 1], [1, 0]],
            "threshold": [100, 90],
            "observation": [100, 90],
            "steps": 2,
        },
        {},
    ),
    "lista_start": (lista_start, {"dictionary": [[100, 1], [1, 90]], "sparsity": 100}, {}),
    **{
        use.__name__: (
            use,
            {"dictionary": [[100, 1], [1, 90]], "observation": [100, 90], "code": [100, 90], "sparsity": 100},
            {},
        )
        for use in (violation, duality_gap)
    },
    "mean_field": (
        lambda table, k, beta: mean_field([((0, 1), table)], k, beta).free_energy,
        {"table": [[100, 0], [90, 100]], "cardinalities": [2, 2], "beta": 1},
        {},
    ),
    "mean field of a q": (
        lambda table, q, beta: variational_free_energy([(0, table)], {0: q}, beta),
        {"table": [100, 90], "q[0]": [0, 1], "beta": 1},
        {},
    ),
    "sum_product": (
        lambda table, k, beta: sum_product([((0, 1), table)], k, beta).free_energy,
        {"table": [[100, 0], [90, 100]], "cardinalities": [2, 2], "beta": 1},
        {},
    ),
    "min_sum": (
        lambda table, k, damping: min_sum([((0, 1), table)], k, damping).energy,
        {"table": [[100, 0], [90, 100]], "cardinalities": [2, 2], "damping": 0},
        {},
    ),
    "bethe_free_energy": (
        lambda table, b, tables: bethe_free_energy([((0,), table)], {0: b}, [tables]),
        {"table": [100, 90], "nodes[0]": [0, 1], "tables": [0, 1]},
        {},
    ),
    "chain_rule": (chain_rule, {"loss_gradient": [2, 1], "energy_gradients": [[100], [90]]}, {}),
    "regulariser": (regulariser, {"W": [100, 90], "decay": 2, "sparsity": 3}, {}),
    "regulariser_gradient": (regulariser_gradient, {"W": [100, 90], "decay": 2, "sparsity": 3}, {}),
    "objective": (
        lambda d, s: objective(hinge, lambda W, x, y: W[y] * x, 2, [1.0, 2.0], [100], [0], d, s),
        {"decay": 100, "sparsity": 90},
        {},
    ),
    "gradient_descent": (
        gradient_descent,
        {"gradient": SLOPE, "start": [100, 90], "step_size": 2, "steps": 2},
        {},
    ),
    "momentum_step": (
        momentum_step,
        {"W": [100, 90], "velocity": [100, 90], "g": [100, 90], "step_size": 2, "friction": 3},
        {},
    ),
    "adam_step": (
        lambda W, m, g, s, b: adam_step(W, (m, m, 1), g, s, b1=b)[0],
        {"W": [100, 90], "state": [100, 90], "g": [100, 90], "step_size": 2, "b1": 0},
        {},
    ),
    "condition_3": (
        lambda m, e: condition_3(hinge, lambda E_C, E_I: True, m, e, 5),
        {"margin": 0, "extent": 4},
        {},
    ),
    "resting_gap": (lambda e: resting_gap(hinge_gradient, e), {"extent": 4}, {}),
}
GARBAGE = {
    "complex": lambda x: np.asarray(x) + 0j,
    "text": lambda x: "one",
    "nothing": lambda x: None,
    "bool": lambda x: np.asarray(x) > 0,
    "objects": lambda x: np.asarray(x).astype(object)[()] if np.ndim(x) else object(),
    "masked": lambda x: np.ma.masked_array(np.asarray(x, float), np.ones(np.shape(x), bool)),
    "an axis more": lambda x: np.asarray(x)[None],
}
ALLOWED = {  # what is garbage elsewhere
    ("ista", "start"): ("nothing",),
    ("fista", "start"): ("nothing",),
    ("detect", "present"): ("bool", "objects"),
    ("reliability", "correct"): ("bool", "objects"),
    ("shrink", "t"): ("an axis more",),
    ("gradient_descent", "start"): ("an axis more",),
    **{
        (use, "W"): ("an axis more",)
        for use in ("regulariser", "regulariser_gradient", "momentum_step", "adam_step")
    },
}


@pytest.mark.parametrize("what", ASKED)
def test_every_argument_refuses_garbage(what):
    use, numbers, rest = ASKED[what]
    for argument, x in numbers.items():
        if callable(x) or (argument == "tables" and what != "bethe_free_energy"):  # a list of tables
            continue
        for kind, garbage in GARBAGE.items():
            if kind in ALLOWED.get((what, argument), ()):
                continue
            with pytest.raises(ValueError) as problem:
                use(*(numbers | {argument: garbage(x)}).values(), **rest)
            assert str(problem.value).startswith(f"{argument} = "), (argument, kind)


@pytest.mark.parametrize("what", ASKED)
def test_small_integers_and_lists_are_the_numbers_that_they_are(what):
    """int8 would wrap around at 127; lists and tuples have no arithmetic."""
    use, numbers, rest = ASKED[what]
    whole = {"label", "labels", "cardinalities", "path", "count", "points", "steps", "width", "bins"}
    whole |= {"start"} if what == "icm" else set()
    meant = {a: x if callable(x) or a in whole else np.array(x, float)[()] for a, x in numbers.items()}
    small = lambda a, x: x if callable(x) else np.array(x, np.int8)[()]
    listed = lambda a, x: x if callable(x) or np.ndim(x) == 0 else tuple(x)
    truth = plain(use(*meant.values(), **rest))
    for given in (small, listed):
        found = use(*(given(a, x) for a, x in numbers.items()), **rest)
        assert repr(plain(found)) == repr(truth), given


def plain(x):
    """A result without the types of its numbers."""
    if hasattr(x, "__dataclass_fields__"):
        return {name: plain(getattr(x, name)) for name in x.__dataclass_fields__}
    if isinstance(x, dict):
        return {name: plain(value) for name, value in x.items()}
    return [plain(value) for value in x] if isinstance(x, (tuple, list)) else np.asarray(x).tolist()


def test_variables_may_be_numbered_and_scopes_lack_their_comma():
    factors = [((0, 1), [[0.0, 1.0], [2.0, 0.5]]), ((1,), [0.0, 0.25])]
    loose = [([0, 1], ((0, 1), (2, 0.5))), (1, (0, 0.25))]
    named = [(("a", "b"), factors[0][1]), ("b", factors[1][1])]
    for infer in (mean_field, sum_product, min_sum):
        truth = plain(infer(factors, {0: 2, 1: 2}))
        assert plain(infer(loose, [2, 2])) == plain(infer(loose, V([2, 2], np.int8))) == truth
        letters = plain(infer(named, {"a": 2, "b": 2}))
        assert str(letters).replace("'a'", "0").replace("'b'", "1") == str(truth)


def test_an_unbounded_energy_has_no_minimum():
    with pytest.raises(ValueError, match=r"energy = -inf: must be bounded below, and is not at answer"):
        descend(lambda y: -np.sum(y**2), lambda y: -2.0 * y, V([1.0]))
    with pytest.raises(
        ValueError, match=r"energy = -inf: must be bounded below, and is not at answer \[-inf\]"
    ):
        descend(lambda y: y[0], lambda y: np.ones(1), V([1.0]))
    with pytest.raises(ValueError, match=r"energy = -inf: must be neither NaN nor -inf, at answer \[0\.\]"):
        with np.errstate(divide="ignore"):
            grid_minimum(lambda y: np.log(abs(y[0])), [-1.0], [1.0])
