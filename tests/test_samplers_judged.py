"""The pages' own samplers before the judge: the right ones are acquitted, every wrong one is convicted.

Each is wrapped as a stranger would write it, step(state, rng) -> state; the wrong are the pages' variants.
"""

import sys
from pathlib import Path

import numpy as np
import pytest

from ebm_ref.conformance.samplers.judge import check_sampler
from ebm_ref.conformance.samplers.targets import TARGETS
from ebm_ref.samplers import (
    cluster,
    gibbs,
    heat_bath,
    hmc,
    langevin,
    lattice_walk,
    mala,
    metropolis,
    random_walk,
    tempering,
)

sys.path.append(str(Path(__file__).parents[1] / "scripts"))
import judge_samplers

EDGES, _ = cluster.square_lattice(3, 3)
J = np.zeros((9, 9))
J[EDGES[:, 0], EDGES[:, 1]] = J[EDGES[:, 1], EDGES[:, 0]] = 1.0
NO_FIELD, BETA = np.zeros(9), 0.4


def variant(page, name):
    """The wrong function of that name on a page."""
    listed = (*getattr(page, "VARIANTS", ()), *(page.FORMULA.variants if hasattr(page, "FORMULA") else ()))
    return next(v.value for v in listed if v.name == name)


def in_log_scale(acceptance, power=1.0):
    """x' = x e^{z} on the half line, whose log density is given times `power` at beta = 1 / power."""

    def step(x, rng):
        new = x * np.exp(rng.normal())
        log_a = acceptance(power * -x[0], power * -new[0], -np.log(new[0]), -np.log(x[0]))
        return new if metropolis.accepts(log_a, rng.exponential()) else x

    return step


def tempered(correct):
    """The same at beta = 1/2 of the square of the density."""
    right = lambda beta, p, n, forth, back: np.minimum(0.0, beta * (n - p) + back - forth)
    rule = right if correct else variant(tempering, "the correction tempered, too")
    return in_log_scale(lambda *logs: rule(0.5, *logs), power=2.0)


def langevin_step(rule, gradient, step_size):
    return lambda x, rng: rule(x, gradient(x), rng.normal(size=x.shape), step_size)


def mala_step(correction, name, step_size):
    """MALA with a correction that may be wrong."""
    law = TARGETS[name]()

    def step(x, rng):
        g = law.gradient(x)
        new = langevin.langevin(x, g, rng.normal(size=x.shape), step_size)
        g_new = law.gradient(new)
        log_a = law.energy(x) - law.energy(new) + correction(g, g_new, new - x, step_size)
        return new if metropolis.accepts(np.minimum(0.0, log_a), rng.exponential()) else x

    return step


def hmc_step(name, step_size, steps, leapfrog=hmc.leapfrog, whole=None):
    """HMC with an integrator or an accept rule that may be wrong."""
    law = TARGETS[name]()

    def step(x, rng):
        p, coin = rng.normal(size=x.shape), rng.exponential()
        if whole:
            return whole(law.energy, law.gradient, x, step_size, steps, p, coin)[0]
        new, momentum = leapfrog(law.gradient, x, p, step_size, steps)
        log_a = hmc.total_energy(law.energy, x, p) - hmc.total_energy(law.energy, new, momentum)
        return new if metropolis.accepts(np.minimum(0.0, log_a), coin) else x

    return step


def spin(rule):
    """One spin, chosen at random, by `rule(spins, i, uniform)`."""
    return lambda s, rng: rule(s, int(rng.integers(9)), rng.random())


def drawn_up_with(probability):
    """The heat bath with a probability of +1 that may be wrong."""

    def rule(s, i, uniform):
        return heat_bath.with_spin(
            s, i, 1 if uniform < probability(heat_bath.local_field(J, NO_FIELD, s, i)) else -1
        )

    return spin(rule)


def listed(transitions):
    """A step that draws from what a page lists."""

    def step(state, rng):
        p, states = zip(*transitions(tuple(state.astype(int).tolist())), strict=True)
        return np.array(states[rng.choice(len(p), p=np.array(p) / sum(p))], float)

    return step


def clusters(bond):
    """Wolff's step with a bond probability that may be wrong."""

    def step(s, rng):
        bonds = bond(np.ones(len(EDGES)), BETA, s[EDGES[:, 0]] * s[EDGES[:, 1]])
        label = cluster.cluster_labels(9, EDGES, rng.random(len(EDGES)) < bonds)
        return np.where(label == label[rng.integers(9)], -s, s)

    return step


