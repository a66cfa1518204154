"""Samples on which pages may lose digits: hostile ones, and large ones.

    hostile_samples(name, draw, rng)    (kind, inputs): an argument tied, subnormal, over 300 orders, ...
    sizes(name)                         17, 240 and 2000 terms, or as in LARGEST; 17, 60 and 300 moments
    large_samples(name, size, rng)      (kind, inputs): as drawn, or hostile

A large sample is a small one of the page's own sampler with one axis grown, or drawn by a function of its own
where the arguments hang together.
"""

import numpy as np

from ebm_ref import FORMULAS
from ebm_ref.proof import oracle
from ebm_ref.proof.large import path_of_arcs

# ---- hostile samples: one argument changed ----

orders = lambda rng, x: np.sign(x) * 10.0 ** rng.uniform(-150.0, 150.0, np.shape(x))


def one_entry(rng, x, factor):
    x = np.array(x)
    x.flat[rng.integers(x.size)] *= factor
    return x[()]


def singular(rng, x):
    """Rows nearly the same, in every matrix of the last two axes that is square."""
    if np.ndim(x) < 2 or np.shape(x)[-1] != np.shape(x)[-2]:
        return None
    v = rng.normal(size=np.shape(x)[:-1])
    return v[..., None] * v[..., None, :] + 10.0 ** rng.uniform(-14, -6) * np.eye(np.shape(x)[-1])


def tied(x):
    """All entries equal to the first."""
    return np.full(np.shape(x), np.ravel(x)[0])[()] if np.size(x) else x


KINDS = {
    "tied": lambda rng, x: tied(x) if np.size(x) > 1 else None,
    "nearly tied": lambda rng, x: 10.0 ** rng.uniform(-15, -6) * x + np.ravel(x)[0],
    "zero": lambda rng, x: 0.0 * x,
    "offset": lambda rng, x: x + rng.choice([-1, 1]) * 10.0 ** rng.uniform(3, 9),
    "wide": lambda rng, x: x * 10.0 ** rng.uniform(1, 4),
    "enormous": lambda rng, x: x * 10.0 ** rng.uniform(20, 145),
    "extreme": lambda rng, x: x * 10.0 ** rng.uniform(145, 305),
    "tiny": lambda rng, x: x * 10.0 ** rng.uniform(-140, -10),
    "least": lambda rng, x: x * 10.0 ** rng.uniform(-305, -140),
    "subnormal": lambda rng, x: x * 2.0**-1060,
    "300 orders": orders,
    "one large": lambda rng, x: one_entry(rng, x, 10.0 ** rng.uniform(3, 17)),
    "one small": lambda rng, x: one_entry(rng, x, 10.0 ** rng.uniform(-300, -3)),
    "turned": lambda rng, x: -x,
    "singular": singular,
}
SYMMETRIC = {(name, "couplings") for name in ("hopfield", "ising", "potts")} | {("boltzmann", "weights")}
DISTRIBUTIONS = {"kl_divergence", "cross_entropy_of_probabilities", "variational_free_energy"}


def restored(name, inputs):
    """The inputs with what their page asks of them restored: distributions, symmetry."""
    inputs = dict(inputs)
    for a, x in inputs.items():
        if (name, a) in SYMMETRIC:
            inputs[a] = np.triu(x, 1) + np.triu(x, 1).T
        elif a == "covariances":
            inputs[a] = (np.asarray(x) + np.swapaxes(x, -1, -2)) / 2.0
        elif name in DISTRIBUTIONS and a in ("target", "p", "probabilities"):
            with np.errstate(all="ignore"):
                inputs[a] = np.abs(x) / np.sum(np.abs(x))
    return inputs


def hostile_samples(name, draw, rng, each=2, arguments=None):
    """Yield (kind, inputs): real arguments, all or so many at random, changed in every way, one at a time."""
    for kind, change in KINDS.items():
        for a in rng.permutation(oracle.real(draw(rng)))[:arguments].tolist():
            for _ in range(each):
                inputs = draw(rng)
                with np.errstate(all="ignore"):
                    x = change(rng, np.asarray(inputs[a], float)[()])
                inputs = inputs if x is None else restored(name, inputs | {a: x})
                if x is not None and np.all(np.isfinite(inputs[a])):
                    yield f"{kind} {a}", inputs
    for _ in range(each):
        inputs = draw(rng)
        yield "all tied", restored(name, inputs | {a: tied(inputs[a]) for a in oracle.real(inputs)})


# ---- large samples ----

