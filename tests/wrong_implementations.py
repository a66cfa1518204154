"""Implementations that are wrong in a way that people get wrong, written from the papers alone.

`WRONG[name] = formula, function, pattern`: the pattern is found in a right name of what it computes.
Arguments are positional; a function returns a value, or (value, {argument: gradient}).
"""

import numpy as np


def softmax(z):
    w = np.exp(z - np.max(z))
    return w / np.sum(w)


def lse(z):
    return np.max(z) + np.log(np.sum(np.exp(z - np.max(z))))


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def one_hot(k, y):
    return np.eye(k)[y]


def wrong_ones(E, y):
    return np.delete(E, y)


def smoothed(target):
    """Cross-entropy with a target distribution made of k, y and s."""
    return lambda z, y, s: -np.sum(target(len(z), one_hot(len(z), y), s) * np.log(softmax(z)))


def multi_label(divide):
    def loss(x, t):
        right = list(t[: list(t).index(-1)] if -1 in t else t)
        wrong = [i for i in range(len(x)) if i not in right]
        violations = [max(0.0, 1.0 - (x[j] - x[i])) for j in right for i in wrong]
        return sum(violations) / divide(len(right), len(wrong), len(x))

    return loss


def ctc(merge=True, end_on_blank_only=False, end_on_label_only=False, start_on_blank=False, skip=True):
    def loss(log_p, target, blank):
        p, places = np.exp(log_p), [blank]
        for label in target:
            places += [int(label), blank]
        n = len(places)
        a = np.zeros(n)
        a[0] = p[0, blank]
        if n > 1 and not start_on_blank:
            a[1] = p[0, places[1]]
        for row in p[1:]:
            b = a.copy()
            b[1:] += a[:-1]
            for s in range(2, n):
                if skip and places[s] != blank and (places[s] != places[s - 2] or not merge):
                    b[s] += a[s - 2]
            a = b * row[places]
        last = a[-1:] if end_on_blank_only or n == 1 else a[-2:-1] if end_on_label_only else a[-2:]
        return -np.log(np.sum(last))

    return loss


def chain_energy(u, P, y):
    return sum(u[t, y[t]] for t in range(len(y))) + sum(P[y[t - 1], y[t]] for t in range(1, len(y)))


def log_z(u, P, beta, first=True, turned=False, best=False):
    step = P.T if turned else P
    a = -beta * u[0] * first
    for row in u[1:]:
        scores = a[:, None] - beta * step
        a = (np.max(scores, 0) if best else np.array([lse(c) for c in scores.T])) - beta * row
    return np.max(a) if best else lse(a)


def chain_nll(**options):
    return lambda u, P, y, beta: chain_energy(u, P, y) + log_z(u, P, beta, **options) / beta


def soft_dtw(border, join):
    def loss(D, beta):
        n, m = D.shape
        R = np.full((n + 1, m + 1), border)
        R[0, 0] = 0.0
        for i in range(1, n + 1):
            for j in range(1, m + 1):
                R[i, j] = D[i - 1, j - 1] + join(np.array([R[i - 1, j - 1], R[i - 1, j], R[i, j - 1]]), beta)
        return R[n, m]

    return loss


def soft_min(r, beta):
    return -lse(-beta * r) / beta


def rbm_free(visible=1.0, entropy=True, sign=1.0):
    def energy(W, b, c, v):
        t = c + sign * v @ W
        hidden = np.sum(np.logaddexp(0.0, t)) if entropy else np.sum(t)
        return -visible * (b @ v) - hidden

    return energy


def gauss(x, m, S, half_log_det):
    d = x - m
    return 0.5 * d @ np.linalg.solve(S, d) + half_log_det(np.linalg.det(S)) + 0.5 * len(x) * np.log(2 * np.pi)


def mixture(half_log_det, precision=False):
    def energy(x, means, S, w):
        S = np.linalg.inv(S) if precision else S
        parts = [
            np.log(w_k) - gauss(x, m, S_k, half_log_det) for m, S_k, w_k in zip(means, S, w, strict=True)
        ]
        return -lse(np.array(parts))

    return energy