def boxed(rule):
    """A walk on the half line whose proposals a wall at 0 cuts off."""
    density = lambda x: -x if x >= 0.0 else -np.inf
    return lambda x, rng: np.array([rule(density, x[0], rng)])


def redrawn(density, x, rng):
    wrong = variant(random_walk, "redrawn until inside")
    return wrong(density, 0.0, np.inf, x, density(x), 1.0, rng.normal(size=50), rng.exponential())[0]


def refused(density, x, rng):
    return random_walk.random_walk_step(density, x, density(x), 1.0, rng.normal(), rng.exponential())[0]


walk = lambda log_density, scale: (
    lambda x, rng: random_walk.random_walk_step(
        log_density, x, log_density(x), scale, rng.normal(size=x.shape), rng.exponential()
    )[0]
)
of_target = lambda name: lambda x: -TARGETS[name]().energy(x)
sweep = lambda s, rng: gibbs.systematic_sweep(J, NO_FIELD, BETA, s, rng.random(9))
swendsen_wang = lambda s, rng: cluster.swendsen_wang_step(
    EDGES, np.ones(len(EDGES)), BETA, s, rng.random(len(EDGES)), rng.integers(0, 2, 9)
)
flat = lambda state: lattice_walk.transitions(np.ones(8), state)
one_of_those = lambda state: variant(lattice_walk, "chosen among the neighbours that exist")(
    np.ones(8), state
)
gaussian = TARGETS["gaussian"]().gradient

# name: step, target, whether it is reversible
RIGHT = {
    "random walk": (walk(of_target("banana"), 0.7), "banana", True),
    "random walk against a wall": (boxed(refused), "half-line", True),
    "walk in log scale": (in_log_scale(metropolis.metropolis_hastings), "half-line", True),
    "walk in log scale, tempered": (tempered(True), "half-line", True),
    "lattice walk": (listed(flat), "flat-8", True),
    "MALA": (mala_step(mala.mala_correction, "banana", 0.4), "banana", True),
    "HMC": (hmc_step("gaussian-correlated", 0.6, 4), "gaussian-correlated", True),
    "HMC between modes": (hmc_step("bimodal", 0.5, 5), "bimodal", True),
    "heat bath": (
        spin(lambda s, i, u: heat_bath.heat_bath_step(J, NO_FIELD, BETA, s, i, u)),
        "ising-3x3",
        True,
    ),
    "Metropolis flip": (
        spin(lambda s, i, u: heat_bath.metropolis_flip_step(J, NO_FIELD, BETA, s, i, u)),
        "ising-3x3",
        True,
    ),
    "Gibbs sweep": (sweep, "ising-3x3", False),
    "Wolff": (clusters(cluster.bond_probability), "ising-3x3", True),
    "Swendsen-Wang": (swendsen_wang, "ising-3x3", True),
}


def test_false_alarms_are_as_rare_as_is_said():
    """A short form of `scripts/judge_samplers.py --right 200`: each kind on each target."""
    kinds = len(judge_samplers.KINDS) * len(TARGETS)
    chances = []
    for kind, target, found in judge_samplers.judge_right(kinds, seed=1, draws=4000):
        stood = found.reason.startswith("stands still")
        assert found.verdict == "acquitted" or (stood and kind == "walk of 20"), (kind, target, found.reason)
        chances += [test.p for test in found.tests]
    assert len(chances) > 6 * kinds
    assert np.mean(np.array(chances) < 0.01) < 0.02 and min(chances) > 1e-6


# (page, variant): step, target
OTHER_UNITS = {  # the same step, said otherwise
    ("metropolis", "the probability, not its logarithm"),
    ("langevin", "step size h = e^2"),
    ("langevin", "step size s = e^2/2"),
}

