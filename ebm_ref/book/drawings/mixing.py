r"""Mixing curves: how far a sampler of few spins still is from its law, exactly, step by step.

    d(t) = max_i 1/2 sum_j |(P^t)_ij - pi_j|

No chain is run: P is listed by the sampler's page, and its powers are taken.  All curves count updates of one
spin, so that a sweep over n spins is n of them.

Source: Levin, Peres and Wilmer (2009), Chapter 4; the page `exact.transition`.
"""

import itertools

import numpy as np

from ebm_ref.exact.transition import gibbs_distribution, mixing_curve, transition_matrix
from ebm_ref.samplers.cluster import swendsen_wang_transitions, wolff_transitions
from ebm_ref.samplers.gibbs import one_of, random_scan_transitions, systematic_transitions
from ebm_ref.samplers.gibbs_with_gradients import gibbs_with_gradients_transitions
from ebm_ref.samplers.heat_bath import metropolis_flip_transitions, spin_energy
from ebm_ref.samplers.lattice_walk import balance_matrix, running_average
from ebm_ref.samplers.metropolis import metropolis_hastings

STATES = list(itertools.product((-1, 1), repeat=3))
COUPLINGS = np.array([[0.0, 1.0, -0.5], [1.0, 0.0, 0.4], [-0.5, 0.4, 0.0]])
FIELDS = np.array([0.3, -0.2, 0.1])
FERROMAGNET = np.ones((3, 3)) - np.eye(3)
EDGES = np.array([[0, 1], [0, 2], [1, 2]])
STEPS, LOWEST = 30, 1e-4
LATTICE = np.array([1.0, 2.0, 4.0, 2.0, 1.0, 2.0])
STYLES = ({"color": "C0"}, {"color": "C1"}, {"color": "C2"}, {"color": "C3"})


def law(J, h, beta=1.0):
    """pi of three spins."""
    return gibbs_distribution(lambda s: float(spin_energy(J, h, np.array(s))), STATES, beta)


def matrix(transitions):
    """P of a sampler of three spins."""
    return transition_matrix(transitions, STATES)


def metropolis(J, h):
    """P of offering a flip to a spin chosen at random."""
    offer = lambda i: lambda s: metropolis_flip_transitions(J, h, 1.0, s, i)
    return matrix(one_of(*map(offer, range(3))))


def with_gradients(J, h):
    """P of flips proposed by the gradient, whose continuation of E is exact here."""
    energy = lambda s: float(spin_energy(J, h, s))
    return matrix(gibbs_with_gradients_transitions(energy, lambda s: -(J @ s) - h, 1.0))


