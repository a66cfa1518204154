r"""Contractive autoencoder: an encoder that should not listen.

    a = W x + b,   h = tanh(a),   s_j = 1 - h_j^2,   q_j = |W_j|^2
    P = |dh/dx|_F^2 = sum_j s_j^2 q_j
    F = |x - tanh(V h + c)|^2/2 + lambda P

    g_j = dP/da_j = -4 h_j s_j^2 q_j
    dP/dW_j = 2 s_j^2 W_j + g_j x,   dP/db = g,   dP/dx = W' g

P is the squared size of the Jacobian of the code: what a small step of x does to h.  Reconstruction
wants the code to follow x, the penalty wants it to stand still.  Both can be had only along the
directions in which there is data; across them the code is deaf, and F grows quadratically.

W_j is row j of W.  Square, then sum: pylearn2 once summed a row before it squared the sum, and so
penalised only weights of equal sign (github.com/lisa-lab/pylearn2/pull/142).  For a sigmoid s_j would be
h_j (1 - h_j).

Source: Rifai et al. (2011), "Contractive auto-encoders: explicit invariance during feature extraction".
"""

import autograd.numpy as np

from ebm_ref.checks import require, require_shape, shape_of
from ebm_ref.energies.autoencoder import (
    LOG_3,
    NARROW,
    autoencoder,
    autoencoder_decoder_bias_gradient,
    autoencoder_decoder_gradient,
    autoencoder_encoder_bias_gradient,
    autoencoder_encoder_gradient,
    autoencoder_point_gradient,
    hidden_units_renamed,
    one_unit_turned_around,
    random_autoencoder,
)
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.laws import misfit, non_negative
from ebm_ref.numerics import tanh_slope


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
        sum_j (1 - h_j^2)^2 |W_j|^2 >= 0.

    Raises
    ------
    ValueError
        If W does not fit to x and b.

    >>> float(contraction(np.zeros(2), np.array([[3.0, 4.0]]), np.zeros(1)))
    25.0
    """
    s = tanh_slope(_hidden(point, encoder, encoder_bias))
    return np.sum(s**2 * np.sum(encoder**2, axis=1))


def _hidden(point, encoder, encoder_bias):
    """a = W x + b."""
    (n,), (m,) = shape_of("point", point, "n"), shape_of("encoder_bias", encoder_bias, "m")
    require_shape("encoder", encoder, (m, n))
    return np.dot(encoder, point) + encoder_bias


def contraction_point_gradient(point, encoder, encoder_bias):
    """dP/dx, shape (n,): W' g."""
    return np.dot(contraction_encoder_bias_gradient(point, encoder, encoder_bias), encoder)


def contraction_encoder_gradient(point, encoder, encoder_bias):
    """dP/dW, shape (m, n): 2 s_j^2 W_j + g_j x in row j."""
    s = tanh_slope(_hidden(point, encoder, encoder_bias))
    g = contraction_encoder_bias_gradient(point, encoder, encoder_bias)
    return 2.0 * (s**2)[:, None] * encoder + np.outer(g, point)


def contraction_encoder_bias_gradient(point, encoder, encoder_bias):
    """dP/db = g, shape (m,): -4 h_j s_j^2 |W_j|^2."""
    a = _hidden(point, encoder, encoder_bias)
    return -4.0 * np.tanh(a) * tanh_slope(a) ** 2 * np.sum(encoder**2, axis=1)


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

    Raises
    ------
    ValueError
        If lambda is negative, or if the shapes do not fit.

    >>> W, V = np.array([[3.0, 4.0]]), np.zeros((2, 1))
    >>> float(contractive_autoencoder(np.zeros(2), W, np.zeros(1), V, np.zeros(2), strength=2.0))
    50.0
    """
    _check(strength)
    energy = autoencoder(point, encoder, encoder_bias, decoder, decoder_bias)
    return energy + strength * contraction(point, encoder, encoder_bias)


def _check(strength):
    require(not strength < 0.0, "strength", strength, "must be >= 0")


def contractive_autoencoder_point_gradient(point, encoder, encoder_bias, decoder, decoder_bias, strength=1.0):
    """dF/dx, shape (n,): that of the autoencoder + lambda W' g."""
    _check(strength)
    g = autoencoder_point_gradient(point, encoder, encoder_bias, decoder, decoder_bias)
    return g + strength * contraction_point_gradient(point, encoder, encoder_bias)


