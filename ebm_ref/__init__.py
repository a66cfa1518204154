r"""`ebm_ref`: the ground truth of energy-based learning, as a textbook whose every page runs.

An energy-based model scores every answer y to an input x with a number E(y, x): the *energy*.
Lower is better.  To use the model is to search for low energy; to train it is to shape the energy
so that right answers lie low and wrong ones high.

Notation, the same on every page
--------------------------------
    X, Y, Z      input, answer, latent variable
    W            parameters
    E            energy: E_j that of answer j, and E_y that of the correct one
    o            the most offending wrong answer, argmin_{j != y} E_j
    d            E_y - E_o, positive when the model errs
    beta > 0     inverse temperature
    m >= 0       margin, in units of energy
    k            number of answers
    [j = y]      1 if what stands in brackets holds, else 0
    W'x          a transpose
    x'           of a sampler, the next state

Sign conventions, the same on every page
----------------------------------------
    p(y) = exp(-beta E_y) / Z        probability falls with energy
    F    = -(1/beta) log Z           free energy: the physicist's sign
    L    = E_y - F                   so this is the negative log-likelihood over beta
    score = -dE/dx                   points downhill

float64 throughout.  Inputs are never modified.  A NaN that a formula reads makes its result NaN.  At
a corner the derivative is that of the inactive side (0); ties go to the lowest index.  A broken
precondition raises `ValueError` with the argument, its value and the rule.

`READING_ORDER` is the table of contents: each page imports only pages that stand before it.
"""

__version__, __date__ = "0.1.0", "2026-12-01"  # of the release, as CITATION.cff has them

# The letters of formulas, and the arguments that they stand for, on every page alike.  A page that must use
# one otherwise, since the literature does, says so in its header.
LETTERS = {
    "A": "precision predictor weights",  # a matrix between two spaces, like B
    "B": "decoder",
    "C": "costs",
    "E": "energies energy tables other_energy",  # an energy, or all of them
    "J": "couplings",
    "K": "kernels",
    "L": "",  # a loss; F a free energy, o the most offending answer, Z a sum over answers: never arguments
    "M": "cap",
    "P": "pairwise",
    "Q": "matrix",
    "T": "transitions threshold",
    "U": "centers",
    "V": "output_weights decoder",  # the parameters of the second layer
    "W": "weights hidden_weights encoder decoder dictionary basis",  # parameters that multiply an input
    "X": "features image windows",  # an input of several parts
    "Y": "same answer face",  # an answer of two
    "a": "anchor position",
    "b": "bias biases hidden_biases encoder_bias visible_bias",
    "beta": "beta other_beta",  # inverse temperature
    "c": "output_biases decoder_bias hidden_bias",
    "d": "distance distances",
    "delta": "delta",
    "e": "energies step_size",  # of arcs; a step
    "eps": "noise epsilon",
    "g": "gradient proposal_gradient",
    "gamma": "gamma",
    "h": "fields hidden",
    "k": "",  # the number of answers
    "l": "losses log_probabilities log_q",
    "lam": "sparsity strength",
    "lp": "log_probabilities",
    "m": "margin",
    "mu": "mean means center centers",
    "p": "p probability probabilities positive",
    "q": "probabilities",
    "r": "radii",
    "s": "spins score similarities smoothing",
    "t": "target targets",  # a target that is a number or a distribution
    "tau": "temperature",
    "u": "unary lengths",
    "v": "visible variance variances",
    "w": "weights centers",  # one vector of weights, or one for each answer
    "x": "point position features prediction scores observation corrupted bits",  # an input, a point
    "x1": "x1 first",
    "x2": "x2 second",
    "y": "label labels target answer correct positive sign configuration observation point",  # the answer
    "z": "logit logits code component angle position noise",  # a logit; a latent variable; normal noise
}

