r"""Graph transformer: answers are paths through a graph, and what they spell.

    E(path)   = sum of the energies e_a of its arcs a
    E(answer) = min of E(path) over the paths that spell the answer
    dE/de_a   = [the best such path passes a]

A string of digits can be cut into pieces in many ways.  Every way to cut it is a path through a graph, and a
recogniser puts one arc between two cuts for each class that it considers, with an energy: e(3) = 0.1 where
a 3 is likely.  A path says how to cut and what to read; the answer is what is read, and how it was cut is
latent.  To clamp an answer is to keep only the paths that spell it.

Clamping is a special case of composition: two graphs make one, whose paths are pairs of paths that spell
the same, one in each.  The graph of the answer 3 4 has a single path.  The graph of a dictionary, a trie,
has a path for each word; composed with it, a graph keeps the readings that are words.

    arcs      rows (from, to, label), from < to
    paths     lead from node 0 to the largest

Source: LeCun et al. (1998), "Gradient-Based Learning Applied to Document Recognition", Section V-VIII;
LeCun et al. (2006), Section 7; NYU DLSP20, week 14.
"""

from typing import NamedTuple

import autograd.numpy as np

from ebm_ref.checks import require, whole
from ebm_ref.exact.levels import units_of
from ebm_ref.formula import Case, Formula, Mistake
from ebm_ref.laws import UNIT, condition, homogeneous
from ebm_ref.numerics import exact_sum, logsumexp, value_of


class Lattice(NamedTuple):
    """Paths through a graph in company of a grammar: steps between states, which are numbered in order."""

    steps: list  # (from, to, arc) for each pair of an arc and a grammar arc of its label
    end: int  # the last state, 0 if no path reaches it


def graph_transformer(energies, arcs: int, answer: int):
    """Energy of one answer: that of the best path which spells it.

    Parameters
    ----------
    energies : (n,) float
        Energy of each arc; lower is better; +inf forbids.  A NaN gives a NaN.
    arcs : (n, 3) int
        From, to, label of each arc; from < to; paths lead from 0 to the largest node.
    answer : (u,) int
        The labels to be spelled.

    Returns
    -------
    float
        +inf where no path spells the answer.

    Raises ValueError if there is no arc, if one does not lead upwards, or if an energy is -inf.

    >>> arcs = np.array([[0, 1, 3], [1, 2, 4], [0, 2, 3]])
    >>> float(graph_transformer(np.array([0.5, 0.25, 3.0]), arcs, [3, 4]))
    0.75
    """
    e, arcs, answer = FORMULA.checked(energies, arcs, answer)
    return along(e, best_path(e, clamped(arcs, answer)))


def graph_transformer_gradient(energies, arcs: int, answer: int):
    """dE/de, shape (n,): 1 on the best path that spells the answer; 0 where there is none."""
    e, arcs, answer = FORMULA.checked(energies, arcs, answer)
    path = best_path(e, clamped(arcs, answer))
    energy = along(e, path)
    g = np.full(len(e), np.nan if np.isnan(energy) else 0.0)
    if energy < np.inf:
        g[path] = 1.0
    return g


def along(e, path):
    """The sum of e along a path, +inf where there is none; NaN where any energy is."""
    if np.any(np.isnan(e)):
        return np.nan
    return np.inf if path is None else exact_sum(e[np.array(path)])


def best_path(energies, lattice):
    """Arcs of the path of lowest energy, None where there is none; ties go to the first in a dictionary.

    Energies are added up without rounding (exact/levels.py), and one that is NaN is as if forbidden.
    """
    return levels_and_path(exactly(energies)[0], lattice)[1]


def exactly(e):
    """Energies of arcs as whole multiples of a unit, and the units; NaN is as if forbidden."""
    e = value_of(e)
    units = units_of(np.where(np.isnan(e), 0.0, e), count=2 * len(e))
    return units.whole(np.where(np.isnan(e), np.inf, e)), units


