"""Bad input to inference: a ValueError that names the argument, its value and the rule."""

import numpy as np
import pytest

from ebm_ref import FORMULAS
from ebm_ref.inference.annealing import anneal, geometric_schedule, one_part_changed
from ebm_ref.inference.beam import beam_search, chain_energy
from ebm_ref.inference.calibration import calibrate, product_of_experts, reliability
from ebm_ref.inference.descent import descend, descend_from
from ebm_ref.inference.exhaustive import argmin, log_partition, minimum, offender, table_of
from ebm_ref.inference.grid import global_gap, grid_minimum, grid_offender
from ebm_ref.inference.icm import icm
from ebm_ref.inference.latent import joint_table, marginalised, minimised
from ebm_ref.inference.uses import density, density_on_line, detect, predict, rank

V, INF, NAN = np.array, np.inf, np.nan
BOWL, SLOPE = (lambda y: float(np.sum(y**2))), (lambda y: 2.0 * y)
SUM = lambda y: float(np.sum(y))
RNG = np.random.default_rng(0)
CHAIN = np.zeros((3, 2)), np.zeros((2, 2))
FLIP = one_part_changed([2])

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
            ((3.0,), "energies", "must be one number for each of k >= 1 answers"),
            ((np.zeros((2, 2)),), "energies", "must be one number for each of k >= 1 answers"),
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
    (descend, (BOWL, SLOPE, V([])), "start", "must be one axis of finite numbers"),
    (density_on_line, (BOWL, 1.0, 0.0, 1.0, 0.0), "tolerance", "must be positive and finite"),
    (icm, (lambda y: 1.0 * y, [0], [2]), "energy", "must be one number, at answer [0]"),
    (icm, (SUM, [0], [2.0]), "cardinalities", "must be an integer >= 1"),
    (
        anneal,
        (RNG, lambda y: 1.0 * np.array(y), FLIP, [0], [1.0]),
        "energy",
        "must be one number, at answer [0]",
    ),
    (FLIP, (RNG, [0, 0]), "answer", "has shape (2,), but must have (1,)"),
    (beam_search, (*CHAIN, 1.5), "width", "must be an integer >= 1"),
    (chain_energy, (*CHAIN, (0, 0)), "path", "must hold one state for each of 3 positions"),
    (chain_energy, (*CHAIN, (0, 0, -1)), "path", "must be an integer in 0..1"),
    (detect, ([1.0, 2.0], [True, False], [1]), "inputs", "must be as many as the energies, 2"),
    (
        calibrate,
        ([[1e308, -1e308]], [1]),
        "tables",
        "must not be so large that a difference overflows",
    ),
    (product_of_experts, ([[1.0, NAN]], [1.0]), "energies", "must not be NaN"),
    (product_of_experts, ([[1.0, -INF]], [1.0]), "energies", "must be above -inf"),
    (reliability, ([0.5], [True], 1.5), "bins", "must be an integer >= 1"),
    (offender, ([1.0], 0), "energies", "must hold k >= 2 answers, one correct and one wrong"),
    (offender, ([1.0, 2.0], 2), "label", "must be an integer in 0..1"),
    (rank, ([1.0, 2.0], 0), "count", "must be an integer >= 1"),
    *(
        (use, ([1.0, 2.0], None, beta), "beta", "must be positive and finite")
        for use in (density, log_partition)
        for beta in (0.0, -1.0, INF, NAN, [1.0, 2.0])
    ),
    # a continuum
    (grid_minimum, (BOWL, [0.0], [0.0]), "upper", "must be finite and above lower, [0.]"),
    (grid_minimum, (BOWL, [0.0], [INF]), "upper", "must be finite and above lower, [0.]"),
    (grid_minimum, (BOWL, [-INF], [0.0]), "lower", "must be finite"),
    (grid_minimum, (BOWL, [0.0, -INF], [1.0, 1.0]), "lower", "must be finite"),
    (grid_minimum, (BOWL, [0.0, 0.0], [1.0, -1.0]), "upper", "must be finite and above lower, [0. 0.]"),
    (grid_minimum, (BOWL, [0.0], [1.0, 1.0]), "upper", "must have 1 components, as lower"),
    (grid_minimum, (BOWL, [0.0] * 3, [1.0] * 3), "lower", "must have 1 or 2 components"),
    (grid_minimum, (BOWL, 0.0, 1.0), "lower", "must have 1 or 2 components"),
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
    (grid_offender, (BOWL, [0.0, 0.0], 0.5, [-1.0], [1.0]), "correct", "must have 1 components, as the box"),
    (global_gap, (1.0, [1.0], [0.0], 3), "upper", "must be finite and above lower, [1.]"),
    (descend, (BOWL, SLOPE, V([1.0, NAN])), "start", "must be one axis of finite numbers"),
    (descend, (BOWL, SLOPE, 1.0), "start", "must be one axis of finite numbers"),
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
            (np.zeros(3), "must have shape (k, n), k and n >= 1"),
            (np.zeros((0, 3)), "must have shape (k, n), k and n >= 1"),
            (V([[1.0, NAN]]), "must not be NaN"),
            (V([[1.0, -INF]]), "must be above -inf"),
        ]
    ),
    # parts
    (icm, (SUM, [], []), "start", "must hold n >= 1 parts"),
    (icm, (SUM, [0, 0], [2]), "cardinalities", "must be as many as the parts, 2"),
    (icm, (SUM, [0, 2], [2, 2]), "start", "must be an integer in 0..1"),
    (icm, (SUM, [0.0], [2]), "start", "must be an integer in 0..1"),
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
    (anneal, (RNG, SUM, FLIP, [0], [1.0, -1.0]), "betas", "must be one axis of numbers >= 0"),
    (anneal, (RNG, SUM, FLIP, [0], [NAN]), "betas", "must be one axis of numbers >= 0"),
    (beam_search, (*CHAIN, 0), "width", "must be an integer >= 1"),
    (
        beam_search,
        (CHAIN[0], np.zeros((3, 2)), 1),
        "pairwise",
        "must have shape (2, 2): unary has k = 2 states",
    ),
    (beam_search, (np.zeros((0, 2)), CHAIN[1], 1), "unary", "must have shape (t, k), t >= 1 and k >= 1"),
    (beam_search, (np.zeros(2), CHAIN[1], 1), "unary", "must have shape (t, k), t >= 1 and k >= 1"),
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
    (detect, ([1.0, 2.0], [True]), "present", "must have the shape of the energies, (2,)"),
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
    (calibrate, ([[1.0, 2.0]], [0, 1]), "labels", "must be as many as the tables, 1"),
    (calibrate, ([[1.0, 2.0]], [2]), "labels", "must be an integer in 0..1"),
    (calibrate, ([[]], [0]), "tables", "must hold one axis of k >= 1 energies for each sample"),
    (calibrate, ([1.0, 2.0], [0, 0]), "tables", "must hold one axis of k >= 1 energies for each sample"),
    (calibrate, ([[1.0, NAN]], [0]), "tables", "must not be NaN"),
    (calibrate, ([[1.0, -INF]], [0]), "tables", "must be above -inf"),
    (calibrate, ([[1.0, INF]], [1]), "tables", "must be finite at the correct answer, 1"),
    (reliability, ([], []), "confidences", "must hold n >= 1 numbers"),
    (reliability, ([0.5, 1.5], [True, True]), "confidences", "must be in [0, 1]"),
    (reliability, ([NAN], [True]), "confidences", "must be in [0, 1]"),
    (reliability, ([0.5], [True, False]), "correct", "must have the shape of confidences, (1,)"),
    (reliability, ([0.5], [2]), "correct", "must be true or false"),
    (reliability, ([0.5], [True], 0), "bins", "must be an integer >= 1"),
    (product_of_experts, ([], []), "tables", "must hold at least one model"),
    (product_of_experts, ([[1.0]], [1.0, 2.0]), "betas", "must be as many as the models, 1"),
    (product_of_experts, ([[1.0]], [INF]), "betas", "must be positive and finite"),
    (
        product_of_experts,
        ([[1.0, 2.0], [1.0]], [1.0, 1.0]),
        "tables",
        "must have the shape of the first, (2,)",
    ),
]


