r"""Conditional random fields in PyTorch: pytorch-crf (module torchcrf) and torch-struct, judged as chains.

Each adapter takes (torchcrf, torch, inputs in signature order).  Both have scores for energies, -beta E,
and give log p(y), which is -beta L.  torch-struct wants one table for each pair of neighbours, read
from column to row, and is given that.

Padded, masked and averaged calls are functions of their own: what stands after a chain, or in a gap of
its mask, is no part of it.

Source: documentation and source of pytorch-crf 0.7.2 and torch-struct 0.5; threads as cited.
"""

from ebm_ref.conformance.adapting import FINDING, Unsupported, only
from ebm_ref.conformance.frameworks.torch import differentiate


def version():
    """Names and versions of the packages, as installed; torch-struct may be missing."""
    from importlib import metadata

    import torch
    import torchcrf  # noqa: F401  # a package that cannot be imported is not to be judged

    found = [f"pytorch-crf {metadata.version('pytorch-crf')}"]
    try:
        found.append(f"torch-struct {metadata.version('torch-struct')}")
    except metadata.PackageNotFoundError:
        pass
    return ", ".join([*found, f"torch {torch.__version__}"])


def evaluate(adapter, inputs, differentiated, dtype):
    """Value and gradients of one sample, computed and differentiated by PyTorch in `dtype`."""
    import torch
    import torchcrf

    return differentiate(adapter, (torchcrf, torch), inputs, differentiated, dtype)


def field(torchcrf, torch, P, beta):
    """A CRF without start and end transitions, its transition scores -beta P, differentiable by P."""
    crf, none = torchcrf.CRF(len(P), batch_first=True).to(P.dtype), torch.zeros(len(P), dtype=P.dtype)
    tables = {"transitions": -beta * P, "start_transitions": none, "end_transitions": none}
    return lambda *args, **options: torch.func.functional_call(crf, tables, args, options)


def log_likelihood(torchcrf, torch, u, P, y, beta, reduction):
    """L, from pytorch-crf's forward, in one of its reductions."""
    crf = field(torchcrf, torch, P, beta)
    return -crf(-beta * u[None], y[None], reduction=reduction) / beta


def forward(torchcrf, torch, u, P, y, beta):
    return log_likelihood(torchcrf, torch, u, P, y, beta, "sum")


def forward_token_mean(torchcrf, torch, u, P, y, beta):
    return log_likelihood(torchcrf, torch, u, P, y, beta, "token_mean")


def forward_padded(filler):
    """An adapter that fills the chain up with two moments more, marked as padding by the mask."""

    def adapter(torchcrf, torch, u, P, y, beta):
        more = torch.full((2, u.shape[1]), filler, dtype=u.dtype)
        scores, tags = torch.cat([-beta * u, more]), torch.cat([y, torch.zeros(2, dtype=y.dtype)])
        mask = torch.arange(len(tags)) < len(y)
        return -field(torchcrf, torch, P, beta)(scores[None], tags[None], mask=mask[None]) / beta

    return adapter


@only(lambda u, P, y, beta: len(y) > 1, "a gap lies between two moments")
def forward_with_a_gap(torchcrf, torch, u, P, y, beta):
    """A moment of label 0 after the first, masked; what is left is the chain."""
    gap, zero = torch.zeros(1, u.shape[1], dtype=u.dtype), torch.zeros(1, dtype=y.dtype)
    scores, tags = torch.cat([-beta * u[:1], gap, -beta * u[1:]]), torch.cat([y[:1], zero, y[1:]])
    mask = torch.arange(len(tags)) != 1
    return -field(torchcrf, torch, P, beta)(scores[None], tags[None], mask=mask[None]) / beta


def decode(torchcrf, torch, u, P, y):
    """E(y) less the energy of what is decoded, from the two log-likelihoods, which share a normaliser."""
    crf = torchcrf.CRF(len(P), batch_first=True).to(P.dtype)
    with torch.no_grad():
        crf.transitions.copy_(-P)
        crf.start_transitions.zero_()
        crf.end_transitions.zero_()
    found = torch.tensor(crf.decode(-u[None]))[0]
    score = lambda tags: field(torchcrf, torch, P, 1.0)(-u[None], tags[None])
    return score(found) - score(y)


