r"""Energies: one configuration in, one number out.

An energy says how badly an answer goes with an input: E(W, Y, X), low where the two belong together. It
need not be a probability, nor positive, nor normalised.  All that a model claims is which answers lie
lower than others, and the parameters W decide that.  Everything else in this book starts from here:
inference searches an energy for its lowest answer, a loss compares the energies of right and wrong
answers, a sampler visits answers in proportion to e^{-beta E}.

A page of this chapter gives E of one configuration and its derivatives by whatever may move: by the
weights, so that one can learn; by the input, where layers are stacked; by the answer, where it is found
by descent.  The pages do not train anything.  The chain rule of learning/descent.py joins their
derivatives to any loss.

The order is from what everybody knows to what is less familiar.  Regression and classifiers come first,
written as energies.  Then come models with a latent variable z, which nobody observes: it is minimised
away, F(y) = min_z E(y, z), or summed away, which is the free energy of inference/free_energy.py.  Next
are energies of points of the line and the plane, which carry their score and curvature along; samplers
and score matching are tried on them, since their Z is known or easily computed.  Last are spins, bits,
sequences and paths, whose configurations are counted rather than measured.

Which to choose:

    the answer is                      begin with             and go on to
    a number or a vector               `linear_regression`    `mlp`, `implicit_regression`
    one of k classes                   `softmax`              `mlp`, `convnet`, `rbf_output`
    whether two things are alike       `siamese`              `implicit_regression`
    a point near some prototypes       `k_means`              `gaussian_mixture`, `sparse_coding`
    a pattern of bits                  `rbm`                  `boltzmann`, `gaussian_rbm`, `potts_rbm`
    a sequence of labels               `chain`                `linear_structured`, `hidden_markov`
    one of many paths or alignments    `alignment`            `graph_transformer`
    anything made of small parts       `factor_graph`         exact/elimination.py

An energy that can be made small everywhere at once will be, if the loss asks for nothing else: the model
collapses, and every answer is as good as any other.  Energies such as `softmax`, which are normalised by
construction, cannot; for the others it takes a contrastive loss, a limited latent variable, or an
architecture such as `rbf_output`, whose centres keep their distance.

Source: LeCun et al. (2006), Sections 1 to 4.
"""
