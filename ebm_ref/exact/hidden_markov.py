r"""Hidden Markov model: three questions about states that nobody sees, and how the answers teach.

    p(o)             = sum_y p(y, o)                      likelihood of the observations
    p(y_t = j | o)                                        posterior: all symbols known
    p(y_t = j | o_1..o_t)                                 filtered: symbols up to now known
    argmax_y p(y | o)                                     Viterbi: the best sequence as a whole

    a_1(j) = start[j] emissions[j, o_1]                                       forward
    a_t(j) = emissions[j, o_t] sum_i a_{t-1}(i) transitions[i, j],    p(o) = sum_j a_t(j) at the last t

    d log p(o) / d log transitions[i, j] = sum_t p(y_t = i, y_{t+1} = j | o)   expected counts

With energies -log p this is a chain (energies/hidden_markov.py), whose free energy is -log p(o); chain.py
answers.  The sequence of the most probable states need not be the most probable sequence, and may even be
impossible: it may take a transition of probability 0.

The derivative of log p(o) by the logarithms of the parameters is the expected number of times that each was
used.  Shares of these counts are the weights of the next step of learning (Baum and Welch), and no step
lowers p(o): it is the EM algorithm.

In floating point: a_t falls below 1e-308 after some hundred symbols.  In logarithms nothing does.

Source: Baum et al. (1970); Rabiner (1989), Section III; the umbrella is Russell and Norvig's, "Artificial
Intelligence: A Modern Approach", Section 15.2.
"""

import numpy as np

from ebm_ref.energies.hidden_markov import check_model, check_observations, hidden_markov_tables
from ebm_ref.exact import chain
from ebm_ref.numerics import scaled_sum


def log_likelihood_as_printed(start, transitions, emissions, observations):
    """log p(o) by the forward recursion as printed: 2000 throws of a coin are too much for it.

    >>> coin = [0.5, 0.5], np.full((2, 2), 0.5), np.full((2, 2), 0.5), np.zeros(2000, int)
    >>> with np.errstate(divide="ignore"):
    ...     float(log_likelihood_as_printed(*coin)), round(float(log_likelihood(*coin)), 9)
    (-inf, -1386.29436112)
    """
    start, transitions, emissions = check_model(start, transitions, emissions)
    o = check_observations(observations, emissions.shape[1])
    a = start * emissions[:, o[0]]
    for symbol in o[1:]:
        a = emissions[:, symbol] * (a @ transitions)
    return np.log(np.sum(a))


def log_likelihood(start, transitions, emissions, observations):
    """log p(o), the logarithm of the probability of the observations.

    Parameters
    ----------
    start : (k,) float
        Probability of each state at the first moment.
    transitions : (k, k) float
        Probability of state j right after state i, in row i.
    emissions : (k, n) float
        Probability that state j emits symbol v, in row j.
    observations : (t,) int
        The symbols, in 0..n-1.

    Returns
    -------
    float
        <= 0; -inf where the observations are impossible.

    Raises ValueError if a probability is negative or NaN, if a row does not sum to 1 (to 1e-9), if there is
    no moment, or if a symbol is out of range.

    >>> rain, umbrella = [[0.7, 0.3], [0.3, 0.7]], [[0.9, 0.1], [0.2, 0.8]]
    >>> float(np.exp(log_likelihood([0.5, 0.5], rain, umbrella, [0, 0])).round(12))  # .9 .345 + .2 .205
    0.3515
    """
    return 0.0 - chain.free_energy(*hidden_markov_tables(start, transitions, emissions, observations))


def posteriors(start, transitions, emissions, observations):
    """Probability of each state at each moment given all symbols, (t, k), and of each pair, (t-1, k, k).

    Parameters are those of `log_likelihood`.  All are NaN where the observations are impossible.

    >>> rain, umbrella = [[0.7, 0.3], [0.3, 0.7]], [[0.9, 0.1], [0.2, 0.8]]
    >>> nodes, _ = posteriors([0.5, 0.5], rain, umbrella, [0, 0, 1, 0, 0])  # an umbrella but on day 3
    >>> nodes[:, 0].round(4).tolist()
    [0.8673, 0.8204, 0.3075, 0.8204, 0.8673]
    """
    return chain.marginals(*hidden_markov_tables(start, transitions, emissions, observations))


