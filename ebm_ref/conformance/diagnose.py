r"""Diagnosing: which mistake reproduces the numbers that a stranger computed.

    hypothesis    a variant of the page, or a slip that anybody can make: an argument read as something
                  else, a factor, a term of the text left out, a part of it held constant
    named         when it reproduces all ordinary vectors, drawn at random and long, of which three speak
                  for it, and most of the special ones (evidence.py); the others are listed

Below three such vectors only what reproduces everything is named: a variant, or a slip where five vectors
in all tell it from the truth.  What explains all wrong outputs at once comes first, then what explains
values as well, then what nothing contradicts, then variants of the page, then what has the fewest
exceptions, then what is least far-fetched.  Hypotheses that cannot be told apart are named together.

A library without float64 answers with numbers of float32, and the truth in single precision, or a
variant, explains them.

Source: the construction is this project's own.
"""

import itertools
from dataclasses import replace
from functools import cached_property

import numpy as np

from ebm_ref.conformance.evidence import Evidence, is_telling
from ebm_ref.conformance.hypotheses import generators
from ebm_ref.conformance.hypotheses.composed import inherited
from ebm_ref.conformance.hypotheses.hypothesis import Hypothesis, is_ordinary, reproduces
from ebm_ref.conformance.hypotheses.variants import variants
from ebm_ref.proof import tape
from ebm_ref.proof.bounds import of

BEYOND_RANGE = "the formula in numbers that overflow, or underflow to 0: infinite or NaN, and else right"
IN_FLOAT32 = "right in single precision only"
MOST = 3  # names of one thing
ENOUGH = 100_000  # Numbers on the tape for far-fetched hypotheses, which few formulas need
PROBES = 4  # vectors of which the nearest hypothesis must explain one


def wrong_outputs(judgements):
    """Outputs that are a mismatch on some finite vector, the value first."""
    found = dict.fromkeys(j.output for j in judgements if j.verdict == "mismatch" and j.finite)
    return sorted(found, key=lambda output: output != "value")


class Diagnosis:
    """What a candidate computes instead, as far as its judgements tell."""

    def __init__(self, formula, judgements, dtype):
        self.formula, self.judgements, self.dtype = formula, judgements, dtype
        self.outputs = wrong_outputs(judgements)
        self.variants = [*variants(formula), *inherited(formula)]
        self._slips = {}

    @cached_property
    def named(self):
        """{output: [hypotheses]} of outputs that are a mismatch somewhere; an empty list where none does."""
        found = self._named(self.outputs)
        if found or len(self.outputs) < 2:
            return {output: found for output in self.outputs}
        return {output: self._named([output]) for output in self.outputs}

    def _named(self, outputs):
        """What explains these outputs, the best alone or with what ties with it."""
        evidence = Evidence(self.judgements, outputs, self.dtype)
        if not any(j.verdict == "mismatch" for j in evidence.all):
            return []
        if constant := _constant(evidence):
            return constant
        found = _explaining(self.variants, evidence)
        if evidence.wrong and evidence.is_broad and not any(is_perfect(h) for h in found):
            found += _explaining(self.slips(evidence), evidence)
        if evidence.is_enough and not found:
            found = self._far_fetched(evidence)
        return best(found) or _in_single_precision(self.formula, evidence) or _beyond_range(evidence)

    def slips(self, evidence):
        """One change each, made once; what changes the value alone where the value is wrong."""
        is_value = "value" in evidence.outputs
        if is_value not in self._slips:
            first = (evidence.wrong or evidence.all)[0].vector
            self._slips[is_value] = list(generators.plain(self.formula, first, is_value))
        return self._slips[is_value]

    def _far_fetched(self, evidence):
        """What explains this by the first kind of far-fetched hypotheses that does, in so many Numbers."""
        others = [*self.variants, *self.slips(evidence)]
        end = tape.made() + ENOUGH
        soon = lambda stage: itertools.takewhile(lambda _: tape.made() < end, stage)
        stages = generators.far_fetched(self.formula, evidence, others)
        return next(filter(None, (_explaining(soon(stage), evidence) for stage in stages)), [])

    @cached_property
    def nearest(self):
        """{output: (hypothesis, vectors that it explains, of those that differ)} where there is no name."""
        found = {output: self._nearest(output) for output, named in self.named.items() if not named}
        return {output: near for output, near in found.items() if near}

    def _nearest(self, output):
        """The hypothesis that explains most ordinary vectors that differ: two at least, and a third."""
        evidence = Evidence(self.judgements, [output], self.dtype)
        asked = evidence.wrong[:PROBES]
        some = [*self.variants, *(self.slips(evidence) if evidence.is_enough else ())] if asked else []
        near = [h for h in some if any(evidence.holds(h, j) for j in asked)]
        counts = {h: sum(evidence.holds(h, j) for j in evidence.wrong) for h in near}
        most = max(counts, key=lambda h: (counts[h], -h.rank), default=None)
        if most is None or counts[most] < max(2, len(evidence.wrong) / 3):
            return None
        differ = [j for j in self.judgements if j.output == output and j.verdict == "mismatch" and j.finite]
        return most, sum(evidence.holds(most, j) for j in differ), len(differ)

    def is_all(self, hypothesis):
        """Whether all answers to ordinary questions are the hypothesis's, those that are right included.

        A half in front of the value is a convention, and in front of its gradient alone a mistake.
        """
        answered = [j for j in self.judgements if j.output and j.verdict != "error"]
        return all(
            reproduces(hypothesis, j, self.dtype)
            for j in answered
            if is_ordinary(j.vector) and is_telling(j, self.dtype)
        )

    @cached_property
    def beyond(self):
        """Variants that explain NaN and infinity where they differ, and everything else as well."""
        odd = {j.output for j in self.judgements if not j.finite and j.verdict == "mismatch"}
        asked = [j for j in self.judgements if j.output in odd and j.verdict != "error"]
        return [h for h in self.variants if asked and all(reproduces(h, j, self.dtype) for j in asked)]


