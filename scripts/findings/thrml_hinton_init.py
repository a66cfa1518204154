#!/usr/bin/env python3
"""thrml starts spins as if their temperature were twice what it is.

Package   thrml 0.1.4
Call      hinton_init(key, IsingEBM(one spin of bias 1, beta = 1), ...)
Right     "according to the marginal bias", P(s = 1) = 1/(1 + e^-2) = 0.8808
Returned  1/(1 + e^-1) = 0.7311, as its own formula says
Cause     the formula of Hinton's guide is for units 0 and 1; between spins -1
          and 1 the energy changes by 2 beta h.
Thread    none; in issue 16 its saturation is taken for the trouble.
Routes    both states of the page ising, enumerated; up_probability of
          samplers/heat_bath.py; thrml's own Gibbs step, which has the factor 2.
"""

import jax
import jax.numpy as jnp
import numpy as np
from thrml import Block, SamplingSchedule, SpinNode, sample_states
from thrml.models import IsingEBM, IsingSamplingProgram, hinton_init

from ebm_ref import FORMULAS
from ebm_ref.numerics import softmax
from ebm_ref.samplers.heat_bath import up_probability

node = SpinNode()
block = Block([node])
model = IsingEBM([node], [(node, node)], jnp.ones(1), jnp.zeros(1), jnp.ones(()))
key, other = jax.random.split(jax.random.key(0))

(started,) = hinton_init(key, model, [block], (100_000,))
program = IsingSamplingProgram(model, [block], [])
schedule = SamplingSchedule(n_warmup=10, n_samples=20_000, steps_per_sample=1)
(walked,) = sample_states(other, program, schedule, [jnp.zeros(1, bool)], [], [block])

energies = FORMULAS["ising"](np.zeros((1, 1)), np.ones(1), np.array([[-1], [1]]))
enumerated, conditional = softmax(-energies)[1], up_probability(1.0)
print(f"P(s = 1): enumerated {enumerated:.4f}, conditional {conditional:.4f}")
print(f"thrml: started {np.mean(started):.4f}, after Gibbs steps {np.mean(walked):.4f}")
assert abs(enumerated - conditional) < 1e-15 and abs(np.mean(walked) - enumerated) < 0.01
assert abs(np.mean(started) - 1.0 / (1.0 + np.exp(-1.0))) < 0.005
