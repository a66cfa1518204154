r"""museum: every mistake and convention that a page knows, who made it, and how it was noticed.

    mistake: gradient by the logits
        seen in: PyTorch CTCLoss, github.com/pytorch/pytorch/issues/52241
        symptom: rows sum to 0 instead of -1, and classes that the target does not use are pushed
        exposed by: ctc/three-of-nine-paths
        torch, ctc_loss: still so (torch 2.13.0)

The exhibits are the variants of the records, page by page; the vector is the one whose case claims the
mistake, or the first on which a convention differs.  What an adapter lists as known of its framework is
asked of the installed one with --installed: the vector that exposes the mistake is put to it, and the
answer is either the mistake's, or the truth, or something else.

NOT_ON_SHOW says what is no exhibit, though people did get it wrong: what is not a number of one sample.

Source: each exhibit has its own.
"""

import contextlib
import importlib
import textwrap
from dataclasses import dataclass, replace

import numpy as np

from ebm_ref.catalogue import FORMULAS
from ebm_ref.cli.pages import page_of, pages_called
from ebm_ref.cli.text import tracked, write_json
from ebm_ref.conformance.compare import judge
from ebm_ref.conformance.process import Candidate
from ebm_ref.conformance.worker import adapters, frameworks
from ebm_ref.formula import Variant
from ebm_ref.proof import golden
from ebm_ref.proof.evidence import exposure

NOT_ON_SHOW = {  # what people also got wrong: why no record holds it
    "the other samples of a batch": (
        "padding counted, a mask of one term alone, samples that should be ignored, an infeasible sample "
        "whose NaN reaches its neighbours, gaps in a sparse table of labels that close up.  A record is one"
        " sample; what leaks into it from padding is an exhibit of chain_nll and ctc_of_logits."
    ),
    "arguments with no record that has both": (
        "class weights together with label smoothing, before it or after it; ignored labels together with "
        "either."
    ),
    "decoders": (
        "the last label read from the back-pointers, a pointer not carried on, a path not reversed, a mask "
        "that only shortens (github.com/allenai/allennlp/issues/3523).  Answers that are labels are held to"
        " enumeration by tests, and no record has them."
    ),
    "defaults, orders and names of arguments": (
        "the blank first in one library and last in another; targets before predictions; an argument that "
        "cannot be given.  Here every argument is named."
    ),
    "illegal questions answered": (
        "a blank inside a target, a negative rate, rows that are not normalised, labels beyond the classes."
        "  Pages refuse them, and `ebm-ref check` lists who does not."
    ),
    "what comes after the loss": (
        "a backward pass that leaves out the factor of what follows, such as cuDNN's CTC in PyTorch "
        "(github.com/pytorch/pytorch/issues/25833 and 21961).  A record ends at the loss."
    ),
    "automatic differentiation itself": (
        "a branch not taken whose NaN passes through `where`, a mask that masks the sum but not its slope "
        "(github.com/jax-ml/jax/issues/23842).  Where it hits a loss, the loss shows it: points that "
        "coincide, powers of zero, infinity less infinity."
    ),
    "rounding that no definition decides": (
        "sums in another order on another device, a million losses added one by one in single precision.  "
        "The bounds allow for it, or call it imprecise."
    ),
    "crashes, hangs and missing code": (
        "an estimator that cannot be constructed, a heap overrun for one class, an abort on integer labels."
        "  The judge calls them errors."
    ),
    "state between calls": (
        "a log-density that is stale after a refused move, chains that start afresh.  Those that a function"
        " of the state can show stand on the pages of the samplers and of persistent chains."
    ),
    "samplers of many steps": (
        "trees that double (NUTS), warm-up, adaptation.  One step at a time is judged by `ebm-ref "
        "check-sampler`."
    ),
    "means that are right": (
        "directions drawn from a Gaussian where signs would do, one random unit for the sum over all: the "
        "mean is the same, the spread is not, and no single number is wrong."
    ),
    "tests and documents": (
        "a gradient check that is skipped, a comparison that cannot fail, an example that samples another "
        "law than its text says."
    ),
}


