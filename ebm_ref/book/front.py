r"""Where to begin: six ways into the book.

Nobody reads so many pages from the first to the last.  Each page stands by itself: it has the formula and
what it is good for, the code, cases that were worked by hand, and the mistakes that people made with it.

    you want to                           read first                      and then
    learn what energies are for           `linear_regression`, `hinge`    `energies/`, `losses/`
    choose a loss                         the table that opens `losses/`  that of `criteria/`
    train without a partition function    `score_matching`                `learning/`, `samplers/`
    know whether your code is right       `judge/`, with two sessions     the mistakes on the formula's page
    know why to believe a number here     `proof/`                        the cases on any page, by hand
    see published claims computed again   `claims/`                       `performance/`, for claims of speed

The search knows the names that others use: crf, svm, rnnt, dtw, softmax loss.  On a page, code comes as
one reads it; what only its tests need is folded away below.

Source: the order of a page is this project's own.
"""

import ebm_ref

AUTHORS, TITLE = (
    "The ebm_ref contributors",
    "ebm_ref: ground truth of energy-based learning",
)  # as CITATION.cff


def reference():
    """How the release is cited, in words."""
    return f"{AUTHORS}: {TITLE}, version {ebm_ref.__version__}, {ebm_ref.__date__}."


def bibtex():
    """The same as an entry for BibTeX."""
    escaped = lambda text: text.replace("_", r"\_")
    fields = {  # names and title in braces of their own, or BibTeX alters them
        "author": f"{{{escaped(AUTHORS)}}}",
        "title": f"{{{escaped(TITLE)}}}",
        "year": ebm_ref.__date__[:4],
        "note": f"Version {ebm_ref.__version__} of {ebm_ref.__date__}",
    }
    rows = "".join(f"  {name:6} = {{{text}}},\n" for name, text in fields.items())
    return f"@misc{{ebm_ref,\n{rows}}}"