def focal(p_of):
    def loss(x, t, gamma):
        p = sigmoid(x)
        q = t * p + (1 - t) * (1 - p)
        return -(p_of(q) ** gamma) * np.log(q)

    return loss


def distance(d):
    return np.sqrt(np.sum(d**2))


def vae(
    error=lambda d: 0.5 * np.sum(d**2), kl=np.sum, sigma=lambda t: np.exp(t / 2), scale=lambda t: np.exp(t)
):
    def loss(x, m, t, e, W, beta):
        z = m + sigma(t) * e
        return error(x - W @ z) + beta * kl(0.5 * (scale(t) - t - 1 + m**2))

    return loss


def huber_without_delta(x, t, delta):
    d = abs(x - t)
    return 0.5 * d * d if d < delta else d - 0.5 * delta


def cosine(normalise=True, shift=lambda c, m: max(0.0, c - m)):
    def loss(x, y, sign, m):
        c = x @ y / (distance(x) * distance(y) if normalise else 1.0)
        return 1.0 - c if sign == 1 else shift(c, m)

    return loss


def log_softmax(z):
    return z - lse(z)


def nll_with_gradient(gradient):
    return lambda E, y, beta: (E[y] + lse(-beta * E) / beta, {"energies": gradient(E, y, beta)})


def others_only(E, y, beta):
    return E[y] + lse(-beta * wrong_ones(E, y)) / beta


def hinge_gradient(factor):
    def loss(E, y, m):
        o = min((j for j in range(len(E)) if j != y), key=lambda j: E[j])
        L = max(0.0, m + E[y] - E[o])
        return L, {"energies": (L > 0) * (one_hot(len(E), y) - one_hot(len(E), o)) * factor(L)}

    return loss


def potts_upper(J, h, y):
    n = len(y)
    agree = sum(J[i, j] for i in range(n) for j in range(i + 1, n) if y[i] == y[j])
    return -0.5 * agree - sum(h[i, y[i]] for i in range(n))


