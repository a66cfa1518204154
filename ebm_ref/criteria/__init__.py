r"""Criteria: losses of a prediction and its target, by the names that the frameworks use.

Here are the losses that one finds in PyTorch, Keras, optax, JAX and scikit-learn.  Most are one of the
previous chapter in other clothes.  A logit is minus an energy, so cross-entropy is the negative
log-likelihood of E = -z; the squared error is the energy of a real answer; a margin between scores is a
margin between energies with the sign turned.  Their pages say which, and the section on links holds the
identities that prove it.

Frameworks agree about the names more often than about the numbers.  Whether a mean or a sum is taken,
over what, whether a class weight enters the denominator, what an epsilon is added to, whether a gradient
is by logits or by log-probabilities: that is what the conventions of each page are about, and each is
code that was compared with the released library.

Which to choose:

    the target is                     use                                                beware of
    a number, Gaussian noise          `squared_error`, `gaussian_nll`                    outliers
    a number, with outliers           `huber`, `log_cosh`, `student_t_nll`               where the corner lies
    a positive number, in proportion  `squared_log_error`                                what lies below -1
    a count                           `poisson_nll`, `negative_binomial_nll`             a left-out log t!
    one class of k                    `cross_entropy`                                    a softmax too many
    shares of classes                 `kl_divergence`, `cross_entropy_of_probabilities`  means over classes
    yes or no, several at once        `binary_cross_entropy_with_logits`                 a sigmoid too many
    a rare yes                        `weighted_binary_cross_entropy`, `focal`           shifted shares
    a pair, alike or not              `contrastive`, `cosine_embedding`                  which distance
    which of two is nearer            `triplet_margin`, `margin_ranking`                 a slope at distance 0
    a partner among strangers         `info_nce`, `sup_con`                              the temperature
    labels without their moments      `ctc`, `ctc_of_logits`, `transducer`               gradient by what?

The last pages are not losses but what is done with them: a batch becomes one number by a reduction, and
which one is meant has to be asked each time.

Source: the documentation of the frameworks named; the papers are on each page.
"""
