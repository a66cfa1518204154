r"""CTC decoding: which labels does a table of log-probabilities spell?

    exact    argmax_y P(y),    P(y) = sum_{paths that spell y} P(path) = e^{-L}
    greedy   what the best path spells: the best symbol of each moment
    beam     one moment after the other, the `width` best prefixes kept

The best path need not spell the best labels.  With blank at 0.6 and label 1 at 0.4 for two moments, the
best single path is - -, of probability 0.36, but three paths spell 1, of 0.64 together.  So decoding is
inference with a latent variable, the path: one may minimise over paths, or sum over them first.

Prefix beam search sums.  Paths that spell the same prefix are one entry, whatever they look like.  An
entry holds two masses, of the paths that end on a blank and of those that end on the last label, since
a label that equals the last one is new only after a blank:

    to the same prefix   any path by blank; one on its last label by that label
    to prefix + k        any path by k; if k is the last label, one on blank

With room for all prefixes it is exact.  Otherwise each P is a lower bound: what was dropped is missing.
TensorFlow's beam search with merge_repeated=True merges the labels once more, and so cannot spell 'aa'
(github.com/tensorflow/tensorflow/issues/9550).

Source: Graves et al. (2006), Section 3.2; Hannun et al. (2014), "First-Pass Large Vocabulary
Continuous Speech Recognition using Bi-Directional Recurrent DNNs", Algorithm 1, for the beam.
"""

import itertools

import autograd.numpy as np

from ebm_ref.checks import require, require_count
from ebm_ref.criteria.ctc_alignment import checked, merged
from ebm_ref.numerics import logsumexp


def greedy(log_probabilities, blank=0):
    """The labels that the best path spells: the likeliest symbol of each moment; ties go to the lowest.

    >>> greedy(np.log(np.array([[0.6, 0.4], [0.6, 0.4]])))
    []
    """
    lp, _, blank = checked(log_probabilities, [], blank)
    return merged(np.argmax(lp, axis=1).tolist(), blank)


def all_spellings(log_probabilities, blank=0):
    """{labels: log P} of everything that some path spells, the likeliest first, by trying all c^t paths.

    >>> lp = np.log(np.array([[0.6, 0.4], [0.6, 0.4]]))
    >>> {labels: round(float(np.exp(p)), 2) for labels, p in all_spellings(lp).items()}
    {(1,): 0.64, (): 0.36}
    """
    lp, _, blank = checked(log_probabilities, [], blank)
    t, classes = lp.shape
    masses = {}
    for path in itertools.product(range(classes), repeat=t):
        score = np.sum(lp[np.arange(t), list(path)])
        masses.setdefault(tuple(merged(path, blank)), []).append(score)
    return ranked({labels: logsumexp(np.array(scores)) for labels, scores in masses.items()})


def prefix_beam_search(log_probabilities, width, blank=0):
    """The likeliest labels that a beam of prefixes finds.

    Parameters
    ----------
    log_probabilities : (t, c) float
        Log-probability of each class at each moment; -inf marks an impossible one; no NaN.
    width : int
        Number of prefixes kept after each moment, >= 1.
    blank : int
        The class that is no label.

    Returns
    -------
    dict, {tuple of labels: log P}
        At most `width` entries, the likeliest first; ties go to the shortest labels.  log P is exact
        where no prefix was dropped on the way, and else a lower bound.

    Raises ValueError if width < 1, if a log-probability is NaN or +inf, or if the blank is no class.

    >>> lp = np.log(np.array([[0.6, 0.4], [0.6, 0.4]]))
    >>> [round(float(np.exp(p)), 2) for p in prefix_beam_search(lp, width=2).values()]
    [0.64, 0.36]
    """
    lp, _, blank = checked(log_probabilities, [], blank)
    require_count("width", width)
    require(not np.any(np.isnan(lp)), "log_probabilities", lp, "must not be NaN")
    beam = {(): (0.0, -np.inf)}  # log P of the paths that end on blank, and on the last label
    for row in lp:
        grown = extended(beam, row, blank)
        kept = list(ranked({prefix: np.logaddexp(*ends) for prefix, ends in grown.items()}))[:width]
        beam = {prefix: grown[prefix] for prefix in kept}
    return ranked({prefix: np.logaddexp(*ends) for prefix, ends in beam.items()})


def extended(beam, row, blank):
    """The prefixes of a beam one moment later, none dropped yet."""
    grown = {}

    def add(prefix, on_blank=-np.inf, on_label=-np.inf):
        old = grown.get(prefix, (-np.inf, -np.inf))
        grown[prefix] = np.logaddexp(old[0], on_blank), np.logaddexp(old[1], on_label)

    for prefix, (on_blank, on_label) in beam.items():
        either = np.logaddexp(on_blank, on_label)
        add(prefix, on_blank=either + row[blank])
        for k in (k for k in range(len(row)) if k != blank):
            repeats = prefix[-1:] == (k,)
            add((*prefix, k), on_label=(on_blank if repeats else either) + row[k])
            if repeats:
                add(prefix, on_label=on_label + row[k])
    return grown


def ranked(masses):
    """A dict of log P > -inf, the highest first; ties go to the shortest labels, then to the lowest."""
    possible = (entry for entry in masses.items() if entry[1] > -np.inf)
    return dict(sorted(possible, key=lambda entry: (-entry[1], len(entry[0]), entry[0])))
