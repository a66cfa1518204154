r"""Tempering: let hot chains find the valleys, and cold ones settle in them.

    parallel     log r = (beta_i - beta_j) (E_i - E_j)
    simulated    log r = (beta_k - beta_l) E + g_l - g_k + log q(k|l)/q(l|k)

    log a            = min(0, log r)         of the parallel kind
    d(log a)/dbeta_i = [a < 1] (E_i - E_j)
    d(log a)/dbeta_j = [a < 1] (E_j - E_i)
    d(log a)/dE_i    = [a < 1] (beta_i - beta_j)
    d(log a)/dE_j    = [a < 1] (beta_j - beta_i)

Parallel tempering has replicas x_i at beta_i, and exchanges two of them with probability a.  E_i is the
untempered energy of what now stands at beta_i.  If the colder replica has the higher energy, the exchange is
certain.  Turn one of the two differences around, and the chain prefers what it should avoid.

Within a replica only the target is tempered.  The Hastings correction of an asymmetric proposal belongs to
the proposal and is not:  log r = beta (log p' - log p) + correction.

Simulated tempering has one chain, whose beta_k is a variable, and moves on to a neighbour beta_l.  It visits
k in proportion to e^{g_k} Z(beta_k).  Whatever g is, x given k is right, and with g_k = -log Z(beta_k) all k
are visited equally.  At an end of the ladder the only neighbour is proposed with certainty, but the way back
has probability 1/2.  Without the correction q, the ends would count half.  A move on the ladder is made
with probability (15/16) min(1, r): on a ladder of two steps and a level ground it would otherwise go to and
fro, k even at even times for ever.  An exchange may be certain, because both replicas move in between.

Source: Swendsen and Wang (1986); Geyer (1991); Marinari and Parisi (1992).
"""

import autograd.numpy as np

from ebm_ref.checks import require, require_index
from ebm_ref.formula import Case, Convention, Formula, Mistake, Variant
from ebm_ref.laws import homogeneous
from ebm_ref.samplers.metropolis import MOVES, accepts, of_probability


def replica_exchange(beta, other_beta, energy, other_energy):
    """Logarithm of the probability of exchanging two replicas.

    Parameters
    ----------
    beta, other_beta : float
        Their inverse temperatures beta_i and beta_j, >= 0.
    energy, other_energy : float
        E_i and E_j of what stands there now; +inf is a state of no probability, legal at beta = 0 only.

    Returns
    -------
    float
        log a <= 0.

    Raises ValueError if a beta is negative.

    >>> float(replica_exchange(1.0, 0.5, energy=0.0, other_energy=4.0))  # the hot one lies higher
    -2.0
    >>> float(replica_exchange(1.0, 0.5, energy=4.0, other_energy=0.0))  # good luck
    0.0
    """
    beta_i, beta_j, E_i, E_j = FORMULA.checked(beta, other_beta, energy, other_energy)
    return np.minimum(0.0, (beta_i - beta_j) * (E_i - E_j))


def replica_exchange_beta_gradient(beta, other_beta, energy, other_energy):
    """d log a / d beta_i: E_i - E_j if the exchange is not certain, else 0."""
    return by_beta(*FORMULA.checked(beta, other_beta, energy, other_energy))


def replica_exchange_other_beta_gradient(beta, other_beta, energy, other_energy):
    """d log a / d beta_j: E_j - E_i if the exchange is not certain, else 0."""
    return -by_beta(*FORMULA.checked(beta, other_beta, energy, other_energy))


def replica_exchange_energy_gradient(beta, other_beta, energy, other_energy):
    """d log a / d E_i: beta_i - beta_j if the exchange is not certain, else 0."""
    return by_energy(*FORMULA.checked(beta, other_beta, energy, other_energy))


def replica_exchange_other_energy_gradient(beta, other_beta, energy, other_energy):
    """d log a / d E_j: beta_j - beta_i if the exchange is not certain, else 0."""
    return -by_energy(*FORMULA.checked(beta, other_beta, energy, other_energy))


def by_beta(beta_i, beta_j, E_i, E_j):
    """[a < 1] (E_i - E_j)."""
    return 0.0 if (beta_i - beta_j) * (E_i - E_j) >= 0.0 else E_i - E_j


