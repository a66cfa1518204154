r"""Autoencoder: how badly does a point survive a narrow passage?

    F = |t - tanh(u)|^2/2,    u = V h + c,    h = tanh(a),    a = W x + b

    delta_u = (tanh(u) - t) (1 - tanh(u)^2)    the slope by u
    delta_a = (V' delta_u) (1 - h^2)           the slope by a

    dF/dt = t - tanh(u)
    dF/dW = delta_a x'
    dF/db = delta_a
    dF/dV = delta_u h'
    dF/dc = delta_u
    dF/dx = W' delta_a                 denoising: t does not move
    dF/dx = W' delta_a + x - tanh(u)   plain: t = x moves, too

h is the vector of hidden units here, as in all texts on networks; u is the output before its tanh.

Plain: the target t is the input x itself.  Denoising: the input is a corrupted x and the target the clean
one, which pulls points back to where the data is.  Then the arrow from a point to its reconstruction is
the score of the data, smoothed by the noise: r(x) - x = sigma^2 d log p_sigma(x)/dx for the best r.

With fewer hidden units than inputs F cannot be small everywhere.  With as many, the identity
reconstructs all and F is flat: a collapse, which noise, a penalty (contractive.py) or sparsity must
prevent.

In floating point 1 - tanh(a)^2 is 0 from a = 19 on, and the gradient dies.  The page computes it from
e^{-2|a|}.

Source: Rumelhart, Hinton and Williams (1986); Vincent et al. (2008) for denoising, Vincent (2011) and
Alain and Bengio (2014) for the score; as an energy, NYU DLSP20 week 7-3.
"""

import autograd.numpy as np

from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import misfit, non_negative
from ebm_ref.numerics import dot, half_square, sigmoid, tanh_slope, total


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

    Raises ValueError if the shapes do not fit.

    >>> W, b, V, c = np.zeros((1, 2)), np.zeros(1), np.zeros((2, 1)), np.zeros(2)
    >>> float(denoising_autoencoder(np.array([9.0, 9.0]), np.array([1.0, 2.0]), W, b, V, c))
    2.5
    """
    x, t, W, b, V, c = DENOISING.checked(corrupted, target, encoder, encoder_bias, decoder, decoder_bias)
    return energy(x, t, W, b, V, c)


def denoising_autoencoder_corrupted_gradient(corrupted, target, encoder, encoder_bias, decoder, decoder_bias):
    """dF/dx, shape (n,): W' delta_a."""
    x, t, W, b, V, c = DENOISING.checked(corrupted, target, encoder, encoder_bias, decoder, decoder_bias)
    _, delta_a, _ = backpropagate(x, t, W, b, V, c)
    return dot(W.T, delta_a)


def denoising_autoencoder_target_gradient(corrupted, target, encoder, encoder_bias, decoder, decoder_bias):
    """dF/dt, shape (n,): t - tanh(u)."""
    x, t, W, b, V, c = DENOISING.checked(corrupted, target, encoder, encoder_bias, decoder, decoder_bias)
    return t - reconstruction(x, W, b, V, c)


def denoising_autoencoder_encoder_gradient(corrupted, target, encoder, encoder_bias, decoder, decoder_bias):
    """dF/dW, shape (m, n): delta_a x'."""
    x, t, W, b, V, c = DENOISING.checked(corrupted, target, encoder, encoder_bias, decoder, decoder_bias)
    _, delta_a, _ = backpropagate(x, t, W, b, V, c)
    return np.outer(delta_a, x)


def denoising_autoencoder_encoder_bias_gradient(
    corrupted, target, encoder, encoder_bias, decoder, decoder_bias
):
    """dF/db, shape (m,): delta_a."""
    x, t, W, b, V, c = DENOISING.checked(corrupted, target, encoder, encoder_bias, decoder, decoder_bias)
    return backpropagate(x, t, W, b, V, c)[1]


