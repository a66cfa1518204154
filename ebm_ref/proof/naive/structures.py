r"""Naive structured energies: sums over the parts of a configuration, and over all configurations.

    E(y) = sum_a E_a(y_a)
    Z = sum_y e^{-E(y)}        over every y there is

Source: the papers that the pages cite.
"""

import itertools
from math import inf

from ebm_ref.proof.naive.words import dot, exp, larger, log, lowest, product


def factor_graph(tables, scopes, configuration):
    pairs = [(configuration[int(i)], configuration[int(j)]) for i, j in scopes]
    return sum(table[int(y)][int(z)] for table, (y, z) in zip(tables, pairs, strict=True))


def chain(unary, pairwise, labels):
    pairs = itertools.pairwise(labels)
    return sum(row[y] for row, y in zip(unary, labels, strict=True)) + sum(pairwise[i][j] for i, j in pairs)


def linear_structured(weights, transitions, features, labels):
    return chain([[dot(w, x) for w in weights] for x in features], transitions, labels)


def hidden_markov(log_start, log_transitions, log_emissions, observations, labels):
    """-log p(y, o), state by state: each state given the one before, then what it emits."""
    energy = -log_start[labels[0]]
    for before, now in itertools.pairwise(labels):
        energy -= log_transitions[before][now]
    return energy - sum(log_emissions[y][o] for y, o in zip(labels, observations, strict=True))


def sequences(unary):
    """All of them, in the order of a dictionary."""
    return [list(y) for y in itertools.product(range(len(unary[0])), repeat=len(unary))]


def chain_nll(unary, pairwise, labels, beta):
    own = [[exp(-beta * e) for e in row] for row in unary]
    steps = [[exp(-beta * e) for e in row] for row in pairwise] if len(unary) > 1 else []
    ways = [([j], w) for j, w in enumerate(own[0])]
    for row in own[1:]:  # every sequence grows by every label
        ways = [([*y, j], w * steps[y[-1]][j] * v) for y, w in ways for j, v in enumerate(row)]
    chosen = next(w for y, w in ways if y == labels)
    return -log(chosen / sum(w for _, w in ways)) / beta


def chain_perceptron(unary, pairwise, labels):
    energies = [chain(unary, pairwise, y) for y in sequences(unary)]
    return chain(unary, pairwise, labels) - energies[lowest(energies)]


def chain_hinge(unary, pairwise, labels, margin):
    wrong = [chain(unary, pairwise, y) for y in sequences(unary) if y != labels]
    return larger(0, margin + chain(unary, pairwise, labels) - wrong[lowest(wrong)])


def chain_margin_rescaled_hinge(unary, pairwise, labels, cost):
    mistakes = lambda y: sum(i != j for i, j in zip(y, labels, strict=True))
    augmented = [chain(unary, pairwise, y) - cost * mistakes(y) for y in sequences(unary)]
    return chain(unary, pairwise, labels) - augmented[lowest(augmented)]


def comes_to_the_root(heads, word):
    for _ in heads:
        word = heads[word - 1] if word else 0
    return word == 0


def tree_nll(arcs, roots, heads, beta):
    """All maps from words to heads, without those that are no tree with one word on the root."""
    n = len(roots)
    table = [[exp(-beta * e) for e in row] for row in [roots, *arcs]]
    weight = lambda y: product(table[head][m] for m, head in enumerate(y))
    is_tree = lambda y: y.count(0) == 1 and all(comes_to_the_root(y, word) for word in y)
    every = [y for y in itertools.product(range(n + 1), repeat=n) if is_tree(y)]
    return -log(weight(tuple(heads)) / sum(weight(y) for y in every)) / beta


def ising(couplings, fields, spins):
    n = len(spins)
    pairs = sum(couplings[i][j] * spins[i] * spins[j] for i in range(n) for j in range(n)) / 2
    return -pairs - dot(fields, spins)


def potts(couplings, fields, labels):
    n = len(labels)
    agree = [(i, j) for i in range(n) for j in range(n) if i != j and labels[i] == labels[j]]
    return -sum(couplings[i][j] for i, j in agree) / 2 - sum(
        h[y] for h, y in zip(fields, labels, strict=True)
    )


def rbm(weights, visible_bias, hidden_bias, visible, hidden):
    inner = sum(v * dot(row, hidden) for v, row in zip(visible, weights, strict=True))
    return -dot(visible_bias, visible) - dot(hidden_bias, hidden) - inner


def gaussian_rbm(weights, visible_bias, hidden_bias, visible, hidden):
    parabola = sum((v - b) ** 2 for v, b in zip(visible, visible_bias, strict=True)) / 2
    return parabola + rbm(weights, [0 for _ in visible_bias], hidden_bias, visible, hidden)


def hidden_sum(weights, hidden_bias, visible):
    """log of the sum over all hidden configurations of e^{c'h + v'Wh}."""
    nothing = [0 for _ in visible]
    settings = itertools.product((0, 1), repeat=len(hidden_bias))
    return log(sum(exp(-rbm(weights, nothing, hidden_bias, visible, h)) for h in settings))


