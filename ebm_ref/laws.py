r"""Laws: the properties that a formula may claim, each a function that measures how far it is broken.

    law(formula, inputs, rng) -> defect,      the law holds where defect <= 1

A defect is a violation in units of the rounding error that a correct page may make there:
16 u C with u = 2^-53 and C = |f| + sum_i |x_i df/dx_i|, the condition of the evaluation.  The first
line of a law's docstring is the claim that `ebm-ref show` prints.

Source: LeCun et al. (2006), Section 2.2 and 5; each law is named where a page claims it.
"""

import numpy as np

UNIT = 2.0**-53


def condition(formula, inputs):
    """C = |f| + sum |x_i df/dx_i| over the arguments that have an explicit gradient."""
    slopes = (np.abs(np.asarray(inputs[a], float) * g(**inputs)).sum() for a, g in formula.gradients.items())
    return abs(formula.value(**inputs)) + sum(slopes)


def misfit(formula, inputs, others, factor=1.0):
    """|f(others) - factor f(inputs)| in units of what rounding may do to the two evaluations."""
    error = abs(formula.value(**others) - factor * formula.value(**inputs))
    allowed = 16 * UNIT * (condition(formula, others) + abs(factor) * condition(formula, inputs))
    return 0.0 if error == 0.0 else error / allowed


def non_negative(formula, inputs, rng):
    """L >= 0, exactly."""
    return 0.0 if formula.value(**inputs) >= 0.0 else np.inf


def at_most_one(formula, inputs, rng):
    """L <= 1, exactly: one outlier cannot cost more."""
    return 0.0 if formula.value(**inputs) <= 1.0 else np.inf


def pushes_down_pulls_up(formula, inputs, rng):
    """dL/dE_y >= 0 and dL/dE_j <= 0 elsewhere: descent lowers the correct answer, raises the rest."""
    g = formula.gradients["energies"](**inputs)
    wrong = np.arange(len(g)) != inputs["label"]
    return 0.0 if g[inputs["label"]] >= 0.0 and np.all(g[wrong] <= 0.0) else np.inf


def bounds_the_error(formula, inputs, rng):
    """Wherever the model errs, L is at least what it is at a tie of two answers."""
    wrong_first = inputs | {"energies": np.sort(inputs["energies"]), "label": len(inputs["energies"]) - 1}
    tie = inputs | {"energies": np.zeros(2), "label": 0}
    gap = formula.value(**tie) - formula.value(**wrong_first)
    return max(0.0, gap) / (16 * UNIT * condition(formula, wrong_first)) if gap > 0.0 else 0.0


def homogeneous(degree, **powers):
    """The law f(a^p x, ...) = a^degree f(x, ...), with a power p for each argument that is scaled."""

    def law(formula, inputs, rng):
        a = 2.0 ** rng.integers(-3, 4)  # a power of two scales without rounding
        scaled = {name: inputs[name] * a**power for name, power in powers.items()}
        return misfit(formula, inputs, inputs | scaled, factor=a**degree)

    scaled = lambda power, x: {0: x, 1: f"a {x}", -1: f"{x}/a"}.get(power, f"a^{power} {x}")
    left = ", ".join(scaled(power, name) for name, power in powers.items())
    right = scaled(degree, "f(" + ", ".join(powers) + ")")
    law.__name__ = "homogeneous"
    law.__doc__ = f"f({left}) = {right} for every a > 0."
    return law


def moved_along(formula, inputs, argument, rng, scale=4.0):
    """The inputs, and the same with `argument` moved by a random step."""
    step = rng.normal(scale=scale, size=np.shape(inputs[argument]))
    return inputs, inputs | {argument: inputs[argument] + step}


def shift_invariant_in(argument):
    """The law f(x + c) = f(x) for every number c added to all entries of one argument."""

    def law(formula, inputs, rng):
        c = rng.normal(scale=8.0)
        return misfit(formula, inputs, inputs | {argument: inputs[argument] + c})

    law.__name__ = "shift_invariant"
    law.__doc__ = f"f({argument} + c) = f({argument}): only differences matter."
    return law