def levels_and_path(e, lattice):
    """{state: the lowest energy from here to the end}, and the arcs of the best path, None without one."""
    to_go, onwards = {lattice.end: 0}, {}
    for a, b, i in sorted(lattice.steps, key=lambda step: (-step[0], step[2])):
        through = e[i] + to_go[b]
        if a not in to_go or through < to_go[a]:
            to_go[a], onwards[a] = through, (b, i)
    if lattice.end == 0:
        return to_go, None
    node, path = 0, []
    while node != lattice.end:
        node, i = onwards[node]
        path.append(i)
    return to_go, path


def all_paths(arcs):
    """Every path from node 0 to the largest, as a list of arc indices, in the order of a dictionary.

    >>> all_paths(np.array([[0, 1, 7], [1, 2, 8], [0, 2, 9]]))
    [[0, 1], [2]]
    """
    end = max(arc[1] for arc in arcs)

    def onwards(node):
        if node == end:
            return [[]]
        leaving = [i for i, arc in enumerate(arcs) if arc[0] == node]
        return [[i, *rest] for i in leaving for rest in onwards(arcs[i][1])]

    return onwards(0)


def spelled(arcs, path):
    """Labels along a path.

    >>> spelled(np.array([[0, 1, 7], [1, 2, 8], [0, 2, 9]]), [0, 1])
    [7, 8]
    """
    return [int(arcs[i][2]) for i in path]


def compose(arcs, grammar, accepting):
    """The lattice of pairs of paths that spell the same, one in each graph.

    `grammar` has rows (from, to, label), begins at 0, may have loops, and ends at any `accepting` node.

    >>> compose([(0, 1, 7), (0, 1, 8)], [(0, 1, 8)], accepting={1})
    Lattice(steps=[(0, 1, 1)], end=1)
    """
    last = max(arc[1] for arc in arcs)
    found, steps = {(0, 0)}, []
    for node in range(last):  # a state is a node of each graph
        for i, (start, to, label) in enumerate(arcs):
            if start == node:
                here = [(s, t) for s, t, other in grammar if other == label and (start, s) in found]
                steps += [((start, s), (to, t), i) for s, t in here]
                found |= {(to, t) for _, t in here}
    useful = {(last, q) for q in accepting} & found
    for a, b, _ in reversed(steps):
        useful |= {a} if b in useful else set()
    number = {state: n for n, state in enumerate(sorted(s for s in useful if s[0] < last))}
    number |= {(last, q): len(number) for q in accepting}
    kept = [(number[a], number[b], i) for a, b, i in steps if a in useful and b in useful]
    return Lattice(kept, number.get((last, min(accepting)), 0) if kept else 0)


def clamped(arcs, answer):
    """The lattice of the paths that spell an answer."""
    answer = whole("answer", answer, "u")
    return compose(arcs, [(s, s + 1, label) for s, label in enumerate(answer)], {len(answer)})


def free(arcs):
    """The lattice of all paths."""
    return compose(arcs, [(0, 0, label) for label in {arc[2] for arc in arcs}], {0})


def rules(energies, arcs, answer):
    """A graph; any answer may be asked for."""
    check_graph(energies, arcs)


def check_graph(energies, arcs):
    """Raise unless there is an arc, none has the energy -inf, and all lead upwards from a node >= 0."""
    require(len(energies) > 0, "energies", energies, "must be (n,), one for each arc; not empty")
    require(not np.any(energies == -np.inf), "energies", energies, "must not be -inf; +inf forbids")
    require(arcs.shape[1] == 3, "arcs", arcs, f"must be ({len(energies)}, 3) integers: from, to, label")
    upwards = np.all((arcs[:, 0] >= 0) & (arcs[:, 0] < arcs[:, 1]))
    require(upwards, "arcs", arcs, "must lead upwards, from a node >= 0 to a larger one")


