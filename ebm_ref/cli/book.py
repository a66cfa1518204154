r"""book: all pages as a web site that is read offline.

    ebm-ref book --out DIR      open DIR/index.html in a browser; no server and no network are needed
        --results RESULTS       also what scripts/reproduce_all.py and scripts/benchmark.py wrote there

Source: the form of the site is this project's own.
"""

import importlib.util
import time

from ebm_ref.cli.text import Usage


def book_command(args, out):
    """Write the site; says how many pages, and where to begin."""
    missing = [name for name in ("sphinx", "furo") if importlib.util.find_spec(name) is None]
    if missing:
        raise Usage(f"the book needs {' and '.join(missing)}: pip install 'ebm_ref[book]'")
    from ebm_ref.book import results
    from ebm_ref.book.site import build

    start = time.perf_counter()
    pages = build(args.out, results.read(args.results) if args.results else results.NONE)
    took = time.perf_counter() - start
    out.print(f"{pages} pages in {took:.0f} s: open {args.out}/index.html", markup=False, highlight=False)
    return 0
