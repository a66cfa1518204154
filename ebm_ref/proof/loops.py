r"""Loops: every sum or minimum over answers, written out in plain Python.

    sum over y of f(y)    ->    math.fsum(f(y) for y in answers)

A page finds a sum over sequences, paths or hidden units by a recursion or in closed form.  Here each
answer is listed and added up, with nothing shared but the definition.

Source: the papers that the pages cite.
"""

import itertools
import math
import operator


def _nll(energies, label, beta):
    return math.log(math.fsum(math.exp(beta * (energies[label] - E)) for E in energies)) / beta


def _mee(energies, label, beta):
    weights = [math.exp(-beta * E) for E in energies]
    return math.fsum(w for j, w in enumerate(weights) if j != label) / math.fsum(weights)


def _violations(energies, label, costs):
    wrong = [j for j in range(len(energies)) if j != label]
    return [max(0.0, costs[j] + energies[label] - energies[j]) for j in wrong]


def _softmax(weights, features, label):
    logits = [math.fsum(w * x for w, x in zip(row, features, strict=True)) for row in weights]
    return math.log(math.fsum(math.exp(t - logits[label]) for t in logits))


def _surprise(scores, label, temperature=1.0):
    return math.log(math.fsum(math.exp((s - scores[label]) / temperature) for s in scores))


def _others(scores, label):
    """The share of all answers but one."""
    weights = [math.exp(s) for s in scores]
    return math.fsum(w for j, w in enumerate(weights) if j != label) / math.fsum(weights)


def _dice(probabilities, targets, smooth):
    overlap = math.fsum(p * t for p, t in zip(probabilities, targets, strict=True))
    return 1.0 - (2.0 * overlap + smooth) / (math.fsum(probabilities) + math.fsum(targets) + smooth)


def _soft(logits, target):
    return math.fsum(t * _surprise(logits, j) for j, t in enumerate(target))


def _smoothed(logits, label, smoothing):
    even = math.fsum(_surprise(logits, j) for j in range(len(logits))) / len(logits)
    return (1.0 - smoothing) * _surprise(logits, label) + smoothing * even


def _divergence(log_q, p):
    return math.fsum(p_j * (math.log(p_j) - q_j) for q_j, p_j in zip(log_q, p, strict=True))


def _weighted_sum(losses, weights):
    return math.fsum(w * l for l, w in zip(losses, weights, strict=True))


def _per_label(losses, lengths):
    return math.fsum(l / max(u, 1) for l, u in zip(losses, lengths, strict=True)) / len(losses)


def _multi_margin(scores, label, p, margin):
    wrong = [x for i, x in enumerate(scores) if i != label]
    return math.fsum(max(0.0, margin - scores[label] + x) ** p for x in wrong) / len(scores)


def _multilabel_margin(scores, targets):
    right = targets[: targets.index(-1)]
    wrong = set(range(len(scores))) - set(right)
    return math.fsum(max(0.0, 1.0 - scores[j] + scores[i]) for j in right for i in wrong) / len(scores)


def _multilabel_soft_margin(scores, targets):
    terms = (math.log(1.0 + math.exp(-x if t else x)) for x, t in zip(scores, targets, strict=True))
    return math.fsum(terms) / len(scores)


def _spelled(path, blank):
    return [k for t, k in enumerate(path) if k != blank and path[:t][-1:] != (k,)]


def _all_paths(log_probabilities, target, blank):
    t, c = len(log_probabilities), len(log_probabilities[0])
    paths = [path for path in itertools.product(range(c), repeat=t) if _spelled(path, blank) == target]
    scores = (sum(row[k] for row, k in zip(log_probabilities, path, strict=True)) for path in paths)
    return -math.log(math.fsum(map(math.exp, scores)))


def _all_ways(lp, target, blank, i=0, j=0):
    if i == len(lp):
        return float(j == len(target))
    by_label = math.exp(lp[i][j][target[j]]) * _all_ways(lp, target, blank, i, j + 1) if target[j:] else 0.0
    return by_label + math.exp(lp[i][j][blank]) * _all_ways(lp, target, blank, i + 1, j)


def _squared_distance(x, y):
    return math.fsum((a - b) ** 2 for a, b in zip(x, y, strict=True))


