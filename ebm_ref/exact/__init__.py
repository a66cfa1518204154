r"""Exact sums: the partition function without approximation.

Z = sum_y e^{-beta E(y)} has a term for each configuration.  A table of them ends at some thirty spins, since
2^30 numbers fill 8 GiB; what is exact beyond that owes it to structure.  A chain is summed in as many
steps as it has moments, a tree by elimination, a lattice column by column, trees over words by a
determinant, the infinite Ising lattice by an integral that Onsager found.  All of these give log Z, and
nearly all give its derivatives by the energies: they are the marginals, and therefore the gradient of
the likelihood.

Such models are where learning rules and samplers are tested.  An estimate from samples can only be found
wrong by something that is right, and it is a property of this chapter that every route has a second one
beside it: blocks against enumeration, elimination against the chain, the torus in closed form against
the transfer matrix.  What digits are lost on the way is counted, and the pages on levels and on
cancelling say how they are kept.

Which to choose:

    the model is                       use                            what it costs
    dense spins, up to 40              `blocks`                       2^n multiplications, as matrix products
    anything small                     `exact.enumeration`            all configurations, in memory
    a sequence, labels at moments      `exact.chain`                  t k^2
    a sequence, labels on segments     `semi_markov`                  t d k^2, for segments of up to d moments
    hidden states of a sequence        `exact.hidden_markov`          t k^2
    a graph of paths                   `exact.graph`                  its arcs
    arcs between words                 `dependency_trees`             n^3
    small factors, few loops           `elimination`                  k to the width of the best order
    a narrow lattice                   `transfer_matrix`              2^rows for each site
    the Ising torus without a field    `ising_torus`, `ising_counts`  a formula; exact integers up to 8 x 8
    a density on a line or in a plane  `quadrature`                   a sum, with an estimate of its error
    a sampler of few states            `transition`                   its matrix: bias and speed, exactly

Forty spins are 10^12 configurations.  With 31 of them one core was measured to sum 2 10^10 a second for
log Z, 7 10^9 for the moments: so these take about a minute, and some three.  Each spin more doubles it; the
function `estimate_seconds` of `blocks` asks the machine at hand.

Source: each page names its own; for the whole, Wainwright and Jordan (2008), Graphical Models,
Exponential Families, and Variational Inference.
"""
