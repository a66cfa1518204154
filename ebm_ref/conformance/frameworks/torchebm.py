r"""torchebm: its energies, its losses and its Langevin step, on PyTorch.

Each adapter takes (torchebm, torch, inputs in signature order).  A loss of torchebm takes a model and data
and draws its own noise.  Here the model is the simplest whose score and curvature at the origin are the
inputs, the origin is the data, and the noise is handed out in place of what would be drawn.  What is
computed from them is its own.

Everything in torchebm is told its dtype, or works in float32 whatever the inputs are.

Source: documentation and source of torchebm 0.8.9 (github.com/soran-ghaderi/torchebm).
"""

from unittest import mock

import numpy as np

from ebm_ref.conformance.adapting import FINDING, Unsupported, converted, only


def version():
    """Name and version of the framework, and of what it computes with."""
    from importlib.metadata import version

    import torch
    import torchebm.losses
    import torchebm.samplers

    score_matching(torchebm, torch, torch.zeros(1), torch.zeros(()))  # vmap loads much when it is first used
    return f"torchebm {version('torchebm')}, torch {torch.__version__}"


def evaluate(adapter, inputs, differentiated, dtype):
    """Value and gradients of one sample; of a vector the Jacobian, a row for each entry."""
    import torch
    import torchebm.losses
    import torchebm.samplers

    own = lambda x, real: torch.tensor(np.asarray(x), dtype=getattr(torch, dtype) if real else None)
    tensors = converted(inputs, differentiated, own)
    asked = {a: tensors[a].requires_grad_() for a in differentiated}
    value = adapter(torchebm, torch, *tensors.values())
    if not value.requires_grad:
        return value.numpy(), {}
    slopes = lambda one: torch.autograd.grad(one, asked.values(), retain_graph=True, allow_unused=True)
    rows = list(zip(*map(slopes, value.reshape(-1)), strict=True))
    kept = {a: torch.stack(g) for a, g in zip(asked, rows, strict=True) if None not in g}
    return value.detach().numpy(), {a: g.reshape(value.shape + asked[a].shape) for a, g in kept.items()}


def model(torchebm, energy, dtype):
    """A model of torchebm whose energies of points (b, d) are given by a function."""

    class Model(torchebm.core.BaseModel):
        def forward(self, x):
            return energy(x)

    return Model(dtype=dtype)


def handed_out(torch, noise):
    """In place of standard normal numbers, these."""
    return mock.patch.object(torch, "randn_like", lambda like, **_: noise.expand(like.shape))


def bowl(s, C):
    """The energy of score s and curvature C at the origin."""
    return lambda x: 0.5 * C / len(s) * (x * x).sum(1) - x @ s


def score_matching(torchebm, torch, s, C):
    loss = torchebm.losses.ScoreMatching(model(torchebm, bowl(s, C), s.dtype), dtype=s.dtype)
    return loss(torch.zeros_like(s)[None])


@only(lambda s, C: np.all(np.abs(s) < 1e3) and abs(C) < 1e3, "ordinary numbers: it divides by a step of 1e-5")
def score_matching_approx(torchebm, torch, s, C):
    """Its noise is of ones, so that its estimate of the trace of this bowl has no variance.

    Lengths are in units of 2^-17, so that a step of 1e-5 is about 1 and the difference loses no digits.
    """
    if s.dtype == torch.float32:
        raise Unsupported("float64: of a difference over 1e-5 single precision keeps no digit")
    unit = 2.0**17
    energy = model(torchebm, bowl(unit * s, unit**2 * C), s.dtype)
    loss = torchebm.losses.ScoreMatching(energy, hessian_method="approx", dtype=s.dtype)
    with handed_out(torch, torch.ones_like(s)):
        return loss(torch.zeros_like(s)[None]) / unit**2


def denoising_score_matching(torchebm, torch, s, z, sigma):
    """The score is s everywhere."""
    energy = model(torchebm, bowl(s, 0.0), s.dtype)
    loss = torchebm.losses.DenoisingScoreMatching(energy, noise_scale=sigma.item(), dtype=s.dtype)
    with handed_out(torch, z):
        return loss(torch.zeros_like(s)[None])


@only(lambda s, v, h: np.any(v != 0.0), "directions other than 0")
def sliced_score_matching(torchebm, torch, s, v, h):
    """The energy is curved along v alone, by h; the direction counts as a constant."""
    v = v.detach()
    along = lambda x: x @ (v / (v @ v))
    energy = model(torchebm, lambda x: 0.5 * h * along(x) ** 2 - x @ s, s.dtype)
    loss = torchebm.losses.SlicedScoreMatching(
        energy, n_projections=1, projection_type="gaussian", dtype=s.dtype
    )
    with handed_out(torch, v):
        return loss(torch.zeros_like(s)[None])


def contrastive_divergence(**options):
    """Of energies that are the points themselves."""

    def adapter(torchebm, torch, E_d, E_c):
        energy = model(torchebm, lambda x: x[:, 0], E_d.dtype)
        sampler = torchebm.samplers.LangevinDynamics(energy, dtype=E_d.dtype)
        loss = torchebm.losses.ContrastiveDivergence(energy, sampler, dtype=E_d.dtype, **options)
        return loss.compute_loss(E_d[:, None], E_c[:, None])

    return adapter


@only(lambda x, g, z, e: e > 0.0, "a step: it takes the root of e^2/2")
def langevin(torchebm, torch, x, g, z, e):
    """Its step size is e^2/2."""
    stepper = torchebm.integrators.EulerMaruyamaIntegrator(dtype=x.dtype)
    drift = lambda x, t: -g[None]
    step = {"step_size": 0.5 * e**2, "noise_scale": 1.0, "drift": drift, "noise": z[None]}
    return stepper.step({"x": x[None]}, **step)["x"][0]


ADAPTERS = {
    # energies
    "double_well": {
        "DoubleWellModel": lambda torchebm, torch, x, a, h: torchebm.core.DoubleWellModel(
            h, a, dtype=x.dtype
        )(x.reshape(1, 1))[0]
    },
    # samplers
    "langevin": {"EulerMaruyamaIntegrator": langevin},
    # learning
    "score_matching": {"ScoreMatching": score_matching, "ScoreMatching(approx)": score_matching_approx},
    "denoising_score_matching": {"DenoisingScoreMatching": denoising_score_matching},
    "sliced_score_matching": {"SlicedScoreMatching": sliced_score_matching},
    "contrastive_divergence": {
        "ContrastiveDivergence": contrastive_divergence(),
        "ContrastiveDivergence(energy_reg_weight=0)": contrastive_divergence(energy_reg_weight=0.0),
    },
}

KNOWN = {("score_matching", "ScoreMatching(approx)", "curvature divided by the dimension"): FINDING}