# the recognition graph of a picture of "34" or "341", as the lecture draws it: 16 paths
DIGITS = np.array(
    [
        [0, 1, 3],
        [0, 1, 5],
        [1, 2, 4],
        [1, 2, 2],
        [2, 3, 1],
        [2, 3, 4],
        [0, 2, 3],
        [0, 2, 4],
        [1, 3, 4],
        [1, 3, 9],
    ]
)
DIGIT_ENERGIES = np.array([0.1, 2.3, 0.4, 1.3, 0.1, 2.4, 3.4, 4.4, 0.6, 1.2])
SMALL = np.array([[0, 1, 1], [0, 1, 2], [1, 2, 1], [1, 2, 2], [0, 2, 1], [0, 2, 2]])


def random_graph(rng, graphs=(SMALL, DIGITS)):
    """One of some graphs, arcs of any energy, and an answer that some path spells."""
    arcs = graphs[rng.integers(len(graphs))]
    paths = all_paths(arcs)
    answer = spelled(arcs, paths[rng.integers(len(paths))])
    return {"energies": rng.normal(scale=2.0, size=len(arcs)), "arcs": arcs, "answer": np.array(answer)}


def as_low_as_any_path(formula, inputs, rng):
    """No path that spells the answer has a lower energy, and one has this."""
    e, arcs, answer = inputs.values()
    sums = [e[path].sum() for path in all_paths(arcs) if spelled(arcs, path) == [*answer]]
    return abs(formula.value(**inputs) - min(sums)) / (2.0**-49 * np.abs(e).sum())


def flow_is_conserved(formula, inputs, rng):
    """Between any two neighbouring nodes the gradient of the arcs that cross adds up to 0."""
    g, arcs = formula.gradients["energies"](**inputs), inputs["arcs"]
    cuts = [g[(arcs[:, 0] <= s) & (arcs[:, 1] > s)] for s in range(arcs[:, 1].max())]
    return max(abs(cut.sum()) / (64 * UNIT) for cut in cuts)


def levels_do_not_matter(formula, inputs, rng):
    """Nodes may be raised: a_to - a_from added to every arc changes nothing, if both ends stay."""
    arcs = inputs["arcs"]
    a = np.concatenate([[0.0], rng.normal(scale=4.0, size=arcs[:, 1].max() - 1), [0.0]])
    moved = inputs | {"energies": inputs["energies"] + a[arcs[:, 1]] - a[arcs[:, 0]]}
    error = abs(formula.value(**moved) - formula.value(**inputs))
    sizes = condition(formula, inputs) + condition(formula, moved) + np.abs(a).sum()
    return error / (16 * UNIT * sizes)


def node_by_node(e, arcs, beta):
    """(n,) the free energy of the arcs that leave the same node."""
    return np.array([-logsumexp(-beta * e[arcs[:, 0] == a]) / beta for a in arcs[:, 0]])


def cheapest_each_time(e, arcs, answer=None):
    """The energy of the path of the cheapest arc each time, with an answer's next label if there is one."""
    node, energy, read, end = 0, 0.0, 0, max(arc[1] for arc in arcs)
    while node != end if answer is None else read < len(answer):
        fits = lambda arc: arc[0] == node and (answer is None or arc[2] == answer[read])  # noqa: B023
        ahead = [i for i, arc in enumerate(arcs) if fits(arc)]
        if not ahead:
            return np.inf
        i = min(ahead, key=lambda i: e[i])
        node, energy, read = arcs[i][1], energy + e[i], read + 1
    return energy if node == end else np.inf


def wherever_it_ends(e, arcs, answer):
    """The lowest energy of what spells the answer from node 0 on, to any node."""
    reached = {0: 0.0}
    for label in answer:
        ways = [
            (arc[1], reached[arc[0]] + e[i])
            for i, arc in enumerate(arcs)
            if arc[2] == label and arc[0] in reached
        ]
        reached = {node: min(energy for to, energy in ways if to == node) for node, _ in ways}
    return min(reached.values(), default=np.inf)


