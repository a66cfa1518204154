"""A small legal call of each public function beside the records, for scripts/fuzz_calls.py to spoil."""

import warnings

import numpy as np

from ebm_ref.energies import hidden_markov as hidden_markov_energy
from ebm_ref.energies import quadratisation
from ebm_ref.exact import (
    blocks,
    chain,
    chain_enumeration,
    checkpoint,
    dependency_trees,
    elimination,
    enumeration,
    hidden_markov,
    ising_counts,
    ising_plane,
    ising_torus,
    quadrature,
    semi_markov,
    spins,
    transfer_matrix,
    transition,
)
from ebm_ref.inference import (
    annealing,
    beam,
    calibration,
    descent,
    exhaustive,
    grid,
    icm,
    ista,
    latent,
    loopy,
    mean_field,
    uses,
)
from ebm_ref.learning import descent as walk
from ebm_ref.learning import (
    expected_cd,
    flips,
    likelihood,
    minimum_probability_flow,
    noise_contrastive_variance,
    persistent_chains,
)
from ebm_ref.samplers import (
    annealed_importance,
    annealed_langevin,
    blocking,
    chains,
    cluster,
    diagnostics,
    gibbs,
    heat_bath,
    hmc,
    interval,
    jitter,
    lattice_walk,
    mass_matrix,
    positive,
    posterior,
    random_walk,
    simplex,
    warm_up,
)

J = np.array([[0.0, 2.0, -1.0], [2.0, 0.0, 3.0], [-1.0, 3.0, 0.0]])
h = np.array([1.0, -2.0, 0.0])
SPINS = {"couplings": J, "fields": h, "beta": 0.5}
COLOURS = {"couplings": J, "fields": np.array([[0.0, 1.0], [2.0, 0.0], [1.0, 1.0]]), "beta": 0.5}
TABLE = np.array([[0.0, 2.0, 1.0], [3.0, 1.0, 5.0]])
CHAIN = {
    "unary": np.array([[0.0, 2.0], [1.0, 0.0], [3.0, 1.0]]),
    "pairwise": np.array([[0.0, 4.0], [2.0, 1.0]]),
}
SEGMENTS = {
    "segments": np.array([[[0.0, 2.0], [1.0, 3.0]], [[1.0, 0.0], [9.0, 9.0]]]),
    "pairwise": np.array([[0.0, 4.0], [2.0, 1.0]]),
}
HIDDEN = {
    "start": np.array([0.5, 0.5]),
    "transitions": np.array([[0.75, 0.25], [0.5, 0.5]]),
    "emissions": np.array([[0.5, 0.25, 0.25], [0.0, 0.5, 0.5]]),
    "observations": np.array([0, 2, 1]),
}
TREES = {
    "arcs": np.array([[0.0, 1.0, 2.0], [0.5, 0.0, -1.0], [3.0, 1.0, 0.0]]),
    "roots": np.array([0.0, 2.0, 1.0]),
}
GRAPH = {
    "factors": [((0, 1), np.array([[0.0, 1.0], [2.0, 0.0]])), ((1,), np.array([0.0, 3.0]))],
    "cardinalities": {0: 2, 1: 2},
}
LATTICE = dict(zip(("right", "down", "field"), transfer_matrix.ising(np.ones((2, 2)), 1.0, 2.0), strict=True))
TORUS = {"rows": 3, "columns": 4, "coupling": 0.5}
P = np.array([[0.5, 0.5], [0.25, 0.75]])
WALK = {"density": np.array([[1.0, 4.0], [2.0, 3.0]])}
ONE_SPIN = SPINS | {"spins": np.array([1, -1, 1]), "i": 1, "uniform": 0.25}
A_STATE = SPINS | {"state": (1, -1, 1), "i": 1}
SCAN = SPINS | {"beta": 0.5}
W, a, b = np.array([[1.0, -2.0], [0.0, 1.0], [3.0, 1.0]]), np.array([1.0, 0.0, -1.0]), np.array([2.0, -1.0])
RBM = {"weights": W, "visible_bias": a, "hidden_bias": b}
EDGES = {"edges": np.array([[0, 1], [1, 2], [2, 0]]), "couplings": np.array([1.0, 2.0, -1.0]), "beta": 0.5}
LOUD = {"uniforms": np.array([0.0, 0.5, 0.75])}
DRAWS = np.array(
    [[0, 0, 1, 2, 3, 3, 2, 1, 1, 0, 1, 2], [1, 2, 2, 3, 3, 2, 0, 0, 1, 1, 2, 1]], float
)  # ten for each chain are the least that ESS takes
FLAT = {"log_density": lambda x: 0.0, "log_p": 0.0, "exponential": 1.0}
ANNEAL = {
    "energy_0": lambda x: 0.0,
    "energy_1": lambda x: 1.0,
    "schedule": np.array([0.0, 0.5, 1.0]),
    "start": 7,
    "move": lambda b, x, z: x,
    "noise": [None, None],
}
bowl, slope = lambda x: float(np.sum(x * x)) / 2.0, lambda x: 1.0 * x
parabola = lambda x: x * x / 2.0
rng = lambda: np.random.default_rng(0)
swap = lambda x: [(0.5, x), (0.5, 1 - x)]


def _sample(start, draws, sampler):
    """A few draws, whose warnings are another matter."""
    with warnings.catch_warnings(action="ignore"):
        found = posterior.sample(bowl, slope, start, draws, np.random.default_rng(0), sampler, _FEW)
    return found.states


_FEW = posterior.Plan(2)

