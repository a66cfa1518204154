r"""Evidence: the witnesses of every formula, each a function that yields (claim, holds, figure).

    hand         cases worked by hand                                       relative error <= 1e-15
    autograd     every explicit gradient against autograd                   relative error <= 1e-10
    slope        every explicit gradient against central differences        along random directions
    laws         what the page claims, at random points                     defect <= 1
    identities   what links it to other formulas, at random points          defect <= 1
    oracle       golden vectors, ordinary and hostile                       4 (u C + eta)
    enumeration  the sum over answers, in plain Python loops; quadrature    8 n u S
    mutants      every known mistake is exposed by its case, or a vector    beyond 8 (u C + eta)

A witness that does not apply yields one claim, the reason, with holds = None.  The same functions
serve the tests and `ebm-ref verify`, which compares with the shipped vectors and needs no mpmath.

Source: the rules are stated in bounds.py and laws.py.
"""

import functools
import zlib

import autograd
import numpy as np

from ebm_ref.catalogue import FORMULAS
from ebm_ref.proof import golden
from ebm_ref.proof.bounds import measure
from ebm_ref.proof.identities.catalogue import IDENTITIES
from ebm_ref.proof.loops import ENUMERATIONS

SAMPLES = 20


def samples(name, count=SAMPLES):
    """Random inputs of a formula, the same in every run."""
    rng = np.random.default_rng(zlib.crc32(name.encode()) + 1)
    return [FORMULAS[name].bind(**FORMULAS[name].sample(rng)) for _ in range(count)], rng


def relative_error(result, truth):
    """Largest |result - truth| / |truth| over components; equal numbers, NaNs and infinities count as 0."""
    result, truth = np.broadcast_arrays(np.asarray(result, float), np.asarray(truth, float))
    same = (result == truth) | (np.isnan(result) & np.isnan(truth))
    with np.errstate(all="ignore"):
        error = np.where(same, 0.0, np.abs(result - truth) / np.abs(truth))
    return float(np.max(np.where(np.isnan(error), np.inf, error), initial=0.0))


def hand(name):
    """Cases worked by hand, each value and gradient to a relative error of 1e-15."""
    f = FORMULAS[name]
    for case in f.cases:
        truths = {"value": case.value, **case.gradients}
        for output, truth in truths.items():
            with np.errstate(all="ignore"):
                result = (f.value if output == "value" else f.gradients[output])(**case.inputs)
            error = relative_error(result, truth) if np.shape(result) == np.shape(truth) else np.inf
            yield f"{case.name}, {output}", error <= 1e-15, error


def by_autograd(name):
    """Explicit gradients against autograd, relative to their largest component."""
    f = FORMULAS[name]
    for argument, gradient in f.gradients.items():
        position = list(f.shapes).index(argument)
        for i, inputs in enumerate(samples(name)[0]):
            theirs = autograd.jacobian(f.value, position)(*inputs.values())
            error = np.max(np.abs(gradient(**inputs) - theirs)) / max(np.max(np.abs(theirs)), 1e-300)
            yield f"d/d{argument}, sample {i}", bool(error <= 1e-10), float(error)
    if not f.gradients:
        yield "the result is an index", None, None


def slope(name):
    """Explicit gradients against central differences along random directions."""
    f = FORMULAS[name]
    for argument, gradient in f.gradients.items():
        points, rng = samples(name)
        for i, inputs in enumerate(points):
            x, h = inputs[argument], 2.0**-17
            v = rng.normal(size=np.shape(x))
            rise = f.value(**inputs | {argument: x + h * v}) - f.value(**inputs | {argument: x - h * v})
            along = np.sum(gradient(**inputs) * v, axis=tuple(range(-np.ndim(x), 0)))
            # truncation h^2 f'''/6 and rounding u f/h are both about 1e-10 times the third derivative's scale
            error = float(
                np.max(np.abs(rise / (2 * h) - along)) / (1.0 + np.sum(np.abs(gradient(**inputs) * v)))
            )
            yield f"d/d{argument}, sample {i}", error <= 1e-7, error
    if not f.gradients:
        yield "the result is an index", None, None