def contractive_autoencoder_encoder_gradient(
    point, encoder, encoder_bias, decoder, decoder_bias, strength=1.0
):
    """dF/dW, shape (m, n): that of the autoencoder + lambda dP/dW."""
    _check(strength)
    g = autoencoder_encoder_gradient(point, encoder, encoder_bias, decoder, decoder_bias)
    return g + strength * contraction_encoder_gradient(point, encoder, encoder_bias)


def contractive_autoencoder_encoder_bias_gradient(
    point, encoder, encoder_bias, decoder, decoder_bias, strength=1.0
):
    """dF/db, shape (m,): that of the autoencoder + lambda g."""
    _check(strength)
    g = autoencoder_encoder_bias_gradient(point, encoder, encoder_bias, decoder, decoder_bias)
    return g + strength * contraction_encoder_bias_gradient(point, encoder, encoder_bias)


def contractive_autoencoder_decoder_gradient(
    point, encoder, encoder_bias, decoder, decoder_bias, strength=1.0
):
    """dF/dV, shape (n, m): the penalty does not see the decoder."""
    _check(strength)
    return autoencoder_decoder_gradient(point, encoder, encoder_bias, decoder, decoder_bias)


def contractive_autoencoder_decoder_bias_gradient(
    point, encoder, encoder_bias, decoder, decoder_bias, strength=1.0
):
    """dF/dc, shape (n,): that of the autoencoder."""
    _check(strength)
    return autoencoder_decoder_bias_gradient(point, encoder, encoder_bias, decoder, decoder_bias)


def reflected(formula, inputs, rng):
    """P(-x, W, -b) = P(x, W, b): the slope of tanh is even."""
    return misfit(formula, inputs, inputs | {a: -inputs[a] for a in ("point", "encoder_bias")})


def _random_encoder(rng):
    inputs = random_autoencoder(rng)
    return {a: inputs[a] for a in ("point", "encoder", "encoder_bias")}


STEEP = {"point": np.array([1.0]), "encoder": np.array([[0.5 * LOG_3]]), "encoder_bias": np.zeros(1)}

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
    laws=(non_negative, reflected),
    cases={  # Case((point, encoder, encoder_bias), value, by point and encoder and encoder_bias, exposes)
        "in the linear part: the weights, squared": Case(
            (np.zeros(2), [[3.0, -4.0], [1.0, 0.0]], np.zeros(2)),
            26.0,
            (np.zeros(2), [[6.0, -8.0], [2.0, 0.0]], np.zeros(2)),
            "row summed before it is squared",
        ),
        "h = 1/2: a slope of 3/4": Case(
            STEEP,
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
            {"encoder_bias": np.array([-2.380848624653335e-42])},
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
    },
)

_SOFT = NARROW | {"encoder": np.array([[0.5 * LOG_3, 0.0]]), "point": np.array([1.0, 0.0])}

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
        # Case((point, encoder, encoder_bias, decoder, decoder_bias, strength), value, by point and encoder
        # and encoder_bias and decoder and decoder_bias, exposes)
        "1/8 for the error, and twice the penalty": Case(
            _SOFT | {"strength": 2.0},
            0.125 + 9.0 / 32.0 * LOG_3**2,
            {
                "encoder_bias": np.array([-9.0 / 32.0 * LOG_3 - 9.0 / 16.0 * LOG_3**2]),
                "decoder": np.array([[-3.0 / 16.0], [0.0]]),
                "decoder_bias": np.array([-3.0 / 8.0, 0.0]),
            },
            "norm not squared",
        ),
        "no strength: the plain autoencoder": Case(_SOFT | {"strength": 0.0}, 0.125),
        "at the origin the penalty alone is left": Case(
            (np.zeros(2), [[3.0, 4.0]], np.zeros(1), np.ones((2, 1)), np.zeros(2), 2.0),
            50.0,
            (np.zeros(2), [[12.0, 16.0]], np.zeros(1), np.zeros((2, 1)), np.zeros(2)),
        ),
        "not a number": Case(_SOFT | {"point": np.array([np.nan, 0.0]), "strength": 1.0}, np.nan),
    },
    variants={
        "norm not squared": Mistake(
            lambda x, W, b, V, c, strength=1.0: (
                autoencoder(x, W, b, V, c) + strength * np.sqrt(contraction(x, W, b))
            ),
            symptom="a constant pull however small the Jacobian is, and no slope where it vanishes",
        ),
    },
)
