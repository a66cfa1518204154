#!/usr/bin/env python3
"""Label sequences with a conditional random field, from features to Viterbi.

Claim   A chain of energies that knows which label follows which is right more
        often than the same features moment by moment: on held-out sequences of
        a hidden Markov model by more than 0.1 of all labels. And it is within
        0.01 of the best decoder there is, which knows the model (0.05 with
        --quick, which has a quarter of the sequences).
Source  Lafferty, McCallum and Pereira (2001); Rabiner (1989), Section II, for
        hidden Markov models; Liu and Nocedal (1989) for L-BFGS, which is
        SciPy's (extra `data`).
Data    Made here, by a hidden Markov model with known parameters: the packages
        of the extra `data` hold no labelled sequences. --data FILE reads
        yours: a moment a line, columns with blanks between them, the last of
        them the label, and an empty line between sequences. 823 sentences of
        CoNLL-2000 are such a file, cwapiti/dat/chtrain.txt in the source of
        libwapiti (pip download --no-deps --no-binary :all: libwapiti). There
        the chain is right in 0.106 +- 0.006 more of the labels. With --reach 1
        both know the words before and after, both are better, and a lead of
        0.004 +- 0.003 is left, which may be chance: the script says FAILS.
Pages   ebm_ref/exact/chain_nll.py, ebm_ref/exact/chain.py,
        ebm_ref/energies/chain.py, ebm_ref/kernels/chain.py
Time    12 s on one core, 3 s with --quick; 12 s for the sentences of CoNLL.

    u[t, j]   = -sum_f W[f, j]         over the features f that moment t has
    E(y)      = sum_t u[t, y_t] + sum_t P[y_t, y_{t+1}]
    L(W, P)   = mean over sequences of E(y) - F, plus decay / 2 (|W|^2 + |P|^2)
    dL/dW[f]  = -sum over the moments that have f of dL/du[t],     dL/dP

The classifier to compare with is the same with P = 0, a softmax each moment.
The hidden Markov model is itself such a chain: its features are the symbol and
whether a moment is the first, and its W and P are logarithms of probabilities.
So fitted energies can be as good as the truth, and cannot be better, but by
luck. Features are sparse: W has a row for each, and a moment has few of them.
The decay is 1/n for n sequences: a normal prior of deviation 1.

Viterbi finds the best sequence. If labels are counted, not sequences, the most
probable label of each moment is right more often.
"""

import re
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
from reproduction import conclude, figure, needed, options

from ebm_ref.exact.chain import marginals, viterbi
from ebm_ref.exact.chain_nll import chain_nll
from ebm_ref.kernels.chain import chain_nll_value_and_gradients

STATES, SYMBOLS = 5, 10
STAY, NEXT = 0.8, 0.15  # the state stays, goes on to the next, or jumps anywhere
WAYS = "moment by moment", "chain, Viterbi", "chain, label by label"


class Batch(NamedTuple):
    """Sequences end to end: what each moment has, its label, and how long each sequence is."""

    X: object  # (moments, f) sparse: 1 where a moment has a feature
    labels: np.ndarray  # (moments,)
    lengths: np.ndarray  # (b,)


def hidden_markov_model():
    """Probabilities of the first state, of the next state and of the symbol, given the state."""
    A = np.full((STATES, STATES), (1.0 - STAY - NEXT) / STATES)
    A += STAY * np.eye(STATES) + NEXT * np.roll(np.eye(STATES), 1, axis=1)
    distance = np.abs(np.arange(SYMBOLS) - 2.0 * np.arange(STATES)[:, None] - 0.5)
    B = np.exp(-0.7 * np.minimum(distance, SYMBOLS - distance))
    return np.arange(1.0, 1.0 + STATES) / np.sum(np.arange(1, 1 + STATES)), A, B / B.sum(axis=1)[:, None]


def pick(rng, p):
    """One index for each row of probabilities."""
    return np.sum(rng.random((len(p), 1)) > np.cumsum(p, axis=1)[:, :-1], axis=1)


