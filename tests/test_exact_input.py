"""What the exact pages and the samplers without a record accept, and what they refuse by name.

One small legal call of every public function; each argument then as a list, in few bits, and as garbage.
"""

import numpy as np
import pytest

from ebm_ref.exact import (
    blocks,
    chain,
    chain_enumeration,
    checkpoint,
    elimination,
    enumeration,
    ising_torus,
    quadrature,
    semi_markov,
    spins,
    transfer_matrix,
    transition,
)
from ebm_ref.samplers import (
    annealed_importance,
    annealed_langevin,
    blocking,
    chains,
    cluster,
    diagnostics,
    gibbs,
    gibbs_with_gradients,
    heat_bath,
    hmc,
    lattice_walk,
    random_walk,
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
GRAPH = {
    "factors": [((0, 1), np.array([[0.0, 1.0], [2.0, 0.0]])), ((1,), np.array([0.0, 3.0]))],
    "cardinalities": {0: 2, 1: 2},
}
LATTICE = dict(zip(("right", "down", "field"), transfer_matrix.ising(np.ones((2, 2)), 1.0, 2.0), strict=True))
TORUS = {"rows": 3, "columns": 4, "coupling": 0.5}
P = np.array([[0.5, 0.5], [0.25, 0.75]])
WALK = {"density": np.array([[1.0, 4.0], [2.0, 3.0]])}
INFORMED = {"energy": lambda s: s[0] * s[1], "energy_gradient": lambda s: np.array([s[1], s[0], 0.0])}
INFORMED |= {"beta": 0.5, "spins": np.array([1, -1, 1])}
ONE_SPIN = SPINS | {"spins": np.array([1, -1, 1]), "i": 1, "uniform": 0.25}
A_STATE = SPINS | {"state": (1, -1, 1), "i": 1}
SCAN = SPINS | {"beta": 0.5}
W, a, b = np.array([[1.0, -2.0], [0.0, 1.0], [3.0, 1.0]]), np.array([1.0, 0.0, -1.0]), np.array([2.0, -1.0])
RBM = {"weights": W, "visible_bias": a, "hidden_bias": b}
EDGES = {"edges": np.array([[0, 1], [1, 2], [2, 0]]), "couplings": np.array([1.0, 2.0, -1.0]), "beta": 0.5}
LOUD = {"uniforms": np.array([0.0, 0.5, 0.75])}
# twelve draws are few, and diagnostics say so
pytestmark = pytest.mark.filterwarnings("ignore::ebm_ref.samplers.diagnostics.Doubtful")

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
    "gibbs_with_gradients.gibbs_with_gradients_step": (
        gibbs_with_gradients.gibbs_with_gradients_step,
        INFORMED | {"uniform": 0.25, "exponential": 0.5},
    ),
    "gibbs_with_gradients.log_flip_ratio": (gibbs_with_gradients.log_flip_ratio, INFORMED | {"i": 1}),
    "gibbs_with_gradients.estimated_flips": (
        gibbs_with_gradients.estimated_flips,
        {"gradient": np.array([1.0, 2.0]), "spins": np.array([1, -1])},
    ),
    "gibbs_with_gradients.log_proposal": (
        gibbs_with_gradients.log_proposal,
        {"gradient": np.array([1.0, 2.0]), "beta": 0.5, "spins": np.array([1, -1])},
    ),
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

GARBAGE = {
    "complex": lambda x: np.asarray(x) + 0j,
    "objects": lambda x: np.asarray(x).astype(object)[()] if np.ndim(x) else [object()],
    "bool": lambda x: np.asarray(x) > 0,
    "text": lambda x: "one",
    "nothing": lambda x: None,
    "one axis more": lambda x: np.asarray(x)[None],
    "two axes more": lambda x: np.asarray(x)[None, None],
    "a masked entry": lambda x: np.ma.masked_array(x, np.ones(np.shape(x), bool)),
    "four hundred digits": lambda x: 10**400,
    "a list with four hundred digits": lambda x: [10**400],
    "ragged": lambda x: [[1.0], [1.0, 2.0]],
}
SHAPES = {"one axis more", "two axes more"}
LEGAL = {  # what of the garbage is legal, or is another argument's fault
    "annealed_importance start": set(GARBAGE),
    "annealed_importance noise": {"text", *SHAPES},
    "chains start": set(GARBAGE),
    "chains noise": set(GARBAGE),
    "checkpoint checkpoint": {"text", "nothing"},
    "checkpoint problem": set(GARBAGE),
    "elimination order": {"nothing"},
    "transition states": set(GARBAGE),
    "spins stop": {"nothing"},
    "spins.levels": SHAPES,
    "enumeration energies": SHAPES,
    "quadrature centre": SHAPES,
    "lattice_walk density": SHAPES,
    "heat_bath field": SHAPES,
    "cluster coupling": SHAPES,
    "hmc position": SHAPES,
    "chains data_gradients": SHAPES,
    "diagnostics.normal_scores": SHAPES,
    "blocking.jackknife": SHAPES,
}


def arguments():
    """Every argument of every call: (name of the function, name of the argument)."""
    return [(name, argument) for name, (_, given) in CALLS.items() for argument in given]


def outcome(name, given):
    """What a call returns, or the class of its error."""
    try:
        with np.errstate(all="ignore"):
            return CALLS[name][0](**given)
    except ValueError as problem:
        return str(problem).partition(" = ")[0].partition("[")[0]


def flat(result):
    """Numbers and texts of nested results, in order."""
    if isinstance(result, dict):
        return flat(list(result.items()))
    if isinstance(result, (tuple, list)):
        return [x for part in result for x in flat(part)]
    if hasattr(result, "__dataclass_fields__"):
        return flat(list(vars(result).values()))
    if isinstance(result, np.ndarray):
        return [str(result.shape), *result.ravel().tolist()]
    return [result.item() if isinstance(result, np.generic) else result]


def same(one, other):
    pairs = zip(flat(one), flat(other), strict=True)
    return all(a == b or (a != a and b != b) for a, b in pairs)


@pytest.mark.parametrize("name", CALLS)
def test_legal_calls_are_legal(name):
    function, given = CALLS[name]
    kept = {a: np.array(x) for a, x in given.items() if isinstance(x, np.ndarray)}
    function(**given)
    assert all(np.array_equal(given[a], x) for a, x in kept.items()), "inputs are left alone"


@pytest.mark.parametrize("kind", [list, np.int8, np.uint8, np.float32, np.int64])
@pytest.mark.parametrize("name, argument", arguments())
def test_lists_and_few_bits_are_the_same_numbers(name, argument, kind):
    """As the same numbers in float64, or int64 where integers are asked for."""
    given = CALLS[name][1]
    x = given[argument]
    if not isinstance(x, (np.ndarray, float, int)) or isinstance(x, bool) or np.asarray(x).dtype.kind == "b":
        return
    x = np.asarray(x)
    wide = x.dtype.type
    if kind is not list and x.dtype.kind == "f" and kind is not np.float32:
        x = np.rint(np.abs(x) if kind is np.uint8 else x)
    if (x.dtype.kind == "i" and kind is np.float32) or (kind is np.uint8 and np.any(x < 0)):
        return  # no integers, or not these
    if np.any(np.abs(x) > 100):
        return
    narrow = x.tolist() if kind is list else x.astype(kind)[()]
    meant = np.asarray(narrow).astype(wide)[()]
    answers = [outcome(name, given | {argument: value}) for value in (narrow, meant)]
    assert same(*answers), answers


@pytest.mark.filterwarnings("ignore:Format strings:FutureWarning")  # of a masked entry that is shown
@pytest.mark.parametrize("name, argument", arguments())
def test_garbage_is_refused_by_name(name, argument):
    function, given = CALLS[name]
    module = name.partition(".")[0]
    for kind, garbage in GARBAGE.items():
        x = given[argument]
        if any(kind in LEGAL.get(key, ()) for key in (name, f"{module} {argument}")):
            continue
        numbers = isinstance(x, (np.ndarray, float, int)) and not isinstance(x, bool)
        if numbers and np.asarray(x).dtype.kind == "b" and kind == "bool":
            continue
        if not numbers and kind not in ("text", "nothing", "four hundred digits", "complex"):
            continue
        bad = garbage(x if numbers else 1.0)
        with pytest.raises((ValueError, TypeError)) as problem, np.errstate(all="ignore"):
            pytest.fail(f"{kind}: {function(**given | {argument: bad})}")
        assert argument in str(problem.value), (kind, problem.value)


# what is refused, and accepted, row by row

NAN, INF = np.nan, np.inf
REFUSED = [
    ("heat_bath.heat_bath_step", "uniform", NAN),
    ("heat_bath.heat_bath_step", "uniform", 5.0),
    ("heat_bath.heat_bath_step", "uniform", -0.5),
    ("heat_bath.metropolis_flip_step", "uniform", 1.0),
    ("heat_bath.heat_bath_step", "beta", -1.0),
    ("heat_bath.heat_bath_step", "spins", [1, 0, 1]),
    ("heat_bath.heat_bath_step", "spins", [1, 1]),
    ("heat_bath.heat_bath_step", "couplings", J + np.triu(J)),
    ("heat_bath.heat_bath_step", "couplings", np.full((3, 3), NAN)),
    ("heat_bath.heat_bath_step", "fields", [0.0, 0.0, INF]),
    ("heat_bath.heat_bath_step", "i", 3),
    ("heat_bath.up_probability", "beta", INF),
    ("heat_bath.flip_probability", "spin", 0),
    ("heat_bath.with_spin", "value", 2),
    ("gibbs.systematic_sweep", "uniforms", [0.5, 0.5]),
    ("gibbs_with_gradients.gibbs_with_gradients_step", "spins", []),
    ("gibbs_with_gradients.gibbs_with_gradients_step", "uniform", 1.0),
    ("gibbs_with_gradients.gibbs_with_gradients_step", "exponential", -1.0),
    ("gibbs_with_gradients.gibbs_with_gradients_step", "energy", lambda s: INF),
    ("gibbs_with_gradients.gibbs_with_gradients_step", "energy", 1.0),
    ("gibbs_with_gradients.gibbs_with_gradients_step", "energy_gradient", lambda s: s[:2]),
    ("gibbs_with_gradients.gibbs_with_gradients_step", "energy_gradient", lambda s: INF * s),
    ("gibbs_with_gradients.log_flip_ratio", "i", 3),
    ("gibbs_with_gradients.log_proposal", "gradient", [NAN, 1.0]),
    ("gibbs_with_gradients.log_proposal", "beta", -1.0),
    ("gibbs.systematic_sweep", "uniforms", [0.5, 0.5, 2.0]),
    ("gibbs.rbm_step", "beta", -1.0),
    ("gibbs.rbm_step", "weights", W.T),
    ("gibbs.rbm_step", "uniforms_h", [0.5, NAN]),
    ("gibbs.bits_given", "logits", np.zeros(40)),
    ("cluster.wolff_step", "beta", NAN),
    ("cluster.wolff_step", "edges", [[0, 1], [1, 2], [2, 3]]),
    ("cluster.wolff_step", "couplings", [1.0, 2.0]),
    ("cluster.wolff_step", "seed", 3),
    ("cluster.wolff_step", "uniform", 1.0),
    ("cluster.swendsen_wang_step", "coins", [0, 1, 2]),
    ("cluster.square_lattice", "rows", 2),
    ("hmc.leapfrog", "step_size", 0.0),
    ("hmc.leapfrog", "steps", 0),
    ("hmc.leapfrog", "momentum", [0.0]),
    ("hmc.leapfrog", "energy_gradient", lambda x: x[:1]),
    ("hmc.hmc_step", "exponential", NAN),
    ("random_walk.random_walk_step", "exponential", -1.0),
    ("random_walk.random_walk_step", "log_density", lambda x: NAN),
    ("random_walk.random_walk_step", "log_density", lambda x: 1j),
    ("random_walk.random_walk_step", "log_density", lambda x: np.zeros(1)),
    ("random_walk.random_walk_step", "normal", [0.0]),
    ("random_walk.random_walk_step", "step_size", [1.0, 1.0, 1.0]),
    ("random_walk.scaling_step", "x", -1.0),
    ("random_walk.acceptance_rate", "step_size", 0.0),
    ("lattice_walk.lattice_step", "uniform", 1.0),
    ("lattice_walk.lattice_step", "state", [0, 2]),
    ("lattice_walk.lattice_step", "density", np.zeros((2, 2))),
    ("lattice_walk.transitions", "density", [[1.0, 0.0], [1.0, 1.0]]),
    ("lattice_walk.stationary", "A", np.eye(2)),
    ("lattice_walk.stationary", "A", np.ones((2, 2))),
    ("lattice_walk.running_average", "t", 0),
    ("annealed_langevin.step_lengths", "sigmas", [1.0, 2.0]),
    ("annealed_langevin.annealed_langevin", "score", lambda x, sigma: x[:1]),
    ("annealed_langevin.moments_on_normal_data", "variance", -1.0),
    ("annealed_importance.forward", "noise", [None]),
    ("annealed_importance.forward", "energy_0", lambda x: "low"),
    ("annealed_importance.bridge", "b", 1.5),
    ("annealed_importance.log_ratio", "log_weights", []),
    ("chains.replay_starts", "fresh_share", 1.5),
    ("chains.replay_starts", "fresh", [[1.0]]),
    ("chains.replay_starts", "indices", [0, 2]),
    ("chains.replay_update", "ends", [[1.0, 2.0]]),
    ("chains.short_run_moments", "drift", 2.0),
    ("chains.negative_phase", "sample_gradients", [[1.0]]),
    ("diagnostics.rhat", "draws", [1.0, 2.0, 3.0]),
    ("diagnostics.geyer_time", "rho", [1.0]),
    ("diagnostics.ar1_time", "f", 1.0),
    ("blocking.jackknife", "blocks", 1),
    ("blocking.jackknife", "statistic", lambda x: x),
    ("transition.spectral_gap", "P", np.ones((2, 2))),
    ("transition.spectral_gap", "P", np.full((2, 2), NAN)),
    ("transition.is_irreducible", "P", [[1.5, -0.5], [0.0, 1.0]]),
    ("transition.period", "P", np.ones((2, 3))),
    ("transition.mixing_curve", "pi", [1.0, 1.0]),
    ("transition.mixing_curve", "steps", -1),
    ("transition.stationary_distribution", "P", np.eye(2)),
    ("transition.transition_matrix", "probability of 0 -> 0", lambda x: [("sure", x)]),
    ("transition.gibbs_distribution", "beta", 0.0),
    ("transition.gibbs_distribution", "energy", lambda x: INF),
    ("quadrature.log_partition", "evaluations", NAN),
    ("quadrature.log_partition", "intervals", [[0.0, 1.0, 2.0]]),
    ("quadrature.log_partition", "scale", [1.0, 1.0]),
    ("quadrature.log_partition", "energy", lambda x: 1j),
    ("ising_torus.log_partition", "rows", 0),
    ("ising_torus.log_partition", "coupling", -1.0),
    ("transfer_matrix.ising", "field", np.ones((1, 3))),
    ("transfer_matrix.ising", "down", np.ones(3)),
    ("transfer_matrix.potts", "right", np.ones((1, 2))),
    ("transfer_matrix.log_partition", "memory", NAN),
    ("transfer_matrix.log_partition_and_mean", "energies", [1.0, 2.0]),
    ("elimination.plan", "cardinalities", [2.0, 2.0]),
    ("elimination.plan", "cardinalities[0]", [0, 2]),
    ("elimination.plan", "factors", [1.0]),
    ("elimination.plan", "scope", [({0}, [0.0, 1.0])]),
    ("elimination.plan", "scope", [("rain", [0.0, 1.0])]),
    ("elimination.plan", "table", [((0,), ["low", "high"])]),
    ("elimination.plan", "order", [0, 0]),
    ("semi_markov.energy", "answer", [[0, 3, 0]]),
    ("semi_markov.segmentations", "t", 1000),
    ("chain.viterbi", "pairwise", np.zeros((1, 2))),
    ("chain.k_best", "count", 2.0),
    ("chain_enumeration.enumerate_labels", "t", 30),
    ("enumeration.tabulate", "energy", lambda y: "low"),
    ("enumeration.tabulate", "cardinalities", [2, 0]),
    ("enumeration.nll", "answer", [0.0, 1.0]),
    ("spins.spin_table", "n", 63),
    ("spins.spin_table", "stop", 9),
    ("blocks.log_partition", "executor", 5),
    ("blocks.log_partition", "progress", 5),
    ("blocks.log_partition", "checkpoint", 5),
    ("blocks.log_partition", "couplings", np.eye(3)),
]


@pytest.mark.parametrize(
    "name, argument, value", REFUSED, ids=[f"{n}-{a}-{i}" for i, (n, a, _) in enumerate(REFUSED)]
)
def test_rows_that_are_refused(name, argument, value):
    function, given = CALLS[name]
    instead = {
        "probability of 0 -> 0": "step",
        "cardinalities[0]": "cardinalities",
        "scope": "factors",
        "table": "factors",
    }
    with pytest.raises(ValueError) as problem, np.errstate(all="ignore"):
        function(**given | {instead.get(argument, argument): value})
    assert str(problem.value).startswith(f"{argument}"), problem.value


def test_a_list_of_cardinalities_is_of_variables_0_1():
    table = [[0.0, 1.0], [2.0, 0.0]]
    for function in (elimination.log_partition, elimination.plan, elimination.ground_state):
        assert function([((0, 1), table)], [2, 2]) == function([((0, 1), table)], {0: 2, 1: 2})


def test_a_scope_without_its_comma_is_one_variable():
    sizes, table = {"rain": 2, 7: 2}, [0.0, 1.0]
    for scope in ("rain", 7, np.int64(7)):
        one = elimination.log_partition([(scope, table)], sizes)
        assert one == elimination.log_partition([((scope,), table)], sizes)


def test_an_order_may_name_variables_in_numpys_integers():
    assert elimination.plan([((0, 1), np.zeros((2, 2)))], [2, 2], np.arange(2)).order == (0, 1)


def test_a_chain_of_lists():
    u, P = [[0, 1], [2, 0], [0, 4]], [[0, 8], [16, 0]]
    assert chain.viterbi(u, P)[1].tolist() == [0, 0, 0]
    assert chain.free_energy(u, P) == chain.free_energy(np.array(u, float), np.array(P, float))


PRINTED = [name for name in CALLS if name.endswith("_as_printed")]


@pytest.mark.parametrize("name", PRINTED)
def test_what_is_printed_is_the_same_but_for_digits(name):
    printed, given = CALLS[name]
    exact = CALLS[name.removesuffix("_as_printed")][0]
    if name == "quadrature.log_partition_as_printed":
        given = {"energy": given["energy"], "beta": given["beta"]}
    first = lambda result: (
        result[0] if isinstance(result, tuple) else result
    )  # what errors and pairs come with
    both = [first(function(**given)) for function in (exact, printed)]
    np.testing.assert_allclose(both[1], both[0], rtol=1e-12)


@pytest.mark.parametrize("rows, columns, K", [(1, 2, 0.3), (3, 4, 0.6), (2, 2, 0.44)])
def test_the_torus_as_printed(rows, columns, K):
    printed = ising_torus.log_partition_as_printed(rows, columns, K)
    assert printed == pytest.approx(ising_torus.log_partition(rows, columns, K), rel=1e-12)
