r"""Convolutional network: one small set of weights, applied everywhere in an image.

    E(y, image) = sum_{c,r,s} V_ycrs tanh(a_crs),    a = pool(z_c) + b_c

    z_c[i, j] = sum_{p,q} K_c[p, q] image[i + p, j + q],   where K_c fits
    pool(z)[r, s] = the largest of z in the 2 x 2 block r, s

tanh rises everywhere, so it may be taken after the largest has been found, on a quarter of the numbers.
(LeNet averaged its blocks; to take the largest came later.)  As in mlp.py the outputs are the energies,
and the answer is the argmin.

Backwards: the slope at a, V_y (1 - tanh(a)^2), goes to the one z that was the largest of its block, of
equals the first, row by row; call it D.  (Theano without cuDNN gave it to all equals, to each in full:
blank parts then count too often, github.com/Theano/Theano/issues/5248.)  Then

    dE/dK = D slid over the image,    dE/db = sum D
    dE/dimage = K turned by half a turn and slid over D padded with zeros

The names are crossed.  What is called convolution here, and in most frameworks, is cross-correlation:
the kernel is not flipped.  Mathematics and signal processing flip it, and so does Flux.  For trained
kernels it makes no difference but that they come out flipped, for given ones it does.  Only on the way
back, in dE/dimage, does the true convolution appear.

Source: LeCun et al. (1998), "Gradient-based learning applied to document recognition", Section II.
"""

import autograd.numpy as np

from ebm_ref.checks import require, require_index, require_shape, shape_of
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import homogeneous
from ebm_ref.numerics import tanh_slope


def slide(image, kernel):
    """z[i, j] = sum_{p,q} kernel[p, q] image[i + p, j + q], wherever the kernel fits: (h-p+1, w-q+1).

    >>> slide(np.array([[1.0, 2.0, 3.0]]), np.array([[10.0, 1.0]])).tolist()
    [[12.0, 23.0]]
    """
    (h, w), (p, q) = shape_of("image", image, "h", "w"), shape_of("kernel", kernel, "p", "q")
    require(h >= p >= 1 and w >= q >= 1, "kernel", kernel, f"must fit into an image of shape {(h, w)}")
    rows, columns = h - p + 1, w - q + 1
    return sum(kernel[i, j] * image[i : i + rows, j : j + columns] for i in range(p) for j in range(q))


def slide_back(force, kernel):
    """The slope by the image of sum(force * slide(image, kernel)): the true convolution, full size.

    >>> slide_back(np.array([[1.0, 0.0]]), np.array([[10.0, 1.0]])).tolist()
    [[10.0, 1.0, 0.0]]
    """
    p, q = shape_of("kernel", kernel, "p", "q")
    padded = np.pad(force, ((p - 1, p - 1), (q - 1, q - 1)), mode="constant")
    return slide(padded, kernel[::-1, ::-1])


