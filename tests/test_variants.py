"""The wrong losses are pinned too: a variant that is not what somebody computes names nothing.

Those of the energies stand in test_energies_variants.py.
"""

import re

import numpy as np
import pytest

from ebm_ref import FORMULAS
from ebm_ref.proof import golden


def variant(formula, name):
    return next(v for v in FORMULAS[formula].variants if v.name == name)


E4 = np.array([1.0, 0.5, 2.0, 3.0])
COSTS = np.array([0.0, 1.0, 2.0, 3.0])
THREE, TURN = np.array([[0.0, 1.0], [2.0, 0.0], [0.0, 4.0]]), np.array([[0.0, 8.0], [16.0, 0.0]])
PARSE = np.array([[0.0, np.log(2.0)], [0.0, np.log(3.0)]]), np.zeros(2)  # 2 below 1 has 1/2, 1 below 2 has 1
PAIR, UP = np.array([[0.0, 4.0], [4.0, 0.0]]), np.array([1.0, 0.5])
OVERFLOWS = pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value", "ignore:divide by zero")

# formula, variant, inputs, value: each worked by hand
LINE = (np.array([1.0, 0.0, 2.0]), np.array([[0.0], [0.5], [2.0]]), np.zeros(1))

VALUES = [
    (
        "integral_table",
        "weight added instead of subtracted",
        (np.zeros(2), np.array([1.0, np.e]), 2.0),
        [0.0, 0.5],
    ),
    ("integral_table", "temperature forgotten", (np.zeros(2), np.array([1.0, np.e]), 2.0), [0.0, -1.0]),
    ("softmax", "logarithm forgotten", (np.zeros((4, 2)), np.ones(2), 1), -0.25),
    ("softmax", "energies taken for scores", (np.array([[0.0], [np.log(3.0)]]), np.ones(1), 1), np.log(4.0)),
    ("rbf_output", "not squared", (np.array([[3.0, 4.0]]), np.zeros(2), 0), 5.0),
    ("rbf_output", "one half in front", (np.array([[3.0, 4.0]]), np.zeros(2), 0), 12.5),
    ("rbf_output", "eps added to the difference", (np.array([[1.0]]), np.ones(1), 0), 1e-12),
    ("chain", "transitions read from column to row", (THREE, TURN, np.array([0, 0, 1])), 22.0),
    ("chain", "last moment forgotten", (THREE, TURN, np.array([0, 1, 1])), 8.0),
    ("chain", "last moment forgotten", (THREE, TURN, np.array([1, 1, 0])), 17.0),
    (
        "linear_structured",
        "transitions read from column to row",
        (np.eye(2), TURN, np.eye(2), np.array([0, 1])),
        18.0,
    ),
    ("linear_structured", "weights of a score", (np.eye(2), TURN, np.eye(2), np.array([0, 1])), -10.0),
    ("ising", "each pair counted twice", (PAIR, UP, np.array([1, -1])), 7.5),
    ("ising", "triangle in place of both halves", (PAIR, UP, np.array([1, 1])), -3.5),
    ("ising", "signs turned", (PAIR, UP, np.array([1, 1])), 5.5),
    ("ising", "each pair counted half", (PAIR, UP, np.array([1, 1])), -3.5),
    ("ising", "bits taken for spins", (PAIR, UP, np.array([1, -1])), -1.0),
    ("boltzmann", "each pair counted twice", (PAIR, UP, np.array([1, 1])), -9.5),
    ("boltzmann", "triangle in place of both halves", (PAIR, UP, np.array([1, 1])), -3.5),
    ("boltzmann", "spins taken for bits", (PAIR, UP, np.array([1, 0])), 3.5),
    ("qubo", "diagonal left out", (PAIR + np.eye(2), np.array([1, 1])), 8.0),
    ("qubo", "one triangle read", (PAIR + np.eye(2), np.array([1, 1])), 6.0),
    ("qubo", "one half in front", (PAIR + np.eye(2), np.array([1, 1])), 5.0),
    ("qubo", "spins taken for bits", (PAIR + np.eye(2), np.array([1, 0])), -6.0),
    ("potts", "each pair counted twice", (PAIR, np.diag(UP), np.array([1, 1])), -8.5),
    ("potts", "each unit agrees with itself", (PAIR + np.eye(2), np.zeros((2, 2)), np.array([1, 0])), -1.0),
    ("potts", "product of spins", (PAIR, np.zeros((2, 2)), np.array([1, 0])), 4.0),
    ("potts", "cost of disagreement", (PAIR, np.diag(UP), np.array([0, 1])), 2.5),
    ("tree_nll", "arcs read from word to head", (*PARSE, np.array([0, 1])), np.log(1.5)),
    ("tree_nll", "several words on the root", (*PARSE, np.array([0, 1])), np.log(5.0)),
    ("tree_nll", "each word by itself", (*PARSE, np.array([0, 1])), np.log(6.0)),
    ("tree_nll", "1e-5 added to every arc", (*PARSE, np.array([0, 1])), np.log(3.00004)),
    ("tree_nll", "the diagonal is the root", (*PARSE, np.array([0, 1])), np.log(5.0 / 3.0)),
    ("tree_nll", "log-likelihood, to be maximised", (*PARSE, np.array([0, 1])), -np.log(3.0)),
    ("rbm", "signs turned", (PAIR, UP, UP, np.array([1, 0]), np.array([0, 1])), 5.5),
    ("rbm", "weights transposed", (np.triu(PAIR), 0 * UP, UP, np.array([0, 1]), np.array([1, 0])), -5.0),
    ("rbm_free_energy", "logarithm of one plus exponential", (PAIR * 200, UP, UP, UP * 2), -np.inf),
    ("rbm_free_energy", "best hidden setting alone", (-PAIR, UP, UP, np.array([0.0, 1.0])), -1.0),
    ("rbm_free_energy", "hidden units -1 and 1", (PAIR, UP, 0 * UP, np.zeros(2)), -2.0 * np.log(2.0)),
    ("rbm_free_energy", "hidden bias left out", (PAIR, UP, UP, np.zeros(2)), -2.0 * np.log(2.0)),
    (
        "gaussian_rbm",
        "linear term kept beside the parabola",
        (PAIR, UP, UP, np.array([1.0, 3.5]), np.array([0, 0])),
        4.5 - 2.75,
    ),
    ("gaussian_rbm", "one half lost", (PAIR, UP, UP, np.array([1.0, 3.5]), np.array([0, 0])), 9.0),
    (
        "gaussian_rbm_free_energy",
        "visible term of a binary RBM",
        (0 * PAIR, UP, 0 * UP, np.ones(2)),
        -1.5 - 2.0 * np.log(2.0),
    ),
    (
        "gaussian_rbm_free_energy",
        "linear term kept beside the parabola",
        (0 * PAIR, UP, 0 * UP, np.array([1.0, 3.5])),
        4.5 - 2.75 - 2.0 * np.log(2.0),
    ),
    ("gaussian_rbm_free_energy", "logarithm of one plus exponential", (PAIR * 200, UP, UP, UP), -np.inf),
    (
        "potts_rbm_free_energy",
        "values summed as if all were on",
        (0 * PAIR[..., None], PAIR, np.zeros(1), np.array([0, 0])),
        -8.0 - np.log(2.0),
    ),
    (
        "potts_rbm_free_energy",
        "best hidden setting alone",
        (-PAIR[..., None], PAIR, np.ones(1), np.array([0, 0])),
        -4.0,
    ),
    (
        "potts_rbm_free_energy",
        "logarithm of one plus exponential",
        (PAIR[..., None] * 200, PAIR, np.ones(1), np.array([1, 0])),
        -np.inf,
    ),
    ("alignment", "diagonal steps count twice", (np.array([[1.0, 1.0], [9.0, 2.0]]),), 4.0),
    ("alignment", "diagonal steps count twice", (np.array([[1.0, 9.0], [9.0, 2.0]]),), 5.0),
    (
        "graph_transformer",
        "the best path, whatever it spells",
        (np.array([4.0, 1.0]), np.array([[0, 1, 5], [0, 1, 6]]), np.array([5])),
        1.0,
    ),
    ("alignment", "root of the sum", (np.array([[1.0, 9.0], [9.0, 3.0]]),), 2.0),
    ("alignment", "no diagonal steps", (np.array([[1.0, 9.0], [8.0, 2.0]]),), 11.0),
    ("soft_alignment", "gamma for beta", (np.zeros((2, 2)), 4.0), -4.0 * np.log(3.0)),
    ("soft_alignment", "the best path alone", (np.ones((2, 2)), 4.0), 2.0),
    ("most_offending", "highest energy instead of lowest", (E4, 0), 3),
    ("most_offending", "highest energy instead of lowest", (E4, 3), 2),
    ("most_offending", "correct answer not left out", (E4, 1), 1),
    ("most_offending", "ties go to the highest index", (np.array([1.0, 0.0, 1.0, 1.0]), 1), 3),
    (
        "most_offending_outside",
        "boundary counted as wrong",
        (np.array([2.0, 1.0, 3.0]), np.array([[0.0], [1.0], [2.0]]), np.zeros(1), 1.0),
        1,
    ),
    ("most_offending_outside", "ball ignored", (E4, np.zeros((4, 1)), np.zeros(1), 1.0), 1),
    ("energy", "energy of the whole system", (E4, 0), 1.625),
    ("energy", "energy of the answer given", (E4, 0), 0.5),
    ("perceptron", "minimum over wrong answers only", (E4, 1), -0.5),
    ("perceptron", "maximum instead of minimum", (E4, 0), 2.0),
    ("hinge", "hinge closed before E_o enters", (E4, 0, 1.0), 1.5),
    ("hinge", "hinge closed before E_o enters", (E4, 1, 0.25), -0.25),
    ("hinge", "minimum taken over y too", (E4, 1, 0.25), 0.25),
    ("hinge", "0 counted among the wrong energies", (E4, 0, 1.0), 2.0),
    ("hinge", "0 counted among the wrong energies", (E4 - 4.0, 0, 1.0), 1.5),
    ("hinge", "violation squared", (E4, 0, 3.0), 12.25),
    ("hinge", "every violation counted", (E4, 0, 3.0), 6.5),
    ("hinge", "every violation counted", (E4, 1, 0.25), 0.0),
    ("hinge", "energies taken for scores", (E4, 0, 1.0), 3.0),
    ("squared_hinge", "one half in front", (E4, 0, 1.0), 1.125),
    ("squared_hinge", "every violation squared", (E4, 0, 3.0), 17.25),
    ("squared_hinge", "every violation squared", (E4, 1, 0.25), 0.0),
    ("squared_hinge", "not squared", (E4, 0, 1.0), 1.5),
    ("squared_hinge", "squared before the hinge closes", (E4, 1, 0.25), 0.0625),
    ("squared_hinge", "squared before the hinge closes", (E4, 0, 1.0), 2.25),
    ("squared_hinge", "energies taken for scores", (E4, 0, 1.0), 9.0),
    ("log", "linear beyond a threshold of 20", (np.array([21.0, 0.0]), 0, 1.0), 21.0),
    ("log", "linear beyond a threshold of 20", (np.array([11.0, 0.0, 9.0]), 0, 2.0), 11.0),
    ("log", "linear beyond a threshold of 20", (np.array([20.0, 0.0]), 0, 1.0), 20.000000002061153),
    ("log", "linear beyond a threshold of 20", (np.array([0.0, 0.0]), 0, 2.0), np.log(2.0) / 2.0),
    ("log", "the exponential overflows", (np.array([800.0, 0.0]), 0, 1.0), np.inf),
    ("log", "the exponential overflows", (np.array([3.0, 3.0]), 0, 2.0), np.log(2.0) / 2.0),
    ("log", "not divided by beta", (np.array([3.0, 3.0]), 0, 2.0), np.log(2.0)),
    ("log", "energies taken for scores", (np.array([0.0, 800.0, 0.0]), 0, 2.0), 800.0),
    ("mce", "right answers counted", (np.array([0.0, np.log(3.0)]), 0), 0.75),
    ("mce", "log loss under this name", (np.array([0.0, 0.0]), 0), np.log(2.0)),
    ("integral_table", "energies weighted", (np.array([1.0, 2.0]), np.array([2.0, 3.0]), 1.0), [2.0, 6.0]),
    ("most_offending", "place among the wrong answers alone", (np.array([0.0, 3.0, 1.0]), 0), 1),
    ("most_offending_outside", "square compared with the radius", (*LINE, 0.3), 2),
    ("most_offending_outside", "inside the ball", (*LINE, 0.3), 0),
    ("lvq2", "closed at -M, not at 0", (np.array([0.0, 5.0]), 0, 1.0), -1.0),
    ("square_square", "square left open", (np.array([2.0, 5.0]), 0, 1.0), 20.0),
    ("margin_rescaled_hinge", "softmax-margin", (np.zeros(2), 0, 1.0), np.log1p(np.e)),
    (
        "margin_rescaled_hinge",
        "largest cost, lowest energy",
        (np.array([1.0, 0.5, 3.0]), 0, np.array([0.0, 1.0, 2.0])),
        2.5,
    ),
    ("mce", "free energy of the wrong answers as competitor", (np.zeros(3), 0), 2.0 / 3.0),
    ("mce", "competitor averaged softly", (np.array([0.0, 0.0, np.log(3.0)]), 0), 0.4),
    ("mee", "the answer given in place of the right one", (np.array([np.log(3.0), 0.0]), 0, 1.0), 0.25),
    ("generalized_hinge", "violations scaled by their costs", (np.array([1.0, 0.5, 3.0]), 0, 2.0), 3.0),
    ("generalized_hinge", "violations squared", (np.array([1.0, 0.5, 3.0]), 0, 1.0), 2.25),
    ("square_exponential", "all wrong answers summed", (np.array([2.0, 0.0, 0.0]), 0, 1.0), 6.0),
    ("perceptron", "mean instead of minimum", (np.array([1.0, 2.0, 6.0]), 0), -2.0),
    ("lvq2_ratio", "divided by the sum of both energies", (np.array([3.0, 1.0]), 0, 1.0), 0.5),
    ("log", "summed over all wrong answers", (np.zeros(3), 0, 1.0), 2.0 * np.log(2.0)),
    ("hinge", "second lowest energy for the offender's", (np.array([2.0, 1.0, 0.0]), 0, 1.0), 2.0),
    ("weighted_binary_cross_entropy", "weight between both terms", (0.0, 0.5, 3.0), 2.0 * np.log(2.0)),
    ("binary_cross_entropy_with_logits", "absolute value forgotten", (-1.0, 0.0), np.log1p(np.e)),
    ("multilabel_soft_margin", "right classes alone", (np.zeros(2), np.array([1, 0])), np.log(2.0) / 2.0),
    ("cosine_embedding", "cut off before the margin", (np.eye(2)[0], np.eye(2)[1], -1, 0.5), -0.5),
    ("soft_margin", "signs taken for targets of 0 and 1", (0.5, -1), np.log1p(np.exp(0.5)) + 0.5),
    ("conditional_nce", "one softmax of the datum and its copies", (np.zeros(3),), np.log(4.0)),
    ("minimum_probability_flow", "rates of Metropolis", (np.array([-1.0, np.log(2.0)]),), 1.5),
    ("minimum_probability_flow", "rates of the heat bath", (np.array([0.0, np.log(3.0)]),), 0.75),
    ("metropolis_hastings", "Barker's rule", (0.0, 0.0, 0.0, 0.0), -np.log(2.0)),
    ("lvq2", "maximum closed before E_o enters", (np.array([-1.0, 2.0]), 0, 1.0), -2.0),
    ("lvq2", "cap forgotten", (np.array([9.0, 2.0]), 0, 1.0), 7.0),
    ("lvq2_ratio", "divided by the energy of the correct answer", (np.array([4.0, 2.0, 9.0]), 0, 1.0), 0.5),
    ("lvq2_ratio", "not capped", (np.array([9.0, 2.0]), 0, 0.5), 7.0),
    ("lvq2_ratio", "delta forgotten", (np.array([3.0, 2.0]), 0, 0.25), 0.5),
    ("square_square", "minus between the terms", (E4, 0, 1.0), 0.75),
    ("square_square", "second term not squared", (E4, 0, 3.5), 4.0),
    ("square_square", "margin between the energies", (E4, 0, 1.0), 3.25),
    ("square_exponential", "square lost", (np.array([3.0, 0.0]), 0, 2.0), 5.0),
    ("square_exponential", "gamma in the exponent", (np.array([3.0, np.log(2.0)]), 0, 2.0), 9.25),
    ("square_exponential", "minus between the terms", (np.array([3.0, 0.0]), 0, 2.0), 7.0),
    ("nll", "not divided by beta", (np.zeros(4), 0, 2.0), np.log(4.0)),
    ("nll", "energies taken for scores", (np.array([0.0, np.log(3.0)]), 0, 2.0), np.log(10.0) / 2.0),
    ("nll", "sign of the exponent lost", (np.ones(4), 0, 2.0), 2.0 + np.log(4.0) / 2.0),
    ("nll", "logarithm forgotten", (np.zeros(4), 0, 2.0), 2.0),
    ("nll", "lowest energy left in the exponent", (np.ones(4), 0, 2.0), np.log(4.0) / 2.0),
    ("nll", "lowest energy left in the exponent", (np.array([0.0, -800.0]), 0, 1.0), np.inf),
    ("nll", "lowest energy left in the exponent", (np.array([800.0, 900.0]), 0, 1.0), -np.inf),
    ("nll", "logarithm of a softmax", (np.array([0.0, 800.0]), 1, 1.0), np.inf),
    ("nll", "probability clipped at 1e-7", (np.array([0.0, 800.0]), 1, 1.0), -np.log(1e-7)),
    ("mee", "probability of being right, negated", (np.zeros(4), 0, 2.0), -0.25),
    ("mee", "subtracted from one", (np.array([0.0, 40.0]), 0, 1.0), 0.0),
    ("mee", "most offending answer alone", (np.zeros(4), 0, 2.0), 0.5),
    ("mee", "beta forgotten", (np.array([0.0, np.log(3.0)]), 0, 2.0), 0.25),
    ("generalized_hinge", "divided by the number of answers", (E4, 0, COSTS), 0.875),
    ("generalized_hinge", "worst violator alone", (E4, 0, COSTS), 1.5),
    ("generalized_hinge", "hinge of the sum", (np.array([0.0, 9.0, 1.0]), 0, np.array([5.0, 1.0, 3.0])), 0.0),
    ("generalized_hinge", "correct answer left in the sum", (E4, 0, COSTS + 1.0), 7.5),
    ("margin_rescaled_hinge", "slack rescaled instead", (np.array([1.0, 0.0]), 0, np.array([9.0, 2.0])), 4.0),
    ("margin_rescaled_hinge", "slack rescaled instead", (np.array([0.0, 5.0]), 0, np.array([9.0, 2.0])), 0.0),
    (
        "margin_rescaled_hinge",
        "cost of the most offending answer",
        (np.array([1.0, 2.0, 2.5]), 0, np.array([0.0, 1.25, 4.0])),
        0.25,
    ),
    (
        "margin_rescaled_hinge",
        "cost of the most offending answer",
        (np.array([1.0, 9.0, 2.5]), 0, np.array([0.0, 0.5, 4.0])),
        2.5,
    ),
    ("margin_rescaled_hinge", "all violators summed", (E4, 0, COSTS), 3.5),
    ("margin_rescaled_hinge", "not clipped at zero", (np.array([0.0, 5.0]), 0, np.array([0.0, 1.0])), -4.0),
    ("nll", "correct answer left out of the sum", (np.array([0.0, np.log(3.0)]), 0, 2.0), -np.log(3.0)),
    ("nll", "correct answer left out of the sum", (np.ones(3), 0, 2.0), np.log(2.0) / 2.0),
    ("hinge", "least offending answer pulled up", (E4, 0, 3.0), 1.0),
    ("hinge", "margin subtracted", (E4, 0, 0.25), 0.25),
    ("square_square", "every wrong answer pulled up", (E4, 0, 2.5), 5.25),
    ("generalized_hinge", "averaged over the wrong answers", (E4, 0, COSTS), 3.5 / 3.0),
    ("mee", "energies taken for scores", (np.array([0.0, np.log(3.0)]), 0, 2.0), 0.9),
    ("margin_rescaled_hinge", "cost subtracted", (np.array([3.0, 0.5]), 0, np.array([9.0, 2.0])), 0.5),
    ("margin_rescaled_hinge", "cost subtracted", (E4, 0, COSTS), 0.0),
    (
        "margin_rescaled_hinge",
        "correct answer left in the maximum",
        (np.array([0.0, 5.0]), 0, np.array([1.0, 2.0])),
        1.0,
    ),
    ("margin_rescaled_hinge", "correct answer left in the maximum", (E4, 0, COSTS + 1.0), 2.5),
]