shift_invariant = shift_invariant_in("energies")


def permutation_invariant(formula, inputs, rng):
    """Renaming the answers, the index of the correct one with them, changes nothing."""
    tables = [a for a, axes in formula.shapes.items() if axes == ("k",)]
    order = rng.permutation(len(inputs[tables[0]]))
    renamed = {a: inputs[a][order] for a in tables}
    renamed |= {
        a: int(np.argsort(order)[x])
        for a, x in inputs.items()
        if isinstance(x, int) and not formula.shapes[a]
    }
    return misfit(formula, inputs, inputs | renamed)


def convex_in(argument):
    """The law f(tA + (1-t)B) <= t f(A) + (1-t) f(B) for any two values A and B of one argument."""

    def law(formula, inputs, rng):
        ends = moved_along(formula, inputs, argument, rng)
        t = rng.uniform()
        middle = inputs | {argument: t * ends[0][argument] + (1 - t) * ends[1][argument]}
        chord = t * formula.value(**ends[0]) + (1 - t) * formula.value(**ends[1])
        allowed = 16 * UNIT * sum(condition(formula, point) for point in [*ends, middle])
        excess = formula.value(**middle) - chord
        return excess / allowed if excess > 0.0 else 0.0

    law.__name__ = "convex"
    law.__doc__ = f"Convex in {argument}."
    return law


convex_in_energies = convex_in("energies")


def gradient_sums_to(argument, total):
    """The law sum_j df/dx_j = total."""

    def law(formula, inputs, rng):
        g = formula.gradients[argument](**inputs)
        error = abs(g.sum() - total)
        return error / (16 * UNIT * (np.abs(g).sum() + abs(total))) if error else 0.0

    law.__name__ = "gradient_sums_to"
    law.__doc__ = f"The slopes by `{argument}` add up to {total:g}."
    return law


gradient_sums_to_zero = gradient_sums_to("energies", 0.0)


def gradient_bounded(argument, bound):
    """The law |df/dx_j| <= bound, a number or a parameter: robust, for no outlier can pull harder."""

    def law(formula, inputs, rng):
        _, far = moved_along(formula, inputs, argument, rng, scale=1e3)
        limit = inputs[bound] if isinstance(bound, str) else bound
        return float(np.max(np.abs(formula.gradients[argument](**far))) / (limit * (1 + 16 * UNIT)))

    law.__name__ = "gradient_bounded"
    limit = bound if isinstance(bound, str) else f"{bound:g}"
    law.__doc__ = f"No slope by `{argument}` is steeper than {limit}, however far the outlier: robust."
    return law


def smooth(argument, constant):
    """The law |grad f(A) - grad f(B)| <= constant |A - B|: no corner, and a step of 1/constant descends."""

    def law(formula, inputs, rng):
        A, B = moved_along(formula, inputs, argument, rng)
        g = formula.gradients[argument]
        change, distance = (np.sqrt(np.sum(d**2)) for d in (g(**A) - g(**B), A[argument] - B[argument]))
        return float(change / (constant * distance * (1 + 16 * UNIT)))

    law.__name__ = "smooth"
    law.__doc__ = f"Smooth: the gradient by {argument} changes at most {constant:g} times as fast as it."
    return law


def likelihood_over(argument):
    """The law sum_y e^{-f(y)} = 1 over every value y of a target: f is minus the log of a probability."""

    def law(formula, inputs, rng):
        table = next((a for a, axes in formula.shapes.items() if axes[:1] == ("k",)), None)
        answers = range(len(inputs[table])) if table else (0.0, 1.0)
        points = [inputs | {argument: y} for y in answers]
        p = [float(np.exp(-formula.value(**point))) for point in points]
        allowed = (
            16 * UNIT * (1.0 + sum(q * condition(formula, point) for q, point in zip(p, points, strict=True)))
        )
        return abs(sum(p) - 1.0) / allowed

    law.__name__ = "likelihood"
    law.__doc__ = f"sum e^-f over every {argument} is 1: f is minus the logarithm of a probability."
    return law


