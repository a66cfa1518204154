r"""Large samples: every axis of every formula, once with some forty places along it.

    answers k = 40, moments t = 40 with 12 labels, 20 spins, 40 hidden units, tables 40 x 4 and 4 x 40

An implementation that reads four spins, three labels or sixteen answers, or that walks in a band beside the
diagonal, is right on every small sample.  So each formula is asked once more for each of its axes, with
ordinary numbers, and with other axes that stay small, so that a shape is hardly ever square.

An axis grows by drawing its entries again and again from a small sample of the formula itself, each moved a
little.  Numbers that name a place along it are drawn anew.  Formulas whose arguments hang together (paths,
graphs, images, targets) are drawn by functions of their own.
"""

import zlib

import numpy as np

SIZE = 40
SQUARE = 20  # along an axis that an argument has twice

# where the definition itself, in multiprecision, cannot do more, or its answer is a table of thousands
SMALLER = {
    ("gaussian_mixture", "n"): 4,
    ("gaussian_mixture_energy", "n"): 4,
    ("quadratic_score", "n"): 8,
    ("rings_score", "n"): 12,
    ("mixture_score", "n"): 8,
    ("mixture_curvature", "n"): 12,
    ("langevin", "d"): 12,
    ("contractive_autoencoder", "n"): 16,
    ("contractive_autoencoder", "m"): 16,
    ("autoencoder", "n"): 20,
    ("autoencoder", "m"): 20,
    ("denoising_autoencoder", "n"): 20,
    ("denoising_autoencoder", "m"): 20,
    ("chain_nll", "k"): 12,
} | {
    (f"kernel_stein{kind}", axis): size
    for kind in ("", "_v", "_multiquadric")
    for axis, size in (("n", 18), ("d", 16))
}

# why an axis has no large sample
FIXED = {
    "a": "a point of the plane",
    "p": "of kernels: the convnet's own sample has 3; of scopes: a factor has two variables",
}


def samples(name, formula, rng):
    """Yield (axis, inputs) for each axis that can grow."""
    if name in DRAWN:
        for axis, draw in DRAWN[name].items():
            yield axis, formula.bind(**draw(rng))
        return
    for axis in dict.fromkeys(axis for axes in formula.shapes.values() for axis in axes):
        if axis not in FIXED:
            inputs = grown(name, formula, axis, rng)
            yield axis, inputs
            if missed(name, formula, axis, inputs):
                yield f"{axis}-again", telling(name, formula, axis)
    for what, draw in MORE.get(name, {}).items():
        yield what, formula.bind(**draw(rng))


def missed(name, formula, axis, inputs):
    """The cuts n for which the first n places along an axis give the same value, or nearly.

    Places that an argument names are kept, unless no others are read.
    """
    value, same = formula.value(**inputs), []
    for n in CUTS:
        try:
            first = beginning(name, formula, axis, inputs, n, (name, axis) not in ONE_PLACE)
            gap = np.inf if first is None else np.max(np.abs(formula.value(**first) - value))
        except (ValueError, IndexError):  # an answer of another shape, or against the rules
            continue
        if gap <= 1e-3 * (1.0 + np.max(np.abs(value))):
            same.append(n)
    return same


# where no other place is read than one that an argument names
ONE_PLACE = {
    *((name, "k") for name in ("multi_layer_perceptron", "rbf_output", "joint_energy", "energy", "chain")),
    *((name, "k") for name in ("latent_detector", "linear_structured", "nll_of_log_probabilities")),
    *((name, "q") for name in ("potts", "potts_rbm_free_energy")),
    ("gaussian_mixture_energy", "c"),
    ("factor_graph", "k"),
    ("factor_graph", "n"),
    ("convnet", "k"),
}


def length(formula, axis, inputs):
    """How many places there are along an axis."""
    return next(np.shape(inputs[a])[axes.index(axis)] for a, axes in formula.shapes.items() if axis in axes)


def named(name, inputs, axis):
    """The arguments that name places along an axis."""
    return [a for a in inputs if places(name, a) == axis]


def beginning(name, formula, axis, inputs, n, keeps_named=True):
    """The first n places along an axis, and those that arguments name; None where that is all."""
    by = named(name, inputs, axis) if keeps_named else []
    kept = {*range(n), *(int(y) for a in by for y in np.ravel(inputs[a]))}
    kept = np.array(sorted(kept & set(range(length(formula, axis, inputs)))))
    if len(kept) == length(formula, axis, inputs):
        return None
    first = {a: taken(x, formula.shapes[a], axis, kept) for a, x in inputs.items()}
    return first | {a: np.searchsorted(kept, first[a])[()] for a in by}


