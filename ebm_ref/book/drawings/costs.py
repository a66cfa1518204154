r"""Exactness against cost: what an answer of so many digits takes.

    lattice    log Z of an n x n Ising torus, K = 0.4, against its counts at 40 digits
    line       log Z of the double well, against quadrature at a fine step

Cost is counted in terms, which do not depend on the machine: weights that are summed, entries of tables that
are made, updates of one spin.  The error of log Z is the relative error of Z.

Source: the pages of the chapter; Neal (2001) for the walk that stands beside them.
"""

import math
from decimal import Decimal, localcontext
from functools import cache

import numpy as np

from ebm_ref.energies.double_well import FORMULA as WELL
from ebm_ref.exact import blocks, elimination, ising_torus, quadrature, transfer_matrix
from ebm_ref.exact.double_exponential import REACH
from ebm_ref.exact.ising_counts import counts
from ebm_ref.samplers.annealed_importance import forward, log_ratio
from ebm_ref.samplers.cluster import square_lattice
from ebm_ref.samplers.gibbs import systematic_sweep
from ebm_ref.samplers.heat_bath import spin_energy

K, SIDES, WALKED = 0.4, (3, 4), 4
STAGES, WALKS = 24, (1, 4, 16, 64)
BATCHES = 4  # of the most walks: an error of one batch would say little
FLOOR = 2.0**-54  # an error of 0 is drawn here
CENTRE = {"position": 1.0, "height": 1.0}


@cache
def truth(n):
    """log Z of the torus from the counts of its states, integers, at 40 digits."""
    with localcontext(prec=40):
        top = 2 * n * n
        return sum(g * (Decimal(K) * (top - 2 * i)).exp() for i, g in enumerate(counts(n, n)) if g).ln()


def couplings(n):
    """(n^2, n^2) K where two sites share a bond."""
    J = np.zeros((n * n, n * n))
    for i, j in square_lattice(n, n)[0]:
        J[i, j] = J[j, i] = K
    return J


def factors(n):
    """A factor for each bond."""
    table = -K * np.array([[1.0, -1.0], [-1.0, 1.0]])
    return [((int(i), int(j)), table) for i, j in square_lattice(n, n)[0]]


def exact_routes(n):
    """{route: (terms, log Z)} of the torus of side n."""
    sizes = dict.fromkeys(range(n * n), 2)
    return {
        "enumeration": (2 ** (n * n), blocks.log_partition(couplings(n), np.zeros(n * n))),
        "transfer matrix": (
            n * n * 2 ** (2 * n + 1),
            transfer_matrix.log_partition(*transfer_matrix.ising(K * np.ones((n, n)), K, 0.0)),
        ),
        "elimination": (
            elimination.plan(factors(n), sizes).kept_bytes // 8,
            elimination.log_partition(factors(n), sizes),
        ),
        "closed form": (8 * n, ising_torus.log_partition(n, n, K)),
    }


def wrong_by(value, n):
    """|log Z - truth|, of which the subtraction rounds nothing."""
    with localcontext(prec=40):
        return max(float(abs(Decimal(float(value)) - truth(n))), FLOOR)


@cache
def annealed(n):
    """log w of walks from no couplings to K, by sweeps of the heat bath."""
    rng, J, h = np.random.default_rng(0), couplings(n), np.zeros(n * n)
    energy = lambda s: float(spin_energy(J, h, s))
    sweep = lambda b, s, u: systematic_sweep(J, h, b, s, u)
    schedule = np.linspace(0.0, 1.0, STAGES + 1)
    walk = lambda: forward(
        lambda s: 0.0, energy, schedule, rng.choice([-1, 1], n * n), sweep, rng.random((STAGES, n * n))
    )[1]
    return np.array([walk() for _ in range(BATCHES * max(WALKS))])


