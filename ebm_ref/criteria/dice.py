r"""Dice loss: how little two masks overlap, measured by their size.

    L(p, t) = 1 - (2 sum_i p_i t_i + s) / D,      D = sum_i p_i + sum_i t_i + s
    dL/dp_i = (1 - L - 2 t_i) / D
    dL/dt_i = (1 - L - 2 p_i) / D

p_i is the predicted probability that pixel i belongs to the object, t_i in [0, 1] whether it does, and
s >= 0 on this page the number that smooths.  Where an object covers ten pixels of a million,
cross-entropy is content with an empty mask.  Here pixels that are rightly empty do not count: all that
matters is the overlap beside the two sizes.  The loss is 1 - F1, of shares in place of counts.

For labels 0 and 1 a pixel of the object is pulled up by (1 + L)/D, and one outside pushed down by
(1 - L)/D.  So a mask that misses the object altogether, L = 1, feels nothing outside it.

With s = 0 two empty masks give 0/0, and this page refuses them.  With s > 0 in numerator and denominator
their loss is 0, as it should be.  In the denominator alone it is 1, and nothing can lower it; before the
factor 2 it is -1.  All three are around.

1 - (...) cancels where the masks agree.  What is left is the sum of what they do not share:

    L = sum_i (p_i (1 - t_i) + t_i (1 - p_i)) / D

Source: Dice (1945), "Measures of the Amount of Ecologic Association Between Species"; Milletari, Navab
and Ahmadi (2016), "V-Net", Section 3, as a loss, with squares in D; Sudre et al. (2017), "Generalised
Dice Overlap as a Deep Learning Loss Function", Section 2, without.
"""

import autograd.numpy as np

from ebm_ref.checks import require
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import at_most_one, misfit, non_negative, symmetric


def dice_as_printed(probabilities, targets, smooth=1.0):
    """One minus the overlap, which rounds to 1 where the masks agree.

    >>> p = np.array([1.0 - 2.0**-53, 1.0])
    >>> float(dice_as_printed(p, np.ones(2))), float(dice(p, np.ones(2)))
    (0.0, 2.2204460492503132e-17)
    """
    p, t, s = FORMULA.checked(probabilities, targets, smooth)
    return 1.0 - (2.0 * np.sum(p * t) + s) / (np.sum(p) + np.sum(t) + s)


def dice(probabilities, targets, smooth=1.0):
    """Dice loss of one mask.

    Parameters
    ----------
    probabilities : (n,) float, n >= 1
        p_i in [0, 1] for each pixel.  A NaN gives a NaN loss.
    targets : (n,) float
        t_i in [0, 1]: 1 or 0, or a share of the pixel.
    smooth : float
        s >= 0, finite, in pixels; > 0 where both masks may be empty.

    Returns
    -------
    float
        In [0, 1]; 0 for two masks of zeros and ones that agree.

    Raises ValueError if the arguments are not vectors of one length n >= 1, if a probability or a target
    is not in [0, 1], if s is negative or infinite, or if both masks are empty and s = 0.

    >>> float(dice(np.array([1.0, 1.0, 0.0]), np.array([1.0, 0.0, 0.0]), 0.0).round(6))  # 1 - 2/3
    0.333333
    """
    p, t, s = FORMULA.checked(probabilities, targets, smooth)
    return np.sum(p * (1.0 - t) + t * (1.0 - p)) / (np.sum(p) + np.sum(t) + s)


def dice_probabilities_gradient(probabilities, targets, smooth=1.0):
    """dL/dp, shape (n,): (1 - L - 2 t) / D, negative where the object is."""
    return slope(*FORMULA.checked(probabilities, targets, smooth))


def dice_targets_gradient(probabilities, targets, smooth=1.0):
    """dL/dt, shape (n,): (1 - L - 2 p) / D; the loss does not tell which mask is which."""
    p, t, s = FORMULA.checked(probabilities, targets, smooth)
    return slope(t, p, s)


