r"""Identities of criteria of sequences: CTC and the transducer of one moment, of no label, without slack.

    L(z) = L(log p),    p = softmax(z)
    dL/dz = p - gamma

Source: elementary; the papers that the pages cite.
"""

import numpy as np

from ebm_ref.catalogue import FORMULAS
from ebm_ref.laws import UNIT
from ebm_ref.numerics import log_softmax
from ebm_ref.proof.identities.measure import allowance, equal, value


def rows_of(z):
    return np.array([log_softmax(row) for row in z])


def ctc_normalises_first(rng):
    """ctc(log_softmax(z)) = ctc_of_logits(z); -gamma taken through log_softmax is softmax - gamma."""
    inputs = FORMULAS["ctc_of_logits"].sample(rng)
    z, target, blank = inputs.values()
    lp = rows_of(z)
    g = FORMULAS["ctc"].gradients["log_probabilities"](lp, target, blank)
    through = g - np.exp(lp) * g.sum(axis=1, keepdims=True)
    error = np.max(np.abs(through - FORMULAS["ctc_of_logits"].gradients["logits"](z, target, blank)))
    same = equal(("ctc_of_logits", inputs), ("ctc", inputs | {"log_probabilities": lp}))
    return max(same, error / (16 * UNIT * (1.0 + np.abs(z).max())))


def ctc_of_one_moment(rng):
    """ctc of one moment and one label is nll_of_log_probabilities; ctc_of_logits is cross_entropy."""
    z, blank = rng.normal(scale=3.0, size=(1, 3)), int(rng.integers(3))
    label = (blank + int(rng.integers(1, 3))) % 3
    one = {"logits": z, "log_probabilities": rows_of(z), "target": np.array([label]), "blank": blank}
    row = {"logits": z[0], "log_probabilities": rows_of(z)[0], "label": label}
    return max(
        equal(("ctc_of_logits", one), ("cross_entropy", row)),
        equal(("ctc", one), ("nll_of_log_probabilities", row)),
    )


def ctc_without_slack(rng):
    """Where t = u + equal neighbours one path is left, and ctc_of_logits is the sum of its cross_entropy."""
    target = rng.integers(1, 3, size=3)
    path = np.concatenate([[0, k] if i and k == target[i - 1] else [k] for i, k in enumerate(target)])
    z = rng.normal(scale=3.0, size=(len(path), 3))
    whole = {"logits": z, "target": target, "blank": 0}
    rows = [("cross_entropy", {"logits": row, "label": int(k)}) for row, k in zip(z, path, strict=True)]
    error = abs(value("ctc_of_logits", whole) - sum(value(*row) for row in rows))
    return error / allowance(("ctc_of_logits", whole), *rows)


def transducer_of_no_label(rng):
    """With an empty target transducer and ctc are the same: blanks throughout."""
    lp = rows_of(rng.normal(scale=3.0, size=(3, 2)))
    empty = {"target": np.array([], int), "blank": int(rng.integers(2))}
    grid = empty | {"log_probabilities": lp[:, None]}
    return equal(("transducer", grid), ("ctc", empty | {"log_probabilities": lp}))


def transducer_of_one_moment(rng):
    """A transducer of one moment has one way: the sum of nll_of_log_probabilities, the blank last."""
    lp, target = rows_of(rng.normal(scale=3.0, size=(3, 3))), rng.integers(1, 3, size=2)
    whole = {"log_probabilities": lp[None], "target": target, "blank": 0}
    steps = zip(lp, [*map(int, target), 0], strict=True)
    rows = [("nll_of_log_probabilities", {"log_probabilities": row, "label": k}) for row, k in steps]
    error = abs(value("transducer", whole) - sum(value(*row) for row in rows))
    return error / allowance(("transducer", whole), *rows)


IDENTITIES = {
    ctc_normalises_first: ("ctc", "ctc_of_logits"),
    ctc_of_one_moment: ("ctc", "ctc_of_logits", "nll_of_log_probabilities", "cross_entropy"),
    ctc_without_slack: ("ctc_of_logits", "cross_entropy"),
    transducer_of_no_label: ("transducer", "ctc"),
    transducer_of_one_moment: ("transducer", "nll_of_log_probabilities"),
}
