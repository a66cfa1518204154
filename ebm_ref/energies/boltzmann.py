r"""Boltzmann machine: every two units are coupled, every unit has a field.  Ising, in spins.

    E(s) = -1/2 s'J s - h's,      s_i in {-1, +1}
         = -sum_{i<j} J_{ij} s_i s_j - sum_i h_i s_i
    E(x) = -1/2 x'W x - b'x,      x_i in {0, 1}

    dE/dJ = -1/2 s s'
    dE/dh = -s
    dE/dW = -1/2 x x'
    dE/db = -x

J is symmetric with a zero diagonal, so that 1/2 s'J s counts each pair once.  That factor 2 is where
most programs differ.  Who fills in only a triangle of J gets half of every coupling.  Who loops over all
spins and over all neighbours of each gets every coupling twice; and who divides that sum by 4 instead of
by 2 gets half of it again.

The derivative is by each entry of J for itself.  Who moves J_{ij} and J_{ji} together, as learning does,
changes E by -s_i s_j: the two halves add up.  For the same reason the records take any square matrix:
only its symmetric part matters.  A diagonal adds the constant -1/2 tr J to the energy of spins, but acts
on bits as a field.  `check_couplings`, which all exact sums call, refuses a matrix that is not symmetric
or has a diagonal.

Both forms have the same models: s = 2 x - 1 turns one into the other, see qubo.py.  The values differ.

A whole problem: scripts/recipe_ising_maximum_likelihood.py.

Source: Ackley, Hinton and Sejnowski (1985), "A Learning Algorithm for Boltzmann Machines", equation (1),
bits, with thresholds -b; Ising (1925), spins.
"""

import autograd.numpy as np

from ebm_ref.checks import as_real, require
from ebm_ref.energies.hopfield import MISREAD
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import UNIT, condition, misfit
from ebm_ref.numerics import negated


def ising(couplings, fields, spins):
    """Energy of one configuration of spins.

    Parameters
    ----------
    couplings : (n, n) float
        J; J_ij > 0 favours s_i = s_j.  Both halves: J_ij and J_ji together couple i and j once.
    fields : (n,) float
        h; h_i > 0 favours s_i = 1.
    spins : (n,) int
        Each -1 or 1.

    Returns
    -------
    float
        -1/2 s'J s - h's.

    Raises ValueError if a spin is neither -1 nor 1, or if a shape does not fit.

    >>> J = np.array([[0.0, 1.0], [1.0, 0.0]])
    >>> float(ising(J, np.array([0.5, -0.25]), np.array([1, 1])))
    -1.25
    """
    J, h, s = ISING.checked(couplings, fields, spins)
    return pair_energy(J, h, s)


def ising_couplings_gradient(couplings, fields, spins):
    """dE/dJ, shape (n, n): -1/2 s s', each entry for itself."""
    _, _, s = ISING.checked(couplings, fields, spins)
    return -0.5 * np.outer(s, s)


def ising_fields_gradient(couplings, fields, spins):
    """dE/dh, shape (n,): -s."""
    _, _, s = ISING.checked(couplings, fields, spins)
    return -s


def rules_of_spins(couplings, fields, spins):
    """Units that are up or down."""
    require(np.all(np.abs(spins) == 1.0), "spins", spins, "must be -1 or 1 each")


def boltzmann(weights, biases, bits):
    """Energy of one configuration of units that are off or on.

    Parameters
    ----------
    weights : (n, n) float
        W; both halves, as for `ising`.
    biases : (n,) float
        b.
    bits : (n,) int
        Each 0 or 1.

    Returns
    -------
    float
        -1/2 x'W x - b'x; 0 where all units are off.

    Raises ValueError if a bit is neither 0 nor 1, or if a shape does not fit.

    >>> W = np.array([[0.0, 1.0], [1.0, 0.0]])
    >>> float(boltzmann(W, np.array([0.5, -0.25]), np.array([1, 1])))
    -1.25
    """
    W, b, x = BOLTZMANN.checked(weights, biases, bits)
    return pair_energy(W, b, x)


def boltzmann_weights_gradient(weights, biases, bits):
    """dE/dW, shape (n, n): -1/2 x x', each entry for itself."""
    _, _, x = BOLTZMANN.checked(weights, biases, bits)
    return -0.5 * np.outer(x, x)


def boltzmann_biases_gradient(weights, biases, bits):
    """dE/db, shape (n,): -x."""
    _, _, x = BOLTZMANN.checked(weights, biases, bits)
    return negated(x)


def rules_of_bits(weights, biases, bits):
    """Units that are off or on."""
    require(np.all((bits == 0.0) | (bits == 1.0)), "bits", bits, "must be 0 or 1 each")


def pair_energy(J, h, u):
    """-1/2 u'J u - h'u, of spins or bits u."""
    return -0.5 * np.dot(u, np.dot(J, u)) - np.dot(h, u)