WRONG = {
    **{
        ("metropolis", name): (in_log_scale(variant(metropolis, name)), "half-line")
        for name in ("minus sign lost", "forth and back swapped", "q left out", "accepts always")
    },
    ("random_walk", "redrawn until inside"): (boxed(redrawn), "half-line"),
    ("lattice_walk", "chosen among the neighbours that exist"): (listed(one_of_those), "flat-8"),
    ("heat_bath", "the 2 lost: 0, 1 for -1, +1"): (
        drawn_up_with(lambda f: variant(heat_bath, "the 2 lost: 0, 1 for -1, +1")(f, BETA)),
        "ising-3x3",
    ),
    ("heat_bath", "sign lost: energy taken for its negative"): (
        drawn_up_with(lambda f: variant(heat_bath, "sign lost: energy taken for its negative")(f, BETA)),
        "ising-3x3",
    ),
    ("gibbs", "all spins at once"): (
        lambda s, rng: np.where(rng.random(9) < heat_bath.up_probability(J @ s, BETA), 1.0, -1.0),
        "ising-3x3",
    ),
    ("cluster", "the 2 lost: Potts' bond probability for spins -1, +1"): (
        clusters(variant(cluster, "the 2 lost: Potts' bond probability for spins -1, +1")),
        "ising-3x3",
    ),
    **{
        ("langevin", v.name): (langevin_step(v.value, gaussian, 0.5), "gaussian")
        for v in langevin.FORMULA.variants
        if ("langevin", v.name) not in OTHER_UNITS
    },
    **{("mala", v.name): (mala_step(v.value, "banana", 0.4), "banana") for v in mala.FORMULA.variants},
    ("hmc", "no half kicks"): (hmc_step("banana", 0.3, 3, variant(hmc, "no half kicks")), "banana"),
    ("hmc", "a stale gradient in the second half kick"): (
        hmc_step("banana", 0.3, 3, variant(hmc, "a stale gradient in the second half kick")),
        "banana",
    ),
    ("hmc", "accepted by the potential energy alone"): (
        hmc_step("banana", 0.3, 3, whole=variant(hmc, "accepted by the potential energy alone")),
        "banana",
    ),
    ("tempering", "the correction tempered, too"): (tempered(False), "half-line"),
}


@pytest.mark.parametrize("name", RIGHT)
def test_the_right_one_is_acquitted(name):
    step, target, reversible = RIGHT[name]
    found = check_sampler(step, target, draws=11_000, reversible=reversible)
    assert found.verdict == "acquitted", found.reason
    assert found.moved > 0.05


@pytest.mark.parametrize("page, name", WRONG)
def test_the_wrong_one_is_convicted(page, name):
    step, target = WRONG[page, name]
    with np.errstate(over="ignore", invalid="ignore"):  # some go astray
        found = check_sampler(step, target, draws=111_000)
    assert found.verdict == "convicted", (found.reason, found.draws)


def test_a_langevin_step_without_a_test_of_acceptance_is_convicted():
    """Variance 1 / (1 - 1/16) for 1 at e = 1/2: right in the limit of short steps only."""
    step = langevin_step(langevin.langevin, gaussian, 0.7)
    found = check_sampler(step, "gaussian", draws=111_000)
    assert found.verdict == "convicted" and "mean of x^2 up by" in found.reason


def test_every_wrong_step_of_one_state_is_here():
    """What remains are wrong schedules, estimates and exchanges, which are no steps of one state."""
    pages = (metropolis, random_walk, lattice_walk, heat_bath, gibbs, cluster, langevin, mala, hmc)
    every = {
        (page.__name__.rpartition(".")[2], v.name)
        for page in pages
        for v in (
            *getattr(page, "VARIANTS", ()),
            *(page.FORMULA.variants if hasattr(page, "FORMULA") else ()),
        )
    }
    chains = {  # each step is right, or none is made
        ("random_walk", "accepted moves only"),
        ("metropolis", "not closed at certainty"),
        ("metropolis", "Barker's rule"),
        ("metropolis", "each ratio closed by itself"),
        ("heat_bath", "Metropolis as printed, spin by spin in order"),
    }
    assert every - set(WRONG) - OTHER_UNITS == chains and every >= OTHER_UNITS


def test_in_other_units_it_is_the_same_step():
    x, g, z, e = np.array([0.5, -1.0]), np.array([2.0, 0.25]), np.array([-0.75, 1.5]), 0.3
    step = langevin.langevin(x, g, z, e)
    assert np.allclose(variant(langevin, "step size h = e^2")(x, g, z, e**2), step, rtol=1e-14)
    assert np.allclose(variant(langevin, "step size s = e^2/2")(x, g, z, e**2 / 2.0), step, rtol=1e-14)
    probability = variant(metropolis, "the probability, not its logarithm")(-1.0, -3.0, 0.5, 0.0)
    assert np.log(probability) == metropolis.metropolis_hastings(-1.0, -3.0, 0.5, 0.0)