# the axis that grows
GROWS = {
    axis: names.split()
    for axis, names in {
        "k": """softmax marginal_energy joint_energy rbf_output latent_detector latent_detector_free_energy
            k_means integral_table most_offending most_offending_outside energy perceptron hinge log mce lvq2
            lvq2_ratio square_square square_exponential nll mee generalized_hinge margin_rescaled_hinge
            kl_divergence cross_entropy nll_of_log_probabilities cross_entropy_of_probabilities
            label_smoothing info_nce multi_margin multilabel_margin multilabel_soft_margin free_energy
            average_free_energy variational_free_energy reduction_batchmean ranking_nce squared_hinge poly_1
            class_weighted_cross_entropy multi_class_focal sup_con multiscale_denoising""",
        "n": """two_class logistic siamese contrastive contrastive_distance triplet_margin cosine_embedding
            pca vae_divergence vae reduction_mean reduction_sum reduction_class_weighted_mean
            reduction_element_weighted_mean reduction_by_target_length quadratic quadratic_score
            quadratic_curvature hopfield ising boltzmann qubo potts potts_rbm_free_energy autoencoder
            denoising_autoencoder contractive_autoencoder pseudolikelihood pseudolikelihood_of_states
            ratio_matching contrastive_divergence dice variational_bound kernel_stein kernel_stein_v
            kernel_stein_multiquadric""",
        "m": """linear_regression multi_layer_perceptron implicit_regression contraction sparse_coding
            regularised_latent noise_contrastive conditional_nce minimum_probability_flow energy_discrepancy
            score_entropy""",
        "c": """gaussian_mixture gaussian_mixture_energy mixture mixture_score mixture_curvature rings
            rings_score rings_curvature""",
        "d": """langevin mala_correction positive_log_jacobian interval_log_jacobian simplex_log_jacobian
            score_matching denoising_score_matching denoising_control sliced_score_matching
            sliced_score_matching_reduced recovery_energy""",
        "h": "rbm gaussian_rbm rbm_free_energy gaussian_rbm_free_energy",
    }.items()
}
AXIS = {name: axis for axis, names in GROWS.items() for name in names}
SIZES = 17, 240, 2000
T = 17, 60, 300
# where the truth at 2000 would be millions of numbers: n^2 couplings, n^2 pairs, n^3 of an elimination
LARGEST = dict.fromkeys(
    "quadratic quadratic_score quadratic_curvature hopfield ising boltzmann qubo potts".split(), 240
) | dict.fromkeys("kernel_stein kernel_stein_v kernel_stein_multiquadric tree_nll".split(), 40)


def sizes(name):
    """The sizes that a formula is asked at; none where it has nothing that grows."""
    if name in LARGEST:
        return SIZES[0], LARGEST[name]
    return T if name in LONG else SIZES if name in AXIS else ()


def grown(name, size, rng):
    """A sample with one axis of this size: entries drawn again from a small one, and moved a little."""
    f, axis = FORMULAS[name], AXIS[name]
    inputs = f.bind(**f.sample(rng))
    for a, axes in f.shapes.items():
        x = np.asarray(inputs[a])
        for position, own in enumerate(axes):
            if own == axis:
                x = np.take(x, rng.integers(x.shape[position], size=size), position)
        if axis in axes and x.dtype == float and not np.array_equal(x, np.rint(x)):
            x = x * (1.0 + 0.25 * rng.normal(size=x.shape).clip(-3, 3))
        inputs[a] = x[()] if x.ndim else inputs[a]
    if name == "multilabel_margin":
        targets = rng.permutation(size)
        targets[rng.integers(1, 6)] = -1
        inputs["targets"] = targets
    if name.startswith("gaussian_mixture"):
        S = inputs["covariances"]
        inputs["covariances"] = 0.1 * np.eye(S.shape[-1]) + np.einsum("kij,klj->kil", S, S)
    if name == "dice":
        inputs |= {a: np.minimum(inputs[a], 1.0) for a in ("probabilities", "targets")}
    for a in ("log_q", "log_probabilities"):
        if a in inputs:
            inputs[a] = inputs[a] - np.log(np.sum(np.exp(inputs[a])))
    return restored(name, inputs)


def is_beyond_elimination(name, inputs):
    """Whether the recursion of trees, which subtracts, needs more digits than lie between the weights."""
    if name != "tree_nll":
        return False
    energies = np.append(inputs["arcs"], inputs["roots"])
    with np.errstate(over="ignore"):
        spread = inputs["beta"] * np.ptp(energies)
    return (len(inputs["roots"]) - 2) * spread > 2 * oracle.enough(inputs)  # of two words nothing is lost


def log_rows(rng, *shape):
    x = rng.normal(scale=3.0, size=shape)
    return x - np.log(np.sum(np.exp(x), axis=-1, keepdims=True))