def curve(P, pi, updates=1):
    """(updates, d) of a step that counts as so many updates."""
    d = mixing_curve(P, pi, STEPS // updates)
    return updates * np.arange(len(d)), np.array(d)


def drawn(plt, curves, title):
    """All curves on one pair of axes; a title that names the winner is held to the last common point."""
    figure, axes = plt.subplots(figsize=(5.4, 3.9))
    for (label, (t, d)), style in zip(curves.items(), STYLES, strict=False):
        axes.semilogy(t, np.maximum(d, LOWEST), marker="o", markersize=3.0, label=label, **style)
    axes.set(xlabel="updates of one spin", ylabel="$d(t)$, total variation, worst start", title=title)
    axes.set_ylim(LOWEST, 1.5)
    axes.legend()
    return figure


def ahead(curves, winner, t=24):
    """How many times nearer the winner is than the next after t updates."""
    after = {label: float(d[list(steps).index(t)]) for label, (steps, d) in curves.items()}
    others = [d for label, d in after.items() if label != winner]
    assert after[winner] < min(others), after
    return min(others) / after[winner]


def race(plt, curves, winner, why):
    """The curves on three spins, and in the title why the winner is ahead, and how far."""
    times = ahead(curves, winner)
    return drawn(plt, curves, f"{why}:\n{times:,.{0 if times > 10.0 else 1}f} times nearer after 24 updates")


def heat_bath(plt):
    """Heat bath and Metropolis, a spin at random."""
    pi = law(COUPLINGS, FIELDS)
    curves = {
        "Metropolis, 15/16": curve(metropolis(COUPLINGS, FIELDS), pi),
        "heat bath": curve(matrix(random_scan_transitions(COUPLINGS, FIELDS, 1.0)), pi),
    }
    return race(plt, curves, "Metropolis, 15/16", "Metropolis flips more often")


def gibbs(plt):
    """Sweeps in order, and spins at random."""
    pi = law(COUPLINGS, FIELDS)
    curves = {
        "sweeps in order": curve(matrix(systematic_transitions(COUPLINGS, FIELDS, 1.0)), pi, 3),
        "spins at random": curve(matrix(random_scan_transitions(COUPLINGS, FIELDS, 1.0)), pi),
    }
    return race(plt, curves, "sweeps in order", "In order no spin is forgotten")


def gradients(plt):
    """Flips proposed by the gradient, and at random."""
    pi = law(COUPLINGS, FIELDS)
    curves = {
        "Gibbs with gradients": curve(with_gradients(COUPLINGS, FIELDS), pi),
        "Metropolis, 15/16": curve(metropolis(COUPLINGS, FIELDS), pi),
        "heat bath": curve(matrix(random_scan_transitions(COUPLINGS, FIELDS, 1.0)), pi),
    }
    after = {label: d[24] for label, (_, d) in curves.items()}
    first = min(after, key=after.get)
    return drawn(
        plt, curves, f"On three spins {first} is the nearest\nafter 24 updates: d = {after[first]:.1e}"
    )


def cluster(plt):
    """Clusters and single spins on three spins that align."""
    J, h, ones = FERROMAGNET, np.zeros(3), np.ones(3)
    pi = law(J, h)
    curves = {
        "Swendsen-Wang": curve(matrix(lambda s: swendsen_wang_transitions(EDGES, ones, 1.0, s)), pi, 3),
        "Wolff": curve(matrix(lambda s: wolff_transitions(EDGES, ones, 1.0, s)), pi),
        "heat bath, in order": curve(matrix(systematic_transitions(J, h, 1.0)), pi, 3),
    }
    single = curves["heat bath, in order"][1][-1]
    assert single > 0.2 > 0.01 > curves["Wolff"][1][-1]
    return drawn(
        plt, curves, f"Single spins cannot turn a domain:\nafter 30 updates they are {single:.2f} away"
    )


def lattice_walk(plt):
    """A walk on a short lattice, and the running average of where it was."""
    A = balance_matrix(LATTICE)
    pi, start = LATTICE / LATTICE.sum(), np.eye(len(LATTICE))
    t = np.arange(1, 61)
    away = lambda v: 0.5 * float(np.sum(np.abs(v - pi)))
    average = np.array([max(away(running_average(A, one, int(k))) for one in start) for k in t])
    walk = np.array(mixing_curve(A.T, pi, 60))
    assert walk[-1] < 0.1 * average[-1]
    figure, axes = plt.subplots(figsize=(5.4, 3.9))
    axes.loglog(t, walk[1:], label="where the walk is", **STYLES[0])
    axes.loglog(t, average, label="average of where it was", **STYLES[1])
    axes.loglog(t, average[-1] * t[-1] / t, color="0.5", linestyle=":", linewidth=1.0, label="1/t")
    axes.set(
        xlabel="steps",
        ylabel="total variation to $p$, worst start",
        title="Averages forget the start as 1/t only",
    )
    axes.legend()
    return figure


def lopsided():
    """(6, 6) proposals on a ring that go forth three times as often as back."""
    forth = np.roll(np.eye(len(LATTICE)), 1, axis=1)
    return 0.75 * forth + 0.25 * forth.T


def flows(p, q, way_back):
    """p_i q_ij a_ij of the rule, with the two q in the ratio or without."""
    flow, logs = np.zeros(q.shape), [float(x) for x in np.log(p)]
    for i, j in zip(*np.nonzero(q), strict=True):
        ways = (float(np.log(q[i, j])), float(np.log(q[j, i]))) if way_back else ()
        flow[i, j] = p[i] * q[i, j] * np.exp(metropolis_hastings(logs[i], logs[j], *ways))
    return flow


def balanced(plt):
    """The flow along each edge of a ring, forth and back, with the proposals' ratio and without."""
    p, q = LATTICE / LATTICE.sum(), lopsided()
    forth = np.arange(len(p)), (np.arange(len(p)) + 1) % len(p)
    found = {"with q in the ratio": flows(p, q, True), "without": flows(p, q, False)}
    kept, broken = ((flow[forth], flow.T[forth]) for flow in found.values())
    times = broken[0] / broken[1]
    assert np.allclose(*kept, rtol=1e-12, atol=0.0) and np.allclose(times, 3.0), (kept, times)
    figure, axes = plt.subplots(figsize=(5.4, 3.9))
    for (label, flow), style, marker in zip(found.items(), STYLES, "os", strict=False):
        axes.plot(flow[forth], flow.T[forth], marker, label=label, **style)
    axes.axline((0.0, 0.0), slope=1.0, color="0.5", linestyle=":", linewidth=1.0)
    axes.set(xlabel="flow from a site to the next", ylabel="flow back", xlim=(0.0, None), ylim=(0.0, None))
    axes.set_title("A lopsided proposal balances with its ratio;\nwithout, three times as much flows forth")
    axes.legend()
    return figure


TOLD = (
    "The exact distance to the law after t updates of one spin, from the worst start, on three spins; from "
    "the powers of the transition matrix, without drawing a sample."
)
ALIGNED = f"{TOLD}  Here they align, with J = 1 and beta = 1; three updates make a sweep."
LATTICE_TOLD = "The exact distance to p on a lattice of six sites, from the worst start."
BALANCE_TOLD = (
    "The probability p(x) q(x'|x) a(x, x') that a step moves along each edge of a ring of six sites, where "
    "the next site is proposed three times as often as the last.  On the dotted line as much flows back."
)
DRAWINGS = {
    "samplers.metropolis": (balanced, BALANCE_TOLD),
    "samplers.heat_bath": (heat_bath, TOLD),
    "samplers.gibbs": (gibbs, TOLD),
    "samplers.gibbs_with_gradients": (gradients, TOLD),
    "samplers.cluster": (cluster, ALIGNED),
    "samplers.lattice_walk": (lattice_walk, LATTICE_TOLD),
}
