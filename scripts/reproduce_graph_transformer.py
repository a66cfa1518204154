#!/usr/bin/env python3
"""Reading "34" by a graph: which arcs learning pulls up, and what a lexicon does.

Claim   A graph of 10 arcs and 16 paths reads "341" with energy 0.6. Two paths
        spell "34", with 0.7 and 5.8. So the perceptron loss of "34" is 0.1; it
        pushes one arc down and pulls two up, and leaves the others alone. With
        all paths counted the loss is 1.3054, all arcs move, and it is to the
        first as warm is to cold. Composed with a lexicon of seven words, a
        graph of eight readings keeps "cut" 2.0, "cap" 0.8 and "cat" 1.4.
Source  NYU DLSP20, week 14-1 (the graph of "34") and 14-2 (the lexicon); LeCun
        et al. (1998), Section VI.
Time    1 s on one core.

Every number is obtained twice: by dynamic programming over the graph, and by
listing the paths. The gradient is checked against the slope of the loss.
"""

import numpy as np
from reproduction import conclude, figure, near, options, within

from ebm_ref.energies.graph_transformer import (
    DIGIT_ENERGIES,
    DIGITS,
    all_paths,
    best_path,
    compose,
    free,
    graph_transformer,
    graph_transformer_gradient,
    spelled,
)
from ebm_ref.exact.graph import (
    free_energy,
    graph_nll,
    graph_nll_gradient,
    graph_perceptron,
    graph_perceptron_gradient,
)
from ebm_ref.inference.uses import density

ANSWER = np.array([3, 4])
# the lecture's figure has the first; the rest is computed from its energies, to six digits
PERCEPTRON = np.array([0, 0, -1, 0, -1, 0, 0, 0, 1, 0])
FORWARD = np.array(
    [
        0.115888,
        -0.097291,
        -0.363895,
        -0.147949,
        -0.487612,
        -0.042828,
        -0.011966,
        -0.006631,
        0.694678,
        -0.164238,
    ]
)
LETTERS = [("c", 0.4), ("o", 1.0), ("d", 1.8), ("x", 0.1), ("a", 0.2), ("u", 0.8), ("p", 0.2), ("t", 0.8)]
PLACES = (0, 0, 0, 1, 1, 1, 2, 2)
LEXICON = ("barn", "but", "cute", "cure", "cap", "cat", "card")


def path_energies(arcs, energies):
    """{what is spelled: the energies of its paths}, by listing them."""
    found = {}
    for path in all_paths(arcs):
        found.setdefault(tuple(spelled(arcs, path)), []).append(float(np.sum(energies[path])))
    return found


def free_energy_of(values, beta):
    """-(1/beta) log sum exp(-beta E) of a short list."""
    return -np.log(np.sum(np.exp(-beta * np.array(values)))) / beta


def slopes(loss, energies, h=1e-6):
    """Central differences of a loss by each arc."""
    moves = h * np.eye(len(energies))
    return np.array([(loss(energies + m) - loss(energies - m)) / (2.0 * h) for m in moves])


def trie(words):
    """The graph of all beginnings of the words, a node each, and all nodes accepting."""
    nodes = sorted({word[:n] for word in words for n in range(len(word) + 1)}, key=lambda s: (len(s), s))
    return [(nodes.index(n[:-1]), nodes.index(n), ord(n[-1])) for n in nodes if n], set(range(len(nodes)))


def readings():
    """Arcs and energies of the word graph, and {word: energy} of its paths that the lexicon knows."""
    arcs = np.array(
        [(place, place + 1, ord(letter)) for place, (letter, _) in zip(PLACES, LETTERS, strict=True)]
    )
    energies = np.array([e for _, e in LETTERS])
    beginnings = {word[:n] for word in LEXICON for n in range(len(word) + 1)}
    every = {"".join(map(chr, word)): min(e) for word, e in path_energies(arcs, energies).items()}
    return arcs, energies, {word: e for word, e in every.items() if word in beginnings}


def draw(file, forward):
    """The graph, arcs coloured by the gradient of the perceptron loss and of the NLL."""
    axes, save = figure(file, nrows=2, figsize=(9.0, 7.0))
    titles = (
        'perceptron loss of "34": three arcs move, one down in energy and two up',
        'NLL of "34": every arc moves, for every path counts',
    )
    bend = {
        (0, 1): (0.18, -0.18),
        (1, 2): (0.18, -0.18),
        (2, 3): (0.18, -0.18),
        (0, 2): (0.8, 1.2),
        (1, 3): (-0.8, -1.2),
    }
    for axis, gradient, title in zip(axes, (PERCEPTRON, forward), titles, strict=True):
        seen = {}
        for (a, b, label), energy, g in zip(DIGITS, DIGIT_ENERGIES, gradient, strict=True):
            height = bend[a, b][seen.setdefault((a, b), 0)]
            seen[a, b] += 1
            t = np.linspace(0.0, 1.0, 40)
            color = "0.6" if abs(g) < 5e-3 else "#0072B2" if g > 0.0 else "#D55E00"
            y = 4.0 * height * t * (1.0 - t)
            axis.plot(a + t * (b - a), y, color=color, lw=1.0 + 4.0 * abs(g), ls="--" if g < -5e-3 else "-")
            place = 0.5 if b - a == 1 else 0.42
            axis.text(
                a + place * (b - a),
                4.0 * height * place * (1 - place),
                f"'{label}' {energy:.1f}: {g:+.2f}",
                fontsize=8,
                ha="center",
                va="center",
                bbox={"color": "white", "pad": 1.0},
            )
        axis.plot(range(4), np.zeros(4), "o", ms=12, color="black", ls="none")
        axis.set(title=title, xlabel="node: a place to cut", xticks=range(4), yticks=[], ylim=(-1.4, 1.4))
        axis.spines["left"].set_visible(False)
    axes[0].text(
        0.0, -1.35, "'class' energy: dL/dE\nblue: pushed down; orange, dashed: pulled up", fontsize=9
    )
    save()


