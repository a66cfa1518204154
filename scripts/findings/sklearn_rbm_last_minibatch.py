#!/usr/bin/env python3
"""BernoulliRBM learns the opposite of its data if the last minibatch is short.

Package   scikit-learn 1.9.1
Call      BernoulliRBM(n_components=2, batch_size=10).fit(11 rows of ones)
Right     a machine whose visible units are on
Returned  one whose visible units are on with probability 0.18
Cause     _fit subtracts the statistics of all batch_size chains from those of
          the rows of the minibatch, and divides both by the number of rows.
          With q full minibatches and one of r rows, the biases rest where the
          chains are on (q + 1)/(q + batch_size/r) times as often as the data.
Thread    none; pull request 12902, closed, asks for chains to fit the batch.
Routes    the likelihood gradient summed over all states; the mean of the
          chains in closed form; the same fit with batches that are full.
"""

from itertools import product

import numpy as np
from sklearn.neural_network import BernoulliRBM

from ebm_ref import FORMULAS
from ebm_ref.learning.likelihood import likelihood_gradient

STATES = np.array(list(product([0.0, 1.0], repeat=4)))
ONES = np.where(STATES.sum(1) == 4, 1.0, 0.0)  # the data, as a distribution


def slope_by_bias(rows, batch_size, updates=5000):
    """Slope of the negative log-likelihood by a visible bias: the mean of the model, less 1 of the data."""
    machine = BernoulliRBM(2, batch_size=batch_size, n_iter=updates, learning_rate=0.05, random_state=0)
    machine.fit(np.ones((rows, 4)))
    parameters = machine.components_.T, machine.intercept_visible_, machine.intercept_hidden_
    return np.mean(likelihood_gradient(FORMULAS["rbm_free_energy"](*parameters, STATES), ONES, STATES))


def resting_place(rows, batch_size):
    """How often the chains are on when what the full and the short minibatch add cancels."""
    q, r = divmod(rows, batch_size)
    return (q + 1.0) / (q + batch_size / r)


short, full, whole = slope_by_bias(11, 10), slope_by_bias(10, 10), slope_by_bias(11, 11)
print(f"visible units are on with probability {1.0 + short:.3f}, {1.0 + full:.3f}, {1.0 + whole:.3f}")
print("for 11 rows by 10, 10 rows by 10, 11 rows by 11; predicted for the first:", resting_place(11, 10))
assert abs(1.0 + short - resting_place(11, 10)) < 0.02  # far up the slope, and where the sums predict
assert max(abs(full), abs(whole)) < 0.02
