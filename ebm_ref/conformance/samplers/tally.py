r"""The tally: what many short chains from exact draws add up to, and the tests of it.

    x_0 ~ pi,  x_k = step(x_{k-1}), k = 1..16         =>        x_k ~ pi for every k

    law         cells of x_1, x_4, x_16                            Pearson's chi-square
    drift       D = f(x_k) - f(x_0) given f(x_0), k = 1, 4, 16     Hotelling's T^2
    path        D = mean_k f(x_k) - f(x_0) given f(x_0)            the same; f once more, or the energy
    exchange    (x_{k-1}, x_k) ~ (x_k, x_{k-1})                    Bowker's test, where claimed

Chains are independent of each other, what happens within one is not, so each gives one D.  The mean of
f(x_0) is known: with B the regression of D on f(x_0) - E f, the residuals R = D - B (f(x_0) - E f) have
mean zero as well, and what x and x' share cancels.  The path's mean sees small steps that add up and,
where x_k forgets x_0 soon, counts as sixteen draws.

Second moments are taken about zero, the mean under the claim: T^2 = n R' S^-1 R is then at most n, and
no few draws can make it large by chance.  A jump so rare that no chain has it would be missing from R
and from S: many small steps one way, a seldom long one back.  So no variance counts as less than what
such a jump could add; 1000 chains tell little of tiny steps, a million do.

Within a chain that is reversible, turns i -> j and j -> k are opposed in sign and so correlated against
each other: Bowker's sum over all steps of all chains is never larger than chi-square makes it.

Source: Hotelling (1931), and Rao (1973), Section 8c, for means given others; Bowker (1948), "A test for
symmetry in contingency tables"; Gandy and Scott (2020) for tests that start from exact draws.
"""

import math

import numpy as np

from ebm_ref.conformance.samplers import chi_square

STEPS, TIMES = 16, (1, 4, 16)
BINS, COARSE, EXPECTED, TURNED = 10, 5, 10.0, 10
UNSEEN = 17.0  # what is expected so often is missed with probability e^-17, less than any share of 1e-5
HALFWAY = (STEPS + 1.0) / (2.0 * STEPS)  # of a jump at some step, what the mean of the path has of it
PATH, REFERENCE = "path", 1_000_000
HUGE = 1e100  # so that its square is a number
TOLD = 3.0  # standard errors by which a statistic must move to be told of


class Tally:
    """Counts and moments of chains so far; `add` more, then ask for `tests` and `moves`."""

    def __init__(self, law, reversible=False):
        self.law, self.reversible = law, reversible
        self.chains = self.moved = 0
        self.largest = self.hottest = 0.0
        cells = len(law.probabilities(COARSE))
        self.counts = {k: np.zeros(len(law.probabilities(BINS)), int) for k in TIMES}
        self.turns = np.zeros(cells * cells if reversible else 0, int)
        self.total = self.squares = self.heat = self.heats = 0.0
        self.told = dict.fromkeys((*TIMES, PATH), 0.0)

    @property
    def steps(self):
        return STEPS * self.chains

    def add(self, x, paths):
        """Count chains: starts (n, d), exact draws, and the states after each step (n, 16, d)."""
        with np.errstate(over="ignore", invalid="ignore"):  # of states that are far out
            self._add(x, paths, np.concatenate([x[:, None], paths[:, :-1]], axis=1))

    def _add(self, x, paths, before):
        self.chains += len(x)
        self.moved += int(np.any(before != paths, axis=2).sum())
        for k in TIMES:
            self.counts[k] += np.bincount(
                self.law.cells(paths[:, k - 1], BINS), minlength=len(self.counts[k])
            )
        self._tell(x, paths)
        self._add_features(self.law.features(x), self._along(self.law.features, paths))
        self._add_energies(self.law.heat(x), self._along(self.law.heat, paths))
        if self.reversible:
            self._add_turns(before, paths)

    def _along(self, function, paths):
        values = function(paths.reshape(-1, paths.shape[2]))
        return values.reshape(*paths.shape[:2], *values.shape[1:])

    def _tell(self, x, paths):
        """Add the moves of what has a name, its means along the paths, and the squares of both."""
        start = self._named(x)
        along = np.stack([self._named(paths[:, k]) for k in range(STEPS)])
        for k in TIMES:
            self.told[k] = self.told[k] + _sums(along[k - 1] - start)
        self.told[PATH] = self.told[PATH] + _sums(along.mean(axis=0))

    def _named(self, x):
        return np.array([np.clip(g(x), -HUGE, HUGE) for g in self.law.statistics.values()])

    def _add_features(self, start, along):
        rows = np.hstack([start, *(along[:, k - 1] - start for k in TIMES), along.mean(axis=1) - start])
        self.total, self.squares = self.total + rows.sum(axis=0), self.squares + rows.T @ rows
        self.largest = max(self.largest, (along**2).sum(axis=2).max(), (start**2).sum(axis=1).max())

    def _add_energies(self, start, along):
        rows = np.column_stack([start, along.mean(axis=1) - start])
        self.heat, self.heats = self.heat + rows.sum(axis=0), self.heats + rows.T @ rows
        self.hottest = max(self.hottest, abs(along).max(), abs(start).max())

    def _add_turns(self, before, paths):
        cells = lambda x: self.law.cells(x.reshape(-1, x.shape[2]), COARSE)
        size = math.isqrt(len(self.turns))
        self.turns += np.bincount(cells(before) * size + cells(paths), minlength=len(self.turns))

    def tests(self):
        """{(name, steps): (independent draws, statistic, degrees of freedom)} of all that can be tested."""
        n, j = self.chains, len(self.total) // (len(TIMES) + 2)
        found = {("law", k): (n, *law_test(self.law, self.counts[k])) for k in TIMES}
        given, longest = slice(0, j), 2.0 * math.sqrt(self.largest)
        for i, test in enumerate([*(("drift", k) for k in TIMES), ("path", STEPS)], 1):
            moves, reach = slice(i * j, (i + 1) * j), HALFWAY if test[0] == "path" else 1.0
            found[test] = n, *moved_test(n, self.total, self.squares, given, moves, reach * longest)
        reach = HALFWAY * 2.0 * self.hottest
        heat = moved_test(n, self.heat, self.heats, slice(0, 1), slice(1, 2), reach)
        found["energy", STEPS] = n, *heat
        if self.reversible:
            found["exchange", 1] = self.steps, *exchange_test(self.turns)
        return {test: result for test, result in found.items() if result[-1] > 0}

    def heats_up(self):
        """Whether the energy along the path is above its mean rather than below, given the start's."""
        return bool(self.heat[1] * self.heats[0, 0] > self.heats[1, 0] * self.heat[0])

    def kept(self, steps=STEPS):
        """How much of its features a chain still has after 1, 4 or 16 steps: their mean autocorrelation."""
        j = len(self.total) // (len(TIMES) + 2)
        last = (1 + TIMES.index(steps)) * j
        own = float(np.trace(self.squares[:j, :j]))
        return 1.0 + float(np.trace(self.squares[:j, last : last + j])) / own if own else 1.0

    def moves(self):
        """What has moved and which way, the surest first, each of them when it is surest.

        Moves are those from the start; along the path, from the mean of a million exact draws.
        """
        means = self._named(self.law.draw(np.random.default_rng(0), REFERENCE))
        found = []
        for i, name in enumerate(self.law.statistics):
            along = self._move(PATH, i, means[i].mean(), means[i].var() / REFERENCE)
            surest = max(along, *(self._move(k, i) for k in TIMES), key=lambda move: abs(move[2]))
            if abs(surest[2]) >= TOLD:
                found.append((abs(surest[2]), _in_words(name, *surest[:2])))
        return [words for _, words in sorted(found, reverse=True)]

    def _move(self, k, i, expected=0.0, variance=0.0):
        """(steps, mean of the move, and the same in standard errors)."""
        mean, square = self.told[k][:, i] / self.chains
        error = math.sqrt(max(square - mean * mean, 0.0) / self.chains + variance)
        return k, mean - expected, (mean - expected) / error if error else 0.0


