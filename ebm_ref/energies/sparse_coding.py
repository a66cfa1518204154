r"""Sparse coding: explain y by few columns of a dictionary.

    E(y, z) = |y - W z|^2 + lambda |z|_1
    F(y)    = min_z E(y, z)

    dE/dW = 2 (W z - y) z'
    dE/dy = 2 (y - W z)
    dE/dz = 2 W'(W z - y) + lambda sign(z)

With more columns than dimensions some z explains any y exactly: without the second term F would be 0
everywhere, a collapse.  The price lambda |z_j| for using a column keeps the volume of low energy
small.  Longer columns would need smaller z_j and so evade the price: after each learning step every
column is brought back to length 1.

E has a corner wherever some z_j = 0, and its minima lie in corners: that is why codes are sparse.  The
gradient takes sign(0) = 0 there.  A corner z_j = 0 is right at a minimum if |2 W_j.(y - W z)| <= lambda,
where W_j is column j.  inference/ista.py finds the minimum.

Scikit-learn, and most papers on ISTA, put a half before the square.  There the same lambda counts
double.

Source: Olshausen and Field (1996), "Emergence of simple-cell receptive field properties by learning a
sparse code for natural images"; as printed in NYU DLSP20 week 8-2.
"""

import autograd.numpy as np

from ebm_ref.checks import real, require
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import convex_in, homogeneous, non_negative
from ebm_ref.numerics import dot, total


def sparse_coding(dictionary, observation, code, sparsity=1.0):
    """Energy of one observation with one code.

    Parameters
    ----------
    dictionary : (n, m) float
        W, one element a column.
    observation : (n,) float
        y.
    code : (m,) float
        z, how much of each element.
    sparsity : float
        lambda >= 0, the price of a unit of code.

    Returns
    -------
    float
        |y - W z|^2 + lambda sum_j |z_j| >= 0.

    Raises ValueError if lambda is negative, or if y or z does not fit to W.

    >>> W = np.array([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5]])
    >>> float(sparse_coding(W, np.array([1.0, 1.0]), np.array([0.0, 0.0, 2.0]), sparsity=0.25))
    0.5
    """
    W, y, z, lam = FORMULA.checked(dictionary, observation, code, sparsity)
    return total((dot(W, z) - y) ** 2) + lam * total(np.abs(z))


def sparse_coding_dictionary_gradient(dictionary, observation, code, sparsity=1.0):
    """dE/dW, shape (n, m): 2 (W z - y) z'."""
    W, y, z, _ = FORMULA.checked(dictionary, observation, code, sparsity)
    return np.outer(dot(W, z) - y, 2.0 * z)


def sparse_coding_observation_gradient(dictionary, observation, code, sparsity=1.0):
    """dE/dy, shape (n,): 2 (y - W z)."""
    W, y, z, _ = FORMULA.checked(dictionary, observation, code, sparsity)
    return -2.0 * (dot(W, z) - y)


def sparse_coding_code_gradient(dictionary, observation, code, sparsity=1.0):
    """dE/dz, shape (m,): 2 W' (W z - y) + lambda sign(z), with sign(0) = 0."""
    W, y, z, lam = FORMULA.checked(dictionary, observation, code, sparsity)
    return 2.0 * dot(W.T, dot(W, z) - y) + lam * np.sign(z)


def rules(dictionary, observation, code, sparsity):
    """A price is not negative."""
    require(not sparsity < 0.0, "sparsity", sparsity, "must be >= 0")


def dictionary_step(dictionary, observation, code, step_size):
    """Learning with the code held: W <- W - step_size dE/dW, then every column is scaled to length 1.

    >>> W = dictionary_step(np.eye(2), np.array([3.0, 4.0]), np.array([1.0, 0.0]), step_size=0.5)
    >>> W.round(12).tolist()  # the element that is used turns towards what it should explain
    [[0.6, 0.0], [0.8, 1.0]]
    """
    W, step_size = real("dictionary", dictionary, "n", "m"), real("step_size", step_size)
    W = W - step_size * sparse_coding_dictionary_gradient(W, observation, code)
    return W / np.sqrt(np.sum(W**2, axis=0))


W = np.array([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5]])

