r"""Autoencoder: how badly does a point survive a narrow passage?

    a = W x + b,    h = tanh(a),    o = V h + c,    F = |t - tanh(o)|^2/2

    d_o  = (tanh(o) - t) (1 - tanh(o)^2)         dF/dV = d_o h',  dF/dc = d_o
    d_a  = (V' d_o) (1 - tanh(a)^2)              dF/dW = d_a x',  dF/db = d_a
    dF/dt = t - tanh(o),                         dF/dx = W' d_a

Plain: the target t is the input x itself, so dF/dx has both parts.  Denoising: the input is a
corrupted x, the target stays the clean one, which pulls points back to where the data is; then the
arrow from a point to its reconstruction is the score of the data, smoothed by the noise:
r(x) - x = sigma^2 d log p_sigma/dx for the best r.

With fewer hidden units than inputs F cannot be small everywhere.  With as many, the identity
reconstructs all and F is flat: a collapse, which noise, a penalty (contractive.py) or sparsity must
prevent.

1 - tanh^2 is computed from e^{-2|a|}: as a difference it is 0 from a = 19 on, and the gradient dies.

Source: Rumelhart, Hinton and Williams (1986); Vincent et al. (2008) for denoising, Vincent (2011) and
Alain and Bengio (2014) for the score; as an energy, NYU DLSP20 week 7-3.
"""

import autograd.numpy as np

from ebm_ref.checks import require_shape, shape_of
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import misfit, non_negative
from ebm_ref.numerics import tanh_slope


def denoising_autoencoder(corrupted, target, encoder, encoder_bias, decoder, decoder_bias):
    """Energy of a clean target under the reconstruction of a corrupted input.

    Parameters
    ----------
    corrupted : (n,) float
        x, the input, noise and all.
    target : (n,) float
        t, what it was before.
    encoder, encoder_bias : (m, n) float, (m,) float
        W and b.
    decoder, decoder_bias : (n, m) float, (n,) float
        V and c.

    Returns
    -------
    float
        |t - tanh(V tanh(W x + b) + c)|^2/2 >= 0.

    Raises
    ------
    ValueError
        If the shapes do not fit.

    >>> W, b, V, c = np.zeros((1, 2)), np.zeros(1), np.zeros((2, 1)), np.zeros(2)
    >>> float(denoising_autoencoder(np.array([9.0, 9.0]), np.array([1.0, 2.0]), W, b, V, c))
    2.5
    """
    return 0.5 * np.sum(_backward(corrupted, target, encoder, encoder_bias, decoder, decoder_bias)[3] ** 2)


def _backward(corrupted, target, encoder, encoder_bias, decoder, decoder_bias):
    """h, d_a, d_o and the error tanh(o) - t: the backward pass that all gradients share."""
    (n,), (m,) = shape_of("corrupted", corrupted, "n"), shape_of("encoder_bias", encoder_bias, "m")
    require_shape("target", target, (n,))
    require_shape("encoder", encoder, (m, n))
    require_shape("decoder", decoder, (n, m))
    require_shape("decoder_bias", decoder_bias, (n,))
    a = np.dot(encoder, corrupted) + encoder_bias
    h = np.tanh(a)
    o = np.dot(decoder, h) + decoder_bias
    error = np.tanh(o) - target
    d_o = error * tanh_slope(o)
    return h, np.dot(d_o, decoder) * tanh_slope(a), d_o, error


def denoising_autoencoder_corrupted_gradient(corrupted, target, encoder, encoder_bias, decoder, decoder_bias):
    """dF/dx, shape (n,): W' d_a."""
    _, d_a, _, _ = _backward(corrupted, target, encoder, encoder_bias, decoder, decoder_bias)
    return np.dot(d_a, encoder)


def denoising_autoencoder_target_gradient(corrupted, target, encoder, encoder_bias, decoder, decoder_bias):
    """dF/dt, shape (n,): t - tanh(o)."""
    return -_backward(corrupted, target, encoder, encoder_bias, decoder, decoder_bias)[3]


def denoising_autoencoder_encoder_gradient(corrupted, target, encoder, encoder_bias, decoder, decoder_bias):
    """dF/dW, shape (m, n): d_a x'."""
    _, d_a, _, _ = _backward(corrupted, target, encoder, encoder_bias, decoder, decoder_bias)
    return np.outer(d_a, corrupted)


