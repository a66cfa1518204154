r"""Chapters: which pages belong together, and in which order they are read.

A chapter is a package, or several; its opening page is the package's docstring.  Within a chapter the pages
stand in READING_ORDER.

Source: the order is that of `ebm_ref/__init__.py`.
"""

import importlib
import inspect
from typing import NamedTuple

import ebm_ref


class Chapter(NamedTuple):
    """A chapter: its name in addresses, the package whose docstring opens it, and the packages it holds."""

    name: str
    opening: str
    packages: tuple

    @property
    def pages(self):
        """Its pages, in reading order; what stands in no package is a foundation."""
        top = lambda page: page.partition(".")[0] if "." in page else "formula"
        return [page for page in ebm_ref.READING_ORDER if top(page) in self.packages]

    @property
    def text(self):
        """Title and text of the page that opens it."""
        return inspect.getdoc(importlib.import_module(f"ebm_ref.{self.opening}"))

    @property
    def title(self):
        """The first line of that text: what it is called and, behind a colon, what it is about."""
        return self.text.splitlines()[0].rstrip(".")


CHAPTERS = (
    Chapter("foundations", "book.foundations", ("formula",)),
    Chapter("energies", "energies", ("energies",)),
    Chapter("losses", "losses", ("losses",)),
    Chapter("criteria", "criteria", ("criteria",)),
    Chapter("inference", "inference", ("inference",)),
    Chapter("exact", "exact", ("exact",)),
    Chapter("samplers", "samplers", ("samplers",)),
    Chapter("learning", "learning", ("learning",)),
    Chapter("proof", "proof", ("proof",)),
    Chapter("judge", "conformance", ("conformance", "cli")),
    Chapter("claims", "book.claims", ()),  # its pages are those of the scripts
    Chapter("kernels", "kernels", ("kernels",)),
    Chapter("making", "book", ("book",)),
)
GROUPS = {  # packages that stand in one chapter
    "book": "The site",
    "book.drawings": "Drawings",
    "conformance": "Questions and verdicts",
    "conformance.hypotheses": "Hypotheses",
    "conformance.frameworks": "Frameworks",
    "conformance.samplers": "Samplers",
    "cli": "Commands",
    "proof": "Witnesses",
    "proof.identities": "Identities",
    "proof.naive": "Definitions",
}


def chapter_of(page):
    """The chapter that a page stands in."""
    return next(chapter for chapter in CHAPTERS if page in chapter.pages)