FORMULA = Formula(
    value=sparse_coding,
    signature="(n,m),(n),(m),()->()",
    source="olshausen1996; NYU DLSP20 week 8-2",
    gradients={
        "dictionary": sparse_coding_dictionary_gradient,
        "observation": sparse_coding_observation_gradient,
        "code": sparse_coding_code_gradient,
    },
    sample=lambda rng: {
        "dictionary": rng.normal(size=(2, 2)),
        "observation": rng.normal(scale=2.0, size=2),
        "code": rng.normal(scale=2.0, size=2),
        "sparsity": rng.uniform(0.1, 2.0),
    },
    laws=(
        non_negative,
        convex_in("code"),
        homogeneous(2, observation=1, code=1, sparsity=1),
        homogeneous(0, dictionary=1, code=-1, sparsity=1),
    ),
    cases={
        # (dictionary, observation, code, sparsity), E, (dE/dW, dE/dy, dE/dz), the mistake that it exposes
        "one element for two numbers": Case(
            (W, [1.0, 1.0], [0.0, 0.0, 2.0], 0.25),
            0.5,
            (np.zeros((2, 3)), np.zeros(2), [0.0, 0.0, 0.25]),
            "nonzero entries counted",
        ),
        "nothing used: the corner, where sign(0) = 0": Case(
            (W, [3.0, 1.0], np.zeros(3), 0.5),
            10.0,
            (np.zeros((2, 3)), [6.0, 2.0], [-6.0, -2.0, -4.0]),
            "gradient of half the square",
        ),
        "a negative code costs as much": Case(
            (W, [0.0, 0.0], [-2.0, 1.0, 0.0], 1.0),
            8.0,
            {"dictionary": [[8.0, -4.0, 0.0], [-4.0, 2.0, 0.0]], "observation": [4.0, -2.0]},
            "one half before the square",
        ),
        "no price: two codes, both exact, and no energy": Case(
            (W, [1.0, 1.0], [1.0, 1.0, 0.0], 0.0), 0.0, (np.zeros((2, 3)), np.zeros(2), np.zeros(3))
        ),
        "not a number": Case((W, [np.nan, 1.0], [1.0, 1.0, 0.0], 1.0), np.nan),
    },
    variants={
        "one half before the square": Convention(
            lambda W, y, z, lam=1.0: 0.5 * sparse_coding(W, y, z, 2.0 * lam),
            {
                "dictionary": lambda W, y, z, lam=1.0: 0.5 * sparse_coding_dictionary_gradient(W, y, z, lam),
                "observation": lambda W, y, z, lam=1.0: y - np.dot(W, z),
                "code": lambda W, y, z, lam=1.0: 0.5 * sparse_coding_code_gradient(W, y, z, 2.0 * lam),
            },
            seen_in="scikit-learn, documentation of sklearn.decomposition.dict_learning",
            symptom="the same lambda gives sparser codes: it counts double",
        ),
        "gradient of half the square": Mistake(
            gradients={"code": lambda W, y, z, lam=1.0: np.dot(np.dot(W, z) - y, W) + lam * np.sign(z)},
            seen_in="NYU DLSP20 week 8-2: the energy has no half, the step printed is that of one that has",
            symptom="codes are those of twice the lambda",
        ),
        "nonzero entries counted": Mistake(
            lambda W, y, z, lam=1.0: np.sum((y - np.dot(W, z)) ** 2) + lam * np.count_nonzero(z),
            symptom="no slope in z where there should be lambda; minimising it is a combinatorial problem",
        ),
        "square divided by 2 n": Convention(
            lambda W, y, z, lam=1.0: sparse_coding(W, y, z, 2.0 * len(y) * lam) / (2.0 * len(y)),
            {
                "dictionary": lambda W, y, z, lam=1.0: np.outer(np.dot(W, z) - y, z) / len(y),
                "observation": lambda W, y, z, lam=1.0: (y - np.dot(W, z)) / len(y),
            },
            seen_in="scikit-learn, documentation of sklearn.linear_model.Lasso",
            symptom="the same lambda counts 2 n times",
        ),
        "logarithm of 1 and the square": Mistake(
            lambda W, y, z, lam=1.0: np.sum((y - np.dot(W, z)) ** 2) + lam * np.sum(np.log1p(z**2))
        ),
    },
    rules=rules,
    refuses={
        "a negative price": ((W, [1.0, 1.0], np.zeros(3), -1.0), "sparsity"),
        "an observation shorter than a column": ((W, [1.0], np.zeros(3), 1.0), "observation"),
        "a code without an entry for each column": ((W, [1.0, 1.0], np.zeros(2), 1.0), "code"),
    },
)
