r"""The report: candidates asked every golden vector, judged, diagnosed, and summed up.

    check(target, names)  ->  Report: a row per formula, function and dtype, and an exit status

Exit status 1 when a finite vector is a mismatch that the framework's adapter does not list as known, or
on an error, a crash or a time-out, or where nothing was answered at all; 0 when all is match, convention,
imprecise, unsupported or known.
A mistake that has a name is still a mismatch.  An adapter of ours may say that its framework cannot
express an input; a stranger's function may refuse its formula as a whole, and not question by question.

Source: the verdicts are those of the README.
"""

from dataclasses import dataclass

import numpy as np

from ebm_ref.catalogue import FORMULAS
from ebm_ref.conformance import program
from ebm_ref.conformance.compare import Row, judge, refusals_are_errors
from ebm_ref.conformance.diagnose import Diagnosis
from ebm_ref.conformance.differentiated import DTYPES, split
from ebm_ref.conformance.features import distinguishing
from ebm_ref.conformance.process import MEMORY, TOTAL_SECONDS, Candidate
from ebm_ref.conformance.questions import illegal_questions, smallest_input
from ebm_ref.conformance.worker import adapters
from ebm_ref.proof import golden
from ebm_ref.proof.bounds import of

INTERRUPTED = 130  # the status that shells give to what Ctrl-C ends
ACCEPTED = "match under convention", "known quirk"  # but not by `check --strict`


@dataclass
class Report:
    """What one candidate is worth."""

    target: str
    version: str
    rows: list
    failure: str = ""  # why it could not be loaded at all
    missing: tuple = ()  # formulas that were to be checked and that it has no function for
    interrupted: bool = False  # by Ctrl-C: the rows are those until then
    asked: str = ""  # how far it had come by then

    @property
    def status(self):
        """0 agreement, 1 disagreement, 2 there is no such candidate, 130 interrupted."""
        if self.interrupted:
            return INTERRUPTED
        if self.failure.startswith("cannot be loaded"):
            return 2
        verdicts = {row.verdict for row in self.rows}
        is_wrong = verdicts & {"mismatch", "error"} or verdicts == {"unsupported"}
        return int(bool(self.failure or is_wrong))

    @property
    def strict_status(self):
        """The same, where a convention of others, and a deviation that is known, count as disagreement."""
        return self.status or int(any(row.verdict in ACCEPTED for row in self.rows))

    def as_dict(self):
        """The report as plain data for JSON."""
        return {
            "target": self.target,
            "version": self.version,
            "status": self.status,
            "failure": self.failure,
            "interrupted": self.interrupted,
            "missing": list(self.missing),
            "rows": [_plain(r) for r in self.rows],
        }


def plan(target, names, dtype="float64"):
    """What to ask a target: (formula, function, dtype), in both dtypes where a framework differentiates."""
    if target.startswith(program.PREFIX):
        return [(name, program.name(target), dtype) for name in names]
    if ":" in target:
        function, framework = split(target)
        dtypes = DTYPES if framework else ("float64",)
        return [(name, function.partition(":")[2], dtype) for name in names for dtype in dtypes]
    table = adapters(target).ADAPTERS
    functions = [(name, f) for name in names for f in table.get(name, {})]
    return [(name, function, dtype) for name, function in functions for dtype in ("float32", "float64")]


def check(
    target, names=None, limit=TOTAL_SECONDS, progress=lambda steps: steps, dtype="float64", memory=MEMORY
):
    """Ask, judge and diagnose one target; `progress` wraps the list of steps, to show how far it is.

    Ctrl-C ends it: the report holds what is known by then, and says so.
    """
    names = names or list(FORMULAS)
    steps = plan(target, names, dtype)
    missing = tuple(name for name in names if name not in {step[0] for step in steps})
    with Candidate(target, limit, memory) as candidate:
        return report_on(candidate, steps, progress, missing)


def report_on(candidate, steps, progress=lambda steps: steps, missing=()):
    """The report on whatever answers like a `Candidate`, asked (formula, function, dtype) by step."""
    report = Report(candidate.target, candidate.target, [], missing=missing)
    try:
        _judge(candidate, report, steps, progress)
    except KeyboardInterrupt:
        report.interrupted, report.asked = True, _how_far(report.rows, steps)
    return report


def _how_far(rows, steps):
    asked = sum(len({j.vector["id"] for j in row.judgements}) for row in rows)
    return f"{asked} of {sum(len(vectors_of(name, dtype)) for name, _, dtype in steps)} vectors asked"


def vectors_of(name, dtype):
    """The golden vectors of a formula that can be asked in a dtype."""
    return [v for v in golden.load(name) if not (v["float64_only"] and dtype == "float32")]


def _judge(candidate, report, steps, progress):
    candidate.start()
    report.version, report.failure = candidate.version, candidate.ended
    if not report.failure:
        for step in progress(steps):
            _ask_vectors(candidate, report.rows, *step)
        if not candidate.ended:
            _ask_illegal_questions(candidate, report.rows)


def _ask_vectors(candidate, rows, *step):
    """Append the row of one function; when interrupted, that of the answers so far."""
    name, function, dtype = step
    judgements = []
    try:
        for vector in vectors_of(name, dtype):
            answer = candidate.ask(name, function, vector["inputs"], dtype)
            judgements += judge(vector, answer, dtype)
        judgements += _second_thoughts(candidate, step, judgements)
    except KeyboardInterrupt:
        rows += [_row(candidate, step, judgements)] if judgements else []
        raise
    rows.append(_row(candidate, step, judgements))
    if any(j.verdict == "mismatch" for j in rows[-1].judgements):
        _explain(candidate, rows[-1])


