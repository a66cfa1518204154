r"""Graph losses: all paths through a graph, summed or searched, against those that spell the answer.

    discriminative Viterbi    L = min over paths that spell Y  -  min over all
    discriminative forward    L = F(paths that spell Y) - F(all)
                              F = -(1/beta) log sum over paths e^{-beta E}

    dL/de_a = P(path passes a | it spells Y) - P(path passes a)

The first is the perceptron loss of a graph transformer, where only the best paths count, so that P is 0 or
1; the second is its negative log-likelihood.  e_a is the energy of arc a.  Sums over paths go from node to
node, like those of a chain.

Where the answer Y is nearly certain, both F are nearly the same.  So the page sums the rest instead, the
paths that spell anything else; a grammar of what is not Y keeps them (`anything_but`).  Then

    L       = (1/beta) log(1 + Z_rest / Z_Y)
    dL/de_a = q (P(a | Y) - P(a | rest)),      q = P(rest)

and no digit cancels.  Of the energies only c = e_a + V(to) - V(from) enters the sums, which is what an arc
costs above the best way on; V is the lowest energy from a state to the end.  V is exact (levels.py), and so
energies of 1e17 may cancel along a path, and half a unit beside them still counts.

One difference is left, P(a | Y) - P(a | rest).  Where both are alike it keeps the absolute accuracy of the
two, and not its own: the page of the loss keeps 64 (u C + eta) on ordinary graphs, not 4.

Source: LeCun et al. (1998), Section VI, "Global Training for Graph Transformer Networks"; LeCun et al.
(2006), Section 7; NYU DLSP20, weeks 14-1 and 14-2, whose formulas lack 1/beta and a logarithm.
"""

import autograd.numpy as np

from ebm_ref.checks import real, require_positive, whole
from ebm_ref.energies.graph_transformer import (
    DIGIT_ENERGIES,
    DIGITS,
    NO_GRAPHS,
    SMALL,
    all_paths,
    along,
    best_path,
    cheapest_each_time,
    check_graph,
    clamped,
    compose,
    exactly,
    flow_is_conserved,
    free,
    levels_and_path,
    levels_do_not_matter,
    node_by_node,
    random_graph,
    spelled,
)
from ebm_ref.formula import Case, Convention, Formula, Mistake
from ebm_ref.laws import UNIT, homogeneous, non_negative
from ebm_ref.numerics import exact_sum, scaled_sum, sigmoid, softplus, weighted, with_slope


def graph_perceptron(energies, arcs: int, answer: int):
    """Perceptron loss of one graph: discriminative Viterbi training.

    Parameters
    ----------
    energies : (n,) float
        Energy of each arc; lower is better; +inf forbids.  A NaN gives a NaN loss.
    arcs : (n, 3) int
        From, to, label of each arc; from < to; paths lead from 0 to the largest node.
    answer : (u,) int
        The correct answer, as labels.

    Returns
    -------
    float
        >= 0; zero when no path lies below the best that spells the answer; +inf where none spells it.

    Raises ValueError if there is no arc, if one does not lead upwards, or if an energy is -inf.

    >>> arcs = np.array([[0, 1, 3], [1, 2, 4], [0, 2, 3]])
    >>> float(graph_perceptron(np.array([0.5, 0.25, 3.0]), arcs, [3]))  # 3 - 0.75
    2.25
    """
    e, arcs, answer = PERCEPTRON.checked(energies, arcs, answer)
    return against_best(e, clamped(arcs, answer), free(arcs))[0]


def graph_perceptron_gradient(energies, arcs: int, answer: int):
    """dL/de, shape (n,): +1 on the path that spells the answer, -1 on the one that is read; 0 where L is."""
    e, arcs, answer = PERCEPTRON.checked(energies, arcs, answer)
    loss, g = against_best(e, clamped(arcs, answer), free(arcs))
    return g if 0.0 < loss < np.inf else flat(e, loss)


