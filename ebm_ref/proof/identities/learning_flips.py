r"""Identities of losses without a partition function: noise, neighbours and chains, against the exact models.

    L = -sum_i log p(s_i | rest)
    p(s_i | rest) = 1/(1 + e^{-D_i}),    D_i = E(s with s_i turned) - E(s)

Models of three spins are enumerated, so that expectations are sums of eight terms.

Source: named with each.
"""

import itertools

import numpy as np

from ebm_ref.catalogue import FORMULAS
from ebm_ref.energies.boltzmann import random_couplings
from ebm_ref.exact.transition import gibbs_distribution
from ebm_ref.laws import UNIT
from ebm_ref.learning.flips import spin_flips
from ebm_ref.proof.identities.measure import allowance, between, defect, equal, value

SPINS = [np.array(s) for s in itertools.product((-1.0, 1.0), repeat=3)]
FLOWS = {  # -p(x) dL/dD_i of a pair with probabilities p and q
    "pseudolikelihood": lambda p, q: p * q / (p + q),
    "ratio_matching": lambda p, q: 2.0 * p**2 * q**2 / (p + q) ** 3,
    "minimum_probability_flow": lambda p, q: np.sqrt(p * q) / 2.0,
}
PRINTED = {
    "pseudolikelihood": "-pq/(p+q)",
    "ratio_matching": "-2 p^2 q^2/(p+q)^3",
    "minimum_probability_flow": "-sqrt(pq)/2",
}
FLIP_LOSSES = tuple(FLOWS)


def slope_of(loss, D):
    """dL/dD of a loss of flips, whatever it calls them."""
    [gradient] = FORMULAS[loss].gradients.values()
    return gradient(D)


def random_ising(rng):
    """Energy of three spins with random couplings and fields, and its probabilities."""
    J, h = random_couplings(rng, 3), rng.normal(size=3)
    J = (J + J.T) / 2.0
    energy = lambda s: FORMULAS["ising"].value(J, h, np.array(s))
    return energy, gibbs_distribution(energy, list(map(tuple, SPINS)))


def pseudolikelihood_is_conditional_nce_of_one_flip(rng):
    """pseudolikelihood of flips = conditional_nce of copies with one unit flipped: the same odds, no Z."""
    D = rng.normal(scale=3.0, size=4)
    return equal(("pseudolikelihood", {"flip_differences": D}), ("conditional_nce", {"differences": D}))


def pseudolikelihood_is_the_conditionals(rng):
    """pseudolikelihood = -sum_i log p(s_i | rest), from the eight probabilities of three spins."""
    energy, p = random_ising(rng)
    x = int(rng.integers(8))
    flipped = [x ^ (4 >> i) for i in range(3)]
    truth = -sum(np.log(p[x] / (p[x] + p[y])) for y in flipped)
    inputs = {"flip_differences": spin_flips(energy, SPINS[x])}
    rounding = 64 * UNIT * (1.0 + max(abs(energy(s)) for s in SPINS))
    return abs(value("pseudolikelihood", inputs) - truth) / (3 * rounding)


def two_states_are_a_flip(rng):
    """pseudolikelihood_of_states of two states is pseudolikelihood of what the other state costs more."""
    E, s = rng.normal(scale=2.0, size=(3, 2)), rng.integers(2, size=3)
    here, there = E[np.arange(3), s], E[np.arange(3), 1 - s]
    states, flips = {"energies": E, "states": s}, {"flip_differences": there - here}
    evaluations = ("pseudolikelihood_of_states", states), ("pseudolikelihood", flips)
    return defect(value(*evaluations[0]), value(*evaluations[1]), *evaluations)


def consistent(loss):
    """Identity maker: at the model of the data a pair of neighbours pushes alike from both sides."""

    def identity(rng):
        energy, p = random_ising(rng)
        rounding = 64 * UNIT * (1.0 + max(abs(energy(s)) for s in SPINS))
        pushes = [p[x] * slope_of(loss, spin_flips(energy, SPINS[x])) for x in range(8)]
        flows = [[FLOWS[loss](p[x], p[x ^ (4 >> i)]) for i in range(3)] for x in range(8)]
        return np.max(np.abs(np.add(pushes, flows)) / flows) / rounding

    identity.__doc__ = (
        f"{loss} is consistent: on data of an Ising model p dL/dD_i = {PRINTED[loss]} from both sides.\n\n"
        "p is p(x) and q is p(x^i).  What raises D_i of x lowers that of x^i: no slope is left."
    )
    return identity


