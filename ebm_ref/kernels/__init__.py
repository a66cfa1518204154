r"""Kernels: the same formulas, at the speed of the machine.

The pages before are written to be read.  These are written to be fast, in Numba, and no page imports
them.  Each is held to its page by tests, on ordinary and on hostile inputs.  What makes them fast is
seldom the compiler alone: a Gray code changes one spin at a time, chains that run side by side share
their instructions, and weights that are rescaled once for each moment need no logarithm inside the loop.

Read a kernel beside its page, and only after it.  How many seconds they take, and others, is measured by
scripts/benchmark.py; the book shows that in `performance/`.

    a batch of                       kernel                     page
    tables of energies               `kernels.losses`           `hinge`, `nll` and the others
    sequences with CTC               `kernels.ctc`              `ctc`, `ctc_of_logits`
    chains                           `kernels.chain`            `chain_nll`, exact/chain.py
    dense spins                      `kernels.ground_states`    `blocks`
    configurations, in Gray order    `kernels.enumeration`      exact/enumeration.py
    sweeps over spins                `kernels.metropolis`       `heat_bath`
    walks in a density               `kernels.adaptive_walk`    `random_walk`, `warm_up`

Source: Numba's documentation; the algorithms are those of the pages.
"""