def _mixture(point, centers, variances, weights):
    n, rows = len(point), zip(centers, variances, weights, strict=True)
    peaks = (
        w * math.exp(-_squared_distance(point, m) / (2 * v)) / (2 * math.pi * v) ** (n / 2)
        for m, v, w in rows
    )
    return -math.log(math.fsum(peaks))


def _rings(point, radii, variance):
    u = math.fsum(x * x for x in point)
    return -math.log(math.fsum(math.exp(-((u - r * r) ** 2) / (2 * variance)) for r in radii))


def _ellipse_at_origin(axes, beta):
    """By the trapezoidal rule over 64 angles."""
    places = ((axes[0] * math.cos(z), axes[1] * math.sin(z)) for z in (i * math.pi / 32 for i in range(64)))
    return -math.log(math.fsum(math.exp(-beta * (a * a + b * b)) for a, b in places) / 64) / beta


def _path_sums(d):
    """Sums along all monotone paths from the first pair to the last: diagonal steps chosen first."""
    n, m = len(d), len(d[0])
    if n == m == 1:
        return [d[0][0]]
    shorter = [(a, b) for a, b in ((n - 1, m - 1), (n - 1, m), (n, m - 1)) if a and b]
    return [s + d[-1][-1] for a, b in shorter for s in _path_sums([row[:b] for row in d[:a]])]


def _banded_sums(d, width):
    """Sums along the monotone paths that stay inside the band: every walk is tried, and stopped outside."""
    n, m, sums, walks = len(d), len(d[0]), [], [(0, 0, d[0][0])]
    while walks:
        i, j, total = walks.pop()
        if (i, j) == (n - 1, m - 1):
            sums.append(total)
        for a, b in ((i + 1, j + 1), (i + 1, j), (i, j + 1)):
            beyond = max(a - b - max(0, n - m), b - a - max(0, m - n))
            if a < n and b < m and beyond <= width:
                walks.append((a, b, total + d[a][b]))
    return sums


def _readings(energies, arcs):
    """{what is read: energies of the paths that spell it}, one path after the other."""
    last, found, open_paths = max(to for _, to, _ in arcs), {}, [(0, (), 0.0)]
    while open_paths:
        node, read, energy = open_paths.pop()
        if node == last:
            found.setdefault(read, []).append(energy)
        for e, (start, to, label) in zip(energies, arcs, strict=True):
            if start == node:
                open_paths.append((to, (*read, label), energy + e))
    return found


def _graph_nll(energies, arcs, answer, beta):
    weights = {a: math.fsum(math.exp(-beta * e) for e in E) for a, E in _readings(energies, arcs).items()}
    return math.log(math.fsum(weights.values()) / weights[tuple(answer)]) / beta


def _sequences(unary, pairwise):
    """{sequence: energy} of all label sequences of a chain."""
    moments, labels = range(len(unary)), range(len(unary[0]))
    steps = lambda y: math.fsum(pairwise[i][j] for i, j in itertools.pairwise(y))
    every = itertools.product(labels, repeat=len(unary))
    return {y: math.fsum(unary[t][y[t]] for t in moments) + steps(y) for y in every}


def _chain_nll(unary, pairwise, labels, beta):
    E = _sequences(unary, pairwise)
    return math.log(math.fsum(math.exp(beta * (E[tuple(labels)] - e)) for e in E.values())) / beta


def _tree_nll(arcs, roots, heads, beta):
    """Every map from words to heads that loses all its words if leaves are taken off it."""
    words, E = range(1, len(roots) + 1), {}
    for y in itertools.product(range(len(roots) + 1), repeat=len(roots)):
        left = set(words)
        while leaves := left - {y[m - 1] for m in left}:
            left -= leaves
        if not left and y.count(0) == 1:
            E[y] = math.fsum(arcs[h - 1][m] if h else roots[m] for m, h in enumerate(y))
    return math.log(math.fsum(math.exp(beta * (E[tuple(heads)] - e)) for e in E.values())) / beta


def _chain_hinge(unary, pairwise, labels, margin):
    E = _sequences(unary, pairwise)
    return max(0.0, margin + E[tuple(labels)] - min(e for y, e in E.items() if y != tuple(labels)))


def _chain_margin_rescaled_hinge(unary, pairwise, labels, cost):
    E = _sequences(unary, pairwise)
    mistakes = lambda y: sum(i != j for i, j in zip(y, labels, strict=True))
    return max(cost * mistakes(y) + E[tuple(labels)] - e for y, e in E.items())