def against_best(e, right, given):
    """The loss, and what the best path that spells the answer passes more than the one that is read."""
    read = best_path(e, given)
    if not along(e, read) < np.inf:
        return np.nan, None
    if right.end == 0:
        return np.inf, None
    more = passed_more(e, best_path(e, right), read)
    return np.maximum(0.0, exact_sum(weighted(more, e))), more


def passed_more(e, path, other):
    """(n,) 1 on one path, -1 on the other, 0 where both pass or neither."""
    on = lambda path: 1.0 * np.isin(np.arange(len(e)), path)
    return on(path) - on(other)


def flat(e, loss):
    """(n,) the gradient where the loss is 0 or infinite: 0; NaN where it is NaN."""
    return np.full(len(e), np.nan if np.isnan(loss) else 0.0)


def rules(energies, arcs, answer):
    """A graph; any answer may be asked for."""
    check_graph(energies, arcs)


def graph_nll_as_printed(energies, arcs: int, answer: int, beta=1.0):
    """F(paths that spell Y) - F(all), path by path; what is e^-40 beside Y is lost, and there are many paths.

    >>> float(graph_nll_as_printed([0.0, 40.0], [[0, 1, 1], [0, 1, 2]], [1]))  # it is e^-40
    0.0
    """
    e, arcs, answer, beta = NLL.checked(energies, arcs, answer, beta)
    paths = all_paths(arcs)
    F = lambda paths: -np.log(np.sum([np.exp(-beta * np.sum(e[path])) for path in paths])) / beta
    return F([path for path in paths if spelled(arcs, path) == [*answer]]) - F(paths)


def graph_nll(energies, arcs: int, answer: int, beta=1.0):
    """Negative log-likelihood of one graph, divided by beta: discriminative forward training.

    Parameters
    ----------
    energies : (n,) float
        Energy of each arc; lower is better; +inf forbids.  A NaN gives a NaN loss.
    arcs : (n, 3) int
        From, to, label of each arc; from < to; paths lead from 0 to the largest node.
    answer : (u,) int
        The correct answer, as labels; all paths that spell it count.
    beta : float
        Inverse temperature, > 0, in units of 1/energy.

    Returns
    -------
    float
        >= 0; 0 where nothing else can be read; +inf where no path spells the answer.

    Raises ValueError if there is no arc, if one does not lead upwards, if an energy is -inf, or if beta
    is not positive and finite.

    >>> arcs = np.array([[0, 1, 3], [1, 2, 4], [0, 2, 3]])
    >>> float(graph_nll(np.zeros(3), arcs, [3]).round(12))  # one of two paths
    0.69314718056
    """
    e, arcs, answer, beta = NLL.checked(energies, arcs, answer, beta)
    return against_rest(e, clamped(arcs, answer), anything_but(arcs, answer), beta)[0]


def graph_nll_gradient(energies, arcs: int, answer: int, beta=1.0):
    """dL/de, shape (n,): P(arc | path spells the answer) - P(arc); 0 where L is 0 or infinite."""
    e, arcs, answer, beta = NLL.checked(energies, arcs, answer, beta)
    right, rest = clamped(arcs, answer), anything_but(arcs, answer)
    loss, log_odds = against_rest(e, right, rest, beta)
    if log_odds is None or loss == 0.0:
        return flat(e, loss)
    P, Q = (passes(e, lattice, beta) for lattice in (right, rest))
    most = (P > 0.5) & (Q > 0.5)  # what both lack to 1 is what passes beside the arc
    difference = np.where(most, beside(arcs, Q) - beside(arcs, P), P - Q)
    return sigmoid(log_odds) * difference


def against_rest(e, right, rest, beta):
    """The loss, and log Z_rest - log Z_Y, from the arcs that the two best paths do not share."""
    paths = [best_path(e, lattice) for lattice in (right, rest)]
    own, other = (along(e, path) for path in paths)
    if not (own < np.inf and other < np.inf):
        return np.nan if np.isnan(own) or own == other else 0.0 if own < other else np.inf, None
    gap = exact_sum(weighted(passed_more(e, *paths), e))
    log_odds = beta * gap + (path_sums(e, rest, beta)[0] - path_sums(e, right, beta)[0])
    return softplus(log_odds) / beta, log_odds


