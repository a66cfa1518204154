r"""Recursions: sums and minima over exponentially many configurations, step by step, for longer inputs.

    a[t, j] = sum_i a[t-1, i] w_{ij}        in place of the sum over all paths

The naive expressions list every path, which ends at a dozen steps.  Here the same sums are taken one step
at a time, in the same arithmetic of many digits, without logarithms, scaling or any other care.  They
take the arguments of the naive expressions, are checked to be equal to them on small inputs, and are the
truth that pages are held to on long ones (`scripts/hunt_digits.py`).

Source: Rabiner (1989), "A tutorial on hidden Markov models", Section III; Graves et al. (2006), Section 4.1.
"""

import math

from ebm_ref.proof.naive.structures import chain
from ebm_ref.proof.naive.words import dot, exp, larger, log, lowest, product, proportions


def least(values):
    return values[lowest(values)]


def ctc(p, target, blank):
    """a[s]: all ways to have come to place s of: blank, first label, blank, second label, ..., blank."""
    places = [blank, *(place for label in target for place in (label, blank))]
    a = {s: p[0][places[s]] for s in range(min(2, len(places)))}
    for row in p[1:]:
        skips = lambda s: s >= 2 and places[s] not in (blank, places[s - 2])
        came_from = {s: [s, s - 1, s - 2] if skips(s) else [s, s - 1] for s in range(len(places))}
        ways = {s: [a[r] for r in before if r in a] for s, before in came_from.items()}
        a = {s: sum(w) * row[places[s]] for s, w in ways.items() if w}
    return -log(sum(a[s] for s in (len(places) - 1, len(places) - 2) if s in a))


def transducer(log_probabilities, target, blank):
    """a[i, j]: all ways to have read i frames and given j labels."""
    p = [[[exp(x) for x in cell] for cell in row] for row in log_probabilities]
    a = {}
    for i in range(len(p)):
        for j in range(len(target) + 1):
            read = [a[i - 1, j] * p[i - 1][j][blank]] if i else []
            gave = [a[i, j - 1] * p[i][j - 1][target[j - 1]]] if j else []
            a[i, j] = sum(read + gave) if i or j else 1
    return -log(a[len(p) - 1, len(target)] * p[-1][-1][blank])


def chain_nll(unary, pairwise, labels, beta):
    own = [[exp(-beta * e) for e in row] for row in unary]
    steps = [[exp(-beta * e) for e in row] for row in pairwise]
    a = own[0]
    for row in own[1:]:
        a = [dot(a, column) * w for column, w in zip(zip(*steps, strict=True), row, strict=True)]
    return -log(exp(-beta * chain(unary, pairwise, labels)) / sum(a)) / beta


def tree_nll(arcs, roots, heads, beta):
    """The matrix-tree theorem: roots in place of the first row of the Laplacian, and Gauss's elimination."""
    n = len(roots)
    w = [[exp(-beta * e) if h != m else 0 for m, e in enumerate(row)] for h, row in enumerate(arcs)]
    v = [exp(-beta * r) for r in roots]
    L = [[sum(row[m] for row in w) if h == m else -w[h][m] for m in range(n)] for h in range(n)]
    L[0], Z = v, 1
    for k in range(n):
        Z *= L[k][k]
        for i in range(k + 1, n):
            factor = L[i][k] / L[k][k]
            L[i] = [a - factor * b for a, b in zip(L[i], L[k], strict=True)]
    return -log(product([v, *w][head][m] for m, head in enumerate(heads)) / Z) / beta


def lowest_chain(unary, pairwise):
    best = unary[0]
    for row in unary[1:]:
        best = [least([b + p[j] for b, p in zip(best, pairwise, strict=True)]) + e for j, e in enumerate(row)]
    return least(best)


def chain_perceptron(unary, pairwise, labels):
    return chain(unary, pairwise, labels) - lowest_chain(unary, pairwise)


def chain_hinge(unary, pairwise, labels, margin):
    """The lowest wrong sequence, of those that are right so far and those that are not."""
    right, wrong = unary[0][labels[0]], {j: e for j, e in enumerate(unary[0]) if j != labels[0]}
    for t, row in enumerate(unary[1:], 1):
        y, before = labels[t], labels[t - 1]
        again = {j: [w + pairwise[i][j] for i, w in wrong.items()] for j in range(len(row))}
        leaves = {j: [right + pairwise[before][j]] if j != y else [] for j in again}
        wrong = {j: least(leaves[j] + again[j]) + row[j] for j in again if leaves[j] + again[j]}
        right = right + pairwise[before][y] + row[y]
    return larger(0, margin + right - least(list(wrong.values())))


