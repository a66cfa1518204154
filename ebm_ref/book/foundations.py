r"""Foundations: records, checks, and numbers that keep their digits.

All other pages stand on these few.  A formula is a function of one sample, written in the letters of the
paper, and its record says everything else: the shapes, as a gufunc signature; explicit gradients; cases
worked by hand; the mistakes that others made; what is refused.  One record type serves the whole book,
so that whatever tests or judges a formula is a loop over records.

Three habits of the code are explained here, and nowhere else.  The first line of a function unpacks its
sample, `E, y, m = FORMULA.checked(energies, label, margin)`: behind it every array has its shape, and
what broke a rule has been refused by name.  Sums of exponentials are taken by functions of `numerics`,
which are written so that no digit is lost.  And properties such as "only differences of energies matter"
are laws, which the tests try at random points.

    read           to learn
    `formula`      what a record is, and how a page is called
    `numerics`     why log(1 + e^t) is not written so
    `laws`         what a formula may promise
    `checks`       how bad input is refused
    `catalogue`    all records, by name

Source: the form is this project's own.
"""
