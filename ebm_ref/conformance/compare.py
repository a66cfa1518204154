r"""Comparing: what a stranger's answers to the golden vectors are worth.

    answers --(bounds, per vector and output)--> judgements --(worst)--> a row of the report

Per vector: match, imprecise or mismatch (bounds.py); unsupported where an adapter says so, or a candidate
of the whole formula; error where it raises, crashes, hangs or answers what is no answer.  Vectors with NaN
or infinity in them are judged apart and counted apart: implementations differ there by choice.

Source: the verdicts are those of the README.
"""

import functools
from dataclasses import dataclass, field

import numpy as np

from ebm_ref.proof.bounds import is_finite, measure, of

# from best to worst; a row is worth its worst finite vector
VERDICTS = ("match", "match under convention", "imprecise", "known quirk", "unsupported", "mismatch", "error")


@dataclass
class Judgement:
    """What one output of one answer is worth."""

    vector: dict
    output: str  # "value", or the argument that the gradient is taken by; "" where there is no answer
    verdict: str
    fine: float = 0.0  # error in units of the bound of `match`
    coarse: float = 0.0  # error in units of the bound of `imprecise`
    answer: object = None
    detail: str = ""

    @functools.cached_property
    def finite(self):
        return is_finite(self.vector)


@dataclass
class Row:
    """All judgements of one candidate function on one formula in one dtype."""

    formula: str
    function: str
    dtype: str
    judgements: list
    diagnosis: list = field(default_factory=list)  # names of what the candidate computes instead
    threads: list = field(default_factory=list)  # where each was reported
    explained: dict = field(default_factory=dict)  # the same names, by output
    exceptions: dict = field(default_factory=dict)  # vectors that a name does not reproduce, by name
    nearest: dict = field(default_factory=dict)  # where nothing reproduces an output: what explains most
    features: list = field(default_factory=list)  # what distinguishes the vectors that fail
    beyond: list = field(default_factory=list)  # names of what explains NaN and infinity
    accepted: list = field(default_factory=list)  # illegal inputs that were answered all the same
    verdict: str = ""
    smallest: dict = field(default_factory=dict)  # the smallest input that shows the worst mismatch

    def __post_init__(self):
        self.verdict = self.verdict or worst(self.finite)

    @property
    def finite(self):
        return [j for j in self.judgements if j.finite]

    @property
    def worst_error(self):
        """Largest error over finite vectors that were answered, in units of the bound of `match`."""
        return max((j.fine for j in self.finite if j.output), default=0.0)

    @property
    def lost_digits(self):
        """Decimal digits beyond the bound that the most imprecise answer has lost."""
        carried = {"float32": 7, "float64": 16}[self.dtype]
        return min(carried, int(np.ceil(np.log10(min(max(self.worst_error, 1.0), 1e99)))))

    def count(self, verdict, finite=True):
        return sum(j.verdict == verdict for j in self.judgements if j.finite == finite)


def worst(judgements):
    """The worst verdict; unsupported only where nothing was answered."""
    verdicts = {j.verdict for j in judgements}
    answered = verdicts - {"unsupported"} or {"unsupported"}
    return max(answered, key=VERDICTS.index)


def refusals_are_errors(judgements):
    """Of a stranger who answers other questions of the same formula: to refuse some is no way out."""
    refused = [j for j in judgements if j.verdict == "unsupported"]
    if len(refused) < len(judgements):
        for j in refused:
            j.verdict, j.detail = "error", f"refused, though others are answered: {j.detail}".rstrip(": ")


def judge(vector, answer, dtype):
    """Judgements of one answer: {"value", "gradients"}, {"unsupported": why} or {"error": what}."""
    for refusal in ("unsupported", "error"):
        if refusal in answer:
            return [Judgement(vector, "", refusal, detail=answer[refusal])]
    unknown = [a for a in answer["gradients"] if a not in vector["inputs"]]
    if unknown:
        known = ", ".join(vector["inputs"])
        return [
            Judgement(vector, "", "error", detail=f"gradient by {unknown[0]!r}; the arguments are {known}")
        ]
    asked = ["value", *(a for a in answer["gradients"] if a in vector["gradients"])]
    return [_judge_output(vector, output, of(answer, output), dtype) for output in asked]


def _judge_output(vector, output, answer, dtype):
    shape, expected = np.shape(answer), np.shape(of(vector, output))
    if shape != expected and shape == expected[::-1] and len(expected) == 2:  # a mistake that has a name
        return Judgement(vector, output, "mismatch", np.inf, np.inf, answer)
    if shape != expected:
        what = output if output == "value" else f"gradient by {output}"
        return Judgement(
            vector, output, "error", answer=answer, detail=f"{what} has shape {shape}, not {expected}"
        )
    measured = measure(vector, output, answer, dtype)
    return Judgement(vector, output, measured.verdict, measured.fine, measured.coarse, answer)