def alike_on_a_chain(loss):
    """Identity maker: one coupling of a chain from the share of spins that agree with both neighbours."""

    def identity(rng):
        A, B = rng.dirichlet(np.ones(3))[:2] + 0.05
        J = np.log(A / B) / 4.0
        pushes = A * slope_of(loss, np.array([4.0 * J]))[0], B * slope_of(loss, np.array([-4.0 * J]))[0]
        flow = FLOWS[loss](A, B)
        return max(abs(push + flow) for push in pushes) / (32 * UNIT * (1.0 + abs(4.0 * J)) * flow)

    identity.__doc__ = (
        f"{loss} of the inner spins of a chain is lowest at J = log(A/B)/4: "
        "A agree with both neighbours, B with none."
    )
    return identity


def prices_of_a_flip(rng):
    """Slopes by u = D/2: -2 sigma(-2u), -4 sigma(-2u)^2 sigma(2u) and -e^-u, all of one share sigma(-2u)."""
    u = rng.normal(scale=2.0)
    D = np.array([2.0 * u])
    b = -FORMULAS["pseudolikelihood"].gradients["flip_differences"](D)[0]
    ratio = FORMULAS["ratio_matching"].gradients["flip_differences"](D)[0]
    flow = FORMULAS["minimum_probability_flow"].gradients["differences"](D)[0]
    errors = abs(ratio / (-2.0 * b**2 * (1.0 - b)) - 1.0), abs(flow / (-0.5 * np.sqrt(b / (1.0 - b))) - 1.0)
    return max(errors) / (16 * UNIT * (1.0 + abs(u) + 1.0 / (1.0 - b)))


def ratio_matching_is_a_distance(rng):
    """Mean ratio matching of q on data of p, less that of p itself, is the mean of sum_i (a_i - b_i)^2."""
    (energy, p), (other, q) = random_ising(rng), random_ising(rng)
    share = lambda p, x, i: p[x ^ (4 >> i)] / (p[x] + p[x ^ (4 >> i)])
    pairs = [(x, i) for x in range(8) for i in range(3)]
    distance = sum(p[x] * (share(p, x, i) - share(q, x, i)) ** 2 for x, i in pairs)
    mean = lambda energy: sum(
        p[x] * value("ratio_matching", {"flip_differences": spin_flips(energy, SPINS[x])}) for x in range(8)
    )
    rounding = 64 * UNIT * (1.0 + max(abs(energy(s)) + abs(other(s)) for s in SPINS))
    return abs(mean(other) - mean(energy) - distance) / (3 * rounding)


def small_disturbances_match_scores(rng):
    """Of x +- e v, conditional_nce = 2 log 2 + (e^2/2)((v's)^2/2 - v'H v) + O(e^4): sliced score matching.

    On a quadratic energy, with a = v's and h = v'H v, what is left is e^4 (h^2/16 - a^4/96) and less.  Song
    and Kingma (2021), Section 5.1, print 1/4 for the 1/2 in front, and plus before the second derivatives.
    """
    a, h, e = rng.normal(), rng.normal(), 2.0 ** -rng.integers(4, 9)
    D = np.array([-e * a + e**2 * h / 2.0, e * a + e**2 * h / 2.0])
    excess = value("conditional_nce", {"differences": D}) - 2.0 * np.log(2.0)
    matched = e**2 / 2.0 * (a**2 / 2.0 - h)
    bound = 1.01 * e**4 * (h**2 / 16.0 + a**4 / 96.0 + e**2 * (abs(h) + abs(a)) ** 6)
    return abs(excess - matched) / (bound + 16 * UNIT * 3.0)


def forces_balance_at_the_truth(rng):
    """At u = log(p/p_n) data and noise push each state with nu p p_n/(p + nu p_n): no slope is left."""
    data, noise, nu = rng.integers(1, 5, size=3), rng.integers(1, 5, size=3), rng.uniform(0.2, 5.0)
    p, q = data / np.sum(data), noise / np.sum(noise)
    u = np.log(p / q)
    gradients = FORMULAS["noise_contrastive"].gradients
    arguments = np.repeat(u, data), np.repeat(u, noise), nu
    down, up = gradients["data_logits"](*arguments), gradients["noise_logits"](*arguments)
    flow = nu * p * q / (p + nu * q)
    pushes = np.array([np.sum(down[np.repeat(np.arange(3), data) == s]) for s in range(3)])
    pulls = np.array([np.sum(up[np.repeat(np.arange(3), noise) == s]) for s in range(3)])
    error = np.max(np.abs([pushes + flow, pulls - flow]) / flow)
    return error / (64 * UNIT * (1.0 + np.max(np.abs(u))))


def much_noise_is_maximum_likelihood(rng):
    """As nu grows dL/du -> -1/n of data and e^u/m of noise, importance weights, to within e^u/nu of them."""
    inputs = FORMULAS["noise_contrastive"].sample(rng) | {"noise_per_data": 10.0 ** rng.uniform(2, 6)}
    u_d, u_n, nu = inputs.values()
    of = lambda argument: FORMULAS["noise_contrastive"].gradients[argument](**inputs)
    lacks = [1.0 + len(u_d) * of("data_logits"), 1.0 - len(u_n) * of("noise_logits") / np.exp(u_n)]
    bounds = [np.exp(u) / nu for u in (u_d, u_n)]
    pairs = zip(np.concatenate(lacks), np.concatenate(bounds), strict=True)
    return max(between(0.0, lack, bound, 64 * UNIT * (1.0 + np.log(nu))) for lack, bound in pairs)