# of criteria, chains, machines and samplers
TIE, FLAT, ODDS = np.array([1.0, 1.0]), np.zeros((2, 2)), np.array([0.0, np.log(3.0)])
ONE, TWO, NONE, ON = np.array([[2.0]]), np.array([2.0]), np.zeros(1), np.ones(1)
H, EAST, NORTH = 0.5 * np.log(2.0 * np.pi), np.array([1.0, 0.0]), np.array([0.0, 1.0])
LONG, LONGER = np.array([3.0, 4.0]), np.array([6.0, 8.0])
DEAR = np.array([[np.log(3.0), np.log(3.0)], [0.0, 0.0]])
L3, TWO_OF_THREE = np.log(3.0), np.array([[0, 1, 1], [0, 1, 1], [0, 1, 2]])
LATE, LAST = (np.zeros((2, 2, 2)), [0], 1), [[0.0, 0.0], [0.0, -1.0]]
NO_TIME = np.zeros((1, 2, 2)), [0], 1
SELDOM, MORE_DATA = (np.zeros(2), np.array([-L3, 0.0])), (np.array([1.0, 2.0, 6.0]), np.array([4.0]))
AHEAD = np.array([[0.0, 9.0, 9.0], [-3.0, 0.0, 0.0]])
GREEDY = np.array([[0.0, 1.0], [0.0, 0.0]]), np.array([[8.0, 9.0], [0.0, 6.0]]), [1, 0]
CUTS = np.array([0.0, 9.0, 5.0]), [[0, 1, 1], [1, 2, 2], [0, 2, 1]]
ZERO_TWO = np.array([[0.0, 2.0]])
SURE = np.array([[0.0, 1.0], [0.0, 2.0]]), FLAT, np.array([0, 0])
EITHER = np.array([[0, 1, 1], [0, 1, 2]]), [1]
VALUES += [
    ("label_smoothing", "label not reduced by 1 - s", (TIE, 0, 0.5), 1.5 * np.log(2.0)),
    ("label_smoothing", "even share left out", (TIE, 0, 0.5), 0.5 * np.log(2.0)),
    ("label_smoothing", "share of 1 - s in place of s", (TIE, 0, 0.25), 1.5 * np.log(2.0)),
    ("gaussian_nll", "variance taken for its logarithm", (0.0, 2.0, 2.0), H + 1.0 + 2.0 * np.exp(-2.0)),
    ("gaussian_nll", "one half forgotten at the logarithm", (0.0, 4.0, 2.0), H + np.log(4.0) + 0.5),
    ("gaussian_nll", "one half forgotten at the square", (0.0, 4.0, 2.0), H + np.log(2.0) + 1.0),
    ("multilabel_margin", "divided by the pairs", (np.array([1.0, 0.5, 0.75]), np.array([0, -1, -1])), 0.625),
    ("multilabel_margin", "divided by the pairs", (np.array([1.0, 0.5]), np.array([0, 1])), 0.0),
    ("focal", "factor of the true label's own share", (np.log(3.0), 1, 1.0), 0.75 * np.log(4.0 / 3.0)),
    ("focal", "factor of the true label's own share", (np.log(3.0), 0, 1.0), 0.25 * np.log(4.0)),
    ("huber", "line without delta in front", (5.0, 0.0, 2.0), 4.0),
    ("huber", "line without delta in front", (1.0, 0.0, 2.0), 0.5),
    ("triplet_margin", "distance from positive to negative", (0 * TIE, LONG, np.array([3.0, 0.0])), 2.0),
    ("cosine_embedding", "margin added", (EAST, NORTH, -1, 0.25), 0.25),
    ("cosine_embedding", "margin added", (LONG, LONGER, -1, 0.25), 1.25),
    ("cosine_embedding", "cosine subtracted from the margin", (EAST, NORTH, -1, 0.25), 0.25),
    ("cosine_embedding", "cosine subtracted from the margin", (LONG, LONGER, -1, 0.25), 0.0),
    ("cosine_embedding", "not normalised", (LONG, LONGER, 1, 0.0), -49.0),
    ("ctc", "no blank may be left out", (np.zeros((3, 3)), [1, 2], 0), 0.0),
    ("ctc", "no blank may be left out", (np.zeros((4, 3)), [1, 2], 0), -np.log(5.0)),
    ("ctc", "path must start on a blank", (np.zeros((2, 2)), [1], 0), 0.0),
    ("ctc", "path must start on a blank", (np.zeros((3, 2)), [1], 0), -np.log(3.0)),
    ("ctc_of_logits", "normalised over the moments", (np.zeros((2, 3)), [1], 0), -np.log(0.75)),
    ("ctc_of_logits", "softmax applied twice", (ODDS[None], [1], 0), np.log1p(np.exp(-0.5))),
    ("transducer", "label read where it leads", ([[[-1.0, -2.0], [-4.0, -8.0]]], [1], 0), 12.0),
    ("chain_nll", "best sequence for the sum", (FLAT, FLAT, np.array([0, 1])), 0.0),
    ("chain_nll", "best sequence for the sum", (PAIR / 4.0, FLAT, np.array([1, 0]), 2.0), 2.0),
    ("chain_nll", "first moment left out", (np.array([[0.0, 5.0], [0.0, 0.0]]), FLAT, [1, 0]), np.log(4.0)),
    ("chain_nll", "rows of transitions normalised", (FLAT, DEAR, np.array([1, 0])), np.log(4.0)),
    (
        "chain_nll",
        "transitions turned in the normaliser alone",
        (np.log([[1.0, 2.0], [1.0, 1.0]]), np.log([[1.0, 1.0], [2.0, 1.0]]), np.array([0, 1])),
        np.log(2.5),
    ),
    (
        "chain_margin_rescaled_hinge",
        "right labels cost as much as wrong ones",
        (FLAT, FLAT, np.array([0, 0]), 2.0),
        4.0,
    ),
    ("soft_alignment", "zeros around the table", (np.array([[2.5]]), 2.0), 2.5 - np.log(3.0) / 2.0),
    ("binary_cross_entropy", "probability clipped at 1e-12", (0.0, 1.0), 12.0 * np.log(10.0)),
    ("binary_cross_entropy", "probability clipped at 1e-15", (0.0, 1.0), 15.0 * np.log(10.0)),
    ("rbm", "sign of the couplings lost", (ONE, 0.5 * ON, 0.25 * ON, [1], [1]), 1.25),
    ("rbm", "half of the couplings", (ONE, 0.5 * ON, 0.25 * ON, [1], [1]), -1.75),
    ("rbm_free_energy", "visible bias left out", (0 * ONE, TWO, NONE, ON), -np.log(2.0)),
    ("rbm_free_energy", "entropy left out", (ODDS[None, 1:], NONE, NONE, ON), -0.75 * np.log(3.0)),
    ("gaussian_rbm", "square of the bias left out", (ONE, 2 * TWO, ON, TWO, [0]), -6.0),
    ("gaussian_rbm_free_energy", "square of the bias left out", (0 * ONE, TWO, NONE, NONE), -np.log(2.0)),
    ("potts", "one triangle read", (np.triu(PAIR), FLAT, np.array([1, 1])), -4.0),
    ("potts", "one triangle read", (np.tril(PAIR), FLAT, np.array([1, 1])), 0.0),
    ("potts", "triangle in place of both halves", (PAIR, FLAT, np.array([1, 1])), -2.0),
    ("metropolis_hastings", "not closed at certainty", (-5.0, -1.0, 1.0, 3.0), 6.0),
    ("replica_exchange", "the probability, not its logarithm", (2.0, 1.0, 1.0, 3.5), np.exp(-2.5)),
    ("log", "all wrong answers, softly", (np.zeros(4), 0, 2.0), np.log(4.0) / 2.0),
    ("average_free_energy", "log k not divided by beta", (np.full(4, 2.0), 0.5), 2.0 - np.log(4.0)),
    ("multi_margin", "power of the sum", (np.zeros(3), 0, 2, 1.0), 4 / 3),
    ("multi_margin", "power of the sum", (np.zeros(3), 0, 1, 1.0), 2 / 3),
    ("alignment", "zeros around the table", (np.array([[5.0, 1.0], [9.0, 2.0]]),), 3.0),
    ("alignment", "zeros around the table", (np.array([[5.0, 8.0], [-1.0, 2.0]]),), 1.0),
    ("soft_alignment", "diagonal steps count twice", (np.ones((2, 2)), 2.0), 3.0 - np.log(3.0) / 2.0),
    ("transducer", "a label takes a moment", (np.zeros((3, 2, 2)), [1], 0), -np.log(2.0)),
    ("transducer", "a label takes a moment", (np.zeros((2, 3, 2)), [1, 1], 0), np.inf),
    ("graph_nll", "best path that spells the answer alone", (np.zeros(3), TWO_OF_THREE, [1], 2.0), L3 / 2.0),
    ("potts", "disagreement counted", (PAIR, np.diag(UP), np.array([0, 1])), -5.5),
    ("interval_log_jacobian", "one length", (np.zeros(2), -2.0, 2.0), -np.log(4.0)),
    ("ranking_nce", "datum not corrected", SELDOM, np.log(4.0)),
    ("student_t_nll", "Gamma(nu/2 + 1)", (0.0, 1.0, 1.0, 0.0), 0.5 * np.log(np.pi) + np.log(2.0)),
    ("contrastive_divergence", "one divisor n + m", MORE_DATA, 1.25),
    ("ratio_matching", "both shares multiplied", (ODDS[1:],), 0.1875),
    ("langevin", "step size s, noise by s", (ON, TWO, 3 * ON, 0.25), [1.25]),
    ("langevin", "step size s, the 2 lost: temperature 1/2", (ON, TWO, 3 * ON, 0.25), [2.0]),
    ("ising", "diagonal left out", (PAIR + np.eye(2), UP, np.array([1, 1])), -5.5),
    ("ising", "half below the diagonal read", (np.tril(PAIR), 0 * UP, np.array([1, -1])), 4.0),
    ("boltzmann", "diagonal left out", (PAIR + np.eye(2), UP, np.array([1, 1])), -5.5),
    ("boltzmann", "half above the diagonal read", (np.triu(PAIR), UP, np.array([1, 1])), -5.5),
    ("qubo", "one half in front of the pairs", (PAIR + np.eye(2), np.array([1, 1])), 6.0),
    ("rbm", "spins taken for bits", (ONE, 0.5 * ON, 0.25 * ON, [1], [0]), 1.75),
    ("rbm_free_energy", "sign of the softplus lost", (0 * ONE, TWO, NONE, ON), np.log(2.0) - 2.0),
    (
        "rbm_free_energy",
        "one logarithm for all hidden units",
        (np.zeros((1, 2)), TWO, np.zeros(2), ON),
        -2.0 - np.log(3.0),
    ),
    ("gaussian_rbm", "visible term of a binary RBM", (ONE, TWO, ON, ON, [1]), -5.0),
    ("gaussian_rbm_free_energy", "best hidden setting alone", (ONE, ON, NONE, TWO), 0.5 - 4.0),
    ("gaussian_rbm_free_energy", "hidden units -1 and 1", (0 * ONE, ON, NONE, TWO), 0.5 - np.log(2.0)),
    ("gaussian_rbm_free_energy", "entropy left out", (ONE * L3 / 4.0, ON, NONE, TWO), 0.5 - 0.75 * L3),
    ("gaussian_rbm_free_energy", "sign of the softplus lost", (0 * ONE, ON, NONE, TWO), 0.5 + np.log(2.0)),
    (
        "potts_rbm_free_energy",
        "hidden units -1 and 1",
        (FLAT[:1, :, None], FLAT[:1], NONE, [1]),
        -np.log(2.0),
    ),
    ("chain", "closed to a ring", (THREE, TURN, np.array([0, 0, 1])), 6.0 + 8.0 + 16.0),
    ("alignment", "diagonal steps and the first pair count twice", (np.diag([1.0, 2.0]) + 8.0 * PAIR,), 6.0),
    ("alignment", "the second sequence never waits", (np.array([[1.0, 2.0], [0.0, 4.0]]),), 5.0),
    ("alignment", "the second sequence never waits", (np.array([[1.0], [0.0]]),), np.inf),
    ("alignment", "the first sequence never waits", (np.array([[1.0, 0.0]]),), np.inf),
    (
        "alignment",
        "begins and ends anywhere along the second",
        (np.array([[9.0, 1.0, 5.0], [9.0, 9.0, 2.0]]),),
        3.0,
    ),
    ("alignment", "cheapest step each time", (np.array([[0.0, 1.0, 9.0], [2.0, 3.0, 9.0]]),), 13.0),
    ("alignment", "first pair not counted", (np.array([[1.0, 0.0]]),), 0.0),
    (
        "soft_alignment",
        "diagonal steps and the first pair count twice",
        (np.ones((2, 2)), 2.0),
        4.0 - L3 / 2.0,
    ),
    ("banded_alignment", "strictly within the band", (np.eye(2), 0), np.inf),
    ("banded_alignment", "strictly within the band", (np.eye(2), 1), 2.0),
    ("banded_alignment", "at least the difference of the lengths wide", (AHEAD, 0), -3.0),
    ("banded_alignment", "difference of the lengths added to the width", (AHEAD, 0), -3.0),
    ("banded_soft_alignment", "distance from the square's diagonal", (np.zeros((1, 3)), 1, 1.0), np.inf),
    ("ctc", "repetitions in the target dropped", (np.zeros((2, 3)), [1, 1], 0), -L3),
    ("ctc_of_logits", "repetitions in the target dropped", (np.zeros((1, 2)), [1, 1], 0), np.log(2.0)),
    ("free_energy", "mean energy for the free energy", (np.array([0.0, L3]), 1.0), L3 / 4.0),
    ("free_energy", "lowest energy added back in other units", (np.ones(2), 2.0), 2.0 - np.log(2.0) / 2.0),
    ("average_free_energy", "mean, whatever beta", (np.array([1.0, 3.0]), 5.0), 2.0),
    ("average_free_energy", "mean energy at the temperature", (np.array([0.0, L3]), 1.0), L3 / 4.0),
    ("factor_graph", "scope sorted", (np.array([[[1.0, 2.0], [4.0, 8.0]]]), [[1, 0]], [0, 1]), 2.0),
    ("chain_nll", "first moment left out of the normaliser", (np.array([[L3, 0.0]]), FLAT, [0]), np.log(6.0)),
    ("chain_nll", "last moment left out of the normaliser", (np.array([[L3, 0.0]]), FLAT, [0]), np.log(6.0)),
    ("chain_nll", "right sequence closed to a ring", (FLAT, FLAT + 1.0, [0, 1]), 1.0 + np.log(4.0)),
    ("chain_perceptron", "cheapest label each time", GREEDY, -7.0),
    ("chain_perceptron", "transitions turned in the search", (FLAT, np.triu(PAIR), [0, 1]), 4.0),
    ("chain_perceptron", "all sequences, softly", (FLAT, FLAT, [0, 1]), np.log(4.0)),
    ("chain_hinge", "wrong at every moment", (*SURE, 4.0), 1.0),
    ("chain_hinge", "wrong at one moment", (*SURE, 4.0), 3.0),
    (
        "chain_margin_rescaled_hinge",
        "cost added after the search",
        (np.array([[0.0, 1.0], [1.0, 0.0]]), FLAT, [0, 0], 4.0),
        5.0,
    ),
    ("tree_nll", "arcs turned in the normaliser alone", (*PARSE, np.array([0, 1])), L3),
    ("graph_transformer", "cheapest arc each time", (*CUTS, [1]), np.inf),
    ("graph_transformer", "ends anywhere", (*CUTS, [1]), 0.0),
    (
        "graph_transformer",
        "all paths that spell it, softly",
        (np.zeros(2), [[0, 1, 1]] * 2, [1]),
        -np.log(2.0),
    ),
    ("graph_perceptron", "right answer left out of the search", (np.array([0.0, 2.0]), *EITHER), -2.0),
    ("graph_perceptron", "cheapest arc each time", (np.array([3.0, 2.0]), *EITHER), 1.0),
    ("graph_nll", "normalised node by node", (np.zeros(2), *EITHER), np.log(2.0)),
    ("free_energy", "lowest energy not added back", (np.ones(2), 2.0), -np.log(2.0) / 2.0),
    ("variational_free_energy", "distance from the uniform distribution", (ON, TWO, 2.0), 2.0),
    (
        "variational_free_energy",
        "what q lacks to the best",
        (np.ones(2) / 2.0, np.array([0.0, L3]), 1.0),
        np.log(2.0 / 3.0**0.5),
    ),
    ("tree_nll", "log Z not divided by beta", (*PARSE, np.array([0, 1]), 1.0), L3),
    ("tree_nll", "energy of the root left out", (PARSE[0], np.ones(2), np.array([0, 1])), L3 - 1.0),
    ("linear_structured", "closed to a ring", (np.eye(2), TURN, np.eye(2), np.array([0, 1])), 26.0),
    ("chain", "begins after label 0", (THREE, TURN, np.array([1, 1, 1])), 13.0),
    ("gaussian_rbm", "couplings to v - b", (ONE, ON, NONE, TWO, [1]), -1.5),
    ("gaussian_rbm_free_energy", "couplings to v - b", (ONE, TWO, NONE, TWO), -np.log(2.0)),
    (
        "potts_rbm_free_energy",
        "sign of the softplus lost",
        (FLAT[:1, :, None], FLAT[:1], NONE, [1]),
        np.log(2.0),
    ),
    (
        "chain_perceptron",
        "right sequence left out of the search",
        (np.array([[0.0, 2.0]]), FLAT, np.array([0])),
        -2.0,
    ),
    ("chain_hinge", "a hinge for each moment", (*SURE, 4.0), 5.0),
    (
        "chain_margin_rescaled_hinge",
        "all sequences, softly",
        (np.zeros((1, 2)), FLAT, np.array([0]), L3),
        np.log(4.0),
    ),
    ("qubo", "pairs counted twice", (PAIR + np.eye(2), np.array([1, 1])), 18.0),
    ("potts", "neighbours in a row alone", (PAIR, FLAT, np.array([1, 1])), -4.0),
    ("potts_rbm_free_energy", "entropy left out", (FLAT[:1, :, None], FLAT[:1], ON * L3, [1]), -0.75 * L3),
    ("average_free_energy", "minimum, whatever beta", (np.array([1.0, 3.0]), 5.0), 1.0),
    ("chain_nll", "each label given its neighbours", (FLAT, FLAT, np.array([0, 1])), np.log(4.0)),
    ("chain_nll", "last moment left out throughout", (FLAT, FLAT, np.array([0, 1])), np.log(2.0)),
]
VALUES += [  # losses, samplers and learning: slips that name another loss
    ("integral_table", "energies weighted", (np.array([1.0, 3.0]), np.array([2.0, 0.5]), 2.0), [2.0, 1.5]),
    ("most_offending", "place among the wrong answers alone", (E4, 0), 0),
    (
        "most_offending_outside",
        "square compared with the radius",
        (E4[1:], [[0.5], [2.0], [3.0]], NONE, 0.4),
        1,
    ),
    ("most_offending_outside", "inside the ball", (E4[1:3], [[9.0], [0.0]], NONE, 1.0), 1),
    ("perceptron", "the error itself", (E4, 0), 1.0),
    ("perceptron", "the error itself", (TIE, 0), 0.0),
    ("mce", "the error itself", (E4, 0), 1.0),
    ("mce", "the error itself", (TIE, 0), 0.0),
    ("lvq2", "closed at -M, not at 0", (np.array([0.0, 9.0]), 0, 1.5), -1.5),
    ("square_square", "square left open", (np.array([1.0, 3.0]), 0, 1.0), 5.0),
    ("mee", "logarithm left in", (np.zeros(4), 0, 2.0), np.log(4.0)),
    ("mee", "squared distance of the probabilities", (ODDS, 1, 1.0), 1.125),
    ("margin_rescaled_hinge", "softmax-margin", (np.zeros(3), 0, np.array([9.0, L3, L3])), np.log(7.0)),
    ("margin_rescaled_hinge", "largest cost, lowest energy", (E4, 1, COSTS), 2.5),
    ("metropolis_hastings", "each ratio closed by itself", (0.0, 1.0, 0.0, -1.0), -1.0),
    ("langevin", "noise by the root of the step", (ON, TWO, 3 * ON, 0.25), [2.4375]),
    ("langevin", "root of 2 kept in the noise", (ON, TWO, 3 * ON, 0.25), [0.9375 + 0.75 * np.sqrt(2.0)]),
    ("langevin", "step size s, noise of 0.01", (ON, TWO, 3 * ON, 0.25), [0.53]),
    ("langevin", "step size s, noise of 0.005", (ON, TWO, 3 * ON, 0.25), [0.515]),
    ("langevin", "gradient clipped at 0.01", (ON, TWO, 3 * ON, 0.25), [1.7496875]),
    ("replica_exchange", "each energy at its own temperature", (1.0, 2.0, 3.0, 4.0), -5.0),
    ("replica_exchange", "Barker's rule", (1.0, 1.0, 5.0, 0.0), -np.log(2.0)),
    ("simplex_log_jacobian", "a softmax with the last score at 0", (np.log([2.0, 1.0]),), -5.0 * np.log(2.0)),
    ("simplex_log_jacobian", "lengths counted from the other end", (np.zeros(2),), -np.log(36.0)),
    ("sliced_score_matching", "the reduced form", (np.array([3.0, 4.0]), np.eye(2)[0], 2.0), 10.5),
    ("kernel_stein", "1 for the dimension", (FLAT, FLAT + np.eye(2)[0], 1.0), 2.0),
    ("kernel_stein_v", "1 for the dimension", (FLAT, FLAT + np.eye(2)[0], 1.0), 2.0),
    ("kernel_stein", "a precision for the width", (np.zeros((2, 1)), np.ones((2, 1)), 2.0), 5.0),
    ("kernel_stein_v", "a precision for the width", (np.zeros((2, 1)), np.ones((2, 1)), 2.0), 5.0),
    (
        "kernel_stein_v",
        "diagonal left out, mean over the pairs",
        (np.zeros((2, 1)), np.array([[1.0], [3.0]]), 1.0),
        4.0,
    ),
    ("interval_log_jacobian", "the length subtracted", (NONE, 0.0, 2.0), -3.0 * np.log(2.0)),
    ("simplex_log_jacobian", "the shift added", (np.log([0.5, 1.0]),), -4.0 * np.log(2.0) - np.log(2.0)),
    ("simplex_log_jacobian", "the shift by one more", (np.log([2.0]),), -2.0 * np.log(2.0)),
    ("denoising_control", "cross term alone", (TWO, 3 * ON, 2.0), 6.0),
    ("denoising_control", "dimension taken for 1", (np.zeros(2), np.ones(2), 2.0), 0.25),
    ("mala_correction", "squares of the gradients left out", (TWO, 3 * ON, 2 * ON, 1.0), 5.0),
    ("hinge", "mean of the wrong energies", (E4, 1, 2.0), 0.5),
    ("hinge", "free energy of the wrong answers", (np.zeros(3), 0, 1.0), 1.0 + np.log(2.0)),
    ("kl_divergence", "half of it both ways", (np.log([0.5, 0.5]), np.array([0.75, 0.25])), L3 / 8.0),
    ("kl_divergence", "both compared with their mean", (np.log([0.5, 0.5]), np.array([0.5, 0.5])), 0.0),
    (
        "kl_divergence",
        "both compared with their mean",
        (np.log([1.0, 1.0, 2.0]), np.array([3.0, 1.0, 2.0])),
        0.5 * (3.0 * np.log(1.5) - np.log(2.0)),
    ),
    ("reduction_by_target_length", "multiplied by the lengths", (TIE, np.array([1.0, 4.0])), 2.5),
    ("cross_entropy", "a binary loss for each class", (np.zeros(3), 0), 3.0 * np.log(2.0)),
    ("label_smoothing", "entropy in place of the even share", (TIE, 0, 0.5), 0.5 * np.log(2.0)),
    ("weighted_binary_cross_entropy", "divided by 1 + w", (0.0, 1.0, 3.0), 0.75 * np.log(2.0)),
    (
        "weighted_binary_cross_entropy",
        "logarithm of the weight added to the score",
        (0.0, 1.0, 3.0),
        np.log(4.0 / 3.0),
    ),
    ("poly_1", "eps times the whole", (np.zeros(3), 0, 2.0), 3.0 * L3),
    ("poly_1", "1 - p_y squared", (np.zeros(2), 0, 2.0), np.log(2.0) + 0.5),
    ("focal", "one minus a power", (0.0, 1.0, 2.0), 0.75 * np.log(2.0)),
    ("dice", "logarithm of the overlap", (TIE, np.array([1.0, 0.0]), 0.0), -np.log(2.0 / 3.0)),
    ("info_nce", "a binary loss for each", (np.zeros(3), 0, 0.5), 3.0 * np.log(2.0)),
    ("margin_ranking", "margin multiplied by the sign", (3.0, 1.0, -1, 0.5), 1.5),
    (
        "multilabel_soft_margin",
        "softmax over the classes",
        (np.zeros(2), np.array([1, 0])),
        np.log(2.0) / 2.0,
    ),
    (
        "multilabel_soft_margin",
        "targets taken for signs",
        (np.array([9.0, L3]), np.array([0, 1])),
        np.log(8.0 / 3.0) / 2.0,
    ),
    ("contrastive_distance", "difference of squares in the hinge", (np.zeros(2), np.eye(2)[0], 0, 2.0), 1.5),
    ("triplet_margin", "soft, without a margin", (NONE, TWO, -TWO, 1.0, 2.0), np.log(2.0)),
    ("soft_margin", "the hinge", (0.25, 1), 0.75),
    ("cosine_embedding", "margin for the alike", (np.eye(2)[0], np.eye(2)[1], 1, 0.25), 0.75),
    ("binary_cross_entropy", "logarithm of a mixed probability", (0.25, 0.5), np.log(2.0)),
    ("poisson_nll", "softplus in place of the exponential", (np.log(np.e - 1.0), 3.0), 1.0 + np.log(6.0)),
    ("squared_error", "difference of the squares", (1.0, 3.0), -8.0),
    ("log_cosh", "the slope returned", (1.0, 0.0), np.tanh(1.0)),
    ("langevin", "twice the drift, root of 2 in the noise", (ON, TWO, NONE, 0.5), [0.5]),
    ("langevin", "noise divided by the root of 2", (ON, NONE, ON, np.sqrt(2.0)), [2.0]),
    ("noise_contrastive", "noise summed, not weighted", (NONE, np.zeros(3), 1.0), 4.0 * np.log(2.0)),
    ("binary_cross_entropy", "square of the difference", (0.25, 1.0), 0.5625),
    ("contrastive_distance", "margin for the alike, too", (NONE, 3 * ON, 1, 1.0), 2.0),
    ("contrastive_distance", "margin for the alike, too", (NONE, ON, 0, 3.0), 2.0),
    ("cosine_embedding", "the angle, not its cosine", (np.eye(2)[0], np.eye(2)[1], 1), np.pi / 2.0),
    ("soft_margin", "the squared hinge", (0.5, -1), 2.25),
    ("multilabel_soft_margin", "hinges for the logistic", (np.array([0.5, 0.0]), np.array([1, 0])), 0.75),
    ("log", "the corner left in", (E4, 0), 0.5),
    ("energy_discrepancy", "stabiliser counted as neighbours", (0.0, np.zeros(2), 5.0), 0.0),
    ("energy_discrepancy", "mean of the logarithms, w divided", (0.0, np.zeros(2), 2.0), np.log(2.0)),
    ("variational_bound", "soft minimum of the samples", (ON, ODDS, 2.0), 3.0 + np.log(2.0 / 3.0)),
    (
        "recovery_energy",
        "constant of the density added",
        (1.0, TWO, NONE, 1.0),
        3.0 + np.log(2.0 * np.pi) / 2.0,
    ),
    ("score_entropy", "squared differences", (np.array([1.0, 3.0]), np.array([2.0, 1.0])), 5.0),
    ("noise_contrastive", "one mean over data and noise", (NONE, NONE, 1.0), np.log(2.0)),
    ("noise_contrastive", "nu in place of its logarithm", (TWO, TWO, 2.0), 3.0 * np.log(2.0)),
    ("ranking_nce", "a binary loss for each", (np.zeros(3), np.zeros(3)), 3.0 * np.log(2.0)),
    ("ranking_nce", "noise forgotten for the datum", (np.zeros(2), np.array([5.0, 0.0])), np.log(2.0)),
    ("pseudolikelihood", "one softmax over all", (np.zeros(3),), np.log(4.0)),
    ("contrastive_divergence", "a tenth of the squares added", (TWO, ON), 1.5),
    ("poly_1", "sigmoid for the softmax", (np.zeros(3), 0, 2.0), L3 + 1.0),
    ("multi_class_focal", "one minus a power", (np.zeros(2), 0, 2.0), 0.75 * np.log(2.0)),
]
VALUES += [  # other losses under a loss's name: structure, not a slip
    ("absolute_error", "root of the square and 1e-6", (1.0, 1.0), 1e-3),
    ("absolute_error", "divided by the mean of both sizes", (3.0, 1.0), 1.0),
    ("squared_log_error", "logarithm of the squared error", (3.0, 1.0), np.log(5.0)),
    ("smooth_l1", "pseudo-Huber", (1.5, 0.0, 2.0), 0.5),
    ("smooth_l1", "square of the error compared with beta", (1.5, 0.0, 2.0), 0.5),
    ("smooth_l1", "square of the error compared with beta", (1.0, 0.0, 2.0), 0.25),
    ("log_cosh", "root of 1 and the square", (0.75, 0.0), 0.25),
    ("poisson_nll", "half the deviance", (0.0, 1.0), 0.0),
    ("poisson_nll", "half the deviance", (0.0, 0.0), 1.0),
    ("poisson_nll", "squared error of the rate", (0.0, 3.0), 4.0),
    ("negative_binomial_nll", "variance (1 + a) mu", (np.log(2.0), 1.0, 1.0), 2.0 * np.log(2.0)),
    ("kl_divergence", "squared differences of the probabilities", (np.log([0.5, 0.5]), NORTH), 0.5),
    ("kl_divergence", "squared differences of the roots", (np.log([0.25, 0.75]), EAST), 0.5),
    ("cross_entropy", "complements of the others, too", (np.zeros(2), 0), 2.0 * np.log(2.0)),
    ("cross_entropy", "squared error of the probabilities", (np.zeros(2), 0), 0.5),
    ("cross_entropy", "against the best of the others alone", (np.zeros(3), 0), np.log(2.0)),
    ("cross_entropy", "against each of the others", (np.zeros(3), 0), 2.0 * np.log(2.0)),
    (
        "nll_of_log_probabilities",
        "complements of the others, too",
        (np.log([0.5, 0.5]), 0),
        2.0 * np.log(2.0),
    ),
    ("label_smoothing", "probabilities smoothed, not the target", (ODDS, 1, 0.5), np.log(1.6)),
    ("label_smoothing", "half of s for each class", (np.zeros(3), 0, 0.5), 1.25 * L3),
    ("binary_cross_entropy", "absolute difference", (0.25, 1.0), 0.75),
    (
        "class_weighted_cross_entropy",
        "logarithms of the weights added to the logits",
        (np.zeros(2), 0, np.array([1.0, 3.0])),
        np.log(4.0),
    ),
    ("weighted_binary_cross_entropy", "1 - w for the no", (0.0, 0.0, 0.25), 0.75 * np.log(2.0)),
    ("weighted_binary_cross_entropy", "weight on the softplus alone", (0.0, 0.0, 3.0), 3.0 * np.log(2.0)),
    ("focal", "distance from the target in the factor", (L3, 0.5, 1.0), 0.125 * np.log(16.0 / 3.0)),
    ("multi_class_focal", "sigmoid in the factor", (np.zeros(3), 0, 1.0), 0.5 * L3),
    ("dice", "twice the overlap over the union", (EAST, EAST, 0.0), -1.0),
    ("dice", "each pixel by itself", (TIE, EAST, 1.0), 0.25),
    ("dice", "background counted, too", (EAST, TIE, 0.0), 2.0 / 3.0),
    ("dice", "prediction squared, target not", (0.5 * TIE, EAST, 0.0), 1.0 / 3.0),
    ("dice", "minimum for the product", (0.5 * TIE, 0.5 * TIE, 0.0), 0.0),
    ("dice", "prediction rounded", (np.array([0.75, 0.25]), EAST, 0.0), 0.0),
    ("dice", "misses weigh 0.7, false alarms 0.3", (TIE, EAST, 0.0), 3.0 / 13.0),
    ("info_nce", "mean of the strangers' weights", (np.zeros(3), 0, 0.5), np.log(2.0)),
    ("sup_con", "first partner alone", (ODDS, np.array([1, 1]), 1.0), np.log(4.0)),
    ("margin_ranking", "logistic for the hinge", (1.0, 1.0, 1, 0.0), np.log(2.0)),
    ("margin_ranking", "absolute difference", (1.0, 3.0, 1, 2.5), 0.5),
    ("hinge_embedding", "margin for the alike, too", (3.0, 1, 1.0), 2.0),
    ("hinge_embedding", "margin for the alike, too", (0.25, -1, 1.0), 0.75),
    (
        "multilabel_margin",
        "largest violation alone",
        (np.array([1.0, 0.5, 0.75]), np.array([0, -1, -1])),
        0.75,
    ),
    ("multilabel_margin", "largest violation alone", (np.array([1.0, 0.5]), np.array([0, 1])), 0.0),
    ("multilabel_margin", "first right class alone", (np.zeros(3), np.array([0, 1, -1])), 1.0 / 3.0),
    ("triplet_margin", "cosine for the distance", (EAST, NORTH, 5.0 * EAST, 1.0), 2.0),
    ("triplet_margin", "each coordinate by itself", (np.zeros(2), EAST, NORTH, 1.0), 2.0),
    ("cosine_embedding", "absolute cosine for the unlike", (EAST, -EAST, -1, 0.25), 0.75),
    ("cosine_embedding", "squared cosine for the unlike", (EAST, np.array([-1.0, 1.0]), -1, 0.25), 0.25),
    ("ctc", "a label lasts one moment", (np.zeros((2, 2)), [1], 0), -np.log(2.0)),
    (
        "ctc",
        "blank taken to be the last class",
        (np.array([[-1.0, -2.0, -4.0], [-8.0, -16.0, -32.0]]), [1], 0),
        18.0 - np.log(1.0 + np.exp(-16.0) + np.exp(-2.0)),
    ),
    ("transducer", "blank read where it leads", ([[[-1.0, 0.0]], [[-2.0, 0.0]]], [], 0), 4.0),
    ("reduction_by_target_length", "divided by the longest target", (TIE, np.array([1.0, 4.0])), 0.25),
]
VALUES += [  # energies: what is read of a table, and what is summed
    ("qubo", "diagonal counted twice", (PAIR + np.eye(2), np.array([1, 0])), 2.0),
    ("qubo", "lower triangle read", (np.triu(PAIR) + np.eye(2), np.array([1, 1])), 2.0),
    ("potts", "colours on a circle", (PAIR, np.zeros((2, 4)), np.array([2, 0])), 4.0),
    ("potts", "colours on a circle", (PAIR, np.zeros((2, 3)), np.array([1, 0])), 2.0),
    (
        "potts_rbm_free_energy",
        "one logarithm for all hidden units",
        (np.zeros((2, 2, 2)), PAIR, np.log([2.0, 4.0]), np.array([0, 0])),
        -4.0 - np.log(9.0),
    ),
    ("chain", "first moment forgotten", (THREE, TURN, np.array([0, 1, 1])), 4.0),
    ("chain", "first moment forgotten", (THREE, TURN, np.array([1, 1, 0])), 16.0),
    ("chain", "last transition left out", (THREE, TURN, np.array([0, 1, 0])), 8.0),
    ("chain", "ends before label 0", (THREE, TURN, np.array([0, 0, 1])), 30.0),
    (
        "banded_alignment",
        "0 for infinity outside",
        (np.array([[1.0, 9.0, 9.0], [9.0, 2.0, 9.0], [9.0, 9.0, 4.0]]), 0),
        5.0,
    ),
    ("banded_alignment", "the best path, if it stays within", (np.array([[1.0, 9.0], [9.0, 2.0]]), 0), 3.0),
    (
        "banded_alignment",
        "the best path, if it stays within",
        (np.array([[1.0, 0.0, 0.0], [9.0, 9.0, 0.0], [9.0, 9.0, 1.0]]), 0),
        np.inf,
    ),
    ("banded_soft_alignment", "0 for infinity outside", (np.ones((2, 2)), 0, 1.0), 2.0 - np.log(3.0)),
    ("free_energy", "to second order in beta", (np.array([0.0, 2.0]), 1.0), 0.5 - np.log(2.0)),
]
VALUES += [  # losses and learning: another competitor, another average
    ("mce", "difference divided by the sum", (np.array([3.0, 1.0, 7.0]), 0), 1.0 / (1.0 + np.exp(-0.5))),
    ("mce", "mean of the wrong energies as competitor", (np.array([2.0, 1.0, 3.0]), 0), 0.5),
    ("mce", "mean of the wrong energies at their temperature", (np.array([L3 / 4.0, 0.0, L3]), 0), 0.5),
    ("mce", "every wrong answer counted", (np.zeros(3), 0), 1.0),
    ("mce", "ramp in place of the sigmoid", (np.array([1.0, 0.0, 2.0]), 0), 0.75),
    ("mce", "ramp in place of the sigmoid", (np.array([5.0, 0.0]), 0), 1.0),
    ("mee", "mean of the wrong energies as competitor", (np.array([2.0, 1.0, 3.0]), 0, 2.0), 0.5),
    ("mee", "largest wrong probability", (np.array([0.0, 0.0, np.log(2.0)]), 0, 1.0), 0.4),
    ("mee", "two draws that differ", (np.zeros(4), 0, 2.0), 0.75),
    ("mee", "two draws that differ", (np.array([0.0, np.log(3.0)]), 0, 1.0), 0.375),
    ("hinge", "of probabilities", (np.array([0.0, np.log(3.0)]), 0, 1.0), 0.5),
    ("hinge", "absolute gap", (E4, 0, 1.0), 0.5),
    ("hinge", "each energy against a level of its own", (E4, 0, 2.0), 2.5),
    ("squared_hinge", "difference of the squares", (E4, 0, 1.0), 1.75),
    ("squared_hinge", "gap squared, margin not", (E4, 0, 1.0), 1.25),
    ("log", "mean of the wrong energies", (np.array([2.0, 1.0, 3.0]), 0, 2.0), 0.5 * np.log(2.0)),
    ("perceptron", "soft minimum", (np.zeros(2), 0), np.log(2.0)),
    ("perceptron", "all that lie lower summed", (np.array([2.0, 1.0, 0.0]), 0), 3.0),
    ("perceptron", "all that lie lower averaged", (np.array([2.0, 1.0, 0.0]), 0), 1.5),
    ("lvq2", "nothing beyond the cap", (np.array([9.0, 2.0]), 0, 1.0), 0.0),
    ("lvq2", "nothing beyond the cap", (np.array([2.5, 2.0]), 0, 1.0), 0.5),
    ("lvq2", "each energy capped", (np.array([9.0, 0.5]), 0, 1.0), 0.5),
    ("square_square", "difference of squares in the hinge", (E4, 0, 2.0), 4.75),
    ("square_square", "squared energy in the hinge", (E4, 0, 2.0), 2.75),
    ("square_square", "square of the sum", (E4, 0, 1.0), 2.25),
    ("square_square", "mean of the wrong energies", (np.array([1.0, 0.5, 2.0]), 0, 2.0), 1.5625),
    (
        "square_exponential",
        "energy squared in the exponent",
        (np.array([1.0, 2.0]), 0, 1.0),
        1.0 + np.exp(-4.0),
    ),
    (
        "square_exponential",
        "constants 2/gamma, 2 gamma and 2.77/gamma",
        (np.array([1.0, 2.0]), 0, 2.0),
        1.0 + 4.0 * np.exp(-2.77),
    ),
    (
        "square_exponential",
        "mean of the wrong energies",
        (np.array([1.0, 0.0, 2.0]), 0, 2.0),
        1.0 + 2.0 * np.exp(-1.0),
    ),
    ("square_exponential", "gap in the exponent", (np.array([1.0, 1.0]), 0, 2.0), 3.0),
    ("generalized_hinge", "logistic for the hinges", (np.zeros(3), 0, np.zeros(3)), 2.0 * np.log(2.0)),
    ("generalized_hinge", "averaged over the violators", (E4, 0, COSTS), 1.1666666666666667),
    (
        "generalized_hinge",
        "averaged over the violators",
        (np.array([0.0, 9.0, 1.0]), 0, np.array([0.0, 1.0, 3.0])),
        2.0,
    ),
    (
        "margin_rescaled_hinge",
        "averaged over the violators",
        (np.array([0.0, 9.0, 1.0]), 0, np.array([0.0, 1.0, 3.0])),
        2.0,
    ),
    (
        "margin_rescaled_hinge",
        "averaged over the violators",
        (np.array([1.0, 0.0, 1.0]), 0, np.array([0.0, 1.0, 1.0])),
        1.5,
    ),
    ("margin_rescaled_hinge", "perceptron and a cost beside it", (E4, 0, COSTS), 1.5),
    ("nll", "entropy of the answers", (np.array([0.0, L3]), 0, 1.0), np.log(4.0) - 0.75 * L3),
    ("nll", "a yes or no for each answer", (np.zeros(3), 0, 2.0), 1.5 * np.log(2.0)),
    ("energy", "energy less the mean of all", (E4, 0), -0.625),
    (
        "integral_table",
        "weights made to sum to 1",
        (np.zeros(2), np.array([1.0, 3.0]), 2.0),
        [np.log(2.0), np.log(4.0 / 3.0) / 2.0],
    ),
    (
        "noise_contrastive",
        "log nu missing for the data",
        (NONE, NONE, 3.0),
        np.log(2.0) + 3.0 * np.log(4.0 / 3.0),
    ),
    ("noise_contrastive", "log nu missing for the noise", (NONE, NONE, 3.0), 5.0 * np.log(2.0)),
    ("noise_contrastive", "each datum against each noise point", (ODDS, NONE, 3.0), 0.5 * np.log(8.0 / 3.0)),
    ("conditional_nce", "mean of the differences first", (np.array([4.0, -4.0]),), np.log(2.0)),
    ("conditional_nce", "hinges for the logistic", (np.array([0.0, 2.0]),), 0.5),
    (
        "pseudolikelihood_of_states",
        "own state left out of the sum",
        (np.zeros((2, 3)), np.array([0, 1])),
        2.0 * np.log(2.0),
    ),
    (
        "pseudolikelihood_of_states",
        "own state against each other one",
        (np.zeros((2, 3)), np.array([0, 1])),
        4.0 * np.log(2.0),
    ),
    ("mala_correction", "way back not turned", (NONE, ON, ON, 1.0), -0.625),
    ("langevin", "gradient made of length 1", (np.zeros(2), LONG, np.zeros(2), 2.0), [-1.2, -1.6]),
    ("langevin", "sign of the gradient", (ON, 3.0 * ON, ON, 2.0), [1.0]),
    ("positive_log_jacobian", "of a softplus", (np.zeros(2),), -2.0 * np.log(2.0)),
]
VALUES += [  # alignments, softly; spins in a ring
    (
        "soft_alignment",
        "mean energy of the paths",
        (np.ones((2, 2)), 1.0),
        (2.0 + 6.0 / np.e) / (1.0 + 2.0 / np.e),
    ),
    (
        "soft_alignment",
        "weighted mean for the soft minimum",
        (np.ones((2, 2)), 1.0),
        (2.0 + 6.0 / np.e) / (1.0 + 2.0 / np.e),
    ),
    ("soft_alignment", "weighted mean for the soft minimum", (np.ones((1, 3)), 2.0), 3.0),
    ("soft_alignment", "zeros above the table alone", (np.array([[2.5]]), 2.0), 2.5 - 0.5 * np.log(2.0)),
    ("ising", "neighbours in a ring alone", (PAIR, UP, np.array([1, -1])), 7.5),
    ("boltzmann", "neighbours in a ring alone", (PAIR, UP, np.array([1, 1])), -9.5),
]