def drawn_sequences(rng, count):
    """(features of each moment, label of each moment) of sequences of 5 to 30 moments."""
    first, A, B = hidden_markov_model()
    states = [pick(rng, np.tile(first, (count, 1)))]
    while len(states) < 30:
        states.append(pick(rng, A[states[-1]]))
    y = np.stack(states, axis=1)
    x = pick(rng, B[y.ravel()]).reshape(y.shape)
    features = [[[f"symbol {s}"] + ["first"] * (t == 0) for t, s in enumerate(row)] for row in x]
    lengths = rng.integers(5, 31, size=count)
    return [(f[:t], [str(j) for j in own[:t]]) for f, own, t in zip(features, y, lengths, strict=True)]


def truth(features):
    """W and P of the hidden Markov model, for features in this order."""
    first, A, B = hidden_markov_model()
    rows = {f"symbol {s}": np.log(B[:, s]) for s in range(SYMBOLS)} | {"first": np.log(first)}
    return np.array([rows[f] for f in features]), -np.log(A)


def read_sequences(file, reach):
    """The same of a file: the features of a moment are the columns of its line and of lines near it."""
    try:
        text = Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as problem:
        refuse(file, problem)
    sequences = [[line.split() for line in block.splitlines()] for block in re.split(r"\n\s*\n", text)]
    width = len(sequences[0][0]) if sequences[0] else 0
    if width < 2 or any(len(line) != width for lines in sequences for line in lines):
        refuse(file, "lines must have the same number of columns, at least two")
    if len(sequences) < 10:
        refuse(file, f"{len(sequences)} sequences, with empty lines between them: at least 10 are needed")
    return [(features_of(lines, reach), [line[-1] for line in lines]) for lines in sequences]


def features_of(lines, reach):
    """Of each moment: what stands in each column, in its own line and in those before and after."""
    edge = [["(none)"] * len(lines[0])] * reach
    rows = edge + lines + edge
    near = lambda t: [(d, c, v) for d in range(2 * reach + 1) for c, v in enumerate(rows[t + d][:-1])]
    return [
        ["any", *(f"line {d - reach}, column {c}: {v}" for d, c, v in near(t))] for t in range(len(lines))
    ]


def refuse(file, why):
    """The end, with status 2."""
    print(f"--data {file}: {why}", file=sys.stderr)
    raise SystemExit(2)


def indexed(names):
    """The different names, in order of appearance, and the place of each."""
    return {name: place for place, name in enumerate(dict.fromkeys(names))}


def batch_of(sequences, features, labels):
    """Sequences as a `Batch`; features that were never seen in training say nothing, nor do such labels."""
    from scipy.sparse import csr_array

    moments = [moment for moments, _ in sequences for moment in moments]
    known = [[features[f] for f in moment if f in features] for moment in moments]
    ends = np.cumsum([0, *map(len, known)])
    shape = len(moments), len(features)
    X = csr_array((np.ones(ends[-1]), np.concatenate(known).astype(int), ends), shape=shape)
    y = [labels.get(label, -1) for _, own in sequences for label in own]
    return Batch(X, np.array(y), np.array([len(own) for _, own in sequences]))


def padded(batch, values):
    """What belongs to moments, (moments, ...), as (b, t, ...), with 0 after the end of a sequence."""
    own = np.arange(np.max(batch.lengths)) < batch.lengths[:, None]
    table = np.zeros(own.shape + values.shape[1:], values.dtype)
    table[own] = values
    return table, own


def loss(W, P, batch, decay):
    """Mean negative log-likelihood of the sequences, and its gradients by W and P."""
    u, own = padded(batch, -(batch.X @ W))
    y, _ = padded(batch, batch.labels)
    L, by_u, by_P = chain_nll_value_and_gradients(u, P, y, batch.lengths)
    b = len(L)
    value = np.mean(L) + decay / 2.0 * (np.sum(W**2) + np.sum(P**2))
    return value, decay * W - batch.X.T @ by_u[own] / b, decay * P + np.sum(by_P, axis=0) / b


