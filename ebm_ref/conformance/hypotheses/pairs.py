r"""Two changes: of two arguments, of an argument and the formula, or of the formula and its result.

    f(g(x), h(y))       two arguments read as something else
    v(g(x))             a variant of the page, of an argument that was read as something else
    c h, h + c          a factor or a term on top of any hypothesis

What two vectors do not bear out in float64 goes no further.

Source: the construction is this project's own.
"""

import itertools
from functools import partial

import numpy as np

from ebm_ref.conformance.hypotheses import arguments, outputs, screening, texts
from ebm_ref.conformance.hypotheses.fitting import ALIKE
from ebm_ref.conformance.hypotheses.hypothesis import DIGITS, Hypothesis, of_gradients, on_tape
from ebm_ref.conformance.hypotheses.variants import derived
from ebm_ref.proof import tape

PAIRED = "negated", "ignored: 1 ", "1/", "squared", "doubled", "transposed", "exchanged"
NEARLY = 1e-7  # relative, of float64 and what two vectors have


def of_arguments(formula, judgements, is_wide):
    """Hypotheses with two plain changes of arguments, or with one and a variant of the page."""
    sample = judgements[0].vector["inputs"]
    changes = arguments.changes(formula, sample)
    plain = [(what, change) for what, change in changes if any(word in what for word in PAIRED)]
    read = [_read(plain, j) for j in judgements]
    make = texts.expression(judgements[0].vector["formula"])
    for (a, one), (b, other) in itertools.combinations(plain, 2):
        if all(_fits(formula.value, r.get(a), r.get(b), j) for r, j in zip(read, judgements, strict=True)):
            twice = arguments.on_changed(arguments.on_changed(make, one), other)
            yield on_tape(f"{a}; {b}", twice, is_wide, 6)
    for variant, (a, change) in itertools.product(formula.variants, plain):
        f = variant.value
        if f and all(_fits(f, r.get(a), {}, j) for r, j in zip(read, judgements, strict=True)):
            yield of_variant(f"{variant.name}; {a}", f, change)


def _read(changes, judgement):
    """What arguments become by each change, in float64."""
    found, inputs = {}, judgement.vector["inputs"]
    for what, change in changes:
        try:
            found[what] = in_float64(change, inputs)
        except Exception:  # it has no value there
            continue
    return found


def in_float64(change, inputs):
    """The inputs with an argument changed on the tape, as numbers and arrays of floats."""
    lists = {a: np.asarray(x).tolist() for a, x in inputs.items()}
    with np.errstate(all="ignore"), tape.digits(DIGITS):
        return {a: _floats(x, inputs[a]) for a, x in change(lists).items()}


def _floats(x, like):
    kind = np.asarray(like).dtype.type
    found = np.array(x, object)
    return np.array([float(tape.plain(e)) for e in found.ravel()]).reshape(found.shape).astype(kind)[()]


def _fits(function, one, other, judgement):
    """Whether a function of changed inputs gives nearly the answer."""
    if one is None or other is None or set(one) & set(other):
        return False
    try:
        with np.errstate(all="ignore"):
            found = np.asarray(function(**judgement.vector["inputs"] | one | other), float)
    except Exception:  # refused, as the page refuses it
        return False
    answer = np.asarray(judgement.answer, float)
    return found.shape == answer.shape and np.allclose(found, answer, rtol=NEARLY, atol=0.0)


def of_variant(name, function, change):
    """A variant of changed inputs; its gradients are differences."""

    def answer(vector, output, dtype):
        inputs = vector["inputs"]
        f = lambda *sample: function(
            **(given := dict(zip(inputs, sample, strict=True))) | in_float64(change, given)
        )
        try:
            with np.errstate(all="ignore"):
                if output == "value":
                    return np.asarray(f(*inputs.values()), float)
                return derived(f, inputs, [output])[output]
        except Exception:  # it does not say
            return None

    return Hypothesis(name, "slip", answer, rank=6, roughly=True)


def on_top(formula, hypotheses, judgements, allows):
    """A plain factor or term on top of what is allowed, where the first two judgements agree on which."""
    is_value = judgements[0].output == "value"
    sample = judgements[0].vector["inputs"]
    factors = _at(list(outputs.factors(formula, sample)), judgements)
    addends = _at(list(outputs.addends(formula, sample)), judgements) if is_value else []
    is_hopeless = _screen(judgements, {np.multiply: factors, np.add: addends})
    for h in hypotheses:
        pairs = [None] if is_hopeless(h) or not allows(h) else [_largest(h, j) for j in judgements]
        if None in pairs:
            continue
        quotients, differences = [y / x for x, y in pairs], [y - x for x, y in pairs]
        for name, c, numbers in factors:
            if any(n != 1.0 for n in numbers) and all(map(_same, numbers, quotients)):
                top = Hypothesis(f"{h.name}; {name}", "slip", partial(_scaled, h, c), rank=6)
                yield top if is_value else of_gradients(top)
        for name, c, numbers in addends:
            if any(numbers) and all(map(_same, numbers, differences)):
                yield Hypothesis(f"{h.name}; {name}", "slip", partial(_moved, h, c), rank=6)


def _screen(judgements, tables):
    """Whether floats show of a hypothesis that nothing in {change: table} makes of it what was answered."""
    answers = [screening.seen(j.vector, j.output, j.answer) for j in judgements]
    numbers = {change: np.transpose([n for *_, n in table]) for change, table in tables.items() if table}

    def is_hopeless(hypothesis):
        found = [hypothesis.in_floats(j.vector, j.output) for j in judgements]
        return None not in found and not any(
            np.any(
                np.all(
                    [e.reaches(*a, change, n) for e, a, n in zip(found, answers, some, strict=True)], axis=0
                )
            )
            for change, some in numbers.items()
        )

    return is_hopeless


def _at(table, judgements):
    return [(name, c, [at(c, j.vector) for j in judgements]) for name, c in table]


def _same(x, y):
    return abs(x - y) <= ALIKE * abs(x)


def _largest(hypothesis, judgement):
    """What is claimed, at its largest entry, and what was answered there; None where there is nothing."""
    claimed = hypothesis.answer(judgement.vector, judgement.output, "float64")
    answer = np.asarray(judgement.answer, float)
    if claimed is None or np.shape(claimed) != answer.shape or not answer.size:
        return None
    claimed = np.asarray(claimed, float)
    largest = np.unravel_index(np.argmax(np.abs(claimed)), claimed.shape)
    if not (np.isfinite(claimed[largest]) and claimed[largest] != 0.0):
        return None
    return claimed[largest], answer[largest]


def _scaled(hypothesis, factor, vector, output, dtype):
    claimed = hypothesis.answer(vector, output, dtype)
    return None if claimed is None else claimed * at(factor, vector)


def _moved(hypothesis, addend, vector, output, dtype):
    """The value with a term added that is constant: slopes are as they were."""
    claimed = hypothesis.answer(vector, output, dtype)
    return claimed if claimed is None or output != "value" else claimed + at(addend, vector)


def at(number, vector):
    """A number that depends on the inputs, as a float; NaN where it has no value."""
    try:
        return float(tape.plain(number({a: np.asarray(x).tolist() for a, x in vector["inputs"].items()})))
    except (ArithmeticError, ValueError):
        return np.nan
