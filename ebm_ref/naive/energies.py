r"""Naive energies: one configuration in, one number out.

Source: the papers that the pages cite.
Before: words.py.  Next: losses.py.
"""

from ebm_ref.naive.words import dot, exp, log


def softmax(weights, features, label):
    return -log(exp(dot(weights[label], features)) / sum(exp(dot(w, features)) for w in weights))


NAIVE = {
    "softmax": softmax,
    "rbf_output": lambda centers, features, label: sum(
        (x - u) ** 2 for x, u in zip(features, centers[label], strict=True)
    ),
}
