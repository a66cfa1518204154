r"""Face detector: is there a face anywhere, when nobody says where?

    E(Y, Z, X) = Y G(X_Z) + (1 - Y) T,    G(X_j) = w.X_j
    F(Y, X)    = min_Z E(Y, Z, X),        Y* = 1 where min_j G(X_j) < T

    dE/dw   = Y X_Z
    dE/dX_Z = Y w
    dE/dT   = 1 - Y

The derivatives of F are those of E at the best position, Z* = argmin_j G(X_j).

X_1 .. X_k are the windows of an image, G is the energy of "this window is a face", T the energy of "no
face".  The position Z is a latent variable: one needs it in order to answer, but it is not the answer.
It is minimised away, first Z and then Y.  So a training image need only say *that* it shows a face.  The
model decides which window is pulled towards low energy, and only this window, the winner, teaches it.

A mean over the windows would ask for faces everywhere at once.  The larger the image, the worse fails a
detector that is trained on it.

Source: LeCun et al. (2006), Section 4.1 (face detection with a latent position).
"""

import autograd.numpy as np

from ebm_ref.checks import real, require, require_index, require_one_of
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.laws import homogeneous
from ebm_ref.numerics import dot, logsumexp, weighted


def latent_detector(weights, windows, threshold, position: int, face):
    """Energy of one answer with one position.

    Parameters
    ----------
    weights : (n,) float
        w, the template: G(X_j) = w.X_j, low where a window looks like a face.
    windows : (k, n) float
        X_1 .. X_k, the windows of one image.
    threshold : float
        T, the energy of the answer "no face".
    position : int
        Z, the window in 0..k-1 where the face is said to be.
    face : int
        Y: 1 for a face, 0 for none.

    Returns
    -------
    float
        G(X_Z) for a face, T for none, whatever Z.

    Raises ValueError if `position` is not in 0..k-1, `face` not 0 or 1, or w no template for the windows.

    >>> windows = np.array([[0.0, 1.0], [3.0, 0.0]])
    >>> float(latent_detector(np.array([-1.0, 2.0]), windows, -2.0, position=1, face=1))
    -3.0
    """
    w, X, T, Z, Y = FORMULA.checked(weights, windows, threshold, position, face)
    return energy(w, X, T, Z, Y)


def latent_detector_weights_gradient(weights, windows, threshold, position: int, face):
    """dE/dw, shape (n,): X_Z for a face, 0 for none."""
    _, X, _, Z, Y = FORMULA.checked(weights, windows, threshold, position, face)
    return weighted(Y, X[Z])


def latent_detector_windows_gradient(weights, windows, threshold, position: int, face):
    """dE/dX, shape (k, n): w in row Z for a face, 0 elsewhere."""
    w, X, _, Z, Y = FORMULA.checked(weights, windows, threshold, position, face)
    return in_row(Z, X, weighted(Y, w))


def latent_detector_threshold_gradient(weights, windows, threshold, position: int, face):
    """dE/dT = 1 - Y."""
    _, _, _, _, Y = FORMULA.checked(weights, windows, threshold, position, face)
    return 1.0 - Y


def energy(w, X, T, Z, Y):
    """Y G(X_Z) + (1 - Y) T, where the answer not given may cost anything, even infinity."""
    return weighted(Y, dot(X[Z], w)) + weighted(1.0 - Y, T)


def in_row(Z, X, row):
    """An array like X that has this row at Z, and zeros elsewhere."""
    g = np.zeros(X.shape)
    g[Z] = row
    return g


def rules(weights, windows, threshold, position, face):
    """A window to look at, and one of two answers."""
    require_index("position", position, len(windows))
    require_one_of("face", face, 0, 1)


def latent_detector_free_energy(weights, windows, threshold, face):
    """Energy of one answer, its position minimised away.

    Parameters
    ----------
    weights, windows, threshold, face : as for `latent_detector`
        w of shape (n,), the windows (k, n), k >= 1, the energy T of "no face", and Y.

    Returns
    -------
    float
        min_j G(X_j) for a face, T for none.

    Raises ValueError if there is no window, `face` is not 0 or 1, or w no template for the windows.

    >>> windows = np.array([[0.0, 1.0], [3.0, 0.0]])
    >>> float(latent_detector_free_energy(np.array([-1.0, 2.0]), windows, -2.0, face=1))
    -3.0
    """
    w, X, T, Y = FREE_ENERGY.checked(weights, windows, threshold, face)
    return energy(w, X, T, winner(w, X), Y)


