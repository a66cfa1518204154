r"""How trust is established: witnesses that do not depend on each other.

A formula that was copied wrongly is wrong in its value, its gradient and its test alike, if all three
come from one head.  So each claim of this book is put to up to eight witnesses, and where one does not
apply, the reason is given:

    witness        what it does                                            it agrees if the error is at most
    hand           cases worked out on paper                               1e-15, relative
    autograd       differentiates the value, for each explicit gradient    1e-10, relative
    slope          central differences of the value, in random directions  1e-7
    laws           properties that hold at random points                   the defect that each allows
    identities     tie it to other formulas, so one must err twice         the defect that each allows
    oracle         the definition, with hundreds of digits                 4 (u C + eta)
    enumeration    the sum over answers, in plain loops; quadrature        8 n u S
    mutants        known mistakes are planted                              each must be exposed by a vector

From the oracle come the golden vectors: inputs with the true value, the true gradients and their
condition numbers.  The page has to agree with them like any stranger.  How far an honest computation may
land from the truth follows from the condition number: error <= 8 (u C + eta), and no tolerance is set by
hand.

Read `proof.evidence` first, which lists the witnesses, then `proof.bounds` and `proof.golden`.  The
pages under `naive` are the definitions themselves; they are as short as definitions should be, and they
are shown at the end of each formula's own page, too.

    what is doubted            witness
    the formula                `proof.oracle`, from `proof.naive`
    its digits                 `proof.golden`, on hostile inputs
    its gradient               autograd, slopes: `proof.evidence`
    sums over answers          `proof.loops`: plain Python; `proof.recursions`: longer inputs
    how it fits with others    `proof.identities.catalogue`
    the tests                  `proof.mutants`, `proof.programs`

Source: Higham (2002), for condition numbers and backward errors.
"""