def by_energy(beta_i, beta_j, E_i, E_j):
    """[a < 1] (beta_i - beta_j); NaN where log a is no finite number."""
    log_r = (beta_i - beta_j) * (E_i - E_j)
    return 0.0 if log_r >= 0.0 else beta_i - beta_j + 0.0 * log_r


def rules(beta, other_beta, energy, other_energy):
    """Two temperatures."""
    require(not beta < 0.0, "beta", beta, "must be >= 0")
    require(not other_beta < 0.0, "other_beta", other_beta, "must be >= 0")


def exchange_step(betas, states, energies, i, exponential):
    """States and energies after replicas i and i + 1 were offered an exchange.

    >>> exchange_step([1.0, 0.5], ["a", "b"], [4.0, 0.0], 0, exponential=0.1)
    (['b', 'a'], [0.0, 4.0])
    """
    require_index("i", i, len(betas) - 1)
    states, energies = list(states), list(energies)
    if accepts(replica_exchange(betas[i], betas[i + 1], energies[i], energies[i + 1]), exponential):
        states[i : i + 2] = states[i + 1], states[i]
        energies[i : i + 2] = energies[i + 1], energies[i]
    return states, energies


def exchange_transitions(energy, betas, states, i):
    """[(probability, next states)] of that offer; states is a tuple with one state for each beta.

    >>> exchange_transitions(lambda x: 4.0 * x, (1.0, 0.5), (1, 0), 0)
    [(1.0, (0, 1)), (0.0, (1, 0))]
    """
    require_index("i", i, len(betas) - 1)
    log_a = replica_exchange(betas[i], betas[i + 1], energy(states[i]), energy(states[i + 1]))
    new = (*states[:i], states[i + 1], states[i], *states[i + 2 :])
    return [(float(np.exp(log_a)), new), (float(np.abs(np.expm1(log_a))), states)]


def within_replica(transitions, i):
    """states -> [(probability, next states)] of a move of replica i alone, from that replica's own."""
    return lambda states: [(p, (*states[:i], new, *states[i + 1 :])) for p, new in transitions(states[i])]


def ladder_proposals(k, size):
    """[(probability, l)]: a neighbour on the ladder 0..size-1; at an end the only one.

    >>> ladder_proposals(0, 3), ladder_proposals(1, 3)
    ([(1.0, 1)], [(0.5, 0), (0.5, 2)])
    """
    require_index("k", k, size)
    found = [l for l in (k - 1, k + 1) if 0 <= l < size]
    return [(1.0 / len(found), l) for l in found]


def log_ladder_ratio(betas, weights, energy, k, l):
    """log r of moving from beta_k to beta_l at energy E, the ends' correction included."""
    forth, back = len(ladder_proposals(k, len(betas))), len(ladder_proposals(l, len(betas)))
    correction = np.log(forth) - np.log(back)  # q = 1/neighbours
    return (betas[k] - betas[l]) * energy + (weights[l] - weights[k]) + correction


def log_ladder_acceptance(betas, weights, energy, k, l):
    """Logarithm of the probability of that move, once it is proposed: of (15/16) min(1, r).

    >>> float(np.exp(log_ladder_acceptance((0.0, 1.0), (0.0, 0.0), 5.0, k=1, l=0)))
    0.9375
    """
    return np.log(MOVES) + np.minimum(0.0, log_ladder_ratio(betas, weights, energy, k, l))


def simulated_tempering_transitions(betas, weights, energy):
    """(x, k) -> [(probability, next (x, k))] of a move on the ladder; `weights` are g_k.

    >>> move = simulated_tempering_transitions((0.0, 1.0), (0.0, 0.0), lambda x: 0.0)
    >>> move(("x", 0))
    [(0.9375, ('x', 1)), (0.0625, ('x', 0))]
    """

    def move(state):
        x, k = state
        moves = []
        for q, l in ladder_proposals(k, len(betas)):
            a = float(np.exp(log_ladder_acceptance(betas, weights, energy(x), k, l)))
            moves += [(q * a, (x, l)), (q * (1.0 - a), (x, k))]
        return moves

    return move