def latent_detector_free_energy_weights_gradient(weights, windows, threshold, face):
    """dF/dw, shape (n,): the winning window, for a face."""
    w, X, _, Y = FREE_ENERGY.checked(weights, windows, threshold, face)
    return weighted(Y, X[winner(w, X)])


def latent_detector_free_energy_windows_gradient(weights, windows, threshold, face):
    """dF/dX, shape (k, n): w in the row of the winner, for a face."""
    w, X, _, Y = FREE_ENERGY.checked(weights, windows, threshold, face)
    return in_row(winner(w, X), X, weighted(Y, w))


def latent_detector_free_energy_threshold_gradient(weights, windows, threshold, face):
    """dF/dT = 1 - Y."""
    _, _, _, Y = FREE_ENERGY.checked(weights, windows, threshold, face)
    return 1.0 - Y


def winner(w, X):
    """Z* = argmin_j G(X_j); ties go to the lowest index."""
    return np.argmin(dot(X, w))


def rules_free_energy(weights, windows, threshold, face):
    """A window at least, and one of two answers."""
    require(len(windows) >= 1, "windows", windows, "must hold k >= 1 windows")
    require_one_of("face", face, 0, 1)


def best_position(weights, windows):
    """Z*, the window of lowest energy; ties go to the lowest index.

    >>> int(best_position(np.array([-1.0, 2.0]), np.array([[0.0, 1.0], [3.0, 0.0]])))
    1
    """
    w, X = real("weights", weights, "n"), real("windows", windows, "k", np.size(weights))
    require(len(X) >= 1, "windows", X, "must hold k >= 1 windows")
    return winner(w, X)


def detect_face(weights, windows, threshold):
    """(Y*, Z*): the minimum over Z, then over Y.  A tie with T is no face.

    >>> windows = np.array([[0.0, 1.0], [3.0, 0.0]])
    >>> detect_face(np.array([-1.0, 2.0]), windows, threshold=-2.0)
    (1, 1)
    >>> detect_face(np.array([-1.0, 2.0]), windows, threshold=-3.0)
    (0, 1)
    """
    w, X, T, _ = FREE_ENERGY.checked(weights, windows, threshold, 0)
    Z = winner(w, X)
    return int(np.argmin([energy(w, X, T, Z, Y) for Y in (0.0, 1.0)])), int(Z)


def random_image(rng):
    """Two windows of two numbers, a template, a threshold and an answer."""
    return {
        "weights": rng.normal(size=2),
        "windows": rng.normal(scale=2.0, size=(2, 2)),
        "threshold": rng.normal(),
        "face": int(rng.integers(2)),
    }


def _with_position(rng):
    image = random_image(rng)
    return {a: image[a] for a in ("weights", "windows", "threshold")} | {
        "position": int(rng.integers(2)),
        "face": image["face"],
    }


W = np.array([-1.0, 2.0])
X = np.array([[0.0, 1.0], [3.0, 0.0], [1.0, 1.0]])  # energies 2, -3, 1