def two_cross_entropies(rng):
    """With nu = 1, one datum and one of the noise: cross-entropy of u_d for 1 and of u_n for 0."""
    u_d, u_n = rng.normal(scale=3.0, size=2)
    pair = {"data_logits": np.array([u_d]), "noise_logits": np.array([u_n]), "noise_per_data": 1.0}
    entropies = [
        ("binary_cross_entropy_with_logits", {"logit": u, "target": t}) for u, t in ((u_d, 1.0), (u_n, 0.0))
    ]
    both = sum(value(*evaluation) for evaluation in entropies)
    return defect(value("noise_contrastive", pair), both, ("noise_contrastive", pair), *entropies)


def ranking_is_info_nce_of_corrected_similarities(rng):
    """ranking_nce = info_nce of -(E + log q) at temperature 1 = nll of E + log q, answer 0."""
    inputs = FORMULAS["ranking_nce"].sample(rng)
    E = inputs["energies"] + inputs["log_noise"]
    similar = {"similarities": -E, "positive": 0, "temperature": 1.0}
    table = {"energies": E, "label": 0, "beta": 1.0}
    values = [value(*pair) for pair in (("ranking_nce", inputs), ("info_nce", similar), ("nll", table))]
    spread = max(values) - min(values)
    return spread / allowance(("ranking_nce", inputs), ("nll", table)) if spread else 0.0


def ranking_of_two_is_conditional_nce(rng):
    """ranking_nce of a datum and one of the noise is conditional_nce of the difference of E + log q."""
    E, l = rng.normal(scale=2.0, size=2), -rng.exponential(size=2)
    ranking = "ranking_nce", {"energies": E, "log_noise": l}
    pair = "conditional_nce", {"differences": np.array([(E[1] + l[1]) - (E[0] + l[0])])}
    return defect(value(*ranking), value(*pair), ranking, pair)


def one_langevin_step_matches_scores(rng):
    """CD-1 of Langevin, by the precision k: (e^2/2)(k v - 1 - e^2 k^2 v/4), score matching and a bias.

    Data +-x have the second moment v = x^2, and noise +-1 has the moments that a square can see, so that four
    chains give the mean exactly.  The slope of score matching, k^2 v/2 - k, is k v - 1: the sign is that of a
    loss, where Song and Kingma (2021), Section 4.3, print the other one.
    """
    x, k, e = rng.normal(), rng.uniform(0.2, 2.0), 2.0 ** -rng.integers(1, 5)
    step = lambda x, z: value(
        "langevin",
        {"position": np.array([x]), "gradient": np.array([k * x]), "noise": np.array([z]), "step_size": e},
    )
    ends = [step(s * x, z)[0] for s, z in itertools.product((-1.0, 1.0), repeat=2)]
    inputs = {"data_energies": np.array([x, -x]) ** 2 / 2.0, "chain_energies": np.array(ends) ** 2 / 2.0}
    v = x**2
    truth = e**2 / 2.0 * (k * v - 1.0 - e**2 * k**2 * v / 4.0)
    found = value("contrastive_divergence", inputs)
    return abs(found - truth) / (4.0 * allowance(("contrastive_divergence", inputs)))


# claim holder: the formulas it links
IDENTITIES = {
    pseudolikelihood_is_conditional_nce_of_one_flip: ("pseudolikelihood", "conditional_nce"),
    pseudolikelihood_is_the_conditionals: ("pseudolikelihood",),
    two_states_are_a_flip: ("pseudolikelihood_of_states", "pseudolikelihood"),
    prices_of_a_flip: FLIP_LOSSES,
    ratio_matching_is_a_distance: ("ratio_matching",),
    small_disturbances_match_scores: ("conditional_nce",),
    forces_balance_at_the_truth: ("noise_contrastive",),
    much_noise_is_maximum_likelihood: ("noise_contrastive",),
    two_cross_entropies: ("noise_contrastive", "binary_cross_entropy_with_logits"),
    ranking_is_info_nce_of_corrected_similarities: ("ranking_nce", "info_nce", "nll"),
    ranking_of_two_is_conditional_nce: ("ranking_nce", "conditional_nce"),
    one_langevin_step_matches_scores: ("contrastive_divergence", "langevin"),
}
IDENTITIES |= {consistent(loss): (loss,) for loss in FLIP_LOSSES}
IDENTITIES |= {alike_on_a_chain(loss): (loss,) for loss in FLIP_LOSSES}
