r"""Diagnosing: which mistake reproduces the numbers that a stranger computed.

    hypothesis    a variant of the page, or a slip that anybody can make: an argument read as something
                  else, a factor, a term of the text left out, a part of it held constant
    named         when it reproduces all ordinary vectors, drawn at random and long, on three of which at
                  least the truth does not hold, and most of the special ones; the others are listed

Below three such vectors only a variant is named that reproduces everything.  What explains all wrong
outputs at once comes first, then variants of the page, then what has the fewest exceptions, then what is
least far-fetched.  Hypotheses that cannot be told apart are named together.

A library without float64 makes errors of float32's size on most vectors, and the truth in single
precision explains them.

Source: the construction is this project's own.
"""

from dataclasses import replace

import numpy as np

from ebm_ref.conformance.hypotheses import generators
from ebm_ref.conformance.hypotheses.hypothesis import (
    Hypothesis,
    is_ordinary,
    reproduces,
)
from ebm_ref.conformance.hypotheses.variants import variants
from ebm_ref.proof.bounds import is_finite, of

IN_FLOAT32 = "right in single precision only"
LEAST = 3  # ordinary vectors that tell a hypothesis from the truth


def is_telling(vector, dtype):
    """Whether a vector can tell hypotheses apart: finite, and away from corners and ties."""
    return is_finite(vector) and dtype not in vector["kinks"]


class Evidence:
    """Judgements of some outputs: the ordinary ones, those first that tell most, and the special ones."""

    def __init__(self, judgements, outputs, dtype):
        self.dtype, self.outputs = dtype, outputs
        asked = [j for j in judgements if j.output in outputs and j.verdict != "error"]
        self.all = [j for j in asked if is_telling(j.vector, dtype)]
        ordinary = [j for j in self.all if is_ordinary(j.vector)]
        self.ordinary = sorted(ordinary, key=self._order)
        self.special = [j for j in self.all if not is_ordinary(j.vector)]
        self.wrong = [j for j in self.ordinary if j.verdict == "mismatch"]
        self.is_enough = len({j.vector["id"] for j in self.wrong}) >= LEAST

    def _order(self, judgement):
        """Mismatches first, of the first output, where something other than 0 was answered, short inputs."""
        inputs = judgement.vector["inputs"].values()
        return (
            judgement.verdict != "mismatch",
            self.outputs.index(judgement.output),
            not np.any(judgement.answer),
            sum(np.size(x) for x in inputs),
        )

    def named(self, hypothesis):
        """The hypothesis with its exceptions if it reproduces this, else None."""
        holds = lambda j: reproduces(hypothesis, j, self.dtype)
        if not all(map(holds, self.ordinary)):
            return None
        special = [(j.vector["id"], holds(j)) for j in self.special]
        exceptions = tuple(dict.fromkeys(id.partition("/")[2] for id, held in special if not held))
        is_variant = hypothesis.kind != "slip" or hypothesis.rank == 0
        if exceptions and not (self.is_enough and 2 * len(exceptions) <= len(special)):
            return None
        return replace(hypothesis, exceptions=exceptions) if is_variant or self.is_enough else None


def wrong_outputs(judgements):
    """Outputs that are a mismatch on some finite vector, the value first."""
    found = dict.fromkeys(j.output for j in judgements if j.verdict == "mismatch" and j.finite)
    return sorted(found, key=lambda output: output != "value")


def diagnose(formula, judgements, dtype):
    """The hypotheses that reproduce every output that is a mismatch somewhere.

    Returns {output: [hypotheses]}, an empty list where none does.
    """
    wrong = wrong_outputs(judgements)
    together = Evidence(judgements, wrong, dtype)
    found = _named(formula, together)
    if found or len(wrong) < 2:
        return {output: found for output in wrong}
    return {output: _named(formula, Evidence(judgements, [output], dtype)) for output in wrong}


def _named(formula, evidence):
    """What explains the evidence, the best alone or with what ties with it."""
    if not any(j.verdict == "mismatch" for j in evidence.all):
        return []
    of_page = _explaining(variants(formula), evidence)
    if any(not h.exceptions for h in of_page) or not evidence.is_enough:
        return best(of_page) or _in_single_precision(formula, evidence)
    others = _explaining(_slips(formula, evidence), evidence)
    found = of_page + others or _explaining(_far_fetched(formula, evidence), evidence)
    return best(found) or _in_single_precision(formula, evidence)


def _explaining(hypotheses, evidence):
    return [named for h in hypotheses if (named := evidence.named(h))]


def _slips(formula, evidence):
    return generators.plain(formula, evidence.wrong[0].vector, "value" in evidence.outputs)


def _far_fetched(formula, evidence):
    """What needs a constant of its own, or two changes."""
    two = [j for j in evidence.wrong if j.output == evidence.wrong[0].output][:2]
    yield from generators.fitted(formula, two)
    simple = [*variants(formula), *_slips(formula, evidence)]
    yield from generators.with_factor(formula, simple, two)


def best(found):
    """The first in the order of variants, exceptions and ranks, and all that tie with it."""
    key = lambda h: (h.rank > 0, len(h.exceptions), h.rank)
    lowest = min(map(key, found), default=None)
    return list({h.name: h for h in found if key(h) == lowest}.values())


# ---- single precision ----


def in_float32(formula):
    """The truth and every variant once more, computed in float32: a library that knows no float64."""
    truth = lambda vector, output, dtype: np.asarray(of(vector, output), float)
    for h in [Hypothesis("", "slip", truth), *variants(formula)]:
        name = f"{h.name}; {IN_FLOAT32}" if h.name else IN_FLOAT32
        yield replace(h, name=name, kind="slip", dtype="float32", rank=7)


def _in_single_precision(formula, evidence):
    if evidence.dtype == "float32":
        return []
    for h in in_float32(formula):
        if all(reproduces(h, j, evidence.dtype) for j in evidence.all) and _is_single(h, evidence):
            return [h]
    return []


def _is_single(hypothesis, evidence):
    """Whether errors are of float32's size on most vectors: neither of a few ulp, nor on a few."""
    sizes = []
    for j in evidence.all:
        claimed = np.asarray(hypothesis.answer(j.vector, j.output, "float32"), float)
        size = np.max(np.abs(claimed), initial=0.0)
        if size > 0.0:
            sizes.append(float(np.max(np.abs(claimed - np.asarray(j.answer)))) / size)
    return bool(sizes) and np.mean(np.array(sizes) > 2.0**-36) > 0.5