def slope(p, t, s):
    """dL/dp of masks that were checked."""
    D = np.sum(p) + np.sum(t) + s
    return ((2.0 * np.sum(p * t) + s) / D - 2.0 * t) / D


def rules(probabilities, targets, smooth):
    """Two masks, and something to divide by."""
    require(len(probabilities) >= 1, "probabilities", probabilities, "must hold at least one pixel")
    for argument, mask in (("probabilities", probabilities), ("targets", targets)):
        require(not np.any((mask < 0.0) | (mask > 1.0)), argument, mask, "must be in [0, 1]")
    require(not (smooth < 0.0 or smooth == np.inf), "smooth", smooth, "must be >= 0 and finite")
    is_empty = np.all(probabilities == 0.0) and np.all(targets == 0.0)
    require(not (is_empty and smooth == 0.0), "smooth", smooth, "must be positive where both masks are empty")


def empty_pixels_do_not_count(formula, inputs, rng):
    """A pixel that both masks leave empty changes nothing."""
    more = {a: np.append(inputs[a], 0.0) for a in ("probabilities", "targets")}
    return misfit(formula, inputs, inputs | more)


def any_order(formula, inputs, rng):
    """Pixels may be listed in any order, in both masks the same."""
    order = rng.permutation(len(inputs["targets"]))
    return misfit(formula, inputs, inputs | {a: inputs[a][order] for a in ("probabilities", "targets")})


def tiled_twice(formula, inputs, rng):
    """Both masks twice, and twice the smoothing, give the same: only proportions matter."""
    twice = {a: np.tile(inputs[a], 2) for a in ("probabilities", "targets")}
    return misfit(formula, inputs, twice | {"smooth": 2.0 * inputs["smooth"]})


def random_masks(rng):
    """Probabilities, and a target that is a share of each pixel."""
    n = int(rng.integers(2, 6))
    return {
        "probabilities": rng.uniform(0.05, 0.95, size=n),
        "targets": rng.uniform(0.05, 0.95, size=n),
        "smooth": rng.uniform(0.1, 2.0),
    }


GRADIENTS = {"probabilities": dice_probabilities_gradient, "targets": dice_targets_gradient}


def _of_squares(p, t, s):
    return np.sum(p * p) + np.sum(t * t) + s