NOT_INSTALLED = "not installed"


@dataclass(frozen=True)
class Exhibit:
    """A variant, where it hangs, and what exposes it."""

    page: str
    formula: str  # "" where a page without a record keeps it
    variant: Variant
    vector: str = ""
    known: tuple = ()  # of (framework, function, thread, state)

    def as_dict(self):
        """As plain data for JSON."""
        v, keys = self.variant, ("framework", "function", "thread", "state")
        return {
            "page": self.page,
            "formula": self.formula,
            "name": v.name,
            "kind": v.kind,
            "seen_in": v.seen_in,
            "symptom": v.symptom,
            "exposed_by": self.vector,
            "known": [dict(zip(keys, entry, strict=True)) for entry in self.known],
        }


def museum_command(args, out):
    """The exhibits of all pages, or of the formulas, pages and folders named."""
    shown = exhibits(args.names)
    if args.installed:
        shown = asked(shown)
    with out.pager() if out.is_terminal and not args.names else contextlib.nullcontext():
        out.print("\n".join(hall(shown)), markup=False, highlight=False, soft_wrap=True)
        if not args.names:
            out.print("\n".join(way_out(shown)), markup=False, highlight=False, soft_wrap=True)
    if args.installed and not any(is_answered(how) for e in shown for *_, how in e.known):
        out.print("\nnothing that is installed has any of these functions", markup=False, highlight=False)
    if args.json:
        write_json(args.json, {"exhibits": [e.as_dict() for e in shown], "not_on_show": NOT_ON_SHOW})
    return 0


def exhibits(names=()):
    """Those of the formulas, pages and folders named, or all, in reading order."""
    listed = deviations()
    found = [
        replace(e, known=tuple((*entry, "") for entry in listed.get((e.formula, e.variant.name), ())))
        for page in dict.fromkeys(page for name in names or [""] for page in pages_called(name))
        for e in exhibits_of(page)
    ]
    formulas = set(names) & set(FORMULAS)
    only = {page_of(FORMULAS[name]).__name__.removeprefix("ebm_ref.") for name in formulas}
    return [e for e in found if e.page not in only or e.formula in formulas]


def exhibits_of(page):
    """The variants of the records of a page, then those that it keeps without a record."""
    module = importlib.import_module(f"ebm_ref.{page}")
    for name, record in FORMULAS.items():
        if page_of(record) is module:
            for variant in record.variants:
                yield Exhibit(page, name, variant, exposing(name, variant))
    for variant in getattr(module, "VARIANTS", ()):
        yield Exhibit(page, "", variant)


def exposing(name, variant):
    """The id of the vector whose case claims it, else of the first on which it differs from the truth."""
    for case in FORMULAS[name].cases:
        if case.exposes == variant.name:
            return f"{name}/{golden.slug(case.name)}"
    return next((v["id"] for v in golden.load(name) if exposure(variant, v) > 1.0), "")


def deviations():
    """{(formula, name of the variant): [(framework, function, thread)]}, as the adapters list them."""
    found = {}
    for framework in frameworks():
        for (name, function, mistake), thread in adapters(framework).KNOWN.items():
            found.setdefault((name, mistake), []).append((framework, function, thread))
    return found


def asked(shown, limit=120.0):
    """The exhibits, where each installed framework has been asked whether it still is so."""
    said = {}
    for framework in tracked(frameworks(), "asking the frameworks"):
        entries = [(e, entry) for e in shown for entry in e.known if entry[0] == framework]
        if entries:
            with Candidate(framework, limit) as candidate:
                candidate.start()
                said |= {(e, entry): state(candidate, e, entry[1]) for e, entry in entries}
    return [
        replace(e, known=tuple((*entry[:3], said[e, entry]) for entry in e.known)) if e.known else e
        for e in shown
    ]


