#!/usr/bin/env python3
"""Train a network batch by batch with the kernels, and beside it with PyTorch.

Claim   The loop of NumPy arrays and kernels walks the path that PyTorch's
        walks: the loss of every batch is the same to a relative error of 1e-9,
        for cross-entropy, for a chain and for CTC. Without PyTorch the rest is
        still asserted: gradients are slopes, kernels agree with their pages,
        losses fall, and held-out sequences are read.
Source  LeCun et al. (2006), Sections 2.1 and 7; Graves et al. (2006), for CTC;
        Polyak (1964), for momentum.
Data    Made here: labels of 3 to 6 frames each, with silence between, noise on
        all. For cross-entropy and for the chain the label of each frame is
        given, for CTC only their order.
Pages   ebm_ref/kernels/losses.py, ebm_ref/kernels/chain.py,
        ebm_ref/kernels/ctc.py, ebm_ref/learning/descent.py
Time    9 s on one core, 3 s with --quick; most of it PyTorch's.

    z = tanh(x V + c) W + b     a row for each frame, a column for each label
    frames   L = cross-entropy of z[t] and y_t
    chain    L = E(y) - F,     E(y) = -sum_t z[t, y_t] + sum_t P[y_t, y_{t+1}]
    ctc      L = -log sum of e^{sum_t log-softmax z[t, a_t]} over alignments a
    dL/dW = H' dL/dz,   dL/dV = x' (dL/dz W' (1 - H^2)),   H = tanh(x V + c)

A kernel takes the batch's table and returns the losses and their gradients by
that table; the rest is the chain rule, five lines of it in `backward`. Losses
are summed and divided by the frames of the batch. Padding costs nothing and
gets no gradient.

Milliseconds are those of the median batch, network included, on one thread.
The first process takes 15 s longer: numba compiles in it, and keeps the code.
"""

import importlib.util
import time
from typing import NamedTuple

import numpy as np
from reproduction import conclude, figure, options

from ebm_ref.criteria.cross_entropy import cross_entropy
from ebm_ref.criteria.ctc_decoding import greedy
from ebm_ref.criteria.ctc_of_logits import ctc_of_logits
from ebm_ref.exact.chain import viterbi
from ebm_ref.exact.chain_nll import chain_nll
from ebm_ref.kernels.chain import chain_nll_value_and_gradients
from ebm_ref.kernels.ctc import ctc_of_logits_value_and_gradient
from ebm_ref.kernels.losses import cross_entropy_value_and_gradient
from ebm_ref.learning.descent import minibatches, momentum_step

LABELS, CHANNELS, HIDDEN, NOISE = 6, 12, 32, 1.0  # label 0 is silence, and the blank of CTC
STEP, FRICTION, SIZE = 0.2, 0.9, 32


class Batch(NamedTuple):
    """Sequences, padded at the end."""

    x: np.ndarray  # (b, t, 3 CHANNELS), what is heard, and just before and after
    labels: np.ndarray  # (b, t), of each frame
    lengths: np.ndarray  # (b,), in frames
    targets: np.ndarray  # (b, u), what is said
    counts: np.ndarray  # (b,), how many labels that are

    def own(self):
        """(b, t): what is no padding."""
        return np.arange(self.labels.shape[1]) < self.lengths[:, None]


def utterance(rng):
    """What is said, and the label of each frame."""
    target = rng.integers(1, LABELS, size=rng.integers(2, 6))
    frames = [0] * rng.integers(1, 3)
    for label in target:
        frames += [label] * rng.integers(3, 7) + [0] * rng.integers(1, 3)
    return target, np.array(frames)


def padded(rows):
    """Rows of different lengths as a table, with 0 after the end of each."""
    table = np.zeros((len(rows), max(map(len, rows))), int)
    for to, row in zip(table, rows, strict=True):
        to[: len(row)] = row
    return table


def drawn(rng, prototypes, count):
    """A batch of utterances: each frame is the prototype of its label, and noise, with its neighbours."""
    targets, frames = zip(*(utterance(rng) for _ in range(count)), strict=True)
    labels = padded(frames)
    x = prototypes[labels] + NOISE * rng.normal(size=(*labels.shape, CHANNELS))
    around = np.pad(x, ((0, 0), (1, 1), (0, 0)))
    x = np.concatenate([around[:, :-2], x, around[:, 2:]], axis=2)
    sizes = lambda rows: np.array([len(row) for row in rows])
    return Batch(x, labels, sizes(frames), padded(targets), sizes(targets))


def start(rng):
    """V, c, W, b of the network and P of the chain."""
    V = rng.normal(size=(3 * CHANNELS, HIDDEN)) / np.sqrt(3 * CHANNELS)
    W = rng.normal(size=(HIDDEN, LABELS)) / np.sqrt(HIDDEN)
    return [V, np.zeros(HIDDEN), W, np.zeros(LABELS), np.zeros((LABELS, LABELS))]