def beside(arcs, p):
    """(n,) probability of the other arcs that cross from an arc's first node to the next one."""
    starts, ends = arcs[:, 0], arcs[:, 1]
    crosses = (starts[:, None] >= starts) & (starts[:, None] < ends) & ~np.eye(len(p), dtype=bool)
    return np.sum(crosses * p, axis=1)


def anything_but(arcs, answer):
    """The lattice of paths that spell anything but the answer: a state says how much has matched, or lost."""
    labels, u = sorted({int(arc[2]) for arc in arcs}), len(answer)
    lost = u + 1
    onwards = lambda s, label: s + 1 if s < u and label == answer[s] else lost
    grammar = [(s, onwards(s, label), label) for s in range(u + 2) for label in labels]
    return compose(arcs, grammar, {*range(u + 2)} - {u})


def path_sums(e, lattice, beta):
    """log sum e^{-beta (E - lowest)}, and the ways into each state as pairs (c, r)."""
    whole, units = exactly(e)
    V, best = levels_and_path(whole, lattice)
    costs = units.real([whole[i] + V[b] - V[a] for a, b, i in lattice.steps])
    costs = with_slope(costs, e[[i for _, _, i in lattice.steps]])
    sums, ways = {0: (with_slope(0.0, beta * along(e, best)), 0.0)}, {}
    for state in range(1, lattice.end + 1):
        into = [(a, i, cost) for (a, b, i), cost in zip(lattice.steps, costs, strict=True) if b == state]
        c = np.array([sums[a][0] - beta * cost for a, _, cost in into])
        ways[state] = into, c, np.array([sums[a][1] for a, _, _ in into])
        sums[state] = scaled_sum(*ways[state][1:])
    c, r = sums[lattice.end]
    return c + np.log1p(r), ways


def free_energy_of(e, lattice, beta):
    """F of what was checked; +inf where no path is possible, NaN where an energy is."""
    lowest = along(e, best_path(e, lattice))
    return lowest - path_sums(e, lattice, beta)[0] / beta if lowest < np.inf else lowest


def passes(e, lattice, beta):
    """(n,) dF/de of what was checked, and of which some path is possible."""
    ways = path_sums(e, lattice, beta)[1]
    p, at = np.zeros(len(e)), {state: 0.0 for state in range(lattice.end)} | {lattice.end: 1.0}
    for state in range(lattice.end, 0, -1):
        into, c, r = ways[state]
        all_c, all_r = scaled_sum(c, r)
        level = np.where(all_c == -np.inf, 0.0, all_c)  # every way into this state may be forbidden
        for (a, i, _), share in zip(into, (1.0 + r) * np.exp(c - level) / (1.0 + all_r), strict=True):
            at[a] += at[state] * share
            p[i] += at[state] * share
    return p


def free_energy(energies, arcs, lattice, beta=1.0):
    """-(1/beta) log sum e^{-beta E} over the paths of a lattice; +inf where there is none.

    >>> arcs = [(0, 1, 7), (0, 1, 8), (0, 1, 9)]
    >>> float(free_energy(np.zeros(3), arcs, free(arcs)).round(12))  # -log 3
    -1.098612288668
    """
    e, arcs, beta = checked_graph(energies, arcs, beta)
    return free_energy_of(e, lattice, beta)


def arc_marginals(energies, arcs, lattice, beta=1.0):
    """(n,) probability that the path passes each arc: dF/de; 0 where no path is possible.

    >>> arc_marginals(np.array([0.0, np.log(3.0)]), [(0, 1, 7), (0, 1, 8)], free([(0, 1, 7), (0, 1, 8)]))
    array([0.75, 0.25])
    """
    e, arcs, beta = checked_graph(energies, arcs, beta)
    F = free_energy_of(e, lattice, beta)
    return passes(e, lattice, beta) if F < np.inf else flat(e, F)


