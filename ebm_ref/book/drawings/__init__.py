r"""Drawings: each a function of what the pages compute; nothing that is shown is written down.

A drawing takes matplotlib.pyplot and returns a figure.  Its titles say what was found, from the numbers that
are drawn; where a title claims more than a number, an assertion holds it.

Source: the pages that each of them imports.
"""