def long_ctc(rng, t):
    classes, blank = 12, int(rng.integers(12))
    target = np.array([k for k in rng.integers(12, size=t // 6) if k != blank])
    return {"log_probabilities": log_rows(rng, t, classes), "target": target, "blank": blank}


def long_transducer(rng, t):
    u, blank = t // 20, int(rng.integers(5))
    target = np.array([k for k in rng.integers(5, size=u) if k != blank], int)
    return {"log_probabilities": log_rows(rng, t, len(target) + 1, 5), "target": target, "blank": blank}


def long_chain(rng, t, k=5):
    table = {"unary": rng.normal(scale=2.0, size=(t, k)), "pairwise": rng.normal(scale=2.0, size=(k, k))}
    return table | {"labels": rng.integers(k, size=t)}


def long_graph(rng, t):
    """A path of t nodes with other ways beside it, as the large vectors have, and energies on no grid."""
    drawn = path_of_arcs(t)(rng)
    return drawn | {"energies": rng.normal(scale=2.0, size=len(drawn["arcs"]))}


def tree(rng, n):
    """Words of which each but the first hangs on one before it."""
    heads = np.array([0, *(int(rng.integers(1, m + 1)) for m in range(1, n))])
    return {
        "arcs": rng.normal(scale=2.0, size=(n, n)),
        "roots": rng.normal(scale=2.0, size=n),
        "heads": heads,
    }


def table(rng, t):
    return {"distances": rng.uniform(0.0, 3.0, size=(t, t // 6 + 1))}


def long_factor_graph(rng, t):
    tables = rng.normal(scale=2.0, size=(t, 3, 3))
    return {
        "tables": tables,
        "scopes": rng.integers(50, size=(t, 2)),
        "configuration": rng.integers(3, size=50),
    }


def long_convnet(rng, t):
    side = 2 * int((t / 2) ** 0.5)
    shapes = {"kernels": (2, 3, 3), "biases": (2,), "output_weights": (2, 2, side // 2, side // 2)}
    inputs = {a: rng.normal(size=shape) for a, shape in shapes.items()}
    return inputs | {"image": rng.normal(size=(side + 2, side + 2)), "label": 1}


beta = lambda rng: {"beta": float(rng.uniform(0.3, 3.0))}
LONG = {
    "ctc": long_ctc,
    "ctc_of_logits": lambda rng, t: {
        "logits" if a == "log_probabilities" else a: x for a, x in long_ctc(rng, t).items()
    },
    "transducer": long_transducer,
    "chain": long_chain,
    "hidden_markov": lambda rng, t: {
        "log_start": log_rows(rng, 5),
        "log_transitions": log_rows(rng, 5, 5),
        "log_emissions": log_rows(rng, 5, 7),
        "observations": rng.integers(7, size=t),
        "labels": rng.integers(5, size=t),
    },
    "linear_structured": lambda rng, t: {
        "weights": rng.normal(size=(4, 3)),
        "transitions": rng.normal(size=(4, 4)),
        "features": rng.normal(size=(t, 3)),
        "labels": rng.integers(4, size=t),
    },
    "chain_nll": lambda rng, t: long_chain(rng, t) | beta(rng),
    "chain_perceptron": long_chain,
    "chain_hinge": lambda rng, t: long_chain(rng, t) | {"margin": float(rng.uniform(0.5, 20.0))},
    "chain_margin_rescaled_hinge": lambda rng, t: long_chain(rng, t) | {"cost": float(rng.uniform(0.1, 2.0))},
    "alignment": table,
    "soft_alignment": lambda rng, t: table(rng, t) | beta(rng),
    "banded_alignment": lambda rng, t: table(rng, t) | {"width": 8},
    "banded_soft_alignment": lambda rng, t: table(rng, t) | {"width": 8} | beta(rng),
    "tree_nll": lambda rng, n: tree(rng, n) | beta(rng),
    "graph_transformer": long_graph,
    "graph_perceptron": long_graph,
    "graph_nll": lambda rng, t: long_graph(rng, t) | beta(rng),
    "factor_graph": long_factor_graph,
    "convnet": long_convnet,
}


def large_samples(name, size, rng, each=20):
    """Yield (kind, inputs): so many as drawn, and hostile ones, all kinds of them at the smallest size."""
    f, large = FORMULAS[name], LONG.get(name) or (lambda rng, size: grown(name, size, rng))
    draw = lambda rng: f.bind(**large(rng, size))
    for _ in range(each):
        yield "as drawn", draw(rng)
    if size == SIZES[0]:
        yield from hostile_samples(name, draw, rng, each=1, arguments=1)
        return
    first = next(iter(f.gradients or f.shapes))
    for kind in ("tied", "wide", "300 orders"):
        inputs = draw(rng)
        x = KINDS[kind](rng, np.asarray(inputs[first], float))
        yield f"{kind} {first}", restored(name, inputs | {first: x})
    inputs = draw(rng)
    yield "all tied", restored(name, inputs | {a: tied(inputs[a]) for a in oracle.real(inputs)})
