r"""Latent variables: minimise them, or sum over them.

    F_inf(y)  = min_z E(y, z)
    F_beta(y) = -(1/beta) log sum_z e^{-beta E(y, z)}

    y* = argmin_y F(y)

An answer may be explained in several ways z that nobody asks for: the position of a face, the speed of
speech, the cluster of a point.  Its energy is that of its best explanation, F_inf, or its free energy
F_beta, which also counts how many good ones there are.  The two may prefer different answers: F_inf one
with a single perfect explanation, F_beta one with many fair ones.

If an answer is explained by the points g(z) of a curve, with the energy |y - g(z)|^2, then F_inf is the
*squared* distance of y from the curve; one print has the distance (NYU DLSP20 week 15-1).

Source: LeCun et al. (2006), Sections 2.2.4 and 4; NYU DLSP20, weeks 7 and 15.
"""

import numpy as np

from ebm_ref.checks import real, require, require_positive
from ebm_ref.inference.exhaustive import listed
from ebm_ref.inference.free_energy import free_energy


def joint_table(energy, answers, latents):
    """(k, n) energies E(y, z) of every answer with every value of the latent variable.

    >>> joint_table(lambda y, z: (y - z) ** 2, [0.0, 1.0], [0.0, 1.0, 2.0]).tolist()
    [[0.0, 1.0, 4.0], [1.0, 0.0, 1.0]]
    """
    answers, latents = listed("answers", answers), listed("latents", latents)
    require(len(answers) >= 1, "answers", answers, "must hold at least one answer")
    require(len(latents) >= 1, "latents", latents, "must hold at least one value")
    return real("energy", [[energy(y, z) for z in latents] for y in answers], len(answers), len(latents))


def minimised(joint):
    """F_inf of every answer, (k,), and the explanation z that reaches it, (k,) int; ties go to the first.

    >>> F, z = minimised(np.array([[0.0, 1.0, 4.0], [1.0, 0.5, 1.0]]))
    >>> F.tolist(), z.tolist()
    ([0.0, 0.5], [0, 1])
    """
    joint = check_joint(joint)
    return np.min(joint, axis=1), np.argmin(joint, axis=1)


def marginalised(joint, beta=1.0, free=free_energy):
    """F_beta of every answer, (k,): `free` of each row, which may be `average_free_energy`, say.

    >>> marginalised(np.array([[0.0, 0.0], [0.0, np.inf]]), beta=1.0).round(6).tolist()
    [-0.693147, 0.0]
    """
    joint, beta = check_joint(joint), real("beta", beta)
    require_positive("beta", beta)
    return np.array([free(row, beta) for row in joint])


def check_joint(joint):
    """The joint table as (k, n) float64, k and n >= 1, if it holds neither NaN nor -inf."""
    joint = real("joint", joint, "k", "n")
    require(joint.size > 0, "joint", joint, "must have shape (k, n), k and n >= 1")
    require(not np.any(np.isnan(joint)), "joint", joint, "must not be NaN")
    require(np.min(joint) > -np.inf, "joint", joint, "must be above -inf")
    return joint