@OVERFLOWS
@pytest.mark.parametrize(
    "formula, name, inputs, value", VALUES, ids=lambda x: x if isinstance(x, str) else ""
)
def test_value(formula, name, inputs, value):
    assert variant(formula, name).value(*inputs) == pytest.approx(value, rel=1e-12, abs=1e-15)


S20 = 1.0 / (1.0 + np.exp(-20.0))
S_HALF = 1.0 / (1.0 + np.exp(-0.5))
S19 = 1.0 / (1.0 + np.exp(-19.0))
GRADIENTS = [
    ("log", "linear beyond a threshold of 20", (np.array([21.0, 0.0, 30.0]), 0, 1.0), [1.0, -1.0, 0.0]),
    ("log", "linear beyond a threshold of 20", (np.array([11.0, 0.0]), 0, 2.0), [1.0, -1.0]),
    ("log", "linear beyond a threshold of 20", (np.array([19.0, 0.0]), 0, 1.0), [S19, -S19]),
    ("log", "linear beyond a threshold of 20", (np.array([0.0, 9.0, 21.0]), 2, 1.0), [-1.0, 0.0, 1.0]),
    ("log", "linear beyond a threshold of 20", (np.array([20.0, 0.0]), 0, 1.0), [S20, -S20]),
    ("log", "linear beyond a threshold of 20", (np.array([10.5, 10.0]), 0, 1.0), [S_HALF, -S_HALF]),
    ("log", "linear beyond a threshold of 20", (np.array([0.25, 0.0]), 0, 2.0), [S_HALF, -S_HALF]),
    ("log", "the exponential overflows", (np.array([800.0, 0.0, 9.0]), 0, 1.0), [np.nan, np.nan, 0.0]),
    ("log", "the exponential overflows", (np.array([np.log(3.0), 0.0, 9.0]), 0, 1.0), [0.75, -0.75, 0.0]),
    ("log", "the exponential overflows", (np.array([np.log(3.0), 0.0]), 1, 2.0), [-0.1, 0.1]),
    ("mee", "correct answer alone pushed", (np.zeros(2), 0, 2.0), [0.5, 0.0]),
    ("mee", "logarithm left in", (np.zeros(2), 0, 2.0), [1.0, -1.0]),
    ("lvq2_ratio", "zero times an infinite slope", (np.array([3.0, 2.0, 5.0]), 0, 1.0), [0.5, -0.75, 0.0]),
    ("lvq2_ratio", "zero times an infinite slope", (np.array([2.5, 5.0, 2.0]), 0, 2.0), [0.25, 0.0, -0.3125]),
    ("lvq2_ratio", "zero times an infinite slope", (np.array([1.0, 2.0]), 0, 1.0), [0.0, 0.0]),
    ("lvq2_ratio", "zero times an infinite slope", (np.array([2.0, 2.0]), 0, 1.0), [0.0, 0.0]),
    ("lvq2_ratio", "zero times an infinite slope", (np.array([3.5, 2.0]), 0, 0.5), [0.0, 0.0]),
    ("lvq2_ratio", "zero times an infinite slope", (np.array([4.0, 2.0]), 0, 1.0), [0.0, 0.0]),
    ("lvq2_ratio", "zero times an infinite slope", (np.array([5.0, 2.0]), 0, 1.0), [0.0, 0.0]),
    ("lvq2_ratio", "zero times an infinite slope", (np.array([9.0, 2.0]), 0, 1.0), [0.0, 0.0]),
    ("lvq2_ratio", "zero times an infinite slope", (np.array([1.0, 2.0**-1060]), 0, 1.0), [0.0, np.nan]),
    ("hinge", "0 counted among the wrong energies", (E4, 0, 1.0), [1.0, 0.0, 0.0, 0.0]),
    ("hinge", "0 counted among the wrong energies", (np.zeros(3), 1, 1.0), [-1 / 3, 1.0, -1 / 3]),
    ("hinge", "0 counted among the wrong energies", (E4 - 4.0, 1, 0.25), [0.0, 0.0, 0.0, 0.0]),
    ("hinge", "0 counted among the wrong energies", (np.array([-1.0, -1.5]), 0, 0.25), [1.0, -1.0]),
    ("hinge", "0 counted among the wrong energies", (np.array([-1.0, 5.0]), 0, 1.0), [0.0, 0.0]),
    ("hinge", "every violation counted", (E4, 0, 3.0), [3.0, -1.0, -1.0, -1.0]),
    ("hinge", "every violation counted", (E4, 2, 0.25), [-1.0, -1.0, 2.0, 0.0]),
    ("hinge", "every violation counted", (np.array([0.0, 1.0]), 0, 1.0), [0.0, 0.0]),
    ("squared_hinge", "one half in front", (E4, 0, 1.0), [1.5, -1.5, 0.0, 0.0]),
    ("squared_hinge", "every violation squared", (E4, 0, 3.0), [13.0, -7.0, -4.0, -2.0]),
    ("squared_hinge", "every violation squared", (E4, 2, 0.25), [-2.5, -3.5, 6.0, 0.0]),
    ("squared_hinge", "not squared", (E4, 0, 1.0), [1.0, -1.0, 0.0, 0.0]),
    ("squared_hinge", "pull of the hinge", (E4, 0, 1.0), [2.0, -2.0, 0.0, 0.0]),
    ("nll", "not divided by beta", (np.zeros(2), 0, 2.0), [1.0, -1.0]),
    ("nll", "lowest energy left in the exponent", (np.array([0.0, np.log(3.0)]), 0, 1.0), [0.25, -0.25]),
    ("nll", "lowest energy left in the exponent", (np.array([800.0, 900.0]), 0, 1.0), [np.nan, np.nan]),
    ("log", "all wrong answers, softly", (np.zeros(4), 0, 2.0), [0.75, -0.25, -0.25, -0.25]),
    ("mee", "factor p_y lost", (np.zeros(2), 0, 2.0), [1.0, -1.0]),
    ("mee", "probability of being right, negated", (np.zeros(2), 0, 2.0), [0.5, -0.5]),
    ("mee", "beta forgotten", (np.zeros(2), 0, 2.0), [0.25, -0.25]),
    ("energy", "energy of the whole system", (E4, 0), [0.25] * 4),
    ("energy", "energy of the answer given", (E4, 0), [0.0, 1.0, 0.0, 0.0]),
    ("generalized_hinge", "divided by the number of answers", (E4, 0, COSTS), [0.75, -0.25, -0.25, -0.25]),
    ("mee", "energies taken for scores", (np.zeros(2), 0, 2.0), [-0.5, 0.5]),
    ("generalized_hinge", "averaged over the wrong answers", (E4, 0, COSTS), [1.0, -1 / 3, -1 / 3, -1 / 3]),
]