WRONG = {
    # losses of energies
    "nll: y left out of the sum": ("nll", others_only, "correct answer left out of the sum"),
    "nll: temperature for beta": ("nll", lambda E, y, b: E[y] + b * lse(-E / b), "1/beta|inver"),
    "nll: not divided by beta": ("nll", lambda E, y, b: b * E[y] + lse(-b * E), "divided by beta|times beta"),
    "nll: scores for energies": ("nll", lambda E, y, b: (lse(b * E) - b * E[y]) / b, "taken for scores"),
    "nll: beta ignored": ("nll", lambda E, y, b: E[y] + lse(-E), "beta ignored"),
    "nll: base 10": ("nll", lambda E, y, b: (E[y] + lse(-b * E) / b) / np.log(10), "base 10"),
    "nll: gradient without beta": (
        "nll",
        nll_with_gradient(lambda E, y, b: one_hot(len(E), y) - softmax(-E)),
        "beta",
    ),
    "nll: gradient of the sum alone": ("nll", nll_with_gradient(lambda E, y, b: -softmax(-b * E)), "held"),
    "nll: gradient of E_y alone": ("nll", nll_with_gradient(lambda E, y, b: one_hot(len(E), y)), "held"),
    "hinge: least offending": (
        "hinge",
        lambda E, y, m: max(0.0, m + E[y] - max(wrong_ones(E, y))),
        "least offending answer pulled up",
    ),
    "hinge: margin subtracted": (
        "hinge",
        lambda E, y, m: max(0.0, E[y] - min(wrong_ones(E, y)) - m),
        "margin subtracted",
    ),
    "hinge: no maximum": ("hinge", lambda E, y, m: m + E[y] - min(wrong_ones(E, y)), "maximum|max"),
    "hinge: margin always 1": ("hinge", lambda E, y, m: max(0.0, 1 + E[y] - min(wrong_ones(E, y))), "margin"),
    "hinge: gradient times loss": ("hinge", hinge_gradient(lambda L: 2 * L), "squared"),
    "hinge: gradient turned": ("hinge", hinge_gradient(lambda L: -1), "sign lost"),
    "squared hinge: not squared": (
        "squared_hinge",
        lambda E, y, m: max(0.0, m + E[y] - min(wrong_ones(E, y))),
        "not squared",
    ),
    "square_square: all wrong answers": (
        "square_square",
        lambda E, y, m: E[y] ** 2 + np.sum(np.maximum(0, m - wrong_ones(E, y)) ** 2),
        "every wrong answer pulled up",
    ),
    "generalized hinge: mean": (
        "generalized_hinge",
        lambda E, y, C: np.mean(np.maximum(0, wrong_ones(C + E[y] - E, y))),
        "averaged over the wrong answers",
    ),
    "mee of scores": ("mee", lambda E, y, b: 1 - softmax(b * E)[y], "energies taken for scores"),
    "margin rescaled: sign of the cost": (
        "margin_rescaled_hinge",
        lambda E, y, C: max(0.0, max(wrong_ones(-C + E[y] - E, y))),
        "cost subtracted",
    ),
    "log loss: base 2": (
        "log",
        lambda E, y, b: np.log2(1 + np.exp(b * (E[y] - min(wrong_ones(E, y))))) / b,
        "base 2",
    ),
    # cross-entropies
    "cross-entropy of probabilities": (
        "cross_entropy",
        lambda z, y: lse(softmax(z)) - softmax(z)[y],
        "softmax|twice|proportions",
    ),
    "cross-entropy: probability": ("cross_entropy", lambda z, y: -softmax(z)[y], "log"),
    "cross-entropy: 1 - p": ("cross_entropy", lambda z, y: -np.log(1 - softmax(z)[y]), "1 - "),
    "cross-entropy: label from 1": ("cross_entropy", lambda z, y: lse(z) - z[y - 1], "too low"),
    "smoothing: without 1 - s": (
        "label_smoothing",
        smoothed(lambda k, h, s: h + s / k),
        "label not reduced by 1 - s",
    ),
    "smoothing: no uniform part": (
        "label_smoothing",
        smoothed(lambda k, h, s: (1 - s) * h),
        "even share left out",
    ),
    "smoothing: (1 - s)/k": (
        "label_smoothing",
        smoothed(lambda k, h, s: (1 - s) / k + h * (1 - s)),
        "share of 1 - s in place of s",
    ),
    "smoothing: keeps s": ("label_smoothing", smoothed(lambda k, h, s: s * h + (1 - s) / k), "1 - smoothing"),
    "soft targets: softmaxed": (
        "cross_entropy_of_probabilities",
        lambda z, t: -np.sum(softmax(t) * log_softmax(z)),
        "softmax",
    ),
    "kl: the other way": ("kl_divergence", lambda q, p: np.sum(np.exp(q) * (q - np.log(p))), "swapped"),
    "kl: mean": ("kl_divergence", lambda q, p: np.mean(p * (np.log(p) - q)), "divided by"),
    "kl: entropy missing": ("kl_divergence", lambda q, p: -np.sum(p * q), "entropy|without|cross"),
    "bce: sigmoid twice": (
        "binary_cross_entropy_with_logits",
        lambda x, t: -(t * np.log(sigmoid(sigmoid(x))) + (1 - t) * np.log(1 - sigmoid(sigmoid(x)))),
        "sigmoid",
    ),
    "bce: labels exchanged": (
        "binary_cross_entropy",
        lambda p, t: -((1 - t) * np.log(p) + t * np.log(1 - p)),
        "1 - ",
    ),
    "bce: negatives forgotten": (
        "binary_cross_entropy",
        lambda p, t: -t * np.log(p),
        "without|forgotten|left out",
    ),
    "focal: p for 1 - p": ("focal", focal(lambda q: q), "factor of the true label's own share"),
    "focal: gamma ignored": ("focal", lambda x, t, g: focal(lambda q: 1 - q)(x, t, 2.0), "gamma ignored: 2"),
    "focal: base 2": ("focal", lambda x, t, g: focal(lambda q: 1 - q)(x, t, g) / np.log(2), "base 2"),
    "balanced focal: alpha turned": (
        "balanced_focal",
        lambda x, t, g, a: (a * (1 - t) + (1 - a) * t) * focal(lambda q: 1 - q)(x, t, g),
        "weights swapped",
    ),
    "weights inverted": (
        "class_weighted_cross_entropy",
        lambda z, y, w: -log_softmax(z)[y] / w[y],
        "1/weights",
    ),
    # regression
    "gaussian: deviation for variance": (
        "gaussian_nll",
        lambda m, v, t: 0.5 * np.log(2 * np.pi) + np.log(v) + 0.5 * ((t - m) / v) ** 2,
        "squared|deviation",
    ),
    "gaussian: log-variance": (
        "gaussian_nll",
        lambda m, s, t: 0.5 * (np.log(2 * np.pi) + s + (t - m) ** 2 / np.exp(s)),
        "exp|log",
    ),
    "gaussian: half missing": (
        "gaussian_nll",
        lambda m, v, t: np.log(2 * np.pi * v) + (t - m) ** 2 / v,
        "twice|half",
    ),
    "gaussian: constant missing": (
        "gaussian_nll",
        lambda m, v, t: 0.5 * (np.log(v) + (t - m) ** 2 / v),
        "constant",
    ),
    "huber: line without delta": ("huber", huber_without_delta, "delta"),
    "huber: delta ignored": (
        "huber",
        lambda x, t, d: 0.5 * (x - t) ** 2 if abs(x - t) < 1 else abs(x - t) - 0.5,
        "delta ignored",
    ),
    "poisson: rate for log-rate": ("poisson_nll", lambda r, t: abs(r) - t * np.log(abs(r)), "log|rate"),
    "laplace: deviation": (
        "laplace_nll",
        lambda m, b, t: np.log(np.sqrt(2) * b) + np.sqrt(2) * abs(t - m) / b,
        "scale",
    ),
    # pairs and sets
    "triplet: from positive to negative": (
        "triplet_margin",
        lambda a, p, n, m, q: max(0.0, np.linalg.norm(a - p, q) - np.linalg.norm(p - n, q) + m),
        "positive|anchor",
    ),
    "triplet: margin subtracted": (
        "triplet_margin",
        lambda a, p, n, m, q: max(0.0, np.linalg.norm(a - p, q) - np.linalg.norm(a - n, q) - m),
        "margin negated",
    ),
    "cosine: margin added": ("cosine_embedding", cosine(shift=lambda c, m: max(0.0, c + m)), "margin added"),
    "cosine: m - cos": (
        "cosine_embedding",
        cosine(shift=lambda c, m: max(0.0, m - c)),
        "cosine subtracted from the margin",
    ),
    "cosine: not normalised": ("cosine_embedding", cosine(normalise=False), "normalis|divided"),
    "contrastive: labels exchanged": (
        "contrastive",
        lambda x, y, s, m: max(0.0, m - np.sum((x - y) ** 2)) if s else np.sum((x - y) ** 2),
        "Y = 1 for different pairs",
    ),
    "contrastive: root": (
        "contrastive",
        lambda x, y, s, m: distance(x - y) if s else max(0.0, m - distance(x - y)),
        "sqrt|root|distance",
    ),
    "multilabel margin: over pairs": (
        "multilabel_margin",
        multi_label(lambda r, w, k: max(1, r * w)),
        "average|pairs",
    ),
    "multilabel margin: sum": (
        "multilabel_margin",
        multi_label(lambda r, w, k: 1),
        "times the size|sum|divided",
    ),
    "info_nce: temperature for its inverse": (
        "info_nce",
        lambda s, y, t: lse(s * t) - s[y] * t,
        "multiplied by the temperature",
    ),
    "dice: squared sizes": ("dice", lambda p, t, e: 1 - (2 * p @ t + e) / (p @ p + t @ t + e), "squar"),
    # sequences
    "ctc: no skip": ("ctc", ctc(skip=False), "skip|blank"),
    "ctc: starts on a blank": ("ctc", ctc(start_on_blank=True), "start|first|begin|min"),
    "ctc: ends on a blank": ("ctc", ctc(end_on_blank_only=True), "blank"),
    "ctc: ends on a label": ("ctc", ctc(end_on_label_only=True), "1 - .number|blank|last"),
    "ctc: repeats not kept apart": ("ctc", ctc(merge=False), "merge|repeat|alike|places"),
    "chain: transitions turned in the normaliser": (
        "chain_nll",
        chain_nll(turned=True),
        "transitions turned in the normaliser",
    ),
    "chain: first unary missing": ("chain_nll", chain_nll(first=False), "first|own|unary"),
    "chain: best path for the sum": ("chain_nll", chain_nll(best=True), "max|best|perceptron|lowest"),
    "chain: energy transposed": ("chain", lambda u, P, y: chain_energy(u, P.T, y), "column to row"),
    "soft alignment: zero borders": ("soft_alignment", soft_dtw(0.0, soft_min), "border|zero"),
    "soft alignment: minimum": ("soft_alignment", soft_dtw(np.inf, lambda r, b: min(r)), "best path alone"),
    # energies
    "ising: each pair twice": ("ising", lambda J, h, s: -s @ J @ s - h @ s, "twice|halv|doubled|2"),
    "ising: sign of the field": (
        "ising",
        lambda J, h, s: -0.5 * s @ J @ s + h @ s,
        "fields negated|spins negated",
    ),
    "ising: bits": ("ising", lambda J, h, s: -(s + 1) @ J @ (s + 1) / 8 - h @ (s + 1) / 2, "spins|0/1|bits"),
    "potts: upper triangle": ("potts", potts_upper, "triangle"),
    "rbm: sign of the coupling": (
        "rbm",
        lambda W, b, c, v, h: -b @ v - c @ h + v @ W @ h,
        "weights negated|sign",
    ),
    "rbm: half a coupling": ("rbm", lambda W, b, c, v, h: -b @ v - c @ h - 0.5 * v @ W @ h, "halved|half"),
    "rbm free energy: no visible bias": (
        "rbm_free_energy",
        rbm_free(visible=0.0),
        "visible_bias|visible bias",
    ),
    "rbm free energy: no entropy": ("rbm_free_energy", rbm_free(entropy=False), "term 1|entropy|1 +"),
    "rbm free energy: sign": ("rbm_free_energy", rbm_free(sign=-1.0), "weights negated"),
    "mixture: no determinant": ("gaussian_mixture", mixture(lambda d: 0.0), "determinant"),
    "mixture: determinant for its root": ("gaussian_mixture", mixture(np.log), "root|sqrt|determinant"),
    "mixture: precision": (
        "gaussian_mixture",
        mixture(lambda d: 0.5 * np.log(d), precision=True),
        "inverse|precision|covariance",
    ),
    "ellipse in degrees": (
        "ellipse",
        lambda a, x, t: (
            (x[0] - a[0] * np.cos(np.deg2rad(t))) ** 2 + (x[1] - a[1] * np.sin(np.deg2rad(t))) ** 2
        ),
        "degrees",
    ),
    "metropolis without min": (
        "metropolis_hastings",
        lambda p, q, f, b: q + b - p - f,
        "not closed at certainty",
    ),
    "vae: mean squared error": ("vae", vae(error=lambda d: np.mean(d**2)), "mean|divided"),
    "vae: averaged divergence": ("vae", vae(kl=np.mean), "mean|averag|divided"),
    "vae: sigma for log variance": ("vae", vae(sigma=lambda t: np.exp(t)), "sigma|exp|t"),
    "langevin: noise of h": (
        "langevin",
        lambda x, g, z, e: x - e * e / 2 * g + e * e * z,
        "noise|step|e \\* e",
    ),
    "sparse coding: squared penalty": (
        "sparse_coding",
        lambda W, x, z, a: np.sum((x - W @ z) ** 2) + a * np.sum(z**2),
        "abs|squar|ridge|L2",
    ),
    "k-means: distance": ("k_means", lambda C, x: min(distance(c - x) for c in C), "not squared"),
    "linear regression: half missing": (
        "linear_regression",
        lambda W, x, y: np.sum((W.T @ x - y) ** 2),
        "twice|half|divided",
    ),
    "squared error: half": ("squared_error", lambda x, y: 0.5 * (x - y) ** 2, "half"),
}