@pytest.mark.parametrize("use, arguments, argument, rule", BAD)
def test_bad_input(use, arguments, argument, rule):
    with pytest.raises(ValueError) as problem:
        use(*arguments)
    said = str(problem.value)
    assert said.startswith(f"{argument} = ") and said.endswith(f": {rule}")


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


@pytest.mark.parametrize("name", ["free_energy", "average_free_energy"])
def test_free_energies(name):
    f = FORMULAS[name]
    for function in (f.value, f.gradients["energies"]):
        for bad in (V([]), V([[1.0]]), 1.0):
            with pytest.raises(ValueError, match=r"energies = .*: must hold k >= 1 numbers"):
                function(bad)
        with pytest.raises(ValueError, match=r"energies = .*: must be above -inf"):
            function(V([0.0, -INF]))
        for beta in (0.0, -1.0, INF, NAN):
            with pytest.raises(ValueError, match=f"beta = {beta}: must be positive and finite"):
                function(V([0.0, 1.0]), beta)


def test_variational_free_energy():
    f = FORMULAS["variational_free_energy"]
    for function in (f.value, *f.gradients.values()):
        with pytest.raises(ValueError, match=r"probabilities = .*must have the shape of energies, \(2,\)"):
            function(V([1.0]), V([0.0, 1.0]))
        with pytest.raises(ValueError, match=r"probabilities = .*must be >= 0"):
            function(V([1.5, -0.5]), V([0.0, 1.0]))
        with pytest.raises(ValueError, match=r"beta = 0\.0: must be positive and finite"):
            function(V([0.5, 0.5]), V([0.0, 1.0]), 0.0)
