#!/usr/bin/env python3
"""A trellis: the best of 24 configurations with 16 evaluations instead of 96.

Claim   Four factors in a row, E_a(z1) + E_b(z1, z2) + E_c(z2, y1) + E_d(y1,
        y2), of variables with 2, 2, 2 and 3 values. Trying every configuration
        evaluates a factor 96 times; tabulating each factor once, 16 times. The
        minimum over the tables, one variable at a time, is the same, and so
        are the sum over all configurations and what remains when y is clamped.
Source  LeCun et al. (2006), Section 6 and Figure 19.
Data    Tables drawn from a Generator.
Time    1 s on one core.

Evaluations are counted where they happen: a factor is a function that knows
how often it was called. The longer the row, the more it saves: of n variables
with k values, (n - 1) k^2 + k against n k^n.
"""

import itertools

import numpy as np
from reproduction import conclude, figure, near, options, within

from ebm_ref.exact.elimination import ground_state, log_partition, marginals
from ebm_ref.exact.factors import clamped, tabulated

SIZES = {"z1": 2, "z2": 2, "y1": 2, "y2": 3}
SCOPES = (("z1",), ("z1", "z2"), ("z2", "y1"), ("y1", "y2"))


class Counted:
    """A factor as a function of its variables that counts its calls."""

    def __init__(self, table):
        self.table, self.calls = table, 0

    def __call__(self, *values):
        self.calls += 1
        return self.table[values]


def random_factors(rng, scopes, sizes):
    """A counted factor for each scope, its energies normal."""
    return [Counted(rng.normal(size=[sizes[v] for v in scope])) for scope in scopes]


def by_trying(functions, scopes, sizes):
    """{configuration: energy}, every factor evaluated for every configuration."""
    names = list(sizes)
    energies = {}
    for values in itertools.product(*map(range, sizes.values())):
        at = dict(zip(names, values, strict=True))
        energies[values] = sum(f(*(at[v] for v in scope)) for f, scope in zip(functions, scopes, strict=True))
    return energies


def by_tables(functions, scopes, sizes):
    """The factors as tables, each entry evaluated once."""
    return [tabulated(scope, f, sizes) for f, scope in zip(functions, scopes, strict=True)]


def calls(functions):
    """Evaluations since the last time one asked."""
    count = sum(f.calls for f in functions)
    for f in functions:
        f.calls = 0
    return count


def compare(rng):
    """Both ways on one set of tables: evaluations, and by how much minimum, sum and clamped minima differ."""
    functions = random_factors(rng, SCOPES, SIZES)
    energies = by_trying(functions, SCOPES, SIZES)
    tried = calls(functions)
    factors = by_tables(functions, SCOPES, SIZES)
    lowest, where = ground_state(factors, SIZES)
    log_Z, (nodes, _) = log_partition(factors, SIZES), marginals(factors, SIZES)
    asked = calls(functions)
    best = min(energies, key=energies.get)
    weights = {y: np.exp(-E) for y, E in energies.items()}
    p_y2 = [sum(w for y, w in weights.items() if y[3] == k) for k in range(3)] / sum(weights.values())
    off = max(
        abs(lowest - energies[best]),
        abs(log_Z - np.log(sum(weights.values()))),
        np.max(np.abs(nodes["y2"] - p_y2)),
        max(abs(clamped_minimum(factors, y) - minimum(energies, y)) for y in np.ndindex(2, 3)),
    )
    return tried, asked, tuple(where[v] for v in SIZES) == best, off


def clamped_minimum(factors, y):
    """min over z of E with y = (y1, y2) held, by elimination."""
    return ground_state(clamped(factors, {"y1": y[0], "y2": y[1]}), {"z1": 2, "z2": 2})[0]


def minimum(energies, y):
    """The same by comparison."""
    return min(E for values, E in energies.items() if values[2:] == y)


def row(n, k=2):
    """Evaluations for n variables in a row: by trying (counted up to 10), and by tables."""
    sizes = {i: k for i in range(n)}
    scopes = [(0,), *((i, i + 1) for i in range(n - 1))]
    functions = random_factors(np.random.default_rng(n), scopes, sizes)
    by_tables(functions, scopes, sizes)
    asked = calls(functions)
    by_trying(functions, scopes, sizes)
    return calls(functions), asked


def draw(file, factors, counts):
    """The trellis with its best path, and evaluations against the length of the row."""
    axes, save = figure(file, ncols=2, figsize=(10.0, 3.8), width_ratios=(1.5, 1.0))
    best = ground_state(factors, SIZES)[1]
    place = {v: i for i, v in enumerate(SIZES)}
    for scope, table in factors[1:]:
        (u, v), on = scope, tuple(best[v] for v in scope)
        for (i, j), E in np.ndenumerate(table):
            style = {"color": "#D55E00", "lw": 3.0} if (i, j) == on else {"color": "0.7", "lw": 1.0}
            axes[0].plot([place[u], place[v]], [i, j], ls="-", zorder=1, **style)
            t = 0.28 if i != j else 0.5  # so that numbers of crossing edges stand apart
            axes[0].text(
                place[u] + t,
                i + t * (j - i),
                f"{E:.1f}",
                fontsize=8,
                ha="center",
                va="center",
                bbox={"color": "white", "pad": 0.8},
            )
    for v, k in SIZES.items():
        axes[0].plot([place[v]] * k, range(k), "o", ms=11, color="#0072B2", ls="none")
    for i, E in enumerate(factors[0][1]):
        axes[0].text(-0.12, i, f"{E:.1f}", fontsize=8, ha="right", va="center")
    axes[0].set(xlabel="variable, in the order of the row", ylabel="value", yticks=range(3), xlim=(-0.5, 3.2))
    axes[0].set_xticks(range(4), SIZES)
    axes[0].set_title("the lowest path is found with 16 energies, not 96")
    lengths = list(counts)
    axes[1].plot(lengths, [c[0] for c in counts.values()], "o-", label="every configuration")
    axes[1].plot(lengths, [c[1] for c in counts.values()], "s--", label="every table once")
    axes[1].set(yscale="log", xlabel="variables in the row, 2 values each", ylabel="evaluations of a factor")
    axes[1].set_title("exponential against linear")
    axes[1].legend()
    save()


def main():
    chosen = options(__doc__)
    rng = np.random.default_rng(chosen.seed)
    results = [compare(rng) for _ in range(5 if chosen.quick else 50)]
    tried, asked, same, off = zip(*results, strict=True)
    counts = {n: row(n) for n in range(2, 9 if chosen.quick else 13)}
    print("variables   every configuration   every table once")
    for n, (all_of, once) in counts.items():
        print(f"{n:9d} {all_of:21d} {once:18d}")
    if chosen.figure:
        functions = random_factors(np.random.default_rng(chosen.seed), SCOPES, SIZES)
        draw(chosen.figure, by_tables(functions, SCOPES, SIZES), counts)
    conclude(
        near("evaluations, trying all 24 configurations", tried[0], 96),
        near("evaluations, each entry of a table once", asked[0], 16),
        ("as many for other tables", set(tried) == {96} and set(asked) == {16}),
        ("the same configuration is the best, each time", all(same)),
        within("minimum, sum, p(y2), minima with y clamped: off by", max(off), high=1e-13),
        (
            "a row of n: n 2^n against 4 (n - 1) + 2",
            all(c == (n * 2**n, 4 * (n - 1) + 2) for n, c in counts.items()),
        ),
    )


if __name__ == "__main__":
    main()
