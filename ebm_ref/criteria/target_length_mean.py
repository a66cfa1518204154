r"""Mean by target length: CTC's 'mean', which first divides each loss by the labels of its target.

    L       = (1/n) sum_i l_i / max(u_i, 1)
    dL/dl_i = 1 / (n max(u_i, 1))

u_i is the number of labels of sample i; an empty target counts as one.  So a long recording counts no more
than a short one, and the loss is one per label.

Source: documentation of PyTorch 2.13, torch.nn.CTCLoss; the rest is arithmetic.
"""

import autograd.numpy as np

from ebm_ref.checks import require
from ebm_ref.criteria.reductions import NOT_A_NUMBER, any_order, batch_given_twice, random_losses, unless_nan
from ebm_ref.criteria.reductions import rules as check_losses
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import homogeneous


def reduction_by_target_length(losses, lengths: int):
    """Mean of the losses per label: each divided by the length of its target, as CTC's 'mean' is.

    Parameters
    ----------
    losses : (n,) float, n >= 1
        Loss l_i of each sequence.  A NaN gives a NaN.
    lengths : (n,) int
        Number u_i >= 0 of labels in each target; 0 counts as 1.

    Returns
    -------
    float
        (1/n) sum_i l_i / max(u_i, 1).

    Raises ValueError if the arguments are not vectors of one length n >= 1, or if a length is negative or
    not whole.

    >>> float(reduction_by_target_length(np.array([4.0, 3.0]), np.array([2, 0])))
    2.5
    """
    l, u = FORMULA.checked(losses, lengths)
    return np.sum(l / np.maximum(u, 1)) / len(l)


def reduction_by_target_length_gradient(losses, lengths: int):
    """dL/dl, shape (n,): 1 / (n max(u, 1))."""
    l, u = FORMULA.checked(losses, lengths)
    return unless_nan(l, 1.0 / (len(l) * np.maximum(u, 1)))


def length_rules(losses, lengths):
    """A sample, and lengths that can be lengths."""
    check_losses(losses)
    require(np.all(lengths >= 0), "lengths", lengths, "must be >= 0")


def random_sequence_losses(rng):
    """Losses of sequences, each with the length of its target, 0 among them."""
    losses = random_losses(rng)
    return losses | {"lengths": rng.integers(0, 6, size=len(losses["losses"]))}


CTC = np.array([3.523657, 3.495314, 4.262677])


FORMULA = Formula(
    value=reduction_by_target_length,
    signature="(n),(n)->()",
    source="PyTorch 2.13, CTCLoss, reduction='mean'",
    gradients={"losses": reduction_by_target_length_gradient},
    sample=random_sequence_losses,
    laws=(any_order, batch_given_twice(1.0), homogeneous(1, losses=1)),
    cases={  # (losses, lengths), L, dL/dl, the mistake that it exposes
        "three sequences": Case((CTC, [2, 1, 3]), 2.226011611111111, [1 / 6, 1 / 3, 1 / 9], "plain mean"),
        "a long target and a short one: each sequence counts once": Case(
            ([8.0, 1.0], [4, 1]), 1.5, [0.125, 0.5], "divided by the number of all labels"
        ),
        "an empty target counts as one label": Case(
            ([4.0, 3.0], [2, 0]), 2.5, [0.25, 0.5], "empty target divided by 0"
        ),
        "one label each: the mean": Case((CTC, np.ones(3, int)), 3.7605493333333335),
        "a target that cannot be aligned": Case(([1.0, np.inf], [1, 2]), np.inf, [0.5, 0.25]),
        "not a number": Case((NOT_A_NUMBER, [1, 2]), np.nan, np.full(2, np.nan)),
    },
    variants={
        "plain mean": Convention(
            lambda l, u: np.mean(l),
            {"losses": lambda l, u: np.full(len(l), 1.0 / len(l))},
            seen_in="Keras, documentation of keras.losses.CTC; taken for granted in "
            "github.com/pytorch/pytorch/issues/19838",
        ),
        "divided by the number of all labels": Mistake(
            lambda l, u: np.sum(l) / np.sum(np.maximum(u, 1)), symptom="long targets count more"
        ),
        "empty target divided by 0": Mistake(
            lambda l, u: np.mean(l / u),
            seen_in="burn CTCLoss, crates/burn-nn/src/loss/ctc.rs, github.com/tracel-ai/burn/pull/4529",
            symptom="an infinite or NaN loss from one silent recording",
        ),
        "multiplied by the lengths": Mistake(lambda l, u: np.mean(l * u)),
        "divided by the longest target": Mistake(
            lambda l, u: np.mean(l) / np.maximum(1.0, np.max(u)),
            symptom="the length of the padded batch: short targets count less",
        ),
    },
    rules=length_rules,
    refuses={  # (losses, lengths), the argument to blame
        "no sample": (([], []), "losses"),
        "a negative length": (([1.0, 2.0], [1, -1]), "lengths"),
        "lengths that are no integers": (([1.0, 2.0], [1.0, 2.0]), "lengths"),
    },
)