def denoising_autoencoder_decoder_gradient(corrupted, target, encoder, encoder_bias, decoder, decoder_bias):
    """dF/dV, shape (n, m): delta_u h'."""
    x, t, W, b, V, c = DENOISING.checked(corrupted, target, encoder, encoder_bias, decoder, decoder_bias)
    h, _, delta_u = backpropagate(x, t, W, b, V, c)
    return np.outer(delta_u, h)


def denoising_autoencoder_decoder_bias_gradient(
    corrupted, target, encoder, encoder_bias, decoder, decoder_bias
):
    """dF/dc, shape (n,): delta_u."""
    x, t, W, b, V, c = DENOISING.checked(corrupted, target, encoder, encoder_bias, decoder, decoder_bias)
    return backpropagate(x, t, W, b, V, c)[2]


def reconstruction(x, W, b, V, c):
    """tanh(u)."""
    return np.tanh(dot(V, np.tanh(dot(W, x) + b)) + c)


def energy(x, t, W, b, V, c):
    """|t - tanh(u)|^2/2."""
    return total(half_square(reconstruction(x, W, b, V, c) - t))


def backpropagate(x, t, W, b, V, c):
    """h, delta_a and delta_u."""
    a = dot(W, x) + b
    h = np.tanh(a)
    u = dot(V, h) + c
    delta_u = (np.tanh(u) - t) * tanh_slope(u)
    return h, dot(V.T, delta_u) * tanh_slope(a), delta_u


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

    Raises ValueError if the shapes do not fit.

    >>> W, V = np.array([[0.5 * np.log(3.0)]]), np.array([[np.log(3.0)]])  # 1 -> 1/2 -> 1/2
    >>> float(np.round(autoencoder(np.ones(1), W, np.zeros(1), V, np.zeros(1)), 15))
    0.125
    """
    x, W, b, V, c = FORMULA.checked(point, encoder, encoder_bias, decoder, decoder_bias)
    return energy(x, x, W, b, V, c)


def autoencoder_point_gradient(point, encoder, encoder_bias, decoder, decoder_bias):
    """dF/dx, shape (n,): W' delta_a + x - tanh(u), through the input and as the target."""
    x, W, b, V, c = FORMULA.checked(point, encoder, encoder_bias, decoder, decoder_bias)
    return by_point(x, W, b, V, c)


def autoencoder_encoder_gradient(point, encoder, encoder_bias, decoder, decoder_bias):
    """dF/dW, shape (m, n): delta_a x'."""
    x, W, b, V, c = FORMULA.checked(point, encoder, encoder_bias, decoder, decoder_bias)
    _, delta_a, _ = backpropagate(x, x, W, b, V, c)
    return np.outer(delta_a, x)


def autoencoder_encoder_bias_gradient(point, encoder, encoder_bias, decoder, decoder_bias):
    """dF/db, shape (m,): delta_a."""
    x, W, b, V, c = FORMULA.checked(point, encoder, encoder_bias, decoder, decoder_bias)
    return backpropagate(x, x, W, b, V, c)[1]


def autoencoder_decoder_gradient(point, encoder, encoder_bias, decoder, decoder_bias):
    """dF/dV, shape (n, m): delta_u h'."""
    x, W, b, V, c = FORMULA.checked(point, encoder, encoder_bias, decoder, decoder_bias)
    h, _, delta_u = backpropagate(x, x, W, b, V, c)
    return np.outer(delta_u, h)


def autoencoder_decoder_bias_gradient(point, encoder, encoder_bias, decoder, decoder_bias):
    """dF/dc, shape (n,): delta_u."""
    x, W, b, V, c = FORMULA.checked(point, encoder, encoder_bias, decoder, decoder_bias)
    return backpropagate(x, x, W, b, V, c)[2]


def by_point(x, W, b, V, c):
    """W' delta_a + x - tanh(u)."""
    _, delta_a, _ = backpropagate(x, x, W, b, V, c)
    return dot(W.T, delta_a) + (x - reconstruction(x, W, b, V, c))


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


