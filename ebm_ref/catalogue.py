r"""The catalogue: every formula under its name.

Everything in this project that is not a page is a loop over this dict.  Names are part of the public
interface: vectors, adapters and other people's files refer to them.

Before: learning.py.  Next: identities.py.
"""

from ebm_ref.energies import rbf_output, softmax
from ebm_ref.losses import (
    energy,
    generalized_hinge,
    hinge,
    log,
    lvq2,
    lvq2_ratio,
    margin_rescaled_hinge,
    mce,
    mee,
    nll,
    offending,
    perceptron,
    square_exponential,
    square_square,
    table,
)

FORMULAS = {
    # energies
    "softmax": softmax.FORMULA,
    "rbf_output": rbf_output.FORMULA,
    # losses of an energy table
    "integral_table": table.FORMULA,
    "most_offending": offending.FORMULA,
    "most_offending_outside": offending.OUTSIDE,
    "energy": energy.FORMULA,
    "perceptron": perceptron.FORMULA,
    "hinge": hinge.FORMULA,
    "log": log.FORMULA,
    "mce": mce.FORMULA,
    "lvq2": lvq2.FORMULA,
    "lvq2_ratio": lvq2_ratio.FORMULA,
    "square_square": square_square.FORMULA,
    "square_exponential": square_exponential.FORMULA,
    "nll": nll.FORMULA,
    "mee": mee.FORMULA,
    "generalized_hinge": generalized_hinge.FORMULA,
    "margin_rescaled_hinge": margin_rescaled_hinge.FORMULA,
}
