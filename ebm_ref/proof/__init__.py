r"""How trust is established: witnesses that do not depend on each other.

A formula that was copied wrongly is wrong in its value, its gradient and its test alike, if all three
come from one head.  So each claim of this book has several witnesses, and they share nothing.  Cases are
worked by hand. Autograd and central differences contradict a wrong derivative.  Laws hold at random
points.  Identities tie a formula to others, so that a mistake has to be made twice.  The oracle
evaluates the definition, as one would write it on paper, with hundreds of digits.  And known mistakes
are planted, one by one, to show that the witnesses would have noticed.

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

Source: Higham (2002), Accuracy and Stability of Numerical Algorithms, for condition numbers.
"""
