r"""Identities of structured energies: the same model written in several ways.

    L(parts) = L(E)             E the table of the energies of all answers
    dL/du = sum_y (dL/dE_y) (dE_y/du)

Source: named with each.
"""

import numpy as np

from ebm_ref.catalogue import FORMULAS
from ebm_ref.energies import qubo
from ebm_ref.energies.graph_transformer import all_paths
from ebm_ref.exact.chain_enumeration import enumerate_labels
from ebm_ref.exact.dependency_trees import trees
from ebm_ref.laws import UNIT
from ebm_ref.learning.descent import chain_rule
from ebm_ref.numerics import logsumexp
from ebm_ref.proof.identities.measure import allowance, between, defect, equal, value


def one_table_is_an_energy_table(rng):
    """A factor graph of one variable on the diagonal of one table is that energy table: its energy loss."""
    E, y = rng.normal(scale=3.0, size=3), int(rng.integers(3))
    graph = {"tables": np.diag(E)[None], "scopes": np.array([[0, 0]]), "configuration": np.array([y])}
    return equal(("factor_graph", graph), ("energy", {"energies": E, "label": y}))


def chain_is_a_factor_graph(rng):
    """chain(u, P, y) is factor_graph of unary tables on the diagonal and of P between neighbours."""
    inputs = FORMULAS["chain"].sample(rng)
    u, P, y = inputs.values()
    t = len(u)
    graph = {
        "tables": np.array([*map(np.diag, u), *[P] * (t - 1)]),
        "scopes": np.array([*((i, i) for i in range(t)), *((i, i + 1) for i in range(t - 1))]),
        "configuration": y,
    }
    return equal(("chain", inputs), ("factor_graph", graph))


def potts_is_a_factor_graph(rng):
    """potts(J, h, y) is factor_graph of -h_i on the diagonal, and of -J_ij times the identity for i < j."""
    inputs = FORMULAS["potts"].sample(rng)
    J, h, y = inputs.values()
    n, q = h.shape
    pairs = [(i, j) for j in range(n) for i in range(j)]
    graph = {
        "tables": np.array([*map(np.diag, -h), *(-J[i, j] * np.eye(q) for i, j in pairs)]),
        "scopes": np.array([*((i, i) for i in range(n)), *pairs]),
        "configuration": y,
    }
    return equal(("potts", inputs), ("factor_graph", graph))


def chain_table(rng):
    """A random chain, the table of the energies of all its sequences, and those sequences."""
    u, P, y = FORMULAS["chain"].sample(rng).values()
    every = enumerate_labels(*u.shape)
    table = {"energies": np.array([FORMULAS["chain"].value(u, P, z) for z in every])}
    table["label"] = int(np.flatnonzero((every == y).all(axis=1))[0])
    return {"unary": u, "pairwise": P, "labels": y}, table, every


def gradients_through_the_table(chain, table, loss, every):
    """Largest difference of a chain loss's gradients and of the chain rule over all sequences, in 1e-10."""
    worst = 0.0
    names = FORMULAS[loss].shapes
    of_loss = FORMULAS[loss].gradients["energies"](**{a: x for a, x in table.items() if a in names})
    for a in ("unary", "pairwise"):
        of_energies = [FORMULAS["chain"].gradients[a](chain["unary"], chain["pairwise"], y) for y in every]
        inputs = {b: x for b, x in chain.items() if b in FORMULAS[f"chain_{loss}"].shapes}
        ours = FORMULAS[f"chain_{loss}"].gradients[a](**inputs)
        worst = max(worst, np.max(np.abs(ours - chain_rule(of_loss, np.array(of_energies)))) / 1e-10)
    return worst


def chain_loss_is_the_loss_of_the_table(loss, parameter=None, of_table=None, draw=lambda rng: None):
    """Identity maker: a chain's loss, found by a recursion, is the loss of the table of all sequences."""

    def identity(rng):
        chain, table, every = chain_table(rng)
        number = draw(rng)
        if parameter:
            chain[parameter] = number
            wrong = (every != chain["labels"]).sum(axis=1)
            table[of_table] = number * wrong if of_table == "costs" else number
        value = equal((f"chain_{loss}", chain), (loss, table))
        return max(value, gradients_through_the_table(chain, table, loss, every))

    identity.__doc__ = (
        f"chain_{loss} is {loss} of the table of all k^t sequences, gradients by the chain rule."
    )
    return identity


