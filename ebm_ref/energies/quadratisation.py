r"""Quadratisation: terms of three bits and more as terms of two, with the help of auxiliary bits.

    E(x) = sum_S a_S prod_{i in S} x_i  =  min_w (z'Q z) + constant,     z = (x, w),  bits 0 or 1

Annealers, cuts of graphs and `qubo` know pairs of bits alone.  With d bits in S, s their sum, and pairs
s_2 = sum_{i < j} x_i x_j = s (s - 1) / 2:

    -prod x_i = min_w w (d - 1 - s)                                one w           Freedman and Drineas
     prod x_i = s_2 + min_w sum_{k=1}^n w_k (c_k (2 k - s) - 1)    n = (d-1) // 2  Ishikawa
    x_i x_j -> w, with + M (x_i x_j - 2 x_i w - 2 x_j w + 3 w)    one w a pair    Rosenberg

c_k = 2, but c_n = 1 if d is odd.  The first is clear: d - 1 - s is negative only if all bits are 1.  The
second takes the w_k whose bracket is negative.  What they add up to is -s_2 as long as s < d, and 1 - s_2 at
s = d.  In the third, the penalty is 0 where w = x_i x_j and at least M elsewhere.  It may stand in all terms
that have the pair.  M must be at least what a wrong w can gain in them, which is max(P, N) of the sums P of
positive and N of negative a_S.  A pair is replaced until no term has more than two bits.

Which one?  Rosenberg's shares auxiliaries between terms, and brings large weights M with it, which annealers
do not like and roof duality bears badly.  The other two take each term by itself, and their weights are those
of the terms.

In floating point: whole numbers stay exact.  Otherwise each weight is rounded, and sums of them are right to
some u times the sum of all weights.

Source: Rosenberg (1975), "Reduction of bivalent maximization to the quadratic case"; Freedman and Drineas
(2005), "Energy minimization via graph cuts: settling what is possible"; Ishikawa (2011), "Transformation of
general binary MRF minimization to the first-order case", Section 3; Boros and Hammer (2002), Section 4.4.
"""

import itertools
from typing import NamedTuple

import numpy as np

from ebm_ref.checks import (
    real,
    require,
    require_count,
    require_finite_sum,
    require_index,
    require_one_of,
    whole,
)

MOST = 16  # auxiliary bits over which a minimum is taken by trying all


class Quadratic(NamedTuple):
    """An energy z'Q z + constant of z = (x, w): bits x as before, then auxiliary bits w."""

    matrix: np.ndarray  # Q (n + a, n + a), upper triangle, as in qubo.py
    constant: float
    bits: int  # n
    auxiliaries: int  # a

    def value(self, bits):
        """The least energy (n,) bits can have, over all auxiliary ones; up to 16 of these.

        >>> quadratise([-3.0], [[0, 1, 2]], 3).value([1, 1, 1])
        -3.0
        """
        x = _check_bits(bits, self.bits)
        few = self.auxiliaries <= MOST
        require(few, "auxiliaries", self.auxiliaries, f"must be at most {MOST}, for all are tried")
        w = np.arange(2**self.auxiliaries) >> np.arange(self.auxiliaries)[:, None] & 1
        Q, n = self.matrix, self.bits
        own, by_w = x @ Q[:n, :n] @ x, x @ Q[:n, n:] @ w + np.sum(w * (Q[n:, n:] @ w), axis=0)
        return float(self.constant + own + np.min(by_w, initial=np.inf))


def polynomial(coefficients, scopes, bits):
    """E(x) = sum_S a_S prod_{i in S} x_i.

    Parameters
    ----------
    coefficients : (f,) float
        a_S of each term, finite.
    scopes : f lists of int
        The bits of each term, different ones in 0..n-1; none for a constant.
    bits : (n,) int
        Each 0 or 1.

    Raises ValueError if a coefficient is not finite, if there are not as many scopes, if a scope holds a
    bit twice or one that is not there, or if a bit is neither 0 nor 1.

    >>> polynomial([2.0, -5.0, 1.0], [[0], [0, 1, 2], []], [1, 1, 1])
    -2.0
    """
    x = _check_bits(bits, "n")
    terms = _check_terms(coefficients, scopes, len(x))
    return float(sum(a for S, a in terms.items() if all(x[i] for i in S)))