def checked_graph(energies, arcs, beta):
    """A graph at a temperature, as float64 and integers, if it is one."""
    e, beta = real("energies", energies, "n"), real("beta", beta)
    arcs = whole("arcs", arcs, len(e), "c")
    nll_rules(e, arcs, None, beta)
    return e, arcs, beta


def nll_rules(energies, arcs, answer, beta):
    """A graph, at a temperature."""
    check_graph(energies, arcs)
    require_positive("beta", beta)


def likelihood_over_answers(formula, inputs, rng):
    """sum over answers of e^{-beta L} is 1: L is minus the logarithm of a probability, over beta."""
    arcs = inputs["arcs"]
    answers = {tuple(spelled(arcs, path)) for path in all_paths(arcs)}
    points = [inputs | {"answer": np.array(answer)} for answer in sorted(answers)]
    total = sum(np.exp(-inputs["beta"] * formula.value(**point)) for point in points)
    sizes = 1.0 + inputs["beta"] * np.abs(inputs["energies"]).sum()
    return abs(total - 1.0) / (16 * UNIT * sizes)


THIRTY_FOUR = {"energies": DIGIT_ENERGIES, "arcs": DIGITS, "answer": np.array([3, 4])}
ONE_OR_TWO = [[0, 1, 1], [0, 1, 2]], [1]
THIRTY_FOUR_GRADIENT = [
    *(0.11588773965893565, -0.09729098564833563, -0.3638946638305883, -0.14794852965502199),
    *(-0.48761230327629954, -0.04282764421991079, -0.011965584927754447, -0.006631169082845573),
    *(0.6946783385051462, -0.16423839100893592),
]

PERCEPTRON = Formula(
    value=graph_perceptron,
    signature="(n),(n,c),(u)->()",
    source="lecun1998, Section VI; lecun2006, Section 7; NYU DLSP20, week 14-1",
    gradients={"energies": graph_perceptron_gradient},
    sample=lambda rng: random_graph(rng, graphs=(SMALL,)),
    laws=(non_negative, flow_is_conserved, levels_do_not_matter, homogeneous(1, energies=1)),
    cases={  # (energies, arcs, answer), L, dL/de, the mistake that it exposes
        "34 at 0.7, while 341 at 0.6 is read: what both pass feels nothing": Case(
            THIRTY_FOUR,
            0.6 - (0.4 + 0.1),
            [0.0, 0.0, -1.0, 0.0, -1.0, 0.0, 0.0, 0.0, 1.0, 0.0],
            "clamped phase alone",
        ),
        "341 is read": Case(THIRTY_FOUR | {"answer": np.array([3, 4, 1])}, 0.0, np.zeros(10)),
        "no path spells 3 alone": Case(THIRTY_FOUR | {"answer": np.array([3])}, np.inf, np.zeros(10)),
        "a tie: as low is low enough": Case((np.zeros(2), *ONE_OR_TWO), 0.0, np.zeros(2)),
        "not a number": Case(([0.0, np.nan], *ONE_OR_TWO), np.nan, np.full(2, np.nan)),
    },
    variants={
        "clamped phase alone": Mistake(
            lambda e, arcs, answer: np.sum(e[best_path(e, clamped(arcs, answer))]),
            {
                "energies": lambda e, arcs, answer: (
                    1.0 * np.isin(np.arange(len(e)), best_path(e, clamped(arcs, answer)))
                )
            },
            seen_in="the energy loss of a graph; NYU DLSP20, week 14-1, draws this phase first",
            symptom="collapse: every arc's energy sinks",
        ),
        "right answer left out of the search": Mistake(
            lambda e, arcs, Y: (
                along(e, best_path(e, clamped(arcs, Y))) - along(e, best_path(e, anything_but(arcs, Y)))
            ),
            symptom="a negative loss as soon as the right answer is read: it has no end",
        ),
        "cheapest arc each time": Mistake(
            lambda e, arcs, Y: along(e, best_path(e, clamped(arcs, Y))) - cheapest_each_time(e, arcs),
            symptom="no search for what is read: the loss may be negative",
        ),
    },
    rules=rules,
    refuses=NO_GRAPHS,
)