CALLS = {
    "spins.check_spins": (spins.check_spins, SPINS),
    "spins.check_colours": (spins.check_colours, COLOURS),
    "spins.levels": (spins.levels, SPINS),
    "spins.spin_table": (spins.spin_table, {"n": 3, "start": 1, "stop": 5}),
    "spins.colour_table": (spins.colour_table, {"q": 3, "n": 2, "start": 1, "stop": 5}),
    "enumeration.configurations": (enumeration.configurations, {"cardinalities": np.array([2, 3])}),
    "enumeration.tabulate": (
        enumeration.tabulate,
        {"energy": lambda y: float(y[0]), "cardinalities": np.array([2, 3])},
    ),
    "enumeration.check_table": (enumeration.check_table, {"energies": TABLE}),
    "enumeration.log_partition_as_printed": (
        enumeration.log_partition_as_printed,
        {"energies": TABLE, "beta": 0.5},
    ),
    "enumeration.log_partition": (enumeration.log_partition, {"energies": TABLE, "beta": 0.5}),
    "enumeration.free_energy": (enumeration.free_energy, {"energies": TABLE, "beta": 0.5}),
    "enumeration.probabilities": (enumeration.probabilities, {"energies": TABLE, "beta": 0.5}),
    "enumeration.marginal": (enumeration.marginal, {"energies": TABLE, "variables": [1], "beta": 0.5}),
    "enumeration.expectation": (
        enumeration.expectation,
        {"energies": TABLE, "values": 2.0 * TABLE, "beta": 0.5},
    ),
    "enumeration.entropy": (enumeration.entropy, {"energies": TABLE, "beta": 0.5}),
    "enumeration.nll": (enumeration.nll, {"energies": TABLE, "answer": np.array([1, 2]), "beta": 0.5}),
    "enumeration.nll_gradient": (
        enumeration.nll_gradient,
        {"energies": TABLE, "gradients": 3.0 * TABLE, "answers": np.array([[1, 2], [0, 0]]), "beta": 0.5},
    ),
    "enumeration.k_best": (enumeration.k_best, {"energies": TABLE, "count": 2}),
    "enumeration.most_offending": (
        enumeration.most_offending,
        {"energies": TABLE, "answer": np.array([0, 0])},
    ),
    "checkpoint.path_of": (checkpoint.path_of, {"checkpoint": "/tmp/sum.npz"}),
    "checkpoint.recall": (checkpoint.recall, {"checkpoint": None, "problem": "any"}),
    "blocks.log_partition_as_printed": (blocks.log_partition_as_printed, SPINS),
    "blocks.log_partition": (blocks.log_partition, SPINS),
    "blocks.moments": (blocks.moments, SPINS),
    "blocks.potts_log_partition": (blocks.potts_log_partition, COLOURS),
    "blocks.potts_moments": (blocks.potts_moments, COLOURS),
    "chain.check_sums": (chain.check_sums, CHAIN | {"beta": 0.5}),
    "chain.viterbi": (chain.viterbi, CHAIN),
    "chain.free_energy_as_printed": (chain.free_energy_as_printed, CHAIN | {"beta": 0.5}),
    "chain.free_energy": (chain.free_energy, CHAIN | {"beta": 0.5}),
    "chain.marginals_as_printed": (chain.marginals_as_printed, CHAIN | {"beta": 0.5}),
    "chain.marginals": (chain.marginals, CHAIN | {"beta": 0.5}),
    "chain.entropy": (chain.entropy, CHAIN | {"beta": 0.5}),
    "chain.k_best": (chain.k_best, CHAIN | {"count": 3}),
    "chain.sample": (
        lambda unary, pairwise, beta: chain.sample(unary, pairwise, rng(), beta),
        CHAIN | {"beta": 0.5},
    ),
    "energies.hidden_markov.hidden_markov_tables": (hidden_markov_energy.hidden_markov_tables, HIDDEN),
    "hidden_markov.log_likelihood_as_printed": (hidden_markov.log_likelihood_as_printed, HIDDEN),
    "hidden_markov.log_likelihood": (hidden_markov.log_likelihood, HIDDEN),
    "hidden_markov.posteriors": (hidden_markov.posteriors, HIDDEN),
    "hidden_markov.filtered": (hidden_markov.filtered, HIDDEN),
    "hidden_markov.decode": (hidden_markov.decode, HIDDEN),
    "hidden_markov.expected_counts": (hidden_markov.expected_counts, HIDDEN),
    "hidden_markov.learn": (hidden_markov.learn, HIDDEN),
    "dependency_trees.check_trees": (dependency_trees.check_trees, TREES | {"beta": 0.5}),
    "dependency_trees.trees": (dependency_trees.trees, {"n": 3, "single_root": True}),
    "dependency_trees.is_tree": (dependency_trees.is_tree, {"heads": np.array([2, 0, 2])}),
    "dependency_trees.log_partition_as_printed": (
        dependency_trees.log_partition_as_printed,
        TREES | {"beta": 0.5, "single_root": False},
    ),
    "dependency_trees.log_partition": (
        dependency_trees.log_partition,
        TREES | {"beta": 0.5, "single_root": False},
    ),
    "dependency_trees.marginals_as_printed": (
        dependency_trees.marginals_as_printed,
        TREES | {"beta": 0.5, "single_root": False},
    ),
    "dependency_trees.marginals": (dependency_trees.marginals, TREES | {"beta": 0.5, "single_root": False}),
    "quadratisation.polynomial": (
        quadratisation.polynomial,
        {
            "coefficients": np.array([2.0, -1.0]),
            "scopes": np.array([[0, 1, 2], [1, 3, 0]]),
            "bits": np.array([1, 0, 1, 1]),
        },
    ),
    "quadratisation.quadratise": (
        lambda coefficients, scopes, n, method: quadratisation.quadratise(coefficients, scopes, n, method)[0],
        {
            "coefficients": np.array([2.0, -1.0]),
            "scopes": np.array([[0, 1, 2], [1, 3, 0]]),
            "n": 4,
            "method": "rosenberg",
        },
    ),
    "quadratisation.Quadratic.value": (
        lambda bits: quadratisation.quadratise([2.0], [[0, 1, 2]], 3).value(bits),
        {"bits": np.array([1, 0, 1])},
    ),
    "chain_enumeration.enumerate_labels": (chain_enumeration.enumerate_labels, {"t": 3, "k": 2}),
    "chain_enumeration.tables": (chain_enumeration.tables, CHAIN),
    "chain_enumeration.energies_by_enumeration": (chain_enumeration.energies_by_enumeration, CHAIN),
    "chain_enumeration.free_energy_by_enumeration": (
        chain_enumeration.free_energy_by_enumeration,
        CHAIN | {"beta": 0.5},
    ),
    "chain_enumeration.probabilities_by_enumeration": (
        chain_enumeration.probabilities_by_enumeration,
        CHAIN | {"beta": 0.5},
    ),
    "chain_enumeration.marginals_by_enumeration": (
        chain_enumeration.marginals_by_enumeration,
        CHAIN | {"beta": 0.5},
    ),
    "chain_enumeration.entropy_by_enumeration": (
        chain_enumeration.entropy_by_enumeration,
        CHAIN | {"beta": 0.5},
    ),
    "chain_enumeration.k_best_by_enumeration": (
        chain_enumeration.k_best_by_enumeration,
        CHAIN | {"count": 3},
    ),
    "chain_enumeration.viterbi_by_enumeration": (chain_enumeration.viterbi_by_enumeration, CHAIN),
    "semi_markov.check_segments": (semi_markov.check_segments, SEGMENTS | {"beta": 0.5}),
    "semi_markov.segmentations": (semi_markov.segmentations, {"t": 3, "d": 2, "k": 2, "start": 1}),
    "semi_markov.energy": (semi_markov.energy, SEGMENTS | {"answer": np.array([[0, 1, 0], [1, 1, 1]])}),
    "semi_markov.viterbi": (semi_markov.viterbi, SEGMENTS),
    "semi_markov.free_energy_as_printed": (semi_markov.free_energy_as_printed, SEGMENTS | {"beta": 0.5}),
    "semi_markov.free_energy": (semi_markov.free_energy, SEGMENTS | {"beta": 0.5}),
    "semi_markov.marginals": (semi_markov.marginals, SEGMENTS | {"beta": 0.5}),
    "elimination.as_factors": (elimination.as_factors, GRAPH),
    "elimination.plan": (elimination.plan, GRAPH | {"order": [1, 0]}),
    "elimination.log_partition": (
        elimination.log_partition,
        GRAPH | {"beta": 0.5, "order": [1, 0], "memory": 2**20},
    ),
    "elimination.log_partition_as_printed": (elimination.log_partition_as_printed, GRAPH | {"beta": 0.5}),
    "elimination.marginals": (elimination.marginals, GRAPH | {"beta": 0.5}),
    "elimination.samples": (
        lambda factors, cardinalities, count, beta: elimination.samples(
            factors, cardinalities, rng(), count, beta
        ),
        GRAPH | {"count": 3, "beta": 0.5},
    ),
    "elimination.ground_state": (elimination.ground_state, GRAPH),
    "transfer_matrix.ising": (
        transfer_matrix.ising,
        {"right": np.ones((2, 3)), "down": 1.0, "field": np.zeros((2, 3))},
    ),
    "transfer_matrix.potts": (
        transfer_matrix.potts,
        {"right": np.ones((2, 2)), "down": 1.0, "field": np.zeros((2, 2, 3))},
    ),
    "transfer_matrix.memory_needed": (transfer_matrix.memory_needed, LATTICE),
    "transfer_matrix.log_partition": (
        transfer_matrix.log_partition,
        LATTICE | {"beta": 0.5, "memory": 2**20},
    ),
    "transfer_matrix.log_partition_as_printed": (
        transfer_matrix.log_partition_as_printed,
        LATTICE | {"beta": 0.5},
    ),
    "transfer_matrix.log_partition_and_mean": (
        transfer_matrix.log_partition_and_mean,
        {"energies": tuple(LATTICE.values()), "observable": tuple(LATTICE.values()), "beta": 0.5},
    ),
    "transfer_matrix.mean_energy": (transfer_matrix.mean_energy, LATTICE | {"beta": 0.5}),
    "ising_plane.free_energy_per_site": (ising_plane.free_energy_per_site, {"coupling": 0.5}),
    "ising_plane.mean_energy_as_printed": (ising_plane.mean_energy_as_printed, {"coupling": 0.5}),
    "ising_plane.mean_energy_per_site": (ising_plane.mean_energy_per_site, {"coupling": 0.5}),
    "ising_plane.specific_heat_per_site": (ising_plane.specific_heat_per_site, {"coupling": 0.5}),
    "ising_counts.counts": (ising_counts.counts, {"rows": 3, "columns": 4}),
    "ising_counts.log_partition_of_counts": (ising_counts.log_partition_of_counts, TORUS),
    "ising_counts.energy_distribution": (ising_counts.energy_distribution, TORUS),
    "ising_torus.log_partition_as_printed": (ising_torus.log_partition_as_printed, TORUS),
    "ising_torus.log_partition": (ising_torus.log_partition, TORUS),
    "ising_torus.mean_energy": (ising_torus.mean_energy, TORUS),
    "ising_torus.log_partition_per_site": (ising_torus.log_partition_per_site, {"coupling": 0.5}),
    "ising_torus.magnetisation": (ising_torus.magnetisation, {"coupling": 0.5}),
    "quadrature.log_partition_as_printed": (
        quadrature.log_partition_as_printed,
        {"energy": parabola, "beta": 2.0, "scale": 1.0, "step": 0.25},
    ),
    "quadrature.log_partition": (
        quadrature.log_partition,
        {
            "energy": parabola,
            "beta": 2.0,
            "intervals": np.array([[0.0, 4.0]]),
            "centre": 0.0,
            "scale": np.array([1.0]),
            "evaluations": 500,
            "points": np.array([1.0, 2.0]),
        },
    ),
    "quadrature.expectation": (
        quadrature.expectation,
        {"function": lambda x: x, "energy": parabola, "beta": 2.0, "evaluations": 500},
    ),
    "transition.transition_matrix": (transition.transition_matrix, {"step": swap, "states": [0, 1]}),
    "transition.certificate": (transition.certificate, {"P": P, "pi": np.array([1.0, 2.0]), "steps": 3}),
    "transition.gibbs_distribution": (
        transition.gibbs_distribution,
        {"energy": lambda x: 1.0 * x, "states": [0, 1], "beta": 0.5},
    ),
    "transition.certificates": (
        transition.certificates,
        {"P": np.array([P, P]), "pi": np.array([[1.0, 2.0], [1.0, 1.0]])},
    ),
    "transition.coin": (transition.coin, {"probability": 0.25}),
    "transition.by_noise": (
        lambda step, noise: transition.by_noise(step, noise)(0),
        {"step": lambda i, u: i, "noise": lambda i: [(1.0, 0.5)]},
    ),
    "transition.is_irreducible": (transition.is_irreducible, {"P": P}),
    "transition.period": (transition.period, {"P": P}),
    "transition.spectral_gap": (transition.spectral_gap, {"P": P}),
    "transition.mixing_curve": (transition.mixing_curve, {"P": P, "pi": np.array([0.25, 0.75]), "steps": 3}),
    "transition.stationary_distribution": (transition.stationary_distribution, {"P": P}),
    "transition.stationary_distribution_as_printed": (
        transition.stationary_distribution_as_printed,
        {"P": P},
    ),
    "random_walk.random_walk_step": (
        random_walk.random_walk_step,
        FLAT | {"x": np.array([1.0, 2.0]), "step_size": np.eye(2), "normal": np.array([0.0, 2.0])},
    ),
    "random_walk.scaling_step": (
        random_walk.scaling_step,
        FLAT | {"x": 2.0, "step_size": 1.0, "normal": 1.0},
    ),
    "random_walk.proposal_factor": (
        random_walk.proposal_factor,
        {"step_size": np.array([[2.0, 1.0], [1.0, 3.0]]), "d": 2},
    ),
    "random_walk.random_walk": (
        lambda log_density, start, step_size, steps: random_walk.random_walk(
            log_density, start, step_size, steps, rng()
        ),
        {"log_density": lambda x: 0.0, "start": np.array([1.0, 2.0]), "step_size": 1.0, "steps": 5},
    ),
    "random_walk.acceptance_rate": (random_walk.acceptance_rate, {"target_sd": 1.0, "step_size": 2.0}),
    "lattice_walk.uniform_numbers": (
        lambda value: lattice_walk.uniform_numbers("value", value, "n"),
        {"value": np.array([0.0, 0.5])},
    ),
    "lattice_walk.neighbour": (
        lattice_walk.neighbour,
        {"shape": np.array([3, 3]), "state": np.array([0, 2]), "direction": 1},
    ),
    "lattice_walk.check_density": (lattice_walk.check_density, WALK),
    "lattice_walk.lattice_step": (
        lattice_walk.lattice_step,
        WALK | {"state": np.array([0, 1]), "direction": 1, "uniform": 0.5},
    ),
    "lattice_walk.transitions": (lattice_walk.transitions, WALK | {"state": np.array([0, 1])}),
    "lattice_walk.balance_matrix": (lattice_walk.balance_matrix, WALK),
    "lattice_walk.stationary": (lattice_walk.stationary, {"A": P.T}),
    "lattice_walk.running_average": (
        lattice_walk.running_average,
        {"A": P.T, "start": np.array([1.0, 0.0]), "t": 4},
    ),
    "heat_bath.check_spins": (heat_bath.check_spins, SPINS | {"spins": np.array([1, -1, 1])}),
    "heat_bath.spin_energy": (
        heat_bath.spin_energy,
        {"couplings": J, "fields": h, "spins": np.array([1, -1, 1])},
    ),
    "heat_bath.local_field": (
        heat_bath.local_field,
        {"couplings": J, "fields": h, "spins": np.array([1, -1, 1]), "i": 2},
    ),
    "heat_bath.up_probability": (heat_bath.up_probability, {"field": 2.0, "beta": 0.5}),
    "heat_bath.flip_probability": (heat_bath.flip_probability, {"field": 2.0, "spin": 1, "beta": 0.5}),
    "heat_bath.textbook_flip_probability": (
        heat_bath.textbook_flip_probability,
        {"field": 2.0, "spin": 1, "beta": 0.5},
    ),
    "heat_bath.with_spin": (heat_bath.with_spin, {"spins": np.array([1, -1, 1]), "i": 2, "value": -1}),
    "heat_bath.heat_bath_step": (heat_bath.heat_bath_step, ONE_SPIN),
    "heat_bath.metropolis_flip_step": (heat_bath.metropolis_flip_step, ONE_SPIN),
    "heat_bath.heat_bath_transitions": (heat_bath.heat_bath_transitions, A_STATE),
    "heat_bath.metropolis_flip_transitions": (heat_bath.metropolis_flip_transitions, A_STATE),
    "gibbs.systematic_sweep": (gibbs.systematic_sweep, SPINS | LOUD | {"spins": np.array([1, -1, 1])}),
    "gibbs.random_scan_step": (gibbs.random_scan_step, ONE_SPIN),
    "gibbs.systematic_transitions": (
        lambda couplings, fields, beta: gibbs.systematic_transitions(couplings, fields, beta)((1, 1, -1)),
        SCAN,
    ),
    "gibbs.random_scan_transitions": (
        lambda couplings, fields, beta: gibbs.random_scan_transitions(couplings, fields, beta)((1, 1, -1)),
        SCAN,
    ),
    "gibbs.followed_by": (lambda moves: gibbs.followed_by(moves, moves)(0), {"moves": swap}),
    "gibbs.one_of": (lambda moves: gibbs.one_of(moves, moves)(0), {"moves": swap}),
    "gibbs.check_rbm": (gibbs.check_rbm, RBM),
    "gibbs.hidden_probabilities": (
        gibbs.hidden_probabilities,
        {"weights": W, "hidden_bias": b, "visible": np.array([1, 0, 1]), "beta": 0.5},
    ),
    "gibbs.rbm_step": (
        gibbs.rbm_step,
        RBM
        | {
            "visible": np.array([1, 0, 1]),
            "uniforms_h": np.array([0.5, 0.25]),
            "uniforms_v": np.array([0.0, 0.5, 0.75]),
            "beta": 0.5,
        },
    ),
    "gibbs.bits_given": (gibbs.bits_given, {"logits": np.array([0.0, 1.0])}),
    "gibbs.rbm_transitions": (
        lambda weights, visible_bias, hidden_bias, beta: gibbs.rbm_transitions(
            weights, visible_bias, hidden_bias, beta
        )((1, 0, 1)),
        RBM | {"beta": 0.5},
    ),
    "cluster.square_lattice": (cluster.square_lattice, {"rows": 3, "columns": 4}),
    "cluster.bond_probability": (
        cluster.bond_probability,
        {"coupling": np.array([1.0, 2.0]), "beta": 0.5, "product": np.array([1, -1])},
    ),
    "cluster.check_edges": (cluster.check_edges, EDGES | {"n": 3}),
    "cluster.cluster_labels": (
        cluster.cluster_labels,
        {"n": 3, "edges": EDGES["edges"], "joined": np.array([True, False, False])},
    ),
    "cluster.wolff_step": (
        cluster.wolff_step,
        EDGES | LOUD | {"spins": np.array([1, 1, -1]), "seed": 0, "uniform": 0.5},
    ),
    "cluster.swendsen_wang_step": (
        cluster.swendsen_wang_step,
        EDGES | LOUD | {"spins": np.array([1, 1, -1]), "coins": np.array([0, 1, 0])},
    ),
    "cluster.wolff_transitions": (cluster.wolff_transitions, EDGES | {"state": (1, 1, -1)}),
    "cluster.swendsen_wang_transitions": (cluster.swendsen_wang_transitions, EDGES | {"state": (1, 1, -1)}),
    "hmc.leapfrog": (
        hmc.leapfrog,
        {
            "energy_gradient": slope,
            "position": np.array([1.0, 2.0]),
            "momentum": np.array([0.0, 1.0]),
            "step_size": 1.0,
            "steps": 2,
        },
    ),
    "hmc.total_energy": (
        hmc.total_energy,
        {"energy": bowl, "position": np.array([1.0, 2.0]), "momentum": np.array([0.0, 1.0])},
    ),
    "hmc.hmc_step": (
        hmc.hmc_step,
        {
            "energy": bowl,
            "energy_gradient": slope,
            "position": np.array([1.0, 2.0]),
            "step_size": 1.0,
            "steps": 2,
            "normal": np.array([0.0, 1.0]),
            "exponential": 1.0,
        },
    ),
    "hmc.conserved": (hmc.conserved, {"precision": 1.0, "step_size": 1.0, "position": 2.0, "momentum": 1.0}),
    "mass_matrix.stretched": (mass_matrix.stretched, {"factor": 1.0 * np.eye(2), "y": np.array([1.0, 2.0])}),
    "mass_matrix.pulled_back": (
        mass_matrix.pulled_back,
        {"factor": np.array([1.0, 2.0]), "gradient": np.array([1.0, 2.0])},
    ),
    "mass_matrix.mala_step": (
        mass_matrix.mala_step,
        {
            "energy": bowl,
            "energy_gradient": slope,
            "position": np.array([1.0, 2.0]),
            "factor": np.array([1.0, 2.0]),
            "step_size": 0.5,
            "normal": np.array([0.0, 1.0]),
            "exponential": 1.0,
        },
    ),
    "mass_matrix.hmc_step": (
        mass_matrix.hmc_step,
        {
            "energy": bowl,
            "energy_gradient": slope,
            "position": np.array([1.0, 2.0]),
            "factor": np.array([[1.0, 0.0], [0.0, 2.0]]),
            "step_size": 0.5,
            "steps": 2,
            "normal": np.array([0.0, 1.0]),
            "exponential": 1.0,
        },
    ),
    "jitter.turn": (jitter.turn, {"precision": 1.0, "step_size": 1.5}),
    "jitter.fixed_correlation": (jitter.fixed_correlation, {"precision": 1.0, "step_size": 1.5, "steps": 3}),
    "jitter.jittered_correlation": (
        jitter.jittered_correlation,
        {"precision": 1.0, "step_size": 1.5, "shortest": 3},
    ),
    "jitter.shortest_trajectory": (jitter.shortest_trajectory, {"step_size": 0.5, "most": 20}),
    "jitter.trajectory_length": (jitter.trajectory_length, {"shortest": 2, "uniform": 0.5}),
    "jitter.jittered_step": (jitter.jittered_step, {"step_size": 0.5, "uniform": 0.5}),
    "warm_up.acceptance_curve": (warm_up.acceptance_curve, {"step_size": 1.0, "scale": 2.0, "power": 1.0}),
    "warm_up.tuned_step": (
        warm_up.tuned_step,
        {"step_size": 1.0, "accepted": 3, "tries": 10, "target": 0.25, "power": 1.0},
    ),
    "warm_up.pieces": (warm_up.pieces, {"steps": 100}),
    "warm_up.learned_covariance": (
        warm_up.learned_covariance,
        {"draws": np.array([[1.0, 2.0], [3.0, 1.0], [0.0, 0.5], [2.0, 3.0]]), "dense": True},
    ),
    "warm_up.learned_covariance_as_printed": (
        warm_up.learned_covariance_as_printed,
        {"draws": np.array([[1.0, 2.0], [3.0, 1.0], [0.0, 0.5]])},
    ),
    "warm_up.warm_up": (
        warm_up.warm_up,
        {
            "walk": lambda x, C, s, n: (np.tile(x, (n, 1)), 0),
            "start": np.array([1.0, 2.0]),
            "steps": 30,
            "target": 0.25,
            "power": 1.0,
            "dense": True,
            "first_step": 1.0,
        },
    ),
    "positive.positive": (positive.positive, {"position": np.array([1.0, 2.0])}),
    "positive.positive_position": (positive.positive_position, {"x": np.array([1.0, 2.0])}),
    "positive.pulled_back": (
        positive.pulled_back,
        {"position": np.array([1.0, 2.0]), "gradient": np.array([1.0, 0.0])},
    ),
    "interval.interval": (interval.interval, {"position": np.array([1.0, 2.0]), "low": -1.0, "high": 3.0}),
    "interval.interval_position": (
        interval.interval_position,
        {"x": np.array([1.0, 2.0]), "low": -1.0, "high": 3.0},
    ),
    "interval.pulled_back": (
        interval.pulled_back,
        {"position": np.array([1.0, 2.0]), "gradient": np.array([1.0, 0.0]), "low": -1.0, "high": 3.0},
    ),
    "simplex.simplex": (simplex.simplex, {"position": np.array([1.0, 2.0])}),
    "simplex.simplex_position": (simplex.simplex_position, {"x": np.array([0.25, 0.5, 0.25])}),
    "simplex.pulled_back": (
        simplex.pulled_back,
        {"position": np.array([1.0, 2.0]), "gradient": np.array([1.0, 0.0, 1.0])},
    ),
    "posterior.sample": (
        _sample,
        {"start": np.array([[1.0, 2.0], [0.0, 1.0]]), "draws": 5, "sampler": "hmc"},
    ),
    "annealed_langevin.step_lengths": (
        annealed_langevin.step_lengths,
        {"sigmas": np.array([4.0, 2.0, 1.0]), "last": 1.0},
    ),
    "annealed_langevin.noise_levels": (annealed_langevin.noise_levels, {"sigmas": np.array([4.0, 2.0, 1.0])}),
    "annealed_langevin.annealed_langevin": (
        annealed_langevin.annealed_langevin,
        {
            "score": lambda x, sigma: -x,
            "position": np.array([1.0, 2.0]),
            "sigmas": np.array([2.0, 1.0]),
            "last": 1.0,
            "noise": np.ones((2, 3, 2)),
        },
    ),
    "annealed_langevin.moments_on_normal_data": (
        annealed_langevin.moments_on_normal_data,
        {
            "mean": 8.0,
            "variance": 1.0,
            "data_variance": 1.0,
            "sigmas": np.array([2.0, 1.0]),
            "lengths": np.array([2.0, 1.0]),
            "steps": 2,
        },
    ),
    "annealed_importance.check_schedule": (
        annealed_importance.check_schedule,
        {"schedule": np.array([0.0, 0.5, 1.0])},
    ),
    "annealed_importance.bridge": (
        lambda energy_0, energy_1, b: annealed_importance.bridge(energy_0, energy_1, b)(0),
        {"energy_0": ANNEAL["energy_0"], "energy_1": ANNEAL["energy_1"], "b": 0.5},
    ),
    "annealed_importance.log_weight": (
        annealed_importance.log_weight,
        {"schedule": np.array([0.0, 0.5, 1.0]), "differences": np.array([2.0, 6.0])},
    ),
    "annealed_importance.forward": (annealed_importance.forward, ANNEAL),
    "annealed_importance.reverse": (annealed_importance.reverse, ANNEAL),
    "annealed_importance.log_ratio": (
        annealed_importance.log_ratio,
        {"log_weights": np.array([1.0, 2.0, 0.0])},
    ),
    "annealed_importance.log_ratio_as_printed": (
        annealed_importance.log_ratio_as_printed,
        {"log_weights": np.array([1.0, 2.0, 0.0])},
    ),
    "annealed_importance.log_ratio_reverse": (
        annealed_importance.log_ratio_reverse,
        {"log_weights": np.array([1.0, 2.0, 0.0])},
    ),
    "chains.run": (
        chains.run,
        {"step": lambda x, z: 0.5 * x + z, "start": 8.0, "noise": np.array([0.0, 1.0])},
    ),
    "chains.trajectory": (
        chains.trajectory,
        {"step": lambda x, z: 0.5 * x + z, "start": 8.0, "noise": np.array([0.0, 1.0])},
    ),
    "chains.short_run_moments": (
        chains.short_run_moments,
        {"mean": 4.0, "variance": 1.0, "precision": 1.0, "drift": 0.5, "noise_scale": 1.0, "steps": 2},
    ),
    "chains.replay_starts": (
        chains.replay_starts,
        {
            "buffer": np.array([[1.0], [2.0]]),
            "fresh": np.array([[3.0], [4.0]]),
            "indices": np.array([1, 0]),
            "uniforms": np.array([0.0, 0.5]),
            "fresh_share": 0.25,
        },
    ),
    "chains.replay_update": (
        chains.replay_update,
        {"buffer": np.array([[1.0], [2.0]]), "indices": np.array([1]), "ends": np.array([[5.0]])},
    ),
    "chains.negative_phase": (
        chains.negative_phase,
        {"data_gradients": np.array([1.0, 3.0]), "sample_gradients": np.array([5.0])},
    ),
    "diagnostics.check_chains": (diagnostics.check_chains, {"draws": DRAWS}),
    "diagnostics.autocovariance": (diagnostics.autocovariance, {"series": DRAWS[0]}),
    "diagnostics.autocovariance_as_printed": (diagnostics.autocovariance_as_printed, {"series": DRAWS[0]}),
    "diagnostics.autocorrelations": (diagnostics.autocorrelations, {"draws": DRAWS}),
    "diagnostics.geyer_time": (diagnostics.geyer_time, {"rho": np.array([1.0, 0.5, 0.25, 0.125])}),
    "diagnostics.autocorrelation_time": (diagnostics.autocorrelation_time, {"draws": DRAWS}),
    "diagnostics.windowed_time": (diagnostics.windowed_time, {"draws": DRAWS, "c": 5.0}),
    "diagnostics.effective_size": (diagnostics.effective_size, {"draws": DRAWS}),
    "diagnostics.halves": (diagnostics.halves, {"draws": DRAWS}),
    "diagnostics.normal_scores": (diagnostics.normal_scores, {"draws": DRAWS}),
    "diagnostics.ess_bulk": (diagnostics.ess_bulk, {"draws": DRAWS}),
    "diagnostics.ess_tail": (diagnostics.ess_tail, {"draws": DRAWS}),
    "diagnostics.rhat": (diagnostics.rhat, {"draws": DRAWS}),
    "diagnostics.mcse_mean": (diagnostics.mcse_mean, {"draws": DRAWS}),
    "diagnostics.ar1_time": (diagnostics.ar1_time, {"f": 0.5}),
    "diagnostics.ar1_mean_variance": (diagnostics.ar1_mean_variance, {"f": 0.5, "n": 3}),
    "blocking.blocking": (blocking.blocking, {"series": DRAWS[0]}),
    "blocking.blocking_error": (blocking.blocking_error, {"series": DRAWS[0]}),
    "blocking.jackknife": (blocking.jackknife, {"statistic": np.mean, "series": DRAWS[0], "blocks": 4}),
}