def taken(x, axes, axis, kept):
    for place, own in enumerate(axes):
        if own == axis:
            x = np.take(x, kept, place)
    return x


CUTS = 3, 4, 10, 16  # what others were found to read, or to keep


def telling(name, formula, axis):
    """A sample of which no first few places give the same value, drawn until there is one."""
    rng = np.random.default_rng([zlib.crc32(f"{name}/{axis}".encode()), 41])
    for calm in 100 * (1.0, 0.25, 0.0625):  # large scores saturate
        inputs = REFINED.get(name, lambda inputs: inputs)(grown(name, formula, axis, rng, calm))
        try:
            if not missed(name, formula, axis, inputs):
                return inputs
        except ValueError:  # against the rules of the page
            continue
    raise AssertionError(f"{name}: no sample tells how much of the axis {axis} is read")


def grown(name, formula, axis, rng, calm=1.0):
    """A sample of the formula with some forty places along an axis, its numbers so much calmer."""
    inputs = formula.bind(**formula.sample(rng))
    is_square = any(axes.count(axis) > 1 for axes in formula.shapes.values())
    size = SMALLER.get((name, axis), SQUARE if is_square else SIZE)
    large = {a: repeated(np.asarray(x), formula.shapes[a], axis, size, rng, calm) for a, x in inputs.items()}
    for a, x in large.items():
        if places(name, a) == axis:
            large[a] = rng.integers(size, size=np.shape(x))[()]
    return RESTORED.get(name, lambda inputs, rng: inputs)(large, rng)


def repeated(x, axes, axis, size, rng, calm=1.0):
    """x with so many places along an axis, drawn from its own, each moved a little."""
    for place, own in enumerate(axes):
        if own == axis:
            x = np.take(x, rng.integers(x.shape[place], size=size), place)
    if axis in axes and x.dtype.kind == "f":
        x = on_a_grid(
            calm * x * (1.0 + 0.5 * rng.uniform(-1.0, 1.0, x.shape)) + 0.25 * rng.uniform(size=x.shape)
        )
    return x[()]


def on_a_grid(x):
    """The nearest multiple of 1/1024: a short decimal, and exactly a float32."""
    return np.round(1024.0 * np.asarray(x)) / 1024.0


# arguments that name a place along an axis; labels of Potts models name a colour
PLACES = {
    "label": "k",
    "component": "c",
    "position": "k",
    "positive": "k",
    "configuration": "k",
    "scopes": "n",
}


def places(name, argument):
    """The axis that an argument names places of, or None."""
    if argument == "labels":
        return "q" if name.startswith("potts") else "k"
    return PLACES.get(argument)


# ---- what a formula asks of its arguments, restored ----


def symmetric(inputs, rng):
    """Couplings equal to their transpose, without a diagonal."""
    a = "weights" if "weights" in inputs else "couplings"
    upper = np.triu(inputs[a], 1)
    return inputs | {a: upper + upper.T}


def distribution(argument):
    """That argument as probabilities that add up to 1: multiples of 1/1024."""

    def restored(inputs, rng):
        size = len(inputs[argument])
        shares = 1 + rng.multinomial(1024 - size, np.full(size, 1.0 / size))
        return inputs | {argument: shares / 1024.0}

    return restored


def log_distribution(argument):
    """That argument as logarithms of probabilities that add up to 1."""

    def restored(inputs, rng):
        x = inputs[argument]
        return inputs | {argument: x - np.log(np.sum(np.exp(x)))}

    return restored


def covariances(inputs, rng):
    """Positive definite ones."""
    S = inputs["covariances"]
    products = np.einsum("kij,klj->kil", S, S)
    return inputs | {"covariances": on_a_grid(0.5 * np.eye(S.shape[-1]) + (products + products.mT) / 2.0)}


def offered_targets(inputs, rng):
    """Twelve right classes among the forty, and -1 behind them."""
    targets = rng.permutation(len(inputs["scores"]))
    targets[12] = -1
    return inputs | {"targets": targets}


def shares(argument):
    """That argument between 0 and 1."""
    return lambda inputs, rng: inputs | {argument: on_a_grid(rng.uniform(size=inputs[argument].shape))}