def potentials(torch, u, P, beta):
    """(t-1, k, k) scores of pairs as torch-struct reads them, from column to row: unary ones go with them."""
    first = torch.cat([u[:1], torch.zeros_like(u[2:])])
    return -beta * (P.T[None] + u[1:, :, None] + first[:, None, :])


def structure(torch, tables, lengths=None):
    """torch-struct's distribution over the chains of a batch."""
    try:
        import torch_struct
    except ModuleNotFoundError:
        raise Unsupported("torch-struct is not installed") from None
    torch.distributions.Distribution.set_default_validate_args(False)  # it declares no constraints
    return torch_struct.LinearChainCRF(tables.contiguous(), lengths=lengths)


def parts(chain, y, k):
    """A sequence as torch-struct takes it: one for each transition passed."""
    return chain.struct.to_parts(y[None], k)


TWO = "two moments or more: potentials are those of pairs"


@only(lambda u, P, y, beta: len(y) > 1, TWO)
def log_prob(torchcrf, torch, u, P, y, beta):
    chain = structure(torch, potentials(torch, u, P, beta)[None])
    return -chain.log_prob(parts(chain, y, len(P)))[0] / beta


def log_prob_padded(filler):
    """The sample filled up, beside a longer one that needs the room, and the lengths of both."""

    @only(lambda u, P, y, beta: len(y) > 1, TWO)
    def adapter(torchcrf, torch, u, P, y, beta):
        t, k = u.shape
        more = torch.full((2, k, k), filler, dtype=u.dtype)
        own = torch.cat([potentials(torch, u, P, beta), more])
        lengths = torch.tensor([t, t + 2])
        chains = structure(torch, torch.stack([own, torch.zeros_like(own)]), lengths)
        tags = torch.cat([y, torch.zeros(2, dtype=y.dtype)])
        both = chains.struct.to_parts(torch.stack([tags, torch.zeros_like(tags)]), k, lengths)
        return -chains.log_prob(both)[0] / beta

    return adapter


@only(lambda u, P, y: len(y) > 1, TWO)
def argmax(torchcrf, torch, u, P, y):
    chain = structure(torch, potentials(torch, u, P, 1.0)[None])
    found = chain.argmax.detach()
    return (chain.log_prob(found) - chain.log_prob(parts(chain, y, len(P))))[0]


@only(lambda u, P, y, cost: len(y) > 1, TWO)
def cost_augmented_max(torchcrf, torch, u, P, y, cost):
    is_wrong = (y[:, None] != torch.arange(len(P))).to(u.dtype)
    chain = structure(torch, potentials(torch, u - cost * is_wrong, P, 1.0)[None])
    score = (chain.log_potentials * parts(chain, y, len(P))).sum()
    return chain.max[0] - score


ADAPTERS = {
    "chain_nll": {
        "CRF": forward,
        "CRF(token_mean)": forward_token_mean,
        "CRF(padded)": forward_padded(0.0),
        "CRF(padded with nan)": forward_padded(float("nan")),
        "CRF(gap in the mask)": forward_with_a_gap,
        "LinearChainCRF.log_prob": log_prob,
        "LinearChainCRF.log_prob(padded)": log_prob_padded(0.0),
        "LinearChainCRF.log_prob(padded with nan)": log_prob_padded(float("nan")),
    },
    "chain_perceptron": {"CRF.decode": decode, "LinearChainCRF.argmax": argmax},
    "chain_margin_rescaled_hinge": {"LinearChainCRF.max": cost_augmented_max},
}

KNOWN = {
    ("chain_nll", "CRF(padded with nan)", "what the padding holds is read"): FINDING,
    ("chain_nll", "LinearChainCRF.log_prob(padded with nan)", "what the padding holds is read"): FINDING,
    ("chain_nll", "CRF(gap in the mask)", "transition read from a masked moment"): (
        "github.com/kmkurn/pytorch-crf/issues/53"
    ),
}
