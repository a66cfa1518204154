r"""Samplers: noise in, state out.

A sampler draws states with probability e^{-beta E} / Z, and never computes Z.  Its step is a function of
the present state and of noise, which is an argument here: so the step can be differentiated, repeated
and judged.  The rule behind most of them is that of Metropolis and Hastings.  Propose a move, and accept
it with probability min(1, r), where r is the ratio of the two densities, times that of the proposals there
and back; then detailed balance holds, and the target is left as it is.

A step that leaves the target alone can still be useless, because it hardly moves.  The chapter therefore
has four parts.  First come steps, from the random walk to Hamiltonian trajectories.  Then comes what
makes them work: a mass matrix, a warm-up that is frozen before draws count, coordinates in which a
positive number or a proportion may be any number.  Chains at several temperatures or levels of noise
follow, for what no single chain can reach.  Last are the instruments: autocorrelation time, effective
sample size, rhat, blocking.  They say what a chain is worth, and none of them can prove that it has
arrived.

Which to choose:

    the state is                        use                            rather than
    spins, any couplings                `heat_bath`, `gibbs`           sweeps that flip whatever they may
    spins that align, near criticality  `cluster`                      single spins
    an RBM                              `gibbs`, in blocks             one unit after the other
    a vector, with gradients            `hmc`, `mala`                  `random_walk`, whose cost grows like d
    a vector, without gradients         `random_walk`, warmed up       a step guessed by hand
    several far modes                   `tempering`                    a longer chain
    log Z itself is wanted              `annealed_importance`          the mean of e^{E}: its variance is huge
    images, while a model learns        `langevin`, `samplers.chains`  claims about its distribution
    everything in one call              `posterior`                    a sampler without a diagnosis

The Langevin step without correction has a bias that shrinks with its size; `mala` is the same step,
refused as often as the bias demands.  The judge of samplers takes single steps from exact draws, so that
it sees a bias without waiting for a chain to mix.

Source: the papers named on each page; for the whole, Robert and Casella (2004), Monte Carlo Statistical
Methods.
"""