def with_a_face(inputs, rng):
    """Without one, all places cost the same: forty ties have 2^40 sides."""
    return inputs | {"face": 1}


def with_a_middling_radius(inputs):
    """Half of the answers are in the ball, so that every coordinate counts."""
    distances = np.sqrt(np.sum((inputs["answers"] - inputs["correct"]) ** 2, axis=1))
    return inputs | {"radius": on_a_grid(np.median(distances))}


REFINED = {"most_offending_outside": with_a_middling_radius}
RESTORED = {
    "latent_detector_free_energy": with_a_face,
    "hopfield": symmetric,
    "ising": symmetric,
    "potts": symmetric,
    "boltzmann": symmetric,
    "kl_divergence": lambda inputs, rng: log_distribution("log_q")(distribution("p")(inputs, rng), rng),
    "nll_of_log_probabilities": log_distribution("log_probabilities"),
    "cross_entropy_of_probabilities": distribution("target"),
    "variational_free_energy": distribution("probabilities"),
    "dice": shares("probabilities"),
    "gaussian_mixture": covariances,
    "gaussian_mixture_energy": covariances,
    "multilabel_margin": offered_targets,
}


# ---- samples that hang together ----


def normal(rng, *shape):
    return on_a_grid(1.5 * rng.normal(size=shape))


def log_rows(rng, *shape):
    """Logarithms of probabilities, along the last axis."""
    x = normal(rng, *shape)
    return x - np.log(np.sum(np.exp(x), axis=-1, keepdims=True))


def labels_besides(rng, blank, classes, count):
    """So many labels besides the blank, the third as the second: between repeated labels goes a blank."""
    labels = rng.permutation(np.repeat(np.delete(np.arange(classes), blank), 8))[:count]
    labels[2:3] = labels[1:2]
    return labels


def ctc(scores, t, classes, count, scale=1.0):
    def draw(rng):
        blank = int(rng.integers(classes))
        x = scale * (log_rows if scores == "log_probabilities" else normal)(rng, t, classes)
        return {scores: x, "target": labels_besides(rng, blank, classes, count), "blank": blank}

    return draw


def certain_ctc(scores, t, classes, count):
    """Nearly certain of one of the alignments at every moment, so that the loss is small: log 2 and below."""

    def draw(rng):
        inputs = ctc(scores, t, classes, count)(rng)
        blank, target = inputs["blank"], inputs["target"]
        path = [blank, *(place for label in target for place in (label, label, blank))]
        path = np.array([*path, *[blank] * (t - len(path))])
        z = inputs[scores] + 12.0 * (np.arange(classes) == path[:, None])
        if scores == "log_probabilities":
            z = z - np.log(np.sum(np.exp(z), axis=-1, keepdims=True))
        return inputs | {scores: z}

    return draw


def transducer(rng):
    blank = int(rng.integers(6))
    target = labels_besides(rng, blank, 6, 7)
    return {"log_probabilities": log_rows(rng, 12, 8, 6), "target": target, "blank": blank}


def path_of_arcs(nodes, **more):
    """Two ways between neighbours and some that leap over one; the answer is spelt by one of the paths."""

    def draw(rng):
        arcs = [(i, i + 1, int(rng.integers(3))) for i in range(nodes - 1) for _ in range(2)]
        arcs += [(i, i + 2, int(rng.integers(3))) for i in range(nodes - 2) if rng.random() < 0.3]
        answer, node = [], 0
        while node != nodes - 1:
            _, node, label = arcs[rng.choice([n for n, arc in enumerate(arcs) if arc[0] == node])]
            answer.append(label)
        arcs = np.array(arcs)[rng.permutation(len(arcs))]
        return {"energies": normal(rng, len(arcs)), "arcs": arcs, "answer": np.array(answer)} | more

    return draw


def convnet(rng):
    """Three kernels of 3 x 2 over an image of 10 x 7: eight by six places, pooled to 4 x 3."""
    shapes = {"kernels": (3, 3, 2), "biases": (3,), "output_weights": (12, 3, 4, 3), "image": (10, 7)}
    return {a: normal(rng, *shape) / 2.0 for a, shape in shapes.items()} | {"label": 7}


def table(n, m, **more):
    return lambda rng: {"distances": on_a_grid(rng.uniform(0.0, 3.0, size=(n, m)))} | more