def _second_thoughts(candidate, step, judgements):
    """A program's error on a question that it has answered before: it has taken its last answer back."""
    if not candidate.target.startswith(program.PREFIX) or not all(j.output for j in judgements):
        return []
    name, function, dtype = step
    answer = candidate.ask(name, function, judgements[0].vector["inputs"], dtype)
    return judge(judgements[-1].vector, answer, dtype) if "error" in answer and not candidate.ended else []


def _row(candidate, step, judgements):
    if ":" in candidate.target:
        refusals_are_errors(judgements)
    return Row(*step, judgements)


def _ask_illegal_questions(candidate, rows):
    """List which illegal inputs are answered all the same."""
    for row in rows:
        if row.dtype == "float64" and row.verdict != "unsupported":
            legal = golden.load(row.formula)[0]["inputs"]
            for rule, inputs in illegal_questions(FORMULAS[row.formula], legal):
                if "value" in candidate.ask(row.formula, row.function, inputs, row.dtype):
                    row.accepted.append(rule)


def _explain(candidate, row):
    """Name what the candidate computes instead, weigh it, and find a small input that shows it."""
    formula = FORMULAS[row.formula]
    diagnosis = Diagnosis(formula, row.judgements, row.dtype)
    row.beyond = [h.name for h in diagnosis.beyond]
    if not any(j.verdict == "mismatch" for j in row.finite):
        return
    found = diagnosis.named
    row.explained = {output: [h.name for h in hypotheses] for output, hypotheses in found.items()}
    row.nearest = {
        output: {"name": h.name, "explains": count, "of": total}
        for output, (h, count, total) in diagnosis.nearest.items()
    }
    row.features = _features(formula, row)
    named = [h for hypotheses in found.values() for h in hypotheses]
    row.exceptions = {h.name: list(h.exceptions) for h in named if h.exceptions}
    row.diagnosis = list(dict.fromkeys(h.name for h in named))
    known = {} if ":" in candidate.target else adapters(candidate.target).KNOWN
    threads = [known.get((row.formula, row.function, name), "") for name in row.diagnosis]
    row.threads = [
        t or next(h.seen_in for h in named if h.name == n)
        for t, n in zip(threads, row.diagnosis, strict=True)
    ]
    explained = lambda holds: (
        bool(found) and all(any(holds(h) for h in hypotheses) for hypotheses in found.values())
    )
    is_convention = lambda h: h.kind == "convention" and not h.exceptions and diagnosis.is_all(h)
    is_known = lambda h: (row.formula, row.function, h.name) in known and not h.exceptions
    if row.verdict != "mismatch":
        pass  # an error outweighs what the mismatches beside it are
    elif explained(is_convention):
        row.verdict = "match under convention"
    elif explained(lambda h: is_convention(h) or is_known(h)):
        row.verdict = "known quirk"
    row.smallest = _smallest(candidate, row, formula)


def _features(formula, row):
    """What distinguishes the inputs of vectors on which some output is a mismatch."""
    inputs = {j.vector["id"]: j.vector["inputs"] for j in row.finite if j.verdict != "error"}
    wrong = {j.vector["id"] for j in row.finite if j.verdict == "mismatch"}
    failing, passing = (
        [inputs[i] for i in inputs if i in wrong],
        [inputs[i] for i in inputs if i not in wrong],
    )
    return distinguishing(formula, failing, passing)


def _smallest(candidate, row, formula):
    """From a random vector before a long or a hostile one, and the value before a gradient."""
    wrong = [j for j in row.finite if j.verdict == "mismatch"]
    is_made_up = lambda j: "/random-" not in j.vector["id"]
    size = lambda j: sum(np.size(x) for x in j.vector["inputs"].values())
    shortest = min(wrong, key=lambda j: (is_made_up(j), j.output != "value", size(j), j.coarse))
    ask = lambda inputs: candidate.ask(row.formula, row.function, inputs, row.dtype)
    found = (
        smallest_input(formula, ask, shortest.vector["inputs"], shortest.output)
        if row.dtype == "float64"
        else {}
    )
    vector = shortest.vector
    shown = found or {
        "inputs": vector["inputs"],
        "truth": of(vector, shortest.output),
        "answer": shortest.answer,
    }
    return {"id": vector["id"], "output": shortest.output} | shown


def _plain(row):
    plain = lambda x: golden.encode(np.asarray(x).tolist())
    small = {
        key: {a: plain(x) for a, x in value.items()} if key == "inputs" else value
        for key, value in row.smallest.items()
    }
    return {
        "formula": row.formula,
        "function": row.function,
        "dtype": row.dtype,
        "verdict": row.verdict,
        "worst_error": plain(row.worst_error),
        "diagnosis": row.diagnosis,
        "threads": row.threads,
        "exceptions": row.exceptions,
        "nearest": row.nearest,
        "failing": row.features,
        "accepted": row.accepted,
        "smallest": {
            key: plain(value) if key in ("truth", "answer") else value for key, value in small.items()
        },
        "vectors": [
            {
                "id": j.vector["id"],
                "output": j.output,
                "verdict": j.verdict,
                "error": plain(j.fine),
                "finite": j.finite,
                "detail": j.detail,
            }
            for j in row.judgements
        ],
    }