def filtered(start, transitions, emissions, observations):
    """Probability of each state at each moment given the symbols up to that moment, (t, k).

    Parameters are those of `log_likelihood`.  NaN from the first symbol on that is impossible.

    >>> rain, umbrella = [[0.7, 0.3], [0.3, 0.7]], [[0.9, 0.1], [0.2, 0.8]]
    >>> filtered([0.5, 0.5], rain, umbrella, [0, 0, 1, 0, 0])[:, 0].round(4).tolist()
    [0.8182, 0.8834, 0.1907, 0.7308, 0.8673]
    """
    u, P = hidden_markov_tables(start, transitions, emissions, observations)
    rows, c, r = np.full(u.shape, np.nan), 0.0 - u[0], np.zeros(len(P))
    for t in range(len(u)):
        if t > 0:
            c, r = scaled_sum(c[:, None] - P, r[:, None])
            c = c - u[t]
        if np.max(c) == -np.inf:
            break
        c = c - np.max(c)  # only differences count
        rows[t] = chain.shares(c, r)
    return rows


def decode(start, transitions, emissions, observations):
    """The most probable sequence of states given the observations: log p(y, o), and y (t,).

    Parameters are those of `log_likelihood`.  Ties go to the sequence that comes first in a dictionary.
    The logarithm is -inf where the observations are impossible; the states say nothing then.

    >>> clinic = [0.6, 0.4], [[0.7, 0.3], [0.4, 0.6]], [[0.5, 0.4, 0.1], [0.1, 0.3, 0.6]]
    >>> log_p, y = decode(*clinic, [0, 1, 2])  # normal, cold, dizzy: healthy, healthy, fever
    >>> round(float(np.exp(log_p)), 12), y.tolist()
    (0.01512, [0, 0, 1])
    """
    E, y = chain.viterbi(*hidden_markov_tables(start, transitions, emissions, observations))
    return 0.0 - E, y


def expected_counts(start, transitions, emissions, observations):
    """How often each start (k,), transition (k, k) and emission (k, n) is expected, given the observations.

    It is the derivative of log p(o) by the logarithms of the parameters, each taken by itself.  Parameters
    are those of `log_likelihood`.  NaN where the observations are impossible.

    >>> model = [1.0, 0.0], [[0.5, 0.5], [0.0, 1.0]], [[1.0, 0.0], [0.5, 0.5]]
    >>> a, A, B = expected_counts(*model, [0, 0, 1])  # states 0 0 1 have 1/8, states 0 1 1 have 1/8
    >>> a.tolist(), A.round(12).tolist(), B.round(12).tolist()
    ([1.0, 0.0], [[0.5, 1.0], [0.0, 0.5]], [[1.5, 0.0], [0.5, 1.0]])
    """
    nodes, edges = posteriors(start, transitions, emissions, observations)
    symbols = np.arange(np.shape(emissions)[1])
    emitted = 1.0 * (np.asarray(observations)[:, None] == symbols)
    return nodes[0], np.sum(edges, axis=0), nodes.T @ emitted


def learn(start, transitions, emissions, observations):
    """One step of Baum and Welch: start, transitions and emissions as shares of the expected counts.

    Parameters are those of `log_likelihood`.  A row that is never used stays as it is.  NaN
    where the observations are impossible.

    >>> a, A, B = learn([1.0, 0.0], [[0.5, 0.5], [0.0, 1.0]], [[1.0, 0.0], [0.5, 0.5]], [0, 0, 1])
    >>> a.tolist(), A.round(4).tolist(), B.round(4).tolist()
    ([1.0, 0.0], [[0.3333, 0.6667], [0.0, 1.0]], [[1.0, 0.0], [0.3333, 0.6667]])
    """
    counts = expected_counts(start, transitions, emissions, observations)
    old = check_model(start, transitions, emissions)
    return tuple(_rows_of(n, p) for n, p in zip(counts, old, strict=True))


def _rows_of(counts, probabilities):
    """Each row of counts as shares of its sum; a row of nothing but 0 as it was."""
    sums = np.sum(counts, axis=-1, keepdims=True)
    return np.where(sums == 0.0, probabilities, counts / np.where(sums == 0.0, 1.0, sums))
