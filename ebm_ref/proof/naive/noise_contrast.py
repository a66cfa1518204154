r"""Naive losses that tell data from something else: posteriors, shares and rates as printed.

    p(data | x) = p/(p + nu p_n)

Source: the papers that the pages cite.
"""

from ebm_ref.proof.naive.words import exp, log, proportions


def mean(values):
    return sum(values) / len(values)


def noise_contrastive(data_logits, noise_logits, noise_per_data):
    """h = p_m / (p_m + nu p_n), from the ratio p_m / p_n = e^u."""
    h = lambda u: exp(u) / (exp(u) + noise_per_data)
    not_h = lambda u: noise_per_data / (exp(u) + noise_per_data)
    of_noise = mean([log(not_h(u)) for u in noise_logits])
    return -mean([log(h(u)) for u in data_logits]) - noise_per_data * of_noise


def ranking_nce(energies, log_noise):
    ratios = [exp(-E) / exp(l) for E, l in zip(energies, log_noise, strict=True)]
    return -log(ratios[0] / sum(ratios))


def share(D):
    """What the neighbour has of the probability of the pair."""
    return exp(-D) / (1 + exp(-D))


NAIVE = {
    "noise_contrastive": noise_contrastive,
    "ranking_nce": ranking_nce,
    "conditional_nce": lambda differences: sum(-log(1 / (1 + exp(-D))) for D in differences),
    "pseudolikelihood": lambda flip_differences: sum(-log(1 / (1 + exp(-D))) for D in flip_differences),
    "pseudolikelihood_of_states": lambda energies, states: sum(
        -log(proportions([-E for E in row])[s]) for row, s in zip(energies, states, strict=True)
    ),
    "ratio_matching": lambda flip_differences: sum(share(D) ** 2 for D in flip_differences),
    "minimum_probability_flow": lambda differences: sum(exp(-D / 2) for D in differences),
    "contrastive_divergence": lambda data_energies, chain_energies: (
        mean(data_energies) - mean(chain_energies)
    ),
}