def tree_loss_is_the_loss_of_the_table(rng):
    """tree_nll is nll of the table of all n^(n-1) trees with one word on the root."""
    inputs = FORMULAS["tree_nll"].sample(rng)
    e, r, heads, beta = inputs.values()
    every, table = trees(len(heads)), np.vstack([r[None], e])
    E = table[every, np.arange(len(heads))].sum(axis=1)
    label = int(np.flatnonzero((every == heads).all(axis=1))[0])
    return equal(("tree_nll", inputs), ("nll", {"energies": E, "label": label, "beta": beta}))


def hidden_markov_is_a_chain(rng):
    """hidden_markov(a, A, B, o, y) = chain(u, -A, y), u[t, j] = -B[j, o_t], less a[j] at the first moment."""
    inputs = FORMULAS["hidden_markov"].sample(rng)
    a, A, B, o, y = inputs.values()
    u = -B[:, o].T
    u[0] -= a
    return equal(("hidden_markov", inputs), ("chain", {"unary": u, "pairwise": -A, "labels": y}))


def linear_structured_is_a_chain(rng):
    """linear_structured(W, T, X, y) = chain(X W', T, y)."""
    inputs = FORMULAS["linear_structured"].sample(rng)
    W, T, X, y = inputs.values()
    return equal(("linear_structured", inputs), ("chain", {"unary": X @ W.T, "pairwise": T, "labels": y}))


def linear_structured_learns_by_counting(loss):
    """Identity maker: on the same features, three losses; dL/dW = sum_t (dL/du[t])' x_t and dL/dT = dL/dP."""

    def identity(rng):
        W, T, X, y = FORMULAS["linear_structured"].sample(rng).values()
        f, table = FORMULAS["linear_structured"], FORMULAS[loss]
        every = enumerate_labels(len(X), len(W))
        label = int(np.flatnonzero((every == y).all(axis=1))[0])
        of_loss = table.gradients["energies"](np.array([f.value(W, T, X, z) for z in every]), label)
        through = lambda a: chain_rule(of_loss, np.array([f.gradients[a](W, T, X, z) for z in every]))
        of_chain = FORMULAS[f"chain_{loss}"].gradients
        by_weights = of_chain["unary"](X @ W.T, T, y).T @ X - through("weights")
        by_transitions = of_chain["pairwise"](X @ W.T, T, y) - through("transitions")
        return max(np.max(np.abs(by_weights)), np.max(np.abs(by_transitions))) / 1e-10

    identity.__doc__ = (
        f"{loss} of linear_structured: feature counts, weighted by the gradients of chain_{loss}."
    )
    return identity