def state(candidate, exhibit, function):
    """What an installed framework makes of an exhibit today, asked the vector that exposes it."""
    if candidate.ended:
        return NOT_INSTALLED if "No module named" in candidate.ended else candidate.ended
    vector = next(v for v in golden.load(exhibit.formula) if v["id"] == exhibit.vector)
    dtypes = ("float64",) if vector["float64_only"] else ("float64", "float32")
    ask = lambda dtype: candidate.ask(exhibit.formula, function, vector["inputs"], dtype)
    found = {dtype: compared(vector, exhibit.variant, ask(dtype), dtype) for dtype in dtypes}
    alone = len(set(found.values())) == 1
    place = lambda what: "" if alone else f" in {' and '.join(d for d in dtypes if found[d] == what)}"
    told = [what + place(what) for what in dict.fromkeys(found.values())]
    return f"{'; '.join(told)} ({candidate.version})"


def is_answered(how):
    """Whether a state is that of an installed framework."""
    return how not in ("", NOT_INSTALLED)


def compared(vector, variant, answer, dtype):
    """Whether an answer is the truth, what the variant makes of it, or neither."""
    as_it_is = judge(vector, answer, dtype)
    if any(j.verdict in ("error", "unsupported") for j in as_it_is):
        return f"no answer, {as_it_is[0].detail}"
    if all(j.fine <= 1.0 for j in as_it_is):
        return "no longer so"
    as_it_says = judge(as_by(variant, vector, dtype), answer, dtype)
    return "still so" if all(j.verdict != "mismatch" for j in as_it_says) else "off there, by another amount"


def as_by(variant, vector, dtype):
    """The vector whose truth is what the variant says, of what it says anything about."""
    inputs = [
        np.asarray(x, dtype)[()] if np.asarray(x).dtype.kind == "f" else x for x in vector["inputs"].values()
    ]
    with np.errstate(all="ignore"):
        value = vector["value"] if variant.value is None else variant.value(*inputs)
        slopes = {a: np.asarray(g(*inputs), float) for a, g in variant.gradients.items()}
    return vector | {"value": np.asarray(value, float), "gradients": slopes, "kinks": {}}


def hall(shown):
    """Lines: each page, each formula of it, each exhibit."""
    place = None
    for exhibit in shown:
        if (exhibit.page, exhibit.formula) != place:
            place = exhibit.page, exhibit.formula
            yield from ("", f"{exhibit.formula} ({exhibit.page})" if exhibit.formula else exhibit.page)
        yield from plate(exhibit)


def plate(exhibit):
    """Lines of one exhibit, none longer than 79 characters unless an address is."""
    v = exhibit.variant
    told = [("seen in", v.seen_in), ("symptom", v.symptom), ("exposed by", exhibit.vector)]
    told += [(f"{who}, {f}", how or f"known, {thread}") for who, f, thread, how in exhibit.known]
    yield f"  {v.kind}: {v.name}"
    for what, text in told:
        if text:
            yield filled(f"{what}: {text}", "      ")


def way_out(shown):
    """Lines: how many there are, and what is not among them."""
    kinds = [e.variant.kind for e in shown]
    seen = sum(bool(e.variant.seen_in) for e in shown)
    yield ""
    yield filled(
        f"{kinds.count('mistake')} mistakes and {kinds.count('convention')} conventions on "
        f"{len({e.page for e in shown})} pages; of {seen} it is said who made them."
    )
    yield from ("", "Not on show:")
    for what, why in NOT_ON_SHOW.items():
        yield filled(f"{what}: {why}", "  ")


def filled(text, left=""):
    """One paragraph, its later lines two further in; an address stays whole."""
    style = {"break_long_words": False, "break_on_hyphens": False}
    return textwrap.fill(text, 79, initial_indent=left, subsequent_indent=left + "  ", **style)