NLL = Formula(
    value=graph_nll,
    keeps=64.0,
    signature="(n),(n,c),(u),()->()",
    source="lecun1998, Section VI; lecun2006, Section 7; NYU DLSP20, week 14-2",
    gradients={"energies": graph_nll_gradient},
    sample=lambda rng: random_graph(rng) | {"beta": rng.uniform(0.3, 3.0)},
    laws=(
        non_negative,
        likelihood_over_answers,
        flow_is_conserved,
        levels_do_not_matter,
        homogeneous(1, energies=1, beta=-1),
    ),
    cases={  # (energies, arcs, answer, beta), L, dL/de, the mistake that it exposes
        "34 of sixteen paths": Case(
            THIRTY_FOUR | {"beta": 1.0}, 1.3054413860710197, THIRTY_FOUR_GRADIENT, "Viterbi for forward"
        ),
        "34, colder": Case(THIRTY_FOUR | {"beta": 10.0}, 0.13140182605286261, exposes="not divided by beta"),
        "two of three": Case(
            (np.zeros(3), [[0, 1, 1], [0, 1, 1], [0, 1, 2]], [1], 1.0),
            np.log(1.5),
            [1 / 6, 1 / 6, -1 / 3],
            "best path that spells the answer alone",
        ),
        "one of two": Case(([0.0, np.log(3.0)], *ONE_OR_TWO, 1.0), np.log(4.0 / 3.0), [0.25, -0.25]),
        "near certain: e^-40 is left": Case(
            ([0.0, 40.0], *ONE_OR_TWO, 1.0),
            4.248354255291589e-18,
            [4.248354255291589e-18, -4.248354255291589e-18],
        ),
        "nothing else can be read": Case(([3.0, 5.0], [[0, 1, 1], [1, 2, 2]], [1, 2], 1.0), 0.0, np.zeros(2)),
        "no path spells 3 alone": Case(
            THIRTY_FOUR | {"answer": np.array([3]), "beta": 1.0}, np.inf, np.zeros(10)
        ),
        "not a number": Case(([0.0, np.nan], *ONE_OR_TWO, 1.0), np.nan, np.full(2, np.nan)),
    },
    variants={
        "Viterbi for forward": Mistake(
            lambda e, arcs, answer, beta=1.0: graph_perceptron(e, arcs, answer),
            symptom="the limit beta -> infinity: other paths count for nothing",
        ),
        "best path that spells the answer alone": Mistake(
            lambda e, arcs, Y, b=1.0: graph_perceptron(e, arcs, Y) + path_sums(e, free(arcs), b)[0] / b,
            symptom="Viterbi above, forward below: too high where several paths spell the answer",
        ),
        "not divided by beta": Convention(
            lambda e, arcs, answer, beta=1.0: beta * graph_nll(e, arcs, answer, beta),
            {"energies": lambda e, arcs, answer, beta=1.0: beta * graph_nll_gradient(e, arcs, answer, beta)},
            seen_in="the probabilistic literature: -log p(Y), without a unit",
        ),
        "normalised node by node": Mistake(
            lambda e, arcs, Y, b=1.0: free_energy_of(e - node_by_node(e, arcs, b), clamped(arcs, Y), b),
            symptom="label bias: where one arc leaves a node, it costs nothing, whatever its energy",
        ),
    },
    as_printed=graph_nll_as_printed,
    rules=nll_rules,
    refuses=NO_GRAPHS
    | {
        "no temperature": (([0.0, 1.0], *ONE_OR_TWO, 0.0), "beta"),
        "a temperature of 0": (([0.0, 1.0], *ONE_OR_TWO, np.inf), "beta"),
    },
)