def denoising_autoencoder_encoder_bias_gradient(
    corrupted, target, encoder, encoder_bias, decoder, decoder_bias
):
    """dF/db, shape (m,): d_a."""
    return _backward(corrupted, target, encoder, encoder_bias, decoder, decoder_bias)[1]


def denoising_autoencoder_decoder_gradient(corrupted, target, encoder, encoder_bias, decoder, decoder_bias):
    """dF/dV, shape (n, m): d_o h'."""
    h, _, d_o, _ = _backward(corrupted, target, encoder, encoder_bias, decoder, decoder_bias)
    return np.outer(d_o, h)


def denoising_autoencoder_decoder_bias_gradient(
    corrupted, target, encoder, encoder_bias, decoder, decoder_bias
):
    """dF/dc, shape (n,): d_o."""
    return _backward(corrupted, target, encoder, encoder_bias, decoder, decoder_bias)[2]


def autoencoder(point, encoder, encoder_bias, decoder, decoder_bias):
    """Reconstruction energy of a point: the target is the input.

    Parameters
    ----------
    point : (n,) float
        x.
    encoder, encoder_bias : (m, n) float, (m,) float
        W and b.
    decoder, decoder_bias : (n, m) float, (n,) float
        V and c.

    Returns
    -------
    float
        |x - tanh(V tanh(W x + b) + c)|^2/2 >= 0; tanh never reaches 1, so inputs should lie within.

    Raises
    ------
    ValueError
        If the shapes do not fit.

    >>> W, V = np.array([[0.5 * np.log(3.0)]]), np.array([[np.log(3.0)]])  # 1 -> 1/2 -> 1/2
    >>> float(np.round(autoencoder(np.ones(1), W, np.zeros(1), V, np.zeros(1)), 15))
    0.125
    """
    return denoising_autoencoder(point, point, encoder, encoder_bias, decoder, decoder_bias)


def autoencoder_point_gradient(point, encoder, encoder_bias, decoder, decoder_bias):
    """dF/dx, shape (n,): W' d_a + x - tanh(o), through the input and as the target."""
    _, d_a, _, error = _backward(point, point, encoder, encoder_bias, decoder, decoder_bias)
    return np.dot(d_a, encoder) - error


def autoencoder_encoder_gradient(point, encoder, encoder_bias, decoder, decoder_bias):
    """dF/dW, shape (m, n): d_a x'."""
    return denoising_autoencoder_encoder_gradient(point, point, encoder, encoder_bias, decoder, decoder_bias)


def autoencoder_encoder_bias_gradient(point, encoder, encoder_bias, decoder, decoder_bias):
    """dF/db, shape (m,): d_a."""
    return _backward(point, point, encoder, encoder_bias, decoder, decoder_bias)[1]


def autoencoder_decoder_gradient(point, encoder, encoder_bias, decoder, decoder_bias):
    """dF/dV, shape (n, m): d_o h'."""
    return denoising_autoencoder_decoder_gradient(point, point, encoder, encoder_bias, decoder, decoder_bias)


def autoencoder_decoder_bias_gradient(point, encoder, encoder_bias, decoder, decoder_bias):
    """dF/dc, shape (n,): d_o."""
    return _backward(point, point, encoder, encoder_bias, decoder, decoder_bias)[2]


def one_unit_turned_around(formula, inputs, rng):
    """A hidden unit may change its sign, W_j, b_j and V_j together: tanh is odd."""
    turned = np.where(np.arange(len(inputs["encoder_bias"])) == 0, -1.0, 1.0)
    others = inputs | {
        "encoder": turned[:, None] * inputs["encoder"],
        "encoder_bias": turned * inputs["encoder_bias"],
        "decoder": turned * inputs["decoder"],
    }
    return misfit(formula, inputs, others)


def hidden_units_renamed(formula, inputs, rng):
    """The order of the hidden units does not matter."""
    order = rng.permutation(len(inputs["encoder_bias"]))
    others = inputs | {
        "encoder": inputs["encoder"][order],
        "encoder_bias": inputs["encoder_bias"][order],
        "decoder": inputs["decoder"][:, order],
    }
    return misfit(formula, inputs, others)


