r"""Contractive autoencoder: an encoder that should not listen.

    P = |dh/dx|_F^2 = sum_j s_j^2 q_j
    F = |x - tanh(V h + c)|^2/2 + lambda P

    h = tanh(a),    a = W x + b,    s_j = 1 - h_j^2,    q_j = |w_j|^2

    g_j = dP/da_j = -4 h_j s_j^2 q_j

    dP/dw_j = 2 s_j^2 w_j + g_j x
    dP/db   = g
    dP/dx   = W' g

The derivatives of F are those of the autoencoder plus lambda times these; P does not see V and c:

    dF/dV = delta_u h'
    dF/dc = delta_u

h is the vector of hidden units here, as in all texts on networks, and w_j is row j of W.  delta_u, the
slope by V h + c, is that of autoencoder.py.

P is the squared size of the Jacobian of the code: what a small step of x does to h.  Reconstruction
wants the code to follow x, the penalty wants it to stand still.  Both can be had only along the
directions in which there is data.  Across them the code is deaf, and F grows quadratically.

Square, then sum: pylearn2 once summed a row before it squared the sum, and so penalised only weights of
equal sign (github.com/lisa-lab/pylearn2/pull/142).  For a sigmoid s_j would be h_j (1 - h_j).

In floating point 1 - h_j^2 is 0 from |a_j| = 19 on; numerics.tanh_slope is 4 e^{-2|a_j|} there.  It is
rounded four times, its square eight: P keeps 8 (u C + eta), not 4.

Source: Rifai et al. (2011), "Contractive auto-encoders: explicit invariance during feature extraction".
"""

import autograd.numpy as np

from ebm_ref.checks import require
from ebm_ref.energies.autoencoder import (
    LOG_3,
    NARROW,
    autoencoder,
    backpropagate,
    by_point,
    energy,
    hidden_units_renamed,
    one_unit_turned_around,
    random_autoencoder,
)
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.laws import misfit, non_negative
from ebm_ref.numerics import dot, tanh_slope, total, unit_of, weighted


def contraction_as_printed(point, encoder, encoder_bias):
    """sum_j (1 - h_j^2)^2 |w_j|^2: nothing is left of the difference where a unit saturates.

    >>> x, W, b = np.zeros(1), np.ones((1, 1)), np.array([25.0])
    >>> print(f"{contraction_as_printed(x, W, b):.6g} {contraction(x, W, b):.6g}")
    0 5.95212e-43
    """
    x, W, b = PENALTY.checked(point, encoder, encoder_bias)
    h = np.tanh(np.dot(W, x) + b)
    return np.sum((1.0 - h**2) ** 2 * np.sum(W**2, axis=1))


def contraction(point, encoder, encoder_bias):
    """Squared Frobenius norm of the Jacobian dh/dx of h = tanh(W x + b).

    Parameters
    ----------
    point : (n,) float
        x.
    encoder : (m, n) float
        W.
    encoder_bias : (m,) float
        b.

    Returns
    -------
    float
        sum_j (1 - h_j^2)^2 |w_j|^2 >= 0.

    Raises ValueError if W does not fit to x and b.

    >>> float(contraction(np.zeros(2), np.array([[3.0, 4.0]]), np.zeros(1)))
    25.0
    """
    x, W, b = PENALTY.checked(point, encoder, encoder_bias)
    return penalty(x, W, b)


def contraction_point_gradient(point, encoder, encoder_bias):
    """dP/dx, shape (n,): W' g."""
    x, W, b = PENALTY.checked(point, encoder, encoder_bias)
    return dot(W.T, penalty_by_bias(x, W, b))


def contraction_encoder_gradient(point, encoder, encoder_bias):
    """dP/dW, shape (m, n): 2 s_j^2 w_j + g_j x in row j."""
    x, W, b = PENALTY.checked(point, encoder, encoder_bias)
    return penalty_by_encoder(x, W, b)


def contraction_encoder_bias_gradient(point, encoder, encoder_bias):
    """dP/db = g, shape (m,): -4 h_j s_j^2 |w_j|^2."""
    x, W, b = PENALTY.checked(point, encoder, encoder_bias)
    return penalty_by_bias(x, W, b)


def penalty(x, W, b):
    """P."""
    s = tanh_slope(dot(W, x) + b)
    return total(np.ravel((s[:, None] * W) ** 2))


def penalty_by_bias(x, W, b):
    """g = dP/da = dP/db."""
    a = dot(W, x) + b
    return -4.0 * np.tanh(a) * total((tanh_slope(a)[:, None] * W) ** 2)


def penalty_by_encoder(x, W, b):
    """dP/dW."""
    a, unit = dot(W, x) + b, np.array([[unit_of(w)] for w in W])
    s, V = tanh_slope(a)[:, None], W / unit
    inside = 2.0 * V - (4.0 * np.tanh(a) * total(V**2))[:, None] * (unit * x)
    return weighted(s, weighted(s, unit * inside))  # s^2 may be below the range where the result is not


