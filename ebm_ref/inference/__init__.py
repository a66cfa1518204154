r"""Inference: what an energy says about its answers, once it has been learned.

The parameters are fixed, the input is given, and what is wanted is the answer of lowest energy, y* =
argmin_y E(y).  Few answers are tried one by one.  For many, the structure of the energy decides what is
possible: descent where answers are real numbers, message passing where the energy is a sum of small
parts, annealing where nothing else is known.

A variable that is needed for the energy, but not asked for, is latent.  It can be minimised, or it can
be summed over at an inverse temperature beta, and the second turns into the first as beta grows.  The
sum is the free energy F = -(1/beta) log sum_z e^{-beta E_z}, the most useful function of this book.  It
is a softened minimum, it is the normaliser of a probability, its derivative by an energy is a
probability, and a loss applied to free energies learns in spite of the latent variable.

Which to choose:

    the answer is                 use                              what it guarantees
    one of few                    `exhaustive`                     the minimum
    on a line, in a plane         `inference.grid`                 the minimum, given a Lipschitz constant
    a vector                      `inference.descent`              a point where the slope is small
    a sparse code                 `ista`                           the minimum, as the energy is convex
    a sequence                    exact/chain.py                   the minimum, and all marginals
    of many parts, without loops  `inference.loopy`                the minimum and all marginals
    of many parts, with loops     `inference.loopy`, `mean_field`  a fixed point; mean field also a bound on F
    anything else                 `icm`, `annealing`, `beam`       nothing but an answer

Two pages are about what comes afterwards.  An energy serves four uses, to predict, to rank, to detect
and to give probabilities, and only the last needs a temperature.  Calibration finds that temperature on
data that was held out.

Source: LeCun et al. (2006), Sections 1 and 2.2.4.
"""