@OVERFLOWS
@pytest.mark.parametrize(
    "formula, name, inputs, gradient", GRADIENTS, ids=lambda x: x if isinstance(x, str) else ""
)
def test_gradient(formula, name, inputs, gradient):
    found = variant(formula, name).gradients["energies"](*inputs)
    assert np.allclose(found, gradient, rtol=1e-12, atol=0.0, equal_nan=True)


SLOPES = [
    ("transducer", "a label takes a moment", "log_probabilities", LATE, [[[-1.0, 0.0], [0.0, 0.0]], LAST]),
    ("transducer", "a label takes a moment", "log_probabilities", NO_TIME, [LAST]),
    ("potts", "disagreement counted", "couplings", (PAIR, FLAT, [0, 1]), [[0.0, -0.5], [-0.5, 0.0]]),
    ("ranking_nce", "datum not corrected", "energies", SELDOM, [0.25, -0.25]),
    ("ranking_nce", "datum not corrected", "log_noise", SELDOM, [-0.75, -0.25]),
    ("contrastive_divergence", "one divisor n + m", "data_energies", MORE_DATA, [0.25] * 3),
    ("contrastive_divergence", "one divisor n + m", "chain_energies", MORE_DATA, [-0.25]),
    ("ratio_matching", "both shares multiplied", "flip_differences", (ODDS[1:],), [-0.09375]),
    (
        "alignment",
        "diagonal steps and the first pair count twice",
        "distances",
        (np.diag([1.0, 2.0]) + 8.0 * PAIR,),
        2 * np.eye(2),
    ),
    (
        "chain_nll",
        "filtered, not smoothed",
        "unary",
        (FLAT, PAIR, np.array([0, 1])),
        [[0.5, -0.5], [-0.5, 0.5]],
    ),
    (
        "chain_nll",
        "marginals of two moments multiplied",
        "pairwise",
        (FLAT, PAIR, np.array([0, 1])),
        [[-0.25, 0.75], [-0.25, -0.25]],
    ),
    (
        "linear_structured",
        "repeated labels counted once",
        "weights",
        (FLAT, FLAT, np.eye(2), np.array([0, 0])),
        [[0.0, 1.0], [0.0, 0.0]],
    ),
    (
        "chain",
        "repeated transitions counted once",
        "pairwise",
        (THREE, TURN, np.array([0, 0, 0])),
        [[1.0, 0.0], [0.0, 0.0]],
    ),
    (
        "rbm_free_energy",
        "slope of the sigmoid for the sigmoid",
        "hidden_bias",
        (0 * ONE, TWO, NONE, ON),
        [-0.25],
    ),
]
SLOPES += [
    (
        "rbm_free_energy",
        "best hidden setting in the gradient alone",
        "hidden_bias",
        (ONE, TWO, NONE, ON),
        [-1.0],
    ),
    (
        "rbm_free_energy",
        "best hidden setting in the gradient alone",
        "weights",
        (ONE, TWO, -3.0 * ON, ON),
        [[0.0]],
    ),
]