FORMULA = Formula(
    value=latent_detector,
    signature="(n),(k,n),(),(),()->()",
    source="lecun2006, Section 4.1",
    gradients={
        "weights": latent_detector_weights_gradient,
        "windows": latent_detector_windows_gradient,
        "threshold": latent_detector_threshold_gradient,
    },
    sample=_with_position,
    laws=(homogeneous(1, weights=1, threshold=1),),
    cases={
        # (weights, windows, threshold, position, face), E, (dE/dw, dE/dX, dE/dT), the mistake that it
        # exposes
        "a face in the second window": Case(
            (W, X, -2.0, 1, 1),
            -3.0,
            ([3.0, 0.0], [[0.0, 0.0], [-1.0, 2.0], [0.0, 0.0]], 0.0),
            "G taken for a score",
        ),
        "a face in the wrong window costs more": Case((W, X, -2.0, 0, 1), 2.0),
        "no face: the position plays no part": Case(
            (W, X, -2.0, 0, 0), -2.0, (np.zeros(2), np.zeros((3, 2)), 1.0), "threshold charged for a face"
        ),
        "not a number in the window looked at": Case((W, [[np.nan, 1.0]], 0.0, 0, 1), np.nan),
        "no face, and none is ever found: T is minus infinity": Case(
            (W, X, -np.inf, 0, 0), -np.inf, (np.zeros(2), np.zeros((3, 2)), 1.0)
        ),
        "a face, whatever it costs: T is infinite": Case(
            (W, X, np.inf, 2, 1), 1.0, {"weights": [1.0, 1.0], "threshold": 0.0}
        ),
    },
    variants={
        "G taken for a score": Mistake(
            lambda w, X, T, z, y: -np.dot(X[z], w) if y else T,
            symptom="it points at what looks least like a face",
        ),
        "threshold charged for a face": Mistake(
            lambda w, X, T, z, y: y * np.dot(X[z], w) + y * T,
            symptom="'no face' costs nothing, and T cannot be learnt from empty images",
        ),
        "best position for the one given": Mistake(
            lambda w, X, T, z, y: np.min(np.dot(X, w)) if y else T,
            symptom="the free energy: the latent variable is minimised away before it was asked to be",
        ),
        "answers -1 and 1": Mistake(
            lambda w, X, T, z, y: (2.0 * y - 1.0) * (np.dot(X[z], w) - T),
            symptom="the gap of two energies: what is no face is pushed away",
        ),
    },
    rules=rules,
    refuses={  # (weights, windows, threshold, position, face), the argument to blame
        "a position beyond the windows": ((W, X, 0.0, 3, 1), "position"),
        "a position counted from the end": ((W, X, 0.0, -1, 1), "position"),
        "two faces": ((W, X, 0.0, 0, 2), "face"),
        "windows that are no match for the template": (([1.0], X, 0.0, 0, 1), "windows"),
    },
)

FREE_ENERGY = Formula(
    value=latent_detector_free_energy,
    signature="(n),(k,n),(),()->()",
    source="lecun2006, Section 4.1",
    gradients={
        "weights": latent_detector_free_energy_weights_gradient,
        "windows": latent_detector_free_energy_windows_gradient,
        "threshold": latent_detector_free_energy_threshold_gradient,
    },
    sample=random_image,
    laws=(homogeneous(1, weights=1, threshold=1),),
    cases={  # (weights, windows, threshold, face), F, (dF/dw, dF/dX, dF/dT), the mistake that it exposes
        "a face: the lowest of 2, -3 and 1": Case(
            (W, X, -2.0, 1),
            -3.0,
            ([3.0, 0.0], [[0.0, 0.0], [-1.0, 2.0], [0.0, 0.0]], 0.0),
            "mean over the positions",
        ),
        "no face": Case((W, X, -2.0, 0), -2.0, (np.zeros(2), np.zeros((3, 2)), 1.0)),
        "a tie: the first window learns": Case(
            (W, [[1.0, 0.0], [3.0, 1.0]], -2.0, 1),
            -1.0,
            {"weights": [1.0, 0.0], "windows": [[-1.0, 2.0], [0.0, 0.0]]},
        ),
        "one window: nothing to minimise": Case((W, [[1.0, 2.0]], 0.0, 1), 3.0),
        "not a number": Case((W, [[0.0, 1.0], [np.nan, 0.0]], 0.0, 1), np.nan),
    },
    variants={
        "mean over the positions": Mistake(
            lambda w, X, T, y: np.mean(np.dot(X, w)) if y else T,
            symptom="a face in one window of many is outvoted by the background",
        ),
        "all positions summed softly": Mistake(
            lambda w, X, T, y: -logsumexp(-np.dot(X, w)) if y else T,
            symptom="every window is taught, and F falls with the size of the image",
        ),
        "no face competes with a face": Mistake(
            lambda w, X, T, y: min(np.min(np.dot(X, w)), T) if y else T,
            symptom="min over Y, too: a face that is not seen costs no more than T, and is never learned",
        ),
        "answers -1 and 1": Mistake(
            lambda w, X, T, y: (2.0 * y - 1.0) * (np.min(np.dot(X, w)) - T),
            symptom="the gap of two energies: the best window is pushed up where there is no face",
        ),
        "all positions summed": Mistake(
            lambda w, X, T, y: np.sum(np.dot(X, w)) if y else T,
            symptom="faces everywhere at once; energies grow with the image",
        ),
    },
    rules=rules_free_energy,
    refuses={  # (weights, windows, threshold, face), the argument to blame
        "no window": ((W, np.ones((0, 2)), 0.0, 1), "windows"),
        "less than no face": ((W, X, 0.0, -1), "face"),
        "windows that are no match for the template": (([1.0], X, 0.0, 1), "windows"),
    },
)
