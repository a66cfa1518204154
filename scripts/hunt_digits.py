#!/usr/bin/env python3
"""Hunt for lost digits: `scripts/hunt_digits.py [NAME...] [--samples N] [--large N] [--processes N]`.

Claim: a page is within 4 (u C + eta) of the truth, value and gradients, on random samples of its own sampler,
on hostile ones (tied, over 300 orders of magnitude, subnormal, singular, ...) and on large ones: 17, 240 and
2000 terms, sequences of 300 moments.  The truth is the naive expression, or its recursion, in hundreds of
digits.  Prints the worst error in units of u C + eta, and every kind of violation.  Exit status 1 above 4.
"""

import argparse
import signal
import sys
import time
import zlib
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np

from ebm_ref import FORMULAS
from ebm_ref.proof import oracle, tape
from ebm_ref.proof.golden import PRECISIONS
from ebm_ref.proof.recursions import RECURSIONS

U, ETA = PRECISIONS["float64"]
ALLOWED = 4.0
SIZES = 17, 240, 2000
PICKED = 5  # of every output all components are compared; a condition is computed for the worst of them
SECONDS = 60  # for one sample


# ---- the error of a page ----


class TooSlow(Exception):
    """A truth that takes longer than a hunter waits."""


@np.errstate(all="ignore")
def judge(name, inputs, long=False):
    """[(units, (output, component), truth, answer)] of the worst components; empty where the page refuses."""
    f = FORMULAS[name]
    try:
        answers = {"value": f.value(**inputs)} | {a: g(**inputs) for a, g in f.gradients.items()}
    except ValueError:
        return []
    expression = RECURSIONS.get(name, oracle.ORACLES[name]) if long else oracle.ORACLES[name]
    look = lambda: _errors(expression, inputs, answers)
    try:
        found = oracle.computed(look, inputs)
        if max((units for units, *_ in found), default=0.0) > ALLOWED:  # a doubt: with three times the digits
            with tape.digits(3 * oracle.enough(inputs), wide=True):
                found = look()
    except (oracle.EdgeOfDomain, ZeroDivisionError):
        return []
    return found


def _errors(expression, inputs, answers):
    components, branches, slopes, numbers, given = _differentiated(expression, inputs, answers, ())
    sizes = [s for a in _moved(inputs, answers) for s in oracle.sizes_of(inputs[a])]
    found = []
    for output, answer in answers.items():
        is_value = output == "value"
        truths = components if is_value else [by[x] for by in slopes for x in oracle.flat(given[output])]
        answer = np.ravel(np.asarray(answer, float))
        rounded = np.array([tape.rounded(t) for t in truths])
        error = np.where(answer == rounded, 0.0, np.abs(answer - rounded))
        error = np.where(np.isnan(error), np.inf, error)
        doubt = error / (U * np.abs(rounded) + ETA)
        worst = np.argsort(-doubt)
        for i in worst[: max(1, min(PICKED, np.sum(doubt > ALLOWED)))].tolist():
            row = [0 for _ in numbers]  # |g| alone excuses an error of no doubt
            if doubt[i] > 1:
                row = slopes[i].values() if is_value else tape.plain_derivatives(truths[i], numbers)
            C = oracle.condition(truths[i], row, sizes)
            units = float(error[i] / (U * C + ETA)) if np.isfinite(error[i]) else np.inf
            found.append([units, (output, i), float(rounded[i]), float(answer[i]), C])
    sizes = [np.abs(np.asarray(x, float)).max(initial=0.0) for x in (*inputs.values(), answers["value"])]
    S = max(1.0, *sizes)
    if max(units for units, *_ in found) > ALLOWED and any(gap <= 8 * U * S for gap in branches.gaps):
        found = _between_sides(expression, inputs, answers, found, 8 * U * S, branches)
    return [tuple(entry[:4]) for entry in found]


def _between_sides(expression, inputs, answers, found, reach, branches):
    """Errors from the nearest value between the sides of a corner; none where there are too many corners."""
    if sum(gap <= reach for gap in branches.gaps) > 6:
        return [entry for entry in found if entry[0] <= ALLOWED]
    sides = []
    for script in oracle.sides(expression, inputs, reach):
        components, _, slopes, _, given = _differentiated(expression, inputs, answers, script)
        by_output = {"value": components} | {
            a: [by[x] for by in slopes for x in oracle.flat(given[a])] for a in answers if a != "value"
        }
        sides.append([tape.rounded(by_output[output][i]) for _, (output, i), *_ in found])
    low, high = np.min(sides, axis=0), np.max(sides, axis=0)
    for entry, a, b in zip(found, low, high, strict=True):
        _, _, _, answer, C = entry
        entry[0] = max(a - answer, answer - b, 0.0) / (U * C + ETA)
    return found