def chain_margin_rescaled_hinge(unary, pairwise, labels, cost):
    rows = zip(unary, labels, strict=True)
    augmented = [[e - cost if j != y else e for j, e in enumerate(row)] for row, y in rows]
    return chain(unary, pairwise, labels) - lowest_chain(augmented, pairwise)


def alignments(cells, join, along, width=math.inf):
    """All monotone paths to the last cell: `along` takes a step more, `join` what several cells bring.

    Of the pairs ahead of the diagonal of one corner, and behind that of the other, a width is open.
    """
    a, last = {}, len(cells) - len(cells[0])
    for i, row in enumerate(cells):
        for j, cell in enumerate(row):
            if not min(0, last) - width <= i - j <= max(0, last) + width:
                continue
            before = [a[at] for at in ((i - 1, j - 1), (i - 1, j), (i, j - 1)) if at in a]
            a[i, j] = along(join(before), cell) if before else cell
    return a[len(cells) - 1, len(cells[0]) - 1]


def alignment(distances):
    return alignments(distances, least, lambda a, d: a + d)


def soft_alignment(distances, beta, width=math.inf):
    weights = [[exp(-beta * d) for d in row] for row in distances]
    return -log(alignments(weights, sum, lambda a, w: a * w, width)) / beta


def graph(arcs, answer, join, along):
    """All paths from node 0 to the last; only those that spell the answer, unless it is None."""
    last = max(arc[1] for arc in arcs)
    ends, leaving = {(last, len(answer or []))}, {}
    for n, (start, *_) in enumerate(arcs):
        leaving.setdefault(start, []).append(n)
    a = {}
    for node in sorted(leaving, reverse=True):
        for place in range(len(answer or []) + 1):
            on = []
            for n in leaving[node]:
                _, end, label = arcs[n]
                fits = answer is None or (place < len(answer) and answer[place] == label)
                then = end, place if answer is None else place + 1
                if fits and (then in ends or then in a):
                    on.append(along(a.get(then), n))
            if on:
                a[node, place] = join(on)
    return a[0, 0]


def lowest_path(energies, arcs, answer):
    return graph(arcs, answer, least, lambda rest, n: energies[n] if rest is None else energies[n] + rest)


def graph_perceptron(energies, arcs, answer):
    return lowest_path(energies, arcs, answer) - lowest_path(energies, arcs, None)


def graph_nll(energies, arcs, answer, beta):
    w = [exp(-beta * e) for e in energies]
    total = lambda answer: graph(arcs, answer, sum, lambda rest, n: w[n] if rest is None else w[n] * rest)
    return -log(total(answer) / total(None)) / beta


def hidden_sum(weights, hidden_bias, visible):
    """log of the sum over all hidden configurations, which is a product over hidden units."""
    columns = zip(*weights, strict=True)
    return log(product(1 + exp(c + dot(w, visible)) for c, w in zip(hidden_bias, columns, strict=True)))


def rbm_free_energy(weights, visible_bias, hidden_bias, visible):
    return -dot(visible_bias, visible) - hidden_sum(weights, hidden_bias, visible)


def gaussian_rbm_free_energy(weights, visible_bias, hidden_bias, visible):
    parabola = sum((v - b) ** 2 for v, b in zip(visible, visible_bias, strict=True)) / 2
    return parabola - hidden_sum(weights, hidden_bias, visible)


def potts_rbm_free_energy(weights, visible_bias, hidden_bias, labels):
    rows = [w[y] for w, y in zip(weights, labels, strict=True)]
    biases = [b[y] for b, y in zip(visible_bias, labels, strict=True)]
    return rbm_free_energy(rows, biases, hidden_bias, [1 for _ in rows])


RECURSIONS = {
    "ctc": lambda log_probabilities, target, blank: ctc(
        [[exp(x) for x in row] for row in log_probabilities], target, blank
    ),
    "ctc_of_logits": lambda logits, target, blank: ctc([proportions(row) for row in logits], target, blank),
    "transducer": transducer,
    "tree_nll": tree_nll,
    "chain_nll": chain_nll,
    "chain_perceptron": chain_perceptron,
    "chain_hinge": chain_hinge,
    "chain_margin_rescaled_hinge": chain_margin_rescaled_hinge,
    "alignment": alignment,
    "soft_alignment": soft_alignment,
    "banded_alignment": lambda distances, width: alignments(distances, least, lambda a, d: a + d, width),
    "banded_soft_alignment": lambda distances, width, beta: soft_alignment(distances, beta, width),
    "graph_transformer": lowest_path,
    "graph_perceptron": graph_perceptron,
    "graph_nll": graph_nll,
    "rbm_free_energy": rbm_free_energy,
    "gaussian_rbm_free_energy": gaussian_rbm_free_energy,
    "potts_rbm_free_energy": potts_rbm_free_energy,
}
