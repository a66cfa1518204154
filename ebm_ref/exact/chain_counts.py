r"""Chain counts: how much oftener y has a transition than a sequence of the model, without a difference.

    n(y) - <n> = sum_n (n(y) - n) p(n)
    e_i - p    with 1 - p_i = sum_{j != i} p_j

The slope of the chain's likelihood by a transition is a sum over moments of what y has less what is
expected, and may cancel.  Here p(n) is the probability that a sequence has the transition exactly n times:
a forward recursion that keeps the counts apart, which takes longer by the number of moments.

Source: elementary; Lafferty, McCallum and Pereira (2001), Section 3, for the slope itself.
"""

import autograd.numpy as np

from ebm_ref.energies.chain import count_pairs
from ebm_ref.exact.chain import counted
from ebm_ref.numerics import exact_sum, scaled_sum


def less_than_one(p, i):
    """e_i - p for probabilities p, with 1 - p_i as the sum of the others, which keeps its digits."""
    g = -p
    g[i] = exact_sum(p[np.arange(len(p)) != i])
    return g


def count_risk(u, P, y, beta, i, j):
    """n(y) - <n>, n the number of transitions from i to j: a pair (c, r) for each n and last label."""
    u, steps = counted(u, P, beta)[2]
    t, k = u.shape
    c, r = np.full((t, k), -np.inf), np.zeros((t, k))
    c[0] = -beta * u[0]
    for row, step in zip(u[1:], steps, strict=True):
        taken = np.zeros((k, k), bool)
        taken[i, j] = True
        ways = c[:, :, None] - beta * step
        late = np.concatenate([np.full((1, k, k), -np.inf), ways[:-1]])
        into, beside = np.where(taken, late, ways), np.broadcast_to(r[:, :, None], ways.shape)
        beside = np.where(taken, np.concatenate([np.zeros((1, k, k)), beside[:-1]]), beside)
        c, r = scaled_sum(np.moveaxis(into, 1, 0), np.moveaxis(beside, 1, 0))
        c = c - beta * row
    c, r = scaled_sum(c.T, r.T)
    all_c, all_r = scaled_sum(c, r)
    own = count_pairs(y, k)[i, j]
    return np.sum((own - np.arange(t)) * (1.0 + r) * np.exp(c - all_c) / (1.0 + all_r))
