r"""The book: the pages as a web site that is read offline.

Headers are the manuscript.  A converter typesets their formulas, records become tables, and Sphinx
makes pages, contents and the search index of it.
"""