def contractive_autoencoder(point, encoder, encoder_bias, decoder, decoder_bias, strength=1.0):
    """Reconstruction energy of a point, and the price of a code that follows it.

    Parameters
    ----------
    point : (n,) float
        x.
    encoder, encoder_bias : (m, n) float, (m,) float
        W and b.
    decoder, decoder_bias : (n, m) float, (n,) float
        V and c.
    strength : float
        lambda >= 0.

    Returns
    -------
    float
        |x - tanh(V tanh(W x + b) + c)|^2/2 + lambda P >= 0.

    Raises ValueError if lambda is negative, or if the shapes do not fit.

    >>> W, V = np.array([[3.0, 4.0]]), np.zeros((2, 1))
    >>> float(contractive_autoencoder(np.zeros(2), W, np.zeros(1), V, np.zeros(2), strength=2.0))
    50.0
    """
    x, W, b, V, c, lam = FORMULA.checked(point, encoder, encoder_bias, decoder, decoder_bias, strength)
    return energy(x, x, W, b, V, c) + lam * penalty(x, W, b)


def contractive_autoencoder_point_gradient(point, encoder, encoder_bias, decoder, decoder_bias, strength=1.0):
    """dF/dx, shape (n,): that of the autoencoder + lambda W' g."""
    x, W, b, V, c, lam = FORMULA.checked(point, encoder, encoder_bias, decoder, decoder_bias, strength)
    return by_point(x, W, b, V, c) + lam * dot(W.T, penalty_by_bias(x, W, b))


def contractive_autoencoder_encoder_gradient(
    point, encoder, encoder_bias, decoder, decoder_bias, strength=1.0
):
    """dF/dW, shape (m, n): that of the autoencoder + lambda dP/dW."""
    x, W, b, V, c, lam = FORMULA.checked(point, encoder, encoder_bias, decoder, decoder_bias, strength)
    _, delta_a, _ = backpropagate(x, x, W, b, V, c)
    return np.outer(delta_a, x) + lam * penalty_by_encoder(x, W, b)


def contractive_autoencoder_encoder_bias_gradient(
    point, encoder, encoder_bias, decoder, decoder_bias, strength=1.0
):
    """dF/db, shape (m,): that of the autoencoder + lambda g."""
    x, W, b, V, c, lam = FORMULA.checked(point, encoder, encoder_bias, decoder, decoder_bias, strength)
    _, delta_a, _ = backpropagate(x, x, W, b, V, c)
    return delta_a + lam * penalty_by_bias(x, W, b)


def contractive_autoencoder_decoder_gradient(
    point, encoder, encoder_bias, decoder, decoder_bias, strength=1.0
):
    """dF/dV, shape (n, m): the penalty does not see the decoder."""
    x, W, b, V, c, _ = FORMULA.checked(point, encoder, encoder_bias, decoder, decoder_bias, strength)
    h, _, delta_u = backpropagate(x, x, W, b, V, c)
    return np.outer(delta_u, h)


def contractive_autoencoder_decoder_bias_gradient(
    point, encoder, encoder_bias, decoder, decoder_bias, strength=1.0
):
    """dF/dc, shape (n,): that of the autoencoder."""
    x, W, b, V, c, _ = FORMULA.checked(point, encoder, encoder_bias, decoder, decoder_bias, strength)
    return backpropagate(x, x, W, b, V, c)[2]


def rules(point, encoder, encoder_bias, decoder, decoder_bias, strength):
    """A penalty, no reward; a NaN may pass."""
    require(not strength < 0.0, "strength", strength, "must be >= 0")


def reflected(formula, inputs, rng):
    """P(-x, W, -b) = P(x, W, b): the slope of tanh is even."""
    return misfit(formula, inputs, inputs | {a: -inputs[a] for a in ("point", "encoder_bias")})


def _random_encoder(rng):
    inputs = random_autoencoder(rng)
    return {a: inputs[a] for a in ("point", "encoder", "encoder_bias")}