def quadratise(coefficients, scopes, n, method="ishikawa"):
    """A quadratic energy whose minimum over auxiliary bits is `polynomial`, for every x.

    Parameters
    ----------
    coefficients, scopes
        As in `polynomial`.
    n : int
        How many bits there are, >= 1.
    method : str
        "ishikawa": each term by itself, after Freedman and Drineas where its coefficient is negative;
        "rosenberg": pairs replaced, the one in most terms first.

    Returns
    -------
    Quadratic
        matrix, constant, bits, auxiliaries; `.value(bits)` is the minimum over the auxiliaries.

    Raises ValueError as `polynomial`, or if the method has no such name.

    >>> one = quadratise([1.0], [[0, 1, 2]], 3)
    >>> one.matrix.tolist(), one.auxiliaries  # x_0 x_1 + x_0 x_2 + x_1 x_2 + w (1 - x_0 - x_1 - x_2)
    ([[0.0, 1.0, 1.0, -1.0], [0.0, 0.0, 1.0, -1.0], [0.0, 0.0, 0.0, -1.0], [0.0, 0.0, 0.0, 1.0]], 1)
    >>> quadratise([1.0, 1.0], [[0, 1, 2], [0, 1, 3]], 4, "rosenberg").auxiliaries
    1
    """
    require_count("n", n)
    n = whole("n", n)
    terms = _check_terms(coefficients, scopes, n)
    require_one_of("method", method, "ishikawa", "rosenberg")
    size = sum(len(S) for S in terms)
    require_finite_sum("coefficients", coefficients, [4.0 * size * abs(a) for a in terms.values()])
    pairs, bits = _by_pairs(terms, n) if method == "rosenberg" else _term_by_term(terms, n)
    Q = np.zeros((bits, bits))
    for S, a in pairs.items():
        if S:
            Q[S[0], S[-1]] += a
    return Quadratic(Q, float(pairs.get((), 0.0)), n, bits - n)


def _check_bits(bits, *axes):
    """The bits as integers, each 0 or 1."""
    x = whole("bits", bits, *axes)
    require(np.all((x == 0) | (x == 1)), "bits", bits, "must be 0 or 1 each")
    return x


def _check_terms(coefficients, scopes, n):
    """{ascending bits: coefficient}, like terms added up."""
    a = real("coefficients", coefficients, "f")
    require(np.all(np.isfinite(a)), "coefficients", coefficients, "must be finite")
    listed = isinstance(scopes, (list, tuple, np.ndarray)) and len(scopes) == len(a)
    require(listed, "scopes", scopes, f"must be {len(a)} lists of bits, one for each coefficient")
    terms = {}
    for scope, a_S in zip(scopes, a, strict=True):
        S = whole("scopes", scope, "d").tolist()
        for i in S:
            require_index("scopes", i, n)
        require(len(set(S)) == len(S), "scopes", scope, "must hold no bit twice: x^2 = x")
        S = tuple(sorted(S))
        terms[S] = terms.get(S, 0.0) + float(a_S)
    return terms


def _add(terms, S, a):
    """Add a term to those there are."""
    S = tuple(sorted(S))
    terms[S] = terms.get(S, 0.0) + a


def _term_by_term(terms, n):
    """Terms of at most two bits, and the number of bits: each high term by Freedman-Drineas or Ishikawa."""
    low, bits = {S: a for S, a in terms.items() if len(S) <= 2}, n
    for S, a in terms.items():
        if len(S) > 2 and a < 0.0:
            _negative(low, S, -a, bits)
            bits += 1
        elif len(S) > 2 and a > 0.0:
            _positive(low, S, a, bits)
            bits += (len(S) - 1) // 2
    return low, bits


def _negative(low, S, a, w):
    """-a prod x_i = min_w a w (d - 1 - s)."""
    _add(low, (w,), a * (len(S) - 1))
    for i in S:
        _add(low, (i, w), -a)


def _positive(low, S, a, w):
    """a prod x_i = a s_2 + min_w a sum_k w_k (c_k (2 k - s) - 1), with auxiliary bits w, w + 1, ..."""
    d = len(S)
    for pair in itertools.combinations(S, 2):
        _add(low, pair, a)
    last = (d - 1) // 2
    for k in range(1, last + 1):
        c = 1.0 if d % 2 == 1 and k == last else 2.0
        _add(low, (w + k - 1,), a * (2.0 * c * k - 1.0))
        for i in S:
            _add(low, (i, w + k - 1), -a * c)


def _by_pairs(terms, n):
    """Terms of at most two bits, and the number of bits: Rosenberg's substitution, until it is done."""
    terms, bits = dict(terms), n
    while high := [S for S, a in terms.items() if len(S) > 2 and a != 0.0]:
        counts = {}
        for S in high:
            for pair in itertools.combinations(S, 2):
                counts[pair] = counts.get(pair, 0) + 1
        i, j = max(counts, key=counts.get)
        own = [S for S in high if i in S and j in S]
        weights = [terms[S] for S in own]
        M = max(sum(a for a in weights if a > 0.0), -sum(a for a in weights if a < 0.0))
        for S in own:
            _add(terms, [*(k for k in S if k not in (i, j)), bits], terms.pop(S))
        for S, c in (((i, j), 1.0), ((i, bits), -2.0), ((j, bits), -2.0), ((bits,), 3.0)):
            _add(terms, S, c * M)
        bits += 1
    return {S: a for S, a in terms.items() if len(S) <= 2}, bits