def simulated_tempering_step(betas, weights, energy, k, l, exponential):
    """The level after a move from k to a neighbour l, which the caller drew, was offered at energy E.

    >>> simulated_tempering_step((0.0, 1.0), (0.0, 0.0), 5.0, k=1, l=0, exponential=0.1)
    0
    """
    return l if accepts(log_ladder_acceptance(betas, weights, energy, k, l), exponential) else k


NAMES = ("beta", "other_beta", "energy", "other_energy")

FORMULA = Formula(
    value=replica_exchange,
    signature="(),(),(),()->()",
    source="geyer1991",
    gradients={
        "beta": replica_exchange_beta_gradient,
        "other_beta": replica_exchange_other_beta_gradient,
        "energy": replica_exchange_energy_gradient,
        "other_energy": replica_exchange_other_energy_gradient,
    },
    sample=lambda rng: dict(
        zip(NAMES, [*rng.uniform(0.1, 2.0, 2), *rng.normal(scale=2.0, size=2)], strict=True)
    ),
    laws=(homogeneous(1, energy=1, other_energy=1), homogeneous(1, beta=1, other_beta=1)),
    cases={  # (beta_i, beta_j, E_i, E_j), log a, the mistake that it exposes
        "the cold one lies higher: certain": Case((2.0, 1.0, 3.0, 1.0), 0.0, exposes="one difference turned"),
        "the cold one lies lower": Case((2.0, 1.0, 1.0, 3.5), -2.5, exposes="energies already tempered"),
        "the order of the two does not matter": Case((1.0, 2.0, 3.5, 1.0), -2.5),
        "equal temperatures: always": Case((1.0, 1.0, 7.0, -9.0), 0.0),
        "equal energies: always": Case((0.0, 3.0, 2.0, 2.0), 0.0),
        "not a number": Case((1.0, 0.5, np.nan, 0.0), np.nan),
    },
    variants={
        "one difference turned": Mistake(
            lambda beta_i, beta_j, E_i, E_j: np.minimum(0.0, (beta_i - beta_j) * (E_j - E_i)),
            seen_in="github.com/synesenom/ran/pull/977 (in the specification; caught before release)",
            symptom="the cold chain too wide: variance 1.38 for 1",
        ),
        "energies already tempered": Mistake(
            lambda beta_i, beta_j, E_i, E_j: np.minimum(
                0.0, (beta_i - beta_j) * (beta_i * E_i - beta_j * E_j)
            ),
            symptom="right at equal temperatures only",
        ),
        "the probability, not its logarithm": Convention(
            lambda *inputs: np.exp(replica_exchange(*inputs)),
            {
                "beta": of_probability(replica_exchange, replica_exchange_beta_gradient),
                "other_beta": of_probability(replica_exchange, replica_exchange_other_beta_gradient),
                "energy": of_probability(replica_exchange, replica_exchange_energy_gradient),
                "other_energy": of_probability(replica_exchange, replica_exchange_other_energy_gradient),
            },
            seen_in="Geyer (1991), the acceptance probability itself, to be compared with a uniform number",
        ),
        "each energy at its own temperature": Mistake(
            lambda beta_i, beta_j, E_i, E_j: np.minimum(0.0, beta_i * E_i - beta_j * E_j),
            symptom="what the two chains pay now, not what they would pay",
        ),
        "Barker's rule": Mistake(
            lambda beta_i, beta_j, E_i, E_j: -np.logaddexp(0.0, -(beta_i - beta_j) * (E_i - E_j)),
            symptom="r/(1 + r): exact as well, but of what is as good half is refused",
        ),
    },
    rules=rules,
    refuses={
        "a negative beta": ((-1.0, 0.5, 0.0, 4.0), "beta"),
        "another negative beta": ((1.0, -0.5, 0.0, 4.0), "other_beta"),
    },
)


def tempered_correction(beta, log_p, log_p_new, log_q_forth, log_q_back):
    """Wrong: the Hastings correction is multiplied by beta as well."""
    return np.minimum(0.0, beta * ((log_p_new - log_p) + (log_q_back - log_q_forth)))


VARIANTS = (
    Variant(
        tempered_correction,
        kind="mistake",
        seen_in="github.com/netket/netket/issues/2250",
        symptom="hot replicas sample another law and bias the cold one through the exchanges",
        name="the correction tempered, too",
    ),
)