@pytest.mark.parametrize(
    "formula, name, argument, inputs, slope", SLOPES, ids=lambda x: x if isinstance(x, str) else ""
)
def test_slope(formula, name, argument, inputs, slope):
    found = variant(formula, name).gradients[argument](*inputs)
    assert np.shape(found) == np.shape(slope) and np.allclose(found, slope, rtol=1e-12, atol=0.0)


def test_slopes_of_alignments_and_explanations():
    """Numbers of paths where probabilities are due; NaN where nothing is possible, and only there."""
    back = variant("soft_alignment", "backward pass without weights").gradients["distances"]
    assert back(np.zeros((2, 2)), 1.0).tolist() == [[3.0, 1.0], [1.0, 1.0]]
    slope = variant("free_energy", "slope of infinity less infinity").gradients["energies"]
    with np.errstate(invalid="ignore"):
        assert np.all(np.isnan(slope(np.full(2, np.inf), 1.0)))
        assert np.isnan(variant("free_energy", "infinity less infinity").value(np.full(2, np.inf), 1.0))
    assert slope(np.array([0.0, np.log(3.0), np.inf]), 1.0) == pytest.approx([0.75, 0.25, 0.0])
    shares = variant("replica_exchange", "the probability, not its logarithm").gradients
    at = (2.0, 1.0, 1.0, 3.5)  # log a = (2 - 1)(1 - 3.5)
    found = [shares[a](*at) for a in ("beta", "other_beta", "energy", "other_energy")]
    assert found == pytest.approx(np.exp(-2.5) * np.array([-2.5, 2.5, 1.0, -1.0]))