def fit(batch, k, decay, coupled=True):
    """W and P by L-BFGS; P stays 0 unless `coupled`."""
    from scipy.optimize import minimize

    f = batch.X.shape[1]
    split = lambda theta: (theta[: f * k].reshape(f, k), theta[f * k :].reshape(k, k))

    def objective(theta):
        value, by_W, by_P = loss(*split(theta), batch, decay)
        return value, np.concatenate([by_W.ravel(), coupled * by_P.ravel()])

    settings = {"maxiter": 2000, "maxfun": 4000, "gtol": 1e-5, "ftol": 1e-13}
    found = minimize(objective, np.zeros((f + k) * k), jac=True, method="L-BFGS-B", options=settings)
    return split(found.x)


def tables(W, batch):
    """The unary energies of each sequence, (t, k)."""
    return np.split(-(batch.X @ W), np.cumsum(batch.lengths)[:-1])


def best_sequences(W, P, batch):
    """(moments,) labels of the sequences of lowest energy."""
    return np.concatenate([viterbi(u, P)[1] for u in tables(W, batch)])


def best_labels(W, P, batch):
    """(moments,) the most probable label of each moment: nothing is right more often than the truth's."""
    return np.concatenate([np.argmax(marginals(u, P)[0], axis=1) for u in tables(W, batch)])


def accuracy(labels, batch):
    return np.mean(labels == batch.labels)


def lead(ours, theirs, batch):
    """How many more labels of all are right, and the standard error of that, over sequences."""
    more = (ours == batch.labels).astype(float) - (theirs == batch.labels)
    each = np.array([part.sum() for part in np.split(more, np.cumsum(batch.lengths)[:-1])])
    share = each - np.mean(more) * batch.lengths
    return np.mean(more), np.sqrt(np.sum(share**2)) / np.sum(batch.lengths)


def slope_error(rng, W, P, batch, decay):
    """How far the gradient is from a central difference along a random direction, relative to its norm."""
    V, Q, e = rng.normal(size=W.shape), rng.normal(size=P.shape), 1e-5
    rise = [loss(W + s * V, P + s * Q, batch, decay)[0] for s in (e, -e)]
    _, by_W, by_P = loss(W, P, batch, decay)
    error = (rise[0] - rise[1]) / (2.0 * e) - np.sum(by_W * V) - np.sum(by_P * Q)
    return abs(error) / np.sqrt(np.sum(by_W**2) + np.sum(by_P**2))


def page_error(W, P, batch, count=20):
    """The greatest relative difference of the kernel's losses from the page's."""
    lengths = batch.lengths[:count]
    few = Batch(batch.X[: np.sum(lengths)], batch.labels[: np.sum(lengths)], lengths)
    u, _ = padded(few, -(few.X @ W))
    kernel, _, _ = chain_nll_value_and_gradients(u, P, padded(few, few.labels)[0], lengths)
    sequences = np.split(few.labels, np.cumsum(lengths)[:-1])
    page = np.array([chain_nll(u, P, y) for u, y in zip(tables(W, few), sequences, strict=True)])
    return np.max(np.abs(kernel / page - 1.0))


def centred(P):
    """P less the means of its rows and columns: what no unary energy can say as well."""
    return P - P.mean(axis=0) - P.mean(axis=1)[:, None] + P.mean()