def forward(theta, x):
    """H and z."""
    V, c, W, b, _ = theta
    H = np.tanh(x @ V + c)
    return H, H @ W + b


def backward(theta, x, H, by_z):
    """Gradients by V, c, W and b, from that by z."""
    W = theta[2]
    rows = lambda table: table.reshape(-1, table.shape[-1])
    by_a = by_z @ W.T * (1.0 - H * H)
    return [rows(x).T @ rows(by_a), rows(by_a).sum(axis=0), rows(H).T @ rows(by_z), rows(by_z).sum(axis=0)]


def frames_loss(z, P, batch):
    """Sum of the losses, and its gradients by z and by P."""
    own, by_z = batch.own(), np.zeros_like(z)
    L, by_z[own] = cross_entropy_value_and_gradient(z[own], batch.labels[own])
    return np.sum(L), by_z, np.zeros_like(P)


def chain_loss(z, P, batch):
    L, by_u, by_P = chain_nll_value_and_gradients(-z, P, batch.labels, batch.lengths)
    return np.sum(L), -by_u, np.sum(by_P, axis=0)


def ctc_loss(z, P, batch):
    L, by_z = ctc_of_logits_value_and_gradient(z, batch.targets, batch.lengths, batch.counts)
    return np.sum(L), by_z, np.zeros_like(P)


def loss(kernel, theta, batch):
    """Loss a frame, and its gradients by all parameters."""
    H, z = forward(theta, batch.x)
    value, by_z, by_P = kernel(z, theta[4], batch)
    n = np.sum(batch.lengths)
    return value / n, [*backward(theta, batch.x, H, by_z / n), by_P / n]


def train(kernel, theta, batches):
    """The parameters after all batches, the loss of each, and the seconds of the median batch."""
    theta, velocities, losses, clock = list(theta), [0.0] * len(theta), [], [time.perf_counter()]
    for batch in batches:
        value, slopes = loss(kernel, theta, batch)
        losses.append(value)
        moved = [momentum_step(*one, STEP, FRICTION) for one in zip(theta, velocities, slopes, strict=True)]
        theta, velocities = map(list, zip(*moved, strict=True))
        clock.append(time.perf_counter())
    return theta, np.array(losses), np.median(np.diff(clock))


def frames_in_torch(z, P, batch, own):
    from torch.nn.functional import cross_entropy as torch_cross_entropy

    return torch_cross_entropy(z[own], batch.labels[own], reduction="sum")


def chain_in_torch(z, P, batch, own):
    """The forward algorithm in logarithms, for autograd to go back through."""
    import torch

    y, a = batch.labels, z[:, 0]
    for t in range(1, z.shape[1]):
        on = torch.logsumexp(a[:, :, None] - P, dim=1) + z[:, t]
        a = torch.where(own[:, t, None], on, a)
    unary = torch.gather(z, 2, y[:, :, None])[:, :, 0]
    score = torch.sum(unary * own) - torch.sum(P[y[:, :-1], y[:, 1:]] * own[:, 1:])
    return torch.sum(torch.logsumexp(a, dim=1)) - score


def ctc_in_torch(z, P, batch, own):
    from torch.nn.functional import ctc_loss as torch_ctc

    lp = z.log_softmax(dim=2).transpose(0, 1)
    return torch_ctc(lp, batch.targets, batch.lengths, batch.counts, blank=0, reduction="sum")


def train_in_torch(criterion, theta, batches):
    """The same loop in PyTorch, with the step of torch.optim.SGD, whose import alone takes a second."""
    import torch

    theta = [torch.tensor(one, requires_grad=True) for one in theta]
    velocities, losses, clock = list(map(torch.zeros_like, theta)), [], [time.perf_counter()]
    V, c, W, b, P = theta
    for batch in batches:
        tensors = Batch(*map(torch.from_numpy, batch))
        z = torch.tanh(tensors.x @ V + c) @ W + b
        value = criterion(z, P, tensors, torch.from_numpy(batch.own())) / np.sum(batch.lengths).item()
        slopes = torch.autograd.grad(value, theta, allow_unused=True)
        with torch.no_grad():
            for one, velocity, slope in zip(theta, velocities, slopes, strict=True):
                if slope is not None:  # P, where there is no chain
                    velocity.mul_(FRICTION).add_(slope)
                    one.sub_(STEP * velocity)
        losses.append(value.item())
        clock.append(time.perf_counter())
    return np.array(losses), np.median(np.diff(clock))