def annealed_errors(n):
    """Root mean square error for each number of walks, over all batches of so many; terms of one batch."""
    logs = annealed(n) + n * n * math.log(2.0)
    each = [[wrong_by(log_ratio(part), n) for part in logs.reshape(-1, m)] for m in WALKS]
    return [m * STAGES * n * n for m in WALKS], [float(np.sqrt(np.mean(np.square(e)))) for e in each]


def lattice(axes):
    """Exact routes at two sizes, and the walk at the larger."""
    worst = 0.0
    found = {n: exact_routes(n) for n in SIDES}
    for number, route in enumerate(found[SIDES[0]]):
        terms = [found[n][route][0] for n in SIDES]
        errors = [wrong_by(found[n][route][1], n) for n in SIDES]
        worst = max(worst, *errors)
        axes.loglog(terms, errors, marker="os^D"[number], color=f"C{number}", linestyle="-", label=route)
    walks = annealed_errors(WALKED)
    assert -0.8 < digits_bought(*walks) < -0.3, walks
    axes.loglog(*walks, marker="x", color="black", linestyle="--", label="annealed importance")
    assert worst < 1e-13, worst
    axes.set(xlabel="terms, or updates of one spin", ylabel="relative error of $Z$")
    axes.set_title(
        f"Ising torus, {SIDES[0]} x {SIDES[0]} and {SIDES[1]} x {SIDES[1]}: exact ways err by {worst:.0e}"
    )
    axes.legend(loc="center left", fontsize=8)


def line(axes):
    """Double exponential sums at several steps, and a mean over random draws."""
    energy = lambda x: float(WELL.value(x, **CENTRE))
    best, _ = quadrature.log_partition(energy)
    steps = 2.0 ** -np.arange(1.0, 7.0)
    with np.errstate(divide="ignore", under="ignore", over="ignore"):
        sums = [float(quadrature.log_partition_as_printed(energy, step=h)) for h in steps]
    terms = [2 * int(REACH / h) + 1 for h in steps]
    errors = [max(abs(value - best), FLOOR) for value in sums]
    draws, by_chance = 4 ** np.arange(2, 7), drawn_by_chance(energy)
    chance = [float(np.sqrt(np.mean((by_chance(n) - best) ** 2))) for n in draws]
    assert min(errors) < 1e-13 < 1e-3 < min(chance) and -0.7 < digits_bought(draws, chance) < -0.3
    axes.loglog(terms, errors, marker="o", color="C0", linestyle="-", label="double exponential")
    axes.loglog(draws, chance, marker="x", color="black", linestyle="--", label="random draws")
    axes.set(xlabel="evaluations of the energy", ylabel="relative error of $Z$")
    axes.set_title(f"Double well: {terms[int(np.argmin(errors))]} points find all digits")
    axes.legend(loc="center right")


def drawn_by_chance(energy, repeats=8):
    """n -> estimates of log Z, each the mean of a weight over n draws of N(0, 1)."""
    rng = np.random.default_rng(0)

    def estimates(n):
        """Of log Z, one a repeat."""
        x = rng.normal(size=(repeats, n))
        E = WELL(x, **CENTRE)
        return np.log(np.mean(np.exp(0.5 * x * x - E), axis=1) * math.sqrt(2.0 * math.pi))

    return estimates


def digits_bought(terms, errors):
    """How the error falls with the work: the slope of their logarithms, -1/2 for chance."""
    return float(np.polyfit(np.log(terms), np.log(errors), 1)[0])


def exact(plt):
    """Both."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10.0, 4.2))
    lattice(left)
    line(right)
    figure.suptitle("Structure buys digits; walks and draws buy one for a hundred times the work")
    return figure


DRAWINGS = {
    "exact": (
        exact,
        "Error of Z against cost.  Left: each exact way on two lattices, held to exact integer counts, and "
        f"annealed importance sampling by 1 to {max(WALKS)} walks.  Right: a sum along the line, and a mean "
        "over draws.",
    )
}