LOG_3 = np.log(3.0)  # tanh(log(3)/2) = 1/2
NARROW = [[0.5 * LOG_3, 2.0]], [0.0], [[LOG_3], [0.0]], [0.0, 0.0]  # W, b, V, c
ORIGIN = [[0.0, 0.0]], [0.0], [[2.0], [0.0]], [0.0, 0.0]
_BACK = [[-9.0 / 32.0 * LOG_3, 0.0]], [-9.0 / 32.0 * LOG_3], [[-3.0 / 16.0], [0.0]], [-3.0 / 8.0, 0.0]


def _through(code, output, decoder=lambda W, V: V):
    """The energy with other functions in place of the two tanh, and another decoder."""
    outputs = lambda x, W, b, V, c: np.dot(decoder(W, V), code(np.dot(W, x) + b)) + c
    return lambda x, t, *parameters: 0.5 * np.sum((t - output(outputs(x, *parameters))) ** 2)


LAYERS = {  # {name: (code, output, symptom)}
    "sigmoid at the output": (np.tanh, sigmoid, "right for pixels in 0..1; here half of the range is lost"),
    "sigmoid for the code": (sigmoid, np.tanh, "another code, and slopes at most a quarter as large"),
    "code left linear": (lambda a: a, np.tanh, "without the bend of the code"),
    "output left linear": (np.tanh, lambda u: u, "for data that are not bounded"),
    "weights tied": (np.tanh, np.tanh, lambda W, V: W.T, "the decoder that is given is not read"),
    "rectified code": (lambda a: np.maximum(a, 0.0), np.tanh, "a unit that is off has no slope"),
    "rectified output": (np.tanh, lambda u: np.maximum(u, 0.0), "for what is never negative"),
}


def _as_if_sigmoid(x, W, b, V, c):
    """delta_a, with the slope of a sigmoid for that of the code's tanh."""
    h, _, delta_u = backpropagate(x, x, W, b, V, c)
    return np.dot(V.T, delta_u) * h * (1.0 - h)


OTHERWISE = {name: Mistake(_through(*layers), symptom=says) for name, (*layers, says) in LAYERS.items()}

GRADIENTS = {
    "point": autoencoder_point_gradient,
    "encoder": autoencoder_encoder_gradient,
    "encoder_bias": autoencoder_encoder_bias_gradient,
    "decoder": autoencoder_decoder_gradient,
    "decoder_bias": autoencoder_decoder_bias_gradient,
}