def laws(name):
    """Every law that the page claims, the worst of random points."""
    f = FORMULAS[name]
    points, rng = samples(name)
    for law in f.laws:
        defect = float(np.max([law(f, inputs, rng) for inputs in points]))  # a NaN prevails
        yield law.__doc__.splitlines()[0], defect <= 1.0, defect
    if not f.laws:
        yield "the page claims none", None, None


def identities(name):
    """Every identity that links the formula to others, the worst of random points."""
    linked = [identity for identity, names in IDENTITIES.items() if name in names]
    for identity in linked:
        claim, holds, defect = _identity(identity)
        yield claim, holds, defect
    if not linked:
        yield "no identity of the catalogue involves it", None, None


@functools.cache
def _identity(identity):
    rng = np.random.default_rng(zlib.crc32(identity.__doc__.encode()))
    defect = float(np.max([identity(rng) for _ in range(SAMPLES)]))
    return identity.__doc__.splitlines()[0], defect <= 1.0, defect


def oracle(name):
    """The golden vectors; a page must match with half the bound of others, or with what it promises."""
    f = FORMULAS[name]
    for vector in golden.load(name):
        for output in ("value", *vector["gradients"]):
            with np.errstate(all="ignore"):
                result = (f.value if output == "value" else f.gradients[output])(**vector["inputs"])
            error = 8.0 / f.keeps * measure(vector, output, result).fine
            yield f"{vector['id']}, {output}", error <= 1.0, error


def enumeration(name):
    """The sum over answers, in plain Python."""
    if name == "integral_table":
        identity = next(i for i in IDENTITIES if i.__name__ == "regression_nll_is_energy_plus_a_constant")
        yield _identity(identity)
    elif name in ENUMERATIONS:
        for i, inputs in enumerate(samples(name)[0]):
            plain = {a: np.asarray(x).tolist() for a, x in inputs.items()}
            truth = ENUMERATIONS[name](**plain)
            probe = {"inputs": inputs, "kinks": {}, "condition": 0.0}
            error = measure(probe, "value", FORMULAS[name].value(**inputs), truth=truth).coarse
            yield f"sample {i}", error <= 1.0, error
    else:
        yield "no sum over answers", None, None


def mutants(name):
    """Every mistake is exposed by the case that claims it, or else by some vector: an output is off."""
    f = FORMULAS[name]
    vectors = {vector["id"]: vector for vector in golden.load(name)}
    for variant in f.variants:
        claimed = [
            vectors[f"{name}/{golden.slug(case.name)}"] for case in f.cases if case.exposes == variant.name
        ]
        if claimed or variant.kind == "mistake":
            error = farthest_off(variant, claimed or vectors.values())
            yield f"{variant.name} ({variant.kind})", error > 1.0, error
    if not f.variants:
        yield "no mistake on record", None, None


def farthest_off(variant, vectors):
    """The first exposure above the bound, or else the largest."""
    largest = 0.0
    for vector in vectors:
        largest = max(largest, exposure(variant, vector))
        if largest > 1.0:
            break
    return largest


def exposure(variant, vector):
    """How far a variant is off on a vector, in units of the bound; 0 where it gives nothing."""
    outputs = {"value": variant.value, **variant.gradients}
    with np.errstate(all="ignore"):
        answers = {o: function(*vector["inputs"].values()) for o, function in outputs.items() if function}
    return max(
        (measure(vector, o, a).fine for o, a in answers.items() if o in {"value", *vector["gradients"]}),
        default=0.0,
    )


WITNESSES = {
    "hand": hand,
    "autograd": by_autograd,
    "slope": slope,
    "laws": laws,
    "identities": identities,
    "oracle": oracle,
    "enumeration": enumeration,
    "mutants": mutants,
}