def _moved(inputs, answers):
    real = oracle.real(inputs)
    return [*real, *(a for a in answers if a != "value" and a not in real)]


def _differentiated(expression, inputs, answers, script):
    moved = _moved(inputs, answers)
    value, branches, given = oracle.evaluate(expression, inputs, script, moved)
    components = oracle.flat(value)
    oracle.require_real(*(tape.plain(f) for f in components))
    numbers = [x for a in moved for x in oracle.flat(given[a])]
    slopes = [dict(zip(numbers, tape.derivatives(f, numbers), strict=True)) for f in components]
    return components, branches, slopes, numbers, given


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
    """The inputs with what their page asks of them restored: distributions, symmetry, normalised rows."""
    inputs = dict(inputs)
    for a, x in inputs.items():
        if (name, a) in SYMMETRIC:
            inputs[a] = np.triu(x, 1) + np.triu(x, 1).T
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

# the axis that grows; where an argument has it twice, only to LARGE_SQUARE
GROWS = {
    axis: names.split()
    for axis, names in {
        "k": """softmax marginal_energy joint_energy rbf_output latent_detector latent_detector_free_energy
            k_means integral_table most_offending most_offending_outside energy perceptron hinge log mce lvq2
            lvq2_ratio square_square square_exponential nll mee generalized_hinge margin_rescaled_hinge
            kl_divergence cross_entropy nll_of_log_probabilities cross_entropy_of_probabilities
            label_smoothing info_nce multi_margin multilabel_margin multilabel_soft_margin free_energy
            average_free_energy variational_free_energy reduction_batchmean ranking_nce""",
        "n": """two_class logistic siamese contrastive contrastive_distance triplet_margin cosine_embedding
            pca vae_divergence vae reduction_mean reduction_sum reduction_class_weighted_mean
            reduction_element_weighted_mean reduction_by_target_length quadratic quadratic_score
            quadratic_curvature hopfield ising boltzmann qubo potts potts_rbm_free_energy autoencoder
            denoising_autoencoder contractive_autoencoder pseudolikelihood pseudolikelihood_of_states
            ratio_matching contrastive_divergence""",
        "m": """linear_regression multi_layer_perceptron implicit_regression contraction sparse_coding
            regularised_latent noise_contrastive conditional_nce minimum_probability_flow""",
        "c": """gaussian_mixture gaussian_mixture_energy mixture mixture_score mixture_curvature rings
            rings_score rings_curvature""",
        "d": "langevin mala_correction",
        "h": "rbm gaussian_rbm rbm_free_energy gaussian_rbm_free_energy",
    }.items()
}
AXIS = {name: axis for axis, names in GROWS.items() for name in names}
LARGE_SQUARE = 40


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
    for a in ("log_q", "log_probabilities"):
        if a in inputs:
            inputs[a] = inputs[a] - np.log(np.sum(np.exp(inputs[a])))
    return restored(name, inputs)