def _hidden(parabola, visible_bias, rows, hidden_bias, visible):
    """-log of the sum over all settings of hidden units, for visible units v with weights and biases."""
    own = math.fsum(
        (v - b) ** 2 / 2 if parabola else -b * v for b, v in zip(visible_bias, visible, strict=True)
    )
    drive = lambda j: hidden_bias[j] + math.fsum(v * row[j] for v, row in zip(visible, rows, strict=True))
    settings = itertools.product((0, 1), repeat=len(hidden_bias))
    fields = [drive(j) for j in range(len(hidden_bias))]
    return own - math.log(
        math.fsum(math.exp(math.fsum(f * x for f, x in zip(fields, h, strict=True))) for h in settings)
    )


def _stein(terms, points, scores, width, diagonal):
    """Mean over pairs of s.s' k + s.dk/dx' + s'.dk/dx + tr d2k/dx dx', k a function of |x - x'|^2."""
    n, total = len(points), []
    for i, j in itertools.product(range(n), repeat=2):
        r = [a - b for a, b in zip(points[i], points[j], strict=True)]
        square = math.fsum(t * t for t in r)
        k, by, twice = terms(square, width)  # k and its first two derivatives by |x - x'|^2
        across = math.fsum((a - b) * t for a, b, t in zip(scores[i], scores[j], r, strict=True))
        own = math.fsum(a * b for a, b in zip(scores[i], scores[j], strict=True))
        if diagonal or i != j:
            total.append(k * own - 2.0 * by * (across + len(r)) - 4.0 * twice * square)
    return math.fsum(total) / len(total)


def _gaussian_kernel(square, l):
    k = math.exp(-square / (2.0 * l * l))
    return k, -k / (2.0 * l * l), k / (4.0 * l**4)


def _multiquadric_kernel(square, c):
    w = c * c + square
    return w**-0.5, -0.5 * w**-1.5, 0.75 * w**-2.5


def _scales(scores, noise, sigmas):
    rows = zip(scores, noise, sigmas, strict=True)
    squares = [math.fsum((h * s + z) ** 2 for s, z in zip(*row, strict=True)) for *row, h in rows]
    return math.fsum(squares) / (2.0 * len(squares))


def _neighbours(energy, perturbed_energies, stabiliser):
    total = math.fsum([stabiliser, *(math.exp(energy - E) for E in perturbed_energies)])
    return math.log(total / len(perturbed_energies))


SIGNALS = {  # of learning without the partition function
    "kernel_stein": lambda points, scores, width: _stein(_gaussian_kernel, points, scores, width, False),
    "kernel_stein_v": lambda points, scores, width: _stein(_gaussian_kernel, points, scores, width, True),
    "kernel_stein_multiquadric": lambda points, scores, width: _stein(
        _multiquadric_kernel, points, scores, width, False
    ),
    "multiscale_denoising": _scales,
    "energy_discrepancy": _neighbours,
    "variational_bound": lambda data_energies, sampler_energies, entropy: (
        math.fsum(data_energies) / len(data_energies)
        - math.fsum(sampler_energies) / len(sampler_energies)
        + entropy
    ),
    "score_entropy": lambda ratios, target_ratios: math.fsum(
        r - t * math.log(r / t) - t for r, t in zip(ratios, target_ratios, strict=True)
    ),
}

