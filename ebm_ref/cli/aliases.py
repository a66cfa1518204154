r"""Aliases: what people call things, and the formulas and pages that they then mean.

    ebm-ref show crf        shows the first, and names the others
    ebm-ref list crf        lists all

Spaces, hyphens and underscores are the same.  A name of the catalogue is no alias: it stands for itself.

Source: the names are those of the literature and of the frameworks.
"""

ALIASES = {
    # losses
    "svm": ("hinge", "multi_margin", "squared_hinge"),
    "support vector machine": ("hinge", "multi_margin", "squared_hinge"),
    "max margin": ("hinge", "multi_margin", "margin_rescaled_hinge"),
    "structured svm": ("chain_margin_rescaled_hinge", "margin_rescaled_hinge"),
    "m3n": ("chain_margin_rescaled_hinge",),
    "cost augmented hinge": ("margin_rescaled_hinge", "chain_margin_rescaled_hinge"),
    "l2 svm": ("squared_hinge",),
    "crammer singer": ("hinge", "multi_margin"),
    "weston watkins": ("generalized_hinge", "multi_margin"),
    "structured perceptron": ("chain_perceptron", "perceptron"),
    "log loss": ("log", "binary_cross_entropy", "cross_entropy"),
    "logistic loss": ("soft_margin", "log", "binary_cross_entropy_with_logits"),
    "minimum classification error": ("mce",),
    "minimum empirical error": ("mee",),
    "learning vector quantization": ("lvq2", "lvq2_ratio"),
    "negative log likelihood": ("nll", "nll_of_log_probabilities"),
    "maximum likelihood": ("nll", "learning.likelihood"),
    "maximum mutual information": ("nll",),
    "mmi": ("nll",),
    # criteria
    "softmax loss": ("cross_entropy", "nll"),
    "logsumexp": ("free_energy", "nll"),
    "categorical cross entropy": ("cross_entropy", "cross_entropy_of_probabilities"),
    "sparse categorical cross entropy": ("cross_entropy",),
    "soft targets": ("cross_entropy_of_probabilities", "label_smoothing"),
    "bce": ("binary_cross_entropy", "binary_cross_entropy_with_logits"),
    "bce with logits": ("binary_cross_entropy_with_logits",),
    "sigmoid cross entropy": ("binary_cross_entropy_with_logits",),
    "pos weight": ("weighted_binary_cross_entropy",),
    "class weights": ("class_weighted_cross_entropy", "reduction_class_weighted_mean"),
    "focal loss": ("focal", "balanced_focal", "multi_class_focal"),
    "polyloss": ("poly_1",),
    "soft dice": ("dice",),
    "f1": ("dice",),
    "mse": ("squared_error",),
    "l2": ("squared_error",),
    "mae": ("absolute_error",),
    "l1": ("absolute_error",),
    "msle": ("squared_log_error",),
    "kl": ("kl_divergence",),
    "kld": ("kl_divergence",),
    "relative entropy": ("kl_divergence",),
    "infonce": ("info_nce",),
    "nt xent": ("info_nce",),
    "simclr": ("info_nce",),
    "clip": ("info_nce",),
    "supervised contrastive": ("sup_con",),
    "triplet": ("triplet_margin",),
    "pairwise ranking": ("margin_ranking",),
    "siamese loss": ("contrastive", "siamese"),
    "cosine": ("cosine_embedding",),
    "connectionist temporal classification": ("ctc", "ctc_of_logits"),
    "rnnt": ("transducer",),
    "rnn t": ("transducer",),
    "rnn transducer": ("transducer",),
    "reduction": ("reduction_mean", "reduction_sum", "reduction_batchmean", "criteria.weighted_mean"),
    # structures
    "crf": ("chain_nll", "chain", "chain_hinge", "exact.chain"),
    "conditional random field": ("chain_nll", "chain"),
    "linear chain": ("chain", "chain_nll"),
    "viterbi": ("exact.chain",),
    "forward backward": ("exact.chain", "exact.hidden_markov"),
    "hmm": ("hidden_markov", "exact.hidden_markov"),
    "dtw": ("alignment", "soft_alignment", "banded_alignment"),
    "dynamic time warping": ("alignment", "soft_alignment", "banded_alignment"),
    "soft dtw": ("soft_alignment", "banded_soft_alignment"),
    "edit distance": ("alignment",),
    "belief propagation": ("inference.loopy",),
    "sum product": ("inference.loopy", "exact.elimination"),
    "markov random field": ("factor_graph", "potts"),
    "mrf": ("factor_graph", "potts"),
    "matrix tree theorem": ("tree_nll", "exact.dependency_trees"),
    "semi crf": ("exact.semi_markov",),
    "segmental crf": ("exact.semi_markov",),
    "gtn": ("graph_transformer", "graph_nll"),
    # energies
    "mlp": ("multi_layer_perceptron",),
    "cnn": ("convnet",),
    "logistic regression": ("logistic",),
    "softmax regression": ("softmax", "cross_entropy"),
    "gmm": ("gaussian_mixture", "mixture"),
    "kmeans": ("k_means",),
    "lasso": ("sparse_coding", "inference.ista"),
    "dae": ("denoising_autoencoder",),
    "variational autoencoder": ("vae", "vae_divergence"),
    "elbo": ("vae", "variational_free_energy", "variational_bound"),
    "jem": ("joint_energy", "marginal_energy"),
    "restricted boltzmann machine": ("rbm", "rbm_free_energy"),
    "boltzmann machine": ("boltzmann", "ising"),
    "spin glass": ("ising",),
    "max cut": ("qubo", "ising"),
    "partition function": ("free_energy", "exact.enumeration", "exact.blocks"),
    "log z": ("free_energy", "exact.enumeration", "exact.blocks"),
    "softmin": ("free_energy", "average_free_energy"),
    # learning and sampling
    "cd": ("contrastive_divergence", "learning.expected_cd"),
    "pcd": ("learning.persistent_chains", "contrastive_divergence"),
    "nce": ("noise_contrastive", "ranking_nce", "conditional_nce", "info_nce"),
    "noise contrastive estimation": ("noise_contrastive", "ranking_nce", "conditional_nce"),
    "cnce": ("conditional_nce",),
    "dsm": ("denoising_score_matching",),
    "ssm": ("sliced_score_matching", "sliced_score_matching_reduced"),
    "diffusion": ("denoising_score_matching", "multiscale_denoising"),
    "ksd": ("kernel_stein", "kernel_stein_v", "kernel_stein_multiquadric"),
    "stein": ("kernel_stein", "kernel_stein_v", "kernel_stein_multiquadric"),
    "mpf": ("minimum_probability_flow",),
    "pll": ("pseudolikelihood", "pseudolikelihood_of_states"),
    "sedd": ("score_entropy",),
    "mcmc": ("metropolis_hastings", "samplers.posterior"),
    "mh": ("metropolis_hastings",),
    "ula": ("langevin",),
    "sgld": ("langevin",),
    "mala": ("mala_correction", "samplers.mala"),
    "hamiltonian monte carlo": ("samplers.hmc",),
    "parallel tempering": ("replica_exchange", "samplers.tempering"),
    "ais": ("samplers.annealed_importance",),
    "simulated annealing": ("inference.annealing",),
    "swendsen wang": ("samplers.cluster",),
    "wolff": ("samplers.cluster",),
    "temperature scaling": ("inference.calibration",),
    "ess": ("samplers.diagnostics",),
    "r hat": ("samplers.diagnostics",),
}


def plainly(words):
    """Words as they are compared: lower case, one space between.

    >>> plainly("Soft-DTW"), plainly("rnn_t")
    ('soft dtw', 'rnn t')
    """
    return " ".join(words.lower().replace("_", " ").replace("-", " ").split())


def meant_by(name):
    """What an alias means; nothing if it is none."""
    return ALIASES.get(plainly(name), ())