def moved_together(*arguments):
    """The law f(x + c, y + c, ...) = f(x, y, ...) for every vector c added to several points."""

    def law(formula, inputs, rng):
        c = rng.normal(scale=8.0, size=np.shape(inputs[arguments[0]]))
        return misfit(formula, inputs, inputs | {a: inputs[a] + c for a in arguments})

    law.__name__ = "moved_together"
    law.__doc__ = f"f({', '.join(f'{a} + c' for a in arguments)}) = f({', '.join(arguments)})."
    return law


def symmetric(first, second):
    """The law f(x, y) = f(y, x)."""

    def law(formula, inputs, rng):
        return misfit(formula, inputs, inputs | {first: inputs[second], second: inputs[first]})

    law.__name__ = "symmetric"
    law.__doc__ = f"f({first}, {second}) = f({second}, {first})."
    return law


def in_units_of_a_density(**powers):
    """The law f(a^p x, ...) = f(x, ...) + log a of minus the logarithm of a density, whatever its unit."""

    def law(formula, inputs, rng):
        a = 2.0 ** rng.integers(-3, 4)
        scaled = inputs | {name: a**p * inputs[name] for name, p in powers.items()}
        error = abs(formula.value(**scaled) - formula.value(**inputs) - np.log(a))
        return error / (
            16 * UNIT * (condition(formula, scaled) + condition(formula, inputs) + abs(np.log(a)))
        )

    moved = ", ".join(f"a^{p} {name}" if p != 1 else f"a {name}" for name, p in powers.items())
    law.__name__ = "in_units_of_a_density"
    claim = "in a smaller unit the same density is a smaller number"
    law.__doc__ = f"f({moved}) = f({', '.join(powers)}) + log a: {claim}."
    return law


def minimised_by(statistic, claim, argument="prediction", data="target", draw=None, given=None):
    """The law that of all constant predictions a statistic of the targets has the least total loss.

    `statistic(targets, **inputs)` is that prediction, `draw(rng)` the targets (five, with an outlier) and
    `given(targets)` what else is fixed.  Convex losses: the total slope changes its sign there.
    """

    def law(formula, inputs, rng):
        targets = draw(rng) if draw else rng.standard_cauchy(size=5)
        fixed = inputs | (given(targets) if given else {})
        x, h = statistic(targets, **fixed), 2.0**-20 * np.max(np.abs(targets))
        g = formula.gradients[argument]
        slope = lambda x: sum(g(**fixed | {argument: x, data: float(y)}) for y in targets)
        return 0.0 if slope(x - h) <= 0.0 <= slope(x + h) else np.inf

    law.__name__ = "minimised_by"
    law.__doc__ = claim
    return law


def integrates_to(total, claim, edges, over="target"):
    """The law int exp(-f) d(over) = total(**inputs): what f must be for exp(-f) to be a density, or nearly.

    By Gauss-Legendre quadrature between consecutive edges(**inputs): every corner is an edge, and
    beyond the outermost nothing is left.
    """

    def law(formula, inputs, rng):
        nodes, weights = np.polynomial.legendre.leggauss(96)
        cuts = np.array(edges(**inputs))
        halves = np.diff(cuts) / 2
        points = (cuts[:-1] + halves)[:, None] + halves[:, None] * nodes
        integral = np.sum(halves * (np.exp(-formula(**inputs | {over: points})) @ weights))
        truth = total(**inputs)
        return abs(integral - truth) / (16 * UNIT * points.size * truth)

    law.__name__ = "integrates_to"
    law.__doc__ = claim
    return law


def is_a_density(points):
    """The law int exp(-L) dt = 1, with points where the integral is cut."""
    return integrates_to(lambda **_: 1.0, "int exp(-L) dt = 1: a density, nothing left out.", points)