def check_couplings(couplings, fields, names=("couplings", "fields")):
    """J (n, n) and h (n,) as float64, found to be finite, J symmetric without a diagonal.

    >>> check_couplings([[0.0, 1.0], [0.5, 0.0]], [0.0, 0.0])
    Traceback (most recent call last):
        ...
    ValueError: couplings[0, 1] = 1.0: must equal couplings[1, 0] = 0.5
    """
    of_J, of_h = names
    J, h = np.array(as_real(of_J, couplings)), np.array(as_real(of_h, fields))
    require(h.ndim == 1, of_h, h, f"must have the shape (n,), not {h.shape}")
    n = len(h)
    J = J.reshape(0, 0) if n == 0 and J.size == 0 else J
    require(J.shape == (n, n), of_J, J, f"must have the shape ({n}, {n}), not {J.shape}")
    refuse_entries(of_J, J, ~np.isfinite(J), lambda i: "must be a finite number")
    refuse_entries(of_h, h, ~np.isfinite(h), lambda i: "must be a finite number")
    refuse_entries(of_J, J, np.diag(np.diag(J) != 0.0), lambda i: "must be 0 on the diagonal")
    refuse_entries(of_J, J, J != J.T, lambda i: f"must equal {of_J}[{i[1]}, {i[0]}] = {J.T[i]}")
    return J, h


def refuse_entries(name, values, wrong, rule):
    """Raise a ValueError that names the first entry that is wrong, if there is one."""
    if np.any(wrong):
        index = tuple(int(i) for i in np.argwhere(wrong)[0])
        require(False, f"{name}[{', '.join(map(str, index))}]", float(values[index]), rule(index))


def random_couplings(rng, n):
    """(n, n) symmetric with zero diagonal."""
    J = np.triu(rng.normal(scale=1.5, size=(n, n)), 1)
    return J + J.T


def units_renamed(formula, inputs, rng):
    """Renaming the units changes nothing."""
    J, h, s = inputs.values()
    order = rng.permutation(len(h))
    names = list(inputs)
    renamed = dict(zip(names, (J[np.ix_(order, order)], h[order], s[order]), strict=True))
    return misfit(formula, inputs, renamed)


def all_turned(formula, inputs, rng):
    """E(J, -h, -s) = E(J, h, s), exactly: without fields, turning all spins changes nothing."""
    turned = inputs | {"fields": -inputs["fields"], "spins": -inputs["spins"]}
    return 0.0 if formula.value(**turned) == formula.value(**inputs) else np.inf


def one_turned(formula, inputs, rng):
    """Turning spin i costs 2 s_i (h_i + sum_j J_ij s_j), the field that it feels (J symmetric, J_ii = 0)."""
    J, h, s = inputs.values()
    J = (J + J.T) * (1.0 - np.eye(len(h)))
    i = int(rng.integers(len(h)))
    before = inputs | {"couplings": J}
    after = before | {"spins": np.where(np.arange(len(h)) == i, -s, s)}
    cost = 2.0 * s[i] * (h[i] + np.dot(J[i], s))
    error = abs(formula.value(**after) - formula.value(**before) - cost)
    return error / (16 * UNIT * (condition(formula, before) + condition(formula, after) + abs(cost)))


def half_of_the_matrix(formula, inputs, rng):
    """Only the symmetric part of the matrix matters: what is added to J_ij may be taken from J_ji."""
    first = next(iter(inputs))
    A = rng.normal(scale=4.0, size=inputs[first].shape)
    return misfit(formula, inputs, inputs | {first: inputs[first] + (A - A.T)})


def on_is_one(formula, inputs, rng):
    """A unit that is off does not count: its weights and bias may be anything."""
    W, b, x = inputs.values()
    off = 100.0 * (x == 0)
    moved = {"weights": W + off[:, None] + off, "biases": b + off, "bits": x}
    return misfit(formula, inputs, moved)


J2, H2 = np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([0.5, -0.25])
TRIANGLE = np.array([[0.0, 1.0, -2.0], [1.0, 0.0, 4.0], [-2.0, 4.0, 0.0]])
H3 = np.array([0.25, -0.5, 8.0])


TWICE = Mistake(
    lambda J, h, u: pair_energy(2.0 * J, h, u),
    symptom="a sum over all units and all their neighbours: couplings act as if twice as strong",
)
ONE_TRIANGLE = Mistake(
    lambda J, h, u: pair_energy(np.triu(J), h, u),
    symptom="the matrix form given J_ij for i < j alone: couplings act as if half as strong",
)

