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
