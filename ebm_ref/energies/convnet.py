r"""Convolutional network: one small set of weights, applied everywhere in an image.

    E(y, X) = sum_{c,r,s} V_{y,c,r,s} tanh(a_{c,r,s}),    a_c = pool(z_c) + b_c

    z_c[i, j] = sum_{p,q} K_c[p, q] X[i + p, j + q],   where K_c fits
    pool(z)[r, s] = the largest of z in the 2 x 2 block r, s

Backwards, D_c[i, j] = dE/dz_c[i, j] is V_{y,c,r,s} (1 - tanh(a_{c,r,s})^2) where z_c[i, j] is the
largest of block r, s (ties go to the first, row by row), else 0.  Then

    dE/dK_c[p, q] = sum_{i,j} D_c[i, j] X[i + p, j + q]
    dE/db_c = sum_{i,j} D_c[i, j]
    dE/dV_y = tanh(a)
    dE/dX[i, j] = sum_{c,p,q} K_c[p, q] D_c[i - p, j - q]

tanh rises everywhere, so it may be taken after the largest has been found, on a quarter of the numbers.
(LeNet averaged its blocks; to take the largest came later.)  As in mlp.py the outputs are the energies,
and the answer is the argmin.

Theano without cuDNN gave the slope to all numbers that tie, to each in full: then blank parts of an image
count too often (github.com/Theano/Theano/issues/5248).

The names are crossed.  What is called convolution here, and in most frameworks, is cross-correlation:
the kernel is not flipped.  Mathematics and signal processing flip it, and so does Flux.  A kernel that
is trained only comes out flipped; one that is given acts differently.  The true convolution appears
only on the way back, in dE/dX.

Source: LeCun et al. (1998), "Gradient-based learning applied to document recognition", Section II.
"""

import autograd.numpy as np

from ebm_ref.checks import real, require, require_index
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import homogeneous
from ebm_ref.numerics import tanh_slope


def slide(image, kernel):
    """z[i, j] = sum_{p,q} kernel[p, q] image[i + p, j + q], wherever the kernel fits: (h-p+1, w-q+1).

    >>> slide(np.array([[1.0, 2.0, 3.0]]), np.array([[10.0, 1.0]])).tolist()
    [[12.0, 23.0]]
    """
    X, K = real("image", image, "h", "w"), real("kernel", kernel, "p", "q")
    (h, w), (p, q) = np.shape(X), np.shape(K)
    require(h >= p >= 1 and w >= q >= 1, "kernel", K, f"must fit into an image of shape {(h, w)}")
    rows, columns = h - p + 1, w - q + 1
    return sum(K[i, j] * X[i : i + rows, j : j + columns] for i in range(p) for j in range(q))


def slide_back(force, kernel):
    """The slope by the image of sum(force * slide(image, kernel)): the true convolution, full size.

    >>> slide_back(np.array([[1.0, 0.0]]), np.array([[10.0, 1.0]])).tolist()
    [[10.0, 1.0, 0.0]]
    """
    D, K = real("force", force, "h", "w"), real("kernel", kernel, "p", "q")
    p, q = np.shape(K)
    padded = np.pad(D, ((p - 1, p - 1), (q - 1, q - 1)), mode="constant")
    return slide(padded, K[::-1, ::-1])