FORMULA = Formula(
    value=autoencoder,
    signature="(n),(m,n),(m),(n,m),(n)->()",
    source="rumelhart1986; NYU DLSP20 week 7-3",
    gradients=GRADIENTS,
    sample=random_autoencoder,
    laws=(non_negative, one_unit_turned_around, hidden_units_renamed),
    cases={
        # (point, encoder, encoder_bias, decoder, decoder_bias), F, (dF/dx, dF/dW, dF/db, dF/dV, dF/dc), the
        # mistake that it exposes
        "1 to 1/2 to 1/2": Case(
            ([1.0, 0.0], *NARROW),
            0.125,
            ([0.5 - 9.0 / 64.0 * LOG_3**2, -9.0 / 16.0 * LOG_3], *_BACK),
            "target taken for a constant",
        ),
        "at the origin: a fixed point": Case(
            ([0.0, 0.0], *ORIGIN),
            0.0,
            {"point": np.zeros(2), "decoder": np.zeros((2, 1)), "decoder_bias": np.zeros(2)},
        ),
        "nothing encoded: the energy is half the square": Case(
            ([1.0, 2.0], *ORIGIN),
            2.5,
            ([1.0, 2.0], [[-2.0, -4.0]], [-2.0], np.zeros((2, 1)), [-1.0, -2.0]),
            "one half forgotten",
        ),
        "saturated: 1 - tanh(25)^2 is 8e-22, not 0": Case(
            ([2.0], np.zeros((1, 1)), np.zeros(1), np.zeros((1, 1)), [25.0]),
            0.5,
            {"decoder_bias": [-7.714999391855671e-22]},
            "slope of tanh as a difference",
        ),
        "not a number": Case(([np.nan, 0.0], *ORIGIN), np.nan),
    },
    variants={
        "one half forgotten": Convention(
            lambda x, *parameters: 2.0 * autoencoder(x, *parameters),
            {a: lambda *inputs, g=g: 2.0 * g(*inputs) for a, g in GRADIENTS.items()},
            seen_in="PyTorch, documentation of torch.nn.MSELoss, reduction='sum'",
        ),
        "target taken for a constant": Mistake(
            gradients={"point": lambda x, *p: denoising_autoencoder_corrupted_gradient(x, x, *p)},
            symptom="right for the parameters, wrong as a score: the pull of the target is missing",
        ),
        "slope of tanh as a difference": Mistake(
            gradients={
                "decoder_bias": lambda x, *p: (reconstruction(x, *p) - x) * (1.0 - reconstruction(x, *p) ** 2)
            },
            symptom="saturated units never recover: the gradient is exactly 0 from 19 on",
        ),
        "slope of the code as of a sigmoid": Mistake(
            gradients={
                "encoder_bias": _as_if_sigmoid,
                "encoder": lambda x, *p: np.outer(_as_if_sigmoid(x, *p), x),
            },
            symptom="h (1 - h) for 1 - h^2: negative where h is",
        ),
        **{
            name: Mistake(lambda x, *p, f=v.value: f(x, x, *p), symptom=v.symptom)
            for name, v in OTHERWISE.items()
        },
    },
    refuses={  # (point, encoder, encoder_bias, decoder, decoder_bias), the argument to blame
        "a decoder that is not turned": (([1.0, 0.0], *NARROW[:2], [[1.0, 1.0]], [0.0, 0.0]), "decoder"),
        "two biases for one hidden unit": (([1.0, 0.0], NARROW[0], [0.0, 0.0], *NARROW[2:]), "encoder_bias"),
        "one bias for two outputs": (([1.0, 0.0], *NARROW[:3], [0.0]), "decoder_bias"),
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
        # (corrupted, target, encoder, encoder_bias, decoder, decoder_bias), F, gradients, the mistake that
        # it exposes
        "the noise is taken away: nothing left to pay": Case(
            ([0.0, 1.0], [0.0, 0.0], [[0.5 * LOG_3, 0.0]], *NARROW[1:]),
            0.0,
            {"corrupted": np.zeros(2), "target": np.zeros(2)},
            "compared with the corrupted input",
        ),
        "no noise: the plain autoencoder, its gradient in two parts": Case(
            ([1.0, 0.0], [1.0, 0.0], *NARROW),
            0.125,
            ([-9.0 / 64.0 * LOG_3**2, -9.0 / 16.0 * LOG_3], [0.5, 0.0], *_BACK),
        ),
        "two outputs off": Case(
            ([5.0, 7.0], [1.0, -2.0], *ORIGIN),
            2.5,
            (np.zeros(2), [1.0, -2.0], [[-10.0, -14.0]], [-2.0], np.zeros((2, 1)), [-1.0, 2.0]),
        ),
        "not a number": Case(([0.0, 0.0], [np.nan, 0.0], *ORIGIN), np.nan),
    },
    variants={
        **OTHERWISE,
        "compared with the corrupted input": Mistake(
            lambda x, t, *parameters: denoising_autoencoder(x, x, *parameters),
            seen_in="github.com/pkmital/tensorflow_tutorials/issues/21, "
            "github.com/aapatel09/handson-unsupervised-learning/issues/6",
            symptom="learns to reproduce the noise; nothing pulls points back",
        ),
        "output left linear": Convention(
            OTHERWISE["output left linear"].value,
            {
                "target": lambda x, t, W, b, V, c: t - np.dot(V, np.tanh(np.dot(W, x) + b)) - c,
                "decoder_bias": lambda x, t, W, b, V, c: np.dot(V, np.tanh(np.dot(W, x) + b)) + c - t,
            },
            seen_in="Vincent (2011), whose decoder is linear, for data that are not bounded",
        ),
    },
    refuses={"a target of another length": (([1.0, 0.0], [1.0], *NARROW), "target")},
)