def pages(name, z, P, batch):
    """The sum of the losses of a batch by the pages, one sequence after the other."""
    total = 0.0
    for z_i, y, t, target, u in zip(z, *batch[1:], strict=True):
        if name == "frames":
            total += sum(cross_entropy(row, label) for row, label in zip(z_i[:t], y[:t], strict=True))
        elif name == "chain":
            total += chain_nll(-z_i[:t], P, y[:t])
        else:
            total += ctc_of_logits(z_i[:t], target[:u])
    return total


def slope_error(rng, kernel, theta, batch):
    """How far the gradient is from a central difference along a random direction, relative to its norm."""
    ways = [rng.normal(size=one.shape) for one in theta]
    at = lambda e: loss(kernel, [one + e * way for one, way in zip(theta, ways, strict=True)], batch)
    g = at(0.0)[1]
    slope = sum(np.sum(part * way) for part, way in zip(g, ways, strict=True))
    return abs((at(1e-5)[0] - at(-1e-5)[0]) / 2e-5 - slope) / np.sqrt(sum(np.sum(part**2) for part in g))


def read(name, theta, batch):
    """The share of held-out sequences that are spelled without a mistake."""
    _, z = forward(theta, batch.x)
    right = 0
    for z_i, t, target, u in zip(z, batch.lengths, batch.targets, batch.counts, strict=True):
        path = viterbi(-z_i[:t], theta[4])[1] if name == "chain" else np.argmax(z_i[:t], axis=1)
        right += greedy(np.where(path[:, None] == np.arange(LABELS), 0.0, -1.0)) == target[:u].tolist()
    return right / len(z)


WAYS = {
    "frames": (frames_loss, frames_in_torch),
    "chain": (chain_loss, chain_in_torch),
    "ctc": (ctc_loss, ctc_in_torch),
}


def draw(file, curves):
    """The losses of all batches, ours as lines, PyTorch's as dots."""
    axes, save = figure(file, ncols=3, figsize=(9.5, 3.2))
    for ax, (name, (ours, theirs)) in zip(axes, curves.items(), strict=True):
        ax.semilogy(ours, lw=1.0, label="kernels")
        if theirs is not None:
            some = np.linspace(0, len(ours) - 1, 25).astype(int)
            ax.semilogy(some, theirs[some], "k.", label="PyTorch")
        ax.set(title=name, xlabel="batch")
    axes[0].set_ylabel("loss a frame")
    axes[0].legend()
    save()


def main():
    chosen = options(__doc__)
    rng = np.random.default_rng(chosen.seed)
    count, epochs = (256, 4) if chosen.quick else (1024, 15)
    prototypes = rng.normal(size=(LABELS, CHANNELS))
    training, held_out = drawn(rng, prototypes, count), drawn(rng, prototypes, 100)
    pick = lambda indices: Batch(*(part[indices] for part in training))
    batches = [pick(indices) for _ in range(epochs) for indices in minibatches(rng, count, SIZE)]
    begin, torch = start(rng), importlib.util.find_spec("torch") is not None
    few, least = pick(np.arange(5)), 0.2 if chosen.quick else 0.5
    print(f"{len(batches)} batches of {SIZE} sequences" + ("" if torch else "; PyTorch is not installed"))
    print("\nloss     first    last    read    ms a batch: kernels  PyTorch   apart")
    curves, claims = {}, []
    for name, (kernel, criterion) in WAYS.items():
        theta, ours, seconds = train(kernel, begin, batches)
        theirs, their_seconds = train_in_torch(criterion, begin, batches) if torch else (None, np.nan)
        apart = np.max(np.abs(theirs / ours - 1.0)) if torch else np.nan
        share = read(name, theta, held_out)
        ends = ours[0], np.mean(ours[-5:])
        print("{:6} {:7.3f} {:7.3f} {:7.1%}".format(name, *ends, share), end="")
        print(f" {1e3 * seconds:22.2f}" + f" {1e3 * their_seconds:8.2f} {apart:7.0e}" * torch)
        curves[name] = ours, theirs
        _, z = forward(theta, few.x)
        off = abs(kernel(z, theta[4], few)[0] / pages(name, z, theta[4], few) - 1.0)
        slope = slope_error(rng, kernel, [one + 0.1 for one in begin], few)
        claims += [
            (f"{name}: as the pages to {off:.0e}, gradient to {slope:.0e}", off < 1e-12 and slope < 1e-6),
            (f"{name}: the loss falls, and {share:.0%} are read", ends[1] < ends[0] / 4 and share > least),
        ]
        if torch:
            claims.append((f"{name}: all {len(ours)} losses are PyTorch's, to {apart:.0e}", apart < 1e-9))
    if chosen.figure:
        draw(chosen.figure, curves)
    conclude(*claims)


if __name__ == "__main__":
    main()