def draw(file, rows, best, P, names):
    """Accuracy by the number of training sequences, and what follows what."""
    axes, save = figure(file, ncols=2, figsize=(9.5, 4.2), width_ratios=(1.2, 1.0))
    counts, *found = zip(*rows, strict=True)
    for name, shares, marker in zip(WAYS, found, ("s--", "o-", "^-"), strict=True):
        axes[0].semilogx(counts, shares, marker, label=name)
    if best is not None:
        axes[0].axhline(best, color="k", lw=0.8, label="the best there is")
    axes[0].set(xlabel="training sequences", ylabel="labels right, held out")
    axes[0].set_xticks(counts, counts)
    axes[0].minorticks_off()
    axes[0].legend()
    limit = np.max(np.abs(P))
    image = axes[1].imshow(P, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto")
    axes[1].set_xticks(range(len(names)), names, rotation=90 if max(map(len, names)) > 2 else 0)
    axes[1].set_yticks(range(len(names)), names)
    axes[1].set(xlabel="is followed by", ylabel="label")
    axes[1].figure.colorbar(image, ax=axes[1], label="fitted energy P, centred")
    save()


def learn(training, held_out):
    """The chain and the classifier, fitted; the held-out batch, and what each way says of it."""
    features = indexed(f for moments, _ in training for moment in moments for f in moment)
    labels = indexed(sorted({label for _, own in training for label in own}))
    batch, test = batch_of(training, features, labels), batch_of(held_out, features, labels)
    alone, nothing = fit(batch, len(labels), 1.0 / len(training), coupled=False)
    W, P = fit(batch, len(labels), 1.0 / len(training))
    ways = best_sequences(alone, nothing, test), best_sequences(W, P, test), best_labels(W, P, test)
    return features, labels, batch, test, alone, (W, P), ways


def against_the_truth(features, model, test, ours, near):
    """The accuracy of the best decoder, which knows the model, and claims on the fitted chain beside it."""
    known = truth(features)
    best, its_viterbi = (accuracy(way(*known, test), test) for way in (best_labels, best_sequences))
    print(f"{'the known model':>18} {'':18} {its_viterbi:16.3f} {best:23.3f}")
    losses = [loss(*one, test, 0.0)[0] for one in (model, known)]
    print("\nmean held-out loss of a sequence: {:.3f}, of the known model {:.3f}".format(*losses))
    distance = np.sqrt(np.mean((centred(model[1]) - centred(known[1])) ** 2))
    return best, [
        (f"label by label, the best decoder is right in {best - ours[1]:.3f} more", ours[1] > best - near),
        (f"by Viterbi, the known model in {its_viterbi - ours[0]:.3f} more", ours[0] > its_viterbi - near),
        (f"energies of transitions are the known ones, to {distance:.2f} r.m.s.", distance < 0.3),
    ]


def main():
    chosen = options(
        __doc__,
        data={"metavar": "FILE", "help": "labelled sequences; without, made ones"},
        reach={"type": int, "choices": range(4), "default": 0, "help": "lines before and after, with --data"},
    )
    needed("scipy", "SciPy")
    rng = np.random.default_rng(chosen.seed)
    made = chosen.data is None
    sequences = (
        drawn_sequences(rng, 500 if chosen.quick else 2000)
        if made
        else read_sequences(chosen.data, chosen.reach)
    )
    sequences = [sequences[i] for i in rng.permutation(len(sequences))]
    held_out, training = sequences[: len(sequences) // 5], sequences[len(sequences) // 5 :]
    print(f"{len(training)} sequences to learn from, {len(held_out)} held out" + ", MADE: no --data" * made)
    print("\ntraining sequences {:>18} {:>16} {:>23}".format(*WAYS))
    rows = []
    for part in (16, 1) if chosen.quick else (64, 16, 4, 1):
        count = len(training) // part
        features, labels, batch, test, alone, (W, P), found = learn(training[:count], held_out)
        rows.append((count, *(accuracy(way, test) for way in found)))
        print("{:18d} {:18.3f} {:16.3f} {:23.3f}".format(*rows[-1]))

    best, claims = None, []
    if made:
        near = 0.05 if chosen.quick else 0.01
        best, claims = against_the_truth(features, (W, P), test, rows[-1][2:], near)
    more, error = lead(found[1], found[0], test)
    off, slope = page_error(W, P, batch), slope_error(rng, alone, 0.1 * P, batch, 1e-3)
    if chosen.figure:
        draw(chosen.figure, rows, best, centred(P), list(labels))
    conclude(
        (f"the kernel's losses are the page's, to {off:.0e}", off < 1e-12),
        (f"the gradient is the slope of the loss, to {slope:.0e}", slope < 1e-6),
        (
            f"Viterbi is right in {more:.3f} +- {error:.3f} more labels than moment by moment",
            more > max(3.0 * error, 0.1 if made else 0.0),
        ),
        *claims,
    )


if __name__ == "__main__":
    main()
