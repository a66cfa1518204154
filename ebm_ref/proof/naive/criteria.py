r"""Naive criteria: losses of a prediction and its target, sums over all alignments included.

    -log sum_a p(a)      over all alignments a, where the loss is of a sequence
    -log p_y             elsewhere

Source: the papers that the pages cite.
"""

import itertools

from ebm_ref.proof.naive.words import (
    absolute,
    below,
    difference,
    dot,
    exp,
    larger,
    log,
    loggamma,
    norm,
    others,
    pi,
    power,
    product,
    proportions,
    sigmoid,
    sqrt,
)


def label_smoothing(logits, label, smoothing):
    k, p = len(logits), proportions(logits)
    target = [smoothing / k + (1 - smoothing if j == label else 0) for j in range(k)]
    return -sum(t * log(p_j) for t, p_j in zip(target, p, strict=True))


def multi_margin(scores, label, p, margin):
    wrong = others(len(scores), label)
    return sum(larger(0, margin - scores[label] + scores[i]) ** p for i in wrong) / len(scores)


def multilabel_margin(scores, targets):
    right = targets[: targets.index(-1)] if -1 in targets else targets
    wrong = [i for i in range(len(scores)) if i not in right]
    return sum(larger(0, 1 - (scores[j] - scores[i])) for j in right for i in wrong) / len(scores)


def multilabel_soft_margin(scores, targets):
    probabilities = [1 / (1 + exp(-x if t == 1 else x)) for x, t in zip(scores, targets, strict=True)]
    return -sum(log(p) for p in probabilities) / len(scores)


def contrastive(x1, x2, same, margin):
    square = sum(t**2 for t in difference(x1, x2))
    return square if same else larger(0, margin - square)


def contrastive_distance(x1, x2, same, margin):
    if same:
        return sum(t**2 for t in difference(x1, x2)) / 2
    return larger(0, margin - norm(difference(x1, x2), 2)) ** 2 / 2


def triplet_margin(anchor, positive, negative, margin, p):
    near, far = norm(difference(anchor, positive), p), norm(difference(anchor, negative), p)
    return larger(0, near - far + margin)


def cosine_embedding(x1, x2, sign, margin):
    cosine = dot(x1, x2) / (sqrt(dot(x1, x1)) * sqrt(dot(x2, x2)))
    return 1 - cosine if sign == 1 else larger(0, cosine - margin)


def collapsed(path, blank):
    return [k for t, k in enumerate(path) if k != blank and (t == 0 or k != path[t - 1])]


def ctc(p, target, blank):
    paths = itertools.product(range(len(p[0])), repeat=len(p))
    spelling = [path for path in paths if collapsed(path, blank) == target]
    return -log(sum(product(p[t][k] for t, k in enumerate(path)) for path in spelling))


def huber(prediction, target, delta):
    d = absolute(prediction - target)
    return d**2 / 2 if below(d, delta) else delta * (d - delta / 2)


def smooth_l1(prediction, target, beta):
    d = absolute(prediction - target)
    return d**2 / (2 * beta) if beta and below(d, beta) else d - beta / 2


def sup_con(similarities, positives, temperature):
    p = proportions([s / temperature for s in similarities])
    partners = [j for j, is_partner in enumerate(positives) if is_partner]
    return -sum(log(p[j]) for j in partners) / len(partners)


def dice(probabilities, targets, smooth):
    overlap, size = 2 * dot(probabilities, targets) + smooth, sum(probabilities) + sum(targets) + smooth
    return 1 - overlap / size


def student_t_nll(location, scale, degrees, target):
    x, tail = (target - location) / scale, (degrees + 1) / 2
    normalised = exp(loggamma(tail) - loggamma(degrees / 2)) / (sqrt(degrees * pi()) * scale)
    return -log(normalised * power(1 + x**2 / degrees, -tail))


def negative_binomial_nll(log_mean, dispersion, target):
    r, mean = 1 / dispersion, exp(log_mean)
    ways = loggamma(target + r) - loggamma(target + 1) - loggamma(r)
    return -ways - r * log(r / (r + mean)) - target * log(mean / (r + mean))


def transducer(log_probabilities, target, blank):
    t, u = len(log_probabilities), len(target)
    ways = []
    for labels in itertools.combinations(range(t + u - 1), u):  # which steps give a label
        before = [sum(label < n for label in labels) for n in range(t + u)]
        cells = [(n - j, j, target[j] if n in labels else blank) for n, j in enumerate(before)]
        ways.append(product(exp(log_probabilities[i][j][k]) for i, j, k in cells))
    return -log(sum(ways))