# inference and learning
TABLE_OF_TWO = np.array([1.0, 0.5, 2.0])
BOWL = lambda y: float(np.sum(np.asarray(y, float) ** 2))
SLOPE = lambda y: 2.0 * np.asarray(y, float)
FACTORS = {
    "factors": [((0, 1), np.array([[0.0, 1.0], [2.0, 0.0]])), ((1,), np.array([0.0, 3.0]))],
    "cardinalities": [2, 2],
}
D, X, Z = np.array([[1.0, 0.5], [0.0, 1.0]]), np.array([1.0, -2.0]), np.array([0.5, 0.0])
CODE = {"dictionary": D, "observation": X, "sparsity": 0.25}

INFERENCE = {
    "inference.exhaustive.argmin": (exhaustive.argmin, {"energy": TABLE_OF_TWO}),
    "inference.exhaustive.minimum": (exhaustive.minimum, {"energy": TABLE_OF_TWO}),
    "inference.exhaustive.offender": (exhaustive.offender, {"energy": TABLE_OF_TWO, "label": 1}),
    "inference.exhaustive.log_partition": (
        exhaustive.log_partition,
        {"energy": TABLE_OF_TWO, "answers": None, "beta": 0.5},
    ),
    "inference.grid.grid_minimum": (
        grid.grid_minimum,
        {"energy": BOWL, "lower": np.array([-1.0]), "upper": np.array([2.0]), "points": 5, "tolerance": 1e-2},
    ),
    "inference.grid.global_gap": (
        grid.global_gap,
        {"steepness": 1.0, "lower": np.array([0.0]), "upper": np.array([1.0]), "points": 3},
    ),
    "inference.descent.descend": (
        descent.descend,
        {
            "energy": BOWL,
            "gradient": SLOPE,
            "start": np.array([1.0, 2.0]),
            "step_size": 0.25,
            "max_steps": 20,
        },
    ),
    "inference.ista.shrink": (ista.shrink, {"t": np.array([1.0, -3.0]), "threshold": 0.5}),
    "inference.ista.smoothness": (ista.smoothness, {"dictionary": D}),
    "inference.ista.ista_step": (ista.ista_step, CODE | {"code": Z, "L": 2.0}),
    "inference.ista.ista": (ista.ista, CODE | {"steps": 3}),
    "inference.ista.fista": (ista.fista, CODE | {"steps": 3}),
    "inference.ista.violation": (ista.violation, CODE | {"code": Z}),
    "inference.ista.duality_gap": (ista.duality_gap, CODE | {"code": Z}),
    "inference.latent.minimised": (latent.minimised, {"joint": np.array([[1.0, 2.0], [0.0, 3.0]])}),
    "inference.latent.marginalised": (
        latent.marginalised,
        {"joint": np.array([[1.0, 2.0], [0.0, 3.0]]), "beta": 0.5},
    ),
    "inference.icm.icm": (icm.icm, {"energy": BOWL, "start": [1, 0], "cardinalities": [2, 3]}),
    "inference.annealing.geometric_schedule": (
        annealing.geometric_schedule,
        {"first": 0.5, "last": 2.0, "steps": 4},
    ),
    "inference.beam.beam_search": (beam.beam_search, CHAIN | {"width": 2}),
    "inference.beam.chain_energy": (beam.chain_energy, CHAIN | {"path": [0, 1, 0]}),
    "inference.uses.predict": (uses.predict, {"energy": TABLE_OF_TWO}),
    "inference.uses.rank": (uses.rank, {"energy": TABLE_OF_TWO, "count": 2}),
    "inference.uses.density": (uses.density, {"energy": TABLE_OF_TWO, "answers": None, "beta": 0.5}),
    "inference.calibration.calibrate": (
        calibration.calibrate,
        {"tables": np.array([[1.0, 2.0], [0.5, 0.0], [3.0, 1.0]]), "labels": [0, 1, 0]},
    ),
    "inference.calibration.reliability": (
        calibration.reliability,
        {"confidences": np.array([0.5, 0.9]), "correct": [True, False], "bins": 3},
    ),
    "inference.calibration.product_of_experts": (
        calibration.product_of_experts,
        {"tables": np.array([[1.0, 2.0], [0.5, 0.0]]), "betas": np.array([1.0, 0.5])},
    ),
    "inference.mean_field.mean_field": (mean_field.mean_field, FACTORS | {"beta": 0.5, "sweeps": 5}),
    "inference.loopy.sum_product": (loopy.sum_product, FACTORS | {"beta": 0.5, "damping": 0.25, "sweeps": 5}),
    "inference.loopy.min_sum": (loopy.min_sum, FACTORS | {"damping": 0.25, "sweeps": 5}),
    "learning.descent.regulariser": (
        walk.regulariser,
        {"W": np.array([1.0, -2.0]), "decay": 0.5, "sparsity": 0.25},
    ),
    "learning.descent.regulariser_gradient": (
        walk.regulariser_gradient,
        {"W": np.array([1.0, -2.0]), "decay": 0.5, "sparsity": 0.25},
    ),
    "learning.descent.gradient_descent": (
        walk.gradient_descent,
        {"gradient": SLOPE, "start": np.array([1.0, 2.0]), "step_size": 0.25, "steps": 3},
    ),
    "learning.descent.momentum_step": (
        walk.momentum_step,
        {
            "W": np.array([1.0, 2.0]),
            "velocity": np.array([0.0, 0.5]),
            "g": np.array([0.25, 1.0]),
            "step_size": 0.25,
            "friction": 0.5,
        },
    ),
}

