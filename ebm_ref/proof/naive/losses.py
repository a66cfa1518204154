r"""Naive losses of a table of energies: the definitions, summed and searched as printed.

    E_o = min_{j != y} E_j
    F = -log(sum_j e^{-beta E_j})/beta

Source: the papers that the pages cite.
"""

from ebm_ref.proof.naive.words import below, dot, exp, larger, log, lowest, others, sigmoid, smaller, sqrt


def offender(E, y):
    wrong = others(len(E), y)
    return wrong[lowest([E[j] for j in wrong])]


def gap(E, y):
    return E[y] - E[offender(E, y)]


def gibbs(E, beta):
    weights = [exp(-beta * E_j) for E_j in E]
    total = sum(weights)
    return [w / total for w in weights]


def most_offending_outside(energies, answers, correct, radius):
    distance = [sqrt(dot(d, d)) for d in ([a - c for a, c in zip(y, correct, strict=True)] for y in answers)]
    outside = [j for j, r in enumerate(distance) if below(radius, r)]
    return outside[lowest([energies[j] for j in outside])]


def square_square(energies, label, margin):
    return energies[label] ** 2 + larger(0, margin - energies[offender(energies, label)]) ** 2


def lvq2_ratio(energies, label, delta):
    o = offender(energies, label)
    return smaller(1, larger(0, (energies[label] - energies[o]) / (delta * energies[o])))


def violations(E, y, C):
    return [larger(0, C[j] + E[y] - E[j]) for j in others(len(E), y)]


def margin_rescaled_hinge(energies, label, costs):
    wrong = [costs[j] + energies[label] - energies[j] for j in others(len(energies), label)]
    return larger(0, wrong[lowest([-v for v in wrong])])


NAIVE = {
    "integral_table": lambda energies, weights, beta: [
        E_j - log(w_j) / beta for E_j, w_j in zip(energies, weights, strict=True)
    ],
    "most_offending": lambda energies, label: offender(energies, label),
    "most_offending_outside": most_offending_outside,
    "energy": lambda energies, label: energies[label],
    "perceptron": lambda energies, label: energies[label] - energies[lowest(energies)],
    "hinge": lambda energies, label, margin: larger(0, margin + gap(energies, label)),
    "squared_hinge": lambda energies, label, margin: larger(0, margin + gap(energies, label)) ** 2,
    "log": lambda energies, label, beta: log(1 + exp(beta * gap(energies, label))) / beta,
    "mce": lambda energies, label: sigmoid(gap(energies, label)),
    "lvq2": lambda energies, label, cap: smaller(cap, larger(0, gap(energies, label))),
    "lvq2_ratio": lvq2_ratio,
    "square_square": square_square,
    "square_exponential": lambda energies, label, gamma: (
        energies[label] ** 2 + gamma * exp(-energies[offender(energies, label)])
    ),
    "nll": lambda energies, label, beta: -log(gibbs(energies, beta)[label]) / beta,
    "mee": lambda energies, label, beta: 1 - gibbs(energies, beta)[label],
    "generalized_hinge": lambda energies, label, costs: sum(violations(energies, label, costs)),
    "margin_rescaled_hinge": margin_rescaled_hinge,
    # criteria: cross-entropies
}