def test_every_variant_is_pinned():
    pinned = {(formula, name) for formula, name, *_ in VALUES + GRADIENTS}
    tables = {n for n, f in FORMULAS.items() if f.value.__module__.startswith("ebm_ref.losses")}
    known = {(n, v.name) for n in tables for v in FORMULAS[n].variants}
    assert known - pinned == {("most_offending_outside", "distance measured by its largest component")}


def answers(formula, variant, inputs):
    """What a variant gives as value and gradients, each of the right number of axes."""
    record = FORMULAS[formula]
    for output, function in {"value": variant.value, **variant.gradients}.items():
        if function is not None:
            axes = record.output + record.shapes.get(output, ())
            assert np.ndim(function(*inputs)) == len(axes), (variant.name, output)


@OVERFLOWS
@pytest.mark.parametrize("formula", [name for name, record in FORMULAS.items() if record.variants])
def test_every_variant_answers_on_every_ordinary_vector(formula):
    """One that raises on longer inputs would name nothing there; those of some forty places count, too."""
    ordinary = [v["inputs"] for v in golden.load(formula) if re.search("/(random|long)-", v["id"])]
    assert len(ordinary) >= 8
    for v in FORMULAS[formula].variants:
        for inputs in ordinary:
            # ctc refuses a blank in the target, and so does what takes it to be class 0
            if v.name != "blank taken to be class 0" or 0 not in inputs["target"]:
                answers(formula, v, inputs.values())