CALLS |= INFERENCE

# learning without the partition function: noise, neighbours and chains
HALVES = np.array([[0.75, 0.25], [0.5, 0.5]])
MACHINE = {
    "weights": np.array([[1.0, 0.5, -1.0], [0.0, 2.0, 1.0]]),
    "visible_bias": np.array([0.5, -1.0]),
    "hidden_bias": np.array([0.0, 1.0, -2.0]),
    "visible": np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]]),
    "data_weights": np.array([0.5, 0.25, 0.25]),
}
OF_SPINS = {
    "couplings": J,
    "fields": h,
    "spins": np.array([[1.0, -1.0, 1.0], [1.0, 1.0, -1.0]]),
    "data_weights": np.array([0.25, 0.75]),
}
STATES = {"energies": np.array([0.0, 1.0, 2.0]), "data": np.array([0.5, 0.25, 0.25])}
CHAIN_OF_TWO = {"P": HALVES, "data": np.array([0.25, 0.75]), "statistics": np.array([[1.0], [-2.0]]), "k": 2}
LAWS = {
    "energy_gradients": np.array([[0.0], [1.0], [-1.0]]),
    "data_probabilities": np.array([0.5, 0.25, 0.25]),
    "noise_probabilities": np.array([0.25, 0.25, 0.5]),
    "noise_per_data": 2.0,
}
LEARNING = {
    "learning.likelihood.log_likelihood": (likelihood.log_likelihood, STATES),
    "learning.likelihood.likelihood_gradient": (
        likelihood.likelihood_gradient,
        STATES | {"statistics": np.array([[0.0], [1.0], [3.0]])},
    ),
    "learning.likelihood.ising_log_likelihood": (likelihood.ising_log_likelihood, OF_SPINS),
    "learning.likelihood.ising_likelihood_gradient": (likelihood.ising_likelihood_gradient, OF_SPINS),
    "learning.likelihood.rbm_log_likelihood": (likelihood.rbm_log_likelihood, MACHINE),
    "learning.likelihood.rbm_likelihood_gradient": (likelihood.rbm_likelihood_gradient, MACHINE),
    "learning.likelihood.potts_likelihood_gradient": (
        likelihood.potts_likelihood_gradient,
        {
            "couplings": J,
            "fields": COLOURS["fields"],
            "labels": np.array([[0, 1, 1], [1, 1, 0]]),
            "data_weights": np.array([0.25, 0.75]),
        },
    ),
    "learning.likelihood.density_log_likelihood": (
        likelihood.density_log_likelihood,
        {"energy": BOWL, "points": np.array([0.5, -1.0])},
    ),
    "learning.likelihood.density_likelihood_gradient": (
        likelihood.density_likelihood_gradient,
        {"energy": BOWL, "statistic": lambda x: -x * x, "points": np.array([0.5, -1.0])},
    ),
    "learning.likelihood.sampled_gradient": (
        likelihood.sampled_gradient,
        {"data_statistics": np.array([[0.0], [1.0]]), "sample_statistics": DRAWS[:, :, None]},
    ),
    "learning.expected_cd.expected_cd": (expected_cd.expected_cd, CHAIN_OF_TWO),
    "learning.expected_cd.expected_cd_bias": (expected_cd.expected_cd_bias, CHAIN_OF_TWO),
    "learning.expected_cd.expected_cd_gradient": (expected_cd.expected_cd_gradient, MACHINE | {"k": 2}),
    "learning.expected_cd.bit_probabilities": (
        expected_cd.bit_probabilities,
        {"logits": np.array([[0.0, 1.0], [2.0, -1.0]])},
    ),
    "learning.expected_cd.fixed_point": (
        expected_cd.fixed_point,
        {"gradient": lambda w: w - 0.25, "low": 0.0, "high": 1.0},
    ),
    "learning.noise_contrastive_variance.noise_contrastive_covariance": (
        noise_contrastive_variance.noise_contrastive_covariance,
        LAWS,
    ),
    "learning.noise_contrastive_variance.noise_contrastive_sandwich": (
        noise_contrastive_variance.noise_contrastive_sandwich,
        LAWS,
    ),
    "learning.flips.bit_flips": (flips.bit_flips, {"energy": BOWL, "bits": np.array([0.0, 1.0, 1.0])}),
    "learning.flips.spin_flips": (flips.spin_flips, {"energy": BOWL, "spins": np.array([1.0, -1.0])}),
    "learning.minimum_probability_flow.mean_flow": (
        minimum_probability_flow.mean_flow,
        {"energy": BOWL, "data": np.array([[0.0, 1.0], [1.0, 1.0]])},
    ),
    "learning.persistent_chains.PersistentChains": (
        lambda states: persistent_chains.PersistentChains(states).states,
        {"states": np.array([[1.0, 2.0], [0.5, 0.0]])},
    ),
    "learning.persistent_chains.ReplayBuffer.advance": (
        lambda ends, fresh_share, indices, fresh, uniforms: persistent_chains.ReplayBuffer(
            ends, fresh_share
        ).advance(lambda x, z: x + z, [1.0], indices, fresh, uniforms),
        {
            "ends": np.array([[1.0, 2.0], [0.5, 0.0]]),
            "fresh_share": 0.25,
            "indices": np.array([1, 0, 1]),
            "fresh": np.zeros((3, 2)),
            "uniforms": np.array([0.5, 0.125, 0.75]),
        },
    ),
}

CALLS |= LEARNING