ENUMERATIONS = SIGNALS | {
    "softmax": _softmax,
    "marginal_energy": lambda weights, features: (
        -math.log(math.fsum(math.exp(math.fsum(map(operator.mul, w, features))) for w in weights))
    ),
    "latent_detector_free_energy": lambda weights, windows, threshold, face: (
        min(math.fsum(map(operator.mul, weights, x)) for x in windows) if face else threshold
    ),
    "k_means": lambda centers, point: min(_squared_distance(point, w) for w in centers),
    "mixture": _mixture,
    "rings": _rings,
    "ellipse_free_energy_at_origin": _ellipse_at_origin,
    "most_offending": lambda energies, label: min((E, j) for j, E in enumerate(energies) if j != label)[1],
    "perceptron": lambda energies, label: max(energies[label] - E for E in energies),
    "nll": _nll,
    "mee": _mee,
    "generalized_hinge": lambda energies, label, costs: math.fsum(_violations(energies, label, costs)),
    "margin_rescaled_hinge": lambda energies, label, costs: max(_violations(energies, label, costs)),
    "kl_divergence": _divergence,
    "reduction_mean": lambda losses: math.fsum(losses) / len(losses),
    "reduction_sum": lambda losses: math.fsum(losses),
    "reduction_batchmean": lambda losses: math.fsum(map(math.fsum, losses)) / len(losses),
    "reduction_class_weighted_mean": lambda losses, weights: (
        _weighted_sum(losses, weights) / math.fsum(weights)
    ),
    "reduction_element_weighted_mean": lambda losses, weights: _weighted_sum(losses, weights) / len(losses),
    "reduction_by_target_length": _per_label,
    "cross_entropy": lambda logits, label: _surprise(logits, label),
    "cross_entropy_of_probabilities": _soft,
    "label_smoothing": _smoothed,
    "class_weighted_cross_entropy": lambda logits, label, weights: weights[label] * _surprise(logits, label),
    "poly_1": lambda logits, label, epsilon: _surprise(logits, label) + epsilon * _others(logits, label),
    "multi_class_focal": lambda logits, label, gamma: (
        _others(logits, label) ** gamma * _surprise(logits, label)
    ),
    "dice": _dice,
    "sup_con": lambda similarities, positives, temperature: (
        math.fsum(_surprise(similarities, j, temperature) for j, is_one in enumerate(positives) if is_one)
        / sum(positives)
    ),
    "info_nce": lambda similarities, positive, temperature: _surprise(similarities, positive, temperature),
    "multi_margin": _multi_margin,
    "multilabel_margin": _multilabel_margin,
    "multilabel_soft_margin": _multilabel_soft_margin,
    "ctc": _all_paths,
    "ctc_of_logits": lambda logits, target, blank: _all_paths(
        [[-_surprise(row, k) for k in range(len(row))] for row in logits], target, blank
    ),
    "rbm_free_energy": lambda weights, visible_bias, hidden_bias, visible: _hidden(
        False, visible_bias, weights, hidden_bias, visible
    ),
    "gaussian_rbm_free_energy": lambda weights, visible_bias, hidden_bias, visible: _hidden(
        True, visible_bias, weights, hidden_bias, visible
    ),
    "potts_rbm_free_energy": lambda weights, visible_bias, hidden_bias, labels: _hidden(
        False,
        [b[y] for b, y in zip(visible_bias, labels, strict=True)],
        [w[y] for w, y in zip(weights, labels, strict=True)],
        hidden_bias,
        [1.0] * len(labels),
    ),
    "alignment": lambda distances: min(_path_sums(distances)),
    "soft_alignment": lambda distances, beta: (
        -math.log(math.fsum(math.exp(-beta * s) for s in _path_sums(distances))) / beta
    ),
    "banded_alignment": lambda distances, width: min(_banded_sums(distances, width)),
    "banded_soft_alignment": lambda distances, width, beta: (
        -math.log(math.fsum(math.exp(-beta * s) for s in _banded_sums(distances, width))) / beta
    ),
    "graph_transformer": lambda energies, arcs, answer: min(_readings(energies, arcs)[tuple(answer)]),
    "graph_perceptron": lambda energies, arcs, answer: (
        min(_readings(energies, arcs)[tuple(answer)]) - min(map(min, _readings(energies, arcs).values()))
    ),
    "graph_nll": _graph_nll,
    "tree_nll": _tree_nll,
    "chain_nll": _chain_nll,
    "chain_perceptron": lambda unary, pairwise, labels: _chain_margin_rescaled_hinge(
        unary, pairwise, labels, 0.0
    ),
    "chain_hinge": _chain_hinge,
    "chain_margin_rescaled_hinge": _chain_margin_rescaled_hinge,
    "transducer": lambda log_probabilities, target, blank: (
        -math.log(_all_ways(log_probabilities, target, blank))
    ),
    "ranking_nce": lambda energies, log_noise: _surprise(
        [-E - l for E, l in zip(energies, log_noise, strict=True)], 0
    ),
    "pseudolikelihood_of_states": lambda energies, states: math.fsum(
        _surprise([-E for E in row], s) for row, s in zip(energies, states, strict=True)
    ),
}
