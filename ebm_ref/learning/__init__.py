r"""Learning: shaping an energy, with and without its partition function.

The likelihood has a gradient of two parts:

    dL/dW = <dE/dW>_data - <dE/dW>_model

Push down the energy of what was seen, pull up the energy of what the model believes.  The first mean is
easy.  The second needs Z or samples, and each page of this chapter is a way around that.

One way is to look at the slope alone.  Score matching fits -dE/dx, in which log Z does not occur; it
needs second derivatives, which denoising replaces by noise and slicing by one random direction.  Another
is to compare a datum with something at hand: with noise of known density, with its neighbours, with its
own disturbed copies. Then the ratio of two probabilities is all that matters, and Z drops out of it.
The third is to run a short chain from the data and to pull up where it has gone, which is contrastive
divergence: cheap, and biased by an amount that learning/expected_cd.py computes exactly.

Which to choose:

    the data are                          use                                 the price
    real vectors, smooth energy           `denoising_score_matching`          the density of noisy data
    real vectors, small d                 `score_matching`                    the trace of second derivatives
    real vectors, large d                 `sliced_score_matching_reduced`     the variance of one direction
    several scales, for sampling          `multiscale_denoising`              a score for each level of noise
    bits or spins, any model              `pseudolikelihood`                  n flips for each datum
    bits, with weights on few neighbours  `minimum_probability_flow`          a choice of neighbours
    an RBM                                `contrastive_divergence`            a bias, or a chain that is slow
    normaliser wanted as well             `noise_contrastive`                 noise that resembles the data
    one partner among k candidates        `ranking_nce`                       the density of the noise
    a small model                         learning/likelihood.py, exact sums  all configurations

Score matching, pseudolikelihood and the losses that compare with noise agree on the truth: with enough
data from the model itself, each has its minimum at the right parameters.  They differ in what they make
of too few data and of a model that is wrong.  That, and not the number of lines, is a reason to choose.

Source: Song and Kingma (2021); Hyvarinen (2005); Hinton (2002); Gutmann and Hyvarinen (2012).
"""