def rbm_free_energy(weights, visible_bias, hidden_bias, visible):
    return -dot(visible_bias, visible) - hidden_sum(weights, hidden_bias, visible)


def gaussian_rbm_free_energy(weights, visible_bias, hidden_bias, visible):
    parabola = sum((v - b) ** 2 for v, b in zip(visible, visible_bias, strict=True)) / 2
    return parabola - hidden_sum(weights, hidden_bias, visible)


def potts_rbm_free_energy(weights, visible_bias, hidden_bias, labels):
    rows = [w[y] for w, y in zip(weights, labels, strict=True)]
    biases = [b[y] for b, y in zip(visible_bias, labels, strict=True)]
    return rbm_free_energy(rows, biases, hidden_bias, [1 for _ in rows])


def path_sums(d, i, j):
    """Sums of d along all monotone paths that end at (i, j), first forward in both, then in one."""
    if i == j == 0:
        return [d[0][0]]
    before = [(a, b) for a, b in ((i - 1, j - 1), (i - 1, j), (i, j - 1)) if a >= 0 and b >= 0]
    return [s + d[i][j] for a, b in before for s in path_sums(d, a, b)]


def alignment(distances):
    sums = path_sums(distances, len(distances) - 1, len(distances[0]) - 1)
    return sums[lowest(sums)]


def soft_alignment(distances, beta):
    sums = path_sums(distances, len(distances) - 1, len(distances[0]) - 1)
    return -log(sum(exp(-beta * s) for s in sums)) / beta


def paths_of_pairs(n, m):
    """Every monotone path from (0, 0) to (n-1, m-1), as a list of pairs."""
    if n == m == 1:
        return [[(0, 0)]]
    before = [(a, b) for a, b in ((n - 1, m - 1), (n - 1, m), (n, m - 1)) if a > 0 and b > 0]
    return [[*path, (n - 1, m - 1)] for a, b in before for path in paths_of_pairs(a, b)]


def banded_sums(d, width):
    """Sums of d along the paths of which no pair is `width` beyond both of two diagonals."""
    n, m = len(d), len(d[0])
    least, most = min(0, n - m) - width, max(0, n - m) + width
    stays = lambda path: all(least <= i - j <= most for i, j in path)
    return [sum(d[i][j] for i, j in path) for path in paths_of_pairs(n, m) if stays(path)]


def banded_alignment(distances, width):
    sums = banded_sums(distances, width)
    return sums[lowest(sums)]


def banded_soft_alignment(distances, width, beta):
    return -log(sum(exp(-beta * s) for s in banded_sums(distances, width))) / beta


def graph_paths(arcs, node=0):
    """Arc indices of every path from a node to the last, which is the largest."""
    if node == max(arc[1] for arc in arcs):
        return [[]]
    return [[i, *rest] for i, arc in enumerate(arcs) if arc[0] == node for rest in graph_paths(arcs, arc[1])]


def spelling(arcs, answer):
    return [path for path in graph_paths(arcs) if [arcs[i][2] for i in path] == answer]


def graph_transformer(energies, arcs, answer):
    sums = [sum(energies[i] for i in path) for path in spelling(arcs, answer)]
    return sums[lowest(sums)] if sums else inf


def graph_perceptron(energies, arcs, answer):
    sums = [sum(energies[i] for i in path) for path in graph_paths(arcs)]
    return graph_transformer(energies, arcs, answer) - sums[lowest(sums)]


def graph_nll(energies, arcs, answer, beta):
    weights = [exp(-beta * e) for e in energies]
    total = lambda paths: sum(product(weights[i] for i in path) for path in paths)
    chosen = spelling(arcs, answer)
    return -log(total(chosen) / total(graph_paths(arcs))) / beta if chosen else inf


NAIVE = {
    "ising": ising,
    "boltzmann": lambda weights, biases, bits: ising(weights, biases, bits),
    "qubo": lambda matrix, bits: sum(x * dot(row, bits) for x, row in zip(bits, matrix, strict=True)),
    "potts": potts,
    "rbm": rbm,
    "rbm_free_energy": rbm_free_energy,
    "gaussian_rbm": gaussian_rbm,
    "gaussian_rbm_free_energy": gaussian_rbm_free_energy,
    "potts_rbm_free_energy": potts_rbm_free_energy,
    "factor_graph": factor_graph,
    "chain": chain,
    "hidden_markov": hidden_markov,
    "linear_structured": linear_structured,
    "alignment": alignment,
    "soft_alignment": soft_alignment,
    "banded_alignment": banded_alignment,
    "banded_soft_alignment": banded_soft_alignment,
    "graph_transformer": graph_transformer,
    "graph_perceptron": graph_perceptron,
    "graph_nll": graph_nll,
    "tree_nll": tree_nll,
    "chain_nll": chain_nll,
    "chain_perceptron": chain_perceptron,
    "chain_hinge": chain_hinge,
    "chain_margin_rescaled_hinge": chain_margin_rescaled_hinge,
}