def corner(**more):
    """A table whose best path goes down the first column and along the last row, far from the diagonal."""

    def draw(rng):
        d = 1.0 + rng.uniform(0.0, 2.0, size=(16, 13))
        d[:, 0], d[-1] = rng.uniform(0.0, 0.125, size=16), rng.uniform(0.0, 0.125, size=13)
        return {"distances": on_a_grid(d)} | more

    return draw


def transducer_corner(rng):
    """Most weight on reading all frames first, and then giving all labels."""
    inputs = transducer(rng)
    z, target, blank = inputs["log_probabilities"] / 4.0, inputs["target"], inputs["blank"]
    z[:, 0, blank] += 4.0
    z[-1, np.arange(7), target] += 4.0
    z = z - np.log(np.sum(np.exp(z), axis=-1, keepdims=True))
    return inputs | {"log_probabilities": z}


TABLES = {"n": (40, 4), "m": (4, 40), "n-and-m": (14, 12)}


def many_words(rng):
    """A tree of twelve words: each but the first hangs on one before it."""
    return {
        "arcs": on_a_grid(rng.normal(size=(12, 12))),
        "roots": on_a_grid(rng.normal(size=12)),
        "heads": np.array([0, *(rng.integers(1, m + 1) for m in range(1, 12))]),
        "beta": 0.75,
    }


def many_states(k, n, t):
    """A hidden Markov model of so many states, symbols and moments, in logarithms on the grid."""
    logs = lambda rng, *shape: on_a_grid(-0.25 - 3.0 * rng.uniform(size=shape))

    def drawn(rng):
        return {
            "log_start": logs(rng, k),
            "log_transitions": logs(rng, k, k),
            "log_emissions": logs(rng, k, n),
            "observations": rng.integers(n, size=t),
            "labels": rng.integers(k, size=t),
        }

    return drawn


DRAWN = (
    {
        name: {axis: table(*shape, **more) for axis, shape in TABLES.items()} | {"corner": corner(**far)}
        for name, more, far in (
            ("alignment", {}, {}),
            ("soft_alignment", {"beta": 1.5}, {"beta": 1.5}),
            ("banded_alignment", {"width": 3}, {"width": 11}),
            ("banded_soft_alignment", {"width": 3, "beta": 1.5}, {"width": 11, "beta": 1.5}),
        )
    }
    | {
        "hidden_markov": {"k": many_states(20, 3, 5), "n": many_states(3, 40, 5), "t": many_states(3, 2, 40)},
        "tree_nll": {"n": many_words},
        "convnet": {"h": convnet, "k": lambda rng: convnet(rng) | {"label": 11}},
        "graph_transformer": {"n": path_of_arcs(18)},
        "graph_perceptron": {"n": path_of_arcs(18)},
        "graph_nll": {"n": path_of_arcs(14, beta=0.75)},
        "transducer": {"t": transducer, "corner": transducer_corner},
    }
    | {
        name: {
            "t": ctc(scores, 40, 5, 12),
            "c": ctc(scores, 5, 40, 2),
            "u": ctc(scores, 16, 5, 7),
            "certain": certain_ctc(scores, 14, 4, 3),
        }
        for name, scores in (("ctc", "log_probabilities"), ("ctc_of_logits", "logits"))
    }
)

# so hot that the edges of the band count
DRAWN["banded_soft_alignment"] |= {
    "hot-and-tall": table(13, 9, width=2, beta=0.125),
    "hot-and-wide": table(9, 13, width=2, beta=0.125),
}


def deceptive(**more):
    """A chain whose cheapest labels lead nowhere: a search that keeps four loses the best sequence."""

    def draw(rng):
        unary, pairwise = 0.5 * normal(rng, 7, 12), normal(rng, 12, 12) / 2.0
        unary[0, :6] -= 4.0
        unary[3, :6] -= 10.0
        pairwise[:6] += 5.0
        pairwise[:, :6] += 3.0
        pairwise[6:, 6:] -= 3.0
        return {"unary": on_a_grid(unary), "pairwise": pairwise, "labels": rng.integers(12, size=7)} | more

    return draw


# besides those that are grown
MORE = {
    "chain_nll": {"deceptive": deceptive(beta=0.75)},
    "chain_perceptron": {"deceptive": deceptive()},
    "chain_hinge": {"deceptive": deceptive(margin=1.5)},
    "chain_margin_rescaled_hinge": {"deceptive": deceptive(cost=0.75)},
}
