r"""Evidence: which answers speak for a hypothesis, and which against it.

    for it       an ordinary vector where answer and truth are both finite and lie a thousand times farther
                 apart than answer and hypothesis may
    against it   any ordinary vector that it does not reproduce;  a special one, where answer and hypothesis
                 are both finite and differ: a contradiction

An answer that is infinite or NaN is no evidence: many mistakes overflow alike.  What is so near the truth
that the bounds hardly tell is none either, since a neighbour of the mistake would fit as well.

Three ordinary vectors must speak for a hypothesis, and no more than a quarter of the special ones may
contradict it.  An explanation of gradients alone must not be contradicted at all, and if it is one of the
value as well, then by no gradient that was answered: only then may it be said that the gradient, and not
the value, is that of another formula.

Source: the construction is this project's own.
"""

from dataclasses import replace

import numpy as np

from ebm_ref.conformance.hypotheses.hypothesis import (
    NEAR,
    clearly_off,
    is_far,
    is_ordinary,
    largest,
    reproduces,
)

LEAST = 3  # ordinary vectors that tell a hypothesis from the truth
LEAST_IN_ALL = 5  # of all vectors, where a slip has no exception
AS_IF = "the gradient alone: "  # before the name of what the value is not


def is_telling(judgement, dtype):
    """Whether its vector can tell hypotheses apart: finite, and away from corners and ties."""
    return judgement.finite and dtype not in judgement.vector["kinks"]


class Evidence:
    """Judgements of some outputs: the ordinary ones, those first that tell most, and the special ones."""

    def __init__(self, judgements, outputs, dtype):
        self.dtype, self.outputs = dtype, outputs
        answered = [j for j in judgements if j.output and j.verdict != "error" and is_telling(j, dtype)]
        self.all = [j for j in answered if j.output in outputs]
        self.others = [j for j in answered if j.output not in outputs and is_ordinary(j.vector)]
        self.ordinary = sorted((j for j in self.all if is_ordinary(j.vector)), key=self._order)
        self.special = [j for j in self.all if not is_ordinary(j.vector)]
        self.wrong = [j for j in self.ordinary if j.verdict == "mismatch"]
        count = lambda some: len({j.vector["id"] for j in some if clearly_off(j, dtype)})
        self.is_enough = count(self.wrong) >= LEAST
        self.is_broad = count(j for j in self.all if j.verdict == "mismatch") >= LEAST_IN_ALL

    def _order(self, judgement):
        """Mismatches first, of the first output, where something other than 0 was answered, short inputs."""
        inputs = judgement.vector["inputs"].values()
        return (
            judgement.verdict != "mismatch",
            self.outputs.index(judgement.output),
            not np.any(judgement.answer),
            sum(np.size(x) for x in inputs),
        )

    def holds(self, hypothesis, judgement):
        return reproduces(hypothesis, judgement, self.dtype)

    def allows(self, hypothesis):
        """Whether it does not change a value that is not its business."""
        values = [j for j in self.others if j.output == "value"][:2]
        return all(not is_far(hypothesis, j) and self._does_not_deny(hypothesis, j) for j in values)

    def _does_not_deny(self, hypothesis, judgement):
        claimed = hypothesis.answer(judgement.vector, judgement.output, self.dtype)
        return claimed is None or self.holds(hypothesis, judgement)

    def named(self, hypothesis):
        """The hypothesis with its exceptions if it reproduces this, else None."""
        if not all(self.holds(hypothesis, j) for j in self.ordinary):
            return None
        failed = [j for j in self.special if not self.holds(hypothesis, j)]
        against = [j for j in failed if self._contradicts(hypothesis, j)]
        if failed and not (self.is_enough and self._are_few(failed, against)):
            return None
        exceptions = tuple(dict.fromkeys(j.vector["id"].partition("/")[2] for j in failed))
        found = replace(hypothesis, exceptions=exceptions, contradictions=len(against))
        return found if "value" in self.outputs else self._of_gradients(found)

    def _are_few(self, failed, against):
        least = 4 if "value" in self.outputs else np.inf
        return 2 * len(failed) <= len(self.special) and (
            not against or least * len(against) <= len(self.special)
        )

    def _contradicts(self, hypothesis, judgement):
        """Whether both are finite and differ by more than what digits lost on the way explain."""
        claimed = hypothesis.answer(judgement.vector, judgement.output, self.dtype)
        if claimed is None or not (np.all(np.isfinite(claimed)) and np.all(np.isfinite(judgement.answer))):
            return False
        near = NEAR[self.dtype] * largest(claimed)
        return np.shape(claimed) != np.shape(judgement.answer) or bool(
            np.any(np.abs(judgement.answer - claimed) > near)
        )

    def _of_gradients(self, found):
        """What is said of gradients alone, if no other output speaks against it."""
        value = next((j for j in self.others if j.output == "value"), None)
        said = value and found.answer(value.vector, "value", self.dtype) is not None
        refuting = [j for j in self.others if not self.holds(found, j)] if said else []
        if not refuting:
            return found
        if not self.is_enough or any(j.output != "value" for j in refuting):
            return None
        return replace(found, name=AS_IF + found.name, as_if=True)