PENALTY = Formula(
    value=contraction,
    signature="(n),(m,n),(m)->()",
    source="rifai2011",
    gradients={
        "point": contraction_point_gradient,
        "encoder": contraction_encoder_gradient,
        "encoder_bias": contraction_encoder_bias_gradient,
    },
    sample=_random_encoder,
    keeps=8.0,
    laws=(non_negative, reflected),
    cases={  # (point, encoder, encoder_bias), P, (dP/dx, dP/dW, dP/db), the mistake that it exposes
        "in the linear part: the weights, squared": Case(
            (np.zeros(2), [[3.0, -4.0], [1.0, 0.0]], np.zeros(2)),
            26.0,
            (np.zeros(2), [[6.0, -8.0], [2.0, 0.0]], np.zeros(2)),
            "row summed before it is squared",
        ),
        "h = 1/2: a slope of 3/4": Case(
            ([1.0], [[0.5 * LOG_3]], [0.0]),
            9.0 / 64.0 * LOG_3**2,
            (
                [-9.0 / 64.0 * LOG_3**3],
                [[9.0 / 16.0 * LOG_3 - 9.0 / 32.0 * LOG_3**2]],
                [-9.0 / 32.0 * LOG_3**2],
            ),
            "slope not squared",
        ),
        "saturated: almost deaf, yet not 0": Case(
            (np.zeros(1), np.ones((1, 1)), [25.0]),
            5.952121561633338e-43,
            {"encoder_bias": [-2.380848624653335e-42]},
        ),
        "not a number": Case(([np.nan], np.ones((1, 1)), np.zeros(1)), np.nan),
    },
    variants={
        "row summed before it is squared": Mistake(
            lambda x, W, b: np.sum(tanh_slope(np.dot(W, x) + b) ** 2 * np.sum(W, axis=1) ** 2),
            seen_in="pylearn2, github.com/lisa-lab/pylearn2/pull/142",
            symptom="weights of opposite sign pay nothing: edge detectors are free",
        ),
        "slope not squared": Mistake(
            lambda x, W, b: np.sum(tanh_slope(np.dot(W, x) + b) * np.sum(W**2, axis=1)),
            symptom="right in the linear part only",
        ),
        "slope of a sigmoid": Mistake(
            lambda x, W, b: np.sum(
                np.sum(W**2, axis=1) * (np.tanh(a := np.dot(W, x) + b) * (1.0 - np.tanh(a))) ** 2
            ),
            symptom="h (1 - h) for 1 - h^2: right for the sigmoid units of the paper",
        ),
        "product of two norms": Mistake(
            lambda x, W, b: np.sum(tanh_slope(np.dot(W, x) + b) ** 2) * np.sum(W**2),
            symptom="an upper bound: |S W| is at most |S| |W|",
        ),
    },
    as_printed=contraction_as_printed,
    refuses={  # (point, encoder, encoder_bias), the argument to blame
        "an encoder of longer points": (([1.0], [[1.0, 1.0]], [1.0]), "encoder"),
        "one bias for two hidden units": (([1.0, 1.0], np.ones((2, 2)), [1.0]), "encoder_bias"),
    },
)

_SOFT = [[0.5 * LOG_3, 0.0]], *NARROW[1:]

FORMULA = Formula(
    value=contractive_autoencoder,
    signature="(n),(m,n),(m),(n,m),(n),()->()",
    source="rifai2011",
    gradients={
        "point": contractive_autoencoder_point_gradient,
        "encoder": contractive_autoencoder_encoder_gradient,
        "encoder_bias": contractive_autoencoder_encoder_bias_gradient,
        "decoder": contractive_autoencoder_decoder_gradient,
        "decoder_bias": contractive_autoencoder_decoder_bias_gradient,
    },
    sample=lambda rng: random_autoencoder(rng) | {"strength": rng.uniform(0.1, 2.0)},
    laws=(non_negative, one_unit_turned_around, hidden_units_renamed),
    cases={
        # (point, encoder, encoder_bias, decoder, decoder_bias, strength), F, (dF/dx, dF/dW, dF/db, dF/dV,
        # dF/dc), the mistake that it exposes
        "1/8 for the error, and twice the penalty": Case(
            ([1.0, 0.0], *_SOFT, 2.0),
            0.125 + 9.0 / 32.0 * LOG_3**2,
            {
                "encoder_bias": [-9.0 / 32.0 * LOG_3 - 9.0 / 16.0 * LOG_3**2],
                "decoder": [[-3.0 / 16.0], [0.0]],
                "decoder_bias": [-3.0 / 8.0, 0.0],
            },
            "norm not squared",
        ),
        "no strength: the plain autoencoder": Case(([1.0, 0.0], *_SOFT, 0.0), 0.125),
        "at the origin the penalty alone is left": Case(
            (np.zeros(2), [[3.0, 4.0]], np.zeros(1), np.ones((2, 1)), np.zeros(2), 2.0),
            50.0,
            (np.zeros(2), [[12.0, 16.0]], np.zeros(1), np.zeros((2, 1)), np.zeros(2)),
        ),
        "not a number": Case(([np.nan, 0.0], *_SOFT, 1.0), np.nan),
    },
    variants={
        "norm not squared": Mistake(
            lambda x, W, b, V, c, strength=1.0: (
                autoencoder(x, W, b, V, c) + strength * np.sqrt(contraction(x, W, b))
            ),
            symptom="a constant pull however small the Jacobian is, and no slope where it vanishes",
        ),
        "output left linear": Mistake(
            lambda x, W, b, V, c, strength=1.0: (
                0.5 * np.sum((x - np.dot(V, np.tanh(np.dot(W, x) + b)) - c) ** 2)
                + strength * contraction(x, W, b)
            ),
            symptom="for data that are not bounded",
        ),
        "mean squared error": Mistake(
            lambda x, W, b, V, c, strength=1.0: (
                2.0 * autoencoder(x, W, b, V, c) / len(x) + strength * contraction(x, W, b)
            ),
            symptom="reconstruction n/2 times too small beside the price",
        ),
    },
    rules=rules,
    refuses={  # (point, encoder, encoder_bias, decoder, decoder_bias, strength), the argument to blame
        "a reward for listening": (([1.0, 0.0], *_SOFT, -1.0), "strength"),
        "a decoder that is not turned": (([1.0, 0.0], *_SOFT[:2], [[1.0, 1.0]], [0.0, 0.0]), "decoder"),
    },
)
