r"""Losses: what a table of energies is worth, given the right answer.

A loss of this chapter looks at one sample: at the energies E_j of all k answers, and at the index y of
the correct one.  It knows no model.  What it asks is that E_y be low and the others high, and the losses
differ in how they ask: whether they look at all wrong answers or at the most offending one, o; whether
they want a margin; and how hard they pull when the model is wrong by much.

The table itself stands first, then the search for o.  The order after that is that of the tutorial: from
losses that only push down, through those that compare two energies, to those that weigh all of them, and
last the conditions under which a loss can be trusted to train an arbitrary energy.

The picture below has two energies only: E_C of the correct answer, the formulas' E_y, to be pushed to
the left, and E_I of the incorrect one, their E_o, to be pulled up.  Wherever the model errs it is below
the dashed line.  A loss is safe if its arrows lead out of there and keep going until the gap has a size,
as those of `hinge`, `log` and `nll` do.  The arrows of `energy` point to the left everywhere: nothing is
pulled up, and an energy that can be flat will become flat.  Those of `perceptron` stop at the line
itself, without a margin.

Which to choose:

    you have                       use                      because
    probabilities as the goal      `nll`                    it is the likelihood: E_y - F
    a right one that must win      `hinge`, `log`           the pull ends at the margin, or fades with the gap
    distances, never negative      `square_square`          it pins E_y to 0 and the others to the margin
    wrong labels in the data       `mce`, `mee`             one sample costs at most 1
    mistakes of different gravity  `margin_rescaled_hinge`  the loss is at least the cost of the answer given
    too many answers to sum over   `perceptron`, `hinge`    a single energy is needed, the lowest rival's

The `nll` needs the sum over all answers, so it costs what the partition function costs; the chapters on
exact sums and on learning are about that price.  Between `perceptron` and `nll` lies nothing but the
inverse temperature.  With the same energies,

    L_perceptron <= L_nll <= L_perceptron + log(k)/beta

Source: LeCun et al. (2006), Sections 2.2 and 5.
"""