def all_together(e, lattice):
    """-log sum over the paths of a lattice of e^-E."""
    F = np.array([0.0] + [np.inf] * lattice.end)
    for a, b, i in sorted(lattice.steps, key=lambda step: step[1]):
        F[b] = -np.logaddexp(-F[b], -F[a] - e[i])
    return F[-1] if lattice.end else np.inf


THIRTY_FOUR = {"energies": DIGIT_ENERGIES, "arcs": DIGITS, "answer": np.array([3, 4])}
ON = lambda *indices: 1.0 * np.isin(np.arange(10), indices)

NO_GRAPHS = {  # (energies, arcs, answer), the argument to blame; parameters keep their defaults
    "no arc": (([], np.zeros((0, 3), int), [5]), "energies"),
    "an energy of -inf": (([-np.inf], [[0, 1, 5]], [5]), "energies"),
    "an arc without a label": (([0.0], [[0, 1]], [5]), "arcs"),
    "fewer arcs than energies": (([0.0, 0.0], [[0, 1, 5]], [5]), "arcs"),
    "arcs that are no integers": (([0.0], [[0.0, 1.0, 5.0]], [5]), "arcs"),
    "an arc that leads nowhere": (([0.0], [[1, 1, 5]], [5]), "arcs"),
    "an arc from a node below 0": (([0.0], [[-1, 1, 5]], [5]), "arcs"),
    "an answer that is no integer": (([0.0], [[0, 1, 5]], [5.0]), "answer"),
}

FORMULA = Formula(
    value=graph_transformer,
    signature="(n),(n,c),(u)->()",
    source="lecun1998, Section VI; lecun2006, Section 7; NYU DLSP20, week 14",
    gradients={"energies": graph_transformer_gradient},
    sample=random_graph,
    laws=(as_low_as_any_path, homogeneous(1, energies=1)),
    cases={  # (energies, arcs, answer), E, dE/de, the mistake that it exposes
        "34 in two ways: 0.1 + 0.6, or 3.4 + 2.4": Case(
            THIRTY_FOUR, 0.7, ON(0, 8), "the best path, whatever it spells"
        ),
        "341 in one way": Case(THIRTY_FOUR | {"answer": np.array([3, 4, 1])}, 0.1 + 0.4 + 0.1, ON(0, 2, 4)),
        "44: the wide 4 first": Case(THIRTY_FOUR | {"answer": np.array([4, 4])}, 4.4 + 2.4, ON(7, 5)),
        "no path spells 3 alone": Case(THIRTY_FOUR | {"answer": np.array([3])}, np.inf, np.zeros(10)),
        "a tie: the first in a dictionary of arcs": Case(
            ([1.0, 1.0], [[0, 1, 5], [0, 1, 5]], [5]), 1.0, [1.0, 0.0]
        ),
        "not a number": Case(([np.nan, 1.0], [[0, 1, 5], [0, 1, 6]], [6]), np.nan, np.full(2, np.nan)),
    },
    variants={
        "the best path, whatever it spells": Mistake(
            lambda e, arcs, answer: np.sum(e[best_path(e, free(arcs))]),
            symptom="the answer is not clamped: no loss of it has a gradient",
        ),
        "cheapest arc each time": Mistake(
            cheapest_each_time,
            symptom="no search: another way to cut may be cheaper on the whole, or the only one that ends",
        ),
        "ends anywhere": Mistake(
            wherever_it_ends, symptom="what begins with the answer is taken for the answer"
        ),
        "all paths that spell it, softly": Mistake(
            lambda e, arcs, answer: all_together(e, clamped(arcs, answer)),
            symptom="the free energy at beta = 1: lower, the more ways there are to cut",
        ),
    },
    rules=rules,
    refuses=NO_GRAPHS,
)