def thirty_four():
    """The claims about "34"."""
    e, paths = DIGIT_ENERGIES, path_energies(DIGITS, DIGIT_ENERGIES)
    everything = [E for group in paths.values() for E in group]
    right = sorted(paths[3, 4])
    print(f"{len(everything)} paths; those that spell 34: {right[0]:.1f} and {right[1]:.1f}")
    print(f"the best of all: {min(everything):.1f}\n")
    loss, step = graph_perceptron(e, DIGITS, ANSWER), graph_perceptron_gradient(e, DIGITS, ANSWER)
    nll, forward = graph_nll(e, DIGITS, ANSWER), graph_nll_gradient(e, DIGITS, ANSWER)
    listed = free_energy_of(right, 1.0) - free_energy_of(everything, 1.0)
    print("arc              " + " ".join(f"{a}-{b} {label}" for a, b, label in DIGITS))
    print("perceptron loss  " + " ".join(f"{g:+5.0f}" for g in step))
    print("NLL              " + " ".join(f"{g:+5.2f}" for g in forward))
    slope = slopes(lambda e: graph_nll(e, DIGITS, ANSWER), e)
    p = lambda word: np.exp(-free_energy_of(paths[word], 1.0) + free_energy_of(everything, 1.0))
    print(
        f'\np("341") = {p((3, 4, 1)):.5f}, p("34") = {p((3, 4)):.5f}; at beta 10 the NLL is '
        f"{graph_nll(e, DIGITS, ANSWER, 10.0):.6f}\n"
    )
    return forward, [
        near("paths", len(everything), 16),
        ("the best spells 341", spelled(DIGITS, best_path(e, free(DIGITS))) == [3, 4, 1]),
        near("energy of 34", graph_transformer(e, DIGITS, ANSWER), 0.7, 1e-12),
        near("perceptron loss", loss, 0.1, 1e-12),
        ("its gradient: one arc +1, two -1, no other", np.array_equal(step, PERCEPTRON)),
        (
            "of the clamped graph alone: arc 3 (0.1) has 1",
            graph_transformer_gradient(e, DIGITS, ANSWER)[0] == 1.0,
        ),
        near("NLL", nll, 1.30544139, 5e-9),
        within("NLL by listing paths: off by", abs(nll - listed), high=1e-14),
        within("its gradient, six digits: off by", np.max(np.abs(forward - FORWARD)), high=5e-7),
        within("and from the slope of the loss by", np.max(np.abs(forward - slope)), high=1e-8),
        within(
            "cold, at beta 100: from the perceptron loss by",
            abs(graph_nll(e, DIGITS, ANSWER, 100.0) - loss),
            high=1e-3,
        ),
    ]


def lexicon():
    """The claims about the lexicon."""
    arcs, energies, words = readings()
    lattice = compose(arcs, *trie(LEXICON))
    best = "".join(map(chr, spelled(arcs, best_path(energies, lattice))))
    F = float(free_energy(energies, arcs, lattice))
    posterior = dict(zip(words, density([*words.values()]), strict=True))
    print(
        "words of the lexicon: " + ", ".join(f"{w} {E:.1f}, p {posterior[w]:.4f}" for w, E in words.items())
    )
    print(f'best {best}, F = {F:.8f}; without the lexicon it reads "{unaided(arcs, energies)}"')
    right = {"cut": (2.0, 0.1628), "cap": (0.8, 0.5405), "cat": (1.4, 0.2967)}
    return [
        (
            "the lexicon leaves cut 2.0, cap 0.8, cat 1.4",
            set(words) == set(right) and all(abs(words[w] - E) < 1e-12 for w, (E, _) in right.items()),
        ),
        ("and reads cap", best == "cap"),
        near("free energy of the three", F, 0.1848112, 5e-9),
        within("by listing them: off by", abs(F - free_energy_of([*words.values()], 1.0)), high=1e-14),
        ("posterior .1628, .5405, .2967", all(abs(posterior[w] - p) < 5e-5 for w, (_, p) in right.items())),
    ]


def unaided(arcs, energies):
    """What is read without the lexicon."""
    return "".join(map(chr, spelled(arcs, best_path(energies, free(arcs)))))


def main():
    chosen = options(__doc__)
    forward, claims = thirty_four()
    claims += lexicon()
    if chosen.figure:
        draw(chosen.figure, forward)
    conclude(*claims)


if __name__ == "__main__":
    main()