def _sums(values):
    """Of each row, and of its squares."""
    return np.stack([values.sum(axis=1), (values**2).sum(axis=1)])


def _in_words(name, k, move):
    after = "along 16 steps" if k == PATH else "after one step" if k == 1 else f"after {k} steps"
    return f"{name} {'up' if move > 0.0 else 'down'} by {abs(move):.2g} {after}"


def law_test(law, counts):
    """Pearson's chi-square of counts of cells; cells that expect less than ten are taken together."""
    n, p = counts.sum(), law.probabilities(BINS)
    small = n * p < EXPECTED
    expected = np.append(n * p[~small], n * p[small].sum())
    seen = np.append(counts[~small], counts[small].sum())
    used = expected > 0.0
    return float(((seen - expected)[used] ** 2 / expected[used]).sum()), int(used.sum()) - 1


def moved_test(n, total, squares, given, moves, longest):
    """T^2 = n R' S^-1 R of the mean of the residuals R of `moves` on `given`, S their second moments.

    `total` and `squares` are sums over n rows; both slices have mean zero under the claim.  A jump J not
    seen, though `UNSEEN` of them were to be expected, leaves R = -J UNSEEN/n; the variance added to S keeps
    T^2 below what has that chance.
    """
    B = squares[moves, given] @ np.linalg.pinv(squares[given, given], rcond=1e-9, hermitian=True)
    R = (total[moves] - B @ total[given]) / n
    S = (squares[moves, moves] - B @ squares[given, moves]) / n
    variances, axes = np.linalg.eigh(0.5 * (S + S.T))
    kept = variances > 1e-9 * variances.max()
    along, degrees = axes[:, kept].T @ R, int(kept.sum())
    if degrees == 0 or variances.max() <= 0.0:  # nothing moves
        return 0.0, 0
    added = (UNSEEN * longest) ** 2 / (chi_square.critical(math.exp(-UNSEEN), degrees) * n)
    return n * float((along**2 / (variances[kept] + added)).sum()), degrees


def exchange_test(turns):
    """Bowker's sum of (N_ij - N_ji)^2 / (N_ij + N_ji) over pairs of cells with ten turns or more."""
    size = math.isqrt(len(turns))
    forth, back = turns.reshape(size, size), turns.reshape(size, size).T
    used = np.triu(forth + back >= TURNED, 1)
    forth, back = forth[used], back[used]
    return float(((forth - back) ** 2 / (forth + back)).sum()), len(forth)