def blocks(z):
    """(h/2, w/2, 4): the numbers of each 2 x 2 block, row by row."""
    z = real("z", z, "h", "w")
    h, w = np.shape(z)
    require(h % 2 == 0 and w % 2 == 0, "z", z, "must have an even number of rows and of columns")
    return np.reshape(np.transpose(np.reshape(z, (h // 2, 2, w // 2, 2)), (0, 2, 1, 3)), (h // 2, w // 2, 4))


def pool(z):
    """The largest number of each 2 x 2 block.

    >>> pool(np.array([[1.0, 2.0, 0.0, 0.0], [4.0, 3.0, 0.0, -1.0]])).tolist()
    [[4.0, 0.0]]
    """
    return np.max(blocks(z), axis=2)


def pool_back(force, z):
    """The slope by z of sum(force * pool(z)): each force at the largest of its block, ties at the first.

    >>> pool_back(np.array([[5.0, 6.0]]), np.array([[1.0, 2.0, 0.0, 0.0], [4.0, 3.0, 0.0, -1.0]])).tolist()
    [[0.0, 0.0, 6.0, 0.0], [5.0, 0.0, 0.0, 0.0]]
    """
    largest = np.argmax(blocks(z), axis=2)
    chosen, (r, s) = np.arange(4) == largest[:, :, None], np.shape(largest)
    force = real("force", force, r, s)
    spread = np.where(chosen, force[:, :, None], 0.0).reshape(r, s, 2, 2)
    return spread.transpose(0, 2, 1, 3).reshape(2 * r, 2 * s)


def convnet(kernels, biases, output_weights, image, label: int):
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
        The input X; h - p + 1 = 2r and w - q + 1 = 2s.
    label : int
        The answer y.

    Returns
    -------
    float
        sum(V_y tanh(a)), of either sign; lower is better.

    Raises ValueError if `label` is not in 0..k-1, or if two shapes do not fit.

    >>> image = np.array([[0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    >>> kernel, V = np.array([[[0.0, 0.0], [0.0, np.log(2.0)]]]), np.array([[[[5.0]]]])
    >>> float(convnet(kernel, np.zeros(1), V, image, 0).round(12))  # 5 tanh(log 2)
    3.0
    """
    K, b, V, X, y = FORMULA.checked(kernels, biases, output_weights, image, label)
    return np.sum(V[y] * np.tanh(pooled(K, b, X)))


def convnet_kernels_gradient(kernels, biases, output_weights, image, label: int):
    """dE/dK, shape (c, p, q): D_c slid over the image."""
    K, b, V, X, y = FORMULA.checked(kernels, biases, output_weights, image, label)
    return np.array([slide(X, D_c) for D_c in forces(K, b, V, X, y)])


def convnet_biases_gradient(kernels, biases, output_weights, image, label: int):
    """dE/db, shape (c,): the sum of each D_c."""
    K, b, V, X, y = FORMULA.checked(kernels, biases, output_weights, image, label)
    return np.sum(forces(K, b, V, X, y), axis=(1, 2))


def convnet_output_weights_gradient(kernels, biases, output_weights, image, label: int):
    """dE/dV, shape (k, c, r, s): tanh(a) for the answer y, zero elsewhere."""
    K, b, V, X, y = FORMULA.checked(kernels, biases, output_weights, image, label)
    g = np.zeros(V.shape)
    g[y] = np.tanh(pooled(K, b, X))
    return g


def convnet_image_gradient(kernels, biases, output_weights, image, label: int):
    """dE/dX, shape (h, w): what each channel sends back, added up."""
    K, b, V, X, y = FORMULA.checked(kernels, biases, output_weights, image, label)
    return sum(slide_back(D_c, K_c) for D_c, K_c in zip(forces(K, b, V, X, y), K, strict=True))


def pooled(K, b, X):
    """a = pool(z) + b, shape (c, r, s)."""
    return np.array([pool(slide(X, K_c)) + b_c for K_c, b_c in zip(K, b, strict=True)])


def forces(K, b, V, X, y):
    """D = dE/dz, shape (c, h-p+1, w-q+1)."""
    force = V[y] * tanh_slope(pooled(K, b, X))
    return np.array([pool_back(f_c, slide(X, K_c)) for f_c, K_c in zip(force, K, strict=True)])


def rules(kernels, biases, output_weights, image, label):
    """Kernels that fit into the image and leave whole blocks, a weight for each block, and an answer."""
    (k, _, *found), (_, p, q), (h, w) = (np.shape(x) for x in (output_weights, kernels, image))
    require_index("label", label, k)
    require(len(kernels) >= 1, "kernels", kernels, "must hold c >= 1 kernels")
    require(h >= p >= 1 and w >= q >= 1, "kernels", kernels, f"must fit into an image of shape {(h, w)}")
    rows, columns = h - p + 1, w - q + 1
    even = rows % 2 == 0 and columns % 2 == 0
    require(even, "image", image, "must leave an even number of rows and of columns to the kernels")
    r, s = rows // 2, columns // 2
    require(found == [r, s], "output_weights", output_weights, f"must have r, s = {r}, {s}")


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
    return sum(slide_back(D, k[::-1, ::-1]) for D, k in zip(forces(K, b, V, x, y), K, strict=True))


# z = ((0, -1), (-2, -1)), and the first is the largest; h = 1/2 with slope 3/4
SMALL = {
    "kernels": [[[1.0, 0.0], [0.0, -1.0]]],
    "biases": [np.log(3.0) / 2.0],
    "output_weights": [[[[4.0]]], [[[-8.0]]]],
    "image": [[1.0, 2.0, 0.0], [0.0, 1.0, 3.0], [5.0, 2.0, 2.0]],
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
    cases={  # (kernels, biases, output_weights, image, label), E, gradients, the mistake that it exposes
        "an edge: tanh(log(3)/2) = 1/2": Case(
            SMALL | {"label": 0},
            2.0,
            {
                "kernels": [[[3.0, 6.0], [0.0, 3.0]]],
                "biases": [3.0],
                "output_weights": [[[[0.5]]], [[[0.0]]]],
                "image": [[3.0, 0.0, 0.0], [0.0, -3.0, 0.0], [0.0, 0.0, 0.0]],
            },
            "kernel flipped",
        ),
        "the other answer": Case(
            SMALL | {"label": 1},
            -4.0,
            {"image": [[-6.0, 0.0, 0.0], [0.0, 6.0, 0.0], [0.0, 0.0, 0.0]]},
            "kernel not turned on the way back",
        ),
        "a blank image: all four tie, the first takes the slope": Case(
            SMALL | {"kernels": [[[1.0, 2.0], [0.0, -1.0]]], "image": np.zeros((3, 3)), "label": 0},
            2.0,
            {"biases": [3.0], "image": [[3.0, 6.0, 0.0], [0.0, -3.0, 0.0], [0.0, 0.0, 0.0]]},
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
                "biases": [9.6],
                "output_weights": [[[[0.6, 0.6]]]],
                "image": [[0.0, 3.2, 0.0, 0.0], [0.0, 0.0, 0.0, 6.4]],
            },
            exposes="relu for tanh",
        ),
        "not a number": Case(
            SMALL | {"image": [[1.0, 2.0, 0.0], [0.0, np.nan, 3.0], [5.0, 2.0, 2.0]], "label": 0},
            np.nan,
            {"biases": [np.nan]},
        ),
        "one block, a kernel of one number: tanh(log(3)/2) = 1/2": Case(
            ([[[1.0]]], [0.0], [[[[2.0]]]], [[np.log(3.0) / 2.0, -9.0], [-9.0, -9.0]], 0),
            1.0,
            ([[[0.75 * np.log(3.0)]]], [1.5], [[[[0.5]]]], [[1.5, 0.0], [0.0, 0.0]]),
            "block averaged",
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
        "block averaged": Mistake(
            lambda K, b, V, X, y: np.sum(V[y] * np.tanh(_averaged(K, b, X))),
            symptom="mean for maximum: an edge counts for as little as it covers, and all pixels get a slope",
        ),
        "relu for tanh": Mistake(
            lambda K, b, V, X, y: np.sum(V[y] * np.maximum(0.0, pooled(K, b, X))),
            symptom="energies without bound, and no slope where a feature is absent",
        ),
        "bias added after tanh": Mistake(
            lambda K, b, V, X, y: np.sum(V[y] * (np.tanh(pooled(K, 0.0 * b, X)) + b[:, None, None])),
            symptom="the bias shifts the energy of an answer, and not how strong a feature must be",
        ),
        "block summed": Mistake(
            lambda K, b, V, X, y: np.sum(V[y] * np.tanh(4.0 * _averaged(K, 0.0 * b, X) + b[:, None, None])),
            symptom="sum for maximum: four times the mean",
        ),
    },
    rules=rules,
    refuses={
        "an answer without weights": (SMALL | {"label": 2}, "label"),
        "an answer counted from the end": (SMALL | {"label": -1}, "label"),
        "two biases for one kernel": (SMALL | {"biases": np.ones(2), "label": 0}, "biases"),
        "no kernel": ((np.ones((0, 2, 2)), np.ones(0), np.ones((1, 0, 1, 1)), np.ones((3, 3)), 0), "kernels"),
        "a kernel larger than the image": (SMALL | {"image": [[1.0, 2.0]], "label": 0}, "kernels"),
        "a kernel of nothing": (SMALL | {"kernels": np.ones((1, 0, 2)), "label": 0}, "kernels"),
        "half a block": (SMALL | {"image": np.ones((3, 4)), "label": 0}, "image"),
        "weights for two blocks of one": (
            SMALL | {"output_weights": np.ones((2, 1, 2, 1)), "label": 0},
            "output_weights",
        ),
    },
)


def _averaged(K, b, X):
    """The mean of each block in place of its largest number, and the biases."""
    return np.array([np.mean(blocks(slide(X, K_c)), axis=2) + b_c for K_c, b_c in zip(K, b, strict=True)])