def ising_in_bits(rng):
    """ising(J, h, s) = boltzmann(4J, 2(h - J1), x) + sum h - sum_{i<j} J_ij, with s = 2x - 1."""
    inputs = FORMULAS["ising"].sample(rng)
    W, b, constant = qubo.bits_from_spins(inputs["couplings"], inputs["fields"])
    bits = {"weights": W, "biases": b, "bits": (1 + inputs["spins"]) // 2}
    parts = ("ising", inputs), ("boltzmann", bits)
    return defect(value(*parts[0]), value(*parts[1]) + constant, *parts)


def bits_in_spins(rng):
    """boltzmann(W, b, x) = ising(W/4, b/2 + W1/4, s) - sum b/2 - sum W/8, with s = 2x - 1."""
    inputs = FORMULAS["boltzmann"].sample(rng)
    J, h, constant = qubo.spins_from_bits(inputs["weights"], inputs["biases"])
    spins = {"couplings": J, "fields": h, "spins": 2 * inputs["bits"] - 1}
    parts = ("boltzmann", inputs), ("ising", spins)
    return defect(value(*parts[0]), value(*parts[1]) + constant, *parts)


def bits_as_a_quadratic_form(rng):
    """boltzmann(W, b, x) = qubo(-W/2 - diag b, x): the bias of a bit is its square's coefficient."""
    inputs = FORMULAS["boltzmann"].sample(rng)
    return equal(
        ("boltzmann", inputs),
        ("qubo", inputs | {"matrix": qubo.qubo_from_bits(inputs["weights"], inputs["biases"])}),
    )


def two_colours_are_spins(rng):
    """potts of two colours with 2J is ising with J, lower by sum_{i<j} J_ij: [y = z] = (1 + st)/2."""
    inputs = FORMULAS["ising"].sample(rng)
    J, h, s = inputs.values()
    colours = {"couplings": 2.0 * J, "fields": np.stack([-h, h], axis=1), "labels": (1 + s) // 2}
    parts = ("ising", inputs), ("potts", colours)
    return defect(value(*parts[0]), value(*parts[1]) + 0.5 * np.sum(J), *parts)


def restricted_machine_is_a_machine(rng):
    """rbm is boltzmann of v and h side by side, with weights W between them and none within."""
    inputs = FORMULAS["rbm"].sample(rng)
    W, b, c, v, h = inputs.values()
    both = np.zeros((len(b) + len(c),) * 2)
    both[: len(b), len(b) :] = W
    machine = {"weights": both + both.T, "biases": np.append(b, c), "bits": np.append(v, h)}
    return equal(("rbm", inputs), ("boltzmann", machine))


def hidden_units_summed_out(name):
    """Identity maker: a free energy is -log sum_h e^{-E}, one term for each setting of the hidden units."""

    def identity(rng):
        inputs = FORMULAS[f"{name}_free_energy"].sample(rng)
        settings = np.indices((2,) * len(inputs["hidden_bias"])).reshape(len(inputs["hidden_bias"]), -1).T
        parts = [(name, inputs | {"hidden": h}) for h in settings]
        total = -logsumexp(np.array([-value(*part) for part in parts]))
        free = f"{name}_free_energy", inputs
        return defect(value(*free), total, free, *parts)

    identity.__doc__ = f"{name}_free_energy = -log sum_h e^{{-E}}, E the {name}, over all hidden settings h."
    return identity


def parabola_in_place_of_the_bias(rng):
    """gaussian_rbm_free_energy without a visible bias is rbm_free_energy without one, plus |v|^2/2."""
    inputs = FORMULAS["gaussian_rbm_free_energy"].sample(rng) | {"visible_bias": np.zeros(1)}
    parts = ("gaussian_rbm_free_energy", inputs), ("rbm_free_energy", inputs)
    return defect(value(*parts[0]), value(*parts[1]) + 0.5 * np.sum(inputs["visible"] ** 2), *parts)


def one_of_two_values_is_a_bit(rng):
    """potts_rbm_free_energy with values 0 and 1, of which 0 has no weights, is rbm_free_energy."""
    inputs = FORMULAS["rbm_free_energy"].sample(rng)
    W, b, c, v = inputs.values()
    softmax_units = {
        "weights": np.stack([0.0 * W, W], axis=1),
        "visible_bias": np.stack([0.0 * b, b], axis=1),
        "hidden_bias": c,
        "labels": v.astype(int),
    }
    return equal(("rbm_free_energy", inputs), ("potts_rbm_free_energy", softmax_units))


def cold_graphs_are_searched(rng):
    """graph_nll is within log(number of paths)/beta of graph_perceptron: the limit beta -> infinity."""
    inputs = FORMULAS["graph_perceptron"].sample(rng) | {"beta": float(rng.uniform(0.5, 50.0))}
    room = np.log(len(all_paths(inputs["arcs"]))) / inputs["beta"]
    low = value("graph_perceptron", inputs) - room
    return between(low, value("graph_nll", inputs), low + 2 * room, allowance(("graph_nll", inputs)))


def graph_without_skips_is_a_chain(rng):
    """A graph of k arcs between neighbours spells sequences: graph_nll is chain_nll without transitions."""
    u = rng.normal(scale=2.0, size=(3, 2))
    y, beta = rng.integers(2, size=3), float(rng.uniform(0.3, 3.0))
    arcs = np.array([[t, t + 1, j] for t in range(3) for j in range(2)])
    graph = {"energies": u.ravel(), "arcs": arcs, "answer": y, "beta": beta}
    chain = {"unary": u, "pairwise": np.zeros((2, 2)), "labels": y, "beta": beta}
    slopes = [
        FORMULAS[n].gradients[a](**x)
        for n, a, x in (("graph_nll", "energies", graph), ("chain_nll", "unary", chain))
    ]
    return max(
        equal(("graph_nll", graph), ("chain_nll", chain)), np.abs(slopes[0] - slopes[1].ravel()).max() / 1e-13
    )


def alignment_is_the_best_path_of_a_graph(rng):
    """alignment, at most log(number of paths)/beta above soft_alignment, is the best path of a graph."""
    d, beta = rng.uniform(0.0, 3.0, size=(2, 2)), float(rng.uniform(0.3, 3.0))
    hard, soft = value("alignment", {"distances": d}), value("soft_alignment", {"distances": d, "beta": beta})
    room = between(
        hard - np.log(3.0) / beta, soft, hard, allowance(("soft_alignment", {"distances": d, "beta": beta}))
    )
    # pairs 00, 01, 10, 11 become nodes, each step an arc that pays for the pair it enters; first arc pays 00
    arcs = np.array([[0, 1, 1], [1, 2, 1], [1, 3, 1], [1, 4, 1], [2, 4, 1], [3, 4, 1]])
    energies = np.array([d[0, 0], d[0, 1], d[1, 0], d[1, 1], d[1, 1], d[1, 1]])
    found = [
        value("graph_transformer", {"energies": energies, "arcs": arcs, "answer": [1] * n}) for n in (2, 3)
    ]
    return max(room, abs(min(found) - hard) / (16 * UNIT * np.abs(d).sum()))


# claim holder: the formulas it links
IDENTITIES = {
    cold_graphs_are_searched: ("graph_perceptron", "graph_nll"),
    graph_without_skips_is_a_chain: ("graph_nll", "chain_nll"),
    alignment_is_the_best_path_of_a_graph: ("alignment", "soft_alignment", "graph_transformer"),
    tree_loss_is_the_loss_of_the_table: ("tree_nll", "nll"),
    hidden_markov_is_a_chain: ("hidden_markov", "chain"),
    linear_structured_is_a_chain: ("linear_structured", "chain"),
    chain_loss_is_the_loss_of_the_table("nll", "beta", "beta", lambda rng: rng.uniform(0.3, 3.0)): (
        "chain_nll",
        "nll",
        "chain",
    ),
    chain_loss_is_the_loss_of_the_table("perceptron"): ("chain_perceptron", "perceptron", "chain"),
    chain_loss_is_the_loss_of_the_table("hinge", "margin", "margin", lambda rng: rng.uniform(0.2, 2.0)): (
        "chain_hinge",
        "hinge",
        "chain",
    ),
    chain_loss_is_the_loss_of_the_table(
        "margin_rescaled_hinge", "cost", "costs", lambda rng: rng.uniform(0.2, 2.0)
    ): ("chain_margin_rescaled_hinge", "margin_rescaled_hinge", "chain"),
    linear_structured_learns_by_counting("perceptron"): ("linear_structured", "chain_perceptron"),
    linear_structured_learns_by_counting("hinge"): ("linear_structured", "chain_hinge"),
    linear_structured_learns_by_counting("nll"): ("linear_structured", "chain_nll"),
    one_table_is_an_energy_table: ("factor_graph", "energy"),
    chain_is_a_factor_graph: ("chain", "factor_graph"),
    potts_is_a_factor_graph: ("potts", "factor_graph"),
    ising_in_bits: ("ising", "boltzmann"),
    bits_in_spins: ("boltzmann", "ising"),
    bits_as_a_quadratic_form: ("boltzmann", "qubo"),
    two_colours_are_spins: ("ising", "potts"),
    restricted_machine_is_a_machine: ("rbm", "boltzmann"),
    hidden_units_summed_out("rbm"): ("rbm_free_energy", "rbm"),
    hidden_units_summed_out("gaussian_rbm"): ("gaussian_rbm_free_energy", "gaussian_rbm"),
    parabola_in_place_of_the_bias: ("gaussian_rbm_free_energy", "rbm_free_energy"),
    one_of_two_values_is_a_bit: ("potts_rbm_free_energy", "rbm_free_energy"),
}