def random_autoencoder(rng):
    """Two inputs through one hidden unit, or one through two."""
    n, m = [(2, 1), (1, 2)][rng.integers(2)]
    return {
        "point": rng.normal(size=n),
        "encoder": rng.normal(size=(m, n)),
        "encoder_bias": rng.normal(scale=0.5, size=m),
        "decoder": rng.normal(size=(n, m)),
        "decoder_bias": rng.normal(scale=0.5, size=n),
    }


def _random_denoising(rng):
    x, *parameters = random_autoencoder(rng).values()
    names = ("corrupted", "target", "encoder", "encoder_bias", "decoder", "decoder_bias")
    return dict(zip(names, (x + rng.normal(scale=0.5, size=len(x)), x, *parameters), strict=True))


def _identity_output(x, t, W, b, V, c):
    return 0.5 * np.sum((t - np.dot(V, np.tanh(np.dot(W, x) + b)) - c) ** 2)


LOG_3 = np.log(3.0)  # tanh(log(3)/2) = 1/2
NARROW = {
    "encoder": np.array([[0.5 * LOG_3, 2.0]]),
    "encoder_bias": np.zeros(1),
    "decoder": np.array([[LOG_3], [0.0]]),
    "decoder_bias": np.zeros(2),
}
ORIGIN = {
    "encoder": np.zeros((1, 2)),
    "encoder_bias": np.zeros(1),
    "decoder": np.array([[2.0], [0.0]]),
    "decoder_bias": np.zeros(2),
}
_BACK = {
    "encoder": np.array([[-9.0 / 32.0 * LOG_3, 0.0]]),
    "encoder_bias": np.array([-9.0 / 32.0 * LOG_3]),
    "decoder": np.array([[-3.0 / 16.0], [0.0]]),
    "decoder_bias": np.array([-3.0 / 8.0, 0.0]),
}

FORMULA = Formula(
    value=autoencoder,
    signature="(n),(m,n),(m),(n,m),(n)->()",
    source="rumelhart1986; NYU DLSP20 week 7-3",
    gradients={
        "point": autoencoder_point_gradient,
        "encoder": autoencoder_encoder_gradient,
        "encoder_bias": autoencoder_encoder_bias_gradient,
        "decoder": autoencoder_decoder_gradient,
        "decoder_bias": autoencoder_decoder_bias_gradient,
    },
    sample=random_autoencoder,
    laws=(non_negative, one_unit_turned_around, hidden_units_renamed),
    cases={
        # Case((point, encoder, encoder_bias, decoder, decoder_bias), value, by point and encoder and
        # encoder_bias and decoder and decoder_bias, exposes)
        "1 to 1/2 to 1/2": Case(
            NARROW | {"point": np.array([1.0, 0.0])},
            0.125,
            _BACK | {"point": np.array([0.5 - 9.0 / 64.0 * LOG_3**2, -9.0 / 16.0 * LOG_3])},
            "target taken for a constant",
        ),
        "at the origin: a fixed point": Case(
            ORIGIN | {"point": np.zeros(2)},
            0.0,
            {"point": np.zeros(2), "decoder": np.zeros((2, 1)), "decoder_bias": np.zeros(2)},
        ),
        "nothing encoded: the energy is half the square": Case(
            ORIGIN | {"point": np.array([1.0, 2.0])},
            2.5,
            ([1.0, 2.0], [[-2.0, -4.0]], [-2.0], np.zeros((2, 1)), [-1.0, -2.0]),
            "one half forgotten",
        ),
        "saturated: 1 - tanh(25)^2 is 8e-22, not 0": Case(
            ([2.0], np.zeros((1, 1)), np.zeros(1), np.zeros((1, 1)), [25.0]),
            0.5,
            {"decoder_bias": np.array([-7.714999391855671e-22])},
            "slope of tanh as a difference",
        ),
        "not a number": Case(ORIGIN | {"point": np.array([np.nan, 0.0])}, np.nan),
    },
    variants={
        "one half forgotten": Convention(
            lambda x, *parameters: 2.0 * autoencoder(x, *parameters),
            {
                "point": lambda x, *parameters: 2.0 * autoencoder_point_gradient(x, *parameters),
                "encoder": lambda x, *parameters: 2.0 * autoencoder_encoder_gradient(x, *parameters),
                "encoder_bias": lambda x, *p: 2.0 * autoencoder_encoder_bias_gradient(x, *p),
                "decoder": lambda x, *parameters: 2.0 * autoencoder_decoder_gradient(x, *parameters),
                "decoder_bias": lambda x, *p: 2.0 * autoencoder_decoder_bias_gradient(x, *p),
            },
            seen_in="PyTorch, documentation of torch.nn.MSELoss, reduction='sum'",
        ),
        "target taken for a constant": Mistake(
            gradients={
                "point": lambda x, *parameters: denoising_autoencoder_corrupted_gradient(x, x, *parameters)
            },
            symptom="right for the parameters, wrong as a score: the pull of the target is missing",
        ),
        "slope of tanh as a difference": Mistake(
            gradients={
                "decoder_bias": lambda x, W, b, V, c: (
                    (np.tanh(np.dot(V, np.tanh(np.dot(W, x) + b)) + c) - x)
                    * (1.0 - np.tanh(np.dot(V, np.tanh(np.dot(W, x) + b)) + c) ** 2)
                )
            },
            symptom="saturated units never recover: the gradient is exactly 0 from 19 on",
        ),
    },
)