def blocks(z):
    """(h/2, w/2, 4): the numbers of each 2 x 2 block, row by row."""
    h, w = shape_of("z", z, "h", "w")
    require(h % 2 == 0 and w % 2 == 0, "z", z, "must have an even number of rows and of columns")
    return np.reshape(np.transpose(np.reshape(z, (h // 2, 2, w // 2, 2)), (0, 2, 1, 3)), (h // 2, w // 2, 4))


def pool(z):
    """The largest number of each 2 x 2 block.

    >>> pool(np.array([[1.0, 2.0, 0.0, 0.0], [4.0, 3.0, 0.0, -1.0]])).tolist()
    [[4.0, 0.0]]
    """
    return np.max(blocks(z), axis=2)


def pool_back(force, z):
    """The slope by z of sum(force * pool(z)): each force at the largest of its block, of equals the first.

    >>> pool_back(np.array([[5.0, 6.0]]), np.array([[1.0, 2.0, 0.0, 0.0], [4.0, 3.0, 0.0, -1.0]])).tolist()
    [[0.0, 0.0, 6.0, 0.0], [5.0, 0.0, 0.0, 0.0]]
    """
    largest = np.argmax(blocks(z), axis=2)
    chosen, (r, s) = np.arange(4) == largest[:, :, None], np.shape(largest)
    require_shape("force", force, (r, s))
    spread = np.where(chosen, force[:, :, None], 0.0).reshape(r, s, 2, 2)
    return spread.transpose(0, 2, 1, 3).reshape(2 * r, 2 * s)


def convnet(kernels, biases, output_weights, image, label):
    """Energy of one answer to one image.

    Parameters
    ----------
    kernels : (c, p, q) float
        K, one kernel per channel.
    biases : (c,) float
        b.
    output_weights : (k, c, r, s) float
        V, for each answer one weight per channel and block.
    image : (h, w) float
        The input; h - p + 1 = 2r and w - q + 1 = 2s.
    label : int
        The answer y.

    Returns
    -------
    float
        g_y, of either sign; lower is better.

    Raises
    ------
    ValueError
        If `label` is not in 0..k-1, or if two shapes do not fit.

    >>> image = np.array([[0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    >>> kernel, V = np.array([[[0.0, 0.0], [0.0, np.log(2.0)]]]), np.array([[[[5.0]]]])
    >>> float(convnet(kernel, np.zeros(1), V, image, 0).round(12))  # 5 tanh(log 2)
    3.0
    """
    a = _arguments(kernels, biases, output_weights, image, label)
    return np.sum(output_weights[label] * np.tanh(a))


def convnet_kernels_gradient(kernels, biases, output_weights, image, label):
    """dE/dK, shape (c, p, q): D slid over the image."""
    D = _forces(kernels, biases, output_weights, image, label)
    return np.array([slide(image, D_c) for D_c in D])


def convnet_biases_gradient(kernels, biases, output_weights, image, label):
    """dE/db, shape (c,): the sum of D over each channel."""
    return np.sum(_forces(kernels, biases, output_weights, image, label), axis=(1, 2))


def convnet_output_weights_gradient(kernels, biases, output_weights, image, label):
    """dE/dV, shape (k, c, r, s): tanh(a) for the answer y, zero elsewhere."""
    g = np.zeros(np.shape(output_weights))
    g[label] = np.tanh(_arguments(kernels, biases, output_weights, image, label))
    return g


def convnet_image_gradient(kernels, biases, output_weights, image, label):
    """dE/dimage, shape (h, w): what each channel sends back, added up."""
    D = _forces(kernels, biases, output_weights, image, label)
    return sum(slide_back(D_c, K_c) for D_c, K_c in zip(D, kernels, strict=True))


def _arguments(kernels, biases, output_weights, image, label):
    """a = pool(z) + b, shape (c, r, s)."""
    k, *_ = shape_of("output_weights", output_weights, "k", "c", "r", "s")
    c, *_ = shape_of("kernels", kernels, "c", "p", "q")
    require_index("label", label, k)
    require_shape("biases", biases, (c,))
    a = np.array([pool(slide(image, K)) + b for K, b in zip(kernels, biases, strict=True)])
    require_shape("output_weights", output_weights, (k, *np.shape(a)))
    return a


def _forces(kernels, biases, output_weights, image, label):
    """D = dE/dz, shape (c, h-p+1, w-q+1)."""
    a = _arguments(kernels, biases, output_weights, image, label)
    d = output_weights[label] * tanh_slope(a)
    return np.array([pool_back(d_c, slide(image, K)) for d_c, K in zip(d, kernels, strict=True)])


GRADIENTS = {
    "kernels": convnet_kernels_gradient,
    "biases": convnet_biases_gradient,
    "output_weights": convnet_output_weights_gradient,
    "image": convnet_image_gradient,
}


def _flipped(function, back=lambda g: g):
    return lambda K, b, V, x, y: back(function(K[:, ::-1, ::-1], b, V, x, y))


def _unturned(K, b, V, x, y):
    """The slope by the image where the kernel is slid back as it is."""
    return sum(slide_back(D, k[::-1, ::-1]) for D, k in zip(_forces(K, b, V, x, y), K, strict=True))


# z = ((0, -1), (-2, -1)), and the first is the largest; h = 1/2 with slope 3/4
SMALL = {
    "kernels": np.array([[[1.0, 0.0], [0.0, -1.0]]]),
    "biases": np.array([np.log(3.0) / 2.0]),
    "output_weights": np.array([[[[4.0]]], [[[-8.0]]]]),
    "image": np.array([[1.0, 2.0, 0.0], [0.0, 1.0, 3.0], [5.0, 2.0, 2.0]]),
}

FORMULA = Formula(
    value=convnet,
    signature="(c,p,q),(c),(k,c,r,s),(h,w),()->()",
    source="lecun1998, Section II",
    gradients=GRADIENTS,
    sample=lambda rng: {
        "kernels": rng.normal(size=(1, 1, 2)),
        "biases": rng.normal(size=1),
        "output_weights": rng.normal(size=(2, 1, 1, 1)),
        "image": rng.normal(size=(2, 3)),
        "label": int(rng.integers(2)),
    },
    laws=(homogeneous(1, output_weights=1), homogeneous(0, kernels=1, image=-1)),
    cases={  # Case((kernels, biases, output_weights, image, label), value, exposes)
        "an edge: tanh(log(3)/2) = 1/2": Case(
            SMALL | {"label": 0},
            2.0,
            {
                "kernels": np.array([[[3.0, 6.0], [0.0, 3.0]]]),
                "biases": np.array([3.0]),
                "output_weights": np.array([[[[0.5]]], [[[0.0]]]]),
                "image": np.array([[3.0, 0.0, 0.0], [0.0, -3.0, 0.0], [0.0, 0.0, 0.0]]),
            },
            "kernel flipped",
        ),
        "the other answer": Case(
            SMALL | {"label": 1},
            -4.0,
            {"image": np.array([[-6.0, 0.0, 0.0], [0.0, 6.0, 0.0], [0.0, 0.0, 0.0]])},
            "kernel not turned on the way back",
        ),
        "a blank image: all four tie, the first takes the slope": Case(
            SMALL | {"kernels": np.array([[[1.0, 2.0], [0.0, -1.0]]]), "image": np.zeros((3, 3)), "label": 0},
            2.0,
            {
                "biases": np.array([3.0]),
                "image": np.array([[3.0, 6.0, 0.0], [0.0, -3.0, 0.0], [0.0, 0.0, 0.0]]),
            },
        ),
        "two blocks: each keeps its own largest": Case(
            (
                [[[1.0]]],
                [np.log(2.0)],
                [[[[5.0, 10.0]]]],
                [[-1.0, 0.0, -3.0, -4.0], [-5.0, -6.0, -7.0, 0.0]],
                0,
            ),
            9.0,
            {
                "biases": np.array([9.6]),
                "output_weights": np.array([[[[0.6, 0.6]]]]),
                "image": np.array([[0.0, 3.2, 0.0, 0.0], [0.0, 0.0, 0.0, 6.4]]),
            },
        ),
        "not a number": Case(
            SMALL | {"image": np.array([[1.0, 2.0, 0.0], [0.0, np.nan, 3.0], [5.0, 2.0, 2.0]]), "label": 0},
            np.nan,
            {"biases": np.array([np.nan])},
        ),
    },
    variants={
        "kernel flipped": Convention(
            _flipped(convnet),
            {
                a: _flipped(g, (lambda g: g[:, ::-1, ::-1]) if a == "kernels" else lambda g: g)
                for a, g in GRADIENTS.items()
            },
            seen_in="Flux's Conv, github.com/FluxML/NNlib.jl/issues/208; scipy.signal.convolve2d",
            symptom="true convolution; asked of PyTorch, which does not, in pytorch/issues/117534",
        ),
        "kernel not turned on the way back": Mistake(
            convnet,
            {"image": _unturned},
            symptom="right for kernels that half a turn leaves alone, so tests with ones pass",
        ),
    },
)