def diagnose(formula, judgements, dtype):
    """The hypotheses that reproduce every output that is a mismatch somewhere, as {output: [hypotheses]}."""
    return Diagnosis(formula, judgements, dtype).named


def _explaining(hypotheses, evidence):
    return [named for h in hypotheses if (named := evidence.named(h))]


def is_perfect(hypothesis):
    """Whether it reproduces everything, the value included."""
    return not (hypothesis.exceptions or hypothesis.as_if)


def best(found):
    """The first in the order of contradictions, variants, exceptions and ranks, and all that tie with it."""
    key = lambda h: (h.as_if, h.contradictions, h.rank >= 1, len(h.exceptions), h.rank)
    lowest = min(map(key, found), default=None)
    alike = {h.name: h for h in found if key(h) == lowest}
    return sorted(alike.values(), key=lambda h: len(h.name) if len(alike) > MOST else 0)[:MOST]


def _constant(evidence):
    """One number whatever is asked: no formula at all, though a change of ours may come to the same."""
    numbers = {float(x) for j in evidence.all for x in np.ravel(j.answer)}
    if evidence.outputs != ["value"] or not evidence.is_enough or len(numbers) != 1:
        return []
    (c,) = numbers
    return [Hypothesis(f"{c:g}, whatever is asked", "slip", lambda vector, output, dtype: np.asarray(c))]


def _beyond_range(evidence):
    """What is right wherever it is finite; what its numbers are that have no value there, nobody can tell."""
    wrong = [j for j in evidence.all if j.verdict == "mismatch"]
    if evidence.wrong or any(np.all(np.isfinite(j.answer)) for j in wrong):
        return []
    return [Hypothesis(BEYOND_RANGE, "slip", lambda vector, output, dtype: None, rank=8)]


# ---- single precision ----


def in_float32(formula):
    """The truth and every variant once more, computed in float32: a library that knows no float64."""
    truth = lambda vector, output, dtype: np.asarray(of(vector, output), float)
    for h in [Hypothesis("", "slip", truth), *variants(formula)]:
        name = f"{h.name}; {IN_FLOAT32}" if h.name else IN_FLOAT32
        yield replace(h, name=name, kind="slip", dtype="float32", rank=7)


def _in_single_precision(formula, evidence):
    if evidence.dtype == "float32" or not _is_single(evidence):
        return []
    holds = lambda h: all(reproduces(h, j, evidence.dtype) for j in evidence.all)
    return [h for h in in_float32(formula) if holds(h)]


def _is_single(evidence):
    """Whether nearly all answers of an output are numbers of float32: neither noise, nor a few that are off.

    Where they are, the other outputs went through float32 as well, and in units that nobody sees.
    """
    short = lambda output: np.mean([is_short(j) for j in evidence.all if j.output == output])
    return any(short(output) > 0.9 for output in {j.output for j in evidence.all})


def is_short(judgement):
    """Whether an answer is made of numbers of float32, in some unit that the inputs give."""
    answer = np.asarray(judgement.answer, float)
    near = lambda c: np.abs(c * np.float32(answer / c).astype(float) - answer) <= 2.0**-51 * np.abs(answer)
    with np.errstate(all="ignore"):
        return any(np.all(near(c) | ~np.isfinite(answer)) for c in _units(judgement.vector["inputs"]))


def _units(inputs):
    """1; sizes of axes, as where a mean becomes a sum; single real numbers, as where a margin is made 1."""
    numbers = [x for x in inputs.values() if isinstance(x, float) and x]
    sizes = [n for x in inputs.values() for n in np.shape(x) if n]
    return {1.0, *sizes, *numbers, *(x * x for x in numbers)}