NAIVE = {
    "cross_entropy": lambda logits, label: -log(proportions(logits)[label]),
    "nll_of_log_probabilities": lambda log_probabilities, label: -log_probabilities[label],
    "cross_entropy_of_probabilities": lambda logits, target: (
        -sum(t * log(p) for t, p in zip(target, proportions(logits), strict=True))
    ),
    "label_smoothing": label_smoothing,
    "binary_cross_entropy": lambda probability, target: (
        -(target * log(probability) + (1 - target) * log(1 - probability))
    ),
    "binary_cross_entropy_with_logits": lambda logit, target: (
        -(target * log(sigmoid(logit)) + (1 - target) * log(sigmoid(-logit)))
    ),
    "focal": lambda logit, target, gamma: (
        -target * power(sigmoid(-logit), gamma) * log(sigmoid(logit))
        - (1 - target) * power(sigmoid(logit), gamma) * log(sigmoid(-logit))
    ),
    "weighted_binary_cross_entropy": lambda logit, target, positive_weight: (
        -(positive_weight * target * log(sigmoid(logit)) + (1 - target) * log(sigmoid(-logit)))
    ),
    "balanced_focal": lambda logit, target, gamma, alpha: (
        -alpha * target * power(sigmoid(-logit), gamma) * log(sigmoid(logit))
        - (1 - alpha) * (1 - target) * power(sigmoid(logit), gamma) * log(sigmoid(-logit))
    ),
    "class_weighted_cross_entropy": lambda logits, label, weights: (
        -weights[label] * log(proportions(logits)[label])
    ),
    "poly_1": lambda logits, label, epsilon: (
        -log(proportions(logits)[label]) + epsilon * (1 - proportions(logits)[label])
    ),
    "multi_class_focal": lambda logits, label, gamma: (
        -power(1 - proportions(logits)[label], gamma) * log(proportions(logits)[label])
    ),
    "dice": dice,
    "sup_con": sup_con,
    "info_nce": lambda similarities, positive, temperature: (
        -log(proportions([s / temperature for s in similarities])[positive])
    ),
    # pairs and several classes
    "margin_ranking": lambda x1, x2, sign, margin: larger(0, -sign * (x1 - x2) + margin),
    "soft_margin": lambda score, sign: log(1 + exp(-sign * score)),
    "hinge_embedding": lambda distance, sign, margin: distance if sign == 1 else larger(0, margin - distance),
    "multi_margin": multi_margin,
    "multilabel_margin": multilabel_margin,
    "multilabel_soft_margin": multilabel_soft_margin,
    "contrastive": contrastive,
    "contrastive_distance": contrastive_distance,
    "triplet_margin": triplet_margin,
    "cosine_embedding": cosine_embedding,
    # alignments: every path, as it is
    "ctc": lambda log_probabilities, target, blank: ctc(
        [[exp(lp) for lp in row] for row in log_probabilities], target, blank
    ),
    "ctc_of_logits": lambda logits, target, blank: ctc([proportions(row) for row in logits], target, blank),
    "transducer": transducer,
    # criteria: regression, divergence, reductions
    "squared_error": lambda prediction, target: (prediction - target) ** 2,
    "squared_log_error": lambda prediction, target: (log(1 + prediction) - log(1 + target)) ** 2,
    "absolute_error": lambda prediction, target: absolute(prediction - target),
    "huber": huber,
    "smooth_l1": smooth_l1,
    "log_cosh": lambda prediction, target: log((exp(prediction - target) + exp(target - prediction)) / 2),
    "gaussian_nll": lambda mean, variance, target: (
        -log(exp(-((target - mean) ** 2) / (2 * variance)) / sqrt(2 * pi() * variance))
    ),
    "laplace_nll": lambda location, scale, target: (
        -log(exp(-absolute(target - location) / scale) / (2 * scale))
    ),
    "student_t_nll": student_t_nll,
    "negative_binomial_nll": negative_binomial_nll,
    "poisson_nll": lambda log_rate, target: exp(log_rate) - target * log_rate + loggamma(target + 1),
    "kl_divergence": lambda log_q, p: sum(
        p_j * (log(p_j) - log_q_j) for p_j, log_q_j in zip(p, log_q, strict=True)
    ),
    "reduction_mean": lambda losses: sum(losses) / len(losses),
    "reduction_sum": lambda losses: sum(losses),
    "reduction_batchmean": lambda losses: sum(sum(row) for row in losses) / len(losses),
    "reduction_class_weighted_mean": lambda losses, weights: dot(losses, weights) / sum(weights),
    "reduction_element_weighted_mean": lambda losses, weights: dot(losses, weights) / len(losses),
    "reduction_by_target_length": lambda losses, lengths: (
        sum(l / (u or 1) for l, u in zip(losses, lengths, strict=True)) / len(losses)
    ),
}