def is_square(name):
    return any(axes.count(AXIS[name]) > 1 for axes in FORMULAS[name].shapes.values())


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
    """A path of t nodes, with two ways between neighbours and some that leap over one."""
    arcs = [(i, i + 1, int(rng.integers(3))) for i in range(t - 1) for _ in range(2)]
    arcs += [(i, i + 2, int(rng.integers(3))) for i in range(t - 2) if rng.random() < 0.3]
    answer, node = [], 0
    while node != t - 1:
        _, node, label = arcs[rng.choice([n for n, arc in enumerate(arcs) if arc[0] == node])]
        answer.append(label)
    arcs = np.array(arcs)[rng.permutation(len(arcs))]
    return {"energies": rng.normal(scale=2.0, size=len(arcs)), "arcs": arcs, "answer": np.array(answer)}


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
    "alignment": lambda rng, t: {"distances": rng.uniform(0.0, 3.0, size=(t, t // 6 + 1))},
    "soft_alignment": lambda rng, t: {"distances": rng.uniform(0.0, 3.0, size=(t, t // 6 + 1))} | beta(rng),
    "graph_transformer": long_graph,
    "graph_perceptron": long_graph,
    "graph_nll": lambda rng, t: long_graph(rng, t) | beta(rng),
    "factor_graph": long_factor_graph,
    "convnet": long_convnet,
}
T = 17, 60, 300


def large_samples(name, rng, each=2):
    """Yield (size, kind, inputs): as drawn, and hostile where that is cheap."""
    if name in LONG:
        sizes, draw = T, lambda size: lambda rng: FORMULAS[name].bind(**LONG[name](rng, size))
    elif name in AXIS:
        sizes = (SIZES[0], LARGE_SQUARE) if is_square(name) else SIZES
        draw = lambda size: lambda rng: FORMULAS[name].bind(**grown(name, size, rng))
    else:
        return
    for size in sizes:
        for _ in range(each):
            yield size, "as drawn", draw(size)(rng)
        if size == sizes[0]:
            for kind, inputs in hostile_samples(name, draw(size), rng, each=1, arguments=1):
                yield size, kind, inputs
        else:
            first = next(iter(FORMULAS[name].gradients or FORMULAS[name].shapes))
            for kind in ("tied", "wide", "300 orders"):
                inputs = draw(size)(rng)
                x = KINDS[kind](rng, np.asarray(inputs[first], float))
                yield size, f"{kind} {first}", restored(name, inputs | {first: x})
            inputs = draw(size)(rng)
            yield size, "all tied", restored(name, inputs | {a: tied(inputs[a]) for a in oracle.real(inputs)})


# ---- the hunt ----


def hunt(name, samples, seed, large=2):
    """Worst units of each column, counts, and the violations of a formula."""
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    f = FORMULAS[name]
    draw = lambda rng: f.bind(**f.sample(rng))
    worst, counts, violations, started = {}, {}, [], time.perf_counter()

    def look(column, kind, inputs, long=False):
        try:
            signal.alarm(SECONDS)
            found = judge(name, inputs, long)
        except TooSlow:
            counts["too slow"] = counts.get("too slow", 0) + 1
            return
        except Exception as e:
            violations.append((column, kind, np.inf, f"{type(e).__name__}: {e}", 0.0, 0.0, inputs))
            return
        finally:
            signal.alarm(0)
        if not found:
            counts["no truth"] = counts.get("no truth", 0) + 1
            return
        counts[column] = counts.get(column, 0) + 1
        units, output, truth, answer = max(found, key=lambda entry: entry[0])
        worst[column] = max(worst.get(column, 0.0), units)
        if units > ALLOWED:
            violations.append((column, kind, units, output, truth, answer, inputs))

    signal.signal(signal.SIGALRM, _too_slow)
    for _ in range(samples):
        look("own", "own sample", draw(rng))
    for kind, inputs in hostile_samples(name, draw, rng, each=max(2, samples // 25)):
        look("hostile", kind, inputs)
    for size, kind, inputs in large_samples(name, rng, large):
        look(str(size), kind, inputs, long=True)
    return name, worst, counts, violations, time.perf_counter() - started


def _too_slow(*_):
    raise TooSlow


def shown(inputs):
    """The inputs, so that they can be pasted; large ones by their beginning."""
    text = lambda x: repr(np.asarray(x).tolist())
    return ", ".join(f"{a}={t if len(t := text(x)) <= 400 else t[:200] + ' ...'}" for a, x in inputs.items())


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("names", metavar="NAME", nargs="*", help="a formula; all without")
    parser.add_argument("--samples", type=int, default=50, metavar="N")
    parser.add_argument("--large", type=int, default=2, metavar="N", help="samples of each size")
    parser.add_argument("--processes", type=int, metavar="N", help="as many as there are cores without")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    args = parser.parse_args()
    unknown = sorted(set(args.names) - set(FORMULAS))
    if unknown:
        parser.error(f"unknown formula {', '.join(unknown)}")
    columns = ["own", "hostile", "17", "40", "60", "240", "300", "2000"]
    print(f"{'worst error in units of u C + eta':38}" + "".join(f"{c:>9}" for c in columns) + "  samples  s")
    total = 0
    with ProcessPoolExecutor(args.processes) as pool:
        look = partial(hunt, samples=args.samples, seed=args.seed, large=args.large)
        jobs = pool.map(look, args.names or list(FORMULAS))
        for name, worst, counts, violations, took in jobs:
            cells = "".join(f"{worst[c]:9.3g}" if c in worst else f"{'':9}" for c in columns)
            looked = sum(n for column, n in counts.items() if column in columns)
            left = ", ".join(f"{n} {what}" for what, n in counts.items() if what not in columns)
            print(f"{name:38}{cells} {looked:8} {took:4.0f}  {left}", flush=True)
            seen = {}
            for column, kind, units, output, truth, answer, inputs in violations:
                place = kind, output if isinstance(output, str) else output[0]
                seen[place] = seen.get(place, 0) + 1
                if seen[place] == 1:
                    what = f"    {column}, {kind}: {output} is {answer!r}, not {truth!r}: {units:.3g} units"
                    print(f"{what}\n        {shown(inputs)}", flush=True)
            total += len(violations)
    print(f"{total} violations of {ALLOWED:g} (u C + eta).")
    return int(total > 0)


if __name__ == "__main__":
    sys.exit(main())
