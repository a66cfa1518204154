r"""Laws: the properties that a formula may claim, each a function that measures how far it is broken.

    law(formula, inputs, rng) -> defect,      the law holds where defect <= 1

A defect is a violation in units of the rounding error that a correct page may make there:
16 u C with u = 2^-53 and C = |f| + sum_i |x_i df/dx_i|, the condition of the evaluation.  The first
line of a law's docstring is the claim that `ebm-ref show` prints.

Source: LeCun et al. (2006), Section 2.2 and 5; each law is named where a page claims it.
Before: formula.py.  Next: numerics.py.
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


def shift_invariant(formula, inputs, rng):
    """L(E + c) = L(E): only differences of energies matter."""
    c = rng.normal(scale=8.0)
    return misfit(formula, inputs, inputs | {"energies": inputs["energies"] + c})


def permutation_invariant(formula, inputs, rng):
    """Renaming the answers, the correct one with them, changes nothing."""
    order = rng.permutation(len(inputs["energies"]))
    tables = {name: inputs[name][order] for name, axes in formula.shapes.items() if axes == ("k",)}
    label = int(np.argsort(order)[inputs["label"]])
    return misfit(formula, inputs, inputs | tables | {"label": label})


def non_negative(formula, inputs, rng):
    """L >= 0, exactly."""
    return 0.0 if formula.value(**inputs) >= 0.0 else np.inf


def at_most_one(formula, inputs, rng):
    """L <= 1, exactly: one outlier cannot cost more."""
    return 0.0 if formula.value(**inputs) <= 1.0 else np.inf


def convex_in_energies(formula, inputs, rng):
    """L(tA + (1-t)B) <= t L(A) + (1-t) L(B) for any two tables of energies A and B."""
    A, t = inputs["energies"], rng.uniform()
    B = A + rng.normal(scale=4.0, size=A.shape)
    ends = [inputs | {"energies": A}, inputs | {"energies": B}]
    middle = inputs | {"energies": t * A + (1 - t) * B}
    chord = t * formula.value(**ends[0]) + (1 - t) * formula.value(**ends[1])
    allowed = 16 * UNIT * sum(condition(formula, point) for point in [*ends, middle])
    return max(0.0, formula.value(**middle) - chord) / allowed if allowed else 0.0


def gradient_sums_to_zero(formula, inputs, rng):
    """sum_j dL/dE_j = 0: what is pushed down is pulled up elsewhere."""
    g = formula.gradients["energies"](**inputs)
    return abs(g.sum()) / (16 * UNIT * np.abs(g).sum()) if g.any() else 0.0


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