ISING = Formula(
    value=ising,
    signature="(n,n),(n),(n)->()",
    source="ising1925; standard",
    gradients={"couplings": ising_couplings_gradient, "fields": ising_fields_gradient},
    sample=lambda rng: {
        "couplings": random_couplings(rng, 3),
        "fields": rng.normal(scale=2.0, size=3),
        "spins": rng.choice([-1, 1], size=3),
    },
    laws=(units_renamed, all_turned, one_turned, half_of_the_matrix),
    cases={  # (couplings, fields, spins), E, (dE/dJ, dE/dh), the mistake that it exposes
        "two that agree": Case(
            (J2, H2, [1, 1]), -1.25, (np.full((2, 2), -0.5), [-1.0, -1.0]), "each pair counted twice"
        ),
        "two that disagree": Case(
            (J2, H2, [-1, 1]), 1.75, ([[-0.5, 0.5], [0.5, -0.5]], [1.0, -1.0]), "signs turned"
        ),
        "three, one pair of them frustrated: -(1 + 2 - 4)": Case(
            (TRIANGLE, H3, [1, 1, -1]), 1.0 + 8.25, exposes="triangle in place of both halves"
        ),
        "pairs over four": Case((TRIANGLE, np.zeros(3), [-1, 1, 1]), -5.0, exposes="each pair counted half"),
        "a spin that is down is not absent": Case(
            (J2, np.zeros(2), [-1, -1]), -1.0, exposes="bits taken for spins"
        ),
        "one spin in a field": Case((np.zeros((1, 1)), [0.75], [-1]), 0.75, ([[-0.5]], [1.0])),
        "not a number": Case((J2, [np.nan, 0.0], [1, 1]), np.nan),
    },
    variants={
        "each pair counted twice": TWICE,
        "triangle in place of both halves": ONE_TRIANGLE,
        "signs turned": Convention(
            lambda J, h, s: -pair_energy(J, h, s),
            (lambda J, h, s: 0.5 * np.outer(s, s), lambda J, h, s: 1.0 * np.array(s)),
            seen_in="dimod, documentation of ising_energy: E = sum h_v s_v + sum J_uv s_u s_v",
            symptom="the lowest configuration comes out highest",
        ),
        "each pair counted half": Mistake(
            lambda J, h, s: pair_energy(0.5 * J, h, s),
            seen_in="github.com/rajeshrinet/compPhy/issues/3; github.com/DPotoyan/Statmech4ChemBio/issues/1",
            symptom="a sum over four neighbours of every spin, divided by 4 in place of 2",
        ),
        "bits taken for spins": Mistake(
            lambda J, h, s: pair_energy(J, h, (1 + np.array(s)) // 2),
            symptom="a field of half the couplings appears, and couplings act as if a quarter as strong",
        ),
        "diagonal left out": Mistake(
            lambda J, h, s: pair_energy(J - np.diag(np.diag(J)), h, s),
            symptom="a loop over j != i: a constant apart, where the diagonal is not 0",
        ),
        **MISREAD,
    },
    rules=rules_of_spins,
    refuses={
        "a bit": ((J2, H2, [0, 1]), "spins"),
        "a spin that is no number": ((J2, H2, [1.0, np.nan]), "spins"),
        "a field for another number of spins": ((J2, H3, [1, 1]), "fields"),
    },
)

BOLTZMANN = Formula(
    value=boltzmann,
    signature="(n,n),(n),(n)->()",
    source="ackley1985, equation (1)",
    gradients={"weights": boltzmann_weights_gradient, "biases": boltzmann_biases_gradient},
    sample=lambda rng: {
        "weights": random_couplings(rng, 3),
        "biases": rng.normal(scale=2.0, size=3),
        "bits": rng.integers(2, size=3),
    },
    laws=(units_renamed, half_of_the_matrix, on_is_one),
    cases={  # (weights, biases, bits), E, (dE/dW, dE/db), the mistake that it exposes
        "both on": Case(
            (J2, H2, [1, 1]), -1.25, (np.full((2, 2), -0.5), [-1.0, -1.0]), "each pair counted twice"
        ),
        "all off: nothing at all": Case(
            (TRIANGLE, H3, [0, 0, 0]), 0.0, (np.zeros((3, 3)), np.zeros(3)), "spins taken for bits"
        ),
        "one on: its bias alone": Case((TRIANGLE, H3, [0, 0, 1]), -8.0),
        "two of three on": Case(
            (TRIANGLE, H3, [0, 1, 1]), -4.0 - 7.5, exposes="triangle in place of both halves"
        ),
        "not a number": Case((J2, [np.nan, 0.0], [0, 1]), np.nan),
    },
    variants={
        "each pair counted twice": TWICE,
        "triangle in place of both halves": ONE_TRIANGLE,
        "spins taken for bits": Mistake(
            lambda W, b, x: pair_energy(W, b, 2 * np.array(x) - 1), symptom="units that are off take part"
        ),
        "diagonal left out": Mistake(
            lambda W, b, x: pair_energy(W - np.diag(np.diag(W)), b, x),
            symptom="a loop over j != i: on bits the diagonal is half a bias",
        ),
        **MISREAD,
    },
    rules=rules_of_bits,
    refuses={
        "a spin": ((J2, H2, [-1, 1]), "bits"),
        "a bit that is no number": ((J2, H2, [1.0, np.nan]), "bits"),
        "a bias for another number of units": ((J2, H3, [1, 1]), "biases"),
    },
)
