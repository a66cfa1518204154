r"""RBF output: each answer has a centre, and its energy is the squared distance to it.

    E(y, x) = |x - U_y|^2

    dE/dU_y = -2 (x - U_y)
    dE/dx   = 2 (x - U_y)

x is the output of a network, U_y the code of answer y.  Where the centres are fixed and distinct, no x
is near two of them.  For centres at a distance D, sqrt(E_y) + sqrt(E_o) >= D by the triangle inequality,
hence E_y + E_o >= D^2 / 2: where the energy of one answer is small, those of the others are not.  So
even the energy loss is safe.  But if the centres are learned too, nothing keeps them apart: all can
move to where x is, a collapse.

The energy is the *squared* distance.  Some notes print the bound for the squares as E_y + E_o >= D,
which is false.

Source: LeCun et al. (2006), Section 5 (the architecture that needs no contrastive term).
"""

import autograd.numpy as np

from ebm_ref.checks import require_index
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import homogeneous, non_negative


def rbf_output(centers, features, label: int):
    """Energy of one answer to one input.

    Parameters
    ----------
    centers : (k, n) float
        U, the centre of each answer.
    features : (n,) float
        x, where the network puts the input.
    label : int
        The answer y.

    Returns
    -------
    float
        |x - U_y|^2 >= 0.

    Raises ValueError if `label` is not in 0..k-1, or if `features` does not fit `centers`.

    >>> float(rbf_output(np.array([[0.0, 0.0], [3.0, 4.0]]), np.array([0.0, 0.0]), 1))
    25.0
    """
    U, x, y = FORMULA.checked(centers, features, label)
    return np.sum((x - U[y]) ** 2)


def rbf_output_centers_gradient(centers, features, label: int):
    """dE/dU, shape (k, n): -2 (x - U_y) in row y, zero elsewhere."""
    U, x, y = FORMULA.checked(centers, features, label)
    g = np.zeros(U.shape)
    g[y] = -2.0 * (x - U[y])
    return g


def rbf_output_features_gradient(centers, features, label: int):
    """dE/dx, shape (n,): 2 (x - U_y)."""
    U, x, y = FORMULA.checked(centers, features, label)
    return 2.0 * (x - U[y])


def rules(centers, features, label):
    """An answer that has a centre."""
    require_index("label", label, len(centers))


U = np.array([[0.0, 0.0], [3.0, 4.0]])

FORMULA = Formula(
    value=rbf_output,
    signature="(k,n),(n),()->()",
    source="lecun2006, Section 5",
    gradients={"centers": rbf_output_centers_gradient, "features": rbf_output_features_gradient},
    sample=lambda rng: {
        "centers": rng.normal(scale=2.0, size=(3, 2)),
        "features": rng.normal(scale=2.0, size=2),
        "label": int(rng.integers(3)),
    },
    laws=(non_negative, homogeneous(2, centers=1, features=1)),
    cases={  # (centers, features, label), E, (dE/dU, dE/dx), the mistake that it exposes
        "3, 4, 5": Case((U, [0.0, 0.0], 1), 25.0, ([[0.0, 0.0], [6.0, 8.0]], [-6.0, -8.0]), "not squared"),
        "at the centre: no force, and no trouble": Case(
            (U, [3.0, 4.0], 1), 0.0, (np.zeros((2, 2)), np.zeros(2)), "eps added to the difference"
        ),
        "the other answer": Case((U, [1.0, 1.0], 0), 2.0, exposes="one half in front"),
        "not a number": Case((U, [np.nan, 1.0], 0), np.nan),
    },
    variants={
        "not squared": Mistake(
            lambda U, x, y: np.sqrt(np.sum((x - U[y]) ** 2)),
            symptom="no gradient at the centre; sq-sq and NLL see another geometry",
        ),
        "one half in front": Convention(
            lambda U, x, y: 0.5 * np.sum((x - U[y]) ** 2),
            {
                "centers": lambda U, x, y: 0.5 * rbf_output_centers_gradient(U, x, y),
                "features": lambda U, x, y: x - U[y],
            },
            seen_in="regression energies 1/2 |x - y|^2; optax.l2_loss",
        ),
        "eps added to the difference": Convention(
            lambda U, x, y: np.sum((x - U[y] + 1e-6) ** 2),
            {
                "centers": lambda U, x, y: rbf_output_centers_gradient(U, x + 1e-6, y),
                "features": lambda U, x, y: 2.0 * (x - U[y] + 1e-6),
            },
            seen_in="PyTorch, documentation of torch.nn.PairwiseDistance",
            symptom="E = 2e-12 at the centre; not symmetric",
        ),
        "every centre moved": Mistake(
            rbf_output,
            {"centers": lambda U, x, y: 2.0 * (U - x)},
            symptom="the slope of the sum over all answers: all centres collapse to the inputs",
        ),
        "square of the input left out": Mistake(
            lambda U, x, y: np.sum(U[y] ** 2) - 2.0 * np.dot(U[y], x),
            symptom="the same answer; energies below 0, and a likelihood of x is lost",
        ),
        "inner product with the centre": Mistake(
            lambda w, x, y: -np.dot(w[y], x), symptom="nearest only among centres of one length"
        ),
        "normalised over the centres": Mistake(
            lambda w, x, y: (lambda d: d[y] - np.min(d) + np.log(np.sum(np.exp(np.min(d) - d))))(
                np.sum((x - w) ** 2, axis=1)
            ),
            symptom="a surprise: what is far from all centres is not seen",
        ),
    },
    rules=rules,
    refuses={  # (centers, features, label), the argument to blame
        "an answer beyond the centres": ((U, [1.0, 1.0], 2), "label"),
        "an answer counted from the end": ((U, [1.0, 1.0], -1), "label"),
        "an answer between two": ((U, [1.0, 1.0], 0.5), "label"),
        "a point of another length": ((U, [1.0], 0), "features"),
    },
)