DENOISING = Formula(
    value=denoising_autoencoder,
    signature="(n),(n),(m,n),(m),(n,m),(n)->()",
    source="vincent2008",
    gradients={
        "corrupted": denoising_autoencoder_corrupted_gradient,
        "target": denoising_autoencoder_target_gradient,
        "encoder": denoising_autoencoder_encoder_gradient,
        "encoder_bias": denoising_autoencoder_encoder_bias_gradient,
        "decoder": denoising_autoencoder_decoder_gradient,
        "decoder_bias": denoising_autoencoder_decoder_bias_gradient,
    },
    sample=_random_denoising,
    laws=(non_negative, one_unit_turned_around, hidden_units_renamed),
    cases={
        # Case((corrupted, target, encoder, encoder_bias, decoder, decoder_bias), value, by corrupted and
        # target and encoder and encoder_bias and decoder and decoder_bias, exposes)
        "the noise is taken away: nothing left to pay": Case(
            NARROW
            | {
                "corrupted": np.array([0.0, 1.0]),
                "target": np.zeros(2),
                "encoder": np.array([[0.5 * LOG_3, 0.0]]),
            },
            0.0,
            {"corrupted": np.zeros(2), "target": np.zeros(2)},
            "compared with the corrupted input",
        ),
        "no noise: the plain autoencoder, its gradient in two parts": Case(
            NARROW | {"corrupted": np.array([1.0, 0.0]), "target": np.array([1.0, 0.0])},
            0.125,
            _BACK
            | {
                "corrupted": np.array([-9.0 / 64.0 * LOG_3**2, -9.0 / 16.0 * LOG_3]),
                "target": np.array([0.5, 0.0]),
            },
        ),
        "two outputs off": Case(
            ORIGIN | {"corrupted": np.array([5.0, 7.0]), "target": np.array([1.0, -2.0])},
            2.5,
            {
                "corrupted": np.zeros(2),
                "target": np.array([1.0, -2.0]),
                "encoder": np.array([[-10.0, -14.0]]),
                "decoder": np.zeros((2, 1)),
            },
        ),
        "not a number": Case(ORIGIN | {"corrupted": np.zeros(2), "target": np.array([np.nan, 0.0])}, np.nan),
    },
    variants={
        "compared with the corrupted input": Mistake(
            lambda x, t, *parameters: denoising_autoencoder(x, x, *parameters),
            seen_in="github.com/pkmital/tensorflow_tutorials/issues/21, "
            "github.com/aapatel09/handson-unsupervised-learning/issues/6",
            symptom="learns to reproduce the noise; nothing pulls points back",
        ),
        "output left linear": Convention(
            _identity_output,
            {
                "target": lambda x, t, W, b, V, c: t - np.dot(V, np.tanh(np.dot(W, x) + b)) - c,
                "decoder_bias": lambda x, t, W, b, V, c: np.dot(V, np.tanh(np.dot(W, x) + b)) + c - t,
            },
            seen_in="Vincent (2011), whose decoder is linear, for data that are not bounded",
        ),
    },
)