READING_ORDER = (
    "checks",
    "formula",
    "laws",
    "numerics",
    "gamma",
    "exact.levels",
    # energies: one configuration in, one number out
    "energies.linear_regression",
    "energies.two_class",
    "energies.logistic",
    "energies.mlp",
    "energies.deep_network",
    "energies.convnet",
    "energies.softmax",
    "energies.rbf_output",
    "energies.implicit_regression",
    "energies.siamese",
    "energies.joint_energy",
    # energies with a latent variable
    "energies.latent_detector",
    "energies.k_means",
    "energies.gaussian_component",
    "energies.gaussian_mixture",
    "energies.pca",
    "energies.autoencoder",
    "energies.contractive",
    "energies.sparse_coding",
    "energies.regularised_latent",
    "energies.vae_divergence",
    "energies.vae",
    "energies.ellipse",
    # energies of points of the line and the plane: with score and curvature
    "energies.quadratic",
    "energies.double_well",
    "energies.banana",
    "energies.banana_score",
    "energies.rings",
    "energies.mixture",
    "energies.mixture_score",
    # energies of spins
    "energies.hopfield",
    "energies.boltzmann",
    "energies.qubo",
    "energies.quadratisation",
    "energies.potts",
    "energies.rbm",
    "energies.gaussian_rbm",
    "energies.gaussian_rbm_free_energy",
    "energies.potts_rbm",
    "energies.chain",
    "energies.hidden_markov",
    "energies.linear_structured",
    "energies.step_patterns",
    "energies.alignment",
    "energies.banded_alignment",
    "energies.graph_transformer",
    "energies.factor_graph",
    # losses: functionals of the table of energies
    "losses.table",
    "losses.integral_table",
    "losses.offending",
    "losses.offending_outside",
    "losses.energy",
    "losses.perceptron",
    "losses.hinge",
    "losses.squared_hinge",
    "losses.log",
    "losses.mce",
    "losses.lvq2",
    "losses.lvq2_ratio",
    "losses.square_square",
    "losses.square_exponential",
    "losses.nll",
    "losses.mee",
    "losses.generalized_hinge",
    "losses.margin_rescaled_hinge",
    "losses.conditions",
    # criteria: losses of a prediction and its target, as the frameworks name them
    "criteria.squared_error",
    "criteria.squared_log_error",
    "criteria.absolute_error",
    "criteria.huber",
    "criteria.smooth_l1",
    "criteria.log_cosh",
    "criteria.gaussian_nll",
    "criteria.laplace_nll",
    "criteria.student_t_nll",
    "criteria.poisson_nll",
    "criteria.negative_binomial_nll",
    "criteria.kl_divergence",
    "criteria.cross_entropy",
    "criteria.nll_of_log_probabilities",
    "criteria.cross_entropy_of_probabilities",
    "criteria.label_smoothing",
    "criteria.binary_cross_entropy",
    "criteria.binary_cross_entropy_with_logits",
    "criteria.weighted_binary_cross_entropy",
    "criteria.class_weighted_cross_entropy",
    "criteria.poly_1",
    "criteria.focal",
    "criteria.balanced_focal",
    "criteria.multi_class_focal",
    "criteria.dice",
    "criteria.info_nce",
    "criteria.sup_con",
    "criteria.adaptive_log_softmax",
    "criteria.margin_ranking",
    "criteria.soft_margin",
    "criteria.hinge_embedding",
    "criteria.multi_margin",
    "criteria.multilabel_margin",
    "criteria.multilabel_soft_margin",
    "criteria.distance",
    "criteria.contrastive",
    "criteria.contrastive_distance",
    "criteria.triplet_margin",
    "criteria.cosine_embedding",
    "criteria.ctc_alignment",
    "criteria.ctc_walks",
    "criteria.ctc",
    "criteria.ctc_failures",
    "criteria.ctc_of_logits",
    "criteria.ctc_decoding",
    "criteria.transducer_steps",
    "criteria.transducer",
    "criteria.reductions",
    "criteria.weighted_mean",
    "criteria.element_weighted_mean",
    "criteria.class_weighted_mean",
    "criteria.target_length_mean",
    # inference: answers of low energy
    "inference.exhaustive",
    "inference.grid",
    "inference.descent",
    "inference.ista",
    "inference.free_energy",
    "inference.average_free_energy",
    "inference.variational_free_energy",
    "inference.latent",
    "inference.icm",
    "inference.annealing",
    "inference.beam",
    "inference.uses",
    "inference.calibration",
    # exact: every configuration counted
    "exact.spins",
    "exact.enumeration",
    "exact.checkpoint",
    "exact.blocks",
    "exact.rbm",
    # exact: chains
    "exact.chain",
    "exact.chain_enumeration",
    "exact.chain_counts",
    "exact.chain_shortcuts",
    "exact.chain_nll",
    "exact.chain_margin",
    "exact.hidden_markov",
    "exact.graph",
    "exact.semi_markov",
    "exact.dependency_trees",
    "exact.tree_nll",
    # exact: factor graphs, lattices, densities, samplers; what is not exact stands beside them
    "exact.cancelling",
    "exact.factors",
    "exact.elimination",
    "exact.transfer_matrix",
    "exact.ising_torus",
    "exact.ising_plane",
    "exact.ising_counts",
    "exact.double_exponential",
    "exact.quadrature",
    "exact.transition",
    "inference.mean_field",
    "inference.loopy",
    # samplers: noise in, state out
    "samplers.metropolis",
    "samplers.random_walk",
    "samplers.lattice_walk",
    "samplers.heat_bath",
    "samplers.gibbs",
    "samplers.gibbs_with_gradients",
    "samplers.cluster",
    "samplers.langevin",
    "samplers.mala",
    "samplers.hmc",
    "samplers.mass_matrix",
    "samplers.jitter",
    "samplers.warm_up",
    "samplers.positive",
    "samplers.interval",
    "samplers.simplex",
    "samplers.annealed_langevin",
    "samplers.tempering",
    "samplers.annealed_importance",
    "samplers.chains",
    "samplers.diagnostics",
    "samplers.blocking",
    "samplers.posterior",
    # learning without the partition function: by the score, and by energies of neighbours
    "learning.score_matching",
    "learning.denoising_score_matching",
    "learning.multiscale_denoising",
    "learning.denoising_control",
    "learning.sliced_score_matching",
    "learning.sliced_score_matching_reduced",
    "learning.kernel_stein",
    "learning.kernel_stein_multiquadric",
    "learning.energy_discrepancy",
    "learning.variational_bound",
    "learning.recovery_energy",
    "learning.score_entropy",
    # the two joined by the chain rule
    "learning.descent",
    # learning without the partition function: noise, neighbours and chains
    "learning.likelihood",
    "learning.noise_contrastive",
    "learning.noise_contrastive_variance",
    "learning.ranking_nce",
    "learning.flips",
    "learning.conditional_nce",
    "learning.pseudolikelihood",
    "learning.pseudolikelihood_of_states",
    "learning.ratio_matching",
    "learning.minimum_probability_flow",
    "learning.contrastive_divergence",
    "learning.expected_cd",
    "learning.persistent_chains",
    "learning.rbm_gradients",
    "catalogue",
    # how trust is established
    "proof.identities.measure",
    "proof.identities.energies",
    "proof.identities.latent",
    "proof.identities.inference",
    "proof.identities.structures",
    "proof.identities.losses",
    "proof.identities.sequences",
    "proof.identities.criteria",
    "proof.identities.pairs",
    "proof.identities.weighted",
    "proof.identities.samplers",
    "proof.identities.learning_scores",
    "proof.identities.learning_neighbours",
    "proof.identities.learning_flips",
    "proof.identities.catalogue",
    "proof.tape",
    "proof.naive.words",
    "proof.naive.energies",
    "proof.naive.latent",
    "proof.naive.inference",
    "proof.naive.structures",
    "proof.naive.losses",
    "proof.naive.criteria",
    "proof.naive.samplers",
    "proof.naive.score_matching",
    "proof.naive.noise_contrast",
    "proof.recursions",
    "proof.oracle",
    "proof.mutants",
    "proof.programs",
    "proof.large",
    "proof.labelled",
    "proof.bounds",
    "proof.golden",
    "proof.garbage",
    "proof.loops",
    "proof.evidence",
    "proof.conditions",
    # the judge
    "conformance.compare",
    *(
        f"conformance.hypotheses.{name}"
        for name in (
            "words places masks texts screening hypothesis variants composed arguments formulas outputs "
            "fitting guards intermediates slopes pages pairs generators"
        ).split()
    ),
    "conformance.evidence",
    "conformance.diagnose",
    "conformance.features",
    "conformance.questions",
    "conformance.adapting",
    *(
        f"conformance.frameworks.{name}"
        for name in "torch crf jax optax keras sklearn torchebm thrml".split()
    ),
    "conformance.keeper",
    "conformance.differentiated",
    "conformance.program",
    "conformance.worker",
    "conformance.process",
    "conformance.report",
    "conformance.solution",
    "conformance.contract",
    "conformance.offline",
    "conformance.junit",
    "conformance.reproduce",
    *(f"conformance.samplers.{name}" for name in "chi_square targets tally stepper judge".split()),
    "cli.aliases",
    "cli.text",
    "cli.pages",
    "cli.museum",
    *(
        f"book.{name}"
        for name in (
            "mathml fractions tokens parser blocks inline foundations front chapters prose "
            "listings tables drawings.records drawings.training drawings.landscape drawings.costs "
            "drawings.paths drawings.mixing drawings.ladders drawings.coordinates drawings.instruments "
            "drawings.trust figures sessions pages museum results claims performance site"
        ).split()
    ),
    "cli.verify",
    "cli.check",
    "cli.accept",
    "conformance.testing",
    "cli.markdown",
    "cli.judge",
    "cli.check_sampler",
    "cli.truths",
    "cli.book",
    "cli.exercise",
    "cli.main",
    # the same formulas at the speed of the machine; no page imports them
    *(
        f"kernels.{name}"
        for name in (
            "compiled exponential rows sums batch losses ctc_sample ctc_probabilities ctc_logarithms "
            "ctc_failures ctc chain chain_answers ground_states gray_spins gray_graphs enumeration "
            "graph sweeps metropolis adaptive_walk rbm"
        ).split()
    ),
)


def __getattr__(name):
    """`ebm_ref.FORMULAS`, resolved when first asked for, so that `import ebm_ref` stays light."""
    if name == "FORMULAS":
        from ebm_ref.catalogue import FORMULAS

        return FORMULAS
    raise AttributeError(f"module 'ebm_ref' has no attribute {name!r}")