FORMULA = Formula(
    value=dice,
    signature="(n),(n),()->()",
    source="dice1945; milletari2016, Section 3; sudre2017, Section 2",
    gradients=GRADIENTS,
    sample=random_masks,
    laws=(
        non_negative,
        at_most_one,
        symmetric("probabilities", "targets"),
        any_order,
        empty_pixels_do_not_count,
        tiled_twice,
    ),
    cases={  # (probabilities, targets, smooth), L, (dL/dp, dL/dt), the mistake that it exposes
        "half of each overlaps": Case(
            ([1.0, 1.0, 0.0], [0.0, 1.0, 1.0], 0.0),
            0.5,
            ([0.125, -0.375, -0.375], [-0.375, -0.375, 0.125]),
            "factor 2 forgotten",
        ),
        "nothing known of two pixels, one of them the object's": Case(
            ([0.5, 0.5], [1.0, 0.0], 0.0), 0.5, ([-0.75, 0.25], [-0.25, -0.25]), "squares in the denominator"
        ),
        "two empty masks agree": Case(
            ([0.0, 0.0], [0.0, 0.0], 1.0), 0.0, ([1.0, 1.0], [1.0, 1.0]), "smoothed in the denominator alone"
        ),
        "an empty mask, and an object of one pixel": Case(
            ([0.0, 0.0], [1.0, 0.0], 1.0), 0.5, ([-0.75, 0.25], [0.25, 0.25]), "smoothed before the factor 2"
        ),
        "a miss, not smoothed: nothing can be 0": Case(
            ([0.0, 0.0], [1.0, 0.0], 0.0), 1.0, ([-2.0, 0.0], [0.0, 0.0])
        ),
        "a sure hit, smoothed": Case(
            ([1.0, 0.0], [1.0, 0.0], 2.0), 0.0, ([-0.25, 0.25], [-0.25, 0.25]), "overlap squared"
        ),
        "shares: 1/2 of 1/2 is not agreement": Case(
            ([0.5], [0.5], 0.0), 0.5, ([-0.5], [-0.5]), "intersection over union"
        ),
        "half a probability": Case(([0.5], [1.0], 0.5), 0.25, ([-0.625], [-0.125]), "overlap alone"),
        "half a probability, smoothed more": Case(
            ([0.5], [1.0], 1.0), 0.2, ([-0.48], [-0.08]), "smoothed twice"
        ),
        "as good as right: 2^-53 of a pixel is left": Case(
            ([1.0 - 2.0**-53, 1.0], [1.0, 1.0], 0.0), 2.7755575615628914e-17
        ),
        "not a number": Case(
            ([0.5, np.nan], [1.0, 0.0], 1.0), np.nan, (np.full(2, np.nan), np.full(2, np.nan))
        ),
    },
    variants={
        "squares in the denominator": Convention(
            lambda p, t, s=1.0: 1.0 - (2.0 * np.dot(p, t) + s) / _of_squares(p, t, s),
            {
                "probabilities": lambda p, t, s=1.0: _of_squares_gradient(p, t, s),
                "targets": lambda p, t, s=1.0: _of_squares_gradient(t, p, s),
            },
            seen_in="Milletari et al. (2016), Section 3; MONAI, documentation of DiceLoss, squared_pred",
            symptom="shares that agree cost nothing; the pull is softer at the object",
        ),
        "smoothed in the denominator alone": Convention(
            lambda p, t, s=1.0: 1.0 - 2.0 * np.dot(p, t) / (np.sum(p) + np.sum(t) + s),
            {
                "probabilities": lambda p, t, s=1.0: _denominator_gradient(p, t, s),
                "targets": lambda p, t, s=1.0: _denominator_gradient(t, p, s),
            },
            seen_in="Keras 3.15, dice, whose s is 1e-7; AdelaiDet, github.com/aim-uofa/AdelaiDet/issues/610",
            symptom="two empty masks cost 1, and have no gradient",
        ),
        "smoothed twice": Convention(
            lambda p, t, s=1.0: dice(p, t, 2.0 * s),
            {
                "probabilities": lambda p, t, s=1.0: dice_probabilities_gradient(p, t, 2.0 * s),
                "targets": lambda p, t, s=1.0: dice_targets_gradient(p, t, 2.0 * s),
            },
            seen_in="optax, documentation of dice_loss, whose s stands beside sizes that are halved",
            symptom="the same s smooths twice as much",
        ),
        "smoothed before the factor 2": Mistake(
            lambda p, t, s=1.0: 1.0 - 2.0 * (np.dot(p, t) + s) / (np.sum(p) + np.sum(t) + s),
            seen_in="Pytorch-UNet, github.com/milesial/Pytorch-UNet/issues/24",
            symptom="two empty masks cost -1, and an empty prediction is worth more than a hit",
        ),
        "factor 2 forgotten": Mistake(
            lambda p, t, s=1.0: 1.0 - (np.dot(p, t) + s) / (np.sum(p) + np.sum(t) + s),
            symptom="no loss falls below one half, but for smoothing",
        ),
        "intersection over union": Mistake(
            lambda p, t, s=1.0: 1.0 - (np.dot(p, t) + s) / (np.sum(p) + np.sum(t) - np.dot(p, t) + s),
            symptom="Jaccard's index: for masks 1 - J = 2L/(1 + L), larger for all but 0 and 1",
        ),
        "overlap squared": Mistake(
            lambda p, t, s=1.0: 1.0 - (2.0 * np.sum((p * t) ** 2) + s) / (np.sum(p) + np.sum(t) + s),
            {"probabilities": lambda p, t, s=1.0: _squared_overlap_gradient(p, t, s)},
            seen_in="nnUNet, github.com/MIC-DKFZ/nnUNet/issues/12, numerator squared where it should not be",
            symptom="the same for masks of zeros and ones; a doubtful pixel of the object counts less",
        ),
        "overlap alone": Mistake(
            lambda p, t, s=1.0: -(2.0 * np.dot(p, t) + s) / (np.sum(p) + np.sum(t) + s),
            GRADIENTS,
            seen_in="ultrasound-nerve-segmentation, "
            "github.com/jocicmarko/ultrasound-nerve-segmentation/issues/4: the coefficient, negated",
            symptom="negative losses; the gradient is right",
        ),
        "logarithm of the overlap": Mistake(
            lambda p, t, s=1.0: -np.log(1.0 - dice(p, t, s)),
            symptom="log-Dice: no bound, and harder on small overlaps",
        ),
        "twice the overlap over the union": Mistake(
            lambda p, t, s=1.0: 1.0 - (2.0 * np.dot(p, t) + s) / (np.sum(p) + np.sum(t) - np.dot(p, t) + s),
            symptom="-1 where the masks are the same",
        ),
        "each pixel by itself": Mistake(
            lambda p, t, s=1.0: np.mean(1.0 - (2.0 * p * t + s) / (p + t + s)),
            symptom="reduced over the wrong axis: empty pixels count, and sizes do not",
        ),
        "background counted, too": Mistake(
            lambda p, t, s=1.0: 0.5 * (dice(p, t, s) + dice(1.0 - p, 1.0 - t, s)),
            symptom="two channels averaged: a small object matters half",
        ),
        "prediction squared, target not": Mistake(
            lambda p, t, s=1.0: 1.0 - (2.0 * np.dot(p, t) + s) / (np.sum(p * p) + np.sum(t) + s),
            symptom="right for masks of zeros and ones",
        ),
        "minimum for the product": Mistake(
            lambda p, t, s=1.0: 1.0 - (2.0 * np.sum(np.minimum(p, t)) + s) / (np.sum(p) + np.sum(t) + s),
            symptom="right for masks; shares that agree cost nothing",
        ),
        "prediction rounded": Mistake(
            lambda p, t, s=1.0: dice(1.0 * (p > 0.5), t, s), symptom="the score of the mask: no gradient"
        ),
        "misses weigh 0.7, false alarms 0.3": Mistake(
            lambda p, t, s=1.0: 1.0 - (np.dot(p, t) + s) / (0.3 * np.sum(p) + 0.7 * np.sum(t) + s),
            seen_in="Salehi et al. (2017), the Tversky index, where it is meant",
            symptom="the best mask is too large",
        ),
    },
    as_printed=dice_as_printed,
    rules=rules,
    refuses={  # (probabilities, targets, smooth), the argument to blame
        "no pixel": (([], [], 1.0), "probabilities"),
        "a probability above 1": (([1.5], [1.0], 1.0), "probabilities"),
        "a negative probability": (([-0.5], [1.0], 1.0), "probabilities"),
        "a target above 1": (([0.5], [2.0], 1.0), "targets"),
        "a negative target": (([0.5], [-1.0], 1.0), "targets"),
        "a negative smoothing": (([0.5], [1.0], -1.0), "smooth"),
        "an infinite smoothing": (([0.5], [1.0], np.inf), "smooth"),
        "two empty masks, not smoothed": (([0.0, 0.0], [0.0, 0.0], 0.0), "smooth"),
    },
)


def _of_squares_gradient(p, t, s):
    D = _of_squares(p, t, s)
    return ((2.0 * np.dot(p, t) + s) / D * 2.0 * p - 2.0 * t) / D


def _denominator_gradient(p, t, s):
    D = np.sum(p) + np.sum(t) + s
    return (2.0 * np.dot(p, t) / D - 2.0 * t) / D


def _squared_overlap_gradient(p, t, s):
    D = np.sum(p) + np.sum(t) + s
    return ((2.0 * np.sum((p * t) ** 2) + s) / D - 4.0 * p * t * t) / D
